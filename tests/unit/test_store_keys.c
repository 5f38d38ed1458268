/* SPDX-License-Identifier: Apache-2.0 */
/* The key index: what is found in memory, in sealed segments, after a restart, in
 * rewritten ones, and where there is none or it is damaged. */
#include "tests/unit/test.h"

#include "store/record.h"
#include "tests/lib/store_rig.h"

#define SHARED 5u /* keys that many entries have */
#define LEN 200u

static struct rig rig;
static int64_t got[FIND_KEYS_MAX];
static uint32_t got_n;
static enum err got_err;

/* One that nobody else has, one of a few, and that again */
static unsigned
keys(const uint8_t *body, size_t len, uint64_t *hash, unsigned max)
{
	assert_true(len >= LEN && max >= 3);
	memcpy(&hash[0], body, 8);
	hash[1] = hash[2] = body[8] % SHARED;
	return 3;
}

static const struct entry_format_ops ops = { .keys = keys };
static const struct entry_format_ops *const formats[ENTRY_FORMATS_N] = {
	[ENTRY_FORMAT_PULSAR] = &ops
};

static void
start(struct rig *r, uint64_t seed, bool keyed)
{
	rig_init(r, seed);
	r->conf.cache_bytes = 64u << 10;
	r->formats = keyed ? formats : NULL;
	rig_start(r);
}

static void
fill(struct rig *r, uint32_t ledgers, uint32_t rounds)
{
	for (uint32_t i = 0; i < rounds; i++) {
		for (uint32_t l = 0; l < ledgers; l++)
			rig_append(&r->l[l], LEN, true);
		if (i % 8 == 0)
			rig_settle(r);
	}
	rig_settle(r);
	for (uint32_t l = 0; l < ledgers; l++)
		assert_int_equal(r->l[l].acked, r->l[l].n);
}

static void
hashes_of(const struct rledger *rl, uint32_t i, uint64_t hash[3])
{
	uint8_t body[LEN + 8];

	rig_body(body, rl->app[i].key, LEN);
	(void)keys(body, LEN, hash, 3);
}

static void
found(void *priv, const int64_t *entry, uint32_t n, enum err err)
{
	bool *done = priv;

	got_n = n;
	got_err = err;
	if (n > 0)
		memcpy(got, entry, n * sizeof *entry);
	*done = true;
}

static void
find(struct rledger *rl, uint64_t hash, int64_t from, int64_t to, uint32_t max)
{
	struct rig *r = rl->rig;
	bool done = false;

	r->lgs->ops->find_keys(
	    r->lgs, rl->lg, hash, from, to, max, found, &done);
	assert_false(done);
	rig_settle(r);
	assert_true(done);
	assert_ok(got_err);
}

/* Exactly those of from .. to - 1 with the key, the newest first */
static void
check_shared(struct rledger *rl, uint64_t key, uint32_t from, uint32_t to,
    uint32_t first, uint32_t max)
{
	uint64_t hash[3];
	uint32_t n = 0, lo = from > first ? from : first;

	find(rl, key, from, to, max);
	for (uint32_t i = to < rl->n ? to : rl->n; i-- > lo && n < max;) {
		hashes_of(rl, i, hash);
		if (hash[1] != key)
			continue;
		assert_true(n < got_n);
		assert_int_equal(got[n++], i);
	}
	assert_int_equal(got_n, n);
}

/* first: the first entry that is indexed */
static void
check_from(struct rledger *rl, uint32_t first)
{
	uint64_t hash[3];
	uint32_t n = rl->n;

	for (uint32_t i = 0; i < n; i += 1 + i % 7) {
		hashes_of(rl, i, hash);
		find(rl, hash[0], 0, INT64_MAX, 4);
		assert_int_equal(got_n, i >= first ? 1 : 0);
		if (got_n == 1)
			assert_int_equal(got[0], i);
	}
	find(rl, UINT64_C(0x123456789abcdef), 0, INT64_MAX, 4);
	assert_int_equal(got_n, 0);
	for (uint64_t k = 0; k < SHARED; k++) {
		check_shared(rl, k, 0, n, first, FIND_KEYS_MAX);
		check_shared(rl, k, 0, n, first, 1);
		check_shared(rl, k, 0, n, first, 17);
		check_shared(rl, k, n / 3, n / 2, first, FIND_KEYS_MAX);
		check_shared(rl, k, n / 2, n / 2, first, FIND_KEYS_MAX);
	}
}

static void
restart(struct rig *r)
{
	rig_stop(r);
	rig_start(r);
	rig_reopen(r);
}

static void
checkpoint(struct rig *r)
{
	local_checkpoint(r->lgs, NULL, NULL);
	rig_settle(r);
}

static void
test_memory(void **state)
{
	struct rig *r = &rig;
	struct local_stats st;

	(void)state;
	start(r, 1, true);
	(void)rig_create(r, 0);
	(void)rig_create(r, 1);
	fill(r, 2, 60);
	local_stats(r->lgs, &st);
	assert_int_equal(st.segments_sealed, 0);
	check_from(&r->l[0], 0);
	check_from(&r->l[1], 0);
	/* replayed */
	rig_crash(r, true);
	rig_start(r);
	rig_reopen(r);
	check_from(&r->l[0], 0);
	check_from(&r->l[1], 0);
	rig_fini(r);
}

