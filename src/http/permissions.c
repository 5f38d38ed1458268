/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may produce and consume: grants of namespaces, topics and subscriptions, in
 * auth_policies of the namespace's document (core/authz.h). A change is a merge patch,
 * so that two at a time don't lose each other's.
 */
#include "base/json.h"
#include "core/authz.h"
#include "http/handlers.h"
#include "http/permissions.h"

/* --- reading ---------------------------------------------------------------------- */

/* A member of auth_policies of the namespace that was asked for; the document is the
 * request's until its end. False: answered. */
static bool
policies(struct req *rq, const char *member, json_t **out)
{
	json_t *doc = req_doc(rq);

	if (doc == NULL)
		return false;
	if (rq->json != NULL)
		json_decref(rq->json);
	rq->json = doc;
	*out = member == NULL ?
	    doc :
	    json_object_get(json_object_get(doc, "auth_policies"), member);
	return true;
}

static void
ask(struct req *rq, req_step_f *next)
{
	struct str ns;
	struct op *op;

	if (!req_ns(rq, &ns))
		return;
	op = req_op(rq, OP_NS_GET, ns);
	req_send(rq, &op);
	req_then(rq, next);
}

/* Grants of a topic are for one that is there, unless the configuration says otherwise. */
static void
of_topic(struct req *rq, req_step_f *next)
{
	struct op *op;

	if (!req_topic(rq))
		return;
	if (rq->h->conf.acl_without_topic) {
		next(rq);
		return;
	}
	op = req_op(rq, OP_TOPIC_META, rq->tn.full);
	req_send(rq, &op);
	req_then(rq, next);
}

/* False: it isn't, which is answered. */
static bool
topic_is_there(struct req *rq)
{
	if (req_any_failed(rq))
		return false;
	req_clear(rq);
	return true;
}

static void
answer_object(struct req *rq, json_t *o)
{
	if (o != NULL)
		json_add_json(&rq->out, o);
	else
		strbuf_adds(&rq->out, "{}");
	req_json(rq);
}

static void
ns_perms(struct req *rq)
{
	json_t *o;

	if (policies(rq, "namespace_auth", &o))
		answer_object(rq, o);
}

void
h_ns_perms_get(struct req *rq)
{
	ask(rq, ns_perms);
}

static void
sub_perms(struct req *rq)
{
	json_t *o;

	if (!policies(rq, NULL, &o))
		return;
	perms_show(o);
	answer_object(rq,
	    json_object_get(json_object_get(o, "auth_policies"),
		"subscription_auth_roles"));
}

void
h_sub_perms_get(struct req *rq)
{
	ask(rq, sub_perms);
}

/* What a role has of the topic and of its namespace, each action once. */
static void
add_actions(json_t *all, const char *role, json_t *actions)
{
	json_t *have = json_object_get(all, role), *v;
	size_t i, k;

	if (have == NULL) {
		have = json_array();
		AZ(json_object_set_new(all, role, have));
	}
	json_array_foreach(actions, i, v)
	{
		for (k = 0; k < json_array_size(have); k++)
			if (json_equal(json_array_get(have, k), v))
				break;
		if (k == json_array_size(have))
			AZ(json_array_append(have, v));
	}
}

static void
topic_perms(struct req *rq)
{
	json_t *o, *all, *v, *of_topic;
	const char *role;

	if (!policies(rq, NULL, &o))
		return;
	o = json_object_get(o, "auth_policies");
	of_topic = json_object_getn(json_object_get(o, "destination_auth"),
	    rq->tn.full.p, rq->tn.full.len);
	all = json_object();
	json_object_foreach(json_object_get(o, "namespace_auth"), role, v)
	{
		add_actions(all, role, v);
	}
	json_object_foreach(of_topic, role, v)
	{
		add_actions(all, role, v);
	}
	answer_object(rq, all);
	json_decref(all);
}

static void
topic_perms_ask(struct req *rq)
{
	if (topic_is_there(rq))
		ask(rq, topic_perms);
}

void
h_topic_perms_get(struct req *rq)
{
	of_topic(rq, topic_perms_ask);
}

static void
auth_mode(struct req *rq)
{
	const char *mode;
	json_t *o;

	if (!policies(rq, NULL, &o))
		return;
	mode = json_string_value(json_object_get(o, "subscription_auth_mode"));
	json_add_str(&rq->out, mode != NULL ? mode : "None");
	req_json(rq);
}

void
h_sub_auth_mode_get(struct req *rq)
{
	ask(rq, auth_mode);
}

void
perms_show(json_t *policies)
{
	json_t *subs, *roles, *list, *v;
	const char *sub, *role;

	subs = json_object_get(json_object_get(policies, "auth_policies"),
	    "subscription_auth_roles");
	json_object_foreach(subs, sub, roles)
	{
		list = json_array();
		json_object_foreach(roles, role, v)
		{
			AZ(json_array_append_new(list, json_string(role)));
		}
		/* the key is there: what is iterated over stays */
		AZ(json_object_set_new(subs, sub, list));
	}
}

/* --- changes ---------------------------------------------------------------------- */

static void
patched(struct req *rq)
{
	if (rq->ans[0]->err == ERR_NO_NAMESPACE)
		req_error(rq, 404, "Namespace does not exist");
	else
		req_done_empty(rq);
}

void
ns_patch(struct req *rq, json_t *p)
{
	struct strbuf sb;
	struct str ns;
	struct op *op;

	if (!req_ns(rq, &ns)) {
		json_decref(p);
		return;
	}
	strbuf_init(&sb, HTTP_REPLY_MAX);
	json_add_json(&sb, p);
	json_decref(p);
	op = req_op(rq, OP_NS_PATCH, ns);
	op->text =
	    op_str(op, (struct str){ .p = strbuf_str(&sb), .len = sb.len });
	strbuf_fini(&sb);
	req_send_to(rq, 0, &op);
	req_then(rq, patched);
}

