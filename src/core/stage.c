/* SPDX-License-Identifier: Apache-2.0 */
/* Staging: its life, its index, who asks. stage_log.c has the logs. */
#include "core/stage_priv.h"

#include "base/hash.h"

#define LOCAL_PREFIX "__staging-"
#define ID_STAGE (UINT64_C(1) << 63) /* topics' indexes have no such ids */
#define LINE_MAX 100000u
#define RETRY_NS INT64_C(1000000000)

/* --- small things ---------------------------------------------------------------- */

/* It is on disk, so it is made of a hash that never changes. */
uint64_t
stage_target_hash(struct str s)
{
	uint64_t h = hash_murmur3_pair(0, 0x9747b28c, s.p, s.len);

	return h != 0 ? h : 1;
}

bool
stage_is_log(struct str full)
{
	return str_starts(full, STR_LIT(TOPIC_STAGING));
}

/* Each entry of a staging log is one message. */
struct pos
stage_pos(uint64_t at)
{
	return (
	    struct pos){ locator_ledger(at), (int64_t)locator_distance(at) };
}

struct due_item
stage_item(const struct stage_env *e, uint64_t at, int64_t store_ms)
{
	return (struct due_item){
		.due_ms = e->due_ms > 0 ? e->due_ms : STAGE_NO_DUE,
		.order = (uint64_t)store_ms,
		.at = at,
		.hash = e->hash,
		.target = stage_target_hash(e->target),
	};
}

void
stage_kick(struct stage *st)
{
	st->kicked = true;
}

struct stage_log *
stage_log_of(struct stage *st, uint64_t at, bool *opening)
{
	struct stage_log *l;
	unsigned i;

	*opening = false;
	for (i = 0; i < STAGE_CLASSES; i++) {
		l = &st->logs[i];
		if (l->state == LOG_READY &&
		    tlog_find(l->t, locator_ledger(at)) != NULL)
			return l;
		if (l->there && l->state != LOG_READY)
			*opening = true;
	}
	return NULL;
}

bool
stage_is_staged(const struct stage_log *l, struct pos p)
{
	return l->state == LOG_READY && pos_cmp(p, l->t->log.last) <= 0 &&
	    !cursor_is_acked(l->s->cur, p);
}

void
stage_ack(struct stage_log *l, struct pos p)
{
	if (l->s == NULL)
		return;
	(void)cursor_ack(l->s->cur, p, 1);
	l->dirty = true;
	stage_kick(l->st);
}

size_t
stage_ack_delta(const struct stage_log *l, uint64_t at, struct journal **j,
    uint8_t delta[static RIDER_MAX])
{
	return l->s == NULL ?
	    0 :
	    cursor_ack_delta(l->s->cur, stage_pos(at), 1, j, delta);
}

void
stage_fx_fill(struct fx *fx, const struct stage_env *e,
    const struct due_item *it, const struct entry *ent)
{
	fx->u64 = it->at;
	fx->i64 = it->due_ms != STAGE_NO_DUE ? it->due_ms : 0;
	fx->u32 = e->outcome;
	fx->text = fx_str(fx, e->owner);
	fx->strings_n = 1;
	fx->strings = fx_mem(fx, sizeof *fx->strings);
	fx->strings[0] = fx_str(fx, e->target);
	fx->pos = ent->pos;
	fx->ent = *ent;
	fx->ent.attr = e->attr;
	fx->ent.attr.store_time_ms = ent->attr.store_time_ms;
	fx->ent.body = slice_ref(e->body);
}

/* --- jobs -------------------------------------------------------------------------- */

struct stage_job *
stage_job_new(struct stage *st, struct op **opp)
{
	struct stage_job *j;

	ALLOC_OBJ(j, STAGE_JOB_MAGIC);
	j->st = st;
	j->op = *opp;
	*opp = NULL;
	LIST_INSERT_HEAD(&st->jobs, j, link);
	return j;
}

void
stage_job_end(struct stage_job **jp)
{
	struct stage_job *j;
	struct stage *st;

	TAKE_OBJ_NOTNULL(j, jp, STAGE_JOB_MAGIC);
	st = j->st;
	LIST_REMOVE(j, link);
	if (j->held)
		(void)umap_del(&st->busy, j->it.at);
	if (j->op != NULL)
		op_free(&j->op);
	if (j->fx != NULL)
		fx_free(&j->fx);
	mem_free(j->found);
	FREE_OBJ(j);
	stage_kick(st);
}

void
stage_job_answer(struct stage_job *j, enum err e, const char *diag)
{
	if (j->st->stopped)
		return;
	core_answer(j->st->co, &j->op, e, diag);
	stage_job_end(&j);
}

/* --- lines ---- */

void
stage_line_add(struct op_line *line, struct op **opp)
{
	struct op *op = *opp;

	*opp = NULL;
	op->link.next = NULL;
	if (line->tail != NULL)
		line->tail->link.next = &op->link;
	else
		line->head = op;
	line->tail = op;
}

struct op *
stage_line_take(struct op_line *line)
{
	struct op *op = line->head;

	if (op == NULL)
		return NULL;
	line->head = (struct op *)op->link.next;
	if (line->head == NULL)
		line->tail = NULL;
	op->link.next = NULL;
	return op;
}

