/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewriting: what is still live in mostly dead segments goes into one of its
 * own, sorted by ledger, so that one old entry does not hold 64 MiB.
 *
 * One job at a time, and the log never waits for it: victims are pinned; their
 * ledgers found or loaded; a file made; runs read, checked and copied at a
 * bounded rate; footer and sync; then the ledgers' snapshots are committed with
 * the new place of their extents, slice by slice. Each slice is right by
 * itself: until its commit the old place counts, and as the counters of live
 * bytes move in the same commit, neither place is freed too early. A crash
 * before the first one leaves a file that no counter names: recovery removes
 * it. A rewritten segment is not of the log: its groups have number 0.
 *
 * Runs are copied whole; damage in one ends the job, and the victim stays as it
 * is.
 */
#include "store/local_priv.h"

#define VICTIMS_MAX 32u
#define LEDGERS_MAX 50000u
#define FETCHES_MAX 64u
#define LOOK_ROWS 20000u /* of footers, in one turn */
#define SLICE 500u
#define COPY_BYTES (256u << 10) /* of a group, of a read */
#define GAP_MAX (32u << 10)
#define SMALL_N 16u
#define RETRY_NS INT64_C(1000000000)

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

/* --- choosing --------------------------------------------------------------- */

static bool
is_small(const struct local *lo, const struct segment *seg)
{
	return seg->size < lo->conf.segment_bytes / 4;
}

static bool
can(const struct local *lo, const struct segment *seg)
{
	return seg->state == SEG_SEALED && seg->footer_ok && !seg->footer_bad &&
	    !seg->old && !seg->no_rewrite && seg->live > 0 && seg->pins == 0 &&
	    (seg->rewritten || seg->id <= lo->ckpt_segment);
}

/* Mostly dead; or of many small ones, which may as well be one */
static bool
wanted(const struct local *lo, const struct segment *seg, uint32_t small_n)
{
	uint64_t live = (uint64_t)seg->live;

	if (!can(lo, seg))
		return false;
	if (live * (lo->no_space ? 2 : 4) <= seg->size)
		return true;
	return small_n >= SMALL_N && is_small(lo, seg);
}

static bool
choose(struct rewrite *rw)
{
	struct local *lo = rw->lo;
	struct segment *seg;
	uint64_t live = 0, size = 0;
	uint32_t small_n = 0;

	TAILQ_FOREACH(seg, &lo->sealed, list)
		small_n += can(lo, seg) && is_small(lo, seg);
	TAILQ_FOREACH(seg, &lo->sealed, list) {
		if (rw->victim_n == VICTIMS_MAX)
			break;
		if (!wanted(lo, seg, small_n) ||
		    live + (uint64_t)seg->live > lo->conf.segment_bytes / 2)
			continue;
		live += (uint64_t)seg->live;
		size += seg->size;
		rw->victim[rw->victim_n++] = seg;
	}
	/* groups and the footer come on top of what is live */
	return rw->victim_n > 0 &&
	    (size >= live + lo->conf.segment_bytes / 2 ||
		rw->victim_n >= SMALL_N);
}

static void
end(struct rewrite *rw)
{
	struct local *lo = rw->lo;

	for (uint32_t i = 0; i < rw->victim_n; i++)
		rw->victim[i]->pins--;
	for (uint32_t i = 0; i < rw->lg_n; i++) {
		rw->lg[i]->pending--;
		ledger_maybe_free(rw->lg[i]);
	}
	if (rw->in != NULL)
		buf_unref(&rw->in);
	if (rw->group != NULL)
		buf_unref(&rw->group);
	mem_free(rw->lg);
	mem_free(rw->row);
	lo->rw = NULL;
	lo->rw_next_ns = lo->mono_ns + lo->conf.rewrite_interval_ns;
	if (lo->no_space && rw->done)
		lo->rw_next_ns = lo->mono_ns;
	else if (lo->no_space)
		lo->rw_next_ns = lo->mono_ns + RETRY_NS;
	lo->rw_look = true;
	lo->check_dead = true;
	mem_free(rw);
}

static void
removed(struct disk_req *rq, enum err err)
{
	struct dop *op = rq->priv;

	/* if it stays, the next start finds it */
	(void)err;
	dop_free(op);
}

/* Nothing was committed: as if it had not been. bad (may be NULL) is not tried
 * again. */
