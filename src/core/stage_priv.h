/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of staging: stage.c (life), stage_log.c (logs, OP_STAGE), stage_bulk.c (what
 * is due, from the index), stage_release.c (how it goes out), stage_ops.c (ops on what is
 * staged).
 */
#ifndef CORE_STAGE_PRIV_H
#define CORE_STAGE_PRIV_H

#include "core/core_priv.h"
#include "core/cursor.h"
#include "core/due.h"
#include "core/stage.h"
#include "core/stage_env.h"
#include "core/sub_priv.h"
#include "core/topic_priv.h"

#define STAGE_CLASSES 9u
#define STAGE_LANES 4u
#define STAGE_RUN_MAX 256u
#define STAGE_NO_DUE INT64_MAX /* due_ms of an item without one */

/* what an op of the core's own is for: its dest.tag */
enum stage_tag {
	STAGE_TAG_LOG = 1, /* opening a log */
	STAGE_TAG_TARGET, /* loading a target */
	STAGE_TAG_MOVE, /* staging on another shard; dest.conn: place in the ring */
};

struct stage;
struct stage_lane;

struct stage_log {
	unsigned magic;
#define STAGE_LOG_MAGIC 0x57a6e106
	struct stage *st;
	unsigned cls;
	char *name;
	enum {
		LOG_NONE,
		LOG_OPENING,
		LOG_READY
	} state;
	bool there; /* its topic exists */
	bool waited_for; /* in st->opening_n */
	struct topic *t; /* READY, or being replayed */
	struct sub *s;
	struct op_line line; /* OP_STAGEs until it is READY */
	/* places (entry_locator): the last one that the index was given, the same
	 * on disk, and in the batch under way */
	uint64_t added, covered, covering;
	struct reader *replay;
	struct timer retry;
	bool dirty; /* acks that were not pushed */
	struct stage_lane *lanes[STAGE_LANES];
};

enum rel_state {
	REL_NEW,
	REL_READING,
	REL_READ,
	REL_LOST, /* its entry can't be read */
	REL_BUSY, /* being appended */
	REL_DONE
};

struct rel { /* an item that is due */
	unsigned magic;
#define REL_MAGIC 0x57a6e4e1
	struct stage *st;
	struct due_item it;
	struct stage_log *log;
	enum rel_state state;
	bool asked; /* its target is being loaded */
	enum err target_err; /* it can't be */
	bool resolved; /* meanwhile, by an op */
	struct slice env; /* READ, BUSY: referenced */
	struct entry ent; /* of it; without body */
};

struct stage_lane {
	unsigned magic;
#define STAGE_LANE_MAGIC 0x57a6e1a4
	struct stage_log *log;
	struct reader *rd;
	struct rel *v[STAGE_RUN_MAX]; /* by position */
	uint32_t n, i;
};

/* An item whose due time is not the one in its envelope any more, or of which
 * FX_STAGE_DUE was sent. */
struct stage_known {
	struct due_item it;
	bool notified; /* taken from the index */
};

struct stage_bulk { /* a helping of what is due, before it goes to the ring */
	struct due_item *v;
	uint32_t n, cap, i; /* i: the next one */
	bool complete; /* sorted, and being handed out */
	int64_t until_ns; /* waits for more until then; 0: doesn't */
};

struct stage {
	unsigned magic;
#define STAGE_MAGIC 0x57a6e001
	struct core *co;
	unsigned n; /* in its logs' names */
	uint64_t id; /* of its index */
	struct due *due;
	bool ready; /* its logs were taken up */
	bool stopped;
	uint32_t opening_n; /* until it is ready */
	struct stage_log logs[STAGE_CLASSES];
	LIST_HEAD(stage_jobs, stage_job) jobs;
	struct umap busy; /* at -> something that has to do with it now */
	struct umap known; /* at -> struct stage_known */
	struct stage_bulk bulk;
	struct rel *ring; /* made when the first one is due */
	uint64_t head, app, tail; /* of the ring: first, to be appended, end */
	uint64_t seen; /* none before it is NEW */
	bool much; /* much of the ring was used */
	uint64_t held_bytes;
	uint32_t busy_n; /* BUSY ones */
	bool kicked;
	struct timer again; /* a target or a helping made it wait */
	struct stage_stats st;
	LIST_ENTRY(stage) link;
};

struct stage_job { /* an op */
	unsigned magic;
#define STAGE_JOB_MAGIC 0x57a6e10b
	struct stage *st;
	struct stage_log *log;
	struct op *op;
	struct due_item it;
	struct pos pos;
	struct fx *fx; /* the answer, until it is durable */
	struct due_item *found; /* OP_STAGE_RECALL */
	uint32_t found_n;
	bool held; /* in st->busy */
	LIST_ENTRY(stage_job) link;
};

/* --- stage.c */
uint64_t stage_target_hash(struct str full);
struct pos stage_pos(uint64_t at);
void stage_kick(struct stage *);
void stage_entry(struct topic *, struct op **); /* topic_go_f of OP_STAGE */
/* The log that has this place, READY; NULL: none. *opening: one may have it that
 * can't be had now. */
struct stage_log *stage_log_of(struct stage *, uint64_t at, bool *opening);
/* not acknowledged in its log */
bool stage_is_staged(const struct stage_log *, struct pos);
void stage_ack(struct stage_log *, struct pos);
/* a rider that says the same; see topic_rider_f */
size_t stage_ack_delta(const struct stage_log *, uint64_t at, struct journal **,
    uint8_t delta[static RIDER_MAX]);
struct stage_job *stage_job_new(struct stage *, struct op **);
void stage_job_end(struct stage_job **); /* the op was answered */
void stage_job_answer(struct stage_job *, enum err, const char *diag);
/* FX_ENTRY or FX_STAGE_DUE of what an envelope holds */
void stage_fx_fill(struct fx *, const struct stage_env *,
    const struct due_item *, const struct entry *);
struct due_item stage_item(
    const struct stage_env *, uint64_t at, int64_t store_ms);

void stage_check_ready(struct stage *);
void stage_line_add(struct op_line *, struct op **);
struct op *stage_line_take(struct op_line *); /* NULL: empty */

/* --- stage_log.c */
void stage_log_open(struct stage_log *);
void stage_log_failed(struct stage_log *, enum err);
void stage_log_retry(void *log); /* a timer_f */

/* --- stage_release.c */
void stage_due_ready(void *stage);
bool stage_run(struct stage *);
void stage_release_stop(struct stage *); /* lanes go */
void stage_release_free(struct stage *);
void stage_moved(struct stage *, uint64_t at, enum err);
void stage_target_answered(struct stage *, uint64_t at, enum err);
/* One that was taken from the index is due at another time. */
void stage_due_again(struct stage *, const struct due_item *, int64_t due_ms);
/* One is staged no more: out of the index. it: by its envelope. */
void stage_unindex(struct stage *, const struct due_item *it);

/* --- stage_bulk.c */
/* The next helping; false: nothing is due, or it is not complete, and
 * stage_due_ready() or st->again come. The last one was handed out. */
bool stage_bulk_gather(struct stage *);
/* The next one of the helping; false: it was the last one. */
bool stage_bulk_next(struct stage *, struct due_item *);
/* Takes one out that was not handed out yet; false: it is not there. */
bool stage_bulk_remove(struct stage *, uint64_t at, struct due_item *);
/* So many are due that the ring will be full of them. */
bool stage_bulk_is_large(const struct stage *);
void stage_bulk_free(struct stage *);

/* --- stage_ops.c */
void stage_op_now(struct stage *, struct op **);

#endif
