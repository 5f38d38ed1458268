/* SPDX-License-Identifier: Apache-2.0 */
/*
 * send.h - a message on its way into the log: what a request said of it, its
 * properties as they will be stored, and its record. Used by SEND_MESSAGE and
 * everything else that stores messages (batches, retries, dead letters,
 * transactions). Shard's thread only.
 */
#ifndef ROCKETMQ_SEND_H
#define ROCKETMQ_SEND_H

#include "format/rmq_record.h"
#include "rocketmq/rmq_priv.h"

/* Fields of a request that sends a message */
struct send_req {
	struct str group, topic, default_topic, props;
	int32_t default_queues, queue, sys_flag, flag, reconsume, max_reconsume;
	int64_t born_ms;
	bool batch;
};

/* What properties say that the broker acts on; texts point into what was
 * scanned. */
struct rmq_msg_props {
	struct str keys, tags, uniq, sharding;
	int64_t deliver_ms; /* DELAY, TIMER_*: when, wall; 0: now */
	bool timer; /* it comes of TIMER_*: may be recalled */
	bool transaction; /* TRAN_MSG=true */
	int32_t priority; /* its queue, of those that there are; -1: none */
	bool typed; /* delayed, half or of an order: it has no priority */
	struct str multi; /* light queues that it is for too */
	struct str inner_num; /* INNER_NUM, which is not kept */
	bool async; /* WAIT says not to wait for the disk */
};

struct rmq_message {
	struct str topic; /* that is written into the record */
	uint32_t queue;
	int32_t flag, sys_flag, reconsume;
	int64_t born_ms;
	int64_t prepared_offset;
	struct rmq_host born_host; /* who sent it */
	struct str body;
	struct str props; /* as stored */
	struct rmq_msg_props p;
	uint32_t inner_n; /* of an inner batch: messages; else 0 */
	struct histo
	    *size; /* where it is counted (measure.h); NULL: it isn't */
};

/* Makes rm->added, of the configuration. */
void rmq_added_init(struct rmq *);
/*
 * The properties as they are stored, into rm->props: those of the request, less
 * what is not to be kept, with what the broker adds. ERR_MALFORMED, or
 * ERR_TOO_BIG over conf.max_properties_bytes.
 */
enum err rmq_props_take(struct rmq *, struct str sent, int64_t now_ms,
    struct str *stored, struct rmq_msg_props *) MUST_CHECK;
/* The record and its attributes; the slice's reference is the caller's. false:
 * something of it is too long for one. */
bool rmq_record_make(struct rmq_session *, const struct rmq_message *,
    struct slice *record, struct attr *);

/* Of a value of WAIT, as Java reads it */
bool rmq_is_async(struct str wait);
static inline enum flush
rmq_flush_of(const struct rmq_message *m)
{
	return m->p.async ? FLUSH_ASYNC : FLUSH_AS_TOPIC;
}
/* A record that was read, and changed; false: it is too long now. */
bool rmq_record_again(
    struct rmq *, const struct rmq_record *, struct slice *out);

/* How long a delay level is; the last one is that of all above it. */
int64_t rmq_delay_level_ms(int64_t level);
/* Answers to a send. Between begin and rmq_answer_end() more may be said. */
struct rout *rmq_sent_begin(struct rmq_session *, const struct rmq_ref *,
    struct str offset_id, uint32_t queue, uint64_t offset, struct str uniq);
void rmq_not_stored(struct rmq_session *, const struct rmq_ref *, enum err);
void rmq_sent(struct rmq *, struct outlet_msg *, const struct fx_receipt *);
/* The same, begun; NULL: there is nobody to be answered, or it was, for it failed */
struct rout *rmq_sent_ok(struct rmq *, struct outlet_msg *,
    const struct fx_receipt *, struct rmq_session **);
/* 13, as the reference says it whatever is wrong with a message */
void rmq_illegal(struct rmq_session *, const struct rmq_ref *);
/* Counts a publish at its session, which may be paused by it; and its end, at the
 * session that is returned: NULL if it has gone. */
void rmq_publish_began(struct rmq_session *, size_t bytes);
struct rmq_session *rmq_publish_ended(
    struct rmq *, uint64_t session, size_t bytes);
/* false: one is missing or can't be read, which was answered. */
bool rmq_send_fields(
    struct rmq_session *, const struct rmq_req *, struct send_req *);
/* The topic, made if the broker makes such; NULL: parked or answered. */
struct rmq_topic *rmq_send_topic(
    struct rmq_session *, const struct rmq_req *, struct str name);
/* Publishes m to t's queue for the request; answered when it is stored, or now. */
void rmq_store(struct rmq_session *, const struct rmq_ref *, struct rmq_topic *,
    const struct rmq_message *, outlet_done_f *, void *priv);

/* do_stage.c: stores it when m->p.deliver_ms has come. send: the answer is that
 * of SEND_MESSAGE. */
void rmq_stage(struct rmq_session *, const struct rmq_ref *,
    const struct rmq_topic *, const struct rmq_message *, bool send);
uint64_t rmq_recall_hash(struct str topic, struct str uniq);
/* do_txn.c: a half message */
void rmq_stage_half(struct rmq_session *, const struct rmq_ref *,
    const struct rmq_topic *, const struct rmq_message *);
void rmq_stage_due(struct rmq *, struct fx *);
/* do_send_batch.c; props: the request's */
void rmq_send_batch(struct rmq_session *, const struct rmq_req *,
    struct rmq_topic *, const struct rmq_message *outer, struct str props);
/* One record, of which the sender says that it is an inner batch */
void rmq_send_inner(struct rmq_session *, const struct rmq_req *,
    struct rmq_topic *, struct rmq_message *);

#endif
