/* SPDX-License-Identifier: Apache-2.0 */
/* Who is connected: questions of admins to groups. */
#include <stdio.h>

#include "rocketmq/group.h"
#include "rocketmq/jw.h"
#include "rocketmq/tell.h"

static void
say_tags(struct jw *w, const struct rmq_sub *sub)
{
	const char *p = sub->expression, *end;
	size_t n;
	uint32_t i;

	jw_key(w, "codeSet");
	jw_array(w);
	for (i = 0; i < sub->tags_n; i++)
		jw_i64(w, (int32_t)sub->tags[i]);
	jw_end(w);
	jw_key_str(w, "expressionType",
	    sub->type[0] != '\0' ? str_of(sub->type) : STR_LIT("TAG"));
	jw_key_str(w, "subString", str_of(sub->expression));
	jw_key_i64(w, "subVersion", sub->version);
	jw_key(w, "tagsSet");
	jw_array(w);
	while (sub->tags_n > 0 && *p != '\0') {
		end = strstr(p, "||");
		n = end != NULL ? (size_t)(end - p) : strlen(p);
		while (n > 0 && *p == ' ') {
			p++;
			n--;
		}
		end = p + n;
		while (n > 0 && p[n - 1] == ' ')
			n--;
		if (n > 0)
			jw_str(w, (struct str){ p, n });
		p = *end == '|' ? end + 2 : end;
	}
	jw_end(w);
}

static void
say_sub(struct jw *w, const struct rmq_sub *sub)
{
	jw_object(w);
	jw_key_bool(w, "classFilterMode", false);
	say_tags(w, sub);
	jw_key_str(w, "topic", str_of(sub->topic));
	jw_end(w);
}

static void
say_connection(struct jw *w, const struct rmq_gmember *m)
{
	jw_object(w);
	jw_key_str(w, "clientAddr", str_of(m->addr));
	jw_key_str(w, "clientId", str_of(m->client));
	jw_key_str(w, "language", str_of(rlanguage_name(m->language)));
	jw_key_i64(w, "version", m->version);
	jw_end(w);
}

static void
say_connections(struct jw *w, const struct rmq_group *g, bool producer)
{
	const struct rmq_gmember *m;

	jw_key(w, "connectionSet");
	jw_array(w);
	LIST_FOREACH(m, &g->members, link)
		if (m->in->producer == producer)
			say_connection(w, m);
	jw_end(w);
}

/* Of all members; where two differ, the younger counts. */
static void
say_subs(struct jw *w, const struct rmq_group *g)
{
	const struct rmq_gmember *m, *o;
	uint32_t i;

	jw_key(w, "subscriptionTable");
	jw_object(w);
	LIST_FOREACH(m, &g->members, link) {
		for (i = 0; !m->in->producer && i < m->in->subs_n; i++) {
			LIST_FOREACH(o, &g->members, link)
				if (o == m ||
				    (!o->in->producer &&
					rmq_interest_sub(o->in,
					    str_of(m->in->subs[i].topic)) !=
					    NULL))
					break;
			if (o != m)
				continue;
			jw_name(w, str_of(m->in->subs[i].topic));
			say_sub(w, &m->in->subs[i]);
		}
	}
	jw_end(w);
}

static const char *
type_name(enum rmq_consume_type type)
{
	switch (type) {
	case RMQ_ACTIVELY:
		return "CONSUME_ACTIVELY";
	case RMQ_PASSIVELY:
		return "CONSUME_PASSIVELY";
	case RMQ_POP:
		return "CONSUME_POP";
	}
	WRONG("a way of consuming that isn't");
}

void
rmq_group_connections(struct rmq *rm, struct rmq_group *g,
    const struct rmq_msg *msg, struct rmq_reply *r)
{
	const struct rmq_gmember *m = NULL;
	struct jw w;

	(void)rm;
	if (g != NULL)
		LIST_FOREACH(m, &g->members, link)
			if (!m->in->producer)
				break;
	if (m == NULL) {
		r->code = RC_CONSUMER_NOT_ONLINE;
		(void)snprintf(r->remark, sizeof r->remark,
		    "the consumer group[%s] not online", msg->group);
		return;
	}
	jw_init(&w, r->text);
	jw_object(&w);
	say_connections(&w, g, false);
	jw_key_str(&w, "consumeFromWhere", str_of(m->in->from_where));
	jw_key_str(&w, "consumeType", str_of(type_name(m->in->type)));
	jw_key_str(&w, "messageModel",
	    m->in->broadcast ? STR_LIT("BROADCASTING") : STR_LIT("CLUSTERING"));
	say_subs(&w, g);
	jw_end(&w);
}

void
rmq_group_producers(struct rmq *rm, struct rmq_group *g,
    const struct rmq_msg *msg, struct rmq_reply *r)
{
	struct jw w;

	(void)rm;
	if (g == NULL || g->producers_n == 0) {
		r->code = RC_SYSTEM_ERROR;
		(void)snprintf(r->remark, sizeof r->remark,
		    "the producer group[%s] not exist", msg->group);
		return;
	}
	jw_init(&w, r->text);
	jw_object(&w);
	say_connections(&w, g, true);
	jw_end(&w);
}

/* What one of its members has subscribed to; NULL: none has. */
static const struct rmq_sub *
sub_of(const struct rmq_group *g, struct str topic)
{
	const struct rmq_sub *sub = NULL;
	const struct rmq_gmember *m;

	if (g == NULL)
		return NULL;
	LIST_FOREACH(m, &g->members, link)
		if (!m->in->producer &&
		    (sub = rmq_interest_sub(m->in, topic)) != NULL)
			break;
	return sub;
}

