/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/crc32c.h"
#include "base/num.h"
#include "format/pulsar_body.h"
#include "format/pulsar_of_rmq.h"
#include "format/rmq_batch.h"
#include "format/rmq_body.h"
#include "format/rmq_props.h"
#include "format/wire.h"

#define HEAD 10 /* magic, checksum, length of the metadata */
/* tags, lengths and numbers of a metadata, without texts; and its own properties
 * (rocketmq.*) whole */
#define FIXED_MAX 512u
/* of a property or text, beside its bytes */
#define EACH_MAX 18u

static const struct str default_producer = STR_LIT("rocketmq");

/* What properties say beside being properties. */
struct known {
	struct str key, producer;
	int64_t deliver_ms; /* 0: at once */
	size_t room; /* for all of it, encoded */
};

struct make {
	const struct entry *ent;
	struct rmq_record rec;
	struct str body; /* inflated, or as it was */
	struct buf *hold; /* of an inflated one */
	bool raw; /* it could not be inflated */
	bool batch;
	uint32_t n; /* messages of a batch */
	size_t max;
	size_t lost; /* bytes of a payload that is left out */
	struct known known;
};

/* --- properties ----------------------------------------------------------------- */

static int64_t
number(struct str s)
{
	int64_t v;

	return num_i64(s, &v) == ERR_OK && v > 0 ? v : 0;
}

static void
scan(struct str props, struct known *k)
{
	static const struct str *const names[] = { &RMQ_PROP_SHARDING_KEY,
		&RMQ_PROP_KEYS, &RMQ_PROP_PGROUP, &RMQ_PROP_TIMER_OUT_MS,
		&RMQ_PROP_TIMER_DELIVER_MS, &RMQ_PROP_START_DELIVER_TIME };
	struct str v[NELEM(names)], name, value;
	struct rmq_props_iter it = rmq_props_iter(props);
	size_t i;

	rmq_props_get_many(props, names, v, NELEM(names));
	*k = (struct known){ .key = v[0].len > 0 ? v[0] : v[1],
		.producer = v[2].len > 0 ? v[2] : default_producer };
	for (i = 3; i < NELEM(names) && k->deliver_ms == 0; i++)
		k->deliver_ms = number(v[i]);
	k->room = FIXED_MAX + k->key.len + k->producer.len;
	while (rmq_props_next(&it, &name, &value))
		k->room += name.len + value.len + EACH_MAX;
}

static uint8_t *
put_prop(uint8_t *o, unsigned field, struct str name, struct str value)
{
	size_t n = 2 + wire_varint_len(name.len) + name.len +
	    wire_varint_len(value.len) + value.len;

	*o++ = (uint8_t)WIRE_L(field);
	o = wire_put_varint(o, n);
	o = wire_put_bytes(o, 1, span_of_str(name));
	return wire_put_bytes(o, 2, span_of_str(value));
}

static uint8_t *
put_props(uint8_t *o, unsigned field, struct str props)
{
	struct rmq_props_iter it = rmq_props_iter(props);
	struct str name, value;

	while (rmq_props_next(&it, &name, &value))
		o = put_prop(o, field, name, value);
	return o;
}

static uint8_t *
put_prop_i64(uint8_t *o, unsigned field, const char *name, int64_t v)
{
	char text[NUM_MAX];

	return put_prop(
	    o, field, str_of(name), (struct str){ text, num_put(text, v) });
}

static uint8_t *
put_host(uint8_t *o, unsigned field, const struct rmq_host *h)
{
	char ip[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 16];
	int n;

	if (inet_ntop(h->v6 ? AF_INET6 : AF_INET, h->ip, ip, sizeof ip) == NULL)
		return o;
	n = snprintf(text, sizeof text, h->v6 ? "[%s]:%u" : "%s:%u", ip,
	    (unsigned)h->port);
	return put_prop(o, field, STR_LIT(PULSAR_RMQ_BORN_HOST),
	    (struct str){ text, (size_t)n });
}

