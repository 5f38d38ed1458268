/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - what queues hold and how far a group is in them: a job that asks
 * the core about every queue of a list of topics. It is the beginning of what
 * the job has as priv; its functions are called from the job's step.
 *
 *	progress_start(j)         with group and topics set
 *	step: if (!progress_step(j, fx)) return;
 *	      the rows are there, or j->err says what went wrong
 *
 * The group may be NULL: then only the queues' ends are asked for.
 */
#ifndef ROCKETMQ_PROGRESS_H
#define ROCKETMQ_PROGRESS_H

#include "rocketmq/job.h"

struct progress_row {
	bool has; /* the group has an offset */
	uint64_t index, min, max;
	int64_t first_ms, last_ms; /* store times of the ends; 0: none */
	/* of the message before index and of the one at it; 0: none, not asked */
	int64_t before_ms, at_ms;
};

struct progress_topic {
	char *name, *full, *group;
	bool there, partitioned, order;
	uint32_t read_n, write_n, rows_n;
	struct progress_row *rows; /* by queue */
};

struct progress {
	bool times; /* before_ms and at_ms are wanted */
	uint32_t n, cap;
	struct progress_topic *v;
	uint32_t next; /* topic to be asked for next */
	unsigned left; /* answers to come */
	void (*free_more)(
	    struct progress *); /* NULL, or of whom it is part of */
};

/* j->priv and j->fini are set. size: of the whole, with the progress first */
struct progress *progress_new(struct rmq_job *, size_t size);
/* One more; group may be STR_NONE. A topic and group that are there already are
 * not added again. */
void progress_add(struct progress *, struct str topic, struct str group);
/* What OP_SUB_FIND has found, of one group or (STR_NONE) of all of them */
void progress_add_found(
    struct rmq *, struct progress *, const struct fx *, struct str group);
/* false: there is nothing to ask */
bool progress_start(struct rmq_job *);
bool progress_step(struct rmq_job *, struct fx *);
/* Full name of a queue, to be mem_free'd. */
char *progress_queue(const struct progress_topic *, uint32_t queue);

#endif
