/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS keeps bytes of its own on both sides, of which the socket says nothing:
 * what the loop watches follows from its state as well, which is looked at after
 * each read and write (conn_update_io).
 */
#include <errno.h>

#include "base/log.h"
#include "net/net_priv.h"
#include "os/clock.h"

static ssize_t
secure_read(void *io_priv, int fd, void *p, size_t len)
{
	return tls_read(io_priv, fd, p, len);
}

static ssize_t
secure_writev(void *io_priv, int fd, const struct iovec *iov, int n)
{
	return tls_writev(io_priv, fd, iov, n);
}

static unsigned
secure_state(void *io_priv)
{
	return tls_state(io_priv);
}

static void
secure_shutdown(void *io_priv, int fd)
{
	tls_shutdown(io_priv, fd);
}

static void
secure_fini(void *io_priv)
{
	struct tls *t = io_priv;

	tls_free(&t);
}

static const struct conn_io_ops tls_io = {
	.name = "tls",
	.read = secure_read,
	.writev = secure_writev,
	.state = secure_state,
	.shutdown = secure_shutdown,
	.fini = secure_fini,
};

bool
conn_is_tls(const struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	return cn->io_ops == &tls_io;
}

bool
conn_is_shaking(const struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	return cn->shaking;
}

const char *
conn_peer_name(const struct conn *cn)
{
	return conn_is_tls(cn) ? tls_peer_name(cn->io_priv) : "";
}

void
conn_start_tls(
    struct conn *cn, struct tls_ctx *ctx, const uint8_t *p, size_t len)
{
	int64_t ms = cn->conf->tls_handshake_ms;

	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	assert(cn->io_ops == &conn_socket_io);
	assert(cn->rx_bytes == len);
	AZ(cn->ring_n);
	AZ(cn->tx_total);
	if (cn->state != CONN_OPEN)
		return;
	cn->io_priv = tls_new(ctx, p, len);
	cn->io_ops = &tls_io;
	cn->shaking = true;
	if (ms == 0)
		ms = CONN_TLS_HANDSHAKE_MS;
	loop_timer_start(&cn->timer, ms * CLOCK_NS_PER_MS);
	conn_update_io(cn);
}

static void
shaken(struct conn *cn)
{
	cn->shaking = false;
	cn->net->st.tls_handshakes++;
	if (cn->state == CONN_OPEN)
		loop_timer_stop(&cn->timer);
	if (cn->ring_n > 0)
		net_mark_dirty(cn);
}

int
conn_tls_events(struct conn *cn, int events)
{
	unsigned st = cn->io_ops->state(cn->io_priv);

	if (cn->shaking && !(st & TLS_SHAKING)) {
		shaken(cn);
		cn->tx_blocked = false;
	}
	if (cn->shaking) {
		/* the socket would take what TLS can't have yet */
		cn->tx_blocked = true;
		events &= ~LOOP_WRITE;
	}
	/* a connection that leaves is not watched any more: conn_move.c */
	if ((st & TLS_OWES) && cn->leaving < LEAVE_FORGOTTEN)
		events |= LOOP_WRITE;
	if ((st & TLS_MORE) && (events & LOOP_READ)) {
		cn->rx_more = true;
		net_mark_dirty(cn);
	}
	return events;
}

void
conn_tls_owed(struct conn *cn)
{
	if (cn->state == CONN_DEAD ||
	    !(cn->io_ops->state(cn->io_priv) & TLS_OWES))
		return;
	if (cn->io_ops->writev(cn->io_priv, cn->fd, NULL, 0) < 0 &&
	    errno != EAGAIN)
		conn_close(cn,
		    cn->state == CONN_OPEN ? conn_io_failed(cn, errno) :
					     cn->reason);
}

enum close_reason
conn_tls_failed(struct conn *cn)
{
	if (!conn_is_tls(cn))
		return CLOSE_IO;
	LOG(LOG_INFO, LOG_NO_SHARD, "tls_failed", LOG_U("conn", cn->id),
	    LOG_S("peer", conn_peer_text(cn)),
	    LOG_S("reason", tls_error(cn->io_priv)));
	return CLOSE_TLS;
}
