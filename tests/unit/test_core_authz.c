/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what, and how it changes. */
#include "test.h"

#include "base/cidr.h"
#include "core/authz_priv.h"
#include "tests/lib/topic_rig.h"

/* --- answers ---------------------------------------------------------------------- */

static struct authz *
az_new(void)
{
	struct authz *az = authz_new(1);

	authz_configure(az,
	    &(struct authz_conf){ .super = "root, boss", .proxies = "proxy" });
	return az;
}

static void
put(struct authz *az, const char *key, const char *val)
{
	(void)authz_apply(az, str_of(key), str_of(val));
}

static enum authz_answer
may(struct authz *az, const char *role, enum authz_kind kind, const char *name,
    enum authz_action a)
{
	return authz_ask(az,
	    &(struct authz_ask){ .role = str_of(role),
		.kind = kind,
		.name = str_of(name),
		.action = a,
		.from = str_of("10.1.2.3") });
}

static enum authz_answer
produce(struct authz *az, const char *role, const char *topic)
{
	return may(az, role, AUTHZ_TOPIC, topic, AUTHZ_PRODUCE);
}

static void
test_super(void **state)
{
	struct authz *az = az_new();

	(void)state;
	assert_int_equal(produce(az, "root", "t/n/x"), AUTHZ_ALLOWED);
	assert_int_equal(produce(az, "boss", "t/n/x"), AUTHZ_ALLOWED);
	assert_int_equal(produce(az, "roo", "t/n/x"), AUTHZ_UNSAID);
	assert_int_equal(produce(az, "", "t/n/x"), AUTHZ_UNSAID);
	assert_true(authz_is_proxy(az, str_of("proxy")));
	assert_false(authz_is_proxy(az, str_of("root")));
	put(az, "role/alice", "{\"super\":true}");
	assert_true(authz_is_super(az, str_of("alice")));
	put(az, "role/alice", "{\"super\":true,\"enabled\":false}");
	assert_int_equal(produce(az, "alice", "t/n/x"), AUTHZ_DENIED);
	/* also one of the configuration's */
	put(az, "role/root", "{\"enabled\":false}");
	assert_int_equal(produce(az, "root", "t/n/x"), AUTHZ_DENIED);
	put(az, "role/boss", "{damaged");
	assert_int_equal(produce(az, "boss", "t/n/x"), AUTHZ_DENIED);
	authz_free(&az);
}

/* Roles of the configuration stand before records, until they are other ones. */
static void
test_given(void **state)
{
	struct authz *az = az_new();
	uint64_t version = authz_version(az);
	json_t *js = json_pack("{s:{s:b},s:{s:{s:{s:s,s:s,s:[s]}}}}", "alice",
	    "super", 1, "bob", "rules", "r", "on", "topic", "match", "any",
	    "do", "produce");
	struct str name;
	size_t it = 0;

	(void)state;
	put(az, "role/bob", "{\"super\":true}");
	authz_give(az, js);
	assert_true(authz_version(az) > version);
	assert_true(authz_is_super(az, str_of("alice")));
	assert_false(authz_is_super(az, str_of("bob")));
	assert_int_equal(produce(az, "bob", "t/n/x"), AUTHZ_ALLOWED);
	assert_int_equal(
	    may(az, "bob", AUTHZ_TOPIC, "t/n/x", AUTHZ_CONSUME), AUTHZ_UNSAID);
	/* only records are listed */
	assert_non_null(authz_role_next(az, &it, &name));
	assert_null(authz_role_next(az, &it, &name));
	/* a record that goes takes nothing of them with it */
	(void)authz_apply(az, STR_LIT("role/bob"), STR_NONE);
	assert_int_equal(produce(az, "bob", "t/n/x"), AUTHZ_ALLOWED);
	put(az, "role/bob", "{\"super\":true}");
	AZ(json_object_clear(js));
	authz_give(az, js);
	assert_false(authz_is_super(az, str_of("alice")));
	assert_true(authz_is_super(az, str_of("bob")));
	json_decref(js);
	authz_free(&az);
}

