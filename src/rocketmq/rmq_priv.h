/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rmq_priv.h - what the files of the front-end share.
 *
 * server.c holds struct rmq and takes the core's effects in; session.c the life
 * of a session, frames, answers; topics.c what a shard knows of topics;
 * outlet.c publishes; group.c consumer groups; job.c requests that take several
 * operations; do_*.c one family of requests each.
 *
 * An answer needs of its request what struct rmq_ref holds. dest.tag says whom in this front-end an effect is
 * for (enum rmq_tag); dest.conn is that one's number.
 *
 * Parking: a request that needs a topic which is not in the cache is kept as the
 * bytes of its frame and run again, from the beginning, when the topic is there
 * or known to be missing. So a handler either finds what it needs or parks
 * before it has done anything.
 *
 * Inside of an effect nothing may go into the core: rmq_route() keeps the
 * operation until the effect is over (a timer of the next iteration).
 */
#ifndef ROCKETMQ_RMQ_PRIV_H
#define ROCKETMQ_RMQ_PRIV_H

#include <bsd/sys/queue.h>

#include "base/map.h"
#include "base/miniobj.h"
#include "base/strbuf.h"
#include "format/rmq_id.h"
#include "net/conn.h"
#include "os/loop.h"
#include "rocketmq/header.h"
#include "rocketmq/server.h"

struct rmq_session;
struct rmq_topic;
struct outlet;
struct rmq_pull;
struct rmq_pop;
struct rmq_job;
struct rmq_group;
struct held;
struct rmq_rates;
struct rmq_measured;
struct histo;

LIST_HEAD(rmq_session_list, rmq_session);
LIST_HEAD(rmq_pull_list, rmq_pull);
LIST_HEAD(rmq_pop_list, rmq_pop);
LIST_HEAD(rmq_job_list, rmq_job);
STAILQ_HEAD(held_list, held);

enum rmq_tag {
	TAG_NONE, /* nobody wants the answer */
	TAG_OUTLET,
	TAG_TOPIC,
	TAG_PULL,
	TAG_POP,
	TAG_JOB,
	TAG_GROUP,
};

#define RMQ_HEAD_MAX (256u << 10) /* an answer's header */
#define RMQ_TEXT_MAX (64u << 20) /* a body that is made here */

/* Codes of answers that are said here and not by err_rocketmq() */
enum rmq_code {
#define RESPONSE(code, name) RC_##name = (code),
#include "rocketmq/tbl/response.h"
#undef RESPONSE
};

/* --- a request ---------------------------------------------------------------- */

struct rmq_ref {
	uint64_t session; /* number; 0: nobody */
	int32_t code; /* of the request */
	int32_t opaque;
	uint8_t type; /* encoding of the header */
	bool oneway; /* no answer */
	bool waited; /* for messages to come */
	int64_t began_ns; /* when it came */
};

struct rmq_req {
	struct rmq_ref ref;
	const struct rheader *h; /* until the handler returns */
	struct slice body; /* inside of the frame's buffer, borrowed */
	struct slice frame; /* the whole of it, borrowed */
};

typedef void rmq_do_f(struct rmq_session *, struct rmq_req *);

/* --- the front-end of a shard ------------------------------------------------- */

struct rmq {
	unsigned magic;
#define RMQ_MAGIC 0x40c3e701
	struct rmq_conf conf;
	struct conn_conf cc;
	struct net *net;
	struct loop *lp;
	struct router *router;
	unsigned port;
	enum rmq_tls_mode tls_mode;
	struct tls_ctx *tls; /* NULL where it is disabled */
	uint64_t seed;
	uint32_t queue_seq; /* for sends that leave the queue to us */
	uint64_t id_seq; /* numbers of outlets, topics, pulls and jobs */
	struct umap sessions; /* by number of their connection */
	struct umap things; /* outlets, topics, pulls, jobs, by number */
	struct map topics; /* RocketMQ's name -> struct rmq_topic */
	struct map clients; /* client id -> a session that has it */
	struct map groups; /* those that live on this shard */
	struct map counts; /* stat.c */
	int64_t counted_s; /* when they were sampled last */
	struct rmq_rates *rates; /* runtime.h */
	struct rmq_measured *measured; /* measure.h */
	struct map resets; /* do_reset.c */
	struct map gconfs; /* settings of groups -> struct rmq_gconf */
	bool draining;
	bool wiped; /* routes are without write permission */
	unsigned in_fx; /* an effect is being taken in */
	struct loop_timer later, second;
	STAILQ_HEAD(, later_op) later_ops;
	struct rmq_job_list jobs;
	struct rmq_pull_list free_pulls;
	unsigned free_pulls_n;
	struct held_list due; /* parked requests that may run again */
	struct rheader hdr; /* of the request being carried out */
	struct rscratch scratch;
	struct rout out; /* head of the answer being written */
	struct strbuf text; /* its body, where it is made here */
	uint16_t uniq_seq;
	struct rmq_users *users; /* users.h */
	struct plain_set *plain; /* plain.h; NULL: not aclEnable */
	uint64_t plain_number; /* which of them it is */
	uint64_t plain_last; /* of shard 0: the number given last */
	struct secret_box *secrets; /* of whoever called rmq_set_secrets() */
	char *added; /* properties that each message gets (send.h) */
	char props[RMQ_PROPS_MAX]; /* of the message being made */
	char props2[RMQ_PROPS_MAX]; /* the same, changed */
	struct buf *chunk; /* records of messages are built in it */
	uint32_t chunk_at;
	struct slice *found; /* of the take being carried out (take.h) */
	size_t pending_bytes; /* of all sessions */
	struct rmq_session_list starved; /* PAUSE_SHARD */
	int64_t boot_ms; /* wall */
	STAILQ_HEAD(, outlet) outlets_due; /* opened: what waits goes on */
	struct rmq_stats st;
};

