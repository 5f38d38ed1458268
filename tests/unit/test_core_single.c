/* SPDX-License-Identifier: Apache-2.0 */
/* Exclusive and failover subscriptions, and the rules of subscribing. */
#include "test.h"

#include "core/sub_priv.h"
#include "core_rig.h"

static const struct op_subscribe excl = {
	.sub = STR_LIT("s"),
	.consumer = STR_LIT("a"),
	.type = SUB_EXCLUSIVE,
	.durable = true,
	.has_initial = true,
	.initial_earliest = true,
};

/* subscribe, flow, deliver, ack, restart, the rest comes */
static void
test_slice(void **state)
{
	struct rig *r = rig_new();
	struct core_ack_id id = { .pos = { 1, 4 } };
	struct core_ack a = { .cumulative = true,
		.want_reply = true,
		.req = 99,
		.n = 1,
		.ids = &id };
	struct consumer *c;
	enum err e;
	unsigned i;

	(void)state;
	rig_add(r, 10, 1);
	c = rig_sub(r, &excl, 1, &e);
	assert_ok(e);
	assert_non_null(c);
	assert_int_equal(r->got_n, 0);
	consumer_flow(c, 6);
	rig_run(r);
	assert_int_equal(r->got_n, 6);
	for (i = 0; i < 6; i++) {
		assert_int_equal(r->got[i].pos.entry, i);
		assert_int_equal(r->got[i].redeliveries, 0);
	}
	consumer_ack(c, &a);
	rig_ack(r, c, 7); /* not delivered yet: Pulsar takes it */
	rig_run(r);
	assert_int_equal(rig_fx(r, FX_DONE, 1)->req, 99);
	assert_int_equal(cursor_backlog(c->sub->cur), 4);
	rig_restart(r);
	c = rig_sub(r, &excl, 2, &e);
	assert_ok(e);
	assert_int_equal(cursor_backlog(c->sub->cur), 4);
	consumer_flow(c, 100);
	rig_run(r);
	assert_int_equal(r->got_n, 4);
	assert_int_equal(r->got[0].pos.entry, 5);
	assert_int_equal(r->got[1].pos.entry, 6);
	assert_int_equal(r->got[2].pos.entry, 8);
	rig_add(r, 3, 1);
	rig_run(r);
	assert_int_equal(r->got_n, 7);
	/* redeliver: everything that is not acked, with the new epoch */
	rig_clear(r);
	struct op *op = rig_op(r, OP_REDELIVER, 2);
	op->u32 = 5;
	consumer_op(c, &op);
	rig_run(r);
	assert_int_equal(r->got_n, 7);
	assert_int_equal(r->got[0].pos.entry, 5);
	assert_int_equal(r->got[0].epoch, 5);
	rig_free(&r);
}

static void
test_permits(void **state)
{
	struct rig *r = rig_new();
	struct core_ack_id id = { .pos = { 1, 0 }, .words_n = 1 };
	struct core_ack a = { .n = 1, .ids = &id };
	uint64_t w = 0xf0;
	struct consumer *c;

	(void)state;
	rig_add(r, 3, 8);
	c = rig_sub(r, &excl, 1, NULL);
	consumer_flow(c, 9); /* a batch is never split: 16 */
	rig_run(r);
	assert_int_equal(r->got_n, 2);
	assert_int_equal(c->permits, -7);
	consumer_flow(c, 7);
	rig_run(r);
	assert_int_equal(r->got_n, 2);
	id.words = &w;
	consumer_ack(c, &a);
	assert_int_equal(cursor_backlog(c->sub->cur), 20);
	consumer_close(c, ERR_OK);
	c = rig_sub(r, &excl, 1, NULL);
	rig_clear(r);
	consumer_flow(c, 4);
	rig_run(r);
	assert_int_equal(r->got_n, 1);
	assert_int_equal(r->got[0].words_n, 1);
	assert_int_equal(r->got[0].word0, 0xf0);
	assert_int_equal(c->permits, 0);
	/* above the high-water mark nothing comes */
	consumer_block(c, true);
	consumer_flow(c, 8);
	rig_run(r);
	assert_int_equal(r->got_n, 1);
	consumer_block(c, false);
	rig_run(r);
	assert_int_equal(r->got_n, 2);
	rig_free(&r);
}

static void
test_cold(void **state)
{
	struct rig *r = rig_new();
	struct consumer *c;

	(void)state;
	rig_add(r, 5, 1);
	rig_roll(r);
	rig_add(r, 5, 1);
	r->e->cold = true;
	c = rig_sub(r, &excl, 1, NULL);
	consumer_flow(c, 100);
	rig_run(r);
	assert_int_equal(r->got_n, 10);
	assert_int_equal(r->got[9].pos.ledger, 2);
	assert_int_equal(r->got[9].pos.entry, 4);
	rig_free(&r);
}

