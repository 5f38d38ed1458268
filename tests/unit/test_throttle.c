/* SPDX-License-Identifier: Apache-2.0 */
/* Who has to wait after failed logins, how long, and who hasn't. */
#include "test.h"

#include <stdio.h>

#include "auth/throttle.h"
#include "os/thread.h"

static struct diag diag;

static struct sock_addr
addr(const char *host)
{
	struct sock_addr sa;

	assert_ok(sock_addr_parse(&sa, host, 1000, &diag));
	return sa;
}

static void
failed(struct throttle *t, const struct sock_addr *sa, unsigned n, int64_t now)
{
	while (n-- > 0)
		throttle_failed(t, sa, now);
}

static void
test_slots(void **state)
{
	struct throttle *t = throttle_new(1, 3);
	struct sock_addr a = addr("10.0.0.1"), b = addr("10.0.0.2");
	int64_t now = 1000, wait;
	unsigned n = 0;

	(void)state;
	failed(t, &a, 2, now);
	assert_int_equal(throttle_wait_ms(t, &a, now), 0);
	failed(t, &a, 1, now);
	assert_int_equal(throttle_wait_ms(t, &a, now), THROTTLE_SLOT_MS);
	assert_int_equal(throttle_wait_ms(t, &a, now), 2 * THROTTLE_SLOT_MS);
	/* the others don't wait */
	assert_int_equal(throttle_wait_ms(t, &b, now), 0);
	n = 2;
	while ((wait = throttle_wait_ms(t, &a, now)) != THROTTLE_FULL) {
		n++;
		assert_int_equal(wait, n * THROTTLE_SLOT_MS);
	}
	assert_int_equal(n, THROTTLE_WAIT_MAX_MS / THROTTLE_SLOT_MS);
	/* slots come free with time */
	now += 2 * THROTTLE_SLOT_MS;
	assert_true(throttle_wait_ms(t, &a, now) > 0);
	now += THROTTLE_WAIT_MAX_MS;
	assert_int_equal(throttle_wait_ms(t, &a, now), THROTTLE_SLOT_MS);
	throttle_free(&t);
}

static void
test_window(void **state)
{
	struct throttle *t = throttle_new(1, 3);
	struct sock_addr a = addr("10.0.0.1");
	int64_t now = 5;

	(void)state;
	/* slowly enough is never slow */
	for (; now < 10 * THROTTLE_WINDOW_MS;
	     now += THROTTLE_WINDOW_MS / 2 + 1) {
		throttle_failed(t, &a, now);
		assert_int_equal(throttle_wait_ms(t, &a, now), 0);
	}
	now += 2 * THROTTLE_WINDOW_MS;
	failed(t, &a, 3, now);
	assert_true(throttle_wait_ms(t, &a, now) > 0);
	/* as long as it goes on failing */
	now += THROTTLE_WINDOW_MS - 1;
	assert_true(throttle_wait_ms(t, &a, now) > 0);
	failed(t, &a, 1, now);
	now += THROTTLE_WINDOW_MS - 1;
	assert_true(throttle_wait_ms(t, &a, now) > 0);
	now += 2;
	assert_int_equal(throttle_wait_ms(t, &a, now), 0);
	assert_int_equal(throttle_addrs_n(t), 0);
	failed(t, &a, 2, now);
	assert_int_equal(throttle_wait_ms(t, &a, now), 0);
	throttle_free(&t);
}

static void
test_addresses(void **state)
{
	struct throttle *t = throttle_new(1, 1);
	struct sock_addr a = addr("10.0.0.1"), m = addr("::ffff:10.0.0.1"),
			 v6 = addr("2001:db8::1"), near = addr("2001:db8::2"),
			 far = addr("2001:db8:0:1::1"), any;
	char host[32];
	unsigned i;

	(void)state;
	throttle_failed(t, &a, 0);
	throttle_failed(t, &v6, 0);
	assert_true(throttle_wait_ms(t, &m, 0) > 0);
	assert_true(throttle_wait_ms(t, &near, 0) > 0);
	assert_int_equal(throttle_wait_ms(t, &far, 0), 0);
	assert_int_equal(throttle_addrs_n(t), 2);
	/* bounded: who failed last is known */
	for (i = 0; i < 2 * THROTTLE_ADDRS_MAX; i++) {
		(void)snprintf(
		    host, sizeof host, "10.1.%u.%u", i / 256, i % 256);
		any = addr(host);
		throttle_failed(t, &any, 1);
		throttle_failed(t, &v6, 1);
	}
	assert_in_range(throttle_addrs_n(t), THROTTLE_ADDRS_MAX * 9 / 10,
	    THROTTLE_ADDRS_MAX);
	assert_true(throttle_wait_ms(t, &any, 1) > 0);
	assert_true(throttle_wait_ms(t, &v6, 1) > 0);
	assert_int_equal(throttle_wait_ms(t, &a, 1), 0);
	throttle_free(&t);
}

/* --- threads ---------------------------------------------------------------------- */

#define THREADS 4u
#define TRIES 20000u

struct many {
	struct throttle *t;
	struct sock_addr sa;
	unsigned slots; /* that this one got */
};

static void
fails(void *priv)
{
	struct many *m = priv;
	struct sock_addr other;
	char host[32];
	unsigned i;

	for (i = 0; i < TRIES; i++) {
		throttle_failed(m->t, &m->sa, 1000);
		if (throttle_wait_ms(m->t, &m->sa, 1000) > 0)
			m->slots++;
		/* others come and go beside it */
		(void)snprintf(
		    host, sizeof host, "10.2.%u.%u", i / 256 % 256, i % 256);
		other = addr(host);
		throttle_failed(m->t, &other, 10);
	}
}

/* Of one address all threads together have no more slots than one would. */
static void
test_threads(void **state)
{
	struct many m[THREADS] = { 0 };
	struct thread th[THREADS];
	unsigned i, n = 0;

	(void)state;
	m[0].t = throttle_new(1, 5);
	for (i = 0; i < THREADS; i++) {
		m[i].t = m[0].t;
		m[i].sa = addr("10.0.0.1");
		thread_start(&th[i], "fails", fails, &m[i]);
	}
	for (i = 0; i < THREADS; i++) {
		thread_join(&th[i]);
		n += m[i].slots;
	}
	assert_int_equal(n, THROTTLE_WAIT_MAX_MS / THROTTLE_SLOT_MS);
	throttle_free(&m[0].t);
}

static void
test_off(void **state)
{
	struct throttle *t = throttle_new(1, 0);
	struct sock_addr a = addr("10.0.0.1");

	(void)state;
	failed(t, &a, 100, 0);
	assert_int_equal(throttle_wait_ms(t, &a, 0), 0);
	assert_int_equal(throttle_addrs_n(t), 0);
	throttle_free(&t);
	throttle_failed(NULL, &a, 0);
	assert_int_equal(throttle_wait_ms(NULL, &a, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
