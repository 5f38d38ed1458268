/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands and fields that come with every message, by hand: no nanopb, no
 * allocation, one pass. The rest is in pulsar/cmd.h, the client's half of these
 * commands in pulsar/peer.h.
 *
 * Decoders take the submessage (struct frame's cmd, or MessageMetadata's span)
 * and fill the whole struct; absent fields have the protocol's default. Spans
 * point into the input. ERR_MALFORMED: cut, malformed, or a required field is
 * missing. Values aren't judged: a negative count comes out as it was sent.
 *
 * Encoders write one whole frame (but for hot_message_encode: its head) at out
 * and return its length. Room is the caller's: HOT_*_MAX bytes.
 *
 * Any thread: no state.
 */
#ifndef PULSAR_HOT_H
#define PULSAR_HOT_H

#include "base/cdefs.h"
#include "base/err.h"
#include "format/pulsar_meta.h"

/* ---- message ids */

/*
 * Clients send an absent id as 2^64-1 and a reader's "earliest" as ledger and
 * entry of 2^64-1, "latest" as 2^63-1.
 */
struct msgid {
	uint64_t ledger;
	uint64_t entry;
	int32_t partition; /* -1: none */
	int32_t batch_index; /* -1: none */
	int32_t batch_size; /* 0: not sent */
	uint32_t ack_words_n; /* of the set of still unacked indexes */
	struct span first_chunk; /* another MessageIdData, or absent */
	struct span raw;
};

enum err msgid_decode(struct span in, struct msgid *id) MUST_CHECK;

/*
 * Copies the first max_n words of the id's ack_set, whose bit i of word i / 64
 * says that message i of the batch is still unacknowledged. Returns how many.
 */
uint32_t msgid_ack_set(const struct msgid *id, uint64_t *words, uint32_t max_n);

/* ---- from clients */

struct hot_send {
	uint64_t producer_id;
	uint64_t sequence_id;
	uint64_t highest_sequence_id; /* 0: not a batch of several */
	uint64_t txn_least;
	uint64_t txn_most;
	int32_t num_messages;
	bool has_txn;
	bool is_chunk;
	bool marker;
	struct span message_id; /* MessageIdData; shadow topics only */
};

enum err hot_send_decode(struct span cmd, struct hot_send *send) MUST_CHECK;

enum hot_ack_type {
	HOT_ACK_INDIVIDUAL = 0,
	HOT_ACK_CUMULATIVE = 1
};

struct hot_ack {
	uint64_t consumer_id;
	uint64_t request_id;
	uint64_t txn_least;
	uint64_t txn_most;
	uint32_t type; /* enum hot_ack_type, or what the peer made up */
	int32_t validation_error; /* -1: none */
	bool has_request_id;
	bool has_txn;
	struct span_rep ids; /* span_iter, then msgid_decode */
	struct span_rep properties; /* KeyLongValue */
};

enum err hot_ack_decode(struct span cmd, struct hot_ack *ack) MUST_CHECK;

struct hot_flow {
	uint64_t consumer_id;
	uint32_t permits_n;
};

enum err hot_flow_decode(struct span cmd, struct hot_flow *flow) MUST_CHECK;

/* ---- from the broker */

/* longer error texts are cut */
#define HOT_TEXT_MAX 1024

#define HOT_PING_MAX 16
#define HOT_SEND_RECEIPT_MAX 96
#define HOT_SUCCESS_MAX 32
#define HOT_ERROR_MAX (64 + HOT_TEXT_MAX)
#define HOT_SEND_ERROR_MAX (64 + HOT_TEXT_MAX)
#define HOT_ACK_RESPONSE_MAX (96 + HOT_TEXT_MAX)
/* n words of ack set */
#define HOT_MESSAGE_MAX(n) (160 + 11 * (size_t)(n))

/* a command's request_id when it answers no request */
#define HOT_NO_REQUEST UINT64_MAX
/* ledger and entry of a receipt for a duplicate */
#define HOT_NO_ID UINT64_MAX

struct hot_receipt {
	uint64_t producer_id;
	uint64_t sequence_id;
	uint64_t highest_sequence_id;
	uint64_t ledger;
	uint64_t entry;
};

size_t hot_send_receipt_encode(uint8_t *out, const struct hot_receipt *r);

/* error: pp_ServerError (err_pulsar); text may be NULL */
size_t hot_send_error_encode(uint8_t *out, uint64_t producer_id,
    uint64_t sequence_id, int error, const char *text);
size_t hot_error_encode(
    uint8_t *out, uint64_t request_id, int error, const char *text);
size_t hot_success_encode(uint8_t *out, uint64_t request_id);
size_t hot_ping_encode(uint8_t *out);
size_t hot_pong_encode(uint8_t *out);

struct hot_ack_response {
	uint64_t consumer_id;
	uint64_t request_id;
	uint64_t txn_least;
	uint64_t txn_most;
	int error; /* pp_ServerError; -1: it went well */
	bool has_request_id;
	bool has_txn;
	const char *text; /* with an error; may be NULL */
};

size_t hot_ack_response_encode(uint8_t *out, const struct hot_ack_response *r);

struct hot_message {
	uint64_t consumer_id;
	uint64_t ledger;
	uint64_t entry;
	uint64_t consumer_epoch;
	int32_t partition; /* -1: none */
	uint32_t redelivery_count;
	const uint64_t *ack_words; /* what remains of a batch; NULL: all */
	uint32_t ack_words_n;
	bool has_epoch;
	/* with a 0x0e02 part, for clients that asked for it */
	bool has_broker_entry;
	uint64_t broker_time_ms;
	uint64_t index; /* of the entry's last message */
};

/*
 * The head of a MESSAGE frame: everything up to the stored body, which follows
 * it by reference. body_bytes: how long that is. Room:
 * HOT_MESSAGE_MAX(ack_words_n).
 */
size_t hot_message_encode(
    uint8_t *out, const struct hot_message *msg, size_t body_bytes);

#endif
