/* SPDX-License-Identifier: Apache-2.0 */
/* Seek, the admin's operations on subscriptions, non-persistent topics. */
#include "test.h"

#include "core/sub_priv.h"
#include "core_rig.h"

static const struct op_subscribe shared = {
	.sub = STR_LIT("s"),
	.consumer = STR_LIT("a"),
	.type = SUB_SHARED,
	.durable = true,
	.has_initial = true,
	.initial_earliest = true,
};

static void
seek(struct rig *r, struct consumer *c, struct op_start st)
{
	struct op *op = rig_op(r, OP_SEEK, 1);

	op->start = st;
	rig_clear(r);
	consumer_op(c, &op);
	rig_run(r);
}

static void
test_seek(void **state)
{
	struct rig *r = rig_new();
	struct consumer *c;
	struct op *op;
	uint64_t w = 0xf8;
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++) {
		r->co->now_ms = 1000 + i;
		rig_add(r, 1, 8);
	}
	c = rig_sub(r, &shared, 1, NULL);
	consumer_flow(c, 1000);
	rig_run(r);
	for (i = 0; i < 10; i++)
		rig_ack(r, c, i);
	assert_int_equal(cursor_backlog(c->sub->cur), 0);
	/* closed first, then the answer; the position is the next one read */
	seek(r, c,
	    (struct op_start){ .kind = START_POS,
		.pos = { 1, 4 },
		.inclusive = true,
		.words = &w,
		.words_n = 1 });
	assert_int_equal(r->fx_n, 2);
	assert_int_equal(r->fx[0]->type, FX_CONSUMER_CLOSED);
	assert_int_equal(r->fx[1]->type, FX_DONE);
	assert_ok(r->fx[1]->err);
	c = rig_sub(r, &shared, 1, NULL);
	consumer_flow(c, 1);
	rig_run(r);
	assert_int_equal(r->got_n, 1);
	assert_int_equal(r->got[0].pos.entry, 4);
	assert_int_equal(r->got[0].word0, 0xf8);
	assert_int_equal(cursor_backlog(c->sub->cur), 5 + 5 * 8);
	/* by time */
	seek(r, c, (struct op_start){ .kind = START_TIME, .time_ms = 1007 });
	assert_ok(rig_fx(r, FX_DONE, 1)->err);
	assert_int_equal(cursor_backlog(sub_find(r->t, STR_LIT("s"))->cur), 24);
	/* whoever comes back in between waits for the answer to be out */
	c = rig_sub(r, &shared, 1, NULL);
	rig_clear(r);
	r->e->hold = true;
	op = rig_op(r, OP_SEEK, 1);
	op->start = (struct op_start){ .kind = START_TIME, .time_ms = 1007 };
	consumer_op(c, &op);
	assert_null(rig_sub(r, &shared, 2, NULL));
	assert_null(rig_fx(r, FX_DONE, 1));
	r->e->hold = false;
	rig_run(r);
	assert_int_equal(r->fx_n, 3);
	assert_int_equal(r->fx[0]->type, FX_CONSUMER_CLOSED);
	assert_int_equal(r->fx[1]->type, FX_DONE);
	assert_int_equal(r->fx[2]->type, FX_SUBSCRIBED);
	/* it survives */
	rig_restart(r);
	assert_int_equal(cursor_backlog(sub_find(r->t, STR_LIT("s"))->cur), 24);
	c = rig_sub(r, &shared, 1, NULL);
	seek(r, c, (struct op_start){ .kind = START_LATEST });
	c = rig_sub(r, &shared, 1, NULL);
	assert_int_equal(cursor_backlog(c->sub->cur), 0);
	seek(r, c, (struct op_start){ .kind = START_EARLIEST });
	assert_int_equal(cursor_backlog(sub_find(r->t, STR_LIT("s"))->cur), 80);
	/* beyond the end, and of a ledger that isn't there */
	c = rig_sub(r, &shared, 1, NULL);
	seek(r, c, (struct op_start){ .kind = START_POS, .pos = { 9, 4 } });
	assert_int_equal(cursor_backlog(sub_find(r->t, STR_LIT("s"))->cur), 0);
	rig_free(&r);
}

