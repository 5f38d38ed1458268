/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/yaml_doc.h"

#include <yaml.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/vas.h"

#define DEPTH_MAX 16u
#define NODES_MAX (1 << 20)

/* --- words -------------------------------------------------------------------------- */

static bool
is_one_of(struct str s, const char *const *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s.len == strlen(v[i]) && strncasecmp(s.p, v[i], s.len) == 0)
			return true;
	return false;
}

static bool
is_true(struct str s)
{
	static const char *const v[] = { "true", "yes", "on" };

	return is_one_of(s, v, 3);
}

static bool
is_false(struct str s)
{
	static const char *const v[] = { "false", "no", "off" };

	return is_one_of(s, v, 3);
}

static bool
is_nothing(struct str s)
{
	static const char *const v[] = { "", "~", "null" };

	return is_one_of(s, v, 3);
}

/* --- read --------------------------------------------------------------------------- */

struct reader {
	yaml_document_t doc;
	bool *seen; /* by node */
	struct diag *diag;
};

static json_t *
wrong(struct reader *r, const yaml_node_t *n, const char *what)
{
	(void)diag_set(r->diag, ERR_INVALID_ARG, "line %zu: %s",
	    n->start_mark.line + 1, what);
	return NULL;
}

static json_t *
scalar(struct reader *r, const yaml_node_t *n)
{
	struct str s = { (const char *)n->data.scalar.value,
		n->data.scalar.length };
	json_t *js;

	if (n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		if (is_nothing(s))
			return json_null();
		if (is_true(s) || is_false(s))
			return json_boolean(is_true(s));
	}
	if (s.len > 0 && memchr(s.p, '\0', s.len) != NULL)
		return wrong(r, n, "a NUL");
	js = json_stringn(s.len > 0 ? s.p : "", s.len);
	return js != NULL ? js : wrong(r, n, "no text");
}

static json_t *node(struct reader *, int id, unsigned depth);

static json_t *
sequence(struct reader *r, const yaml_node_t *n, unsigned depth)
{
	yaml_node_item_t *it;
	json_t *a = json_array(), *v;

	for (it = n->data.sequence.items.start; it < n->data.sequence.items.top;
	     it++) {
		v = node(r, *it, depth);
		if (v == NULL) {
			json_decref(a);
			return NULL;
		}
		AZ(json_array_append_new(a, v));
	}
	return a;
}

/* Takes v. */
static bool
member(struct reader *r, json_t *o, int id, json_t *v)
{
	const yaml_node_t *k = yaml_document_get_node(&r->doc, id);
	json_t *key = k->type == YAML_SCALAR_NODE ? scalar(r, k) : NULL;
	bool well = v != NULL && json_is_string(key) &&
	    json_object_get(o, json_string_value(key)) == NULL;

	if (well)
		AZ(json_object_set_new(o, json_string_value(key), v));
	else if (v != NULL) {
		(void)wrong(r, k, "no key, or one that was there before");
		json_decref(v);
	}
	json_decref(key);
	return well;
}

static json_t *
mapping(struct reader *r, const yaml_node_t *n, unsigned depth)
{
	yaml_node_pair_t *it;
	json_t *o = json_object();

	for (it = n->data.mapping.pairs.start; it < n->data.mapping.pairs.top;
	     it++)
		if (!member(r, o, it->key, node(r, it->value, depth))) {
			json_decref(o);
			return NULL;
		}
	return o;
}

static json_t *
node(struct reader *r, int id, unsigned depth)
{
	const yaml_node_t *n = yaml_document_get_node(&r->doc, id);

	AN(n);
	if (r->seen[id - 1])
		return wrong(r, n, "an alias");
	r->seen[id - 1] = true;
	if (depth == DEPTH_MAX)
		return wrong(r, n, "too deep");
	switch (n->type) {
	case YAML_SCALAR_NODE:
		return scalar(r, n);
	case YAML_SEQUENCE_NODE:
		return sequence(r, n, depth + 1);
	case YAML_MAPPING_NODE:
		return mapping(r, n, depth + 1);
	default:
		return json_null();
	}
}

static enum err
document(json_t **js, yaml_parser_t *p, struct diag *diag)
{
	struct reader r = { .diag = diag };
	ptrdiff_t n;
	enum err e = ERR_OK;

	if (yaml_parser_load(p, &r.doc) == 0)
		return diag_set(diag, ERR_INVALID_ARG, "line %zu: %s",
		    p->problem_mark.line + 1,
		    p->problem != NULL ? p->problem : "no YAML");
	n = r.doc.nodes.top - r.doc.nodes.start;
	if (n == 0)
		*js = *js != NULL ? *js : json_null();
	else if (*js != NULL || n > NODES_MAX)
		e = diag_set(diag, ERR_INVALID_ARG,
		    "more than one document, or a very large one");
	else {
		r.seen = mem_calloc((size_t)n, sizeof *r.seen);
		*js = node(&r, 1, 0);
		mem_free(r.seen);
		e = *js != NULL ? ERR_OK : ERR_INVALID_ARG;
	}
	yaml_document_delete(&r.doc);
	return e;
}

