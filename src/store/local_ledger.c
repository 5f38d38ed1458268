/* SPDX-License-Identifier: Apache-2.0 */
/* Ledgers: created, opened, trimmed, closed, deleted; their snapshots. */
#include "store/local_priv.h"

/* META_LEDGER's value: this head, then ext_n extents. */
#define SNAP_VERSION 1u
#define SNAP_CLOSED 0x01u
#define SNAP_HEAD 72u
#define SNAP_EXTENT 56u

struct ledger *
ledger_find(struct local *lo, uint64_t id)
{
	return umap_get(&lo->ledgers, id);
}

struct ledger *
ledger_add(struct local *lo, uint64_t id)
{
	struct ledger *lg;

	ALLOC_OBJ(lg, LEDGER_MAGIC);
	lg->lo = lo;
	lg->id = id;
	lg->last_entry = lg->form_entry = lg->close_last = -1;
	lg->st_tail = &lg->st_head;
	AZ(umap_add(&lo->ledgers, id, lg));
	return lg;
}

void
ledger_info_get(const struct ledger *lg, struct ledger_info *info)
{
	info->id = lg->id;
	info->open = !lg->closed;
	info->last_entry = lg->last_entry;
	info->first_index = lg->first_index;
	info->next_index = lg->next_index;
	info->bytes = lg->bytes;
	info->created_ms = lg->created_ms;
	info->last_store_ms = lg->last_store_ms;
}

void
ledger_mark_dirty(struct ledger *lg)
{
	if (lg->dirty || lg->deleted)
		return;
	lg->dirty = true;
	TAILQ_INSERT_TAIL(&lg->lo->dirty, lg, dirty_link);
}

static void
unstage(struct local *lo, struct ledger *lg)
{
	struct stage *st;

	while ((st = lg->st_head) != NULL) {
		lg->st_head = st->next;
		lo->staged_bytes -= stage_len(st);
		stage_put(lo, st);
	}
	lg->st_tail = &lg->st_head;
	lg->st_n = 0;
	if (lg->staged) {
		lg->staged = false;
		TAILQ_REMOVE(&lo->staged, lg, staged_link);
		lo->staged_n--;
	}
}

void
ledger_destroy(struct ledger **lgp)
{
	struct ledger *lg;
	struct local *lo;

	TAKE_OBJ_NOTNULL(lg, lgp, LEDGER_MAGIC);
	lo = lg->lo;
	unstage(lo, lg);
	if (lg->dirty)
		TAILQ_REMOVE(&lo->dirty, lg, dirty_link);
	if (lg->failing)
		TAILQ_REMOVE(&lo->failing, lg, failing_link);
	chunks_drop(lg);
	runs_fini(lg);
	mem_free(lg->ext);
	assert(umap_del(&lo->ledgers, lg->id) == lg);
	FREE_OBJ(lg);
}

void
ledger_maybe_free(struct ledger *lg)
{
	if (lg->held || lg->pending > 0 || lg->reads > 0 || lg->failing)
		return;
	if (!lg->deleted &&
	    (lg->staged || lg->formed_runs > 0 || lg->run_n > 0 || lg->dirty ||
		lg->cold != NULL))
		return;
	ledger_destroy(&lg);
}

/* --- snapshots ------------------------------------------------------------ */

/* Segments are covered in order. What a snapshot has had once stays in it, even
 * if the checkpoint which wanted it was never finished: a covered segment was
 * whole, so its extents are. */
bool
extent_covered(const struct local *lo, const struct extent *x)
{
	const struct segment *seg;

	if (x->persisted > 0 || x->segment <= lo->covered ||
	    x->segment % LOCAL_CLASSES != lo->conf.shard)
		return true;
	seg = umap_get(&lo->segments, x->segment);
	return seg == NULL || seg->old;
}

