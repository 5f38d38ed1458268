/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SEND_REPLY_MESSAGE: the answer to a request that was sent as a message. It goes
 * to the client that REPLY_TO_CLIENT names, on its own connection, and is answered
 * when that client has taken it. Which shard has the connection nobody knows: the
 * question goes from one to the next until it has been at all of them.
 *
 * The reference also stores the reply in its topic, which no client reads; here
 * it is not kept.
 */
#include <stdio.h>

#include "format/rmq_props.h"
#include "rocketmq/ask.h"
#include "rocketmq/fit.h"
#include "rocketmq/group.h"
#include "rocketmq/send.h"

#define CLIENT_NS INT64_C(3000000000) /* Broker2Client.callClient */
#define SYS_FLAG "sysFlag"

struct reply {
	uint64_t asker;
	unsigned asker_shard;
	struct rmq_ref ref;
	char *client;
};

/* --- the other client's shard ----------------------------------------------- */

static void
answer(struct rmq *rm, const struct reply *r, int code, const char *remark)
{
	struct rmq_msg *a = rmq_msg_new(rm, MSG_ANSWER);

	a->session = r->asker;
	a->ref = r->ref;
	a->code = code;
	a->remark = remark != NULL ? mem_strdup(remark) : NULL;
	a->stored = true;
	rmq_msg_send(rm, r->asker_shard, &a);
}

static void
taken(struct rmq *rm, void *priv, enum err e, const struct rheader *h,
    struct slice body)
{
	struct reply *r = priv;
	char text[256];

	(void)body;
	if (e == ERR_OK && h->code == RC_SUCCESS)
		answer(rm, r, RC_SUCCESS, NULL);
	else {
		(void)snprintf(text, sizeof text,
		    "push reply message to %s fail.", r->client);
		answer(rm, r, RC_SYSTEM_ERROR, text);
	}
	mem_free(r->client);
	mem_free(r);
}

static void
put_fields(struct rout *o, const struct rmq_msg *m, int32_t sys_flag)
{
	const char *p = m->ext, *end = m->ext + m->ext_len, *value;

	for (; p < end; p = value + strlen(value) + 1) {
		value = p + strlen(p) + 1;
		if (strcmp(p, SYS_FLAG) == 0)
			rout_i64(o, p, sys_flag);
		else
			rout_str(o, p, str_of(value));
	}
}

static void
push(struct rmq_session *s, const struct rmq_msg *m)
{
	struct reply *r = mem_zalloc(sizeof *r);
	struct str body = { m->body, m->body_len };
	struct buf *made = NULL;
	int32_t sys_flag;

	if (rtext_i32(rmq_ask_field(m, SYS_FLAG), &sys_flag) != ERR_OK)
		WRONG("a reply without the flag that we gave it");
	r->asker = m->asker;
	r->asker_shard = m->asker_shard;
	r->ref = m->ref;
	r->client = mem_strdup(m->client);
	if (rmq_fit_body(s, &sys_flag, body, &made))
		body = (struct str){ (const char *)made->data, made->len };
	put_fields(rmq_ask_begin(s, RQ_PUSH_REPLY_MESSAGE_TO_CLIENT, false), m,
	    sys_flag);
	rmq_ask_end(
	    s, slice_mem(body.p, (uint32_t)body.len), CLIENT_NS, taken, r);
	if (made != NULL)
		buf_unref(&made);
}

void
rmq_reply_came(struct rmq *rm, struct rmq_msg **mp)
{
	struct rmq_msg *m = *mp;
	struct rmq_session *s =
	    map_get(&rm->clients, m->client, strlen(m->client));
	struct reply r = {
		.asker = m->asker, .asker_shard = m->asker_shard, .ref = m->ref
	};
	char text[256];

	if (s != NULL && s->state == RMQ_OPEN) {
		push(s, m);
		return;
	}
	if (++m->code < (int)rm->router->shards_n) {
		rmq_msg_send(
		    rm, (rm->router->shard + 1) % rm->router->shards_n, mp);
		return;
	}
	(void)snprintf(text, sizeof text,
	    "push reply message fail, channel of <%s> not found.", m->client);
	answer(rm, &r, RC_SYSTEM_ERROR, text);
}

