/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vas.h"
#include "bench/rmq.h"
#include "format/rmq_batch.h"

/* what stands in a header where something else will; each once in it */
#define SOME_OPAQUE 1999999999
#define SOME_BORN "1111111111111"
#define SOME_UNIQ "7F0000010BEC4E25154F000000000000"
#define SOME_KEY "key-99999999"
#define SOME_DUE "2222222222222"
#define UNIQ_SAME 20 /* characters of it */

static const char hex[] = "0123456789ABCDEF";

static void
put_digits(uint8_t *p, uint64_t v, unsigned n)
{
	while (n > 0) {
		p[--n] = (uint8_t)('0' + v % 10);
		v /= 10;
	}
}

static void
put_uniq(struct rmq *rq, uint8_t *p)
{
	uint64_t v = rq->uniq++;
	unsigned i;

	for (i = sizeof SOME_UNIQ - 1; i-- > UNIQ_SAME; v >>= 4)
		p[i] = (uint8_t)hex[v & 15];
}

static void
put_key(struct bench *b, uint8_t *p)
{
	struct rmq *rq = b->priv;

	put_digits(p + 4, rq->key++ % b->o->keys, sizeof SOME_KEY - 5);
}

/* The properties of a message, with what will be replaced. */
static size_t
props(const struct opts *o, char *p, size_t room, bool outer)
{
	int n;

	n = snprintf(p, room, "UNIQ_KEY\x01%s\x02WAIT\x01true\x02%s%s",
	    SOME_UNIQ, o->keys != 0 ? "KEYS\x01" SOME_KEY "\x02" : "",
	    outer && o->delay_s + o->spread_s > 0 ?
		"TIMER_DELIVER_MS\x01" SOME_DUE "\x02" :
		"");
	assert(n > 0 && (size_t)n < room);
	return (size_t)n;
}

static uint32_t
find(const uint8_t *p, size_t n, const void *what, size_t len)
{
	const uint8_t *at = memmem(p, n, what, len);

	return at == NULL ? 0 : (uint32_t)(at - p);
}

static void
head_make(struct bench *b, struct rmq_topic *t, unsigned queue)
{
	const struct opts *o = b->o;
	struct rmq *rq = b->priv;
	struct rmq_queue *q = &t->queues[queue];
	struct rout *out = &rq->out;
	uint8_t opaque[4];
	char text[512];
	struct str s = { text, props(o, text, sizeof text, true) };

	rout_begin(out, rq->type, o->batch != 0 ? RMQ_SEND_BATCH : RMQ_SEND_V2,
	    SOME_OPAQUE, 0, STR_NONE);
	rout_str(out, "a", STR_LIT("bench_producer"));
	rout_str(out, "b", str_of(t->name));
	rout_str(out, "c", STR_LIT("TBW102"));
	rout_i64(out, "d", (int64_t)t->queues_n);
	rout_i64(out, "e", queue);
	rout_i64(out, "f", 0);
	rout_str(out, "g", STR_LIT(SOME_BORN));
	rout_i64(out, "h", 0);
	rout_str(out, "i", s);
	rout_i64(out, "j", 0);
	rout_bool(out, "k", false);
	rout_bool(out, "m", o->batch != 0);
	rout_str(out, "n", str_of(rq->broker));
	rmq_sign_room(b);
	if (rout_end(out, 0) != ERR_OK)
		die("%s: its header is too long", t->name);
	q->head_n = (uint32_t)out->sb.len;
	q->head = mem_alloc(q->head_n);
	memcpy(q->head, out->sb.p, q->head_n);
	be32_put(opaque, SOME_OPAQUE);
	(void)snprintf(text, sizeof text, "%d", SOME_OPAQUE);
	q->opaque_at = rq->type == RHEADER_BINARY ?
	    find(q->head, q->head_n, opaque, 4) :
	    find(q->head, q->head_n, text, 10);
	q->born_at = find(q->head, q->head_n, SOME_BORN, 13);
	q->uniq_at = find(q->head, q->head_n, SOME_UNIQ, 32);
	q->key_at = find(q->head, q->head_n, SOME_KEY, 12);
	q->due_at = find(q->head, q->head_n, SOME_DUE, 13);
	assert(q->opaque_at != 0 && q->born_at != 0 && q->uniq_at != 0);
}

