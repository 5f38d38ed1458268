/* SPDX-License-Identifier: Apache-2.0 */
/* Rewriting of mostly dead segments: what it frees, what it keeps, and crashes
 * at any point of it. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "store/record.h"
#include "tests/lib/store_rig.h"

#define KEEP 3u /* ledgers that stay */
#define GONE 6u

static struct rig rig;

static uint64_t
disk_bytes(struct rig *r)
{
	uint64_t ids[256], size, sum = 0;
	size_t n = disk_mem_files(r->dm, ids, 256);

	for (size_t i = 0; i < n; i++) {
		AN(disk_mem_data(r->dm, ids[i], &size));
		sum += size;
	}
	return sum;
}

/* A few entries of some ledgers in each segment, the rest is of others */
static void
fill(struct rig *r, uint32_t rounds)
{
	for (uint32_t l = 0; l < KEEP + GONE; l++)
		(void)rig_create(r, l);
	for (uint32_t i = 0; i < rounds; i++) {
		for (uint32_t l = 0; l < KEEP; l++)
			if (i % 8 == l)
				rig_append(&r->l[l], 300, true);
		for (uint32_t l = KEEP; l < KEEP + GONE; l++)
			rig_append(&r->l[l], 1000, true);
		rig_turn(r);
	}
	rig_settle(r);
	for (uint32_t l = 0; l < KEEP + GONE; l++)
		assert_int_equal(r->l[l].acked, r->l[l].n);
}

static void
del(struct rig *r, uint32_t l)
{
	r->lgs->ops->del(r->lgs, r->l[l].id);
	r->l[l].deleted = true;
	r->l[l].opened = false;
}

static void
check_all(struct rig *r)
{
	uint32_t corrupt;

	for (uint32_t l = 0; l < KEEP; l++) {
		assert_int_equal(
		    rig_read_all(&r->l[l], &corrupt), r->l[l].n - r->l[l].trim);
		assert_int_equal(corrupt, 0);
	}
}

static void
start(struct rig *r, uint64_t seed)
{
	rig_init(r, seed);
	r->conf.cache_bytes = 64u << 10;
	rig_start(r);
}

static void
test_frees(void **state)
{
	struct rig *r = &rig;
	struct local_stats st;
	uint64_t before;

	(void)state;
	start(r, 1);
	fill(r, 400);
	before = disk_bytes(r);
	for (uint32_t l = KEEP; l < KEEP + GONE; l++)
		del(r, l);
	rig_settle(r);
	local_checkpoint(r->lgs, NULL, NULL);
	rig_settle(r);
	local_stats(r->lgs, &st);
	assert_in_range(st.rewrites, 1, 10);
	assert_true(st.rewrite_segments > 10);
	/* five at most that are ready or open, and what is live */
	assert_in_range(disk_bytes(r), r->conf.segment_bytes,
	    6 * (uint64_t)r->conf.segment_bytes);
	assert_true(before > 20 * (uint64_t)r->conf.segment_bytes);
	check_all(r);
	rig_crash(r, true);
	rig_start(r);
	rig_reopen(r);
	check_all(r);
	/* and then all of it can go */
	for (uint32_t l = 0; l < KEEP; l++)
		del(r, l);
	for (int i = 0; i < 3; i++) {
		local_checkpoint(r->lgs, NULL, NULL);
		rig_settle(r);
	}
	assert_in_range(disk_bytes(r), 0, 5 * (uint64_t)r->conf.segment_bytes);
	rig_fini(r);
}

/* Inspection knows such segments */
static void
test_inspected(void **state)
{
	struct rig *r = &rig;
	static char out[256u << 10];
	struct disk *d;
	struct meta *m;
	FILE *f;

	(void)state;
	start(r, 2);
	fill(r, 200);
	for (uint32_t l = KEEP; l < KEEP + GONE; l++)
		del(r, l);
	local_checkpoint(r->lgs, NULL, NULL);
	rig_settle(r);
	rig_stop(r);
	d = disk_mem_handle(r->dm);
	m = meta_mem_handle(r->mm);
	f = fmemopen(out, sizeof out, "w");
	assert_non_null(f);
	assert_ok(local_inspect(d, m, f, true));
	(void)fclose(f);
	disk_mem_handle_free(&d);
	meta_mem_handle_free(&m);
	assert_non_null(strstr(out, ": rewritten, groups 0-0"));
	assert_non_null(strstr(out, "damaged places: 0"));
	rig_fini(r);
}

