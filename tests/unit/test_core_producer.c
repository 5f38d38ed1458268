/* SPDX-License-Identifier: Apache-2.0 */
/* Producers, and publishes that the engine refuses. */
#include "test.h"

#include "log_rig.h"

/* --- producers ------------------------------------------------------------------------- */

static void
names_are_not_repeated(void **state)
{
	struct lrig *tr = *state;
	const struct fx *fx;
	char *name[3];
	unsigned i;

	for (i = 0; i < 3; i++) {
		if (i == 2) {
			lrig_stop(tr);
			tr->now_ms += 1000;
			lrig_start(tr);
		}
		fx = lrig_ask(tr, lrig_open_op(tr, NULL, 10 + i, 1));
		assert_int_equal(fx->type, FX_PRODUCER_OPENED);
		assert_int_equal(fx->i64, -1);
		assert_true(fx->flag);
		name[i] = mem_strndup(fx->text.p, fx->text.len);
		assert_int_equal(strncmp(name[i], "standalone-", 11), 0);
	}
	assert_string_not_equal(name[0], name[1]);
	assert_string_not_equal(name[0], name[2]);
	assert_string_not_equal(name[1], name[2]);
	for (i = 0; i < 3; i++)
		mem_free(name[i]);
}

static void
a_name_in_use(void **state)
{
	struct lrig *tr = *state;
	const struct fx *fx;
	struct op *op;
	unsigned i;

	fx = lrig_ask(tr, lrig_open_op(tr, "x", 1, 1));
	assert_int_equal(fx->type, FX_PRODUCER_OPENED);
	/* its connection answers */
	fx = lrig_ask(tr, lrig_open_op(tr, "x", 2, 1));
	assert_int_equal(fx->type, FX_DONE);
	assert_err(fx->err, ERR_PRODUCER_BUSY);
	assert_string_equal(
	    fx->diag, "Producer with name 'x' is already connected to topic");
	assert_int_equal(tr->probes_n, 1);
	assert_int_equal(lrig_topic(tr)->producers_n, 1);
	/* the same connection and producer comes again */
	op = lrig_open_op(tr, "x", 1, 1);
	op->producer.epoch = 1;
	fx = lrig_ask(tr, op);
	assert_int_equal(fx->type, FX_PRODUCER_OPENED);
	assert_int_equal(lrig_topic(tr)->producers_n, 1);
	assert_int_equal(tr->probes_n, 1);
	/* not in an earlier life, and not as another producer */
	for (i = 0; i < 4; i++) {
		op = lrig_open_op(tr, "x", 1, i < 2 ? 1 : 2);
		op->producer.epoch = i;
		fx = lrig_ask(tr, op);
		assert_err(fx->err, ERR_PRODUCER_BUSY);
	}
	assert_int_equal(lrig_topic(tr)->producers_n, 1);
	assert_int_equal(tr->probes_n, 1);
	/* its connection is dead */
	tr->probe_alive = false;
	fx = lrig_ask(tr, lrig_open_op(tr, "x", 2, 1));
	assert_int_equal(fx->type, FX_PRODUCER_OPENED);
	assert_int_equal(lrig_topic(tr)->producers_n, 1);
	assert_int_equal(tr->probes_n, 2);
}

static void
who_may_not_produce(void **state)
{
	struct lrig *tr = *state;
	const struct fx *fx;
	struct op *op;

	tr->conf.limits.v[LIM_MAX_PRODUCERS].n = 2;
	lrig_stop(tr);
	lrig_start(tr);
	op = lrig_open_op(tr, NULL, 1, 1);
	op->producer.access = ACCESS_EXCLUSIVE;
	fx = lrig_ask(tr, op);
	assert_int_equal(fx->type, FX_DONE);
	assert_err(fx->err, ERR_NOT_ALLOWED);
	(void)lrig_producer(tr, 1);
	tr->co->no_space = true;
	assert_err(
	    lrig_ask(tr, lrig_open_op(tr, NULL, 2, 1))->err, ERR_NO_SPACE);
	tr->co->no_space = false;
	(void)lrig_producer(tr, 2);
	fx = lrig_ask(tr, lrig_open_op(tr, NULL, 3, 1));
	assert_err(fx->err, ERR_PRODUCER_BUSY);
	assert_non_null(strstr(fx->diag, "reached max producers limit"));
}

static void
an_initial_subscription(void **state)
{
	struct lrig *tr = *state;
	const struct fx *fx;
	unsigned i;
	struct op *op;

	for (i = 0; i < 2; i++) {
		op = lrig_open_op(tr, NULL, 1 + i, 1);
		op->producer.initial_sub = op_str(op, STR_LIT("dlq"));
		fx = lrig_ask(tr, op);
		assert_int_equal(fx->type, FX_PRODUCER_OPENED);
		assert_int_equal(lrig_topic(tr)->subs_n, 1);
		assert_non_null(sub_find(lrig_topic(tr), STR_LIT("dlq")));
	}
}

/*
 * The topic's deletion is on its way to the metadata when the journal of a new
 * subscription is there: no record may come behind it.
 */
