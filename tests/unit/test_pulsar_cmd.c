/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors.h"

#include "base/cdefs.h"
#include "pulsar/cmd.h"
#include "pulsar/frame.h"
#include "pulsar/hot.h"
#include "pulsar/wire.h"

#define MAX_FRAME (5 * 1024 * 1024 + FRAME_PADDING)

static const struct {
	const char *name;
	uint32_t type;
	const pb_msgdesc_t *desc;
	size_t size;
} table[] = {
#define CMD(n, number, m, from) { #n, number, &pp_##m##_msg, sizeof(pp_##m) },
#include "pulsar/tbl/cmd.h"
};

static struct frame
parse(const char *name)
{
	struct span in = vector(name);
	struct frame fr;
	size_t n;

	assert_int_equal(frame_size(in, MAX_FRAME, &n), ERR_OK);
	assert_int_equal(n, in.n);
	assert_int_equal(frame_parse(in, &fr), ERR_OK);
	return fr;
}

/* Google's bytes, decoded and encoded again, are the same bytes. */
static void
round_trip(const char *kind, size_t i)
{
	static uint8_t msg[4096], out[65536];
	char name[64];
	struct span in;
	struct frame fr;
	size_t n;

	(void)snprintf(name, sizeof name, "%s.%s", kind, table[i].name);
	in = vector(name);
	fr = parse(name);
	assert_int_equal(fr.type, table[i].type);
	assert_non_null(fr.cmd.p);
	assert_true(table[i].size <= sizeof msg);
	if (cmd_decode_msg(fr.cmd, table[i].desc, msg, table[i].size) != ERR_OK)
		fail_msg("%s doesn't decode", name);
	assert_int_equal(cmd_size_frame(fr.type, table[i].desc, msg), in.n);
	/* exactly as much room as it takes, and one byte less */
	assert_int_equal(
	    cmd_encode_frame(out, in.n - 1, fr.type, table[i].desc, msg), 0);
	n = cmd_encode_frame(out, in.n, fr.type, table[i].desc, msg);
	assert_int_equal(n, in.n);
	if (memcmp(out, in.p, n) != 0)
		fail_msg("%s comes out differently", name);
}

static void
test_round_trip(void **state)
{
	size_t i;

	(void)state;
	assert_int_equal(NELEM(table), 58);
	for (i = 0; i < NELEM(table); i++) {
		round_trip("all", i);
		round_trip("min", i);
	}
}

/* Every prefix of every command is refused or decoded, never read past. */
static void
test_cut(void **state)
{
	static uint8_t msg[4096];
	struct frame fr;
	char name[64];
	uint8_t *copy;
	size_t i, n;

	(void)state;
	for (i = 0; i < NELEM(table); i++) {
		(void)snprintf(name, sizeof name, "all.%s", table[i].name);
		fr = parse(name);
		for (n = 0; n < fr.cmd.n; n++) {
			/* its own allocation: a read past the end shows */
			copy = test_malloc(n + 1);
			memcpy(copy, fr.cmd.p, n);
			(void)!cmd_decode_msg(span_of(copy, n), table[i].desc,
			    msg, table[i].size);
			test_free(copy);
		}
	}
}

static void
check_hot(const char *name, const struct frame *fr)
{
	struct pulsar_body fb;
	struct pulsar_meta meta;
	struct hot_send send;
	struct hot_flow flow;
	struct span_iter it;
	struct hot_ack ack;
	struct msgid id;
	struct span el;

	if (fr->type == CMD_SEND)
		assert_int_equal(hot_send_decode(fr->cmd, &send), ERR_OK);
	if (fr->type == CMD_FLOW)
		assert_int_equal(hot_flow_decode(fr->cmd, &flow), ERR_OK);
	if (fr->type == CMD_ACK) {
		assert_int_equal(hot_ack_decode(fr->cmd, &ack), ERR_OK);
		assert_int_not_equal(ack.ids.n, 0);
		span_iter_init(&it, &ack.ids);
		while (span_iter_next(&it, &el))
			assert_int_equal(msgid_decode(el, &id), ERR_OK);
	}
	if (fr->type == CMD_SEND || fr->type == CMD_MESSAGE) {
		assert_int_equal(pulsar_body_parse(fr->body, &fb), ERR_OK);
		if (!fb.has_crc || !pulsar_body_verify(&fb))
			fail_msg("checksum of %s", name);
		assert_int_equal(pulsar_meta_decode(fb.meta, &meta), ERR_OK);
		assert_int_not_equal(meta.producer_name.n, 0);
	} else
		assert_int_equal(fr->body.n, 0);
}

