/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stretches: what one read brings from a segment. Chunks of ledgers
 * (local_read.c) are windows on them.
 *
 * Topics that were written side by side lie side by side, in runs of some KB, and
 * are often read side by side: the queues of a topic by one consumer, all topics
 * after an outage. So where one ledger reads near to where another one just has, a
 * whole block of read_bytes is read, and serves both; measured with eight queues
 * that are drained together, it is one read instead of thirty. What is read near
 * by chance doesn't pay that for long: a block of which less than a quarter was
 * used takes away credit, without which only each WIDE_RETRY-th chance is taken.
 */
#include "store/local_priv.h"

#define LISTED_MAX 4u /* stretches that chunks to come may use */
#define WIDE_CREDIT 4u
#define WIDE_RETRY 16u

struct stretch {
	unsigned magic;
#define STRETCH_MAGIC 0x57e7c400
	struct local *lo;
	struct segment *seg; /* until it is loaded */
	uint64_t segment;
	struct disk_req rq;
	struct buf *buf;
	uint32_t off; /* in the segment */
	/* of chunks, which wait for it to be loaded; one more while it is listed */
	uint32_t refs;
	uint64_t used_bytes; /* that readers took */
	bool wide, listed, loaded;
	struct stretch_waits waits;
	TAILQ_ENTRY(stretch) list;
};

static uint32_t
stretch_end(const struct stretch *st)
{
	return st->off + st->buf->len;
}

struct buf *
stretch_peek_buf(const struct stretch *st, uint32_t *off, uint32_t *end)
{
	CHECK_OBJ_NOTNULL(st, STRETCH_MAGIC);
	*off = st->off;
	*end = stretch_end(st);
	return st->buf;
}

bool
stretch_is_wide(const struct stretch *st)
{
	return st->wide;
}

/* --- credit ----------------------------------------------------------------- */

static void
judge(const struct stretch *st)
{
	struct local *lo = st->lo;

	if (!st->wide)
		return;
	if (st->used_bytes >= st->buf->len / 4)
		lo->wide_credit = WIDE_CREDIT;
	else if (lo->wide_credit > 0)
		lo->wide_credit--;
}

/* Has another ledger read near this place just now? */
static bool
is_near(struct local *lo, const struct ledger *lg, const struct segment *seg,
    uint32_t off)
{
	uint32_t reach = lo->conf.read_bytes;
	bool near = false;
	struct read_place *p;

	for (uint32_t i = 0; i < READ_PLACES && !near; i++) {
		p = &lo->places[i];
		near = p->segment == seg->id && p->ledger != lg->id &&
		    p->ledger != 0 && p->off < off + reach &&
		    off < p->off + reach;
	}
	lo->places[lo->place_i] = (struct read_place){
		.ledger = lg->id, .segment = seg->id, .off = off
	};
	lo->place_i = (lo->place_i + 1) % READ_PLACES;
	if (!near || lo->wide_credit > 0)
		return near;
	return ++lo->wide_skipped % WIDE_RETRY == 0;
}

/* --- their life --------------------------------------------------------------- */

static void
drop(struct stretch *st)
{
	struct local *lo = st->lo;

	AN(st->refs);
	if (--st->refs > 0)
		return;
	judge(st);
	lo->chunk_bytes -= st->buf->cap;
	buf_unref(&st->buf);
	FREE_OBJ(st);
}

static void
unlist(struct stretch *st)
{
	struct local *lo = st->lo;

	assert(st->listed);
	st->listed = false;
	TAILQ_REMOVE(&lo->stretches, st, list);
	lo->stretches_n--;
	drop(st);
}

static void
loaded(struct disk_req *rq, enum err err)
{
	struct stretch *st = rq->priv;
	struct local *lo = st->lo;
	struct stretch_waits waits = TAILQ_HEAD_INITIALIZER(waits);
	struct stretch_wait *w;

	CHECK_OBJ_NOTNULL(st, STRETCH_MAGIC);
	lo->reads_n--;
	st->seg->pins--;
	lo->check_dead |= st->seg->live == 0;
	/* a block may be damaged where nobody wanted to read */
	st->seg->no_wide |= st->wide && err != ERR_OK;
	st->seg = NULL;
	st->refs++;
	st->loaded = true;
	TAILQ_CONCAT(&waits, &st->waits, link);
	if (err != ERR_OK && st->listed)
		unlist(st);
	while ((w = TAILQ_FIRST(&waits)) != NULL) {
		TAILQ_REMOVE(&waits, w, link);
		w->fn(w, err);
	}
	drop(st);
}

