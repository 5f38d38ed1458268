/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QUERY_ASSIGNMENT: the broker says which queues a consumer has, and whether it
 * pulls or pops them. SET_MESSAGE_REQUEST_MODE says that of a topic and group;
 * it is a document each.
 *
 * An assignment needs the mode (a document), the topic's queues (this shard's) and
 * the members (the group's shard), in this order; the last one answers.
 */
#include <stdlib.h>

#include "rocketmq/job.h"
#include "rocketmq/json_body.h"
#include "rocketmq/jw.h"
#include "rocketmq/pop.h"

#define MODE_DOC "rocketmq/mode/" /* topic@group */
#define QUEUES_MAX 65536u

struct op *
rmq_mode_op(
    struct rmq_job *j, enum op_type type, struct str topic, struct str group)
{
	struct op *op = rmq_job_op(j, type, 0);
	char *name = mem_printf(MODE_DOC "%.*s@%.*s", (int)topic.len, topic.p,
	    (int)group.len, group.p);

	op->topic = op_str(op, str_of(name));
	mem_free(name);
	return op;
}

/* --- the mode ----------------------------------------------------------------- */

static void
mode_put(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	if (fx->err != ERR_OK)
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
	else
		rmq_answer_code(s, &j->ref, RC_SUCCESS, NULL);
}

bool
rmq_mode_is_pop(struct str text)
{
	const struct jval *root;
	struct jdoc doc;
	bool is;

	jdoc_init(&doc, JDOC_VALUES_MAX);
	is = jdoc_parse(&doc, text.p, text.len, &root) == ERR_OK &&
	    str_eq(jval_str(jval_get(root, "mode")), STR_LIT("POP"));
	jdoc_fini(&doc);
	return is;
}

static void
mode_write(struct strbuf *sb, struct str topic, struct str group, bool is_pop,
    int32_t share)
{
	struct jw w;

	jw_init(&w, sb);
	jw_object(&w);
	jw_key_str(&w, "consumerGroup", group);
	jw_key_str(&w, "mode", is_pop ? STR_LIT("POP") : STR_LIT("PULL"));
	jw_key_i64(&w, "popShareQueueNum", share);
	jw_key_str(&w, "topic", topic);
	jw_end(&w);
	/* the strbuf says whether it went well */
	if (jw_err(&w) != ERR_OK)
		strbuf_reset(sb);
}

void
rmq_do_request_mode(struct rmq_session *s, struct rmq_req *q)
{
	const struct jval *root = NULL;
	struct str topic, group, mode;
	struct strbuf text;
	struct jdoc doc;
	struct rmq_job *j;
	struct op *op;
	int32_t share = 0;

	jdoc_init(&doc, JDOC_VALUES_MAX);
	if (jdoc_parse(&doc, q->body.p, q->body.len, &root) != ERR_OK)
		root = NULL;
	topic = jval_str(jval_get(root, "topic"));
	group = jval_str(jval_get(root, "consumerGroup"));
	mode = jval_str(jval_get(root, "mode"));
	if (jval_i32(jval_get(root, "popShareQueueNum"), &share) != ERR_OK)
		share = 0;
	if (topic.len == 0 || group.len == 0 || rmq_name_wrong(topic) != NULL ||
	    rmq_name_wrong(group) != NULL ||
	    (!str_eq(mode, STR_LIT("POP")) && !str_eq(mode, STR_LIT("PULL")))) {
		rmq_answer_code(
		    s, &q->ref, RC_SYSTEM_ERROR, "the body can't be read");
	} else if (rmq_topic_is_retry(topic)) {
		rmq_answer_code(s, &q->ref, RC_NO_PERMISSION,
		    "retry topic is not allowed to set mode");
	} else {
		strbuf_init(&text, 4096);
		mode_write(
		    &text, topic, group, str_eq(mode, STR_LIT("POP")), share);
		j = rmq_job_new(s, &q->ref, mode_put);
		op = rmq_mode_op(j, OP_DOC_PUT, topic, group);
		op->text =
		    op_str(op, (struct str){ strbuf_str(&text), text.len });
		strbuf_fini(&text);
		rmq_job_route_to(j, s->rm->router->shard, &op);
	}
	jdoc_fini(&doc);
}

/* names and texts in turn, in order of the names: topic@group */
static void
modes_listed(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct str name, topic, was = STR_NONE;
	struct jw w;
	uint32_t i;

	if (fx->err != ERR_OK) {
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
		return;
	}
	strbuf_reset(&j->rm->text);
	jw_init(&w, &j->rm->text);
	jw_object(&w);
	jw_key(&w, "messageRequestModeMap");
	jw_object(&w);
	for (i = 0; i + 1 < fx->strings_n; i += 2) {
		name = fx->strings[i];
		topic = str_word(&name, '@');
		if (was.p == NULL || !str_eq(was, topic)) {
			if (was.p != NULL)
				jw_end(&w);
			jw_name(&w, topic);
			jw_object(&w);
		}
		was = topic;
		jw_name(&w, name);
		jw_raw(&w, fx->strings[i + 1]);
	}
	if (was.p != NULL)
		jw_end(&w);
	jw_end(&w);
	jw_end(&w);
	if (jw_err(&w) != ERR_OK)
		rmq_answer_err(s, &j->ref, ERR_TOO_BIG, NULL);
	else
		rmq_answer_text(s, &j->ref);
}

void
rmq_do_request_modes(struct rmq_session *s, struct rmq_req *q)
{
	struct rmq_job *j = rmq_job_new(s, &q->ref, modes_listed);
	struct op *op = rmq_job_op(j, OP_DOC_LIST, 0);

	op->topic = op_str(op, STR_LIT(MODE_DOC));
	op->flag = true;
	rmq_job_route_to(j, s->rm->router->shard, &op);
}

/* --- who has what --------------------------------------------------------------- */

struct share {
	unsigned char *mine; /* a byte for each queue */
	uint32_t queues;
};

/* AllocateMessageQueueAveragely */
static void
averagely(struct share *sh, uint32_t at, uint32_t members)
{
	uint32_t n = sh->queues, mod = n % members, size, from, i;

	size = n <= members ? 1 : n / members + (at < mod ? 1 : 0);
	from = mod > 0 && at < mod ? at * size : at * size + mod;
	for (i = 0; i < size && from + i < n; i++)
		sh->mine[from + i] = 1;
}

static void
by_circle(struct share *sh, uint32_t at, uint32_t members)
{
	uint32_t i;

	for (i = at; i < sh->queues; i += members)
		sh->mine[i] = 1;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The clients of the group, in order, each once. */
static const char **
clients(const struct rmq_group *g, uint32_t *np)
{
	const struct rmq_gmember *m;
	const char **v;
	uint32_t n = 0, i, k = 0;

	v = mem_calloc(g->consumers_n + 1, sizeof *v);
	LIST_FOREACH(m, &g->members, link)
		if (!m->in->producer && n < g->consumers_n)
			v[n++] = m->client;
	qsort(v, n, sizeof *v, by_text);
	for (i = 0; i < n; i++)
		if (k == 0 || strcmp(v[k - 1], v[i]) != 0)
			v[k++] = v[i];
	*np = k;
	return v;
}

/* False: the client keeps what it has. */
static bool
allocate(const struct rmq_group *g, struct str client, struct str strategy,
    bool is_pop, int32_t share, struct share *sh)
{
	void (*f)(struct share *, uint32_t, uint32_t) = NULL;
	const char **v;
	uint32_t n, at;
	int32_t i;

	if (str_eq(strategy, STR_LIT("AVG")))
		f = averagely;
	else if (str_eq(strategy, STR_LIT("AVG_BY_CIRCLE")))
		f = by_circle;
	if (f == NULL || g == NULL || g->consumers_n == 0)
		return false;
	v = clients(g, &n);
	for (at = 0; at < n; at++)
		if (str_eq(str_of(v[at]), client))
			break;
	mem_free(v);
	if (at == n)
		return true; /* it isn't in the group: nothing */
	if (is_pop && n > sh->queues) {
		sh->mine[at % sh->queues] = 1;
		return true;
	}
	f(sh, at, n);
	for (i = 0; is_pop && i < share && (uint32_t)i < n; i++)
		f(sh, (at + 1 + (uint32_t)i) % n, n);
	return true;
}

static void
put_assignment(
    struct rmq *rm, struct jw *w, struct str topic, int32_t queue, bool is_pop)
{
	jw_object(w);
	jw_key(w, "messageQueue");
	jw_object(w);
	jw_key_str(w, "brokerName", str_of(rm->conf.broker));
	jw_key_i64(w, "queueId", queue);
	jw_key_str(w, "topic", topic);
	jw_end(w);
	jw_key_str(w, "mode", is_pop ? STR_LIT("POP") : STR_LIT("PULL"));
	jw_end(w);
}

/* On the group's shard; the body is the one that query() has made. */
void
rmq_group_assignment(struct rmq *rm, struct rmq_group *g,
    const struct rmq_msg *msg, struct rmq_reply *r)
{
	const struct jval *root = NULL;
	struct share sh = { .queues = 0 };
	bool is_pop, all, known = true;
	int32_t queues = 0, share = 0;
	struct jdoc doc;
	struct str topic;
	struct jw w;
	uint32_t i;

	jdoc_init(&doc, JDOC_VALUES_MAX);
	if (jdoc_parse(&doc, msg->body, msg->body_len, &root) != ERR_OK ||
	    jval_i32(jval_get(root, "queues"), &queues) != ERR_OK ||
	    jval_i32(jval_get(root, "share"), &share) != ERR_OK)
		WRONG("a body of ours");
	topic = jval_str(jval_get(root, "topic"));
	is_pop = jval_bool(jval_get(root, "pop"));
	all = is_pop && share <= 0;
	sh.queues = (uint32_t)queues;
	sh.mine = mem_calloc(sh.queues + 1, 1);
	if (jval_bool(jval_get(root, "broadcast")))
		memset(sh.mine, 1, sh.queues);
	else
		known = allocate(g, jval_str(jval_get(root, "clientId")),
		    jval_str(jval_get(root, "strategyName")), is_pop, share,
		    &sh);
	jw_init(&w, r->text);
	jw_object(&w);
	if (known) {
		jw_key(&w, "messageQueueAssignments");
		jw_array(&w);
		if (all && g != NULL)
			put_assignment(rm, &w, topic, -1, true);
		for (i = 0; i < sh.queues && !all; i++)
			if (sh.mine[i])
				put_assignment(
				    rm, &w, topic, (int32_t)i, is_pop);
		jw_end(&w);
	}
	jw_end(&w);
	if (jw_err(&w) != ERR_OK)
		r->code = RC_SYSTEM_ERROR;
	mem_free(sh.mine);
	jdoc_fini(&doc);
}

struct query {
	struct str group, topic, client, strategy;
	bool broadcast;
	uint32_t queues;
	struct jdoc doc; /* of the request */
};

static void
query_free(struct rmq_job *j)
{
	struct query *qy = j->priv;

	jdoc_fini(&qy->doc);
	mem_free(qy);
}

static void
query(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	static const struct rheader no_fields;
	struct query *qy = j->priv;
	const struct jval *root = NULL;
	bool is_pop = false;
	int32_t share = 0;
	struct strbuf text;
	struct rmq_req q;
	struct jdoc doc;
	struct jw w;

	if (fx->err != ERR_OK && fx->err != ERR_NO_KEY) {
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
		return;
	}
	jdoc_init(&doc, JDOC_VALUES_MAX);
	if (fx->err == ERR_OK &&
	    jdoc_parse(&doc, fx->text.p, fx->text.len, &root) == ERR_OK) {
		is_pop =
		    str_eq(jval_str(jval_get(root, "mode")), STR_LIT("POP"));
		if (jval_i32(jval_get(root, "popShareQueueNum"), &share) !=
		    ERR_OK)
			share = 0;
	}
	jdoc_fini(&doc);
	strbuf_init(&text, 8192);
	jw_init(&w, &text);
	jw_object(&w);
	jw_key_str(&w, "topic", qy->topic);
	jw_key_str(&w, "clientId", qy->client);
	jw_key_str(&w, "strategyName", qy->strategy);
	jw_key_bool(&w, "broadcast", qy->broadcast);
	jw_key_bool(&w, "pop", is_pop);
	jw_key_i64(&w, "share", share);
	jw_key_i64(&w, "queues", qy->queues);
	jw_end(&w);
	if (jw_err(&w) != ERR_OK) {
		rmq_answer_err(s, &j->ref, ERR_TOO_BIG, NULL);
	} else {
		q = (struct rmq_req){ .ref = j->ref,
			.h = &no_fields,
			.body =
			    slice_mem(strbuf_str(&text), (uint32_t)text.len) };
		rmq_group_ask(s, &q, qy->group, qy->client);
	}
	strbuf_fini(&text);
}

/* Of a topic that isn't there: nothing is said, the client keeps what it has. */
static void
say_unknown(struct rmq_session *s, const struct rmq_ref *ref)
{
	strbuf_reset(&s->rm->text);
	strbuf_adds(&s->rm->text, "{}");
	rmq_answer_text(s, ref);
}

void
rmq_do_query_assignment(struct rmq_session *s, struct rmq_req *q)
{
	struct query *qy = mem_zalloc(sizeof *qy);
	const struct jval *root = NULL;
	enum rmq_topic_found found = RMQ_TOPIC_NONE;
	struct rmq_topic *t = NULL;
	struct slice frame = slice_ref(q->frame);
	struct rmq_job *j;
	struct op *op;

	/* strings point into the body, which the job keeps */
	jdoc_init(&qy->doc, JDOC_VALUES_MAX);
	if (jdoc_parse(&qy->doc, q->body.p, q->body.len, &root) != ERR_OK)
		root = NULL;
	qy->topic = jval_str(jval_get(root, "topic"));
	qy->group = jval_str(jval_get(root, "consumerGroup"));
	qy->client = jval_str(jval_get(root, "clientId"));
	qy->strategy = jval_str(jval_get(root, "strategyName"));
	qy->broadcast = str_eq(
	    jval_str(jval_get(root, "messageModel")), STR_LIT("BROADCASTING"));
	if (qy->topic.len == 0 || qy->group.len == 0)
		rmq_answer_code(
		    s, &q->ref, RC_SYSTEM_ERROR, "the body can't be read");
	else
		found = rmq_topic_get(s, q, qy->topic, &t);
	if (found != RMQ_TOPIC_OK) {
		if (found == RMQ_TOPIC_ERROR)
			rmq_answer_err(s, &q->ref, t->error, NULL);
		else if (found == RMQ_TOPIC_NONE && qy->group.len > 0 &&
		    qy->topic.len > 0)
			say_unknown(s, &q->ref);
		slice_unref(&frame);
		jdoc_fini(&qy->doc);
		mem_free(qy);
		return;
	}
	qy->queues = t->read_n < QUEUES_MAX ? t->read_n : QUEUES_MAX;
	j = rmq_job_new(s, &q->ref, query);
	j->frame = frame;
	j->priv = qy;
	j->fini = query_free;
	op = rmq_mode_op(j, OP_DOC_GET, qy->topic, qy->group);
	rmq_job_route_to(j, s->rm->router->shard, &op);
}
