/* SPDX-License-Identifier: Apache-2.0 */
/* Tenants, namespaces, partitioned topics and lists. */
#include "test.h"

#include "core/admin.h"
#include "core/core_priv.h"
#include "tests/lib/topic_rig.h"

static int
setup(void **state)
{
	struct trig *tr = mem_zalloc(sizeof *tr);

	trig_init(tr);
	trig_start(tr);
	*state = tr;
	return 0;
}

static int
teardown(void **state)
{
	struct trig *tr = *state;

	trig_fini(tr);
	mem_free(tr);
	return 0;
}

static struct fx *
ask(struct trig *tr, enum op_type type, const char *name, const char *text,
    bool flag)
{
	struct op *op = trig_op(tr, type, name, 1);

	if (text != NULL)
		op->text = op_str(op, str_of(text));
	op->flag = flag;
	return trig_do(tr, op);
}

static void
assert_says(const struct fx *fx, enum err e, const char *diag)
{
	assert_non_null(fx);
	assert_int_equal(fx->err, e);
	if (diag != NULL)
		assert_string_equal(fx->diag, diag);
}

static void
assert_names(const struct fx *fx, unsigned n, const char *const *names)
{
	unsigned i;

	assert_non_null(fx);
	assert_ok(fx->err);
	assert_int_equal(fx->type, FX_STRINGS);
	assert_int_equal(fx->strings_n, n);
	for (i = 0; i < n; i++)
		assert_true(str_eq(fx->strings[i], str_of(names[i])));
}

#define NAMES(fx, ...)                                            \
	do {                                                      \
		const char *const v_[] = { __VA_ARGS__ };         \
		assert_names((fx), sizeof v_ / sizeof v_[0], v_); \
	} while (0)

static void
clusters(void **state)
{
	struct trig *tr = *state;
	struct fx *fx;

	NAMES(ask(tr, OP_CLUSTER_LIST, "", NULL, false), "standalone");
	fx = ask(tr, OP_CLUSTER_GET, "standalone", NULL, false);
	assert_int_equal(fx->type, FX_TEXT);
	assert_true(str_eq(fx->text, STR_LIT("{}")));
	assert_says(ask(tr, OP_CLUSTER_GET, "x", NULL, false), ERR_NO_CLUSTER,
	    "Cluster does not exist");
}

#define DOC "{\"adminRoles\":[\"a\"],\"allowedClusters\":[\"standalone\"]}"

static void
tenants(void **state)
{
	struct trig *tr = *state;
	struct fx *fx;

	NAMES(ask(tr, OP_TENANT_LIST, "", NULL, false), "public", "pulsar");
	assert_says(ask(tr, OP_TENANT_PUT, "a b", DOC, true), ERR_PRECONDITION,
	    "Tenant name is not valid");
	assert_says(ask(tr, OP_TENANT_PUT, "t", NULL, true), ERR_PRECONDITION,
	    "Clusters can not be empty");
	assert_says(
	    ask(tr, OP_TENANT_PUT, "t", "[1]", true), ERR_INVALID_ARG, NULL);
	assert_says(ask(tr, OP_TENANT_PUT, "t",
			"{\"allowedClusters\":[\"mars\"]}", true),
	    ERR_PRECONDITION, "Clusters do not exist");
	assert_says(ask(tr, OP_TENANT_PUT, "t", DOC, false), ERR_NO_TENANT,
	    "Tenant t not found");
	assert_says(ask(tr, OP_TENANT_PUT, "t", DOC, true), ERR_OK, NULL);
	assert_says(ask(tr, OP_TENANT_PUT, "t", DOC, true), ERR_EXISTS,
	    "Tenant already exist");
	assert_says(ask(tr, OP_TENANT_PUT, "t", DOC, false), ERR_OK, NULL);
	fx = ask(tr, OP_TENANT_GET, "t", NULL, false);
	assert_true(str_eq(fx->text, STR_LIT(DOC)));
	assert_says(ask(tr, OP_TENANT_DELETE, "public", NULL, false),
	    ERR_CONFLICT, "The tenant still has active namespaces");
	assert_says(ask(tr, OP_TENANT_DELETE, "t", NULL, false), ERR_OK, NULL);
	assert_says(ask(tr, OP_TENANT_DELETE, "t", NULL, false), ERR_NO_TENANT,
	    "Tenant doesn't exist");
	assert_says(ask(tr, OP_TENANT_GET, "t", NULL, false), ERR_NO_TENANT,
	    "Tenant does not exist");
}

