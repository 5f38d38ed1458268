/* SPDX-License-Identifier: Apache-2.0 */
/* Pulsar's entries taken apart, and each protocol's entries made the other's. */
#include <lz4.h>
#include <snappy-c.h>
#include <stdio.h>
#include <zstd.h>

#include "test.h"

#include "base/compress.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "format/pulsar_of_rmq.h"
#include "format/rmq_batch.h"
#include "format/rmq_of_pulsar.h"
#include "format/rmq_props.h"
#include "format/wire.h"

#define ROOM (512u << 10)
#define MAX (1u << 20)

static uint8_t mem[ROOM], packed[ROOM];

/* --- a Pulsar producer ------------------------------------------------------------ */

static uint8_t *
put_field(uint8_t *o, uint32_t tag, const void *p, size_t n)
{
	o = wire_put_varint(o, tag);
	o = wire_put_varint(o, n);
	memcpy(o, p, n);
	return o + n;
}

static uint8_t *
put_number(uint8_t *o, uint32_t field, uint64_t v)
{
	o = wire_put_varint(o, WIRE_V(field));
	return wire_put_varint(o, v);
}

static uint8_t *
put_text(uint8_t *o, uint32_t field, const char *s)
{
	return put_field(o, WIRE_L(field), s, strlen(s));
}

static uint8_t *
put_kv(uint8_t *o, uint32_t field, struct str k, struct str v)
{
	static uint8_t kv[ROOM];
	uint8_t *e = wire_put_bytes(kv, 1, span_of_str(k));

	e = wire_put_bytes(e, 2, span_of_str(v));
	return put_field(o, WIRE_L(field), kv, (size_t)(e - kv));
}

/* The required fields. */
static uint8_t *
put_head(uint8_t *o)
{
	o = put_text(o, 1, "producer");
	o = put_number(o, 2, 41);
	return put_number(o, 3, 1700000000123);
}

static struct span
body_of(const uint8_t *meta, size_t meta_n, const void *payload, size_t n)
{
	uint8_t *o = mem;

	(void)wire_put_be16(o, PULSAR_MAGIC_CRC);
	(void)wire_put_be32(o + 6, (uint32_t)meta_n);
	memcpy(o + 10, meta, meta_n);
	memcpy(o + 10 + meta_n, payload, n);
	(void)wire_put_be32(o + 2, crc32c(0, o + 6, 4 + meta_n + n));
	return span_of(o, 10 + meta_n + n);
}

static size_t
pack(uint32_t codec, const void *in, size_t n)
{
	size_t out = sizeof packed;
	struct buf *b;

	switch (codec) {
	case 1:
		return (size_t)LZ4_compress_default(
		    in, (char *)packed, (int)n, (int)sizeof packed);
	case 2:
		b = compress_deflate(in, n, 6);
		memcpy(packed, b->data, b->len);
		out = b->len;
		buf_unref(&b);
		return out;
	case 3:
		return ZSTD_compress(packed, sizeof packed, in, n, 3);
	case 4:
		assert_int_equal(
		    snappy_compress(in, n, (char *)packed, &out), SNAPPY_OK);
		return out;
	default:
		memcpy(packed, in, n);
		return n;
	}
}

/* --- batches ---------------------------------------------------------------------- */

static size_t
put_batch(uint8_t *start, unsigned n)
{
	uint8_t single[256], *e, *o = start;
	char text[32];
	unsigned i;

	for (i = 0; i < n; i++) {
		(void)snprintf(text, sizeof text, "key-%u", i);
		e = put_text(single, 2, text);
		e = put_number(e, 3, i % 5);
		if (i == 2)
			e = put_number(e, 4, 1);
		e = put_number(e, 8, 100 + i);
		e = put_kv(e, 1, STR_LIT("TAGS"),
		    i % 2 == 0 ? STR_LIT("even") : STR_LIT("odd"));
		o = wire_put_be32(o, (uint32_t)(e - single));
		memcpy(o, single, (size_t)(e - single));
		o += e - single;
		memset(o, 'a' + (int)(i % 26), i % 5);
		o += i % 5;
	}
	return (size_t)(o - start);
}

