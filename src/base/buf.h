/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte block that is shared by counting references, and a window on one.
 *
 * A payload is read once from the socket into a buf; the log, its cache and
 * every consumer hold references to that buf and slices of it. The creator
 * fills it; once it was handed on it is immutable. The count is atomic: a
 * reference may be taken and dropped on any thread, by whoever holds one.
 *
 * Ownership. buf_new and buf_new_aligned return a buf with one reference,
 * which is the caller's. buf_ref adds one, buf_unref drops one and sets the
 * caller's pointer to NULL. When the last one goes, the buf is freed; or, if
 * its memory belongs to somebody (a group buffer, a free list), the function
 * that was given to buf_init is called, on the thread of that last unref, and
 * the memory is that owner's again (buf_init makes a new buf of it).
 *
 * A slice is three words and borrows: it is valid as long as its holder, or
 * somebody above him, keeps a reference. slice_ref makes it hold its own,
 * slice_unref lets go. A slice with buf == NULL is a window on memory that is
 * not counted (a literal, a frame on the stack); it can't be slice_ref'd, use
 * slice_dup. All lengths in bytes, at most UINT32_MAX.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/miniobj.h"

struct buf;

/* the last reference is gone; arg is what buf_init was given */
typedef void buf_free_f(struct buf *, void *arg);

struct buf {
	unsigned magic;
#define BUF_MAGIC 0x0b0fb10c
	_Atomic uint32_t refs;
	uint32_t cap;
	uint32_t len; /* bytes in use, kept by the creator; <= cap */
	uint8_t *data;
	buf_free_f *free_fn;
	void *free_arg;
};

struct slice {
	struct buf *buf;
	const uint8_t *p;
	uint32_t len;
};

struct buf *buf_new(uint32_t cap);
/* data starts on a multiple of align, a power of two (4096 for O_DIRECT) */
struct buf *buf_new_aligned(uint32_t align, uint32_t cap);
/* a buf around memory of the caller's, see above */
void buf_init(struct buf *, void *data, uint32_t cap, buf_free_f *, void *arg);
/* bytes of data in all bufs of buf_new and buf_new_aligned of the process */
uint64_t buf_total_bytes(void);
void buf__last(struct buf *);

static inline struct buf *
buf_ref(struct buf *b)
{
	CHECK_OBJ_NOTNULL(b, BUF_MAGIC);
	AN(atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed));
	return b;
}

static inline void
buf_unref(struct buf **bp)
{
	struct buf *b;

	TAKE_OBJ_NOTNULL(b, bp, BUF_MAGIC);
	if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
		buf__last(b);
}

/* true if the caller's reference is the only one */
static inline bool
buf_is_sole(struct buf *b)
{
	CHECK_OBJ_NOTNULL(b, BUF_MAGIC);
	return atomic_load_explicit(&b->refs, memory_order_acquire) == 1;
}

/* bytes off..off+len of b, borrowed */
static inline struct slice
slice_of(struct buf *b, uint32_t off, uint32_t len)
{
	CHECK_OBJ_NOTNULL(b, BUF_MAGIC);
	assert(off <= b->cap && len <= b->cap - off);
	return (struct slice){ .buf = b, .p = b->data + off, .len = len };
}

/* a window on memory without a count */
static inline struct slice
slice_mem(const void *p, uint32_t len)
{
	return (struct slice){ .buf = NULL, .p = p, .len = len };
}

static inline struct slice
slice_str(const char *s)
{
	return slice_mem(s, (uint32_t)strlen(s));
}

static inline struct slice
slice_sub(struct slice s, uint32_t off, uint32_t len)
{
	assert(off <= s.len && len <= s.len - off);
	s.p = len != 0 ? s.p + off : s.p;
	s.len = len;
	return s;
}

static inline struct slice
slice_ref(struct slice s)
{
	(void)buf_ref(s.buf);
	return s;
}

static inline void
slice_unref(struct slice *s)
{
	buf_unref(&s->buf);
	s->p = NULL;
	s->len = 0;
}

/* a copy in a buf of its own, with a reference that is the caller's */
struct slice slice_dup(struct slice);
/* a NUL terminated copy, mem_free it */
char *slice_strdup(struct slice);
bool slice_eq(struct slice, struct slice);
bool slice_eq_str(struct slice, const char *);

#endif
