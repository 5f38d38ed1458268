/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timer.h"

#include <stddef.h>

#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"

/* A binary heap of pointers; slot 0 stays unused, so that a timer's slot 0 can
 * say "not set". Equal times run in the order of the heap, which follows from
 * the order of setting: deterministic. */
struct timers {
	unsigned magic;
#define TIMERS_MAGIC 0x71e45001
	struct timer **v;
	uint32_t n, cap; /* v[1..n] */
};

struct timers *
timers_new(void)
{
	struct timers *ts;

	ALLOC_OBJ(ts, TIMERS_MAGIC);
	ts->cap = 64;
	ts->v = mem_alloc(ts->cap * sizeof(struct timer *));
	return ts;
}

void
timers_free(struct timers **tsp)
{
	struct timers *ts;

	TAKE_OBJ_NOTNULL(ts, tsp, TIMERS_MAGIC);
	mem_free(ts->v);
	FREE_OBJ(ts);
}

void
timer_init(struct timer *t, timer_f *f, void *priv)
{
	*t = (struct timer){ .f = f, .priv = priv };
}

static void
place(struct timers *ts, uint32_t i, struct timer *t)
{
	ts->v[i] = t;
	t->slot = i;
}

static void
sift_up(struct timers *ts, uint32_t i, struct timer *t)
{
	while (i > 1 && ts->v[i / 2]->due_ns > t->due_ns) {
		place(ts, i, ts->v[i / 2]);
		i /= 2;
	}
	place(ts, i, t);
}

static void
sift_down(struct timers *ts, uint32_t i, struct timer *t)
{
	uint32_t c;

	while ((c = 2 * i) <= ts->n) {
		if (c < ts->n && ts->v[c + 1]->due_ns < ts->v[c]->due_ns)
			c++;
		if (ts->v[c]->due_ns >= t->due_ns)
			break;
		place(ts, i, ts->v[c]);
		i = c;
	}
	place(ts, i, t);
}

void
timer_set(struct timers *ts, struct timer *t, int64_t due_ns)
{
	CHECK_OBJ_NOTNULL(ts, TIMERS_MAGIC);
	AN(t->f);
	timer_cancel(ts, t);
	t->due_ns = due_ns;
	if (ts->n + 1 == ts->cap) {
		ts->cap *= 2;
		ts->v = mem_realloc(ts->v, ts->cap * sizeof(struct timer *));
	}
	sift_up(ts, ++ts->n, t);
}

void
timer_cancel(struct timers *ts, struct timer *t)
{
	struct timer *last;
	uint32_t i = t->slot;

	CHECK_OBJ_NOTNULL(ts, TIMERS_MAGIC);
	if (i == 0)
		return;
	assert(i <= ts->n && ts->v[i] == t);
	t->slot = 0;
	last = ts->v[ts->n--];
	if (last == t)
		return;
	if (i > 1 && ts->v[i / 2]->due_ns > last->due_ns)
		sift_up(ts, i, last);
	else
		sift_down(ts, i, last);
}

bool
timer_is_set(const struct timer *t)
{
	return t->slot != 0;
}

int64_t
timers_run(struct timers *ts, int64_t now_ns, unsigned max)
{
	struct timer *t;

	CHECK_OBJ_NOTNULL(ts, TIMERS_MAGIC);
	for (; max > 0 && ts->n > 0 && ts->v[1]->due_ns <= now_ns; max--) {
		t = ts->v[1];
		timer_cancel(ts, t);
		t->f(t->priv);
	}
	return ts->n > 0 ? ts->v[1]->due_ns : INT64_MAX;
}
