/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: names, topic lists, watchers, schemas, transactions. */
#include "session_fixture.h"

#include "pulsar/pattern.h"

/* --- topic lists ------------------------------------------------------------ */

static void
test_pattern(void **state)
{
	struct pattern *pt;
	struct diag diag;
	char *one[] = { (char *)(uintptr_t) "123456789" };
	char *two[] = { (char *)(uintptr_t) "1234",
		(char *)(uintptr_t) "6789" };
	char h[TOPICS_HASH_SIZE], g[TOPICS_HASH_SIZE];

	(void)state;
	assert_ok(pattern_new(
	    &pt, STR_LIT("persistent://public/default/a.*"), &diag));
	assert_true(
	    pattern_matches(pt, STR_LIT("persistent://public/default/abc")));
	assert_false(
	    pattern_matches(pt, STR_LIT("persistent://public/default/ba")));
	assert_false(
	    pattern_matches(pt, STR_LIT("persistent://x/public/default/a")));
	pattern_free(&pt);
	assert_ok(pattern_new(&pt, STR_LIT("public/default/a|b"), &diag));
	assert_false(
	    pattern_matches(pt, STR_LIT("persistent://public/default/ax")));
	pattern_free(&pt);
	assert_err(pattern_new(&pt, STR_LIT("a("), &diag), ERR_INVALID_ARG);
	assert_err(
	    pattern_new(&pt, STR_LIT("http://a"), &diag), ERR_INVALID_ARG);
	/* work is bounded */
	assert_ok(pattern_new(&pt, STR_LIT("(a*)*(a*)*(a*)*b"), &diag));
	assert_false(pattern_matches(pt,
	    STR_LIT("persistent://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac")));
	pattern_free(&pt);
	assert_int_equal(
	    pattern_length(STR_LIT("h\xc3\xa4\xf0\x9f\x98\x80")), 4);
	topics_hash(NULL, 0, h);
	assert_string_equal(h, "00000000");
	topics_hash(one, 1, h);
	assert_string_equal(h, "839206e3");
	one[0] = (char *)(uintptr_t) "1234,6789";
	topics_hash(one, 1, h);
	topics_hash(two, 2, g);
	assert_string_equal(h, g);
}

static void
test_text(void **state)
{
	static const char *const good[] = { "", "plain",
		"h\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" };
	static const char *const bad[] = { "\x80", "a\xc3", "\xc0\xaf",
		"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xe2\x82" };
	char buf[] = "a\xc3\xa4\xff\xe2\x82";
	pp_CommandProducer m = {
		.topic = span_str("caf\xe9"), .producer_id = 1, .request_id = 2
	};
	struct client cl;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(good); i++)
		assert_true(text_is_utf8(span_str(good[i])));
	for (i = 0; i < NELEM(bad); i++)
		assert_false(text_is_utf8(span_str(bad[i])));
	text_clean(buf);
	assert_string_equal(buf, "a\xc3\xa4???");
	client_connect(&cl, 21);
	TX(&cl, PRODUCER, &m);
	expect_error(&cl, 2, pp_ServerError_InvalidTopicName);
	m.topic = span_str("caf\xc3\xa9");
	m.producer_name = span_str("\xff");
	TX(&cl, PRODUCER, &m);
	expect_error(&cl, 2, pp_ServerError_MetadataError);
	client_close(&cl);
	assert_true(no_op());
}

static void
list(const struct op *op, const char *const *names, uint32_t n)
{
	struct fx *fx = answer_to(op, FX_STRINGS);
	uint32_t i;

	fx->strings = fx_mem(fx, n * sizeof *fx->strings);
	for (i = 0; i < n; i++)
		fx->strings[i] = fx_str(fx, str_of(names[i]));
	fx->strings_n = n;
	emit(fx);
}

static void
expect_names(const struct span_rep *rep, const char *const *names, uint32_t n)
{
	struct span_iter it;
	struct span el;
	uint32_t i = 0;

	assert_int_equal(rep->n, n);
	if (n == 0)
		return;
	span_iter_init(&it, rep);
	while (span_iter_next(&it, &el))
		assert_true(span_eq(el, span_str(names[i++])));
	assert_int_equal(i, n);
}

