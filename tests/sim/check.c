/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of a core, checked as it emits them, then sent to the clients. */
#include "tests/sim/sim.h"

#include <inttypes.h>

#define POS_FMT "(%" PRIu64 ",%" PRId64 ")"
#define POS_ARG(p) (p).ledger, (p).entry

static struct sim *
sim_of(void *priv)
{
	return ((struct shard *)priv)->w;
}

/* --- receipts --------------------------------------------------------------------- */

static void
check_stored(struct sim *w, const struct sess *se, const struct fx_receipt *r)
{
	struct m_entry *e = model_find(se->cl->t, r->pos);

	if (e == NULL)
		violation(w,
		    "receipt of %u #%" PRIu64 " for " POS_FMT
		    ", where nothing is stored",
		    se->tag, r->sequence, POS_ARG(r->pos));
	if (e->producer != se->cl->i || e->seq != r->sequence ||
	    e->index != r->index)
		violation(w,
		    "receipt of p%u #%" PRIu64 " for " POS_FMT
		    ", which is p%u #%u",
		    se->cl->i, r->sequence, POS_ARG(r->pos), e->producer,
		    e->seq);
	e->receipted = true;
	if (pos_cmp(e->pos, se->cl->last_pos) <= 0)
		violation(w, "p%u #%u was stored before its predecessor",
		    e->producer, e->seq);
	se->cl->last_pos = e->pos;
}

static void
on_receipt(void *priv, const struct fx_receipt *r)
{
	struct sim *w = sim_of(priv);
	struct sess *se;
	struct msg *m;

	if (w->dead)
		return;
	se = sess_of(w, r->dest.tag);
	trace(w, "receipt %u #%" PRIu64 " " POS_FMT " %s", se->tag, r->sequence,
	    POS_ARG(r->pos), err_text(r->err));
	if (se->state != SESS_LIVE)
		violation(
		    w, "receipt for session %u, which is closed", se->tag);
	if (se->owed_n == 0 || se->owed[se->owed_head] != r->sequence)
		violation(
		    w, "receipt of #%" PRIu64 " out of order", r->sequence);
	se->owed_head++;
	se->owed_n--;
	if (r->err == ERR_OK) {
		if (se->failed)
			violation(
			    w, "session %u: stored after a failure", se->tag);
		check_stored(w, se, r);
		w->st.receipts++;
	} else if (r->err != ERR_TOO_BIG)
		se->failed = true;
	m = msg_new(MSG_RECEIPT, se->tag);
	m->seq = (uint32_t)r->sequence;
	m->err = r->err;
	net_reply(w, se->conn, m);
}

/* --- deliveries --------------------------------------------------------------------- */

static void
check_consumer(struct sim *w, struct sess *se, const struct m_entry *e)
{
	struct m_sub *s = se->sub;
	struct sess *o;
	uint32_t i;

	if (se->state != SESS_LIVE)
		violation(w, "session %u gets " POS_FMT " and is not open",
		    se->tag, POS_ARG(e->pos));
	if (se->permits <= 0)
		violation(w,
		    "session %u gets " POS_FMT " with %" PRId64 " permits",
		    se->tag, POS_ARG(e->pos), se->permits);
	if (se->blocked)
		violation(w, "session %u gets " POS_FMT " and is blocked",
		    se->tag, POS_ARG(e->pos));
	if (s->type == SUB_SHARED || s->type == SUB_KEY_SHARED)
		return;
	if (s->type == SUB_FAILOVER && !se->active)
		violation(w, "session %u gets " POS_FMT " and is not active",
		    se->tag, POS_ARG(e->pos));
	for (i = 0; i < w->sess_n; i++) {
		o = w->sess[i];
		if (o == se || o->is_producer || o->sub != s ||
		    o->state != SESS_LIVE)
			continue;
		if (s->type == SUB_EXCLUSIVE || o->active)
			violation(w, "t%u %s has two consumers, %u and %u",
			    s->t->i, s->name, se->tag, o->tag);
	}
}

