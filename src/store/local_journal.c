/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cursor journals. What a journal holds is, in this order: snapshot chunks in
 * meta (the client's), raw chunks in meta (deltas which a checkpoint met while
 * nobody had the journal open), deltas in the log behind the checkpoint.
 * Applying a delta twice changes nothing, so the borders may overlap.
 */
#include "store/local_priv.h"

#define DELTA_MAX (64u << 10)
#define RAW_MAX (1u << 20)

static size_t
chunk_key(uint8_t *key, uint64_t id, uint64_t chunk)
{
	size_t n = meta_key_id(key, META_JOURNAL, id);

	for (int i = 0; i < 8; i++)
		key[n + (size_t)i] = (uint8_t)(chunk >> (56 - 8 * i));
	return n + 8;
}

struct journal *
journal_add(struct local *lo, uint64_t id)
{
	struct journal *jo;

	ALLOC_OBJ(jo, JOURNAL_MAGIC);
	jo->lo = lo;
	jo->id = id;
	jo->st_tail = &jo->st_head;
	AZ(umap_add(&lo->journals, id, jo));
	return jo;
}

void
journal_mark_dirty(struct journal *jo)
{
	if (jo->dirty || jo->deleted)
		return;
	jo->dirty = true;
	TAILQ_INSERT_TAIL(&jo->lo->jdirty, jo, dirty_link);
}

static void
undirty(struct journal *jo)
{
	if (!jo->dirty)
		return;
	jo->dirty = false;
	TAILQ_REMOVE(&jo->lo->jdirty, jo, dirty_link);
}

static void
unstage(struct journal *jo)
{
	struct local *lo = jo->lo;
	struct jdelta *d;

	while ((d = jo->st_head) != NULL) {
		jo->st_head = d->next;
		lo->staged_bytes -= record_len(RECORD_HEAD_CURSOR, d->len);
		mem_free(d);
	}
	jo->st_tail = &jo->st_head;
	if (!jo->staged)
		return;
	jo->staged = false;
	TAILQ_REMOVE(&lo->jstaged, jo, staged_link);
	if (jo->urgent)
		lo->jurgent--;
	jo->urgent = false;
}

void
journal_destroy(struct journal **jop)
{
	struct journal *jo;

	TAKE_OBJ_NOTNULL(jo, jop, JOURNAL_MAGIC);
	unstage(jo);
	undirty(jo);
	mem_free(jo->kept);
	mem_free(jo->raw);
	assert(umap_del(&jo->lo->journals, jo->id) == jo);
	FREE_OBJ(jo);
}

void
journal_maybe_free(struct journal *jo)
{
	if (jo->held || jo->pending > 0 || jo->formed > 0 || jo->riders > 0)
		return;
	if (!jo->deleted &&
	    (jo->staged || jo->dirty || jo->kept_len > 0 || jo->lost))
		return;
	journal_destroy(&jo);
}

/* --- deleted ones --------------------------------------------------------- */

bool
journal_is_dead(const struct local *lo, uint64_t id)
{
	return umap_get(&lo->dead_ids, id) != NULL;
}

void
journal_dead_add(struct local *lo, uint64_t id)
{
	if (umap_add(&lo->dead_ids, id, lo) != ERR_OK)
		return;
	if (lo->dead_n == lo->dead_cap) {
		lo->dead_cap = lo->dead_cap == 0 ? 16 : lo->dead_cap * 2;
		lo->dead =
		    mem_reallocarray(lo->dead, lo->dead_cap, sizeof *lo->dead);
	}
	lo->dead[lo->dead_n++] = id;
}

/* --- replay --------------------------------------------------------------- */

void
journal_replay(struct local *lo, uint64_t id, const uint8_t *p, uint32_t len)
{
	struct journal *jo = umap_get(&lo->journals, id);
	size_t need;

	if (jo == NULL)
		jo = journal_add(lo, id);
	need = jo->kept_len + 4 + len;
	if (need > jo->kept_cap) {
		jo->kept_cap = jo->kept_cap == 0 ? need : need + need / 2;
		jo->kept = mem_realloc(jo->kept, jo->kept_cap);
	}
	le32_put(jo->kept + jo->kept_len, len);
	memcpy(jo->kept + jo->kept_len + 4, p, len);
	jo->kept_len = need;
	journal_mark_dirty(jo);
}

/* --- open ----------------------------------------------------------------- */

struct jopen {
	struct journal *jo;
	struct journal_blob *blob; /* p: malloc'd */
	size_t n, cap;
	enum err err;
	LIST_ENTRY(jopen) list;
};

