/* SPDX-License-Identifier: Apache-2.0 */
/* topics, partitions, lists, lookup over HTTP: what the core is asked */
#include "http_fixture.h"

#define P "/admin/v2/persistent/public/default"
#define T "persistent://public/default/"

static void
meta(const char *topic, uint32_t partitions)
{
	EXPECT(.op = OP_TOPIC_META, .topic = topic, .fx = FX_TOPIC_META,
	    .u32 = partitions);
}

static void
test_names(void **state)
{
	(void)state;
	refused("GET", "/admin/v2/persistent/t%401/n/x/stats", NULL, 412,
	    "Topic name is not valid");
	refused("GET", P "/%20/stats", NULL, 412, "Topic name is not valid");
	refused("PUT", P "/a%2Fb", NULL, 412, "Topic name is not valid");
	refused("PUT", "/admin/v2/persistent/a%2Fb/c/d", NULL, 412, NULL);
	refused("GET", "/admin/v2/persistent/public/n%406", NULL, 412,
	    "Namespace name is not valid");
	refused("GET", P "/a%ff/stats", NULL, 400, NULL);
	/* Java's form: a plus is a space */
	refused("GET", P "/+/stats", NULL, 412, "Topic name is not valid");
	EXPECT(.op = OP_TOPIC_CREATE, .topic = T "a:b-\xc3\xa4");
	answered("PUT", P "/a%3Ab-%C3%A4", NULL, 204, "");
}

static void
check_props(const struct op *op)
{
	assert_int_equal(op->props_n, 1);
	assert_string_equal(op->props[0].key.p, "k");
	assert_string_equal(op->props[0].value.p, "v");
}

static void
test_create(void **state)
{
	(void)state;
	EXPECT(.op = OP_TOPIC_CREATE, .topic = T "a", .check = check_props);
	answered("PUT", P "/a", "{\"k\":\"v\"}", 204, "");
	EXPECT(.op = OP_TOPIC_CREATE, .err = ERR_EXISTS);
	answered("PUT", P "/a", NULL, 409,
	    "{\"reason\":\"This topic already exists\"}");
	EXPECT(.op = OP_TOPIC_CREATE, .err = ERR_NO_NAMESPACE,
	    .diag = "Namespace not found");
	answered(
	    "PUT", P "/a", NULL, 404, "{\"reason\":\"Namespace not found\"}");
	refused("PUT", P "/a", "{\"k\":1}", 400, NULL);
	refused("PUT", P "/a", "[]", 400, NULL);
	refused("PUT", P "/a", "{", 400, NULL);
	refused("PUT", P "/a", "{\"a\":\"1\",\"a\":\"2\"}", 400, NULL);
}

static void
three(const struct op *op)
{
	assert_int_equal(op->u32, 3);
}

static void
three_and_props(const struct op *op)
{
	three(op);
	check_props(op);
}

static void
test_partitions(void **state)
{
	static const char *const bad[] = { "abc", "\"abc\"", "", "{}", "2.5",
		"99999999999999999999", "null", "\"\"", "true", "[3]" };
	static const char *const few[] = { "0", "-1", "\"0\"", "65537" };
	size_t i;

	(void)state;
	EXPECT(.op = OP_PARTITIONED_CREATE, .topic = T "p", .check = three);
	answered("PUT", P "/p/partitions", "3", 204, "");
	EXPECT(.op = OP_PARTITIONED_CREATE, .topic = T "p", .check = three);
	answered("PUT", P "/p/partitions", "\"3\"", 204, "");
	EXPECT(.op = OP_PARTITIONED_CREATE, .topic = T "p",
	    .check = three_and_props);
	assert_int_equal(rig_do(&r, "PUT", P "/p/partitions",
			     "{\"partitions\":3,\"properties\":{\"k\":\"v\"}}",
			     "application/vnd.partitioned-topic-metadata+json; "
			     "charset=utf-8"),
	    204);
	scripted();
	for (i = 0; i < NELEM(bad); i++)
		refused("PUT", P "/p/partitions", bad[i], 400, NULL);
	refused("PUT", P "/p/partitions", NULL, 400, NULL);
	for (i = 0; i < NELEM(few); i++)
		refused("PUT", P "/p/partitions", few[i], 406, NULL);
	refused("PUT", P "/p-partition-0/partitions", "3", 412,
	    "Partitioned Topic Name should not contain '-partition-'");
	EXPECT(.op = OP_PARTITIONED_CREATE, .err = ERR_EXISTS);
	answered("PUT", P "/p/partitions", "3", 409,
	    "{\"reason\":\"This topic already exists\"}");
	meta(T "p", 3);
	answered("GET", P "/p/partitions", NULL, 200,
	    "{\"partitions\":3,\"deleted\":false}");
	EXPECT(.op = OP_TOPIC_META, .err = ERR_NO_TOPIC);
	answered("GET", P "/x/partitions", NULL, 404,
	    "{\"reason\":\"Topic persistent://public/default/x not found\"}");
}

