/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who reads at an index, and commits by index: groups beside the subscriptions.
 * Reads give what was published, without a hole, with or without waiting. A
 * cursor is where it was set; over a crash it is at a place that it was set to,
 * no earlier than the last one that was said to be durable.
 */
#include "tests/sim/sim.h"

#include <string.h>

#include "core/core_priv.h"
#include "core/topic_priv.h"

#define READS_MAX 30u

struct request {
	LIST_ENTRY(request) link;
	uint64_t req;
	enum op_type type;
	struct m_topic *t;
	struct m_group *g;
	uint64_t index; /* asked for, or set */
	uint32_t place; /* how often the group had been set, with this */
	uint32_t max_n, tag;
	uint32_t gen; /* of the topic */
	bool durable; /* set: answered when it is */
	bool existed; /* told: the group was there when it was asked */
};

static LIST_HEAD(, request) requests;
static uint32_t requests_n;

static struct request *
ask(struct sim *w, struct m_topic *t, struct m_group *g, struct op **opp)
{
	struct request *rq = mem_zalloc(sizeof *rq);
	struct msg *m;
	struct op *op = *opp;

	*opp = NULL;
	rq->req = op->req = ++w->req;
	rq->type = op->type;
	rq->t = t;
	rq->gen = t->gen;
	rq->g = g;
	op->topic = op_str(op, str_of(t->name));
	if (g != NULL)
		op->sub = op_str(op, str_of(g->name));
	LIST_INSERT_HEAD(&requests, rq, link);
	requests_n++;
	m = msg_new(MSG_OP, (uint32_t)op->dest.tag);
	m->op = op;
	STAILQ_INSERT_TAIL(&w->late, m, link);
	return rq;
}

static struct op *
new_op(struct sim *w, struct m_topic *t, enum op_type type)
{
	if (t->reader == NULL)
		t->reader = sess_admin(w, t);
	return op_new(
	    type, (struct dest){ .tag = t->reader->tag, .kind = DEST_TEST });
}

static void
forget(struct request *rq)
{
	LIST_REMOVE(rq, link);
	requests_n--;
	mem_free(rq);
}

/* --- what is asked ---------------------------------------------------------------- */

static void
read_from(struct sim *w, struct m_topic *t, uint64_t index, int64_t wait_ms)
{
	struct op *op = new_op(w, t, OP_READ_AT);
	uint32_t tag = 0, max_n = 1 + (uint32_t)rnd(w, 200), *v;
	struct request *rq;

	op->u64 = index;
	op->read.max_n = max_n;
	op->read.max_bytes = 1 + (uint32_t)rnd(w, 1 << 16);
	op->read.wait_ms = wait_ms;
	if (!w->ending && rnd(w, 3) == 0) {
		tag = 1 + (uint32_t)rnd(w, KEYS);
		v = op_mem(op, sizeof *v);
		*v = tag;
		op->read.tags = v;
		op->read.tags_n = 1;
	}
	rq = ask(w, t, NULL, &op);
	rq->index = index;
	rq->tag = tag;
	rq->max_n = max_n;
	w->st.index_reads++;
}

static void
cancel(struct sim *w, struct m_topic *t)
{
	struct op *op = new_op(w, t, OP_READ_CANCEL);
	struct request *rq, *next;
	struct msg *m = msg_new(MSG_OP, t->reader->tag);

	op->topic = op_str(op, str_of(t->name));
	m->op = op;
	STAILQ_INSERT_TAIL(&w->late, m, link);
	net_late(w);
	/* answered so far, or never */
	for (rq = LIST_FIRST(&requests); rq != NULL; rq = next) {
		next = LIST_NEXT(rq, link);
		if (rq->t == t && rq->type == OP_READ_AT)
			forget(rq);
	}
}

static void
set(struct sim *w, struct m_topic *t, struct m_group *g)
{
	struct op *op = new_op(w, t, OP_CURSOR_SET);
	struct request *rq;
	bool d;

	op->u64 = rnd(w, t->max_index + 1);
	op->flag = true;
	op->flag2 = d = rnd(w, 2) == 0;
	if (g->set_n == g->set_cap) {
		g->set_cap = g->set_cap == 0 ? 64 : g->set_cap * 2;
		g->set = mem_reallocarray(g->set, g->set_cap, sizeof *g->set);
	}
	g->set[g->set_n] = op->u64;
	rq = ask(w, t, g, &op);
	rq->index = g->set[g->set_n];
	rq->place = ++g->set_n;
	rq->durable = d;
	w->st.cursor_sets++;
}