static void
test_seek_reader(void **state)
{
	struct op_subscribe sb = shared;
	struct rig *r = rig_new();
	struct consumer *c;

	(void)state;
	rig_add(r, 10, 1);
	sb.type = SUB_EXCLUSIVE;
	sb.durable = false;
	c = rig_sub(r, &sb, 1, NULL);
	seek(r, c,
	    (struct op_start){
		.kind = START_POS, .pos = { 1, 7 }, .inclusive = true });
	/* it waits for its reader, who comes back to where it was sought */
	c = rig_sub(r, &sb, 1, NULL);
	consumer_flow(c, 1);
	rig_run(r);
	assert_int_equal(r->got[0].pos.entry, 7);
	rig_pass(r, 70000);
	assert_non_null(sub_find(r->t, STR_LIT("s")));
	seek(r, c, (struct op_start){ .kind = START_LATEST });
	assert_non_null(sub_find(r->t, STR_LIT("s")));
	rig_pass(r, 30000);
	c = rig_sub(r, &sb, 1, NULL);
	seek(r, c, (struct op_start){ .kind = START_EARLIEST });
	rig_pass(r, 50000);
	assert_non_null(sub_find(r->t, STR_LIT("s")));
	rig_pass(r, 20000);
	assert_null(sub_find(r->t, STR_LIT("s")));
	rig_free(&r);
}

/* The topic goes while a seek waits for the disk, or for the search. */
static void
test_seek_abandoned(void **state)
{
	struct rig *r = rig_new();
	struct consumer *c;
	struct op *op;
	struct sub *s;
	unsigned i;

	(void)state;
	rig_add(r, 10, 1);
	for (i = 0; i < 2; i++) {
		c = rig_sub(r, &shared, 1, NULL);
		s = c->sub;
		rig_clear(r);
		r->e->hold = true;
		op = rig_op(r, OP_SEEK, 1);
		op->start.kind = i == 0 ? START_EARLIEST : START_TIME;
		consumer_op(c, &op);
		r->t->state = TOPIC_CLOSING;
		sub_free(&s);
		r->e->hold = false;
		rig_run(r);
		assert_err(rig_fx(r, FX_DONE, 1)->err, ERR_NOT_READY);
		assert_int_equal(r->t->pins, 0);
		rig_restart(r);
	}
	rig_free(&r);
}

/* Publish times count, as far as they differ from store times by what was under
 * way; from disk, too. */
static void
test_seek_publish_time(void **state)
{
	struct rig *r = rig_new();
	struct attr a = { .messages_n = 1 };
	struct consumer *c;
	struct sub *s;
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++) {
		a.publish_time_ms = 1000 + i;
		a.store_time_ms = 1020 + i / 5 * 5;
		rig_add_attr(r, &a);
	}
	a.publish_time_ms = 500;
	a.store_time_ms = 9000;
	rig_add_attr(r, &a);
	for (i = 0; i < 2; i++) {
		r->e->cold = i != 0;
		c = rig_sub(r, &shared, 1, NULL);
		s = c->sub;
		seek(r, c,
		    (struct op_start){ .kind = START_TIME, .time_ms = 1003 });
		assert_int_equal(cursor_backlog(s->cur), 8);
		c = rig_sub(r, &shared, 1, NULL);
		seek(r, c,
		    (struct op_start){ .kind = START_TIME, .time_ms = 1 });
		assert_int_equal(cursor_backlog(s->cur), 11);
		c = rig_sub(r, &shared, 1, NULL);
		seek(r, c,
		    (struct op_start){ .kind = START_TIME, .time_ms = 1025 });
		assert_int_equal(cursor_backlog(s->cur), 1);
		c = rig_sub(r, &shared, 1, NULL);
		seek(r, c,
		    (struct op_start){ .kind = START_TIME, .time_ms = 9001 });
		assert_int_equal(cursor_backlog(s->cur), 0);
	}
	rig_free(&r);
}

static void
test_rollback(void **state)
{
	struct op_subscribe sb = shared;
	struct rig *r = rig_new();
	struct consumer *c;
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++) {
		r->co->now_ms = 100000 + i * 1000;
		rig_add(r, 1, 1);
	}
	sb.initial_earliest = false;
	sb.rollback_ms = 3000;
	c = rig_sub(r, &sb, 1, NULL);
	assert_non_null(c);
	assert_int_equal(cursor_backlog(c->sub->cur), 4);
	rig_free(&r);
}

static struct op *
sub_op_new(struct rig *r, enum op_type type, const char *name)
{
	struct op *op = rig_op(r, type, 9);

	op->sub = str_of(name);
	return op;
}

