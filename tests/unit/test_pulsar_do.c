/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: lookup, consumers, acks. */
#include "session_fixture.h"

/* --- lookup ----------------------------------------------------------------- */

static void
ask(struct client *cl, const char *topic, const char *listener, uint64_t req)
{
	pp_CommandLookupTopic m = { .topic = span_str(topic),
		.request_id = req,
		.advertised_listener_name = span_str(listener) };

	TX(cl, LOOKUP, &m);
}

static void
expect_url(struct client *cl, uint64_t req, const char *url, bool through)
{
	pp_CommandLookupTopicResponse m;

	RX(cl, LOOKUP_RESPONSE, &m);
	assert_int_equal(m.request_id, req);
	assert_int_equal(
	    m.response, pp_CommandLookupTopicResponse_LookupType_Connect);
	assert_true(m.authoritative);
	if (!span_eq(m.brokerServiceUrl, span_str(url)))
		fail_msg("url is %.*s", (int)m.brokerServiceUrl.n,
		    (const char *)m.brokerServiceUrl.p);
	assert_int_equal(m.proxy_through_service_url, through);
}

static void
expect_lookup_error(struct client *cl, uint64_t req, int error)
{
	pp_CommandLookupTopicResponse m;

	RX(cl, LOOKUP_RESPONSE, &m);
	assert_int_equal(m.request_id, req);
	assert_int_equal(
	    m.response, pp_CommandLookupTopicResponse_LookupType_Failed);
	assert_int_equal(m.error, error);
	assert_true(m.message.n > 0);
}

static void
test_lookup(void **state)
{
	struct client cl;
	struct op *op;

	(void)state;
	client_connect(&cl, 21);
	ask(&cl, "a", NULL, 1);
	op = take_op(OP_TOPIC_META);
	assert_true(
	    str_eq(op->topic, STR_LIT("persistent://public/default/a")));
	assert_false(op->flag);
	/* not there yet is no obstacle */
	done(op, ERR_NO_TOPIC);
	expect_url(&cl, 1, "pulsar://localhost:6650", true);
	ask(&cl, "a", NULL, 2);
	done(take_op(OP_TOPIC_META), ERR_NO_NAMESPACE);
	expect_lookup_error(&cl, 2, pp_ServerError_TopicNotFound);
	ask(&cl, "a/b", NULL, 3);
	expect_lookup_error(&cl, 3, pp_ServerError_InvalidTopicName);
	ask(&cl, "a", "home", 4);
	expect_lookup_error(&cl, 4, pp_ServerError_ServiceNotReady);
	client_close(&cl);

	conf.advertised_address = "mq.example";
	pulsar_again();
	client_connect(&cl, 21);
	ask(&cl, "a", NULL, 1);
	done(take_op(OP_TOPIC_META), ERR_OK);
	expect_url(&cl, 1, "pulsar://mq.example:6650", false);
	client_close(&cl);
}

static void
test_listeners(void **state)
{
	struct client cl;
	struct diag diag;

	(void)state;
	conf.advertised_listeners =
	    "in:pulsar://10.0.0.1:6650,out:pulsar://[2001:db8::1]:7650,"
	    "in:pulsar+ssl://10.0.0.1:6651";
	pulsar_again();
	client_connect(&cl, 21);
	ask(&cl, "a", NULL, 1);
	done(take_op(OP_TOPIC_META), ERR_OK);
	expect_url(&cl, 1, "pulsar://10.0.0.1:6650", false);
	ask(&cl, "a", "out", 2);
	done(take_op(OP_TOPIC_META), ERR_OK);
	expect_url(&cl, 2, "pulsar://[2001:db8::1]:7650", false);
	ask(&cl, "a", "nowhere", 3);
	expect_lookup_error(&cl, 3, pp_ServerError_ServiceNotReady);
	client_close(&cl);
	conf.internal_listener = "nowhere";
	assert_err(pulsar_conf_check(&conf, &diag), ERR_INVALID_ARG);
	conf.internal_listener = NULL;
	conf.advertised_listeners = "in:pulsar://";
	assert_err(pulsar_conf_check(&conf, &diag), ERR_INVALID_ARG);
	conf.advertised_listeners = NULL;
}

