/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches: each message of the body becomes one of its own, with offsets one
 * after the other; the answer comes when all of them are stored.
 *
 * A topic whose queue.type is BatchCQ keeps a batch that has a unique key together:
 * an inner batch, one record that takes as many offsets as it holds messages.
 * take.c takes it apart for who can't.
 */
#include "format/rmq_batch.h"
#include "format/rmq_props.h"
#include "rocketmq/light.h"
#include "rocketmq/measure.h"
#include "rocketmq/send.h"

#define BATCH_MESSAGES_MAX 65536u

struct acc {
	uint32_t left; /* messages without a receipt */
	enum err err; /* first that went wrong */
	bool any;
	uint64_t first; /* offset of the first message */
	struct strbuf ids; /* of all, in order, between commas */
};

static void
acc_free(struct acc *a)
{
	strbuf_fini(&a->ids);
	mem_free(a);
}

static void
answer(struct rmq_session *s, struct outlet_msg *m, struct acc *a)
{
	if (a->err != ERR_OK)
		rmq_not_stored(s, &m->ref, a->err);
	else if (strbuf_err(&a->ids) != ERR_OK)
		rmq_answer_code(s, &m->ref, RC_SYSTEM_ERROR,
		    "too many messages to name them all");
	else {
		(void)rmq_sent_begin(s, &m->ref,
		    (struct str){ strbuf_str(&a->ids), a->ids.len }, m->queue,
		    a->first, STR_NONE);
		rmq_answer_end(s, &m->ref, NULL, 0);
	}
}

static void
stored(struct rmq *rm, struct outlet_msg *m, const struct fx_receipt *r)
{
	struct acc *a = m->priv;
	struct rmq_session *s;
	char id[RMQ_ID_MAX];

	s = rmq_publish_ended(rm, m->ref.session, m->bytes);
	if (r->err != ERR_OK && a->err == ERR_OK)
		a->err = r->err;
	if (r->err == ERR_OK && s != NULL) {
		if (!a->any)
			a->first = r->index;
		else
			strbuf_addc(&a->ids, ',');
		a->any = true;
		strbuf_add(&a->ids, id,
		    rmq_offset_id_put(id, &s->store_host, (int64_t)r->locator));
	}
	if (--a->left > 0)
		return;
	if (s != NULL)
		answer(s, m, a);
	acc_free(a);
}

/* What the broker adds to properties has room, too. */
#define ADDED_MAX 256u

static bool
is_readable(const struct rmq *rm, const struct rmq_req *q, uint32_t *n)
{
	struct rmq_batch b = rmq_batch_of(q->body.p, q->body.len);
	struct rmq_batch_msg bm;
	enum err e;

	*n = 0;
	while ((e = rmq_batch_next(&b, &bm)) == ERR_OK)
		if (++*n > BATCH_MESSAGES_MAX ||
		    bm.props.len > rm->conf.max_properties_bytes ||
		    bm.props.len > RMQ_PROPS_MAX - ADDED_MAX)
			return false;
	return e == ERR_EOF && *n > 0;
}

static bool
is_right(struct rmq_session *s, const struct rmq_req *q,
    const struct rmq_topic *t, uint32_t *n)
{
	if (rmq_topic_is_retry(str_of(t->name)))
		rmq_answer_codef(s, &q->ref, RC_MESSAGE_ILLEGAL,
		    "batch request does not support retry group %s", t->name);
	else if (q->body.len > s->rm->conf.max_message_bytes)
		rmq_answer_codef(s, &q->ref, RC_MESSAGE_ILLEGAL,
		    "message body size exceeds the maximum of %u",
		    s->rm->conf.max_message_bytes);
	else if (!is_readable(s->rm, q, n))
		rmq_answer_code(
		    s, &q->ref, RC_MESSAGE_ILLEGAL, "the batch can't be read");
	else
		return true;
	return false;
}

/* --- inner batches ------------------------------------------------------------ */

#define INNER_MAX INT16_MAX /* clients read INNER_NUM as a short */
/* what is said of it when it goes out has room: INNER_BASE and its number */
#define BASE_ROOM 32u

static void
inner_sent(struct rmq *rm, struct outlet_msg *m, const struct fx_receipt *r)
{
	struct rmq_session *s;
	struct rout *o = rmq_sent_ok(rm, m, r, &s);

	if (o == NULL)
		return;
	/* by which the producer knows what became of its batch */
	rout_str(o, "batchUniqId", (struct str){ m->uniq, m->uniq_len });
	rmq_answer_end(s, &m->ref, NULL, 0);
}

