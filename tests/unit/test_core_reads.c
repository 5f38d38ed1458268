/* SPDX-License-Identifier: Apache-2.0 */
/* OP_READ_AT and OP_READ_CANCEL: what core/reads.h and op.h say of them. */
#include "test.h"

#include <stdlib.h>

#include "core/reads_priv.h"
#include "log_rig.h"

#define TAG_A 65u
#define TAG_B 66u

static struct lrig *tr;
static uint64_t producer, sequence;

static void
put(uint32_t messages_n, uint32_t tag, uint16_t flags)
{
	struct core_publish p = {
		.producer = producer,
		.attr = { .format = ENTRY_FORMAT_PULSAR,
		    .messages_n = messages_n,
		    .tag_hash = tag,
		    .flags = flags },
		.body = slice_str("0123456789"),
	};

	p.sequence = p.highest_sequence = sequence++;
	core_publish(tr->co, &p);
}

static void
put_n(unsigned n)
{
	while (n-- > 0)
		put(1, 0, 0);
	lrig_run(tr);
	tr->rc_n = 0;
}

static void
begin(void **state)
{
	tr = *state;
	tr->conf.max_waiting_reads = 20;
	tr->conf.ledger_max_entries = 100;
	lrig_stop(tr);
	lrig_start(tr);
	producer = lrig_producer(tr, 1);
	sequence = 0;
}

static void
roll(void)
{
	lrig_pass(tr, 700000);
	put_n(100);
	lrig_run(tr);
}

/* conn 7 */
static struct op *
read_op(uint64_t index, uint32_t max_n, int64_t wait_ms)
{
	struct op *op = lrig_new_op(tr, OP_READ_AT, 7, 0);

	op->u64 = index;
	op->read.max_n = max_n;
	op->read.max_bytes = 1 << 20;
	op->read.wait_ms = wait_ms;
	return op;
}

static void
want_tag(struct op *op, uint32_t tag)
{
	uint32_t *v = op_mem(op, sizeof *v);

	*v = tag;
	op->read.tags = v;
	op->read.tags_n = 1;
}

static uint64_t
send(struct op *op)
{
	uint64_t req = op->req;

	core_op(tr->co, &op);
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

/* n entries of one message each from index on */
static void
assert_entries(const struct fx *fx, uint64_t index, uint32_t n)
{
	uint32_t i;

	assert_non_null(fx);
	assert_ok(fx->err);
	assert_int_equal(fx->type, FX_ENTRIES);
	assert_int_equal(fx->entries_n, n);
	assert_int_equal(fx->u64, index + n);
	for (i = 0; i < n; i++) {
		assert_int_equal(fx->entries[i].index, index + i);
		assert_int_equal(fx->entries[i].body.len, 10);
	}
}

/* --- what there is --------------------------------------------------------------- */

static void
test_limits(void **state)
{
	const struct fx *fx;
	struct op *op;

	begin(state);
	fx = lrig_ask(tr, read_op(0, 32, 0));
	assert_entries(fx, 0, 0);
	assert_int_equal(fx->max_index, 0);
	put_n(25);
	assert_entries(lrig_ask(tr, read_op(0, 10, 0)), 0, 10);
	assert_entries(lrig_ask(tr, read_op(10, 10, 0)), 10, 10);
	fx = lrig_ask(tr, read_op(20, 10, 0));
	assert_entries(fx, 20, 5);
	assert_int_equal(fx->min_index, 0);
	assert_int_equal(fx->max_index, 25);
	/* bytes; one at least */
	op = read_op(3, 10, 0);
	op->read.max_bytes = 35;
	assert_entries(lrig_ask(tr, op), 3, 3);
	op = read_op(3, 10, 0);
	op->read.max_bytes = 1;
	assert_entries(lrig_ask(tr, op), 3, 1);
	/* the end and beyond it: no wait when it is beyond */
	assert_entries(lrig_ask(tr, read_op(25, 10, 0)), 25, 0);
	fx = lrig_ask(tr, read_op(26, 10, 5000));
	assert_int_equal(fx->entries_n, 0);
	assert_int_equal(fx->u64, 25);
	/* what makes no sense */
	assert_int_equal(lrig_ask(tr, read_op(0, 0, 0))->err, ERR_INVALID_ARG);
	assert_int_equal(
	    lrig_ask(tr, read_op(0, READ_AT_MAX + 1, 0))->err, ERR_INVALID_ARG);
	op = read_op(0, 1, 0);
	op->topic = op_str(op, STR_LIT("persistent://public/default/none"));
	assert_int_equal(lrig_ask(tr, op)->err, ERR_NO_TOPIC);
}

/* Over ledgers, in memory, cold, and after a restart */
static void
test_ledgers(void **state)
{
	const struct fx *fx;
	uint64_t i;

	begin(state);
	put_n(100);
	roll();
	roll();
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 3);
	assert_int_equal(lrig_topic(tr)->log.next_index, 300);
	/* the second one has to be opened first */
	for (i = 0; i < 2; i++) {
		lrig_forget(tr);
		assert_entries(lrig_ask(tr, read_op(90, 20, 0)), 90, 10);
		assert_entries(lrig_ask(tr, read_op(100, 20, 0)), 100, 20);
		tr->e->cold = true;
	}
	lrig_stop(tr);
	lrig_start(tr);
	lrig_forget(tr);
	for (i = 0; i < 300; i += 50)
		assert_entries(lrig_ask(tr, read_op(i, 50, 0)), i, 50);
	/* each has 100 messages */
	fx = lrig_ask(tr, read_op(99, 20, 0));
	for (i = 0; i < fx->entries_n; i++)
		assert_int_equal(fx->entries[i].locator,
		    entry_locator(fx->entries[i].pos.ledger, (99 + i) % 100));
	assert_true(i > 0);
}

