/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL reads from the socket straight into its own buffer, several records
 * at a time, and writes into ours, from where a batch of records goes to the
 * socket at once. Plaintext counts as written when the batch that it is in has
 * gone: what is in a batch that has not is remembered (ahead) and passed over
 * when it is given again. So nobody above has to know of a second queue.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "os/tls_priv.h"

#define RECORD_BYTES SSL3_RT_MAX_PLAIN_LENGTH
/* of a record: header, nonce, type, tag, with room to spare */
#define RECORD_EXTRA 128u

struct tls {
	unsigned magic;
#define TLS_MAGIC 0x715c0002
	struct tls_ctx *ctx;
	SSL *ssl;
	int fd; /* of the call under way */
	/* in: bytes that somebody else has read */
	uint8_t *first;
	size_t first_off, first_len;
	bool drained; /* the socket had no more in this call */
	bool eof;
	/* out: what the socket has not taken, from out_off on */
	uint8_t *out;
	size_t out_off, out_len, out_cap;
	size_t ahead; /* plaintext in there */
	bool shaken, more;
	bool stalled; /* reading waits for room in out */
	bool broken;
	int errnum; /* of the socket */
	char error[96];
	char *name; /* of the client, once shaken; NULL: none */
};

/* A walk along the pieces that are to be written */
struct walk {
	const struct iovec *iov;
	int n;
	size_t off; /* of iov[0] */
};

/* --- between OpenSSL and the socket ------------------------------------------ */

static int
take_first(struct tls *t, char *p, size_t n)
{
	size_t left = t->first_len - t->first_off;

	if (n > left)
		n = left;
	memcpy(p, t->first + t->first_off, n);
	t->first_off += n;
	if (t->first_off == t->first_len)
		MEM_FREE(t->first);
	return (int)n;
}

/* Less than there was room for: the socket is empty, and not asked again before
 * the loop says so. */
static int
bio_read(BIO *b, char *p, int n)
{
	struct tls *t;
	ssize_t got;

	CAST_OBJ_NOTNULL(t, BIO_get_data(b), TLS_MAGIC);
	BIO_clear_retry_flags(b);
	if (t->first != NULL)
		return take_first(t, p, (size_t)n);
	if (t->eof)
		return 0;
	got = t->drained ? -1 : recv(t->fd, p, (size_t)n, 0);
	if (got < 0 && (t->drained || errno == EAGAIN || errno == EINTR)) {
		t->drained = true;
		BIO_set_retry_read(b);
		return -1;
	}
	if (got < 0)
		t->errnum = errno;
	else if (got == 0)
		t->eof = true;
	else if (got < n)
		t->drained = true;
	return (int)got;
}

static void
reserve(struct tls *t, size_t n)
{
	if (t->out_cap - t->out_len >= n)
		return;
	t->out_cap = t->out_len + n;
	if (t->out_cap < 1024)
		t->out_cap = 1024;
	t->out = mem_realloc(t->out, t->out_cap);
}

static int
bio_write(BIO *b, const char *p, int n)
{
	struct tls *t;

	CAST_OBJ_NOTNULL(t, BIO_get_data(b), TLS_MAGIC);
	BIO_clear_retry_flags(b);
	if (t->out_len + (size_t)n > TLS_OUT_MAX) {
		BIO_set_retry_write(b);
		return -1;
	}
	reserve(t, (size_t)n);
	memcpy(t->out + t->out_len, p, (size_t)n);
	t->out_len += (size_t)n;
	return n;
}

static long
bio_ctrl(BIO *b, int cmd, long num, void *p)
{
	struct tls *t;

	(void)num;
	(void)p;
	switch (cmd) {
	case BIO_CTRL_EOF:
		CAST_OBJ_NOTNULL(t, BIO_get_data(b), TLS_MAGIC);
		return t->eof;
	case BIO_CTRL_FLUSH:
		return 1;
	default:
		return 0;
	}
}

BIO_METHOD *
tls_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "magnetar");

	AN(m);
	AN(BIO_meth_set_read(m, bio_read));
	AN(BIO_meth_set_write(m, bio_write));
	AN(BIO_meth_set_ctrl(m, bio_ctrl));
	return m;
}

/* --- life -------------------------------------------------------------------- */

