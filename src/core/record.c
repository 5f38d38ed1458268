/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"
#include "core/record.h"
#include "core/sub_priv.h"

/*
 * Topic:	u8 version 1, u8 flags (1: terminated, 2: the
 *		owners of its ledgers are written), u16 0, u32 ledgers, u32
 *		properties, u64 epoch, i64 created, u64 i64 terminated position;
 *		a ledger: u64 id, i64 last entry, u64 first index, u64 next
 *		index, u64 bytes, i64 created, i64 last store, u8 open, 7 bytes 0;
 *		a property: u32 u32 lengths, key, value
 * Partitioned:	u8 version 1, 3 bytes 0, u32 partitions, u32 properties, i64
 *		created, properties
 */
#define VERSION 1u
#define FLAG_TERMINATED 0x01u
#define FLAG_MAPPED 0x02u
#define LEDGER_BYTES 64u

struct out {
	uint8_t *p;
	size_t len, cap;
};

static uint8_t *
room(struct out *o, size_t n)
{
	uint8_t *p;

	if (n > o->cap - o->len) {
		o->cap = (o->len + n) * 2;
		o->p = mem_realloc(o->p, o->cap);
	}
	p = o->p + o->len;
	o->len += n;
	return p;
}

static void
put(struct out *o, uint64_t v, unsigned n)
{
	uint8_t *p = room(o, n);

	for (; n > 0; n--, v >>= 8)
		*p++ = (uint8_t)v;
}

static void
put_props(struct out *o, const struct prop *v, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		put(o, v[i].key.len, 4);
		put(o, v[i].value.len, 4);
		if (v[i].key.len != 0)
			memcpy(room(o, v[i].key.len), v[i].key.p, v[i].key.len);
		if (v[i].value.len != 0)
			memcpy(room(o, v[i].value.len), v[i].value.p,
			    v[i].value.len);
	}
}

struct in {
	const uint8_t *p, *end;
	bool bad;
};

static uint64_t
get(struct in *in, unsigned n)
{
	uint64_t v = 0;
	unsigned i;

	if ((size_t)(in->end - in->p) < n) {
		in->bad = true;
		return 0;
	}
	for (i = 0; i < n; i++)
		v |= (uint64_t)in->p[i] << (8 * i);
	in->p += n;
	return v;
}

static enum err
get_props(struct in *in, struct prop **vp, uint32_t n)
{
	struct prop *v;
	uint32_t i;

	*vp = NULL;
	if (n == 0 || in->bad)
		return ERR_OK;
	if (n > RECORD_PROPS_MAX)
		return ERR_CORRUPT;
	v = mem_calloc(n, sizeof *v);
	for (i = 0; i < n && !in->bad; i++) {
		v[i].key.len = get(in, 4);
		v[i].value.len = get(in, 4);
		if (in->bad ||
		    v[i].key.len + v[i].value.len > (size_t)(in->end - in->p)) {
			in->bad = true;
			break;
		}
		v[i].key.p = (const char *)in->p;
		in->p += v[i].key.len;
		v[i].value.p = (const char *)in->p;
		in->p += v[i].value.len;
	}
	if (!in->bad)
		*vp = props_dup(v, n);
	mem_free(v);
	return in->bad ? ERR_CORRUPT : ERR_OK;
}

/* --- topic ------------------------------------------------------------------- */

uint8_t *
topic_record_write(const struct topic_record *r, size_t *len)
{
	struct out o = { NULL, 0, 0 };
	const struct ledger_info *li;
	uint32_t i;

	put(&o, VERSION, 1);
	put(&o,
	    (r->terminated ? FLAG_TERMINATED : 0) |
		(r->mapped ? FLAG_MAPPED : 0),
	    1);
	put(&o, 0, 2);
	put(&o, r->ledgers_n, 4);
	put(&o, r->props_n, 4);
	put(&o, r->epoch, 8);
	put(&o, (uint64_t)r->created_ms, 8);
	put(&o, r->terminated_pos.ledger, 8);
	put(&o, (uint64_t)r->terminated_pos.entry, 8);
	for (i = 0; i < r->ledgers_n; i++) {
		li = &r->ledgers[i];
		put(&o, li->id, 8);
		put(&o, (uint64_t)li->last_entry, 8);
		put(&o, li->first_index, 8);
		put(&o, li->next_index, 8);
		put(&o, li->bytes, 8);
		put(&o, (uint64_t)li->created_ms, 8);
		put(&o, (uint64_t)li->last_store_ms, 8);
		put(&o, li->open, 8);
	}
	put_props(&o, r->props, r->props_n);
	*len = o.len;
	return o.p;
}

static enum err
get_ledgers(struct in *in, struct topic_record *r, uint32_t n)
{
	struct ledger_info *li;
	uint32_t i;

	if (n > RECORD_LEDGERS_MAX ||
	    (size_t)(in->end - in->p) / LEDGER_BYTES < n)
		return ERR_CORRUPT;
	r->ledgers = mem_calloc(n, sizeof *r->ledgers);
	r->ledgers_n = n;
	for (i = 0; i < n; i++) {
		li = &r->ledgers[i];
		li->id = get(in, 8);
		li->last_entry = (int64_t)get(in, 8);
		li->first_index = get(in, 8);
		li->next_index = get(in, 8);
		li->bytes = get(in, 8);
		li->created_ms = (int64_t)get(in, 8);
		li->last_store_ms = (int64_t)get(in, 8);
		li->open = get(in, 8) != 0;
		if (li->last_entry < -1 || li->next_index < li->first_index ||
		    (i > 0 && li->id <= li[-1].id) || (li->open && i < n - 1))
			return ERR_CORRUPT;
	}
	return ERR_OK;
}

