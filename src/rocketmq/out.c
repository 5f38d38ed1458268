/* SPDX-License-Identifier: Apache-2.0 */
#include "base/be.h"
#include "base/miniobj.h"
#include "base/num.h"
#include "rocketmq/header.h"

void
rout_init(struct rout *o, size_t max_bytes)
{
	INIT_OBJ(o, ROUT_MAGIC);
	strbuf_init(&o->sb, max_bytes);
}

void
rout_fini(struct rout *o)
{
	CHECK_OBJ_NOTNULL(o, ROUT_MAGIC);
	strbuf_fini(&o->sb);
	FINI_OBJ(o);
}

static void
add_quoted(struct strbuf *sb, struct str s)
{
	strbuf_addc(sb, '"');
	strbuf_add_json(sb, s.p, s.len);
	strbuf_addc(sb, '"');
}

/* of a header, less its remark and fields; longer than it can be */
#define JSON_HEAD_MAX 128

static char *
put(char *q, struct str s)
{
	memcpy(q, s.p, s.len);
	return q + s.len;
}

static char *
put_i64(char *q, struct str name, int64_t v)
{
	q = put(q, name);
	return q + num_put(q, v);
}

static void
begin_json(struct strbuf *sb, int32_t code, int32_t opaque, int32_t flag,
    struct str remark)
{
	char *p = strbuf_reserve(sb, JSON_HEAD_MAX), *q;

	if (p == NULL)
		return;
	q = put_i64(p, STR_LIT("{\"code\":"), code);
	q = put_i64(q, STR_LIT(",\"flag\":"), flag);
	q = put_i64(q, STR_LIT(",\"language\":\"JAVA\",\"opaque\":"), opaque);
	q = put_i64(q,
	    STR_LIT(",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":"),
	    RHEADER_VERSION);
	strbuf_commit(sb, (size_t)(q - p));
	if (remark.p != NULL) {
		strbuf_adds(sb, ",\"remark\":");
		add_quoted(sb, remark);
	}
	strbuf_adds(sb, ",\"extFields\":{");
}

static void
begin_binary(struct rout *o, int32_t code, int32_t opaque, int32_t flag,
    struct str remark)
{
	size_t n = 13 + 4 + remark.len;
	char *q;

	o->ext_at = o->sb.len + n;
	q = strbuf_reserve(&o->sb, n + 4);
	if (q == NULL)
		return;
	be16_put(q, (uint16_t)code);
	q[2] = RLANG_JAVA;
	be16_put(q + 3, RHEADER_VERSION);
	be32_put(q + 5, (uint32_t)opaque);
	be32_put(q + 9, (uint32_t)flag);
	be32_put(q + 13, (uint32_t)remark.len);
	if (remark.len != 0)
		memcpy(q + 17, remark.p, remark.len);
	be32_put(q + n, 0);
	strbuf_commit(&o->sb, n + 4);
}

void
rout_begin(struct rout *o, unsigned type, int32_t code, int32_t opaque,
    int32_t flag, struct str remark)
{
	CHECK_OBJ_NOTNULL(o, ROUT_MAGIC);
	assert(type == RHEADER_JSON || type == RHEADER_BINARY);
	strbuf_reset(&o->sb);
	o->type = (uint8_t)type;
	o->fields_n = 0;
	strbuf_add(&o->sb, "\0\0\0\0\0\0\0\0", RFRAME_PREFIX_SIZE);
	if (type == RHEADER_JSON)
		begin_json(&o->sb, code, opaque, flag, remark);
	else
		begin_binary(o, code, opaque, flag, remark);
}

/* Room for a field whose value takes up to value_n bytes, its name written; the
 * value goes to the result, and end_field gets where it ends. NULL: over. */
static inline char *
begin_field(struct rout *o, struct str name, size_t value_n)
{
	char *q;

	CHECK_OBJ_NOTNULL(o, ROUT_MAGIC);
	q = strbuf_reserve(&o->sb, name.len + value_n + 6);
	if (q == NULL)
		return NULL;
	if (o->type == RHEADER_BINARY) {
		be16_put(q, (uint16_t)name.len);
		memcpy(q + 2, name.p, name.len);
		return q + 2 + name.len + 4;
	}
	if (o->fields_n != 0)
		*q++ = ',';
	*q++ = '"';
	memcpy(q, name.p, name.len);
	q += name.len;
	memcpy(q, "\":\"", 3);
	return q + 3;
}

static inline void
end_field(struct rout *o, char *value, size_t value_n)
{
	if (o->type == RHEADER_BINARY)
		be32_put(value - 4, (uint32_t)value_n);
	else
		value[value_n++] = '"';
	o->fields_n++;
	strbuf_commit(
	    &o->sb, (size_t)(value + value_n - (o->sb.p + o->sb.len)));
}

void
rout_put_str(struct rout *o, struct str name, struct str value)
{
	char *q;

	if (value.p == NULL)
		return;
	if (o->type == RHEADER_BINARY) {
		q = begin_field(o, name, value.len);
		if (q == NULL)
			return;
		memcpy(q, value.p, value.len);
		end_field(o, q, value.len);
		return;
	}
	q = begin_field(o, name, 0);
	if (q == NULL)
		return;
	strbuf_commit(&o->sb, (size_t)(q - (o->sb.p + o->sb.len)));
	strbuf_add_json(&o->sb, value.p, value.len);
	strbuf_addc(&o->sb, '"');
	o->fields_n++;
}

void
rout_put_i64(struct rout *o, struct str name, int64_t v)
{
	char *q = begin_field(o, name, NUM_MAX);

	if (q != NULL)
		end_field(o, q, num_put(q, v));
}

void
rout_put_ready(struct rout *o, const struct rout_ready *f)
{
	CHECK_OBJ_NOTNULL(o, ROUT_MAGIC);
	if (o->type == RHEADER_BINARY) {
		strbuf_add(&o->sb, f->binary.p, f->binary.len);
	} else {
		if (o->fields_n != 0)
			strbuf_addc(&o->sb, ',');
		strbuf_add(&o->sb, f->json.p, f->json.len);
	}
	o->fields_n += f->n;
}

enum err
rout_end(struct rout *o, size_t body_n)
{
	struct strbuf *sb = &o->sb;
	enum err e;

	CHECK_OBJ_NOTNULL(o, ROUT_MAGIC);
	if (o->type == RHEADER_JSON)
		strbuf_adds(sb, "}}");
	e = strbuf_err(sb);
	if (e != ERR_OK)
		return e;
	if (sb->len - RFRAME_PREFIX_SIZE > 0xffffff ||
	    body_n > INT32_MAX - sb->len)
		return ERR_TOO_BIG;
	if (o->type == RHEADER_BINARY)
		be32_put(
		    sb->p + o->ext_at, (uint32_t)(sb->len - o->ext_at - 4));
	be32_put(sb->p, (uint32_t)(sb->len - 4 + body_n));
	be32_put(sb->p + 4,
	    (uint32_t)o->type << 24 | (uint32_t)(sb->len - RFRAME_PREFIX_SIZE));
	return ERR_OK;
}
