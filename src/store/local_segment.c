/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments: made ahead, filled, sealed with a footer, freed, recycled.
 *
 * One is made (or recycled) at a time and ids rise, so segments become ready in
 * the order of their ids and the log runs through them in that order.
 */
#include "store/local_priv.h"

/* segments are filled faster than that: no time to zero-fill the next */
#define HURRY_NS INT64_C(1000000000)

struct segment *
segment_get(struct local *lo, uint64_t id)
{
	return umap_get(&lo->segments, id);
}

struct segment *
segment_add(struct local *lo, uint64_t id, uint64_t size)
{
	struct segment *seg;

	ALLOC_OBJ(seg, SEGMENT_MAGIC);
	seg->id = id;
	seg->size = size;
	seg->seed = record_seed(id);
	TAILQ_INIT(&seg->footer_wait);
	AZ(umap_add(&lo->segments, id, seg));
	return seg;
}

struct segment *
segment_want(struct local *lo, uint64_t id)
{
	struct segment *seg = segment_get(lo, id);

	if (seg == NULL) {
		seg = segment_add(lo, id, 0);
		seg->state = SEG_SEALED;
		seg->old = true;
		seg->footer_ok = seg->footer_bad = true;
	}
	return seg;
}

void
segment_rows_drop(struct local *lo, struct segment *seg)
{
	if (seg->in_lru) {
		TAILQ_REMOVE(&lo->lru, seg, lru);
		seg->in_lru = false;
		lo->row_bytes -= (uint64_t)seg->row_cap * sizeof *seg->row;
	}
	MEM_FREE(seg->row);
	MEM_FREE(seg->sorted);
	seg->row_cap = 0;
	if (seg->key != NULL) {
		segment_keys_drop(seg);
		seg->keys_known = false;
	}
}

void
segment_drop(struct local *lo, struct segment **segp)
{
	struct segment *seg;

	TAKE_OBJ_NOTNULL(seg, segp, SEGMENT_MAGIC);
	AZ(seg->pins);
	segment_rows_drop(lo, seg);
	assert(umap_del(&lo->segments, seg->id) == seg);
	FREE_OBJ(seg);
}

void
segments_fini(struct local *lo)
{
	struct segment *seg;

	while ((seg = umap_pop(&lo->segments)) != NULL) {
		mem_free(seg->row);
		mem_free(seg->sorted);
		segment_keys_drop(seg);
		FREE_OBJ(seg);
	}
	umap_fini(&lo->segments);
}

uint64_t
segment_id_next(struct local *lo)
{
	return lo->seg_next++ * LOCAL_CLASSES + lo->conf.shard;
}

bool
segment_fits(
    const struct segment *seg, uint32_t len, uint32_t runs, uint32_t keys)
{
	return (uint64_t)seg->off + len + footer_len(seg->row_n + runs) +
	    keys_len(seg->key_n + keys) <=
	    seg->size;
}

uint32_t
segment_row_add(struct segment *seg, const struct run_row *row)
{
	if (seg->row_n == seg->row_cap) {
		seg->row_cap = seg->row_cap == 0 ? 64 : seg->row_cap * 2;
		seg->row =
		    mem_reallocarray(seg->row, seg->row_cap, sizeof *seg->row);
	}
	seg->row[seg->row_n] = *row;
	return seg->row_n++;
}

static int
row_cmp(const void *va, const void *vb)
{
	const struct run_row *a = va, *b = vb;

	if (a->ledger != b->ledger)
		return a->ledger < b->ledger ? -1 : 1;
	if (a->first_entry != b->first_entry)
		return a->first_entry < b->first_entry ? -1 : 1;
	return 0;
}

static bool
rows_in_order(const struct run_row *row, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (row_cmp(&row[i - 1], &row[i]) > 0)
			return false;
	return true;
}

struct row_slot {
	uint64_t ledger;
	uint32_t n, at;
};

static int
slot_cmp(const void *va, const void *vb)
{
	const struct row_slot *a = va, *b = vb;

	return a->ledger < b->ledger ? -1 : a->ledger > b->ledger;
}

/* A sorted copy. The rows of each ledger are in order already, so only the
 * ledgers are sorted: a comparison sort of all rows would hold the shard up. */
