/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_priv.h - what the files of the front-end share.
 *
 * server.c holds struct pulsar and takes the core's effects in; session.c the
 * life of a session, frames and the pauses; do_*.c one family of commands each,
 * requests and their answers side by side. pattern.c matches topic names.
 *
 * Answers need no table of requests: an effect brings back the operation's
 * type, the client's request id (req) and dest.tag, which is the producer's or
 * consumer's id, or for operations about a topic the command that asked (enum
 * cmd_type). Operations whose answer nobody wants carry dest.conn 0, which is no
 * session's number.
 *
 * A producer's or consumer's place in a session's table is free again only when
 * the core has said that the old one is gone, so that what the core says of an
 * id is always about the present holder.
 *
 * An effect may arrive inside of the call that routes an operation: set the
 * state first, route last, and touch nothing of the place afterwards. And inside
 * of an effect nothing may be routed: pulsar_later() and cons_block() leave it to
 * a timer that fires in the next iteration.
 */
#ifndef PULSAR_SESSION_PRIV_H
#define PULSAR_SESSION_PRIV_H

#include <bsd/sys/queue.h>

#include "auth/auth.h"
#include "base/map.h"
#include "base/miniobj.h"
#include "core/name.h"
#include "net/conn.h"
#include "os/loop.h"
#include "pulsar/cmd.h"
#include "pulsar/frame.h"
#include "pulsar/hot.h"
#include "pulsar/server.h"
#include "pulsar/text.h"

#define PROTOCOL_VERSION 21

/* One SEND can't claim more; a ledger has to end before 2^28 messages. */
#define SEND_MESSAGES_MAX (1 << 20)
/* Acks go to the core in slices of so many ids and words of ack sets. */
#define ACK_IDS_MAX 512
#define ACK_WORDS_MAX 16384
/* One batch's ack set: 64 messages a word. */
#define ACK_SET_MAX (SEND_MESSAGES_MAX / 64)
#define PROPS_BYTES_MAX (64u << 10) /* of a producer */
#define CONSUMER_PROPS_BYTES_MAX 1024 /* maxConsumerMetadataSize */
/* a frame before CONNECTED: credentials, and no message that needs so much room */
#define HELLO_MAX (2 * AUTH_DATA_MAX)
#define STRING_MAX 4096 /* names of producers, consumers, subscriptions */
#define WATCHERS_MAX 1000 /* of a session */
#define SESSION_PLACES_MAX (1u << 24) /* producers or consumers */
#define PROBES_MAX (1u << 20) /* of a session, at a time */

/* A LOOKUP's dest.tag: the command, and above it 1 + index of the advert; 0: none */
#define TAG_CMD_MASK 0xff
#define LOOKUP_ADVERT_SHIFT 8
#define LOOKUP_ADVERT(p, ad) \
	((ad) == NULL ?      \
		0 :          \
		(uint64_t)((ad) - (p)->adverts + 1) << LOOKUP_ADVERT_SHIFT)

struct session;
struct topics_job;

struct advert { /* one of advertisedListeners */
	char *name;
	char *url, *url_tls; /* either may be NULL */
};

TAILQ_HEAD(cons_list, cons);
LIST_HEAD(session_list, session);
LIST_HEAD(job_list, topics_job);
LIST_HEAD(watcher_list, watcher);

struct pulsar {
	unsigned magic;
#define PULSAR_MAGIC 0x9015a401
	struct pulsar_conf conf;
	struct conn_conf cc;
	struct auth *auth; /* NULL: nobody is asked who he is */
	struct tls_ctx *tls; /* of the port with TLS; NULL: there is none */
	struct net *net;
	struct loop *lp;
	struct router *router;
	struct umap sessions; /* by number */
	uint64_t seed;
	struct advert *adverts;
	unsigned adverts_n;
	const struct advert *internal; /* NULL: there are none */
	bool draining;
	unsigned lookups_n;
	struct session_list watching; /* that have watchers */
	size_t pending_bytes; /* of all sessions */
	struct session_list starved; /* PAUSE_SHARD */
	struct job_list jobs;
	uint64_t job_seq;
	/* to be done outside of an effect */
	struct loop_timer later;
	struct op *later_first, *later_last;
	struct cons_list block_due;
	bool recheck; /* may_recheck() is due */
	struct umap lost; /* may.c: being closed */
	struct pulsar_stats st;
	struct core_ack_id ack_ids[ACK_IDS_MAX];
	uint64_t ack_words[ACK_WORDS_MAX];
};

enum place_state {
	PLACE_OPENING, /* the core was asked */
	PLACE_OPEN,
	PLACE_CLOSING, /* the client asked to close; the core was told */
	PLACE_ABANDONED, /* closed by the client while opening */
	PLACE_CLOSED /* by the broker, a while ago: what is on its way is ignored */
};

struct refusal { /* of a SEND, waiting for the receipts before it */
	STAILQ_ENTRY(refusal) link;
	uint64_t after; /* prod.done_n at which it is its turn */
	uint64_t sequence, highest_sequence;
	int error; /* pp_ServerError; -1: receipt without an id */
	const char *text;
};
STAILQ_HEAD(refusals, refusal);

