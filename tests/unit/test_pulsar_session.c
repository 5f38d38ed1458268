/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: connecting, frames, keep-alive, producers, SEND, draining. */
#include "session_fixture.h"

/* --- connecting ------------------------------------------------------------- */

static void
test_connect(void **state)
{
	pp_CommandConnected m;
	struct client cl;

	(void)state;
	client_open(&cl);
	say_connect(&cl, 21);
	RX(&cl, CONNECTED, &m);
	assert_int_equal(m.protocol_version, 21);
	assert_int_equal(m.max_message_size, 5 << 20);
	assert_true(span_eq(m.server_version, span_str("Magnetar test")));
	assert_true(m.feature_flags.supports_topic_watchers);
	assert_true(
	    m.feature_flags
		.supports_get_partitioned_metadata_without_auto_creation);
	assert_true(m.feature_flags.supports_repl_dedup_by_lid_and_eid);
	assert_true(m.feature_flags.supports_topic_watcher_reconcile);
	assert_false(m.feature_flags.supports_broker_entry_metadata);
	/* twice is once too often */
	say_connect(&cl, 21);
	assert_gone(&cl);
	client_close(&cl);

	client_open(&cl);
	say_connect(&cl, 99);
	RX(&cl, CONNECTED, &m);
	assert_int_equal(m.protocol_version, 21);
	client_close(&cl);
	client_open(&cl);
	say_connect(&cl, 6);
	RX(&cl, CONNECTED, &m);
	assert_int_equal(m.protocol_version, 6);
	client_close(&cl);
}

static void
test_wrong_state(void **state)
{
	pp_CommandLookupTopic lk = { .topic = span_str("a"), .request_id = 1 };
	pp_CommandConnected cd = { .server_version = span_str("x") };
	pp_CommandSuccess ok = { .request_id = 1 };
	pp_CommandAuthResponse ar = { .has_response = true };
	struct client cl;
	uint8_t o[64];

	(void)state;
	client_open(&cl);
	tx(&cl, o, hot_ping_encode(o));
	(void)rx(&cl, CMD_PONG);
	TX(&cl, LOOKUP, &lk);
	assert_gone(&cl);
	client_close(&cl);
	/* what only brokers say */
	client_connect(&cl, 21);
	TX(&cl, CONNECTED, &cd);
	assert_gone(&cl);
	client_close(&cl);
	client_connect(&cl, 21);
	TX(&cl, SUCCESS, &ok);
	assert_gone(&cl);
	client_close(&cl);
	/* type 99 */
	client_connect(&cl, 21);
	memcpy(o, "\0\0\0\x06\0\0\0\x02\x08\x63", 10);
	tx(&cl, o, 10);
	assert_gone(&cl);
	client_close(&cl);
	/* a command without its message */
	client_connect(&cl, 21);
	o[9] = CMD_PRODUCER;
	tx(&cl, o, 10);
	assert_gone(&cl);
	client_close(&cl);
	/* nobody was challenged */
	client_connect(&cl, 21);
	TX(&cl, AUTH_RESPONSE, &ar);
	expect_error(&cl, HOT_NO_REQUEST, pp_ServerError_AuthenticationError);
	assert_gone(&cl);
	client_close(&cl);
	assert_true(no_op());
}

static void
test_lengths(void **state)
{
	static const char *const bad[] = {
		"\xff\xff\xff\xff\0\0\0\x02", /* far too long */
		"\0\x50\x28\x01\0\0\0\x02", /* a byte too long: 5 MiB + 10 KiB */
		"\0\0\0\x03\0\0\0\x02", /* too short to be one */
		"\0\0\0\x06\0\0\0\x03\x08\x12", /* command longer than frame */
	};
	static const size_t len[] = { 8, 8, 8, 10 };
	struct client cl;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		client_connect(&cl, 21);
		tx(&cl, bad[i], len[i]);
		assert_gone(&cl);
		client_close(&cl);
	}
	/* what is no length of a CONNECT is one of a message */
	client_open(&cl);
	tx(&cl, "\0\3\0\0\0\0\0\x02", 8);
	assert_gone(&cl);
	client_close(&cl);
	client_connect(&cl, 21);
	tx(&cl, "\0\3\0\0\0\0\0\x02", 8);
	client_pull(&cl);
	assert_false(cl.eof);
	client_close(&cl);
}

