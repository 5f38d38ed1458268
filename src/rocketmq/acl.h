/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl.h - ACL 2.0 (RIP-77) as it is told on the wire, and as rules of a role's document
 * (core/authz.h): one for each policy type and resource, under the key "Custom Topic:T".
 * What was told stands in the rule's member "acl", and is told back as it was.
 *
 *	"*"		any kind, any name
 *	"Topic:*"	any topic; "Topic:T*" names that begin so; "Topic:T"
 *	Cluster, Namespace, Topic, Group
 *
 * Names of topics and groups are those of tenant/ns/T. Pure; any thread.
 */
#ifndef ROCKETMQ_ACL_H
#define ROCKETMQ_ACL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"
#include "rocketmq/json_body.h"
#include "rocketmq/jw.h"

struct rmq;

/* The policies of an AclInfo into an object of rules; NULL: the reference's text of what
 * is wrong with them is in *why. */
json_t *acl_rules_read(
    const struct rmq *, const struct jval *policies, const char **why);
/* "Custom Topic:T"; type may be empty: Custom. mem_free it. */
char *acl_key(struct str type, struct str resource);
/* An AclInfo of the role's rules; only resources that have filter in them (empty: all).
 * False: there are none, nothing was written. */
bool acl_write(
    struct jw *, struct str role, const json_t *doc, struct str filter);

#endif
