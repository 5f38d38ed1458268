/* SPDX-License-Identifier: Apache-2.0 */
#include "core/stage_env.h"

#include "base/buf.h"
#include "base/vas.h"
#include "core/name.h"

#define VERSION 1
#define HEAD_BYTES 24u
#define ATTR_BYTES 52u

/* little-endian */
static uint8_t *
put(uint8_t *p, uint64_t v, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
	return p + n;
}

static uint64_t
get(const uint8_t **p, unsigned n)
{
	uint64_t v = 0;
	unsigned i;

	for (i = 0; i < n; i++)
		v |= (uint64_t)(*p)[i] << (8 * i);
	*p += n;
	return v;
}

static uint8_t *
put_attr(uint8_t *p, const struct attr *a)
{
	p = put(p, a->format, 1);
	p = put(p, a->aux, 1);
	p = put(p, a->flags, 2);
	p = put(p, a->messages_n, 4);
	p = put(p, (uint64_t)a->publish_time_ms, 8);
	p = put(p, (uint64_t)a->deliver_at_ms, 8);
	p = put(p, a->key_hash, 4);
	p = put(p, a->tag_hash, 4);
	p = put(p, a->producer_hash, 8);
	p = put(p, (uint64_t)a->sequence, 8);
	return put(p, a->chunk_hash, 4);
}

static void
get_attr(const uint8_t **p, struct attr *a)
{
	a->format = (uint8_t)get(p, 1);
	a->aux = (uint8_t)get(p, 1);
	a->flags = (uint16_t)get(p, 2);
	a->messages_n = (uint32_t)get(p, 4);
	a->publish_time_ms = (int64_t)get(p, 8);
	a->deliver_at_ms = (int64_t)get(p, 8);
	a->key_hash = (uint32_t)get(p, 4);
	a->tag_hash = (uint32_t)get(p, 4);
	a->producer_hash = get(p, 8);
	a->sequence = (int64_t)get(p, 8);
	a->chunk_hash = (uint32_t)get(p, 4);
}

struct slice
stage_env_write(const struct stage_env *e)
{
	uint32_t len;
	struct buf *b;
	uint8_t *p;

	assert(e->target.len <= NAME_MAX_BYTES);
	assert(e->owner.len <= STAGE_OWNER_MAX);
	len = HEAD_BYTES + ATTR_BYTES + (uint32_t)e->target.len +
	    (uint32_t)e->owner.len + e->body.len;
	b = buf_new(len);
	p = put(b->data, VERSION, 1);
	p = put(p, e->outcome, 1);
	p = put(p, e->kind, 1);
	p = put(p, ATTR_BYTES, 1);
	p = put(p, (uint64_t)e->due_ms, 8);
	p = put(p, e->hash, 8);
	p = put(p, e->target.len, 2);
	p = put(p, e->owner.len, 2);
	p = put_attr(p, &e->attr);
	memcpy(p, e->target.p, e->target.len);
	p += e->target.len;
	if (e->owner.len > 0)
		memcpy(p, e->owner.p, e->owner.len);
	p += e->owner.len;
	if (e->body.len > 0)
		memcpy(p, e->body.p, e->body.len);
	b->len = len;
	return slice_of(b, 0, len);
}

bool
stage_env_read(struct stage_env *e, struct slice s)
{
	const uint8_t *p = s.p, *a;
	uint32_t attr_len, off;

	memset(e, 0, sizeof *e);
	if (s.len < HEAD_BYTES || get(&p, 1) != VERSION)
		return false;
	e->outcome = (enum stage_outcome)get(&p, 1);
	e->kind = (uint8_t)get(&p, 1);
	attr_len = (uint32_t)get(&p, 1);
	e->due_ms = (int64_t)get(&p, 8);
	e->hash = get(&p, 8);
	e->target.len = (size_t)get(&p, 2);
	e->owner.len = (size_t)get(&p, 2);
	off = HEAD_BYTES + attr_len + (uint32_t)e->target.len +
	    (uint32_t)e->owner.len;
	if (e->outcome > STAGE_NOTIFY || attr_len < ATTR_BYTES ||
	    e->due_ms < 0 || off > s.len)
		return false;
	a = p;
	get_attr(&a, &e->attr);
	e->target.p = (const char *)p + attr_len;
	e->owner.p = e->target.p + e->target.len;
	e->body = slice_sub(s, off, s.len - off);
	return e->attr.messages_n > 0 && e->target.len > 0;
}