void
rmq_group_sub(struct rmq *rm, struct rmq_group *g, const struct rmq_msg *msg,
    struct rmq_reply *r)
{
	struct str topic = rmq_ask_field(msg, "topic");
	const struct rmq_sub *sub = sub_of(g, topic);
	struct jw w;

	(void)rm;
	jw_init(&w, r->text);
	jw_object(&w);
	jw_key_str(&w, "group", str_of(msg->group));
	if (sub != NULL) {
		jw_key(&w, "subscriptionData");
		say_sub(&w, sub);
	}
	jw_key_str(&w, "topic", topic);
	jw_end(&w);
}

void
rmq_do_connections(struct rmq_session *s, struct rmq_req *q)
{
	const char *name = q->ref.code == RQ_GET_CONSUMER_CONNECTION_LIST ?
	    "consumerGroup" :
	    q->ref.code == RQ_GET_PRODUCER_CONNECTION_LIST ? "producerGroup" :
							     "group";
	struct str group = rheader_get(q->h, name);

	if (group.len == 0)
		rmq_answer_field(s, &q->ref, name);
	else if (q->ref.code == RQ_QUERY_SUBSCRIPTION_BY_CONSUMER &&
	    rheader_get(q->h, "topic").p == NULL)
		rmq_answer_field(s, &q->ref, "topic");
	else
		rmq_group_ask(s, q, group, STR_NONE);
}

/* --- all producers ---------------------------------------------------------- */

/* "group":[..],"group":[..] of this shard */
void
rmq_producers_told(struct rmq *rm, struct str text, struct strbuf *answer)
{
	int64_t now = loop_wall_ms(rm->lp);
	const struct rmq_gmember *m;
	const struct rmq_group *g;
	char addr[96];
	struct jw w;
	size_t it;

	(void)text;
	jw_init(&w, answer);
	jw_object(&w);
	MAP_FOREACH(g, &rm->groups, it) {
		if (g->producers_n == 0)
			continue;
		jw_name(&w, str_of(g->name));
		jw_array(&w);
		LIST_FOREACH(m, &g->members, link) {
			if (!m->in->producer)
				continue;
			(void)snprintf(addr, sizeof addr, "/%s", m->addr);
			jw_object(&w);
			jw_key_str(&w, "clientId", str_of(m->client));
			jw_key_str(&w, "language",
			    str_of(rlanguage_name(m->language)));
			/* it is heard of as long as it is here */
			jw_key_i64(&w, "lastUpdateTimestamp", now);
			jw_key_str(&w, "remoteIP", str_of(addr));
			jw_key_i64(&w, "version", m->version);
			jw_end(&w);
		}
		jw_end(&w);
	}
	jw_end(&w);
}

static void
producers_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct strbuf *sb = &s->rm->text;
	const char *comma = "";
	unsigned i;
	size_t n;

	AZ(fx);
	if (j->err != ERR_OK) {
		rmq_answer_err(s, &j->ref, j->err, NULL);
		return;
	}
	strbuf_reset(sb);
	strbuf_adds(sb, "{\"data\":{");
	for (i = 0; i < j->parts_n; i++) {
		n = strlen(j->parts[i]);
		if (n <= 2) /* {} */
			continue;
		strbuf_adds(sb, comma);
		strbuf_add(sb, j->parts[i] + 1, n - 2);
		comma = ",";
	}
	strbuf_adds(sb, "}}");
	rmq_answer_text(s, &j->ref);
}

void
rmq_do_producer_list(struct rmq_session *s, struct rmq_req *q)
{
	rmq_job_tell(
	    rmq_job_new(s, &q->ref, producers_step), TELL_PRODUCERS, STR_NONE);
}

/* --- who subscribes --------------------------------------------------------- */

/* Groups of this shard with a member that subscribes to the topic, a line each */
void
rmq_subscribers_told(struct rmq *rm, struct str topic, struct strbuf *answer)
{
	const struct rmq_gmember *m;
	const struct rmq_group *g;
	size_t it;

	MAP_FOREACH(g, &rm->groups, it) {
		LIST_FOREACH(m, &g->members, link)
			if (!m->in->producer &&
			    rmq_interest_sub(m->in, topic) != NULL)
				break;
		if (m == NULL || strchr(g->name, '\n') != NULL)
			continue;
		strbuf_adds(answer, g->name);
		strbuf_addc(answer, '\n');
	}
}

/* The reference keeps filter data of selectors only. */
void
rmq_sub_told(struct rmq *rm, struct str text, struct strbuf *answer)
{
	const char *sep = memchr(text.p, '\n', text.len);
	const struct rmq_sub *sub;
	struct str topic, group;
	struct jw w;

	AN(sep);
	topic = (struct str){ text.p, (size_t)(sep - text.p) };
	group = (struct str){ sep + 1, text.len - topic.len - 1 };
	sub = sub_of(map_get(&rm->groups, group.p, group.len), topic);
	if (sub == NULL)
		return;
	jw_init(&w, answer);
	if (sub->sql == NULL)
		jw_null(&w);
	else {
		jw_object(&w);
		jw_key_i64(&w, "clientVersion", sub->version);
		jw_key_str(&w, "consumerGroup", group);
		jw_key_str(&w, "expression", str_of(sub->expression));
		jw_key_str(&w, "expressionType", str_of(sub->type));
		jw_key_str(&w, "topic", topic);
		jw_end(&w);
	}
	strbuf_addc(answer, '\n');
	jw_init(&w, answer);
	say_sub(&w, sub);
}
