/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input buffers. The last reference may be dropped on any thread: it pushes
 * the buffer on a stack, of which the shard takes everything at once (so there
 * is no ABA), when its own list is empty. A pool lives as long as it has
 * buffers.
 */
#include <stdatomic.h>

#include "net/net_priv.h"
#include "base/miniobj.h"

struct rxbuf {
	struct buf b; /* first */
	struct rxbuf *next;
	struct rxpool *pool;
};

struct rxpool {
	unsigned magic;
#define RXPOOL_MAGIC 0x4b000001
	_Atomic(struct rxbuf *) back;
	_Atomic uint32_t refs; /* ours and one of each buffer there is */
	_Atomic bool closed;
	struct rxbuf *free;
	uint32_t free_n, free_min, bufs_n;
};

static void
unref_pool(struct rxpool *pool)
{
	if (atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_acq_rel) ==
	    1)
		FREE_OBJ(pool);
}

static void
free_bufs(struct rxpool *pool, struct rxbuf *rb)
{
	struct rxbuf *next;

	for (; rb != NULL; rb = next) {
		next = rb->next;
		mem_free(rb);
		unref_pool(pool);
	}
}

/* @locality any: the last reference is gone */
static void
release(struct buf *b, void *arg)
{
	struct rxbuf *rb = (struct rxbuf *)(void *)b;
	struct rxpool *pool;

	CAST_OBJ_NOTNULL(pool, arg, RXPOOL_MAGIC);
	/* the buffer's own reference of the pool may go while we look at it */
	(void)atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed);
	rb->next = atomic_load_explicit(&pool->back, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&pool->back, &rb->next,
	    rb, memory_order_seq_cst, memory_order_relaxed))
		continue;
	if (atomic_load_explicit(&pool->closed, memory_order_seq_cst))
		free_bufs(pool,
		    atomic_exchange_explicit(
			&pool->back, NULL, memory_order_seq_cst));
	unref_pool(pool);
}

struct rxpool *
rxpool_new(void)
{
	struct rxpool *pool;

	ALLOC_OBJ(pool, RXPOOL_MAGIC);
	atomic_init(&pool->refs, 1);
	return pool;
}

static void
absorb(struct rxpool *pool)
{
	struct rxbuf *rb, *next;

	rb = atomic_exchange_explicit(&pool->back, NULL, memory_order_acq_rel);
	for (; rb != NULL; rb = next) {
		next = rb->next;
		rb->next = pool->free;
		pool->free = rb;
		pool->free_n++;
	}
}

struct buf *
rxpool_get(struct rxpool *pool)
{
	struct rxbuf *rb;

	CHECK_OBJ_NOTNULL(pool, RXPOOL_MAGIC);
	if (pool->free == NULL)
		absorb(pool);
	rb = pool->free;
	if (rb != NULL) {
		pool->free = rb->next;
		pool->free_n--;
	} else {
		rb = mem_alloc(sizeof *rb + NET_BUF_BYTES);
		(void)atomic_fetch_add_explicit(
		    &pool->refs, 1, memory_order_relaxed);
		pool->bufs_n++;
	}
	if (pool->free_n < pool->free_min)
		pool->free_min = pool->free_n;
	rb->pool = pool;
	rb->next = NULL;
	buf_init(&rb->b, rb + 1, NET_BUF_BYTES, release, pool);
	rb->b.len = NET_BUF_BYTES;
	return &rb->b;
}

/* Frees what was not used since the last time, except one. */
void
rxpool_trim(struct rxpool *pool)
{
	struct rxbuf *rb;

	CHECK_OBJ_NOTNULL(pool, RXPOOL_MAGIC);
	absorb(pool);
	while (pool->free_min > 1 && pool->free_n > 1) {
		rb = pool->free;
		pool->free = rb->next;
		rb->next = NULL;
		pool->free_n--;
		pool->free_min--;
		pool->bufs_n--;
		free_bufs(pool, rb);
	}
	pool->free_min = pool->free_n;
}

void
rxpool_count(struct rxpool *pool, uint64_t *bufs_n, uint64_t *free_n)
{
	CHECK_OBJ_NOTNULL(pool, RXPOOL_MAGIC);
	absorb(pool);
	*bufs_n = pool->bufs_n;
	*free_n = pool->free_n;
}

void
rxpool_close(struct rxpool **poolp)
{
	struct rxpool *pool;
	struct rxbuf *rb;

	TAKE_OBJ_NOTNULL(pool, poolp, RXPOOL_MAGIC);
	rb = pool->free;
	pool->free = NULL;
	free_bufs(pool, rb);
	atomic_store_explicit(&pool->closed, true, memory_order_seq_cst);
	free_bufs(pool,
	    atomic_exchange_explicit(&pool->back, NULL, memory_order_seq_cst));
	unref_pool(pool);
}
