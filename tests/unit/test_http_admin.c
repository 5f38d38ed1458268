/* SPDX-License-Identifier: Apache-2.0 */
/* tenants, namespaces, subscriptions, statistics, peek, /metrics over HTTP */
#include "http_fixture.h"

#define P "/admin/v2/persistent/public/default"
#define T "persistent://public/default/"
#define TENANTS "/admin/v2/tenants"
#define NS "/admin/v2/namespaces"

static const char *const clusters[] = { "standalone", NULL };

static void
known_clusters(void)
{
	EXPECT(.op = OP_CLUSTER_LIST, .fx = FX_STRINGS, .strings = clusters);
}

static void
no_topic_partitions(uint32_t n)
{
	EXPECT(.op = OP_TOPIC_META, .topic = T "a", .fx = FX_TOPIC_META,
	    .u32 = n);
}

/* --- tenants, clusters ------------------------------------------------------------ */

static void
check_new_tenant(const struct op *op)
{
	assert_true(op->flag);
	assert_string_equal(op->text.p,
	    "{\"adminRoles\":[\"a\",\"b\"],\"allowedClusters\":["
	    "\"standalone\"]}");
}

static void
check_old_tenant(const struct op *op)
{
	assert_false(op->flag);
	assert_string_equal(op->text.p,
	    "{\"adminRoles\":[],\"allowedClusters\":[\"standalone\"]}");
}

static void
test_tenants(void **state)
{
	(void)state;
	EXPECT(.op = OP_TENANT_LIST, .fx = FX_STRINGS, .strings = clusters);
	answered("GET", TENANTS, NULL, 200, "[\"standalone\"]");
	EXPECT(.op = OP_TENANT_GET, .topic = "t", .fx = FX_TEXT,
	    .text = "{\"x\":1}");
	answered("GET", TENANTS "/t", NULL, 200, "{\"x\":1}");
	EXPECT(.op = OP_TENANT_GET, .err = ERR_NO_TENANT,
	    .diag = "Tenant does not exist");
	answered("GET", TENANTS "/t", NULL, 404,
	    "{\"reason\":\"Tenant does not exist\"}");
	known_clusters();
	EXPECT(.op = OP_TENANT_PUT, .topic = "t", .check = check_new_tenant);
	answered("PUT", TENANTS "/t",
	    "{\"adminRoles\":[\"b\",\"a\",\"b\"],\"allowedClusters\":["
	    "\"standalone\"],\"more\":{}}",
	    204, "");
	known_clusters();
	EXPECT(.op = OP_TENANT_PUT, .check = check_old_tenant);
	answered("POST", TENANTS "/t", "{\"allowedClusters\":[\"standalone\"]}",
	    204, "");
	known_clusters();
	answered("PUT", TENANTS "/t", "{}", 412,
	    "{\"reason\":\"Clusters cannot be null\"}");
	known_clusters();
	answered("PUT", TENANTS "/t", "{\"allowedClusters\":[\"x\"]}", 412,
	    "{\"reason\":\"Clusters do not exist\"}");
	refused("PUT", TENANTS "/t", NULL, 412, "TenantInfo is null");
	refused("PUT", TENANTS "/t", "xx", 400, NULL);
	refused("PUT", TENANTS "/t", "[]", 400, NULL);
	refused("PUT", TENANTS "/t", "{\"adminRoles\":7}", 400, NULL);
	refused("PUT", TENANTS "/t%40", "{\"allowedClusters\":[]}", 412,
	    "Tenant name is not valid");
	EXPECT(.op = OP_TENANT_DELETE, .topic = "t", .err = ERR_CONFLICT);
	answered("DELETE", TENANTS "/t", NULL, 409,
	    "{\"reason\":\"The tenant still has active namespaces\"}");
	EXPECT(.op = OP_CLUSTER_GET, .topic = "standalone", .fx = FX_TEXT,
	    .text = "{}");
	assert_int_equal(
	    call("GET", "/admin/v2/clusters/standalone", NULL), 200);
	assert_non_null(strstr(
	    r.body, "\"brokerServiceUrl\":\"pulsar://broker.test:6650\""));
	scripted();
}