/* --- the index -------------------------------------------------------------------------- */

static void
batch_add(void *priv, struct meta_txn *tx)
{
	uint8_t key[META_KEY_MAX], val[8];
	struct stage *st = priv;
	struct stage_log *l;
	size_t len;
	unsigned i, k;

	for (i = 0; i < STAGE_CLASSES; i++) {
		l = &st->logs[i];
		l->covering = l->added;
		if (l->covering == l->covered)
			continue;
		len = due_key(key, st->id, 'u', i);
		for (k = 0; k < 8; k++)
			val[k] = (uint8_t)(l->covering >> (56 - 8 * k));
		meta_txn_put(tx, key, len, val, sizeof val);
	}
}

static void
batch_added(void *priv)
{
	struct stage *st = priv;
	unsigned i;

	for (i = 0; i < STAGE_CLASSES; i++)
		st->logs[i].covered = st->logs[i].covering;
}

static void
index_loaded(void *priv)
{
	struct stage *st = priv;

	AN(st->opening_n);
	st->opening_n--;
	stage_check_ready(st);
}

static const struct due_client due_client = {
	.loaded = index_loaded,
	.ready = stage_due_ready,
	.add = batch_add,
	.added = batch_added,
};

void
stage_check_ready(struct stage *st)
{
	struct core *co = st->co;
	struct op *op;

	if (st->ready || st->opening_n > 0)
		return;
	st->ready = true;
	stage_kick(st);
	while (st == co->stage &&
	    (op = stage_line_take(&co->stage_line)) != NULL) {
		co->stage_line_n--;
		stage_op_now(st, &op);
	}
}

/* --- life --------------------------------------------------------------------------------- */

static void
wait_over(void *priv)
{
	stage_kick(priv);
}

static struct stage *
stage_new(struct core *co, unsigned n)
{
	struct stage *st;
	struct stage_log *l;
	unsigned i;

	ALLOC_OBJ(st, STAGE_MAGIC);
	st->co = co;
	st->n = n;
	st->id = ID_STAGE | n;
	st->due = due_new(co, st->id, &due_client, st);
	LIST_INIT(&st->jobs);
	umap_init(&st->busy, co->conf.hash_seed, 1u << 30);
	umap_init(&st->known, co->conf.hash_seed, 1u << 30);
	timer_init(&st->again, wait_over, st);
	for (i = 0; i < STAGE_CLASSES; i++) {
		l = &st->logs[i];
		l->magic = STAGE_LOG_MAGIC;
		l->st = st;
		l->cls = i;
		l->name = mem_printf(TOPIC_STAGING "%u-%u", n, i);
		timer_init(&l->retry, stage_log_retry, l);
	}
	LIST_INSERT_HEAD(&co->stages, st, link);
	if (n == co->conf.shard)
		co->stage = st;
	return st;
}

static void
covered_got(void *priv, enum err e, const void *key, size_t klen,
    const void *val, size_t len)
{
	const uint8_t *k = key, *v = val;
	struct stage *st;
	struct stage_log *l;
	unsigned i;

	CAST_OBJ_NOTNULL(st, priv, STAGE_MAGIC);
	if (key != NULL) {
		if (klen != 2 + 16 || len != 8 || k[klen - 1] >= STAGE_CLASSES)
			return;
		l = &st->logs[k[klen - 1]];
		for (l->covered = 0, i = 0; i < 8; i++)
			l->covered = l->covered << 8 | v[i];
		l->added = l->covering = l->covered;
		return;
	}
	if (e != ERR_OK) {
		/* without it everything is read again */
		for (i = 0; i < STAGE_CLASSES; i++)
			st->logs[i].added = st->logs[i].covered = 0;
		st->co->damaged++;
	}
	st->opening_n = 2; /* the index, and this loop */
	due_load(st->due);
	for (i = 0; i < STAGE_CLASSES; i++)
		if (st->logs[i].there) {
			st->opening_n++;
			st->logs[i].waited_for = true;
			stage_log_open(&st->logs[i]);
		}
	st->opening_n--;
	stage_check_ready(st);
}

static void
stage_start(struct stage *st)
{
	uint8_t key[META_KEY_MAX];
	struct meta *m = st->co->due_meta;
	size_t len = due_key(key, st->id, 'u', 0) - 8;

	m->ops->list(m, key, len, 0, true, covered_got, st);
}

static struct stage *
stage_by_n(struct core *co, unsigned n)
{
	struct stage *st;

	LIST_FOREACH(st, &co->stages, link)
		if (st->n == n)
			return st;
	return stage_new(co, n);
}

