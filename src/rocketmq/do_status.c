/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INVOKE_BROKER_TO_GET_CONSUMER_STATUS: each member of a group is asked where it
 * is in a topic, and what they say is put together. All shards are asked for the
 * members, since only the group's has some; each is then asked by its session's
 * shard (forward.c). One that doesn't answer is left out, as by the reference.
 */
#include <stdlib.h>

#include "rocketmq/group.h"
#include "rocketmq/job.h"
#include "rocketmq/json_body.h"
#include "rocketmq/tell.h"

#define BODY_MAX (16u << 20)

struct status {
	char *group, *topic, *client; /* client: NULL: all */
	unsigned left;
	struct strbuf sb; /* members of consumerTable */
};

static void
status_fini(struct rmq_job *j)
{
	struct status *st = j->priv;

	mem_free(st->group);
	mem_free(st->topic);
	mem_free(st->client);
	strbuf_fini(&st->sb);
	mem_free(st);
}

/* Members of a group that lives here: "session shard client", a line each */
void
rmq_members_told(struct rmq *rm, struct str group, struct strbuf *answer)
{
	const struct rmq_group *g = map_get(&rm->groups, group.p, group.len);
	const struct rmq_gmember *m;

	if (g == NULL)
		return;
	LIST_FOREACH(m, &g->members, link)
		if (!m->in->producer && strchr(m->client, '\n') == NULL)
			strbuf_addf(answer, "%llu %u %s\n",
			    (unsigned long long)m->session, m->shard,
			    m->client);
}

static void
say(struct rmq_job *j, struct rmq_session *s)
{
	struct status *st = j->priv;

	strbuf_reset(&s->rm->text);
	strbuf_adds(&s->rm->text, "{\"consumerTable\":{");
	strbuf_add(&s->rm->text, strbuf_str(&st->sb), st->sb.len);
	strbuf_adds(&s->rm->text, "},\"messageQueueTable\":{}}");
	rmq_answer_text(s, &j->ref);
}

static void
ask_member(
    struct rmq_job *j, uint64_t session, unsigned shard, const char *client)
{
	struct status *st = j->priv;
	struct rmq_msg *m = rmq_msg_new(j->rm, MSG_CLIENT);
	struct strbuf sb;

	strbuf_init(&sb, BODY_MAX);
	strbuf_add(&sb, "topic", sizeof "topic");
	strbuf_add(&sb, st->topic, strlen(st->topic) + 1);
	strbuf_add(&sb, "group", sizeof "group");
	strbuf_add(&sb, st->group, strlen(st->group) + 1);
	m->session = session;
	m->asker = j->number;
	m->asker_shard = j->rm->router->shard;
	m->for_job = true;
	m->ref = j->ref;
	m->ref.code = RQ_GET_CONSUMER_STATUS_FROM_CLIENT;
	m->group = mem_strdup(st->group);
	m->client = mem_strdup(client);
	m->ext_len = sb.len;
	m->ext = mem_strndup(strbuf_str(&sb), sb.len);
	strbuf_fini(&sb);
	st->left++;
	rmq_job_hold(j);
	rmq_msg_send(j->rm, shard, &m);
}

/* Of all shards */
static void
members_said(struct rmq_job *j, struct rmq_session *s)
{
	struct status *st = j->priv;
	char *at, *end, *p;
	uint64_t session;
	unsigned i, shard, n = 0;

	for (i = 0; i < j->parts_n; i++)
		for (at = j->parts[i]; *at != '\0'; at = end + 1) {
			end = strchr(at, '\n');
			AN(end);
			*end = '\0';
			session = strtoull(at, &p, 10);
			shard = (unsigned)strtoul(p, &p, 10);
			n++;
			if (st->client == NULL ||
			    strcmp(st->client, p + 1) == 0)
				ask_member(j, session, shard, p + 1);
		}
	if (n == 0)
		rmq_answer_codef(s, &j->ref, RC_CONSUMER_NOT_ONLINE,
		    "the consumer group[%s] not online", st->group);
	else if (st->left == 0)
		say(j, s);
}

static void
step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	AZ(fx);
	if (j->err != ERR_OK)
		rmq_answer_err(s, &j->ref, j->err, NULL);
	else
		members_said(j, s);
}

/* What a client says is JSON of its own library's kind. */
void
rmq_status_said(struct rmq *rm, const struct rmq_msg *m)
{
	struct rmq_job *j = umap_get(&rm->things, m->session);
	const struct jval *root, *table;
	struct rmq_session *s;
	struct status *st;
	struct jdoc doc;

	CHECK_OBJ_NOTNULL(j, RMQ_JOB_MAGIC);
	st = j->priv;
	jdoc_init(&doc, JDOC_VALUES_MAX);
	if (m->code == RC_SUCCESS &&
	    jdoc_parse(&doc, m->body, m->body_len, &root) == ERR_OK &&
	    (table = jval_get(root, "messageQueueTable")) != NULL &&
	    table->type == JVAL_OBJECT) {
		strbuf_adds(&st->sb, st->sb.len > 0 ? ",\"" : "\"");
		strbuf_add_json(&st->sb, m->client, strlen(m->client));
		strbuf_adds(&st->sb, "\":");
		strbuf_add(&st->sb, table->text.p, table->text.len);
	}
	jdoc_fini(&doc);
	s = rmq_session_get(rm, j->ref.session);
	if (--st->left == 0 && s != NULL)
		say(j, s);
	rmq_job_release(j);
}

void
rmq_do_status(struct rmq_session *s, struct rmq_req *q)
{
	struct str topic = rheader_get(q->h, "topic"),
		   group = rheader_get(q->h, "group"),
		   client = rheader_get(q->h, "clientAddr");
	struct rmq_job *j;
	struct status *st;

	if (topic.len == 0 || group.len == 0) {
		rmq_answer_field(
		    s, &q->ref, topic.len == 0 ? "topic" : "group");
		return;
	}
	j = rmq_job_new(s, &q->ref, step);
	st = mem_zalloc(sizeof *st);
	st->topic = mem_strndup(topic.p, topic.len);
	st->group = mem_strndup(group.p, group.len);
	if (client.len > 0)
		st->client = mem_strndup(client.p, client.len);
	strbuf_init(&st->sb, BODY_MAX);
	j->priv = st;
	j->fini = status_fini;
	rmq_job_tell(j, TELL_MEMBERS, group);
}