static void
namespaces(void **state)
{
	struct trig *tr = *state;
	struct fx *fx;

	NAMES(ask(tr, OP_NS_LIST, "public", NULL, false), "public/default");
	assert_says(ask(tr, OP_NS_LIST, "t", NULL, false), ERR_NO_TENANT,
	    "Tenant not found");
	assert_says(ask(tr, OP_NS_PUT, "public", NULL, true), ERR_PRECONDITION,
	    "Namespace name is not valid");
	assert_says(ask(tr, OP_NS_PUT, "t/n", NULL, true), ERR_NO_TENANT,
	    "Tenant does not exist");
	assert_says(ask(tr, OP_NS_PUT, "public/n", "{}", false),
	    ERR_NO_NAMESPACE, "Namespace does not exist");
	assert_says(ask(tr, OP_NS_PUT, "public/n", NULL, true), ERR_OK, NULL);
	assert_says(ask(tr, OP_NS_PUT, "public/n", NULL, true), ERR_EXISTS,
	    "Namespace already exists");
	fx = ask(tr, OP_NS_GET, "public/n", NULL, false);
	assert_true(str_eq(
	    fx->text, STR_LIT("{\"replication_clusters\":[\"standalone\"]}")));
	assert_says(ask(tr, OP_NS_PUT, "public/n",
			"{\"message_ttl_in_seconds\":9}", false),
	    ERR_OK, NULL);
	fx = ask(tr, OP_NS_GET, "public/n", NULL, false);
	assert_true(
	    str_eq(fx->text, STR_LIT("{\"message_ttl_in_seconds\":9}")));
	NAMES(ask(tr, OP_NS_LIST, "public", NULL, false), "public/default",
	    "public/n");
	/* one that starts with the other's name is not below it */
	assert_says(ask(tr, OP_NS_PUT, "public/n2", NULL, true), ERR_OK, NULL);
	assert_int_not_equal(
	    trig_producer(tr, "persistent://public/n2/t", NULL, 2), 0);
	assert_says(
	    ask(tr, OP_NS_DELETE, "public/n", NULL, false), ERR_OK, NULL);
	assert_says(ask(tr, OP_NS_DELETE, "public/n2", NULL, false),
	    ERR_CONFLICT, "Cannot delete non empty namespace");
	assert_says(ask(tr, OP_NS_DELETE, "public/n2", NULL, true),
	    ERR_CONFLICT, "Cannot delete non empty namespace");
	assert_says(ask(tr, OP_NS_DELETE, "public/n", NULL, false),
	    ERR_NO_NAMESPACE, "Namespace public/n does not exist.");
}

static void
lists(void **state)
{
	struct trig *tr = *state;
	struct op *op;
	struct fx *fx;

	(void)trig_producer(tr, "persistent://public/default/b", NULL, 2);
	(void)trig_producer(tr, "persistent://public/default/a", NULL, 3);
	(void)trig_producer(tr, "non-persistent://public/default/c", NULL, 4);
	(void)trig_producer(
	    tr, "persistent://public/default/__change_events", NULL, 5);
	NAMES(ask(tr, OP_TOPIC_LIST, "public/default", NULL, true),
	    "persistent://public/default/a", "persistent://public/default/b");
	op = trig_op(tr, OP_TOPIC_LIST, "public/default", 1);
	op->flag2 = true;
	NAMES(trig_do(tr, op), "non-persistent://public/default/c");
	assert_says(ask(tr, OP_TOPIC_LIST, "public/x", NULL, true),
	    ERR_NO_NAMESPACE, "Namespace does not exist");
	op = trig_op(tr, OP_STATS_WALK, "persistent://public/default/a", 1);
	op->u32 = 10;
	fx = trig_do(tr, op);
	assert_int_equal(fx->type, FX_STATS_LIST);
	assert_int_equal(fx->stats_n, 1);
	assert_string_equal(
	    fx->stats_list[0]->name, "persistent://public/default/b");
}

#define P "persistent://public/default/p"

