/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, changing and deleting topics. One job has a list of topics to make or
 * change, one after the other: is it there; make it, or let it grow and change
 * its properties; tell all shards. Checks and their texts are the reference's
 * (AdminBrokerProcessor, TopicValidator).
 */
#include <stdio.h>

#include "rocketmq/attrs.h"
#include "rocketmq/drop.h"
#include "rocketmq/job.h"
#include "rocketmq/systopic.h"
#include "rocketmq/topic_json.h"

#define LIST_MAX 10000u
#define QUEUES_MAX 65536
#define PROPS_N 8u
#define NAME_LONGEST 127u

struct put_item {
	char *name, *full, *changes;
	int32_t read_n, write_n, perm, sys_flag;
	bool order;
};

struct put {
	struct put_item *v;
	unsigned n, at;
	bool made_ns, fresh, partitioned;
	uint32_t partitions; /* that it has */
	struct strbuf attrs; /* that it will have */
	char diag[ATTRS_DIAG];
};

static void
put_free(struct put *p)
{
	unsigned i;

	for (i = 0; i < p->n; i++) {
		mem_free(p->v[i].name);
		mem_free(p->v[i].full);
		mem_free(p->v[i].changes);
	}
	mem_free(p->v);
	strbuf_fini(&p->attrs);
	mem_free(p);
}

static void
put_fini(struct rmq_job *j)
{
	put_free(j->priv);
}

/* --- checks ----------------------------------------------------------------- */

/* NULL: fine; else text of the reference, for INVALID_PARAMETER */
static const char *
name_wrong(struct rmq *rm, struct str name, char *buf, size_t size)
{
	char *full;
	enum err e;

	if (name.len == 0)
		return "The specified topic is blank.";
	if (name.len > NAME_LONGEST)
		(void)snprintf(buf, size,
		    "The specified topic: %.*s, is longer than topic max "
		    "length: %u",
		    (int)name.len, name.p, NAME_LONGEST);
	else if (rmq_name_wrong(name) != NULL)
		(void)snprintf(buf, size,
		    "The specified topic: %.*s, contains illegal characters, "
		    "allowing only ^[%%|a-zA-Z0-9_-]+$",
		    (int)name.len, name.p);
	else if (systopic_is(&rm->conf, name))
		(void)snprintf(buf, size,
		    "The topic[%.*s] is conflict with system topic.",
		    (int)name.len, name.p);
	else {
		e = rmq_topic_full(rm, name, &full);
		mem_free(full);
		if (e == ERR_OK)
			return NULL;
		(void)snprintf(buf, size,
		    "The topic[%.*s] is the name of another topic's queue.",
		    (int)name.len, name.p);
	}
	return buf;
}

/* False: answered */
static bool
item_ok(
    struct rmq_session *s, const struct rmq_ref *ref, const struct put_item *it)
{
	char buf[512];
	const char *wrong;

	wrong = name_wrong(s->rm, str_of(it->name), buf, sizeof buf);
	if (wrong == NULL &&
	    (it->read_n < 0 || it->write_n < 0 || it->read_n > QUEUES_MAX ||
		it->write_n > QUEUES_MAX))
		wrong = "the number of queues is out of range";
	if (wrong == NULL &&
	    str_eq(rmq_attrs_get(str_of(it->changes), STR_LIT("+message.type")),
		STR_LIT("MIXED")))
		wrong = "MIXED message type is not supported.";
	if (wrong != NULL)
		rmq_answer_code(s, ref, RC_INVALID_PARAMETER, wrong);
	return wrong == NULL;
}

/* --- one topic -------------------------------------------------------------- */

static void
prop(struct op *op, struct prop *pr, const char *key, struct str v)
{
	pr->key = op_str(op, str_of(key));
	pr->value = op_str(op, v);
}

static void
prop_num(struct op *op, struct prop *pr, const char *key, int64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%lld", (long long)v);
	prop(op, pr, key, str_of(text));
}

/* How long its messages are kept: its own attribute, or what all have */
static int64_t
retention_ms(const struct rmq *rm, struct str attrs)
{
	int64_t ms;

	if (rtext_i64(rmq_attrs_get(attrs, STR_LIT("reserve.time")), &ms) ==
	    ERR_OK)
		return ms;
	return rm->conf.retention_ms;
}

