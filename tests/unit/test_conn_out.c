/* SPDX-License-Identifier: Apache-2.0 */
/* writing, the ends of a connection, listeners */
#include "conn_fixture.h"
#include "fds_fixture.h"

/* ---- output */

/* reads what there is and checks that it goes on as a sequence of frames */
static size_t
drain_fd(int fd, uint8_t *b, size_t have, size_t size)
{
	ssize_t n;

	n = recv(fd, b + have, size - have, 0);
	if (n < 0)
		assert_int_equal(errno, EAGAIN);
	return n > 0 ? have + (size_t)n : have;
}

static void
test_output(void **state)
{
	size_t total = 0, have = 0, len, want = 4u << 20, pos;
	struct peer pr;
	uint8_t *b, *src, *out;
	struct buf *sb;
	int i;

	(void)state;
	conf.tx_hard = 64u << 20;
	open_peer(&pr, &ops);
	b = mem_alloc(8u << 20);
	src = mem_alloc(1u << 20);
	for (i = 0; total < want; i++) {
		len = put_frame(
		    src, rnd() % (i % 50 == 0 ? 200000 : 3000), (uint8_t)rnd());
		switch (rnd() % 3) {
		case 0:
			conn_write(pr.cn, src, len);
			break;
		case 1:
			sb = buf_new((uint32_t)len);
			memcpy(sb->data, src, len);
			conn_write_slice(pr.cn, slice_of(sb, 0, (uint32_t)len));
			buf_unref(&sb);
			break;
		default:
			if (len > CONN_RESERVE_MAX) {
				conn_write(pr.cn, src, len);
				break;
			}
			out = conn_reserve(pr.cn, CONN_RESERVE_MAX);
			memcpy(out, src, len);
			conn_commit(pr.cn, len);
		}
		total += len;
		if (i % 20 == 0) {
			spin(1);
			have = drain_fd(pr.fd, b, have, 8u << 20);
		}
	}
	for (i = 0; i < 100000 && have < total; i++) {
		spin(1);
		have = drain_fd(pr.fd, b, have, 8u << 20);
	}
	assert_int_equal(have, total);
	assert_int_equal(conn_tx_bytes(pr.cn), 0);
	assert_int_equal(conn_tx_total_bytes(pr.cn), total);
	for (pos = 0; pos < have; pos += 4 + len) {
		len = (size_t)b[pos] << 24 | (size_t)b[pos + 1] << 16 |
		    (size_t)b[pos + 2] << 8 | b[pos + 3];
		check_payload(b + pos + 4, len);
	}
	assert_int_equal(pos, have);
	close_peer(&pr);
	mem_free(b);
	mem_free(src);
}

static void
test_marks(void **state)
{
	static uint8_t b[100000];
	struct net_stats st;
	struct peer pr;
	int i;

	(void)state;
	conf.tx_high = 1u << 20;
	conf.tx_low = 100000;
	conf.tx_hard = 4u << 20;
	conf.pause_when_full = true;
	open_peer(&pr, &ops);
	while (!conn_tx_full(pr.cn)) {
		conn_write(pr.cn, b, sizeof b);
		spin(1);
	}
	assert_int_equal(pr.drained, 0);
	/* full: nothing is read */
	(void)put_frame(b, 10, 0);
	assert_int_equal(send(pr.fd, b, 14, MSG_NOSIGNAL), 14);
	spin(3);
	assert_int_equal(pr.frames, 0);
	for (i = 0; i < 100000 && conn_tx_bytes(pr.cn) > 0; i++) {
		(void)drain_fd(pr.fd, b, 0, sizeof b);
		spin(1);
	}
	spin(2);
	assert_int_equal(pr.drained, 1);
	assert_int_equal(pr.frames, 1);
	net_get_stats(net, &st);
	assert_int_equal(st.tx_queued_bytes, 0);
	/* over the hard limit */
	for (i = 0; i < 200 && !conn_is_closing(pr.cn); i++)
		conn_write(pr.cn, b, sizeof b);
	assert_true(i < 50);
	assert_int_equal(pr.closed, CLOSE_NONE);
	spin(2);
	assert_int_equal(pr.closed, CLOSE_TX_LIMIT);
	net_get_stats(net, &st);
	assert_int_equal(st.tx_queued_bytes, 0);
	assert_int_equal(st.closed[CLOSE_TX_LIMIT], 1);
	close_peer(&pr);
}

