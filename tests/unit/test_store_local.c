/* SPDX-License-Identifier: Apache-2.0 */
/* The local engine, directed cases: what is said in local.h and ledger.h. */
#include "tests/unit/test.h"

#include "tests/lib/store_rig.h"

static struct rig rig;

static void
test_append_peek(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl;
	struct entry e;

	(void)state;
	rig_init(r, 1);
	rig_start(r);
	rl = rig_create(r, 0);
	for (uint32_t i = 0; i < 100; i++)
		rig_append(rl, i * 7, true);
	assert_false(r->lgs->ops->peek(r->lgs, rl->lg, 0, &e));
	rig_settle(r);
	assert_int_equal(rl->acked, 100);
	for (uint32_t i = 0; i < 100; i++) {
		assert_true(r->lgs->ops->peek(r->lgs, rl->lg, i, &e));
		assert_true(rig_entry_is(rl, i, &e));
	}
	assert_false(r->lgs->ops->peek(r->lgs, rl->lg, 100, &e));
	rig_fini(r);
}

static void
test_restart(void **state)
{
	struct rig *r = &rig;
	uint32_t corrupt;

	(void)state;
	rig_init(r, 2);
	rig_start(r);
	for (uint32_t l = 0; l < 5; l++)
		(void)rig_create(r, l);
	for (uint32_t i = 0; i < 1000; i++) {
		rig_append(&r->l[i % 5], (uint32_t)rig_rnd(r, 3000), true);
		if (i % 10 == 0)
			rig_turn(r);
	}
	rig_settle(r);
	rig_stop(r);
	rig_start(r);
	rig_reopen(r);
	for (uint32_t l = 0; l < 5; l++) {
		assert_int_equal(r->l[l].acked, 200);
		assert_int_equal(rig_read_all(&r->l[l], &corrupt), 200);
		assert_int_equal(corrupt, 0);
	}
	rig_fini(r);
}

static void
fill(struct rig *r, uint32_t ledgers, uint32_t n, uint32_t len)
{
	for (uint32_t i = 0; i < n; i++) {
		rig_append(&r->l[i % ledgers], len, true);
		if (i % 8 == 7)
			rig_turn(r);
	}
	rig_settle(r);
}

/* Small cache: what is read comes from sealed segments and from the open one */
static void
test_cold_reads(void **state)
{
	struct rig *r = &rig;
	struct local_stats st;
	uint32_t corrupt;

	(void)state;
	rig_init(r, 3);
	r->conf.cache_bytes = 48u << 10;
	r->conf.index_bytes = 4u << 10;
	rig_start(r);
	for (uint32_t l = 0; l < 3; l++)
		(void)rig_create(r, l);
	fill(r, 3, 1500, 700);
	for (uint32_t l = 0; l < 3; l++) {
		assert_int_equal(rig_read_all(&r->l[l], &corrupt), 500);
		assert_int_equal(corrupt, 0);
		local_stats(r->lgs, &st);
		assert_true(
		    st.buffer_bytes <= r->conf.cache_bytes + (16u << 10));
	}
	assert_true(st.reads > 20);
	assert_true(st.checkpoints > 0);
	rig_fini(r);
}

static void
read_ended(struct ledger_read *rd, enum err err)
{
	assert(err == ERR_OK && rd->n >= 1);
	++*(uint32_t *)rd->priv;
}

/* Readers in more segments than there is room for footers, and one place at the
 * disk: each brings itself on, none the others to a stand. */
static void
test_footer_room(void **state)
{
	struct rig *r = &rig;
	struct ledger_read rd[4];
	uint32_t ended = 0;

	(void)state;
	rig_init(r, 14);
	r->conf.index_bytes = 1;
	r->conf.reads_max = 1;
	rig_start(r);
	for (uint32_t l = 0; l < 5; l++) {
		(void)rig_create(r, l);
		for (uint32_t i = 0; i < 200; i++) {
			rig_append(&r->l[l], 2000, true);
			if (i % 8 == 7)
				rig_turn(r);
		}
		rig_settle(r);
	}
	rig_stop(r);
	rig_start(r);
	rig_reopen(r);
	for (uint32_t l = 0; l < 4; l++) {
		rd[l] = (struct ledger_read){ .magic = LEDGER_READ_MAGIC,
			.lg = r->l[l].lg,
			.from = 100,
			.max_n = 10,
			.max_bytes = 100000,
			.done = read_ended,
			.priv = &ended };
		r->lgs->ops->read(r->lgs, &rd[l]);
	}
	rig_settle(r);
	assert_int_equal(ended, 4);
	for (uint32_t l = 0; l < 4; l++)
		r->lgs->ops->read_fini(r->lgs, &rd[l]);
	rig_fini(r);
}

