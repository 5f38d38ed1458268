/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors by index, claims, ranges: OP_CURSOR_*, OP_RANGE, OP_READ by locator. */
#include "test.h"

#include "core/cursor_priv.h"
#include "core/sub_priv.h"
#include "core/topic_priv.h"
#include "log_rig.h"

static struct lrig *tr;
static uint64_t producer, sequence;

static void
put(uint32_t messages_n)
{
	struct core_publish p = {
		.producer = producer,
		.attr = { .format = ENTRY_FORMAT_PULSAR,
		    .messages_n = messages_n,
		    .flags = messages_n > 1 ? ATTR_BATCH : 0 },
		.body = slice_str("0123456789"),
	};

	p.sequence = p.highest_sequence = sequence++;
	core_publish(tr->co, &p);
}

static void
put_n(unsigned n, uint32_t messages_n)
{
	while (n-- > 0)
		put(messages_n);
	lrig_run(tr);
	tr->rc_n = 0;
}

static void
restart(void)
{
	lrig_stop(tr);
	lrig_start(tr);
	lrig_forget(tr);
	producer = lrig_producer(tr, 1);
}

static void
begin(void **state)
{
	tr = *state;
	tr->conf.ledger_max_entries = 100;
	sequence = 0;
	restart();
}

static struct op *
sub_op_new(enum op_type type, const char *sub)
{
	struct op *op = lrig_new_op(tr, type, 7, 0);

	op->sub = op_str(op, str_of(sub));
	return op;
}

static struct op *
set_op(const char *sub, uint64_t index, bool durable)
{
	struct op *op = sub_op_new(OP_CURSOR_SET, sub);

	op->u64 = index;
	op->flag = true;
	op->flag2 = durable;
	return op;
}

static enum err
set(const char *sub, uint64_t index)
{
	return lrig_ask(tr, set_op(sub, index, true))->err;
}

static uint64_t
get(const char *sub)
{
	const struct fx *fx = lrig_ask(tr, sub_op_new(OP_CURSOR_GET, sub));

	assert_ok(fx->err);
	assert_int_equal(fx->type, FX_CURSOR);
	assert_int_equal(fx->max_index, lrig_topic(tr)->log.next_index);
	return fx->u64;
}

static struct sub *
sub(const char *name)
{
	struct sub *s = sub_find(lrig_topic(tr), str_of(name));

	assert_non_null(s);
	return s;
}

static const struct fx *
subscribe(const char *name, enum sub_type type, uint64_t conn)
{
	struct op *op = lrig_new_op(tr, OP_SUBSCRIBE, conn, conn);

	op->subscribe.sub = op_str(op, str_of(name));
	op->subscribe.type = type;
	op->subscribe.durable = true;
	op->subscribe.create_topic = true;
	return lrig_ask(tr, op);
}

/* --- set and told ------------------------------------------------------------------ */

static void
test_set_get(void **state)
{
	struct op *op;

	begin(state);
	put_n(50, 1);
	assert_int_equal(lrig_ask(tr, sub_op_new(OP_CURSOR_GET, "g"))->err,
	    ERR_NO_SUBSCRIPTION);
	op = set_op("g", 3, false);
	op->flag = false;
	assert_int_equal(lrig_ask(tr, op)->err, ERR_NO_SUBSCRIPTION);
	assert_ok(set("g", 3));
	assert_int_equal(get("g"), 3);
	assert_ok(set("g", 20)); /* forward */
	assert_int_equal(get("g"), 20);
	assert_int_equal(cursor_backlog(sub("g")->cur), 30);
	restart();
	assert_int_equal(get("g"), 20);
	assert_ok(set("g", 5)); /* and back */
	assert_int_equal(get("g"), 5);
	assert_int_equal(cursor_backlog(sub("g")->cur), 45);
	restart();
	assert_int_equal(get("g"), 5);
	/* 0, the end, beyond it */
	assert_ok(set("g", 0));
	assert_int_equal(get("g"), 0);
	assert_ok(set("g", 50));
	assert_int_equal(get("g"), 50);
	assert_ok(set("g", 1000));
	assert_int_equal(get("g"), 50);
	put_n(1, 1);
	assert_int_equal(get("g"), 50);
	assert_int_equal(cursor_backlog(sub("g")->cur), 1);
	restart();
	assert_int_equal(get("g"), 50);
}

