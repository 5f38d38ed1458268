/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each decoder is one loop over the tags. A known number with another wire type
 * falls to default and is skipped, as protobuf has it. need collects the
 * required fields that came.
 */
#include "format/wire.h"
#include "pulsar/hot.h"

#define NEED(bit) (1u << (bit))

/* ---- message ids */

enum err
msgid_decode(struct span in, struct msgid *id)
{
	struct wire w = wire_of(in);
	struct span s;
	unsigned need = 0;
	uint32_t tag;
	uint64_t v;
	bool ok = true;

	*id = (struct msgid){ .partition = -1, .batch_index = -1, .raw = in };
	while (ok && wire_more(&w)) {
		if (!wire_tag(&w, &tag))
			return ERR_MALFORMED;
		switch (tag) {
		case WIRE_V(1):
			ok = wire_varint(&w, &id->ledger);
			need |= NEED(0);
			break;
		case WIRE_V(2):
			ok = wire_varint(&w, &id->entry);
			need |= NEED(1);
			break;
		case WIRE_V(3):
			ok = wire_i32(&w, &id->partition);
			break;
		case WIRE_V(4):
			ok = wire_i32(&w, &id->batch_index);
			break;
		case WIRE_V(5):
			ok = wire_varint(&w, &v);
			id->ack_words_n++;
			break;
		case WIRE_L(5):
			ok = wire_bytes(&w, &s) &&
			    wire_count(s, &id->ack_words_n);
			break;
		case WIRE_V(6):
			ok = wire_i32(&w, &id->batch_size);
			break;
		case WIRE_L(7):
			ok = wire_bytes(&w, &id->first_chunk);
			break;
		default:
			ok = wire_skip(&w, tag);
		}
	}
	return ok && need == NEED(2) - 1 ? ERR_OK : ERR_MALFORMED;
}

uint32_t
msgid_ack_set(const struct msgid *id, uint64_t *words, uint32_t max_n)
{
	return wire_words(id->raw, 5, words, max_n);
}

/* ---- from clients */

enum err
hot_send_decode(struct span cmd, struct hot_send *send)
{
	struct wire w = wire_of(cmd);
	unsigned need = 0;
	uint32_t tag;
	bool ok = true;

	*send = (struct hot_send){ .num_messages = 1 };
	while (ok && wire_more(&w)) {
		if (!wire_tag(&w, &tag))
			return ERR_MALFORMED;
		switch (tag) {
		case WIRE_V(1):
			ok = wire_varint(&w, &send->producer_id);
			need |= NEED(0);
			break;
		case WIRE_V(2):
			ok = wire_varint(&w, &send->sequence_id);
			need |= NEED(1);
			break;
		case WIRE_V(3):
			ok = wire_i32(&w, &send->num_messages);
			break;
		case WIRE_V(4):
			ok = wire_varint(&w, &send->txn_least);
			send->has_txn = true;
			break;
		case WIRE_V(5):
			ok = wire_varint(&w, &send->txn_most);
			send->has_txn = true;
			break;
		case WIRE_V(6):
			ok = wire_varint(&w, &send->highest_sequence_id);
			break;
		case WIRE_V(7):
			ok = wire_bool(&w, &send->is_chunk);
			break;
		case WIRE_V(8):
			ok = wire_bool(&w, &send->marker);
			break;
		case WIRE_L(9):
			ok = wire_bytes(&w, &send->message_id);
			break;
		default:
			ok = wire_skip(&w, tag);
		}
	}
	return ok && need == NEED(2) - 1 ? ERR_OK : ERR_MALFORMED;
}

enum err
hot_ack_decode(struct span cmd, struct hot_ack *ack)
{
	struct wire w = wire_of(cmd);
	unsigned need = 0;
	uint32_t tag;
	bool ok = true;

	*ack = (struct hot_ack){ .validation_error = -1 };
	while (ok && wire_more(&w)) {
		if (!wire_tag(&w, &tag))
			return ERR_MALFORMED;
		switch (tag) {
		case WIRE_V(1):
			ok = wire_varint(&w, &ack->consumer_id);
			need |= NEED(0);
			break;
		case WIRE_V(2):
			ok = wire_u32(&w, &ack->type);
			need |= NEED(1);
			break;
		case WIRE_L(3):
			ok = wire_rep(&w, tag, &ack->ids);
			break;
		case WIRE_V(4):
			ok = wire_i32(&w, &ack->validation_error);
			break;
		case WIRE_L(5):
			ok = wire_rep(&w, tag, &ack->properties);
			break;
		case WIRE_V(6):
			ok = wire_varint(&w, &ack->txn_least);
			ack->has_txn = true;
			break;
		case WIRE_V(7):
			ok = wire_varint(&w, &ack->txn_most);
			ack->has_txn = true;
			break;
		case WIRE_V(8):
			ok = wire_varint(&w, &ack->request_id);
			ack->has_request_id = true;
			break;
		default:
			ok = wire_skip(&w, tag);
		}
	}
	return ok && need == NEED(2) - 1 ? ERR_OK : ERR_MALFORMED;
}

enum err
hot_flow_decode(struct span cmd, struct hot_flow *flow)
{
	struct wire w = wire_of(cmd);
	unsigned need = 0;
	uint32_t tag;
	bool ok = true;

	*flow = (struct hot_flow){ 0 };
	while (ok && wire_more(&w)) {
		if (!wire_tag(&w, &tag))
			return ERR_MALFORMED;
		switch (tag) {
		case WIRE_V(1):
			ok = wire_varint(&w, &flow->consumer_id);
			need |= NEED(0);
			break;
		case WIRE_V(2):
			ok = wire_u32(&w, &flow->permits_n);
			need |= NEED(1);
			break;
		default:
			ok = wire_skip(&w, tag);
		}
	}
	return ok && need == NEED(2) - 1 ? ERR_OK : ERR_MALFORMED;
}
