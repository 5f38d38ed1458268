/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints: what sealed segments hold goes into snapshots in meta, in
 * slices, and a last commit moves the place where replay begins. Every slice is
 * right by itself (replay over it changes nothing), so a crash in between costs
 * only the work.
 *
 * The counters of live bytes: a segment's row of a shard is the sum of what
 * that shard's ledger snapshots in meta want of it, and moves in the same
 * commit as they do, so it can't drift.
 */
#include "store/local_priv.h"

#define SLICE_LEDGERS 500u
#define SLICE_BOOT 10000u
#define SLICE_JOURNALS 100u
#define SHARD_ROW 56u
#define SHARD_ROW_VERSION 1u

size_t
segment_key(uint8_t *key, uint64_t segment, uint32_t shard)
{
	size_t n = meta_key_id(key, META_SEGMENT, segment);

	for (int i = 0; i < 4; i++)
		key[n + (size_t)i] = (uint8_t)(shard >> (24 - 8 * i));
	return n + 4;
}

static size_t
shard_key(uint8_t *key, uint32_t shard)
{
	size_t n = strlen(META_SHARD);

	memcpy(key, META_SHARD, n);
	for (int i = 0; i < 4; i++)
		key[n + (size_t)i] = (uint8_t)(shard >> (24 - 8 * i));
	return n + 4;
}

void
segment_persist(struct local *lo, struct segment *seg, int64_t delta)
{
	seg->persisted += delta;
	if (!seg->row_dirty) {
		seg->row_dirty = true;
		TAILQ_INSERT_TAIL(&lo->rows_dirty, seg, row_link);
	}
}

void
segment_rows_put(struct local *lo, struct meta_txn *tx)
{
	struct segment *seg;
	uint8_t key[META_KEY_MAX], v[8];
	size_t n;

	while ((seg = TAILQ_FIRST(&lo->rows_dirty)) != NULL) {
		TAILQ_REMOVE(&lo->rows_dirty, seg, row_link);
		seg->row_dirty = false;
		seg->commit = lo->commit_seq;
		n = segment_key(key, seg->id, lo->conf.shard);
		le64_put(v, (uint64_t)seg->persisted);
		if (seg->persisted == 0)
			meta_txn_del(tx, key, n);
		else
			meta_txn_put(tx, key, n, v, sizeof v);
	}
}

void
shard_row_put(struct local *lo, struct meta_txn *tx)
{
	uint8_t key[META_KEY_MAX], v[SHARD_ROW];

	memset(v, 0, sizeof v);
	le32_put(v, SHARD_ROW_VERSION);
	le32_put(v + 4, lo->conf.nshards);
	le32_put(v + 8, lo->epoch);
	le64_put(v + 16, lo->id_want != 0 ? lo->id_want : lo->id_end);
	le64_put(v + 24, lo->row_segment);
	le64_put(v + 32, lo->row_group);
	le64_put(v + 40, lo->seg_next);
	le64_put(v + 48, lo->log_start);
	meta_txn_put(tx, key, shard_key(key, lo->conf.shard), v, sizeof v);
}

enum err
shard_row_get(const void *val, size_t len, struct shard_row *r)
{
	const uint8_t *v = val;

	if (len < 4)
		return ERR_CORRUPT;
	if (le32_get(v) != SHARD_ROW_VERSION)
		return ERR_NEWER_FORMAT;
	if (len != SHARD_ROW)
		return ERR_CORRUPT;
	r->nshards = le32_get(v + 4);
	r->epoch = le32_get(v + 8);
	r->id_end = le64_get(v + 16);
	r->segment = le64_get(v + 24);
	r->group = le64_get(v + 32);
	r->seg_next = le64_get(v + 40);
	r->log_start = le64_get(v + 48);
	return ERR_OK;
}

/* --- commits -------------------------------------------------------------- */

struct commit_op {
	struct local *lo;
	uint64_t seq;
	commit_f *fn;
	void *priv;
	LIST_ENTRY(commit_op) list;
};

void
commit_ops_fini(struct local *lo)
{
	struct commit_op *op;

	while ((op = LIST_FIRST(&lo->commit_ops)) != NULL) {
		LIST_REMOVE(op, list);
		mem_free(op);
	}
}

static void
committed(void *p, enum err err)
{
	struct commit_op *op = p;
	struct local *lo = op->lo;

	LIST_REMOVE(op, list);
	lo->commit_done = op->seq;
	if (err != ERR_OK && !lo->meta_failed) {
		lo->meta_failed = true;
		local_report(lo, LOCAL_META_ERROR, 0, 0, 0);
	}
	if (op->fn != NULL)
		op->fn(lo, op->priv, err);
	mem_free(op);
}

