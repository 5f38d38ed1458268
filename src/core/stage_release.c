/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is due goes out. Items stand in a ring in the order in which stage_bulk.c
 * gives them, from the index to the end of their append. Their envelopes are read ahead, by a
 * few lanes a log: a run is what is to be read of one ledger and lies close
 * together, so that a burst of neighbours is read in large pieces, and scattered
 * ones in parallel. Appends go strictly in order; one that can't go now makes those
 * behind it wait for as long as its topic is being loaded or is full, and is put
 * off for anything that lasts longer.
 *
 * Bounds: RING items, HELD_MAX bytes of envelopes beyond the first run, APPENDS a
 * turn. An envelope is copied out of what it was read in, which may be a MiB.
 */
#include "core/stage_priv.h"

#include <stdlib.h>

#define RING 32768u
#define RING_MASK (RING - 1)
#define HELD_MAX (8u << 20)
#define APPENDS 1024u
#define LOOK 512u /* items without one for a run: there is none behind them */
#define UNREAD 256u /* fewer are not enough to read */
#define AHEAD 64u /* items whose targets are loaded ahead */
#define RUN_GAP 128 /* entries between two that are read together */
#define PUT_OFF_MS 1000
#define FULL_NS INT64_C(5000000)

static struct rel *
at(const struct stage *st, uint64_t i)
{
	return &st->ring[i & RING_MASK];
}

/* --- ends ----------------------------------------------------------------------- */

static void
rel_done(struct rel *r)
{
	struct stage *st = r->st;

	if (r->env.buf != NULL) {
		st->held_bytes -= r->env.len;
		slice_unref(&r->env);
	}
	r->state = REL_DONE;
	stage_kick(st);
}

/* It is staged no more. */
static void
rel_gone(struct rel *r)
{
	stage_ack(r->log, stage_pos(r->it.at));
	due_done(r->st->due, &r->it);
	rel_done(r);
}

static void
rel_drop(struct rel *r)
{
	r->st->st.dropped++;
	rel_gone(r);
}

static void
rel_put_off(struct rel *r)
{
	struct stage *st = r->st;

	st->st.put_off++;
	stage_due_again(st, &r->it, st->co->now_ms + PUT_OFF_MS);
	rel_done(r);
}

void
stage_due_again(struct stage *st, const struct due_item *it, int64_t due_ms)
{
	struct stage_known *k = umap_get(&st->known, it->at);
	struct due_item new = *it;

	new.due_ms = due_ms;
	if (k == NULL) {
		k = mem_zalloc(sizeof *k);
		if (umap_add(&st->known, it->at, k) != ERR_OK)
			WRONG("as many as items that are put off");
	}
	k->it = new;
	k->notified = false;
	due_done(st->due, it);
	due_add(st->due, &new);
}

void
stage_unindex(struct stage *st, const struct due_item *it)
{
	struct stage_known *k = umap_del(&st->known, it->at);
	struct due_item taken;
	struct rel *r;
	uint64_t i;

	for (i = st->head; i != st->tail; i++) {
		r = at(st, i);
		if (r->it.at != it->at || r->state == REL_DONE)
			continue;
		due_done(st->due, &r->it);
		if (r->state == REL_READING)
			r->resolved = true;
		else
			rel_done(r);
		mem_free(k);
		return;
	}
	if (stage_bulk_remove(st, it->at, &taken))
		due_done(st->due, &taken);
	else if (k == NULL)
		due_cancel(st->due, it);
	else if (k->notified)
		due_done(st->due, &k->it);
	else
		due_cancel(st->due, &k->it);
	mem_free(k);
}

static void
rel_ended(struct rel *r, enum err e)
{
	struct stage *st = r->st;
	int64_t late = st->co->now_ms - r->it.due_ms;

	assert(r->state == REL_BUSY);
	AN(umap_del(&st->busy, r->it.at));
	AN(st->busy_n);
	st->busy_n--;
	switch (e) {
	case ERR_OK:
		st->st.appended++;
		if (late > st->st.late_ms)
			st->st.late_ms = late;
		rel_gone(r);
		break;
	case ERR_TOPIC_TERMINATED:
	case ERR_TOO_BIG:
		rel_drop(r);
		break;
	default:
		rel_put_off(r);
	}
}

static void
appended(void *priv, const struct entry_place *place, enum err e)
{
	struct rel *r;

	(void)place;
	CAST_OBJ_NOTNULL(r, priv, REL_MAGIC);
	rel_ended(r, e);
}

