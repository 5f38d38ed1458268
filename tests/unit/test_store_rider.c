/* SPDX-License-Identifier: Apache-2.0 */
/* Deltas that ride with an entry: after any crash both are there or neither is. */
#include "tests/unit/test.h"

#include "tests/lib/store_rig.h"

#define SEEDS 150
#define LIVES 6
#define LEDGERS 3u

static struct rig rig;

static uint32_t
riders_of(const struct rledger *rl, const struct rcursor *rc, bool there[])
{
	uint32_t i, n = 0;

	for (i = 0; i < rl->n; i++)
		if (rl->app[i].rider == rc) {
			there[rl->app[i].rider_no] = true;
			n++;
		}
	return n;
}

static void
check(struct rig *r, uint32_t next, const bool alone[])
{
	bool there[RIG_ACKS] = { false };
	struct rcursor *rc = &r->c[0];
	uint32_t i;

	for (i = 0; i < LEDGERS; i++)
		(void)riders_of(&r->l[i], rc, there);
	for (i = 0; i < next; i++)
		if (!alone[i])
			assert_int_equal(rc->set[i] == 2, there[i]);
}

static void
reopen_cursor(struct rig *r)
{
	struct rcursor *rc = &r->c[0];

	r->lgs->ops->journal_release(r->lgs, &rc->jo);
	rc->opened = false;
	r->lgs->ops->journal_open(r->lgs, rc->id, false, rc);
	for (int i = 0; i < 1000 && !rc->opened; i++)
		rig_turn(r);
	assert_true(rc->opened);
}

static void
life(struct rig *r, uint32_t *next, bool alone[])
{
	uint64_t steps = 20 + rig_rnd(r, 200), n;

	while (steps-- > 0 && *next + 10 < RIG_ACKS) {
		switch (rig_rnd(r, 6)) {
		case 0:
		case 1:
			for (n = 1 + rig_rnd(r, 6); n > 0; n--)
				rig_append_with(&r->l[rig_rnd(r, LEDGERS)],
				    (uint32_t)rig_rnd(r, 3000), true, &r->c[0],
				    (*next)++);
			break;
		case 2:
			rig_append(&r->l[rig_rnd(r, LEDGERS)],
			    (uint32_t)rig_rnd(r, 9000), true);
			break;
		case 3:
			alone[*next] = true;
			rig_ack(&r->c[0], (*next)++, rig_rnd(r, 2) == 0);
			break;
		default:
			rig_turn(r);
		}
		if (rig_rnd(r, 200) == 0)
			reopen_cursor(r);
	}
}

static void
seed(uint64_t no)
{
	bool alone[RIG_ACKS] = { false };
	struct rig *r = &rig;
	uint32_t i, k, next = 0;

	rig_init(r, no);
	r->conf.checkpoint_segments = 1;
	rig_start(r);
	for (i = 0; i < LEDGERS; i++)
		(void)rig_create(r, i);
	(void)rig_cursor(r, 0);
	rig_settle(r);
	for (k = 0; k < LIVES; k++) {
		life(r, &next, alone);
		if (rig_rnd(r, 5) == 0)
			rig_stop(r);
		else
			rig_crash(r, rig_rnd(r, 2) == 0);
		rig_start(r);
		rig_reopen(r);
		check(r, next, alone);
	}
	rig_fini(r);
}

static void
test_crashes(void **state)
{
	uint64_t no;

	(void)state;
	for (no = 1; no <= SEEDS; no++)
		seed(no);
}

/* Neither, as far as anybody is told, when the write fails; nor when there is no
 * room. */
static void
refused(uint64_t seed_no)
{
	struct rig *r = &rig;
	struct rcursor *rc;
	struct rledger *rl;
	uint32_t no = 0;

	rig_init(r, seed_no);
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
	rig_append_with(rl, 1000, true, rc, no);
	rig_settle(r);
	assert_int_equal(rl->err, ERR_NO_SPACE);
	assert_int_equal(rc->set[no], 3);
	rc->set[no++] = 0; /* it is not there: journal_opened() checks */
	disk_mem_limit(r->dm, 0);
	r->mono_ns += 2000000000;
	rig_settle(r);
	rig_append_with(rl, 1000, true, rc, no);
	rig_settle(r);
	assert_ok(rl->err);
	assert_int_equal(rc->set[no++], 2);
	disk_mem_fail_write(r->dm, 1, ERR_IO);
	rig_append_with(rl, 1000, true, rc, no);
	rig_settle(r);
	assert_int_equal(rl->err, ERR_IO);
	assert_int_equal(rc->set[no], 3);
	rig_crash(r, rig_rnd(r, 2) == 0);
	rig_start(r);
	/* both may be there after all */
	rl->want = true;
	r->lgs->ops->open(r->lgs, rl->id, rl);
	r->lgs->ops->journal_open(r->lgs, rc->id, false, rc);
	rig_settle(r);
	assert_int_equal(
	    rc->set[no] == 2, rl->info.last_entry + 1 > (int64_t)rl->n);
	assert_int_equal(rc->set[0], 0);
	assert_int_equal(rc->set[1], 2);
	rig_fini(r);
}

static void
test_refused(void **state)
{
	uint64_t no;

	(void)state;
	for (no = 1; no <= 20; no++)
		refused(no);
}

/* A journal that is deleted while its rider waits */
static void
test_deleted(void **state)
{
	struct rig *r = &rig;
	struct rcursor *rc;
	struct rledger *rl;

	(void)state;
	rig_init(r, 8);
	rig_start(r);
	rl = rig_create(r, 0);
	rc = rig_cursor(r, 0);
	rig_settle(r);
	rig_append_with(rl, 100, true, rc, 1);
	rc->opened = rc->used = false;
	rc->jo = NULL;
	r->lgs->ops->journal_del(r->lgs, rc->id);
	rig_settle(r);
	assert_int_equal(rl->acked, 1);
	rig_fini(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crashes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
