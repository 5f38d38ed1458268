/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces and their policies. What is stored is what was asked for; GET adds
 * the defaults around it, so that the document has all members that Pulsar's
 * has. A policy that nothing here obeys is refused (405) unless it says what is
 * the case anyway.
 */
#include <stdio.h>

#include "http/handlers.h"
#include "http/limits.h"
#include "http/permissions.h"

#define BUNDLES_MAX 65536

/* What every namespace has until it says otherwise, in Pulsar's order. */
static const char defaults[] =
    "{\"auth_policies\":{\"namespace_auth\":{},\"destination_auth\":{},"
    "\"subscription_auth_roles\":{}},\"replication_clusters\":[],"
    "\"allowed_clusters\":[],\"bundles\":{\"boundaries\":[\"0x00000000\","
    "\"0xffffffff\"],\"numBundles\":1},\"backlog_quota_map\":{},"
    "\"clusterDispatchRate\":{},\"topicDispatchRate\":{},"
    "\"subscriptionDispatchRate\":{},\"replicatorDispatchRate\":{},"
    "\"clusterSubscribeRate\":{},\"publishMaxMessageRate\":{},"
    "\"latency_stats_sample_rate\":{},\"deleted\":false,"
    "\"encryption_required\":false,\"subscription_auth_mode\":\"None\","
    "\"offload_threshold\":-1,\"offload_threshold_in_seconds\":-1,"
    "\"schema_compatibility_strategy\":\"UNDEFINED\","
    "\"is_allow_auto_update_schema\":true,"
    "\"schema_validation_enforced\":false,"
    "\"subscription_types_enabled\":[],\"properties\":{},"
    "\"migrated\":false}";

/* Pulsar's policies that have no default. */
static const char *const others[] = { "persistence", "deduplicationEnabled",
	"autoSubscriptionCreationOverride",
	"subscription_expiration_time_minutes", "delayed_delivery_policies",
	"inactive_topic_policies", "compaction_threshold", "offload_policies",
	"deduplicationSnapshotIntervalSeconds", "offload_deletion_lag_ms",
	"resource_group_name", "schema_auto_update_compatibility_strategy",
	"entryFilters", "dispatcherPauseOnAckStatePersistentEnabled" };

/* Those that the core obeys (core/policy.c), with what their values look like. */
enum form {
	FORM_COUNT, /* >= 0 */
	FORM_BOOL,
	FORM_RETENTION,
	FORM_AUTO_TOPIC
};

static const struct {
	const char *key;
	enum form form;
} obeyed[] = { { "message_ttl_in_seconds", FORM_COUNT },
	{ "encryption_required", FORM_BOOL },
	{ "retention_policies", FORM_RETENTION },
	{ "autoTopicCreationOverride", FORM_AUTO_TOPIC } };

static json_t *
default_policies(void)
{
	json_t *v;

	v = json_loads(defaults, 0, NULL);
	AN(v);
	return v;
}

/* --- get, list ------------------------------------------------------------------- */

/* What auth_policies doesn't have is shown empty. */
static void
show_auth(json_t *def, json_t *own)
{
	json_t *auth = json_object_get(own, "auth_policies");

	if (auth != NULL)
		AZ(json_object_update_missing(
		    auth, json_object_get(def, "auth_policies")));
}

static void
answer_policies(struct req *rq)
{
	json_t *all, *own = req_doc(rq);

	if (own == NULL)
		return;
	all = default_policies();
	perms_show(own);
	show_auth(all, own);
	AZ(json_object_update(all, own));
	json_add_json(&rq->out, all);
	json_decref(all);
	json_decref(own);
	req_json(rq);
}

void
h_namespace_get(struct req *rq)
{
	struct str ns;
	struct op *op;

	if (!req_ns(rq, &ns))
		return;
	op = req_op(rq, OP_NS_GET, ns);
	req_send(rq, &op);
	req_then(rq, answer_policies);
}

