/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a topic: rolling, positions, reading, searching, trimming. */
#include "test.h"

#include "core/sub_priv.h"
#include "log_rig.h"

/* --- publishing and rolling ------------------------------------------------------- */

/* Receipts 0..n-1: in order, indexes without a hole, positions ascending. */
static void
check_receipts(struct lrig *tr, unsigned n)
{
	unsigned i;

	assert_int_equal(tr->rc_n, n);
	for (i = 0; i < n; i++) {
		assert_ok(tr->rc[i].err);
		assert_int_equal(tr->rc[i].sequence, i);
		assert_int_equal(tr->rc[i].index, i);
		if (i > 0)
			assert_true(
			    pos_cmp(tr->rc[i - 1].pos, tr->rc[i].pos) < 0);
	}
}

static void
receipts_in_order(void **state)
{
	struct lrig *tr = *state;
	uint64_t p = lrig_producer(tr, 1);

	/* more than the ring starts with, while nothing is answered */
	tr->e->hold = true;
	lrig_publish(tr, p, 0, 500);
	lrig_run(tr);
	assert_int_equal(tr->rc_n, 0);
	tr->e->hold = false;
	lrig_run(tr);
	check_receipts(tr, 500);
	assert_int_equal(lrig_topic(tr)->in_messages, 500);
	assert_int_equal(
	    tlog_entries(lrig_topic(tr),
		(struct pos){ tr->rc[0].pos.ledger, -1 }, tr->rc[499].pos),
	    500);
}

static void
roll_by_entries_when_old(void **state)
{
	struct lrig *tr = *state;
	uint64_t p = lrig_producer(tr, 1);

	lrig_publish(tr, p, 0, 25);
	lrig_run(tr);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 1);
	lrig_pass(tr, tr->conf.ledger_min_roll_ms);
	/* the core's tick has seen it: it is full and now old enough */
	lrig_publish(tr, p, 25, 1);
	lrig_run(tr);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 2);
	check_receipts(tr, 26);
	assert_int_not_equal(tr->rc[24].pos.ledger, tr->rc[25].pos.ledger);
	assert_int_equal(tr->rc[25].pos.entry, 0);
}

static int64_t
backlog_bytes(struct lrig *tr, uint64_t skip)
{
	struct op *op;

	op = lrig_new_op(tr, OP_SUB_SKIP, 90, 0);
	op->sub = op_str(op, STR_LIT("s"));
	op->u64 = skip;
	if (skip > 0)
		assert_ok(lrig_ask(tr, op)->err);
	else
		op_free(&op);
	return lrig_ask(tr, lrig_new_op(tr, OP_TOPIC_STATS, 90, 0))
	    ->stats->subs->backlog_bytes;
}

/* By ledgers, and by the average entry of the one that mark-delete is in. */
static void
bytes_of_the_backlog(void **state)
{
	struct lrig *tr = *state;
	uint64_t p = lrig_producer(tr, 1);

	lrig_sub_make(tr);
	assert_int_equal(backlog_bytes(tr, 0), 0);
	lrig_publish(tr, p, 0, 25); /* of 4 bytes */
	lrig_run(tr);
	lrig_pass(tr, tr->conf.ledger_min_roll_ms);
	lrig_publish(tr, p, 25, 10);
	lrig_run(tr);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 2);
	assert_int_equal(backlog_bytes(tr, 0), 140);
	assert_int_equal(backlog_bytes(tr, 5), 120);
	assert_int_equal(backlog_bytes(tr, 20), 40);
	assert_int_equal(backlog_bytes(tr, 1), 36);
	assert_int_equal(backlog_bytes(tr, UINT64_MAX), 0);
}

static void
roll_by_bytes_at_any_age(void **state)
{
	struct lrig *tr = *state;
	uint64_t p;

	tr->conf.ledger_max_bytes = 40;
	lrig_stop(tr);
	lrig_start(tr);
	p = lrig_producer(tr, 1);
	lrig_publish(tr, p, 0, 10); /* of 4 bytes */
	lrig_run(tr);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 2);
	lrig_publish(tr, p, 10, 1);
	lrig_run(tr);
	check_receipts(tr, 11);
	assert_int_equal(tr->rc[10].pos.entry, 0);
}