void
local_commit(struct local *lo, struct meta_txn **txp, commit_f *fn, void *priv)
{
	struct commit_op *op = mem_alloc(sizeof *op);

	op->lo = lo;
	op->fn = fn;
	op->priv = priv;
	op->seq = ++lo->commit_seq;
	LIST_INSERT_HEAD(&lo->commit_ops, op, list);
	segment_rows_put(lo, *txp);
	lo->meta->ops->commit(lo->meta, txp, committed, op);
}

enum err
local_commit_now(struct local *lo, struct meta_txn **txp)
{
	assert(lo->commit_done == lo->commit_seq);
	lo->commit_done = ++lo->commit_seq;
	segment_rows_put(lo, *txp);
	return lo->meta->ops->commit_now(lo->meta, txp);
}

/* --- old segments --------------------------------------------------------- */

/* After the number of shards has changed, any shard's ledgers may lie in old
 * segments: one shard looks after each, and removes it when the shards' rows
 * sum up to nothing. */
static void
old_drop(struct local *lo)
{
	struct segment *seg;
	struct meta_txn *tx = meta_txn_new();
	uint8_t key[META_KEY_MAX];
	size_t it;

	UMAP_FOREACH(seg, &lo->segments, it)
	{
		if (!seg->old || seg->sum != 0 || seg->state != SEG_SEALED ||
		    seg->size == 0 ||
		    seg->id % LOCAL_CLASSES % lo->conf.nshards !=
			lo->conf.shard ||
		    seg->pins != 0 || seg->row_dirty)
			continue;
		meta_txn_del_prefix(
		    tx, key, meta_key_id(key, META_SEGMENT, seg->id));
		seg->state = SEG_DEAD;
		TAILQ_INSERT_TAIL(&lo->dead_segs, seg, list);
		lo->dead_segs_n++;
	}
	local_commit(lo, &tx, NULL, NULL);
}

static void
old_row(void *p, enum err err, const void *key, size_t keylen, const void *val,
    size_t len)
{
	struct local *lo = p;
	struct segment *seg;
	const uint8_t *k = key;
	uint64_t id = 0;

	if (key == NULL) {
		lo->old_busy = false;
		if (err == ERR_OK)
			old_drop(lo);
		return;
	}
	assert(keylen >= 12 && len >= 8);
	for (int i = 0; i < 8; i++)
		id = id << 8 | k[keylen - 12 + (size_t)i];
	seg = segment_get(lo, id);
	if (seg != NULL)
		seg->sum += (int64_t)le64_get(val);
}

static void
old_check(struct local *lo)
{
	struct segment *seg;
	size_t it;
	bool any = false;

	UMAP_FOREACH(seg, &lo->segments, it)
	{
		seg->sum = 0;
		any |= seg->old && seg->size > 0;
	}
	if (!any || lo->old_busy)
		return;
	lo->old_busy = true;
	lo->meta->ops->list(
	    lo->meta, META_SEGMENT, strlen(META_SEGMENT), 0, true, old_row, lo);
}

/* --- the checkpoint ------------------------------------------------------- */

static void
begin(struct local *lo)
{
	struct segment *seg;

	lo->ckpt_to = lo->ckpt_segment;
	lo->ckpt_to_group = lo->ckpt_group;
	TAILQ_FOREACH(seg, &lo->sealed, list) {
		if (seg->id <= lo->ckpt_segment)
			continue;
		if (!seg->footer_ok)
			break;
		lo->ckpt_to = seg->id;
		lo->ckpt_to_group = seg->last_group + 1;
	}
	lo->covered = lo->ckpt_to;
	lo->ckpt_no++;
	lo->ckpt_dead_n = lo->dead_n;
	lo->ckpt_asked = false;
	lo->ckpt = CKPT_LEDGERS;
}

static uint32_t
slice_ledgers(struct local *lo, struct meta_txn *tx, uint32_t max)
{
	struct ledger *lg;
	uint32_t n = 0;

	while (n < max && (lg = TAILQ_FIRST(&lo->dirty)) != NULL &&
	    lg->ckpt_no != lo->ckpt_no) {
		lg->ckpt_no = lo->ckpt_no;
		ledger_snapshot(lg, tx);
		ledger_maybe_free(lg);
		n++;
	}
	return n;
}

static uint32_t
slice_journals(struct local *lo, struct meta_txn *tx, uint32_t max)
{
	struct journal *jo;
	uint32_t n = 0;

	while (n < max && (jo = TAILQ_FIRST(&lo->jdirty)) != NULL &&
	    jo->ckpt_no != lo->ckpt_no) {
		jo->ckpt_no = lo->ckpt_no;
		journal_snapshot(jo, tx);
		journal_maybe_free(jo);
		n++;
	}
	return n;
}

static void
sliced(struct local *lo, void *p, enum err err)
{
	(void)p;
	lo->ckpt_busy--;
	if (err != ERR_OK)
		lo->ckpt = CKPT_IDLE;
}

