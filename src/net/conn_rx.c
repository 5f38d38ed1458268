/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading. A connection reads behind the last taken byte of the shard's shared
 * buffer. When the owner leaves a partial frame there, the connection stays
 * tail_owner: if it is also the next to read, it goes on in place and nothing
 * is moved. Another connection that wants to read copies the partial frame out
 * first (evict). So idle connections hold a few bytes at most, busy ones copy
 * almost nothing, and frames are contiguous for the owner.
 *
 * A frame longer than the shared buffers gets a buffer of exactly its length,
 * into which the rest is read directly.
 */
#include <errno.h>

#include "net/net_priv.h"
#include "os/clock.h"

/* ---- the budget of large private buffers */

static bool
hold_fits(const struct net *net, size_t bytes)
{
	/* one is always let through, however large */
	return bytes <= RX_HELD_MIN || net->rx_held == 0 ||
	    net->rx_held + bytes <= net->conf.rx_held_max_bytes;
}

static void
hold(struct conn *cn, uint32_t bytes)
{
	AZ(cn->rheld);
	if (bytes <= RX_HELD_MIN)
		return;
	cn->rheld = bytes;
	cn->net->rx_held += bytes;
}

static void
unhold(struct conn *cn)
{
	struct net *net = cn->net;
	struct conn *w;

	if (cn->rheld == 0)
		return;
	assert(net->rx_held >= cn->rheld);
	net->rx_held -= cn->rheld;
	cn->rheld = 0;
	/* all of them: those that still do not fit come back here */
	while ((w = TAILQ_FIRST(&net->rx_waiting)) != NULL) {
		TAILQ_REMOVE(&net->rx_waiting, w, wait_link);
		w->rx_waiting = false;
		conn_update_io(w);
	}
}

static void
wait_for_room(struct conn *cn)
{
	assert(!cn->rx_waiting);
	cn->rx_waiting = true;
	TAILQ_INSERT_TAIL(&cn->net->rx_waiting, cn, wait_link);
	conn_update_io(cn);
}

/* ---- where the bytes are */

static void
let_go(struct conn *cn)
{
	if (cn->net->tail_owner == cn)
		cn->net->tail_owner = NULL;
	if (cn->rbuf != NULL)
		buf_unref(&cn->rbuf);
	unhold(cn);
	cn->roff = 0;
}

/* The unconsumed bytes go to off of b, whose reference is taken. */
static void
move_to(struct conn *cn, struct buf *b, uint32_t off)
{
	if (cn->rlen > 0) {
		memcpy(b->data + off, cn->rbuf->data + cn->roff, cn->rlen);
		cn->net->st.rx_copied_bytes += cn->rlen;
	}
	let_go(cn);
	cn->rbuf = b;
	cn->roff = off;
}

static void
move_private(struct conn *cn, uint32_t cap)
{
	move_to(cn, buf_new(cap), 0);
	hold(cn, cap);
}

static void
evict(struct net *net)
{
	struct conn *cn = net->tail_owner;
	uint32_t cap;

	if (cn == NULL)
		return;
	AN(cn->rlen);
	cap = cn->rlen;
	if (cap > RX_SMALL && cn->rneed > cap && hold_fits(net, cn->rneed))
		cap = (uint32_t)cn->rneed;
	move_private(cn, cap);
}

/* Attach to the shared buffer, with room for `room` bytes from where the
 * unconsumed ones begin. */
static void
attach(struct conn *cn, uint32_t room)
{
	struct net *net = cn->net;

	assert(room <= NET_BUF_BYTES);
	if (net->tail_owner != cn)
		evict(net);
	if (net->cur == NULL || net->tail_owner == cn ||
	    NET_BUF_BYTES - net->fill < room) {
		if (net->cur != NULL)
			buf_unref(&net->cur);
		net->cur = rxpool_get(net->pool);
		net->fill = 0;
	}
	move_to(cn, buf_ref(net->cur), net->fill);
	/* our bytes are taken now; a partial frame may go on behind them */
	net->fill += cn->rlen;
	net->tail_owner = cn;
}

/*
 * Makes room for reading. Wanted is the whole frame, where its length is
 * known, and some more where it would come in the same read. False: no room
 * for a frame of this size in the budget, wait.
 */