static void
answer_list(struct req *rq)
{
	struct fx *fx = rq->ans[0];

	if (req_any_failed(rq))
		return;
	json_add_strings(&rq->out, fx->strings, fx->strings_n);
	req_json(rq);
}

void
h_namespaces_list(struct req *rq)
{
	struct op *op;

	op = req_op(rq, OP_NS_LIST, str_of(rq->var[VAR_TENANT]));
	req_send(rq, &op);
	req_then(rq, answer_list);
}

/* --- put ------------------------------------------------------------------------- */

static bool
bad(struct req *rq, const char *key)
{
	req_error(rq, 400, "Policy %s is malformed", key);
	return false;
}

static bool
take_bundles(struct req *rq, json_t *v, json_t *own)
{
	json_int_t i, n = json_integer_value(json_object_get(v, "numBundles"));
	json_t *o, *b;
	char text[16];

	if (!json_is_object(v) || n < 1 || n > BUNDLES_MAX)
		return bad(rq, "bundles");
	b = json_array();
	for (i = 0; i <= n; i++) {
		(void)snprintf(text, sizeof(text), "0x%08llx",
		    i == n ? 0xffffffffULL :
			     (unsigned long long)i * (0x100000000ULL / n));
		AZ(json_array_append_new(b, json_string(text)));
	}
	o = json_object();
	AZ(json_object_set_new(o, "boundaries", b));
	AZ(json_object_set_new(o, "numBundles", json_integer(n)));
	AZ(json_object_set_new(own, "bundles", o));
	return true;
}

static bool
take_clusters(struct req *rq, const char *key, json_t *v, json_t *own)
{
	const char *cluster = rq->h->conf.cluster;
	json_t *e;
	size_t i;

	if (!json_is_array(v))
		return bad(rq, key);
	json_array_foreach(v, i, e)
	{
		if (!json_is_string(e))
			return bad(rq, key);
		if (strcmp(json_string_value(e), cluster) == 0)
			continue;
		req_error(rq, 403,
		    "Cluster [%s] is not in the list of allowed clusters list for tenant [%s]",
		    json_string_value(e), rq->var[VAR_TENANT]);
		return false;
	}
	if (json_array_size(v) > 0)
		AZ(json_object_set(own, key, v));
	return true;
}

static bool
is_int(json_t *v, json_int_t min)
{
	return json_is_integer(v) && json_integer_value(v) >= min &&
	    json_integer_value(v) <= INT32_MAX;
}

/* A member that may be absent. */
static bool
may_be_int(json_t *o, const char *key, json_int_t min)
{
	json_t *v = json_object_get(o, key);

	return v == NULL || json_is_null(v) || is_int(v, min);
}

static bool
has_form(json_t *v, enum form form)
{
	json_t *type;

	switch (form) {
	case FORM_COUNT:
		return is_int(v, 0);
	case FORM_BOOL:
		return json_is_boolean(v);
	case FORM_RETENTION:
		return json_is_object(v) &&
		    may_be_int(v, "retentionTimeInMinutes", -1) &&
		    may_be_int(v, "retentionSizeInMB", -1);
	case FORM_AUTO_TOPIC:
		type = json_object_get(v, "topicType");
		return json_is_boolean(
			   json_object_get(v, "allowAutoTopicCreation")) &&
		    (type == NULL || json_is_string(type)) &&
		    may_be_int(v, "defaultNumPartitions", 1);
	default:
		return false;
	}
}

static bool
take_policy(
    struct req *rq, json_t *def, const char *key, json_t *v, json_t *own)
{
	json_t *d = json_object_get(def, key);
	const char *k;
	bool right;
	json_t *e;
	size_t i;

