/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>

#include "base/histo.h"

static void
labels(struct strbuf *sb, const void *priv)
{
	prom_label(sb, "topic", priv);
}

static struct histo *
row(struct metrics *m, const char *topic)
{
	return histo_row(m, H_RMQ_MESSAGE_SIZE, str_of(topic), labels, topic);
}

static const char *const common[] = { "cluster", "c", NULL };

/* Bounds include themselves; shards are summed; a row stays what it is. */
static void
test_count(void **state)
{
	struct metrics *m[2];
	struct strbuf sb;
	struct histo *h;

	(void)state;
	m[0] = metrics_new(1);
	m[1] = metrics_new(2);
	h = row(m[0], "a");
	histo_add(h, 0);
	histo_add(h, 1024);
	histo_add(h, 1025);
	histo_add(h, UINT64_C(1) << 40);
	assert_ptr_equal(row(m[0], "a"), h);
	histo_add(row(m[1], "a"), 4096);
	strbuf_init(&sb, 100000);
	histo_text(&sb, m, 2, H_RMQ_MESSAGE_SIZE, common);
	assert_ok(strbuf_err(&sb));
#define L "rocketmq_message_size_bucket{topic=\"a\",cluster=\"c\",le="
	assert_non_null(strstr(strbuf_str(&sb),
	    "# TYPE rocketmq_message_size histogram\n" L "\"1024.0\"} 2\n" L
	    "\"4096.0\"} 4\n" L "\"524288.0\"} 4\n" L "\"1048576.0\"} 4\n" L
	    "\"2097152.0\"} 4\n" L "\"4194304.0\"} 4\n" L "\"+Inf\"} 5\n"
	    "rocketmq_message_size_count{topic=\"a\",cluster=\"c\"} 5\n"
	    "rocketmq_message_size_sum{topic=\"a\",cluster=\"c\"} "
	    "1099511633921\n"));
	strbuf_fini(&sb);
	metrics_free(&m[0]);
	metrics_free(&m[1]);
	assert_null(m[0]);
}

/* What is counted in ns or ms is shown in other units. */
static void
test_scale(void **state)
{
	struct metrics *m = metrics_new(1);
	struct strbuf sb;

	(void)state;
	histo_add(histo_row(m, H_RMQ_RPC, str_of("x"), labels, "x"), 2500000);
	histo_add(histo_row(m, H_RMQ_DELAY, str_of("x"), labels, "x"), 60000);
	strbuf_init(&sb, 100000);
	histo_text(&sb, &m, 1, H_RMQ_RPC, common);
	histo_text(&sb, &m, 1, H_RMQ_DELAY, common);
	assert_ok(strbuf_err(&sb));
	assert_non_null(strstr(strbuf_str(&sb), "le=\"1.0\"} 0\n"));
	assert_non_null(strstr(strbuf_str(&sb), "le=\"3.0\"} 1\n"));
	assert_non_null(strstr(strbuf_str(&sb), "cluster=\"c\"} 2.5\n"));
	assert_non_null(strstr(strbuf_str(&sb), "le=\"60.0\"} 1\n"));
	strbuf_fini(&sb);
	metrics_free(&m);
}

/* Over the limit all share a row, and none is lost. */
static void
test_overflow(void **state)
{
	struct metrics *m = metrics_new(1);
	struct strbuf sb;
	struct histo *h = NULL;
	char name[16];
	unsigned i;

	(void)state;
	for (i = 0; i < HISTO_ROWS_MAX + 3; i++) {
		(void)snprintf(name, sizeof name, "t%u", i);
		h = row(m, name);
		histo_add(h, 1);
	}
	assert_ptr_equal(h, row(m, "another"));
	strbuf_init(&sb, 100u << 20);
	histo_text(&sb, &m, 1, H_RMQ_MESSAGE_SIZE, common);
	assert_ok(strbuf_err(&sb));
	assert_non_null(strstr(strbuf_str(&sb),
	    "rocketmq_message_size_count{otel_metric_overflow=\"true\","
	    "cluster=\"c\"} 3\n"));
	assert_non_null(strstr(strbuf_str(&sb),
	    "rocketmq_message_size_count{topic=\"t8191\",cluster=\"c\"} 1\n"));
	strbuf_fini(&sb);
	metrics_free(&m);
}

static void
test_none(void **state)
{
	(void)state;
	assert_null(row(NULL, "a"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
