/* SPDX-License-Identifier: Apache-2.0 */
/* POP_MESSAGE, PEEK_MESSAGE, NOTIFICATION; see pop.h. */
#include <stdio.h>

#include "rocketmq/attrs.h"
#include "rocketmq/gconf.h"
#include "rocketmq/pop.h"
#include "rocketmq/reset.h"
#include "rocketmq/sql92.h"

/* A group that never consumed gets all of a queue that still has everything that
 * was ever sent to it, if it is small; as in do_offset.c. */
#define SMALL_QUEUE 50000u
#define RETRY_PERCENT 20u /* popFromRetryProbability */
#define OTHERS_MAX 4096u /* tags of other members: with more, all is theirs */
#define POLL_MS_MAX INT64_C(300000)

/* --- life ------------------------------------------------------------------- */

struct str
rmq_pop_topic(const struct rmq_pop *p, uint32_t queue, char *buf, size_t size)
{
	int n;

	if (queue == POP_RETRY_QUEUE)
		n = snprintf(buf, size, "%s", p->retry);
	else if (p->partitioned)
		n = snprintf(buf, size, "%s-partition-%u", p->full, queue);
	else
		n = snprintf(buf, size, "%s", p->full);
	assert(n > 0 && (size_t)n < size);
	return (struct str){ buf, (size_t)n };
}

bool
rmq_pop_is_retry(struct str topic, struct str group)
{
	const size_t pre = sizeof "%RETRY%" - 1;

	if (!rmq_topic_is_retry(topic) || topic.len < pre + group.len ||
	    memcmp(topic.p + pre, group.p, group.len) != 0)
		return false;
	return topic.len == pre + group.len ||
	    topic.p[pre + group.len] == '_' || topic.p[pre + group.len] == '+';
}

static struct rmq_pop *
pop_new(struct rmq_session *s, const struct rmq_ref *ref)
{
	struct rmq_pop *p;

	ALLOC_OBJ(p, RMQ_POP_MAGIC);
	p->s = s;
	p->ref = *ref;
	p->number = rmq_thing_add(s->rm, p);
	LIST_INSERT_HEAD(&s->pops, p, link);
	return p;
}

static void
pop_free(struct rmq_pop *p)
{
	uint32_t i;

	for (i = 0; i < p->got_n; i++)
		slice_unref(&p->got[i].rec);
	LIST_REMOVE(p, link);
	rmq_thing_del(p->s->rm, p->number);
	if (p->sql != NULL)
		sql92_free(&p->sql);
	mem_free(p->got);
	mem_free(p->tags);
	mem_free(p->others);
	mem_free(p->group);
	mem_free(p->topic);
	mem_free(p->full);
	mem_free(p->retry);
	FREE_OBJ(p);
}

static void
cancel(struct rmq_pop *p, uint32_t queue)
{
	char name[NAME_MAX_BYTES + 32];
	struct op *op =
	    rmq_op_new(p->s->rm, OP_READ_CANCEL, TAG_POP, p->number, 0);

	op->topic = op_str(op, rmq_pop_topic(p, queue, name, sizeof name));
	rmq_route(p->s->rm, &op);
}

/* the queue of a step; steps go round */
static uint32_t
queue_of(const struct rmq_pop *p, uint32_t step)
{
	if (p->retry != NULL) {
		if (p->retry_first && step-- == 0)
			return POP_RETRY_QUEUE;
		if (!p->retry_first && step == p->steps - 1)
			return POP_RETRY_QUEUE;
	}
	if (p->queue >= 0)
		return (uint32_t)p->queue;
	return p->by_priority ? p->read_n - 1 - step % p->read_n :
				(p->first + step) % p->read_n;
}

/* Whatever waits at the core for it need not. */
static void
cancel_all(struct rmq_pop *p, uint32_t but)
{
	uint32_t i, q;

	for (i = 0; i < p->steps && p->waiting; i++) {
		q = queue_of(p, i);
		if (q != but)
			cancel(p, q);
	}
	p->waiting = false;
}

void
rmq_pop_give_back(struct rmq_pop *p, uint32_t from)
{
	char name[NAME_MAX_BYTES + 32];
	struct lease_name ln;
	struct pop_got *g;

	while (p->got_n > from) {
		g = &p->got[--p->got_n];
		slice_unref(&g->rec);
		p->rest++;
		if (p->kind != POP_LEASE)
			continue;
		ln = (struct lease_name){ g->index, g->time_ms };
		rmq_lease_end(p->s->rm,
		    rmq_pop_topic(p, g->queue, name, sizeof name),
		    str_of(p->group), &ln, 1, LEASE_RETURN_UNUSED);
	}
}

