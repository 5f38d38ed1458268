/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups: forming, writing, completion, and the cache that they become.
 */
#include "store/local_priv.h"

#define FLIGHT_MAX 3u

static struct group *
group_new(struct local *lo)
{
	struct group *g = TAILQ_FIRST(&lo->group_free);

	if (g != NULL) {
		TAILQ_REMOVE(&lo->group_free, g, list);
	} else {
		ALLOC_OBJ(g, GROUP_MAGIC);
		g->lo = lo;
	}
	g->run_n = g->rec_n = g->jo_n = 0;
	g->riders = NULL;
	g->sync = g->journaled = g->done = g->cached = false;
	return g;
}

static void
group_delete(struct group *g)
{
	if (g->buf != NULL)
		buf_unref(&g->buf);
	mem_free(g->index);
	mem_free(g->jo);
	FREE_OBJ(g);
}

static void
group_recycle(struct local *lo, struct group *g)
{
	if (g->buf != NULL)
		buf_unref(&g->buf);
	g->run = NULL;
	g->rec = NULL;
	TAILQ_INSERT_HEAD(&lo->group_free, g, list);
}

/* Those that wait to be used again: when the engine is idle */
void
groups_free_unused(struct local *lo)
{
	struct group *g;

	while ((g = TAILQ_FIRST(&lo->group_free)) != NULL) {
		TAILQ_REMOVE(&lo->group_free, g, list);
		group_delete(g);
	}
}

/* What a cached group takes beside its buffer: it counts against the budget,
 * since small groups are of it by a tenth. */
static uint32_t
group_meta_bytes(const struct group *g)
{
	return (uint32_t)sizeof *g + g->index_cap +
	    g->run_n * (uint32_t)sizeof(struct run) + 64;
}

static void *
grow(void *v, uint32_t *cap, uint32_t need, size_t size)
{
	if (need <= *cap)
		return v;
	*cap = need + need / 2;
	return mem_reallocarray(v, *cap, size);
}

/* While a group is formed its index is in the engine's arrays; then it gets one
 * of its own, no bigger than it is. */
static void
group_index_take(struct local *lo, struct group *g)
{
	uint32_t runs = g->run_n * (uint32_t)sizeof *g->run,
		 need = runs + g->rec_n * (uint32_t)sizeof *g->rec;

	if (g->index_cap < need || g->index_cap > 2 * need + 256) {
		mem_free(g->index);
		g->index = mem_alloc(need + 8);
		g->index_cap = need;
	}
	g->run = (struct grun *)(void *)g->index;
	g->rec = (uint32_t *)(void *)(g->index + runs);
	if (need == 0)
		return;
	memcpy(g->run, lo->form_run, runs);
	memcpy(g->rec, lo->form_rec, need - runs);
}

/* --- forming -------------------------------------------------------------- */

struct form {
	struct local *lo;
	struct group *g;
	struct segment *seg;
	uint8_t *p;
	uint32_t off, cap;
	bool reserve; /* in the last free segment: no entries */
	struct rider *
	    *rider_tail; /* of the group's; cap leaves room for them */
	uint32_t crc; /* of the records' first 8 bytes */
	uint32_t n;
};

static void
form_record(struct form *f, uint32_t len)
{
	f->crc = crc32c(f->crc, f->p + f->off, 8);
	f->off += len;
	f->n++;
}

/* One journal's deltas: one record per staged buffer */
static bool
form_journal(struct form *f, struct journal *jo)
{
	struct group *g = f->g;
	struct jdelta *d;
	uint32_t len;
	uint64_t seq = 0;

	while ((d = jo->st_head) != NULL) {
		len = record_len(RECORD_HEAD_CURSOR, d->len);
		if (len > f->cap - f->off)
			break;
		(void)record_put_cursor(
		    f->p + f->off, f->seg->seed, jo->id, d->data, d->len);
		form_record(f, len);
		seq = d->seq;
		f->lo->staged_bytes -= len;
		jo->st_head = d->next;
		mem_free(d);
	}
	if (jo->st_head == NULL)
		jo->st_tail = &jo->st_head;
	if (seq != 0) {
		g->jo = grow(g->jo, &g->jo_cap, g->jo_n + 1, sizeof *g->jo);
		g->jo[g->jo_n++] = (struct gjournal){ .jo = jo, .seq = seq };
		jo->formed++;
		journal_mark_dirty(jo);
	}
	return jo->st_head == NULL;
}

