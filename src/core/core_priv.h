/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_priv.h - the objects of the core and who touches them.
 *
 *   core -> topic -> (producer*, sub -> (cursor, dispatcher, consumer* -> lease*))
 *                 -> tlog (list of ledgers) -> engine
 *
 * Files: core.c op dispatch, handles, time · timer.c · name.c · topic*.c load,
 * create, unload, delete, terminate · tlog.c ledgers of a topic, rolling,
 * trimming · reader.c entries in order, from memory or disk · reads.c, spot.c
 * reads at an index · producer.c,
 * publish.c · admin*.c tenants, namespaces, lists · sub.c subscriptions ·
 * consumer.c · cursor.c, ackset.c, posset.c what is acknowledged · lease.c what
 * is delivered and not yet acknowledged · probe.c · disp_single.c (exclusive, failover),
 * disp_shared.c, disp_key.c + keyring.c · leasing*.c, term.c leases for a time ·
 * seek.c · stats.c.
 *
 * Everything belongs to one shard and is freed by it. No object is referenced
 * across a callback of the engine without being kept: a topic counts the
 * operations under way (topic->pins) and is freed when it is closed and the
 * count is zero.
 */
#ifndef CORE_CORE_PRIV_H
#define CORE_CORE_PRIV_H

#include <bsd/sys/queue.h>
#include <roaring/roaring.h>

#include "base/vas_assert.h" /* roaring brings <assert.h> */

#include "base/map.h"
#include "base/miniobj.h"
#include "core/core.h"
#include "core/lease.h"
#include "core/limits.h"
#include "core/name.h"
#include "core/posset.h"
#include "core/probe.h"
#include "core/stats.h"
#include "core/timer.h"
#include "core/tlog.h"

struct topic;
struct sub;
struct consumer;
struct producer;
struct cursor;
struct authz;

/* --- core ------------------------------------------------------------------ */

/* ops that wait, in order */
struct op_line {
	struct op *head, *tail;
};

struct core {
	unsigned magic;
#define CORE_MAGIC 0xc04e0001
	struct core_conf conf;
	const struct core_out *out;
	void *out_priv;
	struct meta *meta;
	struct meta *due_meta; /* of due indexes */
	LIST_HEAD(, due) dues;
	uint32_t dues_n;
	int64_t wall_ahead_ms; /* wall less monotonic */
	LIST_HEAD(, stage) stages;
	struct stage *stage; /* of this shard; NULL: not looked for yet */
	struct op_line stage_line; /* OP_STAGE* until it is there */
	uint32_t stage_line_n;
	struct timer stage_boot;
	struct ledgers *ledgers;
	int64_t now_ms; /* wall */
	int64_t now_ns; /* monotonic */
	struct timers *timers;
	struct map *topics; /* full name -> struct topic */
	uint32_t topics_n; /* with those that are GONE but pinned */
	LIST_HEAD(, admin) admins; /* ops that wait for metadata (admin.c) */
	struct slots *handles; /* handle -> producer or consumer */
	/* dispatchers with work, one quantum each turn */
	TAILQ_HEAD(, sub) ready;
	struct lease_pool leases;
	TAILQ_HEAD(probe_list, probe) probes; /* probe.c; INIT in core_new */
	uint64_t probe_seq;
	bool no_space; /* publishes are refused: engine's space() */
	bool draining;
	bool closing; /* the same, and topics are being closed */
	bool io_failed; /* the engine refuses writes until a restart */
	uint64_t name_seq; /* generated producer names */
	uint64_t reserve_seq; /* names of reserved places */
	uint64_t spread_seq; /* admin_spread's */
	struct pubpart pub;
	struct authz *authz;
	int64_t boot_ms; /* wall, of the first event */
	struct sweep *sweep;
	struct timer tick; /* every 60 s: rates, retention, age of ledgers */
	int64_t tick_ns;
	void (*drained)(void *priv);
	void *drained_priv;
	uint64_t damaged; /* entries that readers stepped over */
	struct core_reads *reads; /* reads.c */
	struct entry *picks; /* leasing.c's, READ_AT_MAX; NULL: not used yet */
};

