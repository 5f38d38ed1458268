/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of a partitioned topic: those of its partitions, summed. */
#include "http/stats_json.h"

static void
sum_rate(struct rate *to, struct rate from)
{
	to->msg += from.msg;
	to->bytes += from.bytes;
}

static void
newest(int64_t *to, int64_t from)
{
	if (from > *to)
		*to = from;
}

static void
oldest(int64_t *to, int64_t from)
{
	if (*to == 0 || (from > 0 && from < *to))
		*to = from;
}

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static void
add_producer(struct topic_stats *sum, const struct producer_stats *p)
{
	struct producer_stats *to;
	uint32_t i;

	for (i = 0; i < sum->producers_n; i++)
		if (same(sum->producers[i].name, p->name))
			break;
	if (i == sum->producers_n) {
		sum->producers =
		    mem_reallocarray(sum->producers, i + 1, sizeof(*to));
		sum->producers[sum->producers_n++] = *p;
		return;
	}
	to = &sum->producers[i];
	sum_rate(&to->in, p->in);
	to->rate_drop += p->rate_drop;
	oldest(&to->connected_ms, p->connected_ms);
}

static void
add_consumer(struct sub_stats *sum, const struct consumer_stats *c)
{
	struct consumer_stats *to;
	uint32_t i;

	for (i = 0; i < sum->consumers_n; i++)
		if (same(sum->consumers[i].name, c->name))
			break;
	if (i == sum->consumers_n) {
		sum->consumers =
		    mem_reallocarray(sum->consumers, i + 1, sizeof(*to));
		to = &sum->consumers[sum->consumers_n++];
		*to = *c;
		to->ranges_n = 0; /* of one partition only */
		return;
	}
	to = &sum->consumers[i];
	sum_rate(&to->out, c->out);
	to->rate_redeliver += c->rate_redeliver;
	to->rate_ack += c->rate_ack;
	to->out_messages += c->out_messages;
	to->out_bytes += c->out_bytes;
	to->permits += c->permits;
	to->unacked += c->unacked;
	to->blocked_unacked |= c->blocked_unacked;
	to->draining_n += c->draining_n;
	oldest(&to->connected_ms, c->connected_ms);
	newest(&to->last_acked_ms, c->last_acked_ms);
	newest(&to->last_consumed_ms, c->last_consumed_ms);
}

static void
sum_held(struct held_back *to, const struct held_back *h)
{
	to->msgs += h->msgs;
	to->bytes += h->bytes;
}

static void
sum_sub(struct sub_stats *to, const struct sub_stats *s)
{
	if (!to->has_type) {
		to->has_type = s->has_type;
		to->type = s->type;
	}
	to->blocked_unacked |= s->blocked_unacked;
	to->backlog += s->backlog;
	to->backlog_entries += s->backlog_entries;
	to->backlog_bytes += s->backlog_bytes;
	to->delayed += s->delayed;
	to->in_replay += s->in_replay;
	to->unacked += s->unacked;
	sum_held(&to->held_by_topic, &s->held_by_topic);
	sum_held(&to->held_by_sub, &s->held_by_sub);
	sum_rate(&to->out, s->out);
	to->rate_redeliver += s->rate_redeliver;
	to->rate_ack += s->rate_ack;
	to->rate_expired += s->rate_expired;
	to->out_messages += s->out_messages;
	to->out_bytes += s->out_bytes;
	to->acked += s->acked;
	to->expired += s->expired;
	to->rate_drop += s->rate_drop;
	to->acked_ranges += s->acked_ranges;
	newest(&to->last_expire_ms, s->last_expire_ms);
	newest(&to->last_acked_ms, s->last_acked_ms);
	newest(&to->last_consumed_ms, s->last_consumed_ms);
	newest(&to->last_flow_ms, s->last_flow_ms);
	newest(&to->last_advanced_ms, s->last_advanced_ms);
}

static void
add_sub(struct topic_stats *sum, const struct sub_stats *s)
{
	struct sub_stats *to;
	uint32_t i;

	for (i = 0; i < sum->subs_n; i++)
		if (same(sum->subs[i].name, s->name))
			break;
	if (i == sum->subs_n) {
		sum->subs = mem_reallocarray(sum->subs, i + 1, sizeof(*to));
		to = &sum->subs[sum->subs_n++];
		*to = *s;
		to->consumers_n = 0;
		to->consumers = NULL;
		to->active = NULL; /* differs from partition to partition */
	} else {
		to = &sum->subs[i];
		sum_sub(to, s);
	}
	for (i = 0; i < s->consumers_n; i++)
		add_consumer(to, &s->consumers[i]);
}

static void
add_topic(struct topic_stats *sum, const struct topic_stats *t)
{
	uint32_t i;

	sum->persistent = t->persistent;
	sum->in_messages += t->in_messages;
	sum->in_bytes += t->in_bytes;
	sum->out_messages += t->out_messages;
	sum->out_bytes += t->out_bytes;
	sum_rate(&sum->in, t->in);
	sum_rate(&sum->out, t->out);
	sum->throttled += t->throttled;
	sum->storage_bytes += t->storage_bytes;
	sum->backlog_bytes += t->backlog_bytes;
	sum->entries += t->entries;
	oldest(&sum->created_ms, t->created_ms);
	newest(&sum->last_publish_ms, t->last_publish_ms);
	for (i = 0; i < t->producers_n; i++)
		add_producer(sum, &t->producers[i]);
	for (i = 0; i < t->subs_n; i++)
		add_sub(sum, &t->subs[i]);
}

struct topic_stats *
stats_sum(struct fx **parts, unsigned n)
{
	struct topic_stats *sum = mem_zalloc(sizeof(*sum));
	unsigned i;

	for (i = 0; i < n; i++)
		if (parts[i]->stats != NULL)
			add_topic(sum, parts[i]->stats);
	if (sum->in.msg > 0)
		sum->average_msg_bytes = sum->in.bytes / sum->in.msg;
	return sum;
}

void
stats_sum_free(struct topic_stats **sump)
{
	struct topic_stats *sum = *sump;
	uint32_t i;

	*sump = NULL;
	for (i = 0; i < sum->subs_n; i++)
		mem_free(sum->subs[i].consumers);
	mem_free(sum->subs);
	mem_free(sum->producers);
	mem_free(sum);
}
