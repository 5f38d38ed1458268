/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that are not for their queue yet: delayed ones, and what a consumer
 * sent back for later. The core stages them and appends them when they are due;
 * the record is made now, as the queue will have it.
 */
#include <stdio.h>

#include "base/hash.h"
#include "core/name.h"
#include "format/rmq_props.h"
#include "rocketmq/job.h"
#include "rocketmq/light.h"
#include "rocketmq/measure.h"
#include "rocketmq/send.h"

struct staged {
	uint32_t bytes, queue;
	int64_t born_ms, deliver_ms;
	struct histo *size, *delay; /* measure.h */
	bool send; /* SEND_MESSAGE; else CONSUMER_SEND_MSG_BACK */
	bool timer; /* it may be recalled */
	uint8_t uniq_len;
	char uniq[RMQ_ID_MAX];
	char topic[128]; /* RocketMQ's name */
};

uint64_t
rmq_recall_hash(struct str topic, struct str uniq)
{
	/* 0 is none */
	return hash_bytes(hash_bytes(2, topic.p, topic.len), uniq.p, uniq.len) |
	    1;
}

/* As the reference has them when it is due: what made it wait stays, and where it
 * was sent to is said. In rm->props2. */
static bool
props_due(struct rmq *rm, const struct rmq_topic *t,
    const struct rmq_message *m, struct str *stored)
{
	struct rmq_props_out out;

	rmq_props_begin(&out, rm->props2, sizeof rm->props2);
	rmq_props_copy(&out, m->props);
	rmq_props_set(&out, RMQ_PROP_REAL_TOPIC, str_of(t->name));
	rmq_props_set_i64(&out, RMQ_PROP_REAL_QID, m->queue);
	return rmq_props_end(&out, stored) == ERR_OK;
}

static void
say_staged(struct rmq_job *j, struct rmq_session *s, const struct staged *st,
    const struct fx *fx)
{
	struct rmq_recall rc = { .topic = str_of(st->topic),
		.broker = str_of(s->rm->conf.broker),
		.uniq_key = { st->uniq, st->uniq_len },
		.deliver_ms = st->deliver_ms };
	struct strbuf handle;
	struct rout *o;
	char id[RMQ_ID_MAX];
	size_t n;

	n = rmq_offset_id_put(id, &s->store_host, (int64_t)fx->u64);
	o = rmq_sent_begin(s, &j->ref, (struct str){ id, n }, st->queue,
	    fx->ent.index, rc.uniq_key);
	if (st->timer) {
		strbuf_init(&handle, RMQ_HEAD_MAX);
		rmq_recall_put(&handle, &rc);
		rout_str(o, "recallHandle",
		    (struct str){ strbuf_str(&handle), handle.len });
		strbuf_fini(&handle);
	}
	rmq_answer_end(s, &j->ref, NULL, 0);
}

static void
staged(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	const struct staged *st = j->priv;

	if (fx->err != ERR_OK)
		rmq_not_stored(s, &j->ref, fx->err);
	else if (st->send) {
		rmq_measure_size(st->size, st->bytes, 1);
		rmq_measure_ms(st->delay, st->born_ms, st->deliver_ms);
		say_staged(j, s, st, fx);
	} else
		rmq_answer_code(s, &j->ref, RC_SUCCESS, NULL);
}

static void
staged_free(struct rmq_job *j)
{
	const struct staged *st = j->priv;

	(void)rmq_publish_ended(j->rm, j->ref.session, st->bytes);
	mem_free(j->priv);
}

static struct staged *
staged_new(const struct rmq_topic *t, const struct rmq_message *m)
{
	struct staged *st = mem_zalloc(sizeof *st);

	st->queue = m->queue;
	st->deliver_ms = m->p.deliver_ms;
	st->born_ms = m->born_ms;
	st->size = m->size;
	if (m->p.uniq.len <= sizeof st->uniq) {
		memcpy(st->uniq, m->p.uniq.p, m->p.uniq.len);
		st->uniq_len = (uint8_t)m->p.uniq.len;
	}
	(void)snprintf(st->topic, sizeof st->topic, "%s", t->name);
	return st;
}