static struct rel *
rel_find(const struct stage *st, uint64_t place)
{
	uint64_t i;

	for (i = st->head; i != st->tail; i++)
		if (at(st, i)->it.at == place && at(st, i)->state != REL_DONE)
			return at(st, i);
	return NULL;
}

void
stage_moved(struct stage *st, uint64_t place, enum err e)
{
	struct rel *r = rel_find(st, place);

	if (r != NULL && r->state == REL_BUSY)
		rel_ended(r, e);
}

void
stage_target_answered(struct stage *st, uint64_t place, enum err e)
{
	struct rel *r = rel_find(st, place);

	if (r == NULL)
		return;
	r->asked = false;
	r->target_err = e;
	stage_kick(st);
}

/* --- reading ----------------------------------------------------------------------- */

/* Of what is large, the buffer is about as large. */
static struct slice
envelope(const struct slice *body)
{
	return body->len < body->buf->cap / 4 ? slice_dup(*body) :
						slice_ref(*body);
}

static void
lane_step(void *priv)
{
	struct stage_lane *ln;
	struct stage *st;
	struct entry ent;
	struct rel *r;
	struct pos p;

	CAST_OBJ_NOTNULL(ln, priv, STAGE_LANE_MAGIC);
	st = ln->log->st;
	if (st->stopped)
		return;
	for (; ln->i < ln->n; ln->i++) {
		r = ln->v[ln->i];
		p = stage_pos(r->it.at);
		if (!pos_eq(reader_pos(ln->rd), p))
			reader_seek(ln->rd, p);
		switch (reader_peek(ln->rd, &ent)) {
		case READER_WAIT:
			return;
		case READER_END:
			r->state = REL_LOST;
			break;
		case READER_ENTRY:
			if (!pos_eq(ent.pos, p)) {
				r->state = REL_LOST;
				break;
			}
			r->state = REL_READ;
			r->env = envelope(&ent.body);
			st->held_bytes += r->env.len;
			r->ent = ent;
			r->ent.body = (struct slice){ 0 };
			reader_advance(ln->rd);
		}
		if (r->resolved)
			rel_done(r);
	}
	ln->n = ln->i = 0;
	stage_kick(st);
}

static int
by_place(const void *a, const void *b)
{
	const struct rel *const *x = a, *const *y = b;

	return (*x)->it.at < (*y)->it.at ? -1 : (*x)->it.at > (*y)->it.at;
}

/* The run that begins with number `first`. */
static void
lane_start(struct stage *st, struct stage_lane *ln, uint64_t first)
{
	uint64_t from = at(st, first)->it.at, i, last = first;
	struct rel *r;
	uint32_t n;

	ln->n = ln->i = 0;
	for (i = first;
	     i != st->tail && i - last <= LOOK && ln->n < STAGE_RUN_MAX; i++) {
		r = at(st, i);
		if (r->state == REL_NEW && r->log == ln->log &&
		    r->it.at >= from && r->it.at - from < LEDGER_READ_MAX &&
		    locator_ledger(r->it.at) == locator_ledger(from)) {
			ln->v[ln->n++] = r;
			last = i;
		}
	}
	qsort(ln->v, ln->n, sizeof ln->v[0], by_place);
	for (n = 1; n < ln->n; n++)
		if (ln->v[n]->it.at - ln->v[n - 1]->it.at > RUN_GAP)
			break;
	ln->n = n;
	for (n = 0; n < ln->n; n++)
		ln->v[n]->state = REL_READING;
	reader_limit(ln->rd, stage_pos(ln->v[ln->n - 1]->it.at));
	lane_step(ln);
}

static struct stage_lane *
lane_free(struct stage_log *l)
{
	struct stage_lane *ln;
	unsigned i;

	for (i = 0; i < STAGE_LANES; i++) {
		ln = l->lanes[i];
		if (ln != NULL && ln->n > 0)
			continue;
		if (ln == NULL) {
			ALLOC_OBJ(ln, STAGE_LANE_MAGIC);
			ln->log = l;
			ln->rd =
			    reader_new(l->t, tlog_first(l->t), lane_step, ln);
			l->lanes[i] = ln;
		}
		return ln;
	}
	return NULL;
}

static void
read_ahead(struct stage *st)
{
	struct stage_lane *ln;
	uint64_t i;

	for (i = st->seen > st->app ? st->seen : st->app; i != st->tail; i++) {
		st->seen = i;
		if (at(st, i)->state != REL_NEW)
			continue;
		if (st->held_bytes >= HELD_MAX && i != st->app)
			return;
		ln = lane_free(at(st, i)->log);
		if (ln == NULL)
			return;
		lane_start(st, ln, i);
	}
}

