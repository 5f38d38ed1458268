/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats_json.h - a topic's figures as Pulsar's TopicStats and
 * PersistentTopicInternalStats write them. Members that stand for something
 * that is not here (transactions, offload, compaction, replication, backlog
 * quotas) have the value that Pulsar gives where it is not in use.
 */
#ifndef HTTP_STATS_JSON_H
#define HTTP_STATS_JSON_H

#include "http/http_priv.h"

/* Without the closing brace, so that members can follow. owner: this broker;
 * NULL for the sum over partitions. */
void stats_json_topic(
    struct strbuf *, const struct topic_stats *, const char *owner);
void stats_json_internal(struct strbuf *, const struct topic_stats *);

/* The sum over a partitioned topic's partitions: producers by name and
 * subscriptions by name with their consumers by name. Its strings and
 * properties are borrowed of the parts. */
struct topic_stats *stats_sum(struct fx **parts, unsigned n);
void stats_sum_free(struct topic_stats **);

#endif
