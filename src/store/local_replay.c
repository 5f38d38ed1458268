/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery: the shard's row says where replay begins; the segments behind that
 * are read and their groups applied, in order.
 *
 * A segment is first looked through for groups, as a whole, and then judged: a
 * bad place is damage if something later says that it was on the medium (a
 * group's synced mark, the segment's footer, a group in a later segment), else
 * it is the torn tail, and what follows it was never acknowledged. Groups of an
 * earlier epoch than the one before them are leftovers of a tail that was cut.
 */
#include "store/local_recover_priv.h"

#define STEP (4u << 20)
#define OBJECTS_KEPT 50000u

struct found {
	uint32_t off;
	enum group_verdict verdict; /* GROUP_OK, _BAD_RECORDS, _BAD */
	struct group_head h;
};

struct scan {
	struct local *lo;
	struct segment *seg;
	uint8_t *buf;
	uint32_t end; /* of data: trailer's, or the file's */
	bool sealed;
	struct trailer t;
	struct found *f;
	uint32_t n, cap;
};

/* --- one segment ---------------------------------------------------------- */

static void
found_add(struct scan *sc, uint32_t off, enum group_verdict v,
    const struct group_head *h)
{
	if (sc->n == sc->cap) {
		sc->cap = sc->cap == 0 ? 256 : sc->cap * 2;
		sc->f = mem_reallocarray(sc->f, sc->cap, sizeof *sc->f);
	}
	sc->f[sc->n++] = (struct found){ .off = off, .verdict = v, .h = *h };
}

/* Everything in buf that starts with a head of this generation. Returns
 * ERR_NEWER_FORMAT if there is a group that this version can't read. */
static enum err
scan_groups(struct scan *sc)
{
	struct group_head h;
	enum group_verdict v;
	uint32_t off = 0, padded;

	while (off + GROUP_HEAD <= sc->end) {
		v = group_check(sc->buf + off, sc->end - off, sc->seg->id, &h);
		if (v == GROUP_NEWER)
			return ERR_NEWER_FORMAT;
		if (v == GROUP_NONE) {
			off += DISK_BLOCK;
			continue;
		}
		found_add(sc, off, v, &h);
		/* a bad one may have lost its tail to anything: block by block */
		padded = (h.len + DISK_BLOCK - 1) & ~(DISK_BLOCK - 1);
		off += v == GROUP_BAD ? DISK_BLOCK : padded;
	}
	return ERR_OK;
}

/* Is there a footer, the whole of it? Its write may be what was torn. */
static bool
footer_whole(struct scan *sc, bool *newer)
{
	const struct segment *seg = sc->seg;
	struct trailer *t = &sc->t;
	enum group_verdict v;

	v = trailer_get(sc->buf + seg->size - FOOTER_TRAILER, seg->id, t);
	*newer = v == GROUP_NEWER;
	if (v != GROUP_OK || t->data_end > seg->size ||
	    t->footer_off > seg->size || t->rows_n > seg->size / RUN_ROW ||
	    seg->size - t->footer_off != footer_len(t->rows_n) ||
	    t->keys_n > seg->size / sizeof(uint64_t) ||
	    keys_len(t->keys_n) > t->footer_off ||
	    crc32c(seg->seed, sc->buf + t->footer_off,
		(size_t)t->rows_n * RUN_ROW) != t->rows_crc)
		return false;
	sc->sealed = true;
	sc->end = t->data_end;
	return true;
}

static enum err
segment_load(struct scan *sc)
{
	struct disk *d = sc->lo->disk;
	struct segment *seg = sc->seg;
	size_t got, n;
	bool newer = false;
	enum err err;

	for (uint64_t off = 0; off < seg->size; off += n) {
		n = seg->size - off < STEP ? seg->size - off : STEP;
		err = d->ops->read_now(d, seg->id, off, sc->buf + off, n, &got);
		if (err != ERR_OK)
			return err;
		if (got < n)
			memset(sc->buf + off + got, 0, n - got);
	}
	sc->end = (uint32_t)seg->size;
	if (!footer_whole(sc, &newer) && newer)
		return ERR_NEWER_FORMAT;
	return scan_groups(sc);
}

/* --- applying ------------------------------------------------------------- */