static void
form_journals(struct form *f)
{
	struct local *lo = f->lo;
	struct journal *jo;

	while ((jo = TAILQ_FIRST(&lo->jstaged)) != NULL) {
		if (jo->urgent)
			f->g->sync = true;
		if (!form_journal(f, jo))
			return;
		TAILQ_REMOVE(&lo->jstaged, jo, staged_link);
		jo->staged = false;
		if (jo->urgent)
			lo->jurgent--;
		jo->urgent = false;
	}
	lo->jdeadline_ns = 0;
}

static void
form_run(struct form *f, struct ledger *lg, struct grun *gr)
{
	struct group *g = f->g;
	struct run *r = run_push(lg);

	gr->row.bytes = f->off - gr->row.off;
	gr->row.messages_n = (uint32_t)(lg->form_index - gr->row.first_index);
	r->first_entry = gr->row.first_entry;
	r->n = gr->row.n;
	r->rec0 = gr->rec0;
	r->grp = g;
	r->grun = (uint32_t)(gr - f->lo->form_run);
	r->seg = f->seg;
	gr->row.off += f->seg->off;
	r->row = segment_row_add(f->seg, &gr->row);
	lg->formed_runs++;
}

/* The next entry of the ledger: its place, and the record at it */
static void
form_entry(struct form *f, struct ledger *lg, const struct stage *st)
{
	const struct entry_format_ops *const *formats = f->lo->base.formats;
	struct entry_place at = {
		.pos = { lg->id, ++lg->form_entry },
		.index = lg->form_index,
		.locator =
		    entry_locator(lg->id, lg->form_index - lg->first_index),
		.store_time_ms = f->lo->wall_ms,
	};

	assert(st->attr.format < ENTRY_FORMATS_N);
	(void)record_put_entry(f->p + f->off, f->seg->seed, &at, &st->attr,
	    formats != NULL ? formats[st->attr.format] : NULL, st->body.p,
	    st->body.len);
	segment_keys_add(f->lo, f->seg, st->attr.format, st->body.p,
	    st->body.len, lg->id, lg->form_entry);
	lg->form_index += st->attr.messages_n;
}

static void
form_rider(struct form *f, struct stage *st)
{
	struct rider *rd = st->rider;

	if (rd == NULL)
		return;
	st->rider = NULL;
	if (rd->jo->deleted) {
		rider_free(rd);
		return;
	}
	f->cap -= rider_len(rd);
	*f->rider_tail = rd;
	f->rider_tail = &rd->next;
}

/* Behind the entries: a run is read back as one piece. */
static void
form_riders(struct form *f)
{
	const struct rider *rd = f->g->riders;

	while (rd != NULL)
		form_record(f, riders_put(&rd, f->p + f->off, f->seg->seed));
}

/* What fits of one ledger; true if nothing is left staged */
static bool
form_ledger(struct form *f, struct ledger *lg)
{
	struct local *lo = f->lo;
	struct group *g = f->g;
	struct grun *gr;
	struct stage *st;
	uint32_t len, n = 0;

	lo->form_run =
	    grow(lo->form_run, &lo->form_run_cap, g->run_n + 1, sizeof *gr);
	gr = &lo->form_run[g->run_n];
	memset(gr, 0, sizeof *gr);
	gr->lg = lg;
	gr->rec0 = g->rec_n;
	gr->row.ledger = lg->id;
	gr->row.first_entry = lg->form_entry + 1;
	gr->row.first_index = lg->form_index;
	gr->row.store_time_ms = lo->wall_ms;
	gr->row.off = f->off;
	lo->form_rec = grow(lo->form_rec, &lo->form_rec_cap,
	    g->rec_n + lg->st_n, sizeof *lo->form_rec);
	while ((st = lg->st_head) != NULL) {
		len = record_len(RECORD_HEAD_ENTRY, st->body.len);
		if (stage_len(st) > f->cap - f->off)
			break;
		lo->staged_bytes -= stage_len(st);
		lg->st_head = st->next;
		if (st->next != NULL)
			__builtin_prefetch(st->next->body.p);
		form_entry(f, lg, st);
		lo->form_rec[g->rec_n++] = f->off;
		form_record(f, len);
		gr->body_bytes += st->body.len;
		form_rider(f, st);
		if (st->sync)
			g->sync = true;
		stage_put(lo, st);
		n++;
	}
	if (lg->st_head == NULL)
		lg->st_tail = &lg->st_head;
	lg->st_n -= n;
	if (n > 0) {
		gr->row.n = n;
		g->run_n++;
		form_run(f, lg, gr);
	}
	return lg->st_head == NULL;
}