static struct str
flush_policy(struct str attrs)
{
	struct str v = rmq_attrs_get(attrs, STR_LIT("flushDiskType"));

	return str_eq(v, STR_LIT("SYNC_FLUSH")) ? STR_LIT("sync") :
	    str_eq(v, STR_LIT("ASYNC_FLUSH"))	? STR_LIT("async") :
						  STR_LIT("");
}

static void
add_props(struct rmq_job *j, struct op *op)
{
	const struct put *p = j->priv;
	const struct put_item *it = &p->v[p->at];
	struct prop *pr = op_mem(op, PROPS_N * sizeof *pr);
	struct str attrs = { strbuf_str(&p->attrs), p->attrs.len };

	prop_num(op, &pr[0], RMQ_TPROP_READ_QUEUES, it->read_n);
	prop_num(op, &pr[1], RMQ_TPROP_WRITE_QUEUES, it->write_n);
	prop_num(op, &pr[2], RMQ_TPROP_PERM, it->perm);
	prop_num(op, &pr[3], RMQ_TPROP_SYS_FLAG, it->sys_flag);
	prop_num(op, &pr[4], RMQ_TPROP_ORDER, it->order);
	prop(op, &pr[5], RMQ_TPROP_ATTRIBUTES, attrs);
	prop_num(op, &pr[6], "retention_ms", retention_ms(j->rm, attrs));
	/* an empty one takes it away */
	prop(op, &pr[7], "flush_policy", flush_policy(attrs));
	op->props = pr;
	op->props_n = PROPS_N - (p->fresh && pr[7].value.len == 0);
}

static struct op *
item_op(struct rmq_job *j, enum op_type type)
{
	const struct put *p = j->priv;
	struct op *op = rmq_job_op(j, type, 0);

	op->topic = op_str(op, str_of(p->v[p->at].full));
	return op;
}

static void
ask_meta(struct rmq_job *j)
{
	struct op *op = item_op(j, OP_TOPIC_META);

	rmq_job_route(j, &op);
}

static uint32_t
queues_of(const struct put_item *it)
{
	int32_t n = it->read_n > it->write_n ? it->read_n : it->write_n;

	return n > 0 ? (uint32_t)n : 1;
}

static void
create(struct rmq_job *j)
{
	struct put *p = j->priv;
	struct op *op = item_op(j, OP_PARTITIONED_CREATE);

	op->u32 = queues_of(&p->v[p->at]);
	add_props(j, op);
	rmq_job_route(j, &op);
}

static void
make_namespace(struct rmq_job *j)
{
	struct put *p = j->priv;
	struct topic_name tn;
	struct op *op;

	if (topic_name_parse(&tn, str_of(p->v[p->at].full)) != ERR_OK)
		WRONG("a name that was parsed before");
	op = rmq_job_op(j, OP_NS_PUT, 0);
	op->topic = op_str(op, tn.ns);
	op->text = op_str(op, STR_LIT("{}"));
	op->flag = true;
	topic_name_fini(&tn);
	rmq_job_route(j, &op);
}

static void
set_props(struct rmq_job *j)
{
	struct op *op = item_op(j, OP_TOPIC_PROPS_SET);

	add_props(j, op);
	rmq_job_route(j, &op);
}

/* The other shards' partitions take them up. */
static void
props_everywhere(struct rmq_job *j)
{
	struct put *p = j->priv;
	struct router *ro = j->rm->router;
	unsigned i, own = route_shard_of(ro, str_of(p->v[p->at].full));
	struct op *op;

	j->u32 = 0;
	for (i = 0; p->partitioned && i < ro->shards_n; i++)
		j->u32 += i != own;
	rmq_job_hold(j);
	for (i = 0; j->u32 > 0 && i < ro->shards_n; i++) {
		if (i == own)
			continue;
		op = item_op(j, OP_TOPIC_PROPS_SET);
		add_props(j, op);
		op->flag = true;
		rmq_job_route_to(j, i, &op);
	}
	if (j->u32 == 0)
		rmq_job_tell(j, TELL_TOPIC_STALE, str_of(p->v[p->at].name));
	rmq_job_release(j);
}

