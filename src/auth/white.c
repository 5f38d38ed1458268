/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/white.h"

#include "base/cidr.h"
#include "base/mem.h"

#define PARTS_MAX 8u

struct white_range {
	uint8_t parts; /* 4, 8; 0: all addresses */
	uint16_t lo[PARTS_MAX], hi[PARTS_MAX];
};

/* --- one address ------------------------------------------------------------------ */

static bool
address(struct white_range *r, struct str s)
{
	struct cidr c;
	unsigned i;

	if (memchr(s.p, '/', s.len) != NULL || cidr_parse(&c, s) != ERR_OK)
		return false;
	r->parts = c.bytes == 4 ? 4 : 8;
	for (i = 0; i < r->parts; i++) {
		r->lo[i] = c.bytes == 4 ?
		    c.addr[i] :
		    (uint16_t)(c.addr[2 * i] << 8 | c.addr[2 * i + 1]);
		r->hi[i] = r->lo[i];
	}
	return true;
}

/* --- ranges ------------------------------------------------------------------------ */

static bool
number(struct str s, unsigned base, unsigned max, uint16_t *out)
{
	unsigned v = 0, d;
	size_t i;
	char c;

	if (s.len == 0 || s.len > 4)
		return false;
	for (i = 0; i < s.len; i++) {
		c = s.p[i];
		if (c >= '0' && c <= '9')
			d = (unsigned)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			d = (unsigned)((c | 0x20) - 'a') + 10;
		else
			return false;
		if (d >= base)
			return false;
		v = v * base + d;
	}
	*out = (uint16_t)v;
	return v <= max;
}

/* "*", "a-b" or "a" as the part i */
static bool
part(struct white_range *r, unsigned i, struct str s)
{
	unsigned base = r->parts == 4 ? 10 : 16;
	unsigned max = r->parts == 4 ? 0xff : 0xffff;
	struct str from;

	if (i >= r->parts)
		return false;
	s = str_trim(s);
	if (str_eq(s, STR_LIT("*"))) {
		r->lo[i] = 0;
		r->hi[i] = (uint16_t)max;
		return true;
	}
	if (s.len == 0 || memchr(s.p, '-', s.len) == NULL) {
		if (!number(s, base, max, &r->lo[i]))
			return false;
		r->hi[i] = r->lo[i];
		return true;
	}
	from = str_word(&s, '-');
	return number(from, base, max, &r->lo[i]) &&
	    number(s, base, max, &r->hi[i]) && r->lo[i] <= r->hi[i];
}

static bool
parts(struct white_range *r, struct str s, char sep, unsigned *i)
{
	struct str w;

	while (s.len > 0) {
		w = str_word(&s, sep);
		if (!part(r, (*i)++, w))
			return false;
		/* a separator at the end */
		if (s.len == 0 && s.p[-1] == sep)
			return false;
	}
	return true;
}

/* with "::", which stands for as many zeros as are lacking */
static bool
range(struct white_range *r, struct str s)
{
	const char *gap = memmem(s.p, s.len, "::", 2);
	unsigned i = 0, before, after, n;

	if (memchr(s.p, ':', s.len) == NULL) {
		r->parts = 4;
		return parts(r, s, '.', &i) && i == 4;
	}
	r->parts = 8;
	if (gap == NULL)
		return parts(r, s, ':', &i) && i == 8;
	if (!parts(r, (struct str){ s.p, (size_t)(gap - s.p) }, ':', &i))
		return false;
	before = i;
	s = (struct str){ gap + 2, s.len - (size_t)(gap + 2 - s.p) };
	if (!parts(r, s, ':', &i) || i >= 8)
		return false;
	after = i - before;
	for (n = 0; n < after; n++) {
		r->lo[7 - n] = r->lo[i - 1 - n];
		r->hi[7 - n] = r->hi[i - 1 - n];
	}
	for (n = before; n < 8 - after; n++)
		r->lo[n] = r->hi[n] = 0;
	return true;
}

/* --- lists ------------------------------------------------------------------------- */

