/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets, and topics over their publish rate. */
#include "test.h"

#include "core/bucket.h"
#include "core/pubrate.h"
#include "core/topic_priv.h"
#include "tests/lib/topic_rig.h"

#define T "persistent://public/default/t"
#define S_NS INT64_C(1000000000)
#define MS_NS INT64_C(1000000)

/* --- bucket ------------------------------------------------------------------------- */

static void
a_bucket_of_nothing(void **state)
{
	struct bucket b = { 0 };

	(void)state;
	bucket_set(&b, 0, S_NS);
	bucket_take(&b, 5, 1u << 31);
	assert_true(bucket_has(&b, 5));
	assert_int_equal(bucket_wait(&b, 5), 0);
	bucket_set(&b, -1, S_NS);
	assert_true(bucket_has(&b, 5));
}

static void
a_bucket_refills(void **state)
{
	struct bucket b = { 0 };
	int64_t now = 7 * S_NS;
	unsigned i;

	(void)state;
	bucket_set(&b, 10, S_NS);
	for (i = 0; i < 10; i++) {
		assert_true(bucket_has(&b, now));
		bucket_take(&b, now, 1);
	}
	assert_false(bucket_has(&b, now));
	/* one has come after 100 ms, and it is not left to rounding */
	assert_true(bucket_wait(&b, now) > 0);
	assert_true(bucket_wait(&b, now) <= 120 * MS_NS);
	assert_false(bucket_has(&b, now - 1));
	now += bucket_wait(&b, now);
	assert_true(bucket_has(&b, now));
	assert_int_equal(bucket_wait(&b, now), 0);
	/* a debt is paid by time alone */
	bucket_take(&b, now, 30);
	now += 2 * S_NS;
	assert_false(bucket_has(&b, now));
	now += S_NS;
	assert_true(bucket_has(&b, now));
	/* and no more is kept than a period's */
	now += 100 * S_NS;
	bucket_take(&b, now, 10);
	assert_false(bucket_has(&b, now));
}

static void
a_rate_over_time(void **state)
{
	static const int64_t rates[] = { 1, 7, 1000, 999983,
		INT64_C(5000000000) };
	struct bucket b = { 0 };
	int64_t now = 0, rate;
	uint64_t taken, step;
	unsigned i;

	(void)state;
	for (i = 0; i < NELEM(rates); i++) {
		rate = rates[i];
		bucket_set(&b, rate, S_NS);
		step = rate > 1000 ? (uint64_t)rate / 1000 : 1;
		taken = 0;
		now = S_NS;
		while (now < 11 * S_NS) {
			if (bucket_has(&b, now)) {
				bucket_take(&b, now, step);
				taken += step;
			} else {
				now += bucket_wait(&b, now);
			}
		}
		/* 10 s, and what it was full of */
		assert_in_range(taken, rate * 108 / 10, rate * 112 / 10 + 1);
	}
}

static void
a_debt_has_an_end(void **state)
{
	struct bucket b = { 0 };
	int64_t now = S_NS;
	unsigned i;

	(void)state;
	bucket_set(&b, 1, S_NS);
	for (i = 0; i < 10; i++)
		bucket_take(&b, now, UINT32_MAX);
	assert_true(b.full_ns > now);
	assert_true(b.full_ns - now <= BUCKET_DEBT_MAX_NS);
	assert_false(bucket_has(&b, now + 1000 * S_NS));
	/* another rate begins anew, the same one doesn't */
	bucket_set(&b, 1, S_NS);
	assert_false(bucket_has(&b, now));
	bucket_set(&b, 2, S_NS);
	assert_true(bucket_has(&b, now));
}

/* --- topics ------------------------------------------------------------------------- */

static void
start(struct trig *r, int64_t msgs, int64_t bytes)
{
	trig_init(r);
	r->conf.limits.v[LIM_PUBLISH_RATE] =
	    (struct limit_value){ .n = msgs, .bytes = bytes };
	trig_start(r);
}

/* Everything is published; the producer is told at the last token and after it. */
static void
a_producer_is_told(void **state)
{
	struct trig r;
	uint64_t p;

	(void)state;
	start(&r, 10, 0);
	p = trig_producer(&r, T, NULL, 1);
	trig_publish_n(&r, p, 0, 9);
	trig_run(&r);
	assert_null(trig_fx(&r, FX_PRODUCER_THROTTLED, 1));
	trig_publish_n(&r, p, 9, 3);
	trig_run(&r);
	assert_true(trig_is_throttled(&r, 1));
	assert_int_equal(trig_fx(&r, FX_PRODUCER_THROTTLED, 1)->handle, p);
	trig_publish_n(&r, p, 12, 30);
	trig_run(&r);
	assert_int_equal(trig_receipts(&r, 1, ERR_OK), 42);
	trig_pass(&r, 1500);
	assert_true(trig_is_throttled(&r, 1));
	trig_pass(&r, 2000);
	assert_false(trig_is_throttled(&r, 1));
	assert_int_equal(topic_find(r.co, str_of(T))->throttled, 1);
	trig_stop(&r);
	trig_fini(&r);
}

