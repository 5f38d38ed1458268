/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - TLS 1.2 and 1.3 on the server's side, by OpenSSL 3.
 *
 * A struct tls_ctx is a certificate and the rules: made from files once, never
 * changed, referenced by whoever starts connections with it and by these
 * connections, so that another one can take its place at any time. A struct tls
 * is the state of one connection over a nonblocking socket, of which it is given
 * the descriptor with each call and which it doesn't own.
 *
 * tls_read() and tls_writev() are as read(2) and writev(2): what tls_writev()
 * has returned is with the kernel, and what it has not must be given to it
 * again, the same bytes first. EPROTO is TLS's own failure (tls_error() tells
 * which); the peer has been sent the alert. 0 from tls_read(): the peer has
 * ended its side, by TLS or below it (the protocols above have frames, and see
 * for themselves if one is cut). The handshake goes on inside of tls_read().
 *
 * Renegotiation and compression are off; sessions are resumed by tickets.
 * Small pieces are gathered into records of 16 KiB, records into writes of
 * TLS_BATCH_BYTES.
 *
 * Memory: while bytes come in or wait, a buffer for TLS_READ_BYTES and one for
 * what the socket has not taken, at most TLS_OUT_MAX; both are given back when
 * they are empty.
 * Threads: a tls_ctx any, a struct tls one at a time.
 */
#ifndef OS_TLS_H
#define OS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

#define TLS_BATCH_BYTES (64u << 10)
#define TLS_READ_BYTES (32u << 10)
#define TLS_OUT_MAX (TLS_BATCH_BYTES + (32u << 10))

enum tls_client_cert {
	TLS_CLIENT_NONE, /* not asked for */
	TLS_CLIENT_OPTIONAL,
	TLS_CLIENT_REQUIRED
};

struct tls_ctx;

/* Files are PEM. A string may be NULL or "" where something else is said. */
struct tls_conf {
	const char
	    *cert_path; /* and its chain; "": one is made, signed by itself */
	/* The one before: if its certificate was made, it isn't made again. */
	struct tls_ctx *before; /* may be NULL */
	const char *key_path; /* of cert_path */
	const char *key_password; /* "": the key has none */
	enum tls_client_cert client_cert;
	/* Who may have signed a client's certificate; "": anybody, even itself. */
	const char *trust_path;
	/* "TLSv1.3,TLSv1.2", between which none may be missing; "": both */
	const char *protocols;
	/* Names of OpenSSL or of the standard, by commas or colons; "": those that
	 * are forward secret and authenticated. Those of one version alone leave
	 * that of the other as they are. */
	const char *ciphers;
};

/* ERR_INVALID_ARG: a file that can't be read or used, told in diag. */
enum err tls_ctx_new(
    struct tls_ctx **, const struct tls_conf *, struct diag *) MUST_CHECK;
struct tls_ctx *tls_ctx_ref(struct tls_ctx *);
void tls_ctx_unref(struct tls_ctx **);

struct tls;
/* first: what was read from the socket already. References the context. */
struct tls *tls_new(struct tls_ctx *, const void *first, size_t len);
void tls_free(struct tls **);

ssize_t tls_read(struct tls *, int fd, void *, size_t);
/* n may be 0: sends what waits. */
ssize_t tls_writev(struct tls *, int fd, const struct iovec *, int n);
/* Says that nothing more will be written, if the socket takes it. */
void tls_shutdown(struct tls *, int fd);

/* Nothing can be written yet; tls_writev() says EAGAIN. */
#define TLS_SHAKING 1u
/* tls_read() has more to say, whatever the socket has. */
#define TLS_MORE 2u
/* Output of its own waits for the socket: tls_writev() when it is writable. */
#define TLS_OWES 4u
unsigned tls_state(const struct tls *);
/* The common name of the client's certificate (the last one that its subject has, which
 * is the closest), if it was signed by one of trust_path; "" else, and before the
 * handshake is through. */
const char *tls_peer_name(const struct tls *);
/* "no shared cipher"; "" if it has not failed */
const char *tls_error(const struct tls *);

#endif
