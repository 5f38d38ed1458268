/* SPDX-License-Identifier: Apache-2.0 */
/* OP_SUB_*: what the admin does to subscriptions. */
#include "core/leasing.h"
#include "core/cursor_priv.h"
#include "core/sub_priv.h"
#include "core/topic_priv.h"

struct waiting { /* an op whose answer comes later */
	struct topic *t;
	struct op *op;
	unsigned n; /* steps to go */
	enum err err;
};

static struct waiting *
wait_new(struct topic *t, struct op **opp)
{
	struct waiting *w = mem_zalloc(sizeof *w);

	w->t = t;
	w->op = *opp;
	*opp = NULL;
	topic_pin(t);
	return w;
}

static void
wait_end(struct waiting *w, enum err e, const char *diag)
{
	struct topic *t = w->t;

	core_answer(t->co, &w->op, e, diag);
	mem_free(w);
	topic_unpin(t);
}

static void
list(struct topic *t, struct op **opp)
{
	struct fx *fx = core_answer_new(t->co, *opp, FX_STRINGS);
	struct sub *s;

	fx->strings = fx_mem(fx, (t->subs_n + 1) * sizeof *fx->strings);
	TAILQ_FOREACH(s, &t->subs, link)
		if (!s->opening)
			fx->strings[fx->strings_n++] =
			    fx_str(fx, str_of(s->name));
	core_emit(t->co, &fx);
	op_free(opp);
}

/* --- create --------------------------------------------------------------------------- */

static void
create_ready(void *priv, struct sub *s, enum err e)
{
	(void)s;
	wait_end(priv, e, NULL);
}

static void
create_at(void *priv, struct pos first, enum err e)
{
	struct waiting *w = priv;
	struct topic *t = w->t;
	struct op *op = w->op;

	if (e == ERR_OK && t->state != TOPIC_READY)
		e = ERR_NOT_READY;
	if (e == ERR_OK && sub_find_any(t, op->sub) != NULL)
		e = ERR_EXISTS;
	if (e != ERR_OK) {
		wait_end(w, e, NULL);
		return;
	}
	op->start.kind = START_POS;
	op->start.pos = first;
	op->start.inclusive = true;
	sub_create(t, op->sub, &op->start, op->props, op->props_n,
	    op->flag2 ? SUB_REPLICATED : 0, create_ready, w);
}

static void
create(struct topic *t, struct op **opp)
{
	struct op *op = *opp;
	struct waiting *w;

	if (!t->name.persistent) {
		core_answer(t->co, opp, ERR_NOT_ALLOWED,
		    "Create subscription on non-persistent topic can only be done through client");
		return;
	}
	if (op->sub.len == 0) {
		core_answer(
		    t->co, opp, ERR_PRECONDITION, "Empty subscription name");
		return;
	}
	if (topic_reaches(t, LIM_MAX_SUBS, t->subs_n)) {
		core_answer(t->co, opp, ERR_PRECONDITION,
		    "Exceed the maximum number of subscriptions of the topic");
		return;
	}
	w = wait_new(t, opp);
	if (op->start.kind == START_TIME)
		tlog_find_time(t, op->start.time_ms, create_at, w);
	else
		sub_create(t, op->sub, &op->start, op->props, op->props_n,
		    op->flag2 ? SUB_REPLICATED : 0, create_ready, w);
}

/* --- delete --------------------------------------------------------------------------- */

static void
delete_done(void *priv, enum err e)
{
	wait_end(priv, e, NULL);
}

static void delete (struct sub *s, struct op **opp)
{
	if (s->consumers_n > 0 && !(*opp)->flag) {
		core_answer(s->t->co, opp, ERR_SUBSCRIPTION_BUSY,
		    "Subscription has active connected consumers");
		return;
	}
	sub_delete(s, delete_done, wait_new(s->t, opp));
}

/* --- skip ------------------------------------------------------------------------------- */

