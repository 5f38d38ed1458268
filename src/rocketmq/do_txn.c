/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions: a half message is staged without being due; END_TRANSACTION
 * appends it to its queue or drops it. What is due is the question to one of the
 * group's producers what became of it (CHECK_TRANSACTION_STATE), again and again,
 * until conf.txn_check_max: then the message goes to TRANS_CHECK_MAX_TIME_TOPIC.
 *
 * How often was asked is not kept but follows from the time since the message
 * came: conf.txn_timeout_ms (or CHECK_IMMUNITY_TIME_IN_SECONDS) to the first
 * question, conf.txn_check_ms between two.
 */
#include "base/log.h"
#include "core/name.h"
#include "format/rmq_props.h"
#include "rocketmq/gate.h"
#include "rocketmq/group.h"
#include "rocketmq/job.h"
#include "rocketmq/light.h"
#include "rocketmq/measure.h"
#include "rocketmq/send.h"

#define TXN_ROLLBACK 12 /* MessageSysFlag.TRANSACTION_ROLLBACK_TYPE */
#define TXN_COMMIT 8
#define TOO_OFTEN_TOPIC "TRANS_CHECK_MAX_TIME_TOPIC"

/* --- the half message ------------------------------------------------------- */

struct half {
	uint32_t bytes, queue;
	struct histo *size;
	uint8_t uniq_len;
	char uniq[RMQ_ID_MAX];
};

static void
half_free(struct rmq_job *j)
{
	const struct half *h = j->priv;

	(void)rmq_publish_ended(j->rm, j->ref.session, h->bytes);
	mem_free(j->priv);
}

static void
half_staged(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	const struct half *h = j->priv;
	char id[RMQ_ID_MAX];
	size_t n;

	if (fx->err != ERR_OK) {
		rmq_not_stored(s, &j->ref, fx->err);
		return;
	}
	rmq_measure_size(h->size, h->bytes, 1);
	n = rmq_offset_id_put(id, &s->store_host, (int64_t)fx->u64);
	(void)rmq_sent_begin(s, &j->ref, (struct str){ id, n }, h->queue,
	    fx->ent.index, (struct str){ h->uniq, h->uniq_len });
	rmq_answer_end(s, &j->ref, NULL, 0);
}

static int64_t
first_check_ms(const struct rmq *rm, struct str props)
{
	struct str v = rmq_props_get(props, RMQ_PROP_CHECK_IMMUNITY_TIME);
	int64_t n;

	if (v.len > 0 && rtext_i64(v, &n) == ERR_OK && n > 0 && n < INT32_MAX)
		return n * 1000;
	return rm->conf.txn_timeout_ms;
}

void
rmq_stage_half(struct rmq_session *s, const struct rmq_ref *ref,
    const struct rmq_topic *t, const struct rmq_message *m)
{
	char name[NAME_MAX_BYTES + 32];
	struct rmq_message half = *m;
	struct rmq_job *j;
	struct half *h;
	struct op *op;

	half.sys_flag |= RMQ_SYS_TXN_PREPARED;
	h = mem_zalloc(sizeof *h);
	h->queue = m->queue;
	h->size = m->size;
	if (m->p.uniq.len <= sizeof h->uniq) {
		memcpy(h->uniq, m->p.uniq.p, m->p.uniq.len);
		h->uniq_len = (uint8_t)m->p.uniq.len;
	}
	j = rmq_job_new(s, ref, half_staged);
	j->priv = h;
	j->fini = half_free;
	op = rmq_job_op(j, OP_STAGE, 0);
	op->topic = op_str(op, rmq_queue_full(t, m->queue, name, sizeof name));
	op->due_ms = loop_wall_ms(s->rm->lp) + first_check_ms(s->rm, m->props);
	op->u32 = STAGE_NOTIFY;
	op->publish.flush = rmq_flush_of(m);
	op->text = op_str(op, rmq_props_get(m->props, RMQ_PROP_PGROUP));
	if (!rmq_record_make(s, &half, &op->publish.body, &op->publish.attr)) {
		op_free(&op);
		rmq_publish_began(s, 0);
		rmq_not_stored(s, ref, ERR_TOO_BIG);
		rmq_job_drop(j);
		return;
	}
	h->bytes = op->publish.body.len;
	rmq_publish_began(s, h->bytes);
	rmq_job_route(j, &op);
}

