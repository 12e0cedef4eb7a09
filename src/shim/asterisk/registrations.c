/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who may register and who is registered: PJSIP's endpoints become users, its contacts registrations, its security
 * events failures. Objects are read field by field through sorcery, not through their structs, so that this file needs
 * no pjproject headers. Runs on sorcery's and stasis' own threads, never on one that carries calls.
 */

#include "asterisk.h"

#include "asterisk/astobj2.h"
#include "asterisk/callerid.h"
#include "asterisk/config.h"
#include "asterisk/json.h"
#include "asterisk/lock.h"
#include "asterisk/security_events.h"
#include "asterisk/sorcery.h"
#include "asterisk/stasis.h"
#include "asterisk/stasis_endpoints.h"
#include "asterisk/time.h"
#include "asterisk/utils.h"

#include "shim.h"

enum { REGISTERED = 1, UNREGISTERED, EXPIRED, FAILED, REACHABLE, UNREACHABLE };
enum { WRONG_PASSWORD = 1, UNKNOWN_USER, FORBIDDEN, TLS_FAILED, REFUSED, OTHER };

/* Held while all contacts are told, so that none is told as here after it was told as gone. */
AST_MUTEX_DEFINE_STATIC(telling);

static struct stasis_subscription *reachability;
static struct stasis_subscription *security;

static const char *field(const struct ast_variable *fields, const char *name)
{
	for (; fields; fields = fields->next) {
		if (!strcasecmp(fields->name, name)) {
			return fields->value;
		}
	}
	return "";
}

static void user_here(const void *endpoint)
{
	const char *id = ast_sorcery_object_get_id(endpoint);
	struct ast_variable *fields = ast_sorcery_objectset_create(ast_sip_get_sorcery(), endpoint);
	usermon_user user = { .size = sizeof(user), .presence = 1 };
	char name[128] = "";
	char number[128] = "";

	/* What strangers call in through is nobody's. */
	if (!fields || !strncasecmp(id, "anonymous", 9)) {
		ast_variables_destroy(fields);
		return;
	}
	ast_callerid_split(field(fields, "callerid"), name, sizeof(name), number, sizeof(number));
	if (!strcasecmp(number, "<unknown>") || ast_strlen_zero(number)) {
		ast_copy_string(number, id, sizeof(number));
	}
	if (!strcasecmp(name, "<unknown>") || ast_strlen_zero(name)) {
		ast_copy_string(name, id, sizeof(name));
	}
	user.company = usermon_text(field(fields, "tenantid"));
	user.user = usermon_text(id);
	user.extension = usermon_text(number);
	user.name = usermon_text(name);
	usermon.api->on_user(usermon.handle, &user);
	ast_variables_destroy(fields);
}

static void user_gone(const void *endpoint)
{
	struct ast_variable *fields = ast_sorcery_objectset_create(ast_sip_get_sorcery(), endpoint);
	usermon_user user = { .size = sizeof(user), .presence = 2 };

	user.company = usermon_text(field(fields, "tenantid"));
	user.user = usermon_text(ast_sorcery_object_get_id(endpoint));
	usermon.api->on_user(usermon.handle, &user);
	ast_variables_destroy(fields);
}

static int each_user(void *endpoint, void *arg, int flags)
{
	user_here(endpoint);
	return 0;
}

/*
 * A reload that drops an endpoint from pjsip.conf tells nobody, but Asterisk's own list of endpoints keeps its name:
 * what is there and no longer in the configuration is gone.
 */
static int each_known(void *message, void *arg, int flags)
{
	const struct ast_endpoint_snapshot *snapshot = stasis_message_data(message);
	usermon_user user = { .size = sizeof(user), .presence = 2 };
	void *endpoint;

	if (!snapshot || strcmp(snapshot->tech, "PJSIP")) {
		return 0;
	}
	endpoint = ast_sorcery_retrieve_by_id(ast_sip_get_sorcery(), "endpoint", snapshot->resource);
	if (endpoint) {
		ao2_ref(endpoint, -1);
		return 0;
	}
	user.user = usermon_text(snapshot->resource);
	usermon.api->on_user(usermon.handle, &user);
	return 0;
}

static void tell_users(const char *object_type)
{
	struct ao2_container *all = ast_sorcery_retrieve_by_fields(ast_sip_get_sorcery(), "endpoint",
		AST_RETRIEVE_FLAG_MULTIPLE | AST_RETRIEVE_FLAG_ALL, NULL);
	struct ao2_container *known = stasis_cache_dump(ast_endpoint_cache(), ast_endpoint_snapshot_type());

	if (all) {
		ao2_callback(all, OBJ_NODATA, each_user, NULL);
	}
	if (known) {
		ao2_callback(known, OBJ_NODATA, each_known, NULL);
	}
	ao2_cleanup(all);
	ao2_cleanup(known);
}

static const struct ast_sorcery_observer endpoint_observer = {
	.created = user_here,
	.updated = user_here,
	.deleted = user_gone,
	.loaded = tell_users,
};

