/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: a queue each way that keeps its order and is emptied when the
 * dice say so. On the far side of to_core stands what a front-end does: it
 * hands operations to the shard that owns the topic, closes what a lost
 * connection leaves behind and answers probes.
 */
#include "tests/sim/sim.h"

struct msg *
msg_new(enum msg_type type, uint32_t tag)
{
	struct msg *m = mem_zalloc(sizeof *m);

	m->type = type;
	m->tag = tag;
	return m;
}

void
msg_free(struct msg **mp)
{
	struct msg *m = *mp;

	*mp = NULL;
	if (m->op != NULL)
		op_free(&m->op);
	if (m->fx != NULL)
		fx_free(&m->fx);
	mem_free(m->acks);
	mem_free(m->acks_bits);
	mem_free(m);
}

static struct msg *
pop(struct msg_list *l)
{
	struct msg *m = STAILQ_FIRST(l);

	if (m != NULL)
		STAILQ_REMOVE_HEAD(l, link);
	return m;
}

static void
drop(struct msg_list *l)
{
	struct msg *m;

	while ((m = pop(l)) != NULL)
		msg_free(&m);
}

/* --- sessions -------------------------------------------------------------------- */

struct sess *
sess_new(struct sim *w, struct client *cl)
{
	struct sess *se = mem_zalloc(sizeof *se);

	if (w->sess_n == w->sess_cap) {
		w->sess_cap = w->sess_cap == 0 ? 64 : w->sess_cap * 2;
		w->sess = mem_reallocarray(
		    w->sess, w->sess_cap, sizeof(struct sess *));
	}
	w->sess[w->sess_n++] = se;
	se->tag = w->sess_n;
	se->cl = cl;
	se->is_producer = cl->is_producer;
	se->sub = cl->sub;
	se->t = cl->t;
	se->conn = cl->conn->no;
	return se;
}

struct sess *
sess_admin(struct sim *w, struct m_topic *t)
{
	static struct client admin = { .name = "admin" };
	static struct conn none;
	struct sess *se;

	admin.conn = &none;
	se = sess_new(w, &admin);
	se->is_admin = true;
	se->t = t;
	se->state = SESS_LIVE;
	return se;
}

struct sess *
sess_of(struct sim *w, uint64_t tag)
{
	if (tag == 0 || tag > w->sess_n)
		violation(w, "an effect for no session: %ju", (uintmax_t)tag);
	return w->sess[tag - 1];
}

/* --- what reaches the core ---------------------------------------------------------- */

static struct core *
core_of_handle(struct sim *w, uint64_t handle)
{
	return w->sh[HANDLE_SHARD(handle) % w->shards_n].co;
}

static void
owe(struct sess *se, uint32_t seq)
{
	if (se->owed_head + se->owed_n == se->owed_cap) {
		se->owed_cap = se->owed_cap == 0 ? 64 : se->owed_cap * 2;
		se->owed =
		    mem_reallocarray(se->owed, se->owed_cap, sizeof *se->owed);
	}
	se->owed[se->owed_head + se->owed_n++] = seq;
}

static void
apply_publish(struct sim *w, struct sess *se, const struct msg *m)
{
	struct core_publish p;

	body_make(w, se->cl, m->seq, &p);
	p.producer = se->handle;
	if (se->state == SESS_LIVE) {
		owe(se, m->seq);
		se->cl->sends[m->seq]++;
	}
	w->st.published++;
	core_publish(core_of_handle(w, se->handle), &p);
	slice_unref(&p.body);
}

static void
apply_ack(struct sim *w, struct sess *se, const struct msg *m)
{
	struct core_ack_id *ids = mem_calloc(m->acks_n, sizeof *ids);
	struct core_ack a = {
		.consumer = se->handle,
		.cumulative = m->cumulative,
		.want_reply = m->want_reply,
		.req = m->req,
		.n = m->acks_n,
		.ids = ids,
	};
	uint32_t i;

	for (i = 0; i < m->acks_n; i++) {
		ids[i].pos = m->acks[i]->pos;
		if (m->acks_bits[i] == 0)
			continue;
		ids[i].words_n = 1;
		ids[i].words = &m->acks_bits[i];
		ids[i].batch_size = m->acks[i]->messages_n;
	}
	trace(w, "ack %ju of %u: %u%s%s, (%ju,%jd) leaves %jx",
	    (uintmax_t)m->req, se->tag, m->acks_n,
	    m->cumulative ? " cumulative" : "",
	    m->want_reply ? "" : " no reply", (uintmax_t)ids[0].pos.ledger,
	    (intmax_t)ids[0].pos.entry, (uintmax_t)m->acks_bits[0]);
	if (se->state == SESS_LIVE)
		ack_apply(w, se, m);
	core_ack(core_of_handle(w, se->handle), &a);
	mem_free(ids);
}

