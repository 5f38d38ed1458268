/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving a group's offsets: to a time, to a number, to where another group is.
 *
 * A reset moves the cursors, and the group's next pull of each queue is told
 * PULL_OFFSET_MOVED, so that who was reading goes on from there: every shard has
 * a mark for the queue until one of them has told it (TELL_RESET, TELL_RESET_DONE).
 */
#include <stdlib.h>

#include "rocketmq/gconf.h"
#include "rocketmq/jw.h"
#include "rocketmq/progress.h"
#include "rocketmq/reset.h"
#include "rocketmq/tell.h"

#define MARKS_MAX (1u << 20)

/* --- marks ------------------------------------------------------------------ */

struct mark {
	char *key;
	uint64_t index;
};

static char *
mark_key(struct str group, const char *topic, uint32_t queue)
{
	return mem_printf(
	    "%.*s\n%s\n%u", (int)group.len, group.p, topic, queue);
}

static void
mark_free(struct mark *m)
{
	mem_free(m->key);
	mem_free(m);
}

static void
unmark(struct rmq *rm, struct str key)
{
	struct mark *m = map_del(&rm->resets, key.p, key.len);

	if (m != NULL)
		mark_free(m);
}

static void
mark(struct rmq *rm, struct str key, uint64_t index)
{
	struct mark *m = mem_zalloc(sizeof *m);

	unmark(rm, key);
	m->key = mem_strndup(key.p, key.len);
	m->index = index;
	if (map_add(&rm->resets, m->key, key.len, m) != ERR_OK)
		mark_free(m); /* too many: the cursor has moved all the same */
}

void
rmq_resets_init(struct rmq *rm)
{
	map_init(&rm->resets, rm->seed, MARKS_MAX);
}

void
rmq_resets_fini(struct rmq *rm)
{
	struct mark *m;

	while ((m = map_pop(&rm->resets)) != NULL)
		mark_free(m);
	map_fini(&rm->resets);
}

/* "index\nkey" a line of three for each */
void
rmq_reset_told(struct rmq *rm, struct str text, struct strbuf *answer)
{
	const char *p = text.p, *end = text.p + text.len, *at;
	char *key_end;
	uint64_t index;
	int lines;

	(void)answer;
	while (p < end) {
		index = strtoull(p, &key_end, 10);
		assert(*key_end == '\n');
		p = key_end + 1;
		for (at = p, lines = 0; at < end; at++)
			if (*at == '\n' && ++lines == 3)
				break;
		mark(rm, (struct str){ p, (size_t)(at - p) }, index);
		p = at + 1;
	}
}

void
rmq_reset_told_done(struct rmq *rm, struct str key, struct strbuf *answer)
{
	(void)answer;
	unmark(rm, key);
}

static void
nothing(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	(void)j;
	(void)s;
	(void)fx;
}

bool
rmq_reset_take(struct rmq *rm, struct str group, const char *topic,
    uint32_t queue, uint64_t *index)
{
	struct mark *m;
	char *key;

	if (rm->resets.n == 0)
		return false;
	key = mark_key(group, topic, queue);
	m = map_del(&rm->resets, key, strlen(key));
	if (m != NULL) {
		*index = m->index;
		rmq_job_tell(
		    rmq_job_new_own(rm, nothing), TELL_RESET_DONE, str_of(key));
		mark_free(m);
	}
	mem_free(key);
	return m != NULL;
}

bool
rmq_reset_pending(
    struct rmq *rm, struct str group, const char *topic, uint32_t queue)
{
	struct mark *m;
	char *key;

	if (rm->resets.n == 0)
		return false;
	key = mark_key(group, topic, queue);
	m = map_get(&rm->resets, key, strlen(key));
	mem_free(key);
	return m != NULL;
}

/* --- the request ------------------------------------------------------------ */

struct reset {
	struct progress p;
	int64_t time_ms, offset;
	int32_t queue;
	bool force, setting;
	uint64_t *to; /* by queue; UINT64_MAX: not to be moved */
	uint32_t left;
};

static void
reset_free(struct progress *p)
{
	mem_free(((struct reset *)p)->to);
}

static struct op *
queue_op(struct rmq_job *j, enum op_type type, uint32_t queue)
{
	struct reset *r = j->priv;
	struct op *op = rmq_job_op(j, type, queue);
	char *name = progress_queue(&r->p.v[0], queue);

	op->topic = op_str(op, str_of(name));
	mem_free(name);
	return op;
}

static void
tell(struct rmq_job *j)
{
	struct reset *r = j->priv;
	struct progress_topic *t = &r->p.v[0];
	struct strbuf sb;
	uint32_t i;
	char *key;

	strbuf_init(&sb, RMQ_TEXT_MAX);
	for (i = 0; i < t->rows_n; i++) {
		if (r->to[i] == UINT64_MAX)
			continue;
		key = mark_key(str_of(t->group), t->name, i);
		strbuf_addf(
		    &sb, "%llu\n%s\n", (unsigned long long)r->to[i], key);
		mem_free(key);
	}
	rmq_job_tell(j, TELL_RESET, (struct str){ strbuf_str(&sb), sb.len });
	strbuf_fini(&sb);
}

