/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A topic leaves: unloaded (everything is on disk already but what cursors have
 * not pushed) or deleted. Steps, each when the one before has ended: clients are
 * told, appends and a roll under way end, cursors are flushed or the commit that
 * forgets the topic is made, memory goes.
 */
#include "core/authz_priv.h"
#include "core/cursor.h"
#include "core/leasing.h"
#include "core/reads.h"
#include "core/delay.h"
#include "core/stage.h"
#include "core/sub_priv.h"
#include "core/pubrate.h"
#include "core/topic_priv.h"

struct topic_close {
	unsigned magic;
#define TOPIC_CLOSE_MAGIC 0x70bc105e
	struct op *op; /* answered at the end; NULL: nobody asked */
	enum {
		CLOSE_DRAIN,
		CLOSE_FLUSH,
		CLOSE_COMMIT
	} step;
	uint32_t flushing_n;
};

bool
topic_is_idle(const struct topic *t)
{
	const struct sub *s;

	if (t->stage != NULL || t->producers_n > 0 || t->consumers_n > 0 ||
	    t->pins > 0 || t->pending_n > 0 || t->held.n > 0 ||
	    pubrate_late_n(t) > 0 || tlog_is_busy(t) || reads_any(t) ||
	    claims_any(t) || reserve_any(t))
		return false;
	TAILQ_FOREACH(s, &t->subs, link)
		if (leasing_waits(s))
			return false;
	/* a non-persistent topic's subscriptions are nowhere else */
	return t->name.persistent || t->subs_n == 0;
}

bool
topic_is_unused(const struct topic *t)
{
	/* one with a retention of its own was made to keep what it has */
	return topic_is_idle(t) && t->subs_n == 0 && !t->own.has_ms &&
	    !t->own.has_bytes;
}

static void
close_start(
    struct topic *t, enum topic_state state, struct op **opp, enum err why)
{
	struct topic_close *cl;
	struct sub *s;

	assert(t->state == TOPIC_READY);
	AZ(t->close);
	ALLOC_OBJ(cl, TOPIC_CLOSE_MAGIC);
	if (opp != NULL) {
		cl->op = *opp;
		*opp = NULL;
	}
	t->close = cl;
	t->state = state;
	timer_cancel(t->co->timers, &t->idle_timer);
	topic_pin(t);
	topic_disconnect(t, why);
	reads_end(t, why);
	reserve_fail(t, why);
	TAILQ_FOREACH(s, &t->subs, link)
		leasing_fail(s, why);
	publish_fail_held(t, why);
	if (timer_is_set(&t->log.retry)) {
		timer_cancel(t->co->timers, &t->log.retry);
		t->log.rolling = false;
	}
	topic_close_step(t);
	topic_unpin(t);
}

void
topic_unload(struct topic *t, struct op **opp, enum err why)
{
	close_start(t, TOPIC_CLOSING, opp, why);
}

void
topic_close_drop(struct topic *t)
{
	if (t->close == NULL)
		return;
	if (t->close->op != NULL)
		op_free(&t->close->op);
	FREE_OBJ(t->close);
}

/* --- the end ---------------------------------------------------------------------- */

static void
answer(struct topic *t, enum err e, const char *diag)
{
	struct topic_close *cl = t->close;

	if (cl->op != NULL)
		core_answer(t->co, &cl->op, e, diag);
	FREE_OBJ(t->close);
}

static void
gone(struct topic *t, bool del)
{
	struct ledgers *lgs = t->co->ledgers;
	struct sub *s;
	uint64_t id;
	bool durable;

	topic_pin(t);
	if (t->stage != NULL)
		stage_log_gone(t->stage);
	delay_free(t);
	while ((s = TAILQ_FIRST(&t->subs)) != NULL) {
		id = s->journal_id;
		durable = s->durable && t->name.persistent;
		sub_free(&s);
		if (del && durable)
			lgs->ops->journal_del(lgs, id);
	}
	readers_end(t);
	tlog_finds_end(t, ERR_NOT_READY, false);
	tlog_release(t, del);
	if (del)
		topic_changed(t->co, t->name.full, false);
	answer(t, ERR_OK, NULL);
	topic_leave(t);
	topic_unpin(t);
}

/* --- unload: cursors ------------------------------------------------------------------- */

