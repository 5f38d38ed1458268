/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/mem.h"
#include "base/strbuf.h"

static void
test_build(void **state)
{
	struct strbuf sb;
	char *p;

	(void)state;
	strbuf_init(&sb, 1000);
	assert_string_equal(strbuf_str(&sb), "");
	strbuf_adds(&sb, "abc");
	strbuf_addc(&sb, '-');
	strbuf_addf(&sb, "%d/%s", 12, "x");
	strbuf_addc(&sb, ' ');
	strbuf_add_u64(&sb, UINT64_MAX);
	strbuf_addc(&sb, ' ');
	strbuf_add_i64(&sb, INT64_MIN);
	strbuf_add_u64(&sb, 0);
	assert_ok(strbuf_err(&sb));
	assert_string_equal(strbuf_str(&sb),
	    "abc-12/x 18446744073709551615 -92233720368547758080");
	strbuf_trim(&sb, 3);
	assert_string_equal(strbuf_str(&sb), "abc");
	p = strbuf_take(&sb);
	assert_string_equal(p, "abc");
	mem_free(p);
	assert_int_equal(sb.len, 0);
	p = strbuf_take(&sb);
	assert_string_equal(p, "");
	mem_free(p);
	strbuf_fini(&sb);
}

static void
test_max(void **state)
{
	struct strbuf sb;
	unsigned i;

	(void)state;
	strbuf_init(&sb, 100);
	for (i = 0; i < 100; i++)
		strbuf_addc(&sb, 'x');
	assert_ok(strbuf_err(&sb));
	assert_int_equal(sb.len, 100);
	strbuf_add(&sb, "", 0);
	assert_ok(strbuf_err(&sb));
	strbuf_addc(&sb, 'y');
	assert_err(strbuf_err(&sb), ERR_TOO_BIG);
	assert_string_equal(strbuf_str(&sb), "");
	strbuf_adds(&sb, "more");
	strbuf_addf(&sb, "%d", 1);
	strbuf_trim(&sb, 50);
	assert_err(strbuf_err(&sb), ERR_TOO_BIG);
	strbuf_reset(&sb);
	strbuf_adds(&sb, "more");
	assert_ok(strbuf_err(&sb));
	assert_string_equal(strbuf_str(&sb), "more");
	strbuf_fini(&sb);
}

static void
test_reserve(void **state)
{
	struct strbuf sb;
	char *p;

	(void)state;
	strbuf_init(&sb, 300);
	strbuf_adds(&sb, "a");
	p = strbuf_reserve(&sb, 200);
	memset(p, 'b', 200);
	strbuf_commit(&sb, 2);
	assert_string_equal(strbuf_str(&sb), "abb");
	assert_null(strbuf_reserve(&sb, 298));
	assert_err(strbuf_err(&sb), ERR_TOO_BIG);
	strbuf_fini(&sb);
}

static void
test_json(void **state)
{
	struct strbuf sb;

	(void)state;
	strbuf_init(&sb, 300);
	strbuf_add_json(&sb, "a\"b\\c\n\t\r\x01 \xc3\xa9", 12);
	assert_string_equal(
	    strbuf_str(&sb), "a\\\"b\\\\c\\n\\t\\r\\u0001 \xc3\xa9");
	/* no UTF-8: stray, cut, overlong, surrogate; then U+FFFD itself */
	strbuf_reset(&sb);
	strbuf_add_json(&sb, "\x80z\xc3(\xc0\x80\xed\xa0\x80\xf0\x9f\x98", 12);
	assert_string_equal(strbuf_str(&sb),
	    "\\ufffdz\\ufffd(\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"
	    "\\ufffd");
	strbuf_reset(&sb);
	strbuf_add_json(&sb, "\xef\xbf\xbd\xf0\x9f\x98\x80\x7f", 8);
	assert_string_equal(
	    strbuf_str(&sb), "\xef\xbf\xbd\xf0\x9f\x98\x80\\u007f");
	strbuf_fini(&sb);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_max),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
