/* SPDX-License-Identifier: Apache-2.0 */
/* Searches in a ledger, by time and by index: extent, then row, no record. */
#include "store/local_priv.h"

/* --- by time -------------------------------------------------------------- */

static void
find_time_step(struct local *lo, struct read_op *op)
{
	struct ledger *lg = op->lg;
	struct segment *seg;
	struct extent *x = NULL;
	int64_t entry = lg->last_entry + 1;
	uint32_t i;

	for (i = 0; i < lg->ext_n && x == NULL; i++)
		if (!lg->ext[i].trimmed && lg->ext[i].last_ms >= op->time_ms)
			x = &lg->ext[i];
	if (x == NULL) {
		read_op_found(lo, op, entry, ERR_OK);
		return;
	}
	seg = segment_want(lo, x->segment);
	entry = x->first_entry;
	if (x->first_ms >= op->time_ms || seg->size == 0) {
		read_op_found(
		    lo, op, entry < lg->trim ? lg->trim : entry, ERR_OK);
		return;
	}
	if (!seg->footer_ok) {
		for (i = 0; i < lg->run_n; i++)
			if (run_at(lg, i)->seg == seg &&
			    seg->row[run_at(lg, i)->row].store_time_ms >=
				op->time_ms)
				break;
		if (i < lg->run_n)
			entry = run_at(lg, i)->first_entry;
	} else {
		if (!footer_have(lo, seg, op))
			return;
		i = segment_row_find(seg, lg->id, x->first_entry);
		while (i < seg->row_n && seg->row[i].ledger == lg->id &&
		    seg->row[i].store_time_ms < op->time_ms)
			i++;
		if (i < seg->row_n && seg->row[i].ledger == lg->id)
			entry = seg->row[i].first_entry;
	}
	read_op_found(lo, op, entry < lg->trim ? lg->trim : entry, ERR_OK);
}

/* --- by index ------------------------------------------------------------- */

/* The extent that holds the message, or the first one behind it */
static const struct extent *
index_extent(const struct ledger *lg, uint64_t index)
{
	uint32_t lo = 0, hi = lg->ext_n, mid;
	const struct extent *x;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		x = &lg->ext[mid];
		if (x->first_index + x->messages_n <= index)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo < lg->ext_n && lg->ext[lo].trimmed)
		lo++;
	return lo < lg->ext_n ? &lg->ext[lo] : NULL;
}

/* Row number i of the ledger's within an extent, from sorted rows or from the
 * ledger's own index */
static const struct run_row *
extent_row(const struct ledger *lg, const struct segment *seg, uint32_t i)
{
	return seg->footer_ok ? &seg->row[i] : &seg->row[run_at(lg, i)->row];
}

/* Of the rows lo..hi-1 the last one that begins at or before index */
static int64_t
index_row(const struct ledger *lg, const struct segment *seg, uint32_t lo,
    uint32_t hi, uint64_t index)
{
	const struct run_row *r;
	uint32_t first = lo, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (extent_row(lg, seg, mid)->first_index <= index)
			lo = mid + 1;
		else
			hi = mid;
	}
	r = extent_row(lg, seg, lo > first ? lo - 1 : first);
	if (index < r->first_index || r->messages_n != r->n)
		return r->first_entry;
	if (index - r->first_index >= r->n) /* lost */
		return r->first_entry + r->n;
	return r->first_entry + (int64_t)(index - r->first_index);
}

/* Runs of a segment that has no footer yet, between two entries */
static void
extent_runs(const struct ledger *lg, const struct segment *seg,
    const struct extent *x, uint32_t *lo, uint32_t *hi)
{
	uint32_t i;

	for (i = 0; i < lg->run_n; i++)
		if (run_at(lg, i)->seg == seg &&
		    run_at(lg, i)->first_entry >= x->first_entry)
			break;
	*lo = i;
	for (; i < lg->run_n && run_at(lg, i)->seg == seg &&
	     run_at(lg, i)->first_entry < x->first_entry + x->n;
	     i++)
		;
	*hi = i;
}

static void
find_index_step(struct local *lo, struct read_op *op)
{
	struct ledger *lg = op->lg;
	const struct extent *x = index_extent(lg, op->index);
	int64_t entry = lg->last_entry + 1;
	struct segment *seg;
	uint32_t from, to;

	if (x != NULL && op->index < lg->next_index) {
		entry = x->first_entry;
		seg = segment_want(lo, x->segment);
		if (op->index <= x->first_index)
			;
		else if (x->messages_n == x->n)
			entry += (int64_t)(op->index - x->first_index);
		else if (seg->size != 0 && !seg->footer_ok) {
			extent_runs(lg, seg, x, &from, &to);
			if (from < to)
				entry = index_row(lg, seg, from, to, op->index);
		} else if (seg->size != 0) {
			if (!footer_have(lo, seg, op))
				return;
			from = segment_row_find(seg, lg->id, x->first_entry);
			for (to = from;
			     to < seg->row_n && seg->row[to].ledger == lg->id &&
			     seg->row[to].first_entry < x->first_entry + x->n;
			     to++)
				;
			if (from < to)
				entry = index_row(lg, seg, from, to, op->index);
		}
	}
	read_op_found(lo, op, entry < lg->trim ? lg->trim : entry, ERR_OK);
}

void
find_step(struct local *lo, struct read_op *op)
{
	if (op->ks != NULL)
		find_keys_step(lo, op);
	else if (op->by_index)
		find_index_step(lo, op);
	else
		find_time_step(lo, op);
}

/* --- the table's entries -------------------------------------------------- */

void
local_find_time(struct ledgers *lgs, struct ledger *lg, int64_t wall_ms,
    void (*done)(void *, int64_t, enum err), void *priv)
{
	struct local *lo = local_of(lgs);
	struct read_op *op;

	CHECK_OBJ_NOTNULL(lg, LEDGER_MAGIC);
	op = read_op_new(lo, lg);
	op->time_ms = wall_ms;
	op->by_index = false;
	op->found = done;
	op->priv = priv;
	read_op_ready(lo, op);
}

void
local_find_index(struct ledgers *lgs, struct ledger *lg, uint64_t index,
    void (*done)(void *, int64_t, enum err), void *priv)
{
	struct local *lo = local_of(lgs);
	struct read_op *op;

	CHECK_OBJ_NOTNULL(lg, LEDGER_MAGIC);
	op = read_op_new(lo, lg);
	op->index = index;
	op->by_index = true;
	op->found = done;
	op->priv = priv;
	read_op_ready(lo, op);
}