void
rmq_pops_drop(struct rmq_session *s)
{
	struct rmq_pop *p;

	while ((p = LIST_FIRST(&s->pops)) != NULL) {
		cancel_all(p, POP_NO_QUEUE);
		rmq_pop_give_back(p, 0);
		pop_free(p);
	}
}

/* The broker stops: whoever waits is told to come again. */
void
rmq_pops_drain(struct rmq_session *s)
{
	struct rmq_pop *p, *next;

	for (p = LIST_FIRST(&s->pops); p != NULL; p = next) {
		next = LIST_NEXT(p, link);
		if (!p->waiting)
			continue;
		cancel_all(p, POP_NO_QUEUE);
		rmq_answer_code(s, &p->ref, RC_SERVICE_NOT_AVAILABLE,
		    "Broker is shutting down");
		pop_free(p);
	}
}

void
rmq_lease_end(struct rmq *rm, struct str topic, struct str group,
    const struct lease_name *v, uint32_t n, enum lease_end how)
{
	struct op *op = rmq_op_new(rm, OP_LEASE_END, TAG_NONE, 0, 0);
	struct lease_name *names = op_mem(op, n * sizeof *names);

	memcpy(names, v, n * sizeof *names);
	op->topic = op_str(op, topic);
	op->sub = op_str(op, group);
	op->names = names;
	op->names_n = n;
	op->u32 = how;
	rmq_route(rm, &op);
}

void
rmq_pop_orphan(struct rmq *rm, const struct fx *fx)
{
	struct lease_name v[READ_AT_MAX];
	uint32_t i;

	if (fx->err != ERR_OK || fx->entries_n == 0 || fx->i64 == 0)
		return;
	for (i = 0; i < fx->entries_n; i++)
		v[i] = (struct lease_name){ fx->entries[i].index, fx->i64 };
	rmq_lease_end(rm, fx->text, fx->strings[0], v, fx->entries_n,
	    LEASE_RETURN_UNUSED);
}

/* --- asking ----------------------------------------------------------------- */

static void
ask(struct rmq_pop *p, uint32_t queue, int64_t wait_ms, bool create, bool min)
{
	char name[NAME_MAX_BYTES + 32];
	struct op *op =
	    rmq_op_new(p->s->rm, OP_LEASE, TAG_POP, p->number, queue);
	struct op_lease *ls = &op->lease;
	uint64_t moved_to;
	uint32_t *v;

	/* the cursor was moved when it was reset: who pops need not be told */
	if (p->kind == POP_LEASE && queue != POP_RETRY_QUEUE)
		(void)rmq_reset_take(
		    p->s->rm, str_of(p->group), p->topic, queue, &moved_to);
	op->topic = op_str(op, rmq_pop_topic(p, queue, name, sizeof name));
	op->sub = op_str(op, str_of(p->group));
	op->flag = p->order;
	op->flag2 = p->kind != POP_LEASE;
	op->start.kind =
	    min || queue == POP_RETRY_QUEUE ? START_EARLIEST : START_LATEST;
	ls->create = create || queue == POP_RETRY_QUEUE;
	ls->max_n = p->max_n - p->got_n;
	ls->max_bytes = POP_BYTES_MAX;
	ls->invisible_ms = p->invisible_ms;
	ls->wait_ms = wait_ms;
	if (p->tags_n > 0 && queue != POP_RETRY_QUEUE) {
		v = op_mem(op, p->tags_n * sizeof *v);
		memcpy(v, p->tags, p->tags_n * sizeof *v);
		ls->tags = v;
		ls->tags_n = p->tags_n;
		ls->others_all = p->others_all;
	}
	if (p->others_n > 0 && ls->tags_n > 0) {
		v = op_mem(op, p->others_n * sizeof *v);
		memcpy(v, p->others, p->others_n * sizeof *v);
		ls->others = v;
		ls->others_n = p->others_n;
	}
	rmq_route(p->s->rm, &op);
}