enum err
yaml_doc_read(json_t **js, struct str text, struct diag *diag)
{
	yaml_parser_t p;
	enum err e;

	*js = NULL;
	AN(yaml_parser_initialize(&p));
	yaml_parser_set_input_string(
	    &p, (const unsigned char *)(text.len > 0 ? text.p : ""), text.len);
	do
		e = document(js, &p, diag);
	while (e == ERR_OK && !p.stream_end_produced);
	yaml_parser_delete(&p);
	if (e != ERR_OK && *js != NULL) {
		json_decref(*js);
		*js = NULL;
	}
	return e;
}

/* --- write -------------------------------------------------------------------------- */

static int
out(void *priv, unsigned char *p, size_t n)
{
	strbuf_add(priv, p, n);
	return 1;
}

/* One that a reader could take for something else than a text is quoted. */
static yaml_scalar_style_t
style(struct str s)
{
	bool letter = s.len > 0 &&
	    (((s.p[0] | 0x20) >= 'a' && (s.p[0] | 0x20) <= 'z') ||
		s.p[0] == '_');

	return !letter || is_true(s) || is_false(s) || is_nothing(s) ?
	    YAML_SINGLE_QUOTED_SCALAR_STYLE :
	    YAML_ANY_SCALAR_STYLE;
}

/* emit() takes the event, also when it fails, and keeps what went wrong */
static void
put_scalar(yaml_emitter_t *em, struct str s, yaml_scalar_style_t how)
{
	yaml_event_t ev;

	AN(yaml_scalar_event_initialize(&ev, NULL, NULL,
	    (const unsigned char *)s.p, (int)s.len, 1, 1, how));
	(void)yaml_emitter_emit(em, &ev);
}

static void
put_number(yaml_emitter_t *em, json_int_t n)
{
	char *text = mem_printf("%lld", (long long)n);

	put_scalar(em, str_of(text), YAML_PLAIN_SCALAR_STYLE);
	mem_free(text);
}

static void
put_text(yaml_emitter_t *em, struct str s)
{
	put_scalar(em, s, style(s));
}

static void
put(yaml_emitter_t *em, const json_t *js)
{
	json_t *o = json_incref((json_t *)(uintptr_t)js), *v;
	yaml_event_t ev;
	const char *key;
	size_t i;

	if (json_is_object(js)) {
		AN(yaml_mapping_start_event_initialize(
		    &ev, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
		(void)yaml_emitter_emit(em, &ev);
		json_object_foreach(o, key, v)
		{
			put_text(em, str_of(key));
			put(em, v);
		}
		AN(yaml_mapping_end_event_initialize(&ev));
		(void)yaml_emitter_emit(em, &ev);
	} else if (json_is_array(js)) {
		AN(yaml_sequence_start_event_initialize(
		    &ev, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
		(void)yaml_emitter_emit(em, &ev);
		json_array_foreach(o, i, v) put(em, v);
		AN(yaml_sequence_end_event_initialize(&ev));
		(void)yaml_emitter_emit(em, &ev);
	} else if (json_is_string(js))
		put_text(em, json_text(js));
	else if (json_is_integer(js))
		put_number(em, json_integer_value(js));
	else
		put_scalar(em,
		    json_is_null(js)	 ? STR_LIT("null") :
			json_is_true(js) ? STR_LIT("true") :
					   STR_LIT("false"),
		    YAML_PLAIN_SCALAR_STYLE);
	json_decref(o);
}

enum err
yaml_doc_write(char **text, size_t *len, const json_t *js, size_t max)
{
	yaml_emitter_t em;
	struct strbuf sb;
	yaml_event_t ev;
	enum err e;

	strbuf_init(&sb, max);
	AN(yaml_emitter_initialize(&em));
	yaml_emitter_set_output(&em, out, &sb);
	yaml_emitter_set_unicode(&em, 1);
	yaml_emitter_set_width(&em, -1);
	AN(yaml_stream_start_event_initialize(&ev, YAML_UTF8_ENCODING));
	(void)yaml_emitter_emit(&em, &ev);
	AN(yaml_document_start_event_initialize(&ev, NULL, NULL, NULL, 1));
	(void)yaml_emitter_emit(&em, &ev);
	put(&em, js);
	AN(yaml_document_end_event_initialize(&ev, 1));
	(void)yaml_emitter_emit(&em, &ev);
	AN(yaml_stream_end_event_initialize(&ev));
	(void)yaml_emitter_emit(&em, &ev);
	(void)yaml_emitter_flush(&em);
	e = em.error != YAML_NO_ERROR ? ERR_INTERNAL : strbuf_err(&sb);
	yaml_emitter_delete(&em);
	if (e == ERR_OK) {
		*len = sb.len;
		*text = strbuf_take(&sb);
	}
	strbuf_fini(&sb);
	return e;
}
