/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the subscription side of the core needs from its topic side, as weak
 * functions for tests that build their objects by hand: ledgers are listed in
 * t->log by the test, reads go straight to the engine.
 */
#include "test.h"

#include "core_fake.h"

#define WEAK __attribute__((weak))

struct op_arena {
	struct op_arena *next;
	max_align_t p[];
};

static void *
arena_get(struct op_arena **ap, size_t n)
{
	struct op_arena *a = mem_zalloc(sizeof *a + n);

	a->next = *ap;
	*ap = a;
	return a->p;
}

static void
arena_free(struct op_arena **ap)
{
	struct op_arena *a;

	while ((a = *ap) != NULL) {
		*ap = a->next;
		mem_free(a);
	}
}

WEAK struct op *
op_new(enum op_type type, struct dest dest)
{
	struct op *op;

	ALLOC_OBJ(op, OP_MAGIC);
	op->type = type;
	op->dest = dest;
	return op;
}

WEAK void
op_free(struct op **opp)
{
	arena_free(&(*opp)->arena);
	FREE_OBJ(*opp);
}

WEAK void *
op_mem(struct op *op, size_t n)
{
	return arena_get(&op->arena, n);
}

WEAK struct str
op_str(struct op *op, struct str s)
{
	char *p = op_mem(op, s.len + 1);

	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return (struct str){ p, s.len };
}

WEAK struct fx *
fx_new(enum fx_type type, struct dest dest)
{
	struct fx *fx;

	ALLOC_OBJ(fx, FX_MAGIC);
	fx->type = type;
	fx->dest = dest;
	return fx;
}

WEAK void
fx_free(struct fx **fxp)
{
	arena_free(&(*fxp)->arena);
	if ((*fxp)->stats != NULL)
		topic_stats_free(&(*fxp)->stats);
	if ((*fxp)->ent.body.buf != NULL)
		slice_unref(&(*fxp)->ent.body);
	FREE_OBJ(*fxp);
}

WEAK void *
fx_mem(struct fx *fx, size_t n)
{
	return arena_get(&fx->arena, n);
}

WEAK struct str
fx_str(struct fx *fx, struct str s)
{
	char *p = fx_mem(fx, s.len + 1);

	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return (struct str){ p, s.len };
}

WEAK void
core_emit(struct core *co, struct fx **fxp)
{
	struct fx *fx = *fxp;

	*fxp = NULL;
	co->out->fx(co->out_priv, fx);
}

WEAK struct fx *
core_answer_new(struct core *co, const struct op *op, enum fx_type type)
{
	struct fx *fx = fx_new(type, op->dest);

	(void)co;
	fx->op = op->type;
	fx->req = op->req;
	return fx;
}

WEAK void
core_answer(struct core *co, struct op **opp, enum err e, const char *diag)
{
	struct fx *fx = core_answer_new(co, *opp, FX_DONE);

	fx->err = e;
	if (diag != NULL)
		(void)snprintf(fx->diag, sizeof fx->diag, "%s", diag);
	core_emit(co, &fx);
	op_free(opp);
}

/* --- handles: an index -------------------------------------------------------- */

static void *handles[4096];
static unsigned handles_n;

WEAK uint64_t
core_handle_add(struct core *co, void *obj)
{
	(void)co;
	assert(handles_n < NELEM(handles) - 1);
	handles[++handles_n] = obj;
	return handles_n;
}

WEAK void *
core_handle_get(const struct core *co, uint64_t h)
{
	(void)co;
	return h <= handles_n ? handles[h] : NULL;
}

WEAK void
core_handle_del(struct core *co, uint64_t h)
{
	(void)co;
	handles[h] = NULL;
}

/* --- timers: a list ------------------------------------------------------------- */

struct timers {
	struct timer *v[256];
	unsigned n;
};

WEAK struct timers *
timers_new(void)
{
	return mem_zalloc(sizeof(struct timers));
}

WEAK void
timers_free(struct timers **tp)
{
	MEM_FREE(*tp);
}

WEAK void
timer_init(struct timer *tm, timer_f *f, void *priv)
{
	memset(tm, 0, sizeof *tm);
	tm->f = f;
	tm->priv = priv;
}

