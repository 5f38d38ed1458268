/* SPDX-License-Identifier: Apache-2.0 */
/* The line of those that lease, and the life of it; see leasing.h. */
#include "core/pace.h"
#include "core/leasing_priv.h"

#include "core/reads.h"
#include "core/topic_priv.h"

#define QUANTUM 1024u /* entries that are looked at in one turn */
#define EXPIRE_QUANTUM 1024u
#define MS_NS INT64_C(1000000)
#define WAIT_MAX_MS INT64_C(86400000)
#define INVISIBLE_MAX_MS INT64_C(31536000000) /* a year */
/* the wall clock is looked at again after that */
#define ARM_MAX_MS INT64_C(60000)

/* --- life -------------------------------------------------------------------------- */

static void due(void *priv);

struct leasing *
leasing_get(struct sub *s)
{
	struct leasing *lg = s->leasing;

	if (lg != NULL) {
		CHECK_OBJ_NOTNULL(lg, LEASING_MAGIC);
		return lg;
	}
	ALLOC_OBJ(lg, LEASING_MAGIC);
	lg->s = s;
	lg->gen = 1;
	TAILQ_INIT(&lg->line);
	posset_init(&lg->left);
	timer_init(&lg->due, due, lg);
	s->leasing = lg;
	return lg;
}

static void
drop_readers(struct leasing *lg)
{
	if (lg->rd != NULL)
		reader_free(&lg->rd);
	if (lg->again_rd != NULL)
		reader_free(&lg->again_rd);
}

void
leasing_free(struct sub *s)
{
	struct leasing *lg = s->leasing;

	if (lg == NULL)
		return;
	leasing_fail(s, ERR_NOT_READY);
	timer_cancel(s->t->co->timers, &lg->due);
	drop_readers(lg);
	posset_fini(&lg->left);
	s->leasing = NULL;
	FREE_OBJ(lg);
}

void
leasing_tick(struct sub *s)
{
	struct leasing *lg = s->leasing;

	if (lg == NULL)
		return;
	if (!lg->used && lg->line_n == 0)
		drop_readers(lg);
	lg->used = false;
}

void
leasing_loaded(struct sub *s)
{
	if (cursor_terms(s->cur)->n > 0)
		leasing_arm(leasing_get(s));
}

/* --- what it says of itself --------------------------------------------------------- */

bool
leasing_waits(const struct sub *s)
{
	return s->leasing != NULL && s->leasing->line_n > 0;
}

bool
leasing_any(const struct sub *s)
{
	return leasing_waits(s) ||
	    (s->cur != NULL && cursor_terms(s->cur)->out_n > 0);
}

static struct term *
term_at(const struct sub *s, struct pos p)
{
	struct terms *ts = cursor_terms(s->cur);

	return ts->n > 0 ? terms_get(ts, p) : NULL;
}

bool
leasing_holds(const struct sub *s, struct pos p)
{
	const struct term *tm = term_at(s, p);

	return tm != NULL && tm->due_ms != 0;
}

uint32_t
leasing_redeliveries(const struct sub *s, struct pos p)
{
	const struct term *tm = term_at(s, p);

	return tm != NULL ? tm->redeliveries : 0;
}

void
leasing_freed(struct sub *s, struct pos p)
{
	struct leasing *lg = s->leasing;

	if (lg == NULL || cursor_is_acked(s->cur, p))
		return;
	if (pos_cmp(p, cursor_terms(s->cur)->next) < 0 && term_at(s, p) == NULL)
		(void)posset_add(&lg->left, p);
	lg->gen++;
	sub_kick(s);
}

bool
leasing_full(const struct leasing *lg, const struct picks *pk)
{
	return cursor_terms(lg->s->cur)->n + pk->fresh_n >=
	    lg->s->t->co->conf.max_leases;
}

/* --- time -------------------------------------------------------------------------- */

void
leasing_arm(struct leasing *lg)
{
	struct core *co = lg->s->t->co;
	const struct term *tm = terms_first_due(cursor_terms(lg->s->cur));
	int64_t ms;

	if (tm == NULL) {
		timer_cancel(co->timers, &lg->due);
		return;
	}
	ms = tm->due_ms > co->now_ms ? tm->due_ms - co->now_ms : 0;
	timer_set(co->timers, &lg->due,
	    co->now_ns + (ms < ARM_MAX_MS ? ms : ARM_MAX_MS) * MS_NS);
}

