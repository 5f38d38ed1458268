/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>

#include "base/log.h"

static char out[20000];
static unsigned lines;
static int64_t now_ns;

static void
sink(void *arg, enum log_level l, const char *line, size_t len)
{
	(void)arg;
	(void)l;
	assert_true(len > 0 && len < sizeof out);
	memcpy(out, line, len);
	out[len] = '\0';
	assert_ptr_equal(strchr(out, '\n'), out + len - 1);
	lines++;
}

static int64_t
clock_fn(void *arg)
{
	(void)arg;
	return now_ns;
}

static void
setup(enum log_level l, enum log_format f)
{
	struct log_conf c = {
		.level = l, .format = f, .sink = sink, .clock = clock_fn
	};

	log_setup(&c);
	lines = 0;
	now_ns = INT64_C(1795600800123456789);
}

static void
test_text(void **state)
{
	(void)state;
	/* before any setup */
	LOG(LOG_ERROR, 0, "nobody");
	assert_int_equal(lines, 0);

	setup(LOG_INFO, LOG_TEXT);
	LOG(LOG_INFO, 0, "conn_open", LOG_U("conn", 7),
	    LOG_S("peer", "1.2.3.4:5"), LOG_I("n", -3), LOG_S("none", NULL));
	assert_string_equal(out,
	    "2026-11-25T10:00:00.123Z INFO shard=0 ev=conn_open conn=7 "
	    "peer=1.2.3.4:5 n=-3 none=-\n");
	LOG(LOG_WARN, LOG_NO_SHARD, "x", LOG_S("a", "b c"), LOG_S("e", ""),
	    LOG_M("m", "p\n\"q\"zz", 6));
	assert_string_equal(out,
	    "2026-11-25T10:00:00.123Z WARN ev=x a=\"b c\" e=\"\" "
	    "m=\"p\\n\\\"q\\\"z\"\n");
	LOG(LOG_DEBUG, 0, "quiet");
	assert_int_equal(lines, 2);
	log_set_level(LOG_DEBUG);
	LOG(LOG_DEBUG, 0, "loud");
	assert_int_equal(lines, 3);
}

static void
test_json(void **state)
{
	(void)state;
	setup(LOG_INFO, LOG_JSON);
	LOG(LOG_ERROR, 1, "x", LOG_S("a", "b\"c"), LOG_U("n", 5));
	assert_string_equal(out,
	    "{\"ts\":\"2026-11-25T10:00:00.123Z\",\"level\":\"ERROR\","
	    "\"shard\":1,\"ev\":\"x\",\"a\":\"b\\\"c\",\"n\":5}\n");
}

static void
site(void)
{
	LOG(LOG_INFO, 0, "often");
}

static void
test_rate(void **state)
{
	unsigned i;

	(void)state;
	setup(LOG_INFO, LOG_TEXT);
	for (i = 0; i < 100; i++)
		site();
	assert_int_equal(lines, LOG_SITE_BURST);
	now_ns += 1000000000;
	site();
	assert_int_equal(lines, LOG_SITE_BURST + 1);
	assert_non_null(strstr(out, " suppressed=90\n"));
	site();
	assert_null(strstr(out, "suppressed"));
}

static void
test_long(void **state)
{
	static char big[5000];

	(void)state;
	setup(LOG_INFO, LOG_TEXT);
	memset(big, 1, sizeof big - 1);
	LOG(LOG_INFO, 0, "big", LOG_S("a", big), LOG_S("b", big),
	    LOG_S("c", big), LOG_I("after", 1));
	assert_int_equal(lines, 1);
	assert_true(strlen(out) < 2 * LOG_LINE_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
