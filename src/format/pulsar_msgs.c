/* SPDX-License-Identifier: Apache-2.0 */
#include "base/compress.h"
#include "format/pulsar_msgs.h"
#include "format/wire.h"

enum err
pulsar_inflate(const struct pulsar_meta *m, struct span payload, size_t max,
    struct buf **hold, struct span *plain)
{
	/* by CompressionType of PulsarApi.proto, less NONE */
	static const enum compress formats[] = { COMPRESS_LZ4_BLOCK,
		COMPRESS_ZLIB, COMPRESS_ZSTD, COMPRESS_SNAPPY };
	enum err e;

	*hold = NULL;
	*plain = payload;
	if (m->compression == 0)
		return ERR_OK;
	if (m->compression > NELEM(formats))
		return ERR_NOT_SUPPORTED;
	if (m->uncompressed_bytes > max)
		return ERR_TOO_BIG;
	if (m->uncompressed_bytes == 0) {
		plain->n = 0;
		return ERR_OK;
	}
	e = compress_inflate(formats[m->compression - 1], payload.p, payload.n,
	    m->uncompressed_bytes, hold);
	/* more than was said is not what the producer meant either */
	if (e == ERR_TOO_BIG)
		return ERR_MALFORMED;
	if (e != ERR_OK)
		return e;
	if ((*hold)->len != m->uncompressed_bytes) {
		buf_unref(hold);
		return ERR_MALFORMED;
	}
	*plain = span_of((*hold)->data, (*hold)->len);
	return ERR_OK;
}

enum err
pulsar_msgs_open(struct pulsar_msgs *ms, struct span body, size_t max)
{
	const struct pulsar_meta *m = &ms->meta;
	struct pulsar_body pb;

	if (pulsar_body_parse(body, &pb) != ERR_OK ||
	    pulsar_meta_decode(pb.meta, &ms->meta) != ERR_OK ||
	    (m->is_batch && m->num_messages < 1))
		return ERR_MALFORMED;
	if (m->encryption_keys_n > 0 || m->num_chunks > 1 ||
	    m->marker_type != 0)
		return ERR_NOT_SUPPORTED;
	ms->next = 0;
	ms->n = m->is_batch ? (uint32_t)m->num_messages : 1;
	return pulsar_inflate(m, pb.payload, max, &ms->hold, &ms->rest);
}

void
pulsar_msgs_close(struct pulsar_msgs *ms)
{
	if (ms->hold != NULL)
		buf_unref(&ms->hold);
}

static bool
decode_single(struct span in, struct pulsar_msg *m, int32_t *payload_n)
{
	struct wire w = wire_of(in);
	uint32_t tag;
	bool ok = true;

	*payload_n = -1;
	while (ok && wire_more(&w)) {
		if (!wire_tag(&w, &tag))
			return false;
		switch (tag) {
		case WIRE_L(1):
			ok = wire_rep(&w, tag, &m->properties);
			break;
		case WIRE_L(2):
			ok = wire_bytes(&w, &m->key);
			break;
		case WIRE_V(3):
			ok = wire_i32(&w, payload_n);
			break;
		case WIRE_V(4):
			ok = wire_bool(&w, &m->compacted_out);
			break;
		case WIRE_V(5):
			ok = wire_varint(&w, &m->event_time_ms);
			break;
		case WIRE_V(6):
			ok = wire_bool(&w, &m->key_b64);
			break;
		case WIRE_L(7):
			ok = wire_bytes(&w, &m->ordering_key);
			break;
		case WIRE_V(8):
			ok = wire_varint(&w, &m->sequence_id);
			break;
		case WIRE_V(9):
			ok = wire_bool(&w, &m->null_value);
			break;
		default:
			ok = wire_skip(&w, tag);
		}
	}
	return ok && *payload_n >= 0;
}

static enum err
next_single(struct pulsar_msgs *ms, struct pulsar_msg *m)
{
	const uint8_t *p = ms->rest.p;
	size_t left = ms->rest.n, n;
	int32_t payload_n;

	if (left < 4)
		return ERR_MALFORMED;
	n = wire_be32(p);
	p += 4;
	left -= 4;
	m->sequence_id = ms->meta.sequence_id + m->at;
	if (n > left || !decode_single(span_of(p, n), m, &payload_n) ||
	    (size_t)payload_n > left - n)
		return ERR_MALFORMED;
	p += n;
	left -= n;
	m->payload = span_of(p, (size_t)payload_n);
	ms->rest = span_of(p + payload_n, left - (size_t)payload_n);
	return ERR_OK;
}

enum err
pulsar_msgs_next(struct pulsar_msgs *ms, struct pulsar_msg *m)
{
	const struct pulsar_meta *meta = &ms->meta;

	if (ms->next == ms->n)
		return ERR_EOF;
	*m = (struct pulsar_msg){ .at = ms->next++ };
	if (meta->is_batch)
		return next_single(ms, m);
	m->sequence_id = meta->sequence_id;
	m->event_time_ms = meta->event_time_ms;
	m->key = meta->partition_key;
	m->key_b64 = meta->key_b64;
	m->ordering_key = meta->ordering_key;
	m->properties = meta->properties;
	m->payload = ms->rest;
	m->null_value = meta->null_value;
	return ERR_OK;
}
