/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's own publish rate, which its topics and shards share. */
#include "test.h"

#include <limits.h>

#include "core/pubrate.h"
#include "core/topic_priv.h"
#include "tests/lib/topic_rig.h"

#define S_NS INT64_C(1000000000)
#define T "persistent://public/default/t"

static void
a_shared_bucket(void **state)
{
	struct bucket_shared s = { 0 };
	struct bucket a = { 0 }, b = { 0 }, off = { 0 };
	int64_t now = 7 * S_NS;
	unsigned i;

	(void)state;
	bucket_set(&a, 10, S_NS);
	bucket_set(&b, 10, S_NS);
	for (i = 0; i < 10; i++) {
		assert_true(bucket_has_at(&a, bucket_shared_full(&s), now));
		bucket_shared_take(&s, i % 2 == 0 ? &a : &b, now, 1);
	}
	assert_false(bucket_has_at(&a, bucket_shared_full(&s), now));
	assert_false(bucket_has_at(&b, bucket_shared_full(&s), now));
	now += bucket_wait_at(&b, bucket_shared_full(&s), now);
	assert_true(bucket_has_at(&a, bucket_shared_full(&s), now));
	/* a debt, and none after a refill */
	bucket_shared_take(&s, &a, now, 100);
	assert_false(bucket_has_at(&b, bucket_shared_full(&s), now + 9 * S_NS));
	bucket_shared_refill(&s);
	assert_true(bucket_has_at(&b, bucket_shared_full(&s), now));
	/* without a rate nothing is taken */
	bucket_set(&off, 0, S_NS);
	bucket_shared_take(&s, &off, now, 1000);
	assert_int_equal(bucket_shared_full(&s), INT64_MIN);
}

static void
start(struct trig *r, int64_t msgs, int64_t bytes, struct pubtotal *total)
{
	trig_init(r);
	r->conf.publish_msgs = msgs;
	r->conf.publish_bytes = bytes;
	r->conf.pubtotal = total;
	trig_start(r);
}

static void
stop(struct trig *r)
{
	trig_stop(r);
	trig_fini(r);
}

static uint64_t
producer(struct trig *r, unsigned i, bool late)
{
	char name[64];

	(void)snprintf(name, sizeof name, T "%u", i);
	return late ? trig_late_producer(r, name, i) :
		      trig_producer(r, name, NULL, i);
}

/* Two topics share ten messages; of each the producer is told, and told again. */
static void
all_topics_together(void **state)
{
	struct trig r;
	uint64_t a, b, np;

	(void)state;
	start(&r, 10, 0, NULL);
	a = producer(&r, 1, false);
	b = producer(&r, 2, false);
	trig_publish_n(&r, a, 0, 8);
	trig_run(&r);
	assert_false(trig_is_throttled(&r, 1));
	trig_publish_n(&r, b, 0, 8);
	trig_run(&r);
	assert_false(trig_is_throttled(&r, 1));
	assert_true(trig_is_throttled(&r, 2));
	trig_publish_n(&r, a, 8, 5);
	trig_run(&r);
	assert_true(trig_is_throttled(&r, 1));
	/* what came is stored all the same */
	assert_int_equal(trig_receipts(&r, 0, ERR_OK), 21);
	trig_pass(&r, 800);
	assert_true(trig_is_throttled(&r, 1));
	trig_pass(&r, 700);
	assert_false(trig_is_throttled(&r, 1));
	assert_false(trig_is_throttled(&r, 2));
	/* topics that are not persistent count as well */
	np = trig_producer(&r, "non-persistent://public/default/np", NULL, 3);
	trig_publish_n(&r, np, 0, 20);
	trig_run(&r);
	assert_true(trig_is_throttled(&r, 3));
	stop(&r);
}

static void
bytes_too(void **state)
{
	struct trig r;
	uint64_t a, b;

	(void)state;
	start(&r, 0, 10, NULL);
	a = producer(&r, 1, false);
	b = producer(&r, 2, false);
	trig_publish(&r, a, 0, "12345");
	trig_publish(&r, b, 0, "12345");
	trig_run(&r);
	assert_false(trig_is_throttled(&r, 1));
	assert_true(trig_is_throttled(&r, 2));
	trig_pass(&r, 1000);
	assert_false(trig_is_throttled(&r, 2));
	stop(&r);
}

