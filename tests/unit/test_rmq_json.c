/* SPDX-License-Identifier: Apache-2.0 */
/* JSON bodies: read (json_body) and written (jw). */
#include <jansson.h>

#include "test.h"

#include "base/mem.h"
#include "rocketmq/json_body.h"
#include "rocketmq/jw.h"

static struct jdoc doc;
static struct strbuf sb;
static char *copy;

static int
setup(void **state)
{
	(void)state;
	jdoc_init(&doc, JDOC_VALUES_MAX);
	strbuf_init(&sb, 1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	jdoc_fini(&doc);
	strbuf_fini(&sb);
	MEM_FREE(copy);
	return 0;
}

static enum err
try(const char *json, const struct jval **root)
{
	size_t n = strlen(json);

	/* its own memory, so that a sanitizer sees a read past its end */
	MEM_FREE(copy);
	copy = mem_alloc(n + (n == 0));
	memcpy(copy, json, n);
	return jdoc_parse(&doc, copy, n, root);
}

static const struct jval *
parse(const char *json)
{
	const struct jval *root;

	assert_ok(try(json, &root));
	assert_non_null(root);
	return root;
}

static void
check_str(struct str got, const char *want)
{
	assert_non_null(got.p);
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.p, want, got.len);
}

/* as a Java 4.x client sends it */
static void
test_heartbeat(void **state)
{
	const struct jval *root, *group, *sub;
	int64_t v = 0;

	(void)state;
	root = parse(
	    "{\"clientID\":\"10.0.0.1@7\",\"consumerDataSet\":[{"
	    "\"consumeFromWhere\":\"CONSUME_FROM_FIRST_OFFSET\","
	    "\"groupName\":\"g\",\"subscriptionDataSet\":["
	    "{\"classFilterMode\":false,\"codeSet\":[2598919],"
	    "\"expressionType\":\"TAG\",\"subString\":\"TagA \\u0026 x\","
	    "\"subVersion\":1700000000123,\"tagsSet\":[\"TagA\"],"
	    "\"topic\":\"T\"},{\"topic\":\"%RETRY%g\"}],\"unitMode\":true}],"
	    "\"producerDataSet\":[{\"groupName\":\"p\"}],\"none\":null}");
	check_str(jval_str(jval_get(root, "clientID")), "10.0.0.1@7");
	group = jval_first(jval_get(root, "consumerDataSet"));
	check_str(jval_str(jval_get(group, "groupName")), "g");
	assert_true(jval_bool(jval_get(group, "unitMode")));
	assert_int_equal(jval_get(group, "subscriptionDataSet")->n, 2);
	sub = jval_first(jval_get(group, "subscriptionDataSet"));
	check_str(jval_str(jval_get(sub, "subString")), "TagA & x");
	assert_false(jval_bool(jval_get(sub, "classFilterMode")));
	assert_ok(jval_i64(jval_get(sub, "subVersion"), &v));
	assert_true(v == 1700000000123LL);
	assert_ok(jval_i64(jval_first(jval_get(sub, "codeSet")), &v));
	assert_true(v == 2598919);
	check_str(jval_str(jval_get(sub->next, "topic")), "%RETRY%g");
	assert_null(sub->next->next);
	/* what is not there */
	assert_null(jval_get(root, "none"));
	assert_null(jval_get(jval_get(root, "none"), "deeper"));
	assert_null(jval_get(sub->next, "subVersion"));
	assert_null(jval_str(NULL).p);
	assert_null(jval_str(group).p);
	assert_null(jval_first(NULL));
	assert_false(jval_bool(NULL));
	assert_err(jval_i64(NULL, &v), ERR_NO_KEY);
	assert_err(jval_i64(group, &v), ERR_INVALID_ARG);
	assert_true(v == 2598919);
}

static void
test_java_maps(void **state)
{
	const struct jval *root, *m;
	int64_t v = 0;

	(void)state;
	root = parse("{0:\"127.0.0.1:10911\",-1:\"x\",true:\"y\"}");
	check_str(jval_str(jval_get(root, "0")), "127.0.0.1:10911");
	check_str(jval_str(jval_get(root, "-1")), "x");
	check_str(jval_str(jval_get(root, "true")), "y");
	root = parse("{\"offsetTable\":{{\"brokerName\":\"b\",\"queueId\":3,"
		     "\"topic\":\"T\"}:17 , {\"queueId\":4}:18}}");
	m = jval_first(jval_get(root, "offsetTable"));
	check_str(jval_str(jval_get(m->key, "brokerName")), "b");
	assert_ok(jval_i64(jval_get(m->key, "queueId"), &v));
	assert_int_equal(v, 3);
	assert_ok(jval_i64(m, &v));
	assert_int_equal(v, 17);
	m = m->next;
	assert_ok(jval_i64(jval_get(m->key, "queueId"), &v));
	assert_int_equal(v, 4);
	assert_null(m->next);
	/* the text of a value is its JSON */
	check_str(m->key->text, "{\"queueId\":4}");
}

