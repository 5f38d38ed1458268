/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a durable subscription: version 1, journal id, flags (bit 0:
 * replicated, bit 1: loose, holds no data), number of properties, each as key and value.
 */
#include "core/cbuf.h"
#include "core/sub_priv.h"

#define RECORD_VERSION 1
#define RECORD_REPLICATED 1u
#define RECORD_LOOSE 2u
#define PROPS_MAX 4096u

void
sub_record_write(const struct sub *s, uint8_t **p, size_t *len)
{
	struct cbuf b = CBUF_EMPTY;
	uint32_t i;

	cbuf_uint(&b, RECORD_VERSION);
	cbuf_uint(&b, s->journal_id);
	cbuf_uint(&b,
	    (s->replicated ? RECORD_REPLICATED : 0) |
		(s->holds ? 0 : RECORD_LOOSE));
	cbuf_uint(&b, s->props_n);
	for (i = 0; i < s->props_n; i++) {
		cbuf_str(&b, s->props[i].key);
		cbuf_str(&b, s->props[i].value);
	}
	*p = b.p;
	*len = b.len;
}

bool
sub_record_read(struct sub_record *sr, const void *p, size_t len)
{
	struct cread r = { p, (const uint8_t *)p + len, false };
	struct prop *v;
	uint64_t n, i, flags;

	memset(sr, 0, sizeof *sr);
	if (cread_uint(&r) != RECORD_VERSION)
		return false;
	sr->journal_id = cread_uint(&r);
	flags = cread_uint(&r);
	sr->replicated = (flags & RECORD_REPLICATED) != 0;
	sr->holds = (flags & RECORD_LOOSE) == 0;
	n = cread_uint(&r);
	if (r.bad || n > PROPS_MAX)
		return false;
	v = mem_calloc(n, sizeof *v);
	for (i = 0; i < n; i++) {
		v[i].key = cread_str(&r);
		v[i].value = cread_str(&r);
	}
	if (!r.bad && n > 0) {
		sr->props = props_dup(v, (uint32_t)n);
		sr->props_n = (uint32_t)n;
	}
	mem_free(v);
	return !r.bad;
}

size_t
sub_record_key(const struct topic *t, struct str sub, uint8_t *key)
{
	const size_t pre = sizeof META_SUB - 1;
	size_t n = pre + t->name.key.len + 1 + sub.len;

	if (n > META_KEY_MAX)
		return 0;
	memcpy(key, META_SUB, pre);
	memcpy(key + pre, t->name.key.p, t->name.key.len);
	key[pre + t->name.key.len] = 0;
	memcpy(key + pre + t->name.key.len + 1, sub.p, sub.len);
	return n;
}