static const char *
compression_name(int32_t sys_flag)
{
	static const char *const names[] = { "zlib", "lz4", "zstd", "zlib" };
	unsigned i = (unsigned)(sys_flag & RMQ_SYS_COMPRESSION_MASK) >>
	    RMQ_SYS_COMPRESSION_SHIFT;

	return i < NELEM(names) ? names[i] : "unknown";
}

/* What the record has beside its properties, of this message. */
static uint8_t *
put_own(const struct make *mk, uint8_t *o, unsigned field, int32_t flag)
{
	const struct rmq_record *r = &mk->rec;

	if (flag != 0)
		o = put_prop_i64(o, field, PULSAR_RMQ_FLAG, flag);
	if (r->reconsume_times != 0)
		o = put_prop_i64(
		    o, field, PULSAR_RMQ_RECONSUME, r->reconsume_times);
	o = put_host(o, field, &r->born);
	if (mk->raw)
		o = put_prop(o, field, STR_LIT(PULSAR_RMQ_COMPRESSION),
		    str_of(compression_name(r->sys_flag)));
	if (mk->lost != 0)
		o = put_prop_i64(
		    o, field, PULSAR_RMQ_BODY_BYTES, (int64_t)mk->lost);
	return o;
}

/* --- metadata -------------------------------------------------------------------- */

static uint8_t *
put_wide(uint8_t *o, unsigned field, uint64_t v)
{
	o = wire_put_varint(o, WIRE_V(field));
	return wire_put_varint(o, v);
}

static uint8_t *
put_meta(const struct make *mk, uint8_t *o, size_t payload_n)
{
	const struct rmq_record *r = &mk->rec;
	const struct known *k = &mk->known;
	int64_t deliver_ms = mk->ent->attr.deliver_at_ms;

	o = wire_put_bytes(o, 1, span_of_str(k->producer));
	o = wire_put_u64(o, 2, mk->ent->index);
	o = wire_put_u64(o, 3, (uint64_t)r->born_ms);
	if (!mk->batch) {
		o = put_props(o, 4, r->props);
		o = put_own(mk, o, 4, r->flag);
		if (k->key.len > 0)
			o = wire_put_bytes(o, 6, span_of_str(k->key));
	}
	o = wire_put_u64(o, 9, payload_n);
	if (mk->batch)
		o = wire_put_u64(o, 11, mk->n);
	o = wire_put_u64(o, 12, (uint64_t)r->born_ms);
	if (deliver_ms == 0)
		deliver_ms = k->deliver_ms;
	if (deliver_ms != 0)
		o = put_wide(o, 19, (uint64_t)deliver_ms);
	if (mk->batch)
		o = put_wide(o, 24, mk->ent->index + mk->n - 1);
	return o;
}

/* --- a batch ---------------------------------------------------------------------- */

static size_t
batch_room(const struct make *mk)
{
	struct rmq_batch b = rmq_batch_of(mk->body.p, mk->body.len);
	struct rmq_batch_msg bm;
	struct known k;
	size_t room = 0;

	while (rmq_batch_next(&b, &bm) == ERR_OK) {
		scan(bm.props, &k);
		room += 4 + k.room + bm.body.len;
	}
	return room;
}

static uint8_t *
put_single(const struct make *mk, uint8_t *o, const struct rmq_batch_msg *bm,
    uint32_t at)
{
	uint8_t *start = o;
	struct known k;

	scan(bm->props, &k);
	o = put_props(o + 4, 1, bm->props);
	o = put_own(mk, o, 1, bm->flag);
	if (k.key.len > 0)
		o = wire_put_bytes(o, 2, span_of_str(k.key));
	o = wire_put_u64(o, 3, bm->body.len);
	o = wire_put_u64(o, 5, (uint64_t)mk->rec.born_ms);
	o = wire_put_u64(o, 8, mk->ent->index + at);
	(void)wire_put_be32(start, (uint32_t)(o - start - 4));
	if (bm->body.len > 0)
		memcpy(o, bm->body.p, bm->body.len);
	return o + bm->body.len;
}

