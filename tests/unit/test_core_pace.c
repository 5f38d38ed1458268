/* SPDX-License-Identifier: Apache-2.0 */
/* Topics and subscriptions over the rate at which entries go out. */
#include "test.h"

#include "core/pace.h"
#include "core/topic_priv.h"
#include "tests/lib/topic_rig.h"

#define T "persistent://public/default/t"

static void
start(struct trig *r, enum limit i, struct limit_value l)
{
	trig_init(r);
	r->conf.limits.v[i] = l;
	trig_start(r);
}

static void
fill(struct trig *r, unsigned n)
{
	uint64_t p = trig_producer(r, T, NULL, 900);

	trig_publish_n(r, p, 0, n);
	trig_run(r);
	trig_forget(r);
}

/* With permits for all. */
static uint64_t
consume(struct trig *r, const char *sub, enum sub_type type, uint64_t tag)
{
	uint64_t c = trig_subscribe(r, T, sub, type, tag, true);

	assert_true(c != 0);
	core_flow(r->co, c, 1000);
	return c;
}

/* Of every type: what is there at once, then as tokens come; none is lost. */
static void
each_type_is_held(void **state)
{
	static const enum sub_type types[] = { SUB_EXCLUSIVE, SUB_FAILOVER,
		SUB_SHARED, SUB_KEY_SHARED };
	const struct sub *s;
	struct trig r;
	unsigned i, n;

	(void)state;
	for (i = 0; i < 2 * NELEM(types); i++) {
		start(&r,
		    i % 2 == 0 ? LIM_DISPATCH_RATE : LIM_SUB_DISPATCH_RATE,
		    (struct limit_value){ .n = 10 });
		fill(&r, 40);
		(void)consume(&r, "s", types[i / 2], 1);
		trig_run(&r);
		n = trig_given(&r, 1);
		assert_in_range(n, 10, 12);
		trig_pass(&r, 1000);
		assert_in_range(trig_given(&r, 1) - n, 9, 12);
		trig_pass(&r, 3000);
		assert_int_equal(trig_given(&r, 1), 40);
		s = sub_find(topic_find(r.co, str_of(T)), STR_LIT("s"));
		if (i % 2 == 0)
			assert_true(s->held_by_topic.msgs > 0);
		else
			assert_true(s->held_by_sub.msgs > 0);
		trig_stop(&r);
		trig_fini(&r);
	}
}

/* A topic's rate is shared by its subscriptions, theirs is each one's. */
static void
one_for_all(void **state)
{
	struct trig r;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		start(&r, i == 0 ? LIM_DISPATCH_RATE : LIM_SUB_DISPATCH_RATE,
		    (struct limit_value){ .n = 20 });
		fill(&r, 100);
		(void)consume(&r, "a", SUB_EXCLUSIVE, 1);
		(void)consume(&r, "b", SUB_SHARED, 2);
		trig_pass(&r, 2000);
		assert_in_range(trig_given(&r, 1) + trig_given(&r, 2),
		    i == 0 ? 55 : 112, i == 0 ? 68 : 136);
		assert_true(trig_given(&r, 1) > 10);
		assert_true(trig_given(&r, 2) > 10);
		trig_stop(&r);
		trig_fini(&r);
	}
}

static void
bytes_and_periods(void **state)
{
	struct trig r;

	(void)state;
	/* bodies are of 2 and 3 bytes */
	start(&r, LIM_DISPATCH_RATE,
	    (struct limit_value){ .bytes = 20, .period_s = 2 });
	fill(&r, 40);
	(void)consume(&r, "s", SUB_SHARED, 1);
	trig_run(&r);
	assert_int_equal(trig_given(&r, 1), 10);
	trig_pass(&r, 2000);
	assert_in_range(trig_given(&r, 1), 15, 20);
	trig_stop(&r);
	trig_fini(&r);
}

/* What is above the publish rate: none, then that of the last minute. */
static void
relative_to_publishes(void **state)
{
	struct trig r;

	(void)state;
	start(&r, LIM_DISPATCH_RATE,
	    (struct limit_value){ .n = 1, .relative = true });
	fill(&r, 1200);
	trig_pass(&r, 61000);
	assert_true(topic_find(r.co, str_of(T))->in.msg > 15);
	(void)consume(&r, "s", SUB_EXCLUSIVE, 1);
	trig_pass(&r, 3000);
	assert_in_range(trig_given(&r, 1), 60, 90);
	trig_stop(&r);
	trig_fini(&r);
}

static struct fx *
read_at(struct trig *r, uint64_t index, int64_t wait_ms, uint64_t tag)
{
	struct op *op = trig_op(r, OP_READ_AT, T, tag);
	uint64_t req = op->req;
	unsigned i;

	op->u64 = index;
	op->read.max_n = 12;
	op->read.max_bytes = 1000;
	op->read.wait_ms = wait_ms;
	core_op(r->co, &op);
	trig_run(r);
	for (i = r->fx_n; i > 0; i--)
		if (r->fx[i - 1]->req == req)
			return r->fx[i - 1];
	return NULL;
}

