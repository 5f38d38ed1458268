/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exclusive and failover: one consumer is active and gets everything in order.
 * The rules are those of Pulsar's AbstractDispatcherSingleActiveConsumer.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "core/pace.h"
#include "core/sub_priv.h"

#define QUANTUM 64
#define RING_POINTS 100

struct single {
	unsigned magic;
#define SINGLE_MAGIC 0x51461e01
	struct sub *s;
	struct consumer *active;
	struct timer delay;
	bool waiting; /* a new active one waits for the old one's last acks */
};

static struct single *
state(const struct sub *s)
{
	struct single *sg;

	CAST_OBJ_NOTNULL(sg, s->disp_state, SINGLE_MAGIC);
	return sg;
}

struct consumer *
disp_single_active(const struct sub *s)
{
	return s->disp_state != NULL ? state(s)->active : NULL;
}

/* --- who is active ---------------------------------------------------------------- */

struct rank {
	struct consumer *c;
	uint32_t i; /* Java's sort is stable: the elder first */
};

static int
by_rank(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;
	int r;

	if (x->c->priority != y->c->priority)
		return x->c->priority < y->c->priority ? -1 : 1;
	r = strcmp(x->c->name, y->c->name);
	if (r != 0)
		return r;
	return x->i < y->i ? -1 : 1;
}

/*
 * Pulsar hashes the topic's name onto a ring of 100 points a consumer, each the
 * murmur3 of name and number; where two points collide the later one stays.
 */
static uint32_t
ring_pick(const struct rank *v, uint32_t n, struct str topic)
{
	uint32_t h = hash_sticky(topic.p, topic.len), i, k, p;
	uint32_t best = 0, best_p = UINT32_MAX, low = 0, low_p = UINT32_MAX;
	char key[1024];
	int len;

	for (i = 0; i < n; i++)
		for (k = 0; k < RING_POINTS; k++) {
			len =
			    snprintf(key, sizeof key, "%s%u", v[i].c->name, k);
			if (len >= (int)sizeof key)
				len = (int)sizeof key - 1;
			p = hash_sticky(key, (size_t)len);
			if (p >= h && p <= best_p) {
				best = i;
				best_p = p;
			}
			if (p <= low_p) {
				low = i;
				low_p = p;
			}
		}
	return best_p != UINT32_MAX ? best : low;
}

static struct consumer *
pick_active(struct sub *s)
{
	struct consumer *c;
	struct rank *v;
	uint32_t n = 0, top;

	v = mem_calloc(s->consumers_n, sizeof *v);
	TAILQ_FOREACH(c, &s->consumers, link) {
		v[n].c = c;
		v[n].i = n;
		n++;
	}
	qsort(v, n, sizeof *v, by_rank);
	for (top = 1; top < n; top++)
		if (v[top].c->priority != v[0].c->priority)
			break;
	if (s->t->name.partition >= 0)
		c = v[(uint32_t)s->t->name.partition % top].c;
	else
		c = v[ring_pick(v, top, s->t->name.full)].c;
	mem_free(v);
	return c;
}

static void
tell(struct single *sg, struct consumer *c)
{
	struct fx *fx;

	if (sg->s->type != SUB_FAILOVER)
		return;
	fx = fx_new(FX_ACTIVE_CHANGE, c->dest);
	fx->handle = c->handle;
	fx->flag = c == sg->active;
	core_emit(sg->s->t->co, &fx);
}

static void
take_over(struct single *sg)
{
	struct consumer *c;

	sg->waiting = false;
	if (sg->s->cur != NULL)
		sub_rewind(sg->s);
	TAILQ_FOREACH(c, &sg->s->consumers, link)
		tell(sg, c);
	sub_kick(sg->s);
}

static void
delay_over(void *priv)
{
	struct single *sg;

	CAST_OBJ_NOTNULL(sg, priv, SINGLE_MAGIC);
	take_over(sg);
}

