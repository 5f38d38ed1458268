/* SPDX-License-Identifier: Apache-2.0 */
/* Rewriting: the file that a job makes. See local_rewrite.c. */
#include "store/local_rewrite_priv.h"

#define COPY_BYTES (256u << 10) /* of a group, of a read */
#define GAP_MAX (32u << 10)

static uint32_t
blocks(uint32_t len)
{
	return (len + DISK_BLOCK - 1) & ~(DISK_BLOCK - 1);
}

/* The rows of the group that begins with row i; *len: of the group */
static uint32_t
group_rows(const struct rewrite *rw, uint32_t i, uint32_t *len)
{
	*len = GROUP_HEAD + rw->row[i].row.bytes;
	for (i++; i < rw->row_n; i++) {
		if (*len + rw->row[i].row.bytes > COPY_BYTES)
			break;
		*len += rw->row[i].row.bytes;
	}
	return i;
}

static uint32_t
all_groups_bytes(const struct rewrite *rw)
{
	uint32_t i, len, sum = 0;

	for (i = 0; i < rw->row_n; sum += blocks(len))
		i = group_rows(rw, i, &len);
	return sum;
}

/* Keys that the rows may have, at most: no more than the victims have, nor
 * than what is live has room for */
static uint32_t
all_keys(const struct rewrite *rw)
{
	uint64_t sum = 0, bytes;

	for (uint32_t v = 0; v < rw->victim_n; v++) {
		bytes = 0;
		for (uint32_t i = 0; i < rw->row_n; i++)
			if (rw->row[i].seg == rw->victim[v])
				bytes += rw->row[i].row.bytes;
		bytes /= KEY_BODY_BYTES;
		sum +=
		    bytes < rw->victim[v]->key_n ? bytes : rw->victim[v]->key_n;
	}
	return (uint32_t)sum;
}

/* --- the file ---------------------------------------------------------------- */

static void
submit(struct rewrite *rw, enum disk_op op,
    void (*done)(struct disk_req *, enum err))
{
	struct local *lo = rw->lo;

	rw->rq.magic = DISK_REQ_MAGIC;
	rw->rq.op = op;
	rw->rq.back = op != DISK_READ && op != DISK_CREATE;
	rw->rq.done = done;
	rw->rq.priv = rw;
	rw->busy = true;
	lo->disk->ops->submit(lo->disk, &rw->rq);
}

static void
out_begin(struct rewrite *rw, struct segment *out)
{
	rw->out = out;
	out->state = SEG_SEALED;
	out->rewritten = true;
	out->footer_ok = false;
	out->pins++;
	rw->step = RW_COPY;
}

/* No room for a file: a segment that is ready will do, if that frees more than
 * it takes */
static void
out_reserve(struct rewrite *rw)
{
	struct local *lo = rw->lo;
	struct segment *seg = TAILQ_LAST(&lo->free, segment_list);

	if (seg == NULL || rw->victim_n < 2 ||
	    rw->out_bytes + footer_len(rw->row_n) + keys_len(rw->keys_n) >
		seg->size) {
		rewrite_give_up(rw, NULL);
		return;
	}
	TAILQ_REMOVE(&lo->free, seg, list);
	lo->free_n--;
	out_begin(rw, seg);
}

static void
out_made(struct disk_req *rq, enum err err)
{
	struct rewrite *rw = rq->priv;
	struct segment *out = rw->out;

	rw->busy = false;
	rw->out = NULL;
	if (err == ERR_OK) {
		out_begin(rw, out);
		return;
	}
	segment_drop(rw->lo, &out);
	if (err == ERR_NO_SPACE)
		out_reserve(rw);
	else
		rewrite_give_up(rw, NULL);
}

void
rewrite_make(struct rewrite *rw)
{
	struct local *lo = rw->lo;
	uint64_t id;

	if (rw->row_n == 0) {
		/* deleted meanwhile */
		rewrite_give_up(rw, NULL);
		return;
	}
	rw->out_bytes = all_groups_bytes(rw);
	rw->keys_n = all_keys(rw);
	id = segment_id_next(lo);
	memset(&rw->rq, 0, sizeof rw->rq);
	rw->rq.file = id;
	rw->rq.len =
	    rw->out_bytes + footer_len(rw->row_n) + keys_len(rw->keys_n);
	rw->rq.hurry = true;
	/* neither free nor sealed yet */
	rw->out = segment_add(lo, id, rw->rq.len);
	rw->out->state = SEG_MAKING;
	submit(rw, DISK_CREATE, out_made);
}

/* --- copying ----------------------------------------------------------------- */

/* One row: every record is checked and sealed anew */
static bool
row_copy(struct rewrite *rw, struct rw_row *r)
{
	const uint8_t *p = rw->in->data + (r->row.off - rw->in_off);
	uint8_t *to = rw->group->data + rw->group_len;
	uint32_t off = 0;
	struct record_head h;

	for (uint32_t i = 0; i < r->row.n; i++, off += h.len) {
		if (!record_head(p + off, r->row.bytes - off, &h) ||
		    h.type != RECORD_ENTRY || h.ledger != r->row.ledger ||
		    h.entry != r->row.first_entry + i ||
		    !record_check(p + off, &h, r->seg->seed)) {
			local_report(rw->lo, LOCAL_CORRUPT, r->seg->id,
			    r->row.off + off, h.len);
			return false;
		}
		memcpy(to + off, p + off, h.len);
		le32_put(to + off,
		    crc32c(rw->out->seed, to + off + 4,
			(size_t)h.head_len - 4 + h.body_len));
		rw->crc = crc32c(rw->crc, to + off, 8);
		rw->records_n++;
		/* what was not indexed is not: there is no room for it */
		if (r->seg->key_n > 0)
			segment_keys_add(rw->lo, rw->out, h.format,
			    p + off + h.head_len, h.body_len, h.ledger,
			    h.entry);
	}
	r->off = rw->out_off + rw->group_len;
	rw->group_len += off;
	return off == r->row.bytes;
}

