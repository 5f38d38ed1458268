/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.h - which consumer of a Key_Shared subscription owns a key.
 *
 * A key's hash (murmur3 & 0x7fffffff) is folded into a slot of 1..65535; 0 is
 * never a slot. Three ways to give slots to owners, each as Pulsar 4.2 has it:
 *
 * KEYRING_HASH	 consistent hashing: every owner has `points` points, each the slot
 *		 of "name \0 index \0 point" (index tells owners of the same name
 *		 apart: the lowest that is free); a slot belongs to the first
 *		 point at or above it, else to the lowest. Where points
 *		 collide the first comer has it and the others wait in line.
 *		 ConsistentHashingStickyKeyConsumerSelector.
 * KEYRING_SPLIT the biggest range is halved and the newcomer gets its lower
 *		 half; what a leaver had goes to the range above, the highest one
 *		 to the range below. HashRangeAutoSplitStickyKeyConsumerSelector.
 * KEYRING_FIXED owners bring their ranges, which must not overlap; slots that
 *		 nobody covers have no owner.
 *		 HashRangeExclusiveStickyKeyConsumerSelector.
 *
 * Owners are opaque pointers. select costs O(log); add and remove are rare.
 * Shard's thread only.
 */
#ifndef CORE_KEYRING_H
#define CORE_KEYRING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/op.h"

#define KEYRING_SLOTS 65536u

enum keyring_kind {
	KEYRING_HASH,
	KEYRING_SPLIT,
	KEYRING_FIXED
};

struct keyring;

/* points: KEYRING_HASH only, at least 1 */
struct keyring *keyring_new(enum keyring_kind, uint32_t points);
void keyring_free(struct keyring **);

uint32_t keyring_slot(const struct keyring *, uint32_t hash);
/* NULL: nobody */
void *keyring_select(const struct keyring *, uint32_t slot);

/* Could these ranges join? (always, but for KEYRING_FIXED and for a
 * KEYRING_SPLIT that is down to single slots) */
bool keyring_fits(
    const struct keyring *, const struct hash_range *, uint32_t ranges_n);
/* name is copied; ranges for KEYRING_FIXED. It must fit. */
void keyring_add(struct keyring *, void *owner, const char *name,
    const struct hash_range *, uint32_t ranges_n);
void keyring_remove(struct keyring *, void *owner);

/* Ranges of an owner, ascending, in memory of the caller's (mem_free). */
uint32_t keyring_ranges(
    const struct keyring *, const void *owner, struct hash_range **);

#endif