static void
test_inside_batch(void **state)
{
	const struct fx *fx;
	unsigned i;

	begin(state);
	for (i = 0; i < 40; i++)
		put(1 + i % 4, 0, ATTR_BATCH); /* 10 for each 4 */
	lrig_run(tr);
	for (i = 0; i < 2; i++) {
		fx = lrig_ask(tr, read_op(51, 5, 0));
		assert_ok(fx->err);
		/* entries of 50: 1, 2, 3, 4: 51 is in the second */
		assert_int_equal(fx->entries[0].index, 51);
		assert_int_equal(fx->entries[0].attr.messages_n, 2);
		assert_int_equal(fx->entries_n, 2);
		assert_int_equal(fx->u64, 56);
		fx = lrig_ask(tr, read_op(52, 5, 0));
		assert_int_equal(fx->entries[0].index, 51);
		assert_int_equal(fx->u64, 56);
		fx = lrig_ask(tr, read_op(59, 5, 0));
		assert_int_equal(fx->entries[0].index, 56);
		assert_int_equal(fx->entries[0].attr.messages_n, 4);
		assert_int_equal(fx->u64, 61);
		tr->e->cold = true;
		lrig_stop(tr);
		lrig_start(tr);
		lrig_forget(tr);
	}
}

static void
test_filter(void **state)
{
	const struct fx *fx;
	struct op *op;
	unsigned i;

	begin(state);
	for (i = 0; i < 30; i++)
		put(1, i % 10 == 9 ? TAG_A : TAG_B, 0);
	put(1, TAG_A, ATTR_MARKER);
	put(1, 0, ATTR_BATCH); /* who knows */
	lrig_run(tr);
	op = read_op(0, 10, 0);
	want_tag(op, TAG_A);
	fx = lrig_ask(tr, op);
	assert_int_equal(fx->entries_n, 4);
	assert_int_equal(fx->entries[0].index, 9);
	assert_int_equal(fx->entries[2].index, 29);
	assert_int_equal(fx->entries[3].index, 31);
	assert_int_equal(fx->u64, 32);
	op = read_op(0, 1, 0);
	want_tag(op, TAG_A);
	fx = lrig_ask(tr, op);
	assert_int_equal(fx->entries_n, 1);
	op = read_op(10, 10, 0);
	want_tag(op, 7);
	fx = lrig_ask(tr, op);
	assert_int_equal(fx->entries_n, 1);
	/* all but the marker */
	assert_int_equal(lrig_ask(tr, read_op(0, 50, 0))->entries_n, 31);
}