/* --- namespaces ------------------------------------------------------------------- */

static void
check_policies(const struct op *op)
{
	assert_true(op->flag);
	assert_string_equal(op->text.p,
	    "{\"retention_policies\":{\"retentionTimeInMinutes\":10,"
	    "\"retentionSizeInMB\":5},\"bundles\":{\"boundaries\":["
	    "\"0x00000000\",\"0x80000000\",\"0xffffffff\"],"
	    "\"numBundles\":2}}");
}

static void
check_no_policies(const struct op *op)
{
	assert_string_equal(op->text.p, "{}");
}

static void
test_namespaces(void **state)
{
	static const char *const np[] = { "non-persistent://t/n/x", NULL };
	json_t *v;

	(void)state;
	EXPECT(.op = OP_NS_PUT, .topic = "t/n", .check = check_no_policies);
	answered("PUT", NS "/t/n", NULL, 204, "");
	EXPECT(.op = OP_NS_PUT, .check = check_policies);
	answered("PUT", NS "/t/n",
	    "{\"retention_policies\":{\"retentionTimeInMinutes\":10,"
	    "\"retentionSizeInMB\":5},\"bundles\":{\"numBundles\":2},"
	    "\"message_ttl_in_seconds\":null,\"deleted\":false,\"x\":1}",
	    204, "");
	EXPECT(.op = OP_NS_PUT, .err = ERR_EXISTS,
	    .diag = "Namespace already exists");
	answered("PUT", NS "/t/n", "{}", 409,
	    "{\"reason\":\"Namespace already exists\"}");
	refused("PUT", NS "/t/n", "xx", 400, NULL);
	refused("PUT", NS "/t/n", "7", 400, NULL);
	refused("PUT", NS "/t/n%40", NULL, 412, "Namespace name is not valid");
	refused("PUT", NS "/t/n", "{\"message_ttl_in_seconds\":-1}", 400, NULL);
	refused(
	    "PUT", NS "/t/n", "{\"bundles\":{\"numBundles\":0}}", 400, NULL);
	refused(
	    "PUT", NS "/t/n", "{\"replication_clusters\":[\"x\"]}", 403, NULL);
	refused("PUT", NS "/t/n", "{\"deduplicationEnabled\":true}", 405,
	    "Policy deduplicationEnabled is not supported");
	EXPECT(.op = OP_NS_GET, .topic = "t/n", .fx = FX_TEXT,
	    .text = "{\"replication_clusters\":[\"c\"]}");
	assert_int_equal(call("GET", NS "/t/n", NULL), 200);
	v = json_loads(r.body, 0, NULL);
	assert_string_equal(json_string_value(json_array_get(
				json_object_get(v, "replication_clusters"), 0)),
	    "c");
	assert_true(json_is_false(json_object_get(v, "deleted")));
	json_decref(v);
	scripted();
	EXPECT(.op = OP_NS_LIST, .topic = "t", .err = ERR_NO_TENANT,
	    .diag = "Tenant not found");
	answered(
	    "GET", NS "/t", NULL, 404, "{\"reason\":\"Tenant not found\"}");
	EXPECT(.op = OP_TOPIC_LIST, .on = 1, .fx = FX_STRINGS);
	EXPECT(.op = OP_TOPIC_LIST, .on = 2, .fx = FX_STRINGS);
	EXPECT(.op = OP_NS_DELETE, .topic = "t/n");
	answered("DELETE", NS "/t/n", NULL, 204, "");
	EXPECT(.op = OP_TOPIC_LIST, .fx = FX_STRINGS);
	EXPECT(.op = OP_TOPIC_LIST, .fx = FX_STRINGS, .strings = np);
	answered("DELETE", NS "/t/n", NULL, 409,
	    "{\"reason\":\"Cannot delete non empty namespace\"}");
	refused("DELETE", NS "/t/n?force=true", NULL, 405, NULL);
}

/* --- subscriptions ---------------------------------------------------------------- */

static void
from_latest(const struct op *op)
{
	assert_string_equal(op->sub.p, "s/1");
	assert_int_equal(op->start.kind, START_LATEST);
}

