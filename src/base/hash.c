/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>

#include <murmurhash.h>
#include <xxhash.h>

#include "base/hash.h"
#include "base/utf8.h"
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