static bool
make_room(struct conn *cn)
{
	uint32_t room, left;

	if (cn->rneed > cn->rlen)
		room = (uint32_t)cn->rneed;
	else
		room = cn->rlen + cn->rx_want;
	if (cn->rbuf != NULL) {
		left = cn->rbuf->cap - cn->roff;
		if (left >= room && left > cn->rlen)
			return true;
	}
	if (room <= NET_BUF_BYTES) {
		attach(cn, room);
		return true;
	}
	if (!hold_fits(cn->net, room)) {
		wait_for_room(cn);
		return false;
	}
	move_private(cn, room);
	return true;
}

/* ---- frames that have begun */

static void
frame_done(struct conn *cn)
{
	if (!cn->partial)
		return;
	TAILQ_REMOVE(&cn->net->partial, cn, partial_link);
	cn->partial = false;
}

static void
frame_begun(struct conn *cn)
{
	if (cn->partial || cn->conf->frame_ms == 0)
		return;
	cn->partial = true;
	cn->frame_at_ns = loop_mono_ns(cn->net->lp);
	cn->frame_had = 0;
	TAILQ_INSERT_TAIL(&cn->net->partial, cn, partial_link);
}

/* In the stretch of time that ends now, if one does, has too little come? */
static bool
is_slow(struct conn *cn, int64_t now)
{
	int64_t ms = (now - cn->frame_at_ns) / CLOCK_NS_PER_MS;
	int64_t stretch = cn->conf->frame_ms;
	uint64_t rate = cn->conf->frame_min_rate;

	if (cn->rheld > 0 && !TAILQ_EMPTY(&cn->net->rx_waiting)) {
		if (stretch > CONN_FRAME_SCARCE_MS)
			stretch = CONN_FRAME_SCARCE_MS;
		rate *= CONN_FRAME_SCARCE_TIMES;
	}
	if (ms < stretch)
		return false;
	if ((uint64_t)(cn->rlen - cn->frame_had) * 1000 < (uint64_t)ms * rate)
		return true;
	cn->frame_at_ns = now;
	cn->frame_had = cn->rlen;
	return false;
}

void
frames_check(struct net *net)
{
	int64_t now = loop_mono_ns(net->lp);
	struct conn *cn;

	TAILQ_FOREACH(cn, &net->partial, partial_link) {
		if (cn->state != CONN_OPEN)
			continue; /* and on its way out */
		if (!conn_wants_read(cn)) {
			cn->frame_at_ns = now;
			cn->frame_had = cn->rlen;
		} else if (is_slow(cn, now))
			conn_close(cn, CLOSE_SLOW);
	}
}

/* ---- giving them to the owner */

static bool
may_deliver(const struct conn *cn)
{
	return cn->state == CONN_OPEN && cn->paused == 0;
}

static void
deliver(struct conn *cn)
{
	const struct conn_ops *ops;
	size_t n, need;

	while (cn->rlen > 0 && may_deliver(cn)) {
		ops = cn->ops;
		need = 0;
		n = ops->on_data(cn, cn->priv, cn->rbuf->data + cn->roff,
		    cn->rlen, cn->rbuf, &need);
		assert(n <= cn->rlen);
		cn->roff += (uint32_t)n;
		cn->rlen -= (uint32_t)n;
		cn->rneed = need;
		if (n > 0)
			frame_done(cn);
		if (!may_deliver(cn)) {
			cn->rneed = 0;
			break;
		}
		if (cn->ops != ops)
			continue;
		/* a whole frame was left: it would wait for ever */
		assert(need == 0 || need > cn->rlen);
		assert(need <= cn->conf->frame_max);
		break;
	}
}

static void
after_delivery(struct conn *cn)
{
	if (cn->rlen > 0 && cn->state == CONN_OPEN) {
		frame_begun(cn);
		return;
	}
	frame_done(cn);
	cn->rlen = 0;
	cn->rneed = 0;
	let_go(cn);
}

static void
got_eof(struct conn *cn)
{
	cn->rx_eof = true;
	if (cn->state != CONN_OPEN)
		conn_close(cn, cn->reason);
	else if (cn->ops->on_eof == NULL && cn->paused == 0)
		conn_close(cn, CLOSE_PEER);
	else {
		cn->eof_due = true;
		net_mark_dirty(cn);
	}
	conn_update_io(cn);
}

