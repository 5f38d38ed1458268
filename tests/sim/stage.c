/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Staged entries: what a core said is staged comes into its topic, not before it is
 * due, and once. Some are dropped before they are due: those never come once that
 * was answered. Half messages come when somebody says so, and not else; those that
 * are due are asked for, until they are resolved. Only where one was staged anew on
 * another shard a crash may leave both: there are two logs.
 */
#include "tests/sim/sim.h"

#include <inttypes.h>

#define DELAY_MAX_MS 4000u
#define HASH_OF(seq) ((uint64_t)(seq) + 1) /* by which it is recalled */

struct m_staged {
	uint32_t topic;
	int64_t due_ms; /* 0: none, of a half message */
	uint64_t locator; /* 0: not answered */
	uint64_t req, drop_req, commit_req;
	bool half, asked; /* asked for: FX_STAGE_DUE came */
	bool committing; /* may be appended */
	bool committed; /* was, for sure */
	bool conf; /* is staged for sure */
	uint32_t moves; /* to another shard, in this life */
	bool doubled; /* both may have stayed */
	bool loose; /* its target was deleted: it may be dropped, or come */
	bool dropping; /* may be gone */
	bool
	    tried; /* something was refused, or a crash came before its answer */
	bool dropped; /* is gone for sure */
};

struct post { /* from core to core */
	STAILQ_ENTRY(post) link;
	unsigned shard;
	struct op *op;
	struct fx *fx;
};
STAILQ_HEAD(posts, post);

static struct m_staged *staged;
static uint32_t staged_n, staged_cap;
static struct posts posts = STAILQ_HEAD_INITIALIZER(posts);

/* --- from core to core ---------------------------------------------------------- */

static void
post_add(unsigned shard, struct op *op, struct fx *fx)
{
	struct post *p = mem_zalloc(sizeof *p);

	p->shard = shard;
	p->op = op;
	p->fx = fx;
	STAILQ_INSERT_TAIL(&posts, p, link);
}

void
stager_post(struct sim *w, unsigned shard, struct op **opp)
{
	struct op *op = *opp;

	w->st.moved++;
	if (op->type == OP_STAGE)
		staged[body_seq(&op->publish.body)].moves++;
	post_add(shard, *opp, NULL);
	*opp = NULL;
}

void
stager_post_fx(struct fx *fx)
{
	post_add(fx->dest.shard, NULL, fx);
}

bool
stager_posts(struct sim *w)
{
	struct post *p;
	bool any = false;

	while ((p = STAILQ_FIRST(&posts)) != NULL) {
		STAILQ_REMOVE_HEAD(&posts, link);
		any = true;
		core_set_time(w->sh[p->shard].co, w->wall_ms, w->mono_ns);
		if (p->op != NULL)
			core_op(w->sh[p->shard].co, &p->op);
		else
			core_own_answer(w->sh[p->shard].co, &p->fx);
		mem_free(p);
	}
	return any;
}

/* --- ops --------------------------------------------------------------------------- */

static struct op *
op_of(struct sim *w, struct m_topic *t, enum op_type type)
{
	struct sess *se = sess_admin(w, t);
	struct op *op = op_new(type,
	    (struct dest){ .conn = se->conn,
		.tag = se->tag,
		.shard = (uint16_t)world_shard_of(w, t->name),
		.kind = DEST_TEST });

	op->req = ++w->req;
	op->topic = op_str(op, str_of(t->name));
	return op;
}

static void
give(struct sim *w, const struct m_topic *t, struct op *op)
{
	unsigned i = world_shard_of(w, t->name);

	core_set_time(w->sh[i].co, w->wall_ms, w->mono_ns);
	core_op(w->sh[i].co, &op);
}

static struct str
owner_key(char key[static 16], uint32_t seq)
{
	(void)snprintf(key, 16, "k%u", seq);
	return str_of(key);
}

