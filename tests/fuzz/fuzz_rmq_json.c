/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON bodies of requests. What can be read is written again, and has to be
 * the same tree.
 *
 * Input: the body.
 */
#include <stdlib.h>

#include "base/vas.h"
#include "rocketmq/json_body.h"
#include "rocketmq/jw.h"

#define WRITTEN_MAX (64U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool deep; /* more levels than are written */
static uint64_t sum;

static void
write_value(struct jw *w, const struct jval *v, unsigned depth)
{
	const struct jval *m;
	int64_t i = 0;

	if (depth == JW_DEPTH) {
		deep = true;
		jw_null(w);
		return;
	}
	(void)!jval_i64(v, &i);
	sum += (uint64_t)i + jval_bool(v) + v->n;
	switch (v->type) {
	case JVAL_NULL:
		jw_null(w);
		break;
	case JVAL_BOOL:
	case JVAL_NUMBER:
		jw_raw(w, v->text);
		break;
	case JVAL_STRING:
		jw_str(w, v->text);
		break;
	case JVAL_ARRAY:
		jw_array(w);
		JVAL_FOREACH(m, v)
		write_value(w, m, depth + 1);
		jw_end(w);
		break;
	case JVAL_OBJECT:
		jw_object(w);
		JVAL_FOREACH(m, v)
		{
			if (m->key->type == JVAL_STRING)
				jw_name(w, m->key->text);
			else {
				jw_map_key(w);
				write_value(w, m->key, depth + 1);
			}
			write_value(w, m, depth + 1);
		}
		jw_end(w);
		break;
	default:
		WRONG("type");
	}
}

static void
write_all(struct strbuf *sb, const struct jval *root)
{
	struct jw w;
	enum err e;

	jw_init(&w, sb);
	write_value(&w, root, 0);
	e = jw_err(&w);
	assert(e == ERR_OK);
}

static void
again(struct jdoc *d, const struct strbuf *from, struct strbuf *to)
{
	const struct jval *root;
	enum err e;

	e = jdoc_parse(d, from->p, from->len, &root);
	assert(e == ERR_OK);
	write_all(to, root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct jval *root;
	struct strbuf first, once, twice;
	struct jdoc d;

	jdoc_init(&d, 10000);
	if (jdoc_parse(&d, data, size, &root) == ERR_OK) {
		strbuf_init(&first, WRITTEN_MAX);
		strbuf_init(&once, WRITTEN_MAX);
		strbuf_init(&twice, WRITTEN_MAX);
		deep = false;
		(void)jval_get(root, "a");
		/* makes UTF-8 of what wasn't: from then on nothing changes */
		write_all(&first, root);
		again(&d, &first, &once);
		again(&d, &once, &twice);
		assert(deep ||
		    (once.len == twice.len &&
			memcmp(once.p, twice.p, once.len) == 0));
		strbuf_fini(&first);
		strbuf_fini(&once);
		strbuf_fini(&twice);
	} else
		assert(root == NULL);
	jdoc_fini(&d);
	return 0;
}