static void
form_ledgers(struct form *f)
{
	struct local *lo = f->lo;
	struct ledger *lg;

	if (lo->no_space || f->reserve)
		return;
	while ((lg = TAILQ_FIRST(&lo->staged)) != NULL) {
		TAILQ_REMOVE(&lo->staged, lg, staged_link);
		if (!form_ledger(f, lg)) {
			/* the others first next time */
			TAILQ_INSERT_TAIL(&lo->staged, lg, staged_link);
			return;
		}
		lg->staged = false;
		lo->staged_n--;
	}
}

/* bytes of what has to go into the next group whatever its size */
static uint32_t
first_len(const struct local *lo)
{
	const struct journal *jo = TAILQ_FIRST(&lo->jstaged);
	const struct ledger *lg = TAILQ_FIRST(&lo->staged);

	if (jo != NULL)
		return record_len(RECORD_HEAD_CURSOR, jo->st_head->len);
	if (lg != NULL && !lo->no_space)
		return stage_len(lg->st_head);
	return 0;
}

static void written(struct disk_req *, enum err);

static void
group_submit(struct local *lo, struct form *f)
{
	struct group *g = f->g;
	struct group_head h;
	uint32_t padded = (f->off + DISK_BLOCK - 1) & ~(DISK_BLOCK - 1);

	memset(f->p + f->off, 0, padded - f->off);
	memset(&h, 0, sizeof h);
	h.generation = f->seg->id;
	h.number = g->number;
	h.synced = lo->group_synced;
	h.epoch = lo->epoch;
	h.len = f->off;
	h.records_n = f->n;
	h.records_crc = f->crc;
	h.shard = lo->conf.shard;
	h.store_time_ms = lo->wall_ms;
	group_head_put(f->p, &h);
	g->buf->len = padded;
	memset(&g->rq, 0, sizeof g->rq);
	g->rq.magic = DISK_REQ_MAGIC;
	g->rq.op = DISK_WRITE;
	g->rq.file = f->seg->id;
	g->rq.off = f->seg->off;
	g->rq.data = f->p;
	g->rq.len = padded;
	g->rq.sync = g->sync;
	g->rq.done = written;
	g->rq.priv = g;
	f->seg->off += padded;
	f->seg->last_group = g->number;
	f->seg->pins++;
	TAILQ_INSERT_TAIL(&lo->flight, g, list);
	lo->flight_n++;
	lo->st.groups++;
	lo->st.group_bytes += padded;
	if (g->sync) {
		sync_before(lo, f->seg);
		lo->st.syncs++;
	} else {
		lo->async_written = true;
	}
	lo->disk->ops->submit(lo->disk, &g->rq);
}

/* Form the next group of what is staged and submit it. False: nothing staged,
 * or no segment is ready. */
bool
group_form(struct local *lo)
{
	struct form f = { .lo = lo };
	uint32_t first, cap, runs;

	first = first_len(lo);
	if (lo->failed || first == 0 || !lo->recovered)
		return false;
	cap = lo->conf.group_bytes;
	if (lo->staged_bytes + GROUP_HEAD < cap)
		cap = (uint32_t)lo->staged_bytes + GROUP_HEAD;
	if (cap < first + GROUP_HEAD)
		cap = first + GROUP_HEAD;
	cap = (cap + DISK_BLOCK - 1) & ~(DISK_BLOCK - 1);
	runs = lo->staged_n < cap / RECORD_HEAD_ENTRY ? lo->staged_n :
							cap / RECORD_HEAD_ENTRY;
	if (lo->open != NULL &&
	    !segment_fits(
		lo->open, cap, runs, lo->keyed ? cap / KEY_BODY_BYTES : 0)) {
		if (TAILQ_EMPTY(&lo->free))
			return false;
		/* until it is known whether there can be another one, the last
		 * is for what must go on without room */
		f.reserve = lo->free_n == 1 && lo->conf.min_free_segments > 1;
		if (f.reserve && TAILQ_EMPTY(&lo->jstaged))
			return false;
		segment_seal(lo);
	}
	if (lo->open == NULL && !segment_open_next(lo))
		return false;
	f.seg = lo->open;
	f.g = group_new(lo);
	f.g->buf = pool_get(lo->pool, cap, POOL_CACHED);
	f.g->seg = f.seg;
	f.g->number = lo->group_next++;
	f.p = f.g->buf->data;
	f.off = GROUP_HEAD;
	f.cap = cap;
	f.crc = f.seg->seed;
	f.rider_tail = &f.g->riders;
	form_journals(&f);
	if (TAILQ_EMPTY(&lo->jstaged))
		form_ledgers(&f);
	form_riders(&f);
	AN(f.n);
	group_index_take(lo, f.g);
	if (!TAILQ_EMPTY(&lo->flushes))
		f.g->sync = true;
	group_submit(lo, &f);
	return true;
}

