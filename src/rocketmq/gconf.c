/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/gconf.h"

#include <stdio.h>

#include "core/name.h"
#include "rocketmq/attrs.h"
#include "rocketmq/jw.h"
#include "rocketmq/systopic.h"
#include "rocketmq/tell.h"

#define MISSING_NS INT64_C(1000000000)
#define UNUSED_NS INT64_C(60000000000)
#define DOC_MAX (1u << 16)

/* --- the JSON --------------------------------------------------------------- */

void
gconf_default(struct gconf *c, struct str name)
{
	*c = (struct gconf){ .name = name,
		.consume_enable = true,
		.from_min = true,
		.broadcast_enable = true,
		.notify = true,
		.retry_queues = 1,
		.retry_max = 16,
		.timeout_min = 15,
		.priority_factor = 100,
		.slow_broker = 1 };
}

static void
write_attributes(struct jw *w, struct str rest)
{
	struct str key, value;

	jw_key(w, "attributes");
	jw_object(w);
	while (rmq_attrs_next(&rest, &key, &value)) {
		jw_name(w, key);
		jw_str(w, value);
	}
	jw_end(w);
}

void
gconf_write(struct strbuf *sb, const struct gconf *c)
{
	struct jw w;

	jw_init(&w, sb);
	jw_object(&w);
	write_attributes(&w, c->attributes);
	jw_key_i64(&w, "brokerId", c->broker_id);
	jw_key_bool(&w, "consumeBroadcastEnable", c->broadcast_enable);
	jw_key_bool(&w, "consumeEnable", c->consume_enable);
	jw_key_bool(&w, "consumeFromMinEnable", c->from_min);
	jw_key_bool(&w, "consumeMessageOrderly", c->orderly);
	jw_key_i64(&w, "consumeTimeoutMinute", c->timeout_min);
	if (c->forbidden.len > 0)
		jw_key_str(&w, "forbiddenTopics", c->forbidden);
	jw_key_str(&w, "groupName", c->name);
	jw_key(&w, "groupRetryPolicy");
	jw_raw(&w,
	    c->retry_policy.len > 0 ? c->retry_policy :
				      STR_LIT("{\"type\":\"CUSTOMIZED\"}"));
	jw_key_i64(&w, "groupSysFlag", c->sys_flag);
	jw_key_bool(&w, "notifyConsumerIdsChangedEnable", c->notify);
	jw_key_i64(&w, "retryMaxTimes", c->retry_max);
	jw_key_i64(&w, "retryQueueNums", c->retry_queues);
	if (c->subs.len > 0) {
		jw_key(&w, "subscriptionDataSet");
		jw_raw(&w, c->subs);
	}
	jw_key_i64(&w, "whichBrokerWhenConsumeSlowly", c->slow_broker);
	jw_end(&w);
}

static bool
read_bool(const struct jval *v, const char *name, bool *out)
{
	const struct jval *m = jval_get(v, name);

	if (m == NULL)
		return true;
	*out = jval_bool(m);
	return m->type == JVAL_BOOL || m->type == JVAL_STRING;
}

/* A document in a document: the text of a value that is one */
static struct str
read_raw(const struct jval *v, const char *name, enum jtype type)
{
	const struct jval *m = jval_get(v, name);

	if (m == NULL || m->type != (uint8_t)type || m->n == 0)
		return STR_NONE;
	return m->text;
}

void
gconf_attributes(const struct jval *v, struct strbuf *out)
{
	const struct jval *m;
	struct str key, value;

	JVAL_FOREACH(m, jval_get(v, "attributes"))
	{
		key = jval_str(m->key);
		value = jval_str(m);
		if (out->len > 0)
			strbuf_addc(out, ',');
		strbuf_add(out, key.p, key.len);
		strbuf_addc(out, '=');
		strbuf_add(out, value.p, value.len);
	}
}

static void
read_factor(struct gconf *c, const struct jval *v)
{
	struct str s =
	    jval_str(jval_get(jval_get(v, "attributes"), "priority.factor"));
	int32_t n;

	if (rtext_i32(s, &n) == ERR_OK)
		c->priority_factor = n;
}

bool
gconf_read(struct gconf *c, const struct jval *v)
{
	struct str name = jval_str(jval_get(v, "groupName"));

	if (name.p != NULL)
		c->name = name;
	c->retry_policy = read_raw(v, "groupRetryPolicy", JVAL_OBJECT);
	c->subs = read_raw(v, "subscriptionDataSet", JVAL_ARRAY);
	read_factor(c, v);
	return read_bool(v, "consumeEnable", &c->consume_enable) &&
	    read_bool(v, "consumeFromMinEnable", &c->from_min) &&
	    read_bool(v, "consumeBroadcastEnable", &c->broadcast_enable) &&
	    read_bool(v, "consumeMessageOrderly", &c->orderly) &&
	    read_bool(v, "notifyConsumerIdsChangedEnable", &c->notify) &&
	    jval_i32(jval_get(v, "retryQueueNums"), &c->retry_queues) !=
	    ERR_INVALID_ARG &&
	    jval_i32(jval_get(v, "retryMaxTimes"), &c->retry_max) !=
	    ERR_INVALID_ARG &&
	    jval_i32(jval_get(v, "groupSysFlag"), &c->sys_flag) !=
	    ERR_INVALID_ARG &&
	    jval_i32(jval_get(v, "consumeTimeoutMinute"), &c->timeout_min) !=
	    ERR_INVALID_ARG &&
	    jval_i64(jval_get(v, "brokerId"), &c->broker_id) !=
	    ERR_INVALID_ARG &&
	    jval_i64(jval_get(v, "whichBrokerWhenConsumeSlowly"),
		&c->slow_broker) != ERR_INVALID_ARG;
}

