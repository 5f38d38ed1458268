/* SPDX-License-Identifier: Apache-2.0 */
/* Ops on what is staged: found by locator or by hash, resolved, taken back. */
#include "core/stage_priv.h"

#define FOUND_MAX 64u

/* --- one by its locator ------------------------------------------------------------ */

/* Its envelope was read (ent NULL: it can't be); the job goes on. */
typedef void with_env_f(
    struct stage_job *, const struct stage_env *, const struct entry *);

static with_env_f get_it, resolve, again;

static with_env_f *
what(const struct stage_job *j)
{
	switch (j->op->type) {
	case OP_STAGE_GET:
		return get_it;
	case OP_STAGE_AGAIN:
		return again;
	default:
		return resolve;
	}
}

static void
no_message(struct stage_job *j)
{
	stage_job_answer(j, ERR_NO_MESSAGE, "Entry is not staged");
}

/* Who asks without a target asks a shard for whatever it has staged. */
static bool
is_target(const struct stage_job *j, const struct stage_env *e)
{
	return j->op->topic.len == 0 || str_eq(e->target, j->op->topic);
}

static void
fetched(struct topic *t, void *priv, const struct entry *ent)
{
	struct stage_job *j;
	struct stage_env e;

	CAST_OBJ_NOTNULL(j, priv, STAGE_JOB_MAGIC);
	if (j->st->stopped)
		return;
	if (t->state != TOPIC_READY) { /* its log leaves memory */
		stage_job_answer(j, ERR_NOT_READY, NULL);
		return;
	}
	if (ent == NULL || !pos_eq(ent->pos, j->pos) ||
	    !stage_is_staged(j->log, j->pos)) {
		no_message(j);
		return;
	}
	if (!stage_env_read(&e, ent->body)) {
		stage_job_answer(j, ERR_CORRUPT, NULL);
		return;
	}
	if (!is_target(j, &e)) {
		stage_job_answer(
		    j, ERR_INVALID_ARG, "Entry is staged for another topic");
		return;
	}
	j->it = stage_item(&e, j->it.at, ent->attr.store_time_ms);
	what(j)(j, &e, ent);
}

/* Nobody else has to do with it until the job ends. */
static bool
hold(struct stage_job *j)
{
	if (umap_get(&j->st->busy, j->it.at) != NULL)
		return false;
	if (umap_add(&j->st->busy, j->it.at, j) != ERR_OK)
		WRONG("as many as ops under way");
	j->held = true;
	return true;
}

static void
by_locator(struct core *co, struct op **opp)
{
	bool opening = false, may;
	struct stage_log *l = NULL;
	struct stage_job *j;
	struct stage *st;

	LIST_FOREACH(st, &co->stages, link) {
		l = stage_log_of(st, (*opp)->u64, &may);
		if (l != NULL)
			break;
		opening |= may;
	}
	j = stage_job_new(l != NULL ? st : co->stage, opp);
	j->log = l;
	j->it.at = j->op->u64;
	j->pos = stage_pos(j->it.at);
	if (j->log == NULL && opening)
		stage_job_answer(j, ERR_NOT_READY, NULL);
	else if (j->log == NULL || !stage_is_staged(j->log, j->pos))
		no_message(j);
	else if (j->op->type != OP_STAGE_GET && !hold(j))
		stage_job_answer(
		    j, ERR_BUSY, "Somebody else has to do with the entry");
	else
		fetch_entry(j->log->t, j->pos, fetched, j);
}

static void
get_it(struct stage_job *j, const struct stage_env *e, const struct entry *ent)
{
	const struct stage_known *k = umap_get(&j->st->known, j->it.at);
	struct fx *fx = core_answer_new(j->st->co, j->op, FX_ENTRY);

	stage_fx_fill(fx, e, k != NULL ? &k->it : &j->it, ent);
	core_emit(j->st->co, &fx);
	stage_job_end(&j);
}

