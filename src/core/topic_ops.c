/* SPDX-License-Identifier: Apache-2.0 */
/* Ops that name a topic. */
#include "core/cursor.h"
#include "core/reads.h"
#include "core/sub_priv.h"
#include "core/topic_priv.h"

static void
touch(struct topic *t, struct op **opp)
{
	core_answer(t->co, opp, ERR_OK, NULL);
}

static void
made(struct topic *t, struct op **opp)
{
	if (!t->just_created) {
		core_answer(
		    t->co, opp, ERR_EXISTS, "This topic already exists");
		return;
	}
	t->just_created = false; /* a second op finds it */
	core_answer(t->co, opp, ERR_OK, NULL);
}

static void
unload(struct topic *t, struct op **opp)
{
	if (t->stage != NULL)
		core_answer(
		    t->co, opp, ERR_NOT_ALLOWED, "Entries are staged here");
	else
		topic_unload(t, opp, ERR_NOT_READY);
}

static void
last_id(struct topic *t, struct op **opp)
{
	if (!t->name.persistent)
		core_answer(t->co, opp, ERR_NOT_ALLOWED,
		    "Non-persistent topics have no last message id");
	else
		fetch_last_id(t, opp, NULL);
}

/* --- terminate -------------------------------------------------------------------- */

static void
terminated(struct topic *t, enum err e)
{
	struct fx *fx;
	struct sub *s, *next;
	struct producer *pr;

	if (e != ERR_OK) {
		core_answer(t->co, &t->terminate, ERR_METADATA,
		    "Failed to terminate the topic");
		return;
	}
	fx = core_answer_new(t->co, t->terminate, FX_LAST_ID);
	fx->pos = t->terminated_pos;
	fx->pos2 = POS_NONE;
	core_emit(t->co, &fx);
	op_free(&t->terminate);
	publish_fail_held(t, ERR_TOPIC_TERMINATED);
	/* As in Pulsar: their clients are refused when they come back. A SEND that
	 * failed would cost C++ clients the connection. */
	while ((pr = LIST_FIRST(&t->producers)) != NULL)
		producer_close(pr, ERR_TOPIC_TERMINATED);
	for (s = TAILQ_FIRST(&t->subs); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		sub_check_end(s, NULL);
	}
}

static void
terminate(struct topic *t, struct op **opp)
{
	struct fx *fx;

	if (!t->name.persistent) {
		core_answer(t->co, opp, ERR_NOT_ALLOWED,
		    "Termination of a non-persistent topic is not allowed");
		return;
	}
	if (t->terminate != NULL) {
		core_answer(
		    t->co, opp, ERR_NOT_READY, "Topic is being terminated");
		return;
	}
	if (t->terminated) { /* as often as one likes */
		fx = core_answer_new(t->co, *opp, FX_LAST_ID);
		fx->pos = t->terminated_pos;
		fx->pos2 = POS_NONE;
		core_emit(t->co, &fx);
		op_free(opp);
		return;
	}
	t->terminate = *opp;
	*opp = NULL;
	tlog_end(t, terminated);
}

/* --- read --------------------------------------------------------------------------- */

static void
read_done(struct topic *t, void *priv, const struct entry *ent)
{
	struct op *op = priv;
	struct fx *fx;

	if (ent == NULL ||
	    (op->start.kind == START_POS && !pos_eq(ent->pos, op->start.pos))) {
		core_answer(t->co, &op, ERR_NO_MESSAGE, "Message not found");
		return;
	}
	fx = core_answer_new(t->co, op, FX_ENTRY);
	fx->ent = *ent;
	fx->ent.locator = tlog_locator(t, ent);
	fx->ent.body = slice_ref(ent->body);
	core_emit(t->co, &fx);
	op_free(&op);
}

static void
read_found(struct topic *t, void *priv, const struct entry *ent, enum err e)
{
	struct op *op = priv;

	if (e != ERR_OK)
		core_answer(t->co, &op, e, NULL);
	else if (ent != NULL && ent->index > op->u64)
		read_done(t, op, NULL); /* lost */
	else
		read_done(t, op, ent);
}