static void
test_partitions(void **state)
{
	pp_CommandPartitionedTopicMetadata m = { .topic = span_str("a"),
		.request_id = 8,
		.has_metadata_auto_creation_enabled = true };
	pp_CommandPartitionedTopicMetadataResponse r;
	struct client cl;
	struct op *op;
	struct fx *fx;

	(void)state;
	conf.lookup_max = 1;
	pulsar_again();
	client_connect(&cl, 21);
	TX(&cl, PARTITIONED_METADATA, &m);
	op = take_op(OP_TOPIC_META);
	assert_false(op->flag);
	m.request_id = 9;
	TX(&cl, PARTITIONED_METADATA, &m);
	RX(&cl, PARTITIONED_METADATA_RESPONSE, &r);
	assert_int_equal(r.error, pp_ServerError_TooManyRequests);
	fx = answer_to(op, FX_TOPIC_META);
	fx->u32 = 4;
	emit(fx);
	RX(&cl, PARTITIONED_METADATA_RESPONSE, &r);
	assert_int_equal(r.request_id, 8);
	assert_false(r.has_error);
	assert_int_equal(r.partitions, 4);
	TX(&cl, PARTITIONED_METADATA, &m);
	done(take_op(OP_TOPIC_META), ERR_NO_TOPIC);
	RX(&cl, PARTITIONED_METADATA_RESPONSE, &r);
	assert_int_equal(r.error, pp_ServerError_TopicNotFound);
	/* gone meanwhile: the place is free again */
	m.metadata_auto_creation_enabled = true;
	TX(&cl, PARTITIONED_METADATA, &m);
	op = take_op(OP_TOPIC_META);
	assert_true(op->flag);
	client_close(&cl);
	done(op, ERR_OK);
	client_connect(&cl, 21);
	TX(&cl, PARTITIONED_METADATA, &m);
	(void)take_op(OP_TOPIC_META);
	client_close(&cl);
}

/* --- consumers -------------------------------------------------------------- */

static struct fx_deliver
delivery(struct dest dest, uint64_t handle, struct entry *ent, struct buf *b)
{
	*ent = (struct entry){ .pos = { 5, 6 },
		.index = 100,
		.attr = { .messages_n = 3, .store_time_ms = 77 },
		.body = slice_of(b, 0, b->len) };
	return (struct fx_deliver){
		.dest = dest, .consumer = handle, .ent = ent, .epoch = 2
	};
}

static void
deliver(const struct fx_deliver *d)
{
	fake.inside = true;
	fake.sink->deliver(fake.priv, d);
	fake.inside = false;
}

static void
test_subscribe(void **state)
{
	pp_CommandSubscribe m = { .topic = span_str("t-partition-2"),
		.subscription = span_str("sub"),
		.subType = pp_CommandSubscribe_SubType_Key_Shared,
		.consumer_id = 3,
		.request_id = 4,
		.consumer_name = span_str("me"),
		.has_durable = true,
		.durable = true,
		.has_initialPosition = true,
		.initialPosition = pp_CommandSubscribe_InitialPosition_Earliest,
		.has_start_message_rollback_duration_sec = true,
		.start_message_rollback_duration_sec = 60,
		.has_keySharedMeta = true };
	/* IntRange 5..9 */
	struct span range = span_of("\x08\x05\x10\x09", 4);
	struct client cl;
	struct op *op;
	struct fx *fx;

	(void)state;
	m.keySharedMeta.keySharedMode = pp_KeySharedMode_STICKY;
	m.keySharedMeta.hashRanges.v = &range;
	m.keySharedMeta.hashRanges.n = 1;
	client_connect(&cl, 21);
	TX(&cl, SUBSCRIBE, &m);
	op = take_op(OP_SUBSCRIBE);
	assert_true(str_eq(op->subscribe.sub, STR_LIT("sub")));
	assert_true(str_eq(op->subscribe.consumer, STR_LIT("me")));
	assert_int_equal(op->subscribe.type, SUB_KEY_SHARED);
	assert_true(op->subscribe.durable);
	assert_true(op->subscribe.create_topic);
	assert_true(op->subscribe.initial_earliest);
	assert_int_equal(op->subscribe.rollback_ms, 60000);
	assert_true(op->subscribe.ks_sticky);
	assert_int_equal(op->subscribe.ranges_n, 1);
	assert_int_equal(op->subscribe.ranges[0].start, 5);
	assert_int_equal(op->subscribe.ranges[0].end, 9);
	TX(&cl, SUBSCRIBE, &m);
	expect_error(&cl, 4, pp_ServerError_ServiceNotReady);
	fx = answer_to(op, FX_DONE);
	fx->err = ERR_CONSUMER_BUSY;
	(void)snprintf(fx->diag, sizeof fx->diag, "taken");
	emit(fx);
	expect_error(&cl, 4, pp_ServerError_ConsumerBusy);
	TX(&cl, SUBSCRIBE, &m);
	(void)take_op(OP_SUBSCRIBE);
	client_close(&cl);
}