static void
test_get_topics(void **state)
{
	static const char *const p[] = { "persistent://public/default/b",
		"persistent://public/default/a-partition-0",
		"persistent://public/default/__change_events",
		"persistent://public/default/c" };
	static const char *const np[] = { "non-persistent://public/default/a" };
	static const char *const want[] = { "non-persistent://public/default/a",
		"persistent://public/default/a-partition-0" };
	pp_CommandGetTopicsOfNamespace m = { .request_id = 4,
		.namespace = span_str("public/default"),
		.has_mode = true,
		.mode = pp_CommandGetTopicsOfNamespace_Mode_ALL,
		.topics_pattern = span_str("public/default/a") };
	pp_CommandGetTopicsOfNamespaceResponse r;
	struct client cl;
	struct op *op[3];
	char hash[16] = { 0 };
	int i;

	(void)state;
	client_connect(&cl, 21);
	TX(&cl, GET_TOPICS_OF_NAMESPACE, &m);
	for (i = 0; i < 3; i++)
		op[i] = take_op(OP_TOPIC_LIST);
	assert_int_equal(fake.op_shard[0], 0);
	assert_int_equal(fake.op_shard[1], 1);
	assert_true(op[0]->flag2 && op[1]->flag2 && op[2]->flag);
	list(op[1], np, 1);
	list(op[2], p, 4);
	list(op[0], NULL, 0);
	RX(&cl, GET_TOPICS_OF_NAMESPACE_RESPONSE, &r);
	assert_int_equal(r.request_id, 4);
	assert_true(r.filtered && r.changed);
	expect_names(&r.topics, want, 2);
	memcpy(hash, r.topics_hash.p, r.topics_hash.n);
	/* known already */
	m.topics_hash = span_str(hash);
	TX(&cl, GET_TOPICS_OF_NAMESPACE, &m);
	for (i = 0; i < 3; i++)
		op[i] = take_op(OP_TOPIC_LIST);
	list(op[0], NULL, 0);
	list(op[1], np, 1);
	list(op[2], p, 4);
	RX(&cl, GET_TOPICS_OF_NAMESPACE_RESPONSE, &r);
	assert_false(r.changed);
	assert_int_equal(r.topics.n, 0);
	/* no such namespace: empty */
	m.mode = pp_CommandGetTopicsOfNamespace_Mode_PERSISTENT;
	TX(&cl, GET_TOPICS_OF_NAMESPACE, &m);
	done(take_op(OP_TOPIC_LIST), ERR_NO_NAMESPACE);
	RX(&cl, GET_TOPICS_OF_NAMESPACE_RESPONSE, &r);
	assert_int_equal(r.topics.n, 0);
	m.namespace = span_str("nonsense");
	TX(&cl, GET_TOPICS_OF_NAMESPACE, &m);
	expect_error(&cl, 4, pp_ServerError_MetadataError);
	/* gone meanwhile */
	m.namespace = span_str("public/default");
	TX(&cl, GET_TOPICS_OF_NAMESPACE, &m);
	op[0] = take_op(OP_TOPIC_LIST);
	client_close(&cl);
	list(op[0], p, 4);
}

static void
changed(const char *name, bool created)
{
	struct fx *fx = fx_new(FX_TOPIC_CHANGED, (struct dest){ 0 });

	fx->text = fx_str(fx, str_of(name));
	fx->flag = created;
	emit(fx);
}