/* {"auth_policies":{member:{key:v}}}; takes v */
static json_t *
in_auth(const char *member, const char *key, json_t *v)
{
	json_t *in = json_object(), *auth = json_object(), *p = json_object();

	AZ(json_object_set_new(in, key, v));
	AZ(json_object_set_new(auth, member, in));
	AZ(json_object_set_new(p, "auth_policies", auth));
	return p;
}

/* ["produce","consume"]; false: answered */
static bool
actions(struct req *rq)
{
	json_t *v;
	size_t i;

	if (!req_parse(rq))
		return false;
	json_array_foreach(rq->json, i, v)
	{
		if (authz_action_of(json_text(v)) > AUTHZ_PACKAGES)
			break;
	}
	if (json_is_array(rq->json) && i == json_array_size(rq->json))
		return true;
	req_error(rq, 400, "The body is not a list of actions");
	return false;
}

void
h_ns_perm_grant(struct req *rq)
{
	if (actions(rq))
		ns_patch(rq,
		    in_auth("namespace_auth", rq->var[VAR_ROLE],
			json_incref(rq->json)));
}

void
h_ns_perm_revoke(struct req *rq)
{
	ns_patch(rq, in_auth("namespace_auth", rq->var[VAR_ROLE], json_null()));
}

static json_t *
in_topic(struct req *rq, json_t *v)
{
	json_t *role = json_object(), *p;
	char *full = mem_strndup(rq->tn.full.p, rq->tn.full.len);

	AZ(json_object_set_new(role, rq->var[VAR_ROLE], v));
	p = in_auth("destination_auth", full, role);
	mem_free(full);
	return p;
}

static void
topic_grant(struct req *rq)
{
	if (topic_is_there(rq))
		ns_patch(rq, in_topic(rq, json_incref(rq->json)));
}

void
h_topic_perm_grant(struct req *rq)
{
	if (actions(rq))
		of_topic(rq, topic_grant);
}

static void
topic_revoke(struct req *rq)
{
	json_t *o;

	if (!policies(rq, "destination_auth", &o))
		return;
	o = json_object_getn(o, rq->tn.full.p, rq->tn.full.len);
	if (json_object_get(o, rq->var[VAR_ROLE]) == NULL) {
		req_done_empty(rq);
		return;
	}
	req_clear(rq);
	ns_patch(rq, in_topic(rq, json_null()));
}

static void
topic_revoke_ask(struct req *rq)
{
	if (topic_is_there(rq))
		ask(rq, topic_revoke);
}

void
h_topic_perm_revoke(struct req *rq)
{
	of_topic(rq, topic_revoke_ask);
}

/* --- subscriptions ---------------------------------------------------------------- */

static void
free_roles(void *p)
{
	json_decref(p);
}

/* The roles are those of the request and no others: a grant replaces what was there. */
static void
sub_grant(struct req *rq)
{
	json_t *o, *v, *roles = rq->keep;
	const char *role;

	if (!policies(rq, "subscription_auth_roles", &o))
		return;
	json_object_foreach(json_object_get(o, rq->var[VAR_SUB]), role, v)
	{
		if (json_object_get(roles, role) == NULL)
			AZ(json_object_set_new(roles, role, json_null()));
	}
	req_clear(rq);
	ns_patch(rq,
	    in_auth("subscription_auth_roles", rq->var[VAR_SUB],
		json_incref(roles)));
}

void
h_sub_perm_grant(struct req *rq)
{
	json_t *roles, *v;
	size_t i;

	if (!req_parse(rq))
		return;
	roles = json_object();
	json_array_foreach(rq->json, i, v)
	{
		if (!json_is_string(v))
			break;
		AZ(json_object_set_new(
		    roles, json_string_value(v), json_true()));
	}
	if (!json_is_array(rq->json) || i < json_array_size(rq->json)) {
		json_decref(roles);
		req_error(rq, 400, "The body is not a list of roles");
		return;
	}
	req_keep(rq, roles, free_roles);
	ask(rq, sub_grant);
}

/* One without roles is for everybody again, and not listed. */
static void
sub_revoke(struct req *rq)
{
	json_t *o, *roles, *left;

	if (!policies(rq, "subscription_auth_roles", &o))
		return;
	roles = json_object_get(o, rq->var[VAR_SUB]);
	if (roles == NULL) {
		req_error(rq, 404, "couldn't find subscription");
		return;
	}
	if (json_object_get(roles, rq->var[VAR_ROLE]) != NULL &&
	    json_object_size(roles) == 1) {
		left = json_null();
	} else {
		left = json_object();
		AZ(json_object_set_new(left, rq->var[VAR_ROLE], json_null()));
	}
	req_clear(rq);
	ns_patch(
	    rq, in_auth("subscription_auth_roles", rq->var[VAR_SUB], left));
}

void
h_sub_perm_revoke(struct req *rq)
{
	ask(rq, sub_revoke);
}

void
h_sub_auth_mode_set(struct req *rq)
{
	const char *mode;
	json_t *p;

	if (!req_parse(rq))
		return;
	mode = json_string_value(rq->json);
	if (mode == NULL ||
	    (strcmp(mode, "None") != 0 && strcmp(mode, "Prefix") != 0)) {
		req_error(rq, 400, "The body is not a SubscriptionAuthMode");
		return;
	}
	p = json_object();
	AZ(json_object_set_new(p, "subscription_auth_mode", json_string(mode)));
	ns_patch(rq, p);
}
