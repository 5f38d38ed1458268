/* SPDX-License-Identifier: Apache-2.0 */
/* Runs and extents of a ledger: where an entry is. See local_priv.h. */
#include "store/local_priv.h"

struct run *
run_at(const struct ledger *lg, uint32_t i)
{
	assert(i < lg->run_n);
	return &lg->run[(lg->run_0 + i) & (lg->run_cap - 1)];
}

/* index of the run that holds entry or of the first behind it */
static uint32_t
run_index(const struct ledger *lg, int64_t entry)
{
	uint32_t lo = 0, hi = lg->run_n, mid;
	const struct run *r;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		r = run_at(lg, mid);
		if (r->first_entry + r->n <= entry)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Readers go forward: the run of the last time or the one behind it. */
struct run *
run_find(struct ledger *lg, int64_t entry)
{
	struct run *r;
	uint32_t i = lg->run_hint;

	for (int k = 0; k < 2; k++, i++) {
		if (i >= lg->run_n)
			break;
		r = run_at(lg, i);
		if (entry < r->first_entry)
			break;
		if (entry < r->first_entry + r->n) {
			lg->run_hint = i;
			return r;
		}
	}
	i = run_index(lg, entry);
	if (i == lg->run_n)
		return NULL;
	lg->run_hint = i;
	return run_at(lg, i);
}

struct run *
run_push(struct ledger *lg)
{
	struct run *v;
	uint32_t cap;

	if (lg->run_n == lg->run_cap) {
		cap = lg->run_cap == 0 ? 1 : lg->run_cap * 2;
		v = mem_calloc(cap, sizeof *v);
		for (uint32_t i = 0; i < lg->run_n; i++)
			v[i] = *run_at(lg, i);
		mem_free(lg->run);
		lg->run = v;
		lg->run_0 = 0;
		lg->run_cap = cap;
	}
	lg->run_n++;
	return run_at(lg, lg->run_n - 1);
}

static void
shrink(struct ledger *lg)
{
	if (lg->run_n == 0 && lg->run_cap > 64) {
		MEM_FREE(lg->run);
		lg->run_cap = 0;
		lg->run_0 = 0;
	}
}

void
run_truncate(struct ledger *lg, int64_t first_entry)
{
	while (lg->run_n > 0 &&
	    run_at(lg, lg->run_n - 1)->first_entry >= first_entry)
		lg->run_n--;
	lg->run_hint = 0;
}

void
run_trim_front(struct ledger *lg)
{
	struct run *r;

	while (lg->run_n > 0) {
		r = run_at(lg, 0);
		if (r->grp != NULL || !r->seg->footer_ok)
			break;
		lg->run_0 = (lg->run_0 + 1) & (lg->run_cap - 1);
		lg->run_n--;
		if (lg->run_hint > 0)
			lg->run_hint--;
	}
	shrink(lg);
}

/* The ledger goes: groups forget it */
void
runs_fini(struct ledger *lg)
{
	struct run *r;

	for (uint32_t i = 0; i < lg->run_n; i++) {
		r = run_at(lg, i);
		if (r->grp != NULL)
			r->grp->run[r->grun].lg = NULL;
	}
	MEM_FREE(lg->run);
	lg->run_n = lg->run_cap = lg->run_0 = lg->run_hint = 0;
}

/* The extent that holds entry or the first behind it */
struct extent *
extent_find(const struct ledger *lg, int64_t entry)
{
	uint32_t lo = 0, hi = lg->ext_n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (lg->ext[mid].first_entry + lg->ext[mid].n <= entry)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo < lg->ext_n && lg->ext[lo].trimmed)
		lo++;
	return lo < lg->ext_n ? &lg->ext[lo] : NULL;
}

/* A run has become durable (or was read back by recovery). Entries may be
 * missing before it when the log was damaged: then n counts what the extent
 * spans, so that the search stays right. */
void
extent_add(struct ledger *lg, struct segment *seg, const struct run_row *row,
    uint32_t body_bytes)
{
	struct extent *x = lg->ext_n > 0 ? &lg->ext[lg->ext_n - 1] : NULL;

	if (x == NULL || x->segment != seg->id || x->trimmed) {
		if (lg->ext_n == lg->ext_cap) {
			lg->ext_cap = lg->ext_cap == 0 ? 1 : lg->ext_cap * 2;
			lg->ext = mem_reallocarray(
			    lg->ext, lg->ext_cap, sizeof *lg->ext);
		}
		x = &lg->ext[lg->ext_n++];
		memset(x, 0, sizeof *x);
		x->segment = seg->id;
		x->first_entry = row->first_entry;
		x->first_index = row->first_index;
		x->first_ms = row->store_time_ms;
	}
	x->last_ms = row->store_time_ms;
	x->n = (uint32_t)(row->first_entry + row->n - x->first_entry);
	x->messages_n =
	    (uint32_t)(row->first_index + row->messages_n - x->first_index);
	x->body_bytes += body_bytes;
	x->disk_bytes += row->bytes;
	seg->live += row->bytes;
	lg->last_entry = row->first_entry + row->n - 1;
	lg->next_index = row->first_index + row->messages_n;
	lg->last_store_ms = row->store_time_ms;
	lg->bytes += body_bytes;
	ledger_mark_dirty(lg);
}
