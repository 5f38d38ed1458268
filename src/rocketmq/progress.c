/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/progress.h"

#define READ_BYTES (64u << 20) /* two messages of any size */
#define WINDOW 64u /* topics asked about at a time */

/* fx->req: which topic, which queue */
#define REQ(topic, queue) ((uint64_t)(topic) << 32 | (queue))
#define REQ_TOPIC(req) ((uint32_t)((req) >> 32))
#define REQ_QUEUE(req) ((uint32_t)(req))

static void
fini(struct rmq_job *j)
{
	struct progress *p = j->priv;
	uint32_t i;

	if (p->free_more != NULL)
		p->free_more(p);
	for (i = 0; i < p->n; i++) {
		mem_free(p->v[i].name);
		mem_free(p->v[i].full);
		mem_free(p->v[i].group);
		mem_free(p->v[i].rows);
	}
	mem_free(p->v);
	mem_free(p);
}

struct progress *
progress_new(struct rmq_job *j, size_t size)
{
	assert(size >= sizeof(struct progress));
	j->priv = mem_zalloc(size);
	j->fini = fini;
	return j->priv;
}

static bool
same(const char *a, struct str b)
{
	return a == NULL ? b.p == NULL : b.p != NULL && str_eq(str_of(a), b);
}

void
progress_add(struct progress *p, struct str topic, struct str group)
{
	struct progress_topic *t;

	/* what is found comes in order of topics: the last ones are enough */
	if (p->n > 0 && same(p->v[p->n - 1].name, topic) &&
	    same(p->v[p->n - 1].group, group))
		return;
	if (p->n == p->cap) {
		p->cap = p->cap == 0 ? 16 : p->cap * 2;
		p->v = mem_reallocarray(p->v, p->cap, sizeof *p->v);
	}
	t = &p->v[p->n++];
	memset(t, 0, sizeof *t);
	t->name = mem_strndup(topic.p, topic.len);
	if (group.p != NULL)
		t->group = mem_strndup(group.p, group.len);
}

/* Partitions of a topic stand beside each other, but where all groups are
 * listed, groups change between them. */
static bool
added(const struct progress *p, struct str topic, struct str group)
{
	uint32_t i;

	for (i = p->n; i > 0 && same(p->v[i - 1].name, topic); i--)
		if (same(p->v[i - 1].group, group))
			return true;
	return false;
}

void
progress_add_found(
    struct rmq *rm, struct progress *p, const struct fx *fx, struct str group)
{
	struct topic_name tn;
	struct str g = group;
	uint32_t i, step = group.p != NULL ? 1 : 2;
	char *name;
	bool ours;

	for (i = 0; i + step <= fx->strings_n; i += step) {
		if (topic_name_parse(&tn, fx->strings[i]) != ERR_OK)
			continue;
		name = rmq_name_of(rm, &tn, &ours);
		topic_name_fini(&tn);
		if (name == NULL)
			continue;
		if (step == 2)
			g = fx->strings[i + 1];
		if (!added(p, str_of(name), g))
			progress_add(p, str_of(name), g);
		mem_free(name);
	}
}

char *
progress_queue(const struct progress_topic *t, uint32_t queue)
{
	if (!t->partitioned)
		return mem_strdup(t->full);
	return mem_printf("%s-partition-%u", t->full, queue);
}

/* --- asking ----------------------------------------------------------------- */

static void
route(struct rmq_job *j, struct op *op)
{
	struct progress *p = j->priv;

	p->left++;
	rmq_job_route(j, &op);
}

static struct op *
queue_op(struct rmq_job *j, enum op_type type, uint64_t req)
{
	struct progress *p = j->priv;
	const struct progress_topic *t = &p->v[REQ_TOPIC(req)];
	struct op *op = rmq_job_op(j, type, req);
	char *name = progress_queue(t, REQ_QUEUE(req));

	op->topic = op_str(op, str_of(name));
	if (t->group != NULL)
		op->sub = op_str(op, str_of(t->group));
	mem_free(name);
	return op;
}

static void
more(struct rmq_job *j)
{
	struct progress *p = j->priv;
	struct progress_topic *t;
	struct op *op;

	rmq_job_hold(j);
	while (p->next < p->n && p->left < WINDOW) {
		t = &p->v[p->next++];
		if (rmq_topic_full(j->rm, str_of(t->name), &t->full) != ERR_OK)
			continue;
		op = rmq_job_op(j, OP_TOPIC_META, REQ(p->next - 1, 0));
		op->topic = op_str(op, str_of(t->full));
		route(j, op);
	}
	rmq_job_release(j);
}

