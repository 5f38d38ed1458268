/* SPDX-License-Identifier: Apache-2.0 */
/* Life of subscriptions: made, loaded, run, deleted, freed. */
#include "core/pace.h"
#include "core/cursor_priv.h"
#include "core/leasing.h"
#include "core/record.h"
#include "core/sub_priv.h"

/* --- small things --------------------------------------------------------------- */

static char *
text_dup(struct str s)
{
	return mem_strndup(s.p != NULL ? s.p : "", s.len);
}

struct prop *
props_dup(const struct prop *v, uint32_t n)
{
	struct prop *p;
	uint32_t i;

	if (n == 0)
		return NULL;
	p = mem_calloc(n, sizeof *p);
	for (i = 0; i < n; i++) {
		p[i].key.p = text_dup(v[i].key);
		p[i].key.len = v[i].key.len;
		p[i].value.p = text_dup(v[i].value);
		p[i].value.len = v[i].value.len;
	}
	return p;
}

static void
str_free(struct str *s)
{
	union {
		const char *c;
		void *v;
	} u = { s->p };

	mem_free(u.v);
	*s = STR_NONE;
}

void
props_free(struct prop **vp, uint32_t n)
{
	struct prop *v = *vp;
	uint32_t i;

	for (i = 0; v != NULL && i < n; i++) {
		str_free(&v[i].key);
		str_free(&v[i].value);
	}
	MEM_FREE(*vp);
}

struct sub *
sub_find_any(struct topic *t, struct str name)
{
	struct sub *s;

	TAILQ_FOREACH(s, &t->subs, link)
		if (str_eq(str_of(s->name), name))
			return s;
	return NULL;
}

bool
sub_is_consumed(const struct topic *t, struct str name)
{
	const struct sub *s;

	TAILQ_FOREACH(s, &t->subs, link)
		if (s->durable && s->consumers_n > 0 &&
		    str_eq(str_of(s->name), name))
			return true;
	return false;
}

struct sub *
sub_find(struct topic *t, struct str name)
{
	struct sub *s = sub_find_any(t, name);

	return s != NULL && !s->opening ? s : NULL;
}

/* --- ops that wait ----------------------------------------------------------------- */

void
sub_wait(struct sub *s, struct op **opp)
{
	struct op *op = *opp;

	*opp = NULL;
	op->link.next = NULL;
	if (s->waiters == NULL)
		s->waiters = mem_zalloc(sizeof *s->waiters);
	if (s->waiters->tail != NULL)
		s->waiters->tail->link.next = &op->link;
	else
		s->waiters->head = op;
	s->waiters->tail = op;
}

static struct op *
waiters_take(struct sub *s)
{
	struct op *op = s->waiters != NULL ? s->waiters->head : NULL;

	MEM_FREE(s->waiters);
	return op;
}

static struct op *
waiters_next(struct op **opp)
{
	struct op *op = *opp;

	if (op != NULL) {
		*opp = (struct op *)op->link.next;
		op->link.next = NULL;
	}
	return op;
}

void
sub_resume(struct sub *s)
{
	struct topic *t = s->t;
	struct op *op, *list = waiters_take(s);

	/* any of them may end the subscription: it is looked up again */
	topic_pin(t);
	while ((op = waiters_next(&list)) != NULL) {
		if (t->state != TOPIC_READY)
			core_answer(t->co, &op, ERR_NOT_READY, NULL);
		else if (op->type == OP_SUBSCRIBE)
			sub_subscribe(t, &op);
		else
			sub_op(t, &op);
	}
	topic_unpin(t);
}

static void
waiters_fail(struct sub *s, enum err e, const char *diag)
{
	struct op *op, *list = waiters_take(s);

	while ((op = waiters_next(&list)) != NULL)
		core_answer(s->t->co, &op, e, diag);
}

static void job_abandon(struct sub *);

/* --- new, free ------------------------------------------------------------------------ */

struct sub *
sub_new(struct topic *t, struct str name, bool durable)
{
	struct sub *s;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	ALLOC_OBJ(s, SUB_MAGIC);
	s->t = t;
	s->name = text_dup(name);
	s->durable = durable;
	TAILQ_INIT(&s->consumers);
	lease_table_init(&s->leases);
	posset_init(&s->replay);
	TAILQ_INSERT_TAIL(&t->subs, s, link);
	t->subs_n++;
	pace_update_sub(s);
	return s;
}

