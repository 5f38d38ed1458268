/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of subscriptions and consumers. */
#include "core/cursor_priv.h"
#include "core/leasing.h"
#include "core/delay.h"
#include "core/sub_priv.h"
#include "core/topic_priv.h"

static void
fill_consumer(const struct consumer *c, struct consumer_stats *cs)
{
	cs->name = mem_strdup(c->name);
	cs->address = mem_strdup(c->address);
	cs->version = mem_strdup(c->version);
	cs->tag = c->dest.tag;
	cs->conn = c->dest.conn;
	cs->out = c->out;
	cs->rate_redeliver = c->rate_redeliver;
	cs->rate_ack = c->rate_ack;
	cs->out_messages = c->out_messages;
	cs->out_bytes = c->out_bytes;
	cs->permits = c->permits;
	cs->unacked = c->unacked;
	cs->blocked_unacked = c->blocked_unacked;
	cs->priority = c->priority;
	cs->connected_ms = c->connected_ms;
	cs->last_acked_ms = c->last_acked_ms;
	cs->last_consumed_ms = c->last_consumed_ms;
	cs->props = props_dup(c->props, c->props_n);
	cs->props_n = c->props_n;
	if (c->ranges_n > 0) {
		cs->ranges =
		    mem_dup(c->ranges, c->ranges_n * sizeof *c->ranges);
		cs->ranges_n = c->ranges_n;
	}
}

static void
fill_head(const struct sub *s, struct sub_stats *st)
{
	st->name = mem_strdup(s->name);
	st->type = s->type;
	st->has_type = s->has_type;
	st->durable = s->durable;
	st->holds = s->holds;
	st->replicated = s->replicated;
	st->ks_sticky = s->ks_sticky;
	st->ks_out_of_order = s->ks_out_of_order;
	st->blocked_unacked = s->blocked_unacked;
	st->in_replay = s->replay.count;
	st->unacked = s->unacked;
	st->held_by_topic = s->held_by_topic;
	st->held_by_sub = s->held_by_sub;
	if (s->cur != NULL)
		st->unacked += cursor_terms(s->cur)->out_messages;
	st->out = s->out;
	st->rate_redeliver = s->rate_redeliver;
	st->rate_ack = s->rate_ack;
	st->out_messages = s->out_messages;
	st->out_bytes = s->out_bytes;
	st->acked = s->acked;
	st->expired = s->expired;
	st->rate_drop = s->rate_drop;
	st->last_expire_ms = s->last_expire_ms;
	st->last_acked_ms = s->last_acked_ms;
	st->last_consumed_ms = s->last_consumed_ms;
	st->last_flow_ms = s->last_flow_ms;
	st->last_advanced_ms = s->last_advanced_ms;
	st->props = props_dup(s->props, s->props_n);
	st->props_n = s->props_n;
	if (s->cur == NULL)
		return;
	st->backlog = cursor_backlog(s->cur);
	st->backlog_entries = cursor_backlog_entries(s->cur);
	st->mark_delete = cursor_mark_delete(s->cur);
	st->backlog_bytes = (int64_t)topic_bytes_after(s->t, st->mark_delete);
	st->delayed = delay_count(s);
	st->acked_ranges = cursor_acked_ranges(s->cur);
	st->read_pos = s->rd != NULL ? reader_pos(s->rd) :
				       tlog_next(s->t, st->mark_delete);
}

void
sub_stats_fill(struct sub *s, struct sub_stats *st)
{
	struct consumer *c;

	CHECK_OBJ_NOTNULL(s, SUB_MAGIC);
	memset(st, 0, sizeof *st);
	fill_head(s, st);
	if (s->consumers_n == 0)
		return;
	st->consumers = mem_calloc(s->consumers_n, sizeof *st->consumers);
	TAILQ_FOREACH(c, &s->consumers, link)
		fill_consumer(c, &st->consumers[st->consumers_n++]);
	s->disp->stats(s, st);
}

void
consumer_stats_op(struct consumer *c, struct op **opp)
{
	struct sub *s = c->sub;
	struct topic *t = s->t;
	struct topic_stats *ts = mem_zalloc(sizeof *ts);
	struct fx *fx;

	ts->name = mem_strdup(t->name.text);
	ts->persistent = t->name.persistent;
	ts->terminated = t->terminated;
	ts->subs = mem_calloc(1, sizeof *ts->subs);
	ts->subs_n = 1;
	fill_head(s, ts->subs);
	ts->subs->consumers = mem_calloc(1, sizeof *ts->subs->consumers);
	ts->subs->consumers_n = 1;
	fill_consumer(c, ts->subs->consumers);
	fx = core_answer_new(t->co, *opp, FX_STATS);
	fx->stats = ts;
	core_emit(t->co, &fx);
	op_free(opp);
}

/* --- rates ------------------------------------------------------------------------- */

static double
per_second(uint64_t now, uint64_t *mark, double seconds)
{
	uint64_t n = now - *mark;

	*mark = now;
	return seconds > 0 ? (double)n / seconds : 0;
}

void
sub_rate_tick(struct sub *s, double seconds)
{
	struct consumer *c;
	int64_t ttl = s->t->policy.ttl_s;

	CHECK_OBJ_NOTNULL(s, SUB_MAGIC);
	leasing_tick(s);
	s->out.msg =
	    per_second(s->out_messages, &s->out_messages_mark, seconds);
	s->out.bytes = per_second(s->out_bytes, &s->out_bytes_mark, seconds);
	s->rate_ack = per_second(s->acked, &s->acked_mark, seconds);
	s->rate_redeliver =
	    per_second(s->redelivered, &s->redelivered_mark, seconds);
	s->rate_drop = per_second(s->dropped, &s->dropped_mark, seconds);
	TAILQ_FOREACH(c, &s->consumers, link) {
		c->out.msg =
		    per_second(c->out_messages, &c->out_messages_mark, seconds);
		c->out.bytes =
		    per_second(c->out_bytes, &c->out_bytes_mark, seconds);
		c->rate_ack = per_second(c->acked, &c->acked_mark, seconds);
		c->rate_redeliver =
		    per_second(c->redelivered, &c->redelivered_mark, seconds);
	}
	/* what is staged stays until it is due */
	if (ttl > 0 && s->t->stage == NULL)
		sub_expire(s, s->t->co->now_ms - ttl * 1000, NULL, NULL);
}
