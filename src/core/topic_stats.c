/* SPDX-License-Identifier: Apache-2.0 */
/* A topic's figures: rates every minute, snapshots for admin and metrics. */
#include "core/pace.h"
#include "core/cursor.h"
#include "core/sub_priv.h"
#include "core/topic_priv.h"

/* --- rates ------------------------------------------------------------------------ */

static struct rate
rate(uint64_t messages, uint64_t *messages_mark, uint64_t bytes,
    uint64_t *bytes_mark, double seconds)
{
	struct rate r;

	r.msg = (double)(messages - *messages_mark) / seconds;
	r.bytes = (double)(bytes - *bytes_mark) / seconds;
	*messages_mark = messages;
	*bytes_mark = bytes;
	return r;
}

void
topic_rates(struct topic *t, double seconds)
{
	struct producer *pr;
	struct sub *s, *next;

	if (seconds <= 0)
		return;
	t->in = rate(t->in_messages, &t->in_messages_mark, t->in_bytes,
	    &t->in_bytes_mark, seconds);
	t->out = rate(t->out_messages, &t->out_messages_mark, t->out_bytes,
	    &t->out_bytes_mark, seconds);
	if (t->state == TOPIC_READY)
		pace_update(t); /* what is relative to `in` */
	LIST_FOREACH(pr, &t->producers, link) {
		pr->in = rate(pr->messages, &pr->messages_mark, pr->bytes,
		    &pr->bytes_mark, seconds);
		pr->rate_drop =
		    (double)(pr->dropped - pr->dropped_mark) / seconds;
		pr->dropped_mark = pr->dropped;
	}
	for (s = TAILQ_FIRST(&t->subs); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		sub_rate_tick(s, seconds);
	}
}

/* --- snapshots ----------------------------------------------------------------------- */

static void
producer_fill(const struct producer *pr, struct producer_stats *ps)
{
	ps->name = mem_strdup(pr->name);
	ps->address = mem_strdup(pr->address);
	ps->version = mem_strdup(pr->version);
	ps->id = pr->dest.tag;
	ps->access = pr->access;
	ps->in = pr->in;
	ps->rate_drop = pr->rate_drop;
	ps->connected_ms = pr->connected_ms;
	ps->props = props_dup(pr->props, pr->props_n);
	ps->props_n = pr->props_n;
}

static void
ledgers_fill(const struct topic *t, struct topic_stats *ts)
{
	const struct ledger_info *li;
	struct ledger_stats *ls;
	uint32_t i;

	ts->ledgers_n = t->log.ledgers_n;
	ts->ledgers = mem_calloc(ts->ledgers_n, sizeof *ts->ledgers);
	for (i = 0; i < ts->ledgers_n; i++) {
		li = &t->log.ledgers[i]->info;
		ls = &ts->ledgers[i];
		ls->id = li->id;
		ls->entries = (uint64_t)(li->last_entry + 1);
		ls->bytes = li->bytes;
		ls->created_ms = li->created_ms;
		ls->open = li->open;
		ts->entries += ls->entries;
	}
}

uint64_t
topic_bytes_after(const struct topic *t, struct pos p)
{
	const struct ledger_info *li;
	uint64_t n = 0, entries, done;
	uint32_t i;

	for (i = 0; i < t->log.ledgers_n; i++) {
		li = &t->log.ledgers[i]->info;
		if (li->id < p.ledger || li->last_entry < 0)
			continue;
		n += li->bytes;
		if (li->id > p.ledger || p.entry < 0)
			continue;
		entries = (uint64_t)li->last_entry + 1;
		done = (uint64_t)p.entry + 1;
		n -= done >= entries ? li->bytes : li->bytes / entries * done;
	}
	return n;
}