/* What real clients and the reference broker said. */
static void
test_captured(void **state)
{
	static uint8_t msg[4096], out[65536], again[65536];
	struct frame fr;
	size_t i, k, n, seen = 0;

	(void)state;
	for (i = 0; i < vectors_n; i++) {
		if (strstr(vectors[i].name, ".client.") == NULL &&
		    strstr(vectors[i].name, ".broker.") == NULL)
			continue;
		seen++;
		fr = parse(vectors[i].name);
		check_hot(vectors[i].name, &fr);
		for (k = 0; table[k].type != fr.type; k++)
			assert_true(k + 1 < NELEM(table));
		assert_int_equal(
		    cmd_decode_msg(fr.cmd, table[k].desc, msg, table[k].size),
		    ERR_OK);
		/* these have fields that only the codec by hand reads */
		if (fr.type == CMD_MESSAGE || fr.type == CMD_SEND)
			continue;
		/* as long, but Java writes some fields in another order */
		n = cmd_encode_frame(
		    out, sizeof out, fr.type, table[k].desc, msg);
		assert_int_equal(n, vectors[i].bytes.len);
		assert_int_equal(frame_parse(span_of(out, n), &fr), ERR_OK);
		assert_int_equal(
		    cmd_decode_msg(fr.cmd, table[k].desc, msg, table[k].size),
		    ERR_OK);
		assert_int_equal(cmd_encode_frame(again, sizeof again, fr.type,
				     table[k].desc, msg),
		    n);
		assert_memory_equal(again, out, n);
	}
	assert_true(seen > 50);
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(cmd_name(CMD_SUBSCRIBE), "SUBSCRIBE");
	assert_string_equal(cmd_name(68), "TOPIC_MIGRATED");
	assert_null(cmd_name(0));
	assert_null(cmd_name(45));
	assert_null(cmd_name(69));
	assert_null(cmd_name(UINT32_MAX));
	assert_true(cmd_from_client(CMD_SEND));
	assert_true(cmd_from_client(CMD_CLOSE_CONSUMER));
	assert_true(cmd_from_client(CMD_PONG));
	assert_false(cmd_from_client(CMD_MESSAGE));
	assert_false(cmd_from_client(CMD_CONNECTED));
	assert_false(cmd_from_client(45));
	assert_false(cmd_from_client(1000));
}

static void
test_subscribe(void **state)
{
	pp_CommandSubscribe m;
	struct frame fr = parse("all.SUBSCRIBE");
	struct span_iter it;
	struct span el, k, v;
	struct msgid id;
	unsigned n = 0;

	(void)state;
	assert_int_equal(cmd_decode_SUBSCRIBE(fr.cmd, &m), ERR_OK);
	assert_true(span_eq(m.topic, span_str("topic-xxxxxxxxxxxxxxxxx")));
	/* it points into the frame */
	assert_true(m.topic.p > fr.cmd.p && m.topic.p < fr.cmd.p + fr.cmd.n);
	assert_int_equal(m.subType, pp_CommandSubscribe_SubType_Key_Shared);
	assert_true(m.has_durable);
	assert_false(m.durable);
	assert_int_equal(msgid_decode(m.start_message_id, &id), ERR_OK);
	assert_int_equal(id.ledger, 1 << 7);
	assert_non_null(id.first_chunk.p);
	assert_int_equal(m.metadata.n, 3);
	span_iter_init(&it, &m.metadata);
	while (span_iter_next(&it, &el)) {
		assert_int_equal(pulsar_kv_decode(el, &k, &v), ERR_OK);
		assert_true(span_eq(k, span_str("key-xxxxxxxxxxxxxxxxx")));
		n++;
	}
	assert_int_equal(n, 3);
	assert_true(m.has_schema);
	assert_int_equal(m.schema.type, pp_Schema_Type_External);
	assert_true(m.has_keySharedMeta);
	assert_int_equal(m.keySharedMeta.hashRanges.n, 3);

	fr = parse("min.SUBSCRIBE");
	assert_int_equal(cmd_decode_SUBSCRIBE(fr.cmd, &m), ERR_OK);
	assert_null(m.consumer_name.p);
	assert_false(m.has_durable);
	assert_true(m.durable);
	assert_true(m.force_topic_creation);
	assert_int_equal(m.metadata.n, 0);
	span_iter_init(&it, &m.metadata);
	assert_false(span_iter_next(&it, &el));
}

