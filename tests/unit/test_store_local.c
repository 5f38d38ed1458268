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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_peek),
		cmocka_unit_test(test_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