static void
from_earliest(const struct op *op)
{
	assert_int_equal(op->start.kind, START_EARLIEST);
}

static void
from_position(const struct op *op)
{
	assert_int_equal(op->start.kind, START_POS);
	assert_int_equal(op->start.pos.ledger, 4);
	assert_int_equal(op->start.pos.entry, 2);
	assert_true(op->start.inclusive);
	assert_int_equal(op->start.words_n, 0);
}

static void
behind_position(const struct op *op)
{
	assert_int_equal(op->start.kind, START_POS);
	assert_false(op->start.inclusive);
}

static void
in_batch(const struct op *op)
{
	assert_true(op->start.inclusive);
	assert_int_equal(op->start.words_n, 1);
	assert_int_equal(op->start.words[0], 0x1c); /* 2, 3, 4 of 5 */
}

static void
test_sub_create(void **state)
{
	static const struct {
		const char *body;
		void (*check)(const struct op *);
	} ok[] = { { NULL, from_latest }, { "\"latest\"", from_latest },
		{ "\"earliest\"", from_earliest },
		{ "{\"ledgerId\":-1,\"entryId\":-1}", from_earliest },
		{ "{\"ledgerId\":9223372036854775807,"
		  "\"entryId\":9223372036854775807,\"partitionIndex\":-1}",
		    from_latest },
		{ "{\"ledgerId\":4,\"entryId\":2,\"partitionIndex\":-1,"
		  "\"batchIndex\":-1,\"isExcluded\":false}",
		    from_position } };
	static const char *const bad[] = { "xx", "\"foo\"", "7", "[]",
		"{\"ledgerId\":\"a\"}", "{\"ledgerId\":-2}" };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(ok); i++) {
		no_topic_partitions(0);
		EXPECT(.op = OP_TOPIC_TOUCH, .topic = T "a");
		EXPECT(.op = OP_SUB_CREATE, .topic = T "a",
		    .check = ok[i].check);
		answered("PUT", P "/a/subscription/s%2F1", ok[i].body, 204, "");
	}
	for (i = 0; i < NELEM(bad); i++)
		refused("PUT", P "/a/subscription/s", bad[i], 400, NULL);
	refused("PUT", P "/a/subscription/s",
	    "{\"ledgerId\":1,\"entryId\":1,\"properties\":7}", 400, NULL);
	no_topic_partitions(2);
	EXPECT(.op = OP_TOPIC_TOUCH, .topic = T "a-partition-0");
	EXPECT(.op = OP_TOPIC_TOUCH, .topic = T "a-partition-1");
	EXPECT(.op = OP_SUB_CREATE, .err = ERR_EXISTS);
	EXPECT(.op = OP_SUB_CREATE);
	answered("PUT", P "/a/subscription/s", "\"latest\"", 204, "");
	no_topic_partitions(0);
	EXPECT(.op = OP_TOPIC_TOUCH);
	EXPECT(.op = OP_SUB_CREATE, .err = ERR_EXISTS);
	answered("PUT", P "/a/subscription/s", NULL, 409,
	    "{\"reason\":\"Subscription already exists for topic\"}");
	refused("PUT",
	    "/admin/v2/non-persistent/public/default/a/"
	    "subscription/s",
	    NULL, 405, NULL);
}

static void
all_of_it(const struct op *op)
{
	assert_string_equal(op->sub.p, "s");
	assert_true(op->u64 == UINT64_MAX);
}

static void
ten(const struct op *op)
{
	assert_int_equal(op->u64, 10);
}

