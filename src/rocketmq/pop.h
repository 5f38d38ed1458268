/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pop.h - POP_MESSAGE and its kin: messages are leased to whoever asks, for a time
 * (core's OP_LEASE), in the name of the group.
 *
 * One request asks the queues of its topic one after another, from one that turns,
 * and the group's retry topic in a fifth of all cases before them, else behind
 * them. When it got nothing and may wait, it waits at all of them at once; the first
 * that answers ends the others. What another one leased at that moment comes to
 * nobody and goes back, not counted (rmq_pop_orphan).
 *
 * A retry topic is one of the group, %RETRY%group, while the reference has one of
 * each group and topic: those names (with _topic or +topic behind) mean ours. Its
 * messages are given under the topic that they came from.
 *
 * Of a topic of message.type PRIORITY the queues are asked from the highest down,
 * and the retry topic behind them, in as many of 100 cases as the group's
 * priority.factor says: sends have put a message into the queue that is its
 * priority (_SYS_MSG_PRIORITY_).
 *
 * Shard's thread only.
 */
#ifndef ROCKETMQ_POP_H
#define ROCKETMQ_POP_H

#include "core/name.h"
#include "format/rmq_pop.h"
#include "rocketmq/group.h"

#define POP_N_MAX 32
#define POP_BYTES_MAX (4u << 20)
#define POP_RETRY_QUEUE UINT32_MAX /* op's req, for the retry topic */
#define POP_NO_QUEUE (UINT32_MAX - 1)

struct sql92;

/* a message that was got */
struct pop_got {
	struct slice rec; /* referenced; as it is stored */
	uint32_t queue; /* POP_RETRY_QUEUE */
	uint64_t index;
	int64_t time_ms; /* of the lease */
	int32_t reconsumed;
};

enum pop_kind {
	POP_LEASE,
	POP_PEEK, /* tells what would be leased */
	POP_NOTIFY, /* tells whether something would be */
};

struct rmq_pop {
	unsigned magic;
#define RMQ_POP_MAGIC 0x40c3b0b1
	LIST_ENTRY(rmq_pop) link; /* of the session */
	struct rmq_session *s;
	uint64_t number;
	struct rmq_ref ref;
	enum pop_kind kind;
	char *group, *topic; /* topic: RocketMQ's name */
	char *full, *retry; /* core's names; retry NULL: there is none */
	bool partitioned;
	int32_t queue; /* -1: all */
	uint32_t read_n;
	uint32_t max_n;
	int64_t invisible_ms, until_ms; /* wall */
	bool order, init_min;
	int32_t retry_max; /* more deliveries than that are dead letters */
	uint32_t tags_n;
	uint32_t *tags;
	/* what others of the group want of the topic; they are left what is not
	 * for this one. What its selector leaves out is nobody's. */
	bool others_all;
	uint32_t others_n;
	uint32_t *others;
	struct sql92 *sql;
	/* on the way */
	uint32_t first, step, steps; /* of the queues and the retry topic */
	bool retry_first;
	bool by_priority; /* from the last queue on, see below */
	bool waiting;
	bool full_up; /* too many wait */
	uint32_t asked; /* the queue that an operation is under way for */
	uint64_t rest;
	uint32_t got_n, got_cap;
	struct pop_got *got;
};

/* Full name of a queue's topic, into buf of NAME_MAX_BYTES + 32. */
struct str rmq_pop_topic(
    const struct rmq_pop *, uint32_t queue, char *buf, size_t size);
/* POP_RETRY_QUEUE: is that the topic that a client's name means? */
bool rmq_pop_is_retry(struct str topic, struct str group);

/* What it has got, from there on, is for nobody. */
void rmq_pop_give_back(struct rmq_pop *, uint32_t from);
/* pop_say.c: answers, of what was got */
void rmq_pop_say(struct rmq_pop *);
/* pop_take.c: takes the records of an answer over; those that are not for it are
 * ended. */
void rmq_pop_take(struct rmq_pop *, uint32_t queue, struct fx *);

void rmq_pop_fx(struct rmq_pop *, struct fx *);
/* Leases that came for somebody who has gone. */
void rmq_pop_orphan(struct rmq *, const struct fx *);
void rmq_pops_drop(struct rmq_session *);
void rmq_pops_drain(struct rmq_session *);

/* Ends a lease by its name; nobody waits for the answer. */
void rmq_lease_end(struct rmq *, struct str topic, struct str group,
    const struct lease_name *, uint32_t n, enum lease_end);

/* do_assign.c: the document that says whether a group's members pop from a topic
 * or pull: OP_DOC_GET (ERR_NO_KEY: nobody has said it), and what it says */
struct rmq_job;
struct op *rmq_mode_op(
    struct rmq_job *, enum op_type, struct str topic, struct str group);
bool rmq_mode_is_pop(struct str text);

rmq_do_f rmq_do_pop, rmq_do_peek, rmq_do_notification, rmq_do_polling_info;
rmq_do_f rmq_do_ack, rmq_do_batch_ack, rmq_do_change_invisible;
rmq_do_f rmq_do_query_assignment, rmq_do_request_mode, rmq_do_request_modes;

#endif