/* Late ones: each topic gets as much as the others, as tokens come. */
static void
in_turn(void **state)
{
	unsigned i, n, round, least, most;
	uint64_t p[8];
	struct trig r;

	(void)state;
	start(&r, 80, 0, NULL);
	for (i = 0; i < NELEM(p); i++)
		p[i] = producer(&r, i + 1, true);
	/* the first second's tokens */
	trig_publish_n(&r, producer(&r, 99, true), 0, 80);
	for (i = 0; i < NELEM(p); i++)
		trig_publish_n(&r, p[i], 1000, 50);
	for (round = 0; round < 4; round++) {
		trig_pass(&r, 200);
		least = UINT_MAX;
		most = 0;
		for (i = 0; i < NELEM(p); i++) {
			n = trig_receipts(&r, i + 1, ERR_OK);
			least = n < least ? n : least;
			most = n > most ? n : most;
		}
		assert_in_range(most - least, 0, 2);
		assert_in_range(trig_receipts(&r, 0, ERR_OK) - 80,
		    16 * round + 8, 16 * (round + 1) + 8);
	}
	/* and what waited for a second fails */
	trig_pass(&r, 400);
	assert_int_equal(r.rc_n, 80 + 50 * NELEM(p));
	assert_in_range(trig_receipts(&r, 0, ERR_OK) - 80, 70, 90);
	for (i = 0; i < NELEM(p); i++)
		assert_false(trig_is_throttled(&r, i + 1));
	stop(&r);
}

/* Beside a topic's own rate: the lower one counts. */
static void
beside_the_topics(void **state)
{
	struct trig r;
	uint64_t a, b;

	(void)state;
	trig_init(&r);
	r.conf.publish_msgs = 20;
	r.conf.limits.v[LIM_PUBLISH_RATE] = (struct limit_value){ .n = 5 };
	trig_start(&r);
	a = producer(&r, 1, true);
	b = producer(&r, 2, true);
	trig_publish_n(&r, a, 0, 30);
	trig_publish_n(&r, b, 0, 30);
	trig_pass(&r, 800);
	assert_in_range(trig_receipts(&r, 1, ERR_OK), 8, 10);
	assert_in_range(trig_receipts(&r, 2, ERR_OK), 8, 10);
	trig_pass(&r, 2000);
	assert_int_equal(r.rc_n, 60);
	r.conf.publish_msgs = 4;
	core_set_conf(r.co, &r.conf);
	trig_pass(&r, 2000);
	trig_forget(&r);
	trig_publish_n(&r, a, 30, 30);
	trig_publish_n(&r, b, 30, 30);
	trig_pass(&r, 900);
	assert_in_range(trig_receipts(&r, 0, ERR_OK), 6, 9);
	trig_pass(&r, 2000);
	assert_int_equal(r.rc_n, 60);
	stop(&r);
}

/* A rate that goes, comes, or is another one; without one nothing is kept of it. */
static void
at_once(void **state)
{
	struct trig r;
	uint64_t a;

	(void)state;
	start(&r, 0, 0, NULL);
	a = producer(&r, 1, true);
	assert_null(topic_find(r.co, str_of(T "1"))->pubrate);
	r.conf.publish_msgs = 1;
	core_set_conf(r.co, &r.conf);
	trig_run(&r);
	trig_publish_n(&r, a, 0, 30);
	trig_run(&r);
	assert_int_equal(r.rc_n, 1);
	r.conf.publish_msgs = 10;
	core_set_conf(r.co, &r.conf);
	trig_run(&r);
	assert_in_range(r.rc_n, 11, 12);
	r.conf.publish_msgs = 0;
	core_set_conf(r.co, &r.conf);
	trig_run(&r);
	assert_int_equal(trig_receipts(&r, 1, ERR_OK), 30);
	assert_false(trig_is_throttled(&r, 1));
	assert_null(topic_find(r.co, str_of(T "1"))->pubrate);
	stop(&r);
}

/* Two shards take of the same tokens: either may have all of them. */
static void
of_two_cores(void **state)
{
	struct pubtotal total = { 0 };
	struct trig r[2];
	uint64_t p[2];
	unsigned i, k;

	(void)state;
	for (k = 0; k < 2; k++) {
		start(&r[k], 50, 0, &total);
		p[k] = producer(&r[k], 1, true);
	}
	trig_publish_n(&r[0], p[0], 0, 60);
	trig_run(&r[0]);
	assert_in_range(trig_receipts(&r[0], 1, ERR_OK), 50, 53);
	trig_publish_n(&r[1], p[1], 0, 60);
	trig_run(&r[1]);
	assert_in_range(trig_receipts(&r[1], 1, ERR_OK), 0, 6);
	for (i = 0; i < 80; i++)
		for (k = 0; k < 2; k++)
			trig_pass(&r[k], 10);
	assert_in_range(
	    trig_receipts(&r[0], 1, ERR_OK) + trig_receipts(&r[1], 1, ERR_OK),
	    85, 100);
	for (k = 0; k < 2; k++)
		stop(&r[k]);
}

