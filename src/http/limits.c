/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of namespaces and topics (core/limits.h): the reference's paths, forms,
 * statuses and texts. A namespace's are members of its policies; a topic's are
 * properties, which a partitioned topic has for its partitions.
 */
#include "http/handlers.h"
#include "http/limits.h"
#include "http/parts.h"
#include "http/permissions.h"

struct setting {
	enum limit i;
	const char *name; /* in the path */
	json_t *v; /* borrowed of rq->json; NULL: it is taken away */
};

static struct setting *
setting(struct req *rq, enum limit i)
{
	struct setting *st = mem_zalloc(sizeof *st);

	assert(i < LIM_N);
	st->i = i;
	req_keep(rq, st, mem_free);
	return st;
}

static struct setting *
of_ns(struct req *rq)
{
	struct setting *st =
	    setting(rq, limit_of_ns(str_of(rq->var[VAR_NS_LIMIT])));

	st->name = rq->var[VAR_NS_LIMIT];
	return st;
}

static struct setting *
of_topic(struct req *rq)
{
	const char *name = rq->var[VAR_TOPIC_LIMIT];
	struct setting *st = setting(rq, limit_of_topic(str_of(name)));

	st->name = name;
	return st;
}

/* Takes v. */
static void
answer(struct req *rq, json_t *v)
{
	json_add_json(&rq->out, v);
	json_decref(v);
	req_json(rq);
}

static void
answer_value(struct req *rq, enum limit i, const struct limit_value *l)
{
	answer(rq, limit_write(l, limit_infos[i].kind));
}

/* As the reference says it */
static void
too_few(struct req *rq, const struct setting *st)
{
	bool of_sub = rq->var[VAR_TOPIC_LIMIT] != NULL;

	if (of_sub && st->i == LIM_MAX_CONSUMERS_SUB)
		req_error(rq, 412, "Invalid value for %s", st->name);
	else if (of_sub &&
	    (st->i == LIM_MAX_UNACKED_CONSUMER || st->i == LIM_MAX_UNACKED_SUB))
		req_error(rq, 412, "maxUnackedNum must be 0 or more");
	else
		req_error(rq, 412, "%s must be 0 or more", st->name);
}

/* The body to st->v; false: answered. */
static bool
take_body(struct req *rq, struct setting *st)
{
	enum limit_kind kind = limit_infos[st->i].kind;
	struct limit_value l;

	if (!req_parse(rq))
		return false;
	/* no body: null, which the reference takes for a rate */
	if (json_is_null(rq->json) && kind == LIMIT_COUNT)
		req_error(rq, 400, "The request entity cannot be empty.");
	if (json_is_null(rq->json))
		return kind != LIMIT_COUNT;
	if (!limit_read(&l, kind, rq->json)) {
		req_error(rq, 400, "The body is not a %s", st->name);
		return false;
	}
	if (kind == LIMIT_COUNT && l.n < 0) {
		too_few(rq, st);
		return false;
	}
	json_decref(rq->json);
	st->v = rq->json = limit_write(&l, kind);
	return true;
}

/* --- namespaces ------------------------------------------------------------------- */

/* Borrowed of policies; NULL: it has none. */
static json_t *
value_of(struct req *rq, json_t *policies, enum limit i)
{
	json_t *v = json_object_get(policies, limit_infos[i].member);

	return limit_infos[i].kind == LIMIT_COUNT ?
	    v :
	    json_object_get(v, rq->h->conf.cluster);
}

static void
ns_got(struct req *rq)
{
	struct setting *st = rq->keep;
	json_t *doc, *v;

	if ((doc = req_doc(rq)) == NULL)
		return;
	v = value_of(rq, doc, st->i);
	if (v != NULL)
		answer(rq, json_incref(v));
	else if (st->i == LIM_MAX_TOPICS)
		answer(rq, json_integer(0));
	else
		req_text(rq, NULL);
	json_decref(doc);
}

void
h_ns_limit_get(struct req *rq)
{
	struct str ns;
	struct op *op;

	(void)of_ns(rq);
	if (!req_ns(rq, &ns))
		return;
	op = req_op(rq, OP_NS_GET, ns);
	req_send(rq, &op);
	req_then(rq, ns_got);
}

static void
ns_set(struct req *rq, const struct setting *st)
{
	json_t *v = st->v != NULL ? json_incref(st->v) : json_null();

	if (limit_infos[st->i].kind == LIMIT_COUNT)
		v = json_pack("{s:o}", limit_infos[st->i].member, v);
	else
		v = json_pack("{s:{s:o}}", limit_infos[st->i].member,
		    rq->h->conf.cluster, v);
	AN(v);
	ns_patch(rq, v);
}

void
h_ns_limit_set(struct req *rq)
{
	struct setting *st = of_ns(rq);

	if (take_body(rq, st))
		ns_set(rq, st);
}

void
h_ns_limit_delete(struct req *rq)
{
	ns_set(rq, of_ns(rq));
}

bool
limits_member(const char *key, json_t *v, bool *right)
{
	struct limit_value l;
	const char *cluster;
	json_t *e;
	unsigned i;

	for (i = 0; i < LIM_N; i++)
		if (strcmp(key, limit_infos[i].member) == 0)
			break;
	if (i == LIM_N)
		return false;
	if (limit_infos[i].kind == LIMIT_COUNT) {
		*right = limit_read(&l, LIMIT_COUNT, v) && l.n >= 0;
		return true;
	}
	*right = json_is_object(v);
	json_object_foreach(v, cluster, e)
	{
		if (!limit_read(&l, limit_infos[i].kind, e))
			*right = false;
	}
	return true;
}

