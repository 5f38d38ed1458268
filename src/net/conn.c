/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net_priv.h"
#include "os/clock.h"

static _Atomic uint64_t next_id = 1;

/* ---- the socket itself */

static ssize_t
socket_read(void *io_priv, int fd, void *p, size_t len)
{
	(void)io_priv;
	return recv(fd, p, len, 0);
}

static ssize_t
socket_writev(void *io_priv, int fd, const struct iovec *iov, int n)
{
	struct msghdr msg = { .msg_iovlen = (size_t)n };

	(void)io_priv;
	msg.msg_iov = (struct iovec *)(uintptr_t)iov;
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

const struct conn_io_ops conn_socket_io = {
	.name = "socket",
	.read = socket_read,
	.writev = socket_writev,
};

enum close_reason
conn_io_failed(struct conn *cn, int errnum)
{
	switch (errnum) {
	case EPROTO:
		return conn_tls_failed(cn);
	case ECONNRESET:
	case EPIPE:
	case ETIMEDOUT:
	case ECONNABORTED:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return CLOSE_PEER_RESET;
	default:
		return CLOSE_IO;
	}
}

/* ---- life */

bool
conn_wants_read(const struct conn *cn)
{
	if (cn->state == CONN_DEAD || cn->rx_eof)
		return false;
	if (cn->state != CONN_OPEN)
		return true;
	return cn->paused == 0 && !cn->rx_waiting &&
	    !(cn->conf->pause_when_full && cn->tx_was_full);
}

void
conn_update_io(struct conn *cn)
{
	int events = 0;

	if (cn->state == CONN_DEAD) {
		loop_io_set(&cn->io, 0);
		return;
	}
	if (conn_wants_read(cn))
		events |= LOOP_READ;
	if (cn->tx_blocked || cn->leaving == LEAVE_WRITABLE)
		events |= LOOP_WRITE;
	if (unlikely(cn->io_ops->state != NULL))
		events = conn_tls_events(cn, events);
	loop_io_set(&cn->io, events);
}

static void
on_io(void *priv, int events)
{
	struct conn *cn;

	CAST_OBJ_NOTNULL(cn, priv, CONN_MAGIC);
	if (events & LOOP_WRITE) {
		if (cn->leaving == LEAVE_WRITABLE)
			cn->leaving = LEAVE_FORGOTTEN;
		cn->tx_blocked = false;
		if (cn->io_ops->state != NULL)
			conn_tls_owed(cn);
		conn_update_io(cn);
		net_mark_dirty(cn);
	}
	if (events & LOOP_READ)
		conn_rx_ready(cn);
}

static void
on_timer(void *priv)
{
	struct conn *cn;

	CAST_OBJ_NOTNULL(cn, priv, CONN_MAGIC);
	if (cn->state == CONN_FLUSHING)
		conn_close(cn, CLOSE_FLUSH_TIMEOUT);
	else if (cn->state == CONN_OPEN)
		conn_close(cn, CLOSE_HANDSHAKE_TIMEOUT);
	else
		conn_close(cn, cn->reason);
}

static void
check_conf(const struct conn_conf *conf, const struct conn_ops *ops)
{
	AN(ops->on_data);
	AN(ops->on_closed);
	assert(conf->frame_max <= 1u << 30);
	assert(conf->tx_low < conf->tx_high);
	assert(conf->tx_high <= conf->tx_hard);
}

struct conn *
conn_new(struct net *net, int fd, const struct conn_conf *conf,
    const struct conn_ops *ops, void *priv)
{
	struct conn *cn;

	CHECK_OBJ_NOTNULL(net, NET_MAGIC);
	LOOP_ASSERT(net->lp);
	check_conf(conf, ops);
	ALLOC_OBJ(cn, CONN_MAGIC);
	cn->net = net;
	cn->fd = fd;
	cn->conf = conf;
	cn->ops = ops;
	cn->priv = priv;
	cn->io_ops = &conn_socket_io;
	cn->id = atomic_fetch_add_explicit(&next_id, 1, memory_order_relaxed);
	cn->rx_want = RX_WANT_MIN;
	cn->ring = cn->inl;
	cn->ring_cap = TX_INLINE;
	cn->opened_ms = loop_wall_ms(net->lp);
	cn->last_rx_ns = loop_mono_ns(net->lp);
	sock_peer(fd, &cn->peer);
	loop_timer_init(&cn->timer, net->lp, on_timer, cn);
	loop_io_init(&cn->io, net->lp, fd, on_io, cn);
	net_link_conn(net, cn);
	conn_update_io(cn);
	return cn;
}

void
conn_set_io(struct conn *cn, const struct conn_io_ops *ops, void *io_priv)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	AZ(cn->rx_bytes);
	AZ(cn->tx_total);
	cn->io_ops = ops;
	cn->io_priv = io_priv;
}

