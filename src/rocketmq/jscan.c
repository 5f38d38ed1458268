/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <stdint.h>

#include "base/utf8.h"
#include "rocketmq/jscan.h"

#define ONES 0x0101010101010101ULL
#define HIGH 0x8080808080808080ULL

/* The first quote or backslash of p..end, or end. Eight bytes at a time: the
 * property string of a message is long and has few of them. */
static inline const char *
find_special(const char *p, const char *end)
{
	uint64_t w, a, b;

	for (; end - p >= 8; p += 8) {
		memcpy(&w, p, sizeof w);
		w = le64toh(w);
		a = w ^ (ONES * '"');
		b = w ^ (ONES * '\\');
		a = ((a - ONES) & ~a) | ((b - ONES) & ~b);
		a &= HIGH;
		if (a != 0)
			return p + __builtin_ctzll(a) / 8;
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* a hexadecimal digit plus one; 0: isn't one */
static const uint8_t hex_value[256] = {
	['0'] = 1,
	['1'] = 2,
	['2'] = 3,
	['3'] = 4,
	['4'] = 5,
	['5'] = 6,
	['6'] = 7,
	['7'] = 8,
	['8'] = 9,
	['9'] = 10,
	['a'] = 11,
	['b'] = 12,
	['c'] = 13,
	['d'] = 14,
	['e'] = 15,
	['f'] = 16,
	['A'] = 11,
	['B'] = 12,
	['C'] = 13,
	['D'] = 14,
	['E'] = 15,
	['F'] = 16,
};

static bool
hex_number(const char *p, const char *end, int digits, uint32_t *v)
{
	uint32_t d;
	int i;

	*v = 0;
	if (end - p < digits)
		return false;
	for (i = 0; i < digits; i++) {
		d = hex_value[(unsigned char)p[i]];
		if (d == 0)
			return false;
		*v = *v << 4 | (d - 1);
	}
	return true;
}

/* After \u: one unit of UTF-16, or a pair of escapes that make one character. */
static bool
escape_u(const char **pp, const char *end, uint32_t *c)
{
	const char *p = *pp;
	uint32_t low;

	if (!hex_number(p, end, 4, c))
		return false;
	p += 4;
	if (*c >= 0xd800 && *c < 0xdc00 && end - p >= 6 && p[0] == '\\' &&
	    p[1] == 'u' && hex_number(p + 2, end, 4, &low) && low >= 0xdc00 &&
	    low < 0xe000) {
		*c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
		p += 6;
	}
	*pp = p;
	return true;
}

/* After a backslash. */
static bool
escape(const char **pp, const char *end, uint32_t *c)
{
	static const char from[] = "\"\\/'bfnrtv";
	static const char to[] = "\"\\/'\b\f\n\r\t\v";
	const char *at;
	char e;

	if (*pp == end)
		return false;
	e = *(*pp)++;
	if (e == 'u')
		return escape_u(pp, end, c);
	if (e == 'x') {
		if (!hex_number(*pp, end, 2, c))
			return false;
		*pp += 2;
		return true;
	}
	if (e >= '0' && e <= '7') {
		*c = (uint32_t)(e - '0');
		return true;
	}
	at = e == '\0' ? NULL : strchr(from, e);
	if (at == NULL)
		return false;
	*c = (unsigned char)to[at - from];
	return true;
}

/* A string from its first escape on: start..p is plain text. */
static NOINLINE enum err
string_unescape(
    struct jscan *js, const char *start, const char *p, struct str *s)
{
	const char *next;
	char *o = js->out, *o_end = js->out + js->out_n;
	uint32_t c;
	size_t n;

	for (;;) {
		n = (size_t)(p - start);
		if (n > (size_t)(o_end - o))
			return ERR_TOO_BIG;
		if (n != 0)
			memcpy(o, start, n);
		o += n;
		if (p == js->end)
			return ERR_MALFORMED;
		if (*p == '"')
			break;
		next = p + 1;
		if (!escape(&next, js->end, &c))
			return ERR_MALFORMED;
		if (o_end - o < UTF8_MAX) {
			char tmp[UTF8_MAX];

			n = utf8_put(tmp, c);
			if (n > (size_t)(o_end - o))
				return ERR_TOO_BIG;
			memcpy(o, tmp, n);
			o += n;
		} else
			o += utf8_put(o, c);
		start = next;
		p = find_special(start, js->end);
	}
	*s = (struct str){ js->out, (size_t)(o - js->out) };
	js->out_n -= s->len;
	js->out = o;
	js->p = p + 1;
	return ERR_OK;
}

enum err
jscan_string(struct jscan *js, struct str *s)
{
	const char *start, *p;

	if (!jscan_take(js, '"'))
		return ERR_MALFORMED;
	start = js->p;
	p = find_special(start, js->end);
	if (p == js->end)
		return ERR_MALFORMED;
	if (*p == '\\') {
		if (js->out == NULL)
			return ERR_TOO_BIG;
		return string_unescape(js, start, p, s);
	}
	*s = (struct str){ start, (size_t)(p - start) };
	js->p = p + 1;
	return ERR_OK;
}

static inline const char *
digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* -? digits [. digits] [e [+-] digits]; NULL: isn't one */
static const char *
number(const char *p, const char *end)
{
	const char *q;

	if (p < end && *p == '-')
		p++;
	q = digits(p, end);
	if (q == p)
		return NULL;
	p = q;
	if (p < end && *p == '.') {
		q = digits(++p, end);
		if (q == p)
			return NULL;
		p = q;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		q = digits(p, end);
		if (q == p)
			return NULL;
		p = q;
	}
	return p;
}

/* true, false or null; NULL: none of them */
static const char *
word(const char *p, const char *end)
{
	struct str rest = { p, (size_t)(end - p) };

	if (str_starts(rest, STR_LIT("true")) ||
	    str_starts(rest, STR_LIT("null")))
		return p + 4;
	return str_starts(rest, STR_LIT("false")) ? p + 5 : NULL;
}

enum err
jscan_scalar(struct jscan *js, struct str *s)
{
	const char *p;

	(void)jscan_peek(js);
	p = number(js->p, js->end);
	if (p == NULL)
		p = word(js->p, js->end);
	if (p == NULL)
		return ERR_MALFORMED;
	*s = (struct str){ js->p, (size_t)(p - js->p) };
	js->p = p;
	return ERR_OK;
}

static enum err
skip_string(struct jscan *js)
{
	const char *p = js->p + 1;

	while ((p = find_special(p, js->end)) < js->end) {
		if (*p == '"') {
			js->p = p + 1;
			return ERR_OK;
		}
		if (js->end - p < 2)
			break;
		p += 2;
	}
	return ERR_MALFORMED;
}

static enum err
skip_all(struct jscan *js, unsigned depth)
{
	struct str s;
	enum err e;
	char close;
	bool object;

	switch (jscan_peek(js)) {
	case '"':
		return skip_string(js);
	case '{':
	case '[':
		break;
	default:
		return jscan_scalar(js, &s);
	}
	if (depth == 0)
		return ERR_TOO_BIG;
	object = *js->p++ == '{';
	close = object ? '}' : ']';
	if (jscan_take(js, close))
		return ERR_OK;
	for (;;) {
		e = skip_all(js, depth - 1);
		if (e != ERR_OK)
			return e;
		if (object) {
			if (!jscan_take(js, ':'))
				return ERR_MALFORMED;
			e = skip_all(js, depth - 1);
			if (e != ERR_OK)
				return e;
		}
		if (jscan_take(js, close))
			return ERR_OK;
		if (!jscan_take(js, ','))
			return ERR_MALFORMED;
	}
}

enum err
jscan_skip(struct jscan *js, unsigned depth, struct str *raw)
{
	const char *start;
	enum err e;

	(void)jscan_peek(js);
	start = js->p;
	e = skip_all(js, depth);
	if (e == ERR_OK && raw != NULL)
		*raw = (struct str){ start, (size_t)(js->p - start) };
	return e;
}