/* Answered at once; kept by the next group all the same */
static void
test_oneway(void **state)
{
	struct op *op;
	unsigned n;

	begin(state);
	put_n(50, 1);
	assert_ok(set("g", 3));
	tr->e->hold = true;
	n = tr->fx_n;
	op = set_op("g", 7, false);
	core_op(tr->co, &op);
	assert_int_equal(tr->fx_n, n + 1);
	assert_ok(tr->fx[n]->err);
	op = set_op("g", 9, true);
	core_op(tr->co, &op);
	lrig_run(tr);
	assert_int_equal(tr->fx_n, n + 1);
	tr->e->hold = false;
	lrig_run(tr);
	assert_int_equal(tr->fx_n, n + 2);
	op = set_op("g", 8, false);
	core_op(tr->co, &op);
	lrig_run(tr);
	restart();
	assert_int_equal(get("g"), 8);
}

static void
test_inside_entry(void **state)
{
	const uint64_t *words;
	unsigned cold;
	uint64_t i;

	begin(state);
	put_n(8, 1);
	put_n(5, 200); /* 8, 208, 408, 608, 808 */
	put_n(7, 1);
	for (cold = 0; cold < 2; cold++) {
		for (i = 0; i < 1015; i += 67) {
			tr->e->cold = cold;
			assert_ok(set("g", i));
			assert_int_equal(get("g"), i);
			assert_int_equal(
			    cursor_backlog(sub("g")->cur), 1015 - i);
			if (i % 3 == 0) {
				restart();
				assert_int_equal(get("g"), i);
			}
			lrig_forget(tr);
		}
		/* who connects gets what is left of the entry */
		assert_ok(set("g", 308));
		assert_int_equal(cursor_ack_bits(sub("g")->cur,
				     (struct pos){ sub("g")->cur->md.ledger,
					 sub("g")->cur->md.entry + 1 },
				     &words),
		    4);
		assert_true(words[0] == 0);
		assert_true(words[1] == UINT64_MAX << 36);
		assert_true(words[3] == 0xff);
	}
}

/* Order is kept where one has to read first. */
static void
test_in_order(void **state)
{
	struct op *a, *b, *c;
	uint64_t req;
	unsigned i;

	begin(state);
	put_n(10, 7);
	assert_ok(set("g", 0));
	tr->e->cold = true;
	a = set_op("g", 33, false);
	b = set_op("g", 70, false); /* arithmetic */
	c = sub_op_new(OP_CURSOR_GET, "g");
	req = c->req;
	core_op(tr->co, &a);
	core_op(tr->co, &b);
	core_op(tr->co, &c);
	lrig_run(tr);
	for (i = 0; i < tr->fx_n; i++)
		if (tr->fx[i]->req == req)
			assert_int_equal(tr->fx[i]->u64, 70);
	assert_int_equal(get("g"), 70);
	/* the topic goes meanwhile */
	a = set_op("g", 33, true);
	core_op(tr->co, &a);
	assert_ok(lrig_ask(tr, lrig_new_op(tr, OP_TOPIC_UNLOAD, 1, 0))->err);
	assert_int_equal(get("g"), 70);
}

/* --- together with consumers ---------------------------------------------------------- */