static void
check_bits(
    struct sim *w, struct m_sub *s, const struct m_entry *e, uint64_t bits)
{
	struct m_ack *a = model_ack(s, e);

	if ((bits & model_full(e)) == 0 || (bits & ~model_full(e)) != 0)
		violation(w, "t%u %s: " POS_FMT " comes with bits %" PRIx64,
		    s->t->i, s->name, POS_ARG(e->pos), bits);
	if ((bits & a->conf) != 0)
		violation(w,
		    "t%u %s: " POS_FMT " comes again, its ack was answered "
		    "(%" PRIx64 ", acked %" PRIx64 ")",
		    s->t->i, s->name, POS_ARG(e->pos), bits, a->conf);
	if (w->sick)
		a->taken &= ~bits;
	if ((bits & a->taken) != 0)
		violation(w,
		    "t%u %s: " POS_FMT " comes again, was acked before "
		    "(%" PRIx64 ", acked %" PRIx64 ")",
		    s->t->i, s->name, POS_ARG(e->pos), bits, a->taken);
	if ((~bits & model_full(e) & ~a->maybe) != 0)
		violation(w,
		    "t%u %s: " POS_FMT " comes with bits %" PRIx64
		    ", only %" PRIx64 " may be acked",
		    s->t->i, s->name, POS_ARG(e->pos), bits, a->maybe);
	if (!s->unsure)
		a->maybe &= ~bits;
}

/* Everything before it was sent since the last rewind, or is acked. With keys:
 * the same of its key, and it must be at the same consumer. */
static void
check_order(struct sim *w, struct sess *se, const struct m_entry *e)
{
	struct m_sub *s = se->sub;
	struct m_topic *t = s->t;
	struct m_ack *a;
	uint32_t i;

	if (s->type == SUB_KEY_SHARED) {
		for (i = 0; i < t->n && t->e[i] != e; i++) {
			a = model_ack(s, t->e[i]);
			if (t->e[i]->key == e->key &&
			    t->e[i]->deliver_at_ms == 0 &&
			    a->holder != se->tag && !model_may_skip(s, t->e[i]))
				violation(w,
				    "t%u %s: " POS_FMT " of key %u goes to %u, "
				    "before it " POS_FMT " is with %u",
				    t->i, s->name, POS_ARG(e->pos), e->key,
				    se->tag, POS_ARG(t->e[i]->pos), a->holder);
		}
		return;
	}
	if (pos_cmp(e->pos, s->scan) <= 0)
		return;
	for (i = model_at(t, s->scan); i < t->n && t->e[i] != e; i++)
		if (model_ack(s, t->e[i])->epoch != s->epoch &&
		    (s->type != SUB_SHARED || t->e[i]->deliver_at_ms == 0) &&
		    !model_may_skip(s, t->e[i]))
			violation(w,
			    "t%u %s: " POS_FMT " comes before " POS_FMT, t->i,
			    s->name, POS_ARG(e->pos), POS_ARG(t->e[i]->pos));
	s->scan = e->pos;
}

static void
check_again(struct sim *w, struct sess *se, const struct m_entry *e,
    uint32_t redeliveries)
{
	struct m_sub *s = se->sub;
	struct m_ack *a = model_ack(s, e);

	if (s->type == SUB_EXCLUSIVE || s->type == SUB_FAILOVER) {
		if (a->epoch == s->epoch && a->sent_n > 0)
			violation(w, "t%u %s: " POS_FMT " comes twice", s->t->i,
			    s->name, POS_ARG(e->pos));
	} else if (a->holder != 0)
		violation(w, "t%u %s: " POS_FMT " goes to %u while %u has it",
		    s->t->i, s->name, POS_ARG(e->pos), se->tag, a->holder);
	if (redeliveries > a->sent_n)
		violation(w,
		    "t%u %s: " POS_FMT " redelivered %u times, sent %u",
		    s->t->i, s->name, POS_ARG(e->pos), redeliveries, a->sent_n);
}

