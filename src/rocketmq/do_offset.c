/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets of groups and of queues: one operation of the core each, which is a
 * job of one step (job.c).
 */
#include "rocketmq/gconf.h"
#include "rocketmq/job.h"
#include "rocketmq/reset.h"

struct offset_req {
	struct str group, topic;
	int32_t queue;
	int64_t offset, time_ms;
	bool upper, zero_if_none;
};

/* Fields that are there where `want` says so; answered if not. */
#define WANT_GROUP 1u
#define WANT_OFFSET 2u
#define WANT_TIME 4u

static bool
read_fields(struct rmq_session *s, const struct rmq_req *q, unsigned want,
    struct offset_req *r)
{
	const char *bad = NULL;

	*r = (struct offset_req){ .topic = rheader_get(q->h, "topic"),
		.group = rheader_get(q->h, "consumerGroup") };
	if (r->topic.p == NULL)
		bad = "topic";
	else if ((want & WANT_GROUP) != 0 && r->group.len == 0)
		bad = "consumerGroup";
	else if (rheader_i32(q->h, "queueId", &r->queue) != ERR_OK)
		bad = "queueId";
	else if ((want & WANT_OFFSET) != 0 &&
	    rheader_i64(q->h, "commitOffset", &r->offset) != ERR_OK)
		bad = "commitOffset";
	else if ((want & WANT_TIME) != 0 &&
	    rheader_i64(q->h, "timestamp", &r->time_ms) != ERR_OK)
		bad = "timestamp";
	if (bad != NULL)
		rmq_answer_field(s, &q->ref, bad);
	return bad == NULL;
}

/* The queue, or NULL: parked or answered. */
static struct rmq_topic *
queue_get(struct rmq_session *s, struct rmq_req *q, const struct offset_req *r)
{
	struct rmq_topic *t;

	switch (rmq_topic_use(s, q, r->topic, &t)) {
	case RMQ_TOPIC_PARKED:
		return NULL;
	case RMQ_TOPIC_NONE:
		rmq_answer_codef(s, &q->ref, RC_TOPIC_NOT_EXIST,
		    "topic[%.*s] not exist", (int)r->topic.len, r->topic.p);
		return NULL;
	case RMQ_TOPIC_ERROR:
		rmq_answer_err(s, &q->ref, t->error, NULL);
		return NULL;
	case RMQ_TOPIC_OK:
		break;
	}
	if (r->queue < 0 || (uint32_t)r->queue >= t->queues_n) {
		rmq_answer_codef(s, &q->ref, RC_INVALID_PARAMETER,
		    "queueId[%d] is illegal, topic:[%.*s] topicConfig."
		    "readQueueNums:[%u] consumer:[%s]",
		    r->queue, (int)r->topic.len, r->topic.p, t->read_n,
		    conn_peer_text(s->cn));
		return NULL;
	}
	return t;
}

static struct op *
queue_op(struct rmq_job *j, enum op_type type, const struct rmq_topic *t,
    const struct offset_req *r)
{
	char name[NAME_MAX_BYTES + 32];
	struct op *op = rmq_job_op(j, type, 0);

	op->topic = op_str(
	    op, rmq_queue_full(t, (uint32_t)r->queue, name, sizeof name));
	if (r->group.p != NULL)
		op->sub = op_str(op, r->group);
	return op;
}

static void
say_offset(struct rmq_session *s, const struct rmq_ref *ref, uint64_t offset)
{
	rout_i64(
	    rmq_answer(s, ref, RC_SUCCESS, NULL), "offset", (int64_t)offset);
	rmq_answer_end(s, ref, NULL, 0);
}

/* --- of groups -------------------------------------------------------------- */

/*
 * Where the group never committed: the first offset, while the queue still has
 * everything that was ever sent to it. The reference also asks whether that is
 * in memory, that is, whether the queue is small (queryConsumerOffset of
 * ConsumerManageProcessor).
 *
 * A queue in which nothing lies is answered where its next message will be, while
 * the reference says that nothing was found. A client that is told so asks for the
 * end then (CONSUME_FROM_LAST_OFFSET), and has lost what came in between; whatever
 * else it may consume from is the same place in such a queue.
 */
#define SMALL_QUEUE 50000u

static bool
is_known(const struct fx *fx, uint64_t *offset)
{
	*offset = fx->min_index;
	return fx->min_index == fx->max_index ||
	    (fx->min_index == 0 && fx->max_index <= SMALL_QUEUE);
}

static void
offset_got(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	uint64_t offset;

	if (fx->err == ERR_OK && fx->type == FX_CURSOR && j->step == 0) {
		say_offset(s, &j->ref, fx->u64);
	} else if (fx->err == ERR_NO_SUBSCRIPTION && j->step == 0) {
		struct op *op = rmq_job_op(j, OP_RANGE, 0);

		op->topic = op_str(op, str_of(j->text));
		j->step = 1;
		rmq_job_route(j, &op);
	} else if (fx->err == ERR_OK) {
		if (j->flag && is_known(fx, &offset))
			say_offset(s, &j->ref, offset);
		else
			rmq_answer_code(s, &j->ref, RC_QUERY_NOT_FOUND,
			    "Not found, V3_0_6_SNAPSHOT maybe this group "
			    "consumer boot first");
	} else
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
}

