/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors.h"

#include "base/cdefs.h"
#include "pulsar/cmd.h"
#include "pulsar/frame.h"
#include "pulsar/hot.h"
#include "pulsar/peer.h"

static struct frame
parse(const char *name)
{
	struct frame fr;

	assert_int_equal(frame_parse(vector(name), &fr), ERR_OK);
	return fr;
}

static void
same(const char *name, const uint8_t *out, size_t n)
{
	struct span want = vector(name);

	if (n != want.n || memcmp(out, want.p, n) != 0)
		fail_msg("%s comes out differently", name);
}

/* ---- decoding */

static void
test_send(void **state)
{
	struct hot_send s;

	(void)state;
	assert_int_equal(hot_send_decode(parse("send.plain").cmd, &s), ERR_OK);
	assert_int_equal(s.producer_id, 1);
	assert_int_equal(s.sequence_id, 41);
	assert_int_equal(s.num_messages, 1);
	assert_int_equal(s.highest_sequence_id, 0);
	assert_false(s.has_txn || s.is_chunk || s.marker);

	assert_int_equal(hot_send_decode(parse("send.batch").cmd, &s), ERR_OK);
	assert_int_equal(s.num_messages, 10);
	assert_int_equal(s.highest_sequence_id, 50);

	assert_int_equal(
	    hot_send_decode(parse("send.txn_chunk").cmd, &s), ERR_OK);
	assert_true(s.producer_id == UINT64_MAX);
	assert_true(s.has_txn && s.is_chunk && s.marker);
	assert_int_equal(s.txn_least, 5);
	assert_int_equal(s.txn_most, 6);

	assert_int_equal(hot_send_decode(parse("all.SEND").cmd, &s), ERR_OK);
	assert_non_null(s.message_id.p);
	assert_int_equal(
	    hot_send_decode((struct span){ 0 }, &s), ERR_MALFORMED);
	assert_int_equal(
	    hot_send_decode(span_of("\x08\x01", 2), &s), ERR_MALFORMED);
}

static void
test_ack(void **state)
{
	struct span_iter it;
	struct hot_ack a;
	struct msgid id;
	struct span el;
	uint64_t words[3];

	(void)state;
	assert_int_equal(
	    hot_ack_decode(parse("ack.cumulative").cmd, &a), ERR_OK);
	assert_int_equal(a.consumer_id, 4);
	assert_int_equal(a.type, HOT_ACK_CUMULATIVE);
	assert_int_equal(a.ids.n, 1);
	assert_false(a.has_request_id || a.has_txn);
	assert_int_equal(a.validation_error, -1);

	assert_int_equal(
	    hot_ack_decode(parse("ack.individual").cmd, &a), ERR_OK);
	assert_int_equal(a.type, HOT_ACK_INDIVIDUAL);
	assert_true(a.has_request_id);
	assert_int_equal(a.request_id, 33);
	assert_int_equal(a.ids.n, 3);
	span_iter_init(&it, &a.ids);
	assert_true(span_iter_next(&it, &el));
	assert_int_equal(msgid_decode(el, &id), ERR_OK);
	assert_int_equal(id.entry, 10);
	assert_int_equal(id.partition, -1);
	assert_int_equal(id.batch_index, -1);
	assert_int_equal(id.ack_words_n, 0);
	assert_true(span_iter_next(&it, &el));
	assert_int_equal(msgid_decode(el, &id), ERR_OK);
	assert_int_equal(id.ack_words_n, 2);
	assert_int_equal(msgid_ack_set(&id, words, 3), 2);
	assert_true(words[0] == (uint64_t)-2 && words[1] == 7);
	assert_int_equal(msgid_ack_set(&id, words, 1), 1);
	assert_true(span_iter_next(&it, &el));
	assert_int_equal(msgid_decode(el, &id), ERR_OK);
	assert_int_equal(id.ledger, 10);
	assert_false(span_iter_next(&it, &el));
}