/* --- topics ----------------------------------------------------------------------- */

/* Asks for the topic, whose properties are then in ans[0]. */
static void
ask_topic(struct req *rq, req_step_f *next)
{
	struct op *op;

	if (!req_topic(rq))
		return;
	if (rq->tn.partition >= 0) {
		req_error(rq, 412,
		    "Not allowed to set/get topic policy for a partition");
		return;
	}
	if (!rq->tn.persistent) {
		req_error(rq, 405,
		    "Limits of a non-persistent topic are its namespace's");
		return;
	}
	op = req_op(rq, OP_TOPIC_META, rq->tn.full);
	req_send(rq, &op);
	req_then(rq, next);
}

/* A new reference; NULL: it has none. */
static json_t *
own_value(const struct fx *fx, const char *name)
{
	json_t *props = json_loadb(fx->text.p, fx->text.len, 0, NULL), *v;
	char *key = mem_printf(LIMIT_PROP "%s", name);
	const char *text = json_string_value(json_object_get(props, key));

	v = text != NULL ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
	mem_free(key);
	json_decref(props);
	return v;
}

static void
none(struct req *rq)
{
	/* as the reference, each in its way */
	enum limit i = ((struct setting *)rq->keep)->i;

	if (i == LIM_PUBLISH_RATE || i == LIM_MAX_CONSUMERS_SUB ||
	    i == LIM_MAX_SUBS)
		req_empty(rq);
	else
		req_text(rq, NULL);
}

static void
applied(struct req *rq)
{
	const struct setting *st = rq->keep;
	const struct limits *broker = rq->h->conf.limits;
	json_t *doc, *v;

	if ((doc = req_doc(rq)) == NULL)
		return;
	v = value_of(rq, doc, st->i);
	if (v != NULL)
		answer(rq, json_incref(v));
	else if (broker != NULL &&
	    (broker->v[st->i].n > 0 || broker->v[st->i].bytes > 0 ||
		limit_infos[st->i].kind == LIMIT_DISPATCH ||
		limit_infos[st->i].kind == LIMIT_SUBSCRIBE ||
		st->i == LIM_MAX_PRODUCERS || st->i == LIM_MAX_CONSUMERS ||
		st->i == LIM_MAX_UNACKED_CONSUMER ||
		st->i == LIM_MAX_UNACKED_SUB))
		answer_value(rq, st->i, &broker->v[st->i]);
	else
		none(rq);
	json_decref(doc);
}

static void
topic_got(struct req *rq)
{
	const struct setting *st = rq->keep;
	struct op *op;
	struct str ns;
	json_t *v;

	if (req_any_failed(rq))
		return;
	v = own_value(rq->ans[0], st->name);
	if (v != NULL) {
		answer(rq, v);
	} else if (!req_query_bool(rq, "applied", false)) {
		none(rq);
	} else if (req_ns(rq, &ns)) {
		req_clear(rq);
		op = req_op(rq, OP_NS_GET, ns);
		req_send(rq, &op);
		req_then(rq, applied);
	}
}

void
h_topic_limit_get(struct req *rq)
{
	(void)of_topic(rq);
	ask_topic(rq, topic_got);
}

static struct op *
props_op(struct req *rq)
{
	const struct setting *st = rq->keep;
	struct op *op = req_op(rq, OP_TOPIC_PROPS_SET, rq->tn.full);
	struct prop *p = op_mem(op, sizeof *p);
	struct strbuf sb;

	strbuf_init(&sb, NAME_MAX_BYTES);
	strbuf_addf(&sb, LIMIT_PROP "%s", st->name);
	p->key = op_str(op, (struct str){ strbuf_str(&sb), sb.len });
	strbuf_reset(&sb);
	if (st->v != NULL)
		json_add_json(&sb, st->v);
	p->value = op_str(op, (struct str){ strbuf_str(&sb), sb.len });
	strbuf_fini(&sb);
	op->props = p;
	op->props_n = 1;
	return op;
}

/* The partitions of other shards take it up. */
static void
topic_stored(struct req *rq)
{
	struct router *ro = rq->h->router;
	unsigned i, own = route_shard_of(ro, rq->tn.full);
	struct op *op;

	if (req_any_failed(rq))
		return;
	req_clear(rq);
	if (rq->partitions == 0 || ro->shards_n == 1) {
		req_empty(rq);
		return;
	}
	for (i = 0; i < ro->shards_n; i++) {
		if (i == own)
			continue;
		op = props_op(rq);
		op->flag = true;
		req_send_to(rq, i, &op);
	}
	req_then(rq, req_done_empty);
}

static void
topic_found(struct req *rq)
{
	struct op *op;

	if (!parts_resolved(rq))
		return;
	op = props_op(rq);
	req_send(rq, &op);
	req_then(rq, topic_stored);
}

/* null leaves a topic's as it is, as in the reference */
static void
topic_same(struct req *rq)
{
	if (!req_any_failed(rq))
		req_empty(rq);
}

void
h_topic_limit_set(struct req *rq)
{
	struct setting *st = of_topic(rq);

	if (take_body(rq, st))
		ask_topic(rq, st->v != NULL ? topic_found : topic_same);
}

void
h_topic_limit_delete(struct req *rq)
{
	(void)of_topic(rq);
	ask_topic(rq, topic_found);
}

void
limits_hide(json_t *props)
{
	const char *key;
	json_t *v;
	void *tmp;

	json_object_foreach_safe(props, tmp, key, v)
	{
		if (str_starts(str_of(key), STR_LIT(LIMIT_PROP)))
			(void)json_object_del(props, key);
	}
}