static struct run_row *
rows_sorted(const struct run_row *row, uint32_t n)
{
	struct run_row *out = mem_calloc((size_t)n + 1, sizeof *out);
	struct row_slot *slot = mem_calloc((size_t)n + 1, sizeof *slot), *sl;
	struct umap m;
	uint32_t slots = 0, at = 0;

	umap_init(&m, 5, n + 1);
	for (uint32_t i = 0; i < n; i++) {
		/* the map only counts: it is filled again once they are sorted */
		sl = umap_get(&m, row[i].ledger);
		if (sl == NULL) {
			sl = &slot[slots++];
			sl->ledger = row[i].ledger;
			AZ(umap_add(&m, row[i].ledger, sl));
		}
		sl->n++;
	}
	umap_fini(&m);
	if (slots > 1)
		qsort(slot, slots, sizeof *slot, slot_cmp);
	umap_init(&m, 5, n + 1);
	for (uint32_t i = 0; i < slots; i++) {
		slot[i].at = at;
		at += slot[i].n;
		AZ(umap_add(&m, slot[i].ledger, &slot[i]));
	}
	for (uint32_t i = 0; i < n; i++) {
		sl = umap_get(&m, row[i].ledger);
		out[sl->at++] = row[i];
	}
	umap_fini(&m);
	mem_free(slot);
	if (!rows_in_order(out, n))
		qsort(out, n, sizeof *out, row_cmp);
	return out;
}

void
segment_rows_sort(struct segment *seg)
{
	struct run_row *sorted = seg->sorted;

	seg->sorted = NULL;
	if (sorted == NULL && rows_in_order(seg->row, seg->row_n))
		return;
	if (sorted == NULL)
		sorted = rows_sorted(seg->row, seg->row_n);
	mem_free(seg->row);
	seg->row = sorted;
	seg->row_cap = seg->row_n + 1;
}

uint32_t
segment_row_find(const struct segment *seg, uint64_t ledger, int64_t entry)
{
	uint32_t lo = 0, hi = seg->row_n, mid;
	const struct run_row *r;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		r = &seg->row[mid];
		if (r->ledger < ledger ||
		    (r->ledger == ledger && r->first_entry + r->n <= entry))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < seg->row_n && seg->row[lo].ledger != ledger)
		return seg->row_n;
	return lo;
}

/* rows of a sealed segment were used or have come in */
void
segment_touch(struct local *lo, struct segment *seg)
{
	assert(seg->footer_ok);
	if (seg->in_lru)
		TAILQ_REMOVE(&lo->lru, seg, lru);
	else
		lo->row_bytes += (uint64_t)seg->row_cap * sizeof *seg->row;
	seg->in_lru = true;
	TAILQ_INSERT_TAIL(&lo->lru, seg, lru);
}

void
segment_lru_trim(struct local *lo)
{
	struct segment *seg, *next;

	for (seg = TAILQ_FIRST(&lo->lru);
	     seg != NULL && lo->row_bytes > lo->conf.index_bytes; seg = next) {
		next = TAILQ_NEXT(seg, lru);
		if (seg->pins == 0 && next != NULL)
			segment_rows_drop(lo, seg);
	}
}

uint32_t
segment_footer_len(struct segment *seg)
{
	uint32_t rows = footer_len(seg->row_n);

	if ((uint64_t)seg->off + rows + keys_len(seg->key_n) > seg->size)
		segment_keys_drop(seg);
	return rows + keys_len(seg->key_n);
}

void
segment_footer_done(struct segment *seg)
{
	uint32_t n = seg->key_n;

	segment_keys_drop(seg);
	seg->key_n = n;
	seg->keys_known = true;
}

void
segment_footer_put(
    const struct local *lo, struct segment *seg, uint8_t *buf, uint32_t len)
{
	const struct run_row *row = seg->row;
	struct trailer t;

	assert(len == footer_len(seg->row_n) + keys_len(seg->key_n));
	segment_keys_put(seg, buf);
	buf += keys_len(seg->key_n);
	len -= keys_len(seg->key_n);
	if (!rows_in_order(row, seg->row_n)) {
		/* the ledgers' runs name rows by place until it is written */
		mem_free(seg->sorted);
		row = seg->sorted = rows_sorted(row, seg->row_n);
	}
	memset(buf, 0, len);
	for (uint32_t i = 0; i < seg->row_n; i++)
		run_row_put(buf + (size_t)i * RUN_ROW, &row[i]);
	memset(&t, 0, sizeof t);
	t.generation = seg->id;
	t.kind = seg->rewritten ? SEGMENT_REWRITTEN : SEGMENT_LOG;
	t.first_group = seg->first_group;
	t.last_group = seg->last_group;
	t.epoch = lo->epoch;
	t.data_end = seg->off;
	t.footer_off = (uint32_t)seg->size - len;
	t.rows_n = seg->row_n;
	t.rows_crc = crc32c(seg->seed, buf, (size_t)seg->row_n * RUN_ROW);
	t.shard = lo->conf.shard;
	t.keys_n = seg->key_n;
	trailer_put(buf + len - FOOTER_TRAILER, &t);
}