/* Position of the nth entry (from 1) that is not acked; false: there are fewer. */
static bool
nth_unacked(const struct sub *s, uint64_t n, struct pos *out)
{
	struct topic *t = s->t;
	struct pos p = cursor_skip(s->cur, tlog_first(t)), stop, a, end;
	uint64_t run;

	while (n > 0 && pos_cmp(p, t->log.last) <= 0) {
		/* a run of unacked ones up to the next acked one, the end of the
		 * ledger, or the end of the log */
		end = t->log.last;
		stop = p;
		if (posset_next(&s->cur->acked, p, &a) && a.ledger == p.ledger)
			stop.entry = a.entry - 1;
		else if (p.ledger == end.ledger)
			stop.entry = end.entry;
		else
			stop.entry = INT64_MAX;
		run = tlog_entries(
		    t, (struct pos){ p.ledger, p.entry - 1 }, stop);
		if (run >= n) {
			p.entry += (int64_t)n - 1;
			*out = p;
			return true;
		}
		n -= run;
		stop = p;
		stop.entry += (int64_t)(run > 0 ? run : 1) - 1;
		p = cursor_skip(s->cur, tlog_next(t, stop));
	}
	return false;
}

static void
after_ack(struct sub *s)
{
	sub_leases_acked(s);
	sub_check_end(s, NULL);
	sub_kick(s);
}

static void
skip(struct sub *s, struct op **opp)
{
	struct topic *t = s->t;
	uint64_t n = (*opp)->u64;
	struct pos p = t->log.last;
	struct fx *fx;

	if (n > 0 && n < cursor_backlog_entries(s->cur) &&
	    !nth_unacked(s, n, &p))
		p = t->log.last;
	if (n > 0)
		(void)cursor_ack_cumulative(s->cur, p, NULL, 0, 0);
	fx = core_answer_new(t->co, *opp, FX_DONE);
	cursor_when_durable(s->cur, &fx);
	op_free(opp);
	after_ack(s);
}

/* --- expire ----------------------------------------------------------------------------- */

struct expiry {
	struct topic *t;
	char *name;
	void (*done)(void *priv, enum err);
	void *priv;
};

static void
expire_found(void *priv, struct pos first, enum err e)
{
	struct expiry *ex = priv;
	struct topic *t = ex->t;
	struct sub *s = sub_find(t, str_of(ex->name));
	uint64_t was;
	struct pos p;

	if (t->state != TOPIC_READY)
		e = ERR_NOT_READY;
	else if (s == NULL || s->fenced)
		e = ERR_NO_SUBSCRIPTION;
	if (e == ERR_OK) {
		p = tlog_prev(t, first);
		was = cursor_backlog(s->cur);
		(void)cursor_ack_cumulative(s->cur, p, NULL, 0, 0);
		cursor_push(s->cur);
		if (was > cursor_backlog(s->cur))
			s->expired += was - cursor_backlog(s->cur);
		s->last_expire_ms = t->co->now_ms;
		after_ack(s);
	}
	if (ex->done != NULL)
		ex->done(ex->priv, e);
	mem_free(ex->name);
	mem_free(ex);
	topic_unpin(t);
}

void
sub_expire(struct sub *s, int64_t before_ms, void (*done)(void *priv, enum err),
    void *priv)
{
	struct expiry *ex;

	CHECK_OBJ_NOTNULL(s, SUB_MAGIC);
	if (s->cur == NULL || s->opening || s->fenced ||
	    cursor_backlog_entries(s->cur) == 0) {
		if (done != NULL)
			done(priv, ERR_OK);
		return;
	}
	ex = mem_zalloc(sizeof *ex);
	ex->t = s->t;
	ex->name = mem_strdup(s->name);
	ex->done = done;
	ex->priv = priv;
	topic_pin(s->t);
	tlog_find_time(s->t, before_ms, expire_found, ex);
}

static void
expired(void *priv, enum err e)
{
	struct waiting *w = priv;

	if (e != ERR_OK)
		w->err = e;
	if (--w->n == 0)
		wait_end(w, w->err, NULL);
}

