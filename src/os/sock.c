/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/be.h"
#include "base/mem.h"
#include "base/vas.h"
#include "os/sock.h"
#include "os/user.h"

enum err
sock_addr_parse(
    struct sock_addr *sa, const char *host, uint16_t port, struct diag *d)
{
	struct addrinfo hints, *res = NULL;
	char serv[8];
	int r;

	memset(sa, 0, sizeof *sa);
	memset(&hints, 0, sizeof hints);
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
	(void)snprintf(serv, sizeof serv, "%u", port);
	/* "any" means IPv4's: IPv6's would refuse v4-only machines */
	if (*host == '\0')
		host = "0.0.0.0";
	r = getaddrinfo(host, serv, &hints, &res);
	if (r != 0)
		return diag_set(d, ERR_ADDRESS, "address \"%s\": %s", host,
		    gai_strerror(r));
	assert(res->ai_addrlen <= sizeof sa->ss);
	memcpy(&sa->ss, res->ai_addr, res->ai_addrlen);
	sa->len = res->ai_addrlen;
	freeaddrinfo(res);
	return ERR_OK;
}

static const struct sockaddr_in *
v4(const struct sock_addr *sa)
{
	return (const struct sockaddr_in *)(const void *)&sa->ss;
}

static const struct sockaddr_in6 *
v6(const struct sock_addr *sa)
{
	return (const struct sockaddr_in6 *)(const void *)&sa->ss;
}

void
sock_addr_set(struct sock_addr *sa, const struct sockaddr *from)
{
	memset(sa, 0, sizeof *sa);
	sa->len = sizeof from->sa_family;
	if (from->sa_family == AF_INET)
		sa->len = sizeof(struct sockaddr_in);
	else if (from->sa_family == AF_INET6)
		sa->len = sizeof(struct sockaddr_in6);
	memcpy(&sa->ss, from, sa->len);
}

const char *
sock_addr_host(const struct sock_addr *sa, char *buf, size_t size)
{
	char tmp[INET6_ADDRSTRLEN] = "";

	if (sa->ss.ss_family == AF_INET)
		AN(inet_ntop(AF_INET, &v4(sa)->sin_addr, tmp, sizeof tmp));
	else if (sa->ss.ss_family == AF_INET6)
		AN(inet_ntop(AF_INET6, &v6(sa)->sin6_addr, tmp, sizeof tmp));
	else
		(void)snprintf(tmp, sizeof tmp, "local");
	(void)snprintf(buf, size, "%s", tmp);
	return buf;
}

uint16_t
sock_addr_port(const struct sock_addr *sa)
{
	if (sa->ss.ss_family == AF_INET)
		return ntohs(v4(sa)->sin_port);
	if (sa->ss.ss_family == AF_INET6)
		return ntohs(v6(sa)->sin6_port);
	return 0;
}

const char *
sock_addr_text(const struct sock_addr *sa, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN];
	unsigned port = sock_addr_port(sa);

	(void)sock_addr_host(sa, host, sizeof host);
	if (sa->ss.ss_family == AF_INET)
		(void)snprintf(buf, size, "%s:%u", host, port);
	else if (sa->ss.ss_family == AF_INET6)
		(void)snprintf(buf, size, "[%s]:%u", host, port);
	else
		(void)snprintf(buf, size, "%s", host);
	return buf;
}

bool
sock_addr_is_loopback(const struct sock_addr *sa)
{
	if (sa->ss.ss_family == AF_INET)
		return ntohl(v4(sa)->sin_addr.s_addr) >> 24 == 127;
	if (sa->ss.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&v6(sa)->sin6_addr);
	return true;
}

bool
sock_addr_owner(const struct sock_addr *sa, uint64_t *n)
{
	const uint8_t *b;

	if (sa->ss.ss_family == AF_INET) {
		*n = ntohl(v4(sa)->sin_addr.s_addr);
		return true;
	}
	if (sa->ss.ss_family != AF_INET6)
		return false;
	b = v6(sa)->sin6_addr.s6_addr;
	*n = IN6_IS_ADDR_V4MAPPED(&v6(sa)->sin6_addr) ? be32_get(b + 12) :
							be64_get(b);
	return true;
}

