/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded engine: its table, its poll, ids, flushes. See local_priv.h. */
#include "store/local_priv.h"

#define ID_WINDOW 1024u
#define ID_WINDOW_MAX (64u << 10)
#define OBJECTS_MAX (1u << 30)
#define POOL_KEEP_MAX (16u << 20)
#define IDLE_NS INT64_C(1000000000)
#define IDLE_EVICT_N 10 /* times that long */
#define IDLE_CACHE_BYTES (1u << 20) /* less than that goes at once */

void
local_report(struct local *lo, enum local_report what, uint64_t segment,
    uint64_t off, uint64_t len)
{
	if (what == LOCAL_CORRUPT)
		lo->st.corrupt++;
	if (lo->conf.report != NULL)
		lo->conf.report(lo->conf.report_priv, what, segment, off, len);
}

void
local_answer(struct local *lo, answer_f *fn, void *p)
{
	struct answer *an = mem_alloc(sizeof *an);

	an->fn = fn;
	an->p = p;
	TAILQ_INSERT_TAIL(&lo->answers, an, list);
}

static void
answers_poll(struct local *lo)
{
	struct answer_list now = TAILQ_HEAD_INITIALIZER(now);
	struct answer *an;

	TAILQ_CONCAT(&now, &lo->answers, list);
	while ((an = TAILQ_FIRST(&now)) != NULL) {
		TAILQ_REMOVE(&now, an, list);
		an->fn(lo, an->p);
		mem_free(an);
	}
}

/* --- ids ------------------------------------------------------------------ */

static void
ids_reserved(struct local *lo, void *p, enum err err)
{
	(void)p;
	if (err == ERR_OK)
		lo->id_end = lo->id_want;
	lo->id_want = 0;
}

static void
ids_poll(struct local *lo)
{
	struct meta_txn *tx;

	if (lo->id_want != 0 || lo->meta_failed ||
	    lo->id_end - lo->id_next > lo->id_window / 2)
		return;
	/* used up faster than a commit takes: more at a time */
	if (lo->id_end - lo->id_next < lo->id_window / 4 &&
	    lo->id_window < ID_WINDOW_MAX)
		lo->id_window *= 2;
	/* a locator has room for no more (entry.h) */
	if (lo->id_end + lo->id_window > LOCATOR_LEDGER_MAX / LOCAL_CLASSES)
		return;
	lo->id_want = lo->id_end + lo->id_window;
	tx = meta_txn_new();
	shard_row_put(lo, tx);
	local_commit(lo, &tx, ids_reserved, NULL);
}

uint64_t
local_new_id(struct ledgers *lgs)
{
	struct local *lo = local_of(lgs);
	uint64_t id = 0;

	assert(lo->recovered);
	if (lo->id_next < lo->id_end)
		id = lo->id_next++ * LOCAL_CLASSES + lo->conf.shard;
	ids_poll(lo);
	return id;
}

/* --- flush ---------------------------------------------------------------- */

void
local_flush(struct ledgers *lgs, void (*done)(void *), void *priv)
{
	struct local *lo = local_of(lgs);
	struct flush *fl = mem_zalloc(sizeof *fl);

	fl->done = done;
	fl->priv = priv;
	fl->seq = lo->seq;
	TAILQ_INSERT_TAIL(&lo->flushes, fl, list);
}

static uint64_t
oldest_staged(const struct local *lo)
{
	const struct ledger *lg;
	const struct journal *jo;
	uint64_t seq = UINT64_MAX;

	TAILQ_FOREACH(lg, &lo->staged, staged_link)
		if (lg->st_head != NULL && lg->st_head->seq < seq)
			seq = lg->st_head->seq;
	TAILQ_FOREACH(jo, &lo->jstaged, staged_link)
		if (jo->stage_seq < seq)
			seq = jo->stage_seq;
	return seq;
}

void
flushes_poll(struct local *lo)
{
	struct flush *fl;

	while ((fl = TAILQ_FIRST(&lo->flushes)) != NULL) {
		if (fl->group == 0 && oldest_staged(lo) > fl->seq)
			fl->group = lo->group_next - 1;
		/* or nothing was ever written */
		if (!(fl->group != 0 && lo->group_synced >= fl->group) &&
		    !(lo->group_next == 1 && oldest_staged(lo) > fl->seq) &&
		    !(lo->failed && lo->flight_n == 0 &&
			oldest_staged(lo) > fl->seq)) {
			if (fl->group != 0 && lo->group_done >= fl->group &&
			    lo->sync_at_ns != 0)
				lo->sync_at_ns = 1;
			return;
		}
		TAILQ_REMOVE(&lo->flushes, fl, list);
		fl->done(fl->priv);
		mem_free(fl);
	}
}

