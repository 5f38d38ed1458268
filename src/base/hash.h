/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes. Any thread.
 *
 * hash_murmur3_32 and hash_java_string are part of protocols: clients and
 * servers have to agree, so they never change. hash_bytes and hash_u64 are
 * ours, for tables in memory, and keyed: a peer that chooses the keys cannot
 * choose the collisions as long as the seed is secret.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* MurmurHash3 x86 32 bit, as Pulsar's Murmur3_32Hash before its masking. */
uint32_t hash_murmur3_32(uint32_t seed, const void *p, size_t len);
/* Two of them, in one pass: that with seed1 is the upper half. */
uint64_t hash_murmur3_pair(
    uint32_t seed1, uint32_t seed2, const void *p, size_t len);

/*
 * Pulsar's makeHash for partition routing and Key_Shared: murmur3 with seed
 * 0, sign bit cleared.
 */
uint32_t hash_sticky(const void *p, size_t len);

/* Java's String.hashCode for text in UTF-8, whose units are UTF-16. */
uint32_t hash_java_string(const char *p, size_t len);

uint64_t hash_bytes(uint64_t seed, const void *p, size_t len);
uint64_t hash_u64(uint64_t seed, uint64_t v);

#endif