static void
unready(struct sub *s)
{
	if (!s->is_ready)
		return;
	TAILQ_REMOVE(&s->t->co->ready, s, ready_link);
	s->is_ready = false;
}

static void
drop_readers(struct sub *s)
{
	if (s->rd != NULL)
		reader_free(&s->rd);
	if (s->replay_rd != NULL)
		reader_free(&s->replay_rd);
}

void
sub_free(struct sub **sp)
{
	struct sub *s;
	struct topic *t;

	TAKE_OBJ_NOTNULL(s, sp, SUB_MAGIC);
	t = s->t;
	job_abandon(s);
	waiters_fail(s, ERR_NOT_READY, NULL);
	while (!TAILQ_EMPTY(&s->consumers)) {
		s->fenced = true; /* no idle life in between */
		consumer_close(TAILQ_FIRST(&s->consumers), ERR_NOT_READY);
	}
	if (timer_is_set(&s->linger))
		timer_cancel(t->co->timers, &s->linger);
	leasing_free(s);
	pace_free(&s->pace);
	unready(s);
	drop_readers(s);
	if (s->disp != NULL)
		s->disp->free(s);
	lease_table_fini(&s->leases, &t->co->leases);
	posset_fini(&s->replay);
	/* who waits for the cursor may be the unload, which frees them all */
	TAILQ_REMOVE(&t->subs, s, link);
	t->subs_n--;
	if (s->cur != NULL)
		cursor_free(&s->cur);
	props_free(&s->props, s->props_n);
	mem_free(s->name);
	FREE_OBJ(s);
}

/* --- running ---------------------------------------------------------------------------- */

void
sub_kick(struct sub *s)
{
	CHECK_OBJ_NOTNULL(s, SUB_MAGIC);
	if (s->is_ready || s->fenced || s->opening || s->cur == NULL ||
	    (s->consumers_n == 0 && !leasing_waits(s)))
		return;
	s->is_ready = true;
	TAILQ_INSERT_TAIL(&s->t->co->ready, s, ready_link);
}

bool
sub_run(struct sub *s)
{
	bool more = false;

	CHECK_OBJ_NOTNULL(s, SUB_MAGIC);
	if (s->fenced || s->cur == NULL)
		return false;
	/* who leases has it first: a consumer takes all that it may */
	if (leasing_run(s))
		more = true;
	if (s->consumers_n > 0 && s->disp->run(s))
		more = true;
	cursor_push(s->cur); /* markers and damaged entries */
	sub_check_end(s, NULL);
	return more;
}

static void
woken(void *priv)
{
	struct sub *s;

	CAST_OBJ_NOTNULL(s, priv, SUB_MAGIC);
	sub_kick(s);
}

void
sub_rewind(struct sub *s)
{
	struct pos p = tlog_next(s->t, cursor_mark_delete(s->cur));

	if (s->rd == NULL)
		s->rd = reader_new(s->t, p, woken, s);
	else
		reader_seek(s->rd, p);
	if (s->replay_rd == NULL)
		s->replay_rd = reader_new(s->t, p, woken, s);
}

bool
sub_swallow(struct sub *s, const struct entry *ent)
{
	if (cursor_is_acked(s->cur, ent->pos))
		return true;
	if ((ent->attr.flags & ATTR_MARKER) == 0)
		return false;
	(void)cursor_ack(s->cur, ent->pos, ent->attr.messages_n);
	return true;
}

void
sub_set_type(struct sub *s, enum sub_type type, bool sticky, bool out_of_order)
{
	static const struct disp_ops *const by_type[] = {
		[SUB_EXCLUSIVE] = &disp_single,
		[SUB_FAILOVER] = &disp_single,
		[SUB_SHARED] = &disp_shared,
		[SUB_KEY_SHARED] = &disp_key,
	};

	AZ(s->consumers_n);
	if (s->disp != NULL)
		s->disp->free(s);
	AZ(s->disp_state);
	s->type = type;
	s->has_type = true;
	s->ks_sticky = sticky;
	s->ks_out_of_order = out_of_order;
	s->disp = by_type[type];
}

static void
end_fx(struct consumer *c)
{
	struct fx *fx = fx_new(FX_END_OF_TOPIC, c->dest);

	core_emit(c->sub->t->co, &fx);
}