void
rmq_heads_make(struct bench *b, struct rmq_topic *t)
{
	unsigned i;

	for (i = 0; i < t->queues_n; i++)
		head_make(b, t, i);
}

/*
 * The payload is made once: a message, or a batch of as many as one may hold. A
 * shorter batch is the beginning of it.
 */
void
rmq_send_init(struct bench *b)
{
	const struct opts *o = b->o;
	struct rmq *rq = b->priv;
	struct rmq_batch_msg m = { 0 };
	unsigned i, n = o->batch == 0 ? 1 : o->batch;
	char text[512];
	uint8_t *p;

	rq->uniq = ((uint64_t)getpid() << 32) & UINT64_C(0xffff00000000);
	m.props = (struct str){ text, props(o, text, sizeof text, false) };
	p = mem_zalloc(o->size + STAMP_SIZE);
	count_fill(p, o->size);
	m.body = (struct str){ (const char *)p, o->size };
	rq->stride = o->batch == 0 ? o->size : rmq_batch_size(&m);
	rq->payload = mem_zalloc(rq->stride * n + STAMP_SIZE);
	if (o->batch == 0)
		memcpy(rq->payload, p, o->size);
	for (i = 0; i < n && o->batch != 0; i++)
		(void)rmq_batch_write(rq->payload + i * rq->stride, &m);
	mem_free(p);
	if (o->batch == 0)
		return;
	rq->body_at = 20;
	rq->item_uniq_at = find(rq->payload, rq->stride, SOME_UNIQ, 32);
	rq->item_key_at = find(rq->payload, rq->stride, SOME_KEY, 12);
}

/* When is the next message due? The first ones at a whole second. */
static int64_t
next_due_ms(struct bench *b)
{
	const struct opts *o = b->o;
	struct rmq *rq = b->priv;
	int64_t t;

	if (b->due_ms[0] == 0) {
		t = wall_exact_ms() + (int64_t)(o->delay_s * 1000);
		b->due_ms[0] = (t + 999) / 1000 * 1000;
		b->due_ms[1] = b->due_ms[0] + (int64_t)(o->spread_s * 1000);
	}
	return b->due_ms[0] +
	    (int64_t)(o->spread_s * 1000 * (double)rq->delayed++ /
		(double)o->count);
}

static uint64_t
number(const struct producer *pr, uint64_t sequence)
{
	return (uint64_t)pr->id << 40 | sequence;
}

static void
put_marks(
    struct bench *b, uint8_t *p, int64_t stamp_ns, uint64_t id, int64_t due_ms)
{
	if (b->o->size >= STAMP_SIZE)
		memcpy(p, &stamp_ns, STAMP_SIZE);
	if (b->o->size < RMQ_MARKS)
		return;
	memcpy(p + RMQ_ID_AT, &id, sizeof id);
	memcpy(p + RMQ_DUE_AT, &due_ms, sizeof due_ms);
}

static void
put_body(struct bench *b, const struct producer *pr, uint8_t *p, uint32_t n,
    uint64_t index, int64_t due_ms)
{
	struct rmq *rq = b->priv;
	uint32_t i;

	memcpy(p, rq->payload, rq->stride * n);
	for (i = 0; i < n; i++, p += rq->stride) {
		put_marks(b, p + rq->body_at, count_stamp_ns(b, index + i),
		    number(pr, pr->sequence + i), due_ms);
		if (rq->item_uniq_at != 0)
			put_uniq(rq, p + rq->item_uniq_at);
		if (rq->item_key_at != 0)
			put_key(b, p + rq->item_key_at);
	}
}