static void
jopen_free(struct jopen *op)
{
	for (size_t i = 0; i < op->n; i++)
		mem_free((void *)(uintptr_t)op->blob[i].p);
	mem_free(op->blob);
	LIST_REMOVE(op, list);
	mem_free(op);
}

void
jopens_fini(struct local *lo)
{
	struct jopen *op;

	while ((op = LIST_FIRST(&lo->jopens)) != NULL)
		jopen_free(op);
}

static void
blob_add(struct jopen *op, uint64_t chunk, const uint8_t *p, size_t len)
{
	if (op->n == op->cap) {
		op->cap = op->cap == 0 ? 4 : op->cap * 2;
		op->blob =
		    mem_reallocarray(op->blob, op->cap, sizeof *op->blob);
	}
	op->blob[op->n++] = (struct journal_blob){
		.chunk = chunk,
		.p = p,
		.len = len,
	};
}

/* u32 length and bytes, each: one blob per delta, pointing into v */
static enum err
blobs_split(struct jopen *op, const uint8_t *v, size_t len)
{
	uint32_t n;

	while (len > 0) {
		if (len < 4 || (n = le32_get(v)) > len - 4)
			return ERR_CORRUPT;
		blob_add(op, JOURNAL_DELTA, v + 4, n);
		v += 4 + n;
		len -= 4 + n;
	}
	return ERR_OK;
}

static void
raw_add(struct journal *jo, uint64_t chunk)
{
	for (uint32_t i = 0; i < jo->raw_n; i++)
		if (jo->raw[i] == chunk)
			return;
	jo->raw = mem_reallocarray(jo->raw, jo->raw_n + 1, sizeof *jo->raw);
	jo->raw[jo->raw_n++] = chunk;
}

static void
jopen_end(struct jopen *op)
{
	struct journal *jo = op->jo;
	struct local *lo = jo->lo;
	struct jopen all = { .jo = jo };
	uint8_t *kept = NULL;
	enum err err = op->err;

	for (size_t i = 0; i < op->n; i++)
		if ((op->blob[i].chunk & JOURNAL_RAW) == 0)
			blob_add(&all, op->blob[i].chunk, op->blob[i].p,
			    op->blob[i].len);
	for (size_t i = 0; i < op->n && err == ERR_OK; i++)
		if ((op->blob[i].chunk & JOURNAL_RAW) != 0) {
			raw_add(jo, op->blob[i].chunk);
			err = blobs_split(&all, op->blob[i].p, op->blob[i].len);
		}
	if (err == ERR_OK)
		err = blobs_split(&all, jo->kept, jo->kept_len);
	jo->opening = false;
	if (!jo->deleted && err == ERR_OK) { /* the client has it from now on */
		/* what failed meanwhile was queued after it was read */
		jo->lost = false;
		kept = jo->kept;
		jo->kept = NULL;
		jo->kept_len = jo->kept_cap = 0;
	}
	if (!jo->deleted) {
		if (err != ERR_OK)
			jo->held = false;
		/* what its last holder had changed may be in that snapshot, and
		 * the log, which takes nothing any more, be behind */
		else if (lo->failed)
			lo->base.client_ops->journal_done(
			    jo->owner, 0, lo->failed_err);
		lo->base.client_ops->journal_opened(jo->owner,
		    err == ERR_OK ? jo : NULL, all.blob,
		    err == ERR_OK ? all.n : 0, err);
	}
	mem_free(kept);
	mem_free(all.blob);
	jopen_free(op);
	/* not before: the client may have released it already */
	jo->pending--;
	journal_maybe_free(jo);
}

static void
jopen_item(void *p, enum err err, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct jopen *op = p;
	const uint8_t *k = key;
	uint64_t chunk = 0;

	if (key == NULL) {
		op->err = err;
		jopen_end(op);
		return;
	}
	assert(keylen >= 8);
	for (int i = 0; i < 8; i++)
		chunk = chunk << 8 | k[keylen - 8 + (size_t)i];
	blob_add(op, chunk, mem_dup(val, len), len);
}

static void
jopen_list(struct local *lo, void *p, enum err err)
{
	struct jopen *op = p;
	uint8_t key[META_KEY_MAX];

	if (err != ERR_OK) {
		op->err = err;
		jopen_end(op);
		return;
	}
	lo->meta->ops->list(lo->meta, key,
	    meta_key_id(key, META_JOURNAL, op->jo->id), 0, true, jopen_item,
	    op);
}

/* Its last snapshot may be on its way still */
static void
jopen_settled(void *p)
{
	struct jopen *op = p;

	local_commit_after(op->jo->lo, jopen_list, op);
}