static void
a_subscription_too_late(void **state)
{
	struct lrig *tr = *state;
	struct op *op;
	unsigned i, failed = 0;
	size_t keys;
	const struct fx *fx;

	(void)lrig_producer(tr, 1);
	fx = lrig_ask(tr, lrig_new_op(tr, OP_TOPIC_DELETE, 90, 0));
	assert_err(fx->err, ERR_PRECONDITION);
	op = lrig_new_op(tr, OP_TOPIC_DELETE, 90, 0);
	op->flag = true;
	assert_ok(lrig_ask(tr, op)->err);
	keys = meta_mem_keys(tr->mm);

	(void)lrig_producer(tr, 1);
	lrig_forget(tr);
	op = lrig_new_op(tr, OP_SUB_CREATE, 90, 0);
	op->sub = op_str(op, STR_LIT("s"));
	core_op(tr->co, &op);
	op = lrig_new_op(tr, OP_TOPIC_DELETE, 91, 0);
	op->flag = true;
	core_op(tr->co, &op);
	assert_true(meta_mem_queued(tr->mm) > 0); /* the deletion */
	while (fake_poll(tr->e)) /* the journal */
		;
	lrig_run(tr);
	for (i = 0; i < tr->fx_n; i++)
		failed += tr->fx[i]->type == FX_DONE &&
		    tr->fx[i]->op == OP_SUB_CREATE &&
		    tr->fx[i]->err == ERR_NOT_READY;
	assert_int_equal(failed, 1);
	/* but for ids of the ledger and journal to forget */
	assert_in_range(meta_mem_keys(tr->mm), keys, keys + 2);
	lrig_stop(tr);
	lrig_forget(tr);
	lrig_start(tr);
	(void)lrig_producer(tr, 1);
	assert_int_equal(lrig_topic(tr)->subs_n, 0);
	op = lrig_new_op(tr, OP_TOPIC_UNLOAD, 90, 0);
	assert_ok(lrig_ask(tr, op)->err);
	(void)lrig_producer(tr, 1);
	assert_int_equal(lrig_topic(tr)->subs_n, 0);
}

static void
terminated(void **state)
{
	struct lrig *tr = *state;
	uint64_t p = lrig_producer(tr, 1);
	const struct fx *fx;

	lrig_publish(tr, p, 0, 3);
	lrig_run(tr);
	fx = lrig_ask(tr, lrig_new_op(tr, OP_TOPIC_TERMINATE, 90, 0));
	assert_int_equal(fx->type, FX_LAST_ID);
	assert_int_equal(pos_cmp(fx->pos, tr->rc[2].pos), 0);
	assert_err(lrig_ask(tr, lrig_open_op(tr, NULL, 2, 1))->err,
	    ERR_TOPIC_TERMINATED);
	lrig_publish(tr, p, 3, 1); /* dropped if it was closed, else refused */
	lrig_run(tr);
	if (tr->rc_n == 4)
		assert_err(tr->rc[3].err, ERR_TOPIC_TERMINATED);
	else
		assert_int_equal(tr->rc_n, 3);
	/* for ever */
	lrig_stop(tr);
	lrig_start(tr);
	assert_err(lrig_ask(tr, lrig_open_op(tr, NULL, 2, 1))->err,
	    ERR_TOPIC_TERMINATED);
}

static void
batches_take_their_indexes(void **state)
{
	struct lrig *tr = *state;
	struct core_publish p = {
		.attr = { .format = ENTRY_FORMAT_PULSAR },
		.body = slice_str("batch"),
	};
	unsigned i;

	p.producer = lrig_producer(tr, 1);
	for (i = 0; i < 4; i++) {
		p.sequence = p.highest_sequence = i;
		p.attr.messages_n = i + 1;
		core_publish(tr->co, &p);
	}
	lrig_run(tr);
	assert_int_equal(tr->rc_n, 4);
	for (i = 0; i < 4; i++)
		assert_int_equal(tr->rc[i].index, i * (i + 1) / 2);
	assert_int_equal(lrig_topic(tr)->in_messages, 10);
	assert_int_equal(lrig_topic(tr)->log.next_index, 10);
}

static enum err
set_flush(struct lrig *tr, const char *value)
{
	struct op *op = lrig_new_op(tr, OP_TOPIC_PROPS_SET, 7, 0);
	struct prop *v = op_mem(op, sizeof *v);

	v->key = STR_LIT("flush_policy");
	v->value = op_str(op, str_of(value));
	op->props = v;
	op->props_n = 1;
	return lrig_ask(tr, op)->err;
}

/* What a publish wishes stands above the topic's property, that above the
 * configuration. */
