/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/vas.h"
#include "bench/pulsar.h"
#include "pulsar/cmd.h"
#include "pulsar/wire.h"

#define META_MAX 512

/*
 * The payload is made once: a message, or a batch of as many as one may hold,
 * each behind its length and SingleMessageMetadata (payload_size only). A
 * shorter batch is the beginning of it.
 */
void
pulsar_traffic_init(struct bench *b)
{
	const struct opts *o = b->o;
	struct pulsar *ps = b->priv;
	uint8_t head[16], *h = head + 4, *p;
	unsigned i, n = o->batch == 0 ? 1 : o->batch;
	size_t head_n = 0;

	if (o->batch != 0) {
		h = wire_put_u64(h, 3, o->size);
		(void)wire_put_be32(head, (uint32_t)(h - head - 4));
		head_n = (size_t)(h - head);
	}
	ps->stride = head_n + o->size;
	ps->stamp_off = head_n;
	ps->payload = mem_zalloc(ps->stride * n + STAMP_SIZE);
	for (i = 0; i < n; i++) {
		p = ps->payload + i * ps->stride;
		memcpy(p, head, head_n);
		count_fill(p + head_n, o->size);
	}
}

/* ---- out */

static size_t
put_meta(struct bench *b, struct producer *pr, uint32_t n, uint8_t *out)
{
	struct pulsar *ps = b->priv;
	const struct opts *o = b->o;
	uint8_t *p = out;
	char key[32];
	int len;

	p = wire_put_bytes(p, 1, span_str(ps->names[pr->id]));
	p = wire_put_u64(p, 2, pr->sequence);
	p = wire_put_u64(p, 3, (uint64_t)wall_ms());
	if (o->keys != 0) {
		len = snprintf(
		    key, sizeof key, "key-%" PRIu64, ps->key++ % o->keys);
		p = wire_put_bytes(p, 6, span_of(key, (size_t)len));
	}
	if (o->batch != 0) {
		p = wire_put_u64(p, 9, ps->stride * n);
		p = wire_put_u64(p, 11, n);
		p = wire_put_varint(p, WIRE_V(24));
		p = wire_put_varint(p, pr->sequence + n - 1);
	}
	return (size_t)(p - out);
}

static void
put_stamps(struct bench *b, uint8_t *payload, uint32_t n, uint64_t index)
{
	struct pulsar *ps = b->priv;
	uint32_t i;
	int64_t t;

	if (b->o->size < STAMP_SIZE)
		return;
	payload += ps->stamp_off;
	for (i = 0; i < n; i++) {
		t = count_stamp_ns(b, index + i);
		memcpy(payload, &t, STAMP_SIZE);
		payload += ps->stride;
	}
}

bool
pulsar_send(struct bench *b, struct producer *pr, uint32_t n, uint64_t index)
{
	struct pulsar *ps = b->priv;
	struct hot_send send = {
		.producer_id = pr->id,
		.sequence_id = pr->sequence,
		.num_messages = (int32_t)n,
	};
	size_t payload_n = ps->stride * n, meta_n, body_n, head_n;
	uint8_t meta[META_MAX], *out, *sum, *p;
	uint32_t crc;

	if (!count_has_room(b, pr, n))
		return false;
	meta_n = put_meta(b, pr, n, meta);
	body_n = 6 + 4 + meta_n + payload_n;
	if (n > 1)
		send.highest_sequence_id = pr->sequence + n - 1;
	out = link_room(pr->link, PEER_SEND_MAX + body_n);
	head_n = peer_send_encode(out, &send, body_n);
	p = wire_put_be16(out + head_n, PULSAR_MAGIC_CRC);
	sum = p + 4;
	p = wire_put_be32(sum, (uint32_t)meta_n);
	memcpy(p, meta, meta_n);
	p += meta_n;
	memcpy(p, ps->payload, payload_n);
	put_stamps(b, p, n, index);
	crc = crc32c(0, sum, 4 + meta_n + payload_n);
	(void)wire_put_be32(sum - 4, crc);
	link_wrote(pr->link, head_n + body_n);
	(void)count_sent(b, pr, n, index);
	return true;
}

/* ---- in: receipts */

static struct pending *
oldest(struct bench *b, uint64_t id, uint64_t sequence, struct producer **prp)
{
	struct producer *pr;
	struct pending *pd;

	if (id >= b->producers_n)
		die("answer for producer %" PRIu64 ", which isn't one", id);
	*prp = pr = &b->producers[id];
	if (pr->head == pr->tail)
		die("receipt for producer %" PRIu64 ", which awaits none", id);
	pd = &pr->ring[pr->tail & (pr->ring_n - 1)];
	if (pd->sequence != sequence)
		die("producer %" PRIu64 ": receipt for %" PRIu64
		    ", the oldest is %" PRIu64,
		    id, sequence, pd->sequence);
	return pd;
}

