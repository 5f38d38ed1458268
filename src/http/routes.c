/* SPDX-License-Identifier: Apache-2.0 */
/* Which handler a request is for. */
#include <ctype.h>

#include "core/limits.h"
#include "http/handlers.h"

static const struct route routes[] = {
#define ROUTE(m, p, h, g) { HTTP_##m, p, h, GATE_##g },
#include "http/tbl/route.h"
};

static const struct {
	const char *name;
	enum uri_kind kind;
} vars[VAR_N] = {
	[VAR_DOMAIN] = { "{d}", URI_PATH },
	[VAR_TENANT] = { "{t}", URI_PATH },
	[VAR_NS] = { "{n}", URI_PATH },
	[VAR_TOPIC] = { "{topic}", URI_FORM },
	[VAR_SUB] = { "{s}", URI_FORM },
	[VAR_CLUSTER] = { "{c}", URI_PATH },
	[VAR_NUM] = { "{num}", URI_PATH },
	[VAR_NUM2] = { "{num2}", URI_PATH },
	[VAR_ROLE] = { "{role}", URI_PATH },
	[VAR_NS_LIMIT] = { "{ns_limit}", URI_PATH },
	[VAR_TOPIC_LIMIT] = { "{topic_limit}", URI_PATH },
	[VAR_KEY] = { "{key}", URI_PATH },
};

/* The next part of a path: *p is behind it then. False: there is none. */
static bool
part(const char **p, struct str *s)
{
	const char *end;

	if (**p != '/')
		return false;
	end = strchr(*p + 1, '/');
	if (end == NULL)
		end = *p + strlen(*p);
	*s = (struct str){ .p = *p + 1, .len = (size_t)(end - *p) - 1 };
	*p = end;
	return true;
}

static bool
is_number(struct str s)
{
	size_t i = s.len > 1 && s.p[0] == '-' ? 1 : 0;

	if (s.len == 0 || s.len > 20)
		return false;
	for (; i < s.len; i++)
		if (!isdigit((unsigned char)s.p[i]))
			return false;
	return true;
}

static int
var_of(struct str name)
{
	int i;

	for (i = 0; i < VAR_N; i++)
		if (str_eq(name, str_of(vars[i].name)))
			return i;
	WRONG("unknown name in a pattern");
}

static bool
fits_var(int var, struct str s)
{
	switch (var) {
	case VAR_DOMAIN:
		return str_eq(s, STR_LIT("persistent")) ||
		    str_eq(s, STR_LIT("non-persistent"));
	case VAR_NUM:
	case VAR_NUM2:
		return is_number(s);
	case VAR_NS_LIMIT:
		return limit_of_ns(s) < LIM_N;
	case VAR_TOPIC_LIMIT:
		return limit_of_topic(s) < LIM_N;
	default:
		return s.len > 0;
	}
}

/* A '/' at the end of a path means nothing. */
static bool
fits(const char *pattern, const char *path, struct str got[VAR_N])
{
	struct str want, have;
	int v;

	memset(got, 0, VAR_N * sizeof(*got));
	while (part(&pattern, &want)) {
		if (!part(&path, &have))
			return false;
		if (want.p[0] != '{') {
			if (!str_eq(want, have))
				return false;
			continue;
		}
		v = var_of(want);
		if (!fits_var(v, have))
			return false;
		got[v] = have;
	}
	return *path == '\0' || (path[0] == '/' && path[1] == '\0');
}

static bool
take_vars(struct req *rq, const struct str got[VAR_N])
{
	int i;

	for (i = 0; i < VAR_N; i++) {
		if (got[i].p == NULL)
			continue;
		if (uri_decode(&rq->var[i], got[i], vars[i].kind) != ERR_OK) {
			req_error(rq, 400, "Bad escape in the path");
			return false;
		}
	}
	return true;
}

const struct route *
routes_find(struct req *rq)
{
	static const char *const names[] = { "GET", "PUT", "POST", "DELETE" };
	struct str got[VAR_N];
	struct strbuf allow;
	unsigned others = 0;
	size_t i;

	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	strbuf_init(&allow, 64);
	for (i = 0; i < NELEM(routes); i++) {
		if (!fits(routes[i].pattern, rq->path, got))
			continue;
		if (routes[i].method == rq->method) {
			strbuf_fini(&allow);
			return take_vars(rq, got) ? &routes[i] : NULL;
		}
		if (others & 1u << routes[i].method)
			continue;
		strbuf_addf(&allow, "%s%s", others != 0 ? "," : "",
		    names[routes[i].method]);
		others |= 1u << routes[i].method;
	}
	if (others != 0) {
		req_header(rq, "Allow", strbuf_str(&allow));
		req_error(rq, 405, "HTTP 405 Method Not Allowed");
	} else {
		req_error(rq, 404, "HTTP 404 Not Found");
	}
	strbuf_fini(&allow);
	return NULL;
}