static void
ask_range(struct rmq_pop *p, uint32_t queue)
{
	char name[NAME_MAX_BYTES + 32];
	struct op *op =
	    rmq_op_new(p->s->rm, OP_RANGE, TAG_POP, p->number, queue);

	op->topic = op_str(op, rmq_pop_topic(p, queue, name, sizeof name));
	rmq_route(p->s->rm, &op);
}

static void
end(struct rmq_pop *p)
{
	rmq_pop_say(p);
	pop_free(p);
}

static void
wait_all(struct rmq_pop *p)
{
	int64_t ms = p->until_ms - loop_wall_ms(p->s->rm->lp);
	uint32_t i;

	if (ms <= 0 || p->s->rm->draining) {
		end(p);
		return;
	}
	p->waiting = true;
	p->ref.waited = true;
	for (i = 0; i < p->steps; i++)
		ask(p, queue_of(p, i), ms, true, true);
}

/* The next queue that is asked; at the end it waits, or answers. */
static void
go_on(struct rmq_pop *p)
{
	if (p->step < p->steps && p->got_n < p->max_n) {
		p->asked = queue_of(p, p->step++);
		ask(p, p->asked, 0, false, false);
	} else if (p->got_n > 0)
		end(p);
	else
		wait_all(p);
}

static void
fail(struct rmq_pop *p, const struct fx *fx)
{
	p->full_up = fx->err == ERR_BUSY;
	if (p->full_up && p->kind == POP_NOTIFY)
		rmq_pop_say(p);
	else if (p->full_up)
		rmq_answer_code(p->s, &p->ref, RC_POLLING_FULL, NULL);
	else
		rmq_answer_err(p->s, &p->ref, fx->err, fx->diag);
	pop_free(p);
}

void
rmq_pop_fx(struct rmq_pop *p, struct fx *fx)
{
	uint32_t queue = (uint32_t)fx->req, had = p->got_n;
	bool none;

	CHECK_OBJ_NOTNULL(p, RMQ_POP_MAGIC);
	if (fx->err == ERR_NO_SUBSCRIPTION && !p->waiting) {
		if (p->init_min)
			ask(p, queue, 0, true, true);
		else
			ask_range(p, queue);
		return;
	}
	if (fx->err == ERR_OK && fx->type == FX_CURSOR) {
		ask(p, queue, 0, true,
		    fx->min_index == 0 && fx->max_index <= SMALL_QUEUE);
		return;
	}
	if (fx->err != ERR_OK && p->got_n == 0) {
		cancel_all(p, queue);
		fail(p, fx);
		return;
	}
	if (fx->err == ERR_OK) {
		p->rest += fx->u64;
		rmq_pop_take(p, queue, fx);
	}
	none = fx->entries_n > 0 && p->got_n == had;
	if (!p->waiting) {
		/* none of what came was for it: there may be more */
		if (none && p->kind == POP_LEASE) {
			p->rest -= fx->u64;
			ask(p, queue, 0, false, false);
		} else
			go_on(p);
		return;
	}
	cancel_all(p, queue);
	if (none && p->kind == POP_LEASE)
		wait_all(p);
	else
		end(p);
}

/* --- the request ------------------------------------------------------------ */

struct pop_req {
	struct str group, topic;
	int32_t queue, max_n, init;
	int64_t invisible, poll, born;
	bool order;
};

static bool
read_fields(struct rmq_session *s, const struct rmq_req *q, enum pop_kind kind,
    struct pop_req *r)
{
	const struct rheader *h = q->h;
	const char *bad = NULL;

	*r = (struct pop_req){ .group = rheader_get(h, "consumerGroup"),
		.topic = rheader_get(h, "topic"),
		.max_n = 1,
		.invisible = 60000 };
	if (r->group.len == 0)
		bad = "consumerGroup";
	else if (r->topic.len == 0)
		bad = "topic";
	else if (rheader_i32(h, "queueId", &r->queue) != ERR_OK)
		bad = "queueId";
	else if (kind != POP_NOTIFY &&
	    rheader_i32(h, "maxMsgNums", &r->max_n) != ERR_OK)
		bad = "maxMsgNums";
	else if (kind == POP_LEASE &&
	    rheader_i64(h, "invisibleTime", &r->invisible) != ERR_OK)
		bad = "invisibleTime";
	else if (kind != POP_PEEK &&
	    rheader_i64(h, "pollTime", &r->poll) != ERR_OK)
		bad = "pollTime";
	else if (kind != POP_PEEK &&
	    rheader_i64(h, "bornTime", &r->born) != ERR_OK)
		bad = "bornTime";
	else if (kind == POP_LEASE &&
	    rheader_i32(h, "initMode", &r->init) != ERR_OK)
		bad = "initMode";
	if (bad != NULL)
		rmq_answer_field(s, &q->ref, bad);
	if (rheader_bool(h, "order", &r->order) != ERR_OK)
		r->order = false;
	return bad == NULL;
}

