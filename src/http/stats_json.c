/* SPDX-License-Identifier: Apache-2.0 */
#include "http/stats_json.h"

/* "key": value, with a comma before it unless it is the first of an object */
static void
key(struct strbuf *sb, const char *k)
{
	if (sb->len > 0 && sb->p != NULL && sb->p[sb->len - 1] != '{')
		strbuf_addc(sb, ',');
	strbuf_addf(sb, "\"%s\":", k);
}

static void
add_d(struct strbuf *sb, const char *k, double v)
{
	key(sb, k);
	json_add_double(sb, v);
}

static void
add_i(struct strbuf *sb, const char *k, int64_t v)
{
	key(sb, k);
	strbuf_add_i64(sb, v);
}

static void
add_u(struct strbuf *sb, const char *k, uint64_t v)
{
	key(sb, k);
	strbuf_add_u64(sb, v);
}

static void
add_b(struct strbuf *sb, const char *k, bool v)
{
	key(sb, k);
	strbuf_adds(sb, v ? "true" : "false");
}

static void
add_s(struct strbuf *sb, const char *k, const char *v)
{
	if (v == NULL)
		return;
	key(sb, k);
	json_add_str(sb, v);
}

/* With a slash in front, as Java's addresses have it. */
static void
add_address(struct strbuf *sb, const char *a)
{
	if (a == NULL)
		return;
	key(sb, "address");
	strbuf_adds(sb, "\"/");
	strbuf_add_json(sb, a, strlen(a));
	strbuf_addc(sb, '"');
}

static void
add_time(struct strbuf *sb, const char *k, int64_t ms)
{
	key(sb, k);
	json_add_time(sb, ms);
}

static void
add_props(struct strbuf *sb, const char *k, const struct prop *p, uint32_t n)
{
	key(sb, k);
	json_add_props(sb, p, n);
}

static void
add_pos(struct strbuf *sb, const char *k, struct pos pos)
{
	key(sb, k);
	strbuf_addf(sb, "\"%lld:%lld\"",
	    pos_eq(pos, POS_NONE) ? -1 : (long long)pos.ledger,
	    (long long)pos.entry);
}

/* --- producers, consumers, subscriptions ---------------------------------------- */

static const char *
access_name(enum access_mode m)
{
	switch (m) {
	case ACCESS_EXCLUSIVE:
		return "Exclusive";
	case ACCESS_WAIT:
		return "WaitForExclusive";
	case ACCESS_FENCING:
		return "ExclusiveWithFencing";
	case ACCESS_SHARED:
	default:
		return "Shared";
	}
}

static void
add_producer(struct strbuf *sb, const struct producer_stats *p, bool persistent)
{
	strbuf_addc(sb, '{');
	add_s(sb, "accessMode", access_name(p->access));
	add_d(sb, "msgRateIn", p->in.msg);
	add_d(sb, "msgThroughputIn", p->in.bytes);
	add_d(
	    sb, "averageMsgSize", p->in.msg > 0 ? p->in.bytes / p->in.msg : 0);
	add_d(sb, "chunkedMessageRate", 0);
	if (!persistent)
		add_d(sb, "msgDropRate", p->rate_drop);
	add_u(sb, "producerId", p->id);
	add_b(sb, "supportsPartialProducer", false);
	add_s(sb, "producerName", p->name);
	add_address(sb, p->address);
	add_time(sb, "connectedSince", p->connected_ms);
	add_s(sb, "clientVersion", p->version);
	add_props(sb, "metadata", p->props, p->props_n);
	strbuf_addc(sb, '}');
}

static void
add_ranges(struct strbuf *sb, const struct consumer_stats *c)
{
	uint32_t i;

	key(sb, "keyHashRanges");
	strbuf_addc(sb, '[');
	for (i = 0; i < c->ranges_n; i++)
		strbuf_addf(sb, "%s\"[%u, %u]\"", i > 0 ? "," : "",
		    c->ranges[i].start, c->ranges[i].end);
	strbuf_addc(sb, ']');
	key(sb, "keyHashRangeArrays");
	strbuf_addc(sb, '[');
	for (i = 0; i < c->ranges_n; i++)
		strbuf_addf(sb, "%s[%u,%u]", i > 0 ? "," : "",
		    c->ranges[i].start, c->ranges[i].end);
	strbuf_addc(sb, ']');
}