static void
test_tenant(void **state)
{
	struct authz *az = az_new();

	(void)state;
	put(az, "tenant/t", "{\"adminRoles\":[\"adm\",\"other\"]}");
	assert_int_equal(produce(az, "adm", "t/n/x"), AUTHZ_ALLOWED);
	assert_int_equal(
	    produce(az, "adm", "non-persistent://t/n/x"), AUTHZ_ALLOWED);
	assert_int_equal(produce(az, "adm", "t2/n/x"), AUTHZ_UNSAID);
	assert_int_equal(
	    may(az, "adm", AUTHZ_GROUP, "t/n/g", AUTHZ_CONSUME), AUTHZ_ALLOWED);
	assert_true(authz_is_tenant_admin(az, str_of("adm"), str_of("t")));
	assert_true(authz_is_tenant_admin(az, str_of("root"), str_of("t")));
	assert_true(authz_has_grants(az, str_of("other")));
	put(az, "tenant/t", "{\"adminRoles\":[\"other\"]}");
	assert_int_equal(produce(az, "adm", "t/n/x"), AUTHZ_UNSAID);
	assert_false(authz_has_grants(az, str_of("adm")));
	authz_free(&az);
}

static void
test_namespace(void **state)
{
	struct authz *az = az_new();

	(void)state;
	put(az, "ns/t/n",
	    "{\"auth_policies\":{\"namespace_auth\":{\"p\":[\"produce\"],"
	    "\"app-*\":[\"produce\",\"consume\"]},\"destination_auth\":{"
	    "\"persistent://t/n/x\":{\"q\":[\"produce\"]},"
	    "\"persistent://t/n/x-partition-1\":{\"w\":[\"produce\"]},"
	    "\"non-persistent://t/n/x\":{\"v\":[\"produce\"]}}}}");
	assert_int_equal(produce(az, "p", "t/n/x"), AUTHZ_ALLOWED);
	assert_int_equal(produce(az, "p", "t/n2/x"), AUTHZ_UNSAID);
	assert_int_equal(
	    may(az, "p", AUTHZ_TOPIC, "t/n/x", AUTHZ_CONSUME), AUTHZ_UNSAID);
	assert_int_equal(produce(az, "q", "t/n/x"), AUTHZ_ALLOWED);
	assert_int_equal(produce(az, "q", "t/n/xx"), AUTHZ_UNSAID);
	assert_int_equal(produce(az, "q", "t/n/x-partition-1"), AUTHZ_ALLOWED);
	assert_int_equal(produce(az, "w", "t/n/x-partition-1"), AUTHZ_ALLOWED);
	assert_int_equal(produce(az, "w", "t/n/x-partition-0"), AUTHZ_UNSAID);
	assert_int_equal(produce(az, "w", "t/n/x"), AUTHZ_UNSAID);
	put(az, "role/d",
	    "{\"rules\":{\"1\":{\"on\":\"topic\",\"match\":\"literal\","
	    "\"name\":\"t/n/x\",\"deny\":true,\"do\":[\"produce\"]}}}");
	assert_int_equal(produce(az, "d", "t/n/x-partition-1"), AUTHZ_DENIED);
	assert_int_equal(
	    produce(az, "q", "non-persistent://t/n/x"), AUTHZ_UNSAID);
	assert_int_equal(produce(az, "v", "t/n/x"), AUTHZ_UNSAID);
	assert_int_equal(
	    produce(az, "v", "non-persistent://t/n/x"), AUTHZ_ALLOWED);
	assert_int_equal(produce(az, "app-1", "t/n/x"), AUTHZ_UNSAID);
	authz_configure(az,
	    &(struct authz_conf){
		.super = "", .proxies = "", .wildcards = true });
	assert_int_equal(produce(az, "app-1", "t/n/x"), AUTHZ_ALLOWED);
	assert_int_equal(produce(az, "ap", "t/n/x"), AUTHZ_UNSAID);
	assert_true(authz_apply(az, str_of("ns/t/n"), STR_NONE));
	assert_int_equal(produce(az, "p", "t/n/x"), AUTHZ_UNSAID);
	authz_free(&az);
}