static void
test_busy(void **state)
{
	const struct fx *fx;
	struct op *op;
	uint64_t h;

	begin(state);
	put_n(20, 1);
	fx = subscribe("g", SUB_EXCLUSIVE, 9);
	assert_int_equal(fx->type, FX_SUBSCRIBED);
	h = fx->handle;
	assert_int_equal(set("g", 3), ERR_CONSUMER_BUSY);
	op = lrig_new_op(tr, OP_CONSUMER_CLOSE, 9, 9);
	op->handle = h;
	assert_ok(lrig_ask(tr, op)->err);
	assert_ok(set("g", 3));
	fx = subscribe("g", SUB_SHARED, 9);
	assert_int_equal(fx->type, FX_SUBSCRIBED);
	assert_ok(set("g", 7)); /* forward: it stays */
	assert_int_equal(sub("g")->consumers_n, 1);
	assert_ok(set("g", 2)); /* back: it has to come again */
	assert_int_equal(sub("g")->consumers_n, 0);
	assert_int_equal(get("g"), 2);
}

static struct op *
claim_op(bool on, int64_t ms, uint32_t shared)
{
	struct op *op = sub_op_new(OP_CURSOR_CLAIM, "g");

	op->flag = on;
	op->u64 = (uint64_t)(tr->now_ms + ms);
	op->u32 = shared;
	return op;
}

static void
test_claim(void **state)
{
	const struct fx *fx;
	struct op *op;

	begin(state);
	put_n(20, 1);
	assert_ok(lrig_ask(tr, claim_op(true, 10000, 0))->err);
	assert_int_equal(
	    subscribe("g", SUB_FAILOVER, 9)->err, ERR_CONSUMER_BUSY);
	assert_int_equal(subscribe("g", SUB_SHARED, 9)->err, ERR_CONSUMER_BUSY);
	assert_int_equal(subscribe("h", SUB_SHARED, 9)->type, FX_SUBSCRIBED);
	assert_ok(lrig_ask(tr, claim_op(true, 10000, 1))->err);
	assert_int_equal(
	    subscribe("g", SUB_EXCLUSIVE, 9)->err, ERR_CONSUMER_BUSY);
	fx = subscribe("g", SUB_SHARED, 10);
	assert_int_equal(fx->type, FX_SUBSCRIBED);
	/* the other way round */
	assert_int_equal(
	    lrig_ask(tr, claim_op(true, 10000, 0))->err, ERR_CONSUMER_BUSY);
	assert_ok(lrig_ask(tr, claim_op(true, 20000, 1))->err);
	op = lrig_new_op(tr, OP_CONSUMER_CLOSE, 10, 10);
	op->handle = fx->handle;
	assert_ok(lrig_ask(tr, op)->err);
	/* over by time, and by word */
	lrig_pass(tr, 10001);
	assert_int_equal(
	    subscribe("g", SUB_EXCLUSIVE, 11)->err, ERR_CONSUMER_BUSY);
	lrig_pass(tr, 10000);
	fx = subscribe("g", SUB_EXCLUSIVE, 11);
	assert_int_equal(fx->type, FX_SUBSCRIBED);
	op = lrig_new_op(tr, OP_CONSUMER_CLOSE, 11, 11);
	op->handle = fx->handle;
	assert_ok(lrig_ask(tr, op)->err);
	assert_ok(lrig_ask(tr, claim_op(true, 10000, 0))->err);
	assert_ok(lrig_ask(tr, claim_op(false, 0, 0))->err);
	assert_int_equal(
	    subscribe("g", SUB_EXCLUSIVE, 11)->type, FX_SUBSCRIBED);
}

/* --- what holds data ------------------------------------------------------------------- */

