/* SPDX-License-Identifier: Apache-2.0 */
#include "conn_fixture.h"

#include <stdatomic.h>

#include "net/quota.h"

static struct sock_addr
from(const char *host, uint16_t port)
{
	struct sock_addr sa;

	assert_ok(sock_addr_parse(&sa, host, port, NULL));
	return sa;
}

static enum quota_said
enter(struct quota *q, const char *host, struct quota_pass *pass)
{
	struct sock_addr sa = from(host, 1234);

	return quota_enter(q, &sa, pass);
}

static void
test_none(void **state)
{
	struct quota_pass pass;
	struct quota *q;

	(void)state;
	assert_int_equal(enter(NULL, "192.0.2.1", &pass), QUOTA_FREE);
	quota_leave(&pass);
	q = quota_new(1, 0, 0);
	assert_int_equal(enter(q, "192.0.2.1", &pass), QUOTA_FREE);
	assert_int_equal(quota_n(q), 1);
	quota_leave(&pass);
	quota_leave(&pass);
	assert_int_equal(quota_n(q), 0);
	quota_free(&q);
}

static void
test_limits(void **state)
{
	struct quota *q = quota_new(7, 4, 2);
	struct quota_pass p[5];

	(void)state;
	assert_int_equal(enter(q, "192.0.2.1", &p[0]), QUOTA_FREE);
	assert_int_equal(enter(q, "192.0.2.1", &p[1]), QUOTA_FREE);
	assert_int_equal(enter(q, "192.0.2.1", &p[4]), QUOTA_FULL_ADDRESS);
	quota_leave(&p[4]); /* has none */
	assert_int_equal(quota_n(q), 2);
	assert_int_equal(enter(q, "192.0.2.2", &p[2]), QUOTA_FREE);
	assert_int_equal(enter(q, "2001:db8::1", &p[3]), QUOTA_FREE);
	/* of both limits, that of all is told */
	assert_int_equal(enter(q, "192.0.2.1", &p[4]), QUOTA_FULL);
	quota_leave(&p[0]);
	assert_int_equal(enter(q, "192.0.2.1", &p[0]), QUOTA_FREE);
	assert_int_equal(enter(q, "192.0.2.3", &p[4]), QUOTA_FULL);
	quota_leave(&p[3]);
	assert_int_equal(enter(q, "192.0.2.1", &p[4]), QUOTA_FULL_ADDRESS);
	quota_leave(&p[0]);
	quota_leave(&p[1]);
	quota_leave(&p[2]);
	assert_int_equal(quota_n(q), 0);
	quota_free(&q);
}

/* Who has an address of IPv6 has its whole /64. */
static void
test_networks(void **state)
{
	struct quota *q = quota_new(7, 0, 2);
	struct quota_pass p[5];
	unsigned i;

	(void)state;
	assert_int_equal(enter(q, "2001:db8:1:2::1", &p[0]), QUOTA_FREE);
	assert_int_equal(enter(q, "2001:db8:1:2:f::2", &p[1]), QUOTA_FREE);
	assert_int_equal(
	    enter(q, "2001:db8:1:2::3", &p[2]), QUOTA_FULL_ADDRESS);
	assert_int_equal(enter(q, "2001:db8:1:3::1", &p[2]), QUOTA_FREE);
	assert_int_equal(enter(q, "192.0.2.1", &p[3]), QUOTA_FREE);
	assert_int_equal(enter(q, "::ffff:192.0.2.1", &p[4]), QUOTA_FREE);
	quota_leave(&p[0]);
	assert_int_equal(enter(q, "192.0.2.1", &p[0]), QUOTA_FULL_ADDRESS);
	assert_int_equal(
	    enter(q, "::ffff:192.0.2.1", &p[0]), QUOTA_FULL_ADDRESS);
	assert_int_equal(enter(q, "::ffff:192.0.2.2", &p[0]), QUOTA_FREE);
	for (i = 0; i < NELEM(p); i++)
		quota_leave(&p[i]);
	quota_free(&q);
}

/* Addresses share slots with others, and keep their own counts. */
static void
test_many(void **state)
{
	enum {
		N = 20000
	};
	struct quota *q = quota_new(3, 0, 2);
	struct quota_pass *p = mem_calloc(2 * N, sizeof *p), third;
	char host[32];
	unsigned i;

	(void)state;
	for (i = 0; i < 2 * N; i++) {
		(void)snprintf(
		    host, sizeof host, "10.1.%u.%u", i / 2 / 200, i / 2 % 200);
		assert_int_equal(enter(q, host, &p[i]), QUOTA_FREE);
		/* far fewer than slots: none goes uncounted */
		if (i % 2 == 1)
			assert_int_equal(
			    enter(q, host, &third), QUOTA_FULL_ADDRESS);
	}
	assert_int_equal(quota_n(q), 2 * N);
	for (i = 0; i < 2 * N; i++)
		quota_leave(&p[i]);
	assert_int_equal(enter(q, "10.1.0.0", &p[0]), QUOTA_FREE);
	quota_leave(&p[0]);
	assert_int_equal(quota_n(q), 0);
	quota_free(&q);
	mem_free(p);
}

/* A connection leaves when it is closed, wherever it has moved. */
static void
test_pass(void **state)
{
	struct quota *q = quota_new(5, 0, 1);
	struct quota_pass pass, no;
	struct peer pr;

	(void)state;
	open_peer(&pr, &ops);
	assert_int_equal(enter(q, "192.0.2.1", &pass), QUOTA_FREE);
	conn_set_pass(pr.cn, pass);
	assert_int_equal(enter(q, "192.0.2.1", &no), QUOTA_FULL_ADDRESS);
	close_peer(&pr);
	assert_int_equal(quota_n(q), 0);
	assert_int_equal(enter(q, "192.0.2.1", &pass), QUOTA_FREE);
	quota_leave(&pass);
	quota_free(&q);
}

/* ---- several threads at once */

#define THREADS 4
#define ROUNDS 20000

static struct quota *shared;
static _Atomic int inside, most;

static void
comes_and_goes(void *priv)
{
	struct sock_addr sa = from("192.0.2.9", 99);
	struct quota_pass pass;
	int i, n, seen;

	(void)priv;
	for (i = 0; i < ROUNDS; i++) {
		if (quota_enter(shared, &sa, &pass) != QUOTA_FREE)
			continue;
		n = atomic_fetch_add(&inside, 1) + 1;
		seen = atomic_load(&most);
		while (
		    n > seen && !atomic_compare_exchange_weak(&most, &seen, n))
			;
		atomic_fetch_sub(&inside, 1);
		quota_leave(&pass);
	}
}

static void
test_threads(void **state)
{
	struct thread th[THREADS];
	struct quota_pass pass[2];
	int i;

	(void)state;
	shared = quota_new(11, 0, 2);
	for (i = 0; i < THREADS; i++)
		thread_start(&th[i], "quota", comes_and_goes, NULL);
	for (i = 0; i < THREADS; i++)
		thread_join(&th[i]);
	assert_in_range(atomic_load(&most), 1, 2);
	assert_int_equal(quota_n(shared), 0);
	/* nothing was left in its slots */
	for (i = 0; i < 2; i++)
		assert_int_equal(
		    enter(shared, "192.0.2.9", &pass[i]), QUOTA_FREE);
	for (i = 0; i < 2; i++)
		quota_leave(&pass[i]);
	quota_free(&shared);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_many),
		cmocka_unit_test_setup_teardown(test_pass, setup, teardown),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
