/* SPDX-License-Identifier: Apache-2.0 */
#include "core/term.h"

#include "base/mem.h"
#include "base/vas.h"

#define UNUSED_MAX 256u

static int
by_pos(struct term *a, struct term *b)
{
	return pos_cmp(a->pos, b->pos);
}

static int
by_due(struct term *a, struct term *b)
{
	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms ? -1 : 1;
	return pos_cmp(a->pos, b->pos);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
RB_GENERATE_INTERNAL(terms_all, term, node, by_pos, static)
RB_GENERATE_INTERNAL(terms_out, term, state, by_due, static)
RB_GENERATE_INTERNAL(terms_back, term, state, by_pos, static)
#pragma GCC diagnostic pop

void
terms_init(struct terms *ts)
{
	*ts = (struct terms){ .next = POS_NONE };
	RB_INIT(&ts->all);
	RB_INIT(&ts->out);
	RB_INIT(&ts->back);
}

void
terms_clear(struct terms *ts)
{
	struct term *tm;

	while ((tm = RB_ROOT(&ts->all)) != NULL)
		terms_del(ts, tm);
	AZ(ts->n);
	ts->next = POS_NONE;
}

void
terms_fini(struct terms *ts)
{
	struct term *tm;

	terms_clear(ts);
	while ((tm = ts->unused) != NULL) {
		ts->unused = RB_LEFT(tm, node);
		mem_free(tm);
	}
	ts->unused_n = 0;
}

static void
unstate(struct terms *ts, struct term *tm)
{
	if (tm->due_ms == 0) {
		(void)terms_back_RB_REMOVE(&ts->back, tm);
		return;
	}
	(void)terms_out_RB_REMOVE(&ts->out, tm);
	ts->out_n--;
	ts->out_messages -= tm->messages_n;
}

static void
state(struct terms *ts, struct term *tm)
{
	if (tm->due_ms == 0) {
		AZ(terms_back_RB_INSERT(&ts->back, tm));
		return;
	}
	AZ(terms_out_RB_INSERT(&ts->out, tm));
	ts->out_n++;
	ts->out_messages += tm->messages_n;
}

struct term *
terms_get(const struct terms *ts, struct pos p)
{
	struct term *tm = RB_ROOT(&ts->all);
	int c;

	while (tm != NULL && (c = pos_cmp(p, tm->pos)) != 0)
		tm = c < 0 ? RB_LEFT(tm, node) : RB_RIGHT(tm, node);
	return tm;
}

struct term *
terms_of_index(const struct terms *ts, uint64_t index)
{
	struct term *tm = RB_ROOT(&ts->all);

	while (tm != NULL) {
		if (index < tm->index)
			tm = RB_LEFT(tm, node);
		else if (index - tm->index >= tm->messages_n)
			tm = RB_RIGHT(tm, node);
		else
			break;
	}
	return tm;
}

static struct term *
take(struct terms *ts)
{
	struct term *tm = ts->unused;

	if (tm == NULL)
		return mem_zalloc(sizeof *tm);
	ts->unused = RB_LEFT(tm, node);
	ts->unused_n--;
	*tm = (struct term){ 0 };
	return tm;
}

struct term *
terms_put(struct terms *ts, const struct term *v)
{
	struct term *tm = terms_get(ts, v->pos);

	if (tm != NULL) {
		unstate(ts, tm);
	} else {
		tm = take(ts);
		tm->pos = v->pos;
		AZ(terms_all_RB_INSERT(&ts->all, tm));
		ts->n++;
	}
	tm->index = v->index;
	tm->messages_n = v->messages_n;
	tm->redeliveries = v->redeliveries;
	tm->time_ms = v->time_ms;
	tm->due_ms = v->due_ms;
	state(ts, tm);
	return tm;
}

void
terms_del(struct terms *ts, struct term *tm)
{
	unstate(ts, tm);
	(void)terms_all_RB_REMOVE(&ts->all, tm);
	ts->n--;
	if (ts->unused_n >= UNUSED_MAX) {
		mem_free(tm);
		return;
	}
	RB_LEFT(tm, node) = ts->unused;
	ts->unused = tm;
	ts->unused_n++;
}

void
terms_del_upto(struct terms *ts, struct pos upto)
{
	struct term *tm;

	while ((tm = terms_first(ts)) != NULL && pos_cmp(tm->pos, upto) <= 0)
		terms_del(ts, tm);
}

struct term *
terms_first(const struct terms *ts)
{
	struct term *tm = RB_ROOT(&ts->all);

	while (tm != NULL && RB_LEFT(tm, node) != NULL)
		tm = RB_LEFT(tm, node);
	return tm;
}

struct term *
terms_next(const struct terms *ts, struct term *tm)
{
	(void)ts;
	return terms_all_RB_NEXT(tm);
}

struct term *
terms_first_due(const struct terms *ts)
{
	struct term *tm = RB_ROOT(&ts->out);

	while (tm != NULL && RB_LEFT(tm, state) != NULL)
		tm = RB_LEFT(tm, state);
	return tm;
}

struct term *
terms_first_back(const struct terms *ts)
{
	return terms_next_back(ts, POS_NONE);
}

struct term *
terms_next_back(const struct terms *ts, struct pos after)
{
	struct term *tm = RB_ROOT(&ts->back), *best = NULL;

	while (tm != NULL) {
		if (pos_cmp(tm->pos, after) > 0) {
			best = tm;
			tm = RB_LEFT(tm, state);
		} else
			tm = RB_RIGHT(tm, state);
	}
	return best;
}
