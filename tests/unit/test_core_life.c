/* SPDX-License-Identifier: Apache-2.0 */
/* How topics come and go: made, terminated, unloaded, deleted, drained. */
#include "test.h"

#include "core/core_priv.h"
#include "core/record.h"
#include "tests/lib/topic_rig.h"

#define T "persistent://public/default/t"
#define NP "non-persistent://public/default/t"

static int
setup(void **state)
{
	struct trig *tr = mem_zalloc(sizeof *tr);

	trig_init(tr);
	*state = tr;
	return 0;
}

static int
teardown(void **state)
{
	struct trig *tr = *state;

	trig_fini(tr);
	mem_free(tr);
	return 0;
}

static struct fx *
ask(struct trig *tr, enum op_type type, const char *topic, bool flag)
{
	struct op *op = trig_op(tr, type, topic, 9);

	op->flag = flag;
	return trig_do(tr, op);
}

static void
assert_says(const struct fx *fx, enum err e, const char *diag)
{
	assert_non_null(fx);
	assert_int_equal(fx->err, e);
	if (diag != NULL)
		assert_string_equal(fx->diag, diag);
}

static unsigned
in_memory(const struct trig *tr)
{
	return (unsigned)tr->co->topics->n;
}

static bool
is_listed(struct trig *tr)
{
	struct fx *fx = ask(tr, OP_TOPIC_LIST, "public/default", true);

	assert_ok(fx->err);
	return fx->strings_n > 0;
}

/* --- made ------------------------------------------------------------------------- */

static void
create(void **state)
{
	struct trig *tr = *state;
	struct fx *fx;

	trig_start(tr);
	assert_says(ask(tr, OP_TOPIC_CREATE, T, false), ERR_OK, NULL);
	fx = trig_fx(tr, FX_TOPIC_CHANGED, 0);
	assert_non_null(fx);
	assert_true(fx->flag);
	assert_true(str_eq(fx->text, STR_LIT(T)));
	assert_says(ask(tr, OP_TOPIC_CREATE, T, false), ERR_EXISTS,
	    "This topic already exists");
	assert_says(ask(tr, OP_TOPIC_TOUCH, T, false), ERR_OK, NULL);
	assert_int_equal(
	    ask(tr, OP_TOPIC_TOUCH, "persistent://public/x/t", false)->err,
	    ERR_NO_NAMESPACE);
	assert_int_equal(ask(tr, OP_TOPIC_TOUCH, "persistent://t", false)->err,
	    ERR_INVALID_NAME);
}

static void
not_automatic(void **state)
{
	struct trig *tr = *state;

	tr->conf.auto_topic = false;
	trig_start(tr);
	assert_says(ask(tr, OP_TOPIC_TOUCH, T, false), ERR_NO_TOPIC,
	    "Topic " T " does not exist");
	assert_int_equal(trig_producer(tr, T, NULL, 1), 0);
	assert_int_equal(trig_consumer(tr, T, "s", 2, true), 0);
	assert_int_equal(in_memory(tr), 0);
	assert_false(is_listed(tr));
	/* but by the admin */
	assert_says(ask(tr, OP_TOPIC_CREATE, T, false), ERR_OK, NULL);
	assert_int_not_equal(trig_producer(tr, T, NULL, 1), 0);
}

/* Two hundred ops at once find one topic. */
static void
stampede(void **state)
{
	struct trig *tr = *state;
	struct op *op;
	unsigned i, n = 0;

	trig_start(tr);
	for (i = 0; i < 200; i++) {
		op = trig_op(tr, OP_PRODUCER_OPEN, T, 100 + i);
		core_op(tr->co, &op);
	}
	trig_run(tr);
	for (i = 0; i < tr->fx_n; i++)
		n += tr->fx[i]->type == FX_PRODUCER_OPENED;
	assert_int_equal(n, 200);
	assert_int_equal(in_memory(tr), 1);
}

/* --- terminated --------------------------------------------------------------------- */

