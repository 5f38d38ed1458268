/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear probing; a deletion moves the followers back, so there are no
 * tombstones and a table that was once large is as fast as a fresh one. What is
 * hashed is the number of a block of neighbours, so that entries which come and
 * go in order share cache lines; blocks lie at random, so that runs far apart
 * don't pile up on each other.
 */
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/vas.h"
#include "core/lease.h"

#define SLAB_N 256
#define BLOCK 8u /* neighbours in the table */
#define CAP_MIN 16u

struct lease_slab {
	struct lease_slab *next;
	struct lease v[SLAB_N];
};

void
lease_pool_init(struct lease_pool *pool)
{
	memset(pool, 0, sizeof *pool);
	TAILQ_INIT(&pool->free);
}

static void
drop_slabs(struct lease_pool *pool)
{
	struct lease_slab *s;

	AZ(pool->used);
	TAILQ_INIT(&pool->free);
	while ((s = pool->slabs) != NULL) {
		pool->slabs = s->next;
		mem_free(s);
	}
	pool->slabs_n = 0;
}

void
lease_pool_fini(struct lease_pool *pool)
{
	drop_slabs(pool);
}

static struct lease *
pool_take(struct lease_pool *pool)
{
	struct lease_slab *s;
	struct lease *l;
	unsigned i;

	if (TAILQ_EMPTY(&pool->free)) {
		s = mem_alloc(sizeof *s);
		s->next = pool->slabs;
		pool->slabs = s;
		pool->slabs_n++;
		for (i = 0; i < SLAB_N; i++)
			TAILQ_INSERT_TAIL(&pool->free, &s->v[i], link);
	}
	l = TAILQ_FIRST(&pool->free);
	TAILQ_REMOVE(&pool->free, l, link);
	pool->used++;
	memset(l, 0, sizeof *l);
	return l;
}

static void
pool_give(struct lease_pool *pool, struct lease *l)
{
	AN(pool->used);
	TAILQ_INSERT_HEAD(&pool->free, l, link);
	pool->used--;
	/* what a burst needed is given back once it is over */
	if (pool->used == 0 && pool->slabs_n > 16)
		drop_slabs(pool);
}

static uint32_t
hash_pos(struct pos p)
{
	return (uint32_t)hash_u64(p.ledger, (uint64_t)p.entry / BLOCK) * BLOCK +
	    (uint32_t)p.entry % BLOCK;
}

void
lease_table_init(struct lease_table *lt)
{
	memset(lt, 0, sizeof *lt);
}

void
lease_table_fini(struct lease_table *lt, struct lease_pool *pool)
{
	uint32_t i;

	for (i = 0; i < lt->cap; i++)
		if (lt->slots[i].l != NULL)
			pool_give(pool, lt->slots[i].l);
	MEM_FREE(lt->slots);
	lt->cap = lt->n = 0;
}

static void
resize(struct lease_table *lt, uint32_t cap)
{
	struct lease_slot *old = lt->slots;
	uint32_t n = lt->cap, i, k;

	lt->slots = mem_calloc(cap, sizeof *lt->slots);
	lt->cap = cap;
	for (i = 0; i < n; i++) {
		if (old[i].l == NULL)
			continue;
		for (k = old[i].hash & (cap - 1); lt->slots[k].l != NULL;)
			k = (k + 1) & (cap - 1);
		lt->slots[k] = old[i];
	}
	mem_free(old);
}

struct lease *
lease_table_get(const struct lease_table *lt, struct pos p)
{
	uint32_t h, k;

	if (lt->n == 0)
		return NULL;
	h = hash_pos(p);
	for (k = h & (lt->cap - 1); lt->slots[k].l != NULL;
	     k = (k + 1) & (lt->cap - 1))
		if (lt->slots[k].hash == h && pos_eq(lt->slots[k].l->pos, p))
			return lt->slots[k].l;
	return NULL;
}

struct lease *
lease_table_add(struct lease_table *lt, struct lease_pool *pool, struct pos p)
{
	struct lease *l;
	uint32_t h = hash_pos(p), k;

	if (lt->n + 1 > lt->cap / 2) {
		assert(lt->cap <= UINT32_MAX / 2);
		resize(lt, lt->cap != 0 ? lt->cap * 2 : CAP_MIN);
	}
	for (k = h & (lt->cap - 1); lt->slots[k].l != NULL;
	     k = (k + 1) & (lt->cap - 1))
		assert(
		    lt->slots[k].hash != h || !pos_eq(lt->slots[k].l->pos, p));
	l = pool_take(pool);
	l->pos = p;
	lt->slots[k].l = l;
	lt->slots[k].hash = h;
	lt->n++;
	return l;
}

void
lease_table_del(
    struct lease_table *lt, struct lease_pool *pool, struct lease **lp)
{
	struct lease *l = *lp;
	uint32_t mask = lt->cap - 1, k, j, home;

	*lp = NULL;
	AN(lt->n);
	for (k = hash_pos(l->pos) & mask; lt->slots[k].l != l;
	     k = (k + 1) & mask)
		AN(lt->slots[k].l);
	for (j = (k + 1) & mask; lt->slots[j].l != NULL; j = (j + 1) & mask) {
		home = lt->slots[j].hash & mask;
		/* may slot j move to the hole k? not if its home lies in (k, j] */
		if (((j - home) & mask) >= ((j - k) & mask)) {
			lt->slots[k] = lt->slots[j];
			k = j;
		}
	}
	lt->slots[k].l = NULL;
	lt->n--;
	pool_give(pool, l);
	if (lt->n == 0 && lt->cap > 1024) {
		MEM_FREE(lt->slots);
		lt->cap = 0;
	} else if (lt->cap > 1024 && lt->n < lt->cap / 8)
		resize(lt, lt->cap / 2);
}

struct lease *
lease_table_next(const struct lease_table *lt, uint32_t *it)
{
	while (*it < lt->cap) {
		if (lt->slots[*it].l != NULL)
			return lt->slots[(*it)++].l;
		(*it)++;
	}
	return NULL;
}
