/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The histograms of the process: HISTO(name, "exported name", "help", scale,
 * bounds...). What is counted is a number of units of which `scale` make one of
 * those that are shown; the bounds, in what is counted, each include themselves,
 * and what is above the last one has a bucket of its own.
 *
 * Names and bounds are those of RocketMQ 5.5.0's exporter (BrokerMetricsManager,
 * RemotingMetricsManager, DefaultStoreMetricsManager).
 */

#define KIB UINT64_C(1024)
#define MS UINT64_C(1000000) /* counted in ns */
#define S UINT64_C(1000) /* counted in ms */

HISTO(RMQ_MESSAGE_SIZE, "rocketmq_message_size",
    "Bytes of messages that RocketMQ's clients sent, as they are stored", 1,
    KIB, 4 * KIB, 512 * KIB, 1024 * KIB, 2048 * KIB, 4096 * KIB)
HISTO(RMQ_RPC, "rocketmq_rpc_latency_milliseconds",
    "From a request of RocketMQ's to its answer", 1000000,
    1 * MS, 3 * MS, 5 * MS, 7 * MS, 10 * MS, 100 * MS, 1000 * MS, 2000 * MS,
    3000 * MS)
/* seconds, as there, whatever the name says */
HISTO(RMQ_FINISH, "rocketmq_finish_message_latency_milliseconds",
    "From the birth of a half message to its commit", 1000,
    5 * S, 60 * S, 600 * S, 3600 * S, 43200 * S, 86400 * S)
HISTO(RMQ_DELAY, "rocketmq_delay_message_latency_seconds",
    "For how long messages are delayed", 1000,
    60 * S, 600 * S, 3600 * S, 43200 * S, 86400 * S, 259200 * S)

#undef KIB
#undef MS
#undef S
