/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a shard knows of topics: a cache over the core's records, filled when a
 * request first names a topic. A change of a record that this or another
 * front-end makes comes as FX_TOPIC_CHANGED and makes the entry stale; a topic
 * that is missing is looked for again after MISSING_NS at the latest.
 */
#include <jansson.h>
#include <stdio.h>

#include "base/num.h"
#include "base/utf8.h"
#include "core/name.h"
#include "format/rmq_name.h"
#include "rocketmq/attrs.h"
#include "rocketmq/systopic.h"
#include "rocketmq/tell.h"

#define MISSING_NS INT64_C(1000000000)
#define UNUSED_NS INT64_C(60000000000)
#define NAME_LONGEST 127u
#define LIGHT_NAME_LONGEST 255u

static const struct str lmq_head = STR_LIT("%LMQ%");

/* --- names ------------------------------------------------------------------ */

const char *
rmq_name_wrong(struct str name)
{
	size_t i;
	char c;

	if (name.len == 0)
		return "The specified topic is blank.";
	if (name.len > NAME_LONGEST)
		return "The specified topic is longer than topic max length.";
	for (i = 0; i < name.len; i++) {
		c = name.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '%' || c == '|' ||
			c == '_' || c == '-'))
			return "The specified topic contains illegal "
			       "characters, allowing only ^[%|a-zA-Z0-9_-]+$";
	}
	return NULL;
}

bool
rmq_topic_is_retry(struct str name)
{
	return rmq_name_is_retry(name);
}

bool
rmq_topic_is_dlq(struct str name)
{
	return rmq_name_is_dlq(name);
}

bool
rmq_topic_is_light(const struct rmq *rm, struct str name)
{
	return rm->conf.lmq && str_starts(name, lmq_head);
}

/* What stands behind the head is not a topic's name but, say, one of MQTT's. */
static bool
is_light_name(struct str name)
{
	size_t i, used;
	uint32_t c;

	if (name.len > LIGHT_NAME_LONGEST)
		return false;
	for (i = 0; i < name.len; i += used) {
		c = utf8_next((const uint8_t *)name.p + i, name.len - i, &used);
		if (c < ' ' || c == 0x7f || c == 0xfffd)
			return false;
	}
	return true;
}

/* Does a name begin so of which the broker knows what it is? */
static bool
has_head(struct str name)
{
	return rmq_name_group_at(name) > 0 || str_starts(name, lmq_head);
}

/* The namespace in "ns%T" or "%RETRY%ns%g": its length and where it begins; 0:
 * none. *head is what stands before it. "ns%%RETRY%g" is just a name, or one topic
 * had two, of which one doesn't tell whose it is. */
static size_t
namespace_of(struct str name, size_t *head)
{
	struct str rest = name;
	const char *at;

	*head = 0;
	if (str_starts(name, lmq_head))
		return 0;
	*head = rmq_name_group_at(name);
	rest.p += *head;
	rest.len -= *head;
	at = memchr(rest.p, '%', rest.len);
	if (at == NULL || at == rest.p || at + 1 == rest.p + rest.len ||
	    !name_is_valid_entity(
		(struct str){ rest.p, (size_t)(at - rest.p) }) ||
	    has_head(
		(struct str){ at + 1, rest.len - (size_t)(at + 1 - rest.p) }))
		return 0;
	return (size_t)(at - rest.p);
}

enum err
rmq_topic_full(const struct rmq *rm, struct str name, char **full)
{
	struct topic_name tn;
	size_t head, ns;
	enum err e;
	char *text;

	*full = NULL;
	if (rmq_topic_is_light(rm, name) ? !is_light_name(name) :
					   rmq_name_wrong(name) != NULL)
		return ERR_INVALID_NAME;
	ns = namespace_of(name, &head);
	if (ns == 0)
		text = mem_printf("persistent://%s/%s/%.*s", rm->conf.tenant,
		    rm->conf.ns, (int)name.len, name.p);
	else
		text = mem_printf("persistent://%s/%.*s/%.*s%.*s",
		    rm->conf.tenant, (int)ns, name.p + head, (int)head, name.p,
		    (int)(name.len - head - ns - 1), name.p + head + ns + 1);
	e = topic_name_parse(&tn, str_of(text));
	/* T-partition-1 would be a queue of T */
	if (e == ERR_OK && tn.partition >= 0)
		e = ERR_INVALID_NAME;
	if (e == ERR_OK)
		*full = text;
	else
		mem_free(text);
	topic_name_fini(&tn);
	return e;
}

