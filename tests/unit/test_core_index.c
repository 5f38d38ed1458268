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
	/* the other way round; nor may it be read in its name */
	op = sub_op_new(OP_READ_AT, "g");
	op->read = (struct op_read){ .max_n = 1, .max_bytes = 1000 };
	assert_int_equal(lrig_ask(tr, op)->err, ERR_CONSUMER_BUSY);
	op = sub_op_new(OP_READ_AT, "i");
	op->read = (struct op_read){ .max_n = 1, .max_bytes = 1000 };
	assert_ok(lrig_ask(tr, op)->err);
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
	/* from the first consumer on it is kept for it, over a restart too; it is
	 * not let in when that can't be recorded */
	meta_mem_fail_commits(tr->mm, 1, ERR_IO);
	assert_int_equal(subscribe("g", SUB_SHARED, 9)->err, ERR_METADATA);
	assert_false(sub("g")->holds);
	assert_int_equal(get("g"), 100);
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

static uint64_t
at_time(int64_t ms, bool upper)
{
	struct op *op = lrig_new_op(tr, OP_INDEX_AT_TIME, 7, 0);
	const struct fx *fx;

	op->start.time_ms = ms;
	op->flag = upper;
	fx = lrig_ask(tr, op);
	assert_ok(fx->err);
	assert_int_equal(fx->type, FX_CURSOR);
	return fx->u64;
}

static void
test_time(void **state)
{
	int64_t when;

	begin(state);
	assert_int_equal(at_time(tr->now_ms, false), 0);
	assert_int_equal(at_time(tr->now_ms, true), 0);
	lrig_pass(tr, 1000);
	when = tr->now_ms;
	put_n(2, 1);
	put_n(1, 5); /* 0..6 */
	lrig_pass(tr, 1000);
	put_n(2, 1); /* 7, 8 */
	assert_int_equal(at_time(when - 1, false), 0);
	assert_int_equal(at_time(when - 1, true), 0);
	assert_int_equal(at_time(when, false), 0);
	assert_int_equal(at_time(when, true), 6);
	assert_int_equal(at_time(when + 1, false), 7);
	assert_int_equal(at_time(when + 999, true), 6);
	assert_int_equal(at_time(when + 1000, false), 7);
	assert_int_equal(at_time(when + 1000, true), 8);
	assert_int_equal(at_time(when + 1001, false), 9);
	assert_int_equal(at_time(when + 1001, true), 8);
	assert_int_equal(at_time(INT64_MAX, true), 8);
}

static const struct fx *
locate(uint64_t ledger)
{
	struct op *op = lrig_new_op(tr, OP_LOCATE, 7, 0);

	op->topic = STR_NONE;
	op->u64 = entry_locator(ledger, 3);
	return lrig_ask(tr, op);
}

static void
assert_located(uint64_t ledger)
{
	const struct fx *fx = locate(ledger);

	assert_ok(fx->err);
	assert_int_equal(fx->type, FX_TEXT);
	assert_true(str_eq(fx->text, STR_LIT(T)));
}

/* What a version wrote that knew no owners */
static void
forget_owners(uint64_t ledger)
{
	struct meta_txn *tx = meta_txn_new();
	uint8_t key[META_KEY_MAX], *p;
	struct topic_record r;
	struct topic_name tn;
	size_t klen, len;
	void *val;

	assert_ok(topic_name_parse(&tn, STR_LIT(T)));
	klen = key_topic(key, &tn);
	assert_ok(tr->meta->ops->get_now(tr->meta, key, klen, &val, &len));
	assert_ok(topic_record_read(&r, val, len));
	assert_true(r.mapped);
	r.mapped = false;
	p = topic_record_write(&r, &len);
	meta_txn_put(tx, key, klen, p, len);
	klen = meta_key_id(key, META_OWNER, ledger);
	meta_txn_del(tx, key, klen);
	assert_ok(tr->meta->ops->commit_now(tr->meta, &tx));
	mem_free(p);
	mem_free(val);
	topic_record_fini(&r);
	topic_name_fini(&tn);
}

static void
test_locate(void **state)
{
	uint64_t first, second;
	struct op *op;

	begin(state);
	tr->conf.retention_ms = 3600000;
	restart();
	put_n(100, 1);
	first = tlog_last(lrig_topic(tr))->info.id;
	assert_located(first);
	lrig_pass(tr, 700000);
	put_n(10, 1);
	second = tlog_last(lrig_topic(tr))->info.id;
	assert_located(first);
	assert_located(second);
	assert_int_equal(locate(second + 1)->err, ERR_NO_MESSAGE);
	restart();
	forget_owners(second);
	lrig_stop(tr);
	lrig_start(tr);
	lrig_forget(tr);
	assert_int_equal(locate(second)->err, ERR_NO_MESSAGE);
	producer = lrig_producer(tr, 1);
	assert_located(second);
	/* it goes with its ledger, and with the topic */
	lrig_pass(tr, 3200000);
	assert_int_equal(locate(first)->err, ERR_NO_MESSAGE);
	assert_located(second);
	op = lrig_new_op(tr, OP_TOPIC_DELETE, 7, 0);
	op->flag = true;
	assert_ok(lrig_ask(tr, op)->err);
	assert_int_equal(locate(second)->err, ERR_NO_MESSAGE);
}

