/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that are delivered later, over the local engine: core/delay.h. */
#include "core/core_priv.h"
#include "core/delay.h"
#include "core/sub_priv.h"
#include "tests/lib/topic_rig.h"
#include "test.h"

#define T "persistent://public/default/t"

static struct trig tr;
static uint64_t prod;

static int
setup(void **state)
{
	(void)state;
	trig_init(&tr);
	trig_start(&tr);
	prod = trig_producer(&tr, T, "p", 1);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	trig_fini(&tr);
	return 0;
}

static void
send(const char *body, int64_t in_ms)
{
	static uint64_t seq;
	struct core_publish p = {
		.producer = prod,
		.attr = { .format = ENTRY_FORMAT_PULSAR,
		    .messages_n = 1,
		    .key_hash = (uint32_t)seq * 7919,
		    .publish_time_ms = tr.wall_ms,
		    .deliver_at_ms = in_ms != 0 ? tr.wall_ms + in_ms : 0 },
		.body = slice_str(body),
		.sequence = seq,
		.highest_sequence = seq,
	};

	seq++;
	core_publish(tr.co, &p);
}

static uint64_t
subscribe(const char *sub, enum sub_type type, uint64_t tag, uint32_t permits)
{
	uint64_t c = trig_subscribe(&tr, T, sub, type, tag, true);

	assert_true(c != 0);
	core_flow(tr.co, c, permits);
	trig_run(&tr);
	return c;
}

static unsigned
got(uint64_t tag, const char *body)
{
	unsigned i, n = 0;

	for (i = 0; i < tr.got_n; i++)
		n += tr.got[i].tag == tag &&
		    (body == NULL || strcmp(tr.got[i].body, body) == 0);
	return n;
}

static uint64_t
delayed(const char *sub)
{
	struct topic *t = topic_find(tr.co, STR_LIT(T));

	return delay_count(sub_find(t, str_of(sub)));
}

static void
again(bool crash)
{
	if (crash)
		trig_crash(&tr);
	else
		trig_stop(&tr);
	trig_start(&tr);
	trig_forget(&tr);
}

/* --- what types do ------------------------------------------------------------- */

static void
shared_like(enum sub_type type)
{
	uint64_t c = subscribe("s", type, 2, 3);
	unsigned i;

	send("later", 5000);
	send("a", 0);
	send("soon", 1000);
	send("b", 0);
	trig_run(&tr);
	assert_int_equal(tr.got_n, 2);
	assert_int_equal(got(2, "a"), 1);
	assert_int_equal(got(2, "b"), 1);
	assert_int_equal(delayed("s"), 2);
	for (i = 0; i < 2; i++)
		trig_ack(&tr, c, tr.got[i].pos, false);
	trig_pass(&tr, 900);
	assert_int_equal(tr.got_n, 2);
	/* the third permit was not taken by what waits */
	trig_pass(&tr, 100);
	assert_int_equal(got(2, "soon"), 1);
	assert_int_equal(delayed("s"), 1);
	trig_pass(&tr, 10000);
	assert_int_equal(tr.got_n, 3);
	core_flow(tr.co, c, 10);
	trig_run(&tr);
	assert_int_equal(got(2, "later"), 1);
	assert_int_equal(delayed("s"), 0);
	/* nothing was acked but what was */
	assert_int_equal(
	    cursor_backlog(
		sub_find(topic_find(tr.co, STR_LIT(T)), STR_LIT("s"))->cur),
	    2);
	for (i = 2; i < 4; i++)
		trig_ack(&tr, c, tr.got[i].pos, false);
	trig_pass(&tr, 1000);
	assert_int_equal(tr.got_n, 4);
	assert_int_equal(
	    cursor_backlog(
		sub_find(topic_find(tr.co, STR_LIT(T)), STR_LIT("s"))->cur),
	    0);
}

static void
test_shared(void **state)
{
	(void)state;
	shared_like(SUB_SHARED);
}

static void
test_key_shared(void **state)
{
	(void)state;
	shared_like(SUB_KEY_SHARED);
}

static void
test_exclusive(void **state)
{
	(void)state;
	subscribe("s", SUB_EXCLUSIVE, 2, 10);
	subscribe("f", SUB_FAILOVER, 3, 10);
	send("later", 5000);
	trig_run(&tr);
	assert_int_equal(got(2, "later"), 1);
	trig_pass(&tr, 2000);
	assert_int_equal(got(3, "later"), 1);
	assert_int_equal(delayed("s"), 0);
}

static void
test_off(void **state)
{
	(void)state;
	trig_stop(&tr);
	tr.conf.delayed = false;
	trig_start(&tr);
	prod = trig_producer(&tr, T, "p", 1);
	subscribe("s", SUB_SHARED, 2, 10);
	send("later", 5000);
	trig_run(&tr);
	assert_int_equal(got(2, "later"), 1);
}

/* several subscriptions, one of them made later, one that looks away */
static void
test_many_subs(void **state)
{
	(void)state;
	subscribe("s", SUB_SHARED, 2, 10);
	subscribe("k", SUB_KEY_SHARED, 3, 10);
	send("later", 5000);
	trig_pass(&tr, 1000);
	subscribe("late", SUB_SHARED, 4, 10);
	trig_pass(&tr, 1000);
	assert_int_equal(tr.got_n, 0);
	trig_pass(&tr, 4000);
	subscribe("later", SUB_SHARED, 5, 10);
	assert_int_equal(tr.got_n, 4);
	assert_int_equal(got(2, NULL) + got(3, NULL) + got(4, NULL), 3);
	assert_int_equal(got(5, NULL), 1);
}

