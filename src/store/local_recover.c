/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery: what the directory has, the replay of the log (local_replay.c), and
 * what follows from both: numbers that go on, a change of the number of shards,
 * ledgers that were being deleted.
 */
#include "store/local_recover_priv.h"

/* --- what is there -------------------------------------------------------- */

static void
list_file(void *p, uint64_t file, uint64_t size)
{
	struct recover *rc = p;
	struct segment *seg;

	seg = segment_add(rc->lo, file, size);
	seg->state = SEG_SEALED;
	seg->footer_ok = true;
	seg->old = file % LOCAL_CLASSES != rc->lo->conf.shard ||
	    file < rc->lo->log_start;
}

static void
list_row(void *p, enum err err, const void *key, size_t keylen, const void *val,
    size_t len)
{
	struct recover *rc = p;
	const uint8_t *k = key;
	uint32_t shard = 0;

	if (key == NULL) {
		if (rc->err == ERR_OK)
			rc->err = err;
		return;
	}
	for (int i = 0; i < 4; i++)
		shard = shard << 8 | k[keylen - 4 + (size_t)i];
	if (shard >= LOCAL_SHARDS_MAX) {
		rc->err = ERR_CORRUPT;
		return;
	}
	err = shard_row_get(val, len, &rc->rows[shard]);
	if (err != ERR_OK)
		rc->err = diag_set(rc->dg, err, "metadata of shard %u", shard);
	else
		rc->have[shard] = true;
}

static void
list_segment_row(void *p, enum err err, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct recover *rc = p;
	struct segment *seg;
	const uint8_t *k = key;
	uint64_t id = 0;
	uint32_t shard = 0;

	if (key == NULL) {
		if (rc->err == ERR_OK)
			rc->err = err;
		return;
	}
	if (keylen < 12 || len != 8) {
		rc->err = ERR_CORRUPT;
		return;
	}
	for (int i = 0; i < 8; i++)
		id = id << 8 | k[keylen - 12 + (size_t)i];
	for (int i = 0; i < 4; i++)
		shard = shard << 8 | k[keylen - 4 + (size_t)i];
	/* of all shards: is a rewritten one wanted? */
	seg = segment_get(rc->lo, id);
	if (seg != NULL)
		seg->sum += (int64_t)le64_get(val);
	if (shard != rc->lo->conf.shard)
		return;
	seg = segment_want(rc->lo, id);
	seg->persisted = seg->live = (int64_t)le64_get(val);
}

static void
list_dead_journal(void *p, enum err err, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct recover *rc = p;
	const uint8_t *k = key;
	uint64_t id = 0;

	if (key == NULL) {
		if (rc->err == ERR_OK)
			rc->err = err;
		return;
	}
	for (int i = 0; i < 8; i++)
		id = id << 8 | k[keylen - 8 + (size_t)i];
	if (len == 4 ? le32_get(val) == rc->lo->conf.shard || rc->reshard :
		       rc->lo->conf.shard == 0)
		journal_dead_add(rc->lo, id);
	else if (umap_add(&rc->lo->dead_ids, id, rc) != ERR_OK)
		return; /* known already */
}

static enum err
list_now(struct recover *rc, const char *prefix, meta_list_f *fn)
{
	struct meta *m = rc->lo->meta;
	enum err err;

	err = m->ops->list_now(m, prefix, strlen(prefix), fn, rc);
	return err != ERR_OK ? err : rc->err;
}

/* --- the rest ------------------------------------------------------------- */

/* Ledgers that records were found of but that are deleted; trims again */
static void
ledgers_settle(struct local *lo)
{
	struct ledger *lg, **v;
	size_t it, n = 0;

	v = mem_calloc(lo->ledgers.n + 1, sizeof *v);
	UMAP_FOREACH(lg, &lo->ledgers, it)
	v[n++] = lg;
	for (size_t i = 0; i < n; i++) {
		if (!v[i]->deleted && v[i]->trim > 0)
			ledger_trim_extents(v[i]);
		ledger_maybe_free(v[i]);
	}
	mem_free(v);
}

/* Entries may have been lost to damage at the end of ledgers that nobody can
 * name: their numbers must not be given again, so every open ledger is closed
 * and its topic goes on in a new one. */
