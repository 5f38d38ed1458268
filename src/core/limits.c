/* SPDX-License-Identifier: Apache-2.0 */
#include "core/limits.h"

#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "base/vas.h"

const struct limit_info limit_infos[LIM_N] = {
#define LIMIT(name, kind, member, ns, topic) { kind, member, ns, topic },
#include "core/tbl/limit.h"
};

static enum limit
find(struct str name, bool of_topic)
{
	const char *n;
	unsigned i;

	for (i = 0; i < LIM_N; i++) {
		n = of_topic ? limit_infos[i].topic : limit_infos[i].ns;
		if (n != NULL && str_eq(name, str_of(n)))
			break;
	}
	return (enum limit)i;
}

enum limit
limit_of_ns(struct str name)
{
	return find(name, false);
}

enum limit
limit_of_topic(struct str name)
{
	return find(name, true);
}

/* A member that may be absent. */
static bool
number(
    const json_t *o, const char *key, int64_t absent, int64_t max, int64_t *out)
{
	const json_t *v = json_object_get(o, key);

	*out = absent;
	if (v == NULL)
		return true;
	if (!json_is_integer(v) || json_integer_value(v) > max ||
	    json_integer_value(v) < -max - 1)
		return false;
	*out = json_integer_value(v);
	return true;
}

static bool
flag(const json_t *o, const char *key, bool *out)
{
	const json_t *v = json_object_get(o, key);

	*out = json_is_true(v);
	return v == NULL || json_is_boolean(v);
}

bool
limit_read(struct limit_value *l, enum limit_kind kind, const json_t *v)
{
	*l = (struct limit_value){ .set = true };
	switch (kind) {
	case LIMIT_PUBLISH:
		return json_is_object(v) &&
		    number(v, "publishThrottlingRateInMsg", -1, INT32_MAX,
			&l->n) &&
		    number(v, "publishThrottlingRateInByte", -1, INT64_MAX,
			&l->bytes);
	case LIMIT_DISPATCH:
		return json_is_object(v) &&
		    number(v, "dispatchThrottlingRateInMsg", 0, INT32_MAX,
			&l->n) &&
		    number(v, "dispatchThrottlingRateInByte", 0, INT64_MAX,
			&l->bytes) &&
		    number(
			v, "ratePeriodInSecond", 0, INT32_MAX, &l->period_s) &&
		    flag(v, "relativeToPublishRate", &l->relative);
	case LIMIT_SUBSCRIBE:
		return json_is_object(v) &&
		    number(v, "subscribeThrottlingRatePerConsumer", -1,
			INT32_MAX, &l->n) &&
		    number(
			v, "ratePeriodInSecond", 30, INT32_MAX, &l->period_s);
	case LIMIT_COUNT:
		l->n = json_integer_value(v);
		return json_is_integer(v) && l->n >= INT32_MIN &&
		    l->n <= INT32_MAX;
	default:
		WRONG("a limit of an unknown kind");
	}
}

json_t *
limit_write(const struct limit_value *l, enum limit_kind kind)
{
	json_t *o = NULL;

	switch (kind) {
	case LIMIT_PUBLISH:
		o = json_pack("{s:I,s:I}", "publishThrottlingRateInMsg",
		    (json_int_t)l->n, "publishThrottlingRateInByte",
		    (json_int_t)l->bytes);
		break;
	case LIMIT_DISPATCH:
		o = json_pack("{s:I,s:I,s:b,s:I}",
		    "dispatchThrottlingRateInMsg", (json_int_t)l->n,
		    "dispatchThrottlingRateInByte", (json_int_t)l->bytes,
		    "relativeToPublishRate", l->relative, "ratePeriodInSecond",
		    (json_int_t)l->period_s);
		break;
	case LIMIT_SUBSCRIBE:
		o = json_pack("{s:I,s:I}", "subscribeThrottlingRatePerConsumer",
		    (json_int_t)l->n, "ratePeriodInSecond",
		    (json_int_t)l->period_s);
		break;
	case LIMIT_COUNT:
		o = json_integer(l->n);
		break;
	default:
		WRONG("a limit of an unknown kind");
	}
	AN(o);
	return o;
}

static void
put(struct limits **lp, enum limit i, const struct limit_value *l)
{
	/* a rate of nothing is none, a count of nothing is: no limit */
	if (limit_infos[i].kind == LIMIT_COUNT ? l->n < 0 :
						 l->n <= 0 && l->bytes <= 0)
		return;
	if (*lp == NULL)
		*lp = mem_zalloc(sizeof **lp);
	(*lp)->v[i] = *l;
}

struct limits *
limits_of_ns(const json_t *policies, const char *cluster)
{
	struct limits *ls = NULL;
	struct limit_value l;
	const json_t *v;
	unsigned i;

	for (i = 0; i < LIM_N; i++) {
		v = json_object_get(policies, limit_infos[i].member);
		if (limit_infos[i].kind != LIMIT_COUNT)
			v = json_object_get(v, cluster);
		if (v != NULL && limit_read(&l, limit_infos[i].kind, v))
			put(&ls, (enum limit)i, &l);
	}
	return ls;
}

bool
limits_take_prop(struct limits **lp, struct str key, struct str value)
{
	const size_t skip = sizeof LIMIT_PROP - 1;
	struct limit_value l;
	enum limit i;
	json_t *v;
	bool ok;

	if (key.len <= skip || memcmp(key.p, LIMIT_PROP, skip) != 0)
		return true;
	i = limit_of_topic((struct str){ key.p + skip, key.len - skip });
	if (i == LIM_N)
		return true;
	v = json_loadb(value.p, value.len, JSON_DECODE_ANY, NULL);
	ok = v != NULL && limit_read(&l, limit_infos[i].kind, v);
	json_decref(v);
	if (ok)
		put(lp, i, &l);
	return ok;
}
