/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every SIP message, in and out, on every transport: a PJSIP module in front of all others, so that retransmissions
 * and what Asterisk refuses are seen too. Runs on the threads that carry calls: it looks a dialog up and hands the
 * bytes over, it never waits, logs or allocates.
 */

#include "asterisk.h"

#include "asterisk/logger.h"

#include "shim.h"

#ifdef USERMON_WITH_PJPROJECT

#include "asterisk/res_pjsip.h"

static uint32_t transport_number(const pjsip_transport *transport)
{
	/* A WebSocket's type number is given out when its module registers; only its name is fixed. */
	if (!strcasecmp(transport->type_name, "WS")) {
		return 4;
	}
	if (!strcasecmp(transport->type_name, "WSS")) {
		return 5;
	}
	switch (transport->key.type & ~PJSIP_TRANSPORT_IPV6) {
	case PJSIP_TRANSPORT_UDP:
		return 1;
	case PJSIP_TRANSPORT_TCP:
		return 2;
	case PJSIP_TRANSPORT_TLS:
		return 3;
	default:
		return 0;
	}
}

static void address(usermon_addr *to, const pj_sockaddr *from)
{
	memset(to, 0, sizeof(*to));
	if (from->addr.sa_family != pj_AF_INET() && from->addr.sa_family != pj_AF_INET6()) {
		return;
	}
	to->family = from->addr.sa_family == pj_AF_INET() ? 4 : 6;
	to->port = pj_sockaddr_get_port(from);
	memcpy(to->ip, pj_sockaddr_get_addr(from), pj_sockaddr_get_addr_len(from));
}

/* A transport bound to every address of the machine has a name for the world: that one says more than 0.0.0.0. */
static void local_address(usermon_addr *to, const pjsip_transport *transport)
{
	pj_sockaddr named;

	if (!pj_sockaddr_has_addr(&transport->local_addr)) {
		pj_sockaddr_init(transport->local_addr.addr.sa_family, &named, NULL, transport->local_name.port);
		if (pj_inet_pton(named.addr.sa_family, &transport->local_name.host, pj_sockaddr_get_addr(&named)) == PJ_SUCCESS) {
			address(to, &named);
			return;
		}
	}
	address(to, &transport->local_addr);
}

/*
 * The endpoint is named only for a message of a dialog that Asterisk has: outside of one, Asterisk's own identification
 * may rest on nothing but a From header.
 */
static struct ast_sip_endpoint *dialog_endpoint(const pjsip_cid_hdr *cid, const pj_str_t *local, const pj_str_t *remote)
{
	pjsip_dialog *dialog;

	if (!cid || !local->slen) {
		return NULL;
	}
	/* Not locked, and may end meanwhile: Asterisk takes only its address, as the key of a table of its own. */
	dialog = pjsip_ua_find_dialog(&cid->id, local, remote, PJ_FALSE);
	return dialog ? ast_sip_dialog_get_endpoint(dialog) : NULL;
}

static void tell(usermon_packet *packet, struct ast_sip_endpoint *endpoint)
{
	if (endpoint) {
		packet->endpoint = usermon_text(ast_sorcery_object_get_id(endpoint));
	}
	usermon.api->on_packet(usermon.handle, packet);
	ao2_cleanup(endpoint);
}

static pj_bool_t on_rx(pjsip_rx_data *rdata)
{
	usermon_packet packet = { .size = sizeof(packet), .direction = 0 };
	int request = rdata->msg_info.msg->type == PJSIP_REQUEST_MSG;
	const pj_str_t *from = &rdata->msg_info.from->tag;
	const pj_str_t *to = &rdata->msg_info.to->tag;

	usermon_enter();
	packet.transport = transport_number(rdata->tp_info.transport);
	packet.data = usermon_span(rdata->msg_info.msg_buf, rdata->msg_info.len);
	address(&packet.far, &rdata->pkt_info.src_addr);
	local_address(&packet.local, rdata->tp_info.transport);
	tell(&packet, dialog_endpoint(rdata->msg_info.cid, request ? to : from, request ? from : to));
	usermon_leave();
	return PJ_FALSE;
}

static pj_status_t on_tx(pjsip_tx_data *tdata)
{
	usermon_packet packet = { .size = sizeof(packet), .direction = 1 };
	int request = tdata->msg->type == PJSIP_REQUEST_MSG;
	const pjsip_from_hdr *from = PJSIP_MSG_FROM_HDR(tdata->msg);
	const pjsip_to_hdr *to = PJSIP_MSG_TO_HDR(tdata->msg);
	struct ast_sip_endpoint *endpoint = NULL;

	usermon_enter();
	packet.transport = transport_number(tdata->tp_info.transport);
	packet.data = usermon_span(tdata->buf.start, tdata->buf.cur - tdata->buf.start);
	address(&packet.far, &tdata->tp_info.dst_addr);
	local_address(&packet.local, tdata->tp_info.transport);
	if (from && to) {
		endpoint = dialog_endpoint(PJSIP_MSG_CID_HDR(tdata->msg), request ? &from->tag : &to->tag, request ? &to->tag : &from->tag);
	}
	tell(&packet, endpoint);
	usermon_leave();
	return PJ_SUCCESS;
}

static pjsip_module tap = {
	.name = { "usermon tap", 11 },
	.id = -1,
	.priority = 0,
	.on_rx_request = on_rx,
	.on_rx_response = on_rx,
	.on_tx_request = on_tx,
	.on_tx_response = on_tx,
};

int usermon_tap_start(void)
{
	tap.id = -1;
	if (ast_sip_register_service(&tap)) {
		ast_log(LOG_ERROR, "PJSIP takes no more modules (at most %d); unload one that is not needed, res_hep_pjsip or res_pjsip_logger say\n",
			PJSIP_MAX_MODULE);
		return -1;
	}
	return 0;
}

void usermon_tap_stop(void)
{
	ast_sip_unregister_service(&tap);
}

int usermon_tap_reachable(const void *contact, uint32_t *round_trip)
{
	struct ast_sip_contact_status *status = ast_sip_get_contact_status(contact);
	int answer = 0;

	if (status && status->status == AVAILABLE) {
		*round_trip = status->rtt > 0 && status->rtt < UINT32_MAX ? (uint32_t) status->rtt : 0;
		answer = 1;
	} else if (status && status->status == UNAVAILABLE) {
		answer = -1;
	}
	ao2_cleanup(status);
	return answer;
}

#else

int usermon_tap_start(void)
{
	ast_log(LOG_WARNING, "built without pjproject's headers: no SIP message is captured, diagnostics stay empty "
		"(packets by HEP are for a later version); the head of src/shim/asterisk/Makefile says how to get them\n");
	return 0;
}

void usermon_tap_stop(void)
{
}

int usermon_tap_reachable(const void *contact, uint32_t *round_trip)
{
	return 0;
}

#endif