/* First arrivals of a producer are its sequence without a hole. */
static void
check_first(struct sim *w, struct m_sub *s, const struct m_entry *e)
{
	uint32_t *next = &s->next_seq[e->producer];

	if (!s->whole || e->producer == STAGER || w->acks_stale > 0 ||
	    s->type == SUB_SHARED || s->type == SUB_KEY_SHARED)
		return;
	if (e->seq > *next)
		violation(w, "t%u %s: p%u #%u comes, #%u did not", s->t->i,
		    s->name, e->producer, e->seq, *next);
	if (e->seq == *next)
		++*next;
}

static void
on_deliver(void *priv, const struct fx_deliver *d)
{
	struct sim *w = sim_of(priv);
	struct sess *se;
	struct m_entry *e;
	struct m_ack *a;
	struct msg *m;
	uint64_t bits;

	if (w->dead)
		return;
	se = sess_of(w, d->dest.tag);
	e = model_learn(w, d->ent, true);
	bits = d->words_n == 0 ? model_full(e) : d->words[0];
	trace(w,
	    "deliver t%u %s to %u " POS_FMT " p%u #%u bits %" PRIx64
	    " again %u",
	    se->sub->t->i, se->sub->name, se->tag, POS_ARG(e->pos), e->producer,
	    e->seq, bits, d->redeliveries);
	if (&w->t[se->sub->t->i] != se->cl->t || d->consumer != se->handle)
		violation(w, "delivery for session %u is not its own", se->tag);
	check_consumer(w, se, e);
	if ((se->sub->type == SUB_SHARED || se->sub->type == SUB_KEY_SHARED) &&
	    e->deliver_at_ms > w->wall_ms)
		violation(w, POS_FMT " comes %" PRId64 " ms early",
		    POS_ARG(e->pos), e->deliver_at_ms - w->wall_ms);
	check_again(w, se, e, d->redeliveries);
	check_bits(w, se->sub, e, bits);
	check_order(w, se, e);
	check_first(w, se->sub, e);
	a = model_ack(se->sub, e);
	a->epoch = se->sub->epoch;
	a->sent_n++;
	a->holder = se->tag;
	se->permits -= __builtin_popcountll(bits);
	w->st.delivered++;
	m = msg_new(MSG_DELIVER, se->tag);
	m->e = e;
	m->bits = bits;
	net_reply(w, se->conn, m);
}

/* --- the rest ------------------------------------------------------------------------- */

void
check_dead(struct sim *w, struct sess *se)
{
	struct m_sub *s = se->sub;
	uint32_t i;

	if (se->state == SESS_DEAD || se->is_admin)
		return;
	se->state = SESS_DEAD;
	se->active = false;
	trace(w, "session %u ends", se->tag);
	if (se->is_producer)
		return;
	model_release(s, se->tag);
	for (i = 0; i < w->sess_n; i++)
		if (w->sess[i]->sub == s && s != NULL &&
		    w->sess[i]->state == SESS_LIVE)
			return;
	if (!s->durable && s->exists == EX_YES)
		model_sub_ended(w, s);
}

static void
subscribed(struct sim *w, struct sess *se, const struct fx *fx)
{
	struct m_sub *s = se->sub;
	struct sess *o;
	uint32_t i, n = 0;

	for (i = 0; i < w->sess_n; i++) {
		o = w->sess[i];
		n += o->sub == s && o != se && o->state == SESS_LIVE;
	}
	if (n > 0 && s->type == SUB_EXCLUSIVE)
		violation(w, "t%u %s: %u joins, it is taken", s->t->i, s->name,
		    se->tag);
	claims_check(w, s);
	model_subscribed(w, se);
	if (n == 0)
		model_rewind(s);
	se->state = SESS_LIVE;
	se->handle = fx->handle;
}

bool
check_unsubscribe_refused(const struct fx *fx)
{
	return fx->err == ERR_NOT_READY ||
	    (fx->err == ERR_METADATA && fx->diag[0] != '\0');
}