WEAK void
timer_cancel(struct timers *ts, struct timer *tm)
{
	unsigned i;

	for (i = 0; i < ts->n; i++)
		if (ts->v[i] == tm)
			ts->v[i--] = ts->v[--ts->n];
	tm->slot = 0;
}

WEAK void
timer_set(struct timers *ts, struct timer *tm, int64_t due_ns)
{
	timer_cancel(ts, tm);
	assert(ts->n < NELEM(ts->v));
	tm->due_ns = due_ns;
	tm->slot = 1;
	ts->v[ts->n++] = tm;
}

WEAK bool
timer_is_set(const struct timer *tm)
{
	return tm->slot != 0;
}

WEAK int64_t
timers_run(struct timers *ts, int64_t now_ns, unsigned max)
{
	struct timer *tm;
	unsigned i;

	for (i = 0; i < ts->n && max > 0; i++) {
		if (ts->v[i]->due_ns > now_ns)
			continue;
		tm = ts->v[i];
		timer_cancel(ts, tm);
		tm->f(tm->priv);
		max--;
		i = UINT32_MAX;
	}
	return INT64_MAX;
}

/* --- topic ------------------------------------------------------------------------ */

WEAK void
topic_pin(struct topic *t)
{
	t->pins++;
}

WEAK void
topic_unpin(struct topic *t)
{
	AN(t->pins);
	t->pins--;
}

WEAK void
topic_touch(struct topic *t)
{
	(void)t;
}

WEAK void
topic_trim(struct topic *t)
{
	(void)t;
}

/* --- tlog: from the list alone ---------------------------------------------------- */

static uint32_t
at_or_after(const struct topic *t, uint64_t id)
{
	uint32_t i;

	for (i = 0; i < t->log.ledgers_n; i++)
		if (t->log.ledgers[i]->info.id >= id)
			break;
	return i;
}

WEAK struct pos
tlog_valid(const struct topic *t, struct pos p)
{
	uint32_t i = at_or_after(t, p.ledger), n = t->log.ledgers_n;
	const struct tledger *tl;

	if (i == n) {
		tl = t->log.ledgers[n - 1];
		return (struct pos){ tl->info.id, tl->info.last_entry + 1 };
	}
	if (t->log.ledgers[i]->info.id != p.ledger)
		p = (struct pos){ t->log.ledgers[i]->info.id, 0 };
	if (p.entry < 0)
		p.entry = 0;
	while (i + 1 < n && p.entry > t->log.ledgers[i]->info.last_entry) {
		i++;
		p = (struct pos){ t->log.ledgers[i]->info.id, 0 };
	}
	if (i + 1 == n && p.entry > t->log.ledgers[i]->info.last_entry + 1)
		p.entry = t->log.ledgers[i]->info.last_entry + 1;
	return p;
}

WEAK struct pos
tlog_next(const struct topic *t, struct pos p)
{
	p.entry++;
	return tlog_valid(t, p);
}

WEAK struct pos
tlog_prev(const struct topic *t, struct pos p)
{
	uint32_t i = at_or_after(t, p.ledger);

	if (i < t->log.ledgers_n && t->log.ledgers[i]->info.id == p.ledger &&
	    p.entry > 0) {
		p.entry--;
		return p;
	}
	while (i-- > 0)
		if (t->log.ledgers[i]->info.last_entry >= 0)
			return (struct pos){ t->log.ledgers[i]->info.id,
				t->log.ledgers[i]->info.last_entry };
	return (struct pos){ t->log.ledgers[0]->info.id, -1 };
}

WEAK struct pos
tlog_first(const struct topic *t)
{
	return tlog_valid(t, (struct pos){ 0, 0 });
}

WEAK uint64_t
tlog_entries(const struct topic *t, struct pos a, struct pos b)
{
	const struct tledger *tl;
	int64_t lo, hi;
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < t->log.ledgers_n; i++) {
		tl = t->log.ledgers[i];
		if (tl->info.id < a.ledger || tl->info.id > b.ledger)
			continue;
		lo = tl->info.id == a.ledger ? a.entry : -1;
		hi = tl->info.id == b.ledger ? b.entry : tl->info.last_entry;
		if (hi > tl->info.last_entry)
			hi = tl->info.last_entry;
		if (hi > lo)
			n += (uint64_t)(hi - lo);
	}
	return n;
}

