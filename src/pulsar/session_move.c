/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session goes to the shard of the topic that it first produces to or consumes
 * from: most clients of one topic have one connection, and every message that
 * crosses between shards wakes two threads more. Measured with a producer and a
 * consumer at 2,000 messages a second: 27 against 50 CPU seconds a million.
 *
 * It goes while it is nothing but a connection: before its first place, with no
 * request open, so that nobody knows its number. The command is not consumed,
 * and read again over there.
 */
#include "base/log.h"
#include "pulsar/login.h"
#include "pulsar/session_priv.h"

struct pulsar_move {
	unsigned magic;
#define PULSAR_MOVE_MAGIC 0x90e5e551
	struct conn_parcel *parcel;
	int32_t version;
	bool entry_metadata, knows_end;
	char *client_version;
	struct who who;
};

/* The topic that a PRODUCER or SUBSCRIBE names; another command: false. What is
 * malformed is found out where it is carried out. */
static bool
topic_of(const struct frame *fr, struct topic_name *tn)
{
	pp_CommandProducer pm;
	pp_CommandSubscribe sm;

	if (fr->type == CMD_PRODUCER)
		return cmd_decode_PRODUCER(fr->cmd, &pm) == ERR_OK &&
		    session_topic(tn, pm.topic) == ERR_OK;
	if (fr->type == CMD_SUBSCRIBE)
		return cmd_decode_SUBSCRIBE(fr->cmd, &sm) == ERR_OK &&
		    session_topic(tn, sm.topic) == ERR_OK;
	return false;
}

static bool
is_bare(const struct session *s)
{
	return s->places_n == 0 && s->closed_n == 0 && s->requests_n == 0 &&
	    s->pending_n == 0 && s->probes_n == 0 && s->watchers_n == 0 &&
	    s->paused == 0 && s->producers.n == 0 && s->consumers.n == 0 &&
	    conn_tx_bytes(s->cn) == 0;
}

bool
session_moves(struct session *s, const struct frame *fr)
{
	const struct pulsar_conf *conf = &s->p->conf;
	struct router *r = s->p->router;
	struct topic_name tn;

	if (fr->type != CMD_PRODUCER && fr->type != CMD_SUBSCRIBE)
		return false;
	s->settled = true;
	if (conf->move == NULL || s->p->draining || !is_bare(s) ||
	    !topic_of(fr, &tn))
		return false;
	s->home = topic_shard(tn.full, r->shards_n);
	topic_name_fini(&tn);
	if (s->home == r->shard || !conf->may_move(conf->move_priv, s->home))
		return false;
	/* the keep-alive goes on: a peer that never reads is not waited for */
	s->leaving = true;
	conn_detach(s->cn);
	return true;
}

void
session_detached(struct conn *cn, void *priv, struct conn_parcel *parcel)
{
	const struct pulsar_conf *conf;
	struct pulsar_move *mv;
	struct session *s;
	unsigned home;

	CAST_OBJ_NOTNULL(s, priv, SESSION_MAGIC);
	assert(s->cn == cn);
	assert(s->leaving);
	ALLOC_OBJ(mv, PULSAR_MOVE_MAGIC);
	mv->parcel = parcel;
	mv->version = s->version;
	mv->entry_metadata = s->entry_metadata;
	mv->knows_end = s->knows_end;
	mv->client_version = s->client_version;
	s->client_version = NULL;
	mv->who = s->who;
	s->who = (struct who){ 0 };
	conf = &s->p->conf;
	home = s->home;
	s->p->st.moved++;
	pulsar_gauge(s->p, M_CONN_MOVED, 1);
	session_free(s);
	conf->move(conf->move_priv, home, mv);
}

void
pulsar_move_free(struct pulsar_move **mvp)
{
	struct pulsar_move *mv;

	TAKE_OBJ_NOTNULL(mv, mvp, PULSAR_MOVE_MAGIC);
	if (mv->parcel != NULL)
		conn_parcel_free(&mv->parcel);
	mem_free(mv->client_version);
	who_fini(&mv->who);
	FREE_OBJ(mv);
}

void
pulsar_adopt(struct pulsar *p, struct pulsar_move **mvp)
{
	struct pulsar_move *mv;
	struct session *s;

	CHECK_OBJ_NOTNULL(p, PULSAR_MAGIC);
	TAKE_OBJ_NOTNULL(mv, mvp, PULSAR_MOVE_MAGIC);
	if (p->draining) {
		pulsar_move_free(&mv);
		return;
	}
	s = session_alloc(p);
	session_attach(
	    s, conn_adopt(p->net, &mv->parcel, &p->cc, &session_ops, s));
	s->version = mv->version;
	s->entry_metadata = mv->entry_metadata;
	s->knows_end = mv->knows_end;
	s->client_version = mv->client_version;
	mv->client_version = NULL;
	s->who = mv->who;
	mv->who = (struct who){ 0 };
	s->settled = true;
	session_connected(s);
	LOG(LOG_INFO, (int)p->router->shard, "conn_moved", LOG_U("conn", s->id),
	    LOG_S("peer", conn_peer_text(s->cn)));
	pulsar_move_free(&mv);
}