/* A failed write: everything outstanding fails in order, later things too, and
 * the next start has what was answered */
static void
test_write_error(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl;
	struct rcursor *rc;

	(void)state;
	rig_init(r, 4);
	rig_start(r);
	rl = rig_create(r, 0);
	rc = rig_cursor(r, 0);
	fill(r, 1, 50, 500);
	assert_int_equal(rl->acked, 50);
	for (uint32_t i = 0; i < 200; i++)
		rig_append(rl, 500, true);
	disk_mem_fail_write(r->dm, 2, ERR_IO);
	rig_ack(rc, 7, true);
	rig_settle(r);
	assert_int_equal(r->reports[LOCAL_IO_ERROR], 1);
	assert_int_equal(rl->n, rl->acked);
	assert_int_equal(rl->err, ERR_IO);
	rig_append(rl, 10, true);
	rig_ack(rc, 8, true);
	rig_settle(r);
	assert_int_equal(rl->n, rl->acked);
	assert_true(rc->refused);
	rig_crash(r, true);
	/* what failed may be there after all, unknown to the client */
	rig_start(r);
	for (uint32_t i = 0; i < 2; i++)
		rig_turn(r);
	assert_int_equal(r->reports[LOCAL_CORRUPT], 0);
	rl->want = true;
	r->lgs->ops->open(r->lgs, rl->id, rl);
	rig_settle(r);
	assert_true(rl->info.last_entry + 1 >= rl->acked);
	rig_fini(r);
}

/* A topic that is unloaded as soon as its last append has failed: the one was
 * under way, the other not yet written. */
static void
test_write_error_let_go(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl[2];

	(void)state;
	rig_init(r, 13);
	rig_start(r);
	for (uint32_t i = 0; i < 2; i++) {
		rl[i] = rig_create(r, i);
		rl[i]->let_go = true;
	}
	disk_mem_fail_write(r->dm, 1, ERR_IO);
	for (uint32_t i = 0; i < 2; i++) {
		rig_append(rl[i], 100, true);
		rig_settle(r);
		assert_int_equal(r->reports[LOCAL_IO_ERROR], 1);
		assert_int_equal(rl[i]->err, ERR_IO);
		assert_false(rl[i]->let_go);
	}
	rig_crash(r, true);
	rig_start(r);
	for (uint32_t i = 0; i < 2; i++) {
		rl[i]->want = true;
		r->lgs->ops->open(r->lgs, rl[i]->id, rl[i]);
	}
	rig_settle(r);
	assert_true(rl[0]->opened && rl[1]->opened);
	rig_fini(r);
}

static void
test_no_space(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl;
	struct rcursor *rc;
	uint32_t acked;

	(void)state;
	rig_init(r, 5);
	rig_start(r);
	rl = rig_create(r, 0);
	rc = rig_cursor(r, 0);
	rig_settle(r);
	disk_mem_limit(r->dm, 5 * r->conf.segment_bytes);
	for (uint32_t i = 0; i < 2000 && r->space; i++) {
		rig_append(rl, 1000, true);
		rig_turn(r);
	}
	assert_false(r->space);
	rig_settle(r);
	assert_int_equal(r->reports[LOCAL_NO_SPACE], 1);
	acked = rl->acked;
	rig_append(rl, 1000, true);
	rig_ack(rc, 1, true);
	rig_settle(r);
	assert_int_equal(rl->acked, acked);
	assert_int_equal(rl->err, ERR_NO_SPACE);
	assert_int_equal(rc->set[1], 2);
	disk_mem_limit(r->dm, 0);
	r->mono_ns += 2000000000;
	rig_settle(r);
	assert_true(r->space);
	rig_append(rl, 1000, true);
	rig_settle(r);
	assert_int_equal(rl->acked, acked + 1);
	rig_stop(r);
	rig_start(r);
	rig_reopen(r);
	rig_fini(r);
}

