/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cursor against a model, through deltas, snapshots and crashes: what was
 * reported durable is there afterwards, what is there was acked.
 */
#include "test.h"

#include <stdlib.h>

#include "core/cursor_priv.h"
#include "core/sub_priv.h"
#include "core_rig.h"

#define N 300 /* entries, over three ledgers */

static uint32_t seed;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

struct model {
	uint64_t bits[N]; /* still unacked */
	uint32_t n[N]; /* messages */
	struct pos pos[N];
};

static struct sub *
the_sub(struct rig *r)
{
	struct sub *s = sub_find(r->t, STR_LIT("s"));

	assert_non_null(s);
	return s;
}

static void
nothing(void *priv, struct sub *s, enum err e)
{
	(void)priv;
	(void)s;
	assert_ok(e);
}

static struct rig *
setup(struct model *m)
{
	struct op_start st = { .kind = START_EARLIEST };
	struct rig *r = rig_new();
	unsigned i;

	for (i = 0; i < N; i++) {
		m->n[i] = rnd(4) == 0 ? 1 + rnd(64) : 1;
		m->bits[i] =
		    m->n[i] == 64 ? UINT64_MAX : (UINT64_C(1) << m->n[i]) - 1;
		if (i == 100 || i == 150)
			rig_roll(r);
		rig_add(r, 1, m->n[i]);
		m->pos[i] = r->t->log.last;
	}
	sub_create(r->t, STR_LIT("s"), &st, NULL, 0, 0, nothing, NULL);
	rig_run(r);
	return r;
}

static void
check(struct rig *r, const struct model *m)
{
	struct cursor *cur = the_sub(r)->cur;
	const uint64_t *words;
	uint64_t msgs = 0, entries = 0, want;
	uint32_t n;
	struct pos p;
	unsigned i;

	for (i = 0; i < N; i++) {
		assert_int_equal(
		    cursor_is_acked(cur, m->pos[i]), m->bits[i] == 0);
		n = cursor_ack_bits(cur, m->pos[i], &words);
		want =
		    m->n[i] == 64 ? UINT64_MAX : (UINT64_C(1) << m->n[i]) - 1;
		if (m->bits[i] != 0 && m->bits[i] != want) {
			assert_int_equal(n, 1);
			assert_true(words[0] == m->bits[i]);
		} else
			assert_int_equal(n, 0);
		msgs += (uint64_t)__builtin_popcountll(m->bits[i]);
		entries += m->bits[i] != 0;
	}
	assert_int_equal(cursor_backlog_entries(cur), entries);
	assert_int_equal(cursor_backlog(cur), msgs);
	/* mark-delete stands before the first that is not acked */
	for (i = 0; i < N && m->bits[i] == 0; i++)
		;
	p = cursor_skip(cur, tlog_first(r->t));
	if (i < N) {
		assert_true(pos_eq(p, m->pos[i]));
		assert_true(pos_eq(
		    tlog_next(r->t, cursor_mark_delete(cur)), m->pos[i]));
	} else
		assert_true(pos_cmp(p, r->t->log.last) > 0);
}

static void
act(struct cursor *cur, struct model *m)
{
	unsigned i = rnd(N), k;
	uint32_t cleared;
	uint64_t w, before;

	switch (rnd(40)) {
	case 0: /* cumulative */
		i = rnd(N / 3);
		(void)cursor_ack_cumulative(cur, m->pos[i], NULL, 0, 0);
		for (k = 0; k <= i; k++)
			m->bits[k] = 0;
		break;
	case 1: /* cumulative within a batch */
		i = rnd(N / 3);
		w = (uint64_t)rnd(1 << 20) << 20 | rnd(1 << 20);
		if (w == 0)
			break;
		(void)cursor_ack_cumulative(cur, m->pos[i], &w, 1, 0);
		for (k = 0; k < i; k++)
			m->bits[k] = 0;
		m->bits[i] &= w;
		break;
	case 2: /* back */
		if (rnd(4) != 0)
			break;
		i = rnd(N);
		cursor_reset(cur, tlog_prev(cur->t, m->pos[i]));
		for (k = 0; k < N; k++)
			m->bits[k] = k < i ? 0 :
			    m->n[k] == 64  ? UINT64_MAX :
					     (UINT64_C(1) << m->n[k]) - 1;
		break;
	case 3: /* unknown positions */
		assert_int_equal(cursor_ack(cur, (struct pos){ 1, 5000 }, 1),
		    CURSOR_ACK_NONE);
		assert_int_equal(
		    cursor_ack(cur, (struct pos){ 77, 0 }, 1), CURSOR_ACK_NONE);
		assert_int_equal(cursor_ack_cumulative(
				     cur, (struct pos){ 77, 0 }, NULL, 0, 0),
		    CURSOR_ACK_NONE);
		break;
	default:
		if (m->n[i] > 1 && rnd(2) != 0) {
			w = (uint64_t)rnd(1 << 20) << 40 |
			    (uint64_t)rnd(1 << 20) << 20 | rnd(1 << 20);
			before = m->bits[i];
			m->bits[i] &= w;
			(void)cursor_ack_bits_and(
			    cur, m->pos[i], &w, 1, 0, &cleared);
			assert_int_equal(
			    cleared, __builtin_popcountll(before & ~w));
		} else {
			assert_int_equal(cursor_ack(cur, m->pos[i], m->n[i]) ==
				CURSOR_ACK_WHOLE,
			    m->bits[i] != 0);
			m->bits[i] = 0;
		}
	}
}

