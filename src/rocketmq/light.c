/* SPDX-License-Identifier: Apache-2.0 */
#include "format/reference.h"
#include "format/rmq_props.h"
#include "rocketmq/gate.h"
#include "rocketmq/job.h"
#include "rocketmq/light.h"
#include "rocketmq/measure.h"

#define AGAIN_MS 1000 /* a delayed one that could not be appended */

/* Steps of what was staged */
#define STEP_APPEND 1
#define STEP_DROP 2

struct light_queue {
	char *full; /* core's name of a light queue; NULL: another name, */
	uint32_t same; /* or as this one before it, if it isn't itself */
	bool reserved;
	uint64_t index;
	int64_t place;
};

struct light_send {
	struct rmq_message m; /* its texts are text's, props' and the frame's */
	char *topic, *props;
	uint32_t n;
	struct light_queue *q; /* as they were named */
	uint32_t left; /* answers */
	struct outlet_msg om; /* of the record, when it was stored */
	struct fx_receipt receipt;
	/* of one that was staged: its queue's full name (NULL: it was not), where,
	 * and what it was made of */
	char *target;
	uint64_t locator;
	struct slice record;
	struct attr attr;
};

/* --- names ------------------------------------------------------------------ */

/* The next of names that stand between commas; false: there is none. */
static bool
name_next(struct str *rest, struct str *name)
{
	const char *comma;

	if (rest->p == NULL)
		return false;
	comma = rest->len > 0 ? memchr(rest->p, ',', rest->len) : NULL;
	*name = *rest;
	if (comma == NULL) {
		*rest = STR_NONE;
		return true;
	}
	name->len = (size_t)(comma - name->p);
	rest->p = comma + 1;
	rest->len -= name->len + 1;
	return true;
}

bool
rmq_light_named(const struct rmq *rm, struct str topic, struct str multi)
{
	struct str rest = multi, name;

	/* one that is sent back was dispatched the first time */
	if (likely(rest.len == 0) || !rm->conf.multi_dispatch ||
	    rmq_topic_is_retry(topic) || rmq_topic_is_dlq(topic))
		return false;
	while (name_next(&rest, &name))
		if (rmq_topic_is_light(rm, name))
			return true;
	return false;
}

bool
rmq_light_may(
    struct rmq_session *s, const struct rmq_req *q, const struct rmq_message *m)
{
	struct str rest = m->p.multi, name;

	while (name_next(&rest, &name))
		if (rmq_topic_is_light(s->rm, name) &&
		    !rmq_gate_light(s, q, name))
			return false;
	return true;
}

/* The next of them: a place in each queue, however often it is named. */
static void
name_take(struct rmq *rm, struct light_queue *lq, uint32_t i, struct map *seen,
    struct str name)
{
	uintptr_t before;

	*lq = (struct light_queue){ .same = i };
	if (!rmq_topic_is_light(rm, name))
		return;
	before = (uintptr_t)map_get(seen, name.p, name.len);
	if (before != 0)
		lq->same = (uint32_t)(before - 1);
	/* what can't be a name was told to whoever sent it: it is no queue's */
	else if (rmq_topic_full(rm, name, &lq->full) == ERR_OK)
		AZ(map_add(seen, name.p, name.len, (void *)((uintptr_t)i + 1)));
}

static void
names_take(struct rmq *rm, struct light_send *ls)
{
	struct str rest = ls->m.p.multi, name;
	struct map seen;
	uint32_t cap = 0;

	map_init(&seen, rm->seed, RMQ_PROPS_MAX);
	for (; name_next(&rest, &name); ls->n++) {
		if (ls->n == cap) {
			cap = cap > 0 ? 2 * cap : 8;
			ls->q = mem_reallocarray(ls->q, cap, sizeof *ls->q);
		}
		name_take(rm, &ls->q[ls->n], ls->n, &seen, name);
	}
	map_fini(&seen);
}

/* --- the end ---------------------------------------------------------------- */

static void
send_free(struct rmq_job *j)
{
	struct light_send *ls = j->priv;
	uint32_t i;

	for (i = 0; i < ls->n; i++)
		mem_free(ls->q[i].full);
	mem_free(ls->q);
	mem_free(ls->topic);
	mem_free(ls->target);
	if (ls->record.buf != NULL)
		slice_unref(&ls->record);
	mem_free(ls->props);
	mem_free(ls);
}

