/* SPDX-License-Identifier: Apache-2.0 */
/* The map of 64 bit numbers: as map.c, without a stored hash. */
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
umap_init(struct umap *m, uint64_t seed, size_t max)
{
	assert(max <= MAP_MAX);
	INIT_OBJ(m, UMAP_MAGIC);
	m->seed = seed;
	m->max = max;
}

void
umap_fini(struct umap *m)
{
	CHECK_OBJ_NOTNULL(m, UMAP_MAGIC);
	MEM_FREE(m->slots);
	FINI_OBJ(m);
}

static uint32_t
umap_hash(const struct umap *m, uint64_t key)
{
	return (uint32_t)hash_u64(m->seed, key);
}

/* the slot of the key, or the free one where it would go; cap is not 0 */
static struct umap_slot *
umap_find(const struct umap *m, uint32_t hash, uint64_t key)
{
	uint32_t i = hash & (m->cap - 1);
	struct umap_slot *s;

	for (;; i = (i + 1) & (m->cap - 1)) {
		s = &m->slots[i];
		if (s->val == NULL || s->key == key)
			return s;
	}
}

static void
umap_grow(struct umap *m)
{
	struct umap_slot *old = m->slots;
	uint32_t i, j, cap = m->cap;

	m->cap = cap != 0 ? cap * 2 : MAP_FIRST;
	m->top = m->cap;
	m->slots = mem_calloc(m->cap, sizeof *m->slots);
	for (i = 0; i < cap; i++) {
		if (old[i].val == NULL)
			continue;
		j = umap_hash(m, old[i].key) & (m->cap - 1);
		while (m->slots[j].val != NULL)
			j = (j + 1) & (m->cap - 1);
		m->slots[j] = old[i];
	}
	mem_free(old);
}

void *
umap_get(const struct umap *m, uint64_t key)
{
	CHECK_OBJ_NOTNULL(m, UMAP_MAGIC);
	if (m->n == 0)
		return NULL;
	return umap_find(m, umap_hash(m, key), key)->val;
}

enum err
umap_add(struct umap *m, uint64_t key, void *val)
{
	struct umap_slot *s;
	uint32_t hash;

	CHECK_OBJ_NOTNULL(m, UMAP_MAGIC);
	AN(val);
	hash = umap_hash(m, key);
	if (m->cap != 0 && umap_find(m, hash, key)->val != NULL)
		return ERR_EXISTS;
	if (m->n >= m->max)
		return ERR_BUSY;
	if (must_grow(m->n, m->cap))
		umap_grow(m);
	s = umap_find(m, hash, key);
	s->key = key;
	s->val = val;
	m->n++;
	if ((uint32_t)(s - m->slots) >= m->top)
		m->top = (uint32_t)(s - m->slots) + 1;
	return ERR_OK;
}

static void
umap_close_gap(struct umap *m, uint32_t gap)
{
	uint32_t i = gap, mask = m->cap - 1;

	for (;;) {
		i = (i + 1) & mask;
		if (m->slots[i].val == NULL)
			break;
		if (between(gap, umap_hash(m, m->slots[i].key) & mask, i))
			continue;
		m->slots[gap] = m->slots[i];
		gap = i;
	}
	m->slots[gap] = (struct umap_slot){ 0 };
	m->n--;
}

void *
umap_del(struct umap *m, uint64_t key)
{
	struct umap_slot *s;
	void *val;

	CHECK_OBJ_NOTNULL(m, UMAP_MAGIC);
	if (m->n == 0)
		return NULL;
	s = umap_find(m, umap_hash(m, key), key);
	val = s->val;
	if (val != NULL)
		umap_close_gap(m, (uint32_t)(s - m->slots));
	return val;
}

void *
umap_next(const struct umap *m, size_t *it)
{
	CHECK_OBJ_NOTNULL(m, UMAP_MAGIC);
	for (; *it < m->cap; ++*it)
		if (m->slots[*it].val != NULL)
			return m->slots[(*it)++].val;
	return NULL;
}

void *
umap_pop(struct umap *m)
{
	void *val;

	CHECK_OBJ_NOTNULL(m, UMAP_MAGIC);
	while (m->top > 0) {
		val = m->slots[m->top - 1].val;
		if (val != NULL) {
			umap_close_gap(m, m->top - 1);
			return val;
		}
		m->top--;
	}
	AZ(m->n);
	return NULL;
}
