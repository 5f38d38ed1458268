/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32.h"
#include "base/hash.h"
#include "base/vas.h"
#include "format/rmq_batch.h"
#include "format/rmq_props.h"
#include "format/rmq_record.h"

#define HOST_V4 8
#define HOST_V6 20
/* before the born host; the numbers between the hosts and the body's length */
#define FIXED_1 48
#define FIXED_2 (8 + 4 + 8 + 4)

_Static_assert(RMQ_RECORD_MIN == FIXED_1 + 2 * HOST_V4 + FIXED_2 + 1 + 2,
    "the shortest record");

/* ---- reading */

struct in {
	const uint8_t *p;
	size_t n;
};

static const uint8_t *
take(struct in *in, size_t n)
{
	const uint8_t *p = in->p;

	if (n > in->n)
		return NULL;
	in->p += n;
	in->n -= n;
	return p;
}

static bool
take_str(struct in *in, size_t n, struct str *s)
{
	const uint8_t *p = take(in, n);

	*s = (struct str){ (const char *)p, n };
	return p != NULL;
}

static size_t
host_n(bool v6)
{
	return v6 ? HOST_V6 : HOST_V4;
}

static void
read_host(const uint8_t *p, bool v6, struct rmq_host *h)
{
	size_t ip_n = host_n(v6) - 4;

	h->v6 = v6;
	memset(h->ip, 0, sizeof h->ip);
	memcpy(h->ip, p, ip_n);
	h->port = be32_get(p + ip_n);
}

static bool
is_v6(const struct rmq_record *r, int32_t whose)
{
	return (r->sys_flag & whose) != 0;
}

/* What has a length: *head is what stands before the body's. */
static enum err
read_texts(const uint8_t *rec, size_t n, struct rmq_record *r, size_t *head)
{
	struct in in;
	const uint8_t *p;
	uint32_t magic, len;

	if (n < RMQ_RECORD_MIN)
		return ERR_MALFORMED;
	r->size = be32_get(rec);
	magic = be32_get(rec + 4);
	if (r->size < RMQ_RECORD_MIN || r->size > n ||
	    (magic != RMQ_MAGIC_V1 && magic != RMQ_MAGIC_V2))
		return ERR_MALFORMED;
	r->sys_flag = (int32_t)be32_get(rec + RMQ_AT_SYS_FLAG);
	*head = FIXED_1 + host_n(is_v6(r, RMQ_SYS_BORN_V6)) +
	    host_n(is_v6(r, RMQ_SYS_STORE_V6)) + FIXED_2 - 4;
	in = (struct in){ rec, r->size };
	if (take(&in, *head) == NULL)
		return ERR_MALFORMED;
	p = take(&in, 4);
	if (p == NULL || !take_str(&in, be32_get(p), &r->body))
		return ERR_MALFORMED;
	p = take(&in, magic == RMQ_MAGIC_V1 ? 1 : 2);
	if (p == NULL)
		return ERR_MALFORMED;
	len = magic == RMQ_MAGIC_V1 ? *p : be16_get(p);
	/* both are signed for the clients */
	if (len > (magic == RMQ_MAGIC_V1 ? RMQ_TOPIC_V1_MAX : RMQ_TOPIC_MAX) ||
	    !take_str(&in, len, &r->topic))
		return ERR_MALFORMED;
	p = take(&in, 2);
	if (p == NULL)
		return ERR_MALFORMED;
	len = be16_get(p);
	if (len > RMQ_PROPS_MAX || !take_str(&in, len, &r->props))
		return ERR_MALFORMED;
	return in.n == 0 ? ERR_OK : ERR_MALFORMED;
}

