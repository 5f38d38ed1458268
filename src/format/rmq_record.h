/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RocketMQ's stored record: what lies in the log, and, one after the other,
 * the body of a pull's answer. Big-endian.
 *
 *	 0 u32 size of all           4 u32 magic: V1, or V2 (long topic)
 *	 8 u32 crc32 of the body, less its top bit
 *	12 i32 queue id             16 i32 flag
 *	20 i64 queue offset         28 i64 physical offset
 *	36 i32 sysFlag              40 i64 born time, ms
 *	48 born host: ip of 4, or 16 (sysFlag RMQ_SYS_BORN_V6), u32 port
 *	 . i64 store time, ms; store host (RMQ_SYS_STORE_V6)
 *	 . i32 reconsume times      i64 prepared transaction offset
 *	 . i32 length, body         u8 (V2: u16) length, topic
 *	 . i16 length, properties (rmq_props.h)
 *
 * A record is made when a message comes in and not again: what is known only
 * later (its place in the log, or what a certain reader is to see) is written
 * over it, in a copy, by rmq_record_stamp and the rmq_put_ functions.
 *
 * rmq_record_read checks every length; what it fills points into the bytes. The
 * rmq_put_ and rmq_get_ functions trust them: for records that were read or
 * written here before. Plain functions, any thread, no allocation.
 */
#ifndef FORMAT_RMQ_RECORD_H
#define FORMAT_RMQ_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/be.h"
#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"
#include "store/entry.h"

#define RMQ_MAGIC_V1 0xdaa320a7U
#define RMQ_MAGIC_V2 0xdaa320abU
#define RMQ_TOPIC_V1_MAX 127 /* longer topics need V2 */
#define RMQ_TOPIC_MAX 32767
#define RMQ_PROPS_MAX 32767
#define RMQ_BODY_MAX (INT32_MAX / 2)
/* a record without body, topic and properties, at least */
#define RMQ_RECORD_MIN 91

/* sysFlag */
#define RMQ_SYS_COMPRESSED 0x1
#define RMQ_SYS_MULTI_TAGS 0x2
#define RMQ_SYS_TXN_MASK 0xc
#define RMQ_SYS_TXN_PREPARED 0x4
#define RMQ_SYS_TXN_COMMIT 0x8
#define RMQ_SYS_TXN_ROLLBACK 0xc
#define RMQ_SYS_BORN_V6 0x10
#define RMQ_SYS_STORE_V6 0x20
#define RMQ_SYS_NEED_UNWRAP 0x40
#define RMQ_SYS_INNER_BATCH 0x80
#define RMQ_SYS_COMPRESSION_MASK 0x700
#define RMQ_SYS_COMPRESSION_SHIFT 8

/* A record of several messages (rmq_batch.h)? */
static inline bool
rmq_is_inner_batch(int32_t sys_flag)
{
	return (sys_flag & RMQ_SYS_INNER_BATCH) != 0;
}

struct rmq_host {
	uint8_t ip[16]; /* the first 4 of it, unless v6 */
	bool v6;
	uint32_t port;
};

/* Taken apart, or to be put together. */
struct rmq_record {
	uint32_t size; /* of all; writing ignores it */
	uint32_t body_crc;
	int32_t queue_id;
	int32_t flag;
	int64_t queue_offset;
	int64_t phys_offset;
	/* writing takes the two _V6 bits from the hosts */
	int32_t sys_flag;
	int32_t reconsume_times;
	int64_t born_ms;
	int64_t store_ms;
	int64_t prepared_offset;
	struct rmq_host born, store;
	struct str body, topic, props;
};

/*
 * The record at the start of the n bytes at p; more may follow it, r->size bytes
 * on. ERR_MALFORMED. The checksum is not looked at (rmq_body_crc).
 */
enum err rmq_record_read(
    const uint8_t *p, size_t n, struct rmq_record *r) MUST_CHECK;

/*
 * How long is it, written? 0: topic, properties or body are too long. It
 * consists of a head, the body, and a tail: whoever has the body in a slice of
 * its own may write only the others. Each returns what it wrote; r->body.p is
 * looked at by rmq_record_write only.
 */
size_t rmq_record_size(const struct rmq_record *);
size_t rmq_record_write(uint8_t *p, const struct rmq_record *);
size_t rmq_record_write_head(uint8_t *p, const struct rmq_record *);
size_t rmq_record_write_tail(uint8_t *p, const struct rmq_record *);

