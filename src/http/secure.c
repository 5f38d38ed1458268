/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS. libmicrohttpd would bring a TLS library of its own, with other keys and
 * other rules, and no way to change a certificate; so it gets plaintext: one end
 * of a socket pair, between whose other end and the client's connection bytes
 * are passed on. That is made when the first bytes of a request are there, so
 * that who never ends a handshake costs no more than a connection.
 */
#include "http/secure.h"

#include "net/conn.h"
#include "net/listener.h"
#include "os/clock.h"

#define FLUSH_MS 5000

struct bridge {
	unsigned magic;
#define BRIDGE_MAGIC 0x477b0004
	struct secure *s;
	struct conn *front; /* the client's; NULL: closed */
	struct conn
	    *back; /* to libmicrohttpd; NULL: not there yet, or closed */
	bool front_waits, back_waits; /* paused: the other is full */
	struct loop_timer idle; /* until the first bytes are there */
	LIST_ENTRY(bridge) link;
};

struct secure {
	unsigned magic;
#define SECURE_MAGIC 0x477b0005
	struct http *h;
	struct net *net;
	struct tls_ctx *tls;
	struct listener *listener; /* NULL: no new ones */
	struct sock_addr addr;
	LIST_HEAD(, bridge) bridges;
	unsigned bridges_n;
};

static const struct conn_conf conf = {
	.frame_max = 1u << 20,
	.tx_high = 256u << 10,
	.tx_low = 64u << 10,
	.tx_hard = 8u << 20,
};

static const struct conn_ops back_ops;

static void
part(struct bridge *b)
{
	if (b->front != NULL || b->back != NULL)
		return;
	LIST_REMOVE(b, link);
	loop_timer_fini(&b->idle);
	b->s->bridges_n--;
	FREE_OBJ(b);
}

/* Passes on; *waits: the other has enough, so this one isn't read from. */
static void
pass(struct conn *from, struct conn *to, bool *waits, const uint8_t *p,
    size_t len, struct buf *b)
{
	conn_write_slice(
	    to, slice_of(b, (uint32_t)(p - b->data), (uint32_t)len));
	if (conn_tx_full(to) && !*waits) {
		*waits = true;
		conn_pause(from);
	}
}

static void
go_on(struct conn *cn, bool *waits)
{
	if (!*waits)
		return;
	*waits = false;
	if (cn != NULL)
		conn_resume(cn);
}

/* The pair of sockets, of which libmicrohttpd has one. */
static bool
connect_back(struct bridge *b)
{
	int fd[2];

	if (sock_pair(fd) != ERR_OK)
		return false;
	if (!mhd_add(b->s->h, fd[1], conn_peer(b->front),
		conn_peer_name(b->front))) {
		sock_close(fd[0]);
		return false;
	}
	b->back = conn_new(b->s->net, fd[0], &conf, &back_ops, b);
	return true;
}

static size_t
front_data(struct conn *cn, void *priv, const uint8_t *p, size_t len,
    struct buf *buf, size_t *need)
{
	struct bridge *b;

	(void)need;
	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	loop_timer_stop(&b->idle);
	if (b->back == NULL && (b->s->h->draining || !connect_back(b))) {
		conn_close(cn, CLOSE_LIMIT);
		return len;
	}
	pass(cn, b->back, &b->front_waits, p, len, buf);
	return len;
}

static void
front_eof(struct conn *cn, void *priv)
{
	struct bridge *b;

	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	if (b->back != NULL)
		conn_shutdown_tx(b->back);
	else
		conn_close(cn, CLOSE_PEER);
}

static void
front_drained(struct conn *cn, void *priv)
{
	struct bridge *b;

	(void)cn;
	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	go_on(b->back, &b->back_waits);
}

static void
front_closed(struct conn *cn, void *priv, enum close_reason why)
{
	struct bridge *b;

	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	assert(b->front == cn);
	b->front = NULL;
	if (b->back != NULL)
		conn_close(b->back, why);
	part(b);
}

static const struct conn_ops front_ops = {
	.name = "https",
	.on_data = front_data,
	.on_eof = front_eof,
	.on_drained = front_drained,
	.on_closed = front_closed,
};