struct prod {
	unsigned magic;
#define PROD_MAGIC 0x94d00001
	enum place_state state;
	uint64_t id; /* the client's */
	uint64_t handle;
	uint64_t topic_hash, name_hash;
	char *name; /* once open */
	char *topic; /* with authorization: authz_topic() */
	bool persistent;
	bool throttled; /* the session is paused for it */
	bool revoked; /* the right to it, while it was being opened */
	uint32_t pending_n;
	uint64_t sent_n, done_n; /* publishes routed; of them answered */
	uint64_t
	    dropped_n; /* messages, non-persistent: not told to the core yet */
	struct refusals refusals;
	int64_t closed_ns; /* PLACE_CLOSED: since */
};

struct cons {
	unsigned magic;
#define CONS_MAGIC 0xc0450001
	enum place_state state;
	struct session *s;
	uint64_t id, handle;
	int32_t partition;
	char *topic, *sub; /* with authorization: authz_topic() */
	bool send_epoch;
	bool revoked; /* the right to it, while it was being opened */
	bool blocked; /* in s->blocked: told to the core, or due to be */
	bool block_due; /* in pulsar.block_due */
	TAILQ_ENTRY(cons) blocked_link;
	TAILQ_ENTRY(cons) due_link;
};

enum session_state {
	SESSION_START, /* no CONNECT yet */
	SESSION_CONNECTED,
	SESSION_ENDING /* nothing is taken or said any more */
};

#define PAUSE_PUBLISHES 1u /* pending_max or pending_bytes_max reached */
#define PAUSE_REQUESTS 2u /* requests_max reached */
#define PAUSE_SHARD 4u /* shard_pending_bytes_max reached */
#define PAUSE_LOGIN 8u /* CONNECT waits: login_waits() */
#define PAUSE_RATE 16u /* a producer is over the rate of its topic */

/* Who speaks; goes with the session to another shard. */
struct who {
	/* NULL: nobody was authenticated; and for whom a proxy speaks */
	char *role, *original;
	char *method; /* by which */
	int64_t expires_ms; /* wall; 0: never */
	bool refreshes; /* knows AUTH_CHALLENGE */
	bool challenged; /* with which it was asked for new credentials */
	bool waited, unseen; /* login_waits() has said so */
	bool keyless; /* waits for the keys of its token's issuer */
};

struct session_probe {
	uint64_t id;
	uint32_t shard;
};

struct session {
	unsigned magic;
#define SESSION_MAGIC 0x5e550001
	enum session_state state;
	struct pulsar *p;
	struct conn *cn;
	uint64_t id;
	int32_t version; /* spoken: the lower of both sides' */
	bool entry_metadata;
	bool knows_end; /* has a case for REACHED_END_OF_TOPIC */
	bool settled; /* stays on this shard */
	bool leaving; /* to shard home, with the next flush */
	unsigned home;
	char *client_version;
	struct who who;
	char from[SOCK_TEXT_MAX]; /* IP address of the peer */
	struct umap producers, consumers;
	struct prod *last; /* producer of the last SEND or receipt */
	unsigned places_n; /* that the core knows or is asked about */
	unsigned closed_n; /* producers that are PLACE_CLOSED */
	unsigned requests_n; /* operations without an answer */
	unsigned pending_n; /* publishes without a receipt */
	size_t pending_bytes;
	unsigned throttled_n; /* producers over their rate: PAUSE_RATE */
	unsigned np_n; /* of them to non-persistent topics */
	unsigned paused; /* PAUSE_ */
	struct cons_list blocked;
	struct loop_timer keepalive;
	struct loop_timer login_timer; /* login.c */
	bool ping_out; /* no command has come since our PING */
	struct loop_timer probe_timer;
	unsigned probes_n, probes_cap;
	struct session_probe *probes;
	struct watcher_list watchers;
	unsigned watchers_n;
	LIST_ENTRY(session) watching_link;
	LIST_ENTRY(session) starved_link;
};

/* --- server.c */

/* An operation of a session; the answer is counted. Route it by session_route(). */
struct op *session_op_new(
    struct session *, enum op_type, uint64_t tag, uint64_t req);
void session_route(struct session *, struct op **);
/* An operation without an answer for anybody, or whose answer is dropped. */
struct op *pulsar_op_new(struct pulsar *, enum op_type);
/* Inside an effect: route it soon. */
void pulsar_later(struct pulsar *, struct op **);
void pulsar_later_kick(struct pulsar *);
bool pulsar_lookup_begin(struct pulsar *);
void pulsar_lookup_end(struct pulsar *);
void pulsar_gauge(struct pulsar *, enum metric, int n);
/* This is how Pulsar's admin shows times. */
void pulsar_time_text(int64_t wall_ms, char buf[32]);

/* --- session.c */

