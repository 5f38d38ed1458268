/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <fcntl.h>

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

void
link_open(struct link *l, int ep, const char *host, const char *port)
{
	int one = 1;

	*l = (struct link){ .ep = ep, .fd = dial(host, port) };
	if (setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
		die("TCP_NODELAY: %s", strerror(errno));
	if (fcntl(l->fd, F_SETFL, O_NONBLOCK) != 0)
		die("O_NONBLOCK: %s", strerror(errno));
	watch(l, EPOLL_CTL_ADD, EPOLLIN);
}

void
link_close(struct link *l)
{
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
		n = read(l->fd, l->in + l->in_end, room);
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
	} while ((size_t)n == room && got < FIRST_ROOM);
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
		n = write(l->fd, l->out + l->out_off, l->out_end - l->out_off);
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