/* The payload of a batch; false: it would be too long. */
static bool
make_batch(struct make *mk, struct slice *payload)
{
	struct rmq_batch b = rmq_batch_of(mk->body.p, mk->body.len);
	struct rmq_batch_msg bm;
	size_t room = batch_room(mk);
	struct buf *buf;
	uint32_t at = 0;
	uint8_t *o;

	/* the room is that of the longest numbers: close enough for a limit */
	if (room > mk->max + (size_t)mk->n * FIXED_MAX || room > UINT32_MAX)
		return false;
	buf = buf_new((uint32_t)room);
	o = buf->data;
	while (rmq_batch_next(&b, &bm) == ERR_OK)
		o = put_single(mk, o, &bm, at++);
	buf->len = (uint32_t)(o - buf->data);
	assert(buf->len <= room);
	*payload = slice_of(buf, 0, buf->len);
	if (buf->len <= mk->max)
		return true;
	slice_unref(payload);
	return false;
}

/* --- the whole -------------------------------------------------------------------- */

static void
take_body(struct make *mk)
{
	const struct rmq_record *r = &mk->rec;

	mk->body = r->body;
	if ((r->sys_flag & RMQ_SYS_COMPRESSED) != 0 && r->body.len > 0) {
		if (rmq_body_inflate(
			r->sys_flag, r->body, mk->max, &mk->hold) == ERR_OK)
			mk->body = (struct str){ (const char *)mk->hold->data,
				mk->hold->len };
		else
			mk->raw = true;
	}
	mk->batch = (r->sys_flag & RMQ_SYS_INNER_BATCH) != 0 && !mk->raw &&
	    rmq_batch_count(mk->body.p, mk->body.len, &mk->n) == ERR_OK &&
	    mk->n == mk->ent->attr.messages_n;
}

static void
make_payload(struct make *mk, struct slice *payload)
{
	struct slice body = mk->ent->body;

	*payload = (struct slice){ 0 };
	if (mk->batch) {
		if (make_batch(mk, payload))
			return;
		mk->batch = false;
		mk->lost = mk->body.len;
	} else if (mk->body.len + mk->known.room > mk->max)
		mk->lost = mk->body.len;
	else if (mk->body.len == 0)
		return;
	else if (mk->hold != NULL)
		*payload =
		    slice_ref(slice_of(mk->hold, 0, (uint32_t)mk->body.len));
	else
		*payload = slice_ref(slice_sub(body,
		    (uint32_t)((const uint8_t *)mk->body.p - body.p),
		    (uint32_t)mk->body.len));
}

static void
make_head(struct make *mk, struct pulsar_made *out)
{
	struct buf *b = buf_new((uint32_t)(HEAD + mk->known.room));
	uint8_t *o = b->data, *end;
	uint32_t crc;

	end = put_meta(mk, o + HEAD, out->payload.len);
	b->len = (uint32_t)(end - o);
	assert(b->len <= b->cap);
	(void)wire_put_be16(o, PULSAR_MAGIC_CRC);
	(void)wire_put_be32(o + 6, b->len - HEAD);
	crc = crc32c(0, o + 6, b->len - 6);
	if (out->payload.len > 0)
		crc = crc32c(crc, out->payload.p, out->payload.len);
	(void)wire_put_be32(o + 2, crc);
	out->head = slice_of(b, 0, b->len);
}

enum err
pulsar_of_rmq(
    const struct entry *ent, size_t max_bytes, struct pulsar_made *out)
{
	struct make mk = { .ent = ent, .max = max_bytes };

	if (rmq_record_read(ent->body.p, ent->body.len, &mk.rec) != ERR_OK)
		return ERR_MALFORMED;
	scan(mk.rec.props, &mk.known);
	take_body(&mk);
	make_payload(&mk, &out->payload);
	make_head(&mk, out);
	out->whole = mk.lost == 0 && !mk.raw;
	if (mk.hold != NULL)
		buf_unref(&mk.hold);
	return ERR_OK;
}

void
pulsar_made_fini(struct pulsar_made *m)
{
	slice_unref(&m->head);
	if (m->payload.buf != NULL)
		slice_unref(&m->payload);
}