static void
apply_redeliver(struct sess *se, const struct op *op)
{
	struct m_sub *s = se->sub;
	struct m_entry *e;
	uint32_t i;

	if (s->type == SUB_EXCLUSIVE || (s->type == SUB_FAILOVER && se->active))
		model_rewind(s);
	if (s->type == SUB_EXCLUSIVE || s->type == SUB_FAILOVER)
		return;
	if (op->ids_n == 0)
		model_release(s, se->tag);
	for (i = 0; i < op->ids_n; i++) {
		e = model_find(s->t, op->ids[i].pos);
		if (e != NULL && model_ack(s, e)->holder == se->tag)
			model_ack(s, e)->holder = 0;
	}
}

static void
apply_op(struct sim *w, struct sess *se, struct op **opp)
{
	struct op *op = *opp;
	struct core *co;

	co = op->topic.len > 0 ? w->sh[world_shard_of(w, se->t->name)].co :
				 core_of_handle(w, op->handle);
	trace(w, "op %d of %u", (int)op->type, se->tag);
	if (op->type == OP_SUBSCRIBE)
		model_subscribe(w, se);
	else if (op->type == OP_CONSUMER_CLOSE)
		check_dead(w, se);
	else if (op->type == OP_REDELIVER && se->state == SESS_LIVE)
		apply_redeliver(se, op);
	else if (op->type == OP_SEEK && se->state == SESS_LIVE)
		model_seek(se, op->start.pos);
	else if (op->type == OP_UNSUBSCRIBE && se->state == SESS_LIVE)
		model_unsubscribe(se);
	if (op->type == OP_SEEK || op->type == OP_UNSUBSCRIBE)
		se->leaving = true;
	core_op(co, opp);
}

static void
apply(struct sim *w, struct msg *m)
{
	struct sess *se = sess_of(w, m->tag);
	unsigned i;

	for (i = 0; i < w->shards_n; i++)
		core_set_time(w->sh[i].co, w->wall_ms, w->mono_ns);
	switch (m->type) {
	case MSG_OP:
		apply_op(w, se, &m->op);
		break;
	case MSG_PUBLISH:
		apply_publish(w, se, m);
		break;
	case MSG_FLOW:
		if (se->state == SESS_LIVE)
			se->permits += m->n;
		core_flow(core_of_handle(w, se->handle), se->handle, m->n);
		break;
	case MSG_BLOCK:
		se->blocked = m->n != 0;
		core_block(
		    core_of_handle(w, se->handle), se->handle, m->n != 0);
		break;
	case MSG_ACK:
		apply_ack(w, se, m);
		break;
	default:
		WRONG("not for the core");
	}
	msg_free(&m);
}

/* --- what a front-end does by itself ---------------------------------------------------- */

static struct dest
dest_of(const struct sess *se, unsigned shard)
{
	return (struct dest){ .conn = se->conn,
		.tag = se->tag,
		.shard = (uint16_t)shard,
		.kind = DEST_TEST };
}

/* An out call must not call into the core: it is done at the next turn. */
static void
late_close(struct sim *w, struct sess *se, uint64_t handle)
{
	struct msg *m = msg_new(MSG_OP, se->tag);

	m->op = op_new(se->is_producer ? OP_PRODUCER_CLOSE : OP_CONSUMER_CLOSE,
	    dest_of(se, 0));
	m->op->handle = handle;
	se->closing = true;
	STAILQ_INSERT_TAIL(&w->late, m, link);
}

static void
late_probed(struct sim *w, const struct fx *fx, bool alive)
{
	struct msg *m = msg_new(MSG_OP, (uint32_t)fx->dest.tag);
	struct sess *se = sess_of(w, fx->dest.tag);

	m->op = op_new(OP_PROBED, fx->dest);
	m->op->u64 = fx->u64;
	m->op->flag = alive;
	/* to the shard that asked */
	m->op->topic = op_str(m->op, str_of(se->t->name));
	STAILQ_INSERT_TAIL(&w->late, m, link);
}

void
net_admin(struct sim *w, struct m_topic *t, enum op_type type, bool flag)
{
	struct sess *se = sess_admin(w, t);
	struct msg *m = msg_new(MSG_OP, se->tag);

	m->op = op_new(type, dest_of(se, 0));
	m->op->req = ++w->req;
	m->op->flag = flag;
	m->op->topic = op_str(m->op, str_of(t->name));
	STAILQ_INSERT_TAIL(&w->late, m, link);
	net_late(w);
}

/* The client reads more slowly than it is sent to, or has caught up. */
static void
late_block(struct sim *w, struct sess *se, bool blocked)
{
	struct msg *m = msg_new(MSG_BLOCK, se->tag);

	m->n = blocked;
	se->blocking = blocked;
	STAILQ_INSERT_TAIL(&w->late, m, link);
}

void
net_late(struct sim *w)
{
	struct msg *m;

	while ((m = pop(&w->late)) != NULL)
		apply(w, m);
}

/* --- connections --------------------------------------------------------------------------- */