/* Deleted ledgers give their segments back, also over restarts */
static void
test_recycle(void **state)
{
	struct rig *r = &rig;
	struct local_stats st;
	uint64_t ids[64];

	(void)state;
	rig_init(r, 6);
	rig_start(r);
	for (uint32_t round = 0; round < 12; round++) {
		(void)rig_create(r, 0);
		fill(r, 1, 400, 1000);
		assert_int_equal(r->l[0].acked, 400);
		r->lgs->ops->del(r->lgs, r->l[0].id);
		r->l[0].deleted = true;
		r->l[0].opened = false;
		local_checkpoint(r->lgs, NULL, NULL);
		rig_settle(r);
		if (round % 3 == 2) {
			rig_stop(r);
			rig_start(r);
		}
	}
	rig_settle(r);
	local_stats(r->lgs, &st);
	assert_true(disk_mem_files(r->dm, ids, 64) <= 6);
	assert_true(st.segments <= 6);
	assert_int_equal(st.ledgers, 0);
	rig_fini(r);
}

static int64_t found_entry;
static enum err found_err;

static void
found(void *priv, int64_t entry, enum err err)
{
	*(bool *)priv = true;
	found_entry = entry;
	found_err = err;
}

static void
test_find_time(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl;
	int64_t when[300];
	bool done;

	(void)state;
	rig_init(r, 7);
	r->conf.cache_bytes = 64u << 10;
	rig_start(r);
	rl = rig_create(r, 0);
	for (uint32_t i = 0; i < 300; i++) {
		r->mono_ns += 50000000;
		rig_append(rl, 1500, true);
		rig_turn(r);
		when[i] = r->wall_ms;
		while (rl->acked < rl->n)
			rig_turn(r);
	}
	for (uint32_t i = 0; i < 300; i += 7) {
		done = false;
		r->lgs->ops->find_time(
		    r->lgs, rl->lg, when[i] - 10, found, &done);
		rig_settle(r);
		assert_true(done);
		assert_ok(found_err);
		assert_int_equal(found_entry, i);
	}
	done = false;
	r->lgs->ops->find_time(
	    r->lgs, rl->lg, r->wall_ms + 1000000, found, &done);
	rig_settle(r);
	assert_int_equal(found_entry, 300);
	rig_fini(r);
}

static void
find_all(struct rledger *rl, int64_t slack)
{
	struct rig *r = rl->rig;
	uint64_t index = rl->first_index, of;
	bool done;

	for (uint32_t i = 0; i < rl->n; index += rl->app[i++].messages_n) {
		if (i % 5 != 0)
			continue;
		of = index + rig_rnd(r, rl->app[i].messages_n);
		done = false;
		r->lgs->ops->find_index(r->lgs, rl->lg, of, found, &done);
		rig_settle(r);
		assert_true(done);
		assert_ok(found_err);
		assert_in_range(found_entry, i < slack ? 0 : i - slack, i);
	}
	done = false;
	r->lgs->ops->find_index(r->lgs, rl->lg, index, found, &done);
	rig_settle(r);
	assert_true(done);
	assert_int_equal(found_entry, rl->n);
}

/* In memory, in the open segment and in sealed ones: the entry if each holds one
 * message, else one of the same run, which has at most 6 here */
static void
test_find_index(void **state)
{
	struct rig *r = &rig;

	(void)state;
	rig_init(r, 8);
	r->conf.cache_bytes = 64u << 10;
	rig_start(r);
	(void)rig_create(r, 0);
	rig_create(r, 1)->single = true;
	for (uint32_t i = 0; i < 300; i++) {
		for (uint32_t n = 0; n < 1 + i % 6; n++) {
			rig_append(&r->l[0], 500, true);
			rig_append(&r->l[1], 500, true);
		}
		rig_settle(r);
	}
	find_all(&r->l[0], 5);
	find_all(&r->l[1], 0);
	rig_stop(r);
	rig_start(r);
	rig_reopen(r);
	find_all(&r->l[0], 5);
	find_all(&r->l[1], 0);
	rig_fini(r);
}

struct stamped {
	struct entry_place at;
	uint32_t len;
};

static void
stamp(uint8_t *body, size_t len, const struct entry_place *at)
{
	struct stamped st = { .at = *at, .len = (uint32_t)len };

	memcpy(body, &st, sizeof st);
}

