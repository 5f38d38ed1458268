/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/job.h"

struct rmq_job *
rmq_job_new_own(struct rmq *rm, rmq_job_f *f)
{
	struct rmq_job *j;

	ALLOC_OBJ(j, RMQ_JOB_MAGIC);
	j->rm = rm;
	j->f = f;
	j->number = rmq_thing_add(rm, j);
	LIST_INSERT_HEAD(&rm->jobs, j, link);
	return j;
}

struct rmq_job *
rmq_job_new(struct rmq_session *s, const struct rmq_ref *ref, rmq_job_f *f)
{
	struct rmq_job *j;

	CHECK_OBJ_NOTNULL(s, RMQ_SESSION_MAGIC);
	j = rmq_job_new_own(s->rm, f);
	j->ref = *ref;
	return j;
}

static void
job_free(struct rmq_job *j)
{
	rmq_thing_del(j->rm, j->number);
	LIST_REMOVE(j, link);
	if (j->frame.buf != NULL)
		slice_unref(&j->frame);
	if (j->fini != NULL)
		j->fini(j);
	mem_free(j->text);
	FREE_OBJ(j);
}

struct op *
rmq_job_op(struct rmq_job *j, enum op_type type, uint64_t req)
{
	CHECK_OBJ_NOTNULL(j, RMQ_JOB_MAGIC);
	return rmq_op_new(j->rm, type, TAG_JOB, j->number, req);
}

void
rmq_job_route(struct rmq_job *j, struct op **op)
{
	CHECK_OBJ_NOTNULL(j, RMQ_JOB_MAGIC);
	j->under_way++;
	rmq_route(j->rm, op);
}

void
rmq_job_route_to(struct rmq_job *j, unsigned shard, struct op **op)
{
	CHECK_OBJ_NOTNULL(j, RMQ_JOB_MAGIC);
	j->under_way++;
	rmq_route_to(j->rm, shard, op);
}

void
rmq_job_drop(struct rmq_job *j)
{
	CHECK_OBJ_NOTNULL(j, RMQ_JOB_MAGIC);
	AZ(j->under_way);
	job_free(j);
}

void
rmq_job_hold(struct rmq_job *j)
{
	CHECK_OBJ_NOTNULL(j, RMQ_JOB_MAGIC);
	j->under_way++;
}

void
rmq_job_release(struct rmq_job *j)
{
	CHECK_OBJ_NOTNULL(j, RMQ_JOB_MAGIC);
	AN(j->under_way);
	if (--j->under_way == 0)
		job_free(j);
}

void
rmq_job_fx(struct rmq_job *j, struct fx *fx)
{
	struct rmq_session *s;

	CHECK_OBJ_NOTNULL(j, RMQ_JOB_MAGIC);
	s = rmq_session_get(j->rm, j->ref.session);
	if (s != NULL || j->ref.session == 0)
		j->f(j, s, fx);
	rmq_job_release(j);
}

/* The core has gone: no answers will come. */
void
rmq_jobs_fini(struct rmq *rm)
{
	struct rmq_job *j;

	while ((j = LIST_FIRST(&rm->jobs)) != NULL)
		job_free(j);
}