/* --- properties ---------------------------------------------------------------------- */

static void
give(struct op *op, const char *key, const char *value)
{
	struct prop *v = op_mem(op, sizeof *v);

	v->key = op_str(op, str_of(key));
	v->value = op_str(op, str_of(value));
	op->props = v;
	op->props_n = 1;
}

#define PT "persistent://public/default/p"

static enum err
props_set(const char *topic, const char *key, const char *value)
{
	struct op *op = lrig_new_op(tr, OP_TOPIC_PROPS_SET, 7, 0);

	op->topic = op_str(op, str_of(topic));
	give(op, key, value);
	return lrig_ask(tr, op)->err;
}

static void
assert_props(const char *topic, const char *json)
{
	struct op *op = lrig_new_op(tr, OP_TOPIC_META, 7, 0);
	const struct fx *fx;

	op->topic = op_str(op, str_of(topic));
	fx = lrig_ask(tr, op);
	assert_ok(fx->err);
	assert_int_equal(fx->type, FX_TOPIC_META);
	assert_true(str_eq(fx->text, str_of(json)));
}

static struct topic *
partition(void)
{
	struct op *op = lrig_new_op(tr, OP_TOPIC_TOUCH, 7, 0);

	op->topic = op_str(op, STR_LIT(PT "-partition-1"));
	assert_ok(lrig_ask(tr, op)->err);
	return topic_find(tr->co, STR_LIT(PT "-partition-1"));
}

static void
test_props(void **state)
{
	struct topic *t;
	struct op *op;

	begin(state);
	op = lrig_new_op(tr, OP_PARTITIONED_CREATE, 7, 0);
	op->topic = op_str(op, STR_LIT(PT));
	op->u32 = 2;
	give(op, "retention_ms", "5000");
	assert_ok(lrig_ask(tr, op)->err);
	t = partition();
	assert_true(t->own.has_ms && !t->own.has_bytes);
	assert_int_equal(t->own.ms, 5000);
	assert_false(topic_is_unused(t));
	assert_props(PT, "{\"retention_ms\":\"5000\"}");
	/* live, and again after a restart */
	assert_ok(props_set(PT, "retention_ms", "-1"));
	assert_int_equal(t->own.ms, -1);
	assert_ok(props_set(PT, "retention_bytes", "77"));
	assert_ok(props_set(PT, "x", "y"));
	assert_int_equal(
	    props_set(PT, "retention_bytes", "many"), ERR_INVALID_ARG);
	restart();
	t = partition();
	assert_int_equal(t->own.ms, -1);
	assert_int_equal(t->own.bytes, 77);
	assert_props(PT,
	    "{\"retention_ms\":\"-1\",\"retention_bytes\":\"77\",\"x\":\"y\"}");
	assert_ok(props_set(PT, "retention_bytes", ""));
	assert_false(t->own.has_bytes);
	op = lrig_new_op(tr, OP_PARTITIONED_UPDATE, 7, 0);
	op->topic = op_str(op, STR_LIT(PT));
	op->u32 = 3;
	assert_ok(lrig_ask(tr, op)->err);
	assert_props(PT, "{\"retention_ms\":\"-1\",\"x\":\"y\"}");
	assert_ok(props_set(PT, "x", "z"));
	assert_props(PT, "{\"retention_ms\":\"-1\",\"x\":\"z\"}");
	assert_int_equal(props_set(PT "none", "x", "z"), ERR_NO_TOPIC);
}

/* A topic without partitions: kept for its time whatever the namespace says, then
 * dropped */
static void
test_own_retention(void **state)
{
	begin(state);
	tr->conf.retention_ms = 0;
	tr->conf.retention_bytes = 0;
	restart();
	assert_ok(props_set(T, "retention_ms", "1800000"));
	assert_props(T, "{\"retention_ms\":\"1800000\"}");
	put_n(100, 1);
	lrig_pass(tr, 700000);
	put_n(100, 1);
	assert_int_equal(tlog_first_index(lrig_topic(tr)), 0);
	restart();
	lrig_pass(tr, 1000000);
	assert_int_equal(tlog_first_index(lrig_topic(tr)), 0);
	lrig_pass(tr, 200000);
	assert_int_equal(tlog_first_index(lrig_topic(tr)), 100);
	/* a subscription that holds */
	lrig_sub_make(tr);
	lrig_pass(tr, 3600000);
	assert_int_equal(tlog_first_index(lrig_topic(tr)), 100);
	/* as the namespace says again */
	assert_ok(lrig_ask(tr, set_op("s", 200, true))->err);
	assert_ok(props_set(T, "retention_ms", ""));
	assert_int_equal(tlog_first_index(lrig_topic(tr)), 200);
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
		T_(test_time),
		T_(test_locate),
		T_(test_props),
		T_(test_own_retention),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
