/* SPDX-License-Identifier: Apache-2.0 */
/* Terms in the journal of a cursor; doc/format-cursor.md draws the bytes. */
#include "core/cursor_priv.h"

/* of one item: it has to fit a piece of the journal */
#define ITEM_TERMS_MAX 512u

struct terms *
cursor_terms(struct cursor *cur)
{
	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	return &cur->terms;
}

static int64_t
get_zigzag(struct cread *r)
{
	uint64_t v = cread_uint(r);

	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* what a number says of the one before; wraps, so that any of them can be said */
static uint64_t
diff(uint64_t v, uint64_t before)
{
	return cbuf_zigzag((int64_t)(v - before));
}

static void
note_run(struct cursor *cur, struct term *const *v, uint32_t n)
{
	struct cbuf *b = &cur->items;
	uint64_t index = 0;
	int64_t entry = 0;
	uint32_t i;

	if (!cursor_item_begin(cur, CURSOR_ITEM_TERMS))
		return;
	cbuf_uint(b, (uint64_t)v[0]->time_ms);
	cbuf_uint(b, (uint64_t)v[0]->due_ms);
	cbuf_uint(b, v[0]->pos.ledger);
	cbuf_uint(b, n);
	for (i = 0; i < n; i++) {
		cbuf_uint(b, diff((uint64_t)v[i]->pos.entry, (uint64_t)entry));
		cbuf_uint(b, diff(v[i]->index, index));
		cbuf_uint(b, v[i]->messages_n);
		cbuf_uint(b, v[i]->redeliveries);
		entry = v[i]->pos.entry + 1;
		index = v[i]->index + v[i]->messages_n;
	}
	cursor_item_end(cur);
}

void
cursor_note_terms(struct cursor *cur, struct term *const *v, uint32_t n)
{
	uint32_t i, k;

	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	for (i = 0; i < n; i = k) {
		for (k = i + 1; k < n && k - i < ITEM_TERMS_MAX &&
		     v[k]->pos.ledger == v[i]->pos.ledger;
		     k++)
			;
		note_run(cur, v + i, k - i);
	}
}

/* One that was written; false: it can't be. */
static bool
put(struct cursor *cur, const struct term *tm)
{
	if (tm->pos.entry < 0 || tm->pos.entry > (int64_t)UINT32_MAX ||
	    tm->messages_n == 0 || tm->due_ms < 0)
		return false;
	if (!cursor_is_acked(cur, tm->pos))
		(void)terms_put(&cur->terms, tm);
	return true;
}

static uint32_t
get_u32(struct cread *r)
{
	uint64_t v = cread_uint(r);

	r->bad = r->bad || v > UINT32_MAX;
	return (uint32_t)v;
}

void
cursor_replay_terms(struct cursor *cur, struct cread *r)
{
	struct term tm = { 0 };
	uint64_t n, i, index = 0;
	int64_t entry = 0;

	tm.time_ms = (int64_t)cread_uint(r);
	tm.due_ms = (int64_t)cread_uint(r);
	tm.pos.ledger = cread_uint(r);
	n = cread_uint(r);
	for (i = 0; i < n && !r->bad; i++) {
		tm.pos.entry =
		    (int64_t)((uint64_t)entry + (uint64_t)get_zigzag(r));
		tm.index = index + (uint64_t)get_zigzag(r);
		tm.messages_n = get_u32(r);
		tm.redeliveries = get_u32(r);
		if (!r->bad && !put(cur, &tm))
			r->bad = true;
		entry = tm.pos.entry + 1;
		index = tm.index + tm.messages_n;
	}
}

void
cursor_snap_terms(const struct cursor *cur, struct cbuf *b)
{
	const struct terms *ts = &cur->terms;
	struct term was = { 0 }, *tm;

	cbuf_uint(b, ts->n);
	for (tm = terms_first(ts); tm != NULL; tm = terms_next(ts, tm)) {
		cbuf_uint(b, tm->pos.ledger - was.pos.ledger);
		cbuf_uint(
		    b, diff((uint64_t)tm->pos.entry, (uint64_t)was.pos.entry));
		cbuf_uint(b, diff(tm->index, was.index));
		cbuf_uint(b, tm->messages_n);
		cbuf_uint(b, tm->redeliveries);
		cbuf_uint(
		    b, diff((uint64_t)tm->time_ms, (uint64_t)was.time_ms));
		cbuf_uint(b, diff((uint64_t)tm->due_ms, (uint64_t)was.due_ms));
		was = *tm;
	}
}

void
cursor_load_terms(struct cursor *cur, struct cread *r)
{
	uint64_t n = cread_uint(r), i;
	struct term tm = { 0 };

	for (i = 0; i < n && !r->bad; i++) {
		tm.pos.ledger += cread_uint(r);
		tm.pos.entry =
		    (int64_t)((uint64_t)tm.pos.entry + (uint64_t)get_zigzag(r));
		tm.index += (uint64_t)get_zigzag(r);
		tm.messages_n = get_u32(r);
		tm.redeliveries = get_u32(r);
		tm.time_ms =
		    (int64_t)((uint64_t)tm.time_ms + (uint64_t)get_zigzag(r));
		tm.due_ms =
		    (int64_t)((uint64_t)tm.due_ms + (uint64_t)get_zigzag(r));
		if (!r->bad && !put(cur, &tm))
			r->bad = true;
	}
}