static void
test_subs(void **state)
{
	static const char *const subs[] = { "y", "x", NULL };

	(void)state;
	no_topic_partitions(2);
	EXPECT(.op = OP_SUB_LIST, .fx = FX_STRINGS, .strings = subs);
	EXPECT(.op = OP_SUB_LIST, .fx = FX_STRINGS, .strings = subs);
	answered("GET", P "/a/subscriptions", NULL, 200, "[\"x\",\"y\"]");
	no_topic_partitions(0);
	EXPECT(.op = OP_SUB_DELETE, .err = ERR_NO_SUBSCRIPTION);
	answered("DELETE", P "/a/subscription/s", NULL, 404,
	    "{\"reason\":\"Subscription s not found for topic "
	    "persistent://public/default/a\"}");
	no_topic_partitions(2);
	EXPECT(.op = OP_SUB_DELETE, .err = ERR_NO_SUBSCRIPTION);
	EXPECT(.op = OP_SUB_DELETE, .err = ERR_NO_SUBSCRIPTION);
	answered("DELETE", P "/a/subscription/s", NULL, 404,
	    "{\"reason\":\"Subscription not found\"}");
	no_topic_partitions(2);
	EXPECT(.op = OP_SUB_DELETE, .err = ERR_NO_SUBSCRIPTION);
	EXPECT(.op = OP_SUB_DELETE);
	answered("DELETE", P "/a/subscription/s", NULL, 204, "");
	no_topic_partitions(0);
	EXPECT(.op = OP_SUB_SKIP, .check = all_of_it);
	answered("POST", P "/a/subscription/s/skip_all", "", 204, "");
	no_topic_partitions(0);
	EXPECT(.op = OP_SUB_SKIP, .check = ten);
	answered("POST", P "/a/subscription/s/skip/10", "", 204, "");
	no_topic_partitions(3);
	answered("POST", P "/a/subscription/s/skip/10", "", 405,
	    "{\"reason\":\"Skip messages on a partitioned topic is not "
	    "allowed\"}");
	refused("POST", P "/a/subscription/s/skip/-1", "", 400, NULL);
	refused("POST", P "/a/subscription/s/skip/99999999999999999999", "",
	    400, NULL);
	no_topic_partitions(0);
	EXPECT(.op = OP_SUB_EXPIRE, .check = ten);
	answered("POST", P "/a/subscription/s/expireMessages/10", "", 204, "");
	no_topic_partitions(0);
	EXPECT(.op = OP_SUB_EXPIRE, .check = ten);
	answered(
	    "POST", P "/a/all_subscription/expireMessages/10", "", 204, "");
}

static void
test_reset(void **state)
{
	struct entry ent = { .attr = { .messages_n = 5 } };

	(void)state;
	no_topic_partitions(2);
	EXPECT(.op = OP_SUB_RESET, .topic = T "a-partition-0");
	EXPECT(.op = OP_SUB_RESET, .topic = T "a-partition-1");
	answered("POST", P "/a/subscription/s/resetcursor/10", "", 204, "");
	no_topic_partitions(0);
	EXPECT(.op = OP_SUB_RESET, .check = from_earliest);
	answered(
	    "POST", P "/a/subscription/s/resetcursor", "\"earliest\"", 204, "");
	no_topic_partitions(0);
	EXPECT(.op = OP_SUB_RESET, .check = behind_position);
	answered("POST", P "/a/subscription/s/resetcursor",
	    "{\"ledgerId\":4,\"entryId\":2,\"isExcluded\":true}", 204, "");
	no_topic_partitions(0);
	EXPECT(.op = OP_READ, .topic = T "a", .fx = FX_ENTRY, .ent = &ent);
	EXPECT(.op = OP_SUB_RESET, .check = in_batch);
	answered("POST", P "/a/subscription/s/resetcursor",
	    "{\"ledgerId\":4,\"entryId\":2,\"batchIndex\":1,"
	    "\"isExcluded\":true}",
	    204, "");
	no_topic_partitions(2);
	answered("POST", P "/a/subscription/s/resetcursor", "\"latest\"", 405,
	    "{\"reason\":\"Reset-cursor at position is not allowed for "
	    "partitioned-topic\"}");
	refused("POST", P "/a/subscription/s/resetcursor", "", 400, NULL);
	refused("POST", P "/a/subscription/s/resetcursor", "x", 400, NULL);
}

/* --- statistics -------------------------------------------------------------------- */

