/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/vas.h"
#include "bench/rmq.h"
#include "format/rmq_pop.h"
#include "format/rmq_props.h"

#define MS INT64_C(1000000)
#define POLL_MS 15000 /* as Java's clients */
#define FULL_AGAIN_MS 100
#define GROUPS_MAX 256 /* queues that one answer is from */
#define BITS_MAX 4096 /* acks of a queue by one command */

/* what of a queue came in one answer */
struct group {
	char retry; /* RMQ_POP_ */
	int32_t queue_id;
	int64_t first;
	unsigned n;
	size_t bits_n; /* bytes in use */
	uint8_t bits[BITS_MAX / 8]; /* those to be acknowledged */
};

struct popped {
	struct bench *b;
	struct rmq_puller *p;
	int64_t pop_ms, invisible_ms;
	int32_t revive;
	unsigned groups_n;
	struct group groups[GROUPS_MAX];
};

void
rmq_pop_ask(struct bench *b, struct rmq_puller *p)
{
	const struct opts *o = b->o;
	struct rmq *rq = b->priv;
	struct rout *out = &rq->out;

	rout_begin(out, RHEADER_JSON, RMQ_POP,
	    RMQ_FOR_PULL * RMQ_OPAQUE_STEP + (int32_t)p->id, 0, STR_NONE);
	rout_str(out, "consumerGroup", str_of(o->subscription));
	rout_str(out, "topic", str_of(p->topic->name));
	rout_i64(out, "queueId", -1);
	rout_i64(out, "maxMsgNums", o->permits > 32 ? 32 : o->permits);
	rout_i64(out, "invisibleTime", (int64_t)(o->invisible_s * 1000));
	rout_i64(out, "pollTime", POLL_MS);
	rout_i64(out, "bornTime", wall_exact_ms());
	rout_i64(out, "initMode", 0);
	rout_str(out, "expType", STR_LIT("TAG"));
	rout_str(out, "exp", STR_LIT("*"));
	rout_bool(out, "order", false);
	rmq_put(b, p->link, NULL, 0);
}

/* ---- acks */

/* Of which topic a message was, by its R */
static void
put_topic(struct bench *b, const struct rmq_puller *p, char retry)
{
	struct rmq *rq = b->priv;
	const char *group = b->o->subscription;
	char name[600];

	if (retry == RMQ_POP_NORMAL)
		(void)snprintf(name, sizeof name, "%s", p->topic->name);
	else
		(void)snprintf(name, sizeof name, "%%RETRY%%%s%c%s", group,
		    retry == RMQ_POP_RETRY ? '_' : '+', p->topic->name);
	rout_str(&rq->out, "topic", str_of(name));
}

static void
ack_one(struct popped *pp, char retry, int32_t queue_id, struct str handle,
    int64_t offset)
{
	struct bench *b = pp->b;
	struct rmq *rq = b->priv;
	struct rout *out = &rq->out;

	rout_begin(out, RHEADER_JSON, RMQ_ACK, RMQ_FOR_ACK * RMQ_OPAQUE_STEP, 0,
	    STR_NONE);
	rout_str(out, "consumerGroup", str_of(b->o->subscription));
	put_topic(b, pp->p, retry);
	rout_i64(out, "queueId", queue_id);
	rout_str(out, "extraInfo", handle);
	rout_i64(out, "offset", offset);
	rmq_put(b, pp->p->link, NULL, 0);
	rq->acks_open++;
}

static void
ack_group(struct popped *pp, struct group *g, const struct rmq_record *r)
{
	struct bench *b = pp->b;
	struct rmq *rq = b->priv;
	struct rmq_handle h = {
		.first_offset = g->first,
		.pop_ms = pp->pop_ms,
		.invisible_ms = pp->invisible_ms,
		.revive_queue = pp->revive,
		.retry = g->retry,
		.broker = str_of(rq->broker),
		.queue_id = g->queue_id,
		.queue_offset = r->queue_offset,
	};
	int64_t bit = r->queue_offset - g->first;

	if (b->o->ack == ACK_BATCH && bit >= 0 && bit < BITS_MAX) {
		g->bits[bit / 8] |= (uint8_t)(1u << (bit % 8));
		if (g->bits_n <= (size_t)bit / 8)
			g->bits_n = (size_t)bit / 8 + 1;
		g->n++;
		return;
	}
	strbuf_reset(&rq->pop_text);
	rmq_handle_put(&rq->pop_text, &h);
	ack_one(pp, g->retry, g->queue_id,
	    (struct str){ rq->pop_text.p, rq->pop_text.len }, r->queue_offset);
}

