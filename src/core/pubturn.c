/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pubturn.h"

#include <stddef.h>

#include "base/vas.h"

#define S_NS INT64_C(1000000000)

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void
part_init(
    struct pubpart *pp, struct pubtotal *total, int64_t msgs, int64_t bytes)
{
	pp->total = total != NULL ? total : &pp->own;
	bucket_set(&pp->msgs, msgs, S_NS);
	bucket_set(&pp->bytes, bytes, S_NS);
}

void
part_set(struct pubpart *pp, int64_t msgs, int64_t bytes)
{
	if (pp->msgs.rate == msgs && pp->bytes.rate == bytes)
		return;
	bucket_shared_refill(&pp->total->msgs);
	bucket_shared_refill(&pp->total->bytes);
	bucket_set(&pp->msgs, msgs, S_NS);
	bucket_set(&pp->bytes, bytes, S_NS);
	pp->epoch++;
}

bool
part_has(const struct pubpart *pp, int64_t now_ns)
{
	return bucket_has_at(
		   &pp->msgs, bucket_shared_full(&pp->total->msgs), now_ns) &&
	    bucket_has_at(
		&pp->bytes, bucket_shared_full(&pp->total->bytes), now_ns);
}

/* From when on the n that are taken, behind those before, are paid. */
static int64_t
take(
    struct bucket_shared *s, const struct bucket *b, int64_t now_ns, uint64_t n)
{
	int64_t was = bucket_shared_take(s, b, now_ns, n);

	return bucket_ready_at(b, bucket_after(b, was, now_ns, n));
}

int64_t
part_take(struct pubpart *pp, int64_t now_ns, uint64_t msgs, uint64_t bytes)
{
	struct pubtotal *total = pp->total;

	return later(take(&total->msgs, &pp->msgs, now_ns, msgs),
	    take(&total->bytes, &pp->bytes, now_ns, bytes));
}

int64_t
part_cost_ns(const struct pubpart *pp, uint64_t msgs, uint64_t bytes)
{
	return later(bucket_after(&pp->msgs, 0, 0, msgs),
	    bucket_after(&pp->bytes, 0, 0, bytes));
}

void
part_wait(struct pubpart *pp, bool *counted, bool waits)
{
	if (waits && !*counted)
		atomic_fetch_add_explicit(
		    &pp->total->waiting, 1, memory_order_relaxed);
	if (!waits && *counted)
		atomic_fetch_sub_explicit(
		    &pp->total->waiting, 1, memory_order_relaxed);
	*counted = waits;
}

int64_t
turn_ns(const struct pubpart *pp, bool counted)
{
	uint32_t n =
	    atomic_load_explicit(&pp->total->waiting, memory_order_relaxed);

	return TURN_ROUND_NS / ((int64_t)n + (counted ? 0 : 1));
}

void
turn_take(struct pubpart *pp, struct pubturn *tu, int64_t now_ns)
{
	struct pubtotal *total = pp->total;

	AN(tu->n);
	tu->due_ns = tu->ahead_ns +
	    later(bucket_ready_at(&pp->msgs,
		      bucket_shared_take(
			  &total->msgs, &pp->msgs, now_ns, tu->msgs)),
		bucket_ready_at(&pp->bytes,
		    bucket_shared_take(
			&total->bytes, &pp->bytes, now_ns, tu->bytes)));
}

static void
settle(struct bucket_shared *s, const struct bucket *b, int64_t now_ns,
    uint64_t took, uint64_t used)
{
	if (used > took)
		(void)bucket_shared_take(s, b, now_ns, used - took);
	else if (used < took)
		bucket_shared_return(s, b, took - used);
}

void
turn_settle(struct pubpart *pp, struct pubturn *tu, int64_t now_ns,
    uint64_t msgs, uint64_t bytes)
{
	struct pubtotal *total = pp->total;

	settle(&total->msgs, &pp->msgs, now_ns, tu->msgs, msgs);
	settle(&total->bytes, &pp->bytes, now_ns, tu->bytes, bytes);
	*tu = (struct pubturn){ 0 };
}
