/* SPDX-License-Identifier: Apache-2.0 */
#include "http/message.h"

#include <stdio.h>

#include "base/base64.h"
#include "format/pulsar_msgs.h"
#include "format/pulsar_of_rmq.h"
#include "format/wire.h"

/* Larger than any maxMessageSize that can be configured. */
#define PAYLOAD_MAX (160u << 20)

enum kind {
	K_NONE, /* not shown */
	K_TEXT,
	K_BASE64,
	K_UINT,
	K_INT,
	K_BOOL,
	K_TIME,
	K_PROP,
	K_COMPRESSION
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
	[9] = { "uncompressed-size", K_UINT },
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

struct message {
	struct req *rq;
	struct strbuf props; /* JSON of the properties */
	struct pulsar_meta meta;
};

/* One field: its number, and v or the bytes. */
static bool
field(struct wire *w, uint32_t *number, uint64_t *v, struct str *bytes)
{
	struct span s = { 0 };
	uint32_t tag;
	bool ok;

	*v = 0;
	if (!wire_tag(w, &tag))
		return false;
	*number = tag >> 3;
	if ((tag & 7) == WIRE_VARINT)
		ok = wire_varint(w, v);
	else if ((tag & 7) == WIRE_LEN)
		ok = wire_bytes(w, &s);
	else
		ok = wire_skip(w, tag);
	*bytes = span_text(s);
	return ok;
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
	struct span key, val;

	if (pulsar_kv_decode(span_of_str(bytes), &key, &val) != ERR_OK)
		return false;
	strbuf_addc(&m->props, m->props.len > 0 ? ',' : '{');
	json_add_text(&m->props, span_text(key));
	strbuf_addc(&m->props, ':');
	json_add_text(&m->props, span_text(val));
	return true;
}

static bool
add_field(struct message *m, uint32_t n, uint64_t v, struct str bytes)
{
	struct strbuf sb;
	char name[64];

	if (n >= NELEM(fields) || fields[n].kind == K_NONE)
		return true;
	if (fields[n].kind == K_PROP)
		return add_prop(m, bytes);
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
		strbuf_adds(&sb, compression_name(v));
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

static bool
add_payload(struct message *m, struct span payload)
{
	struct strbuf *out = &m->rq->out;
	struct buf *hold = NULL;
	struct span plain = payload;

	if (m->meta.encryption_keys_n == 0 &&
	    pulsar_inflate(&m->meta, payload, PAYLOAD_MAX, &hold, &plain) !=
		ERR_OK)
		return false;
	strbuf_add(out, plain.p, plain.n);
	if (hold != NULL)
		buf_unref(&hold);
	return strbuf_err(out) == ERR_OK;
}

static bool
build(struct message *m, const struct entry *ent, struct span body)
{
	struct req *rq = m->rq;
	struct pulsar_body pb;
	struct wire w;
	char text[64];
	uint32_t n;
	uint64_t v;
	struct str bytes;

	if (pulsar_body_parse(body, &pb) != ERR_OK ||
	    pulsar_meta_decode(pb.meta, &m->meta) != ERR_OK)
		return false;
	(void)snprintf(text, sizeof(text), "%llu:%lld",
	    (unsigned long long)ent->pos.ledger, (long long)ent->pos.entry);
	req_header(rq, "X-Pulsar-Message-ID", text);
	w = wire_of(pb.meta);
	while (wire_more(&w))
		if (!field(&w, &n, &v, &bytes) || !add_field(m, n, v, bytes))
			return false;
	if (m->props.len == 0)
		strbuf_addc(&m->props, '{');
	strbuf_addc(&m->props, '}');
	if (strbuf_err(&m->props) == ERR_OK)
		req_header(rq, "X-Pulsar-PROPERTY", strbuf_str(&m->props));
	if (m->meta.is_batch) {
		(void)snprintf(text, sizeof(text), "%zu", body.n - pb.meta.n);
		req_header(rq, "X-Pulsar-batch-size", text);
	}
	req_header(rq, "X-Pulsar-Is-Encrypted",
	    m->meta.encryption_keys_n > 0 ? "true" : "false");
	req_header(rq, "X-Pulsar-txn-uncommitted", "false");
	return add_payload(m, pb.payload);
}

/* One of RocketMQ's is shown as a Pulsar consumer would get it. */
static bool
build_record(struct message *m, const struct entry *ent)
{
	struct pulsar_made made;
	struct strbuf sb;
	bool ok;

	if (pulsar_of_rmq(ent, PAYLOAD_MAX, &made) != ERR_OK)
		return false;
	strbuf_init(&sb, 2u * PAYLOAD_MAX);
	strbuf_add(&sb, made.head.p, made.head.len);
	strbuf_add(&sb, made.payload.p, made.payload.len);
	ok = strbuf_err(&sb) == ERR_OK && build(m, ent, span_of(sb.p, sb.len));
	strbuf_fini(&sb);
	pulsar_made_fini(&made);
	return ok;
}

void
message_answer(struct req *rq, const struct entry *ent)
{
	struct message m = { .rq = rq };
	bool ok;

	strbuf_init(&m.props, 64u << 10);
	if (ent->attr.format == ENTRY_FORMAT_ROCKETMQ)
		ok = build_record(&m, ent);
	else
		ok = build(&m, ent, span_of(ent->body.p, ent->body.len));
	if (ok)
		req_json(rq);
	else
		req_fail(rq, ERR_CORRUPT, "The message cannot be read");
	strbuf_fini(&m.props);
}