const char *
gconf_name_wrong(struct str name, char *buf, size_t size)
{
	const char *wrong = NULL;
	size_t i;

	if (name.len == 0)
		return "The specified group is blank.";
	for (i = 0; i < name.len; i++)
		if (rmq_name_wrong((struct str){ name.p + i, 1 }) != NULL)
			wrong = "contains illegal characters, allowing only "
				"^[%|a-zA-Z0-9_-]+$";
	if (name.len > GCONF_NAME_MAX)
		wrong = "is longer than group max length: 255";
	if (wrong == NULL)
		return NULL;
	(void)snprintf(buf, size, "The specified group: %.*s, %s",
	    (int)name.len, name.p, wrong);
	return buf;
}

bool
rmq_gconf_forbids(const struct rmq_gconf *g, struct str topic)
{
	struct str rest;

	CHECK_OBJ_NOTNULL(g, RMQ_GCONF_MAGIC);
	if (likely(g->forbidden == NULL))
		return false;
	rest = str_of(g->forbidden);
	while (rest.len > 0)
		if (str_eq(str_word(&rest, ','), topic))
			return true;
	return false;
}

/* --- the cache -------------------------------------------------------------- */

static void
settled(struct rmq_gconf *g, enum err e)
{
	g->asked = false;
	g->error = e == ERR_NO_KEY ? ERR_OK : e;
	g->there = e == ERR_OK;
	g->read_ns = loop_mono_ns(g->rm->lp);
	rmq_unpark(g->rm, &g->waiting);
}

static void
adopt(struct rmq_gconf *g, struct str text)
{
	const struct jval *root;
	struct str forbidden;
	struct jdoc doc;

	mem_free(g->text);
	mem_free(g->forbidden);
	g->forbidden = NULL;
	g->text = mem_strndup(text.p, text.len);
	gconf_default(&g->c, str_of(g->name));
	jdoc_init(&doc, JDOC_VALUES_MAX);
	if (jdoc_parse(&doc, g->text, text.len, &root) != ERR_OK ||
	    !gconf_read(&g->c, root))
		settled(g, ERR_METADATA);
	else {
		forbidden = jval_str(jval_get(root, "forbiddenTopics"));
		g->forbidden = forbidden.len > 0 ?
		    mem_strndup(forbidden.p, forbidden.len) :
		    NULL;
		settled(g, ERR_OK);
	}
	/* what it points to goes with the tree */
	g->c.name = g->c.retry_policy = g->c.subs = STR_NONE;
	jdoc_fini(&doc);
}

static void
default_text(struct strbuf *sb, struct str name)
{
	struct gconf c;

	strbuf_init(sb, DOC_MAX);
	gconf_default(&c, name);
	gconf_write(sb, &c);
}

static void
adopt_default(struct rmq_gconf *g)
{
	struct strbuf sb;

	default_text(&sb, str_of(g->name));
	adopt(g, (struct str){ strbuf_str(&sb), sb.len });
	strbuf_fini(&sb);
}

static struct op *
gconf_op(struct rmq_gconf *g, enum op_type type)
{
	struct op *op = rmq_op_new(g->rm, type, TAG_GROUP, g->number, 0);
	char *doc = mem_printf(GCONF_DOC "%s", g->name);

	op->topic = op_str(op, str_of(doc));
	mem_free(doc);
	return op;
}

static void
ask(struct rmq_gconf *g)
{
	struct op *op = gconf_op(g, OP_DOC_GET);

	g->asked = true;
	g->stale = false;
	rmq_route_to(g->rm, g->rm->router->shard, &op);
}

static void
make_it(struct rmq_gconf *g)
{
	struct op *op = gconf_op(g, OP_DOC_PUT);
	struct strbuf sb;

	default_text(&sb, str_of(g->name));
	op->text = op_str(op, (struct str){ strbuf_str(&sb), sb.len });
	op->flag = true;
	strbuf_fini(&sb);
	g->asked = true;
	rmq_route_to(g->rm, g->rm->router->shard, &op);
}

/* All shards have been told: what they believed to be missing is there. */
static void
made_known(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct rmq_gconf *g = umap_get(&j->rm->things, j->u64);

	(void)s;
	AZ(fx);
	CHECK_OBJ_NOTNULL(g, RMQ_GCONF_MAGIC);
	ask(g);
}

static void
made(struct rmq_gconf *g)
{
	struct rmq_job *j = rmq_job_new_own(g->rm, made_known);

	j->u64 = g->number;
	rmq_job_tell(j, TELL_GROUP_STALE, str_of(g->name));
}