static void
answer_probe(struct rig *r, uint64_t tag, bool alive)
{
	struct fx *fx = rig_fx(r, FX_PROBE, tag);
	struct op *op;

	assert_non_null(fx);
	op = rig_op(r, OP_PROBED, tag);
	op->u64 = fx->u64;
	op->flag = alive;
	probe_answered(r->co, &op);
	rig_run(r);
}

static void
test_exclusive_taken(void **state)
{
	struct rig *r = rig_new();
	struct consumer *c;
	enum err e;

	(void)state;
	c = rig_sub(r, &excl, 1, &e);
	assert_non_null(c);
	/* the same consumer asks again */
	assert_ptr_equal(rig_sub(r, &excl, 1, &e), c);
	assert_null(rig_sub(r, &excl, 2, &e));
	assert_err(e, ERR_AGAIN);
	answer_probe(r, 1, true);
	assert_err(rig_fx(r, FX_DONE, 2)->err, ERR_CONSUMER_BUSY);
	assert_string_equal(rig_fx(r, FX_DONE, 2)->diag,
	    "Exclusive consumer is already connected");
	/* it is dead */
	assert_null(rig_sub(r, &excl, 3, &e));
	answer_probe(r, 1, false);
	assert_non_null(rig_fx(r, FX_CONSUMER_CLOSED, 1));
	assert_non_null(rig_fx(r, FX_SUBSCRIBED, 3));
	/* it says nothing */
	assert_null(rig_sub(r, &excl, 4, &e));
	rig_pass(r, 5001);
	assert_non_null(rig_fx(r, FX_SUBSCRIBED, 4));
	assert_int_equal(sub_find(r->t, STR_LIT("s"))->consumers_n, 1);
	rig_free(&r);
}

static void
test_rules(void **state)
{
	struct rig *r = rig_new();
	struct op_subscribe sb = excl;
	enum err e;

	(void)state;
	sb.sub = STR_LIT("");
	assert_null(rig_sub(r, &sb, 1, &e));
	assert_err(e, ERR_PRODUCER_BUSY);
	sb.sub = STR_LIT("pulsar.dedup");
	assert_null(rig_sub(r, &sb, 1, &e));
	assert_err(e, ERR_PRODUCER_BUSY);
	sb = excl;
	sb.type = SUB_SHARED;
	sb.read_compacted = true;
	assert_null(rig_sub(r, &sb, 1, &e));
	assert_err(e, ERR_NOT_ALLOWED);
	r->co->conf.auto_sub = false;
	assert_null(rig_sub(r, &excl, 1, &e));
	assert_err(e, ERR_NO_SUBSCRIPTION);
	r->co->conf.auto_sub = true;
	assert_non_null(rig_sub(r, &excl, 1, &e));
	sb = excl;
	sb.type = SUB_FAILOVER;
	assert_null(rig_sub(r, &sb, 2, &e));
	assert_err(e, ERR_SUBSCRIPTION_BUSY);
	sb = excl;
	sb.durable = false;
	assert_null(rig_sub(r, &sb, 2, &e));
	assert_err(e, ERR_NOT_ALLOWED);
	r->co->conf.limits.v[LIM_MAX_SUBS].n = 1;
	sb = excl;
	sb.sub = STR_LIT("t");
	assert_null(rig_sub(r, &sb, 2, &e));
	assert_err(e, ERR_NOT_ALLOWED);
	r->co->conf.limits.v[LIM_MAX_SUBS].n = 0;
	r->co->conf.limits.v[LIM_MAX_CONSUMERS].n = 1;
	assert_null(rig_sub(r, &sb, 2, &e));
	assert_err(e, ERR_CONSUMER_BUSY);
	rig_free(&r);
}

static void
test_non_durable(void **state)
{
	struct rig *r = rig_new();
	struct op_subscribe sb = excl;
	struct consumer *c;

	(void)state;
	rig_add(r, 10, 1);
	sb.durable = false;
	sb.start.kind = START_POS;
	sb.start.pos = (struct pos){ 1, 3 };
	c = rig_sub(r, &sb, 1, NULL);
	consumer_flow(c, 1);
	rig_run(r);
	assert_int_equal(r->got[0].pos.entry, 4);
	consumer_close(c, ERR_OK);
	assert_null(sub_find(r->t, STR_LIT("s")));
	sb.start.inclusive = true;
	rig_clear(r);
	c = rig_sub(r, &sb, 1, NULL);
	consumer_flow(c, 1);
	rig_run(r);
	assert_int_equal(r->got[0].pos.entry, 3);
	/* its entries go: it jumps */
	sub_entries_deleted(r->t, (struct pos){ 1, 7 });
	consumer_flow(c, 1);
	rig_run(r);
	assert_int_equal(r->got[1].pos.entry, 8);
	rig_restart(r);
	assert_null(sub_find(r->t, STR_LIT("s")));
	rig_free(&r);
}

