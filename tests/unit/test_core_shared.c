/* SPDX-License-Identifier: Apache-2.0 */
/* Shared subscriptions: turns, priorities, leases, limits, chunks. */
#include "test.h"

#include "core/sub_priv.h"
#include "core_fake.h"

static struct consumer *
join(struct rig *r, int32_t priority, uint64_t tag)
{
	struct op_subscribe sb = {
		.sub = STR_LIT("s"),
		.type = SUB_SHARED,
		.durable = true,
		.has_initial = true,
		.initial_earliest = true,
		.priority = priority,
	};
	struct consumer *c;
	enum err e;

	c = rig_sub(r, &sb, tag, &e);
	assert_ok(e);
	return c;
}

static unsigned
count(struct rig *r, uint64_t tag)
{
	unsigned i, n = 0;

	for (i = 0; i < r->got_n; i++)
		n += r->got[i].tag == tag;
	return n;
}

static void
test_turns(void **state)
{
	struct rig *r = rig_new();
	struct consumer *a, *b, *lo;
	unsigned i;

	(void)state;
	a = join(r, 0, 1);
	b = join(r, 0, 2);
	lo = join(r, 1, 3);
	consumer_flow(a, 50);
	consumer_flow(b, 50);
	consumer_flow(lo, 50);
	rig_add(r, 80, 1);
	rig_run(r);
	assert_int_equal(r->got_n, 80);
	for (i = 0; i < 80; i++)
		assert_int_equal(r->got[i].pos.entry, i);
	for (i = 0; i < 20; i++) {
		assert_int_equal(r->got[i].tag, 1);
		assert_int_equal(r->got[20 + i].tag, 2);
		assert_int_equal(r->got[40 + i].tag, 1);
	}
	assert_int_equal(count(r, 3), 0);
	/* the second priority gets what the first can't take */
	rig_add(r, 40, 1);
	rig_run(r);
	assert_int_equal(count(r, 1) + count(r, 2), 100);
	assert_int_equal(count(r, 3), 20);
	/* an ack by another than its owner */
	assert_int_equal(a->unacked, 50);
	rig_ack(r, b, 0);
	assert_int_equal(a->unacked, 49);
	/* what comes back goes first, uncounted */
	rig_clear(r);
	consumer_flow(lo, 50);
	consumer_close(a, ERR_OK);
	rig_add(r, 1, 1);
	rig_run(r);
	assert_int_equal(r->got_n, 50);
	assert_int_equal(r->got[0].pos.entry, 1);
	assert_int_equal(r->got[0].redeliveries, 0);
	assert_int_equal(r->got[49].pos.entry, 120);
	/* cumulative means nothing here */
	struct core_ack_id id = { .pos = { 1, 100 } };
	struct core_ack ack = { .n = 1, .ids = &id, .cumulative = true };
	consumer_ack(b, &ack);
	assert_false(cursor_is_acked(b->sub->cur, (struct pos){ 1, 100 }));
	rig_free(&r);
}

static void
nack(struct rig *r, struct consumer *c, int64_t entry)
{
	struct core_ack_id id = { .pos = { 1, entry } };
	struct op *op = rig_op(r, OP_REDELIVER, 1);

	op->ids_n = 1;
	op->ids = &id;
	consumer_op(c, &op);
	rig_run(r);
}

static void
test_counts(void **state)
{
	struct rig *r = rig_new();
	struct consumer *a, *b;
	unsigned i;

	(void)state;
	rig_add(r, 3, 1);
	a = join(r, 0, 1);
	consumer_flow(a, 100);
	rig_run(r);
	for (i = 1; i <= 3; i++) {
		nack(r, a, 1);
		assert_int_equal(r->got_n, 3 + i);
		assert_int_equal(r->got[2 + i].pos.entry, 1);
		assert_int_equal(r->got[2 + i].redeliveries, i);
	}
	/* not its own */
	b = join(r, 0, 2);
	nack(r, b, 1);
	assert_int_equal(r->got_n, 6);
	/* a closes: 1 keeps its count, 0 has none */
	consumer_flow(b, 100);
	consumer_close(a, ERR_OK);
	rig_run(r);
	assert_int_equal(r->got_n, 9);
	assert_int_equal(r->got[6].redeliveries, 0);
	assert_int_equal(r->got[7].redeliveries, 3);
	/* all leave: forgotten */
	consumer_close(b, ERR_OK);
	assert_int_equal(r->co->leases.used, 0);
	a = join(r, 0, 1);
	consumer_flow(a, 100);
	rig_run(r);
	assert_int_equal(r->got_n, 12);
	assert_int_equal(r->got[10].redeliveries, 0);
	rig_free(&r);
}