static void
test_values(void **state)
{
	const struct jval *root, *m;
	int64_t v = 5;
	int32_t i = 6;

	(void)state;
	root = parse(" [ 1 , \"2\" , -3.5e2 , \"TRUE\" , true , null , \"\" ,"
		     "4294967296 , [ ] , { } ] \n");
	assert_int_equal(root->type, JVAL_ARRAY);
	assert_int_equal(root->n, 10);
	m = root->first;
	assert_ok(jval_i64(m, &v));
	assert_int_equal(v, 1);
	m = m->next;
	assert_ok(jval_i32(m, &i));
	assert_int_equal(i, 2);
	m = m->next;
	assert_err(jval_i64(m, &v), ERR_INVALID_ARG);
	check_str(jval_str(m), "-3.5e2");
	m = m->next;
	assert_true(jval_bool(m));
	m = m->next;
	assert_true(jval_bool(m));
	check_str(jval_str(m), "true");
	m = m->next;
	assert_err(jval_i64(m, &v), ERR_NO_KEY);
	assert_null(jval_str(m).p);
	m = m->next;
	check_str(jval_str(m), "");
	assert_err(jval_i64(m, &v), ERR_INVALID_ARG);
	m = m->next;
	assert_err(jval_i32(m, &i), ERR_INVALID_ARG);
	m = m->next;
	assert_int_equal(m->type, JVAL_ARRAY);
	assert_null(jval_get(m, "x"));
	m = m->next;
	assert_int_equal(m->type, JVAL_OBJECT);
	assert_null(m->next);
	/* the last of two counts */
	root = parse("{\"a\":1,\"a\":2}");
	assert_ok(jval_i64(jval_get(root, "a"), &v));
	assert_int_equal(v, 2);
	root = parse("{\"a\":1,\"a\":null}");
	assert_null(jval_get(root, "a"));
	root = parse("\"alone\"");
	check_str(jval_str(root), "alone");
}

static void
test_limits(void **state)
{
	const struct jval *root;
	struct jdoc small;
	unsigned n, i;

	(void)state;
	for (n = JDOC_DEPTH; n <= JDOC_DEPTH + 1; n++) {
		strbuf_reset(&sb);
		for (i = 0; i < n; i++)
			strbuf_adds(&sb,
			    i % 3 == 0	   ? "[" :
				i % 3 == 1 ? "{\"a\":" :
					     "{1:");
		strbuf_adds(&sb, "1");
		for (i = n; i-- > 0;)
			strbuf_adds(&sb, i % 3 == 0 ? "]" : "}");
		assert_err(try(strbuf_str(&sb), &root),
		    n > JDOC_DEPTH ? ERR_TOO_BIG : ERR_OK);
	}
	jdoc_init(&small, 5);
	assert_ok(jdoc_parse(&small, "[1,2,3,4]", 9, &root));
	assert_err(jdoc_parse(&small, "[1,2,3,4,5]", 11, &root), ERR_TOO_BIG);
	assert_null(root);
	/* keys are values too */
	assert_ok(jdoc_parse(&small, "{1:1,2:2}", 9, &root));
	assert_err(jdoc_parse(&small, "{1:1,2:2,3:3}", 13, &root), ERR_TOO_BIG);
	jdoc_fini(&small);
}

static void
test_many(void **state)
{
	const struct jval *root, *m;
	unsigned round, i;
	char want[32];

	(void)state;
	for (round = 0; round < 3; round++) {
		strbuf_reset(&sb);
		strbuf_addc(&sb, '[');
		for (i = 0; i < 20000; i++)
			strbuf_addf(&sb, "%s\"%u\\n\"", i == 0 ? "" : ",", i);
		strbuf_addc(&sb, ']');
		root = parse(strbuf_str(&sb));
		i = 0;
		JVAL_FOREACH(m, root)
		{
			(void)snprintf(want, sizeof want, "%u\n", i++);
			check_str(jval_str(m), want);
		}
		assert_int_equal(i, 20000);
		root = parse("{\"a\":{\"b\":[]}}");
		assert_int_equal(
		    jval_get(jval_get(root, "a"), "b")->type, JVAL_ARRAY);
	}
}

static void
test_malformed(void **state)
{
	static const char *const bad[] = { "", " ", "{", "[", "{]", "[}",
		"{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[1 2]", "{}{}",
		"nul", "tru", "-", "+1", "1.", ".5", "\"", "\"\\\"",
		"\"\\ud8\"", "{a:1}", "{:1}", "{\"a\":1 \"b\":2}", "[1],",
		"\x01", "'a'" };
	const struct jval *root;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		if (try(bad[i], &root) != ERR_MALFORMED)
			fail_msg("taken: %s", bad[i]);
	assert_null(root);
}