static struct fx *
ask_n(struct trig *tr, enum op_type type, const char *name, uint32_t n)
{
	struct op *op = trig_op(tr, type, name, 1);

	op->u32 = n;
	return trig_do(tr, op);
}

static void
assert_partitions(struct trig *tr, const char *name, bool auto_create, int n)
{
	struct fx *fx = ask(tr, OP_TOPIC_META, name, NULL, auto_create);

	if (n < 0) {
		assert_says(fx, ERR_NO_TOPIC, NULL);
		return;
	}
	assert_ok(fx->err);
	assert_int_equal(fx->type, FX_TOPIC_META);
	assert_int_equal(fx->u32, n);
}

static unsigned
changes(const struct trig *tr)
{
	unsigned i, n = 0;

	for (i = 0; i < tr->fx_n; i++)
		n += tr->fx[i]->type == FX_TOPIC_CHANGED;
	return n;
}

static void
partitioned(void **state)
{
	struct trig *tr = *state;

	assert_says(ask_n(tr, OP_PARTITIONED_CREATE, P, 0), ERR_NOT_ACCEPTABLE,
	    "Number of partitions should be more than 0");
	assert_says(ask_n(tr, OP_PARTITIONED_CREATE, P "-partition-0", 2),
	    ERR_PRECONDITION,
	    "Partitioned Topic Name should not contain '-partition-'");
	assert_says(ask_n(tr, OP_PARTITIONED_UPDATE, P, 2), ERR_UNPROCESSABLE,
	    "Topic " P " is not the partitioned topic.");
	assert_partitions(tr, P, false, -1);
	assert_says(ask_n(tr, OP_PARTITIONED_CREATE, P, 2), ERR_OK, NULL);
	assert_int_equal(changes(tr), 2);
	assert_says(ask_n(tr, OP_PARTITIONED_CREATE, P, 2), ERR_EXISTS,
	    "This topic already exists");
	assert_partitions(tr, P, false, 2);
	assert_partitions(tr, P "-partition-1", false, 0);
	assert_partitions(tr, P "-partition-2", true, -1);
	NAMES(ask(tr, OP_PARTITIONED_LIST, "public/default", NULL, false), P);
	NAMES(ask(tr, OP_TOPIC_LIST, "public/default", NULL, true),
	    P "-partition-0", P "-partition-1");
	assert_says(ask_n(tr, OP_PARTITIONED_UPDATE, P, 1), ERR_UNPROCESSABLE,
	    "Desired partitions 1 can't be less than the current partitions 2.");
	assert_says(ask_n(tr, OP_PARTITIONED_UPDATE, P, 3), ERR_OK, NULL);
	assert_int_equal(changes(tr), 3);
	assert_partitions(tr, P, false, 3);
	/* a partition that nobody has used yet is a topic like any other */
	assert_int_not_equal(trig_producer(tr, P "-partition-2", NULL, 2), 0);
	assert_int_equal(changes(tr), 3);
	assert_int_equal(trig_producer(tr, P "-partition-3", NULL, 3), 0);
	assert_says(
	    ask(tr, OP_PARTITIONED_DELETE, P, NULL, false), ERR_OK, NULL);
	assert_says(ask(tr, OP_PARTITIONED_DELETE, P, NULL, false),
	    ERR_NO_TOPIC,
	    "Partitioned Topic not found: " P " has zero partitions");
	/* its partitions are still there */
	assert_says(ask_n(tr, OP_PARTITIONED_CREATE, P, 2), ERR_CONFLICT,
	    "The topic has a max partition index of 2, the number of partitions must be at least 3");
	assert_says(ask_n(tr, OP_PARTITIONED_CREATE, P, 4), ERR_OK, NULL);
}

/* Two that grow it at once: the greater number stays. */
static void
grow_race(void **state)
{
	struct trig *tr = *state;
	struct op *a, *b;
	uint64_t ra, rb;
	unsigned i;

	assert_says(ask_n(tr, OP_PARTITIONED_CREATE, P, 2), ERR_OK, NULL);
	a = trig_op(tr, OP_PARTITIONED_UPDATE, P, 2);
	a->u32 = 5;
	ra = a->req;
	b = trig_op(tr, OP_PARTITIONED_UPDATE, P, 3);
	b->u32 = 3;
	rb = b->req;
	core_op(tr->co, &a);
	core_op(tr->co, &b);
	trig_run(tr);
	for (i = 0; i < tr->fx_n; i++) {
		if (tr->fx[i]->req == ra)
			assert_ok(tr->fx[i]->err);
		if (tr->fx[i]->req == rb)
			assert_int_equal(tr->fx[i]->err, ERR_UNPROCESSABLE);
	}
	assert_partitions(tr, P, false, 5);
}