struct str
rmq_queue_full(
    const struct rmq_topic *t, uint32_t queue, char *buf, size_t size)
{
	static const char part[] = "-partition-";
	size_t n = strlen(t->full);

	assert(n + sizeof part + NUM_MAX <= size);
	memcpy(buf, t->full, n + 1);
	if (t->partitioned) {
		memcpy(buf + n, part, sizeof part - 1);
		n += sizeof part - 1;
		n += num_put(buf + n, queue);
		buf[n] = '\0';
	}
	return (struct str){ buf, n };
}

uint32_t
rmq_topic_builtin(const struct rmq *rm, struct str name, uint32_t *perm)
{
	struct systopic st;
	unsigned i;

	for (i = 0; i < systopic_count(); i++) {
		systopic_at(&rm->conf, i, &st);
		*perm = st.perm;
		if (st.listed && str_eq(name, str_of(st.name)))
			return st.queues;
	}
	return 0;
}

/* --- asking the core -------------------------------------------------------- */

static struct op *
topic_op_new(struct rmq_topic *t, enum op_type type, const char *name)
{
	struct op *op;

	op = rmq_op_new(t->rm, type, TAG_TOPIC, t->number, 0);
	op->topic = op_str(op, str_of(name));
	return op;
}

static void
ask(struct rmq_topic *t)
{
	struct op *op;

	t->state = RMQ_TOPIC_ASKED;
	t->stale = false;
	op = topic_op_new(t, OP_TOPIC_META, t->full);
	rmq_route(t->rm, &op);
}

static void
prop_u32(struct op *op, struct prop *pr, const char *key, uint32_t v)
{
	char text[16];

	(void)snprintf(text, sizeof text, "%u", v);
	pr->key = op_str(op, str_of(key));
	pr->value = op_str(op, str_of(text));
}

static void
prop_i64(struct op *op, struct prop *pr, const char *key, int64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%lld", (long long)v);
	pr->key = op_str(op, str_of(key));
	pr->value = op_str(op, str_of(text));
}

static void
make(struct rmq_topic *t)
{
	struct prop *pr;
	struct op *op;

	if (t->make_queues == 0) {
		op = topic_op_new(t, OP_TOPIC_CREATE, t->full);
		rmq_light_props(t->rm, op);
		rmq_route(t->rm, &op);
		return;
	}
	op = topic_op_new(t, OP_PARTITIONED_CREATE, t->full);
	op->u32 = t->make_queues;
	pr = op_mem(op, 4 * sizeof *pr);
	prop_u32(op, &pr[0], RMQ_TPROP_READ_QUEUES, t->make_queues);
	prop_u32(op, &pr[1], RMQ_TPROP_WRITE_QUEUES, t->make_queues);
	prop_u32(op, &pr[2], RMQ_TPROP_PERM, t->make_perm);
	prop_i64(op, &pr[3], "retention_ms", t->rm->conf.retention_ms);
	op->props = pr;
	op->props_n = 4;
	rmq_route(t->rm, &op);
}

/* "ns%T" makes its namespace, as RocketMQ needs none to exist */
static void
make_namespace(struct rmq_topic *t)
{
	struct topic_name tn;
	struct op *op;

	if (topic_name_parse(&tn, str_of(t->full)) != ERR_OK)
		WRONG("a name that was parsed before");
	op = rmq_op_new(t->rm, OP_NS_PUT, TAG_TOPIC, t->number, 0);
	op->topic = op_str(op, tn.ns);
	op->text = op_str(op, STR_LIT("{}"));
	op->flag = true;
	topic_name_fini(&tn);
	rmq_route(t->rm, &op);
}

static void
settled(struct rmq_topic *t, enum rmq_topic_state state)
{
	t->state = state;
	t->creating = false;
	t->missing_ns = loop_mono_ns(t->rm->lp);
	rmq_unpark(t->rm, &t->waiting);
}

static uint32_t
json_u32(const json_t *js, const char *key, uint32_t otherwise)
{
	const char *text = json_string_value(json_object_get(js, key));
	int32_t v;

	if (text == NULL || rtext_i32(str_of(text), &v) != ERR_OK || v < 0)
		return otherwise;
	return (uint32_t)v;
}

static void
adopt_props(struct rmq_topic *t, struct str text)
{
	json_t *js = NULL;
	const char *attrs;

	if (text.len > 0)
		js = json_loadb(text.p, text.len, 0, NULL);
	t->read_n = json_u32(js, RMQ_TPROP_READ_QUEUES, t->queues_n);
	t->write_n = json_u32(js, RMQ_TPROP_WRITE_QUEUES, t->queues_n);
	if (t->read_n > t->queues_n)
		t->read_n = t->queues_n;
	if (t->write_n > t->queues_n)
		t->write_n = t->queues_n;
	t->perm = json_u32(js, RMQ_TPROP_PERM, PERM_READ | PERM_WRITE);
	t->sys_flag = json_u32(js, RMQ_TPROP_SYS_FLAG, 0);
	t->order = json_u32(js, RMQ_TPROP_ORDER, 0) != 0;
	mem_free(t->attributes);
	attrs = json_string_value(json_object_get(js, RMQ_TPROP_ATTRIBUTES));
	t->attributes = attrs != NULL ? mem_strdup(attrs) : NULL;
	t->batch_cq = attrs != NULL &&
	    str_eq(rmq_attrs_get(str_of(attrs), STR_LIT("queue.type")),
		STR_LIT("BatchCQ"));
	json_decref(js);
}

