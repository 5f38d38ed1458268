/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain.h - ACL 1.0 (aclEnable): the accounts of plain_acl.yml and the files in the
 * directory acl beside it (auth/plain_set.h) as who sends a request, and as roles of authorization.
 *
 * An account is a role of the configuration (authz_set_roles): an administrator without
 * permissions of his own may everything; whoever has some may publish to topics with PUB,
 * consume with SUB from topics and by groups, others by the default; an administrator
 * besides make, change and remove what he likes. Everybody may read the cluster's state and
 * lists of names, and publish to the trace topic, which the reference asks nothing for. It
 * also asks nothing for what is neither sent, read nor configured by those that its tables
 * name: here tbl/need.h is asked for all of them.
 *
 * The files are read and written by shard 0: at a change (50, 51, 53) once more before one
 * is changed, so that what was edited meanwhile is in it; atomically, 0600. An account is
 * changed where it stands; a new one goes into plain_acl.yml. What they say then
 * goes to all shards, numbered, so that the newest stays, and is answered when all have it.
 * Every shard reads it for itself: nothing is shared.
 *
 * Threads: the shard's.
 */
#ifndef ROCKETMQ_PLAIN_H
#define ROCKETMQ_PLAIN_H

#include <jansson.h>
#include <stdbool.h>

#include "auth/plain_set.h"
#include "rocketmq/rmq_priv.h"

/* Documents of core/authz.h, {access key: document}; json_decref() it. */
json_t *plain_roles(const struct rmq *, const struct plain_set *);
/* Is everything allowed to him, by where he is? Access keys are taken at their word there. */
bool plain_is_exempt(const struct rmq *, struct str key, struct str ip);

#endif