/* a thousand idle connections have no buffers */
static void
test_idle(void **state)
{
	static struct peer pr[1000];
	struct net_stats st;
	uint8_t b[200];
	size_t len;
	int i;

	(void)state;
	(void)prot_raise_fds();
	len = put_frame(b, 100, 0);
	for (i = 0; i < 1000; i++)
		open_peer(&pr[i], &ops);
	for (i = 0; i < 1000; i++) {
		assert_true(send(pr[i].fd, b, len + 3, MSG_NOSIGNAL) > 0);
		conn_write(pr[i].cn, "hello", 5);
	}
	spin(30);
	net_second(net);
	net_second(net);
	net_get_stats(net, &st);
	assert_true(st.bufs_n <= 2);
	assert_int_equal(st.rx_held_bytes, 0);
	assert_int_equal(st.open_n, 1000);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(pr[i].frames, 1);
		assert_int_equal(recv(pr[i].fd, b, sizeof b, 0), 5);
		sock_close(pr[i].fd);
		pr[i].fd = -1;
	}
	spin(30);
	for (i = 0; i < 1000; i++)
		assert_int_equal(pr[i].closed, CLOSE_PEER);
	assert_int_equal(net_conns_n(net), 0);
}

/* references dropped on another thread, after the net is gone */
static void
dropper(void *priv)
{
	drop_kept(priv);
}

static void
test_other_thread(void **state)
{
	struct net_stats st;
	static struct peer pr;
	struct thread th;
	uint8_t *b;
	int i, k;

	(void)state;
	b = mem_alloc(101000);
	open_peer(&pr, &ops);
	for (k = 0; k < 20; k++) {
		pr.keep = true;
		for (i = 0; i < 20; i++)
			feed(&pr, b, put_frame(b, 100000, (uint8_t)i));
		pr.keep = false;
		if (k == 19)
			break;
		thread_start(&th, "dropper", dropper, &pr);
		for (i = 0; i < 20; i++)
			feed(&pr, b, put_frame(b, 100000, (uint8_t)i));
		thread_join(&th);
	}
	net_get_stats(net, &st);
	assert_true(st.bufs_n <= 40);
	thread_start(&th, "dropper", dropper, &pr);
	conn_close(pr.cn, CLOSE_OURS);
	net_free(&net);
	thread_join(&th);
	assert_int_equal(pr.closed, CLOSE_OURS);
	sock_close(pr.fd);
	mem_free(b);
	net = net_new(lp, &(struct net_conf)NET_CONF_DEFAULT);
}

/* ---- ends */

static void
test_eof(void **state)
{
	uint8_t b[64];
	struct peer pr;
	size_t len;

	(void)state;
	len = put_frame(b, 20, 0);
	open_peer(&pr, &ops_eof);
	feed(&pr, b, len);
	AZ(shutdown(pr.fd, SHUT_WR));
	spin(4);
	assert_int_equal(pr.frames, 1);
	assert_int_equal(pr.eofs, 1);
	assert_int_equal(pr.closed, CLOSE_NONE);
	conn_write(pr.cn, "bye", 3);
	conn_close_flushed(pr.cn, CLOSE_OURS, 1000);
	conn_write(pr.cn, "not this", 8);
	spin(4);
	assert_int_equal(pr.closed, CLOSE_OURS);
	assert_int_equal(recv(pr.fd, b, sizeof b, 0), 3);
	assert_int_equal(recv(pr.fd, b, sizeof b, 0), 0);
	close_peer(&pr);
}