static struct fx *
go(struct rig *r, struct op *op)
{
	sub_op(r->t, &op);
	rig_run(r);
	assert_true(r->fx_n > 0);
	return r->fx[r->fx_n - 1];
}

static void
test_admin(void **state)
{
	struct rig *r = rig_new();
	struct op *op;
	struct fx *fx;
	struct sub *s;

	(void)state;
	r->co->now_ms = 5000;
	rig_add(r, 10, 2);
	r->co->now_ms = 100000;
	op = sub_op_new(r, OP_SUB_CREATE, "x");
	op->start.kind = START_EARLIEST;
	assert_ok(go(r, op)->err);
	assert_err(go(r, sub_op_new(r, OP_SUB_CREATE, "x"))->err, ERR_EXISTS);
	assert_ok(go(r, sub_op_new(r, OP_SUB_CREATE, "y"))->err);
	fx = go(r, sub_op_new(r, OP_SUB_LIST, ""));
	assert_int_equal(fx->strings_n, 2);
	s = sub_find(r->t, STR_LIT("x"));
	assert_int_equal(cursor_backlog(s->cur), 20);
	assert_int_equal(cursor_backlog(sub_find(r->t, STR_LIT("y"))->cur), 0);
	/* skip counts entries that are not acked */
	(void)cursor_ack(s->cur, (struct pos){ 1, 1 }, 2);
	op = sub_op_new(r, OP_SUB_SKIP, "x");
	op->u64 = 3;
	assert_ok(go(r, op)->err);
	assert_int_equal(cursor_backlog(s->cur), 12);
	op = sub_op_new(r, OP_SUB_PEEK, "x");
	op->u64 = 2;
	(void)cursor_ack(s->cur, (struct pos){ 1, 5 }, 2);
	fx = go(r, op);
	assert_int_equal(fx->type, FX_ENTRY);
	assert_int_equal(fx->ent.pos.entry, 6);
	op = sub_op_new(r, OP_SUB_PEEK, "x");
	op->u64 = 6;
	assert_err(go(r, op)->err, ERR_NO_MESSAGE);
	op = sub_op_new(r, OP_SUB_EXPIRE, "x");
	op->u64 = 96;
	assert_ok(go(r, op)->err);
	assert_int_equal(cursor_backlog(s->cur), 10);
	op = sub_op_new(r, OP_SUB_EXPIRE, "");
	op->u64 = 90;
	assert_ok(go(r, op)->err);
	assert_int_equal(cursor_backlog(s->cur), 0);
	assert_int_equal(s->expired, 10);
	op = sub_op_new(r, OP_SUB_RESET, "x");
	op->start.kind = START_EARLIEST;
	assert_ok(go(r, op)->err);
	assert_int_equal(cursor_backlog(s->cur), 20);
	op = sub_op_new(r, OP_SUB_SKIP, "x");
	op->u64 = UINT64_MAX;
	assert_ok(go(r, op)->err);
	assert_int_equal(cursor_backlog(s->cur), 0);
	assert_err(go(r, sub_op_new(r, OP_SUB_SKIP, "nope"))->err,
	    ERR_NO_SUBSCRIPTION);
	rig_free(&r);
}

/* Expiry by the namespace's or the broker's TTL, every minute. */
static void
test_ttl(void **state)
{
	struct rig *r = rig_new();
	struct consumer *c;
	struct sub *s;

	(void)state;
	r->co->now_ms = 100000;
	rig_add(r, 10, 2);
	c = rig_sub(r, &shared, 1, NULL);
	s = c->sub;
	consumer_flow(c, 8);
	rig_run(r);
	assert_int_equal(c->unacked, 8);
	r->co->now_ms = 150000;
	rig_add(r, 5, 1);
	r->t->policy.ttl_s = 60;
	sub_rate_tick(s, 60);
	rig_run(r);
	assert_int_equal(cursor_backlog(s->cur), 25);
	r->co->now_ms = 160001;
	sub_rate_tick(s, 60);
	rig_run(r);
	assert_int_equal(cursor_backlog(s->cur), 5);
	assert_int_equal(s->expired, 20);
	assert_int_equal(c->unacked, 0);
	/* what is left is delivered, the permits of what expired are the client's */
	rig_clear(r);
	consumer_flow(c, 3);
	rig_run(r);
	assert_int_equal(r->got_n, 3);
	assert_int_equal(r->got[0].pos.entry, 10);
	/* it is kept */
	r->co->now_ms = 210001;
	sub_rate_tick(s, 60);
	rig_run(r);
	assert_int_equal(cursor_backlog(s->cur), 0);
	rig_restart(r);
	s = sub_find(r->t, STR_LIT("s"));
	assert_int_equal(cursor_backlog(s->cur), 0);
	rig_free(&r);
}