struct dop *
dop_new(struct local *lo, enum disk_op what, struct segment *seg,
    void (*done)(struct disk_req *, enum err))
{
	struct dop *op = mem_zalloc(sizeof *op);

	op->lo = lo;
	op->seg = seg;
	op->rq.magic = DISK_REQ_MAGIC;
	op->rq.op = what;
	op->rq.file = seg->id;
	op->rq.done = done;
	op->rq.priv = op;
	LIST_INSERT_HEAD(&lo->disk_ops, op, list);
	return op;
}

void
dop_free(struct dop *op)
{
	if (op->buf != NULL)
		buf_unref(&op->buf);
	LIST_REMOVE(op, list);
	mem_free(op);
}

static void
sealed(struct disk_req *rq, enum err err)
{
	struct dop *op = rq->priv;
	struct local *lo = op->lo;
	struct segment *seg = op->seg;
	struct ledger *lg;
	uint64_t last = 0;

	dop_free(op);
	seg->pins--;
	if (err != ERR_OK || lo->failed) {
		if (!lo->failed)
			local_fail(lo, err, seg, seg->off);
		return;
	}
	seg->footer_ok = true;
	segment_footer_done(seg);
	segment_rows_sort(seg);
	segment_touch(lo, seg);
	group_synced(lo, seg->last_group);
	for (uint32_t i = 0; i < seg->row_n; i++) {
		if (seg->row[i].ledger == last)
			continue;
		last = seg->row[i].ledger;
		lg = ledger_find(lo, last);
		if (lg != NULL)
			run_trim_front(lg);
	}
	lo->st.segments_sealed++;
}

/* The open segment is full. The footer's write is synced and goes before any
 * group of the next segment: so, where a later segment has a group, everything
 * in an earlier one was on the medium. */
void
segment_seal(struct local *lo)
{
	struct segment *seg = lo->open;
	struct dop *op;
	uint32_t len = segment_footer_len(seg);

	assert(seg->state == SEG_OPEN);
	op = dop_new(lo, DISK_WRITE, seg, sealed);
	op->buf = pool_get(lo->pool, len, POOL_BRIEF);
	segment_footer_put(lo, seg, op->buf->data, len);
	op->rq.off = seg->size - len;
	op->rq.data = op->buf->data;
	op->rq.len = len;
	op->rq.sync = true;
	seg->state = SEG_SEALED;
	seg->pins++;
	lo->open = NULL;
	TAILQ_INSERT_TAIL(&lo->sealed, seg, list);
	lo->sealed_n++;
	lo->st.syncs++;
	sync_before(lo, seg);
	lo->disk->ops->submit(lo->disk, &op->rq);
}

/* Into the list of those that are sealed, by id */
void
segment_sealed(struct local *lo, struct segment *seg)
{
	struct segment *at;

	TAILQ_FOREACH_REVERSE(at, &lo->sealed, segment_list, list)
		if (at->id < seg->id)
			break;
	if (at == NULL)
		TAILQ_INSERT_HEAD(&lo->sealed, seg, list);
	else
		TAILQ_INSERT_AFTER(&lo->sealed, at, seg, list);
}

bool
segment_open_next(struct local *lo)
{
	struct segment *seg = TAILQ_FIRST(&lo->free);

	assert(lo->open == NULL);
	if (seg == NULL)
		return false;
	TAILQ_REMOVE(&lo->free, seg, list);
	lo->free_n--;
	/* whether there is room matters now */
	if (!lo->no_space)
		lo->retry_ns = 0;
	lo->open_gap_ns = lo->mono_ns - lo->open_ns;
	lo->open_ns = lo->mono_ns;
	seg->state = SEG_OPEN;
	seg->off = 0;
	seg->first_group = lo->group_next;
	seg->last_group = lo->group_next;
	lo->open = seg;
	return true;
}

void
segment_ready(struct local *lo, struct segment *seg)
{
	seg->state = SEG_FREE;
	seg->off = 0;
	TAILQ_INSERT_TAIL(&lo->free, seg, list);
	lo->free_n++;
}

static void
set_space(struct local *lo, bool ok, uint64_t segment)
{
	if (lo->no_space == !ok)
		return;
	lo->no_space = !ok;
	/* it may make some, and is less choosy now */
	lo->rw_look = true;
	lo->rw_next_ns = lo->mono_ns;
	local_report(lo, ok ? LOCAL_SPACE_BACK : LOCAL_NO_SPACE, segment, 0, 0);
	if (lo->base.client_ops->space != NULL)
		lo->base.client_ops->space(lo->base.client, ok);
}

