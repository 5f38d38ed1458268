/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lister.h - the names of all topics that clients of RocketMQ see, found by a
 * job, and then something that is asked of each. The lister is the beginning of
 * what the job has as priv; its functions are called from the job's step.
 *
 *	struct mine { struct lister l; ... };
 *	lister_start(j, &m->l);
 *	step: if (!lister_step(j, s, fx)) return;
 *	      m->l.v[0 .. n - 1] are the names, in order; or it was answered
 */
#ifndef ROCKETMQ_LISTER_H
#define ROCKETMQ_LISTER_H

#include "rocketmq/job.h"

struct lister {
	char **v; /* names */
	uint32_t n, cap;
	unsigned left; /* answers to come */
	enum err err;
	/* asking something of each, a window at a time */
	uint32_t next, asked;
};

void lister_start(struct rmq_job *);
/* Takes an answer in; true: the names are there. When something went wrong, the
 * request is answered and it is never true. */
bool lister_step(struct rmq_job *, struct rmq_session *, const struct fx *);
void lister_fini(struct lister *);

/* Routes OP_TOPIC_META of names as far as the window goes; fx->req is the name's
 * number. Call it after the names are there and after each such answer has been
 * counted (asked--); true: all were answered. */
bool lister_metas(struct rmq_job *);

#endif
