/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.h - entries that are out at consumers, or wait to go out again with a
 * redelivery count.
 *
 * A lease comes from the pool of its core (slabs, no allocation per message)
 * and lies in the table of its subscription: a hash table from position to
 * lease, open addressing, at most half full, grows and shrinks by two. get, add
 * and del cost O(1). The table owns its leases; the pool must outlive it.
 * Order of iteration follows from positions only. Shard's thread only.
 */
#ifndef CORE_LEASE_H
#define CORE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include "base/pos.h"

struct consumer;

struct lease {
	struct pos pos;
	struct consumer *c; /* NULL: not out */
	uint32_t messages_n; /* still unacked */
	uint32_t batch_n; /* of the entry, when it went out; 0: it didn't yet */
	uint32_t redeliveries;
	uint32_t
	    key_hash; /* Key_Shared: its slot; Shared: chunk hash, 0: none */
	TAILQ_ENTRY(lease) link; /* of the consumer, in order of delivery */
};
TAILQ_HEAD(lease_list, lease);

struct lease_slab;
struct lease_pool {
	struct lease_list free;
	struct lease_slab *slabs;
	uint32_t slabs_n;
	uint64_t used; /* leases that are in tables */
};

struct lease_slot {
	struct lease *l; /* NULL: free */
	uint32_t hash;
};
struct lease_table {
	struct lease_slot *slots;
	uint32_t cap; /* 0 or a power of two */
	uint32_t n;
};

void lease_pool_init(struct lease_pool *);
void lease_pool_fini(struct lease_pool *); /* every table must be empty */

void lease_table_init(struct lease_table *);
void lease_table_fini(struct lease_table *, struct lease_pool *);
struct lease *lease_table_get(const struct lease_table *, struct pos);
/* the position must not be there; zeroed but for pos */
struct lease *lease_table_add(
    struct lease_table *, struct lease_pool *, struct pos);
/* takes it out and frees it; it must be on no list */
void lease_table_del(
    struct lease_table *, struct lease_pool *, struct lease **);
/* the next one from *it (start with 0), NULL at the end; must not change it */
struct lease *lease_table_next(const struct lease_table *, uint32_t *it);

#endif