static uint32_t transport_number(const char *name, size_t len)
{
	static const char *const names[] = { "udp", "tcp", "tls", "ws", "wss" };
	uint32_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (strlen(names[i]) == len && !strncasecmp(names[i], name, len)) {
			return i + 1;
		}
	}
	return 0;
}

/*
 * Where Asterisk reaches a contact: the host of its URI if that is an address (with rewrite_contact it is the one that
 * the REGISTER came from), else what its Via says.
 */
static void contact_address(usermon_registration *registration, const char *uri, const char *via, const char *via_port)
{
	const char *parameter = strcasestr(uri, ";transport=");
	const char *host = strchr(uri, ':');
	const char *at;
	struct ast_sockaddr address;
	char text[128];

	if (parameter) {
		parameter += strlen(";transport=");
		registration->transport = transport_number(parameter, strcspn(parameter, ";?>"));
	} else {
		registration->transport = strncasecmp(uri, "sips:", 5) ? 1 : 3;
	}
	host = host ? host + 1 : uri;
	at = strchr(host, '@');
	host = at ? at + 1 : host;
	ast_copy_string(text, host, MIN(sizeof(text), strcspn(host, ";?>") + 1));
	if (!ast_sockaddr_parse(&address, text, 0)) {
		if (!ast_sockaddr_parse(&address, via, PARSE_PORT_FORBID)) {
			return;
		}
		ast_sockaddr_set_port(&address, atoi(via_port));
	}
	if (!ast_sockaddr_port(&address)) {
		ast_sockaddr_set_port(&address, registration->transport == 3 ? 5061 : 5060);
	}
	usermon_address(&registration->far, &address);
}

static void tell_contact(const void *contact, uint32_t step)
{
	struct ast_variable *fields = ast_sorcery_objectset_create(ast_sip_get_sorcery(), contact);
	usermon_registration registration = { .size = sizeof(registration), .step = step };
	long long expires = atoll(field(fields, "expiration_time"));
	int reachable;

	if (!fields) {
		return;
	}
	if (step == UNREGISTERED && expires <= ast_tvnow().tv_sec) {
		registration.step = EXPIRED;
	}
	registration.expires = expires * 1000000;
	registration.endpoint = usermon_text(field(fields, "endpoint"));
	registration.contact = usermon_text(field(fields, "uri"));
	registration.user_agent = usermon_text(field(fields, "user_agent"));
	registration.path = usermon_text(field(fields, "path"));
	registration.call_id = usermon_text(field(fields, "call_id"));
	contact_address(&registration, field(fields, "uri"), field(fields, "via_addr"), field(fields, "via_port"));
	usermon.api->on_registration(usermon.handle, &registration);
	if (step == REGISTERED) {
		reachable = usermon_tap_reachable(contact, &registration.round_trip);
		if (reachable) {
			registration.step = reachable > 0 ? REACHABLE : UNREACHABLE;
			usermon.api->on_registration(usermon.handle, &registration);
		}
	}
	ast_variables_destroy(fields);
}

static void contact_here(const void *contact)
{
	ast_mutex_lock(&telling);
	tell_contact(contact, REGISTERED);
	ast_mutex_unlock(&telling);
}

static void contact_gone(const void *contact)
{
	ast_mutex_lock(&telling);
	tell_contact(contact, UNREGISTERED);
	ast_mutex_unlock(&telling);
}

static const struct ast_sorcery_observer contact_observer = {
	.created = contact_here,
	.updated = contact_here,
	.deleted = contact_gone,
};

static int each_contact(void *contact, void *arg, int flags)
{
	tell_contact(contact, REGISTERED);
	return 0;
}

static void tell_contacts(void)
{
	struct ao2_container *all;

	ast_mutex_lock(&telling);
	all = ast_sorcery_retrieve_by_fields(ast_sip_get_sorcery(), "contact", AST_RETRIEVE_FLAG_MULTIPLE | AST_RETRIEVE_FLAG_ALL, NULL);
	if (all) {
		ao2_callback(all, OBJ_NODATA, each_contact, NULL);
	}
	ast_mutex_unlock(&telling);
	ao2_cleanup(all);
}

static const char *word(struct ast_json *json, const char *name)
{
	return S_OR(ast_json_string_get(ast_json_object_get(json, name)), "");
}

static void on_reachability(void *data, struct stasis_subscription *subscription, struct stasis_message *message)
{
	usermon_registration registration = { .size = sizeof(registration) };
	struct ast_endpoint_blob *blob;
	const char *status;
	long long round_trip;

	if (stasis_message_type(message) != ast_endpoint_contact_state_type()) {
		return;
	}
	blob = stasis_message_data(message);
	status = word(blob->blob, "contact_status");
	if (!strcmp(status, "Reachable")) {
		registration.step = REACHABLE;
	} else if (!strcmp(status, "Unreachable")) {
		registration.step = UNREACHABLE;
	} else {
		return;
	}
	round_trip = atoll(word(blob->blob, "roundtrip_usec"));
	registration.round_trip = round_trip > 0 && round_trip < UINT32_MAX ? (uint32_t) round_trip : 0;
	registration.endpoint = usermon_text(word(blob->blob, "endpoint_name"));
	registration.contact = usermon_text(word(blob->blob, "uri"));
	usermon.api->on_registration(usermon.handle, &registration);
}

