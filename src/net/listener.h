/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.h - a listening socket of one shard. Every shard binds its own to
 * the same address (SO_REUSEPORT) and keeps what it accepts. With port 0 the
 * first shard's listener_addr() tells the port for the others.
 *
 * At most LISTENER_BATCH accepts per iteration. At net_conf.conns_max
 * connections of the shard, or out of descriptors, the oldest strangers are
 * closed (net/room.h; of other shards as well for the lack of descriptors), and
 * accepting goes on when they are. Where there is none, it pauses at conns_max
 * until some have closed; out of descriptors, a reserve one is given up to accept
 * and close the waiting connection, so that the peer sees a close instead of
 * silence, and the loop does not spin; counted as CLOSE_LIMIT.
 *
 * Threads: the shard's; asserted. Made before the loop runs, or in it.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/net.h"
#include "os/sock.h"

#define LISTENER_BATCH 64

struct listener;
/* Takes fd (nonblocking, TCP_NODELAY set). */
typedef void listener_accept_f(
    void *priv, int fd, const struct sock_addr *peer);

/* first: of the process at this address; refuses one where anybody listens.
 * ERR_ADDRESS, ERR_PERMISSION; accepts from the next iteration on. */
enum err listener_new(struct listener **, struct net *,
    const struct sock_addr *, bool first, int backlog, listener_accept_f *,
    void *priv, struct diag *) MUST_CHECK;
/* Stops accepting, closes the socket. */
void listener_free(struct listener **);
/* As bound, with the real port. */
const struct sock_addr *listener_addr(const struct listener *);

#endif