static struct topic_stats *
stats_with_sub(void)
{
	struct topic_stats *t = mem_zalloc(sizeof(*t));

	t->name = mem_strdup(T "p-partition-0");
	t->subs_n = 2;
	t->subs = mem_calloc(2, sizeof(*t->subs));
	t->subs[0].name = mem_strdup("durable");
	t->subs[0].durable = true;
	t->subs[1].name = mem_strdup("reader");
	return t;
}

static void
check_new_sub(const struct op *op)
{
	assert_string_equal(op->sub.p, "durable");
	assert_int_equal(op->start.kind, START_EARLIEST);
}

static void
test_grow(void **state)
{
	(void)state;
	meta(T "p", 3);
	answered("POST", P "/p/partitions", "2", 422,
	    "{\"reason\":\"Desired partitions 2 can't be less than the "
	    "current partitions 3.\"}");
	meta(T "p", 0);
	answered("POST", P "/p/partitions", "2", 409,
	    "{\"reason\":\"Topic persistent://public/default/p is not the "
	    "partitioned topic.\"}");
	meta(T "p", 1);
	EXPECT(.op = OP_PARTITIONED_UPDATE, .topic = T "p", .check = three);
	EXPECT(.op = OP_TOPIC_STATS, .topic = T "p-partition-0", .fx = FX_STATS,
	    .stats = stats_with_sub());
	EXPECT(.op = OP_SUB_CREATE, .topic = T "p-partition-1",
	    .check = check_new_sub);
	EXPECT(.op = OP_SUB_CREATE, .topic = T "p-partition-2",
	    .err = ERR_EXISTS);
	answered("POST", P "/p/partitions", "3", 204, "");
	refused("POST", P "/p/partitions", "x", 400, NULL);
}

static void
forced(const struct op *op)
{
	assert_true(op->flag);
}

static void
test_delete(void **state)
{
	(void)state;
	meta(T "p", 2);
	answered("DELETE", P "/p", NULL, 409,
	    "{\"reason\":\"persistent://public/default/p is a partitioned "
	    "topic, instead of calling delete topic, please call "
	    "delete-partitioned-topic.\"}");
	meta(T "a", 0);
	EXPECT(.op = OP_TOPIC_DELETE, .topic = T "a", .check = forced);
	answered("DELETE", P "/a?force=true", NULL, 204, "");
	meta(T "a", 0);
	EXPECT(.op = OP_TOPIC_DELETE, .err = ERR_PRECONDITION,
	    .diag = "Topic has active producers/subscriptions");
	answered("DELETE", P "/a", NULL, 412,
	    "{\"reason\":\"Topic has active producers/subscriptions\"}");
	/* a partition is not asked for its partitions */
	EXPECT(.op = OP_TOPIC_DELETE, .topic = T "p-partition-1");
	answered("DELETE", P "/p-partition-1", NULL, 204, "");
	meta(T "p", 2);
	EXPECT(.op = OP_TOPIC_DELETE, .topic = T "p-partition-0");
	EXPECT(.op = OP_TOPIC_DELETE, .topic = T "p-partition-1",
	    .err = ERR_NO_TOPIC);
	EXPECT(.op = OP_PARTITIONED_DELETE, .topic = T "p");
	answered("DELETE", P "/p/partitions", NULL, 204, "");
	/* one that is in use keeps the record */
	meta(T "p", 1);
	EXPECT(.op = OP_TOPIC_DELETE, .err = ERR_PRECONDITION);
	assert_int_equal(call("DELETE", P "/p/partitions", NULL), 412);
	scripted();
	EXPECT(.op = OP_TOPIC_META, .err = ERR_NO_TOPIC);
	answered("DELETE", P "/x/partitions", NULL, 404,
	    "{\"reason\":\"Topic persistent://public/default/x not "
	    "found.\"}");
}

