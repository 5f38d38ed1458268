/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load generator's connections: nonblocking sockets in one epoll set, with
 * a buffer each way. Whole frames are cut out of what comes in, by the rules of
 * a protocol, and handed to it. Over TLS any certificate is taken: what is measured
 * is a broker of our own. A generator has no use for a half-broken run: what goes
 * wrong ends the program with a message (die). One thread.
 */
#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cdefs.h"

struct link {
	int fd;
	struct ssl_st *ssl; /* NULL: plain */
	int ep;
	bool writing; /* waits for the socket to take more */
	uint8_t *in;
	size_t in_room, in_off, in_end;
	size_t missing; /* of the frame that has begun, if known */
	uint8_t *out;
	size_t out_room, out_off, out_end;
	uint64_t out_total; /* bytes */
};

struct link_framing {
	/*
	 * How long is the frame that starts here, all of it? 0: it can't be
	 * seen yet. Ends the program if it is none.
	 */
	size_t (*size)(const uint8_t *p, size_t n);
	/* a whole one; the bytes are there until it returns */
	void (*frame)(struct link *l, const uint8_t *p, size_t n, void *priv);
};

void die(const char *fmt, ...) NORETURN PRINTF(1, 2);

/* Connects (blocking; tls: with its handshake), then joins the epoll set ep with
 * l as its data. */
void link_open(
    struct link *l, int ep, const char *host, const char *port, bool tls);
void link_close(struct link *l);
/* Stop reading: what the broker sends stays in the socket. */
void link_stall(struct link *l);

/* Reads what is there, at most about a MiB, and hands out whole frames. */
void link_read(struct link *l, const struct link_framing *fm, void *priv);

/* Room for n bytes at the end of the output; link_wrote takes them. */
uint8_t *link_room(struct link *l, size_t n);
void link_wrote(struct link *l, size_t n);
void link_flush(struct link *l);
static inline size_t
link_pending(const struct link *l)
{
	return l->out_end - l->out_off;
}

#endif
