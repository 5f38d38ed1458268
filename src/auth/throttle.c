/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/throttle.h"

#include <stdatomic.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/miniobj.h"

#define WAYS 8u /* places that an address may have */
#define SETS (THROTTLE_ADDRS_MAX / WAYS)

#define KEY_FREE 0u
#define KEY_BUSY 1u /* somebody is clearing it */
#define KEY_SET 2u /* in all others */

/* What is counted, in one word: when that began, how many failed since, and whether the
 * address is slow. */
#define COUNT_BITS 20u
#define COUNT_MAX ((1u << COUNT_BITS) - 1)
struct count {
	int64_t start_ms;
	uint32_t n;
	bool slow;
};

struct addr {
	_Atomic uint64_t key;
	_Atomic uint64_t count;
	_Atomic int64_t last_ms; /* failure */
	_Atomic int64_t next_ms; /* the slot that is free */
};

struct throttle {
	unsigned magic;
#define THROTTLE_MAGIC 0x7407713e
	unsigned limit;
	uint64_t seed;
	_Atomic uint32_t n;
	struct addr addrs[SETS][WAYS];
};

static uint64_t
pack(struct count c)
{
	return (uint64_t)c.start_ms << (COUNT_BITS + 1) | (uint64_t)c.n << 1 |
	    c.slow;
}

static struct count
unpack(uint64_t w)
{
	return (struct count){ .start_ms = (int64_t)(w >> (COUNT_BITS + 1)),
		.n = (uint32_t)(w >> 1) & COUNT_MAX,
		.slow = (w & 1) != 0 };
}

struct throttle *
throttle_new(uint64_t seed, unsigned limit)
{
	struct throttle *t;

	assert(limit <= COUNT_MAX);
	ALLOC_OBJ(t, THROTTLE_MAGIC);
	t->limit = limit;
	t->seed = seed;
	return t;
}

void
throttle_free(struct throttle **tp)
{
	struct throttle *t;

	TAKE_OBJ_NOTNULL(t, tp, THROTTLE_MAGIC);
	FREE_OBJ(t);
}

/* The address's name in the table: two have the same one by a chance of 2^-63. */
static bool
key_of(const struct throttle *t, const struct sock_addr *sa, uint64_t *key)
{
	uint64_t v;

	if (!sock_addr_owner(sa, &v))
		return false;
	*key = hash_u64(t->seed, v) | KEY_SET;
	return true;
}

static struct addr *
set_of(struct throttle *t, uint64_t key)
{
	return t->addrs[(key >> 32) % SETS];
}

static struct addr *
find(struct throttle *t, uint64_t key)
{
	struct addr *set = set_of(t, key);
	unsigned i;

	for (i = 0; i < WAYS; i++)
		if (atomic_load_explicit(&set[i].key, memory_order_acquire) ==
		    key)
			return &set[i];
	return NULL;
}

/* Whoever swaps the key has the place to himself until he names it anew. */
static bool
seize(struct addr *a, uint64_t was)
{
	if (!atomic_compare_exchange_strong_explicit(&a->key, &was, KEY_BUSY,
		memory_order_acquire, memory_order_relaxed))
		return false;
	atomic_store_explicit(&a->count, 0, memory_order_relaxed);
	atomic_store_explicit(&a->last_ms, 0, memory_order_relaxed);
	atomic_store_explicit(&a->next_ms, 0, memory_order_relaxed);
	return true;
}

static void
name(struct addr *a, uint64_t key)
{
	atomic_store_explicit(&a->key, key, memory_order_release);
}

static void
forget(struct throttle *t, struct addr *a, uint64_t key)
{
	if (!seize(a, key))
		return;
	name(a, KEY_FREE);
	atomic_fetch_sub_explicit(&t->n, 1, memory_order_relaxed);
}