static void
terminate(void **state)
{
	struct trig *tr = *state;
	uint64_t p, c;
	struct fx *fx;

	trig_start(tr);
	p = trig_producer(tr, T, NULL, 1);
	c = trig_consumer(tr, T, "s", 2, true);
	core_flow(tr->co, c, 100);
	trig_publish_n(tr, p, 0, 10);
	trig_run(tr);
	fx = ask(tr, OP_TOPIC_TERMINATE, T, false);
	assert_ok(fx->err);
	assert_int_equal(fx->type, FX_LAST_ID);
	assert_true(pos_eq(fx->pos, tr->rc[9].pos));
	/* not before it has acked everything */
	assert_null(trig_fx(tr, FX_END_OF_TOPIC, 2));
	trig_ack(tr, c, tr->got[9].pos, true);
	trig_run(tr);
	assert_non_null(trig_fx(tr, FX_END_OF_TOPIC, 2));
	/* its producer was told to go */
	fx = trig_fx(tr, FX_PRODUCER_CLOSED, 1);
	assert_non_null(fx);
	assert_int_equal(fx->err, ERR_TOPIC_TERMINATED);
	trig_publish_n(tr, p, 10, 1);
	trig_run(tr);
	assert_int_equal(tr->rc_n, 10);
	/* it stays so */
	trig_stop(tr);
	trig_forget(tr);
	trig_start(tr);
	assert_int_equal(trig_producer(tr, T, NULL, 1), 0);
	fx = trig_fx(tr, FX_DONE, 1);
	assert_int_equal(fx->err, ERR_TOPIC_TERMINATED);
	c = trig_consumer(tr, T, "late", 3, true);
	core_flow(tr->co, c, 100);
	trig_run(tr);
	assert_int_equal(tr->got_n, 10);
	fx = ask(tr, OP_TOPIC_TERMINATE, T, false);
	assert_ok(fx->err);
	assert_int_equal(fx->pos.entry, 9);
	assert_says(
	    ask(tr, OP_TOPIC_TERMINATE, "persistent://public/default/x", false),
	    ERR_NO_TOPIC, NULL);
}

/* --- unloaded ------------------------------------------------------------------------ */

static void
unload(void **state)
{
	struct trig *tr = *state;
	uint64_t p, c;
	struct fx *fx;

	trig_start(tr);
	p = trig_producer(tr, T, NULL, 1);
	c = trig_consumer(tr, T, "s", 2, true);
	core_flow(tr->co, c, 100);
	trig_publish_n(tr, p, 0, 10);
	trig_run(tr);
	trig_ack(tr, c, tr->got[4].pos, true);
	/* and more on their way */
	trig_publish_n(tr, p, 10, 5);
	assert_says(ask(tr, OP_TOPIC_UNLOAD, T, false), ERR_OK, NULL);
	assert_int_equal(in_memory(tr), 0);
	fx = trig_fx(tr, FX_PRODUCER_CLOSED, 1);
	assert_non_null(fx);
	assert_int_equal(fx->err, ERR_NOT_READY);
	assert_non_null(trig_fx(tr, FX_CONSUMER_CLOSED, 2));
	trig_forget(tr);
	p = trig_producer(tr, T, NULL, 3);
	c = trig_consumer(tr, T, "s", 4, false);
	core_flow(tr->co, c, 100);
	trig_run(tr);
	/* what was appended before is there, acked or not */
	assert_in_range(tr->got_n, 5, 10);
	assert_string_equal(tr->got[0].body, "m5");
	trig_publish_n(tr, p, 20, 1);
	trig_run(tr);
	assert_string_equal(tr->got[tr->got_n - 1].body, "m20");
	assert_says(
	    ask(tr, OP_TOPIC_UNLOAD, "persistent://public/default/x", false),
	    ERR_NO_TOPIC, NULL);
}

/* A subscription's deletion ends while the unload still waits for its cursor */
static void
unload_unsubscribed(void **state)
{
	struct trig *tr = *state;
	struct op *unsub, *unload;
	uint64_t p, c;

	trig_start(tr);
	p = trig_producer(tr, T, NULL, 1);
	c = trig_consumer(tr, T, "s", 2, true);
	(void)trig_consumer(tr, T, "other", 3, true);
	core_flow(tr->co, c, 10);
	trig_publish_n(tr, p, 0, 3);
	trig_run(tr);
	assert_int_equal(tr->got_n, 3);
	trig_ack(tr, c, tr->got[1].pos, false);
	unsub = trig_op(tr, OP_UNSUBSCRIBE, NULL, 2);
	unsub->handle = c;
	core_op(tr->co, &unsub);
	unload = trig_op(tr, OP_TOPIC_UNLOAD, T, 4);
	core_op(tr->co, &unload);
	(void)meta_mem_pump(tr->mm, 0); /* and the disk does nothing */
	trig_run(tr);
	assert_says(trig_fx(tr, FX_DONE, 2), ERR_OK, NULL);
	assert_says(trig_fx(tr, FX_DONE, 4), ERR_OK, NULL);
	trig_forget(tr);
	/* the other one is there, this one is made anew */
	c = trig_consumer(tr, T, "other", 5, false);
	core_flow(tr->co, c, 10);
	trig_run(tr);
	assert_int_equal(tr->got_n, 3);
	c = trig_consumer(tr, T, "s", 6, true);
	core_flow(tr->co, c, 10);
	trig_run(tr);
	assert_int_equal(tr->got_n, 6);
}