void
conn_set_pass(struct conn *cn, struct quota_pass pass)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	AZ(cn->pass.quota);
	cn->pass = pass;
}

void
conn_set_stranger(struct conn *cn, bool is)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	if (is == cn->stranger)
		return;
	cn->stranger = is;
	if (is) {
		TAILQ_INSERT_TAIL(&cn->net->strangers, cn, stranger_link);
		cn->net->strangers_n++;
	} else {
		TAILQ_REMOVE(&cn->net->strangers, cn, stranger_link);
		cn->net->strangers_n--;
	}
}

void
conn_set_owner(struct conn *cn, const struct conn_conf *conf,
    const struct conn_ops *ops, void *priv)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	check_conf(conf, ops);
	cn->conf = conf;
	cn->ops = ops;
	cn->priv = priv;
	conn_update_io(cn);
}

void
conn_close(struct conn *cn, enum close_reason reason)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	assert(reason != CLOSE_NONE);
	if (cn->state == CONN_DEAD)
		return;
	cn->state = CONN_DEAD;
	cn->net->dying_n++;
	cn->reason = reason;
	conn_update_io(cn);
	loop_timer_stop(&cn->timer);
	/* input goes later: we may be inside on_data */
	net_mark_dirty(cn);
}

void
conn_close_flushed(
    struct conn *cn, enum close_reason reason, int64_t timeout_ms)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	assert(reason != CLOSE_NONE);
	if (cn->state != CONN_OPEN)
		return;
	cn->state = CONN_FLUSHING;
	cn->reason = reason;
	loop_timer_start(&cn->timer, timeout_ms * CLOCK_NS_PER_MS);
	conn_update_io(cn);
	net_mark_dirty(cn);
}

void
conn_shutdown_tx(struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	if (cn->state != CONN_OPEN || cn->tx_fin)
		return;
	cn->tx_fin = true;
	net_mark_dirty(cn);
}

bool
conn_is_closing(const struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	return cn->state != CONN_OPEN;
}

void
conn_pause(struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	cn->paused++;
	conn_update_io(cn);
}

void
conn_resume(struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	AN(cn->paused);
	cn->paused--;
	if (cn->paused > 0)
		return;
	conn_update_io(cn);
	if (cn->rlen > 0 || cn->eof_due) {
		cn->rx_redeliver = true;
		net_mark_dirty(cn);
	}
}

/* ---- sooner */

void
conn_send(struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	if (cn->state != CONN_DEAD)
		conn_tx_flush(cn);
}

void
conn_look(struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	if (conn_wants_read(cn))
		conn_rx_ready(cn);
}

/* ---- net_flush */

void
conn_unlink(struct conn *cn)
{
	struct net *net = cn->net;

	loop_io_fini(&cn->io);
	loop_timer_fini(&cn->timer);
	conn_set_stranger(cn, false);
	TAILQ_REMOVE(&net->conns, cn, link);
	net->conns_n--;
	net->gone++;
	if (cn->state == CONN_DEAD)
		net->dying_n--;
	if (cn->conf->internal)
		net->internal_n--;
	if (cn->dirty)
		TAILQ_REMOVE(&net->dirty, cn, dirty_link);
	if (cn->ring != cn->inl)
		mem_free(cn->ring);
	mem_free(cn->peer_text);
	FREE_OBJ(cn);
}