/* Takes it; one for DEST_INTERNAL is dropped. */
void core_emit(struct core *, struct fx **);
/* Answer an op with FX_DONE (or the given error) and free it. diag may be NULL. */
void core_answer(struct core *, struct op **, enum err, const char *diag);
/* An fx of the type that answers op, dest and req filled. */
struct fx *core_answer_new(struct core *, const struct op *, enum fx_type);
/* Handles: obj is a producer or consumer, told apart by its magic. */
uint64_t core_handle_add(struct core *, void *obj);
void *core_handle_get(const struct core *, uint64_t handle); /* NULL: stale */
void core_handle_del(struct core *, uint64_t handle);

/* --- topic ------------------------------------------------------------------ */

enum topic_state {
	TOPIC_LOADING, /* waiting for metadata and ledgers; ops wait in line */
	TOPIC_READY,
	TOPIC_CLOSING, /* unload: no ops taken (ERR_NOT_READY), flushing */
	TOPIC_DELETING, /* the same, and its metadata goes */
	TOPIC_GONE, /* out of the map, waiting for pins to reach 0 */
};

/* End of an append that is the core's own; at: NULL if it was not stored. */
typedef void topic_appended_f(
    void *priv, const struct entry_place *at, enum err);

/* What goes into the log with an append or not at all (append_with() of struct
 * ledger_ops), asked for when the engine is given the entry: at most RIDER_MAX bytes
 * and the journal they are for; returns how many, 0: nothing. */
typedef size_t topic_rider_f(
    void *priv, struct journal **, uint8_t delta[static RIDER_MAX]);

struct pending_publish { /* one per append under way, ring in order */
	struct producer *pr; /* NULL: it has gone; counts stay */
	topic_appended_f *done; /* no producer's; NULL: a producer's */
	void *priv;
	uint64_t sequence, highest_sequence;
	uint32_t messages_n, bytes;
	int64_t deliver_at_ms;
	enum flush flush;
	enum err err; /* refused: not appended, answered when its turn comes */
};

struct held_publish { /* waits to be appended */
	struct pending_publish
	    pp; /* neither pr nor done: nothing is appended */
	topic_rider_f *rider; /* NULL: none */
	struct attr attr;
	struct slice body; /* referenced */
	int64_t until_ns; /* pubrate.c's */
};

struct held_ring { /* in order; a power of two */
	struct held_publish *v;
	uint32_t head, n, cap;
};

/* What a namespace's policies (JSON) and the broker's conf say for its topics.
 * Zeroed, or policy_init(); policy_fini(). */
struct policy {
	struct limits *limits; /* the namespace's own; NULL: none */
	int64_t retention_ms, retention_bytes; /* 0: none, -1: unlimited */
	int64_t ttl_s;
	bool auto_topic, auto_partitioned;
	uint32_t default_partitions;
	bool encryption_required;
};

/* What a topic's properties say, above its policy and the configuration. */
struct topic_own {
	bool has_ms, has_bytes; /* of retention */
	int64_t ms, bytes; /* -1: unlimited */
	enum flush flush; /* FLUSH_AS_TOPIC: nothing */
	struct limits *limits; /* NULL: none */
};

/* How far an op may go to have its topic. */
enum topic_create {
	TOPIC_FIND, /* it must exist */
	TOPIC_AUTO, /* made if auto-creation is allowed */
	TOPIC_CREATE, /* made (admin) */
};

