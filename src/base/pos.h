/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Position of an entry: (ledger id, entry id), as in BookKeeper and in Pulsar's
 * MessageId. Ledger ids are unique in the data directory and, within a topic,
 * rise with time, so positions of one topic are totally ordered.
 *
 * POS_NONE ("before everything") is what Pulsar sends as (-1, -1).
 * Plain values: any thread, no errors.
 */
#ifndef BASE_POS_H
#define BASE_POS_H

#include <stdbool.h>
#include <stdint.h>

struct pos {
	uint64_t ledger;
	int64_t entry; /* -1: before the ledger's first entry */
};

#define POS_NONE ((struct pos){ .ledger = 0, .entry = -1 })
#define POS_LATEST ((struct pos){ .ledger = UINT64_MAX, .entry = INT64_MAX })

static inline int
pos_cmp(struct pos a, struct pos b)
{
	if (a.ledger != b.ledger)
		return a.ledger < b.ledger ? -1 : 1;
	if (a.entry != b.entry)
		return a.entry < b.entry ? -1 : 1;
	return 0;
}

static inline bool
pos_eq(struct pos a, struct pos b)
{
	return a.ledger == b.ledger && a.entry == b.entry;
}

#endif
