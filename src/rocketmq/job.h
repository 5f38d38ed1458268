/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job.h - a request that waits for operations of the core: who asked, and what
 * goes on when an operation has been answered.
 *
 * step is called for each answer, with the session that asked; a job ends when
 * nothing that it has routed is under way, so a step either routes more or has
 * answered. Its session may go before: then answers are dropped and no step is
 * called (operations already routed go on). Shard's thread only.
 */
#ifndef ROCKETMQ_JOB_H
#define ROCKETMQ_JOB_H

#include "core/name.h"
#include "rocketmq/rmq_priv.h"

typedef void rmq_job_f(struct rmq_job *, struct rmq_session *, struct fx *);

struct rmq_job {
	unsigned magic;
#define RMQ_JOB_MAGIC 0x40c310b1
	struct rmq *rm;
	LIST_ENTRY(rmq_job) link;
	uint64_t number;
	struct rmq_ref ref;
	rmq_job_f *f;
	unsigned under_way;
	/* the steps' own */
	unsigned step;
	bool flag;
	uint32_t u32;
	uint64_t u64, u64b;
	/* what was begun is finished when the session has gone: step is called
	 * all the same, with NULL */
	bool always;
	enum err err; /* first that went wrong */
	char *text; /* mem_free'd */
	struct slice
	    frame; /* the request, if it is looked at again; referenced */
	void *priv;
	void (*fini)(struct rmq_job *); /* NULL: nothing to free */
	char **parts; /* what shards said (rmq_job_tell), by shard */
	unsigned parts_n, parts_left;
};

struct rmq_job *rmq_job_new(
    struct rmq_session *, const struct rmq_ref *, rmq_job_f *);
/* For nobody: the steps have no session. */
struct rmq_job *rmq_job_new_own(struct rmq *, rmq_job_f *);
/* req comes back in fx->req */
struct op *rmq_job_op(struct rmq_job *, enum op_type, uint64_t req);
/* Takes op. The job may have ended when it returns, unless more is under way:
 * rmq_job_hold() before and rmq_job_release() after routing several. */
void rmq_job_route(struct rmq_job *, struct op **);
void rmq_job_route_to(struct rmq_job *, unsigned shard, struct op **);
/* Of one that has routed nothing. */
void rmq_job_drop(struct rmq_job *);
/* Answers, if the session is there. */
void rmq_job_say(struct rmq_job *, int code, const char *remark);
void rmq_job_err(struct rmq_job *, enum err, const char *diag);
void rmq_job_hold(struct rmq_job *);
void rmq_job_release(struct rmq_job *);

/*
 * What every shard's front-end is told or asked, this one's too. When all of
 * them have said something, the job's step is called, with fx NULL, and parts
 * are their answers, or err says that one was too large; one such question of a
 * job at a time.
 */
enum rmq_tell {
	TELL_TOPIC_STALE, /* text: name of a topic whose record has changed */
	TELL_GROUP_STALE, /* text: group whose settings have changed */
	TELL_WIPED, /* text: "1" or "0": routes have write permission */
	TELL_CONF, /* text: "key=value": a setting has changed */
	TELL_PLAIN_CHANGE, /* text: a change of plain_acl.yml, for shard 0 (do_plain.c) */
	TELL_PLAIN, /* text: number, newline, plain_acl.yml */
	TELL_PRODUCERS, /* answer: members of ProducerTableInfo's map */
	TELL_SUBSCRIBERS, /* text: topic; answer: groups, a line each */
	/* text: topic, newline, group; answer, where it has members that
	 * subscribe to it: ConsumerFilterData, newline, SubscriptionData */
	TELL_SUB,
	TELL_RESET, /* text: index and key, of queues that were reset */
	TELL_RESET_DONE, /* text: key of one that a client was told of */
	TELL_COUNTERS, /* answer: numbers, with a blank between */
	TELL_STATS, /* text: name and key, a line each; answer: numbers */
	TELL_MEMBERS, /* text: group; answer: session, shard, client a line */
	/* text: name and key, or its end; answer: key, newline, messages per 1,000 s,
	 * newline, of each that there are such of */
	TELL_TPS,
	TELLS_N
};
void rmq_job_tell(struct rmq_job *, enum rmq_tell, struct str text);
typedef void rmq_tell_f(struct rmq *, struct str text, struct strbuf *answer);

#endif