static void
test_watch(void **state)
{
	static const char *const p[] = { "persistent://public/default/a1",
		"persistent://public/default/x" };
	static const char *const want[] = { "persistent://public/default/a1",
		"persistent://public/default/a2" };
	static const char *const three[] = { "persistent://public/default/a3" };
	pp_CommandWatchTopicList m = { .request_id = 4,
		.watcher_id = 2,
		.namespace = span_str("public/default"),
		.topics_pattern = span_str("persistent://public/default/a.*") };
	pp_CommandWatchTopicListClose wc = { .request_id = 6, .watcher_id = 2 };
	pp_CommandWatchTopicListSuccess r;
	pp_CommandWatchTopicUpdate u;
	struct client cl;
	struct op *op;

	(void)state;
	client_connect(&cl, 21);
	TX(&cl, WATCH_TOPIC_LIST, &m);
	op = take_op(OP_TOPIC_LIST);
	/* before the list is there */
	changed("persistent://public/default/a2", true);
	changed("persistent://public/other/a2", true);
	list(op, p, 2);
	RX(&cl, WATCH_TOPIC_LIST_SUCCESS, &r);
	assert_int_equal(r.watcher_id, 2);
	expect_names(&r.topic, want, 2);
	changed("persistent://public/default/a3", true);
	RX(&cl, WATCH_TOPIC_UPDATE, &u);
	assert_int_equal(u.watcher_id, 2);
	expect_names(&u.new_topics, three, 1);
	assert_int_equal(u.deleted_topics.n, 0);
	changed("persistent://public/default/a3", true);
	changed("persistent://public/default/b", true);
	changed("non-persistent://public/default/a4", true);
	assert_silent(&cl);
	changed("persistent://public/default/a3", false);
	RX(&cl, WATCH_TOPIC_UPDATE, &u);
	expect_names(&u.deleted_topics, three, 1);
	/* reconciled */
	TX(&cl, WATCH_TOPIC_LIST, &m);
	RX(&cl, WATCH_TOPIC_LIST_SUCCESS, &r);
	expect_names(&r.topic, want, 2);
	TX(&cl, WATCH_TOPIC_LIST_CLOSE, &wc);
	expect_success(&cl, 6);
	changed("persistent://public/default/a5", true);
	assert_silent(&cl);
	m.topics_pattern = span_str(
	    "public/default/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	TX(&cl, WATCH_TOPIC_LIST, &m);
	expect_error(&cl, 4, pp_ServerError_NotAllowedError);
	client_close(&cl);
}

/* --- schemas and transactions ----------------------------------------------- */

static void
test_schema(void **state)
{
	pp_CommandGetSchema gs = { .request_id = 1, .topic = span_str("t") };
	pp_CommandGetOrCreateSchema gc = { .request_id = 2,
		.topic = span_str("t"),
		.schema = { .name = span_str("n"),
		    .schema_data = span_str(""),
		    .type = pp_Schema_Type_String } };
	pp_CommandGetSchemaResponse r;
	pp_CommandGetOrCreateSchemaResponse rc;
	struct client cl;

	(void)state;
	client_connect(&cl, 21);
	TX(&cl, GET_SCHEMA, &gs);
	RX(&cl, GET_SCHEMA_RESPONSE, &r);
	assert_int_equal(r.error_code, pp_ServerError_TopicNotFound);
	gs.schema_version = span_of("", 0);
	TX(&cl, GET_SCHEMA, &gs);
	RX(&cl, GET_SCHEMA_RESPONSE, &r);
	assert_int_equal(r.error_code, pp_ServerError_IncompatibleSchema);
	TX(&cl, GET_OR_CREATE_SCHEMA, &gc);
	done(take_op(OP_TOPIC_META), ERR_NO_TOPIC);
	RX(&cl, GET_OR_CREATE_SCHEMA_RESPONSE, &rc);
	assert_int_equal(rc.error_code, pp_ServerError_TopicNotFound);
	(void)open_producer(&cl, 1, "t", 15);
	TX(&cl, GET_OR_CREATE_SCHEMA, &gc);
	RX(&cl, GET_OR_CREATE_SCHEMA_RESPONSE, &rc);
	assert_false(rc.has_error_code);
	assert_non_null(rc.schema_version.p);
	assert_int_equal(rc.schema_version.n, 0);
	client_close(&cl);
}

static void
test_txn(void **state)
{
	pp_CommandNewTxn nt = { .request_id = 1 };
	pp_CommandEndTxn et = { .request_id = 2 };
	pp_CommandTcClientConnectRequest tc = { .request_id = 3 };
	pp_CommandAddPartitionToTxn ap = { .request_id = 4 };
	pp_CommandAddSubscriptionToTxn as = { .request_id = 5 };
	pp_CommandEndTxnOnPartition ep = { .request_id = 6 };
	pp_CommandEndTxnOnPartitionResponse r;
	struct client cl;

	(void)state;
	client_connect(&cl, 21);
	TX(&cl, NEW_TXN, &nt);
	expect_error(&cl, 1, pp_ServerError_NotAllowedError);
	TX(&cl, END_TXN, &et);
	expect_error(&cl, 2, pp_ServerError_NotAllowedError);
	TX(&cl, TC_CLIENT_CONNECT_REQUEST, &tc);
	expect_error(&cl, 3, pp_ServerError_NotAllowedError);
	TX(&cl, ADD_PARTITION_TO_TXN, &ap);
	expect_error(&cl, 4, pp_ServerError_NotAllowedError);
	TX(&cl, ADD_SUBSCRIPTION_TO_TXN, &as);
	expect_error(&cl, 5, pp_ServerError_NotAllowedError);
	TX(&cl, END_TXN_ON_PARTITION, &ep);
	RX(&cl, END_TXN_ON_PARTITION_RESPONSE, &r);
	assert_int_equal(r.error, pp_ServerError_NotAllowedError);
	client_close(&cl);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_pattern),
		T(test_text),
		T(test_get_topics),
		T(test_watch),
		T(test_schema),
		T(test_txn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