void
stage_release_stop(struct stage *st)
{
	struct stage_lane *ln;
	unsigned i, k;
	uint32_t n;

	st->seen = st->app;
	for (i = 0; i < STAGE_CLASSES; i++)
		for (k = 0; k < STAGE_LANES; k++) {
			ln = st->logs[i].lanes[k];
			if (ln == NULL)
				continue;
			st->logs[i].lanes[k] = NULL;
			for (n = ln->i; n < ln->n; n++)
				ln->v[n]->state = REL_NEW;
			reader_free(&ln->rd);
			FREE_OBJ(ln);
		}
}

void
stage_release_free(struct stage *st)
{
	uint64_t i;

	for (i = st->head; i != st->tail; i++)
		if (at(st, i)->env.buf != NULL)
			slice_unref(&at(st, i)->env);
	mem_free(st->ring);
	stage_bulk_free(st);
}

/* --- from the index ------------------------------------------------------------------ */

void
stage_due_ready(void *priv)
{
	stage_kick(priv);
}

/* What is due while there is enough to read is of the next helping: the larger it is,
 * the better it can be read. */
static bool
next(struct stage *st, struct due_item *it)
{
	uint64_t from = st->seen > st->app ? st->seen : st->app;

	while (!stage_bulk_next(st, it))
		if (st->tail > from + UNREAD || !stage_bulk_gather(st))
			return false;
	return true;
}

static void
fill(struct stage *st)
{
	struct due_item it;
	struct stage_log *l;
	struct rel *r;
	bool opening;

	while (st->tail - st->head < RING && next(st, &it)) {
		st->much = st->much || stage_bulk_is_large(st);
		l = stage_log_of(st, it.at, &opening);
		if (l == NULL && opening) {
			st->st.put_off++;
			stage_due_again(st, &it, st->co->now_ms + PUT_OFF_MS);
			continue;
		}
		if (l == NULL || !stage_is_staged(l, stage_pos(it.at))) {
			due_done(st->due, &it);
			continue;
		}
		if (st->ring == NULL)
			st->ring = mem_calloc(RING, sizeof *st->ring);
		r = at(st, st->tail++);
		*r = (struct rel){
			.magic = REL_MAGIC, .st = st, .it = it, .log = l
		};
	}
}

/* --- going out ------------------------------------------------------------------------- */

static void
notify(struct rel *r, const struct stage_env *e)
{
	struct stage *st = r->st;
	struct stage_known *k = mem_zalloc(sizeof *k);
	struct fx *fx;

	k->it = r->it;
	k->notified = true;
	if (umap_add(&st->known, r->it.at, k) != ERR_OK)
		WRONG("as many as FX_STAGE_DUE that were not answered");
	fx = fx_new(FX_STAGE_DUE,
	    (struct dest){
		.shard = (uint16_t)st->co->conf.shard, .kind = e->kind });
	stage_fx_fill(fx, e, &r->it, &r->ent);
	st->st.notified++;
	rel_done(r);
	core_emit(st->co, &fx);
}

static void
busy(struct rel *r)
{
	r->state = REL_BUSY;
	r->st->busy_n++;
	if (umap_add(&r->st->busy, r->it.at, r) != ERR_OK)
		WRONG("nobody else has to do with it");
}

/* Its target is on another shard: it is staged there. */
static void
move(struct rel *r, const struct stage_env *e, unsigned shard)
{
	struct core *co = r->st->co;
	struct op *op;

	op = op_new(OP_STAGE,
	    (struct dest){ .conn = r->it.at,
		.tag = STAGE_TAG_MOVE,
		.shard = (uint16_t)co->conf.shard,
		.kind = DEST_INTERNAL });
	op->topic = op_str(op, e->target);
	op->text = op_str(op, e->owner);
	op->publish.attr = e->attr;
	op->publish.body = slice_ref(e->body);
	op->due_ms = e->due_ms;
	op->u64 = e->hash;
	op->u32 = (uint32_t)e->outcome | (uint32_t)e->kind << 8;
	busy(r);
	co->out->post(co->out_priv, shard, &op);
}

static void
target_loaded(struct topic *t, struct op **opp)
{
	core_answer(t->co, opp, ERR_OK, NULL);
}

