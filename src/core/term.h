/* SPDX-License-Identifier: Apache-2.0 */
/*
 * term.h - leases that end by themselves (OP_LEASE): what a subscription knows of
 * entries that were leased for a time, not to a consumer.
 *
 * A term is out until due_ms, or it is back: free to be leased again, with the
 * count of its redeliveries. It goes when its entry is acknowledged. A table
 * belongs to a cursor, which journals it; order of positions and of indexes is
 * the same. All operations cost O(log n). Shard's thread only.
 */
#ifndef CORE_TERM_H
#define CORE_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/tree.h>

#include "base/pos.h"

struct term {
	struct pos pos;
	uint64_t index; /* of its first message */
	uint32_t messages_n; /* of the entry */
	uint32_t redeliveries;
	int64_t time_ms; /* the lease's, or the last one's */
	int64_t due_ms; /* wall; 0: it is back */
	RB_ENTRY(term) node; /* by position */
	RB_ENTRY(term) state; /* out: by due_ms; back: by position */
};
RB_HEAD(terms_all, term);
RB_HEAD(terms_out, term);
RB_HEAD(terms_back, term);

struct terms {
	struct terms_all all;
	struct terms_out out;
	struct terms_back back;
	uint32_t n, out_n;
	uint64_t out_messages; /* of entries that are out, whole */
	/* where new entries are looked for next; POS_NONE: from the beginning */
	struct pos next;
	struct term *unused; /* by the left of node */
	uint32_t unused_n;
};

void terms_init(struct terms *);
void terms_fini(struct terms *);
void terms_clear(struct terms *);
/* NULL: none */
struct term *terms_get(const struct terms *, struct pos);
struct term *terms_of_index(const struct terms *, uint64_t index);
/* The one of this position, made if it is not there. What is given replaces what
 * it had. due_ms 0: it is back. */
struct term *terms_put(struct terms *, const struct term *);
void terms_del(struct terms *, struct term *);
void terms_del_upto(struct terms *, struct pos);
struct term *terms_first(const struct terms *);
struct term *terms_next(const struct terms *, struct term *); /* by position */
struct term *terms_first_due(const struct terms *); /* NULL: none is out */
/* back, by position: the first, and the first behind a position */
struct term *terms_first_back(const struct terms *);
struct term *terms_next_back(const struct terms *, struct pos);

#endif