static void
add_consumer(struct strbuf *sb, const struct consumer_stats *c)
{
	strbuf_addc(sb, '{');
	add_d(sb, "msgRateOut", c->out.msg);
	add_d(sb, "msgThroughputOut", c->out.bytes);
	add_u(sb, "bytesOutCounter", c->out_bytes);
	add_u(sb, "msgOutCounter", c->out_messages);
	add_d(sb, "msgRateRedeliver", c->rate_redeliver);
	add_d(sb, "messageAckRate", c->rate_ack);
	add_d(sb, "chunkedMessageRate", 0);
	add_s(sb, "consumerName", c->name);
	add_i(sb, "availablePermits", c->permits);
	add_u(sb, "unackedMessages", c->unacked);
	add_b(sb, "blockedConsumerOnUnackedMsgs", c->blocked_unacked);
	add_i(sb, "priorityLevel", c->priority);
	if (c->ranges_n > 0)
		add_ranges(sb, c);
	add_u(sb, "drainingHashesCount", c->draining_n);
	add_address(sb, c->address);
	add_time(sb, "connectedSince", c->connected_ms);
	add_s(sb, "clientVersion", c->version);
	add_i(sb, "lastAckedTimestamp", c->last_acked_ms);
	add_i(sb, "lastConsumedTimestamp", c->last_consumed_ms);
	add_props(sb, "metadata", c->props, c->props_n);
	add_time(sb, "lastAckedTime", c->last_acked_ms);
	add_time(sb, "lastConsumedTime", c->last_consumed_ms);
	strbuf_addc(sb, '}');
}

static const char *
type_name(const struct sub_stats *s)
{
	static const char *const names[] = { "Exclusive", "Failover", "Shared",
		"Key_Shared" };

	return s->has_type ? names[s->type] : "None";
}

static void
add_sub_flags(struct strbuf *sb, const struct sub_stats *s)
{
	add_b(sb, "isDurable", s->durable);
	add_b(sb, "isReplicated", s->replicated);
	add_b(sb, "allowOutOfOrderDelivery", s->ks_out_of_order);
	if (s->has_type && s->type == SUB_KEY_SHARED)
		add_s(sb, "keySharedMode",
		    s->ks_sticky ? "STICKY" : "AUTO_SPLIT");
	key(sb, "consumersAfterMarkDeletePosition");
	strbuf_adds(sb, "{}");
	add_u(sb, "nonContiguousDeletedMessagesRanges", s->acked_ranges);
	add_props(sb, "subscriptionProperties", s->props, s->props_n);
	add_b(sb, "durable", s->durable);
	add_b(sb, "replicated", s->replicated);
}

static void
add_sub(struct strbuf *sb, const struct sub_stats *s, bool persistent)
{
	uint32_t i;

	strbuf_addc(sb, '{');
	add_d(sb, "msgRateOut", s->out.msg);
	add_d(sb, "msgThroughputOut", s->out.bytes);
	add_u(sb, "bytesOutCounter", s->out_bytes);
	add_u(sb, "msgOutCounter", s->out_messages);
	add_d(sb, "msgRateRedeliver", s->rate_redeliver);
	add_d(sb, "messageAckRate", s->rate_ack);
	add_d(sb, "chunkedMessageRate", 0);
	/* Pulsar counts entries, of which a batch is one */
	add_u(sb, "msgBacklog", s->backlog_entries);
	add_i(sb, "backlogSize", s->backlog_bytes);
	add_u(sb, "earliestMsgPublishTimeInBacklog", 0);
	add_u(sb, "msgBacklogNoDelayed",
	    s->backlog_entries > s->delayed ? s->backlog_entries - s->delayed :
					      0);
	add_b(sb, "blockedSubscriptionOnUnackedMsgs", s->blocked_unacked);
	add_u(sb, "msgDelayed", s->delayed);
	add_u(sb, "msgInReplay", s->in_replay);
	add_u(sb, "unackedMessages", s->unacked);
	add_u(sb, "dispatchThrottledMsgEventsBySubscriptionLimit",
	    s->held_by_sub.msgs);
	add_u(sb, "dispatchThrottledBytesEventsBySubscriptionLimit",
	    s->held_by_sub.bytes);
	add_u(sb, "dispatchThrottledMsgEventsByTopicLimit",
	    s->held_by_topic.msgs);
	add_u(sb, "dispatchThrottledBytesEventsByTopicLimit",
	    s->held_by_topic.bytes);
	add_u(sb, "dispatchThrottledMsgEventsByBrokerLimit", 0);
	add_u(sb, "dispatchThrottledBytesEventsByBrokerLimit", 0);
	add_s(sb, "type", type_name(s));
	add_s(sb, "activeConsumerName", s->active);
	add_d(sb, "msgRateExpired", s->rate_expired);
	add_u(sb, "msgExpired", s->expired);
	add_u(sb, "totalMsgExpired", s->expired);
	add_i(sb, "lastExpireTimestamp", s->last_expire_ms);
	add_i(sb, "lastConsumedFlowTimestamp", s->last_flow_ms);
	add_i(sb, "lastConsumedTimestamp", s->last_consumed_ms);
	add_i(sb, "lastAckedTimestamp", s->last_acked_ms);
	add_i(sb, "lastMarkDeleteAdvancedTimestamp", s->last_advanced_ms);
	if (!persistent)
		add_d(sb, "msgDropRate", s->rate_drop);
	key(sb, "consumers");
	strbuf_addc(sb, '[');
	for (i = 0; i < s->consumers_n; i++) {
		if (i > 0)
			strbuf_addc(sb, ',');
		add_consumer(sb, &s->consumers[i]);
	}
	strbuf_addc(sb, ']');
	add_sub_flags(sb, s);
	strbuf_addc(sb, '}');
}

