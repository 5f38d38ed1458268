/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Producers and consumers that behave as Pulsar's clients do: what has no
 * receipt is sent again in order over the next connection; what is not acked
 * comes again.
 */
#include "tests/sim/sim.h"

#include <string.h>

#define PEND_MAX 40u

void
client_init(struct sim *w)
{
	bool focus = rnd(w, 2) == 0; /* many on one subscription */
	struct client *cl;
	unsigned i;

	w->producers_n = 1 + (unsigned)rnd(w, PRODUCERS_MAX);
	w->consumers_n = 2 + (unsigned)rnd(w, 13);
	for (i = 0; i < w->producers_n; i++) {
		cl = &w->p[i];
		cl->i = i;
		cl->is_producer = true;
		cl->t = focus ? &w->t[0] : &w->t[rnd(w, w->topics_n)];
		cl->last_pos = POS_NONE;
		(void)snprintf(cl->name, sizeof cl->name, "p%u", i);
	}
	for (i = 0; i < w->consumers_n; i++) {
		cl = &w->c[i];
		cl->i = i;
		cl->t = focus ? &w->t[0] : &w->t[rnd(w, w->topics_n)];
		cl->sub = &cl->t->subs[rnd(w, SUBS_MAX)];
		if (focus && i > 0 && chance(w, 70))
			cl->sub = w->c[0].sub;
		(void)snprintf(cl->name, sizeof cl->name, "c%u", i);
	}
}

/* --- life ------------------------------------------------------------------------ */

static struct op *
op_of(struct sim *w, struct client *cl, enum op_type type)
{
	struct op *op;

	op = op_new(type,
	    (struct dest){ .conn = cl->conn->no,
		.tag = cl->sess->tag,
		.shard = (uint16_t)cl->conn->shard,
		.kind = DEST_TEST });
	op->req = ++w->req;
	return op;
}

static void
send_op(struct sim *w, struct client *cl, struct op *op)
{
	struct msg *m = msg_new(MSG_OP, cl->sess->tag);

	m->op = op;
	net_send(w, cl->conn, m);
}

static void
subscribe_fill(struct client *cl, struct op *op, bool earliest)
{
	struct op_subscribe *sb = &op->subscribe;

	sb->sub = op_str(op, str_of(cl->sub->name));
	sb->consumer = op_str(op, str_of(cl->name));
	sb->type = cl->sub->type;
	sb->durable = cl->sub->durable;
	sb->create_topic = true;
	sb->has_initial = true;
	sb->initial_earliest = earliest;
	sb->start.kind = earliest ? START_EARLIEST : START_LATEST;
}

void
client_open(struct sim *w, struct client *cl, bool earliest)
{
	struct op *op;

	if (cl->conn == NULL)
		cl->conn = conn_new(w, cl);
	cl->sess = sess_new(w, cl);
	cl->sess->earliest = earliest;
	cl->state = CL_OPENING;
	cl->got_n = 0;
	cl->window = 0;
	cl->pend_sent = 0;
	op = op_of(w, cl, cl->is_producer ? OP_PRODUCER_OPEN : OP_SUBSCRIBE);
	op->topic = op_str(op, str_of(cl->t->name));
	if (cl->is_producer)
		op->producer.name = op_str(op, str_of(cl->name));
	else
		subscribe_fill(cl, op, earliest);
	send_op(w, cl, op);
}

void
client_close(struct sim *w, struct client *cl)
{
	struct op *op;

	op = op_of(
	    w, cl, cl->is_producer ? OP_PRODUCER_CLOSE : OP_CONSUMER_CLOSE);
	op->handle = cl->sess->handle;
	cl->state = CL_CLOSING;
	send_op(w, cl, op);
}

static void
idle(struct client *cl)
{
	cl->state = CL_IDLE;
	cl->sess = NULL;
	cl->got_n = 0;
	cl->pend_sent = 0;
}

void
client_lost(struct sim *w, struct client *cl)
{
	(void)w;
	cl->conn = NULL;
	idle(cl);
}

/* --- producers ---------------------------------------------------------------------- */

void
client_new_messages(struct sim *w, struct client *cl, uint32_t n)
{
	uint64_t size, batch;

	for (; n > 0 && cl->pend_n < PEND_MAX; n--) {
		if (cl->next_seq == cl->meta_cap) {
			cl->meta_cap =
			    cl->meta_cap == 0 ? 256 : cl->meta_cap * 2;
			cl->meta = mem_reallocarray(
			    cl->meta, cl->meta_cap, sizeof *cl->meta);
			cl->sends = mem_reallocarray(
			    cl->sends, cl->meta_cap, sizeof *cl->sends);
		}
		if (cl->pend_n == cl->pend_cap) {
			cl->pend_cap = PEND_MAX;
			cl->pend = mem_reallocarray(
			    cl->pend, cl->pend_cap, sizeof *cl->pend);
		}
		size = rnd(w, 8) == 0 ? rnd(w, w->body_max) : rnd(w, 200);
		batch = chance(w, w->batch) ? 1 + rnd(w, BATCH_MAX) : 1;
		cl->meta[cl->next_seq] = size << 16 | rnd(w, KEYS) << 8 | batch;
		cl->sends[cl->next_seq] = 0;
		cl->pend[cl->pend_n++] = cl->next_seq++;
	}
}

