/* SPDX-License-Identifier: MIT */
/* A null table, a null struct, no place for the handle, no reply: each is a status, never a read of address 0. */
#include "host.h"

int main(int argc, char **argv)
{
    begin(argc, argv);
    usermon_host host = host_table();
    usermon_handle handle = 7;
    EXPECT(api->open(NULL, config(0), &handle), USERMON_ERR_NULL);
    EXPECT(api->open(&host, config(0), NULL), USERMON_ERR_NULL);
    EXPECT_TOLD("open is refused with -100: there is no place for the handle", 1);
    usermon_bytes hole = {NULL, 5};
    EXPECT(api->open(&host, hole, &handle), USERMON_ERR_NULL);
    EXPECT(handle == 0, 1);
    EXPECT_TOLD("open is refused with -100", 2);

    handle = open_one(0);
    for (int again = 0; again < 2; again++) {
        EXPECT(api->on_user(handle, NULL), USERMON_ERR_NULL);
        EXPECT(api->on_terminal(handle, NULL), USERMON_ERR_NULL);
        EXPECT(api->on_registration(handle, NULL), USERMON_ERR_NULL);
        EXPECT(api->on_call(handle, NULL), USERMON_ERR_NULL);
        EXPECT(api->on_quality(handle, NULL), USERMON_ERR_NULL);
        EXPECT(api->on_packet(handle, NULL), USERMON_ERR_NULL);
        EXPECT_TOLD("on_packet", again); /* never logs: its line waits for the next other call */
        usermon_http_request request = a_request();
        EXPECT(api->http(handle, NULL, reply, NULL), USERMON_ERR_NULL);
        EXPECT(api->http(handle, &request, NULL, NULL), USERMON_ERR_NULL);
        EXPECT(api->status_text(handle, 1, NULL, NULL), USERMON_ERR_NULL);
    }
    for (int which = 0; which < CALLS; which++) {
        char words[64];
        snprintf(words, sizeof words, "%s is refused with -100", call_names[which]);
        EXPECT_TOLD(words, which == 7 ? 0 : 1); /* reload takes no pointer */
        EXPECT(any_call(which, handle), USERMON_OK);
    }
    EXPECT(replies, 1);
    EXPECT(api->close(handle), USERMON_OK);
    return end();
}
