/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pubturn.h - turns at the broker's publish rate, among the topics of all shards.
 *
 * The rate has two buckets, of messages and of bytes, that the cores of a broker share
 * (struct pubtotal). Their full_ns is the end of a line: what is taken is taken behind
 * all that was taken before, and is paid for when they are. So a topic's turn is a
 * time, which it knows when it has taken, and no shard has to ask another, or can come
 * before it by being quicker:
 *
 * - who knows what he wants takes it ahead (turn_take()) and may use it from due_ns
 *   on; what he doesn't use comes back (turn_settle()).
 * - who takes first, on debt, may go on when that is paid (part_take()).
 *
 * One turn is turn_ns() of the rate: TURN_ROUND_NS by as many as wait, but one publish
 * at least. Who waits then takes the next turn behind all others. So all get the same,
 * and who comes anew waits for no more than a round.
 *
 * A take is one relaxed compare-and-swap on each bucket, a question one relaxed load.
 * Shards' thread only, but for what is atomic. No allocation.
 */
#ifndef CORE_PUBTURN_H
#define CORE_PUBTURN_H

#include "core/bucket.h"

#define TURN_ROUND_NS INT64_C(50000000)

/* What the cores of one broker have together; zeroed. */
struct pubtotal {
	struct bucket_shared msgs, bytes;
	_Atomic uint32_t waiting; /* topics */
};

/* A core's part in it. */
struct pubpart {
	struct bucket msgs, bytes; /* the rates; what was taken is in total */
	struct pubtotal *total, own;
	unsigned
	    epoch; /* of the rates: what was taken of others is forgotten */
};

/* What a topic has taken ahead; zeroed: nothing. */
struct pubturn {
	uint32_t n; /* publishes */
	uint64_t msgs, bytes;
	int64_t ahead_ns; /* what all but the last of them cost */
	int64_t due_ns;
};

/* total: NULL, the core is alone */
void part_init(
    struct pubpart *, struct pubtotal *, int64_t msgs, int64_t bytes);
/* Others begin without debt; that each core says so matters little. */
void part_set(struct pubpart *, int64_t msgs, int64_t bytes);

static inline bool
part_is_on(const struct pubpart *pp)
{
	return pp->msgs.rate > 0 || pp->bytes.rate > 0;
}

/* Are tokens there that nobody has taken, also ahead? */
bool part_has(const struct pubpart *, int64_t now_ns);
/* Returns from when on it is paid. */
int64_t part_take(
    struct pubpart *, int64_t now_ns, uint64_t msgs, uint64_t bytes);
/* The time in which as much comes. */
int64_t part_cost_ns(const struct pubpart *, uint64_t msgs, uint64_t bytes);
/* It waits from now on, or does no more; *counted is the topic's. */
void part_wait(struct pubpart *, bool *counted, bool waits);
/* What a topic may have in one turn. */
int64_t turn_ns(const struct pubpart *, bool counted);

/* What it says is taken, due_ns is told: when there is a token for the last publish. */
void turn_take(struct pubpart *, struct pubturn *, int64_t now_ns);
/* It is over, as much of it was used, which may be more. */
void turn_settle(struct pubpart *, struct pubturn *, int64_t now_ns,
    uint64_t msgs, uint64_t bytes);

#endif