static void
on_receipt(struct bench *b, struct span cmd)
{
	struct peer_receipt r;
	struct producer *pr;
	struct pending *pd;

	if (peer_receipt_decode(cmd, &r) != ERR_OK)
		die("broker sent a bad SEND_RECEIPT");
	pd = oldest(b, r.producer_id, r.sequence_id, &pr);
	count_published(b, pr, pd);
}

static void
on_send_error(struct bench *b, struct span cmd)
{
	struct peer_error e;
	struct producer *pr;
	struct pending *pd;

	if (peer_error_decode(cmd, &e) != ERR_OK)
		die("broker sent a bad SEND_ERROR");
	pd = oldest(b, e.producer_id, e.sequence_id, &pr);
	count_refused(b, pr, pd, e.error, (const char *)e.text.p, e.text.n);
}

/* ---- in: messages */

/* uint32 length, SingleMessageMetadata, payload_size bytes; n times */
static void
unbatch(struct bench *b, struct span payload, int32_t n)
{
	struct wire w = wire_of(payload), m;
	uint32_t meta_n, tag;
	uint64_t size, v;

	while (n-- > 0) {
		if (w.end - w.p < 4)
			die("batch ends early");
		meta_n = wire_be32(w.p);
		w.p += 4;
		if (meta_n > (size_t)(w.end - w.p))
			die("batch ends early");
		m = wire_of(span_of(w.p, meta_n));
		w.p += meta_n;
		size = 0;
		while (wire_more(&m)) {
			if (!wire_tag(&m, &tag))
				die("bad message in a batch");
			if (tag == WIRE_V(3) && wire_varint(&m, &v))
				size = v;
			else if (!wire_skip(&m, tag))
				die("bad message in a batch");
		}
		if (size > (size_t)(w.end - w.p))
			die("batch ends early");
		count_arrived(b, w.p, (size_t)size);
		w.p += size;
	}
}

/* With one producer and one consumer each sequence number comes once. */
static void
check_order(
    struct bench *b, struct consumer *co, const struct pulsar_meta *meta)
{
	const struct opts *o = b->o;

	if (o->producers != 1 || o->consumers != 1)
		return;
	if (co->seen && meta->sequence_id > co->next_sequence)
		b->c.gaps += meta->sequence_id - co->next_sequence;
	if (co->seen && meta->sequence_id < co->next_sequence) {
		b->c.doubles += (uint64_t)meta->num_messages;
		return;
	}
	co->seen = true;
	co->next_sequence = meta->sequence_id + (uint64_t)meta->num_messages;
}

static void
flush_acks(struct bench *b, struct consumer *co)
{
	uint8_t *out;

	if (co->acks_n == 0)
		return;
	out = link_room(co->link, PEER_ACK_MAX(co->acks_n));
	link_wrote(co->link,
	    peer_ack_encode(out, co->id,
		b->o->ack == ACK_CUMULATIVE ? HOT_ACK_CUMULATIVE :
					      HOT_ACK_INDIVIDUAL,
		co->acks, co->acks_n, false, 0));
	co->acks_n = co->acks_messages = 0;
}

void
pulsar_flush_acks(struct bench *b)
{
	struct pulsar *ps = b->priv;
	unsigned i;

	for (i = 0; i < ps->consumers_n; i++)
		flush_acks(b, &ps->consumers[i]);
}

static void
consumed(struct bench *b, struct consumer *co, const struct msgid *id,
    uint32_t messages)
{
	const struct opts *o = b->o;
	struct hot_flow flow;
	uint8_t *out;

	if (o->ack != ACK_NONE) {
		if (o->ack == ACK_CUMULATIVE)
			co->acks_n = 0;
		co->acks[co->acks_n++] =
		    (struct peer_id){ id->ledger, id->entry, id->partition };
		co->acks_messages += messages;
		if (co->acks_messages >= o->ack_every ||
		    co->acks_n == o->ack_every)
			flush_acks(b, co);
	}
	co->used += messages;
	if (co->used >= (o->permits + 1) / 2) {
		flow = (struct hot_flow){ co->id, co->used };
		out = link_room(co->link, PEER_FLOW_MAX);
		link_wrote(co->link, peer_flow_encode(out, &flow));
		co->used = 0;
	}
}

static void
on_message(struct bench *b, const struct frame *fr)
{
	struct pulsar *ps = b->priv;
	struct peer_message m;
	struct pulsar_body fb;
	struct pulsar_meta meta;
	struct consumer *co;

	if (peer_message_decode(fr->cmd, &m) != ERR_OK ||
	    pulsar_body_parse(fr->body, &fb) != ERR_OK ||
	    pulsar_meta_decode(fb.meta, &meta) != ERR_OK)
		die("broker sent a bad MESSAGE");
	/* a stalled consumer's number is beyond; it isn't read */
	if (m.consumer_id >= ps->consumers_n)
		die("MESSAGE for consumer %" PRIu64 ", which isn't one",
		    m.consumer_id);
	co = &ps->consumers[m.consumer_id];
	if (!pulsar_body_verify(&fb))
		b->c.bad_checksum++;
	if (m.redelivery_count != 0)
		b->c.redelivered++;
	check_order(b, co, &meta);
	if (meta.compression != 0 || meta.encryption_keys_n != 0)
		count_arrived_unread(b, (uint32_t)meta.num_messages);
	else if (meta.is_batch)
		unbatch(b, fb.payload, meta.num_messages);
	else
		count_arrived(b, fb.payload.p, fb.payload.n);
	consumed(b, co, &m.id, (uint32_t)meta.num_messages);
}

