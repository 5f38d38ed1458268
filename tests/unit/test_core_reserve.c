/* SPDX-License-Identifier: Apache-2.0 */
/* OP_RESERVE and OP_FILL: what op.h says of them. */
#include "test.h"

#include "log_rig.h"

#define L "persistent://public/default/l"

static struct lrig *tr;

static struct op *
light_op(enum op_type type)
{
	struct op *op = lrig_new_op(tr, type, 7, 0);

	op->topic = op_str(op, STR_LIT(L));
	return op;
}

/* the name of a place; its index is what is wanted */
static int64_t
reserve(uint64_t index)
{
	const struct fx *fx = lrig_ask(tr, light_op(OP_RESERVE));

	assert_ok(fx->err);
	assert_int_equal(fx->type, FX_CURSOR);
	assert_int_equal(fx->u64, index);
	return fx->i64;
}

static struct op *
fill_op(int64_t name, bool nothing)
{
	struct op *op = light_op(OP_FILL);

	op->u64 = (uint64_t)name;
	op->flag = nothing;
	op->publish.attr =
	    (struct attr){ .format = ENTRY_FORMAT_REFERENCE, .messages_n = 1 };
	op->publish.body = slice_dup(slice_str("somewhere"));
	return op;
}

/* not answered at once, or not well */
static uint64_t
fill(int64_t name, bool nothing)
{
	struct op *op = fill_op(name, nothing);
	uint64_t req = op->req;

	core_op(tr->co, &op);
	lrig_run(tr);
	return req;
}

static const struct fx *
answer_to(uint64_t req)
{
	unsigned i;

	for (i = 0; i < tr->fx_n; i++)
		if (tr->fx[i]->req == req)
			return tr->fx[i];
	return NULL;
}

/* entries that a read from 0 finds; *next: where it goes on */
static uint32_t
stored(uint64_t *next)
{
	struct op *op = light_op(OP_READ_AT);
	const struct fx *fx;

	op->read.max_n = 100;
	op->read.max_bytes = 1 << 20;
	fx = lrig_ask(tr, op);
	assert_ok(fx->err);
	*next = fx->u64;
	return fx->entries_n;
}

static void
begin(void **state)
{
	tr = *state;
	tr->conf.max_pending_publishes = 100;
	lrig_stop(tr);
	lrig_start(tr);
}

/* In the order of places, whatever the order in which they are filled */
static void
test_order(void **state)
{
	uint64_t next, req[3];
	int64_t name[3];
	unsigned i;

	begin(state);
	for (i = 0; i < 3; i++)
		name[i] = reserve(i);
	assert_int_equal(stored(&next), 0);
	req[2] = fill(name[2], false);
	req[1] = fill(name[1], false);
	assert_null(answer_to(req[1]));
	assert_int_equal(stored(&next), 0);
	req[0] = fill(name[0], false);
	for (i = 0; i < 3; i++)
		assert_ok(answer_to(req[i])->err);
	assert_int_equal(stored(&next), 3);
	assert_int_equal(next, 3);
	/* a place is filled once */
	assert_int_equal(
	    lrig_ask(tr, fill_op(name[1], false))->err, ERR_CONFLICT);
	/* and they go on after a restart */
	lrig_stop(tr);
	lrig_start(tr);
	lrig_forget(tr);
	(void)reserve(3);
}

/* What is not filled leaves no hole. */
static void
test_nothing(void **state)
{
	uint64_t next, req;
	int64_t a, b, c;

	begin(state);
	a = reserve(0);
	b = reserve(1);
	c = reserve(2);
	assert_ok(lrig_ask(tr, fill_op(c, true))->err);
	c = reserve(2); /* it was the last */
	req = fill(c, false);
	assert_null(answer_to(req));
	assert_null(answer_to(fill(b, true)));
	assert_ok(lrig_ask(tr, fill_op(a, false))->err);
	assert_ok(answer_to(req)->err);
	assert_int_equal(stored(&next), 2);
	assert_int_equal(next, 3);
}

static void
test_refused(void **state)
{
	struct op *op;
	unsigned i;

	begin(state);
	assert_int_equal(lrig_ask(tr, fill_op(1, false))->err, ERR_NO_TOPIC);
	for (i = 0; i < 50; i++)
		(void)reserve(i);
	assert_int_equal(lrig_ask(tr, light_op(OP_RESERVE))->err, ERR_BUSY);
	assert_int_equal(lrig_ask(tr, fill_op(777, false))->err, ERR_CONFLICT);
	/* nobody else appends meanwhile, and where somebody does there are none */
	op = lrig_open_op(tr, NULL, 1, 1);
	op->topic = op_str(op, STR_LIT(L));
	assert_int_equal(lrig_ask(tr, op)->err, ERR_BUSY);
	(void)lrig_producer(tr, 1);
	op = lrig_new_op(tr, OP_RESERVE, 7, 0);
	assert_int_equal(lrig_ask(tr, op)->err, ERR_BUSY);
}

/* The engine's answer to everything that it holds. */
static void
refuse_all(enum err e)
{
	struct fake_ledger *f = tr->e->ledgers;
	uint32_t n = f->n - f->durable;

	assert_true(n > 0);
	while (f->n > f->durable)
		buf_unref(&f->ent[--f->n].body.buf);
	core_ledger_client.appended(f->owner, 0, n, 0, 0, e);
	tr->e->hold = false;
	lrig_run(tr);
}

/* A write that fails takes the places behind it with it. */
static void
test_write_fails(void **state)
{
	uint64_t next, req[2];
	int64_t name[3];
	unsigned i;

	begin(state);
	for (i = 0; i < 3; i++)
		name[i] = reserve(i);
	req[1] = fill(name[1], false);
	tr->e->hold = true;
	req[0] = fill(name[0], false);
	refuse_all(ERR_NO_SPACE);
	for (i = 0; i < 2; i++)
		assert_int_not_equal(answer_to(req[i])->err, ERR_OK);
	assert_int_equal(
	    lrig_ask(tr, fill_op(name[2], false))->err, ERR_CONFLICT);
	assert_int_equal(stored(&next), 0);
	assert_ok(lrig_ask(tr, fill_op(reserve(0), false))->err);
	assert_int_equal(stored(&next), 1);
}

/* Places go with the topic's unload; it is not idle while there are any. */
static void
test_unload(void **state)
{
	uint64_t req;
	int64_t b;

	begin(state);
	(void)reserve(0);
	b = reserve(1);
	req = fill(b, false);
	lrig_pass(tr, 3600000);
	assert_null(answer_to(req));
	assert_ok(lrig_ask(tr, light_op(OP_TOPIC_UNLOAD))->err);
	assert_int_equal(answer_to(req)->err, ERR_NOT_READY);
	assert_int_equal(lrig_ask(tr, fill_op(b, false))->err, ERR_CONFLICT);
	b = reserve(0);
	(void)fill(b, true);
	(void)reserve(0);
}

int
main(void)
{
#define T_(f) cmocka_unit_test_setup_teardown(f, lrig_setup, lrig_teardown)
	const struct CMUnitTest tests[] = {
		T_(test_order),
		T_(test_nothing),
		T_(test_refused),
		T_(test_write_fails),
		T_(test_unload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
