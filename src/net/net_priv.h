/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of net: the shard's shared part, a connection, and who does what:
 * net.c the flush list and closing, rxpool.c input buffers, conn_rx.c reading,
 * conn_tx.c the output queue, conn_tls.c TLS between the connection and its
 * socket, conn_move.c the way to another shard, room.c who goes for a newcomer,
 * conn.c life and the rest.
 */
#ifndef NET_NET_PRIV_H
#define NET_NET_PRIV_H

#include <sys/queue.h>

#include "net/conn.h"
#include "net/net.h"
#include "net/room.h"
#include "os/sock.h"

/* a partial frame up to this is copied out as it is, a longer one into a
 * buffer for the whole frame */
#define RX_SMALL (16u << 10)
/* private buffers over this are counted against rx_held_max_bytes */
#define RX_HELD_MIN (64u << 10)
/* room wanted for a read: adapts between these */
#define RX_WANT_MIN (4u << 10)
#define RX_WANT_MAX (64u << 10)

/* slices up to this are copied into a chunk: cheaper than a reference and an
 * iovec of their own */
#define TX_COPY_MAX 512u
#define TX_IOV 512
/* of one connection in one flush, then the others have their turn */
#define TX_FLUSH_MAX (4u << 20)
#define TX_INLINE 8u

/* ---- rxpool.c: input buffers */
struct rxpool;
struct rxpool *rxpool_new(void);
/* Buffers that are still referenced free themselves later. */
void rxpool_close(struct rxpool **);
struct buf *rxpool_get(struct rxpool *);
void rxpool_trim(struct rxpool *);
void rxpool_count(struct rxpool *, uint64_t *bufs_n, uint64_t *free_n);

/* ---- conn_tx.c: chunks that small output is copied into */
struct chunk {
	struct chunk *next; /* free list */
	uint32_t cap, used;
	uint32_t pieces; /* that point in here */
	unsigned class;
	uint8_t data[];
};
#define CHUNK_CLASSES 2
struct chunk_list {
	struct chunk *first;
	unsigned n, n_min; /* n_min: unused all the time since the last trim */
};

struct piece {
	const uint8_t *p;
	uint32_t len;
	bool in_chunk;
	union {
		struct buf *buf; /* our reference */
		struct chunk *ch;
	} u;
};

enum conn_state {
	CONN_OPEN,
	CONN_FLUSHING, /* conn_close_flushed: output not all sent */
	CONN_LINGERING, /* FIN sent, waiting for the peer's */
	CONN_DEAD, /* on_closed is due */
};

/* conn_detach(): see conn_move.c */
#define LEAVE_SENDING 1u
#define LEAVE_WRITABLE 2u
#define LEAVE_FORGOTTEN 3u
#define LEAVE_NOW 4u

TAILQ_HEAD(conn_head, conn);
TAILQ_HEAD(wait_head, net_wait);

struct conn {
	unsigned magic;
#define CONN_MAGIC 0xc0220001
	int fd;
	struct net *net;
	const struct conn_conf *conf;
	const struct conn_ops *ops;
	void *priv;
	const struct conn_io_ops *io_ops;
	void *io_priv;
	struct loop_io io;
	enum conn_state state;
	enum close_reason reason;
	TAILQ_ENTRY(conn) link; /* net->conns */
	TAILQ_ENTRY(conn) dirty_link; /* net->dirty or net->work */
	TAILQ_ENTRY(conn) wait_link; /* net->rx_waiting */
	TAILQ_ENTRY(conn) partial_link; /* net->partial */
	/* in it: when the stretch began in which it owes bytes, or the end of its
	 * frame, and what of that there was */
	int64_t frame_at_ns;
	uint32_t frame_had;
	bool dirty;
	TAILQ_ENTRY(conn) stranger_link; /* net->strangers */
	bool stranger; /* in it */
	bool rx_waiting; /* for room in rx_held */
	bool partial; /* in net->partial */
	bool rx_eof;
	bool rx_redeliver; /* resumed with bytes at hand */
	bool rx_more; /* read, whatever the socket says */
	bool shaking; /* TLS's handshake: tx_blocked until it is done */
	bool tx_blocked; /* waiting for the socket */
	bool tx_fin; /* FIN when everything is sent */
	bool tx_fin_sent;
	bool tx_was_full; /* on_drained is due at tx_low */
	bool eof_due;
	unsigned leaving; /* LEAVE_ */
	unsigned paused;
	/* input: rlen bytes at roff of rbuf that the owner has not consumed */
	struct buf *rbuf;
	uint32_t roff, rlen;
	size_t rneed; /* length of the frame that starts at roff; 0: unknown */
	uint32_t rheld; /* of rx_held_bytes */
	uint32_t rx_want;
	int64_t last_rx_ns;
	uint64_t rx_bytes;
	/* output: a ring of pieces */
	struct piece *ring;
	uint32_t ring_cap, ring_head, ring_n;
	struct chunk *tx_chunk;
	size_t tx_bytes;
	uint64_t tx_total;
	struct loop_timer timer;
	uint64_t id;
	int64_t opened_ms;
	struct quota_pass pass;
	struct sock_addr peer;
	char *peer_text; /* made when asked for */
	struct piece inl[TX_INLINE];
};