static struct ledger *
replay_ledger(struct recover *rc, uint64_t id)
{
	struct local *lo = rc->lo;
	struct ledger *lg = ledger_find(lo, id);
	uint8_t key[META_KEY_MAX];
	void *val = NULL;
	size_t len = 0;
	enum err err;

	if (lg != NULL)
		return lg;
	lg = ledger_add(lo, id);
	err = lo->meta->ops->get_now(
	    lo->meta, key, meta_key_id(key, META_LEDGER, id), &val, &len);
	if (err == ERR_OK)
		err = ledger_load(lg, val, len);
	mem_free(val);
	if (err == ERR_NO_KEY)
		lg->deleted = true;
	else if (err != ERR_OK)
		rc->err = diag_set(
		    rc->dg, err, "snapshot of ledger %ju", (uintmax_t)id);
	return lg;
}

static void
replay_run(struct recover *rc, struct segment *seg, struct ledger *lg,
    struct run_row *row, uint32_t body_bytes)
{
	struct run *r;

	if (row->n == 0)
		return;
	if (lg->closed && row->first_entry > lg->close_last) {
		/* of a write that failed before the ledger was closed */
		rc->st->dead_entries += row->n;
		row->n = 0;
		return;
	}
	r = run_push(lg);
	memset(r, 0, sizeof *r);
	r->first_entry = row->first_entry;
	r->n = row->n;
	r->seg = seg;
	r->row = segment_row_add(seg, row);
	/* what a snapshot has already is only indexed */
	if (row->first_entry > lg->last_entry) {
		extent_add(lg, seg, row, body_bytes);
		lg->form_entry = lg->last_entry;
		lg->form_index = lg->next_index;
		rc->st->entries += row->n;
	}
	row->n = 0;
}

/* Entries of one group, gathered into runs; damaged records break them. */
static void
replay_group(struct recover *rc, struct scan *sc, const struct found *f)
{
	const uint8_t *p = sc->buf + f->off;
	struct record_head h;
	struct run_row row = { .n = 0 };
	struct ledger *lg = NULL;
	uint32_t off = GROUP_HEAD, body = 0;

	for (uint32_t i = 0; i < f->h.records_n && rc->err == ERR_OK;
	     i++, off += h.len) {
		if (!record_head(p + off, f->h.len - off, &h))
			WRONG("the group was checked");
		if (f->verdict == GROUP_BAD_RECORDS &&
		    !record_check(p + off, &h, sc->seg->seed)) {
			local_report(rc->lo, LOCAL_CORRUPT, sc->seg->id,
			    f->off + off, h.len);
			rc->st->corrupt++;
			rc->corrupt = true;
			if (lg != NULL)
				replay_run(rc, sc->seg, lg, &row, body);
			continue;
		}
		if (h.type == RECORD_CURSOR) {
			rc->st->deltas++;
			if (!journal_is_dead(rc->lo, h.ledger))
				journal_replay(rc->lo, h.ledger,
				    p + off + h.head_len, h.body_len);
			continue;
		}
		if (h.type != RECORD_ENTRY)
			continue;
		if (lg == NULL || lg->id != h.ledger || row.n == 0 ||
		    h.entry != row.first_entry + row.n) {
			if (lg != NULL)
				replay_run(rc, sc->seg, lg, &row, body);
			lg = replay_ledger(rc, h.ledger);
			if (lg->deleted) {
				rc->st->dead_entries++;
				lg = NULL;
				continue;
			}
			row = (struct run_row){ .ledger = h.ledger,
				.first_entry = h.entry,
				.first_index = h.index,
				.store_time_ms = h.store_time_ms,
				.off = f->off + off };
			body = 0;
		}
		row.n++;
		row.bytes += h.len;
		row.messages_n += h.messages_n;
		body += h.body_len;
		if (!sc->sealed)
			segment_keys_add(rc->lo, sc->seg, h.format,
			    p + off + h.head_len, h.body_len, h.ledger,
			    h.entry);
	}
	if (lg != NULL)
		replay_run(rc, sc->seg, lg, &row, body);
	rc->st->groups++;
}

static void
damage(struct recover *rc, struct segment *seg, uint32_t from, uint32_t to)
{
	if (to <= from)
		return;
	local_report(rc->lo, LOCAL_CORRUPT, seg->id, from, to - from);
	rc->st->corrupt++;
	rc->corrupt = true;
}

