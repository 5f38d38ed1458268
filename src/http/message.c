/* SPDX-License-Identifier: Apache-2.0 */
#include "http/message.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/compress.h"

/* Larger than any maxMessageSize that can be configured. */
#define PAYLOAD_MAX (160u << 20)
#define MAGIC_CRC32C 0x0e01

enum kind {
	K_NONE, /* not shown */
	K_TEXT,
	K_BASE64,
	K_UINT,
	K_INT,
	K_BOOL,
	K_TIME,
	K_PROP,
	K_COMPRESSION,
	K_UNCOMPRESSED
};

/* MessageMetadata by field number; names as PersistentTopicsBase's */
static const struct {
	const char *name;
	enum kind kind;
} fields[] = {
	[1] = { "producer-name", K_TEXT },
	[2] = { "sequence-id", K_UINT },
	[3] = { "publish-time", K_TIME },
	[4] = { NULL, K_PROP },
	[5] = { "replicated-from", K_TEXT },
	[6] = { "partition-key", K_TEXT },
	[7] = { "replicated-to", K_TEXT },
	[8] = { "compression", K_COMPRESSION },
	[9] = { "uncompressed-size", K_UNCOMPRESSED },
	[11] = { "num-batch-message", K_INT },
	[12] = { "event-time", K_TIME },
	[13] = { "Base64-encryption-keys", K_BASE64 },
	[14] = { "encryption-algo", K_TEXT },
	[15] = { "Base64-encryption-param", K_BASE64 },
	[16] = { "Base64-schema-version", K_BASE64 },
	[17] = { "partition-key-b64-encoded", K_BOOL },
	[18] = { "Base64-ordering-key", K_BASE64 },
	[19] = { "deliver-at-time", K_TIME },
	[20] = { "marker-type", K_INT },
	[22] = { "txnid-least-bits", K_UINT },
	[23] = { "txnid-most-bits", K_UINT },
	[24] = { "highest-sequence-id", K_UINT },
	[25] = { "null-value", K_BOOL },
	[26] = { "uuid", K_TEXT },
	[27] = { "num-chunks-from-msg", K_INT },
	[28] = { "total-chunk-msg-size", K_INT },
	[29] = { "chunk-id", K_INT },
	[30] = { "null-partition-key", K_BOOL },
};

enum {
	F_NUM_BATCH = 11,
	F_KEYS = 13
};

struct cursor {
	const uint8_t *p, *end;
};

struct message {
	struct req *rq;
	struct strbuf props; /* JSON of the properties */
	bool batch, encrypted;
	uint64_t compression, uncompressed;
	struct cursor payload;
	size_t rest; /* of the entry without its metadata */
};

/* --- protobuf --------------------------------------------------------------------- */

static bool
varint(struct cursor *c, uint64_t *v)
{
	unsigned shift;

	*v = 0;
	for (shift = 0; shift < 64 && c->p < c->end; shift += 7) {
		*v |= (uint64_t)(*c->p & 0x7f) << shift;
		if ((*c->p++ & 0x80) == 0)
			return true;
	}
	return false;
}

/* One field: its number, and v or the bytes. */
static bool
field(struct cursor *c, uint64_t *number, uint64_t *v, struct str *bytes)
{
	uint64_t tag, n = 0;

	*bytes = STR_NONE;
	*v = 0;
	if (!varint(c, &tag))
		return false;
	*number = tag >> 3;
	switch (tag & 7) {
	case 0:
		return varint(c, v);
	case 1:
		n = 8;
		break;
	case 2:
		if (!varint(c, &n))
			return false;
		break;
	case 5:
		n = 4;
		break;
	default:
		return false;
	}
	if (n > (uint64_t)(c->end - c->p))
		return false;
	bytes->p = (const char *)c->p;
	bytes->len = (size_t)n;
	c->p += n;
	return true;
}

/* --- headers ---------------------------------------------------------------------- */

static void
base64(struct strbuf *sb, struct str s)
{
	char *to = strbuf_reserve(sb, BASE64_ENCODED(s.len));

	if (to != NULL)
		strbuf_commit(sb, base64_encode(to, s.p, s.len, false));
}

/* A header can hold neither the ends of lines nor a NUL. */
static void
printable(struct strbuf *sb, struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		strbuf_addc(sb, (unsigned char)s.p[i] < ' ' ? ' ' : s.p[i]);
}

static const char *
compression_name(uint64_t n)
{
	static const char *const names[] = { "NONE", "LZ4", "ZLIB", "ZSTD",
		"SNAPPY" };

	return n < NELEM(names) ? names[n] : "UNKNOWN";
}

static void
add_time(struct strbuf *sb, uint64_t ms)
{
	struct strbuf t;

	strbuf_init(&t, 64);
	json_add_time(&t, ms > INT64_MAX ? -1 : (int64_t)ms);
	/* without the quotes */
	if (t.len > 2 && t.p[0] == '"')
		strbuf_add(sb, t.p + 1, t.len - 2);
	strbuf_fini(&t);
}

static bool
add_prop(struct message *m, struct str bytes)
{
	struct cursor c = { (const uint8_t *)bytes.p,
		(const uint8_t *)bytes.p + bytes.len };
	struct str key = STR_NONE, val = STR_NONE, s;
	uint64_t n, v;

	while (c.p < c.end) {
		if (!field(&c, &n, &v, &s))
			return false;
		if (n == 1)
			key = s;
		else if (n == 2)
			val = s;
	}
	strbuf_addc(&m->props, m->props.len > 0 ? ',' : '{');
	json_add_text(&m->props, key);
	strbuf_addc(&m->props, ':');
	json_add_text(&m->props, val);
	return true;
}