/* A filter that nothing matches answers after so many, also one that would wait */
static void
test_scan_limit(void **state)
{
	const struct fx *fx;
	struct op *op;
	unsigned i;

	begin(state);
	tr->conf.ledger_max_entries = 100000;
	lrig_stop(tr);
	lrig_start(tr);
	producer = lrig_producer(tr, 1);
	for (i = 0; i < 12; i++)
		put_n(500);
	for (i = 0; i < 2; i++) {
		lrig_forget(tr);
		op = read_op(100, 10, 1000);
		want_tag(op, TAG_A);
		fx = lrig_ask(tr, op);
		assert_int_equal(fx->entries_n, 0);
		assert_int_equal(fx->u64, 100 + READ_SCAN_MAX);
		tr->e->cold = true;
	}
}

/* --- waiting ----------------------------------------------------------------------- */

static void
test_wait(void **state)
{
	const struct fx *fx;
	uint64_t any, tagged;
	struct op *op;

	begin(state);
	put_n(5);
	any = send(read_op(5, 10, 5000));
	op = read_op(2, 10, 5000); /* all that is there is something else */
	want_tag(op, TAG_A);
	tagged = send(op);
	lrig_pass(tr, 1000);
	assert_null(answer_to(any));
	assert_null(answer_to(tagged));
	assert_false(topic_is_idle(lrig_topic(tr)));
	put_n(2);
	assert_entries(answer_to(any), 5, 2);
	assert_null(answer_to(tagged));
	put(1, TAG_A, 0);
	put(1, TAG_B, 0);
	lrig_run(tr);
	fx = answer_to(tagged);
	assert_non_null(fx);
	assert_int_equal(fx->entries_n, 1);
	assert_int_equal(fx->entries[0].index, 7);
	assert_int_equal(fx->u64, 9);
	/* nothing comes, or nothing that matches */
	any = send(read_op(9, 10, 5000));
	op = read_op(9, 10, 6000);
	want_tag(op, TAG_A);
	tagged = send(op);
	lrig_pass(tr, 4999);
	assert_null(answer_to(any));
	lrig_pass(tr, 1);
	assert_entries(answer_to(any), 9, 0);
	put_n(3);
	assert_null(answer_to(tagged));
	lrig_pass(tr, 1000);
	fx = answer_to(tagged);
	assert_non_null(fx);
	assert_int_equal(fx->entries_n, 0);
	assert_int_equal(fx->u64, 12);
	assert_false(reads_any(lrig_topic(tr)));
}

/* It waits over the end of a ledger; the answer comes once it is durable */
static void
test_wait_roll(void **state)
{
	uint64_t req;

	begin(state);
	put_n(99);
	lrig_pass(tr, 700000);
	put_n(1);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 2);
	req = send(read_op(100, 10, 5000));
	tr->e->hold = true;
	put_n(1);
	assert_null(answer_to(req));
	tr->e->hold = false;
	lrig_run(tr);
	assert_entries(answer_to(req), 100, 1);
}

static void
cancel(uint64_t conn, uint64_t req)
{
	struct op *op = lrig_new_op(tr, OP_READ_CANCEL, conn, 0);

	op->req = req;
	core_op(tr->co, &op);
}