/* our last words arrive although the peer goes on sending */
static void
test_close_flushed(void **state)
{
	static uint8_t b[1u << 20];
	size_t have = 0;
	struct peer pr;
	int i;

	(void)state;
	open_peer(&pr, &ops);
	conn_write(pr.cn, b, sizeof b);
	conn_close_flushed(pr.cn, CLOSE_SHUTDOWN, 5000);
	for (i = 0; i < 100000 && have < sizeof b; i++) {
		(void)send(pr.fd, "garbage", 7, MSG_NOSIGNAL);
		spin(1);
		have = drain_fd(pr.fd, b, have, sizeof b);
	}
	assert_int_equal(have, sizeof b);
	assert_int_equal(pr.frames, 0);
	spin(2);
	assert_int_equal(recv(pr.fd, b, 1, 0), 0);
	assert_int_equal(pr.closed, CLOSE_NONE);
	sock_close(pr.fd);
	pr.fd = -1;
	spin(3);
	assert_int_equal(pr.closed, CLOSE_SHUTDOWN);
	close_peer(&pr);

	/* nobody reads: the timeout ends it */
	open_peer(&pr, &ops);
	conn_write(pr.cn, b, sizeof b);
	conn_close_flushed(pr.cn, CLOSE_SHUTDOWN, 10);
	for (i = 0; i < 1000 && pr.cn != NULL; i++)
		loop_run_once(lp, true);
	assert_int_equal(pr.closed, CLOSE_FLUSH_TIMEOUT);
	close_peer(&pr);
}

static void
test_shutdown_tx(void **state)
{
	uint8_t b[64];
	struct peer pr;

	(void)state;
	open_peer(&pr, &ops);
	conn_write(pr.cn, "abc", 3);
	conn_shutdown_tx(pr.cn);
	spin(2);
	assert_int_equal(recv(pr.fd, b, sizeof b, 0), 3);
	assert_int_equal(recv(pr.fd, b, sizeof b, 0), 0);
	feed(&pr, b, put_frame(b, 20, 0));
	spin(1);
	assert_int_equal(pr.frames, 1);
	close_peer(&pr);
}

static void
accept_cb(void *priv, int fd, const struct sock_addr *from)
{
	struct peer *pr = priv;

	assert_true(sock_addr_is_loopback(from));
	while (pr->cn != NULL)
		pr++;
	pr->closed = CLOSE_NONE;
	pr->cn = conn_new(net, fd, &conf, &ops, pr);
}

static struct listener *
listen_any(struct peer *pr)
{
	struct listener *ln;
	struct sock_addr sa;
	struct diag d;

	assert_ok(sock_addr_parse(&sa, "127.0.0.1", 0, &d));
	assert_ok(listener_new(&ln, net, &sa, true, 64, accept_cb, pr, &d));
	assert_true(sock_addr_port(listener_addr(ln)) != 0);
	return ln;
}

static void
wait_for(const unsigned *what, unsigned n)
{
	int i;

	for (i = 0; i < 1000 && *what != n; i++)
		loop_run_once(lp, true);
	assert_int_equal(*what, n);
}

static void
test_reset(void **state)
{
	struct peer pr[2];
	struct listener *ln;
	struct sock_addr local;
	char text[SOCK_TEXT_MAX];
	int fd, i;

	(void)state;
	memset(pr, 0, sizeof pr);
	ln = listen_any(pr);
	assert_ok(sock_connect(listener_addr(ln), &fd));
	for (i = 0; i < 100 && pr[0].cn == NULL; i++)
		loop_run_once(lp, true);
	assert_non_null(pr[0].cn);
	conn_local(pr[0].cn, &local);
	assert_int_equal(
	    sock_addr_port(&local), sock_addr_port(listener_addr(ln)));
	sock_local(fd, &local);
	assert_string_equal(conn_peer_text(pr[0].cn),
	    sock_addr_text(&local, text, sizeof text));
	assert_true(conn_id(pr[0].cn) != 0);
	sock_close_reset(fd);
	wait_for((unsigned *)&pr[0].closed, CLOSE_PEER_RESET);

	/* EPIPE: the peer is gone while we only write */
	open_peer(&pr[0], &ops);
	conn_pause(pr[0].cn);
	sock_close(pr[0].fd);
	conn_write(pr[0].cn, "x", 1);
	spin(3);
	assert_int_equal(pr[0].closed, CLOSE_PEER_RESET);
	listener_free(&ln);
}

