/* SPDX-License-Identifier: MIT */
/* More modules than there are places, and a configuration that is not there. */
#include "host.h"

int main(int argc, char **argv)
{
    begin(argc, argv);
    usermon_host host = host_table();
    usermon_handle handles[16], one_more = 7;
    for (int i = 0; i < 16; i++)
        handles[i] = open_one(i);
    EXPECT(api->open(&host, config(16), &one_more), USERMON_ERR_TOO_MANY);
    EXPECT(one_more == 0, 1);
    EXPECT_TOLD("open is refused with -202", 1);
    EXPECT(api->close(handles[3]), USERMON_OK);
    EXPECT(api->open(&host, text("/nowhere/usermon.toml"), &one_more) < 0, 1);
    EXPECT_TOLD("the module cannot be opened: /nowhere/usermon.toml", 1);
    handles[3] = open_one(16); /* what failed to open gave its place back */
    for (int i = 0; i < 16; i++)
        EXPECT(api->close(handles[i]), USERMON_OK);
    return end();
}
