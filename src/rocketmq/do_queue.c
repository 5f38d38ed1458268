/* SPDX-License-Identifier: Apache-2.0 */
/* QUERY_CONSUME_QUEUE: what the index of a queue says, row by row. */
#include "rocketmq/job.h"
#include "rocketmq/jw.h"

#define ROWS_BYTES (64u << 20) /* of messages behind the rows of one answer */

static void
no_index(struct rmq_job *j, struct rmq_session *s)
{
	/* success, as the reference has it */
	rmq_answer_codef(s, &j->ref, RC_SUCCESS,
	    "Index %lld of %u@%s is not exist!", (long long)j->u64, j->u32,
	    j->text);
}

static void
rows(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	const struct entry *e;
	struct jw w;
	uint32_t i;

	if (fx->err != ERR_OK) {
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
		return;
	}
	if (fx->entries_n == 0) {
		no_index(j, s);
		return;
	}
	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	jw_object(&w);
	jw_key_i64(&w, "maxQueueIndex", (int64_t)fx->max_index);
	jw_key_i64(&w, "minQueueIndex", (int64_t)fx->min_index);
	jw_key(&w, "queueData");
	jw_array(&w);
	for (i = 0; i < fx->entries_n; i++) {
		e = &fx->entries[i];
		jw_object(&w);
		jw_key_bool(&w, "eval", false);
		jw_key_i64(&w, "physicOffset", (int64_t)e->locator);
		jw_key_i64(&w, "physicSize", e->body.len);
		jw_key_i64(&w, "tagsCode", (int32_t)e->attr.tag_hash);
		jw_end(&w);
	}
	jw_end(&w);
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

void
rmq_do_consume_queue(struct rmq_session *s, struct rmq_req *q)
{
	struct str topic = rheader_get(q->h, "topic");
	char full[NAME_MAX_BYTES + 32];
	int32_t queue = -1, count = 0;
	const char *bad = NULL;
	struct rmq_topic *t;
	struct rmq_job *j;
	int64_t index = 0;
	struct op *op;

	if (topic.len == 0)
		bad = "topic";
	else if (rheader_i32(q->h, "queueId", &queue) != ERR_OK)
		bad = "queueId";
	else if (rheader_i64(q->h, "index", &index) != ERR_OK)
		bad = "index";
	else if (rheader_i32(q->h, "count", &count) != ERR_OK)
		bad = "count";
	if (bad != NULL) {
		rmq_answer_field(s, &q->ref, bad);
		return;
	}
	switch (rmq_topic_get(s, q, topic, &t)) {
	case RMQ_TOPIC_PARKED:
		return;
	case RMQ_TOPIC_ERROR:
		rmq_answer_err(s, &q->ref, t->error, NULL);
		return;
	case RMQ_TOPIC_NONE:
		rmq_answer_codef(s, &q->ref, RC_SYSTEM_ERROR,
		    "%d@%.*s is not exist!", queue, (int)topic.len, topic.p);
		return;
	case RMQ_TOPIC_OK:
		break;
	}
	if (queue < 0 || (uint32_t)queue >= t->queues_n) {
		rmq_answer_codef(s, &q->ref, RC_SYSTEM_ERROR,
		    "%d@%s is not exist!", queue, t->name);
		return;
	}
	j = rmq_job_new(s, &q->ref, rows);
	j->text = mem_strdup(t->name);
	j->u32 = (uint32_t)queue;
	j->u64 = (uint64_t)index;
	if (index < 0 || count <= 0) {
		rmq_job_hold(j);
		no_index(j, s);
		rmq_job_release(j);
		return;
	}
	op = rmq_job_op(j, OP_READ_AT, 0);
	op->topic =
	    op_str(op, rmq_queue_full(t, (uint32_t)queue, full, sizeof full));
	op->u64 = (uint64_t)index;
	op->read = (struct op_read){
		.max_n = (uint32_t)count < READ_AT_MAX ? (uint32_t)count :
							 READ_AT_MAX,
		.max_bytes = ROWS_BYTES,
	};
	rmq_job_route(j, &op);
}