static void
start_case(struct client *cl, struct span id, enum start_kind kind,
    uint64_t ledger, int64_t entry, bool inclusive)
{
	pp_CommandSubscribe m = { .topic = span_str("t"),
		.subscription = span_str("reader"),
		.consumer_id = 3,
		.request_id = 4,
		.has_durable = true,
		.durable = false,
		.start_message_id = id };
	struct op *op;

	TX(cl, SUBSCRIBE, &m);
	op = take_op(OP_SUBSCRIBE);
	assert_false(op->subscribe.durable);
	assert_int_equal(op->subscribe.start.kind, kind);
	if (kind == START_POS) {
		assert_int_equal(op->subscribe.start.pos.ledger, ledger);
		assert_int_equal(op->subscribe.start.pos.entry, entry);
		assert_int_equal(op->subscribe.start.inclusive, inclusive);
	}
	done(op, ERR_NO_TOPIC);
	expect_error(cl, 4, pp_ServerError_TopicNotFound);
}

static size_t
id_bytes(uint8_t *o, uint64_t ledger, uint64_t entry)
{
	uint8_t *p = wire_put_u64(wire_put_u64(o, 1, ledger), 2, entry);

	return (size_t)(p - o);
}

static void
test_start(void **state)
{
	struct client cl;
	uint8_t o[32];

	(void)state;
	client_connect(&cl, 21);
	start_case(&cl, span_of(NULL, 0), START_LATEST, 0, 0, false);
	start_case(&cl, span_of(o, id_bytes(o, UINT64_MAX, UINT64_MAX)),
	    START_EARLIEST, 0, 0, false);
	start_case(&cl, span_of(o, id_bytes(o, INT64_MAX, INT64_MAX)),
	    START_LATEST, 0, 0, false);
	start_case(&cl, span_of(o, id_bytes(o, 5, 9)), START_POS, 5, 9, true);
	start_case(&cl, span_of(o, id_bytes(o, 5, UINT64_MAX)), START_POS, 5,
	    -1, false);
	client_close(&cl);
}

static void
test_deliver(void **state)
{
	uint64_t words[2] = { 0x6, 0 };
	struct buf *b = buf_new(32);
	struct peer_message pm;
	struct fx_deliver d;
	struct client cl;
	struct entry ent;
	struct frame fr;
	struct dest dest;

	(void)state;
	memcpy(b->data,
	    "\x0e\x01"
	    "crc-metadata and so on",
	    24);
	b->len = 24;
	client_connect(&cl, 21);
	dest = open_consumer(
	    &cl, 8, "t-partition-1", pp_CommandSubscribe_SubType_Exclusive, 80);
	d = delivery(dest, 80, &ent, b);
	deliver(&d);
	fr = rx(&cl, CMD_MESSAGE);
	assert_ok(peer_message_decode(fr.cmd, &pm));
	assert_int_equal(pm.consumer_id, 8);
	assert_int_equal(pm.id.ledger, 5);
	assert_int_equal(pm.id.entry, 6);
	assert_int_equal(pm.id.partition, 1);
	assert_true(pm.has_epoch);
	assert_int_equal(pm.consumer_epoch, 2);
	assert_true(span_eq(fr.body, span_of(b->data, b->len)));
	d.words = words;
	d.words_n = 1;
	d.redeliveries = 9;
	deliver(&d);
	fr = rx(&cl, CMD_MESSAGE);
	assert_ok(peer_message_decode(fr.cmd, &pm));
	assert_int_equal(pm.redelivery_count, 9);
	assert_int_equal(pm.ack_words_n, 1);
	/* of another life of that id, or of nobody */
	d.consumer = 79;
	deliver(&d);
	d.consumer = 80;
	d.dest.tag = 9;
	deliver(&d);
	assert_silent(&cl);
	client_close(&cl);
	(void)take_op(OP_CONSUMER_CLOSE);
	/* checksums came with v11 */
	client_connect(&cl, 10);
	dest =
	    open_consumer(&cl, 8, "t", pp_CommandSubscribe_SubType_Shared, 81);
	d = delivery(dest, 81, &ent, b);
	deliver(&d);
	fr = rx(&cl, CMD_MESSAGE);
	assert_ok(peer_message_decode(fr.cmd, &pm));
	assert_false(pm.has_epoch);
	assert_true(span_eq(fr.body, span_of(b->data + 6, b->len - 6)));
	client_close(&cl);
	buf_unref(&b);
}