static void
get(struct sim *w, struct m_topic *t, struct m_group *g)
{
	struct op *op = new_op(w, t, OP_CURSOR_GET);
	struct request *rq = ask(w, t, g, &op);

	rq->place = g->set_n;
	rq->existed = g->exists;
}

void
reads_act(struct sim *w)
{
	struct m_topic *t = &w->t[rnd(w, w->topics_n)];
	struct m_group *g = &t->groups[rnd(w, GROUPS_MAX)];
	uint64_t d = rnd(w, 10);

	if (requests_n >= READS_MAX)
		return;
	if (d < 5)
		read_from(w, t,
		    rnd(w, 2) == 0 ? t->read_next : rnd(w, t->max_index + 2),
		    rnd(w, 2) == 0 ? 0 : (int64_t)rnd(w, 3000));
	else if (d == 5 && rnd(w, 5) == 0)
		cancel(w, t);
	else if (d < 8)
		set(w, t, g);
	else
		get(w, t, g);
	net_late(w);
}

/* --- what is answered -------------------------------------------------------------------- */

static bool
wants(const struct request *rq, const struct m_entry *e)
{
	return rq->tag == 0 || e->messages_n > 1 || e->key + 1 == rq->tag;
}

static void
check_read(struct sim *w, struct request *rq, const struct fx *fx)
{
	struct m_topic *t = rq->t;
	const struct m_entry *e;
	uint64_t messages = 0;
	uint32_t i, k = 0;

	for (i = 0; i < fx->entries_n; i++) {
		e = model_learn(w, &fx->entries[i], true);
		messages += e->messages_n;
		if (!wants(rq, e) || e->index + e->messages_n <= rq->index ||
		    e->index >= fx->u64)
			violation(w, "t%u: read at %ju gives %ju", t->i,
			    (uintmax_t)rq->index, (uintmax_t)e->index);
	}
	if (fx->entries_n > 1 && messages > rq->max_n)
		violation(w, "t%u: a read of %u gives %ju messages", t->i,
		    rq->max_n, (uintmax_t)messages);
	for (i = 0; i < t->n; i++) {
		e = t->e[i];
		if (e->index + e->messages_n <= rq->index ||
		    e->index >= fx->u64 || e->index < fx->min_index ||
		    !wants(rq, e))
			continue;
		if (k < fx->entries_n && fx->entries[k].index == e->index)
			k++;
		else if (!e->gone)
			violation(w, "t%u: read at %ju to %ju passes over %ju",
			    t->i, (uintmax_t)rq->index, (uintmax_t)fx->u64,
			    (uintmax_t)e->index);
	}
	if (k != fx->entries_n)
		violation(w, "t%u: read at %ju is out of order", t->i,
		    (uintmax_t)rq->index);
	if (rq->index >= fx->min_index && rq->index < fx->max_index &&
	    fx->u64 <= rq->index)
		violation(w, "t%u: read at %ju does not go on", t->i,
		    (uintmax_t)rq->index);
	if (t->max_index < fx->max_index)
		t->max_index = fx->max_index;
	t->read_next = fx->u64;
}

/* Of what it was set to, from the last place that was durable on; before there is
 * one it may be where it was made. What was given up it has passed. */
static bool
may_be(const struct m_topic *t, const struct m_group *g, uint32_t from,
    uint64_t index, uint64_t min)
{
	uint64_t at;
	uint32_t i;

	if (from == 0)
		return true;
	for (i = from; i <= g->set_n; i++) {
		at = g->set[i - 1] > min ? g->set[i - 1] : min;
		if (index == at || (index > at && index <= t->floor))
			return true;
	}
	return false;
}

