/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <string.h>

/* its functions become ours: keys are short, and a call is most of their cost */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash.h"
#include "base/utf8.h"

static uint32_t
rotl32(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static uint32_t
murmur3_mix(uint32_t k)
{
	return rotl32(k * 0xcc9e2d51U, 15) * 0x1b873593U;
}

static uint32_t
murmur3_add(uint32_t h, uint32_t k)
{
	return rotl32(h ^ k, 13) * 5 + 0xe6546b64U;
}

/* The last 1 to 3 bytes */
static uint32_t
murmur3_rest(const uint8_t *s, size_t n)
{
	uint32_t k = 0;

	while (n > 0)
		k = k << 8 | s[--n];
	return murmur3_mix(k);
}

static uint32_t
murmur3_end(uint32_t h, size_t len)
{
	h ^= (uint32_t)len;
	h = (h ^ h >> 16) * 0x85ebca6bU;
	h = (h ^ h >> 13) * 0xc2b2ae35U;
	return h ^ h >> 16;
}

/* libmurmurhash takes three times as long: it reads byte by byte. */
static inline uint64_t
murmur3(uint32_t seed1, uint32_t seed2, const void *p, size_t len)
{
	const uint8_t *s = p, *end = s + len / 4 * 4;
	uint32_t k;

	for (; s != end; s += 4) {
		memcpy(&k, s, 4);
		k = murmur3_mix(le32toh(k));
		seed1 = murmur3_add(seed1, k);
		seed2 = murmur3_add(seed2, k);
	}
	if (len % 4 != 0) {
		k = murmur3_rest(s, len % 4);
		seed1 ^= k;
		seed2 ^= k;
	}
	return (uint64_t)murmur3_end(seed1, len) << 32 |
	    murmur3_end(seed2, len);
}

uint64_t
hash_murmur3_pair(uint32_t seed1, uint32_t seed2, const void *p, size_t len)
{
	return murmur3(seed1, seed2, p, len);
}

uint32_t
hash_murmur3_32(uint32_t seed, const void *p, size_t len)
{
	return (uint32_t)murmur3(0, seed, p, len);
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
