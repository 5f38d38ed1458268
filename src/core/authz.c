/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "core/authz_priv.h"
#include "format/rmq_name.h"

/* --- words --------------------------------------------------------------------- */

static const char *const actions[AUTHZ_ACTIONS_N] = {
	[AUTHZ_PRODUCE] = "produce",
	[AUTHZ_CONSUME] = "consume",
	[AUTHZ_FUNCTIONS] = "functions",
	[AUTHZ_SOURCES] = "sources",
	[AUTHZ_SINKS] = "sinks",
	[AUTHZ_PACKAGES] = "packages",
	[AUTHZ_CREATE] = "create",
	[AUTHZ_UPDATE] = "update",
	[AUTHZ_DELETE] = "delete",
	[AUTHZ_GET] = "get",
	[AUTHZ_LIST] = "list",
};

const char *
authz_action_name(unsigned a)
{
	return a < AUTHZ_ACTIONS_N ? actions[a] : NULL;
}

enum authz_action
authz_action_of(struct str s)
{
	unsigned i;

	for (i = 0; i < AUTHZ_ACTIONS_N; i++)
		if (str_eq(s, str_of(actions[i])))
			break;
	return (enum authz_action)i;
}

/* --- life ---------------------------------------------------------------------- */

struct authz *
authz_new(uint64_t seed)
{
	struct authz *az;

	ALLOC_OBJ(az, AUTHZ_MAGIC);
	map_init(&az->roles, seed, AUTHZ_ROLES_MAX);
	map_init(&az->given, seed, AUTHZ_ROLES_MAX);
	map_init(&az->spaces, seed, AUTHZ_ROLES_MAX);
	map_init(&az->tenants, seed, AUTHZ_ROLES_MAX);
	map_init(&az->keys, seed, AUTHZ_ROLES_MAX);
	LIST_INIT(&az->gone);
	return az;
}

static void
words_free(char ***vp, uint32_t *np)
{
	uint32_t i;

	for (i = 0; i < *np; i++)
		mem_free((*vp)[i]);
	MEM_FREE(*vp);
	*np = 0;
}

static void
roles_clear(struct map *roles)
{
	struct authz_role *r;

	while ((r = map_pop(roles)) != NULL)
		authz_role_free(&r);
}

void
authz_free(struct authz **azp)
{
	struct authz_space *sp;
	struct authz_tenant *t;
	struct authz_gone *g;
	struct authz *az;
	struct op *op;

	TAKE_OBJ_NOTNULL(az, azp, AUTHZ_MAGIC);
	roles_clear(&az->roles);
	roles_clear(&az->given);
	while ((sp = map_pop(&az->spaces)) != NULL)
		authz_space_free(&sp);
	while ((t = map_pop(&az->tenants)) != NULL)
		authz_tenant_free(&t);
	while ((g = LIST_FIRST(&az->gone)) != NULL) {
		LIST_REMOVE(g, link);
		mem_free(g);
	}
	while ((op = az->line.head) != NULL) {
		az->line.head = (struct op *)op->link.next;
		op_free(&op);
	}
	map_fini(&az->keys);
	map_fini(&az->roles);
	map_fini(&az->given);
	map_fini(&az->spaces);
	map_fini(&az->tenants);
	words_free(&az->super, &az->super_n);
	words_free(&az->proxies, &az->proxies_n);
	FREE_OBJ(az);
}

static void
words_set(char ***vp, uint32_t *np, const char *list)
{
	struct str rest = str_of(list), w;

	words_free(vp, np);
	while (rest.len > 0) {
		w = str_word(&rest, ',');
		while (w.len > 0 && w.p[0] == ' ')
			w = (struct str){ w.p + 1, w.len - 1 };
		while (w.len > 0 && w.p[w.len - 1] == ' ')
			w.len--;
		if (w.len == 0)
			continue;
		*vp = mem_reallocarray(*vp, *np + 1, sizeof **vp);
		(*vp)[(*np)++] = mem_strndup(w.p, w.len);
	}
}

void
authz_configure(struct authz *az, const struct authz_conf *conf)
{
	CHECK_OBJ_NOTNULL(az, AUTHZ_MAGIC);
	words_set(&az->super, &az->super_n, conf->super);
	words_set(&az->proxies, &az->proxies_n, conf->proxies);
	az->wildcards = conf->wildcards;
	az->version++;
}

