/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>

#include <lz4.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "base/compress.h"

#define FIRST_FACTOR 4 /* of the input's size: the first guess */
#define FIRST_MIN 512

/* ---- output that grows up to max */

struct out {
	struct buf *b;
	size_t max;
};

static size_t
first_size(size_t in_n, size_t max)
{
	size_t n = in_n > max / FIRST_FACTOR ? max : in_n * FIRST_FACTOR;

	if (n < FIRST_MIN)
		n = FIRST_MIN;
	return n < max ? n : max;
}

static void
out_init(struct out *o, size_t in_n, size_t max)
{
	o->max = max;
	o->b = buf_new((uint32_t)first_size(in_n, max));
}

/* Twice the room, with what is there; false: is max already. */
static bool
out_grow(struct out *o)
{
	size_t cap = o->b->cap;
	struct buf *b;

	if (cap >= o->max)
		return false;
	cap = cap > o->max / 2 ? o->max : cap * 2;
	b = buf_new((uint32_t)cap);
	memcpy(b->data, o->b->data, o->b->len);
	b->len = o->b->len;
	buf_unref(&o->b);
	o->b = b;
	return true;
}

/* ---- formats that say where they end */

/* window: zlib's windowBits, which also say whether it is zlib or gzip */
static enum err
inflate_zlib(const void *in, size_t n, struct out *o, int window)
{
	z_stream z = { 0 };
	union {
		const void *in;
		Bytef *lib;
	} u = { .in = in };
	enum err e = ERR_MALFORMED;
	size_t room;
	int r;

	if (inflateInit2(&z, window) != Z_OK)
		return ERR_INTERNAL;
	z.next_in = u.lib;
	z.avail_in = (uInt)n;
	for (;;) {
		room = o->b->cap - o->b->len;
		z.next_out = o->b->data + o->b->len;
		z.avail_out = (uInt)room;
		r = inflate(&z, Z_NO_FLUSH);
		o->b->len += (uint32_t)(room - z.avail_out);
		if (r == Z_STREAM_END) {
			e = ERR_OK;
			break;
		}
		if ((r != Z_OK && r != Z_BUF_ERROR) || z.avail_out != 0)
			break; /* damaged, or wants more than there is */
		if (!out_grow(o)) {
			e = ERR_TOO_BIG;
			break;
		}
	}
	(void)inflateEnd(&z);
	return e;
}

static enum err
inflate_lz4_frame(const uint8_t *in, size_t n, struct out *o)
{
	LZ4F_dctx *dctx;
	size_t hint = 1, in_n, room;
	enum err e = ERR_OK;

	if (LZ4F_isError(LZ4F_createDecompressionContext(&dctx, LZ4F_VERSION)))
		return ERR_INTERNAL;
	/* frames may follow each other */
	while (n > 0) {
		in_n = n;
		room = o->b->cap - o->b->len;
		hint = LZ4F_decompress(
		    dctx, o->b->data + o->b->len, &room, in, &in_n, NULL);
		if (LZ4F_isError(hint)) {
			e = ERR_MALFORMED;
			break;
		}
		o->b->len += (uint32_t)room;
		in += in_n;
		n -= in_n;
		if (n > 0 && o->b->len == o->b->cap && !out_grow(o)) {
			e = ERR_TOO_BIG;
			break;
		}
		if (in_n == 0 && room == 0 && o->b->len < o->b->cap) {
			e = ERR_MALFORMED;
			break;
		}
	}
	/* what was taken in may still have to come out */
	while (e == ERR_OK && hint != 0) {
		if (o->b->len == o->b->cap && !out_grow(o)) {
			e = ERR_TOO_BIG;
			break;
		}
		in_n = 0;
		room = o->b->cap - o->b->len;
		hint = LZ4F_decompress(
		    dctx, o->b->data + o->b->len, &room, in, &in_n, NULL);
		if (LZ4F_isError(hint) || (hint != 0 && room == 0))
			e = ERR_MALFORMED;
		else
			o->b->len += (uint32_t)room;
	}
	(void)LZ4F_freeDecompressionContext(dctx);
	return e;
}

