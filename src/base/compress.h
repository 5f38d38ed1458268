/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressed bodies, as the clients of both protocols write them, and tokens.
 *
 * What comes out is bounded: neither more bytes than max are made, nor more
 * memory than some times that is used, whatever the input claims. The block
 * formats (LZ4_BLOCK, SNAPPY) don't end by themselves: max has to be the size
 * that the envelope names, or more.
 *
 * Any thread; no state.
 */
#ifndef BASE_COMPRESS_H
#define BASE_COMPRESS_H

#include "base/buf.h"
#include "base/cdefs.h"
#include "base/err.h"

enum compress {
	COMPRESS_LZ4_BLOCK, /* Pulsar's */
	COMPRESS_LZ4_FRAME, /* RocketMQ's */
	COMPRESS_ZLIB,
	COMPRESS_GZIP, /* tokens may be */
	COMPRESS_ZSTD,
	COMPRESS_SNAPPY
};

/*
 * *out: what was compressed, a buf of the caller's (its len counts).
 * ERR_TOO_BIG: more than max bytes; ERR_MALFORMED: not of this format, or cut.
 */
enum err compress_inflate(enum compress, const void *in, size_t n, size_t max,
    struct buf **out) MUST_CHECK;

/* Of zlib, which every client inflates; level 1 to 9. */
struct buf *compress_deflate(const void *in, size_t n, int level);

#endif