/* --- topic ---------------------------------------------------------------------- */

/* What is not here. */
static void
add_absent(struct strbuf *sb)
{
	static const char *const zero[] = { "earliestMsgPublishTimeInBacklogs",
		"offloadedStorageSize", "lastOffloadLedgerId",
		"lastOffloadSuccessTimeStamp", "lastOffloadFailureTimeStamp",
		"ongoingTxnCount", "abortedTxnCount", "committedTxnCount",
		"waitingPublishers", "delayedMessageIndexSizeInBytes" };
	size_t i;

	add_i(sb, "backlogQuotaLimitSize", -1);
	add_i(sb, "backlogQuotaLimitTime", -1);
	add_i(sb, "oldestBacklogMessageAgeSeconds", -1);
	for (i = 0; i < NELEM(zero); i++)
		add_i(sb, zero[i], 0);
	key(sb, "replication");
	strbuf_adds(sb, "{}");
	key(sb, "compaction");
	strbuf_adds(sb,
	    "{\"lastCompactionRemovedEventCount\":0,"
	    "\"lastCompactionSucceedTimestamp\":0,"
	    "\"lastCompactionFailedTimestamp\":0,"
	    "\"lastCompactionDurationTimeInMills\":0}");
}

void
stats_json_topic(
    struct strbuf *sb, const struct topic_stats *t, const char *owner)
{
	uint64_t ranges = 0;
	double drops = 0;
	uint32_t i;

	strbuf_addc(sb, '{');
	add_d(sb, "msgRateIn", t->in.msg);
	add_d(sb, "msgThroughputIn", t->in.bytes);
	add_d(sb, "msgRateOut", t->out.msg);
	add_d(sb, "msgThroughputOut", t->out.bytes);
	add_u(sb, "bytesInCounter", t->in_bytes);
	add_u(sb, "msgInCounter", t->in_messages);
	add_u(sb, "systemTopicBytesInCounter", 0);
	add_u(sb, "bytesOutCounter", t->out_bytes);
	add_u(sb, "msgOutCounter", t->out_messages);
	add_u(sb, "bytesOutInternalCounter", 0);
	add_d(sb, "averageMsgSize", t->average_msg_bytes);
	add_u(sb, "publishRateLimitedTimes", t->throttled);
	add_b(sb, "msgChunkPublished", false);
	add_u(sb, "storageSize", t->storage_bytes);
	add_u(sb, "backlogSize", t->backlog_bytes);
	key(sb, "publishers");
	strbuf_addc(sb, '[');
	for (i = 0; i < t->producers_n; i++) {
		if (i > 0)
			strbuf_addc(sb, ',');
		add_producer(sb, &t->producers[i], t->persistent);
		drops += t->producers[i].rate_drop;
	}
	strbuf_addc(sb, ']');
	if (!t->persistent)
		add_d(sb, "msgDropRate", drops);
	key(sb, "subscriptions");
	strbuf_addc(sb, '{');
	for (i = 0; i < t->subs_n; i++) {
		if (i > 0)
			strbuf_addc(sb, ',');
		json_add_str(sb, t->subs[i].name);
		strbuf_addc(sb, ':');
		add_sub(sb, &t->subs[i], t->persistent);
		ranges += t->subs[i].acked_ranges;
	}
	strbuf_addc(sb, '}');
	add_absent(sb);
	add_u(sb, "nonContiguousDeletedMessagesRanges", ranges);
	add_u(sb, "nonContiguousDeletedMessagesRangesSerializedSize", 0);
	if (owner != NULL) {
		add_s(sb, "deduplicationStatus", "Disabled");
		add_s(sb, "ownerBroker", owner);
	}
	add_i(sb, "topicCreationTimeStamp", t->created_ms);
	add_i(sb, "lastPublishTimeStamp", t->last_publish_ms);
}