static void
give_up(struct rewrite *rw, struct segment *bad)
{
	struct local *lo = rw->lo;
	struct dop *op;

	lo->st.rewrites_failed++;
	if (bad != NULL)
		bad->no_rewrite = true;
	if (rw->out != NULL) {
		op = dop_new(lo, DISK_REMOVE, rw->out, removed);
		lo->disk->ops->submit(lo->disk, &op->rq);
		rw->out->pins--;
		segment_drop(lo, &rw->out);
	}
	rw->step = RW_END;
}

/* --- whose entries are in there --------------------------------------------- */

static bool
is_victim(const struct rewrite *rw, uint64_t segment)
{
	for (uint32_t i = 0; i < rw->victim_n; i++)
		if (rw->victim[i]->id == segment)
			return true;
	return false;
}

static bool
footers(struct rewrite *rw)
{
	struct segment *seg;

	for (; rw->vi < rw->victim_n; rw->vi++) {
		seg = rw->victim[rw->vi];
		if (seg->row != NULL && !seg->footer_loading) {
			rw->footer_asked = false;
			continue;
		}
		if (!rw->footer_asked) {
			rw->footer_asked = true;
			footer_want(rw->lo, seg);
		} else if (!seg->footer_loading) {
			give_up(rw, seg);
		}
		return false;
	}
	for (uint32_t i = 0; i < rw->victim_n; i++)
		if (rw->victim[i]->footer_bad) {
			give_up(rw, rw->victim[i]);
			return false;
		}
	rw->vi = 0;
	return true;
}

static void
ledger_take(struct rewrite *rw, struct ledger *lg)
{
	bool any = false;

	for (uint32_t i = 0; i < lg->ext_n && !any; i++)
		any = !lg->ext[i].trimmed && is_victim(rw, lg->ext[i].segment);
	if (!any)
		return;
	if (rw->lg_n == rw->lg_cap) {
		rw->lg_cap = rw->lg_cap == 0 ? 64 : rw->lg_cap * 2;
		rw->lg = mem_reallocarray(
		    rw->lg, rw->lg_cap, sizeof(struct ledger *));
	}
	lg->pending++;
	rw->lg[rw->lg_n++] = lg;
}

void
rewrite_loaded(struct local *lo, struct ledger *lg, enum err err)
{
	struct rewrite *rw = lo->rw;

	AN(rw);
	lg->rewrite = false;
	rw->fetches--;
	if (err == ERR_OK && !lg->deleted)
		ledger_take(rw, lg);
	else if (err != ERR_NO_LEDGER)
		rw->err = err;
}

static void
look(struct rewrite *rw, uint64_t id)
{
	struct local *lo = rw->lo;
	struct ledger *lg = ledger_find(lo, id);

	if (lg == NULL) {
		lg = ledger_add(lo, id);
		ledger_fetch(lg);
	}
	if (lg->loading) {
		if (!lg->rewrite)
			rw->fetches++;
		lg->rewrite = true;
	} else if (!lg->deleted) {
		ledger_take(rw, lg);
	}
}

static int
ledger_cmp(const void *va, const void *vb)
{
	const struct ledger *a = *(struct ledger *const *)va,
			    *b = *(struct ledger *const *)vb;

	return a->id < b->id ? -1 : a->id > b->id;
}

/* A ledger may be in several victims: once is enough */
static void
ledgers_settle(struct rewrite *rw)
{
	uint32_t n = 0;

	if (rw->lg_n > 1)
		qsort(rw->lg, rw->lg_n, sizeof(struct ledger *), ledger_cmp);
	for (uint32_t i = 0; i < rw->lg_n; i++) {
		if (n > 0 && rw->lg[n - 1] == rw->lg[i])
			rw->lg[i]->pending--;
		else
			rw->lg[n++] = rw->lg[i];
	}
	rw->lg_n = n;
}

/* All ledgers that the footers name, some in each turn */
static bool
ledgers(struct rewrite *rw)
{
	const struct segment *seg;
	uint32_t budget = LOOK_ROWS;

	for (; rw->vi < rw->victim_n; rw->vi++, rw->ri = 0) {
		seg = rw->victim[rw->vi];
		for (; rw->ri < seg->row_n; rw->ri++) {
			if (rw->ri > 0 &&
			    seg->row[rw->ri].ledger ==
				seg->row[rw->ri - 1].ledger)
				continue;
			if (budget-- == 0 || rw->fetches >= FETCHES_MAX)
				return false;
			look(rw, seg->row[rw->ri].ledger);
		}
	}
	if (rw->fetches > 0)
		return false;
	ledgers_settle(rw);
	if (rw->err != ERR_OK || rw->lg_n == 0 || rw->lg_n > LEDGERS_MAX) {
		for (uint32_t i = 0; i < rw->victim_n; i++)
			rw->victim[i]->no_rewrite = true;
		give_up(rw, NULL);
		return false;
	}
	return true;
}