static void
test_conns_max(void **state)
{
	const struct net_conf nc = { .rx_held_max_bytes = 1, .conns_max = 2 };
	struct peer pr[4];
	struct listener *ln;
	struct net_stats st;
	int fd[3], i;

	(void)state;
	net_free(&net);
	net = net_new(lp, &nc);
	memset(pr, 0, sizeof pr);
	ln = listen_any(pr);
	for (i = 0; i < 3; i++)
		assert_ok(sock_connect(listener_addr(ln), &fd[i]));
	for (i = 0; i < 100 && pr[1].cn == NULL; i++)
		loop_run_once(lp, true);
	spin(5);
	assert_int_equal(net_conns_n(net), 2);
	sock_close(fd[0]);
	for (i = 0; i < 1000; i++) {
		loop_run_once(lp, false);
		net_get_stats(net, &st);
		if (st.accepted == 3)
			break;
	}
	assert_int_equal(st.accepted, 3);
	sock_close(fd[1]);
	sock_close(fd[2]);
	listener_free(&ln);
	for (i = 0; i < 1000 && net_conns_n(net) > 0; i++)
		loop_run_once(lp, false);
	assert_int_equal(net_conns_n(net), 0);
}

static void
test_out_of_fds(void **state)
{
	struct peer pr[2];
	struct listener *ln;
	struct net_stats st;
	uint8_t c;
	int fd, i;

	(void)state;
	memset(pr, 0, sizeof pr);
	ln = listen_any(pr);
	assert_ok(sock_connect(listener_addr(ln), &fd));
	fds_leave(0);
	for (i = 0; i < 100; i++) {
		loop_run_once(lp, false);
		net_get_stats(net, &st);
		if (st.closed[CLOSE_LIMIT] > 0)
			break;
	}
	fds_back();
	assert_int_equal(st.closed[CLOSE_LIMIT], 1);
	assert_int_equal(st.accepted, 0);
	assert_true(recv(fd, &c, 1, 0) <= 0);
	sock_close(fd);
	/* and goes on afterwards */
	assert_ok(sock_connect(listener_addr(ln), &fd));
	for (i = 0; i < 100 && pr[0].cn == NULL; i++)
		loop_run_once(lp, true);
	assert_non_null(pr[0].cn);
	sock_close(fd);
	wait_for((unsigned *)&pr[0].closed, CLOSE_PEER);
	listener_free(&ln);
}

