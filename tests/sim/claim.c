/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who claims a subscription keeps consumers off it: while a claim stands none
 * comes, and there is none where one is granted; but for Shared ones, where the
 * claim says so.
 */
#include "tests/sim/sim.h"

#define CLAIM_MAX_MS 1500u
#define ASKED_MAX 64u

static struct {
	uint64_t req; /* 0: free */
	struct m_sub *s;
	int64_t until_ms; /* 0: let go */
	bool shared;
} asked[ASKED_MAX];
static unsigned asked_at;

static bool
may_come(const struct m_sub *s, bool shared)
{
	return shared && s->type == SUB_SHARED;
}

void
claims_act(struct sim *w)
{
	struct m_topic *t = &w->t[rnd(w, w->topics_n)];
	struct m_sub *s = &t->subs[rnd(w, SUBS_MAX)];
	unsigned i = asked_at++ % ASKED_MAX;
	struct sess *se = sess_admin(w, t);
	struct msg *m = msg_new(MSG_OP, se->tag);
	struct op *op = op_new(OP_CURSOR_CLAIM,
	    (struct dest){
		.conn = se->conn, .tag = se->tag, .kind = DEST_TEST });

	asked[i].req = op->req = ++w->req;
	asked[i].s = s;
	asked[i].until_ms =
	    chance(w, 20) ? 0 : w->wall_ms + 1 + (int64_t)rnd(w, CLAIM_MAX_MS);
	asked[i].shared = chance(w, 50);
	op->topic = op_str(op, str_of(t->name));
	op->sub = op_str(op, str_of(s->name));
	op->flag = asked[i].until_ms != 0;
	op->u64 = (uint64_t)asked[i].until_ms;
	op->u32 = asked[i].shared;
	m->op = op;
	w->st.claims++;
	STAILQ_INSERT_TAIL(&w->late, m, link);
	net_late(w);
}

static void
granted(struct sim *w, unsigned k)
{
	struct m_sub *s = asked[k].s;
	uint32_t i;

	s->claim_ms = asked[k].until_ms;
	s->claim_shared = asked[k].shared;
	if (s->claim_ms == 0 || may_come(s, s->claim_shared))
		return;
	for (i = 0; i < w->sess_n; i++)
		if (w->sess[i]->sub == s && w->sess[i]->state == SESS_LIVE &&
		    !w->sess[i]->leaving)
			violation(w, "t%u %s is claimed, %u is there", s->t->i,
			    s->name, w->sess[i]->tag);
}

/* The topic has left memory, and they with it. */
void
claims_topic_gone(struct m_topic *t)
{
	unsigned k;

	for (k = 0; k < SUBS_MAX; k++)
		t->subs[k].claim_ms = 0;
}

void
claims_answered(struct sim *w, const struct fx *fx)
{
	unsigned k;

	if (fx->op == OP_TOPIC_UNLOAD)
		claims_topic_gone(sess_of(w, fx->dest.tag)->t);
	for (k = 0; k < ASKED_MAX && fx->op == OP_CURSOR_CLAIM; k++)
		if (asked[k].req == fx->req) {
			asked[k].req = 0;
			if (fx->err == ERR_OK)
				granted(w, k);
		}
}

/* A consumer has come. */
void
claims_check(struct sim *w, const struct m_sub *s)
{
	if (s->claim_ms > w->wall_ms && !may_come(s, s->claim_shared))
		violation(w, "t%u %s: a consumer comes, it is claimed", s->t->i,
		    s->name);
}

void
claims_crash(struct sim *w)
{
	unsigned i;

	for (i = 0; i < ASKED_MAX; i++)
		asked[i].req = 0;
	for (i = 0; i < w->topics_n; i++)
		claims_topic_gone(&w->t[i]);
}
