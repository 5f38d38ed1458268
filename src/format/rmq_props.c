/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "base/num.h"
#include "base/vas.h"
#include "format/rmq_props.h"
#include "format/rmq_record.h"

#define PROP(name, text) const struct str RMQ_PROP_##name = STR_LIT(text);
#include "format/tbl/rmq_prop.h"

/* Where the property at it->p ends, which is behind us then; there is one. */
static inline const char *
end_of(struct rmq_props_iter *it)
{
	const char *end;

	end = memchr(it->p, RMQ_PROP_VALUE_END, (size_t)(it->end - it->p));
	if (end == NULL)
		end = it->end;
	it->p = end < it->end ? end + 1 : end;
	return end;
}

bool
rmq_props_next(struct rmq_props_iter *it, struct str *name, struct str *value)
{
	const char *p, *end, *sep;

	while (it->p < it->end) {
		p = it->p;
		end = end_of(it);
		sep = memchr(p, RMQ_PROP_NAME_END, (size_t)(end - p));
		if (sep == NULL || sep == p || sep + 1 == end)
			continue;
		*name = (struct str){ p, (size_t)(sep - p) };
		*value = (struct str){ sep + 1, (size_t)(end - sep - 1) };
		return true;
	}
	return false;
}

struct str
rmq_props_get(struct str props, struct str name)
{
	struct rmq_props_iter it = rmq_props_iter(props);
	struct str n, v, found = STR_NONE;

	while (rmq_props_next(&it, &n, &v))
		if (str_eq(n, name))
			found = v;
	return found;
}

/* What a property, from p to end, says of the name; NULL: it is another's, or says
 * nothing. */
static inline const char *
value_of(const char *p, const char *end, struct str name)
{
	if ((size_t)(end - p) <= name.len + 1 ||
	    p[name.len] != RMQ_PROP_NAME_END ||
	    memcmp(p, name.p, name.len) != 0)
		return NULL;
	return p + name.len + 1;
}

void
rmq_props_get_many(struct str props, const struct str *const *names,
    struct str *values, size_t names_n)
{
	struct rmq_props_iter it = rmq_props_iter(props);
	const char *p, *end, *v;
	size_t i;

	for (i = 0; i < names_n; i++)
		values[i] = STR_NONE;
	while (it.p < it.end) {
		p = it.p;
		end = end_of(&it);
		for (i = 0; i < names_n; i++) {
			v = value_of(p, end, *names[i]);
			if (v != NULL)
				values[i] =
				    (struct str){ v, (size_t)(end - v) };
		}
	}
}

static bool
plain(struct str s)
{
	return s.len != 0 && memchr(s.p, RMQ_PROP_NAME_END, s.len) == NULL &&
	    memchr(s.p, RMQ_PROP_VALUE_END, s.len) == NULL;
}

bool
rmq_prop_valid(struct str name, struct str value)
{
	return plain(name) && plain(value);
}

void
rmq_props_begin(struct rmq_props_out *o, char *p, size_t cap)
{
	*o = (struct rmq_props_out){ .p = p,
		.cap = cap < RMQ_PROPS_MAX ? cap : RMQ_PROPS_MAX };
}

static void
add(struct rmq_props_out *o, struct str name, struct str value)
{
	char *p = o->p + o->len;

	if (o->over || name.len + value.len + 2 > o->cap - o->len) {
		o->over = true;
		return;
	}
	memcpy(p, name.p, name.len);
	p += name.len;
	*p++ = RMQ_PROP_NAME_END;
	memcpy(p, value.p, value.len);
	p += value.len;
	*p++ = RMQ_PROP_VALUE_END;
	o->len = (size_t)(p - o->p);
}

void
rmq_props_copy(struct rmq_props_out *o, struct str props)
{
	struct rmq_props_iter it = rmq_props_iter(props);
	struct str n, v;

	while (rmq_props_next(&it, &n, &v))
		add(o, n, v);
}

void
rmq_props_add(struct rmq_props_out *o, struct str name, struct str value)
{
	if (rmq_prop_valid(name, value))
		add(o, name, value);
}

void
rmq_props_keep(struct rmq_props_out *o, struct str name, struct str value)
{
	size_t n = name.len + 1 + value.len;

	/* the first \x01 ended the name, and the first \x02 the value */
	if (memchr(value.p, RMQ_PROP_NAME_END, value.len) != NULL)
		return;
	if (o->over || n + 1 > o->cap - o->len) {
		o->over = true;
		return;
	}
	/* they stand side by side */
	assert(name.p + name.len + 1 == value.p);
	memcpy(o->p + o->len, name.p, n);
	o->len += n;
	o->p[o->len++] = RMQ_PROP_VALUE_END;
}

void
rmq_props_append(struct rmq_props_out *o, struct str props)
{
	if (o->over || props.len > o->cap - o->len) {
		o->over = true;
		return;
	}
	memcpy(o->p + o->len, props.p, props.len);
	o->len += props.len;
}

void
rmq_props_add_i64(struct rmq_props_out *o, struct str name, int64_t v)
{
	char text[NUM_MAX];

	add(o, name, (struct str){ text, num_put(text, v) });
}

void
rmq_props_delete(struct rmq_props_out *o, struct str name)
{
	struct rmq_props_iter it;
	struct str n, v;
	size_t left, from;

	it = rmq_props_iter((struct str){ o->p, o->len });
	while (rmq_props_next(&it, &n, &v)) {
		if (!str_eq(n, name))
			continue;
		from = (size_t)(n.p - o->p);
		left = (size_t)(it.end - it.p);
		memmove(o->p + from, it.p, left);
		o->len = from + left;
		it = (struct rmq_props_iter){ o->p + from, o->p + o->len };
	}
}

void
rmq_props_set(struct rmq_props_out *o, struct str name, struct str value)
{
	rmq_props_delete(o, name);
	rmq_props_add(o, name, value);
}

void
rmq_props_set_i64(struct rmq_props_out *o, struct str name, int64_t v)
{
	rmq_props_delete(o, name);
	rmq_props_add_i64(o, name, v);
}

enum err
rmq_props_end(const struct rmq_props_out *o, struct str *props)
{
	if (o->over)
		return ERR_TOO_BIG;
	*props = (struct str){ o->p, o->len };
	return ERR_OK;
}

uint32_t
rmq_tags_code(struct str tags)
{
	return hash_java_string(tags.p, tags.len);
}

bool
rmq_keys_next(struct str *keys, struct str *key)
{
	const char *p = keys->p, *end = keys->p + keys->len, *blank;

	while (p < end && *p == ' ')
		p++;
	if (p == end || keys->len == 0) {
		*keys = STR_NONE;
		return false;
	}
	blank = memchr(p, ' ', (size_t)(end - p));
	if (blank == NULL)
		blank = end;
	*key = (struct str){ p, (size_t)(blank - p) };
	*keys = (struct str){ blank, (size_t)(end - blank) };
	return true;
}