static void
test_cancel(void **state)
{
	uint64_t a, b, c, d;
	struct op *op;
	unsigned n;

	begin(state);
	put(2, 0, 0);
	put_n(20);
	a = send(read_op(22, 10, 5000));
	b = send(read_op(22, 10, 5000));
	op = read_op(22, 10, 5000);
	op->dest.conn = 8;
	c = send(op);
	n = tr->fx_n;
	cancel(7, a);
	assert_int_equal(lrig_topic(tr)->reads->waiting_n, 2);
	cancel(7, 0);
	assert_int_equal(lrig_topic(tr)->reads->waiting_n, 1);
	/* while it is searched for, read, or in line; the topic is read on */
	tr->e->cold = true;
	for (d = 0; d < 12; d++)
		(void)send(read_op(3 + d, 10, 5000));
	assert_int_equal(lrig_topic(tr)->reads->waiting_n, 13);
	cancel(7, 0);
	assert_int_equal(lrig_topic(tr)->reads->waiting_n, 1);
	assert_int_equal(tr->fx_n, n);
	assert_entries(lrig_ask(tr, read_op(5, 10, 5000)), 5, 10);
	assert_int_equal(tr->fx_n, n + 1);
	tr->e->cold = false;
	put_n(1);
	assert_null(answer_to(a));
	assert_null(answer_to(b));
	assert_entries(answer_to(c), 22, 1);
	/* a topic that is not there, or is being loaded */
	op = lrig_new_op(tr, OP_READ_CANCEL, 7, 0);
	op->topic = op_str(op, STR_LIT("persistent://public/default/none"));
	core_op(tr->co, &op);
	lrig_stop(tr);
	lrig_start(tr);
	lrig_forget(tr);
	(void)send(read_op(0, 10, 0));
	cancel(7, 0);
	lrig_run(tr);
	assert_int_equal(tr->fx_n, 0);
}

static void
test_too_many(void **state)
{
	uint64_t req[20];
	unsigned i;

	begin(state);
	put_n(5);
	for (i = 0; i < NELEM(req); i++)
		req[i] = send(read_op(5, 1, 5000));
	assert_int_equal(lrig_ask(tr, read_op(5, 1, 5000))->err, ERR_BUSY);
	/* what need not wait is answered */
	assert_entries(lrig_ask(tr, read_op(0, 5, 5000)), 0, 5);
	assert_entries(lrig_ask(tr, read_op(5, 5, 0)), 5, 0);
	put_n(2);
	for (i = 0; i < NELEM(req); i++)
		assert_entries(answer_to(req[i]), 5, 1);
}

static void
test_close(void **state)
{
	uint64_t a, b, c;

	begin(state);
	put(2, 0, 0);
	put_n(20);
	a = send(read_op(22, 10, 5000));
	tr->e->cold = true;
	b = send(read_op(5, 10, 5000));
	c = send(read_op(9, 10, 5000));
	assert_ok(lrig_ask(tr, lrig_new_op(tr, OP_TOPIC_UNLOAD, 1, 0))->err);
	assert_int_equal(answer_to(a)->err, ERR_NOT_READY);
	assert_int_equal(answer_to(b)->err, ERR_NOT_READY);
	assert_int_equal(answer_to(c)->err, ERR_NOT_READY);
	/* and at a shutdown */
	a = send(read_op(22, 10, 5000));
	lrig_run(tr);
	assert_null(answer_to(a));
	core_drain(tr->co, NULL, NULL);
	lrig_run(tr);
	assert_int_equal(answer_to(a)->err, ERR_NOT_READY);
}

/* --- readers that stay --------------------------------------------------------------- */

static void
test_spots(void **state)
{
	uint64_t req[20], i;

	begin(state);
	tr->conf.ledger_max_entries = 100000;
	lrig_stop(tr);
	lrig_start(tr);
	producer = lrig_producer(tr, 1);
	for (i = 0; i < 4; i++)
		put_n(500);
	tr->e->cold = true;
	tr->e->reads_n = 0;
	/* one after the other: no block is read twice, none is waited for where
	 * it was fetched ahead */
	for (i = 0; i < 2000; i += 16) {
		assert_entries(lrig_ask(tr, read_op(i, 16, 0)), i, 16);
		lrig_forget(tr);
	}
	assert_in_range(tr->e->reads_n, 8, 10);
	assert_in_range(lrig_topic(tr)->reads->spots_n, 0, 1);
	/* more at once than there are readers */
	for (i = 0; i < NELEM(req); i++)
		req[i] = send(read_op(i * 90, 16, 0));
	assert_int_equal(lrig_topic(tr)->reads->spots_n, SPOTS_MAX);
	lrig_run(tr);
	for (i = 0; i < NELEM(req); i++)
		assert_entries(answer_to(req[i]), i * 90, 16);
	assert_int_equal(lrig_topic(tr)->reads->spots_n, SPOTS_MAX);
	lrig_pass(tr, 11000);
	assert_int_equal(lrig_topic(tr)->reads->spots_n, 0);
	/* none for what is in memory */
	tr->e->cold = false;
	assert_entries(lrig_ask(tr, read_op(50, 16, 0)), 50, 16);
	assert_int_equal(lrig_topic(tr)->reads->spots_n, 0);
}

