/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/throttle.h"

#include <bsd/sys/queue.h>
#include <netinet/in.h>
#include <string.h>

#include "base/be.h"
#include "base/map.h"
#include "base/miniobj.h"

struct addr {
	uint64_t key;
	TAILQ_ENTRY(addr) link;
	unsigned failures; /* since start_ms */
	int64_t start_ms, last_ms;
	int64_t next_ms; /* the slot that is free */
	bool slow;
};

struct throttle {
	unsigned magic;
#define THROTTLE_MAGIC 0x7407713e
	unsigned limit;
	struct umap addrs; /* by key */
	TAILQ_HEAD(, addr) order; /* the latest failure last */
};

struct throttle *
throttle_new(uint64_t seed, unsigned limit)
{
	struct throttle *t;

	ALLOC_OBJ(t, THROTTLE_MAGIC);
	t->limit = limit;
	umap_init(&t->addrs, seed, THROTTLE_ADDRS_MAX);
	TAILQ_INIT(&t->order);
	return t;
}

static void
forget(struct throttle *t, struct addr *a)
{
	TAILQ_REMOVE(&t->order, a, link);
	if (umap_del(&t->addrs, a->key) != a)
		WRONG("an address that isn't there");
	mem_free(a);
}

void
throttle_free(struct throttle **tp)
{
	struct throttle *t;
	struct addr *a;

	TAKE_OBJ_NOTNULL(t, tp, THROTTLE_MAGIC);
	while ((a = TAILQ_FIRST(&t->order)) != NULL)
		forget(t, a);
	umap_fini(&t->addrs);
	FREE_OBJ(t);
}

/* IPv4 in 32 bits, else the first 64; false: neither. */
static bool
key_of(const struct sock_addr *sa, uint64_t *key)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (sa->ss.ss_family == AF_INET) {
		memcpy(&in, &sa->ss, sizeof in);
		*key = ntohl(in.sin_addr.s_addr);
		return true;
	}
	if (sa->ss.ss_family != AF_INET6)
		return false;
	memcpy(&in6, &sa->ss, sizeof in6);
	if (memcmp(in6.sin6_addr.s6_addr, mapped, sizeof mapped) == 0)
		*key = be32_get(in6.sin6_addr.s6_addr + 12);
	else
		*key = be64_get(in6.sin6_addr.s6_addr);
	return true;
}

static struct addr *
add(struct throttle *t, uint64_t key)
{
	struct addr *a;

	if (t->addrs.n == THROTTLE_ADDRS_MAX)
		forget(t, TAILQ_FIRST(&t->order));
	a = mem_zalloc(sizeof *a);
	a->key = key;
	AZ(umap_add(&t->addrs, key, a));
	TAILQ_INSERT_TAIL(&t->order, a, link);
	return a;
}

void
throttle_failed(struct throttle *t, const struct sock_addr *sa, int64_t now_ms)
{
	struct addr *a;
	uint64_t key;

	if (t == NULL)
		return;
	CHECK_OBJ_NOTNULL(t, THROTTLE_MAGIC);
	if (t->limit == 0 || !key_of(sa, &key))
		return;
	a = umap_get(&t->addrs, key);
	if (a == NULL) {
		a = add(t, key);
		a->start_ms = now_ms;
	} else {
		TAILQ_REMOVE(&t->order, a, link);
		TAILQ_INSERT_TAIL(&t->order, a, link);
	}
	if (now_ms - a->last_ms > THROTTLE_WINDOW_MS)
		a->slow = false;
	if (!a->slow && now_ms - a->start_ms > THROTTLE_WINDOW_MS) {
		a->failures = 0;
		a->start_ms = now_ms;
	}
	a->last_ms = now_ms;
	if (++a->failures >= t->limit)
		a->slow = true;
}

int64_t
throttle_wait_ms(struct throttle *t, const struct sock_addr *sa, int64_t now_ms)
{
	struct addr *a;
	uint64_t key;
	int64_t at;

	if (t == NULL)
		return 0;
	CHECK_OBJ_NOTNULL(t, THROTTLE_MAGIC);
	if (t->addrs.n == 0 || !key_of(sa, &key))
		return 0;
	a = umap_get(&t->addrs, key);
	if (a == NULL || !a->slow)
		return 0;
	if (now_ms - a->last_ms > THROTTLE_WINDOW_MS) {
		forget(t, a);
		return 0;
	}
	at = a->next_ms > now_ms ? a->next_ms : now_ms + THROTTLE_SLOT_MS;
	if (at - now_ms > THROTTLE_WAIT_MAX_MS)
		return THROTTLE_FULL;
	a->next_ms = at + THROTTLE_SLOT_MS;
	return at - now_ms;
}

size_t
throttle_addrs_n(const struct throttle *t)
{
	CHECK_OBJ_NOTNULL(t, THROTTLE_MAGIC);
	return t->addrs.n;
}