static void
check_stamps(struct rledger *rl)
{
	struct rig *r = rl->rig;
	struct ledger_read rd;
	struct stamped st;
	struct entry *e;
	uint32_t ended = 0;

	for (int64_t at = 0; at < rl->n; at = rd.next) {
		rd = (struct ledger_read){
			.magic = LEDGER_READ_MAGIC,
			.lg = rl->lg,
			.from = at,
			.max_n = LEDGER_READ_MAX,
			.max_bytes = UINT32_MAX,
			.done = read_ended,
			.priv = &ended,
		};
		r->lgs->ops->read(r->lgs, &rd);
		rig_settle(r);
		for (uint32_t i = 0; i < rd.n; i++) {
			e = &rd.ent[i];
			memcpy(&st, e->body.p, sizeof st);
			assert_int_equal(st.len, e->body.len);
			assert_true(pos_eq(st.at.pos, e->pos));
			assert_int_equal(e->pos.entry, at + i);
			assert_int_equal(st.at.index, e->index);
			assert_int_equal(
			    st.at.store_time_ms, e->attr.store_time_ms);
			assert_int_equal(locator_ledger(st.at.locator), rl->id);
			assert_int_equal(locator_distance(st.at.locator),
			    e->index - rl->first_index);
		}
		r->lgs->ops->read_fini(r->lgs, &rd);
	}
}

/* A format's bodies have their place in them, in memory and on disk, after a
 * restart too. */
static void
test_stamp(void **state)
{
	static const struct entry_format_ops ops = { .stamp = stamp };
	static const struct entry_format_ops *const formats[ENTRY_FORMATS_N] = {
		[ENTRY_FORMAT_PULSAR] = &ops
	};
	struct rig *r = &rig;

	(void)state;
	rig_init(r, 9);
	r->conf.cache_bytes = 64u << 10;
	rig_start(r);
	r->lgs->formats = formats;
	(void)rig_create(r, 0);
	fill(r, 1, 400, 700);
	assert_int_equal(r->l[0].acked, 400);
	check_stamps(&r->l[0]);
	rig_stop(r);
	rig_start(r);
	r->l[0].want = true;
	r->lgs->ops->open(r->lgs, r->l[0].id, &r->l[0]);
	rig_settle(r);
	check_stamps(&r->l[0]);
	rig_fini(r);
}

static void
flushed(void *priv)
{
	*(bool *)priv = true;
}

static void
test_flush_async(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl;
	struct disk_mem_stats ds;
	bool done = false;

	(void)state;
	rig_init(r, 8);
	rig_start(r);
	rl = rig_create(r, 0);
	for (uint32_t i = 0; i < 100; i++)
		rig_append(rl, 900, false);
	r->lgs->ops->flush(r->lgs, flushed, &done);
	for (uint32_t i = 0; i < 100 && !done; i++)
		rig_turn(r);
	assert_true(done);
	assert_int_equal(rl->acked, 100);
	rig_crash(r, true);
	rig_start(r);
	r->l[0].async = false;
	rig_reopen(r);
	assert_int_equal(rl->n, 100);
	/* without a flush, the interval does it */
	rig_append(rl, 900, false);
	for (uint32_t i = 0; i < 20; i++)
		rig_turn(r);
	assert_int_equal(rl->acked, 101);
	r->mono_ns += r->conf.flush_interval_ns;
	for (uint32_t i = 0; i < 20; i++)
		rig_turn(r);
	disk_mem_stats(r->dm, &ds);
	assert_true(ds.syncs > 0);
	rig_crash(r, true);
	rig_start(r);
	rig_reopen(r);
	assert_int_equal(rl->n, 101);
	rig_fini(r);
}

/* The policy async: answered after the write and before a sync, which comes
 * within the interval; kill -9 loses nothing; a write with sync takes those
 * before it along. */