static struct consumer *
join(struct rig *r, const char *name, int32_t priority, uint64_t tag)
{
	struct op_subscribe sb = excl;

	sb.type = SUB_FAILOVER;
	sb.consumer = str_of(name);
	sb.priority = priority;
	return rig_sub(r, &sb, tag, NULL);
}

static void
test_failover(void **state)
{
	struct rig *r = rig_new();
	struct consumer *b, *a, *hi;

	(void)state;
	r->t->name.partition = 1;
	r->co->conf.failover_delay_ms = 1000;
	rig_add(r, 4, 1);
	b = join(r, "b", 0, 2);
	assert_null(rig_fx(r, FX_ACTIVE_CHANGE, 2));
	rig_pass(r, 1000);
	assert_true(rig_fx(r, FX_ACTIVE_CHANGE, 2)->flag);
	consumer_flow(b, 10);
	rig_run(r);
	assert_int_equal(r->got_n, 4);
	/* partition 1 of [a, b] is b: nothing changes, a is told */
	a = join(r, "a", 0, 1);
	assert_false(rig_fx(r, FX_ACTIVE_CHANGE, 1)->flag);
	consumer_flow(a, 10);
	rig_run(r);
	assert_int_equal(r->got_n, 4);
	/* a lower number is a higher priority */
	rig_clear(r);
	hi = join(r, "z", -1, 3);
	consumer_flow(hi, 10);
	rig_run(r);
	assert_int_equal(r->got_n, 0);
	rig_pass(r, 1000);
	assert_true(rig_fx(r, FX_ACTIVE_CHANGE, 3)->flag);
	assert_false(rig_fx(r, FX_ACTIVE_CHANGE, 2)->flag);
	assert_int_equal(r->got_n, 4); /* rewound to mark-delete */
	assert_int_equal(r->got[0].tag, 3);
	assert_int_equal(r->got[0].redeliveries, 0);
	/* it goes: b again */
	rig_clear(r);
	consumer_close(hi, ERR_OK);
	rig_pass(r, 1000);
	assert_int_equal(r->got_n, 4);
	assert_int_equal(r->got[0].tag, 2);
	consumer_close(b, ERR_OK);
	rig_pass(r, 1000);
	assert_ptr_equal(disp_single_active(a->sub), a);
	rig_free(&r);
}

/*
 * Who is active on a topic without partitions. From Pulsar's rule in Python:
 *   ring = {}
 *   for i, name in enumerate(sorted(names)):
 *       for j in range(100): ring[mmh3(name + str(j)) & 0x7fffffff] = i
 *   h = mmh3(topic) & 0x7fffffff; first key >= h, else the lowest
 */
static void
test_failover_ring(void **state)
{
	static const char *const names[] = { "c-0", "c-1", "c-2", "c-3" };
	static const struct {
		const char *topic;
		unsigned active[4]; /* with 1, 2, 3, 4 consumers */
	} want[] = {
#include "failover_vectors.h"
	};
	struct consumer *c[4];
	struct rig *r;
	unsigned i, k;

	(void)state;
	for (i = 0; i < NELEM(want); i++) {
		r = rig_new();
		r->t->name.full = str_of(want[i].topic);
		for (k = 0; k < 4; k++) {
			c[k] = join(r, names[k], 0, k + 1);
			assert_ptr_equal(disp_single_active(c[0]->sub),
			    c[want[i].active[k]]);
		}
		rig_free(&r);
	}
}

static void
test_end_of_topic(void **state)
{
	struct rig *r = rig_new();
	struct consumer *c;

	(void)state;
	rig_add(r, 2, 1);
	c = rig_sub(r, &excl, 1, NULL);
	r->t->terminated = true;
	consumer_flow(c, 10);
	rig_run(r);
	assert_int_equal(rig_fx_count(r, FX_END_OF_TOPIC, 1), 0);
	rig_ack(r, c, 0);
	rig_ack(r, c, 1);
	assert_int_equal(rig_fx_count(r, FX_END_OF_TOPIC, 1), 1);
	rig_run(r);
	assert_int_equal(rig_fx_count(r, FX_END_OF_TOPIC, 1), 1);
	consumer_close(c, ERR_OK);
	c = rig_sub(r, &excl, 2, NULL);
	assert_int_equal(rig_fx_count(r, FX_END_OF_TOPIC, 2), 1);
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slice),
		cmocka_unit_test(test_permits),
		cmocka_unit_test(test_cold),
		cmocka_unit_test(test_exclusive_taken),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_non_durable),
		cmocka_unit_test(test_failover),
		cmocka_unit_test(test_failover_ring),
		cmocka_unit_test(test_end_of_topic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