static void
test_model(void **state)
{
	struct model m, durable;
	struct rig *r;
	unsigned round, k;
	struct sub *s;

	(void)state;
	for (round = 0; round < 40; round++) {
		seed = round * 77 + 1;
		r = setup(&m);
		durable = m;
		for (k = 0; k < 600; k++) {
			s = the_sub(r);
			act(s->cur, &m);
			if (rnd(3) == 0)
				cursor_push(s->cur);
			if (rnd(20) == 0) {
				if (rnd(3) == 0) {
					/* refused: all goes out again */
					cursor_push(s->cur);
					r->e->fail = ERR_NO_SPACE;
				}
				cursor_push(s->cur);
				rig_run(r);
				rig_pass(r, 200);
				r->e->fail = ERR_OK;
				durable = m;
			}
			if (rnd(40) == 0) {
				/* ahead of its deltas, which come behind it */
				fake_snapshot(r->e, s->journal_id);
				cursor_push(s->cur);
				rig_run(r);
				durable = m;
			}
			if (rnd(60) == 0) {
				check(r, &m);
				rig_restart(r);
				check(r, &durable);
				m = durable;
			}
		}
		check(r, &m);
		rig_free(&r);
	}
}

/* In random order, over batches: nothing is left, and little was needed. */
static void
test_random_order(void **state)
{
	enum {
		n = 100000
	};
	struct op_start st = { .kind = START_EARLIEST };
	struct rig *r = rig_new();
	uint32_t *v, i, k, x;
	struct cursor *cur;
	size_t most = 0;

	(void)state;
	seed = 5;
	rig_add(r, n, 1);
	sub_create(r->t, STR_LIT("s"), &st, NULL, 0, 0, nothing, NULL);
	rig_run(r);
	cur = the_sub(r)->cur;
	v = mem_calloc(n, sizeof *v);
	for (i = 0; i < n; i++)
		v[i] = i;
	for (i = n - 1; i > 0; i--) {
		k = rnd(i + 1);
		x = v[i];
		v[i] = v[k];
		v[k] = x;
	}
	for (i = 0; i < n; i++) {
		assert_int_equal(cursor_ack(cur, (struct pos){ 1, v[i] }, 1),
		    CURSOR_ACK_WHOLE);
		if (i % 1000 == 0) {
			cursor_push(cur);
			if (posset_bytes(&cur->acked) > most)
				most = posset_bytes(&cur->acked);
		}
	}
	mem_free(v);
	assert_int_equal(cursor_backlog(cur), 0);
	assert_int_equal(cur->acked.count, 0);
	assert_true(pos_eq(cursor_mark_delete(cur), (struct pos){ 1, n - 1 }));
	assert_true(most < n / 4);
	rig_run(r);
	rig_free(&r);
}

/* A damaged journal is said, not guessed. */
static void
test_damaged(void **state)
{
	static const uint8_t bad[][6] = {
		{ 9 }, /* no such item */
		{ 1, 1, 200 }, /* cut */
		{ 3, 1 }, /* cut */
		{ 2, 1, 1, 1, 0xff, 0x7f } /* too many words */
	};
	struct journal_blob b = { .chunk = JOURNAL_DELTA };
	struct rig *r = rig_new();
	struct cursor *cur;
	struct sub *s;
	unsigned i;

	(void)state;
	rig_add(r, 10, 1);
	s = sub_new(r->t, STR_LIT("x"), true);
	for (i = 0; i < NELEM(bad); i++) {
		cur = cursor_new(s, true, (struct pos){ 1, -1 });
		b.p = bad[i];
		b.len = i == 0 ? 1 : i == 3 ? 6 : i == 1 ? 3 : 2;
		cur->opening = true;
		cursor_journal_opened(cur, NULL, &b, 1, ERR_OK);
		assert_true(cur->failed);
		cursor_free(&cur);
	}
	rig_free(&r);
}