static void
again(struct stage_job *j, const struct stage_env *e, const struct entry *ent)
{
	const struct stage_known *k = umap_get(&j->st->known, j->it.at);
	struct due_item it;

	(void)e;
	(void)ent;
	if (k == NULL || !k->notified) {
		stage_job_answer(j, ERR_INVALID_STATE,
		    "Entry is not due, or its due time is not answered");
		return;
	}
	if (j->op->due_ms <= 0) {
		stage_job_answer(j, ERR_INVALID_ARG, NULL);
		return;
	}
	it = k->it;
	stage_due_again(j->st, &it, j->op->due_ms);
	stage_job_answer(j, ERR_OK, NULL);
}

/* --- the end of one -------------------------------------------------------------------- */

static void
resolved(void *priv, enum err e)
{
	struct stage_job *j;
	struct core *co;

	CAST_OBJ_NOTNULL(j, priv, STAGE_JOB_MAGIC);
	if (j->st->stopped)
		return;
	co = j->st->co;
	if (e != ERR_OK) {
		stage_job_answer(j, e, NULL);
		return;
	}
	core_emit(co, &j->fx);
	stage_job_end(&j);
}

/* It is staged no more; the answer goes when that is durable. */
static void
end(struct stage_job *j)
{
	struct cursor *cur = j->log->s->cur;

	(void)cursor_ack(cur, j->pos, 1);
	stage_unindex(j->st, &j->it);
	cursor_flush(cur, resolved, j);
}

static size_t
rider(void *priv, struct journal **jo, uint8_t delta[static RIDER_MAX])
{
	struct stage_job *j;

	CAST_OBJ_NOTNULL(j, priv, STAGE_JOB_MAGIC);
	if (j->op->flag2) /* it stays staged */
		return 0;
	return stage_ack_delta(j->log, j->it.at, jo, delta);
}

static void
in_target(void *priv, const struct entry_place *at, enum err e)
{
	struct stage_job *j;
	struct fx *fx;

	CAST_OBJ_NOTNULL(j, priv, STAGE_JOB_MAGIC);
	if (e != ERR_OK) {
		stage_job_answer(j, e, NULL);
		return;
	}
	if (j->log->s == NULL) {
		/* appended; its log has left memory */
		stage_job_answer(j, ERR_NOT_READY, NULL);
		return;
	}
	fx = core_answer_new(j->st->co, j->op, FX_STAGED);
	fx->u64 = at->locator;
	fx->pos = at->pos;
	fx->ent.index = at->index;
	fx->i64 = at->store_time_ms;
	if (j->op->flag2) {
		core_emit(j->st->co, &fx);
		stage_job_end(&j);
		return;
	}
	j->fx = fx;
	j->st->st.resolved++;
	end(j);
}

static void
resolve(struct stage_job *j, const struct stage_env *e, const struct entry *ent)
{
	struct core *co = j->st->co;
	struct topic *t;

	if (!j->op->flag) {
		t = topic_find(co, e->target);
		if (t == NULL)
			stage_job_answer(j, ERR_NOT_READY, NULL);
		else if (j->op->publish.attr.messages_n == 0)
			stage_job_answer(j, ERR_INVALID_ARG, NULL);
		else if (!topic_has_room(t))
			stage_job_answer(j, ERR_BUSY, NULL);
		else
			topic_append_with(t, &j->op->publish.attr,
			    &j->op->publish.body, rider, in_target, j);
		return;
	}
	j->fx = core_answer_new(co, j->op, FX_STAGED);
	j->fx->u64 = j->it.at;
	j->fx->pos = j->pos;
	j->fx->ent.index = ent->index;
	j->fx->i64 = ent->attr.store_time_ms;
	j->st->st.resolved++;
	end(j);
}

/* --- recall ------------------------------------------------------------------------------ */

static void recall_next(struct stage_job *);
static due_found_f recall_found;