/* How many of the found groups belong to the log: up to the last one that is
 * vouched for or that follows without a break. later: a later segment has
 * groups, so that all of this one was on the medium. */
static uint32_t
judge(struct recover *rc, struct scan *sc, bool later)
{
	uint64_t next = rc->next_group, synced = 0;
	uint32_t epoch = rc->epoch, keep = 0, off = 0;
	bool broken = false;

	for (uint32_t i = 0; i < sc->n; i++) {
		const struct found *f = &sc->f[i];

		if (f->h.epoch > rc->epoch_max)
			rc->epoch_max = f->h.epoch;
		if (f->verdict == GROUP_BAD || f->h.number < next ||
		    f->h.epoch < epoch)
			continue;
		if (f->h.synced > synced)
			synced = f->h.synced;
		/* the place before it, or it, is bad */
		if (f->h.number != next || f->off != off ||
		    f->verdict != GROUP_OK)
			broken = true;
		if (!broken || sc->sealed || later)
			keep = i + 1;
		else if (synced >= next)
			/* groups up to `synced` were on the medium: not a torn
			 * tail, and what follows it is judged afresh */
			keep = i + 1;
		if (keep == i + 1) {
			broken = false;
			next = f->h.number + 1;
			epoch = f->h.epoch;
			off = f->off +
			    ((f->h.len + DISK_BLOCK - 1) & ~(DISK_BLOCK - 1));
		}
	}
	return keep;
}

enum use {
	USE_FREE, /* zeroes, or of an older generation */
	USE_LOG,
	USE_REWRITTEN,
};

/* What is it? Its first block tells, or for a rewritten one that is damaged
 * there, its last. */
static enum err
segment_use(struct recover *rc, struct segment *seg, enum use *use)
{
	struct disk *d = rc->lo->disk;
	struct group_head h;
	struct trailer t;
	enum group_verdict v;
	uint8_t *b = mem_aligned(DISK_BLOCK, DISK_BLOCK);
	size_t got;
	enum err err;

	*use = USE_FREE;
	err = d->ops->read_now(d, seg->id, 0, b, DISK_BLOCK, &got);
	if (err == ERR_OK && got == DISK_BLOCK) {
		v = group_head_get(b, DISK_BLOCK, seg->id, &h);
		if (v == GROUP_NEWER ||
		    (v == GROUP_OK && h.epoch >= rc->epoch &&
			h.number >= rc->next_group))
			*use = USE_LOG;
		else if (v == GROUP_OK && h.number == 0)
			*use = USE_REWRITTEN;
	}
	if (err == ERR_OK && *use == USE_FREE) {
		err = d->ops->read_now(
		    d, seg->id, seg->size - DISK_BLOCK, b, DISK_BLOCK, &got);
		if (err == ERR_OK && got == DISK_BLOCK &&
		    trailer_get(b + DISK_BLOCK - FOOTER_TRAILER, seg->id, &t) ==
			GROUP_OK &&
		    t.kind == SEGMENT_REWRITTEN)
			*use = USE_REWRITTEN;
	}
	mem_free(b);
	return err;
}

/* Kept if a counter names it; else its job was not done */
static enum err
rewritten_settle(struct recover *rc, struct segment *seg)
{
	struct local *lo = rc->lo;
	uint64_t id = seg->id;

	if (seg->sum == 0) {
		segment_drop(lo, &seg);
		return lo->disk->ops->remove_now(lo->disk, id);
	}
	seg->rewritten = true;
	seg->state = SEG_SEALED;
	seg->footer_ok = true;
	if (!seg->old)
		segment_sealed(lo, seg);
	return ERR_OK;
}