/* ---- in: answers */

static void
answer(struct bench *b, uint64_t request_id, uint32_t type, struct span text)
{
	struct pulsar *ps = b->priv;
	struct answer *a = &ps->answer;

	if (request_id != ps->request_id || a->come)
		die("%s for request %" PRIu64 ", which isn't open",
		    cmd_name(type), request_id);
	a->come = true;
	a->type = type;
	(void)snprintf(a->text, sizeof a->text, "%.*s", (int)text.n,
	    text.p == NULL ? "" : (const char *)text.p);
}

static void
on_answer(struct bench *b, const struct frame *fr)
{
	struct pulsar *ps = b->priv;
	pp_CommandPartitionedTopicMetadataResponse pm;
	pp_CommandLookupTopicResponse lk;
	pp_CommandProducerSuccess pd;
	struct peer_ack_response ar;
	pp_CommandSuccess su;
	pp_CommandError er;
	bool ok = true;

	if (fr->type == CMD_ERROR && cmd_decode_ERROR(fr->cmd, &er) == ERR_OK) {
		ps->answer.error = er.error;
		if (er.request_id == HOT_NO_REQUEST)
			die("broker says: %.*s", (int)er.message.n,
			    (const char *)er.message.p);
		answer(b, er.request_id, fr->type, er.message);
	} else if (fr->type == CMD_SUCCESS &&
	    cmd_decode_SUCCESS(fr->cmd, &su) == ERR_OK)
		answer(b, su.request_id, fr->type, span_str(""));
	else if (fr->type == CMD_PRODUCER_SUCCESS &&
	    cmd_decode_PRODUCER_SUCCESS(fr->cmd, &pd) == ERR_OK)
		answer(b, pd.request_id, fr->type, pd.producer_name);
	else if (fr->type == CMD_PARTITIONED_METADATA_RESPONSE &&
	    cmd_decode_PARTITIONED_METADATA_RESPONSE(fr->cmd, &pm) == ERR_OK) {
		ps->answer.error = pm.has_error ? pm.error : 0;
		ps->answer.partitions = pm.has_partitions ? pm.partitions : 0;
		ps->answer.lookup = pm.has_response ? pm.response : 0;
		answer(b, pm.request_id, fr->type, pm.message);
	} else if (fr->type == CMD_LOOKUP_RESPONSE &&
	    cmd_decode_LOOKUP_RESPONSE(fr->cmd, &lk) == ERR_OK) {
		ps->answer.lookup = lk.has_response ? lk.response : 0;
		answer(b, lk.request_id, fr->type, lk.message);
	} else if (fr->type == CMD_ACK_RESPONSE &&
	    peer_ack_response_decode(fr->cmd, &ar) == ERR_OK) {
		ps->answer.error = ar.error < 0 ? 0 : (uint32_t)ar.error;
		answer(b, ar.request_id, fr->type, span_str(""));
	} else
		ok = false;
	if (!ok)
		die("broker sent a bad %s", cmd_name(fr->type));
}

void
pulsar_frame(struct link *l, const struct frame *fr, void *priv)
{
	struct bench *b = priv;
	struct pulsar *ps = b->priv;

	switch (fr->type) {
	case CMD_SEND_RECEIPT:
		on_receipt(b, fr->cmd);
		break;
	case CMD_MESSAGE:
		on_message(b, fr);
		break;
	case CMD_SEND_ERROR:
		on_send_error(b, fr->cmd);
		break;
	case CMD_PING:
		link_wrote(l, hot_pong_encode(link_room(l, HOT_PING_MAX)));
		break;
	case CMD_PONG:
	case CMD_ACTIVE_CONSUMER_CHANGE:
	case CMD_REACHED_END_OF_TOPIC:
		break;
	case CMD_CONNECTED:
		answer(b, ps->request_id, fr->type, span_str(""));
		break;
	case CMD_ERROR:
	case CMD_SUCCESS:
	case CMD_PRODUCER_SUCCESS:
	case CMD_PARTITIONED_METADATA_RESPONSE:
	case CMD_LOOKUP_RESPONSE:
	case CMD_ACK_RESPONSE:
		on_answer(b, fr);
		break;
	default:
		die("broker sent %s (%" PRIu32 "), which ends the run",
		    cmd_name(fr->type) == NULL ? "?" : cmd_name(fr->type),
		    fr->type);
	}
}
