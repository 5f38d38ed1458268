/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QUERY_CONSUME_QUEUE: what the index of a queue says, row by row; where a group
 * is named, what it subscribes to, first.
 */
#include "rocketmq/job.h"
#include "rocketmq/jw.h"

#define ROWS_BYTES (64u << 20) /* of messages behind the rows of one answer */

struct query {
	char *full; /* of the queue's topic */
	char *group; /* NULL: none is named */
	uint32_t rows_n;
};

static void
query_fini(struct rmq_job *j)
{
	struct query *y = j->priv;

	mem_free(y->full);
	mem_free(y->group);
	mem_free(y);
}

static void
no_index(struct rmq_job *j, struct rmq_session *s)
{
	/* success, as the reference has it */
	rmq_answer_codef(s, &j->ref, RC_SUCCESS,
	    "Index %lld of %u@%s is not exist!", (long long)j->u64, j->u32,
	    j->text);
}

static void
read_rows(struct rmq_job *j)
{
	const struct query *y = j->priv;
	struct op *op = rmq_job_op(j, OP_READ_AT, 0);

	op->topic = op_str(op, str_of(y->full));
	op->u64 = j->u64;
	op->read = (struct op_read){
		.max_n = y->rows_n,
		.max_bytes = ROWS_BYTES,
	};
	rmq_job_route(j, &op);
}

/* Of the one shard that knows the group: filter, newline, subscription */
static void
say_sub(const struct rmq_job *j, struct jw *w)
{
	const struct query *y = j->priv;
	const char *end;
	char *text;
	unsigned i;

	for (i = 0; i < j->parts_n; i++) {
		end = strchr(j->parts[i], '\n');
		if (end == NULL)
			continue;
		jw_key_str(w, "filterData",
		    (struct str){ j->parts[i], (size_t)(end - j->parts[i]) });
		jw_key(w, "subscriptionData");
		jw_raw(w, str_of(end + 1));
		return;
	}
	text = mem_printf("%s@%s is not online!", y->group, j->text);
	jw_key_str(w, "filterData", str_of(text));
	mem_free(text);
}

static void
rows(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	const struct query *y = j->priv;
	const struct entry *e;
	struct jw w;
	uint32_t i;

	if (fx == NULL) { /* the shards have said who subscribes */
		if (j->err != ERR_OK)
			rmq_answer_err(s, &j->ref, j->err, NULL);
		else
			read_rows(j);
		return;
	}
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
	if (y->group != NULL)
		say_sub(j, &w);
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

static void
query(struct rmq_session *s, const struct rmq_req *q, const struct rmq_topic *t,
    struct rmq_job *j, int32_t count)
{
	struct str group = rheader_get(q->h, "consumerGroup");
	char full[NAME_MAX_BYTES + 32];
	struct query *y = mem_zalloc(sizeof *y);
	struct str name;
	char *text;

	j->text = mem_strdup(t->name);
	j->priv = y;
	j->fini = query_fini;
	if ((int64_t)j->u64 < 0 || count <= 0) {
		rmq_job_hold(j);
		no_index(j, s);
		rmq_job_release(j);
		return;
	}
	name = rmq_queue_full(t, j->u32, full, sizeof full);
	y->full = mem_strndup(name.p, name.len);
	y->rows_n =
	    (uint32_t)count < READ_AT_MAX ? (uint32_t)count : READ_AT_MAX;
	if (group.len == 0) {
		read_rows(j);
		return;
	}
	y->group = mem_strndup(group.p, group.len);
	text = mem_printf("%s\n%s", t->name, y->group);
	rmq_job_tell(j, TELL_SUB, str_of(text));
	mem_free(text);
}

void
rmq_do_consume_queue(struct rmq_session *s, struct rmq_req *q)
{
	struct str topic = rheader_get(q->h, "topic");
	int32_t queue = -1, count = 0;
	const char *bad = NULL;
	struct rmq_topic *t;
	struct rmq_job *j;
	int64_t index = 0;

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
	j->u32 = (uint32_t)queue;
	j->u64 = (uint64_t)index;
	query(s, q, t, j, count);
}