static void
come_from(struct client *cl, const char *host)
{
	struct sock_addr sa;
	int fd[2];

	memset(cl, 0, sizeof *cl);
	assert_ok(sock_addr_parse(&sa, host, 4711, NULL));
	assert_ok(sock_pair(fd));
	cl->fd = fd[1];
	pulsar_accept(pulsar, fd[0], &sa);
	spin(3);
	client_pull(cl);
}

/* Too many connections: who comes is told so. */
static void
test_quota(void **state)
{
	struct quota *q = quota_new(1, 2, 1);
	struct client one, two, more;

	(void)state;
	conf.quota = q;
	pulsar_again();
	come_from(&one, "192.0.2.1");
	come_from(&more, "192.0.2.1");
	expect_error(&more, HOT_NO_REQUEST, pp_ServerError_NotAllowedError);
	assert_gone(&more);
	client_close(&more);
	come_from(&two, "192.0.2.2");
	come_from(&more, "192.0.2.3");
	expect_error(&more, HOT_NO_REQUEST, pp_ServerError_NotAllowedError);
	assert_gone(&more);
	client_close(&more);
	assert_false(one.eof || two.eof);
	assert_int_equal(quota_n(q), 2);
	client_close(&one);
	assert_int_equal(quota_n(q), 1);
	come_from(&one, "192.0.2.1");
	assert_false(one.eof);
	client_close(&one);
	client_close(&two);
	assert_int_equal(quota_n(q), 0);
	conf.quota = NULL;
	pulsar_again();
	quota_free(&q);
}

static void
test_every_byte(void **state)
{
	pp_CommandLookupTopic lk = { .topic = span_str("bytes"),
		.request_id = 5 };
	uint8_t o[256];
	struct client cl;
	size_t n, i, k;

	(void)state;
	client_connect(&cl, 21);
	n = cmd_encode_LOOKUP(o, sizeof o, &lk);
	n += hot_ping_encode(o + n);
	for (k = 1; k < n; k++) {
		tx(&cl, o, k);
		tx(&cl, o + k, n - k);
		done(take_op(OP_TOPIC_META), ERR_NO_TOPIC);
		(void)rx(&cl, CMD_PONG);
		(void)rx(&cl, CMD_LOOKUP_RESPONSE);
	}
	for (i = 0; i < n; i++)
		tx(&cl, o + i, 1);
	done(take_op(OP_TOPIC_META), ERR_OK);
	(void)rx(&cl, CMD_PONG);
	(void)rx(&cl, CMD_LOOKUP_RESPONSE);
	client_close(&cl);
}

/* --- keep-alive ------------------------------------------------------------- */

static void
wait_ms(int64_t ms)
{
	int64_t end = clock_mono_ns() + ms * CLOCK_NS_PER_MS;

	while (clock_mono_ns() < end)
		loop_run_once(lp, false);
}

static void
test_keepalive(void **state)
{
	struct client cl, mute;
	uint8_t o[16];
	int i;

	(void)state;
	/* long enough for an answer on a busy machine */
	conf.keepalive_ns = 250 * CLOCK_NS_PER_MS;
	conf.handshake_ns = 200 * CLOCK_NS_PER_MS;
	pulsar_again();
	client_open(&mute);
	client_connect(&cl, 21);
	for (i = 0; i < 4; i++) {
		wait_ms(255);
		(void)rx(&cl, CMD_PING);
		tx(&cl, o, hot_pong_encode(o));
	}
	client_pull(&mute);
	assert_true(mute.eof);
	wait_ms(255);
	(void)rx(&cl, CMD_PING);
	wait_ms(255);
	assert_gone(&cl);
	client_close(&mute);
	client_close(&cl);
}

static struct fx *
probe_of(struct dest dest, uint64_t id)
{
	struct fx *fx = fx_new(FX_PROBE, dest);

	fx->u64 = id;
	fx->u32 = 1;
	return fx;
}