static void
test_msgid(void **state)
{
	struct msgid id, nested;
	uint64_t words[2];

	(void)state;
	assert_int_equal(msgid_decode(vector("msgid.full"), &id), ERR_OK);
	assert_true(id.ledger == UINT64_MAX && id.entry == INT64_MAX);
	assert_int_equal(id.partition, 3);
	assert_int_equal(id.batch_index, 4);
	assert_int_equal(id.batch_size, 5);
	assert_int_equal(msgid_ack_set(&id, words, 2), 2);
	assert_true(words[0] == UINT64_MAX && words[1] == 1ULL << 40);
	assert_int_equal(msgid_decode(id.first_chunk, &nested), ERR_OK);
	assert_int_equal(nested.ledger, 1);
	assert_int_equal(nested.entry, 2);
	assert_null(nested.first_chunk.p);

	assert_int_equal(msgid_decode(vector("msgid.packed"), &id), ERR_OK);
	assert_int_equal(id.ack_words_n, 2);
	assert_int_equal(msgid_ack_set(&id, words, 2), 2);
	assert_true(words[0] == 3 && words[1] == 127);
	assert_int_equal(
	    msgid_decode(span_of("\x08\x01", 2), &id), ERR_MALFORMED);
}

static void
test_flow(void **state)
{
	struct hot_flow f;

	(void)state;
	assert_int_equal(hot_flow_decode(parse("flow").cmd, &f), ERR_OK);
	assert_int_equal(f.consumer_id, 2);
	assert_int_equal(f.permits_n, 1000);
	assert_int_equal(
	    hot_flow_decode(span_of("\x08\x01", 2), &f), ERR_MALFORMED);
}

static void
test_meta(void **state)
{
	struct span_iter it;
	struct span el, k, v;
	struct pulsar_meta m;

	(void)state;
	assert_int_equal(pulsar_meta_decode(vector("meta.min"), &m), ERR_OK);
	assert_true(span_eq(m.producer_name, span_str("standalone-0-1")));
	assert_int_equal(m.sequence_id, 41);
	assert_true(m.publish_time_ms == 1700000000123);
	assert_int_equal(m.num_messages, 1);
	assert_int_equal(m.chunk_id, -1);
	assert_false(m.is_batch);
	assert_null(m.partition_key.p);

	assert_int_equal(pulsar_meta_decode(vector("meta.full"), &m), ERR_OK);
	assert_int_equal(m.num_messages, -11);
	assert_true(m.is_batch && m.has_txn);
	assert_int_equal(m.compression, pp_CompressionType_SNAPPY);
	assert_true(m.uncompressed_bytes == UINT32_MAX - 8);
	assert_int_equal(m.deliver_at_ms, -20);
	assert_int_equal(m.chunk_id, -29);
	assert_int_equal(m.num_chunks, -27);
	assert_int_equal(m.total_chunk_bytes, INT32_MAX - 27);
	assert_int_equal(m.marker_type, INT32_MAX - 19);
	assert_int_equal(m.encryption_keys_n, 3);
	assert_true(m.key_b64 && m.null_value && m.null_key);
	assert_true(m.highest_sequence_id == UINT64_MAX);
	assert_true(m.event_time_ms == UINT64_MAX);
	assert_true(m.txn_least == 22ULL << 4);
	assert_non_null(m.uuid.p);
	assert_non_null(m.schema_version.p);
	assert_non_null(m.replicated_from.p);
	assert_non_null(m.ordering_key.p);
	assert_int_equal(m.properties.n, 3);
	span_iter_init(&it, &m.properties);
	while (span_iter_next(&it, &el))
		assert_int_equal(pulsar_kv_decode(el, &k, &v), ERR_OK);

	assert_int_equal(
	    pulsar_meta_decode((struct span){ 0 }, &m), ERR_MALFORMED);
}

/* The expected hashes were computed by Pulsar 4.2.4's own classes. */
static void
test_sticky(void **state)
{
	static const struct {
		const char *name;
		uint32_t hash;
	} want[] = {
		{ "meta.full", 1547074652 },
		{ "meta.min", 733554050 },
		{ "sticky.key", 1031215307 },
		{ "sticky.empty_key", 0 },
		{ "sticky.ordering", 1838623826 },
		{ "sticky.b64", 1412058581 },
		{ "sticky.b64_short", 2133858122 },
	};
	struct pulsar_meta m, plain;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(want); i++) {
		assert_int_equal(
		    pulsar_meta_decode(vector(want[i].name), &m), ERR_OK);
		assert_int_equal(pulsar_sticky_hash(&m), want[i].hash);
	}
	/* there, this one throws; here, its bytes are the key */
	assert_int_equal(
	    pulsar_meta_decode(vector("sticky.b64_bad"), &m), ERR_OK);
	plain = m;
	plain.key_b64 = false;
	assert_int_equal(pulsar_sticky_hash(&m), pulsar_sticky_hash(&plain));
}

