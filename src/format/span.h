/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans: borrowed bytes.
 *
 * Unlike base/buf.h's slice a struct span names no buffer and counts nothing:
 * it is a piece of what was decoded, valid as long as that is. p == NULL means
 * absent; present and empty is p != NULL with n == 0. Strings aren't terminated
 * and haven't been checked to be UTF-8.
 *
 * A struct span_rep is a repeated field of protobuf.
 *  - decoded: it remembers where the first element starts and the last one
 *    ends; n is their number. Walk it with a span_iter. What lies between two
 *    elements may be other fields, which the walk steps over. If a peer put
 *    something malformed there that the decoder let pass, the walk ends early.
 *  - to encode: n elements at v, each a string or a message already encoded; or
 *    a decoded one as it is.
 *
 * Any thread: no state.
 */
#ifndef FORMAT_SPAN_H
#define FORMAT_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

struct span {
	const uint8_t *p;
	size_t n;
};

struct span_rep {
	struct span first;
	const uint8_t *end;
	const struct span *v;
	uint32_t n; /* decoded: at most so many */
	uint32_t field; /* its number */
};

struct span_iter {
	struct span cur; /* what the next call returns */
	const uint8_t *end;
	uint32_t left;
	uint32_t field;
};

void span_iter_init(struct span_iter *it, const struct span_rep *rep);
/* false: there are no more */
bool span_iter_next(struct span_iter *it, struct span *el);

static inline struct span
span_of(const void *p, size_t n)
{
	return (struct span){ p, n };
}

/* NULL gives an absent span */
static inline struct span
span_str(const char *s)
{
	return (struct span){ (const uint8_t *)s, s == NULL ? 0 : strlen(s) };
}

static inline bool
span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline struct str
span_text(struct span s)
{
	return (struct str){ (const char *)s.p, s.n };
}

static inline struct span
span_of_str(struct str s)
{
	return (struct span){ (const uint8_t *)s.p, s.len };
}

#endif
