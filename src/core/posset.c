/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bitmaps are in an array that is sorted by ledger; the last one used is
 * usually the next one asked for, but a topic has few ledgers, so a binary
 * search is all there is.
 */
#include <string.h>

#include "base/mem.h"
#include "base/vas.h"
#include "core/posset.h"

#define ENTRY_MAX ((int64_t)UINT32_MAX)

void
posset_init(struct posset *ps)
{
	memset(ps, 0, sizeof *ps);
}

void
posset_fini(struct posset *ps)
{
	posset_clear(ps);
	MEM_FREE(ps->v);
	ps->cap = 0;
}

void
posset_clear(struct posset *ps)
{
	uint32_t i;

	for (i = 0; i < ps->n; i++)
		roaring_bitmap_free(ps->v[i].bits);
	ps->n = 0;
	ps->count = 0;
}

/* index of the first ledger >= id */
static uint32_t
find(const struct posset *ps, uint64_t id)
{
	uint32_t lo = 0, hi = ps->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (ps->v[mid].ledger < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct posset_ledger *
get(const struct posset *ps, uint64_t id)
{
	uint32_t i = find(ps, id);

	return i < ps->n && ps->v[i].ledger == id ? &ps->v[i] : NULL;
}

static struct posset_ledger *
get_or_make(struct posset *ps, uint64_t id)
{
	uint32_t i = find(ps, id);

	if (i < ps->n && ps->v[i].ledger == id)
		return &ps->v[i];
	if (ps->n == ps->cap) {
		ps->cap = ps->cap != 0 ? ps->cap * 2 : 2;
		ps->v = mem_reallocarray(ps->v, ps->cap, sizeof *ps->v);
	}
	memmove(&ps->v[i + 1], &ps->v[i], (ps->n - i) * sizeof *ps->v);
	ps->n++;
	ps->v[i].ledger = id;
	ps->v[i].bits = roaring_bitmap_create();
	AN(ps->v[i].bits);
	ps->v[i].dirty = true;
	return &ps->v[i];
}

static void
drop(struct posset *ps, uint32_t i, uint32_t n)
{
	uint32_t k;

	for (k = i; k < i + n; k++)
		roaring_bitmap_free(ps->v[k].bits);
	memmove(&ps->v[i], &ps->v[i + n], (ps->n - i - n) * sizeof *ps->v);
	ps->n -= n;
}

bool
posset_add(struct posset *ps, struct pos p)
{
	struct posset_ledger *pl;

	assert(p.entry >= 0 && p.entry <= ENTRY_MAX);
	pl = get_or_make(ps, p.ledger);
	if (!roaring_bitmap_add_checked(pl->bits, (uint32_t)p.entry))
		return false;
	pl->dirty = true;
	ps->count++;
	return true;
}

bool
posset_remove(struct posset *ps, struct pos p)
{
	struct posset_ledger *pl = get(ps, p.ledger);

	if (pl == NULL || p.entry < 0 || p.entry > ENTRY_MAX ||
	    !roaring_bitmap_remove_checked(pl->bits, (uint32_t)p.entry))
		return false;
	pl->dirty = true;
	ps->count--;
	if (roaring_bitmap_is_empty(pl->bits))
		drop(ps, (uint32_t)(pl - ps->v), 1);
	return true;
}

bool
posset_contains(const struct posset *ps, struct pos p)
{
	const struct posset_ledger *pl;

	if (ps->count == 0 || p.entry < 0 || p.entry > ENTRY_MAX)
		return false;
	pl = get(ps, p.ledger);
	return pl != NULL &&
	    roaring_bitmap_contains(pl->bits, (uint32_t)p.entry);
}

bool
posset_has_ledger(const struct posset *ps, uint64_t ledger)
{
	return get(ps, ledger) != NULL;
}

bool
posset_first(const struct posset *ps, struct pos *p)
{
	if (ps->n == 0)
		return false;
	p->ledger = ps->v[0].ledger;
	p->entry = roaring_bitmap_minimum(ps->v[0].bits);
	return true;
}

bool
posset_next(const struct posset *ps, struct pos after, struct pos *p)
{
	roaring_uint32_iterator_t it;
	uint32_t i = find(ps, after.ledger);
	int64_t from;

	if (i < ps->n && ps->v[i].ledger == after.ledger) {
		from = after.entry < -1 ? 0 : after.entry;
		if (from < ENTRY_MAX) {
			roaring_init_iterator(ps->v[i].bits, &it);
			if (roaring_move_uint32_iterator_equalorlarger(
				&it, (uint32_t)(from + 1))) {
				p->ledger = after.ledger;
				p->entry = it.current_value;
				return true;
			}
		}
		i++;
	}
	if (i >= ps->n)
		return false;
	p->ledger = ps->v[i].ledger;
	p->entry = roaring_bitmap_minimum(ps->v[i].bits);
	return true;
}

/* Counted: contains_range of CRoaring 0.2 says yes over a container that is
 * missing, and aborts behind the last one. */
static bool
has_all(const struct posset_ledger *pl, uint64_t lo, uint64_t hi)
{
	return roaring_bitmap_range_cardinality(pl->bits, lo, hi + 1) ==
	    hi + 1 - lo;
}

/*
 * Gallops over runs by counting, whose cost is the containers that it touches,
 * then bisects: O(log) for one entry as for a million.
 */
int64_t
posset_first_absent(const struct posset *ps, struct pos from)
{
	const struct posset_ledger *pl = get(ps, from.ledger);
	uint64_t lo, step, hi, mid;

	if (from.entry < 0)
		from.entry = 0;
	if (pl == NULL || from.entry > ENTRY_MAX ||
	    !roaring_bitmap_contains(pl->bits, (uint32_t)from.entry))
		return from.entry;
	/* lo: known to be in; hi: some entry before it is not */
	lo = (uint64_t)from.entry;
	for (step = 1;; step *= 2) {
		hi = lo + step;
		if (hi > (uint64_t)ENTRY_MAX)
			hi = (uint64_t)ENTRY_MAX + 1;
		if (!has_all(pl, lo, hi) || hi > (uint64_t)ENTRY_MAX)
			break;
		lo = hi;
	}
	while (lo + 1 < hi) {
		mid = lo + (hi - lo) / 2;
		if (has_all(pl, lo, mid))
			lo = mid;
		else
			hi = mid;
	}
	return (int64_t)hi;
}

uint64_t
posset_remove_upto(struct posset *ps, struct pos upto)
{
	struct posset_ledger *pl;
	uint64_t was = ps->count, n;
	uint32_t i = find(ps, upto.ledger), k;

	for (k = 0; k < i; k++)
		ps->count -= roaring_bitmap_get_cardinality(ps->v[k].bits);
	if (i > 0)
		drop(ps, 0, i);
	if (ps->n == 0 || ps->v[0].ledger != upto.ledger || upto.entry < 0)
		return was - ps->count;
	pl = &ps->v[0];
	if (upto.entry > ENTRY_MAX)
		upto.entry = ENTRY_MAX;
	/* the usual case: one entry at the front */
	if (roaring_bitmap_minimum(pl->bits) == (uint32_t)upto.entry) {
		(void)posset_remove(ps, upto);
		return was - ps->count;
	}
	n = roaring_bitmap_range_cardinality(
	    pl->bits, 0, (uint64_t)upto.entry + 1);
	if (n == 0)
		return was - ps->count;
	roaring_bitmap_remove_range_closed(pl->bits, 0, (uint32_t)upto.entry);
	pl->dirty = true;
	ps->count -= n;
	if (roaring_bitmap_is_empty(pl->bits))
		drop(ps, 0, 1);
	return was - ps->count;
}

uint64_t
posset_count_range(const struct posset *ps, struct pos first, struct pos last)
{
	uint64_t n = 0, lo, hi;
	uint32_t i;

	if (pos_cmp(first, last) > 0)
		return 0;
	for (i = find(ps, first.ledger);
	     i < ps->n && ps->v[i].ledger <= last.ledger; i++) {
		lo = 0;
		hi = (uint64_t)ENTRY_MAX + 1;
		if (ps->v[i].ledger == first.ledger && first.entry > 0)
			lo = (uint64_t)first.entry;
		if (ps->v[i].ledger == last.ledger) {
			if (last.entry < 0)
				continue;
			if (last.entry < ENTRY_MAX)
				hi = (uint64_t)last.entry + 1;
		}
		if (lo < hi)
			n += roaring_bitmap_range_cardinality(
			    ps->v[i].bits, lo, hi);
	}
	return n;
}

uint64_t
posset_count_without(
    const struct posset *a, const struct posset *b, struct pos after)
{
	const struct posset_ledger *pl;
	roaring_bitmap_t *rest;
	uint64_t n = 0;
	uint32_t i;

	for (i = find(a, after.ledger); i < a->n; i++) {
		pl = get(b, a->v[i].ledger);
		rest = pl != NULL ?
		    roaring_bitmap_andnot(a->v[i].bits, pl->bits) :
		    roaring_bitmap_copy(a->v[i].bits);
		AN(rest);
		if (a->v[i].ledger != after.ledger || after.entry < 0)
			n += roaring_bitmap_get_cardinality(rest);
		else if (after.entry < ENTRY_MAX)
			n += roaring_bitmap_range_cardinality(rest,
			    (uint64_t)after.entry + 1, (uint64_t)ENTRY_MAX + 1);
		roaring_bitmap_free(rest);
	}
	return n;
}

static bool
count_run(uint32_t v, void *priv)
{
	struct {
		uint64_t runs;
		uint64_t next;
	} *st = priv;

	if (v != st->next)
		st->runs++;
	st->next = (uint64_t)v + 1;
	return true;
}

uint64_t
posset_runs(const struct posset *ps)
{
	struct {
		uint64_t runs;
		uint64_t next;
	} st = { 0, 0 };
	uint32_t i;

	for (i = 0; i < ps->n; i++) {
		st.next = UINT64_MAX;
		(void)roaring_iterate(ps->v[i].bits, count_run, &st);
	}
	return st.runs;
}

size_t
posset_bytes(const struct posset *ps)
{
	size_t n = ps->cap * sizeof *ps->v;
	uint32_t i;

	for (i = 0; i < ps->n; i++)
		n += roaring_bitmap_size_in_bytes(ps->v[i].bits);
	return n;
}

size_t
posset_ledger_size(const struct posset_ledger *pl)
{
	return roaring_bitmap_portable_size_in_bytes(pl->bits);
}

size_t
posset_ledger_write(const struct posset_ledger *pl, void *buf, size_t cap)
{
	if (posset_ledger_size(pl) > cap)
		return 0;
	return roaring_bitmap_portable_serialize(pl->bits, buf);
}

bool
posset_ledger_read(
    struct posset *ps, uint64_t ledger, const void *buf, size_t len)
{
	struct posset_ledger *pl;
	roaring_bitmap_t *rb;

	rb = roaring_bitmap_portable_deserialize_safe(buf, len);
	if (rb == NULL)
		return false;
	if (!roaring_bitmap_is_empty(rb)) {
		pl = get_or_make(ps, ledger);
		ps->count -= roaring_bitmap_get_cardinality(pl->bits);
		roaring_bitmap_or_inplace(pl->bits, rb);
		ps->count += roaring_bitmap_get_cardinality(pl->bits);
		pl->dirty = true;
	}
	roaring_bitmap_free(rb);
	return true;
}
