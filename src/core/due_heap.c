/* SPDX-License-Identifier: Apache-2.0 */
#include "core/due_heap.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/vas.h"

#define HEAP_MIN 16u

int
due_cmp(const struct due_item *a, const struct due_item *b)
{
	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms ? -1 : 1;
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

void
due_heap_fini(struct due_heap *h)
{
	MEM_FREE(h->v);
	h->n = h->cap = 0;
}

void
due_heap_push(struct due_heap *h, const struct due_item *it)
{
	struct due_item new = *it;
	uint32_t i, up;

	if (h->n == h->cap) {
		h->cap = h->cap == 0 ? HEAP_MIN : h->cap * 2;
		h->v = mem_reallocarray(h->v, h->cap, sizeof *h->v);
	}
	for (i = h->n++; i > 0; i = up) {
		up = (i - 1) / 2;
		if (due_cmp(&h->v[up], &new) <= 0)
			break;
		h->v[i] = h->v[up];
	}
	h->v[i] = new;
}

struct due_item
due_heap_pop(struct due_heap *h)
{
	struct due_item top, last;
	uint32_t i = 0, c;

	AN(h->n);
	top = h->v[0];
	last = h->v[--h->n];
	for (c = 1; c < h->n; c = 2 * i + 1) {
		if (c + 1 < h->n && due_cmp(&h->v[c + 1], &h->v[c]) < 0)
			c++;
		if (due_cmp(&last, &h->v[c]) <= 0)
			break;
		h->v[i] = h->v[c];
		i = c;
	}
	if (h->n > 0)
		h->v[i] = last;
	return top;
}

static int
cmp(const void *a, const void *b)
{
	return due_cmp(a, b);
}

void
due_heap_cut(struct due_heap *h, uint32_t n)
{
	/* what is sorted is a heap, too */
	if (h->n > 0)
		qsort(h->v, h->n, sizeof *h->v, cmp);
	if (n < h->n)
		h->n = n;
}
