/* SPDX-License-Identifier: Apache-2.0 */
/* Failing writes and closing ledgers; running out of room, and out of it. */
#include "tests/unit/test.h"

#include "tests/lib/store_rig.h"

static struct rig rig;

static void
some(struct rig *r, struct rledger *rl, uint32_t n, uint32_t len)
{
	for (uint32_t i = 0; i < n; i++) {
		rig_append(rl, len, true);
		if (i % 8 == 7)
			rig_turn(r);
	}
	rig_settle(r);
}

/* A write fails while a ledger waits for it to be closed: close answers, and
 * what the write may have left on the disk is not in the ledger, whose numbers
 * go on elsewhere. */
static void
test_close_failed(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl;
	uint32_t left = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		rig_init(r, 100 + seed);
		rig_start(r);
		rl = rig_create(r, 0);
		some(r, rl, 20, 500);
		for (uint32_t i = 0; i < 10; i++)
			rig_append(rl, 500, true);
		disk_mem_fail_write(r->dm, 1, ERR_IO);
		(void)r->lgs->ops->poll(r->lgs, r->wall_ms, r->mono_ns);
		rl->closing = true;
		r->lgs->ops->close(r->lgs, rl->lg);
		rig_settle(r);
		assert_true(rl->closed);
		assert_ok(rl->err);
		assert_int_equal(rl->info.last_entry, 19);
		assert_int_equal(rl->n, 20);
		rig_crash(r, false);
		rig_start(r);
		left += r->rec.dead_entries > 0;
		rig_reopen(r);
		assert_true(rl->closed);
		assert_int_equal(rl->info.last_entry, 19);
		rig_fini(r);
	}
	/* some had it all on the disk */
	assert_in_range(left, 1, 39);
}

static void
test_fence(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl;

	(void)state;
	rig_init(r, 2);
	rig_start(r);
	rl = rig_create(r, 0);
	some(r, rl, 20, 500);
	local_checkpoint(r->lgs, NULL, NULL);
	rig_settle(r);
	rig_stop(r);
	rig_start(r);
	/* opened while it is being loaded for that */
	r->lgs->ops->fence(r->lgs, rl->id);
	rl->want = true;
	r->lgs->ops->open(r->lgs, rl->id, rl);
	rig_settle(r);
	assert_true(rl->opened);
	assert_true(rl->closed);
	assert_int_equal(rl->info.last_entry, 19);
	r->lgs->ops->release(r->lgs, &rl->lg);
	rl->opened = false;
	/* deleted meanwhile */
	rig_stop(r);
	rig_start(r);
	r->lgs->ops->fence(r->lgs, rl->id);
	r->lgs->ops->del(r->lgs, rl->id);
	rig_settle(r);
	rl->want = true;
	r->lgs->ops->open(r->lgs, rl->id, rl);
	rig_settle(r);
	assert_int_equal(rl->err, ERR_NO_LEDGER);
	rl->deleted = true;
	/* and one that never was */
	r->lgs->ops->fence(r->lgs, rl->id + LOCAL_CLASSES);
	rl->want = true;
	r->lgs->ops->open(r->lgs, rl->id + LOCAL_CLASSES, rl);
	rig_settle(r);
	assert_int_equal(rl->err, ERR_NO_LEDGER);
	rig_fini(r);
}

/* Fills the disk; returns how many segments were ready when it was full */
static uint32_t
fill_up(struct rig *r, struct rledger *rl, uint32_t segments)
{
	struct local_stats st;

	disk_mem_limit(r->dm, segments * (uint64_t)r->conf.segment_bytes);
	for (uint32_t i = 0; i < 4000 && r->space; i++) {
		rig_append(rl, 1000, true);
		rig_turn(r);
	}
	assert_false(r->space);
	local_stats(r->lgs, &st);
	rig_settle(r);
	assert_int_equal(rl->n, rl->acked);
	return st.segments_free;
}

