/* SPDX-License-Identifier: Apache-2.0 */
/*
 * take.h - entries that were read, as records for a client: those of RocketMQ's
 * own producers as they lie in the log, those of another protocol's converted
 * (format/rmq_of_pulsar.h), message by message. So a read may begin and end inside
 * of a batch. Records that a client can't read are fitted (fit.h).
 *
 * An inner batch of RocketMQ's own goes out whole to a client that takes it apart,
 * with INNER_BASE, which only its place in the log says; not if the read begins
 * inside of it, or wants only some of it. Else each message is made a record.
 *
 * What can't be had as a record (encrypted, a chunk of a larger message, damaged,
 * left out by a compactor, longer than a frame) is passed over and counted.
 *
 * Memory: records that are made lie in the shard's chunk or in a buffer of their
 * own, at most max_bytes of them beyond the first one; a batch is decompressed
 * while it is looked at, up to RMQ_PLAIN_MAX. Shard's thread only.
 */
#ifndef ROCKETMQ_TAKE_H
#define ROCKETMQ_TAKE_H

#include "rocketmq/rmq_priv.h"

#define RMQ_PLAIN_MAX (64u << 20) /* of one entry, decompressed */

struct sql92;

struct rmq_take {
	/* what is wanted */
	struct str topic; /* core's full name of the queue */
	uint64_t from; /* index of the first message */
	uint32_t max_n; /* messages, 1..READ_AT_MAX */
	uint32_t max_bytes; /* of records; one at least is taken */
	/* tagsCodes, of which one has to be the message's; none: all. Records of
	 * one message were chosen by the core */
	const uint32_t *tags;
	uint32_t tags_n;
	const struct sql92 *sql; /* NULL: any */
	bool apart; /* no inner batch as a whole */
	/* what was found: references, in the shard's memory until the next take */
	struct slice *found;
	uint32_t n;
	uint32_t messages; /* in them */
	size_t bytes;
	uint64_t next; /* index to go on at */
};

/* Are they, or is one of them, not to go out as they lie in the log: not a record, or
 * none that this client can read (fit.h)? */
bool rmq_take_needed(const struct rmq_session *, const struct fx *);
/* Of the entries of an answer to OP_READ_AT. */
void rmq_take_entries(
    struct rmq_session *, struct rmq_take *, const struct fx *);
void rmq_take_drop(struct rmq_take *);

/*
 * The message of this entry with that locator; of an inner batch rather the one
 * with that unique key, if there is one (STR_NONE: don't look), for who took it
 * apart knows the locator of the whole only. *record: a reference of the caller's.
 * false: it can't be had.
 */
bool rmq_take_one(struct rmq_session *, const struct entry *, struct str topic,
    uint64_t locator, struct str uniq, struct slice *record);
/* An inner batch as its client takes it apart: with INNER_BASE. false: not even
 * that has room. */
bool rmq_take_whole(struct rmq *, const struct rmq_record *, struct slice *);

#endif
