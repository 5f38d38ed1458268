/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QUERY_MESSAGE: the messages of a topic with a key, from all of its queues, in
 * the order in which they were stored. Of more than were asked for, the newest.
 *
 * Messages of Pulsar's producers are not in the index. Their unique keys are made
 * here and say where they lie, so those find them; their other keys don't.
 *
 * Tags (indexType T) are in no index: queues are read from the time that was asked
 * for on, past what has another one.
 */
#include <stdlib.h>

#include "format/rmq_batch.h"
#include "format/rmq_of_pulsar.h"
#include "format/rmq_props.h"
#include "rocketmq/fit.h"
#include "rocketmq/job.h"
#include "rocketmq/send.h"
#include "rocketmq/take.h"

/* fx->req; below: a queue */
#define ASK_WHERE (UINT64_C(1) << 32)
#define ASK_ENTRY (ASK_WHERE + 1)

#define MAX_N 64 /* the reference's maxMsgsNumBatch */
#define MAX_UNIQUE_N 32 /* its defaultQueryMaxNum */
#define BYTES_MAX (15u << 20) /* clients take 16 MiB in a frame */
#define READ_BYTES (1u << 20) /* of a queue at a time, for tags */

struct hit {
	struct slice rec; /* referenced */
	int64_t store_ms, phys;
};

struct tag_queue {
	char *name; /* full */
	uint64_t at; /* read from there on */
	uint64_t end; /* there it ended when it was looked at */
};

struct query {
	struct str key; /* j->text */
	struct tag_queue *tagged; /* the key is a tag; NULL: it is not */
	uint32_t tagged_n;
	uint32_t max;
	int64_t begin_ms, end_ms;
	uint32_t left; /* answers to come */
	uint64_t locator; /* that the key says */
	char *topic;
	char *queue; /* that has it, its full name */
	struct hit *v;
	uint32_t n, cap;
};

static void
query_free(struct rmq_job *j)
{
	struct query *q = j->priv;
	uint32_t i;

	for (i = 0; i < q->n; i++)
		slice_unref(&q->v[i].rec);
	for (i = 0; i < q->tagged_n; i++)
		mem_free(q->tagged[i].name);
	mem_free(q->tagged);
	mem_free(q->v);
	mem_free(q->topic);
	mem_free(q->queue);
	mem_free(q);
}

static int
hit_cmp(const void *va, const void *vb)
{
	const struct hit *a = va, *b = vb;

	if (a->store_ms != b->store_ms)
		return a->store_ms < b->store_ms ? -1 : 1;
	return (a->phys > b->phys) - (a->phys < b->phys);
}

/* Only what can be in the answer is kept: the newest. */
static void
prune(struct query *q)
{
	uint64_t bytes = 0;
	uint32_t i, keep = 0;

	if (q->n < 2)
		return;
	qsort(q->v, q->n, sizeof *q->v, hit_cmp);
	for (i = q->n; i > 0 && keep < q->max; i--, keep++) {
		bytes += q->v[i - 1].rec.len;
		if (keep > 0 && bytes > BYTES_MAX)
			break;
	}
	for (i = 0; i < q->n - keep; i++)
		slice_unref(&q->v[i].rec);
	memmove(q->v, q->v + q->n - keep, keep * sizeof *q->v);
	q->n = keep;
}

static bool
has_key(const struct query *q, const struct rmq_record *r)
{
	return q->tagged != NULL ?
	    str_eq(rmq_props_get(r->props, RMQ_PROP_TAGS), q->key) :
	    rmq_record_has_key(r, q->key);
}

/* If it has the key */
static void
take_record(struct query *q, const struct rmq_record *r, struct slice rec)
{
	if (!has_key(q, r) || r->store_ms < q->begin_ms ||
	    r->store_ms > q->end_ms)
		return;
	if (q->n == q->cap) {
		q->cap = q->cap == 0 ? 16 : q->cap * 2;
		q->v = mem_reallocarray(q->v, q->cap, sizeof *q->v);
	}
	q->v[q->n++] =
	    (struct hit){ slice_ref(rec), r->store_ms, r->phys_offset };
}

/* By its own unique key it is found as a whole, as clients expect it; else those
 * of its messages that have the key. */
static void
take_batch(struct query *q, struct rmq *rm, const struct rmq_record *outer)
{
	bool whole = q->tagged == NULL &&
	    str_eq(rmq_props_get(outer->props, RMQ_PROP_UNIQ_KEY), q->key);
	struct rmq_unwrap u;
	struct rmq_record r;
	struct slice made;

	if (whole && rmq_take_whole(rm, outer, &made)) {
		take_record(q, outer, made);
		slice_unref(&made);
	}
	rmq_unwrap_init(&u, outer);
	while (!whole && rmq_unwrap_next(&u, &r) == ERR_OK) {
		if (!has_key(q, &r) || !rmq_record_again(rm, &r, &made))
			continue;
		take_record(q, &r, made);
		slice_unref(&made);
	}
}