void
sub_check_end(struct sub *s, struct consumer *only)
{
	struct consumer *c;

	if (!s->t->terminated || s->cur == NULL ||
	    (s->end_sent && only == NULL) || cursor_backlog_entries(s->cur) > 0)
		return;
	if (only != NULL && s->end_sent) {
		end_fx(only);
		return;
	}
	if (s->consumers_n == 0)
		return;
	TAILQ_FOREACH(c, &s->consumers, link)
		end_fx(c);
	s->end_sent = true;
}

void
sub_idle(struct sub *s)
{
	AZ(s->consumers_n);
	unready(s);
	drop_readers(s);
	lease_table_fini(&s->leases, &s->t->co->leases);
	posset_clear(&s->replay);
	s->unacked = 0;
	s->blocked_unacked = false;
	if (!s->durable && !s->fenced)
		sub_free(&s);
	else
		sub_kick(s);
}

void
sub_disconnect(struct sub *s, enum err e)
{
	struct topic *t = s->t;
	bool was = s->fenced;

	CHECK_OBJ_NOTNULL(s, SUB_MAGIC);
	topic_pin(t);
	s->fenced = true;
	while (!TAILQ_EMPTY(&s->consumers))
		consumer_close(TAILQ_FIRST(&s->consumers), e);
	s->fenced = was;
	if (!s->durable && !s->fenced)
		sub_free(&s);
	topic_unpin(t);
}

/* --- positions ---------------------------------------------------------------------------- */

/* Fits a position that a peer gave into the log. */
static struct pos
fit(struct topic *t, struct pos p)
{
	struct pos first = tlog_first(t), v;

	first.entry = -1;
	if (pos_cmp(p, t->log.last) >= 0)
		return t->log.last;
	if (pos_cmp(p, first) <= 0)
		return first;
	v = tlog_valid(t, p);
	return pos_eq(v, p) ? p : tlog_prev(t, v);
}

struct pos
sub_start_pos(struct topic *t, const struct op_start *st)
{
	struct pos p = tlog_first(t);

	switch (st->kind) {
	case START_EARLIEST:
		p.entry = -1;
		return p;
	case START_POS:
		p = st->pos;
		if (st->inclusive && p.entry > INT64_MIN)
			p.entry--;
		if (p.entry < -1)
			p.entry = -1;
		return fit(t, p);
	case START_LATEST:
	case START_TIME:
		break;
	}
	return t->log.last;
}

struct pos
subs_slowest(struct topic *t)
{
	struct pos p = POS_LATEST, md;
	struct sub *s;

	TAILQ_FOREACH(s, &t->subs, link) {
		if (!s->durable || !s->holds || s->cur == NULL)
			continue;
		md = s->opening ? POS_NONE : cursor_mark_delete(s->cur);
		if (pos_cmp(md, p) < 0)
			p = md;
	}
	return p;
}

void
sub_entries_deleted(struct topic *t, struct pos upto)
{
	struct sub *s;

	TAILQ_FOREACH(s, &t->subs, link)
		if (s->cur != NULL && !s->opening) {
			cursor_jump(s->cur, upto);
			/* a durable one has acked them all, and may be at it:
			 * its ack came here and holds the last lease */
			if (!s->durable)
				sub_leases_acked(s);
		}
}

void
sub_deliver_np(struct topic *t, const struct entry *ent)
{
	struct consumer *c;
	struct sub *s;

	TAILQ_FOREACH(s, &t->subs, link) {
		c = s->consumers_n > 0 ? s->disp->pick(s, ent) : NULL;
		if (c == NULL) {
			s->dropped += ent->attr.messages_n;
			continue;
		}
		(void)consumer_deliver(c, ent, 0);
		s->disp->update(s, c);
	}
}

/* --- durable: create, load, delete ------------------------------------------------------ */

/* The subscription may be freed (unload) while its journal is opened or a commit
 * is under way: then sub is NULL and the job ends with ERR_NOT_READY. */
struct sub_job {
	unsigned magic;
#define SUB_JOB_MAGIC 0x3a4e0001
	struct topic *t;
	struct sub *s;
	bool committing;
	uint64_t journal_id;
	void (*created)(void *priv, struct sub *, enum err);
	void (*done)(void *priv, enum err);
	void *priv;
};

