/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - HTTP/1.1: lookups, the part of Pulsar's admin API v2 that is
 * here, /metrics and /status.html. One struct http per process, on one shard's
 * loop; topics of other shards are reached through that shard's router.
 *
 * Connections are net's (front.c, which times and limits them); libmicrohttpd
 * parses and writes (mhd.c, the only file that knows it), driven by the loop
 * without a thread of its own. A request that needs the core is
 * suspended until its operations have answered; each request has a number
 * (struct dest's conn), so that what comes for one that is gone is dropped.
 *
 * What is not there answers as Pulsar does: 404 for an unknown path, 405 for a
 * known one with another method, both with {"reason": ...}; nothing is changed
 * by a request that is answered 4xx.
 *
 * Memory: struct http owns its connections and requests. A request holds at
 * most body_max bytes of body, all together HTTP_BODIES_MAX (over it connections are
 * closed), and HTTP_REPLY_MAX of reply. conf's strings and
 * metrics are borrowed and outlive it; conf itself is copied.
 * Threads: the shard's, asserted; http_new() also before its loop runs.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/metrics.h"
#include "core/route.h"
#include "os/loop.h"
#include "net/net.h"
#include "os/sock.h"
#include "os/tls.h"

/* A list of topics or /metrics of very many of them is answered 503 beyond. */
#define HTTP_REPLY_MAX ((size_t)256 << 20)
#define HTTP_BODIES_MAX ((size_t)16 << 20)

struct audit;
struct auth;
struct quota;
struct secret_box;
struct throttle;

struct http_conf {
	const char *version; /* "0.1.0" */
	const char *cluster; /* "standalone" */
	unsigned pulsar_port; /* of lookups' brokerUrl */
	unsigned pulsar_tls_port; /* of their brokerUrlTls; 0: none */
	/* Host of lookups' URLs; NULL or "": the one that the request names
	 * (its Host header), else the address that it came to. */
	const char *advertised_address;
	/* "name:pulsar://host:port,name:http://host:port"; NULL or "": none */
	const char *advertised_listeners;
	/* The listener of requests that name none; NULL or "": the first. */
	const char *internal_listener;
	unsigned namesrv_port; /* of RocketMQ; 0: not served */
	const char *rocketmq_ip; /* brokerIP1; NULL or "": none said */
	/* names that /metrics has of RocketMQ; cluster NULL: none */
	struct {
		const char *cluster, *broker, *tenant, *ns;
	} rocketmq;
	const struct limits
	    *limits; /* the broker's own; NULL: there are none */
	bool authorization; /* authorizationEnabled */
	bool metrics_gate; /* authenticateMetricsEndpoint */
	bool acl_without_topic; /* allowAclChangesOnNonExistentTopics */
	struct audit *audit; /* NULL: none; borrowed */
	struct throttle *throttle; /* the broker's; NULL: none; borrowed */
	size_t body_max; /* larger ones are answered 413 */
	/* front.h: of both ports; 0: no limit. A newer one takes the place of one
	 * that waits. */
	unsigned connections_max;
	struct quota *quota; /* of an address; NULL: none; borrowed */
	int64_t idle_ms; /* between two requests; 0: no limit */
	/* A request's head has to come in receive_ms (the first one's, from the
	 * accept or handshake on); its body, and what takes the answer, at
	 * receive_min_rate bytes a second in each receive_ms. */
	int64_t receive_ms;
	uint32_t receive_min_rate;
	/* One per shard, for /metrics; metrics[own] counts HTTP_REQUESTS. */
	struct metrics *const *metrics;
	unsigned metrics_n;
};

#define HTTP_CONF_DEFAULT                                                     \
	{                                                                     \
		.version = "0", .cluster = "standalone", .pulsar_port = 6650, \
		.body_max = 1u << 20, .connections_max = 2048,                \
		.idle_ms = 30000, .receive_ms = 10000,                        \
		.receive_min_rate = 4096                                      \
	}

struct http;

/* Listens on the address (port 0: a free one, see http_addr) and attaches to
 * the router as DEST_HTTP. ERR_ADDRESS, ERR_PERMISSION; ERR_INVALID_ARG for
 * listeners that make no sense. */
enum err http_new(struct http **, struct net *, struct router *,
    const struct http_conf *, const struct sock_addr *,
    struct diag *) MUST_CHECK;
/* As bound. */
const struct sock_addr *http_addr(const struct http *);
/* A second port, for HTTPS, on the same loop. The context is referenced;
 * http_set_tls() gives another one to connections that begin after it. */
enum err http_listen_tls(struct http *, struct tls_ctx *,
    const struct sock_addr *, struct diag *) MUST_CHECK;
void http_set_tls(struct http *, struct tls_ctx *);
/* Who clients are, of requests that come from now on. Referenced. Without it nobody is
 * asked. */
void http_set_auth(struct http *, struct auth *);
/* By which access keys' secrets are sealed; before the loop runs. Borrowed. */
void http_set_secrets(struct http *, struct secret_box *);
/* NULL: there is no such port */
const struct sock_addr *http_tls_addr(const struct http *);
/* From the tail hook, before the core has its turn and the net is flushed: requests
 * that came in this iteration, or were answered by the core, are worked on in it,
 * and answers go out with it. */
void http_turn(struct http *);
/* No new connections; a request that comes on an old one is answered 503, those
 * under way are finished. */
void http_drain(struct http *);
/* No request waits for the core. */
bool http_drain_done(const struct http *);
/* Closes everything; answers that are still to come are dropped by the router's
 * owner, who detaches or stops first. */
void http_free(struct http **);

#endif