/* A free place, or that of the one that failed least recently. NULL: others were faster. */
static struct addr *
add(struct throttle *t, uint64_t key)
{
	struct addr *set = set_of(t, key), *oldest = NULL;
	int64_t last, least = INT64_MAX;
	uint64_t was, its = KEY_FREE;
	unsigned i;

	for (i = 0; i < WAYS; i++) {
		was = atomic_load_explicit(&set[i].key, memory_order_relaxed);
		if (was == KEY_FREE && seize(&set[i], KEY_FREE)) {
			atomic_fetch_add_explicit(
			    &t->n, 1, memory_order_relaxed);
			name(&set[i], key);
			return &set[i];
		}
		last =
		    atomic_load_explicit(&set[i].last_ms, memory_order_relaxed);
		if ((was & ~(uint64_t)KEY_BUSY) == KEY_FREE || last >= least)
			continue;
		least = last;
		oldest = &set[i];
		its = was;
	}
	if (oldest == NULL || !seize(oldest, its))
		return NULL;
	name(oldest, key);
	return oldest;
}

static void
count(const struct throttle *t, struct addr *a, int64_t now_ms)
{
	int64_t last = atomic_load_explicit(&a->last_ms, memory_order_relaxed);
	uint64_t was = atomic_load_explicit(&a->count, memory_order_relaxed);
	struct count c;

	do {
		c = unpack(was);
		if (now_ms - last > THROTTLE_WINDOW_MS)
			c.slow = false;
		if (c.n == 0 ||
		    (!c.slow && now_ms - c.start_ms > THROTTLE_WINDOW_MS)) {
			c.n = 0;
			c.start_ms = now_ms;
		}
		if (c.n < COUNT_MAX)
			c.n++;
		if (c.n >= t->limit)
			c.slow = true;
	} while (!atomic_compare_exchange_weak_explicit(&a->count, &was,
	    pack(c), memory_order_relaxed, memory_order_relaxed));
	atomic_store_explicit(&a->last_ms, now_ms, memory_order_relaxed);
}

void
throttle_failed(struct throttle *t, const struct sock_addr *sa, int64_t now_ms)
{
	struct addr *a = NULL;
	unsigned i;
	uint64_t key;

	if (t == NULL)
		return;
	CHECK_OBJ_NOTNULL(t, THROTTLE_MAGIC);
	if (t->limit == 0 || !key_of(t, sa, &key))
		return;
	for (i = 0; a == NULL && i < WAYS; i++) {
		a = find(t, key);
		if (a == NULL)
			a = add(t, key);
	}
	if (a != NULL)
		count(t, a, now_ms);
}

int64_t
throttle_wait_ms(struct throttle *t, const struct sock_addr *sa, int64_t now_ms)
{
	struct addr *a;
	uint64_t key;
	int64_t at, next;

	if (t == NULL)
		return 0;
	CHECK_OBJ_NOTNULL(t, THROTTLE_MAGIC);
	if (throttle_addrs_n(t) == 0 || !key_of(t, sa, &key))
		return 0;
	a = find(t, key);
	if (a == NULL ||
	    !unpack(atomic_load_explicit(&a->count, memory_order_relaxed)).slow)
		return 0;
	if (now_ms - atomic_load_explicit(&a->last_ms, memory_order_relaxed) >
	    THROTTLE_WINDOW_MS) {
		forget(t, a, key);
		return 0;
	}
	next = atomic_load_explicit(&a->next_ms, memory_order_relaxed);
	do {
		at = next > now_ms ? next : now_ms + THROTTLE_SLOT_MS;
		if (at - now_ms > THROTTLE_WAIT_MAX_MS)
			return THROTTLE_FULL;
	} while (!atomic_compare_exchange_weak_explicit(&a->next_ms, &next,
	    at + THROTTLE_SLOT_MS, memory_order_relaxed, memory_order_relaxed));
	return at - now_ms;
}

size_t
throttle_addrs_n(const struct throttle *t)
{
	CHECK_OBJ_NOTNULL(t, THROTTLE_MAGIC);
	return atomic_load_explicit(&t->n, memory_order_relaxed);
}
