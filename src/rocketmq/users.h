/* SPDX-License-Identifier: Apache-2.0 */
/*
 * users.h - users of RocketMQ: roles whose document (core/authz.h) has a secret, sealed
 * (auth/secret.h) under the role's name. The access key of a request is the name, the
 * secret key what signs it; or it is one of the role's other access keys (authz_key), whose
 * secret is sealed under its own. Who asks is the role in any case (rmq_asker). Keys
 * are unsealed when they are first used and kept until authorization changes. With
 * aclEnable they are the accounts of plain_acl.yml (plain.h).
 *
 * Members of the document that are this front-end's: "secret" (sealed), "user" {"type":
 * "Super"|"Normal"}; "super", "enabled" and "rules" are core/authz.h's.
 *
 * Threads: the shard's.
 */
#ifndef ROCKETMQ_USERS_H
#define ROCKETMQ_USERS_H

#include <stdbool.h>

#include "base/str.h"

struct rmq;
struct rmq_sign_key;
struct rmq_users;

enum rmq_user_state {
	RMQ_USER_THERE,
	RMQ_USER_NONE,
	RMQ_USER_DISABLED,
	RMQ_USER_NO_SECRET /* it has none, or none that opens */
};

struct rmq_users *rmq_users_new(struct rmq *);
void rmq_users_free(struct rmq_users **);
/* *key is borrowed, until the next change. */
enum rmq_user_state rmq_user_get(
    struct rmq_users *, struct str name, struct rmq_sign_key **key);

#endif
