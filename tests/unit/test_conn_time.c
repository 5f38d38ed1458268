/* SPDX-License-Identifier: Apache-2.0 */
/* frames that begin and don't go on; what is counted */
#include "conn_fixture.h"

#include "os/clock.h"

#define STRETCH_MS 60
/* of which a busy machine may let some go by unasked */
#define LONG_MS 600

static const uint8_t head[4] = { 0, 0, 0x40, 0 }; /* of a frame of 16 KiB */
static size_t given; /* of the frame's payload */

static void
give_head(struct peer *pr, const uint8_t p[4])
{
	assert_int_equal(send(pr->fd, p, 4, 0), 4);
	given = 0;
}

static void
give(struct peer *pr, size_t len)
{
	static uint8_t b[65536];
	size_t k;
	int i;

	for (k = 0; k < len; k++)
		b[k] = (uint8_t)given++;
	assert_int_equal(send(pr->fd, b, len, 0), (ssize_t)len);
	for (i = 0; i < 3; i++)
		loop_run_once(lp, false);
}

static void
begin_with(struct peer *pr, int64_t stretch_ms)
{
	conf.frame_ms = stretch_ms;
	conf.frame_min_rate = 1000;
	open_peer(pr, &ops);
	give_head(pr, head);
	give(pr, 1);
	assert_int_equal(pr->frames, 0);
}

static void
begin(struct peer *pr)
{
	begin_with(pr, STRETCH_MS);
}

/* Lets time go by, and looks. */
static void
look_after(int64_t ms)
{
	int64_t end = clock_mono_ns() + ms * CLOCK_NS_PER_MS;

	while (clock_mono_ns() < end)
		loop_run_once(lp, false);
	net_second(net);
	loop_run_once(lp, false);
}

static uint64_t
closed(enum close_reason why)
{
	struct net_stats st;

	net_get_stats(net, &st);
	return st.closed[why];
}

static void
test_stands(void **state)
{
	struct peer pr;

	(void)state;
	begin(&pr);
	net_second(net);
	loop_run_once(lp, false);
	assert_non_null(pr.cn);
	look_after(STRETCH_MS + 5);
	assert_null(pr.cn);
	assert_int_equal(pr.closed, CLOSE_SLOW);
	assert_int_equal(closed(CLOSE_SLOW), 1);
	close_peer(&pr);
}

/* A byte now and then does not help. */
static void
test_trickle(void **state)
{
	struct peer pr;
	int i;

	(void)state;
	begin(&pr);
	for (i = 0; i < 4 && pr.cn != NULL; i++) {
		give(&pr, 1);
		look_after(STRETCH_MS / 3);
	}
	assert_int_equal(pr.closed, CLOSE_SLOW);
	close_peer(&pr);
}

/* One that is slow, but as fast as it has to be, gets there; what came fast once
 * is no excuse for later. */
static void
test_steady(void **state)
{
	struct peer pr;
	int i;

	(void)state;
	begin(&pr);
	for (i = 0; i < 4; i++) {
		give(&pr, 2000);
		look_after(STRETCH_MS + 5);
		assert_non_null(pr.cn);
	}
	give(&pr, 16384 - 8001);
	assert_int_equal(pr.frames, 1);
	/* owes nothing between two frames */
	look_after(STRETCH_MS + 5);
	assert_non_null(pr.cn);
	give_head(&pr, head);
	give(&pr, 10000);
	look_after(STRETCH_MS + 5);
	assert_non_null(pr.cn);
	look_after(STRETCH_MS + 5);
	assert_int_equal(pr.closed, CLOSE_SLOW);
	close_peer(&pr);
}

/* While we don't read, nothing can come. */
static void
test_paused(void **state)
{
	struct peer pr;

	(void)state;
	begin_with(&pr, LONG_MS);
	conn_pause(pr.cn);
	look_after(LONG_MS + 5);
	assert_non_null(pr.cn);
	conn_resume(pr.cn);
	look_after(5);
	assert_non_null(pr.cn);
	look_after(LONG_MS);
	assert_int_equal(pr.closed, CLOSE_SLOW);
	close_peer(&pr);
}

/* Large frames wait for the room that others hold: those have to hurry. */
static void
test_scarce(void **state)
{
	static const uint8_t large[4] = { 0, 0x10, 0, 0 }; /* 1 MiB */
	struct net_conf nc = NET_CONF_DEFAULT;
	struct peer holder, waiter;
	struct net_stats st;

	(void)state;
	net_free(&net);
	nc.rx_held_max_bytes = 3u << 19;
	net = net_new(lp, &nc);
	conf.frame_ms = 60000;
	conf.frame_min_rate = 100;
	open_peer(&holder, &ops);
	open_peer(&waiter, &ops);
	give_head(&holder, large);
	give(&holder, 60000);
	give(&holder, 1);
	net_get_stats(net, &st);
	assert_true(st.rx_held_bytes > 1u << 20);
	/* alone, it has a minute */
	look_after(CONN_FRAME_SCARCE_MS + 50);
	assert_non_null(holder.cn);
	give_head(&waiter, large);
	give(&waiter, 60000);
	give(&waiter, 1);
	look_after(1);
	assert_int_equal(holder.closed, CLOSE_NONE);
	/* it has had its time, and brought enough of it before somebody waited */
	look_after(CONN_FRAME_SCARCE_MS + 50);
	assert_int_equal(holder.closed, CLOSE_SLOW);
	assert_non_null(waiter.cn);
	close_peer(&holder);
	close_peer(&waiter);
}

static void
test_internal(void **state)
{
	struct net_stats st;
	struct peer pr;

	(void)state;
	conf.internal = true;
	open_peer(&pr, &ops);
	pr.echo = true;
	assert_int_equal(send(pr.fd, "\0\0\0\1x", 5, 0), 5);
	loop_run_once(lp, false);
	loop_run_once(lp, false);
	assert_int_equal(pr.frames, 1);
	net_get_stats(net, &st);
	assert_int_equal(st.opened, 0);
	assert_int_equal(st.open_n, 0);
	assert_int_equal(st.rx_bytes, 0);
	assert_int_equal(st.tx_bytes, 0);
	assert_int_equal(net_conns_n(net), 1);
	close_peer(&pr);
	assert_int_equal(closed(CLOSE_OURS), 0);
	assert_int_equal(closed(CLOSE_PEER), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stands),
		TEST(test_trickle),
		TEST(test_steady),
		TEST(test_paused),
		TEST(test_scarce),
		TEST(test_internal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
