/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libev leaves a descriptor that nobody watches in its epoll set, and takes it
 * out when it reports something (ev_epoll.c, "spurious notification"): that must
 * not be when it is another shard's. So it is made to report that it is
 * writable once while it is watched for that, and once more while it isn't:
 * sent all, watched for writing, not watched for one iteration, gone.
 */
#include "net/net_priv.h"

struct conn_parcel {
	unsigned magic;
#define CONN_PARCEL_MAGIC 0x9a4ce101
	int fd;
	const struct conn_io_ops *io_ops;
	void *io_priv;
	struct buf *rest; /* read and not consumed; NULL: nothing */
	int64_t opened_ms;
	uint64_t rx_bytes, tx_total;
	struct quota_pass pass;
};

void
conn_detach(struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	AN(cn->ops->on_detached);
	if (cn->leaving > 0)
		return;
	cn->leaving = LEAVE_SENDING;
	conn_pause(cn);
	net_mark_dirty(cn);
}

/* An end of input that was seen is seen again by the other. */
static void
depart(struct conn *cn)
{
	const struct conn_ops *ops = cn->ops;
	struct conn_parcel *cp;

	AZ(cn->ring_n);
	ALLOC_OBJ(cp, CONN_PARCEL_MAGIC);
	cp->fd = cn->fd;
	cp->io_ops = cn->io_ops;
	cp->io_priv = cn->io_priv;
	cp->rest = conn_rx_rest(cn);
	cp->opened_ms = cn->opened_ms;
	cp->rx_bytes = cn->rx_bytes;
	cp->tx_total = cn->tx_total;
	cp->pass = cn->pass;
	conn_tx_drop(cn);
	conn_rx_drop(cn);
	/* before the other has the descriptor */
	loop_io_fini(&cn->io);
	ops->on_detached(cn, cn->priv, cp);
	conn_unlink(cn);
}

void
conn_leave(struct conn *cn)
{
	switch (cn->leaving) {
	case LEAVE_SENDING:
		cn->leaving = LEAVE_WRITABLE;
		conn_update_io(cn);
		break;
	case LEAVE_WRITABLE:
		break; /* on_io() goes on */
	case LEAVE_FORGOTTEN:
		cn->leaving = LEAVE_NOW;
		net_mark_dirty(cn);
		break;
	default:
		depart(cn);
		break;
	}
}

struct conn *
conn_adopt(struct net *net, struct conn_parcel **cpp,
    const struct conn_conf *conf, const struct conn_ops *ops, void *priv)
{
	struct conn_parcel *cp;
	struct conn *cn;

	TAKE_OBJ_NOTNULL(cp, cpp, CONN_PARCEL_MAGIC);
	cn = conn_new(net, cp->fd, conf, ops, priv);
	net->st.opened--; /* counted where it was accepted */
	cn->io_ops = cp->io_ops;
	cn->io_priv = cp->io_priv;
	cn->opened_ms = cp->opened_ms;
	cn->rx_bytes = cp->rx_bytes;
	cn->tx_total = cp->tx_total;
	cn->pass = cp->pass;
	if (cp->rest != NULL)
		conn_rx_take(cn, cp->rest);
	FREE_OBJ(cp);
	conn_update_io(cn);
	return cn;
}

void
conn_parcel_free(struct conn_parcel **cpp)
{
	struct conn_parcel *cp;

	TAKE_OBJ_NOTNULL(cp, cpp, CONN_PARCEL_MAGIC);
	if (cp->rest != NULL)
		buf_unref(&cp->rest);
	if (cp->io_ops->fini != NULL)
		cp->io_ops->fini(cp->io_priv);
	sock_close(cp->fd);
	quota_leave(&cp->pass);
	FREE_OBJ(cp);
}
