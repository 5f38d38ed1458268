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

/* A literal stands second: then the compiler knows how much there is to compare. */
static inline bool
str_eq(struct str a, struct str b)
{
	return a.len == b.len && (b.len == 0 || memcmp(a.p, b.p, b.len) == 0);
}

static inline bool
str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && memcmp(s.p, prefix.p, prefix.len) == 0;
}

/* Without the blanks at its ends. */
static inline struct str
str_trim(struct str s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = (struct str){ s.p + 1, s.len - 1 };
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* What stands before the next c, or the end; *s is what follows it. */
static inline struct str
str_word(struct str *s, char c)
{
	const char *at = s->len != 0 ? memchr(s->p, c, s->len) : NULL;
	size_t n = at != NULL ? (size_t)(at - s->p) : s->len;
	struct str w = { s->p, n };

	s->p += at != NULL ? n + 1 : n;
	s->len -= at != NULL ? n + 1 : n;
	return w;
}

/* a, c and b one behind the other at p, which has room for size bytes, and a NUL;
 * how many without it. 0: they have no room. */
static inline size_t
str_join(char *p, size_t size, struct str a, char c, struct str b)
{
	size_t n = a.len + 1 + b.len;

	if (n >= size)
		return 0;
	memcpy(p, a.p, a.len);
	p[a.len] = c;
	memcpy(p + a.len + 1, b.p, b.len);
	p[n] = '\0';
	return n;
}

#endif