static bool
new_attrs(struct rmq_job *j, struct str current)
{
	struct put *p = j->priv;

	if (rmq_attrs_alter(rmq_topic_attrs, p->fresh, current,
		str_of(p->v[p->at].changes), &p->attrs, p->diag) == ERR_OK)
		return true;
	rmq_job_say(j, RC_SYSTEM_ERROR,
	    p->diag[0] != '\0' ? p->diag : "too many attributes");
	return false;
}

static void
there(struct rmq_job *j, const struct fx *fx)
{
	struct put *p = j->priv;
	const struct put_item *it = &p->v[p->at];
	char *attrs;
	struct op *op;
	bool ok;

	p->fresh = false;
	p->partitioned = fx->u32 > 0;
	p->partitions = fx->u32 > 0 ? fx->u32 : 1;
	attrs = rmq_prop_get(fx->text, RMQ_TPROP_ATTRIBUTES);
	ok = new_attrs(j, attrs != NULL ? str_of(attrs) : STR_NONE);
	mem_free(attrs);
	if (!ok)
		return;
	if (queues_of(it) <= p->partitions) {
		set_props(j);
	} else if (!p->partitioned) {
		rmq_job_say(j, RC_INVALID_PARAMETER,
		    "the topic is not partitioned: it has one queue");
	} else {
		op = item_op(j, OP_PARTITIONED_UPDATE);
		op->u32 = queues_of(it);
		rmq_job_route(j, &op);
	}
}

static void
meta_got(struct rmq_job *j, const struct fx *fx)
{
	struct put *p = j->priv;

	if (fx->err == ERR_OK) {
		there(j, fx);
	} else if (fx->err == ERR_NO_TOPIC || fx->err == ERR_NO_NAMESPACE) {
		p->fresh = true;
		if (new_attrs(j, STR_NONE))
			create(j);
	} else
		rmq_job_err(j, fx->err, fx->diag);
}

static void
next_item(struct rmq_job *j)
{
	struct put *p = j->priv;

	if (++p->at < p->n) {
		p->made_ns = false;
		ask_meta(j);
	} else
		rmq_job_say(j, RC_SUCCESS, NULL);
}

static void
put_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct put *p = j->priv;

	(void)s;

	if (fx == NULL) {
		next_item(j);
		return;
	}
	switch (fx->op) {
	case OP_TOPIC_META:
		meta_got(j, fx);
		return;
	case OP_PARTITIONED_CREATE:
		if (fx->err == ERR_NO_NAMESPACE && !p->made_ns) {
			p->made_ns = true;
			make_namespace(j);
			return;
		}
		if (fx->err == ERR_EXISTS) { /* somebody was quicker */
			ask_meta(j);
			return;
		}
		if (fx->err == ERR_OK)
			rmq_job_tell(
			    j, TELL_TOPIC_STALE, str_of(p->v[p->at].name));
		break;
	case OP_NS_PUT:
		if (fx->err == ERR_OK || fx->err == ERR_EXISTS) {
			create(j);
			return;
		}
		break;
	case OP_PARTITIONED_UPDATE:
		if (fx->err == ERR_OK)
			set_props(j);
		break;
	case OP_TOPIC_PROPS_SET:
		if (fx->err != ERR_OK && j->err == ERR_OK)
			j->err = fx->err;
		if (j->u32 > 0) { /* of another shard */
			if (--j->u32 > 0)
				return;
			fx->err = j->err;
			if (j->err == ERR_OK)
				rmq_job_tell(j, TELL_TOPIC_STALE,
				    str_of(p->v[p->at].name));
		} else if (fx->err == ERR_OK)
			props_everywhere(j);
		break;
	default:
		WRONG("an answer that was not asked for");
	}
	if (fx->err != ERR_OK)
		rmq_job_err(j, fx->err, fx->diag);
}

/* --- the requests ----------------------------------------------------------- */

