/* SPDX-License-Identifier: Apache-2.0 */
/*
 * posset: a set of positions, as one compressed bitmap (CRoaring, 32-bit) per
 * ledger, ledgers ascending. O(log) in bitmaps, memory by compression: 10
 * million entries in random order cost at most about a bit each.
 * Entries are < 2^32 (a ledger rolls long before). Shard's thread only.
 */
#ifndef CORE_POSSET_H
#define CORE_POSSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <roaring/roaring.h>

#include "base/vas_assert.h" /* roaring brings <assert.h> */

#include "base/pos.h"

struct posset_ledger {
	uint64_t ledger;
	roaring_bitmap_t *bits;
	bool dirty; /* changed since the last snapshot */
};
struct posset {
	struct posset_ledger *v;
	uint32_t n, cap;
	uint64_t count; /* positions in all */
};

void posset_init(struct posset *);
void posset_fini(struct posset *);
void posset_clear(struct posset *);
bool posset_add(struct posset *, struct pos); /* false: was there */
bool posset_remove(struct posset *, struct pos); /* false: was not there */
bool posset_contains(const struct posset *, struct pos);
bool posset_has_ledger(
    const struct posset *, uint64_t ledger); /* any position of it */
bool posset_first(const struct posset *, struct pos *); /* smallest */
bool posset_next(const struct posset *, struct pos after,
    struct pos *); /* smallest > after */
/* First entry >= from.entry of from.ledger that is NOT in the set. */
int64_t posset_first_absent(const struct posset *, struct pos from);
/* Drops everything <= upto; returns how many. */
uint64_t posset_remove_upto(struct posset *, struct pos upto);
uint64_t posset_count_range(
    const struct posset *, struct pos first, struct pos last);
/* positions > after that are in a and not in b */
uint64_t posset_count_without(
    const struct posset *a, const struct posset *b, struct pos after);
uint64_t posset_runs(const struct posset *); /* stats */
size_t posset_bytes(const struct posset *);
size_t posset_ledger_write(
    const struct posset_ledger *, void *buf, size_t cap); /* 0: too small */
size_t posset_ledger_size(const struct posset_ledger *);
bool posset_ledger_read(
    struct posset *, uint64_t ledger, const void *buf, size_t len); /* OR in */

#endif