static void
check_batch(struct span body, unsigned n)
{
	struct pulsar_msgs ms;
	struct pulsar_msg m;
	char text[32];
	unsigned i;

	assert_ok(pulsar_msgs_open(&ms, body, MAX));
	assert_int_equal(ms.n, n);
	for (i = 0; i < n; i++) {
		assert_ok(pulsar_msgs_next(&ms, &m));
		assert_int_equal(m.at, i);
		assert_int_equal(m.sequence_id, 100 + i);
		(void)snprintf(text, sizeof text, "key-%u", i);
		assert_true(span_eq(m.key, span_str(text)));
		assert_int_equal(m.payload.n, i % 5);
		assert_true(m.payload.n == 0 ||
		    m.payload.p[m.payload.n - 1] == 'a' + i % 26);
		assert_int_equal(m.compacted_out, i == 2);
		assert_int_equal(pulsar_tags_code(&m.properties),
		    rmq_tags_code(
			i % 2 == 0 ? STR_LIT("even") : STR_LIT("odd")));
	}
	assert_err(pulsar_msgs_next(&ms, &m), ERR_EOF);
	pulsar_msgs_close(&ms);
}

static void
test_batches(void **state)
{
	static uint8_t plain[ROOM];
	uint8_t meta[256], *e;
	size_t n = put_batch(plain, 1000), packed_n;
	uint32_t codec;

	(void)state;
	for (codec = 0; codec <= 4; codec++) {
		packed_n = pack(codec, plain, n);
		e = put_head(meta);
		e = put_number(e, 8, codec);
		e = put_number(e, 9, n);
		e = put_number(e, 11, 1000);
		check_batch(
		    body_of(meta, (size_t)(e - meta), packed, packed_n), 1000);
	}
}

static enum err
open_as(uint32_t codec, uint64_t says, size_t max)
{
	static const char text[] = "0123456789012345678901234567890123456789";
	uint8_t meta[256], *e;
	struct pulsar_msgs ms;
	struct span body;
	size_t n = pack(codec, text, 40);
	enum err err;

	e = put_head(meta);
	e = put_number(e, 8, codec);
	e = put_number(e, 9, says);
	body = body_of(meta, (size_t)(e - meta), packed, n);
	err = pulsar_msgs_open(&ms, body, max);
	if (err == ERR_OK)
		pulsar_msgs_close(&ms);
	return err;
}

static void
test_sizes_are_not_believed(void **state)
{
	uint32_t codec;

	(void)state;
	for (codec = 1; codec <= 4; codec++) {
		assert_ok(open_as(codec, 40, 40));
		assert_err(open_as(codec, 40, 39), ERR_TOO_BIG);
		assert_err(open_as(codec, 39, 1000), ERR_MALFORMED);
		assert_err(open_as(codec, 41, 1000), ERR_MALFORMED);
		assert_err(open_as(codec, UINT32_MAX, 1000), ERR_TOO_BIG);
	}
	assert_err(open_as(5, 40, 1000), ERR_NOT_SUPPORTED);
}

/* Each cut of a batch ends it, and none reads on. */
static void
test_cut_batches(void **state)
{
	static uint8_t plain[ROOM];
	uint8_t meta[256], *e;
	size_t n = put_batch(plain, 7), cut;
	struct pulsar_msgs ms;
	struct pulsar_msg m;
	unsigned got;
	enum err err = ERR_OK;

	(void)state;
	e = put_head(meta);
	e = put_number(e, 11, 7);
	for (cut = 0; cut < n; cut++) {
		assert_ok(pulsar_msgs_open(
		    &ms, body_of(meta, (size_t)(e - meta), plain, cut), MAX));
		for (got = 0; got <= 7; got++)
			if ((err = pulsar_msgs_next(&ms, &m)) != ERR_OK)
				break;
		assert_err(err, ERR_MALFORMED);
		assert_true(got < 7);
		pulsar_msgs_close(&ms);
	}
	e = put_number(put_head(meta), 11, (uint64_t)-1);
	assert_err(pulsar_msgs_open(
		       &ms, body_of(meta, (size_t)(e - meta), plain, n), MAX),
	    ERR_MALFORMED);
}