/* Of an entry, which may hold several records */
static void
take(struct query *q, struct rmq *rm, const struct entry *e)
{
	struct rmq_record r;
	uint32_t at;

	if (e->attr.format != ENTRY_FORMAT_ROCKETMQ)
		return;
	for (at = 0; at < e->body.len; at += r.size) {
		if (rmq_record_read(e->body.p + at, e->body.len - at, &r) !=
		    ERR_OK)
			return;
		if (rmq_is_inner_batch(r.sys_flag))
			take_batch(q, rm, &r);
		else
			take_record(q, &r, slice_sub(e->body, at, r.size));
	}
}

/* The message of Pulsar's at the place that the key says */
static void
take_located(struct query *q, struct rmq_session *s, const struct entry *e)
{
	struct rmq_record r;
	struct slice rec;

	if (e->attr.format != ENTRY_FORMAT_PULSAR ||
	    !rmq_take_one(s, e, str_of(q->queue), q->locator, STR_NONE, &rec))
		return;
	if (rmq_record_read(rec.p, rec.len, &r) == ERR_OK &&
	    str_eq(r.topic, str_of(q->topic)))
		take_record(q, &r, rec);
	slice_unref(&rec);
}

static void
ask_entry(struct rmq_job *j, struct str queue)
{
	struct query *q = j->priv;
	struct op *op = rmq_job_op(j, OP_READ, ASK_ENTRY);

	q->queue = mem_strndup(queue.p, queue.len);
	op->topic = op_str(op, queue);
	op->u64 = q->locator;
	op->flag = true;
	q->left++;
	rmq_job_route(j, &op);
}

/* The newest, as far as they may be fitted */
static void
fit(struct query *q, struct rmq_session *s)
{
	struct rmq_fit f = { 0 };
	uint32_t i = q->n, k;

	while (i > 0 && rmq_fit_goes_on(&f))
		rmq_fit_record(s, &f, &q->v[--i].rec);
	for (k = 0; k < i; k++)
		slice_unref(&q->v[k].rec);
	q->n -= i;
	memmove(q->v, q->v + i, q->n * sizeof *q->v);
}

static void
say(struct rmq_job *j, struct rmq_session *s)
{
	struct query *q = j->priv;
	struct rout *o;
	size_t bytes = 0;
	uint32_t i;

	if (q->n == 0) {
		rmq_answer_code(s, &j->ref, RC_QUERY_NOT_FOUND,
		    "can not find message, maybe time range not correct");
		return;
	}
	fit(q, s);
	for (i = 0; i < q->n; i++)
		bytes += q->v[i].rec.len;
	o = rmq_answer(s, &j->ref, RC_SUCCESS, NULL);
	rout_i64(o, "indexLastUpdateTimestamp", q->v[q->n - 1].store_ms);
	rout_i64(o, "indexLastUpdatePhyoffset", q->v[q->n - 1].phys);
	if (!rmq_answer_head(s, &j->ref, bytes))
		return;
	for (i = 0; i < q->n; i++)
		conn_write_slice(s->cn, q->v[i].rec);
}

/* The queue's messages with the tag, from there on */
static void
read_on(struct rmq_job *j, uint64_t queue, uint64_t index)
{
	struct query *q = j->priv;
	struct tag_queue *tq = &q->tagged[queue];
	struct op *op = rmq_job_op(j, OP_READ_AT, queue);
	uint32_t *tag = op_mem(op, sizeof *tag);

	*tag = rmq_tags_code(q->key);
	op->topic = op_str(op, str_of(tq->name));
	op->u64 = tq->at = index;
	op->read.max_n = READ_AT_MAX;
	op->read.max_bytes = READ_BYTES;
	op->read.tags = tag;
	op->read.tags_n = 1;
	q->left++;
	rmq_job_route(j, &op);
}

static void
take_all(struct rmq_job *j, const struct fx *fx)
{
	struct query *q = j->priv;
	const struct tag_queue *tq;
	uint32_t i;

	for (i = 0; i < fx->entries_n; i++)
		take(q, j->rm, &fx->entries[i]);
	prune(q);
	if (fx->op != OP_READ_AT)
		return;
	tq = &q->tagged[fx->req];
	/* where it doesn't go on, the topic's rate is used up */
	if (fx->u64 > tq->at && fx->u64 < tq->end)
		read_on(j, fx->req, fx->u64);
}

