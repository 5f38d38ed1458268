/* SPDX-License-Identifier: Apache-2.0 */
/* Reads at an index: from memory, by a reader, or waiting; see reads.h. */
#include "core/pace.h"
#include "core/leasing.h"
#include "core/reads_priv.h"

#define UNUSED_MAX 1024u
#define WAIT_MAX_MS INT64_C(86400000)
#define MS_NS INT64_C(1000000)
#define HELD_MS 1000

/* --- objects ----------------------------------------------------------------------- */

void
core_reads_init(struct core *co)
{
	co->reads = mem_zalloc(sizeof *co->reads);
	TAILQ_INIT(&co->reads->unused);
	spots_init(co);
}

void
core_reads_fini(struct core *co)
{
	struct core_reads *cr = co->reads;
	struct reading *r;

	assert(TAILQ_EMPTY(&cr->idle));
	timer_cancel(co->timers, &cr->idle_timer);
	while ((r = TAILQ_FIRST(&cr->unused)) != NULL) {
		TAILQ_REMOVE(&cr->unused, r, link);
		FREE_OBJ(r);
	}
	mem_free(cr->found);
	MEM_FREE(co->reads);
}

static void
reads_make(struct topic *t)
{
	struct reads *rs = t->reads;

	if (rs != NULL)
		return;
	rs = mem_zalloc(sizeof *rs);
	TAILQ_INIT(&rs->tail);
	TAILQ_INIT(&rs->disk);
	TAILQ_INIT(&rs->line);
	TAILQ_INIT(&rs->finds);
	TAILQ_INIT(&rs->spots);
	t->reads = rs;
	if (t->co->reads->found == NULL)
		t->co->reads->found =
		    mem_calloc(READ_AT_MAX, sizeof(struct entry));
}

static void tail_over(void *priv);

static struct reading *
reading_new(struct topic *t, struct op **opp)
{
	struct core_reads *cr = t->co->reads;
	struct reading *r = TAILQ_FIRST(&cr->unused);
	int64_t wait_ms;

	if (r != NULL) {
		TAILQ_REMOVE(&cr->unused, r, link);
		cr->unused_n--;
	} else {
		ALLOC_OBJ(r, READING_MAGIC);
	}
	r->t = t;
	r->op = *opp;
	*opp = NULL;
	r->at = (struct place){ r->op->u64, POS_NONE };
	r->scanned = 0;
	r->state = READING_RUNS;
	r->spot = NULL;
	r->due_ns = 0;
	r->waited = false;
	wait_ms = r->op->read.wait_ms;
	if (wait_ms > WAIT_MAX_MS)
		wait_ms = WAIT_MAX_MS;
	if (wait_ms > 0)
		r->due_ns = t->co->now_ns + wait_ms * MS_NS;
	timer_init(&r->timer, tail_over, r);
	return r;
}

static void
reading_free(struct reading **rp)
{
	struct core_reads *cr;
	struct reading *r;

	TAKE_OBJ_NOTNULL(r, rp, READING_MAGIC);
	AZ(r->op);
	AZ(r->spot);
	cr = r->t->co->reads;
	if (cr->unused_n >= UNUSED_MAX) {
		FREE_OBJ(r);
		return;
	}
	r->t = NULL;
	TAILQ_INSERT_HEAD(&cr->unused, r, link);
	cr->unused_n++;
}

static struct reading_list *
list_of(struct reads *rs, enum reading_state st)
{
	switch (st) {
	case READING_FINDS:
		return &rs->finds;
	case READING_DISK:
		return &rs->disk;
	case READING_LINE:
		return &rs->line;
	case READING_TAIL:
		return &rs->tail;
	case READING_RUNS:
		break;
	}
	WRONG("a read that waits for nothing is in no list");
}

static void
unpark(struct reading *r)
{
	struct reads *rs = r->t->reads;

	TAILQ_REMOVE(list_of(rs, r->state), r, link);
	AN(rs->waiting_n);
	rs->waiting_n--;
	if (r->state == READING_TAIL) {
		timer_cancel(r->t->co->timers, &r->timer);
		r->waited = true;
	}
	r->state = READING_RUNS;
}

/* --- the end ------------------------------------------------------------------------- */

/* Arithmetic can't tell where the next read at this index begins: remember it. */
static void
hint_put(struct topic *t, const struct place *at)
{
	struct reads *rs = t->reads;
	struct pos p;

	if (tlog_place(t, at->index, &p))
		return;
	rs->hint[rs->hint_at++ % HINTS_N] = *at;
}

