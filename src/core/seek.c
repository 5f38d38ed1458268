/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving a cursor by hand: SEEK of a client and resetcursor of the admin. As in
 * Pulsar the position given is the next one to be read, all consumers are
 * disconnected first (clients subscribe again by themselves), and whoever comes
 * meanwhile waits.
 */
#include "core/cursor_priv.h"
#include "core/sub_priv.h"

/* how long a non-durable subscription waits for its reader to come back */
#define LINGER_NS INT64_C(60000000000)

static void
linger_over(void *priv)
{
	struct sub *s;

	CAST_OBJ_NOTNULL(s, priv, SUB_MAGIC);
	if (s->consumers_n == 0 && !s->fenced)
		sub_free(&s);
}

static void
begin(struct sub *s)
{
	assert(!s->fenced && !s->opening);
	s->fenced = true;
	/* ERR_CANCELLED: the session closes the consumer politely */
	sub_disconnect(s, ERR_CANCELLED);
}

static void
finish(struct sub *s)
{
	struct core *co = s->t->co;

	s->fenced = false;
	s->end_sent = false;
	if (!s->durable) {
		timer_init(&s->linger, linger_over, s);
		timer_set(co->timers, &s->linger, co->now_ns + LINGER_NS);
	}
	sub_resume(s);
}

static void
move(struct sub *s, struct pos md, const struct op_start *st)
{
	uint32_t cleared;

	cursor_reset(s->cur, md);
	if (st != NULL && st->words_n > 0 && s->t->co->conf.batch_index_ack)
		(void)cursor_ack_bits_and(
		    s->cur, st->pos, st->words, st->words_n, 0, &cleared);
	/* not pushed yet: who waits for it to be durable pushes it urgently */
}

/* --- by time ---------------------------------------------------------------------- */

struct seeking {
	struct topic *t;
	struct sub *s;
	struct op *op;
	void (*done)(void *priv, struct sub *, enum err);
	void *priv;
};

static void
time_found(void *priv, struct pos first, enum err e)
{
	struct seeking *sk = priv;
	struct topic *t = sk->t;
	struct sub *s = sk->s;

	/* only an unload frees a fenced subscription */
	if (t->state != TOPIC_READY) {
		s = NULL;
		e = ERR_NOT_READY;
	}
	if (e == ERR_OK)
		move(s, tlog_prev(t, first), NULL);
	if (s != NULL)
		s->fenced = false; /* done() may attach */
	sk->done(sk->priv, s, e);
	if (s != NULL && t->state == TOPIC_READY) {
		cursor_push(s->cur);
		finish(s);
	}
	mem_free(sk);
	topic_unpin(t);
}

void
seek_time(struct sub *s, int64_t time_ms,
    void (*done)(void *priv, struct sub *, enum err), void *priv)
{
	struct seeking *sk = mem_zalloc(sizeof *sk);

	sk->t = s->t;
	sk->s = s;
	sk->done = done;
	sk->priv = priv;
	topic_pin(s->t);
	begin(s);
	tlog_find_time(s->t, time_ms, time_found, sk);
}

static void
time_answer(void *priv, struct sub *s, enum err e)
{
	struct seeking *sk = priv;
	struct fx *fx;

	if (e != ERR_OK || s == NULL)
		core_answer(
		    sk->t->co, &sk->op, e != ERR_OK ? e : ERR_NOT_READY, NULL);
	else {
		fx = core_answer_new(sk->t->co, sk->op, FX_DONE);
		cursor_when_durable(s->cur, &fx);
		op_free(&sk->op);
	}
	mem_free(sk);
}

/* --- both ------------------------------------------------------------------------------- */

static void
seek(struct sub *s, struct op **opp)
{
	struct op *op = *opp;
	struct topic *t = s->t;
	struct seeking *sk;
	struct pos md;
	struct fx *fx;

	if (s->cur == NULL) {
		core_answer(t->co, opp, ERR_NOT_ALLOWED,
		    "Reset-cursor on a non-persistent topic is not allowed");
		return;
	}
	if (s->fenced || s->opening) {
		core_answer(
		    t->co, opp, ERR_NOT_READY, "Failed to fence subscription");
		return;
	}
	if (op->start.kind == START_TIME) {
		sk = mem_zalloc(sizeof *sk);
		sk->t = t;
		sk->op = op;
		*opp = NULL;
		seek_time(s, op->start.time_ms, time_answer, sk);
		return;
	}
	md = sub_start_pos(t, &op->start);
	begin(s);
	move(s, md, op->start.kind == START_POS ? &op->start : NULL);
	fx = core_answer_new(t->co, op, FX_DONE);
	cursor_when_durable(s->cur, &fx);
	op_free(opp);
	finish(s);
}

void
seek_op(struct consumer *c, struct op **opp)
{
	seek(c->sub, opp);
}

void
seek_sub(struct sub *s, struct op **opp)
{
	seek(s, opp);
}
