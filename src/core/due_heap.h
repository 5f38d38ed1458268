/* SPDX-License-Identifier: Apache-2.0 */
/*
 * due_heap: the window of a due index (core/due.h), a binary heap of items with
 * the first one on top. Memory grows by doubling, the user bounds it.
 */
#ifndef CORE_DUE_HEAP_H
#define CORE_DUE_HEAP_H

#include "core/due.h"

struct due_heap {
	struct due_item *v;
	uint32_t n, cap;
};

void due_heap_fini(struct due_heap *);
void due_heap_push(struct due_heap *, const struct due_item *);
struct due_item due_heap_pop(struct due_heap *); /* not empty */
/* Keeps the first n, with the last of them at v[n - 1]. */
void due_heap_cut(struct due_heap *, uint32_t n);
/* by due, order, at */
int due_cmp(const struct due_item *, const struct due_item *);

#endif