/* --- what is live ------------------------------------------------------------ */

static void
rows_of_extent(
    struct rewrite *rw, const struct ledger *lg, const struct extent *x)
{
	struct segment *seg = segment_get(rw->lo, x->segment);
	const struct run_row *r;
	int64_t end_entry = x->first_entry + x->n;

	for (uint32_t i = segment_row_find(seg, lg->id, x->first_entry);
	     i < seg->row_n; i++) {
		r = &seg->row[i];
		if (r->ledger != lg->id || r->first_entry >= end_entry)
			break;
		if (r->first_entry + r->n <= lg->trim)
			continue;
		if (rw->row_n == rw->row_cap) {
			rw->row_cap = rw->row_cap == 0 ? 256 : rw->row_cap * 2;
			rw->row = mem_reallocarray(
			    rw->row, rw->row_cap, sizeof *rw->row);
		}
		rw->row[rw->row_n++] = (struct rw_row){ .row = *r, .seg = seg };
	}
}

static uint32_t
blocks(uint32_t len)
{
	return (len + DISK_BLOCK - 1) & ~(DISK_BLOCK - 1);
}

/* The rows of the group that begins with row i; *len: of the group */
static uint32_t
group_rows(const struct rewrite *rw, uint32_t i, uint32_t *len)
{
	*len = GROUP_HEAD + rw->row[i].row.bytes;
	for (i++; i < rw->row_n; i++) {
		if (*len + rw->row[i].row.bytes > COPY_BYTES)
			break;
		*len += rw->row[i].row.bytes;
	}
	return i;
}

static void
rows(struct rewrite *rw)
{
	struct ledger *lg;
	uint32_t i, n, len;

	for (i = 0; i < rw->lg_n; i++) {
		lg = rw->lg[i];
		for (n = 0; n < lg->ext_n && !lg->deleted; n++)
			if (!lg->ext[n].trimmed &&
			    is_victim(rw, lg->ext[n].segment))
				rows_of_extent(rw, lg, &lg->ext[n]);
	}
	for (i = 0; i < rw->row_n;) {
		i = group_rows(rw, i, &len);
		rw->out_bytes += blocks(len);
	}
}

/* --- the file ---------------------------------------------------------------- */

static void
submit(struct rewrite *rw, enum disk_op op,
    void (*done)(struct disk_req *, enum err))
{
	struct local *lo = rw->lo;

	rw->rq.magic = DISK_REQ_MAGIC;
	rw->rq.op = op;
	rw->rq.back = op != DISK_READ && op != DISK_CREATE;
	rw->rq.done = done;
	rw->rq.priv = rw;
	rw->busy = true;
	lo->disk->ops->submit(lo->disk, &rw->rq);
}

static void
out_begin(struct rewrite *rw, struct segment *out)
{
	rw->out = out;
	out->state = SEG_SEALED;
	out->rewritten = true;
	out->footer_ok = false;
	out->pins++;
	rw->step = RW_COPY;
}

/* No room for a file: a segment that is ready will do, if that frees more than
 * it takes */
static void
out_reserve(struct rewrite *rw)
{
	struct local *lo = rw->lo;
	struct segment *seg = TAILQ_LAST(&lo->free, segment_list);

	if (seg == NULL || rw->victim_n < 2 ||
	    rw->out_bytes + footer_len(rw->row_n) > seg->size) {
		give_up(rw, NULL);
		return;
	}
	TAILQ_REMOVE(&lo->free, seg, list);
	lo->free_n--;
	out_begin(rw, seg);
}

static void
out_made(struct disk_req *rq, enum err err)
{
	struct rewrite *rw = rq->priv;
	struct segment *out = rw->out;

	rw->busy = false;
	rw->out = NULL;
	if (err == ERR_OK) {
		out_begin(rw, out);
		return;
	}
	segment_drop(rw->lo, &out);
	if (err == ERR_NO_SPACE)
		out_reserve(rw);
	else
		give_up(rw, NULL);
}