static void
stage(struct sim *w)
{
	struct client *cl = &w->p[STAGER];
	struct core_publish p;
	struct m_staged *m;
	struct m_topic *t;
	uint32_t seq = staged_n;
	struct op *op;
	char key[16];

	if (staged_n == staged_cap) {
		staged_cap = staged_cap == 0 ? 64 : staged_cap * 2;
		staged = mem_reallocarray(staged, staged_cap, sizeof *staged);
		cl->meta =
		    mem_reallocarray(cl->meta, staged_cap, sizeof *cl->meta);
		cl->sends =
		    mem_reallocarray(cl->sends, staged_cap, sizeof *cl->sends);
	}
	m = &staged[staged_n++];
	*m = (struct m_staged){ .topic = (uint32_t)rnd(w, w->topics_n),
		.half = chance(w, 30),
		.due_ms = w->wall_ms + (int64_t)rnd(w, DELAY_MAX_MS) };
	if (chance(w, 30))
		m->due_ms -= m->due_ms % 1000;
	if (m->half && chance(w, 30))
		m->due_ms = 0;
	t = &w->t[m->topic];
	cl->i = STAGER;
	cl->t = t;
	cl->meta[seq] = 1 | (uint64_t)rnd(w, KEYS) << 8 |
	    (uint64_t)rnd(w, w->body_max) << 16;
	cl->sends[seq] = 1;
	body_make(w, cl, seq, &p);
	op = op_of(w, t, OP_STAGE);
	op->publish.attr = p.attr;
	op->publish.attr.deliver_at_ms = 0;
	op->publish.body = p.body;
	op->due_ms = m->due_ms;
	op->u32 = m->half ? STAGE_NOTIFY : STAGE_APPEND;
	op->u64 = HASH_OF(seq);
	op->text = op_str(op, owner_key(key, seq));
	m->req = op->req;
	w->st.staged++;
	w->st.halves += m->half;
	trace(w, "stage s#%u%s for t%u, due at %" PRId64, seq,
	    m->half ? ", half," : "", m->topic, m->due_ms);
	give(w, t, op);
}

static void
drop(struct sim *w, uint32_t seq)
{
	struct m_staged *m = &staged[seq];
	struct m_topic *t = &w->t[m->topic];
	struct op *op;
	char key[16];

	if (m->dropping)
		return;
	/* by its due time: that of a half message may be another one by now */
	if (!m->half && chance(w, 50)) {
		op = op_of(w, t, OP_STAGE_RECALL);
		op->due_ms = m->due_ms;
		op->u64 = HASH_OF(seq);
		op->text = op_str(op, owner_key(key, seq));
		w->st.recalls++;
	} else {
		op = op_of(w, t, OP_STAGE_RESOLVE);
		op->u64 = m->locator;
		op->flag = true;
	}
	m->dropping = true;
	m->drop_req = op->req;
	give(w, t, op);
}

static void
commit(struct sim *w, uint32_t seq)
{
	struct client *cl = &w->p[STAGER];
	struct m_staged *m = &staged[seq];
	struct m_topic *t = &w->t[m->topic];
	struct core_publish p;
	struct op *op;

	cl->t = t;
	body_make(w, cl, seq, &p);
	op = op_of(w, t, OP_STAGE_RESOLVE);
	op->publish.attr = p.attr;
	op->publish.attr.deliver_at_ms = 0;
	op->publish.body = p.body;
	op->u64 = m->locator;
	m->committing = true;
	m->commit_req = op->req;
	trace(w, "commit s#%u", seq);
	give(w, t, op);
}

static void
again(struct sim *w, uint32_t seq)
{
	struct m_staged *m = &staged[seq];
	struct m_topic *t = &w->t[m->topic];
	struct op *op = op_of(w, t, OP_STAGE_AGAIN);

	m->asked = false;
	op->u64 = m->locator;
	op->due_ms = w->wall_ms + 1 + (int64_t)rnd(w, DELAY_MAX_MS);
	give(w, t, op);
}

void
stager_act(struct sim *w)
{
	const struct m_staged *m;
	uint32_t seq;

	if (staged_n == 0 || !chance(w, 40)) {
		stage(w);
		return;
	}
	seq = (uint32_t)rnd(w, staged_n);
	m = &staged[seq];
	if (m->locator == 0)
		return;
	if (!m->half || chance(w, 30))
		drop(w, seq);
	else if (m->asked && chance(w, 40))
		again(w, seq);
	else if (!m->committing)
		commit(w, seq);
}

void
stager_commit_all(struct sim *w)
{
	uint32_t i;

	for (i = 0; i < staged_n; i++)
		if (staged[i].half && staged[i].conf && !staged[i].dropping &&
		    !staged[i].committed)
			commit(w, i);
}

/* Somebody is to say what becomes of it. */
static void
stager_due(struct sim *w, const struct fx *fx)
{
	uint32_t seq = body_seq(&fx->ent.body);
	struct m_staged *m = &staged[seq];

	if (seq >= staged_n || !m->half)
		violation(w, "s#%u is asked for", seq);
	if (m->due_ms == 0 || w->wall_ms < m->due_ms)
		violation(w, "s#%u is asked for early", seq);
	if ((m->committed || m->dropped) && !m->doubled)
		violation(w, "s#%u is asked for, it was resolved", seq);
	trace(w, "s#%u is asked for", seq);
	m->conf = m->asked = true;
	m->locator = fx->u64;
}

