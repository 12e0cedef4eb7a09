/* SPDX-License-Identifier: MIT */
/* Numbers that this version does not know, and texts that must not be empty. */
#include "host.h"

#define WRONG(thing, member, value, how)                                                                              \
    do {                                                                                                              \
        __typeof__(thing) good = thing;                                                                               \
        thing.member = value;                                                                                         \
        EXPECT(how, USERMON_ERR_ARGUMENT);                                                                            \
        thing = good;                                                                                                 \
        EXPECT(how, USERMON_OK);                                                                                      \
    } while (0)

int main(int argc, char **argv)
{
    begin(argc, argv);
    usermon_handle handle = open_one(0);
    usermon_user user = a_user();
    usermon_terminal terminal = a_terminal();
    usermon_registration registration = a_registration();
    usermon_call call = a_call();
    usermon_quality quality = a_quality();
    usermon_packet packet = a_packet();
    usermon_http_request request = a_request();
    request.role = 1;
    request.company = text("default");
    request.person = text("anna");
    uint32_t numbers[] = {7, 99, UINT32_MAX};
    for (int i = 0; i < 3; i++) {
        uint32_t n = numbers[i];
        WRONG(user, presence, n, api->on_user(handle, &user));
        WRONG(terminal, presence, n, api->on_terminal(handle, &terminal));
        WRONG(terminal, kind, n, api->on_terminal(handle, &terminal));
        WRONG(terminal, active, n, api->on_terminal(handle, &terminal));
        WRONG(registration, step, n, api->on_registration(handle, &registration));
        WRONG(call, phase, n, api->on_call(handle, &call));
        WRONG(call, direction, n, api->on_call(handle, &call));
        WRONG(quality, direction, n, api->on_quality(handle, &quality));
        WRONG(packet, direction, n, api->on_packet(handle, &packet));
        WRONG(request, role, n, api->http(handle, &request, reply, NULL));
        WRONG(request, secure, n, api->http(handle, &request, reply, NULL));
        EXPECT(api->status_text(handle, n, count_bytes, NULL), USERMON_ERR_ARGUMENT);

        /* a transport or a failure's cause of a later version loses nothing */
        packet.transport = registration.transport = registration.cause = n;
        registration.step = 4;
        EXPECT(api->on_packet(handle, &packet), USERMON_OK);
        EXPECT(api->on_registration(handle, &registration), USERMON_OK);
        registration.step = 1;
    }
    WRONG(user, presence, 0, api->on_user(handle, &user));
    WRONG(user, user, text(""), api->on_user(handle, &user));
    WRONG(terminal, terminal, text(""), api->on_terminal(handle, &terminal));
    WRONG(registration, endpoint, text(""), api->on_registration(handle, &registration));
    WRONG(registration, contact, text(""), api->on_registration(handle, &registration));
    WRONG(call, leg, text(""), api->on_call(handle, &call));
    WRONG(call, cause, 65536, api->on_call(handle, &call));
    WRONG(quality, leg, text(""), api->on_quality(handle, &quality));
    WRONG(request, mount, text("usermon"), api->http(handle, &request, reply, NULL));
    WRONG(request, mount, text("/usermon/"), api->http(handle, &request, reply, NULL));
    /* an administrator of no company, or of one whose name is not what it seems, is nobody */
    WRONG(request, company, text(""), api->http(handle, &request, reply, NULL));
    WRONG(request, company, text("acme\n"), api->http(handle, &request, reply, NULL));
    WRONG(request, company, text("acme\xff"), api->http(handle, &request, reply, NULL));
    WRONG(request, person, text(""), api->http(handle, &request, reply, NULL));
    for (int which = 0; which < CALLS; which++) {
        char words[64];
        snprintf(words, sizeof words, "%s is refused with -103", call_names[which]);
        EXPECT_TOLD(words, which == 7 ? 0 : 1);
    }
    EXPECT(api->close(handle), USERMON_OK);
    return end();
}
