/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - requests of this protocol in the audit log (auth/audit.h): those that change
 * something which isn't messages or offsets (tbl/need.h: CREATE, UPDATE, DELETE), those
 * whose answer may have passwords in it, and all that the gate refuses.
 *
 * What changes something is noted at its session when the gate lets it pass, and written
 * when its answer is; a note of a session that ends first is written unanswered. "on"
 * is made of the fields and members that name something, never of other values.
 *
 * Threads: the shard's.
 */
#ifndef ROCKETMQ_AUDIT_H
#define ROCKETMQ_AUDIT_H

#include "rocketmq/rmq_priv.h"

/* It may be carried out. who: empty if nobody was asked. */
void rmq_audit_begin(
    struct rmq_session *, const struct rmq_req *, struct str who);
/* rmq_answer() is called for it. */
void rmq_audit_answered(
    struct rmq_session *, const struct rmq_ref *, int code, const char *remark);
/* The gate refuses it. q NULL: it isn't there any more; on empty: as q says. */
void rmq_audit_refused(struct rmq_session *, const struct rmq_ref *,
    const struct rmq_req *q, struct str who, struct str on, const char *why);
/* The session ends. */
void rmq_audit_forget(struct rmq_session *);

#endif
