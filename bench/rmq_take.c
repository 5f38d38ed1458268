/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bench/rmq.h"

/* Spreads the bits of a message's number and place over the sum. */
static uint64_t
mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

uint64_t
rmq_mix(uint64_t id, int64_t place)
{
	return mix(id ^ mix((uint64_t)place + UINT64_C(0x9e3779b97f4a7c15)));
}

/* How far from its time was it stored, and is it here? */
static void
delayed(struct bench *b, const struct rmq_record *r)
{
	struct rmq *rq = b->priv;
	int64_t due_ms;

	memcpy(&due_ms, r->body.p + RMQ_DUE_AT, sizeof due_ms);
	if (r->store_ms < due_ms || rq->come_ms < due_ms)
		b->c.early++;
	hist_add(&b->due_store, (r->store_ms - due_ms) * 1000000, 1);
	hist_add(&b->due_come, (rq->come_ms - due_ms) * 1000000, 1);
}

bool
rmq_take(struct bench *b, struct rmq_topic *t, const struct rmq_record *r)
{
	const struct opts *o = b->o;
	uint32_t crc = rmq_body_crc(r->body.p, r->body.len) & INT32_MAX;
	bool place = rmq_by_place(o);
	struct rmq_sums *s;
	uint64_t id;

	if (crc != r->body_crc)
		b->c.bad_checksum++;
	if (r->reconsume_times != 0) {
		b->c.redelivered++;
		return false;
	}
	if (r->queue_id < 0 || (unsigned)r->queue_id >= t->queues_n)
		die("message of queue %d of %s, which it hasn't", r->queue_id,
		    t->name);
	s = &t->queues[place ? r->queue_id : 0].sums;
	s->got_n++;
	if (o->size >= RMQ_MARKS && r->body.len >= RMQ_MARKS) {
		memcpy(&id, r->body.p + RMQ_ID_AT, sizeof id);
		s->got += rmq_mix(id, place ? r->queue_offset : -1);
		if (o->delay_s + o->spread_s > 0)
			delayed(b, r);
	}
	count_arrived(b, (const uint8_t *)r->body.p, r->body.len);
	return true;
}

/* Every message that was acknowledged was to come, where it was said to be. */
void
rmq_compare(struct bench *b)
{
	struct rmq *rq = b->priv;
	const struct rmq_sums *s;
	unsigned i, q;

	/* what was refused may be there or not */
	if (b->c.failed != 0 || b->producers_n == 0 || rq->pullers_n == 0)
		return;
	for (i = 0; i < b->o->topics; i++) {
		for (q = 0; q < rq->topics[i].queues_n; q++) {
			s = &rq->topics[i].queues[q].sums;
			if (s->got_n < s->sent_n)
				b->c.gaps += s->sent_n - s->got_n;
			else if (s->got_n > s->sent_n)
				b->c.strangers += s->got_n - s->sent_n;
			else if (s->got != s->sent)
				b->c.strangers++;
		}
	}
}
