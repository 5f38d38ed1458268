/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stat.h - how many messages came and went, by topic and by group, over the last
 * minute, hour and day: what VIEW_BROKER_STATS_DATA tells. Each shard counts what
 * passes its sessions; the asker sums.
 *
 * A statistic is sampled every 10 s, 10 minutes and hour; a window is the
 * difference between its newest and oldest sample. One that nothing happened to
 * for a day goes. Counting allocates only when a statistic is new.
 */
#ifndef ROCKETMQ_STAT_H
#define ROCKETMQ_STAT_H

#include "rocketmq/rmq_priv.h"

void rmq_stats_init(struct rmq *);
void rmq_stats_fini(struct rmq *);
void rmq_stats_tick(struct rmq *); /* each second */

struct rmq_counted {
	int64_t messages, bytes, times;
};

/* Messages of a topic were stored. */
void rmq_stat_put(struct rmq *, const char *topic, const struct rmq_counted *);
/* A group was given messages of a topic; who: "topic@group" */
void rmq_stat_get(struct rmq *, const char *who, const struct rmq_counted *);

#endif