static bool
may_read(struct rmq_session *s, const struct rmq_req *q,
    const struct rmq_topic *t, const struct pop_req *r)
{
	if ((t->perm & PERM_READ) == 0)
		rmq_answer_codef(s, &q->ref, RC_NO_PERMISSION,
		    "the topic[%.*s] peeking message is forbidden",
		    (int)r->topic.len, r->topic.p);
	else if (r->queue >= 0 && (uint32_t)r->queue >= t->read_n)
		rmq_answer_codef(s, &q->ref, RC_INVALID_PARAMETER,
		    "queueId[%d] is illegal, topic:[%.*s] topicConfig."
		    "readQueueNums:[%u] consumer:[%s]",
		    r->queue, (int)r->topic.len, r->topic.p, t->read_n,
		    conn_peer_text(s->cn));
	else
		return true;
	return false;
}

/* What the pop wants; false: answered */
static bool
filter(struct rmq_pop *p, const struct rmq_req *q)
{
	struct str e = rheader_get(q->h, "exp"),
		   type = rheader_get(q->h, "expType");
	uint32_t tags[RMQ_TAGS_MAX], n;
	struct diag diag = { 0 };

	if (e.len == 0)
		return true;
	if (type.len > 0 && !str_eq(type, STR_LIT("TAG"))) {
		if (sql92_new(e, &p->sql, &diag) == ERR_OK)
			return true;
	} else if (rmq_tags_parse(e, tags, &n)) {
		if (n > 0)
			p->tags = mem_dup(tags, n * sizeof *tags);
		p->tags_n = n;
		return true;
	}
	rmq_answer_code(p->s, &q->ref, RC_SUBSCRIPTION_PARSE_FAILED,
	    "parse the consumer's subscription failed");
	return false;
}

/* The tags of the other members. */
static void
others(struct rmq_pop *p)
{
	const struct rmq_interests *all =
	    rmq_member_all(p->s, str_of(p->group));
	const struct rmq_sub *sub;
	uint32_t i;

	if (all == NULL || all->n < 2 || p->tags_n == 0)
		return;
	for (i = 0; i < all->n && !p->others_all; i++) {
		sub = rmq_interest_sub(all->v[i], str_of(p->topic));
		if (sub == NULL)
			continue;
		if (sub->tags_n == 0 ||
		    p->others_n + sub->tags_n > OTHERS_MAX) {
			p->others_all = true;
			break;
		}
		p->others = mem_reallocarray(
		    p->others, p->others_n + sub->tags_n, sizeof *p->others);
		memcpy(p->others + p->others_n, sub->tags,
		    sub->tags_n * sizeof *sub->tags);
		p->others_n += sub->tags_n;
	}
}

/* The group's retry topic, if it has one. False: parked or answered */
static bool
find_retry(struct rmq_session *s, const struct rmq_req *q,
    const struct pop_req *r, char **full)
{
	char name[NAME_MAX_BYTES];
	struct rmq_topic *t;

	*full = NULL;
	if (r->order || rmq_topic_is_retry(r->topic) ||
	    snprintf(name, sizeof name, "%%RETRY%%%.*s", (int)r->group.len,
		r->group.p) >= (int)sizeof name)
		return true;
	switch (rmq_topic_get(s, q, str_of(name), &t)) {
	case RMQ_TOPIC_PARKED:
		return false;
	case RMQ_TOPIC_ERROR:
		rmq_answer_err(s, &q->ref, t->error, NULL);
		return false;
	case RMQ_TOPIC_NONE:
		break;
	case RMQ_TOPIC_OK:
		/* its only queue: who sends back sends there */
		*full = t->partitioned ? mem_printf("%s-partition-0", t->full) :
					 mem_strdup(t->full);
		break;
	}
	return true;
}