static void
test_block(void **state)
{
	struct buf *b = buf_new(100000);
	struct fx_deliver d;
	struct client cl;
	struct entry ent;
	struct frame fr;
	struct kept_flow *f;
	unsigned i, n = 0;
	struct dest dest;

	(void)state;
	b->len = b->cap;
	memset(b->data, 'x', b->len);
	conf.out_high_bytes = 300000;
	pulsar_again();
	client_connect(&cl, 21);
	dest =
	    open_consumer(&cl, 8, "t", pp_CommandSubscribe_SubType_Shared, 80);
	for (i = 0; i < 40; i++) {
		d = delivery(dest, 80, &ent, b);
		deliver(&d);
	}
	spin(4);
	f = take_flow();
	assert_true(f->is_block && f->blocked);
	assert_int_equal(f->consumer, 80);
	/* told once, as often as the connection is over the mark */
	assert_int_equal(fake.flows_at, fake.flows_n);
	while (n < 40 && rx_any(&cl, &fr))
		n++;
	assert_int_equal(n, 40);
	f = take_flow();
	assert_true(f->is_block && !f->blocked);
	assert_int_equal(fake.flows_at, fake.flows_n);
	client_close(&cl);
	buf_unref(&b);
}

static void
test_flow_ack(void **state)
{
	struct hot_flow hf = { .consumer_id = 8, .permits_n = 1000 };
	struct peer_id ids[2] = { { 5, 6, -1 }, { 5, 8, -1 } };
	struct peer_ack_response r;
	struct kept_ack *a;
	struct client cl;
	struct dest dest;
	struct frame fr;
	struct fx *fx;
	uint8_t o[512];

	(void)state;
	client_connect(&cl, 21);
	dest =
	    open_consumer(&cl, 8, "t", pp_CommandSubscribe_SubType_Shared, 80);
	tx(&cl, o, peer_flow_encode(o, &hf));
	assert_int_equal(take_flow()->permits, 1000);
	hf.consumer_id = 9;
	tx(&cl, o, peer_flow_encode(o, &hf));
	assert_int_equal(fake.flows_n, 1);
	tx(&cl, o, peer_ack_encode(o, 8, HOT_ACK_INDIVIDUAL, ids, 2, false, 0));
	a = take_ack();
	assert_int_equal(a->consumer, 80);
	assert_int_equal(a->n, 2);
	assert_false(a->cumulative || a->want_reply);
	assert_int_equal(a->first.entry, 6);
	assert_int_equal(a->last.entry, 8);
	tx(&cl, o, peer_ack_encode(o, 8, HOT_ACK_CUMULATIVE, ids, 1, true, 55));
	a = take_ack();
	assert_true(a->cumulative && a->want_reply);
	assert_int_equal(a->req, 55);
	fx = fx_new(FX_DONE, dest);
	fx->op = OP_ACK;
	fx->req = a->req;
	emit(fx);
	fr = rx(&cl, CMD_ACK_RESPONSE);
	assert_ok(peer_ack_response_decode(fr.cmd, &r));
	assert_int_equal(r.consumer_id, 8);
	assert_int_equal(r.request_id, 55);
	assert_int_equal(r.error, -1);
	/* several ids are no cumulative ack: answered, not applied */
	tx(&cl, o, peer_ack_encode(o, 8, HOT_ACK_CUMULATIVE, ids, 2, true, 56));
	a = take_ack();
	assert_int_equal(a->n, 0);
	assert_true(a->want_reply);
	tx(&cl, o, peer_ack_encode(o, 9, HOT_ACK_INDIVIDUAL, ids, 1, true, 57));
	fr = rx(&cl, CMD_ACK_RESPONSE);
	assert_ok(peer_ack_response_decode(fr.cmd, &r));
	assert_int_equal(r.error, pp_ServerError_ConsumerNotFound);
	client_close(&cl);
	assert_int_equal(take_op(OP_CONSUMER_CLOSE)->handle, 80);
}

