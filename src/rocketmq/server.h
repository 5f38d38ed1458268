/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - RocketMQ's remoting protocol on one shard: sessions over
 * connections, one struct rmq per shard, over that shard's router.
 *
 * One process is name server and broker: any of its ports takes the codes of
 * both. A session lives from rmq_accept() to the close of its connection. What
 * a shard knows of topics is a cache (topics.c) over the core's records; what
 * publishes go through is one producer of the core per queue and shard
 * (outlet.c); members, locks and modes of a consumer group live on one shard,
 * by the hash of the group's name (group.c), which the others reach by
 * messages that conf.post carries.
 *
 * Memory: struct rmq owns its sessions; conf's strings are borrowed and must
 * outlive it. What is under way is bounded by conf per session and shard.
 * Threads: the shard's, asserted, but for rmq_msg_free().
 * Errors: what a peer does wrong is answered with the protocol's code and
 * remark or closes the connection with a counted reason.
 */
#ifndef ROCKETMQ_SERVER_H
#define ROCKETMQ_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/metrics.h"
#include "core/route.h"
#include "net/net.h"
#include "os/sock.h"
#include "os/tls.h"

struct audit;
struct quota;
struct rmq;
struct secret_box;
struct throttle;
struct rmq_msg; /* from one shard's front-end to another's */

struct rmq_conf {
	const char *cluster; /* brokerClusterName */
	const char *broker; /* brokerName */
	/* brokerIP1, listenPort as advertised; NULL or "", 0: where the client
	 * has connected to */
	const char *advertised_ip;
	unsigned advertised_port;
	const char *tenant, *ns; /* of names without a namespace */
	unsigned frame_max; /* bytes of one frame */
	unsigned max_message_bytes; /* body */
	unsigned max_properties_bytes;
	unsigned broker_perm; /* brokerPermission: 4 read, 2 write */
	bool authentication, authorization; /* ...Enabled, gate.h */
	const char *auth_whitelist; /* authenticationWhitelist: codes */
	const char *acl_file; /* aclEnable: its plain_acl.yml; NULL: not */
	struct audit *audit; /* NULL: none; borrowed */
	struct throttle *throttle; /* the broker's; NULL: none; borrowed */
	bool auto_topic; /* autoCreateTopicEnable */
	bool auto_group; /* autoCreateSubscriptionGroup */
	bool lmq; /* enableLmq: names of light queues need not be made */
	bool multi_dispatch; /* enableMultiDispatch */
	unsigned default_queues; /* defaultTopicQueueNums */
	int64_t retention_ms; /* of topics made here: fileReservedTime */
	int64_t idle_ns; /* a silent connection is closed after it */
	int64_t hello_ns; /* one that has not said anything yet */
	/* conn_conf's: how fast a frame that has begun must go on; 0: any */
	int64_t frame_ms;
	uint32_t frame_min_rate;
	struct quota
	    *quota; /* rocketmqMaxConnections...; NULL: none; borrowed */
	int64_t member_ns; /* a member that sends no heartbeat has gone */
	/* transactionTimeOut, transactionCheckInterval, transactionCheckMax */
	int64_t txn_timeout_ms, txn_check_ms;
	int txn_check_max;
	bool flush_async; /* as it is told */
	const char *data_dir; /* its disk is told of; NULL: not */
	unsigned retry_max; /* of a group without a setting of its own */
	size_t out_high_bytes, out_hard_bytes;
	unsigned pending_max; /* publishes of a connection under way */
	size_t pending_bytes_max;
	size_t shard_pending_bytes_max; /* of all connections of the shard */
	unsigned requests_max; /* of a connection, not yet answered */
	unsigned topics_max, groups_max; /* cached, registered; of the shard */
	struct metrics *metrics; /* of the shard; NULL: none kept */
	/* Carries a message to rmq_receive() of another shard or of this one,
	 * never inline. Takes it. */
	void (*post)(void *priv, unsigned shard, struct rmq_msg *);
	void *post_priv;
	/* Sessions that are read best on another shard: does it take one more?
	 * NULL: they stay where they were accepted. */
	bool (*may_move)(void *priv, unsigned shard);
	void *move_priv;
};

