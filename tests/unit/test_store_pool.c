/* SPDX-License-Identifier: Apache-2.0 */
/* the buffers of the log: what is kept, and for whom */
#include "tests/unit/test.h"

#include "base/buf.h"
#include "store/local_priv.h"

#define KEEP (8u << 20)
#define SMALL (64u << 10)
#define BIG (1u << 20)
#define N 300

static void
give_back(struct pool *po, struct buf **b, unsigned n)
{
	while (n-- > 0)
		buf_unref(&b[n]);
	pool_drain(po);
	assert_int_equal(pool_used_bytes(po), 0);
	assert_in_range(pool_kept_bytes(po), 1, KEEP);
}

/* The next one of that size is one that was there before. */
static void
assert_reused(struct pool *po, uint32_t size)
{
	uint64_t kept = pool_kept_bytes(po);
	struct buf *b = pool_get(po, size);

	assert_true(pool_kept_bytes(po) < kept);
	give_back(po, &b, 1);
	assert_int_equal(pool_kept_bytes(po), kept);
}

/* What a load of small groups has left must not send every big buffer of the
 * next load to the system, nor the other way round. */
static void
test_changing_loads(void **state)
{
	struct pool *po = pool_new(KEEP);
	struct buf *b[N];

	(void)state;
	for (unsigned i = 0; i < N; i++)
		b[i] = pool_get(po, SMALL);
	assert_true(pool_used_bytes(po) >= (uint64_t)N * SMALL);
	give_back(po, b, N);
	for (unsigned i = 0; i < 20; i++)
		b[i] = pool_get(po, BIG);
	give_back(po, b, 20);
	assert_reused(po, BIG);
	assert_reused(po, SMALL);
	/* one of up to twice the size will do */
	assert_reused(po, BIG / 2 + 1);
	while (pool_trim(po))
		;
	assert_int_equal(pool_kept_bytes(po), 0);
	pool_free(&po);
}

/* Sizes vary: the big ones stay, since they can stand for the others. */
static void
test_big_ones_stay(void **state)
{
	struct pool *po = pool_new(KEEP);
	struct buf *b[N];

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		b[i] = pool_get(po, 128u << 10);
	give_back(po, b, 40);
	b[0] = pool_get(po, BIG);
	give_back(po, b, 1);
	assert_reused(po, BIG);
	pool_free(&po);
}

/* A buffer may outlive the pool's owner. */
static void
test_last_one(void **state)
{
	struct pool *po = pool_new(KEEP);
	struct buf *small, *big;

	(void)state;
	small = pool_get(po, SMALL);
	big = pool_get(po, BIG);
	pool_free(&po);
	memset(small->data, 1, SMALL);
	memset(big->data, 1, BIG);
	buf_unref(&big);
	buf_unref(&small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changing_loads),
		cmocka_unit_test(test_big_ones_stay),
		cmocka_unit_test(test_last_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
