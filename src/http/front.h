/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front.h - the ports of HTTP and HTTPS: what comes in there goes on to
 * libmicrohttpd, in plaintext, once it is worth it, and is closed when it takes
 * too long or its place is wanted.
 *
 * Each connection has a bridge: its own end, and one end of a pair of sockets of
 * which libmicrohttpd has the other. The pair is made when the first request's
 * head is there, so who never ends one costs no more than a connection. Where there
 * are no descriptors for it, strangers go (net/room.h); where there are none, the
 * connection does.
 *
 * A connection waits for a request, whose head has to come in one piece of time;
 * sends its body, at a rate; has it worked on, and takes the answer, at a rate;
 * waits again. Times are those of struct http_conf. What is in excess of
 * conf.connections_max takes the place of the one that has waited longest, else of
 * one that is being ended, else of the one that has sent its body for longest; where
 * all of them are being worked on, it is refused.
 *
 * mhd.c tells how far a request is by the guest, which is what libmicrohttpd's
 * end knows of its connection; it outlives the bridge if need be.
 *
 * Threads: the shard's.
 */
#ifndef HTTP_FRONT_H
#define HTTP_FRONT_H

#include "http/http_priv.h"
#include "net/net.h"
#include "os/tls.h"

struct bridge;
struct front;
struct guest;

/* One port. tls NULL: plain; else referenced. */
enum err front_new(struct front **, struct http *, struct tls_ctx *tls,
    const struct sock_addr *, struct diag *) MUST_CHECK;
/* Of connections from now on. Referenced. */
void front_set_tls(struct front *, struct tls_ctx *);
const struct sock_addr *front_addr(const struct front *);
/* http_turn(), of both ports */
void front_turn(struct http *);
/* No new connections. */
void front_deafen(struct front *);
/* Nor old ones, after the next net_flush(). */
void front_hang_up(struct front *);
/* Hangs up; flushes the net. */
void front_free(struct front **);

/* ---- for mhd.c: the end that it gives the bridge to is there */
struct guest *guest_new(struct bridge *);
void guest_free(struct guest **);
/* A request's head is there; its body is; its answer is said, or it is over. */
void guest_began(struct guest *);
void guest_heard(struct guest *);
void guest_done(struct guest *);
/* Of the client's certificate, or "" */
const char *guest_name(const struct guest *);
/* The address that the client connected to; false: it has gone. */
bool guest_local(const struct guest *, struct sock_addr *);

#endif