static void
test_sealed(void **state)
{
	struct rig *r = &rig;
	struct local_stats st;

	(void)state;
	start(r, 2, true);
	(void)rig_create(r, 0);
	(void)rig_create(r, 1);
	fill(r, 2, 900);
	local_stats(r->lgs, &st);
	assert_true(st.segments_sealed >= 4);
	check_from(&r->l[0], 0);
	check_from(&r->l[1], 0);
	restart(r);
	check_from(&r->l[0], 0);
	checkpoint(r);
	restart(r);
	check_from(&r->l[0], 0);
	check_from(&r->l[1], 0);
	/* and it goes on in the segment that is open */
	fill(r, 2, 40);
	check_from(&r->l[0], 0);
	r->l[1].trim = 500;
	r->lgs->ops->trim(r->lgs, r->l[1].lg, 500);
	check_from(&r->l[1], 500);
	rig_fini(r);
}

/* What is live of mostly dead segments, where it is now */
static void
test_rewritten(void **state)
{
	struct rig *r = &rig;
	struct local_stats st;

	(void)state;
	start(r, 3, true);
	for (uint32_t l = 0; l < 8; l++)
		(void)rig_create(r, l);
	fill(r, 8, 500);
	checkpoint(r);
	for (uint32_t l = 1; l < 8; l++) {
		r->lgs->ops->del(r->lgs, r->l[l].id);
		r->l[l].deleted = true;
		r->l[l].opened = false;
	}
	rig_settle(r);
	checkpoint(r);
	local_stats(r->lgs, &st);
	assert_true(st.rewrites > 0);
	check_from(&r->l[0], 0);
	restart(r);
	check_from(&r->l[0], 0);
	rig_fini(r);
}

/* A log that was begun without the index opens; what comes then is found */
static void
test_without(void **state)
{
	struct rig *r = &rig;
	uint32_t first;

	(void)state;
	start(r, 4, false);
	(void)rig_create(r, 0);
	fill(r, 1, 1500);
	checkpoint(r);
	rig_stop(r);
	r->formats = formats;
	rig_start(r);
	rig_reopen(r);
	find(&r->l[0], 1, 0, INT64_MAX, FIND_KEYS_MAX);
	assert_int_equal(got_n, 0);
	first = r->l[0].n;
	fill(r, 1, 700);
	check_from(&r->l[0], first);
	checkpoint(r);
	restart(r);
	check_from(&r->l[0], first);
	rig_fini(r);
}

/* Segments of entries without keys are as they were */
static void
test_no_keys(void **state)
{
	struct rig *r = &rig;
	uint64_t files[64], size;
	struct trailer t;
	uint32_t sealed = 0;
	const uint8_t *b;
	size_t n;

	(void)state;
	start(r, 5, false);
	(void)rig_create(r, 0);
	fill(r, 1, 1500);
	rig_stop(r);
	n = disk_mem_files(r->dm, files, 64);
	for (size_t i = 0; i < n; i++) {
		b = disk_mem_data(r->dm, files[i], &size);
		if (trailer_get(b + size - FOOTER_TRAILER, files[i], &t) !=
		    GROUP_OK)
			continue;
		sealed++;
		assert_int_equal(t.keys_n, 0);
		assert_in_range(t.data_end, size * 7 / 8, size);
	}
	assert_true(sealed >= 2);
	rig_start(r);
	rig_fini(r);
}

/* Any block of an index that is damaged: it is made again from the groups */
static void
test_damaged(void **state)
{
	struct rig *r = &rig;
	uint64_t files[64], size;
	struct trailer t;

	(void)state;
	for (uint32_t block = 0; block < 2; block++) {
		start(r, 6, true);
		(void)rig_create(r, 0);
		fill(r, 1, 900);
		checkpoint(r);
		rig_stop(r);
		AN(disk_mem_files(r->dm, files, 64));
		assert_int_equal(
		    trailer_get(disk_mem_data(r->dm, files[0], &size) + size -
			    FOOTER_TRAILER,
			files[0], &t),
		    GROUP_OK);
		assert_true(key_blocks(t.keys_n) >= 2);
		disk_mem_flip(r->dm, files[0],
		    t.footer_off - keys_len(t.keys_n) +
			(uint64_t)block * KEY_BLOCK + 100,
		    0x10);
		rig_start(r);
		rig_reopen(r);
		check_from(&r->l[0], 0);
		assert_int_equal(r->reports[LOCAL_CORRUPT] > 0, 1);
		rig_fini(r);
	}
}

/* Searches under way when the engine goes, or the ledger */
static void
test_ends(void **state)
{
	struct rig *r = &rig;
	bool done = false;

	(void)state;
	for (uint32_t turns = 0; turns < 6; turns++) {
		start(r, 7, true);
		(void)rig_create(r, 0);
		fill(r, 1, 900);
		checkpoint(r);
		restart(r);
		done = false;
		r->lgs->ops->find_keys(r->lgs, r->l[0].lg, 1, 0, INT64_MAX,
		    FIND_KEYS_MAX, found, &done);
		for (uint32_t i = 0; i < turns; i++)
			rig_turn(r);
		rig_crash(r, false);
		rig_start(r);
		rig_fini(r);
		start(r, 7, true);
		(void)rig_create(r, 0);
		fill(r, 1, 900);
		done = false;
		r->lgs->ops->find_keys(r->lgs, r->l[0].lg, 1, 0, INT64_MAX,
		    FIND_KEYS_MAX, found, &done);
		for (uint32_t i = 0; i < turns; i++)
			rig_turn(r);
		r->lgs->ops->del(r->lgs, r->l[0].id);
		r->l[0].deleted = true;
		r->l[0].opened = false;
		rig_settle(r);
		assert_true(done);
		rig_fini(r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_rewritten),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_no_keys),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
