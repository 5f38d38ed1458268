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
 * brokerPublisherThrottlingMax...Rate: each publish takes of both, and needs both. Its
 * two buckets are shared by the cores of all shards (struct pubtotal): of one number
 * each, by a relaxed compare-and-swap a publish, so that a shard may have all of the
 * rate while the others are idle. While there is no such rate nobody looks at them,
 * and topics without one of their own have no struct pubrate. A topic that waits for
 * the broker's tokens stands in its core's line; when some are there each gets one
 * publish in turn, until there are none.
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
	bool in_line; /* of struct pubpart */
	TAILQ_ENTRY(pubrate) link;
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

/* The broker's rate: at the core's beginning, when it is another one, at the end. */
void pubpart_init(struct core *);
void pubpart_update(struct core *);
void pubpart_fini(struct core *);

static inline uint32_t
pubrate_late_n(const struct topic *t)
{
	return t->pubrate != NULL ? t->pubrate->late.n : 0;
}

#endif