static enum err
wrong(struct diag *diag, struct str s)
{
	return diag_set(diag, ERR_INVALID_ARG,
	    "Netaddress examine Exception netaddress is %.*s",
	    s.len < 100 ? (int)s.len : 100, s.p);
}

static enum err
add(struct white *w, const struct white_range *r, struct diag *diag)
{
	if (w->n == WHITE_MAX)
		return diag_set(
		    diag, ERR_INVALID_ARG, "more than %u addresses", WHITE_MAX);
	w->v = mem_reallocarray(w->v, w->n + 1, sizeof *w->v);
	w->v[w->n++] = *r;
	return ERR_OK;
}

static enum err
add_address(struct white *w, struct str s, struct diag *diag)
{
	struct white_range r = { 0 };

	return address(&r, s) ? add(w, &r, diag) : wrong(diag, s);
}

/* "10.1.2.{3,4}" */
static enum err
add_braces(struct white *w, struct str s, struct diag *diag)
{
	const char *open = memchr(s.p, '{', s.len);
	bool six = memchr(s.p, ':', s.len) != NULL;
	struct str head, list;
	size_t i, dots = 0;
	enum err e = ERR_OK;
	char *text;

	for (i = 0; i < s.len; i++)
		dots += s.p[i] == '.';
	if (!six && dots < 3)
		return diag_set(diag, ERR_INVALID_ARG,
		    "MultipleRemoteAddressStrategy has got a/some wrong "
		    "format IP(s) ");
	if (open == NULL || open == s.p || open[-1] != (six ? ':' : '.'))
		return diag_set(diag, ERR_INVALID_ARG,
		    "MultipleRemoteAddressStrategy netaddress examine scope "
		    "Exception netaddress");
	head = (struct str){ s.p, (size_t)(open - s.p) };
	list = (struct str){ open + 1, s.len - head.len - 2 };
	while (e == ERR_OK && list.len > 0) {
		struct str last = str_word(&list, ',');

		text = mem_printf(
		    "%.*s%.*s", (int)head.len, head.p, (int)last.len, last.p);
		e = add_address(w, str_of(text), diag);
		mem_free(text);
	}
	return e;
}

static enum err
add_any(struct white *w, struct str s, struct diag *diag)
{
	struct white_range r = { 0 };
	enum err e = ERR_OK;

	if (str_eq(s, STR_LIT("*")) || str_eq(s, STR_LIT("*.*.*.*")) ||
	    str_eq(s, STR_LIT("*:*:*:*:*:*:*:*")))
		return add(w, &r, diag);
	if (s.p[s.len - 1] == '}')
		return add_braces(w, s, diag);
	if (memchr(s.p, ',', s.len) != NULL) {
		while (e == ERR_OK && s.len > 0)
			e = add_address(w, str_word(&s, ','), diag);
		return e;
	}
	if (memchr(s.p, '*', s.len) == NULL && memchr(s.p, '-', s.len) == NULL)
		return add_address(w, s, diag);
	return range(&r, s) ? add(w, &r, diag) :
			      diag_set(diag, ERR_INVALID_ARG,
				  "Netaddress examine scope Exception "
				  "netaddress is %.*s",
				  s.len < 100 ? (int)s.len : 100, s.p);
}

enum err
white_add(struct white *w, struct str s, struct diag *diag)
{
	unsigned was = w->n;
	enum err e;

	s = str_trim(s);
	if (s.len == 0)
		return ERR_OK;
	e = add_any(w, s, diag);
	if (e != ERR_OK)
		w->n = was;
	return e;
}

void
white_fini(struct white *w)
{
	MEM_FREE(w->v);
	w->n = 0;
}

bool
white_has(const struct white *w, struct str ip)
{
	struct white_range a = { 0 };
	bool is_one = ip.len > 0 && address(&a, ip);
	const struct white_range *r;
	unsigned i, k;

	for (i = 0; i < w->n; i++) {
		r = &w->v[i];
		if (r->parts == 0)
			return true;
		if (!is_one || r->parts != a.parts)
			continue;
		for (k = 0; k < r->parts; k++)
			if (a.lo[k] < r->lo[k] || a.lo[k] > r->hi[k])
				break;
		if (k == r->parts)
			return true;
	}
	return false;
}
