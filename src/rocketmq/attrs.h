/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attrs.h - attributes of topics and groups and how an admin changes them:
 * "+key=value,-key". What is kept is "key=value,key=value". Pure functions.
 */
#ifndef ROCKETMQ_ATTRS_H
#define ROCKETMQ_ATTRS_H

#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

#define ATTRS_DIAG 256
#define ATTRS_MAX 64u

struct attr_kind {
	const char *key;
	bool fixed; /* can't be changed once the thing is there */
	const char *const *values; /* NULL-terminated; NULL: a number */
	int64_t min, max; /* of a number */
};
/* of topics and of groups; ended by a key that is NULL */
extern const struct attr_kind rmq_topic_attrs[], rmq_group_attrs[];

/*
 * What `current` is after `changes`, into out; fresh: the thing is being made.
 * ERR_INVALID_ARG: diag says why, in the reference's words.
 */
enum err rmq_attrs_alter(const struct attr_kind *, bool fresh,
    struct str current, struct str changes, struct strbuf *out,
    char diag[static ATTRS_DIAG]) MUST_CHECK;
/* The value of key in "key=value,..."; STR_NONE: none. */
struct str rmq_attrs_get(struct str attrs, struct str key);
/* The first pair of *rest, which then is behind it; false at the end */
bool rmq_attrs_next(struct str *rest, struct str *key, struct str *value);

#endif
