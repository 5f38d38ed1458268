/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of the process: METRIC(name, type, "exported name", "help")
 *
 * COUNTER only goes up; GAUGE goes both ways. Per shard, summed on scrape.
 * Numbers of one topic, subscription or connection are kept in that object,
 * not here.
 */

METRIC(CONN_OPENED, COUNTER, "magnetar_connections_opened_total",
    "Connections accepted")
METRIC(CONN_CLOSED, COUNTER, "magnetar_connections_closed_total",
    "Connections closed, for whatever reason")
METRIC(CONN_REFUSED, COUNTER, "magnetar_connections_refused_total",
    "Connections closed at once because a limit was reached")
METRIC(CONN_ACTIVE, GAUGE, "magnetar_connections_active",
    "Connections open now")
METRIC(BYTES_IN, COUNTER, "magnetar_network_in_bytes_total",
    "Bytes read from connections")
METRIC(BYTES_OUT, COUNTER, "magnetar_network_out_bytes_total",
    "Bytes written to connections")
METRIC(PROTO_ERRORS, COUNTER, "magnetar_protocol_errors_total",
    "Connections closed because the peer broke the protocol")

METRIC(OPS_INLINE, COUNTER, "magnetar_ops_inline_total",
    "Operations for a topic of the caller's own shard")
METRIC(OPS_SENT, COUNTER, "magnetar_ops_sent_total",
    "Operations sent to another shard")
METRIC(MBOX_WAKEUPS, COUNTER, "magnetar_mailbox_wakeups_total",
    "Wake-ups of a shard by its mailbox")
METRIC(MBOX_BATCHES, COUNTER, "magnetar_mailbox_batches_total",
    "Batches drained from mailboxes")

METRIC(PUB_ENTRIES, COUNTER, "magnetar_publish_entries_total",
    "Entries published and stored")
METRIC(PUB_MSGS, COUNTER, "magnetar_publish_messages_total",
    "Messages published and stored")
METRIC(PUB_BYTES, COUNTER, "magnetar_publish_bytes_total",
    "Bytes of entries published and stored")
METRIC(PUB_FAILED, COUNTER, "magnetar_publish_failed_total",
    "Entries refused with an error")
METRIC(PUB_DUPLICATES, COUNTER, "magnetar_publish_duplicates_total",
    "Entries recognised as sent before")
METRIC(NONPERSISTENT_DROPPED, COUNTER, "magnetar_nonpersistent_dropped_total",
    "Messages of non-persistent topics that no consumer could take")
METRIC(DISP_ENTRIES, COUNTER, "magnetar_dispatch_entries_total",
    "Entries sent to consumers")
METRIC(DISP_MSGS, COUNTER, "magnetar_dispatch_messages_total",
    "Messages sent to consumers")
METRIC(DISP_BYTES, COUNTER, "magnetar_dispatch_bytes_total",
    "Bytes of entries sent to consumers")
METRIC(REDELIVERED, COUNTER, "magnetar_redelivered_messages_total",
    "Messages sent again")
METRIC(ACKS, COUNTER, "magnetar_acks_total", "Acknowledgements applied")

METRIC(LOG_GROUPS, COUNTER, "magnetar_log_groups_total",
    "Groups written to the log")
METRIC(LOG_BYTES, COUNTER, "magnetar_log_bytes_total",
    "Bytes written to the log, with padding")
METRIC(LOG_SYNCS, COUNTER, "magnetar_log_syncs_total",
    "Syncs of the log")
METRIC(LOG_WRITE_NS, COUNTER, "magnetar_log_write_nanoseconds_total",
    "Time spent writing and syncing the log")
METRIC(LOG_WRITE_ERRORS, COUNTER, "magnetar_log_write_errors_total",
    "Writes or syncs of the log that failed")
METRIC(LOG_CORRUPT, COUNTER, "magnetar_log_corrupt_total",
    "Groups or records found corrupt")
METRIC(SEG_ACTIVE, GAUGE, "magnetar_segments", "Segments that hold data")
METRIC(SEG_FREE, GAUGE, "magnetar_segments_free",
    "Segments ready to be used again")
METRIC(SEG_REWRITTEN, COUNTER, "magnetar_segments_rewritten_total",
    "Segments rewritten to free their space")
METRIC(READ_HOT, COUNTER, "magnetar_reads_cached_total",
    "Entries read from memory")
METRIC(READ_COLD, COUNTER, "magnetar_reads_disk_total",
    "Entries read from disk")
METRIC(META_COMMITS, COUNTER, "magnetar_metadata_commits_total",
    "Transactions committed to the metadata store")

METRIC(TOPICS, GAUGE, "magnetar_topics", "Topics that exist")
METRIC(TOPICS_LOADED, GAUGE, "magnetar_topics_loaded", "Topics in memory")
METRIC(SUBSCRIPTIONS, GAUGE, "magnetar_subscriptions", "Subscriptions")
METRIC(PRODUCERS, GAUGE, "magnetar_producers", "Producers connected")
METRIC(CONSUMERS, GAUGE, "magnetar_consumers", "Consumers connected")
METRIC(LOOKUPS, COUNTER, "magnetar_lookups_total", "Lookups answered")
METRIC(HTTP_REQUESTS, COUNTER, "magnetar_http_requests_total",
    "HTTP requests answered")

#undef METRIC