static size_t
back_data(struct conn *cn, void *priv, const uint8_t *p, size_t len,
    struct buf *buf, size_t *need)
{
	struct bridge *b;

	(void)need;
	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	if (b->front != NULL)
		pass(cn, b->front, &b->back_waits, p, len, buf);
	return len;
}

static void
back_drained(struct conn *cn, void *priv)
{
	struct bridge *b;

	(void)cn;
	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	go_on(b->front, &b->front_waits);
}

/* The answer is said, or nobody will say one: the client is told the end. */
static void
back_closed(struct conn *cn, void *priv, enum close_reason why)
{
	struct bridge *b;

	(void)why;
	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	assert(b->back == cn);
	b->back = NULL;
	if (b->front != NULL)
		conn_close_flushed(b->front, CLOSE_OURS, FLUSH_MS);
	part(b);
}

static const struct conn_ops back_ops = {
	.name = "https-back",
	.on_data = back_data,
	.on_drained = back_drained,
	.on_closed = back_closed,
};

static void
on_idle(void *priv)
{
	struct bridge *b;

	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	if (b->front != NULL && b->back == NULL)
		conn_close(b->front, CLOSE_IDLE);
}

static void
on_accept(void *priv, int fd, const struct sock_addr *peer)
{
	struct secure *s;
	struct bridge *b;

	(void)peer;
	CAST_OBJ_NOTNULL(s, priv, SECURE_MAGIC);
	if (s->bridges_n >= s->h->conf.connections_max) {
		net_refuse(s->net, fd, CLOSE_LIMIT);
		return;
	}
	ALLOC_OBJ(b, BRIDGE_MAGIC);
	b->s = s;
	LIST_INSERT_HEAD(&s->bridges, b, link);
	s->bridges_n++;
	b->front = conn_new(s->net, fd, &conf, &front_ops, b);
	conn_start_tls(b->front, s->tls, NULL, 0);
	loop_timer_init(&b->idle, net_loop(s->net), on_idle, b);
	loop_timer_start(&b->idle, s->h->conf.idle_s * CLOCK_NS_PER_S);
}

enum err
secure_new(struct secure **sp, struct http *h, struct net *net,
    struct tls_ctx *tls, const struct sock_addr *sa, struct diag *diag)
{
	struct secure *s;
	enum err e;

	ALLOC_OBJ(s, SECURE_MAGIC);
	s->h = h;
	s->net = net;
	s->tls = tls_ctx_ref(tls);
	LIST_INIT(&s->bridges);
	e = listener_new(&s->listener, net, sa, true, 1024, on_accept, s, diag);
	if (e != ERR_OK) {
		tls_ctx_unref(&s->tls);
		FREE_OBJ(s);
		return e;
	}
	s->addr = *listener_addr(s->listener);
	*sp = s;
	return ERR_OK;
}

void
secure_set_tls(struct secure *s, struct tls_ctx *tls)
{
	CHECK_OBJ_NOTNULL(s, SECURE_MAGIC);
	tls_ctx_unref(&s->tls);
	s->tls = tls_ctx_ref(tls);
}

const struct sock_addr *
secure_addr(const struct secure *s)
{
	CHECK_OBJ_NOTNULL(s, SECURE_MAGIC);
	return &s->addr;
}

void
secure_deafen(struct secure *s)
{
	CHECK_OBJ_NOTNULL(s, SECURE_MAGIC);
	if (s->listener != NULL)
		listener_free(&s->listener);
}

void
secure_free(struct secure **sp)
{
	struct secure *s;
	struct bridge *b;

	TAKE_OBJ_NOTNULL(s, sp, SECURE_MAGIC);
	secure_deafen(s);
	LIST_FOREACH(b, &s->bridges, link) {
		if (b->front != NULL)
			conn_close(b->front, CLOSE_SHUTDOWN);
		if (b->back != NULL)
			conn_close(b->back, CLOSE_SHUTDOWN);
	}
	while (s->bridges_n > 0)
		(void)net_flush(s->net);
	tls_ctx_unref(&s->tls);
	FREE_OBJ(s);
}