/* Places that nothing comes to; nobody waits for them. */
static void
give_up(struct rmq_job *j)
{
	struct light_send *ls = j->priv;
	struct op *op;
	uint32_t i;

	for (i = 0; i < ls->n; i++) {
		if (!ls->q[i].reserved)
			continue;
		op = rmq_op_new(j->rm, OP_FILL, TAG_NONE, 0, 0);
		op->topic = op_str(op, str_of(ls->q[i].full));
		op->u64 = (uint64_t)ls->q[i].place;
		op->flag = true;
		rmq_route(j->rm, &op);
	}
}

/* Whoever ends a transaction tries again; for what was only delayed we do. */
static void
staged_failed(struct rmq_job *j, enum err e)
{
	const struct light_send *ls = j->priv;
	struct op *op;

	if (j->ref.session != 0) {
		rmq_job_err(j, e, NULL);
		return;
	}
	if (e == ERR_NO_MESSAGE)
		return;
	op = rmq_op_new(j->rm, OP_STAGE_AGAIN, TAG_NONE, 0, 0);
	op->topic = op_str(op, str_of(ls->target));
	op->u64 = ls->locator;
	op->due_ms = loop_wall_ms(j->rm->lp) + AGAIN_MS;
	rmq_route(j->rm, &op);
}

static void
not_stored(struct rmq_job *j, enum err e)
{
	const struct light_send *ls = j->priv;
	struct rmq_session *s = rmq_session_get(j->rm, j->ref.session);

	give_up(j);
	if (ls->target != NULL)
		staged_failed(j, e);
	else if (s != NULL)
		rmq_not_stored(s, &j->ref, e);
}

/* --- the references --------------------------------------------------------- */

static struct op *
resolve_op(struct rmq_job *j)
{
	const struct light_send *ls = j->priv;
	struct op *op = rmq_job_op(j, OP_STAGE_RESOLVE, 0);

	op->topic = op_str(op, str_of(ls->target));
	op->u64 = ls->locator;
	return op;
}

static void
filled(struct rmq_job *j, const struct fx *fx)
{
	struct light_send *ls = j->priv;
	struct op *op;

	if (fx->err != ERR_OK && ls->receipt.err == ERR_OK)
		ls->receipt.err = fx->err;
	if (--ls->left > 0)
		return;
	if (ls->target == NULL)
		rmq_sent(j->rm, &ls->om, &ls->receipt);
	else if (ls->receipt.err != ERR_OK)
		staged_failed(j, ls->receipt.err);
	else {
		/* now nothing is lost without it */
		op = resolve_op(j);
		op->flag = true;
		j->step = STEP_DROP;
		rmq_job_route(j, &op);
	}
}

static void
fill(struct rmq_job *j, struct str topic, struct pos pos, const struct attr *a)
{
	struct light_send *ls = j->priv;
	struct slice where;
	struct op *op;
	uint32_t i;

	where =
	    reference_make(&(struct reference){ .pos = pos, .topic = topic });
	for (i = 0; i < ls->n; i++)
		if (ls->q[i].reserved)
			ls->left++;
	for (i = 0; i < ls->n; i++) {
		if (!ls->q[i].reserved)
			continue;
		op = rmq_job_op(j, OP_FILL, i);
		op->topic = op_str(op, str_of(ls->q[i].full));
		op->u64 = (uint64_t)ls->q[i].place;
		op->publish.attr = *a;
		op->publish.attr.format = ENTRY_FORMAT_REFERENCE;
		op->publish.flush = rmq_flush_of(&ls->m);
		op->publish.body = slice_ref(where);
		rmq_job_route(j, &op);
	}
	slice_unref(&where);
}

