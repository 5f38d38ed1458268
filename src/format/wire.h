/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf's wire format by hand. Inline, no state, any
 * thread. Readers return false on bytes that are cut or malformed and never
 * read past end; writers return the new end and trust the caller's room: a
 * tag of a field below 16 takes 1 byte, a varint at most WIRE_VARINT_MAX.
 *
 * Groups (wire types 3 and 4) are malformed here, as they are for nanopb.
 */
#ifndef FORMAT_WIRE_H
#define FORMAT_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cdefs.h"
#include "format/span.h"

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_64BIT = 1,
	WIRE_LEN = 2,
	WIRE_32BIT = 5
};

#define WIRE_VARINT_MAX 10
#define WIRE_TAG(field, type) ((uint32_t)(field) << 3 | (uint32_t)(type))
#define WIRE_V(field) WIRE_TAG(field, WIRE_VARINT)
#define WIRE_L(field) WIRE_TAG(field, WIRE_LEN)

struct wire {
	const uint8_t *p;
	const uint8_t *end;
};

static inline struct wire
wire_of(struct span s)
{
	struct wire w = { s.p, s.p };

	if (s.n != 0)
		w.end = s.p + s.n;
	return w;
}

static inline bool
wire_more(const struct wire *w)
{
	return w->p < w->end;
}

static inline bool
wire_varint(struct wire *w, uint64_t *v)
{
	const uint8_t *p = w->p;
	uint64_t x = 0;
	unsigned shift;

	if (likely(p < w->end && *p < 0x80)) {
		*v = *p;
		w->p = p + 1;
		return true;
	}
	for (shift = 0; shift < 70 && p < w->end; shift += 7) {
		x |= (uint64_t)(*p & 0x7f) << shift;
		if (*p++ < 0x80) {
			*v = x;
			w->p = p;
			return true;
		}
	}
	return false;
}

static inline bool
wire_bytes(struct wire *w, struct span *s)
{
	uint64_t n;

	if (!wire_varint(w, &n) || n > (uint64_t)(w->end - w->p))
		return false;
	s->p = w->p;
	s->n = (size_t)n;
	w->p += n;
	return true;
}

static inline bool
wire_tag(struct wire *w, uint32_t *tag)
{
	uint64_t v;

	if (!wire_varint(w, &v) || v > UINT32_MAX || v >> 3 == 0)
		return false;
	*tag = (uint32_t)v;
	return true;
}

static inline bool
wire_skip(struct wire *w, uint32_t tag)
{
	struct span s;
	uint64_t v;
	size_t n;

	switch (tag & 7) {
	case WIRE_VARINT:
		return wire_varint(w, &v);
	case WIRE_LEN:
		return wire_bytes(w, &s);
	case WIRE_64BIT:
	case WIRE_32BIT:
		n = (tag & 7) == WIRE_64BIT ? 8 : 4;
		if ((size_t)(w->end - w->p) < n)
			return false;
		w->p += n;
		return true;
	default:
		return false;
	}
}

/* protobuf's 32-bit fields keep the low bits of what was sent */
static inline bool
wire_u32(struct wire *w, uint32_t *v)
{
	uint64_t x;

	if (!wire_varint(w, &x))
		return false;
	*v = (uint32_t)x;
	return true;
}

static inline bool
wire_i32(struct wire *w, int32_t *v)
{
	uint64_t x;

	if (!wire_varint(w, &x))
		return false;
	*v = (int32_t)(uint32_t)x;
	return true;
}

static inline bool
wire_bool(struct wire *w, bool *v)
{
	uint64_t x;

	if (!wire_varint(w, &x))
		return false;
	*v = x != 0;
	return true;
}

/* one element more of a repeated field; rep starts zeroed */
static inline bool
wire_rep(struct wire *w, uint32_t tag, struct span_rep *rep)
{
	struct span s;

	if (!wire_bytes(w, &s))
		return false;
	if (rep->n++ == 0) {
		rep->first = s;
		rep->field = tag >> 3;
	}
	rep->end = s.p + s.n;
	return true;
}

/* Adds to *n the varints of a packed field; false: the last one is cut. */
static inline bool
wire_count(struct span s, uint32_t *n)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		*n += s.p[i] < 0x80;
	return s.n == 0 || s.p[s.n - 1] < 0x80;
}

/*
 * The first max_n words of a repeated int64 field, packed or not, in a message
 * that has been decoded: whatever fails here just ends the list.
 */
static inline uint32_t
wire_words(struct span raw, uint32_t field, uint64_t *words, uint32_t max_n)
{
	struct wire w = wire_of(raw), packed;
	struct span s;
	uint32_t tag, n = 0;

	while (n < max_n && wire_more(&w) && wire_tag(&w, &tag)) {
		if (tag == WIRE_V(field)) {
			if (!wire_varint(&w, &words[n]))
				break;
			n++;
		} else if (tag == WIRE_L(field)) {
			if (!wire_bytes(&w, &s))
				break;
			packed = wire_of(s);
			while (n < max_n && wire_more(&packed) &&
			    wire_varint(&packed, &words[n]))
				n++;
		} else if (!wire_skip(&w, tag))
			break;
	}
	return n;
}

static inline uint32_t
wire_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static inline uint16_t
wire_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint8_t *
wire_put_be32(uint8_t *o, uint32_t v)
{
	*o++ = (uint8_t)(v >> 24);
	*o++ = (uint8_t)(v >> 16);
	*o++ = (uint8_t)(v >> 8);
	*o++ = (uint8_t)v;
	return o;
}

static inline uint8_t *
wire_put_be16(uint8_t *o, uint16_t v)
{
	*o++ = (uint8_t)(v >> 8);
	*o++ = (uint8_t)v;
	return o;
}

static inline size_t
wire_varint_len(uint64_t v)
{
	return (size_t)(63 - __builtin_clzll(v | 1)) / 7 + 1;
}

static inline uint8_t *
wire_put_varint(uint8_t *o, uint64_t v)
{
	while (v >= 0x80) {
		*o++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*o++ = (uint8_t)v;
	return o;
}

/* Negative numbers take ten bytes, as protobuf wants it. */
static inline uint8_t *
wire_put_i32(uint8_t *o, unsigned field, int32_t v)
{
	*o++ = (uint8_t)WIRE_V(field);
	return wire_put_varint(o, (uint64_t)(int64_t)v);
}

/* field number below 16 */
static inline uint8_t *
wire_put_u64(uint8_t *o, unsigned field, uint64_t v)
{
	*o++ = (uint8_t)WIRE_V(field);
	return wire_put_varint(o, v);
}

/* field number below 16 */
static inline uint8_t *
wire_put_bytes(uint8_t *o, unsigned field, struct span s)
{
	*o++ = (uint8_t)WIRE_L(field);
	o = wire_put_varint(o, s.n);
	if (s.n != 0)
		memcpy(o, s.p, s.n);
	return o + s.n;
}

#endif
