/* SPDX-License-Identifier: Apache-2.0 */
/* how long clients of HTTP may take, and who has to go where there are too many */
#include "http_fixture.h"
#include "fds_fixture.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/quota.h"
#include "net/room.h"
#include "os/clock.h"

#define RECEIVE_MS 150
#define IDLE_MS 400
#define N 4
#define STRANGERS 10

static const char get[] = "GET /status.html HTTP/1.1\r\nHost: x\r\n\r\n";
static const char put[] =
    "PUT /admin/v2/tenants/t HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n";
static const char list[] = "GET /admin/v2/tenants HTTP/1.1\r\nHost: x\r\n\r\n";

static int fds[N];
static struct quota *quota;

static int
begin(void **state)
{
	unsigned i;

	(void)state;
	rig_init(&r);
	r.conf.receive_ms = RECEIVE_MS;
	r.conf.receive_min_rate = 10000;
	r.conf.idle_ms = IDLE_MS;
	r.conf.connections_max = N - 1;
	rig_start(&r);
	for (i = 0; i < N; i++)
		fds[i] = -1;
	return 0;
}

static int
end(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < N; i++)
		if (fds[i] >= 0)
			sock_close(fds[i]);
	rig_fini(&r);
	if (quota != NULL)
		quota_free(&quota);
	return 0;
}

static void
spin(void)
{
	int i;

	for (i = 0; i < 20; i++)
		loop_run_once(r.lp, false);
}

static void
wait_ms(int64_t ms)
{
	int64_t until = clock_mono_ns() + ms * CLOCK_NS_PER_MS;

	while (clock_mono_ns() < until)
		loop_run_once(r.lp, false);
}

static void
dial(unsigned i)
{
	assert_ok(sock_connect(http_addr(r.http), &fds[i]));
	spin();
}

static void
say(unsigned i, const char *text, size_t len)
{
	assert_int_equal(send(fds[i], text, len, MSG_NOSIGNAL), (ssize_t)len);
	spin();
}

/* The status of an answer that is there; 0: none is; -1: closed. */
static int
hear(unsigned i)
{
	char buf[65536];
	ssize_t n;

	spin();
	n = recv(fds[i], buf, sizeof buf - 1, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	return (int)strtol(buf + 9, NULL, 10);
}

static uint64_t
closed(enum close_reason why)
{
	struct net_stats st;

	net_get_stats(r.net, &st);
	return st.closed[why];
}

static void
test_half_open(void **state)
{
	(void)state;
	dial(0);
	wait_ms(RECEIVE_MS / 2);
	assert_int_equal(hear(0), 0);
	wait_ms(RECEIVE_MS);
	assert_int_equal(hear(0), -1);
	assert_int_equal(closed(CLOSE_HANDSHAKE_TIMEOUT), 1);
}

/* However often something comes. */
static void
test_head(void **state)
{
	size_t i;

	(void)state;
	dial(0);
	for (i = 0; i < sizeof get - 2 && closed(CLOSE_SLOW) == 0; i++) {
		(void)send(fds[0], get + i, 1, MSG_NOSIGNAL);
		wait_ms(RECEIVE_MS / 10);
	}
	assert_in_range(i, 3, 20);
	assert_int_equal(hear(0), -1);
	/* the next one's, of a connection that has been good */
	dial(1);
	say(1, get, sizeof get - 1);
	assert_int_equal(hear(1), 200);
	say(1, get, 10);
	wait_ms(RECEIVE_MS / 2);
	say(1, get + 10, 1);
	assert_int_equal(hear(1), 0);
	wait_ms(RECEIVE_MS);
	assert_int_equal(hear(1), -1);
	assert_int_equal(closed(CLOSE_SLOW), 2);
}

static void
test_idle(void **state)
{
	(void)state;
	dial(0);
	say(0, get, sizeof get - 1);
	assert_int_equal(hear(0), 200);
	/* what some clients put between requests begins none */
	say(0, "\r\n", 2);
	wait_ms(RECEIVE_MS + 50);
	say(0, get, sizeof get - 1);
	assert_int_equal(hear(0), 200);
	wait_ms(IDLE_MS / 2);
	assert_int_equal(hear(0), 0);
	wait_ms(IDLE_MS);
	assert_int_equal(hear(0), -1);
	assert_int_equal(closed(CLOSE_IDLE), 1);
}

static void
test_body(void **state)
{
	static char text[4000];

	(void)state;
	memset(text, ' ', sizeof text);
	dial(0);
	say(0, put, sizeof put - 1);
	/* as fast as it has to be */
	say(0, text, sizeof text);
	wait_ms(RECEIVE_MS + 20);
	say(0, text, sizeof text);
	wait_ms(RECEIVE_MS + 20);
	assert_int_equal(hear(0), 0);
	/* and not */
	say(0, text, 1);
	wait_ms(RECEIVE_MS + 20);
	assert_int_equal(hear(0), -1);
	assert_int_equal(closed(CLOSE_SLOW), 1);
}

/* What the core does is no fault of the client's. */
static void
test_work(void **state)
{
	(void)state;
	r.later = true;
	EXPECT(.op = OP_TENANT_LIST);
	dial(0);
	say(0, list, sizeof list - 1);
	wait_ms(3 * RECEIVE_MS);
	assert_int_equal(hear(0), 0);
	rig_release(&r);
	assert_int_equal(hear(0), 200);
}

/* A large answer that nobody takes. */
static void
test_answer(void **state)
{
	enum {
		NAMES = 100000
	};
	const char **names = mem_calloc(NAMES + 1, sizeof *names);
	static char name[200];
	int i;

	(void)state;
	memset(name, 'x', sizeof name - 1);
	for (i = 0; i < NAMES; i++)
		names[i] = name;
	EXPECT(.op = OP_TENANT_LIST, .fx = FX_STRINGS, .strings = names);
	dial(0);
	say(0, list, sizeof list - 1);
	for (i = 0; i < 10 && closed(CLOSE_FLUSH_TIMEOUT) == 0; i++)
		wait_ms(RECEIVE_MS);
	assert_int_equal(closed(CLOSE_FLUSH_TIMEOUT), 1);
	mem_free(names);
}

/* A newcomer takes the place of who waits longest. */
static void
test_evict(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < N - 1; i++) {
		dial(i);
		say(i, get, i == 1 ? 5 : sizeof get - 1);
		assert_int_equal(hear(i), i == 1 ? 0 : 200);
	}
	/* 0 has waited for longest until it asked again */
	say(0, get, sizeof get - 1);
	assert_int_equal(hear(0), 200);
	dial(N - 1);
	say(N - 1, get, sizeof get - 1);
	assert_int_equal(hear(N - 1), 200);
	assert_int_equal(hear(1), -1);
	assert_int_equal(closed(CLOSE_EVICTED), 1);
	say(0, get, sizeof get - 1);
	assert_int_equal(hear(0), 200);
	say(2, get, sizeof get - 1);
	assert_int_equal(hear(2), 200);
}