static struct topic_stats *
stats(const char *name)
{
	struct topic_stats *t = mem_zalloc(sizeof(*t));
	struct sub_stats *s;

	t->name = mem_strdup(name);
	t->persistent = true;
	t->in_messages = 7;
	t->in.msg = 0.5;
	t->in.bytes = 100;
	t->last = (struct pos){ 3, 6 };
	t->producers_n = t->subs_n = t->ledgers_n = 1;
	t->producers = mem_calloc(1, sizeof(*t->producers));
	t->producers->name = mem_strdup("p\"1");
	t->producers->connected_ms = 1795613517441;
	t->ledgers = mem_calloc(1, sizeof(*t->ledgers));
	t->ledgers->id = 3;
	t->ledgers->entries = 7;
	t->subs = s = mem_calloc(1, sizeof(*s));
	s->name = mem_strdup("s");
	s->has_type = true;
	s->type = SUB_KEY_SHARED;
	s->durable = true;
	s->backlog_entries = 5;
	s->backlog_bytes = 700;
	s->mark_delete = (struct pos){ 3, 1 };
	s->consumers_n = 1;
	s->consumers = mem_calloc(1, sizeof(*s->consumers));
	s->consumers->name = mem_strdup("c");
	s->consumers->permits = -3;
	s->consumers->ranges_n = 1;
	s->consumers->ranges = mem_calloc(1, sizeof(*s->consumers->ranges));
	s->consumers->ranges->end = 65535;
	return t;
}

static json_t *
at(json_t *v, const char *key)
{
	json_t *e = json_object_get(v, key);

	assert_non_null(e);
	return e;
}

static void
test_stats(void **state)
{
	json_t *v, *s, *c, *p;

	(void)state;
	EXPECT(.op = OP_TOPIC_STATS, .topic = T "a", .fx = FX_STATS,
	    .stats = stats(T "a"));
	assert_int_equal(call("GET", P "/a/stats", NULL), 200);
	v = json_loads(r.body, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_integer_value(at(v, "msgInCounter")), 7);
	assert_true(json_real_value(at(v, "msgRateIn")) == 0.5);
	p = json_array_get(at(v, "publishers"), 0);
	assert_string_equal(json_string_value(at(p, "producerName")), "p\"1");
	assert_string_equal(json_string_value(at(p, "connectedSince")),
	    "2026-11-25T13:31:57.441Z");
	s = at(at(v, "subscriptions"), "s");
	assert_int_equal(json_integer_value(at(s, "msgBacklog")), 5);
	assert_int_equal(json_integer_value(at(s, "backlogSize")), 700);
	assert_string_equal(json_string_value(at(s, "type")), "Key_Shared");
	c = json_array_get(at(s, "consumers"), 0);
	assert_int_equal(json_integer_value(at(c, "availablePermits")), -3);
	assert_string_equal(
	    json_string_value(json_array_get(at(c, "keyHashRanges"), 0)),
	    "[0, 65535]");
	json_decref(v);
	scripted();
	EXPECT(.op = OP_TOPIC_STATS, .fx = FX_STATS, .stats = stats(T "a"));
	assert_int_equal(call("GET", P "/a/internalStats", NULL), 200);
	v = json_loads(r.body, JSON_REJECT_DUPLICATES, NULL);
	assert_string_equal(
	    json_string_value(at(v, "lastConfirmedEntry")), "3:6");
	s = at(at(v, "cursors"), "s");
	assert_string_equal(
	    json_string_value(at(s, "markDeletePosition")), "3:1");
	json_decref(v);
	scripted();
}

static int64_t
backlog_size(const char *url)
{
	json_t *v;
	int64_t n;

	assert_int_equal(call("GET", url, NULL), 200);
	v = json_loads(r.body, JSON_REJECT_DUPLICATES, NULL);
	n = json_integer_value(
	    at(at(at(v, "subscriptions"), "s"), "backlogSize"));
	json_decref(v);
	scripted();
	return n;
}