void
leasing_back(struct leasing *lg, struct term *tm, bool count)
{
	struct sub *s = lg->s;
	struct term v = *tm;

	v.due_ms = 0;
	if (count) {
		v.redeliveries++;
		s->redelivered += v.messages_n;
	}
	(void)terms_put(cursor_terms(s->cur), &v);
	lg->gen++;
	if (s->consumers_n > 0)
		(void)posset_add(&s->replay, v.pos);
}

/* That a term is over need not be written: its time says so. */
static void
due(void *priv)
{
	struct leasing *lg;
	struct term *tm;
	struct sub *s;
	unsigned n;

	CAST_OBJ_NOTNULL(lg, priv, LEASING_MAGIC);
	s = lg->s;
	for (n = 0; n < EXPIRE_QUANTUM; n++) {
		tm = terms_first_due(cursor_terms(s->cur));
		if (tm == NULL || tm->due_ms > s->t->co->now_ms)
			break;
		leasing_back(lg, tm, true);
	}
	leasing_arm(lg);
	if (n > 0)
		sub_kick(s);
}

/* --- the line ------------------------------------------------------------------------ */

static void
leave(struct lease_wait *w)
{
	struct leasing *lg = w->lg;

	TAILQ_REMOVE(&lg->line, w, link);
	lg->line_n--;
	if (w->due_ns == 0)
		lg->hasty_n--;
	timer_cancel(lg->s->t->co->timers, &w->timer);
}

static void
wait_free(struct lease_wait *w)
{
	AZ(w->op);
	FREE_OBJ(w);
}

static void
fail(struct lease_wait *w, enum err e)
{
	struct core *co = w->lg->s->t->co;
	struct op *op = w->op;

	leave(w);
	w->op = NULL;
	wait_free(w);
	core_answer(co, &op, e, NULL);
}

void
leasing_fail(struct sub *s, enum err e)
{
	struct leasing *lg = s->leasing;

	while (lg != NULL && !TAILQ_EMPTY(&lg->line))
		fail(TAILQ_FIRST(&lg->line), e);
}

static void
count_out(struct sub *s, const struct picks *pk)
{
	s->out_messages += pk->messages;
	s->out_bytes += pk->bytes;
	s->t->out_messages += pk->messages;
	s->t->out_bytes += pk->bytes;
	s->last_consumed_ms = s->t->co->now_ms;
}

/* The entries are out from now on. Their lease's time is the wall's, unless an
 * earlier lease of one of them had that. */
static int64_t
lease_all(struct leasing *lg, const struct picks *pk, struct fx *fx,
    int64_t invisible_ms)
{
	struct sub *s = lg->s;
	struct core *co = s->t->co;
	struct terms *ts = cursor_terms(s->cur);
	struct term *list[READ_AT_MAX], *tm, v;
	const struct entry *ent;
	struct lease *l;
	int64_t now = co->now_ms;
	uint32_t i;

	for (i = 0; i < pk->n; i++) {
		tm = terms_get(ts, pk->v[i].pos);
		if (tm != NULL && tm->time_ms >= now)
			now = tm->time_ms + 1;
	}
	for (i = 0; i < pk->n; i++) {
		ent = &pk->v[i];
		tm = terms_get(ts, ent->pos);
		v = (struct term){ .pos = ent->pos,
			.index = ent->index,
			.messages_n = ent->attr.messages_n,
			.redeliveries = tm != NULL ? tm->redeliveries : 0,
			.time_ms = now,
			.due_ms = now + invisible_ms };
		l = lease_table_get(&s->leases, ent->pos);
		if (l != NULL) {
			AZ(l->c);
			if (l->redeliveries > v.redeliveries)
				v.redeliveries = l->redeliveries;
			lease_table_del(&s->leases, &co->leases, &l);
		}
		(void)posset_remove(&s->replay, ent->pos);
		list[i] = terms_put(ts, &v);
		fx->leased[i].redeliveries = v.redeliveries;
	}
	cursor_note_terms(s->cur, list, pk->n);
	leasing_arm(lg);
	count_out(s, pk);
	return now;
}

