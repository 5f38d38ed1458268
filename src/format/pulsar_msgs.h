/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of a stored Pulsar entry, one by one: decompressed, and taken
 * out of their batch. Of a batch's payload, after decompression:
 *
 *	u32 size  SingleMessageMetadata  payload	and the next one
 *
 * What a producer wrote is not trusted: every length is checked, and not more
 * than a given size is decompressed, whatever the metadata claims. What is given
 * out points into the body or into what was decompressed, and is valid until
 * pulsar_msgs_close(). Any thread.
 */
#ifndef FORMAT_PULSAR_MSGS_H
#define FORMAT_PULSAR_MSGS_H

#include "base/buf.h"
#include "format/pulsar_body.h"
#include "format/pulsar_meta.h"

/*
 * A payload without its compression. *hold: the memory it lies in, a reference
 * of the caller's; NULL if it was not compressed or is empty. ERR_MALFORMED: it
 * isn't what the metadata says; ERR_NOT_SUPPORTED: a compression that nobody
 * knows; ERR_TOO_BIG: over max bytes.
 */
enum err pulsar_inflate(const struct pulsar_meta *, struct span payload,
    size_t max, struct buf **hold, struct span *plain) MUST_CHECK;

struct pulsar_msg {
	uint32_t at; /* its number in the entry, from 0 */
	uint64_t sequence_id;
	uint64_t event_time_ms; /* 0: not sent */
	struct span key; /* partition key; still base64 if key_b64 */
	struct span ordering_key;
	struct span_rep properties; /* KeyValue: pulsar_kv_decode */
	struct span payload;
	bool key_b64;
	bool null_value;
	bool compacted_out; /* of a batch: the compactor left it out */
};

struct pulsar_msgs {
	struct pulsar_meta meta; /* of the entry */
	struct buf *hold;
	struct span rest;
	uint32_t next; /* number of the next message */
	uint32_t n;
};

/*
 * Begins. ERR_NOT_SUPPORTED: encrypted, a chunk of a larger message, a marker,
 * or a compression that nobody knows; ERR_MALFORMED, ERR_TOO_BIG as above. Then
 * there is nothing to close.
 */
enum err pulsar_msgs_open(
    struct pulsar_msgs *, struct span body, size_t max) MUST_CHECK;
/* ERR_EOF: that was the last; ERR_MALFORMED: what follows can't be read. */
enum err pulsar_msgs_next(struct pulsar_msgs *, struct pulsar_msg *) MUST_CHECK;
void pulsar_msgs_close(struct pulsar_msgs *);

#endif