/* A half message is where it was, unless somebody resolved it. */
static void
not_there(struct sim *w, struct m_staged *m, uint64_t req)
{
	bool drop = m->drop_req == req;

	if (m->half && m->conf && !m->doubled && !m->loose &&
	    w->reshards == 0 && !(drop ? m->committing : m->dropping) &&
	    !m->tried)
		violation(w, "s#%u is lost", (unsigned)(m - staged));
	if (drop) /* it was appended before */
		m->dropping = false;
}

static void
answered(struct sim *w, struct m_staged *m, const struct fx *fx)
{
	if (m->req == fx->req && fx->type == FX_STAGED) {
		m->conf = true;
		m->locator = fx->u64;
	}
	if (m->drop_req == fx->req &&
	    (fx->type == FX_STAGED || fx->type == FX_ENTRY))
		m->dropped = true;
	if (m->commit_req == fx->req && fx->type == FX_STAGED) {
		m->committed = true;
		w->st.commits++;
	}
	if (m->req == fx->req)
		return;
	if (m->drop_req == fx->req && fx->err == ERR_BUSY)
		m->dropping = false;
	if (fx->err == ERR_NO_MESSAGE)
		not_there(w, m, fx->req);
	else if (fx->err != ERR_OK)
		m->tried = true; /* it may have been done all the same */
}

bool
stager_answered(struct sim *w, const struct fx *fx)
{
	uint32_t i;

	if (fx->type == FX_STAGE_DUE) {
		stager_due(w, fx);
		return true;
	}
	if (fx->op != OP_STAGE && fx->op != OP_STAGE_RESOLVE &&
	    fx->op != OP_STAGE_RECALL)
		return false;
	for (i = 0; i < staged_n; i++)
		if (staged[i].req == fx->req || staged[i].drop_req == fx->req ||
		    staged[i].commit_req == fx->req)
			answered(w, &staged[i], fx);
	return false;
}

/* --- what must hold -------------------------------------------------------------------- */

static uint32_t
copies(const struct m_topic *t, uint32_t seq)
{
	uint32_t i, n = 0;

	for (i = 0; i < t->n; i++)
		n += t->e[i]->producer == STAGER && t->e[i]->seq == seq;
	return n;
}

void
stager_stored(struct sim *w, const struct m_topic *t, const struct m_entry *e)
{
	const struct m_staged *m = &staged[e->seq];

	if (e->seq >= staged_n || m->topic != t->i)
		violation(w, "s#%u was not staged for t%u", e->seq, t->i);
	if (m->half && !m->committing)
		violation(w, "s#%u comes, and was not committed", e->seq);
	if (!m->half && w->wall_ms < m->due_ms)
		violation(w, "s#%u comes %" PRId64 " ms early", e->seq,
		    m->due_ms - w->wall_ms);
	if (m->dropped && !m->doubled)
		violation(w, "s#%u comes, and was dropped", e->seq);
	w->st.appended++;
}

void
stager_crash(struct sim *w, bool drained)
{
	struct post *p;
	uint32_t i;

	while ((p = STAILQ_FIRST(&posts)) != NULL) {
		STAILQ_REMOVE_HEAD(&posts, link);
		if (p->op != NULL)
			op_free(&p->op);
		if (p->fx != NULL)
			fx_free(&p->fx);
		mem_free(p);
	}
	for (i = 0; i < staged_n; i++) {
		if (staged[i].moves > 0 && !drained) {
			w->p[STAGER].sends[i] += staged[i].moves;
			staged[i].doubled = true;
		}
		staged[i].moves = 0;
		staged[i].asked = false;
		staged[i].tried |=
		    staged[i].committing != staged[i].committed ||
		    staged[i].dropping != staged[i].dropped;
	}
}

void
stager_topic_gone(const struct m_topic *t)
{
	uint32_t i;

	for (i = 0; i < staged_n; i++)
		if (staged[i].topic == t->i)
			staged[i].loose = true;
}

/* Messages of which nobody has heard and that were given up: stored just before a
 * crash, and read by nobody after it. */
static uint64_t
unheard(const struct m_topic *t)
{
	uint64_t n = t->floor;
	uint32_t i;

	for (i = 0; i < t->n && t->e[i]->index < t->floor; i++)
		n -= t->e[i]->messages_n;
	return n;
}

void
stager_check(struct sim *w)
{
	const struct m_staged *m;
	const struct m_topic *t;
	uint32_t i, k, lost;

	reads_floor(w);
	for (k = 0; k < w->topics_n; k++) {
		t = &w->t[k];
		for (lost = i = 0; i < staged_n; i++) {
			m = &staged[i];
			if (m->topic != k || m->loose || copies(t, i) > 0 ||
			    !(m->half ? m->committed : m->conf && !m->dropping))
				continue;
			if (++lost > unheard(t))
				violation(w, "s#%u is lost", i);
		}
	}
}