static void
count_keys(void *priv, enum err e, const void *key, size_t keylen,
    const void *val, size_t len)
{
	unsigned *n = priv;

	(void)keylen;
	(void)val;
	(void)len;
	assert_ok(e);
	*n += key != NULL;
}

static unsigned
stored(struct trig *tr, const char *prefix)
{
	unsigned n = 0;

	assert_ok(tr->meta->ops->list_now(
	    tr->meta, prefix, strlen(prefix), count_keys, &n));
	return n;
}

/*
 * Something is made in what is being deleted; one of the two loses, whichever
 * request comes how many steps after the other.
 */
static void
delete_race(struct trig *tr, struct op **makep, struct op **delp,
    unsigned turns, bool make_first)
{
	struct op **first = make_first ? makep : delp;
	struct op **second = make_first ? delp : makep;

	core_op(tr->co, first);
	while (turns-- > 0)
		(void)meta_mem_pump(tr->mm, 1);
	core_op(tr->co, second);
	trig_run(tr);
}

static void
nothing_outlives_its_namespace(void **state)
{
	static const char *const topic = "persistent://public/gone/t";
	struct trig *tr = *state;
	struct op *mk, *del;
	unsigned i, topics, lost = 0;

	for (i = 0; i < 24; i++) {
		assert_says(ask(tr, OP_NS_PUT, "public/gone", NULL, true),
		    ERR_OK, NULL);
		mk = trig_op(tr, OP_TOPIC_CREATE, topic, 2);
		del = trig_op(tr, OP_NS_DELETE, "public/gone", 3);
		delete_race(tr, &mk, &del, i / 2, i % 2);
		topics = stored(tr, META_TOPIC "public/gone/");
		if (stored(tr, META_NAMESPACE "public/gone") == 0) {
			assert_int_equal(topics, 0);
			lost++;
			continue;
		}
		if (topics > 0)
			assert_says(
			    ask(tr, OP_TOPIC_DELETE, topic, NULL, false),
			    ERR_OK, NULL);
		assert_says(ask(tr, OP_NS_DELETE, "public/gone", NULL, false),
		    ERR_OK, NULL);
	}
	assert_in_range(lost, 1, 23);
}

static void
nothing_outlives_its_tenant(void **state)
{
	struct trig *tr = *state;
	struct op *mk, *del;
	unsigned i, spaces, lost = 0;

	for (i = 0; i < 16; i++) {
		assert_says(
		    ask(tr, OP_TENANT_PUT, "gone", DOC, true), ERR_OK, NULL);
		mk = trig_op(tr, OP_NS_PUT, "gone/n", 2);
		mk->flag = true;
		del = trig_op(tr, OP_TENANT_DELETE, "gone", 3);
		delete_race(tr, &mk, &del, i / 2, i % 2);
		spaces = stored(tr, META_NAMESPACE "gone/");
		if (stored(tr, META_TENANT "gone") == 0) {
			assert_int_equal(spaces, 0);
			lost++;
			continue;
		}
		if (spaces > 0)
			assert_says(
			    ask(tr, OP_NS_DELETE, "gone/n", NULL, false),
			    ERR_OK, NULL);
		assert_says(ask(tr, OP_TENANT_DELETE, "gone", NULL, false),
		    ERR_OK, NULL);
	}
	assert_in_range(lost, 1, 15);
}

static void
auto_partitioned(void **state)
{
	struct trig *tr = *state;

	assert_says(
	    ask(tr, OP_TOPIC_META, "persistent://public/x/t", NULL, true),
	    ERR_NO_NAMESPACE, "Namespace not found");
	assert_partitions(tr, "persistent://public/default/t", true, 0);
	assert_says(
	    ask(tr, OP_NS_PUT, "public/default",
		"{\"autoTopicCreationOverride\":{\"allowAutoTopicCreation\""
		":true,\"topicType\":\"partitioned\","
		"\"defaultNumPartitions\":3}}",
		false),
	    ERR_OK, NULL);
	assert_partitions(tr, P, false, -1);
	assert_partitions(tr, P, true, 3);
	assert_partitions(tr, P, false, 3);
	assert_partitions(tr, "non-persistent://public/default/p", true, 3);
	NAMES(ask(tr, OP_PARTITIONED_LIST, "public/default", NULL, false), P,
	    "non-persistent://public/default/p");
}

