/* SPDX-License-Identifier: Apache-2.0 */

#include "base/hash.h"
#include "base/mem.h"
#include "format/pulsar_meta.h"
#include "format/wire.h"

/* the required fields, as bits */
#define NEED_NAME 1u
#define NEED_SEQUENCE 2u
#define NEED_TIME 4u
#define NEED_ALL 7u

/* Fields of few messages; the common ones are in pulsar_meta_decode. */
static bool
rare(struct wire *w, uint32_t tag, struct pulsar_meta *m)
{
	struct span s;
	uint64_t v;
	bool ok;

	switch (tag) {
	case WIRE_L(5):
		return wire_bytes(w, &m->replicated_from);
	case WIRE_L(13):
		m->encryption_keys_n++;
		return wire_bytes(w, &s);
	case WIRE_L(16):
		return wire_bytes(w, &m->schema_version);
	case WIRE_L(18):
		return wire_bytes(w, &m->ordering_key);
	case WIRE_V(19):
		ok = wire_varint(w, &v);
		m->deliver_at_ms = ok ? (int64_t)v : 0;
		return ok;
	case WIRE_V(20):
		return wire_i32(w, &m->marker_type);
	case WIRE_V(22):
		m->has_txn = true;
		return wire_varint(w, &m->txn_least);
	case WIRE_V(23):
		m->has_txn = true;
		return wire_varint(w, &m->txn_most);
	case WIRE_V(25):
		return wire_bool(w, &m->null_value);
	case WIRE_L(26):
		return wire_bytes(w, &m->uuid);
	case WIRE_V(27):
		return wire_i32(w, &m->num_chunks);
	case WIRE_V(28):
		return wire_i32(w, &m->total_chunk_bytes);
	case WIRE_V(29):
		return wire_i32(w, &m->chunk_id);
	case WIRE_V(30):
		return wire_bool(w, &m->null_key);
	default:
		return wire_skip(w, tag);
	}
}

enum err
pulsar_meta_decode(struct span in, struct pulsar_meta *m)
{
	struct wire w = wire_of(in);
	unsigned need = 0;
	uint32_t tag;
	bool ok = true;

	*m = (struct pulsar_meta){ .num_messages = 1, .chunk_id = -1 };
	while (ok && wire_more(&w)) {
		if (!wire_tag(&w, &tag))
			return ERR_MALFORMED;
		switch (tag) {
		case WIRE_L(1):
			ok = wire_bytes(&w, &m->producer_name);
			need |= NEED_NAME;
			break;
		case WIRE_V(2):
			ok = wire_varint(&w, &m->sequence_id);
			need |= NEED_SEQUENCE;
			break;
		case WIRE_V(3):
			ok = wire_varint(&w, &m->publish_time_ms);
			need |= NEED_TIME;
			break;
		case WIRE_L(4):
			ok = wire_rep(&w, tag, &m->properties);
			break;
		case WIRE_L(6):
			ok = wire_bytes(&w, &m->partition_key);
			break;
		case WIRE_V(8):
			ok = wire_u32(&w, &m->compression);
			break;
		case WIRE_V(9):
			ok = wire_u32(&w, &m->uncompressed_bytes);
			break;
		case WIRE_V(11):
			ok = wire_i32(&w, &m->num_messages);
			m->is_batch = true;
			break;
		case WIRE_V(12):
			ok = wire_varint(&w, &m->event_time_ms);
			break;
		case WIRE_V(17):
			ok = wire_bool(&w, &m->key_b64);
			break;
		case WIRE_V(24):
			ok = wire_varint(&w, &m->highest_sequence_id);
			break;
		default:
			ok = rare(&w, tag, m);
		}
	}
	return ok && need == NEED_ALL ? ERR_OK : ERR_MALFORMED;
}

enum err
pulsar_kv_decode(struct span in, struct span *key, struct span *value)
{
	struct wire w = wire_of(in);
	uint32_t tag;
	bool ok = true;

	*key = *value = (struct span){ 0 };
	while (ok && wire_more(&w)) {
		if (!wire_tag(&w, &tag))
			return ERR_MALFORMED;
		if (tag == WIRE_L(1))
			ok = wire_bytes(&w, key);
		else if (tag == WIRE_L(2))
			ok = wire_bytes(&w, value);
		else
			ok = wire_skip(&w, tag);
	}
	return ok && key->p != NULL && value->p != NULL ? ERR_OK :
							  ERR_MALFORMED;
}

/* ---- sticky key */

static int
b64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/*
 * Strict, as Java's basic decoder: padding may be left out altogether but not
 * in part. out has room for in.n / 4 * 3 + 2.
 */
static bool
b64_decode(struct span in, uint8_t *out, size_t *n)
{
	size_t i, len = in.n, o = 0;
	uint32_t acc = 0;
	int d;

	if (len % 4 == 0 && len != 0 && in.p[len - 1] == '=') {
		len--;
		if (in.p[len - 1] == '=')
			len--;
	}
	if (len % 4 == 1)
		return false;
	for (i = 0; i < len; i++) {
		d = b64_digit(in.p[i]);
		if (d < 0)
			return false;
		acc = acc << 6 | (uint32_t)d;
		if (i % 4 == 3) {
			out[o++] = (uint8_t)(acc >> 16);
			out[o++] = (uint8_t)(acc >> 8);
			out[o++] = (uint8_t)acc;
			acc = 0;
		}
	}
	if (len % 4 == 2)
		out[o++] = (uint8_t)(acc >> 4);
	if (len % 4 == 3) {
		out[o++] = (uint8_t)(acc >> 10);
		out[o++] = (uint8_t)(acc >> 2);
	}
	*n = o;
	return true;
}

static uint32_t
hash_b64(struct span key)
{
	uint8_t few[256], *buf = few;
	size_t n, room = key.n / 4 * 3 + 2;
	uint32_t h;

	/* room is bounded by the frame, which is in memory already */
	if (room > sizeof few)
		buf = mem_alloc(room);
	if (b64_decode(key, buf, &n))
		h = hash_sticky(buf, n);
	else
		h = hash_sticky(key.p, key.n);
	if (buf != few)
		mem_free(buf);
	return h;
}

/* By hand, since it is done for every message without a key. Room: 20 bytes. */
static size_t
put_decimal(uint8_t *out, int64_t v)
{
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	uint8_t rev[20];
	size_t n = 0, k = 0;

	do
		rev[n++] = (uint8_t)('0' + u % 10);
	while ((u /= 10) != 0);
	if (v < 0)
		out[k++] = '-';
	while (n > 0)
		out[k++] = rev[--n];
	return k;
}

uint32_t
pulsar_sticky_hash(const struct pulsar_meta *m)
{
	uint8_t few[256], *buf = few;
	size_t n = m->producer_name.n, room;
	uint32_t h;

	if (m->ordering_key.p != NULL)
		return hash_sticky(m->ordering_key.p, m->ordering_key.n);
	if (m->partition_key.p != NULL)
		return m->key_b64 ?
		    hash_b64(m->partition_key) :
		    hash_sticky(m->partition_key.p, m->partition_key.n);
	/* Java's long: signed */
	room = n + 24;
	if (room > sizeof few)
		buf = mem_alloc(room);
	memcpy(buf, m->producer_name.p, n);
	buf[n] = '-';
	h = hash_sticky(
	    buf, n + 1 + put_decimal(buf + n + 1, (int64_t)m->sequence_id));
	if (buf != few)
		mem_free(buf);
	return h;
}
