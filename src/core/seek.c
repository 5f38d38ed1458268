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
		if (!timer_is_set(&s->linger))
			timer_init(&s->linger, linger_over, s);
		timer_set(co->timers, &s->linger, co->now_ns + LINGER_NS);
	}
	sub_kick(s);
	sub_resume(s);
}

/* --- moving, and who waits for it ---------------------------------------------------- */

struct seeking {
	struct topic *t;
	struct sub *s;
	struct op *op;
	int64_t time_ms;
	struct reader *rd; /* looks at publish times */
	uint32_t stepped;
	void (*done)(void *priv, struct sub *, enum err);
	void *priv;
};

static struct seeking *
seeking_new(struct sub *s)
{
	struct seeking *sk = mem_zalloc(sizeof *sk);

	sk->t = s->t;
	sk->s = s;
	topic_pin(s->t);
	return sk;
}

static void
answer(struct seeking *sk, enum err e)
{
	if (sk->op != NULL)
		core_answer(sk->t->co, &sk->op, e, NULL);
}

/*
 * The cursor has moved and that is durable. The answer goes out before anybody
 * comes back: clients throw away what they receive before it.
 */
static void
moved(void *priv, enum err e)
{
	struct seeking *sk = priv;
	struct topic *t = sk->t;
	struct sub *s = sk->s;

	if (e ==
	    ERR_CLOSED) { /* the topic goes, and the subscription with it */
		s = NULL;
		e = ERR_NOT_READY;
	}
	answer(sk, e);
	if (s != NULL)
		s->fenced = false; /* done() may attach */
	if (sk->done != NULL)
		sk->done(
		    sk->priv, s, t->state == TOPIC_READY ? e : ERR_NOT_READY);
	if (s != NULL)
		finish(s);
	mem_free(sk);
	topic_unpin(t);
}

static void
move(struct seeking *sk, struct pos md, const struct op_start *st)
{
	struct cursor *cur = sk->s->cur;
	uint32_t cleared;

	cursor_reset(cur, md);
	if (st != NULL && st->words_n > 0 && sk->t->co->conf.batch_index_ack)
		(void)cursor_ack_bits_and(
		    cur, st->pos, st->words, st->words_n, 0, &cleared);
	cursor_flush(cur, moved, sk);
}

/* --- by time ---------------------------------------------------------------------- */

/*
 * The log is searched by the time of storing; what Pulsar compares is the time of
 * publishing, which is a little earlier. So entries that were under way at the
 * time sought are stepped over, as long as clocks explain it.
 */
#define UNDER_WAY_MS 5000
#define UNDER_WAY_N 10000u

static bool
is_earlier(struct seeking *sk, const struct entry *ent)
{
	const struct attr *a = &ent->attr;

	return a->publish_time_ms > 0 && a->publish_time_ms < sk->time_ms &&
	    a->store_time_ms < sk->time_ms + UNDER_WAY_MS &&
	    sk->stepped++ < UNDER_WAY_N;
}

static void
look(void *priv)
{
	struct seeking *sk = priv;
	enum reader_result r;
	struct entry ent;
	struct pos p;

	while ((r = reader_peek(sk->rd, &ent)) == READER_ENTRY &&
	    is_earlier(sk, &ent))
		reader_advance(sk->rd);
	if (r == READER_WAIT)
		return;
	p = reader_pos(sk->rd);
	reader_free(&sk->rd);
	if (sk->t->state != TOPIC_READY)
		moved(sk, ERR_CLOSED);
	else
		move(sk, tlog_prev(sk->t, p), NULL);
}

static void
time_found(void *priv, struct pos first, enum err e)
{
	struct seeking *sk = priv;

	/* only an unload frees a fenced subscription */
	if (sk->t->state != TOPIC_READY)
		moved(sk, ERR_CLOSED);
	else if (e != ERR_OK)
		moved(sk, e);
	else {
		sk->rd = reader_new(sk->t, first, look, sk);
		look(sk);
	}
}

void
seek_time(struct sub *s, int64_t time_ms,
    void (*done)(void *priv, struct sub *, enum err), void *priv)
{
	struct seeking *sk = seeking_new(s);

	sk->done = done;
	sk->priv = priv;
	sk->time_ms = time_ms;
	begin(s);
	tlog_find_time(s->t, time_ms, time_found, sk);
}

/* --- both ------------------------------------------------------------------------------- */

static void
seek(struct sub *s, struct op **opp)
{
	struct topic *t = s->t;
	struct seeking *sk;
	struct op *op = *opp;

	if (s->cur == NULL) {
		core_answer(t->co, opp, ERR_NOT_ALLOWED,
		    "Reset-cursor on a non-persistent topic is not allowed");
		return;
	}
	if (s->fenced || s->opening) {
		core_answer(t->co, opp, ERR_SUBSCRIPTION_BUSY,
		    "Failed to fence subscription");
		return;
	}
	sk = seeking_new(s);
	sk->op = op;
	*opp = NULL;
	sk->time_ms = op->start.time_ms;
	begin(s);
	if (op->start.kind == START_TIME)
		tlog_find_time(t, op->start.time_ms, time_found, sk);
	else
		move(sk, sub_start_pos(t, &op->start),
		    op->start.kind == START_POS ? &op->start : NULL);
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