/* One segment at least is left for cursors, and they fill it */
static void
test_reserve(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl;
	struct rcursor *rc;
	uint32_t acked;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		rig_init(r, 200 + seed);
		rig_start(r);
		rl = rig_create(r, 0);
		rc = rig_cursor(r, 0);
		rig_settle(r);
		assert_in_range(fill_up(r, rl, 6), 1, 2);
		acked = rl->acked;
		for (uint32_t i = 0; i < RIG_ACKS; i += 200) {
			rig_ack(rc, i, true);
			rig_append(rl, 1000, true);
			rig_settle(r);
			assert_int_equal(rc->set[i], 2);
		}
		assert_int_equal(rl->acked, acked);
		assert_int_equal(rl->err, ERR_NO_SPACE);
		rig_crash(r, true);
		rig_start(r);
		rig_reopen(r);
		rig_fini(r);
	}
}

/* Not even cursors have room: nothing can be done before there is a segment, and
 * the loop must not be asked to come back at once. */
static void
test_no_spin(void **state)
{
	struct rig *r = &rig;
	struct rledger *rl;
	struct rcursor *rc;
	uint32_t i;

	(void)state;
	rig_init(r, 5);
	rig_start(r);
	rl = rig_create(r, 0);
	rc = rig_cursor(r, 0);
	rig_settle(r);
	(void)fill_up(r, rl, 6);
	for (i = 0; i < RIG_ACKS; i++) {
		rig_ack(rc, i, true);
		for (int k = 0; k < 4; k++) {
			(void)r->lgs->ops->poll(r->lgs, r->wall_ms, r->mono_ns);
			(void)disk_mem_pump(r->dm, 0);
		}
		if (rc->set[i] != 2)
			break;
	}
	assert_int_equal(rc->set[i], 1);
	r->mono_ns += 2 * r->conf.ack_delay_ns;
	(void)r->lgs->ops->poll(r->lgs, r->wall_ms, r->mono_ns);
	(void)disk_mem_pump(r->dm, 0);
	assert_in_range(r->lgs->ops->poll(r->lgs, r->wall_ms, r->mono_ns),
	    1000000, 2000000000);
	disk_mem_limit(r->dm, 0);
	r->mono_ns += 2000000000;
	rig_settle(r);
	assert_int_equal(rc->set[i], 2);
	rig_fini(r);
}

/* Nobody makes room on the disk, but the client trims: it heals by itself */
static void
heals(bool del)
{
	struct rig *r = &rig;
	struct rledger *rl;

	for (uint64_t seed = 0; seed < 20; seed++) {
		rig_init(r, 300 + seed);
		r->conf.checkpoint_segments = 50;
		rig_start(r);
		(void)rig_create(r, 1);
		rl = rig_create(r, 0);
		rig_settle(r);
		(void)fill_up(r, rl, 7);
		if (del) {
			r->lgs->ops->del(r->lgs, rl->id);
			rl->deleted = true;
			rl->opened = false;
			rl = &r->l[1];
		} else {
			r->lgs->ops->trim(r->lgs, rl->lg, rl->n);
		}
		r->mono_ns += 2000000000;
		for (int i = 0; i < 10 && !r->space; i++) {
			r->mono_ns += 1000000000;
			rig_settle(r);
		}
		assert_true(r->space);
		rig_append(rl, 1000, true);
		rig_settle(r);
		assert_ok(rl->err);
		assert_int_equal(rl->acked, rl->n);
		assert_int_equal(r->space_calls, 2);
		rig_crash(r, true);
		rig_start(r);
		rig_reopen(r);
		rig_fini(r);
	}
}

static void
test_heals(void **state)
{
	(void)state;
	heals(false);
	heals(true);
}

/* Metadata has no room for its commits: a segment that is ready makes way */
static void
test_meta_no_space(void **state)
{
	struct rig *r = &rig;
	struct disk_mem_stats ds;
	struct rledger *rl;

	(void)state;
	rig_init(r, 4);
	rig_start(r);
	rl = rig_create(r, 0);
	some(r, rl, 20, 500);
	meta_mem_fail_commits(r->mm, 3, ERR_NO_SPACE);
	rl->closing = true;
	r->lgs->ops->close(r->lgs, rl->lg);
	for (int i = 0; i < 6; i++) {
		r->mono_ns += 1000000000;
		rig_settle(r);
	}
	assert_true(rl->closed);
	disk_mem_stats(r->dm, &ds);
	assert_in_range(ds.removes, 1, 2);
	assert_true(r->space);
	rig_fini(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close_failed),
		cmocka_unit_test(test_fence),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_no_spin),
		cmocka_unit_test(test_heals),
		cmocka_unit_test(test_meta_no_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
