/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases for a time: a subscription of each topic, "q", that has no consumers. What
 * was acknowledged for sure never comes again, what is out does not before its
 * time unless it was returned, nothing that is delayed comes early, a holder may
 * end its lease; at the end everything was acknowledged. Over a crash this holds
 * for what an answer has said to be durable.
 */
#include "tests/sim/sim.h"

#include <string.h>

#define ASKS_MAX 30u

struct ask {
	LIST_ENTRY(ask) link;
	uint64_t req;
	enum op_type type;
	struct m_topic *t;
	struct m_entry *e; /* of END, EXTEND */
	int64_t time_ms, invisible_ms;
	uint32_t how;
	uint64_t serial; /* of leases so far */
	uint32_t gen; /* of the topic */
};

static LIST_HEAD(, ask) asks;
static uint32_t asks_n;

static struct lent *
lent_of(struct m_topic *t, const struct m_entry *e)
{
	if (e->n >= t->lent_n) {
		t->lent = mem_reallocarray(t->lent, e->n + 64, sizeof *t->lent);
		memset(t->lent + t->lent_n, 0,
		    (e->n + 64 - t->lent_n) * sizeof *t->lent);
		t->lent_n = e->n + 64;
	}
	return &t->lent[e->n];
}

static void
send(struct sim *w, struct m_topic *t, struct op **opp, struct ask *a)
{
	struct op *op = *opp;
	struct msg *m;

	*opp = NULL;
	a->req = op->req = ++w->req;
	a->type = op->type;
	a->t = t;
	a->gen = t->gen;
	a->serial = t->lease_serial;
	op->topic = op_str(op, str_of(t->name));
	op->sub = op_str(op, STR_LIT("q"));
	LIST_INSERT_HEAD(&asks, a, link);
	asks_n++;
	m = msg_new(MSG_OP, (uint32_t)op->dest.tag);
	m->op = op;
	STAILQ_INSERT_TAIL(&w->late, m, link);
	net_late(w);
}

static struct op *
new_op(struct sim *w, struct m_topic *t, enum op_type type)
{
	if (t->lessee == NULL)
		t->lessee = sess_admin(w, t);
	/* another one than the reads': they are dropped by it */
	return op_new(type,
	    (struct dest){
		.conn = UINT64_MAX, .tag = t->lessee->tag, .kind = DEST_TEST });
}

static void
forget(struct ask *a)
{
	LIST_REMOVE(a, link);
	asks_n--;
	mem_free(a);
}

/* --- what is asked ---------------------------------------------------------------- */

static void
lease(struct sim *w, struct m_topic *t, int64_t invisible_ms, int64_t wait_ms)
{
	struct op *op = new_op(w, t, OP_LEASE);
	struct ask *a = mem_zalloc(sizeof *a);

	op->lease.max_n = 1 + (uint32_t)rnd(w, 60);
	op->lease.max_bytes = 1 + (uint32_t)rnd(w, 1 << 16);
	op->lease.invisible_ms = invisible_ms;
	op->lease.wait_ms = wait_ms;
	op->lease.create = true;
	op->start.kind = START_EARLIEST;
	op->flag = !w->ending && rnd(w, 10) == 0;
	a->invisible_ms = invisible_ms;
	send(w, t, &op, a);
	w->st.leases++;
}

static void
end(struct sim *w, struct m_topic *t, struct m_entry *e, enum op_type type,
    uint32_t how, int64_t invisible_ms)
{
	struct op *op = new_op(w, t, type);
	struct lent *l = lent_of(t, e);
	struct ask *a = mem_zalloc(sizeof *a);
	struct lease_name *v;
	uint32_t i;

	op->names_n = type == OP_LEASE_EXTEND ? 1 : e->messages_n;
	v = op_mem(op, op->names_n * sizeof *v);
	for (i = 0; i < op->names_n; i++)
		v[i] = (struct lease_name){ e->index + i, l->time_ms };
	op->names = v;
	op->u32 = how;
	if (type == OP_LEASE_EXTEND)
		op->lease.invisible_ms = invisible_ms;
	trace(w, "t%u: lease of %ju x%u at %jd: op %d, %u, %jd ms", t->i,
	    (uintmax_t)e->index, e->messages_n, (intmax_t)l->time_ms, (int)type,
	    how, (intmax_t)invisible_ms);
	a->e = e;
	a->time_ms = l->time_ms;
	a->invisible_ms = invisible_ms;
	a->how = how;
	if (type == OP_LEASE_END && how == LEASE_ACK)
		l->maybe = true;
	else /* until it is answered nobody knows until when it is out */
		l->until_ms = 0;
	if (type == OP_LEASE_EXTEND)
		l->renamed = true;
	send(w, t, &op, a);
	w->st.lease_ends++;
}

