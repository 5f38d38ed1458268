/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame and both headers of RocketMQ's remoting protocol over bytes of a
 * peer. A header that decodes is encoded again, in both encodings, and what
 * decodes from that has to be the same.
 *
 * Input: the encoding (u8), then the header.
 */
#include <stdlib.h>

#include "base/vas.h"
#include "rocketmq/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sum; /* keeps reads alive */

static void
touch(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		sum += (uint8_t)s.p[i];
}

static void
read_fields(const struct rheader *h)
{
	int64_t v = 0;
	bool b = false;
	unsigned i;
	char c;

	touch(h->remark);
	for (i = 0; i < h->fields_n; i++) {
		touch(h->f[i].name);
		touch(h->f[i].value);
		(void)!rtext_i64(h->f[i].value, &v);
		(void)!rtext_bool(h->f[i].value, &b);
	}
	for (c = 'a'; c < 'a' + RHEADER_LETTERS; c++) {
		struct str s = rheader_letter(h, c);

		assert(str_eq(s, rheader_find(h, &c, 1)));
		touch(s);
	}
	sum += (uint64_t)v + b + strlen(rlanguage_name(h->language));
}

/* can rout take it for a name? */
static bool
plain(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] < ' ' || s.p[i] > '~' || s.p[i] == '"' ||
		    s.p[i] == '\\')
			return false;
	return s.len < 100;
}

static bool
ascii(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((s.p[i] & 0x80) != 0)
			return false;
	return true;
}

static void
again(const struct rheader *h, unsigned type)
{
	static struct rheader back;
	struct rscratch scratch = { 0 };
	struct rframe fr;
	struct rout o;
	char name[101];
	unsigned i;
	enum err e;

	rout_init(&o, 16 << 20);
	rout_begin(&o, type, h->code, h->opaque, h->flag, h->remark);
	for (i = 0; i < h->fields_n; i++) {
		if (!plain(h->f[i].name))
			continue;
		memcpy(name, h->f[i].name.p, h->f[i].name.len);
		name[h->f[i].name.len] = '\0';
		rout_str(&o, name, h->f[i].value);
	}
	e = rout_end(&o, 0);
	assert(e == ERR_OK);
	assert(rframe_parse((uint8_t *)o.sb.p, o.sb.len, &fr) == RFRAME_OK);
	scratch.cap = o.sb.len;
	scratch.p = malloc(scratch.cap);
	e = rheader_scan(&back, type, fr.header, fr.header_n, &scratch);
	assert(e == ERR_OK);
	if (type == RHEADER_JSON)
		assert(back.code == h->code);
	assert(back.opaque == h->opaque && back.flag == h->flag);
	for (i = 0; i < back.fields_n; i++) {
		struct str v =
		    rheader_find(h, back.f[i].name.p, back.f[i].name.len);

		/* in JSON what is not UTF-8 has become so */
		assert(str_eq(v, back.f[i].value) ||
		    (type == RHEADER_JSON && !ascii(v)));
	}
	free(scratch.p);
	rout_fini(&o);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rheader h;
	struct rscratch scratch = { 0 };
	struct rframe fr;
	size_t n = 0;

	if (rframe_size(data, size, RFRAME_MAX_DEFAULT, &n) == RFRAME_OK &&
	    n <= size && rframe_parse(data, n, &fr) == RFRAME_OK)
		touch((struct str){ (const char *)fr.body, fr.body_n });
	if (size == 0)
		return 0;
	/* as long as the header: never too short */
	scratch.cap = size;
	scratch.p = malloc(size);
	if (rheader_scan(&h, data[0], data + 1, size - 1, &scratch) == ERR_OK) {
		read_fields(&h);
		again(&h, RHEADER_JSON);
		again(&h, RHEADER_BINARY);
	}
	scratch.cap = size / 8;
	(void)!rheader_scan(&h, data[0], data + 1, size - 1, &scratch);
	free(scratch.p);
	return 0;
}
