/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/acl.h"

#include <strings.h>

#include "base/cidr.h"
#include "base/json.h"
#include "core/authz.h"
#include "rocketmq/rmq_priv.h"

/* --- words ------------------------------------------------------------------------ */

static bool
is_word(struct str s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

static const struct {
	const char *name, *on;
} kinds[] = { { "Cluster", "cluster" }, { "Namespace", "namespace" },
	{ "Topic", "topic" }, { "Group", "group" }, { "Any", "any" } };

static const struct {
	const char *name, *doing;
} actions[] = { { "Pub", "produce" }, { "Sub", "consume" },
	{ "Create", "create" }, { "Update", "update" }, { "Delete", "delete" },
	{ "Get", "get" }, { "List", "list" } };

#define ACTIONS_N (sizeof actions / sizeof actions[0])

static const char *
type_of(struct str s)
{
	if (s.len == 0 || is_word(s, "Custom"))
		return "Custom";
	return is_word(s, "Default") ? "Default" : NULL;
}

char *
acl_key(struct str type, struct str resource)
{
	const char *t = type_of(type);

	return mem_printf("%s %.*s", t != NULL ? t : "Custom",
	    (int)resource.len, resource.len > 0 ? resource.p : "");
}

static json_t *
text(struct str s)
{
	return json_stringn(s.len > 0 ? s.p : "", s.len);
}

/* --- one entry -------------------------------------------------------------------- */

static bool
set(json_t *o, const char *key, json_t *v)
{
	/* NULL: not UTF-8 */
	return json_object_set_new(o, key, v) == 0;
}

static bool
full(const struct rmq *rm, struct str name, json_t *rule)
{
	char *f;
	bool well;

	if (rmq_topic_full(rm, name, &f) != ERR_OK)
		return false;
	well = set(rule, "name", json_string(authz_topic(str_of(f)).p));
	mem_free(f);
	return well;
}

static const char *
resource(const struct rmq *rm, struct str res, json_t *rule)
{
	struct str name = res, kind;
	const char *on = NULL, *match = "literal";
	size_t i;

	if (res.len == 0)
		return "The resource is null.";
	if (str_eq(res, STR_LIT("*"))) {
		(void)set(rule, "on", json_string("any"));
		(void)set(rule, "match", json_string("any"));
		return NULL;
	}
	kind = str_word(&name, ':');
	for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (is_word(kind, kinds[i].name))
			on = kinds[i].on;
	if (on == NULL)
		return "The resource is null.";
	if (name.len == 0)
		return "The resource pattern is null.";
	if (str_eq(name, STR_LIT("*"))) {
		match = "any";
		name.len = 0;
	} else if (name.p[name.len - 1] == '*') {
		match = "prefix";
		name.len--;
	}
	(void)set(rule, "on", json_string(on));
	(void)set(rule, "match", json_string(match));
	if (strcmp(match, "any") == 0)
		return NULL;
	if (strcmp(on, "topic") == 0 || strcmp(on, "group") == 0)
		return full(rm, name, rule) ? NULL :
					      "The resource pattern is null.";
	return set(rule, "name", text(name)) ? NULL :
					       "The resource pattern is null.";
}

static bool
add_action(struct str a, json_t *doing)
{
	bool any = is_word(a, "All"), found = false;
	size_t i;

	for (i = 0; i < ACTIONS_N; i++)
		if (any || is_word(a, actions[i].name)) {
			(void)json_array_append_new(
			    doing, json_string(actions[i].doing));
			found = true;
		}
	return found;
}

/* rule's "do", and what was said into acl's "actions" */
static const char *
doing(const struct jval *v, json_t *rule, json_t *acl)
{
	json_t *list = json_array(), *said = json_array();
	const struct jval *m;
	bool any = false, well = true;

	(void)set(rule, "do", list);
	(void)set(acl, "actions", said);
	JVAL_FOREACH(m, jval_get(v, "actions"))
	{
		any = is_word(jval_str(m), "Any") || any;
		well = add_action(jval_str(m), list) && well;
		well =
		    json_array_append_new(said, text(jval_str(m))) == 0 && well;
	}
	if (any)
		return "The actions can not be Any.";
	/* the reference passes over what is no action */
	return well && json_array_size(said) > 0 ? NULL :
						   "The actions is empty.";
}

static const char *
sources(const struct jval *v, json_t *rule, json_t *acl)
{
	json_t *list = json_array();
	const struct jval *m;
	struct cidr c;

	(void)set(rule, "from", list);
	JVAL_FOREACH(m, jval_get(v, "sourceIps"))
	{
		if (jval_str(m).len == 0)
			return "The source ip is empty.";
		if (cidr_parse(&c, jval_str(m)) != ERR_OK)
			return "The source ip is invalid.";
		(void)json_array_append_new(list, text(jval_str(m)));
	}
	(void)set(acl, "sourceIps", json_incref(list));
	return NULL;
}

static const char *
decision(const struct jval *v, json_t *rule, json_t *acl)
{
	struct str s = jval_str(jval_get(v, "decision"));
	bool deny = is_word(s, "Deny");

	if (!deny && !is_word(s, "Allow"))
		return "The decision is null or illegal.";
	(void)set(rule, "deny", json_boolean(deny));
	(void)set(acl, "decision", json_string(deny ? "Deny" : "Allow"));
	return NULL;
}

static const char *
entry(
    const struct rmq *rm, const char *type, const struct jval *v, json_t *rules)
{
	struct str res = jval_str(jval_get(v, "resource"));
	json_t *rule = json_object(), *acl = json_object();
	const char *why;
	char *key;

	(void)set(rule, "acl", acl);
	(void)set(acl, "type", json_string(type));
	if (strcmp(type, "Default") == 0)
		(void)set(rule, "default", json_true());
	why = resource(rm, res, rule);
	if (why == NULL && !set(acl, "resource", text(res)))
		why = "The resource is null.";
	if (why == NULL)
		why = doing(v, rule, acl);
	if (why == NULL)
		why = sources(v, rule, acl);
	if (why == NULL)
		why = decision(v, rule, acl);
	if (why != NULL) {
		json_decref(rule);
		return why;
	}
	key = acl_key(str_of(type), res);
	(void)set(rules, key, rule);
	mem_free(key);
	return NULL;
}

json_t *
acl_rules_read(
    const struct rmq *rm, const struct jval *policies, const char **why)
{
	const struct jval *p, *e;
	json_t *rules = json_object();
	const char *type;

	*why = jval_first(policies) == NULL ? "The policies is empty." : NULL;
	JVAL_FOREACH(p, policies)
	{
		type = type_of(jval_str(jval_get(p, "policyType")));
		if (*why == NULL && type == NULL)
			*why = "The policies is empty.";
		if (*why == NULL && jval_first(jval_get(p, "entries")) == NULL)
			*why = "The policy entries is empty.";
		JVAL_FOREACH(e, jval_get(p, "entries"))
		if (*why == NULL)
			*why = entry(rm, type, e, rules);
	}
	if (*why == NULL)
		return rules;
	json_decref(rules);
	return NULL;
}

/* --- back ------------------------------------------------------------------------- */

static void
list(struct jw *w, const char *name, const json_t *a)
{
	size_t i;

	jw_key(w, name);
	jw_array(w);
	for (i = 0; i < json_array_size(a); i++)
		jw_str(w, str_of(json_string_value(json_array_get(a, i))));
	jw_end(w);
}

static bool
shown(const json_t *acl, const char *type, struct str filter)
{
	struct str res = json_text_at(acl, "resource");

	if (acl == NULL || !str_eq(json_text_at(acl, "type"), str_of(type)))
		return false;
	return filter.len == 0 ||
	    memmem(res.p, res.len, filter.p, filter.len) != NULL;
}

static unsigned
count(json_t *rules, const char *type, struct str filter)
{
	const char *key;
	unsigned n = 0;
	json_t *v;

	json_object_foreach(rules, key, v)
	{
		(void)key;
		n += shown(json_object_get(v, "acl"), type, filter);
	}
	return n;
}

static void
policy(struct jw *w, json_t *rules, const char *type, struct str filter)
{
	const json_t *acl;
	const char *key;
	json_t *v;

	jw_object(w);
	jw_key_str(w, "policyType", str_of(type));
	jw_key(w, "entries");
	jw_array(w);
	json_object_foreach(rules, key, v)
	{
		(void)key;
		acl = json_object_get(v, "acl");
		if (!shown(acl, type, filter))
			continue;
		jw_object(w);
		jw_key_str(w, "resource", json_text_at(acl, "resource"));
		list(w, "actions", json_object_get(acl, "actions"));
		if (json_array_size(json_object_get(acl, "sourceIps")) > 0)
			list(w, "sourceIps", json_object_get(acl, "sourceIps"));
		jw_key_str(w, "decision", json_text_at(acl, "decision"));
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
}

bool
acl_write(struct jw *w, struct str role, const json_t *doc, struct str filter)
{
	static const char *const types[] = { "Custom", "Default" };
	json_t *rules = json_object_get(doc, "rules");
	char *subject;
	size_t i;

	if (count(rules, types[0], filter) + count(rules, types[1], filter) ==
	    0)
		return false;
	subject = mem_printf("User:%.*s", (int)role.len, role.p);
	jw_object(w);
	jw_key_str(w, "subject", str_of(subject));
	jw_key(w, "policies");
	jw_array(w);
	for (i = 0; i < 2; i++)
		if (count(rules, types[i], filter) > 0)
			policy(w, rules, types[i], filter);
	jw_end(w);
	jw_end(w);
	mem_free(subject);
	return true;
}
