/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rmq_sign.h - signatures of RocketMQ's remoting requests, the same in ACL 1.0 and 2.0:
 * base64 of HMAC-SHA1 by the secret key over the values of all extension fields but
 * Signature, in the order of their names (Java's, by UTF-16 units), and then the body
 * (AclUtils.combineRequestContent, AclClientRPCHook). Of requests by clients up to 4.9.3
 * the field _UNIQUE_KEY_QUERY is left out as well (PlainAccessResource).
 *
 * Fields are those of the frame as they came: nothing may have been rewritten.
 * A key is the state of HMAC after its secret, so that a request costs what it signs.
 * Threads: any, one at a time per key, which is wiped with its end.
 */
#ifndef AUTH_RMQ_SIGN_H
#define AUTH_RMQ_SIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define RMQ_SIGN_FIELDS_MAX 64u
#define RMQ_SIGN_TEXT 28u /* base64 of a SHA1, without a NUL */

struct rmq_sign_key;

struct rmq_sign_field {
	struct str name, value;
};

struct rmq_sign_key *rmq_sign_key_new(struct str secret);
void rmq_sign_key_free(struct rmq_sign_key **);

/* n at most RMQ_SIGN_FIELDS_MAX. old: a client up to 4.9.3 (version 399). */
void rmq_sign(struct rmq_sign_key *, const struct rmq_sign_field *, unsigned n,
    struct str body, bool old, char out[RMQ_SIGN_TEXT]);
/* In constant time. */
bool rmq_sign_check(struct rmq_sign_key *, const struct rmq_sign_field *,
    unsigned n, struct str body, bool old, struct str signature);

#endif