static struct sub_job *
job_new(struct sub *s, void *priv)
{
	struct sub_job *job;

	ALLOC_OBJ(job, SUB_JOB_MAGIC);
	job->t = s->t;
	job->s = s;
	job->priv = priv;
	job->journal_id = s->journal_id;
	AZ(s->job);
	s->job = job;
	topic_pin(s->t);
	return job;
}

/* Ends the job. The subscription stands if e is ERR_OK. */
static void
job_end(struct sub_job *job, enum err e)
{
	struct topic *t = job->t;
	struct sub *s = job->s;

	if (s != NULL)
		s->job = NULL;
	if (job->created != NULL)
		job->created(job->priv, e == ERR_OK ? s : NULL, e);
	if (job->done != NULL)
		job->done(job->priv, e);
	FREE_OBJ(job);
	topic_unpin(t);
}

static void
job_abandon(struct sub *s)
{
	struct sub_job *job = s->job;

	if (job == NULL)
		return;
	s->job = NULL;
	job->s = NULL;
	/* a commit answers, a journal that was let go does not */
	if (!job->committing)
		job_end(job, ERR_NOT_READY);
}

static void
made(struct sub_job *job, enum err e)
{
	struct topic *t = job->t;
	struct sub *s = job->s;
	struct sub *p;

	topic_pin(t);
	if (s == NULL)
		e = ERR_NOT_READY;
	else if (e == ERR_OK) {
		s->opening = false;
		leasing_loaded(s);
	} else {
		waiters_fail(s, e, NULL);
		s->job = NULL;
		job->s = NULL;
		sub_free(&s);
	}
	job_end(job, e);
	TAILQ_FOREACH(p, &t->subs, link)
		if (p == s) {
			sub_resume(s);
			break;
		}
	topic_unpin(t);
}

static void
recorded(void *priv, enum err e)
{
	struct sub_job *job;

	CAST_OBJ_NOTNULL(job, priv, SUB_JOB_MAGIC);
	if (e == ERR_CONFLICT)
		e = ERR_NOT_READY; /* the topic was deleted meanwhile */
	else if (e != ERR_OK)
		e = ERR_METADATA;
	made(job, e);
}

static void
put_record(struct sub *s, meta_commit_f *done, void *priv)
{
	struct meta *meta = s->t->co->meta;
	struct meta_txn *tx = meta_txn_new();
	uint8_t key[META_KEY_MAX], *val;
	size_t klen, len;

	/* the topic may be deleted meanwhile: nothing of it may come behind */
	klen = key_topic(key, &s->t->name);
	meta_txn_expect(tx, key, klen, true);
	klen = sub_record_key(s->t, str_of(s->name), key);
	AN(klen);
	sub_record_write(s, &val, &len);
	meta_txn_put(tx, key, klen, val, len);
	mem_free(val);
	meta->ops->commit(meta, &tx, done, priv);
}

/* A loose one takes in its first consumer: it holds data from then on, and the
 * consumer is let in when that is recorded. */
struct holding {
	struct topic *t;
	struct sub *s;
	struct op *op;
};

static void
hold_recorded(void *priv, enum err e)
{
	struct holding *h = priv;
	struct topic *t = h->t;
	struct sub *s = h->s;
	struct op *op = h->op;

	mem_free(h);
	if (t->state != TOPIC_READY) {
		/* only an unload frees a fenced subscription */
		if (sub_find_any(t, op->subscribe.sub) == s)
			s->fenced = s->holds = false;
		core_answer(t->co, &op, ERR_NOT_READY, NULL);
	} else {
		s->fenced = false;
		s->holds = e == ERR_OK;
		if (e == ERR_OK)
			sub_subscribe(t, &op);
		else
			core_answer(t->co, &op, ERR_METADATA, NULL);
		sub_resume(s);
	}
	topic_unpin(t);
}

void
sub_hold(struct sub *s, struct op **opp)
{
	struct holding *h = mem_zalloc(sizeof *h);

	CHECK_OBJ_NOTNULL(s, SUB_MAGIC);
	assert(s->durable && !s->holds && !s->fenced && !s->opening);
	h->t = s->t;
	h->s = s;
	h->op = *opp;
	*opp = NULL;
	s->fenced = s->holds = true;
	topic_pin(s->t);
	put_record(s, hold_recorded, h);
}

static void
fresh_opened(void *priv, enum err e)
{
	struct sub_job *job;

	CAST_OBJ_NOTNULL(job, priv, SUB_JOB_MAGIC);
	if (e != ERR_OK) {
		made(job, e);
		return;
	}
	job->committing = true;
	put_record(job->s, recorded, job);
}