/* A subscription may be made at a position or a time, and is not made twice. */
static void
test_create_at(void **state)
{
	static const struct {
		struct op_start st;
		unsigned backlog;
	} at[] = {
		{ { .kind = START_LATEST }, 0 },
		{ { .kind = START_EARLIEST }, 10 },
		{ { .kind = START_POS, .pos = { 1, 3 } }, 6 },
		{ { .kind = START_POS, .pos = { 1, 3 }, .inclusive = true },
		    7 },
		{ { .kind = START_POS, .pos = { 1, 99 } }, 0 },
		{ { .kind = START_POS, .pos = { 0, 5 } }, 10 },
		{ { .kind = START_TIME, .time_ms = 1005 }, 5 },
		{ { .kind = START_TIME, .time_ms = 1 }, 10 },
		{ { .kind = START_TIME, .time_ms = 2000 }, 0 },
	};
	struct rig *r = rig_new();
	struct op *op, *op2;
	char name[8] = "s0";
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++) {
		r->co->now_ms = 1000 + i;
		rig_add(r, 1, 1);
	}
	for (i = 0; i < NELEM(at); i++) {
		name[1] = (char)('0' + i);
		op = sub_op_new(r, OP_SUB_CREATE, name);
		op->start = at[i].st;
		/* two that come together */
		op2 = sub_op_new(r, OP_SUB_CREATE, name);
		op2->start = at[i].st;
		rig_clear(r);
		sub_op(r->t, &op);
		sub_op(r->t, &op2);
		rig_run(r);
		assert_int_equal(r->fx_n, 2);
		assert_true(
		    (r->fx[0]->err == ERR_OK) != (r->fx[1]->err == ERR_OK));
		assert_true(
		    r->fx[0]->err == ERR_EXISTS || r->fx[1]->err == ERR_EXISTS);
		assert_int_equal(
		    cursor_backlog(sub_find(r->t, str_of(name))->cur),
		    at[i].backlog);
	}
	rig_restart(r);
	for (i = 0; i < NELEM(at); i++) {
		name[1] = (char)('0' + i);
		assert_int_equal(
		    cursor_backlog(sub_find(r->t, str_of(name))->cur),
		    at[i].backlog);
		op = sub_op_new(r, OP_SUB_DELETE, name);
		assert_ok(go(r, op)->err);
		assert_null(sub_find_any(r->t, str_of(name)));
	}
	op = sub_op_new(r, OP_SUB_DELETE, "s0");
	assert_err(go(r, op)->err, ERR_NO_SUBSCRIPTION);
	rig_restart(r);
	assert_int_equal(r->t->subs_n, 0);
	rig_free(&r);
}

static void
test_delete(void **state)
{
	struct op_subscribe sb = shared;
	struct rig *r = rig_new();
	struct consumer *c, *d;
	struct op *op;

	(void)state;
	c = rig_sub(r, &shared, 1, NULL);
	assert_err(go(r, sub_op_new(r, OP_SUB_DELETE, "s"))->err,
	    ERR_SUBSCRIPTION_BUSY);
	d = rig_sub(r, &shared, 2, NULL);
	op = rig_op(r, OP_UNSUBSCRIBE, 1);
	consumer_op(c, &op);
	rig_run(r);
	assert_err(rig_fx(r, FX_DONE, 1)->err, ERR_METADATA);
	/* by force: the other one is closed */
	op = rig_op(r, OP_UNSUBSCRIBE, 1);
	op->flag = true;
	consumer_op(c, &op);
	rig_run(r);
	assert_ok(rig_fx(r, FX_DONE, 1)->err);
	assert_non_null(rig_fx(r, FX_CONSUMER_CLOSED, 2));
	assert_null(rig_fx(r, FX_CONSUMER_CLOSED, 1));
	assert_null(sub_find_any(r->t, STR_LIT("s")));
	(void)d;
	/* whoever comes while it goes makes a new one */
	c = rig_sub(r, &shared, 1, NULL);
	op = rig_op(r, OP_UNSUBSCRIBE, 1);
	consumer_op(c, &op);
	c = rig_sub(r, &sb, 3, NULL);
	assert_null(c);
	assert_err(rig_fx(r, FX_DONE, 3)->err, ERR_NO_SUBSCRIPTION);
	rig_restart(r);
	assert_null(sub_find_any(r->t, STR_LIT("s")));
	rig_free(&r);
}