void
authz_give(struct authz *az, const json_t *roles)
{
	json_t *all = json_incref((json_t *)(uintptr_t)roles), *v;
	struct authz_role *r;
	const char *name;
	char *text;
	size_t n;

	CHECK_OBJ_NOTNULL(az, AUTHZ_MAGIC);
	roles_clear(&az->given);
	json_object_foreach(all, name, v)
	{
		text = json_write(v, &n);
		r = authz_role_read(str_of(name), (struct str){ text, n });
		mem_free(text);
		if (map_add(&az->given, r->name, strlen(r->name), r) != ERR_OK)
			authz_role_free(&r);
	}
	json_decref(all);
	az->version++;
}

/* --- records ------------------------------------------------------------------- */

static bool
strip(struct str *key, const char *prefix)
{
	struct str p = str_of(prefix);

	if (!str_starts(*key, p))
		return false;
	*key = (struct str){ key->p + p.len, key->len - p.len };
	return true;
}

static void
keys_drop(struct authz *az, struct authz_role *r)
{
	struct authz_key *k;
	uint32_t i;

	for (i = 0; i < r->keys_n; i++) {
		k = &r->keys[i];
		if (map_get(&az->keys, k->id, strlen(k->id)) == k)
			(void)map_del(&az->keys, k->id, strlen(k->id));
	}
}

/* One that another role has stays that one's: OP_ROLE_KEY makes none twice. */
static void
keys_take(struct authz *az, struct authz_role *r)
{
	struct authz_key *k;
	uint32_t i;

	for (i = 0; i < r->keys_n; i++) {
		k = &r->keys[i];
		if (map_add(&az->keys, k->id, strlen(k->id), k) != ERR_OK)
			k->role = NULL;
	}
}

static bool
apply_role(struct authz *az, struct str name, struct str val)
{
	struct authz_role *r = map_del(&az->roles, name.p, name.len);
	bool was = r != NULL;

	if (was) {
		keys_drop(az, r);
		authz_role_free(&r);
	}
	r = val.p != NULL ? authz_role_read(name, val) : NULL;
	if (r != NULL &&
	    map_add(&az->roles, r->name, strlen(r->name), r) != ERR_OK)
		authz_role_free(&r);
	if (r != NULL)
		keys_take(az, r);
	return was || r != NULL;
}

static bool
apply_space(struct authz *az, struct str ns, struct str val)
{
	struct authz_space *sp = map_del(&az->spaces, ns.p, ns.len);
	bool was = sp != NULL;

	if (was)
		authz_space_free(&sp);
	sp = val.p != NULL ? authz_space_read(ns, val) : NULL;
	if (sp != NULL &&
	    map_add(&az->spaces, sp->ns, strlen(sp->ns), sp) != ERR_OK)
		authz_space_free(&sp);
	return was || sp != NULL;
}

static bool
apply_tenant(struct authz *az, struct str name, struct str val)
{
	struct authz_tenant *t = map_del(&az->tenants, name.p, name.len);
	bool was = t != NULL;

	if (was)
		authz_tenant_free(&t);
	t = val.p != NULL ? authz_tenant_read(name, val) : NULL;
	if (t != NULL &&
	    map_add(&az->tenants, t->name, strlen(t->name), t) != ERR_OK)
		authz_tenant_free(&t);
	return was || t != NULL;
}

bool
authz_apply(struct authz *az, struct str key, struct str val)
{
	bool changed = false;

	CHECK_OBJ_NOTNULL(az, AUTHZ_MAGIC);
	if (strip(&key, META_ROLE))
		changed = apply_role(az, key, val);
	else if (strip(&key, META_NAMESPACE))
		changed = apply_space(az, key, val);
	else if (strip(&key, META_TENANT))
		changed = apply_tenant(az, key, val);
	az->version += changed;
	return changed;
}

/* --- questions ------------------------------------------------------------------ */

struct authz *
authz_of(struct core *co)
{
	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	return co->authz;
}

uint64_t
authz_version(const struct authz *az)
{
	CHECK_OBJ_NOTNULL(az, AUTHZ_MAGIC);
	return az->version;
}

static bool
has_word(char *const *v, uint32_t n, struct str w)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (str_eq(str_of(v[i]), w))
			return true;
	return false;
}

static const struct authz_role *
role_get(const struct authz *az, struct str name)
{
	const struct authz_role *r = map_get(&az->given, name.p, name.len);

	return r != NULL ? r : map_get(&az->roles, name.p, name.len);
}

bool
authz_is_super(const struct authz *az, struct str role)
{
	const struct authz_role *r;

	CHECK_OBJ_NOTNULL(az, AUTHZ_MAGIC);
	if (role.len == 0)
		return false;
	r = role_get(az, role);
	if (r != NULL && r->disabled)
		return false;
	return has_word(az->super, az->super_n, role) ||
	    (r != NULL && r->super);
}