static void
test_backlog_size(void **state)
{
	static const struct {
		const char *url;
		int64_t want;
	} v[] = {
		{ P "/a/stats?subscriptionBacklogSize=true", 700 },
		{ P "/a/stats?subscriptionBacklogSize=false", -1 },
		{ P "/a/stats?subscriptionBacklogSize=junk", -1 },
		{ P "/a/stats?getPreciseBacklog=true", 700 },
	};
	unsigned i;

	(void)state;
	for (i = 0; i < NELEM(v); i++) {
		EXPECT(.op = OP_TOPIC_STATS, .fx = FX_STATS,
		    .stats = stats(T "a"));
		assert_int_equal(backlog_size(v[i].url), v[i].want);
	}
	no_topic_partitions(2);
	for (i = 0; i < 2; i++)
		EXPECT(.op = OP_TOPIC_STATS, .fx = FX_STATS,
		    .stats = stats(T "a-partition-0"));
	assert_int_equal(backlog_size(P "/a/partitioned-stats"
					"?subscriptionBacklogSize=false"),
	    -2);
}

static void
test_dropped(void **state)
{
	struct topic_stats *t = stats("non-persistent://public/default/a");
	json_t *v;

	(void)state;
	t->persistent = false;
	t->producers->rate_drop = 1.5;
	t->subs->rate_drop = 2.5;
	EXPECT(.op = OP_TOPIC_STATS, .fx = FX_STATS, .stats = t);
	assert_int_equal(
	    call(
		"GET", "/admin/v2/non-persistent/public/default/a/stats", NULL),
	    200);
	v = json_loads(r.body, JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_real_value(at(v, "msgDropRate")) == 1.5);
	assert_true(json_real_value(at(json_array_get(at(v, "publishers"), 0),
			"msgDropRate")) == 1.5);
	assert_true(json_real_value(at(at(at(v, "subscriptions"), "s"),
			"msgDropRate")) == 2.5);
	json_decref(v);
	scripted();
}

static void
test_partitioned_stats(void **state)
{
	json_t *v, *s;

	(void)state;
	no_topic_partitions(3);
	EXPECT(.op = OP_TOPIC_STATS, .topic = T "a-partition-0", .fx = FX_STATS,
	    .stats = stats(T "a-partition-0"));
	EXPECT(.op = OP_TOPIC_STATS, .err = ERR_NO_TOPIC);
	EXPECT(.op = OP_TOPIC_STATS, .topic = T "a-partition-2", .fx = FX_STATS,
	    .stats = stats(T "a-partition-2"));
	assert_int_equal(call("GET", P "/a/partitioned-stats", NULL), 200);
	v = json_loads(r.body, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_integer_value(at(v, "msgInCounter")), 14);
	assert_int_equal(json_array_size(at(v, "publishers")), 1);
	s = at(at(v, "subscriptions"), "s");
	assert_int_equal(json_integer_value(at(s, "msgBacklog")), 10);
	assert_int_equal(json_integer_value(at(s, "backlogSize")), 1400);
	assert_int_equal(json_array_size(at(s, "consumers")), 1);
	assert_int_equal(
	    json_integer_value(at(at(v, "metadata"), "partitions")), 3);
	assert_int_equal(json_object_size(at(v, "partitions")), 2);
	s = at(at(v, "partitions"), T "a-partition-2");
	assert_int_equal(json_integer_value(at(s, "msgInCounter")), 7);
	json_decref(v);
	scripted();
	no_topic_partitions(0);
	answered("GET", P "/a/partitioned-stats", NULL, 404,
	    "{\"reason\":\"Partitioned Topic persistent://public/default/a "
	    "not found\"}");
}

/* --- peek --------------------------------------------------------------------------- */

static void
peek(const void *body, size_t len, int status)
{
	struct entry ent = { .pos = { 33, 2 },
		.attr = { .format = ENTRY_FORMAT_PULSAR, .messages_n = 1 },
		.body = { .p = body, .len = (uint32_t)len } };

	no_topic_partitions(0);
	EXPECT(.op = OP_SUB_PEEK, .topic = T "a", .fx = FX_ENTRY, .ent = &ent);
	assert_int_equal(
	    call("GET", P "/a/subscription/s/position/1", NULL), status);
	scripted();
}

