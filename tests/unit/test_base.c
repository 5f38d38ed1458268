/* SPDX-License-Identifier: Apache-2.0 */
/* The small ones of src/base: err, mem, miniobj, crc32c, hash. */
#include "test.h"

#include "base/crc32c.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/miniobj.h"

static void
test_crc32c(void **state)
{
	(void)state;
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

static void
test_crc32c_rfc3720(void **state)
{
	uint8_t b[32];
	unsigned i;

	(void)state;
	/* RFC 3720, B.4 */
	memset(b, 0, sizeof b);
	assert_int_equal(crc32c(0, b, sizeof b), 0x8a9136aa);
	memset(b, 0xff, sizeof b);
	assert_int_equal(crc32c(0, b, sizeof b), 0x62a8ab43);
	for (i = 0; i < sizeof b; i++)
		b[i] = (uint8_t)i;
	assert_int_equal(crc32c(0, b, sizeof b), 0x46dd794e);
}

static void
test_murmur3(void **state)
{
	static const char odd[] = "x\xff\xfe\x80zabc";

	(void)state;
	assert_int_equal(hash_murmur3_32(0, "", 0), 0);
	assert_int_equal(hash_murmur3_32(1, "", 0), 0x514e28b7);
	assert_int_equal(hash_murmur3_32(0, "test", 4), 0xba6bd213);
	assert_int_equal(hash_murmur3_32(0, "Hello, world!", 13), 0xc0363e43);
	/* rests of each length, bytes over 127, a text that isn't aligned */
	assert_int_equal(hash_murmur3_32(7, "a", 1), 0xeddd7e27);
	assert_int_equal(hash_murmur3_32(7, "\xff\xfe", 2), 0x2b645960);
	assert_int_equal(hash_murmur3_32(7, "\xff\xfe\x80", 3), 0xd2908962);
	assert_int_equal(hash_murmur3_32(7, odd + 1, 7), 0x427ba283);
	assert_int_equal(hash_sticky("test", 4), 0x3a6bd213);
	assert_int_equal(hash_murmur3_pair(7, 0, "test", 4),
	    (uint64_t)hash_murmur3_32(7, "test", 4) << 32 | 0xba6bd213);
}

static void
test_java_string(void **state)
{
	(void)state;
	assert_int_equal(hash_java_string("", 0), 0);
	assert_int_equal(hash_java_string("hello", 5), 99162322);
	/* "\u00e9" is the one unit 0xe9 */
	assert_int_equal(hash_java_string("\xc3\xa9", 2), 0xe9);
	/* U+1F600 is D83D DE00 */
	assert_int_equal(
	    hash_java_string("\xf0\x9f\x98\x80", 4), 31 * 0xd83d + 0xde00);
	/* a lone byte that is not UTF-8 */
	assert_int_equal(hash_java_string("\xff", 1), 0xfffd);
	assert_int_equal(hash_java_string("\xe2\x82", 1), 0xfffd);
}

static void
test_keyed(void **state)
{
	(void)state;
	assert_true(hash_bytes(1, "a", 1) == hash_bytes(1, "a", 1));
	assert_true(hash_bytes(1, "a", 1) != hash_bytes(2, "a", 1));
	assert_true(hash_u64(1, 7) != hash_u64(2, 7));
}

static void
test_err(void **state)
{
	struct diag d;
	int e;

	(void)state;
	assert_string_equal(err_name(ERR_NO_TOPIC), "NO_TOPIC");
	assert_int_equal(err_pulsar(ERR_NO_TOPIC), 11);
	assert_int_equal(err_rocketmq(ERR_NO_TOPIC), 17);
	assert_int_equal(err_http(ERR_NO_TOPIC), 404);
	assert_int_equal(err_grpc(ERR_NO_TOPIC), 40402);
	assert_int_equal(err_http(ERR_OK), 200);
	for (e = ERR_OK + 1; e < ERR__MAX; e++) {
		assert_true(err_text((enum err)e)[0] != '\0');
		assert_in_range(err_pulsar((enum err)e), 0, 25);
		assert_in_range(err_http((enum err)e), 400, 599);
		assert_in_range(err_grpc((enum err)e), 40000, 59999);
		assert_true(err_rocketmq((enum err)e) > 0);
		/* clients take these for stored */
		assert_false(err_rocketmq((enum err)e) >= 10 &&
		    err_rocketmq((enum err)e) <= 12);
	}

	diag_clear(&d);
	assert_string_equal(diag_text(&d, ERR_IO), "Input/output error");
	assert_err(diag_set(&d, ERR_IO, "segment %d", 7), ERR_IO);
	diag_wrap(&d, "topic %s", "t");
	assert_string_equal(diag_text(&d, ERR_IO), "topic t: segment 7");
	assert_err(diag_set(NULL, ERR_IO, "nobody reads this"), ERR_IO);
	diag_wrap(NULL, "nor this");
	assert_string_equal(diag_text(NULL, ERR_EOF), "End of data");
}

static void
test_diag_cut(void **state)
{
	struct diag d;
	char big[600];

	(void)state;
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	(void)diag_set(&d, ERR_IO, "%s", big);
	assert_int_equal(strlen(d.msg), sizeof d.msg - 1);
	diag_wrap(&d, "front");
	assert_int_equal(strlen(d.msg), sizeof d.msg - 1);
	assert_memory_equal(d.msg, "front: xxx", 10);
}

static void
test_mem(void **state)
{
	char *p;

	(void)state;
	p = mem_strndup("abcdef", 3);
	assert_string_equal(p, "abc");
	mem_free(p);
	p = mem_zalloc(100);
	assert_int_equal(p[99], 0);
	p = mem_reallocarray(p, 20, 10);
	MEM_FREE(p);
	assert_null(p);
	p = mem_aligned(4096, 100);
	assert_int_equal((uintptr_t)p & 4095, 0);
	mem_free(p);
	p = mem_printf("%d-%s", 4, "x");
	assert_string_equal(p, "4-x");
	mem_free(p);
	p = mem_alloc(0);
	assert_non_null(p);
	mem_free(p);
	mem_free(NULL);
}

struct thing {
	unsigned magic;
#define THING_MAGIC 0x7e57ab1e
	int n;
};

static void
test_miniobj(void **state)
{
	struct thing *t, *u, emb;
	void *v;

	(void)state;
	ALLOC_OBJ(t, THING_MAGIC);
	CHECK_OBJ_NOTNULL(t, THING_MAGIC);
	assert_int_equal(t->n, 0);
	v = t;
	CAST_OBJ_NOTNULL(u, v, THING_MAGIC);
	TAKE_OBJ_NOTNULL(u, &t, THING_MAGIC);
	assert_null(t);
	CHECK_OBJ_ORNULL(t, THING_MAGIC);
	FREE_OBJ(u);
	assert_null(u);
	emb.n = 4;
	INIT_OBJ(&emb, THING_MAGIC);
	assert_int_equal(emb.n, 0);
	FINI_OBJ(&emb);
	assert_int_equal(emb.magic, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c),
		cmocka_unit_test(test_crc32c_rfc3720),
		cmocka_unit_test(test_murmur3),
		cmocka_unit_test(test_java_string),
		cmocka_unit_test(test_keyed),
		cmocka_unit_test(test_err),
		cmocka_unit_test(test_diag_cut),
		cmocka_unit_test(test_mem),
		cmocka_unit_test(test_miniobj),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