bool
authz_is_proxy(const struct authz *az, struct str role)
{
	CHECK_OBJ_NOTNULL(az, AUTHZ_MAGIC);
	return has_word(az->proxies, az->proxies_n, role);
}

static bool
array_has(const json_t *a, struct str s)
{
	size_t i;

	for (i = 0; i < json_array_size(a); i++) {
		const json_t *v = json_array_get(a, i);

		if (json_is_string(v) && str_eq(json_text(v), s))
			return true;
	}
	return false;
}

static bool
is_tenant_admin(const struct authz *az, struct str role, struct str tenant)
{
	const struct authz_tenant *t;

	t = map_get(&az->tenants, tenant.p, tenant.len);
	return t != NULL && array_has(t->admins, role);
}

bool
authz_is_tenant_admin(
    const struct authz *az, struct str role, struct str tenant)
{
	const struct authz_role *r;

	if (authz_is_super(az, role))
		return true;
	r = role_get(az, role);
	return role.len > 0 && (r == NULL || !r->disabled) &&
	    is_tenant_admin(az, role, tenant);
}

/* --- rules ---------------------------------------------------------------------- */

/* The closest so far. */
struct best {
	bool any, deny;
	bool own; /* no default rule */
	bool kind; /* of the kind that was asked for */
	enum authz_match match;
	size_t len;
};

static int
cmp(size_t a, size_t b)
{
	return a < b ? -1 : a > b;
}

static void
consider(struct best *b, const struct best *c)
{
	int d = !b->any ? 1 : cmp(c->own, b->own);

	if (d == 0)
		d = cmp(c->kind, b->kind);
	if (d == 0)
		d = cmp(c->match, b->match);
	if (d == 0)
		d = cmp(c->len, b->len);
	if (d > 0 || (d == 0 && c->deny))
		*b = *c;
}

static bool
from_fits(const struct authz_rule *r, struct str ip)
{
	uint32_t i;

	for (i = 0; i < r->from_n; i++)
		if (cidr_has(&r->from[i], ip))
			return true;
	return r->from_n == 0;
}

static bool
rule_fits(const struct authz_rule *r, const struct authz_ask *a)
{
	if (r->kind != a->kind && r->kind != AUTHZ_ANY_KIND)
		return false;
	if ((r->actions & 1u << a->action) == 0)
		return false;
	switch (r->match) {
	case MATCH_LITERAL:
		if (!str_eq(r->name, a->name))
			return false;
		break;
	case MATCH_PREFIX:
		if (!str_starts(a->name, r->name))
			return false;
		break;
	case MATCH_ANY:
		break;
	}
	return from_fits(r, a->from);
}

static void
consider_rules(
    struct best *b, const struct authz_role *role, const struct authz_ask *a)
{
	const struct authz_rule *r;
	uint32_t i;

	for (i = 0; i < role->rules_n; i++) {
		r = &role->rules[i];
		if (rule_fits(r, a))
			consider(b,
			    &(struct best){ .any = true,
				.deny = r->deny,
				.own = !r->dflt,
				.kind = r->kind != AUTHZ_ANY_KIND,
				.match = r->match,
				.len = r->name.len });
	}
}

static bool
role_fits(const struct authz *az, struct str granted, struct str role)
{
	struct str rest;

	if (str_eq(granted, role))
		return true;
	if (!az->wildcards || granted.len == 0)
		return false;
	if (granted.p[granted.len - 1] == '*' &&
	    str_starts(role, (struct str){ granted.p, granted.len - 1 }))
		return true;
	rest = (struct str){ granted.p + 1, granted.len - 1 };
	return granted.p[0] == '*' && role.len >= rest.len &&
	    memcmp(role.p + role.len - rest.len, rest.p, rest.len) == 0;
}

struct str
authz_topic(struct str full)
{
	static const struct str scheme = STR_LIT("persistent://");

	if (str_starts(full, scheme))
		full =
		    (struct str){ full.p + scheme.len, full.len - scheme.len };
	return full;
}