void
client_send(struct sim *w, struct client *cl, uint32_t max)
{
	struct msg *m;

	for (; max > 0 && cl->pend_sent < cl->pend_n; max--) {
		m = msg_new(MSG_PUBLISH, cl->sess->tag);
		m->seq = cl->pend[cl->pend_sent++];
		net_send(w, cl->conn, m);
	}
}

static void
receipt(struct sim *w, struct client *cl, const struct msg *m)
{
	if (m->err != ERR_OK && m->err != ERR_TOO_BIG)
		return; /* it will be closed, and sends again */
	if (cl->pend_n == 0 || cl->pend[0] != m->seq)
		violation(w, "%s: receipt of #%u", cl->name, m->seq);
	cl->pend_n--;
	memmove(cl->pend, cl->pend + 1, cl->pend_n * sizeof *cl->pend);
	AN(cl->pend_sent);
	cl->pend_sent--;
}

static void
act_producer(struct sim *w, struct client *cl)
{
	if (cl->state == CL_IDLE && chance(w, 30))
		client_open(w, cl, false);
	if (cl->state != CL_OPEN)
		return;
	if (cl->pend_sent < cl->pend_n)
		client_send(w, cl, 1 + (uint32_t)rnd(w, 20));
	else if (chance(w, w->closes))
		client_close(w, cl);
	else
		client_new_messages(w, cl, 1 + (uint32_t)rnd(w, 8));
}

/* --- consumers -------------------------------------------------------------------------- */

static bool
is_single(const struct client *cl)
{
	return cl->sub->type == SUB_EXCLUSIVE || cl->sub->type == SUB_FAILOVER;
}

static void
got_add(struct client *cl, const struct msg *m)
{
	uint32_t i;

	cl->window -= __builtin_popcountll(m->bits);
	for (i = 0; i < cl->got_n; i++)
		if (cl->got[i].e == m->e) {
			cl->got[i].bits = m->bits;
			return;
		}
	if (cl->got_n == cl->got_cap) {
		cl->got_cap = cl->got_cap == 0 ? 64 : cl->got_cap * 2;
		cl->got =
		    mem_reallocarray(cl->got, cl->got_cap, sizeof *cl->got);
	}
	cl->got[cl->got_n++] = (struct got){ m->e, m->bits };
}

static void
got_del(struct client *cl, uint32_t i)
{
	cl->got_n--;
	memmove(
	    cl->got + i, cl->got + i + 1, (cl->got_n - i) * sizeof *cl->got);
}

void
client_flow(struct sim *w, struct client *cl, uint32_t n)
{
	struct msg *m = msg_new(MSG_FLOW, cl->sess->tag);

	m->n = n;
	cl->window += n;
	net_send(w, cl->conn, m);
}

static struct msg *
ack_msg(struct sim *w, struct client *cl, uint32_t n)
{
	struct msg *m = msg_new(MSG_ACK, cl->sess->tag);

	m->req = ++w->req;
	m->want_reply = chance(w, w->acks_reply);
	m->acks = mem_calloc(n, sizeof(struct m_entry *));
	m->acks_bits = mem_calloc(n, sizeof *m->acks_bits);
	return m;
}

/* What stays of an entry: nothing, or some of its messages. */
static uint64_t
leave(struct sim *w, const struct got *g)
{
	if (g->e->messages_n == 1 || chance(w, 50))
		return 0;
	return g->bits & rnd(w, UINT64_MAX);
}

static void
ack_cumulative(struct sim *w, struct client *cl)
{
	uint32_t k = (uint32_t)rnd(w, cl->got_n), i;
	struct msg *m = ack_msg(w, cl, 1);
	struct got *g = &cl->got[k];

	m->cumulative = true;
	m->acks_n = 1;
	m->acks[0] = g->e;
	g->bits = leave(w, g);
	/* of a batch only what comes before */
	if (g->bits != 0)
		g->bits = model_full(g->e) &
		    ~((UINT64_C(1) << rnd(w, g->e->messages_n)) - 1);
	m->acks_bits[0] = g->bits;
	for (i = cl->got_n; i > 0; i--)
		if (pos_cmp(cl->got[i - 1].e->pos, m->acks[0]->pos) < 0 ||
		    (cl->got[i - 1].e == m->acks[0] && m->acks_bits[0] == 0))
			got_del(cl, i - 1);
	net_send(w, cl->conn, m);
}

