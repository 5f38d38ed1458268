/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - JSON values (jansson) and text.
 *
 * A text of one is a struct str: the value's own, as long as that stands. What is no text,
 * or isn't there, is none. Any thread.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vas.h"

static inline struct str
json_text(const json_t *v)
{
	return (struct str){ json_string_value(v), json_string_length(v) };
}

static inline struct str
json_text_at(const json_t *o, const char *member)
{
	return json_text(json_object_get(o, member));
}

/* An object or array as it is written, without blanks, NUL-terminated; mem_free() it.
 * len: may be NULL. */
static inline char *
json_write(const json_t *js, size_t *len)
{
	size_t n = json_dumpb(js, NULL, 0, JSON_COMPACT);
	char *text = mem_alloc(n + 1);

	assert(json_dumpb(js, text, n, JSON_COMPACT) == n);
	text[n] = '\0';
	if (len != NULL)
		*len = n;
	return text;
}

#endif
