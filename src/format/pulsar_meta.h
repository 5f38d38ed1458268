/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulsar's MessageMetadata, decoded by hand: one pass, no allocation. Absent
 * fields have the protocol's default, spans point into the input. Values aren't
 * judged: a negative count comes out as it was sent. Any thread: no state.
 */
#ifndef FORMAT_PULSAR_META_H
#define FORMAT_PULSAR_META_H

#include "base/cdefs.h"
#include "base/err.h"
#include "format/span.h"

/* What the broker needs of a MessageMetadata. */
struct pulsar_meta {
	struct span producer_name;
	uint64_t sequence_id;
	uint64_t highest_sequence_id; /* 0: not sent */
	uint64_t publish_time_ms;
	uint64_t event_time_ms; /* 0: not sent */
	int64_t deliver_at_ms; /* 0: not sent */
	uint64_t txn_least;
	uint64_t txn_most;
	struct span partition_key; /* still base64 if key_b64 */
	struct span ordering_key;
	struct span schema_version;
	struct span uuid; /* of a chunked message */
	struct span replicated_from;
	struct span_rep properties; /* KeyValue: pulsar_kv_decode */
	int32_t num_messages; /* in the batch; 1 if not a batch */
	uint32_t compression; /* pp_CompressionType */
	uint32_t uncompressed_bytes;
	int32_t chunk_id; /* -1: not a chunk */
	int32_t num_chunks; /* 0: not a chunk */
	int32_t total_chunk_bytes;
	int32_t marker_type; /* 0: not a marker */
	uint32_t encryption_keys_n; /* > 0: the payload is encrypted */
	bool is_batch; /* num_messages_in_batch was sent, even if it is 1 */
	bool has_txn;
	bool key_b64;
	bool null_value;
	bool null_key;
};

enum err pulsar_meta_decode(
    struct span in, struct pulsar_meta *meta) MUST_CHECK;

/* A KeyValue. */
enum err pulsar_kv_decode(
    struct span in, struct span *key, struct span *value) MUST_CHECK;

/*
 * The hash by which Key_Shared chooses a consumer: murmur3 with seed 0, its
 * sign bit cleared, over the ordering key; if absent the partition key, decoded
 * if it is base64 (bytes that aren't base64 are taken as they are); if absent
 * "<producer name>-<sequence id>".
 */
uint32_t pulsar_sticky_hash(const struct pulsar_meta *meta);

#endif