static void
log_listed(void *priv, enum err e, const void *key, size_t klen,
    const void *val, size_t len)
{
	const size_t pre = strlen(META_TOPIC "pulsar/system/" LOCAL_PREFIX);
	char text[32];
	unsigned n, cls;
	struct core *co;
	struct stage *st;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(co, priv, CORE_MAGIC);
	if (key == NULL && e != ERR_OK) {
		timer_set(co->timers, &co->stage_boot, co->now_ns + RETRY_NS);
		return;
	}
	if (key == NULL) {
		LIST_FOREACH(st, &co->stages, link)
			stage_start(st);
		return;
	}
	if (klen <= pre || klen - pre >= sizeof text)
		return;
	memcpy(text, (const char *)key + pre, klen - pre);
	text[klen - pre] = '\0';
	if (sscanf(text, "%u-%u", &n, &cls) != 2 || cls >= STAGE_CLASSES ||
	    n % co->conf.shards_n != co->conf.shard)
		return;
	stage_by_n(co, n)->logs[cls].there = true;
}

void
stages_boot(struct core *co)
{
	const char *pre = META_TOPIC "pulsar/system/" LOCAL_PREFIX;

	if (co->draining)
		return;
	(void)stage_by_n(co, co->conf.shard);
	co->meta->ops->list(
	    co->meta, pre, strlen(pre), 0, false, log_listed, co);
}

void
stages_stop(struct core *co)
{
	struct stage *st;
	unsigned i;

	LIST_FOREACH(st, &co->stages, link) {
		st->stopped = true;
		stage_release_stop(st);
		for (i = 0; i < STAGE_CLASSES; i++)
			if (st->logs[i].replay != NULL)
				reader_free(&st->logs[i].replay);
	}
}

static void
stage_free(struct stage *st)
{
	struct core *co = st->co;
	struct stage_known *k;
	struct stage_job *j;
	struct op *op;
	unsigned i;

	LIST_REMOVE(st, link);
	stage_release_free(st);
	while ((j = LIST_FIRST(&st->jobs)) != NULL)
		stage_job_end(&j);
	timer_cancel(co->timers, &st->again);
	for (i = 0; i < STAGE_CLASSES; i++) {
		timer_cancel(co->timers, &st->logs[i].retry);
		while ((op = stage_line_take(&st->logs[i].line)) != NULL)
			op_free(&op);
		mem_free(st->logs[i].name);
	}
	while ((k = umap_pop(&st->known)) != NULL)
		mem_free(k);
	umap_fini(&st->known);
	umap_fini(&st->busy);
	due_free(&st->due);
	FREE_OBJ(st);
}

void
stages_free(struct core *co)
{
	struct stage *st;
	struct op *op;

	timer_cancel(co->timers, &co->stage_boot);
	while ((st = LIST_FIRST(&co->stages)) != NULL)
		stage_free(st);
	co->stage = NULL;
	while ((op = stage_line_take(&co->stage_line)) != NULL)
		op_free(&op);
}

/* --- from the core -------------------------------------------------------------------------- */

void
stage_op(struct core *co, struct op **opp)
{
	if (co->draining)
		core_answer(co, opp, ERR_NOT_READY, "Broker is shutting down");
	else if (co->stage != NULL && co->stage->ready)
		stage_op_now(co->stage, opp);
	else if (co->stage_line_n >= LINE_MAX)
		core_answer(co, opp, ERR_BUSY, NULL);
	else {
		co->stage_line_n++;
		stage_line_add(&co->stage_line, opp);
	}
}

bool
stages_run(struct core *co)
{
	struct stage *st;
	bool more = false;

	LIST_FOREACH(st, &co->stages, link)
		if (st->kicked)
			more |= stage_run(st);
	return more;
}

bool
stages_ready(const struct core *co)
{
	const struct stage *st;

	LIST_FOREACH(st, &co->stages, link)
		if (st->kicked)
			return true;
	return false;
}

bool
stages_idle(const struct core *co)
{
	const struct stage *st;

	LIST_FOREACH(st, &co->stages, link)
		if (st->busy_n > 0 || !LIST_EMPTY(&st->jobs))
			return false;
	return true;
}

void
stages_stats(const struct core *co, struct stage_stats *to)
{
	const struct stage *st;

	memset(to, 0, sizeof *to);
	LIST_FOREACH(st, &co->stages, link) {
		to->staged += due_total(st->due);
		to->appended += st->st.appended;
		to->notified += st->st.notified;
		to->dropped += st->st.dropped;
		to->put_off += st->st.put_off;
		to->recalled += st->st.recalled;
		to->resolved += st->st.resolved;
		if (st->st.late_ms > to->late_ms)
			to->late_ms = st->st.late_ms;
	}
}

void
stage_answered(struct core *co, const struct fx *fx)
{
	struct stage_log *l;
	struct stage *st;

	switch (fx->dest.tag) {
	case STAGE_TAG_LOG: /* it could not be opened */
		CAST_OBJ_NOTNULL(
		    l, (void *)(uintptr_t)fx->dest.conn, STAGE_LOG_MAGIC);
		stage_log_failed(l, fx->err);
		break;
	case STAGE_TAG_TARGET:
		LIST_FOREACH(st, &co->stages, link)
			stage_target_answered(st, fx->dest.conn, fx->err);
		break;
	case STAGE_TAG_MOVE:
		LIST_FOREACH(st, &co->stages, link)
			stage_moved(st, fx->dest.conn, fx->err);
		break;
	default:
		break;
	}
}