static void
idle(void **state)
{
	struct trig *tr = *state;
	uint64_t p, c;

	trig_start(tr);
	p = trig_producer(tr, T, NULL, 1);
	c = trig_consumer(tr, T, "s", 2, true);
	trig_publish_n(tr, p, 0, 3);
	trig_run(tr);
	trig_pass(tr, 300000);
	assert_int_equal(in_memory(tr), 1);
	(void)c;
	assert_says(ask(tr, OP_TOPIC_UNLOAD, T, false), ERR_OK, NULL);
	assert_says(ask(tr, OP_TOPIC_TOUCH, T, false), ERR_OK, NULL);
	assert_int_equal(in_memory(tr), 1);
	trig_pass(tr, 30000);
	assert_int_equal(in_memory(tr), 1);
	trig_pass(tr, 100000);
	assert_int_equal(in_memory(tr), 0);
	assert_true(is_listed(tr));
	c = trig_consumer(tr, T, "s", 3, false);
	core_flow(tr->co, c, 10);
	trig_run(tr);
	assert_int_equal(tr->got_n, 3);
}

/* --- acks with a receipt ---------------------------------------------------------------- */

/* An ack that wants an answer, and how many groups and syncs it took. Nothing but the
 * disk is waited for: the clock stands nearly still. */
static void
ack_now(struct trig *tr, uint64_t c, struct pos p, unsigned groups)
{
	struct core_ack_id id = { .pos = p };
	struct core_ack a = {
		.consumer = c,
		.want_reply = true,
		.req = ++tr->req,
		.n = 1,
		.ids = &id,
	};
	struct local_stats was, now;
	int64_t since = tr->mono_ns;
	unsigned i;

	local_stats(tr->lgs, &was);
	trig_forget(tr);
	core_ack(tr->co, &a);
	for (i = 0; i < 10 && tr->fx_n == 0; i++)
		trig_turn(tr);
	assert_int_equal(tr->fx_n, 1);
	assert_int_equal(tr->fx[0]->op, OP_ACK);
	assert_int_equal(tr->fx[0]->req, a.req);
	assert_ok(tr->fx[0]->err);
	assert_true(tr->mono_ns - since < 1000000);
	local_stats(tr->lgs, &now);
	assert_int_equal(now.groups - was.groups, groups);
	assert_in_range(now.syncs - was.syncs, 0, 1);
}

static void
a_receipt_waits_for_one_write(void **state)
{
	struct trig *tr = *state;
	uint64_t p, c;
	unsigned i;

	trig_start(tr);
	p = trig_producer(tr, T, NULL, 1);
	c = trig_consumer(tr, T, "s", 2, true);
	trig_publish_n(tr, p, 0, 10);
	core_flow(tr->co, c, 10);
	trig_pass(tr, 1000);
	assert_int_equal(tr->got_n, 10);
	ack_now(tr, c, tr->rc[1].pos, 1);
	/* again: there is nothing to wait for */
	ack_now(tr, c, tr->rc[1].pos, 0);
	/* what nobody waited for, still in memory */
	trig_ack(tr, c, tr->rc[3].pos, false);
	ack_now(tr, c, tr->rc[3].pos, 1);
	trig_ack(tr, c, tr->rc[4].pos, false);
	for (i = 0; i < 3; i++)
		trig_turn(tr);
	ack_now(tr, c, tr->rc[5].pos, 1);
	/* and written, but not synced yet */
	trig_ack(tr, c, tr->rc[7].pos, false);
	trig_pass(tr, 50);
	ack_now(tr, c, tr->rc[7].pos, 0);
	/* on its way to the disk */
	trig_ack(tr, c, tr->rc[8].pos, false);
	trig_pass(tr, 9);
	tr->mono_ns += 1000000;
	(void)core_poll(tr->co, tr->wall_ms, tr->mono_ns);
	(void)tr->lgs->ops->poll(tr->lgs, tr->wall_ms, tr->mono_ns);
	ack_now(tr, c, tr->rc[8].pos, 0);
}