static void
cut(const char *name, enum err (*decode)(struct span, void *))
{
	static uint64_t out[128];
	struct span in = vector(name);
	uint8_t *copy;
	size_t n;

	for (n = 0; n < in.n; n++) {
		copy = test_malloc(n + 1);
		memcpy(copy, in.p, n);
		(void)!decode(span_of(copy, n), out);
		test_free(copy);
	}
}

static enum err
any_meta(struct span in, void *out)
{
	return pulsar_meta_decode(in, out);
}

static enum err
any_msgid(struct span in, void *out)
{
	return msgid_decode(in, out);
}

static enum err
any_ack(struct span in, void *out)
{
	return hot_ack_decode(in, out);
}

static enum err
any_send(struct span in, void *out)
{
	return hot_send_decode(in, out);
}

static void
test_cut(void **state)
{
	(void)state;
	cut("meta.full", any_meta);
	cut("msgid.full", any_msgid);
	cut("ack.individual", any_ack);
	cut("send.txn_chunk", any_send);
}

/* ---- encoding: the bytes that Google's protobuf writes */

static void
test_receipt(void **state)
{
	uint8_t out[HOT_SEND_RECEIPT_MAX];
	struct hot_receipt r = { 1, 2, 0, 3, 4 };
	struct peer_receipt back;

	(void)state;
	same("receipt.small", out, hot_send_receipt_encode(out, &r));
	r = (struct hot_receipt){ UINT64_MAX, UINT64_MAX, UINT64_MAX, HOT_NO_ID,
		HOT_NO_ID };
	same("receipt.duplicate", out, hot_send_receipt_encode(out, &r));
	assert_int_equal(
	    peer_receipt_decode(parse("receipt.small").cmd, &back), ERR_OK);
	assert_int_equal(back.producer_id, 1);
	assert_int_equal(back.sequence_id, 2);
	assert_int_equal(back.id.ledger, 3);
	assert_int_equal(back.id.entry, 4);
}

static void
test_answers(void **state)
{
	uint8_t out[HOT_ACK_RESPONSE_MAX];
	struct hot_ack_response r = {
		.consumer_id = 3,
		.request_id = 9,
		.has_request_id = true,
		.error = -1,
	};
	struct peer_ack_response back;
	struct peer_error e;
	char text[HOT_TEXT_MAX + 400];
	size_t n;

	(void)state;
	same("send_error.checksum", out,
	    hot_send_error_encode(out, 7, 300, 9, "bad"));
	assert_int_equal(
	    peer_error_decode(parse("send_error.checksum").cmd, &e), ERR_OK);
	assert_int_equal(e.error, 9);
	assert_true(span_eq(e.text, span_str("bad")));
	memset(text, 'e', sizeof text);
	text[sizeof text - 1] = '\0';
	same(
	    "error.long", out, hot_error_encode(out, HOT_NO_REQUEST, 11, text));
	same("error.empty", out, hot_error_encode(out, 5, 0, NULL));
	/* isn't cut inside a character */
	memcpy(text + HOT_TEXT_MAX - 2, "\xe2\x82\xac", 3);
	n = hot_error_encode(out, HOT_NO_REQUEST, 11, text);
	assert_int_equal(n, vector("error.long").n - 2);
	same("success", out, hot_success_encode(out, 129));
	same("ping", out, hot_ping_encode(out));
	same("pong", out, hot_pong_encode(out));
	same("ack_response.ok", out, hot_ack_response_encode(out, &r));
	r.request_id = UINT64_MAX;
	r.has_txn = true;
	r.txn_least = 1;
	r.txn_most = 2;
	r.error = 23;
	r.text = "conflict";
	same("ack_response.txn", out, hot_ack_response_encode(out, &r));
	assert_int_equal(
	    peer_ack_response_decode(parse("ack_response.txn").cmd, &back),
	    ERR_OK);
	assert_int_equal(back.error, 23);
	assert_true(back.request_id == UINT64_MAX);
}

