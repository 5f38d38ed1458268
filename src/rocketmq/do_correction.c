/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QUERY_CORRECTION_OFFSET: of each queue of a topic, how far the slowest of all
 * groups is, but for those that are left out; INT64_MAX where that is further than
 * the group that asks.
 */
#include "rocketmq/jw.h"
#include "rocketmq/progress.h"

struct correction {
	struct progress p;
	char *topic, *group; /* that asks */
	char *but; /* "g,g" */
	bool found;
};

static void
correction_free(struct progress *p)
{
	struct correction *c = (struct correction *)p;

	mem_free(c->topic);
	mem_free(c->group);
	mem_free(c->but);
}

static bool
is_left_out(const struct correction *c, const char *group)
{
	struct str rest = str_of(c->but);

	while (rest.len > 0)
		if (str_eq(str_word(&rest, ','), str_of(group)))
			return true;
	return false;
}

/* UINT64_MAX: nobody has an offset that is still stored */
static uint64_t
slowest(const struct correction *c, uint32_t queue, uint64_t *own)
{
	const struct progress_topic *t;
	const struct progress_row *row;
	uint64_t min = UINT64_MAX;
	uint32_t i;

	*own = UINT64_MAX;
	for (i = 0; i < c->p.n; i++) {
		t = &c->p.v[i];
		if (queue >= t->rows_n || !t->rows[queue].has)
			continue;
		row = &t->rows[queue];
		if (strcmp(t->group, c->group) == 0)
			*own = row->index;
		if (!is_left_out(c, t->group) && row->index >= row->min &&
		    row->index < min)
			min = row->index;
	}
	return min;
}

static void
say(struct rmq_job *j, struct rmq_session *s)
{
	const struct correction *c = j->priv;
	uint32_t i, n = c->p.n > 0 ? c->p.v[0].rows_n : 0;
	uint64_t min, own;
	struct jw w;

	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	jw_object(&w);
	jw_key(&w, "correctionOffsets");
	jw_object(&w);
	for (i = 0; i < n; i++) {
		min = slowest(c, i, &own);
		if (min == UINT64_MAX)
			continue;
		jw_map_key(&w);
		jw_i64(&w, i);
		jw_i64(&w, min > own ? INT64_MAX : (int64_t)min);
	}
	jw_end(&w);
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

/* The groups that have an offset in the topic. */
static void
found(struct rmq_job *j, const struct fx *fx)
{
	struct correction *c = j->priv;
	struct topic_name tn;
	uint32_t i, k;
	char *name;
	bool ours;

	c->found = true;
	for (i = 0; i + 1 < fx->strings_n; i += 2) {
		if (topic_name_parse(&tn, fx->strings[i]) != ERR_OK)
			continue;
		name = rmq_name_of(j->rm, &tn, &ours);
		topic_name_fini(&tn);
		for (k = 0; k < c->p.n; k++)
			if (str_eq(fx->strings[i + 1], str_of(c->p.v[k].group)))
				break;
		if (name != NULL && k == c->p.n && strcmp(name, c->topic) == 0)
			progress_add(&c->p, str_of(name), fx->strings[i + 1]);
		mem_free(name);
	}
}

static void
step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct correction *c = j->priv;
	bool more;

	if (!c->found && fx->err != ERR_OK) {
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
		return;
	}
	if (!c->found) {
		found(j, fx);
		more = progress_start(j);
	} else
		more = !progress_step(j, fx);
	if (more)
		return;
	if (j->err != ERR_OK)
		rmq_answer_err(s, &j->ref, j->err, NULL);
	else
		say(j, s);
}

void
rmq_do_correction(struct rmq_session *s, struct rmq_req *q)
{
	struct str topic = rheader_get(q->h, "topic"),
		   group = rheader_get(q->h, "compareGroup"),
		   but = rheader_get(q->h, "filterGroups");
	struct correction *c;
	struct rmq_job *j;
	struct op *op;

	if (topic.len == 0 || group.len == 0) {
		rmq_answer_field(
		    s, &q->ref, topic.len == 0 ? "topic" : "compareGroup");
		return;
	}
	j = rmq_job_new(s, &q->ref, step);
	c = (struct correction *)progress_new(j, sizeof *c);
	c->p.free_more = correction_free;
	c->topic = mem_strndup(topic.p, topic.len);
	c->group = mem_strndup(group.p, group.len);
	c->but = mem_strndup(but.len > 0 ? but.p : "", but.len);
	op = rmq_job_op(j, OP_SUB_FIND, 0);
	rmq_job_route_to(j, s->rm->router->shard, &op);
}