struct topic {
	unsigned magic;
#define TOPIC_MAGIC 0x70b1c001
	struct core *co;
	struct topic_name name; /* owns its text */
	enum topic_state state;
	unsigned pins;
	STAILQ_HEAD(, topic_waiter) waiters; /* ops while LOADING */
	struct tlog log; /* persistent: ledgers */
	bool terminated;
	struct pos terminated_pos;
	LIST_HEAD(, producer) producers;
	uint32_t producers_n;
	uint64_t epoch; /* topic epoch (exclusive producers) */
	TAILQ_HEAD(, sub) subs;
	uint32_t subs_n;
	uint32_t consumers_n;
	struct pending_publish *pending; /* ring, power of two */
	uint32_t pending_head, pending_n, pending_cap;
	struct held_ring held; /* came while the ledger is being rolled */
	struct pubrate *pubrate; /* pubrate.h; NULL: there is no limit */
	uint64_t throttled; /* how often producers were */
	struct pace *pace; /* pace.h; NULL: there is no limit */
	struct subrate *subrate; /* subrate.h; NULL: there is no limit */
	struct policy policy;
	struct reads *reads; /* at an index; NULL: none so far */
	struct claims *claims; /* sub_index.c; NULL: none */
	struct reserve *reserve; /* reserve.c; NULL: none so far */
	struct topic_load *load; /* LOADING: topic_load.c's */
	struct topic_close *close; /* CLOSING, DELETING: topic_close.c's */
	struct stage_log *stage; /* it is a staging log: stage.c's */
	struct delay *delay; /* entries to be delivered later; NULL: none */
	bool just_created; /* for the op that asked for it (admin create) */
	struct op *terminate; /* OP_TOPIC_TERMINATE under way */
	struct timer idle_timer;
	int64_t last_active_ns;
	/* figures */
	uint64_t in_messages, in_bytes, out_messages, out_bytes;
	struct rate in, out;
	uint64_t in_messages_mark, in_bytes_mark, out_messages_mark,
	    out_bytes_mark;
	int64_t created_ms, last_publish_ms;
	uint32_t props_n;
	struct prop *props;
	struct topic_own own; /* of them */
	void *setting; /* topic_props.c: they are being changed */
};

/* Topic that is READY, or NULL. */
struct topic *topic_find(struct core *, struct str full_name);
/* Find, load or create for this op: when the topic is ready `go` runs with it
 * (at once if it already is), else the op is answered with the error. */
typedef void topic_go_f(struct topic *, struct op **);
void topic_with(struct core *, struct op **, enum topic_create, topic_go_f *go);
/* What core_op() gives to topics and to the admin files. */
typedef void core_op_f(struct core *, struct op **);
core_op_f topic_op;
void topic_pin(struct topic *);
void topic_unpin(struct topic *); /* may free it */
/* Activity: postpones idle unloading and inactive deletion. */
void topic_touch(struct topic *);
/* The subscriptions' records changed slowest point: trims ledgers. */
void topic_trim(struct topic *);
/* New entries up to LAC are there: subs are kicked. */
void topic_notify(struct topic *);
/* Appends without a producer, in order with theirs. The topic is READY and has
 * room (topic_has_room). done may run at once when it is refused. */
void topic_append(struct topic *, const struct attr *, const struct slice *body,
    enum flush, topic_appended_f *done, void *priv);
/* The same, answered as the topic's are, with a rider, which is asked for with
 * priv, once at most. */
void topic_append_with(struct topic *, const struct attr *,
    const struct slice *body, topic_rider_f *, topic_appended_f *done,
    void *priv);
/* fewer than half of the appends that may be under way are */
bool topic_has_room(const struct topic *);
/* Close every producer and consumer with this error (unload, delete). */
void topic_disconnect(struct topic *, enum err);

/* --- producer ----------------------------------------------------------------- */

struct producer {
	unsigned magic;
#define PRODUCER_MAGIC 0x940d0ce4
	struct topic *t;
	uint64_t handle;
	struct dest dest;
	char *name;
	uint64_t name_hash;
	uint64_t epoch;
	enum access_mode access;
	LIST_ENTRY(producer) link;
	int64_t connected_ms;
	uint64_t messages, bytes, messages_mark, bytes_mark;
	uint64_t dropped, dropped_mark; /* by its front-end, over its limit */
	struct rate in;
	double rate_drop;
	uint32_t props_n;
	struct prop *props;
	char *address, *version;
	uint32_t pending_n; /* publishes that were not answered */
	bool late; /* op_producer's */
	bool throttled; /* it was told so: in throttle->told */
	TAILQ_ENTRY(producer) throttle_link;
	struct op *closing; /* OP_PRODUCER_CLOSE that waits for them */
};

void producer_open(struct topic *, struct op **); /* a topic_go_f */
void producer_publish(struct producer *, const struct core_publish *);
/* ERR_OK: asked for, no effect */
void producer_close(struct producer *, enum err);
/* OP_PRODUCER_CLOSE: answered when the publishes before it are, as Pulsar does. */
void producer_close_op(struct producer *, struct op **);
/* One of its publishes was answered; may end it if it is closing. */
void producer_answered(struct producer *);

/* --- subscription -------------------------------------------------------------- */

