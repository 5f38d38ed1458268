/* SPDX-License-Identifier: Apache-2.0 */
#include "pulsar/text.h"

#include <string.h>

#include "base/cdefs.h"

/* Length of the well-formed character at p; 0: there is none. */
static size_t
character(const uint8_t *p, size_t n)
{
	/* first byte: from, to, length; second byte: from, to */
	static const struct {
		uint8_t from, to, len, from2, to2;
	} t[] = {
		{ 0xc2, 0xdf, 2, 0x80, 0xbf },
		{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
		{ 0xe1, 0xec, 3, 0x80, 0xbf },
		{ 0xed, 0xed, 3, 0x80, 0x9f },
		{ 0xee, 0xef, 3, 0x80, 0xbf },
		{ 0xf0, 0xf0, 4, 0x90, 0xbf },
		{ 0xf1, 0xf3, 4, 0x80, 0xbf },
		{ 0xf4, 0xf4, 4, 0x80, 0x8f },
	};
	size_t i, k;

	if (p[0] < 0x80)
		return 1;
	for (i = 0; i < NELEM(t); i++)
		if (p[0] >= t[i].from && p[0] <= t[i].to)
			break;
	if (i == NELEM(t) || n < t[i].len || p[1] < t[i].from2 ||
	    p[1] > t[i].to2)
		return 0;
	for (k = 2; k < t[i].len; k++)
		if ((p[k] & 0xc0) != 0x80)
			return 0;
	return t[i].len;
}

bool
text_is_utf8(struct span s)
{
	size_t i, n;

	for (i = 0; i < s.n; i += n) {
		n = character(s.p + i, s.n - i);
		if (n == 0)
			return false;
	}
	return true;
}

void
text_clean(char *s)
{
	size_t len = strlen(s), i, n;

	for (i = 0; i < len; i += n) {
		n = character((const uint8_t *)s + i, len - i);
		if (n == 0) {
			s[i] = '?';
			n = 1;
		}
	}
}