/* One of those that were leased; NULL: none */
static struct m_entry *
some_lent(struct sim *w, struct m_topic *t)
{
	struct m_entry *e;
	uint32_t i, at;

	if (t->n == 0)
		return NULL;
	at = (uint32_t)rnd(w, t->n);
	for (i = 0; i < t->n && i < 50; i++) {
		e = t->e[(at + i) % t->n];
		if (lent_of(t, e)->time_ms != 0 && !lent_of(t, e)->sure)
			return e;
	}
	return NULL;
}

void
leases_act(struct sim *w)
{
	struct m_topic *t = &w->t[rnd(w, w->topics_n)];
	uint64_t d = rnd(w, 20);
	struct m_entry *e;

	if (asks_n >= ASKS_MAX)
		return;
	if (d < 8) {
		lease(w, t, 1 + (int64_t)rnd(w, 3000),
		    rnd(w, 2) == 0 ? 0 : (int64_t)rnd(w, 2000));
		return;
	}
	e = some_lent(w, t);
	if (e == NULL)
		return;
	if (d < 16)
		end(w, t, e, OP_LEASE_END, LEASE_ACK, 0);
	else if (d < 18)
		end(w, t, e, OP_LEASE_END,
		    rnd(w, 2) == 0 ? LEASE_RETURN : LEASE_RETURN_UNUSED, 0);
	else
		end(w, t, e, OP_LEASE_EXTEND, 0, 1 + (int64_t)rnd(w, 3000));
}

/* --- what is answered ----------------------------------------------------------------- */

/* Is what the model knows of this lease still so? */
static bool
is_known(const struct sim *w, const struct m_topic *t, const struct lent *l)
{
	return !w->sick &&
	    (l->life == w->life || l->serial <= t->lease_durable);
}

/* The time of a lease may be ahead of the clock, so that it is another one's. */
static int64_t
until(int64_t time_ms, int64_t invisible_ms)
{
	return time_ms + invisible_ms - 20;
}

static void
check_entry(struct sim *w, const struct ask *a, const struct fx *fx, uint32_t i)
{
	struct m_topic *t = a->t;
	struct m_entry *e = model_learn(w, &fx->entries[i], true);
	struct lent *l = lent_of(t, e);
	uint32_t count = fx->leased[i].redeliveries;

	if (l->sure)
		violation(w, "t%u: %ju is leased, it was acked", t->i,
		    (uintmax_t)e->index);
	if (is_known(w, t, l) && l->until_ms > w->wall_ms)
		violation(w, "t%u: %ju is leased, it is out for %jd ms", t->i,
		    (uintmax_t)e->index, (intmax_t)(l->until_ms - w->wall_ms));
	if (is_known(w, t, l) && l->time_ms >= fx->i64)
		violation(w, "t%u: %ju is leased at %jd twice", t->i,
		    (uintmax_t)e->index, (intmax_t)fx->i64);
	if (is_known(w, t, l) && count < l->redeliveries)
		violation(w, "t%u: %ju was delivered %u times, now %u", t->i,
		    (uintmax_t)e->index, l->redeliveries, count);
	if (e->deliver_at_ms > w->wall_ms)
		violation(w, "t%u: %ju is leased %jd ms early", t->i,
		    (uintmax_t)e->index,
		    (intmax_t)(e->deliver_at_ms - w->wall_ms));
	trace(w, "t%u leases %ju x%u at %jd for %jd ms, %u", t->i,
	    (uintmax_t)e->index, e->messages_n, (intmax_t)fx->i64,
	    (intmax_t)a->invisible_ms, count);
	l->time_ms = fx->i64;
	l->until_ms = until(fx->i64, a->invisible_ms);
	l->redeliveries = count;
	l->renamed = false;
	l->life = w->life;
	l->serial = t->lease_serial;
	t->leased_n++;
}

static void
check_leased(struct sim *w, const struct ask *a, const struct fx *fx)
{
	struct m_topic *t = a->t;
	uint32_t i;

	t->lease_serial++;
	t->lease_min = fx->min_index;
	for (i = 0; i < fx->entries_n; i++)
		check_entry(w, a, fx, i);
}

static void
extended(struct lent *l, const struct ask *a, const struct fx *fx)
{
	l->time_ms = fx->i64;
	if (a->e->messages_n == 1)
		l->until_ms = until(fx->i64, a->invisible_ms);
}