/* --- deleted --------------------------------------------------------------------------- */

static void
delete_it(void **state)
{
	static const char *const busy =
	    "Topic has active producers/subscriptions";
	struct trig *tr = *state;
	uint64_t p, c;
	size_t keys;

	trig_start(tr);
	trig_run(tr);
	assert_says(ask(tr, OP_TOPIC_DELETE, T, false), ERR_NO_TOPIC, NULL);
	keys = meta_mem_keys(tr->mm);
	p = trig_producer(tr, T, NULL, 1);
	trig_publish_n(tr, p, 0, 10);
	trig_run(tr);
	assert_says(ask(tr, OP_TOPIC_DELETE, T, false), ERR_PRECONDITION, busy);
	c = trig_consumer(tr, T, "s", 2, true);
	assert_int_not_equal(c, 0);
	assert_says(ask(tr, OP_TOPIC_UNLOAD, T, false), ERR_OK, NULL);
	/* a subscription that nobody is connected to doesn't keep it */
	assert_says(ask(tr, OP_TOPIC_DELETE, T, false), ERR_OK, NULL);
	p = trig_producer(tr, T, NULL, 3);
	c = trig_consumer(tr, T, "s", 4, true);
	trig_forget(tr);
	assert_says(ask(tr, OP_TOPIC_DELETE, T, true), ERR_OK, NULL);
	assert_non_null(trig_fx(tr, FX_PRODUCER_CLOSED, 3));
	assert_non_null(trig_fx(tr, FX_CONSUMER_CLOSED, 4));
	assert_non_null(trig_fx(tr, FX_TOPIC_CHANGED, 0));
	assert_false(trig_fx(tr, FX_TOPIC_CHANGED, 0)->flag);
	assert_int_equal(in_memory(tr), 0);
	assert_false(is_listed(tr));
	trig_pass(tr, 1000);
	/* no record, ledger, subscription or journal stays behind; segments do */
	assert_in_range(meta_mem_keys(tr->mm), keys, keys + 2);
	/* a new one of the same name is empty */
	p = trig_producer(tr, T, NULL, 5);
	c = trig_consumer(tr, T, "s", 6, true);
	core_flow(tr->co, c, 10);
	trig_run(tr);
	assert_int_equal(tr->got_n, 0);
	trig_publish_n(tr, p, 0, 1);
	trig_run(tr);
	assert_int_equal(tr->got_n, 1);
	assert_int_equal(tr->rc[0].index, 0);
}

static void
delete_inactive(void **state)
{
	struct trig *tr = *state;
	uint64_t p;

	tr->conf.delete_inactive = true;
	tr->conf.idle_unload_ms = 1000000;
	trig_start(tr);
	p = trig_producer(tr, T, NULL, 1);
	trig_pass(tr, 200000);
	assert_true(is_listed(tr));
	assert_int_not_equal(p, 0);
	assert_says(ask(tr, OP_TOPIC_UNLOAD, T, false), ERR_OK, NULL);
	assert_says(ask(tr, OP_TOPIC_TOUCH, T, false), ERR_OK, NULL);
	trig_pass(tr, 59000);
	assert_true(is_listed(tr));
	trig_pass(tr, 62000);
	assert_false(is_listed(tr));
	assert_int_equal(in_memory(tr), 0);
}

static void
subscriptions_keep_it(void **state)
{
	struct trig *tr = *state;

	tr->conf.delete_inactive = true;
	trig_start(tr);
	(void)trig_consumer(tr, T, "s", 1, true);
	assert_says(ask(tr, OP_TOPIC_UNLOAD, T, false), ERR_OK, NULL);
	assert_says(ask(tr, OP_TOPIC_TOUCH, T, false), ERR_OK, NULL);
	trig_pass(tr, 200000);
	assert_true(is_listed(tr));
	assert_int_equal(in_memory(tr), 0);
}

/* --- not in memory --------------------------------------------------------------------- */

