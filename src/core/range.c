/* SPDX-License-Identifier: Apache-2.0 */
/* What a topic has, by index and by time: OP_RANGE, OP_INDEX_AT_TIME. */
#include "core/sub_priv.h"
#include "core/topic_priv.h"

/* --- the ends of a topic ------------------------------------------------------------ */

void
range_put(struct topic *t, struct fx *fx)
{
	fx->min_index = tlog_first_index(t);
	fx->max_index = t->log.next_index;
}

static void
range_end(struct topic *t, struct op **opp, int64_t first_ms)
{
	struct fx *fx = core_answer_new(t->co, *opp, FX_CURSOR);
	uint32_t i;

	range_put(t, fx);
	fx->u64 = fx->max_index;
	fx->first_ms = first_ms;
	for (i = t->log.ledgers_n; i > 0 && fx->last_ms == 0; i--)
		fx->last_ms = t->log.ledgers[i - 1]->info.last_store_ms;
	op_free(opp);
	core_emit(t->co, &fx);
}

static void
range_first(struct topic *t, void *priv, const struct entry *ent)
{
	struct op *op = priv;

	range_end(t, &op, ent != NULL ? ent->attr.store_time_ms : 0);
}

void
range_op(struct topic *t, struct op **opp)
{
	struct op *op = *opp;

	if (!t->name.persistent) {
		core_answer(t->co, opp, ERR_NOT_ALLOWED,
		    "Non-persistent topics have no messages stored");
		return;
	}
	if (tlog_first_index(t) == t->log.next_index) {
		range_end(t, opp, 0);
		return;
	}
	*opp = NULL;
	fetch_entry(t, tlog_first(t), range_first, op);
}

/* --- by time ---------------------------------------------------------------------- */

/* The first message stored at or after a time has this index; UINT64_MAX: there
 * is none. The last one before it is the one in front of it. */
static void
time_end(struct topic *t, struct op **opp, uint64_t index)
{
	struct fx *fx = core_answer_new(t->co, *opp, FX_CURSOR);

	range_put(t, fx);
	if (index > fx->max_index)
		index = fx->max_index;
	if ((*opp)->flag && index > fx->min_index)
		index--;
	fx->u64 = index;
	op_free(opp);
	core_emit(t->co, &fx);
}

static void
time_entry(struct topic *t, void *priv, const struct entry *ent)
{
	struct op *op = priv;

	if (t->state != TOPIC_READY)
		core_answer(t->co, &op, ERR_NOT_READY, NULL);
	else
		time_end(t, &op, ent != NULL ? ent->index : UINT64_MAX);
}

struct timing {
	struct topic *t;
	struct op *op;
};

static void
time_found(void *priv, struct pos p, enum err e)
{
	struct timing *tm = priv;
	struct topic *t = tm->t;
	struct op *op = tm->op;

	mem_free(tm);
	if (e != ERR_OK)
		core_answer(t->co, &op, e, NULL);
	else if (pos_cmp(p, t->log.last) > 0)
		time_end(t, &op, UINT64_MAX);
	else
		fetch_entry(t, p, time_entry, op);
	topic_unpin(t);
}

void
index_at_time(struct topic *t, struct op **opp)
{
	struct op *op = *opp;
	int64_t ms = op->start.time_ms;
	struct timing *tm;

	if (!t->name.persistent) {
		core_answer(t->co, opp, ERR_NOT_ALLOWED,
		    "Non-persistent topics have no messages stored");
		return;
	}
	tm = mem_zalloc(sizeof *tm);
	tm->t = t;
	tm->op = op;
	*opp = NULL;
	topic_pin(t);
	if (op->flag && ms < INT64_MAX)
		ms++; /* in front of the first one that is later */
	tlog_find_time(t, ms, time_found, tm);
}
