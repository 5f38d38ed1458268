/* SPDX-License-Identifier: Apache-2.0 */
/* An index of what is due, against a model: each item comes once, when it is due. */
#include "test.h"

#include "core/due.h"
#include "log_rig.h"

#define ITEMS 4000u

enum state {
	WAITS,
	TAKEN,
	DONE
};

static struct model {
	struct lrig *tr;
	struct due *d;
	uint64_t seed;
	struct due_item it[ITEMS];
	enum state state[ITEMS];
	uint32_t n, waits_n;
} m;

static uint64_t
rnd(uint64_t n)
{
	m.seed = m.seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (m.seed >> 33) % n;
}

static void
nothing(void *priv)
{
	(void)priv;
}

static const struct due_client client = { .loaded = nothing, .ready = nothing };

/* Some are due already, some before those that were taken. */
static void
add(void)
{
	struct due_item *it = &m.it[m.n];

	if (m.n == ITEMS)
		return;
	it->at = ++m.n;
	it->order = rnd(5);
	it->due_ms = m.tr->now_ms - 2000 + (int64_t)rnd(6000);
	it->target = 1;
	m.waits_n++;
	due_add(m.d, it);
}

static void
take(uint32_t max)
{
	struct due_item it;

	while (max-- > 0 && due_next(m.d, &it)) {
		assert_true(it.due_ms <= m.tr->now_ms);
		assert_int_equal(m.state[it.at - 1], WAITS);
		m.state[it.at - 1] = TAKEN;
		m.waits_n--;
	}
}

static void
end(void)
{
	uint32_t i;

	if (m.n == 0)
		return;
	i = (uint32_t)rnd(m.n);
	if (m.state[i] == TAKEN)
		due_done(m.d, &m.it[i]);
	else if (m.state[i] == WAITS && rnd(20) == 0) {
		due_cancel(m.d, &m.it[i]);
		m.waits_n--;
	} else
		return;
	m.state[i] = DONE;
}

/* One request is answered, or none. */
static void
turn(void)
{
	(void)core_poll(m.tr->co, m.tr->now_ms, m.tr->now_ns);
	if (rnd(3) == 0)
		(void)meta_mem_pump(m.tr->mm, 1);
}

static void
run(uint64_t seed, uint32_t window)
{
	uint32_t i;

	m.seed = seed;
	m.n = m.waits_n = 0;
	memset(m.state, 0, sizeof m.state);
	m.tr->conf.due_window = window;
	lrig_stop(m.tr);
	lrig_start(m.tr);
	m.d = due_new(m.tr->co, 7000 + seed, &client, NULL);
	due_load(m.d);
	for (i = 0; i < 20000; i++) {
		switch (rnd(8)) {
		case 0:
		case 1:
			add();
			break;
		case 2:
			take((uint32_t)rnd(4));
			break;
		case 3:
		case 4:
			end();
			break;
		case 5:
			m.tr->now_ms += (int64_t)rnd(20);
			m.tr->now_ns += (int64_t)rnd(20) * 1000000;
			break;
		default:
			turn();
		}
	}
	/* no more than a window is in memory */
	for (i = 0; i < 2 * ITEMS && m.waits_n > 0; i++) {
		lrig_pass(m.tr, 10);
		take(UINT32_MAX);
	}
	assert_int_equal(m.waits_n, 0);
	for (i = 0; i < m.n; i++)
		if (m.state[i] == TAKEN)
			due_done(m.d, &m.it[i]);
	assert_int_equal(due_total(m.d), 0);
	due_free(&m.d);
}

static void
each_comes_once(void **state)
{
	uint64_t seed;

	m.tr = *state;
	for (seed = 1; seed <= 40; seed++)
		run(seed, seed % 4 == 0 ? 100 : 2 + (uint32_t)(seed % 9));
}

/* --- batches ------------------------------------------------------------------------ */

#define FAR 60000u
#define BATCH_MAX (2 * 16384u + 16) /* and counts */

static size_t batch_items;

static void
batch_made(void *priv, struct meta_txn *tx)
{
	(void)priv;
	if (meta_txn_items(tx) > batch_items)
		batch_items = meta_txn_items(tx);
}

/* However slow the disk is: each row may cost its engine a page of memory. */
static void
batches_are_bounded(void **state)
{
	static const struct due_client counts = {
		.loaded = nothing,
		.ready = nothing,
		.add = batch_made,
	};
	struct due_item *v = mem_calloc(FAR, sizeof *v);
	uint32_t i, k;

	m.tr = *state;
	m.seed = 1;
	batch_items = 0;
	m.d = due_new(m.tr->co, 7000, &counts, NULL);
	due_load(m.d);
	lrig_pass(m.tr, 10);
	for (i = 0; i < FAR; i++) {
		v[i].at = v[i].order = i + 1;
		v[i].due_ms = m.tr->now_ms + 86400000 + (int64_t)rnd(1u << 31);
		due_add(m.d, &v[i]);
		if (i % 1024 == 0)
			(void)core_poll(m.tr->co, m.tr->now_ms, m.tr->now_ns);
		if (due_is_full(m.d))
			lrig_pass(m.tr, 1);
	}
	lrig_pass(m.tr, 2000);
	assert_in_range(batch_items, 16384, BATCH_MAX);
	assert_int_equal(due_total(m.d), FAR);
	m.tr->now_ms += 86400000 + (INT64_C(1) << 31);
	for (i = k = 0; k < FAR && i < 100; i++) {
		lrig_pass(m.tr, 1);
		while (k < FAR && due_next(m.d, &v[k]))
			k++;
	}
	assert_int_equal(k, FAR);
	batch_items = 0;
	for (i = 0; i < FAR; i++)
		due_done(m.d, &v[i]);
	for (i = 0; i < 10; i++)
		lrig_pass(m.tr, 1000);
	assert_in_range(batch_items, 1, BATCH_MAX);
	due_free(&m.d);
	/* all of their rows are gone */
	m.d = due_new(m.tr->co, 7000, &counts, NULL);
	due_load(m.d);
	for (i = 0; i < 10; i++)
		lrig_pass(m.tr, 1);
	assert_false(due_next(m.d, &v[0]));
	due_free(&m.d);
	mem_free(v);
}

static int
teardown(void **state)
{
	if (m.d != NULL) /* it has failed */
		due_free(&m.d);
	return lrig_teardown(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    each_comes_once, lrig_setup, teardown),
		cmocka_unit_test_setup_teardown(
		    batches_are_bounded, lrig_setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