static void
test_rules(void **state)
{
	struct authz *az = az_new();

	(void)state;
	put(az, "role/u",
	    "{\"rules\":{"
	    "\"1\":{\"on\":\"topic\",\"match\":\"any\",\"do\":[\"produce\"]},"
	    "\"2\":{\"on\":\"topic\",\"match\":\"prefix\",\"name\":\"t/n/a\","
	    "\"do\":[\"produce\"],\"deny\":true},"
	    "\"3\":{\"on\":\"topic\",\"match\":\"prefix\",\"name\":\"t/n/ab\","
	    "\"do\":[\"produce\"]},"
	    "\"4\":{\"on\":\"topic\",\"match\":\"literal\",\"name\":"
	    "\"t/n/abc\",\"do\":[\"produce\",\"consume\"],\"deny\":true},"
	    "\"5\":{\"on\":\"topic\",\"match\":\"literal\",\"name\":"
	    "\"t/n/abc\",\"do\":[\"consume\"]},"
	    "\"6\":{\"on\":\"any\",\"match\":\"any\",\"do\":[\"produce\"],"
	    "\"deny\":true},"
	    "\"7\":{\"on\":\"topic\",\"match\":\"literal\",\"name\":\"t/n/d\","
	    "\"do\":[\"produce\"],\"deny\":true,\"default\":true},"
	    "\"8\":{\"on\":\"group\",\"match\":\"literal\",\"name\":\"t/n/g\","
	    "\"do\":[\"consume\"],\"from\":[\"10.1.0.0/16\"]},"
	    "\"9\":{\"on\":\"group\",\"match\":\"literal\",\"name\":\"t/n/h\","
	    "\"do\":[\"consume\"],\"from\":[\"10.2.0.0/16\",\"::1\"]}}}");
	assert_int_equal(produce(az, "u", "t/n/z"), AUTHZ_ALLOWED);
	assert_int_equal(produce(az, "u", "t/n/az"), AUTHZ_DENIED);
	assert_int_equal(produce(az, "u", "t/n/abz"), AUTHZ_ALLOWED);
	assert_int_equal(produce(az, "u", "t/n/abc"), AUTHZ_DENIED);
	assert_int_equal(may(az, "u", AUTHZ_TOPIC, "t/n/abc", AUTHZ_CONSUME),
	    AUTHZ_DENIED); /* equals: deny */
	assert_int_equal(produce(az, "u", "t/n/d"), AUTHZ_ALLOWED);
	assert_int_equal(
	    may(az, "u", AUTHZ_GROUP, "t/n/g", AUTHZ_CONSUME), AUTHZ_ALLOWED);
	assert_int_equal(
	    may(az, "u", AUTHZ_GROUP, "t/n/h", AUTHZ_CONSUME), AUTHZ_UNSAID);
	assert_int_equal(
	    may(az, "u", AUTHZ_CLUSTER, "c", AUTHZ_PRODUCE), AUTHZ_DENIED);
	authz_free(&az);
}

/* A group's retries and dead letters are the group's, whoever asks. */
static void
test_retries(void **state)
{
	static const char *const topics[] = { "t/n/%RETRY%g", "t/n/%DLQ%g",
		"t/n/%RETRY%g-partition-1" };
	struct authz *az = az_new();
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		put(az, "role/u",
		    "{\"rules\":{\"1\":{\"on\":\"topic\",\"match\":\"any\","
		    "\"do\":[\"produce\",\"consume\"]}}}");
		assert_int_equal(
		    may(az, "u", AUTHZ_TOPIC, topics[i], AUTHZ_CONSUME),
		    AUTHZ_UNSAID);
		assert_int_equal(produce(az, "u", topics[i]), AUTHZ_UNSAID);
		assert_int_equal(produce(az, "u", "t/n/g"), AUTHZ_ALLOWED);
		put(az, "role/u",
		    "{\"rules\":{\"1\":{\"on\":\"group\",\"match\":\"literal\","
		    "\"name\":\"t/n/g\",\"do\":[\"consume\"]}}}");
		assert_int_equal(
		    may(az, "u", AUTHZ_TOPIC, topics[i], AUTHZ_CONSUME),
		    AUTHZ_ALLOWED);
		assert_int_equal(produce(az, "u", topics[i]), AUTHZ_ALLOWED);
		assert_int_equal(
		    may(az, "u", AUTHZ_TOPIC, topics[i], AUTHZ_DELETE),
		    AUTHZ_UNSAID);
		/* a grant is one of topics */
		put(az, "ns/t/n",
		    "{\"auth_policies\":{\"namespace_auth\":{\"w\":[\"consume\"]}}}");
		assert_int_equal(
		    may(az, "w", AUTHZ_TOPIC, topics[i], AUTHZ_CONSUME),
		    AUTHZ_ALLOWED);
	}
	assert_int_equal(produce(az, "u", "t/n/%RETRY%h"), AUTHZ_UNSAID);
	authz_free(&az);
}

