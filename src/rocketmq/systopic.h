/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systopic.h - names that RocketMQ keeps for itself: topics that are there
 * without anybody having made them, and groups. A name of the table may hold the
 * cluster's or broker's name. Pure functions of the configuration.
 */
#ifndef ROCKETMQ_SYSTOPIC_H
#define ROCKETMQ_SYSTOPIC_H

#include "rocketmq/rmq_priv.h"

#define SYSTOPIC_NAME_MAX 160u

struct systopic {
	char name[SYSTOPIC_NAME_MAX];
	uint32_t queues, perm;
	/* it is among the topics; else only kept from others */
	bool listed;
};

unsigned systopic_count(void);
/* i below the count */
void systopic_at(const struct rmq_conf *, unsigned i, struct systopic *);
/* Nobody may make, change or delete it. */
bool systopic_is(const struct rmq_conf *, struct str name);
/* i-th group that is always there; NULL behind the last */
const char *sysgroup_at(unsigned i);
bool sysgroup_is(struct str group);

#endif
