/* SPDX-License-Identifier: Apache-2.0 */
/* What of a namespace's policies matters to its topics. */
#include <jansson.h>

#include "core/pace.h"
#include "core/pubrate.h"
#include "core/subrate.h"
#include "core/topic_priv.h"

#define MINUTE_MS INT64_C(60000)
#define MIB INT64_C(1048576)

void
policy_init(struct policy *po, const struct core_conf *conf)
{
	mem_free(po->limits);
	*po = (struct policy){
		.retention_ms = conf->retention_ms,
		.retention_bytes = conf->retention_bytes,
		.ttl_s = conf->ttl_s,
		.auto_topic = conf->auto_topic,
		.auto_partitioned = conf->auto_partitioned,
		.default_partitions = conf->default_partitions,
	};
}

static bool
get_int(const json_t *o, const char *key, int64_t *v)
{
	const json_t *i = json_object_get(o, key);

	if (!json_is_integer(i))
		return false;
	*v = json_integer_value(i);
	return true;
}

static int64_t
scaled(int64_t v, int64_t unit)
{
	if (v < 0)
		return -1;
	return v > INT64_MAX / unit ? INT64_MAX : v * unit;
}

static void
auto_creation(struct policy *po, const json_t *o)
{
	const json_t *j;
	const char *type;
	int64_t n;

	if (!json_is_object(o))
		return;
	j = json_object_get(o, "allowAutoTopicCreation");
	if (json_is_boolean(j))
		po->auto_topic = json_is_true(j);
	type = json_string_value(json_object_get(o, "topicType"));
	if (type != NULL)
		po->auto_partitioned = strcmp(type, "partitioned") == 0;
	if (get_int(o, "defaultNumPartitions", &n) && n > 0 && n <= INT32_MAX)
		po->default_partitions = (uint32_t)n;
}

bool
policy_apply(struct policy *po, const struct core_conf *conf, const void *text,
    size_t len)
{
	json_t *root = json_loadb(text, len, 0, NULL), *o;
	int64_t n;

	if (!json_is_object(root)) {
		json_decref(root);
		return false;
	}
	o = json_object_get(root, "retention_policies");
	if (json_is_object(o)) {
		if (get_int(o, "retentionTimeInMinutes", &n))
			po->retention_ms = scaled(n, MINUTE_MS);
		if (get_int(o, "retentionSizeInMB", &n))
			po->retention_bytes = scaled(n, MIB);
	}
	if (get_int(root, "message_ttl_in_seconds", &n) && n >= 0)
		po->ttl_s = n;
	if (json_is_true(json_object_get(root, "encryption_required")))
		po->encryption_required = true;
	auto_creation(po, json_object_get(root, "autoTopicCreationOverride"));
	mem_free(po->limits);
	po->limits = limits_of_ns(root, conf->cluster);
	json_decref(root);
	return true;
}

void
policy_fini(struct policy *po)
{
	MEM_FREE(po->limits);
}

const struct limit_value *
topic_limit(const struct topic *t, enum limit i)
{
	if (t->own.limits != NULL && t->own.limits->v[i].set)
		return &t->own.limits->v[i];
	if (t->policy.limits != NULL && t->policy.limits->v[i].set)
		return &t->policy.limits->v[i];
	return &t->co->conf.limits.v[i];
}

void
topic_limits_changed(struct topic *t)
{
	pubrate_update(t);
	pace_update(t);
	subrate_update(t);
}

bool
topic_reaches(const struct topic *t, enum limit i, uint64_t n)
{
	const struct limit_value *l = topic_limit(t, i);

	return l->n > 0 && n >= (uint64_t)l->n;
}

struct str
address_host(struct str s)
{
	while (s.len > 0 && s.p[s.len - 1] != ':')
		s.len--;
	return s;
}

bool
same_address(struct str a, struct str b)
{
	a = address_host(a);
	return a.len > 0 && str_eq(a, address_host(b));
}
