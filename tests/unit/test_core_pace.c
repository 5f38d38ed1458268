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

static uint64_t
consume(struct trig *r, const char *sub, enum sub_type type, uint64_t tag)
{
	struct op *op = trig_op(r, OP_SUBSCRIBE, T, tag);
	struct fx *fx;

	op->subscribe.sub = op_str(op, str_of(sub));
	op->subscribe.type = type;
	op->subscribe.durable = true;
	op->subscribe.has_initial = true;
	op->subscribe.initial_earliest = true;
	fx = trig_do(r, op);
	assert_int_equal(fx->type, FX_SUBSCRIBED);
	core_flow(r->co, fx->handle, 1000);
	return fx->handle;
}

static unsigned
got(const struct trig *r, uint64_t tag)
{
	unsigned i, n = 0;

	for (i = 0; i < r->got_n; i++)
		n += r->got[i].tag == tag;
	return n;
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
		n = got(&r, 1);
		assert_in_range(n, 10, 12);
		trig_pass(&r, 1000);
		assert_in_range(got(&r, 1) - n, 9, 12);
		trig_pass(&r, 3000);
		assert_int_equal(got(&r, 1), 40);
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
		assert_in_range(got(&r, 1) + got(&r, 2), i == 0 ? 55 : 112,
		    i == 0 ? 68 : 136);
		assert_true(got(&r, 1) > 10);
		assert_true(got(&r, 2) > 10);
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
	assert_int_equal(got(&r, 1), 10);
	trig_pass(&r, 2000);
	assert_in_range(got(&r, 1), 15, 20);
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
	assert_in_range(got(&r, 1), 60, 90);
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
	assert_in_range(got(&r, 1), 1, 2);
	r.conf.limits.v[LIM_SUB_DISPATCH_RATE].n = 20;
	core_set_conf(r.co, &r.conf);
	trig_run(&r);
	assert_in_range(got(&r, 1), 20, 24);
	r.conf.limits.v[LIM_SUB_DISPATCH_RATE].n = 0;
	core_set_conf(r.co, &r.conf);
	trig_run(&r);
	assert_int_equal(got(&r, 1), 40);
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
		cmocka_unit_test(a_rate_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
