/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of the process: METRIC(name, type, "exported name", "help"), and
 * METRIC_OF(name, type, "exported name", "label", "help"), one of several that
 * share a name and stand one after another, told apart by label: key="value".
 *
 * COUNTER only goes up; GAUGE goes both ways. Per shard, summed on scrape.
 * Numbers of one topic, subscription or connection are kept in that object,
 * not here.
 */

METRIC(CONN_OPENED, COUNTER, "magnetar_connections_opened_total",
    "Connections accepted")
#define CLOSE(name, counter, is_error, text)                                \
	METRIC_OF(CLOSED_##name, COUNTER, "magnetar_connections_closed_total", \
	    "reason=\"" #counter "\"", "Connections closed, by reason")
#include "base/tbl/close.h"
METRIC(CONN_REFUSED, COUNTER, "magnetar_connections_refused_total",
    "Connections closed at once because a limit was reached")
METRIC(CONN_ACTIVE, GAUGE, "magnetar_connections_active",
    "Connections open now")
METRIC(CONN_MOVED, COUNTER, "magnetar_connections_moved_total",
    "Connections that went to the shard of their first topic")
METRIC(TLS_HANDSHAKES, COUNTER, "magnetar_tls_handshakes_total",
    "Connections whose TLS handshake was done")
METRIC(BYTES_IN, COUNTER, "magnetar_network_in_bytes_total",
    "Bytes read from connections")
METRIC(BYTES_OUT, COUNTER, "magnetar_network_out_bytes_total",
    "Bytes written to connections")
METRIC(AUTH_FAILED, COUNTER, "magnetar_authentication_failures_total",
    "Clients that were refused for what they said of themselves")
METRIC(AUTH_SLOWED, COUNTER, "magnetar_authentication_delayed_total",
    "Logins that had to wait, or were refused unseen, because their address had "
    "failed too often")
METRIC(AUDIT_WRITTEN, COUNTER, "magnetar_audit_lines_total",
    "Lines written to the audit log")
METRIC(AUDIT_DROPPED, COUNTER, "magnetar_audit_dropped_total",
    "Lines of the audit log that were not written: more refusals a second than it "
    "takes, the queue was full, or the file can't be written")
METRIC(PROTO_ERRORS, COUNTER, "magnetar_protocol_errors_total",
    "Connections closed because the peer broke the protocol")

METRIC(OPS_SENT, COUNTER, "magnetar_ops_sent_total",
    "Operations sent to another shard")
METRIC(FX_SENT, COUNTER, "magnetar_effects_sent_total",
    "Effects of operations sent to another shard")

METRIC(PUB_ENTRIES, COUNTER, "magnetar_publish_entries_total",
    "Entries that producers sent and that were not refused at once")
METRIC(PUB_MSGS, COUNTER, "magnetar_publish_messages_total",
    "Messages in them")
METRIC(PUB_BYTES, COUNTER, "magnetar_publish_bytes_total",
    "Bytes of them")
METRIC(RMQ_THROTTLED, COUNTER, "magnetar_rocketmq_sends_throttled_total",
    "Sends of RocketMQ's that were refused for the rate of their topic")
METRIC(DISP_ENTRIES, COUNTER, "magnetar_dispatch_entries_total",
    "Entries sent to consumers")
METRIC(DISP_MSGS, COUNTER, "magnetar_dispatch_messages_total",
    "Messages sent to consumers")
METRIC(DISP_BYTES, COUNTER, "magnetar_dispatch_bytes_total",
    "Bytes of entries sent to consumers")

METRIC(CONVERT_TO_PULSAR, COUNTER, "magnetar_convert_to_pulsar_total",
    "RocketMQ's entries made into Pulsar's for a consumer")
METRIC(CONVERT_TO_ROCKETMQ, COUNTER, "magnetar_convert_to_rocketmq_total",
    "Pulsar's messages made into RocketMQ's for a consumer")
METRIC(CONVERT_PASSED, COUNTER, "magnetar_convert_passed_over_total",
    "Pulsar's messages that RocketMQ's consumers can't have: encrypted, chunked, "
    "left out by the compactor, too long, or damaged")
METRIC(CONVERT_CUT, COUNTER, "magnetar_convert_cut_total",
    "RocketMQ's entries whose body could not be inflated or was too long for "
    "Pulsar's consumers")
METRIC(CONVERT_TO_ZLIB, COUNTER, "magnetar_convert_to_zlib_total",
    "RocketMQ's messages in LZ4 or zstd made zlib for clients that know no other")
METRIC(CONVERT_ZLIB_FAILED, COUNTER, "magnetar_convert_to_zlib_failed_total",
    "Those that were sent as they are: they can't be inflated, or only to more "
    "than a frame holds")
METRIC(CONVERT_FAILED, COUNTER, "magnetar_convert_failed_total",
    "Entries that hold no record although RocketMQ's producers stored them")

METRIC(LOG_ENTRIES, COUNTER, "magnetar_log_entries_total",
    "Entries given to the log")
METRIC(LOG_ENTRY_BYTES, COUNTER, "magnetar_log_entry_bytes_total",
    "Bytes of entries given to the log")
METRIC(LOG_GROUPS, COUNTER, "magnetar_log_groups_total",
    "Groups written to the log")
METRIC(LOG_BYTES, COUNTER, "magnetar_log_bytes_total",
    "Bytes written to the log, with padding")
METRIC(LOG_SYNCS, COUNTER, "magnetar_log_syncs_total",
    "Syncs of the log")
METRIC(LOG_CORRUPT, COUNTER, "magnetar_log_corrupt_total",
    "Groups or records found corrupt")
METRIC(SEG_ACTIVE, GAUGE, "magnetar_segments", "Segments that hold data")
METRIC(SEG_BYTES, GAUGE, "magnetar_segments_bytes", "Bytes of them")
METRIC(SEG_FREE, GAUGE, "magnetar_segments_free",
    "Segments ready to be used again")
METRIC(PEEKS, COUNTER, "magnetar_reads_total",
    "Entries asked of the log")
METRIC(READ_COLD, COUNTER, "magnetar_reads_disk_total",
    "Entries read from disk")

METRIC(STAGED, GAUGE, "magnetar_staged",
    "Entries that are staged: delayed, half messages, what waits for a retry")
METRIC(STAGE_APPENDED, COUNTER, "magnetar_staged_appended_total",
    "Of them appended to their topic when they were due")
METRIC(STAGE_NOTIFIED, COUNTER, "magnetar_staged_notified_total",
    "Times that whoever staged one was told that it is due")
METRIC(STAGE_RESOLVED, COUNTER, "magnetar_staged_resolved_total",
    "Of them appended or dropped because somebody said so")
METRIC(STAGE_RECALLED, COUNTER, "magnetar_staged_recalled_total",
    "Of them taken back")
METRIC(STAGE_DROPPED, COUNTER, "magnetar_staged_dropped_total",
    "Of them dropped: their topic is gone or takes nothing any more")
METRIC(STAGE_PUT_OFF, COUNTER, "magnetar_staged_put_off_total",
    "Times that one was due and its topic could not be had")
METRIC(STAGE_LATE, MAX, "magnetar_staged_late_milliseconds",
    "The longest that one was appended after its time")

METRIC(PRODUCERS, GAUGE, "magnetar_producers", "Producers connected")
METRIC(CONSUMERS, GAUGE, "magnetar_consumers", "Consumers connected")
METRIC(LOOKUPS, COUNTER, "magnetar_lookups_total", "Lookups answered")
METRIC(RMQ_CLIENT_ID_TWICE, COUNTER, "magnetar_rocketmq_client_id_twice_total",
    "Connections of RocketMQ clients that joined a group under an id that "
    "another connection has there")
METRIC(RMQ_UNEQUAL, GAUGE, "magnetar_rocketmq_groups_unequal",
    "Consumer groups of RocketMQ's whose members don't all subscribe to the same")
METRIC(RMQ_PERMISSION, GAUGE, "magnetar_rocketmq_permission",
    "brokerPermission: 4 read, 2 write, 6 both")
METRIC(RMQ_PRODUCERS, GAUGE, "magnetar_rocketmq_producers",
    "Members of RocketMQ's producer groups")
METRIC(RMQ_CONSUMERS, GAUGE, "magnetar_rocketmq_consumers",
    "Members of RocketMQ's consumer groups")
METRIC(RMQ_COMMITTED, COUNTER, "magnetar_rocketmq_committed_total",
    "Half messages that were committed")
METRIC(RMQ_ROLLED_BACK, COUNTER, "magnetar_rocketmq_rolled_back_total",
    "Half messages that were rolled back")
METRIC(RMQ_DEAD, COUNTER, "magnetar_rocketmq_dead_letters_total",
    "Messages that went to a dead letter topic after their last retry")
METRIC(HTTP_REQUESTS, COUNTER, "magnetar_http_requests_total",
    "HTTP requests answered")

#undef METRIC
#undef METRIC_OF
