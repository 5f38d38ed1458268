/* SPDX-License-Identifier: Apache-2.0 */
/*
 * magnetar-bench's side of RocketMQ's remoting.
 *
 *	rmq_client.c	connections, topics, requests that are waited for,
 *			heartbeats; who takes which answer
 *	rmq_sign.c	requests are signed, once their frame is whole
 *	rmq_send.c	messages out, and their answers
 *	rmq_take.c	messages in: is it what was acknowledged?
 *	rmq_pull.c	pull and push consumers
 *	rmq_pop.c	POP consumers
 *
 * A message costs no allocation and next to no formatting: the frame's header
 * stands ready for each queue, and what changes in it has a fixed width.
 *
 * A body of 24 bytes or more starts with the stamp (bench.h), the message's
 * number in this run, and the time it is due in ms, or 0.
 */
#ifndef BENCH_RMQ_H
#define BENCH_RMQ_H

#include "bench/bench.h"
#include "format/rmq_record.h"
#include "rocketmq/header.h"

#define RMQ_ID_AT 8
#define RMQ_DUE_AT 16
#define RMQ_MARKS 24 /* bytes of all three */

/* request codes */
#define RMQ_PULL 11
#define RMQ_COMMIT 15
#define RMQ_CREATE_TOPIC 17
#define RMQ_MAX_OFFSET 30
#define RMQ_HEARTBEAT 34
#define RMQ_ROUTE 105
#define RMQ_SEND_V2 310
#define RMQ_SEND_BATCH 320
#define RMQ_POP 200050
#define RMQ_ACK 200051
#define RMQ_BATCH_ACK 200151

/* answers */
#define RMQ_OK 0
#define RMQ_SYSTEM_BUSY 2 /* the broker's flow control: nothing was done */
#define RMQ_TOPIC_NOT_EXIST 17
#define RMQ_PULL_NOT_FOUND 19
#define RMQ_PULL_RETRY 20
#define RMQ_PULL_MOVED 21
#define RMQ_POLLING_FULL 209
#define RMQ_POLLING_TIMEOUT 210

/* What a request is for is told by its opaque; sends have all from 10^9 on, ten
 * digits each. */
#define RMQ_OPAQUE_STEP 100000000
enum rmq_opaque {
	RMQ_FOR_CALL = 1,
	RMQ_FOR_PULL,
	RMQ_FOR_ACK,
	RMQ_FOR_BEAT,
	RMQ_FOR_NOBODY, /* sent one-way */
	RMQ_FOR_SEND = 10
};

/* numbers of messages and sums over them, in no order */
struct rmq_sums {
	uint64_t sent_n, sent;
	uint64_t got_n, got;
};

struct rmq_queue {
	int64_t start; /* its end when we came */
	struct rmq_sums sums;
	/* a frame without its body, and where in it stands what changes */
	uint8_t *head;
	uint32_t head_n;
	uint32_t opaque_at, born_at, uniq_at, key_at, due_at; /* 0: nowhere */
};

struct rmq_topic {
	char name[256];
	struct rmq_queue *queues;
	unsigned queues_n;
};

/* what asks for messages again and again: for one queue, or POP's for all */
struct rmq_puller {
	struct link *link;
	struct rmq_topic *topic;
	unsigned id; /* its index */
	unsigned queue;
	int64_t next; /* offset */
	int64_t committed;
	int64_t again_ns; /* when to ask again; 0: an answer is awaited */
};

struct rmq_answer {
	bool come;
	int32_t code;
	int64_t offset; /* -1: none in it */
	char remark[256];
	struct strbuf body;
};

struct rmq {
	char broker[128]; /* its name */
	char host[256], port[16]; /* its address */
	struct link *ns, *admin;
	struct link *consumer_links;
	struct rmq_topic *topics;
	struct rmq_puller *pullers;
	unsigned pullers_n;
	bool reading; /* pullers are asking */
	unsigned waiting; /* of them, for again_ns */
	int64_t beat_ns, commit_ns; /* next */
	int64_t sub_version;
	uint64_t acks_open;
	struct strbuf pop_text; /* a handle, or the body of an ack */

	struct rmq_sign_key *sign_key; /* NULL: requests aren't signed */
	uint8_t type; /* enum rheader_type of what we send */
	struct rout out;
	struct rscratch scratch;
	struct rheader header; /* of the frame that is handled */
	int64_t come_ms; /* when it came; delayed messages only */
	int32_t calls;
	struct rmq_answer answer;

	/* bodies */
	uint8_t *payload; /* a single message's, or a batch's */
	size_t stride; /* of a message in a batch */
	size_t body_at; /* in it */
	size_t item_uniq_at, item_key_at; /* in a batch */
	uint64_t uniq, key;
	uint64_t delayed; /* messages sent so far */
};

/* by place: the sum of a message holds where in its queue it is */
static inline bool
rmq_by_place(const struct opts *o)
{
	return o->consume != CONSUME_POP && o->delay_s + o->spread_s == 0;
}

/* rmq_sign.c; nothing, without keys */
void rmq_sign_init(struct bench *b);
void rmq_sign_fini(struct bench *b);
/* The fields of a signature, the last ones of a request's header */
void rmq_sign_room(struct bench *b);
/* Fills them in: n bytes of a whole request. */
void rmq_sign_frame(struct bench *b, uint8_t *frame, size_t n);

/* rmq_client.c */
/* The scratch has room for a header of n bytes. */
void rmq_scratch(struct rmq *rq, size_t n);
/* The frame in rq->out, less its body, goes out. */
void rmq_put(struct bench *b, struct link *l, const void *body, size_t n);
/* Starts a request that is waited for. */
void rmq_call_begin(struct bench *b, int32_t code);
/* Sends it and waits. Ends the program if the answer is not RMQ_OK, unless it
 * is `also`. */
const struct rmq_answer *rmq_call(struct bench *b, struct link *l,
    const void *body, size_t n, const char *what, const char *of, int32_t also);
/* for die */
#define RMQ_REMARK(h) \
	(int)(h)->remark.len, (h)->remark.p == NULL ? "" : (h)->remark.p

/* rmq_send.c */
void rmq_send_init(struct bench *b);
void rmq_heads_make(struct bench *b, struct rmq_topic *t);
bool rmq_send(struct bench *b, struct producer *pr, uint32_t n, uint64_t index);
void rmq_on_sent(struct bench *b, const struct rheader *h);

/* rmq_take.c */
uint64_t rmq_mix(uint64_t id, int64_t place);
/* A message came; false: it came before. */
bool rmq_take(struct bench *b, struct rmq_topic *t, const struct rmq_record *r);
void rmq_compare(struct bench *b);

/* rmq_pull.c */
void rmq_pullers_make(struct bench *b);
void rmq_ask(struct bench *b, struct rmq_puller *p);
void rmq_ask_later(struct bench *b, struct rmq_puller *p, int64_t after_ns);
int64_t rmq_ask_due(struct bench *b);
void rmq_on_pulled(
    struct bench *b, const struct rheader *h, const struct rframe *fr);
/* Offsets go to the broker; sync: and its answer is awaited. */
void rmq_commit(struct bench *b, bool sync);
void rmq_commit_one(
    struct bench *b, struct rmq_topic *t, unsigned queue, int64_t offset);

/* rmq_pop.c */
void rmq_pop_ask(struct bench *b, struct rmq_puller *p);
void rmq_on_popped(struct bench *b, struct rmq_puller *p,
    const struct rheader *h, const struct rframe *fr);
void rmq_on_acked(struct bench *b, const struct rheader *h);

#endif
