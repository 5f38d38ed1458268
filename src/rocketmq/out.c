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
add_be32(struct strbuf *sb, uint32_t v)
{
	char b[4];

	be32_put(b, v);
	strbuf_add(sb, b, sizeof b);
}

static void
add_quoted(struct strbuf *sb, struct str s)
{
	strbuf_addc(sb, '"');
	strbuf_add_json(sb, s.p, s.len);
	strbuf_addc(sb, '"');
}

static void
begin_json(struct strbuf *sb, int32_t code, int32_t opaque, int32_t flag,
    struct str remark)
{
	strbuf_adds(sb, "{\"code\":");
	strbuf_add_i64(sb, code);
	strbuf_adds(sb, ",\"flag\":");
	strbuf_add_i64(sb, flag);
	strbuf_adds(sb, ",\"language\":\"JAVA\",\"opaque\":");
	strbuf_add_i64(sb, opaque);
	if (remark.p != NULL) {
		strbuf_adds(sb, ",\"remark\":");
		add_quoted(sb, remark);
	}
	strbuf_adds(sb, ",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":");
	strbuf_add_u64(sb, RHEADER_VERSION);
	strbuf_adds(sb, ",\"extFields\":{");
}

static void
begin_binary(struct rout *o, int32_t code, int32_t opaque, int32_t flag,
    struct str remark)
{
	uint8_t b[13];

	be16_put(b, (uint16_t)code);
	b[2] = RLANG_JAVA;
	be16_put(b + 3, RHEADER_VERSION);
	be32_put(b + 5, (uint32_t)opaque);
	be32_put(b + 9, (uint32_t)flag);
	strbuf_add(&o->sb, b, sizeof b);
	add_be32(&o->sb, (uint32_t)remark.len);
	strbuf_add(&o->sb, remark.p, remark.len);
	o->ext_at = o->sb.len;
	add_be32(&o->sb, 0);
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
static char *
begin_field(struct rout *o, const char *name, size_t value_n)
{
	size_t n = strlen(name);
	char *q;

	CHECK_OBJ_NOTNULL(o, ROUT_MAGIC);
	q = strbuf_reserve(&o->sb, n + value_n + 6);
	if (q == NULL)
		return NULL;
	if (o->type == RHEADER_BINARY) {
		be16_put(q, (uint16_t)n);
		memcpy(q + 2, name, n);
		return q + 2 + n + 4;
	}
	if (o->fields_n != 0)
		*q++ = ',';
	*q++ = '"';
	memcpy(q, name, n);
	q += n;
	memcpy(q, "\":\"", 3);
	return q + 3;
}

static void
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
rout_str(struct rout *o, const char *name, struct str value)
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
rout_i64(struct rout *o, const char *name, int64_t v)
{
	char *q = begin_field(o, name, NUM_MAX);

	if (q != NULL)
		end_field(o, q, num_put(q, v));
}

void
rout_bool(struct rout *o, const char *name, bool v)
{
	rout_str(o, name, v ? STR_LIT("true") : STR_LIT("false"));
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
