/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/be.h"
#include "rocketmq/frame.h"

static enum rframe_verdict
size_of(const char *bytes, size_t n, size_t max, size_t *size)
{
	return rframe_size((const uint8_t *)bytes, n, max, size);
}

static void
test_size(void **state)
{
	size_t n = 77, i;

	(void)state;
	for (i = 0; i < 4; i++) {
		assert_int_equal(
		    size_of("\0\0\0\x10", i, 100, &n), RFRAME_MORE);
		assert_int_equal(n, 0);
	}
	for (i = 4; i <= 8; i++) {
		assert_int_equal(
		    size_of("\0\0\0\x10\0\0\0\x02", i, 100, &n), RFRAME_OK);
		assert_int_equal(n, 20);
	}
	/* the limit counts the length field */
	assert_int_equal(size_of("\0\0\0\x10", 4, 20, &n), RFRAME_OK);
	assert_int_equal(size_of("\0\0\0\x10", 4, 19, &n), RFRAME_TOO_BIG);
	assert_int_equal(n, 0);
	assert_int_equal(size_of("\0\0\0\x04", 4, 19, &n), RFRAME_TOO_SHORT);
	assert_int_equal(size_of("\0\0\0\0", 4, 19, &n), RFRAME_TOO_SHORT);
	assert_int_equal(size_of("\0\0\0\x05", 4, 19, &n), RFRAME_OK);
	assert_int_equal(
	    size_of("\xff\xff\xff\xfe", 4, 1 << 24, &n), RFRAME_TEXT);
	assert_int_equal(size_of("\x01\0\0\0", 4, 1 << 24, &n), RFRAME_TOO_BIG);
}

static void
test_header_length(void **state)
{
	size_t n;

	(void)state;
	/* a body of nothing: 12 bytes of header in a frame of 16 and 4 */
	assert_int_equal(
	    size_of("\0\0\0\x10\1\0\0\x0c", 8, 100, &n), RFRAME_OK);
	assert_int_equal(size_of("\0\0\0\x10\1\0\0\x0d", 8, 100, &n),
	    RFRAME_BAD_HEADER_LENGTH);
	assert_int_equal(size_of("\0\0\0\x10\0\0\0\0", 8, 100, &n),
	    RFRAME_BAD_HEADER_LENGTH);
	assert_int_equal(
	    size_of("\0\0\0\x10\2\0\0\1", 8, 100, &n), RFRAME_BAD_TYPE);
	assert_int_equal(n, 0);
}

static void
test_garbage(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		enum rframe_verdict want;
		enum close_reason why;
	} t[] = {
		{ "\x16", 1, RFRAME_TLS, CLOSE_NOT_OURS },
		{ "\x16\x03\x01\x02\x00\x01", 6, RFRAME_TLS, CLOSE_NOT_OURS },
		{ "GET / HTTP/1.1\r\n", 16, RFRAME_HTTP, CLOSE_NOT_OURS },
		{ "POST", 4, RFRAME_HTTP, CLOSE_NOT_OURS },
		{ "PRI * HTTP/2.0\r\n", 16, RFRAME_HTTP, CLOSE_NOT_OURS },
		{ "hello\r\n", 7, RFRAME_TEXT, CLOSE_NOT_OURS },
		{ "\r\n\r\n", 4, RFRAME_TEXT, CLOSE_NOT_OURS },
		{ "\xff\xfb\x1f\xff", 4, RFRAME_TEXT, CLOSE_NOT_OURS },
		{ "\x7f\x01\x02\x03", 4, RFRAME_TOO_BIG, CLOSE_FRAME_TOO_BIG },
		{ "\0\0\0\1", 4, RFRAME_TOO_SHORT, CLOSE_MALFORMED },
		{ "\0\0\0\x10\7\0\0\1", 8, RFRAME_BAD_TYPE, CLOSE_MALFORMED },
		{ "\0\0\0\x10\0\1\0\0", 8, RFRAME_BAD_HEADER_LENGTH,
		    CLOSE_MALFORMED },
	};
	enum rframe_verdict v;
	size_t i, n;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		v = size_of(t[i].bytes, t[i].n, RFRAME_MAX_DEFAULT, &n);
		assert_int_equal(v, t[i].want);
		assert_int_equal(rframe_close(v), t[i].why);
		assert_true(strlen(rframe_text(v)) > 0);
	}
}

static void
test_parse(void **state)
{
	static const uint8_t with_body[] = { 0, 0, 0, 9, 1, 0, 0, 2, 'h', 'h',
		'b', 'b', 'b' };
	static const uint8_t alone[] = { 0, 0, 0, 6, 0, 0, 0, 2, 'h', 'h' };
	static const uint8_t bad[] = { 0, 0, 0, 6, 0, 0, 0, 3, 'h', 'h' };
	struct rframe fr;

	(void)state;
	assert_int_equal(
	    rframe_parse(with_body, sizeof with_body, &fr), RFRAME_OK);
	assert_int_equal(fr.type, RHEADER_BINARY);
	assert_ptr_equal(fr.header, with_body + 8);
	assert_int_equal(fr.header_n, 2);
	assert_ptr_equal(fr.body, with_body + 10);
	assert_int_equal(fr.body_n, 3);
	assert_int_equal(rframe_parse(alone, sizeof alone, &fr), RFRAME_OK);
	assert_int_equal(fr.type, RHEADER_JSON);
	assert_int_equal(fr.body_n, 0);
	assert_int_equal(
	    rframe_parse(bad, sizeof bad, &fr), RFRAME_BAD_HEADER_LENGTH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_header_length),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