/* One request at a time, by turns, so that there is a point for each */
static bool
small_step(struct rig *r, uint32_t i)
{
	r->mono_ns += 3000000;
	(void)r->lgs->ops->poll(r->lgs, r->wall_ms, r->mono_ns);
	if (i % 2 == 0 && disk_mem_pump(r->dm, 1) > 0)
		return true;
	return meta_mem_pump(r->mm, 1) > 0 || disk_mem_pump(r->dm, 1) > 0;
}

/* A crash after each step of a job, in both manners, with what the job meets
 * beside it: appends, a trim, a deletion. */
static bool
crash_at(uint32_t steps, bool power, bool beside)
{
	struct rig *r = &rig;
	struct local_stats st;
	bool ended;

	start(r, 3);
	fill(r, 60);
	for (uint32_t l = KEEP; l < KEEP + GONE - 1; l++)
		del(r, l);
	local_checkpoint(r->lgs, NULL, NULL);
	for (uint32_t i = 0; i < steps; i++) {
		(void)small_step(r, i);
		if (!beside)
			continue;
		if (i % 7 == 3)
			rig_append(&r->l[0], 100, true);
		if (i == steps / 2) {
			r->l[1].trim = r->l[1].acked / 2;
			r->lgs->ops->trim(
			    r->lgs, r->l[1].lg, (int64_t)r->l[1].trim);
		}
		if (i == steps / 2 + 3)
			del(r, KEEP + GONE - 1);
	}
	local_stats(r->lgs, &st);
	ended = st.rewrites > 0;
	rig_crash(r, power);
	rig_start(r);
	assert_int_equal(r->rec.corrupt, 0);
	rig_reopen(r);
	check_all(r);
	local_checkpoint(r->lgs, NULL, NULL);
	rig_settle(r);
	check_all(r);
	local_stats(r->lgs, &st);
	assert_int_equal(st.rewrites_failed, 0);
	rig_crash(r, power);
	rig_start(r);
	rig_reopen(r);
	check_all(r);
	assert_int_equal(r->reports[LOCAL_CORRUPT], 0);
	rig_fini(r);
	return ended;
}

static void
test_crashes(void **state)
{
	uint32_t steps;

	(void)state;
	for (int how = 0; how < 4; how++) {
		for (steps = 0; steps < 400; steps++)
			if (crash_at(steps, how % 2 == 0, how / 2 != 0))
				break;
		assert_in_range(steps, 20, 399);
	}
}

/* No room for a file, no segment that is wholly dead: the reserve serves */
static void
test_reserve(void **state)
{
	struct rig *r = &rig;
	struct local_stats st;

	(void)state;
	start(r, 4);
	for (uint32_t l = 0; l < KEEP + GONE; l++)
		(void)rig_create(r, l);
	rig_settle(r);
	disk_mem_limit(r->dm, 14 * (uint64_t)r->conf.segment_bytes);
	for (uint32_t i = 0; i < 2000 && r->space; i++) {
		for (uint32_t l = 0; l < KEEP; l++)
			if (i % 8 == l)
				rig_append(&r->l[l], 300, true);
		for (uint32_t l = KEEP; l < KEEP + GONE; l++)
			rig_append(&r->l[l], 1000, true);
		rig_turn(r);
	}
	rig_settle(r);
	assert_false(r->space);
	for (uint32_t l = KEEP; l < KEEP + GONE; l++)
		del(r, l);
	for (int i = 0; i < 20 && !r->space; i++) {
		r->mono_ns += 1000000000;
		rig_settle(r);
	}
	assert_true(r->space);
	local_stats(r->lgs, &st);
	assert_true(st.rewrites > 0);
	check_all(r);
	rig_append(&r->l[0], 100, true);
	rig_settle(r);
	assert_int_equal(r->l[0].acked, r->l[0].n);
	rig_crash(r, true);
	rig_start(r);
	rig_reopen(r);
	check_all(r);
	rig_fini(r);
}

