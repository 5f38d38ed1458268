/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim.h - a group that is being read by RocketMQ's clients keeps other
 * protocols' consumers off the subscription of its name (core's OP_CURSOR_CLAIM):
 * both move one cursor, so it is handed over and not interleaved. Members that pop
 * let consumers of type Shared in.
 *
 * The group's shard holds a claim for each topic that its members subscribed to,
 * on all of its queues; not of those that broadcast, who have no cursor here. It
 * is said again while it lasts, sooner where it was refused because such consumers
 * are connected: until they have gone the members' pulls are refused (OP_READ_AT).
 */
#ifndef ROCKETMQ_CLAIM_H
#define ROCKETMQ_CLAIM_H

#include "rocketmq/group.h"

/* The members are these now, as the group tells them (may be none). */
void rmq_claims_update(struct rmq_group *, const struct rmq_interests *all);
/* Says again what is due. */
void rmq_claims_tick(struct rmq_group *, int64_t now_ns);
/* Memory only: what was said is over by itself. */
void rmq_claims_free(struct rmq_group *);

#endif