static void
test_async_policy(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl;
	struct disk_mem_stats a, b;

	(void)state;
	rig_init(r, 12);
	rig_start(r);
	rl = rig_create(r, 0);
	rig_append(rl, 900, true);
	rig_settle(r);
	rig_append(rl, 900, false);
	disk_mem_stats(r->dm, &a);
	for (uint32_t i = 0; i < 3; i++) {
		(void)r->lgs->ops->poll(r->lgs, r->wall_ms, r->mono_ns);
		(void)disk_mem_pump(r->dm, 0);
	}
	disk_mem_stats(r->dm, &b);
	assert_int_equal(rl->acked, 2);
	assert_int_equal(b.writes, a.writes + 1);
	assert_int_equal(b.syncs, a.syncs);
	/* not before its time */
	r->mono_ns += r->conf.flush_interval_ns - 1;
	assert_int_equal(r->lgs->ops->poll(r->lgs, r->wall_ms, r->mono_ns), 1);
	(void)disk_mem_pump(r->dm, 0);
	disk_mem_stats(r->dm, &b);
	assert_int_equal(b.syncs, a.syncs);
	r->mono_ns += 1;
	(void)r->lgs->ops->poll(r->lgs, r->wall_ms, r->mono_ns);
	(void)disk_mem_pump(r->dm, 0);
	disk_mem_stats(r->dm, &b);
	assert_int_equal(b.syncs, a.syncs + 1);
	/* killed right after the answer */
	rig_append(rl, 900, false);
	while (rl->acked < 3) {
		(void)r->lgs->ops->poll(r->lgs, r->wall_ms, r->mono_ns);
		(void)disk_mem_pump(r->dm, 0);
	}
	rig_crash(r, false);
	rig_start(r);
	rig_reopen(r);
	assert_int_equal(rl->acked, 3);
	rig_append(rl, 900, false);
	rig_append(rl, 900, false);
	while (rl->acked < 5) {
		(void)r->lgs->ops->poll(r->lgs, r->wall_ms, r->mono_ns);
		(void)disk_mem_pump(r->dm, 0);
	}
	rig_append(rl, 900, true);
	while (rl->acked < 6) {
		(void)r->lgs->ops->poll(r->lgs, r->wall_ms, r->mono_ns);
		(void)disk_mem_pump(r->dm, 0);
	}
	rig_crash(r, true);
	rig_start(r);
	rig_reopen(r);
	assert_int_equal(rl->acked, 6);
	rig_fini(r);
}

/* Another number of shards: shard 0 takes everything into snapshots, then any
 * shard opens any ledger */
static void
test_reshard(void **state)
{
	struct rig *r = &rig;
	uint32_t corrupt, nshards[] = { 2, 1, 3, 1, 1 };
	uint32_t placement[] = { 0, 0, 0, 0, 1 };
	struct rcursor *rc;

	(void)state;
	rig_init(r, 9);
	rig_start(r);
	for (uint32_t l = 0; l < 4; l++)
		(void)rig_create(r, l);
	rc = rig_cursor(r, 0);
	fill(r, 4, 600, 800);
	rig_ack(rc, 3, true);
	rig_settle(r);
	for (uint32_t i = 0; i < NELEM(nshards); i++) {
		rig_crash(r, true);
		r->conf.nshards = nshards[i];
		r->conf.placement = placement[i];
		r->conf.shard = 0;
		rig_start(r);
		assert_int_equal(r->reports[LOCAL_RESHARD], i + 1);
		if (nshards[i] > 1) {
			/* the others start after shard 0; here the last goes on */
			rig_stop(r);
			r->conf.shard = nshards[i] - 1;
			rig_start(r);
		}
		rig_reopen(r);
		/* in order, whichever shards wrote them */
		assert_int_equal(rc->newest, i == 0 ? 3 : 9 + i);
		rig_ack(rc, 10 + i, true);
		fill(r, 4, 200, 800);
		for (uint32_t l = 0; l < 4; l++) {
			assert_int_equal(rig_read_all(&r->l[l], &corrupt),
			    150 + 50 * (i + 1));
			assert_int_equal(corrupt, 0);
		}
	}
	/* and everything can be let go */
	for (uint32_t l = 0; l < 4; l++) {
		r->lgs->ops->del(r->lgs, r->l[l].id);
		r->l[l].deleted = true;
		r->l[l].opened = false;
	}
	for (int i = 0; i < 3; i++) {
		local_checkpoint(r->lgs, NULL, NULL);
		rig_settle(r);
	}
	{
		uint64_t ids[64];

		assert_true(disk_mem_files(r->dm, ids, 64) <= 8);
	}
	rig_fini(r);
}