static void
got_error(struct conn *cn, int e)
{
	if (e == EAGAIN || e == EINTR)
		return;
	conn_close(
	    cn, cn->state == CONN_OPEN ? conn_io_failed(cn, e) : cn->reason);
}

static void
adapt(struct conn *cn, uint32_t got)
{
	if (got >= cn->rx_want && cn->rx_want < RX_WANT_MAX)
		cn->rx_want *= 2;
	else if (got < cn->rx_want / 4 && cn->rx_want > RX_WANT_MIN)
		cn->rx_want /= 2;
}

/* After conn_close_flushed: read and forget, to see the peer's FIN. */
static void
discard(struct conn *cn)
{
	uint8_t junk[16384];
	ssize_t n;

	n = cn->io_ops->read(cn->io_priv, cn->fd, junk, sizeof junk);
	if (n == 0)
		got_eof(cn);
	else if (n < 0)
		got_error(cn, errno);
	/* also where nothing came: TLS may have taken it, and be ready to write */
	if (cn->io_ops->state != NULL)
		conn_update_io(cn);
}

void
conn_rx_ready(struct conn *cn)
{
	struct net *net = cn->net;
	uint32_t end, len;
	ssize_t n;
	int e;

	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	if (cn->state == CONN_FLUSHING || cn->state == CONN_LINGERING) {
		discard(cn);
		return;
	}
	if (cn->state != CONN_OPEN || cn->paused > 0 || cn->rx_waiting)
		return;
	if (!make_room(cn))
		return;
	end = cn->roff + cn->rlen;
	len = cn->rbuf->cap - end;
	if (cn->conf->read_max > 0 && len > cn->conf->read_max)
		len = (uint32_t)cn->conf->read_max;
	AN(len);
	net->st.rx_calls++;
	n = cn->io_ops->read(cn->io_priv, cn->fd, cn->rbuf->data + end, len);
	if (n <= 0) {
		e = errno;
		after_delivery(cn);
		if (n == 0)
			got_eof(cn);
		else
			got_error(cn, e);
		if (cn->io_ops->state != NULL)
			conn_update_io(cn);
		return;
	}
	assert((size_t)n <= len);
	cn->rlen += (uint32_t)n;
	if (net->tail_owner == cn)
		net->fill = end + (uint32_t)n;
	if (!cn->conf->internal)
		net->st.rx_bytes += (uint64_t)n;
	cn->rx_bytes += (uint64_t)n;
	cn->last_rx_ns = loop_mono_ns(net->lp);
	adapt(cn, (uint32_t)n);
	if (cn->rneed == 0 || cn->rlen >= cn->rneed)
		deliver(cn);
	after_delivery(cn);
	if (unlikely(cn->io_ops->state != NULL))
		conn_update_io(cn);
}

/* From net_flush, after a resume. */
void
conn_rx_redeliver(struct conn *cn)
{
	if (cn->state != CONN_OPEN || cn->paused > 0)
		return;
	if (cn->rlen > 0 && (cn->rneed == 0 || cn->rlen >= cn->rneed))
		deliver(cn);
	after_delivery(cn);
	if (cn->eof_due && cn->state == CONN_OPEN && cn->paused == 0) {
		cn->eof_due = false;
		if (cn->ops->on_eof == NULL)
			conn_close(cn, CLOSE_PEER);
		else
			cn->ops->on_eof(cn, cn->priv);
	}
}

void
conn_rx_drop(struct conn *cn)
{
	if (cn->rx_waiting) {
		TAILQ_REMOVE(&cn->net->rx_waiting, cn, wait_link);
		cn->rx_waiting = false;
	}
	frame_done(cn);
	cn->rlen = 0;
	cn->rneed = 0;
	let_go(cn);
}

struct buf *
conn_rx_rest(const struct conn *cn)
{
	struct buf *b;

	if (cn->rlen == 0)
		return NULL;
	b = buf_new(cn->rlen);
	memcpy(b->data, cn->rbuf->data + cn->roff, cn->rlen);
	b->len = cn->rlen;
	return b;
}

void
conn_rx_take(struct conn *cn, struct buf *b)
{
	AZ(cn->rlen);
	let_go(cn);
	cn->rbuf = b;
	cn->rlen = b->len;
	hold(cn, b->len);
	cn->rx_redeliver = true;
	net_mark_dirty(cn);
}