static void
extent_put(uint8_t *p, const struct extent *x)
{
	le64_put(p, x->segment);
	le64_put(p + 8, (uint64_t)x->first_entry);
	le64_put(p + 16, x->first_index);
	le64_put(p + 24, (uint64_t)x->first_ms);
	le64_put(p + 32, (uint64_t)x->last_ms);
	le32_put(p + 40, x->n);
	le32_put(p + 44, x->messages_n);
	le32_put(p + 48, x->body_bytes);
	le32_put(p + 52, x->disk_bytes);
}

static void
extent_get(const uint8_t *p, struct extent *x)
{
	memset(x, 0, sizeof *x);
	x->segment = le64_get(p);
	x->first_entry = (int64_t)le64_get(p + 8);
	x->first_index = le64_get(p + 16);
	x->first_ms = (int64_t)le64_get(p + 24);
	x->last_ms = (int64_t)le64_get(p + 32);
	x->n = le32_get(p + 40);
	x->messages_n = le32_get(p + 44);
	x->body_bytes = le32_get(p + 48);
	x->disk_bytes = le32_get(p + 52);
	x->persisted = x->disk_bytes;
}

/* Covered extents are a prefix. Trimmed ones of it are dropped and the others
 * are counted as persisted; returns how many of the prefix stay. */
static uint32_t
settle(struct ledger *lg, uint32_t *prefix)
{
	struct local *lo = lg->lo;
	struct extent *x;
	uint32_t i, keep = 0;

	for (i = 0; i < lg->ext_n && extent_covered(lo, &lg->ext[i]); i++) {
		x = &lg->ext[i];
		if (x->trimmed) {
			if (x->persisted != 0)
				segment_persist(lo,
				    segment_want(lo, x->segment),
				    -(int64_t)x->persisted);
			continue;
		}
		if (x->persisted != x->disk_bytes) {
			segment_persist(lo, segment_want(lo, x->segment),
			    (int64_t)x->disk_bytes - x->persisted);
			x->persisted = x->disk_bytes;
		}
		lg->ext[keep++] = *x;
	}
	*prefix = i;
	return keep;
}

void
ledger_snapshot(struct ledger *lg, struct meta_txn *tx)
{
	struct local *lo = lg->lo;
	const struct extent *x;
	uint8_t key[META_KEY_MAX], *v;
	uint32_t n, prefix, rest;
	uint64_t bytes = lg->bytes, next_index = lg->next_index;
	int64_t last = lg->last_entry, last_ms = lg->last_store_ms;
	size_t len;

	/* the state at the end of what is covered */
	for (rest = lg->ext_n; rest > 0; rest--) {
		x = &lg->ext[rest - 1];
		if (extent_covered(lo, x))
			break;
		bytes -= x->body_bytes;
		last = x->first_entry - 1;
		next_index = x->first_index;
		last_ms = rest > 1 ? x[-1].last_ms : lg->snap_ms;
	}
	n = settle(lg, &prefix);
	len = SNAP_HEAD + (size_t)n * SNAP_EXTENT;
	v = mem_zalloc(len);
	v[0] = SNAP_VERSION;
	v[1] = lg->closed ? SNAP_CLOSED : 0;
	le32_put(v + 4, n);
	le64_put(v + 8, lg->first_index);
	le64_put(v + 16, (uint64_t)lg->created_ms);
	le64_put(v + 24, (uint64_t)lg->trim);
	le64_put(v + 32, (uint64_t)lg->close_last);
	le64_put(v + 40, (uint64_t)last);
	le64_put(v + 48, next_index);
	le64_put(v + 56, bytes);
	le64_put(v + 64, (uint64_t)last_ms);
	for (uint32_t i = 0; i < n; i++)
		extent_put(
		    v + SNAP_HEAD + (size_t)i * SNAP_EXTENT, &lg->ext[i]);
	meta_txn_put(tx, key, meta_key_id(key, META_LEDGER, lg->id), v, len);
	mem_free(v);
	if (prefix > n && lg->ext_n > prefix)
		memmove(lg->ext + n, lg->ext + prefix,
		    (lg->ext_n - prefix) * sizeof *lg->ext);
	lg->ext_n -= prefix - n;
	lg->snap_ms = last_ms;
	if (lg->dirty) {
		lg->dirty = false;
		TAILQ_REMOVE(&lo->dirty, lg, dirty_link);
	}
	if (lg->ext_n > n)
		ledger_mark_dirty(lg);
}

