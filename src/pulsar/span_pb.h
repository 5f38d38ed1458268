/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans, and how nanopb fills them without a copy.
 *
 * A struct span is borrowed bytes (unlike base/buf.h's slice it names no
 * buffer and counts nothing): here always a piece of the frame that was
 * decoded, valid as long as the frame's buffer is. p == NULL means absent;
 * present and empty is p != NULL with n == 0. Strings aren't terminated and
 * haven't been checked to be UTF-8.
 *
 * A struct span_rep is a repeated field.
 *  - decoded: it remembers where the first element starts and the last one
 *    ends; n is their number. Walk it with a span_iter. What lies between two
 *    elements may be other fields, which the walk steps over. If a peer put
 *    something malformed there that nanopb let pass, the walk ends early.
 *  - to encode: n elements at v, each a string or a message already encoded; or
 *    a decoded one as it is.
 *
 * Decode from a span_istream only: span_field refuses every other stream.
 *
 * span_field is the callback that proto/pulsar.options names for every message.
 * A required string that is absent is written as the empty string, since
 * proto2 wants it on the wire; an optional one is left out.
 *
 * Any thread: no state.
 */
#ifndef PULSAR_SPAN_PB_H
#define PULSAR_SPAN_PB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <pb.h>

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

/* where a decoding stream is; lives as long as the stream */
struct span_source {
	const uint8_t *p;
};

/* A stream that span_field can point into. in.p may not be NULL. */
pb_istream_t span_istream(struct span_source *src, struct span in);

bool span_field(
    pb_istream_t *in, pb_ostream_t *out, const pb_field_iter_t *field);

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

#endif
