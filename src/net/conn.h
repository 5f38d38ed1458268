/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.h - a nonblocking stream connection.
 *
 * Input. Bytes are read into a buffer that the connections of a shard share one
 * after the other; on_data sees everything that is there and decodes frames in
 * place. What it wants to keep it references (buf_ref / a slice of `b`); the
 * bytes never change afterwards. It returns how many bytes it consumed, whole
 * frames; if the rest is the beginning of a frame it sets *need to the length
 * of that frame as soon as it knows it, counted from the first unconsumed byte
 * (0: not known yet), having checked it against its limit: conn allocates up
 * to that much, and asserts need <= conf.frame_max. The rest is seen again,
 * with more, at the next call, perhaps at another address.
 * on_data may stop early by conn_pause(): what it left is given again after
 * conn_resume(), even if nothing else arrives.
 *
 * Output. A queue of pieces: small bytes are copied into a chunk, slices are
 * referenced and sent by writev. Nothing is written before net_flush().
 * conn_tx_bytes() >= tx_high: conn_tx_full(); when it has gone back to tx_low,
 * on_drained is called once. Over tx_hard the connection is closed with
 * CLOSE_TX_LIMIT.
 *
 * Time. With conf.frame_ms, a frame that has begun must go on at
 * conf.frame_min_rate, or net_second() closes the connection with CLOSE_SLOW.
 *
 * Life. conn_new() takes the fd; the connection is net's. conn_close() may be
 * called anywhere, also twice: from then on nothing is sent or delivered, and
 * on_closed is called exactly once, from net_flush(), after which the pointer
 * is dead. No callback is ever called from inside a function of this header
 * (except on_data from the loop and conn_look(), and on_closed from net_free).
 *
 * Threads: the shard's; asserted.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "net/net.h"
#include "net/quota.h"
#include "os/sock.h"
#include "os/tls.h"

struct conn;
struct conn_parcel;

struct conn_ops {
	const char *name; /* of the protocol, for logs */
	/* p..len are inside b (borrowed; reference it to keep). */
	size_t (*on_data)(struct conn *, void *priv, const uint8_t *p,
	    size_t len, struct buf *b, size_t *need);
	/* The peer has closed its sending side and everything before was given to
	 * on_data. NULL: the connection is closed (CLOSE_PEER). Else the owner
	 * goes on sending and closes when it likes. */
	void (*on_eof)(struct conn *, void *priv);
	void (*on_drained)(struct conn *, void *priv); /* may be NULL */
	void (*on_closed)(struct conn *, void *priv, enum close_reason);
	/* After conn_detach(), instead of on_closed; the parcel is the owner's now.
	 * NULL where nobody detaches. */
	void (*on_detached)(struct conn *, void *priv, struct conn_parcel *);
};

struct conn_conf {
	size_t frame_max; /* largest `need` */
	size_t read_max; /* bytes of one read; 0: all that there is room for */
	size_t tx_high, tx_low, tx_hard;
	bool pause_when_full; /* stop reading while conn_tx_full() */
	int64_t tls_handshake_ms; /* 0: CONN_TLS_HANDSHAKE_MS */
	/* In so long from the beginning of a frame its end has to come, or bytes at
	 * frame_min_rate (a second), and so on. Time in which we don't read does
	 * not count. While connections wait for room for their large frames,
	 * those that hold it have CONN_FRAME_SCARCE_MS at most, and have to be
	 * CONN_FRAME_SCARCE_TIMES as fast. 0: no limit. */
	int64_t frame_ms;
	uint32_t frame_min_rate;
	bool internal; /* its peer is this process: in no count of net_stats */
};
#define CONN_TLS_HANDSHAKE_MS 10000
#define CONN_FRAME_SCARCE_MS 2000
#define CONN_FRAME_SCARCE_TIMES 16
#define CONN_CONF_DEFAULT                                   \
	{                                                   \
		.frame_max = 5u << 20, .tx_high = 1u << 20, \
		.tx_low = 256u << 10, .tx_hard = 64u << 20  \
	}

/*
 * How bytes get in and out: the socket itself, or TLS. Like read(2) and
 * writev(2): -1 and errno. Replaced before the first byte. What keeps bytes of
 * its own has a state (TLS_SHAKING, TLS_MORE, TLS_OWES of os/tls.h); all but
 * read and writev may be NULL.
 */
struct conn_io_ops {
	const char *name;
	ssize_t (*read)(void *io_priv, int fd, void *, size_t);
	ssize_t (*writev)(void *io_priv, int fd, const struct iovec *, int n);
	unsigned (*state)(void *io_priv);
	void (*shutdown)(void *io_priv, int fd); /* before FIN */
	void (*fini)(void *io_priv);
};
void conn_set_io(struct conn *, const struct conn_io_ops *, void *io_priv);

