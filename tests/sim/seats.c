/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places that are given before there is anything to store (OP_RESERVE, OP_FILL), in
 * topics of their own. What fills a place is stored at the index that was promised
 * with it, and nowhere else; once that was answered it is there, over any crash. A
 * place that stays empty leaves no entry; one that is said to be lost neither. While
 * there are places nobody else appends, and none is lost but by a failure, an unload
 * or the end of the core. A subscription holds all, so that it can be read at the end.
 */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <string.h>

#define TOPICS 2u
#define BODY_MAGIC32 0x5ea75ea7u

enum state {
	GIVEN, /* nobody has filled it */
	ASKED, /* OP_FILL is under way */
	STORED, /* it was said to be */
	NOTHING, /* as it was said to be */
	LOST /* it was said to be, or its core has gone */
};

struct seat {
	unsigned topic;
	enum state state;
	uint64_t index;
	int64_t name;
	uint64_t req; /* of OP_FILL */
	uint32_t life; /* names are a core's */
	bool nothing;
	bool there; /* it was stored, for sure */
	struct pos pos; /* where */
};

struct seat_body {
	uint32_t magic, topic, no, len;
};

struct light {
	char name[64];
	struct sess *se;
	bool holding, held; /* its subscription is being made; is there */
	bool shaky; /* what was given so far may be lost */
	bool conflict; /* some was, and what failed is still to be said */
	uint64_t intruder; /* a producer's request; 0: none */
	bool intruded; /* it is open, or about to be closed */
	uint64_t read_req, read_at; /* of OP_READ_AT; 0: none */
	uint64_t reserves; /* under way */
	uint64_t read_next, max_index;
};

static struct light lights[TOPICS];
static struct seat *seats;
static uint32_t seats_n, seats_cap;

/* --- asking -------------------------------------------------------------------------- */

static struct op *
op_for(struct sim *w, unsigned i, enum op_type type)
{
	struct light *l = &lights[i];
	struct op *op;

	if (l->se == NULL) {
		(void)snprintf(l->name, sizeof l->name,
		    "persistent://public/default/l%u", i);
		l->se = sess_admin(w, NULL);
	}
	op = op_new(type,
	    (struct dest){ .tag = l->se->tag,
		.shard = (uint16_t)world_shard_of(w, l->name),
		.kind = DEST_TEST });
	op->req = ++w->req;
	op->topic = op_str(op, str_of(l->name));
	return op;
}

static void
give(struct sim *w, unsigned i, struct op *op)
{
	struct core *co = w->sh[world_shard_of(w, lights[i].name)].co;

	core_set_time(co, w->wall_ms, w->mono_ns);
	core_op(co, &op);
}

static void
hold(struct sim *w, unsigned i)
{
	struct op *op = op_for(w, i, OP_SUB_CREATE);

	op->sub = op_str(op, STR_LIT("all"));
	op->start.kind = START_EARLIEST;
	lights[i].holding = true;
	give(w, i, op);
}

static void
reserve(struct sim *w, unsigned i)
{
	lights[i].reserves++;
	give(w, i, op_for(w, i, OP_RESERVE));
}

static void
fill(struct sim *w, uint32_t no, bool nothing)
{
	struct seat *s = &seats[no];
	struct op *op = op_for(w, s->topic, OP_FILL);
	struct seat_body b = { BODY_MAGIC32, s->topic, no,
		(uint32_t)rnd(w, 300) };
	struct buf *buf = buf_new((uint32_t)sizeof b + b.len);

	memcpy(buf->data, &b, sizeof b);
	memset(buf->data + sizeof b, (int)(no & 0xff), b.len);
	buf->len = (uint32_t)sizeof b + b.len;
	op->publish.body = (struct slice){ buf, buf->data, buf->len };
	op->publish.attr = (struct attr){ .format = ENTRY_FORMAT_REFERENCE,
		.messages_n = 1,
		.sequence = -1 };
	op->u64 = (uint64_t)s->name;
	op->flag = nothing;
	if (s->state == GIVEN) {
		s->state = ASKED;
		s->nothing = nothing;
		s->req = op->req;
	}
	trace(w, "place %u of l%u, %" PRIu64 ", is filled%s", no, s->topic,
	    s->index, nothing ? " with nothing" : "");
	give(w, s->topic, op);
}

