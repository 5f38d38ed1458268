/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "base/miniobj.h"
#include "base/num.h"
#include "rocketmq/jscan.h"
#include "rocketmq/json_body.h"

#define CHUNK_FIRST 4096
#define CHUNK_MAX (256 * 1024)

struct jdoc_chunk {
	struct jdoc_chunk *next;
	size_t used, cap;
	_Alignas(struct jval) char data[];
};

/* ---- memory */

static void
free_chunks(struct jdoc_chunk **head)
{
	struct jdoc_chunk *c;

	while ((c = *head) != NULL) {
		*head = c->next;
		mem_free(c);
	}
}

void
jdoc_init(struct jdoc *d, uint32_t max_values)
{
	INIT_OBJ(d, JDOC_MAGIC);
	d->max_values = max_values;
}

void
jdoc_fini(struct jdoc *d)
{
	CHECK_OBJ_NOTNULL(d, JDOC_MAGIC);
	free_chunks(&d->chunks);
	FINI_OBJ(d);
}

/* Keeps one chunk of those that were needed: the first, unless it is a large one
 * that a single body wanted. */
static void
reset(struct jdoc *d)
{
	struct jdoc_chunk *c = d->chunks;

	d->values_n = 0;
	if (c == NULL)
		return;
	free_chunks(&c->next);
	c->used = 0;
	if (c->cap > CHUNK_MAX)
		free_chunks(&d->chunks);
}

static void *
get_mem(struct jdoc *d, size_t n)
{
	struct jdoc_chunk *c = d->chunks;
	size_t cap;
	void *p;

	n = (n + _Alignof(struct jval) - 1) & ~(_Alignof(struct jval) - 1);
	if (c == NULL || n > c->cap - c->used) {
		cap = c == NULL ? CHUNK_FIRST : c->cap * 2;
		if (cap > CHUNK_MAX)
			cap = CHUNK_MAX;
		if (cap < n)
			cap = n;
		c = mem_alloc(sizeof *c + cap);
		c->next = d->chunks;
		c->used = 0;
		c->cap = cap;
		d->chunks = c;
	}
	p = c->data + c->used;
	c->used += n;
	return p;
}

/* ---- parsing */

struct parser {
	struct jdoc *d;
	struct jscan js;
};

static enum err parse_value(
    struct parser *ps, unsigned depth, struct jval **out);

static enum err
parse_scalar(struct parser *ps, struct jval *v)
{
	enum err e;

	e = jscan_scalar(&ps->js, &v->text);
	if (e != ERR_OK)
		return e;
	switch (v->text.p[0]) {
	case 'n':
		v->type = JVAL_NULL;
		break;
	case 't':
	case 'f':
		v->type = JVAL_BOOL;
		break;
	default:
		v->type = JVAL_NUMBER;
		break;
	}
	return ERR_OK;
}

static enum err
parse_member(struct parser *ps, bool object, unsigned depth, struct jval **out)
{
	struct jval *key = NULL;
	enum err e;

	if (object) {
		e = parse_value(ps, depth, &key);
		if (e != ERR_OK)
			return e;
		if (!jscan_take(&ps->js, ':'))
			return ERR_MALFORMED;
	}
	e = parse_value(ps, depth, out);
	if (e == ERR_OK)
		(*out)->key = key;
	return e;
}

static enum err
parse_members(struct parser *ps, struct jval *v, unsigned depth)
{
	struct jval **tail = &v->first;
	bool object = v->type == JVAL_OBJECT;
	char close = object ? '}' : ']';
	enum err e;

	if (depth == 0)
		return ERR_TOO_BIG;
	ps->js.p++;
	if (jscan_take(&ps->js, close))
		return ERR_OK;
	do {
		e = parse_member(ps, object, depth - 1, tail);
		if (e != ERR_OK)
			return e;
		tail = &(*tail)->next;
		v->n++;
	} while (jscan_take(&ps->js, ','));
	return jscan_take(&ps->js, close) ? ERR_OK : ERR_MALFORMED;
}

static enum err
parse_value(struct parser *ps, unsigned depth, struct jval **out)
{
	struct jval *v;
	const char *start;
	enum err e;

	*out = NULL;
	if (ps->d->values_n == ps->d->max_values)
		return ERR_TOO_BIG;
	ps->d->values_n++;
	v = get_mem(ps->d, sizeof *v);
	*v = (struct jval){ 0 };
	switch (jscan_peek(&ps->js)) {
	case '"':
		v->type = JVAL_STRING;
		e = jscan_string(&ps->js, &v->text);
		break;
	case '{':
	case '[':
		start = ps->js.p;
		v->type = *start == '{' ? JVAL_OBJECT : JVAL_ARRAY;
		e = parse_members(ps, v, depth);
		v->text = (struct str){ start, (size_t)(ps->js.p - start) };
		break;
	default:
		e = parse_scalar(ps, v);
		break;
	}
	if (e == ERR_OK)
		*out = v;
	return e;
}

enum err
jdoc_parse(struct jdoc *d, const void *p, size_t n, const struct jval **root)
{
	struct parser ps = { .d = d };
	struct jval *v;
	enum err e;

	CHECK_OBJ_NOTNULL(d, JDOC_MAGIC);
	*root = NULL;
	reset(d);
	if (n == 0)
		return ERR_MALFORMED;
	ps.js.p = p;
	ps.js.end = ps.js.p + n;
	/* un-escaped, no string is longer than it was */
	if (memchr(p, '\\', n) != NULL) {
		ps.js.out = get_mem(d, n);
		ps.js.out_n = n;
	}
	e = parse_value(&ps, JDOC_DEPTH, &v);
	if (e == ERR_OK && jscan_peek(&ps.js) != '\0')
		e = ERR_MALFORMED;
	if (e == ERR_OK)
		*root = v;
	return e;
}

/* ---- reading */

const struct jval *
jval_get(const struct jval *v, const char *name)
{
	const struct jval *m, *found = NULL;
	struct str want = str_of(name);

	if (v == NULL || v->type != JVAL_OBJECT)
		return NULL;
	JVAL_FOREACH(m, v)
	if (str_eq(m->key->text, want))
		found = m;
	return found != NULL && found->type == JVAL_NULL ? NULL : found;
}

struct str
jval_str(const struct jval *v)
{
	if (v == NULL || v->type < JVAL_BOOL || v->type > JVAL_STRING)
		return STR_NONE;
	return v->text;
}

enum err
jval_i64(const struct jval *v, int64_t *out)
{
	if (v == NULL || v->type == JVAL_NULL)
		return ERR_NO_KEY;
	if (v->type != JVAL_NUMBER && v->type != JVAL_STRING)
		return ERR_INVALID_ARG;
	return num_i64(v->text, out);
}

enum err
jval_i32(const struct jval *v, int32_t *out)
{
	int64_t v64;
	enum err e;

	e = jval_i64(v, &v64);
	if (e != ERR_OK)
		return e;
	if (v64 < INT32_MIN || v64 > INT32_MAX)
		return ERR_INVALID_ARG;
	*out = (int32_t)v64;
	return ERR_OK;
}

bool
jval_bool(const struct jval *v)
{
	struct str s = jval_str(v);

	return s.len == 4 && strncasecmp(s.p, "true", 4) == 0;
}