/* Acks that want an answer get it when their delta is durable. */
static void
test_when_durable(void **state)
{
	struct op_start st = { .kind = START_EARLIEST };
	struct rig *r = rig_new();
	struct cursor *cur;
	struct fx *fx;

	(void)state;
	rig_add(r, 10, 1);
	sub_create(r->t, STR_LIT("s"), &st, NULL, 0, 0, nothing, NULL);
	rig_run(r);
	cur = the_sub(r)->cur;
	r->e->hold = true;
	(void)cursor_ack(cur, (struct pos){ 1, 3 }, 1);
	fx = fx_new(FX_DONE, (struct dest){ .tag = 1 });
	cursor_when_durable(cur, &fx);
	rig_run(r);
	assert_int_equal(r->fx_n, 0);
	r->e->hold = false;
	rig_run(r);
	assert_int_equal(r->fx_n, 1);
	assert_ok(r->fx[0]->err);
	/* nothing new: at once */
	fx = fx_new(FX_DONE, (struct dest){ .tag = 1 });
	cursor_when_durable(cur, &fx);
	assert_int_equal(r->fx_n, 2);
	/* refused for now: it waits for the second try */
	(void)cursor_ack(cur, (struct pos){ 1, 5 }, 1);
	r->e->fail = ERR_NO_SPACE;
	fx = fx_new(FX_DONE, (struct dest){ .tag = 1 });
	cursor_when_durable(cur, &fx);
	rig_run(r);
	assert_int_equal(r->fx_n, 2);
	rig_pass(r, 150);
	assert_int_equal(r->fx_n, 3);
	assert_ok(r->fx[2]->err);
	/* for good */
	(void)cursor_ack(cur, (struct pos){ 1, 7 }, 1);
	r->e->fail = ERR_IO;
	fx = fx_new(FX_DONE, (struct dest){ .tag = 1 });
	cursor_when_durable(cur, &fx);
	rig_run(r);
	assert_int_equal(r->fx[3]->err, ERR_PERSISTENCE);
	rig_restart(r);
	cur = the_sub(r)->cur;
	assert_true(cursor_is_acked(cur, (struct pos){ 1, 5 }));
	assert_false(cursor_is_acked(cur, (struct pos){ 1, 7 }));
	rig_free(&r);
}

/* Acks of one op, and what is kept while there is no room, are longer than the
 * engine takes at once. */
static void
test_long_delta(void **state)
{
	struct op_start st = { .kind = START_EARLIEST };
	struct rig *r = rig_new();
	struct cursor *cur;
	struct fx *fx;
	int64_t i, n = 100000;

	(void)state;
	rig_add(r, (uint32_t)n, 1);
	sub_create(r->t, STR_LIT("s"), &st, NULL, 0, 0, nothing, NULL);
	rig_run(r);
	cur = the_sub(r)->cur;
	for (i = 1; i < n / 2; i += 2) /* one op, 50,000 bytes */
		(void)cursor_ack(cur, (struct pos){ 1, i }, 1);
	for (; i < n - 1; i += 2) { /* many */
		(void)cursor_ack(cur, (struct pos){ 1, i }, 1);
		cursor_push(cur);
		if (i == n / 2 + 1) {
			r->e->fail = ERR_NO_SPACE;
			rig_run(r);
		}
	}
	fx = fx_new(FX_DONE, (struct dest){ .tag = 1 });
	cursor_when_durable(cur, &fx);
	rig_run(r);
	assert_int_equal(r->fx_n, 0);
	rig_pass(r, 150);
	assert_int_equal(r->fx_n, 1);
	assert_ok(r->fx[0]->err);
	rig_restart(r);
	cur = the_sub(r)->cur;
	for (i = 0; i < n - 1; i++)
		assert_int_equal(
		    cursor_is_acked(cur, (struct pos){ 1, i }), i % 2 == 1);
	rig_free(&r);
}

