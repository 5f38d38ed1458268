/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of the hot commands, written by hand over format/wire.h.
 */
#ifndef PULSAR_WIRE_H
#define PULSAR_WIRE_H

#include "format/wire.h"

/*
 * A frame whose submessage is written first and measured after. The caller
 * writes at wire_begin's result, and gives wire_end where it stopped. Commands
 * of type below 16 have one byte of tag, others two. The submessage has to stay
 * under 128 bytes, or (long_sub) may take up to 2 MiB.
 */
static inline uint8_t *
wire_begin(uint8_t *out, unsigned type, bool long_sub)
{
	out = wire_put_u64(out + 8, 1, type);
	out = wire_put_varint(out, WIRE_L(type));
	return out + (long_sub ? 3 : 1);
}

/* body_bytes: what follows the command. Returns the length of what's at out. */
static inline size_t
wire_end(
    uint8_t *out, uint8_t *end, unsigned type, bool long_sub, size_t body_bytes)
{
	uint8_t *sub = wire_begin(out, type, long_sub);
	size_t n = (size_t)(end - sub), len = (size_t)(end - out), gap;

	if (long_sub) {
		/* close the gap before the submessage's length */
		gap = 3 - wire_varint_len(n);
		if (gap != 0)
			memmove(sub - gap, sub, n);
		(void)wire_put_varint(sub - 3, n);
		len -= gap;
	} else
		sub[-1] = (uint8_t)n;
	(void)wire_put_be32(out, (uint32_t)(len - 4 + body_bytes));
	(void)wire_put_be32(out + 4, (uint32_t)(len - 8));
	return len;
}

#endif
