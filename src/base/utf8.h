/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8, one code point at a time. Inline, no state, any thread.
 *
 * What is not UTF-8 (a stray or cut byte, an overlong form, a surrogate) counts
 * as U+FFFD, one for each byte, as Java does it when it decodes.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_BAD 0xfffdU
#define UTF8_MAX 4 /* bytes of a code point */

/* The code point at s, of which len > 0 bytes are there; *used: its bytes. */
static inline uint32_t
utf8_next(const uint8_t *s, size_t len, size_t *used)
{
	uint32_t c = s[0], min;
	size_t n, i;

	*used = 1;
	if (c < 0x80)
		return c;
	if (c >= 0xc2 && c <= 0xdf) {
		n = 2;
		min = 0x80;
		c &= 0x1f;
	} else if ((c & 0xf0) == 0xe0) {
		n = 3;
		min = 0x800;
		c &= 0x0f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		n = 4;
		min = 0x10000;
		c &= 0x07;
	} else {
		return UTF8_BAD;
	}
	if (n > len)
		return UTF8_BAD;
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return UTF8_BAD;
		c = c << 6 | (s[i] & 0x3fU);
	}
	if (c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return UTF8_BAD;
	*used = n;
	return c;
}

/* Writes c (a surrogate: U+FFFD) at p, at most UTF8_MAX bytes; how many. */
static inline size_t
utf8_put(char *p, uint32_t c)
{
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = UTF8_BAD;
	if (c < 0x80) {
		p[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		p[0] = (char)(0xc0 | c >> 6);
		p[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		p[0] = (char)(0xe0 | c >> 12);
		p[1] = (char)(0x80 | (c >> 6 & 0x3f));
		p[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	p[0] = (char)(0xf0 | c >> 18);
	p[1] = (char)(0x80 | (c >> 12 & 0x3f));
	p[2] = (char)(0x80 | (c >> 6 & 0x3f));
	p[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

#endif