/* A read over the rate waits as one at the end does. */
static void
reads_are_held(void **state)
{
	const struct fx *fx;
	struct trig r;

	(void)state;
	start(&r, LIM_DISPATCH_RATE, (struct limit_value){ .n = 10 });
	fill(&r, 40);
	fx = read_at(&r, 0, 0, 1);
	assert_non_null(fx);
	assert_int_equal(fx->entries_n, 12);
	/* there are no tokens: until there are */
	assert_null(read_at(&r, 12, 5000, 2));
	trig_pass(&r, 300);
	fx = trig_fx(&r, FX_ENTRIES, 2);
	assert_non_null(fx);
	assert_int_equal(fx->entries_n, 12);
	/* a debt: until its time is over, or a second */
	assert_null(read_at(&r, 24, 300, 3));
	assert_null(read_at(&r, 24, 0, 4));
	trig_pass(&r, 300);
	fx = trig_fx(&r, FX_ENTRIES, 3);
	assert_non_null(fx);
	assert_int_equal(fx->entries_n, 0);
	assert_int_equal(fx->u64, 24);
	trig_pass(&r, 1000);
	fx = trig_fx(&r, FX_ENTRIES, 4);
	assert_non_null(fx);
	/* outside of the topic it is answered at once */
	assert_non_null(read_at(&r, 1000, 5000, 5));
	trig_stop(&r);
	trig_fini(&r);
}

static struct fx *
lease(struct trig *r, int64_t wait_ms, uint64_t tag)
{
	struct op *op = trig_op(r, OP_LEASE, T, tag);
	uint64_t req = op->req;
	unsigned i;

	op->sub = op_str(op, STR_LIT("g"));
	op->lease.create = true;
	op->start.kind = START_EARLIEST;
	op->lease.max_n = 12;
	op->lease.max_bytes = 1000;
	op->lease.invisible_ms = 60000;
	op->lease.wait_ms = wait_ms;
	core_op(r->co, &op);
	trig_run(r);
	for (i = r->fx_n; i > 0; i--)
		if (r->fx[i - 1]->req == req)
			return r->fx[i - 1];
	return NULL;
}

static void
leases_are_held(void **state)
{
	const struct fx *fx;
	struct trig r;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		start(&r, i == 0 ? LIM_DISPATCH_RATE : LIM_SUB_DISPATCH_RATE,
		    (struct limit_value){ .n = 10 });
		fill(&r, 40);
		fx = lease(&r, 0, 1);
		assert_non_null(fx);
		assert_int_equal(fx->entries_n, 12);
		assert_null(lease(&r, 5000, 2));
		fx = lease(&r, 0, 3);
		assert_non_null(fx);
		assert_int_equal(fx->entries_n, 0);
		trig_pass(&r, 300);
		fx = trig_fx(&r, FX_LEASES, 2);
		assert_non_null(fx);
		assert_int_equal(fx->entries_n, 12);
		trig_stop(&r);
		trig_fini(&r);
	}
}

/* With pace_backlog_only: who has little before him is not held, whatever was taken. */
static void
only_a_backlog(void **state)
{
	const struct fx *fx;
	struct trig r;
	uint64_t c;

	(void)state;
	trig_init(&r);
	r.conf.pace_backlog_only = true;
	r.conf.limits.v[LIM_DISPATCH_RATE] = (struct limit_value){ .n = 100 };
	trig_start(&r);
	fill(&r, PACE_BACKLOG + 300);
	c = consume(&r, "s", SUB_EXCLUSIVE, 1);
	trig_run(&r);
	assert_in_range(trig_given(&r, 1), 100, 120);
	(void)read_at(&r, 5, 0, 2);
	assert_null(read_at(&r, 5, 300, 2));
	/* near the end it is not held, by the debt of the others neither */
	fx = read_at(&r, 310, 0, 3);
	assert_non_null(fx);
	assert_int_equal(fx->entries_n, 12);
	/* the last tokens that it needs are those of what is above a backlog */
	trig_pass(&r, 3000);
	assert_int_equal(trig_given(&r, 1), 1000);
	core_flow(r.co, c, 1000);
	trig_run(&r);
	assert_int_equal(trig_given(&r, 1), PACE_BACKLOG + 300);
	trig_stop(&r);
	trig_fini(&r);
}

/* Who is held goes on at once when the rate is another one or none. */
static void
a_rate_changes(void **state)
{
	struct trig r;

	(void)state;
	start(&r, LIM_SUB_DISPATCH_RATE, (struct limit_value){ .n = 1 });
	fill(&r, 40);
	(void)consume(&r, "s", SUB_SHARED, 1);
	trig_run(&r);
	assert_in_range(trig_given(&r, 1), 1, 2);
	r.conf.limits.v[LIM_SUB_DISPATCH_RATE].n = 20;
	core_set_conf(r.co, &r.conf);
	trig_run(&r);
	assert_in_range(trig_given(&r, 1), 20, 24);
	r.conf.limits.v[LIM_SUB_DISPATCH_RATE].n = 0;
	core_set_conf(r.co, &r.conf);
	trig_run(&r);
	assert_int_equal(trig_given(&r, 1), 40);
	assert_null(topic_find(r.co, str_of(T))->pace);
	trig_stop(&r);
	trig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_is_held),
		cmocka_unit_test(one_for_all),
		cmocka_unit_test(bytes_and_periods),
		cmocka_unit_test(relative_to_publishes),
		cmocka_unit_test(reads_are_held),
		cmocka_unit_test(leases_are_held),
		cmocka_unit_test(only_a_backlog),
		cmocka_unit_test(a_rate_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