/* An ACK of n ids, each with an ack set of one word. */
static void
test_ack_many(void **state)
{
	enum {
		N = 1300
	};
	static uint8_t o[N * 32], sub[N * 32];
	struct client cl;
	uint8_t *p = sub, id[32], *q;
	unsigned i, n = 0;

	(void)state;
	client_connect(&cl, 21);
	(void)open_consumer(
	    &cl, 8, "t", pp_CommandSubscribe_SubType_Shared, 80);
	p = wire_put_u64(p, 1, 8);
	p = wire_put_u64(p, 2, HOT_ACK_INDIVIDUAL);
	for (i = 0; i < N; i++) {
		q = wire_put_u64(wire_put_u64(id, 1, 3), 2, i);
		q = wire_put_u64(q, 5, 0x5);
		q = wire_put_u64(q, 6, 3);
		p = wire_put_bytes(p, 3, span_of(id, (size_t)(q - id)));
	}
	q = wire_begin(o, CMD_ACK, true);
	memcpy(q, sub, (size_t)(p - sub));
	tx(&cl, o, wire_end(o, q + (p - sub), CMD_ACK, true, 0));
	for (i = 0; i < fake.acks_n; i++) {
		assert_int_equal(fake.acks[i].first.entry, n);
		assert_int_equal(fake.acks[i].first_words_n, 1);
		assert_int_equal(fake.acks[i].first_word, 0x5);
		assert_int_equal(fake.acks[i].first_batch_size, 3);
		n += fake.acks[i].n;
	}
	assert_int_equal(n, N);
	client_close(&cl);
}

static void
test_seek(void **state)
{
	pp_CommandSeek m = { .consumer_id = 8, .request_id = 4 };
	uint8_t o[64];
	struct client cl;
	struct dest dest;
	struct op *op;
	uint8_t *p;

	(void)state;
	client_connect(&cl, 21);
	dest =
	    open_consumer(&cl, 8, "t", pp_CommandSubscribe_SubType_Shared, 80);
	TX(&cl, SEEK, &m);
	expect_error(&cl, 4, pp_ServerError_MetadataError);
	p = wire_put_u64(o + id_bytes(o, 5, 6), 5, 0xc);
	m.message_id = span_of(o, (size_t)(p - o));
	TX(&cl, SEEK, &m);
	op = take_op(OP_SEEK);
	assert_int_equal(op->handle, 80);
	assert_int_equal(op->start.kind, START_POS);
	assert_int_equal(op->start.pos.entry, 6);
	assert_true(op->start.inclusive);
	assert_int_equal(op->start.words_n, 1);
	assert_int_equal(op->start.words[0], 0xc);
	emit(fx_new(FX_CONSUMER_CLOSED, dest));
	(void)rx(&cl, CMD_CLOSE_CONSUMER);
	done(op, ERR_OK);
	expect_success(&cl, 4);
	m.message_id = span_of(NULL, 0);
	m.has_message_publish_time = true;
	m.message_publish_time = 1234;
	TX(&cl, SEEK, &m);
	expect_error(&cl, 4, pp_ServerError_MetadataError);
	(void)open_consumer(
	    &cl, 8, "t", pp_CommandSubscribe_SubType_Shared, 81);
	TX(&cl, SEEK, &m);
	op = take_op(OP_SEEK);
	assert_int_equal(op->start.kind, START_TIME);
	assert_int_equal(op->start.time_ms, 1234);
	done(op, ERR_IO);
	expect_error(&cl, 4, pp_ServerError_UnknownError);
	client_close(&cl);
}

