/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session goes to the shard of the topic that it first sends to, reads from or
 * tells in a heartbeat that it reads, as Pulsar's do (pulsar/session_move.c has
 * the reasons): while it is nothing but a connection, with no request open and in
 * no group, so that nobody knows its number. The request is not consumed, and
 * read again over there. The queues of a topic start at that shard (core/name.h).
 */
#include <jansson.h>

#include "base/log.h"
#include "core/name.h"
#include "rocketmq/group.h"

/* The topic of a consumer in a heartbeat that it doesn't share with its group only;
 * what can't be read is found out where it is carried out. */
static char *
topic_heard(struct slice body)
{
	json_t *js = json_loadb((const char *)body.p, body.len, 0, NULL);
	const json_t *consumer, *sub;
	const char *topic;
	char *found = NULL;
	size_t i, k;

	json_array_foreach(json_object_get(js, "consumerDataSet"), i, consumer)
	{
		json_array_foreach(
		    json_object_get(consumer, "subscriptionDataSet"), k, sub)
		{
			topic =
			    json_string_value(json_object_get(sub, "topic"));
			if (found == NULL && topic != NULL &&
			    !rmq_topic_is_retry(str_of(topic)))
				found = mem_strdup(topic);
		}
	}
	json_decref(js);
	return found;
}

/* NULL: none, or the request says nothing of where the session belongs (*settles
 * false: a later one may). */
static char *
topic_of(const struct rmq_req *q, bool *settles)
{
	struct str topic = STR_NONE;
	char *heard;

	*settles = true;
	switch (q->ref.code) {
	case RQ_SEND_MESSAGE:
	case RQ_PULL_MESSAGE:
	case RQ_LITE_PULL_MESSAGE:
	case RQ_POP_MESSAGE:
		topic = rheader_get(q->h, "topic");
		break;
	case RQ_SEND_MESSAGE_V2:
	case RQ_SEND_BATCH_MESSAGE:
		topic = rheader_letter(q->h, 'b');
		break;
	case RQ_HEART_BEAT:
		heard = topic_heard(q->body);
		*settles = heard != NULL;
		return heard;
	default:
		*settles = false;
		break;
	}
	return topic.p != NULL ? mem_strndup(topic.p, topic.len) : NULL;
}

static bool
is_bare(const struct rmq_session *s)
{
	return s->requests_n == 0 && s->pending_n == 0 && s->paused == 0 &&
	    s->client_id == NULL && s->joining == NULL && s->asks_n == 0 &&
	    LIST_EMPTY(&s->members) && LIST_EMPTY(&s->pulls) &&
	    LIST_EMPTY(&s->pops) && LIST_EMPTY(&s->asks) &&
	    conn_tx_bytes(s->cn) == 0;
}

bool
rmq_session_moves(struct rmq_session *s, const struct rmq_req *q)
{
	const struct rmq_conf *conf = &s->rm->conf;
	struct router *r = s->rm->router;
	char *topic, *full = NULL;

	topic = topic_of(q, &s->settled);
	if (topic == NULL || conf->may_move == NULL || s->rm->draining ||
	    !is_bare(s) ||
	    rmq_topic_full(s->rm, str_of(topic), &full) != ERR_OK) {
		mem_free(topic);
		return false;
	}
	mem_free(topic);
	s->home = topic_shard(str_of(full), r->shards_n);
	mem_free(full);
	if (s->home == r->shard || !conf->may_move(conf->move_priv, s->home))
		return false;
	conn_detach(s->cn);
	return true;
}

void
rmq_session_detached(struct conn *cn, void *priv, struct conn_parcel *parcel)
{
	struct rmq_session *s;
	struct rmq_msg *m;

	CAST_OBJ_NOTNULL(s, priv, RMQ_SESSION_MAGIC);
	assert(s->cn == cn);
	m = rmq_msg_new(s->rm, MSG_MOVED);
	m->parcel = parcel;
	m->proven = s->proven;
	rmq_gauge(s->rm, M_CONN_MOVED, 1);
	rmq_msg_send(s->rm, s->home, &m);
	rmq_session_free(s);
}

void
rmq_session_moved(struct rmq *rm, struct rmq_msg *m)
{
	struct rmq_session *s;

	if (rm->draining)
		return; /* closed with the message */
	s = rmq_session_adopt(rm, &m->parcel);
	s->settled = true;
	s->proven = m->proven;
	LOG(LOG_INFO, (int)rm->router->shard, "conn_moved",
	    LOG_U("conn", s->id), LOG_S("protocol", "rocketmq"),
	    LOG_S("peer", conn_peer_text(s->cn)));
}