static void
test_probe(void **state)
{
	struct client cl;
	struct dest dest;
	struct op *op;
	uint8_t o[16];

	(void)state;
	conf.probe_ns = 250 * CLOCK_NS_PER_MS;
	pulsar_again();
	client_connect(&cl, 21);
	dest = open_producer(&cl, 1, "t", 11);
	emit(probe_of(dest, 5));
	emit(probe_of(dest, 6));
	(void)rx(&cl, CMD_PING);
	tx(&cl, o, hot_pong_encode(o));
	op = take_op(OP_PROBED);
	assert_true(op->flag);
	assert_int_equal(op->u32, 1);
	op = take_op(OP_PROBED);
	assert_true(op->flag);
	/* no answer: dead, and closed */
	emit(probe_of(dest, 7));
	(void)rx(&cl, CMD_PING);
	wait_ms(255);
	op = take_op(OP_PROBED);
	assert_int_equal(op->u64, 7);
	assert_false(op->flag);
	op = take_op(OP_PRODUCER_CLOSE);
	assert_int_equal(op->handle, 11);
	assert_gone(&cl);
	/* nobody there at all */
	emit(probe_of(dest, 8));
	op = take_op(OP_PROBED);
	assert_int_equal(op->u64, 8);
	assert_false(op->flag);
	client_close(&cl);
}

/* --- producers -------------------------------------------------------------- */

static void
test_producer(void **state)
{
	pp_CommandProducer m = { .topic = span_str("t/n/x-partition-3"),
		.producer_id = 4,
		.request_id = 9,
		.has_epoch = true,
		.epoch = 2 };
	pp_CommandProducerSuccess ok;
	pp_CommandCloseProducer cp = { .producer_id = 4, .request_id = 10 };
	struct client cl;
	struct op *op;
	struct fx *fx;

	(void)state;
	client_connect(&cl, 21);
	TX(&cl, PRODUCER, &m);
	op = take_op(OP_PRODUCER_OPEN);
	assert_true(
	    str_eq(op->topic, STR_LIT("persistent://t/n/x-partition-3")));
	assert_int_equal(op->producer.name.len, 0);
	assert_int_equal(op->producer.epoch, 2);
	assert_true(str_eq(op->producer.client_version, STR_LIT("test 1")));
	/* asked again while it opens */
	m.request_id = 11;
	TX(&cl, PRODUCER, &m);
	expect_error(&cl, 11, pp_ServerError_ServiceNotReady);
	fx = answer_to(op, FX_PRODUCER_OPENED);
	fx->handle = 77;
	fx->text = fx_str(fx, STR_LIT("standalone-0-1"));
	fx->i64 = 41;
	fx->flag = true;
	emit(fx);
	RX(&cl, PRODUCER_SUCCESS, &ok);
	assert_int_equal(ok.request_id, 9);
	assert_true(span_eq(ok.producer_name, span_str("standalone-0-1")));
	assert_int_equal(ok.last_sequence_id, 41);
	assert_non_null(ok.schema_version.p);
	assert_int_equal(ok.schema_version.n, 0);
	assert_true(ok.producer_ready);
	/* asked again when it is there */
	m.request_id = 12;
	TX(&cl, PRODUCER, &m);
	RX(&cl, PRODUCER_SUCCESS, &ok);
	assert_int_equal(ok.request_id, 12);
	TX(&cl, CLOSE_PRODUCER, &cp);
	op = take_op(OP_PRODUCER_CLOSE);
	assert_int_equal(op->handle, 77);
	assert_silent(&cl);
	done(op, ERR_OK);
	expect_success(&cl, 10);
	/* unknown */
	TX(&cl, CLOSE_PRODUCER, &cp);
	expect_success(&cl, 10);
	client_close(&cl);
	assert_true(no_op());
}

