/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - Pulsar's binary protocol on one shard: sessions over connections,
 * one struct pulsar per shard, over that shard's router.
 *
 * A session lives from pulsar_accept() to the close of its connection; its
 * producers and consumers live in the core of their topics' shards and are
 * closed there when it goes. What the protocol asks and answers is in
 * spec order in the do_*.c files; session.c holds what all of them share.
 *
 * Memory: struct pulsar owns its sessions; conf's strings are borrowed and must
 * outlive it. A session's tables are bounded by conf; an idle session costs
 * about 1 KiB.
 * Threads: the shard's, asserted. pulsar_new() before the loop runs or in it.
 * Errors: what a peer does wrong is answered as Pulsar answers it or closes the
 * connection with a counted reason; nothing here fails towards the broker.
 */
#ifndef PULSAR_SERVER_H
#define PULSAR_SERVER_H

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
struct auth;
struct quota;
struct throttle;
struct pulsar_move; /* a session between two shards */

struct pulsar_conf {
	unsigned max_message_bytes; /* maxMessageSize: metadata and payload */
	int64_t keepalive_ns; /* asked after it, closed after twice it */
	int64_t handshake_ns; /* CONNECT must come in it */
	/* conn_conf's: how fast a frame that has begun must go on; 0: any */
	int64_t frame_ms;
	uint32_t frame_min_rate;
	struct quota *quota; /* brokerMaxConnections...; NULL: none; borrowed */
	int64_t
	    probe_ns; /* connectionLivenessCheckTimeoutMillis; 0: no probe */
	/* Host that clients are told; NULL or "": the one they connected to. */
	const char *advertised_address;
	/* "name:pulsar://host:port,..."; NULL or "": none */
	const char *advertised_listeners;
	/* The listener for clients that name none; NULL or "": the first. */
	const char *internal_listener;
	unsigned port; /* bound; see pulsar_set_port() */
	unsigned tls_port; /* the same of that with TLS; 0: none */
	unsigned lookup_max; /* of this shard: lookups in progress */
	const char *version; /* of CONNECTED, e.g. "Magnetar 0.1.0" */
	bool authorization; /* authorizationEnabled */
	bool auth_original; /* authenticateOriginalAuthData */
	int64_t auth_check_ns; /* authenticationRefreshCheckSeconds; 0: never */
	struct audit *audit; /* NULL: none; borrowed */
	struct throttle *throttle; /* the broker's; NULL: none; borrowed */
	bool batch_index_ack;
	bool entry_metadata; /* 0x0e02 for clients that can read it */
	bool topic_watchers; /* enableBrokerSideSubscriptionPatternEvaluation */
	unsigned pattern_max; /* subscriptionPatternMaxLength */
	size_t out_high_bytes; /* conn_conf.tx_high */
	size_t out_hard_bytes; /* conn_conf.tx_hard */
	unsigned pending_max; /* publishes of a connection without a receipt */
	size_t pending_bytes_max; /* the same in bytes */
	size_t shard_pending_bytes_max; /* of all connections of the shard */
	unsigned producers_max, consumers_max; /* of a connection */
	unsigned requests_max; /* of a connection, not yet answered */
	struct metrics *metrics; /* of the shard; NULL: none kept */
	/* Sessions that are read best on another shard: may_move says whether
	 * that shard takes one more; move brings it there, to pulsar_adopt().
	 * move NULL: sessions stay where they were accepted. */
	bool (*may_move)(void *priv, unsigned shard);
	void (*move)(void *priv, unsigned shard, struct pulsar_move *);
	void *move_priv;
};

/* Pulsar 4.2.4's defaults where it has the key */
#define PULSAR_CONF_DEFAULT                                                    \
	{                                                                      \
		.max_message_bytes = 5u << 20,                                 \
		.keepalive_ns = INT64_C(30000000000),                          \
		.handshake_ns = INT64_C(30000000000), .frame_ms = 10000,       \
		.frame_min_rate = 4096, .probe_ns = INT64_C(5000000000),       \
		.lookup_max = 50000, .version = "Magnetar",                    \
		.batch_index_ack = true, .topic_watchers = true,               \
		.pattern_max = 50, .out_high_bytes = 1u << 20,                 \
		.out_hard_bytes = 1u << 30, .pending_max = 1000,               \
		.pending_bytes_max = 64u << 20,                                \
		.shard_pending_bytes_max = 64u << 20, .producers_max = 100000, \
		.consumers_max = 100000, .requests_max = 100000                \
	}

struct pulsar;

/* ERR_INVALID_ARG: advertisedListeners or the internal one make no sense. */
enum err pulsar_conf_check(
    const struct pulsar_conf *, struct diag *) MUST_CHECK;

/* Attaches to the router as DEST_PULSAR. conf is copied, its strings are not;
 * it has passed pulsar_conf_check(). */
struct pulsar *pulsar_new(
    struct net *, struct router *, const struct pulsar_conf *);
/* All of its connections are closed and net_flush()ed (net_close_all() and the
 * loop's tail do it), or net_free() has been called. */
void pulsar_free(struct pulsar **);

/* A listener_accept_f: priv is the struct pulsar; takes fd. */
void pulsar_accept(void *priv, int fd, const struct sock_addr *peer);
/* The same for a port where TLS is spoken; pulsar_set_tls() has been called. */
void pulsar_accept_tls(void *priv, int fd, const struct sock_addr *peer);
/* Of connections accepted from now on. Referenced. */
void pulsar_set_tls(struct pulsar *, struct tls_ctx *);
/* Who clients are, of connections and credentials that come from now on. Referenced.
 * Without it nobody is asked. */
void pulsar_set_auth(struct pulsar *, struct auth *);
/* What another shard's conf.move was given. Takes it; when draining the
 * connection is closed. */
void pulsar_adopt(struct pulsar *, struct pulsar_move **);
/* Nobody is there to take it. @locality any */
void pulsar_move_free(struct pulsar_move **);
/* The port that the listener was given (conf.port was 0). */
void pulsar_set_port(struct pulsar *, unsigned port);
void pulsar_set_tls_port(struct pulsar *, unsigned port);

/* From now on new connections are closed and new producers and consumers are
 * answered ServiceNotReady; FX_*_CLOSED, which core_drain() causes, are told to
 * the clients; sessions without producers and consumers are closed. */
void pulsar_drain(struct pulsar *);
/* No producer or consumer is open and nothing waits to be sent. */
bool pulsar_drain_done(const struct pulsar *);

struct pulsar_stats {
	uint64_t sessions_n, producers_n, consumers_n; /* now */
	uint64_t lookups_n; /* now in progress */
	uint64_t pings, commands, refused, moved; /* since the start */
};
void pulsar_get_stats(const struct pulsar *, struct pulsar_stats *);

#endif