enum err
ledger_load(struct ledger *lg, const void *val, size_t len)
{
	const uint8_t *v = val;
	uint32_t n;

	if (len < SNAP_HEAD)
		return ERR_CORRUPT;
	if (v[0] != SNAP_VERSION)
		return ERR_NEWER_FORMAT;
	n = le32_get(v + 4);
	if (len != SNAP_HEAD + (size_t)n * SNAP_EXTENT)
		return ERR_CORRUPT;
	lg->closed = (v[1] & SNAP_CLOSED) != 0;
	lg->first_index = le64_get(v + 8);
	lg->created_ms = (int64_t)le64_get(v + 16);
	lg->trim = (int64_t)le64_get(v + 24);
	lg->close_last = (int64_t)le64_get(v + 32);
	lg->last_entry = lg->form_entry = (int64_t)le64_get(v + 40);
	lg->next_index = lg->form_index = le64_get(v + 48);
	lg->bytes = le64_get(v + 56);
	lg->last_store_ms = lg->snap_ms = (int64_t)le64_get(v + 64);
	mem_free(lg->ext);
	lg->ext_n = lg->ext_cap = n;
	lg->ext = mem_calloc(n + 1, sizeof *lg->ext);
	for (uint32_t i = 0; i < n; i++)
		extent_get(
		    v + SNAP_HEAD + (size_t)i * SNAP_EXTENT, &lg->ext[i]);
	lg->ready = true;
	return ERR_OK;
}

/* --- create and open ------------------------------------------------------ */

static void
answer_opened(struct local *lo, void *p)
{
	struct ledger *lg = p;
	struct ledger_info info;

	lg->pending--;
	if (lg->deleted) { /* which was the answer */
		ledger_maybe_free(lg);
		return;
	}
	lg->opening = false;
	ledger_info_get(lg, &info);
	lo->base.client_ops->ledger_opened(lg->owner, lg, &info, ERR_OK);
}

static void
open_failed(struct local *lo, struct ledger *lg, enum err err)
{
	void *owner = lg->owner;

	lg->pending--;
	if (lg->deleted) {
		ledger_maybe_free(lg);
		return;
	}
	ledger_destroy(&lg);
	lo->base.client_ops->ledger_opened(owner, NULL, NULL, err);
}

static void
created(struct local *lo, void *p, enum err err)
{
	struct ledger *lg = p;

	if (err != ERR_OK) {
		open_failed(lo, lg, err);
		return;
	}
	lg->ready = true;
	answer_opened(lo, lg);
}

static void
no_id(struct local *lo, void *owner)
{
	lo->base.client_ops->ledger_opened(owner, NULL, NULL, ERR_AGAIN);
}

void
local_create(struct ledgers *lgs, uint64_t first_index, void *owner)
{
	struct local *lo = local_of(lgs);
	struct meta_txn *tx;
	struct ledger *lg;
	uint64_t id = local_new_id(lgs);

	if (id == 0) {
		local_answer(lo, no_id, owner);
		return;
	}
	lg = ledger_add(lo, id);
	lg->owner = owner;
	lg->held = lg->opening = true;
	lg->pending++;
	lg->first_index = lg->next_index = lg->form_index = first_index;
	lg->created_ms = lo->wall_ms;
	tx = meta_txn_new();
	ledger_snapshot(lg, tx);
	local_commit_try(lo, &tx, created, lg);
}

static void
fetched(void *p, enum err err, const void *val, size_t len)
{
	struct ledger *lg = p;
	struct local *lo = lg->lo;

	lg->pending--;
	lg->loading = false;
	if (err == ERR_NO_KEY)
		err = ERR_NO_LEDGER;
	if (err == ERR_OK && lg->deleted)
		err = ERR_NO_LEDGER;
	if (err == ERR_OK)
		err = ledger_load(lg, val, len);
	if (lg->rewrite)
		rewrite_loaded(lo, lg, err);
	if (err == ERR_OK && lg->fence) {
		lg->closing = true;
		local_close_poll(lg);
		lg->closing = false;
	}
	if (lg->held && !lg->deleted) {
		lg->pending++;
		if (err == ERR_OK)
			answer_opened(lo, lg);
		else
			open_failed(lo, lg, err);
	} else if (err != ERR_OK && !lg->deleted) {
		ledger_destroy(&lg);
	} else {
		ledger_maybe_free(lg);
	}
}

