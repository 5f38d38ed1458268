/* SPDX-License-Identifier: Apache-2.0 */
/* What local_rewrite.c (which segments, whose entries, the new place) and
 * local_rewrite_copy.c (the file) share. */
#ifndef STORE_LOCAL_REWRITE_PRIV_H
#define STORE_LOCAL_REWRITE_PRIV_H

#include "store/local_priv.h"

#define VICTIMS_MAX 32u

enum rw_step {
	RW_FOOTERS,
	RW_LEDGERS,
	RW_MAKE,
	RW_COPY,
	RW_COMMIT,
	RW_END
};

struct rw_row {
	struct run_row row; /* where it is */
	struct segment *seg;
	uint32_t off; /* where it goes */
};

struct rewrite {
	struct local *lo;
	enum rw_step step;
	enum err err;
	struct segment *victim[VICTIMS_MAX];
	uint32_t victim_n;
	uint32_t vi, ri; /* the next row to be looked at */
	bool footer_asked;
	uint32_t fetches; /* on their way */
	struct ledger **lg; /* ours by ->pending */
	uint32_t lg_n, lg_cap;
	struct rw_row *row;
	uint32_t row_n, row_cap;
	uint32_t out_bytes; /* of all groups */
	uint32_t keys_n; /* at most */
	struct segment *out;
	bool busy; /* at the disk, or a commit */
	bool done;
	struct disk_req rq;
	/* the group under way: rows from group_0 to group_end, next is at */
	uint32_t group_0, group_end, at, read_end;
	struct buf *in, *group;
	uint32_t in_off, group_len, records_n, crc;
	uint32_t out_off;
	uint32_t slice; /* ledgers committed */
	int64_t next_ns;
};

/* Nothing was committed: as if it had not been. bad (may be NULL) is not tried
 * again. */
void rewrite_give_up(struct rewrite *, struct segment *bad);
bool rewrite_is_victim(const struct rewrite *, uint64_t segment);
/* RW_MAKE and RW_COPY */
void rewrite_make(struct rewrite *);
void rewrite_copy(struct rewrite *);

#endif
