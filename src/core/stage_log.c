/* SPDX-License-Identifier: Apache-2.0 */
/* Staging logs: taken up, written, read again behind what the index has. */
#include "core/stage_priv.h"

#define SUB_NAME "staged"
#define REPLAY_QUANTUM 1024u
#define RETRY_NS INT64_C(1000000000)

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
/* up to which horizon; then more, and without due time */
static const int64_t horizons[STAGE_CLASSES - 2] = { MINUTE, 8 * MINUTE, HOUR,
	8 * HOUR, 2 * DAY, 10 * DAY, 30 * DAY };

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

/* --- OP_STAGE ------------------------------------------------------------------------ */

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
	topic_append(l->t, &attr, &s, op->publish.flush, staged, j);
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
		/* the log that it waits in has no properties */
		if (op->publish.flush == FLUSH_AS_TOPIC)
			op->publish.flush = t->own.flush;
		l = &st->logs[class_of(co, op->due_ms)];
		if (l->state == LOG_READY) {
			log_append(l, opp);
			return;
		}
		stage_line_add(&l->line, opp);
		if (l->state == LOG_NONE && !timer_is_set(&l->retry))
			stage_log_open(l);
	}
}

/* --- a log comes up --------------------------------------------------------------------- */

/* The first time, it holds up the others; then it is tried again alone. */
static void
log_settled(struct stage_log *l)
{
	if (!l->waited_for)
		return;
	l->waited_for = false;
	AN(l->st->opening_n);
	l->st->opening_n--;
	stage_check_ready(l->st);
}

void
stage_log_failed(struct stage_log *l, enum err e)
{
	struct core *co = l->st->co;
	struct op *op;

	l->state = LOG_NONE;
	l->t = NULL;
	l->s = NULL;
	if (l->replay != NULL)
		reader_free(&l->replay);
	while ((op = stage_line_take(&l->line)) != NULL)
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
	while ((op = stage_line_take(&l->line)) != NULL)
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
		stage_log_failed(l, e != ERR_OK ? e : ERR_NOT_READY);
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

void
stage_log_open(struct stage_log *l)
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

void
stage_log_retry(void *priv)
{
	struct stage_log *l;

	CAST_OBJ_NOTNULL(l, priv, STAGE_LOG_MAGIC);
	if (l->state == LOG_OPENING)
		replay(l);
	else if (l->state == LOG_NONE && !l->st->co->draining)
		stage_log_open(l);
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
