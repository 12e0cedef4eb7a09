/* SPDX-License-Identifier: MIT */
/* Structs shorter than their first version are refused; longer ones, of a later host, are read as far as known. */
#include "host.h"

int main(int argc, char **argv)
{
    begin(argc, argv);
    usermon_host host = host_table();
    usermon_handle handle = 0;
    host.size = 0;
    EXPECT(api->open(&host, config(0), &handle), USERMON_ERR_SIZE);
    host.size = 8; /* no log that could be called */
    EXPECT(api->open(&host, config(0), &handle), USERMON_ERR_SIZE);
    EXPECT(logged_length == 0, 1);
    host.size = sizeof host - 1;
    EXPECT(api->open(&host, config(0), &handle), USERMON_ERR_SIZE);
    EXPECT_TOLD("open is refused with -101", 1);

    struct {
        usermon_host host;
        uint64_t later[4];
    } longer = {host_table(), {~0ULL, ~0ULL, ~0ULL, ~0ULL}};
    longer.host.size = sizeof longer;
    EXPECT(api->open(&longer.host, config(0), &handle), USERMON_OK);

    usermon_user user = a_user();
    usermon_terminal terminal = a_terminal();
    usermon_registration registration = a_registration();
    usermon_call call = a_call();
    usermon_quality quality = a_quality();
    usermon_packet packet = a_packet();
    usermon_http_request request = a_request();
#define SHORT(thing, how)                                                                                             \
    thing.size = sizeof thing - 1;                                                                                    \
    EXPECT(how, USERMON_ERR_SIZE);                                                                                    \
    thing.size = 0;                                                                                                   \
    EXPECT(how, USERMON_ERR_SIZE);
    SHORT(user, api->on_user(handle, &user))
    SHORT(terminal, api->on_terminal(handle, &terminal))
    SHORT(registration, api->on_registration(handle, &registration))
    SHORT(call, api->on_call(handle, &call))
    SHORT(quality, api->on_quality(handle, &quality))
    SHORT(packet, api->on_packet(handle, &packet))
    SHORT(request, api->http(handle, &request, reply, NULL))
    EXPECT(replies, 0);
    for (int which = 0; which < 7; which++) {
        char words[64];
        snprintf(words, sizeof words, "%s is refused with -101", call_names[which]);
        EXPECT_TOLD(words, 1);
    }

    struct {
        usermon_packet packet;
        uint64_t later[4];
    } later = {a_packet(), {~0ULL, ~0ULL, ~0ULL, ~0ULL}};
    later.packet.size = sizeof later;
    EXPECT(api->on_packet(handle, &later.packet), USERMON_OK);
    /* exactly as long as said: one byte more read is an error of the sanitizer */
    usermon_call *exact = malloc(sizeof *exact);
    *exact = a_call();
    EXPECT(api->on_call(handle, exact), USERMON_OK);
    free(exact);
    EXPECT(api->close(handle), USERMON_OK);
    return end();
}