bool
rmq_send(struct bench *b, struct producer *pr, uint32_t n, uint64_t index)
{
	struct rmq *rq = b->priv;
	struct rmq_topic *t = &rq->topics[pr->id % b->o->topics];
	size_t body_n = rq->stride * n;
	struct rmq_queue *q;
	int64_t due_ms = 0;
	uint32_t opaque;
	uint8_t *out;

	if (!count_has_room(b, pr, n))
		return false;
	/* its entries go to one queue after the other */
	q = &t->queues[pr->queue++ % t->queues_n];
	out = link_room(pr->link, q->head_n + body_n);
	memcpy(out, q->head, q->head_n);
	be32_put(out, (uint32_t)(q->head_n - 4 + body_n));
	opaque = (uint32_t)RMQ_FOR_SEND * RMQ_OPAQUE_STEP +
	    pr->id * pr->ring_n + (pr->head & (pr->ring_n - 1));
	if (rq->type == RHEADER_BINARY)
		be32_put(out + q->opaque_at, opaque);
	else
		put_digits(out + q->opaque_at, opaque, 10);
	put_digits(out + q->born_at, (uint64_t)wall_ms(), 13);
	put_uniq(rq, out + q->uniq_at);
	if (q->key_at != 0)
		put_key(b, out + q->key_at);
	if (q->due_at != 0) {
		due_ms = next_due_ms(b);
		b->c.late += due_ms <= wall_ms();
		put_digits(out + q->due_at, (uint64_t)due_ms, 13);
	}
	put_body(b, pr, out + q->head_n, n, index, due_ms);
	rmq_sign_frame(b, out, q->head_n + body_n);
	link_wrote(pr->link, q->head_n + body_n);
	(void)count_sent(b, pr, n, index);
	return true;
}

/* ---- answers */

/* Notes what has to be found at this place later. */
static void
note_place(struct bench *b, struct rmq_topic *t, const struct producer *pr,
    const struct pending *pd, const struct rheader *h)
{
	bool place = rmq_by_place(b->o);
	int64_t offset = -1;
	struct rmq_sums *s;
	int32_t queue = 0;
	uint32_t i;

	if (place &&
	    (rheader_i64(h, "queueOffset", &offset) != ERR_OK ||
		rheader_i32(h, "queueId", &queue) != ERR_OK || queue < 0 ||
		(unsigned)queue >= t->queues_n))
		die("SEND's answer says no place");
	s = &t->queues[queue].sums;
	s->sent_n += pd->n;
	for (i = 0; i < pd->n && b->o->size >= RMQ_MARKS; i++)
		s->sent += rmq_mix(number(pr, pd->sequence + i),
		    place ? offset + (int64_t)i : -1);
}

void
rmq_on_sent(struct bench *b, const struct rheader *h)
{
	uint32_t i =
	    (uint32_t)h->opaque - (uint32_t)RMQ_FOR_SEND * RMQ_OPAQUE_STEP;
	struct rmq *rq = b->priv;
	struct producer *pr;
	struct pending *pd;
	uint32_t ring_n;

	ring_n = b->producers_n == 0 ? 1 : b->producers[0].ring_n;
	if (i / ring_n >= b->producers_n)
		die("SEND's answer for nobody: %d", h->opaque);
	pr = &b->producers[i / ring_n];
	pd = &pr->ring[i % ring_n];
	if (pd->n == 0)
		die("SEND's answer came twice: %d", h->opaque);
	if (h->code == RMQ_SYSTEM_BUSY && b->o->count != 0) {
		count_busy(b, pr, pd);
		return;
	}
	if (h->code != RMQ_OK) {
		count_refused(b, pr, pd, h->code, h->remark.p, h->remark.len);
		return;
	}
	note_place(b, &rq->topics[pr->id % b->o->topics], pr, pd, h);
	count_published(b, pr, pd);
}
