/* SPDX-License-Identifier: Apache-2.0 */
#include "format/reference.h"

#include "base/be.h"

#define VERSION 1
#define AT_LEDGER 1
#define AT_ENTRY 9
#define AT_TOPIC 17
#define TOPIC_MAX 65536u

struct slice
reference_make(const struct reference *r)
{
	struct buf *b;

	assert(r->topic.len > 0 && r->topic.len <= TOPIC_MAX);
	assert(r->pos.entry >= 0);
	b = buf_new(AT_TOPIC + (uint32_t)r->topic.len);
	b->data[0] = VERSION;
	be64_put(b->data + AT_LEDGER, r->pos.ledger);
	be64_put(b->data + AT_ENTRY, (uint64_t)r->pos.entry);
	memcpy(b->data + AT_TOPIC, r->topic.p, r->topic.len);
	b->len = AT_TOPIC + (uint32_t)r->topic.len;
	return slice_of(b, 0, b->len);
}

enum err
reference_read(struct slice body, struct reference *r)
{
	uint64_t entry;

	if (body.len <= AT_TOPIC || body.len > AT_TOPIC + TOPIC_MAX ||
	    body.p[0] != VERSION)
		return ERR_MALFORMED;
	entry = be64_get(body.p + AT_ENTRY);
	if (entry > INT64_MAX)
		return ERR_MALFORMED;
	r->pos = (struct pos){ be64_get(body.p + AT_LEDGER), (int64_t)entry };
	r->topic = (struct str){ (const char *)body.p + AT_TOPIC,
		body.len - AT_TOPIC };
	return ERR_OK;
}