/* Takes p. */
static void
put_start(struct rmq_session *s, const struct rmq_ref *ref, struct put *p)
{
	struct rmq_job *j;
	unsigned i;

	for (i = 0; i < p->n; i++)
		if (!item_ok(s, ref, &p->v[i])) {
			put_free(p);
			return;
		}
	if (p->n == 0) {
		rmq_answer_code(s, ref, RC_SUCCESS, NULL);
		put_free(p);
		return;
	}
	for (i = 0; i < p->n; i++)
		if (rmq_topic_full(
			s->rm, str_of(p->v[i].name), &p->v[i].full) != ERR_OK)
			WRONG("a name that was checked");
	j = rmq_job_new(s, ref, put_step);
	j->always = true;
	j->priv = p;
	j->fini = put_fini;
	ask_meta(j);
}

static struct put *
put_new(unsigned n)
{
	struct put *p = mem_zalloc(sizeof *p);

	p->v = mem_calloc(n > 0 ? n : 1, sizeof *p->v);
	p->n = n;
	strbuf_init(&p->attrs, 32767);
	return p;
}

void
rmq_do_topic_put(struct rmq_session *s, struct rmq_req *q)
{
	struct str name = rheader_get(q->h, "topic"), changes;
	struct put_item it = { 0 };
	const char *bad = NULL;
	struct put *p;

	if (name.p == NULL)
		bad = "topic";
	else if (rheader_i32(q->h, "readQueueNums", &it.read_n) != ERR_OK)
		bad = "readQueueNums";
	else if (rheader_i32(q->h, "writeQueueNums", &it.write_n) != ERR_OK)
		bad = "writeQueueNums";
	else if (rheader_i32(q->h, "perm", &it.perm) != ERR_OK)
		bad = "perm";
	else if (rheader_i32(q->h, "topicSysFlag", &it.sys_flag) ==
	    ERR_INVALID_ARG)
		bad = "topicSysFlag";
	else if (rheader_bool(q->h, "order", &it.order) == ERR_INVALID_ARG)
		bad = "order";
	if (bad != NULL) {
		rmq_answer_field(s, &q->ref, bad);
		return;
	}
	changes = rheader_get(q->h, "attributes");
	it.name = mem_strndup(name.p, name.len);
	it.changes = mem_strndup(changes.p, changes.len);
	p = put_new(1);
	p->v[0] = it;
	put_start(s, &q->ref, p);
}

/* {"+k":"v","-k":""} as "+k=v,-k" */
static char *
changes_of(const struct jval *attrs)
{
	const struct jval *m;
	struct strbuf sb;
	struct str k, v;
	char *text;

	strbuf_init(&sb, 65536);
	JVAL_FOREACH(m, attrs)
	{
		k = jval_str(m->key);
		v = jval_str(m);
		if (k.len == 0)
			continue;
		if (sb.len > 0)
			strbuf_addc(&sb, ',');
		strbuf_add(&sb, k.p, k.len);
		if (k.p[0] == '-')
			continue;
		strbuf_addc(&sb, '=');
		if (v.len > 0)
			strbuf_add(&sb, v.p, v.len);
	}
	text = mem_strndup(strbuf_str(&sb), sb.len);
	strbuf_fini(&sb);
	return text;
}

char *
rmq_attr_changes(const struct jval *attrs)
{
	return changes_of(attrs);
}

static bool
item_read(struct put_item *it, const struct jval *v)
{
	struct str name = jval_str(jval_get(v, "topicName"));

	*it = (struct put_item){
		.read_n = 16, .write_n = 16, .perm = PERM_READ | PERM_WRITE
	};
	it->name = mem_strndup(name.p, name.len);
	it->changes = changes_of(jval_get(v, "attributes"));
	it->order = jval_bool(jval_get(v, "order"));
	return jval_i32(jval_get(v, "readQueueNums"), &it->read_n) !=
	    ERR_INVALID_ARG &&
	    jval_i32(jval_get(v, "writeQueueNums"), &it->write_n) !=
	    ERR_INVALID_ARG &&
	    jval_i32(jval_get(v, "perm"), &it->perm) != ERR_INVALID_ARG &&
	    jval_i32(jval_get(v, "topicSysFlag"), &it->sys_flag) !=
	    ERR_INVALID_ARG;
}

