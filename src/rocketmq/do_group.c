/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of consumer groups: put, told, listed and deleted. Texts are the
 * reference's (AdminBrokerProcessor, SubscriptionGroupManager).
 */
#include <jansson.h>
#include <stdio.h>

#include "rocketmq/attrs.h"
#include "rocketmq/drop.h"
#include "rocketmq/gconf.h"
#include "rocketmq/job.h"
#include "rocketmq/jw.h"
#include "rocketmq/systopic.h"

#define LIST_MAX 10000u
#define DOC_MAX (1u << 19)

/* --- put -------------------------------------------------------------------- */

struct put {
	struct jdoc doc; /* of the body */
	const struct jval **v; /* a group each */
	unsigned n, at;
	char diag[ATTRS_DIAG];
};

static void
put_fini(struct rmq_job *j)
{
	struct put *p = j->priv;

	jdoc_fini(&p->doc);
	mem_free(p->v);
	mem_free(p);
}

static struct str
group_of(const struct put *p)
{
	return jval_str(jval_get(p->v[p->at], "groupName"));
}

static struct op *
doc_op(struct rmq_job *j, enum op_type type, struct str group)
{
	struct op *op = rmq_job_op(j, type, 0);
	char *doc = mem_printf(
	    GCONF_DOC "%.*s", (int)group.len, group.len > 0 ? group.p : "");

	op->topic = op_str(op, str_of(doc));
	mem_free(doc);
	return op;
}

static void
doc_route(struct rmq_job *j, struct op *op)
{
	rmq_job_route_to(j, j->rm->router->shard, &op);
}

/* "k=v,.." of {"k":"v"} */
static char *
attributes_of(struct str text)
{
	const struct jval *root;
	struct jdoc doc;
	struct strbuf sb;
	char *attrs;

	strbuf_init(&sb, DOC_MAX);
	jdoc_init(&doc, JDOC_VALUES_MAX);
	if (text.len > 0 && jdoc_parse(&doc, text.p, text.len, &root) == ERR_OK)
		gconf_attributes(root, &sb);
	jdoc_fini(&doc);
	attrs = mem_strndup(strbuf_str(&sb), sb.len);
	strbuf_fini(&sb);
	return attrs;
}

/* Topics that members may not pull from, "t,t"; mem_free it */
static char *
forbidden_of(struct str text)
{
	const struct jval *root;
	struct str v = STR_NONE;
	struct jdoc doc;
	char *out;

	jdoc_init(&doc, JDOC_VALUES_MAX);
	if (text.len > 0 && jdoc_parse(&doc, text.p, text.len, &root) == ERR_OK)
		v = jval_str(jval_get(root, "forbiddenTopics"));
	out = mem_strndup(v.len > 0 ? v.p : "", v.len);
	jdoc_fini(&doc);
	return out;
}

/* Without blanks and in order, as the reference keeps it; mem_free it */
static char *
canonical(struct str text)
{
	json_t *js =
	    text.len > 0 ? json_loadb(text.p, text.len, 0, NULL) : NULL;
	char *out = NULL;
	size_t n;

	if (js != NULL) {
		n = json_dumpb(js, NULL, 0, JSON_COMPACT | JSON_SORT_KEYS);
		out = mem_alloc(n + 1);
		(void)json_dumpb(js, out, n, JSON_COMPACT | JSON_SORT_KEYS);
		out[n] = '\0';
		json_decref(js);
	}
	return out;
}