/* RocketMQ 5.5.0's defaults where it has the key */
#define RMQ_CONF_DEFAULT                                                      \
	{                                                                     \
		.cluster = "DefaultCluster", .broker = "broker-a",            \
		.tenant = "public", .ns = "default", .frame_max = 16u << 20,  \
		.max_message_bytes = 4u << 20, .max_properties_bytes = 32767, \
		.broker_perm = 6, .auto_topic = true, .auto_group = true,     \
		.lmq = true, .multi_dispatch = true, .default_queues = 8,     \
		.retention_ms = INT64_C(259200000),                           \
		.idle_ns = INT64_C(120000000000),                             \
		.hello_ns = INT64_C(30000000000), .frame_ms = 10000,          \
		.frame_min_rate = 4096, .member_ns = INT64_C(120000000000),   \
		.retry_max = 16, .out_high_bytes = 4u << 20,                  \
		.out_hard_bytes = 1u << 30, .pending_max = 1000,              \
		.pending_bytes_max = 64u << 20,                               \
		.shard_pending_bytes_max = 64u << 20, .requests_max = 100000, \
		.topics_max = 2000000, .groups_max = 1000000                  \
	}

/* Attaches to the router as DEST_ROCKETMQ. conf is copied, its strings are not. */
struct rmq *rmq_new(struct net *, struct router *, const struct rmq_conf *);
/* Its connections are closed and net_flush()ed: what it has open in cores is
 * closed, while shards still hear of each other. */
void rmq_hang_up(struct rmq *);
/* After it, when nothing is under way any more. */
void rmq_free(struct rmq **);

/* A listener_accept_f: priv is the struct rmq; takes fd. */
void rmq_accept(void *priv, int fd, const struct sock_addr *peer);
/* TLS on the same ports, told by the first byte of a connection. */
enum rmq_tls_mode {
	RMQ_TLS_DISABLED, /* a connection that begins it is closed */
	RMQ_TLS_PERMISSIVE,
	RMQ_TLS_ENFORCING /* one that doesn't is closed */
};
/* Of connections that begin from now on; until it is called, disabled. The
 * context is referenced; NULL with RMQ_TLS_DISABLED. */
void rmq_set_tls(struct rmq *, enum rmq_tls_mode, struct tls_ctx *);
/* Borrowed; NULL: disabled */
struct tls_ctx *rmq_tls(const struct rmq *);
/* By which users' secrets are sealed; before the loop runs. Borrowed. */
void rmq_set_secrets(struct rmq *, struct secret_box *);
/*
 * ACL 1.0 (rocketmq/plain.h), conf.acl_file: whoever starts or reloads reads it and what
 * is beside it (auth/plain_set.h) on shard 0 and gives it to all shards, under the next
 * number. text: that of the set.
 */
uint64_t rmq_plain_next(struct rmq *);
void rmq_plain_set(struct rmq *, uint64_t number, struct str text);
/* The port that clients are told (conf.advertised_port was 0). */
void rmq_set_port(struct rmq *, unsigned port);

/* What conf.post was given. Takes it. */
void rmq_receive(struct rmq *, struct rmq_msg **);
/* Nobody is there to take it. @locality any */
void rmq_msg_free(struct rmq_msg **);

/* From now on new connections are closed and requests answered
 * SERVICE_NOT_AVAILABLE. */
void rmq_drain(struct rmq *);
bool rmq_drain_done(const struct rmq *);

struct rmq_stats {
	uint64_t sessions_n, groups_n, members_n, topics_n; /* now */
	uint64_t requests, refused; /* since the start */
	uint64_t twins; /* heartbeats of clients whose id another one has */
};
void rmq_get_stats(const struct rmq *, struct rmq_stats *);

#endif
