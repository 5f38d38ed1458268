/* SPDX-License-Identifier: Apache-2.0 */
/*
 * magnetar inspect: what a directory holds, read without the engine and without
 * writing. Every segment is read and every checksum verified; ledgers and
 * cursors are what the snapshots in meta and the log behind them say together.
 */
#include <inttypes.h>
#include <stdio.h>

#include "store/local_priv.h"

#define STEP (4u << 20)

struct iledger {
	bool known; /* there is a snapshot */
	bool closed;
	int64_t last;
	uint64_t n, bytes; /* of the snapshot, and behind it */
	uint32_t extents;
};

struct icursor {
	uint64_t chunks, bytes, deltas;
};

struct isegment {
	uint64_t id, size;
	int64_t live;
};

struct inspect {
	struct disk *disk;
	struct meta *meta;
	FILE *out;
	bool verbose;
	enum err err;
	uint64_t damaged, newer;
	struct shard_row row[LOCAL_SHARDS_MAX];
	bool have[LOCAL_SHARDS_MAX];
	struct isegment *seg;
	size_t seg_n, seg_cap;
	struct umap ledgers, cursors;
	const char *prefix;
	uint64_t count;
};

static uint64_t
be_get(const uint8_t *p, int n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

/* an object of the map, made if it is not there */
static void *
want(struct umap *m, uint64_t id, size_t size)
{
	void *p = umap_get(m, id);

	if (p == NULL) {
		p = mem_zalloc(size);
		AZ(umap_add(m, id, p));
	}
	return p;
}

/* --- metadata ------------------------------------------------------------- */

static bool
last(struct inspect *in, const void *key, enum err err)
{
	if (key == NULL && in->err == ERR_OK)
		in->err = err;
	return key == NULL;
}

static void
item_shard(void *p, enum err err, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct inspect *in = p;
	uint64_t shard;

	if (last(in, key, err))
		return;
	shard = be_get((const uint8_t *)key + keylen - 4, 4);
	if (shard >= LOCAL_SHARDS_MAX) {
		in->damaged++;
		return;
	}
	err = shard_row_get(val, len, &in->row[shard]);
	if (err != ERR_OK) {
		in->err = err;
		return;
	}
	in->have[shard] = true;
	(void)fprintf(in->out,
	    "shard %ju of %u: start %u, checkpoint behind segment %" PRIu64
	    ", group %" PRIu64 "\n",
	    (uintmax_t)shard, in->row[shard].nshards, in->row[shard].epoch,
	    in->row[shard].segment, in->row[shard].group);
}

static void
item_segment(void *p, enum err err, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct inspect *in = p;
	uint64_t id;

	if (last(in, key, err) || keylen < 12 || len != 8)
		return;
	id = be_get((const uint8_t *)key + keylen - 12, 8);
	for (size_t i = 0; i < in->seg_n; i++)
		if (in->seg[i].id == id)
			in->seg[i].live += (int64_t)le64_get(val);
}

static void
item_ledger(void *p, enum err err, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct inspect *in = p;
	struct ledger lg;
	struct iledger *il;

	if (last(in, key, err))
		return;
	memset(&lg, 0, sizeof lg);
	err = ledger_load(&lg, val, len);
	if (err != ERR_OK) {
		in->damaged++;
		(void)fprintf(in->out, "ledger %" PRIu64 ": snapshot: %s\n",
		    be_get((const uint8_t *)key + keylen - 8, 8),
		    err_text(err));
		return;
	}
	il = want(&in->ledgers, be_get((const uint8_t *)key + keylen - 8, 8),
	    sizeof *il);
	il->known = true;
	il->closed = lg.closed;
	il->last = lg.last_entry;
	il->bytes = lg.bytes;
	il->extents = lg.ext_n;
	for (uint32_t i = 0; i < lg.ext_n; i++)
		il->n += lg.ext[i].n;
	mem_free(lg.ext);
}

static void
item_cursor(void *p, enum err err, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct inspect *in = p;
	struct icursor *ic;

	(void)val;
	if (last(in, key, err) || keylen < 16)
		return;
	ic = want(&in->cursors, be_get((const uint8_t *)key + keylen - 16, 8),
	    sizeof *ic);
	ic->chunks++;
	ic->bytes += len;
}

/* names, as they are; the 0 between a topic and its subscription as a space */
static void
item_name(void *p, enum err err, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct inspect *in = p;
	const uint8_t *k = key;

	(void)val;
	(void)len;
	if (last(in, key, err))
		return;
	in->count++;
	if (!in->verbose)
		return;
	for (size_t i = 0; i < keylen; i++)
		(void)fputc(k[i] == 0		    ? ' ' :
			k[i] < 0x20 || k[i] == 0x7f ? '?' :
						      k[i],
		    in->out);
	(void)fputc('\n', in->out);
}

static void
list(struct inspect *in, const char *prefix, meta_list_f *fn)
{
	enum err err;

	if (in->err != ERR_OK)
		return;
	err = in->meta->ops->list_now(in->meta, prefix, strlen(prefix), fn, in);
	if (in->err == ERR_OK)
		in->err = err;
}

/* --- segments ------------------------------------------------------------- */

static void
item_file(void *p, uint64_t file, uint64_t size)
{
	struct inspect *in = p;

	if (in->seg_n == in->seg_cap) {
		in->seg_cap = in->seg_cap == 0 ? 64 : in->seg_cap * 2;
		in->seg =
		    mem_reallocarray(in->seg, in->seg_cap, sizeof *in->seg);
	}
	in->seg[in->seg_n++] = (struct isegment){ .id = file, .size = size };
}

static int
segment_cmp(const void *va, const void *vb)
{
	const struct isegment *a = va, *b = vb;

	if (a->id % LOCAL_CLASSES != b->id % LOCAL_CLASSES)
		return a->id % LOCAL_CLASSES < b->id % LOCAL_CLASSES ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

struct walk {
	uint64_t groups, entries, deltas, bad_records;
	uint64_t first, number, synced; /* of groups */
	uint64_t bad_number; /* the first one missing */
	uint32_t epoch, end;
	uint32_t bad_from, bad_n; /* places between groups that are none */
	bool any, sealed, footer;
	bool rewritten; /* its groups have no numbers */
	struct trailer t;
};

static void
walk_record(struct inspect *in, const uint8_t *p, const struct record_head *h,
    bool behind, struct walk *w)
{
	struct iledger *il;
	struct icursor *ic;

	(void)p;
	if (h->type == RECORD_CURSOR) {
		w->deltas++;
		if (behind) {
			ic = want(&in->cursors, h->ledger, sizeof *ic);
			ic->deltas++;
			ic->bytes += h->body_len;
		}
		return;
	}
	if (h->type != RECORD_ENTRY)
		return;
	w->entries++;
	il = umap_get(&in->ledgers, h->ledger);
	if (il == NULL || !behind || h->entry <= il->last)
		return;
	il->last = h->entry;
	il->n++;
	il->bytes += h->body_len;
}

static void
walk_group(struct inspect *in, const struct isegment *is, const uint8_t *p,
    uint32_t at, const struct group_head *h, bool behind, struct walk *w)
{
	struct record_head r;
	uint32_t off = GROUP_HEAD, seed = record_seed(is->id);

	for (uint32_t i = 0; i < h->records_n; i++, off += r.len) {
		if (!record_head(p + off, h->len - off, &r))
			return;
		if (record_check(p + off, &r, seed)) {
			walk_record(in, p + off, &r, behind, w);
			continue;
		}
		w->bad_records++;
		(void)fprintf(in->out,
		    "segment %" PRIu64
		    " offset %u: damaged record, ledger %" PRIu64
		    " entry %" PRId64 "\n",
		    is->id, at + off, r.ledger, r.entry);
	}
	w->groups++;
}

/* Groups one behind the other; leftovers of a cut tail have an older epoch */
static void
walk_segment(struct inspect *in, const struct isegment *is, const uint8_t *b,
    bool behind, struct walk *w)
{
	struct group_head h;
	enum group_verdict v;
	uint32_t off = 0, end = (uint32_t)is->size;

	if (w->sealed)
		end = w->t.data_end;
	if (group_head_get(b, GROUP_HEAD, is->id, &h) == GROUP_OK)
		w->rewritten = h.number == 0;
	w->rewritten |= w->sealed && w->t.kind == SEGMENT_REWRITTEN;
	while (off + GROUP_HEAD <= end) {
		v = group_check(b + off, end - off, is->id, &h);
		if (v == GROUP_NEWER)
			in->newer++;
		if ((v != GROUP_OK && v != GROUP_BAD_RECORDS) ||
		    (!w->rewritten && w->any &&
			(h.number <= w->number || h.epoch < w->epoch))) {
			off += DISK_BLOCK;
			continue;
		}
		if (off != w->end) {
			if (w->bad_n++ == 0) {
				w->bad_from = w->end;
				w->bad_number = w->any ? w->number + 1 : 0;
			}
		}
		if (!w->any)
			w->first = h.number;
		w->any = true;
		w->number = h.number;
		w->epoch = h.epoch;
		w->synced = h.synced > w->synced ? h.synced : w->synced;
		walk_group(in, is, b + off, off, &h, behind, w);
		off += (h.len + DISK_BLOCK - 1) & ~(DISK_BLOCK - 1);
		w->end = off;
	}
	if (w->sealed && w->end != end && w->bad_n++ == 0)
		w->bad_from = w->end;
}

static bool
keys_ok(const struct isegment *is, const uint8_t *b, const struct trailer *t)
{
	uint32_t n = t->keys_n, seed = record_seed(is->id), at, got;

	if (n > is->size / sizeof(uint64_t) || keys_len(n) > t->footer_off)
		return false;
	at = t->footer_off - keys_len(n);
	for (; n > 0; n -= got, at += KEY_BLOCK) {
		got = key_block_check(b + at, seed);
		if (got == 0 || got > n)
			return false;
	}
	return true;
}

static void
footer_check(struct inspect *in, const struct isegment *is, const uint8_t *b,
    struct walk *w)
{
	struct trailer *t = &w->t;
	enum group_verdict v;

	v = trailer_get(b + is->size - FOOTER_TRAILER, is->id, t);
	if (v == GROUP_NEWER)
		in->newer++;
	if (v != GROUP_OK || t->data_end > is->size)
		return;
	w->sealed = true;
	w->footer = t->footer_off <= is->size && keys_ok(is, b, t) &&
	    t->rows_n <= is->size / RUN_ROW &&
	    is->size - t->footer_off == footer_len(t->rows_n) &&
	    crc32c(record_seed(is->id), b + t->footer_off,
		(size_t)t->rows_n * RUN_ROW) == t->rows_crc;
	if (!w->footer) {
		in->damaged++;
		(void)fprintf(in->out,
		    "segment %" PRIu64 " offset %u: damaged footer\n", is->id,
		    t->footer_off);
	}
}

static void
segment_print(
    struct inspect *in, const struct isegment *is, const struct walk *w)
{
	uint64_t shard = is->id % LOCAL_CLASSES;

	(void)fprintf(in->out, "segment %" PRIu64 " shard %ju: ", is->id,
	    (uintmax_t)shard);
	if (!w->any && !w->sealed) {
		(void)fprintf(in->out, "free\n");
		return;
	}
	(void)fprintf(in->out,
	    "%s, groups %" PRIu64 "-%" PRIu64 " (%" PRIu64 "), entries %" PRIu64
	    ", deltas %" PRIu64 ", %u of %" PRIu64 " bytes, live %" PRId64 "\n",
	    w->rewritten  ? "rewritten" :
		w->sealed ? "sealed" :
			    "open",
	    w->first, w->number, w->groups, w->entries, w->deltas, w->end,
	    is->size, is->live);
	if (w->bad_n > 0) {
		/* a tail that was torn may have whole groups behind it */
		if (w->sealed || w->synced >= w->bad_number)
			in->damaged++;
		(void)fprintf(in->out,
		    "segment %" PRIu64 " offset %u: %s (%u)\n", is->id,
		    w->bad_from, "not a group", w->bad_n);
	}
	in->damaged += w->bad_records;
}

static enum err
segment_look(struct inspect *in, const struct isegment *is)
{
	const struct shard_row *row = &in->row[is->id % LOCAL_CLASSES];
	struct walk w;
	uint8_t *b;
	size_t n, got;
	enum err err = ERR_OK;

	if (is->size < 2 * DISK_BLOCK || is->size % DISK_BLOCK != 0 ||
	    is->size > 1u << 30) {
		(void)fprintf(in->out,
		    "segment %" PRIu64 ": %" PRIu64 " bytes: not whole\n",
		    is->id, is->size);
		return ERR_OK;
	}
	b = mem_aligned(DISK_BLOCK, is->size);
	for (uint64_t off = 0; off < is->size && err == ERR_OK; off += n) {
		n = is->size - off < STEP ? is->size - off : STEP;
		err = in->disk->ops->read_now(
		    in->disk, is->id, off, b + off, n, &got);
		if (err == ERR_OK && got < n)
			memset(b + off + got, 0, n - got);
	}
	if (err == ERR_OK) {
		memset(&w, 0, sizeof w);
		footer_check(in, is, b, &w);
		walk_segment(in, is, b, is->id > row->segment, &w);
		segment_print(in, is, &w);
	}
	mem_free(b);
	return err;
}

/* --- all of it ------------------------------------------------------------ */

static void
ledgers_print(struct inspect *in)
{
	struct iledger *il;
	uint64_t n = 0, bytes = 0;
	size_t it;

	for (it = 0; it < in->ledgers.cap; it++) {
		il = in->ledgers.slots[it].val;
		if (il == NULL)
			continue;
		n += il->n;
		bytes += il->bytes;
		if (in->verbose)
			(void)fprintf(in->out,
			    "ledger %" PRIu64 ": %s, last entry %" PRId64
			    ", entries kept %" PRIu64 ", bytes %" PRIu64
			    ", extents in snapshot %u\n",
			    in->ledgers.slots[it].key,
			    il->closed ? "closed" : "open", il->last, il->n,
			    il->bytes, il->extents);
	}
	(void)fprintf(in->out,
	    "ledgers: %zu, entries %" PRIu64 ", bytes %" PRIu64 "\n",
	    in->ledgers.n, n, bytes);
}

static void
cursors_print(struct inspect *in)
{
	struct icursor *ic;
	size_t it;

	for (it = 0; it < in->cursors.cap; it++) {
		ic = in->cursors.slots[it].val;
		if (ic != NULL && in->verbose)
			(void)fprintf(in->out,
			    "cursor %" PRIu64 ": chunks %" PRIu64
			    ", deltas %" PRIu64 ", bytes %" PRIu64 "\n",
			    in->cursors.slots[it].key, ic->chunks, ic->deltas,
			    ic->bytes);
	}
	(void)fprintf(in->out, "cursors: %zu\n", in->cursors.n);
}

static void
names_print(struct inspect *in, const char *what, const char *prefix)
{
	in->count = 0;
	list(in, prefix, item_name);
	(void)fprintf(in->out, "%s: %" PRIu64 "\n", what, in->count);
}

static void
inspect_all(struct inspect *in)
{
	list(in, META_SHARD, item_shard);
	if (in->err == ERR_OK)
		in->err = in->disk->ops->list(in->disk, item_file, in);
	if (in->seg_n > 1)
		qsort(in->seg, in->seg_n, sizeof *in->seg, segment_cmp);
	list(in, META_SEGMENT, item_segment);
	list(in, META_LEDGER, item_ledger);
	list(in, META_JOURNAL, item_cursor);
	for (size_t i = 0; i < in->seg_n && in->err == ERR_OK; i++)
		in->err = segment_look(in, &in->seg[i]);
	if (in->err != ERR_OK)
		return;
	names_print(in, "topics", META_TOPIC);
	names_print(in, "subscriptions", META_SUB);
	ledgers_print(in);
	cursors_print(in);
	(void)fprintf(in->out, "damaged places: %" PRIu64 "\n", in->damaged);
	if (in->newer > 0)
		in->err = ERR_NEWER_FORMAT;
	else if (in->damaged > 0)
		in->err = ERR_CORRUPT;
}

enum err
local_inspect(struct disk *disk, struct meta *meta, FILE *out, bool verbose)
{
	struct inspect in;
	void *p;

	memset(&in, 0, sizeof in);
	in.disk = disk;
	in.meta = meta;
	in.out = out;
	in.verbose = verbose;
	umap_init(&in.ledgers, 1, 1u << 30);
	umap_init(&in.cursors, 2, 1u << 30);
	inspect_all(&in);
	while ((p = umap_pop(&in.ledgers)) != NULL)
		mem_free(p);
	while ((p = umap_pop(&in.cursors)) != NULL)
		mem_free(p);
	umap_fini(&in.ledgers);
	umap_fini(&in.cursors);
	mem_free(in.seg);
	return in.err;
}
