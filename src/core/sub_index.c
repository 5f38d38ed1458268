/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cursors by index: told, set, and claimed by who sets them. Where arithmetic
 * does not tell what an index means, an entry is read first; the subscription is
 * fenced meanwhile, so that what is asked of it later happens later.
 */
#include "core/cursor_priv.h"
#include "core/sub_priv.h"
#include "core/topic_priv.h"

/* --- told ----------------------------------------------------------------------------- */

static void
tell(struct topic *t, struct op **opp, uint64_t index)
{
	struct fx *fx = core_answer_new(t->co, *opp, FX_CURSOR);

	range_put(t, fx);
	fx->u64 = index;
	op_free(opp);
	core_emit(t->co, &fx);
}

struct telling {
	struct op *op;
	struct pos next;
};

static void
told(struct topic *t, void *priv, const struct entry *ent)
{
	struct telling *tg = priv;
	struct op *op = tg->op;
	struct sub *s = sub_find(t, op->sub);
	struct pos asked = tg->next, next;
	uint64_t index;
	uint32_t within;

	mem_free(tg);
	if (t->state != TOPIC_READY)
		core_answer(t->co, &op, ERR_NOT_READY, NULL);
	else if (s == NULL || s->cur == NULL)
		core_answer(t->co, &op, ERR_NO_SUBSCRIPTION, NULL);
	else if (cursor_next_index(s->cur, &index, &next, &within))
		tell(t, &op, index);
	else if (!pos_eq(asked, next))
		sub_index_get(s, &op); /* it has moved meanwhile */
	else if (ent == NULL)
		tell(t, &op, t->log.next_index);
	else
		tell(
		    t, &op, ent->index + (pos_eq(ent->pos, next) ? within : 0));
}

void
sub_index_get(struct sub *s, struct op **opp)
{
	struct telling *tg;
	struct pos next;
	uint64_t index;
	uint32_t within;

	if (cursor_next_index(s->cur, &index, &next, &within)) {
		tell(s->t, opp, index);
		return;
	}
	/* the entry behind mark-delete has its index */
	tg = mem_zalloc(sizeof *tg);
	tg->op = *opp;
	*opp = NULL;
	tg->next = next;
	fetch_entry(s->t, next, told, tg);
}

/* --- set ------------------------------------------------------------------------------ */

/* Where an index is: message number within of the entry at next. */
struct target {
	struct pos next;
	uint64_t index; /* of the entry */
	uint32_t within, batch_n;
};

/* Consumers of a Shared subscription have entries that the cursor goes over, and
 * their dispatcher never looks back. */
static void
settle_consumers(struct sub *s, const struct target *to)
{
	struct cursor *cur = s->cur;
	struct pos md = tlog_prev(s->t, to->next);

	if (s->consumers_n > 0 &&
	    (pos_cmp(md, cur->md) < 0 || cur->acked.count > 0 ||
		cur->partial.n > 0))
		sub_disconnect(s, ERR_CANCELLED);
}

static void
set(struct sub *s, struct op **opp, const struct target *to)
{
	struct topic *t = s->t;
	struct op *op = *opp;
	struct fx *fx;

	settle_consumers(s, to);
	if (cursor_move(s->cur, to->next, to->index, to->within, to->batch_n,
		op->u32 == 1))
		sub_leases_acked(s);
	topic_touch(t);
	if (op->flag2) {
		fx = core_answer_new(t->co, op, FX_DONE);
		op_free(opp);
		cursor_when_durable(s->cur, &fx);
	} else {
		core_answer(t->co, opp, ERR_OK, NULL);
		cursor_push(s->cur);
	}
	s->end_sent = false;
	sub_check_end(s, NULL);
	sub_kick(s);
}

struct setting {
	struct sub *s;
	struct op *op;
	uint64_t index;
};

static void
found(struct topic *t, void *priv, const struct entry *ent, enum err e)
{
	struct setting *st = priv;
	struct sub *s = st->s;
	struct op *op = st->op;
	uint64_t index = st->index;
	struct target to = { .index = t->log.next_index };

	mem_free(st);
	/* the topic goes, and the subscription with it, if it can */
	if (t->state != TOPIC_READY) {
		if (sub_find_any(t, op->sub) == s)
			s->fenced = false;
		core_answer(t->co, &op, ERR_NOT_READY, NULL);
		return;
	}
	s->fenced = false;
	if (e != ERR_OK) {
		core_answer(t->co, &op, e, NULL);
		sub_kick(s);
	} else {
		if (ent != NULL) {
			to.next = ent->pos;
			to.index = ent->index;
			to.batch_n = ent->attr.messages_n;
			if (index > ent->index)
				to.within = (uint32_t)(index - ent->index);
		} else
			(void)tlog_place(t, to.index, &to.next);
		set(s, &op, &to);
	}
	sub_resume(s);
}