/* What is there is replaced, but its attributes are changed. */
static void
write_group(struct rmq_job *j, const struct fx *fx)
{
	struct put *p = j->priv;
	const struct jval *v = p->v[p->at];
	struct strbuf attrs, text;
	char *now, *changes, *policy = NULL, *subs = NULL, *forbidden;
	struct gconf c;
	struct op *op;
	enum err e;

	now = attributes_of(fx->err == ERR_OK ? fx->text : STR_NONE);
	forbidden = forbidden_of(fx->err == ERR_OK ? fx->text : STR_NONE);
	changes = rmq_attr_changes(jval_get(v, "attributes"));
	strbuf_init(&attrs, DOC_MAX);
	strbuf_init(&text, DOC_MAX);
	e = rmq_attrs_alter(rmq_group_attrs, fx->err != ERR_OK, str_of(now),
	    str_of(changes), &attrs, p->diag);
	gconf_default(&c, group_of(p));
	if (e == ERR_OK && !gconf_read(&c, v)) {
		e = ERR_INVALID_ARG;
		(void)snprintf(
		    p->diag, sizeof p->diag, "the body can't be read");
	}
	if (e == ERR_OK) {
		c.attributes = (struct str){ strbuf_str(&attrs), attrs.len };
		policy = canonical(c.retry_policy);
		subs = canonical(c.subs);
		c.retry_policy = policy != NULL ? str_of(policy) : STR_NONE;
		c.subs = subs != NULL ? str_of(subs) : STR_NONE;
		c.forbidden = str_of(forbidden);
		gconf_write(&text, &c);
		e = strbuf_err(&text);
	}
	if (e == ERR_OK) {
		op = doc_op(j, OP_DOC_PUT, c.name);
		op->text =
		    op_str(op, (struct str){ strbuf_str(&text), text.len });
		doc_route(j, op);
	} else
		rmq_job_say(j, RC_SYSTEM_ERROR,
		    p->diag[0] != '\0' ? p->diag : err_text(e));
	strbuf_fini(&attrs);
	strbuf_fini(&text);
	mem_free(now);
	mem_free(forbidden);
	mem_free(changes);
	mem_free(policy);
	mem_free(subs);
}

static void
put_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct put *p = j->priv;

	(void)s;
	if (fx == NULL) {
		if (++p->at < p->n)
			doc_route(j, doc_op(j, OP_DOC_GET, group_of(p)));
		else
			rmq_job_say(j, RC_SUCCESS, NULL);
	} else if (fx->op == OP_DOC_GET &&
	    (fx->err == ERR_OK || fx->err == ERR_NO_KEY)) {
		write_group(j, fx);
	} else if (fx->op == OP_DOC_PUT && fx->err == ERR_OK) {
		rmq_job_tell(j, TELL_GROUP_STALE, group_of(p));
	} else
		rmq_job_err(j, fx->err, fx->diag);
}

/* False: answered */
static bool
put_read(struct rmq_session *s, const struct rmq_req *q, struct put *p)
{
	const struct jval *root = NULL, *list, *v;
	bool ok,
	    many = q->ref.code == RQ_UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST;
	const char *wrong;
	char buf[512];
	unsigned i;

	/* strings point into the body, which goes with the frame */
	ok = jdoc_parse(&p->doc, q->body.p, q->body.len, &root) == ERR_OK &&
	    root->type == JVAL_OBJECT;
	list = many ? jval_get(root, "groupConfigList") : root;
	p->n = many ? (list != NULL ? list->n : 0) : 1;
	if (!ok || p->n > LIST_MAX) {
		rmq_answer_code(
		    s, &q->ref, RC_SYSTEM_ERROR, "the body can't be read");
		return false;
	}
	p->v = mem_calloc(p->n > 0 ? p->n : 1, sizeof(struct jval *));
	p->v[0] = root;
	i = 0;
	if (many)
		JVAL_FOREACH(v, list) p->v[i++] = v;
	for (p->at = 0; p->at < p->n; p->at++) {
		wrong = gconf_name_wrong(group_of(p), buf, sizeof buf);
		if (wrong == NULL)
			continue;
		rmq_answer_code(s, &q->ref, RC_INVALID_PARAMETER, wrong);
		return false;
	}
	p->at = 0;
	return true;
}

