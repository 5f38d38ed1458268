/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "base/num.h"
#include "base/utf8.h"
#include "base/vas.h"
#include "format/rmq_id.h"
#include "format/rmq_of_pulsar.h"
#include "format/rmq_props.h"

#define CUT_MARK 20u /* room that is kept for pulsar.cut */
#define LOADER_MARK UINT32_C(0x5053) /* tells our unique keys apart */
#define KEY_MAX 4096u /* decoded partition key that may become text */

static const struct str true_text = STR_LIT("true");

/* What a properties text is made into: as much as has room. */
struct out {
	char *p;
	size_t len;
	bool cut;
	bool has_keys, has_sharding, has_uniq;
};

/* --- text ------------------------------------------------------------------------- */

/* How long is it with U+2401 and U+2402 in place of 1 and 2? */
static size_t
safe_len(struct str s)
{
	size_t i, n = s.len;

	for (i = 0; i < s.len; i++)
		if (s.p[i] == RMQ_PROP_NAME_END || s.p[i] == RMQ_PROP_VALUE_END)
			n += 2;
	return n;
}

static char *
put_safe(char *o, struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] == RMQ_PROP_NAME_END || s.p[i] == RMQ_PROP_VALUE_END)
			o += utf8_put(o, 0x2400 + (uint32_t)s.p[i]);
		else
			*o++ = s.p[i];
	return o;
}

static void
add(struct out *o, struct str name, struct str value)
{
	size_t n = safe_len(name) + safe_len(value) + 2;
	char *p = o->p + o->len;

	if (name.len == 0 || value.len == 0)
		return;
	if (n > RMQ_PROPS_MAX - CUT_MARK - o->len) {
		o->cut = true;
		return;
	}
	p = put_safe(p, name);
	*p++ = RMQ_PROP_NAME_END;
	p = put_safe(p, value);
	*p++ = RMQ_PROP_VALUE_END;
	o->len = (size_t)(p - o->p);
}

static void
add_u64(struct out *o, const char *name, uint64_t v)
{
	char text[NUM_MAX];

	add(o, str_of(name), (struct str){ text, num_put(text, (int64_t)v) });
}

static void
add_base64(struct out *o, const char *name, struct span s)
{
	struct str n = str_of(name);
	char *p = o->p + o->len;

	if (s.n == 0)
		return;
	if (s.n > RMQ_PROPS_MAX ||
	    n.len + BASE64_ENCODED(s.n) + 2 >
		RMQ_PROPS_MAX - CUT_MARK - o->len) {
		o->cut = true;
		return;
	}
	memcpy(p, n.p, n.len);
	p += n.len;
	*p++ = RMQ_PROP_NAME_END;
	p += base64_encode(p, s.p, s.n, false);
	*p++ = RMQ_PROP_VALUE_END;
	o->len = (size_t)(p - o->p);
}

static bool
is_text(const uint8_t *p, size_t n)
{
	size_t at, used;

	for (at = 0; at < n; at += used)
		if (utf8_next(p + at, n - at, &used) == UTF8_BAD || p[at] < ' ')
			return false;
	return n > 0;
}

/* --- properties -------------------------------------------------------------------- */

/* By these the broker tells a client what to do with a message. */
static bool
is_ours(struct str name)
{
	static const struct str *const ours[] = { &RMQ_PROP_POP_CK,
		&RMQ_PROP_FIRST_POP_TIME, &RMQ_PROP_INNER_NUM,
		&RMQ_PROP_INNER_BASE, &RMQ_PROP_INNER_MULTI_DISPATCH,
		&RMQ_PROP_INNER_MULTI_QUEUE_OFFSET, &RMQ_PROP_MIN_OFFSET,
		&RMQ_PROP_MAX_OFFSET, &RMQ_PROP_TRAN_MSG,
		&RMQ_PROP_RETRY_TOPIC };
	size_t i;

	for (i = 0; i < NELEM(ours); i++)
		if (str_eq(name, *ours[i]))
			return true;
	return false;
}

static void
note(struct out *o, struct str name)
{
	o->has_keys |= str_eq(name, RMQ_PROP_KEYS);
	o->has_sharding |= str_eq(name, RMQ_PROP_SHARDING_KEY);
	o->has_uniq |= str_eq(name, RMQ_PROP_UNIQ_KEY);
}

/* What the properties have themselves is not said a second time. */
static void
look(struct out *o, const struct span_rep *rep)
{
	struct span_iter it;
	struct span el, k, v;

	span_iter_init(&it, rep);
	while (span_iter_next(&it, &el))
		if (pulsar_kv_decode(el, &k, &v) == ERR_OK && v.n > 0)
			note(o, span_text(k));
}

static void
add_properties(struct out *o, const struct span_rep *rep)
{
	struct span_iter it;
	struct span el, k, v;

	span_iter_init(&it, rep);
	while (span_iter_next(&it, &el))
		if (pulsar_kv_decode(el, &k, &v) == ERR_OK &&
		    !is_ours(span_text(k)))
			add(o, span_text(k), span_text(v));
}