/* A topic that is unloaded as soon as it stands */
static void
test_let_go(void **state)
{
	struct rig *r = &rig;
	struct rcursor *rc;

	(void)state;
	rig_init(r, 10);
	rig_start(r);
	rc = rig_cursor(r, 0);
	for (uint32_t i = 0; i < 20; i++)
		rig_ack(rc, i, true);
	rig_settle(r);
	rig_crash(r, true);
	rig_start(r);
	rc->let_go = true;
	r->lgs->ops->journal_open(r->lgs, rc->id, false, rc);
	rig_settle(r);
	assert_false(rc->let_go);
	/* now from what it was snapshotted to */
	rc->let_go = true;
	r->lgs->ops->journal_open(r->lgs, rc->id, false, rc);
	rig_settle(r);
	assert_false(rc->let_go);
	rig_crash(r, true);
	rig_start(r);
	rig_reopen(r);
	assert_int_equal(rc->newest, 19);
	rig_fini(r);
}

/* The snapshot of a journal that was let go is not stored: it can't be opened
 * before a restart, and nothing of it is forgotten. */
static void
test_lost_snapshot(void **state)
{
	struct rig *r = &rig;
	struct rcursor *rc;

	(void)state;
	rig_init(r, 11);
	rig_start(r);
	rc = rig_cursor(r, 0);
	rig_ack(rc, 3, true);
	rig_settle(r);
	meta_mem_fail_commits(r->mm, 1, ERR_IO);
	r->lgs->ops->journal_release(r->lgs, &rc->jo);
	rc->opened = false;
	rig_settle(r);
	rc->may_fail = true;
	r->lgs->ops->journal_open(r->lgs, rc->id, false, rc);
	rig_settle(r);
	assert_false(rc->opened);
	assert_int_equal(rc->err, ERR_IO);
	rc->may_fail = false;
	rig_crash(r, true);
	rig_start(r);
	rig_reopen(r);
	assert_int_equal(rc->newest, 3);
	rig_fini(r);
}

/* The same, with somebody who opens it while that commit is under way. */
static void
test_lost_while_opening(void **state)
{
	struct rig *r = &rig;
	struct rcursor *rc;

	(void)state;
	rig_init(r, 12);
	rig_start(r);
	rc = rig_cursor(r, 0);
	rig_ack(rc, 3, true);
	rig_settle(r);
	meta_mem_fail_commits(r->mm, 1, ERR_IO);
	r->lgs->ops->journal_release(r->lgs, &rc->jo);
	rc->opened = false;
	rc->may_fail = true;
	for (int i = 0; i < 2; i++) {
		rc->err = ERR_OK;
		r->lgs->ops->journal_open(r->lgs, rc->id, false, rc);
		rig_settle(r);
		assert_false(rc->opened);
		assert_int_equal(rc->err, ERR_IO);
	}
	rc->may_fail = false;
	rig_crash(r, true);
	rig_start(r);
	rig_reopen(r);
	assert_int_equal(rc->newest, 3);
	rig_fini(r);
}

/* Its last holder has let it go with a delta that is in no group yet. Who opens it
 * has that for durable: the log has it by then. */
static void
test_reopened_is_durable(void **state)
{
	struct rig *r = &rig;
	struct local_stats st;
	struct rcursor *rc;
	uint64_t was;

	(void)state;
	rig_init(r, 14);
	rig_start(r);
	rc = rig_cursor(r, 0);
	rig_settle(r);
	local_stats(r->lgs, &st);
	was = st.syncs;
	rig_ack(rc, 3, false);
	r->lgs->ops->journal_release(r->lgs, &rc->jo);
	rc->opened = false;
	r->lgs->ops->journal_open(r->lgs, rc->id, false, rc);
	for (int i = 0; i < 1000 && !rc->opened; i++)
		rig_turn(r);
	assert_true(rc->opened);
	assert_int_equal(rc->newest, 3);
	assert_false(rc->refused);
	local_stats(r->lgs, &st);
	assert_true(st.syncs > was);
	rig_fini(r);
}

/* When the log takes nothing any more the snapshot may be ahead of it for good. */
static void
test_reopened_is_refused(void **state)
{
	struct rig *r = &rig;
	struct rcursor *rc;

	(void)state;
	rig_init(r, 15);
	rig_start(r);
	rc = rig_cursor(r, 0);
	rig_settle(r);
	disk_mem_fail_write(r->dm, 1, ERR_IO);
	rig_ack(rc, 3, true);
	rig_settle(r);
	assert_true(rc->refused);
	r->lgs->ops->journal_release(r->lgs, &rc->jo);
	rc->opened = rc->refused = false;
	r->lgs->ops->journal_open(r->lgs, rc->id, false, rc);
	rig_settle(r);
	assert_true(rc->opened);
	assert_int_equal(rc->newest, 3);
	assert_true(rc->refused);
	rig_fini(r);
}