/* Apply what belongs to the log; the segment's off is where it goes on. */
static void
segment_apply(struct recover *rc, struct scan *sc, bool later)
{
	struct segment *seg = sc->seg;
	uint32_t keep, off = 0, tail;
	const struct found *f;

	keep = judge(rc, sc, later);
	for (uint32_t i = 0; i < keep && rc->err == ERR_OK; i++) {
		f = &sc->f[i];
		if (f->verdict == GROUP_BAD || f->h.number < rc->next_group ||
		    f->h.epoch < rc->epoch)
			continue;
		if (f->h.number != rc->next_group || f->off != off)
			damage(rc, seg, off, f->off);
		if (seg->first_group == 0)
			seg->first_group = f->h.number;
		replay_group(rc, sc, f);
		if (f->h.synced > rc->lo->group_synced)
			rc->lo->group_synced = f->h.synced;
		seg->last_group = f->h.number;
		rc->next_group = f->h.number + 1;
		rc->epoch = f->h.epoch;
		off =
		    f->off + ((f->h.len + DISK_BLOCK - 1) & ~(DISK_BLOCK - 1));
		rc->st->bytes += f->h.len;
	}
	if (sc->sealed) {
		damage(rc, seg, off, sc->end);
		off = sc->end;
		seg->last_group = sc->t.last_group;
		if (rc->next_group <= sc->t.last_group)
			rc->next_group = sc->t.last_group + 1;
	} else if (keep < sc->n) {
		/* what is left of the tail */
		tail = 0;
		for (uint32_t i = keep; i < sc->n; i++)
			if (sc->f[i].h.number >= rc->next_group &&
			    sc->f[i].h.epoch >= rc->epoch)
				tail += sc->f[i].h.len;
		if (tail > 0)
			local_report(
			    rc->lo, LOCAL_TORN_TAIL, seg->id, off, tail);
		rc->st->torn_bytes += tail;
	} else if (off < sc->end && le32_get(sc->buf + off) == GROUP_MAGIC32 &&
	    le64_get(sc->buf + off + GROUP_OFF(generation)) == seg->id) {
		/* not even its head is whole */
		local_report(rc->lo, LOCAL_TORN_TAIL, seg->id, off, DISK_BLOCK);
		rc->st->torn_bytes += DISK_BLOCK;
	}
	seg->off = off;
	rc->st->segments++;
}

/* A segment that others follow has a footer, unless it was damaged: write it
 * again from what was found. */
static enum err
footer_rewrite(struct recover *rc, struct segment *seg)
{
	struct local *lo = rc->lo;
	uint32_t len;
	uint8_t *b;
	enum err err;

	if (seg->off + (uint64_t)footer_len(seg->row_n) > seg->size) {
		seg->footer_bad = true;
		segment_keys_sort(seg);
		seg->keys_known = true;
		return ERR_OK;
	}
	len = segment_footer_len(seg);
	b = mem_aligned(DISK_BLOCK, len);
	segment_footer_put(lo, seg, b, len);
	err = lo->disk->ops->write_now(
	    lo->disk, seg->id, seg->size - len, b, len);
	mem_free(b);
	segment_footer_done(seg);
	return err;
}

static void
runs_trim_segment(struct local *lo, struct segment *seg)
{
	struct ledger *lg;
	uint64_t last = 0;

	for (uint32_t i = 0; i < seg->row_n; i++) {
		if (seg->row[i].ledger == last)
			continue;
		last = seg->row[i].ledger;
		lg = ledger_find(lo, last);
		if (lg != NULL)
			run_trim_front(lg);
	}
}

static enum err
segment_finish(struct recover *rc, struct scan *sc)
{
	struct segment *seg = sc->seg;
	struct local *lo = rc->lo;
	enum err err = ERR_OK;

	if (sc->sealed) {
		seg->key_n = sc->t.keys_n;
		seg->keys_known = true;
	} else {
		err = footer_rewrite(rc, seg);
	}
	if (err != ERR_OK)
		return err;
	seg->state = SEG_SEALED;
	seg->footer_ok = true;
	segment_rows_sort(seg);
	segment_touch(lo, seg);
	segment_lru_trim(lo);
	runs_trim_segment(lo, seg);
	if (!seg->old) {
		segment_sealed(lo, seg);
		lo->sealed_n++;
	}
	return ERR_OK;
}

/* --- a log ---------------------------------------------------------------- */

static int
id_cmp(const void *va, const void *vb)
{
	uint64_t a = *(const uint64_t *)va, b = *(const uint64_t *)vb;

	return a < b ? -1 : a > b;
}

/* Files of one class: behind the checkpoint they are the log, before it
 * segments that are sealed. */
static void
files_sort(struct recover *rc, uint64_t ckpt)
{
	struct segment *seg;
	size_t it;

	rc->files_n = 0;
	UMAP_FOREACH(seg, &rc->lo->segments, it)
	{
		if (seg->id % LOCAL_CLASSES != rc->class || seg->size == 0)
			continue;
		if (rc->files_n == rc->files_cap) {
			rc->files_cap =
			    rc->files_cap == 0 ? 64 : rc->files_cap * 2;
			rc->files = mem_reallocarray(
			    rc->files, rc->files_cap, sizeof *rc->files);
		}
		rc->files[rc->files_n++] = seg->id;
		if (seg->id > ckpt)
			seg->footer_ok = false;
	}
	if (rc->files_n > 1)
		qsort(rc->files, rc->files_n, sizeof *rc->files, id_cmp);
}