/* What can't be understood allows nothing, and denies. */
static void
test_damaged_rules(void **state)
{
	struct authz *az = az_new();

	(void)state;
	put(az, "role/u",
	    "{\"rules\":{\"1\":{\"on\":\"topic\",\"match\":\"any\",\"do\":"
	    "[\"produce\"],\"from\":[\"nowhere\"]}}}");
	assert_int_equal(produce(az, "u", "t/n/z"), AUTHZ_UNSAID);
	put(az, "role/u",
	    "{\"rules\":{\"1\":{\"on\":\"topic\",\"match\":\"any\",\"do\":"
	    "[\"produce\"]},\"2\":{\"on\":\"planet\",\"deny\":true}}}");
	assert_int_equal(produce(az, "u", "t/n/z"), AUTHZ_ALLOWED);
	assert_int_equal(
	    may(az, "u", AUTHZ_TOPIC, "t/n/z", AUTHZ_CONSUME), AUTHZ_DENIED);
	authz_free(&az);
}

static enum authz_sub
ask_sub(const struct authz *az, const char *role, const char *sub)
{
	return authz_ask_sub(
	    az, str_of(role), STR_NONE, str_of("t/n"), str_of(sub));
}

static void
test_subscription(void **state)
{
	struct authz *az = az_new();

	(void)state;
	assert_int_equal(ask_sub(az, "u", "s"), AUTHZ_SUB_OPEN);
	put(az, "ns/t/n",
	    "{\"auth_policies\":{\"subscription_auth_roles\":"
	    "{\"s\":{\"w\":true},\"e\":{}}}}");
	assert_int_equal(ask_sub(az, "u", "s"), AUTHZ_SUB_OTHERS);
	assert_int_equal(ask_sub(az, "w", "s"), AUTHZ_SUB_OPEN);
	assert_int_equal(ask_sub(az, "root", "s"), AUTHZ_SUB_OPEN);
	assert_int_equal(ask_sub(az, "u", "e"), AUTHZ_SUB_OPEN);
	put(az, "ns/t/n", "{\"subscription_auth_mode\":\"Prefix\"}");
	assert_int_equal(ask_sub(az, "u", "s"), AUTHZ_SUB_PREFIX);
	assert_int_equal(ask_sub(az, "u", "u-s"), AUTHZ_SUB_OPEN);
	/* a rule of RocketMQ's denies the group, in either mode, or from somewhere */
	put(az, "role/u",
	    "{\"rules\":{\"1\":{\"on\":\"group\",\"match\":\"literal\",\"name\":"
	    "\"t/n/u-g\",\"do\":[\"consume\"],\"deny\":true},"
	    "\"2\":{\"on\":\"group\",\"match\":\"literal\",\"name\":\"t/n/u-h\",\"do\":"
	    "[\"consume\"],\"deny\":true,\"from\":[\"10.0.0.0/8\"]}}}");
	assert_int_equal(ask_sub(az, "u", "u-g"), AUTHZ_SUB_DENIED);
	assert_int_equal(ask_sub(az, "u", "u-s"), AUTHZ_SUB_OPEN);
	assert_int_equal(ask_sub(az, "u", "u-h"), AUTHZ_SUB_OPEN);
	assert_int_equal(authz_ask_sub(az, str_of("u"), str_of("10.1.1.1"),
			     str_of("t/n"), str_of("u-h")),
	    AUTHZ_SUB_DENIED);
	put(az, "ns/t/n", "{}");
	assert_int_equal(ask_sub(az, "u", "u-g"), AUTHZ_SUB_DENIED);
	assert_int_equal(ask_sub(az, "root", "u-g"), AUTHZ_SUB_OPEN);
	authz_free(&az);
}

