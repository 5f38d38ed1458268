/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash maps from strings (struct map) or from 64 bit numbers (struct umap) to
 * pointers that are not NULL.
 *
 * Both are keyed with a seed that the creator passes: give a random one where
 * a peer chooses the keys, any constant where replay must not depend on it.
 * The order of iteration follows from the seed.
 *
 * A map owns neither keys nor values: the key of a struct map is memory that
 * must stay as it is while the entry is in the map (the name inside of the
 * object, usually). Every map has a maximum number of entries. Iteration
 * (MAP_FOREACH, UMAP_FOREACH) must not add; it may delete nothing but must
 * collect first. map_pop empties a map one by one.
 *
 * Open addressing, at most 3/4 full, 24 and 16 bytes a slot; grows by two.
 * One thread.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct map_slot {
	const char *key;
	void *val; /* NULL: free */
	uint32_t klen;
	uint32_t hash;
};

struct map {
	unsigned magic;
#define MAP_MAGIC 0x3a9b0001
	uint32_t cap; /* slots: 0 or a power of two */
	uint32_t top; /* the slots from here on are free */
	size_t n, max;
	uint64_t seed;
	struct map_slot *slots;
};

struct umap_slot {
	uint64_t key;
	void *val; /* NULL: free */
};

struct umap {
	unsigned magic;
#define UMAP_MAGIC 0x3a9b0002
	uint32_t cap, top;
	size_t n, max;
	uint64_t seed;
	struct umap_slot *slots;
};

/* max: entries, at most 2^30 */
void map_init(struct map *, uint64_t seed, size_t max);
/* the map need not be empty */
void map_fini(struct map *);
void *map_get(const struct map *, const char *key, size_t klen);
/* ERR_EXISTS if the key is there, ERR_BUSY if the map is full */
enum err map_add(
    struct map *, const char *key, size_t klen, void *val) MUST_CHECK;
/* takes the entry out; its value, or NULL if there is none */
void *map_del(struct map *, const char *key, size_t klen);
/* takes any entry out; NULL if the map is empty */
void *map_pop(struct map *);
/* the next value from *it (start with 0), NULL at the end */
void *map_next(const struct map *, size_t *it);

void umap_init(struct umap *, uint64_t seed, size_t max);
void umap_fini(struct umap *);
void *umap_get(const struct umap *, uint64_t key);
enum err umap_add(struct umap *, uint64_t key, void *val) MUST_CHECK;
void *umap_del(struct umap *, uint64_t key);
void *umap_pop(struct umap *);
void *umap_next(const struct umap *, size_t *it);

/* for (every val in m); it is a size_t */
#define MAP_FOREACH(val, m, it) \
	for ((it) = 0; ((val) = map_next((m), &(it))) != NULL;)
#define UMAP_FOREACH(val, m, it) \
	for ((it) = 0; ((val) = umap_next((m), &(it))) != NULL;)

#endif
