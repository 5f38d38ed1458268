/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrowed text: pointer and length, not terminated. Whoever hands out a str
 * says how long it lives. Plain values: any thread, no errors.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
	const char *p;
	size_t len;
};

#define STR_NONE ((struct str){ .p = NULL, .len = 0 })
#define STR_LIT(s) ((struct str){ .p = "" s, .len = sizeof(s) - 1 })

static inline struct str
str_of(const char *s)
{
	return (struct str){ .p = s, .len = s != NULL ? strlen(s) : 0 };
}

static inline bool
str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool
str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && memcmp(s.p, prefix.p, prefix.len) == 0;
}

#endif
