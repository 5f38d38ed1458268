/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.h - what one subscription has acknowledged on one topic.
 *
 * State: mark-delete (everything up to it is acked), the set of entries acked
 * beyond it (posset: one compressed bitmap per ledger), and for partly acked
 * batches the bits still unacked. A durable cursor journals every change as a
 * delta (record layout in cursor.c and doc/) and answers acks that asked for it
 * after their delta is durable. A non-durable one has no journal.
 *
 * Backlog in messages is kept by arithmetic on indexes and the acked count,
 * never by walking. Shard's thread only.
 */
#ifndef CORE_CURSOR_H
#define CORE_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/op.h"
#include "core/posset.h"
#include "store/ledger.h"

struct topic;
struct sub;
struct cursor;

struct cursor *cursor_new(struct sub *, bool durable, struct pos mark_delete);
/* Durable: take the journal up; done when the state stands. fresh: first time,
 * the position is written as the first delta and done comes after it is durable. */
void cursor_open(struct cursor *, uint64_t journal_id, bool fresh,
    void (*done)(void *priv, enum err), void *priv);
void cursor_free(struct cursor **);

/* Gives what was changed since the last push to the journal. Ops that change a
 * cursor end with it (or with cursor_when_durable, which pushes urgently). */
void cursor_push(struct cursor *);

/* The engine's answers, named in core_ledger_client; owner is the cursor. */
void cursor_journal_opened(void *owner, struct journal *, const struct journal_blob *, size_t n,
    enum err);
void cursor_journal_done(void *owner, uint64_t seq, enum err);
void cursor_journal_snapshot(void *owner, struct journal *);

struct pos cursor_mark_delete(const struct cursor *);
bool cursor_is_acked(const struct cursor *, struct pos);
/* Remaining bits of a partly acked batch; 0 words: all. */
uint32_t cursor_ack_bits(const struct cursor *, struct pos, const uint64_t **words);

/* Whole entry. messages_n of it for the backlog (0: look it up is not needed, the
 * entry's indexes are taken from the ledger when it lies in memory). Returns false
 * if it was acked already. */
bool cursor_ack(struct cursor *, struct pos, uint32_t messages_n);
/* Bits still unacked; ANDed into what is there. True when the entry became whole
 * acked by it; *cleared = messages newly acked. */
bool cursor_ack_bits_and(struct cursor *, struct pos, const uint64_t *words, uint32_t words_n,
    uint32_t batch_size, uint32_t *cleared);
/* Everything up to and including pos; with words: pos itself only partly. */
void cursor_ack_cumulative(struct cursor *, struct pos, const uint64_t *words, uint32_t words_n,
    uint32_t batch_size);
/* Seek and reset: mark-delete becomes pos, acked set and bits are dropped. */
void cursor_reset(struct cursor *, struct pos mark_delete);
/* Answer fx once everything journaled so far is durable (at once if it is, or if
 * the cursor is not durable). Takes it. */
void cursor_when_durable(struct cursor *, struct fx **);
void cursor_flush(struct cursor *, void (*done)(void *priv), void *priv);

/* Messages not acked (exact when indexes are known, as they always are for local). */
uint64_t cursor_backlog(const struct cursor *);
uint64_t cursor_backlog_entries(const struct cursor *);
uint64_t cursor_acked_ranges(const struct cursor *);

#endif
