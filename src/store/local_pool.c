/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aligned buffers by size class, four classes per doubling, so that the hot
 * path never meets fresh pages.
 *
 * Up to 64 KiB they are cut from slabs, which go back to the system when all of
 * a slab is free. Nothing of it is the heap's, which would be left in holes.
 * Bigger ones come one behind the other from regions of a huge page, since the
 * disk reads and writes them without a copy (os/pages.h). A region is begun anew
 * when all that came from it is back: groups leave the cache in the order in which
 * they came, and so regions empty; what is read has others, for it goes sooner.
 * Those over a region's size, and in a pool that is too small to keep regions all,
 * have memory of their own.
 * What counts as used is what can't be given back: everything but empty slabs
 * and regions and free big buffers.
 *
 * The last reference of a buffer may go on any thread: it then lands on an
 * atomic stack, which the shard takes in as a whole. The pool itself lives
 * until the last buffer is back.
 */
#include "os/pages.h"
#include "store/local_priv.h"

#define CLASSES 44u /* up to 8 MiB */
#define CLASSES_PER_DOUBLING 4u
#define SLAB_CLASSES 12u /* of them up to 64 KiB */
#define SLAB_MIN (16u << 10)
#define SLAB_MAX (256u << 10)
#define REGION ((uint32_t)PAGES_HUGE)
#define REGION_MIN (64u << 10) /* less than the least that is cut from it */
#define REGION_BUFS (REGION / REGION_MIN)
#define OPEN_MAX 4u /* regions with room that are looked at */

struct slab;
struct region;

struct pbuf {
	struct buf b; /* first */
	struct pool *pool;
	struct slab *slab; /* either, or memory of its own */
	struct region *region;
	struct pbuf *next;
	uint32_t cls, size;
	uint8_t *mem;
};

struct slab {
	struct pbuf *free;
	uint32_t n, used;
	uint32_t cls;
	uint8_t *mem;
	bool listed; /* has free ones */
	TAILQ_ENTRY(slab) list;
	LIST_ENTRY(slab) all;
	struct pbuf pb[];
};
TAILQ_HEAD(slab_list, slab);

struct region {
	uint8_t *mem;
	uint32_t at; /* where the next one begins */
	uint32_t n; /* of pb, which were given out since it was begun */
	uint32_t out; /* of them, not back yet */
	struct open_list *open; /* it is there; NULL: full, or spare */
	TAILQ_ENTRY(region) list; /* of those with room, or spare */
	LIST_ENTRY(region) all;
	struct pbuf pb[REGION_BUFS];
};
TAILQ_HEAD(region_list, region);

struct open_list {
	struct region_list regions; /* the longest open first */
	uint32_t n;
};

