/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls: each PJSIP channel is a leg; its snapshots say where it stands, hold and unhold come beside them, RTCP gives
 * its quality. Runs on stasis' own threads, never on one that carries calls; a channel's lock is held only to copy
 * its Call-ID or its figures.
 */

#include "asterisk.h"

#include "asterisk/astobj2.h"
#include "asterisk/channel.h"
#include "asterisk/json.h"
#include "asterisk/rtp_engine.h"
#include "asterisk/stasis.h"
#include "asterisk/stasis_channels.h"
#include "asterisk/strings.h"

#include "shim.h"

#define TECHNOLOGY "PJSIP/"
#define CALL_ID_MAX 512

enum { RINGING = 1, UP, HELD, ENDED };
enum { CALLS = 1, IS_CALLED };

static struct stasis_subscription *channels;
static struct stasis_subscription *rtcp;
/* Unique ids of the legs on hold: a snapshot does not say so. Used by one thread, that of `channels`. */
static struct ao2_container *held;

/* "PJSIP/1001-0000002a" is a channel of the endpoint 1001; anything else gives the empty span. */
static usermon_bytes endpoint_of(const char *name)
{
	const char *end;

	if (strncmp(name, TECHNOLOGY, strlen(TECHNOLOGY))) {
		return usermon_span(NULL, 0);
	}
	name += strlen(TECHNOLOGY);
	end = strrchr(name, '-');
	return usermon_span(name, end ? (size_t) (end - name) : strlen(name));
}

/* The channel is locked. */
static void copy_call_id(struct ast_channel *channel, char *to)
{
	const struct ast_channel_tech *tech = ast_channel_tech(channel);

	if (tech && tech->get_pvt_uniqueid && ast_channel_tech_pvt(channel)) {
		ast_copy_string(to, tech->get_pvt_uniqueid(channel), CALL_ID_MAX);
	}
}

/*
 * A snapshot's own protocol id is often taken before the channel has its dialog. A session supplement would be told
 * the Call-ID, but every session would hold this module, and it could not be unloaded while there are calls.
 */
static void find_call_id(const struct ast_channel_snapshot *snapshot, char *to)
{
	struct ast_channel *channel;

	ast_copy_string(to, S_OR(snapshot->base->protocol_id, ""), CALL_ID_MAX);
	if (*to) {
		return;
	}
	channel = ast_channel_get_by_name(snapshot->base->name);
	if (!channel) {
		return;
	}
	ast_channel_lock(channel);
	copy_call_id(channel, to);
	ast_channel_unlock(channel);
	ast_channel_unref(channel);
}

static uint32_t phase_of(const struct ast_channel_snapshot *snapshot)
{
	if (ast_test_flag(&snapshot->flags, AST_FLAG_DEAD)) {
		return ENDED;
	}
	return snapshot->state == AST_STATE_UP ? UP : RINGING;
}

/* The same, with the hold that was told before. */
static uint32_t phase_now(const struct ast_channel_snapshot *snapshot)
{
	uint32_t phase = phase_of(snapshot);
	char *leg = ao2_find(held, snapshot->base->uniqueid, OBJ_SEARCH_KEY);

	if (leg && phase == ENDED) {
		ast_str_container_remove(held, leg);
	} else if (leg && phase == UP) {
		phase = HELD;
	}
	ao2_cleanup(leg);
	return phase;
}

