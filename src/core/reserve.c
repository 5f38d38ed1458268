/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Indexes given before there is anything to store (OP_RESERVE, OP_FILL): a line
 * of places in the topic, appended in order, each when it has been filled. What
 * is not filled in the end is stored as a marker, so that there is no hole.
 */
#include "core/topic_priv.h"

struct seat {
	int64_t name;
	struct op *fill; /* OP_FILL that has come; NULL: not yet */
};

struct filling { /* an append under way */
	struct topic *t;
	struct op *op;
	uint64_t index; /* that was promised */
	TAILQ_ENTRY(filling) link;
};

struct reserve {
	struct seat *ring; /* power of two */
	uint32_t head, n, cap;
	uint64_t next; /* index of the next one to be given */
	TAILQ_HEAD(, filling) under_way;
	uint32_t under_way_n;
	bool broken; /* one of those failed: next is not right */
};

#define RING_MIN 16u

/* --- the line --------------------------------------------------------------------- */

static struct seat *
at(const struct reserve *rv, uint32_t i)
{
	return &rv->ring[(rv->head + i) & (rv->cap - 1)];
}

static void
grow(struct reserve *rv)
{
	uint32_t cap = rv->cap > 0 ? 2 * rv->cap : RING_MIN, i;
	struct seat *ring = mem_calloc(cap, sizeof *ring);

	for (i = 0; i < rv->n; i++)
		ring[i] = *at(rv, i);
	mem_free(rv->ring);
	rv->ring = ring;
	rv->cap = cap;
	rv->head = 0;
}

/* Names ascend. */
static struct seat *
find(const struct reserve *rv, int64_t name, uint32_t *ip)
{
	uint32_t lo = 0, hi = rv->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (at(rv, mid)->name < name)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ip = lo;
	return lo < rv->n && at(rv, lo)->name == name ? at(rv, lo) : NULL;
}

static uint64_t
next_index(const struct topic *t)
{
	uint64_t n = t->log.next_index;
	uint32_t i;

	for (i = 0; i < t->pending_n; i++)
		n += t->pending[(t->pending_head + i) & (t->pending_cap - 1)]
			 .messages_n;
	for (i = 0; i < t->held.n; i++)
		n += held_at(&t->held, i)->attr.messages_n;
	return n;
}

/* Nobody else appends while places are given: see OP_RESERVE. */
static struct reserve *
line_of(struct topic *t)
{
	struct reserve *rv = t->reserve;

	if (rv == NULL) {
		rv = mem_zalloc(sizeof *rv);
		TAILQ_INIT(&rv->under_way);
		t->reserve = rv;
	}
	if (rv->n == 0 && rv->under_way_n == 0) {
		rv->next = next_index(t);
		rv->broken = false;
	}
	return rv;
}

bool
reserve_any(const struct topic *t)
{
	return t->reserve != NULL &&
	    (t->reserve->n > 0 || t->reserve->under_way_n > 0);
}

/* --- appending -------------------------------------------------------------------- */

/* Those in line can't have the index that they were promised any more. */
void
reserve_fail(struct topic *t, enum err e)
{
	struct reserve *rv = t->reserve;
	struct op *op;

	while (rv != NULL && rv->n > 0) {
		op = at(rv, 0)->fill;
		rv->head = (rv->head + 1) & (rv->cap - 1);
		rv->n--;
		if (op != NULL)
			core_answer(t->co, &op, e, NULL);
	}
}

static void
filled(void *priv, const struct entry_place *place, enum err e)
{
	struct filling *f = priv;
	struct topic *t = f->t;
	struct op *op = f->op;

	if (e == ERR_OK && place->index != f->index)
		e = ERR_CONFLICT;
	TAILQ_REMOVE(&t->reserve->under_way, f, link);
	t->reserve->under_way_n--;
	mem_free(f);
	if (e != ERR_OK) {
		t->reserve->broken = true;
		reserve_fail(t, ERR_CONFLICT);
	}
	core_answer(t->co, &op, e, NULL);
}