static void
roll_by_age(void **state)
{
	struct lrig *tr = *state;
	uint64_t p = lrig_producer(tr, 1);

	lrig_publish(tr, p, 0, 1);
	lrig_run(tr);
	lrig_pass(tr, tr->conf.ledger_max_roll_ms);
	lrig_publish(tr, p, 1, 1);
	lrig_run(tr);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 2);
	check_receipts(tr, 2);
}

static void
publishes_wait_for_the_roll(void **state)
{
	struct lrig *tr = *state;
	uint64_t p = lrig_producer(tr, 1);

	lrig_pass(tr, tr->conf.ledger_min_roll_ms);
	lrig_publish(tr, p, 0, 10);
	fake_poll(tr->e); /* appended: the roll has begun */
	assert_int_equal(tr->rc_n, 10);
	assert_true(lrig_topic(tr)->log.rolling);
	lrig_publish(tr, p, 10, 300);
	assert_int_equal(tr->rc_n, 10);
	assert_int_equal(lrig_topic(tr)->held.n, 300);
	lrig_run(tr);
	check_receipts(tr, 310);
	assert_int_equal(lrig_topic(tr)->held.n, 0);
}

static void
roll_survives_a_refused_commit(void **state)
{
	struct lrig *tr = *state;
	uint64_t p = lrig_producer(tr, 1);

	lrig_pass(tr, tr->conf.ledger_min_roll_ms);
	meta_mem_fail_commits(tr->mm, 1, ERR_AGAIN);
	lrig_publish(tr, p, 0, 10);
	fake_poll(tr->e);
	lrig_publish(tr, p, 10, 5);
	lrig_run(tr);
	lrig_pass(tr, 5000);
	check_receipts(tr, 15);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 2);
}

/* The record that a trim writes behind the roll's names the next ledger too */
static void
roll_survives_a_trim_behind_a_refused_commit(void **state)
{
	struct lrig *tr = *state;
	struct topic *t;
	unsigned i;
	uint64_t p;

	tr->conf.retention_ms = tr->conf.retention_bytes = 0;
	lrig_stop(tr);
	lrig_start(tr);
	p = lrig_producer(tr, 1);
	lrig_sub_make(tr);
	lrig_pass(tr, tr->conf.ledger_min_roll_ms);
	t = lrig_topic(tr);
	lrig_publish(tr, p, 0, 10);
	for (i = 0; i < 10 && t->log.ledgers_n == 1; i++)
		(void)fake_poll(tr->e);
	assert_int_equal(t->log.ledgers_n, 2);
	meta_mem_fail_commits(tr->mm, 1, ERR_AGAIN);
	(void)cursor_ack_cumulative(
	    sub_find(t, STR_LIT("s"))->cur, t->log.last, NULL, 0, 0);
	topic_trim(t);
	assert_int_equal(t->log.commits, 2);
	lrig_publish(tr, p, 10, 5);
	lrig_run(tr);
	lrig_stop(tr);
	lrig_start(tr);
	p = lrig_producer(tr, 2);
	lrig_publish(tr, p, 10, 5);
	lrig_run(tr);
	check_receipts(tr, 15);
	/* and without a restart */
	meta_mem_fail_commits(tr->mm, 1, ERR_AGAIN);
	lrig_pass(tr, tr->conf.ledger_min_roll_ms);
	lrig_publish(tr, p, 15, 20);
	lrig_run(tr);
	lrig_pass(tr, 5000);
	check_receipts(tr, 35);
}