void
rmq_do_group_put(struct rmq_session *s, struct rmq_req *q)
{
	struct put *p = mem_zalloc(sizeof *p);
	struct rmq_job *j;

	jdoc_init(&p->doc, JDOC_VALUES_MAX);
	if (!put_read(s, q, p) || p->n == 0) {
		if (p->v != NULL && p->n == 0)
			rmq_answer_code(s, &q->ref, RC_SUCCESS, NULL);
		jdoc_fini(&p->doc);
		mem_free(p->v);
		mem_free(p);
		return;
	}
	j = rmq_job_new(s, &q->ref, put_step);
	j->always = true;
	j->priv = p;
	j->fini = put_fini;
	j->frame = slice_ref(q->frame);
	doc_route(j, doc_op(j, OP_DOC_GET, group_of(p)));
}

/* --- told ------------------------------------------------------------------- */

void
rmq_do_group_get(struct rmq_session *s, struct rmq_req *q)
{
	struct str group = rheader_get(q->h, "group");
	struct rmq_gconf *g;

	if (group.p == NULL) {
		rmq_answer_field(s, &q->ref, "group");
		return;
	}
	switch (rmq_gconf_get(s, q, group, true, &g)) {
	case RMQ_GCONF_OK:
		(void)rmq_answer(s, &q->ref, RC_SUCCESS, NULL);
		rmq_answer_end(s, &q->ref, g->text, strlen(g->text));
		return;
	case RMQ_GCONF_NONE:
		rmq_answer_code(
		    s, &q->ref, RC_SYSTEM_ERROR, "No group in this broker");
		return;
	case RMQ_GCONF_PARKED:
	case RMQ_GCONF_ERROR:
		return;
	}
}

static bool
has(const struct fx *fx, const char *group)
{
	uint32_t i;

	for (i = 0; i + 1 < fx->strings_n; i += 2)
		if (str_eq(fx->strings[i], str_of(group)))
			return true;
	return false;
}

/* PermName's bit of what is forbidden */
#define FORBID_READ 4

/* {group:{topic:bits}} */
static void
write_forbidden(struct jw *w, const struct fx *fx)
{
	struct str rest;
	char *topics;
	uint32_t i;

	jw_key(w, "forbiddenTable");
	jw_object(w);
	for (i = 0; i + 1 < fx->strings_n; i += 2) {
		topics = forbidden_of(fx->strings[i + 1]);
		rest = str_of(topics);
		if (rest.len > 0) {
			jw_name(w, fx->strings[i]);
			jw_object(w);
			while (rest.len > 0) {
				jw_name(w, str_word(&rest, ','));
				jw_i64(w, FORBID_READ);
			}
			jw_end(w);
		}
		mem_free(topics);
	}
	jw_end(w);
}

static void
listed(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct strbuf *sb = &s->rm->text;
	struct gconf c;
	struct strbuf one;
	struct jw w;
	uint32_t i, n = 0;

	if (fx->err != ERR_OK) {
		rmq_job_err(j, fx->err, fx->diag);
		return;
	}
	strbuf_reset(sb);
	jw_init(&w, sb);
	jw_object(&w);
	jw_key(&w, "dataVersion");
	jw_object(&w);
	jw_key_i64(&w, "counter", 0);
	jw_key_i64(&w, "stateVersion", 0);
	jw_key_i64(&w, "timestamp", s->rm->boot_ms);
	jw_end(&w);
	write_forbidden(&w, fx);
	jw_key(&w, "subscriptionGroupTable");
	jw_object(&w);
	for (i = 0; i + 1 < fx->strings_n; i += 2, n++) {
		jw_name(&w, fx->strings[i]);
		jw_raw(&w, fx->strings[i + 1]);
	}
	strbuf_init(&one, DOC_MAX);
	for (i = 0; sysgroup_at(i) != NULL; i++) {
		if (has(fx, sysgroup_at(i)))
			continue;
		strbuf_reset(&one);
		gconf_default(&c, str_of(sysgroup_at(i)));
		gconf_write(&one, &c);
		jw_name(&w, c.name);
		jw_raw(&w, (struct str){ strbuf_str(&one), one.len });
		n++;
	}
	strbuf_fini(&one);
	jw_end(&w);
	jw_end(&w);
	if (jw_err(&w) != ERR_OK) {
		rmq_job_say(j, RC_SYSTEM_ERROR, "the answer is too large");
		return;
	}
	rout_i64(rmq_answer(s, &j->ref, RC_SUCCESS, NULL), "totalGroupNum", n);
	rmq_answer_end(s, &j->ref, strbuf_str(sb), sb->len);
}