struct pool {
	unsigned magic;
#define POOL_MAGIC 0x9001b0f5
	_Atomic(struct pbuf *) back;
	_Atomic uint32_t refs; /* one per buffer handed out, one the owner's */
	struct slab_list
	    slabs[SLAB_CLASSES]; /* with free ones; empty ones last */
	LIST_HEAD(, slab) all;
	LIST_HEAD(, region) regions;
	struct open_list open[2]; /* by enum pool_stay */
	struct region_list spare;
	struct pbuf *free[CLASSES]; /* with memory of their own */
	uint64_t held; /* from the system */
	/* of it, what could be given back: half of keep is for each, else what
	 * one load has left would send all buffers of the next to the system */
	uint64_t kept_slabs, kept_big; /* big: regions as well */
	uint64_t keep;
	uint32_t slab_size; /* smaller in a small pool */
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

/* --- slabs ---------------------------------------------------------------- */

static uint64_t
slab_bytes(const struct slab *sl)
{
	return (uint64_t)sl->n * (sl->pb[0].size + sizeof sl->pb[0]);
}

static void
slab_put(struct slab *sl, struct pbuf *pb)
{
	pb->next = sl->free;
	sl->free = pb;
}

static struct slab *
slab_new(struct pool *po, uint32_t cls, uint32_t size)
{
	uint32_t n = po->slab_size / size;
	struct slab *sl =
	    mem_zalloc(sizeof *sl + (size_t)n * sizeof(struct pbuf));

	sl->n = n;
	sl->cls = cls;
	sl->mem = pages_new((size_t)n * size);
	for (uint32_t i = n; i-- > 0;) {
		sl->pb[i].pool = po;
		sl->pb[i].slab = sl;
		sl->pb[i].cls = cls;
		sl->pb[i].size = size;
		sl->pb[i].mem = sl->mem + (size_t)i * size;
		slab_put(sl, &sl->pb[i]);
	}
	LIST_INSERT_HEAD(&po->all, sl, all);
	TAILQ_INSERT_HEAD(&po->slabs[cls], sl, list);
	sl->listed = true;
	po->held += slab_bytes(sl);
	po->kept_slabs += slab_bytes(sl);
	return sl;
}

static void
slab_delete(struct pool *po, struct slab *sl)
{
	assert(sl->used == 0);
	po->held -= slab_bytes(sl);
	po->kept_slabs -= slab_bytes(sl);
	TAILQ_REMOVE(&po->slabs[sl->cls], sl, list);
	LIST_REMOVE(sl, all);
	pages_free(sl->mem, (size_t)sl->n * sl->pb[0].size);
	mem_free(sl);
}

static struct pbuf *
slab_get(struct pool *po, uint32_t cls, uint32_t size)
{
	struct slab *sl = TAILQ_FIRST(&po->slabs[cls]);
	struct pbuf *pb;

	if (sl == NULL)
		sl = slab_new(po, cls, size);
	pb = sl->free;
	sl->free = pb->next;
	if (sl->used++ == 0)
		po->kept_slabs -= slab_bytes(sl);
	if (sl->free == NULL) {
		TAILQ_REMOVE(&po->slabs[cls], sl, list);
		sl->listed = false;
	}
	return pb;
}

static void
slab_return(struct pool *po, struct pbuf *pb)
{
	struct slab *sl = pb->slab;

	assert(sl->used > 0);
	slab_put(sl, pb);
	if (!sl->listed)
		TAILQ_INSERT_HEAD(&po->slabs[sl->cls], sl, list);
	sl->listed = true;
	if (--sl->used > 0)
		return;
	po->kept_slabs += slab_bytes(sl);
	if (po->kept_slabs > po->keep / 2) {
		slab_delete(po, sl);
		return;
	}
	TAILQ_REMOVE(&po->slabs[sl->cls], sl, list);
	TAILQ_INSERT_TAIL(&po->slabs[sl->cls], sl, list);
}

/* --- big ones ------------------------------------------------------------- */

static uint64_t
big_bytes(const struct pbuf *pb)
{
	return (uint64_t)pb->size + sizeof *pb;
}

static void
big_delete(struct pool *po, struct pbuf *pb)
{
	po->held -= big_bytes(pb);
	pages_free(pb->mem, pb->size);
	mem_free(pb);
}

static struct pbuf *
big_get(struct pool *po, uint32_t cls, uint32_t size)
{
	struct pbuf *pb;

	/* One of up to twice the size is better than fresh pages: the sizes of
	 * groups vary, and the pool would seldom have just the wanted one. */
	for (uint32_t c = cls; c <= cls + CLASSES_PER_DOUBLING && c < CLASSES;
	     c++) {
		if ((pb = po->free[c]) == NULL)
			continue;
		po->free[c] = pb->next;
		po->kept_big -= big_bytes(pb);
		return pb;
	}
	pb = mem_zalloc(sizeof *pb);
	pb->size = size;
	pb->cls = cls;
	pb->pool = po;
	pb->mem = pages_new(size);
	po->held += big_bytes(pb);
	return pb;
}

/* Smaller ones make way: a big one can stand for them, not they for it. */
static void
big_make_way(struct pool *po, uint32_t cls, uint64_t bytes)
{
	struct pbuf *small;

	for (uint32_t c = 0; c < cls && c < CLASSES; c++)
		while (po->kept_big + bytes > po->keep / 2 &&
		    (small = po->free[c]) != NULL) {
			po->free[c] = small->next;
			po->kept_big -= big_bytes(small);
			big_delete(po, small);
		}
}

static void
big_return(struct pool *po, struct pbuf *pb)
{
	big_make_way(po, pb->cls, big_bytes(pb));
	if (pb->cls >= CLASSES || po->kept_big + big_bytes(pb) > po->keep / 2) {
		big_delete(po, pb);
		return;
	}
	pb->next = po->free[pb->cls];
	po->free[pb->cls] = pb;
	po->kept_big += big_bytes(pb);
}

/* --- regions -------------------------------------------------------------- */

static bool
region_suits(const struct pool *po, uint32_t size)
{
	return size <= REGION && po->keep >= 2 * REGION;
}

static struct region *
region_new(struct pool *po)
{
	struct region *rg = TAILQ_FIRST(&po->spare);

	if (rg != NULL) {
		TAILQ_REMOVE(&po->spare, rg, list);
		po->kept_big -= REGION;
	} else {
		rg = mem_zalloc(sizeof *rg);
		rg->mem = pages_new_huge();
		LIST_INSERT_HEAD(&po->regions, rg, all);
		po->held += REGION;
	}
	rg->at = rg->n = 0;
	return rg;
}

static void
region_delete(struct pool *po, struct region *rg)
{
	AZ(rg->out);
	LIST_REMOVE(rg, all);
	po->held -= REGION;
	pages_free(rg->mem, REGION);
	mem_free(rg);
}

static void
region_open(struct open_list *ol, struct region *rg)
{
	rg->open = ol;
	TAILQ_INSERT_TAIL(&ol->regions, rg, list);
	ol->n++;
}

static void
region_shut(struct region *rg)
{
	TAILQ_REMOVE(&rg->open->regions, rg, list);
	rg->open->n--;
	rg->open = NULL;
}

static struct pbuf *
region_get(struct pool *po, uint32_t size, enum pool_stay stay)
{
	struct open_list *ol = &po->open[stay];
	struct region *rg;
	struct pbuf *pb;

	TAILQ_FOREACH(rg, &ol->regions, list)
		if (REGION - rg->at >= size)
			break;
	if (rg == NULL) {
		if (ol->n == OPEN_MAX)
			region_shut(TAILQ_FIRST(&ol->regions));
		rg = region_new(po);
		region_open(ol, rg);
	}
	assert(rg->n < REGION_BUFS);
	pb = &rg->pb[rg->n++];
	pb->pool = po;
	pb->region = rg;
	pb->size = size;
	pb->mem = rg->mem + rg->at;
	rg->at += size;
	rg->out++;
	if (REGION - rg->at <= REGION_MIN)
		region_shut(rg);
	return pb;
}

static void
region_return(struct pool *po, struct region *rg)
{
	AN(rg->out);
	if (--rg->out > 0)
		return;
	if (rg->open != NULL)
		region_shut(rg);
	big_make_way(po, CLASSES, REGION);
	if (po->kept_big + REGION > po->keep / 2) {
		region_delete(po, rg);
		return;
	}
	TAILQ_INSERT_HEAD(&po->spare, rg, list);
	po->kept_big += REGION;
}

static void
spare_delete(struct pool *po)
{
	struct region *rg = TAILQ_FIRST(&po->spare);

	TAILQ_REMOVE(&po->spare, rg, list);
	po->kept_big -= REGION;
	region_delete(po, rg);
}

/* --- the pool ------------------------------------------------------------- */

static void
pool_unref(struct pool *po)
{
	struct pbuf *pb, *next;
	struct region *rg;
	struct slab *sl;

	if (atomic_fetch_sub_explicit(&po->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (pb = atomic_load(&po->back); pb != NULL; pb = next) {
		next = pb->next;
		if (pb->slab == NULL && pb->region == NULL)
			big_delete(po, pb);
	}
	while ((rg = LIST_FIRST(&po->regions)) != NULL) {
		LIST_REMOVE(rg, all);
		pages_free(rg->mem, REGION);
		mem_free(rg);
	}
	while ((sl = LIST_FIRST(&po->all)) != NULL) {
		LIST_REMOVE(sl, all);
		pages_free(sl->mem, (size_t)sl->n * sl->pb[0].size);
		mem_free(sl);
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
	for (uint32_t cls = 0; cls < SLAB_CLASSES; cls++)
		TAILQ_INIT(&po->slabs[cls]);
	LIST_INIT(&po->all);
	LIST_INIT(&po->regions);
	TAILQ_INIT(&po->spare);
	TAILQ_INIT(&po->open[POOL_BRIEF].regions);
	TAILQ_INIT(&po->open[POOL_CACHED].regions);
	po->keep = keep_bytes;
	po->slab_size = SLAB_MIN;
	while (po->slab_size < SLAB_MAX && po->slab_size < keep_bytes / 8)
		po->slab_size *= 2;
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
		if (pb->slab != NULL)
			slab_return(po, pb);
		else if (pb->region != NULL)
			region_return(po, pb->region);
		else
			big_return(po, pb);
	}
}

struct buf *
pool_get(struct pool *po, uint32_t size, enum pool_stay stay)
{
	struct pbuf *pb;
	uint32_t blocks, cls;

	CHECK_OBJ_NOTNULL(po, POOL_MAGIC);
	AN(size);
	cls = class_of((size + DISK_BLOCK - 1) / DISK_BLOCK, &blocks);
	if (cls < SLAB_CLASSES && blocks * DISK_BLOCK * 2 <= po->slab_size) {
		if (TAILQ_EMPTY(&po->slabs[cls]))
			pool_drain(po);
		pb = slab_get(po, cls, blocks * DISK_BLOCK);
	} else if (region_suits(po, size)) {
		if (TAILQ_EMPTY(&po->spare))
			pool_drain(po);
		size = (size + DISK_BLOCK - 1) & ~(DISK_BLOCK - 1);
		pb = region_get(po, size, stay);
	} else {
		if (cls < CLASSES && po->free[cls] == NULL)
			pool_drain(po);
		pb = big_get(po, cls, blocks * DISK_BLOCK);
	}
	(void)atomic_fetch_add_explicit(&po->refs, 1, memory_order_relaxed);
	buf_init(&pb->b, pb->mem, pb->size, pbuf_back, po);
	return &pb->b;
}

bool
pool_trim(struct pool *po)
{
	struct pbuf *pb;
	struct slab *sl;
	uint64_t goal;
	uint32_t cls;

	pool_drain(po);
	goal = pool_kept_bytes(po) / 2;
	while (pool_kept_bytes(po) > goal && !TAILQ_EMPTY(&po->spare))
		spare_delete(po);
	for (cls = CLASSES; cls-- > 0;)
		while (pool_kept_bytes(po) > goal &&
		    (pb = po->free[cls]) != NULL) {
			po->free[cls] = pb->next;
			po->kept_big -= big_bytes(pb);
			big_delete(po, pb);
		}
	for (cls = SLAB_CLASSES; cls-- > 0;)
		while (pool_kept_bytes(po) > goal &&
		    (sl = TAILQ_LAST(&po->slabs[cls], slab_list)) != NULL &&
		    sl->used == 0)
			slab_delete(po, sl);
	return pool_kept_bytes(po) > 0;
}

uint64_t
pool_used_bytes(const struct pool *po)
{
	return po->held - pool_kept_bytes(po);
}

uint64_t
pool_kept_bytes(const struct pool *po)
{
	return po->kept_slabs + po->kept_big;
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
			big_delete(po, pb);
		}
	pool_unref(po);
}
