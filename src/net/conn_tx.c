/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output queue: a ring of pieces, each a window on a chunk (copied bytes)
 * or on a buffer (referenced), sent with as many iovecs as there are.
 * Neighbouring bytes in a chunk are one piece. A connection without output has
 * no chunk, and no ring but the one inside it.
 */
#include <errno.h>
#include <sys/socket.h>

#include "net/net_priv.h"

static const uint32_t chunk_cap[CHUNK_CLASSES] = {
	2048 - sizeof(struct chunk),
	(32 << 10) - sizeof(struct chunk),
};
/* free ones of a class that are kept at most */
static const unsigned chunk_keep[CHUNK_CLASSES] = { 512, 64 };

static struct chunk *
take_chunk(struct net *net, uint32_t want)
{
	unsigned class = want > chunk_cap[0];
	struct chunk_list *cl = &net->chunks[class];
	struct chunk *ch = cl->first;

	assert(want <= chunk_cap[class]);
	if (ch != NULL) {
		cl->first = ch->next;
		cl->n--;
		if (cl->n < cl->n_min)
			cl->n_min = cl->n;
	} else {
		ch = mem_alloc(sizeof *ch + chunk_cap[class]);
		ch->cap = chunk_cap[class];
		ch->class = class;
		cl->n_min = 0;
	}
	ch->next = NULL;
	ch->used = 0;
	ch->pieces = 0;
	return ch;
}

static void
give_chunk(struct net *net, struct chunk *ch)
{
	struct chunk_list *cl = &net->chunks[ch->class];

	AZ(ch->pieces);
	if (cl->n >= chunk_keep[ch->class]) {
		mem_free(ch);
		return;
	}
	ch->next = cl->first;
	cl->first = ch;
	cl->n++;
}

/* Frees the chunks that were not used since the last time. */
void
chunks_trim(struct net *net, bool all)
{
	struct chunk_list *cl;
	struct chunk *ch;
	unsigned i;

	for (i = 0; i < CHUNK_CLASSES; i++) {
		cl = &net->chunks[i];
		if (all)
			cl->n_min = cl->n;
		for (; cl->n_min > 0; cl->n_min--) {
			ch = cl->first;
			AN(ch);
			cl->first = ch->next;
			cl->n--;
			mem_free(ch);
		}
		cl->n_min = cl->n;
	}
}

/* ---- the ring */

static struct piece *
piece_at(const struct conn *cn, uint32_t i)
{
	return &cn->ring[(cn->ring_head + i) & (cn->ring_cap - 1)];
}

static void
ring_grow(struct conn *cn)
{
	struct piece *bigger;
	uint32_t i;

	bigger = mem_alloc(2 * (size_t)cn->ring_cap * sizeof *bigger);
	for (i = 0; i < cn->ring_n; i++)
		bigger[i] = *piece_at(cn, i);
	if (cn->ring != cn->inl)
		mem_free(cn->ring);
	cn->ring = bigger;
	cn->ring_cap *= 2;
	cn->ring_head = 0;
}

static void
push_piece(struct conn *cn, struct piece pc)
{
	if (cn->ring_n == cn->ring_cap)
		ring_grow(cn);
	*piece_at(cn, cn->ring_n) = pc;
	cn->ring_n++;
}

static void
free_piece(struct conn *cn, struct piece *pc)
{
	struct chunk *ch;

	if (!pc->in_chunk) {
		buf_unref(&pc->u.buf);
		return;
	}
	ch = pc->u.ch;
	AN(ch->pieces);
	ch->pieces--;
	if (ch->pieces == 0 && ch != cn->tx_chunk)
		give_chunk(cn->net, ch);
}

/* Everything is sent: no chunk, and the ring inside unless that would be
 * grown again at once. */
static void
rest_idle(struct conn *cn)
{
	AZ(cn->ring_n);
	if (cn->tx_chunk != NULL) {
		give_chunk(cn->net, cn->tx_chunk);
		cn->tx_chunk = NULL;
	}
	if (cn->ring_cap > 8 * TX_INLINE) {
		mem_free(cn->ring);
		cn->ring = cn->inl;
		cn->ring_cap = TX_INLINE;
	}
	cn->ring_head = 0;
}

static void
add_bytes(struct conn *cn, size_t len)
{
	cn->tx_bytes += len;
	cn->net->tx_queued += len;
	if (!cn->tx_blocked)
		net_mark_dirty(cn);
	if (cn->tx_bytes >= cn->conf->tx_high && !cn->tx_was_full) {
		cn->tx_was_full = true;
		if (cn->conf->pause_when_full)
			conn_update_io(cn);
	}
	if (cn->tx_bytes > cn->conf->tx_hard)
		conn_close(cn, CLOSE_TX_LIMIT);
}

/* ---- writing */

static bool
may_write(const struct conn *cn)
{
	CHECK_OBJ_NOTNULL(cn, CONN_MAGIC);
	LOOP_ASSERT(cn->net->lp);
	return cn->state == CONN_OPEN && !cn->tx_fin;
}

/* A chunk with room for len bytes. */
static struct chunk *
chunk_for(struct conn *cn, uint32_t len)
{
	struct chunk *ch = cn->tx_chunk;

	if (ch != NULL && ch->pieces == 0)
		ch->used = 0;
	if (ch != NULL && ch->cap - ch->used >= len)
		return ch;
	if (ch != NULL && ch->pieces == 0)
		give_chunk(cn->net, ch);
	/* whoever fills one small chunk will fill more */
	if (ch != NULL && len <= chunk_cap[0])
		len = chunk_cap[0] + 1;
	cn->tx_chunk = take_chunk(cn->net, len);
	return cn->tx_chunk;
}

