/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of authorization share: authz.c (the answers), authz_read.c (from
 * documents), authz_ops.c (changes).
 */
#ifndef CORE_AUTHZ_PRIV_H
#define CORE_AUTHZ_PRIV_H

#include "base/cidr.h"
#include "base/map.h"
#include "core/authz.h"
#include "core/core_priv.h"

#define AUTHZ_ROLES_MAX (1u << 20)
#define AUTHZ_RULES_MAX 65536u /* of a role */

enum authz_match {
	MATCH_ANY,
	MATCH_PREFIX,
	MATCH_LITERAL
};

struct authz_rule {
	enum authz_kind kind;
	enum authz_match match;
	bool deny, dflt;
	uint32_t actions; /* bits of enum authz_action */
	struct str name; /* in the document */
	uint32_t from_n; /* 0: from anywhere */
	struct cidr *from;
};

/* The access key is in authz's table as long as its role is. */
struct authz_key {
	const struct authz_role *role;
	const char *id; /* in the document */
	json_t *doc;
};

struct authz_role {
	unsigned magic;
#define AUTHZ_ROLE_MAGIC 0xa4012001
	char *name;
	json_t *doc;
	bool super, disabled;
	uint32_t rules_n;
	struct authz_rule *rules;
	uint32_t keys_n;
	struct authz_key *keys;
};

/* Of a namespace: what one role may do with all topics of it, or one. */
struct authz_grant {
	struct str role; /* in the document */
	/* full name without its partition; empty: all */
	struct str topic;
	uint32_t actions;
};

struct authz_space {
	unsigned magic;
#define AUTHZ_SPACE_MAGIC 0xa4015ace
	char *ns;
	json_t *doc; /* of it auth_policies */
	bool prefix; /* subscription_auth_mode */
	uint32_t grants_n;
	struct authz_grant *grants;
};

struct authz_tenant {
	unsigned magic;
#define AUTHZ_TENANT_MAGIC 0xa4017e4a
	char *name;
	json_t *admins; /* array of texts */
};

typedef void authz_gone_f(void *priv);
/* A topic that waits for its grants to go. */
struct authz_gone {
	LIST_ENTRY(authz_gone) link;
	uint64_t seq;
	authz_gone_f *done;
	void *priv;
};

struct authz {
	unsigned magic;
#define AUTHZ_MAGIC 0xa4010001
	uint64_t version;
	bool wildcards;
	uint32_t super_n, proxies_n;
	char **super, **proxies;
	struct map roles, spaces, tenants;
	struct map given; /* roles of the configuration */
	struct map keys; /* of roles, by id -> struct authz_key */
	LIST_HEAD(, authz_gone) gone;
	uint64_t gone_seq;
	struct op_line line; /* patches that wait for the one under way */
	uint32_t line_n;
	bool busy; /* one is under way */
};

struct authz *authz_new(uint64_t seed);
void authz_free(struct authz **);
void authz_configure(struct authz *, const struct authz_conf *);
void authz_give(struct authz *, const json_t *roles);

/* The record with this key is now val, or gone (NULL); what can't be read is as if
 * it were gone. Other keys than those of roles, namespaces and tenants: nothing. Might an
 * answer be another one now? */
bool authz_apply(struct authz *, struct str key, struct str val);

/* authz_read.c. doc is the caller's. NULL: nothing in it matters. */
struct authz_role *authz_role_read(struct str name, struct str val);
void authz_role_free(struct authz_role **);
struct authz_space *authz_space_read(struct str ns, struct str val);
void authz_space_free(struct authz_space **);
struct authz_tenant *authz_tenant_read(struct str name, struct str val);
void authz_tenant_free(struct authz_tenant **);

/* Does somebody have grants of this one topic, or of a partition of it? */
bool authz_has_topic_grants(
    const struct authz *, struct str ns, struct str full);

/* authz_ops.c */
core_op_f authz_op;
/* A topic, or a partitioned one, was deleted: its grants go, by a patch on shard 0, and then
 * done is called, at once where there are none. Not of a partition. Grants that can't be
 * taken away stay. */
void authz_topic_gone(
    struct core *, const struct topic_name *, authz_gone_f *done, void *priv);
void authz_answered(struct core *, const struct fx *);
/* What a record of this prefix and name says now, as metadata answered. */
void authz_reread(struct core *, const char *prefix, struct str name, enum err,
    struct str val);

#endif