static void
row_read(struct disk_req *rq, enum err err)
{
	struct rewrite *rw = rq->priv;

	rw->busy = false;
	for (; err == ERR_OK && rw->at < rw->read_end; rw->at++)
		if (!row_copy(rw, &rw->row[rw->at]))
			err = ERR_CORRUPT;
	buf_unref(&rw->in);
	rw->lo->st.rewrite_bytes += rq->len;
	rw->next_ns += (int64_t)(rq->len * UINT64_C(1000000000) /
	    rw->lo->conf.rewrite_bytes_per_s);
	if (err != ERR_OK)
		rewrite_give_up(rw, rw->row[rw->at].seg);
}

/* The next rows that lie one behind the other */
static void
rows_read(struct rewrite *rw)
{
	const struct rw_row *r = &rw->row[rw->at];
	uint32_t start = r->row.off & ~(DISK_BLOCK - 1),
		 last = r->row.off + r->row.bytes, i;

	for (i = rw->at + 1; i < rw->group_end; i++) {
		const struct run_row *n = &rw->row[i].row;

		if (rw->row[i].seg != r->seg || n->off < last ||
		    n->off - last > GAP_MAX ||
		    n->off + n->bytes - start > COPY_BYTES)
			break;
		last = n->off + n->bytes;
	}
	rw->read_end = i;
	rw->in_off = start;
	memset(&rw->rq, 0, sizeof rw->rq);
	rw->rq.len = blocks(last - start);
	rw->in = pool_get(rw->lo->pool, (uint32_t)rw->rq.len, POOL_BRIEF);
	rw->rq.file = r->seg->id;
	rw->rq.off = start;
	rw->rq.data = rw->in->data;
	submit(rw, DISK_READ, row_read);
}

static void
group_written(struct disk_req *rq, enum err err)
{
	struct rewrite *rw = rq->priv;

	rw->busy = false;
	rw->out_off += (uint32_t)rq->len;
	rw->next_ns += (int64_t)(rq->len * UINT64_C(1000000000) /
	    rw->lo->conf.rewrite_bytes_per_s);
	buf_unref(&rw->group);
	rw->group_0 = rw->group_end;
	if (err != ERR_OK)
		rewrite_give_up(rw, NULL);
}

static void
group_write(struct rewrite *rw)
{
	struct local *lo = rw->lo;
	uint32_t len = blocks(rw->group_len);
	struct group_head h = {
		.generation = rw->out->id,
		.epoch = lo->epoch,
		.len = rw->group_len,
		.records_n = rw->records_n,
		.records_crc = rw->crc,
		.shard = lo->conf.shard,
		.store_time_ms = lo->wall_ms,
	};

	memset(rw->group->data + rw->group_len, 0, len - rw->group_len);
	group_head_put(rw->group->data, &h);
	memset(&rw->rq, 0, sizeof rw->rq);
	rw->rq.file = rw->out->id;
	rw->rq.off = rw->out_off;
	rw->rq.data = rw->group->data;
	rw->rq.len = len;
	submit(rw, DISK_WRITE, group_written);
}

/* --- the end of the file ----------------------------------------------------- */

static void
out_synced(struct disk_req *rq, enum err err)
{
	struct rewrite *rw = rq->priv;
	struct segment *out = rw->out;

	rw->busy = false;
	if (err != ERR_OK) {
		rewrite_give_up(rw, NULL);
		return;
	}
	out->footer_ok = true;
	segment_footer_done(out);
	segment_sealed(rw->lo, out);
	segment_touch(rw->lo, out);
	rw->step = RW_COMMIT;
}

static void
footer_written(struct disk_req *rq, enum err err)
{
	struct rewrite *rw = rq->priv;

	rw->busy = false;
	buf_unref(&rw->group);
	if (err != ERR_OK) {
		rewrite_give_up(rw, NULL);
		return;
	}
	submit(rw, DISK_SYNC, out_synced);
}

static void
footer_write(struct rewrite *rw)
{
	struct segment *out = rw->out;
	struct run_row row;
	uint32_t len;

	out->first_group = out->last_group = 0;
	out->off = rw->out_off;
	for (uint32_t i = 0; i < rw->row_n; i++) {
		row = rw->row[i].row;
		row.off = rw->row[i].off;
		(void)segment_row_add(out, &row);
	}
	len = segment_footer_len(out);
	rw->group = pool_get(rw->lo->pool, len, POOL_BRIEF);
	segment_footer_put(rw->lo, out, rw->group->data, len);
	memset(&rw->rq, 0, sizeof rw->rq);
	rw->rq.file = out->id;
	rw->rq.off = out->size - len;
	rw->rq.data = rw->group->data;
	rw->rq.len = len;
	submit(rw, DISK_WRITE, footer_written);
}

void
rewrite_copy(struct rewrite *rw)
{
	uint32_t len;

	if (rw->group == NULL) {
		if (rw->group_0 == rw->row_n) {
			footer_write(rw);
			return;
		}
		rw->group_end = group_rows(rw, rw->group_0, &len);
		rw->group = pool_get(rw->lo->pool, len, POOL_BRIEF);
		rw->group_len = GROUP_HEAD;
		rw->records_n = 0;
		rw->crc = rw->out->seed;
		rw->at = rw->group_0;
	}
	if (rw->at < rw->group_end)
		rows_read(rw);
	else
		group_write(rw);
}
