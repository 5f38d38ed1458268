/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.h - what the connections of one shard share: input buffers, output
 * chunks, the list of connections that have something to send, counters.
 *
 * The shard's tail hook calls net_flush() once per iteration; that is where
 * output is written, closes are finished and on_closed/on_drained are called,
 * and who waits for room (net/room.h) is told.
 *
 * Connections with conn_conf.internal are in none of the counts.
 *
 * Memory: input buffers (NET_BUF_BYTES each) come from a free list of the
 * shard and go back to it from whichever thread drops the last reference. An
 * idle connection holds none, and no output chunk.
 * Threads: the shard's; asserted.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/loop.h"

#define NET_BUF_BYTES (256u << 10)

enum close_reason {
	CLOSE_NONE = 0,
#define CLOSE(name, counter, is_error, text) CLOSE_##name,
#include "base/tbl/close.h"
	CLOSE__MAX
};
const char *close_text(enum close_reason);
const char *close_counter(enum close_reason);
bool close_is_error(enum close_reason);

struct net_stats {
	uint64_t accepted, opened, open_n;
	uint64_t closed[CLOSE__MAX];
	uint64_t rx_bytes, rx_calls, tx_bytes, tx_calls, tx_pieces;
	uint64_t rx_copied_bytes; /* partial frames moved */
	uint64_t tls_handshakes; /* done */
	uint64_t rx_held_bytes; /* in private buffers of partial frames, now */
	uint64_t tx_queued_bytes; /* now */
	uint64_t bufs_n,
	    bufs_free_n; /* input buffers there are; of them unused */
};

struct net_conf {
	uint64_t
	    rx_held_max_bytes; /* of partial frames over 64 KiB; beyond it their
				       connections wait */
	/* of this shard; listeners pause at it. An internal one counts twice: its peer
	 * has a descriptor of ours, too. */
	unsigned conns_max;
	/* room.h: has a shard that has more than n strangers close some, upon which
	 * net_room_given() is called; false: none has. NULL: there is no other. */
	bool (*elsewhere)(void *priv, size_t n);
	void *elsewhere_priv;
};
#define NET_CONF_DEFAULT                                             \
	{                                                            \
		.rx_held_max_bytes = 64u << 20, .conns_max = 1000000 \
	}

struct net;
struct net *net_new(struct loop *, const struct net_conf *);
/* Closes what is still open (on_closed is called, CLOSE_SHUTDOWN). */
void net_free(struct net **);
struct loop *net_loop(struct net *);

/* From the tail hook. True: there is more to do at once (return 0 from it). */
bool net_flush(struct net *);
/* Ordered: on_closed of every connection comes from the next net_flush(). */
void net_close_all(struct net *, enum close_reason);
/* Open connections, and those whose close is not finished. */
size_t net_conns_n(const struct net *);
/* Of them, those that conn_set_stranger() says are. */
size_t net_strangers_n(const struct net *);
/* Call about once a second: closes connections whose frames don't come
 * (conn_conf.frame_ms), gives unused buffers back to the system. */
void net_second(struct net *);
/* Closes a socket that was accepted and is not wanted; counted. */
void net_refuse(struct net *, int fd, enum close_reason);
void net_get_stats(struct net *, struct net_stats *);

#endif
