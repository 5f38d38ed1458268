/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads: first what is in memory, then ranges of a segment.
 *
 * A range read back is a chunk: some adjacent runs of one ledger in a stretch
 * (local_stretch.c), every record checked, with the place of each entry. It stays
 * for the reader's next step and for others behind it, oldest use first out.
 * Operations wait for a footer, for a chunk, or for one of the reads_max places at
 * the disk.
 */
#include "store/local_priv.h"

#define GAP_MAX (64u << 10)
#define BAD UINT32_MAX
#define ROWS_MAX 64u

struct chunk {
	unsigned magic;
#define CHUNK_MAGIC 0xc4b01d00
	struct local *lo;
	struct ledger *lg; /* NULL: nobody wants it any more */
	uint64_t segment;
	uint32_t seed; /* the segment's */
	struct chunk *next; /* of the ledger */
	struct stretch *st;
	struct stretch_wait sw;
	struct buf *buf; /* the stretch's, which holds it */
	uint32_t off; /* of the buffer, in the segment */
	bool loaded;
	bool ahead; /* the next one was thought of */
	enum err err;
	int64_t first, end; /* entries */
	uint32_t *rec; /* place in buf, BAD: damaged */
	struct run_row *row; /* until it is loaded */
	uint32_t row_n;
	uint64_t used_bytes; /* of the records that were taken */
	struct read_list wait;
	TAILQ_ENTRY(chunk) lru;
};

/* --- operations ----------------------------------------------------------- */

struct read_op *
read_op_new(struct local *lo, struct ledger *lg)
{
	struct read_op *op = lo->read_free;

	if (op != NULL) {
		lo->read_free = NULL;
		op->done = false;
		op->ent_n = 0;
	} else {
		ALLOC_OBJ(op, READ_OP_MAGIC);
	}
	op->lg = lg;
	op->rd = NULL;
	op->state = OP_READY;
	lg->reads++;
	return op;
}

void
read_op_delete(struct local *lo, struct read_op *op)
{
	struct ledger *lg = op->lg;

	for (uint32_t i = 0; i < op->ent_n; i++)
		slice_unref(&op->ent[i].body);
	op->ent_n = 0;
	if (op->ks != NULL)
		key_search_free(&op->ks);
	op->lg = NULL;
	lg->reads--;
	ledger_maybe_free(lg);
	if (lo->read_free == NULL) {
		lo->read_free = op;
		return;
	}
	mem_free(op->ent);
	FREE_OBJ(op);
}

void
read_op_ready(struct local *lo, struct read_op *op)
{
	op->state = OP_READY;
	TAILQ_INSERT_TAIL(&lo->reads, op, list);
}

static void
op_done(struct read_op *op, enum err err, int64_t next)
{
	struct ledger_read *rd = op->rd;

	op->done = true;
	rd->next = next;
	rd->n = op->ent_n;
	rd->ent = op->ent;
	rd->done(rd, err);
}

void
read_op_found(struct local *lo, struct read_op *op, int64_t entry, enum err err)
{
	void (*found)(void *, int64_t, enum err) = op->found;
	void *priv = op->priv;

	read_op_delete(lo, op);
	found(priv, entry, err);
}

void
read_op_fail(struct local *lo, struct read_op *op, enum err err)
{
	if (op->rd != NULL)
		op_done(op, err, op->rd->from);
	else if (op->ks != NULL)
		find_keys_answer(lo, op, err);
	else
		read_op_found(lo, op, 0, err);
}

/* --- chunks --------------------------------------------------------------- */

static void
chunk_unlink(struct chunk *ch)
{
	struct chunk **pp;

	if (ch->lg == NULL)
		return;
	for (pp = &ch->lg->cold; *pp != ch; pp = &(*pp)->next)
		AN(*pp);
	*pp = ch->next;
	ch->lg = NULL;
}

static void
chunk_delete(struct chunk *ch)
{
	struct local *lo = ch->lo;

	assert(TAILQ_EMPTY(&ch->wait));
	chunk_unlink(ch);
	TAILQ_REMOVE(&lo->chunks, ch, lru);
	stretch_used(ch->st, ch->used_bytes);
	stretch_put(&ch->st);
	mem_free(ch->rec);
	mem_free(ch->row);
	FREE_OBJ(ch);
}