static void
stored(struct rmq *rm, struct outlet_msg *om, const struct fx_receipt *r)
{
	char queue[NAME_MAX_BYTES + 32];
	struct rmq_job *j = om->priv;
	struct light_send *ls = j->priv;
	struct rmq_topic *t;

	ls->om = *om;
	ls->om.body = (struct slice){ 0 };
	ls->receipt = *r;
	t = rmq_topic_there(rm, str_of(ls->topic), om->queue);
	if (r->err == ERR_OK && t == NULL)
		ls->receipt.err = ERR_NO_TOPIC;
	if (ls->receipt.err != ERR_OK) {
		give_up(j);
		rmq_sent(rm, &ls->om, &ls->receipt);
	} else
		fill(j, rmq_queue_full(t, om->queue, queue, sizeof queue),
		    r->pos, &om->attr);
	rmq_job_release(j);
}

/* --- the record ------------------------------------------------------------- */

/* With the offsets that it has in the queues, in the order of their names. */
static enum err
offsets_put(struct rmq *rm, struct light_send *ls)
{
	const struct light_queue *lq;
	struct rmq_props_out out;
	struct strbuf sb;
	uint32_t i;
	enum err e;

	strbuf_init(&sb, RMQ_PROPS_MAX);
	for (i = 0; i < ls->n; i++) {
		if (i > 0)
			strbuf_addc(&sb, ',');
		lq = &ls->q[ls->q[i].same];
		if (lq->reserved)
			strbuf_addf(&sb, "%llu", (unsigned long long)lq->index);
	}
	rmq_props_begin(&out, rm->props2, sizeof rm->props2);
	rmq_props_copy(&out, str_of(ls->props));
	rmq_props_set(&out, RMQ_PROP_INNER_MULTI_QUEUE_OFFSET,
	    (struct str){ strbuf_str(&sb), sb.len });
	e = strbuf_err(&sb);
	strbuf_fini(&sb);
	if (e == ERR_OK)
		e = rmq_props_end(&out, &ls->m.props);
	return e;
}

static void
store(struct rmq_job *j, struct rmq_session *s)
{
	struct light_send *ls = j->priv;
	struct rmq_topic *t =
	    rmq_topic_there(j->rm, str_of(ls->topic), ls->m.queue);
	enum err e = t != NULL ? offsets_put(j->rm, ls) : ERR_NOT_READY;

	if (e != ERR_OK) {
		not_stored(j, e);
		return;
	}
	rmq_job_hold(j);
	rmq_store(s, &j->ref, t, &ls->m, stored, j);
}

/* --- a staged one ------------------------------------------------------------ */

static void
append(struct rmq_job *j)
{
	struct light_send *ls = j->priv;
	struct op *op = resolve_op(j);
	enum err e = offsets_put(j->rm, ls);
	struct rmq_record r;

	if (e == ERR_OK)
		e = rmq_record_read(ls->record.p, ls->record.len, &r);
	if (e == ERR_OK) {
		r.props = ls->m.props;
		if (!rmq_record_again(j->rm, &r, &op->publish.body))
			e = ERR_TOO_BIG;
	}
	if (e != ERR_OK) {
		op_free(&op);
		not_stored(j, e);
		return;
	}
	op->publish.attr = ls->attr;
	op->flag2 = true;
	j->step = STEP_APPEND;
	rmq_job_route(j, &op);
}

static void
resolved(struct rmq_job *j, const struct fx *fx)
{
	struct light_send *ls = j->priv;

	if (j->step == STEP_APPEND && fx->err != ERR_OK)
		not_stored(j, fx->err);
	else if (j->step == STEP_APPEND)
		fill(j, str_of(ls->target), fx->pos, &ls->attr);
	else if (fx->err != ERR_OK)
		staged_failed(j, fx->err);
	else {
		if (j->ref.session != 0) {
			rmq_gauge(j->rm, M_RMQ_COMMITTED, 1);
			rmq_measure_ms(
			    rmq_measure_finish_row(j->rm, ls->m.topic),
			    ls->attr.publish_time_ms, loop_wall_ms(j->rm->lp));
		}
		rmq_job_say(j, RC_SUCCESS, NULL);
	}
}

/* --- the places -------------------------------------------------------------- */