/* Who asks for a page gets all: totalGroupNum says so. */
void
rmq_do_group_list(struct rmq_session *s, struct rmq_req *q)
{
	struct rmq_job *j = rmq_job_new(s, &q->ref, listed);
	struct op *op = doc_op(j, OP_DOC_LIST, STR_NONE);

	op->flag = true;
	doc_route(j, op);
}

/* --- deleting --------------------------------------------------------------- */

/*
 * The settings, then, at once, what only this group has: its retry and dead
 * letter topics and, where that is asked for, its offsets. u64: answers to come.
 */
static void
one_gone(struct rmq_job *j, enum err e)
{
	if (e != ERR_OK && e != ERR_NO_TOPIC && e != ERR_NO_SUBSCRIPTION &&
	    e != ERR_NO_KEY && j->err == ERR_OK)
		j->err = e;
	if (--j->u64 > 0)
		return;
	if (j->err == ERR_OK)
		rmq_job_tell(j, TELL_GROUP_STALE, str_of(j->text));
	else
		rmq_job_err(j, j->err, NULL);
}

static void
topic_gone(struct rmq *rm, void *priv, enum err e)
{
	struct rmq_job *j = priv;

	(void)rm;
	one_gone(j, e);
	rmq_job_release(j);
}

static void
drop_topic(struct rmq_job *j, const char *head)
{
	char *name = mem_printf("%s%s", head, j->text);

	j->u64++;
	rmq_job_hold(j);
	rmq_topic_drop(j->rm, str_of(name), topic_gone, j);
	mem_free(name);
}

static void
delete_offsets(struct rmq_job *j, const struct fx *fx)
{
	struct op *op;
	uint32_t i;

	rmq_job_hold(j);
	for (i = 0; i < fx->strings_n; i++) {
		op = rmq_job_op(j, OP_SUB_DELETE, 0);
		op->topic = op_str(op, fx->strings[i]);
		op->sub = op_str(op, str_of(j->text));
		op->flag = true;
		j->u64++;
		rmq_job_route(j, &op);
	}
	rmq_job_release(j);
}

static void
delete_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	(void)s;
	if (fx == NULL) {
		rmq_job_say(j, RC_SUCCESS, NULL);
		return;
	}
	if (fx->op == OP_SUB_FIND && fx->err == ERR_OK)
		delete_offsets(j, fx);
	one_gone(j, fx->err);
}

void
rmq_do_group_delete(struct rmq_session *s, struct rmq_req *q)
{
	struct str group = rheader_get(q->h, "groupName");
	struct rmq_job *j;
	bool offsets = false;
	const char *wrong;
	struct op *op;
	char buf[512];

	if (group.p == NULL ||
	    rheader_bool(q->h, "cleanOffset", &offsets) == ERR_INVALID_ARG) {
		rmq_answer_field(
		    s, &q->ref, group.p == NULL ? "groupName" : "cleanOffset");
		return;
	}
	wrong = gconf_name_wrong(group, buf, sizeof buf);
	if (wrong != NULL) {
		rmq_answer_code(s, &q->ref, RC_INVALID_PARAMETER, wrong);
		return;
	}
	j = rmq_job_new(s, &q->ref, delete_step);
	j->always = true;
	j->text = mem_strndup(group.p, group.len);
	rmq_job_hold(j);
	drop_topic(j, "%RETRY%");
	drop_topic(j, "%DLQ%");
	if (offsets) {
		op = rmq_job_op(j, OP_SUB_FIND, 0);
		op->sub = op_str(op, group);
		j->u64++;
		doc_route(j, op);
	}
	j->u64++;
	doc_route(j, doc_op(j, OP_DOC_DELETE, group));
	rmq_job_release(j);
}
