/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.h - what one subscription has acknowledged on one topic.
 *
 * State: mark-delete (everything up to it is acked), the set of entries acked
 * beyond it (posset: one compressed bitmap per ledger), and for partly acked
 * batches the bits still unacked (ackset). A durable cursor journals every change
 * as a delta (byte by byte in doc/format-cursor.md) and answers acks that asked
 * for it after their delta is durable. A non-durable one has no journal.
 *
 * A position that the topic does not hold is never acked: such acks are no-ops.
 *
 * Backlog in messages is kept by arithmetic, never by walking: the index of the
 * next message to be stored less the messages consumed. It is exact as long as
 * the sizes of batches are known when they are acked, is an estimate by the
 * ledger's average when not (their entries are no longer in memory), and becomes
 * exact again when nothing beyond mark-delete is acked.
 *
 * Journal errors: no room (ERR_NO_SPACE, ERR_AGAIN) is tried again every 100 ms
 * and acks wait; any other error ends journaling for good: waiting and later acks
 * that want an answer get it (ERR_PERSISTENCE).
 *
 * Shard's thread only.
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
/* Lets the journal go; what waits for durability is answered ERR_CLOSED. */
void cursor_free(struct cursor **);

/* Gives what was changed since the last push to the journal. Ops that change a
 * cursor end with it (or with cursor_when_durable, which pushes urgently). */
void cursor_push(struct cursor *);

/* The engine's answers, named in core_ledger_client; owner is the cursor. */
void cursor_journal_opened(void *owner, struct journal *,
    const struct journal_blob *, size_t n, enum err);
void cursor_journal_done(void *owner, uint64_t seq, enum err);
void cursor_journal_snapshot(void *owner, struct journal *);

struct pos cursor_mark_delete(const struct cursor *);
bool cursor_is_acked(const struct cursor *, struct pos);
/* First position at or after pos that is not acked and could hold an entry. */
struct pos cursor_skip(const struct cursor *, struct pos);
/* Remaining bits of a partly acked batch; 0 words: all. */
uint32_t cursor_ack_bits(
    const struct cursor *, struct pos, const uint64_t **words);
/* Messages of an entry, by what is in memory; 0: not known. */
uint32_t cursor_entry_messages(const struct cursor *, struct pos);

enum cursor_ack {
	CURSOR_ACK_NONE, /* was acked, is unknown, or changes nothing */
	CURSOR_ACK_PART, /* some messages of the entry */
	CURSOR_ACK_WHOLE, /* the entry is acked by it */
	CURSOR_ACK_FULL, /* refused: too many partly acked batches */
};
/* Whole entry. messages_n: its messages, 0: to be looked up. */
enum cursor_ack cursor_ack(struct cursor *, struct pos, uint32_t messages_n);
/* The delta of the same, to ride with an entry (append_with() of struct ledger_ops):
 * the cursor has to be told by cursor_ack() when that is stored. At most RIDER_MAX
 * bytes; returns how many, 0: nothing can be journaled now. */
size_t cursor_ack_delta(const struct cursor *, struct pos, uint32_t messages_n,
    struct journal **, uint8_t delta[static RIDER_MAX]);
/* Bits still unacked; ANDed into what is there. batch_n: messages of the entry,
 * 0: to be looked up, or guessed from the bits when it isn't in memory. *cleared =
 * messages newly acked. */
enum cursor_ack cursor_ack_bits_and(struct cursor *, struct pos,
    const uint64_t *words, uint32_t words_n, uint32_t batch_n,
    uint32_t *cleared);
/* Everything up to and including pos; with words: pos itself only partly. Behind
 * the last entry: no-op. */
enum cursor_ack cursor_ack_cumulative(struct cursor *, struct pos,
    const uint64_t *words, uint32_t words_n, uint32_t batch_n);
/* Seek and reset: mark-delete becomes pos, acked set and bits are dropped; with
 * words the entry after it is partly acked. */
void cursor_reset(struct cursor *, struct pos mark_delete);
/* Moves it by hand to where the next message is number `within` (0: the first) of
 * the entry at next, which has batch_n messages and the index `index`; acked set
 * and bits are dropped, and what is leased. False: that is where it was, and nothing
 * was acked beyond it; then leases stay, unless anew. */
bool cursor_move(struct cursor *, struct pos next, uint64_t index,
    uint32_t within, uint32_t batch_n, bool anew);
/* Index of the first message that is not acked, if it is known without reading:
 * else that is `*within` messages into the entry at *next. */
bool cursor_next_index(
    const struct cursor *, uint64_t *index, struct pos *next, uint32_t *within);
/* The topic's entries up to pos are gone (non-durable cursors jump over them). */
void cursor_jump(struct cursor *, struct pos);

/* Terms (core/term.h): whoever changes them says so to the journal. n of them, all
 * with the same time_ms and due_ms. */
struct terms;
struct term;
struct terms *cursor_terms(struct cursor *);
void cursor_note_terms(struct cursor *, struct term *const *v, uint32_t n);

/* Answer fx once everything journaled so far is durable (at once if it is, or if
 * the cursor is not durable). Takes it. */
void cursor_when_durable(struct cursor *, struct fx **);
/* The same as a callback, which may run at once; err: it could not be made so. */
void cursor_flush(
    struct cursor *, void (*done)(void *priv, enum err), void *priv);

/* Messages not acked. */
uint64_t cursor_backlog(const struct cursor *);
uint64_t cursor_backlog_entries(const struct cursor *);
uint64_t cursor_acked_ranges(const struct cursor *);

/* Index of the first message after pos; *exact says whether it is known. */
uint64_t cursor_index_after(struct topic *, struct pos, bool *exact);

#endif
