/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "core/cbuf.h"

void
cbuf_fini(struct cbuf *b)
{
	MEM_FREE(b->p);
	b->len = b->cap = 0;
}

static void
room(struct cbuf *b, size_t n)
{
	if (b->cap - b->len >= n)
		return;
	if (b->cap == 0)
		b->cap = 64;
	while (b->cap - b->len < n)
		b->cap *= 2;
	b->p = mem_realloc(b->p, b->cap);
}

void
cbuf_put(struct cbuf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	room(b, n);
	memcpy(b->p + b->len, p, n);
	b->len += n;
}

void
cbuf_u8(struct cbuf *b, uint8_t v)
{
	room(b, 1);
	b->p[b->len++] = v;
}

void
cbuf_uint(struct cbuf *b, uint64_t v)
{
	room(b, 10);
	while (v >= 0x80) {
		b->p[b->len++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	b->p[b->len++] = (uint8_t)v;
}

void
cbuf_u64(struct cbuf *b, uint64_t v)
{
	unsigned i;

	room(b, 8);
	for (i = 0; i < 8; i++)
		b->p[b->len++] = (uint8_t)(v >> (8 * i));
}

void
cbuf_str(struct cbuf *b, struct str s)
{
	cbuf_uint(b, s.len);
	cbuf_put(b, s.p, s.len);
}

uint64_t
cread_uint(struct cread *r)
{
	uint64_t v = 0;
	unsigned shift;

	for (shift = 0; shift < 64 && r->p < r->end; shift += 7) {
		v |= (uint64_t)(*r->p & 0x7f) << shift;
		if ((*r->p++ & 0x80) == 0)
			return v;
	}
	r->bad = true;
	return 0;
}

uint64_t
cread_u64(struct cread *r)
{
	uint64_t v = 0;
	unsigned i;

	if (r->end - r->p < 8) {
		r->bad = true;
		return 0;
	}
	for (i = 0; i < 8; i++)
		v |= (uint64_t)*r->p++ << (8 * i);
	return v;
}

struct str
cread_str(struct cread *r)
{
	uint64_t n = cread_uint(r);
	struct str s = STR_NONE;

	if (r->bad || n > (uint64_t)(r->end - r->p)) {
		r->bad = true;
		return s;
	}
	s.p = (const char *)r->p;
	s.len = n;
	r->p += n;
	return s;
}