void
rmq_gconf_fx(struct rmq_gconf *g, const struct fx *fx)
{
	CHECK_OBJ_NOTNULL(g, RMQ_GCONF_MAGIC);
	switch (fx->op) {
	case OP_DOC_GET:
		if (fx->err == ERR_OK)
			adopt(g, fx->text);
		else if (fx->err == ERR_NO_KEY && sysgroup_is(str_of(g->name)))
			adopt_default(g);
		else
			settled(g, fx->err);
		break;
	case OP_DOC_PUT:
		if (fx->err == ERR_OK)
			made(g);
		else if (fx->err == ERR_EXISTS)
			ask(g);
		else
			settled(g, fx->err);
		break;
	default:
		WRONG("an answer that groups don't ask for");
	}
}

static struct rmq_gconf *
gconf_new(struct rmq *rm, struct str name)
{
	struct rmq_gconf *g;

	ALLOC_OBJ(g, RMQ_GCONF_MAGIC);
	g->rm = rm;
	g->name = mem_strndup(name.p, name.len);
	STAILQ_INIT(&g->waiting);
	if (map_add(&rm->gconfs, g->name, name.len, g) != ERR_OK) {
		mem_free(g->name);
		FREE_OBJ(g);
		return NULL;
	}
	g->number = rmq_thing_add(rm, g);
	return g;
}

static void
gconf_free(struct rmq_gconf *g)
{
	rmq_thing_del(g->rm, g->number);
	rmq_held_free(g->rm, &g->waiting);
	mem_free(g->text);
	mem_free(g->forbidden);
	mem_free(g->name);
	FREE_OBJ(g);
}

static bool
is_old(const struct rmq_gconf *g)
{
	return g->stale || g->read_ns == 0 ||
	    (!g->there && loop_mono_ns(g->rm->lp) - g->read_ns > MISSING_NS);
}

enum rmq_gconf_found
rmq_gconf_get(struct rmq_session *s, const struct rmq_req *q, struct str group,
    bool make, struct rmq_gconf **gp)
{
	struct rmq *rm = s->rm;
	struct rmq_gconf *g;
	char buf[512];

	*gp = g = map_get(&rm->gconfs, group.p, group.len);
	if (g == NULL) {
		if (gconf_name_wrong(group, buf, sizeof buf) != NULL)
			return RMQ_GCONF_NONE;
		*gp = g = gconf_new(rm, group);
		if (g == NULL)
			return RMQ_GCONF_NONE;
	}
	g->used_ns = loop_mono_ns(rm->lp);
	if (!g->asked && is_old(g))
		ask(g);
	else if (!g->asked && !g->there && g->error == ERR_OK && make &&
	    rm->conf.auto_group)
		make_it(g);
	if (g->asked) {
		rmq_park(s, q, &g->waiting);
		return RMQ_GCONF_PARKED;
	}
	if (g->error != ERR_OK) {
		rmq_answer_err(s, &q->ref, g->error, NULL);
		return RMQ_GCONF_ERROR;
	}
	return g->there ? RMQ_GCONF_OK : RMQ_GCONF_NONE;
}

bool
rmq_gconf_need(struct rmq_session *s, const struct rmq_req *q, struct str group,
    struct rmq_gconf **gp)
{
	switch (rmq_gconf_get(s, q, group, true, gp)) {
	case RMQ_GCONF_OK:
		return true;
	case RMQ_GCONF_NONE:
		rmq_answer_codef(s, &q->ref, RC_SUBSCRIPTION_GROUP_NOT_EXIST,
		    "subscription group [%.*s] does not exist, See "
		    "https://rocketmq.apache.org/docs/bestPractice/06FAQ for "
		    "further details.",
		    (int)group.len, group.p);
		break;
	case RMQ_GCONF_PARKED:
	case RMQ_GCONF_ERROR:
		break;
	}
	return false;
}

const struct gconf *
rmq_gconf_peek(const struct rmq *rm, struct str group)
{
	const struct rmq_gconf *g = map_get(&rm->gconfs, group.p, group.len);

	return g != NULL && g->there ? &g->c : NULL;
}

void
rmq_gconf_told(struct rmq *rm, struct str group, struct strbuf *answer)
{
	struct rmq_gconf *g = map_get(&rm->gconfs, group.p, group.len);

	(void)answer;
	if (g != NULL)
		g->stale = true;
}

/* One a second that nobody has used for long: nobody hurries. */
void
rmq_gconfs_tick(struct rmq *rm)
{
	int64_t now = loop_mono_ns(rm->lp);
	struct rmq_gconf *g, *gone = NULL;
	size_t it;

	MAP_FOREACH(g, &rm->gconfs, it)
		if (!g->asked && now - g->used_ns > UNUSED_NS)
			gone = g;
	if (gone != NULL) {
		AN(map_del(&rm->gconfs, gone->name, strlen(gone->name)));
		gconf_free(gone);
	}
}

void
rmq_gconfs_fini(struct rmq *rm)
{
	struct rmq_gconf *g;

	while ((g = map_pop(&rm->gconfs)) != NULL)
		gconf_free(g);
}