/* base: the topic that is asked for, without its partition */
static void
consider_grants(struct best *b, const struct authz *az,
    const struct authz_space *sp, const struct authz_ask *a, struct str base)
{
	const struct authz_grant *g;
	uint32_t i;

	for (i = 0; i < sp->grants_n; i++) {
		g = &sp->grants[i];
		if ((g->actions & 1u << a->action) == 0 ||
		    !role_fits(az, g->role, a->role))
			continue;
		if (g->topic.len == 0)
			consider(b,
			    &(struct best){ .any = true,
				.own = true,
				.kind = true,
				.match = MATCH_PREFIX,
				.len = strlen(sp->ns) });
		else if (a->kind == AUTHZ_TOPIC &&
		    (str_eq(authz_topic(g->topic), a->name) ||
			str_eq(authz_topic(g->topic), base)))
			consider(b,
			    &(struct best){ .any = true,
				.own = true,
				.kind = true,
				.match = MATCH_LITERAL,
				.len = base.len });
	}
}

struct str
authz_ns_of(enum authz_kind kind, struct str s)
{
	const char *scheme;
	struct str all;

	if (kind != AUTHZ_TOPIC && kind != AUTHZ_GROUP &&
	    kind != AUTHZ_NAMESPACE)
		return STR_NONE;
	scheme = kind == AUTHZ_TOPIC ? memmem(s.p, s.len, "://", 3) : NULL;
	if (scheme != NULL)
		s = (struct str){ scheme + 3,
			s.len - (size_t)(scheme + 3 - s.p) };
	all = s;
	(void)str_word(&s, '/');
	if (s.len == 0)
		return STR_NONE;
	(void)str_word(&s, '/');
	all.len = (size_t)(s.p - all.p) - (s.p[-1] == '/' && s.p > all.p);
	return all;
}

/* Is it the topic of a group's retries or dead letters? Then *g asks for the group, whose
 * name is put together in buf. ns: the topic's */
static bool
ask_group(const struct authz_ask *topic, struct str ns, char *buf, size_t size,
    struct authz_ask *g)
{
	struct str local = { topic->name.p + ns.len + 1,
		topic->name.len - ns.len - 1 };
	size_t at, n;

	if (ns.p != topic->name.p || ns.len >= topic->name.len ||
	    (at = rmq_name_group_at(local)) == 0)
		return false;
	local = topic_name_base((struct str){ local.p + at, local.len - at });
	n = str_join(buf, size, ns, '/', local);
	*g = *topic;
	g->kind = AUTHZ_GROUP;
	g->name = (struct str){ buf, n }; /* no group has a longer name */
	if (g->action == AUTHZ_PRODUCE)
		g->action = AUTHZ_CONSUME; /* who gives back sends there */
	return true;
}

enum authz_answer
authz_ask(const struct authz *az, const struct authz_ask *a)
{
	const struct authz_role *role;
	const struct authz_space *sp;
	struct authz_ask whole = *a, group;
	struct best b = { 0 };
	struct str ns, tenant;
	char buf[2 * NAME_MAX_BYTES];

	CHECK_OBJ_NOTNULL(az, AUTHZ_MAGIC);
	assert(a->kind > AUTHZ_ANY_KIND && a->kind < AUTHZ_KINDS_N);
	assert(a->action < AUTHZ_ACTIONS_N);
	if (a->role.len == 0)
		return AUTHZ_UNSAID;
	if (authz_is_super(az, a->role))
		return AUTHZ_ALLOWED;
	role = role_get(az, a->role);
	if (role != NULL && role->disabled)
		return AUTHZ_DENIED;
	ns = authz_ns_of(a->kind, a->name);
	tenant = ns;
	tenant = str_word(&tenant, '/');
	if (ns.len > 0 && is_tenant_admin(az, a->role, tenant))
		return AUTHZ_ALLOWED;
	sp = ns.len > 0 ? map_get(&az->spaces, ns.p, ns.len) : NULL;
	if (a->kind == AUTHZ_TOPIC)
		whole.name = topic_name_base(a->name);
	if (sp != NULL)
		consider_grants(&b, az, sp, a, whole.name);
	if (role != NULL && a->kind == AUTHZ_TOPIC &&
	    ask_group(a, ns, buf, sizeof buf, &group))
		consider_rules(&b, role, &group);
	else if (role != NULL) {
		consider_rules(&b, role, a);
		if (whole.name.len < a->name.len)
			consider_rules(&b, role, &whole);
	}
	if (!b.any)
		return AUTHZ_UNSAID;
	return b.deny ? AUTHZ_DENIED : AUTHZ_ALLOWED;
}

/* --- subscriptions --------------------------------------------------------------- */

