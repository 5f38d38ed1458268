/* SPDX-License-Identifier: Apache-2.0 */
#include "pulsar/cmd.h"
#include "pulsar/peer.h"
#include "pulsar/wire.h"

size_t
peer_send_encode(uint8_t *out, const struct hot_send *s, size_t body_bytes)
{
	uint8_t *o = wire_begin(out, CMD_SEND, false);

	o = wire_put_u64(o, 1, s->producer_id);
	o = wire_put_u64(o, 2, s->sequence_id);
	if (s->num_messages != 1)
		o = wire_put_i32(o, 3, s->num_messages);
	if (s->has_txn) {
		o = wire_put_u64(o, 4, s->txn_least);
		o = wire_put_u64(o, 5, s->txn_most);
	}
	if (s->highest_sequence_id != 0)
		o = wire_put_u64(o, 6, s->highest_sequence_id);
	if (s->is_chunk)
		o = wire_put_u64(o, 7, 1);
	if (s->marker)
		o = wire_put_u64(o, 8, 1);
	return wire_end(out, o, CMD_SEND, false, body_bytes);
}

size_t
peer_flow_encode(uint8_t *out, const struct hot_flow *flow)
{
	uint8_t *o = wire_begin(out, CMD_FLOW, false);

	o = wire_put_u64(o, 1, flow->consumer_id);
	o = wire_put_u64(o, 2, flow->permits_n);
	return wire_end(out, o, CMD_FLOW, false, 0);
}

size_t
peer_ack_encode(uint8_t *out, uint64_t consumer_id, enum hot_ack_type type,
    const struct peer_id *ids, size_t ids_n, bool has_request_id,
    uint64_t request_id)
{
	uint8_t *o = wire_begin(out, CMD_ACK, true), *len;
	size_t i;

	o = wire_put_u64(o, 1, consumer_id);
	o = wire_put_u64(o, 2, type);
	for (i = 0; i < ids_n; i++) {
		*o++ = (uint8_t)WIRE_L(3);
		len = o++;
		o = wire_put_u64(o, 1, ids[i].ledger);
		o = wire_put_u64(o, 2, ids[i].entry);
		if (ids[i].partition >= 0)
			o = wire_put_i32(o, 3, ids[i].partition);
		*len = (uint8_t)(o - len - 1);
	}
	if (has_request_id)
		o = wire_put_u64(o, 8, request_id);
	return wire_end(out, o, CMD_ACK, true, 0);
}

enum err
peer_receipt_decode(struct span cmd, struct peer_receipt *r)
{
	struct wire w = wire_of(cmd);
	struct span id = { 0 };
	unsigned need = 0;
	uint32_t tag;
	bool ok = true;

	*r = (struct peer_receipt){ 0 };
	while (ok && wire_more(&w)) {
		if (!wire_tag(&w, &tag))
			return ERR_MALFORMED;
		switch (tag) {
		case WIRE_V(1):
			ok = wire_varint(&w, &r->producer_id);
			need |= 1;
			break;
		case WIRE_V(2):
			ok = wire_varint(&w, &r->sequence_id);
			need |= 2;
			break;
		case WIRE_L(3):
			ok = wire_bytes(&w, &id);
			break;
		case WIRE_V(4):
			ok = wire_varint(&w, &r->highest_sequence_id);
			break;
		default:
			ok = wire_skip(&w, tag);
		}
	}
	if (!ok || need != 3)
		return ERR_MALFORMED;
	return id.p == NULL ? ERR_OK : msgid_decode(id, &r->id);
}

enum err
peer_error_decode(struct span cmd, struct peer_error *e)
{
	struct wire w = wire_of(cmd);
	unsigned need = 0;
	uint32_t tag;
	bool ok = true;

	*e = (struct peer_error){ 0 };
	while (ok && wire_more(&w)) {
		if (!wire_tag(&w, &tag))
			return ERR_MALFORMED;
		switch (tag) {
		case WIRE_V(1):
			ok = wire_varint(&w, &e->producer_id);
			need |= 1;
			break;
		case WIRE_V(2):
			ok = wire_varint(&w, &e->sequence_id);
			need |= 2;
			break;
		case WIRE_V(3):
			ok = wire_u32(&w, &e->error);
			need |= 4;
			break;
		case WIRE_L(4):
			ok = wire_bytes(&w, &e->text);
			need |= 8;
			break;
		default:
			ok = wire_skip(&w, tag);
		}
	}
	return ok && need == 15 ? ERR_OK : ERR_MALFORMED;
}

enum err
peer_message_decode(struct span cmd, struct peer_message *m)
{
	struct wire w = wire_of(cmd);
	struct span id = { 0 }, s;
	unsigned need = 0;
	uint32_t tag;
	uint64_t v;
	bool ok = true;

	*m = (struct peer_message){ .raw = cmd };
	while (ok && wire_more(&w)) {
		if (!wire_tag(&w, &tag))
			return ERR_MALFORMED;
		switch (tag) {
		case WIRE_V(1):
			ok = wire_varint(&w, &m->consumer_id);
			need |= 1;
			break;
		case WIRE_L(2):
			ok = wire_bytes(&w, &id);
			need |= 2;
			break;
		case WIRE_V(3):
			ok = wire_u32(&w, &m->redelivery_count);
			break;
		case WIRE_V(4):
			ok = wire_varint(&w, &v);
			m->ack_words_n++;
			break;
		case WIRE_L(4):
			ok = wire_bytes(&w, &s) &&
			    wire_count(s, &m->ack_words_n);
			break;
		case WIRE_V(5):
			ok = wire_varint(&w, &m->consumer_epoch);
			m->has_epoch = true;
			break;
		default:
			ok = wire_skip(&w, tag);
		}
	}
	if (!ok || need != 3)
		return ERR_MALFORMED;
	return msgid_decode(id, &m->id);
}

uint32_t
peer_message_ack_set(
    const struct peer_message *m, uint64_t *words, uint32_t max_n)
{
	return wire_words(m->raw, 4, words, max_n);
}

enum err
peer_ack_response_decode(struct span cmd, struct peer_ack_response *r)
{
	struct wire w = wire_of(cmd);
	unsigned need = 0;
	uint32_t tag;
	bool ok = true;

	*r = (struct peer_ack_response){ .error = -1 };
	while (ok && wire_more(&w)) {
		if (!wire_tag(&w, &tag))
			return ERR_MALFORMED;
		switch (tag) {
		case WIRE_V(1):
			ok = wire_varint(&w, &r->consumer_id);
			need = 1;
			break;
		case WIRE_V(4):
			ok = wire_i32(&w, &r->error);
			break;
		case WIRE_V(6):
			ok = wire_varint(&w, &r->request_id);
			break;
		default:
			ok = wire_skip(&w, tag);
		}
	}
	return ok && need == 1 ? ERR_OK : ERR_MALFORMED;
}
