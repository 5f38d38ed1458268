/* SPDX-License-Identifier: Apache-2.0 */
/* reading: frames cut anywhere, large ones, pauses */
#include "conn_fixture.h"

/* ---- input */

static void
test_cut_everywhere(void **state)
{
	uint8_t b[1024];
	struct peer pr;
	size_t len = 0, i;

	(void)state;
	len += put_frame(b + len, 0, 0);
	len += put_frame(b + len, 5, 1);
	len += put_frame(b + len, 300, 2);
	len += put_frame(b + len, 1, 3);
	open_peer(&pr, &ops);
	for (i = 0; i <= len; i++) {
		pr.frames = 0;
		if (i > 0)
			feed(&pr, b, i);
		spin(1);
		if (i < len)
			feed(&pr, b + i, len - i);
		spin(2);
		assert_int_equal(pr.frames, 4);
	}
	pr.frames = 0;
	for (i = 0; i < len; i++)
		feed(&pr, b + i, 1);
	spin(1);
	assert_int_equal(pr.frames, 4);
	assert_int_equal(conn_rx_bytes(pr.cn), len * (len + 2));
	close_peer(&pr);
	assert_int_equal(pr.closed, CLOSE_OURS);
}

#define PEERS 5
#define STREAM (3u << 20)

/* several connections whose frames are cut anywhere, taking turns */
static void
mixed(size_t frame_max, size_t piece_max, bool keep)
{
	static struct peer pr[PEERS];
	static uint8_t *stream[PEERS];
	size_t len[PEERS], pos[PEERS], n;
	unsigned want[PEERS], left = PEERS, i;
	struct net_stats st;

	for (i = 0; i < PEERS; i++) {
		open_peer(&pr[i], &ops);
		pr[i].keep = keep;
		stream[i] = mem_alloc(STREAM + 4 + frame_max);
		len[i] = pos[i] = want[i] = 0;
		while (len[i] < STREAM) {
			len[i] += put_frame(stream[i] + len[i],
			    rnd() % (frame_max + 1), (uint8_t)rnd());
			want[i]++;
		}
	}
	while (left > 0) {
		i = rnd() % PEERS;
		if (pos[i] == len[i])
			continue;
		n = 1 + rnd() % piece_max;
		if (n > len[i] - pos[i])
			n = len[i] - pos[i];
		feed(&pr[i], stream[i] + pos[i], n);
		pos[i] += n;
		if (pos[i] == len[i])
			left--;
	}
	spin(3);
	for (i = 0; i < PEERS; i++) {
		assert_int_equal(pr[i].frames, want[i]);
		assert_int_equal(pr[i].bytes, len[i]);
		close_peer(&pr[i]);
		MEM_FREE(stream[i]);
	}
	net_get_stats(net, &st);
	assert_int_equal(st.rx_held_bytes, 0);
	assert_int_equal(st.open_n, 0);
	assert_true(st.bufs_n - st.bufs_free_n <= 1);
}

static void
test_mixed_small(void **state)
{
	(void)state;
	mixed(2000, 70000, false);
}

static void
test_mixed_medium(void **state)
{
	(void)state;
	mixed(200000, 150000, true);
}

static void
test_mixed_large(void **state)
{
	(void)state;
	mixed(1500000, 400000, true);
}

static void
test_big_frame(void **state)
{
	size_t len;
	struct peer pr;
	uint8_t *b;

	(void)state;
	b = mem_alloc(6u << 20);
	open_peer(&pr, &ops);
	pr.keep = true;
	len = put_frame(b, conf.frame_max - 4, 7);
	feed(&pr, b, len);
	spin(2);
	assert_int_equal(pr.frames, 1);
	/* read into a buffer of its length: delivered once, when whole */
	assert_true(pr.calls < 5);
	len = put_frame(b, conf.frame_max - 3, 7);
	assert_int_equal(send(pr.fd, b, 1000, MSG_NOSIGNAL), 1000);
	spin(3);
	assert_int_equal(pr.closed, CLOSE_FRAME_TOO_BIG);
	close_peer(&pr);
	mem_free(b);
}

/* Partial large frames over the budget wait until another one is whole. */
static void
test_held_budget(void **state)
{
	const struct net_conf nc = { .rx_held_max_bytes = 1u << 20,
		.conns_max = 100 };
	struct peer pr[3];
	struct net_stats st;
	size_t len = 0, pos[3] = { 0 };
	uint8_t *b;
	ssize_t n;
	int i, k;

	(void)state;
	net_free(&net);
	net = net_new(lp, &nc);
	b = mem_alloc(1u << 20);
	len = put_frame(b, 700000, 1);
	for (i = 0; i < 3; i++)
		open_peer(&pr[i], &ops);
	for (k = 0; k < 100; k++)
		for (i = 0; i < 3; i++) {
			n = send(pr[i].fd, b + pos[i],
			    len - pos[i] > 20000 ? 20000 : len - pos[i],
			    MSG_NOSIGNAL);
			if (n > 0)
				pos[i] += (size_t)n;
			spin(2);
			net_get_stats(net, &st);
			assert_true(st.rx_held_bytes <= 1u << 20);
		}
	for (k = 0; k < 1000; k++)
		for (i = 0; i < 3; i++) {
			if (pos[i] == len)
				continue;
			n = send(
			    pr[i].fd, b + pos[i], len - pos[i], MSG_NOSIGNAL);
			if (n > 0)
				pos[i] += (size_t)n;
			spin(2);
		}
	for (i = 0; i < 3; i++) {
		assert_int_equal(pos[i], len);
		assert_int_equal(pr[i].frames, 1);
		close_peer(&pr[i]);
	}
	mem_free(b);
}

