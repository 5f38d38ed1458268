/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that a client answers itself: from the asker to the group's shard,
 * which knows the client's session, to that session's shard, to the client; its
 * answer goes to the asker straight.
 */
#include <stdio.h>

#include "rocketmq/ask.h"
#include "rocketmq/fit.h"
#include "rocketmq/group.h"

#define CLIENT_NS INT64_C(10000000000) /* as the reference waits */
#define VERSION_ASKABLE 57 /* V3_1_8_SNAPSHOT */

/* Who asked and what; kept while the client thinks. */
struct forward {
	uint64_t asker;
	unsigned asker_shard;
	bool for_job; /* the asker is a job */
	struct rmq_ref ref;
	char *group, *client;
};

void
rmq_group_client(struct rmq *rm, struct rmq_group *g, const struct rmq_msg *msg,
    struct rmq_reply *r)
{
	const struct rmq_gmember *m = NULL;

	(void)rm;
	if (g != NULL)
		LIST_FOREACH(m, &g->members, link)
			if (!m->in->producer &&
			    strcmp(m->client, msg->client) == 0)
				break;
	r->code = RC_SYSTEM_ERROR;
	if (m == NULL)
		(void)snprintf(r->remark, sizeof r->remark,
		    "The Consumer <%s> <%s> not online", msg->group,
		    msg->client);
	else if (m->version < VERSION_ASKABLE)
		(void)snprintf(r->remark, sizeof r->remark,
		    "The Consumer <%s> Version <%d> too low to finish, please "
		    "upgrade it to V3_1_8_SNAPSHOT",
		    msg->client, m->version);
	else
		r->forward = m;
}

/* Takes the question's fields and body over. */
void
rmq_forward(struct rmq *rm, const struct rmq_gmember *m, struct rmq_msg *msg)
{
	struct rmq_msg *f = rmq_msg_new(rm, MSG_CLIENT);

	f->session = m->session;
	f->asker = msg->session;
	f->asker_shard = msg->session_shard;
	f->ref = msg->ref;
	f->group = mem_strdup(msg->group);
	f->client = mem_strdup(m->client);
	f->ext = msg->ext;
	f->ext_len = msg->ext_len;
	f->body = msg->body;
	f->body_len = msg->body_len;
	msg->ext = msg->body = NULL;
	msg->ext_len = msg->body_len = 0;
	rmq_msg_send(rm, m->shard, &f);
}

static void
answer(struct rmq *rm, const struct forward *f, int code, const char *remark,
    struct slice body)
{
	struct rmq_msg *a =
	    rmq_msg_new(rm, f->for_job ? MSG_CLIENT_SAID : MSG_ANSWER);

	a->session = f->asker;
	a->client = mem_strdup(f->client);
	a->ref = f->ref;
	a->code = code;
	a->remark = remark != NULL ? mem_strdup(remark) : NULL;
	if (body.len > 0) {
		a->body = mem_strndup((const char *)body.p, body.len);
		a->body_len = body.len;
	}
	rmq_msg_send(rm, f->asker_shard, &a);
}

static void
client_said(struct rmq *rm, void *priv, enum err e, const struct rheader *h,
    struct slice body)
{
	struct forward *f = priv;
	char text[512], *remark;

	if (e == ERR_OK) {
		remark = h->remark.p != NULL ?
		    mem_strndup(h->remark.p, h->remark.len) :
		    NULL;
		answer(rm, f, h->code, remark, body);
		mem_free(remark);
	} else {
		(void)snprintf(text, sizeof text,
		    e == ERR_TIMEOUT ?
			"consumer <%s> <%s> Timeout: %s" :
			"invoke consumer <%s> <%s> Exception: %s",
		    f->group, f->client, err_text(e));
		answer(rm, f,
		    e == ERR_TIMEOUT ? RC_CONSUME_MSG_TIMEOUT : RC_SYSTEM_ERROR,
		    text, (struct slice){ 0 });
	}
	mem_free(f->group);
	mem_free(f->client);
	mem_free(f);
}

/* Names are written as they are. */
static bool
plain(const char *name)
{
	return name[0] != '\0' &&
	    name[strspn(name,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_")] == '\0';
}

/* A connection's own request, with the fields it came with */
void
rmq_forwarded(struct rmq *rm, struct rmq_msg *m)
{
	struct rmq_session *s = rmq_session_get(rm, m->session);
	const char *p = m->ext, *end = m->ext + m->ext_len, *value;
	struct forward *f = mem_zalloc(sizeof *f);
	struct slice body;
	struct rout *o;

	f->asker = m->asker;
	f->asker_shard = m->asker_shard;
	f->for_job = m->for_job;
	f->ref = m->ref;
	f->group = mem_strdup(m->group);
	f->client = mem_strdup(m->client);
	if (s == NULL || s->state != RMQ_OPEN) {
		client_said(rm, f, ERR_CLOSED, NULL, (struct slice){ 0 });
		return;
	}
	o = rmq_ask_begin(s, m->ref.code, false);
	for (; p != NULL && p < end; p = value + strlen(value) + 1) {
		value = p + strlen(p) + 1;
		if (plain(p) && strcmp(p, "brokerName") != 0)
			rout_str(o, p, str_of(value));
	}
	body = slice_mem(m->body, (uint32_t)m->body_len);
	if (m->ref.code == RQ_CONSUME_MESSAGE_DIRECTLY) {
		rout_str(o, "brokerName", str_of(rm->conf.broker));
		body = rmq_fit_copy(s, m->body, m->body_len);
	}
	rmq_ask_end(s, body, CLIENT_NS, client_said, f);
	if (body.buf != NULL)
		slice_unref(&body);
}

void
rmq_do_ask_client(struct rmq_session *s, struct rmq_req *q)
{
	struct str group = rheader_get(q->h, "consumerGroup"),
		   client = rheader_get(q->h, "clientId");

	if (group.len == 0)
		rmq_answer_field(s, &q->ref, "consumerGroup");
	else if (client.len == 0)
		rmq_answer_field(s, &q->ref, "clientId");
	else
		rmq_group_ask(s, q, group, client);
}
