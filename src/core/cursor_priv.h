/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a cursor, shared by cursor.c (state) and cursor_journal.c (its
 * encoding, journal, waiters).
 */
#ifndef CORE_CURSOR_PRIV_H
#define CORE_CURSOR_PRIV_H

#include "core/ackset.h"
#include "core/cbuf.h"
#include "core/core_priv.h"
#include "core/cursor.h"
#include "core/term.h"

/* a piece of what is kept: an append that the engine has not answered well */
struct cursor_sent {
	uint64_t seq; /* 0: to be appended with the next retry */
	size_t len;
};

struct cursor_flush {
	uint64_t seq;
	void (*done)(void *priv, enum err);
	void *priv;
	STAILQ_ENTRY(cursor_flush) link;
};

struct cursor {
	unsigned magic;
#define CURSOR_MAGIC 0xc0450002
	struct sub *s;
	struct topic *t;
	struct core *co;
	bool durable;
	bool replaying; /* positions are taken as they are */
	bool inexact; /* consumed holds an estimate */
	struct pos md;
	uint64_t consumed; /* backlog = next index - consumed */
	struct posset acked;
	struct ackset partial;
	struct terms terms;

	/* the journal */
	struct journal *j; /* NULL: not open yet, or not durable */
	bool opening; /* the engine will call journal_opened */
	bool orphan; /* freed meanwhile: what it brings is let go */
	bool failed; /* an error that is for good */
	void (*opened)(void *priv, enum err);
	void *opened_priv;
	bool fresh;
	struct cbuf items; /* complete items not pushed yet */
	struct cbuf run; /* body of the ACKS item being built */
	uint64_t run_ledger;
	int64_t run_last;
	uint32_t run_n;
	struct cbuf kept; /* pushed, not confirmed: to be appended again */
	struct cursor_sent *sent;
	uint32_t sent_head, sent_n, sent_cap; /* power of two */
	uint64_t seq_last, seq_done;
	uint64_t
	    seq_hurried; /* up to it the engine knows that somebody waits */
	bool retrying;
	struct timer retry;
	struct fx *wait_head, *wait_tail; /* by fx->link; fx->u64 is the seq */
	STAILQ_HEAD(, cursor_flush) flushes;
	uint64_t *chunks; /* ledgers that the last snapshot has a chunk of */
	uint32_t chunks_n, chunks_cap;
};

/* what was changed, as items of the delta */
void cursor_note_ack(struct cursor *, struct pos, uint32_t messages_n);
void cursor_note_bits(struct cursor *, struct pos, const uint64_t *words,
    uint32_t words_n, uint32_t batch_n);
void cursor_note_mark(struct cursor *, struct pos, uint64_t consumed);
void cursor_note_reset(struct cursor *, struct pos, uint64_t consumed);
/* --- cursor_journal.c for cursor_term.c: an item of this kind into cur->items;
 * false: nothing is journaled now */
#define CURSOR_ITEM_TERMS 5
bool cursor_item_begin(struct cursor *, uint8_t item);
void cursor_item_end(struct cursor *);
/* --- cursor_term.c: what was replayed */
void cursor_replay_terms(struct cursor *, struct cread *);
void cursor_snap_terms(const struct cursor *, struct cbuf *);
void cursor_load_terms(struct cursor *, struct cread *);
void cursor_journal_fini(struct cursor *);

/* state changes without a note, for replay too */
void cursor_apply_mark(struct cursor *, struct pos, uint64_t consumed);
void cursor_apply_reset(struct cursor *, struct pos, uint64_t consumed);
enum cursor_ack cursor_apply_ack(
    struct cursor *, struct pos, uint32_t messages_n);
enum cursor_ack cursor_apply_bits(struct cursor *, struct pos,
    const uint64_t *words, uint32_t words_n, uint32_t batch_n,
    uint32_t *cleared);
void cursor_advance(struct cursor *);
void cursor_loaded(
    struct cursor *); /* after replay: fits the state to the log */

#endif
