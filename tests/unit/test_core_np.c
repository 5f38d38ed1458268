/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Non-persistent topics: what nobody can take is dropped and counted; nothing
 * of a message stays, whatever subscriptions there are.
 */
#include "test.h"

#include <malloc.h>

#include "base/buf.h"
#include "core/sub_priv.h"
#include "log_rig.h"

#define NP "non-persistent://public/default/n"
#define ROUNDS 200
#define PER_ROUND 1000
#define BODY 1000

static struct topic *
np(struct lrig *tr)
{
	struct topic *t = topic_find(tr->co, STR_LIT(NP));

	assert_non_null(t);
	return t;
}

static struct op *
np_op(struct lrig *tr, enum op_type type, uint64_t conn)
{
	struct op *op = lrig_new_op(tr, type, conn, conn);

	op->topic = op_str(op, STR_LIT(NP));
	return op;
}

static uint64_t
produce(struct lrig *tr)
{
	const struct fx *fx = lrig_ask(tr, np_op(tr, OP_PRODUCER_OPEN, 1));

	assert_int_equal(fx->type, FX_PRODUCER_OPENED);
	return fx->handle;
}

static uint64_t
subscribe(struct lrig *tr, const char *name, enum sub_type type, uint64_t conn)
{
	struct op *op = np_op(tr, OP_SUBSCRIBE, conn);
	const struct fx *fx;

	op->subscribe.sub = op_str(op, str_of(name));
	op->subscribe.consumer = op_str(op, STR_LIT("c"));
	op->subscribe.type = type;
	op->subscribe.durable = true;
	fx = lrig_ask(tr, op);
	assert_int_equal(fx->type, FX_SUBSCRIBED);
	return fx->handle;
}

static struct sub *
sub(struct lrig *tr, const char *name)
{
	struct sub *s = sub_find(np(tr), str_of(name));

	assert_non_null(s);
	return s;
}

/* Keys, batches and first chunks of messages whose rest never comes. */
static void
publish(struct lrig *tr, uint64_t handle, uint32_t i, struct buf *b)
{
	struct core_publish p = {
		.producer = handle,
		.attr = { .format = ENTRY_FORMAT_PULSAR,
		    .messages_n = 1 + i % 3,
		    .key_hash = i * 2654435761u,
		    .chunk_hash = i * 2246822519u,
		    .flags = i % 2 ? ATTR_CHUNK : 0 },
		.body = slice_of(b, 0, b->len),
		.sequence = i,
		.highest_sequence = i,
	};

	core_publish(tr->co, &p);
}

static void
nothing_stays(void **state)
{
	static const char *const names[] = { "excl", "fail", "shared", "key" };
	struct lrig *tr = *state;
	uint64_t pr = produce(tr), c[8], before, messages = 0;
	struct buf *b;
	struct op *op;
	unsigned i, k;

	for (i = 0; i < 4; i++) /* nobody has permits */
		(void)subscribe(tr, names[i], (enum sub_type)i, 10 + i);
	for (i = 0; i < 4; i++) { /* too slow: their connections are full */
		c[i] = subscribe(tr,
		    i < 2      ? names[i + 2] :
			i == 2 ? "b2" :
				 "b3",
		    i < 2 ? (enum sub_type)(i + 2) : SUB_SHARED, 20 + i);
		core_flow(tr->co, c[i], 1000000000);
		core_block(tr->co, c[i], true);
	}
	c[4] = subscribe(tr, "gone", SUB_SHARED, 30); /* nobody is there */
	op = np_op(tr, OP_CONSUMER_CLOSE, 30);
	op->handle = c[4];
	assert_ok(lrig_ask(tr, op)->err);
	c[5] = subscribe(tr, "good", SUB_SHARED, 31);
	core_flow(tr->co, c[5], 2000000000);
	lrig_forget(tr);
	before = 0;
	for (k = 0; k < ROUNDS; k++) {
		for (i = 0; i < PER_ROUND; i++) {
			b = buf_new(BODY);
			b->len = BODY;
			publish(tr, pr, k * PER_ROUND + i, b);
			buf_unref(&b);
			messages += 1 + (k * PER_ROUND + i) % 3;
		}
		assert_int_equal(tr->rc_n, PER_ROUND);
		lrig_forget(tr);
		lrig_run(tr);
		if (k == ROUNDS / 4) /* tables have their size by now */
			before = mallinfo2().uordblks;
	}
	/* 150 MB came since */
	assert_true(mallinfo2().uordblks < before + 100000);
	for (i = 0; i < 4; i++)
		assert_int_equal(sub(tr, names[i])->dropped, messages);
	assert_int_equal(sub(tr, "b2")->dropped, messages);
	assert_int_equal(sub(tr, "gone")->dropped, messages);
	assert_int_equal(sub(tr, "good")->dropped, 0);
	assert_int_equal(sub(tr, "good")->out_messages, messages);
	assert_int_equal(np(tr)->pending_n + np(tr)->held.n, 0);
}

static void
drops_have_a_rate(void **state)
{
	struct lrig *tr = *state;
	uint64_t pr = produce(tr), c;
	struct core_publish p = {
		.producer = pr,
		.attr = { .format = ENTRY_FORMAT_PULSAR, .messages_n = 2 },
		.body = slice_str("x"),
	};
	const struct topic_stats *ts;
	unsigned i;

	c = subscribe(tr, "s", SUB_EXCLUSIVE, 2);
	core_flow(tr->co, c, 120);
	lrig_pass(tr, 60000);
	for (i = 0; i < 120; i++) {
		p.dropped_n = i == 5 ? 30 : 0;
		core_publish(tr->co, &p);
	}
	lrig_pass(tr, 60000);
	ts = lrig_ask(tr, np_op(tr, OP_TOPIC_STATS, 3))->stats;
	assert_int_equal(ts->subs_n, 1);
	assert_true(ts->subs[0].rate_drop == 2.0); /* 120 of 240 messages */
	assert_true(ts->subs[0].out.msg == 2.0);
	assert_int_equal(ts->producers_n, 1);
	assert_true(ts->producers[0].rate_drop == 0.5);
	lrig_pass(tr, 60000);
	ts = lrig_ask(tr, np_op(tr, OP_TOPIC_STATS, 3))->stats;
	assert_true(ts->subs[0].rate_drop == 0.0);
	assert_true(ts->producers[0].rate_drop == 0.0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lrig_setup, lrig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_stays),
		TEST(drops_have_a_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