void
chunks_drop(struct ledger *lg)
{
	struct chunk *ch, *next;

	for (ch = lg->cold; ch != NULL; ch = next) {
		next = ch->next;
		if (ch->loaded)
			chunk_delete(ch);
		else
			chunk_unlink(ch);
	}
	lg->cold = NULL;
}

bool
chunk_evict_oldest(struct local *lo)
{
	struct chunk *ch;
	struct ledger *lg;

	TAILQ_FOREACH(ch, &lo->chunks, lru) {
		if (!ch->loaded)
			continue;
		lg = ch->lg;
		chunk_delete(ch);
		if (lg != NULL)
			ledger_maybe_free(lg);
		return true;
	}
	return stretch_evict_idle(lo);
}

static struct chunk *
chunk_find(const struct ledger *lg, int64_t entry)
{
	struct chunk *ch;

	for (ch = lg->cold; ch != NULL; ch = ch->next)
		if (entry >= ch->first && entry < ch->end)
			return ch;
	return NULL;
}

/* The record of `want` at off? With resync, of any entry from want to last */
static bool
record_is(const struct chunk *ch, uint32_t off, uint32_t end, int64_t want,
    int64_t last, struct record_head *h)
{
	const uint8_t *p = ch->buf->data + off;

	return record_head(p, end - off, h) && h->type == RECORD_ENTRY &&
	    h->ledger == ch->row[0].ledger && h->entry >= want &&
	    h->entry <= last && record_check(p, h, ch->seed);
}

static void
row_parse(struct chunk *ch, const struct run_row *row)
{
	uint32_t off = row->off - ch->off, end = off + row->bytes, bad;
	int64_t want = row->first_entry, last = row->first_entry + row->n - 1;
	struct record_head h;

	while (want <= last && off < end) {
		if (record_is(ch, off, end, want, want, &h)) {
			ch->rec[want - ch->first] = off;
			off += h.len;
			want++;
			continue;
		}
		/* damaged: on to the next one that is whole */
		bad = off;
		do
			off += 8;
		while (
		    off < end && !record_is(ch, off, end, want + 1, last, &h));
		local_report(ch->lo, LOCAL_CORRUPT, ch->segment, ch->off + bad,
		    off - bad);
		if (off < end)
			want = h.entry;
	}
}

/* Whoever waits looks again, or fails */
static void
wake(struct chunk *ch, enum err err)
{
	struct local *lo = ch->lo;
	struct read_op *op;

	while ((op = TAILQ_FIRST(&ch->wait)) != NULL) {
		TAILQ_REMOVE(&ch->wait, op, list);
		if (err != ERR_OK)
			read_op_fail(lo, op, err);
		else
			read_op_ready(lo, op);
	}
}

static void
chunk_parse(struct chunk *ch)
{
	size_t n = (size_t)(ch->end - ch->first);

	ch->rec = mem_alloc(n * sizeof *ch->rec);
	memset(ch->rec, 0xff, n * sizeof *ch->rec);
	for (uint32_t i = 0; i < ch->row_n; i++)
		row_parse(ch, &ch->row[i]);
	MEM_FREE(ch->row);
	ch->loaded = true;
}

/* A block that can't be read says nothing of this ledger's part of it, which is
 * then read by itself. */
static void
chunk_loaded(struct stretch_wait *sw, enum err err)
{
	struct chunk *ch = sw->priv;

	CHECK_OBJ_NOTNULL(ch, CHUNK_MAGIC);
	if (err != ERR_OK && stretch_is_wide(ch->st)) {
		wake(ch, ERR_OK);
		chunk_delete(ch);
	} else if (err != ERR_OK || ch->lg == NULL) {
		wake(ch, ch->lg == NULL ? ERR_OK : err);
		chunk_delete(ch);
	} else {
		chunk_parse(ch);
		wake(ch, ERR_OK);
	}
}

static void
op_wait_chunk(struct read_op *op, struct chunk *ch)
{
	op->state = OP_CHUNK;
	op->ch = ch;
	TAILQ_INSERT_TAIL(&ch->wait, op, list);
}