static void
append(struct topic *t, struct op *op, uint64_t index)
{
	static const struct attr nothing = { .format = ENTRY_FORMAT_NONE,
		.flags = ATTR_MARKER,
		.messages_n = 1,
		.sequence = -1 };
	struct filling *f = mem_zalloc(sizeof *f);
	struct slice body;

	f->t = t;
	f->op = op;
	f->index = index;
	TAILQ_INSERT_TAIL(&t->reserve->under_way, f, link);
	t->reserve->under_way_n++;
	if (!op->flag) {
		topic_append(t, &op->publish.attr, &op->publish.body,
		    op->publish.flush, filled, f);
		return;
	}
	body = slice_dup(slice_str("-"));
	topic_append(t, &nothing, &body, FLUSH_AS_TOPIC, filled, f);
	slice_unref(&body);
}

static void
run(struct topic *t)
{
	struct reserve *rv = t->reserve;
	struct op *op;

	topic_pin(t);
	while (rv->n > 0 && (op = at(rv, 0)->fill) != NULL) {
		rv->head = (rv->head + 1) & (rv->cap - 1);
		rv->n--;
		append(t, op, rv->next - rv->n - 1);
	}
	topic_unpin(t);
}

/* --- operations --------------------------------------------------------------------- */

void
reserve_op(struct topic *t, struct op **opp)
{
	struct reserve *rv;
	struct seat *p;
	struct fx *fx;

	if (!t->name.persistent || t->terminated) {
		core_answer(t->co, opp,
		    t->terminated ? ERR_TOPIC_TERMINATED : ERR_NOT_ALLOWED,
		    NULL);
		return;
	}
	rv = line_of(t);
	if (t->producers_n > 0 || rv->broken ||
	    rv->n + rv->under_way_n >= t->co->conf.max_pending_publishes / 2) {
		core_answer(t->co, opp, ERR_BUSY, NULL);
		return;
	}
	topic_touch(t);
	if (rv->n == rv->cap)
		grow(rv);
	p = at(rv, rv->n++);
	*p = (struct seat){ .name = (int64_t)++t->co->reserve_seq };
	fx = core_answer_new(t->co, *opp, FX_CURSOR);
	fx->u64 = rv->next++;
	fx->i64 = p->name;
	fx->min_index = tlog_first_index(t);
	fx->max_index = t->log.next_index;
	t->just_created = false;
	op_free(opp);
	core_emit(t->co, &fx);
}

void
fill_op(struct topic *t, struct op **opp)
{
	struct reserve *rv = t->reserve;
	struct seat *p = NULL;
	uint32_t i = 0;

	if (rv != NULL)
		p = find(rv, (int64_t)(*opp)->u64, &i);
	if (p == NULL || p->fill != NULL) {
		core_answer(t->co, opp, ERR_CONFLICT, NULL);
		return;
	}
	topic_touch(t);
	if ((*opp)->flag && i == rv->n - 1) {
		/* nobody was given one behind it */
		rv->n--;
		rv->next--;
		core_answer(t->co, opp, ERR_OK, NULL);
		return;
	}
	p->fill = *opp;
	*opp = NULL;
	run(t);
}

void
reserve_fini(struct topic *t)
{
	struct reserve *rv = t->reserve;
	struct filling *f;
	uint32_t i;

	if (rv == NULL)
		return;
	for (i = 0; i < rv->n; i++)
		if (at(rv, i)->fill != NULL)
			op_free(&at(rv, i)->fill);
	while ((f = TAILQ_FIRST(&rv->under_way)) != NULL) {
		TAILQ_REMOVE(&rv->under_way, f, link);
		op_free(&f->op);
		mem_free(f);
	}
	mem_free(rv->ring);
	MEM_FREE(t->reserve);
}