static void
test_last_id(void **state)
{
	pp_CommandGetLastMessageId m = { .consumer_id = 8, .request_id = 4 };
	pp_CommandGetLastMessageIdResponse r;
	struct client cl;
	struct fx *fx;

	(void)state;
	client_connect(&cl, 21);
	TX(&cl, GET_LAST_MESSAGE_ID, &m);
	expect_error(&cl, 4, pp_ServerError_MetadataError);
	(void)open_consumer(
	    &cl, 8, "t-partition-7", pp_CommandSubscribe_SubType_Shared, 80);
	TX(&cl, GET_LAST_MESSAGE_ID, &m);
	fx = answer_to(take_op(OP_LAST_ID), FX_LAST_ID);
	fx->pos = (struct pos){ 5, 6 };
	fx->u32 = 10;
	fx->flag = true;
	fx->pos2 = (struct pos){ 5, -1 };
	emit(fx);
	RX(&cl, GET_LAST_MESSAGE_ID_RESPONSE, &r);
	assert_int_equal(r.last_message_id.ledgerId, 5);
	assert_int_equal(r.last_message_id.entryId, 6);
	assert_int_equal(r.last_message_id.partition, 7);
	assert_int_equal(r.last_message_id.batch_index, 9);
	assert_int_equal(r.consumer_mark_delete_position.ledgerId, 5);
	assert_int_equal(r.consumer_mark_delete_position.entryId, UINT64_MAX);
	TX(&cl, GET_LAST_MESSAGE_ID, &m);
	fx = answer_to(take_op(OP_LAST_ID), FX_LAST_ID);
	fx->pos = fx->pos2 = POS_NONE;
	emit(fx);
	RX(&cl, GET_LAST_MESSAGE_ID_RESPONSE, &r);
	assert_int_equal(r.last_message_id.ledgerId, UINT64_MAX);
	assert_int_equal(r.last_message_id.entryId, UINT64_MAX);
	assert_int_equal(r.last_message_id.batch_index, -1);
	client_close(&cl);
}

static void
test_redeliver(void **state)
{
	pp_CommandRedeliverUnacknowledgedMessages m = { .consumer_id = 8,
		.has_consumer_epoch = true,
		.consumer_epoch = 3 };
	uint8_t a[32], b[32];
	struct span ids[2] = { span_of(a, id_bytes(a, 1, 2)),
		span_of(b, id_bytes(b, 1, 4)) };
	struct client cl;
	struct op *op;

	(void)state;
	client_connect(&cl, 21);
	TX(&cl, REDELIVER_UNACKNOWLEDGED_MESSAGES, &m);
	(void)open_consumer(
	    &cl, 8, "t", pp_CommandSubscribe_SubType_Shared, 80);
	TX(&cl, REDELIVER_UNACKNOWLEDGED_MESSAGES, &m);
	op = take_op(OP_REDELIVER);
	assert_int_equal(op->ids_n, 0);
	assert_int_equal(op->u32, 3);
	m.message_ids.v = ids;
	m.message_ids.n = 2;
	TX(&cl, REDELIVER_UNACKNOWLEDGED_MESSAGES, &m);
	op = take_op(OP_REDELIVER);
	assert_int_equal(op->handle, 80);
	assert_int_equal(op->ids_n, 2);
	assert_int_equal(op->ids[1].pos.entry, 4);
	client_close(&cl);
}

static void
test_consumer_ends(void **state)
{
	pp_CommandUnsubscribe us = { .consumer_id = 8, .request_id = 4 };
	pp_CommandCloseConsumer cc = { .consumer_id = 8, .request_id = 5 };
	pp_CommandActiveConsumerChange ac;
	struct client cl, old;
	struct dest dest;
	struct op *op;
	struct fx *fx;

	(void)state;
	client_connect(&cl, 21);
	TX(&cl, UNSUBSCRIBE, &us);
	expect_error(&cl, 4, pp_ServerError_MetadataError);
	dest = open_consumer(
	    &cl, 8, "t", pp_CommandSubscribe_SubType_Failover, 80);
	fx = fx_new(FX_ACTIVE_CHANGE, dest);
	fx->flag = true;
	emit(fx);
	RX(&cl, ACTIVE_CONSUMER_CHANGE, &ac);
	assert_true(ac.is_active);
	emit(fx_new(FX_END_OF_TOPIC, dest));
	(void)rx(&cl, CMD_REACHED_END_OF_TOPIC);
	TX(&cl, UNSUBSCRIBE, &us);
	done(take_op(OP_UNSUBSCRIBE), ERR_METADATA);
	expect_error(&cl, 4, pp_ServerError_MetadataError);
	TX(&cl, UNSUBSCRIBE, &us);
	done(take_op(OP_UNSUBSCRIBE), ERR_OK);
	expect_success(&cl, 4);
	TX(&cl, CLOSE_CONSUMER, &cc);
	expect_success(&cl, 5);
	(void)open_consumer(
	    &cl, 8, "t", pp_CommandSubscribe_SubType_Shared, 81);
	TX(&cl, CLOSE_CONSUMER, &cc);
	op = take_op(OP_CONSUMER_CLOSE);
	assert_int_equal(op->handle, 81);
	done(op, ERR_OK);
	expect_success(&cl, 5);
	client_close(&cl);
	/* an old one hears nothing that it doesn't know */
	client_connect(&old, 8);
	dest = open_consumer(
	    &old, 8, "t", pp_CommandSubscribe_SubType_Failover, 82);
	fx = fx_new(FX_ACTIVE_CHANGE, dest);
	emit(fx);
	emit(fx_new(FX_END_OF_TOPIC, dest));
	assert_silent(&old);
	client_close(&old);
}