static void
test_cidr(void **state)
{
	struct cidr c;

	(void)state;
	assert_ok(cidr_parse(&c, str_of("10.1.0.0/15")));
	assert_true(cidr_has(&c, str_of("10.0.255.1")));
	assert_true(cidr_has(&c, str_of("::ffff:10.1.2.3")));
	assert_false(cidr_has(&c, str_of("10.2.0.0")));
	assert_false(cidr_has(&c, str_of("::1")));
	assert_false(cidr_has(&c, str_of("10.1.0.0/15")));
	assert_ok(cidr_parse(&c, str_of("0.0.0.0/0")));
	assert_true(cidr_has(&c, str_of("1.2.3.4")));
	assert_ok(cidr_parse(&c, str_of("::1")));
	assert_true(cidr_has(&c, str_of("::1")));
	assert_false(cidr_has(&c, str_of("::2")));
	assert_int_equal(
	    cidr_parse(&c, str_of("10.0.0.0/33")), ERR_INVALID_ARG);
	assert_int_equal(cidr_parse(&c, str_of("10.0.0.0/")), ERR_INVALID_ARG);
	assert_int_equal(cidr_parse(&c, str_of("10.0.0")), ERR_INVALID_ARG);
	assert_int_equal(cidr_parse(&c, str_of("")), ERR_INVALID_ARG);
	assert_int_equal(cidr_parse(&c, str_of("/8")), ERR_INVALID_ARG);
}

/* --- changes ---------------------------------------------------------------------- */

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

static struct op *
change(struct trig *tr, enum op_type type, const char *name, const char *text)
{
	struct op *op = trig_op(tr, type, name, 1);

	if (text != NULL)
		op->text = op_str(op, str_of(text));
	return op;
}

static enum err
did(struct trig *tr, struct op *op)
{
	return trig_do(tr, op)->err;
}

static void
test_role_changes(void **state)
{
	struct trig *tr = *state;
	struct authz *az = authz_of(tr->co);
	uint64_t version = authz_version(az);
	struct op *op;

	op = change(tr, OP_ROLE_PATCH, "u",
	    "{\"x\":1,\"rules\":{\"a\":{\"on\":\"topic\",\"match\":\"any\","
	    "\"do\":[\"produce\"]}}}");
	op->flag = true;
	assert_ok(did(tr, op));
	assert_int_equal(produce(az, "u", "t/n/z"), AUTHZ_ALLOWED);
	assert_true(authz_version(az) > version);
	assert_non_null(trig_fx(tr, FX_AUTHZ_CHANGED, 0));
	op = change(tr, OP_ROLE_PATCH, "u", "{}");
	op->flag = true;
	assert_int_equal(did(tr, op), ERR_EXISTS);
	assert_ok(did(tr,
	    change(tr, OP_ROLE_PATCH, "u",
		"{\"rules\":{\"a\":null,\"b\":{\"on\":\"topic\",\"match\":"
		"\"literal\",\"name\":\"t/n/y\",\"do\":[\"produce\"]}}}")));
	assert_int_equal(produce(az, "u", "t/n/z"), AUTHZ_UNSAID);
	assert_int_equal(produce(az, "u", "t/n/y"), AUTHZ_ALLOWED);
	assert_int_equal(json_integer_value(
			     json_object_get(authz_role(az, str_of("u")), "x")),
	    1);
	op = change(tr, OP_ROLE_PATCH, "v", "{}");
	op->flag2 = true;
	assert_int_equal(did(tr, op), ERR_NO_KEY);
	assert_int_equal(
	    did(tr, change(tr, OP_ROLE_PATCH, "v", "[]")), ERR_INVALID_ARG);
	assert_int_equal(
	    did(tr, change(tr, OP_ROLE_DELETE, "v", NULL)), ERR_NO_KEY);
	/* it is there after a restart */
	trig_stop(tr);
	trig_start(tr);
	az = authz_of(tr->co);
	assert_null(authz_role(az, str_of("u")));
	assert_ok(authz_load(tr->co));
	assert_int_equal(produce(az, "u", "t/n/y"), AUTHZ_ALLOWED);
	assert_ok(did(tr, change(tr, OP_ROLE_DELETE, "u", NULL)));
	assert_int_equal(produce(az, "u", "t/n/y"), AUTHZ_UNSAID);
	assert_null(authz_role(az, str_of("u")));
}