static void
set_all(struct rmq_job *j)
{
	struct reset *r = j->priv;
	struct progress_topic *t = &r->p.v[0];
	struct op *op;
	uint32_t i;

	r->setting = true;
	rmq_job_hold(j);
	r->left++;
	for (i = 0; i < t->rows_n; i++) {
		if (r->to[i] == UINT64_MAX)
			continue;
		op = queue_op(j, OP_CURSOR_SET, i);
		op->sub = op_str(op, str_of(t->group));
		op->u64 = r->to[i];
		op->u32 = 1;
		op->flag = op->flag2 = true;
		r->left++;
		rmq_job_route(j, &op);
	}
	if (--r->left == 0 && j->err == ERR_OK)
		tell(j);
	rmq_job_release(j);
}

/* Where each queue is to go: known, or the core is asked for the time. */
static void
targets(struct rmq_job *j)
{
	struct reset *r = j->priv;
	struct progress_topic *t = &r->p.v[0];
	struct op *op;
	uint32_t i;

	r->to = mem_calloc(t->rows_n, sizeof *r->to);
	rmq_job_hold(j);
	r->left = 1;
	for (i = 0; i < t->rows_n; i++) {
		r->to[i] = UINT64_MAX;
		if (r->queue >= 0 ? (uint32_t)r->queue != i : i >= t->read_n)
			continue;
		if (r->queue >= 0 && r->offset >= 0) {
			r->to[i] = (uint64_t)r->offset;
		} else if (r->time_ms < 0) {
			r->to[i] = t->rows[i].max;
		} else {
			op = queue_op(j, OP_INDEX_AT_TIME, i);
			op->start.time_ms = r->time_ms;
			r->left++;
			rmq_job_route(j, &op);
		}
	}
	if (--r->left == 0)
		set_all(j);
	rmq_job_release(j);
}

/* The queues are known. */
static void
check(struct rmq_job *j, struct rmq_session *s)
{
	struct reset *r = j->priv;
	struct progress_topic *t = &r->p.v[0];
	const struct progress_row *row;

	if (j->err != ERR_OK) {
		rmq_job_err(j, j->err, NULL);
		return;
	}
	if (s == NULL)
		return; /* nothing was begun */
	if (!t->there) {
		rmq_answer_codef(s, &j->ref, RC_TOPIC_NOT_EXIST,
		    "Topic %s does not exist", t->name);
		return;
	}
	if (r->queue >= 0 && (uint32_t)r->queue >= t->rows_n) {
		rmq_answer_codef(s, &j->ref, RC_INVALID_PARAMETER,
		    "Queue %d of topic %s does not exist", r->queue, t->name);
		return;
	}
	if (r->queue >= 0 && r->offset >= 0) {
		row = &t->rows[r->queue];
		if ((uint64_t)r->offset < row->min ||
		    (uint64_t)r->offset > row->max) {
			rmq_answer_codef(s, &j->ref, RC_SYSTEM_ERROR,
			    "Target offset %lld not in consume queue range "
			    "[%llu-%llu]",
			    (long long)r->offset, (unsigned long long)row->min,
			    (unsigned long long)row->max);
			return;
		}
	}
	targets(j);
}

static void
say(struct rmq_job *j, struct rmq_session *s)
{
	struct reset *r = j->priv;
	struct progress_topic *t = &r->p.v[0];
	struct jw w;
	uint32_t i;

	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	jw_object(&w);
	jw_key(&w, "offsetTable");
	jw_object(&w);
	for (i = 0; i < t->rows_n; i++) {
		if (r->to[i] == UINT64_MAX)
			continue;
		jw_map_key(&w);
		jw_object(&w);
		jw_key_str(&w, "brokerName", str_of(s->rm->conf.broker));
		jw_key_i64(&w, "queueId", i);
		jw_key_str(&w, "topic", str_of(t->name));
		jw_end(&w);
		jw_i64(&w, (int64_t)r->to[i]);
	}
	jw_end(&w);
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

static void
reset_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct reset *r = j->priv;
	struct progress_row *row;

	if (fx == NULL) {
		if (s != NULL)
			say(j, s);
		return;
	}
	if (r->to == NULL) {
		if (progress_step(j, fx))
			check(j, s);
		return;
	}
	if (fx->err != ERR_OK && j->err == ERR_OK)
		j->err = fx->err;
	if (!r->setting && fx->err == ERR_OK) {
		row = &r->p.v[0].rows[fx->req];
		r->to[fx->req] = fx->u64;
		if (!r->force && row->has && row->index < fx->u64)
			r->to[fx->req] = row->index;
	}
	if (--r->left > 0)
		return;
	if (j->err != ERR_OK)
		rmq_job_err(j, j->err, fx->diag);
	else if (!r->setting)
		set_all(j);
	else
		tell(j);
}

