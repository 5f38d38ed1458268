/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of a cursor: items of a delta, snapshot chunks, replay, and who
 * waits for what to be durable. doc/format-cursor.md draws the bytes.
 *
 * What was pushed is kept until the engine confirms it, in pieces that are an
 * append each; one ends with an item, as soon as it has PIECE_BYTES. When an
 * append fails for now, everything that is kept goes out again, in its old
 * order: items are idempotent and a reset wins over what stands before it, so a
 * second copy behind newer items changes nothing as long as the newer items
 * stand behind it once more.
 */
#include "core/cursor_priv.h"

#define ITEM_ACKS 1
#define ITEM_BITS 2
#define ITEM_MARK 3
#define ITEM_RESET 4

#define SNAP_VERSION 1
#define SNAP_VERSION_TERMS 2 /* terms stand behind the rest */
#define CHUNK_HEAD UINT64_C(0)
#define CHUNK_OF(ledger) ((ledger) + 1)

#define RETRY_NS INT64_C(100000000)
#define PIECE_BYTES (8u << 10)

/* items that were complete, the run behind them, and the longest item */
_Static_assert(
    2 * PIECE_BYTES + ACKSET_ENTRY_WORDS * 8 + 256 <= JOURNAL_APPEND_MAX,
    "a piece is too long for an append");

static void push(struct cursor *, bool urgent);

/* --- items -------------------------------------------------------------------- */

static int64_t
get_entry(struct cread *r, uint64_t bias)
{
	uint64_t v = cread_uint(r);

	if (v > (uint64_t)UINT32_MAX + 1 || v < bias) {
		r->bad = r->bad || v > (uint64_t)UINT32_MAX + 1;
		return -1;
	}
	return (int64_t)(v - bias);
}

static void
close_run(struct cursor *cur)
{
	if (cur->run_n == 0)
		return;
	cbuf_u8(&cur->items, ITEM_ACKS);
	cbuf_uint(&cur->items, cur->run_ledger);
	cbuf_uint(&cur->items, cur->run_n);
	cbuf_put(&cur->items, cur->run.p, cur->run.len);
	cur->run.len = 0;
	cur->run_n = 0;
}

/* An item is complete; one op may make more of them than go into an append */
static void
item_ends(struct cursor *cur)
{
	if (cur->items.len >= PIECE_BYTES)
		push(cur, false);
}

static bool
journals(const struct cursor *cur)
{
	return cur->durable && !cur->failed && !cur->replaying;
}

bool
cursor_item_begin(struct cursor *cur, uint8_t item)
{
	if (!journals(cur))
		return false;
	close_run(cur);
	cbuf_u8(&cur->items, item);
	return true;
}

void
cursor_item_end(struct cursor *cur)
{
	item_ends(cur);
}

void
cursor_note_ack(struct cursor *cur, struct pos p, uint32_t messages_n)
{
	if (!journals(cur))
		return;
	if (cur->run_n > 0 && cur->run_ledger != p.ledger) {
		close_run(cur);
		item_ends(cur);
	}
	if (cur->run_n == 0) {
		cur->run_ledger = p.ledger;
		cbuf_uint(&cur->run, (uint64_t)p.entry);
	} else
		cbuf_uint(&cur->run, cbuf_zigzag(p.entry - cur->run_last));
	cbuf_uint(&cur->run, messages_n);
	cur->run_last = p.entry;
	cur->run_n++;
	if (cur->run.len >= PIECE_BYTES) {
		close_run(cur);
		item_ends(cur);
	}
}

size_t
cursor_ack_delta(const struct cursor *cur, struct pos p, uint32_t messages_n,
    struct journal **j, uint8_t delta[static RIDER_MAX])
{
	struct cbuf b = CBUF_EMPTY;
	size_t len;

	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	if (!journals(cur) || cur->j == NULL)
		return 0;
	cbuf_u8(&b, ITEM_ACKS);
	cbuf_uint(&b, p.ledger);
	cbuf_uint(&b, 1);
	cbuf_uint(&b, (uint64_t)p.entry);
	cbuf_uint(&b, messages_n);
	assert(b.len <= RIDER_MAX);
	memcpy(delta, b.p, b.len);
	len = b.len;
	cbuf_fini(&b);
	*j = cur->j;
	return len;
}

