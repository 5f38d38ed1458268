/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static const char digits[2][65] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

size_t
base64_encode(char *out, const void *in, size_t n, bool url)
{
	const char *digit = digits[url];
	const uint8_t *p = in;
	char *o = out;
	uint32_t v;

	for (; n >= 3; n -= 3, p += 3) {
		v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*o++ = digit[v >> 18];
		*o++ = digit[v >> 12 & 63];
		*o++ = digit[v >> 6 & 63];
		*o++ = digit[v & 63];
	}
	if (n != 0) {
		v = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);
		*o++ = digit[v >> 18];
		*o++ = digit[v >> 12 & 63];
		*o++ = n == 2 ? digit[v >> 6 & 63] : '=';
		*o++ = '=';
	}
	return (size_t)(o - out);
}

static int
value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

enum err
base64_decode(struct str in, uint8_t *out, size_t cap, size_t *n)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t i, o = 0;
	int v;

	*n = 0;
	if (in.len % 4 == 0 && in.len > 0 && in.p[in.len - 1] == '=') {
		in.len--;
		if (in.p[in.len - 1] == '=')
			in.len--;
	}
	if (in.len % 4 == 1)
		return ERR_MALFORMED;
	for (i = 0; i < in.len; i++) {
		v = value(in.p[i]);
		if (v < 0)
			return ERR_MALFORMED;
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (o == cap)
			return ERR_TOO_BIG;
		out[o++] = (uint8_t)(acc >> bits);
		acc &= (1U << bits) - 1;
	}
	if (acc != 0)
		return ERR_MALFORMED;
	*n = o;
	return ERR_OK;
}