/* --- all together ----------------------------------------------------------------------- */

struct model_entry {
	uint64_t index;
	uint32_t messages_n, tag;
	uint16_t flags;
};

static struct model_entry model[4000];
static unsigned model_n;
static uint64_t model_next;
static uint64_t rnd_state;

static uint32_t
rnd(uint32_t n)
{
	rnd_state =
	    rnd_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(rnd_state >> 33) % n;
}

static bool
model_matches(const struct model_entry *m, uint32_t tag)
{
	if (m->flags & ATTR_MARKER)
		return false;
	return tag == 0 || m->tag == tag ||
	    (m->tag == 0 && (m->flags & ATTR_BATCH));
}

/* The entries of an answer are the next ones that match, and what is passed over
 * has none. */
static void
check_answer(const struct fx *fx, uint64_t index, uint32_t max_n, uint32_t tag)
{
	uint64_t messages = 0;
	unsigned i, k = 0;

	assert_non_null(fx);
	assert_ok(fx->err);
	for (i = 0; i < model_n; i++) {
		const struct model_entry *m = &model[i];

		if (m->index + m->messages_n <= index)
			continue;
		if (m->index >= fx->u64)
			break;
		if (!model_matches(m, tag))
			continue;
		assert_true(k < fx->entries_n);
		assert_int_equal(fx->entries[k].index, m->index);
		assert_int_equal(fx->entries[k].attr.messages_n, m->messages_n);
		messages += m->messages_n;
		k++;
	}
	assert_int_equal(k, fx->entries_n);
	assert_true(k <= 1 || messages <= max_n);
	assert_true(fx->u64 > index || index == model_next);
	assert_int_equal(fx->max_index, model_next);
}

static void
model_put(void)
{
	struct model_entry *m = &model[model_n];

	if (model_n == NELEM(model))
		return;
	model_n++;
	m->index = model_next;
	m->messages_n = rnd(3) == 0 ? 1 + rnd(9) : 1;
	m->flags = m->messages_n > 1 ? ATTR_BATCH : 0;
	if (rnd(20) == 0)
		m->flags |= ATTR_MARKER;
	m->tag = rnd(4) == 0 ? TAG_A : rnd(3) == 0 ? 0 : TAG_B;
	model_next += m->messages_n;
	put(m->messages_n, m->tag, m->flags);
}

static void
model_read(void)
{
	uint64_t index = rnd((uint32_t)model_next + 1);
	uint32_t max_n = 1 + rnd(40), tag = rnd(2) ? TAG_A : 0, turns;
	struct op *op;
	const struct fx *fx;

	/* a reader that goes on where it was told to */
	for (turns = 1 + rnd(6); turns > 0; turns--) {
		op = read_op(index, max_n, 0);
		if (tag != 0)
			want_tag(op, tag);
		fx = lrig_ask(tr, op);
		check_answer(fx, index, max_n, tag);
		index = fx->u64;
		lrig_forget(tr);
	}
}

static void
test_model(void **state)
{
	unsigned seed, i, n;

	for (seed = 1; seed <= 20; seed++) {
		tr = *state;
		lrig_teardown(state);
		lrig_setup(state);
		begin(state);
		rnd_state = seed;
		model_n = 0;
		model_next = 0;
		for (i = 0; i < 150; i++) {
			switch (rnd(8)) {
			case 0:
				tr->e->cold = rnd(3) != 0;
				break;
			case 1:
				lrig_pass(tr, 1000 * rnd(900));
				break;
			case 2:
				if (rnd(4) != 0)
					break;
				lrig_stop(tr);
				lrig_start(tr);
				producer = lrig_producer(tr, 1);
				break;
			case 3:
			case 4:
				for (n = rnd(60); n > 0; n--)
					model_put();
				lrig_run(tr);
				lrig_forget(tr);
				break;
			default:
				model_read();
				break;
			}
		}
	}
}