void
rmq_stage(struct rmq_session *s, const struct rmq_ref *ref,
    const struct rmq_topic *t, const struct rmq_message *m, bool send)
{
	char name[NAME_MAX_BYTES + 32];
	struct rmq_message due = *m;
	struct staged *st;
	struct rmq_job *j;
	struct op *op;

	st = staged_new(t, m);
	st->send = send;
	if (send)
		st->delay = rmq_measure_delay_row(s->rm, str_of(t->name));
	st->timer = send && m->p.timer;
	j = rmq_job_new(s, ref, staged);
	j->priv = st;
	j->fini = staged_free;
	op = rmq_job_op(j, OP_STAGE, 0);
	op->topic = op_str(op, rmq_queue_full(t, m->queue, name, sizeof name));
	op->due_ms = m->p.deliver_ms;
	/* what is for light queues too we append ourselves: rmq_stage_due() */
	op->u32 = rmq_light_named(s->rm, m->topic, m->p.multi) ? STAGE_NOTIFY :
								 STAGE_APPEND;
	op->text = op_str(op, m->p.uniq);
	op->u64 = st->timer ? rmq_recall_hash(str_of(st->topic), m->p.uniq) : 0;
	op->publish.flush = rmq_flush_of(m);
	if (!props_due(s->rm, t, m, &due.props) ||
	    !rmq_record_make(s, &due, &op->publish.body, &op->publish.attr)) {
		op_free(&op);
		rmq_publish_began(s, 0);
		rmq_not_stored(s, ref, ERR_TOO_BIG);
		rmq_job_drop(j);
		return;
	}
	st->bytes = op->publish.body.len;
	rmq_publish_began(s, st->bytes);
	rmq_job_route(j, &op);
}

/* --- RECALL_MESSAGE --------------------------------------------------------- */

/* Every shard is asked, one after the other: the handle names no queue. */
static void recall_ask(struct rmq_job *);

static void
recalled(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	if (fx->err == ERR_OK) {
		rout_str(rmq_answer(s, &j->ref, RC_SUCCESS, NULL), "msgId",
		    str_of(j->text));
		rmq_answer_end(s, &j->ref, NULL, 0);
	} else if (fx->err != ERR_NO_MESSAGE)
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
	else if (++j->u32 < s->rm->router->shards_n)
		recall_ask(j);
	else
		rmq_answer_code(s, &j->ref, RC_ILLEGAL_OPERATION,
		    "recall failed, the message is not there or was delivered");
}

static void
recall_ask(struct rmq_job *j)
{
	struct op *op = rmq_job_op(j, OP_STAGE_RECALL, 0);

	op->due_ms = (int64_t)j->u64;
	op->text = op_str(op, str_of(j->text));
	op->u64 = j->u64b;
	rmq_job_route_to(j, j->u32, &op);
}

void
rmq_do_recall(struct rmq_session *s, struct rmq_req *q)
{
	struct str topic = rheader_get(q->h, "topic"),
		   handle = rheader_get(q->h, "recallHandle");
	struct rmq_recall rc;
	struct rmq_job *j;
	char mem[1024];

	if (topic.len == 0 || handle.len == 0) {
		rmq_answer_field(
		    s, &q->ref, topic.len == 0 ? "topic" : "recallHandle");
		return;
	}
	if (rmq_recall_read(handle, mem, sizeof mem, &rc) != ERR_OK ||
	    !str_eq(rc.topic, topic) ||
	    !str_eq(rc.broker, str_of(s->rm->conf.broker))) {
		rmq_answer_code(s, &q->ref, RC_ILLEGAL_OPERATION,
		    "recall failed, handle is invalid");
		return;
	}
	if (rc.deliver_ms <= loop_wall_ms(s->rm->lp)) {
		rmq_answer_code(s, &q->ref, RC_ILLEGAL_OPERATION,
		    "recall failed, timestamp is invalid");
		return;
	}
	j = rmq_job_new(s, &q->ref, recalled);
	j->text = mem_strndup(rc.uniq_key.p, rc.uniq_key.len);
	j->u64 = (uint64_t)rc.deliver_ms;
	j->u64b = rmq_recall_hash(topic, rc.uniq_key);
	recall_ask(j);
}
