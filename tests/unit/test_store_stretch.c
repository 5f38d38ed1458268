/* SPDX-License-Identifier: Apache-2.0 */
/* Ledgers that lie side by side and are read side by side: local_stretch.c. */
#include <unistd.h>

#include "tests/unit/test.h"

#include "tests/lib/store_rig.h"

#define LEDGERS 8u
#define STEP 4u /* entries of one read */

static struct rig rig;
static uint32_t each;

struct reader {
	struct ledger_read rd;
	int64_t at;
	bool busy;
	enum err err;
};

static void
read_done(struct ledger_read *rd, enum err err)
{
	struct reader *rr = rd->priv;

	rr->busy = false;
	rr->err = err;
}

/* Everything in sealed segments, nothing cached */
static void
begin(struct rig *r, uint64_t seed, uint32_t n, uint32_t len, uint32_t block)
{
	each = n;
	rig_init(r, seed);
	r->conf.segment_bytes = 4 * block;
	r->conf.read_bytes = block;
	r->conf.cache_bytes = 512u << 10;
	rig_start(r);
	for (uint32_t l = 0; l < LEDGERS; l++)
		(void)rig_create(r, l);
	for (uint32_t i = 0; i < LEDGERS * each; i++) {
		rig_append(&r->l[i % LEDGERS], len, true);
		if (i % LEDGERS == LEDGERS - 1)
			rig_turn(r);
	}
	rig_settle(r);
	local_checkpoint(r->lgs, NULL, NULL);
	rig_settle(r);
	rig_stop(r);
	rig_start(r);
	rig_reopen(r);
}

static void
start(struct rig *r, struct reader *rr, struct rledger *rl)
{
	rr->rd = (struct ledger_read){ .magic = LEDGER_READ_MAGIC,
		.lg = rl->lg,
		.from = rr->at,
		.max_n = STEP,
		.max_bytes = 1u << 20,
		.done = read_done,
		.priv = rr };
	rr->busy = true;
	r->lgs->ops->read(r->lgs, &rr->rd);
}

static void
end(struct rig *r, struct reader *rr, struct rledger *rl)
{
	assert_false(rr->busy);
	assert_int_equal(rr->err, ERR_OK);
	assert_true(rr->rd.n > 0);
	for (uint32_t k = 0; k < rr->rd.n; k++)
		assert_true(rig_entry_is(rl, rr->at + k, &rr->rd.ent[k]));
	rr->at = rr->rd.next;
	r->lgs->ops->read_fini(r->lgs, &rr->rd);
}

/* All of n ledgers, a step of each in turn; how many reads of the disk it took */
static uint64_t
side_by_side(struct rig *r, uint32_t n)
{
	struct reader rr[LEDGERS] = { 0 };
	struct local_stats was, is;

	local_stats(r->lgs, &was);
	while (rr[0].at < each || rr[n - 1].at < each) {
		for (uint32_t l = 0; l < n; l++)
			if (rr[l].at < each)
				start(r, &rr[l], &r->l[l]);
			else
				rr[l].busy = true;
		rig_settle(r);
		for (uint32_t l = 0; l < n; l++)
			if (rr[l].at < each)
				end(r, &rr[l], &r->l[l]);
	}
	local_stats(r->lgs, &is);
	return is.reads - was.reads;
}

static void
test_side_by_side(void **state)
{
	struct rig *r = &rig;
	struct local_stats st;
	uint64_t one, all;

	(void)state;
	begin(r, 1, 200, 700, 32u << 10);
	one = side_by_side(r, 1);
	rig_stop(r);
	rig_start(r);
	rig_reopen(r);
	all = side_by_side(r, LEDGERS);
	local_stats(r->lgs, &st);
	assert_int_equal(st.corrupt, 0);
	/* not eight times those of one: a block is read once or twice, and only of
	 * the open segment each has its own */
	assert_true(all < 2 * one);
	rig_fini(r);
}

/* Runs that lie over the edges of blocks: a block is not read a second time for the
 * run that reaches into it. */