/* tls: NULL where it is not spoken */
struct session *session_new(struct pulsar *, int fd, struct tls_ctx *tls);
/* There are enough connections: says so and closes it. */
void session_refuse(struct session *, enum quota_said);
struct session *session_get(struct pulsar *, uint64_t id);
void session_close(struct session *, enum close_reason);
/* What was said is still sent. */
void session_close_flushed(struct session *, enum close_reason);
void session_malformed(struct session *);
void session_connected(struct session *);
void session_request_done(struct session *);
void session_pause(struct session *, unsigned why);
void session_resume(struct session *, unsigned why);
void session_probe(struct session *, const struct fx *);
/* A place was freed: a draining session ends with its last one. */
void session_place_gone(struct session *);
/* The bare session, without connection; and its end. */
struct session *session_alloc(struct pulsar *);
void session_attach(struct session *, struct conn *);
void session_free(struct session *);
extern const struct conn_ops session_ops;

/* --- session_move.c */

/* The frame is a session's first PRODUCER or SUBSCRIBE: should it be read on the
 * shard of its topic? Then the session is on its way there. */
bool session_moves(struct session *, const struct frame *);
void session_detached(struct conn *, void *priv, struct conn_parcel *);

void session_error(struct session *, uint64_t req, int error, const char *text);
/* with the effect's error and text */
void session_error_fx(struct session *, const struct fx *);
void session_success(struct session *, uint64_t req);
void session_send(
    struct session *, enum cmd_type, const pb_msgdesc_t *, const void *msg);
#define SESSION_SEND(s, name, type, msg) \
	session_send(s, CMD_##name, &pp_##type##_msg, (const pp_##type *)(msg))

const char *fx_message(const struct fx *);
/* A client's topic name; fini it if ERR_OK. ERR_INVALID_NAME. */
enum err session_topic(struct topic_name *, struct span) MUST_CHECK;
/* "Invalid topic name: ...", cut where it gets long */
void session_bad_name(char *out, size_t size, struct span topic);

static inline struct str
str_of_span(struct span s)
{
	return (struct str){ .p = (const char *)s.p, .len = s.n };
}

/* Copies KeyValues into the operation; ERR_TOO_BIG over max_bytes, ERR_MALFORMED,
 * ERR_INVALID_ARG: not UTF-8. */
enum err session_props(struct op *, const struct span_rep *, size_t max_bytes,
    uint32_t *n, const struct prop **) MUST_CHECK;

/* --- do_*.c: one function a command; b is the buffer that fr lies in */

typedef void do_f(struct session *, const struct frame *fr, struct buf *b);
do_f do_connect, do_auth_response, do_ping, do_pong;
do_f do_partitioned_metadata, do_lookup;
do_f do_producer, do_close_producer;
do_f do_send;
do_f do_subscribe, do_flow, do_unsubscribe, do_close_consumer, do_redeliver;
do_f do_seek, do_get_last_message_id, do_consumer_stats;
do_f do_ack;
do_f do_get_topics_of_namespace, do_watch_topic_list, do_watch_topic_list_close;
do_f do_get_schema, do_get_or_create_schema;
do_f do_new_txn, do_add_partition_to_txn, do_add_subscription_to_txn;
do_f do_end_txn, do_end_txn_on_partition, do_end_txn_on_subscription;
do_f do_tc_client_connect;

/* --- and what becomes of them */

void lookup_answer(struct session *, const struct fx *);
void partitioned_metadata_answer(struct session *, const struct fx *);
void schema_answer(struct session *, const struct fx *);

struct prod *prod_get(struct session *, uint64_t id);
void producer_opened(struct session *, struct fx *);
void producer_close_answer(struct session *, const struct fx *);
void producer_closed(struct session *, const struct fx *);
void producer_throttled(struct session *, const struct fx *);
/* Does one of the session's producers write to it? */
bool prod_has_topic(struct session *, const struct topic_name *);
/* Closes it from our side and tells the client. */
void producer_disconnect(struct session *, struct prod *);
void producers_expire(struct session *, int64_t now_ns);
void producers_drop(struct session *);

void send_receipt(struct session *, const struct fx_receipt *);
/* Forgets the publishes that will get no receipt any more. */
void send_forget(struct session *, struct prod *);

struct cons *cons_get(struct session *, uint64_t id);
void consumer_subscribed(struct session *, const struct fx *);
void consumer_close_answer(struct session *, const struct fx *);
void consumer_unsubscribe_answer(struct session *, const struct fx *);
void consumer_seek_answer(struct session *, const struct fx *);
void consumer_last_id_answer(struct session *, const struct fx *);
void consumer_stats_answer(struct session *, const struct fx *);
void consumer_closed(struct session *, const struct fx *);
void consumer_active_change(struct session *, const struct fx *);
void consumer_end_of_topic(struct session *, const struct fx *);
void consumer_deliver_msg(struct session *, const struct fx_deliver *);
/* Closes it from our side and tells the client; not inside of an effect. */
void consumer_disconnect(struct session *, struct cons *);
void consumers_unblock(struct session *);
void consumers_block_due(struct pulsar *);
void consumers_drop(struct session *);

void ack_answer(struct session *, const struct fx *);

void topics_answer(struct pulsar *, struct fx *);
void topics_changed(struct pulsar *, const struct fx *);
void topics_drop(struct session *);
void topics_fini(struct pulsar *);

#endif
