/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys: which entries of a ledger have one.
 *
 * Each segment has an index of its own: pairs (record.h), gathered
 * while it is open, and sorted and written in front of its footer when it is
 * sealed. A search goes through the ledger's extents, the newest first, so
 * through segments: in one that is in memory by a look at all pairs (open) or by
 * bisection; else block by block at the disk, where the hash itself says in which
 * block its pair should be, and bisection goes on from there. A pair has the low
 * bits of the entry's number; the extent says the others.
 */
#include "store/local_priv.h"

#define PASSES 4u /* of the sort, 8 bits each: those of the hash */
#define NEAR 3u /* blocks beside the first guess that are tried */

/* --- an index in memory --------------------------------------------------- */

static const struct entry_format_ops *
format_of(const struct local *lo, unsigned format)
{
	const struct entry_format_ops *const *formats = lo->base.formats;

	if (formats == NULL || format >= ENTRY_FORMATS_N ||
	    formats[format] == NULL || formats[format]->keys == NULL)
		return NULL;
	return formats[format];
}

bool
keys_wanted(const struct local *lo, unsigned format)
{
	return format_of(lo, format) != NULL;
}

static uint64_t
pair_of(uint32_t hash, int64_t entry)
{
	return (uint64_t)hash << 32 | (uint32_t)entry;
}

void
segment_keys_add(struct local *lo, struct segment *seg, unsigned format,
    const void *body, uint32_t len, uint64_t ledger, int64_t entry)
{
	const struct entry_format_ops *fmt = format_of(lo, format);
	uint32_t max = len / KEY_BODY_BYTES;
	unsigned n;
	uint64_t *v;

	if (fmt == NULL || max == 0)
		return;
	if (seg->key_cap - seg->key_n < max) {
		seg->key_cap = 2 * seg->key_cap + max;
		seg->key =
		    mem_reallocarray(seg->key, seg->key_cap, sizeof *seg->key);
	}
	v = seg->key + seg->key_n;
	n = fmt->keys(body, len, v, max);
	assert(n <= max);
	for (unsigned i = 0; i < n; i++)
		v[i] = pair_of(key_hash(ledger, v[i]), entry);
	seg->key_n += n;
	seg->keys_sorted = false;
}

void
segment_keys_drop(struct segment *seg)
{
	MEM_FREE(seg->key);
	seg->key_n = seg->key_cap = 0;
	seg->keys_sorted = false;
}

static void
pass(const uint64_t *from, uint64_t *to, uint32_t n, unsigned shift)
{
	uint32_t at[256] = { 0 }, sum = 0, c;

	for (uint32_t i = 0; i < n; i++)
		at[from[i] >> shift & 0xff]++;
	for (unsigned b = 0; b < 256; b++) {
		c = at[b];
		at[b] = sum;
		sum += c;
	}
	for (uint32_t i = 0; i < n; i++)
		to[at[from[i] >> shift & 0xff]++] = from[i];
}

/* By hash; those of one hash stay in the order of the log. A comparison sort of
 * some 100000 would hold the shard up. */
void
segment_keys_sort(struct segment *seg)
{
	uint64_t *tmp, *from = seg->key;

	if (seg->keys_sorted)
		return;
	seg->keys_sorted = true;
	if (seg->key_n < 2)
		return;
	tmp = mem_calloc(seg->key_n, sizeof *tmp);
	for (unsigned i = 0; i < PASSES; i++) {
		pass(from, tmp, seg->key_n, 32 + 8 * i);
		from = tmp;
		tmp = seg->key;
		seg->key = from;
	}
	seg->key_cap = seg->key_n;
	mem_free(tmp);
}

void
segment_keys_put(struct segment *seg, uint8_t *buf)
{
	uint32_t n;

	segment_keys_sort(seg);
	for (uint32_t at = 0; at < seg->key_n; at += n, buf += KEY_BLOCK) {
		n = seg->key_n - at;
		if (n > KEY_BLOCK_PAIRS)
			n = KEY_BLOCK_PAIRS;
		key_block_put(buf, seg->seed, seg->key + at, n);
	}
}

/* --- a search ------------------------------------------------------------- */

struct key_search {
	uint64_t hash;
	int64_t from, to; /* still to be looked at */
	ledger_keys_f *done;
	void *priv;
	/* the extent being looked at: its first entry, and the entries of it that
	 * are wanted */
	int64_t x_first, x_from, x_to;
	/* its segment's blocks: the last one that begins with a hash not above ours
	 * is one of lo - 1 .. hi - 1 */
	uint32_t lo, hi, at, probes;
	bool walking; /* it was found: from there backwards */
	uint32_t x_n; /* n, when the extent was begun */
	uint32_t n, max;
	int64_t v[];
};