/* A C++ client would close its connection, with all that it carries. */
static void
test_end_of_topic_cpp(void **state)
{
	static const struct {
		const char *version;
		bool told;
	} rows[] = { { "Pulsar-CPP-v2.10.1", false },
		{ "Pulsar-CPP-v4.2.0-python-test", false },
		{ "Pulsar-CPP-v5.0.0", true }, { "Pulsar-Java-v4.2.4", true },
		{ "Pulsar-CPP", true }, { "", true } };
	struct client cl;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		client_open(&cl);
		say_connect_as(&cl, 21, rows[i].version);
		(void)rx(&cl, CMD_CONNECTED);
		emit(fx_new(FX_END_OF_TOPIC,
		    open_consumer(&cl, 8, "t",
			pp_CommandSubscribe_SubType_Shared, 90 + i)));
		if (rows[i].told)
			(void)rx(&cl, CMD_REACHED_END_OF_TOPIC);
		else
			assert_silent(&cl);
		client_close(&cl);
		done(take_op(OP_CONSUMER_CLOSE), ERR_OK);
	}
}

static void
test_consumer_stats(void **state)
{
	char name[] = "me", addr[] = "1.2.3.4:5";
	struct consumer_stats cs = { .name = name,
		.address = addr,
		.tag = 8,
		.unacked = 12,
		.permits = 34,
		.connected_ms = 1700000000123 };
	struct sub_stats ss = { .type = SUB_SHARED,
		.has_type = true,
		.consumers_n = 1,
		.consumers = &cs,
		.backlog_entries = 56 };
	struct topic_stats ts = { .subs_n = 1, .subs = &ss };
	pp_CommandConsumerStats m = { .consumer_id = 8, .request_id = 4 };
	pp_CommandConsumerStatsResponse r;
	struct client cl;
	struct op *op;
	struct fx *fx;

	(void)state;
	client_connect(&cl, 21);
	TX(&cl, CONSUMER_STATS, &m);
	RX(&cl, CONSUMER_STATS_RESPONSE, &r);
	assert_int_equal(r.error_code, pp_ServerError_ConsumerNotFound);
	(void)open_consumer(
	    &cl, 8, "t", pp_CommandSubscribe_SubType_Shared, 80);
	TX(&cl, CONSUMER_STATS, &m);
	op = take_op(OP_CONSUMER_STATS);
	cs.conn = op->dest.conn;
	fx = answer_to(op, FX_STATS);
	fx->stats = &ts;
	fake.inside = true;
	fake.sink->fx(fake.priv, fx);
	fake.inside = false;
	RX(&cl, CONSUMER_STATS_RESPONSE, &r);
	assert_false(r.has_error_code);
	assert_int_equal(r.unackedMessages, 12);
	assert_int_equal(r.availablePermits, 34);
	assert_int_equal(r.msgBacklog, 56);
	assert_true(span_eq(r.type, span_str("Shared")));
	assert_true(
	    span_eq(r.connectedSince, span_str("2023-11-14T22:13:20.123Z")));
	client_close(&cl);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_lookup),
		T(test_listeners),
		T(test_partitions),
		T(test_subscribe),
		T(test_start),
		T(test_deliver),
		T(test_block),
		T(test_flow_ack),
		T(test_ack_many),
		T(test_seek),
		T(test_last_id),
		T(test_redeliver),
		T(test_consumer_ends),
		T(test_end_of_topic_cpp),
		T(test_consumer_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
