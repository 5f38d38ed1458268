/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON into a strbuf, commas included: the bodies that clients read.
 *
 *	jw_init(&w, sb);
 *	jw_object(&w);
 *	jw_key_i64(&w, "version", 3);
 *	jw_key(&w, "offsetTable");
 *	jw_object(&w);
 *	jw_map_key(&w); jw_object(&w); ... jw_end(&w); jw_i64(&w, 17);
 *	jw_end(&w);
 *	jw_end(&w);
 *	e = jw_err(&w);
 *
 * jw_map_key announces a key that is an object, the way fastjson writes and
 * reads a Java map by MessageQueue. Keys that are numbers are written as
 * strings (jw_name_i64), which every client takes.
 *
 * Strings come out as UTF-8, whatever comes in. Misuse (a value without its key,
 * an end too many) is an assertion. One thread.
 */
#ifndef ROCKETMQ_JW_H
#define ROCKETMQ_JW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

#define JW_DEPTH 32

struct jw {
	unsigned magic;
#define JW_MAGIC 0x1c0de3a7
	struct strbuf *sb;
	unsigned depth;
	struct {
		bool object; /* else an array */
		bool any; /* a member was written: a comma goes before more */
		bool keyed; /* a key was written: its value comes */
		bool map_key; /* the next value is a key */
	} at[JW_DEPTH + 1];
};

void jw_init(struct jw *, struct strbuf *);
/* All was closed; ERR_TOO_BIG: the strbuf was too small. */
enum err jw_err(const struct jw *) MUST_CHECK;

void jw_object(struct jw *);
void jw_array(struct jw *);
/* the innermost one that is open */
void jw_end(struct jw *);

/* name: a literal that needs no escapes */
void jw_key(struct jw *, const char *name);
void jw_name(struct jw *, struct str name);
void jw_name_i64(struct jw *, int64_t name);
void jw_map_key(struct jw *);

void jw_str(struct jw *, struct str); /* STR_NONE: null */
void jw_i64(struct jw *, int64_t);
void jw_bool(struct jw *, bool);
void jw_double(struct jw *, double); /* null if it is no number */
void jw_null(struct jw *);
void jw_raw(struct jw *, struct str); /* a value that is JSON already */

static inline void
jw_key_str(struct jw *w, const char *name, struct str v)
{
	jw_key(w, name);
	jw_str(w, v);
}

static inline void
jw_key_i64(struct jw *w, const char *name, int64_t v)
{
	jw_key(w, name);
	jw_i64(w, v);
}

static inline void
jw_key_bool(struct jw *w, const char *name, bool v)
{
	jw_key(w, name);
	jw_bool(w, v);
}

#endif
