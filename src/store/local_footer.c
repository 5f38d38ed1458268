/* SPDX-License-Identifier: Apache-2.0 */
/* Footers of sealed segments, read when they are wanted; one that is damaged is
 * made again from the segment's groups. */
#include "store/local_priv.h"

#define FOOTER_GUESS (64u << 10)

static void footer_loaded(struct disk_req *, enum err);

static void
footer_read(struct local *lo, struct segment *seg, uint64_t len, bool whole)
{
	struct dop *op = dop_new(lo, DISK_READ, seg, footer_loaded);

	op->flag = whole;
	op->buf = pool_get(lo->pool, (uint32_t)len, POOL_BRIEF);
	op->rq.off = seg->size - len;
	op->rq.data = op->buf->data;
	op->rq.len = len;
	seg->pins++;
	lo->reads_n++;
	lo->st.reads++;
	lo->st.read_bytes += len;
	lo->disk->ops->submit(lo->disk, &op->rq);
}

/* Rows from a footer. ERR_AGAIN: more of it is needed */
static enum err
footer_parse(
    struct segment *seg, const uint8_t *b, uint64_t len, uint64_t *need)
{
	struct trailer t;
	const uint8_t *rows;

	if (trailer_get(b + len - FOOTER_TRAILER, seg->id, &t) != GROUP_OK ||
	    t.footer_off > seg->size || t.rows_n > seg->size / RUN_ROW ||
	    seg->size - t.footer_off != footer_len(t.rows_n) ||
	    t.keys_n > seg->size / sizeof(uint64_t) ||
	    keys_len(t.keys_n) > t.footer_off)
		return ERR_CORRUPT;
	*need = seg->size - t.footer_off;
	if (*need > len)
		return ERR_AGAIN;
	rows = b + (len - *need);
	if (crc32c(seg->seed, rows, (size_t)t.rows_n * RUN_ROW) != t.rows_crc)
		return ERR_CORRUPT;
	mem_free(seg->row);
	seg->row_n = t.rows_n;
	seg->row_cap = t.rows_n + 1;
	seg->row = mem_calloc(seg->row_cap, sizeof *seg->row);
	for (uint32_t i = 0; i < t.rows_n; i++)
		run_row_get(rows + (size_t)i * RUN_ROW, &seg->row[i]);
	seg->last_group = t.last_group;
	seg->key_n = t.keys_n;
	seg->keys_known = true;
	return ERR_OK;
}

static void
scan_group(struct local *lo, struct segment *seg, const uint8_t *p, uint32_t at,
    const struct group_head *g)
{
	struct run_row *r = NULL, row;
	struct record_head h;
	uint32_t off = GROUP_HEAD, at_row;

	for (uint32_t i = 0; i < g->records_n; i++, off += h.len) {
		if (!record_head(p + off, g->len - off, &h))
			return;
		if (h.type != RECORD_ENTRY ||
		    !record_check(p + off, &h, seg->seed)) {
			r = NULL;
			continue;
		}
		if (r == NULL || r->ledger != h.ledger ||
		    r->first_entry + r->n != h.entry) {
			memset(&row, 0, sizeof row);
			row.ledger = h.ledger;
			row.first_entry = h.entry;
			row.first_index = h.index;
			row.store_time_ms = h.store_time_ms;
			row.off = at + off;
			at_row = segment_row_add(seg, &row);
			r = &seg->row[at_row];
		}
		r->n++;
		r->bytes += h.len;
		r->messages_n += h.messages_n;
		segment_keys_add(lo, seg, h.format, p + off + h.head_len,
		    h.body_len, h.ledger, h.entry);
	}
}

/* The footer is damaged: the groups themselves tell. Leftovers of a tail that
 * was cut would come twice, so rows that overlap are dropped. */
static void
footer_rebuild(struct local *lo, struct segment *seg, const uint8_t *b)
{
	struct group_head h;
	enum group_verdict v;
	uint64_t off = 0;
	uint32_t n = 0;

	local_report(lo, LOCAL_CORRUPT, seg->id, seg->size - FOOTER_TRAILER,
	    FOOTER_TRAILER);
	seg->footer_bad = true;
	MEM_FREE(seg->row);
	seg->row_n = seg->row_cap = 0;
	segment_keys_drop(seg);
	while (off + GROUP_HEAD <= seg->size) {
		v = group_check(b + off, seg->size - off, seg->id, &h);
		if (v != GROUP_OK && v != GROUP_BAD_RECORDS) {
			off += DISK_BLOCK;
			continue;
		}
		scan_group(lo, seg, b + off, (uint32_t)off, &h);
		off += (h.len + DISK_BLOCK - 1) & ~(DISK_BLOCK - 1);
	}
	segment_keys_sort(seg);
	seg->keys_known = true;
	segment_rows_sort(seg);
	for (uint32_t i = 0; i < seg->row_n; i++) {
		const struct run_row *r = &seg->row[i];

		if (n > 0 && seg->row[n - 1].ledger == r->ledger &&
		    r->first_entry <
			seg->row[n - 1].first_entry + seg->row[n - 1].n)
			continue;
		seg->row[n++] = *r;
	}
	seg->row_n = n;
	if (seg->row == NULL)
		seg->row = mem_calloc(1, sizeof *seg->row);
}

static void
footer_loaded(struct disk_req *rq, enum err err)
{
	struct dop *op = rq->priv;
	struct local *lo = op->lo;
	struct segment *seg = op->seg;
	struct read_op *rop;
	bool first = true;
	uint64_t need;

	lo->reads_n--;
	seg->pins--;
	lo->check_dead |= seg->live == 0;
	if (err == ERR_OK && op->flag) {
		footer_rebuild(lo, seg, op->buf->data);
	} else if (err == ERR_OK) {
		err = footer_parse(seg, op->buf->data, rq->len, &need);
		if (err == ERR_AGAIN || err == ERR_CORRUPT) {
			footer_read(lo, seg,
			    err == ERR_AGAIN ? need : seg->size,
			    err == ERR_CORRUPT);
			goto out;
		}
	}
	seg->footer_loading = false;
	if (err == ERR_OK)
		segment_touch(lo, seg);
	while ((rop = TAILQ_FIRST(&seg->footer_wait)) != NULL) {
		TAILQ_REMOVE(&seg->footer_wait, rop, list);
		if (err != ERR_OK)
			read_op_fail(lo, rop, err);
		else
			read_op_footer(lo, rop, first);
		first = false;
	}
out:
	dop_free(op);
}

void
footer_want(struct local *lo, struct segment *seg)
{
	uint64_t len;

	if (seg->footer_loading)
		return;
	seg->footer_loading = true;
	len = seg->footer_bad ? seg->size : FOOTER_GUESS;
	footer_read(
	    lo, seg, len < seg->size ? len : seg->size, seg->footer_bad);
}

/* True if the rows are here; else the operation waits for them */
bool
footer_have(struct local *lo, struct segment *seg, struct read_op *op)
{
	if (seg->row != NULL) {
		segment_touch(lo, seg);
		return true;
	}
	op->state = OP_FOOTER;
	op->seg = seg;
	TAILQ_INSERT_TAIL(&seg->footer_wait, op, list);
	footer_want(lo, seg);
	return false;
}