/* A locator names a ledger; what it means there is an index. */
static bool
index_of_locator(const struct topic *t, uint64_t locator, uint64_t *index)
{
	const struct tledger *tl = tlog_find(t, locator_ledger(locator));

	if (tl == NULL)
		return false;
	*index = tl->info.first_index + locator_distance(locator);
	return *index < tl->info.next_index;
}

static void
read_one(struct topic *t, struct op **opp)
{
	struct op *op = *opp;

	if (!t->name.persistent) {
		core_answer(t->co, opp, ERR_NOT_ALLOWED,
		    "GetMessageById on a non-persistent topic is not allowed");
		return;
	}
	if (op->start.kind == START_POS &&
	    tlog_find(t, op->start.pos.ledger) != NULL) {
		*opp = NULL;
		fetch_entry(t, op->start.pos, read_done, op);
		return;
	}
	if (op->start.kind == START_POS ||
	    (op->flag && !index_of_locator(t, op->u64, &op->u64)) ||
	    op->u64 < tlog_first_index(t) || op->u64 >= t->log.next_index) {
		core_answer(t->co, opp, ERR_NO_MESSAGE, "Message not found");
		return;
	}
	*opp = NULL;
	fetch_index(t, op->u64, read_found, op);
}

/* --- which ---------------------------------------------------------------------------- */

static const struct {
	topic_go_f *go;
	enum topic_create create;
} table[OP_TYPES_N] = {
	[OP_TOPIC_TOUCH] = { touch, TOPIC_AUTO },
	[OP_PRODUCER_OPEN] = { producer_open, TOPIC_AUTO },
	[OP_SUBSCRIBE] = { sub_subscribe, TOPIC_AUTO },
	[OP_TOPIC_CREATE] = { made, TOPIC_CREATE },
	[OP_TOPIC_DELETE] = { topic_delete, TOPIC_FIND },
	[OP_TOPIC_UNLOAD] = { unload, TOPIC_FIND },
	[OP_TOPIC_TERMINATE] = { terminate, TOPIC_FIND },
	[OP_TOPIC_LAST_ID] = { last_id, TOPIC_FIND },
	[OP_TOPIC_STATS] = { topic_stats_op, TOPIC_FIND },
	[OP_SUB_LIST] = { sub_op, TOPIC_FIND },
	[OP_SUB_CREATE] = { sub_op, TOPIC_AUTO },
	[OP_SUB_DELETE] = { sub_op, TOPIC_FIND },
	[OP_SUB_SKIP] = { sub_op, TOPIC_FIND },
	[OP_SUB_RESET] = { sub_op, TOPIC_FIND },
	[OP_SUB_EXPIRE] = { sub_op, TOPIC_FIND },
	[OP_SUB_PEEK] = { sub_op, TOPIC_FIND },
	[OP_READ] = { read_one, TOPIC_FIND },
	[OP_READ_AT] = { read_at, TOPIC_FIND },
	[OP_CURSOR_GET] = { sub_op, TOPIC_FIND },
	[OP_CURSOR_SET] = { sub_op, TOPIC_FIND },
	[OP_CURSOR_CLAIM] = { sub_claim, TOPIC_FIND },
	[OP_LEASE] = { sub_op, TOPIC_FIND },
	[OP_LEASE_END] = { sub_op, TOPIC_FIND },
	[OP_LEASE_EXTEND] = { sub_op, TOPIC_FIND },
	[OP_RANGE] = { range_op, TOPIC_FIND },
	[OP_QUERY] = { query_op, TOPIC_FIND },
	[OP_INDEX_AT_TIME] = { index_at_time, TOPIC_FIND },
	[OP_RESERVE] = { reserve_op, TOPIC_CREATE },
	[OP_FILL] = { fill_op, TOPIC_FIND },
};

void
topic_op(struct core *co, struct op **opp)
{
	const struct op *op = *opp;
	enum topic_create create = table[op->type].create;

	AN(table[op->type].go);
	if (op->type == OP_SUBSCRIBE && !op->subscribe.create_topic)
		create = TOPIC_FIND;
	topic_with(co, opp, create, table[op->type].go);
}
