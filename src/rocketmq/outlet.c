/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What publishes of all sessions of a shard to one queue go through: a producer
 * of the core. Receipts come in the order of the publishes, so what a publish
 * wants done stands in a ring. It opens with the first message and closes when
 * none has come for a while.
 */
#include "core/name.h"
#include "rocketmq/measure.h"
#include "rocketmq/stat.h"

#define UNUSED_NS INT64_C(60000000000)
#define RING_MIN 16u
#define RING_MAX (1u << 16)

enum outlet_state {
	OUTLET_CLOSED,
	OUTLET_OPENING, /* the core was asked */
	OUTLET_OPEN
};

struct outlet {
	unsigned magic;
#define OUTLET_MAGIC 0x40c30071
	struct rmq *rm;
	struct rmq_topic *t;
	uint32_t queue;
	uint64_t number;
	enum outlet_state state;
	bool throttled; /* what comes waits in the core, and may fail */
	uint64_t handle;
	struct outlet_msg *ring; /* power of two */
	uint32_t head, n, cap;
	uint32_t sent_n; /* the first of them are at the core */
	int64_t used_ns;
	bool is_due;
	STAILQ_ENTRY(outlet) due_link;
	struct rmq_counted counted; /* not yet in the statistics */
};

/* --- ring ------------------------------------------------------------------- */

static struct outlet_msg *
at(const struct outlet *o, uint32_t i)
{
	return &o->ring[(o->head + i) & (o->cap - 1)];
}

static void
grow(struct outlet *o)
{
	uint32_t cap = o->cap > 0 ? 2 * o->cap : RING_MIN, i;
	struct outlet_msg *ring = mem_calloc(cap, sizeof *ring);

	for (i = 0; i < o->n; i++)
		ring[i] = *at(o, i);
	mem_free(o->ring);
	o->ring = ring;
	o->cap = cap;
	o->head = 0;
}

/* The first of the ring has ended. */
static void
end_first(struct outlet *o, const struct fx_receipt *r)
{
	struct outlet_msg m = *at(o, 0);

	o->head = (o->head + 1) & (o->cap - 1);
	o->n--;
	if (o->sent_n > 0)
		o->sent_n--;
	if (r->err == ERR_OK) {
		o->counted.times++;
		o->counted.messages += m.attr.messages_n;
		o->counted.bytes += m.bytes;
		rmq_measure_size(m.size, m.bytes, m.attr.messages_n);
	}
	if (m.body.buf != NULL)
		slice_unref(&m.body);
	m.done(o->rm, &m, r);
}

void
outlet_count(struct outlet *o)
{
	if (o->counted.times == 0)
		return;
	rmq_stat_put(o->rm, o->t->name, &o->counted);
	memset(&o->counted, 0, sizeof o->counted);
}

static void
fail_all(struct outlet *o, enum err e)
{
	struct fx_receipt r = { .err = e };
	uint32_t n = o->n;

	/* what a failure makes anew comes behind these */
	while (n-- > 0)
		end_first(o, &r);
}

/* --- to the core ------------------------------------------------------------ */

static void
open_it(struct outlet *o)
{
	char name[NAME_MAX_BYTES + 32];
	struct op *op;

	o->state = OUTLET_OPENING;
	op = rmq_op_new(o->rm, OP_PRODUCER_OPEN, TAG_OUTLET, o->number, 0);
	op->topic =
	    op_str(op, rmq_queue_full(o->t, o->queue, name, sizeof name));
	op->producer.access = ACCESS_SHARED;
	op->producer.late = true;
	op->producer.client_version = op_str(op, STR_LIT("rocketmq"));
	rmq_route(o->rm, &op);
}

static void
run(struct outlet *o)
{
	struct slice body;
	struct outlet_msg *m;

	while (o->state == OUTLET_OPEN && o->sent_n < o->n) {
		m = at(o, o->sent_n);
		/* its receipt may come inside of the call */
		body = m->body;
		m->body = (struct slice){ 0 };
		o->sent_n++;
		route_publish(o->rm->router,
		    &(struct core_publish){ .producer = o->handle,
			.attr = m->attr,
			.body = body,
			.flush = m->async ? FLUSH_ASYNC : FLUSH_AS_TOPIC });
		slice_unref(&body);
	}
}

void
rmq_outlets_run(struct rmq *rm)
{
	struct outlet *o;

	while ((o = STAILQ_FIRST(&rm->outlets_due)) != NULL) {
		STAILQ_REMOVE_HEAD(&rm->outlets_due, due_link);
		o->is_due = false;
		run(o);
	}
}