/* --- by key ------------------------------------------------------------------------------ */

static struct op *
query_op(uint64_t hash, int64_t from_ms, int64_t to_ms, uint32_t max)
{
	struct op *op = lrig_new_op(tr, OP_QUERY, 7, 0);

	op->u64 = hash;
	op->start.time_ms = from_ms;
	op->due_ms = to_ms;
	op->u32 = max;
	return op;
}

/* Messages of these indexes, in that order */
static void
assert_found(struct op *op, uint32_t n, const uint64_t *index)
{
	const struct fx *fx = lrig_ask(tr, op);

	assert_ok(fx->err);
	assert_int_equal(fx->type, FX_ENTRIES);
	assert_int_equal(fx->entries_n, n);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(fx->entries[i].index, index[i]);
		assert_true(slice_eq_str(fx->entries[i].body, "0123456789"));
		assert_int_equal(fx->entries[i].locator,
		    entry_locator(fx->entries[i].pos.ledger,
			(uint64_t)fx->entries[i].pos.entry));
	}
}

/* Over ledgers, the newest first; by time, inclusive; from memory and not */
static void
test_query(void **state)
{
	int64_t first, second;

	begin(state);
	assert_found(query_op(5, 0, INT64_MAX, 10), 0, NULL);
	put(1, 5, 0);
	put(1, 6, 0);
	put(1, 5, 0);
	put_n(97);
	first = tr->now_ms;
	roll(); /* 100 to 199 */
	lrig_pass(tr, 1000);
	put(1, 5, 0); /* 200 */
	put(1, 6, 0);
	lrig_run(tr);
	second = tr->now_ms;
	assert_true(lrig_topic(tr)->log.ledgers_n >= 2);
	for (int cold = 0; cold < 2; cold++) {
		tr->e->cold = cold != 0;
		assert_found(query_op(5, 0, INT64_MAX, 10), 3,
		    (const uint64_t[]){ 200, 2, 0 });
		assert_found(query_op(6, 0, INT64_MAX, 10), 2,
		    (const uint64_t[]){ 201, 1 });
		assert_found(query_op(5, 0, INT64_MAX, 2), 2,
		    (const uint64_t[]){ 200, 2 });
		assert_found(query_op(7, 0, INT64_MAX, 2), 0, NULL);
		assert_found(query_op(5, 0, second - 1, 10), 2,
		    (const uint64_t[]){ 2, 0 });
		assert_found(query_op(5, second, second, 10), 1,
		    (const uint64_t[]){ 200 });
		assert_found(query_op(5, first + 1, second - 1, 10), 0, NULL);
		assert_found(query_op(5, second + 1, INT64_MAX, 10), 0, NULL);
	}
}

static void
test_query_refused(void **state)
{
	begin(state);
	put_n(1);
	assert_int_equal(
	    lrig_ask(tr, query_op(5, 0, 1, 0))->err, ERR_INVALID_ARG);
	assert_int_equal(lrig_ask(tr, query_op(5, 0, 1, QUERY_MAX + 1))->err,
	    ERR_INVALID_ARG);
	/* an engine without the index */
	tr->ops.find_keys = NULL;
	assert_int_equal(
	    lrig_ask(tr, query_op(5, 0, 1, 1))->err, ERR_NOT_ALLOWED);
}

int
main(void)
{
#define T_(f) cmocka_unit_test_setup_teardown(f, lrig_setup, lrig_teardown)
	const struct CMUnitTest tests[] = {
		T_(test_limits),
		T_(test_ledgers),
		T_(test_inside_batch),
		T_(test_filter),
		T_(test_scan_limit),
		T_(test_wait),
		T_(test_wait_roll),
		T_(test_query),
		T_(test_query_refused),
		T_(test_cancel),
		T_(test_too_many),
		T_(test_close),
		T_(test_spots),
		T_(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
