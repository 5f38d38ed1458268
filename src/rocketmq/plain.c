/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/plain.h"

#include "core/authz.h"
#include "format/rmq_name.h"
#include "rocketmq/server.h"

#define PRODUCE (1u << AUTHZ_PRODUCE)
#define CONSUME (1u << AUTHZ_CONSUME | 1u << AUTHZ_GET)
#define ADMIN                                                           \
	(1u << AUTHZ_CREATE | 1u << AUTHZ_UPDATE | 1u << AUTHZ_DELETE | \
	    1u << AUTHZ_GET | 1u << AUTHZ_LIST)
#define TRACE_TOPIC "RMQ_SYS_TRACE_TOPIC"

/* --- rules -------------------------------------------------------------------------- */

static void
rule(json_t *rules, const char *on, const char *match, struct str name,
    unsigned actions, bool deny)
{
	json_t *doing = json_array(), *r;
	unsigned i;
	char *key;

	for (i = 0; i < AUTHZ_ACTIONS_N; i++)
		if ((actions & 1u << i) != 0)
			AZ(json_array_append_new(
			    doing, json_string(authz_action_name(i))));
	r = json_pack("{s:s,s:s,s:s%,s:o,s:b}", "on", on, "match", match,
	    "name", name.len > 0 ? name.p : "", name.len, "do", doing, "deny",
	    deny);
	AN(r);
	key = mem_printf("%u", (unsigned)json_object_size(rules));
	AZ(json_object_set_new(rules, key, r));
	mem_free(key);
}

static unsigned
actions_of(unsigned perm)
{
	return ((perm & PLAIN_PUB) != 0 ? PRODUCE : 0) |
	    ((perm & PLAIN_SUB) != 0 ? CONSUME : 0);
}

/* Names of the file, as authorization calls them; those that are none are nobody's. */
static void
grant(const struct rmq *rm, json_t *rules, const struct plain_account *a,
    const struct plain_grant *g, bool topic)
{
	size_t at = topic ? rmq_name_group_at(g->name) : 0;
	unsigned may = actions_of(g->perm), not ;
	struct str name = g->name;
	char *full;

	if (at > 0) {
		name = (struct str){ name.p + at, name.len - at };
		topic = false;
	} else if (topic && str_eq(name, STR_LIT(TRACE_TOPIC)))
		may |= PRODUCE;
	if (rmq_topic_full(rm, name, &full) != ERR_OK)
		return;
	name = authz_topic(str_of(full));
	/* this instead of the default, not besides */
	not = (PRODUCE | CONSUME) & ~may;
	if (a->admin)
		not &= ~(1u << AUTHZ_GET);
	rule(rules, topic ? "topic" : "group", "literal", name, may, false);
	rule(rules, topic ? "topic" : "group", "literal", name, not, true);
	mem_free(full);
}

static json_t *
role(const struct rmq *rm, const struct plain_account *a)
{
	static const struct plain_grant trace = { STR_LIT(TRACE_TOPIC),
		PLAIN_PUB };
	json_t *rules = json_object();
	unsigned i;

	if (a->admin && a->topics_n + a->groups_n == 0)
		return json_pack("{s:b,s:o}", "super", 1, "rules", rules);
	if (a->admin)
		rule(rules, "any", "any", STR_NONE, ADMIN, false);
	rule(rules, "cluster", "any", STR_NONE,
	    1u << AUTHZ_GET | 1u << AUTHZ_LIST, false);
	rule(rules, "topic", "any", STR_NONE,
	    1u << AUTHZ_LIST | actions_of(a->topic_perm), false);
	rule(rules, "group", "any", STR_NONE,
	    1u << AUTHZ_LIST | actions_of(a->group_perm), false);
	for (i = 0; i < a->topics_n; i++)
		grant(rm, rules, a, &a->topics[i], true);
	for (i = 0; i < a->groups_n; i++)
		grant(rm, rules, a, &a->groups[i], false);
	for (i = 0; i < a->topics_n; i++)
		if (str_eq(a->topics[i].name, trace.name))
			break;
	if (i == a->topics_n && (a->topic_perm & PLAIN_PUB) == 0) {
		struct plain_grant g = trace;

		g.perm |= a->topic_perm;
		grant(rm, rules, a, &g, true);
	}
	return json_pack("{s:o}", "rules", rules);
}

json_t *
plain_roles(const struct rmq *rm, const struct plain_set *ps)
{
	const struct plain_account *a;
	const struct plain_acl *pa;
	json_t *all = json_object();
	unsigned i, k;

	for (k = 0; k < plain_set_n(ps); k++) {
		pa = plain_set_file(ps, k);
		for (i = 0; i < plain_acl_n(pa); i++) {
			a = plain_acl_at(pa, i);
			AZ(json_object_setn_new(
			    all, a->key.p, a->key.len, role(rm, a)));
		}
	}
	return all;
}

/* --- who ----------------------------------------------------------------------------- */

bool
plain_is_exempt(const struct rmq *rm, struct str key, struct str ip)
{
	const struct plain_account *a;

	if (rm->plain == NULL)
		return false;
	if (plain_set_is_white(rm->plain, ip))
		return true;
	a = key.len > 0 ? plain_set_account(rm->plain, key) : NULL;
	return a != NULL && white_has(&a->white, ip);
}

/* --- the files ------------------------------------------------------------------------ */

uint64_t
rmq_plain_next(struct rmq *rm)
{
	CHECK_OBJ_NOTNULL(rm, RMQ_MAGIC);
	AZ(rm->router->shard);
	return ++rm->plain_last;
}

void
rmq_plain_set(struct rmq *rm, uint64_t number, struct str text)
{
	struct plain_set *ps;
	json_t *roles;

	CHECK_OBJ_NOTNULL(rm, RMQ_MAGIC);
	/* changes of different shards overtake each other */
	if (number <= rm->plain_number)
		return;
	AZ(plain_set_parse(&ps, text, NULL));
	rm->plain_number = number;
	if (rm->plain != NULL)
		plain_set_free(&rm->plain);
	rm->plain = ps;
	roles = plain_roles(rm, ps);
	authz_set_roles(rm->router->core, roles);
	json_decref(roles);
}