/* The topic goes while a subscription is being made. */
static void
test_abandoned(void **state)
{
	struct rig *r = rig_new();
	struct op *op = rig_op(r, OP_SUBSCRIBE, 1);
	struct sub *s;

	(void)state;
	op->subscribe = shared;
	sub_subscribe(r->t, &op);
	s = sub_find_any(r->t, STR_LIT("s"));
	assert_true(s->opening);
	sub_free(&s);
	assert_err(rig_fx(r, FX_DONE, 1)->err, ERR_NOT_READY);
	assert_int_equal(r->t->pins, 0);
	/* the same during the commit */
	op = rig_op(r, OP_SUBSCRIBE, 1);
	op->subscribe = shared;
	sub_subscribe(r->t, &op);
	while (fake_poll(r->e))
		;
	s = sub_find_any(r->t, STR_LIT("s"));
	assert_true(s->opening);
	sub_free(&s);
	assert_int_equal(r->t->pins, 1);
	rig_run(r);
	assert_int_equal(r->t->pins, 0);
	rig_free(&r);
}

static void
test_last_id(void **state)
{
	struct rig *r = rig_new();
	struct consumer *c;
	struct op *op;
	struct fx *fx;

	(void)state;
	c = rig_sub(r, &shared, 1, NULL);
	op = rig_op(r, OP_LAST_ID, 1);
	consumer_op(c, &op);
	rig_run(r);
	assert_int_equal(rig_fx(r, FX_LAST_ID, 1)->pos.entry, -1);
	rig_add(r, 3, 5);
	rig_ack(r, c, 0);
	r->e->cold = true;
	op = rig_op(r, OP_LAST_ID, 1);
	consumer_op(c, &op);
	rig_run(r);
	fx = rig_fx(r, FX_LAST_ID, 1);
	assert_int_equal(fx->pos.entry, 2);
	assert_int_equal(fx->u32, 5);
	assert_true(fx->flag);
	assert_int_equal(fx->pos2.entry, 0);
	rig_free(&r);
}

static void
test_non_persistent(void **state)
{
	struct attr at = { .messages_n = 2, .key_hash = 9 };
	struct entry ent = { .pos = { 0, 0 }, .attr = at };
	struct op_subscribe sb = shared;
	struct rig *r = rig_new();
	struct consumer *c[4];
	unsigned i;
	static const char *const subs[] = { "e", "f", "s", "k" };

	(void)state;
	topic_name_fini(&r->t->name);
	assert_ok(topic_name_parse(
	    &r->t->name, STR_LIT("non-persistent://public/default/topic")));
	ent.body = slice_str("x");
	for (i = 0; i < 4; i++) {
		sb.sub = str_of(subs[i]);
		sb.type = (enum sub_type)i;
		c[i] = rig_sub(r, &sb, i + 1, NULL);
		assert_non_null(c[i]);
		if (i != 1)
			consumer_flow(c[i], 3);
	}
	for (i = 0; i < 3; i++)
		sub_deliver_np(r->t, &ent);
	assert_int_equal(r->got_n, 6); /* 2 each, the third has no permits */
	assert_int_equal(c[1]->sub->dropped, 6);
	assert_int_equal(c[3]->sub->dropped, 2);
	/* acks mean nothing, seeks are refused */
	rig_ack(r, c[2], 0);
	seek(r, c[2], (struct op_start){ .kind = START_EARLIEST });
	assert_err(rig_fx(r, FX_DONE, 1)->err, ERR_NOT_ALLOWED);
	for (i = 0; i < 4; i++)
		consumer_close(c[i], ERR_OK);
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seek),
		cmocka_unit_test(test_seek_reader),
		cmocka_unit_test(test_seek_abandoned),
		cmocka_unit_test(test_seek_publish_time),
		cmocka_unit_test(test_rollback),
		cmocka_unit_test(test_admin),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_create_at),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_abandoned),
		cmocka_unit_test(test_last_id),
		cmocka_unit_test(test_non_persistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