static void
bytes_count_too(void **state)
{
	struct trig r;
	uint64_t p;

	(void)state;
	start(&r, 0, 6);
	p = trig_producer(&r, T, NULL, 1);
	trig_publish(&r, p, 0, "12345");
	trig_run(&r);
	assert_false(trig_is_throttled(&r, 1));
	trig_publish(&r, p, 1, "12345");
	trig_run(&r);
	assert_true(trig_is_throttled(&r, 1));
	trig_pass(&r, 2000);
	assert_false(trig_is_throttled(&r, 1));
	trig_stop(&r);
	trig_fini(&r);
}

/* Only who publishes is, and it goes with the producer. */
static void
others_are_not_told(void **state)
{
	struct trig r;
	struct op *op;
	uint64_t p;

	(void)state;
	start(&r, 2, 0);
	p = trig_producer(&r, T, NULL, 1);
	(void)trig_producer(&r, T, NULL, 2);
	trig_publish_n(&r, p, 0, 2);
	trig_run(&r);
	assert_true(trig_is_throttled(&r, 1));
	assert_false(trig_is_throttled(&r, 2));
	op = trig_op(&r, OP_PRODUCER_CLOSE, "", 1);
	op->handle = p;
	(void)trig_do(&r, op);
	trig_pass(&r, 5000);
	trig_stop(&r);
	trig_fini(&r);
}

/* A late one's publishes wait, go on as tokens come, and fail after a second. */
static void
a_late_producer_waits(void **state)
{
	struct trig r;
	uint64_t p;
	unsigned i;

	(void)state;
	start(&r, 10, 0);
	p = trig_late_producer(&r, T, 1);
	trig_publish_n(&r, p, 0, 40);
	trig_run(&r);
	assert_int_equal(trig_receipts(&r, 1, ERR_OK), 10);
	assert_int_equal(r.rc_n, 10);
	assert_true(trig_is_throttled(&r, 1));
	trig_pass(&r, 500);
	assert_in_range(trig_receipts(&r, 1, ERR_OK), 14, 16);
	assert_int_equal(trig_receipts(&r, 1, ERR_THROTTLED), 0);
	trig_pass(&r, 600);
	assert_in_range(trig_receipts(&r, 1, ERR_OK), 19, 21);
	assert_int_equal(r.rc_n, 40);
	assert_int_equal(trig_receipts(&r, 1, ERR_THROTTLED),
	    40 - trig_receipts(&r, 1, ERR_OK));
	assert_false(trig_is_throttled(&r, 1));
	for (i = 0; i < r.rc_n; i++)
		assert_int_equal(r.rc[i].sequence, i);
	/* nothing is left over */
	trig_pass(&r, 1000);
	trig_publish_n(&r, p, 40, 10);
	trig_run(&r);
	assert_int_equal(r.rc_n, 50);
	trig_stop(&r);
	trig_fini(&r);
}

/* Those that wait are answered when their topic or producer goes. */
static void
the_end_of_late_ones(void **state)
{
	struct trig r;
	struct op *op;
	uint64_t p;

	(void)state;
	start(&r, 1, 0);
	p = trig_late_producer(&r, T, 1);
	trig_publish_n(&r, p, 0, 5);
	trig_run(&r);
	assert_int_equal(r.rc_n, 1);
	(void)trig_do(&r, trig_op(&r, OP_TOPIC_TERMINATE, T, 9));
	assert_int_equal(trig_receipts(&r, 1, ERR_TOPIC_TERMINATED), 4);
	assert_non_null(trig_fx(&r, FX_PRODUCER_CLOSED, 1));
	trig_stop(&r);
	trig_fini(&r);

	start(&r, 1, 0);
	p = trig_late_producer(&r, T, 1);
	trig_publish_n(&r, p, 0, 5);
	trig_run(&r);
	/* closing waits for them */
	op = trig_op(&r, OP_PRODUCER_CLOSE, "", 1);
	op->handle = p;
	core_op(r.co, &op);
	trig_run(&r);
	assert_int_equal(topic_find(r.co, str_of(T))->producers_n, 1);
	trig_pass(&r, 1100);
	assert_int_equal(topic_find(r.co, str_of(T))->producers_n, 0);
	assert_int_equal(r.rc_n, 5);
	/* with a drain they are dropped, and their producer is closed */
	p = trig_late_producer(&r, T, 2);
	trig_pass(&r, 1100);
	trig_publish_n(&r, p, 0, 5);
	trig_stop(&r);
	trig_fini(&r);
}