struct tls *
tls_new(struct tls_ctx *ctx, const void *first, size_t len)
{
	struct tls *t;
	BIO *b;

	CHECK_OBJ_NOTNULL(ctx, TLS_CTX_MAGIC);
	ALLOC_OBJ(t, TLS_MAGIC);
	t->ctx = tls_ctx_ref(ctx);
	t->fd = -1;
	if (len > 0) {
		t->first = mem_dup(first, len);
		t->first_len = len;
		t->more = true;
	}
	t->ssl = SSL_new(ctx->ssl);
	AN(t->ssl);
	b = BIO_new(ctx->bio);
	AN(b);
	BIO_set_data(b, t);
	BIO_set_init(b, 1);
	SSL_set_bio(t->ssl, b, b);
	SSL_set_accept_state(t->ssl);
	return t;
}

void
tls_free(struct tls **tp)
{
	struct tls *t;

	TAKE_OBJ_NOTNULL(t, tp, TLS_MAGIC);
	SSL_free(t->ssl);
	mem_free(t->first);
	mem_free(t->out);
	mem_free(t->name);
	tls_ctx_unref(&t->ctx);
	FREE_OBJ(t);
}

unsigned
tls_state(const struct tls *t)
{
	unsigned st = 0;

	CHECK_OBJ_NOTNULL(t, TLS_MAGIC);
	if (!t->shaken)
		st |= TLS_SHAKING;
	if (t->more && !(t->stalled && t->out_len > 0))
		st |= TLS_MORE;
	if (t->out_len > 0 && t->ahead == 0 && t->errnum == 0)
		st |= TLS_OWES;
	return st;
}

const char *
tls_error(const struct tls *t)
{
	CHECK_OBJ_NOTNULL(t, TLS_MAGIC);
	return t->error;
}

/* --- failing ----------------------------------------------------------------- */

static void
note_error(struct tls *t)
{
	unsigned long e = ERR_peek_error();
	const char *why = ERR_reason_error_string(e);

	t->broken = true;
	(void)BIO_snprintf(
	    t->error, sizeof t->error, "%s", why != NULL ? why : "failed");
	ERR_clear_error();
}

static ssize_t
failure(const struct tls *t)
{
	errno = t->errnum != 0 ? t->errnum : EPROTO;
	return -1;
}

static ssize_t
not_now(void)
{
	errno = EAGAIN;
	return -1;
}

/* --- out --------------------------------------------------------------------- */

/* False: the socket takes no more of it, or has failed. */
static bool
send_out(struct tls *t)
{
	ssize_t n;

	while (t->out_off < t->out_len) {
		n = send(t->fd, t->out + t->out_off, t->out_len - t->out_off,
		    MSG_NOSIGNAL);
		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				t->errnum = errno;
			return false;
		}
		t->out_off += (size_t)n;
	}
	t->out_off = t->out_len = t->out_cap = 0;
	MEM_FREE(t->out);
	return true;
}

static void
skip(struct walk *w, size_t n)
{
	while (n > 0 && w->n > 0) {
		if (n < w->iov->iov_len - w->off) {
			w->off += n;
			return;
		}
		n -= w->iov->iov_len - w->off;
		w->off = 0;
		w->iov++;
		w->n--;
	}
	AZ(n);
}

/* The next bytes for a record or more, in place where a piece has them; at most
 * max, 0 at the end. */
static size_t
gather(struct walk *w, uint8_t *stage, const uint8_t **p, size_t max)
{
	size_t n, len = 0;

	if (max > RECORD_BYTES && w->n > 0 &&
	    w->iov->iov_len - w->off >= RECORD_BYTES) {
		n = w->iov->iov_len - w->off;
		n = (n < max ? n : max) / RECORD_BYTES * RECORD_BYTES;
		*p = (const uint8_t *)w->iov->iov_base + w->off;
		skip(w, n);
		return n;
	}
	if (max > RECORD_BYTES)
		max = RECORD_BYTES;
	*p = stage;
	while (w->n > 0 && len < max) {
		n = w->iov->iov_len - w->off;
		if (n > max - len)
			n = max - len;
		memcpy(
		    stage + len, (const uint8_t *)w->iov->iov_base + w->off, n);
		len += n;
		skip(w, n);
		if (n == 0) {
			w->iov++;
			w->n--;
		}
	}
	return len;
}

static size_t
walk_bytes(const struct walk *w, size_t max)
{
	size_t sum = 0;
	int i;

	for (i = 0; i < w->n && sum < max; i++)
		sum += w->iov[i].iov_len - (i == 0 ? w->off : 0);
	return sum < max ? sum : max;
}

