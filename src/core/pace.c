/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pace.h"
#include "core/cursor.h"
#include "core/reads.h"
#include "core/topic_priv.h"

#define S_NS INT64_C(1000000000)

/* --- tokens ----------------------------------------------------------------------- */

enum lack {
	LACK_NONE,
	LACK_MSGS,
	LACK_BYTES
};

static enum lack
lacks(struct pace *p)
{
	struct core *co;
	int64_t a, b;

	if (p == NULL)
		return LACK_NONE;
	CHECK_OBJ_NOTNULL(p, PACE_MAGIC);
	co = p->t->co;
	a = bucket_wait(&p->msgs, co->now_ns);
	b = bucket_wait(&p->bytes, co->now_ns);
	if (a == 0 && b == 0)
		return LACK_NONE;
	if (!timer_is_set(&p->timer))
		timer_set(co->timers, &p->timer, co->now_ns + (a > b ? a : b));
	return a > 0 ? LACK_MSGS : LACK_BYTES;
}

/* Has a read, or a subscription, so little before it that no rate holds it? */
static bool
read_is_free(const struct topic *t, uint64_t index)
{
	return t->co->conf.pace_backlog_only &&
	    index + PACE_BACKLOG > t->log.next_index;
}

static bool
sub_is_free(const struct sub *s)
{
	const struct topic *t = s->t;

	if (!t->co->conf.pace_backlog_only)
		return false;
	if (s->rd == NULL)
		return cursor_backlog_entries(s->cur) < PACE_BACKLOG;
	return tlog_entries(t, reader_pos(s->rd), t->log.last) < PACE_BACKLOG;
}

bool
topic_is_held(const struct topic *t, uint64_t index)
{
	return !read_is_free(t, index) && lacks(t->pace) != LACK_NONE;
}

bool
pace_holds(struct sub *s)
{
	struct held_back *hb = &s->held_by_topic;
	enum lack l;

	if (sub_is_free(s))
		return false;
	l = lacks(s->t->pace);
	if (l == LACK_NONE) {
		l = lacks(s->pace);
		hb = &s->held_by_sub;
	}
	if (l == LACK_MSGS)
		hb->msgs++;
	else if (l == LACK_BYTES)
		hb->bytes++;
	return l != LACK_NONE;
}

static void
take(struct pace *p, uint64_t messages, uint64_t bytes)
{
	if (p == NULL)
		return;
	bucket_take(&p->msgs, p->t->co->now_ns, messages);
	bucket_take(&p->bytes, p->t->co->now_ns, bytes);
}

void
pace_take(struct sub *s, uint64_t messages, uint64_t bytes)
{
	if (sub_is_free(s))
		return;
	take(s->t->pace, messages, bytes);
	take(s->pace, messages, bytes);
}

void
pace_take_read(
    struct topic *t, uint64_t index, uint64_t messages, uint64_t bytes)
{
	if (!read_is_free(t, index))
		take(t->pace, messages, bytes);
}

/* Each time from another one on: the first may take all that there is. */
static void
kick_all(struct topic *t, unsigned turn)
{
	struct sub *s, *first = TAILQ_FIRST(&t->subs);
	unsigned n;

	if (first == NULL)
		return;
	for (n = turn % t->subs_n; n > 0; n--)
		first = TAILQ_NEXT(first, link);
	for (s = first; s != NULL; s = TAILQ_NEXT(s, link))
		sub_kick(s);
	for (s = TAILQ_FIRST(&t->subs); s != first; s = TAILQ_NEXT(s, link))
		sub_kick(s);
}

static void
on_time(void *priv)
{
	struct pace *p;
	struct topic *t;

	CAST_OBJ_NOTNULL(p, priv, PACE_MAGIC);
	t = p->t;
	if (p->s != NULL) {
		sub_kick(p->s);
		return;
	}
	topic_pin(t);
	kick_all(t, p->turn / 2);
	/* reads go on at once: every other time subscriptions run before them */
	if (p->turn++ % 2 == 0)
		reads_notify(t);
	else if (reads_any(t))
		timer_set(t->co->timers, &p->timer, t->co->now_ns + 1);
	topic_unpin(t);
}

/* --- rates ------------------------------------------------------------------------ */

void
pace_free(struct pace **pp)
{
	struct pace *p;

	if (*pp == NULL)
		return;
	TAKE_OBJ_NOTNULL(p, pp, PACE_MAGIC);
	timer_cancel(p->t->co->timers, &p->timer);
	FREE_OBJ(p);
}

static void
set(struct bucket *b, const struct limit_value *l, int64_t n, double in)
{
	int64_t period = (l->period_s > 0 ? l->period_s : 1) * S_NS;

	if (n > 0 && l->relative)
		bucket_adjust(b, n + (int64_t)in, period);
	else
		bucket_set(b, n, period);
}

static void
update(struct topic *t, struct sub *s, struct pace **pp, enum limit i)
{
	const struct limit_value *l = topic_limit(t, i);
	struct pace *p = *pp;

	if (!t->name.persistent)
		return;
	if (l->n <= 0 && l->bytes <= 0) {
		/* who was held goes on */
		if (p != NULL && timer_is_set(&p->timer))
			on_time(p);
		pace_free(pp);
		return;
	}
	if (p == NULL) {
		ALLOC_OBJ(p, PACE_MAGIC);
		p->t = t;
		p->s = s;
		timer_init(&p->timer, on_time, p);
		*pp = p;
	}
	set(&p->msgs, l, l->n, t->in.msg);
	set(&p->bytes, l, l->bytes, t->in.bytes);
	if (timer_is_set(&p->timer)) {
		timer_cancel(t->co->timers, &p->timer);
		on_time(p);
	}
}

void
pace_update_sub(struct sub *s)
{
	update(s->t, s, &s->pace, LIM_SUB_DISPATCH_RATE);
}

void
pace_update(struct topic *t)
{
	struct sub *s;

	update(t, NULL, &t->pace, LIM_DISPATCH_RATE);
	TAILQ_FOREACH(s, &t->subs, link)
		pace_update_sub(s);
}
