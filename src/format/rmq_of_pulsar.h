/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message of a Pulsar entry (pulsar_msgs.h) as a RocketMQ record.
 * doc/rocketmq-pulsar.md has the table of what goes where.
 *
 *	queue offset	index of the message
 *	physical offset	its locator
 *	born time	publish_time; born and store host are the broker's
 *	body		payload, decompressed
 *	KEYS, __SHARDINGKEY	partition_key, unless properties have them
 *	UNIQ_KEY	made of the locator, the same each time, unless there is one
 *	TIMER_DELIVER_MS	deliver_at_time
 *	properties	Pulsar's, and pulsar.* for what has no place there
 *
 * RocketMQ's properties have at most RMQ_PROPS_MAX bytes and no empty names or
 * values: such are left out, and what has no room any more (pulsar.cut says so).
 * The bytes 1 and 2, which end names and values there, become U+2401 and U+2402.
 * Names by which the broker tells clients what to do (POP_CK and such) are not
 * taken from a Pulsar producer.
 *
 * Any thread; no allocation.
 */
#ifndef FORMAT_RMQ_OF_PULSAR_H
#define FORMAT_RMQ_OF_PULSAR_H

#include "format/pulsar_msgs.h"
#include "format/rmq_record.h"

#define RMQ_PULSAR_PRODUCER "pulsar.producerName"
#define RMQ_PULSAR_SEQUENCE "pulsar.sequenceId"
#define RMQ_PULSAR_EVENT_TIME "pulsar.eventTime"
#define RMQ_PULSAR_ORDERING_KEY "pulsar.orderingKey" /* base64 */
#define RMQ_PULSAR_KEY_BYTES "pulsar.partitionKey" /* base64: bytes, no text */
#define RMQ_PULSAR_SCHEMA "pulsar.schemaVersion" /* base64 */
#define RMQ_PULSAR_REPLICATED "pulsar.replicatedFrom"
#define RMQ_PULSAR_NULL "pulsar.nullValue" /* true */
#define RMQ_PULSAR_CUT "pulsar.cut" /* true: not all properties had room */

/* Where it lies, and what it is called there. */
struct rmq_of_pulsar {
	const struct entry *ent; /* locator: of its first message */
	struct str topic;
	int32_t queue_id;
	struct rmq_host host;
};

/* props is the record's memory for its properties. */
void rmq_of_pulsar(const struct rmq_of_pulsar *, const struct pulsar_msgs *,
    const struct pulsar_msg *, char props[RMQ_PROPS_MAX], struct rmq_record *);

/* Is it a unique key that was made here? Then the message's locator (phys_offset of
 * its record); whether the message has that key is to be looked at. */
bool rmq_of_pulsar_uniq(struct str key, uint64_t *locator);

/* tagsCode of the message, by its property TAGS; 0: it has none. */
uint32_t pulsar_tags_code(const struct span_rep *properties);

#endif
