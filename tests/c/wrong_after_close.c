/* SPDX-License-Identifier: MIT */
/* Calls after close, with handles that never were, and with none; and dlclose while another host still calls. */
#include "host.h"

static int silent;
static void not_any_more(void *ctx, uint32_t level, usermon_bytes line)
{
    if (silent) {
        printf("a line after close: %.*s\n", (int) line.len, (const char *) line.ptr);
        faults++;
    }
    keep(ctx, level, line);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    usermon_host host = host_table();
    host.log = not_any_more;
    usermon_handle handle = 0;
    EXPECT(api->open(&host, config(0), &handle), USERMON_OK);
    EXPECT(api->close(handle), USERMON_OK);
    silent = 1;
    usermon_handle strange[] = {handle, 0, 1, handle + 1, handle + 16, UINT64_MAX};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        for (int which = 0; which < CALLS; which++)
            EXPECT(any_call(which, strange[i]), USERMON_ERR_HANDLE);
    EXPECT(api->close(UINT64_MAX), USERMON_ERR_HANDLE);
    EXPECT(api->close(0), USERMON_ERR_HANDLE);
    EXPECT(replies, 0);

    void *library = dlopen(argv[1], RTLD_NOW);
    dlclose(library);
    dlclose(library); /* nodelete: the table stays */
    handle = open_one(1);
    EXPECT_TOLD("calls came with a handle that was not open: close, on_user, on_terminal, on_registration, on_call, "
                "on_quality, on_packet, http, reload, status_text", 1);
    EXPECT(api->close(handle), USERMON_OK);
    return end();
}