/* Encrypts a batch; how much plaintext it has. */
static size_t
encrypt(struct tls *t, struct walk *w)
{
	uint8_t stage[RECORD_BYTES];
	const uint8_t *p;
	size_t n, did, done = 0;
	size_t want = walk_bytes(w, TLS_BATCH_BYTES);

	if (want == 0)
		return 0;
	reserve(t, want + (want / RECORD_BYTES + 2) * RECORD_EXTRA);
	while (done < want) {
		n = gather(w, stage, &p, want - done);
		if (SSL_write_ex(t->ssl, p, n, &did) != 1) {
			note_error(t);
			break;
		}
		assert(did == n);
		done += n;
	}
	return done;
}

ssize_t
tls_writev(struct tls *t, int fd, const struct iovec *iov, int n)
{
	struct walk w = { .iov = iov, .n = n };
	size_t done = 0;

	CHECK_OBJ_NOTNULL(t, TLS_MAGIC);
	t->fd = fd;
	skip(&w, n > 0 ? t->ahead : 0);
	while (send_out(t)) {
		if (n > 0) {
			done += t->ahead;
			t->ahead = 0;
		}
		if (t->broken || !t->shaken)
			break;
		ERR_clear_error();
		t->ahead = encrypt(t, &w);
		if (t->ahead == 0)
			break;
	}
	if (done > 0 || (n == 0 && t->out_len == 0))
		return (ssize_t)done;
	return t->broken || t->errnum != 0 ? failure(t) : not_now();
}

void
tls_shutdown(struct tls *t, int fd)
{
	CHECK_OBJ_NOTNULL(t, TLS_MAGIC);
	t->fd = fd;
	if (t->broken || !t->shaken || t->errnum != 0 || t->out_len > 0)
		return;
	ERR_clear_error();
	/* 0: the peer's is not waited for; a failure would tell nothing new */
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
	(void)send_out(t);
}

/* --- in ---------------------------------------------------------------------- */

char *
tls_cert_name(const X509 *cert)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	unsigned char *utf8 = NULL;
	int at = -1, last = -1, n;
	char *name = NULL;

	while (
	    (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0)
		last = at;
	if (last < 0)
		return NULL;
	n = ASN1_STRING_to_UTF8(&utf8,
	    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
	/* one with a NUL in it passes for another */
	if (n > 0 && memchr(utf8, 0, (size_t)n) == NULL)
		name = mem_strndup((const char *)utf8, (size_t)n);
	OPENSSL_free(utf8);
	return name;
}

static char *
peer_name(const struct tls *t)
{
	const X509 *cert = SSL_get0_peer_certificate(t->ssl);

	if (!t->ctx->trusts || cert == NULL ||
	    SSL_get_verify_result(t->ssl) != X509_V_OK)
		return NULL;
	return tls_cert_name(cert);
}

const char *
tls_peer_name(const struct tls *t)
{
	CHECK_OBJ_NOTNULL(t, TLS_MAGIC);
	return t->name != NULL ? t->name : "";
}

/* Why SSL_read() gave nothing; true: more is there, for the next call. */
static bool
read_ended(struct tls *t, int why)
{
	switch (why) {
	case SSL_ERROR_WANT_READ:
		return false;
	case SSL_ERROR_WANT_WRITE:
		t->stalled = true;
		return true;
	case SSL_ERROR_ZERO_RETURN:
		t->eof = true;
		return true;
	case SSL_ERROR_SYSCALL:
		if (t->errnum == 0)
			t->eof = true;
		t->broken = true;
		return true;
	default:
		note_error(t);
		return true;
	}
}

ssize_t
tls_read(struct tls *t, int fd, void *p, size_t len)
{
	uint8_t *to = p;
	size_t n, done = 0;

	CHECK_OBJ_NOTNULL(t, TLS_MAGIC);
	t->fd = fd;
	t->drained = t->more = t->stalled = false;
	ERR_clear_error();
	while (!t->broken && !t->more && done < len) {
		if (SSL_read_ex(t->ssl, to + done, len - done, &n) == 1)
			done += n;
		else if (read_ended(t, SSL_get_error(t->ssl, 0)))
			t->more = true;
		else
			break;
	}
	if (!t->shaken && SSL_is_init_finished(t->ssl)) {
		t->shaken = true;
		t->name = peer_name(t);
	}
	/* what it answers by itself; behind what waits already */
	if (t->out_len > 0)
		(void)send_out(t);
	if (done == len)
		t->more |= SSL_has_pending(t->ssl) || t->first != NULL;
	if (done > 0)
		return (ssize_t)done;
	if (t->eof && t->errnum == 0 && t->error[0] == '\0')
		return 0;
	return t->broken || t->errnum != 0 ? failure(t) : not_now();
}