static struct stretch *
find(struct local *lo, const struct segment *seg, uint32_t off, uint32_t end)
{
	struct stretch *st;

	TAILQ_FOREACH(st, &lo->stretches, list)
		if (st->segment == seg->id && off >= st->off &&
		    end <= stretch_end(st))
			return st;
	return NULL;
}

static struct stretch *
begin(struct local *lo, struct segment *seg, uint32_t off, uint32_t end)
{
	struct stretch *st;

	ALLOC_OBJ(st, STRETCH_MAGIC);
	TAILQ_INIT(&st->waits);
	st->lo = lo;
	st->seg = seg;
	st->segment = seg->id;
	st->off = off;
	st->buf = pool_get(lo->pool, end - off, POOL_BRIEF);
	st->buf->len = end - off;
	lo->chunk_bytes += st->buf->cap;
	st->rq.magic = DISK_REQ_MAGIC;
	st->rq.op = DISK_READ;
	st->rq.file = seg->id;
	st->rq.off = off;
	st->rq.data = st->buf->data;
	st->rq.len = end - off;
	st->rq.done = loaded;
	st->rq.priv = st;
	seg->pins++;
	lo->reads_n++;
	lo->st.reads++;
	lo->st.read_bytes += end - off;
	return st;
}

/* The block that off is in; of a run that goes on into the next, the rest and that
 * one, which all others there want. */
static struct stretch *
begin_wide(struct local *lo, struct segment *seg, uint32_t off, uint32_t end)
{
	struct stretch *st;
	uint32_t block = lo->conf.read_bytes;
	uint32_t from = off - off % block, to = from + block;
	uint32_t size = (uint32_t)seg->size;

	if (end > to) {
		from = off;
		to = end - end % block + block;
	}
	st = begin(lo, seg, from, to < size ? to : size);
	st->wide = true;
	return st;
}

/* Does it go on in a block that is here already, or on its way? Then others have no
 * use for more of it. */
static bool
is_begun(
    struct local *lo, const struct segment *seg, uint32_t off, uint32_t end)
{
	uint32_t to = off - off % lo->conf.read_bytes + lo->conf.read_bytes;

	return end > to && find(lo, seg, to, end) != NULL;
}

static void
enlist(struct stretch *st)
{
	struct local *lo = st->lo;

	st->listed = true;
	st->refs++;
	TAILQ_INSERT_TAIL(&lo->stretches, st, list);
	if (++lo->stretches_n > LISTED_MAX)
		unlist(TAILQ_FIRST(&lo->stretches));
}

struct stretch *
stretch_get(struct local *lo, const struct ledger *lg, struct segment *seg,
    uint32_t off, uint32_t end, uint32_t wide_end)
{
	struct stretch *st;

	off &= ~(DISK_BLOCK - 1);
	st = find(lo, seg, off, end);
	if (st != NULL) {
		st->refs++;
		return st;
	}
	end = (end + DISK_BLOCK - 1) & ~(DISK_BLOCK - 1);
	wide_end = (wide_end + DISK_BLOCK - 1) & ~(DISK_BLOCK - 1);
	if (!seg->footer_ok || seg->no_wide || !is_near(lo, lg, seg, off))
		st = begin(lo, seg, off, wide_end);
	else if (is_begun(lo, seg, off, end))
		st = begin(lo, seg, off, end);
	else
		st = begin_wide(lo, seg, off, end);
	st->refs = 1;
	if (st->wide)
		enlist(st);
	lo->disk->ops->submit(lo->disk, &st->rq);
	return st;
}

bool
stretch_wait(struct stretch *st, struct stretch_wait *w)
{
	CHECK_OBJ_NOTNULL(st, STRETCH_MAGIC);
	if (st->loaded)
		return false;
	TAILQ_INSERT_TAIL(&st->waits, w, link);
	return true;
}

void
stretch_used(struct stretch *st, uint64_t bytes)
{
	st->used_bytes += bytes;
}

void
stretch_put(struct stretch **stp)
{
	struct stretch *st;

	TAKE_OBJ_NOTNULL(st, stp, STRETCH_MAGIC);
	drop(st);
}

bool
stretch_evict_idle(struct local *lo)
{
	struct stretch *st;

	TAILQ_FOREACH(st, &lo->stretches, list)
		if (st->loaded && st->refs == 1) {
			unlist(st);
			return true;
		}
	return false;
}

void
stretches_init(struct local *lo)
{
	TAILQ_INIT(&lo->stretches);
	lo->wide_credit = WIDE_CREDIT;
}

void
stretches_fini(struct local *lo)
{
	struct stretch *st;

	while ((st = TAILQ_FIRST(&lo->stretches)) != NULL)
		unlist(st);
}
