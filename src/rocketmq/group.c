/* SPDX-License-Identifier: Apache-2.0 */
/* The group's side, and the messages between it and sessions. */
#include <stdio.h>

#include "base/log.h"
#include "rocketmq/ask.h"
#include "rocketmq/fit.h"
#include "rocketmq/claim.h"
#include "rocketmq/group.h"
#include "rocketmq/tell.h"

/* --- messages --------------------------------------------------------------- */

struct rmq_msg *
rmq_msg_new(struct rmq *rm, enum rmq_msg_type type)
{
	struct rmq_msg *m;

	ALLOC_OBJ(m, RMQ_MSG_MAGIC);
	m->type = type;
	m->from = rm->router->shard;
	return m;
}

void
rmq_msg_free(struct rmq_msg **mp)
{
	struct rmq_msg *m;
	unsigned i;

	TAKE_OBJ_NOTNULL(m, mp, RMQ_MSG_MAGIC);
	for (i = 0; i < m->fields_n; i++)
		mem_free(m->fields[i].value);
	if (m->in != NULL)
		rmq_interest_unref(&m->in);
	if (m->all != NULL)
		rmq_interests_unref(&m->all);
	mem_free(m->group);
	mem_free(m->client);
	mem_free(m->addr);
	mem_free(m->ext);
	mem_free(m->body);
	mem_free(m->remark);
	if (m->parcel != NULL)
		conn_parcel_free(&m->parcel);
	FREE_OBJ(m);
}

void
rmq_msg_field(struct rmq_msg *m, const char *name, char *value)
{
	CHECK_OBJ_NOTNULL(m, RMQ_MSG_MAGIC);
	assert(m->fields_n < RMQ_MSG_FIELDS);
	m->fields[m->fields_n].name = name;
	m->fields[m->fields_n++].value = value;
}

void
rmq_msg_send(struct rmq *rm, unsigned shard, struct rmq_msg **mp)
{
	struct rmq_msg *m;

	TAKE_OBJ_NOTNULL(m, mp, RMQ_MSG_MAGIC);
	rm->conf.post(rm->conf.post_priv, shard, m);
}

/* Fields of a request, to cross shards */
static char *
ext_pack(const struct rheader *h, size_t *len)
{
	size_t n = 0;
	unsigned i;
	char *p, *at;

	for (i = 0; i < h->fields_n; i++)
		n += h->f[i].name.len + h->f[i].value.len + 2;
	*len = n;
	p = at = mem_zalloc(n + 1);
	for (i = 0; i < h->fields_n; i++) {
		if (h->f[i].name.len > 0)
			memcpy(at, h->f[i].name.p, h->f[i].name.len);
		at += h->f[i].name.len + 1;
		if (h->f[i].value.len > 0)
			memcpy(at, h->f[i].value.p, h->f[i].value.len);
		at += h->f[i].value.len + 1;
	}
	return p;
}

struct str
rmq_ask_field(const struct rmq_msg *m, const char *name)
{
	const char *p = m->ext, *end = m->ext + m->ext_len;

	while (p != NULL && p < end) {
		const char *value = p + strlen(p) + 1;

		if (strcmp(p, name) == 0)
			return str_of(value);
		p = value + strlen(value) + 1;
	}
	return STR_NONE;
}

struct rmq_msg *
rmq_group_question(struct rmq_session *s, const struct rmq_req *q,
    struct str group, struct str client)
{
	struct rmq_msg *m = rmq_msg_new(s->rm, MSG_ASK);

	m->session = s->id;
	m->session_shard = s->rm->router->shard;
	m->ref = q->ref;
	m->group = mem_strndup(group.p, group.len);
	if (client.p != NULL)
		m->client = mem_strndup(client.p, client.len);
	m->ext = ext_pack(q->h, &m->ext_len);
	m->body_len = q->body.len;
	m->body = mem_strndup((const char *)q->body.p, q->body.len);
	return m;
}

void
rmq_group_ask(struct rmq_session *s, const struct rmq_req *q, struct str group,
    struct str client)
{
	struct rmq_msg *m = rmq_group_question(s, q, group, client);