static void
test_holds(void **state)
{
	struct topic *t;
	const struct fx *fx;
	struct op *op;

	begin(state);
	tr->conf.retention_ms = 3600000;
	tr->conf.retention_bytes = -1;
	restart();
	put_n(100, 1);
	assert_ok(set("g", 3));
	restart();
	assert_false(sub("g")->holds);
	lrig_pass(tr, 700000);
	put_n(100, 1);
	t = lrig_topic(tr);
	assert_int_equal(t->log.ledgers_n, 2);
	lrig_pass(tr, 3200000);
	assert_int_equal(t->log.ledgers_n, 2);
	fx = lrig_ask(tr, sub_op_new(OP_CURSOR_GET, "g"));
	assert_int_equal(fx->u64, 100);
	assert_int_equal(fx->min_index, 100);
	/* below what is there: taken as the first */
	assert_ok(set("g", 7));
	assert_int_equal(get("g"), 100);
	/* from the first consumer on it is kept for it, over a restart too */
	fx = subscribe("g", SUB_SHARED, 9);
	assert_int_equal(fx->type, FX_SUBSCRIBED);
	op = lrig_new_op(tr, OP_CONSUMER_CLOSE, 9, 9);
	op->handle = fx->handle;
	assert_ok(lrig_ask(tr, op)->err);
	restart();
	assert_int_equal(get("g"), 100);
	assert_true(sub("g")->holds);
	lrig_pass(tr, 700000);
	put_n(100, 1);
	lrig_pass(tr, 3600000 + 60000);
	assert_int_equal(tlog_first_index(lrig_topic(tr)), 100);
}

/* --- ranges and locators ---------------------------------------------------------------- */

static void
test_range(void **state)
{
	const struct fx *fx;
	int64_t first;

	begin(state);
	fx = lrig_ask(tr, lrig_new_op(tr, OP_RANGE, 7, 0));
	assert_int_equal(fx->type, FX_CURSOR);
	assert_int_equal(fx->min_index, 0);
	assert_int_equal(fx->max_index, 0);
	assert_int_equal(fx->first_ms, 0);
	assert_int_equal(fx->last_ms, 0);
	put_n(1, 3);
	first = tr->now_ms;
	lrig_pass(tr, 1000);
	put_n(5, 1);
	fx = lrig_ask(tr, lrig_new_op(tr, OP_RANGE, 7, 0));
	assert_int_equal(fx->max_index, 8);
	assert_int_equal(fx->first_ms, first);
	assert_int_equal(fx->last_ms, first + 1000);
}

static void
test_locator(void **state)
{
	const struct fx *fx;
	struct op *op;
	uint64_t i, ledger;

	begin(state);
	put_n(100, 1);
	lrig_pass(tr, 700000);
	put_n(10, 5);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 2);
	ledger = tlog_last(lrig_topic(tr))->info.id;
	for (i = 0; i < 50; i += 7) {
		op = lrig_new_op(tr, OP_READ, 7, 0);
		op->u64 = entry_locator(ledger, i);
		op->flag = true;
		fx = lrig_ask(tr, op);
		assert_int_equal(fx->type, FX_ENTRY);
		assert_in_range(100 + i, fx->ent.index, fx->ent.index + 4);
		op = lrig_new_op(tr, OP_READ, 7, 0);
		op->u64 = 100 + i;
		fx = lrig_ask(tr, op);
		assert_int_equal(fx->type, FX_ENTRY);
		assert_in_range(100 + i, fx->ent.index, fx->ent.index + 4);
	}
	op = lrig_new_op(tr, OP_READ, 7, 0);
	op->u64 = entry_locator(ledger, 50);
	op->flag = true;
	assert_int_equal(lrig_ask(tr, op)->err, ERR_NO_MESSAGE);
	op = lrig_new_op(tr, OP_READ, 7, 0);
	op->u64 = entry_locator(ledger + 1, 0);
	op->flag = true;
	assert_int_equal(lrig_ask(tr, op)->err, ERR_NO_MESSAGE);
	op = lrig_new_op(tr, OP_READ, 7, 0);
	op->u64 = 150;
	assert_int_equal(lrig_ask(tr, op)->err, ERR_NO_MESSAGE);
}

int
main(void)
{
#define T_(f) cmocka_unit_test_setup_teardown(f, lrig_setup, lrig_teardown)
	const struct CMUnitTest tests[] = {
		T_(test_set_get),
		T_(test_oneway),
		T_(test_inside_entry),
		T_(test_in_order),
		T_(test_busy),
		T_(test_claim),
		T_(test_holds),
		T_(test_range),
		T_(test_locator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