static void
run_later(struct outlet *o)
{
	if (o->is_due)
		return;
	o->is_due = true;
	STAILQ_INSERT_TAIL(&o->rm->outlets_due, o, due_link);
	rmq_later_kick(o->rm);
}

bool
outlet_publish(struct outlet *o, const struct outlet_msg *m)
{
	CHECK_OBJ_NOTNULL(o, OUTLET_MAGIC);
	o->used_ns = loop_mono_ns(o->rm->lp);
	if (o->n == o->cap) {
		if (o->cap >= RING_MAX)
			return false;
		grow(o);
	}
	*at(o, o->n) = *m;
	o->n++;
	if (o->state == OUTLET_CLOSED)
		open_it(o);
	else if (o->rm->in_fx > 0)
		run_later(o);
	else
		run(o);
	return true;
}

/* --- from the core ---------------------------------------------------------- */

static void
opened(struct outlet *o, const struct fx *fx)
{
	if (fx->err != ERR_OK) {
		o->state = OUTLET_CLOSED;
		fail_all(o, fx->err);
		return;
	}
	o->state = OUTLET_OPEN;
	o->handle = fx->handle;
	run_later(o);
}

/* Those that the core has taken were answered before; those that came to it
 * afterwards were dropped, and nothing of them is stored. */
static void
closed(struct outlet *o, const struct fx *fx)
{
	struct fx_receipt r = { .err = fx->err != ERR_OK ? fx->err :
							   ERR_NOT_READY };

	o->state = OUTLET_CLOSED;
	o->throttled = false;
	while (o->sent_n > 0)
		end_first(o, &r);
	if (o->n > 0)
		open_it(o);
}

void
outlet_fx(struct outlet *o, const struct fx *fx)
{
	CHECK_OBJ_NOTNULL(o, OUTLET_MAGIC);
	if (fx->type == FX_PRODUCER_CLOSED)
		closed(o, fx);
	else if (fx->type == FX_PRODUCER_THROTTLED)
		o->throttled = fx->flag && fx->handle == o->handle;
	else if (fx->op == OP_PRODUCER_OPEN)
		opened(o, fx);
	else
		WRONG("an answer that outlets don't ask for");
}

void
outlet_receipt(struct rmq *rm, const struct fx_receipt *r)
{
	struct outlet *o = umap_get(&rm->things, r->dest.conn);

	if (o == NULL)
		return; /* its topic has fewer queues now */
	CHECK_OBJ_NOTNULL(o, OUTLET_MAGIC);
	AN(o->sent_n);
	end_first(o, r);
}

/* --- life ------------------------------------------------------------------- */

struct outlet *
rmq_outlet(struct rmq_topic *t, uint32_t queue)
{
	struct outlet *o;

	CHECK_OBJ_NOTNULL(t, RMQ_TOPIC_MAGIC);
	assert(queue < t->out_n);
	if (t->out[queue] != NULL)
		return t->out[queue];
	ALLOC_OBJ(o, OUTLET_MAGIC);
	o->rm = t->rm;
	o->t = t;
	o->queue = queue;
	o->number = rmq_thing_add(t->rm, o);
	t->out[queue] = o;
	return o;
}

bool
outlet_is_throttled(const struct outlet *o)
{
	CHECK_OBJ_NOTNULL(o, OUTLET_MAGIC);
	return o->throttled;
}

bool
outlet_is_idle(const struct outlet *o)
{
	CHECK_OBJ_NOTNULL(o, OUTLET_MAGIC);
	return o->state != OUTLET_OPENING && o->n == 0 &&
	    loop_mono_ns(o->rm->lp) - o->used_ns > UNUSED_NS;
}

void
outlet_free(struct outlet **op)
{
	struct outlet *o;
	struct op *close;

	TAKE_OBJ_NOTNULL(o, op, OUTLET_MAGIC);
	fail_all(o, ERR_CLOSED);
	if (o->is_due)
		STAILQ_REMOVE(&o->rm->outlets_due, o, outlet, due_link);
	if (o->state == OUTLET_OPEN) {
		close = rmq_op_new(o->rm, OP_PRODUCER_CLOSE, TAG_NONE, 0, 0);
		close->handle = o->handle;
		rmq_route(o->rm, &close);
	}
	/* one that is being opened is closed when the answer finds nobody */
	rmq_thing_del(o->rm, o->number);
	mem_free(o->ring);
	FREE_OBJ(o);
}