	if (json_is_null(v) || (d != NULL && json_equal(d, v)))
		return true;
	if (strcmp(key, "bundles") == 0)
		return take_bundles(rq, v, own);
	if (strcmp(key, "replication_clusters") == 0 ||
	    strcmp(key, "allowed_clusters") == 0)
		return take_clusters(rq, key, v, own);
	if (strcmp(key, "properties") == 0) {
		if (!json_is_object(v))
			return bad(rq, key);
		json_object_foreach(v, k, e)
		{
			if (!json_is_string(e))
				return bad(rq, key);
		}
		AZ(json_object_set(own, key, v));
		return true;
	}
	if (limits_member(key, v, &right)) {
		if (!right)
			return bad(rq, key);
		AZ(json_object_set(own, key, v));
		return true;
	}
	for (i = 0; i < NELEM(obeyed); i++) {
		if (strcmp(key, obeyed[i].key) != 0)
			continue;
		if (!has_form(v, obeyed[i].form))
			return bad(rq, key);
		AZ(json_object_set(own, key, v));
		return true;
	}
	for (i = 0; d == NULL && i < NELEM(others); i++)
		if (strcmp(key, others[i]) == 0)
			break;
	if (d == NULL && i == NELEM(others))
		return true; /* unknown to Pulsar as well, which ignores it */
	req_error(rq, 405, "Policy %s is not supported", key);
	return false;
}

/* The part of the body that is kept; NULL: answered. */
static json_t *
take_policies(struct req *rq)
{
	json_t *def, *own, *v;
	const char *key;
	bool ok = true;

	if (!json_is_null(rq->json) && !json_is_object(rq->json)) {
		req_error(rq, 400, "The body is not a namespace's policies");
		return NULL;
	}
	def = default_policies();
	own = json_object();
	json_object_foreach(rq->json, key, v)
	{
		ok = take_policy(rq, def, key, v, own);
		if (!ok)
			break;
	}
	json_decref(def);
	if (ok)
		return own;
	json_decref(own);
	return NULL;
}

void
h_namespace_put(struct req *rq)
{
	struct strbuf sb;
	struct str ns;
	struct op *op;
	json_t *own;

	if (!req_ns(rq, &ns) || !req_parse(rq))
		return;
	own = take_policies(rq);
	if (own == NULL)
		return;
	strbuf_init(&sb, HTTP_REPLY_MAX);
	json_add_json(&sb, own);
	json_decref(own);
	op = req_op(rq, OP_NS_PUT, ns);
	op->flag = true;
	op->text =
	    op_str(op, (struct str){ .p = strbuf_str(&sb), .len = sb.len });
	strbuf_fini(&sb);
	req_send(rq, &op);
	req_then(rq, req_done_empty);
}

/* --- delete ---------------------------------------------------------------------- */

/* Each shard knows its non-persistent topics; the rest is in the metadata. */
static void
delete_if_empty(struct req *rq)
{
	struct op *op;
	unsigned i;

	i = req_failed(rq);
	if (i < rq->ans_n && rq->ans[i]->err == ERR_NO_NAMESPACE) {
		req_error(rq, 404, "Namespace %s does not exist.", rq->ns);
		return;
	}
	if (req_any_failed(rq))
		return;
	for (i = 0; i < rq->ans_n; i++) {
		if (rq->ans[i]->strings_n == 0)
			continue;
		req_error(rq, 409, "Cannot delete non empty namespace");
		return;
	}
	req_clear(rq);
	op = req_op(rq, OP_NS_DELETE, str_of(rq->ns));
	req_send(rq, &op);
	req_then(rq, req_done_empty);
}

void
h_namespace_delete(struct req *rq)
{
	struct str ns;
	struct op *op;
	unsigned i;

	if (!req_ns(rq, &ns))
		return;
	if (req_query_bool(rq, "force", false)) {
		req_error(rq, 405,
		    "Broker doesn't allow forced deletion of namespaces");
		return;
	}
	for (i = 0; i < rq->h->router->shards_n; i++) {
		op = req_op(rq, OP_TOPIC_LIST, ns);
		op->flag2 = true;
		req_send_to(rq, i, &op);
	}
	req_then(rq, delete_if_empty);
}
