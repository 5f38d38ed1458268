/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlog: the log of one persistent topic as a list of ledgers, of which the last
 * is open; and reader: its entries in order, from memory or disk.
 *
 * The list is kept in the topic's metadata record (core/record.h). tlog rolls
 * the open ledger (entries, bytes and age of struct core_conf), trims ledgers
 * that no durable cursor and no retention needs, opens ledgers lazily.
 * Embedded in struct topic; shard's thread only.
 */
#ifndef CORE_TLOG_H
#define CORE_TLOG_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include "core/timer.h"
#include "store/ledger.h"

struct topic;

struct tledger {
	unsigned magic;
#define TLEDGER_MAGIC 0x71ed6e40
	struct topic *t;
	struct ledger_info info; /* of a closed one: final */
	struct ledger *lg; /* NULL: not held (opened when read) */
	bool opening;
	bool mapped; /* META_OWNER has it, or will by a commit under way */
	bool dropped; /* off the list, but the engine still has to answer */
	uint32_t users; /* readers and searches that want it held */
};

struct tlog {
	struct tledger **ledgers; /* ascending by id */
	uint32_t ledgers_n;
	uint64_t bytes; /* of all bodies still listed */
	/* LAC over all ledgers: last durable entry; POS_NONE-like
	 * (first ledger, -1) if the topic never had one */
	struct pos last;
	uint64_t next_index;
	bool rolling; /* the next ledger is being made: publishes wait */
	bool unrecorded; /* it stands, its record could not be written */
	bool ending; /* the open ledger is being closed for good */
	LIST_HEAD(, reader) readers;
	LIST_HEAD(, reader) ended_readers; /* of a topic that closes */
	/* searches that wait for a ledger, or for the engine */
	LIST_HEAD(, tlog_find) finds;
	/* trimmed ledgers that the engine has not been told of */
	uint64_t *dead;
	uint32_t dead_n;
	uint32_t commits; /* of the record, under way */
	struct tledger *next; /* being made */
	void (*ended)(struct topic *, enum err); /* who asked to end it */
	struct timer retry; /* making a ledger or committing failed for now */
};

/* First position at or after p that could hold an entry: skips to the next
 * ledger at a ledger's end, to the first ledger when p was trimmed. May be one
 * behind the last entry of the open ledger (= not written yet). */
struct pos tlog_valid(const struct topic *, struct pos p);
/* p + 1, then tlog_valid(). */
struct pos tlog_next(const struct topic *, struct pos p);
/* The position of the entry before p, across ledgers; entry -1 of the first
 * ledger when there is none. */
struct pos tlog_prev(const struct topic *, struct pos p);
/* first that could hold an entry */
struct pos tlog_first(const struct topic *);
/* Entries in (a, b]; 0 when a >= b. */
uint64_t tlog_entries(const struct topic *, struct pos a, struct pos b);
/* First entry stored at or after wall ms; answers by done, never inline. */
void tlog_find_time(struct topic *, int64_t wall_ms,
    void (*done)(void *priv, struct pos first, enum err), void *priv);

/* entry_locator() of an entry that is there */
uint64_t tlog_locator(const struct topic *, const struct entry *);
/* Index of the first message stored; next_index when there is none. */
uint64_t tlog_first_index(const struct topic *);
/* Position of the entry that holds this message, when arithmetic tells: its ledger
 * has one message an entry, or it is the first one of a ledger, or the next to be
 * stored. index is within tlog_first_index() and next_index. */
bool tlog_place(const struct topic *, uint64_t index, struct pos *);
/* The same by the engine's index: the entry that holds it, or one before it.
 * Answers by done, never inline. */
void tlog_find_index(struct topic *, uint64_t index,
    void (*done)(void *priv, struct pos, enum err), void *priv);

/* Entries of a ledger that may have a key: find_keys() of struct ledger_ops, which
 * the engine has. Answers by done, never inline. */
typedef ledger_keys_f tlog_keys_f;
void tlog_find_keys(struct topic *, uint64_t ledger, uint64_t hash,
    int64_t from, int64_t to, uint32_t max, tlog_keys_f *done, void *priv);

/* --- reader ------------------------------------------------------------------ */

enum reader_result {
	READER_ENTRY, /* *ent borrowed until the next call on this reader or engine */
	READER_END, /* behind the last entry: topic_notify() comes */
	READER_WAIT, /* a read is under way: wake() comes */
};

struct reader;
/* wake runs when a read that READER_WAIT announced has ended; it may free the
 * reader. */
struct reader *reader_new(
    struct topic *, struct pos from, void (*wake)(void *priv), void *priv);
void reader_free(struct reader **);
void reader_seek(struct reader *, struct pos);
/* Entries behind this one of its ledger are not read ahead; until the next limit. */
void reader_limit(struct reader *, struct pos last);
/* of the entry that peek would give */
struct pos reader_pos(const struct reader *);
/* Damaged entries are stepped over and counted (reader_pos moves). */
enum reader_result reader_peek(struct reader *, struct entry *ent);
void reader_advance(struct reader *);

#endif