static void
ack_some(struct sim *w, struct client *cl, uint32_t n)
{
	struct msg *m = ack_msg(w, cl, n);
	struct got *g;
	uint32_t k;

	while (m->acks_n < n && cl->got_n > 0) {
		/* of any entry it knows of */
		if (cl->t->n > 0 && chance(w, w->acks_stale)) {
			m->acks[m->acks_n++] = cl->t->e[rnd(w, cl->t->n)];
			continue;
		}
		k = (uint32_t)rnd(w, cl->got_n);
		g = &cl->got[k];
		g->bits = leave(w, g);
		m->acks[m->acks_n] = g->e;
		m->acks_bits[m->acks_n++] = g->bits;
		if (g->bits == 0)
			got_del(cl, k);
	}
	net_send(w, cl->conn, m);
}

void
client_ack_all(struct sim *w, struct client *cl)
{
	struct msg *m;

	if (cl->got_n == 0)
		return;
	m = ack_msg(w, cl, cl->got_n);
	m->want_reply = true;
	for (; cl->got_n > 0; cl->got_n--)
		m->acks[m->acks_n++] = cl->got[cl->got_n - 1].e;
	net_send(w, cl->conn, m);
}

static void
nack(struct sim *w, struct client *cl)
{
	struct op *op = op_of(w, cl, OP_REDELIVER);
	struct core_ack_id *ids;
	uint32_t n, k;

	op->handle = cl->sess->handle;
	if (is_single(cl) || chance(w, w->redeliver_all)) {
		cl->got_n = 0;
		send_op(w, cl, op);
		return;
	}
	n = 1 + (uint32_t)rnd(w, 5);
	ids = op_mem(op, n * sizeof *ids);
	for (op->ids_n = 0; op->ids_n < n && cl->got_n > 0; op->ids_n++) {
		k = (uint32_t)rnd(w, cl->got_n);
		ids[op->ids_n].pos = cl->got[k].e->pos;
		got_del(cl, k);
	}
	op->ids = ids;
	send_op(w, cl, op);
}

static void
seek(struct sim *w, struct client *cl)
{
	struct op *op = op_of(w, cl, OP_SEEK);

	op->handle = cl->sess->handle;
	op->start.kind = START_POS;
	op->start.inclusive = true;
	op->start.pos = cl->t->e[rnd(w, cl->t->n)]->pos;
	cl->state = CL_CLOSING;
	w->st.seeks++;
	send_op(w, cl, op);
}

static void
unsubscribe(struct sim *w, struct client *cl)
{
	struct op *op = op_of(w, cl, OP_UNSUBSCRIBE);

	op->handle = cl->sess->handle;
	cl->state = CL_CLOSING;
	w->st.unsubscribes++;
	send_op(w, cl, op);
}

static void
act_consumer(struct sim *w, struct client *cl)
{
	if (cl->state == CL_IDLE && chance(w, 30))
		client_open(w, cl, chance(w, 50));
	if (cl->state != CL_OPEN)
		return;
	if (cl->window < 20 && chance(w, 50))
		client_flow(w, cl, 1 + (uint32_t)rnd(w, 80));
	else if (cl->got_n > 0 && chance(w, w->nacks))
		nack(w, cl);
	else if (chance(w, w->closes))
		client_close(w, cl);
	else if (cl->sub->durable && cl->t->n > 0 && rnd(w, 1000) < w->seeks)
		seek(w, cl);
	else if (cl->sub->durable && rnd(w, 1000) < w->unsubs)
		unsubscribe(w, cl);
	else if (cl->got_n > 0 && is_single(cl) && chance(w, 60))
		ack_cumulative(w, cl);
	else if (cl->got_n > 0)
		ack_some(w, cl, 1 + (uint32_t)rnd(w, 10));
}

/* --- both ------------------------------------------------------------------------------- */

/* To seek closes the consumer before it is answered, unless it is refused */
static void
answered(struct client *cl, const struct fx *fx)
{
	if (fx->op == OP_SEEK || check_unsubscribe_refused(fx))
		cl->state = CL_OPEN;
	else
		idle(cl);
}

static void
client_fx(struct client *cl, const struct fx *fx)
{
	switch (fx->type) {
	case FX_PRODUCER_OPENED:
	case FX_SUBSCRIBED:
		cl->state = CL_OPEN;
		break;
	case FX_PRODUCER_CLOSED:
	case FX_CONSUMER_CLOSED:
		idle(cl);
		break;
	case FX_DONE:
		if (fx->op == OP_PRODUCER_OPEN || fx->op == OP_SUBSCRIBE ||
		    fx->op == OP_PRODUCER_CLOSE || fx->op == OP_CONSUMER_CLOSE)
			idle(cl);
		else if (fx->op == OP_SEEK || fx->op == OP_UNSUBSCRIBE)
			answered(cl, fx);
		break;
	default:
		break;
	}
}

void
client_msg(struct sim *w, struct client *cl, struct msg *m)
{
	if (cl->sess != NULL && cl->sess->tag == m->tag) {
		if (m->type == MSG_RECEIPT)
			receipt(w, cl, m);
		else if (m->type == MSG_DELIVER)
			got_add(cl, m);
		else
			client_fx(cl, m->fx);
	}
	msg_free(&m);
}

void
client_act(struct sim *w, struct client *cl)
{
	if (cl->is_producer)
		act_producer(w, cl);
	else
		act_consumer(w, cl);
}