/* --- END_TRANSACTION -------------------------------------------------------- */

struct end {
	int64_t offset, table_offset;
	int64_t born_ms; /* of the half message */
	struct histo *finish;
	int32_t what;
	char *group;
	char *user; /* who asks */
};

static void end_ask(struct rmq_job *);

static void
end_free(struct rmq_job *j)
{
	struct end *e = j->priv;

	mem_free(e->group);
	mem_free(e->user);
	mem_free(e);
}

/* The record as its queue will have it. TRAN_MSG stays, as in the reference. *e gets
 * what is measured when it is there. */
static bool
committed(
    struct rmq *rm, const struct fx *fx, struct end *e, struct slice *body)
{
	struct rmq_props_out out;
	struct rmq_record r;

	if (rmq_record_read(fx->ent.body.p, fx->ent.body.len, &r) != ERR_OK)
		return false;
	r.sys_flag = (r.sys_flag & ~RMQ_SYS_TXN_MASK) | RMQ_SYS_TXN_COMMIT;
	r.prepared_offset = e->offset;
	e->born_ms = r.born_ms;
	e->finish = rmq_measure_finish_row(rm, r.topic);
	rmq_props_begin(&out, rm->props, sizeof rm->props);
	rmq_props_copy(&out, r.props);
	rmq_props_set(&out, RMQ_PROP_TRANSACTION_ID,
	    rmq_props_get(r.props, RMQ_PROP_UNIQ_KEY));
	if (rmq_props_end(&out, &r.props) != ERR_OK)
		return false;
	return rmq_record_again(rm, &r, body);
}

static void
end_resolve(struct rmq_job *j, struct rmq_session *s, const struct fx *fx)
{
	struct end *e = j->priv;
	struct op *op = rmq_job_op(j, OP_STAGE_RESOLVE, 0);

	op->topic = op_str(op, fx->strings[0]);
	op->u64 = (uint64_t)e->offset;
	op->flag = e->what == TXN_ROLLBACK;
	if (!op->flag) {
		op->publish.attr = fx->ent.attr;
		op->publish.attr.aux =
		    (uint8_t)((op->publish.attr.aux & ~RMQ_SYS_TXN_MASK) |
			RMQ_SYS_TXN_COMMIT);
		if (!committed(j->rm, fx, e, &op->publish.body)) {
			op_free(&op);
			rmq_answer_code(s, &j->ref, RC_SYSTEM_ERROR,
			    "the half message can't be read");
			return;
		}
		if (rmq_light_staged(j->rm, &j->ref, op->topic, op->u64,
			op->publish.body, &op->publish.attr)) {
			op_free(&op);
			return;
		}
	}
	j->step = 1;
	rmq_job_route(j, &op);
}

static void
end_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	const struct end *e = j->priv;

	if (fx->err == ERR_OK && j->step == 1) {
		rmq_gauge(j->rm,
		    e->what == TXN_COMMIT ? M_RMQ_COMMITTED : M_RMQ_ROLLED_BACK,
		    1);
		if (e->what == TXN_COMMIT)
			rmq_measure_ms(
			    e->finish, e->born_ms, loop_wall_ms(j->rm->lp));
		rmq_answer_code(s, &j->ref, RC_SUCCESS, NULL);
	} else if (fx->err == ERR_OK && !str_eq(fx->text, str_of(e->group)))
		rmq_answer_code(
		    s, &j->ref, RC_SYSTEM_ERROR, "The producer group wrong");
	else if (fx->err == ERR_OK &&
	    fx->ent.index != (uint64_t)e->table_offset)
		rmq_answer_code(s, &j->ref, RC_SYSTEM_ERROR,
		    "The transaction state table offset wrong");
	else if (fx->err == ERR_OK) {
		if (rmq_gate_found(s, &j->ref, str_of(e->user), fx->strings[0],
			AUTHZ_PRODUCE))
			end_resolve(j, s, fx);
	} else if (fx->err != ERR_NO_MESSAGE)
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
	else if (j->step == 0 && ++j->u32 < s->rm->router->shards_n)
		end_ask(j);
	else
		rmq_answer_code(s, &j->ref, RC_SYSTEM_ERROR,
		    "Find prepared transaction message failed");
}

