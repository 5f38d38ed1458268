/* SPDX-License-Identifier: Apache-2.0 */
/* Staged entries over the local engine: core/stage.h, core/due.h. */
#include "core/core_priv.h"
#include "core/due_heap.h"
#include "core/stage.h"
#include "core/stage_env.h"
#include "tests/lib/topic_rig.h"
#include "test.h"

#define T "persistent://public/default/t"
#define U "persistent://public/default/u"

static struct trig tr;

static int
setup(void **state)
{
	(void)state;
	trig_init(&tr);
	trig_start(&tr);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	trig_fini(&tr);
	return 0;
}

/* --- envelopes, heaps ------------------------------------------------------------ */

static void
test_envelope(void **state)
{
	struct stage_env e = {
		.outcome = STAGE_NOTIFY,
		.kind = DEST_ROCKETMQ,
		.due_ms = 1234567890123,
		.hash = 42,
		.attr = { .format = ENTRY_FORMAT_ROCKETMQ,
		    .aux = 3,
		    .flags = ATTR_TXN,
		    .messages_n = 7,
		    .publish_time_ms = 5,
		    .deliver_at_ms = 6,
		    .key_hash = 7,
		    .tag_hash = 8,
		    .producer_hash = 9,
		    .sequence = -1,
		    .chunk_hash = 10 },
		.target = STR_LIT(T),
		.owner = STR_LIT("key"),
		.body = slice_str("body"),
	};
	struct slice s = stage_env_write(&e), cut, again;
	struct stage_env f;
	uint32_t n;

	(void)state;
	assert_true(stage_env_read(&f, s));
	assert_int_equal(f.outcome, STAGE_NOTIFY);
	assert_int_equal(f.kind, DEST_ROCKETMQ);
	assert_int_equal(f.due_ms, 1234567890123);
	assert_int_equal(f.hash, 42);
	assert_true(str_eq(f.target, e.target));
	assert_true(str_eq(f.owner, e.owner));
	assert_true(slice_eq_str(f.body, "body"));
	again = stage_env_write(&f);
	assert_int_equal(again.len, s.len);
	assert_memory_equal(again.p, s.p, s.len);
	slice_unref(&again);
	for (n = 0; n < s.len - 4; n++) {
		cut = slice_sub(s, 0, n);
		assert_false(stage_env_read(&f, cut));
	}
	slice_unref(&s);
}

static void
test_heap(void **state)
{
	struct due_heap h = { 0 };
	struct due_item it = { 0 }, was;
	unsigned i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		it.due_ms = (int64_t)(i * 7919 % 101);
		it.order = i;
		due_heap_push(&h, &it);
	}
	due_heap_cut(&h, 500);
	was = due_heap_pop(&h);
	for (i = 1; i < 500; i++) {
		it = due_heap_pop(&h);
		assert_true(due_cmp(&was, &it) < 0);
		was = it;
	}
	assert_int_equal(h.n, 0);
	assert_true(was.due_ms < 52);
	due_heap_fini(&h);
}

/* --- helpers ------------------------------------------------------------------------ */

static struct op *
stage_op_of(const char *topic, const char *body, int64_t due_ms)
{
	struct op *op = trig_op(&tr, OP_STAGE, topic, 9);
	struct slice s = slice_str(body);

	op->publish.attr = (struct attr){ .format = ENTRY_FORMAT_PULSAR,
		.messages_n = 1,
		.publish_time_ms = tr.wall_ms };
	op->publish.body = slice_dup(s);
	op->due_ms = due_ms;
	op->u32 = STAGE_APPEND;
	return op;
}

/* its locator */
static uint64_t
stage(const char *topic, const char *body, int64_t in_ms)
{
	struct fx *fx;

	fx = trig_do(&tr, stage_op_of(topic, body, tr.wall_ms + in_ms));
	assert_non_null(fx);
	assert_ok(fx->err);
	assert_int_equal(fx->type, FX_STAGED);
	return fx->u64;
}

static uint64_t
count(const char *topic)
{
	struct fx *fx = trig_do(&tr, trig_op(&tr, OP_STAGE_COUNT, topic, 9));

	assert_non_null(fx);
	assert_ok(fx->err);
	return fx->u64;
}

/* a consumer that acks nothing, from the first entry on */
static uint64_t
listen_to(const char *topic, uint64_t tag)
{
	uint64_t c = trig_consumer(&tr, topic, "s", tag, true);

	assert_int_not_equal(c, 0);
	core_flow(tr.co, c, 1000000);
	trig_run(&tr);
	return c;
}