void
key_search_free(struct key_search **ksp)
{
	MEM_FREE(*ksp);
}

void
find_keys_answer(struct local *lo, struct read_op *op, enum err err)
{
	struct key_search *ks = op->ks;

	op->ks = NULL;
	read_op_delete(lo, op);
	ks->done(ks->priv, ks->v, err == ERR_OK ? ks->n : 0, err);
	key_search_free(&ks);
}

/* Pairs come backwards, so those of an entry that has a hash twice come one
 * behind the other. False: there is no room for more. */
static bool
take(struct key_search *ks, uint64_t pair)
{
	int64_t entry = ks->x_first +
	    (int64_t)(uint32_t)((uint32_t)pair - (uint32_t)ks->x_first);

	if (entry < ks->x_from || entry >= ks->x_to ||
	    (ks->n > 0 && ks->v[ks->n - 1] == entry))
		return true;
	if (ks->n == ks->max)
		return false;
	ks->v[ks->n++] = entry;
	return true;
}

static void
search_memory(struct key_search *ks, const struct segment *seg, uint32_t hash)
{
	uint32_t lo = 0, hi = seg->key_n, mid;

	if (!seg->keys_sorted) {
		for (uint32_t i = seg->key_n; i-- > 0;)
			if (seg->key[i] >> 32 == hash && !take(ks, seg->key[i]))
				return;
		return;
	}
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (seg->key[mid] >> 32 <= hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo-- > 0 && seg->key[lo] >> 32 == hash && take(ks, seg->key[lo]))
		;
}

/* --- at the disk ---------------------------------------------------------- */

static void block_loaded(struct disk_req *, enum err);

static void
block_read(struct local *lo, struct read_op *op, struct segment *seg)
{
	struct dop *dop = dop_new(lo, DISK_READ, seg, block_loaded);

	dop->rop = op;
	dop->buf = pool_get(lo->pool, KEY_BLOCK, POOL_BRIEF);
	dop->rq.off = seg->size - footer_len(seg->row_n) -
	    keys_len(seg->key_n) + (uint64_t)op->ks->at * KEY_BLOCK;
	dop->rq.data = dop->buf->data;
	dop->rq.len = KEY_BLOCK;
	seg->pins++;
	lo->reads_n++;
	lo->st.reads++;
	lo->st.read_bytes += KEY_BLOCK;
	op->state = OP_KEYS;
	TAILQ_INSERT_TAIL(&lo->key_reads, op, list);
	lo->disk->ops->submit(lo->disk, &dop->rq);
}

/* Hashes lie evenly, but for a key that very many entries have: first where it
 * should be, then beside that, then by bisection. */
static uint32_t
guess(const struct key_search *ks, const struct segment *seg, uint32_t hash)
{
	uint32_t at;

	if (ks->probes == 0)
		return (
		    uint32_t)((uint64_t)hash * key_blocks(seg->key_n) >> 32);
	if (ks->probes > NEAR)
		return ks->lo + (ks->hi - ks->lo) / 2;
	at = ks->at < ks->lo ? ks->lo : ks->hi - 1;
	return at;
}

/* Those of the block with our hash; true if there may be more in the one before */
static bool
walk(struct key_search *ks, const uint8_t *b, uint32_t n, uint32_t hash)
{
	uint64_t pair;

	for (uint32_t i = n; i-- > 0;) {
		pair = le64_get(b + KEY_BLOCK_HEAD + (size_t)i * 8);
		if (pair >> 32 > hash)
			continue;
		if (pair >> 32 < hash || !take(ks, pair))
			return false;
	}
	return ks->at > 0;
}

/* What the block at ks->at says. True: another one has to be read */
static bool
block_look(struct key_search *ks, const struct segment *seg, const uint8_t *b,
    uint32_t n, uint32_t hash)
{
	uint32_t first = (uint32_t)(le64_get(b + KEY_BLOCK_HEAD) >> 32), last;

	last = (uint32_t)(le64_get(b + KEY_BLOCK_HEAD + (size_t)(n - 1) * 8) >>
	    32);
	if (!ks->walking) {
		if (first > hash)
			ks->hi = ks->at;
		else
			ks->lo = ks->at + 1;
		if (first <= hash && last > hash)
			ks->hi = ks->lo;
		ks->probes++;
		if (ks->lo < ks->hi) {
			ks->at = guess(ks, seg, hash);
			return true;
		}
		ks->walking = true;
		if (ks->lo == 0)
			return false;
		if (ks->at != ks->lo - 1) {
			ks->at = ks->lo - 1;
			return true;
		}
	}
	if (!walk(ks, b, n, hash))
		return false;
	ks->at--;
	return true;
}