void
sub_create(struct topic *t, struct str name, const struct op_start *st,
    const struct prop *props, uint32_t props_n, unsigned flags,
    void (*done)(void *priv, struct sub *, enum err), void *priv)
{
	struct ledgers *lgs = t->co->ledgers;
	uint8_t key[META_KEY_MAX];
	struct sub_job *job;
	struct sub *s;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	if (sub_record_key(t, name, key) == 0) {
		done(priv, NULL, ERR_INVALID_ARG);
		return;
	}
	s = sub_new(t, name, true);
	s->replicated = (flags & SUB_REPLICATED) != 0;
	s->holds = (flags & SUB_LOOSE) == 0;
	s->props = props_dup(props, props_n);
	s->props_n = props_n;
	if (!t->name.persistent) {
		done(priv, s, ERR_OK);
		return;
	}
	s->journal_id = lgs->ops->new_id(lgs);
	job = job_new(s, priv);
	job->created = done;
	s->opening = true;
	s->cur = cursor_new(s, true, sub_start_pos(t, st));
	cursor_open(s->cur, s->journal_id, true, fresh_opened, job);
}

static void
load_opened(void *priv, enum err e)
{
	struct sub_job *job;

	CAST_OBJ_NOTNULL(job, priv, SUB_JOB_MAGIC);
	made(job, e);
}

void
sub_load(struct topic *t, struct str name, const void *record, size_t len,
    void (*done)(void *priv, enum err), void *priv)
{
	struct sub_record sr;
	struct sub_job *job;
	struct sub *s;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	if (!sub_record_read(&sr, record, len)) {
		done(priv, ERR_CORRUPT);
		return;
	}
	s = sub_new(t, name, true);
	s->journal_id = sr.journal_id;
	s->replicated = sr.replicated;
	s->holds = sr.holds;
	s->props = sr.props;
	s->props_n = sr.props_n;
	job = job_new(s, priv);
	job->done = done;
	s->opening = true;
	s->cur = cursor_new(s, true,
	    sub_start_pos(t, &(struct op_start){ .kind = START_EARLIEST }));
	cursor_open(s->cur, s->journal_id, false, load_opened, job);
}

static void
deleted(void *priv, enum err e)
{
	struct sub_job *job;
	struct topic *t;
	struct sub *s;

	CAST_OBJ_NOTNULL(job, priv, SUB_JOB_MAGIC);
	t = job->t;
	s = job->s;
	topic_pin(t);
	job->s = NULL;
	if (s != NULL)
		s->job = NULL;
	if (e != ERR_OK) {
		job_end(job, ERR_METADATA);
		if (s != NULL) {
			s->fenced = false;
			sub_resume(s);
		}
		topic_unpin(t);
		return;
	}
	if (s != NULL) {
		waiters_fail(
		    s, ERR_NO_SUBSCRIPTION, "Subscription does not exist");
		leasing_fail(s, ERR_NO_SUBSCRIPTION);
		sub_free(&s);
	}
	t->co->ledgers->ops->journal_del(t->co->ledgers, job->journal_id);
	if (t->state == TOPIC_READY)
		topic_trim(t);
	job_end(job, ERR_OK);
	topic_unpin(t);
}

void
sub_delete(struct sub *s, void (*done)(void *priv, enum err), void *priv)
{
	struct topic *t = s->t;
	struct meta *meta = t->co->meta;
	struct meta_txn *tx;
	struct sub_job *job;
	uint8_t key[META_KEY_MAX];
	size_t len;

	CHECK_OBJ_NOTNULL(s, SUB_MAGIC);
	assert(!s->opening && !s->fenced);
	s->fenced = true;
	sub_disconnect(s, ERR_NO_SUBSCRIPTION);
	if (!s->durable || !t->name.persistent) {
		sub_free(&s);
		if (done != NULL)
			done(priv, ERR_OK);
		return;
	}
	job = job_new(s, priv);
	job->done = done;
	job->committing = true;
	tx = meta_txn_new();
	len = sub_record_key(t, str_of(s->name), key);
	meta_txn_del(tx, key, len);
	len = meta_key_id(key, META_DEAD_JOURNAL, s->journal_id);
	meta_txn_put(tx, key, len, "", 0);
	meta->ops->commit(meta, &tx, deleted, job);
}