static void
test_limits(void **state)
{
	struct rig *r = rig_new();
	struct consumer *a, *b;
	unsigned i;

	(void)state;
	r->co->conf.max_unacked_consumer = 10;
	r->co->conf.max_unacked_sub = 16;
	rig_add(r, 100, 1);
	a = join(r, 0, 1);
	consumer_flow(a, 100);
	rig_run(r);
	assert_int_equal(r->got_n, 10);
	assert_true(a->blocked_unacked);
	for (i = 0; i < 4; i++)
		rig_ack(r, a, i);
	rig_run(r);
	assert_int_equal(r->got_n, 10); /* 6 left: more than half */
	rig_ack(r, a, 4);
	rig_run(r);
	assert_int_equal(r->got_n, 15);
	assert_int_equal(a->unacked, 10);
	b = join(r, 0, 2);
	consumer_flow(b, 100);
	rig_run(r);
	assert_int_equal(r->got_n, 21); /* 16 out in all */
	assert_true(a->sub->blocked_unacked);
	/* leaving gives its share back */
	consumer_close(a, ERR_OK);
	rig_run(r);
	assert_int_equal(b->unacked, 10);
	rig_free(&r);
}

static void
test_batch_bits(void **state)
{
	struct rig *r = rig_new();
	struct consumer *a;
	uint64_t w = 0xfc, none = 0;
	struct core_ack_id id = { .pos = { 1, 0 }, .words_n = 1, .words = &w };
	struct core_ack ack = { .n = 1, .ids = &id };

	(void)state;
	rig_add(r, 2, 8);
	a = join(r, 0, 1);
	consumer_flow(a, 16);
	rig_run(r);
	assert_int_equal(a->unacked, 16);
	consumer_ack(a, &ack);
	assert_int_equal(a->unacked, 14);
	assert_int_equal(a->sub->unacked, 14);
	nack(r, a, 0);
	assert_int_equal(r->got_n, 2);
	consumer_flow(a, 1);
	rig_run(r);
	assert_int_equal(r->got_n, 3);
	assert_int_equal(r->got[2].word0, 0xfc);
	assert_int_equal(r->got[2].redeliveries, 1);
	assert_int_equal(a->permits, 1 - 6);
	assert_int_equal(a->unacked, 14);
	id.words = &none;
	consumer_ack(a, &ack);
	assert_int_equal(a->unacked, 8);
	assert_int_equal(cursor_backlog(a->sub->cur), 8);
	/* without them, part of a batch is acked for nothing */
	r->co->conf.batch_index_ack = false;
	id.pos.entry = 1;
	id.words = &w;
	consumer_ack(a, &ack);
	assert_int_equal(a->unacked, 8);
	rig_free(&r);
}

static void
add_chunk(struct rig *r, uint32_t hash, bool last)
{
	struct attr a = { .messages_n = 1,
		.chunk_hash = hash,
		.flags =
		    (uint16_t)(ATTR_CHUNK | (last ? ATTR_CHUNK_LAST : 0)) };

	rig_add_attr(r, &a);
}

