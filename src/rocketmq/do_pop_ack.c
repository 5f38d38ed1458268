/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACK_MESSAGE, BATCH_ACK_MESSAGE, CHANGE_MESSAGE_INVISIBLETIME: leases are ended by
 * the time that their handles carry. A handle whose lease is over and belongs to
 * somebody else by now is answered NO_MESSAGE; the reference takes the ack and
 * forgets it.
 */
#include "rocketmq/job.h"
#include "rocketmq/json_body.h"
#include "rocketmq/pop.h"

struct ack_req {
	struct str group, topic;
	int32_t queue;
	int64_t offset, invisible;
	struct rmq_handle h;
};

static bool
read_fields(struct rmq_session *s, const struct rmq_req *q, bool change,
    struct ack_req *r)
{
	const struct rheader *h = q->h;
	const char *bad = NULL;

	*r = (struct ack_req){ .group = rheader_get(h, "consumerGroup"),
		.topic = rheader_get(h, "topic") };
	if (r->group.len == 0)
		bad = "consumerGroup";
	else if (r->topic.len == 0)
		bad = "topic";
	else if (rheader_i32(h, "queueId", &r->queue) != ERR_OK)
		bad = "queueId";
	else if (rheader_i64(h, "offset", &r->offset) != ERR_OK)
		bad = "offset";
	else if (rmq_handle_read(rheader_get(h, "extraInfo"), &r->h) != ERR_OK)
		bad = "extraInfo";
	else if (change &&
	    rheader_i64(h, "invisibleTime", &r->invisible) != ERR_OK)
		bad = "invisibleTime";
	if (bad != NULL)
		rmq_answer_field(s, &q->ref, bad);
	return bad == NULL;
}

/* The group's own retry topic under each of its names. */
static char *
topic_name(struct str topic, struct str group, char retry)
{
	if (retry != RMQ_POP_NORMAL || rmq_pop_is_retry(topic, group))
		return mem_printf("%%RETRY%%%.*s", (int)group.len, group.p);
	return mem_strndup(topic.p, topic.len);
}

/* The topic, NULL: parked or answered */
static struct rmq_topic *
topic_get(struct rmq_session *s, const struct rmq_req *q, struct str topic,
    struct str group, char retry)
{
	char *name = topic_name(topic, group, retry);
	enum rmq_topic_found found;
	struct rmq_topic *t;

	found = rmq_topic_get(s, q, str_of(name), &t);
	mem_free(name);
	if (found == RMQ_TOPIC_OK)
		return t;
	if (found == RMQ_TOPIC_NONE)
		rmq_answer_codef(s, &q->ref, RC_TOPIC_NOT_EXIST,
		    "topic[%.*s] not exist, apply first please!",
		    (int)topic.len, topic.p);
	else if (found == RMQ_TOPIC_ERROR)
		rmq_answer_err(s, &q->ref, t->error, NULL);
	return NULL;
}

static bool
queue_ok(struct rmq_session *s, const struct rmq_req *q,
    const struct rmq_topic *t, const struct ack_req *r)
{
	if (r->queue >= 0 && (uint32_t)r->queue < t->queues_n)
		return true;
	rmq_answer_codef(s, &q->ref, RC_MESSAGE_ILLEGAL,
	    "queueId[%d] is illegal, topic:[%.*s] topicConfig."
	    "readQueueNums:[%u] consumer:[%s]",
	    r->queue, (int)r->topic.len, r->topic.p, t->read_n,
	    conn_peer_text(s->cn));
	return false;
}

static struct op *
lease_op(struct rmq_job *j, enum op_type type, const struct rmq_topic *t,
    uint32_t queue, struct str group, uint32_t n, struct lease_name **v)
{
	char name[NAME_MAX_BYTES + 32];
	struct op *op = rmq_job_op(j, type, 0);

	op->topic = op_str(op, rmq_queue_full(t, queue, name, sizeof name));
	op->sub = op_str(op, group);
	*v = op_mem(op, n * sizeof **v);
	op->names = *v;
	op->names_n = n;
	return op;
}

