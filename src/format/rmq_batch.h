/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several messages in one body, as producers send them, and as an inner batch
 * is stored. Each of them, big-endian:
 *
 *	u32 size  u32 0  u32 0  i32 flag  i32 length, body  i16 length, properties
 *
 * The sizes are not believed; the lengths are, within the body.
 *
 * An inner batch is one record (rmq_record.h, RMQ_SYS_INNER_BATCH) with such a
 * body. Java clients take it apart themselves; for others rmq_unwrap does it
 * the way Java does.
 *
 * What is given out points into the body. Any thread; no allocation.
 */
#ifndef FORMAT_RMQ_BATCH_H
#define FORMAT_RMQ_BATCH_H

#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"
#include "format/rmq_record.h"

struct rmq_batch {
	const uint8_t *p, *end;
};

struct rmq_batch_msg {
	int32_t flag;
	struct str body, props;
};

struct rmq_batch rmq_batch_of(const void *body, size_t n);
/* ERR_EOF: that was the last; ERR_MALFORMED */
enum err rmq_batch_next(struct rmq_batch *, struct rmq_batch_msg *) MUST_CHECK;
/* How many? Reads them all. ERR_MALFORMED also if there is none. */
enum err rmq_batch_count(
    const void *body, size_t n, uint32_t *count) MUST_CHECK;

/* For senders: how long is it in a batch; writes it there, and how much. */
size_t rmq_batch_size(const struct rmq_batch_msg *);
size_t rmq_batch_write(uint8_t *p, const struct rmq_batch_msg *);

struct rmq_unwrap {
	struct rmq_record outer;
	struct rmq_batch batch;
	uint32_t n; /* that came out */
};

/* outer: a whole record of RMQ_SYS_INNER_BATCH, taken apart */
void rmq_unwrap_init(struct rmq_unwrap *, const struct rmq_record *outer);
/*
 * The next message as a record of its own (size is not set: write it). ERR_EOF,
 * ERR_MALFORMED.
 */
enum err rmq_unwrap_next(struct rmq_unwrap *, struct rmq_record *) MUST_CHECK;

#endif