/* Strangers go, the oldest first, where there is no room for who comes. */
static void
test_strangers(void **state)
{
	const struct net_conf nc = { .rx_held_max_bytes = 1, .conns_max = 12 };
	struct peer pr[16];
	struct listener *ln;
	struct net_stats st;
	int fd[13], i, k;

	(void)state;
	net_free(&net);
	net = net_new(lp, &nc);
	memset(pr, 0, sizeof pr);
	ln = listen_any(pr);
	for (i = 0; i < 12; i++) {
		assert_ok(sock_connect(listener_addr(ln), &fd[i]));
		for (k = 0; k < 100 && pr[i].cn == NULL; k++)
			loop_run_once(lp, true);
		assert_non_null(pr[i].cn);
		conn_set_stranger(pr[i].cn, true);
		conn_set_stranger(pr[i].cn, true);
	}
	/* one of them has said who it is, another is a stranger again */
	conn_set_stranger(pr[0].cn, false);
	conn_set_stranger(pr[1].cn, false);
	conn_set_stranger(pr[1].cn, true);
	assert_ok(sock_connect(listener_addr(ln), &fd[12]));
	for (k = 0; k < 100; k++) {
		loop_run_once(lp, false);
		net_get_stats(net, &st);
		if (st.accepted == 13)
			break;
	}
	assert_int_equal(st.accepted, 13);
	assert_int_equal(pr[0].closed, CLOSE_NONE);
	assert_int_equal(pr[1].closed, CLOSE_NONE);
	assert_int_equal(pr[2].closed, CLOSE_NONE); /* the newcomer has it */
	assert_non_null(pr[2].cn);
	/* of eleven the older half */
	for (i = 3; i < 8; i++)
		assert_int_equal(pr[i].closed, CLOSE_EVICTED);
	assert_int_equal(pr[8].closed, CLOSE_NONE);
	assert_int_equal(net_conns_n(net), 7);
	for (i = 0; i < 13; i++)
		sock_close(fd[i]);
	listener_free(&ln);
	for (i = 0; i < 1000 && net_conns_n(net) > 0; i++)
		loop_run_once(lp, false);
	assert_int_equal(net_conns_n(net), 0);
}

/* Their descriptors are given to who comes, too. */
static void
test_strangers_fds(void **state)
{
	struct peer pr[3];
	struct listener *ln;
	struct net_stats st;
	int fd[2], i;

	(void)state;
	memset(pr, 0, sizeof pr);
	ln = listen_any(pr);
	assert_ok(sock_connect(listener_addr(ln), &fd[0]));
	for (i = 0; i < 100 && pr[0].cn == NULL; i++)
		loop_run_once(lp, true);
	conn_set_stranger(pr[0].cn, true);
	assert_ok(sock_connect(listener_addr(ln), &fd[1]));
	fds_leave(0);
	for (i = 0; i < 100; i++) {
		loop_run_once(lp, false);
		net_get_stats(net, &st);
		if (st.accepted == 2)
			break;
	}
	fds_back();
	assert_int_equal(st.accepted, 2);
	assert_int_equal(st.closed[CLOSE_EVICTED], 1);
	assert_int_equal(st.closed[CLOSE_LIMIT], 0);
	sock_close(fd[0]);
	sock_close(fd[1]);
	listener_free(&ln);
	for (i = 0; i < 1000 && net_conns_n(net) > 0; i++)
		loop_run_once(lp, false);
	assert_int_equal(net_conns_n(net), 0);
}

static void
test_echo(void **state)
{
	static uint8_t b[300000], back[300000];
	size_t len, have = 0;
	struct peer pr;
	int i;

	(void)state;
	open_peer(&pr, &ops);
	pr.echo = true;
	for (len = 0; len < 200000;)
		len += put_frame(b + len, rnd() % 3000, (uint8_t)rnd());
	feed(&pr, b, len);
	for (i = 0; i < 10000 && have < len; i++) {
		spin(1);
		have = drain_fd(pr.fd, back, have, sizeof back);
	}
	assert_int_equal(have, len);
	assert_memory_equal(b, back, len);
	close_peer(&pr);
}

static void
test_reasons(void **state)
{
	(void)state;
	assert_string_equal(close_text(CLOSE_PEER), "closed by peer");
	assert_string_equal(close_counter(CLOSE_TX_LIMIT), "tx_limit");
	assert_false(close_is_error(CLOSE_PEER));
	assert_true(close_is_error(CLOSE_MALFORMED));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_output),
		T(test_marks),
		T(test_idle),
		T(test_other_thread),
		T(test_eof),
		T(test_close_flushed),
		T(test_shutdown_tx),
		T(test_reset),
		T(test_conns_max),
		T(test_out_of_fds),
		T(test_strangers),
		T(test_strangers_fds),
		T(test_echo),
		T(test_reasons),
	};

	prot_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