static void
expect(unsigned i, const char *body)
{
	assert_true(i < tr.got_n);
	assert_string_equal(tr.got[i].body, body);
}

/* --- due ----------------------------------------------------------------------------- */

static void
test_due(void **state)
{
	(void)state;
	listen_to(T, 1);
	stage(T, "late", 5000);
	stage(T, "soon", 1000);
	stage(U, "other", 3000);
	assert_int_equal(count(T), 2);
	assert_int_equal(count(U), 1);
	trig_pass(&tr, 700);
	assert_int_equal(tr.got_n, 0);
	trig_pass(&tr, 300);
	assert_int_equal(tr.got_n, 1);
	expect(0, "soon");
	assert_int_equal(count(T), 1);
	trig_pass(&tr, 3500);
	assert_int_equal(tr.got_n, 1);
	trig_pass(&tr, 500);
	assert_int_equal(tr.got_n, 2);
	expect(1, "late");
	assert_int_equal(count(T), 0);
	assert_int_equal(count(U), 0);
}

/* in order of due time, then of staging, whatever the class */
static void
test_order(void **state)
{
	int64_t at = tr.wall_ms + 3600000;
	struct op *op;
	char b[16];
	unsigned i;

	(void)state;
	listen_to(T, 1);
	for (i = 0; i < 300; i++) {
		(void)snprintf(b, sizeof b, "%03u", i);
		op = stage_op_of(T, b, at);
		core_op(tr.co, &op);
		if (i % 100 == 99)
			trig_pass(&tr, 1000000);
	}
	assert_int_equal(tr.got_n, 0);
	op = stage_op_of(T, "first", at - 1);
	core_op(tr.co, &op);
	trig_pass(&tr, at - tr.wall_ms + 1);
	assert_int_equal(tr.got_n, 301);
	expect(0, "first");
	for (i = 0; i < 300; i++) {
		(void)snprintf(b, sizeof b, "%03u", i);
		expect(i + 1, b);
	}
}