struct disp_ops {
	const char *name;
	/* may this one join those that are there? NULL: always */
	enum err (*check)(
	    const struct sub *, const struct op_subscribe *, const char **diag);
	/* consumer was added to / has left sub->consumers; remove takes its leases
	 * back */
	void (*add)(struct sub *, struct consumer *);
	void (*remove)(struct sub *, struct consumer *);
	/* one quantum of dispatch; true: more could be done at once */
	bool (*run)(struct sub *);
	/* ids of leases, or all of the consumer's when n is 0 */
	void (*redeliver)(struct sub *, struct consumer *, uint32_t n,
	    const struct core_ack_id *, uint64_t epoch);
	/* the cursor was reset: forget positions, read from the cursor again */
	void (*rewind)(struct sub *);
	/* permits, connection or limits of a consumer may have changed whether it
	 * can take entries */
	void (*update)(struct sub *, struct consumer *);
	/* the lease was acked as a whole and is about to be freed; owner: where it
	 * was out, NULL: it was waiting */
	void (*acked)(struct sub *, struct lease *, struct consumer *owner);
	/* non-persistent topics: who takes this entry now; NULL: nobody */
	struct consumer *(*pick)(struct sub *, const struct entry *);
	void (*stats)(struct sub *, struct sub_stats *);
	void (*free)(struct sub *);
};
extern const struct disp_ops disp_single; /* exclusive and failover */
extern const struct disp_ops disp_shared;
extern const struct disp_ops disp_key;

struct sub {
	unsigned magic;
#define SUB_MAGIC 0x50b50001
	struct topic *t;
	char *name;
	enum sub_type type;
	bool has_type; /* someone has connected */
	bool durable;
	bool replicated;
	bool holds; /* durable: the topic keeps data for it */
	struct cursor *cur; /* NULL: non-persistent topic */
	TAILQ_ENTRY(sub) link;
	TAILQ_ENTRY(sub) ready_link;
	bool is_ready;
	bool opening; /* its cursor is being taken up: subscribe ops wait */
	bool fenced; /* being deleted, reset or sought */
	uint64_t journal_id; /* durable */
	struct op_line *waiters; /* while opening or fenced, sub.c's */
	struct sub_job *job; /* sub.c: being made or deleted */
	TAILQ_HEAD(consumer_list, consumer) consumers; /* in order of arrival */
	uint32_t consumers_n;
	const struct disp_ops *disp;
	void *disp_state;
	struct lease_table leases; /* shared, key-shared */
	uint64_t unacked; /* messages in leases that are out */
	bool blocked_unacked; /* over the subscription's limit */
	struct posset replay; /* positions to deliver again, before new ones */
	struct leasing *leasing; /* for a time; NULL: none so far */
	struct pace *pace; /* pace.h; NULL: no limit of its own */
	struct held_back held_by_topic, held_by_sub;
	struct reader *rd; /* next new entry */
	struct reader *replay_rd;
	uint64_t acked, expired, out_messages, out_bytes;
	/* non-persistent: nobody could take them */
	uint64_t dropped, dropped_mark;
	uint64_t out_messages_mark, out_bytes_mark, acked_mark, redelivered,
	    redelivered_mark;
	struct rate out;
	double rate_redeliver, rate_ack, rate_drop;
	int64_t last_acked_ms, last_consumed_ms, last_flow_ms, last_advanced_ms,
	    last_expire_ms;
	uint32_t props_n;
	struct prop *props;
	bool ks_sticky, ks_out_of_order;
	bool end_sent; /* FX_END_OF_TOPIC was emitted */
	struct timer linger; /* non-durable, sought: waits for its reader */
};

/* From the topic's side. */

/* topic_go_f of OP_SUBSCRIBE */
void sub_subscribe(struct topic *, struct op **);
struct sub *sub_find(struct topic *, struct str name);
/* A durable subscription that metadata names, while the topic loads: opens its
 * cursor; done(priv, err) when it stands. */
void sub_load(struct topic *, struct str name, const void *record, size_t len,
    void (*done)(void *priv, enum err), void *priv);
/* Makes a durable subscription (admin, initial_subscription, subscribe). It holds
 * data unless it is made by a cursor that is set (loose). */
