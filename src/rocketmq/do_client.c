/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heartbeats: who a connection is and what it wants. A heartbeat is answered
 * when the retry topics of its consumer groups are there, since clients look
 * for their routes next.
 */
#include <jansson.h>
#include <stdio.h>

#include "rocketmq/gconf.h"
#include "rocketmq/group.h"
#include "rocketmq/job.h"
#include "rocketmq/sql92.h"

#define HEARD 1 /* step of a heartbeat's job: it was answered */
#define MEMBERS_MAX 10000u /* groups of a connection */

/* --- members ---------------------------------------------------------------- */

static struct rmq_member *
member_get(const struct rmq_session *s, struct str group, bool producer)
{
	struct rmq_member *m;

	LIST_FOREACH(m, &s->members, link)
		if (m->in->producer == producer &&
		    str_eq(str_of(m->group), group))
			return m;
	return NULL;
}

struct rmq_interest *
rmq_member_interest(const struct rmq_session *s, struct str group)
{
	const struct rmq_member *m = member_get(s, group, false);

	return m != NULL ? m->in : NULL;
}

const struct rmq_interests *
rmq_member_all(const struct rmq_session *s, struct str group)
{
	const struct rmq_member *m = member_get(s, group, false);

	return m != NULL ? m->all : NULL;
}

void
rmq_member_told(
    struct rmq_session *s, struct str group, struct rmq_interests **all)
{
	struct rmq_member *m = member_get(s, group, false);

	if (m == NULL || *all == NULL)
		return;
	if (m->all != NULL)
		rmq_interests_unref(&m->all);
	m->all = *all;
	*all = NULL;
}

static void
member_free(struct rmq_member *m)
{
	LIST_REMOVE(m, link);
	if (m->all != NULL)
		rmq_interests_unref(&m->all);
	rmq_interest_unref(&m->in);
	mem_free(m->group);
	FREE_OBJ(m);
}

static struct rmq_msg *
member_msg(struct rmq_session *s, enum rmq_msg_type type, const char *group)
{
	struct rmq_msg *msg = rmq_msg_new(s->rm, type);

	msg->session = s->id;
	msg->session_shard = s->rm->router->shard;
	msg->group = mem_strdup(group);
	return msg;
}

static void
leave(struct rmq_session *s, struct rmq_member *m)
{
	struct rmq_msg *msg = member_msg(s, MSG_LEAVE, m->group);

	msg->producer = m->in->producer;
	rmq_msg_send(s->rm, rmq_group_shard(s->rm, str_of(m->group)), &msg);
	member_free(m);
}

void
rmq_members_drop(struct rmq_session *s)
{
	struct rmq_member *m;

	while ((m = LIST_FIRST(&s->members)) != NULL)
		leave(s, m);
}

void
rmq_members_expire(struct rmq_session *s)
{
	int64_t now = loop_mono_ns(s->rm->lp);
	struct rmq_member *m, *next;

	for (m = LIST_FIRST(&s->members); m != NULL; m = next) {
		next = LIST_NEXT(m, link);
		if (now - m->heard_ns > s->rm->conf.member_ns)
			leave(s, m);
	}
}

static bool
is_quiet(const struct rmq *rm, const char *group)
{
	const struct gconf *c = rmq_gconf_peek(rm, str_of(group));

	return c != NULL && !c->notify;
}

static void
tell_join(struct rmq_session *s, struct rmq_member *m)
{
	struct rmq_msg *msg = member_msg(s, MSG_JOIN, m->group);

	msg->client = mem_strdup(s->client_id);
	msg->addr = mem_strdup(conn_peer_text(s->cn));
	msg->language = s->language;
	msg->version = s->version;
	msg->in = rmq_interest_ref(m->in);
	msg->quiet = m->quiet;
	if (s->joining != NULL) {
		msg->asker = s->joining->number;
		s->joining->u32++;
		rmq_job_hold(s->joining);
	}
	rmq_msg_send(s->rm, rmq_group_shard(s->rm, str_of(m->group)), &msg);
}

/* Takes in. Told to the group if it is news; whether it is. bare: the
 * subscriptions are left out, those that are known stand. */