static void
flushed(void *priv, enum err e)
{
	struct topic *t;

	/* What could not be written comes again after the restart, as after a
	 * crash: there is nothing better to do with it. */
	(void)e;
	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	if (t->close == NULL)
		return;
	AN(t->close->flushing_n);
	if (--t->close->flushing_n == 0)
		gone(t, false);
}

static void
synced(void *priv)
{
	(void)priv;
}

static void
flush(struct topic *t)
{
	struct ledgers *lgs = t->co->ledgers;
	struct sub *s, *next;

	t->close->step = CLOSE_FLUSH;
	t->close->flushing_n = 1;
	topic_pin(t);
	for (s = TAILQ_FIRST(&t->subs); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		if (!s->durable || s->cur == NULL || s->opening)
			continue;
		t->close->flushing_n++;
		cursor_flush(s->cur, flushed, t);
	}
	/* acks that nobody waits for are written, but synced at leisure */
	if (t->close->flushing_n > 1)
		lgs->ops->flush(lgs, synced, NULL);
	flushed(t, ERR_OK);
	topic_unpin(t);
}

/* --- delete: metadata ---------------------------------------------------------------------- */

static void
grants_gone(void *priv)
{
	struct topic *t;

	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	gone(t, true);
	topic_unpin(t);
}

static void
deleted(void *priv, enum err e)
{
	struct topic *t;

	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	if (e == ERR_OK) {
		authz_topic_gone(t->co, &t->name, grants_gone, t);
		return;
	}
	/* as it was, but for its clients, who come back by themselves */
	t->state = TOPIC_READY;
	tlog_resume(t);
	answer(t, ERR_METADATA, "Failed to delete the topic's metadata");
	topic_idle_start(t);
	topic_unpin(t);
}

static void
forget(struct topic *t)
{
	struct meta *meta = t->co->meta;
	struct meta_txn *tx = meta_txn_new();
	uint8_t key[META_KEY_MAX];
	const struct tlog *log = &t->log;
	struct sub *s;
	size_t len;
	uint32_t i;

	t->close->step = CLOSE_COMMIT;
	len = key_topic(key, &t->name);
	meta_txn_del(tx, key, len);
	len = key_subs(key, &t->name);
	meta_txn_del_prefix(tx, key, len);
	for (i = 0; i < log->ledgers_n; i++)
		tlog_bury(tx, log->ledgers[i]->info.id);
	for (i = 0; i < log->dead_n; i++)
		tlog_bury(tx, log->dead[i]);
	TAILQ_FOREACH(s, &t->subs, link) {
		if (!s->durable)
			continue;
		len = meta_key_id(key, META_DEAD_JOURNAL, s->journal_id);
		meta_txn_put(tx, key, len, "", 0);
	}
	topic_pin(t);
	/* before: without it entries are met by whoever reads them, but another
	 * topic of the name is not to find it */
	delay_forget(t);
	meta->ops->commit(meta, &tx, deleted, t);
}

/* --- steps ----------------------------------------------------------------------------------- */

void
topic_close_step(struct topic *t)
{
	struct topic_close *cl = t->close;

	if (cl == NULL || cl->step != CLOSE_DRAIN)
		return;
	if (t->pending_n > 0 || tlog_is_busy(t))
		return;
	if (!t->name.persistent)
		gone(t, t->state == TOPIC_DELETING);
	else if (t->state == TOPIC_DELETING)
		forget(t);
	else
		flush(t);
}

/* --- deleting ---------------------------------------------------------------------------------- */

void
topic_delete(struct topic *t, struct op **opp)
{
	struct core *co = t->co;
	bool force = (*opp)->flag;

	/* subscriptions that nobody is connected to go with it */
	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	if (t->stage != NULL) {
		core_answer(
		    co, opp, ERR_NOT_ALLOWED, "Entries are staged here");
		return;
	}
	if (!force && (t->producers_n > 0 || t->consumers_n > 0)) {
		core_answer(co, opp, ERR_PRECONDITION,
		    "Topic has active producers/subscriptions");
		return;
	}
	close_start(t, TOPIC_DELETING, opp, ERR_NO_TOPIC);
}

void
topic_delete_unused(struct topic *t)
{
	close_start(t, TOPIC_DELETING, NULL, ERR_NO_TOPIC);
}
