/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include <isa-l/crc.h>

#include "base/crc32c.h"

/* the library's length is an int */
#define STEP_MAX ((size_t)1 << 30)

uint32_t
crc32c(uint32_t crc, const void *p, size_t len)
{
	/* the library's pointer lacks a const, it does not write */
	union {
		const void *in;
		unsigned char *lib;
	} u = { .in = p };
	size_t n;

	crc = ~crc;
	while (len > 0) {
		n = len < STEP_MAX ? len : STEP_MAX;
		crc = crc32_iscsi(u.lib, (int)n, crc);
		u.lib += n;
		len -= n;
	}
	return ~crc;
}