static struct chunk *
chunk_new(struct ledger *lg, const struct segment *seg, struct stretch *st)
{
	struct local *lo = lg->lo;
	struct chunk *ch;
	uint32_t end;

	ALLOC_OBJ(ch, CHUNK_MAGIC);
	TAILQ_INIT(&ch->wait);
	ch->lo = lo;
	ch->lg = lg;
	ch->segment = seg->id;
	ch->seed = seg->seed;
	ch->st = st;
	ch->sw.fn = chunk_loaded;
	ch->sw.priv = ch;
	ch->buf = stretch_peek_buf(st, &ch->off, &end);
	ch->next = lg->cold;
	lg->cold = ch;
	TAILQ_INSERT_TAIL(&lo->chunks, ch, lru);
	return ch;
}

/* --- one step of a read --------------------------------------------------- */

static void
take(struct read_op *op, const struct entry *e)
{
	uint32_t max =
	    op->rd->max_n < LEDGER_READ_MAX ? op->rd->max_n : LEDGER_READ_MAX;

	if (op->ent_n == op->ent_cap) {
		op->ent_cap = op->ent_cap == 0 ? 16 : op->ent_cap * 2;
		if (op->ent_cap < max && op->ent_cap > 16)
			op->ent_cap = LEDGER_READ_MAX;
		op->ent =
		    mem_reallocarray(op->ent, op->ent_cap, sizeof *op->ent);
	}
	op->ent[op->ent_n] = *e;
	op->ent[op->ent_n].body = slice_ref(e->body);
	op->ent_n++;
}

/* Does r go on where `last` ends? What is missing may be in another segment. end 0:
 * and so near to it, and to `first`, that they are read together; else before it,
 * within what is read anyway. */
static bool
row_follows(const struct local *lo, const struct run_row *first,
    const struct run_row *last, const struct run_row *r, uint32_t end)
{
	if (r->first_entry != last->first_entry + last->n ||
	    r->off < last->off + last->bytes)
		return false;
	if (end != 0)
		return r->off + r->bytes <= end;
	return r->off - (last->off + last->bytes) <= GAP_MAX &&
	    r->off + r->bytes - first->off <= lo->conf.read_bytes;
}

/* Runs from sorted rows or, for a segment without footer, from the ledger's own
 * index: adjacent ones, the first at or behind `from` */
static uint32_t
range_rows(struct local *lo, struct ledger *lg, struct segment *seg,
    int64_t from, uint32_t end, struct run_row *out)
{
	uint32_t n = 0, i;
	const struct run_row *r;
	struct run *run;

	if (seg->footer_ok)
		i = segment_row_find(seg, lg->id, from);
	else
		i = (run = run_find(lg, from)) != NULL ? lg->run_hint :
							 lg->run_n;
	for (; n < ROWS_MAX; i++) {
		if (seg->footer_ok) {
			if (i >= seg->row_n || seg->row[i].ledger != lg->id)
				break;
			r = &seg->row[i];
		} else {
			if (i >= lg->run_n)
				break;
			run = run_at(lg, i);
			if (run->seg != seg || run->grp != NULL)
				break;
			r = &seg->row[run->row];
		}
		if (n > 0 && !row_follows(lo, &out[0], &out[n - 1], r, end))
			break;
		if (r->first_entry > lg->last_entry)
			break;
		out[n++] = *r;
	}
	return n;
}

/* Has the runs row[0..n), which lie one behind the other in seg, read, and with them
 * what else of the ledger lies in the same stretch. */
static struct chunk *
chunk_read(struct local *lo, struct ledger *lg, struct segment *seg,
    struct run_row *row, uint32_t n)
{
	struct stretch *st;
	struct chunk *ch;
	uint32_t off, end;

	st = stretch_get(lo, lg, seg, row[0].off, row[0].off + row[0].bytes,
	    row[n - 1].off + row[n - 1].bytes);
	(void)stretch_peek_buf(st, &off, &end);
	n = range_rows(lo, lg, seg, row[0].first_entry, end, row);
	ch = chunk_new(lg, seg, st);
	ch->first = row[0].first_entry;
	ch->end = row[n - 1].first_entry + row[n - 1].n;
	ch->row = mem_dup(row, n * sizeof *row);
	ch->row_n = n;
	if (!stretch_wait(st, &ch->sw))
		chunk_parse(ch);
	return ch;
}

/* The reader is in the second half of a chunk: have the next one read, while
 * there is room, so that it need not wait for the disk. */
