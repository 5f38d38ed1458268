/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's half of the hot commands: what the load generator and the tests
 * say to a broker and hear from it. The broker has no use for it.
 *
 * Encoders write whole frames (peer_send_encode: the head, the body follows) at
 * out, whose room is PEER_*_MAX, and return the length. Decoders are as those
 * of pulsar/hot.h.
 *
 * Any thread: no state.
 */
#ifndef PULSAR_PEER_H
#define PULSAR_PEER_H

#include "pulsar/hot.h"

#define PEER_SEND_MAX 128
#define PEER_FLOW_MAX 40
/* n ids without ack sets */
#define PEER_ACK_MAX(n) (64 + 48 * (size_t)(n))

struct peer_id {
	uint64_t ledger;
	uint64_t entry;
	int32_t partition; /* -1: none */
};

struct peer_receipt {
	uint64_t producer_id;
	uint64_t sequence_id;
	uint64_t highest_sequence_id;
	struct msgid id; /* raw is absent if none came */
};

struct peer_error {
	uint64_t producer_id;
	uint64_t sequence_id;
	uint32_t error; /* pp_ServerError */
	struct span text;
};

struct peer_message {
	uint64_t consumer_id;
	struct msgid id;
	uint32_t redelivery_count;
	uint64_t consumer_epoch;
	bool has_epoch;
	uint32_t ack_words_n;
	struct span raw;
};

struct peer_ack_response {
	uint64_t consumer_id;
	uint64_t request_id;
	int error; /* -1: it went well */
};

/* body_bytes: the length of the body that follows */
size_t peer_send_encode(
    uint8_t *out, const struct hot_send *send, size_t body_bytes);
size_t peer_flow_encode(uint8_t *out, const struct hot_flow *flow);
/* has_request_id false: no answer is wanted */
size_t peer_ack_encode(uint8_t *out, uint64_t consumer_id,
    enum hot_ack_type type, const struct peer_id *ids, size_t ids_n,
    bool has_request_id, uint64_t request_id);

enum err peer_receipt_decode(
    struct span cmd, struct peer_receipt *r) MUST_CHECK;
enum err peer_error_decode(struct span cmd, struct peer_error *e) MUST_CHECK;
enum err peer_message_decode(
    struct span cmd, struct peer_message *m) MUST_CHECK;
enum err peer_ack_response_decode(
    struct span cmd, struct peer_ack_response *r) MUST_CHECK;
/* as msgid_ack_set */
uint32_t peer_message_ack_set(
    const struct peer_message *m, uint64_t *words, uint32_t max_n);

#endif