static void
read_from(struct sim *w, unsigned i, uint64_t index)
{
	struct op *op = op_for(w, i, OP_READ_AT);

	op->u64 = index;
	op->read.max_n = 1 + (uint32_t)rnd(w, 200);
	op->read.max_bytes = 1 + (uint32_t)rnd(w, 1 << 16);
	lights[i].read_req = op->req;
	lights[i].read_at = index;
	give(w, i, op);
}

/* A producer, who may not be there while there are places. */
static void
intrude(struct sim *w, unsigned i)
{
	struct op *op = op_for(w, i, OP_PRODUCER_OPEN);

	lights[i].intruder = op->req;
	lights[i].intruded = true;
	give(w, i, op);
}

static void
unload(struct sim *w, unsigned i)
{
	w->st.unloads++;
	lights[i].shaky = true;
	give(w, i, op_for(w, i, OP_TOPIC_UNLOAD));
}

static bool
is_open(const struct seat *s)
{
	return s->state == GIVEN || s->state == ASKED;
}

/* One that is not filled, from a random one on; seats_n: there is none */
static uint32_t
some_given(struct sim *w, unsigned i)
{
	uint32_t k, no;

	for (k = seats_n > 0 ? (uint32_t)rnd(w, seats_n) : 0, no = 0;
	     no < seats_n; no++, k = (k + 1) % seats_n)
		if (seats[k].topic == i && seats[k].state == GIVEN)
			return k;
	return seats_n;
}

static void
act(struct sim *w)
{
	unsigned i = (unsigned)rnd(w, TOPICS);
	struct light *l = &lights[i];
	uint64_t d = rnd(w, 100);
	uint32_t no;

	if (l->conflict && !l->shaky && !w->sick)
		violation(w, "l%u: places are lost for no reason", i);
	if (!l->held) {
		if (!l->holding)
			hold(w, i);
		return;
	}
	if (d < 40)
		reserve(w, i);
	else if (d < 85) {
		no = some_given(w, i);
		if (no < seats_n)
			fill(w, no, chance(w, 15));
	} else if (d < 90 && seats_n > 0) {
		/* a place is filled once */
		no = (uint32_t)rnd(w, seats_n);
		if (seats[no].life == w->life && seats[no].state != GIVEN &&
		    seats[no].state != LOST)
			fill(w, no, chance(w, 15));
	} else if (d < 96 && l->read_req == 0)
		read_from(w, i, rnd(w, l->max_index + 1));
	else if (d < 98 && !l->intruded)
		intrude(w, i);
	else if (rnd(w, 1000) < 10 * w->unloads)
		unload(w, i);
}

void
seats_act(struct sim *w)
{
	uint64_t n = 1 + rnd(w, 6);

	while (n-- > 0)
		act(w);
}

/* --- what is known -------------------------------------------------------------------- */

/* The last place in line; NULL: there is none */
static const struct seat *
last_open(unsigned i)
{
	uint32_t no;

	for (no = seats_n; no > 0; no--)
		if (seats[no - 1].topic == i && is_open(&seats[no - 1]))
			return &seats[no - 1];
	return NULL;
}

/* An entry that is in the log for sure */
void
seats_stored(struct sim *w, const struct entry *ent)
{
	struct seat_body b;
	struct seat *s;

	if (ent->body.len < sizeof b)
		violation(w, "a place is filled with %u bytes", ent->body.len);
	memcpy(&b, ent->body.p, sizeof b);
	if (b.magic != BODY_MAGIC32 || b.no >= seats_n ||
	    ent->body.len != sizeof b + b.len || seats[b.no].topic != b.topic)
		violation(w, "a place is filled with what nobody sent");
	s = &seats[b.no];
	if (ent->index != s->index)
		violation(w,
		    "l%u: stored at %" PRIu64 ", its place is %" PRIu64,
		    b.topic, ent->index, s->index);
	if (s->there && !pos_eq(s->pos, ent->pos))
		violation(w, "l%u: place %" PRIu64 " is stored twice", b.topic,
		    s->index);
	if (s->state == GIVEN || s->nothing)
		violation(w, "l%u: %" PRIu64 " is there, nobody stored it",
		    b.topic, s->index);
	s->there = true;
	s->pos = ent->pos;
}

/* Places of a core that goes */
static void
lose(unsigned i)
{
	uint32_t no;

	for (no = 0; no < seats_n; no++)
		if (seats[no].topic == i && is_open(&seats[no]))
			seats[no].state = LOST;
}

