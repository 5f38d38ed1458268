/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/metrics.h"

static void
test_sum(void **state)
{
	struct metrics *m[2];
	struct strbuf sb;
	char want[300];

	(void)state;
	m[0] = metrics_new(1);
	m[1] = metrics_new(2);
	metrics_add(m[0], M_BYTES_IN, 100);
	metrics_add(m[1], M_BYTES_IN, 11);
	metrics_inc(m[0], M_CONN_ACTIVE);
	metrics_dec(m[1], M_CONN_ACTIVE);
	assert_int_equal(metrics_get(m[0], M_BYTES_IN), 100);
	assert_int_equal(metrics_sum(m, 2, M_BYTES_IN), 111);
	assert_int_equal(metrics_sum(m, 2, M_CONN_ACTIVE), 0);
	metrics_set(m[0], M_STAGE_LATE, 7);
	metrics_set(m[1], M_STAGE_LATE, 5);
	assert_int_equal(metrics_sum(m, 2, M_STAGE_LATE), 7);
	metrics_add(m[1], M_CLOSED_PEER_RESET, 3);
	strbuf_init(&sb, 100000);
	metrics_text(&sb, m, 2);
	assert_ok(strbuf_err(&sb));
	(void)snprintf(want, sizeof want,
	    "# HELP magnetar_network_in_bytes_total %s\n"
	    "# TYPE magnetar_network_in_bytes_total counter\n"
	    "magnetar_network_in_bytes_total 111\n",
	    metric_help(M_BYTES_IN));
	assert_non_null(strstr(strbuf_str(&sb), want));
	assert_non_null(strstr(
	    strbuf_str(&sb), "# TYPE magnetar_connections_active gauge\n"));
	/* those of one name have one head */
	(void)snprintf(want, sizeof want,
	    "# HELP magnetar_connections_closed_total %s\n"
	    "# TYPE magnetar_connections_closed_total counter\n"
	    "magnetar_connections_closed_total{reason=\"peer\"} 0\n"
	    "magnetar_connections_closed_total{reason=\"peer_reset\"} 3\n",
	    metric_help(M_CLOSED_PEER));
	assert_non_null(strstr(strbuf_str(&sb), want));
	strbuf_fini(&sb);
	metrics_free(&m[0]);
	metrics_free(&m[1]);
}

/* Prometheus: counters end in _total, gauges don't; names are unique */
static void
test_names(void **state)
{
	const char *n;
	size_t len;
	int i, j;

	(void)state;
	for (i = 0; i < M__MAX; i++) {
		n = metric_name((enum metric)i);
		len = strlen(n);
		assert_int_equal(strspn(n, "abcdefghijklmnopqrstuvwxyz_"), len);
		assert_true(len > 6);
		assert_int_equal(strcmp(n + len - 6, "_total") == 0,
		    metric_type((enum metric)i) == METRIC_COUNTER);
		for (j = 0; j < i; j++)
			if (strcmp(n, metric_name((enum metric)j)) == 0)
				assert_string_not_equal(
				    metric_label((enum metric)i),
				    metric_label((enum metric)j));
	}
}

static void
test_prom(void **state)
{
	struct strbuf sb;

	(void)state;
	strbuf_init(&sb, 1000);
	prom_head(&sb, "a", METRIC_GAUGE, NULL);
	prom_begin(&sb, "a");
	prom_label(&sb, "topic", "x\"y\\z\n");
	prom_label(&sb, "sub", "");
	prom_end_double(&sb, 0.5);
	prom_begin(&sb, "a");
	prom_end_double(&sb, INFINITY);
	prom_begin(&sb, "a");
	prom_end_double(&sb, NAN);
	assert_string_equal(strbuf_str(&sb),
	    "# TYPE a gauge\n"
	    "a{topic=\"x\\\"y\\\\z\\n\",sub=\"\"} 0.5\n"
	    "a +Inf\na NaN\n");
	strbuf_fini(&sb);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_prom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