/* The request names no queue: shards are asked one after the other. */
static void
end_ask(struct rmq_job *j)
{
	const struct end *e = j->priv;
	struct op *op = rmq_job_op(j, OP_STAGE_GET, 0);

	op->u64 = (uint64_t)e->offset;
	rmq_job_route_to(j, j->u32, &op);
}

void
rmq_do_end_transaction(struct rmq_session *s, struct rmq_req *q)
{
	struct str group = rheader_get(q->h, "producerGroup"),
		   user = rmq_asker(s, q);
	struct end e = { 0 };
	const char *bad = NULL;
	struct rmq_job *j;

	if (group.p == NULL)
		bad = "producerGroup";
	else if (rheader_i64(q->h, "tranStateTableOffset", &e.table_offset) !=
	    ERR_OK)
		bad = "tranStateTableOffset";
	else if (rheader_i64(q->h, "commitLogOffset", &e.offset) != ERR_OK ||
	    e.offset < 0)
		bad = "commitLogOffset";
	else if (rheader_i32(q->h, "commitOrRollback", &e.what) != ERR_OK)
		bad = "commitOrRollback";
	if (bad != NULL) {
		rmq_answer_field(s, &q->ref, bad);
		return;
	}
	if (e.what != TXN_COMMIT && e.what != TXN_ROLLBACK) {
		/* not known yet: it will be asked again */
		rmq_answer_code(s, &q->ref, RC_SUCCESS, NULL);
		return;
	}
	j = rmq_job_new(s, &q->ref, end_step);
	e.group = mem_strndup(group.p, group.len);
	e.user = mem_strndup(user.p, user.len);
	j->priv = mem_alloc(sizeof e);
	*(struct end *)j->priv = e;
	j->fini = end_free;
	end_ask(j);
}

/* --- CHECK_TRANSACTION_STATE ------------------------------------------------- */

static void
text_i64(struct rmq_msg *m, const char *name, int64_t v)
{
	rmq_msg_field(m, name, mem_printf("%lld", (long long)v));
}

static void
text_str(struct rmq_msg *m, const char *name, struct str v)
{
	rmq_msg_field(m, name, mem_strndup(v.p != NULL ? v.p : "", v.len));
}

/* To any producer of the group: the body is the message as it is staged, with
 * its place there. */
static void
ask_producer(struct rmq *rm, const struct fx *fx, struct rmq_record *r, int n)
{
	struct rmq_msg *m = rmq_msg_new(rm, MSG_TELL_PRODUCER);
	struct str uniq = rmq_props_get(r->props, RMQ_PROP_UNIQ_KEY);
	struct rmq_props_out out;
	struct slice body;
	char id[RMQ_ID_MAX];

	rmq_props_begin(&out, rm->props, sizeof rm->props);
	rmq_props_copy(&out, r->props);
	rmq_props_set_i64(&out, RMQ_PROP_TRANSACTION_CHECK_TIMES, n);
	r->queue_offset = (int64_t)fx->ent.index;
	r->phys_offset = (int64_t)fx->u64;
	m->code = RQ_CHECK_TRANSACTION_STATE;
	m->group = mem_strndup(fx->text.p, fx->text.len);
	text_str(m, "topic", r->topic);
	text_i64(m, "tranStateTableOffset", r->queue_offset);
	text_i64(m, "commitLogOffset", r->phys_offset);
	text_str(m, "msgId", uniq);
	text_str(m, "transactionId", uniq);
	text_str(m, "offsetMsgId",
	    (struct str){
		id, rmq_offset_id_put(id, &r->store, r->phys_offset) });
	if (rmq_props_end(&out, &r->props) == ERR_OK &&
	    rmq_record_again(rm, r, &body)) {
		rmq_record_stamp((uint8_t *)(uintptr_t)body.p, body.len,
		    fx->ent.index, fx->u64, fx->i64);
		m->body_len = body.len;
		m->body = mem_strndup((const char *)body.p, body.len);
		slice_unref(&body);
	}
	rmq_msg_send(rm, rmq_group_shard(rm, str_of(m->group)), &m);
}

static void
check_again(struct rmq *rm, const struct fx *fx)
{
	struct op *op = rmq_op_new(rm, OP_STAGE_AGAIN, TAG_NONE, 0, 0);

	op->topic = op_str(op, fx->strings[0]);
	op->u64 = fx->u64;
	op->due_ms = loop_wall_ms(rm->lp) + rm->conf.txn_check_ms;
	rmq_route(rm, &op);
}