/* No room, and before the next try an error that is for good. */
static void
test_fails_while_retrying(void **state)
{
	struct op_start st = { .kind = START_EARLIEST };
	struct rig *r = rig_new();
	struct cursor *cur;
	struct fx *fx;

	(void)state;
	rig_add(r, 10, 1);
	sub_create(r->t, STR_LIT("s"), &st, NULL, 0, 0, nothing, NULL);
	rig_run(r);
	cur = the_sub(r)->cur;
	(void)cursor_ack(cur, (struct pos){ 1, 3 }, 1);
	fx = fx_new(FX_DONE, (struct dest){ .tag = 1 });
	cursor_when_durable(cur, &fx);
	r->e->fail = ERR_NO_SPACE;
	rig_run(r);
	assert_int_equal(r->fx_n, 0);
	cursor_journal_done(cur, cur->seq_last, ERR_IO);
	assert_int_equal(r->fx_n, 1);
	assert_int_equal(r->fx[0]->err, ERR_PERSISTENCE);
	rig_pass(r, 150);
	rig_free(&r);
}

/* A peer that says another size of a batch with each ack of it, and one that is
 * longer than any: what is journaled can be read all the same. */
static void
test_batch_sizes(void **state)
{
	struct op_start st = { .kind = START_EARLIEST };
	static uint64_t words[5000];
	struct pos p = { 1, 1 };
	struct rig *r = rig_new();
	struct cursor *cur;
	const uint64_t *left;
	uint32_t cleared;

	(void)state;
	rig_add(r, 3, 60);
	sub_create(r->t, STR_LIT("s"), &st, NULL, 0, 0, nothing, NULL);
	rig_run(r);
	cur = the_sub(r)->cur;
	r->e->cold = true;
	memset(words, 0xff, sizeof words);
	words[0] = 0xf0;
	assert_int_equal(cursor_ack_bits_and(cur, p, words, 1, 60, &cleared),
	    CURSOR_ACK_PART);
	words[0] = 0x70;
	assert_int_equal(
	    cursor_ack_bits_and(cur, p, words, 5000, 320000, &cleared),
	    CURSOR_ACK_PART);
	assert_int_equal(cleared, 1);
	cursor_push(cur);
	rig_run(r);
	rig_restart(r);
	cur = the_sub(r)->cur;
	assert_int_equal(cursor_ack_bits(cur, p, &left), 1);
	assert_true(left[0] == 0x70);
	rig_free(&r);
}

/* What was acknowledged is the end of a batch that is not in memory any more: its
 * size isn't known, nor is any bit clear. A cumulative ack of such an entry is
 * one of what lies before it. */
static void
test_batch_end(void **state)
{
	struct op_start st = { .kind = START_EARLIEST };
	struct pos p = { 1, 1 }, q = { 1, 2 };
	struct rig *r = rig_new();
	struct cursor *cur;
	const uint64_t *left;
	uint64_t words = 0xff;
	uint32_t cleared;

	(void)state;
	rig_add(r, 3, 10);
	sub_create(r->t, STR_LIT("s"), &st, NULL, 0, 0, nothing, NULL);
	rig_run(r);
	cur = the_sub(r)->cur;
	r->e->cold = true;
	assert_int_equal(cursor_ack_bits_and(cur, p, &words, 1, 0, &cleared),
	    CURSOR_ACK_PART);
	assert_int_equal(cursor_ack_bits(cur, p, &left), 1);
	assert_true(left[0] == 0xff);
	words = 0x0f;
	assert_int_equal(cursor_ack_bits_and(cur, p, &words, 1, 0, &cleared),
	    CURSOR_ACK_PART);
	assert_int_equal(cleared, 4);
	words = 0x3ff;
	assert_int_equal(
	    cursor_ack_cumulative(cur, (struct pos){ 1, 0 }, &words, 1, 0),
	    CURSOR_ACK_NONE);
	cursor_push(cur);
	rig_run(r);
	rig_restart(r);
	cur = the_sub(r)->cur;
	assert_int_equal(cursor_ack_bits(cur, p, &left), 1);
	assert_true(left[0] == 0x0f);
	assert_int_equal(cursor_ack_bits(cur, q, &left), 0);
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_random_order),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_when_durable),
		cmocka_unit_test(test_long_delta),
		cmocka_unit_test(test_fails_while_retrying),
		cmocka_unit_test(test_batch_sizes),
		cmocka_unit_test(test_batch_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