static void
persistent_ones(const struct op *op)
{
	assert_true(op->flag && !op->flag2);
}

static void
other_ones(const struct op *op)
{
	assert_true(!op->flag && op->flag2);
}

static void
test_lists(void **state)
{
	static const char *const some[] = { T "b", T "a", T "__change_events",
		NULL };
	static const char *const np[] = { "non-persistent://public/default/n",
		NULL };
	static const char *const parts[] = { T "p",
		"non-persistent://public/default/q", NULL };

	(void)state;
	EXPECT(.op = OP_TOPIC_LIST, .topic = "public/default", .fx = FX_STRINGS,
	    .strings = some, .check = persistent_ones);
	answered("GET", P, NULL, 200, "[\"" T "a\",\"" T "b\"]");
	EXPECT(.op = OP_TOPIC_LIST, .on = 1, .fx = FX_STRINGS, .strings = np,
	    .check = other_ones);
	EXPECT(.op = OP_TOPIC_LIST, .on = 2, .fx = FX_STRINGS);
	answered("GET", "/admin/v2/non-persistent/public/default", NULL, 200,
	    "[\"non-persistent://public/default/n\"]");
	EXPECT(.op = OP_TOPIC_LIST, .fx = FX_STRINGS, .strings = some);
	EXPECT(.op = OP_TOPIC_LIST, .on = 1, .fx = FX_STRINGS, .strings = np);
	EXPECT(.op = OP_TOPIC_LIST, .on = 2, .fx = FX_STRINGS);
	answered("GET", "/admin/v2/namespaces/public/default/topics?mode=ALL",
	    NULL, 200,
	    "[\"non-persistent://public/default/n\",\"" T "a\",\"" T "b\"]");
	refused("GET", "/admin/v2/namespaces/public/default/topics?mode=X",
	    NULL, 400, NULL);
	EXPECT(.op = OP_TOPIC_LIST, .err = ERR_NO_NAMESPACE);
	answered("GET", "/admin/v2/persistent/public/x", NULL, 404,
	    "{\"reason\":\"Namespace does not exist\"}");
	EXPECT(.op = OP_PARTITIONED_LIST, .fx = FX_STRINGS, .strings = parts);
	answered("GET", P "/partitioned", NULL, 200, "[\"" T "p\"]");
}

static void
test_ids(void **state)
{
	(void)state;
	meta(T "a", 0);
	EXPECT(.op = OP_TOPIC_TERMINATE, .topic = T "a", .fx = FX_LAST_ID,
	    .pos = { 5, 7 });
	answered("POST", P "/a/terminate", NULL, 200,
	    "{\"ledgerId\":5,\"entryId\":7,\"partitionIndex\":-1,"
	    "\"batchSize\":0,\"batchIndex\":-1}");
	meta(T "a", 2);
	answered("POST", P "/a/terminate", NULL, 405,
	    "{\"reason\":\"Termination of a partitioned topic is not "
	    "allowed\"}");
	meta(T "a", 2);
	EXPECT(.op = OP_TOPIC_TERMINATE, .topic = T "a-partition-0",
	    .fx = FX_LAST_ID, .pos = { 5, 7 });
	EXPECT(.op = OP_TOPIC_TERMINATE, .topic = T "a-partition-1",
	    .fx = FX_LAST_ID, .pos = POS_NONE);
	answered("POST", P "/a/terminate/partitions", NULL, 200,
	    "{\"0\":{\"ledgerId\":5,\"entryId\":7,\"partitionIndex\":-1,"
	    "\"batchSize\":0,\"batchIndex\":-1},\"1\":{\"ledgerId\":-1,"
	    "\"entryId\":-1,\"partitionIndex\":-1,\"batchSize\":0,"
	    "\"batchIndex\":-1}}");
	EXPECT(.op = OP_TOPIC_LAST_ID, .fx = FX_LAST_ID, .pos = { 5, 3 },
	    .u32 = 3, .flag = true);
	answered("GET", P "/a-partition-4/lastMessageId", NULL, 200,
	    "{\"ledgerId\":5,\"entryId\":3,\"partitionIndex\":4,"
	    "\"batchIndex\":2,\"batchSize\":0,"
	    "\"outstandingAcksInSameBatch\":0,\"originalBatchSize\":0}");
	refused("GET",
	    "/admin/v2/non-persistent/public/default/a/lastMessageId", NULL,
	    405, NULL);
	meta(T "a", 2);
	EXPECT(.op = OP_TOPIC_UNLOAD, .topic = T "a-partition-0");
	EXPECT(.op = OP_TOPIC_UNLOAD, .topic = T "a-partition-1",
	    .err = ERR_NO_TOPIC);
	answered("PUT", P "/a/unload", "", 204, "");
}

