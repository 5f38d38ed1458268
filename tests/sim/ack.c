/* SPDX-License-Identifier: Apache-2.0 */
/* Acks: taken when the core is given them, for good when it has answered. */
#include "tests/sim/sim.h"

#include <string.h>

static struct pos
max_pos(struct pos a, struct pos b)
{
	return pos_cmp(a, b) > 0 ? a : b;
}

static void
take(struct m_sub *s, const struct m_entry *e, uint64_t bits)
{
	struct m_ack *a = model_ack(s, e);

	a->maybe |= bits;
	a->taken |= bits;
	if (a->taken == model_full(e))
		a->holder = 0;
}

static void
rec_free(struct ackrec *r)
{
	LIST_REMOVE(r, link);
	mem_free(r->e);
	mem_free(r->bits);
	mem_free(r);
}

/* Which bits each acknowledges. */
void
ack_apply(struct sim *w, struct sess *se, const struct msg *m)
{
	struct m_sub *s = se->sub;
	struct ackrec *r = mem_zalloc(sizeof *r);
	struct m_entry *e;
	uint32_t i;

	r->req = m->req;
	r->tag = se->tag;
	r->sub = s;
	r->serial = s->serial;
	r->cum = POS_NONE;
	r->n = m->acks_n;
	r->e = mem_calloc(m->acks_n, sizeof(struct m_entry *));
	r->bits = mem_calloc(m->acks_n, sizeof *r->bits);
	for (i = 0; i < m->acks_n; i++) {
		r->e[i] = m->acks[i];
		r->bits[i] = model_full(m->acks[i]) & ~m->acks_bits[i];
		take(s, r->e[i], r->bits[i]);
	}
	if (m->cumulative) {
		r->cum = m->acks[0]->pos;
		r->cum.entry--;
		s->cum_maybe = max_pos(s->cum_maybe, r->cum);
		s->cum_taken = max_pos(s->cum_taken, r->cum);
		for (i = 0; i < s->t->n; i++) {
			e = s->t->e[i];
			if (pos_cmp(e->pos, r->cum) > 0)
				break;
			take(s, e, model_full(e));
		}
	}
	LIST_INSERT_HEAD(&w->acks, r, link);
	w->st.acked += m->acks_n;
	if (!m->want_reply)
		rec_free(r);
}

static void
confirm(struct ackrec *r)
{
	struct m_sub *s = r->sub;
	uint32_t i;

	for (i = 0; i < r->n; i++)
		model_ack(s, r->e[i])->conf |= r->bits[i];
	s->cum_conf = max_pos(s->cum_conf, r->cum);
	for (i = 0; i < s->t->n; i++) {
		if (pos_cmp(s->t->e[i]->pos, r->cum) > 0)
			break;
		model_ack(s, s->t->e[i])->conf = model_full(s->t->e[i]);
	}
}

/* Refused: some may have been taken all the same. */
static void
doubt(struct ackrec *r)
{
	struct m_ack *a;
	uint32_t i;

	for (i = 0; i < r->sub->t->n; i++) {
		a = model_ack(r->sub, r->sub->t->e[i]);
		a->taken = a->conf;
	}
	r->sub->cum_taken = r->sub->cum_conf;
}

void
ack_answered(struct sim *w, const struct fx *fx)
{
	struct ackrec *r;

	LIST_FOREACH(r, &w->acks, link)
		if (r->req == fx->req)
			break;
	if (r == NULL)
		violation(w, "an answer to no ack: %ju", (uintmax_t)fx->req);
	trace(w, "ack %ju of %u: %s", (uintmax_t)fx->req, r->tag,
	    err_text(fx->err));
	if (r->serial == r->sub->serial) {
		if (fx->err == ERR_OK) {
			w->st.confirmed++;
			confirm(r);
		} else
			doubt(r);
	}
	rec_free(r);
}

void
ack_crash(struct sim *w)
{
	struct ackrec *r;

	while ((r = LIST_FIRST(&w->acks)) != NULL)
		rec_free(r);
}