bool
progress_start(struct rmq_job *j)
{
	struct progress *p = j->priv;

	p->left++; /* a step that is called from inside is not the last */
	more(j);
	return --p->left > 0;
}

static void
meta_came(struct rmq_job *j, const struct fx *fx)
{
	struct progress *p = j->priv;
	struct progress_topic *t = &p->v[REQ_TOPIC(fx->req)];
	struct rmq_topic rt = { .magic = RMQ_TOPIC_MAGIC };
	uint32_t i;

	if (fx->err != ERR_OK)
		return; /* it is not there */
	rmq_topic_adopt(&rt, fx);
	t->there = true;
	t->partitioned = rt.partitioned;
	t->order = rt.order;
	t->read_n = rt.read_n;
	t->write_n = rt.write_n;
	t->rows_n = rt.queues_n;
	mem_free(rt.attributes);
	t->rows = mem_calloc(t->rows_n, sizeof *t->rows);
	for (i = 0; i < t->rows_n; i++)
		route(j,
		    queue_op(j, t->group != NULL ? OP_CURSOR_GET : OP_RANGE,
			REQ(REQ_TOPIC(fx->req), i)));
}

/* Times of the two messages around the index: the ends' are known. */
static void
ask_times(struct rmq_job *j, struct progress_row *r, uint64_t req)
{
	bool before = r->has && r->index > r->min && r->index <= r->max;
	bool at = r->index >= r->min && r->index < r->max;
	struct op *op;

	if (before && r->index == r->max)
		r->before_ms = r->last_ms;
	else if (before && r->index - 1 == r->min)
		r->before_ms = r->first_ms;
	if (at && r->index == r->min)
		r->at_ms = r->first_ms;
	else if (at && r->index + 1 == r->max)
		r->at_ms = r->last_ms;
	if ((!before || r->before_ms > 0) && (!at || r->at_ms > 0))
		return;
	op = queue_op(j, OP_READ_AT, req);
	op->u64 = before ? r->index - 1 : r->index;
	op->read = (struct op_read){ .max_n = 2, .max_bytes = READ_BYTES };
	route(j, op);
}

static void
row_came(struct rmq_job *j, const struct fx *fx)
{
	struct progress *p = j->priv;
	struct progress_topic *t = &p->v[REQ_TOPIC(fx->req)];
	struct progress_row *r = &t->rows[REQ_QUEUE(fx->req)];

	if (fx->op == OP_CURSOR_GET && fx->err == ERR_NO_SUBSCRIPTION) {
		route(j, queue_op(j, OP_RANGE, fx->req));
		return;
	}
	if (fx->err != ERR_OK) {
		/* a queue that goes meanwhile has nothing */
		if (fx->err != ERR_NO_TOPIC && j->err == ERR_OK)
			j->err = fx->err;
		return;
	}
	if (fx->op == OP_CURSOR_GET) {
		r->has = true;
		r->index = fx->u64;
	} else if (!r->has)
		r->index = fx->min_index;
	r->min = fx->min_index;
	r->max = fx->max_index;
	if (fx->op == OP_CURSOR_GET) { /* it says nothing of times */
		if (p->times)
			route(j, queue_op(j, OP_RANGE, fx->req));
		return;
	}
	r->first_ms = fx->first_ms;
	r->last_ms = fx->last_ms;
	if (p->times)
		ask_times(j, r, fx->req);
}

static void
times_came(struct rmq_job *j, const struct fx *fx)
{
	struct progress *p = j->priv;
	struct progress_row *r =
	    &p->v[REQ_TOPIC(fx->req)].rows[REQ_QUEUE(fx->req)];
	const struct entry *e;
	uint32_t i;

	for (i = 0; i < fx->entries_n; i++) {
		e = &fx->entries[i];
		if (r->index > 0 && e->index <= r->index - 1 &&
		    r->index - 1 < e->index + e->attr.messages_n)
			r->before_ms = e->attr.store_time_ms;
		if (e->index <= r->index &&
		    r->index < e->index + e->attr.messages_n)
			r->at_ms = e->attr.store_time_ms;
	}
}

bool
progress_step(struct rmq_job *j, struct fx *fx)
{
	struct progress *p = j->priv;

	rmq_job_hold(j);
	AN(p->left);
	switch (fx->op) {
	case OP_TOPIC_META:
		meta_came(j, fx);
		break;
	case OP_CURSOR_GET:
	case OP_RANGE:
		row_came(j, fx);
		break;
	case OP_READ_AT:
		times_came(j, fx);
		break;
	default:
		WRONG("an answer that was not asked for");
	}
	p->left--;
	more(j);
	rmq_job_release(j);
	return p->left == 0;
}