static bool
member_heard(struct rmq_session *s, const char *group, struct rmq_interest *in,
    bool bare)
{
	struct rmq_member *m = member_get(s, str_of(group), in->producer);
	bool quiet = !in->producer && is_quiet(s->rm, group);
	bool news = m == NULL || !(bare || rmq_interest_same(m->in, in));

	if (m == NULL) {
		ALLOC_OBJ(m, RMQ_MEMBER_MAGIC);
		m->group = mem_strdup(group);
		m->in = in;
		LIST_INSERT_HEAD(&s->members, m, link);
	} else if (news) {
		rmq_interest_unref(&m->in);
		m->in = in;
	} else
		rmq_interest_unref(&in);
	m->heard_ns = loop_mono_ns(s->rm->lp);
	if (news || m->quiet != quiet) {
		m->quiet = quiet;
		tell_join(s, m);
	}
	return news;
}

/* --- the body --------------------------------------------------------------- */

static char *
text_of(const json_t *js, const char *name)
{
	const char *v = json_string_value(json_object_get(js, name));

	return mem_strdup(v != NULL ? v : "");
}

static bool
sub_parse(struct rmq_sub *sub, const json_t *js)
{
	uint32_t tags[RMQ_TAGS_MAX];
	struct diag diag = { 0 };

	sub->topic = text_of(js, "topic");
	sub->expression = text_of(js, "subString");
	sub->type = text_of(js, "expressionType");
	sub->version = json_integer_value(json_object_get(js, "subVersion"));
	if (sub->topic[0] == '\0')
		return false;
	if (sub->type[0] != '\0' && strcmp(sub->type, "TAG") != 0) {
		/* one that can't be read is told to whoever pulls by it */
		if (sql92_new(str_of(sub->expression), &sub->sql, &diag) !=
		    ERR_OK)
			sub->sql = NULL;
		return true;
	}
	if (!rmq_tags_parse(str_of(sub->expression), tags, &sub->tags_n))
		return false;
	if (sub->tags_n > 0) {
		sub->tags = mem_calloc(sub->tags_n, sizeof *sub->tags);
		memcpy(sub->tags, tags, sub->tags_n * sizeof *sub->tags);
	}
	return true;
}

static enum rmq_consume_type
consume_type(const char *text)
{
	if (text != NULL && strcmp(text, "CONSUME_ACTIVELY") == 0)
		return RMQ_ACTIVELY;
	if (text != NULL && strcmp(text, "CONSUME_POP") == 0)
		return RMQ_POP;
	return RMQ_PASSIVELY;
}

static struct rmq_interest *
interest_new(bool producer)
{
	struct rmq_interest *in;

	ALLOC_OBJ(in, RMQ_INTEREST_MAGIC);
	atomic_init(&in->refs, 1);
	in->producer = producer;
	return in;
}

/* A set has no order: every client sends its own. */
static int
by_topic(const void *va, const void *vb)
{
	const struct rmq_sub *a = va, *b = vb;

	return strcmp(a->topic, b->topic);
}

/* NULL: it can't be read */
static struct rmq_interest *
consumer_parse(const json_t *js)
{
	const char *model, *where;
	struct rmq_interest *in;
	const json_t *subs = json_object_get(js, "subscriptionDataSet");
	size_t i, n = json_array_size(subs);
	bool ok = n <= RMQ_SUBS_MAX;

	in = interest_new(false);
	model = json_string_value(json_object_get(js, "messageModel"));
	where = json_string_value(json_object_get(js, "consumeFromWhere"));
	in->broadcast = model != NULL && strcmp(model, "BROADCASTING") == 0;
	in->unit = json_is_true(json_object_get(js, "unitMode"));
	in->type =
	    consume_type(json_string_value(json_object_get(js, "consumeType")));
	(void)snprintf(in->from_where, sizeof in->from_where, "%s",
	    where != NULL ? where : "CONSUME_FROM_LAST_OFFSET");
	in->subs = ok && n > 0 ? mem_calloc(n, sizeof *in->subs) : NULL;
	for (i = 0; ok && i < n; i++) {
		in->subs_n++;
		ok = sub_parse(&in->subs[i], json_array_get(subs, i));
	}
	if (!ok)
		rmq_interest_unref(&in);
	else if (in->subs_n > 1)
		qsort(in->subs, in->subs_n, sizeof *in->subs, by_topic);
	return in;
}