static void
reserved(struct rmq_job *j, struct rmq_session *s, const struct fx *fx)
{
	struct light_send *ls = j->priv;
	struct light_queue *lq = &ls->q[fx->req];

	if (fx->err == ERR_OK) {
		lq->reserved = true;
		lq->index = fx->u64;
		lq->place = fx->i64;
	} else if (j->err == ERR_OK)
		j->err = fx->err;
	if (--ls->left > 0)
		return;
	if (s == NULL && ls->target == NULL && j->err == ERR_OK)
		j->err = ERR_CLOSED;
	if (j->err != ERR_OK)
		not_stored(j, j->err);
	else if (ls->target != NULL)
		append(j);
	else
		store(j, s);
}

static void
step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	if (fx->op == OP_RESERVE)
		reserved(j, s, fx);
	else if (fx->op == OP_STAGE_RESOLVE)
		resolved(j, fx);
	else
		filled(j, fx);
}

/* Texts that were made on the way are copied; the body is not. */
static struct light_send *
send_new(const struct rmq_message *m)
{
	static const struct str *const names[] = { &RMQ_PROP_KEYS,
		&RMQ_PROP_TAGS, &RMQ_PROP_UNIQ_KEY, &RMQ_PROP_SHARDING_KEY,
		&RMQ_PROP_INNER_MULTI_DISPATCH };
	struct light_send *ls = mem_zalloc(sizeof *ls);
	struct str v[NELEM(names)];

	ls->m = *m;
	ls->topic = mem_strndup(m->topic.p, m->topic.len);
	ls->m.topic = str_of(ls->topic);
	ls->props = mem_strndup(m->props.p, m->props.len);
	rmq_props_get_many(str_of(ls->props), names, v, NELEM(names));
	ls->m.p = (struct rmq_msg_props){ .keys = v[0],
		.tags = v[1],
		.uniq = v[2],
		.sharding = v[3],
		.multi = v[4],
		.async = m->p.async };
	return ls;
}

static void
begin(struct rmq_job *j)
{
	struct light_send *ls = j->priv;
	struct op *op;
	uint32_t i;

	rmq_job_hold(j);
	for (i = 0; i < ls->n; i++)
		if (ls->q[i].full != NULL)
			ls->left++;
	for (i = 0; i < ls->n; i++) {
		if (ls->q[i].full == NULL)
			continue;
		op = rmq_job_op(j, OP_RESERVE, i);
		op->topic = op_str(op, str_of(ls->q[i].full));
		rmq_light_props(j->rm, op);
		rmq_job_route(j, &op);
	}
	rmq_job_release(j);
}

bool
rmq_light_names_ok(struct rmq *rm, const struct rmq_message *m)
{
	struct str rest = m->p.multi, name;
	enum err e = ERR_OK;
	char *full;

	while (e == ERR_OK && name_next(&rest, &name)) {
		if (!rmq_topic_is_light(rm, name))
			continue;
		e = rmq_topic_full(rm, name, &full);
		mem_free(full);
	}
	return e == ERR_OK;
}

void
rmq_light_send(
    struct rmq_session *s, const struct rmq_req *q, const struct rmq_message *m)
{
	struct rmq_job *j = rmq_job_new(s, &q->ref, step);

	j->priv = send_new(m);
	j->fini = send_free;
	j->always = true;
	j->frame = slice_ref(q->frame);
	names_take(s->rm, j->priv);
	begin(j);
}

bool
rmq_light_staged(struct rmq *rm, const struct rmq_ref *ref, struct str target,
    uint64_t locator, struct slice record, const struct attr *a)
{
	struct light_send *ls;
	struct rmq_record r;
	struct rmq_job *j;

	if (rmq_record_read(record.p, record.len, &r) != ERR_OK ||
	    !rmq_light_named(rm, r.topic,
		rmq_props_get(r.props, RMQ_PROP_INNER_MULTI_DISPATCH)))
		return false;
	ls = send_new(
	    &(struct rmq_message){ .topic = r.topic, .props = r.props });
	ls->target = mem_strndup(target.p, target.len);
	ls->locator = locator;
	ls->record = slice_ref(record);
	ls->attr = *a;
	j = rmq_job_new_own(rm, step);
	if (ref != NULL)
		j->ref = *ref;
	j->priv = ls;
	j->fini = send_free;
	j->always = true;
	names_take(rm, ls);
	begin(j);
	return true;
}