/* They stay where they are. */
static void
look_all(struct leasing *lg, const struct picks *pk, struct fx *fx)
{
	struct sub *s = lg->s;
	const struct term *tm;
	uint32_t i;

	for (i = 0; i < pk->n; i++) {
		tm = terms_get(cursor_terms(s->cur), pk->v[i].pos);
		if (tm != NULL)
			fx->leased[i].redeliveries = tm->redeliveries;
		else
			leasing_freed(s, pk->v[i].pos);
	}
}

static void
put_words(const struct sub *s, const struct entry *ent, struct fx *fx,
    struct fx_leased *fl)
{
	const uint64_t *w;
	uint64_t *copy;

	fl->words_n = cursor_ack_bits(s->cur, ent->pos, &w);
	if (fl->words_n == 0)
		return;
	copy = fx_mem(fx, fl->words_n * sizeof *copy);
	memcpy(copy, w, fl->words_n * sizeof *copy);
	fl->words = copy;
}

static uint64_t
rest(const struct sub *s)
{
	uint64_t all = cursor_backlog(s->cur),
		 out = cursor_terms(s->cur)->out_messages;

	return all > out ? all - out : 0;
}

static void
answer(struct lease_wait *w, const struct picks *pk)
{
	struct leasing *lg = w->lg;
	struct sub *s = lg->s;
	struct topic *t = s->t;
	struct fx *fx = core_answer_new(t->co, w->op, FX_LEASES);
	uint32_t i;

	if (pk->n > 0) {
		fx->entries = fx_mem(fx, pk->n * sizeof *fx->entries);
		memcpy(fx->entries, pk->v, pk->n * sizeof *fx->entries);
		fx->entries_n = pk->n;
		fx->leased = fx_mem(fx, pk->n * sizeof *fx->leased);
		for (i = 0; i < pk->n; i++) {
			fx->entries[i].locator = tlog_locator(t, &pk->v[i]);
			put_words(s, &pk->v[i], fx, &fx->leased[i]);
		}
		if (w->op->flag2)
			look_all(lg, pk, fx);
		else
			fx->i64 =
			    lease_all(lg, pk, fx, w->op->lease.invisible_ms);
		if (!w->op->flag2)
			sub_sent(s, pk->messages, pk->bytes);
		fx->text = fx_str(fx, str_of(t->name.text));
		fx->strings = fx_mem(fx, sizeof *fx->strings);
		fx->strings[0] = fx_str(fx, str_of(s->name));
		fx->strings_n = 1;
	}
	fx->u64 = rest(s);
	range_put(t, fx);
	leave(w);
	op_free(&w->op);
	wait_free(w);
	core_emit(t->co, &fx);
}

static void
wait_over(void *priv)
{
	static const struct picks none;
	struct lease_wait *w;

	CAST_OBJ_NOTNULL(w, priv, LEASE_WAIT_MAGIC);
	answer(w, &none);
}

/* There is nothing that anybody else in line could get. */
static bool
is_bare(const struct leasing *lg)
{
	return lg->left.count == 0 &&
	    terms_first_back(cursor_terms(lg->s->cur)) == NULL;
}

bool
leasing_run(struct sub *s)
{
	struct leasing *lg = s->leasing;
	struct core *co = s->t->co;
	struct lease_wait *w, *next;
	unsigned budget = QUANTUM;
	enum pick_result r;
	struct picks pk;
	bool bare = false;

	if (lg == NULL || lg->line_n == 0)
		return false;
	if (co->picks == NULL)
		co->picks = mem_calloc(READ_AT_MAX, sizeof *co->picks);
	for (w = TAILQ_FIRST(&lg->line); w != NULL; w = next) {
		next = TAILQ_NEXT(w, link);
		pk = (struct picks){ .v = co->picks };
		if (sub_is_held(s)) {
			if (lg->hasty_n == 0)
				return false;
			if (w->due_ns == 0)
				answer(w, &pk);
			continue;
		}
		r = bare ? PICK_END : leasing_pick(w, &pk, &budget);
		if (pk.n == 0 && r == PICK_MORE)
			return true;
		if (pk.n == 0 && r == PICK_DISK)
			return false;
		bare = bare ||
		    (pk.n == 0 && r == PICK_END && !w->op->flag && is_bare(lg));
		if (pk.n > 0 || w->due_ns == 0)
			answer(w, &pk);
		if (bare && lg->hasty_n == 0)
			return false;
	}
	return false;
}