static void tell_call(const struct ast_channel_snapshot *snapshot, uint32_t phase, const struct timeval *when)
{
	usermon_call call = { .size = sizeof(call), .phase = phase };
	char call_id[CALL_ID_MAX] = "";
	const char *number = S_OR(snapshot->connected->number, "");

	call.endpoint = endpoint_of(snapshot->base->name);
	if (!call.endpoint.len) {
		return;
	}
	find_call_id(snapshot, call_id);
	/* Only a leg that the user began is in the state Ring, and later has a dialled number of its own. */
	call.direction = snapshot->state == AST_STATE_RING || !ast_strlen_zero(snapshot->caller->dnid) ? CALLS : IS_CALLED;
	if (ast_strlen_zero(number) && call.direction == CALLS) {
		number = S_OR(snapshot->caller->dnid, snapshot->dialplan->exten);
	}
	if (phase == ENDED) {
		call.cause = snapshot->hangup->cause;
	}
	call.time = when ? (int64_t) when->tv_sec * 1000000 + when->tv_usec : 0;
	call.leg = usermon_text(snapshot->base->uniqueid);
	call.linked = usermon_text(snapshot->peer->linkedid);
	call.call_id = usermon_text(call_id);
	call.far_number = usermon_text(number);
	call.far_name = usermon_text(snapshot->connected->name);
	usermon.api->on_call(usermon.handle, &call);
}

static int differs(const struct ast_channel_snapshot *a, const struct ast_channel_snapshot *b)
{
	return phase_of(a) != phase_of(b)
		|| strcmp(a->base->name, b->base->name)
		|| strcmp(S_OR(a->peer->linkedid, ""), S_OR(b->peer->linkedid, ""))
		|| strcmp(S_OR(a->connected->number, ""), S_OR(b->connected->number, ""))
		|| strcmp(a->connected->name, b->connected->name)
		|| strcmp(S_OR(a->caller->dnid, ""), S_OR(b->caller->dnid, ""));
}

static void on_channel(void *data, struct stasis_subscription *subscription, struct stasis_message *message)
{
	const struct timeval *when = stasis_message_timestamp(message);

	if (stasis_message_type(message) == ast_channel_snapshot_type()) {
		struct ast_channel_snapshot_update *update = stasis_message_data(message);

		if (!update->old_snapshot || differs(update->old_snapshot, update->new_snapshot)) {
			tell_call(update->new_snapshot, phase_now(update->new_snapshot), when);
		}
	} else if (stasis_message_type(message) == ast_channel_hold_type()
		|| stasis_message_type(message) == ast_channel_unhold_type()) {
		struct ast_channel_blob *blob = stasis_message_data(message);

		if (blob->snapshot && phase_of(blob->snapshot) == UP) {
			ast_str_container_remove(held, blob->snapshot->base->uniqueid);
			if (stasis_message_type(message) == ast_channel_hold_type()) {
				ast_str_container_add(held, blob->snapshot->base->uniqueid);
			}
			tell_call(blob->snapshot, phase_now(blob->snapshot), when);
		}
	}
}

static uint32_t micros(double seconds)
{
	return seconds > 0 && seconds < 4000 ? (uint32_t) (seconds * 1000000) : 0;
}

/*
 * Of `stats`, txjitter is what Asterisk reports in what it sends: the jitter of the media that it receives. What became
 * of the media that it sends only the far side knows, and tells in its own reports.
 */
static void tell_quality(usermon_quality *quality, const struct ast_rtp_instance_stats *stats, uint32_t direction)
{
	quality->round_trip = micros(stats->rtt);
	quality->direction = direction;
	if (direction) {
		quality->packets = stats->txcount;
		quality->lost = stats->txploss;
		quality->jitter = micros(stats->rxjitter);
	} else {
		quality->packets = stats->rxcount;
		/* Asterisk counts one packet as lost before the first has come. */
		quality->lost = stats->rxcount ? stats->rxploss : 0;
		quality->jitter = micros(stats->txjitter);
	}
	usermon.api->on_quality(usermon.handle, quality);
}