enum err
rmq_record_read(const uint8_t *rec, size_t n, struct rmq_record *r)
{
	const uint8_t *p;
	size_t head;
	enum err e;

	e = read_texts(rec, n, r, &head);
	if (e != ERR_OK)
		return e;
	r->body_crc = be32_get(rec + 8);
	r->queue_id = (int32_t)be32_get(rec + RMQ_AT_QUEUE_ID);
	r->flag = (int32_t)be32_get(rec + RMQ_AT_FLAG);
	r->queue_offset = (int64_t)be64_get(rec + RMQ_AT_QUEUE_OFFSET);
	r->phys_offset = (int64_t)be64_get(rec + RMQ_AT_PHYS_OFFSET);
	r->born_ms = (int64_t)be64_get(rec + RMQ_AT_BORN_MS);
	p = rec + FIXED_1;
	read_host(p, is_v6(r, RMQ_SYS_BORN_V6), &r->born);
	p += host_n(r->born.v6);
	r->store_ms = (int64_t)be64_get(p);
	read_host(p + 8, is_v6(r, RMQ_SYS_STORE_V6), &r->store);
	p = rec + head - 12;
	r->reconsume_times = (int32_t)be32_get(p);
	r->prepared_offset = (int64_t)be64_get(p + 4);
	return ERR_OK;
}

/* ---- writing */

static bool
is_v2(const struct rmq_record *r)
{
	return r->topic.len > RMQ_TOPIC_V1_MAX;
}

size_t
rmq_record_size(const struct rmq_record *r)
{
	if (r->topic.len > RMQ_TOPIC_MAX || r->props.len > RMQ_PROPS_MAX ||
	    r->body.len > RMQ_BODY_MAX)
		return 0;
	return FIXED_1 + host_n(r->born.v6) + host_n(r->store.v6) + FIXED_2 +
	    r->body.len + (is_v2(r) ? 2 : 1) + r->topic.len + 2 + r->props.len;
}

static uint8_t *
put_str(uint8_t *p, struct str s)
{
	if (s.len != 0)
		memcpy(p, s.p, s.len);
	return p + s.len;
}

static uint8_t *
put_host(uint8_t *p, const struct rmq_host *h)
{
	size_t ip_n = h->v6 ? 16 : 4;

	memcpy(p, h->ip, ip_n);
	be32_put(p + ip_n, h->port);
	return p + ip_n + 4;
}

size_t
rmq_record_write_head(uint8_t *start, const struct rmq_record *r)
{
	uint8_t *p = start;
	size_t size = rmq_record_size(r);
	int32_t sys = r->sys_flag & ~(RMQ_SYS_BORN_V6 | RMQ_SYS_STORE_V6);

	assert(size != 0);
	if (r->born.v6)
		sys |= RMQ_SYS_BORN_V6;
	if (r->store.v6)
		sys |= RMQ_SYS_STORE_V6;
	be32_put(p, (uint32_t)size);
	be32_put(p + 4, is_v2(r) ? RMQ_MAGIC_V2 : RMQ_MAGIC_V1);
	be32_put(p + 8, r->body_crc);
	be32_put(p + RMQ_AT_QUEUE_ID, (uint32_t)r->queue_id);
	be32_put(p + RMQ_AT_FLAG, (uint32_t)r->flag);
	be64_put(p + RMQ_AT_QUEUE_OFFSET, (uint64_t)r->queue_offset);
	be64_put(p + RMQ_AT_PHYS_OFFSET, (uint64_t)r->phys_offset);
	be32_put(p + RMQ_AT_SYS_FLAG, (uint32_t)sys);
	be64_put(p + RMQ_AT_BORN_MS, (uint64_t)r->born_ms);
	p = put_host(p + FIXED_1, &r->born);
	be64_put(p, (uint64_t)r->store_ms);
	p = put_host(p + 8, &r->store);
	be32_put(p, (uint32_t)r->reconsume_times);
	be64_put(p + 4, (uint64_t)r->prepared_offset);
	be32_put(p + 12, (uint32_t)r->body.len);
	return (size_t)(p + 16 - start);
}

