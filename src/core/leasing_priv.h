/* SPDX-License-Identifier: Apache-2.0 */
/* What leasing.c (the line), leasing_pick.c and leasing_ops.c share. */
#ifndef CORE_LEASING_PRIV_H
#define CORE_LEASING_PRIV_H

#include "core/cursor.h"
#include "core/leasing.h"
#include "core/sub_priv.h"
#include "core/term.h"

struct lease_wait { /* an OP_LEASE in line */
	unsigned magic;
#define LEASE_WAIT_MAGIC 0x1ea5e0a1
	struct leasing *lg;
	struct op *op;
	struct timer timer;
	int64_t due_ns; /* 0: it doesn't wait */
	/* looked at so far without a match, if gen is that of now */
	uint64_t gen;
	struct pos back_at, left_at;
	TAILQ_ENTRY(lease_wait) link;
};
TAILQ_HEAD(lease_line, lease_wait);

struct leasing {
	unsigned magic;
#define LEASING_MAGIC 0x1ea5e001
	struct sub *s;
	struct lease_line line;
	uint32_t line_n, hasty_n; /* hasty: they don't wait */
	/* something came back or became free: who waits looks again from the
	 * beginning */
	uint64_t gen;
	struct posset left; /* free positions before terms.next */
	struct reader *rd; /* at terms.next; NULL: not used */
	struct reader *again_rd; /* what came back, or was left */
	bool used; /* since the last tick */
	struct timer due; /* of the first term that is out */
};

enum pick_result {
	PICK_END, /* all that is there was looked at */
	PICK_FULL, /* a limit of the lease was met */
	PICK_DISK, /* sub_kick() comes when it goes on */
	PICK_MORE, /* enough for this turn */
};

struct picks {
	struct entry *v; /* READ_AT_MAX; bodies referenced */
	uint32_t n;
	uint32_t fresh_n; /* of them without a term so far */
	uint64_t messages, bytes;
};

/* Looks for entries for w; *budget entries at most are looked at. */
enum pick_result leasing_pick(
    struct lease_wait *, struct picks *, unsigned *budget);
/* new entries can't be leased: as many are as may be */
bool leasing_full(const struct leasing *, const struct picks *);
void leasing_woken(void *priv); /* wake of its readers */

struct leasing *leasing_get(struct sub *); /* made if it is not there */
void leasing_arm(struct leasing *); /* the timer, after a change of terms */
/* It is free again; count: a redelivery */
void leasing_back(struct leasing *, struct term *, bool count);
void leasing_end(struct sub *, struct op **); /* OP_LEASE_END */
void leasing_extend(struct sub *, struct op **);

#endif