static void
record_got(void *priv, enum err e, const void *val, size_t len)
{
	struct topic_record *rec = priv;

	assert_ok(e);
	assert_ok(topic_record_read(rec, val, len));
}

/* Its first ledger as the metadata has it, without loading it */
static uint64_t
first_ledger(struct trig *tr)
{
	const char *key = META_TOPIC "public/default/t";
	struct topic_record rec;
	uint64_t id;

	tr->meta->ops->get(tr->meta, key, strlen(key), record_got, &rec);
	trig_run(tr);
	assert_true(rec.ledgers_n > 0);
	id = rec.ledgers[0].id;
	topic_record_fini(&rec);
	return id;
}

/* Nobody asks for the topic again, and still it keeps what its retention says and
 * no more. */
static void
swept(void **state)
{
	struct trig *tr = *state;
	uint64_t p, id;

	tr->conf.idle_unload_ms = 10000;
	tr->conf.retention_ms = 3600000;
	tr->conf.retention_bytes = -1;
	tr->conf.ledger_max_roll_ms = 1200000;
	trig_start(tr);
	p = trig_producer(tr, T, NULL, 1);
	trig_publish_n(tr, p, 0, 10);
	trig_run(tr);
	assert_says(ask(tr, OP_TOPIC_UNLOAD, T, false), ERR_OK, NULL);
	assert_int_equal(in_memory(tr), 0);
	id = first_ledger(tr);
	trig_pass(tr, 3500000);
	assert_int_equal(first_ledger(tr), id);
	trig_pass(tr, 2 * 1200000 + 60000);
	assert_int_not_equal(first_ledger(tr), id);
	assert_int_equal(in_memory(tr), 0);
}

/* --- non-persistent, the end -------------------------------------------------------------- */

static void
non_persistent(void **state)
{
	struct trig *tr = *state;
	uint64_t p, c;

	trig_start(tr);
	trig_run(tr);
	p = trig_producer(tr, NP, NULL, 1);
	c = trig_consumer(tr, NP, "s", 2, true);
	assert_int_not_equal(p, 0);
	assert_int_not_equal(c, 0);
	core_flow(tr->co, c, 2);
	trig_publish_n(tr, p, 0, 3);
	trig_run(tr);
	assert_int_equal(tr->rc_n, 3);
	assert_int_equal(tr->got_n, 2);
	assert_false(is_listed(tr));
	assert_says(
	    ask(tr, OP_TOPIC_TERMINATE, NP, false), ERR_NOT_ALLOWED, NULL);
	assert_int_equal(
	    trig_producer(tr, "non-persistent://public/x/t", NULL, 3), 0);
	assert_says(ask(tr, OP_TOPIC_DELETE, NP, true), ERR_OK, NULL);
	assert_int_equal(in_memory(tr), 0);
}

static void
drain(void **state)
{
	struct trig *tr = *state;
	struct op *op;
	uint64_t p;
	unsigned i;

	trig_start(tr);
	p = trig_producer(tr, T, NULL, 1);
	trig_publish_n(tr, p, 0, 10);
	/* some load, some ask metadata, meanwhile */
	for (i = 0; i < 20; i++) {
		op = trig_op(tr, OP_TOPIC_META, T, 200 + i);
		core_op(tr->co, &op);
		op = trig_op(
		    tr, OP_PRODUCER_OPEN, "persistent://public/default/u", 300);
		core_op(tr->co, &op);
	}
	trig_stop(tr); /* asserts that it ends */
	assert_non_null(trig_fx(tr, FX_PRODUCER_CLOSED, 1));
	assert_int_equal(tr->rc_n, 10);
	trig_forget(tr);
	trig_start(tr);
	p = trig_consumer(tr, T, "s", 2, true);
	core_flow(tr->co, p, 100);
	trig_run(tr);
	assert_int_equal(tr->got_n, 10);
}

int
main(void)
{
#define LIFE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		LIFE(create),
		LIFE(not_automatic),
		LIFE(stampede),
		LIFE(terminate),
		LIFE(unload),
		LIFE(unload_unsubscribed),
		LIFE(idle),
		LIFE(a_receipt_waits_for_one_write),
		LIFE(delete_it),
		LIFE(delete_inactive),
		LIFE(subscriptions_keep_it),
		LIFE(swept),
		LIFE(non_persistent),
		LIFE(drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