static void
make(struct rewrite *rw)
{
	struct local *lo = rw->lo;
	uint64_t id;

	rows(rw);
	if (rw->row_n == 0) {
		/* deleted meanwhile */
		give_up(rw, NULL);
		return;
	}
	id = segment_id_next(lo);
	memset(&rw->rq, 0, sizeof rw->rq);
	rw->rq.file = id;
	rw->rq.len = rw->out_bytes + footer_len(rw->row_n);
	rw->rq.hurry = true;
	/* neither free nor sealed yet */
	rw->out = segment_add(lo, id, rw->rq.len);
	rw->out->state = SEG_MAKING;
	submit(rw, DISK_CREATE, out_made);
}

/* --- copying ----------------------------------------------------------------- */

/* One row: every record is checked and sealed anew */
static bool
row_copy(struct rewrite *rw, struct rw_row *r)
{
	const uint8_t *p = rw->in->data + (r->row.off - rw->in_off);
	uint8_t *to = rw->group->data + rw->group_len;
	uint32_t off = 0;
	struct record_head h;

	for (uint32_t i = 0; i < r->row.n; i++, off += h.len) {
		if (!record_head(p + off, r->row.bytes - off, &h) ||
		    h.type != RECORD_ENTRY || h.ledger != r->row.ledger ||
		    h.entry != r->row.first_entry + i ||
		    !record_check(p + off, &h, r->seg->seed)) {
			local_report(rw->lo, LOCAL_CORRUPT, r->seg->id,
			    r->row.off + off, h.len);
			return false;
		}
		memcpy(to + off, p + off, h.len);
		le32_put(to + off,
		    crc32c(rw->out->seed, to + off + 4,
			(size_t)h.head_len - 4 + h.body_len));
		rw->crc = crc32c(rw->crc, to + off, 8);
		rw->records_n++;
	}
	r->off = rw->out_off + rw->group_len;
	rw->group_len += off;
	return off == r->row.bytes;
}

static void
row_read(struct disk_req *rq, enum err err)
{
	struct rewrite *rw = rq->priv;

	rw->busy = false;
	for (; err == ERR_OK && rw->at < rw->read_end; rw->at++)
		if (!row_copy(rw, &rw->row[rw->at]))
			err = ERR_CORRUPT;
	buf_unref(&rw->in);
	rw->lo->st.rewrite_bytes += rq->len;
	rw->next_ns += (int64_t)(rq->len * UINT64_C(1000000000) /
	    rw->lo->conf.rewrite_bytes_per_s);
	if (err != ERR_OK)
		give_up(rw, rw->row[rw->at].seg);
}

/* The next rows that lie one behind the other */
static void
rows_read(struct rewrite *rw)
{
	const struct rw_row *r = &rw->row[rw->at];
	uint32_t start = r->row.off & ~(DISK_BLOCK - 1),
		 last = r->row.off + r->row.bytes, i;

	for (i = rw->at + 1; i < rw->group_end; i++) {
		const struct run_row *n = &rw->row[i].row;

		if (rw->row[i].seg != r->seg || n->off < last ||
		    n->off - last > GAP_MAX ||
		    n->off + n->bytes - start > COPY_BYTES)
			break;
		last = n->off + n->bytes;
	}
	rw->read_end = i;
	rw->in_off = start;
	memset(&rw->rq, 0, sizeof rw->rq);
	rw->rq.len = blocks(last - start);
	rw->in = pool_get(rw->lo->pool, (uint32_t)rw->rq.len);
	rw->rq.file = r->seg->id;
	rw->rq.off = start;
	rw->rq.data = rw->in->data;
	submit(rw, DISK_READ, row_read);
}

static void
group_written(struct disk_req *rq, enum err err)
{
	struct rewrite *rw = rq->priv;

	rw->busy = false;
	rw->out_off += (uint32_t)rq->len;
	rw->next_ns += (int64_t)(rq->len * UINT64_C(1000000000) /
	    rw->lo->conf.rewrite_bytes_per_s);
	buf_unref(&rw->group);
	rw->group_0 = rw->group_end;
	if (err != ERR_OK)
		give_up(rw, NULL);
}

static void
group_write(struct rewrite *rw)
{
	struct local *lo = rw->lo;
	uint32_t len = blocks(rw->group_len);
	struct group_head h = {
		.generation = rw->out->id,
		.epoch = lo->epoch,
		.len = rw->group_len,
		.records_n = rw->records_n,
		.records_crc = rw->crc,
		.shard = lo->conf.shard,
		.store_time_ms = lo->wall_ms,
	};

	memset(rw->group->data + rw->group_len, 0, len - rw->group_len);
	group_head_put(rw->group->data, &h);
	memset(&rw->rq, 0, sizeof rw->rq);
	rw->rq.file = rw->out->id;
	rw->rq.off = rw->out_off;
	rw->rq.data = rw->group->data;
	rw->rq.len = len;
	submit(rw, DISK_WRITE, group_written);
}