/* An operation; tag and number say for whom its answer is. */
struct op *rmq_op_new(
    struct rmq *, enum op_type, enum rmq_tag, uint64_t number, uint64_t req);
/* Takes it. By topic or handle; now, or after the effect that is going on. */
void rmq_route(struct rmq *, struct op **);
/* Gives an effect to whom it is for; it stays the caller's. */
void rmq_fx_give(struct rmq *, struct fx *);
/* To a shard of the caller's choice; the same rule. */
void rmq_route_to(struct rmq *, unsigned shard, struct op **);
void rmq_later_kick(struct rmq *);
uint64_t rmq_thing_add(struct rmq *, void *obj); /* its number */
void rmq_thing_del(struct rmq *, uint64_t number);
void rmq_gauge(struct rmq *, enum metric, int n);
/* Shard of a consumer group. */
unsigned rmq_group_shard(const struct rmq *, struct str group);

/* requests.c; NULL: not served */
rmq_do_f *rmq_handler(int32_t code);
/* NULL: not served */
const char *rmq_request_name(int32_t code);
void rmq_requests_check(void);
enum rmq_request {
#define REQUEST(code, name, f) RQ_##name = (code),
#include "rocketmq/tbl/request.h"
	/* what we ask clients */
	RQ_CHECK_TRANSACTION_STATE = 39,
	RQ_NOTIFY_CONSUMER_IDS_CHANGED = 40,
	RQ_RESET_CONSUMER_CLIENT_OFFSET = 220,
	RQ_GET_CONSUMER_STATUS_FROM_CLIENT = 221,
	RQ_PUSH_REPLY_MESSAGE_TO_CLIENT = 326
};

/* --- session.c ----------------------------------------------------------------- */

enum rmq_session_state {
	RMQ_OPEN,
	RMQ_ENDING
};

#define RMQ_ALLOWED_N 16u /* a power of two */

#define RMQ_PAUSE_PUBLISHES 1u /* pending_max or pending_bytes_max reached */
#define RMQ_PAUSE_REQUESTS 2u /* requests_max reached */
#define RMQ_PAUSE_SHARD 4u /* shard_pending_bytes_max reached */
#define RMQ_PAUSE_LOGIN 8u /* rmq_gate_waits() */

struct rmq_session {
	unsigned magic;
#define RMQ_SESSION_MAGIC 0x40c35e01
	enum rmq_session_state state;
	struct rmq *rm;
	struct conn *cn;
	uint64_t id;
	bool settled; /* it doesn't move any more (move.c) */
	unsigned home; /* where it moves to */
	unsigned requests_n; /* not answered yet */
	unsigned pending_n; /* publishes among them */
	size_t pending_bytes;
	unsigned paused; /* RMQ_PAUSE_ */
	struct loop_timer idle;
	size_t hello_n; /* of its bytes, that were TLS's */
	LIST_ENTRY(rmq_session) starved_link;
	/* what it is told and told us */
	char ip[64]; /* advertised, text */
	unsigned port;
	struct rmq_host store_host; /* the same in bytes */
	struct rmq_host born_host; /* the client's */
	bool named; /* they are set */
	char from
	    [SOCK_TEXT_MAX]; /* gate.c: IP address of the peer; "": not yet */
	bool proven; /* gate.c: its last request was signed well */
	bool waited, unseen; /* rmq_gate_waits() has said so of the next one */
	struct loop_timer login;
	/* gate.c: what was allowed, by hash, under this version */
	uint64_t allowed_version, allowed[RMQ_ALLOWED_N];
	char *client_id; /* of its last heartbeat; NULL: none came */
	/* of its last header; type: how that was encoded */
	uint8_t language, type;
	int32_t version;
	LIST_HEAD(, rmq_member) members; /* groups that it is in */
	struct rmq_job *joining; /* the heartbeat that is being read */
	struct rmq_pull_list pulls;
	struct rmq_pop_list pops;
	int32_t opaque_seq; /* of our requests to it */
	LIST_HEAD(, rmq_note) notes; /* audit.c: to be written when answered */
	unsigned notes_n;
	LIST_HEAD(, rmq_ask) asks; /* our requests that it has to answer */
	unsigned asks_n;
};

