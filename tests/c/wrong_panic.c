/* SPDX-License-Identifier: MIT */
/* A panic in each entry (a debug build makes one for a host of this name): a status, one line with the place, that
 * part refused from then on, and everything else as before. */
#include "host.h"

int main(int argc, char **argv)
{
    begin(argc, argv);
    usermon_host host = host_table();
    usermon_handle handle = 0;
    host.name = text("usermon-panic:open");
    EXPECT(api->open(&host, config(0), &handle), USERMON_ERR_PANIC);
    EXPECT_TOLD("open panicked at src/abi/", 1);
    EXPECT(handle == 0, 1);

    host.name = text("usermon-panic:close");
    EXPECT(api->open(&host, config(0), &handle), USERMON_OK);
    EXPECT(api->close(handle), USERMON_ERR_PANIC);
    EXPECT_TOLD("close panicked at src/abi/", 1);
    EXPECT(api->close(handle), USERMON_ERR_HANDLE);

    for (int which = 0; which < CALLS; which++) {
        char words[64], name[64];
        snprintf(name, sizeof name, "usermon-panic:%s", call_names[which]);
        host.name = text(name);
        EXPECT(api->open(&host, config(1 + which), &handle), USERMON_OK);
        EXPECT(any_call(which, handle), USERMON_ERR_PANIC);
        EXPECT(any_call(which, handle), USERMON_ERR_POISONED);
        EXPECT(any_call(which, handle), USERMON_ERR_POISONED);
        for (int other = 0; other < CALLS; other++) {
            /* the on_... but on_packet are one part */
            int same = other == which || (other < 5 && which < 5);
            EXPECT(any_call(other, handle), same ? USERMON_ERR_POISONED : USERMON_OK);
        }
        snprintf(words, sizeof words, "%s panicked at src/abi/", call_names[which]);
        EXPECT_TOLD(words, 1);
        snprintf(words, sizeof words, "%s is refused with -401", call_names[which]);
        EXPECT(told(words) >= 1, 1);
        EXPECT(api->close(handle), USERMON_OK);
    }
    EXPECT_TOLD("asked for", 0); /* a panic's message may quote a packet */
    handle = open_one(20);
    for (int which = 0; which < CALLS; which++)
        EXPECT(any_call(which, handle), USERMON_OK);
    EXPECT(api->close(handle), USERMON_OK);
    return end();
}