void
rmq_do_offset_get(struct rmq_session *s, struct rmq_req *q)
{
	struct offset_req r;
	struct rmq_topic *t;
	struct rmq_job *j;
	struct op *op;
	bool zero;

	if (!read_fields(s, q, WANT_GROUP, &r) ||
	    (t = queue_get(s, q, &r)) == NULL)
		return;
	if (rheader_bool(q->h, "setZeroIfNotFound", &zero) != ERR_OK)
		zero = true;
	j = rmq_job_new(s, &q->ref, offset_got);
	j->flag = zero;
	op = queue_op(j, OP_CURSOR_GET, t, &r);
	j->text = mem_strndup(op->topic.p, op->topic.len);
	rmq_job_route(j, &op);
}

static void
done(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	rmq_answer_err(s, &j->ref, fx->err, fx->diag);
}

void
rmq_do_offset_set(struct rmq_session *s, struct rmq_req *q)
{
	struct offset_req r;
	struct rmq_gconf *g;
	struct rmq_topic *t;
	struct rmq_job *j;
	struct op *op;

	if (!read_fields(s, q, WANT_GROUP | WANT_OFFSET, &r) ||
	    (t = queue_get(s, q, &r)) == NULL)
		return;
	switch (rmq_gconf_get(s, q, r.group, false, &g)) {
	case RMQ_GCONF_OK:
		break;
	case RMQ_GCONF_NONE:
		rmq_answer_codef(s, &q->ref, RC_SUBSCRIPTION_GROUP_NOT_EXIST,
		    "Group %.*s not exist!", (int)r.group.len, r.group.p);
		return;
	case RMQ_GCONF_PARKED:
	case RMQ_GCONF_ERROR:
		return;
	}
	if (rmq_reset_pending(s->rm, r.group, t->name, (uint32_t)r.queue)) {
		rmq_answer_code(
		    s, &q->ref, RC_SUCCESS, "Offset has been previously reset");
		return;
	}
	j = rmq_job_new(s, &q->ref, done);
	op = queue_op(j, OP_CURSOR_SET, t, &r);
	op->u64 = r.offset > 0 ? (uint64_t)r.offset : 0;
	op->flag = true;
	/* who doesn't wait for an answer need not wait for the disk */
	op->flag2 = !q->ref.oneway;
	rmq_job_route(j, &op);
}

/* --- of queues -------------------------------------------------------------- */

static void
range_got(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	if (fx->err != ERR_OK) {
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
		return;
	}
	switch (j->ref.code) {
	case RQ_GET_MAX_OFFSET:
		say_offset(s, &j->ref, fx->max_index);
		break;
	case RQ_GET_MIN_OFFSET:
		say_offset(s, &j->ref, fx->min_index);
		break;
	case RQ_SEARCH_OFFSET_BY_TIMESTAMP:
		say_offset(s, &j->ref, fx->u64);
		break;
	case RQ_GET_EARLIEST_MSG_STORETIME:
		rout_i64(rmq_answer(s, &j->ref, RC_SUCCESS, NULL), "timestamp",
		    fx->first_ms > 0 ? fx->first_ms : -1);
		rmq_answer_end(s, &j->ref, NULL, 0);
		break;
	default:
		WRONG("not a question about a queue's ends");
	}
}

static void
range(struct rmq_session *s, struct rmq_req *q)
{
	struct offset_req r;
	struct rmq_topic *t;
	struct rmq_job *j;
	struct op *op;

	if (!read_fields(s, q, 0, &r) || (t = queue_get(s, q, &r)) == NULL)
		return;
	r.group = STR_NONE;
	j = rmq_job_new(s, &q->ref, range_got);
	op = queue_op(j, OP_RANGE, t, &r);
	rmq_job_route(j, &op);
}

void
rmq_do_offset_max(struct rmq_session *s, struct rmq_req *q)
{
	range(s, q);
}

void
rmq_do_offset_min(struct rmq_session *s, struct rmq_req *q)
{
	range(s, q);
}

void
rmq_do_earliest_time(struct rmq_session *s, struct rmq_req *q)
{
	range(s, q);
}

void
rmq_do_offset_time(struct rmq_session *s, struct rmq_req *q)
{
	struct offset_req r;
	struct rmq_topic *t;
	struct rmq_job *j;
	struct str bound;
	struct op *op;

	if (!read_fields(s, q, WANT_TIME, &r) ||
	    (t = queue_get(s, q, &r)) == NULL)
		return;
	r.group = STR_NONE;
	j = rmq_job_new(s, &q->ref, range_got);
	op = queue_op(j, OP_INDEX_AT_TIME, t, &r);
	op->start.time_ms = r.time_ms;
	bound = rheader_get(q->h, "boundaryType");
	op->flag = bound.p != NULL && bound.len == 5 &&
	    strncasecmp(bound.p, "upper", 5) == 0;
	rmq_job_route(j, &op);
}