/*
 * TLS from the next byte on. Right after conn_new(), or from on_data, which was
 * given the first bytes of the connection (p, len), and returns len; nothing may
 * have been written. The owner sees plaintext only. Closed with
 * CLOSE_HANDSHAKE_TIMEOUT if the handshake takes longer than
 * conf.tls_handshake_ms, with CLOSE_TLS if it or a record fails. It moves to
 * another shard with the connection.
 */
void conn_start_tls(
    struct conn *, struct tls_ctx *, const uint8_t *p, size_t len);
bool conn_is_tls(const struct conn *);
/* its handshake is not done yet */
bool conn_is_shaking(const struct conn *);
/* tls_peer_name(); "" where TLS is not spoken */
const char *conn_peer_name(const struct conn *);

/* Takes fd (a nonblocking stream socket). conf and ops stay the caller's and
 * must outlive it. Reading starts with the next iteration. */
struct conn *conn_new(struct net *, int fd, const struct conn_conf *,
    const struct conn_ops *, void *priv);
/* It has entered there: the pass is the connection's, which leaves when it is
 * closed. Moves with it. */
void conn_set_pass(struct conn *, struct quota_pass);
/* Nobody knows yet, or any more, whether it is worth its place: where there is no
 * room, in the shard or of descriptors, the one that has been a stranger for
 * longest is closed for a newcomer, with CLOSE_EVICTED. A new one is none. */
void conn_set_stranger(struct conn *, bool);
/* Hand over to another owner (the protocol was recognised). */
void conn_set_owner(struct conn *, const struct conn_conf *,
    const struct conn_ops *, void *priv);

void conn_close(struct conn *, enum close_reason);
/* Nothing is delivered any more; what is queued is sent, then FIN, and the
 * connection is closed when the peer has closed too (what it sends meanwhile is
 * thrown away: unread bytes would turn our close into a reset that can destroy
 * our last words) or CONN_LINGER_MS later. CLOSE_FLUSH_TIMEOUT if not all could
 * be sent in timeout_ms. Output written after the call is refused. */
#define CONN_LINGER_MS 500
void conn_close_flushed(struct conn *, enum close_reason, int64_t timeout_ms);
/* Send FIN when everything queued has been sent, and go on reading. */
void conn_shutdown_tx(struct conn *);
bool conn_is_closing(const struct conn *);

/*
 * To another shard. conn_detach(): nothing is delivered any more, and what
 * on_data has not consumed stays; when everything queued has been sent,
 * net_flush() calls on_detached and the connection is dead here. If it is closed
 * before, on_closed is called as ever. The parcel may cross threads;
 * conn_adopt() on the other shard makes a connection of it, with another
 * number, whose unconsumed bytes are delivered with the next net_flush().
 */
void conn_detach(struct conn *);
struct conn *conn_adopt(struct net *, struct conn_parcel **,
    const struct conn_conf *, const struct conn_ops *, void *priv);
/* Nobody wants it: closes the socket. */
void conn_parcel_free(struct conn_parcel **);

/* Counted: as many resumes as pauses. Nothing is delivered while paused. */
void conn_pause(struct conn *);
void conn_resume(struct conn *);

/* ---- output; on a closing connection they do nothing */
void conn_write(struct conn *, const void *p, size_t len);
/* References the slice's buffer; small ones are copied instead. */
void conn_write_slice(struct conn *, struct slice);
/* In place: room for len <= CONN_RESERVE_MAX bytes, of which conn_commit() sends
 * the first n. Nothing else may be written in between. */
#define CONN_RESERVE_MAX 8192
uint8_t *conn_reserve(struct conn *, size_t len);
void conn_commit(struct conn *, size_t n);

/*
 * Not to wait for net_flush(), or for what the loop says, where the owner knows
 * better: sends what is queued; reads, and delivers. Whatever follows from it comes
 * with the next net_flush(). conn_look() not from inside of a callback of the
 * connection.
 */
void conn_send(struct conn *);
void conn_look(struct conn *);

size_t conn_tx_bytes(const struct conn *);
bool conn_tx_full(const struct conn *);

/* ---- who and where */
struct net *conn_net(const struct conn *);
uint64_t conn_id(const struct conn *); /* unique in the process, never 0 */
const struct sock_addr *conn_peer(const struct conn *);
const char *conn_peer_text(struct conn *);
/* The address of ours that the peer connected to. */
void conn_local(const struct conn *, struct sock_addr *);
int64_t conn_opened_ms(const struct conn *); /* wall */
int64_t conn_last_rx_ns(const struct conn *); /* mono: last bytes that came */
uint64_t conn_rx_bytes(const struct conn *);
uint64_t conn_tx_total_bytes(const struct conn *);

#endif
