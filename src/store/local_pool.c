/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Free lists of aligned buffers, by size class, four classes per doubling, so
 * that the hot path never meets fresh pages. The last reference of a buffer may
 * go on any thread: it then lands on an atomic stack, which the shard takes in
 * as a whole. The pool itself lives until the last buffer is back.
 */
#include "store/local_priv.h"

#define CLASSES 44u /* up to 8 MiB */

struct pbuf {
	struct buf b; /* first */
	struct pool *pool;
	struct pbuf *next;
	uint32_t cls, size;
	uint8_t *mem;
};

struct pool {
	unsigned magic;
#define POOL_MAGIC 0x9001b0f5
	_Atomic(struct pbuf *) back;
	_Atomic uint32_t refs; /* one per buffer handed out, one the owner's */
	struct pbuf *free[CLASSES];
	uint64_t used, kept, keep;
};

/* blocks -> class: 1 2 3 4 | 5 6 7 8 | 10 12 14 16 | 20 24 28 32 | ... */
static uint32_t
class_of(uint32_t blocks, uint32_t *rounded)
{
	uint32_t step = 1, base = 0, cls = 0;

	if (blocks <= 8) {
		*rounded = blocks;
		return blocks - 1;
	}
	base = 8;
	cls = 8;
	for (step = 2;; step *= 2) {
		for (int i = 1; i <= 4; i++, cls++)
			if (blocks <= base + step * (uint32_t)i) {
				*rounded = base + step * (uint32_t)i;
				return cls;
			}
		base *= 2;
	}
}

static void
pbuf_delete(struct pbuf *pb)
{
	mem_free(pb->mem);
	mem_free(pb);
}

static void
pool_unref(struct pool *po)
{
	struct pbuf *pb, *next;

	if (atomic_fetch_sub_explicit(&po->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (pb = atomic_load(&po->back); pb != NULL; pb = next) {
		next = pb->next;
		pbuf_delete(pb);
	}
	FREE_OBJ(po);
}

static void
pbuf_back(struct buf *b, void *arg)
{
	struct pbuf *pb = (struct pbuf *)b;
	struct pool *po = arg;

	assert(pb->pool == po);
	pb->next = atomic_load_explicit(&po->back, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&po->back, &pb->next, pb,
	    memory_order_release, memory_order_relaxed))
		;
	pool_unref(po);
}

struct pool *
pool_new(uint64_t keep_bytes)
{
	struct pool *po;

	ALLOC_OBJ(po, POOL_MAGIC);
	atomic_init(&po->refs, 1);
	atomic_init(&po->back, NULL);
	po->keep = keep_bytes;
	return po;
}

void
pool_drain(struct pool *po)
{
	struct pbuf *pb, *next;

	if (atomic_load_explicit(&po->back, memory_order_relaxed) == NULL)
		return;
	pb = atomic_exchange_explicit(&po->back, NULL, memory_order_acquire);
	for (; pb != NULL; pb = next) {
		next = pb->next;
		assert(po->used >= pb->size);
		po->used -= pb->size;
		if (pb->cls >= CLASSES || po->kept + pb->size > po->keep) {
			pbuf_delete(pb);
			continue;
		}
		pb->next = po->free[pb->cls];
		po->free[pb->cls] = pb;
		po->kept += pb->size;
	}
}

struct buf *
pool_get(struct pool *po, uint32_t size)
{
	struct pbuf *pb;
	uint32_t blocks, cls;

	CHECK_OBJ_NOTNULL(po, POOL_MAGIC);
	AN(size);
	cls = class_of((size + DISK_BLOCK - 1) / DISK_BLOCK, &blocks);
	if (cls < CLASSES && po->free[cls] == NULL)
		pool_drain(po);
	if (cls < CLASSES && po->free[cls] != NULL) {
		pb = po->free[cls];
		po->free[cls] = pb->next;
		po->kept -= pb->size;
	} else {
		pb = mem_zalloc(sizeof *pb);
		pb->size = blocks * DISK_BLOCK;
		pb->cls = cls;
		pb->pool = po;
		pb->mem = mem_aligned(DISK_BLOCK, pb->size);
	}
	po->used += pb->size;
	(void)atomic_fetch_add_explicit(&po->refs, 1, memory_order_relaxed);
	buf_init(&pb->b, pb->mem, pb->size, pbuf_back, po);
	return &pb->b;
}

bool
pool_trim(struct pool *po)
{
	struct pbuf *pb;
	uint64_t goal;
	uint32_t cls;

	pool_drain(po);
	goal = po->kept / 2;
	for (cls = CLASSES; cls-- > 0;)
		while (po->kept > goal && (pb = po->free[cls]) != NULL) {
			po->free[cls] = pb->next;
			po->kept -= pb->size;
			pbuf_delete(pb);
		}
	return po->kept > 0;
}

uint64_t
pool_used_bytes(const struct pool *po)
{
	return po->used;
}

uint64_t
pool_kept_bytes(const struct pool *po)
{
	return po->kept;
}

void
pool_free(struct pool **pop)
{
	struct pool *po;
	struct pbuf *pb;

	TAKE_OBJ_NOTNULL(po, pop, POOL_MAGIC);
	for (uint32_t cls = 0; cls < CLASSES; cls++)
		while ((pb = po->free[cls]) != NULL) {
			po->free[cls] = pb->next;
			pbuf_delete(pb);
		}
	pool_unref(po);
}