/* --- heartbeat -------------------------------------------------------------- */

/* The retry topic of a group: there, or the request was parked. */
static bool
retry_topic_is_there(struct rmq_session *s, const struct rmq_req *q,
    const char *group, uint32_t queues)
{
	char name[256];
	struct rmq_topic *t;

	if (snprintf(name, sizeof name, "%%RETRY%%%s", group) >=
	    (int)sizeof name)
		return true; /* no topic can have this name */
	switch (rmq_topic_get(s, q, str_of(name), &t)) {
	case RMQ_TOPIC_PARKED:
		return false;
	case RMQ_TOPIC_NONE:
		if (t == NULL)
			return true;
		rmq_topic_make(s, q, t, queues, PERM_READ | PERM_WRITE);
		return false;
	case RMQ_TOPIC_OK:
	case RMQ_TOPIC_ERROR:
		break;
	}
	return true;
}

static const char *
group_of(const json_t *js)
{
	const char *g = json_string_value(json_object_get(js, "groupName"));

	return g != NULL && g[0] != '\0' && strlen(g) <= 255 ? g : NULL;
}

/* The group's settings, made if need be, and its retry topic. False: parked or
 * answered. One that must not be made consumes without a retry topic. */
static bool
group_is_there(
    struct rmq_session *s, const struct rmq_req *q, const char *group)
{
	struct rmq_gconf *g;

	switch (rmq_gconf_get(s, q, str_of(group), true, &g)) {
	case RMQ_GCONF_OK:
		return retry_topic_is_there(s, q, group,
		    g->c.retry_queues > 0 ? (uint32_t)g->c.retry_queues : 1);
	case RMQ_GCONF_NONE:
		return true;
	case RMQ_GCONF_PARKED:
	case RMQ_GCONF_ERROR:
		break;
	}
	return false;
}

/* False: parked or answered */
static bool
groups_are_there(
    struct rmq_session *s, const struct rmq_req *q, const json_t *consumers)
{
	const json_t *js;
	size_t i;

	json_array_foreach(consumers, i, js)
	{
		if (group_of(js) != NULL && !group_is_there(s, q, group_of(js)))
			return false;
	}
	return true;
}

void
rmq_client_forget(struct rmq_session *s)
{
	struct map *m = &s->rm->clients;
	size_t n;

	if (s->client_id == NULL)
		return;
	n = strlen(s->client_id);
	if (map_get(m, s->client_id, n) == s)
		AN(map_del(m, s->client_id, n));
	MEM_FREE(s->client_id);
}

static void
client_is(struct rmq_session *s, const char *id)
{
	if (s->client_id != NULL && strcmp(s->client_id, id) == 0)
		return;
	rmq_client_forget(s);
	s->client_id = mem_strdup(id);
	/* of two with one id the first one counts */
	if (map_add(&s->rm->clients, s->client_id, strlen(id), s) != ERR_OK)
		s->rm->st.twins++;
}

/* *changed: something of it is news */
static bool
heard(struct rmq_session *s, const json_t *body, bool *changed)
{
	const json_t *producers = json_object_get(body, "producerDataSet");
	const json_t *consumers = json_object_get(body, "consumerDataSet");
	bool bare = json_is_true(json_object_get(body, "withoutSub"));
	struct rmq_interest *in;
	const json_t *js;
	size_t i;

	*changed = false;
	json_array_foreach(producers, i, js)
	{
		if (group_of(js) != NULL)
			(void)member_heard(
			    s, group_of(js), interest_new(true), false);
	}
	json_array_foreach(consumers, i, js)
	{
		if (group_of(js) == NULL)
			continue;
		in = consumer_parse(js);
		if (in == NULL)
			return false;
		*changed |= member_heard(s, group_of(js), in, bare);
	}
	return true;
}

/* A heartbeat is answered when the groups know of it: whoever is told of that, on
 * whatever connection, finds the member there. */
