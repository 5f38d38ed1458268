/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /metrics tells under the names of RocketMQ's RIP-46:
 * RIP_TOPIC(name, type, help, value of `const struct rip_topic *t`)
 * RIP_GROUP(name, type, help, value of `const struct rip_group *g`)
 * RIP_BROKER(name, type, help, enum metric without M_)
 * doc/rocketmq-metrics.md says which of the others have no meaning here, and why.
 */

#ifdef RIP_TOPIC
RIP_TOPIC("rocketmq_messages_in_total", COUNTER,
    "Messages stored", t->in_messages)
RIP_TOPIC("rocketmq_throughput_in_total", COUNTER,
    "Bytes of them, as they are stored", t->in_bytes)
RIP_TOPIC("rocketmq_messages_out_total", COUNTER,
    "Messages given to consumers of either protocol", t->out_messages)
RIP_TOPIC("rocketmq_throughput_out_total", COUNTER,
    "Bytes of them, as they are stored", t->out_bytes)
#undef RIP_TOPIC
#endif

#ifdef RIP_GROUP
RIP_GROUP("rocketmq_consumer_lag_messages", GAUGE,
    "Messages that the group has not acknowledged", g->lag)
RIP_GROUP("rocketmq_consumer_ready_messages", GAUGE,
    "Those of them that are not in flight", g->lag - g->inflight)
RIP_GROUP("rocketmq_consumer_inflight_messages", GAUGE,
    "Those of them that were popped, or are at a consumer of Pulsar's; what who "
    "pulls has not committed is not known", g->inflight)
#undef RIP_GROUP
#endif

#ifdef RIP_BROKER
RIP_BROKER("rocketmq_broker_permission", GAUGE,
    "4 read, 2 write, 6 both", RMQ_PERMISSION)
RIP_BROKER("rocketmq_producer_connections", GAUGE,
    "Producers: groups of each connection", RMQ_PRODUCERS)
RIP_BROKER("rocketmq_consumer_connections", GAUGE,
    "Consumers: groups of each connection", RMQ_CONSUMERS)
RIP_BROKER("rocketmq_commit_messages_total", COUNTER,
    "Transactions committed", RMQ_COMMITTED)
RIP_BROKER("rocketmq_rollback_messages_total", COUNTER,
    "Transactions rolled back", RMQ_ROLLED_BACK)
RIP_BROKER("rocketmq_send_to_dlq_messages_total", COUNTER,
    "Messages that became dead letters", RMQ_DEAD)
RIP_BROKER("rocketmq_storage_size_bytes", GAUGE,
    "Bytes of the log's segments that hold data", SEG_BYTES)
#undef RIP_BROKER
#endif