	rmq_msg_send(s->rm, rmq_group_shard(s->rm, group), &m);
}

/* --- a group ---------------------------------------------------------------- */

static struct rmq_group *
group_get(struct rmq *rm, const char *name)
{
	return map_get(&rm->groups, name, strlen(name));
}

struct rmq_group *
rmq_group_make(struct rmq *rm, const char *name)
{
	struct rmq_group *g = group_get(rm, name);

	if (g != NULL)
		return g;
	ALLOC_OBJ(g, RMQ_GROUP_MAGIC);
	g->rm = rm;
	g->name = mem_strdup(name);
	LIST_INIT(&g->members);
	LIST_INIT(&g->claims);
	map_init(&g->locks, rm->seed, 1u << 20);
	if (map_add(&rm->groups, g->name, strlen(g->name), g) != ERR_OK) {
		map_fini(&g->locks);
		mem_free(g->name);
		FREE_OBJ(g);
	}
	return g;
}

static void
lock_free(struct rmq_lock *l)
{
	mem_free(l->key);
	mem_free(l->client);
	mem_free(l);
}

/* One more member, or with -1 one less */
static void
count(struct rmq_group *g, bool producer, int n)
{
	if (producer)
		g->producers_n += (unsigned)n;
	else
		g->consumers_n += (unsigned)n;
	rmq_gauge(g->rm, producer ? M_RMQ_PRODUCERS : M_RMQ_CONSUMERS, n);
}

static void
member_free(struct rmq_group *g, struct rmq_gmember *m)
{
	LIST_REMOVE(m, link);
	count(g, m->in->producer, -1);
	rmq_interest_unref(&m->in);
	mem_free(m->client);
	mem_free(m->addr);
	mem_free(m);
}

/* Each gets messages that it has not subscribed to, and others don't get them. Told
 * once, while it is so. */
static void
look_for_unequal(struct rmq_group *g)
{
	const struct rmq_gmember *m, *first = NULL, *other = NULL;

	LIST_FOREACH(m, &g->members, link) {
		if (m->in->producer)
			continue;
		if (first == NULL)
			first = m;
		else if (!rmq_interest_fits(first->in, m->in))
			other = m;
	}
	if (g->unequal == (other != NULL))
		return;
	g->unequal = other != NULL;
	rmq_gauge(g->rm, M_RMQ_UNEQUAL, g->unequal ? 1 : -1);
	if (g->unequal)
		LOG(LOG_WARN, (int)g->rm->router->shard, "group_unequal",
		    LOG_S("group", g->name), LOG_S("client", first->client),
		    LOG_S("peer", first->addr), LOG_S("other", other->client),
		    LOG_S("other_peer", other->addr));
}

static void
group_free(struct rmq_group *g)
{
	struct rmq_gmember *m;
	struct rmq_lock *l;

	while ((m = LIST_FIRST(&g->members)) != NULL)
		member_free(g, m);
	look_for_unequal(g);
	while ((l = map_pop(&g->locks)) != NULL)
		lock_free(l);
	map_fini(&g->locks);
	rmq_claims_free(g);
	mem_free(g->name);
	FREE_OBJ(g);
}

/* Nobody in it and nothing held: it is not worth keeping. */
static void
group_maybe_free(struct rmq_group *g)
{
	if (!LIST_EMPTY(&g->members) || g->locks.n > 0)
		return;
	AN(map_del(&g->rm->groups, g->name, strlen(g->name)));
	group_free(g);
}

static void
notify(struct rmq_group *g)
{
	struct rmq_interests *all = rmq_interests_new(g->consumers_n);
	struct rmq_gmember *m;
	struct rmq_msg *msg;

	LIST_FOREACH(m, &g->members, link)
		if (!m->in->producer)
			rmq_interests_add(all, m->in);
	LIST_FOREACH(m, &g->members, link) {
		if (m->in->producer || m->in->broadcast)
			continue;
		msg = rmq_msg_new(g->rm, MSG_NOTIFY);
		msg->session = m->session;
		msg->group = mem_strdup(g->name);
		msg->all = rmq_interests_ref(all);
		msg->quiet = g->quiet;
		rmq_msg_send(g->rm, m->shard, &msg);
	}
	rmq_claims_update(g, all);
	rmq_interests_unref(&all);
}