/* true: the active one changed */
static bool
elect(struct sub *s)
{
	struct single *sg = state(s);
	struct core *co = s->t->co;
	struct consumer *c = pick_active(s);

	if (c == sg->active)
		return false;
	sg->active = c;
	if (s->type != SUB_FAILOVER || co->conf.failover_delay_ms <= 0)
		take_over(sg);
	else if (!sg->waiting) {
		sg->waiting = true;
		timer_set(co->timers, &sg->delay,
		    co->now_ns + co->conf.failover_delay_ms * 1000000);
	}
	return true;
}

static void
single_add(struct sub *s, struct consumer *c)
{
	struct single *sg;

	if (s->disp_state == NULL) {
		ALLOC_OBJ(sg, SINGLE_MAGIC);
		sg->s = s;
		timer_init(&sg->delay, delay_over, sg);
		s->disp_state = sg;
	}
	if (!elect(s))
		tell(state(s), c);
}

static void
stop_waiting(struct single *sg)
{
	if (sg->waiting)
		timer_cancel(sg->s->t->co->timers, &sg->delay);
	sg->waiting = false;
}

static void
single_remove(struct sub *s, struct consumer *c)
{
	struct single *sg = state(s);

	if (sg->active == c)
		sg->active = NULL;
	if (s->consumers_n == 0)
		stop_waiting(sg);
	else if (!s->fenced)
		(void)elect(s);
}

/* --- dispatch ------------------------------------------------------------------------- */

/* Readers of a key range (exclusive with ranges) see only their slots. */
static bool
is_wanted(const struct consumer *c, const struct entry *ent)
{
	uint32_t slot = ent->attr.key_hash % 65536, i;

	if (c->ranges_n == 0)
		return true;
	if (slot == 0)
		slot = 1;
	for (i = 0; i < c->ranges_n; i++)
		if (slot >= c->ranges[i].start && slot <= c->ranges[i].end)
			return true;
	return false;
}

static bool
single_run(struct sub *s)
{
	struct single *sg = state(s);
	struct consumer *c = sg->active;
	struct entry ent;
	unsigned i;

	if (c == NULL || sg->waiting)
		return false;
	for (i = 0; i < QUANTUM; i++) {
		if (!consumer_can_take(c) ||
		    sub_peek(s, &ent) != READER_ENTRY || sub_is_held(s))
			return false;
		if (!sub_swallow(s, &ent) && is_wanted(c, &ent))
			(void)consumer_deliver(c, &ent, 0);
		reader_advance(s->rd);
	}
	return true;
}

static void
single_redeliver(struct sub *s, struct consumer *c, uint32_t n,
    const struct core_ack_id *ids, uint64_t epoch)
{
	struct single *sg = state(s);

	/* order is kept by delivering everything again, whatever ids say */
	(void)n;
	(void)ids;
	if (epoch > c->epoch)
		c->epoch = epoch;
	if (c != sg->active || sg->waiting)
		return;
	sub_rewind(s);
}

static void
single_rewind(struct sub *s)
{
	if (s->consumers_n > 0)
		sub_rewind(s);
}

static void
single_update(struct sub *s, struct consumer *c)
{
	(void)s;
	(void)c;
}

static void
single_acked(struct sub *s, struct lease *l, struct consumer *owner)
{
	(void)s;
	(void)l;
	(void)owner;
	WRONG("no leases here");
}

static struct consumer *
single_pick(struct sub *s, const struct entry *ent)
{
	struct single *sg = state(s);

	if (sg->active == NULL || sg->waiting ||
	    !consumer_can_take(sg->active) || !is_wanted(sg->active, ent))
		return NULL;
	return sg->active;
}

static void
single_stats(struct sub *s, struct sub_stats *st)
{
	struct single *sg = state(s);

	if (sg->active != NULL)
		st->active = mem_strdup(sg->active->name);
}

static void
single_free(struct sub *s)
{
	struct single *sg;

	if (s->disp_state == NULL)
		return;
	sg = state(s);
	stop_waiting(sg);
	s->disp_state = NULL;
	FREE_OBJ(sg);
}

const struct disp_ops disp_single = {
	.name = "single",
	.add = single_add,
	.remove = single_remove,
	.run = single_run,
	.redeliver = single_redeliver,
	.rewind = single_rewind,
	.update = single_update,
	.acked = single_acked,
	.pick = single_pick,
	.stats = single_stats,
	.free = single_free,
};