static void
check_message(const char *name, const struct hot_message *m)
{
	struct span want = vector(name);
	struct pulsar_body fb;
	struct frame fr;
	uint8_t *out;
	size_t n;

	assert_int_equal(frame_parse(want, &fr), ERR_OK);
	assert_int_equal(pulsar_body_parse(fr.body, &fb), ERR_OK);
	/* exactly the promised room */
	out = test_malloc(HOT_MESSAGE_MAX(m->ack_words_n));
	n = hot_message_encode(out, m, fb.stored.n);
	assert_int_equal(n + fb.stored.n, want.n);
	if (memcmp(out, want.p, n) != 0)
		fail_msg("%s comes out differently", name);
	test_free(out);
}

static void
test_message(void **state)
{
	struct hot_message m = {
		.consumer_id = 2,
		.ledger = 12345,
		.entry = 678,
		.partition = -1,
	};
	uint64_t two[] = { UINT64_MAX, 5 }, many[100], back[100];
	struct peer_message pm;
	unsigned i;

	(void)state;
	check_message("message.plain", &m);
	m.ack_words = two;
	m.ack_words_n = 2;
	m.has_epoch = true;
	m.consumer_epoch = 3;
	m.redelivery_count = 6;
	m.partition = 2;
	m.has_broker_entry = true;
	m.broker_time_ms = 1700000000999;
	m.index = 77;
	check_message("message.full", &m);
	for (i = 0; i < 100; i++)
		many[i] = (uint64_t)((int64_t)i - 40);
	m = (struct hot_message){
		.consumer_id = 2,
		.ledger = 12345,
		.entry = 678,
		.ack_words = many,
		.ack_words_n = 100,
		.has_epoch = true,
		.redelivery_count = 1,
	};
	check_message("message.many_words", &m);

	assert_int_equal(
	    peer_message_decode(parse("message.many_words").cmd, &pm), ERR_OK);
	assert_int_equal(pm.id.ledger, 12345);
	assert_int_equal(pm.id.partition, 0);
	assert_int_equal(pm.redelivery_count, 1);
	assert_true(pm.has_epoch);
	assert_int_equal(pm.ack_words_n, 100);
	assert_int_equal(peer_message_ack_set(&pm, back, 100), 100);
	assert_memory_equal(back, many, sizeof many);
}

/* the client's half */
static void
test_peer(void **state)
{
	struct hot_send s = {
		.producer_id = 1, .sequence_id = 41, .num_messages = 1
	};
	struct hot_flow f = { 2, 1000 };
	struct peer_id id = { 9, 10, -1 };
	uint8_t out[PEER_SEND_MAX], acks[PEER_ACK_MAX(200)];
	struct span want = vector("send.plain");
	struct peer_id ids[200];
	struct hot_ack a;
	struct frame fr;
	size_t n;

	(void)state;
	n = peer_send_encode(out, &s, parse("send.plain").body.n);
	assert_memory_equal(out, want.p, n);
	same("flow", out, peer_flow_encode(out, &f));
	same("ack.cumulative", out,
	    peer_ack_encode(out, 4, HOT_ACK_CUMULATIVE, &id, 1, false, 0));
	for (n = 0; n < 200; n++)
		ids[n] = (struct peer_id){ UINT64_MAX, UINT64_MAX, INT32_MAX };
	n = peer_ack_encode(
	    acks, 4, HOT_ACK_INDIVIDUAL, ids, 200, true, UINT64_MAX);
	assert_int_equal(frame_parse(span_of(acks, n), &fr), ERR_OK);
	assert_int_equal(hot_ack_decode(fr.cmd, &a), ERR_OK);
	assert_int_equal(a.ids.n, 200);
	assert_true(a.request_id == UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_ack),
		cmocka_unit_test(test_msgid),
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_meta),
		cmocka_unit_test(test_sticky),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_receipt),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_peer),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_free);
}
