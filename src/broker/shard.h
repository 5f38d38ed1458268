/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shard.h - one shard: a loop, its connections, its core, its log and its
 * mailbox, and the router that ties front-ends to cores of all shards.
 *
 * What an iteration of the loop does: head: time goes into the core, what
 * io_uring has done is answered; callbacks: bytes come in and become operations,
 * completions come in, the mailbox is drained; tail: HTTP's turn, the core's timers
 * and ready dispatchers, a log group is formed and submitted, messages for other
 * shards are posted (one lock and at most one wake-up per shard), connections are
 * flushed.
 *
 * Threads: made by the main thread before the loops run; afterwards everything
 * but shard_stop() runs on the shard's own thread (asserted by what it calls).
 * Memory: the shard owns all it names but `files` and `metas` (broker.h).
 */
#ifndef BROKER_SHARD_H
#define BROKER_SHARD_H

#include "core/route.h"
#include "net/listener.h"
#include "net/net.h"
#include "os/disk_file.h"
#include "os/mbox.h"
#include "os/thread.h"

#define SHARDS_MAX 64
#define SHARD_SINKS_MAX 8
#define SHARD_RMQ_PORTS 3 /* name server, broker, broker for old clients */

struct broker;
struct http;
struct pulsar_move;
struct rmq_msg;
struct xreceipts;
struct xdeliver;

struct shard_out { /* messages for one other shard, since the last tail */
	struct mbox_msg *first, *last;
	struct xreceipts *receipts; /* last message, while it has room */
	struct xdeliver *deliver; /* the same */
};

struct shard {
	struct router router; /* first */
	unsigned magic;
#define SHARD_MAGIC 0x5ba4d001
	unsigned n;
	struct broker *broker;
	struct loop *lp;
	struct mbox *mb;
	struct net *net;
	struct disk *disk;
	struct meta *meta;
	struct meta *due; /* of due indexes: an environment of its own */
	struct ledgers *ledgers;
	struct core *core;
	struct {
		const struct route_sink *sink;
		void *priv;
	} sinks[SHARD_SINKS_MAX];
	struct shard_out out[SHARDS_MAX];
	struct metrics *metrics; /* read by any thread */
	struct pulsar *pulsar;
	struct rmq *rmq; /* NULL: not served */
	struct http *http; /* the broker's; NULL: another shard has it */
	struct listener *listener, *listener_tls; /* Pulsar's; NULL: none */
	struct listener *rmq_listeners[SHARD_RMQ_PORTS];
	struct thread th; /* shards 1.. */
	struct loop_timer second;
	_Atomic bool drained;
	_Atomic unsigned
	    conns_n; /* as of the last tail, for the other shards */
	_Atomic unsigned strangers_n; /* the same */
	bool room_asked; /* of another shard, which hasn't answered */
	uint64_t crossed_ops, crossed_effects;
};

/* Loop, mailbox and network; meta, core, disk and log are set by broker.c. */
void shard_init(struct shard *, struct broker *, unsigned n);
void shard_attach_core(struct shard *, const struct core_conf *);
/* The end, when all loops have stopped, on the main thread: shards are settled in
 * turn until none has done anything (true: it has), since what one does may be
 * for another; each hangs up its connections; they are settled again; each is
 * freed. */
bool shard_settle(struct shard *);
void shard_hang_up(struct shard *);
void shard_close(struct shard *);
/* Of pulsar_conf, priv is the shard: sessions that are read best elsewhere. */
bool shard_may_move(void *priv, unsigned to);
void shard_move(void *priv, unsigned to, struct pulsar_move *);
/* Of rmq_conf, priv is the shard: to a shard's front-end. */
void shard_post_rmq(void *priv, unsigned to, struct rmq_msg *);
/* Stops accepting. */
void shard_deafen(struct shard *);
/* Run on the calling thread until shard_stop(). */
void shard_run(struct shard *);
/* @locality any */
void shard_stop(struct shard *);

/* Runs f on the shard's thread. @locality any. */
typedef void shard_call_f(struct shard *, void *priv);
void shard_call(struct shard *, shard_call_f *, void *priv);

#endif
