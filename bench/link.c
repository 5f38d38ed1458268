/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vas.h"
#include "bench/link.h"

#define FIRST_ROOM (1 << 20)
#define LEAST_ROOM 65536

void
die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("magnetar-bench: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void
watch(struct link *l, int op, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = l };

	if (epoll_ctl(l->ep, op, l->fd, &ev) != 0)
		die("epoll_ctl: %s", strerror(errno));
}

static int
dial(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *ai;
	int fd = -1, e, saved = 0;

	e = getaddrinfo(host, port, &hints, &list);
	if (e != 0)
		die("%s:%s: %s", host, port, gai_strerror(e));
	for (ai = list; ai != NULL; ai = ai->ai_next) {
		fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
			break;
		saved = errno;
		(void)close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	if (fd < 0)
		die("connect %s:%s: %s", host, port, strerror(saved));
	return fd;
}

/* --- TLS ------------------------------------------------------------------- */

static void NORETURN
die_tls(const char *what)
{
	char text[256];

	ERR_error_string_n(ERR_get_error(), text, sizeof text);
	die("TLS: %s: %s", what, text);
}

static struct ssl_st *
secure(int fd)
{
	static SSL_CTX *ctx;
	struct ssl_st *ssl;

	if (ctx == NULL) {
		ctx = SSL_CTX_new(TLS_client_method());
		if (ctx == NULL)
			die_tls("no context");
		(void)SSL_CTX_set_mode(ctx,
		    SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	}
	ssl = SSL_new(ctx);
	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
		die_tls("handshake");
	return ssl;
}

/* -1 and errno, as read and write have it; 0: the end */
static ssize_t
secure_result(const struct link *l, int n, const char *what)
{
	if (n > 0)
		return n;
	switch (SSL_get_error(l->ssl, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return errno == 0 ? 0 : -1;
	default:
		die_tls(what);
	}
}

static ssize_t
get(const struct link *l, void *p, size_t n)
{
	if (l->ssl == NULL)
		return read(l->fd, p, n);
	ERR_clear_error();
	errno = 0;
	return secure_result(
	    l, SSL_read(l->ssl, p, n > INT_MAX ? INT_MAX : (int)n), "read");
}

static ssize_t
put(const struct link *l, const void *p, size_t n)
{
	if (l->ssl == NULL)
		return write(l->fd, p, n);
	ERR_clear_error();
	errno = 0;
	return secure_result(
	    l, SSL_write(l->ssl, p, n > INT_MAX ? INT_MAX : (int)n), "write");
}

/* --- connections ------------------------------------------------------------ */

void
link_open(struct link *l, int ep, const char *host, const char *port, bool tls)
{
	int one = 1;

	*l = (struct link){ .ep = ep, .fd = dial(host, port) };
	if (setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
		die("TCP_NODELAY: %s", strerror(errno));
	if (tls)
		l->ssl = secure(l->fd);
	if (fcntl(l->fd, F_SETFL, O_NONBLOCK) != 0)
		die("O_NONBLOCK: %s", strerror(errno));
	watch(l, EPOLL_CTL_ADD, EPOLLIN);
}

void
link_close(struct link *l)
{
	SSL_free(l->ssl);
	l->ssl = NULL;
	(void)close(l->fd);
	l->fd = -1;
	MEM_FREE(l->in);
	MEM_FREE(l->out);
}

void
link_stall(struct link *l)
{
	link_flush(l);
	watch(l, EPOLL_CTL_DEL, 0);
}

/* Make room behind what is there: first by moving it to the front. */
static void
make_room(uint8_t **buf, size_t *room, size_t *off, size_t *end, size_t need)
{
	if (*off == *end)
		*off = *end = 0;
	if (*room - *end >= need)
		return;
	if (*off != 0) {
		memmove(*buf, *buf + *off, *end - *off);
		*end -= *off;
		*off = 0;
	}
	if (*room - *end < need) {
		*room = *room == 0 ? FIRST_ROOM : *room;
		while (*room - *end < need)
			*room *= 2;
		*buf = mem_realloc(*buf, *room);
	}
}

/* How much of a frame that has begun is still missing? 0: it isn't known. */
static size_t
cut_frames(struct link *l, const struct link_framing *fm, void *priv)
{
	size_t n, there;

	for (;;) {
		there = l->in_end - l->in_off;
		n = fm->size(l->in + l->in_off, there);
		if (n == 0)
			return 0;
		if (n > there)
			return n - there;
		fm->frame(l, l->in + l->in_off, n, priv);
		l->in_off += n;
	}
}

void
link_read(struct link *l, const struct link_framing *fm, void *priv)
{
	size_t got = 0, room;
	ssize_t n;

	do {
		/* at least the rest of the frame that has begun */
		room = l->missing < LEAST_ROOM ? LEAST_ROOM : l->missing;
		make_room(&l->in, &l->in_room, &l->in_off, &l->in_end, room);
		room = l->in_room - l->in_end;
		n = get(l, l->in + l->in_end, room);
		if (n == 0)
			die("broker closed the connection");
		if (n < 0) {
			if (errno == EAGAIN || errno == EINTR)
				return;
			die("read: %s", strerror(errno));
		}
		l->in_end += (size_t)n;
		got += (size_t)n;
		l->missing = cut_frames(l, fm, priv);
		/* of what TLS has in its hands epoll says nothing */
	} while (l->ssl != NULL || ((size_t)n == room && got < FIRST_ROOM));
}

uint8_t *
link_room(struct link *l, size_t n)
{
	make_room(&l->out, &l->out_room, &l->out_off, &l->out_end, n);
	return l->out + l->out_end;
}

void
link_wrote(struct link *l, size_t n)
{
	l->out_end += n;
	l->out_total += n;
	assert(l->out_end <= l->out_room);
}

void
link_flush(struct link *l)
{
	bool more;
	ssize_t n;

	while (l->out_off < l->out_end) {
		n = put(l, l->out + l->out_off, l->out_end - l->out_off);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN)
				break;
			die("write: %s", strerror(errno));
		}
		l->out_off += (size_t)n;
	}
	more = l->out_off < l->out_end;
	if (more != l->writing) {
		l->writing = more;
		watch(l, EPOLL_CTL_MOD, EPOLLIN | (more ? EPOLLOUT : 0u));
	}
}