static enum authz_sub
ask_space(const struct authz_space *sp, struct str role, struct str sub)
{
	const json_t *roles;

	roles = json_object_getn(
	    json_object_get(json_object_get(sp->doc, "auth_policies"),
		"subscription_auth_roles"),
	    sub.p, sub.len);
	if (json_object_size(roles) > 0 &&
	    json_object_getn(roles, role.p, role.len) == NULL)
		return AUTHZ_SUB_OTHERS;
	if (sp->prefix && !str_starts(sub, role))
		return AUTHZ_SUB_PREFIX;
	return AUTHZ_SUB_OPEN;
}

/* Rules of RocketMQ's name groups. */
static bool
group_is_denied(const struct authz *az, struct str role, struct str from,
    struct str ns, struct str sub)
{
	char name[2 * NAME_MAX_BYTES];
	size_t n = str_join(name, sizeof name, ns, '/', sub);

	/* no group has a longer name */
	return n > 0 &&
	    authz_ask(az,
		&(struct authz_ask){ .role = role,
		    .kind = AUTHZ_GROUP,
		    .name = { name, n },
		    .action = AUTHZ_CONSUME,
		    .from = from }) == AUTHZ_DENIED;
}

enum authz_sub
authz_ask_sub(const struct authz *az, struct str role, struct str from,
    struct str ns, struct str sub)
{
	enum authz_sub answer = AUTHZ_SUB_OPEN;
	const struct authz_space *sp;
	struct str tenant = ns;

	CHECK_OBJ_NOTNULL(az, AUTHZ_MAGIC);
	tenant = str_word(&tenant, '/');
	if (authz_is_tenant_admin(az, role, tenant))
		return AUTHZ_SUB_OPEN;
	sp = map_get(&az->spaces, ns.p, ns.len);
	if (sp != NULL)
		answer = ask_space(sp, role, sub);
	if (answer == AUTHZ_SUB_OPEN &&
	    group_is_denied(az, role, from, ns, sub))
		answer = AUTHZ_SUB_DENIED;
	return answer;
}

/* --- documents ------------------------------------------------------------------- */

const json_t *
authz_role(const struct authz *az, struct str name)
{
	const struct authz_role *r;

	CHECK_OBJ_NOTNULL(az, AUTHZ_MAGIC);
	r = role_get(az, name);
	return r != NULL ? r->doc : NULL;
}

const json_t *
authz_role_next(const struct authz *az, size_t *it, struct str *name)
{
	const struct authz_role *r;

	CHECK_OBJ_NOTNULL(az, AUTHZ_MAGIC);
	r = map_next(&az->roles, it);
	if (r == NULL)
		return NULL;
	*name = str_of(r->name);
	return r->doc;
}

const json_t *
authz_key(const struct authz *az, struct str id, struct str *role)
{
	const struct authz_key *k;

	CHECK_OBJ_NOTNULL(az, AUTHZ_MAGIC);
	k = map_get(&az->keys, id.p, id.len);
	if (k == NULL || role_get(az, id) != NULL)
		return NULL;
	*role = str_of(k->role->name);
	return k->doc;
}

struct str
authz_whose(const struct authz *az, struct str access_key)
{
	struct str role;

	return authz_key(az, access_key, &role) != NULL ? role : access_key;
}

static bool
sub_is_for(const struct authz_space *sp, struct str role)
{
	json_t *subs =
	    json_object_get(json_object_get(sp->doc, "auth_policies"),
		"subscription_auth_roles");
	const char *name;
	json_t *v;

	json_object_foreach(subs, name, v)
	{
		(void)name;
		if (array_has(v, role))
			return true;
	}
	return false;
}

bool
authz_has_grants(const struct authz *az, struct str role)
{
	const struct authz_space *sp;
	const struct authz_tenant *t;
	size_t it;
	uint32_t i;

	CHECK_OBJ_NOTNULL(az, AUTHZ_MAGIC);
	MAP_FOREACH(sp, &az->spaces, it) {
		for (i = 0; i < sp->grants_n; i++)
			if (str_eq(sp->grants[i].role, role))
				return true;
		if (sub_is_for(sp, role))
			return true;
	}
	MAP_FOREACH(t, &az->tenants, it)
		if (array_has(t->admins, role))
			return true;
	return false;
}

bool
authz_has_topic_grants(const struct authz *az, struct str ns, struct str full)
{
	const struct authz_space *sp;
	uint32_t i;

	CHECK_OBJ_NOTNULL(az, AUTHZ_MAGIC);
	sp = map_get(&az->spaces, ns.p, ns.len);
	for (i = 0; sp != NULL && i < sp->grants_n; i++)
		if (str_eq(topic_name_base(sp->grants[i].topic), full))
			return true;
	return false;
}
