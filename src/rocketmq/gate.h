/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - may this request be carried out? Who sent it, by its signature over the raw
 * fields and body (auth/rmq_sign.h), and whether that user may do what the request needs
 * (tbl/need.h). Refusals are NO_PERMISSION with the remarks of the reference's
 * rocketmq-auth 5.5.0.
 *
 * With aclEnable users are the accounts of plain_acl.yml (plain.h), and refusals are what
 * rocketmq-acl 4.9.8 throws, as SYSTEM_ERROR; authenticationEnabled and
 * authorizationEnabled are Pulsar's alone then. Else everything passes while
 * authenticationEnabled is off (signatures are not looked at), every user while
 * authorizationEnabled is. Codes of authenticationWhitelist pass
 * unsigned. Answers to our own requests aren't signed.
 *
 * A topic that holds retries or dead letters of a group needs what is needed of the
 * group. What a session was allowed is kept until authorization changes, so that a
 * request costs its signature.
 *
 * Threads: the shard's.
 */
#ifndef ROCKETMQ_GATE_H
#define ROCKETMQ_GATE_H

#include <stdbool.h>

#include "core/authz.h"
#include "rocketmq/rmq_priv.h"

/* Before a request of a session that has not shown a good signature: true: its address
 * has failed too often (auth/throttle.h), and the request comes again. */
bool rmq_gate_waits(struct rmq_session *, const struct rmq_req *);
/* The role that signed it, as far as the gate has asked; empty: it says none. Borrowed, of
 * the request or until authorization changes. */
struct str rmq_asker(const struct rmq_session *, const struct rmq_req *);
/* False: answered. */
bool rmq_gate_pass(struct rmq_session *, const struct rmq_req *);
/* Of a message that a request names by its offset: may the user, the AccessKey of the
 * request, do this with the topic that it was found in? False: answered. */
bool rmq_gate_found(struct rmq_session *, const struct rmq_ref *,
    struct str user, struct str full_topic, enum authz_action);
/* Of a message for a light queue of that name, whose own topic was asked for: that is
 * enough, as in the reference, unless a rule keeps the user from sending to the queue.
 * False: answered. */
bool rmq_gate_light(
    struct rmq_session *, const struct rmq_req *, struct str name);
/* The table has a line for each request. */
void rmq_gate_check(void);

#endif