void
ledger_fetch(struct ledger *lg)
{
	struct meta *m = lg->lo->meta;
	uint8_t key[META_KEY_MAX];

	lg->loading = true;
	lg->pending++;
	m->ops->get(m, key, meta_key_id(key, META_LEDGER, lg->id), fetched, lg);
}

static void
no_ledger(struct local *lo, void *owner)
{
	lo->base.client_ops->ledger_opened(owner, NULL, NULL, ERR_NO_LEDGER);
}

void
local_open(struct ledgers *lgs, uint64_t id, void *owner)
{
	struct local *lo = local_of(lgs);
	struct ledger *lg = ledger_find(lo, id);

	if (lg != NULL && lg->deleted) {
		local_answer(lo, no_ledger, owner);
		return;
	}
	if (lg == NULL) {
		lg = ledger_add(lo, id);
		ledger_fetch(lg);
	}
	assert(!lg->held);
	lg->held = lg->opening = true;
	lg->owner = owner;
	if (lg->loading)
		return; /* that answers */
	assert(lg->ready);
	lg->pending++;
	local_answer(lo, answer_opened, lg);
}

void
local_release(struct ledgers *lgs, struct ledger **lgp)
{
	struct ledger *lg;

	(void)local_of(lgs);
	TAKE_OBJ_NOTNULL(lg, lgp, LEDGER_MAGIC);
	assert(lg->held && lg->ready);
	lg->held = false;
	lg->owner = NULL;
	chunks_drop(lg);
	ledger_maybe_free(lg);
}

/* --- trim, close, delete -------------------------------------------------- */

/* Extents wholly before the trim point are not wanted any more. */
void
ledger_trim_extents(struct ledger *lg)
{
	struct segment *seg;
	struct extent *x;
	struct run *r;

	for (uint32_t i = 0; i < lg->ext_n; i++) {
		x = &lg->ext[i];
		if (x->first_entry + x->n > lg->trim)
			break;
		if (x->trimmed)
			continue;
		/* the last one may still grow */
		if (i == lg->ext_n - 1 &&
		    (lg->formed_runs > 0 ||
			(lg->lo->open != NULL &&
			    lg->lo->open->id == x->segment)))
			break;
		x->trimmed = true;
		lg->lo->rw_look = true;
		seg = segment_want(lg->lo, x->segment);
		seg->live -= x->disk_bytes;
		/* runs there must not outlive the segment */
		while (lg->run_n > 0 && (r = run_at(lg, 0))->seg == seg) {
			if (r->grp != NULL)
				r->grp->run[r->grun].lg = NULL;
			lg->run_0 = (lg->run_0 + 1) & (lg->run_cap - 1);
			lg->run_n--;
			lg->run_hint = 0;
		}
		ledger_mark_dirty(lg);
	}
}

void
local_trim(struct ledgers *lgs, struct ledger *lg, int64_t entry)
{
	(void)local_of(lgs);
	CHECK_OBJ_NOTNULL(lg, LEDGER_MAGIC);
	if (entry > lg->last_entry + 1)
		entry = lg->last_entry + 1;
	if (entry <= lg->trim)
		return;
	lg->trim = entry;
	ledger_trim_extents(lg);
}

static void
closed(struct local *lo, void *p, enum err err)
{
	struct ledger *lg = p;
	struct ledger_info info;

	lg->pending--;
	ledger_info_get(lg, &info);
	if (lg->held && lg->closing && !lg->deleted) {
		lg->closing = false;
		lo->base.client_ops->ledger_closed(lg->owner, lg, &info, err);
		return;
	}
	ledger_maybe_free(lg);
}