static void
test_pause(void **state)
{
	uint8_t b[4096];
	struct peer pr, other;
	size_t len = 0;
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		len += put_frame(b + len, 100, (uint8_t)i);
	open_peer(&pr, &ops);
	open_peer(&other, &ops);
	pr.pause_after = 3;
	feed(&pr, b, len);
	spin(3);
	assert_int_equal(pr.frames, 3);
	/* another one comes and takes the shared buffer's tail */
	feed(&other, b, len - 50);
	assert_int_equal(other.frames, 9);
	assert_int_equal(send(pr.fd, b, len, MSG_NOSIGNAL), (ssize_t)len);
	spin(3);
	assert_int_equal(pr.frames, 3);
	conn_pause(pr.cn);
	conn_resume(pr.cn);
	spin(2);
	assert_int_equal(pr.frames, 3);
	conn_resume(pr.cn);
	assert_int_equal(pr.frames, 3);
	spin(3);
	assert_int_equal(pr.frames, 20);
	/* paused in the last frame, and the peer goes */
	pr.pause_after = 25;
	feed(&pr, b, len);
	sock_close(pr.fd);
	pr.fd = -1;
	spin(3);
	assert_int_equal(pr.frames, 25);
	assert_int_equal(pr.closed, CLOSE_NONE);
	conn_resume(pr.cn);
	spin(4);
	assert_int_equal(pr.frames, 30);
	assert_int_equal(pr.closed, CLOSE_PEER);
	feed(&other, b + len - 50, 50);
	assert_int_equal(other.frames, 10);
	close_peer(&pr);
	close_peer(&other);
}

/* --- to another shard */

static struct conn_parcel *parcel;

static size_t
take_one_and_leave(struct conn *cn, void *priv, const uint8_t *p, size_t len,
    struct buf *b, size_t *need)
{
	size_t n;

	(void)need;
	assert_true(len >= 4 && p[0] == 0 && p[1] == 0 && p[2] == 0);
	n = 4 + (size_t)p[3];
	assert_true(n <= len);
	take_frame(priv, p, n, b);
	conn_write(cn, "before", 6);
	conn_detach(cn);
	conn_detach(cn);
	return n;
}

static void
on_detached(struct conn *cn, void *priv, struct conn_parcel *cp)
{
	struct peer *pr = priv;

	assert_ptr_equal(cn, pr->cn);
	assert_null(parcel);
	parcel = cp;
	pr->cn = NULL;
}

static const struct conn_ops ops_leave = {
	.name = "test",
	.on_data = take_one_and_leave,
	.on_closed = on_closed,
	.on_detached = on_detached,
};

/* What was read and not consumed is delivered over there, with what came
 * meanwhile; what was written before it goes out first. */
static void
test_move(void **state)
{
	static const struct net_conf nc = NET_CONF_DEFAULT;
	struct net *home = net, *away;
	struct net_stats st;
	uint8_t b[1024];
	char text[16];
	struct peer pr;
	size_t len = 0, one;
	uint64_t id;

	(void)state;
	one = put_frame(b, 30, 1);
	len = one + put_frame(b + one, 200, 2);
	len += put_frame(b + len, 7, 3);
	open_peer(&pr, &ops_leave);
	id = conn_id(pr.cn);
	feed(&pr, b, one + 100);
	spin(2);
	assert_non_null(parcel);
	assert_int_equal(pr.frames, 1);
	assert_int_equal(net_conns_n(home), 0);
	feed(&pr, b + one + 100, 50);
	away = net_new(lp, &nc);
	net = away; /* which the loop's tail flushes */
	pr.cn = conn_adopt(away, &parcel, &conf, &ops, &pr);
	assert_null(parcel);
	assert_int_not_equal(conn_id(pr.cn), id);
	conn_write(pr.cn, " after", 6);
	spin(3);
	assert_int_equal(pr.frames, 1);
	feed(&pr, b + one + 150, len - one - 150);
	spin(2);
	assert_int_equal(pr.frames, 3);
	assert_int_equal(conn_rx_bytes(pr.cn), len);
	assert_int_equal(recv(pr.fd, text, sizeof text, 0), 12);
	assert_memory_equal(text, "before after", 12);
	net_get_stats(away, &st);
	assert_int_equal(st.opened, 0);
	close_peer(&pr);
	net_get_stats(away, &st);
	assert_int_equal(st.closed[CLOSE_OURS], 1);
	net_free(&away);
	net = home;
}

/* Nobody takes it: the peer sees the end. The peer is gone first: closed as ever. */
static void
test_move_fails(void **state)
{
	uint8_t b[64];
	struct peer pr;
	size_t len;
	char c[8];

	(void)state;
	len = put_frame(b, 30, 1);
	len += put_frame(b + len, 2, 1);
	open_peer(&pr, &ops_leave);
	feed(&pr, b, len);
	spin(2);
	conn_parcel_free(&parcel);
	assert_null(parcel);
	assert_int_equal(recv(pr.fd, c, sizeof c, 0), 6);
	assert_true(recv(pr.fd, c, sizeof c, 0) <= 0);
	close_peer(&pr);
	open_peer(&pr, &ops_leave);
	conn_detach(pr.cn);
	conn_close(pr.cn, CLOSE_OURS);
	spin(2);
	assert_null(parcel);
	assert_int_equal(pr.closed, CLOSE_OURS);
	close_peer(&pr);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_cut_everywhere),
		T(test_mixed_small),
		T(test_mixed_medium),
		T(test_mixed_large),
		T(test_big_frame),
		T(test_held_budget),
		T(test_pause),
		T(test_move),
		T(test_move_fails),
	};

	prot_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
