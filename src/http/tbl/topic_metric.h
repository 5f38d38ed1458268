/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /metrics tells of each topic and subscription, under Pulsar's names:
 * TOPIC_METRIC(name, value of `const struct topic_stats *t`)
 * SUB_METRIC(name, value of `const struct sub_stats *s`)
 * BROKER_METRIC(name, value of `const struct totals *b`)
 * Values are numbers; all are gauges, as Pulsar has them.
 */

#ifdef TOPIC_METRIC
TOPIC_METRIC("pulsar_subscriptions_count", t->subs_n)
TOPIC_METRIC("pulsar_producers_count", t->producers_n)
TOPIC_METRIC("pulsar_consumers_count", consumers_of(t))
TOPIC_METRIC("pulsar_rate_in", t->in.msg)
TOPIC_METRIC("pulsar_rate_out", t->out.msg)
TOPIC_METRIC("pulsar_throughput_in", t->in.bytes)
TOPIC_METRIC("pulsar_throughput_out", t->out.bytes)
TOPIC_METRIC("pulsar_average_msg_size", t->average_msg_bytes)
TOPIC_METRIC("pulsar_in_messages_total", t->in_messages)
TOPIC_METRIC("pulsar_in_bytes_total", t->in_bytes)
TOPIC_METRIC("pulsar_publish_rate_limit_times", t->throttled)
TOPIC_METRIC("pulsar_msg_backlog", backlog_of(t))
TOPIC_METRIC("pulsar_storage_size", t->storage_bytes)
TOPIC_METRIC("pulsar_storage_logical_size", t->storage_bytes)
TOPIC_METRIC("pulsar_storage_backlog_size", t->backlog_bytes)
#undef TOPIC_METRIC
#endif

#ifdef SUB_METRIC
SUB_METRIC("pulsar_subscription_back_log", s->backlog_entries)
SUB_METRIC("pulsar_subscription_back_log_no_delayed",
    s->backlog_entries > s->delayed ? s->backlog_entries - s->delayed : 0)
SUB_METRIC("pulsar_subscription_delayed", s->delayed)
SUB_METRIC("pulsar_subscription_in_replay", s->in_replay)
SUB_METRIC("pulsar_subscription_unacked_messages", s->unacked)
SUB_METRIC("pulsar_subscription_blocked_on_unacked_messages", s->blocked_unacked)
SUB_METRIC("pulsar_subscription_dispatch_throttled_msg_events",
    s->held_by_topic.msgs + s->held_by_sub.msgs)
SUB_METRIC("pulsar_subscription_dispatch_throttled_bytes_events",
    s->held_by_topic.bytes + s->held_by_sub.bytes)
SUB_METRIC("pulsar_subscription_msg_rate_out", s->out.msg)
SUB_METRIC("pulsar_subscription_msg_throughput_out", s->out.bytes)
SUB_METRIC("pulsar_subscription_msg_rate_redeliver", s->rate_redeliver)
SUB_METRIC("pulsar_subscription_msg_ack_rate", s->rate_ack)
SUB_METRIC("pulsar_subscription_msg_rate_expired", s->rate_expired)
SUB_METRIC("pulsar_subscription_total_msg_expired", s->expired)
SUB_METRIC("pulsar_subscription_msg_drop_rate", s->rate_drop)
SUB_METRIC("pulsar_subscription_consumers_count", s->consumers_n)
SUB_METRIC("pulsar_subscription_last_expire_timestamp", s->last_expire_ms)
SUB_METRIC("pulsar_subscription_last_acked_timestamp", s->last_acked_ms)
SUB_METRIC("pulsar_subscription_last_consumed_flow_timestamp", s->last_flow_ms)
SUB_METRIC("pulsar_subscription_last_consumed_timestamp", s->last_consumed_ms)
SUB_METRIC("pulsar_subscription_last_mark_delete_advanced_timestamp", s->last_advanced_ms)
SUB_METRIC("pulsar_out_messages_total", s->out_messages)
SUB_METRIC("pulsar_out_bytes_total", s->out_bytes)
#undef SUB_METRIC
#endif

#ifdef BROKER_METRIC
BROKER_METRIC("pulsar_broker_topics_count", b->topics)
BROKER_METRIC("pulsar_broker_subscriptions_count", b->subs)
BROKER_METRIC("pulsar_broker_producers_count", b->producers)
BROKER_METRIC("pulsar_broker_consumers_count", b->consumers)
BROKER_METRIC("pulsar_broker_rate_in", b->in.msg)
BROKER_METRIC("pulsar_broker_rate_out", b->out.msg)
BROKER_METRIC("pulsar_broker_throughput_in", b->in.bytes)
BROKER_METRIC("pulsar_broker_throughput_out", b->out.bytes)
BROKER_METRIC("pulsar_broker_in_bytes_total", b->in_bytes)
BROKER_METRIC("pulsar_broker_out_bytes_total", b->out_bytes)
BROKER_METRIC("pulsar_broker_msg_backlog", b->backlog)
BROKER_METRIC("pulsar_broker_storage_size", b->storage)
BROKER_METRIC("pulsar_broker_storage_logical_size", b->storage)
#undef BROKER_METRIC
#endif
