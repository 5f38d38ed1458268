/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of a due index: due.c (window, batches, scans), due_row.c (rows, counts,
 * finding).
 */
#ifndef CORE_DUE_PRIV_H
#define CORE_DUE_PRIV_H

#include "core/core_priv.h"
#include "core/due.h"
#include "core/due_heap.h"

#define FRESH_DONE INT64_MIN /* due_ms of a fresh item that is done */
struct items {
	struct due_item *v;
	uint32_t n, cap;
};

struct count { /* of a target */
	uint64_t target;
	uint64_t live, disk;
	int64_t change; /* by the batch under way */
	bool listed;
};

struct find {
	struct due *d;
	int64_t due_ms;
	uint64_t hash;
	due_found_f *f;
	void *priv;
	uint8_t key[META_KEY_MAX]; /* of the last row */
	size_t keylen;
	uint32_t n;
	LIST_ENTRY(find) link;
};

struct due {
	unsigned magic;
#define DUE_MAGIC 0xd0e1dec5
	struct core *co;
	struct meta *meta;
	uint64_t id;
	const struct due_client *client;
	void *priv;
	uint32_t window;
	bool dead; /* freed; a request is still under way */
	uint32_t requests; /* under way, finds included */
	bool busy; /* batch or scan */
	int64_t not_before_ns; /* one has failed */
	bool loaded; /* counts are there */
	bool apart; /* the rows of the last batch lay apart */
	bool gone_dense; /* many were deleted by it, and not apart */

	struct due_heap win;
	bool whole; /* nothing comes behind the window */
	struct due_item end; /* last place that the window covers */
	struct due_item taken; /* the last place from which one was taken */
	uint32_t cut_n; /* it is cut when it has as many items; 0: as always */
	bool scanning, scan_void; /* what the scan under way brings is no use */
	uint32_t scan_gone; /* of gone, when it began */
	uint32_t scanned_n;
	struct due_item scan_end;
	struct umap skip; /* at: cancelled, still in the window */

	struct items fresh, sent, gone, sent_gone;
	uint32_t fresh_live;
	struct umap fresh_at; /* at -> number in fresh + 1 */
	bool gone_far; /* gone has items behind the window */
	bool flush; /* the client wants a batch */
	struct umap counts;
	struct count **touched; /* by the batch under way */
	uint32_t touched_n, touched_cap;
	uint64_t total;

	struct timer timer, flush_timer;
	LIST_HEAD(, find) finds;
	LIST_ENTRY(due) link;
};

/* An answer has come; false: nobody wants it, the index may be gone. */
bool due_answered(struct due *);
size_t due_put64(uint8_t *, uint64_t); /* 8 */
uint64_t due_get64(const uint8_t *);
/* <META_DUE><kind><id> */
size_t due_key_head(uint8_t *key, char kind, uint64_t id);
size_t due_key_item(uint8_t *key, uint64_t id, const struct due_item *);
bool due_item_read(struct due_item *, const uint8_t *key, size_t keylen,
    const uint8_t *val, size_t len);
/* an item came (1) or is done (-1); the same for its row in the batch that is
 * being made */
void due_counted(struct due *, const struct due_item *, int by);
void due_count_change(struct due *, const struct due_item *, int by);
void due_counts_write(struct due *, struct meta_txn *);
void due_counts_end(struct due *, bool ok);
/* from disk */
void due_counts_reset(struct due *);
void due_count_loaded(struct due *, uint64_t target, uint64_t n);
void due_counts_fini(struct due *);

#endif