/* At one go, for a stream would have as large a window as the input asks for. */
static enum err
inflate_zstd(const void *in, size_t n, struct out *o)
{
	unsigned long long size = ZSTD_getFrameContentSize(in, n);
	size_t got;

	if (size == ZSTD_CONTENTSIZE_ERROR)
		return ERR_MALFORMED;
	if (size != ZSTD_CONTENTSIZE_UNKNOWN && size > o->max)
		return ERR_TOO_BIG;
	for (;;) {
		got = ZSTD_decompress(o->b->data, o->b->cap, in, n);
		if (!ZSTD_isError(got)) {
			o->b->len = (uint32_t)got;
			return ERR_OK;
		}
		/* 70: ZSTD_error_dstSize_tooSmall, which has no stable header */
		if (ZSTD_getErrorName(got) != ZSTD_getErrorName((size_t)-70))
			return ERR_MALFORMED;
		if (!out_grow(o))
			return ERR_TOO_BIG;
	}
}

/* ---- blocks */

static enum err
inflate_lz4_block(const void *in, size_t n, struct out *o)
{
	int got;

	if (n > INT_MAX || o->max > INT_MAX)
		return ERR_TOO_BIG;
	while (o->b->cap < o->max)
		(void)out_grow(o);
	got =
	    LZ4_decompress_safe(in, (char *)o->b->data, (int)n, (int)o->b->cap);
	if (got < 0)
		return ERR_MALFORMED; /* or longer than was said */
	o->b->len = (uint32_t)got;
	return ERR_OK;
}

static enum err
inflate_snappy(const void *in, size_t n, struct out *o)
{
	size_t size;

	if (snappy_uncompressed_length(in, n, &size) != SNAPPY_OK)
		return ERR_MALFORMED;
	if (size > o->max)
		return ERR_TOO_BIG;
	while (o->b->cap < size)
		(void)out_grow(o);
	size = o->b->cap;
	if (snappy_uncompress(in, n, (char *)o->b->data, &size) != SNAPPY_OK)
		return ERR_MALFORMED;
	o->b->len = (uint32_t)size;
	return ERR_OK;
}

enum err
compress_inflate(
    enum compress c, const void *in, size_t n, size_t max, struct buf **out)
{
	struct out o;
	enum err e = ERR_NOT_SUPPORTED;

	*out = NULL;
	if (n > UINT_MAX || max > UINT32_MAX)
		return ERR_TOO_BIG;
	if (n == 0)
		return ERR_MALFORMED;
	out_init(&o, n, max);
	switch (c) {
	case COMPRESS_LZ4_BLOCK:
		e = inflate_lz4_block(in, n, &o);
		break;
	case COMPRESS_LZ4_FRAME:
		e = inflate_lz4_frame(in, n, &o);
		break;
	case COMPRESS_ZLIB:
		e = inflate_zlib(in, n, &o, MAX_WBITS);
		break;
	case COMPRESS_GZIP:
		e = inflate_zlib(in, n, &o, MAX_WBITS + 16);
		break;
	case COMPRESS_ZSTD:
		e = inflate_zstd(in, n, &o);
		break;
	case COMPRESS_SNAPPY:
		e = inflate_snappy(in, n, &o);
		break;
	}
	if (e == ERR_OK)
		*out = o.b;
	else
		buf_unref(&o.b);
	return e;
}

struct buf *
compress_deflate(const void *in, size_t n, int level)
{
	uLongf len = compressBound(n);
	struct buf *b;
	int r;

	assert(len <= UINT32_MAX);
	b = buf_new((uint32_t)len);
	r = compress2(b->data, &len, in, n, level);
	assert(r == Z_OK);
	b->len = (uint32_t)len;
	return b;
}