void rmq_session_new(struct rmq *, int fd, struct quota_pass);
struct rmq_session *rmq_session_adopt(struct rmq *, struct conn_parcel **);
void rmq_session_free(struct rmq_session *);
struct rmq_session *rmq_session_get(struct rmq *, uint64_t id);
/* move.c: the request is of a topic of another shard, to which it goes. */
bool rmq_session_moves(struct rmq_session *, const struct rmq_req *);
void rmq_session_detached(struct conn *, void *priv, struct conn_parcel *);
void rmq_session_close(struct rmq_session *, enum close_reason);
void rmq_session_close_flushed(struct rmq_session *, enum close_reason);
void rmq_session_pause(struct rmq_session *, unsigned why);
void rmq_session_resume(struct rmq_session *, unsigned why);
/* Where its clients are told to go, and what is written as storeHost. */
void rmq_session_name(struct rmq_session *);

/* Text of an address as records have it; false: it is none. */
bool rmq_host_parse(struct rmq_host *, const char *ip);

/* An answer: begin, fields, end. Every request is answered once (a oneway one
 * too: it counts as under way until then). */
struct rout *rmq_answer(
    struct rmq_session *, const struct rmq_ref *, int code, const char *remark);
void rmq_answer_end(struct rmq_session *, const struct rmq_ref *, const void *,
    size_t body_len);
/* The head only says how long the body is; the caller writes it to the
 * connection, if this says so. */
bool rmq_answer_head(
    struct rmq_session *, const struct rmq_ref *, size_t body_len);
/* success, with rm->text as its body */
void rmq_answer_text(struct rmq_session *, const struct rmq_ref *);
/* code and remark, nothing else */
void rmq_answer_code(
    struct rmq_session *, const struct rmq_ref *, int code, const char *remark);
void rmq_answer_codef(struct rmq_session *, const struct rmq_ref *, int code,
    const char *fmt, ...) PRINTF(4, 5);
void rmq_answer_err(
    struct rmq_session *, const struct rmq_ref *, enum err, const char *diag);
/* SYSTEM_ERROR for a required field that isn't there or can't be read */
void rmq_answer_field(
    struct rmq_session *, const struct rmq_ref *, const char *field);

/* Keeps the request, to be run again; it is not answered. */
struct held {
	STAILQ_ENTRY(held) link;
	uint64_t session;
	int64_t began_ns;
	struct slice frame; /* referenced */
};
void rmq_park(struct rmq_session *, const struct rmq_req *, struct held_list *);
/* They run again in the next iteration, in order, before anything newer. */
void rmq_unpark(struct rmq *, struct held_list *);
void rmq_held_run(struct rmq *);
void rmq_held_free(struct rmq *, struct held_list *);

/* --- topics.c -------------------------------------------------------------------- */

enum rmq_topic_state {
	RMQ_TOPIC_ASKED, /* its record is being read or made */
	RMQ_TOPIC_THERE,
	RMQ_TOPIC_MISSING, /* at missing_ns */
	RMQ_TOPIC_FAILED, /* error, at missing_ns */
};

/* What rmq_topic_get() says. */
enum rmq_topic_found {
	RMQ_TOPIC_OK,
	RMQ_TOPIC_PARKED, /* the request is; return */
	RMQ_TOPIC_NONE, /* it is missing; *t is NULL if it can't be made */
	RMQ_TOPIC_ERROR, /* t->error */
};