static void
answer_fresh(struct local *lo, void *p)
{
	struct journal *jo = p;

	jo->pending--;
	jo->opening = false;
	if (!jo->deleted)
		lo->base.client_ops->journal_opened(
		    jo->owner, jo, NULL, 0, ERR_OK);
	else
		journal_maybe_free(jo);
}

static void
answer_lost(struct local *lo, void *p)
{
	struct journal *jo = p;

	jo->pending--;
	jo->opening = jo->held = false;
	if (!jo->deleted)
		lo->base.client_ops->journal_opened(
		    jo->owner, NULL, NULL, 0, ERR_IO);
	else
		journal_maybe_free(jo);
}

void
local_journal_open(struct ledgers *lgs, uint64_t id, bool fresh, void *owner)
{
	struct local *lo = local_of(lgs);
	struct journal *jo = umap_get(&lo->journals, id);
	struct jopen *op;

	if (jo == NULL)
		jo = journal_add(lo, id);
	assert(!jo->held && !jo->deleted);
	jo->held = true;
	jo->owner = owner;
	jo->opening = true;
	jo->seq_base = jo->seq;
	jo->pending++;
	if (fresh || jo->lost) {
		local_answer(lo, fresh ? answer_fresh : answer_lost, jo);
		return;
	}
	op = mem_zalloc(sizeof *op);
	op->jo = jo;
	LIST_INSERT_HEAD(&lo->jopens, op, list);
	/* The snapshot has what its last holder had, and may be ahead of the log.
	 * Who has it next takes all of it for durable, so the log comes first. */
	if (jo->staged || jo->formed > 0 || jo->riders > 0)
		local_flush(lgs, jopen_settled, op);
	else
		jopen_settled(op);
}

/* --- deltas --------------------------------------------------------------- */

uint64_t
local_journal_append(struct ledgers *lgs, struct journal *jo, const void *p,
    size_t len, bool urgent)
{
	struct local *lo = local_of(lgs);
	struct jdelta *d = NULL;
	uint32_t cap;

	CHECK_OBJ_NOTNULL(jo, JOURNAL_MAGIC);
	assert(jo->held && !jo->opening);
	assert(len > 0 && len <= JOURNAL_APPEND_MAX);
	if (jo->st_head != NULL) {
		d = (struct jdelta *)((uintptr_t)jo->st_tail -
		    offsetof(struct jdelta, next));
		if (d->len + len > d->cap)
			d = NULL;
	}
	if (d == NULL) {
		cap = jo->st_head == NULL ? 256 : DELTA_MAX;
		if (cap > lo->conf.segment_bytes / 4)
			cap = lo->conf.segment_bytes / 4;
		if (cap < len)
			cap = (uint32_t)len;
		d = mem_alloc(sizeof *d + cap);
		d->next = NULL;
		d->len = 0;
		d->cap = cap;
		*jo->st_tail = d;
		jo->st_tail = &d->next;
	} else {
		lo->staged_bytes -= record_len(RECORD_HEAD_CURSOR, d->len);
	}
	memcpy(d->data + d->len, p, len);
	d->len += (uint32_t)len;
	d->seq = ++jo->seq;
	lo->staged_bytes += record_len(RECORD_HEAD_CURSOR, d->len);
	lo->seq++;
	lo->st.journal_appends++;
	if (!jo->staged) {
		jo->staged = true;
		TAILQ_INSERT_TAIL(&lo->jstaged, jo, staged_link);
		jo->stage_seq = lo->seq;
	}
	if (urgent && !jo->urgent) {
		jo->urgent = true;
		lo->jurgent++;
	}
	if (lo->jdeadline_ns == 0)
		lo->jdeadline_ns = lo->mono_ns + lo->conf.ack_delay_ns;
	return d->seq - jo->seq_base;
}

void
journal_written(struct journal *jo, uint64_t seq, enum err err)
{
	struct local *lo = jo->lo;

	CHECK_OBJ_NOTNULL(jo, JOURNAL_MAGIC);
	jo->formed--;
	if (!jo->held || jo->deleted)
		journal_maybe_free(jo);
	else if (seq > jo->seq_base)
		lo->base.client_ops->journal_done(
		    jo->owner, seq - jo->seq_base, err);
}

void
journals_fail_staged(struct local *lo)
{
	struct journal *jo;
	uint32_t n = 0;

	TAILQ_FOREACH(jo, &lo->jstaged, staged_link)
		n++;
	/* what callbacks append waits for the next time */
	while (n-- > 0 && (jo = TAILQ_FIRST(&lo->jstaged)) != NULL) {
		unstage(jo);
		if (!jo->held)
			journal_maybe_free(jo);
		else if (jo->seq > jo->seq_base)
			lo->base.client_ops->journal_done(
			    jo->owner, jo->seq - jo->seq_base, lo->failed_err);
	}
	lo->jdeadline_ns = 0;
}