static void
say_failed(struct rmq_session *s, const struct rmq_ref *ref, enum err e,
    const char *diag)
{
	if (e == ERR_NO_MESSAGE || e == ERR_CONFLICT ||
	    e == ERR_NO_SUBSCRIPTION)
		rmq_answer_code(s, ref, RC_NO_MESSAGE,
		    e == ERR_CONFLICT ? "the handle's lease is over" :
					"offset is illegal");
	else
		rmq_answer_err(s, ref, e, diag);
}

/* --- one ---------------------------------------------------------------------- */

static void
acked(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	if (fx->err != ERR_OK)
		say_failed(s, &j->ref, fx->err, fx->diag);
	else
		rmq_answer_code(s, &j->ref, RC_SUCCESS, NULL);
}

void
rmq_do_ack(struct rmq_session *s, struct rmq_req *q)
{
	struct lease_name *v;
	struct rmq_topic *t;
	struct ack_req r;
	struct rmq_job *j;
	struct op *op;

	if (!read_fields(s, q, false, &r))
		return;
	t = topic_get(s, q, r.topic, r.group, RMQ_POP_NORMAL);
	if (t == NULL || !queue_ok(s, q, t, &r))
		return;
	if (r.offset < 0) {
		say_failed(s, &q->ref, ERR_NO_MESSAGE, NULL);
		return;
	}
	j = rmq_job_new(s, &q->ref, acked);
	op = lease_op(j, OP_LEASE_END, t, (uint32_t)r.queue, r.group, 1, &v);
	v[0] = (struct lease_name){ (uint64_t)r.offset, r.h.pop_ms };
	op->u32 = LEASE_ACK;
	rmq_job_route(j, &op);
}

static void
changed(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct rout *o;

	if (fx->err != ERR_OK) {
		say_failed(s, &j->ref, fx->err, fx->diag);
		return;
	}
	o = rmq_answer(s, &j->ref, RC_SUCCESS, NULL);
	rout_i64(o, "popTime",
	    fx->op == OP_LEASE_EXTEND ? fx->i64 : loop_wall_ms(j->rm->lp));
	rout_i64(o, "invisibleTime", (int64_t)j->u64);
	rout_i64(o, "reviveQid", (int32_t)j->u32);
	rmq_answer_end(s, &j->ref, NULL, 0);
}

void
rmq_do_change_invisible(struct rmq_session *s, struct rmq_req *q)
{
	struct lease_name *v;
	struct rmq_topic *t;
	struct ack_req r;
	struct rmq_job *j;
	struct op *op;

	if (!read_fields(s, q, true, &r))
		return;
	t = topic_get(s, q, r.topic, r.group, RMQ_POP_NORMAL);
	if (t == NULL || !queue_ok(s, q, t, &r))
		return;
	if (r.offset < 0) {
		say_failed(s, &q->ref, ERR_NO_MESSAGE, NULL);
		return;
	}
	j = rmq_job_new(s, &q->ref, changed);
	j->u64 = r.invisible > 0 ? (uint64_t)r.invisible : 0;
	j->u32 = (uint32_t)r.h.revive_queue;
	op = lease_op(j, r.invisible > 0 ? OP_LEASE_EXTEND : OP_LEASE_END, t,
	    (uint32_t)r.queue, r.group, 1, &v);
	v[0] = (struct lease_name){ (uint64_t)r.offset, r.h.pop_ms };
	if (r.invisible > 0)
		op->lease.invisible_ms = r.invisible;
	else
		op->u32 = LEASE_RETURN;
	rmq_job_route(j, &op);
}

/* --- many ---------------------------------------------------------------------- */

/* a BatchAck */
struct batch {
	struct str group, topic, bits;
	char retry;
	int64_t start, pop_ms;
	int32_t queue;
};

static const struct jval *
member(const struct jval *v, const char *name, const char *long_name)
{
	const struct jval *m = jval_get(v, name);

	return m != NULL ? m : jval_get(v, long_name);
}