size_t
rmq_record_write_tail(uint8_t *start, const struct rmq_record *r)
{
	uint8_t *p = start;

	if (is_v2(r)) {
		be16_put(p, (uint16_t)r->topic.len);
		p += 2;
	} else
		*p++ = (uint8_t)r->topic.len;
	p = put_str(p, r->topic);
	be16_put(p, (uint16_t)r->props.len);
	p = put_str(p + 2, r->props);
	return (size_t)(p - start);
}

size_t
rmq_record_write(uint8_t *start, const struct rmq_record *r)
{
	uint8_t *p = start;

	p += rmq_record_write_head(p, r);
	p = put_str(p, r->body);
	p += rmq_record_write_tail(p, r);
	return (size_t)(p - start);
}

uint32_t
rmq_body_crc(const void *body, size_t n)
{
	return crc32_zip(0, body, n) & 0x7fffffffU;
}

void
rmq_record_stamp(uint8_t *body, size_t len, uint64_t queue_offset,
    uint64_t phys_offset, int64_t store_ms)
{
	uint32_t size;

	while (len != 0) {
		size = rmq_get_size(body);
		assert(size >= RMQ_RECORD_MIN && size <= len);
		rmq_put_queue_offset(body, (int64_t)queue_offset++);
		rmq_put_phys_offset(body, (int64_t)phys_offset++);
		rmq_put_store_ms(body, store_ms);
		body += size;
		len -= size;
	}
}

static void
stamp(uint8_t *body, size_t len, const struct entry_place *place)
{
	rmq_record_stamp(
	    body, len, place->index, place->locator, place->store_time_ms);
}

/* ---- keys */

/* In the logs of all versions: it never changes. */
uint64_t
rmq_key_hash(struct str key)
{
	return hash_murmur3_pair(0x6b657931U, 0x6b657932U, key.p, key.len);
}

static unsigned
props_keys(struct str props, uint64_t *hash, unsigned max)
{
	const struct str *const names[] = { &RMQ_PROP_UNIQ_KEY,
		&RMQ_PROP_KEYS };
	struct str v[NELEM(names)], key;
	unsigned n = 0;

	rmq_props_get_many(props, names, v, NELEM(names));
	if (v[0].len > 0 && n < max)
		hash[n++] = rmq_key_hash(v[0]);
	while (n < max && rmq_keys_next(&v[1], &key))
		hash[n++] = rmq_key_hash(key);
	return n;
}

static unsigned
batch_keys(struct str body, uint64_t *hash, unsigned max)
{
	struct rmq_batch b = rmq_batch_of(body.p, body.len);
	struct rmq_batch_msg m;
	unsigned n = 0;

	while (n < max && rmq_batch_next(&b, &m) == ERR_OK)
		n += props_keys(m.props, hash + n, max - n);
	return n;
}

bool
rmq_record_has_key(const struct rmq_record *r, struct str key)
{
	const struct str *const names[] = { &RMQ_PROP_UNIQ_KEY,
		&RMQ_PROP_KEYS };
	struct str v[NELEM(names)], k;

	rmq_props_get_many(r->props, names, v, NELEM(names));
	if (v[0].len > 0 && str_eq(v[0], key))
		return true;
	while (rmq_keys_next(&v[1], &k))
		if (str_eq(k, key))
			return true;
	return false;
}

/* Those of each record, and of each message in it */
static unsigned
keys(const uint8_t *body, size_t len, uint64_t *hash, unsigned max)
{
	struct rmq_record r;
	unsigned n = 0;
	size_t head;

	while (
	    len != 0 && n < max && read_texts(body, len, &r, &head) == ERR_OK) {
		n += props_keys(r.props, hash + n, max - n);
		if (rmq_is_inner_batch(r.sys_flag))
			n += batch_keys(r.body, hash + n, max - n);
		body += r.size;
		len -= r.size;
	}
	return n;
}

const struct entry_format_ops rmq_record_format = { .stamp = stamp,
	.keys = keys };
