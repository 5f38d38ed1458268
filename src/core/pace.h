/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace.h - rates at which entries go out: of a topic, to all of its subscriptions and
 * reads together, and of each subscription; as Pulsar's DispatchRateLimiter. What is
 * sent takes its tokens, whether they are there or not; without one nothing more is
 * sent until a timer kicks who was held back. Nobody is told, permits stay.
 *
 * A topic or subscription without a rate has no struct pace. Messages count, not
 * batches (dispatchThrottlingOnBatchMessageEnabled is false). A rate that is relative
 * to the publish rate is added to the topic's of its last minute.
 *
 * With pace_backlog_only of struct core_conf they are for those who have a backlog:
 * who has fewer than PACE_BACKLOG entries before him (of leases alone: that are not
 * acknowledged; reads: messages) is not held and takes no tokens.
 *
 * Reads at an index (RocketMQ's pulls) are held as if nothing were there, and count
 * with the topic; leases (POP) count with topic and subscription. Non-persistent
 * topics: they have no such rates, as in the reference.
 */
#ifndef CORE_PACE_H
#define CORE_PACE_H

#include "core/bucket.h"
#include "core/core_priv.h"

struct pace {
	unsigned magic;
#define PACE_MAGIC 0x9ace0001
	struct topic *t;
	struct sub *s; /* NULL: of the topic */
	struct bucket msgs, bytes;
	struct timer timer;
	unsigned turn; /* who goes first */
};

/* The topic's limits, its publish rate, or who is on it are others now. */
void pace_update(struct topic *);
void pace_update_sub(struct sub *);
void pace_free(struct pace **);

#define PACE_BACKLOG 1000u /* as managedLedgerCursorBackloggedThreshold is */

/* Has the topic no token for a read from this index on? Then its reads are notified
 * when there is one. */
bool topic_is_held(const struct topic *, uint64_t index);
/* Has the topic or the subscription none? Then it is kicked. */
bool pace_holds(struct sub *);
void pace_take(struct sub *, uint64_t messages, uint64_t bytes);
/* A read from this index on has got something. */
void pace_take_read(
    struct topic *, uint64_t index, uint64_t messages, uint64_t bytes);

static inline bool
sub_is_held(struct sub *s)
{
	return unlikely(s->pace != NULL || s->t->pace != NULL) && pace_holds(s);
}

static inline void
sub_sent(struct sub *s, uint64_t messages, uint64_t bytes)
{
	if (unlikely(s->pace != NULL || s->t->pace != NULL))
		pace_take(s, messages, bytes);
}

#endif