void
sub_index_set(struct sub *s, struct op **opp)
{
	struct topic *t = s->t;
	struct target to = { .index = (*opp)->u64 };
	struct setting *st;

	if (!s->durable) {
		core_answer(
		    t->co, opp, ERR_NOT_ALLOWED, "Subscription is not durable");
		return;
	}
	if (s->consumers_n > 0 && s->type != SUB_SHARED) {
		core_answer(t->co, opp, ERR_CONSUMER_BUSY,
		    "Subscription has connected consumers");
		return;
	}
	if (to.index < tlog_first_index(t))
		to.index = tlog_first_index(t);
	if (to.index > t->log.next_index)
		to.index = t->log.next_index;
	if (tlog_place(t, to.index, &to.next)) {
		set(s, opp, &to);
		return;
	}
	st = mem_zalloc(sizeof *st);
	st->s = s;
	st->op = *opp;
	*opp = NULL;
	st->index = to.index;
	s->fenced = true;
	fetch_index(t, to.index, found, st);
}

void
sub_index_make(struct topic *t, struct op **opp)
{
	struct op *op = *opp;
	uint8_t key[META_KEY_MAX];
	struct op_start st = { .kind = op->type == OP_LEASE ? op->start.kind :
							      START_LATEST };
	struct sub *s;

	if (!t->name.persistent) {
		core_answer(t->co, opp, ERR_NOT_ALLOWED,
		    "Non-persistent topics keep no cursors");
		return;
	}
	if (op->sub.len == 0 || sub_record_key(t, op->sub, key) == 0) {
		core_answer(t->co, opp, ERR_INVALID_ARG, NULL);
		return;
	}
	if (topic_reaches(t, LIM_MAX_SUBS, t->subs_n)) {
		core_answer(t->co, opp, ERR_NOT_ALLOWED,
		    "Exceed the maximum number of subscriptions of the topic");
		return;
	}
	sub_create(
	    t, op->sub, &st, op->props, op->props_n, SUB_LOOSE, NULL, NULL);
	/* the op waits for its own subscription and starts over */
	s = sub_find_any(t, op->sub);
	AN(s);
	sub_wait(s, opp);
}

/* --- claimed ---------------------------------------------------------------------------- */

/* more of a topic are refused: each is a name that a front-end gave */
#define CLAIMS_MAX 100000u

struct claim {
	char *name;
	int64_t until_ms;
	bool shared;
	LIST_ENTRY(claim) link;
};

struct claims {
	LIST_HEAD(, claim) list;
	uint32_t n;
};

static void
claim_free(struct claims *cs, struct claim *c)
{
	LIST_REMOVE(c, link);
	cs->n--;
	mem_free(c->name);
	mem_free(c);
}

/* Those that are over go on the way. */
static struct claim *
claim_find(struct topic *t, struct str sub)
{
	struct claim *c, *next, *it = NULL;

	if (t->claims == NULL)
		return NULL;
	for (c = LIST_FIRST(&t->claims->list); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (c->until_ms <= t->co->now_ms)
			claim_free(t->claims, c);
		else if (str_eq(str_of(c->name), sub))
			it = c;
	}
	return it;
}

bool
sub_claimed(struct topic *t, struct str sub, enum sub_type type)
{
	const struct claim *c = claim_find(t, sub);

	return c != NULL && !(c->shared && type == SUB_SHARED);
}

bool
claims_any(const struct topic *t)
{
	const struct claim *c;

	if (t->claims != NULL)
		LIST_FOREACH(c, &t->claims->list, link)
			if (c->until_ms > t->co->now_ms)
				return true;
	return false;
}

void
claims_fini(struct topic *t)
{
	struct claim *c;

	if (t->claims == NULL)
		return;
	while ((c = LIST_FIRST(&t->claims->list)) != NULL)
		claim_free(t->claims, c);
	MEM_FREE(t->claims);
}

static enum err
claim(struct topic *t, const struct op *op)
{
	struct claim *c = claim_find(t, op->sub);
	const struct sub *s = sub_find_any(t, op->sub);
	bool shared = op->u32 == 1;

	if (!op->flag) {
		if (c != NULL)
			claim_free(t->claims, c);
		return ERR_OK;
	}
	if (s != NULL && s->consumers_n > 0 &&
	    !(shared && s->type == SUB_SHARED))
		return ERR_CONSUMER_BUSY;
	if (c == NULL) {
		if (t->claims == NULL) {
			t->claims = mem_zalloc(sizeof *t->claims);
			LIST_INIT(&t->claims->list);
		}
		if (t->claims->n >= CLAIMS_MAX)
			return ERR_BUSY;
		c = mem_zalloc(sizeof *c);
		c->name = mem_strndup(op->sub.p, op->sub.len);
		LIST_INSERT_HEAD(&t->claims->list, c, link);
		t->claims->n++;
	}
	c->until_ms = op->u64 > INT64_MAX ? INT64_MAX : (int64_t)op->u64;
	c->shared = shared;
	return ERR_OK;
}

void
sub_claim(struct topic *t, struct op **opp)
{
	enum err e;

	if ((*opp)->sub.len == 0)
		e = ERR_INVALID_ARG;
	else
		e = claim(t, *opp);
	core_answer(t->co, opp, e, NULL);
}