static void
check_ended(struct sim *w, const struct ask *a, const struct fx *fx)
{
	struct lent *l = lent_of(a->t, a->e);

	if (fx->err == ERR_OK) {
		if (a->serial > a->t->lease_durable)
			a->t->lease_durable = a->serial;
		if (a->type == OP_LEASE_END && a->how == LEASE_ACK)
			l->sure = true;
		if (a->type == OP_LEASE_EXTEND && a->time_ms == l->time_ms)
			extended(l, a, fx);
		return;
	}
	/* nobody else has had it since: it is its holder's to end. Another life may
	 * have leased it at the same time. */
	if (fx->err == ERR_CONFLICT && !w->sick && l->life == w->life &&
	    l->serial <= a->serial && l->time_ms == a->time_ms && !l->renamed &&
	    !l->maybe)
		violation(w, "t%u: the lease of %ju can't be ended: %s",
		    a->t->i, (uintmax_t)a->e->index, err_text(fx->err));
}

bool
leases_answer(struct sim *w, const struct fx *fx)
{
	struct ask *a;

	if (fx->op != OP_LEASE && fx->op != OP_LEASE_END &&
	    fx->op != OP_LEASE_EXTEND)
		return false;
	LIST_FOREACH(a, &asks, link)
		if (a->req == fx->req)
			break;
	if (a == NULL)
		violation(w, "an answer to a lease that nobody waits for");
	trace(w, "t%u answer to op %d of %ju: %s, %u leased", a->t->i,
	    (int)fx->op, a->e != NULL ? (uintmax_t)a->e->index : 0,
	    err_text(fx->err), fx->entries_n);
	if (a->gen != a->t->gen || a->t->deleting > 0)
		a->t->lease_failed = true; /* of a topic that has gone */
	else if (fx->op != OP_LEASE)
		check_ended(w, a, fx);
	else if (fx->err == ERR_OK)
		check_leased(w, a, fx);
	else
		a->t->lease_failed = true;
	forget(a);
	return true;
}

/* --- the end of a core, and of all ------------------------------------------------------- */

void
leases_crash(struct sim *w)
{
	struct m_topic *t;
	struct lent *l;
	struct ask *a;
	unsigned k;

	while ((a = LIST_FIRST(&asks)) != NULL)
		forget(a);
	/* what was not on disk for sure may be lost */
	for (k = 0; k < w->topics_n; k++) {
		t = &w->t[k];
		for (l = t->lent; l < t->lent + t->lent_n; l++)
			if (l->serial > t->lease_durable) {
				l->serial = UINT64_MAX;
				l->life = 0;
			}
	}
}

void
leases_topic_gone(struct m_topic *t)
{
	if (t->lent_n > 0)
		memset(t->lent, 0, t->lent_n * sizeof *t->lent);
	t->lease_min = 0;
}

void
leases_check_rest(struct sim *w)
{
	const struct ask *a = LIST_FIRST(&asks);

	if (a != NULL)
		violation(
		    w, "t%u: op %d is never answered", a->t->i, (int)a->type);
}

/* Leases and acknowledges what there is; false: nothing came. */
bool
leases_next(struct sim *w, struct m_topic *t)
{
	struct lent *l;
	uint32_t i;
	bool had;

	for (i = 0; i < t->n; i++) {
		l = lent_of(t, t->e[i]);
		if (l->time_ms != 0 && l->life == w->life && !l->sure)
			end(w, t, t->e[i], OP_LEASE_END, LEASE_ACK, 0);
	}
	had = t->leased_n != t->leased_seen;
	t->leased_seen = t->leased_n;
	if (t->n > 0)
		lease(w, t, 2000, 0);
	had = had || t->lease_failed;
	t->lease_failed = false;
	return had;
}

/* Everything was leased to somebody who has acknowledged it. */
void
leases_check_end(struct sim *w)
{
	struct m_topic *t;
	struct lent *l;
	unsigned k;
	uint32_t i;

	for (k = 0; k < w->topics_n; k++) {
		t = &w->t[k];
		for (i = 0; i < t->n; i++) {
			l = lent_of(t, t->e[i]);
			/* nothing keeps data for this subscription */
			if (!l->sure && !l->maybe && !t->e[i]->gone &&
			    t->e[i]->index >= t->lease_min &&
			    t->e[i]->index >= t->floor)
				violation(w,
				    "t%u: %ju at (%ju,%jd) was never leased", k,
				    (uintmax_t)t->e[i]->index,
				    (uintmax_t)t->e[i]->pos.ledger,
				    (intmax_t)t->e[i]->pos.entry);
		}
	}
}