static void
on_answer(struct sim *w, struct sess *se, const struct fx *fx)
{
	if (fx->op == OP_ACK)
		ack_answered(w, fx);
	else if (fx->op == OP_SEEK)
		model_sought(se, fx->err);
	else if (fx->op == OP_UNSUBSCRIBE) {
		if (!check_unsubscribe_refused(fx))
			check_dead(w, se);
		if (fx->err == ERR_OK)
			model_sub_ended(w, se->sub);
	} else if (fx->op == OP_PRODUCER_CLOSE) {
		/* asked a second time, when its connection was lost: that is
		 * answered at once */
		if (se->owed_n > 0 && se->closing)
			return;
		/* what ends all producers ends one that is closing as well */
		if (se->owed_n > 0 && se->state == SESS_LIVE &&
		    conn_find(w, se->conn) != NULL &&
		    conn_find(w, se->conn)->client_up &&
		    w->enospc + w->eio + w->metafail + w->unloads + w->drains +
			    w->deletes ==
			0)
			violation(w,
			    "session %u closes and is owed %u receipts",
			    se->tag, se->owed_n);
		check_dead(w, se);
	} else if (fx->op == OP_PRODUCER_OPEN || fx->op == OP_SUBSCRIBE)
		se->state = SESS_DEAD; /* refused */
}

static void
on_fx(void *priv, struct fx *fx)
{
	struct sim *w = sim_of(priv);
	struct sess *se;
	struct msg *m;

	if (w->dead || fx->type == FX_TOPIC_CHANGED) {
		fx_free(&fx);
		return;
	}
	if (fx->dest.kind == DEST_INTERNAL) {
		stager_post_fx(fx);
		return;
	}
	if (seats_answered(w, fx) || reads_answer(w, fx) ||
	    leases_answer(w, fx) || stager_answered(w, fx)) {
		fx_free(&fx);
		return;
	}
	claims_answered(w, fx);
	del_answered(w, fx);
	se = sess_of(w, fx->dest.tag);
	trace(w, "fx %d of op %d for %u: %s %s", (int)fx->type, (int)fx->op,
	    se->tag, err_text(fx->err), fx->diag);
	switch (fx->type) {
	case FX_DONE:
		on_answer(w, se, fx);
		break;
	case FX_PRODUCER_OPENED:
		se->state = SESS_LIVE;
		se->handle = fx->handle;
		break;
	case FX_SUBSCRIBED:
		subscribed(w, se, fx);
		break;
	case FX_PRODUCER_CLOSED:
	case FX_CONSUMER_CLOSED:
		if (se->state != SESS_LIVE)
			violation(w, "session %u is closed twice", se->tag);
		check_dead(w, se);
		break;
	case FX_ACTIVE_CHANGE:
		if (se->state != SESS_LIVE)
			violation(
			    w, "session %u changes and is closed", se->tag);
		se->active = fx->flag;
		if (fx->flag)
			model_rewind(se->sub);
		break;
	default:
		break;
	}
	m = msg_new(MSG_FX, se->tag);
	m->fx = fx;
	net_reply(w, fx->dest.conn, m);
}

static void
on_post(void *priv, unsigned shard, struct op **opp)
{
	stager_post(sim_of(priv), shard, opp);
}

const struct core_out check_out = { on_receipt, on_deliver, on_fx, on_post };

/* --- the end --------------------------------------------------------------------------- */

/* Everything was read and acked: what did not come is lost. */
void
check_end(struct sim *w)
{
	struct m_topic *t;
	struct m_sub *s;
	struct m_entry *e;
	unsigned i, k;
	uint32_t n;

	for (i = 0; i < w->topics_n; i++)
		for (k = 0; k < SUBS_MAX; k++) {
			t = &w->t[i];
			s = &t->subs[k];
			if (!s->durable || s->exists != EX_YES)
				continue;
			for (n = 0; n < t->n; n++) {
				e = t->e[n];
				if (model_ack(s, e)->maybe != model_full(e))
					violation(w,
					    "t%u %s: " POS_FMT
					    " p%u #%u is lost (%s)",
					    i, s->name, POS_ARG(e->pos),
					    e->producer, e->seq,
					    e->receipted ? "acknowledged" :
							   "was stored");
			}
		}
}
