/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rip46.h - /metrics under the names that RocketMQ's own exporter has (RIP-46), of
 * topics that RocketMQ's clients can name: their queues are summed. A group's
 * figures are those of the subscription of that name.
 *
 * Made for one scrape and filled topic by topic. Shard's thread only.
 */
#ifndef HTTP_RIP46_H
#define HTTP_RIP46_H

#include "base/strbuf.h"
#include "core/name.h"
#include "core/stats.h"
#include "http/server.h"

struct rip46;

struct rip46 *rip46_new(const struct http_conf *);
void rip46_add(
    struct rip46 *, const struct topic_name *, const struct topic_stats *);
/* conf.rocketmq.cluster NULL: nothing, RocketMQ isn't served */
void rip46_text(const struct rip46 *, struct strbuf *);
void rip46_free(struct rip46 **);

#endif
