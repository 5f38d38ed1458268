/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"

#define STRBUF_FIRST 64

void
strbuf_init(struct strbuf *sb, size_t max)
{
	assert(max < SIZE_MAX / 4);
	INIT_OBJ(sb, STRBUF_MAGIC);
	sb->max = max;
}

void
strbuf_fini(struct strbuf *sb)
{
	CHECK_OBJ_NOTNULL(sb, STRBUF_MAGIC);
	MEM_FREE(sb->p);
	FINI_OBJ(sb);
}

void
strbuf_reset(struct strbuf *sb)
{
	CHECK_OBJ_NOTNULL(sb, STRBUF_MAGIC);
	sb->over = false;
	sb->len = 0;
	if (sb->p != NULL)
		sb->p[0] = '\0';
}

void
strbuf_trim(struct strbuf *sb, size_t len)
{
	CHECK_OBJ_NOTNULL(sb, STRBUF_MAGIC);
	if (sb->over)
		return;
	assert(len <= sb->len);
	sb->len = len;
	if (sb->p != NULL)
		sb->p[len] = '\0';
}

char *
strbuf_grow(struct strbuf *sb, size_t len)
{
	size_t want;

	if (sb->over)
		return NULL;
	if (len > sb->max - sb->len) {
		MEM_FREE(sb->p);
		sb->len = sb->cap = 0;
		sb->over = true;
		return NULL;
	}
	want = sb->len + len + 1;
	if (want < STRBUF_FIRST)
		want = STRBUF_FIRST;
	if (want < sb->cap * 2)
		want = sb->cap * 2;
	if (want > sb->max + 1)
		want = sb->max + 1;
	sb->p = mem_realloc(sb->p, want);
	sb->cap = want;
	sb->p[sb->len] = '\0';
	return sb->p + sb->len;
}

void
strbuf_add(struct strbuf *sb, const void *p, size_t len)
{
	char *q;

	q = strbuf_reserve(sb, len);
	if (q == NULL || len == 0)
		return;
	memcpy(q, p, len);
	strbuf_commit(sb, len);
}

void
strbuf_addc(struct strbuf *sb, char c)
{
	strbuf_add(sb, &c, 1);
}

void
strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap;
	char *q;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	q = strbuf_reserve(sb, (size_t)n);
	if (q == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(q, (size_t)n + 1, fmt, ap);
	va_end(ap);
	strbuf_commit(sb, (size_t)n);
}

void
strbuf_add_u64(struct strbuf *sb, uint64_t v)
{
	char tmp[20];
	size_t i = sizeof tmp;

	do {
		tmp[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	strbuf_add(sb, tmp + i, sizeof tmp - i);
}

void
strbuf_add_i64(struct strbuf *sb, int64_t v)
{
	if (v < 0) {
		strbuf_addc(sb, '-');
		strbuf_add_u64(sb, 0 - (uint64_t)v);
	} else {
		strbuf_add_u64(sb, (uint64_t)v);
	}
}

/* Which bytes of a string in JSON don't stand for themselves: 1 escape, 2 UTF-8 */
static const uint8_t json_class[256] = {
	[0x00 ... 0x1f] = 1,
	['"'] = 1,
	['\\'] = 1,
	[0x7f] = 1,
	[0x80 ... 0xff] = 2,
};

static void
add_escape(struct strbuf *sb, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char *q;

	q = strbuf_reserve(sb, 6);
	if (q == NULL)
		return;
	q[0] = '\\';
	switch (c) {
	case '"':
	case '\\':
		q[1] = (char)c;
		break;
	case '\n':
		q[1] = 'n';
		break;
	case '\r':
		q[1] = 'r';
		break;
	case '\t':
		q[1] = 't';
		break;
	default:
		memcpy(q + 1, "u00", 3);
		q[4] = hex[c >> 4];
		q[5] = hex[c & 15];
		strbuf_commit(sb, 6);
		return;
	}
	strbuf_commit(sb, 2);
}

/* How many bytes from the beginning stand for themselves, or fewer: eight at a
 * time. */
static size_t
json_plain(const char *s, size_t len)
{
	const uint64_t ones = 0x0101010101010101U, high = ones << 7;
	uint64_t w, quote, slash, bad;
	size_t n;

	for (n = 0; len - n >= 8; n += 8) {
		memcpy(&w, s + n, 8);
		quote = w ^ ones * '"';
		slash = w ^ ones * '\\';
		/* what borrows or carries into the high bit of its byte, or has it;
		 * from there on it may say so of plain ones, too */
		bad = (w - ones * 0x20) | (quote - ones) | (slash - ones) |
		    (w + ones);
		if (((bad | w) & high) != 0)
			break;
	}
	return n;
}

void
strbuf_add_json(struct strbuf *sb, const char *s, size_t len)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t i = json_plain(s, len), from = 0, used;

	while (i < len) {
		if (json_class[p[i]] == 0) {
			i++;
			continue;
		}
		if (json_class[p[i]] == 2 &&
		    (utf8_next(p + i, len - i, &used) != UTF8_BAD ||
			used > 1)) {
			i += used;
			continue;
		}
		strbuf_add(sb, s + from, i - from);
		if (json_class[p[i]] == 2)
			strbuf_add(sb, "\\ufffd", 6);
		else
			add_escape(sb, p[i]);
		from = ++i;
	}
	strbuf_add(sb, s + from, len - from);
}

enum err
strbuf_err(const struct strbuf *sb)
{
	CHECK_OBJ_NOTNULL(sb, STRBUF_MAGIC);
	return sb->over ? ERR_TOO_BIG : ERR_OK;
}

const char *
strbuf_str(const struct strbuf *sb)
{
	CHECK_OBJ_NOTNULL(sb, STRBUF_MAGIC);
	return sb->p != NULL ? sb->p : "";
}

char *
strbuf_take(struct strbuf *sb)
{
	char *p;

	CHECK_OBJ_NOTNULL(sb, STRBUF_MAGIC);
	p = sb->p != NULL ? sb->p : mem_strdup("");
	sb->p = NULL;
	sb->len = sb->cap = 0;
	return p;
}
