/* SPDX-License-Identifier: Apache-2.0 */
/* Leases for a time: OP_LEASE, OP_LEASE_END, OP_LEASE_EXTEND. */
#include "test.h"

#include "core/cursor_priv.h"
#include "core/leasing.h"
#include "core/sub_priv.h"
#include "core/topic_priv.h"
#include "log_rig.h"

static struct lrig *tr;
static uint64_t producer, sequence;

static void
put(uint32_t messages_n, uint32_t tag, int64_t deliver_ms)
{
	struct core_publish p = {
		.producer = producer,
		.attr = { .format = ENTRY_FORMAT_PULSAR,
		    .messages_n = messages_n,
		    .tag_hash = tag,
		    .deliver_at_ms = deliver_ms,
		    .flags = messages_n > 1 ? ATTR_BATCH : 0 },
		.body = slice_str("0123456789"),
	};

	p.sequence = p.highest_sequence = sequence++;
	core_publish(tr->co, &p);
	lrig_run(tr);
	tr->rc_n = 0;
}

static void
put_n(unsigned n)
{
	while (n-- > 0)
		put(1, 0, 0);
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
	tr->conf.max_leases = 50;
	tr->conf.max_waiting_reads = 20;
	tr->conf.delayed = true;
	sequence = 0;
	restart();
}

static struct op *
new_op(enum op_type type)
{
	struct op *op = lrig_new_op(tr, type, 7, 0);

	op->sub = op_str(op, STR_LIT("g"));
	return op;
}

static struct op *
lease_op(uint32_t max_n, int64_t invisible_ms, int64_t wait_ms)
{
	struct op *op = new_op(OP_LEASE);

	op->lease.max_n = max_n;
	op->lease.max_bytes = 1 << 20;
	op->lease.invisible_ms = invisible_ms;
	op->lease.wait_ms = wait_ms;
	op->lease.create = true;
	op->start.kind = START_EARLIEST;
	return op;
}

static const struct fx *
lease(uint32_t max_n, int64_t invisible_ms)
{
	const struct fx *fx;

	lrig_forget(tr);
	fx = lrig_ask(tr, lease_op(max_n, invisible_ms, 0));
	assert_ok(fx->err);
	assert_int_equal(fx->type, FX_LEASES);
	return fx;
}

/* n entries, of one message each, from index on, delivered so often before */
static void
assert_leased(
    const struct fx *fx, uint64_t index, uint32_t n, uint32_t redeliveries)
{
	uint32_t i;

	assert_non_null(fx);
	assert_ok(fx->err);
	assert_int_equal(fx->entries_n, n);
	for (i = 0; i < n; i++) {
		assert_int_equal(fx->entries[i].index, index + i);
		assert_int_equal(fx->leased[i].redeliveries, redeliveries);
		assert_int_equal(fx->entries[i].body.len, 10);
	}
}

static struct op *
end_op(uint64_t index, uint32_t n, int64_t time_ms, enum lease_end how)
{
	struct op *op = new_op(OP_LEASE_END);
	struct lease_name *v = op_mem(op, n * sizeof *v);
	uint32_t i;

	for (i = 0; i < n; i++)
		v[i] = (struct lease_name){ index + i, time_ms };
	op->names = v;
	op->names_n = n;
	op->u32 = how;
	return op;
}

static enum err
end(uint64_t index, uint32_t n, int64_t time_ms, enum lease_end how)
{
	return lrig_ask(tr, end_op(index, n, time_ms, how))->err;
}

static int64_t
extend(uint64_t index, int64_t time_ms, int64_t invisible_ms)
{
	struct op *op = end_op(index, 1, time_ms, LEASE_ACK);
	const struct fx *fx;

	op->type = OP_LEASE_EXTEND;
	op->u32 = 0;
	op->lease.invisible_ms = invisible_ms;
	fx = lrig_ask(tr, op);
	return fx->err == ERR_OK ? fx->i64 : -(int64_t)fx->err;
}