static void
made(struct disk_req *rq, enum err err)
{
	struct local *lo = rq->priv;
	struct segment *seg = lo->making, *from;
	uint64_t id = seg->id;

	lo->making = NULL;
	if (lo->make_from != 0) {
		from = segment_get(lo, lo->make_from);
		lo->make_from = 0;
		lo->dead_segs_n--;
		segment_drop(lo, &from);
		if (err == ERR_OK)
			lo->st.segments_recycled++;
	}
	if (err != ERR_OK) {
		lo->retry_ns = lo->mono_ns + 1000000000;
		segment_drop(lo, &seg);
		if (lo->free_n < lo->conf.min_free_segments)
			set_space(lo, false, id);
		/* what nobody wants any more comes free by a checkpoint */
		lo->ckpt_space = lo->no_space && checkpoint_would_free(lo);
		return;
	}
	segment_ready(lo, seg);
	if (lo->free_n >= lo->conf.min_free_segments)
		set_space(lo, true, id);
}

static void
make(struct local *lo, struct segment *from)
{
	struct disk_req *rq = &lo->make_rq;
	uint64_t id = segment_id_next(lo);

	memset(rq, 0, sizeof *rq);
	rq->magic = DISK_REQ_MAGIC;
	rq->priv = lo;
	rq->done = made;
	lo->making = segment_add(lo, id, lo->conf.segment_bytes);
	lo->making->state = SEG_MAKING;
	if (from != NULL) {
		rq->op = DISK_RENAME;
		rq->file = from->id;
		rq->file2 = id;
		lo->make_from = from->id;
	} else {
		rq->op = DISK_CREATE;
		rq->file = id;
		rq->len = lo->conf.segment_bytes;
		rq->hurry = lo->open != NULL &&
		    (lo->free_n == 0 || lo->open_gap_ns < HURRY_NS);
	}
	lo->disk->ops->submit(lo->disk, rq);
}

static void
removed(struct disk_req *rq, enum err err)
{
	struct dop *op = rq->priv;

	/* a file that stays is found dead again at the next start */
	(void)err;
	op->lo->st.segments_freed++;
	dop_free(op);
}

void
segment_poll(struct local *lo)
{
	struct segment *seg;
	struct dop *op;

	if (lo->failed || !lo->recovered)
		return;
	while (
	    lo->making == NULL && (seg = TAILQ_FIRST(&lo->dead_segs)) != NULL) {
		TAILQ_REMOVE(&lo->dead_segs, seg, list);
		if (lo->free_n < lo->conf.max_free_segments &&
		    seg->size == lo->conf.segment_bytes && !seg->old) {
			make(lo, seg);
			return;
		}
		lo->dead_segs_n--;
		op = dop_new(lo, DISK_REMOVE, seg, removed);
		lo->disk->ops->submit(lo->disk, &op->rq);
		segment_drop(lo, &seg);
	}
	if (segment_wanted(lo) && lo->mono_ns >= lo->retry_ns)
		make(lo, NULL);
}

/* One more than has to be there while the log is written to. None while meta
 * lacks room for a commit: it would take what was given up for that. */
bool
segment_wanted(const struct local *lo)
{
	uint32_t n = lo->conf.min_free_segments;

	if (lo->open != NULL && n < lo->conf.max_free_segments)
		n++;
	return lo->making == NULL && lo->free_n < n && !lo->commit_waits &&
	    !lo->failed;
}

/* Meta has no room for a commit, without which nothing comes free: one of the
 * segments that are ready makes way. */
void
segment_give_up(struct local *lo)
{
	struct segment *seg = TAILQ_LAST(&lo->free, segment_list);
	struct dop *op;

	if (lo->free_n < 2)
		return;
	TAILQ_REMOVE(&lo->free, seg, list);
	lo->free_n--;
	op = dop_new(lo, DISK_REMOVE, seg, removed);
	lo->disk->ops->submit(lo->disk, &op->rq);
	segment_drop(lo, &seg);
	if (lo->free_n < lo->conf.min_free_segments)
		set_space(lo, false, 0);
}

void
segment_check_dead(struct local *lo, struct segment *seg)
{
	if (seg->state != SEG_SEALED || !seg->footer_ok || seg->live != 0 ||
	    seg->persisted != 0 || seg->pins != 0 ||
	    seg->commit > lo->commit_done || lo->meta_failed)
		return;
	if (!seg->old && !seg->rewritten && seg->id > lo->ckpt_segment)
		return;
	/* an old one may be wanted by another shard: local_checkpoint.c looks */
	if (seg->old)
		return;
	TAILQ_REMOVE(&lo->sealed, seg, list);
	segment_rows_drop(lo, seg);
	seg->state = SEG_DEAD;
	TAILQ_INSERT_TAIL(&lo->dead_segs, seg, list);
	lo->dead_segs_n++;
}

void
segments_check_dead(struct local *lo)
{
	struct segment *seg, *next;

	for (seg = TAILQ_FIRST(&lo->sealed); seg != NULL; seg = next) {
		next = TAILQ_NEXT(seg, list);
		segment_check_dead(lo, seg);
	}
}