struct finding {
	struct topic *t;
	uint32_t i;
	int64_t wall_ms;
	void (*done)(void *priv, struct pos first, enum err);
	void *priv;
};

static void
found(void *priv, int64_t entry, enum err e)
{
	struct finding *f = priv;
	struct tledger *tl = f->t->log.ledgers[f->i];
	struct ledgers *lgs = f->t->co->ledgers;

	if (e == ERR_OK && entry > tl->info.last_entry &&
	    f->i + 1 < f->t->log.ledgers_n) {
		tl = f->t->log.ledgers[++f->i];
		lgs->ops->find_time(lgs, tl->lg, f->wall_ms, found, f);
		return;
	}
	f->done(f->priv, (struct pos){ tl->info.id, entry }, e);
	mem_free(f);
}

WEAK void
tlog_find_time(struct topic *t, int64_t wall_ms,
    void (*done)(void *priv, struct pos first, enum err), void *priv)
{
	struct ledgers *lgs = t->co->ledgers;
	struct finding *f = mem_zalloc(sizeof *f);

	f->t = t;
	f->wall_ms = wall_ms;
	f->done = done;
	f->priv = priv;
	lgs->ops->find_time(lgs, t->log.ledgers[0]->lg, wall_ms, found, f);
}

/* --- reader: peek, else one read at a time ------------------------------------- */

struct reader {
	struct topic *t;
	struct pos pos;
	void (*wake)(void *priv);
	void *priv;
	struct ledger_read rd;
	bool reading, read;
};

static void
unread(struct reader *r)
{
	struct ledgers *lgs = r->t->co->ledgers;

	if (r->reading || r->read)
		lgs->ops->read_fini(lgs, &r->rd);
	r->reading = r->read = false;
}

WEAK struct reader *
reader_new(
    struct topic *t, struct pos from, void (*wake)(void *priv), void *priv)
{
	struct reader *r = mem_zalloc(sizeof *r);

	r->t = t;
	r->pos = tlog_valid(t, from);
	r->wake = wake;
	r->priv = priv;
	return r;
}

WEAK void
reader_free(struct reader **rp)
{
	unread(*rp);
	MEM_FREE(*rp);
}

WEAK void
reader_seek(struct reader *r, struct pos p)
{
	unread(r);
	r->pos = tlog_valid(r->t, p);
}

WEAK struct pos
reader_pos(const struct reader *r)
{
	return r->pos;
}

static void
have_read(struct ledger_read *rd, enum err e)
{
	struct reader *r = rd->priv;

	r->reading = false;
	r->read = e == ERR_OK;
	r->wake(r->priv);
}

WEAK enum reader_result
reader_peek(struct reader *r, struct entry *ent)
{
	struct ledgers *lgs = r->t->co->ledgers;
	struct tledger *tl;
	uint32_t i;

	if (r->reading)
		return READER_WAIT;
	r->pos = tlog_valid(r->t, r->pos);
	i = at_or_after(r->t, r->pos.ledger);
	tl = r->t->log.ledgers[i];
	if (r->pos.entry > tl->info.last_entry)
		return READER_END;
	if (r->read && r->rd.from == r->pos.entry && r->rd.lg == tl->lg) {
		*ent = r->rd.ent[0];
		return READER_ENTRY;
	}
	unread(r);
	if (lgs->ops->peek(lgs, tl->lg, r->pos.entry, ent))
		return READER_ENTRY;
	memset(&r->rd, 0, sizeof r->rd);
	r->rd.magic = LEDGER_READ_MAGIC;
	r->rd.lg = tl->lg;
	r->rd.from = r->pos.entry;
	r->rd.max_n = 1;
	r->rd.max_bytes = 1;
	r->rd.done = have_read;
	r->rd.priv = r;
	r->reading = true;
	lgs->ops->read(lgs, &r->rd);
	return READER_WAIT;
}

WEAK void
reader_advance(struct reader *r)
{
	r->pos = tlog_next(r->t, r->pos);
}

WEAK void
topic_stats_free(struct topic_stats **tsp)
{
	/* of consumer_stats_op: what the tests look at, not the rest */
	MEM_FREE(*tsp);
}