static uint64_t
send(struct op *op)
{
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

static struct sub *
sub(void)
{
	struct sub *s = sub_find(lrig_topic(tr), STR_LIT("g"));

	assert_non_null(s);
	return s;
}

/* --- out and back ------------------------------------------------------------------- */

static void
test_lease_ack(void **state)
{
	const struct fx *fx;
	struct op *op;
	int64_t t1, t2;

	begin(state);
	put_n(10);
	op = lease_op(4, 1000, 0);
	op->lease.create = false;
	assert_int_equal(lrig_ask(tr, op)->err, ERR_NO_SUBSCRIPTION);
	fx = lease(4, 1000);
	assert_leased(fx, 0, 4, 0);
	assert_int_equal(fx->u64, 6);
	assert_false(sub()->holds);
	t1 = fx->i64;
	fx = lease(100, 1000);
	assert_leased(fx, 4, 6, 0);
	t2 = fx->i64;
	assert_leased(lease(4, 1000), 0, 0, 0);
	assert_ok(end(0, 4, t1, LEASE_ACK));
	assert_int_equal(cursor_backlog(sub()->cur), 6);
	/* by its own time only; again is no fault */
	assert_int_equal(end(4, 1, t2 + 1, LEASE_ACK), ERR_CONFLICT);
	assert_ok(end(0, 1, t1, LEASE_ACK));
	assert_int_equal(end(10, 1, t2, LEASE_ACK), ERR_NO_MESSAGE);
	assert_ok(end(4, 6, t2, LEASE_ACK));
	assert_int_equal(cursor_backlog(sub()->cur), 0);
	lrig_pass(tr, 5000);
	assert_leased(lease(4, 1000), 0, 0, 0);
	assert_int_equal(cursor_terms(sub()->cur)->n, 0);
}

static void
test_comes_back(void **state)
{
	int64_t t1, t2;

	begin(state);
	put_n(3);
	t1 = lease(10, 1000)->i64;
	assert_ok(end(1, 1, t1, LEASE_ACK));
	lrig_pass(tr, 999);
	assert_leased(lease(10, 1000), 0, 0, 0);
	lrig_pass(tr, 1);
	assert_leased(lease(1, 1000), 0, 1, 1);
	t2 = lease(10, 500)->i64;
	assert_true(t2 > t1);
	assert_int_equal(end(2, 1, t1, LEASE_ACK), ERR_CONFLICT);
	lrig_pass(tr, 500);
	/* what came back goes before what is new */
	put_n(1);
	assert_leased(lease(1, 1000), 2, 1, 2);
	/* over, but nobody else has it: it may still be ended */
	lrig_pass(tr, 1000);
	assert_int_equal(end(2, 1, t2, LEASE_ACK), ERR_CONFLICT);
	assert_ok(end(0, 1, t1 + 1000, LEASE_ACK));
	assert_leased(lease(1, 1000), 2, 1, 3);
}

static void
test_return(void **state)
{
	int64_t t1, t2;

	begin(state);
	put_n(2);
	t1 = lease(1, 60000)->i64;
	assert_ok(end(0, 1, t1, LEASE_RETURN));
	t2 = lease(1, 60000)->i64;
	assert_true(t2 > t1);
	assert_ok(end(0, 1, t2, LEASE_RETURN_UNUSED));
	assert_leased(lease(1, 60000), 0, 1, 1);
	restart();
	assert_leased(lease(9, 60000), 1, 1, 0);
}

static void
test_extend(void **state)
{
	int64_t t1, t2;

	begin(state);
	put_n(2);
	t1 = lease(2, 1000)->i64;
	t2 = extend(0, t1, 5000);
	assert_true(t2 > t1);
	assert_int_equal(end(0, 1, t1, LEASE_ACK), ERR_CONFLICT);
	assert_int_equal(extend(0, t1, 5000), -(int64_t)ERR_CONFLICT);
	lrig_pass(tr, 1000);
	assert_leased(lease(2, 60000), 1, 1, 1);
	restart();
	assert_leased(lease(2, 60000), 0, 0, 0);
	/* as long as its name says, which is a millisecond later */
	assert_int_equal(t2, t1 + 1);
	lrig_pass(tr, 4000);
	assert_leased(lease(2, 60000), 0, 0, 0);
	lrig_pass(tr, 1);
	assert_leased(lease(2, 60000), 0, 1, 1);
	assert_int_equal(extend(5, t1, 5000), -(int64_t)ERR_NO_MESSAGE);
}

/* --- kept --------------------------------------------------------------------------- */

static void
test_restart(void **state)
{
	int64_t t1, t2;

	begin(state);
	put_n(120); /* two ledgers */
	t1 = lease(20, 5000)->i64;
	assert_ok(end(3, 1, t1, LEASE_ACK));
	lrig_run(tr);
	restart();
	assert_leased(lease(1, 5000), 20, 1, 0);
	assert_ok(end(4, 2, t1, LEASE_ACK));
	assert_int_equal(end(6, 1, t1 - 1, LEASE_ACK), ERR_CONFLICT);
	lrig_pass(tr, 4000);
	restart();
	lrig_pass(tr, 1000);
	assert_leased(lease(3, 5000), 0, 3, 1);
	t2 = lease(1, 5000)->i64;
	restart();
	assert_int_equal(end(6, 1, t1, LEASE_ACK), ERR_CONFLICT);
	assert_ok(end(6, 1, t2, LEASE_ACK));
	/* over while nobody was there */
	lrig_stop(tr);
	tr->now_ms += 60000;
	tr->now_ns += 60000 * INT64_C(1000000);
	tr->e->now_ms = tr->now_ms;
	lrig_start(tr);
	lrig_forget(tr);
	assert_leased(lease(3, 5000), 0, 3, 2);
}

/* The last process may not have written the lease. */
static void
test_lost_lease(void **state)
{
	const struct fx *fx;
	int64_t t1;

	begin(state);
	put_n(3);
	fx = lease(1, 60000);
	t1 = fx->i64;
	assert_int_equal(end(1, 1, t1, LEASE_ACK), ERR_CONFLICT);
	lrig_pass(tr, 10);
	restart();
	assert_ok(end(1, 1, t1, LEASE_ACK));
	assert_int_equal(
	    end(2, 1, tr->now_ms, LEASE_ACK), ERR_CONFLICT); /* not given */
	assert_leased(lease(9, 60000), 2, 1, 0);
}

/* Snapshots have them too, and are read as before where there are none. */
static void
test_snapshot(void **state)
{
	int64_t t1;
	unsigned i;

	begin(state);
	put_n(60);
	t1 = lease(40, 1000000)->i64;
	assert_ok(end(7, 2, t1, LEASE_ACK));
	for (i = 0; i < 10; i++)
		t1 = extend(0, t1, 1000000);
	fake_snapshot(tr->e, sub()->journal_id);
	lrig_run(tr);
	restart();
	assert_int_equal(cursor_terms(sub()->cur)->n, 38);
	assert_leased(lease(2, 1000), 40, 2, 0);
	assert_ok(end(0, 1, t1, LEASE_ACK));
}

/* --- waiting ------------------------------------------------------------------------- */

static void
test_waits(void **state)
{
	uint64_t a, b, c;
	struct op *op;

	begin(state);
	put_n(1);
	lease(1, 1000);
	lrig_forget(tr);
	a = send(lease_op(1, 60000, 5000));
	b = send(lease_op(10, 60000, 200));
	c = send(lease_op(10, 60000, 9000));
	assert_null(answer_to(a));
	lrig_pass(tr, 200);
	assert_leased(answer_to(b), 0, 0, 0);
	put_n(1); /* wakes both: one has it */
	assert_leased(answer_to(a), 1, 1, 0);
	assert_null(answer_to(c));
	lrig_pass(tr, 800); /* the first one comes back */
	assert_leased(answer_to(c), 0, 1, 1);
	/* dropped: nothing is leased for it */
	send(lease_op(1, 60000, 5000));
	op = new_op(OP_READ_CANCEL);
	op->req = 0; /* all */
	send(op);
	put_n(1);
	assert_leased(lease(10, 60000), 2, 1, 0);
	/* the topic goes */
	lrig_forget(tr);
	a = send(lease_op(1, 60000, 5000));
	assert_ok(lrig_ask(tr, lrig_new_op(tr, OP_TOPIC_UNLOAD, 8, 0))->err);
	assert_int_equal(answer_to(a)->err, ERR_NOT_READY);
}

static void
test_limits(void **state)
{
	uint64_t req[21];
	int64_t t1;
	unsigned i;

	begin(state);
	put_n(60);
	t1 = lease(100, 1000)->i64;
	assert_int_equal(cursor_terms(sub()->cur)->n, 50);
	assert_leased(lease(100, 1000), 0, 0, 0);
	assert_ok(end(0, 2, t1, LEASE_ACK));
	assert_leased(lease(100, 1000), 50, 2, 0);
	lrig_pass(tr, 1000);
	assert_leased(lease(100, 60000), 2, 50, 1);
	lrig_forget(tr);
	for (i = 0; i < 21; i++)
		req[i] = send(lease_op(1, 1000, 5000));
	assert_int_equal(answer_to(req[20])->err, ERR_BUSY);
	assert_null(answer_to(req[19]));
}

static void
test_order(void **state)
{
	struct op *op;
	uint64_t req;
	int64_t t1;

	begin(state);
	put_n(4);
	t1 = lease(2, 60000)->i64;
	lrig_forget(tr);
	op = lease_op(2, 1000, 9000);
	op->flag = true;
	req = send(op);
	assert_ok(end(0, 1, t1, LEASE_ACK));
	assert_null(answer_to(req));
	assert_ok(end(1, 1, t1, LEASE_RETURN));
	assert_non_null(answer_to(req));
	assert_int_equal(answer_to(req)->entries_n, 2);
	assert_int_equal(answer_to(req)->entries[0].index, 1);
	assert_int_equal(answer_to(req)->leased[0].redeliveries, 1);
	assert_int_equal(answer_to(req)->entries[1].index, 2);
}

/* --- which ---------------------------------------------------------------------------- */

static struct op *
tag_op(uint32_t tag, uint32_t other)
{
	struct op *op = lease_op(10, 60000, 0);
	uint32_t *v = op_mem(op, 2 * sizeof *v);

	v[0] = tag;
	v[1] = other;
	op->lease.tags = v;
	op->lease.tags_n = 1;
	op->lease.others = v + 1;
	op->lease.others_n = other != 0 ? 1 : 0;
	return op;
}

static void
test_tags(void **state)
{
	const struct fx *fx;
	unsigned i;

	begin(state);
	for (i = 0; i < 9; i++)
		put(1, i % 3 + 1, 0); /* 1 2 3 1 2 3 ... */
	fx = lrig_ask(tr, tag_op(1, 2));
	assert_int_equal(fx->entries_n, 3);
	assert_int_equal(fx->entries[2].index, 6);
	/* nobody wants 3: passed over; 2 stays */
	assert_int_equal(cursor_backlog(sub()->cur), 6);
	fx = lrig_ask(tr, tag_op(3, 0));
	assert_int_equal(fx->entries_n, 0);
	/* that one was alone: 2 is passed over too */
	assert_int_equal(cursor_backlog(sub()->cur), 3);
	put(1, 2, 0);
	put(1, 1, 0);
	fx = lrig_ask(tr, tag_op(1, 2));
	assert_leased(fx, 10, 1, 0);
	fx = lrig_ask(tr, tag_op(2, 1));
	assert_leased(fx, 9, 1, 0);
}

/* Each message of an entry is ended by itself. */
static void
test_batch(void **state)
{
	const struct fx *fx;
	int64_t t1;

	begin(state);
	put(3, 0, 0);
	put(1, 0, 0);
	fx = lease(3, 1000);
	assert_int_equal(fx->entries_n, 1);
	assert_int_equal(fx->leased[0].words_n, 0);
	t1 = fx->i64;
	assert_ok(end(1, 1, t1, LEASE_ACK));
	assert_int_equal(cursor_backlog(sub()->cur), 3);
	lrig_pass(tr, 1000);
	fx = lease(3, 1000);
	assert_int_equal(fx->entries_n, 2);
	assert_int_equal(fx->leased[0].words_n, 1);
	assert_int_equal(fx->leased[0].words[0], 5);
	t1 = fx->i64;
	assert_ok(end(0, 1, t1, LEASE_ACK));
	assert_ok(end(2, 1, t1, LEASE_ACK));
	assert_int_equal(cursor_backlog(sub()->cur), 1);
}

static void
test_delayed(void **state)
{
	begin(state);
	put(1, 0, tr->now_ms + 5000);
	put_n(1);
	assert_leased(lease(9, 60000), 1, 1, 0);
	lrig_pass(tr, 4000);
	assert_leased(lease(9, 60000), 0, 0, 0);
	lrig_pass(tr, 2000);
	assert_leased(lease(9, 60000), 0, 1, 0);
}

/* --- beside others --------------------------------------------------------------------- */

static const struct fx *
subscribe(enum sub_type type, uint64_t conn)
{
	struct op *op = lrig_new_op(tr, OP_SUBSCRIBE, conn, conn);

	op->subscribe.sub = op_str(op, STR_LIT("g"));
	op->subscribe.type = type;
	op->subscribe.durable = true;
	op->subscribe.create_topic = true;
	return lrig_ask(tr, op);
}

static void
test_with_consumers(void **state)
{
	const struct fx *fx;
	struct op *op;
	uint64_t h;
	int64_t t1;

	begin(state);
	put_n(6);
	t1 = lease(2, 1000)->i64;
	assert_int_equal(subscribe(SUB_EXCLUSIVE, 20)->err, ERR_CONSUMER_BUSY);
	fx = subscribe(SUB_SHARED, 21);
	assert_ok(fx->err);
	h = fx->handle;
	core_flow(tr->co, h, 2);
	lrig_run(tr);
	assert_int_equal(sub()->unacked, 2); /* 2 and 3 */
	fx = lease(9, 1000);
	assert_leased(fx, 4, 2, 0);
	/* 0 and 1 come back: the consumer gets one of them */
	core_flow(tr->co, h, 1);
	lrig_run(tr);
	assert_int_equal(sub()->unacked, 2);
	lrig_pass(tr, 1000);
	assert_int_equal(sub()->unacked, 3);
	assert_int_equal(end(0, 1, t1, LEASE_ACK), ERR_CONFLICT);
	fx = lease(9, 60000);
	assert_int_equal(fx->entries_n, 3); /* 1, 4, 5 */
	assert_int_equal(fx->entries[0].index, 1);
	assert_int_equal(fx->leased[0].redeliveries, 1);
	/* the consumer leaves: what it had is free */
	op = lrig_new_op(tr, OP_CONSUMER_CLOSE, 21, 21);
	op->handle = h;
	assert_ok(lrig_ask(tr, op)->err);
	fx = lease(9, 60000);
	assert_int_equal(fx->entries_n, 3); /* 0, 2, 3 */
	assert_int_equal(fx->entries[0].index, 0);
	assert_int_equal(fx->entries[2].index, 3);
	assert_ok(end(2, 2, fx->i64, LEASE_ACK));
}

/* The cursor is set while something is out. */
static void
test_cursor_set(void **state)
{
	struct op *op;

	begin(state);
	put_n(6);
	lease(4, 60000);
	op = new_op(OP_CURSOR_SET);
	op->u64 = 2;
	op->flag2 = true;
	assert_ok(lrig_ask(tr, op)->err);
	assert_leased(lease(9, 60000), 2, 4, 0);
	restart();
	assert_leased(lease(9, 60000), 0, 0, 0);
	op = new_op(OP_CURSOR_SET);
	op->u64 = 0;
	op->flag2 = true;
	assert_ok(lrig_ask(tr, op)->err);
	assert_leased(lease(9, 60000), 0, 6, 0);
	/* where it is already: only if that is meant */
	op = new_op(OP_CURSOR_SET);
	op->u64 = 0;
	assert_ok(lrig_ask(tr, op)->err);
	assert_leased(lease(9, 60000), 0, 0, 0);
	op = new_op(OP_CURSOR_SET);
	op->u64 = 0;
	op->u32 = 1;
	assert_ok(lrig_ask(tr, op)->err);
	assert_leased(lease(9, 60000), 0, 6, 0);
}

int
main(void)
{
#define T_(f) cmocka_unit_test_setup_teardown(f, lrig_setup, lrig_teardown)
	const struct CMUnitTest tests[] = {
		T_(test_lease_ack),
		T_(test_comes_back),
		T_(test_return),
		T_(test_extend),
		T_(test_restart),
		T_(test_lost_lease),
		T_(test_snapshot),
		T_(test_waits),
		T_(test_limits),
		T_(test_order),
		T_(test_tags),
		T_(test_batch),
		T_(test_delayed),
		T_(test_with_consumers),
		T_(test_cursor_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