/* What was noted goes out by one command. */
static void
ack_batch(struct popped *pp)
{
	char text[BASE64_ENCODED(BITS_MAX / 8) + 1];
	struct bench *b = pp->b;
	struct rmq *rq = b->priv;
	struct strbuf *sb = &rq->pop_text;
	const struct group *g;
	unsigned i, n = 0;

	strbuf_reset(sb);
	strbuf_addf(sb, "{\"brokerName\":\"%s\",\"acks\":[", rq->broker);
	for (i = 0; i < pp->groups_n; i++) {
		g = &pp->groups[i];
		if (g->n == 0)
			continue;
		text[base64_encode(text, g->bits, g->bits_n, false)] = '\0';
		strbuf_addf(sb,
		    "%s{\"c\":\"%s\",\"t\":\"%s\",\"r\":\"%c\",\"so\":%lld,"
		    "\"q\":%d,\"rq\":%d,\"pt\":%lld,\"it\":%lld,\"b\":\"%s\"}",
		    n++ == 0 ? "" : ",", b->o->subscription, pp->p->topic->name,
		    g->retry, (long long)g->first, g->queue_id, pp->revive,
		    (long long)pp->pop_ms, (long long)pp->invisible_ms, text);
	}
	strbuf_adds(sb, "]}");
	if (n == 0)
		return;
	if (strbuf_err(sb) != ERR_OK)
		die("acks of one pop are too many for one command");
	rout_begin(&rq->out, RHEADER_JSON, RMQ_BATCH_ACK,
	    RMQ_FOR_ACK * RMQ_OPAQUE_STEP, 0, STR_NONE);
	rmq_put(b, pp->p->link, sb->p, sb->len);
	rq->acks_open++;
}

void
rmq_on_acked(struct bench *b, const struct rheader *h)
{
	struct rmq *rq = b->priv;

	if (rq->acks_open == 0)
		die("an ack's answer that nobody awaits");
	rq->acks_open--;
	if (h->code == RMQ_OK)
		return;
	if (b->c.failed++ == 0)
		(void)snprintf(b->first_error, sizeof b->first_error,
		    "ACK: %d %.*s", h->code, RMQ_REMARK(h));
}

/* ---- messages */

static void
read_head(struct popped *pp, const struct rheader *h)
{
	struct str field = rheader_get(h, "startOffsetInfo");
	struct rmq_pop_group in;
	struct group *g;

	if (rheader_i64(h, "popTime", &pp->pop_ms) != ERR_OK ||
	    rheader_i64(h, "invisibleTime", &pp->invisible_ms) != ERR_OK ||
	    rheader_i32(h, "reviveQid", &pp->revive) != ERR_OK)
		die("POP's answer lacks its times");
	while (rmq_pop_next(&field, &in) == ERR_OK) {
		if (pp->groups_n == GROUPS_MAX)
			die("POP's answer is from too many queues");
		g = &pp->groups[pp->groups_n++];
		g->retry = in.retry;
		g->n = 0;
		memset(g->bits, 0, g->bits_n);
		g->bits_n = 0;
		if (rtext_i32(in.queue, &g->queue_id) != ERR_OK ||
		    rtext_i64(in.value, &g->first) != ERR_OK)
			die("POP's answer has a bad startOffsetInfo");
	}
}

static struct group *
group_of(struct popped *pp, char retry, int32_t queue_id)
{
	unsigned i;

	for (i = 0; i < pp->groups_n; i++) {
		if (pp->groups[i].retry == retry &&
		    pp->groups[i].queue_id == queue_id)
			return &pp->groups[i];
	}
	die("POP: a message of queue %d, which its header hasn't", queue_id);
}

static void
take_one(struct popped *pp, const struct rmq_record *r)
{
	struct str ck = rmq_props_get(r->props, RMQ_PROP_POP_CK);
	struct bench *b = pp->b;
	struct rmq_handle h;

	(void)rmq_take(b, pp->p->topic, r);
	if (b->o->ack == ACK_NONE)
		return;
	/* the broker gives handles for what it read from a retry topic */
	if (ck.p != NULL) {
		if (rmq_handle_read(ck, &h) != ERR_OK)
			die("POP: a handle that is none");
		ack_one(pp, h.retry, h.queue_id, ck, h.queue_offset);
		return;
	}
	ack_group(pp, group_of(pp, rmq_pop_retry_of(r->topic), r->queue_id), r);
}

static void
take_all(struct bench *b, struct rmq_puller *p, const struct rheader *h,
    const struct rframe *fr)
{
	const uint8_t *at = fr->body, *end = fr->body + fr->body_n;
	static struct popped pp; /* big; one thread */
	struct rmq_record r;

	pp.b = b;
	pp.p = p;
	pp.groups_n = 0;
	read_head(&pp, h);
	for (; at < end; at += r.size) {
		if (rmq_record_read(at, (size_t)(end - at), &r) != ERR_OK)
			die("POP: a record that is none");
		take_one(&pp, &r);
	}
	if (b->o->ack == ACK_BATCH)
		ack_batch(&pp);
}

void
rmq_on_popped(struct bench *b, struct rmq_puller *p, const struct rheader *h,
    const struct rframe *fr)
{
	switch (h->code) {
	case RMQ_OK:
		take_all(b, p, h, fr);
		break;
	case RMQ_PULL_NOT_FOUND:
	case RMQ_POLLING_TIMEOUT:
		break;
	case RMQ_POLLING_FULL:
		rmq_ask_later(b, p, FULL_AGAIN_MS * MS);
		return;
	default:
		die("POP of %s: %d %.*s", p->topic->name, h->code,
		    RMQ_REMARK(h));
	}
	rmq_ask(b, p);
}