static void
test_namespace_changes(void **state)
{
	struct trig *tr = *state;
	struct authz *az = authz_of(tr->co);

	assert_ok(did(tr,
	    change(tr, OP_NS_PATCH, "public/default",
		"{\"auth_policies\":{\"namespace_auth\":{\"p\":[\"produce\"],"
		"\"q\":[\"produce\"]}}}")));
	assert_int_equal(produce(az, "p", "public/default/x"), AUTHZ_ALLOWED);
	assert_ok(did(tr,
	    change(tr, OP_NS_PATCH, "public/default",
		"{\"auth_policies\":{\"namespace_auth\":{\"p\":null}}}")));
	assert_int_equal(produce(az, "p", "public/default/x"), AUTHZ_UNSAID);
	assert_int_equal(produce(az, "q", "public/default/x"), AUTHZ_ALLOWED);
	assert_int_equal(did(tr, change(tr, OP_NS_PATCH, "public/none", "{}")),
	    ERR_NO_NAMESPACE);
	assert_ok(did(tr, change(tr, OP_NS_DELETE, "public/default", NULL)));
	assert_int_equal(produce(az, "q", "public/default/x"), AUTHZ_UNSAID);
}

static void
test_tenant_changes(void **state)
{
	struct trig *tr = *state;
	struct authz *az = authz_of(tr->co);
	struct op *op;

	op = change(tr, OP_TENANT_PUT, "acme",
	    "{\"allowedClusters\":[\"test\"],\"adminRoles\":[\"adm\"]}");
	op->text = op_str(op,
	    str_of("{\"allowedClusters\":[\"standalone\"],\"adminRoles\":"
		   "[\"adm\"]}"));
	op->flag = true;
	assert_ok(did(tr, op));
	assert_int_equal(produce(az, "adm", "acme/n/x"), AUTHZ_ALLOWED);
	assert_ok(did(tr, change(tr, OP_TENANT_DELETE, "acme", NULL)));
	assert_int_equal(produce(az, "adm", "acme/n/x"), AUTHZ_UNSAID);
}

/* Those that come at once are carried out one after another. */
static void
test_line(void **state)
{
	struct trig *tr = *state;
	char text[128];
	struct op *op;
	int i;

	for (i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof text, "{\"n%d\":%d}", i, i);
		op = change(tr, OP_ROLE_PATCH, "u", text);
		core_op(tr->co, &op);
	}
	trig_run(tr);
	assert_int_equal(
	    json_object_size(authz_role(authz_of(tr->co), str_of("u"))), 100);
}

static enum err
key_op(struct trig *tr, const char *role, const char *id, bool fresh,
    const char *text)
{
	struct op *op = change(tr, OP_ROLE_KEY, role, text);

	op->sub = op_str(op, str_of(id));
	op->flag = fresh;
	return did(tr, op);
}

static bool
is_whose(struct trig *tr, const char *id, const char *role)
{
	return str_eq(authz_whose(authz_of(tr->co), str_of(id)), str_of(role));
}