static void
test_passed_over(void **state)
{
	static const uint8_t key[] = { 0x0a, 1, 'k', 0x12, 1, 'v' };
	uint8_t meta[256], *e;
	struct pulsar_msgs ms;

	(void)state;
	e = put_field(put_head(meta), WIRE_L(13), key, sizeof key);
	assert_err(pulsar_msgs_open(
		       &ms, body_of(meta, (size_t)(e - meta), "", 0), MAX),
	    ERR_NOT_SUPPORTED);
	e = put_number(put_head(meta), 27, 3);
	assert_err(pulsar_msgs_open(
		       &ms, body_of(meta, (size_t)(e - meta), "", 0), MAX),
	    ERR_NOT_SUPPORTED);
	e = put_number(put_head(meta), 20, 22);
	assert_err(pulsar_msgs_open(
		       &ms, body_of(meta, (size_t)(e - meta), "", 0), MAX),
	    ERR_NOT_SUPPORTED);
}

/* --- a Pulsar message as a record ------------------------------------------------- */

static char props_mem[RMQ_PROPS_MAX];

static struct rmq_record
record_of(const uint8_t *meta, size_t meta_n, const char *payload)
{
	static struct entry ent = { .pos = { 7, 3 },
		.index = 1000,
		.locator = UINT64_C(7) << LOCATOR_SHIFT | 30,
		.attr = { .format = ENTRY_FORMAT_PULSAR,
		    .messages_n = 1,
		    .store_time_ms = 1700000000999 } };
	struct rmq_of_pulsar c = { .ent = &ent,
		.topic = STR_LIT("T"),
		.queue_id = 5,
		.host = { .ip = { 10, 0, 0, 1 }, .port = 10911 } };
	static uint8_t out[2 * ROOM];
	struct rmq_record r, again;
	struct pulsar_msgs ms;
	struct pulsar_msg m;

	assert_ok(pulsar_msgs_open(
	    &ms, body_of(meta, meta_n, payload, strlen(payload)), MAX));
	assert_ok(pulsar_msgs_next(&ms, &m));
	rmq_of_pulsar(&c, &ms, &m, props_mem, &r);
	assert_true(rmq_record_size(&r) <= sizeof out);
	assert_ok(rmq_record_read(out, rmq_record_write(out, &r), &again));
	assert_true(str_eq(again.props, r.props));
	pulsar_msgs_close(&ms);
	return again;
}

static void
has(struct str props, const char *name, const char *value)
{
	struct str v = rmq_props_get(props, str_of(name));

	if (value == NULL)
		assert_int_equal(v.len, 0);
	else if (!str_eq(v, str_of(value))) {
		print_error("%s: %.*s, not %s\n", name, (int)v.len, v.p, value);
		fail();
	}
}

static void
test_message_to_record(void **state)
{
	uint8_t meta[1024], *e;
	struct str uniq;
	uint64_t locator;
	struct rmq_record r;

	(void)state;
	e = put_head(meta);
	e = put_text(e, 6, "the key");
	e = put_number(e, 12, 1600000000000);
	e = put_field(e, WIRE_L(16), "\0\0\0\0\0\0\0\7", 8);
	e = put_field(e, WIRE_L(18), "\1\2", 2);
	e = put_number(e, 19, 1800000000000);
	e = put_kv(e, 4, STR_LIT("TAGS"), STR_LIT("tag"));
	e = put_kv(e, 4, STR_LIT("a\1b"), STR_LIT("c\2d"));
	e = put_kv(e, 4, STR_LIT("none"), STR_LIT(""));
	e = put_kv(e, 4, STR_LIT(""), STR_LIT("nameless"));
	e = put_kv(e, 4, STR_LIT("POP_CK"), STR_LIT("forged"));
	r = record_of(meta, (size_t)(e - meta), "payload");
	assert_int_equal(r.queue_id, 5);
	assert_int_equal(r.queue_offset, 1000);
	assert_int_equal(r.phys_offset, (INT64_C(7) << LOCATOR_SHIFT) + 30);
	assert_int_equal(r.born_ms, 1700000000123);
	assert_int_equal(r.store_ms, 1700000000999);
	assert_int_equal(r.sys_flag, 0);
	assert_int_equal(r.store.port, 10911);
	assert_int_equal(r.born.ip[0], 10);
	assert_int_equal(r.body_crc, rmq_body_crc("payload", 7));
	assert_true(str_eq(r.body, STR_LIT("payload")));
	assert_true(str_eq(r.topic, STR_LIT("T")));
	has(r.props, "KEYS", "the key");
	has(r.props, "__SHARDINGKEY", "the key");
	has(r.props, "TAGS", "tag");
	has(r.props, "TIMER_DELIVER_MS", "1800000000000");
	has(r.props,
	    "a\xe2\x90\x81"
	    "b",
	    "c\xe2\x90\x82"
	    "d");
	has(r.props, "none", NULL);
	has(r.props, "POP_CK", NULL);
	has(r.props, "pulsar.producerName", "producer");
	has(r.props, "pulsar.sequenceId", "41");
	has(r.props, "pulsar.eventTime", "1600000000000");
	has(r.props, "pulsar.orderingKey", "AQI=");
	has(r.props, "pulsar.schemaVersion", "AAAAAAAAAAc=");
	has(r.props, "pulsar.nullValue", NULL);
	has(r.props, "pulsar.cut", NULL);
	/* the locator is in it, twice the same */
	uniq = rmq_props_get(r.props, RMQ_PROP_UNIQ_KEY);
	assert_int_equal(uniq.len, 32);
	assert_true(rmq_of_pulsar_uniq(uniq, &locator));
	assert_int_equal(locator, r.phys_offset);
	/* of a client's own */
	assert_false(rmq_of_pulsar_uniq(
	    STR_LIT("7F0000010001000000000000000000AB"), &locator));
	assert_false(rmq_of_pulsar_uniq(STR_LIT("mine"), &locator));
}

