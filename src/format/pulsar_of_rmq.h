/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RocketMQ entry for a Pulsar consumer: the body of a MESSAGE made of a stored
 * record. doc/rocketmq-pulsar.md has the table of what goes where.
 *
 *	producer_name	PGROUP, or "rocketmq"
 *	sequence_id	queue offset
 *	publish_time	born time; event_time too
 *	partition_key	__SHARDINGKEY, else KEYS
 *	deliver_at_time	when a delayed message was due
 *	properties	all of the record's, and rocketmq.* for what is none there
 *	payload		the body, inflated
 *
 * An inner batch becomes a batch, each message with its own properties and key.
 *
 * A body that can't be inflated (or to more than max_bytes) is given as it is,
 * and rocketmq.compression says so. What would be longer than max_bytes, as no
 * client would take it, loses its payload; rocketmq.bodyBytes says how long it
 * was. Both are the exception: limits of both protocols are above what their
 * clients send.
 *
 * Any thread.
 */
#ifndef FORMAT_PULSAR_OF_RMQ_H
#define FORMAT_PULSAR_OF_RMQ_H

#include "base/buf.h"
#include "base/cdefs.h"
#include "base/err.h"
#include "store/entry.h"

#define PULSAR_RMQ_FLAG "rocketmq.flag"
#define PULSAR_RMQ_RECONSUME "rocketmq.reconsumeTimes"
#define PULSAR_RMQ_BORN_HOST "rocketmq.bornHost"
#define PULSAR_RMQ_COMPRESSION "rocketmq.compression"
#define PULSAR_RMQ_BODY_BYTES "rocketmq.bodyBytes"

/* One after the other they are the body. Both hold references. */
struct pulsar_made {
	struct slice head; /* checksum and metadata */
	struct slice payload; /* buf NULL: there is none */
	bool whole; /* no payload was lost */
};

/* ent: of ENTRY_FORMAT_ROCKETMQ, with a counted body. ERR_MALFORMED: it holds no
 * record. */
enum err pulsar_of_rmq(
    const struct entry *ent, size_t max_bytes, struct pulsar_made *) MUST_CHECK;
void pulsar_made_fini(struct pulsar_made *);

#endif