static struct rmq_gmember *
member_get(struct rmq_group *g, const struct rmq_msg *msg, bool producer)
{
	struct rmq_gmember *m;

	LIST_FOREACH(m, &g->members, link)
		if (m->session == msg->session &&
		    m->shard == msg->session_shard &&
		    m->in->producer == producer)
			return m;
	return NULL;
}

/* Two connections with one client's id share one half of the queues: the other
 * half is read by nobody. */
static void
look_for_twins(const struct rmq_group *g, const struct rmq_gmember *m)
{
	const struct rmq_gmember *o;

	LIST_FOREACH(o, &g->members, link)
		if (o != m && o->in->producer == m->in->producer &&
		    strcmp(o->client, m->client) == 0 &&
		    strcmp(o->addr, m->addr) != 0) {
			rmq_gauge(g->rm, M_RMQ_CLIENT_ID_TWICE, 1);
			LOG(LOG_WARN, (int)g->rm->router->shard,
			    "client_id_twice", LOG_S("group", g->name),
			    LOG_S("client", m->client), LOG_S("peer", m->addr),
			    LOG_S("other", o->addr));
			return;
		}
}

/* Whose members have to be told, or NULL */
static struct rmq_group *
join(struct rmq *rm, struct rmq_msg *msg)
{
	struct rmq_group *g = rmq_group_make(rm, msg->group);
	struct rmq_gmember *m;
	bool news = true;

	if (g == NULL)
		return NULL; /* groups_max: it is asked about and not found */
	m = member_get(g, msg, msg->in->producer);
	if (m == NULL) {
		m = mem_zalloc(sizeof *m);
		m->session = msg->session;
		m->shard = msg->session_shard;
		LIST_INSERT_HEAD(&g->members, m, link);
		count(g, msg->in->producer, 1);
	} else {
		/* a notice for every new version would be answered by
		 * another one, for ever */
		news = !rmq_interest_alike(m->in, msg->in) ||
		    strcmp(m->client, msg->client) != 0;
		rmq_interest_unref(&m->in);
		mem_free(m->client);
		mem_free(m->addr);
	}
	m->in = msg->in;
	msg->in = NULL;
	if (!m->in->producer)
		g->quiet = msg->quiet;
	m->client = mem_strdup(msg->client);
	m->addr = mem_strdup(msg->addr);
	m->language = msg->language;
	m->version = msg->version;
	look_for_twins(g, m);
	look_for_unequal(g);
	return !m->in->producer && news ? g : NULL;
}

static void
say_joined(struct rmq *rm, const struct rmq_msg *msg)
{
	struct rmq_msg *m;

	if (msg->asker == 0)
		return;
	m = rmq_msg_new(rm, MSG_JOINED);
	m->session = msg->asker;
	rmq_msg_send(rm, msg->session_shard, &m);
}

static void
leave(struct rmq *rm, const struct rmq_msg *msg)
{
	struct rmq_group *g = group_get(rm, msg->group);
	struct rmq_gmember *m;
	bool tell;

	m = g != NULL ? member_get(g, msg, msg->producer) : NULL;
	if (m == NULL)
		return;
	tell = !m->in->producer && !m->in->broadcast;
	member_free(g, m);
	look_for_unequal(g);
	if (tell)
		notify(g);
	group_maybe_free(g);
}

/* --- questions -------------------------------------------------------------- */

static const struct {
	int32_t code;
	rmq_group_f *f;
} questions[] = {
	{ RQ_GET_CONSUMER_LIST_BY_GROUP, rmq_group_consumer_list },
	{ RQ_LOCK_BATCH_MQ, rmq_group_lock },
	{ RQ_QUERY_ASSIGNMENT, rmq_group_assignment },
	{ RQ_UNLOCK_BATCH_MQ, rmq_group_unlock },
	{ RQ_GET_CONSUMER_CONNECTION_LIST, rmq_group_connections },
	{ RQ_GET_PRODUCER_CONNECTION_LIST, rmq_group_producers },
	{ RQ_QUERY_SUBSCRIPTION_BY_CONSUMER, rmq_group_sub },
	{ RQ_GET_CONSUMER_RUNNING_INFO, rmq_group_client },
	{ RQ_CONSUME_MESSAGE_DIRECTLY, rmq_group_client },
};

