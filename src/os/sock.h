/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sock.h - TCP sockets: all nonblocking and close-on-exec. Resolving names
 * (sock_addr_parse with a host name) blocks: boot only. Any thread.
 */
#ifndef OS_SOCK_H
#define OS_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct sock_addr {
	struct sockaddr_storage ss;
	socklen_t len;
};
/* "[ipv6]:port" fits, with NUL */
#define SOCK_TEXT_MAX 80

/* Address or host name ("" is any); ERR_ADDRESS. */
enum err sock_addr_parse(struct sock_addr *, const char *host, uint16_t port,
    struct diag *) MUST_CHECK;
/* "127.0.0.1:6650", "[::1]:6650"; a socketpair's is "local". Returns buf. */
const char *sock_addr_text(const struct sock_addr *, char *buf, size_t size);
/* Of the kernel's; a family other than IPv4 and IPv6 is a socketpair. */
void sock_addr_set(struct sock_addr *, const struct sockaddr *);
/* Without the port, without brackets. */
const char *sock_addr_host(const struct sock_addr *, char *buf, size_t size);
uint16_t sock_addr_port(const struct sock_addr *);
bool sock_addr_is_loopback(const struct sock_addr *);
/* A number for whose address it is, where addresses are counted: of IPv4 (also mapped
 * into IPv6) the address, of IPv6 the first 64 bits, for who has one of these has them
 * all. false: a socketpair, nobody's. */
bool sock_addr_owner(const struct sock_addr *, uint64_t *);

/* Bound and listening, with SO_REUSEADDR and SO_REUSEPORT: each shard binds
 * its own socket to the same address. Port 0: the first shard binds it, then
 * the others bind the port that sock_local() tells. ERR_ADDRESS,
 * ERR_PERMISSION. */
enum err sock_listen(
    const struct sock_addr *, int backlog, int *fd, struct diag *) MUST_CHECK;
/* For the first of them: refuses an address where anybody listens. Without it a
 * second broker would share the port and get half of the connections. */
enum err sock_listen_first(
    const struct sock_addr *, int backlog, int *fd, struct diag *) MUST_CHECK;
/* ERR_AGAIN: nobody there (or gone again); ERR_BUSY: out of descriptors or
 * memory; ERR_IO. peer may be NULL. TCP_NODELAY is set. */
enum err sock_accept(int lfd, int *fd, struct sock_addr *peer) MUST_CHECK;
/* Starts connecting; writable when done, sock_error() then says how it went. */
enum err sock_connect(const struct sock_addr *, int *fd) MUST_CHECK;
enum err sock_pair(int fd[2]) MUST_CHECK;

void sock_nodelay(int fd);
void sock_local(int fd, struct sock_addr *);
void sock_peer(int fd, struct sock_addr *);
int sock_error(int fd); /* pending errno, 0: none */
/* Close with RST instead of FIN (tests; peers that must not linger). */
void sock_close_reset(int fd);
void sock_close(int fd);

#endif
