/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of this module share. The shim only translates: it keeps no users, registrations or calls, and takes
 * no lock of its own on a thread that carries calls. Every part has a start and a stop; res_usermon.c runs them in
 * order and in reverse.
 */

#ifndef USERMON_SHIM_H
#define USERMON_SHIM_H

#include <string.h>

#include "usermon.h"

struct ast_channel_snapshot;
struct ast_sockaddr;
struct ast_sorcery;

/* The core. Set before the first part starts, and left as it is when the last has stopped. */
struct usermon_shim {
	const usermon_api *api;
	usermon_handle handle;
};
extern struct usermon_shim usermon;

/*
 * Asterisk calls pages, commands and the tap without a reference to this module. Whoever is inside is counted, and the
 * unload waits until nobody is.
 */
void usermon_enter(void);
void usermon_leave(void);

/* res_pjsip.h declares it too, but can't be included without pjproject's headers. */
struct ast_sorcery *ast_sip_get_sorcery(void);

static inline usermon_bytes usermon_text(const char *text)
{
	usermon_bytes bytes = { (const uint8_t *) text, text ? strlen(text) : 0 };

	return bytes;
}

static inline usermon_bytes usermon_span(const void *ptr, size_t len)
{
	usermon_bytes bytes = { len ? ptr : NULL, len };

	return bytes;
}

void usermon_address(usermon_addr *to, const struct ast_sockaddr *from);

/* registrations.c: endpoints, contacts, reachability, failed authentications. */
int usermon_registrations_start(void);
void usermon_registrations_stop(void);

/* calls.c: channels, hold, RTCP. */
int usermon_calls_start(void);
void usermon_calls_stop(void);

/* tap.c: every SIP message; without pjproject's headers it only says that it is not there. */
int usermon_tap_start(void);
void usermon_tap_stop(void);
/* 1: reachable, with the round trip in microseconds; 0: not known; -1: not reachable. `contact` is a sorcery object. */
int usermon_tap_reachable(const void *contact, uint32_t *round_trip);

/* web.c: the pages under /usermon of Asterisk's own web server. */
int usermon_web_start(void);
void usermon_web_stop(void);

#endif
