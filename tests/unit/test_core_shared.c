/* SPDX-License-Identifier: Apache-2.0 */
/* Shared subscriptions: turns, priorities, leases, limits, chunks. */
#include "test.h"

#include "core/sub_priv.h"
#include "core_rig.h"

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
	r->co->conf.limits.v[LIM_MAX_UNACKED_CONSUMER].n = 10;
	r->co->conf.limits.v[LIM_MAX_UNACKED_SUB].n = 16;
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
	/* what comes back goes out all the same, and who gave may take again;
	 * nothing new does */
	nack(r, a, 7);
	assert_int_equal(r->got_n, 22);
	assert_int_equal(r->got[21].pos.entry, 7);
	assert_true(a->sub->blocked_unacked);
	/* leaving gives its share back */
	consumer_close(a, ERR_OK);
	rig_run(r);
	assert_int_equal(b->unacked, 10);
	rig_free(&r);
}

/* One by one they go to one after the other. */
static void
test_trickle(void **state)
{
	struct rig *r = rig_new();
	struct consumer *c;
	unsigned i;

	(void)state;
	for (i = 1; i <= 3; i++)
		consumer_flow(join(r, 0, i), 100);
	for (i = 0; i < 9; i++) {
		rig_add(r, 1, 1);
		rig_run(r);
	}
	assert_int_equal(r->got_n, 9);
	for (i = 0; i < 9; i++)
		assert_int_equal(r->got[i].tag, i % 3 + 1);
	c = TAILQ_FIRST(&sub_find(r->t, STR_LIT("s"))->consumers);
	assert_int_equal(c->unacked, 3);
	rig_free(&r);
}

/* The admin moves mark-delete over what is out and what waits. */
static void
test_skipped(void **state)
{
	struct core_ack_id id = { .pos = { 1, 4 } };
	struct rig *r = rig_new();
	struct consumer *a;
	struct op *op;
	unsigned i;

	(void)state;
	a = join(r, 0, 1);
	rig_add(r, 100, 2);
	consumer_flow(a, 120);
	rig_run(r);
	assert_int_equal(a->unacked, 120);
	op = rig_op(r, OP_REDELIVER, 1);
	op->ids_n = 1;
	op->ids = &id;
	consumer_op(a, &op);
	assert_int_equal(a->sub->replay.count, 1);
	for (i = 0; i < 2; i++) {
		op = rig_op(r, OP_SUB_SKIP, 9);
		op->sub = STR_LIT("s");
		op->u64 = i == 0 ? 40 : UINT64_MAX;
		sub_op(r->t, &op);
		rig_run(r);
		assert_int_equal(a->unacked, i == 0 ? 40 : 0);
		assert_int_equal(a->sub->unacked, a->unacked);
		assert_int_equal(a->sub->leases.n, a->unacked / 2);
		assert_int_equal(a->sub->replay.count, 0);
	}
	assert_int_equal(r->got_n, 60);
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
	/* its end, when it has left the cache: the size is that of what went out */
	r->e->cold = true;
	w = 0x0f;
	id.pos.entry = 1;
	id.words = &w;
	consumer_ack(a, &ack);
	assert_int_equal(a->unacked, 4);
	assert_int_equal(cursor_backlog(a->sub->cur), 4);
	w = 0x0e;
	/* without them, part of a batch is acked for nothing */
	r->co->conf.batch_index_ack = false;
	consumer_ack(a, &ack);
	assert_int_equal(a->unacked, 4);
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

enum {
	N = 2000,
	CS = 6
};
struct world {
	struct rig *r;
	struct consumer *c[CS];
	unsigned out[N]; /* 1 + who has it */
	bool acked[N];
	int64_t n;
	unsigned seen;
};

static void
look(struct world *w)
{
	int64_t k;

	for (; w->seen < w->r->got_n; w->seen++) {
		k = w->r->got[w->seen].pos.entry;
		assert_false(w->acked[k]);
		assert_int_equal(w->out[k], 0);
		w->out[k] = (unsigned)w->r->got[w->seen].tag;
	}
}

static void
lose(struct world *w, unsigned i)
{
	int64_t k;

	if (w->c[i] == NULL)
		return;
	consumer_close(w->c[i], ERR_OK);
	w->c[i] = NULL;
	for (k = 0; k < w->n; k++)
		if (w->out[k] == i + 1)
			w->out[k] = 0;
}

static void
ack_some(struct world *w, unsigned i, uint32_t one_of)
{
	int64_t k;

	for (k = 0; w->c[i] != NULL && k < w->n; k++)
		if (w->out[k] != 0 && rnd(one_of) == 0) {
			rig_ack(w->r, w->c[i], k);
			w->out[k] = 0;
			w->acked[k] = true;
		}
}

static void
step(struct world *w)
{
	unsigned i = rnd(CS);
	int64_t k;

	switch (rnd(10)) {
	case 0:
		lose(w, i);
		break;
	case 1:
		if (w->c[i] == NULL)
			w->c[i] = join(w->r, (int32_t)i % 2, i + 1);
		break;
	case 2:
		for (k = rnd(30); k > 0 && w->n < N; k--, w->n++)
			rig_add(w->r, 1, 1);
		break;
	case 3:
		if (w->c[i] != NULL)
			consumer_flow(w->c[i], rnd(100));
		break;
	case 4:
		k = rnd(N);
		if (w->c[i] == NULL)
			break;
		if (w->out[k] == i + 1)
			w->out[k] = 0;
		nack(w->r, w->c[i], k);
		break;
	default:
		ack_some(w, i, 3);
	}
	w->r->e->cold = rnd(3) == 0;
	rig_run(w->r);
	look(w);
}

static void
test_random(void **state)
{
	struct world *w;
	unsigned round, i;

	(void)state;
	for (round = 1; round <= 12; round++) {
		seed = round;
		w = mem_zalloc(sizeof *w);
		w->r = rig_new();
		w->r->co->conf.limits.v[LIM_MAX_UNACKED_CONSUMER].n =
		    round % 3 == 0 ? 30 : 0;
		for (i = 0; i < 3000; i++)
			step(w);
		/* to the end */
		if (w->c[0] == NULL)
			w->c[0] = join(w->r, 0, 1);
		for (i = 1; i < CS; i++)
			lose(w, i);
		for (i = 0; i < 200; i++) {
			consumer_flow(w->c[0], 100);
			rig_run(w->r);
			look(w);
			ack_some(w, 0, 1);
		}
		assert_int_equal(cursor_backlog(w->c[0]->sub->cur), 0);
		assert_int_equal(w->c[0]->sub->leases.n, 0);
		assert_int_equal(w->c[0]->unacked, 0);
		assert_int_equal(w->c[0]->sub->unacked, 0);
		rig_free(&w->r);
		mem_free(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_trickle),
		cmocka_unit_test(test_skipped),
		cmocka_unit_test(test_batch_bits),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