/* Elements of a repeated field with other fields between them. */
static void
test_interleaved(void **state)
{
	uint8_t buf[256], *o = buf;
	pp_CommandWatchTopicUpdate m;
	struct span_iter it;
	struct span el;

	(void)state;
	o = wire_put_bytes(o, 2, span_str("a"));
	o = wire_put_bytes(o, 3, span_str("x"));
	o = wire_put_u64(o, 1, 300);
	o = wire_put_bytes(o, 2, span_str(""));
	o = wire_put_u64(o, 9, 1); /* unknown */
	o = wire_put_bytes(o, 4, span_str("hash"));
	o = wire_put_bytes(o, 2, span_str("ccc"));
	o = wire_put_bytes(o, 3, span_str("y"));
	assert_int_equal(
	    cmd_decode_WATCH_TOPIC_UPDATE(span_of(buf, (size_t)(o - buf)), &m),
	    ERR_OK);
	assert_int_equal(m.watcher_id, 300);
	assert_int_equal(m.new_topics.n, 3);
	span_iter_init(&it, &m.new_topics);
	assert_true(span_iter_next(&it, &el) && span_eq(el, span_str("a")));
	assert_true(span_iter_next(&it, &el) && el.p != NULL && el.n == 0);
	assert_true(span_iter_next(&it, &el) && span_eq(el, span_str("ccc")));
	assert_false(span_iter_next(&it, &el));
	span_iter_init(&it, &m.deleted_topics);
	assert_true(span_iter_next(&it, &el) && span_eq(el, span_str("x")));
	assert_true(span_iter_next(&it, &el) && span_eq(el, span_str("y")));
	assert_false(span_iter_next(&it, &el));
}

/* nanopb would hand out a pointer into its own stack for this one. */
static void
test_number_as_string(void **state)
{
	uint8_t buf[64], *o = buf;
	pp_CommandUnsubscribe u;
	pp_CommandLookupTopic m;

	(void)state;
	o = wire_put_u64(o, 1, 7); /* topic is a string */
	o = wire_put_u64(o, 2, 1);
	assert_int_equal(cmd_decode_LOOKUP(span_of(buf, (size_t)(o - buf)), &m),
	    ERR_MALFORMED);
	/* required field missing; nothing at all; not even that */
	assert_int_equal(
	    cmd_decode_UNSUBSCRIBE(span_of(buf, 2), &u), ERR_MALFORMED);
	assert_int_equal(
	    cmd_decode_UNSUBSCRIBE(span_of(buf, 0), &u), ERR_MALFORMED);
	assert_int_equal(
	    cmd_decode_UNSUBSCRIBE((struct span){ 0 }, &u), ERR_MALFORMED);
}

/* A tag of more than 32 bits, which nanopb cuts; found by fuzz_pulsar. */
static void
test_long_tag(void **state)
{
	static const uint8_t in[] = { 8, 1, 18, 1, 'a', 0x88, 0x87, 0x87, 0x82,
		0x78, 1, 18, 1, 'b', 34, 1, 'h' };
	pp_CommandWatchTopicUpdate m;

	(void)state;
	assert_int_equal(
	    cmd_decode_WATCH_TOPIC_UPDATE(span_of(in, sizeof in), &m),
	    ERR_MALFORMED);
}

static void
test_encode(void **state)
{
	struct span names[] = { span_str("a"), span_str(""), span_str("bc") };
	pp_CommandGetTopicsOfNamespaceResponse m = { 0 }, back;
	pp_CommandError e = { 0 }, eback;
	struct span_iter it;
	struct span el;
	struct frame fr;
	uint8_t out[256];
	size_t n;

	(void)state;
	m.request_id = 5;
	m.topics.v = names;
	m.topics.n = 3;
	n = cmd_encode_GET_TOPICS_OF_NAMESPACE_RESPONSE(out, sizeof out, &m);
	assert_int_equal(n, cmd_size_GET_TOPICS_OF_NAMESPACE_RESPONSE(&m));
	assert_int_equal(frame_parse(span_of(out, n), &fr), ERR_OK);
	assert_int_equal(fr.type, CMD_GET_TOPICS_OF_NAMESPACE_RESPONSE);
	assert_int_equal(
	    cmd_decode_GET_TOPICS_OF_NAMESPACE_RESPONSE(fr.cmd, &back), ERR_OK);
	assert_null(back.topics_hash.p);
	assert_int_equal(back.topics.n, 3);
	span_iter_init(&it, &back.topics);
	for (n = 0; span_iter_next(&it, &el); n++)
		assert_true(span_eq(el, names[n]));
	assert_int_equal(n, 3);

	/* a required string is on the wire even when there is none */
	e.request_id = 1;
	n = cmd_encode_ERROR(out, sizeof out, &e);
	assert_int_equal(frame_parse(span_of(out, n), &fr), ERR_OK);
	assert_int_equal(cmd_decode_ERROR(fr.cmd, &eback), ERR_OK);
	assert_non_null(eback.message.p);
	assert_int_equal(eback.message.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_captured),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_subscribe),
		cmocka_unit_test(test_interleaved),
		cmocka_unit_test(test_number_as_string),
		cmocka_unit_test(test_long_tag),
		cmocka_unit_test(test_encode),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_free);
}