/* ---- writing */

static void
written(struct jw *w, const char *want)
{
	assert_ok(jw_err(w));
	assert_string_equal(strbuf_str(&sb), want);
	strbuf_reset(&sb);
}

static void
test_write(void **state)
{
	struct jw w;

	(void)state;
	strbuf_reset(&sb);
	jw_init(&w, &sb);
	jw_object(&w);
	jw_key_str(&w, "s", STR_LIT("a\"b\001\xff"));
	jw_key_str(&w, "none", STR_NONE);
	jw_key_i64(&w, "min", INT64_MIN);
	jw_key_bool(&w, "yes", true);
	jw_key(&w, "list");
	jw_array(&w);
	jw_i64(&w, 1);
	jw_object(&w);
	jw_end(&w);
	jw_array(&w);
	jw_end(&w);
	jw_null(&w);
	jw_raw(&w, STR_LIT("{\"x\":1}"));
	jw_end(&w);
	jw_name(&w, STR_LIT("n\n"));
	jw_bool(&w, false);
	jw_name_i64(&w, -3);
	jw_str(&w, STR_LIT(""));
	jw_end(&w);
	written(&w,
	    "{\"s\":\"a\\\"b\\u0001\\ufffd\",\"none\":null,"
	    "\"min\":-9223372036854775808,\"yes\":true,"
	    "\"list\":[1,{},[],null,{\"x\":1}],\"n\\n\":false,\"-3\":\"\"}");
	jw_init(&w, &sb);
	jw_i64(&w, 7);
	written(&w, "7");
}

static void
test_write_map(void **state)
{
	const struct jval *root, *m;
	struct jw w;
	int64_t v = 0;
	int i;

	(void)state;
	strbuf_reset(&sb);
	jw_init(&w, &sb);
	jw_object(&w);
	for (i = 0; i < 2; i++) {
		jw_map_key(&w);
		jw_object(&w);
		jw_key_str(&w, "brokerName", STR_LIT("b"));
		jw_key_i64(&w, "queueId", i);
		jw_end(&w);
		jw_i64(&w, 100 + i);
	}
	jw_end(&w);
	assert_string_equal(strbuf_str(&sb),
	    "{{\"brokerName\":\"b\",\"queueId\":0}:100,"
	    "{\"brokerName\":\"b\",\"queueId\":1}:101}");
	assert_ok(jw_err(&w));
	root = parse(strbuf_str(&sb));
	m = root->first->next;
	assert_ok(jval_i64(jval_get(m->key, "queueId"), &v));
	assert_int_equal(v, 1);
	assert_ok(jval_i64(m, &v));
	assert_int_equal(v, 101);
}

static void
test_write_double(void **state)
{
	static const struct {
		double v;
		const char *want;
	} t[] = {
		{ 0, "[0.0]" },
		{ 1, "[1.0]" },
		{ -2.5, "[-2.5]" },
		{ 0.1, "[0.1]" },
		{ 1.0 / 3, "[0.3333333333333333]" },
		{ 1e300, "[1e+300]" },
		{ __builtin_nan(""), "[null]" },
		{ __builtin_inf(), "[null]" },
	};
	struct jw w;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		strbuf_reset(&sb);
		jw_init(&w, &sb);
		jw_array(&w);
		jw_double(&w, t[i].v);
		jw_end(&w);
		written(&w, t[i].want);
	}
}

/* A strict reader takes every byte that we write. */
static void
test_write_strict(void **state)
{
	struct jw w;
	json_t *js;
	unsigned i;
	char two[2];

	(void)state;
	strbuf_reset(&sb);
	jw_init(&w, &sb);
	jw_array(&w);
	for (i = 0; i < 65536; i += 37) {
		two[0] = (char)(i >> 8);
		two[1] = (char)i;
		jw_str(&w, (struct str){ two, 2 });
	}
	jw_end(&w);
	assert_ok(jw_err(&w));
	js = json_loadb(strbuf_str(&sb), sb.len, JSON_ALLOW_NUL, NULL);
	assert_non_null(js);
	assert_int_equal(json_array_size(js), (65536 + 36) / 37);
	json_decref(js);
}

static void
test_write_full(void **state)
{
	struct strbuf small;
	struct jw w;

	(void)state;
	strbuf_init(&small, 10);
	jw_init(&w, &small);
	jw_array(&w);
	jw_str(&w, STR_LIT("0123456789"));
	jw_end(&w);
	assert_err(jw_err(&w), ERR_TOO_BIG);
	strbuf_fini(&small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heartbeat),
		cmocka_unit_test(test_java_maps),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_map),
		cmocka_unit_test(test_write_double),
		cmocka_unit_test(test_write_strict),
		cmocka_unit_test(test_write_full),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