static void
test_lookup(void **state)
{
	char want[512];
	unsigned port = sock_addr_port(http_addr(r.http));

	(void)state;
	(void)snprintf(want, sizeof(want),
	    "{\"brokerUrl\":\"pulsar://broker.test:6650\","
	    "\"httpUrl\":\"http://broker.test:%u\","
	    "\"nativeUrl\":\"pulsar://broker.test:6650\","
	    "\"brokerUrlSsl\":\"\"}",
	    port);
	EXPECT(.op = OP_TOPIC_META, .topic = T "a", .fx = FX_TOPIC_META,
	    .check = forced);
	answered("GET", "/lookup/v2/topic/persistent/public/default/a", NULL,
	    200, want);
	EXPECT(.op = OP_TOPIC_META, .err = ERR_NO_TOPIC,
	    .diag = "Namespace not found");
	answered("GET", "/lookup/v2/topic/persistent/public/x/a", NULL, 404,
	    "{\"reason\":\"Namespace not found\"}");
	EXPECT(.op = OP_TOPIC_META, .fx = FX_TOPIC_META);
	answered("GET",
	    "/lookup/v2/topic/persistent/public/default/a?listenerName=x", NULL,
	    404, "{\"reason\":\"the broker do not have x listener\"}");
	/* HTTP/1.0 says no host: the address that was connected to */
	EXPECT(.op = OP_TOPIC_META, .fx = FX_TOPIC_META);
	assert_int_equal(rig_raw(&r,
			     "GET /lookup/v2/topic/persistent/public/default/"
			     "a HTTP/1.0\r\n\r\n",
			     sizeof("GET /lookup/v2/topic/persistent/public/"
				    "default/a HTTP/1.0\r\n\r\n") -
				 1),
	    200);
	assert_non_null(strstr(r.body, "pulsar://127.0.0.1:6650"));
}

static void
test_listeners(void **state)
{
	(void)state;
	rig_init(&r);
	r.conf.advertised_listeners =
	    "in:pulsar://10.0.0.1:6650,out:pulsar://out.test:1234,"
	    "out:http://out.test:1235";
	rig_start(&r);
	EXPECT(.op = OP_TOPIC_META, .fx = FX_TOPIC_META);
	answered("GET",
	    "/lookup/v2/topic/persistent/public/default/a?listenerName=out",
	    NULL, 200,
	    "{\"brokerUrl\":\"pulsar://out.test:1234\","
	    "\"httpUrl\":\"http://out.test:1235\","
	    "\"nativeUrl\":\"pulsar://out.test:1234\",\"brokerUrlSsl\":\"\"}");
	EXPECT(.op = OP_TOPIC_META, .fx = FX_TOPIC_META);
	assert_int_equal(
	    call("GET", "/lookup/v2/topic/persistent/public/default/a", NULL),
	    200);
	assert_non_null(strstr(r.body, "pulsar://10.0.0.1:6650"));
	rig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names),
		TEST(test_create),
		TEST(test_partitions),
		TEST(test_grow),
		TEST(test_delete),
		TEST(test_lists),
		TEST(test_ids),
		TEST(test_lookup),
		cmocka_unit_test(test_listeners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
