/* SPDX-License-Identifier: Apache-2.0 */
#include <lz4.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "test.h"

#include "base/compress.h"
#include "base/mem.h"

#define PLAIN_N 100000
#define PACKED_MAX (2 * PLAIN_N)

static uint8_t plain[PLAIN_N];
static uint8_t packed[PACKED_MAX];

static size_t
gzip(const void *in, size_t n)
{
	z_stream z = { 0 };
	union {
		const void *in;
		Bytef *lib;
	} u = { .in = in };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8,
			     Z_DEFAULT_STRATEGY),
	    Z_OK);
	z.next_in = u.lib;
	z.avail_in = (uInt)n;
	z.next_out = packed;
	z.avail_out = PACKED_MAX;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	(void)deflateEnd(&z);
	return z.total_out;
}

/* the libraries' own encoders, in every format */
static size_t
pack(enum compress c, const void *in, size_t n)
{
	size_t out = PACKED_MAX;
	struct buf *b;

	switch (c) {
	case COMPRESS_LZ4_BLOCK:
		return (size_t)LZ4_compress_default(
		    in, (char *)packed, (int)n, PACKED_MAX);
	case COMPRESS_LZ4_FRAME:
		return LZ4F_compressFrame(packed, PACKED_MAX, in, n, NULL);
	case COMPRESS_ZLIB:
		b = compress_deflate(in, n, 6);
		memcpy(packed, b->data, b->len);
		out = b->len;
		buf_unref(&b);
		return out;
	case COMPRESS_GZIP:
		return gzip(in, n);
	case COMPRESS_ZSTD:
		return ZSTD_compress(packed, PACKED_MAX, in, n, 3);
	case COMPRESS_SNAPPY:
		assert_int_equal(
		    snappy_compress(in, n, (char *)packed, &out), SNAPPY_OK);
		return out;
	}
	fail();
	return 0;
}

static const enum compress all[] = { COMPRESS_LZ4_BLOCK, COMPRESS_LZ4_FRAME,
	COMPRESS_ZLIB, COMPRESS_GZIP, COMPRESS_ZSTD, COMPRESS_SNAPPY };

static void
fill(bool random)
{
	uint32_t x = 1;
	size_t i;

	for (i = 0; i < sizeof plain; i++) {
		x = x * 1103515245 + 12345;
		plain[i] = random ? (uint8_t)(x >> 16) : (uint8_t)(i % 100);
	}
}

static void
test_sizes(void **state)
{
	static const size_t sizes[] = { 1, 100, 511, 512, 513, 5000, PLAIN_N };
	struct buf *out;
	size_t i, k, n;
	int random;

	(void)state;
	for (random = 0; random < 2; random++) {
		fill(random);
		for (i = 0; i < NELEM(all); i++)
			for (k = 0; k < NELEM(sizes); k++) {
				n = pack(all[i], plain, sizes[k]);
				assert_ok(compress_inflate(
				    all[i], packed, n, sizes[k], &out));
				assert_int_equal(out->len, sizes[k]);
				assert_memory_equal(out->data, plain, sizes[k]);
				buf_unref(&out);
				assert_ok(compress_inflate(
				    all[i], packed, n, 4 * PLAIN_N, &out));
				assert_int_equal(out->len, sizes[k]);
				buf_unref(&out);
			}
	}
}

static void
test_limit(void **state)
{
	struct buf *out;
	size_t i, n;
	enum err e;

	(void)state;
	fill(false);
	for (i = 0; i < NELEM(all); i++) {
		n = pack(all[i], plain, PLAIN_N);
		e = compress_inflate(all[i], packed, n, PLAIN_N - 1, &out);
		/* a block doesn't say how long it is */
		assert_int_equal(e,
		    all[i] == COMPRESS_LZ4_BLOCK ? ERR_MALFORMED : ERR_TOO_BIG);
		assert_null(out);
		assert_err(compress_inflate(all[i], packed, 0, PLAIN_N, &out),
		    ERR_MALFORMED);
	}
}

static void
test_damage(void **state)
{
	struct buf *out;
	uint8_t *cut;
	size_t i, n, k;

	(void)state;
	fill(false);
	for (i = 0; i < NELEM(all); i++) {
		n = pack(all[i], plain, 2000);
		for (k = 1; k < n; k += k < 40 ? 1 : 17) {
			cut = test_malloc(k);
			memcpy(cut, packed, k);
			if (compress_inflate(all[i], cut, k, 2000, &out) ==
			    ERR_OK) {
				assert_int_equal(all[i], COMPRESS_LZ4_BLOCK);
				assert_true(out->len < 2000);
				buf_unref(&out);
			}
			test_free(cut);
		}
		if (all[i] == COMPRESS_LZ4_BLOCK || all[i] == COMPRESS_SNAPPY)
			continue;
		packed[0] ^= 0x55;
		assert_err(compress_inflate(all[i], packed, n, 2000, &out),
		    ERR_MALFORMED);
	}
}

/* Frames one after the other are one text, for lz4 and zstd. */
static void
test_frames(void **state)
{
	static const enum compress t[] = { COMPRESS_LZ4_FRAME, COMPRESS_ZSTD };
	uint8_t two[4096];
	struct buf *out;
	size_t i, n;

	(void)state;
	fill(false);
	for (i = 0; i < NELEM(t); i++) {
		n = pack(t[i], plain, 700);
		memcpy(two, packed, n);
		memcpy(two + n, packed, n);
		assert_ok(compress_inflate(t[i], two, 2 * n, 10000, &out));
		assert_int_equal(out->len, 1400);
		assert_memory_equal(out->data, plain, 700);
		assert_memory_equal(out->data + 700, plain, 700);
		buf_unref(&out);
		assert_err(compress_inflate(t[i], two, 2 * n, 1000, &out),
		    ERR_TOO_BIG);
	}
}

/* A frame that asks for a window of 2 GiB, or claims as much content. */
static void
test_claims(void **state)
{
	/* magic; descriptor: single segment, 8 bytes of size; raw block */
	static const uint8_t size[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0,
		0x80, 0, 0, 0, 0, 1, 0, 0 };
	/* descriptor: window of 2 GiB, no size; last raw block of 3 bytes */
	static const uint8_t window[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8,
		0x19, 0, 0, 'a', 'b', 'c' };
	struct buf *out;

	(void)state;
	assert_err(
	    compress_inflate(COMPRESS_ZSTD, size, sizeof size, 1 << 20, &out),
	    ERR_TOO_BIG);
	assert_ok(compress_inflate(
	    COMPRESS_ZSTD, window, sizeof window, 1 << 20, &out));
	assert_int_equal(out->len, 3);
	buf_unref(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
