/* SPDX-License-Identifier: Apache-2.0 */
/* The small ones of src/base about text and bytes: num, base64, utf8, be, str,
 * crc32. */
#include <stdio.h>

#include "test.h"

#include "base/base64.h"
#include "base/be.h"
#include "base/crc32.h"
#include "base/num.h"
#include "base/utf8.h"

static void
test_num(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t v;
	} t[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "+12", true, 12 },
		{ "007", true, 7 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "99999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "-", false, 0 },
		{ "+", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "0x1", false, 0 },
		{ "1.0", false, 0 },
	};
	int64_t v;
	int32_t i32 = 5;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		v = 99;
		assert_err(num_i64(str_of(t[i].text), &v),
		    t[i].ok ? ERR_OK : ERR_INVALID_ARG);
		assert_true(v == (t[i].ok ? t[i].v : 99));
	}
	assert_ok(num_i32(STR_LIT("-2147483648"), &i32));
	assert_int_equal(i32, INT32_MIN);
	assert_err(num_i32(STR_LIT("2147483648"), &i32), ERR_INVALID_ARG);
	assert_err(num_i32(STR_LIT("-2147483649"), &i32), ERR_INVALID_ARG);
	assert_int_equal(i32, INT32_MIN);
}

static void
test_num_put(void **state)
{
	static const int64_t t[] = { 0, 1, -1, 10, INT64_MAX, INT64_MIN };
	char text[NUM_MAX], want[32];
	size_t i, n;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		(void)snprintf(want, sizeof want, "%lld", (long long)t[i]);
		n = num_put(text, t[i]);
		assert_int_equal(n, strlen(want));
		assert_memory_equal(text, want, n);
	}
}

static void
test_base64(void **state)
{
	/* RFC 4648, 10, and bytes that differ in the two alphabets */
	static const struct {
		const char *plain, *text, *url;
	} t[] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg==" },
		{ "fo", "Zm8=", "Zm8=" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xfb\xff\xbf", "+/+/", "-_-_" },
	};
	static const char *const bad[] = { "Z",
		"Zg=", "Zg===", "Zh==", "Zm9=", "Zm9vY", "Z m8",
		"Zm8=Zm8=", "=", "==", "====", "Zm9v=", "Zm9v\n" };
	uint8_t plain[16];
	char text[16];
	size_t i, n;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		n = base64_encode(text, t[i].plain, strlen(t[i].plain), false);
		assert_int_equal(n, strlen(t[i].text));
		assert_int_equal(n, BASE64_ENCODED(strlen(t[i].plain)));
		assert_memory_equal(text, t[i].text, n);
		n = base64_encode(text, t[i].plain, strlen(t[i].plain), true);
		assert_memory_equal(text, t[i].url, n);
		assert_ok(
		    base64_decode(str_of(t[i].text), plain, sizeof plain, &n));
		assert_int_equal(n, strlen(t[i].plain));
		assert_memory_equal(plain, t[i].plain, n);
		assert_ok(base64_decode(str_of(t[i].url), plain, n, &n));
		assert_memory_equal(plain, t[i].plain, n);
		if (n > 0)
			assert_err(
			    base64_decode(str_of(t[i].text), plain, n - 1, &n),
			    ERR_TOO_BIG);
	}
	assert_ok(base64_decode(STR_LIT("Zm8"), plain, sizeof plain, &n));
	assert_int_equal(n, 2);
	for (i = 0; i < NELEM(bad); i++)
		if (base64_decode(str_of(bad[i]), plain, sizeof plain, &n) !=
		    ERR_MALFORMED)
			fail_msg("taken: %s", bad[i]);
}

static void
test_utf8(void **state)
{
	uint32_t c;
	size_t n, used;
	char p[UTF8_MAX];

	(void)state;
	/* every character there and back */
	for (c = 0; c <= 0x10ffff; c++) {
		n = utf8_put(p, c);
		if (c >= 0xd800 && c <= 0xdfff) {
			assert_int_equal(n, 3);
			assert_memory_equal(p, "\xef\xbf\xbd", 3);
			continue;
		}
		if (utf8_next((uint8_t *)p, n, &used) != c || used != n)
			fail_msg("U+%04x", c);
		if (n > 1 &&
		    (utf8_next((uint8_t *)p, n - 1, &used) != UTF8_BAD ||
			used != 1))
			fail_msg("U+%04x, cut", c);
	}
	assert_int_equal(utf8_put(p, 0x110000), 3);
	assert_int_equal(
	    utf8_next((const uint8_t *)"\xf4\x90\x80\x80", 4, &used), UTF8_BAD);
}

static void
test_be(void **state)
{
	uint8_t b[9];

	(void)state;
	be16_put(b + 1, 0x0102);
	assert_memory_equal(b + 1, "\1\2", 2);
	assert_int_equal(be16_get(b + 1), 0x0102);
	be32_put(b + 1, 0x01020304);
	assert_memory_equal(b + 1, "\1\2\3\4", 4);
	assert_int_equal(be32_get(b + 1), 0x01020304);
	be64_put(b + 1, 0x0102030405060708ULL);
	assert_memory_equal(b + 1, "\1\2\3\4\5\6\7\10", 8);
	assert_true(be64_get(b + 1) == 0x0102030405060708ULL);
}

static void
test_word(void **state)
{
	struct str s = STR_LIT("a,,b");

	(void)state;
	assert_true(str_eq(str_word(&s, ','), STR_LIT("a")));
	assert_true(str_eq(str_word(&s, ','), STR_LIT("")));
	assert_int_equal(s.len, 1);
	assert_true(str_eq(str_word(&s, ','), STR_LIT("b")));
	assert_int_equal(s.len, 0);
	assert_int_equal(str_word(&s, ',').len, 0);
	s = STR_NONE;
	assert_int_equal(str_word(&s, ',').len, 0);
}

static void
test_crc32(void **state)
{
	(void)state;
	assert_int_equal(crc32_zip(0, "", 0), 0);
	assert_int_equal(crc32_zip(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(
	    crc32_zip(crc32_zip(0, "1234", 4), "56789", 5), 0xcbf43926);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_num),
		cmocka_unit_test(test_num_put),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_be),
		cmocka_unit_test(test_word),
		cmocka_unit_test(test_crc32),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