/* What waits for the next try of a roll when the topic is not deleted after all */
static void
roll_goes_on_after_a_refused_delete(void **state)
{
	struct lrig *tr = *state;
	uint64_t p = lrig_producer(tr, 1);
	struct op *op;

	lrig_sub_make(tr);
	lrig_pass(tr, tr->conf.ledger_min_roll_ms);
	meta_mem_fail_commits(tr->mm, 2, ERR_AGAIN);
	lrig_publish(tr, p, 0, 10);
	lrig_run(tr);
	assert_true(lrig_topic(tr)->log.rolling);
	op = lrig_new_op(tr, OP_TOPIC_DELETE, 90, 0);
	op->flag = true;
	assert_int_equal(lrig_ask(tr, op)->err, ERR_METADATA);
	p = lrig_producer(tr, 2);
	lrig_publish(tr, p, 10, 5);
	lrig_pass(tr, 5000);
	check_receipts(tr, 15);
	lrig_stop(tr);
	lrig_start(tr);
	lrig_publish(tr, lrig_producer(tr, 3), 15, 1);
	lrig_run(tr);
	check_receipts(tr, 16);
}

static void
index_goes_on_after_a_restart(void **state)
{
	struct lrig *tr = *state;

	lrig_sub_make(tr);
	lrig_pass(tr, tr->conf.ledger_min_roll_ms);
	lrig_publish(tr, lrig_producer(tr, 1), 0, 12);
	lrig_run(tr);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 2);
	lrig_stop(tr);
	lrig_start(tr);
	lrig_publish(tr, lrig_producer(tr, 2), 12, 1);
	lrig_run(tr);
	check_receipts(tr, 13);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 2);
}

/* --- positions, reading ------------------------------------------------------------ */

/* Publishes n entries into each of k ledgers. Returns the producer. */
static uint64_t
fill(struct lrig *tr, unsigned k, unsigned n)
{
	uint64_t p = lrig_producer(tr, 1);
	unsigned i;

	assert(n >= tr->conf.ledger_max_entries);
	for (i = 0; i < k; i++) {
		lrig_pass(tr, tr->conf.ledger_min_roll_ms);
		lrig_publish(tr, p, i * n, n);
		lrig_run(tr);
	}
	check_receipts(tr, k * n);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, k + 1);
	return p;
}

static void
positions(void **state)
{
	struct lrig *tr = *state;
	struct topic *t;
	struct pos p, q;
	unsigned i;

	lrig_sub_make(tr);
	(void)fill(tr, 3, 10);
	t = lrig_topic(tr);
	p = tlog_first(t);
	for (i = 0; i < 30; i++) {
		assert_int_equal(pos_cmp(p, tr->rc[i].pos), 0);
		q = tlog_next(t, p);
		if (i < 29)
			assert_int_equal(pos_cmp(tlog_prev(t, q), p), 0);
		assert_int_equal(tlog_entries(t, p, tr->rc[29].pos), 29 - i);
		p = q;
	}
	/* behind the last entry: the start of the open, empty ledger */
	assert_true(p.ledger > tr->rc[29].pos.ledger);
	assert_int_equal(p.entry, 0);
	assert_int_equal(tlog_entries(t, p, p), 0);
	assert_int_equal(tlog_prev(t, tlog_first(t)).entry, -1);
	/* what is before the first ledger and behind the last */
	p = tlog_valid(t, (struct pos){ 0, 7 });
	assert_int_equal(pos_cmp(p, tlog_first(t)), 0);
	p = tlog_valid(t, (struct pos){ UINT64_MAX, 7 });
	assert_int_equal(pos_cmp(p, tlog_next(t, tr->rc[29].pos)), 0);
}

static void
on_wake(void *priv)
{
	struct lrig *tr = priv;

	tr->wakes++;
}

/* Reads from the first entry to the end, which must be receipts 0..n-1. */
static void
read_all(struct lrig *tr, struct reader *rd, unsigned n)
{
	enum reader_result r;
	struct entry ent;
	unsigned i = 0, wakes;

	while ((r = reader_peek(rd, &ent)) != READER_END) {
		if (r == READER_WAIT) {
			wakes = tr->wakes;
			lrig_run(tr);
			assert_int_equal(tr->wakes, wakes + 1);
			continue;
		}
		assert(i < n);
		assert_int_equal(pos_cmp(ent.pos, tr->rc[i].pos), 0);
		assert_int_equal(pos_cmp(reader_pos(rd), ent.pos), 0);
		assert_int_equal(ent.body.len, 4);
		i++;
		reader_advance(rd);
	}
	assert_int_equal(i, n);
}

