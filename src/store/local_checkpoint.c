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
	le32_put(v + 12, lo->conf.placement);
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
	r->placement = le32_get(v + 12);
	r->id_end = le64_get(v + 16);
	r->segment = le64_get(v + 24);
	r->group = le64_get(v + 32);
	r->seg_next = le64_get(v + 40);
	r->log_start = le64_get(v + 48);
	return ERR_OK;
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

/* A segment in which nothing is live waits for its counters, or for the place
 * where replay begins, to move */
bool
checkpoint_would_free(const struct local *lo)
{
	const struct segment *seg;

	TAILQ_FOREACH(seg, &lo->sealed, list)
		if (seg->live == 0 && seg->footer_ok && !seg->rewritten)
			return true;
	return false;
}

static void
begin(struct local *lo)
{
	struct segment *seg;

	lo->ckpt_to = lo->ckpt_segment;
	lo->ckpt_to_group = lo->ckpt_group;
	TAILQ_FOREACH(seg, &lo->sealed, list) {
		if (seg->id <= lo->ckpt_segment || seg->rewritten)
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
	lo->ckpt_space = false;
	lo->ckpt = CKPT_SLICES;
}

/* What a slice has snapshotted stays in memory until the commit is done, so
 * that who opens it meanwhile does not read the snapshot before. */
struct slice_op {
	uint32_t ledgers_n, journals_n;
	struct ledger **lg;
	struct journal **jo;
};

static struct slice_op *
slice_new(struct local *lo, struct meta_txn *tx, uint32_t ledgers_max,
    uint32_t journals_max)
{
	struct slice_op *sl = mem_zalloc(sizeof *sl);
	struct ledger *lg;
	struct journal *jo;

	sl->lg = mem_calloc(ledgers_max, sizeof(struct ledger *));
	sl->jo = mem_calloc(journals_max, sizeof(struct journal *));
	while (sl->ledgers_n < ledgers_max &&
	    (lg = TAILQ_FIRST(&lo->dirty)) != NULL &&
	    lg->ckpt_no != lo->ckpt_no) {
		lg->ckpt_no = lo->ckpt_no;
		ledger_snapshot(lg, tx);
		lg->pending++;
		sl->lg[sl->ledgers_n++] = lg;
	}
	while (sl->journals_n < journals_max &&
	    (jo = TAILQ_FIRST(&lo->jdirty)) != NULL &&
	    jo->ckpt_no != lo->ckpt_no) {
		jo->ckpt_no = lo->ckpt_no;
		journal_snapshot(jo, tx);
		jo->pending++;
		sl->jo[sl->journals_n++] = jo;
	}
	return sl;
}

static void
slice_free(struct slice_op *sl)
{
	for (uint32_t i = 0; i < sl->ledgers_n; i++) {
		sl->lg[i]->pending--;
		ledger_maybe_free(sl->lg[i]);
	}
	for (uint32_t i = 0; i < sl->journals_n; i++) {
		sl->jo[i]->pending--;
		journal_maybe_free(sl->jo[i]);
	}
	mem_free(sl->lg);
	mem_free(sl->jo);
	mem_free(sl);
}

/* What it was to keep is in memory and in the log only. */
static void
slice_undo(struct slice_op *sl)
{
	for (uint32_t i = 0; i < sl->ledgers_n; i++)
		if (!sl->lg[i]->deleted)
			ledger_mark_dirty(sl->lg[i]);
	for (uint32_t i = 0; i < sl->journals_n; i++)
		if (!sl->jo[i]->deleted)
			journal_unsnapshot(sl->jo[i]);
}

static void
sliced(struct local *lo, void *p, enum err err)
{
	if (lo->ckpt_slice != NULL) {
		assert(p == lo->ckpt_slice);
		lo->ckpt_slice = NULL;
		if (err != ERR_OK)
			slice_undo(p);
		slice_free(p);
	}
	lo->ckpt_busy--;
	if (err != ERR_OK)
		lo->ckpt = CKPT_IDLE;
}

/* the engine goes */
void
checkpoint_fini(struct local *lo)
{
	if (lo->ckpt_slice != NULL) {
		mem_free(lo->ckpt_slice->lg);
		mem_free(lo->ckpt_slice->jo);
		MEM_FREE(lo->ckpt_slice);
	}
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
		lo->sealed_n += seg->id > lo->ckpt_segment && !seg->rewritten;
	checkpoint_dead_forget(lo);
	lo->ckpt = CKPT_IDLE;
	lo->rw_look = true;
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
	struct segment *seg;

	if (lo->open != NULL && lo->open->off > 0 && lo->ckpt_seal) {
		if (lo->flight_n > 0 || TAILQ_EMPTY(&lo->free))
			return false;
		segment_seal(lo);
		lo->ckpt_seal = false;
		return false;
	}
	lo->ckpt_seal = false;
	TAILQ_FOREACH_REVERSE(seg, &lo->sealed, segment_list, list)
		if (!seg->rewritten)
			break;
	return seg == NULL || seg->footer_ok;
}

void
checkpoint_poll(struct local *lo)
{
	struct meta_txn *tx;
	struct slice_op *sl;
	bool space;

	if (lo->failed || lo->meta_failed || !lo->recovered ||
	    lo->ckpt_busy > 0)
		return;
	if (lo->ckpt == CKPT_IDLE) {
		space = lo->ckpt_space;
		if (lo->ckpt_asked ?
			!asked_ready(lo) :
			!space && lo->sealed_n < lo->conf.checkpoint_segments)
			return;
		begin(lo);
		if (lo->ckpt_to == lo->ckpt_segment && !space &&
		    TAILQ_EMPTY(&lo->ckpt_waiters)) {
			/* its footer is under way still */
			lo->ckpt = CKPT_IDLE;
			return;
		}
	}
	tx = meta_txn_new();
	lo->ckpt_busy++;
	if (lo->ckpt == CKPT_SLICES) {
		sl = slice_new(lo, tx, SLICE_LEDGERS, SLICE_JOURNALS);
		if (sl->ledgers_n + sl->journals_n > 0) {
			lo->ckpt_slice = sl;
			local_commit(lo, &tx, sliced, sl);
			return;
		}
		slice_free(sl);
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
	struct slice_op *sl;
	enum err err;
	uint32_t n;

	lo->covered = lo->ckpt_to;
	lo->ckpt_no++;
	do {
		tx = meta_txn_new();
		sl = slice_new(lo, tx, SLICE_BOOT, SLICE_BOOT);
		n = sl->ledgers_n + sl->journals_n;
		err = local_commit_now(lo, &tx);
		slice_free(sl);
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
