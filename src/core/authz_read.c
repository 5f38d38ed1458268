/* SPDX-License-Identifier: Apache-2.0 */
/* Roles, namespaces and tenants as authorization keeps them, from their documents. */
#include "base/json.h"
#include "core/authz_priv.h"

static json_t *
parse(struct str val)
{
	json_t *js = json_loadb(val.p, val.len, 0, NULL);

	if (js != NULL && !json_is_object(js)) {
		json_decref(js);
		return NULL;
	}
	return js;
}

/* Bits; what is no action is left out. */
static uint32_t
actions_of(const json_t *a)
{
	enum authz_action act;
	uint32_t bits = 0;
	size_t i;

	for (i = 0; i < json_array_size(a); i++) {
		act = authz_action_of(json_text(json_array_get(a, i)));
		if (act < AUTHZ_ACTIONS_N)
			bits |= 1u << act;
	}
	return bits;
}

/* --- roles --------------------------------------------------------------------- */

static const char *const kinds[AUTHZ_KINDS_N] = { "any", "cluster", "namespace",
	"topic", "group" };
static const char *const matches[] = { "any", "prefix", "literal" };

static bool
word(struct str s, const char *const *v, unsigned n, unsigned *out)
{
	for (*out = 0; *out < n; (*out)++)
		if (str_eq(s, str_of(v[*out])))
			return true;
	return false;
}

static bool
from_read(struct authz_rule *r, const json_t *a)
{
	size_t i, n = json_array_size(a);

	if (n == 0)
		return true;
	r->from = mem_calloc(n, sizeof *r->from);
	for (i = 0; i < n; i++)
		if (cidr_parse(&r->from[r->from_n],
			json_text(json_array_get(a, i))) == ERR_OK)
			r->from_n++;
	return r->from_n == n;
}

static bool
rule_read(struct authz_rule *r, const json_t *js)
{
	unsigned kind, match;
	bool well;

	well = word(json_text_at(js, "on"), kinds, AUTHZ_KINDS_N, &kind);
	well = word(json_text_at(js, "match"), matches, 3, &match) && well;
	r->deny = json_is_true(json_object_get(js, "deny"));
	r->dflt = json_is_true(json_object_get(js, "default"));
	r->name = json_text_at(js, "name");
	r->actions = actions_of(json_object_get(js, "do"));
	r->kind = (enum authz_kind)kind;
	r->match = (enum authz_match)match;
	well = from_read(r, json_object_get(js, "from")) && well;
	if (well)
		return true;
	/* it meant to deny something, nobody knows what: so all of it */
	mem_free(r->from);
	*r = (struct authz_rule){ .kind = AUTHZ_ANY_KIND,
		.match = MATCH_LITERAL,
		.deny = r->deny,
		.actions = UINT32_MAX };
	r->match = MATCH_ANY;
	return r->deny;
}

static void
keys_read(struct authz_role *r, json_t *keys)
{
	const char *id;
	json_t *v;

	if (json_object_size(keys) == 0)
		return;
	r->keys = mem_calloc(json_object_size(keys), sizeof *r->keys);
	json_object_foreach(keys, id, v)
	{
		if (json_is_object(v))
			r->keys[r->keys_n++] =
			    (struct authz_key){ .role = r, .id = id, .doc = v };
	}
}

struct authz_role *
authz_role_read(struct str name, struct str val)
{
	json_t *doc = parse(val), *rules, *v;
	struct authz_role *r;
	const char *key;

	if (doc == NULL)
		doc = json_pack("{s:b}", "enabled", 0);
	AN(doc);
	ALLOC_OBJ(r, AUTHZ_ROLE_MAGIC);
	r->name = mem_strndup(name.p, name.len);
	r->doc = doc;
	r->super = json_is_true(json_object_get(doc, "super"));
	r->disabled = json_is_false(json_object_get(doc, "enabled"));
	rules = json_object_get(doc, "rules");
	r->rules = mem_calloc(json_object_size(rules) + 1, sizeof *r->rules);
	json_object_foreach(rules, key, v)
	{
		if (r->rules_n < AUTHZ_RULES_MAX &&
		    rule_read(&r->rules[r->rules_n], v))
			r->rules_n++;
	}
	keys_read(r, json_object_get(doc, "keys"));
	return r;
}

void
authz_role_free(struct authz_role **rp)
{
	struct authz_role *r;
	uint32_t i;

	TAKE_OBJ_NOTNULL(r, rp, AUTHZ_ROLE_MAGIC);
	for (i = 0; i < r->rules_n; i++)
		mem_free(r->rules[i].from);
	mem_free(r->rules);
	mem_free(r->keys);
	mem_free(r->name);
	json_decref(r->doc);
	FREE_OBJ(r);
}

/* --- namespaces ------------------------------------------------------------------ */

static void
grants_read(struct authz_space *sp, json_t *roles, struct str topic)
{
	const char *role;
	json_t *v;

	if (json_object_size(roles) == 0)
		return;
	sp->grants = mem_reallocarray(sp->grants,
	    sp->grants_n + json_object_size(roles), sizeof *sp->grants);
	json_object_foreach(roles, role, v)
	{
		sp->grants[sp->grants_n++] = (struct authz_grant){
			.role = str_of(role),
			.topic = topic,
			.actions = actions_of(v),
		};
	}
}

struct authz_space *
authz_space_read(struct str ns, struct str val)
{
	json_t *doc, *auth, *topics, *v;
	struct authz_space *sp;
	const char *topic;
	bool prefix;

	/* most say nothing, and there may be very many */
	if (memmem(val.p, val.len, "\"auth_policies\"", 15) == NULL &&
	    memmem(val.p, val.len, "\"subscription_auth_mode\"", 24) == NULL)
		return NULL;
	doc = parse(val);
	auth = json_object_get(doc, "auth_policies");
	prefix = str_eq(
	    json_text_at(doc, "subscription_auth_mode"), str_of("Prefix"));
	if (auth == NULL && !prefix) {
		json_decref(doc);
		return NULL;
	}
	ALLOC_OBJ(sp, AUTHZ_SPACE_MAGIC);
	sp->ns = mem_strndup(ns.p, ns.len);
	sp->doc = doc;
	sp->prefix = prefix;
	grants_read(sp, json_object_get(auth, "namespace_auth"), STR_NONE);
	topics = json_object_get(auth, "destination_auth");
	json_object_foreach(topics, topic, v) grants_read(sp, v, str_of(topic));
	return sp;
}

void
authz_space_free(struct authz_space **spp)
{
	struct authz_space *sp;

	TAKE_OBJ_NOTNULL(sp, spp, AUTHZ_SPACE_MAGIC);
	mem_free(sp->grants);
	mem_free(sp->ns);
	json_decref(sp->doc);
	FREE_OBJ(sp);
}

/* --- tenants ---------------------------------------------------------------------- */

struct authz_tenant *
authz_tenant_read(struct str name, struct str val)
{
	json_t *doc = parse(val), *admins;
	struct authz_tenant *t = NULL;

	admins = json_object_get(doc, "adminRoles");
	if (json_array_size(admins) > 0) {
		ALLOC_OBJ(t, AUTHZ_TENANT_MAGIC);
		t->name = mem_strndup(name.p, name.len);
		t->admins = json_incref(admins);
	}
	json_decref(doc);
	return t;
}

void
authz_tenant_free(struct authz_tenant **tp)
{
	struct authz_tenant *t;

	TAKE_OBJ_NOTNULL(t, tp, AUTHZ_TENANT_MAGIC);
	mem_free(t->name);
	json_decref(t->admins);
	FREE_OBJ(t);
}