/* Properties of a topic's record that are RocketMQ's. */
#define RMQ_TPROP_READ_QUEUES "rocketmq.readQueueNums"
#define RMQ_TPROP_WRITE_QUEUES "rocketmq.writeQueueNums"
#define RMQ_TPROP_PERM "rocketmq.perm"
#define RMQ_TPROP_SYS_FLAG "rocketmq.topicSysFlag"
#define RMQ_TPROP_ORDER "rocketmq.order"
#define RMQ_TPROP_ATTRIBUTES "rocketmq.attributes"

#define PERM_PRIORITY 8
#define PERM_READ 4
#define PERM_WRITE 2
#define PERM_INHERIT 1

#define RMQ_MESSAGE_TYPES 4u

struct rmq_topic {
	unsigned magic;
#define RMQ_TOPIC_MAGIC 0x40c37001
	struct rmq *rm;
	uint64_t number;
	char *name; /* RocketMQ's */
	char *full; /* the core's, without a partition */
	enum rmq_topic_state state;
	bool stale; /* read again before the next use */
	bool partitioned;
	uint32_t queues_n; /* partitions; 1 for a topic without */
	uint32_t read_n, write_n, perm, sys_flag;
	bool order;
	char *attributes; /* "k=v,k=v"; NULL: none */
	bool batch_cq; /* one of them: batches stay together */
	int64_t missing_ns;
	struct held_list waiting;
	enum err error; /* RMQ_TOPIC_FAILED */
	/* while it is made */
	bool creating, made_ns;
	uint32_t make_queues, make_perm;
	struct outlet **out; /* of each queue; NULL: none yet */
	uint32_t out_n;
	/* by type of the message; NULL: not yet, or not counted (measure.h) */
	struct histo *sizes[RMQ_MESSAGE_TYPES];
	int64_t used_ns;
};

/* What a name says: where it lies, or ERR_INVALID_NAME. *full is mem_free'd. */
enum err rmq_topic_full(
    const struct rmq *, struct str name, char **full) MUST_CHECK;
/* Full name of a queue's topic, into buf of NAME_MAX_BYTES + 32. */
struct str rmq_queue_full(
    const struct rmq_topic *, uint32_t queue, char *buf, size_t size);
/* The topic, if it is known; else the request is parked until it is. */
enum rmq_topic_found rmq_topic_get(struct rmq_session *, const struct rmq_req *,
    struct str name, struct rmq_topic **) MUST_CHECK;
/* The same; a light queue is made if it isn't there: whoever names one has it. */
enum rmq_topic_found rmq_topic_use(struct rmq_session *, const struct rmq_req *,
    struct str name, struct rmq_topic **) MUST_CHECK;
/* in the cache, with that queue; NULL: not at the moment */
struct rmq_topic *rmq_topic_there(
    struct rmq *, struct str name, uint32_t queue);
/* what a light queue's topic is made with */
void rmq_light_props(struct rmq *, struct op *);
/* Of a missing one: makes it and parks the request. queues 0: of one queue, not
 * partitioned. */
void rmq_topic_make(struct rmq_session *, const struct rmq_req *,
    struct rmq_topic *, uint32_t queues, uint32_t perm);
/* RocketMQ's name of a topic of the core, without its partition, mem_free it;
 * NULL and *ours false: it has none (another tenant, not persistent). */
struct topic_name;
char *rmq_name_of(const struct rmq *, const struct topic_name *, bool *ours);
/* What a record (FX_TOPIC_META) says, into a topic */
void rmq_topic_adopt(struct rmq_topic *, const struct fx *);
/* Of the properties of a record as FX_TOPIC_META has them; mem_free it. */
char *rmq_prop_get(struct str props, const char *key);
struct jval;
/* {"+k":"v","-k":""} as attrs.h takes it, mem_free it */
char *rmq_attr_changes(const struct jval *);
void rmq_topic_fx(struct rmq_topic *, struct fx *);
void rmq_topics_changed(struct rmq *, const struct fx *);
void rmq_topics_fini(struct rmq *);
void rmq_topics_tick(struct rmq *);
/* ^[%|a-zA-Z0-9_-]+$, at most 127 bytes: NULL, or what is wrong with it */
const char *rmq_name_wrong(struct str name);
bool rmq_topic_is_retry(struct str name);
bool rmq_topic_is_dlq(struct str name);
/* "%LMQ%x", and such names are light queues' */
bool rmq_topic_is_light(const struct rmq *, struct str name);
/* Names that always have a route: TBW102 and such. Queues, or 0. */
uint32_t rmq_topic_builtin(const struct rmq *, struct str name, uint32_t *perm);

/* --- outlet.c -------------------------------------------------------------------- */