struct net {
	unsigned magic;
#define NET_MAGIC 0x2e700001
	struct loop *lp;
	struct net_conf conf;
	struct conn_head conns;
	struct conn_head dirty; /* for the next net_flush */
	struct conn_head work; /* of the one under way */
	struct conn_head rx_waiting;
	struct conn_head partial; /* have the beginning of a frame */
	struct conn_head strangers; /* the oldest first */
	struct wait_head waits; /* by their `gone` */
	uint64_t
	    gone; /* connections, ever; and what net_room_given() told of */
	unsigned listeners_n;
	size_t conns_n, internal_n, strangers_n;
	size_t dying_n; /* CONN_DEAD */
	/* the shared input buffer: bytes up to fill are taken. Its last taken
	 * bytes may be a partial frame of tail_owner, which can go on there. */
	struct rxpool *pool;
	struct buf *cur;
	uint32_t fill;
	struct conn *tail_owner;
	uint64_t rx_held;
	struct chunk_list chunks[CHUNK_CLASSES];
	struct net_stats st;
	uint64_t tx_queued;
};

/* ---- net.c */
void net_mark_dirty(struct conn *);
void net_link_conn(struct net *, struct conn *);

/* ---- conn.c */
extern const struct conn_io_ops conn_socket_io;
/* sets what the loop watches, from the state */
void conn_update_io(struct conn *);
bool conn_wants_read(const struct conn *);
/* net_flush: everything that is due; frees it if it is dead */
void conn_work(struct conn *);
/* a read or write failed */
enum close_reason conn_io_failed(struct conn *, int errnum);
/* Takes it out of net and frees it; the socket and io_priv stay open. */
void conn_unlink(struct conn *);

/* ---- conn_tls.c: for an io with a state; conn_tls_events what to watch beside
 * events, after looking at the state */
int conn_tls_events(struct conn *, int events);
/* the socket is writable */
void conn_tls_owed(struct conn *);
/* of EPROTO, logged */
enum close_reason conn_tls_failed(struct conn *);

/* ---- conn_move.c: one step of leaving; the last frees it */
void conn_leave(struct conn *);

/* ---- conn_rx.c */
void conn_rx_ready(struct conn *);
void conn_rx_redeliver(struct conn *);
void conn_rx_drop(struct conn *);
/* Bytes that another connection had read: the reference is taken. */
void conn_rx_take(struct conn *, struct buf *);
/* A copy of what is unconsumed; NULL: nothing is. */
struct buf *conn_rx_rest(const struct conn *);
/* closes those whose frames don't come */
void frames_check(struct net *);

/* ---- conn_tx.c */
void conn_tx_flush(struct conn *);
void conn_tx_drop(struct conn *);
void chunks_trim(struct net *, bool all);

/* ---- room.c */
/* Closes the oldest strangers, a few, unless others are being closed; false: there is
 * none. */
bool net_evict(struct net *);
/* from net_flush */
void net_tell_room(struct net *);

#endif
