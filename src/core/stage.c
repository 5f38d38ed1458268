/* SPDX-License-Identifier: Apache-2.0 */
/* Staging logs: taken up, written, read again behind what the index has. */
#include "core/stage_priv.h"

#include "base/hash.h"

#define NS_PREFIX "persistent://pulsar/system/"
#define LOCAL_PREFIX "__staging-"
#define SUB_NAME "staged"
#define ID_STAGE (UINT64_C(1) << 63) /* topics' indexes have no such ids */
#define LINE_MAX 100000u
#define REPLAY_QUANTUM 1024u
#define RETRY_NS INT64_C(1000000000)

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
/* up to which horizon; then more, and without due time */
static const int64_t horizons[STAGE_CLASSES - 2] = { MINUTE, 8 * MINUTE, HOUR,
	8 * HOUR, 2 * DAY, 10 * DAY, 30 * DAY };

/* --- small things ---------------------------------------------------------------- */

/* It is on disk, so it is made of a hash that never changes. */
uint64_t
stage_target_hash(struct str s)
{
	uint64_t h = (uint64_t)hash_murmur3_32(0, s.p, s.len) << 32 |
	    hash_murmur3_32(0x9747b28c, s.p, s.len);

	return h != 0 ? h : 1;
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

static unsigned
class_of(const struct core *co, int64_t due_ms)
{
	int64_t horizon = due_ms - co->now_ms;
	unsigned i;

	if (due_ms == 0)
		return STAGE_CLASSES - 1;
	for (i = 0; i < STAGE_CLASSES - 2; i++)
		if (horizon <= horizons[i])
			break;
	return i;
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

/* --- OP_STAGE ------------------------------------------------------------------------ */

static void log_open(struct stage_log *);

static void
line_add(struct op_line *line, struct op **opp)
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

static struct op *
line_take(struct op_line *line)
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

static void
staged(void *priv, const struct entry_place *at, enum err e)
{
	struct stage_job *j;
	struct stage *st;
	struct fx *fx;

	CAST_OBJ_NOTNULL(j, priv, STAGE_JOB_MAGIC);
	st = j->st;
	if (e != ERR_OK) {
		stage_job_answer(j, e, NULL);
		return;
	}
	j->it.at = at->locator;
	j->it.order = (uint64_t)at->store_time_ms;
	due_add(st->due, &j->it);
	j->log->added = at->locator;
	fx = core_answer_new(st->co, j->op, FX_STAGED);
	fx->u64 = at->locator;
	fx->pos = at->pos;
	fx->ent.index = at->index;
	fx->i64 = at->store_time_ms;
	core_emit(st->co, &fx);
	stage_job_end(&j);
}

static void
log_append(struct stage_log *l, struct op **opp)
{
	struct op *op = *opp;
	struct stage_env e = {
		.outcome = (enum stage_outcome)op->u32,
		.kind = op->dest.kind,
		.due_ms = op->due_ms,
		.hash = op->u64,
		.attr = op->publish.attr,
		.target = op->topic,
		.owner = op->text,
		.body = op->publish.body,
	};
	struct attr attr = { .format = ENTRY_FORMAT_NONE, .messages_n = 1 };
	struct core *co = l->st->co;
	struct stage_job *j;
	struct slice s;

	if (l->t->state != TOPIC_READY || !topic_has_room(l->t) ||
	    due_is_full(l->st->due)) {
		core_answer(co, opp, ERR_BUSY, NULL);
		return;
	}
	/* from core to core, u32 has its kind as well */
	if (op->dest.kind == DEST_INTERNAL) {
		e.outcome = (enum stage_outcome)(op->u32 & 0xff);
		e.kind = (uint8_t)(op->u32 >> 8);
	}
	attr.publish_time_ms = op->publish.attr.publish_time_ms;
	s = stage_env_write(&e);
	if (op->publish.body.buf != NULL) /* it was copied */
		slice_unref(&op->publish.body);
	j = stage_job_new(l->st, opp);
	j->log = l;
	j->it = stage_item(&e, 0, 0);
	topic_append(l->t, &attr, &s, staged, j);
	slice_unref(&s);
}

static const char *
wrong(const struct op *op)
{
	if (op->due_ms < 0)
		return "Due time is negative";
	if (op->dest.kind != DEST_INTERNAL && op->u32 > STAGE_NOTIFY)
		return "Unknown outcome";
	if (op->text.len > STAGE_OWNER_MAX)
		return "Key is too long";
	if (op->publish.attr.messages_n == 0)
		return "An entry has at least one message";
	return NULL;
}

void
stage_entry(struct topic *t, struct op **opp)
{
	struct core *co = t->co;
	struct stage *st = co->stage;
	struct op *op = *opp;
	struct stage_log *l;

	if (wrong(op) != NULL)
		core_answer(co, opp, ERR_INVALID_ARG, wrong(op));
	else if (!t->name.persistent || t->stage != NULL)
		core_answer(co, opp, ERR_NOT_ALLOWED, NULL);
	else if (t->terminated)
		core_answer(co, opp, ERR_TOPIC_TERMINATED, NULL);
	else if (op->publish.body.len > co->conf.max_message_bytes)
		core_answer(co, opp, ERR_TOO_BIG, NULL);
	else {
		l = &st->logs[class_of(co, op->due_ms)];
		if (l->state == LOG_READY) {
			log_append(l, opp);
			return;
		}
		line_add(&l->line, opp);
		if (l->state == LOG_NONE && !timer_is_set(&l->retry))
			log_open(l);
	}
}

/* --- a log comes up --------------------------------------------------------------------- */

static void
stage_is_ready(struct stage *st)
{
	struct core *co = st->co;
	struct op *op;

	if (st->ready || st->opening_n > 0)
		return;
	st->ready = true;
	stage_kick(st);
	while (st == co->stage && (op = line_take(&co->stage_line)) != NULL) {
		co->stage_line_n--;
		stage_op_now(st, &op);
	}
}

/* The first time, it holds up the others; then it is tried again alone. */
static void
log_settled(struct stage_log *l)
{
	if (!l->waited_for)
		return;
	l->waited_for = false;
	AN(l->st->opening_n);
	l->st->opening_n--;
	stage_is_ready(l->st);
}

static void
log_failed(struct stage_log *l, enum err e)
{
	struct core *co = l->st->co;
	struct op *op;

	l->state = LOG_NONE;
	l->t = NULL;
	l->s = NULL;
	if (l->replay != NULL)
		reader_free(&l->replay);
	while ((op = line_take(&l->line)) != NULL)
		core_answer(co, &op, e, NULL);
	if (l->there && !co->draining)
		timer_set(co->timers, &l->retry, co->now_ns + RETRY_NS);
	log_settled(l);
}

static void
log_ready(struct stage_log *l)
{
	struct op *op;

	l->state = LOG_READY;
	l->there = true;
	while ((op = line_take(&l->line)) != NULL)
		log_append(l, &op);
	log_settled(l);
	stage_kick(l->st);
}

static void
replay_one(struct stage_log *l, const struct entry *ent)
{
	uint64_t at = entry_locator(ent->pos.ledger, (uint64_t)ent->pos.entry);
	struct stage_env e;
	struct due_item it;

	if (at <= l->added || cursor_is_acked(l->s->cur, ent->pos))
		return;
	if (!stage_env_read(&e, ent->body)) {
		l->st->co->damaged++;
		return;
	}
	it = stage_item(&e, at, ent->attr.store_time_ms);
	due_add(l->st->due, &it);
	l->added = at;
}

/* What the index does not have: from where it came to, to the end. */
static void
replay(void *priv)
{
	struct stage_log *l;
	struct entry ent;
	unsigned i;

	CAST_OBJ_NOTNULL(l, priv, STAGE_LOG_MAGIC);
	if (l->st->stopped || l->state != LOG_OPENING)
		return;
	for (i = 0; i < REPLAY_QUANTUM; i++) {
		switch (reader_peek(l->replay, &ent)) {
		case READER_WAIT:
			return;
		case READER_END:
			reader_free(&l->replay);
			log_ready(l);
			return;
		case READER_ENTRY:
			replay_one(l, &ent);
			reader_advance(l->replay);
		}
	}
	timer_set(l->st->co->timers, &l->retry, l->st->co->now_ns);
}

static void
log_subscribed(void *priv, struct sub *s, enum err e)
{
	struct stage_log *l;
	struct pos from;

	CAST_OBJ_NOTNULL(l, priv, STAGE_LOG_MAGIC);
	if (l->st->stopped)
		return;
	if (e != ERR_OK || l->t->state != TOPIC_READY) {
		log_failed(l, e != ERR_OK ? e : ERR_NOT_READY);
		return;
	}
	l->s = s;
	l->t->stage = l;
	from = stage_pos(l->added);
	if (pos_cmp(from, cursor_mark_delete(s->cur)) < 0)
		from = cursor_mark_delete(s->cur);
	l->replay = reader_new(l->t, tlog_next(l->t, from), replay, l);
	replay(l);
}

static void
log_found(struct topic *t, struct op **opp)
{
	struct stage_log *l;
	struct sub *s;

	CAST_OBJ_NOTNULL(
	    l, (void *)(uintptr_t)(*opp)->dest.conn, STAGE_LOG_MAGIC);
	op_free(opp);
	l->t = t;
	t->just_created = false;
	s = sub_find(t, STR_LIT(SUB_NAME));
	if (s != NULL)
		log_subscribed(l, s, ERR_OK);
	else
		sub_create(t, STR_LIT(SUB_NAME),
		    &(struct op_start){ .kind = START_EARLIEST }, NULL, 0,
		    false, log_subscribed, l);
}

static void
log_open(struct stage_log *l)
{
	struct core *co = l->st->co;
	struct op *op;

	op = op_new(OP_TOPIC_TOUCH,
	    (struct dest){ .conn = (uint64_t)(uintptr_t)l,
		.tag = STAGE_TAG_LOG,
		.shard = (uint16_t)co->conf.shard,
		.kind = DEST_INTERNAL });
	op->topic = op_str(op, str_of(l->name));
	l->state = LOG_OPENING;
	topic_with(co, &op, TOPIC_CREATE, log_found);
}

static void
log_retry(void *priv)
{
	struct stage_log *l;

	CAST_OBJ_NOTNULL(l, priv, STAGE_LOG_MAGIC);
	if (l->state == LOG_OPENING)
		replay(l);
	else if (l->state == LOG_NONE && !l->st->co->draining)
		log_open(l);
}

void
stage_log_gone(struct stage_log *l)
{
	CHECK_OBJ_NOTNULL(l, STAGE_LOG_MAGIC);
	if (l->replay != NULL)
		reader_free(&l->replay);
	stage_release_stop(l->st);
	l->t->stage = NULL;
	l->t = NULL;
	l->s = NULL;
	l->state = LOG_NONE;
}

/* --- the index -------------------------------------------------------------------------- */

static void
batch_add(void *priv, struct meta_txn *tx, bool again)
{
	uint8_t key[META_KEY_MAX], val[8];
	struct stage *st = priv;
	struct stage_log *l;
	size_t len;
	unsigned i, k;

	for (i = 0; i < STAGE_CLASSES; i++) {
		l = &st->logs[i];
		if (!again)
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
	stage_is_ready(st);
}

static const struct due_client due_client = {
	.loaded = index_loaded,
	.ready = stage_due_ready,
	.add = batch_add,
	.added = batch_added,
};

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
		l->name = mem_printf(NS_PREFIX LOCAL_PREFIX "%u-%u", n, i);
		timer_init(&l->retry, log_retry, l);
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
			log_open(&st->logs[i]);
		}
	st->opening_n--;
	stage_is_ready(st);
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
		while ((op = line_take(&st->logs[i].line)) != NULL)
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
	while ((op = line_take(&co->stage_line)) != NULL)
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
		line_add(&co->stage_line, opp);
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
		log_failed(l, fx->err);
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