static void
test_peek(void **state)
{
	static const char plain[] = "\x0e\x01"
				    "abcd"
				    "\0\0\0\x1b"
				    "\x0a\x04prod"
				    "\x10\x02"
				    "\x18\xe8\x07"
				    "\x22\x06\x0a\x01k\x12\x01v"
				    "\x32\x04key2"
				    "\x58\x01"
				    "hello";
	/* twenty times "a" by zlib */
	static const char zlib[] = "\0\0\0\x0b"
				   "\x0a\x01p"
				   "\x10\x00"
				   "\x18\x00"
				   "\x40\x02"
				   "\x48\x14"
				   "\x78\x9c\x4b\x4c\xc4\x04\x00\x4f\xa6"
				   "\x07\x95";
	char bad[sizeof(zlib)];
	size_t i;

	(void)state;
	peek(plain, sizeof(plain) - 1, 200);
	assert_string_equal(r.body, "hello");
	assert_string_equal(rig_header(&r, "X-Pulsar-Message-ID"), "33:2");
	assert_string_equal(
	    rig_header(&r, "X-Pulsar-PROPERTY"), "{\"k\":\"v\"}");
	assert_string_equal(rig_header(&r, "X-Pulsar-producer-name"), "prod");
	assert_string_equal(
	    rig_header(&r, "X-Pulsar-publish-time"), "1970-01-01T00:00:01Z");
	assert_string_equal(rig_header(&r, "X-Pulsar-partition-key"), "key2");
	assert_string_equal(rig_header(&r, "X-Pulsar-num-batch-message"), "1");
	assert_string_equal(rig_header(&r, "X-Pulsar-batch-size"), "15");
	/* any cut of its head is answered and harmless */
	for (i = 0; i < 10 + 0x1b; i++)
		peek(plain, i, 500);
	peek(zlib, sizeof(zlib) - 1, 200);
	assert_string_equal(r.body, "aaaaaaaaaaaaaaaaaaaa");
	assert_string_equal(rig_header(&r, "X-Pulsar-compression"), "ZLIB");
	memcpy(bad, zlib, sizeof(zlib));
	bad[14] = 0x15; /* one byte more than there is */
	peek(bad, sizeof(zlib) - 1, 500);
	no_topic_partitions(0);
	EXPECT(.op = OP_SUB_PEEK, .err = ERR_NO_SUBSCRIPTION);
	answered("GET", P "/a/subscription/s/position/1", NULL, 404,
	    "{\"reason\":\"Message not found\"}");
	refused("GET", P "/a/subscription/s/position/0", NULL, 400, NULL);
	no_topic_partitions(2);
	answered("GET", P "/a/subscription/s/position/1", NULL, 405,
	    "{\"reason\":\"Peek messages on a partitioned topic is not "
	    "allowed\"}");
}

/* --- metrics ------------------------------------------------------------------------ */

static void
test_metrics(void **state)
{
	struct topic_stats *all[257], *rest[2] = { NULL, NULL };
	char name[64];
	unsigned i;

	(void)state;
	for (i = 0; i < 256; i++) {
		(void)snprintf(name, sizeof(name), T "t%03u", i);
		all[i] = mem_zalloc(sizeof(*all[i]));
		all[i]->name = mem_strdup(name);
	}
	all[256] = NULL;
	rest[0] = stats(T "t256");
	r.later = true;
	EXPECT(.op = OP_STATS_WALK, .on = 1, .topic = "", .fx = FX_STATS_LIST,
	    .list = all);
	EXPECT(.op = OP_STATS_WALK, .on = 2, .topic = "", .fx = FX_STATS_LIST);
	EXPECT(.op = OP_STATS_WALK, .on = 1, .topic = T "t255",
	    .fx = FX_STATS_LIST, .list = rest);
	assert_int_equal(call("GET", "/metrics", NULL), 200);
	scripted();
	assert_non_null(strstr(r.body, "magnetar_http_requests_total"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tenants),
		TEST(test_namespaces),
		TEST(test_sub_create),
		TEST(test_subs),
		TEST(test_reset),
		TEST(test_stats),
		TEST(test_backlog_size),
		TEST(test_dropped),
		TEST(test_partitioned_stats),
		TEST(test_peek),
		TEST(test_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