static void
answer(struct rmq *rm, struct rmq_msg *msg)
{
	struct rmq_reply r = { .code = RC_SUCCESS, .text = &rm->text };
	struct rmq_msg *a;
	size_t i;

	strbuf_reset(&rm->text);
	for (i = 0; i < sizeof questions / sizeof questions[0]; i++)
		if (questions[i].code == msg->ref.code)
			break;
	assert(i < sizeof questions / sizeof questions[0]);
	questions[i].f(rm, group_get(rm, msg->group), msg, &r);
	if (r.forward != NULL) {
		rmq_forward(rm, r.forward, msg);
		return;
	}
	a = rmq_msg_new(rm, MSG_ANSWER);
	a->session = msg->session;
	a->ref = msg->ref;
	a->code = r.code;
	if (r.code == RC_SUCCESS && strbuf_err(&rm->text) == ERR_OK) {
		a->body_len = rm->text.len;
		a->body = mem_strndup(strbuf_str(&rm->text), rm->text.len);
	} else if (r.code == RC_SUCCESS) {
		a->code = RC_SYSTEM_ERROR;
		a->remark = mem_strdup("the answer is too large");
	} else
		a->remark = mem_strdup(r.remark);
	rmq_msg_send(rm, msg->session_shard, &a);
}

void
rmq_group_consumer_list(struct rmq *rm, struct rmq_group *g,
    const struct rmq_msg *msg, struct rmq_reply *r)
{
	const struct rmq_gmember *m, *o;
	const char *comma = "";

	(void)rm;
	if (g == NULL || g->consumers_n == 0) {
		r->code = RC_SYSTEM_ERROR;
		(void)snprintf(r->remark, sizeof r->remark,
		    "no consumer for this group, %s", msg->group);
		return;
	}
	strbuf_adds(r->text, "{\"consumerIdList\":[");
	LIST_FOREACH(m, &g->members, link) {
		if (m->in->producer)
			continue;
		LIST_FOREACH(o, &g->members, link)
			if (o == m ||
			    (!o->in->producer &&
				strcmp(o->client, m->client) == 0))
				break;
		if (o != m)
			continue; /* its twin was named before */
		strbuf_addf(r->text, "%s\"", comma);
		strbuf_add_json(r->text, m->client, strlen(m->client));
		strbuf_addc(r->text, '"');
		comma = ",";
	}
	strbuf_adds(r->text, "]}");
}

/* --- the shard -------------------------------------------------------------- */

static void
answered(struct rmq *rm, const struct rmq_msg *m)
{
	struct rmq_session *s = rmq_session_get(rm, m->session);
	struct rout *o;

	if (s == NULL)
		return;
	o = rmq_answer(s, &m->ref, m->code, m->remark);
	if (m->stored) {
		rout_str(o, "msgId", STR_LIT("0"));
		rout_i64(o, "queueId", 0);
		rout_i64(o, "queueOffset", 0);
		rout_str(o, "MSG_REGION", STR_LIT("DefaultRegion"));
		rout_str(o, "TRACE_ON", STR_LIT("true"));
	}
	rmq_answer_end(s, &m->ref, m->body, m->body_len);
}

static void
notified(struct rmq *rm, struct rmq_msg *m)
{
	struct rmq_session *s = rmq_session_get(rm, m->session);

	if (s == NULL || s->state != RMQ_OPEN)
		return;
	rmq_member_told(s, str_of(m->group), &m->all);
	if (m->quiet)
		return;
	rout_str(rmq_ask_begin(s, RQ_NOTIFY_CONSUMER_IDS_CHANGED, true),
	    "consumerGroup", str_of(m->group));
	rmq_ask_oneway(s, (struct slice){ 0 });
}