static bool
add_field(struct message *m, uint64_t n, uint64_t v, struct str bytes)
{
	struct strbuf sb;
	char name[64];

	if (n >= NELEM(fields) || fields[n].kind == K_NONE)
		return true;
	if (fields[n].kind == K_PROP)
		return add_prop(m, bytes);
	m->batch |= n == F_NUM_BATCH;
	m->encrypted |= n == F_KEYS;
	strbuf_init(&sb, 64u << 10);
	switch (fields[n].kind) {
	case K_BASE64:
		base64(&sb, bytes);
		break;
	case K_INT:
		strbuf_add_i64(&sb, (int32_t)v);
		break;
	case K_BOOL:
		strbuf_adds(&sb, v != 0 ? "true" : "false");
		break;
	case K_TIME:
		add_time(&sb, v);
		break;
	case K_COMPRESSION:
		m->compression = v;
		strbuf_adds(&sb, compression_name(v));
		break;
	case K_UNCOMPRESSED:
		m->uncompressed = v;
		strbuf_add_u64(&sb, v);
		break;
	case K_UINT:
		strbuf_add_u64(&sb, v);
		break;
	default:
		printable(&sb, bytes);
		break;
	}
	(void)snprintf(name, sizeof(name), "X-Pulsar-%s", fields[n].name);
	/* one of 64 KiB would not fit an answer's head */
	if (strbuf_err(&sb) == ERR_OK)
		req_header(m->rq, name, strbuf_str(&sb));
	strbuf_fini(&sb);
	return true;
}

/* --- the entry -------------------------------------------------------------------- */

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* [0x0e01, crc32c] size of the metadata, metadata, payload */
static bool
split(const struct entry *ent, struct cursor *meta, struct cursor *payload)
{
	const uint8_t *p = ent->body.p, *end = p + ent->body.len;
	uint32_t n;

	if (end - p >= 6 && (p[0] << 8 | p[1]) == MAGIC_CRC32C)
		p += 6;
	if (end - p < 4)
		return false;
	n = be32(p);
	p += 4;
	if (n > (size_t)(end - p))
		return false;
	*meta = (struct cursor){ p, p + n };
	*payload = (struct cursor){ p + n, end };
	return true;
}

static bool
add_payload(struct message *m)
{
	/* by CompressionType of PulsarApi.proto, less NONE */
	static const enum compress formats[] = { COMPRESS_LZ4_BLOCK,
		COMPRESS_ZLIB, COMPRESS_ZSTD, COMPRESS_SNAPPY };
	struct strbuf *out = &m->rq->out;
	size_t len = (size_t)(m->payload.end - m->payload.p);
	size_t want = (size_t)m->uncompressed;
	struct buf *plain;
	bool whole;

	if (m->compression == 0 || m->encrypted) {
		strbuf_add(out, m->payload.p, len);
		return true;
	}
	if (m->uncompressed > PAYLOAD_MAX || m->compression > NELEM(formats))
		return false;
	if (want == 0)
		return true;
	if (compress_inflate(formats[m->compression - 1], m->payload.p, len,
		want, &plain) != ERR_OK)
		return false;
	whole = plain->len == want;
	if (whole)
		strbuf_add(out, plain->data, plain->len);
	buf_unref(&plain);
	return whole && strbuf_err(out) == ERR_OK;
}

static bool
build(struct message *m, const struct entry *ent)
{
	struct req *rq = m->rq;
	struct cursor meta;
	char text[64];
	uint64_t n, v;
	struct str bytes;

	if (!split(ent, &meta, &m->payload))
		return false;
	m->rest = ent->body.len - (size_t)(meta.end - meta.p);
	(void)snprintf(text, sizeof(text), "%llu:%lld",
	    (unsigned long long)ent->pos.ledger, (long long)ent->pos.entry);
	req_header(rq, "X-Pulsar-Message-ID", text);
	while (meta.p < meta.end)
		if (!field(&meta, &n, &v, &bytes) || !add_field(m, n, v, bytes))
			return false;
	if (m->props.len == 0)
		strbuf_addc(&m->props, '{');
	strbuf_addc(&m->props, '}');
	if (strbuf_err(&m->props) == ERR_OK)
		req_header(rq, "X-Pulsar-PROPERTY", strbuf_str(&m->props));
	if (m->batch) {
		(void)snprintf(text, sizeof(text), "%zu", m->rest);
		req_header(rq, "X-Pulsar-batch-size", text);
	}
	req_header(
	    rq, "X-Pulsar-Is-Encrypted", m->encrypted ? "true" : "false");
	req_header(rq, "X-Pulsar-txn-uncommitted", "false");
	return add_payload(m);
}

void
message_answer(struct req *rq, const struct entry *ent)
{
	struct message m = { .rq = rq };

	if (ent->attr.format != ENTRY_FORMAT_PULSAR) {
		req_fail(rq, ERR_NOT_SUPPORTED,
		    "The message was not published by Pulsar's protocol");
		return;
	}
	strbuf_init(&m.props, 64u << 10);
	if (build(&m, ent))
		req_json(rq);
	else
		req_fail(rq, ERR_CORRUPT, "The message cannot be read");
	strbuf_fini(&m.props);
}
