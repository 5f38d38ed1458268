/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear probing. A deletion moves later entries of the same run back, so
 * that there are no tombstones and a lookup ends at the first free slot.
 */
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/miniobj.h"

#define MAP_FIRST 8U
#define MAP_MAX ((size_t)1 << 30)

static bool
must_grow(size_t n, uint32_t cap)
{
	return (n + 1) * 4 > (size_t)cap * 3;
}

/* is i cyclically in (from, to]? */
static bool
between(uint32_t from, uint32_t i, uint32_t to)
{
	return from <= to ? from < i && i <= to : from < i || i <= to;
}

void
map_init(struct map *m, uint64_t seed, size_t max)
{
	assert(max <= MAP_MAX);
	INIT_OBJ(m, MAP_MAGIC);
	m->seed = seed;
	m->max = max;
}

void
map_fini(struct map *m)
{
	CHECK_OBJ_NOTNULL(m, MAP_MAGIC);
	MEM_FREE(m->slots);
	FINI_OBJ(m);
}

static uint32_t
map_hash(const struct map *m, const char *key, size_t klen)
{
	assert(klen <= UINT32_MAX);
	return (uint32_t)hash_bytes(m->seed, key, klen);
}

/* the slot of the key, or the free one where it would go; cap is not 0 */
static struct map_slot *
map_find(const struct map *m, uint32_t hash, const char *key, size_t klen)
{
	uint32_t i = hash & (m->cap - 1);
	struct map_slot *s;

	for (;; i = (i + 1) & (m->cap - 1)) {
		s = &m->slots[i];
		if (s->val == NULL)
			return s;
		if (s->hash == hash && s->klen == klen &&
		    (klen == 0 || memcmp(s->key, key, klen) == 0))
			return s;
	}
}

static void
map_grow(struct map *m)
{
	struct map_slot *old = m->slots;
	uint32_t i, j, cap = m->cap;

	m->cap = cap != 0 ? cap * 2 : MAP_FIRST;
	m->top = m->cap;
	m->slots = mem_calloc(m->cap, sizeof *m->slots);
	for (i = 0; i < cap; i++) {
		if (old[i].val == NULL)
			continue;
		j = old[i].hash & (m->cap - 1);
		while (m->slots[j].val != NULL)
			j = (j + 1) & (m->cap - 1);
		m->slots[j] = old[i];
	}
	mem_free(old);
}

void *
map_get(const struct map *m, const char *key, size_t klen)
{
	CHECK_OBJ_NOTNULL(m, MAP_MAGIC);
	if (m->n == 0)
		return NULL;
	return map_find(m, map_hash(m, key, klen), key, klen)->val;
}

enum err
map_add(struct map *m, const char *key, size_t klen, void *val)
{
	struct map_slot *s;
	uint32_t hash;

	CHECK_OBJ_NOTNULL(m, MAP_MAGIC);
	AN(val);
	hash = map_hash(m, key, klen);
	if (m->cap != 0 && map_find(m, hash, key, klen)->val != NULL)
		return ERR_EXISTS;
	if (m->n >= m->max)
		return ERR_BUSY;
	if (must_grow(m->n, m->cap))
		map_grow(m);
	s = map_find(m, hash, key, klen);
	s->key = key;
	s->klen = (uint32_t)klen;
	s->hash = hash;
	s->val = val;
	m->n++;
	if ((uint32_t)(s - m->slots) >= m->top)
		m->top = (uint32_t)(s - m->slots) + 1;
	return ERR_OK;
}

static void
map_close_gap(struct map *m, uint32_t gap)
{
	uint32_t i = gap, mask = m->cap - 1;

	for (;;) {
		i = (i + 1) & mask;
		if (m->slots[i].val == NULL)
			break;
		if (between(gap, m->slots[i].hash & mask, i))
			continue;
		m->slots[gap] = m->slots[i];
		gap = i;
	}
	m->slots[gap] = (struct map_slot){ 0 };
	m->n--;
}

void *
map_del(struct map *m, const char *key, size_t klen)
{
	struct map_slot *s;
	void *val;

	CHECK_OBJ_NOTNULL(m, MAP_MAGIC);
	if (m->n == 0)
		return NULL;
	s = map_find(m, map_hash(m, key, klen), key, klen);
	val = s->val;
	if (val != NULL)
		map_close_gap(m, (uint32_t)(s - m->slots));
	return val;
}

void *
map_next(const struct map *m, size_t *it)
{
	CHECK_OBJ_NOTNULL(m, MAP_MAGIC);
	for (; *it < m->cap; ++*it)
		if (m->slots[*it].val != NULL)
			return m->slots[(*it)++].val;
	return NULL;
}

void *
map_pop(struct map *m)
{
	void *val;

	CHECK_OBJ_NOTNULL(m, MAP_MAGIC);
	while (m->top > 0) {
		val = m->slots[m->top - 1].val;
		if (val != NULL) {
			map_close_gap(m, m->top - 1);
			return val;
		}
		m->top--;
	}
	AZ(m->n);
	return NULL;
}