static bool
hint_get(const struct topic *t, uint64_t index, struct pos *p)
{
	const struct reads *rs = t->reads;
	unsigned i;

	for (i = 0; i < HINTS_N; i++)
		if (rs->hint[i].index == index && rs->hint[i].pos.ledger != 0) {
			*p = rs->hint[i].pos;
			return true;
		}
	return false;
}

static void
leave_spot(struct reading *r)
{
	if (r->spot != NULL)
		spot_put(&r->spot, &r->at);
}

static void
finish(struct reading *r, uint32_t n)
{
	struct topic *t = r->t;
	uint64_t messages = 0, bytes = 0;
	struct entry *found = t->co->reads->found;
	struct fx *fx = core_answer_new(t->co, r->op, FX_ENTRIES);
	uint32_t i;

	fx->u64 = r->at.index;
	fx->u32 = r->waited;
	fx->min_index = tlog_first_index(t);
	fx->max_index = t->log.next_index;
	if (n > 0) {
		fx->entries = fx_mem(fx, n * sizeof *fx->entries);
		memcpy(fx->entries, found, n * sizeof *fx->entries);
		fx->entries_n = n;
		for (i = 0; i < n; i++) {
			fx->entries[i].locator = tlog_locator(t, &found[i]);
			messages += found[i].attr.messages_n;
			bytes += found[i].body.len;
		}
		t->out_messages += messages;
		t->out_bytes += bytes;
		if (unlikely(t->pace != NULL))
			pace_take_read(t, r->at.index, messages, bytes);
	}
	leave_spot(r);
	hint_put(t, &r->at);
	op_free(&r->op);
	reading_free(&r);
	core_emit(t->co, &fx);
}

static void
fail(struct reading *r, enum err e)
{
	struct core *co = r->t->co;
	struct op *op = r->op;

	leave_spot(r);
	r->op = NULL;
	reading_free(&r);
	core_answer(co, &op, e, NULL);
}

/* Waits for something from now on; false: there is no room for it, and it has
 * been answered. */
static bool
park(struct reading *r, enum reading_state st)
{
	struct reads *rs = r->t->reads;

	assert(r->state == READING_RUNS);
	if (rs->waiting_n >= r->t->co->conf.max_waiting_reads) {
		fail(r, ERR_BUSY);
		return false;
	}
	r->state = st;
	TAILQ_INSERT_TAIL(list_of(rs, st), r, link);
	rs->waiting_n++;
	return true;
}

/* --- looking -------------------------------------------------------------------------- */

static bool
matches(const struct op_read *rd, const struct attr *a)
{
	uint32_t i;

	if ((a->flags & ATTR_MARKER) != 0)
		return false;
	/* what is inside of a batch is for who takes it apart to look at */
	if (rd->tags_n == 0 || (a->tag_hash == 0 && (a->flags & ATTR_BATCH)))
		return true;
	for (i = 0; i < rd->tags_n; i++)
		if (rd->tags[i] == a->tag_hash)
			return true;
	return false;
}

/* As reader_peek(), out of memory only. */
static enum reader_result
peek(struct topic *t, struct pos *p, struct entry *ent)
{
	struct ledgers *lgs = t->co->ledgers;
	const struct tledger *tl;

	if (t->log.ledgers_n == 0)
		return READER_END;
	*p = tlog_valid(t, *p);
	if (pos_cmp(*p, t->log.last) > 0)
		return READER_END;
	tl = tlog_find(t, p->ledger);
	AN(tl);
	if (tl->lg != NULL && lgs->ops->peek(lgs, tl->lg, p->entry, ent))
		return READER_ENTRY;
	return READER_WAIT;
}

static enum reader_result
next_entry(struct reading *r, struct entry *ent)
{
	if (r->spot == NULL)
		return peek(r->t, &r->at.pos, ent);
	return reader_peek(r->spot->rd, ent);
}

static void
step_on(struct reading *r)
{
	if (r->spot == NULL)
		r->at.pos.entry++;
	else
		reader_advance(r->spot->rd);
}

/* Takes what is there into core's found, as the limits allow. READER_ENTRY: a
 * limit was met. */