struct outlet_msg;
/* One publish has ended: err, or where it is. */
typedef void outlet_done_f(
    struct rmq *, struct outlet_msg *, const struct fx_receipt *);

struct outlet_msg {
	struct rmq_ref ref;
	outlet_done_f *done;
	void *priv;
	uint32_t bytes; /* counted at the session */
	uint32_t queue;
	uint8_t uniq_len; /* 0: none */
	bool async; /* its sender doesn't wait for the disk */
	char uniq[RMQ_ID_MAX];
	struct histo *size; /* counts it when it is stored; NULL: it isn't */
	struct attr attr;
	struct slice body; /* referenced until it is published */
};

struct outlet *rmq_outlet(struct rmq_topic *, uint32_t queue);
/* Takes m's body; done is called once, never inline. false: too many wait. */
bool outlet_publish(struct outlet *, const struct outlet_msg *m);
/* Its queue is over its rate: what is published waits up to a second. */
bool outlet_is_throttled(const struct outlet *);
void outlet_fx(struct outlet *, const struct fx *);
void outlet_receipt(struct rmq *, const struct fx_receipt *);
void rmq_outlets_run(struct rmq *);
void outlet_free(struct outlet **);
/* What was stored since the last time, into the statistics */
void outlet_count(struct outlet *);
bool outlet_is_idle(const struct outlet *);

/* --- do_*.c ----------------------------------------------------------------------- */

rmq_do_f rmq_do_route, rmq_do_cluster;
rmq_do_f rmq_do_send;
rmq_do_f rmq_do_pull;
rmq_do_f rmq_do_offset_get, rmq_do_offset_set, rmq_do_offset_max,
    rmq_do_offset_min, rmq_do_offset_time, rmq_do_earliest_time;
rmq_do_f rmq_do_heartbeat, rmq_do_unregister, rmq_do_consumer_list, rmq_do_lock,
    rmq_do_unlock;
rmq_do_f rmq_do_view, rmq_do_query, rmq_do_reply;
rmq_do_f rmq_do_send_back, rmq_do_recall, rmq_do_end_transaction;
rmq_do_f rmq_do_topic_put, rmq_do_topic_put_list, rmq_do_topic_get,
    rmq_do_topic_delete, rmq_do_topic_unregister;
rmq_do_f rmq_do_topic_list, rmq_do_topic_configs, rmq_do_system_topics,
    rmq_do_unit_topics, rmq_do_wipe;
rmq_do_f rmq_do_kv_put, rmq_do_kv_get, rmq_do_kv_delete, rmq_do_kv_list;
rmq_do_f rmq_do_group_put, rmq_do_group_get, rmq_do_group_list,
    rmq_do_group_delete;
rmq_do_f rmq_do_topic_stats, rmq_do_group_stats, rmq_do_time_span,
    rmq_do_all_offsets, rmq_do_topics_of_group, rmq_do_broker_stats,
    rmq_do_groups_of_topic;
rmq_do_f rmq_do_reset, rmq_do_clone, rmq_do_correction, rmq_do_forbid;
rmq_do_f rmq_do_plain_put, rmq_do_plain_delete, rmq_do_plain_version,
    rmq_do_plain_white, rmq_do_plain_get;
rmq_do_f rmq_do_config_get, rmq_do_config_update, rmq_do_namesrv_config_get,
    rmq_do_runtime;
rmq_do_f rmq_do_nothing, rmq_do_member_group, rmq_do_ha_status, rmq_do_epoch,
    rmq_do_lite, rmq_do_user, rmq_do_acl, rmq_do_check_client;
rmq_do_f rmq_do_view_stats;
rmq_do_f rmq_do_status;
rmq_do_f rmq_do_direct, rmq_do_consume_queue;
rmq_do_f rmq_do_connections, rmq_do_producer_list, rmq_do_ask_client;

void rmq_pull_fx(struct rmq_pull *, struct fx *);
void rmq_pulls_drop(struct rmq_session *);
void rmq_pulls_fini(struct rmq *);
void rmq_client_forget(struct rmq_session *);
void rmq_members_drop(struct rmq_session *);
void rmq_members_expire(struct rmq_session *);
void rmq_pulls_drain(struct rmq_session *);
void rmq_groups_tick(struct rmq *);
void rmq_groups_fini(struct rmq *);
void rmq_job_fx(struct rmq_job *, struct fx *);
void rmq_jobs_fini(struct rmq *);
/* ask.c: our requests to a client */
void rmq_asks_drop(struct rmq_session *);
void rmq_asked_answered(
    struct rmq_session *, const struct rheader *, struct slice body);

#endif