/* --- the request ------------------------------------------------------------ */

static void
put(struct strbuf *sb, const char *name, struct str value)
{
	strbuf_add(sb, name, strlen(name) + 1);
	if (value.len > 0)
		strbuf_add(sb, value.p, value.len);
	strbuf_addc(sb, '\0');
}

static void
put_i64(struct strbuf *sb, const char *name, int64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%lld", (long long)v);
	put(sb, name, str_of(text));
}

/* Properties, with the time at which they go on; in rm->props. */
static bool
props_of(struct rmq *rm, struct str sent, struct str *out)
{
	struct rmq_props_out po;

	rmq_props_begin(&po, rm->props, sizeof rm->props);
	rmq_props_copy(&po, sent);
	rmq_props_set_i64(&po, RMQ_PROP_PUSH_REPLY_TIME, loop_wall_ms(rm->lp));
	return rmq_props_end(&po, out) == ERR_OK &&
	    memchr(out->p, '\0', out->len) == NULL;
}

static struct rmq_msg *
reply_msg(struct rmq_session *s, const struct rmq_req *q,
    const struct send_req *r, struct str props, struct str client)
{
	struct rmq *rm = s->rm;
	struct rmq_msg *m = rmq_msg_new(rm, MSG_REPLY);
	struct strbuf sb;
	char store[96];

	rmq_session_name(s);
	(void)snprintf(store, sizeof store, "/%s:%u", s->ip, s->port);
	strbuf_init(&sb, 1u << 20);
	put(&sb, "producerGroup", r->group);
	put(&sb, "topic", r->topic);
	put(&sb, "defaultTopic", r->default_topic);
	put_i64(&sb, "defaultTopicQueueNums", r->default_queues);
	put_i64(&sb, "queueId", r->queue);
	put_i64(&sb, SYS_FLAG, r->sys_flag);
	put_i64(&sb, "bornTimestamp", r->born_ms);
	put_i64(&sb, "flag", r->flag);
	put(&sb, "properties", props);
	put_i64(&sb, "reconsumeTimes", r->reconsume);
	put(&sb, "unitMode", STR_LIT("false"));
	strbuf_add(&sb, "bornHost", sizeof "bornHost");
	strbuf_addf(&sb, "/%s", conn_peer_text(s->cn));
	strbuf_addc(&sb, '\0');
	put(&sb, "storeHost", str_of(store));
	put_i64(&sb, "storeTimestamp", loop_wall_ms(rm->lp));
	m->ext_len = sb.len;
	m->ext = strbuf_err(&sb) == ERR_OK ? strbuf_take(&sb) : NULL;
	strbuf_fini(&sb);
	if (m->ext == NULL)
		m->ext_len = 0;
	m->asker = s->id;
	m->asker_shard = rm->router->shard;
	m->ref = q->ref;
	m->client = mem_strndup(client.p, client.len);
	m->body_len = q->body.len;
	m->body = mem_strndup((const char *)q->body.p, q->body.len);
	return m;
}

void
rmq_do_reply(struct rmq_session *s, struct rmq_req *q)
{
	struct rmq *rm = s->rm;
	struct send_req r;
	struct str props, client;
	struct rmq_msg *m;

	if (!rmq_send_fields(s, q, &r))
		return;
	if (q->body.len > rm->conf.max_message_bytes ||
	    r.props.len > rm->conf.max_properties_bytes ||
	    !props_of(rm, r.props, &props)) {
		rmq_answer_code(
		    s, &q->ref, RC_MESSAGE_ILLEGAL, "the message is illegal");
		return;
	}
	client = rmq_props_get(props, RMQ_PROP_REPLY_TO_CLIENT);
	if (client.len == 0) {
		rmq_answer_code(s, &q->ref, RC_SYSTEM_ERROR,
		    "REPLY_TO_CLIENT is null, can not reply message");
		return;
	}
	m = reply_msg(s, q, &r, props, client);
	if (m->ext == NULL) {
		rmq_msg_free(&m);
		rmq_answer_code(
		    s, &q->ref, RC_MESSAGE_ILLEGAL, "the names are too long");
		return;
	}
	rmq_msg_send(rm, rm->router->shard, &m);
}
