/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "base/be.h"
#include "base/num.h"
#include "base/vas.h"
#include "rocketmq/header_priv.h"

/*
 * The 16 bits of the binary header's code cut those of the POP family and
 * what came after it: 200050..200079 and 200151, less 3 * 65536.
 */
#define POP_CUT 0x30000
#define POP_FIRST 200050
#define POP_LAST 200079
#define POP_BATCH_ACK 200151

/* A field that was not there before */
static inline enum err
append(struct rheader *h, struct str name, struct str value)
{
	if (h->fields_n == RHEADER_FIELDS_MAX)
		return ERR_TOO_BIG;
	h->f[h->fields_n++] = (struct rfield){ name, value };
	return ERR_OK;
}

static enum err
add_long(struct rheader *h, struct str name, struct str value)
{
	unsigned i;

	for (i = 0; i < h->fields_n; i++)
		if (str_eq(h->f[i].name, name)) {
			h->f[i].value = value;
			return ERR_OK;
		}
	return append(h, name, value);
}

static inline enum err
add(struct rheader *h, struct str name, struct str value)
{
	unsigned i;
	enum err e;

	if (name.len != 1)
		return add_long(h, name, value);
	i = (unsigned)(unsigned char)name.p[0] - 'a';
	if (i >= RHEADER_LETTERS)
		return add_long(h, name, value);
	if (unlikely(h->letter[i] != 0)) {
		h->f[h->letter[i] - 1].value = value;
		return ERR_OK;
	}
	e = append(h, name, value);
	if (e == ERR_OK)
		h->letter[i] = (uint8_t)h->fields_n;
	return e;
}

enum err
rheader_add(struct rheader *h, struct str name, struct str value)
{
	return add(h, name, value);
}

/* A field that was there is null now. */
void
rheader_drop(struct rheader *h, struct str name)
{
	struct rheader old;
	unsigned i;

	for (i = 0; i < h->fields_n; i++)
		if (str_eq(h->f[i].name, name))
			break;
	if (i == h->fields_n)
		return;
	old = *h;
	rheader_clear_fields(h);
	for (i = 0; i < old.fields_n; i++)
		if (!str_eq(old.f[i].name, name))
			AZ(rheader_add(h, old.f[i].name, old.f[i].value));
}

uint8_t
rlanguage_of(struct str name)
{
#define LANG(name_, number)                \
	if (str_eq(name, STR_LIT(#name_))) \
		return number;
#include "rocketmq/tbl/language.h"
	return RLANG_OTHER;
}

const char *
rlanguage_name(unsigned language)
{
	switch (language) {
#define LANG(name, number) \
	case number:       \
		return #name;
#include "rocketmq/tbl/language.h"
	default:
		return "OTHER";
	}
}

/* ---- the binary header */

struct cut {
	const uint8_t *p;
	size_t n;
};

static bool
take(struct cut *c, size_t n, const uint8_t **at)
{
	if (n > c->n)
		return false;
	*at = c->p;
	c->p += n;
	c->n -= n;
	return true;
}

static bool
take_len32(struct cut *c, size_t *n)
{
	const uint8_t *p;

	if (!take(c, 4, &p))
		return false;
	*n = be32_get(p);
	return *n <= c->n;
}

static int32_t
whole_code(int16_t cut, int32_t flag)
{
	int32_t code = cut + POP_CUT;

	if ((flag & RHEADER_RESPONSE) == 0 &&
	    ((code >= POP_FIRST && code <= POP_LAST) || code == POP_BATCH_ACK))
		return code;
	return cut;
}

static enum err
scan_fields(struct rheader *h, const uint8_t *p, const uint8_t *end)
{
	struct str name, value;
	enum err e;

	while (p != end) {
		if (end - p < 2)
			return ERR_MALFORMED;
		name = (struct str){ (const char *)p + 2, be16_get(p) };
		p += 2;
		if ((size_t)(end - p) < name.len + 4)
			return ERR_MALFORMED;
		p += name.len;
		value = (struct str){ (const char *)p + 4, be32_get(p) };
		p += 4;
		if ((size_t)(end - p) < value.len)
			return ERR_MALFORMED;
		p += value.len;
		e = add(h, name, value);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err
scan_binary(struct rheader *h, const uint8_t *start, size_t len)
{
	struct cut c = { start, len };
	const uint8_t *p;
	size_t n;

	/* code, language, version, opaque, flag */
	if (!take(&c, 13, &p))
		return ERR_MALFORMED;
	h->language = p[2];
	h->version = (int16_t)be16_get(p + 3);
	h->opaque = (int32_t)be32_get(p + 5);
	h->flag = (int32_t)be32_get(p + 9);
	h->code = whole_code((int16_t)be16_get(p), h->flag);
	if (!take_len32(&c, &n) || !take(&c, n, &p))
		return ERR_MALFORMED;
	if (n != 0)
		h->remark = (struct str){ (const char *)p, n };
	if (!take_len32(&c, &n) || !take(&c, n, &p))
		return ERR_MALFORMED;
	return scan_fields(h, p, p + n);
}

enum err
rheader_scan(struct rheader *h, unsigned type, const uint8_t *p, size_t len,
    struct rscratch *scratch)
{
	h->code = h->version = h->opaque = h->flag = 0;
	h->language = RLANG_JAVA;
	h->type = (uint8_t)type;
	h->remark = STR_NONE;
	rheader_clear_fields(h);
	if (type == RHEADER_BINARY)
		return scan_binary(h, p, len);
	if (type != RHEADER_JSON)
		return ERR_MALFORMED;
	scratch->used = 0;
	return rheader_scan_json(h, (const char *)p, len, scratch);
}

/* ---- fields */

struct str
rheader_find(const struct rheader *h, const char *name, size_t len)
{
	unsigned i;

	for (i = 0; i < h->fields_n; i++)
		if (h->f[i].name.len == len &&
		    memcmp(h->f[i].name.p, name, len) == 0)
			return h->f[i].value;
	return STR_NONE;
}

enum err
rtext_i64(struct str s, int64_t *out)
{
	return s.p == NULL ? ERR_NO_KEY : num_i64(s, out);
}

enum err
rtext_i32(struct str s, int32_t *out)
{
	return s.p == NULL ? ERR_NO_KEY : num_i32(s, out);
}

enum err
rtext_bool(struct str s, bool *out)
{
	if (s.p == NULL)
		return ERR_NO_KEY;
	*out = s.len == 4 && strncasecmp(s.p, "true", 4) == 0;
	return ERR_OK;
}

enum err
rheader_i64(const struct rheader *h, const char *name, int64_t *out)
{
	return rtext_i64(rheader_get(h, name), out);
}

enum err
rheader_i32(const struct rheader *h, const char *name, int32_t *out)
{
	return rtext_i32(rheader_get(h, name), out);
}

enum err
rheader_bool(const struct rheader *h, const char *name, bool *out)
{
	return rtext_bool(rheader_get(h, name), out);
}