static void
read_across_ledgers(void **state)
{
	struct lrig *tr = *state;
	struct reader *rd;
	struct entry ent;
	uint64_t p;

	lrig_sub_make(tr);
	p = fill(tr, 3, 600);
	rd =
	    reader_new(lrig_topic(tr), tlog_first(lrig_topic(tr)), on_wake, tr);
	read_all(tr, rd, 1800);
	assert_int_equal(tr->e->reads_n, 0);
	/* the tail */
	lrig_publish(tr, p, 1800, 1);
	lrig_run(tr);
	assert_int_equal(reader_peek(rd, &ent), READER_ENTRY);
	assert_int_equal(pos_cmp(ent.pos, tr->rc[1800].pos), 0);
	reader_advance(rd);
	assert_int_equal(reader_peek(rd, &ent), READER_END);
	/* from disk, in blocks */
	tr->e->cold = true;
	reader_seek(rd, tlog_first(lrig_topic(tr)));
	read_all(tr, rd, 1801);
	assert_true(tr->e->reads_n >= 9 && tr->e->reads_n <= 12);
	/* freed with a read under way */
	reader_seek(rd, tlog_first(lrig_topic(tr)));
	assert_int_equal(reader_peek(rd, &ent), READER_WAIT);
	reader_free(&rd);
	lrig_run(tr);
}

static void
cold_peek(struct lrig *tr, struct reader *rd, struct entry *ent)
{
	enum reader_result r = reader_peek(rd, ent);

	if (r == READER_WAIT) {
		lrig_run(tr);
		r = reader_peek(rd, ent);
	}
	assert_int_equal(r, READER_ENTRY);
}

/* Answers the only read under way: its first n entries are damaged. */
static void
read_fails(struct lrig *tr, enum err e, int64_t n)
{
	struct ledger_read *lr = tr->e->reads;

	assert_non_null(lr);
	assert_null(lr->impl);
	tr->e->reads = NULL;
	lr->next = lr->from + n;
	lr->done(lr, e);
}

static void
damage_is_stepped_over(void **state)
{
	struct lrig *tr = *state;
	struct reader *rd;
	struct entry ent;

	(void)fill(tr, 1, 50);
	tr->e->cold = true;
	rd =
	    reader_new(lrig_topic(tr), tlog_first(lrig_topic(tr)), on_wake, tr);
	assert_int_equal(reader_peek(rd, &ent), READER_WAIT);
	if (tr->e->reads == NULL) { /* its ledger had to be opened */
		lrig_run(tr);
		assert_int_equal(reader_peek(rd, &ent), READER_WAIT);
	}
	read_fails(tr, ERR_CORRUPT, 3);
	assert_int_equal(tr->co->damaged, 3);
	cold_peek(tr, rd, &ent);
	assert_int_equal(ent.pos.entry, 3);
	reader_advance(rd);
	cold_peek(tr, rd, &ent);
	assert_int_equal(ent.pos.entry, 4);
	reader_free(&rd);
}

static void
a_passing_fault_is_waited_out(void **state)
{
	struct lrig *tr = *state;
	struct reader *rd;
	struct entry ent;

	(void)fill(tr, 1, 50);
	tr->e->cold = true;
	rd =
	    reader_new(lrig_topic(tr), tlog_first(lrig_topic(tr)), on_wake, tr);
	assert_int_equal(reader_peek(rd, &ent), READER_WAIT);
	if (tr->e->reads == NULL) {
		lrig_run(tr);
		assert_int_equal(reader_peek(rd, &ent), READER_WAIT);
	}
	tr->wakes = 0;
	read_fails(tr, ERR_AGAIN, 0);
	assert_int_equal(tr->wakes, 0);
	lrig_pass(tr, 5000);
	assert_int_equal(tr->wakes, 1);
	cold_peek(tr, rd, &ent);
	assert_int_equal(ent.pos.entry, 0);
	assert_int_equal(tr->co->damaged, 0);
	reader_free(&rd);
}