static void
expire(struct topic *t, struct sub *only, struct op **opp)
{
	int64_t before = t->co->now_ms;
	struct waiting *w;
	struct sub *s;

	if ((*opp)->u64 > INT64_MAX / 1000) {
		core_answer(t->co, opp, ERR_INVALID_ARG, NULL);
		return;
	}
	before -= (int64_t)(*opp)->u64 * 1000;
	w = wait_new(t, opp);
	w->n = 1;
	TAILQ_FOREACH(s, &t->subs, link)
		if (only == NULL || s == only) {
			w->n++;
			sub_expire(s, before, expired, w);
		}
	expired(w, ERR_OK);
}

/* --- peek ------------------------------------------------------------------------------- */

static void
peeked(struct topic *t, void *priv, const struct entry *ent)
{
	struct waiting *w = priv;
	struct fx *fx;

	if (ent == NULL) {
		wait_end(w, ERR_NO_MESSAGE, "Message not found");
		return;
	}
	fx = core_answer_new(t->co, w->op, FX_ENTRY);
	fx->ent = *ent;
	fx->ent.body = slice_ref(ent->body);
	core_emit(t->co, &fx);
	op_free(&w->op);
	mem_free(w);
	topic_unpin(t);
}

static void
peek(struct sub *s, struct op **opp)
{
	struct topic *t = s->t;
	struct pos p;

	if (!nth_unacked(s, (*opp)->u64 > 0 ? (*opp)->u64 : 1, &p)) {
		core_answer(t->co, opp, ERR_NO_MESSAGE, "Message not found");
		return;
	}
	fetch_entry(t, p, peeked, wait_new(t, opp));
}

/* --- all --------------------------------------------------------------------------------- */

static void
of_sub(struct sub *s, struct op **opp)
{
	struct core *co = s->t->co;

	if (s->opening || s->fenced) {
		sub_wait(s, opp);
		return;
	}
	if ((*opp)->type == OP_SUB_DELETE) {
		delete (s, opp);
		return;
	}
	if (s->cur == NULL) {
		core_answer(co, opp, ERR_NOT_ALLOWED,
		    "Not supported on a non-persistent topic");
		return;
	}
	switch ((*opp)->type) {
	case OP_SUB_SKIP:
		skip(s, opp);
		break;
	case OP_SUB_RESET:
		seek_sub(s, opp);
		break;
	case OP_SUB_EXPIRE:
		expire(s->t, s, opp);
		break;
	case OP_SUB_PEEK:
		peek(s, opp);
		break;
	case OP_CURSOR_GET:
		sub_index_get(s, opp);
		break;
	case OP_CURSOR_SET:
		sub_index_set(s, opp);
		break;
	case OP_LEASE:
	case OP_LEASE_END:
	case OP_LEASE_EXTEND:
		leasing_op(s, opp);
		break;
	default:
		WRONG("not an op of subscriptions");
	}
}

void
sub_op(struct topic *t, struct op **opp)
{
	struct sub *s = sub_find_any(t, (*opp)->sub);

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	switch ((*opp)->type) {
	case OP_SUB_LIST:
		list(t, opp);
		return;
	case OP_SUB_CREATE:
		if (s != NULL)
			core_answer(t->co, opp, ERR_EXISTS,
			    "Subscription already exists for topic");
		else
			create(t, opp);
		return;
	case OP_SUB_EXPIRE:
		if ((*opp)->sub.len == 0) {
			expire(t, NULL, opp);
			return;
		}
		break;
	case OP_CURSOR_SET:
		if (s == NULL && (*opp)->flag) {
			sub_index_make(t, opp);
			return;
		}
		break;
	case OP_LEASE:
		if (s == NULL) {
			leasing_make(t, opp);
			return;
		}
		break;
	default:
		break;
	}
	if (s == NULL)
		core_answer(
		    t->co, opp, ERR_NO_SUBSCRIPTION, "Subscription not found");
	else
		of_sub(s, opp);
}