static void
test_over_edges(void **state)
{
	struct rig *r = &rig;
	struct local_stats was, is;
	uint64_t bytes = 0;

	(void)state;
	begin(r, 7, 120, 5500, 128u << 10);
	r->conf.cache_bytes = 16u << 20; /* there is room to read ahead */
	rig_stop(r);
	rig_start(r);
	rig_reopen(r);
	for (uint32_t l = 0; l < LEDGERS; l++)
		for (uint32_t i = 0; i < r->l[l].n; i++)
			bytes += r->l[l].app[i].len;
	local_stats(r->lgs, &was);
	(void)side_by_side(r, LEDGERS);
	local_stats(r->lgs, &is);
	bytes += bytes / 2; /* with the padding, and footers of segments */
	assert_in_range(is.read_bytes - was.read_bytes, 1, bytes);
	rig_fini(r);
}

/* A block that can't be read: each ledger reads its own part. */
static void
test_failing_block(void **state)
{
	struct rig *r = &rig;

	(void)state;
	for (uint32_t n = 3; n < 12; n++) {
		struct reader rr[LEDGERS] = { 0 };
		uint32_t failed = 0;

		begin(r, n, 200, 700, 32u << 10);
		for (uint32_t l = 0; l < LEDGERS; l++)
			start(r, &rr[l], &r->l[l]);
		disk_mem_fail_read(r->dm, n, ERR_IO);
		rig_settle(r);
		for (uint32_t l = 0; l < LEDGERS; l++) {
			assert_false(rr[l].busy);
			failed += rr[l].err != ERR_OK;
			if (rr[l].err == ERR_OK)
				end(r, &rr[l], &r->l[l]);
			else
				r->lgs->ops->read_fini(r->lgs, &rr[l].rd);
		}
		/* the exact read of one, at most: a block's others go on */
		assert_true(failed <= 1);
		disk_mem_fail_read(r->dm, 0, ERR_OK);
		(void)side_by_side(r, LEDGERS);
		rig_fini(r);
	}
}

/* Read by chance near to each other, and nothing more of it: soon only what is
 * wanted is read. */
static void
test_credit(void **state)
{
	struct rig *r = &rig;
	struct reader rr;
	struct local_stats was, is;

	(void)state;
	begin(r, 30, 40, 12000, 128u << 10);
	local_stats(r->lgs, &was);
	for (uint32_t i = 0; i < 400; i++) {
		struct rledger *rl = &r->l[i % 2];

		memset(&rr, 0, sizeof rr);
		rr.at = (int64_t)((i / 2 * 7) % each);
		rr.rd.max_n = 1;
		start(r, &rr, rl);
		rig_settle(r);
		end(r, &rr, rl);
	}
	local_stats(r->lgs, &is);
	/* each wants 12 KB, of which some are cached; a block has 128 */
	assert_in_range(is.reads - was.reads, 200, 600);
	assert_in_range(
	    (is.read_bytes - was.read_bytes) / (is.reads - was.reads), 8u << 10,
	    32u << 10);
	rig_fini(r);
}

static void
end_the_last(struct ledger_read *rd, enum err err)
{
	struct reader *rr = rd->priv;

	rr->busy = false;
	rr->err = err;
	rig.lgs->ops->read_fini(rig.lgs, &rr[1].rd);
	rr[1].busy = false;
}

/* Whoever is answered ends the last read of those that wait, while another waits
 * for a place at the disk: the engine goes on. */
static void
test_ended_while_polled(void **state)
{
	struct rig *r = &rig;
	struct reader rr[4] = { 0 };

	(void)state;
	alarm(60);
	begin(r, 1, 200, 700, 32u << 10);
	r->conf.reads_max = 1;
	rig_stop(r);
	rig_start(r);
	rig_reopen(r);
	rig_append(&r->l[2], 700, true);
	rig_settle(r);
	rr[1].at = 100; /* in another segment */
	rr[2].at = each;
	for (uint32_t i = 0; i < 4; i++)
		start(r, &rr[i], &r->l[i]);
	rr[2].rd.done = end_the_last;
	rig_settle(r);
	end(r, &rr[0], &r->l[0]);
	end(r, &rr[1], &r->l[1]);
	end(r, &rr[2], &r->l[2]);
	assert_false(rr[3].busy);
	rig_fini(r);
	alarm(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_over_edges),
		cmocka_unit_test(test_failing_block),
		cmocka_unit_test(test_credit),
		cmocka_unit_test(test_ended_while_polled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