/* --- completion ----------------------------------------------------------- */

static void
run_written(
    struct local *lo, struct group *g, struct grun *gr, struct segment *seg)
{
	struct ledger *lg = gr->lg;

	if (lg == NULL)
		return;
	lg->formed_runs--;
	extent_add(lg, seg, &gr->row, gr->body_bytes);
	if (lg->held)
		lo->base.client_ops->appended(lg->owner, gr->row.first_entry,
		    gr->row.n, gr->row.first_index, gr->row.store_time_ms,
		    ERR_OK);
	/* the callback may have deleted it */
	lg = gr->lg;
	if (lg == NULL)
		return;
	if (lg->closing)
		local_close_poll(lg);
	(void)g;
}

static void
run_failed(struct local *lo, struct grun *gr, enum err err)
{
	struct ledger *lg = gr->lg;

	if (lg == NULL)
		return;
	gr->lg = NULL;
	lg->formed_runs--;
	run_truncate(lg, gr->row.first_entry);
	lg->form_entry = lg->last_entry;
	lg->form_index = lg->next_index;
	lg->pending++; /* the callback may let it go, or delete it */
	if (lg->held)
		lo->base.client_ops->appended(
		    lg->owner, -1, gr->row.n, 0, 0, err);
	if (lg->closing && !lg->deleted)
		local_close_poll(lg);
	lg->pending--;
	ledger_maybe_free(lg);
}

static void
journals_done(struct group *g, enum err err)
{
	struct gjournal *gj;

	g->journaled = false;
	for (uint32_t i = 0; i < g->jo_n; i++) {
		gj = &g->jo[i];
		journal_written(gj->jo, gj->seq, err);
	}
	g->jo_n = 0;
}

/* Everything up to group `number` is on the medium */
void
group_synced(struct local *lo, uint64_t number)
{
	struct group *g;

	if (number <= lo->group_synced)
		return;
	lo->group_synced = number;
	while (
	    (g = TAILQ_FIRST(&lo->unsynced)) != NULL && g->number <= number) {
		TAILQ_REMOVE(&lo->unsynced, g, unsynced);
		journals_done(g, ERR_OK);
		if (!g->cached)
			group_recycle(lo, g);
	}
	if (lo->group_synced >= lo->group_done)
		lo->sync_at_ns = 0;
}

void
local_fail(struct local *lo, enum err err, struct segment *seg, uint64_t off)
{
	assert(!lo->failed);
	lo->failed = true;
	lo->failed_err = err == ERR_NO_SPACE ? ERR_IO : err;
	seg->failed = true;
	local_report(lo, LOCAL_IO_ERROR, seg->id, off, 0);
}

/* --- syncs ---------------------------------------------------------------- */

static void
synced(struct disk_req *rq, enum err err)
{
	struct dop *op = rq->priv;
	struct local *lo = op->lo;
	struct segment *seg = op->seg;
	uint64_t group = op->group;

	seg->pins--;
	if (op->flag)
		lo->sync_busy = false;
	dop_free(op);
	if (lo->failed)
		return;
	if (err != ERR_OK) {
		local_fail(lo, err, seg, 0);
		return;
	}
	group_synced(lo, group);
	lo->sync_at_ns = 0;
	if (lo->group_done > lo->group_synced)
		lo->sync_at_ns = lo->mono_ns + lo->conf.flush_interval_ns;
}

static void
sync_submit(struct local *lo, struct segment *seg, bool timed)
{
	struct dop *op = dop_new(lo, DISK_SYNC, seg, synced);

	op->group = lo->group_done;
	op->flag = timed;
	seg->pins++;
	lo->st.syncs++;
	lo->async_written = false;
	lo->disk->ops->submit(lo->disk, &op->rq);
}

void
sync_before(struct local *lo, struct segment *seg)
{
	if (lo->async_written)
		sync_submit(lo, seg, false);
}

/* What was written without sync is synced after flush_interval; unsynced groups
 * are in the open segment, since a footer's write syncs the ones before. */
void
sync_poll(struct local *lo)
{
	if (lo->sync_at_ns == 0 || lo->mono_ns < lo->sync_at_ns ||
	    lo->sync_busy || lo->failed || lo->open == NULL)
		return;
	lo->sync_busy = true;
	sync_submit(lo, lo->open, true);
}