static void
who_waits_for_the_disk(void **state)
{
	static const struct {
		const char *of_topic;
		enum flush wish;
		bool sync;
	} t[] = {
		{ "", FLUSH_AS_TOPIC, true },
		{ "", FLUSH_ASYNC, false },
		{ "async", FLUSH_AS_TOPIC, false },
		{ "async", FLUSH_SYNC, true },
		{ "async", FLUSH_ASYNC, false },
		{ "sync", FLUSH_AS_TOPIC, true },
		{ "sync", FLUSH_ASYNC, false },
	};
	struct lrig *tr = *state;
	struct core_publish p = {
		.producer = lrig_producer(tr, 1),
		.attr = { .format = ENTRY_FORMAT_PULSAR, .messages_n = 1 },
		.body = slice_str("x"),
	};
	size_t i;

	for (i = 0; i < NELEM(t); i++) {
		assert_ok(set_flush(tr, t[i].of_topic));
		p.sequence = p.highest_sequence = i;
		p.flush = t[i].wish;
		core_publish(tr->co, &p);
		assert_int_equal(tr->e->sync, t[i].sync);
		lrig_run(tr);
	}
	assert_err(set_flush(tr, "never"), ERR_INVALID_ARG);
	assert_int_equal(tr->rc_n, NELEM(t));
	/* after a restart, too */
	p.flush = FLUSH_AS_TOPIC;
	assert_ok(set_flush(tr, "async"));
	lrig_stop(tr);
	lrig_start(tr);
	lrig_forget(tr);
	p.producer = lrig_producer(tr, 1);
	core_publish(tr->co, &p);
	assert_false(tr->e->sync);
	lrig_run(tr);
}

static void
nothing_is_kept_of_non_persistent(void **state)
{
	struct lrig *tr = *state;
	struct op *op = lrig_open_op(tr, NULL, 1, 1);
	const struct fx *fx;
	unsigned i;

	op->topic = op_str(op, STR_LIT("non-persistent://public/default/n"));
	fx = lrig_ask(tr, op);
	assert_int_equal(fx->type, FX_PRODUCER_OPENED);
	lrig_publish(tr, fx->handle, 0, 3);
	lrig_run(tr);
	assert_int_equal(tr->rc_n, 3);
	for (i = 0; i < 3; i++) {
		assert_ok(tr->rc[i].err);
		assert_int_equal(tr->rc[i].sequence, i);
	}
	assert_null(tr->e->ledgers);
}

/* --- what the engine refuses ---------------------------------------------------------------- */

/* The engine's answer to everything that it holds. */
static void
refuse_all(struct lrig *tr, enum err e)
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

static void
no_space(void **state)
{
	struct lrig *tr = *state;
	uint64_t a = lrig_producer(tr, 1), b = lrig_producer(tr, 2);
	unsigned i;

	lrig_publish(tr, a, 0, 1);
	lrig_run(tr);
	tr->e->hold = true;
	lrig_publish(tr, a, 1, 3);
	lrig_publish(tr, b, 0, 3);
	refuse_all(tr, ERR_NO_SPACE);
	/* closed once each, and nothing of it is confirmed as stored */
	assert_int_equal(lrig_closed_n(tr, ERR_NO_SPACE), 2);
	assert_int_equal(lrig_topic(tr)->producers_n, 0);
	for (i = 1; i < tr->rc_n; i++)
		assert_err(tr->rc[i].err, ERR_NO_SPACE);
	lrig_publish(tr, a, 4, 1); /* a closed producer's: dropped */
	lrig_run(tr);
	/* and when there is room again, it goes on without a hole */
	lrig_forget(tr);
	lrig_publish(tr, lrig_producer(tr, 3), 0, 1);
	lrig_run(tr);
	assert_int_equal(tr->rc_n, 1);
	assert_ok(tr->rc[0].err);
	assert_int_equal(tr->rc[0].index, 1);
	assert_int_equal(tr->rc[0].pos.entry, 1);
}

static void
an_error_reaches_the_producer(void **state)
{
	struct lrig *tr = *state;
	uint64_t p = lrig_producer(tr, 1);
	unsigned i;

	tr->e->hold = true;
	lrig_publish(tr, p, 0, 3);
	refuse_all(tr, ERR_AGAIN);
	assert_int_equal(tr->rc_n, 3);
	for (i = 0; i < 3; i++) {
		assert_int_equal(tr->rc[i].sequence, i);
		assert_err(tr->rc[i].err, ERR_AGAIN);
	}
	assert_int_equal(lrig_topic(tr)->in_messages, 0);
}

static void
pending_is_bounded(void **state)
{
	struct lrig *tr = *state;
	uint64_t p = lrig_producer(tr, 1);

	tr->e->hold = true;
	lrig_publish(tr, p, 0, tr->conf.max_pending_publishes + 10);
	assert_true(
	    lrig_topic(tr)->pending_n <= tr->conf.max_pending_publishes);
	/* the producer hears of it: by receipts or because it is closed */
	assert_true(lrig_closed_n(tr, ERR_BUSY) == 1 ||
	    lrig_topic(tr)->producers_n == 1);
	tr->e->hold = false;
	lrig_run(tr);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lrig_setup, lrig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_not_repeated),
		TEST(a_name_in_use),
		TEST(who_may_not_produce),
		TEST(an_initial_subscription),
		TEST(a_subscription_too_late),
		TEST(terminated),
		TEST(batches_take_their_indexes),
		TEST(who_waits_for_the_disk),
		TEST(nothing_is_kept_of_non_persistent),
		TEST(no_space),
		TEST(an_error_reaches_the_producer),
		TEST(pending_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