void
rmq_do_topic_put_list(struct rmq_session *s, struct rmq_req *q)
{
	const struct jval *root, *list, *v;
	struct jdoc doc;
	struct put *p = NULL;
	unsigned i = 0;
	bool ok;

	jdoc_init(&doc, JDOC_VALUES_MAX);
	ok = jdoc_parse(&doc, q->body.p, q->body.len, &root) == ERR_OK;
	list = jval_get(root, "topicConfigList");
	if (ok && (list == NULL || list->n <= LIST_MAX)) {
		p = put_new(list != NULL ? list->n : 0);
		JVAL_FOREACH(v, list) ok &= item_read(&p->v[i++], v);
	}
	if (p == NULL || !ok) {
		rmq_answer_code(
		    s, &q->ref, RC_SYSTEM_ERROR, "the body can't be read");
		if (p != NULL)
			put_free(p);
	} else
		put_start(s, &q->ref, p);
	jdoc_fini(&doc);
}

/* --- what it is ------------------------------------------------------------- */

static void
say_conf(struct rmq_session *s, const struct rmq_ref *ref,
    const struct topic_conf *tc)
{
	struct jw w;

	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	topic_conf_write(&w, tc);
	rmq_answer_text(s, ref);
}

void
rmq_do_topic_get(struct rmq_session *s, struct rmq_req *q)
{
	struct str name = rheader_get(q->h, "topic");
	struct topic_conf tc = { 0 };
	struct rmq_topic *t;
	uint32_t queues, perm;

	if (name.p == NULL) {
		rmq_answer_field(s, &q->ref, "topic");
		return;
	}
	switch (rmq_topic_get(s, q, name, &t)) {
	case RMQ_TOPIC_PARKED:
		return;
	case RMQ_TOPIC_ERROR:
		rmq_answer_err(s, &q->ref, t->error, NULL);
		return;
	case RMQ_TOPIC_OK:
		topic_conf_of(&tc, t);
		say_conf(s, &q->ref, &tc);
		return;
	case RMQ_TOPIC_NONE:
		break;
	}
	queues = rmq_topic_builtin(s->rm, name, &perm);
	if (queues == 0) {
		rmq_answer_codef(s, &q->ref, RC_TOPIC_NOT_EXIST,
		    "No topic in this broker. topic: %.*s", (int)name.len,
		    name.p);
		return;
	}
	tc = (struct topic_conf){
		.name = name, .read_n = queues, .write_n = queues, .perm = perm
	};
	say_conf(s, &q->ref, &tc);
}

/* --- deleting --------------------------------------------------------------- */

static void
dropped(struct rmq *rm, void *priv, enum err e)
{
	struct rmq_job *j = priv;

	(void)rm;
	rmq_job_err(j, e, NULL);
	rmq_job_release(j);
}

static void
no_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	(void)j;
	(void)s;
	(void)fx;
	WRONG("it routes nothing itself");
}

void
rmq_do_topic_delete(struct rmq_session *s, struct rmq_req *q)
{
	struct str name = rheader_get(q->h, "topic");
	struct rmq_job *j;
	const char *wrong;
	char buf[512];

	if (name.p == NULL) {
		rmq_answer_field(s, &q->ref, "topic");
		return;
	}
	wrong = name_wrong(s->rm, name, buf, sizeof buf);
	if (wrong != NULL) {
		rmq_answer_code(s, &q->ref, RC_INVALID_PARAMETER, wrong);
		return;
	}
	j = rmq_job_new(s, &q->ref, no_step);
	rmq_job_hold(j);
	rmq_topic_drop(s->rm, name, dropped, j);
}

/* The name server has no list of its own that a topic could stay in. */
void
rmq_do_topic_unregister(struct rmq_session *s, struct rmq_req *q)
{
	if (rheader_get(q->h, "topic").p == NULL)
		rmq_answer_field(s, &q->ref, "topic");
	else
		rmq_answer_code(s, &q->ref, RC_SUCCESS, NULL);
}
