/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of a topic in order. What the engine has in memory is borrowed from
 * it; the rest comes in blocks, of which the next is fetched when half of the
 * current one is consumed, so that a reader of a backlog seldom waits.
 */
#include "core/topic_priv.h"

#define BLOCK_BYTES (1u << 20)
#define RETRY_NS INT64_C(500000000)

struct block {
	struct ledger_read rd;
	struct reader *r;
	bool reading, full;
	uint64_t ledger;
	uint32_t at; /* entries before it are consumed */
};

struct reader {
	unsigned magic;
#define READER_MAGIC 0x9ead3901
	struct topic *t;
	struct pos pos;
	struct tledger *tl; /* of pos; a user of it. NULL: none yet */
	struct pos limit; /* reads in its ledger end there */
	bool called; /* reader_ledger_ready() is about to wake it */
	bool waiting; /* READER_WAIT was said: wake is owed */
	bool ended; /* the topic closes: END from now on */
	void (*wake)(void *priv);
	void *priv;
	struct block blk[2]; /* blk[cur] is the one in use */
	unsigned cur;
	struct timer retry;
	LIST_ENTRY(reader) link;
};

/* --- blocks --------------------------------------------------------------------- */

static void
block_drop(struct reader *r, struct block *b)
{
	struct ledgers *lgs = r->t->co->ledgers;

	if (b->reading || b->full)
		lgs->ops->read_fini(lgs, &b->rd);
	b->reading = b->full = false;
}

static void
blocks_drop(struct reader *r)
{
	block_drop(r, &r->blk[0]);
	block_drop(r, &r->blk[1]);
}

static void
wake(struct reader *r)
{
	if (!r->waiting)
		return;
	r->waiting = false;
	r->wake(r->priv); /* may free it */
}

static void
retry(void *priv)
{
	struct reader *r;

	CAST_OBJ_NOTNULL(r, priv, READER_MAGIC);
	wake(r);
}

static void
retry_later(struct reader *r)
{
	struct core *co = r->t->co;

	timer_set(co->timers, &r->retry, co->now_ns + RETRY_NS);
}

/* A damaged stretch: whoever stands in it goes on behind it. */
static void
step_over(struct reader *r, struct block *b, int64_t next)
{
	uint64_t n;

	if (next <= b->rd.from)
		next = b->rd.from + 1;
	if (r->pos.ledger != b->ledger || r->pos.entry < b->rd.from ||
	    r->pos.entry >= next)
		return;
	n = (uint64_t)(next - r->pos.entry);
	r->t->co->damaged += n;
	r->pos.entry = next;
}

static void
read_done(struct ledger_read *rd, enum err e)
{
	struct block *b = rd->priv;
	struct reader *r = b->r;
	int64_t next = rd->next;

	CHECK_OBJ_NOTNULL(r, READER_MAGIC);
	b->reading = false;
	if (e == ERR_OK) {
		b->full = true;
		b->at = 0;
	} else {
		b->full = true; /* for block_drop */
		block_drop(r, b);
		if (e == ERR_CORRUPT)
			step_over(r, b, next);
		else if (e == ERR_EOF && r->tl != NULL)
			/* the list says there is more: it is lost */
			step_over(r, b, r->tl->info.last_entry + 1);
		else if (b == &r->blk[r->cur]) {
			retry_later(r);
			return;
		}
	}
	if (b == &r->blk[r->cur] || e != ERR_OK)
		wake(r);
}

static void
block_read(struct reader *r, struct block *b, int64_t from)
{
	struct ledgers *lgs = r->t->co->ledgers;
	uint32_t max_n = LEDGER_READ_MAX;

	assert(!b->reading && !b->full);
	if (r->limit.ledger == r->tl->info.id && r->limit.entry >= from &&
	    r->limit.entry < from + LEDGER_READ_MAX)
		max_n = (uint32_t)(r->limit.entry - from + 1);
	b->r = r;
	b->ledger = r->tl->info.id;
	b->reading = true;
	b->rd = (struct ledger_read){
		.magic = LEDGER_READ_MAGIC,
		.lg = r->tl->lg,
		.from = from,
		.max_n = max_n,
		.max_bytes = BLOCK_BYTES,
		.done = read_done,
		.priv = b,
	};
	lgs->ops->read(lgs, &b->rd);
}

/* The entry at pos, if the block has it. What is missing in it is damaged. */
static const struct entry *
block_get(struct reader *r, struct block *b)
{
	const struct entry *ent;

	if (!b->full || b->ledger != r->pos.ledger)
		return NULL;
	for (; b->at < b->rd.n; b->at++) {
		ent = &b->rd.ent[b->at];
		if (ent->pos.entry < r->pos.entry)
			continue;
		if (ent->pos.entry == r->pos.entry)
			return ent;
		if (b->at == 0 && ent->pos.entry > r->pos.entry &&
		    r->pos.entry < b->rd.from)
			return NULL; /* before the block */
		r->t->co->damaged += (uint64_t)(ent->pos.entry - r->pos.entry);
		r->pos.entry = ent->pos.entry;
		return ent;
	}
	return NULL;
}

/* --- life ------------------------------------------------------------------------- */

struct reader *
reader_new(struct topic *t, struct pos from, void (*wake_f)(void *), void *priv)
{
	struct reader *r;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	ALLOC_OBJ(r, READER_MAGIC);
	r->t = t;
	r->pos = from;
	r->limit = POS_NONE;
	r->wake = wake_f;
	r->priv = priv;
	timer_init(&r->retry, retry, r);
	LIST_INSERT_HEAD(&t->log.readers, r, link);
	return r;
}