static void
test_keys(void **state)
{
	static const struct {
		const char *key;
		bool b64;
		const char *keys, *bytes;
	} want[] = {
		{ "plain", false, "plain", NULL },
		{ "a2V5", true, "key", NULL },
		{ "AAEC", true, "AAEC", "AAEC" }, /* bytes 0 1 2 */
		{ "/w==", true, "/w==", "/w==" }, /* no UTF-8 */
		{ "not base64!", true, "not base64!", "not base64!" },
	};
	uint8_t meta[512], *e;
	struct rmq_record r;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(want); i++) {
		e = put_text(put_head(meta), 6, want[i].key);
		if (want[i].b64)
			e = put_number(e, 17, 1);
		r = record_of(meta, (size_t)(e - meta), "");
		has(r.props, "KEYS", want[i].keys);
		has(r.props, "__SHARDINGKEY", want[i].keys);
		has(r.props, "pulsar.partitionKey", want[i].bytes);
	}
	/* what the producer said itself stays */
	e = put_text(put_head(meta), 6, "key");
	e = put_kv(e, 4, STR_LIT("KEYS"), STR_LIT("k1 k2"));
	e = put_kv(e, 4, STR_LIT("UNIQ_KEY"), STR_LIT("mine"));
	r = record_of(meta, (size_t)(e - meta), "");
	has(r.props, "KEYS", "k1 k2");
	has(r.props, "__SHARDINGKEY", "key");
	has(r.props, "UNIQ_KEY", "mine");
}

/* More than RocketMQ's properties have room for. */
static void
test_properties_are_cut(void **state)
{
	static uint8_t meta[ROOM];
	static char text[40000];
	uint8_t *e = put_head(meta);
	struct rmq_record r;
	unsigned i;
	char name[32];

	(void)state;
	memset(text, 'x', sizeof text);
	e = put_kv(e, 4, STR_LIT("long"), (struct str){ text, sizeof text });
	e = put_kv(e, 4, STR_LIT("short"), STR_LIT("fits"));
	for (i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		e = put_kv(e, 4, str_of(name), (struct str){ text, 1000 });
	}
	e = put_kv(e, 4, STR_LIT("last"), STR_LIT("fits"));
	e = put_field(e, WIRE_L(18), text, 30000);
	r = record_of(meta, (size_t)(e - meta), "");
	assert_true(r.props.len <= RMQ_PROPS_MAX);
	has(r.props, "long", NULL);
	has(r.props, "short", "fits");
	has(r.props, "pulsar.cut", "true");
	has(r.props, "pulsar.producerName", "producer");
	has(r.props, "pulsar.orderingKey", NULL);
}

/* --- a record as a Pulsar message ------------------------------------------------- */