/* If nothing has gone wrong it is where it was set to last, or since. */
static void
check_told(struct sim *w, struct request *rq, const struct fx *fx)
{
	struct m_group *g = rq->g;
	uint32_t from = g->durable;

	if (!w->sick && rq->place > g->unsure)
		from = rq->place;
	if (!may_be(rq->t, g, from, fx->u64, fx->min_index))
		violation(w, "t%u %s is at %ju, was set to %ju", rq->t->i,
		    g->name, (uintmax_t)fx->u64, (uintmax_t)g->set[from - 1]);
}

static void
check_set(struct sim *w, struct request *rq, const struct fx *fx)
{
	struct m_group *g = rq->g;

	if (fx->err == ERR_OK) {
		g->exists = true;
		if (rq->durable && rq->place > g->durable)
			g->durable = rq->place;
		return;
	}
	trace(w, "%s may be set: %s", g->name, err_text(fx->err));
	if (rq->place > g->unsure)
		g->unsure = rq->place;
}

bool
reads_answer(struct sim *w, const struct fx *fx)
{
	struct request *rq;

	if (fx->op != OP_READ_AT && fx->op != OP_CURSOR_SET &&
	    fx->op != OP_CURSOR_GET)
		return false;
	LIST_FOREACH(rq, &requests, link)
		if (rq->req == fx->req)
			break;
	if (rq == NULL)
		violation(w, "an answer that nobody waits for");
	trace(w, "answer to op %d at %ju: %s, %ju", (int)rq->type,
	    (uintmax_t)rq->index, err_text(fx->err), (uintmax_t)fx->u64);
	if (rq->gen == rq->t->gen && rq->type == OP_CURSOR_SET)
		check_set(w, rq, fx);
	else if (rq->gen != rq->t->gen || rq->t->deleting > 0)
		rq->t->read_failed = true; /* of a topic that goes */
	else if (fx->err == ERR_OK && rq->type == OP_READ_AT)
		check_read(w, rq, fx);
	else if (fx->err == ERR_OK)
		check_told(w, rq, fx);
	else if (fx->err == ERR_NO_SUBSCRIPTION && rq->existed)
		violation(w, "t%u %s is lost", rq->t->i, rq->g->name);
	else
		rq->t->read_failed = true;
	forget(rq);
	return true;
}

/* --- the end of a core, and of all ------------------------------------------------------- */

void
reads_floor(struct sim *w)
{
	const struct topic *t;
	struct m_topic *mt;
	unsigned i;

	for (i = 0; i < w->topics_n; i++) {
		mt = &w->t[i];
		t = topic_find(
		    w->sh[world_shard_of(w, mt->name)].co, str_of(mt->name));
		if (t != NULL && tlog_first_index(t) > mt->floor)
			mt->floor = tlog_first_index(t);
	}
}

void
reads_crash(struct sim *w)
{
	struct request *rq;
	unsigned i, k;

	while ((rq = LIST_FIRST(&requests)) != NULL)
		forget(rq);
	for (i = 0; i < w->topics_n; i++)
		for (k = 0; k < GROUPS_MAX; k++)
			w->t[i].groups[k].unsure = w->t[i].groups[k].set_n;
}

void
reads_topic_gone(struct m_topic *t)
{
	struct m_group *g;
	unsigned k;

	for (k = 0; k < GROUPS_MAX; k++) {
		g = &t->groups[k];
		g->exists = false;
		g->set_n = g->durable = g->unsure = 0;
	}
	t->read_next = t->max_index = t->floor = 0;
}

/* Nobody is left without an answer. */
void
reads_check_rest(struct sim *w)
{
	const struct request *rq = LIST_FIRST(&requests);

	if (rq != NULL)
		violation(w, "t%u: op %d at %ju is never answered", rq->t->i,
		    (int)rq->type, (uintmax_t)rq->index);
}

/* Asks for what follows; false: a topic was read to its end. */
bool
reads_next(struct sim *w, struct m_topic *t, bool first)
{
	unsigned k;

	if (first) {
		t->read_next = 0;
		t->max_index = UINT64_MAX;
		for (k = 0; k < GROUPS_MAX; k++)
			if (t->groups[k].exists)
				get(w, t, &t->groups[k]);
	} else if (t->n == 0 ||
	    (t->read_next == t->max_index && !t->read_failed))
		return false;
	t->read_failed = false;
	t->max_index = 0;
	read_from(w, t, t->read_next, 0);
	net_late(w);
	return true;
}