static void
test_redelivery(void **state)
{
	struct core_ack_id id;
	struct op *op;
	uint64_t c;

	(void)state;
	c = subscribe("s", SUB_SHARED, 2, 10);
	send("m", 1000);
	trig_pass(&tr, 1100);
	assert_int_equal(tr.got_n, 1);
	op = trig_op(&tr, OP_REDELIVER, NULL, 2);
	op->handle = c;
	id = (struct core_ack_id){ .pos = tr.got[0].pos };
	op->ids_n = 1;
	op->ids = &id;
	core_op(tr.co, &op);
	trig_run(&tr);
	assert_int_equal(tr.got_n, 2);
	assert_int_equal(tr.got[1].redeliveries, 1);
}

/* --- over lives ------------------------------------------------------------------- */

static void
many(bool crash)
{
	bool seen[2000] = { false };
	char b[16];
	unsigned i, k;
	uint64_t c;

	trig_stop(&tr);
	tr.conf.due_window = 16;
	trig_start(&tr);
	prod = trig_producer(&tr, T, "p", 1);
	c = subscribe("s", SUB_SHARED, 2, 10000);
	for (i = 0; i < 2000; i++) {
		(void)snprintf(b, sizeof b, "%u", i);
		send(b, i % 4 == 3 ? 0 : 100000 + (int64_t)(i * 7919 % 1000));
		if (i % 100 == 99)
			trig_run(&tr);
	}
	trig_pass(&tr, crash ? 700 : 3000);
	assert_int_equal(tr.got_n, 500);
	for (i = 0; i < tr.got_n; i++) {
		seen[strtoul(tr.got[i].body, NULL, 10)] = true;
		trig_ack(&tr, c, tr.got[i].pos, false);
	}
	trig_run(&tr);
	again(crash);
	c = subscribe("s", SUB_SHARED, 2, 10000);
	trig_pass(&tr, 1000);
	assert_int_equal(tr.got_n, 0);
	assert_int_equal(delayed("s"), 1500);
	trig_pass(&tr, 110000);
	assert_int_equal(tr.got_n, 1500);
	for (i = 0; i < tr.got_n; i++) {
		k = (unsigned)strtoul(tr.got[i].body, NULL, 10);
		assert_true(k < 2000 && !seen[k]);
		seen[k] = true;
		trig_ack(&tr, c, tr.got[i].pos, false);
	}
	trig_pass(&tr, 2000);
	again(false);
	subscribe("s", SUB_SHARED, 2, 10000);
	trig_pass(&tr, 200000);
	assert_int_equal(tr.got_n, 0);
	assert_int_equal(delayed("s"), 0);
}

static void
test_many(void **state)
{
	(void)state;
	many(false);
}

static void
test_many_crash(void **state)
{
	(void)state;
	many(true);
}

/* The commit that would have told that nothing waits any more fails at first. */
static void
test_commit_fails(void **state)
{
	(void)state;
	subscribe("s", SUB_SHARED, 2, 10);
	send("m", 2000);
	trig_pass(&tr, 1500);
	trig_pass(&tr, 600);
	assert_int_equal(tr.got_n, 1);
	meta_mem_fail_commits(tr.mm, 1, ERR_NO_SPACE);
	trig_pass(&tr, 5000);
	again(true);
	subscribe("s", SUB_SHARED, 2, 10);
	trig_pass(&tr, 1000);
	assert_int_equal(tr.got_n, 1);
	assert_int_equal(delayed("s"), 0);
}

/* What waits is not read when a consumer comes after a restart. */
static void
test_not_read(void **state)
{
	struct local_stats st;
	unsigned i;
	uint64_t was;

	(void)state;
	subscribe("s", SUB_SHARED, 2, 10);
	for (i = 0; i < 1000; i++)
		send("m", 100000);
	trig_pass(&tr, 3000);
	again(false);
	local_stats(tr.lgs, &st);
	was = st.reads;
	subscribe("s", SUB_SHARED, 2, 10);
	trig_pass(&tr, 1000);
	assert_int_equal(tr.got_n, 0);
	local_stats(tr.lgs, &st);
	assert_int_equal(st.reads, was);
	trig_pass(&tr, 100000);
	assert_int_equal(tr.got_n, 10);
}

/* A topic of the same name knows nothing of the other's. */
static void
test_deleted(void **state)
{
	struct op *op;
	size_t keys;

	(void)state;
	trig_run(&tr);
	keys = meta_mem_keys(tr.mm);
	send("m", 100000);
	trig_pass(&tr, 3000);
	assert_true(meta_mem_keys(tr.mm) >= keys + 3);
	op = trig_op(&tr, OP_TOPIC_DELETE, T, 9);
	op->flag = true;
	assert_ok(trig_do(&tr, op)->err);
	prod = trig_producer(&tr, T, "p", 1);
	subscribe("s", SUB_SHARED, 2, 10);
	send("n", 0);
	trig_pass(&tr, 200000);
	assert_int_equal(tr.got_n, 1);
	assert_int_equal(got(2, "n"), 1);
}

int
main(void)
{
#define U_(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		U_(test_shared),
		U_(test_key_shared),
		U_(test_exclusive),
		U_(test_off),
		U_(test_many_subs),
		U_(test_redelivery),
		U_(test_many),
		U_(test_many_crash),
		U_(test_commit_fails),
		U_(test_not_read),
		U_(test_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
