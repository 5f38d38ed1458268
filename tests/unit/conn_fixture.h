/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of connections share. Connections over socket pairs and
 * loopback. The protocol of the tests: a frame is its length (u32 BE) and that
 * many bytes, each (seed + place) & 0xff where seed is the first one.
 */
#ifndef TESTS_UNIT_CONN_FIXTURE_H
#define TESTS_UNIT_CONN_FIXTURE_H

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/conn.h"
#include "net/listener.h"
#include "os/loop.h"
#include "os/prot.h"
#include "os/sock.h"
#include "os/thread.h"

#define KEEP_MAX 512

struct peer {
	struct conn *cn;
	int fd; /* the other end */
	/* frames seen */
	unsigned frames;
	size_t bytes;
	unsigned calls, eofs, drained;
	enum close_reason closed;
	bool keep; /* references */
	unsigned kept_n;
	struct slice kept[KEEP_MAX];
	bool echo;
	unsigned pause_after; /* frames; 0: never */
};

static struct loop *lp;
static struct net *net;
static struct conn_conf conf = CONN_CONF_DEFAULT;

static UNUSED void
check_payload(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 1; i < len; i++)
		if (p[i] != (uint8_t)(p[0] + i))
			fail_msg("byte %zu of %zu is wrong", i, len);
}

static UNUSED void
take_frame(struct peer *pr, const uint8_t *p, size_t len, struct buf *b)
{
	check_payload(p + 4, len - 4);
	pr->frames++;
	pr->bytes += len;
	if (pr->keep && pr->kept_n < KEEP_MAX)
		pr->kept[pr->kept_n++] = slice_ref(
		    slice_of(b, (uint32_t)(p - b->data), (uint32_t)len));
	if (pr->echo)
		conn_write_slice(pr->cn,
		    slice_of(b, (uint32_t)(p - b->data), (uint32_t)len));
}

static UNUSED size_t
on_data(struct conn *cn, void *priv, const uint8_t *p, size_t len,
    struct buf *b, size_t *need)
{
	struct peer *pr = priv;
	size_t done = 0, n;

	assert_ptr_equal(cn, pr->cn);
	assert_true(p >= b->data && p + len <= b->data + b->cap);
	pr->calls++;
	while (len - done >= 4) {
		n = 4 +
		    ((size_t)p[done] << 24 | (size_t)p[done + 1] << 16 |
			(size_t)p[done + 2] << 8 | p[done + 3]);
		if (n > conf.frame_max) {
			conn_close(cn, CLOSE_FRAME_TOO_BIG);
			return done;
		}
		if (len - done < n) {
			*need = n;
			break;
		}
		take_frame(pr, p + done, n, b);
		done += n;
		if (pr->pause_after != 0 && pr->frames >= pr->pause_after) {
			pr->pause_after = 0;
			conn_pause(cn);
			break;
		}
	}
	return done;
}

static UNUSED void
on_eof(struct conn *cn, void *priv)
{
	struct peer *pr = priv;

	(void)cn;
	pr->eofs++;
}

static UNUSED void
on_drained(struct conn *cn, void *priv)
{
	struct peer *pr = priv;

	assert_false(conn_tx_full(cn));
	pr->drained++;
}

static UNUSED void
on_closed(struct conn *cn, void *priv, enum close_reason reason)
{
	struct peer *pr = priv;

	assert_int_equal(pr->closed, CLOSE_NONE);
	assert_true(conn_is_closing(cn));
	/* harmless by now */
	conn_write(cn, "x", 1);
	conn_pause(cn);
	conn_resume(cn);
	conn_close(cn, CLOSE_OURS);
	pr->closed = reason;
	pr->cn = NULL;
}

static const struct conn_ops ops = {
	.name = "test",
	.on_data = on_data,
	.on_drained = on_drained,
	.on_closed = on_closed,
};
static UNUSED const struct conn_ops ops_eof = {
	.name = "test",
	.on_data = on_data,
	.on_eof = on_eof,
	.on_drained = on_drained,
	.on_closed = on_closed,
};

static UNUSED int64_t
tail(void *priv)
{
	(void)priv;
	return net_flush(net) ? 0 : -1;
}

static UNUSED int
setup(void **state)
{
	static const struct net_conf nc = NET_CONF_DEFAULT;

	(void)state;
	conf = (struct conn_conf)CONN_CONF_DEFAULT;
	lp = loop_new();
	net = net_new(lp, &nc);
	loop_set_tail(lp, tail, NULL);
	return 0;
}

static UNUSED int
teardown(void **state)
{
	(void)state;
	net_free(&net);
	loop_free(&lp);
	return 0;
}

static UNUSED void
open_peer(struct peer *pr, const struct conn_ops *o)
{
	int fd[2];

	memset(pr, 0, sizeof *pr);
	assert_ok(sock_pair(fd));
	pr->fd = fd[1];
	pr->cn = conn_new(net, fd[0], &conf, o, pr);
}

static UNUSED void
drop_kept(struct peer *pr)
{
	while (pr->kept_n > 0) {
		pr->kept_n--;
		check_payload(
		    pr->kept[pr->kept_n].p + 4, pr->kept[pr->kept_n].len - 4);
		slice_unref(&pr->kept[pr->kept_n]);
	}
}

static UNUSED void
close_peer(struct peer *pr)
{
	int i;

	drop_kept(pr);
	if (pr->fd >= 0)
		sock_close(pr->fd);
	if (pr->cn != NULL)
		conn_close(pr->cn, CLOSE_OURS);
	for (i = 0; i < 10 && pr->cn != NULL; i++)
		loop_run_once(lp, false);
	assert_null(pr->cn);
}

static UNUSED void
spin(int n)
{
	while (n-- > 0)
		loop_run_once(lp, false);
}

static UNUSED size_t
put_frame(uint8_t *p, size_t len, uint8_t seed)
{
	size_t i;

	p[0] = (uint8_t)(len >> 24);
	p[1] = (uint8_t)(len >> 16);
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	for (i = 0; i < len; i++)
		p[4 + i] = (uint8_t)(seed + i);
	return 4 + len;
}

/* all of it, letting the connection read */
static UNUSED void
feed(struct peer *pr, const uint8_t *p, size_t len)
{
	ssize_t n;
	int i;

	for (i = 0; i < 1000000 && len > 0; i++) {
		n = send(pr->fd, p, len, MSG_NOSIGNAL);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else
			assert_true(n < 0 && errno == EAGAIN);
		loop_run_once(lp, false);
	}
	assert_int_equal(len, 0);
}

static UNUSED uint32_t
rnd(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 16);
}

#endif