static struct entry
entry_of(const struct rmq_record *r)
{
	size_t n = rmq_record_size(r);
	struct buf *b = buf_new((uint32_t)n);

	b->len = (uint32_t)rmq_record_write(b->data, r);
	return (struct entry){ .pos = { 7, 3 },
		.index = 1000,
		.attr = { .format = ENTRY_FORMAT_ROCKETMQ, .messages_n = 1 },
		.body = slice_of(b, 0, b->len) };
}

/* What was made, as one body, and its messages; the checksum is right. */
static void
open_made(const struct entry *ent, size_t max, struct pulsar_msgs *ms,
    struct pulsar_made *made)
{
	struct pulsar_body pb;

	assert_ok(pulsar_of_rmq(ent, max, made));
	assert_true(made->head.len + made->payload.len <= sizeof mem);
	memcpy(mem, made->head.p, made->head.len);
	if (made->payload.len > 0)
		memcpy(
		    mem + made->head.len, made->payload.p, made->payload.len);
	assert_ok(pulsar_body_parse(
	    span_of(mem, made->head.len + made->payload.len), &pb));
	assert_true(pb.has_crc && pulsar_body_verify(&pb));
	assert_ok(pulsar_msgs_open(ms, pb.stored, MAX));
}

static void
has_prop(const struct span_rep *rep, const char *name, const char *value)
{
	struct span_iter it;
	struct span el, k, v;

	span_iter_init(&it, rep);
	while (span_iter_next(&it, &el)) {
		assert_ok(pulsar_kv_decode(el, &k, &v));
		if (!span_eq(k, span_str(name)))
			continue;
		if (value == NULL || !span_eq(v, span_str(value)))
			fail();
		return;
	}
	assert_null(value);
}

static void
test_record_to_message(void **state)
{
	struct rmq_record r = { .flag = 9,
		.born_ms = 1700000000123,
		.reconsume_times = 2,
		.born = { .ip = { 10, 0, 0, 9 }, .port = 4711 },
		.body = STR_LIT("body"),
		.topic = STR_LIT("T"),
		.props = STR_LIT("KEYS\1k\2TAGS\1tag\2__SHARDINGKEY\1s\2"
				 "TIMER_OUT_MS\1"
				 "1700000000500\2"
				 "PGROUP\1group\2") };
	struct entry ent = entry_of(&r);
	struct pulsar_made made;
	struct pulsar_msgs ms;
	struct pulsar_msg m;

	(void)state;
	open_made(&ent, MAX, &ms, &made);
	assert_true(made.whole);
	/* the body is not copied */
	assert_ptr_equal(made.payload.buf, ent.body.buf);
	assert_ok(pulsar_msgs_next(&ms, &m));
	assert_true(span_eq(ms.meta.producer_name, span_str("group")));
	assert_int_equal(ms.meta.sequence_id, 1000);
	assert_int_equal(ms.meta.publish_time_ms, 1700000000123);
	assert_int_equal(ms.meta.event_time_ms, 1700000000123);
	assert_int_equal(ms.meta.deliver_at_ms, 1700000000500);
	assert_true(span_eq(m.key, span_str("s")));
	assert_true(span_eq(m.payload, span_str("body")));
	has_prop(&m.properties, "KEYS", "k");
	has_prop(&m.properties, "TAGS", "tag");
	has_prop(&m.properties, "rocketmq.flag", "9");
	has_prop(&m.properties, "rocketmq.reconsumeTimes", "2");
	has_prop(&m.properties, "rocketmq.bornHost", "10.0.0.9:4711");
	has_prop(&m.properties, "rocketmq.bodyBytes", NULL);
	pulsar_msgs_close(&ms);
	pulsar_made_fini(&made);
	slice_unref(&ent.body);
}

