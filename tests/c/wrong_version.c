/* SPDX-License-Identifier: MIT */
/* A host of another major version is refused and told; one of another minor version is not. */
#include "host.h"

int main(int argc, char **argv)
{
    begin(argc, argv);
    EXPECT(api->abi_version, USERMON_ABI_VERSION);
    EXPECT(api->size >= sizeof *api, 1);
    usermon_host host = host_table();
    usermon_handle handle = 7;
    host.abi_version = USERMON_ABI_VERSION + 1000;
    host.name.ptr = (const uint8_t *) 1; /* of a major that is not known nothing but the log is touched */
    EXPECT(api->open(&host, config(0), &handle), USERMON_ERR_VERSION);
    host.abi_version = 0;
    EXPECT(api->open(&host, config(0), &handle), USERMON_ERR_VERSION);
    EXPECT_TOLD("open is refused with -102", 2);
    EXPECT_TOLD("made for version 2000", 1);
    host.size = 8; /* too short for a log */
    EXPECT(api->open(&host, config(0), &handle), USERMON_ERR_VERSION);

    host = host_table();
    host.abi_version = USERMON_ABI_VERSION + 7;
    EXPECT(api->open(&host, config(0), &handle), USERMON_OK);
    EXPECT(api->close(handle), USERMON_OK);
    return end();
}
