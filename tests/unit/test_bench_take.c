/* SPDX-License-Identifier: Apache-2.0 */
/*
 * magnetar-bench says when a RocketMQ broker lost, doubled, moved or changed
 * a message: its checker, with a broker that does.
 */
#include "test.h"

#include "base/mem.h"
#include "bench/rmq.h"

#define N 16
#define SIZE 64

static struct opts o;
static struct rmq rq;
static struct rmq_topic topic;
static struct rmq_queue queues[2];
static struct rmq_puller puller;
static struct producer producer;
static struct bench *b;
static uint8_t bodies[N][SIZE];
static struct rmq_record records[N];

/* N messages, one after the other in both queues, were acknowledged. */
static int
setup(void **state)
{
	uint64_t i;

	(void)state;
	o = (struct opts){ .rocketmq = true, .topics = 1, .size = SIZE };
	memset(queues, 0, sizeof queues);
	topic.queues = queues;
	topic.queues_n = 2;
	rq = (struct rmq){ .topics = &topic, .pullers = &puller };
	rq.pullers_n = 1;
	b = mem_zalloc(sizeof *b);
	b->o = &o;
	b->priv = &rq;
	b->producers = &producer;
	b->producers_n = 1;
	for (i = 0; i < N; i++) {
		memset(bodies[i], (int)i, SIZE);
		memcpy(bodies[i] + RMQ_ID_AT, &i, sizeof i);
		records[i] = (struct rmq_record){
			.queue_id = (int32_t)i % 2,
			.queue_offset = (int64_t)i / 2,
			.body = { (char *)bodies[i], SIZE },
			.body_crc = rmq_body_crc(bodies[i], SIZE) & INT32_MAX,
		};
		queues[i % 2].sums.sent_n++;
		queues[i % 2].sums.sent += rmq_mix(i, (int64_t)i / 2);
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	mem_free(b);
	return 0;
}

/* All but one arrive; -1: all. */
static void
take_but(int missing)
{
	int i;

	for (i = 0; i < N; i++) {
		if (i != missing)
			assert_true(rmq_take(b, &topic, &records[i]));
	}
}

static void
test_all(void **state)
{
	(void)state;
	take_but(-1);
	rmq_compare(b);
	assert_int_equal(b->c.received, N);
	assert_int_equal(b->c.received_bytes, N * SIZE);
	assert_int_equal(b->c.gaps + b->c.strangers + b->c.bad_checksum, 0);
}

static void
test_lost(void **state)
{
	(void)state;
	take_but(5);
	rmq_compare(b);
	assert_int_equal(b->c.gaps, 1);
}

static void
test_doubled(void **state)
{
	(void)state;
	take_but(-1);
	assert_true(rmq_take(b, &topic, &records[3]));
	rmq_compare(b);
	assert_int_equal(b->c.strangers, 1);
}

/* one twice, for another: their number is right */
static void
test_doubled_for_another(void **state)
{
	(void)state;
	take_but(5);
	assert_true(rmq_take(b, &topic, &records[3]));
	rmq_compare(b);
	assert_int_equal(b->c.gaps, 0);
	assert_int_equal(b->c.strangers, 1);
}

/* two of a queue have changed places */
static void
test_moved(void **state)
{
	(void)state;
	records[4].queue_offset = 3;
	records[6].queue_offset = 2;
	take_but(-1);
	rmq_compare(b);
	assert_int_equal(b->c.strangers, 1);
	/* which is what POP may do */
	o.consume = CONSUME_POP;
	assert_false(rmq_by_place(&o));
}

static void
test_changed(void **state)
{
	(void)state;
	bodies[7][SIZE - 1] ^= 1;
	take_but(-1);
	rmq_compare(b);
	assert_int_equal(b->c.bad_checksum, 1);
	assert_int_equal(b->c.strangers, 0);
}

static void
test_redelivered(void **state)
{
	(void)state;
	records[2].reconsume_times = 1;
	assert_false(rmq_take(b, &topic, &records[2]));
	assert_int_equal(b->c.redelivered, 1);
	assert_int_equal(b->c.received, 0);
}

/* what is delayed is told by its number alone, and by when it comes */
static void
test_early(void **state)
{
	int64_t due_ms = 5000;

	(void)state;
	o.delay_s = 1;
	rq.come_ms = 5007;
	memcpy(bodies[0] + RMQ_DUE_AT, &due_ms, sizeof due_ms);
	records[0].body_crc = rmq_body_crc(bodies[0], SIZE) & INT32_MAX;
	records[0].store_ms = 5003;
	assert_true(rmq_take(b, &topic, &records[0]));
	assert_int_equal(b->c.early, 0);
	assert_int_equal(b->due_store.max_ns, 3000000);
	assert_int_equal(b->due_come.max_ns, 7000000);
	records[0].store_ms = 4999;
	assert_true(rmq_take(b, &topic, &records[0]));
	assert_int_equal(b->c.early, 1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_all),
		T(test_lost),
		T(test_doubled),
		T(test_doubled_for_another),
		T(test_moved),
		T(test_changed),
		T(test_redelivered),
		T(test_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
