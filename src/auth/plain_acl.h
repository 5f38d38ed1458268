/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain_acl.h - plain_acl.yml, the accounts of RocketMQ's ACL 1.0, with the rules and the
 * texts of PlainPermissionManager of rocketmq-acl 4.9.8:
 *
 *	globalWhiteRemoteAddresses: [addresses of white.h]
 *	accounts:
 *	- accessKey: more than six bytes, once in the file
 *	  secretKey: more than six bytes
 *	  whiteRemoteAddress: addresses from where its name is enough
 *	  admin: true | false
 *	  defaultTopicPerm: DENY | PUB | SUB | PUB|SUB | ANY
 *	  defaultGroupPerm: the same
 *	  topicPerms: [NAME=PERM]
 *	  groupPerms: [NAME=PERM]
 *	dataVersion: [{counter: N, timestamp: MS}], which a change counts up
 *
 * What is no permission is DENY; ANY, which the cloud's consoles write, is PUB|SUB. Members
 * that are not in this list stay as they are. An access key that stands there twice is an
 * error, where the reference takes the first one.
 *
 * Never changed: a change gives another one. Memory: what is returned is the file's.
 * Threads: any; json_t of one file are used by one thread at a time. No text of an error has
 * a secret in it. Wiped with its end as far as it is ours.
 */
#ifndef AUTH_PLAIN_ACL_H
#define AUTH_PLAIN_ACL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/white.h"
#include "base/err.h"
#include "base/str.h"

#define PLAIN_ACL_BYTES_MAX (1u << 20)
#define PLAIN_ACCOUNTS_MAX 10000u

enum plain_perm { /* bits; none: DENY */
	PLAIN_PUB = 1,
	PLAIN_SUB = 2
};

struct plain_grant {
	struct str name;
	unsigned perm;
};

struct plain_account {
	struct str key, secret;
	struct white white;
	bool admin;
	unsigned topic_perm, group_perm; /* of names without one */
	unsigned topics_n, groups_n;
	struct plain_grant *topics, *groups;
};

struct plain_acl;

/* Of an empty text: no accounts. ERR_INVALID_ARG. */
enum err plain_acl_read(
    struct plain_acl **, struct str yaml, struct diag *) MUST_CHECK;
void plain_acl_free(struct plain_acl **);
/* mem_free() it. ERR_TOO_BIG. */
enum err plain_acl_write(
    const struct plain_acl *, char **yaml, size_t *len) MUST_CHECK;

/* From these addresses everything is allowed. */
const struct white *plain_acl_white(const struct plain_acl *);
/* NULL: there is none */
const struct plain_account *plain_acl_account(
    const struct plain_acl *, struct str key);
unsigned plain_acl_n(const struct plain_acl *);
const struct plain_account *plain_acl_at(const struct plain_acl *, unsigned);
/* The whole file. */
const json_t *plain_acl_doc(const struct plain_acl *);
void plain_acl_version(
    const struct plain_acl *, int64_t *counter, int64_t *timestamp_ms);

/* Changes of the file: *next is what it is then, with another version. */
/* account: the members that are to be set, of an account that is there or is made. */
enum err plain_acl_put(const struct plain_acl *, const json_t *account,
    int64_t now_ms, struct plain_acl **next, struct diag *) MUST_CHECK;
/* ERR_NO_KEY */
enum err plain_acl_delete(const struct plain_acl *, struct str key,
    int64_t now_ms, struct plain_acl **next) MUST_CHECK;
/* addresses: array of texts */
enum err plain_acl_put_white(const struct plain_acl *, const json_t *addresses,
    int64_t now_ms, struct plain_acl **next, struct diag *) MUST_CHECK;

#endif