static void
documents(void **state)
{
	struct trig *tr = *state;
	struct fx *fx;

	assert_says(ask(tr, OP_DOC_GET, "a/1", NULL, false), ERR_NO_KEY, NULL);
	assert_names(ask(tr, OP_DOC_LIST, "", NULL, false), 0, NULL);
	assert_says(ask(tr, OP_DOC_PUT, "a/1", "one", true), ERR_OK, NULL);
	assert_says(ask(tr, OP_DOC_PUT, "a/1", "uno", true), ERR_EXISTS, NULL);
	assert_says(ask(tr, OP_DOC_PUT, "a/2", "", false), ERR_OK, NULL);
	assert_says(ask(tr, OP_DOC_PUT, "b", "bee", false), ERR_OK, NULL);
	assert_says(
	    ask(tr, OP_DOC_PUT, "", "x", false), ERR_INVALID_NAME, NULL);
	fx = ask(tr, OP_DOC_GET, "a/1", NULL, false);
	assert_int_equal(fx->type, FX_TEXT);
	assert_true(str_eq(fx->text, STR_LIT("one")));
	NAMES(ask(tr, OP_DOC_LIST, "a/", NULL, true), "1", "one", "2", "");
	NAMES(ask(tr, OP_DOC_LIST, "", NULL, false), "a/1", "a/2", "b");
	assert_says(ask(tr, OP_DOC_PUT, "a/1", "eins", false), ERR_OK, NULL);
	assert_says(ask(tr, OP_DOC_DELETE, "a/2", NULL, false), ERR_OK, NULL);
	assert_says(
	    ask(tr, OP_DOC_DELETE, "a/2", NULL, false), ERR_NO_KEY, NULL);
	trig_crash(tr);
	trig_start(tr);
	NAMES(ask(tr, OP_DOC_LIST, "a/", NULL, true), "1", "eins");
}

/* More keys than are asked for at a time. */
static void
subscriptions_are_found(void **state)
{
	struct trig *tr = *state;
	struct meta_txn *tx = meta_txn_new();
	struct op *op;
	struct fx *fx;
	char key[64];
	int i, n;

	for (i = 0; i < 9000; i++) {
		n = snprintf(key, sizeof key, "sub/public/default/t%d%cs%d", i,
		    0, i % 3000);
		meta_txn_put(tx, key, (size_t)n, "", 0);
	}
	assert_ok(tr->meta->ops->commit_now(tr->meta, &tx));
	op = trig_op(tr, OP_SUB_FIND, "", 1);
	op->sub = op_str(op, STR_LIT("s7"));
	NAMES(trig_do(tr, op), "persistent://public/default/t3007",
	    "persistent://public/default/t6007",
	    "persistent://public/default/t7");
	op = trig_op(tr, OP_SUB_FIND, "", 1);
	op->sub = op_str(op, STR_LIT("none"));
	assert_names(trig_do(tr, op), 0, NULL);
	fx = trig_do(tr, trig_op(tr, OP_SUB_FIND, "", 1));
	assert_int_equal(fx->strings_n, 18000);
	assert_true(str_eq(
	    fx->strings[17998], STR_LIT("persistent://public/default/t999")));
	assert_true(str_eq(fx->strings[17999], STR_LIT("s999")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(clusters, setup, teardown),
		cmocka_unit_test_setup_teardown(tenants, setup, teardown),
		cmocka_unit_test_setup_teardown(namespaces, setup, teardown),
		cmocka_unit_test_setup_teardown(lists, setup, teardown),
		cmocka_unit_test_setup_teardown(partitioned, setup, teardown),
		cmocka_unit_test_setup_teardown(grow_race, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    nothing_outlives_its_namespace, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    nothing_outlives_its_tenant, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    auto_partitioned, setup, teardown),
		cmocka_unit_test_setup_teardown(documents, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    subscriptions_are_found, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