void
seats_drain(void)
{
	unsigned i;

	for (i = 0; i < TOPICS; i++)
		lights[i].shaky = true;
}

void
seats_crash(void)
{
	struct light *l;
	unsigned i;

	for (i = 0; i < TOPICS; i++) {
		l = &lights[i];
		lose(i);
		l->intruder = l->read_req = l->reserves = 0;
		l->intruded = l->shaky = l->conflict = l->holding = false;
	}
}

void
seats_ledger_gone(struct sim *w, uint64_t ledger, int64_t before)
{
	uint32_t no;

	for (no = 0; no < seats_n; no++)
		if (seats[no].there && seats[no].pos.ledger == ledger &&
		    seats[no].pos.entry < before)
			violation(w, "l%u: %" PRIu64 " is trimmed, and held",
			    seats[no].topic, seats[no].index);
}

void
seats_ledger_opened(struct sim *w, const struct ledger_info *li)
{
	uint32_t no;

	for (no = 0; no < seats_n; no++)
		if (seats[no].there && seats[no].pos.ledger == li->id &&
		    seats[no].pos.entry > li->last_entry)
			violation(w, "l%u: %" PRIu64 " is lost",
			    seats[no].topic, seats[no].index);
}

/* --- answers ---------------------------------------------------------------------------- */

static void
reserved(struct sim *w, unsigned i, const struct fx *fx)
{
	const struct seat *last = last_open(i);
	struct light *l = &lights[i];
	uint64_t want;

	l->reserves--;
	if (fx->err == ERR_BUSY && !l->intruded && !l->shaky && !w->sick)
		violation(w, "l%u: no place is given", i);
	if (fx->err != ERR_OK)
		return;
	if (l->intruded && l->intruder == 0)
		violation(w, "l%u: a place beside a producer", i);
	/* lost ones may be in line as far as we know */
	want = last != NULL ? last->index + 1 : fx->max_index;
	if (l->shaky || w->sick ? fx->u64 < fx->max_index : fx->u64 != want)
		violation(w, "l%u: place %" PRIu64 ", should be %" PRIu64, i,
		    fx->u64, want);
	if (last != NULL && fx->i64 <= last->name)
		violation(w, "l%u: a name is given twice", i);
	if (seats_n == seats_cap) {
		seats_cap = seats_cap == 0 ? 256 : seats_cap * 2;
		seats = mem_reallocarray(seats, seats_cap, sizeof *seats);
	}
	seats[seats_n++] = (struct seat){ .topic = i,
		.index = fx->u64,
		.name = fx->i64,
		.life = w->life,
		.pos = POS_NONE };
	w->st.places++;
	if (l->max_index < fx->max_index)
		l->max_index = fx->max_index;
}

static void
filled(struct sim *w, unsigned i, const struct fx *fx)
{
	struct light *l = &lights[i];
	struct seat *s;
	uint32_t no;

	for (no = 0; no < seats_n; no++)
		if (seats[no].req == fx->req)
			break;
	if (no == seats_n) { /* the second time */
		if (fx->err == ERR_OK)
			violation(w, "l%u: a place is filled twice", i);
		return;
	}
	s = &seats[no];
	if (s->state == LOST)
		violation(w, "l%u: %" PRIu64 " is answered by another core", i,
		    s->index);
	if (fx->err == ERR_OK) {
		s->state = s->nothing ? NOTHING : STORED;
		w->st.filled += s->there;
		if (s->there == s->nothing)
			violation(w, "l%u: %" PRIu64 " is %s", i, s->index,
			    s->there ? "there" : "not there");
		return;
	}
	if (fx->err == ERR_CONFLICT && s->there)
		violation(w, "l%u: %" PRIu64 " is there, said to be lost", i,
		    s->index);
	s->state = LOST;
	if (fx->err == ERR_CONFLICT)
		l->conflict = true;
	else if (fx->err == ERR_IO || fx->err == ERR_NO_SPACE || l->shaky)
		l->shaky = true;
	else
		violation(w, "l%u: %" PRIu64 " is lost: %s", i, s->index,
		    err_text(fx->err));
}

