/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

static _Atomic uint64_t total_bytes;

static void
account(struct buf *b)
{
	(void)atomic_fetch_add_explicit(
	    &total_bytes, b->cap, memory_order_relaxed);
}

/* data follows the head in the same allocation */
static void
free_joined(struct buf *b, void *arg)
{
	(void)arg;
	(void)atomic_fetch_sub_explicit(
	    &total_bytes, b->cap, memory_order_relaxed);
	FREE_OBJ(b);
}

static void
free_apart(struct buf *b, void *arg)
{
	mem_free(b->data);
	free_joined(b, arg);
}

void
buf_init(struct buf *b, void *data, uint32_t cap, buf_free_f *fn, void *arg)
{
	AN(fn);
	INIT_OBJ(b, BUF_MAGIC);
	atomic_init(&b->refs, 1);
	b->data = data;
	b->cap = cap;
	b->free_fn = fn;
	b->free_arg = arg;
}

struct buf *
buf_new(uint32_t cap)
{
	struct buf *b;

	b = mem_alloc(sizeof *b + cap);
	buf_init(b, b + 1, cap, free_joined, NULL);
	account(b);
	return b;
}

struct buf *
buf_new_aligned(uint32_t align, uint32_t cap)
{
	struct buf *b;

	b = mem_alloc(sizeof *b);
	buf_init(b, mem_aligned(align, cap), cap, free_apart, NULL);
	account(b);
	return b;
}

uint64_t
buf_total_bytes(void)
{
	return atomic_load_explicit(&total_bytes, memory_order_relaxed);
}

void
buf__last(struct buf *b)
{
	buf_free_f *fn = b->free_fn;
	void *arg = b->free_arg;

	AZ(atomic_load_explicit(&b->refs, memory_order_relaxed));
	fn(b, arg);
}

struct slice
slice_dup(struct slice s)
{
	struct buf *b;

	b = buf_new(s.len);
	if (s.len != 0)
		memcpy(b->data, s.p, s.len);
	b->len = s.len;
	return slice_of(b, 0, s.len);
}

char *
slice_strdup(struct slice s)
{
	return mem_strndup((const char *)s.p, s.len);
}

bool
slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool
slice_eq_str(struct slice a, const char *s)
{
	return slice_eq(a, slice_str(s));
}