static void
put_bits(struct cbuf *b, struct pos p, uint32_t batch_n, const uint64_t *words,
    uint32_t words_n)
{
	uint32_t i;

	cbuf_uint(b, p.ledger);
	cbuf_uint(b, (uint64_t)p.entry);
	cbuf_uint(b, batch_n);
	cbuf_uint(b, words_n);
	for (i = 0; i < words_n; i++)
		cbuf_u64(b, words[i]);
}

void
cursor_note_bits(struct cursor *cur, struct pos p, const uint64_t *words,
    uint32_t words_n, uint32_t batch_n)
{
	uint32_t need = (batch_n + 63) / 64;

	if (!journals(cur))
		return;
	close_run(cur);
	cbuf_u8(&cur->items, ITEM_BITS);
	/* a peer may send more words than the batch has */
	put_bits(
	    &cur->items, p, batch_n, words, words_n < need ? words_n : need);
	item_ends(cur);
}

static void
note_pos(struct cursor *cur, uint8_t item, struct pos p, uint64_t consumed)
{
	if (!journals(cur))
		return;
	close_run(cur);
	cbuf_u8(&cur->items, item);
	cbuf_uint(&cur->items, p.ledger);
	cbuf_uint(&cur->items, (uint64_t)(p.entry + 1));
	cbuf_uint(&cur->items, consumed);
	item_ends(cur);
}

void
cursor_note_mark(struct cursor *cur, struct pos p, uint64_t consumed)
{
	note_pos(cur, ITEM_MARK, p, consumed);
}

void
cursor_note_reset(struct cursor *cur, struct pos p, uint64_t consumed)
{
	note_pos(cur, ITEM_RESET, p, consumed);
}

/* --- replay ------------------------------------------------------------------- */

