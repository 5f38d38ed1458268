/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UPDATE_AND_GET_GROUP_FORBIDDEN: may a group's members pull from a topic? It is
 * kept in the group's document (gconf.h).
 */
#include "rocketmq/gconf.h"
#include "rocketmq/job.h"
#include "rocketmq/jw.h"

#define DOC_MAX (1u << 19)

struct forbid {
	char *group, *topic;
	bool change, readable;
};

static void
forbid_free(struct rmq_job *j)
{
	struct forbid *f = j->priv;

	mem_free(f->group);
	mem_free(f->topic);
	mem_free(f);
}

static void
say(struct rmq_job *j, struct rmq_session *s)
{
	const struct forbid *f = j->priv;
	struct jw w;

	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	jw_object(&w);
	jw_key_str(&w, "group", str_of(f->group));
	jw_key_bool(&w, "readable", f->readable);
	jw_key_str(&w, "topic", str_of(f->topic));
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

/* "t,t" with or without the topic; *was: it was there */
static void
alter(const struct forbid *f, struct str rest, struct strbuf *out, bool *was)
{
	struct str t;

	*was = false;
	while (rest.len > 0) {
		t = str_word(&rest, ',');
		if (str_eq(t, str_of(f->topic))) {
			*was = true;
			continue;
		}
		if (out->len > 0)
			strbuf_addc(out, ',');
		strbuf_add(out, t.p, t.len);
	}
	if (!f->readable) {
		if (out->len > 0)
			strbuf_addc(out, ',');
		strbuf_adds(out, f->topic);
	}
}

static void
put(struct rmq_job *j, struct str text)
{
	const struct forbid *f = j->priv;
	struct op *op = rmq_job_op(j, OP_DOC_PUT, 0);
	char *doc = mem_printf(GCONF_DOC "%s", f->group);

	op->topic = op_str(op, str_of(doc));
	op->text = op_str(op, text);
	mem_free(doc);
	rmq_job_route_to(j, j->rm->router->shard, &op);
}

/* The document is there. */
static void
look(struct rmq_job *j, struct rmq_session *s, const struct fx *fx)
{
	struct forbid *f = j->priv;
	const struct jval *root;
	struct strbuf list, attrs, text;
	struct gconf c;
	struct jdoc doc;
	enum err e;
	bool was;

	strbuf_init(&list, DOC_MAX);
	strbuf_init(&attrs, DOC_MAX);
	strbuf_init(&text, DOC_MAX);
	jdoc_init(&doc, JDOC_VALUES_MAX);
	gconf_default(&c, str_of(f->group));
	e = jdoc_parse(&doc, fx->text.p, fx->text.len, &root);
	if (e == ERR_OK && !gconf_read(&c, root))
		e = ERR_METADATA;
	if (e == ERR_OK) {
		alter(f, jval_str(jval_get(root, "forbiddenTopics")), &list,
		    &was);
		gconf_attributes(root, &attrs);
		c.attributes = (struct str){ strbuf_str(&attrs), attrs.len };
		c.forbidden = (struct str){ strbuf_str(&list), list.len };
		gconf_write(&text, &c);
		e = strbuf_err(&text) != ERR_OK ? strbuf_err(&text) :
						  strbuf_err(&list);
	}
	if (e != ERR_OK)
		rmq_answer_err(s, &j->ref, e, NULL);
	else if (f->change)
		put(j, (struct str){ strbuf_str(&text), text.len });
	else {
		f->readable = !was;
		say(j, s);
	}
	jdoc_fini(&doc);
	strbuf_fini(&list);
	strbuf_fini(&attrs);
	strbuf_fini(&text);
}

static void
step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	const struct forbid *f = j->priv;

	if (fx == NULL)
		say(j, s);
	else if (fx->err == ERR_OK && fx->op == OP_DOC_GET)
		look(j, s, fx);
	else if (fx->err == ERR_OK)
		rmq_job_tell(j, TELL_GROUP_STALE, str_of(f->group));
	else if (fx->err != ERR_NO_KEY)
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
	else if (f->change)
		rmq_answer_codef(s, &j->ref, RC_SUBSCRIPTION_GROUP_NOT_EXIST,
		    "Group %s not exist!", f->group);
	else
		say(j, s);
}

void
rmq_do_forbid(struct rmq_session *s, struct rmq_req *q)
{
	struct str group = rheader_get(q->h, "group"),
		   topic = rheader_get(q->h, "topic");
	const char *bad = NULL;
	bool readable = true;
	struct forbid *f;
	struct rmq_job *j;
	struct op *op;
	char *doc;
	enum err e;

	e = rheader_bool(q->h, "readable", &readable);
	if (group.len == 0)
		bad = "group";
	else if (topic.len == 0 || rmq_name_wrong(topic) != NULL)
		bad = "topic";
	else if (e == ERR_INVALID_ARG)
		bad = "readable";
	if (bad != NULL) {
		rmq_answer_field(s, &q->ref, bad);
		return;
	}
	j = rmq_job_new(s, &q->ref, step);
	f = mem_zalloc(sizeof *f);
	f->group = mem_strndup(group.p, group.len);
	f->topic = mem_strndup(topic.p, topic.len);
	f->change = e == ERR_OK;
	f->readable = readable;
	j->priv = f;
	j->fini = forbid_free;
	op = rmq_job_op(j, OP_DOC_GET, 0);
	doc = mem_printf(GCONF_DOC "%s", f->group);
	op->topic = op_str(op, str_of(doc));
	mem_free(doc);
	rmq_job_route_to(j, s->rm->router->shard, &op);
}