static void
test_producer_fails(void **state)
{
	pp_CommandProducer m = { .topic = span_str("bad://t/n/x"),
		.producer_id = 4,
		.request_id = 9 };
	pp_CommandCloseProducer cp = { .producer_id = 4, .request_id = 10 };
	struct client cl;
	struct op *op;
	struct fx *fx;

	(void)state;
	client_connect(&cl, 21);
	TX(&cl, PRODUCER, &m);
	expect_error(&cl, 9, pp_ServerError_InvalidTopicName);
	m.topic = span_str("x");
	TX(&cl, PRODUCER, &m);
	done(take_op(OP_PRODUCER_OPEN), ERR_PRODUCER_BUSY);
	expect_error(&cl, 9, pp_ServerError_ProducerBusy);
	/* closed before it was there */
	TX(&cl, PRODUCER, &m);
	op = take_op(OP_PRODUCER_OPEN);
	TX(&cl, CLOSE_PRODUCER, &cp);
	expect_success(&cl, 10);
	fx = answer_to(op, FX_PRODUCER_OPENED);
	fx->handle = 5;
	fx->text = fx_str(fx, STR_LIT("n"));
	emit(fx);
	op = take_op(OP_PRODUCER_CLOSE);
	assert_int_equal(op->handle, 5);
	assert_int_equal(op->dest.conn, 0);
	assert_silent(&cl);
	/* gone before it was there */
	TX(&cl, PRODUCER, &m);
	op = take_op(OP_PRODUCER_OPEN);
	client_close(&cl);
	fx = answer_to(op, FX_PRODUCER_OPENED);
	fx->handle = 6;
	emit(fx);
	op = take_op(OP_PRODUCER_CLOSE);
	assert_int_equal(op->handle, 6);
}

static void
test_producer_closed(void **state)
{
	pp_CommandCloseProducer m;
	struct client cl;
	struct dest dest;
	struct fx *fx;

	(void)state;
	client_connect(&cl, 21);
	dest = open_producer(&cl, 3, "t", 30);
	send_one(&cl, 3, 0);
	fx = fx_new(FX_PRODUCER_CLOSED, dest);
	fx->err = ERR_NOT_READY;
	emit(fx);
	RX(&cl, CLOSE_PRODUCER, &m);
	assert_int_equal(m.producer_id, 3);
	assert_int_equal(m.request_id, HOT_NO_REQUEST);
	/* what was on its way is ignored, and so is a late receipt */
	send_one(&cl, 3, 1);
	assert_int_equal(fake.pubs_n, 1);
	receipt(dest, take_pub(), 0, ERR_OK);
	assert_silent(&cl);
	dest = open_producer(&cl, 3, "t", 31);
	send_one(&cl, 3, 1);
	assert_int_equal(fake.pubs_n, 2);
	/* never heard of: the end */
	send_one(&cl, 4, 0);
	assert_gone(&cl);
	assert_int_equal(take_op(OP_PRODUCER_CLOSE)->handle, 31);
	client_close(&cl);
	/* a client that doesn't know the command */
	client_connect(&cl, 4);
	dest = open_producer(&cl, 3, "t", 32);
	emit(fx_new(FX_PRODUCER_CLOSED, dest));
	assert_gone(&cl);
	client_close(&cl);
}

/* --- SEND ------------------------------------------------------------------- */

static void
expect_receipt(struct client *cl, uint64_t sequence, uint64_t entry)
{
	struct peer_receipt r;
	struct frame fr = rx(cl, CMD_SEND_RECEIPT);

	assert_ok(peer_receipt_decode(fr.cmd, &r));
	assert_int_equal(r.sequence_id, sequence);
	assert_int_equal(r.id.entry, entry);
}

static void
expect_send_error(struct client *cl, uint64_t sequence, uint32_t error)
{
	struct peer_error e;
	struct frame fr = rx(cl, CMD_SEND_ERROR);

	assert_ok(peer_error_decode(fr.cmd, &e));
	assert_int_equal(e.sequence_id, sequence);
	assert_int_equal(e.error, error);
}