static enum reader_result
scan(struct reading *r, uint32_t *np)
{
	const struct op_read *rd = &r->op->read;
	struct entry *found = r->t->co->reads->found, ent;
	uint64_t messages = 0, bytes = 0, end;
	enum reader_result res;
	uint32_t n = 0;

	while ((res = next_entry(r, &ent)) == READER_ENTRY) {
		end = ent.index + ent.attr.messages_n;
		if (end <= r->at.index) { /* on the way to it */
			step_on(r);
			continue;
		}
		if (!matches(rd, &ent.attr)) {
			r->at.index = end;
			step_on(r);
			if (++r->scanned >= READ_SCAN_MAX)
				break;
			continue;
		}
		messages += ent.attr.messages_n;
		bytes += ent.body.len;
		if (n > 0 &&
		    (messages > rd->max_n || bytes > rd->max_bytes ||
			n == READ_AT_MAX))
			break;
		found[n] = ent;
		found[n++].body = slice_ref(ent.body);
		r->at.index = end;
		step_on(r);
	}
	if (r->spot != NULL)
		r->at.pos = reader_pos(r->spot->rd);
	*np = n;
	return res;
}

/* Outside of what is stored there is nothing to look at or to wait for. */
static bool
outside(struct reading *r)
{
	uint64_t min = tlog_first_index(r->t), max = r->t->log.next_index;

	if (r->at.index >= min && r->at.index <= max)
		return false;
	r->at.index = r->at.index < min ? min : max;
	(void)tlog_place(r->t, r->at.index, &r->at.pos);
	return true;
}

/* Over the topic's rate: as if there were nothing. One that asks for no wait is not
 * answered at once all the same, or it would come again at once. */
static void
hold(struct reading *r)
{
	struct core *co = r->t->co;

	leave_spot(r);
	if (r->due_ns == 0)
		r->due_ns = co->now_ns + HELD_MS * MS_NS;
	if (r->due_ns <= co->now_ns)
		finish(r, 0);
	else if (park(r, READING_TAIL))
		timer_set(co->timers, &r->timer, r->due_ns);
}

/* Until it is answered, or waits for something. */
static void
run(struct reading *r)
{
	enum reader_result res;
	uint32_t n;

	CHECK_OBJ_NOTNULL(r, READING_MAGIC);
	for (;;) {
		if (outside(r)) {
			finish(r, 0);
			return;
		}
		if (unlikely(r->t->pace != NULL) &&
		    r->at.index < r->t->log.next_index &&
		    topic_is_held(r->t, r->at.index)) {
			hold(r);
			return;
		}
		res = scan(r, &n);
		if (res != READER_WAIT || n > 0)
			break;
		if (r->spot != NULL) {
			(void)park(r, READING_DISK);
			return;
		}
		r->spot = spot_get(r->t, &r->at, r);
		if (r->spot == NULL) {
			(void)park(r, READING_LINE);
			return;
		}
	}
	/* what comes next will be in memory */
	if (res == READER_END && r->spot != NULL)
		spot_end(&r->spot);
	if (res == READER_END && n == 0) {
		/* what was lost at the end is passed over */
		r->at.index = r->t->log.next_index;
		if (r->due_ns > r->t->co->now_ns) {
			r->scanned = 0;
			if (park(r, READING_TAIL))
				timer_set(
				    r->t->co->timers, &r->timer, r->due_ns);
			return;
		}
	}
	finish(r, n);
}

/* Spots may have become idle: the first in line go on. */
static void
line_run(struct topic *t)
{
	struct reads *rs = t->reads;
	struct reading *r;
	struct spot *sp;

	while ((r = TAILQ_FIRST(&rs->line)) != NULL) {
		sp = spot_get(t, &r->at, r);
		if (sp == NULL)
			break;
		unpark(r);
		r->spot = sp;
		run(r);
	}
}

/* --- what they wait for ---------------------------------------------------------------- */

void
reading_woken(struct reading *r)
{
	struct topic *t = r->t;

	CHECK_OBJ_NOTNULL(r, READING_MAGIC);
	assert(r->state == READING_DISK);
	topic_pin(t);
	unpark(r);
	run(r);
	line_run(t);
	topic_unpin(t);
}

static void
tail_over(void *priv)
{
	struct reading *r;

	CAST_OBJ_NOTNULL(r, priv, READING_MAGIC);
	assert(r->state == READING_TAIL);
	unpark(r);
	finish(r, 0);
}

void
reads_notify(struct topic *t)
{
	struct reading *r, *last;
	bool end = false;

	if (t->reads == NULL || TAILQ_EMPTY(&t->reads->tail))
		return;
	/* those that go on waiting come behind the last one of now */
	last = TAILQ_LAST(&t->reads->tail, reading_list);
	while (!end) {
		r = TAILQ_FIRST(&t->reads->tail);
		end = r == last;
		unpark(r);
		run(r);
	}
	line_run(t);
}

