/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core.h - what front-ends and the broker see of the core.
 *
 * One `struct core` per shard. It is a step: front-ends put operations in
 * (core_publish, core_flow, core_ack, core_op), the engines put completions in
 * (ledger.h, meta.h callbacks), the shard puts time in (core_poll); what comes
 * out are calls on the table of struct core_out. The core has no clock,
 * randomness, descriptor, thread or log line: same input, same output.
 *
 * Threads: everything here runs on the core's shard. A front-end on another
 * shard goes through core/route.h, which carries the operation to the topic's
 * shard and the effect back.
 *
 * Re-entrance: an out call must not call into the core. Operations may emit
 * effects before they return.
 *
 * Limits: every queue is bounded by struct core_conf; beyond it an operation
 * answers an error.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pos.h"
#include "base/str.h"
#include "core/bucket.h"
#include "core/limits.h"
#include "core/op.h"
#include "core/pubturn.h"
#include "store/entry.h"
#include "store/ledger.h"
#include "store/meta.h"

struct core;

struct core_conf {
	unsigned shard, shards_n;
	const char *cluster; /* "standalone" */
	bool auto_topic,
	    auto_sub; /* allowAutoTopicCreation, allowAutoSubscriptionCreation */
	bool auto_partitioned; /* allowAutoTopicCreationType = partitioned */
	uint32_t default_partitions; /* defaultNumPartitions */
	uint32_t
	    max_partitions; /* maxNumPartitionsPerPartitionedTopic; 0: none */
	/* of one address at a topic; 0: none */
	uint32_t max_producers_address, max_consumers_address;
	uint32_t max_tenants, max_ns_tenant; /* 0: none */
	struct limits limits; /* of topics whose namespaces have none */
	/* of all topics of the broker together; <= 0: no limit */
	int64_t publish_msgs, publish_bytes;
	/* dispatch rates are for who has a backlog (pace.h) */
	bool pace_backlog_only;
	struct pubtotal *pubtotal; /* outlives the core; NULL: it is alone */
	uint32_t max_message_bytes;
	int64_t failover_delay_ms; /* activeConsumerFailoverDelayTimeMillis */
	bool hash_ring; /* subscriptionKeySharedUseConsistentHashing */
	uint32_t hash_ring_points; /* per consumer */
	bool batch_index_ack;
	bool sync; /* flushPolicy */
	uint64_t ledger_max_entries, ledger_max_bytes;
	int64_t ledger_min_roll_ms, ledger_max_roll_ms;
	int64_t retention_ms; /* default; 0: none, -1: for ever */
	int64_t retention_bytes; /* default; 0: none, -1: unlimited */
	int64_t ttl_s; /* default; 0: none */
	bool delete_inactive;
	int64_t
	    inactive_ms; /* delete idle topics without subscriptions after */
	int64_t idle_unload_ms; /* drop an idle topic's memory after */
	uint32_t max_pending_publishes; /* per topic */
	uint32_t due_window; /* items in memory of a due index; 0: 65536 */
	bool delayed; /* delayedDeliveryEnabled */
	uint32_t
	    max_waiting_reads; /* OP_READ_AT, per topic; OP_LEASE, per subscription */
	uint32_t
	    max_leases; /* OP_LEASE, of a subscription; what was returned counts */
	uint64_t
	    hash_seed; /* of tables whose keys peers choose: random, fixed in tests */
};

struct core_out {
	/* A publish has ended. */
	void (*receipt)(void *priv, const struct fx_receipt *);
	/* An entry for a consumer; ent is borrowed for the call. */
	void (*deliver)(void *priv, const struct fx_deliver *);
	/* Everything else; the callee takes the effect and frees it by fx_free(). */
	void (*fx)(void *priv, struct fx *);
	/* An operation for the core of another shard; takes it. Its answer, for
	 * DEST_INTERNAL, is given to core_own_answer(). NULL: there is none. */
	void (*post)(void *priv, unsigned shard, struct op **);
};

struct core *core_new(const struct core_conf *, const struct core_out *,
    void *out_priv, struct meta *);
/* Before the loop runs: the engine whose client_ops are core_ledger_client. */
extern const struct ledger_client_ops core_ledger_client;
void core_set_ledgers(struct core *, struct ledgers *);
/* Where what is due later is indexed (core/due.h), if not among the other
 * metadata. Before the loop runs. */
void core_set_due(struct core *, struct meta *);
/* First start (any shard, idempotent, blocking by meta's *_now): cluster, tenants
 * public and pulsar, namespaces public/default and pulsar/system. */
enum err core_bootstrap(struct meta *, const struct core_conf *);
void core_free(struct core **);
/* SIGHUP: takes over what the configuration calls LIVE; the other members are not
 * looked at. Topics in memory take it up as soon as their namespaces' policies,
 * which stand above it, were read again. What has begun (a choice of an owner of
 * keys, a delay) goes on as it was. */
void core_set_conf(struct core *, const struct core_conf *);
/* The broker's own, as they are then. */
const struct limits *core_limits(const struct core *);

/* Time goes in here: called first in each loop iteration that has work and at
 * the due time that it returned. Runs due timers and ready dispatchers (bounded
 * work). Returns ns from now until it wants to be called, 0: at once, -1: never. */
int64_t core_poll(struct core *, int64_t now_wall_ms, int64_t now_mono_ns);
/* The same without running anything, by the time that was set last: answers of an
 * engine may have given the core work since it was polled. */
int64_t core_due(const struct core *);
/* Sets time without running anything; before ops and completions of a batch. */
void core_set_time(struct core *, int64_t now_wall_ms, int64_t now_mono_ns);

/* --- hot operations (no allocation) ------------------------------------- */

struct core_publish {
	uint64_t producer; /* handle of FX_PRODUCER_OPENED */
	struct attr attr;
	struct slice body;
	uint64_t sequence, highest_sequence; /* echoed in the receipt */
	/* messages of this producer that the front-end dropped since the last
	 * one: non-persistent topics only */
	uint64_t dropped_n;
	enum flush flush;
};
/* Always answers by receipt(), in order per producer; an unknown handle is
 * dropped (it was closed: the front-end knows). */
void core_publish(struct core *, const struct core_publish *);

/* permits += n messages */
void core_flow(struct core *, uint64_t consumer, uint32_t permits);
/* The consumer's connection is above its high-water mark (true) or has drained. */
void core_block(struct core *, uint64_t consumer, bool blocked);

struct core_ack {
	uint64_t consumer; /* handle */
	bool cumulative;
	bool want_reply; /* FX_DONE with req after it is durable */
	uint64_t req;
	uint32_t n;
	const struct core_ack_id *ids;
};
void core_ack(struct core *, const struct core_ack *);

/* --- everything else ------------------------------------------------------ */

/* Takes the operation; it answers by exactly one fx with op's dest and req
 * (unless op.h says otherwise). */
void core_op(struct core *, struct op **);

/* An effect for DEST_INTERNAL of this shard; takes it. */
void core_own_answer(struct core *, struct fx **);

/* Graceful shutdown: closes producers and consumers politely (FX_*_CLOSED),
 * flushes cursors and ledgers, then calls done. */
void core_drain(struct core *, void (*done)(void *priv), void *priv);

/* Sum of what /metrics shows; walks topics by name order from `after` for
 * at most n topics (admin scrape in slices). Defined in core/stats.h. */

#endif
