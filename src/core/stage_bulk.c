/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is due, taken from the index in helpings. BULK items or more are put in the
 * order in which they lie in their logs: a million that are due within one second lie
 * all over them, in the order of their milliseconds each costs a read of its own, and
 * each helping reads all of the logs. So as much as there is goes into one, up to
 * BULK_MAX; while the index looks for more on disk, it is waited for, but no longer
 * than GATHER_NS.
 */
#include "core/stage_priv.h"

#include <stdlib.h>

#define BULK 512u
#define BULK_MAX 262144u /* 10 MiB, and 4 more while they are sorted */
#define GATHER_NS INT64_C(1000000000)
#define GONE (-1) /* due_ms of one that is staged no more */

static int
by_place(const void *va, const void *vb)
{
	const struct due_item *a = va, *b = vb;

	return (a->at > b->at) - (a->at < b->at);
}

static void
push(struct stage_bulk *b, const struct due_item *it)
{
	if (b->n == b->cap) {
		/* the kernel gives what is used of it */
		b->cap = b->cap == 0 ? BULK : BULK_MAX;
		b->v = mem_reallocarray(b->v, b->cap, sizeof *b->v);
	}
	b->v[b->n++] = *it;
}

static bool
waits(struct stage *st)
{
	struct stage_bulk *b = &st->bulk;
	struct core *co = st->co;

	if (b->n < BULK || b->n == BULK_MAX || !due_may_have_more(st->due))
		return false;
	if (b->until_ns == 0)
		b->until_ns = co->now_ns + GATHER_NS;
	if (co->now_ns >= b->until_ns)
		return false;
	timer_set(co->timers, &st->again, b->until_ns);
	return true;
}

bool
stage_bulk_gather(struct stage *st)
{
	struct stage_bulk *b = &st->bulk;
	struct due_item it;

	assert(!b->complete);
	while (b->n < BULK_MAX && due_next(st->due, &it)) {
		mem_free(umap_del(&st->known, it.at));
		push(b, &it);
	}
	if (b->n == 0 || waits(st))
		return false;
	b->complete = true;
	b->until_ns = 0;
	if (b->n >= BULK)
		qsort(b->v, b->n, sizeof *b->v, by_place);
	return true;
}

bool
stage_bulk_next(struct stage *st, struct due_item *it)
{
	struct stage_bulk *b = &st->bulk;

	if (!b->complete)
		return false;
	while (b->i < b->n) {
		*it = b->v[b->i++];
		if (it->due_ms != GONE)
			return true;
	}
	if (b->cap > BULK)
		stage_bulk_free(st);
	b->n = b->i = 0;
	b->complete = false;
	return false;
}

static struct due_item *
find(const struct stage_bulk *b, uint64_t at)
{
	const struct due_item key = { .at = at };
	uint32_t i;

	if (b->complete && b->n >= BULK)
		return bsearch(
		    &key, b->v + b->i, b->n - b->i, sizeof *b->v, by_place);
	for (i = b->i; i < b->n; i++)
		if (b->v[i].at == at)
			return &b->v[i];
	return NULL;
}

bool
stage_bulk_remove(struct stage *st, uint64_t at, struct due_item *it)
{
	struct due_item *found = find(&st->bulk, at);

	if (found == NULL || found->due_ms == GONE)
		return false;
	*it = *found;
	found->due_ms = GONE;
	return true;
}

bool
stage_bulk_is_large(const struct stage *st)
{
	return st->bulk.n >= BULK;
}

void
stage_bulk_free(struct stage *st)
{
	MEM_FREE(st->bulk.v);
	st->bulk = (struct stage_bulk){ 0 };
}
