/* SPDX-License-Identifier: Apache-2.0 */
#include "http/uri.h"

#include "base/mem.h"

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* length of the sequence that begins with c, 0: none does */
static size_t
utf8_len(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c < 0xe0)
		return 2;
	if (c >= 0xe0 && c < 0xf0)
		return 3;
	if (c >= 0xf0 && c < 0xf5)
		return 4;
	return 0;
}

bool
uri_is_utf8(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t i, k, n;

	for (i = 0; i < len; i += n) {
		n = utf8_len(p[i]);
		if (n == 0 || n > len - i)
			return false;
		for (k = 1; k < n; k++)
			if ((p[i + k] & 0xc0) != 0x80)
				return false;
		/* overlong, surrogates, beyond U+10FFFF */
		if ((p[i] == 0xe0 && p[i + 1] < 0xa0) ||
		    (p[i] == 0xed && p[i + 1] > 0x9f) ||
		    (p[i] == 0xf0 && p[i + 1] < 0x90) ||
		    (p[i] == 0xf4 && p[i + 1] > 0x8f))
			return false;
	}
	return true;
}

enum err
uri_decode(char **out, struct str s, enum uri_kind kind)
{
	char *p = mem_alloc(s.len + 1);
	size_t i, n = 0;
	int hi, lo;

	*out = NULL;
	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '+' && kind == URI_FORM) {
			p[n++] = ' ';
			continue;
		}
		if (s.p[i] != '%') {
			p[n++] = s.p[i];
			continue;
		}
		hi = s.len - i > 2 ? hex(s.p[i + 1]) : -1;
		lo = s.len - i > 2 ? hex(s.p[i + 2]) : -1;
		if (hi < 0 || lo < 0 || (hi == 0 && lo == 0))
			break;
		p[n++] = (char)(hi << 4 | lo);
		i += 2;
	}
	if (i < s.len || !uri_is_utf8(p, n)) {
		mem_free(p);
		return ERR_MALFORMED;
	}
	p[n] = '\0';
	*out = p;
	return ERR_OK;
}