/* Their clocks go together from here on. */
static void
together(struct trig *r, unsigned n)
{
	int64_t ns = 0;
	unsigned k;

	for (k = 0; k < n; k++)
		ns = r[k].mono_ns > ns ? r[k].mono_ns : ns;
	for (k = 0; k < n; k++)
		trig_pass(&r[k], (ns - r[k].mono_ns) / 1000000);
}

static void
assert_alike(const unsigned *n, unsigned topics_n, unsigned by)
{
	unsigned i, least = UINT_MAX, most = 0;

	for (i = 0; i < topics_n; i++) {
		least = n[i] < least ? n[i] : least;
		most = n[i] > most ? n[i] : most;
	}
	if (most - least > by)
		for (i = 0; i < topics_n; i++)
			print_error("topic %u: %u\n", i, n[i]);
	assert_in_range(most - least, 0, by);
}

/* Late ones on shards with one, two and three topics: all topics get the same, though
 * the first shard always comes first; its first turn is that of one alone. */
static void
shards_alike(void **state)
{
	struct pubtotal total = { 0 };
	unsigned i, k, m, n[6];
	uint64_t p[3][3];
	struct trig r[3];

	(void)state;
	for (k = 0; k < 3; k++)
		start(&r[k], 60, 0, &total);
	for (k = 0; k < 3; k++)
		for (i = 0; i <= k; i++)
			p[k][i] = producer(&r[k], i + 1, true);
	/* the first second's tokens */
	trig_publish_n(&r[0], producer(&r[0], 99, true), 0, 60);
	together(r, 3);
	for (k = 0; k < 3; k++)
		for (i = 0; i <= k; i++)
			trig_publish_n(&r[k], p[k][i], 0, 40);
	for (i = 0; i < 80; i++)
		for (k = 0; k < 3; k++)
			trig_pass(&r[k], 10);
	for (m = 0, k = 0; k < 3; k++)
		for (i = 0; i <= k; i++)
			n[m++] = trig_receipts(&r[k], i + 1, ERR_OK);
	assert_alike(n, 6, 4);
	assert_in_range(n[0] + n[1] + n[2] + n[3] + n[4] + n[5], 45, 75);
	for (k = 0; k < 3; k++)
		stop(&r[k]);
	assert_int_equal(total.waiting, 0);
}

/* Likewise those whose reading is paused: each publishes a message whenever it may. */
static void
the_told_alike(void **state)
{
	struct pubtotal total = { 0 };
	unsigned i, k, m, n[4] = { 0 };
	struct trig r[2];
	uint64_t p[2][3];

	(void)state;
	for (k = 0; k < 2; k++) {
		start(&r[k], 40, 0, &total);
		for (i = 0; i <= 2 * k; i++)
			p[k][i] = producer(&r[k], i + 1, false);
	}
	trig_publish_n(&r[0], producer(&r[0], 99, true), 0, 40);
	together(r, 2);
	for (m = 0; m < 4000; m += 2)
		for (k = 0; k < 2; k++) {
			for (i = 0; i <= 2 * k; i++)
				if (!trig_is_throttled(&r[k], i + 1)) {
					trig_publish(&r[k], p[k][i], m, "x");
					n[k + i]++;
				}
			trig_pass(&r[k], 2);
		}
	assert_alike(n, 4, 4);
	assert_in_range(n[0] + n[1] + n[2] + n[3], 150, 170);
	for (k = 0; k < 2; k++)
		stop(&r[k]);
	assert_int_equal(total.waiting, 0);
}

/* Those that stand in line are gone with their topics. */
static void
the_end_in_line(void **state)
{
	struct trig r;
	uint64_t a, b;

	(void)state;
	start(&r, 1, 0, NULL);
	a = producer(&r, 1, true);
	b = producer(&r, 2, false);
	trig_publish_n(&r, a, 0, 5);
	trig_publish_n(&r, b, 0, 5);
	trig_run(&r);
	assert_int_equal(r.co->pub.total->waiting, 2);
	(void)trig_do(&r, trig_op(&r, OP_TOPIC_TERMINATE, T "1", 9));
	assert_int_equal(trig_receipts(&r, 1, ERR_TOPIC_TERMINATED), 4);
	(void)trig_do(&r, trig_op(&r, OP_TOPIC_UNLOAD, T "2", 9));
	trig_pass(&r, 5000);
	assert_int_equal(r.co->pub.total->waiting, 0);
	stop(&r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shared_bucket),
		cmocka_unit_test(all_topics_together),
		cmocka_unit_test(bytes_too),
		cmocka_unit_test(in_turn),
		cmocka_unit_test(beside_the_topics),
		cmocka_unit_test(at_once),
		cmocka_unit_test(of_two_cores),
		cmocka_unit_test(shards_alike),
		cmocka_unit_test(the_told_alike),
		cmocka_unit_test(the_end_in_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