struct found {
	unsigned n;
	struct pos pos;
	enum err err;
};

static void
on_found(void *priv, struct pos p, enum err e)
{
	struct found *f = priv;

	f->n++;
	f->pos = p;
	f->err = e;
}

static void
search_by_time(void **state)
{
	struct lrig *tr = *state;
	struct found f = { 0 };
	unsigned i;

	lrig_sub_make(tr);
	(void)fill(tr, 3, 10); /* ledger i is stored at START + (i + 1) * min */
	for (i = 0; i < 3; i++) {
		f.n = 0;
		tlog_find_time(lrig_topic(tr),
		    START_MS + (i + 1) * tr->conf.ledger_min_roll_ms, on_found,
		    &f);
		assert_int_equal(f.n, 0); /* never inline */
		lrig_run(tr);
		assert_int_equal(f.n, 1);
		assert_ok(f.err);
		assert_int_equal(pos_cmp(f.pos, tr->rc[i * 10].pos), 0);
	}
	f.n = 0;
	tlog_find_time(lrig_topic(tr), tr->now_ms + 1, on_found, &f);
	lrig_run(tr);
	assert_int_equal(f.n, 1);
	assert_int_equal(
	    pos_cmp(f.pos, tlog_next(lrig_topic(tr), tr->rc[29].pos)), 0);
}

/* --- trimming ------------------------------------------------------------------------ */

static unsigned
ledgers_n(const struct lrig *tr)
{
	const struct fake_ledger *f;
	unsigned n = 0;

	for (f = tr->e->ledgers; f != NULL; f = f->next)
		n++;
	return n;
}

static void
trim_behind_the_slowest(void **state)
{
	struct lrig *tr = *state;
	uint8_t key[META_KEY_MAX];
	size_t klen, len;
	struct op *op;
	uint64_t first;
	void *val;

	tr->conf.retention_ms = tr->conf.retention_bytes = 0;
	lrig_stop(tr);
	lrig_start(tr);
	lrig_sub_make(tr);
	(void)fill(tr, 3, 10);
	assert_int_equal(ledgers_n(tr), 4);
	first = lrig_topic(tr)->log.ledgers[0]->info.id;
	/* it has passed all but one entry of the second ledger */
	op = lrig_new_op(tr, OP_SUB_SKIP, 90, 0);
	op->sub = op_str(op, STR_LIT("s"));
	op->u64 = 19;
	assert_ok(lrig_ask(tr, op)->err);
	lrig_pass(tr, 60000);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 3);
	assert_int_equal(ledgers_n(tr), 3);
	assert_true(lrig_topic(tr)->log.ledgers[0]->info.id > first);
	assert_int_equal(lrig_topic(tr)->log.bytes, 2 * 10 * 4);
	/* had we crashed before the engine forgot it, boot would know */
	klen = meta_key_id(key, META_DEAD_LEDGER, first);
	assert_ok(tr->meta->ops->get_now(tr->meta, key, klen, &val, &len));
	mem_free(val);
	/* the open one stays whatever was passed */
	op = lrig_new_op(tr, OP_SUB_SKIP, 90, 0);
	op->sub = op_str(op, STR_LIT("s"));
	op->u64 = UINT64_MAX;
	assert_ok(lrig_ask(tr, op)->err);
	lrig_pass(tr, 60000);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 1);
	assert_int_equal(ledgers_n(tr), 1);
}

static void
retention_keeps(void **state)
{
	struct lrig *tr = *state;

	/* in force together: what either lets go of goes */
	tr->conf.retention_ms = 100000000;
	tr->conf.retention_bytes = -1;
	lrig_stop(tr);
	lrig_start(tr);
	(void)fill(tr, 2, 10);
	lrig_pass(tr, 60000);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 3);
	lrig_pass(tr, 100000000);
	lrig_pass(tr, 60000);
	assert_int_equal(lrig_topic(tr)->log.ledgers_n, 1);
	assert_int_equal(ledgers_n(tr), 1);
}