/* --- snapshots ------------------------------------------------------------ */

void
local_journal_snap_put(
    struct journal *jo, uint64_t chunk, const void *p, size_t len)
{
	uint8_t key[META_KEY_MAX];

	AN(jo->snap);
	assert((chunk & JOURNAL_RAW) == 0);
	meta_txn_put(jo->snap, key, chunk_key(key, jo->id, chunk), p, len);
}

void
local_journal_snap_del(struct journal *jo, uint64_t chunk)
{
	uint8_t key[META_KEY_MAX];

	AN(jo->snap);
	assert((chunk & JOURNAL_RAW) == 0);
	meta_txn_del(jo->snap, key, chunk_key(key, jo->id, chunk));
}

/* kept deltas as raw chunks; the number of the segment that will be covered
 * keeps them in order over checkpoints */
static void
raw_put(struct journal *jo, struct meta_txn *tx)
{
	uint8_t key[META_KEY_MAX];
	size_t off = 0, end, next;
	uint64_t chunk = JOURNAL_RAW | jo->lo->ckpt_to << 12;

	while (off < jo->kept_len) {
		end = off;
		do {
			next = end + 4 + le32_get(jo->kept + end);
			if (end != off && next - off > RAW_MAX)
				break;
			end = next;
		} while (end < jo->kept_len);
		meta_txn_put(tx, key, chunk_key(key, jo->id, chunk),
		    jo->kept + off, end - off);
		raw_add(jo, chunk++);
		off = end;
	}
}

void
journal_snapshot(struct journal *jo, struct meta_txn *tx)
{
	struct local *lo = jo->lo;
	uint8_t key[META_KEY_MAX];

	undirty(jo);
	if (jo->deleted)
		return;
	if (!jo->held || jo->opening) {
		raw_put(jo, tx);
		/* who is opening it may not see these chunks */
		if (!jo->opening) {
			MEM_FREE(jo->kept);
			jo->kept_len = jo->kept_cap = 0;
		}
		return;
	}
	AZ(jo->kept_len);
	jo->snap = tx;
	lo->base.client_ops->journal_snapshot(jo->owner, jo);
	jo->snap = NULL;
	for (uint32_t i = 0; i < jo->raw_n; i++)
		meta_txn_del(tx, key, chunk_key(key, jo->id, jo->raw[i]));
	MEM_FREE(jo->raw);
	jo->raw_n = 0;
}

/* Who is opening it has nothing yet, and reads behind this commit: it fails
 * with it. */
void
journal_unsnapshot(struct journal *jo)
{
	if ((jo->held && !jo->opening) || jo->kept_len > 0)
		journal_mark_dirty(jo);
	else
		jo->lost = true;
}

static void
released(struct local *lo, void *p, enum err err)
{
	struct journal *jo = p;

	(void)lo;
	/* local_commit has seen it: nothing in the log is freed now */
	if (err != ERR_OK)
		journal_unsnapshot(jo);
	jo->pending--;
	journal_maybe_free(jo);
}

void
local_journal_release(struct ledgers *lgs, struct journal **jop)
{
	struct local *lo = local_of(lgs);
	struct journal *jo;
	struct meta_txn *tx;

	TAKE_OBJ_NOTNULL(jo, jop, JOURNAL_MAGIC);
	assert(jo->held && !jo->opening);
	if (jo->dirty || jo->staged || jo->formed > 0) {
		tx = meta_txn_new();
		journal_snapshot(jo, tx);
		jo->pending++;
		local_commit(lo, &tx, released, jo);
	}
	jo->held = false;
	jo->owner = NULL;
	journal_maybe_free(jo);
}

void
local_journal_del(struct ledgers *lgs, uint64_t id)
{
	struct local *lo = local_of(lgs);
	struct journal *jo = umap_get(&lo->journals, id);
	struct meta_txn *tx = meta_txn_new();
	uint8_t key[META_KEY_MAX], shard[4];

	/* the log may bring deltas of it back until the next checkpoint */
	meta_txn_del_prefix(tx, key, meta_key_id(key, META_JOURNAL, id));
	le32_put(shard, lo->conf.shard);
	meta_txn_put(tx, key, meta_key_id(key, META_DEAD_JOURNAL, id), shard,
	    sizeof shard);
	journal_dead_add(lo, id);
	if (jo != NULL) {
		unstage(jo);
		undirty(jo);
		jo->deleted = true;
		jo->held = false;
		jo->owner = NULL;
		jo->pending++;
		local_commit(lo, &tx, released, jo);
	} else {
		local_commit(lo, &tx, NULL, NULL);
	}
}