static void
test_rate(void **state)
{
	struct rig *r = &rig;
	struct local_stats st;
	int64_t began;

	(void)state;
	start(r, 5);
	fill(r, 300);
	for (uint32_t l = KEEP; l < KEEP + GONE; l++)
		del(r, l);
	rig_stop(r);
	r->conf.rewrite_bytes_per_s = 100u << 10;
	rig_start(r);
	rig_reopen(r);
	began = r->mono_ns;
	local_checkpoint(r->lgs, NULL, NULL);
	for (int i = 0; i < 100000; i++) {
		rig_turn(r);
		local_stats(r->lgs, &st);
		if (st.rewrites > 0)
			break;
	}
	assert_int_equal(st.rewrites, 1);
	/* read and written */
	assert_true((r->mono_ns - began) / 1000000 >=
	    (int64_t)(st.rewrite_bytes * 1000 / (100u << 10)));
	check_all(r);
	rig_fini(r);
}

/* A damaged record in what would be copied: it stays where it is, and reading
 * tells; the other victims are rewritten. A read that fails, likewise. */
static void
test_damage(void **state)
{
	struct rig *r = &rig;
	struct local_stats st;
	struct record_head h;
	uint64_t ids[64], size;
	uint32_t corrupt, seed, n;
	uint8_t *p;
	bool done = false;

	(void)state;
	start(r, 6);
	fill(r, 200);
	local_checkpoint(r->lgs, NULL, NULL);
	rig_settle(r);
	AN(disk_mem_files(r->dm, ids, 64));
	p = disk_mem_data(r->dm, ids[2], &size);
	seed = record_seed(ids[2]);
	for (uint32_t off = 0; off + 200 < size && !done; off += 8)
		if (record_head(p + off, size - off, &h) &&
		    h.type == RECORD_ENTRY && h.ledger == r->l[0].id &&
		    record_check(p + off, &h, seed)) {
			disk_mem_flip(r->dm, ids[2], off + 150, 1);
			done = true;
		}
	assert_true(done);
	for (uint32_t l = KEEP; l < KEEP + GONE; l++)
		del(r, l);
	local_checkpoint(r->lgs, NULL, NULL);
	rig_settle(r);
	local_stats(r->lgs, &st);
	assert_in_range(st.rewrites_failed, 1, 2);
	assert_true(st.rewrites > 0);
	assert_true(r->reports[LOCAL_CORRUPT] > 0);
	for (uint32_t l = 0; l < KEEP; l++) {
		n = rig_read_all(&r->l[l], &corrupt);
		assert_int_equal(n, r->l[l].n - (l == 0));
		assert_int_equal(corrupt, l == 0);
	}
	rig_fini(r);
}

/* A job that cannot write (a group, the footer, the sync): nothing changes, the
 * log goes on, it comes again */
static void
test_write_error(void **state)
{
	struct rig *r = &rig;
	struct local_stats st;

	(void)state;
	for (uint32_t at = 1; at <= 3; at++) {
		start(r, 7);
		fill(r, 200);
		local_checkpoint(r->lgs, NULL, NULL);
		rig_settle(r);
		for (uint32_t l = KEEP; l < KEEP + GONE; l++)
			del(r, l);
		disk_mem_fail_write(r->dm, at, ERR_IO);
		rig_settle(r);
		local_stats(r->lgs, &st);
		assert_false(st.failed);
		assert_int_equal(st.rewrites_failed, 1);
		assert_true(st.rewrites > 0);
		check_all(r);
		rig_append(&r->l[0], 100, true);
		rig_settle(r);
		assert_int_equal(r->l[0].acked, r->l[0].n);
		rig_crash(r, true);
		rig_start(r);
		rig_reopen(r);
		check_all(r);
		rig_fini(r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frees),
		cmocka_unit_test(test_inspected),
		cmocka_unit_test(test_crashes),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_write_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