/* the checksum as it stands in a record; chainable, from 0, before the mask */
uint32_t rmq_body_crc(const void *body, size_t n);

/*
 * Give each of the records in these bytes, of one entry, its place: the first
 * one the offsets that are given, the others those that follow.
 */
void rmq_record_stamp(uint8_t *body, size_t len, uint64_t queue_offset,
    uint64_t phys_offset, int64_t store_ms);

/* By which a message can be asked for: its unique key, and each of KEYS. */
uint64_t rmq_key_hash(struct str key);
bool rmq_record_has_key(const struct rmq_record *, struct str key);

/* for the log: bodies of ENTRY_FORMAT_ROCKETMQ */
extern const struct entry_format_ops rmq_record_format;

/* ---- single fields, in place */

#define RMQ_AT_QUEUE_ID 12
#define RMQ_AT_FLAG 16
#define RMQ_AT_QUEUE_OFFSET 20
#define RMQ_AT_PHYS_OFFSET 28
#define RMQ_AT_SYS_FLAG 36
#define RMQ_AT_BORN_MS 40
#define RMQ_AT_BORN_HOST 48

static inline int32_t
rmq_get_sys_flag(const uint8_t *rec)
{
	return (int32_t)be32_get(rec + RMQ_AT_SYS_FLAG);
}

static inline size_t
rmq_at_store_ms(const uint8_t *rec)
{
	return RMQ_AT_BORN_HOST +
	    ((rmq_get_sys_flag(rec) & RMQ_SYS_BORN_V6) != 0 ? 20 : 8);
}

static inline size_t
rmq_at_reconsume(const uint8_t *rec)
{
	return rmq_at_store_ms(rec) + 8 +
	    ((rmq_get_sys_flag(rec) & RMQ_SYS_STORE_V6) != 0 ? 20 : 8);
}

static inline uint32_t
rmq_get_size(const uint8_t *rec)
{
	return be32_get(rec);
}

static inline int64_t
rmq_get_queue_offset(const uint8_t *rec)
{
	return (int64_t)be64_get(rec + RMQ_AT_QUEUE_OFFSET);
}

static inline int64_t
rmq_get_phys_offset(const uint8_t *rec)
{
	return (int64_t)be64_get(rec + RMQ_AT_PHYS_OFFSET);
}

static inline int64_t
rmq_get_store_ms(const uint8_t *rec)
{
	return (int64_t)be64_get(rec + rmq_at_store_ms(rec));
}

static inline int32_t
rmq_get_reconsume(const uint8_t *rec)
{
	return (int32_t)be32_get(rec + rmq_at_reconsume(rec));
}

static inline void
rmq_put_queue_id(uint8_t *rec, int32_t v)
{
	be32_put(rec + RMQ_AT_QUEUE_ID, (uint32_t)v);
}

static inline void
rmq_put_queue_offset(uint8_t *rec, int64_t v)
{
	be64_put(rec + RMQ_AT_QUEUE_OFFSET, (uint64_t)v);
}

static inline void
rmq_put_phys_offset(uint8_t *rec, int64_t v)
{
	be64_put(rec + RMQ_AT_PHYS_OFFSET, (uint64_t)v);
}

/* The bits of the hosts' lengths stay as they are. */
static inline void
rmq_put_sys_flag(uint8_t *rec, int32_t v)
{
	int32_t keep = RMQ_SYS_BORN_V6 | RMQ_SYS_STORE_V6;

	v = (v & ~keep) | (rmq_get_sys_flag(rec) & keep);
	be32_put(rec + RMQ_AT_SYS_FLAG, (uint32_t)v);
}

static inline void
rmq_put_store_ms(uint8_t *rec, int64_t v)
{
	be64_put(rec + rmq_at_store_ms(rec), (uint64_t)v);
}

static inline void
rmq_put_reconsume(uint8_t *rec, int32_t v)
{
	be32_put(rec + rmq_at_reconsume(rec), (uint32_t)v);
}

static inline void
rmq_put_prepared_offset(uint8_t *rec, int64_t v)
{
	be64_put(rec + rmq_at_reconsume(rec) + 4, (uint64_t)v);
}

#endif
