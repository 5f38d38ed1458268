/* SPDX-License-Identifier: Apache-2.0 */
#include "base/compress.h"
#include "format/rmq_body.h"

/* CompressionType of the clients; 0 is what they wrote before there was one */
enum {
	TYPE_OLD = 0,
	TYPE_LZ4 = 1,
	TYPE_ZSTD = 2,
	TYPE_ZLIB = 3
};

#define ZLIB_LEVEL 1 /* it is made for one reader, not to be kept */

static unsigned
type_of(int32_t sys_flag)
{
	return (unsigned)(sys_flag & RMQ_SYS_COMPRESSION_MASK) >>
	    RMQ_SYS_COMPRESSION_SHIFT;
}

bool
rmq_body_is_modern(int32_t sys_flag)
{
	unsigned type = type_of(sys_flag);

	return (sys_flag & RMQ_SYS_COMPRESSED) != 0 &&
	    (type == TYPE_LZ4 || type == TYPE_ZSTD);
}

enum err
rmq_body_inflate(
    int32_t sys_flag, struct str body, size_t max, struct buf **out)
{
	*out = NULL;
	switch (type_of(sys_flag)) {
	case TYPE_OLD:
	case TYPE_ZLIB:
		return compress_inflate(
		    COMPRESS_ZLIB, body.p, body.len, max, out);
	case TYPE_LZ4:
		return compress_inflate(
		    COMPRESS_LZ4_FRAME, body.p, body.len, max, out);
	case TYPE_ZSTD:
		return compress_inflate(
		    COMPRESS_ZSTD, body.p, body.len, max, out);
	default:
		return ERR_NOT_SUPPORTED;
	}
}

enum err
rmq_body_to_zlib(
    int32_t *sys_flag, struct str body, size_t max, struct buf **out, size_t *n)
{
	struct buf *plain;
	enum err e;

	e = rmq_body_inflate(*sys_flag, body, max, &plain);
	if (e != ERR_OK)
		return e;
	*n = plain->len;
	*out = compress_deflate(plain->data, plain->len, ZLIB_LEVEL);
	buf_unref(&plain);
	*sys_flag = (*sys_flag & ~RMQ_SYS_COMPRESSION_MASK) |
	    TYPE_ZLIB << RMQ_SYS_COMPRESSION_SHIFT;
	return ERR_OK;
}
