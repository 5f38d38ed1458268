/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "bench/hist.h"

static struct hist h;

static void
test_empty(void **state)
{
	(void)state;
	hist_clear(&h);
	assert_int_equal(hist_percentile(&h, 50), 0);
	assert_true(hist_mean_ns(&h) == 0);
}

/* whatever the size: at most 1 % too high, never too low */
static void
test_error(void **state)
{
	int64_t v, got;

	(void)state;
	for (v = 1; v < HIST_MAX_NS / 2; v += v / 7 + 1) {
		hist_clear(&h);
		hist_add(&h, v, 1);
		hist_add(&h, HIST_MAX_NS, 1);
		got = hist_percentile(&h, 50);
		assert_true(got >= v && (double)got <= (double)v * 1.01);
	}
}

static void
test_percentiles(void **state)
{
	int64_t v;

	(void)state;
	hist_clear(&h);
	for (v = 1; v <= 100000; v++)
		hist_add(&h, v * 1000, 1);
	assert_in_range(hist_percentile(&h, 50), 50000000, 50500000);
	assert_in_range(hist_percentile(&h, 99), 99000000, 99990000);
	assert_in_range(hist_percentile(&h, 99.9), 99900000, 100000000);
	assert_int_equal(hist_percentile(&h, 100), 100000000);
	assert_int_equal(h.max_ns, 100000000);
	assert_true(hist_mean_ns(&h) == 50000500);
}

static void
test_bounds(void **state)
{
	(void)state;
	hist_clear(&h);
	hist_add(&h, -5, 2);
	assert_int_equal(hist_percentile(&h, 100), 0);
	hist_add(&h, INT64_MAX, 3);
	assert_int_equal(h.n, 5);
	/* counted in the last bucket */
	assert_int_equal(hist_percentile(&h, 99), HIST_MAX_NS);
	assert_true(h.max_ns == INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