static void
ask(struct rel *r, struct str target)
{
	struct core *co = r->st->co;
	struct op *op;

	op = op_new(OP_TOPIC_TOUCH,
	    (struct dest){ .conn = r->it.at,
		.tag = STAGE_TAG_TARGET,
		.shard = (uint16_t)co->conf.shard,
		.kind = DEST_INTERNAL });
	op->topic = op_str(op, target);
	r->asked = true;
	r->target_err = ERR_OK;
	topic_with(co, &op, TOPIC_FIND, target_loaded);
}

/* Its target is not there; false: it waits. */
static bool
no_target(struct rel *r, struct str target)
{
	struct core *co = r->st->co;

	switch (r->target_err) {
	case ERR_OK:
		if (!r->asked)
			ask(r, target);
		return r->state == REL_DONE;
	case ERR_NO_TOPIC:
	case ERR_NO_NAMESPACE:
	case ERR_NO_TENANT:
	case ERR_NOT_ALLOWED:
	case ERR_INVALID_NAME:
		rel_drop(r);
		return true;
	default:
		if (co->draining)
			return false;
		rel_put_off(r);
		return true;
	}
}

/* That it is staged no more is stored with it. */
static size_t
rider(void *priv, struct journal **j, uint8_t delta[static RIDER_MAX])
{
	struct rel *r;

	CAST_OBJ_NOTNULL(r, priv, REL_MAGIC);
	return stage_ack_delta(r->log, r->it.at, j, delta);
}

static bool
append(struct rel *r, const struct stage_env *e)
{
	struct stage *st = r->st;
	struct core *co = st->co;
	struct topic *t = topic_find(co, e->target);

	if (t == NULL)
		return no_target(r, e->target);
	if (!topic_has_room(t)) {
		timer_set(co->timers, &st->again, co->now_ns + FULL_NS);
		return false;
	}
	busy(r);
	topic_append_with(t, &e->attr, &e->body, rider, appended, r);
	return true;
}

/* false: it waits, and so does what comes behind it. */
static bool
go(struct rel *r)
{
	struct stage *st = r->st;
	struct core *co = st->co;
	struct stage_env e;
	unsigned shard;

	if (umap_get(&st->busy, r->it.at) != NULL)
		return false; /* of an op, which ends soon */
	if (r->state == REL_LOST || !stage_env_read(&e, r->env)) {
		co->damaged++;
		rel_drop(r);
		return true;
	}
	shard = topic_shard(e.target, co->conf.shards_n);
	if (shard != co->conf.shard && co->out->post != NULL)
		move(r, &e, shard);
	else if (e.outcome == STAGE_NOTIFY)
		notify(r, &e);
	else
		return append(r, &e);
	return true;
}

/* Targets of what comes next, so that they are loaded side by side. */
static void
load_ahead(struct stage *st)
{
	struct stage_env e;
	struct rel *r;
	uint64_t i;

	for (i = st->app; i != st->tail && i < st->app + AHEAD; i++) {
		r = at(st, i);
		if (r->state == REL_READ && !r->asked &&
		    r->target_err == ERR_OK && stage_env_read(&e, r->env) &&
		    e.outcome == STAGE_APPEND &&
		    topic_find(st->co, e.target) == NULL &&
		    topic_shard(e.target, st->co->conf.shards_n) ==
			st->co->conf.shard)
			ask(r, e.target);
	}
}

static void
push_acks(struct stage *st)
{
	struct stage_log *l;
	unsigned i;

	for (i = 0; i < STAGE_CLASSES; i++) {
		l = &st->logs[i];
		if (l->dirty && l->s != NULL)
			cursor_push(l->s->cur);
		l->dirty = false;
	}
}

bool
stage_run(struct stage *st)
{
	struct rel *r;
	unsigned n = 0;

	st->kicked = false;
	if (st->stopped)
		return false;
	push_acks(st);
	if (st->co->draining || !st->ready)
		return false;
	fill(st);
	read_ahead(st);
	for (; st->app != st->tail && n < APPENDS; st->app++) {
		r = at(st, st->app);
		if (r->state == REL_NEW || r->state == REL_READING)
			break;
		if (r->state == REL_DONE)
			continue;
		if (!go(r)) {
			load_ahead(st);
			break;
		}
		n++;
	}
	for (; st->head != st->app; st->head++)
		if (at(st, st->head)->state != REL_DONE)
			break;
	if (n == APPENDS)
		stage_kick(st);
	if (st->head == st->tail) {
		stage_release_stop(st);
		if (st->much)
			MEM_FREE(st->ring);
		st->much = false;
	}
	return st->kicked;
}
