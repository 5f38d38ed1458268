/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cbuf.h - the byte encoding of cursor journals and subscription records:
 * LEB128 numbers, 8-byte little-endian words, counted text; a buffer that grows
 * and a reader that remembers whether it ran over the end. Plain values.
 */
#ifndef CORE_CBUF_H
#define CORE_CBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct cbuf {
	uint8_t *p;
	size_t len, cap;
};
#define CBUF_EMPTY ((struct cbuf){ NULL, 0, 0 })

void cbuf_fini(struct cbuf *);
void cbuf_put(struct cbuf *, const void *, size_t);
void cbuf_u8(struct cbuf *, uint8_t);
void cbuf_uint(struct cbuf *, uint64_t); /* LEB128 */
void cbuf_u64(struct cbuf *, uint64_t); /* 8 bytes, little-endian */
void cbuf_str(struct cbuf *, struct str); /* length, bytes */

static inline uint64_t
cbuf_zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

struct cread {
	const uint8_t *p, *end;
	bool bad; /* ran over the end, or a number is too long */
};

uint64_t cread_uint(struct cread *);
uint64_t cread_u64(struct cread *);
struct str cread_str(struct cread *); /* borrowed */

#endif
