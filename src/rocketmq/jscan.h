/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON, one token at a time, out of bytes in memory.
 *
 * Looser than the standard where the libraries of RocketMQ's clients are:
 * the key of an object may be any value (fastjson writes {0:"a"} and {{..}:1}),
 * strings may hold control characters, and fastjson's own escapes are
 * known: \' \v \xhh and \0 to \7. Text is not checked to be UTF-8.
 *
 * Strings without escapes point into the input, others into the memory of out,
 * which the caller gives; as much of it as there is input is always enough.
 * One thread; allocates nothing.
 */
#ifndef ROCKETMQ_JSCAN_H
#define ROCKETMQ_JSCAN_H

#include <stdbool.h>

#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"

struct jscan {
	const char *p, *end;
	char *out; /* where the next un-escaped string goes */
	size_t out_n; /* room there */
};

/* The next character that is no white space, not taken; 0 at the end. */
static inline char
jscan_peek(struct jscan *js)
{
	char c;

	while (js->p < js->end) {
		c = *js->p;
		if (likely((unsigned char)c > ' '))
			return c;
		if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
			return '\x01'; /* no token */
		js->p++;
	}
	return '\0';
}

/* Takes c, if it is the next. */
static inline bool
jscan_take(struct jscan *js, char c)
{
	if (jscan_peek(js) != c)
		return false;
	js->p++;
	return true;
}

/* A string. ERR_MALFORMED; ERR_TOO_BIG: no room in out. */
enum err jscan_string(struct jscan *, struct str *) MUST_CHECK;
/* A number, true, false or null, as written. ERR_MALFORMED. */
enum err jscan_scalar(struct jscan *, struct str *) MUST_CHECK;
/*
 * Any value, unread; *raw, unless NULL, is its text. ERR_MALFORMED;
 * ERR_TOO_BIG: deeper than depth.
 */
enum err jscan_skip(struct jscan *, unsigned depth, struct str *raw) MUST_CHECK;

#endif
