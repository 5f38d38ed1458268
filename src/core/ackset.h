/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ackset: the entries of which only some messages are acknowledged, with the
 * bits that are still unacked (index 0 = bit 0 of word 0; words that are not
 * there are 0, as java.util.BitSet sends them).
 *
 * Ordered by position. A clear bit stays clear: the only change is AND. The
 * set is bounded (ACKSET_MAX entries, ACKSET_WORDS_MAX words over all), so that
 * a client which acks one message of every batch cannot grow it without end.
 * Shard's thread only.
 */
#ifndef CORE_ACKSET_H
#define CORE_ACKSET_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/tree.h>

#include "base/pos.h"

#define ACKSET_MAX (1u << 18)
#define ACKSET_WORDS_MAX (1u << 20)
#define ACKSET_ENTRY_WORDS 4096u /* of one entry */

struct ackbits {
	RB_ENTRY(ackbits) node;
	struct pos pos;
	uint32_t batch_n; /* messages of the entry */
	uint32_t
	    words_n; /* without the words of 0 at the end; 0: none is left */
	uint64_t w[];
};
RB_HEAD(ackbits_tree, ackbits);

struct ackset {
	struct ackbits_tree tree;
	uint32_t n, words_n;
};

void ackset_init(struct ackset *);
void ackset_fini(struct ackset *);
void ackset_clear(struct ackset *);

struct ackbits *ackset_get(const struct ackset *, struct pos);
/* ANDs; batch_n is used when the entry is new. *left = bits that remain;
 * *cleared = bits that this call cleared. When none remains the entry is taken
 * out. false: the set is full (nothing was changed). */
bool ackset_and(struct ackset *, struct pos, const uint64_t *words,
    uint32_t words_n, uint32_t batch_n, uint32_t *left, uint32_t *cleared);
/* returns how many of its messages were acked; 0: it was not there */
uint32_t ackset_del(struct ackset *, struct pos);
void ackset_del_upto(struct ackset *, struct pos);

struct ackbits *ackset_first(const struct ackset *);
struct ackbits *ackset_next(struct ackbits *);
uint32_t ackbits_left(const struct ackbits *);

#endif