static bool
inner_props(struct rmq *rm, struct rmq_message *m)
{
	struct rmq_props_out out;

	rmq_props_begin(&out, rm->props2, sizeof rm->props2);
	rmq_props_copy(&out, m->props);
	rmq_props_delete(&out, RMQ_PROP_INNER_BASE);
	rmq_props_add_i64(&out, RMQ_PROP_INNER_NUM, m->inner_n);
	return rmq_props_end(&out, &m->props) == ERR_OK &&
	    m->props.len <= RMQ_PROPS_MAX - BASE_ROOM;
}

/* m: its messages are counted */
static void
store_inner(struct rmq_session *s, const struct rmq_req *q, struct rmq_topic *t,
    struct rmq_message *m, outlet_done_f *done)
{
	/* it can't wait in the topics where delayed and half messages would: those
	 * are not for batches (in the reference; here it is no different) */
	if (m->p.deliver_ms > 0 || m->p.transaction ||
	    rmq_light_named(s->rm, m->topic, m->p.multi) ||
	    (m->sys_flag & RMQ_SYS_COMPRESSED) != 0 || m->inner_n > INNER_MAX ||
	    !inner_props(s->rm, m)) {
		rmq_illegal(s, &q->ref);
		return;
	}
	m->sys_flag |= RMQ_SYS_NEED_UNWRAP | RMQ_SYS_INNER_BATCH;
	rmq_store(s, &q->ref, t, m, done, NULL);
}

void
rmq_send_inner(struct rmq_session *s, const struct rmq_req *q,
    struct rmq_topic *t, struct rmq_message *m)
{
	int32_t said;

	if (!t->batch_cq || !is_readable(s->rm, q, &m->inner_n) ||
	    (m->p.inner_num.p != NULL &&
		(rtext_i32(m->p.inner_num, &said) != ERR_OK ||
		    said != (int32_t)m->inner_n)))
		rmq_illegal(s, &q->ref);
	else
		store_inner(s, q, t, m, rmq_sent);
}

/* false: it is no inner batch */
static bool
keep_together(struct rmq_session *s, const struct rmq_req *q,
    struct rmq_topic *t, const struct rmq_message *outer, struct str props,
    uint32_t n)
{
	struct rmq_message m = *outer;

	if (!t->batch_cq || rmq_props_get(props, RMQ_PROP_UNIQ_KEY).len == 0)
		return false;
	m.inner_n = n;
	if (rmq_props_take(s->rm, props, loop_wall_ms(s->rm->lp), &m.props,
		&m.p) != ERR_OK)
		rmq_illegal(s, &q->ref);
	else {
		m.size = rmq_measure_size_row(t, &m.p);
		store_inner(s, q, t, &m, inner_sent);
	}
	return true;
}

/* --- the request -------------------------------------------------------------- */

void
rmq_send_batch(struct rmq_session *s, const struct rmq_req *q,
    struct rmq_topic *t, const struct rmq_message *outer, struct str props)
{
	struct rmq *rm = s->rm;
	struct rmq_batch_msg bm;
	struct rmq_batch b;
	struct rmq_message m = *outer;
	bool async = rmq_is_async(rmq_props_get(props, RMQ_PROP_WAIT));
	struct acc *a;
	uint32_t n;

	if (!is_right(s, q, t, &n) || keep_together(s, q, t, outer, props, n))
		return;
	if (rmq_is_inner_batch(outer->sys_flag)) {
		rmq_illegal(s, &q->ref);
		return;
	}
	a = mem_zalloc(sizeof *a);
	a->left = n;
	strbuf_init(&a->ids, RMQ_HEAD_MAX / 2);
	b = rmq_batch_of(q->body.p, q->body.len);
	while (rmq_batch_next(&b, &bm) == ERR_OK) {
		m.flag = bm.flag;
		m.body = bm.body;
		if (rmq_props_take(rm, bm.props, loop_wall_ms(rm->lp), &m.props,
			&m.p) != ERR_OK)
			WRONG("properties that had room before");
		m.p.async = async; /* the whole waits or doesn't */
		m.size = rmq_measure_size_row(t, &m.p);
		rmq_store(s, &q->ref, t, &m, stored, a);
	}
}