/* --- internal ------------------------------------------------------------------- */

static void
add_cursor(struct strbuf *sb, const struct sub_stats *s)
{
	strbuf_addc(sb, '{');
	add_pos(sb, "markDeletePosition", s->mark_delete);
	add_pos(sb, "readPosition", s->read_pos);
	add_b(sb, "waitingReadOp", s->backlog == 0);
	add_i(sb, "pendingReadOps", 0);
	add_u(sb, "messagesConsumedCounter", s->acked);
	add_i(sb, "cursorLedger", -1);
	add_i(sb, "cursorLedgerLastEntry", -1);
	add_s(sb, "state", "Open");
	add_b(sb, "active", s->consumers_n > 0);
	add_u(
	    sb, "numberOfEntriesSinceFirstNotAckedMessage", s->backlog_entries);
	add_u(sb, "totalNonContiguousDeletedMessagesRange", s->acked_ranges);
	add_props(sb, "properties", s->props, s->props_n);
	strbuf_addc(sb, '}');
}

void
stats_json_internal(struct strbuf *sb, const struct topic_stats *t)
{
	const struct ledger_stats *l, *last;
	uint32_t i;

	last = t->ledgers_n > 0 ? &t->ledgers[t->ledgers_n - 1] : NULL;
	strbuf_addc(sb, '{');
	add_u(sb, "entriesAddedCounter", t->entries);
	add_u(sb, "numberOfEntries", t->entries);
	add_u(sb, "totalSize", t->storage_bytes);
	add_u(sb, "currentLedgerEntries", last != NULL ? last->entries : 0);
	add_u(sb, "currentLedgerSize", last != NULL ? last->bytes : 0);
	if (last != NULL)
		add_time(sb, "lastLedgerCreatedTimestamp", last->created_ms);
	add_i(sb, "waitingCursorsCount", 0);
	add_i(sb, "pendingAddEntriesCount", 0);
	add_pos(sb, "lastConfirmedEntry", t->last);
	add_s(sb, "state", t->terminated ? "Terminated" : "LedgerOpened");
	key(sb, "ledgers");
	strbuf_addc(sb, '[');
	for (i = 0; i < t->ledgers_n; i++) {
		l = &t->ledgers[i];
		strbuf_addf(sb, "%s{\"ledgerId\":", i > 0 ? "," : "");
		strbuf_add_u64(sb, l->id);
		add_u(sb, "entries", l->entries);
		add_u(sb, "size", l->bytes);
		add_b(sb, "offloaded", false);
		add_b(sb, "underReplicated", false);
		strbuf_addc(sb, '}');
	}
	strbuf_addc(sb, ']');
	key(sb, "cursors");
	strbuf_addc(sb, '{');
	for (i = 0; i < t->subs_n; i++) {
		if (i > 0)
			strbuf_addc(sb, ',');
		json_add_str(sb, t->subs[i].name);
		strbuf_addc(sb, ':');
		add_cursor(sb, &t->subs[i]);
	}
	strbuf_adds(sb,
	    "},\"properties\":{},\"schemaLedgers\":[],\"compactedLedger\":{"
	    "\"ledgerId\":-1,\"entries\":-1,\"size\":-1,\"offloaded\":false,"
	    "\"underReplicated\":false}}");
}