void
rmq_topic_adopt(struct rmq_topic *t, const struct fx *fx)
{
	t->partitioned = fx->u32 > 0;
	t->queues_n = fx->u32 > 0 ? fx->u32 : 1;
	adopt_props(t, fx->text);
}

/* Outlets of queues that it has no more go; others stay. */
static void
adopt_outlets(struct rmq_topic *t)
{
	uint32_t i;

	for (i = t->queues_n; i < t->out_n; i++)
		if (t->out[i] != NULL)
			outlet_free(&t->out[i]);
	t->out = mem_reallocarray(t->out, t->queues_n, sizeof(struct outlet *));
	for (i = t->out_n; i < t->queues_n; i++)
		t->out[i] = NULL;
	t->out_n = t->queues_n;
}

static void
meta_came(struct rmq_topic *t, const struct fx *fx)
{
	if (fx->err == ERR_NO_TOPIC || fx->err == ERR_NO_NAMESPACE) {
		settled(t, RMQ_TOPIC_MISSING);
		return;
	}
	if (fx->err != ERR_OK) {
		t->error = fx->err;
		settled(t, RMQ_TOPIC_FAILED);
		return;
	}
	rmq_topic_adopt(t, fx);
	adopt_outlets(t);
	settled(t, RMQ_TOPIC_THERE);
}

void
rmq_topic_fx(struct rmq_topic *t, struct fx *fx)
{
	CHECK_OBJ_NOTNULL(t, RMQ_TOPIC_MAGIC);
	switch (fx->op) {
	case OP_TOPIC_META:
		meta_came(t, fx);
		break;
	case OP_TOPIC_CREATE:
	case OP_PARTITIONED_CREATE:
		if (fx->err == ERR_NO_NAMESPACE && !t->made_ns) {
			t->made_ns = true;
			make_namespace(t);
		} else if (fx->err == ERR_OK || fx->err == ERR_EXISTS)
			ask(t);
		else {
			t->error = fx->err;
			settled(t, RMQ_TOPIC_FAILED);
		}
		break;
	case OP_NS_PUT:
		make(t);
		break;
	default:
		WRONG("an answer that topics don't ask for");
	}
}

/* --- the cache -------------------------------------------------------------- */

static struct rmq_topic *
topic_new(struct rmq *rm, struct str name, char *full)
{
	struct rmq_topic *t;

	ALLOC_OBJ(t, RMQ_TOPIC_MAGIC);
	t->rm = rm;
	t->name = mem_strndup(name.p, name.len);
	t->full = full;
	STAILQ_INIT(&t->waiting);
	if (map_add(&rm->topics, t->name, name.len, t) != ERR_OK) {
		mem_free(t->name);
		mem_free(t->full);
		FREE_OBJ(t);
		return NULL;
	}
	t->number = rmq_thing_add(rm, t);
	return t;
}

static void
topic_free(struct rmq_topic *t)
{
	uint32_t i;

	rmq_thing_del(t->rm, t->number);
	rmq_held_free(t->rm, &t->waiting);
	for (i = 0; i < t->out_n; i++)
		if (t->out[i] != NULL)
			outlet_free(&t->out[i]);
	mem_free(t->out);
	mem_free(t->attributes);
	mem_free(t->full);
	mem_free(t->name);
	FREE_OBJ(t);
}

static bool
is_old(const struct rmq_topic *t)
{
	return t->stale ||
	    (t->state != RMQ_TOPIC_THERE &&
		loop_mono_ns(t->rm->lp) - t->missing_ns > MISSING_NS);
}

enum rmq_topic_found
rmq_topic_get(struct rmq_session *s, const struct rmq_req *q, struct str name,
    struct rmq_topic **tp)
{
	struct rmq *rm = s->rm;
	struct rmq_topic *t;
	char *full;

	*tp = t = map_get(&rm->topics, name.p, name.len);
	if (t == NULL) {
		if (rmq_topic_full(rm, name, &full) != ERR_OK)
			return RMQ_TOPIC_NONE;
		*tp = t = topic_new(rm, name, full);
		if (t == NULL)
			return RMQ_TOPIC_NONE;
		ask(t);
	} else if (t->state != RMQ_TOPIC_ASKED && is_old(t))
		ask(t);
	t->used_ns = loop_mono_ns(rm->lp);
	switch (t->state) {
	case RMQ_TOPIC_THERE:
		return RMQ_TOPIC_OK;
	case RMQ_TOPIC_ASKED:
		rmq_park(s, q, &t->waiting);
		return RMQ_TOPIC_PARKED;
	case RMQ_TOPIC_FAILED:
		return RMQ_TOPIC_ERROR;
	case RMQ_TOPIC_MISSING:
		break;
	}
	return RMQ_TOPIC_NONE;
}