static void
read_ahead(struct local *lo, struct ledger *lg, struct chunk *ch)
{
	struct run_row row[ROWS_MAX];
	struct segment *seg;
	struct extent *x;
	struct run *r;
	int64_t at = ch->end;
	uint32_t n;

	ch->ahead = true;
	if (at > lg->last_entry || lo->chunk_bytes > lo->conf.cache_bytes / 8 ||
	    lo->reads_n >= lo->conf.reads_max || chunk_find(lg, at) != NULL)
		return;
	r = run_find(lg, at);
	if (r != NULL && r->grp != NULL && r->first_entry <= at)
		return;
	x = extent_find(lg, at);
	if (x == NULL || x->first_entry > at)
		return;
	seg = segment_want(lo, x->segment);
	/* a footer that is not here is the reader's to wait for */
	if (seg->size == 0 || (seg->footer_ok && seg->row == NULL))
		return;
	n = range_rows(lo, lg, seg, at, 0, row);
	if (n > 0 && row[0].first_entry == at)
		(void)chunk_read(lo, lg, seg, row, n);
}

bool
chunk_peek(struct ledger *lg, int64_t entry, struct entry *e)
{
	struct chunk *ch = chunk_find(lg, entry);
	uint32_t at;

	if (ch == NULL || !ch->loaded)
		return false;
	at = ch->rec[entry - ch->first];
	if (at == BAD)
		return false;
	if (!ch->ahead && entry - ch->first >= (ch->end - ch->first) / 2)
		read_ahead(lg->lo, lg, ch);
	record_entry(ch->buf->data + at, ch->buf, e);
	ch->used_bytes += e->body.len;
	return true;
}

/* Entries that are in memory, from rd->from on */
static bool
read_memory(struct local *lo, struct read_op *op)
{
	struct ledger_read *rd = op->rd;
	uint32_t max =
	    rd->max_n < LEDGER_READ_MAX ? rd->max_n : LEDGER_READ_MAX;
	uint64_t bytes = 0;
	int64_t at = rd->from;
	struct entry e;

	while (op->ent_n < max && at <= op->lg->last_entry &&
	    local_peek(&lo->base, op->lg, at, &e)) {
		if (op->ent_n > 0 && bytes + e.body.len > rd->max_bytes)
			break;
		bytes += e.body.len;
		take(op, &e);
		at++;
	}
	if (op->ent_n == 0)
		return false;
	op_done(op, ERR_OK, at);
	return true;
}

/* Where `from` should be is nothing: the log was damaged there */
static void
hole(struct local *lo, struct read_op *op, int64_t next)
{
	struct ledger_read *rd = op->rd;

	if (rd->from < op->lg->trim) {
		/* never there for the reader: go on at what is left */
		rd->from = next < op->lg->trim ? op->lg->trim : next;
		read_op_ready(lo, op);
		return;
	}
	op_done(op, ERR_CORRUPT, next);
}

static void step(struct local *, struct read_op *);

static void
read_cold(struct local *lo, struct read_op *op)
{
	struct ledger_read *rd = op->rd;
	struct ledger *lg = op->lg;
	struct run_row row[ROWS_MAX];
	struct segment *seg;
	struct extent *x;
	struct chunk *ch;
	uint32_t n;
	int64_t next;

	ch = chunk_find(lg, rd->from);
	if (ch != NULL && !ch->loaded) {
		op_wait_chunk(op, ch);
		return;
	}
	if (ch != NULL) {
		/* loaded, and peek did not find it: damaged */
		for (next = rd->from + 1;
		     next < ch->end && ch->rec[next - ch->first] == BAD;)
			next++;
		op_done(op, ERR_CORRUPT, next);
		return;
	}
	x = extent_find(lg, rd->from);
	if (x == NULL || x->first_entry > rd->from) {
		hole(lo, op, x != NULL ? x->first_entry : lg->last_entry + 1);
		return;
	}
	seg = segment_want(lo, x->segment);
	if (seg->size == 0) {
		op_done(op, ERR_CORRUPT, x->first_entry + x->n);
		return;
	}
	if (lo->reads_n >= lo->conf.reads_max && op->state != OP_FOOTER) {
		read_op_ready(lo, op);
		return;
	}
	if (seg->footer_ok && !footer_have(lo, seg, op))
		return;
	n = range_rows(lo, lg, seg, rd->from, 0, row);
	if (n == 0) {
		hole(lo, op, x->first_entry + x->n);
		return;
	}
	if (row[0].first_entry > rd->from) {
		hole(lo, op, row[0].first_entry);
		return;
	}
	ch = chunk_read(lo, lg, seg, row, n);
	if (ch->loaded)
		step(lo, op);
	else
		op_wait_chunk(op, ch);
}