static void
add_key(struct out *o, const struct pulsar_msg *m)
{
	struct str key = span_text(m->key);
	uint8_t mem[KEY_MAX];
	size_t n;

	if (key.len == 0)
		return;
	if (m->key_b64) {
		if (base64_decode(key, mem, sizeof mem, &n) == ERR_OK &&
		    is_text(mem, n))
			key = (struct str){ (const char *)mem, n };
		else
			add(o, STR_LIT(RMQ_PULSAR_KEY_BYTES), key);
	}
	if (!o->has_keys)
		add(o, RMQ_PROP_KEYS, key);
	if (!o->has_sharding)
		add(o, RMQ_PROP_SHARDING_KEY, key);
}

static void
add_uniq(struct out *o, uint64_t locator, uint32_t at, int64_t born_ms)
{
	struct rmq_uniq u = {
		.pid = (uint16_t)(locator >> 16),
		.loader = (uint32_t)(locator & 0xffff) << 16 | LOADER_MARK,
		.month_ms = rmq_month_ms(born_ms),
		.counter = (uint16_t)at,
	};
	char text[RMQ_ID_MAX];

	be32_put(u.host.ip, (uint32_t)(locator >> 32));
	add(o, RMQ_PROP_UNIQ_KEY, (struct str){ text, rmq_uniq_put(text, &u) });
}

bool
rmq_of_pulsar_uniq(struct str key, uint64_t *locator)
{
	struct rmq_uniq u;

	if (rmq_uniq_read(key, &u) != ERR_OK || u.host.v6 ||
	    (u.loader & 0xffff) != LOADER_MARK)
		return false;
	*locator = (uint64_t)be32_get(u.host.ip) << 32 | (uint64_t)u.pid << 16 |
	    u.loader >> 16;
	return *locator <= INT64_MAX;
}

/* First what RocketMQ acts on, so that it is there whatever the rest is. */
static void
make_props(struct out *o, const struct rmq_record *r,
    const struct pulsar_msgs *ms, const struct pulsar_msg *m)
{
	const struct pulsar_meta *meta = &ms->meta;

	look(o, &m->properties);
	if (!o->has_uniq)
		add_uniq(o, (uint64_t)r->phys_offset, m->at, r->born_ms);
	add_key(o, m);
	if (meta->deliver_at_ms > 0)
		add_u64(o, RMQ_PROP_TIMER_DELIVER_MS.p,
		    (uint64_t)meta->deliver_at_ms);
	add(o, STR_LIT(RMQ_PULSAR_PRODUCER), span_text(meta->producer_name));
	add_u64(o, RMQ_PULSAR_SEQUENCE, m->sequence_id);
	if (m->event_time_ms != 0)
		add_u64(o, RMQ_PULSAR_EVENT_TIME, m->event_time_ms);
	add_base64(o, RMQ_PULSAR_ORDERING_KEY, m->ordering_key);
	add_base64(o, RMQ_PULSAR_SCHEMA, meta->schema_version);
	add(o, STR_LIT(RMQ_PULSAR_REPLICATED),
	    span_text(meta->replicated_from));
	if (m->null_value)
		add(o, STR_LIT(RMQ_PULSAR_NULL), true_text);
	add_properties(o, &m->properties);
}

void
rmq_of_pulsar(const struct rmq_of_pulsar *c, const struct pulsar_msgs *ms,
    const struct pulsar_msg *m, char props[RMQ_PROPS_MAX], struct rmq_record *r)
{
	const struct entry *ent = c->ent;
	struct out o = { .p = props };
	struct str cut = STR_LIT(RMQ_PULSAR_CUT);

	*r = (struct rmq_record){
		.queue_id = c->queue_id,
		.queue_offset = (int64_t)(ent->index + m->at),
		.phys_offset = (int64_t)(ent->locator + m->at),
		.born_ms = (int64_t)ms->meta.publish_time_ms,
		.store_ms = ent->attr.store_time_ms,
		.born = c->host,
		.store = c->host,
		.topic = c->topic,
		.body = span_text(m->payload),
		.body_crc = rmq_body_crc(m->payload.p, m->payload.n),
	};
	make_props(&o, r, ms, m);
	if (o.cut) {
		_Static_assert(
		    sizeof RMQ_PULSAR_CUT - 1 + sizeof "true" + 1 <= CUT_MARK,
		    "room for the mark");
		memcpy(props + o.len, cut.p, cut.len);
		o.len += cut.len;
		props[o.len++] = RMQ_PROP_NAME_END;
		memcpy(props + o.len, true_text.p, true_text.len);
		o.len += true_text.len;
		props[o.len++] = RMQ_PROP_VALUE_END;
	}
	r->props = (struct str){ props, o.len };
}

uint32_t
pulsar_tags_code(const struct span_rep *properties)
{
	struct span_iter it;
	struct span el, k, v, tags = { 0 };

	if (properties->n == 0)
		return 0;
	span_iter_init(&it, properties);
	while (span_iter_next(&it, &el))
		if (pulsar_kv_decode(el, &k, &v) == ERR_OK &&
		    str_eq(span_text(k), RMQ_PROP_TAGS))
			tags = v;
	return rmq_tags_code(span_text(tags));
}
