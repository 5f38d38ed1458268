/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authz.h - who may do what: the one authorization of all front-ends.
 *
 * A role is whoever was authenticated: Pulsar's role, RocketMQ's user or access
 * key. What it may do is told by
 *
 *	super users	of the configuration, or whose record says so
 *	tenants		adminRoles of the tenant's document
 *	namespaces	auth_policies of the namespace's document: Pulsar's grants, for
 *			all of its topics or one, and which roles a subscription is for
 *	roles		rules of the role's own record (META_ROLE), or of the
 *			configuration (authz_set_roles): RocketMQ's ACL, which may
 *			also deny
 *
 * A super user may everything, an admin of a tenant everything inside of it. For
 * others the rules that fit decide, the closest first: a role's own rules before
 * its default ones, a kind before any kind, a name before a beginning of it, the
 * longer beginning before the shorter, any name last; among equals one that denies.
 * A grant of a topic counts as its name, one of a namespace as a beginning. What
 * nothing fits is not allowed. The topic of a group's retries or dead letters is the
 * group's: of rules those for the group fit, and who may consume may produce, too; of
 * grants those for the topic. (RocketMQ's order: AclAuthorizationHandler of
 * rocketmq-auth; Pulsar's grants only ever allow, so that any order gives its
 * answer.)
 *
 * Each core keeps all of it in memory, read at the start (authz_load) and again,
 * record by record, when one changes (OP_AUTHZ_REFRESH goes to every shard before
 * the change is answered). FX_AUTHZ_CHANGED then tells the shard's front-ends, which
 * look again at whom they have let in. authz_version() grows with each change, so
 * that an answer may be kept until then.
 *
 * Documents. A role's: {"super": bool, "enabled": bool, "rules": {KEY: RULE}, and
 * what front-ends keep there}. A RULE: {"on": "any|cluster|namespace|topic|group",
 * "match": "any|prefix|literal", "name": as struct authz_ask has it, "do":
 * [actions], "deny": bool, "default": bool, "from": [blocks of addresses]}; KEY is
 * whatever the writer finds it by. Of what can't be read of a rule nothing is
 * allowed, and everything denied. Changes are merge patches (RFC 7386), OP_ROLE_PATCH
 * and OP_NS_PATCH, carried out one after another by shard 0.
 *
 * Threads: a shard's own. Memory: what is returned is the authz's and stands until
 * its next change.
 */
#ifndef CORE_AUTHZ_H
#define CORE_AUTHZ_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct core;
struct meta;
struct authz;

enum authz_kind {
	AUTHZ_ANY_KIND, /* of rules only */
	AUTHZ_CLUSTER, /* name: the cluster's */
	AUTHZ_NAMESPACE, /* tenant/ns */
	/* tenant/ns/topic, with its partition where that is asked for; of topics that
	 * are not persistent the full name, of which no rule with a name is */
	AUTHZ_TOPIC,
	AUTHZ_GROUP, /* tenant/ns/group; a subscription is one */
	AUTHZ_KINDS_N
};

enum authz_action {
	AUTHZ_PRODUCE,
	AUTHZ_CONSUME,
	AUTHZ_FUNCTIONS,
	AUTHZ_SOURCES,
	AUTHZ_SINKS,
	AUTHZ_PACKAGES,
	AUTHZ_CREATE,
	AUTHZ_UPDATE,
	AUTHZ_DELETE,
	AUTHZ_GET,
	AUTHZ_LIST,
	AUTHZ_ACTIONS_N
};
/* "produce"; NULL after the last one */
const char *authz_action_name(unsigned);
/* AUTHZ_ACTIONS_N: no such action */
enum authz_action authz_action_of(struct str);

struct authz_conf {
	const char *super; /* superUserRoles, by commas */
	const char *proxies; /* proxyRoles, by commas */
	/* authorizationAllowWildcardsMatching: a grant to "app-*" or "*-app" */
	bool wildcards;
};

struct authz_ask {
	struct str role;
	enum authz_kind kind;
	struct str name;
	enum authz_action action;
	struct str from; /* IP address of who asks; empty: unknown */
};

enum authz_answer {
	AUTHZ_ALLOWED,
	AUTHZ_DENIED, /* a rule says so */
	AUTHZ_UNSAID /* no rule fits: not allowed */
};

enum authz_sub {
	AUTHZ_SUB_OPEN, /* for whoever may consume */
	AUTHZ_SUB_OTHERS, /* other roles have it for themselves */
	/* subscription_auth_mode is Prefix, and its name doesn't begin with the role's */
	AUTHZ_SUB_PREFIX,
	AUTHZ_SUB_DENIED /* a rule keeps the role from the group of that name */
};

struct authz *authz_of(struct core *);
uint64_t authz_version(const struct authz *);

enum authz_answer authz_ask(const struct authz *, const struct authz_ask *);
bool authz_is_super(const struct authz *, struct str role);
bool authz_is_proxy(const struct authz *, struct str role);
/* super users are */
bool authz_is_tenant_admin(
    const struct authz *, struct str role, struct str tenant);
/* May the role use this subscription, if it may consume from the topic: what does its
 * namespace say of it, and do rules deny the group? Those that are super users or
 * admins of the tenant always may. */
enum authz_sub authz_ask_sub(const struct authz *, struct str role,
    struct str from, struct str ns, struct str sub);
/* What a topic's full name is in questions; it lies in it. */
struct str authz_topic(struct str full);
/* tenant/ns of a name in questions; empty where it is in none. */
struct str authz_ns_of(enum authz_kind, struct str name);

/* The role's document, NULL: it has none. */
const json_t *authz_role(const struct authz *, struct str role);
/* All roles that have a record, in no order: starts with *it 0, NULL at the end. */
const json_t *authz_role_next(
    const struct authz *, size_t *it, struct str *role);
/* Access keys of a role beside its name, in the member "keys" of its document: {"ID":
 * {"secret": sealed, "enabled": bool, "created": ms}}; at most AUTHZ_KEYS_MAX, each made and
 * retired alone (OP_ROLE_KEY). The key's document and whose it is; NULL: nobody's. A role of
 * that name goes before. */
#define AUTHZ_KEYS_MAX 16u
const json_t *authz_key(const struct authz *, struct str id, struct str *role);
/* Of whom an access key speaks: itself, unless it is a key of a role. */
struct str authz_whose(const struct authz *, struct str access_key);
/* Has any namespace granted it something, or kept a subscription for it, or a tenant named
 * it as its admin? */
bool authz_has_grants(const struct authz *, struct str role);

/* --- the core's and the broker's side ---------------------------------------- */

/* Super users and so on; live. */
void authz_set_conf(struct core *, const struct authz_conf *);
/* Roles that the configuration tells of: {name: document}. Until the next call they stand
 * before records of the same name, which stay as they are; live. */
void authz_set_roles(struct core *, const json_t *);
/* Reads everything, blocking; before the loop runs. */
enum err authz_load(struct core *) MUST_CHECK;

#endif