static void
close_all_item(void *p, enum err err, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct recover *rc = p;
	struct ledger *lg;
	const uint8_t *k = key;
	uint64_t id = 0;

	if (key == NULL || rc->err != ERR_OK) {
		if (rc->err == ERR_OK)
			rc->err = err;
		return;
	}
	for (int i = 0; i < 8; i++)
		id = id << 8 | k[keylen - 8 + (size_t)i];
	lg = ledger_find(rc->lo, id);
	if (lg == NULL) {
		lg = ledger_add(rc->lo, id);
		rc->err = ledger_load(lg, val, len);
	}
	if (rc->err == ERR_OK && !lg->closed) {
		lg->closed = true;
		lg->close_last = lg->last_entry;
		ledger_mark_dirty(lg);
	}
}

static void
list_dead_ledger(void *p, enum err err, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct recover *rc = p;
	const uint8_t *k = key;
	uint64_t id = 0;

	(void)val;
	(void)len;
	if (key == NULL) {
		if (rc->err == ERR_OK)
			rc->err = err;
		return;
	}
	for (int i = 0; i < 8; i++)
		id = id << 8 | k[keylen - 8 + (size_t)i];
	if (id % LOCAL_CLASSES % rc->lo->conf.nshards != rc->lo->conf.shard)
		return;
	if (rc->dead_n == rc->dead_cap) {
		rc->dead_cap = rc->dead_cap == 0 ? 16 : rc->dead_cap * 2;
		rc->dead =
		    mem_reallocarray(rc->dead, rc->dead_cap, sizeof *rc->dead);
	}
	rc->dead[rc->dead_n++] = id;
}

static enum err
first_segment(struct local *lo)
{
	struct segment *seg;
	uint64_t id;
	enum err err;

	if (lo->open != NULL || lo->free_n > 0)
		return ERR_OK;
	id = segment_id_next(lo);
	err = lo->disk->ops->create_now(lo->disk, id, lo->conf.segment_bytes);
	if (err == ERR_NO_SPACE)
		return ERR_OK; /* poll tries and says so */
	if (err != ERR_OK)
		return err;
	seg = segment_add(lo, id, lo->conf.segment_bytes);
	segment_ready(lo, seg);
	return ERR_OK;
}

static void
numbers(struct recover *rc)
{
	struct local *lo = rc->lo;
	struct segment *seg;
	const struct shard_row *own = &rc->rows[lo->conf.shard];
	size_t it;

	for (uint32_t i = 0; i < LOCAL_SHARDS_MAX; i++)
		if (rc->have[i]) {
			if (rc->rows[i].id_end > lo->id_next)
				lo->id_next = rc->rows[i].id_end;
			if (rc->rows[i].seg_next > lo->seg_next)
				lo->seg_next = rc->rows[i].seg_next;
		}
	UMAP_FOREACH(seg, &lo->segments, it)
	if (seg->id / LOCAL_CLASSES >= lo->seg_next)
		lo->seg_next = seg->id / LOCAL_CLASSES + 1;
	lo->id_end = lo->id_next + lo->id_window;
	if (rc->have[lo->conf.shard] && own->epoch >= rc->epoch_max)
		rc->epoch_max = own->epoch;
	lo->epoch = (uint32_t)rc->epoch_max + 1;
}

/* Another number of shards wrote the directory: everything behind the old
 * checkpoints goes into snapshots, all segments become old ones, and the rows
 * of all shards begin anew. Crashing in between only repeats it. */
static enum err
reshard(struct recover *rc)
{
	struct local *lo = rc->lo;
	struct meta_txn *tx;
	struct segment *seg;
	uint8_t key[META_KEY_MAX];
	enum err err = ERR_OK;
	uint64_t group = 1;
	size_t it;
	uint32_t shard = lo->conf.shard;

	local_report(lo, LOCAL_RESHARD, 0, 0, 0);
	UMAP_FOREACH(seg, &lo->segments, it)
	seg->old = true;
	for (uint32_t i = 0; i < LOCAL_SHARDS_MAX && err == ERR_OK; i++) {
		/* a class without a row has segments of before the last
		 * change only: their deltas are older than the snapshots */
		if (!rc->have[i])
			continue;
		err = log_replay(rc, i, &rc->rows[i]);
		if (rc->next_group > group)
			group = rc->next_group;
	}
	if (err != ERR_OK)
		return err;
	assert(lo->open == NULL && lo->free_n == 0);
	ledgers_settle(lo);
	numbers(rc);
	lo->log_start = lo->seg_next * LOCAL_CLASSES;
	lo->row_segment = lo->ckpt_segment = lo->ckpt_to = lo->log_start - 1;
	lo->row_group = lo->ckpt_group = group;
	err = checkpoint_slices_now(lo);
	if (err != ERR_OK)
		return err;
	/* from here on it has the new number */
	tx = meta_txn_new();
	meta_txn_del_prefix(tx, META_SHARD, strlen(META_SHARD));
	for (uint32_t i = 0; i < lo->conf.nshards; i++) {
		lo->conf.shard = i;
		shard_row_put(lo, tx);
	}
	lo->conf.shard = shard;
	for (uint32_t i = 0; i < lo->dead_n; i++)
		meta_txn_del(
		    tx, key, meta_key_id(key, META_DEAD_JOURNAL, lo->dead[i]));
	lo->ckpt_dead_n = lo->dead_n;
	checkpoint_dead_forget(lo);
	return local_commit_now(lo, &tx);
}