static void
on_keys(void *priv, const int64_t *entry, uint32_t n, enum err e)
{
	struct found *f = priv;

	(void)entry;
	assert_int_equal(n, 0);
	f->n++;
	f->err = e;
}

/* The first ledger is given up before the search in it has ended. */
static void
search_outlives_its_ledger(void **state)
{
	struct lrig *tr = *state;
	struct found by[3];
	struct topic *t;
	struct entry ent;
	struct reader *rd;
	unsigned i, held;

	tr->conf.retention_ms = 1000000000;
	lrig_stop(tr);
	lrig_start(tr);
	lrig_sub_make(tr);
	(void)fill(tr, 3, 10);
	t = lrig_topic(tr);
	assert_int_equal(backlog_bytes(tr, UINT64_MAX), 0);
	/* still to be opened, then held by somebody */
	for (held = 0; held < 2; held++) {
		memset(by, 0, sizeof by);
		rd = reader_new(t, tlog_first(t), on_wake, tr);
		if (held) {
			assert_int_equal(reader_peek(rd, &ent), READER_WAIT);
			lrig_run(tr);
		}
		assert_int_equal(t->log.ledgers[0]->lg != NULL, held);
		tlog_find_index(t, tlog_first_index(t) + 3, on_found, &by[0]);
		tlog_find_time(t, START_MS, on_found, &by[1]);
		tlog_find_keys(t, t->log.ledgers[0]->info.id, 1, 0, 10, 5,
		    on_keys, &by[2]);
		/* what it was kept for is over */
		t->policy.retention_ms = 1;
		t->log.ledgers[0]->info.last_store_ms = 1;
		t->log.ledgers[1]->info.last_store_ms = tr->now_ms;
		topic_trim(t);
		t->policy.retention_ms = 1000000000;
		assert_int_equal(t->log.ledgers_n, 3 - held);
		for (i = 0; i < NELEM(by); i++)
			assert_int_equal(by[i].n, 0);
		lrig_run(tr);
		for (i = 0; i < NELEM(by); i++) {
			assert_int_equal(by[i].n, 1);
			assert_ok(by[i].err);
		}
		assert_int_equal(pos_cmp(by[0].pos, tlog_first(t)), 0);
		assert_int_equal(pos_cmp(by[1].pos, tlog_first(t)), 0);
		reader_free(&rd);
	}
}

static struct found woken_found;

static void
on_wake_find(void *priv)
{
	struct topic *t = lrig_topic(priv);

	tlog_find_index(t, tlog_first_index(t) + 3, on_found, &woken_found);
}

/* Whoever waited for a ledger begins a search in it when it is there. */
static void
search_from_a_reader(void **state)
{
	struct lrig *tr = *state;
	struct reader *rd;
	struct topic *t;
	struct entry ent;

	lrig_sub_make(tr);
	(void)fill(tr, 2, 10);
	t = lrig_topic(tr);
	memset(&woken_found, 0, sizeof woken_found);
	rd = reader_new(t, tlog_first(t), on_wake_find, tr);
	assert_int_equal(reader_peek(rd, &ent), READER_WAIT);
	lrig_run(tr);
	assert_int_equal(woken_found.n, 1);
	assert_ok(woken_found.err);
	reader_free(&rd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lrig_setup, lrig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(receipts_in_order),
		TEST(roll_by_entries_when_old),
		TEST(bytes_of_the_backlog),
		TEST(roll_by_bytes_at_any_age),
		TEST(roll_by_age),
		TEST(publishes_wait_for_the_roll),
		TEST(roll_survives_a_refused_commit),
		TEST(roll_survives_a_trim_behind_a_refused_commit),
		TEST(roll_goes_on_after_a_refused_delete),
		TEST(index_goes_on_after_a_restart),
		TEST(positions),
		TEST(read_across_ledgers),
		TEST(damage_is_stepped_over),
		TEST(a_passing_fault_is_waited_out),
		TEST(search_by_time),
		TEST(trim_behind_the_slowest),
		TEST(retention_keeps),
		TEST(search_outlives_its_ledger),
		TEST(search_from_a_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
