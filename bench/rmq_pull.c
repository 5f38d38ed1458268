/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "base/vas.h"
#include "bench/rmq.h"

#define MS INT64_C(1000000)
#define SUSPEND_MS 15000 /* as Java's clients */
#define PULL_AGAIN_MS 10 /* nothing there, and no waiting at the broker */
/* PullSysFlag */
#define FLAG_COMMIT 1
#define FLAG_SUSPEND 2
#define FLAG_SUBSCRIPTION 4

static void
puller_init(
    struct bench *b, struct rmq_topic *t, unsigned queue, unsigned consumer)
{
	struct rmq *rq = b->priv;
	struct rmq_puller *p = &rq->pullers[rq->pullers_n];

	p->id = rq->pullers_n++;
	p->topic = t;
	p->queue = queue;
	p->next = p->committed = t->queues[queue].start;
	p->link = &rq->consumer_links[consumer];
}

/*
 * The queues of a topic are shared out among its consumers, as clients do; with
 * POP each consumer asks for all of them.
 */
void
rmq_pullers_make(struct bench *b)
{
	const struct opts *o = b->o;
	struct rmq *rq = b->priv;
	unsigned i, q, n = 0;

	if (o->consumers == 0)
		return;
	for (i = 0; i < o->topics; i++)
		n += o->consume == CONSUME_POP ? o->consumers :
						 rq->topics[i].queues_n;
	rq->pullers = mem_calloc(n, sizeof *rq->pullers);
	for (i = 0; i < o->topics; i++) {
		if (o->consume != CONSUME_POP) {
			for (q = 0; q < rq->topics[i].queues_n; q++)
				puller_init(
				    b, &rq->topics[i], q, q % o->consumers);
			continue;
		}
		/* from here on, whatever lies there */
		for (q = 0; q < rq->topics[i].queues_n; q++)
			rmq_commit_one(b, &rq->topics[i], q,
			    rq->topics[i].queues[q].start);
		for (q = 0; q < o->consumers; q++)
			puller_init(b, &rq->topics[i], 0, q);
	}
	assert(rq->pullers_n == n);
}

static void
pull(struct bench *b, struct rmq_puller *p)
{
	const struct opts *o = b->o;
	struct rmq *rq = b->priv;
	struct rout *out = &rq->out;
	bool push = o->consume == CONSUME_PUSH;
	int32_t flag = FLAG_SUBSCRIPTION;

	if (push)
		flag = FLAG_SUSPEND | (p->next > 0 ? FLAG_COMMIT : 0);
	rout_begin(out, rq->type, RMQ_PULL,
	    RMQ_FOR_PULL * RMQ_OPAQUE_STEP + (int32_t)p->id, 0, STR_NONE);
	rout_str(out, "consumerGroup", str_of(o->subscription));
	rout_str(out, "topic", str_of(p->topic->name));
	rout_i64(out, "queueId", p->queue);
	rout_i64(out, "queueOffset", p->next);
	rout_i64(out, "maxMsgNums", o->permits);
	rout_i64(out, "sysFlag", flag);
	rout_i64(out, "commitOffset", push ? p->next : 0);
	rout_i64(out, "suspendTimeoutMillis", push ? SUSPEND_MS : 0);
	if (!push)
		rout_str(out, "subscription", STR_LIT("*"));
	rout_i64(out, "subVersion", rq->sub_version);
	rout_str(out, "expressionType", STR_LIT("TAG"));
	rmq_put(b, p->link, NULL, 0);
}

void
rmq_ask(struct bench *b, struct rmq_puller *p)
{
	p->again_ns = 0;
	if (b->o->consume == CONSUME_POP)
		rmq_pop_ask(b, p);
	else
		pull(b, p);
}

void
rmq_ask_later(struct bench *b, struct rmq_puller *p, int64_t after_ns)
{
	struct rmq *rq = b->priv;

	p->again_ns = b->now_ns + after_ns;
	rq->waiting++;
}

int64_t
rmq_ask_due(struct bench *b)
{
	struct rmq *rq = b->priv;
	int64_t now = mono_ns(), first = INT64_MAX;
	struct rmq_puller *p;
	unsigned i;

	for (i = 0; i < rq->pullers_n && rq->waiting != 0; i++) {
		p = &rq->pullers[i];
		if (p->again_ns == 0)
			continue;
		if (p->again_ns <= now) {
			rq->waiting--;
			rmq_ask(b, p);
		} else if (p->again_ns < first)
			first = p->again_ns;
	}
	return first;
}

