/* SPDX-License-Identifier: Apache-2.0 */
#include "format/rmq_batch.h"

#define HEAD 20 /* to the body */

struct rmq_batch
rmq_batch_of(const void *body, size_t n)
{
	const uint8_t *p = body;

	return (struct rmq_batch){ p, n != 0 ? p + n : p };
}

enum err
rmq_batch_next(struct rmq_batch *b, struct rmq_batch_msg *m)
{
	const uint8_t *p = b->p;
	size_t left = (size_t)(b->end - p), n;

	if (left == 0)
		return ERR_EOF;
	if (left < HEAD)
		return ERR_MALFORMED;
	m->flag = (int32_t)be32_get(p + 12);
	n = be32_get(p + 16);
	p += HEAD;
	left -= HEAD;
	if (n > RMQ_BODY_MAX || n > left || left - n < 2)
		return ERR_MALFORMED;
	m->body = (struct str){ (const char *)p, n };
	p += n;
	left -= n;
	n = be16_get(p);
	p += 2;
	left -= 2;
	if (n > RMQ_PROPS_MAX || n > left)
		return ERR_MALFORMED;
	m->props = (struct str){ (const char *)p, n };
	b->p = p + n;
	return ERR_OK;
}

enum err
rmq_batch_count(const void *body, size_t n, uint32_t *count)
{
	struct rmq_batch b = rmq_batch_of(body, n);
	struct rmq_batch_msg m;
	enum err e;

	*count = 0;
	while ((e = rmq_batch_next(&b, &m)) == ERR_OK)
		(*count)++;
	return e == ERR_EOF && *count != 0 ? ERR_OK : ERR_MALFORMED;
}

size_t
rmq_batch_size(const struct rmq_batch_msg *m)
{
	assert(m->body.len <= RMQ_BODY_MAX && m->props.len <= RMQ_PROPS_MAX);
	return HEAD + m->body.len + 2 + m->props.len;
}

size_t
rmq_batch_write(uint8_t *p, const struct rmq_batch_msg *m)
{
	size_t size = rmq_batch_size(m);

	be32_put(p, (uint32_t)size);
	be32_put(p + 4, 0);
	be32_put(p + 8, 0);
	be32_put(p + 12, (uint32_t)m->flag);
	be32_put(p + 16, (uint32_t)m->body.len);
	p += HEAD;
	if (m->body.len != 0)
		memcpy(p, m->body.p, m->body.len);
	p += m->body.len;
	be16_put(p, (uint16_t)m->props.len);
	if (m->props.len != 0)
		memcpy(p + 2, m->props.p, m->props.len);
	return size;
}

void
rmq_unwrap_init(struct rmq_unwrap *u, const struct rmq_record *outer)
{
	u->outer = *outer;
	u->outer.sys_flag &= ~(RMQ_SYS_NEED_UNWRAP | RMQ_SYS_INNER_BATCH);
	u->batch = rmq_batch_of(outer->body.p, outer->body.len);
	u->n = 0;
}

enum err
rmq_unwrap_next(struct rmq_unwrap *u, struct rmq_record *r)
{
	struct rmq_batch_msg m;
	enum err e;

	e = rmq_batch_next(&u->batch, &m);
	if (e != ERR_OK)
		return e;
	*r = u->outer;
	r->flag = m.flag;
	r->body = m.body;
	r->body_crc = rmq_body_crc(m.body.p, m.body.len);
	r->props = m.props;
	r->queue_offset += u->n;
	r->phys_offset += u->n;
	u->n++;
	return ERR_OK;
}
