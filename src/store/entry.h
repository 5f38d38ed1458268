/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry: one stored record of a topic, holding one or more messages, and the
 * attributes that dispatch reads instead of the body.
 *
 * The body is stored exactly as the producer's protocol puts it on the wire
 * (Pulsar: [0x0e01 crc][metadata size][metadata][payload]; RocketMQ: the
 * stored-record layout of PULL with its offset fields patched at append). The
 * attributes are filled once, at ingress, by the front-end; every attribute
 * can be derived again from the body, so that an engine which stores only
 * bodies (BookKeeper) loses nothing.
 *
 * Plain values; the body slice is borrowed unless the user takes a reference.
 */
#ifndef STORE_ENTRY_H
#define STORE_ENTRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/pos.h"
#include "base/vas.h"

enum entry_format {
	ENTRY_FORMAT_NONE = 0,
	ENTRY_FORMAT_PULSAR = 1,
	ENTRY_FORMAT_ROCKETMQ = 2,
	/* not a message but where one lies, in another topic (format/reference.h) */
	ENTRY_FORMAT_REFERENCE = 3,
	ENTRY_FORMATS_N
};

/* attr.flags */
#define ATTR_BATCH 0x0001 /* body is a batch envelope (even of one message) */
#define ATTR_HAS_KEY 0x0002 /* key_hash comes from a real key */
#define ATTR_ENCRYPTED 0x0004
#define ATTR_CHUNK 0x0008 /* one chunk of a larger message */
#define ATTR_CHUNK_LAST 0x0010
#define ATTR_MARKER 0x0020 /* server-only marker: never dispatched */
#define ATTR_TXN 0x0040 /* part of a transaction */
#define ATTR_NO_CHECKSUM 0x0080 /* Pulsar body came without 0x0e01 */

struct attr {
	uint8_t format; /* enum entry_format */
	/* format's own: Pulsar marker type, RocketMQ sysFlag low byte */
	uint8_t aux;
	uint16_t flags; /* ATTR_ */
	uint32_t messages_n; /* messages inside, >= 1 */
	int64_t publish_time_ms; /* producer's clock, wall */
	/* broker's wall clock, set when the group is built */
	int64_t store_time_ms;
	int64_t deliver_at_ms; /* 0: at once */
	uint32_t key_hash; /* murmur3_32 of the sticky key & 0x7fffffff */
	uint32_t tag_hash; /* RocketMQ tagsCode (i32 as bits); 0: none */
	uint64_t producer_hash; /* 64-bit hash of the producer name (dedup) */
	int64_t sequence; /* highest sequence id of the entry, -1: none */
	/* low 32 bits of a hash of the chunk uuid, with ATTR_CHUNK */
	uint32_t chunk_hash;
};

/*
 * Locator: one number of 63 bits for a message, made of its ledger's id and its
 * distance in messages from the ledger's first one. It stays as long as the entry
 * does, wherever the record is moved.
 */
#define LOCATOR_SHIFT 28
#define LOCATOR_LEDGER_MAX ((UINT64_C(1) << (63 - LOCATOR_SHIFT)) - 1)

static inline uint64_t
entry_locator(uint64_t ledger, uint64_t distance)
{
	assert(ledger <= LOCATOR_LEDGER_MAX);
	assert(distance >> LOCATOR_SHIFT == 0);
	return ledger << LOCATOR_SHIFT | distance;
}

static inline uint64_t
locator_ledger(uint64_t locator)
{
	return locator >> LOCATOR_SHIFT;
}

static inline uint64_t
locator_distance(uint64_t locator)
{
	return locator & ((UINT64_C(1) << LOCATOR_SHIFT) - 1);
}

/* What an entry is given when its place in the log is known. */
struct entry_place {
	struct pos pos;
	uint64_t index; /* of its first message */
	uint64_t locator; /* of the same */
	int64_t store_time_ms; /* wall */
};

/* What an engine asks of a format. A table of them, by enum entry_format, is
 * given to it (struct ledgers); NULL: bodies are stored as they came. */
struct entry_format_ops {
	/* Write into the engine's copy of the body what depends on its place. The
	 * length stays. The body is what the format's front-end gave to append(),
	 * so it is whole. Called once per write, before the checksum is made; a
	 * write that fails is done again from the original. NULL: nothing does. */
	void (*stamp)(uint8_t *body, size_t len, const struct entry_place *);
	/* Hashes of the keys by which the entry may be asked for (find_keys() of
	 * struct ledger_ops): at most max into hash, and how many. They are on disk,
	 * so they must be the same in every version. NULL: none has keys. */
	unsigned (*keys)(
	    const uint8_t *body, size_t len, uint64_t *hash, unsigned max);
};

struct entry {
	struct pos pos;
	uint64_t index; /* of its first message */
	/* of the same, in what the core answers reads with; else 0 */
	uint64_t locator;
	struct attr attr;
	struct slice body;
};

#endif