static void
take_records(struct bench *b, struct rmq_puller *p, const struct rframe *fr)
{
	const uint8_t *at = fr->body, *end = fr->body + fr->body_n;
	struct rmq_record r;

	for (; at < end; at += r.size) {
		if (rmq_record_read(at, (size_t)(end - at), &r) != ERR_OK)
			die("PULL: a record that is none");
		if (r.queue_id != (int32_t)p->queue)
			die("PULL of queue %u: a message of queue %d", p->queue,
			    r.queue_id);
		/* what goes back is not that again */
		if (r.queue_offset < p->next) {
			b->c.doubles++;
			continue;
		}
		b->c.gaps += (uint64_t)(r.queue_offset - p->next);
		p->next = r.queue_offset + 1;
		(void)rmq_take(b, p->topic, &r);
	}
}

static void
next_begin(const struct rheader *h, struct rmq_puller *p, int64_t *next)
{
	if (rheader_i64(h, "nextBeginOffset", next) != ERR_OK)
		die("PULL of %s, queue %u: no nextBeginOffset", p->topic->name,
		    p->queue);
}

void
rmq_on_pulled(struct bench *b, const struct rheader *h, const struct rframe *fr)
{
	struct rmq *rq = b->priv;
	struct rmq_puller *p;
	int64_t next;
	unsigned i;

	i = (unsigned)(h->opaque - RMQ_FOR_PULL * RMQ_OPAQUE_STEP);
	if (i >= rq->pullers_n || rq->pullers[i].again_ns != 0)
		die("PULL's answer for nobody: %d", h->opaque);
	p = &rq->pullers[i];
	if (b->o->delay_s + b->o->spread_s > 0)
		rq->come_ms = wall_exact_ms();
	if (b->o->consume == CONSUME_POP) {
		rmq_on_popped(b, p, h, fr);
		return;
	}
	switch (h->code) {
	case RMQ_OK:
		take_records(b, p, fr);
		next_begin(h, p, &next);
		if (next != p->next)
			b->c.gaps++;
		p->next = next;
		break;
	case RMQ_PULL_RETRY:
	case RMQ_PULL_MOVED:
		/* without a filter, nothing is passed over */
		next_begin(h, p, &next);
		if (next != p->next)
			b->c.gaps +=
			    next > p->next ? (uint64_t)(next - p->next) : 1;
		p->next = next;
		break;
	case RMQ_PULL_NOT_FOUND:
		if (b->o->consume == CONSUME_PULL) {
			rmq_ask_later(b, p, PULL_AGAIN_MS * MS);
			return;
		}
		break;
	default:
		die("PULL of %s, queue %u: %d %.*s", p->topic->name, p->queue,
		    h->code, RMQ_REMARK(h));
	}
	rmq_ask(b, p);
}

/* ---- offsets */

static void
put_commit(
    struct bench *b, const struct rmq_topic *t, unsigned queue, int64_t offset)
{
	struct rmq *rq = b->priv;
	struct rout *out = &rq->out;

	rout_str(out, "consumerGroup", str_of(b->o->subscription));
	rout_str(out, "topic", str_of(t->name));
	rout_i64(out, "queueId", queue);
	rout_i64(out, "commitOffset", offset);
}

void
rmq_commit_one(
    struct bench *b, struct rmq_topic *t, unsigned queue, int64_t offset)
{
	struct rmq *rq = b->priv;

	rmq_call_begin(b, RMQ_COMMIT);
	put_commit(b, t, queue, offset);
	(void)rmq_call(b, rq->admin, NULL, 0, "UPDATE_CONSUMER_OFFSET of",
	    t->name, RMQ_OK);
}

void
rmq_commit(struct bench *b, bool sync)
{
	struct rmq *rq = b->priv;
	struct rmq_puller *p;
	unsigned i;

	if (b->o->consume != CONSUME_PUSH)
		return;
	for (i = 0; i < rq->pullers_n; i++) {
		p = &rq->pullers[i];
		if (!sync && p->next == p->committed)
			continue;
		p->committed = p->next;
		if (sync) {
			rmq_commit_one(b, p->topic, p->queue, p->next);
			continue;
		}
		/* as the clients' timers do it */
		rout_begin(&rq->out, rq->type, RMQ_COMMIT,
		    RMQ_FOR_NOBODY * RMQ_OPAQUE_STEP, RHEADER_ONEWAY, STR_NONE);
		put_commit(b, p->topic, p->queue, p->next);
		rmq_put(b, p->link, NULL, 0);
	}
}