static void
test_send(void **state)
{
	struct kept_publish *k;
	struct client cl;
	struct dest dest;
	uint8_t out[512];
	size_t n;

	(void)state;
	client_connect(&cl, 21);
	dest = open_producer(&cl, 1, "t", 15);
	n = send_frame(out, 1, 9, 10, true);
	tx(&cl, out, n);
	k = take_pub();
	assert_int_equal(k->producer, 15);
	assert_int_equal(k->sequence, 9);
	assert_int_equal(k->attr.format, ENTRY_FORMAT_PULSAR);
	assert_int_equal(k->attr.messages_n, 1);
	assert_int_equal(k->attr.sequence, 9);
	assert_int_equal(k->attr.publish_time_ms, 123456);
	assert_int_equal(k->attr.flags, 0);
	assert_int_not_equal(k->attr.producer_hash, 0);
	assert_true(k->body.len < n);
	assert_memory_equal(k->body.p, out + n - k->body.len, k->body.len);
	receipt(dest, k, 3, ERR_OK);
	expect_receipt(&cl, 9, 3);
	/* a duplicate has no id */
	send_one(&cl, 1, 9);
	receipt(dest, take_pub(), UINT64_MAX, ERR_OK);
	expect_receipt(&cl, 9, UINT64_MAX);
	client_close(&cl);
}

static void
test_send_refused(void **state)
{
	struct client cl;
	struct dest dest;
	uint8_t *out = mem_alloc(6u << 20);

	(void)state;
	client_connect(&cl, 21);
	dest = open_producer(&cl, 1, "t", 15);
	/* nothing before it: at once */
	tx(&cl, out, send_frame(out, 1, 0, 10, false));
	expect_send_error(&cl, 0, pp_ServerError_ChecksumError);
	/* in its place among the others */
	send_one(&cl, 1, 1);
	tx(&cl, out, send_frame(out, 1, 2, 10, false));
	send_one(&cl, 1, 4);
	assert_int_equal(fake.pubs_n, 2);
	assert_silent(&cl);
	receipt(dest, take_pub(), 1, ERR_OK);
	expect_receipt(&cl, 1, 1);
	expect_send_error(&cl, 2, pp_ServerError_ChecksumError);
	assert_silent(&cl);
	receipt(dest, take_pub(), 2, ERR_OK);
	expect_receipt(&cl, 4, 2);
	/* the core's errors: terminated is said */
	send_one(&cl, 1, 5);
	receipt(dest, take_pub(), 0, ERR_TOPIC_TERMINATED);
	expect_send_error(&cl, 5, pp_ServerError_TopicTerminatedError);
	/* one that no client copes with closes the producer */
	send_one(&cl, 1, 6);
	receipt(dest, take_pub(), 0, ERR_IO);
	(void)rx(&cl, CMD_CLOSE_PRODUCER);
	assert_int_equal(take_op(OP_PRODUCER_CLOSE)->handle, 15);
	client_close(&cl);
	mem_free(out);
}

static void
test_send_pauses(void **state)
{
	struct client cl;
	struct dest dest;
	unsigned i;

	(void)state;
	conf.pending_max = 10;
	pulsar_again();
	client_connect(&cl, 21);
	dest = open_producer(&cl, 1, "t", 15);
	for (i = 0; i < 30; i++)
		send_one(&cl, 1, i);
	assert_int_equal(fake.pubs_n, 10);
	for (i = 0; i < 4; i++)
		receipt(dest, take_pub(), i, ERR_OK);
	spin(4);
	assert_int_equal(fake.pubs_n, 10);
	receipt(dest, take_pub(), i, ERR_OK);
	spin(4);
	assert_int_equal(fake.pubs_n, 15);
	/* closed: what is under way counts no more */
	emit(fx_new(FX_PRODUCER_CLOSED, dest));
	spin(4);
	for (i = 0; i < 5; i++)
		expect_receipt(&cl, i, i);
	(void)rx(&cl, CMD_CLOSE_PRODUCER);
	dest = open_producer(&cl, 1, "t", 16);
	for (i = 0; i < 9; i++)
		send_one(&cl, 1, 100 + i);
	assert_int_equal(fake.pubs_n, 24);
	client_close(&cl);
}

/* All connections of a shard together: the one that sends one too many waits,
 * and a connection that goes takes its part with it. */
