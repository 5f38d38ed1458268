/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>

#include <murmurhash.h>
#include <xxhash.h>

#include "base/hash.h"
#include "base/vas.h"

uint32_t
hash_murmur3_32(uint32_t seed, const void *p, size_t len)
{
	uint32_t out;

	/* the library counts in unsigned */
	assert(len <= UINT_MAX);
	lmmh_x86_32(p, (unsigned)len, seed, &out);
	return out;
}

uint32_t
hash_sticky(const void *p, size_t len)
{
	return hash_murmur3_32(0, p, len) & 0x7fffffffU;
}

/*
 * Decodes one code point; a byte that is not UTF-8 counts as U+FFFD, as Java
 * does it when it decodes.
 */
static uint32_t
utf8_next(const uint8_t *s, size_t len, size_t *used)
{
	uint32_t c = s[0], min;
	size_t n, i;

	*used = 1;
	if (c < 0x80)
		return c;
	if (c >= 0xc2 && c <= 0xdf) {
		n = 2;
		min = 0x80;
		c &= 0x1f;
	} else if ((c & 0xf0) == 0xe0) {
		n = 3;
		min = 0x800;
		c &= 0x0f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		n = 4;
		min = 0x10000;
		c &= 0x07;
	} else {
		return 0xfffd;
	}
	if (n > len)
		return 0xfffd;
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0xfffd;
		c = c << 6 | (s[i] & 0x3fU);
	}
	if (c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0xfffd;
	*used = n;
	return c;
}

uint32_t
hash_java_string(const char *p, size_t len)
{
	const uint8_t *s = (const uint8_t *)p;
	uint32_t h = 0, c;
	size_t used;

	while (len > 0) {
		c = utf8_next(s, len, &used);
		s += used;
		len -= used;
		if (c >= 0x10000) {
			c -= 0x10000;
			h = 31 * h + (0xd800 + (c >> 10));
			h = 31 * h + (0xdc00 + (c & 0x3ff));
		} else {
			h = 31 * h + c;
		}
	}
	return h;
}

uint64_t
hash_bytes(uint64_t seed, const void *p, size_t len)
{
	return XXH3_64bits_withSeed(p, len, seed);
}

uint64_t
hash_u64(uint64_t seed, uint64_t v)
{
	return XXH3_64bits_withSeed(&v, sizeof v, seed);
}
