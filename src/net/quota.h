/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota.h - how many connections there may be at a time, altogether and from one IP
 * address, over all shards.
 *
 * One is asked for with quota_enter() as a connection is accepted; the pass that it
 * gives goes with the connection (conn_set_pass), to another shard as well, and is
 * given back when that is closed.
 *
 * Of IPv6 a /64 is one address, else who has one of these would have 2^64 times as
 * many connections as others; an IPv4 address that is mapped into IPv6 is that address.
 *
 * The count is exact, but for two connections of an address that enter on two
 * shards in the same moment: of these both may be refused where one would fit.
 * An address is told from others by 44 bits of a keyed hash and counted in one of
 * QUOTA_WAY slots; where those hold so many other addresses it goes uncounted, but
 * for the total: with QUOTA_SLOTS of them that takes tens of thousands of addresses,
 * against which a limit for each is none. What has no IP address (a pair of sockets)
 * counts in the total only.
 *
 * Memory: QUOTA_SLOTS words where there is a limit for addresses, else none.
 * Threads: any, without a lock; quota_new() and quota_free() by one, while nobody
 * else has it. It outlives its connections.
 */
#ifndef NET_QUOTA_H
#define NET_QUOTA_H

#include <stdint.h>

#include "base/cdefs.h"
#include "os/sock.h"

#define QUOTA_SLOTS (1u << 16)
#define QUOTA_WAY 16u
#define QUOTA_MAX 1000000u /* largest limit */

struct quota;

struct quota_pass {
	struct quota *quota; /* NULL: none */
	uint32_t slot; /* of its address + 1; 0: uncounted */
};

enum quota_said {
	QUOTA_FREE, /* enter: *pass is set */
	QUOTA_FULL, /* no more of anybody */
	QUOTA_FULL_ADDRESS /* no more of this address */
};

/* 0: no limit. seed: a random one. */
struct quota *quota_new(uint64_t seed, unsigned max, unsigned max_per_address);
void quota_free(struct quota **);
/* quota NULL: always free */
enum quota_said quota_enter(
    struct quota *, const struct sock_addr *, struct quota_pass *) MUST_CHECK;
/* Twice is once: the pass is empty afterwards. */
void quota_leave(struct quota_pass *);
/* Connections that have entered and not left. */
unsigned quota_n(const struct quota *);

#endif