static void
commit(struct conn *cn, struct chunk *ch, uint32_t n)
{
	uint8_t *p = ch->data + ch->used;
	struct piece *last;

	ch->used += n;
	if (cn->ring_n > 0) {
		last = piece_at(cn, cn->ring_n - 1);
		if (last->in_chunk && last->u.ch == ch &&
		    last->p + last->len == p) {
			last->len += n;
			return;
		}
	}
	ch->pieces++;
	push_piece(cn,
	    (struct piece){ .p = p, .len = n, .in_chunk = true, .u.ch = ch });
}

static uint8_t nowhere[CONN_RESERVE_MAX];

uint8_t *
conn_reserve(struct conn *cn, size_t len)
{
	struct chunk *ch;

	assert(len <= CONN_RESERVE_MAX);
	/* the caller need not look whether the connection is closing */
	if (!may_write(cn))
		return nowhere;
	ch = chunk_for(cn, (uint32_t)len);
	return ch->data + ch->used;
}

void
conn_commit(struct conn *cn, size_t n)
{
	struct chunk *ch;

	if (!may_write(cn) || n == 0)
		return;
	ch = cn->tx_chunk;
	AN(ch);
	assert(n <= ch->cap - ch->used);
	commit(cn, ch, (uint32_t)n);
	add_bytes(cn, n);
}

void
conn_write(struct conn *cn, const void *p, size_t len)
{
	const uint8_t *q = p;
	size_t left = len;
	struct chunk *ch;
	uint32_t n;

	if (!may_write(cn) || len == 0)
		return;
	while (left > 0) {
		ch = cn->tx_chunk;
		if (ch == NULL || ch->used == ch->cap)
			ch = chunk_for(cn,
			    left < chunk_cap[1] ? (uint32_t)left :
						  chunk_cap[1]);
		n = ch->cap - ch->used;
		if (n > left)
			n = (uint32_t)left;
		memcpy(ch->data + ch->used, q, n);
		commit(cn, ch, n);
		q += n;
		left -= n;
	}
	add_bytes(cn, len);
}

void
conn_write_slice(struct conn *cn, struct slice s)
{
	if (s.len <= TX_COPY_MAX || s.buf == NULL) {
		conn_write(cn, s.p, s.len);
		return;
	}
	if (!may_write(cn))
		return;
	push_piece(cn,
	    (struct piece){ .p = s.p, .len = s.len, .u.buf = buf_ref(s.buf) });
	add_bytes(cn, s.len);
}

/* ---- sending */

static void
sent(struct conn *cn, size_t n)
{
	struct piece *pc;

	cn->tx_bytes -= n;
	cn->tx_total += n;
	cn->net->tx_queued -= n;
	if (!cn->conf->internal)
		cn->net->st.tx_bytes += n;
	while (n > 0) {
		pc = piece_at(cn, 0);
		if (n < pc->len) {
			pc->p += n;
			pc->len -= (uint32_t)n;
			return;
		}
		n -= pc->len;
		free_piece(cn, pc);
		cn->ring_head = (cn->ring_head + 1) & (cn->ring_cap - 1);
		cn->ring_n--;
	}
}

/* One writev; true: the socket took all of it. */
static bool
send_some(struct conn *cn)
{
	struct iovec iov[TX_IOV];
	struct piece *pc;
	size_t bytes = 0;
	ssize_t n;
	int i;

	for (i = 0; i < TX_IOV && (uint32_t)i < cn->ring_n; i++) {
		pc = piece_at(cn, (uint32_t)i);
		iov[i].iov_base = (void *)(uintptr_t)pc->p;
		iov[i].iov_len = pc->len;
		bytes += pc->len;
	}
	cn->net->st.tx_calls++;
	n = cn->io_ops->writev(cn->io_priv, cn->fd, iov, i);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			conn_close(cn,
			    cn->state == CONN_OPEN ? conn_io_failed(cn, errno) :
						     cn->reason);
		return false;
	}
	cn->net->st.tx_pieces += (uint64_t)i;
	sent(cn, (size_t)n);
	return (size_t)n == bytes;
}

void
conn_tx_flush(struct conn *cn)
{
	uint64_t before = cn->tx_total;
	bool all = true;

	if (cn->tx_blocked)
		return;
	while (cn->ring_n > 0 && all && cn->tx_total - before < TX_FLUSH_MAX)
		all = send_some(cn);
	if (cn->state == CONN_DEAD)
		return;
	if (cn->ring_n == 0)
		rest_idle(cn);
	else if (all)
		net_mark_dirty(cn);
	else {
		cn->tx_blocked = true;
		conn_update_io(cn);
		return;
	}
	if (unlikely(cn->io_ops->state != NULL))
		conn_update_io(cn);
}

void
conn_tx_drop(struct conn *cn)
{
	cn->net->tx_queued -= cn->tx_bytes;
	cn->tx_bytes = 0;
	for (; cn->ring_n > 0; cn->ring_n--) {
		free_piece(cn, piece_at(cn, 0));
		cn->ring_head = (cn->ring_head + 1) & (cn->ring_cap - 1);
	}
	rest_idle(cn);
}
