/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secure.h - the port for HTTPS: TLS is ended here, by the same context and rules
 * as elsewhere, and libmicrohttpd is given plaintext. At most
 * conf.connections_max at a time; one that sends no request within conf.idle_s is
 * closed, after that libmicrohttpd's limits hold.
 * Threads: the shard's.
 */
#ifndef HTTP_SECURE_H
#define HTTP_SECURE_H

#include "http/http_priv.h"
#include "net/net.h"
#include "os/tls.h"

enum err secure_new(struct secure **, struct http *, struct net *,
    struct tls_ctx *, const struct sock_addr *, struct diag *) MUST_CHECK;
/* Of connections from now on. Referenced. */
void secure_set_tls(struct secure *, struct tls_ctx *);
const struct sock_addr *secure_addr(const struct secure *);
/* No new connections. */
void secure_deafen(struct secure *);
/* Closes what is open; flushes the net. */
void secure_free(struct secure **);

#endif
