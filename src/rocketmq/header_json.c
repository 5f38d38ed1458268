/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vas.h"
#include "rocketmq/header_priv.h"
#include "rocketmq/jscan.h"

/* A string, number or boolean as text, or any other value's JSON; null: absent. */
static enum err
value_text(struct jscan *js, struct str *s)
{
	enum err e;

	switch (jscan_peek(js)) {
	case '"':
		return jscan_string(js, s);
	case '{':
	case '[':
		return jscan_skip(js, RHEADER_DEPTH, s);
	default:
		e = jscan_scalar(js, s);
		if (e == ERR_OK && s->p[0] == 'n')
			*s = STR_NONE;
		return e;
	}
}

static enum err
value_i32(struct jscan *js, int32_t *v)
{
	struct str s;
	enum err e;

	e = value_text(js, &s);
	if (e == ERR_OK && s.p != NULL && rtext_i32(s, v) != ERR_OK)
		e = ERR_MALFORMED;
	return e;
}

static enum err
value_language(struct jscan *js, uint8_t *language)
{
	struct str s;
	int32_t n;
	enum err e;

	e = value_text(js, &s);
	if (e != ERR_OK || s.p == NULL)
		return e;
	if (rtext_i32(s, &n) == ERR_OK)
		*language = n >= 0 && n <= UINT8_MAX ? (uint8_t)n : RLANG_OTHER;
	else
		*language = rlanguage_of(s);
	return ERR_OK;
}

static enum err
ext_fields(struct rheader *h, struct jscan *js)
{
	struct str name, value;
	enum err e;

	rheader_clear_fields(h);
	if (jscan_peek(js) != '{') {
		e = jscan_scalar(js, &value);
		return e == ERR_OK && value.p[0] != 'n' ? ERR_MALFORMED : e;
	}
	js->p++;
	if (jscan_take(js, '}'))
		return ERR_OK;
	for (;;) {
		e = jscan_string(js, &name);
		if (e != ERR_OK)
			return e;
		if (!jscan_take(js, ':'))
			return ERR_MALFORMED;
		e = value_text(js, &value);
		if (e != ERR_OK)
			return e;
		if (value.p == NULL)
			rheader_drop(h, name);
		else
			e = rheader_add(h, name, value);
		if (e != ERR_OK)
			return e;
		if (jscan_take(js, '}'))
			return ERR_OK;
		if (!jscan_take(js, ','))
			return ERR_MALFORMED;
	}
}

static enum err
member(struct rheader *h, struct str name, struct jscan *js)
{
	if (str_eq(name, STR_LIT("code")))
		return value_i32(js, &h->code);
	if (str_eq(name, STR_LIT("extFields")))
		return ext_fields(h, js);
	if (str_eq(name, STR_LIT("flag")))
		return value_i32(js, &h->flag);
	if (str_eq(name, STR_LIT("language")))
		return value_language(js, &h->language);
	if (str_eq(name, STR_LIT("opaque")))
		return value_i32(js, &h->opaque);
	if (str_eq(name, STR_LIT("remark")))
		return value_text(js, &h->remark);
	if (str_eq(name, STR_LIT("version")))
		return value_i32(js, &h->version);
	return jscan_skip(js, RHEADER_DEPTH, NULL);
}

enum err
rheader_scan_json(
    struct rheader *h, const char *p, size_t len, struct rscratch *scratch)
{
	struct jscan js = { p, p + len, scratch->p, scratch->cap };
	struct str name;
	enum err e;

	if (!jscan_take(&js, '{'))
		return ERR_MALFORMED;
	if (!jscan_take(&js, '}')) {
		do {
			e = jscan_string(&js, &name);
			if (e != ERR_OK)
				return e;
			if (!jscan_take(&js, ':'))
				return ERR_MALFORMED;
			e = member(h, name, &js);
			if (e != ERR_OK)
				return e;
		} while (jscan_take(&js, ','));
		if (!jscan_take(&js, '}'))
			return ERR_MALFORMED;
	}
	scratch->used = scratch->cap - js.out_n;
	/* C++ clients end it with a newline */
	return jscan_peek(&js) == '\0' ? ERR_OK : ERR_MALFORMED;
}
