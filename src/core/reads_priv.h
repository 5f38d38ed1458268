/* SPDX-License-Identifier: Apache-2.0 */
/* What reads.c (operations) and spot.c (readers that are kept) share. */
#ifndef CORE_READS_PRIV_H
#define CORE_READS_PRIV_H

#include "core/reads.h"
#include "core/topic_priv.h"

/* Where to go on: the message wanted next, and the entry that holds it, or one
 * before it from which to step there. */
struct place {
	uint64_t index;
	struct pos pos;
};

struct reading { /* an OP_READ_AT */
	unsigned magic;
#define READING_MAGIC 0x9ead1a60
	struct topic *t;
	struct op *op; /* NULL: dropped while the engine searches for it */
	struct place at;
	uint32_t scanned; /* without a match */
	int64_t due_ns; /* waits until then; 0: not at all */
	bool waited; /* it has been READING_TAIL */
	enum reading_state {
		READING_RUNS,
		READING_FINDS, /* the engine looks for the index */
		READING_DISK, /* its reader has a read under way */
		READING_LINE, /* for a spot */
		READING_TAIL, /* for an entry */
	} state;
	struct spot *spot; /* NULL: in memory so far */
	struct timer timer; /* READING_TAIL */
	TAILQ_ENTRY(reading) link; /* reads->v[state]; core's free list */
};
TAILQ_HEAD(reading_list, reading);

struct spot {
	unsigned magic;
#define SPOT_MAGIC 0x5907a100
	struct topic *t;
	struct reader *rd;
	struct place at; /* while it is idle: exactly there */
	struct reading *user; /* NULL: idle */
	int64_t idle_ns; /* since */
	TAILQ_ENTRY(spot) link; /* of the topic */
	TAILQ_ENTRY(spot) idle; /* core's, oldest first */
};
TAILQ_HEAD(spot_list, spot);

#define SPOTS_MAX 8u
#define HINTS_N 8u

struct reads { /* of a topic */
	struct reading_list tail, disk, line, finds;
	uint32_t waiting_n; /* in all of them */
	struct spot_list spots;
	uint32_t spots_n;
	/* where reads have ended in ledgers whose indexes arithmetic does not
	 * tell, the newest overwrites the oldest */
	struct place hint[HINTS_N];
	unsigned hint_at;
};

struct core_reads { /* of a core */
	struct reading_list unused;
	uint32_t unused_n;
	struct spot_list idle;
	uint32_t idle_n;
	struct timer idle_timer;
	struct entry *found; /* READ_AT_MAX: what one read has found */
};

/* The reader of a spot has something: runs its user on. */
void reading_woken(struct reading *);

/* --- spot.c */
void spots_init(struct core *);
/* An idle one that stands at this message, for user; NULL: none */
struct spot *spot_at(struct topic *, uint64_t index, struct reading *user);
/* One that is put there; NULL: all of the topic's are at work */
struct spot *spot_get(
    struct topic *, const struct place *, struct reading *user);
/* Idle from now on, at the place where its reader stands */
void spot_put(struct spot **, const struct place *);
/* It stands at the end of the log: nobody will go on with it */
void spot_end(struct spot **);
void spots_free(struct topic *); /* none has a user */

#endif