static void
set_int(int fd, int level, int name, int val)
{
	/* only an option: what it would improve works without */
	(void)setsockopt(fd, level, name, &val, sizeof val);
}

/* A bind that does not share fails where somebody listens, sharing or not. */
static bool
taken(const struct sock_addr *sa)
{
	bool in_use;
	int fd;

	fd = socket(sa->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (sa->ss.ss_family == AF_INET6)
		set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	in_use =
	    user_bind(fd, (const struct sockaddr *)&sa->ss, sa->len) != 0 &&
	    errno == EADDRINUSE;
	(void)close(fd);
	return in_use;
}

enum err
sock_listen_first(
    const struct sock_addr *sa, int backlog, int *fdp, struct diag *d)
{
	char text[SOCK_TEXT_MAX];

	*fdp = -1;
	if (taken(sa))
		return diag_set(d, ERR_ADDRESS, "cannot listen on %s: %s",
		    sock_addr_text(sa, text, sizeof text),
		    strerror(EADDRINUSE));
	return sock_listen(sa, backlog, fdp, d);
}

enum err
sock_listen(const struct sock_addr *sa, int backlog, int *fdp, struct diag *d)
{
	char text[SOCK_TEXT_MAX];
	int fd, e;

	*fdp = -1;
	fd = socket(
	    sa->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return diag_set(d, ERR_ADDRESS, "cannot make a socket: %s",
		    strerror(errno));
	set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (sa->ss.ss_family == AF_INET6)
		set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (user_bind(fd, (const struct sockaddr *)&sa->ss, sa->len) == 0 &&
	    listen(fd, backlog) == 0) {
		*fdp = fd;
		return ERR_OK;
	}
	e = errno;
	(void)close(fd);
	return diag_set(d, e == EACCES ? ERR_PERMISSION : ERR_ADDRESS,
	    "cannot listen on %s: %s", sock_addr_text(sa, text, sizeof text),
	    strerror(e));
}

enum err
sock_accept(int lfd, int *fdp, struct sock_addr *peer)
{
	struct sock_addr tmp;
	int fd;

	if (peer == NULL)
		peer = &tmp;
	memset(peer, 0, sizeof *peer);
	peer->len = sizeof peer->ss;
	*fdp = -1;
	fd = accept4(lfd, (struct sockaddr *)&peer->ss, &peer->len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		sock_nodelay(fd);
		*fdp = fd;
		return ERR_OK;
	}
	switch (errno) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return ERR_BUSY;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
		return ERR_IO;
	default:
		/* nothing there, or one that was gone before we came; Linux
		 * passes on network errors of the new connection too */
		return ERR_AGAIN;
	}
}

enum err
sock_connect(const struct sock_addr *sa, int *fdp)
{
	int fd;

	*fdp = -1;
	fd = socket(
	    sa->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ERR_BUSY;
	sock_nodelay(fd);
	if (connect(fd, (const struct sockaddr *)&sa->ss, sa->len) != 0 &&
	    errno != EINPROGRESS) {
		(void)close(fd);
		return ERR_ADDRESS;
	}
	*fdp = fd;
	return ERR_OK;
}

enum err
sock_pair(int fd[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		fd) != 0)
		return ERR_BUSY;
	return ERR_OK;
}

void
sock_nodelay(int fd)
{
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

void
sock_local(int fd, struct sock_addr *sa)
{
	memset(sa, 0, sizeof *sa);
	sa->len = sizeof sa->ss;
	/* fails where the peer is gone: then it is all zeroes */
	if (getsockname(fd, (struct sockaddr *)&sa->ss, &sa->len) != 0)
		sa->len = 0;
}

void
sock_peer(int fd, struct sock_addr *sa)
{
	memset(sa, 0, sizeof *sa);
	sa->len = sizeof sa->ss;
	if (getpeername(fd, (struct sockaddr *)&sa->ss, &sa->len) != 0)
		sa->len = 0;
}

int
sock_error(int fd)
{
	int e = 0;
	socklen_t len = sizeof e;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0)
		return errno;
	return e;
}

void
sock_close_reset(int fd)
{
	struct linger lg = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &lg, sizeof lg);
	(void)close(fd);
}

void
sock_close(int fd)
{
	(void)close(fd);
}