/* more than the window holds, over restarts and crashes */
static void
many(bool crash)
{
	struct op *op;
	char b[16];
	unsigned i, k;
	bool seen[1000] = { false };

	trig_stop(&tr);
	tr.conf.due_window = 16;
	trig_start(&tr);
	for (i = 0; i < 1000; i++) {
		(void)snprintf(b, sizeof b, "%u", i);
		op = stage_op_of(
		    T, b, tr.wall_ms + 100000 + (int64_t)(i * 7919 % 1000));
		core_op(tr.co, &op);
		if (i % 50 == 49)
			trig_run(&tr);
	}
	trig_run(&tr);
	trig_pass(&tr, crash ? 900 : 5000);
	if (crash)
		trig_crash(&tr);
	else
		trig_stop(&tr);
	trig_start(&tr);
	assert_int_equal(count(T), 1000);
	trig_forget(&tr);
	listen_to(T, 1);
	trig_pass(&tr, 90000);
	assert_int_equal(tr.got_n, 0);
	trig_pass(&tr, 20000);
	assert_int_equal(tr.got_n, 1000);
	for (i = 0; i < 1000; i++) {
		k = (unsigned)strtoul(tr.got[i].body, NULL, 10);
		assert_true(k < 1000 && !seen[k]);
		seen[k] = true;
	}
	assert_int_equal(count(T), 0);
	trig_pass(&tr, 5000);
	/* nothing comes again */
	trig_stop(&tr);
	trig_start(&tr);
	trig_pass(&tr, 200000);
	assert_int_equal(count(T), 0);
	trig_forget(&tr);
	listen_to(T, 1);
	assert_int_equal(tr.got_n, 1000);
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

/* Thousands that are due at once, more than the window holds, go in the order in which
 * they lie. One of them is dropped while the index looks for the rest. */
static void
test_bulk(void **state)
{
	uint64_t first = 0;
	char b[16];
	struct op *op;
	unsigned i;

	(void)state;
	trig_stop(&tr);
	tr.conf.due_window = 4500;
	trig_start(&tr);
	first = stage(T, "0", 100000);
	for (i = 1; i < 9100; i++) {
		(void)snprintf(b, sizeof b, "%u", i);
		op = stage_op_of(
		    T, b, tr.wall_ms + 100000 + (int64_t)(i * 7919 % 1000));
		core_op(tr.co, &op);
		if (i % 50 == 49)
			trig_run(&tr);
	}
	stage(T, "later", 3600000);
	trig_pass(&tr, 5000);
	assert_int_equal(count(T), 9101);
	trig_forget(&tr);
	listen_to(T, 1);
	tr.wall_ms += 200000;
	(void)core_poll(tr.co, tr.wall_ms, tr.mono_ns);
	(void)core_poll(tr.co, tr.wall_ms, tr.mono_ns);
	op = trig_op(&tr, OP_STAGE_RESOLVE, T, 9);
	op->u64 = first;
	op->flag = true;
	assert_int_equal(trig_do(&tr, op)->type, FX_STAGED);
	trig_pass(&tr, 5000);
	assert_int_equal(tr.got_n, 9099);
	for (i = 0; i < 9099; i++)
		assert_int_equal(strtoul(tr.got[i].body, NULL, 10), i + 1);
	assert_int_equal(count(T), 1);
}

/* wall time goes on by itself */
static void
test_clock_jumps(void **state)
{
	(void)state;
	listen_to(T, 1);
	stage(T, "m", 86400000);
	trig_pass(&tr, 1000);
	assert_int_equal(tr.got_n, 0);
	(void)core_poll(tr.co, tr.wall_ms + 90000000, tr.mono_ns);
	(void)core_poll(tr.co, tr.wall_ms + 90000000, tr.mono_ns + 1000);
	trig_run(&tr);
	assert_int_equal(tr.got_n, 1);
}

/* --- ops ------------------------------------------------------------------------------- */

static struct op *
by_locator(enum op_type type, const char *topic, uint64_t locator)
{
	struct op *op = trig_op(&tr, type, topic, 9);

	op->u64 = locator;
	return op;
}

static void
test_get_drop(void **state)
{
	uint64_t loc;
	struct fx *fx;
	struct op *op;

	(void)state;
	loc = stage(T, "m", 60000);
	fx = trig_do(&tr, by_locator(OP_STAGE_GET, T, loc));
	assert_int_equal(fx->type, FX_ENTRY);
	assert_true(slice_eq_str(fx->ent.body, "m"));
	assert_int_equal(fx->u64, loc);
	assert_true(str_eq(fx->strings[0], STR_LIT(T)));
	assert_int_equal(fx->u32, STAGE_APPEND);
	assert_true(fx->i64 > tr.wall_ms);
	fx = trig_do(&tr, by_locator(OP_STAGE_GET, U, loc));
	assert_err(fx->err, ERR_INVALID_ARG);
	fx = trig_do(&tr, by_locator(OP_STAGE_GET, T, loc + 1));
	assert_err(fx->err, ERR_NO_MESSAGE);
	fx = trig_do(&tr, by_locator(OP_STAGE_GET, T, UINT64_MAX));
	assert_err(fx->err, ERR_NO_MESSAGE);
	op = by_locator(OP_STAGE_RESOLVE, T, loc);
	op->flag = true;
	fx = trig_do(&tr, op);
	assert_int_equal(fx->type, FX_STAGED);
	assert_int_equal(fx->u64, loc);
	assert_int_equal(count(T), 0);
	op = by_locator(OP_STAGE_RESOLVE, T, loc);
	op->flag = true;
	fx = trig_do(&tr, op);
	assert_err(fx->err, ERR_NO_MESSAGE);
	fx = trig_do(&tr, by_locator(OP_STAGE_GET, T, loc));
	assert_err(fx->err, ERR_NO_MESSAGE);
	listen_to(T, 1);
	trig_pass(&tr, 70000);
	assert_int_equal(tr.got_n, 0);
}

/* a half message: its owner is asked, asked again, then it is committed */
static void
test_notify(void **state)
{
	uint64_t loc;
	struct fx *fx;
	struct op *op;

	(void)state;
	listen_to(T, 1);
	op = stage_op_of(T, "half", tr.wall_ms + 6000);
	op->u32 = STAGE_NOTIFY;
	op->text = op_str(op, STR_LIT("group"));
	loc = trig_do(&tr, op)->u64;
	op = by_locator(OP_STAGE_AGAIN, T, loc);
	op->due_ms = tr.wall_ms + 1;
	assert_err(trig_do(&tr, op)->err, ERR_INVALID_STATE);
	trig_pass(&tr, 6000);
	fx = trig_fx(&tr, FX_STAGE_DUE, 0);
	assert_non_null(fx);
	assert_int_equal(fx->dest.kind, DEST_TEST);
	assert_int_equal(fx->u64, loc);
	assert_true(str_eq(fx->text, STR_LIT("group")));
	assert_true(str_eq(fx->strings[0], STR_LIT(T)));
	assert_true(slice_eq_str(fx->ent.body, "half"));
	assert_int_equal(count(T), 1);
	trig_forget(&tr);
	op = by_locator(OP_STAGE_AGAIN, T, loc);
	op->due_ms = tr.wall_ms + 60000;
	assert_ok(trig_do(&tr, op)->err);
	trig_pass(&tr, 59000);
	assert_null(trig_fx(&tr, FX_STAGE_DUE, 0));
	/* the new due time is on disk */
	trig_crash(&tr);
	trig_start(&tr);
	trig_pass(&tr, 500);
	assert_null(trig_fx(&tr, FX_STAGE_DUE, 0));
	trig_pass(&tr, 1000);
	assert_non_null(trig_fx(&tr, FX_STAGE_DUE, 0));
	/* not answered: it comes again after a restart */
	trig_forget(&tr);
	trig_stop(&tr);
	trig_start(&tr);
	trig_pass(&tr, 100);
	assert_non_null(trig_fx(&tr, FX_STAGE_DUE, 0));
	assert_int_equal(count(T), 1);
	op = by_locator(OP_STAGE_RESOLVE, T, loc);
	op->publish.attr = (struct attr){ .messages_n = 1 };
	op->publish.body = slice_dup(slice_str("whole"));
	fx = trig_do(&tr, op);
	assert_int_equal(fx->type, FX_STAGED);
	assert_int_not_equal(fx->u64, loc);
	assert_int_equal(fx->ent.index, 0);
	assert_int_equal(count(T), 0);
	trig_forget(&tr);
	listen_to(T, 1);
	assert_int_equal(tr.got_n, 1);
	expect(0, "whole");
	trig_pass(&tr, 200000);
	assert_int_equal(tr.got_n, 1);
	assert_null(trig_fx(&tr, FX_STAGE_DUE, 0));
}

/* Appended, and staged until what follows from it is done as well */
static void
test_resolve_twice(void **state)
{
	uint64_t loc;
	struct fx *fx;
	struct op *op;

	(void)state;
	listen_to(T, 1);
	op = stage_op_of(T, "m", tr.wall_ms + 100000);
	op->u32 = STAGE_NOTIFY;
	loc = trig_do(&tr, op)->u64;
	op = by_locator(OP_STAGE_RESOLVE, T, loc);
	op->publish.attr = (struct attr){ .messages_n = 1 };
	op->publish.body = slice_dup(slice_str("whole"));
	op->flag2 = true;
	fx = trig_do(&tr, op);
	assert_int_equal(fx->type, FX_STAGED);
	assert_int_not_equal(fx->u64, loc);
	assert_int_equal(tr.got_n, 1);
	expect(0, "whole");
	assert_int_equal(count(T), 1);
	op = by_locator(OP_STAGE_RESOLVE, T, loc);
	op->flag = true;
	assert_int_equal(trig_do(&tr, op)->type, FX_STAGED);
	assert_int_equal(count(T), 0);
	trig_pass(&tr, 200000);
	assert_int_equal(tr.got_n, 1);
}

static void
test_no_due(void **state)
{
	struct op *op;
	struct fx *fx;
	uint64_t loc;

	(void)state;
	loc = trig_do(&tr, stage_op_of(T, "m", 0))->u64;
	trig_pass(&tr, 10000000);
	assert_int_equal(count(T), 1);
	trig_crash(&tr);
	trig_start(&tr);
	fx = trig_do(&tr, by_locator(OP_STAGE_GET, T, loc));
	assert_int_equal(fx->type, FX_ENTRY);
	assert_int_equal(fx->i64, 0);
	op = by_locator(OP_STAGE_RESOLVE, T, loc);
	op->flag = true;
	assert_int_equal(trig_do(&tr, op)->type, FX_STAGED);
	assert_int_equal(count(T), 0);
}

#define CRASHES 60u

/* Each came once, all the same where the crash was. */
static void
expect_once(void)
{
	bool seen[CRASHES] = { false };
	unsigned i, k;

	trig_forget(&tr);
	listen_to(T, 1);
	assert_int_equal(tr.got_n, CRASHES);
	for (i = 0; i < CRASHES; i++) {
		k = (unsigned)strtoul(tr.got[i].body, NULL, 10);
		assert_true(k < CRASHES && !seen[k]);
		seen[k] = true;
	}
}

static void
turns_and_crash(unsigned n)
{
	while (n-- > 0)
		trig_turn(&tr);
	trig_crash(&tr);
	trig_start(&tr);
}

static void
test_due_once(void **state)
{
	unsigned k;
	char b[16];

	(void)state;
	for (k = 0; k < CRASHES; k++) {
		(void)snprintf(b, sizeof b, "%u", k);
		stage(T, b, 1000);
		tr.mono_ns += INT64_C(1000000000);
		tr.wall_ms += 1000;
		turns_and_crash(k % 20);
		trig_pass(&tr, 3000);
		assert_int_equal(count(T), 0);
	}
	expect_once();
}

static struct op *
commit_op(uint64_t loc, const char *body)
{
	struct op *op = by_locator(OP_STAGE_RESOLVE, T, loc);

	op->publish.attr = (struct attr){ .messages_n = 1 };
	op->publish.body = slice_dup(slice_str(body));
	return op;
}

/* Who has no answer asks again. */
static void
test_resolved_once(void **state)
{
	struct op *op;
	struct fx *fx;
	uint64_t loc;
	unsigned k, again = 0;
	char b[16];

	(void)state;
	for (k = 0; k < CRASHES; k++) {
		(void)snprintf(b, sizeof b, "%u", k);
		loc = trig_do(&tr, stage_op_of(T, b, 0))->u64;
		op = commit_op(loc, b);
		core_op(tr.co, &op);
		turns_and_crash(k % 20);
		fx = trig_do(&tr, commit_op(loc, b));
		again += fx->err == ERR_OK;
		if (fx->err != ERR_OK)
			assert_err(fx->err, ERR_NO_MESSAGE);
	}
	assert_true(again > 0 && again < CRASHES);
	expect_once();
}

/* Of two at the same time one is told to come again. */
static void
test_resolved_by_two(void **state)
{
	struct op *a, *b;
	uint64_t loc, req;
	unsigned i;

	(void)state;
	loc = trig_do(&tr, stage_op_of(T, "m", 0))->u64;
	a = commit_op(loc, "m");
	b = by_locator(OP_STAGE_RESOLVE, T, loc);
	b->flag = true;
	req = b->req;
	core_op(tr.co, &a);
	core_op(tr.co, &b);
	trig_run(&tr);
	for (i = 0; i < tr.fx_n; i++)
		if (tr.fx[i]->req == req)
			assert_err(tr.fx[i]->err, ERR_BUSY);
	assert_err(trig_do(&tr, commit_op(loc, "m"))->err, ERR_NO_MESSAGE);
}

/* What is asked to stay staged does, over a crash as well. */
static void
test_resolved_stays(void **state)
{
	struct op *op;
	uint64_t loc;
	unsigned i;

	(void)state;
	loc = trig_do(&tr, stage_op_of(T, "m", 0))->u64;
	for (i = 0; i < 2; i++) {
		op = commit_op(loc, "m");
		op->flag2 = i == 0;
		assert_int_equal(trig_do(&tr, op)->type, FX_STAGED);
		assert_int_equal(count(T), i == 0);
		trig_crash(&tr);
		trig_start(&tr);
		assert_int_equal(count(T), i == 0);
	}
	assert_err(trig_do(&tr, commit_op(loc, "m"))->err, ERR_NO_MESSAGE);
	trig_forget(&tr);
	listen_to(T, 1);
	assert_int_equal(tr.got_n, 2);
}

static struct op *
recall(const char *topic, const char *key, int64_t due_ms)
{
	struct op *op = trig_op(&tr, OP_STAGE_RECALL, topic, 9);

	op->due_ms = due_ms;
	op->u64 = 77;
	op->text = op_str(op, str_of(key));
	return op;
}

static void
test_recall(void **state)
{
	int64_t at = tr.wall_ms + 100000;
	struct op *op;
	struct fx *fx;
	char k[8];
	int i, life;

	(void)state;
	for (life = 0; life < 2; life++) {
		for (i = 0; i < 4; i++) {
			op = stage_op_of(i == 3 ? U : T, "m", at);
			op->u64 = 77; /* of all of them */
			(void)snprintf(k, sizeof k, "k%d", i);
			op->text = op_str(op, str_of(k));
			assert_int_equal(trig_do(&tr, op)->type, FX_STAGED);
		}
		if (life == 1) {
			trig_stop(&tr);
			trig_start(&tr);
		}
		assert_err(
		    trig_do(&tr, recall(T, "k3", at))->err, ERR_NO_MESSAGE);
		assert_err(
		    trig_do(&tr, recall(T, "k1", at + 1))->err, ERR_NO_MESSAGE);
		fx = trig_do(&tr, recall(T, "k1", at));
		assert_int_equal(fx->type, FX_ENTRY);
		assert_true(slice_eq_str(fx->ent.body, "m"));
		assert_err(
		    trig_do(&tr, recall(T, "k1", at))->err, ERR_NO_MESSAGE);
		assert_int_equal(count(T), 2);
		assert_int_equal(
		    trig_do(&tr, recall(T, "k0", at))->type, FX_ENTRY);
		assert_int_equal(
		    trig_do(&tr, recall(T, "k2", at))->type, FX_ENTRY);
		assert_int_equal(
		    trig_do(&tr, recall(U, "k3", at))->type, FX_ENTRY);
		assert_int_equal(count(T) + count(U), 0);
	}
	trig_forget(&tr);
	listen_to(T, 1);
	trig_pass(&tr, 200000);
	assert_int_equal(tr.got_n, 0);
}

static void
test_refused(void **state)
{
	struct op *op;

	(void)state;
	op = stage_op_of(T, "m", -1);
	assert_err(trig_do(&tr, op)->err, ERR_INVALID_ARG);
	op = stage_op_of("non-persistent://public/default/n", "m", 5);
	assert_err(trig_do(&tr, op)->err, ERR_NOT_ALLOWED);
	op = stage_op_of("persistent://public/none/n", "m", 5);
	assert_err(trig_do(&tr, op)->err, ERR_NO_NAMESPACE);
	stage(T, "m", 5000);
	op = trig_op(&tr, OP_TOPIC_UNLOAD,
	    "persistent://pulsar/system/__staging-0-0", 9);
	assert_err(trig_do(&tr, op)->err, ERR_NOT_ALLOWED);
}

/* what was staged for a topic that is no more is dropped */
static void
test_target_deleted(void **state)
{
	struct stage_stats st;
	struct op *op;

	(void)state;
	tr.conf.auto_topic = false;
	stage(T, "m", 5000);
	op = trig_op(&tr, OP_TOPIC_DELETE, T, 9);
	op->flag = true;
	assert_ok(trig_do(&tr, op)->err);
	assert_int_equal(count(T), 1);
	trig_pass(&tr, 10000);
	assert_int_equal(count(T), 0);
	stages_stats(tr.co, &st);
	assert_int_equal(st.dropped, 1);
	assert_int_equal(st.appended, 0);
}

/* its ledgers go when nothing in them is staged any more */
static void
test_space(void **state)
{
	struct topic *t;
	unsigned i;

	(void)state;
	trig_stop(&tr);
	tr.conf.ledger_max_entries = 10;
	tr.conf.ledger_min_roll_ms = 0;
	trig_start(&tr);
	for (i = 0; i < 100; i++)
		stage(T, "m", 30000);
	t = topic_find(
	    tr.co, STR_LIT("persistent://pulsar/system/__staging-0-0"));
	assert_non_null(t);
	assert_true(t->log.ledgers_n >= 10);
	trig_pass(&tr, 40000);
	assert_int_equal(count(T), 0);
	trig_pass(&tr, 60000); /* the last one goes with the next tick */
	assert_int_equal(t->log.ledgers_n, 1);
}

int
main(void)
{
#define U_(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_heap),
		U_(test_due),
		U_(test_order),
		U_(test_many),
		U_(test_many_crash),
		U_(test_bulk),
		U_(test_clock_jumps),
		U_(test_get_drop),
		U_(test_notify),
		U_(test_resolve_twice),
		U_(test_no_due),
		U_(test_due_once),
		U_(test_resolved_once),
		U_(test_resolved_by_two),
		U_(test_resolved_stays),
		U_(test_recall),
		U_(test_refused),
		U_(test_target_deleted),
		U_(test_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
