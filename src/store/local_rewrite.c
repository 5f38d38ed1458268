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
#include "store/local_rewrite_priv.h"

#define LEDGERS_MAX 50000u
#define FETCHES_MAX 64u
#define LOOK_ROWS 20000u /* of footers, in one turn */
#define SLICE 500u
#define SMALL_N 16u
#define RETRY_NS INT64_C(1000000000)

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

void
rewrite_give_up(struct rewrite *rw, struct segment *bad)
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

bool
rewrite_is_victim(const struct rewrite *rw, uint64_t segment)
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
			rewrite_give_up(rw, seg);
		}
		return false;
	}
	for (uint32_t i = 0; i < rw->victim_n; i++)
		if (rw->victim[i]->footer_bad) {
			rewrite_give_up(rw, rw->victim[i]);
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
		any = !lg->ext[i].trimmed &&
		    rewrite_is_victim(rw, lg->ext[i].segment);
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
		rewrite_give_up(rw, NULL);
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

static void
rows(struct rewrite *rw)
{
	struct ledger *lg;

	for (uint32_t i = 0; i < rw->lg_n; i++) {
		lg = rw->lg[i];
		for (uint32_t n = 0; n < lg->ext_n && !lg->deleted; n++)
			if (!lg->ext[n].trimmed &&
			    rewrite_is_victim(rw, lg->ext[n].segment))
				rows_of_extent(rw, lg, &lg->ext[n]);
	}
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
		if (rewrite_is_victim(rw, r->seg->id))
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
			    rewrite_is_victim(rw, lg->ext[i].segment))
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
		rows(rw);
		rewrite_make(rw);
		break;
	case RW_COPY:
		rewrite_copy(rw);
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
