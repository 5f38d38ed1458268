/* SPDX-License-Identifier: Apache-2.0 */
/* who goes where there is no room, and who is told */
#include "conn_fixture.h"

#include "net/room.h"

#define N 10 /* more than go at a time */

static struct peer pr[N];
static char told[64];
static struct net_wait waits[3];

/* priv: the waiter's letter */
static void
on_room(void *priv)
{
	size_t n = strlen(told);

	assert_true(n < sizeof told - 1);
	told[n] = *(const char *)priv;
}

/* That waits once more, and has b forgotten. */
static void
on_room_again(void *priv)
{
	on_room(priv);
	net_forget(net, &waits[1]);
	net_await_room(net, &waits[0], on_room, priv);
}

static unsigned
open_strangers(unsigned n)
{
	unsigned i;

	memset(told, 0, sizeof told);
	memset(waits, 0, sizeof waits);
	for (i = 0; i < n; i++) {
		open_peer(&pr[i], &ops);
		conn_set_stranger(pr[i].cn, true);
	}
	return n;
}

static unsigned
evicted(unsigned n)
{
	unsigned i, sum = 0;

	for (i = 0; i < n; i++)
		sum += pr[i].closed == CLOSE_EVICTED;
	return sum;
}

static void
close_peers(unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		close_peer(&pr[i]);
}

/* One lot for all who want room at the same time. */
static void
test_order(void **state)
{
	unsigned n = open_strangers(N);
	char a = 'a', b = 'b', c = 'c';

	(void)state;
	assert_true(net_make_room(net, &waits[0], on_room, &a));
	assert_true(net_make_room(net, &waits[1], on_room, &b));
	assert_true(net_make_room(net, &waits[2], on_room, &c));
	assert_true(net_waits(&waits[2]));
	assert_string_equal(told, "");
	spin(2);
	assert_string_equal(told, "abc");
	assert_false(net_waits(&waits[2]));
	assert_in_range(evicted(n), 1, N - 1);
	assert_int_equal(net_strangers_n(net), n - evicted(n));
	close_peers(n);
}

static void
test_again(void **state)
{
	unsigned n = open_strangers(N);
	char a = 'a', b = 'b', c = 'c';

	(void)state;
	assert_true(net_make_room(net, &waits[0], on_room_again, &a));
	net_await_room(net, &waits[1], on_room, &b);
	net_await_room(net, &waits[2], on_room, &c);
	spin(5);
	assert_string_equal(told, "ac");
	assert_true(net_waits(&waits[0]));
	net_forget(net, &waits[0]);
	net_forget(net, &waits[0]);
	close_peers(n);
	assert_string_equal(told, "ac");
}

/* Who is being closed makes room enough, and it is for whoever waits. */
static void
test_dying(void **state)
{
	unsigned n = open_strangers(2);
	char a = 'a', b = 'b';

	(void)state;
	net_await_room(net, &waits[0], on_room, &a);
	spin(2);
	assert_string_equal(told, "");
	conn_close(pr[0].cn, CLOSE_OURS);
	assert_true(net_give_room(net, &waits[1], on_room, &b));
	spin(2);
	assert_string_equal(told, "ab");
	assert_int_equal(evicted(n), 0);
	close_peers(n);
	assert_false(net_give_room(net, &waits[1], on_room, &b));
	assert_false(net_make_room(net, &waits[1], on_room, &b));
	assert_false(net_waits(&waits[1]));
}

static bool
elsewhere(void *priv, size_t own_n)
{
	unsigned *left = priv;

	if (*left <= own_n)
		return false;
	--*left;
	return true;
}

static void
test_elsewhere(void **state)
{
	struct net_conf nc = NET_CONF_DEFAULT;
	unsigned n, left = 1;
	char a = 'a', b = 'b';

	(void)state;
	net_free(&net);
	nc.elsewhere = elsewhere;
	nc.elsewhere_priv = &left;
	net = net_new(lp, &nc);
	n = open_strangers(1);
	/* its own, as there are no more elsewhere */
	assert_true(net_make_room(net, &waits[0], on_room, &a));
	spin(2);
	assert_string_equal(told, "a");
	assert_int_equal(evicted(n), 1);
	assert_int_equal(left, 1);
	close_peers(n);
	assert_false(net_give_room(net, &waits[0], on_room, &a));
	assert_true(net_make_room(net, &waits[0], on_room, &a));
	assert_false(net_make_room(net, &waits[1], on_room, &b));
	spin(5);
	assert_string_equal(told, "a");
	net_room_given(net);
	spin(1);
	assert_string_equal(told, "aa");
	/* there are more */
	n = open_strangers(2);
	left = 3;
	assert_true(net_make_room(net, &waits[0], on_room, &a));
	assert_int_equal(left, 2);
	spin(2);
	assert_string_equal(told, "");
	assert_int_equal(evicted(n), 0);
	net_forget(net, &waits[0]);
	close_peers(n);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_order),
		T(test_again),
		T(test_dying),
		T(test_elsewhere),
	};

	prot_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