static void
test_limit(void **state)
{
	static char big[100000];
	struct rmq_record r = { .body = { big, sizeof big },
		.topic = STR_LIT("T") };
	struct entry ent = entry_of(&r);
	struct pulsar_made made;
	struct pulsar_msgs ms;
	struct pulsar_msg m;

	(void)state;
	open_made(&ent, sizeof big + 1000, &ms, &made);
	assert_true(made.whole);
	pulsar_msgs_close(&ms);
	pulsar_made_fini(&made);
	open_made(&ent, sizeof big, &ms, &made);
	assert_false(made.whole);
	assert_ok(pulsar_msgs_next(&ms, &m));
	assert_int_equal(m.payload.n, 0);
	has_prop(&m.properties, "rocketmq.bodyBytes", "100000");
	pulsar_msgs_close(&ms);
	pulsar_made_fini(&made);
	/* inflated it would be longer than that */
	r.body = (struct str){ (const char *)packed, pack(2, big, sizeof big) };
	r.sys_flag = RMQ_SYS_COMPRESSED;
	slice_unref(&ent.body);
	ent = entry_of(&r);
	open_made(&ent, 5000, &ms, &made);
	assert_false(made.whole);
	assert_ok(pulsar_msgs_next(&ms, &m));
	assert_int_equal(m.payload.n, r.body.len);
	has_prop(&m.properties, "rocketmq.compression", "zlib");
	pulsar_msgs_close(&ms);
	pulsar_made_fini(&made);
	slice_unref(&ent.body);
}

static size_t
put_inner(uint8_t *o, unsigned n)
{
	struct rmq_batch_msg bm;
	char props[64], body[64];
	size_t at = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		bm.flag = (int32_t)i;
		(void)snprintf(body, sizeof body, "body %u", i);
		(void)snprintf(props, sizeof props, "KEYS\1k%u\2X\1%u\2", i, i);
		bm.body = str_of(body);
		bm.props = i == 3 ? STR_NONE : str_of(props);
		at += rmq_batch_write(o + at, &bm);
	}
	return at;
}

static void
test_inner_batch(void **state)
{
	static uint8_t inner[ROOM];
	struct rmq_record r = { .sys_flag =
				    RMQ_SYS_INNER_BATCH | RMQ_SYS_NEED_UNWRAP,
		.born_ms = 5,
		.topic = STR_LIT("T"),
		.props = STR_LIT("UNIQ_KEY\1batch\2") };
	struct pulsar_made made;
	struct pulsar_msgs ms;
	struct pulsar_msg m;
	struct entry ent;
	char text[64];
	unsigned i;

	(void)state;
	r.body = (struct str){ (const char *)inner, put_inner(inner, 500) };
	ent = entry_of(&r);
	ent.attr.messages_n = 500;
	open_made(&ent, MAX, &ms, &made);
	assert_true(made.whole);
	assert_int_equal(ms.n, 500);
	assert_int_equal(ms.meta.highest_sequence_id, 1499);
	for (i = 0; i < 500; i++) {
		assert_ok(pulsar_msgs_next(&ms, &m));
		(void)snprintf(text, sizeof text, "body %u", i);
		assert_true(span_eq(m.payload, span_str(text)));
		(void)snprintf(text, sizeof text, "k%u", i);
		if (i != 3)
			assert_true(span_eq(m.key, span_str(text)));
		else
			assert_null(m.key.p);
		assert_int_equal(m.sequence_id, 1000 + i);
		assert_int_equal(m.event_time_ms, 5);
		(void)snprintf(text, sizeof text, "%u", i);
		has_prop(&m.properties, "rocketmq.flag", i > 0 ? text : NULL);
		has_prop(&m.properties, "X", i != 3 ? text : NULL);
	}
	assert_err(pulsar_msgs_next(&ms, &m), ERR_EOF);
	pulsar_msgs_close(&ms);
	pulsar_made_fini(&made);
	/* over the limit: one message that says so */
	open_made(&ent, 20000, &ms, &made);
	assert_false(made.whole);
	assert_int_equal(ms.n, 1);
	pulsar_msgs_close(&ms);
	pulsar_made_fini(&made);
	slice_unref(&ent.body);
}

static void
test_no_record(void **state)
{
	struct buf *b = buf_new(100);
	struct entry ent = { .attr = { .format = ENTRY_FORMAT_ROCKETMQ } };
	struct pulsar_made made;

	(void)state;
	memset(b->data, 0, 100);
	ent.body = slice_of(b, 0, 100);
	assert_err(pulsar_of_rmq(&ent, MAX, &made), ERR_MALFORMED);
	buf_unref(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_sizes_are_not_believed),
		cmocka_unit_test(test_cut_batches),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_message_to_record),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_properties_are_cut),
		cmocka_unit_test(test_record_to_message),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_inner_batch),
		cmocka_unit_test(test_no_record),
	};

	return cmocka_run_group_tests_name("convert", tests, NULL, NULL);
}