/* Nobody could say in time: kept where an operator can look at it. */
struct given_up {
	struct str target;
	char *target_text;
	uint64_t locator;
	struct attr attr;
	struct slice body;
};

static void
given_up_free(struct rmq_job *j)
{
	struct given_up *g = j->priv;

	mem_free(g->target_text);
	if (g->body.buf != NULL)
		slice_unref(&g->body);
	mem_free(g);
}

static void
given_up_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct given_up *g = j->priv;
	struct op *op;

	(void)s;
	if (fx->err != ERR_OK && fx->err != ERR_EXISTS) {
		LOG(LOG_WARN, (int)j->rm->router->shard, "txn_not_put_away",
		    LOG_S("why", err_text(fx->err)));
		return; /* it stays staged and is due again after a restart */
	}
	if (j->step == 0) {
		op = rmq_job_op(j, OP_STAGE, 0);
		op->topic =
		    op_str(op, (struct str){ j->text, strlen(j->text) });
		op->due_ms = loop_wall_ms(j->rm->lp);
		op->u32 = STAGE_APPEND;
		op->publish.attr = g->attr;
		op->publish.body = g->body;
		g->body = (struct slice){ 0 };
	} else if (j->step == 1) {
		op = rmq_job_op(j, OP_STAGE_RESOLVE, 0);
		op->topic = op_str(op, g->target);
		op->u64 = g->locator;
		op->flag = true;
	} else
		return;
	j->step++;
	rmq_job_route(j, &op);
}

static void
give_up(struct rmq *rm, const struct fx *fx)
{
	struct given_up *g = mem_zalloc(sizeof *g);
	struct rmq_job *j = rmq_job_new_own(rm, given_up_step);
	struct op *op;
	char *full;

	g->target_text = mem_strndup(fx->strings[0].p, fx->strings[0].len);
	g->target = str_of(g->target_text);
	g->locator = fx->u64;
	g->attr = fx->ent.attr;
	g->body = slice_ref(fx->ent.body);
	j->priv = g;
	j->fini = given_up_free;
	if (rmq_topic_full(rm, STR_LIT(TOO_OFTEN_TOPIC), &full) != ERR_OK)
		WRONG("a name of ours that is wrong");
	j->text = mem_printf("%s-partition-0", full);
	op = rmq_job_op(j, OP_PARTITIONED_CREATE, 0);
	op->topic = op_str(op, str_of(full));
	op->u32 = 1;
	mem_free(full);
	rmq_job_route(j, &op);
}

/* A delayed message for light queues. When they are switched off meanwhile it is
 * for its own queue only. */
static void
due_light(struct rmq *rm, const struct fx *fx)
{
	struct op *op;

	if (rmq_light_staged(
		rm, NULL, fx->strings[0], fx->u64, fx->ent.body, &fx->ent.attr))
		return;
	op = rmq_op_new(rm, OP_STAGE_RESOLVE, TAG_NONE, 0, 0);
	op->topic = op_str(op, fx->strings[0]);
	op->u64 = fx->u64;
	op->publish.attr = fx->ent.attr;
	op->publish.body = slice_ref(fx->ent.body);
	rmq_route(rm, &op);
}

void
rmq_stage_due(struct rmq *rm, struct fx *fx)
{
	struct rmq_record r;
	int64_t since, n;

	if (rmq_record_read(fx->ent.body.p, fx->ent.body.len, &r) != ERR_OK) {
		LOG(LOG_ERROR, (int)rm->router->shard, "txn_unreadable",
		    LOG_U("locator", fx->u64));
		return;
	}
	if ((r.sys_flag & RMQ_SYS_TXN_MASK) != RMQ_SYS_TXN_PREPARED) {
		due_light(rm, fx);
		return;
	}
	since = loop_wall_ms(rm->lp) - fx->ent.attr.store_time_ms -
	    first_check_ms(rm, r.props);
	n = 1 +
	    (since > 0 ? (since + rm->conf.txn_check_ms / 2) /
			rm->conf.txn_check_ms :
			 0);
	if (n > rm->conf.txn_check_max) {
		give_up(rm, fx);
		return;
	}
	ask_producer(rm, fx, &r, (int)n);
	check_again(rm, fx);
}
