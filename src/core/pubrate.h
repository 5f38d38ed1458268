/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pubrate.h - the rate of a topic's publishes, in messages and bytes a second, as
 * Pulsar's PublishRateLimiterImpl: a publish takes its tokens, whether they are there
 * or not. What follows depends on the producer:
 *
 * - one whose front-end can stop reading is told so by FX_PRODUCER_THROTTLED when it
 *   has taken the last token, and told again when tokens are there; what came
 *   meanwhile is published all the same, on debt.
 * - one that is `late` (op_producer): without a token its publishes wait here, in
 *   their order, at most PRODUCER_LATE_MS, and then fail with ERR_THROTTLED. It is
 *   told, too, while some of its topic wait.
 *
 * A topic without a limit has no struct pubrate. Entries that the core appends by
 * itself (staged ones that are due, places that are filled) take nothing.
 *
 * The broker has a rate of its own for all its topics together, as Pulsar's
 * brokerPublisherThrottlingMax...Rate: each publish takes of both, and needs both.
 * Topics of all shards have it in turns (pubturn.h): what waits in a topic takes its
 * turn ahead; producers that were told are told again when what their topic took is
 * paid, and may then take a turn on debt. While there is no such rate nobody looks at
 * it, and topics without one of their own have no struct pubrate.
 */
#ifndef CORE_PUBRATE_H
#define CORE_PUBRATE_H

#include "core/bucket.h"
#include "core/core_priv.h"

struct pubrate {
	unsigned magic;
#define PUBRATE_MAGIC 0x9b8a7e01
	struct topic *t;
	struct bucket msgs, bytes;
	struct timer timer;
	struct pubturn turn; /* of those that are late */
	int64_t paid_ns; /* what was taken first is, from then on */
	int64_t spare_ns, spare_until_ns; /* left of the turn of those told */
	unsigned epoch; /* of the part, which these are of */
	bool counted; /* as waiting */
	TAILQ_HEAD(, producer) told; /* that they are throttled */
	struct held_ring late;
};

/* The topic's limits are known, or others now. */
void pubrate_update(struct topic *);
/* A publish comes. true: it was kept, its body is referenced. */
bool pubrate_publish(struct producer *, const struct pending_publish *,
    const struct core_publish *);
/* It goes. */
void pubrate_forget(struct producer *);
/* Those that wait fail. */
void pubrate_end_late(struct topic *, enum err);
void pubrate_free(struct topic *);

static inline uint32_t
pubrate_late_n(const struct topic *t)
{
	return t->pubrate != NULL ? t->pubrate->late.n : 0;
}

#endif
