/* SPDX-License-Identifier: MIT */
/* A length without a pointer in every member; and bytes that are long, not UTF-8, or exactly as long as said. */
#include "host.h"

/* Spoils each usermon_bytes from `first` to the end of the struct in turn. */
#define HOLES(thing, first, how)                                                                                      \
    for (usermon_bytes *at = &thing.first; (char *) at < (char *) (&thing + 1); at++) {                               \
        usermon_bytes good = *at;                                                                                     \
        at->ptr = NULL;                                                                                               \
        at->len = 5;                                                                                                  \
        EXPECT(how, USERMON_ERR_NULL);                                                                                \
        at->len = SIZE_MAX;                                                                                           \
        EXPECT(how, USERMON_ERR_NULL);                                                                                \
        *at = good;                                                                                                   \
        EXPECT(how, USERMON_OK);                                                                                      \
    }

int main(int argc, char **argv)
{
    begin(argc, argv);
    usermon_host host = host_table();
    usermon_handle handle = 0;
    host.name.ptr = NULL;
    EXPECT(api->open(&host, config(0), &handle), USERMON_ERR_NULL);
    EXPECT_TOLD("open is refused with -100: the host's name", 1);

    handle = open_one(0);
    usermon_user user = a_user();
    usermon_terminal terminal = a_terminal();
    usermon_registration registration = a_registration();
    usermon_call call = a_call();
    usermon_quality quality = a_quality();
    usermon_packet packet = a_packet();
    usermon_http_request request = a_request();
    HOLES(user, company, api->on_user(handle, &user))
    HOLES(terminal, company, api->on_terminal(handle, &terminal))
    HOLES(registration, company, api->on_registration(handle, &registration))
    HOLES(call, company, api->on_call(handle, &call))
    HOLES(quality, company, api->on_quality(handle, &quality))
    HOLES(packet, company, api->on_packet(handle, &packet))
    HOLES(request, method, api->http(handle, &request, reply, NULL))

    /* on the heap and not NUL-ended: one byte more read is an error of the sanitizer */
    uint8_t *any = malloc(70000);
    for (size_t i = 0; i < 70000; i++)
        any[i] = (uint8_t) (i * 7 + i / 256);
    usermon_bytes lengths[] = {{any, 1}, {any, 511}, {any, 512}, {any, 513}, {any, 4097}, {any, 70000}};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        user.name = terminal.description = registration.contact = call.far_name = packet.data = lengths[i];
        packet.endpoint = registration.user_agent = call.leg = quality.leg = lengths[i];
        EXPECT(api->on_user(handle, &user), USERMON_OK);
        EXPECT(api->on_terminal(handle, &terminal), USERMON_OK);
        EXPECT(api->on_registration(handle, &registration), USERMON_OK);
        EXPECT(api->on_call(handle, &call), USERMON_OK);
        EXPECT(api->on_quality(handle, &quality), USERMON_OK);
        EXPECT(api->on_packet(handle, &packet), USERMON_OK);
        request.method = request.target = lengths[i]; /* from the network: an answer, not a host's fault */
        EXPECT(api->http(handle, &request, reply, NULL), USERMON_OK);
        EXPECT(reply_status >= 400 && reply_status < 500, 1);
    }
    free(any);
    EXPECT(api->close(handle), USERMON_OK);
    return end();
}
