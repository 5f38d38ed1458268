/* SPDX-License-Identifier: Apache-2.0 */
/*
 * due.h - an index on disk of what is due when, of any horizon.
 *
 * An item is where an entry lies and when it is due. All of them are rows of the
 * metadata engine that core_set_due() named, in order of (due, order, at)
 * (doc/format-delay.md). In memory is a window: what falls due next, refilled by
 * scans in that order; what is later is on disk only. New items are written in
 * batches, once a second or when FLUSH_MAX of them have come; what was done before
 * that was never on disk. Items that are done are deleted in batches, too, of at most
 * FLUSH_MAX, or GONE_DENSE where they are neighbours. One request of an index is
 * under way at a time.
 *
 * The index is not the authority: its client knows which of its entries still
 * wait, and adds again, after a crash, what the last batch did not have (`add` and
 * `added` let it write how far it came in the same transaction). An item that was
 * done may come once more after a crash; the client sees that by itself.
 *
 * Time is the core's wall clock; a jump of it is noticed at the next event
 * (due_clock_jumped).
 *
 * Limits: window items in memory (core_conf.due_window), twice that between two
 * trims; new and done ones are the client's to bound by due_is_full().
 *
 * Errors: a commit or scan that fails is tried again a second later.
 *
 * Shard's thread only.
 */
#ifndef CORE_DUE_H
#define CORE_DUE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/meta.h"

struct core;
struct due;

struct due_item {
	int64_t due_ms; /* wall, >= 0 */
	uint64_t order; /* among those of the same ms */
	uint64_t at; /* unique: entry_locator(ledger, entry) */
	uint64_t hash; /* the client's; 0: none */
	uint64_t target; /* what is counted together; 0: not counted */
};

struct due_client {
	/* What is on disk was found; counts are right from now on. */
	void (*loaded)(void *priv);
	/* Something may be taken by due_next(). */
	void (*ready)(void *priv);
	/* A batch is made, of everything that was added until now and of much of what
	 * was done: what the client writes with it. If it fails another one follows, of the same and what
	 * has come since. NULL: nothing. */
	void (*add)(void *priv, struct meta_txn *);
	/* The last one is durable. NULL: nothing. */
	void (*added)(void *priv);
};

struct due *due_new(
    struct core *, uint64_t id, const struct due_client *, void *priv);
/* What has not been written is forgotten. */
void due_free(struct due **);
/* Takes up what is on disk; items may be added before and meanwhile. */
void due_load(struct due *);

void due_add(struct due *, const struct due_item *);
/* Takes the first one if it is due; false: not now, ready() says when. */
bool due_next(struct due *, struct due_item *);
/* One that was taken needs no row any more. */
void due_done(struct due *, const struct due_item *);
/* The same for one that was not taken. */
void due_cancel(struct due *, const struct due_item *);
/* The client's part of the batch (add) changed: one is to be made. */
void due_flush_soon(struct due *);
/* So many wait to be written that no more should be added. */
bool due_is_full(const struct due *);
/* Items of one target, done or cancelled ones excluded. */
uint64_t due_count(const struct due *, uint64_t target);
uint64_t due_total(const struct due *);
/* No item is due before it, for all that is in memory; INT64_MAX: none. */
int64_t due_first_ms(const struct due *);
/* due_next() had none, but what is on disk behind the window may be due: ready() is
 * called when it has been looked at. */
bool due_may_have_more(const struct due *);

/* Items of a ms with that hash, wherever they are; f is called for each, may be at
 * once, and may be more than once for the same, then once with NULL, never at once
 * (not at all when the index is freed before). It must not call into the index but
 * with that NULL. */
typedef void due_found_f(void *priv, const struct due_item *);
void due_find(
    struct due *, int64_t due_ms, uint64_t hash, due_found_f *, void *priv);

/* Key of a row of the client's own; returns the length. */
size_t due_key(
    uint8_t key[static META_KEY_MAX], uint64_t id, char kind, uint64_t n);
/* All rows of an index, its client's too. */
void due_forget(struct meta_txn *, uint64_t id);

/* every index of the core: wall time went on by itself */
void due_clock_jumped(struct core *);
/* core_free: those that were freed while a request was under way */
void dues_free(struct core *);

#endif
