/* SPDX-License-Identifier: Apache-2.0 */
/* the buffers of the log: what is kept, and for whom */
#include "tests/unit/test.h"

#include "base/buf.h"
#include "os/pages.h"
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
	struct buf *b = pool_get(po, size, POOL_CACHED);

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
		b[i] = pool_get(po, SMALL, POOL_CACHED);
	assert_true(pool_used_bytes(po) >= (uint64_t)N * SMALL);
	give_back(po, b, N);
	for (unsigned i = 0; i < 20; i++)
		b[i] = pool_get(po, BIG, POOL_CACHED);
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
		b[i] = pool_get(po, 128u << 10, POOL_CACHED);
	give_back(po, b, 40);
	b[0] = pool_get(po, BIG, POOL_CACHED);
	give_back(po, b, 1);
	assert_reused(po, BIG);
	pool_free(&po);
}

static uintptr_t
page_of(const struct buf *b)
{
	return (uintptr_t)b->data & ~(uintptr_t)(PAGES_HUGE - 1);
}

/* Groups lie one behind the other in huge pages, and what is read does not keep the
 * pages of those that have gone, nor they those of what was read. */
static void
test_regions(void **state)
{
	struct pool *po = pool_new(KEEP);
	struct buf *b[N], *brief;
	uint32_t size = 200u << 10;
	unsigned pages = 1;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		b[i] = pool_get(po, size, POOL_CACHED);
		memset(b[i]->data, (int)i, size);
		brief = pool_get(po, BIG, POOL_BRIEF);
		memset(brief->data, 0xff, BIG);
		assert_int_not_equal(page_of(brief), page_of(b[i]));
		buf_unref(&brief);
		pool_drain(po);
		if (i > 0 && page_of(b[i]) != page_of(b[i - 1]))
			pages++;
	}
	assert_int_equal(pages, 10);
	assert_int_equal(pool_used_bytes(po), 10 * PAGES_HUGE);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(b[i]->data[0], i);
		assert_int_equal(b[i]->data[size - 1], i);
		buf_unref(&b[i]);
		pool_drain(po);
		assert_int_equal(
		    pool_used_bytes(po), (10 - (i + 1) / 10) * PAGES_HUGE);
	}
	pool_free(&po);
	/* one that may not keep them has none */
	po = pool_new(PAGES_HUGE);
	b[0] = pool_get(po, size, POOL_CACHED);
	assert_in_range(pool_used_bytes(po), size, 2 * size);
	buf_unref(&b[0]);
	pool_free(&po);
}

/* A buffer may outlive the pool's owner. */
static void
test_last_one(void **state)
{
	struct pool *po = pool_new(KEEP);
	struct buf *small, *big;

	(void)state;
	small = pool_get(po, SMALL, POOL_CACHED);
	big = pool_get(po, BIG, POOL_CACHED);
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
		cmocka_unit_test(test_regions),
		cmocka_unit_test(test_last_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
