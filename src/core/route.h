/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.h - how a front-end reaches the core of the shard that owns a topic.
 *
 * The broker makes one router per shard. For the own shard a call runs inline
 * in the core; for another it is posted to that shard's mailbox. Order is kept
 * per (from, to) pair, which is what keeps a producer's publishes in order.
 *
 * Effects come back through a table that each front-end registers per shard:
 * the router calls it on the session's shard whether the effect crossed or not.
 *
 * Threads: a router belongs to its shard.
 */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include "core/core.h"

/* A front-end's receiver on one shard; same contract as struct core_out, after
 * dest.kind picked the front-end. FX_TOPIC_CHANGED goes to every receiver. */
struct route_sink {
	void (*receipt)(void *priv, const struct fx_receipt *);
	void (*deliver)(void *priv, const struct fx_deliver *);
	void (*fx)(void *priv, struct fx *); /* takes it */
};

struct router {
	unsigned magic;
#define ROUTER_MAGIC 0x40073e01
	unsigned shard, shards_n;
	struct core *core; /* of this shard */
	const struct route_ops *ops;
};

struct route_ops {
	/* Post to another shard; takes the op. */
	void (*post)(struct router *, unsigned shard, struct op **);
	void (*attach)(struct router *, uint8_t kind, const struct route_sink *,
	    void *priv);
};

unsigned route_shard_of(const struct router *, struct str topic);

/* by topic name (op->topic) or, if handle is set, by handle */
void route_op(struct router *, struct op **);
/* to a shard of the caller's choice (TOPIC_LIST to each) */
void route_op_to(struct router *, unsigned shard, struct op **);
void route_publish(struct router *, const struct core_publish *);
void route_flow(struct router *, uint64_t consumer, uint32_t permits);
void route_block(struct router *, uint64_t consumer, bool blocked);
void route_ack(struct router *, const struct core_ack *);
/* What a shard does with an op that arrived: hot ones are unpacked. */
void route_receive(struct router *, struct op **);

#endif