static bool
batch_read(const struct jval *v, struct batch *b)
{
	struct str retry = jval_str(member(v, "r", "retry"));

	*b = (struct batch){ .group = jval_str(member(v, "c", "consumerGroup")),
		.topic = jval_str(member(v, "t", "topic")),
		.retry = retry.len == 1 ? retry.p[0] : RMQ_POP_NORMAL,
		.bits = jval_str(member(v, "b", "bitSet")) };
	return b->group.len > 0 && b->topic.len > 0 &&
	    jval_i64(member(v, "so", "startOffset"), &b->start) == ERR_OK &&
	    jval_i64(member(v, "pt", "popTime"), &b->pop_ms) == ERR_OK &&
	    jval_i32(member(v, "q", "queueId"), &b->queue) == ERR_OK &&
	    b->start >= 0;
}

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The offsets of the set: Java's BitSet as bytes, in base64. At most max. */
static uint32_t
batch_names(const struct batch *b, struct lease_name *v, uint32_t max)
{
	uint32_t acc = 0, bits = 0, byte, n = 0, i;
	uint64_t at = 0;
	size_t k;
	int d;

	for (k = 0; k < b->bits.len; k++) {
		d = base64_digit(b->bits.p[k]);
		if (d < 0)
			break;
		acc = acc << 6 | (uint32_t)d;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		byte = acc >> bits & 0xff;
		for (i = 0; i < 8; i++, at++)
			if ((byte >> i & 1) != 0 && n < max)
				v[n++] = (struct lease_name){
					(uint64_t)b->start + at, b->pop_ms
				};
	}
	return n;
}

static void
batch_acked(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	/* as the reference: those that could be acked are, the rest comes
	 * again */
	if (fx->err != ERR_OK && fx->err != ERR_NO_MESSAGE &&
	    fx->err != ERR_CONFLICT && fx->err != ERR_NO_SUBSCRIPTION &&
	    j->err == ERR_OK)
		j->err = fx->err;
	if (--j->u32 > 0)
		return;
	if (j->err != ERR_OK)
		rmq_answer_err(s, &j->ref, j->err, NULL);
	else
		rmq_answer_code(s, &j->ref, RC_SUCCESS, NULL);
}

/* Topics that all of them need are there; false: parked or answered. */
static bool
batch_topics(
    struct rmq_session *s, const struct rmq_req *q, const struct jval *acks)
{
	const struct jval *m;
	struct rmq_topic *t;
	struct batch b;

	JVAL_FOREACH(m, acks)
	{
		if (!batch_read(m, &b)) {
			rmq_answer_code(s, &q->ref, RC_SYSTEM_ERROR,
			    "the body can't be read");
			return false;
		}
		t = topic_get(s, q, b.topic, b.group, b.retry);
		if (t == NULL)
			return false;
	}
	return true;
}

static void
batch_route(struct rmq_job *j, struct rmq_session *s, const struct rmq_req *q,
    const struct jval *acks)
{
	struct lease_name list[READ_AT_MAX], *v;
	const struct jval *m;
	struct rmq_topic *t;
	struct batch b;
	struct op *op;
	uint32_t n;

	rmq_job_hold(j);
	j->u32 = 1;
	JVAL_FOREACH(m, acks)
	{
		if (!batch_read(m, &b))
			continue;
		t = topic_get(s, q, b.topic, b.group, b.retry);
		n = batch_names(&b, list, READ_AT_MAX);
		if (t == NULL || b.queue < 0 ||
		    (uint32_t)b.queue >= t->queues_n || n == 0)
			continue;
		op = lease_op(
		    j, OP_LEASE_END, t, (uint32_t)b.queue, b.group, n, &v);
		memcpy(v, list, n * sizeof *v);
		op->u32 = LEASE_ACK;
		j->u32++;
		rmq_job_route(j, &op);
	}
	if (--j->u32 == 0)
		rmq_answer_code(s, &j->ref, RC_SUCCESS, NULL);
	rmq_job_release(j);
}

void
rmq_do_batch_ack(struct rmq_session *s, struct rmq_req *q)
{
	const struct jval *root = NULL, *acks = NULL;
	struct jdoc doc;

	jdoc_init(&doc, JDOC_VALUES_MAX);
	if (jdoc_parse(&doc, q->body.p, q->body.len, &root) == ERR_OK)
		acks = jval_get(root, "acks");
	if (jval_first(acks) == NULL)
		rmq_answer_code(s, &q->ref, RC_NO_MESSAGE, NULL);
	else if (batch_topics(s, q, acks))
		batch_route(rmq_job_new(s, &q->ref, batch_acked), s, q, acks);
	jdoc_fini(&doc);
}
