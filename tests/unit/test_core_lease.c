/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "core/lease.h"

#define N 5000

static uint32_t seed = 1;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static struct pos
at(uint32_t i)
{
	return (struct pos){ i % 3 + 1, i };
}

static void
test_model(void **state)
{
	static bool there[N];
	struct lease_pool pool;
	struct lease_table lt;
	struct lease *l;
	uint32_t i, k, n = 0, it;

	(void)state;
	lease_pool_init(&pool);
	lease_table_init(&lt);
	for (k = 0; k < 60000; k++) {
		i = rnd(k % 20000 < 10000 ? N : N / 50);
		l = lease_table_get(&lt, at(i));
		assert_int_equal(l != NULL, there[i]);
		if (l == NULL && k % 20000 < 15000) {
			l = lease_table_add(&lt, &pool, at(i));
			assert_int_equal(l->messages_n, 0);
			l->messages_n = i;
			there[i] = true;
			n++;
		} else if (l != NULL) {
			assert_int_equal(l->messages_n, i);
			lease_table_del(&lt, &pool, &l);
			assert_null(l);
			there[i] = false;
			n--;
		}
		assert_int_equal(lt.n, n);
		assert_int_equal(pool.used, n);
	}
	for (it = 0, k = 0; (l = lease_table_next(&lt, &it)) != NULL; k++)
		assert_true(there[l->messages_n]);
	assert_int_equal(k, n);
	for (i = 0; i < N; i++)
		if ((l = lease_table_get(&lt, at(i))) != NULL)
			lease_table_del(&lt, &pool, &l);
	assert_int_equal(pool.used, 0);
	assert_true(lt.cap <= 1024);
	lease_table_fini(&lt, &pool);
	lease_pool_fini(&pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
