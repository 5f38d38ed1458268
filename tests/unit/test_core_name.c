/* SPDX-License-Identifier: Apache-2.0 */
/* Names as Pulsar's TopicName takes them, and the heap of timers. */
#include <stdio.h>

#include "test.h"

#include "core/name.h"
#include "core/timer.h"

static void
good(const char *in, const char *full, const char *ns, const char *local,
    const char *base, int32_t partition)
{
	struct topic_name tn;

	assert_int_equal(topic_name_parse(&tn, str_of(in)), ERR_OK);
	assert_true(str_eq(tn.full, str_of(full)));
	assert_true(str_eq(tn.ns, str_of(ns)));
	assert_true(str_eq(tn.local, str_of(local)));
	assert_true(str_eq(tn.base, str_of(base)));
	assert_int_equal(tn.partition, partition);
	topic_name_fini(&tn);
}

static void
test_names(void **state)
{
	static const char *const bad[] = { "", "a/b", "persistent://a",
		"topic://a/b/c", "persistent://a/b", "persistent://a/b/",
		"a/b/c/d", "persistent://prop/cluster/ns/t",
		"persistent://a b/c/d", "persistent:///b/c", "x://a/b/c" };
	struct topic_name tn;
	size_t i;

	(void)state;
	good("t", "persistent://public/default/t", "public/default", "t",
	    "persistent://public/default/t", -1);
	good("a/b/t", "persistent://a/b/t", "a/b", "t", "persistent://a/b/t",
	    -1);
	good("non-persistent://a/b/t-partition-12",
	    "non-persistent://a/b/t-partition-12", "a/b", "t-partition-12",
	    "non-persistent://a/b/t", 12);
	good("t-partition-0", "persistent://public/default/t-partition-0",
	    "public/default", "t-partition-0", "persistent://public/default/t",
	    0);
	good("t-partition-01", "persistent://public/default/t-partition-01",
	    "public/default", "t-partition-01",
	    "persistent://public/default/t-partition-01", -1);
	good("t-partition-99999999999",
	    "persistent://public/default/t-partition-99999999999",
	    "public/default", "t-partition-99999999999",
	    "persistent://public/default/t-partition-99999999999", -1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    topic_name_parse(&tn, str_of(bad[i])), ERR_INVALID_NAME);
}

static void
test_system(void **state)
{
	struct topic_name tn;

	(void)state;
	assert_int_equal(
	    topic_name_parse(&tn, str_of("a/b/__change_events-partition-1")),
	    ERR_OK);
	assert_true(topic_name_is_system(&tn));
	topic_name_fini(&tn);
	assert_int_equal(
	    topic_name_parse(&tn, str_of("pulsar/system/x")), ERR_OK);
	assert_true(topic_name_is_system(&tn));
	topic_name_fini(&tn);
	assert_int_equal(
	    topic_name_parse(&tn, str_of("a/b/change_events")), ERR_OK);
	assert_false(topic_name_is_system(&tn));
	topic_name_fini(&tn);
}

static void
test_hidden(void **state)
{
	static const struct {
		const char *name;
		bool hidden;
	} want[] = {
		{ "%RETRY%g-partition-0", true },
		{ "%DLQ%g", true },
		{ "%LMQ%x", true },
		{ "a/b/%RETRY%g", true },
		{ "RMQ_SYS_TRACE_TOPIC-partition-3", true },
		{ "rmq_sys_wheel_timer", true },
		{ "SCHEDULE_TOPIC_XXXX", true },
		{ "TBW102", true },
		{ "pulsar/system/x", true },
		{ "TBW1022", false },
		{ "x%RETRY%g", false },
		{ "RETRY", false },
	};
	struct topic_name tn;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof want / sizeof want[0]; i++) {
		assert_int_equal(
		    topic_name_parse(&tn, str_of(want[i].name)), ERR_OK);
		assert_int_equal(topic_name_is_hidden(&tn), want[i].hidden);
		assert_int_equal(topic_name_is_light(&tn), i == 2);
		topic_name_fini(&tn);
	}
}

#define TIMERS 500
static struct timer timers[TIMERS];
static int64_t ran[TIMERS];
static unsigned ran_n;

static void
on_timer(void *priv)
{
	struct timer *t = priv;

	ran[ran_n++] = t->due_ns;
}

static void
test_timers(void **state)
{
	struct timers *ts = timers_new();
	uint32_t s = 7;
	unsigned i;

	(void)state;
	for (i = 0; i < TIMERS; i++) {
		timer_init(&timers[i], on_timer, &timers[i]);
		s = s * 1664525 + 1013904223;
		timer_set(ts, &timers[i], s >> 12);
	}
	for (i = 0; i < TIMERS; i += 3) /* moved, */
		timer_set(ts, &timers[i], i);
	for (i = 1; i < TIMERS; i += 3) /* and cancelled ones */
		timer_cancel(ts, &timers[i]);
	assert_true(timers_run(ts, -1, 10) == 0);
	assert_int_equal(ran_n, 0);
	assert_true(timers_run(ts, INT64_MAX, 10) > 0);
	assert_int_equal(ran_n, 10);
	assert_true(timers_run(ts, INT64_MAX, TIMERS) == INT64_MAX);
	assert_int_equal(ran_n, TIMERS - (TIMERS + 1) / 3);
	for (i = 1; i < ran_n; i++)
		assert_true(ran[i - 1] <= ran[i]);
	timers_free(&ts);
}

/* Runs of eight partitions, the next on the next shard; the topic itself lies with
 * the first. */
static void
test_shards(void **state)
{
	char name[64];
	unsigned n, shards_n, first;
	struct str base = STR_LIT("persistent://public/default/orders");

	(void)state;
	for (shards_n = 1; shards_n <= 5; shards_n++) {
		first = topic_shard(base, shards_n);
		for (n = 0; n < 50; n++) {
			snprintf(
			    name, sizeof name, "%s-partition-%u", base.p, n);
			assert_int_equal(topic_shard(str_of(name), shards_n),
			    (first + n / TOPIC_RUN) % shards_n);
		}
	}
	/* staging logs are where whoever stages looks for them */
	for (shards_n = 1; shards_n < 5; shards_n++)
		assert_int_equal(
		    topic_shard(STR_LIT(TOPIC_STAGING "13-2"), shards_n),
		    13 % shards_n);
	/* no partition: a name by itself */
	assert_true(topic_shard(STR_LIT("persistent://a/b/c-partition-07"),
			64) != topic_shard(STR_LIT("persistent://a/b/c"), 64));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_shards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