/* The next one in turn, so that one that doesn't answer is not the only one asked */
static void
tell_producer(struct rmq *rm, struct rmq_msg **mp)
{
	struct rmq_group *g = group_get(rm, (*mp)->group);
	struct rmq_gmember *m;
	unsigned n, i = 0;

	if (g == NULL || g->producers_n == 0)
		return;
	n = g->turn++ % g->producers_n;
	LIST_FOREACH(m, &g->members, link) {
		if (!m->in->producer || i++ < n)
			continue;
		(*mp)->type = MSG_TELL;
		(*mp)->session = m->session;
		rmq_msg_send(rm, m->shard, mp);
		return;
	}
}

static void
told(struct rmq *rm, const struct rmq_msg *m)
{
	struct rmq_session *s = rmq_session_get(rm, m->session);
	struct slice body;
	struct rout *o;
	unsigned i;

	if (s == NULL || s->state != RMQ_OPEN)
		return;
	o = rmq_ask_begin(s, m->code, true);
	for (i = 0; i < m->fields_n; i++)
		rout_str(o, m->fields[i].name, str_of(m->fields[i].value));
	assert(
	    m->code == RQ_CHECK_TRANSACTION_STATE); /* the body is a record */
	body = rmq_fit_copy(s, m->body, m->body_len);
	rmq_ask_oneway(s, body);
	if (body.buf != NULL)
		slice_unref(&body);
}

void
rmq_receive(struct rmq *rm, struct rmq_msg **mp)
{
	struct rmq_msg *m = *mp;
	struct rmq_group *g;

	CHECK_OBJ_NOTNULL(rm, RMQ_MAGIC);
	CHECK_OBJ_NOTNULL(m, RMQ_MSG_MAGIC);
	LOOP_ASSERT(rm->lp);
	switch (m->type) {
	case MSG_JOIN:
		/* Java's 5.x rebalances when it is told, and says what it reads in a
		 * heartbeat of its own: which it leaves out while the first one is not
		 * answered, and gets SUBSCRIPTION_NOT_LATEST until the next (30 s) */
		g = join(rm, m);
		say_joined(rm, m);
		if (g != NULL)
			notify(g);
		break;
	case MSG_JOINED:
		rmq_joined(rm, m);
		break;
	case MSG_MOVED:
		rmq_session_moved(rm, m);
		break;
	case MSG_LEAVE:
		leave(rm, m);
		break;
	case MSG_ASK:
		answer(rm, m);
		break;
	case MSG_ANSWER:
		answered(rm, m);
		break;
	case MSG_NOTIFY:
		notified(rm, m);
		break;
	case MSG_TELL_PRODUCER:
		tell_producer(rm, mp);
		break;
	case MSG_TELL:
		told(rm, m);
		break;
	case MSG_REPLY:
		rmq_reply_came(rm, mp);
		break;
	case MSG_CLIENT:
		rmq_forwarded(rm, m);
		break;
	case MSG_CLIENT_SAID:
		rmq_status_said(rm, m);
		break;
	case MSG_ALL:
		rmq_tell_came(rm, m);
		break;
	case MSG_ALL_SAID:
		rmq_told_came(rm, m);
		break;
	}
	if (*mp != NULL)
		rmq_msg_free(mp);
}

void
rmq_groups_tick(struct rmq *rm)
{
	int64_t wall = loop_wall_ms(rm->lp), mono = loop_mono_ns(rm->lp);
	struct rmq_group *g, *empty = NULL;
	struct rmq_session *s;
	size_t it;

	UMAP_FOREACH(s, &rm->sessions, it)
	{
		rmq_members_expire(s);
		rmq_asks_expire(s, mono);
	}
	MAP_FOREACH(g, &rm->groups, it) {
		rmq_claims_tick(g, mono);
		if (g->locks.n > 0) {
			rmq_group_locks_expire(g, wall);
			if (g->locks.n == 0 && LIST_EMPTY(&g->members))
				empty = g;
		}
	}
	/* the others in the next seconds */
	if (empty != NULL)
		group_maybe_free(empty);
}

void
rmq_groups_fini(struct rmq *rm)
{
	struct rmq_group *g;

	while ((g = map_pop(&rm->groups)) != NULL)
		group_free(g);
}