/* The index is damaged: it is made again from the groups, with the footer. */
static enum err
block_bad(
    struct local *lo, struct key_search *ks, struct segment *seg, uint64_t off)
{
	local_report(lo, LOCAL_CORRUPT, seg->id, off, KEY_BLOCK);
	/* a job that rewrites has its eye on the rows */
	if (seg->pins > 0)
		return ERR_CORRUPT;
	segment_rows_drop(lo, seg);
	seg->footer_bad = true;
	seg->keys_known = false;
	ks->n = ks->x_n;
	return ERR_OK;
}

static void
block_loaded(struct disk_req *rq, enum err err)
{
	struct dop *dop = rq->priv;
	struct local *lo = dop->lo;
	struct read_op *op = dop->rop;
	struct key_search *ks = op->ks;
	struct segment *seg = dop->seg;
	uint32_t hash = key_hash(op->lg->id, ks->hash), n;
	bool more = false;

	TAILQ_REMOVE(&lo->key_reads, op, list);
	lo->reads_n--;
	seg->pins--;
	lo->check_dead |= seg->live == 0;
	if (err == ERR_OK) {
		n = key_block_check(dop->buf->data, seg->seed);
		if (n == 0)
			err = block_bad(lo, ks, seg, rq->off);
		else if (block_look(ks, seg, dop->buf->data, n, hash))
			more = true;
		else
			ks->to = ks->x_first;
	}
	dop_free(dop);
	if (err != ERR_OK)
		find_keys_answer(lo, op, err);
	else if (more && !op->lg->deleted)
		block_read(lo, op, seg);
	else
		read_op_ready(lo, op);
}

/* --- one step ------------------------------------------------------------- */

/* The last extent that has entries to be looked at */
static const struct extent *
extent_next(const struct ledger *lg, struct key_search *ks)
{
	const struct extent *x;
	int64_t end;

	if (ks->from < lg->trim)
		ks->from = lg->trim;
	if (ks->to > lg->last_entry + 1)
		ks->to = lg->last_entry + 1;
	for (uint32_t i = lg->ext_n; i-- > 0;) {
		x = &lg->ext[i];
		if (x->first_entry >= ks->to)
			continue;
		end = x->first_entry + x->n;
		if (end <= ks->from)
			return NULL;
		if (x->trimmed)
			continue;
		ks->x_first = x->first_entry;
		ks->x_from = ks->from > ks->x_first ? ks->from : ks->x_first;
		ks->x_to = ks->to < end ? ks->to : end;
		if (ks->x_from < ks->x_to)
			return x;
	}
	return NULL;
}

void
find_keys_step(struct local *lo, struct read_op *op)
{
	struct key_search *ks = op->ks;
	struct ledger *lg = op->lg;
	uint32_t hash = key_hash(lg->id, ks->hash);
	const struct extent *x;
	struct segment *seg;

	while (ks->n < ks->max && (x = extent_next(lg, ks)) != NULL) {
		seg = segment_want(lo, x->segment);
		if (seg->size != 0 && seg->key == NULL && seg->footer_ok &&
		    !seg->keys_known && !footer_have(lo, seg, op))
			return;
		if (seg->key != NULL) {
			search_memory(ks, seg, hash);
		} else if (seg->key_n > 0) {
			if (lo->reads_n >= lo->conf.reads_max &&
			    op->state != OP_FOOTER) {
				read_op_ready(lo, op);
				return;
			}
			ks->lo = 0;
			ks->hi = key_blocks(seg->key_n);
			ks->probes = 0;
			ks->x_n = ks->n;
			ks->walking = false;
			ks->at = guess(ks, seg, hash);
			block_read(lo, op, seg);
			return;
		}
		ks->to = ks->x_first;
	}
	find_keys_answer(lo, op, ERR_OK);
}

/* --- the table's entry ---------------------------------------------------- */

void
local_find_keys(struct ledgers *lgs, struct ledger *lg, uint64_t hash,
    int64_t from, int64_t to, uint32_t max, ledger_keys_f *done, void *priv)
{
	struct local *lo = local_of(lgs);
	struct key_search *ks;
	struct read_op *op;

	CHECK_OBJ_NOTNULL(lg, LEDGER_MAGIC);
	assert(max > 0 && max <= FIND_KEYS_MAX);
	ks = mem_zalloc(sizeof *ks + max * sizeof ks->v[0]);
	ks->hash = hash;
	ks->from = from;
	ks->to = to;
	ks->max = max;
	ks->done = done;
	ks->priv = priv;
	op = read_op_new(lo, lg);
	op->ks = ks;
	read_op_ready(lo, op);
}