/* Access keys of a role: several, each made, changed and retired alone. */
static void
test_keys(void **state)
{
	struct trig *tr = *state;
	const json_t *doc;
	struct str role;
	char id[16];
	unsigned i;

	assert_int_equal(key_op(tr, "u", "K1", true, "{}"), ERR_NO_KEY);
	assert_ok(did(tr, change(tr, OP_ROLE_PATCH, "u", "{\"x\":1}")));
	assert_ok(did(tr, change(tr, OP_ROLE_PATCH, "v", "{}")));
	assert_ok(key_op(
	    tr, "u", "K1", true, "{\"secret\":\"s1\",\"enabled\":true}"));
	assert_ok(key_op(tr, "u", "K2", true, "{\"secret\":\"s2\"}"));
	assert_true(is_whose(tr, "K1", "u") && is_whose(tr, "K2", "u"));
	assert_true(is_whose(tr, "K3", "K3") && is_whose(tr, "u", "u"));
	/* nobody else's, and no role's name */
	assert_int_equal(key_op(tr, "u", "K1", true, "{}"), ERR_EXISTS);
	assert_int_equal(key_op(tr, "v", "K1", true, "{}"), ERR_EXISTS);
	assert_int_equal(key_op(tr, "u", "v", true, "{}"), ERR_EXISTS);
	assert_int_equal(
	    did(tr, change(tr, OP_ROLE_PATCH, "K1", "{}")), ERR_EXISTS);
	assert_int_equal(key_op(tr, "u", "", true, "{}"), ERR_INVALID_ARG);
	assert_int_equal(key_op(tr, "u", "K9", true, "[]"), ERR_INVALID_ARG);
	/* alone */
	assert_ok(key_op(tr, "u", "K1", false, "{\"enabled\":false}"));
	doc = authz_key(authz_of(tr->co), str_of("K1"), &role);
	assert_true(json_is_false(json_object_get(doc, "enabled")));
	assert_string_equal(
	    json_string_value(json_object_get(doc, "secret")), "s1");
	doc = authz_key(authz_of(tr->co), str_of("K2"), &role);
	assert_null(json_object_get(doc, "enabled"));
	assert_int_equal(
	    key_op(tr, "u", "K3", false, "{\"enabled\":false}"), ERR_NO_KEY);
	assert_int_equal(
	    key_op(tr, "v", "K1", false, "{\"enabled\":false}"), ERR_NO_KEY);
	assert_ok(key_op(tr, "u", "K1", false, NULL));
	assert_int_equal(key_op(tr, "u", "K1", false, NULL), ERR_NO_KEY);
	assert_null(authz_key(authz_of(tr->co), str_of("K1"), &role));
	assert_true(is_whose(tr, "K2", "u"));
	/* a key that was retired may be another role's */
	assert_ok(key_op(tr, "v", "K1", true, "{}"));
	assert_true(is_whose(tr, "K1", "v"));
	/* after a restart */
	trig_stop(tr);
	trig_start(tr);
	assert_ok(authz_load(tr->co));
	assert_true(is_whose(tr, "K1", "v") && is_whose(tr, "K2", "u"));
	/* they go with their role */
	assert_ok(did(tr, change(tr, OP_ROLE_DELETE, "u", NULL)));
	assert_true(is_whose(tr, "K2", "K2"));
	for (i = 1; i < AUTHZ_KEYS_MAX; i++) {
		(void)snprintf(id, sizeof id, "M%u", i);
		assert_ok(key_op(tr, "v", id, true, "{}"));
	}
	assert_int_equal(key_op(tr, "v", "M", true, "{}"), ERR_PRECONDITION);
}

static enum err
role_delete(struct trig *tr, const char *role)
{
	struct op *op = change(tr, OP_ROLE_DELETE, role, NULL);

	op->flag = true;
	return did(tr, op);
}