static enum err
free_or_remove(struct recover *rc, struct segment *seg)
{
	struct local *lo = rc->lo;
	uint64_t id = seg->id;

	if (seg->size == lo->conf.segment_bytes && !rc->reshard && !seg->old &&
	    lo->free_n < lo->conf.max_free_segments) {
		seg->footer_ok = false;
		segment_ready(lo, seg);
		return ERR_OK;
	}
	segment_drop(lo, &seg);
	return lo->disk->ops->remove_now(lo->disk, id);
}

static bool
size_bad(const struct segment *seg)
{
	return seg->size < 2 * DISK_BLOCK || seg->size % DISK_BLOCK != 0 ||
	    seg->size > 1u << 30;
}

/* Replay one segment; *open is set if it is the log's last */
static enum err
segment_replay(
    struct recover *rc, struct segment *seg, bool later, struct segment **open)
{
	struct scan sc = { .lo = rc->lo, .seg = seg };
	enum err err;

	if (size_bad(seg)) {
		damage(rc, seg, 0, DISK_BLOCK);
		return ERR_OK;
	}
	if (rc->buf_bytes < seg->size) {
		mem_free(rc->buf);
		rc->buf = mem_aligned(DISK_BLOCK, seg->size);
		rc->buf_bytes = seg->size;
	}
	sc.buf = rc->buf;
	err = segment_load(&sc);
	if (err == ERR_OK) {
		segment_apply(rc, &sc, later);
		err = rc->err;
	} else {
		err = diag_set(rc->dg, err, "segment %ju", (uintmax_t)seg->id);
	}
	if (err == ERR_OK && (sc.sealed || later || rc->reshard))
		err = segment_finish(rc, &sc);
	else if (err == ERR_OK)
		*open = seg;
	mem_free(sc.f);
	return err;
}

enum err
log_replay(struct recover *rc, uint32_t class, const struct shard_row *row)
{
	struct local *lo = rc->lo;
	struct segment *seg, *open = NULL;
	uint32_t used_n = 0, first = 0;
	enum err err = ERR_OK;
	enum use use;

	rc->class = class;
	rc->next_group = row->group;
	rc->epoch = 0;
	files_sort(rc, row->segment);
	while (first < rc->files_n && rc->files[first] <= row->segment) {
		seg = segment_get(lo, rc->files[first++]);
		if (!seg->old)
			TAILQ_INSERT_TAIL(&lo->sealed, seg, list);
	}
	/* the last one that begins with a group of ours */
	for (uint32_t i = first; i < rc->files_n && err == ERR_OK; i++) {
		seg = segment_get(lo, rc->files[i]);
		if (size_bad(seg))
			continue;
		err = segment_use(rc, seg, &use);
		if (err == ERR_OK && use == USE_REWRITTEN) {
			err = rewritten_settle(rc, seg);
			rc->files[i] = 0;
		} else if (use == USE_LOG) {
			used_n = i + 1;
		}
	}
	for (uint32_t i = first; i < used_n && err == ERR_OK; i++) {
		if (rc->files[i] == 0)
			continue;
		seg = segment_get(lo, rc->files[i]);
		err = segment_replay(rc, seg, i + 1 < used_n, &open);
		/* a directory of very many topics: not all of them in memory */
		if (err == ERR_OK && !rc->reshard && open == NULL &&
		    lo->ledgers.n + lo->journals.n > OBJECTS_KEPT) {
			lo->ckpt_to = seg->id;
			err = checkpoint_slices_now(lo);
		}
	}
	for (uint32_t i = first > used_n ? first : used_n;
	     i < rc->files_n && err == ERR_OK; i++) {
		if (rc->files[i] == 0)
			continue;
		seg = segment_get(lo, rc->files[i]);
		err = free_or_remove(rc, seg);
	}
	if (err == ERR_OK && open != NULL) {
		open->state = SEG_OPEN;
		lo->open = open;
		lo->async_written = true;
	}
	return err;
}