static struct topic_stats *
stats_new(struct topic *t)
{
	struct topic_stats *ts = mem_zalloc(sizeof *ts);
	struct producer *pr;
	struct sub *s;
	uint32_t i;

	ts->name = mem_strndup(t->name.full.p, t->name.full.len);
	ts->persistent = t->name.persistent;
	ts->terminated = t->terminated;
	ts->in_messages = t->in_messages;
	ts->in_bytes = t->in_bytes;
	ts->out_messages = t->out_messages;
	ts->out_bytes = t->out_bytes;
	ts->in = t->in;
	ts->out = t->out;
	if (t->in.msg > 0)
		ts->average_msg_bytes = t->in.bytes / t->in.msg;
	ts->throttled = t->throttled;
	ts->storage_bytes = t->log.bytes;
	if (t->name.persistent)
		ts->backlog_bytes = topic_bytes_after(t, subs_slowest(t));
	ts->last = t->log.last;
	ts->terminated_pos = t->terminated_pos;
	ts->next_index = t->log.next_index;
	ts->created_ms = t->created_ms;
	ts->last_publish_ms = t->last_publish_ms;
	ledgers_fill(t, ts);
	ts->producers_n = t->producers_n;
	ts->producers = mem_calloc(t->producers_n, sizeof *ts->producers);
	i = 0;
	LIST_FOREACH(pr, &t->producers, link)
		producer_fill(pr, &ts->producers[i++]);
	ts->subs_n = t->subs_n;
	ts->subs = mem_calloc(t->subs_n, sizeof *ts->subs);
	i = 0;
	TAILQ_FOREACH(s, &t->subs, link)
		sub_stats_fill(s, &ts->subs[i++]);
	return ts;
}

void
topic_stats_op(struct topic *t, struct op **opp)
{
	struct fx *fx;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	fx = core_answer_new(t->co, *opp, FX_STATS);
	fx->stats = stats_new(t);
	core_emit(t->co, &fx);
	op_free(opp);
}

static void
sub_stats_fini(struct sub_stats *ss)
{
	struct consumer_stats *cs;
	uint32_t i;

	for (i = 0; i < ss->consumers_n; i++) {
		cs = &ss->consumers[i];
		mem_free(cs->name);
		mem_free(cs->address);
		mem_free(cs->version);
		mem_free(cs->ranges);
		props_free(&cs->props, cs->props_n);
	}
	mem_free(ss->consumers);
	mem_free(ss->name);
	mem_free(ss->active);
	props_free(&ss->props, ss->props_n);
}

void
topic_stats_free(struct topic_stats **tsp)
{
	struct topic_stats *ts = *tsp;
	uint32_t i;

	AN(ts);
	*tsp = NULL;
	for (i = 0; i < ts->producers_n; i++) {
		mem_free(ts->producers[i].name);
		mem_free(ts->producers[i].address);
		mem_free(ts->producers[i].version);
		props_free(&ts->producers[i].props, ts->producers[i].props_n);
	}
	for (i = 0; i < ts->subs_n; i++)
		sub_stats_fini(&ts->subs[i]);
	mem_free(ts->producers);
	mem_free(ts->subs);
	mem_free(ts->ledgers);
	mem_free(ts->name);
	mem_free(ts);
}

/* --- metrics -------------------------------------------------------------------------- */

static int
by_name(const struct topic *a, const struct topic *b)
{
	struct str x = a->name.full, y = b->name.full;
	size_t n = x.len < y.len ? x.len : y.len;
	int c = memcmp(x.p, y.p, n);

	if (c != 0)
		return c;
	return x.len < y.len ? -1 : x.len > y.len;
}

static bool
is_after(const struct topic *t, struct str after)
{
	struct str x = t->name.full;
	size_t n = x.len < after.len ? x.len : after.len;
	int c = n > 0 ? memcmp(x.p, after.p, n) : 0;

	return c > 0 || (c == 0 && x.len > after.len);
}

/* The n smallest that come after: a bounded list kept in order, one pass. */
unsigned
core_stats_walk(
    struct core *co, struct str after, unsigned n, struct topic_stats **out)
{
	struct topic **v, *t;
	unsigned m = 0, i;
	size_t it;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	v = mem_calloc((size_t)n + 1, sizeof *v);
	MAP_FOREACH(t, co->topics, it) {
		if (t->state != TOPIC_READY || !is_after(t, after) ||
		    (m == n && (n == 0 || by_name(t, v[m - 1]) > 0)))
			continue;
		for (i = m; i > 0 && by_name(t, v[i - 1]) < 0; i--)
			v[i] = v[i - 1];
		v[i] = t;
		if (m < n)
			m++;
	}
	for (i = 0; i < m; i++)
		out[i] = stats_new(v[i]);
	mem_free(v);
	return m;
}
