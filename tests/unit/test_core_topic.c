/* SPDX-License-Identifier: Apache-2.0 */
/* Topics, producers and their log, over the local engine. */
#include "test.h"

#include "core/core_priv.h"
#include "core/topic_priv.h"
#include "tests/lib/topic_rig.h"

#define T "persistent://public/default/t"

static int
setup(void **state)
{
	struct trig *tr = mem_zalloc(sizeof *tr);

	trig_init(tr);
	*state = tr;
	return 0;
}

static int
teardown(void **state)
{
	struct trig *tr = *state;

	trig_fini(tr);
	mem_free(tr);
	return 0;
}

static void
publish_and_consume(void **state)
{
	struct trig *tr = *state;
	uint64_t p, c;
	unsigned i;

	trig_start(tr);
	p = trig_producer(tr, T, NULL, 1);
	assert_int_not_equal(p, 0);
	trig_publish_n(tr, p, 0, 100);
	trig_run(tr);
	assert_int_equal(tr->rc_n, 100);
	for (i = 0; i < 100; i++) {
		assert_ok(tr->rc[i].err);
		assert_int_equal(tr->rc[i].sequence, i);
		assert_int_equal(tr->rc[i].pos.entry, i);
		assert_int_equal(tr->rc[i].index, i);
	}
	c = trig_consumer(tr, T, "s", 2, true);
	assert_int_not_equal(c, 0);
	core_flow(tr->co, c, 1000);
	trig_run(tr);
	assert_int_equal(tr->got_n, 100);
	assert_string_equal(tr->got[99].body, "m99");
	/* the tail */
	trig_publish_n(tr, p, 100, 50);
	trig_run(tr);
	assert_int_equal(tr->got_n, 150);
	assert_string_equal(tr->got[149].body, "m149");
	trig_ack(tr, c, tr->got[149].pos, true);
	trig_run(tr);
}

static void
restart(void **state)
{
	struct trig *tr = *state;
	uint64_t p, c;

	trig_start(tr);
	p = trig_producer(tr, T, NULL, 1);
	c = trig_consumer(tr, T, "s", 2, true);
	core_flow(tr->co, c, 1000);
	trig_publish_n(tr, p, 0, 100);
	trig_run(tr);
	trig_ack(tr, c, tr->got[39].pos, true);
	trig_run(tr);
	trig_crash(tr);
	trig_forget(tr);
	trig_start(tr);
	c = trig_consumer(tr, T, "s", 3, false);
	assert_int_not_equal(c, 0);
	core_flow(tr->co, c, 1000);
	trig_run(tr);
	assert_int_equal(tr->got_n, 60);
	assert_string_equal(tr->got[0].body, "m40");
	p = trig_producer(tr, T, NULL, 4);
	trig_publish_n(tr, p, 100, 1);
	trig_run(tr);
	assert_int_equal(tr->rc_n, 1);
	assert_int_equal(tr->rc[0].index, 100);
	assert_int_equal(tr->got_n, 61);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    publish_and_consume, setup, teardown),
		cmocka_unit_test_setup_teardown(restart, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