static bool
is_priority(const struct rmq_topic *t)
{
	return t->attributes != NULL &&
	    str_eq(
		rmq_attrs_get(str_of(t->attributes), STR_LIT("message.type")),
		STR_LIT("PRIORITY"));
}

/* Everything that it needs is there. */
static void
start(struct rmq_session *s, struct rmq_req *q, enum pop_kind kind,
    const struct pop_req *r, const struct rmq_topic *t,
    const struct rmq_gconf *g, char *retry)
{
	struct rmq_pop *p = pop_new(s, &q->ref);
	int64_t poll = r->poll < POLL_MS_MAX ? r->poll : POLL_MS_MAX;

	p->kind = kind;
	p->group = mem_strndup(r->group.p, r->group.len);
	p->topic = mem_strndup(r->topic.p, r->topic.len);
	p->full = mem_strdup(t->full);
	p->retry = retry;
	p->partitioned = t->partitioned;
	p->queue = r->queue;
	p->read_n = t->read_n;
	p->max_n = r->max_n > 0 ? (uint32_t)r->max_n : 1;
	p->invisible_ms = r->invisible;
	p->until_ms = r->born + poll;
	p->order = r->order;
	p->init_min = r->init == 0;
	p->retry_max = g->c.retry_max;
	p->first = s->rm->queue_seq++;
	p->by_priority = !r->order && is_priority(t) &&
	    (int32_t)(p->first % 100) < g->c.priority_factor;
	p->retry_first =
	    !p->by_priority && p->first * 7919u % 100 < RETRY_PERCENT;
	p->steps = (r->queue >= 0 ? 1 : t->read_n) + (retry != NULL ? 1 : 0);
	if (!filter(p, q)) {
		pop_free(p);
		return;
	}
	others(p);
	go_on(p);
}

static void
pop(struct rmq_session *s, struct rmq_req *q, enum pop_kind kind)
{
	struct rmq_gconf *g;
	struct rmq_topic *t;
	struct pop_req r;
	char *retry;

	if (!read_fields(s, q, kind, &r))
		return;
	if (r.max_n > POP_N_MAX) {
		rmq_answer_codef(s, &q->ref, RC_INVALID_PARAMETER,
		    "the broker[%s] pop message's num is greater than 32",
		    s->rm->conf.broker);
		return;
	}
	switch (rmq_topic_use(s, q, r.topic, &t)) {
	case RMQ_TOPIC_PARKED:
		return;
	case RMQ_TOPIC_NONE:
		rmq_answer_codef(s, &q->ref, RC_TOPIC_NOT_EXIST,
		    "topic[%.*s] not exist, apply first please!",
		    (int)r.topic.len, r.topic.p);
		return;
	case RMQ_TOPIC_ERROR:
		rmq_answer_err(s, &q->ref, t->error, NULL);
		return;
	case RMQ_TOPIC_OK:
		break;
	}
	if (!may_read(s, q, t, &r) || !rmq_gconf_need(s, q, r.group, &g))
		return;
	if (!g->c.consume_enable) {
		rmq_answer_codef(s, &q->ref, RC_NO_PERMISSION,
		    "subscription group no permission, %s", g->name);
		return;
	}
	if (find_retry(s, q, &r, &retry))
		start(s, q, kind, &r, t, g, retry);
}

void
rmq_do_pop(struct rmq_session *s, struct rmq_req *q)
{
	pop(s, q, POP_LEASE);
}

void
rmq_do_peek(struct rmq_session *s, struct rmq_req *q)
{
	pop(s, q, POP_PEEK);
}

void
rmq_do_notification(struct rmq_session *s, struct rmq_req *q)
{
	pop(s, q, POP_NOTIFY);
}

/* The reference tells how many wait for one key; who waits here waits at the
 * core's topics, on whatever shard. */
void
rmq_do_polling_info(struct rmq_session *s, struct rmq_req *q)
{
	const struct rmq_pop *p;
	struct str group = rheader_get(q->h, "consumerGroup"),
		   topic = rheader_get(q->h, "topic");
	int32_t n = 0;

	LIST_FOREACH(p, &s->pops, link)
		if (p->waiting && str_eq(str_of(p->group), group) &&
		    str_eq(str_of(p->topic), topic))
			n++;
	rout_i32(rmq_answer(s, &q->ref, RC_SUCCESS, NULL), "pollingNum", n);
	rmq_answer_end(s, &q->ref, NULL, 0);
}
