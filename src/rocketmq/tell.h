/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tell.h - who carries out what front-ends tell all shards (enum rmq_tell of
 * job.h). Each runs on the shard that is told.
 */
#ifndef ROCKETMQ_TELL_H
#define ROCKETMQ_TELL_H

#include "rocketmq/job.h"

rmq_tell_f rmq_topic_told, rmq_gconf_told, rmq_wiped_told, rmq_conf_told,
    rmq_producers_told, rmq_subscribers_told, rmq_sub_told, rmq_reset_told,
    rmq_reset_told_done, rmq_counters_told, rmq_tps_told, rmq_members_told,
    rmq_stats_told, rmq_plain_change_told, rmq_plain_told;

/* group.c gives the messages of both directions here */
void rmq_tell_came(struct rmq *, const struct rmq_msg *);
void rmq_told_came(struct rmq *, struct rmq_msg *);

#endif