struct conn *
conn_new(struct sim *w, struct client *cl)
{
	struct conn *cn = mem_zalloc(sizeof *cn);

	cn->no = ++w->conn_no;
	cn->shard = (unsigned)rnd(w, w->shards_n);
	cn->cl = cl;
	cn->client_up = true;
	STAILQ_INIT(&cn->to_core);
	STAILQ_INIT(&cn->to_client);
	LIST_INSERT_HEAD(&w->conns, cn, link);
	return cn;
}

struct conn *
conn_find(struct sim *w, uint64_t no)
{
	struct conn *cn;

	LIST_FOREACH(cn, &w->conns, link)
		if (cn->no == no)
			return cn;
	return NULL;
}

static void
conn_free(struct conn *cn)
{
	drop(&cn->to_core);
	drop(&cn->to_client);
	LIST_REMOVE(cn, link);
	mem_free(cn);
}

/* The server's end of a connection that was cut. */
static void
server_down(struct sim *w, struct conn *cn)
{
	struct sess *se;
	uint32_t i;

	trace(w, "connection %ju ends", (uintmax_t)cn->no);
	for (i = 0; i < w->sess_n; i++) {
		se = w->sess[i];
		if (se->conn != cn->no)
			continue;
		if (se->state == SESS_LIVE)
			late_close(w, se, se->handle);
		else if (se->state == SESS_OPENING)
			se->abandoned = true;
	}
	conn_free(cn);
	net_late(w);
}

void
net_send(struct sim *w, struct conn *cn, struct msg *m)
{
	(void)w;
	assert(cn->client_up);
	STAILQ_INSERT_TAIL(&cn->to_core, m, link);
	cn->to_core_n++;
}

static void
probe(struct sim *w, const struct conn *cn, const struct fx *fx)
{
	if (cn == NULL)
		late_probed(w, fx, false);
	else if (cn->client_up)
		late_probed(w, fx, true);
	else if (rnd(w, 2) == 0)
		late_probed(w, fx, false);
	/* else it is never answered */
}

void
net_reply(struct sim *w, uint64_t no, struct msg *m)
{
	struct sess *se = sess_of(w, m->tag);
	struct conn *cn = conn_find(w, no);

	if (m->type == MSG_FX && m->fx->type == FX_PROBE) {
		probe(w, cn, m->fx);
		msg_free(&m);
		return;
	}
	if (cn == NULL && se->abandoned && se->state == SESS_LIVE) {
		se->abandoned = false;
		late_close(w, se, se->handle);
	}
	if (cn == NULL || !cn->client_up) {
		msg_free(&m);
		return;
	}
	if (m->type == MSG_DELIVER && !se->blocking &&
	    cn->to_client_n > w->high_water)
		late_block(w, se, true);
	STAILQ_INSERT_TAIL(&cn->to_client, m, link);
	cn->to_client_n++;
}

bool
net_to_core(struct sim *w, struct conn *cn)
{
	struct msg *m = pop(&cn->to_core);

	if (m != NULL) {
		cn->to_core_n--;
		apply(w, m);
		net_late(w);
		return true;
	}
	if (cn->cut)
		server_down(w, cn);
	return false;
}

bool
net_to_client(struct sim *w, struct conn *cn)
{
	struct msg *m = pop(&cn->to_client);

	if (m == NULL)
		return false;
	if (--cn->to_client_n < w->high_water / 2 && cn->cl->sess != NULL &&
	    cn->cl->sess->blocking)
		late_block(w, cn->cl->sess, false);
	client_msg(w, cn->cl, m);
	return true;
}

void
net_notice(struct conn *cn)
{
	cn->cut = true;
}

void
net_cut(struct sim *w, struct conn *cn, bool half_open)
{
	struct msg_list keep = STAILQ_HEAD_INITIALIZER(keep);
	uint64_t n = rnd(w, cn->to_core_n + 1), i;

	trace(w, "connection %ju of %s is cut%s", (uintmax_t)cn->no,
	    cn->cl->name, half_open ? ", half open" : "");
	w->st.cuts++;
	cn->client_up = false;
	cn->cut = !half_open;
	client_lost(w, cn->cl);
	drop(&cn->to_client);
	for (i = 0; i < n; i++) {
		struct msg *m = pop(&cn->to_core);

		STAILQ_INSERT_TAIL(&keep, m, link);
	}
	drop(&cn->to_core);
	STAILQ_CONCAT(&cn->to_core, &keep);
	cn->to_core_n = (uint32_t)n;
}

void
net_crash(struct sim *w)
{
	struct conn *cn;
	uint32_t i;

	while ((cn = LIST_FIRST(&w->conns)) != NULL) {
		if (cn->client_up)
			client_lost(w, cn->cl);
		conn_free(cn);
	}
	drop(&w->late);
	for (i = 0; i < w->sess_n; i++) {
		w->sess[i]->state = SESS_DEAD;
		w->sess[i]->active = false;
	}
}

size_t
net_queued(const struct sim *w)
{
	const struct conn *cn;
	size_t n = 0;

	LIST_FOREACH(cn, &w->conns, link)
		n += cn->to_core_n + cn->to_client_n + cn->cut;
	return n;
}