static bool
is_other(const struct shard_row *row, const struct local_conf *c)
{
	return row->nshards != c->nshards || row->placement != c->placement;
}

static bool
is_reshard(const struct recover *rc)
{
	bool any = false, other = false;

	for (uint32_t i = 0; i < LOCAL_SHARDS_MAX; i++)
		if (rc->have[i]) {
			any = true;
			other |= is_other(&rc->rows[i], &rc->lo->conf);
		}
	return any && other;
}

static enum err
begin(struct recover *rc)
{
	struct local *lo = rc->lo;
	struct meta *m = lo->meta;
	uint8_t key[META_KEY_MAX];
	struct meta_txn *tx;
	enum err err;
	struct shard_row *row = &rc->rows[lo->conf.shard];

	err = list_now(rc, META_SHARD, list_row);
	if (err != ERR_OK)
		return err;
	rc->reshard = is_reshard(rc);
	if (rc->reshard && lo->conf.shard != 0)
		return diag_set(rc->dg, ERR_INVALID_STATE,
		    "shard 0 has to be recovered first");
	lo->log_start = row->log_start;
	err = lo->disk->ops->list(lo->disk, list_file, rc);
	if (err == ERR_OK)
		err = list_now(rc, META_SEGMENT, list_segment_row);
	if (err == ERR_OK)
		err = list_now(rc, META_DEAD_JOURNAL, list_dead_journal);
	if (err != ERR_OK)
		return err;
	tx = meta_txn_new();
	for (uint32_t i = 0; i < lo->dead_n; i++)
		meta_txn_del_prefix(
		    tx, key, meta_key_id(key, META_JOURNAL, lo->dead[i]));
	err = m->ops->commit_now(m, &tx);
	if (err != ERR_OK)
		return err;
	if (rc->reshard)
		return reshard(rc);
	if (!rc->have[lo->conf.shard])
		row->group = 1;
	lo->row_segment = lo->ckpt_segment = lo->covered = row->segment;
	lo->row_group = lo->ckpt_group = row->group;
	err = log_replay(rc, lo->conf.shard, row);
	if (err != ERR_OK)
		return err;
	ledgers_settle(lo);
	numbers(rc);
	return ERR_OK;
}

enum err
local_recover(struct ledgers *lgs, int64_t now_wall_ms,
    struct local_recovery *st, struct diag *dg)
{
	struct local *lo = local_of(lgs);
	struct local_recovery none;
	struct recover rc;
	struct meta_txn *tx;
	enum err err;

	assert(!lo->recovered);
	memset(&rc, 0, sizeof rc);
	rc.lo = lo;
	rc.st = st != NULL ? st : &none;
	rc.dg = dg;
	memset(rc.st, 0, sizeof *rc.st);
	lo->wall_ms = now_wall_ms;
	err = begin(&rc);
	if (err == ERR_OK && !rc.reshard) {
		lo->group_next = rc.next_group;
		lo->group_done = rc.next_group - 1;
	} else {
		lo->group_next = lo->row_group;
		lo->group_done = lo->group_next - 1;
	}
	if (lo->open == NULL)
		lo->group_synced = lo->group_done;
	else if (lo->group_synced < lo->group_done)
		lo->sync_at_ns = 1;
	if (err == ERR_OK && rc.corrupt)
		err = list_now(&rc, META_LEDGER, close_all_item);
	if (err == ERR_OK)
		err = first_segment(lo);
	if (err == ERR_OK) {
		tx = meta_txn_new();
		shard_row_put(lo, tx);
		err = local_commit_now(lo, &tx);
	}
	if (err == ERR_OK)
		err = list_now(&rc, META_DEAD_LEDGER, list_dead_ledger);
	if (err == ERR_OK) {
		lo->recovered = true;
		for (uint32_t i = 0; i < rc.dead_n; i++)
			local_del(lgs, rc.dead[i]);
		segments_check_dead(lo);
	}
	mem_free(rc.buf);
	mem_free(rc.files);
	mem_free(rc.dead);
	return err;
}
