/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subrate.h - how often one consumer may subscribe to a topic in a time, as Pulsar's
 * SubscribeRateLimiter: a consumer is its client's IP address, its name and its id on
 * its connection, so that one which comes again and again, from one connection or new
 * ones, is refused, and others are not. Counts are forgotten each period, of all
 * consumers at once.
 *
 * A topic without such a limit has no struct subrate, and no memory. At most
 * SUBRATE_MAX consumers are counted in a period; those beyond come in. Non-persistent
 * topics: they have no such rate, as in the reference.
 */
#ifndef CORE_SUBRATE_H
#define CORE_SUBRATE_H

#include "core/bucket.h"
#include "core/core_priv.h"

#define SUBRATE_MAX 8192u

struct subrate {
	unsigned magic;
#define SUBRATE_MAGIC 0x50b8a7e1
	struct topic *t;
	int64_t n, period_ns;
	struct umap seen; /* who, by hash -> struct bucket */
	struct timer timer; /* when they are forgotten */
};

/* The topic's limits are known, or others now. */
void subrate_update(struct topic *);
/* One subscribes: may it? An op that waits and comes again is asked once. */
bool subrate_take(struct topic *, struct op *);
void subrate_free(struct topic *);

#endif