void
rmq_do_reset(struct rmq_session *s, struct rmq_req *q)
{
	struct str topic = rheader_get(q->h, "topic"),
		   group = rheader_get(q->h, "group");
	int64_t time_ms = 0, offset = -1;
	const char *bad = NULL;
	int32_t queue = -1;
	bool force = false;
	struct rmq_gconf *g;
	struct rmq_job *j;
	struct reset *r;

	if (topic.len == 0)
		bad = "topic";
	else if (group.len == 0)
		bad = "group";
	else if (rheader_i64(q->h, "timestamp", &time_ms) != ERR_OK)
		bad = "timestamp";
	else if (rheader_i32(q->h, "queueId", &queue) == ERR_INVALID_ARG)
		bad = "queueId";
	else if (rheader_i64(q->h, "offset", &offset) == ERR_INVALID_ARG)
		bad = "offset";
	else if (rheader_bool(q->h, "isForce", &force) == ERR_INVALID_ARG)
		bad = "isForce";
	if (bad != NULL) {
		rmq_answer_field(s, &q->ref, bad);
		return;
	}
	switch (rmq_gconf_get(s, q, group, false, &g)) {
	case RMQ_GCONF_OK:
		break;
	case RMQ_GCONF_NONE:
		rmq_answer_codef(s, &q->ref, RC_SUBSCRIPTION_GROUP_NOT_EXIST,
		    "Group %.*s does not exist", (int)group.len, group.p);
		return;
	case RMQ_GCONF_PARKED:
	case RMQ_GCONF_ERROR:
		return;
	}
	j = rmq_job_new(s, &q->ref, reset_step);
	j->always = true;
	r = (struct reset *)progress_new(j, sizeof *r);
	r->p.free_more = reset_free;
	r->time_ms = time_ms;
	r->offset = offset;
	r->queue = queue;
	r->force = force;
	progress_add(&r->p, topic, group);
	rmq_job_hold(j);
	if (!progress_start(j))
		check(j, s);
	rmq_job_release(j);
}

/* --- CLONE_GROUP_OFFSET ----------------------------------------------------- */

struct clone {
	struct progress p;
	char *from, *to;
	bool finding, setting;
	uint32_t left;
};

static void
clone_free(struct progress *p)
{
	struct clone *c = (struct clone *)p;

	mem_free(c->from);
	mem_free(c->to);
}

static void
clone_set(struct rmq_job *j)
{
	struct clone *c = j->priv;
	const struct progress_topic *t;
	struct op *op;
	uint32_t i, k;
	char *name;

	c->setting = true;
	rmq_job_hold(j);
	c->left = 1;
	for (i = 0; i < c->p.n; i++) {
		t = &c->p.v[i];
		for (k = 0; k < t->rows_n; k++) {
			if (!t->rows[k].has)
				continue;
			name = progress_queue(t, k);
			op = rmq_job_op(j, OP_CURSOR_SET, 0);
			op->topic = op_str(op, str_of(name));
			op->sub = op_str(op, str_of(c->to));
			op->u64 = t->rows[k].index;
			op->flag = op->flag2 = true;
			mem_free(name);
			c->left++;
			rmq_job_route(j, &op);
		}
	}
	if (--c->left == 0)
		rmq_job_err(j, j->err, NULL);
	rmq_job_release(j);
}

static void
clone_known(struct rmq_job *j)
{
	if (j->err != ERR_OK)
		rmq_job_err(j, j->err, NULL);
	else
		clone_set(j);
}

static void
clone_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct clone *c = j->priv;

	(void)s;
	if (c->finding) {
		c->finding = false;
		if (fx->err != ERR_OK) {
			rmq_job_err(j, fx->err, fx->diag);
			return;
		}
		progress_add_found(j->rm, &c->p, fx, str_of(c->from));
		if (!progress_start(j))
			clone_known(j);
	} else if (!c->setting) {
		if (progress_step(j, fx))
			clone_known(j);
	} else {
		if (fx->err != ERR_OK && j->err == ERR_OK)
			j->err = fx->err;
		if (--c->left == 0)
			rmq_job_err(j, j->err, fx->diag);
	}
}

void
rmq_do_clone(struct rmq_session *s, struct rmq_req *q)
{
	struct str from = rheader_get(q->h, "srcGroup"),
		   to = rheader_get(q->h, "destGroup"),
		   topic = rheader_get(q->h, "topic");
	struct rmq_job *j;
	struct clone *c;
	struct op *op;

	if (from.len == 0 || to.len == 0) {
		rmq_answer_field(
		    s, &q->ref, from.len == 0 ? "srcGroup" : "destGroup");
		return;
	}
	j = rmq_job_new(s, &q->ref, clone_step);
	c = (struct clone *)progress_new(j, sizeof *c);
	c->p.free_more = clone_free;
	c->from = mem_strndup(from.p, from.len);
	c->to = mem_strndup(to.p, to.len);
	rmq_job_hold(j);
	if (topic.len > 0) {
		progress_add(&c->p, topic, from);
		if (!progress_start(j))
			clone_known(j);
	} else {
		c->finding = true;
		op = rmq_job_op(j, OP_SUB_FIND, 0);
		op->sub = op_str(op, from);
		rmq_job_route_to(j, j->rm->router->shard, &op);
	}
	rmq_job_release(j);
}