/* Its last append has been answered? Then it closes: in meta, since all its
 * entries are in the log before. */
void
local_close_poll(struct ledger *lg)
{
	struct local *lo = lg->lo;
	struct meta_txn *tx;

	if (!lg->closing || lg->closed || lg->st_n > 0 || lg->formed_runs > 0)
		return;
	lg->closed = true;
	lg->close_last = lg->last_entry;
	lg->pending++;
	tx = meta_txn_new();
	ledger_snapshot(lg, tx);
	local_commit(lo, &tx, closed, lg);
}

static void
answer_closed(struct local *lo, void *p)
{
	closed(lo, p, ERR_OK);
}

void
local_close(struct ledgers *lgs, struct ledger *lg)
{
	struct local *lo = local_of(lgs);

	CHECK_OBJ_NOTNULL(lg, LEDGER_MAGIC);
	assert(lg->held && !lg->closing);
	lg->closing = true;
	if (lg->closed) {
		lg->pending++;
		local_answer(lo, answer_closed, lg);
		return;
	}
	local_close_poll(lg);
}

void
local_fence(struct ledgers *lgs, uint64_t id)
{
	struct local *lo = local_of(lgs);
	struct ledger *lg = ledger_find(lo, id);

	if (lg == NULL) {
		lg = ledger_add(lo, id);
		ledger_fetch(lg);
	}
	if (lg->loading) {
		lg->fence = true;
	} else if (!lg->closed && !lg->closing && lg->ready) {
		lg->closing = true;
		local_close_poll(lg);
	}
}

static void
deleted(struct local *lo, void *p, enum err err)
{
	struct ledger *lg = p;

	(void)err;
	lg->pending--;
	ledger_maybe_free(lg);
	lo->check_dead = true;
}

static void
del_now(struct ledger *lg)
{
	struct local *lo = lg->lo;
	struct meta_txn *tx;
	struct segment *seg;
	struct extent *x;
	uint8_t key[META_KEY_MAX];

	for (uint32_t i = 0; i < lg->ext_n; i++) {
		x = &lg->ext[i];
		seg = segment_want(lo, x->segment);
		if (!x->trimmed)
			seg->live -= x->disk_bytes;
		if (x->persisted != 0)
			segment_persist(lo, seg, -(int64_t)x->persisted);
	}
	lg->ext_n = 0;
	lo->rw_look = true;
	runs_fini(lg);
	tx = meta_txn_new();
	meta_txn_del(tx, key, meta_key_id(key, META_LEDGER, lg->id));
	meta_txn_del(tx, key, meta_key_id(key, META_DEAD_LEDGER, lg->id));
	lg->pending++;
	local_commit(lo, &tx, deleted, lg);
}

static void
del_loaded(void *p, enum err err, const void *val, size_t len)
{
	struct ledger *lg = p;

	lg->pending--;
	/* without a snapshot only the dead key is left to be removed */
	if (err == ERR_OK && ledger_load(lg, val, len) != ERR_OK)
		local_report(lg->lo, LOCAL_CORRUPT, 0, 0, 0);
	del_now(lg);
}

void
local_del(struct ledgers *lgs, uint64_t id)
{
	struct local *lo = local_of(lgs);
	struct ledger *lg = ledger_find(lo, id);
	uint8_t key[META_KEY_MAX];

	if (lg != NULL) {
		if (lg->deleted)
			return;
		if (lg->opening)
			local_answer(lo, no_ledger, lg->owner);
		lg->deleted = true;
		lg->held = lg->opening = false;
		lg->owner = NULL;
		unstage(lo, lg);
		if (lg->dirty) {
			lg->dirty = false;
			TAILQ_REMOVE(&lo->dirty, lg, dirty_link);
		}
		if (lg->ready) {
			del_now(lg);
			return;
		}
	} else {
		lg = ledger_add(lo, id);
		lg->deleted = true;
	}
	lg->pending++;
	lo->meta->ops->get(
	    lo->meta, key, meta_key_id(key, META_LEDGER, id), del_loaded, lg);
}
