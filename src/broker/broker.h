/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker.h - the process: configuration, data directory, shards, listeners,
 * start and stop.
 *
 * broker_start() does everything that blocks (open, recover, bind) on the
 * calling thread before any loop runs; broker_run() starts the shards' threads,
 * runs shard 0 on the calling one and returns when the broker has stopped.
 * SIGTERM and SIGINT drain: no more connections, clients are told to go,
 * everything is made durable; a second signal or DRAIN_MAX_MS ends it at once.
 * SIGHUP reloads the live keys of the configuration file.
 *
 * Threads: the main thread, unless a function says otherwise.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "base/conf.h"
#include "base/err.h"

#define DATADIR_FORMAT 1
#define DRAIN_MAX_MS 4500

struct audit;
struct broker;
struct http;
struct secret_box;
struct shard;

struct broker_args {
	struct conf *conf; /* borrowed */
	const char *conf_file; /* NULL: none; read again at SIGHUP */
	int overrides_n; /* -o arguments, applied again at SIGHUP */
	char *const *overrides;
	int64_t started_mono_ns;
};

enum err broker_start(
    struct broker **, const struct broker_args *, struct diag *) MUST_CHECK;
/* Returns the exit status. */
int broker_run(struct broker *);
void broker_free(struct broker **);

/* @locality any; constant after start */
struct shard *broker_shard(struct broker *, unsigned n);
/* NULL until it listens; shard 0's */
struct http *broker_http(struct broker *);
/* By which secrets are sealed; NULL: nobody is authenticated */
struct openid_service *broker_openid(struct broker *);
struct secret_box *broker_secrets(struct broker *);
/* Of RocketMQ's connections, of all shards. */
struct quota *broker_quota_rmq(struct broker *);
/* Everybody's; made before shards are started. */
struct audit *broker_audit(struct broker *);
struct throttle *broker_throttle(struct broker *);
/* Of aclEnable with rocketmqEnable: plain_acl.yml; NULL: not. */
const char *broker_acl_file(const struct broker *);
unsigned broker_shards_n(const struct broker *);
/* Connections of a shard that the process's descriptors allow. */
unsigned broker_conns_max(const struct broker *);

#endif
