/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VIEW_MESSAGE_BY_ID: the record at a physical offset, in a queue or staged.
 * CONSUME_MESSAGE_DIRECTLY: the same record is given to a client.
 */
#include "core/stage.h"
#include "format/rmq_record.h"
#include "rocketmq/fit.h"
#include "rocketmq/group.h"
#include "rocketmq/job.h"
#include "rocketmq/take.h"

/* Steps of the job */
#define ASK_WHERE 0
#define ASK_ENTRY 1
#define ASK_STAGED 2 /* u32: at which shard */

static void
not_there(struct rmq_job *j, struct rmq_session *s)
{
	rmq_answer_codef(s, &j->ref, RC_SYSTEM_ERROR,
	    "can not find message by the offset, %lld", (long long)j->u64);
}

static void
ask(struct rmq_job *j, enum op_type type, struct str topic)
{
	struct op *op = rmq_job_op(j, type, 0);

	op->u64 = j->u64;
	switch (type) {
	case OP_LOCATE:
		rmq_job_route_to(j, j->rm->router->shard, &op);
		break;
	case OP_STAGE_GET:
		rmq_job_route_to(j, j->u32, &op);
		break;
	default:
		op->topic = op_str(op, topic);
		op->flag = true;
		rmq_job_route(j, &op);
	}
}

/* The question to the group was kept until its body is there. */
static void
give_client(struct rmq_job *j, const struct slice *body)
{
	struct rmq_msg *m;

	TAKE_OBJ_NOTNULL(m, (struct rmq_msg **)(void *)&j->priv, RMQ_MSG_MAGIC);
	mem_free(m->body);
	m->body = mem_strndup((const char *)body->p, body->len);
	m->body_len = body->len;
	rmq_msg_send(j->rm, rmq_group_shard(j->rm, str_of(m->group)), &m);
}

static void
question_free(struct rmq_job *j)
{
	struct rmq_msg *m = j->priv;

	if (m != NULL)
		rmq_msg_free(&m);
}

/* b: a whole record, if it is one */
static void
say_record(struct rmq_job *j, struct rmq_session *s, struct slice b)
{
	struct rmq_fit fit = { 0 };
	struct rmq_record r;

	if (rmq_record_read(b.p, b.len, &r) != ERR_OK) {
		not_there(j, s);
		return;
	}
	if (j->ref.code == RQ_CONSUME_MESSAGE_DIRECTLY) {
		give_client(j, &b);
		return;
	}
	b = slice_ref(b);
	rmq_fit_record(s, &fit, &b);
	(void)rmq_answer(s, &j->ref, RC_SUCCESS, NULL);
	if (rmq_answer_head(s, &j->ref, b.len))
		conn_write_slice(s->cn, b);
	slice_unref(&b);
}

static void
say_stored(struct rmq_job *j, struct rmq_session *s, const struct fx *fx)
{
	struct slice record;

	if (!rmq_take_one(
		s, &fx->ent, str_of(j->text), j->u64, STR_NONE, &record)) {
		not_there(j, s);
		return;
	}
	say_record(j, s, record);
	slice_unref(&record);
}

/* A staged one does not know its place: the log that it lies in has it. */
static void
say_staged(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct slice copy = slice_dup(fx->ent.body);

	rmq_record_stamp((uint8_t *)(uintptr_t)copy.p, copy.len, fx->ent.index,
	    j->u64, fx->ent.attr.store_time_ms);
	say_record(j, s, copy);
	slice_unref(&copy);
}

static void
step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	bool none = fx->err == ERR_NO_MESSAGE || fx->err == ERR_NO_TOPIC;

	if (fx->err == ERR_OK && j->step == ASK_WHERE) {
		j->step = stage_is_log(fx->text) ? ASK_STAGED : ASK_ENTRY;
		j->text = mem_strndup(fx->text.p, fx->text.len);
		ask(j, j->step == ASK_STAGED ? OP_STAGE_GET : OP_READ,
		    fx->text);
	} else if (fx->err == ERR_OK && j->step == ASK_ENTRY)
		say_stored(j, s, fx);
	else if (fx->err == ERR_OK)
		say_staged(j, s, fx);
	else if (none && j->step == ASK_STAGED &&
	    ++j->u32 < s->rm->router->shards_n)
		ask(j, OP_STAGE_GET, STR_NONE);
	else if (none)
		not_there(j, s);
	else
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
}

void
rmq_do_view(struct rmq_session *s, struct rmq_req *q)
{
	struct rmq_job *j;
	int64_t offset;

	if (rheader_i64(q->h, "offset", &offset) != ERR_OK || offset < 0) {
		rmq_answer_field(s, &q->ref, "offset");
		return;
	}
	j = rmq_job_new(s, &q->ref, step);
	j->u64 = (uint64_t)offset;
	ask(j, OP_LOCATE, STR_NONE);
}

/* Without a message's id it is a request to the client as any other. */
void
rmq_do_direct(struct rmq_session *s, struct rmq_req *q)
{
	struct str group = rheader_get(q->h, "consumerGroup"),
		   client = rheader_get(q->h, "clientId"),
		   id = rheader_get(q->h, "msgId");
	struct rmq_host host;
	struct rmq_job *j;
	int64_t offset;

	if (group.len == 0 || client.len == 0 || id.len == 0) {
		rmq_do_ask_client(s, q);
		return;
	}
	if (rmq_offset_id_read(id, &host, &offset) != ERR_OK || offset < 0) {
		rmq_answer_code(s, &q->ref, RC_SYSTEM_ERROR,
		    "the message id can't be read");
		return;
	}
	j = rmq_job_new(s, &q->ref, step);
	j->u64 = (uint64_t)offset;
	j->priv = rmq_group_question(s, q, group, client);
	j->fini = question_free;
	ask(j, OP_LOCATE, STR_NONE);
}