void
checkpoint_dead_forget(struct local *lo)
{
	for (uint32_t i = 0; i < lo->ckpt_dead_n; i++)
		AN(umap_del(&lo->dead_ids, lo->dead[i]));
	lo->dead_n -= lo->ckpt_dead_n;
	if (lo->dead_n > 0)
		memmove(lo->dead, lo->dead + lo->ckpt_dead_n,
		    lo->dead_n * sizeof *lo->dead);
	lo->ckpt_dead_n = 0;
}

static void
moved(struct local *lo)
{
	struct segment *seg;

	lo->ckpt_segment = lo->ckpt_to;
	lo->ckpt_group = lo->ckpt_to_group;
	lo->sealed_n = 0;
	TAILQ_FOREACH(seg, &lo->sealed, list)
		lo->sealed_n += seg->id > lo->ckpt_segment;
	checkpoint_dead_forget(lo);
	lo->ckpt = CKPT_IDLE;
	lo->st.checkpoints++;
}

static void
move_done(struct local *lo, void *p, enum err err)
{
	struct flush *fl;

	sliced(lo, p, err);
	if (err == ERR_OK) {
		moved(lo);
		segments_check_dead(lo);
		old_check(lo);
	}
	while (
	    !lo->ckpt_asked && (fl = TAILQ_FIRST(&lo->ckpt_waiters)) != NULL) {
		TAILQ_REMOVE(&lo->ckpt_waiters, fl, list);
		fl->done(fl->priv);
		mem_free(fl);
	}
}

static void
move_put(struct local *lo, struct meta_txn *tx)
{
	uint8_t key[META_KEY_MAX];

	lo->row_segment = lo->ckpt_to;
	lo->row_group = lo->ckpt_to_group;
	shard_row_put(lo, tx);
	for (uint32_t i = 0; i < lo->ckpt_dead_n; i++)
		meta_txn_del(
		    tx, key, meta_key_id(key, META_DEAD_JOURNAL, lo->dead[i]));
}

/* asked for: the open segment is to be in it */
static bool
asked_ready(struct local *lo)
{
	struct segment *seg = TAILQ_LAST(&lo->sealed, segment_list);

	if (lo->open != NULL && lo->open->off > 0 && lo->ckpt_seal) {
		if (lo->flight_n > 0 || TAILQ_EMPTY(&lo->free))
			return false;
		segment_seal(lo);
		lo->ckpt_seal = false;
		return false;
	}
	lo->ckpt_seal = false;
	return seg == NULL || seg->footer_ok;
}

void
checkpoint_poll(struct local *lo)
{
	struct meta_txn *tx;

	if (lo->failed || lo->meta_failed || !lo->recovered ||
	    lo->ckpt_busy > 0)
		return;
	if (lo->ckpt == CKPT_IDLE) {
		if (lo->ckpt_asked ?
			!asked_ready(lo) :
			lo->sealed_n < lo->conf.checkpoint_segments)
			return;
		begin(lo);
		if (lo->ckpt_to == lo->ckpt_segment &&
		    TAILQ_EMPTY(&lo->ckpt_waiters)) {
			/* its footer is under way still */
			lo->ckpt = CKPT_IDLE;
			return;
		}
	}
	tx = meta_txn_new();
	lo->ckpt_busy++;
	if (lo->ckpt == CKPT_LEDGERS &&
	    slice_ledgers(lo, tx, SLICE_LEDGERS) > 0) {
		local_commit(lo, &tx, sliced, NULL);
		return;
	}
	lo->ckpt = CKPT_JOURNALS;
	if (slice_journals(lo, tx, SLICE_JOURNALS) > 0) {
		local_commit(lo, &tx, sliced, NULL);
		return;
	}
	lo->ckpt = CKPT_MOVE;
	move_put(lo, tx);
	local_commit(lo, &tx, move_done, NULL);
}

/* Boot: all snapshots, without moving; lo->ckpt_to was set */
enum err
checkpoint_slices_now(struct local *lo)
{
	struct meta_txn *tx;
	enum err err;
	uint32_t n;

	lo->covered = lo->ckpt_to;
	lo->ckpt_no++;
	do {
		tx = meta_txn_new();
		n = slice_ledgers(lo, tx, SLICE_BOOT);
		n += slice_journals(lo, tx, SLICE_BOOT);
		err = local_commit_now(lo, &tx);
	} while (err == ERR_OK && n > 0);
	return err;
}

void
local_checkpoint(struct ledgers *lgs, void (*done)(void *), void *priv)
{
	struct local *lo = local_of(lgs);
	struct flush *fl;

	lo->ckpt_asked = true;
	lo->ckpt_seal = true;
	if (done == NULL)
		return;
	fl = mem_zalloc(sizeof *fl);
	fl->done = done;
	fl->priv = priv;
	TAILQ_INSERT_TAIL(&lo->ckpt_waiters, fl, list);
}
