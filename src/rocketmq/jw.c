/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/miniobj.h"
#include "rocketmq/jw.h"

void
jw_init(struct jw *w, struct strbuf *sb)
{
	INIT_OBJ(w, JW_MAGIC);
	w->sb = sb;
}

enum err
jw_err(const struct jw *w)
{
	CHECK_OBJ_NOTNULL(w, JW_MAGIC);
	assert(w->depth == 0 && w->at[0].any);
	return strbuf_err(w->sb);
}

/* Before any value, key or not. */
static void
begin_value(struct jw *w)
{
	CHECK_OBJ_NOTNULL(w, JW_MAGIC);
	if (w->at[w->depth].object) {
		assert(w->at[w->depth].keyed || w->at[w->depth].map_key);
		w->at[w->depth].keyed = false;
	} else if (w->at[w->depth].any) {
		assert(w->depth != 0);
		strbuf_addc(w->sb, ',');
	}
	w->at[w->depth].any = true;
}

/* After it: if it was a key, then now its value may come. */
static void
end_value(struct jw *w)
{
	if (!w->at[w->depth].map_key)
		return;
	w->at[w->depth].map_key = false;
	w->at[w->depth].keyed = true;
	strbuf_addc(w->sb, ':');
}

static void
begin_key(struct jw *w)
{
	CHECK_OBJ_NOTNULL(w, JW_MAGIC);
	assert(w->at[w->depth].object && !w->at[w->depth].keyed &&
	    !w->at[w->depth].map_key);
	if (w->at[w->depth].any)
		strbuf_addc(w->sb, ',');
	w->at[w->depth].any = true;
}

static void
open_level(struct jw *w, bool object)
{
	begin_value(w);
	assert(w->depth < JW_DEPTH);
	w->depth++;
	memset(&w->at[w->depth], 0, sizeof w->at[0]);
	w->at[w->depth].object = object;
	strbuf_addc(w->sb, object ? '{' : '[');
}

void
jw_object(struct jw *w)
{
	open_level(w, true);
}

void
jw_array(struct jw *w)
{
	open_level(w, false);
}

void
jw_end(struct jw *w)
{
	CHECK_OBJ_NOTNULL(w, JW_MAGIC);
	assert(
	    w->depth > 0 && !w->at[w->depth].keyed && !w->at[w->depth].map_key);
	strbuf_addc(w->sb, w->at[w->depth].object ? '}' : ']');
	w->depth--;
	end_value(w);
}

void
jw_key(struct jw *w, const char *name)
{
	begin_key(w);
	w->at[w->depth].keyed = true;
	strbuf_addc(w->sb, '"');
	strbuf_adds(w->sb, name);
	strbuf_add(w->sb, "\":", 2);
}

void
jw_name(struct jw *w, struct str name)
{
	begin_key(w);
	w->at[w->depth].keyed = true;
	strbuf_addc(w->sb, '"');
	strbuf_add_json(w->sb, name.p, name.len);
	strbuf_add(w->sb, "\":", 2);
}

void
jw_name_i64(struct jw *w, int64_t name)
{
	begin_key(w);
	w->at[w->depth].keyed = true;
	strbuf_addc(w->sb, '"');
	strbuf_add_i64(w->sb, name);
	strbuf_add(w->sb, "\":", 2);
}

void
jw_map_key(struct jw *w)
{
	begin_key(w);
	w->at[w->depth].map_key = true;
}

void
jw_str(struct jw *w, struct str s)
{
	if (s.p == NULL) {
		jw_null(w);
		return;
	}
	begin_value(w);
	strbuf_addc(w->sb, '"');
	strbuf_add_json(w->sb, s.p, s.len);
	strbuf_addc(w->sb, '"');
	end_value(w);
}

void
jw_i64(struct jw *w, int64_t v)
{
	begin_value(w);
	strbuf_add_i64(w->sb, v);
	end_value(w);
}

void
jw_raw(struct jw *w, struct str s)
{
	begin_value(w);
	strbuf_add(w->sb, s.p, s.len);
	end_value(w);
}

void
jw_bool(struct jw *w, bool v)
{
	jw_raw(w, v ? STR_LIT("true") : STR_LIT("false"));
}

void
jw_null(struct jw *w)
{
	jw_raw(w, STR_LIT("null"));
}

/* The shortest text that reads back as the same, and looks like a double. */
void
jw_double(struct jw *w, double v)
{
	char text[40];
	int digits;

	if (!isfinite(v)) {
		jw_null(w);
		return;
	}
	for (digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof text, "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	if (strpbrk(text, ".e") == NULL)
		(void)strncat(text, ".0", sizeof text - strlen(text) - 1);
	jw_raw(w, str_of(text));
}