/* --- policies ----------------------------------------------------------------------- */

static void
ns_put(struct trig *r, const char *text)
{
	struct op *op = trig_op(r, OP_NS_PUT, "public/default", 77);

	op->text = op_str(op, str_of(text));
	assert_err(trig_do(r, op)->err, ERR_OK);
}

#define NS_RATE                                             \
	"{\"publishMaxMessageRate\":{\"standalone\":"       \
	"{\"publishThrottlingRateInMsg\":2},\"elsewhere\":" \
	"{\"publishThrottlingRateInMsg\":1}}}"

static int64_t
rate_of(struct trig *r)
{
	const struct topic *t = topic_find(r->co, str_of(T));

	assert_non_null(t);
	return t->pubrate == NULL ? 0 : t->pubrate->msgs.rate;
}

/* The topic's stands above the namespace's, that above the broker's; all are kept. */
static void
whose_rate_counts(void **state)
{
	struct trig r;
	uint64_t p;

	(void)state;
	start(&r, 0, 0);
	p = trig_producer(&r, T, NULL, 1);
	assert_int_equal(rate_of(&r), 0);
	ns_put(&r, NS_RATE);
	assert_int_equal(rate_of(&r), 2);
	assert_err(trig_own_limit(&r, T, "publishRate",
		       "{\"publishThrottlingRateInMsg\":3}"),
	    ERR_OK);
	assert_int_equal(rate_of(&r), 3);
	assert_err(trig_own_limit(&r, T, "publishRate",
		       "{\"publishThrottlingRateInMsg\":\"x\"}"),
	    ERR_INVALID_ARG);
	assert_err(
	    trig_own_limit(&r, T, "publishRate", "nothing"), ERR_INVALID_ARG);
	assert_int_equal(rate_of(&r), 3);
	trig_stop(&r);
	r.conf.limits.v[LIM_PUBLISH_RATE].n = 9;
	trig_start(&r);
	p = trig_producer(&r, T, NULL, 1);
	assert_int_equal(rate_of(&r), 3);
	/* told, and let go by a rate that is taken away */
	trig_publish_n(&r, p, 0, 60);
	trig_run(&r);
	assert_true(trig_is_throttled(&r, 1));
	assert_err(trig_own_limit(&r, T, "publishRate", ""), ERR_OK);
	assert_int_equal(rate_of(&r), 2);
	assert_false(trig_is_throttled(&r, 1));
	/* a rate of nothing is none */
	assert_err(trig_own_limit(&r, T, "publishRate",
		       "{\"publishThrottlingRateInMsg\":0}"),
	    ERR_OK);
	assert_int_equal(rate_of(&r), 2);
	ns_put(&r, "{}");
	assert_int_equal(rate_of(&r), 9);
	r.conf.limits.v[LIM_PUBLISH_RATE].n = 0;
	core_set_conf(r.co, &r.conf);
	trig_run(&r);
	assert_int_equal(rate_of(&r), 0);
	trig_stop(&r);
	trig_fini(&r);
}

/* Late ones go on at once when there is no rate any more. */
static void
a_rate_is_taken_away(void **state)
{
	struct trig r;
	uint64_t p;

	(void)state;
	start(&r, 0, 0);
	p = trig_late_producer(&r, T, 1);
	ns_put(&r, NS_RATE);
	trig_publish_n(&r, p, 0, 7);
	trig_run(&r);
	assert_int_equal(r.rc_n, 2);
	ns_put(&r, "{}");
	trig_run(&r);
	assert_int_equal(trig_receipts(&r, 1, ERR_OK), 7);
	trig_stop(&r);
	trig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_of_nothing),
		cmocka_unit_test(a_bucket_refills),
		cmocka_unit_test(a_rate_over_time),
		cmocka_unit_test(a_debt_has_an_end),
		cmocka_unit_test(a_producer_is_told),
		cmocka_unit_test(bytes_count_too),
		cmocka_unit_test(others_are_not_told),
		cmocka_unit_test(a_late_producer_waits),
		cmocka_unit_test(the_end_of_late_ones),
		cmocka_unit_test(whose_rate_counts),
		cmocka_unit_test(a_rate_is_taken_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