static void
recall_fetched(struct topic *t, void *priv, const struct entry *ent)
{
	struct stage_job *j;
	struct stage_env e;

	CAST_OBJ_NOTNULL(j, priv, STAGE_JOB_MAGIC);
	if (j->st->stopped)
		return;
	if (t->state != TOPIC_READY) {
		stage_job_answer(j, ERR_NOT_READY, NULL);
		return;
	}
	if (ent == NULL || !pos_eq(ent->pos, j->pos) ||
	    !stage_is_staged(j->log, j->pos) ||
	    !stage_env_read(&e, ent->body) || !is_target(j, &e) ||
	    !str_eq(e.owner, j->op->text)) {
		(void)umap_del(&j->st->busy, j->it.at);
		j->held = false;
		stage_kick(j->st);
		recall_next(j);
		return;
	}
	j->fx = core_answer_new(j->st->co, j->op, FX_ENTRY);
	stage_fx_fill(j->fx, &e, &j->it, ent);
	j->st->st.recalled++;
	end(j);
}

static void
recall_next(struct stage_job *j)
{
	struct stage *next;
	bool opening;

	while (j->found_n > 0) {
		j->it = j->found[--j->found_n];
		j->pos = stage_pos(j->it.at);
		j->log = stage_log_of(j->st, j->it.at, &opening);
		if (j->log == NULL || !stage_is_staged(j->log, j->pos) ||
		    !hold(j))
			continue;
		fetch_entry(j->log->t, j->pos, recall_fetched, j);
		return;
	}
	next = LIST_NEXT(j->st, link);
	if (next == NULL) {
		no_message(j);
		return;
	}
	/* of a shard that is no more */
	LIST_REMOVE(j, link);
	j->st = next;
	LIST_INSERT_HEAD(&next->jobs, j, link);
	due_find(next->due, j->op->due_ms, j->op->u64, recall_found, j);
}

static void
recall_found(void *priv, const struct due_item *it)
{
	struct stage_job *j;

	CAST_OBJ_NOTNULL(j, priv, STAGE_JOB_MAGIC);
	if (j->st->stopped)
		return;
	if (it == NULL)
		recall_next(j);
	else if (j->found_n < FOUND_MAX)
		j->found[j->found_n++] = *it;
}

static void
recall(struct core *co, struct op **opp)
{
	struct stage *st = LIST_FIRST(&co->stages);
	struct stage_job *j = stage_job_new(st, opp);

	if (j->op->u64 == 0 || j->op->due_ms <= 0) {
		stage_job_answer(j, ERR_INVALID_ARG, NULL);
		return;
	}
	j->found = mem_calloc(FOUND_MAX, sizeof *j->found);
	due_find(st->due, j->op->due_ms, j->op->u64, recall_found, j);
}

/* --- which --------------------------------------------------------------------------------- */

static void
with_target(struct topic *t, struct op **opp)
{
	by_locator(t->co, opp);
}

static void
count(struct stage *st, struct op **opp)
{
	struct fx *fx = core_answer_new(st->co, *opp, FX_DONE);
	uint64_t h = stage_target_hash((*opp)->topic);
	struct stage *s;

	LIST_FOREACH(s, &st->co->stages, link)
		fx->u64 += due_count(s->due, h);
	op_free(opp);
	core_emit(st->co, &fx);
}

void
stage_op_now(struct stage *st, struct op **opp)
{
	switch ((*opp)->type) {
	case OP_STAGE:
		topic_with(st->co, opp, TOPIC_AUTO, stage_entry);
		break;
	case OP_STAGE_RESOLVE:
		if (!(*opp)->flag) {
			topic_with(st->co, opp, TOPIC_FIND, with_target);
			break;
		}
		by_locator(st->co, opp);
		break;
	case OP_STAGE_AGAIN:
	case OP_STAGE_GET:
		by_locator(st->co, opp);
		break;
	case OP_STAGE_RECALL:
		recall(st->co, opp);
		break;
	case OP_STAGE_COUNT:
		count(st, opp);
		break;
	default:
		WRONG("not an op on what is staged");
	}
}
