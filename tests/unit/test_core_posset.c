/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <malloc.h>
#include <stdlib.h>

#include "base/mem.h"
#include "core/posset.h"

#define L 3 /* ledgers */
#define E 400 /* entries of each */

static uint32_t seed;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static struct pos
at(unsigned i)
{
	return (struct pos){ i / E * 7 + 5, (int64_t)(i % E) };
}

/* everything that can be asked, against an array of bools */
static void
compare(const struct posset *ps, const bool *m)
{
	struct pos p, q;
	unsigned i, n = 0, k;

	for (i = 0; i < L * E; i++) {
		n += m[i];
		assert_int_equal(posset_contains(ps, at(i)), m[i]);
	}
	assert_int_equal(ps->count, n);
	for (i = 0; i < L * E && !m[i]; i++)
		;
	assert_int_equal(posset_first(ps, &p), i < L * E);
	if (i < L * E)
		assert_true(pos_eq(p, at(i)));
	for (k = 0; k < 20; k++) {
		i = rnd(L * E);
		n = i + 1;
		while (n < L * E && !m[n])
			n++;
		assert_int_equal(posset_next(ps, at(i), &q), n < L * E);
		if (n < L * E)
			assert_true(pos_eq(q, at(n)));
		for (n = i; n % E != E - 1 && m[n]; n++)
			;
		if (m[n])
			n++; /* the whole rest of the ledger */
		assert_int_equal(
		    posset_first_absent(ps, at(i)), (int64_t)(n - i / E * E));
	}
}

static void
test_model(void **state)
{
	struct posset ps;
	bool m[L * E];
	unsigned round, i, k, a, b, n;

	(void)state;
	for (round = 0; round < 30; round++) {
		seed = round + 1;
		memset(m, 0, sizeof m);
		posset_init(&ps);
		for (k = 0; k < 300; k++) {
			i = rnd(L * E);
			switch (rnd(8)) {
			case 0:
				assert_int_equal(
				    posset_remove(&ps, at(i)), m[i]);
				m[i] = false;
				break;
			case 1:
				if (rnd(10) != 0)
					break;
				for (n = a = 0; a <= i; a++) {
					n += m[a];
					m[a] = false;
				}
				assert_int_equal(
				    posset_remove_upto(&ps, at(i)), n);
				break;
			case 2: /* a run */
				for (b = rnd(60); b > 0 && i < L * E;
				     b--, i++) {
					assert_int_equal(
					    posset_add(&ps, at(i)), !m[i]);
					m[i] = true;
				}
				break;
			default:
				assert_int_equal(posset_add(&ps, at(i)), !m[i]);
				m[i] = true;
			}
		}
		compare(&ps, m);
		a = rnd(L * E);
		b = a + rnd(L * E - a);
		for (n = 0, i = a; i <= b; i++)
			n += m[i];
		assert_int_equal(posset_count_range(&ps, at(a), at(b)), n);
		for (n = i = 0; i < L * E; i++)
			n += m[i] && (i % E == 0 || !m[i - 1]);
		assert_int_equal(posset_runs(&ps), n);
		posset_fini(&ps);
	}
}

static void
test_write_read(void **state)
{
	struct posset a, b;
	uint8_t buf[4096];
	size_t len;
	uint32_t i;

	(void)state;
	posset_init(&a);
	posset_init(&b);
	for (i = 0; i < 1000; i++)
		assert_true(posset_add(&a, (struct pos){ 9, i * 3 }));
	len = posset_ledger_size(&a.v[0]);
	assert_true(len <= sizeof buf);
	assert_int_equal(posset_ledger_write(&a.v[0], buf, len - 1), 0);
	assert_int_equal(posset_ledger_write(&a.v[0], buf, len), len);
	assert_true(posset_add(&b, (struct pos){ 9, 1 }));
	assert_true(posset_ledger_read(&b, 9, buf, len));
	assert_int_equal(b.count, 1001);
	assert_true(posset_contains(&b, (struct pos){ 9, 2997 }));
	/* cut: refused, nothing changed */
	for (i = 0; i < len; i++)
		assert_false(posset_ledger_read(&b, 9, buf, i));
	assert_int_equal(b.count, 1001);
	posset_fini(&a);
	posset_fini(&b);
}

static void
test_bounds(void **state)
{
	struct posset ps;
	struct pos p;

	(void)state;
	posset_init(&ps);
	assert_false(posset_first(&ps, &p));
	assert_false(posset_contains(&ps, (struct pos){ 0, -1 }));
	assert_false(posset_remove(&ps, (struct pos){ 1, -1 }));
	assert_int_equal(posset_first_absent(&ps, (struct pos){ 1, -1 }), 0);
	assert_true(posset_add(&ps, (struct pos){ 1, UINT32_MAX }));
	assert_int_equal(
	    posset_first_absent(&ps, (struct pos){ 1, UINT32_MAX }),
	    (int64_t)UINT32_MAX + 1);
	assert_int_equal(posset_count_range(&ps, (struct pos){ 0, -1 },
			     (struct pos){ UINT64_MAX, INT64_MAX }),
	    1);
	assert_int_equal(
	    posset_remove_upto(&ps, (struct pos){ 1, INT64_MAX }), 1);
	assert_int_equal(ps.n, 0);
	posset_fini(&ps);
}

/* Runs that end at, before and behind the containers of 65,536 entries, with
 * containers missing in between and behind. */
static void
test_containers(void **state)
{
	static const int64_t ends[] = { 0, 1, 65534, 65535, 65536, 65537,
		131071, 131072, 131073, 196608, 200000 };
	static const int64_t from[] = { 0, 65535, 65536, 131071 };
	struct posset ps;
	unsigned i, k, far;
	int64_t e;

	(void)state;
	for (i = 0; i < NELEM(ends); i++)
		for (far = 0; far < 2; far++) {
			posset_init(&ps);
			for (e = 0; e < ends[i]; e++)
				(void)posset_add(&ps, (struct pos){ 1, e });
			for (e = 0; far != 0 && e < 300; e++)
				(void)posset_add(
				    &ps, (struct pos){ 1, 262144 + e });
			for (k = 0; k < NELEM(from); k++)
				assert_int_equal(
				    posset_first_absent(
					&ps, (struct pos){ 1, from[k] }),
				    from[k] < ends[i] ? ends[i] : from[k]);
			posset_fini(&ps);
		}
}

/* Two million in an order without runs: never more than 8 KiB of bitmap for 65,536
 * entries; in memory up to 2 KiB more, which arrays have as room to grow. */
static void
test_memory(void **state)
{
	const uint32_t ledgers = 40, each = 50000, n = ledgers * each;
	const size_t most = ledgers * (8192 + 256) + 4096;
	const size_t heap = ledgers * 10240;
	uint32_t i, k = 0;
	struct posset ps;
	size_t before;

	(void)state;
	before = mallinfo2().uordblks;
	posset_init(&ps);
	for (i = 0; i < n; i++) {
		k = (k + 1234567) % n; /* no common divisor: each one once */
		assert_true(posset_add(
		    &ps, (struct pos){ 1 + k / each, (int64_t)(k % each) }));
		if (i % 10000 == 0) {
			assert_true(posset_bytes(&ps) < most);
			assert_true(mallinfo2().uordblks < before + heap);
		}
	}
	assert_int_equal(ps.count, n);
	assert_int_equal(posset_runs(&ps), ledgers);
	posset_fini(&ps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_write_read),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