/* --- the end of the file ----------------------------------------------------- */

static void
out_synced(struct disk_req *rq, enum err err)
{
	struct rewrite *rw = rq->priv;
	struct segment *out = rw->out;

	rw->busy = false;
	if (err != ERR_OK) {
		give_up(rw, NULL);
		return;
	}
	out->footer_ok = true;
	segment_sealed(rw->lo, out);
	segment_touch(rw->lo, out);
	rw->step = RW_COMMIT;
}

static void
footer_written(struct disk_req *rq, enum err err)
{
	struct rewrite *rw = rq->priv;

	rw->busy = false;
	buf_unref(&rw->group);
	if (err != ERR_OK) {
		give_up(rw, NULL);
		return;
	}
	submit(rw, DISK_SYNC, out_synced);
}

static void
footer_write(struct rewrite *rw)
{
	struct segment *out = rw->out;
	uint32_t len = footer_len(rw->row_n);
	struct run_row row;

	out->first_group = out->last_group = 0;
	out->off = rw->out_off;
	for (uint32_t i = 0; i < rw->row_n; i++) {
		row = rw->row[i].row;
		row.off = rw->row[i].off;
		(void)segment_row_add(out, &row);
	}
	rw->group = pool_get(rw->lo->pool, len);
	segment_footer_put(rw->lo, out, rw->group->data, len);
	memset(&rw->rq, 0, sizeof rw->rq);
	rw->rq.file = out->id;
	rw->rq.off = out->size - len;
	rw->rq.data = rw->group->data;
	rw->rq.len = len;
	submit(rw, DISK_WRITE, footer_written);
}

static void
copy(struct rewrite *rw)
{
	uint32_t len;

	if (rw->group == NULL) {
		if (rw->group_0 == rw->row_n) {
			footer_write(rw);
			return;
		}
		rw->group_end = group_rows(rw, rw->group_0, &len);
		rw->group = pool_get(rw->lo->pool, len);
		rw->group_len = GROUP_HEAD;
		rw->records_n = 0;
		rw->crc = rw->out->seed;
		rw->at = rw->group_0;
	}
	if (rw->at < rw->group_end)
		rows_read(rw);
	else
		group_write(rw);
}

/* --- the new place ----------------------------------------------------------- */

/* The extent's rows in the new segment, which has just what was live */
static void
extent_move(struct rewrite *rw, struct ledger *lg, struct extent *x)
{
	struct local *lo = rw->lo;
	struct segment *from = segment_get(lo, x->segment), *to = rw->out;
	const struct run_row *r, *first = NULL, *last = NULL;
	int64_t end_entry = x->first_entry + x->n;
	uint32_t bytes = 0;

	for (uint32_t i = segment_row_find(to, lg->id, x->first_entry);
	     i < to->row_n; i++) {
		r = &to->row[i];
		if (r->ledger != lg->id || r->first_entry >= end_entry)
			break;
		if (first == NULL)
			first = r;
		last = r;
		bytes += r->bytes;
	}
	/* all was trimmed when the rows were made: so is the extent */
	if (first == NULL)
		return;
	from->live -= x->disk_bytes;
	if (x->persisted != 0)
		segment_persist(lo, from, -(int64_t)x->persisted);
	x->body_bytes = bytes < x->disk_bytes ?
	    (uint32_t)((uint64_t)x->body_bytes * bytes / x->disk_bytes) :
	    x->body_bytes;
	x->segment = to->id;
	x->first_entry = first->first_entry;
	x->first_index = first->first_index;
	x->first_ms = first->store_time_ms;
	x->n = (uint32_t)(last->first_entry + last->n - first->first_entry);
	x->messages_n = (uint32_t)(last->first_index + last->messages_n -
	    first->first_index);
	x->disk_bytes = x->persisted = bytes;
	to->live += bytes;
	segment_persist(lo, to, bytes);
}

/* What the cache has of it must not name the old one */
static void
runs_move(struct rewrite *rw, struct ledger *lg)
{
	struct run *r;

	for (uint32_t i = 0; i < lg->run_n; i++) {
		r = run_at(lg, i);
		if (is_victim(rw, r->seg->id))
			r->seg = rw->out;
	}
}