/* --- poll ----------------------------------------------------------------- */

static bool
wants_group(const struct local *lo)
{
	if (lo->staged_n > 0 && !lo->no_space)
		return true;
	if (TAILQ_EMPTY(&lo->jstaged))
		return false;
	return lo->jurgent > 0 || !TAILQ_EMPTY(&lo->flushes) ||
	    (lo->jdeadline_ns != 0 && lo->mono_ns >= lo->jdeadline_ns);
}

static void
form_poll(struct local *lo)
{
	lo->form_waits =
	    lo->flight_n == 0 && wants_group(lo) && !group_form(lo);
	if (lo->form_waits)
		return;
	while (lo->flight_n > 0 && lo->flight_n < 3 &&
	    lo->staged_bytes >= lo->conf.group_bytes && group_form(lo))
		;
}

static void
fail_poll(struct local *lo)
{
	if (!lo->failed && !lo->no_space)
		return;
	local_fail_staged(lo);
	if (!lo->failed || lo->flight_n > 0)
		return;
	groups_fail_unsynced(lo);
	journals_fail_staged(lo);
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool
has_memory(const struct local *lo)
{
	return pool_kept_bytes(lo->pool) > 0 || lo->slabs != NULL ||
	    lo->cached_bytes + lo->chunk_bytes > 0;
}

/* when poll has something to do by itself */
static int64_t
next_poll(struct local *lo)
{
	int64_t at = INT64_MAX;

	if (!TAILQ_EMPTY(&lo->answers) ||
	    (!TAILQ_EMPTY(&lo->reads) && lo->reads_n == 0))
		return 0;
	if (lo->jdeadline_ns != 0 && lo->flight_n == 0 && !lo->form_waits &&
	    !TAILQ_EMPTY(&lo->jstaged))
		at = sooner(at, lo->jdeadline_ns);
	if (lo->sync_at_ns != 0 && !lo->sync_busy && !lo->failed)
		at = sooner(at, lo->sync_at_ns);
	if (segment_wanted(lo))
		at = sooner(at, lo->retry_ns);
	if (lo->commit_waits && !lo->commit_busy)
		at = sooner(at, lo->commit_retry_ns);
	if (has_memory(lo))
		at = sooner(at, lo->idle_ns);
	at = sooner(at, rewrite_next(lo));
	if (at == INT64_MAX)
		return -1;
	return at > lo->mono_ns ? at - lo->mono_ns : 0;
}

/* Nobody has written or read for a while: what is cached goes too, a quarter a
 * second. */
static void
idle_evict(struct local *lo)
{
	uint64_t goal = lo->cached_bytes - lo->cached_bytes / 4;
	struct group *g;

	if (goal < IDLE_CACHE_BYTES)
		goal = 0;
	while ((g = TAILQ_FIRST(&lo->cache)) != NULL && lo->cached_bytes > goal)
		group_evict(lo, g);
	goal = lo->chunk_bytes / 2;
	while (lo->chunk_bytes > goal && chunk_evict_oldest(lo))
		;
	if (TAILQ_EMPTY(&lo->cache) && lo->chunk_bytes == 0)
		mem_trim();
}

/* Free buffers go back when no group was written for a second. */
static void
idle_poll(struct local *lo)
{
	uint64_t work = lo->st.groups + lo->st.reads + lo->st.peeks;

	if (lo->idle_ns != 0 && lo->mono_ns < lo->idle_ns)
		return;
	if (lo->idle_groups == lo->st.groups && lo->flight_n == 0) {
		(void)pool_trim(lo->pool);
		stages_trim(lo);
		groups_free_unused(lo);
	}
	lo->idle_n = lo->idle_work == work ? lo->idle_n + 1 : 0;
	if (lo->idle_n >= IDLE_EVICT_N && has_memory(lo))
		idle_evict(lo);
	lo->idle_groups = lo->st.groups;
	lo->idle_work = work;
	lo->idle_ns = lo->mono_ns + IDLE_NS;
}

static int64_t
local_poll(struct ledgers *lgs, int64_t wall_ms, int64_t mono_ns)
{
	struct local *lo = local_of(lgs);

	assert(lo->recovered);
	lo->wall_ms = wall_ms;
	lo->mono_ns = mono_ns;
	answers_poll(lo);
	fail_poll(lo);
	form_poll(lo);
	flushes_poll(lo);
	sync_poll(lo);
	if (lo->check_dead) {
		lo->check_dead = false;
		segments_check_dead(lo);
	}
	segment_poll(lo);
	checkpoint_poll(lo);
	rewrite_poll(lo);
	commits_poll(lo);
	reads_poll(lo);
	group_cache_trim(lo);
	segment_lru_trim(lo);
	idle_poll(lo);
	return next_poll(lo);
}

static const struct ledger_ops local_ops = {
	.name = "local",
	.create = local_create,
	.open = local_open,
	.release = local_release,
	.append = local_append,
	.append_with = local_append_with,
	.peek = local_peek,
	.read = local_read,
	.read_fini = local_read_fini,
	.find_time = local_find_time,
	.find_index = local_find_index,
	.find_keys = local_find_keys,
	.trim = local_trim,
	.close = local_close,
	.fence = local_fence,
	.del = local_del,
	.new_id = local_new_id,
	.journal_open = local_journal_open,
	.journal_append = local_journal_append,
	.journal_snap_put = local_journal_snap_put,
	.journal_snap_del = local_journal_snap_del,
	.journal_release = local_journal_release,
	.journal_del = local_journal_del,
	.poll = local_poll,
	.flush = local_flush,
};

/* --- life ----------------------------------------------------------------- */

void
local_conf_init(struct local_conf *c)
{
	memset(c, 0, sizeof *c);
	c->nshards = 1;
	c->segment_bytes = 64u << 20;
	c->group_bytes = 1u << 20;
	c->cache_bytes = 256u << 20;
	c->index_bytes = 16u << 20;
	c->max_entry_bytes = 5u << 20;
	c->min_free_segments = 2;
	c->max_free_segments = 4;
	c->checkpoint_segments = 4;
	c->read_bytes = 1u << 20;
	c->reads_max = 8;
	c->ack_delay_ns = 10000000;
	c->flush_interval_ns = 500000000;
	c->rewrite_interval_ns = 10000000000;
	c->rewrite_bytes_per_s = 32u << 20;
}

static void
conf_check(const struct local_conf *c)
{
	assert(c->nshards >= 1 && c->nshards <= LOCAL_SHARDS_MAX &&
	    c->shard < c->nshards);
	assert(
	    c->segment_bytes % DISK_BLOCK == 0 && c->segment_bytes <= 1u << 30);
	assert(c->max_entry_bytes <= c->segment_bytes / 4);
	assert(c->group_bytes >= DISK_BLOCK &&
	    c->group_bytes <= c->segment_bytes / 4);
	assert(c->read_bytes >= DISK_BLOCK && c->reads_max >= 1);
	assert(c->min_free_segments >= 1 &&
	    c->max_free_segments >= c->min_free_segments);
	assert(c->checkpoint_segments >= 1);
}

static void
lists_init(struct local *lo)
{
	TAILQ_INIT(&lo->free);
	TAILQ_INIT(&lo->dead_segs);
	TAILQ_INIT(&lo->sealed);
	TAILQ_INIT(&lo->lru);
	TAILQ_INIT(&lo->rows_dirty);
	TAILQ_INIT(&lo->staged);
	TAILQ_INIT(&lo->failing);
	TAILQ_INIT(&lo->dirty);
	TAILQ_INIT(&lo->jstaged);
	TAILQ_INIT(&lo->jdirty);
	TAILQ_INIT(&lo->flight);
	TAILQ_INIT(&lo->cache);
	TAILQ_INIT(&lo->unsynced);
	TAILQ_INIT(&lo->group_free);
	TAILQ_INIT(&lo->flushes);
	TAILQ_INIT(&lo->answers);
	TAILQ_INIT(&lo->reads);
	TAILQ_INIT(&lo->key_reads);
	TAILQ_INIT(&lo->chunks);
	stretches_init(lo);
	TAILQ_INIT(&lo->ckpt_waiters);
	TAILQ_INIT(&lo->commits);
}

struct ledgers *
local_ledgers_new(const struct local_conf *conf, struct disk *disk,
    struct meta *meta, const struct ledger_client_ops *client_ops, void *client)
{
	struct local *lo;

	conf_check(conf);
	CHECK_OBJ_NOTNULL(disk, DISK_MAGIC);
	CHECK_OBJ_NOTNULL(meta, META_MAGIC);
	lo = mem_zalloc(sizeof *lo);
	lo->base.magic = LEDGERS_MAGIC;
	lo->base.ops = &local_ops;
	lo->base.client_ops = client_ops;
	lo->base.client = client;
	lo->magic = LOCAL_MAGIC;
	lo->conf = *conf;
	lo->disk = disk;
	lo->meta = meta;
	lo->pool_keep = conf->cache_bytes / 8;
	if (lo->pool_keep > POOL_KEEP_MAX)
		lo->pool_keep = POOL_KEEP_MAX;
	lo->pool = pool_new(lo->pool_keep);
	lo->id_window = ID_WINDOW;
	lo->open_gap_ns = INT64_MAX;
	lo->id_next = lo->id_end = 1;
	lo->seg_next = 1;
	lo->group_next = 1;
	lo->ckpt_group = 1;
	umap_init(&lo->segments, 1, OBJECTS_MAX);
	umap_init(&lo->ledgers, 2, OBJECTS_MAX);
	umap_init(&lo->journals, 3, OBJECTS_MAX);
	umap_init(&lo->dead_ids, 4, OBJECTS_MAX);
	lists_init(lo);
	return &lo->base;
}

/* They take themselves out of the maps, whose order that may change */
static void
objects_free(struct local *lo)
{
	struct ledger *lg, **lgs;
	struct journal *jo, **jos;
	size_t it, n = 0;

	lgs = mem_calloc(lo->ledgers.n + 1, sizeof(struct ledger *));
	UMAP_FOREACH(lg, &lo->ledgers, it)
	lgs[n++] = lg;
	while (n > 0)
		ledger_destroy(&lgs[--n]);
	mem_free(lgs);
	jos = mem_calloc(lo->journals.n + 1, sizeof(struct journal *));
	UMAP_FOREACH(jo, &lo->journals, it)
	jos[n++] = jo;
	while (n > 0)
		journal_destroy(&jos[--n]);
	mem_free(jos);
	umap_fini(&lo->ledgers);
	umap_fini(&lo->journals);
}

void
local_ledgers_free(struct ledgers **lgsp)
{
	struct ledgers *lgs;
	struct local *lo;
	struct answer *an;
	struct flush *fl;
	struct dop *op;

	TAKE_OBJ_NOTNULL(lgs, lgsp, LEDGERS_MAGIC);
	lo = local_of(lgs);
	rewrite_fini(lo);
	reads_fini(lo);
	objects_free(lo);
	groups_fini(lo);
	while ((op = LIST_FIRST(&lo->disk_ops)) != NULL)
		dop_free(op);
	commits_fini(lo);
	checkpoint_fini(lo);
	jopens_fini(lo);
	segments_fini(lo);
	stages_fini(lo);
	while ((an = TAILQ_FIRST(&lo->answers)) != NULL) {
		TAILQ_REMOVE(&lo->answers, an, list);
		mem_free(an);
	}
	while ((fl = TAILQ_FIRST(&lo->flushes)) != NULL) {
		TAILQ_REMOVE(&lo->flushes, fl, list);
		mem_free(fl);
	}
	while ((fl = TAILQ_FIRST(&lo->ckpt_waiters)) != NULL) {
		TAILQ_REMOVE(&lo->ckpt_waiters, fl, list);
		mem_free(fl);
	}
	umap_fini(&lo->dead_ids);
	mem_free(lo->dead);
	pool_free(&lo->pool);
	lo->magic = 0;
	lo->base.magic = 0;
	mem_free(lo);
}

void
local_stats(const struct ledgers *lgs, struct local_stats *st)
{
	const struct local *lo = (const struct local *)lgs;
	const struct segment *seg;
	size_t it;

	assert(lo->magic == LOCAL_MAGIC);
	*st = lo->st;
	UMAP_FOREACH(seg, &lo->segments, it)
	if (seg->state == SEG_OPEN || seg->state == SEG_SEALED)
		st->segment_bytes += seg->size;
	st->staged_bytes = lo->staged_bytes;
	st->buffer_bytes = pool_used_bytes(lo->pool);
	st->cached_bytes = lo->cached_bytes + lo->chunk_bytes;
	st->pooled_bytes = pool_kept_bytes(lo->pool);
	st->footer_bytes = lo->row_bytes;
	st->segments = (uint32_t)lo->segments.n;
	st->segments_free = lo->free_n;
	st->ledgers = lo->ledgers.n;
	st->journals = lo->journals.n;
	st->failed = lo->failed;
	st->no_space = lo->no_space;
}
