/* SPDX-License-Identifier: Apache-2.0 */
#include "net/quota.h"

#include <stdatomic.h>

#include "base/hash.h"
#include "base/miniobj.h"

/* a slot: 44 bits of the address's hash, 20 of how many it has; 0: free */
#define COUNT_BITS 20
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)

_Static_assert(QUOTA_MAX <= COUNT_MASK, "a count has 20 bits");

struct quota {
	unsigned magic;
#define QUOTA_MAGIC 0x9007a001
	uint64_t seed;
	unsigned max, max_per_address;
	_Atomic unsigned n;
	_Atomic uint64_t *slots; /* NULL: addresses are not counted */
};

struct quota *
quota_new(uint64_t seed, unsigned max, unsigned max_per_address)
{
	struct quota *q;

	assert(max <= QUOTA_MAX && max_per_address <= QUOTA_MAX);
	ALLOC_OBJ(q, QUOTA_MAGIC);
	q->seed = seed;
	q->max = max;
	q->max_per_address = max_per_address;
	if (max_per_address > 0)
		q->slots = mem_calloc(QUOTA_SLOTS, sizeof *q->slots);
	return q;
}

void
quota_free(struct quota **qp)
{
	struct quota *q;

	TAKE_OBJ_NOTNULL(q, qp, QUOTA_MAGIC);
	AZ(atomic_load(&q->n));
	mem_free(q->slots);
	FREE_OBJ(q);
}

unsigned
quota_n(const struct quota *q)
{
	CHECK_OBJ_NOTNULL(q, QUOTA_MAGIC);
	return atomic_load_explicit(&q->n, memory_order_relaxed);
}

/* What a round over an address's slots has found. */
struct look {
	uint32_t own, vacant; /* slot + 1; 0: none */
	uint64_t was; /* what own held */
	uint64_t n; /* of the address; in several slots, where two made one */
};

static struct look
look_at(const struct quota *q, uint64_t tag, uint32_t first)
{
	struct look l = { 0 };
	uint32_t i;
	uint64_t v;

	for (i = first; i < first + QUOTA_WAY; i++) {
		v = atomic_load_explicit(&q->slots[i], memory_order_relaxed);
		if (v == 0 && l.vacant == 0)
			l.vacant = i + 1;
		if (v == 0 || (v & ~COUNT_MASK) != tag)
			continue;
		l.n += v & COUNT_MASK;
		l.own = i + 1;
		l.was = v;
	}
	return l;
}

/* False: another shard was faster. */
static bool
take_slot(struct quota *q, uint64_t tag, const struct look *l, uint32_t *slot)
{
	uint64_t was = l->was;

	*slot = l->own != 0 ? l->own : l->vacant;
	return atomic_compare_exchange_strong(
	    &q->slots[*slot - 1], &was, l->own != 0 ? l->was + 1 : tag | 1);
}

static bool
take_address(struct quota *q, uint64_t owner, uint32_t *slot)
{
	uint64_t h = hash_u64(q->seed, owner);
	uint64_t tag = h & ~COUNT_MASK;
	uint32_t first = (uint32_t)(h % (QUOTA_SLOTS / QUOTA_WAY)) * QUOTA_WAY;
	struct look l;

	do {
		l = look_at(q, tag, first);
		if (l.n >= q->max_per_address)
			return false;
		if (l.own == 0 && l.vacant == 0) {
			*slot = 0;
			return true;
		}
	} while (!take_slot(q, tag, &l, slot));
	return true;
}

static void
leave_address(struct quota *q, uint32_t slot)
{
	_Atomic uint64_t *p = &q->slots[slot - 1];
	uint64_t v = atomic_load_explicit(p, memory_order_relaxed);

	do {
		AN(v & COUNT_MASK);
	} while (!atomic_compare_exchange_weak(
	    p, &v, (v & COUNT_MASK) == 1 ? 0 : v - 1));
}

enum quota_said
quota_enter(
    struct quota *q, const struct sock_addr *from, struct quota_pass *pass)
{
	uint32_t slot = 0;
	uint64_t owner;

	*pass = (struct quota_pass){ 0 };
	if (q == NULL)
		return QUOTA_FREE;
	CHECK_OBJ_NOTNULL(q, QUOTA_MAGIC);
	if (atomic_fetch_add(&q->n, 1) >= q->max && q->max > 0) {
		atomic_fetch_sub(&q->n, 1);
		return QUOTA_FULL;
	}
	if (q->slots != NULL && sock_addr_owner(from, &owner) &&
	    !take_address(q, owner, &slot)) {
		atomic_fetch_sub(&q->n, 1);
		return QUOTA_FULL_ADDRESS;
	}
	pass->quota = q;
	pass->slot = slot;
	return QUOTA_FREE;
}

void
quota_leave(struct quota_pass *pass)
{
	struct quota *q = pass->quota;

	if (q == NULL)
		return;
	CHECK_OBJ_NOTNULL(q, QUOTA_MAGIC);
	if (pass->slot != 0)
		leave_address(q, pass->slot);
	atomic_fetch_sub(&q->n, 1);
	*pass = (struct quota_pass){ 0 };
}