void
rmq_topic_make(struct rmq_session *s, const struct rmq_req *q,
    struct rmq_topic *t, uint32_t queues, uint32_t perm)
{
	CHECK_OBJ_NOTNULL(t, RMQ_TOPIC_MAGIC);
	rmq_park(s, q, &t->waiting);
	t->state = RMQ_TOPIC_ASKED;
	t->creating = true;
	t->made_ns = false;
	t->make_queues = queues;
	t->make_perm = perm;
	make(t);
}

struct rmq_topic *
rmq_topic_there(struct rmq *rm, struct str name, uint32_t queue)
{
	struct rmq_topic *t = map_get(&rm->topics, name.p, name.len);

	return t != NULL && t->state == RMQ_TOPIC_THERE && queue < t->out_n ?
	    t :
	    NULL;
}

enum rmq_topic_found
rmq_topic_use(struct rmq_session *s, const struct rmq_req *q, struct str name,
    struct rmq_topic **tp)
{
	enum rmq_topic_found f = rmq_topic_get(s, q, name, tp);

	if (f != RMQ_TOPIC_NONE || *tp == NULL ||
	    !rmq_topic_is_light(s->rm, name))
		return f;
	rmq_topic_make(s, q, *tp, 0, PERM_READ | PERM_WRITE);
	return RMQ_TOPIC_PARKED;
}

void
rmq_light_props(struct rmq *rm, struct op *op)
{
	struct prop *pr = op_mem(op, sizeof *pr);

	prop_i64(op, pr, "retention_ms", rm->conf.retention_ms);
	op->props = pr;
	op->props_n = 1;
}

char *
rmq_prop_get(struct str props, const char *key)
{
	json_t *js = NULL;
	const char *v;
	char *text;

	if (props.len > 0)
		js = json_loadb(props.p, props.len, 0, NULL);
	v = json_string_value(json_object_get(js, key));
	text = v != NULL ? mem_strdup(v) : NULL;
	json_decref(js);
	return text;
}

void
rmq_topic_told(struct rmq *rm, struct str name, struct strbuf *answer)
{
	struct rmq_topic *t = map_get(&rm->topics, name.p, name.len);

	(void)answer;
	if (t != NULL)
		t->stale = true;
}

/* A partition's name, or the whole topic's */
void
rmq_topics_changed(struct rmq *rm, const struct fx *fx)
{
	struct rmq_topic *t;
	struct topic_name tn;
	char *key;
	bool own;

	if (topic_name_parse(&tn, fx->text) != ERR_OK)
		return;
	key = rmq_name_of(rm, &tn, &own);
	topic_name_fini(&tn);
	if (key == NULL)
		return;
	t = map_get(&rm->topics, key, strlen(key));
	if (t != NULL)
		t->stale = true;
	mem_free(key);
}

char *
rmq_name_of(const struct rmq *rm, const struct topic_name *tn, bool *ours)
{
	struct str local = tn->local;

	local.len -= tn->full.len - tn->base.len;
	*ours = tn->persistent && str_eq(tn->tenant, str_of(rm->conf.tenant));
	if (!*ours)
		return NULL;
	return rmq_name_make(tn->ns_local, local, str_of(rm->conf.ns));
}

void
rmq_topics_tick(struct rmq *rm)
{
	int64_t now = loop_mono_ns(rm->lp);
	struct rmq_topic *t;
	uint32_t i;
	size_t it;
	bool busy;
	struct rmq_topic *gone = NULL;

	MAP_FOREACH(t, &rm->topics, it) {
		busy =
		    t->state == RMQ_TOPIC_ASKED || now - t->used_ns < UNUSED_NS;
		for (i = 0; i < t->out_n; i++)
			if (t->out[i] != NULL) {
				outlet_count(t->out[i]);
				if (outlet_is_idle(t->out[i]))
					outlet_free(&t->out[i]);
				else
					busy = true;
			}
		if (!busy)
			gone = t;
	}
	/* one a second: nobody hurries */
	if (gone != NULL) {
		AN(map_del(&rm->topics, gone->name, strlen(gone->name)));
		topic_free(gone);
	}
}

void
rmq_topics_fini(struct rmq *rm)
{
	struct rmq_topic *t;

	while ((t = map_pop(&rm->topics)) != NULL)
		topic_free(t);
}
