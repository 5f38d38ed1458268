/* SPDX-License-Identifier: Apache-2.0 */
#include "http/parts.h"

void
parts_resolve(struct req *rq, req_step_f *next)
{
	struct op *op;

	if (!req_topic(rq))
		return;
	if (rq->tn.partition < 0) {
		op = req_op(rq, OP_TOPIC_META, rq->tn.full);
		req_send(rq, &op);
	}
	req_then(rq, next);
}

bool
parts_resolved(struct req *rq)
{
	rq->partitions = 0;
	if (rq->ans_n == 0)
		return true;
	if (req_any_failed(rq))
		return false;
	assert(rq->ans[0]->type == FX_TOPIC_META);
	rq->partitions = rq->ans[0]->u32;
	req_clear(rq);
	return true;
}

void
parts_each_from(struct req *rq, enum op_type type, parts_fill_f *fill,
    uint32_t from, uint32_t to)
{
	char name[PARTITION_NAME_MAX];
	struct op *op;
	uint32_t i;

	for (i = from; i < to; i++) {
		op = req_op(rq, type, req_partition(rq, i, name, sizeof(name)));
		if (fill != NULL)
			fill(rq, op);
		req_send(rq, &op);
	}
}

void
parts_each(struct req *rq, enum op_type type, parts_fill_f *fill)
{
	parts_each_from(
	    rq, type, fill, 0, rq->partitions == 0 ? 1 : rq->partitions);
}

bool
parts_any_failed(struct req *rq, enum err but)
{
	unsigned i, excused = 0;

	for (i = 0; i < rq->ans_n; i++) {
		if (rq->ans[i]->err == ERR_OK)
			continue;
		if (rq->ans[i]->err == but) {
			excused++;
			continue;
		}
		req_fail_ans(rq, i);
		return true;
	}
	if (excused == 0 || excused < rq->ans_n)
		return false;
	req_fail_ans(rq, 0);
	return true;
}

void
parts_done(struct req *rq)
{
	if (!parts_any_failed(rq, ERR_NO_TOPIC))
		req_empty(rq);
}

bool
parts_is_single(struct req *rq, const char *what)
{
	if (rq->partitions == 0)
		return true;
	req_error(rq, 405, "%s a partitioned topic is not allowed", what);
	return false;
}

bool
parts_is_persistent(struct req *rq, const char *what)
{
	if (rq->tn.persistent)
		return true;
	req_error(rq, 405, "%s a non-persistent topic is not allowed", what);
	return false;
}