/* Nor of one that is being worked on; then there is no room. */
static void
test_full(void **state)
{
	unsigned i;

	(void)state;
	r.later = true;
	for (i = 0; i < N - 1; i++)
		EXPECT(.op = OP_TENANT_LIST);
	for (i = 0; i < N - 2; i++) {
		dial(i);
		say(i, list, sizeof list - 1);
	}
	dial(i);
	say(i, put, sizeof put - 1);
	/* who sends a body has to go, if there is nobody else */
	dial(N - 1);
	say(N - 1, list, sizeof list - 1);
	assert_int_equal(hear(i), -1);
	assert_int_equal(closed(CLOSE_EVICTED), 1);
	sock_close(fds[i]);
	dial(i);
	assert_int_equal(hear(i), -1);
	assert_int_equal(closed(CLOSE_LIMIT), 1);
	rig_release(&r);
	assert_int_equal(hear(0), 200);
	assert_int_equal(hear(N - 1), 200);
	scripted();
}

static void
test_other(void **state)
{
	(void)state;
	dial(0);
	say(0, "\x16\x03\x01\x02", 4);
	assert_int_equal(hear(0), -1);
	dial(1);
	say(1, "\0\0\0\x19", 4);
	assert_int_equal(hear(1), -1);
	assert_int_equal(closed(CLOSE_NOT_OURS), 2);
}

static void
test_address(void **state)
{
	(void)state;
	http_free(&r.http);
	quota = quota_new(1, 0, 1);
	r.conf.quota = quota;
	rig_start(&r);
	dial(0);
	dial(1);
	assert_int_equal(hear(1), -1);
	assert_int_equal(closed(CLOSE_LIMIT), 1);
	say(0, get, sizeof get - 1);
	assert_int_equal(hear(0), 200);
	sock_close(fds[0]);
	spin();
	dial(0);
	say(0, get, sizeof get - 1);
	assert_int_equal(hear(0), 200);
	sock_close(fds[0]);
	fds[0] = -1;
	spin();
	assert_int_equal(quota_n(quota), 0);
}

/* ---- descriptors */

/* Of any number; begin() has a limit. */
static void
restart(const struct net_conf *nc)
{
	http_free(&r.http);
	net_free(&r.net);
	r.net = net_new(r.lp, nc);
	r.conf.connections_max = 0;
	r.conf.receive_ms = 10000;
	rig_start(&r);
}