/* With flag, a role is not deleted while it may do something. */
static void
test_granted(void **state)
{
	static const char *const grants[] = {
		"{\"auth_policies\":{\"namespace_auth\":{\"u\":[\"produce\"]}}}",
		("{\"auth_policies\":{\"destination_auth\":{\"persistent://"
		 "public/default/x\":{\"u\":[\"consume\"]}}}}"),
		"{\"auth_policies\":{\"subscription_auth_roles\":{\"s\":[\"u\"]}}}",
	};
	struct trig *tr = *state;
	struct op *op;
	size_t i;

	assert_int_equal(role_delete(tr, "u"), ERR_NO_KEY);
	for (i = 0; i < sizeof grants / sizeof grants[0]; i++) {
		assert_ok(did(tr, change(tr, OP_ROLE_PATCH, "u", "{}")));
		assert_ok(did(
		    tr, change(tr, OP_NS_PATCH, "public/default", grants[i])));
		assert_int_equal(role_delete(tr, "u"), ERR_CONFLICT);
		assert_non_null(authz_role(authz_of(tr->co), str_of("u")));
		assert_ok(did(tr,
		    change(tr, OP_NS_PATCH, "public/default",
			"{\"auth_policies\":null}")));
		assert_ok(role_delete(tr, "u"));
	}
	op = change(tr, OP_ROLE_PATCH, "u",
	    "{\"rules\":{\"a\":{\"on\":\"topic\",\"match\":\"any\","
	    "\"do\":[\"produce\"]}}}");
	assert_ok(did(tr, op));
	assert_int_equal(role_delete(tr, "u"), ERR_CONFLICT);
	assert_ok(did(tr, change(tr, OP_ROLE_DELETE, "u", NULL)));
	op = change(tr, OP_TENANT_PUT, "acme",
	    "{\"allowedClusters\":[\"standalone\"],\"adminRoles\":[\"u\"]}");
	op->flag = true;
	assert_ok(did(tr, op));
	assert_ok(did(tr, change(tr, OP_ROLE_PATCH, "u", "{}")));
	assert_int_equal(role_delete(tr, "u"), ERR_CONFLICT);
}

#define TOPIC(name) "persistent://public/default/" name

static bool
is_granted(struct trig *tr, const char *topic)
{
	return authz_has_topic_grants(
	    authz_of(tr->co), str_of("public/default"), str_of(topic));
}

/* Grants of a topic go with it; those of others stay. */
static void
test_topics_go(void **state)
{
	struct trig *tr = *state;
	struct op *op;

	assert_ok(did(tr,
	    change(tr, OP_NS_PATCH, "public/default",
		"{\"auth_policies\":{\"destination_auth\":{"
		"\"" TOPIC(
		    "t") "\":{\"u\":[\"produce\"],\"v\":[\"consume\"]},"
			 "\"" TOPIC(
			     "p") "\":{\"u\":[\"produce\"]},"
				  "\"" TOPIC(
				      "t2") "\":{\"u\":[\"produce\"]}}}}")));
	assert_ok(did(tr, trig_op(tr, OP_TOPIC_CREATE, TOPIC("t"), 1)));
	assert_true(is_granted(tr, TOPIC("t")));
	assert_ok(did(tr, trig_op(tr, OP_TOPIC_DELETE, TOPIC("t"), 1)));
	assert_false(is_granted(tr, TOPIC("t")));
	op = trig_op(tr, OP_PARTITIONED_CREATE, TOPIC("p"), 1);
	op->u32 = 1;
	assert_ok(did(tr, op));
	/* not with one of its partitions */
	assert_ok(
	    did(tr, trig_op(tr, OP_TOPIC_TOUCH, TOPIC("p-partition-0"), 1)));
	assert_ok(
	    did(tr, trig_op(tr, OP_TOPIC_DELETE, TOPIC("p-partition-0"), 1)));
	assert_true(is_granted(tr, TOPIC("p")));
	assert_ok(did(tr, trig_op(tr, OP_PARTITIONED_DELETE, TOPIC("p"), 1)));
	assert_false(is_granted(tr, TOPIC("p")));
	assert_true(is_granted(tr, TOPIC("t2")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_super),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_tenant),
		cmocka_unit_test(test_namespace),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_retries),
		cmocka_unit_test(test_damaged_rules),
		cmocka_unit_test(test_subscription),
		cmocka_unit_test(test_cidr),
		cmocka_unit_test_setup_teardown(
		    test_role_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_namespace_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_tenant_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_granted, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_topics_go, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
