/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats.h - a topic's figures as plain data: what admin stats, /metrics and
 * consumer stats are written from. Allocated as one snapshot by the core, freed
 * by topic_stats_free() (fx_free does it). Rates are per second, averaged since
 * the last rate tick (60 s, as Pulsar's statsUpdateFrequencyInSecs); times wall ms.
 */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pos.h"
#include "core/op.h"

struct rate {
	double msg, bytes; /* per second */
};

struct held_back { /* over a rate: how often, for want of what */
	uint64_t msgs, bytes;
};

struct producer_stats {
	char *name, *address, *version;
	uint64_t id; /* front-end's */
	enum access_mode access;
	struct rate in;
	double rate_drop; /* non-persistent: over the limit of its connection */
	int64_t connected_ms;
	uint32_t props_n;
	struct prop *props;
};

struct consumer_stats {
	char *name, *address, *version;
	uint64_t tag; /* front-end's consumer id */
	uint64_t conn; /* dest.conn, to tell connections apart */
	struct rate out;
	double rate_redeliver, rate_ack;
	uint64_t out_messages, out_bytes;
	int64_t permits;
	uint32_t unacked;
	bool blocked_unacked;
	int32_t priority;
	int64_t connected_ms, last_acked_ms, last_consumed_ms;
	uint32_t ranges_n;
	struct hash_range *ranges; /* Key_Shared */
	uint32_t draining_n; /* hashes waiting for their old owner */
	uint32_t props_n;
	struct prop *props;
};

struct sub_stats {
	char *name;
	enum sub_type type;
	bool has_type; /* false: nobody has connected yet */
	bool holds; /* durable: the topic keeps data for it */
	bool durable, replicated, ks_sticky, ks_out_of_order, blocked_unacked;
	uint64_t backlog; /* messages */
	uint64_t backlog_entries;
	/* estimate: what was acked behind mark-delete counts; -1: not asked for */
	int64_t backlog_bytes;
	uint64_t delayed, in_replay;
	struct held_back held_by_topic, held_by_sub;
	uint64_t unacked;
	struct rate out;
	double rate_redeliver, rate_ack, rate_expired;
	double rate_drop; /* non-persistent: nobody could take them */
	uint64_t out_messages, out_bytes, acked, expired;
	int64_t last_expire_ms, last_acked_ms, last_consumed_ms, last_flow_ms,
	    last_advanced_ms;
	char *active; /* active consumer's name, or NULL */
	struct pos mark_delete, read_pos;
	uint64_t acked_ranges; /* individually acked runs beyond mark-delete */
	uint32_t props_n;
	struct prop *props;
	uint32_t consumers_n;
	struct consumer_stats *consumers;
};

struct ledger_stats {
	uint64_t id, entries, bytes;
	int64_t created_ms;
	bool open;
};

struct topic_stats {
	char *name;
	bool persistent, terminated;
	uint64_t in_messages, in_bytes, out_messages, out_bytes;
	struct rate in, out;
	double average_msg_bytes;
	uint64_t throttled; /* how often producers were, over the rate */
	uint64_t storage_bytes, backlog_bytes;
	uint64_t entries;
	struct pos last, terminated_pos;
	uint64_t next_index;
	int64_t created_ms, last_publish_ms;
	uint32_t producers_n, subs_n, ledgers_n;
	struct producer_stats *producers;
	struct sub_stats *subs;
	struct ledger_stats *ledgers;
};

void topic_stats_free(struct topic_stats **);

struct core;
/* Topics in name order after `after` (empty: from the start), at most n, for
 * /metrics; fills out[] with snapshots and returns how many. */
unsigned core_stats_walk(
    struct core *, struct str after, unsigned n, struct topic_stats **out);

#endif