static void channel_quality(struct ast_channel *channel, uint32_t direction)
{
	struct ast_rtp_glue *glue = ast_rtp_instance_get_glue("PJSIP");
	struct ast_rtp_instance *instance = NULL;
	struct ast_rtp_instance_stats stats = { 0 };
	usermon_quality quality = { .size = sizeof(quality) };
	char call_id[CALL_ID_MAX] = "";
	char name[AST_CHANNEL_NAME];
	char leg[AST_MAX_UNIQUEID];
	char linked[AST_MAX_UNIQUEID];

	ast_channel_lock(channel);
	ast_copy_string(name, ast_channel_name(channel), sizeof(name));
	ast_copy_string(leg, ast_channel_uniqueid(channel), sizeof(leg));
	ast_copy_string(linked, ast_channel_linkedid(channel), sizeof(linked));
	copy_call_id(channel, call_id);
	if (glue && ast_channel_tech_pvt(channel)) {
		glue->get_rtp_info(channel, &instance);
	}
	ast_channel_unlock(channel);
	if (instance && !ast_rtp_instance_get_stats(instance, &stats, AST_RTP_INSTANCE_STAT_ALL)) {
		quality.endpoint = endpoint_of(name);
		quality.leg = usermon_text(leg);
		quality.linked = usermon_text(linked);
		quality.call_id = usermon_text(call_id);
		tell_quality(&quality, &stats, direction);
	}
	ao2_cleanup(instance);
}

/* A report tells of which channel it is; the figures are read from the channel itself. */
static void on_rtcp(void *data, struct stasis_subscription *subscription, struct stasis_message *message)
{
	uint32_t direction = stasis_message_type(message) == ast_rtp_rtcp_received_type();
	struct ast_json *json;
	const char *name;
	struct ast_channel *channel;

	if (!direction && stasis_message_type(message) != ast_rtp_rtcp_sent_type()) {
		return;
	}
	json = stasis_message_to_json(message, NULL);
	name = ast_json_string_get(ast_json_object_get(ast_json_object_get(json, "channel"), "name"));
	/* A report without a block tells nothing of the other side's media. */
	if (direction && !ast_json_integer_get(ast_json_object_get(ast_json_object_get(json, "rtcp_report"), "report_count"))) {
		name = NULL;
	}
	channel = name && endpoint_of(name).len ? ast_channel_get_by_name(name) : NULL;
	if (channel) {
		channel_quality(channel, direction);
		ast_channel_unref(channel);
	}
	ast_json_unref(json);
}

void usermon_calls_stop(void)
{
	rtcp = stasis_unsubscribe_and_join(rtcp);
	channels = stasis_unsubscribe_and_join(channels);
	ao2_cleanup(held);
	held = NULL;
}

static int each_channel(void *snapshot, void *arg, int flags)
{
	tell_call(snapshot, phase_of(snapshot), NULL);
	return 0;
}

int usermon_calls_start(void)
{
	struct ao2_container *now;

	held = ast_str_container_alloc_options(AO2_ALLOC_OPT_LOCK_MUTEX, 64);
	channels = held ? stasis_subscribe(ast_channel_topic_all(), on_channel, NULL) : NULL;
	rtcp = stasis_subscribe(ast_rtp_topic(), on_rtcp, NULL);
	if (!channels || !rtcp) {
		ast_log(LOG_ERROR, "can't watch channels: out of memory\n");
		usermon_calls_stop();
		return -1;
	}
	stasis_subscription_accept_message_type(channels, ast_channel_snapshot_type());
	stasis_subscription_accept_message_type(channels, ast_channel_hold_type());
	stasis_subscription_accept_message_type(channels, ast_channel_unhold_type());
	stasis_subscription_set_filter(channels, STASIS_SUBSCRIPTION_FILTER_SELECTIVE);
	stasis_subscription_accept_message_type(rtcp, ast_rtp_rtcp_sent_type());
	stasis_subscription_accept_message_type(rtcp, ast_rtp_rtcp_received_type());
	stasis_subscription_set_filter(rtcp, STASIS_SUBSCRIPTION_FILTER_SELECTIVE);
	now = ast_channel_cache_all();
	if (now) {
		ao2_callback(now, OBJ_NODATA, each_channel, NULL);
		ao2_ref(now, -1);
	}
	return 0;
}