static void
bury(struct conn *cn)
{
	conn_tx_drop(cn);
	conn_rx_drop(cn);
	cn->ops->on_closed(cn, cn->priv, cn->reason);
	loop_io_fini(&cn->io);
	if (cn->io_ops->shutdown != NULL)
		cn->io_ops->shutdown(cn->io_priv, cn->fd);
	if (cn->io_ops->fini != NULL)
		cn->io_ops->fini(cn->io_priv);
	sock_close(cn->fd);
	quota_leave(&cn->pass);
	if (!cn->conf->internal)
		cn->net->st.closed[cn->reason]++;
	conn_unlink(cn);
}

static void
send_fin(struct conn *cn)
{
	if (cn->io_ops->shutdown != NULL)
		cn->io_ops->shutdown(cn->io_priv, cn->fd);
	/* fails where the peer is gone, which reading will tell */
	(void)shutdown(cn->fd, SHUT_WR);
}

static void
finish_flushing(struct conn *cn)
{
	send_fin(cn);
	conn_rx_drop(cn);
	if (cn->rx_eof) {
		conn_close(cn, cn->reason);
		return;
	}
	cn->state = CONN_LINGERING;
	loop_timer_start(&cn->timer, CONN_LINGER_MS * CLOCK_NS_PER_MS);
	conn_update_io(cn);
}

static void
drained(struct conn *cn)
{
	if (!cn->tx_was_full || cn->tx_bytes > cn->conf->tx_low)
		return;
	cn->tx_was_full = false;
	if (cn->conf->pause_when_full)
		conn_update_io(cn);
	if (cn->state == CONN_OPEN && cn->ops->on_drained != NULL)
		cn->ops->on_drained(cn, cn->priv);
}

void
conn_work(struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	if (cn->rx_redeliver || cn->eof_due) {
		cn->rx_redeliver = false;
		conn_rx_redeliver(cn);
	}
	if (cn->rx_more) {
		cn->rx_more = false;
		if (conn_wants_read(cn))
			conn_rx_ready(cn);
	}
	if (cn->state != CONN_DEAD)
		conn_tx_flush(cn);
	if (cn->state != CONN_DEAD)
		drained(cn);
	if (cn->ring_n == 0 && cn->state == CONN_FLUSHING)
		finish_flushing(cn);
	if (cn->ring_n == 0 && cn->state == CONN_OPEN && cn->tx_fin &&
	    !cn->tx_fin_sent) {
		send_fin(cn);
		cn->tx_fin_sent = true;
	}
	if (cn->state == CONN_DEAD)
		bury(cn);
	else if (cn->leaving > 0 && cn->ring_n == 0 && cn->state == CONN_OPEN)
		conn_leave(cn);
}

/* ---- who and where */

size_t
conn_tx_bytes(const struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	return cn->tx_bytes;
}

bool
conn_tx_full(const struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	return cn->tx_bytes >= cn->conf->tx_high;
}

struct net *
conn_net(const struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	return cn->net;
}

uint64_t
conn_id(const struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	return cn->id;
}

const struct sock_addr *
conn_peer(const struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	return &cn->peer;
}

const char *
conn_peer_text(struct conn *cn)
{
	char text[SOCK_TEXT_MAX];

	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	if (cn->peer_text == NULL)
		cn->peer_text =
		    mem_strdup(sock_addr_text(&cn->peer, text, sizeof text));
	return cn->peer_text;
}

void
conn_local(const struct conn *cn, struct sock_addr *sa)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	sock_local(cn->fd, sa);
}

int64_t
conn_opened_ms(const struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	return cn->opened_ms;
}

int64_t
conn_last_rx_ns(const struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	return cn->last_rx_ns;
}

uint64_t
conn_rx_bytes(const struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	return cn->rx_bytes;
}

uint64_t
conn_tx_total_bytes(const struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	return cn->tx_total;
}