static void
test_send_pauses_shard(void **state)
{
	struct client a, b;
	struct dest da;
	size_t one;
	unsigned i;

	(void)state;
	conf.pending_bytes_max = 1u << 20;
	pulsar_again();
	client_connect(&a, 21);
	da = open_producer(&a, 1, "t", 15);
	send_one(&a, 1, 0);
	one = fake.pubs[0].body.len;
	receipt(da, take_pub(), 0, ERR_OK);
	client_close(&a);
	(void)take_op(OP_PRODUCER_CLOSE);
	conf.shard_pending_bytes_max = 10 * one - one / 2;
	pulsar_again();
	client_connect(&a, 21);
	da = open_producer(&a, 1, "t", 15);
	client_connect(&b, 21);
	(void)open_producer(&b, 1, "t", 16);
	for (i = 0; i < 8; i++)
		send_one(&a, 1, i);
	for (i = 0; i < 5; i++)
		send_one(&b, 1, i);
	spin(4);
	assert_int_equal(fake.pubs_n, 1 + 8 + 2);
	/* a isn't paused until it sends, and 4 of 10 may be left */
	for (i = 0; i < 5; i++)
		receipt(da, take_pub(), i, ERR_OK);
	spin(4);
	assert_int_equal(fake.pubs_n, 1 + 8 + 2);
	receipt(da, take_pub(), 5, ERR_OK);
	spin(4);
	assert_int_equal(fake.pubs_n, 1 + 8 + 5);
	for (i = 8; i < 20; i++)
		send_one(&a, 1, i);
	assert_int_equal(fake.pubs_n, 1 + 8 + 5 + 3);
	client_close(&b);
	(void)take_op(OP_PRODUCER_CLOSE);
	receipt(da, take_pub(), 6, ERR_OK);
	spin(4);
	assert_true(fake.pubs_n > 1 + 8 + 5 + 3);
	client_close(&a);
}

static void
test_send_nonpersistent(void **state)
{
	struct client cl;
	struct dest dest;
	unsigned i;

	(void)state;
	conf.pending_max = 3000;
	pulsar_again();
	client_connect(&cl, 21);
	dest = open_producer(&cl, 1, "non-persistent://public/default/n", 15);
	for (i = 0; i < 1001; i++)
		send_one(&cl, 1, i);
	assert_int_equal(fake.pubs_n, 1000);
	for (i = 0; i < 1000; i++)
		receipt(dest, take_pub(), 0, ERR_OK);
	for (i = 0; i < 1000; i++)
		expect_receipt(&cl, i, 0);
	expect_receipt(&cl, 1000, UINT64_MAX);
	/* the core hears of it with the next one */
	assert_int_equal(fake.pubs[999].dropped_n, 0);
	send_one(&cl, 1, 1001);
	send_one(&cl, 1, 1002);
	assert_int_equal(take_pub()->dropped_n, 1);
	assert_int_equal(take_pub()->dropped_n, 0);
	client_close(&cl);
}

/* --- the end ---------------------------------------------------------------- */

static void
test_drain(void **state)
{
	pp_CommandProducer pd = {
		.topic = span_str("t"), .producer_id = 2, .request_id = 1
	};
	struct client idle, busy, late;
	struct dest dest;

	(void)state;
	client_connect(&idle, 21);
	client_connect(&busy, 21);
	dest = open_producer(&busy, 1, "t", 15);
	pulsar_drain(pulsar);
	assert_false(pulsar_drain_done(pulsar));
	assert_gone(&idle);
	TX(&busy, PRODUCER, &pd);
	expect_error(&busy, 1, pp_ServerError_ServiceNotReady);
	client_open(&late);
	assert_gone(&late);
	emit(fx_new(FX_PRODUCER_CLOSED, dest));
	(void)rx(&busy, CMD_CLOSE_PRODUCER);
	assert_gone(&busy);
	assert_true(pulsar_drain_done(pulsar));
	client_close(&idle);
	client_close(&busy);
	client_close(&late);
}

static void
test_requests_bounded(void **state)
{
	pp_CommandLookupTopic lk = { .topic = span_str("x"), .request_id = 5 };
	struct client cl;
	unsigned i;

	(void)state;
	conf.requests_max = 4;
	pulsar_again();
	client_connect(&cl, 21);
	for (i = 0; i < 9; i++)
		TX(&cl, LOOKUP, &lk);
	assert_int_equal(fake.ops_n, 4);
	for (i = 0; i < 9; i++)
		done(take_op(OP_TOPIC_META), ERR_OK);
	for (i = 0; i < 9; i++)
		(void)rx(&cl, CMD_LOOKUP_RESPONSE);
	client_close(&cl);
}