static void
was_read(struct sim *w, unsigned i, const struct fx *fx)
{
	struct light *l = &lights[i];
	uint64_t at = l->read_at;
	uint32_t k, no;
	bool found;

	l->read_req = 0;
	if (fx->err != ERR_OK)
		return;
	for (k = 0; k < fx->entries_n; k++) {
		seats_stored(w, &fx->entries[k]);
		if (fx->entries[k].index < at ||
		    fx->entries[k].index >= fx->u64)
			violation(w, "l%u: read at %" PRIu64 " gives %" PRIu64,
			    i, l->read_at, fx->entries[k].index);
		at = fx->entries[k].index + 1;
	}
	for (no = 0; no < seats_n; no++) {
		if (seats[no].topic != i || !seats[no].there ||
		    seats[no].index < l->read_at || seats[no].index >= fx->u64)
			continue;
		for (found = false, k = 0; k < fx->entries_n && !found; k++)
			found = pos_eq(fx->entries[k].pos, seats[no].pos);
		if (!found)
			violation(w,
			    "l%u: read at %" PRIu64 " passes over %" PRIu64, i,
			    l->read_at, seats[no].index);
	}
	l->read_next = fx->u64;
	if (l->max_index < fx->max_index)
		l->max_index = fx->max_index;
}

static void
leave(struct sim *w, unsigned i, uint64_t handle)
{
	struct op *op = op_for(w, i, OP_PRODUCER_CLOSE);
	struct msg *m = msg_new(MSG_OP, lights[i].se->tag);

	op->topic = STR_NONE; /* the handle says which shard */
	op->handle = handle;
	m->op = op;
	STAILQ_INSERT_TAIL(&w->late, m, link);
}

static void
intruded(struct sim *w, unsigned i, const struct fx *fx)
{
	struct light *l = &lights[i];

	l->intruder = 0;
	if (fx->err != ERR_OK) {
		l->intruded = false;
		return;
	}
	if (last_open(i) != NULL && !l->shaky && !w->sick)
		violation(w, "l%u: a producer beside places", i);
	leave(w, i, fx->handle);
}

static void
answered(struct sim *w, unsigned i, const struct fx *fx)
{
	struct light *l = &lights[i];

	if (fx->op == OP_RESERVE)
		reserved(w, i, fx);
	else if (fx->op == OP_FILL)
		filled(w, i, fx);
	else if (fx->op == OP_READ_AT)
		was_read(w, i, fx);
	else if (fx->op == OP_PRODUCER_OPEN)
		intruded(w, i, fx);
	else if (fx->op == OP_PRODUCER_CLOSE)
		l->intruded = false;
	else if (fx->op == OP_SUB_CREATE) {
		l->holding = false;
		l->held = fx->err == ERR_OK || fx->err == ERR_EXISTS;
	} else if (fx->op == OP_TOPIC_UNLOAD && fx->err == ERR_OK)
		lose(i);
}

bool
seats_answered(struct sim *w, const struct fx *fx)
{
	unsigned i;

	for (i = 0; i < TOPICS; i++) {
		if (lights[i].se == NULL || lights[i].se->tag != fx->dest.tag)
			continue;
		trace(w, "l%u: answer to op %d: %s, %" PRIu64, i, (int)fx->op,
		    err_text(fx->err), fx->u64);
		if (fx->type == FX_PRODUCER_CLOSED)
			lights[i].intruded = false;
		else
			answered(w, i, fx);
		return true;
	}
	return false;
}

/* --- the end ------------------------------------------------------------------------------ */

void
seats_fill_all(struct sim *w)
{
	uint32_t no;

	for (no = seats_n; no > 0; no--)
		if (seats[no - 1].state == GIVEN)
			fill(w, no - 1, chance(w, 15));
}

void
seats_check_rest(struct sim *w)
{
	uint32_t no;

	for (no = 0; no < seats_n; no++)
		if (is_open(&seats[no]))
			violation(w, "l%u: place %" PRIu64 " is never answered",
			    seats[no].topic, seats[no].index);
}

/* Asks for what follows; false: both were read to their ends. */
bool
seats_read_next(struct sim *w, bool first)
{
	struct light *l;
	bool more = false;
	unsigned i;

	for (i = 0; i < TOPICS; i++) {
		l = &lights[i];
		if (!l->held)
			continue;
		if (first)
			l->read_next = 0;
		else if (l->read_next >= l->max_index)
			continue;
		more = true;
		if (l->read_req == 0)
			read_from(w, i, l->read_next);
	}
	return more;
}