static void
test_chunks(void **state)
{
	struct rig *r = rig_new();
	struct consumer *a, *b;
	unsigned i;

	(void)state;
	a = join(r, 0, 1);
	b = join(r, 0, 2);
	consumer_flow(a, 3);
	consumer_flow(b, 100);
	for (i = 0; i < 30; i++) {
		add_chunk(r, 5, i == 29);
		add_chunk(r, 6, i == 29);
	}
	rig_run(r);
	/* both began at a, which has room for 3 */
	assert_int_equal(count(r, 1), 3);
	assert_int_equal(count(r, 2), 0);
	/* what is no chunk passes by */
	rig_add(r, 5, 1);
	rig_run(r);
	assert_int_equal(count(r, 2), 5);
	consumer_flow(a, 27);
	rig_run(r);
	assert_int_equal(count(r, 1), 30);
	/* a leaves: all of them to b */
	consumer_close(a, ERR_OK);
	rig_run(r);
	assert_int_equal(count(r, 2), 65);
	assert_int_equal(cursor_backlog(b->sub->cur), 65);
	rig_free(&r);
}

/* random work: nothing is lost, nothing is at two consumers */
static uint32_t seed;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static void
test_random(void **state)
{
	enum {
		N = 2000,
		CS = 6
	};
	static unsigned out[N];
	static bool acked[N];
	struct consumer *c[CS];
	struct rig *r;
	unsigned round, step, i, seen;
	int64_t n, k;

	(void)state;
	for (round = 1; round <= 12; round++) {
		seed = round;
		r = rig_new();
		r->co->conf.max_unacked_consumer = round % 3 == 0 ? 30 : 0;
		memset(c, 0, sizeof c);
		memset(out, 0, sizeof out);
		memset(acked, 0, sizeof acked);
		seen = 0;
		n = 0;
		for (step = 0; step < 3000; step++) {
			i = rnd(CS);
			if (step >= 2500) { /* to the end */
				if (c[0] == NULL)
					c[0] = join(r, 0, 1);
				i = 0;
			}
			switch (step >= 2500 ? 3 + rnd(4) : rnd(10)) {
			case 0:
				if (c[i] == NULL)
					break;
				consumer_close(c[i], ERR_OK);
				c[i] = NULL;
				for (k = 0; k < n; k++)
					if (out[k] == i + 1)
						out[k] = 0;
				break;
			case 1:
				if (c[i] == NULL)
					c[i] = join(r, (int32_t)i % 2, i + 1);
				break;
			case 2:
				for (k = rnd(30); k > 0 && n < N; k--, n++)
					rig_add(r, 1, 1);
				break;
			case 3:
				if (c[i] != NULL)
					consumer_flow(c[i], rnd(100));
				break;
			case 4:
				k = rnd(N);
				if (c[i] == NULL || step >= 2500)
					break;
				if (out[k] == i + 1)
					out[k] = 0;
				nack(r, c[i], k);
				break;
			default:
				for (k = 0; c[i] != NULL && k < n; k++)
					if (out[k] != 0 && rnd(3) == 0) {
						rig_ack(r, c[i], k);
						out[k] = 0;
						acked[k] = true;
					}
			}
			r->e->cold = rnd(3) == 0;
			rig_run(r);
			for (; seen < r->got_n; seen++) {
				k = r->got[seen].pos.entry;
				assert_false(acked[k]);
				assert_int_equal(out[k], 0);
				out[k] = (unsigned)r->got[seen].tag;
			}
		}
		for (i = 1; i < CS; i++)
			if (c[i] != NULL)
				consumer_close(c[i], ERR_OK);
		for (k = 0; k < n; k++)
			if (out[k] > 1)
				out[k] = 0;
		for (step = 0; step < 200; step++) {
			consumer_flow(c[0], 100);
			rig_run(r);
			for (; seen < r->got_n; seen++)
				rig_ack(r, c[0], r->got[seen].pos.entry);
			for (k = 0; k < n; k++)
				if (out[k] == 1)
					rig_ack(r, c[0], k);
		}
		assert_int_equal(cursor_backlog(c[0]->sub->cur), 0);
		assert_int_equal(c[0]->sub->leases.n, 0);
		assert_int_equal(c[0]->unacked, 0);
		assert_int_equal(c[0]->sub->unacked, 0);
		rig_free(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_batch_bits),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
