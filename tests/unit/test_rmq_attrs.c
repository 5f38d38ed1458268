/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of topics and groups, and how they are changed. */
#include "test.h"

#include "rocketmq/attrs.h"

static void
assert_alter(bool fresh, const char *now, const char *changes, const char *want,
    const char *why)
{
	char diag[ATTRS_DIAG];
	struct strbuf sb;
	enum err e;

	strbuf_init(&sb, 1024);
	e = rmq_attrs_alter(
	    rmq_topic_attrs, fresh, str_of(now), str_of(changes), &sb, diag);
	if (want != NULL) {
		assert_ok(e);
		assert_string_equal(strbuf_str(&sb), want);
	} else
		assert_err(e, ERR_INVALID_ARG);
	assert_string_equal(diag, why);
	strbuf_fini(&sb);
}

static void
changes(void **state)
{
	(void)state;
	assert_alter(true, "", "", "", "");
	assert_alter(true, "", "+message.type=FIFO,+reserve.time=5",
	    "message.type=FIFO,reserve.time=5", "");
	assert_alter(false, "message.type=FIFO,reserve.time=5", "-message.type",
	    "reserve.time=5", "");
	assert_alter(false, "message.type=FIFO,reserve.time=5",
	    "+message.type=DELAY", "reserve.time=5,message.type=DELAY", "");
	assert_alter(false, "reserve.time=5", "", "reserve.time=5", "");
	assert_alter(
	    false, "", "+queue.type=BatchCQ", "queue.type=BatchCQ", "");
}

static void
refusals(void **state)
{
	(void)state;
	assert_alter(true, "", "+no.such=1", NULL, "unsupported key: no.such");
	assert_alter(true, "", "message.type=FIFO", NULL,
	    "add/alter attribute format is wrong: message.type");
	assert_alter(true, "", "message.type", NULL,
	    "delete attribute format is wrong: message.type");
	assert_alter(
	    true, "", "=", NULL, "add/alter attribute format is wrong: ");
	assert_alter(true, "", "-message.type", NULL,
	    "only add attribute is supported while creating topic. key: "
	    "message.type");
	assert_alter(false, "", "-message.type", NULL,
	    "attempt to delete a nonexistent key: message.type");
	assert_alter(true, "", "+message.type=X", NULL,
	    "value is not in set: [UNSPECIFIED, MIXED, TRANSACTION, PRIORITY, "
	    "FIFO, DELAY, LITE, NORMAL]");
	assert_alter(true, "", "+queue.type=RocksDBCQ", NULL,
	    "value is not in set: [SimpleCQ, BatchCQ]");
	assert_alter(true, "", "+cleanup.policy=COMPACTION", NULL,
	    "value is not in set: [DELETE]");
	assert_alter(true, "", "+reserve.time=-2", NULL,
	    "value is not in range(-1, 9223372036854775807)");
	assert_alter(true, "", "+reserve.time=x", NULL, "not a number: x");
	assert_alter(false, "queue.type=BatchCQ", "+queue.type=SimpleCQ", NULL,
	    "attempt to update an unchangeable attribute. key: queue.type");
	assert_alter(false, "queue.type=BatchCQ", "-queue.type", NULL,
	    "attempt to update an unchangeable attribute. key: queue.type");
	assert_alter(true, "", "+message.type=FIFO,+message.type=FIFO", NULL,
	    "key duplication: +message.type");
	assert_alter(false, "message.type=FIFO",
	    "+message.type=FIFO,-message.type", NULL,
	    "alter duplication key. key: message.type");
}

static void
reading(void **state)
{
	struct str rest = STR_LIT(",a=1,,=x,b,c=2=3"), k, v;

	(void)state;
	assert_true(str_eq(
	    rmq_attrs_get(STR_LIT("a=1,b=2"), STR_LIT("b")), STR_LIT("2")));
	assert_null(rmq_attrs_get(STR_LIT("a=1"), STR_LIT("b")).p);
	assert_null(rmq_attrs_get(STR_NONE, STR_LIT("b")).p);
	assert_true(rmq_attrs_next(&rest, &k, &v));
	assert_true(str_eq(k, STR_LIT("a")) && str_eq(v, STR_LIT("1")));
	assert_true(rmq_attrs_next(&rest, &k, &v));
	assert_true(str_eq(k, STR_LIT("b")) && v.len == 0);
	assert_true(rmq_attrs_next(&rest, &k, &v));
	assert_true(str_eq(k, STR_LIT("c")) && str_eq(v, STR_LIT("2=3")));
	assert_false(rmq_attrs_next(&rest, &k, &v));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes),
		cmocka_unit_test(refusals),
		cmocka_unit_test(reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
