/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors_file.h"

#include "format/rmq_props.h"
#include "format/rmq_record.h"

static int
load(void **state)
{
	(void)state;
	return vectors_read("rocketmq.txt");
}

static void
check_str(struct str got, const char *want)
{
	assert_non_null(got.p);
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.p, want, got.len);
}

/* the properties in order, as "name=value,name=value," */
static const char *
listed(struct str props)
{
	static char out[512];
	struct rmq_props_iter it = rmq_props_iter(props);
	struct str n, v;
	size_t at = 0;

	out[0] = '\0';
	while (rmq_props_next(&it, &n, &v)) {
		at += (size_t)snprintf(out + at, sizeof out - at, "%.*s=%.*s,",
		    (int)n.len, n.p, (int)v.len, v.p);
		assert_true(at < sizeof out);
	}
	return out;
}

#define LISTED(text) listed(STR_LIT(text))

static void
test_iterate(void **state)
{
	(void)state;
	assert_string_equal(LISTED("a\1b\2cc\1dd\2"), "a=b,cc=dd,");
	assert_string_equal(LISTED("a\1b\2cc\1dd"), "a=b,cc=dd,");
	assert_string_equal(LISTED(""), "");
	assert_string_equal(listed(STR_NONE), "");
	/* nothing before or after the \1, no \1, nothing at all */
	assert_string_equal(LISTED("\1b\2a\1\2x\2\2\2k\1v\2"), "k=v,");
	/* the \1 of the next property is not ours */
	assert_string_equal(LISTED("long\2a\1b\2"), "a=b,");
	/* a value may hold \1: the first one counts */
	assert_string_equal(LISTED("a\1b\1c\2"), "a=b\1c,");
	assert_string_equal(LISTED("a\1b\2\1"), "a=b,");
}

static void
test_get(void **state)
{
	static const struct str *const names[] = { &RMQ_PROP_TAGS,
		&RMQ_PROP_DELAY, &RMQ_PROP_KEYS };
	struct str props =
	    STR_LIT("KEYS\1k\2TAGS\1one\2TAG\1no\2TAGS\1two\2TAGSX\1no\2");
	struct str v[3];
	struct rmq_record r;
	struct str all;

	(void)state;
	check_str(rmq_props_get(props, RMQ_PROP_TAGS), "two");
	check_str(rmq_props_get(props, STR_LIT("TAG")), "no");
	assert_null(rmq_props_get(props, RMQ_PROP_DELAY).p);
	rmq_props_get_many(props, names, v, NELEM(v));
	check_str(v[0], "two");
	assert_null(v[1].p);
	check_str(v[2], "k");
	all = vector_find("record.v4");
	assert_ok(rmq_record_read((const uint8_t *)all.p, all.len, &r));
	check_str(rmq_props_get(r.props, RMQ_PROP_UNIQ_KEY),
	    "7F0000010001AABBCCDD0102030400FF");
}

static void
test_build(void **state)
{
	static const char text[] = "x\1"
				   "1\1y";
	struct rmq_props_out o;
	char mem[256];
	struct str s;

	(void)state;
	rmq_props_begin(&o, mem, sizeof mem);
	rmq_props_copy(&o,
	    STR_LIT("a\1"
		    "1\2b\1"
		    "2\2a\1"
		    "3\2c\1"
		    "4"));
	rmq_props_add(&o, STR_LIT("d"), STR_LIT("5"));
	assert_ok(rmq_props_end(&o, &s));
	assert_string_equal(listed(s), "a=1,b=2,a=3,c=4,d=5,");
	assert_int_equal(s.p[s.len - 1], '\2');
	rmq_props_delete(&o, STR_LIT("a"));
	rmq_props_delete(&o, STR_LIT("none"));
	rmq_props_set(&o, STR_LIT("b"), STR_LIT("22"));
	rmq_props_set_i64(&o, STR_LIT("n"), INT64_MIN);
	rmq_props_set_i64(&o, STR_LIT("n"), -7);
	assert_ok(rmq_props_end(&o, &s));
	assert_string_equal(listed(s), "c=4,d=5,b=22,n=-7,");
	rmq_props_delete(&o, STR_LIT("c"));
	rmq_props_delete(&o, STR_LIT("n"));
	rmq_props_delete(&o, STR_LIT("d"));
	rmq_props_delete(&o, STR_LIT("b"));
	assert_ok(rmq_props_end(&o, &s));
	assert_int_equal(s.len, 0);
	/* what can't stand there is left out */
	rmq_props_set(&o, STR_LIT("x"),
	    STR_LIT("1\2y\1"
		    "2"));
	rmq_props_set(&o, STR_LIT("x\1"), STR_LIT("1"));
	rmq_props_set(&o, STR_LIT(""), STR_LIT("1"));
	rmq_props_set(&o, STR_LIT("x"), STR_LIT(""));
	assert_ok(rmq_props_end(&o, &s));
	assert_int_equal(s.len, 0);
	rmq_props_keep(
	    &o, (struct str){ text, 1 }, (struct str){ text + 2, 3 });
	rmq_props_keep(
	    &o, (struct str){ text, 1 }, (struct str){ text + 2, 1 });
	rmq_props_append(&o,
	    STR_LIT("y\1"
		    "2\2"));
	assert_ok(rmq_props_end(&o, &s));
	assert_string_equal(listed(s), "x=1,y=2,");
	assert_true(rmq_prop_valid(STR_LIT("a"), STR_LIT("b")));
	assert_false(rmq_prop_valid(STR_LIT("a"), STR_LIT("b\2")));
	assert_false(rmq_prop_valid(STR_LIT("a\2"), STR_LIT("b")));
}