enum err
topic_record_read(struct topic_record *r, const void *p, size_t len)
{
	struct in in = { p, (const uint8_t *)p + len, false };
	uint32_t ledgers_n, props_n;
	uint64_t version, flags;
	enum err e;

	memset(r, 0, sizeof *r);
	version = get(&in, 1);
	if (!in.bad && version > VERSION)
		return ERR_NEWER_FORMAT;
	flags = get(&in, 1);
	r->terminated = (flags & FLAG_TERMINATED) != 0;
	r->mapped = (flags & FLAG_MAPPED) != 0;
	(void)get(&in, 2);
	ledgers_n = (uint32_t)get(&in, 4);
	props_n = (uint32_t)get(&in, 4);
	r->epoch = get(&in, 8);
	r->created_ms = (int64_t)get(&in, 8);
	r->terminated_pos.ledger = get(&in, 8);
	r->terminated_pos.entry = (int64_t)get(&in, 8);
	e = in.bad || version != VERSION ? ERR_CORRUPT :
					   get_ledgers(&in, r, ledgers_n);
	if (e == ERR_OK)
		e = get_props(&in, &r->props, props_n);
	if (e == ERR_OK && in.bad)
		e = ERR_CORRUPT;
	if (e == ERR_OK)
		r->props_n = props_n;
	else
		topic_record_fini(r);
	return e;
}

void
topic_record_fini(struct topic_record *r)
{
	mem_free(r->ledgers);
	props_free(&r->props, r->props_n);
	memset(r, 0, sizeof *r);
}

/* --- partitioned ---------------------------------------------------------------- */

uint8_t *
partitioned_record_write(const struct partitioned_record *r, size_t *len)
{
	struct out o = { NULL, 0, 0 };

	put(&o, VERSION, 4);
	put(&o, r->partitions, 4);
	put(&o, r->props_n, 4);
	put(&o, (uint64_t)r->created_ms, 8);
	put_props(&o, r->props, r->props_n);
	*len = o.len;
	return o.p;
}

enum err
partitioned_record_read(struct partitioned_record *r, const void *p, size_t len)
{
	struct in in = { p, (const uint8_t *)p + len, false };
	uint32_t props_n;
	uint64_t version;
	enum err e;

	memset(r, 0, sizeof *r);
	version = get(&in, 4) & 0xff;
	if (!in.bad && version > VERSION)
		return ERR_NEWER_FORMAT;
	r->partitions = (uint32_t)get(&in, 4);
	props_n = (uint32_t)get(&in, 4);
	r->created_ms = (int64_t)get(&in, 8);
	if (in.bad || version != VERSION || r->partitions == 0)
		return ERR_CORRUPT;
	e = get_props(&in, &r->props, props_n);
	if (e == ERR_OK)
		r->props_n = props_n;
	return e;
}

void
partitioned_record_fini(struct partitioned_record *r)
{
	props_free(&r->props, r->props_n);
	memset(r, 0, sizeof *r);
}

/* --- keys -------------------------------------------------------------------------- */

_Static_assert(NAME_MAX_BYTES + sizeof META_PARTITIONED <= META_KEY_MAX,
    "a name fits its keys");

size_t
key_text(uint8_t key[static META_KEY_MAX], const char *prefix, struct str s)
{
	size_t n = strlen(prefix);

	assert(n + s.len <= META_KEY_MAX);
	memcpy(key, prefix, n);
	if (s.len != 0)
		memcpy(key + n, s.p, s.len);
	return n + s.len;
}

size_t
key_topic(uint8_t key[static META_KEY_MAX], const struct topic_name *tn)
{
	return key_text(key, META_TOPIC, tn->key);
}

size_t
key_whole(uint8_t key[static META_KEY_MAX], const struct topic_name *tn)
{
	struct str base = tn->key;

	base.len -= tn->full.len - tn->base.len;
	return key_text(key, META_TOPIC, base);
}

size_t
key_partitioned(uint8_t key[static META_KEY_MAX], const struct topic_name *tn)
{
	struct str base = tn->key;
	size_t n;

	base.len -= tn->full.len - tn->base.len;
	n = key_text(key, META_PARTITIONED,
	    tn->persistent ? STR_LIT("persistent/") :
			     STR_LIT("non-persistent/"));
	assert(n + base.len <= META_KEY_MAX);
	memcpy(key + n, base.p, base.len);
	return n + base.len;
}

size_t
key_subs(uint8_t key[static META_KEY_MAX], const struct topic_name *tn)
{
	size_t n = key_text(key, META_SUB, tn->key);

	assert(n < META_KEY_MAX);
	key[n] = 0;
	return n + 1;
}