static void
step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct query *q = j->priv;

	if (fx->err == ERR_OK && fx->req == ASK_WHERE) {
		ask_entry(j, fx->text);
	} else if (fx->err == ERR_OK && fx->req == ASK_ENTRY) {
		take_located(q, s, &fx->ent);
	} else if (fx->err == ERR_OK && fx->op == OP_INDEX_AT_TIME) {
		q->tagged[fx->req].end = fx->max_index;
		if (fx->u64 < fx->max_index)
			read_on(j, fx->req, fx->u64);
	} else if (fx->err == ERR_OK) {
		take_all(j, fx);
	} else if (fx->err != ERR_NO_TOPIC && fx->err != ERR_NO_MESSAGE &&
	    j->err == ERR_OK) {
		/* a queue that was never written to is not there, nor is a
		 * message that was deleted */
		j->err = fx->err;
	}
	if (--q->left > 0)
		return;
	if (j->err != ERR_OK)
		rmq_answer_err(s, &j->ref, j->err, NULL);
	else
		say(j, s);
}

static void
ask_queues_of_tag(struct rmq_job *j, const struct rmq_topic *t)
{
	struct query *q = j->priv;
	char name[NAME_MAX_BYTES + 32];
	struct str full;
	struct op *op;
	uint32_t i;

	q->tagged = mem_calloc(t->queues_n, sizeof *q->tagged);
	q->tagged_n = q->left = t->queues_n;
	rmq_job_hold(j);
	for (i = 0; i < t->queues_n; i++) {
		full = rmq_queue_full(t, i, name, sizeof name);
		q->tagged[i].name = mem_strndup(full.p, full.len);
		op = rmq_job_op(j, OP_INDEX_AT_TIME, i);
		op->topic = op_str(op, full);
		op->start.time_ms = q->begin_ms;
		rmq_job_route(j, &op);
	}
	rmq_job_release(j);
}

static void
ask_queues(struct rmq_job *j, const struct rmq_topic *t)
{
	struct query *q = j->priv;
	char name[NAME_MAX_BYTES + 32];
	struct op *op;
	uint32_t i;

	q->left = t->queues_n;
	rmq_job_hold(j);
	for (i = 0; i < t->queues_n; i++) {
		op = rmq_job_op(j, OP_QUERY, i);
		op->topic = op_str(op, rmq_queue_full(t, i, name, sizeof name));
		op->u64 = rmq_key_hash(q->key);
		op->u32 = q->max;
		op->start.time_ms = q->begin_ms;
		op->due_ms = q->end_ms;
		rmq_job_route(j, &op);
	}
	if (rmq_of_pulsar_uniq(q->key, &q->locator)) {
		op = rmq_job_op(j, OP_LOCATE, ASK_WHERE);
		op->u64 = q->locator;
		q->left++;
		rmq_job_route_to(j, j->rm->router->shard, &op);
	}
	rmq_job_release(j);
}

/* The first field that is wrong; NULL: none */
static const char *
read_fields(const struct rmq_req *rq, struct query *q)
{
	bool unique;
	int32_t max;

	if (rheader_get(rq->h, "topic").len == 0)
		return "topic";
	if (rheader_get(rq->h, "key").p == NULL)
		return "key";
	if (rheader_i32(rq->h, "maxNum", &max) != ERR_OK)
		return "maxNum";
	if (rheader_i64(rq->h, "beginTimestamp", &q->begin_ms) != ERR_OK)
		return "beginTimestamp";
	if (rheader_i64(rq->h, "endTimestamp", &q->end_ms) != ERR_OK)
		return "endTimestamp";
	if (rheader_bool(rq->h, "_UNIQUE_KEY_QUERY", &unique) == ERR_OK &&
	    unique)
		max = MAX_UNIQUE_N;
	q->max = max < 0 ? 0 : max > MAX_N ? MAX_N : (uint32_t)max;
	return NULL;
}

void
rmq_do_query(struct rmq_session *s, struct rmq_req *rq)
{
	struct query q = { .max = 0 };
	const char *wrong = read_fields(rq, &q);
	struct rmq_topic *t;
	struct rmq_job *j;
	struct str key;
	bool none = false;

	if (wrong != NULL) {
		rmq_answer_field(s, &rq->ref, wrong);
		return;
	}
	switch (rmq_topic_get(s, rq, rheader_get(rq->h, "topic"), &t)) {
	case RMQ_TOPIC_PARKED:
		return;
	case RMQ_TOPIC_ERROR:
		rmq_answer_err(s, &rq->ref, t->error, NULL);
		return;
	case RMQ_TOPIC_NONE:
		none = true;
		break;
	case RMQ_TOPIC_OK:
		break;
	}
	j = rmq_job_new(s, &rq->ref, step);
	key = rheader_get(rq->h, "key");
	j->text = mem_strndup(key.p, key.len);
	q.key = str_of(j->text);
	j->priv = mem_dup(&q, sizeof q);
	j->fini = query_free;
	if (none || q.max == 0 || q.key.len == 0 || t->queues_n == 0) {
		say(j, s);
		rmq_job_drop(j);
		return;
	}
	((struct query *)j->priv)->topic = mem_strdup(t->name);
	if (str_eq(rheader_get(rq->h, "indexType"), STR_LIT("T")))
		ask_queues_of_tag(j, t);
	else
		ask_queues(j, t);
}