static void
step(struct local *lo, struct read_op *op)
{
	struct ledger *lg = op->lg;

	if (lg->deleted) {
		read_op_fail(lo, op, ERR_NO_LEDGER);
		return;
	}
	if (op->rd == NULL) {
		find_step(lo, op);
		return;
	}
	if (op->rd->from < 0)
		op->rd->from = 0;
	if (op->rd->from > lg->last_entry) {
		op_done(op, ERR_EOF, op->rd->from);
		return;
	}
	if (!read_memory(lo, op))
		read_cold(lo, op);
}

/* Its footer is here. It goes on before anything else can have the footer
 * dropped, and the first one in the place at the disk which that read had: so
 * every read of a footer brings somebody on, however many wait for others. */
void
read_op_footer(struct local *lo, struct read_op *op, bool first)
{
	op->state = first ? OP_FOOTER : OP_READY;
	step(lo, op);
}

void
reads_poll(struct local *lo)
{
	struct read_op *op;
	uint32_t n = 0;

	/* Those put back (no place at the disk) wait for the next time. Who is
	 * answered may end other reads, so none of them marks the end. */
	TAILQ_FOREACH(op, &lo->reads, list)
		n++;
	for (; n > 0 && (op = TAILQ_FIRST(&lo->reads)) != NULL; n--) {
		TAILQ_REMOVE(&lo->reads, op, list);
		step(lo, op);
	}
}

/* --- the table's entries -------------------------------------------------- */

void
local_read(struct ledgers *lgs, struct ledger_read *rd)
{
	struct local *lo = local_of(lgs);
	struct read_op *op;

	CHECK_OBJ_NOTNULL(rd, LEDGER_READ_MAGIC);
	CHECK_OBJ_NOTNULL(rd->lg, LEDGER_MAGIC);
	assert(rd->impl == NULL && rd->lg->ready && rd->max_n > 0);
	rd->n = 0;
	rd->ent = NULL;
	rd->next = rd->from;
	op = read_op_new(lo, rd->lg);
	op->rd = rd;
	rd->impl = op;
	read_op_ready(lo, op);
}

void
local_read_fini(struct ledgers *lgs, struct ledger_read *rd)
{
	struct local *lo = local_of(lgs);
	struct read_op *op = rd->impl;

	CHECK_OBJ_NOTNULL(rd, LEDGER_READ_MAGIC);
	if (op == NULL)
		return;
	CHECK_OBJ_NOTNULL(op, READ_OP_MAGIC);
	if (!op->done) {
		if (op->state == OP_READY)
			TAILQ_REMOVE(&lo->reads, op, list);
		else if (op->state == OP_CHUNK)
			TAILQ_REMOVE(&op->ch->wait, op, list);
		else
			TAILQ_REMOVE(&op->seg->footer_wait, op, list);
	}
	rd->impl = NULL;
	rd->ent = NULL;
	rd->n = 0;
	read_op_delete(lo, op);
}

void
reads_fini(struct local *lo)
{
	struct read_op *op;
	struct chunk *ch;
	struct segment *seg;
	size_t it;

	UMAP_FOREACH(seg, &lo->segments, it)
	TAILQ_CONCAT(&lo->reads, &seg->footer_wait, list);
	TAILQ_FOREACH(ch, &lo->chunks, lru)
		TAILQ_CONCAT(&lo->reads, &ch->wait, list);
	TAILQ_CONCAT(&lo->reads, &lo->key_reads, list);
	while ((op = TAILQ_FIRST(&lo->reads)) != NULL) {
		TAILQ_REMOVE(&lo->reads, op, list);
		if (op->rd != NULL)
			op->rd->impl = NULL;
		read_op_delete(lo, op);
	}
	while ((ch = TAILQ_FIRST(&lo->chunks)) != NULL)
		chunk_delete(ch);
	stretches_fini(lo);
	if (lo->read_free != NULL) {
		mem_free(lo->read_free->ent);
		FREE_OBJ(lo->read_free);
	}
}
