/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in the body of a request, as fastjson 1 and 2, Go, C++ and Node write
 * it: a tree that is read by name. The key of an object may be any value, for
 * fastjson writes a map by its Java keys: {0:"x"}, {{"brokerName":..}:{..}}.
 *
 * A struct jdoc owns the memory of a tree and keeps it for the next one:
 * jdoc_parse forgets what was there. Strings point into the body or into that
 * memory, so the tree lives as long as both. What a peer sends is bounded:
 * JDOC_DEPTH levels, and max_values values, each of sizeof(struct jval).
 *
 * The functions that read a tree take NULL for what is not there, and then
 * find nothing, so that a path may be asked for without looking at each step:
 * jval_str(jval_get(jval_get(root, "a"), "b")). JSON's null is as good as absent.
 *
 * One thread per jdoc.
 */
#ifndef ROCKETMQ_JSON_BODY_H
#define ROCKETMQ_JSON_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"

#define JDOC_DEPTH 48
#define JDOC_VALUES_MAX 200000 /* a default for max_values */

enum jtype {
	JVAL_NULL,
	JVAL_BOOL,
	JVAL_NUMBER,
	JVAL_STRING,
	JVAL_ARRAY,
	JVAL_OBJECT
};

struct jval {
	uint8_t type; /* enum jtype */
	uint32_t n; /* members of an object or array */
	/* string: un-escaped; number, boolean: as written; object and array: their
	 * JSON, key included */
	struct str text;
	struct jval *first; /* member of an object or array */
	struct jval *next; /* in the same object or array */
	struct jval *key; /* of a member of an object */
};

struct jdoc_chunk;

struct jdoc {
	unsigned magic;
#define JDOC_MAGIC 0x1d0c7e40
	uint32_t max_values, values_n;
	struct jdoc_chunk *chunks; /* the one in use first */
};

void jdoc_init(struct jdoc *, uint32_t max_values);
void jdoc_fini(struct jdoc *);
/*
 * ERR_MALFORMED: not JSON, or something behind it; ERR_TOO_BIG: over a limit.
 * *root is NULL then.
 */
enum err jdoc_parse(struct jdoc *, const void *p, size_t n,
    const struct jval **root) MUST_CHECK;

/* The member of that name (of a key that isn't a string: of that text); the
 * last of several. NULL: none, or a null, or v is no object. */
const struct jval *jval_get(const struct jval *v, const char *name);

/* A string, or the text of a number or boolean; else STR_NONE. */
struct str jval_str(const struct jval *);
/*
 * A whole number, or a string that is one. ERR_NO_KEY: v is NULL or a null,
 * ERR_INVALID_ARG: not a number or out of range; *out is then as it was.
 */
enum err jval_i64(const struct jval *, int64_t *out) MUST_CHECK;
enum err jval_i32(const struct jval *, int32_t *out) MUST_CHECK;
/* true if it is true or "true"; false if there is none */
bool jval_bool(const struct jval *);
/* its first member, NULL if it has none or isn't an object or array */
static inline const struct jval *
jval_first(const struct jval *v)
{
	return v != NULL ? v->first : NULL;
}

#define JVAL_FOREACH(m, v) \
	for ((m) = jval_first(v); (m) != NULL; (m) = (m)->next)

#endif