/* A newcomer's needs three: its own, and the pair. */
static void
newcomer(unsigned left)
{
	int old[STRANGERS], i, status = 0;
	uint64_t before = closed(CLOSE_EVICTED);

	for (i = 0; i < STRANGERS; i++) {
		assert_ok(sock_connect(http_addr(r.http), &old[i]));
		spin();
	}
	assert_ok(sock_connect(http_addr(r.http), &fds[0]));
	assert_int_equal(send(fds[0], get, sizeof get - 1, MSG_NOSIGNAL),
	    (ssize_t)sizeof get - 1);
	fds_leave(left);
	for (i = 0; i < 10 && status == 0; i++)
		status = hear(0);
	fds_back();
	assert_int_equal(status, 200);
	assert_int_equal(closed(CLOSE_EVICTED) > before, left < 3);
	assert_int_equal(closed(CLOSE_LIMIT), 0);
	sock_close(fds[0]);
	fds[0] = -1;
	for (i = 0; i < STRANGERS; i++)
		sock_close(old[i]);
	for (i = 0; i < 1000 && net_conns_n(r.net) > 0; i++)
		loop_run_once(r.lp, false);
	assert_int_equal(net_conns_n(r.net), 0);
}

/* However many there are left, strangers make room for what is missing. */
static void
test_descriptors(void **state)
{
	const struct net_conf nc = NET_CONF_DEFAULT;
	unsigned left;

	(void)state;
	restart(&nc);
	for (left = 0; left <= 6; left++)
		newcomer(left);
}

/* Nobody could go. */
static void
test_no_descriptors(void **state)
{
	const struct net_conf nc = NET_CONF_DEFAULT;

	(void)state;
	restart(&nc);
	dial(0);
	dial(1);
	say(1, get, sizeof get - 1);
	assert_int_equal(hear(1), 200);
	say(1, put, sizeof put - 1); /* is none, while its body comes */
	fds_leave(1);
	say(0, get, sizeof get - 1);
	fds_back();
	assert_int_equal(hear(0), -1);
	assert_int_equal(closed(CLOSE_LIMIT), 1);
	assert_int_equal(closed(CLOSE_EVICTED), 0);
}

/* Nor in the shard, where each counts, and the two of a pair. */
static void
test_conns_max(void **state)
{
	struct net_conf nc = NET_CONF_DEFAULT;

	(void)state;
	nc.conns_max = 6;
	restart(&nc);
	dial(1);
	dial(2);
	dial(3);
	say(1, put, sizeof put - 1);
	assert_int_equal(closed(CLOSE_EVICTED), 0);
	/* that is five; two more are too many */
	say(2, put, sizeof put - 1);
	assert_int_equal(closed(CLOSE_EVICTED), 1);
	assert_int_equal(hear(3), -1);
	dial(0);
	assert_int_equal(closed(CLOSE_LIMIT), 0);
	sock_close(fds[1]);
	spin();
	say(0, get, sizeof get - 1);
	assert_int_equal(hear(0), 200);
	sock_close(fds[3]);
	dial(3);
	dial(1);
	say(1, get, sizeof get - 1);
	assert_int_equal(hear(1), 200);
	assert_int_equal(hear(0), -1);
	assert_int_equal(closed(CLOSE_EVICTED), 3);
}

static bool
nobody_answers(void *priv, size_t n)
{
	(void)priv;
	(void)n;
	return true;
}

/* It has its time, and what is told afterwards is told to nobody. */
static void
test_wait_ends(void **state)
{
	struct net_conf nc = NET_CONF_DEFAULT;

	(void)state;
	nc.elsewhere = nobody_answers;
	restart(&nc);
	http_free(&r.http);
	r.conf.receive_ms = RECEIVE_MS;
	rig_start(&r);
	dial(0);
	fds_leave(0);
	say(0, get, sizeof get - 1);
	fds_back();
	assert_int_equal(hear(0), 0);
	assert_int_equal(closed(CLOSE_LIMIT), 0);
	wait_ms(RECEIVE_MS + 50);
	assert_int_equal(hear(0), -1);
	net_room_given(r.net);
	dial(1);
	say(1, get, sizeof get - 1);
	assert_int_equal(hear(1), 200);
	/* and one that still waits as all ends */
	sock_close(fds[1]);
	fds[1] = -1;
	spin();
	dial(2);
	fds_leave(0);
	say(2, get, sizeof get - 1);
	fds_back();
	http_free(&r.http);
	assert_int_equal(hear(2), -1);
}

/* It is told to wait, and then that there is room. */
static void
test_room_elsewhere(void **state)
{
	struct net_conf nc = NET_CONF_DEFAULT;

	(void)state;
	nc.elsewhere = nobody_answers;
	restart(&nc);
	dial(0);
	fds_leave(1);
	say(0, get, sizeof get - 1);
	net_room_given(r.net); /* and taken */
	assert_int_equal(hear(0), 0);
	fds_back();
	net_room_given(r.net);
	assert_int_equal(hear(0), 200);
	assert_int_equal(closed(CLOSE_LIMIT), 0);
}

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_half_open),
		TEST(test_head),
		TEST(test_idle),
		TEST(test_body),
		TEST(test_work),
		TEST(test_answer),
		TEST(test_evict),
		TEST(test_full),
		TEST(test_other),
		TEST(test_address),
		TEST(test_descriptors),
		TEST(test_no_descriptors),
		TEST(test_conns_max),
		TEST(test_wait_ends),
		TEST(test_room_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