void
leasing_woken(void *priv)
{
	struct leasing *lg;

	CAST_OBJ_NOTNULL(lg, priv, LEASING_MAGIC);
	sub_kick(lg->s);
}

/* --- from outside ---------------------------------------------------------------------- */

static const char *
wrong(const struct op *op)
{
	const struct op_lease *ls = &op->lease;

	if (ls->max_n == 0 || ls->max_n > READ_AT_MAX)
		return "Number of messages is out of range";
	if (ls->invisible_ms <= 0 || ls->invisible_ms > INVISIBLE_MAX_MS)
		return "Time of the lease is out of range";
	return NULL;
}

static void
lease(struct sub *s, struct op **opp)
{
	struct topic *t = s->t;
	struct leasing *lg = leasing_get(s);
	const struct op_lease *ls = &(*opp)->lease;
	int64_t ms = ls->wait_ms < WAIT_MAX_MS ? ls->wait_ms : WAIT_MAX_MS;
	struct lease_wait *w;

	if (s->consumers_n > 0 && s->type != SUB_SHARED) {
		core_answer(t->co, opp, ERR_CONSUMER_BUSY,
		    "Subscription has connected consumers");
		return;
	}
	if (lg->line_n >= t->co->conf.max_waiting_reads) {
		core_answer(t->co, opp, ERR_BUSY, NULL);
		return;
	}
	topic_touch(t);
	ALLOC_OBJ(w, LEASE_WAIT_MAGIC);
	w->lg = lg;
	w->op = *opp;
	*opp = NULL;
	w->back_at = w->left_at = POS_NONE;
	timer_init(&w->timer, wait_over, w);
	TAILQ_INSERT_TAIL(&lg->line, w, link);
	lg->line_n++;
	if (ms > 0) {
		w->due_ns = t->co->now_ns + ms * MS_NS;
		timer_set(t->co->timers, &w->timer, w->due_ns);
	} else
		lg->hasty_n++;
	sub_kick(s);
}

void
leasing_op(struct sub *s, struct op **opp)
{
	const char *diag = NULL;

	if (!s->durable)
		diag = "Subscription is not durable";
	if (diag != NULL) {
		core_answer(s->t->co, opp, ERR_NOT_ALLOWED, diag);
		return;
	}
	switch ((*opp)->type) {
	case OP_LEASE:
		diag = wrong(*opp);
		if (diag != NULL)
			core_answer(s->t->co, opp, ERR_INVALID_ARG, diag);
		else
			lease(s, opp);
		break;
	case OP_LEASE_END:
		leasing_end(s, opp);
		break;
	case OP_LEASE_EXTEND:
		leasing_extend(s, opp);
		break;
	default:
		WRONG("not an op of leases");
	}
}

void
leasing_make(struct topic *t, struct op **opp)
{
	const char *diag = wrong(*opp);

	if (!(*opp)->lease.create)
		core_answer(
		    t->co, opp, ERR_NO_SUBSCRIPTION, "Subscription not found");
	else if (diag != NULL)
		core_answer(t->co, opp, ERR_INVALID_ARG, diag);
	else
		sub_index_make(t, opp);
}

void
leasing_cancel(struct topic *t, const struct op *by)
{
	struct lease_wait *w, *next;
	struct sub *s;

	TAILQ_FOREACH(s, &t->subs, link) {
		if (s->leasing == NULL)
			continue;
		for (w = TAILQ_FIRST(&s->leasing->line); w != NULL; w = next) {
			next = TAILQ_NEXT(w, link);
			if (!op_cancels(by, w->op))
				continue;
			leave(w);
			op_free(&w->op);
			wait_free(w);
		}
	}
}