static void
committed(struct local *lo, void *p, enum err err)
{
	struct rewrite *rw = p;

	(void)lo;
	rw->busy = false;
	/* then nothing is freed any more: both places stay */
	if (err != ERR_OK)
		rw->err = err;
}

static void
commit(struct rewrite *rw)
{
	struct local *lo = rw->lo;
	struct meta_txn *tx;
	struct ledger *lg;

	if (rw->slice == rw->lg_n || rw->err != ERR_OK) {
		for (uint32_t i = 0; i < rw->victim_n; i++)
			if (rw->victim[i]->live != 0)
				rw->victim[i]->no_rewrite = true;
		rw->out->pins--;
		rw->done = true;
		lo->st.rewrites++;
		lo->st.rewrite_segments += rw->victim_n;
		rw->step = RW_END;
		return;
	}
	tx = meta_txn_new();
	for (uint32_t n = 0; n < SLICE && rw->slice < rw->lg_n;
	     n++, rw->slice++) {
		lg = rw->lg[rw->slice];
		if (lg->deleted)
			continue;
		for (uint32_t i = 0; i < lg->ext_n; i++)
			if (!lg->ext[i].trimmed &&
			    is_victim(rw, lg->ext[i].segment))
				extent_move(rw, lg, &lg->ext[i]);
		runs_move(rw, lg);
		ledger_snapshot(lg, tx);
	}
	rw->busy = true;
	local_commit(lo, &tx, committed, rw);
}

/* --- the job ----------------------------------------------------------------- */

static void
begin(struct local *lo)
{
	struct rewrite *rw = mem_zalloc(sizeof *rw);

	rw->lo = lo;
	if (!choose(rw)) {
		/* until something has changed */
		lo->rw_look = false;
		lo->rw_next_ns = lo->mono_ns +
		    (lo->no_space ? RETRY_NS : lo->conf.rewrite_interval_ns);
		mem_free(rw);
		return;
	}
	for (uint32_t i = 0; i < rw->victim_n; i++)
		rw->victim[i]->pins++;
	rw->next_ns = lo->mono_ns;
	lo->rw = rw;
}

static void
step(struct rewrite *rw)
{
	switch (rw->step) {
	case RW_FOOTERS:
		if (footers(rw))
			rw->step = RW_LEDGERS;
		break;
	case RW_LEDGERS:
		if (ledgers(rw))
			rw->step = RW_MAKE;
		break;
	case RW_MAKE:
		make(rw);
		break;
	case RW_COPY:
		copy(rw);
		break;
	case RW_COMMIT:
		commit(rw);
		break;
	case RW_END:
		WRONG("it ended");
	}
}

static bool
may_look(const struct local *lo)
{
	return lo->rw_look && !lo->failed && !lo->meta_failed && lo->recovered;
}

void
rewrite_poll(struct local *lo)
{
	struct rewrite *rw;

	if (lo->rw == NULL && may_look(lo) && lo->mono_ns >= lo->rw_next_ns)
		begin(lo);
	rw = lo->rw;
	if (rw == NULL || rw->busy || lo->failed || lo->meta_failed)
		return;
	/* what was not used of its time is not saved up */
	if (rw->next_ns < lo->mono_ns || lo->no_space)
		rw->next_ns = lo->mono_ns;
	if (rw->step != RW_END && rw->next_ns <= lo->mono_ns)
		step(rw);
	if (rw->step == RW_END && !rw->busy && rw->fetches == 0)
		end(rw);
}

int64_t
rewrite_next(const struct local *lo)
{
	const struct rewrite *rw = lo->rw;

	if (rw == NULL)
		return may_look(lo) ? lo->rw_next_ns : INT64_MAX;
	if (rw->busy || lo->failed || lo->meta_failed)
		return INT64_MAX;
	/* the answers of footers and ledgers wake it */
	if (rw->step == RW_FOOTERS && rw->footer_asked)
		return INT64_MAX;
	if (rw->fetches >= FETCHES_MAX || rw->step == RW_END ||
	    (rw->step == RW_LEDGERS && rw->vi == rw->victim_n &&
		rw->fetches > 0))
		return INT64_MAX;
	return rw->next_ns;
}

/* The engine goes, with its segments and ledgers */
void
rewrite_fini(struct local *lo)
{
	struct rewrite *rw = lo->rw;

	if (rw == NULL)
		return;
	if (rw->in != NULL)
		buf_unref(&rw->in);
	if (rw->group != NULL)
		buf_unref(&rw->group);
	mem_free(rw->lg);
	mem_free(rw->row);
	mem_free(rw);
	lo->rw = NULL;
}