#define SUB_REPLICATED 1u
#define SUB_LOOSE 2u
void sub_create(struct topic *, struct str name, const struct op_start *,
    const struct prop *, uint32_t props_n, unsigned flags,
    void (*done)(void *priv, struct sub *, enum err), void *priv);
void sub_delete(struct sub *, void (*done)(void *priv, enum err), void *priv);
/* Are consumers connected to a durable subscription of that name? */
bool sub_is_consumed(const struct topic *, struct str name);
void sub_kick(struct sub *); /* has something to deliver: into core->ready */
/* One quantum of a subscription that core_poll took off core->ready (is_ready
 * cleared); true: kick it again. */
bool sub_run(struct sub *);
void sub_stats_fill(struct sub *, struct sub_stats *);
/* every 60 s: rates from marks, ttl */
void sub_rate_tick(struct sub *, double seconds);
/* Acks everything stored before wall ms. done (may be NULL) may run at once. */
void sub_expire(struct sub *, int64_t before_ms,
    void (*done)(void *priv, enum err), void *priv);
void sub_disconnect(struct sub *, enum err);
/* Frees the subscription's memory with the topic (unload): the cursor's deltas
 * have been flushed. */
void sub_free(struct sub **);
/* A loose one holds data from now on; the OP_SUBSCRIBE that makes it do so goes on
 * when that is recorded. */
void sub_hold(struct sub *, struct op **);
/* Slowest position that any durable subscription still needs (mark-delete);
 * POS_LATEST when there is none. Loose ones need nothing. */
struct pos subs_slowest(struct topic *);
/* non-durable cursors jump over */
void sub_entries_deleted(struct topic *, struct pos upto);
/* the OP_SUB_* of admin, topic_go_f */
void sub_op(struct topic *, struct op **);
/* np: an entry of a non-persistent topic for every subscription, now or never */
void sub_deliver_np(struct topic *, const struct entry *);

/* --- cursor ------------------------------------------------------------------------ */

/* Cursor: mark-delete position, individually acked entries beyond it, remaining
 * bits of partly acked batches, and the journal that keeps them. cursor.h has
 * its operations. */

/* --- consumer, lease ------------------------------------------------------------------ */

struct consumer {
	unsigned magic;
#define CONSUMER_MAGIC 0xc0450e41
	struct sub *sub;
	uint64_t handle;
	struct dest dest;
	char *name;
	int32_t priority;
	uint64_t epoch; /* consumer epoch: filters redeliveries */
	int64_t permits; /* may go below 0: a batch is never split */
	bool blocked; /* its connection is above the high-water mark */
	bool blocked_unacked; /* over its limit, until half of it is acked */
	uint32_t unacked; /* messages */
	struct lease_list leases;
	TAILQ_ENTRY(consumer) link; /* sub->consumers */
	TAILQ_ENTRY(consumer) disp_link; /* the dispatcher's own list */
	void *disp_state;
	uint64_t out_messages, out_bytes, out_messages_mark, out_bytes_mark;
	uint64_t acked, acked_mark, redelivered, redelivered_mark;
	struct rate out;
	double rate_redeliver, rate_ack;
	int64_t connected_ms, last_acked_ms, last_consumed_ms;
	uint32_t ranges_n; /* sticky Key_Shared */
	struct hash_range *ranges;
	uint32_t props_n;
	struct prop *props;
	char *address, *version;
};

static inline bool
consumer_can_take(const struct consumer *c)
{
	return c->permits > 0 && !c->blocked && !c->blocked_unacked;
}

/* ERR_OK: asked for, no effect */
void consumer_close(struct consumer *, enum err);
/* Sends one entry; accounts permits and figures. Returns the messages in it that
 * were not acked. */
uint32_t consumer_deliver(
    struct consumer *, const struct entry *, uint32_t redeliveries);
/* What core.c does with the ops that name a consumer, after it looked up the
 * handle (a stale handle: ack, flow, block, redeliver are dropped). */
void consumer_flow(struct consumer *, uint32_t permits);
void consumer_block(struct consumer *, bool blocked);
void consumer_ack(struct consumer *, const struct core_ack *);
/* OP_CONSUMER_CLOSE..OP_CONSUMER_STATS */
void consumer_op(struct consumer *, struct op **);

#endif