/* --- to another shard ------------------------------------------------------- */

static struct pulsar_move *moved;
static unsigned moved_to;
static bool full;

static bool
fake_may_move(void *priv, unsigned to)
{
	assert_ptr_equal(priv, &moved);
	assert_int_equal(to, 1);
	return !full;
}

static void
fake_move(void *priv, unsigned to, struct pulsar_move *mv)
{
	assert_ptr_equal(priv, &moved);
	assert_null(moved);
	moved = mv;
	moved_to = to;
}

/* A name whose topic is on the shard */
static const char *
topic_on(unsigned shard, char buf[64])
{
	unsigned i;

	for (i = 0; i < 1000; i++) {
		(void)snprintf(buf, 64, "persistent://public/default/t%u", i);
		if (topic_shard(str_of(buf), router.shards_n) == shard)
			return buf;
	}
	fail_msg("no topic there");
	return NULL;
}

static void
say_producer(struct client *cl, uint64_t id, const char *topic)
{
	pp_CommandProducer m = { .topic = span_str(topic),
		.producer_id = id,
		.request_id = 1000 + id };

	TX(cl, PRODUCER, &m);
}

static void
test_move(void **state)
{
	pp_CommandLookupTopic lk = { .topic = span_str("x"), .request_id = 5 };
	char here[64], there[64];
	struct pulsar_stats st;
	struct client cl;
	struct op *op;

	(void)state;
	conf.may_move = fake_may_move;
	conf.move = fake_move;
	conf.move_priv = &moved;
	pulsar_again();
	(void)topic_on(0, here);
	(void)topic_on(1, there);
	/* where it is already */
	client_connect(&cl, 21);
	say_producer(&cl, 1, here);
	(void)take_op(OP_PRODUCER_OPEN);
	assert_null(moved);
	/* it has a place by now */
	say_producer(&cl, 2, there);
	(void)take_op(OP_PRODUCER_OPEN);
	assert_null(moved);
	client_close(&cl);
	/* a request is open: its answer is for the session's number */
	client_connect(&cl, 21);
	TX(&cl, LOOKUP, &lk);
	say_producer(&cl, 1, there);
	op = take_op(OP_TOPIC_META);
	(void)take_op(OP_PRODUCER_OPEN);
	assert_null(moved);
	done(op, ERR_OK);
	client_close(&cl);
	/* no room over there */
	full = true;
	client_connect(&cl, 21);
	say_producer(&cl, 1, there);
	(void)take_op(OP_PRODUCER_OPEN);
	client_close(&cl);
	full = false;
	/* and moved, as the version 17 that it speaks */
	client_connect(&cl, 17);
	say_producer(&cl, 1, there);
	spin(3);
	assert_non_null(moved);
	assert_int_equal(moved_to, 1);
	pulsar_get_stats(pulsar, &st);
	assert_int_equal(st.sessions_n, 0);
	assert_int_equal(st.moved, 1);
	pulsar_adopt(pulsar, &moved);
	assert_null(moved);
	op = take_op(OP_PRODUCER_OPEN);
	assert_int_equal(op->req, 1001);
	assert_string_equal(op->producer.client_version.p, "test 1");
	done(op, ERR_METADATA);
	expect_error(&cl, 1001, pp_ServerError_MetadataError);
	client_close(&cl);
	pulsar_get_stats(pulsar, &st);
	assert_int_equal(st.sessions_n, 0);
	/* into a shard that is closing */
	client_connect(&cl, 21);
	say_producer(&cl, 1, there);
	spin(3);
	assert_non_null(moved);
	pulsar_drain(pulsar);
	pulsar_adopt(pulsar, &moved);
	assert_gone(&cl);
	client_close(&cl);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_connect),
		T(test_wrong_state),
		T(test_lengths),
		T(test_quota),
		T(test_every_byte),
		T(test_keepalive),
		T(test_probe),
		T(test_producer),
		T(test_producer_fails),
		T(test_producer_closed),
		T(test_send),
		T(test_send_refused),
		T(test_send_pauses),
		T(test_send_pauses_shard),
		T(test_send_nonpersistent),
		T(test_drain),
		T(test_requests_bounded),
		T(test_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