static uint32_t failure_cause(int event)
{
	switch (event) {
	case AST_SECURITY_EVENT_CHAL_RESP_FAILED:
	case AST_SECURITY_EVENT_INVAL_PASSWORD:
		return WRONG_PASSWORD;
	case AST_SECURITY_EVENT_INVAL_ACCT_ID:
		return UNKNOWN_USER;
	case AST_SECURITY_EVENT_FAILED_ACL:
		return FORBIDDEN;
	case AST_SECURITY_EVENT_SUCCESSFUL_AUTH:
	case AST_SECURITY_EVENT_CHAL_SENT:
		return 0;
	case AST_SECURITY_EVENT_UNEXPECTED_ADDR:
		return OTHER;
	default:
		return REFUSED;
	}
}

/* "IPV4/UDP/192.0.2.7/5060" */
static void remote_address(usermon_registration *registration, char *text)
{
	char *transport;
	char *host;
	struct ast_sockaddr address;

	strsep(&text, "/");
	transport = strsep(&text, "/");
	host = strsep(&text, "/");
	if (!text || !ast_sockaddr_parse(&address, host, PARSE_PORT_FORBID)) {
		return;
	}
	ast_sockaddr_set_port(&address, atoi(text));
	registration->transport = transport_number(transport, strlen(transport));
	usermon_address(&registration->far, &address);
}

/* The event also holds the digest response: it is read member by member and never passed on or logged whole. */
static void on_security(void *data, struct stasis_subscription *subscription, struct stasis_message *message)
{
	usermon_registration registration = { .size = sizeof(registration), .step = FAILED };
	struct ast_json_payload *payload;
	const char *account;
	const char *more;
	char detail[256];
	char *remote;
	int event;

	if (stasis_message_type(message) != ast_security_event_type()) {
		return;
	}
	payload = stasis_message_data(message);
	event = ast_json_integer_get(ast_json_object_get(payload->json, "SecurityEvent"));
	registration.cause = failure_cause(event);
	if (!registration.cause || strcmp(word(payload->json, "Service"), "PJSIP")) {
		return;
	}
	/* Of an account that does not exist Asterisk has told already, by its name. */
	account = word(payload->json, "AccountID");
	if (!strcmp(account, "<unknown>")) {
		return;
	}
	registration.endpoint = usermon_text(account);
	registration.call_id = usermon_text(word(payload->json, "SessionID"));
	remote = ast_strdupa(word(payload->json, "RemoteAddress"));
	remote_address(&registration, remote);
	more = S_OR(word(payload->json, "ACLName"), word(payload->json, "RequestType"));
	snprintf(detail, sizeof(detail), "%s%s%s", ast_security_event_get_name(event), *more ? ": " : "", more);
	registration.detail = usermon_text(detail);
	usermon.api->on_registration(usermon.handle, &registration);
}

static struct stasis_subscription *subscribe(struct stasis_topic *topic, stasis_subscription_cb callback, struct stasis_message_type *type)
{
	struct stasis_subscription *subscription = stasis_subscribe(topic, callback, NULL);

	if (subscription) {
		stasis_subscription_accept_message_type(subscription, type);
		stasis_subscription_set_filter(subscription, STASIS_SUBSCRIPTION_FILTER_SELECTIVE);
	}
	return subscription;
}

void usermon_registrations_stop(void)
{
	security = stasis_unsubscribe_and_join(security);
	reachability = stasis_unsubscribe_and_join(reachability);
	ast_sorcery_observer_remove(ast_sip_get_sorcery(), "contact", &contact_observer);
	ast_sorcery_observer_remove(ast_sip_get_sorcery(), "endpoint", &endpoint_observer);
}

int usermon_registrations_start(void)
{
	struct ast_sorcery *sorcery = ast_sip_get_sorcery();

	if (!sorcery) {
		ast_log(LOG_ERROR, "PJSIP has no configuration; load res_pjsip first\n");
		return -1;
	}
	security = subscribe(ast_security_topic(), on_security, ast_security_event_type());
	reachability = subscribe(ast_endpoint_topic_all(), on_reachability, ast_endpoint_contact_state_type());
	if (!security || !reachability
		|| ast_sorcery_observer_add(sorcery, "endpoint", &endpoint_observer)
		|| ast_sorcery_observer_add(sorcery, "contact", &contact_observer)) {
		ast_log(LOG_ERROR, "can't watch PJSIP's endpoints and contacts: out of memory\n");
		usermon_registrations_stop();
		return -1;
	}
	tell_users("endpoint");
	tell_contacts();
	return 0;
}
