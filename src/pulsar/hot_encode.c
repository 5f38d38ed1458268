/* SPDX-License-Identifier: Apache-2.0 */
#include "pulsar/frame.h"
#include "base/vas.h"
#include "pulsar/cmd.h"
#include "pulsar/hot.h"
#include "pulsar/wire.h"

/* A text of ours, cut at HOT_TEXT_MAX but not inside a UTF-8 sequence. */
static struct span
text_span(const char *text)
{
	struct span s = span_str(text == NULL ? "" : text);

	if (s.n > HOT_TEXT_MAX) {
		s.n = HOT_TEXT_MAX;
		while (s.n > 0 && (s.p[s.n] & 0xc0) == 0x80)
			s.n--;
	}
	return s;
}

size_t
hot_send_receipt_encode(uint8_t *out, const struct hot_receipt *r)
{
	uint8_t *o = wire_begin(out, CMD_SEND_RECEIPT, false), *len;

	o = wire_put_u64(o, 1, r->producer_id);
	o = wire_put_u64(o, 2, r->sequence_id);
	*o++ = (uint8_t)WIRE_L(3);
	len = o++;
	o = wire_put_u64(o, 1, r->ledger);
	o = wire_put_u64(o, 2, r->entry);
	*len = (uint8_t)(o - len - 1);
	o = wire_put_u64(o, 4, r->highest_sequence_id);
	return wire_end(out, o, CMD_SEND_RECEIPT, false, 0);
}

size_t
hot_send_error_encode(uint8_t *out, uint64_t producer_id, uint64_t sequence_id,
    int error, const char *text)
{
	uint8_t *o = wire_begin(out, CMD_SEND_ERROR, true);

	o = wire_put_u64(o, 1, producer_id);
	o = wire_put_u64(o, 2, sequence_id);
	o = wire_put_i32(o, 3, error);
	o = wire_put_bytes(o, 4, text_span(text));
	return wire_end(out, o, CMD_SEND_ERROR, true, 0);
}

size_t
hot_error_encode(uint8_t *out, uint64_t request_id, int error, const char *text)
{
	uint8_t *o = wire_begin(out, CMD_ERROR, true);

	o = wire_put_u64(o, 1, request_id);
	o = wire_put_i32(o, 2, error);
	o = wire_put_bytes(o, 3, text_span(text));
	return wire_end(out, o, CMD_ERROR, true, 0);
}

size_t
hot_success_encode(uint8_t *out, uint64_t request_id)
{
	uint8_t *o = wire_begin(out, CMD_SUCCESS, false);

	o = wire_put_u64(o, 1, request_id);
	return wire_end(out, o, CMD_SUCCESS, false, 0);
}

size_t
hot_ping_encode(uint8_t *out)
{
	uint8_t *o = wire_begin(out, CMD_PING, false);

	return wire_end(out, o, CMD_PING, false, 0);
}

size_t
hot_pong_encode(uint8_t *out)
{
	uint8_t *o = wire_begin(out, CMD_PONG, false);

	return wire_end(out, o, CMD_PONG, false, 0);
}

size_t
hot_ack_response_encode(uint8_t *out, const struct hot_ack_response *r)
{
	uint8_t *o = wire_begin(out, CMD_ACK_RESPONSE, true);

	o = wire_put_u64(o, 1, r->consumer_id);
	if (r->has_txn) {
		o = wire_put_u64(o, 2, r->txn_least);
		o = wire_put_u64(o, 3, r->txn_most);
	}
	if (r->error >= 0) {
		o = wire_put_i32(o, 4, r->error);
		o = wire_put_bytes(o, 5, text_span(r->text));
	}
	if (r->has_request_id)
		o = wire_put_u64(o, 6, r->request_id);
	return wire_end(out, o, CMD_ACK_RESPONSE, true, 0);
}

/* Magic 0x0e02, length, broker_timestamp, index. */
static uint8_t *
put_broker_entry(uint8_t *o, const struct hot_message *m)
{
	uint8_t *start;

	o = wire_put_be16(o, PULSAR_MAGIC_BROKER);
	start = o + 4;
	o = wire_put_u64(start, 1, m->broker_time_ms);
	o = wire_put_u64(o, 2, m->index);
	(void)wire_put_be32(start - 4, (uint32_t)(o - start));
	return o;
}

size_t
hot_message_encode(uint8_t *out, const struct hot_message *m, size_t body_bytes)
{
	bool long_sub = m->ack_words_n > 0;
	uint8_t *o = wire_begin(out, CMD_MESSAGE, long_sub), *len, *end;
	size_t head, broker = 0;
	uint32_t i;

	assert(body_bytes <= UINT32_MAX / 2);
	o = wire_put_u64(o, 1, m->consumer_id);
	*o++ = (uint8_t)WIRE_L(2);
	len = o++;
	o = wire_put_u64(o, 1, m->ledger);
	o = wire_put_u64(o, 2, m->entry);
	if (m->partition >= 0)
		o = wire_put_i32(o, 3, m->partition);
	*len = (uint8_t)(o - len - 1);
	if (m->redelivery_count != 0)
		o = wire_put_u64(o, 3, m->redelivery_count);
	for (i = 0; i < m->ack_words_n; i++)
		o = wire_put_u64(o, 4, m->ack_words[i]);
	if (m->has_epoch)
		o = wire_put_u64(o, 5, m->consumer_epoch);
	head = wire_end(out, o, CMD_MESSAGE, long_sub, body_bytes);
	if (m->has_broker_entry) {
		end = put_broker_entry(out + head, m);
		broker = (size_t)(end - out) - head;
		(void)wire_put_be32(
		    out, (uint32_t)(head + broker + body_bytes - 4));
	}
	return head + broker;
}