/* Who waits for a ledger is told that it has gone. */
static void
test_deleted_while_opening(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl;

	(void)state;
	rig_init(r, 16);
	rig_start(r);
	for (uint32_t i = 0; i < 2; i++) {
		rl = rig_create(r, i);
		rig_append(rl, 100, true);
		rig_settle(r);
		if (i == 1) { /* it is to be read from meta */
			rig_stop(r);
			rig_start(r);
		} else {
			r->lgs->ops->release(r->lgs, &rl->lg);
			rl->opened = false;
		}
		rl->want = true;
		r->lgs->ops->open(r->lgs, rl->id, rl);
		r->lgs->ops->del(r->lgs, rl->id);
		rl->deleted = true;
		assert_true(rl->want);
		rig_settle(r);
		assert_false(rl->want);
		assert_int_equal(rl->err, ERR_NO_LEDGER);
	}
	rig_fini(r);
}

static void
test_trim_close(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl;
	uint32_t corrupt;

	(void)state;
	rig_init(r, 10);
	rig_start(r);
	rl = rig_create(r, 0);
	fill(r, 1, 600, 900);
	rl->closing = true;
	r->lgs->ops->close(r->lgs, rl->lg);
	rig_settle(r);
	assert_true(rl->closed);
	r->lgs->ops->trim(r->lgs, rl->lg, 300);
	local_checkpoint(r->lgs, NULL, NULL);
	rig_settle(r);
	rig_crash(r, true);
	rig_start(r);
	rig_reopen(r);
	assert_true(rl->closed);
	/* trimmed ones are skipped, not damage */
	assert_in_range(rig_read_all(rl, &corrupt), 300, 450);
	assert_int_equal(corrupt, 0);
	rig_fini(r);
}

/* Small groups: what they take beside their buffers is in the budget, and an
 * idle engine gives everything back */
static void
test_budget_idle(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl;
	struct local_stats st;
	uint64_t most = 0;

	(void)state;
	rig_init(r, 11);
	r->conf.cache_bytes = 1u << 20;
	rig_start(r);
	rl = rig_create(r, 0);
	for (uint32_t i = 0; i < 2000; i++) {
		rig_append(rl, 100, true);
		while (rl->acked < rl->n)
			rig_turn(r);
		local_stats(r->lgs, &st);
		if (st.buffer_bytes > most)
			most = st.buffer_bytes;
	}
	/* a buffer of a group is 4 KiB; besides it some 500 bytes */
	assert_in_range(most, 700u << 10, 1u << 20);
	for (uint32_t i = 0; i < 60; i++) {
		r->mono_ns += 1000000000;
		rig_turn(r);
	}
	local_stats(r->lgs, &st);
	assert_int_equal(st.cached_bytes, 0);
	assert_int_equal(st.pooled_bytes, 0);
	assert_int_equal(st.buffer_bytes, 0);
	assert_int_equal(r->lgs->ops->poll(r->lgs, r->wall_ms, r->mono_ns), -1);
	rig_fini(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_peek),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_cold_reads),
		cmocka_unit_test(test_footer_room),
		cmocka_unit_test(test_write_error),
		cmocka_unit_test(test_write_error_let_go),
		cmocka_unit_test(test_no_space),
		cmocka_unit_test(test_recycle),
		cmocka_unit_test(test_find_time),
		cmocka_unit_test(test_find_index),
		cmocka_unit_test(test_stamp),
		cmocka_unit_test(test_flush_async),
		cmocka_unit_test(test_let_go),
		cmocka_unit_test(test_lost_snapshot),
		cmocka_unit_test(test_lost_while_opening),
		cmocka_unit_test(test_reopened_is_durable),
		cmocka_unit_test(test_reopened_is_refused),
		cmocka_unit_test(test_deleted_while_opening),
		cmocka_unit_test(test_trim_close),
		cmocka_unit_test(test_reshard),
		cmocka_unit_test(test_budget_idle),
		cmocka_unit_test(test_async_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