static void
leave_ledger(struct reader *r)
{
	blocks_drop(r);
	timer_cancel(r->t->co->timers, &r->retry);
	if (r->tl != NULL)
		tledger_unuse(r->t, &r->tl);
}

void
reader_free(struct reader **rp)
{
	struct reader *r;

	TAKE_OBJ_NOTNULL(r, rp, READER_MAGIC);
	leave_ledger(r);
	LIST_REMOVE(r, link);
	FREE_OBJ(r);
}

void
reader_seek(struct reader *r, struct pos p)
{
	struct block *b;

	CHECK_OBJ_NOTNULL(r, READER_MAGIC);
	r->pos = p;
	r->waiting = false;
	timer_cancel(r->t->co->timers, &r->retry);
	b = &r->blk[r->cur];
	if (b->full && b->ledger == p.ledger && p.entry >= b->rd.from &&
	    b->rd.n > 0 && p.entry <= b->rd.ent[b->rd.n - 1].pos.entry)
		b->at = 0;
	else
		blocks_drop(r);
}

void
reader_limit(struct reader *r, struct pos last)
{
	CHECK_OBJ_NOTNULL(r, READER_MAGIC);
	r->limit = last;
}

struct pos
reader_pos(const struct reader *r)
{
	CHECK_OBJ_NOTNULL(r, READER_MAGIC);
	return tlog_valid(r->t, r->pos);
}

void
reader_advance(struct reader *r)
{
	CHECK_OBJ_NOTNULL(r, READER_MAGIC);
	r->pos.entry++;
}

/* --- reading ------------------------------------------------------------------------ */

static enum reader_result
wait_for(struct reader *r)
{
	r->waiting = true;
	return READER_WAIT;
}

/* r->tl is the ledger of pos. */
static void
enter_ledger(struct reader *r)
{
	if (r->tl != NULL && r->tl->info.id == r->pos.ledger)
		return;
	leave_ledger(r);
	r->tl = tlog_find(r->t, r->pos.ledger);
	AN(r->tl);
	r->tl->users++;
}

static void
prefetch(struct reader *r)
{
	struct block *b = &r->blk[r->cur], *n = &r->blk[r->cur ^ 1];

	if (n->reading || n->full || b->at < b->rd.n / 2 ||
	    b->rd.next > r->tl->info.last_entry ||
	    (r->limit.ledger == r->tl->info.id && b->rd.next > r->limit.entry))
		return;
	block_read(r, n, b->rd.next);
}

static enum reader_result
from_blocks(struct reader *r, struct entry *ent)
{
	struct block *b = &r->blk[r->cur], *n = &r->blk[r->cur ^ 1];
	const struct entry *e;

	e = block_get(r, b);
	if (e == NULL && !b->reading && (n->full || n->reading) &&
	    n->ledger == r->pos.ledger && r->pos.entry >= n->rd.from) {
		block_drop(r, b);
		r->cur ^= 1;
		n = b;
		b = &r->blk[r->cur];
		e = block_get(r, b);
	}
	if (e != NULL) {
		prefetch(r);
		*ent = *e;
		return READER_ENTRY;
	}
	if (b->reading && b->ledger == r->pos.ledger &&
	    r->pos.entry >= b->rd.from &&
	    r->pos.entry < b->rd.from + LEDGER_READ_MAX)
		return wait_for(r);
	blocks_drop(r);
	block_read(r, b, r->pos.entry);
	return wait_for(r);
}

enum reader_result
reader_peek(struct reader *r, struct entry *ent)
{
	struct topic *t = r->t;
	struct ledgers *lgs = t->co->ledgers;

	CHECK_OBJ_NOTNULL(r, READER_MAGIC);
	if (r->ended || t->log.ledgers_n == 0)
		return READER_END;
	r->pos = tlog_valid(t, r->pos);
	if (pos_cmp(r->pos, t->log.last) > 0)
		return READER_END;
	enter_ledger(r);
	if (timer_is_set(&r->retry))
		return wait_for(r);
	if (r->tl->lg == NULL) {
		tledger_want(t, r->tl);
		return wait_for(r);
	}
	if (lgs->ops->peek(lgs, r->tl->lg, r->pos.entry, ent))
		return READER_ENTRY;
	return from_blocks(r, ent);
}

/* --- from the log --------------------------------------------------------------------- */

void
reader_ledger_ready(struct topic *t, struct tledger *tl, enum err e)
{
	struct reader *r;

	topic_pin(t);
	LIST_FOREACH(r, &t->log.readers, link)
		r->called =
		    r->tl == tl && r->waiting && !timer_is_set(&r->retry);
	/* Waking one may free any of them. It may also wait again at once, for
	 * the disk: each is woken once. */
	do {
		LIST_FOREACH(r, &t->log.readers, link)
			if (r->called)
				break;
		if (r == NULL)
			break;
		r->called = false;
		if (e != ERR_OK && e != ERR_NO_LEDGER)
			retry_later(r);
		else
			wake(r);
	} while (true);
	topic_unpin(t);
}

void
reader_ledger_gone(struct topic *t, struct tledger *tl)
{
	struct reader *r;

	LIST_FOREACH(r, &t->log.readers, link)
		if (r->tl == tl) {
			leave_ledger(r);
			/* whoever waited for it looks again */
			if (r->waiting)
				timer_set(
				    t->co->timers, &r->retry, t->co->now_ns);
		}
}

void
readers_end(struct topic *t)
{
	struct reader *r;

	topic_pin(t);
	while ((r = LIST_FIRST(&t->log.readers)) != NULL) {
		leave_ledger(r);
		LIST_REMOVE(r, link);
		/* off the list: only its owner knows it from here on */
		LIST_INSERT_HEAD(&t->log.ended_readers, r, link);
		r->ended = true;
		wake(r);
	}
	topic_unpin(t);
}