static void
group_failed(struct local *lo, struct group *g)
{
	for (uint32_t i = 0; i < g->run_n; i++)
		run_failed(lo, &g->run[i], lo->failed_err);
	journals_done(g, lo->failed_err);
	riders_done(lo, g, false);
	group_recycle(lo, g);
}

static void
written(struct disk_req *rq, enum err err)
{
	struct group *g = rq->priv;
	struct local *lo = g->lo;
	struct segment *seg = g->seg;

	CHECK_OBJ_NOTNULL(g, GROUP_MAGIC);
	assert(TAILQ_FIRST(&lo->flight) == g);
	TAILQ_REMOVE(&lo->flight, g, list);
	lo->flight_n--;
	seg->pins--;
	if (err != ERR_OK && !lo->failed)
		local_fail(lo, err, seg, rq->off);
	if (lo->failed) {
		group_failed(lo, g);
		return;
	}
	g->done = true;
	assert(lo->group_done < g->number);
	lo->group_done = g->number;
	g->cached = true;
	TAILQ_INSERT_TAIL(&lo->cache, g, list);
	lo->cached_bytes += g->buf->cap;
	g->meta_bytes = group_meta_bytes(g);
	lo->cached_meta_bytes += g->meta_bytes;
	if (g->jo_n > 0) {
		g->journaled = true;
		TAILQ_INSERT_TAIL(&lo->unsynced, g, unsynced);
	}
	if (g->sync)
		group_synced(lo, g->number);
	else if (lo->sync_at_ns == 0)
		lo->sync_at_ns = lo->mono_ns + lo->conf.flush_interval_ns;
	for (uint32_t i = 0; i < g->run_n; i++)
		run_written(lo, g, &g->run[i], seg);
	riders_done(lo, g, true);
}

/* The engine has failed: journals don't wait for a sync any more */
void
groups_fail_unsynced(struct local *lo)
{
	struct group *g;

	while ((g = TAILQ_FIRST(&lo->unsynced)) != NULL) {
		TAILQ_REMOVE(&lo->unsynced, g, unsynced);
		journals_done(g, lo->failed_err);
		if (!g->cached)
			group_recycle(lo, g);
	}
}

/* --- cache ---------------------------------------------------------------- */

void
group_evict(struct local *lo, struct group *g)
{
	struct ledger *lg;
	struct run *r;

	assert(g->cached && g->done);
	TAILQ_REMOVE(&lo->cache, g, list);
	g->cached = false;
	lo->cached_bytes -= g->buf->cap;
	lo->cached_meta_bytes -= g->meta_bytes;
	for (uint32_t i = 0; i < g->run_n; i++) {
		lg = g->run[i].lg;
		if (lg == NULL)
			continue;
		r = run_find(lg, g->run[i].row.first_entry);
		if (r != NULL && r->grp == g)
			r->grp = NULL;
		g->run[i].lg = NULL;
		run_trim_front(lg);
		ledger_maybe_free(lg);
	}
	g->run_n = 0;
	if (g->journaled)
		buf_unref(&g->buf);
	else
		group_recycle(lo, g);
}

/* Within the budget again: read-back ranges beyond a quarter of it first, then
 * the oldest groups. What deliveries hold counts, so when they hold all, the
 * cache is empty and no more. */
void
group_cache_trim(struct local *lo)
{
	struct group *g;
	uint64_t max = lo->conf.cache_bytes - lo->pool_keep;

	pool_drain(lo->pool);
	while (pool_used_bytes(lo->pool) + lo->cached_meta_bytes > max) {
		if (lo->chunk_bytes > max / 4 && chunk_evict_oldest(lo)) {
			pool_drain(lo->pool);
			continue;
		}
		g = TAILQ_FIRST(&lo->cache);
		if (g == NULL) {
			if (!chunk_evict_oldest(lo))
				break;
		} else {
			group_evict(lo, g);
		}
		pool_drain(lo->pool);
	}
}

void
groups_fini(struct local *lo)
{
	struct group *g;

	while ((g = TAILQ_FIRST(&lo->flight)) != NULL) {
		TAILQ_REMOVE(&lo->flight, g, list);
		riders_fini(g);
		group_delete(g);
	}
	while ((g = TAILQ_FIRST(&lo->unsynced)) != NULL) {
		TAILQ_REMOVE(&lo->unsynced, g, unsynced);
		g->journaled = false;
		if (!g->cached)
			group_delete(g);
	}
	while ((g = TAILQ_FIRST(&lo->cache)) != NULL) {
		TAILQ_REMOVE(&lo->cache, g, list);
		group_delete(g);
	}
	groups_free_unused(lo);
	mem_free(lo->form_run);
	mem_free(lo->form_rec);
}
