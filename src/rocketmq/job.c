/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/job.h"
#include "rocketmq/group.h"
#include "rocketmq/tell.h"

#define ANSWER_MAX (16u << 20)

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
parts_free(struct rmq_job *j)
{
	unsigned i;

	for (i = 0; i < j->parts_n; i++)
		mem_free(j->parts[i]);
	mem_free(j->parts);
	j->parts = NULL;
	j->parts_n = 0;
}

static void
job_free(struct rmq_job *j)
{
	parts_free(j);
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
rmq_job_say(struct rmq_job *j, int code, const char *remark)
{
	struct rmq_session *s = rmq_session_get(j->rm, j->ref.session);

	if (s != NULL)
		rmq_answer_code(s, &j->ref, code, remark);
}

void
rmq_job_err(struct rmq_job *j, enum err e, const char *diag)
{
	struct rmq_session *s = rmq_session_get(j->rm, j->ref.session);

	if (s != NULL)
		rmq_answer_err(s, &j->ref, e, diag);
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
	if (s != NULL || j->always || j->ref.session == 0)
		j->f(j, s, fx);
	rmq_job_release(j);
}

/* --- what all shards are told ------------------------------------------------- */

static rmq_tell_f *const tells[TELLS_N] = {
	[TELL_TOPIC_STALE] = rmq_topic_told,
	[TELL_GROUP_STALE] = rmq_gconf_told,
	[TELL_WIPED] = rmq_wiped_told,
	[TELL_CONF] = rmq_conf_told,
	[TELL_PLAIN_CHANGE] = rmq_plain_change_told,
	[TELL_PLAIN] = rmq_plain_told,
	[TELL_COUNTERS] = rmq_counters_told,
	[TELL_TPS] = rmq_tps_told,
	[TELL_MEMBERS] = rmq_members_told,
	[TELL_STATS] = rmq_stats_told,
	[TELL_PRODUCERS] = rmq_producers_told,
	[TELL_RESET] = rmq_reset_told,
	[TELL_RESET_DONE] = rmq_reset_told_done,
	[TELL_SUBSCRIBERS] = rmq_subscribers_told,
	[TELL_SUB] = rmq_sub_told,
};

void
rmq_job_tell(struct rmq_job *j, enum rmq_tell what, struct str text)
{
	struct rmq *rm = j->rm;
	struct rmq_msg *m;
	unsigned i;

	CHECK_OBJ_NOTNULL(j, RMQ_JOB_MAGIC);
	AZ(j->parts_left);
	parts_free(j);
	j->parts_n = j->parts_left = rm->router->shards_n;
	j->parts = mem_calloc(j->parts_n, sizeof(char *));
	rmq_job_hold(j);
	for (i = 0; i < j->parts_n; i++) {
		m = rmq_msg_new(rm, MSG_ALL);
		m->session = j->number;
		m->code = (int)what;
		m->body = mem_strndup(text.p, text.len);
		m->body_len = text.len;
		rmq_msg_send(rm, i, &m);
	}
}

void
rmq_tell_came(struct rmq *rm, const struct rmq_msg *m)
{
	struct rmq_msg *a = rmq_msg_new(rm, MSG_ALL_SAID);
	struct strbuf sb;

	assert(m->code >= 0 && m->code < TELLS_N);
	strbuf_init(&sb, ANSWER_MAX);
	tells[m->code](rm, (struct str){ m->body, m->body_len }, &sb);
	a->session = m->session;
	a->code = (int)strbuf_err(&sb);
	if (a->code == ERR_OK && sb.len > 0) {
		a->body = mem_strndup(strbuf_str(&sb), sb.len);
		a->body_len = sb.len;
	}
	strbuf_fini(&sb);
	rmq_msg_send(rm, m->from, &a);
}

/* Its job is there: it holds on until all have answered. */
void
rmq_told_came(struct rmq *rm, struct rmq_msg *m)
{
	struct rmq_job *j = umap_get(&rm->things, m->session);
	struct rmq_session *s;

	CHECK_OBJ_NOTNULL(j, RMQ_JOB_MAGIC);
	assert(m->from < j->parts_n && j->parts_left > 0);
	j->parts[m->from] = m->body != NULL ? m->body : mem_strdup("");
	m->body = NULL;
	if (m->code != ERR_OK && j->err == ERR_OK)
		j->err = (enum err)m->code;
	if (--j->parts_left > 0)
		return;
	s = rmq_session_get(rm, j->ref.session);
	if (s != NULL || j->always || j->ref.session == 0)
		j->f(j, s, NULL);
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