static void
replay_acks(struct cursor *cur, struct cread *r)
{
	struct pos p;
	uint64_t n, i, v;
	uint32_t msgs;

	p.ledger = cread_uint(r);
	n = cread_uint(r);
	p.entry = 0;
	for (i = 0; i < n && !r->bad; i++) {
		v = cread_uint(r);
		if (i == 0)
			p.entry = (int64_t)v;
		else
			p.entry += (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
		msgs = (uint32_t)cread_uint(r);
		if (p.entry < 0 || p.entry > (int64_t)UINT32_MAX)
			r->bad = true;
		if (!r->bad)
			(void)cursor_apply_ack(cur, p, msgs);
	}
}

static void
replay_bits(struct cursor *cur, struct cread *r)
{
	uint64_t *words, batch_n, n, i;
	struct pos p;
	uint32_t cleared;

	p.ledger = cread_uint(r);
	p.entry = get_entry(r, 0);
	batch_n = cread_uint(r);
	n = cread_uint(r);
	if (r->bad || p.entry < 0 || n > ACKSET_ENTRY_WORDS ||
	    batch_n > ACKSET_ENTRY_WORDS * 64) {
		r->bad = true;
		return;
	}
	words = mem_calloc(n, sizeof *words);
	for (i = 0; i < n; i++)
		words[i] = cread_u64(r);
	if (!r->bad)
		(void)cursor_apply_bits(
		    cur, p, words, (uint32_t)n, (uint32_t)batch_n, &cleared);
	mem_free(words);
}

static bool
replay_delta(struct cursor *cur, const uint8_t *b, size_t len)
{
	struct cread r = { b, b + len, false };
	uint64_t consumed;
	struct pos p;
	uint8_t item;

	while (r.p < r.end && !r.bad) {
		item = *r.p++;
		switch (item) {
		case ITEM_ACKS:
			replay_acks(cur, &r);
			break;
		case ITEM_BITS:
			replay_bits(cur, &r);
			break;
		case CURSOR_ITEM_TERMS:
			cursor_replay_terms(cur, &r);
			break;
		case ITEM_MARK:
		case ITEM_RESET:
			p.ledger = cread_uint(&r);
			p.entry = get_entry(&r, 1);
			consumed = cread_uint(&r);
			if (r.bad)
				break;
			if (item == ITEM_MARK)
				cursor_apply_mark(cur, p, consumed);
			else
				cursor_apply_reset(cur, p, consumed);
			break;
		default:
			return false;
		}
	}
	return !r.bad;
}

static bool
load_head(struct cursor *cur, const uint8_t *b, size_t len)
{
	struct cread r = { b, b + len, false };
	uint64_t n, i, consumed, version = cread_uint(&r);
	struct pos p;

	if (version != SNAP_VERSION && version != SNAP_VERSION_TERMS)
		return false;
	p.ledger = cread_uint(&r);
	p.entry = get_entry(&r, 1);
	consumed = cread_uint(&r);
	cur->inexact = cread_uint(&r) != 0;
	n = cread_uint(&r);
	if (r.bad)
		return false;
	cursor_apply_reset(cur, p, 0);
	for (i = 0; i < n && !r.bad; i++)
		replay_bits(cur, &r);
	if (version == SNAP_VERSION_TERMS && !r.bad)
		cursor_load_terms(cur, &r);
	/* it holds what was cleared already */
	cur->consumed = consumed;
	return !r.bad;
}

static void
chunk_listed(struct cursor *cur, uint64_t ledger)
{
	if (cur->chunks_n == cur->chunks_cap) {
		cur->chunks_cap = cur->chunks_cap ? cur->chunks_cap * 2 : 4;
		cur->chunks = mem_reallocarray(
		    cur->chunks, cur->chunks_cap, sizeof *cur->chunks);
	}
	cur->chunks[cur->chunks_n++] = ledger;
}

/* The head first, since it resets; then the sets, then the deltas. */
static bool
load(struct cursor *cur, const struct journal_blob *v, size_t n)
{
	uint32_t k;
	size_t i;

	for (i = 0; i < n; i++)
		if (v[i].chunk == CHUNK_HEAD &&
		    !load_head(cur, v[i].p, v[i].len))
			return false;
	for (i = 0; i < n; i++) {
		if (v[i].chunk == CHUNK_HEAD || v[i].chunk == JOURNAL_DELTA)
			continue;
		if (!posset_ledger_read(
			&cur->acked, v[i].chunk - 1, v[i].p, v[i].len))
			return false;
		chunk_listed(cur, v[i].chunk - 1);
	}
	/* a chunk may be older than the head: it was not dirty */
	(void)posset_remove_upto(&cur->acked, cur->md);
	for (k = 0; k < cur->acked.n; k++)
		cur->acked.v[k].dirty = false;
	for (i = 0; i < n; i++)
		if (v[i].chunk == JOURNAL_DELTA &&
		    !replay_delta(cur, v[i].p, v[i].len))
			return false;
	return true;
}

/* --- the engine ----------------------------------------------------------------- */

/* The last len bytes that are kept are a piece; seq 0: not appended yet */
static void
piece_add(struct cursor *cur, uint64_t seq, size_t len)
{
	struct cursor_sent *cs;
	uint32_t i, cap;

	if (cur->sent_n == cur->sent_cap) {
		cap = cur->sent_cap != 0 ? cur->sent_cap * 2 : 8;
		cs = mem_calloc(cap, sizeof *cs);
		for (i = 0; i < cur->sent_n; i++)
			cs[i] = cur->sent[(cur->sent_head + i) &
			    (cur->sent_cap - 1)];
		mem_free(cur->sent);
		cur->sent = cs;
		cur->sent_cap = cap;
		cur->sent_head = 0;
	}
	cs = &cur->sent[(cur->sent_head + cur->sent_n++) & (cur->sent_cap - 1)];
	cs->seq = seq;
	cs->len = len;
}

static void
push(struct cursor *cur, bool urgent)
{
	struct ledgers *lgs = cur->co->ledgers;
	size_t len;

	close_run(cur);
	len = cur->items.len;
	if (cur->j == NULL || len == 0)
		return; /* goes out when it is open */
	cbuf_put(&cur->kept, cur->items.p, len);
	cur->items.len = 0;
	if (cur->items.cap > 65536)
		cbuf_fini(&cur->items);
	if (!cur->retrying) /* else all that is kept goes out together */
		cur->seq_last = lgs->ops->journal_append(lgs, cur->j,
		    cur->kept.p + cur->kept.len - len, len, urgent);
	piece_add(cur, cur->retrying ? 0 : cur->seq_last, len);
}

void
cursor_push(struct cursor *cur)
{
	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	if (cur->items.len > 0 || cur->run_n > 0)
		push(cur, false);
}

/* All pieces again, small ones together */
static void
append_again(struct cursor *cur)
{
	struct ledgers *lgs = cur->co->ledgers;
	uint32_t i = 0, n = cur->sent_n, head = cur->sent_head,
		 mask = cur->sent_cap - 1;
	size_t off = 0, len, more;

	cur->sent_n = 0;
	while (i < n) {
		len = cur->sent[(head + i++) & mask].len;
		for (; i < n; i++) {
			more = cur->sent[(head + i) & mask].len;
			if (len + more > PIECE_BYTES)
				break;
			len += more;
		}
		cur->seq_last = lgs->ops->journal_append(
		    lgs, cur->j, cur->kept.p + off, len, i == n);
		/* never more than were taken: it has its place */
		piece_add(cur, cur->seq_last, len);
		off += len;
	}
	assert(off == cur->kept.len);
}

static void
retry(void *priv)
{
	struct cursor *cur;
	struct cursor_flush *cf;
	struct fx *fx;

	CAST_OBJ_NOTNULL(cur, priv, CURSOR_MAGIC);
	push(cur, false);
	cur->retrying = false;
	append_again(cur);
	for (fx = cur->wait_head; fx != NULL; fx = (struct fx *)fx->link.next)
		fx->u64 = cur->seq_last;
	STAILQ_FOREACH(cf, &cur->flushes, link)
		cf->seq = cur->seq_last;
}

static void
wake(struct cursor *cur, uint64_t seq, enum err e)
{
	STAILQ_HEAD(, cursor_flush) flushes;
	struct cursor_flush *cf;
	struct fx *fx;

	/* a flush may end the cursor's life: nothing of it is touched after */
	STAILQ_INIT(&flushes);
	while ((cf = STAILQ_FIRST(&cur->flushes)) != NULL && cf->seq <= seq) {
		STAILQ_REMOVE_HEAD(&cur->flushes, link);
		STAILQ_INSERT_TAIL(&flushes, cf, link);
	}
	while ((fx = cur->wait_head) != NULL && fx->u64 <= seq) {
		cur->wait_head = (struct fx *)fx->link.next;
		if (cur->wait_head == NULL)
			cur->wait_tail = NULL;
		fx->link.next = NULL;
		fx->u64 = 0;
		if (e != ERR_OK)
			fx->err = e;
		core_emit(cur->co, &fx);
	}
	while ((cf = STAILQ_FIRST(&flushes)) != NULL) {
		STAILQ_REMOVE_HEAD(&flushes, link);
		cf->done(cf->priv, e);
		mem_free(cf);
	}
}

static void
opened(struct cursor *cur, enum err e)
{
	void (*done)(void *, enum err) = cur->opened;

	cur->opened = NULL;
	if (done != NULL)
		done(cur->opened_priv, e);
}

void
cursor_journal_done(void *owner, uint64_t seq, enum err e)
{
	struct cursor *cur;
	struct cursor_sent *cs;
	size_t len = 0;
	bool fresh;

	CAST_OBJ_NOTNULL(cur, owner, CURSOR_MAGIC);
	if (cur->failed)
		return;
	if (e == ERR_NO_SPACE || e == ERR_AGAIN) {
		if (!cur->retrying) {
			cur->retrying = true;
			timer_set(cur->co->timers, &cur->retry,
			    cur->co->now_ns + RETRY_NS);
		}
		return;
	}
	if (cur->retrying && e == ERR_OK)
		return; /* everything goes out again, in order */
	fresh = cur->fresh;
	cur->fresh = false;
	if (e != ERR_OK) {
		cur->failed = true;
		cur->items.len = cur->run.len = cur->kept.len = 0;
		cur->run_n = cur->sent_n = 0;
		if (fresh)
			opened(cur, ERR_PERSISTENCE);
		else
			wake(cur, UINT64_MAX, ERR_PERSISTENCE);
		return;
	}
	while (cur->sent_n > 0) {
		cs = &cur->sent[cur->sent_head];
		if (cs->seq > seq)
			break;
		len += cs->len;
		cur->sent_head = (cur->sent_head + 1) & (cur->sent_cap - 1);
		cur->sent_n--;
	}
	if (len > 0) {
		memmove(cur->kept.p, cur->kept.p + len, cur->kept.len - len);
		cur->kept.len -= len;
		if (cur->kept.len == 0 && cur->kept.cap > 65536)
			cbuf_fini(&cur->kept);
	}
	if (seq > cur->seq_done)
		cur->seq_done = seq;
	if (fresh)
		opened(cur, ERR_OK);
	else
		wake(cur, seq, ERR_OK);
}

void
cursor_journal_opened(void *owner, struct journal *j,
    const struct journal_blob *v, size_t n, enum err e)
{
	struct cursor *cur;

	CAST_OBJ_NOTNULL(cur, owner, CURSOR_MAGIC);
	assert(cur->j == NULL && cur->opening);
	cur->opening = false;
	if (cur->orphan) {
		if (j != NULL)
			cur->co->ledgers->ops->journal_release(
			    cur->co->ledgers, &j);
		FREE_OBJ(cur);
		return;
	}
	cur->j = j;
	if (e == ERR_OK && !cur->fresh) {
		cur->replaying = true;
		if (!load(cur, v, n))
			e = ERR_CORRUPT;
		else
			cursor_loaded(cur);
		cur->replaying = false;
	}
	if (e != ERR_OK) {
		cur->failed = true;
		opened(cur, e);
		return;
	}
	if (cur->fresh) { /* opened() when it is durable */
		cursor_note_reset(cur, cur->md, cur->consumed);
		push(cur, true);
		return;
	}
	push(cur, false);
	opened(cur, ERR_OK);
}

void
cursor_open(struct cursor *cur, uint64_t journal_id, bool fresh,
    void (*done)(void *priv, enum err), void *priv)
{
	struct ledgers *lgs;

	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	assert(cur->durable && cur->opened == NULL && cur->j == NULL);
	lgs = cur->co->ledgers;
	cur->opened = done;
	cur->opened_priv = priv;
	cur->fresh = fresh;
	cur->opening = true;
	timer_init(&cur->retry, retry, cur);
	lgs->ops->journal_open(lgs, journal_id, fresh, cur);
}

void
cursor_journal_fini(struct cursor *cur)
{
	struct ledgers *lgs = cur->co->ledgers;

	if (cur->retrying)
		timer_cancel(cur->co->timers, &cur->retry);
	if (cur->j != NULL)
		lgs->ops->journal_release(lgs, &cur->j);
	wake(cur, UINT64_MAX, ERR_CLOSED);
	cbuf_fini(&cur->items);
	cbuf_fini(&cur->run);
	cbuf_fini(&cur->kept);
	MEM_FREE(cur->sent);
	MEM_FREE(cur->chunks);
}

/* --- snapshot ------------------------------------------------------------------- */

static void
snap_head(struct cursor *cur, struct journal *j)
{
	struct ledgers *lgs = cur->co->ledgers;
	struct cbuf b = CBUF_EMPTY;
	struct ackbits *ab;

	cbuf_uint(&b, cur->terms.n > 0 ? SNAP_VERSION_TERMS : SNAP_VERSION);
	cbuf_uint(&b, cur->md.ledger);
	cbuf_uint(&b, (uint64_t)(cur->md.entry + 1));
	cbuf_uint(&b, cur->consumed);
	cbuf_uint(&b, cur->inexact ? 1 : 0);
	cbuf_uint(&b, cur->partial.n);
	for (ab = ackset_first(&cur->partial); ab != NULL; ab = ackset_next(ab))
		put_bits(&b, ab->pos, ab->batch_n, ab->w, ab->words_n);
	if (cur->terms.n > 0)
		cursor_snap_terms(cur, &b);
	lgs->ops->journal_snap_put(j, CHUNK_HEAD, b.p, b.len);
	cbuf_fini(&b);
}

void
cursor_journal_snapshot(void *owner, struct journal *j)
{
	struct posset_ledger *pl;
	struct ledgers *lgs;
	struct cursor *cur;
	uint32_t i;
	size_t len;
	void *b;

	CAST_OBJ_NOTNULL(cur, owner, CURSOR_MAGIC);
	lgs = cur->co->ledgers;
	snap_head(cur, j);
	/* chunks of ledgers without a set go */
	for (i = 0; i < cur->chunks_n; i++)
		if (!posset_has_ledger(&cur->acked, cur->chunks[i]))
			lgs->ops->journal_snap_del(j, CHUNK_OF(cur->chunks[i]));
	cur->chunks_n = 0;
	for (i = 0; i < cur->acked.n; i++) {
		pl = &cur->acked.v[i];
		chunk_listed(cur, pl->ledger);
		if (!pl->dirty)
			continue;
		(void)roaring_bitmap_run_optimize(pl->bits);
		len = posset_ledger_size(pl);
		b = mem_alloc(len);
		assert(posset_ledger_write(pl, b, len) == len);
		lgs->ops->journal_snap_put(j, CHUNK_OF(pl->ledger), b, len);
		mem_free(b);
		pl->dirty = false;
	}
}

/* --- waiting ---------------------------------------------------------------------- */

static bool
is_durable(const struct cursor *cur)
{
	return !cur->durable ||
	    (cur->items.len == 0 && cur->run_n == 0 && cur->kept.len == 0);
}

static void
hurried(void *priv)
{
	(void)priv; /* whoever waits is told by cursor_journal_done() */
}

/* Somebody waits from now on: also for what was given to the journal when nobody
 * did, and may lie there until a timer. */
static void
hurry(struct cursor *cur)
{
	struct ledgers *lgs = cur->co->ledgers;
	uint64_t was = cur->seq_last;

	push(cur, true);
	if (cur->j == NULL || cur->retrying)
		return;
	if (cur->seq_last == was && cur->seq_hurried != was)
		lgs->ops->flush(lgs, hurried, NULL);
	cur->seq_hurried = cur->seq_last;
}

void
cursor_when_durable(struct cursor *cur, struct fx **fxp)
{
	struct fx *fx;

	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	TAKE_OBJ_NOTNULL(fx, fxp, FX_MAGIC);
	if (cur->failed)
		fx->err = ERR_PERSISTENCE;
	if (cur->failed || is_durable(cur)) {
		core_emit(cur->co, &fx);
		return;
	}
	hurry(cur);
	/* while it opens or is tried again the number is not known yet: the one
	 * that then is appended is higher than all before */
	fx->u64 = cur->seq_last;
	fx->link.next = NULL;
	if (cur->wait_tail != NULL)
		cur->wait_tail->link.next = &fx->link;
	else
		cur->wait_head = fx;
	cur->wait_tail = fx;
}

void
cursor_flush(struct cursor *cur, void (*done)(void *priv, enum err), void *priv)
{
	struct cursor_flush *cf;

	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	if (cur->failed || is_durable(cur)) {
		done(priv, cur->failed ? ERR_PERSISTENCE : ERR_OK);
		return;
	}
	hurry(cur);
	cf = mem_zalloc(sizeof *cf);
	cf->seq = cur->seq_last;
	cf->done = done;
	cf->priv = priv;
	STAILQ_INSERT_TAIL(&cur->flushes, cf, link);
}