static void
say_heard(struct rmq_job *j, struct rmq_session *s)
{
	j->step = HEARD;
	(void)rmq_answer(s, &j->ref, RC_SUCCESS, NULL);
	rout_bool(&s->rm->out, "IS_SUPPORT_HEART_BEAT_V2", true);
	rout_bool(&s->rm->out, "IS_SUB_CHANGE", j->flag);
	rmq_answer_end(s, &j->ref, NULL, 0);
}

/* A group has taken a member in. */
void
rmq_joined(struct rmq *rm, const struct rmq_msg *m)
{
	struct rmq_job *j = umap_get(&rm->things, m->session);
	struct rmq_session *s;

	if (j == NULL)
		return; /* the front-end is being taken down */
	CHECK_OBJ_NOTNULL(j, RMQ_JOB_MAGIC);
	s = rmq_session_get(rm, j->ref.session);
	AN(j->u32);
	if (--j->u32 == 0 && j->step != HEARD && s != NULL)
		say_heard(j, s);
	rmq_job_release(j);
}

void
rmq_do_heartbeat(struct rmq_session *s, struct rmq_req *q)
{
	const json_t *producers, *consumers;
	const char *id;
	bool ok, changed, v2;
	struct rmq_job *j;
	json_t *js;

	js = json_loadb((const char *)q->body.p, q->body.len, 0, NULL);
	id = json_string_value(json_object_get(js, "clientID"));
	producers = json_object_get(js, "producerDataSet");
	consumers = json_object_get(js, "consumerDataSet");
	if (id == NULL || json_array_size(producers) > MEMBERS_MAX ||
	    json_array_size(consumers) > MEMBERS_MAX) {
		json_decref(js);
		rmq_answer_code(
		    s, &q->ref, RC_SYSTEM_ERROR, "the heartbeat can't be read");
		return;
	}
	if (!groups_are_there(s, q, consumers)) {
		json_decref(js);
		return;
	}
	client_is(s, id);
	j = rmq_job_new(s, &q->ref, NULL);
	rmq_job_hold(j);
	s->joining = j;
	ok = heard(s, js, &changed);
	s->joining = NULL;
	v2 = json_integer_value(json_object_get(js, "heartbeatFingerprint")) !=
	    0;
	json_decref(js);
	j->flag = changed || !v2;
	if (!ok) {
		j->step = HEARD; /* what joined is not waited for */
		rmq_answer_code(s, &q->ref, RC_SUBSCRIPTION_PARSE_FAILED,
		    "a subscription can't be read");
	} else if (j->u32 == 0)
		say_heard(j, s);
	rmq_job_release(j);
}

void
rmq_do_unregister(struct rmq_session *s, struct rmq_req *q)
{
	struct str producer = rheader_get(q->h, "producerGroup"),
		   consumer = rheader_get(q->h, "consumerGroup");
	struct rmq_member *m;

	if (producer.len > 0 && (m = member_get(s, producer, true)) != NULL)
		leave(s, m);
	if (consumer.len > 0 && (m = member_get(s, consumer, false)) != NULL)
		leave(s, m);
	rmq_answer_code(s, &q->ref, RC_SUCCESS, NULL);
}

/* --- questions to a group --------------------------------------------------- */

void
rmq_do_consumer_list(struct rmq_session *s, struct rmq_req *q)
{
	struct str group = rheader_get(q->h, "consumerGroup");

	if (group.len == 0)
		rmq_answer_field(s, &q->ref, "consumerGroup");
	else
		rmq_group_ask(s, q, group, STR_NONE);
}

/* LOCK_BATCH_MQ and UNLOCK_BATCH_MQ: the group's name is in the body */
static void
ask_by_body(struct rmq_session *s, struct rmq_req *q)
{
	json_t *js = json_loadb((const char *)q->body.p, q->body.len, 0, NULL);
	const char *group =
	    json_string_value(json_object_get(js, "consumerGroup"));

	if (group == NULL || group[0] == '\0')
		rmq_answer_code(
		    s, &q->ref, RC_SYSTEM_ERROR, "the body can't be read");
	else
		rmq_group_ask(s, q, str_of(group), STR_NONE);
	json_decref(js);
}

void
rmq_do_lock(struct rmq_session *s, struct rmq_req *q)
{
	ask_by_body(s, q);
}

void
rmq_do_unlock(struct rmq_session *s, struct rmq_req *q)
{
	ask_by_body(s, q);
}