static void
test_build_full(void **state)
{
	struct rmq_props_out o;
	struct str props = STR_LIT("name\1value\2x\1y\2"), s;
	char *mem;
	size_t n;

	(void)state;
	for (n = 0; n <= props.len; n++) {
		mem = test_malloc(n + 1);
		rmq_props_begin(&o, mem, n);
		rmq_props_copy(&o, props);
		assert_err(rmq_props_end(&o, &s),
		    n < props.len ? ERR_TOO_BIG : ERR_OK);
		/* and stays so */
		rmq_props_delete(&o, STR_LIT("name"));
		assert_err(rmq_props_end(&o, &s),
		    n < props.len ? ERR_TOO_BIG : ERR_OK);
		test_free(mem);
	}
	/* more than a record can hold */
	mem = test_malloc(RMQ_PROPS_MAX + 100);
	memset(mem, 'v', RMQ_PROPS_MAX + 100);
	s = (struct str){ mem, RMQ_PROPS_MAX - 3 };
	{
		char *out = test_malloc(RMQ_PROPS_MAX + 100);

		rmq_props_begin(&o, out, RMQ_PROPS_MAX + 100);
		rmq_props_add(&o, STR_LIT("a"), s);
		assert_ok(rmq_props_end(&o, &props));
		assert_int_equal(props.len, RMQ_PROPS_MAX);
		s.len++;
		rmq_props_set(&o, STR_LIT("a"), s);
		assert_err(rmq_props_end(&o, &props), ERR_TOO_BIG);
		test_free(out);
	}
	test_free(mem);
}

static void
test_tags_code(void **state)
{
	static const char *const names[] = { "ascii", "latin", "han", "pair" };
	char name[64], code[32];
	struct str text, want;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(names); i++) {
		(void)snprintf(name, sizeof name, "hash.%s", names[i]);
		text = vector_find(name);
		(void)snprintf(name, sizeof name, "hash.%s.code", names[i]);
		want = vector_find(name);
		(void)snprintf(
		    code, sizeof code, "%d", (int32_t)rmq_tags_code(text));
		check_str(want, code);
	}
	assert_int_equal(rmq_tags_code(STR_NONE), 0);
}

static void
test_keys(void **state)
{
	struct str keys = STR_LIT("  k1 k2   k3 "), key;

	(void)state;
	assert_true(rmq_keys_next(&keys, &key));
	check_str(key, "k1");
	assert_true(rmq_keys_next(&keys, &key));
	check_str(key, "k2");
	assert_true(rmq_keys_next(&keys, &key));
	check_str(key, "k3");
	assert_false(rmq_keys_next(&keys, &key));
	assert_false(rmq_keys_next(&keys, &key));
	keys = STR_LIT("one");
	assert_true(rmq_keys_next(&keys, &key));
	check_str(key, "one");
	assert_false(rmq_keys_next(&keys, &key));
	keys = STR_NONE;
	assert_false(rmq_keys_next(&keys, &key));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iterate),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_build_full),
		cmocka_unit_test(test_tags_code),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, load, vectors_free);
}