static void
found(void *priv, struct pos p, enum err e)
{
	struct reading *r;
	struct topic *t;

	CAST_OBJ_NOTNULL(r, priv, READING_MAGIC);
	t = r->t;
	if (r->op == NULL) { /* dropped meanwhile */
		reading_free(&r);
		return;
	}
	unpark(r);
	if (e != ERR_OK) {
		fail(r, e == ERR_NO_LEDGER ? ERR_NO_ENTRY : e);
		return;
	}
	r->at.pos = p;
	run(r);
	line_run(t);
}

/* --- from outside ------------------------------------------------------------------------ */

void
read_at(struct topic *t, struct op **opp)
{
	const struct op_read *rd = &(*opp)->read;
	struct reading *r;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	if (!t->name.persistent) {
		core_answer(t->co, opp, ERR_NOT_ALLOWED,
		    "Non-persistent topics can't be read at an index");
		return;
	}
	if (rd->max_n == 0 || rd->max_n > READ_AT_MAX) {
		core_answer(t->co, opp, ERR_INVALID_ARG, NULL);
		return;
	}
	/* two would move one cursor; a read that waits is no longer asked */
	if (unlikely(t->consumers_n > 0) && sub_is_consumed(t, (*opp)->sub)) {
		core_answer(t->co, opp, ERR_CONSUMER_BUSY,
		    "Consumers of another protocol are connected");
		return;
	}
	reads_make(t);
	topic_touch(t);
	r = reading_new(t, opp);
	r->spot = spot_at(t, r->at.index, r);
	if (outside(r)) {
		finish(r, 0);
		return;
	}
	if (r->spot == NULL && !tlog_place(t, r->at.index, &r->at.pos) &&
	    !hint_get(t, r->at.index, &r->at.pos)) {
		if (park(r, READING_FINDS))
			tlog_find_index(t, r->at.index, found, r);
		return;
	}
	run(r);
	line_run(t);
}

static void
drop(struct reading *r, enum err e)
{
	enum reading_state st = r->state;

	unpark(r);
	if (st != READING_FINDS) {
		if (e != ERR_OK) {
			fail(r, e);
			return;
		}
		leave_spot(r);
		op_free(&r->op);
		reading_free(&r);
		return;
	}
	/* found() ends it */
	if (e != ERR_OK)
		core_answer(r->t->co, &r->op, e, NULL);
	else
		op_free(&r->op);
}

bool
op_cancels(const struct op *by, const struct op *op)
{
	return (op->type == OP_READ_AT || op->type == OP_LEASE) &&
	    op->dest.conn == by->dest.conn &&
	    op->dest.shard == by->dest.shard &&
	    op->dest.kind == by->dest.kind &&
	    (by->req == 0 || by->req == op->req);
}

static void
drop_of(struct reading_list *list, const struct op *by)
{
	struct reading *r, *next;

	for (r = TAILQ_FIRST(list); r != NULL; r = next) {
		next = TAILQ_NEXT(r, link);
		if (op_cancels(by, r->op))
			drop(r, ERR_OK);
	}
}

void
read_cancel(struct core *co, struct op **opp)
{
	struct op *op = *opp;
	struct topic *t = map_get(co->topics, op->topic.p, op->topic.len);

	if (t != NULL && t->state == TOPIC_LOADING)
		topic_load_cancel(t, op);
	else if (t != NULL)
		leasing_cancel(t, op);
	if (t != NULL && t->state != TOPIC_LOADING && t->reads != NULL) {
		drop_of(&t->reads->tail, op);
		drop_of(&t->reads->disk, op);
		drop_of(&t->reads->line, op);
		drop_of(&t->reads->finds, op);
		line_run(t);
	}
	op_free(opp);
}

bool
reads_any(const struct topic *t)
{
	return t->reads != NULL && t->reads->waiting_n > 0;
}

static void
drop_all(struct topic *t, enum err e)
{
	struct reads *rs = t->reads;
	struct reading_list *const lists[] = { &rs->tail, &rs->disk, &rs->line,
		&rs->finds };
	struct reading *r;
	unsigned i;

	for (i = 0; i < NELEM(lists); i++)
		while ((r = TAILQ_FIRST(lists[i])) != NULL)
			drop(r, e);
	spots_free(t);
}

void
reads_end(struct topic *t, enum err e)
{
	if (t->reads != NULL)
		drop_all(t, e);
}

void
reads_drop(struct topic *t)
{
	if (t->reads == NULL)
		return;
	drop_all(t, ERR_OK);
	MEM_FREE(t->reads);
}
