/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections over TLS, against a client made of OpenSSL and two memory BIOs,
 * whose bytes are carried in pieces of any length.
 */
#include "conn_fixture.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "os/clock.h"
#include "os/tls.h"

struct client {
	struct peer pr;
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out; /* what came from the server, what goes to it */
	size_t piece; /* bytes carried at once */
};

static struct tls_ctx *server;

static void
start_client(struct client *c, int version, size_t piece)
{
	memset(c, 0, sizeof *c);
	c->piece = piece;
	c->ctx = SSL_CTX_new(TLS_client_method());
	assert_true(SSL_CTX_set_min_proto_version(c->ctx, version));
	assert_true(SSL_CTX_set_max_proto_version(c->ctx, version));
	c->ssl = SSL_new(c->ctx);
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	SSL_set_bio(c->ssl, c->in, c->out);
	SSL_set_connect_state(c->ssl);
}

static void
open_client(struct client *c, int version, size_t piece)
{
	start_client(c, version, piece);
	open_peer(&c->pr, &ops);
	conn_start_tls(c->pr.cn, server, NULL, 0);
}

static void
close_client(struct client *c)
{
	close_peer(&c->pr);
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	ERR_clear_error();
}

/* What the client has to say, in pieces; false: the server takes no more. */
static bool
carry_out(struct client *c)
{
	char *p;
	long len = BIO_get_mem_data(c->out, &p);
	ssize_t n;

	while (len > 0) {
		n = send(c->pr.fd, p,
		    (size_t)len < c->piece ? (size_t)len : c->piece,
		    MSG_NOSIGNAL);
		if (n < 0)
			return false;
		assert_true(BIO_read(c->out, p, (int)n) == n);
		spin(1);
		len = BIO_get_mem_data(c->out, &p);
	}
	return true;
}

static bool
carry_in(struct client *c)
{
	char b[70000];
	ssize_t n;

	n = recv(c->pr.fd, b, c->piece < sizeof b ? c->piece : sizeof b, 0);
	if (n <= 0)
		return false;
	assert_true(BIO_write(c->in, b, (int)n) == n);
	return true;
}

static void
carry(struct client *c)
{
	int i;

	(void)carry_out(c);
	for (i = 0; i < 3 || (i < 1000000 && carry_in(c)); i++)
		spin(1);
}

static void
shake(struct client *c)
{
	int i;

	for (i = 0; i < 100000 && !SSL_is_init_finished(c->ssl); i++) {
		(void)SSL_do_handshake(c->ssl);
		ERR_clear_error();
		carry(c);
	}
	assert_true(SSL_is_init_finished(c->ssl));
	carry(c);
	assert_true(conn_is_tls(c->pr.cn));
}

static void
say(struct client *c, const uint8_t *p, size_t len)
{
	size_t n;

	assert_int_equal(SSL_write_ex(c->ssl, p, len, &n), 1);
	assert_int_equal(n, len);
	(void)carry_out(c);
	spin(3);
}

/* len bytes from the server */
static void
hear(struct client *c, uint8_t *p, size_t len)
{
	size_t n, done = 0;
	int i;

	for (i = 0; i < 10000000 && done < len; i++) {
		if (SSL_read_ex(c->ssl, p + done, len - done, &n) == 1) {
			done += n;
			continue;
		}
		ERR_clear_error();
		(void)carry_out(c);
		spin(1);
		(void)carry_in(c);
	}
	assert_int_equal(done, len);
}

/* ---- both versions, cut anywhere */

static void
talk(int version, size_t piece)
{
	uint8_t b[60000], got[60000];
	struct client c;
	size_t len = 0, i;

	open_client(&c, version, piece);
	c.pr.echo = true;
	shake(&c);
	assert_int_equal(SSL_version(c.ssl), version);
	for (i = 0; i < 20; i++)
		len += put_frame(b + len, rnd() % 2900, (uint8_t)rnd());
	/* one record for all, then one for each byte of a few */
	say(&c, b, len);
	assert_int_equal(c.pr.frames, 20);
	hear(&c, got, len);
	assert_memory_equal(got, b, len);
	for (i = 0; i < 40; i++)
		say(&c, b + i, 1);
	say(&c, b + i, len - i);
	assert_int_equal(c.pr.frames, 40);
	hear(&c, got, len);
	assert_memory_equal(got, b, len);
	assert_int_equal(conn_rx_bytes(c.pr.cn), 2 * len);
	assert_int_equal(conn_tx_total_bytes(c.pr.cn), 2 * len);
	close_client(&c);
}

static void
test_talk(void **state)
{
	static const size_t pieces[] = { 1, 5, 1000, 16384 + 22, 1u << 20 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(pieces); i++) {
		talk(TLS1_2_VERSION, pieces[i]);
		talk(TLS1_3_VERSION, pieces[i]);
	}
}

/* Frames longer than records and than a read, from several at once */
static void
test_large(void **state)
{
	static uint8_t b[3][2u << 20], got[2u << 20];
	struct client c[3];
	size_t len[3], i, k, n;

	(void)state;
	for (i = 0; i < NELEM(c); i++) {
		open_client(
		    &c[i], i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, 30000 + i);
		shake(&c[i]);
		c[i].pr.echo = true;
		len[i] = put_frame(b[i], 700000 + i * 500000, (uint8_t)i);
	}
	for (k = 0; k < len[2]; k += 50000)
		for (i = 0; i < NELEM(c); i++) {
			if (k >= len[i])
				continue;
			n = len[i] - k < 50000 ? len[i] - k : 50000;
			say(&c[i], b[i] + k, n);
		}
	for (i = 0; i < NELEM(c); i++) {
		hear(&c[i], got, len[i]);
		assert_memory_equal(got, b[i], len[i]);
		assert_int_equal(c[i].pr.frames, 1);
		close_client(&c[i]);
	}
}

/* ---- the first bytes were read already */

struct sniffer {
	struct client c;
	unsigned calls;
	size_t first_n;
};

static size_t
on_first(struct conn *cn, void *priv, const uint8_t *p, size_t len,
    struct buf *b, size_t *need)
{
	struct sniffer *s = priv;

	(void)b;
	(void)need;
	s->calls++;
	s->first_n = len;
	assert_int_equal(p[0], 0x16);
	conn_set_owner(cn, &conf, &ops, &s->c.pr);
	conn_start_tls(cn, server, p, len);
	return len;
}

static void
test_first_bytes(void **state)
{
	static const struct conn_ops sniff = {
		.name = "sniff", .on_data = on_first, .on_closed = on_closed
	};
	static const size_t pieces[] = { 1, 4, 200, 1u << 20 };
	struct sniffer s;
	uint8_t b[100];
	size_t i, len;

	(void)state;
	for (i = 0; i < NELEM(pieces); i++) {
		memset(&s, 0, sizeof s);
		start_client(&s.c, TLS1_3_VERSION, pieces[i]);
		open_peer(&s.c.pr, &sniff);
		conn_set_owner(s.c.pr.cn, &conf, &sniff, &s);
		shake(&s.c);
		assert_int_equal(s.calls, 1);
		assert_true(s.first_n <= pieces[i]);
		len = put_frame(b, 50, 3);
		say(&s.c, b, len);
		assert_int_equal(s.c.pr.frames, 1);
		close_client(&s.c);
	}
}

/* ---- back-pressure */

static size_t
fill(uint8_t *p, size_t max)
{
	size_t len = 0, n;

	while (len + 140000 < max) {
		n = rnd() % 4 == 0 ? rnd() % 130000 : rnd() % 700;
		len += put_frame(p + len, n, (uint8_t)rnd());
	}
	return len;
}

/* Slices and copies of all lengths, more than sockets take, to who reads late */
static void
slow_reader(int version)
{
	static uint8_t got[8u << 20];
	struct buf *big = buf_new(8u << 20);
	struct client c;
	size_t len, at = 0, n;
	char *p;

	len = fill(big->data, big->cap);
	big->len = (uint32_t)len;
	open_client(&c, version, 1u << 20);
	shake(&c);
	while (at < len) {
		n = rnd() % 3 == 0 ? rnd() % 100000 : rnd() % 300;
		if (n > len - at)
			n = len - at;
		if (rnd() % 2)
			conn_write_slice(
			    c.pr.cn, slice_of(big, (uint32_t)at, (uint32_t)n));
		else
			conn_write(c.pr.cn, big->data + at, n);
		at += n;
	}
	spin(20);
	/* what is not with the socket counts as waiting, and no more is done */
	assert_true(conn_tx_full(c.pr.cn));
	assert_true(conn_tx_bytes(c.pr.cn) > len - (6u << 20));
	assert_true(BIO_get_mem_data(c.in, &p) < 70000);
	hear(&c, got, len);
	assert_memory_equal(got, big->data, len);
	spin(3);
	assert_int_equal(conn_tx_bytes(c.pr.cn), 0);
	assert_int_equal(conn_tx_total_bytes(c.pr.cn), len);
	assert_int_equal(c.pr.drained, 1);
	close_client(&c);
	buf_unref(&big);
}

static void
test_slow_reader(void **state)
{
	(void)state;
	slow_reader(TLS1_2_VERSION);
	slow_reader(TLS1_3_VERSION);
}

/* Records are full: a thousand small slices are not a thousand records. */
static void
test_records_are_full(void **state)
{
	struct client c;
	struct buf *b = buf_new(600);
	char raw[70000];
	size_t raw_n = 0;
	ssize_t n;
	int i;

	(void)state;
	memset(b->data, 'x', 600);
	b->len = 600;
	open_client(&c, TLS1_3_VERSION, 1u << 20);
	shake(&c);
	for (i = 0; i < 100; i++)
		conn_write_slice(c.pr.cn, slice_of(b, 0, 600));
	spin(3);
	while ((n = recv(c.pr.fd, raw + raw_n, sizeof raw - raw_n, 0)) > 0)
		raw_n += (size_t)n;
	/* 60,000 bytes are four records of 22 bytes more each */
	assert_int_equal(raw_n, 60000 + 4 * 22);
	close_client(&c);
	buf_unref(&b);
}

/* Paused with bytes inside of TLS, of which the socket says nothing: they come
 * after the resume, though nothing else does. */
static void
test_pause(void **state)
{
	static uint8_t b[400000];
	struct client c;
	size_t len = 0;
	unsigned want = 0, i;

	(void)state;
	open_client(&c, TLS1_3_VERSION, 1u << 20);
	shake(&c);
	while (len < 300000) {
		len += put_frame(b + len, rnd() % 3000, 1);
		want++;
	}
	c.pr.pause_after = 1;
	say(&c, b, len);
	spin(5);
	assert_int_equal(c.pr.frames, 1);
	for (i = 2; i < 40; i++) {
		c.pr.pause_after = i;
		conn_resume(c.pr.cn);
		spin(3);
		assert_int_equal(c.pr.frames, i);
	}
	conn_resume(c.pr.cn);
	spin(10);
	assert_int_equal(c.pr.frames, want);
	close_client(&c);
}

/* ---- faults of peers */

static void
test_hostile(void **state)
{
	uint8_t junk[3000];
	struct client c;
	unsigned i, k;
	int n;
	char *p;

	(void)state;
	for (i = 0; i < 400; i++) {
		open_client(&c, i % 2 ? TLS1_2_VERSION : TLS1_3_VERSION, 1000);
		if (i % 4 < 2) {
			shake(&c);
			n = 0;
		} else {
			(void)SSL_do_handshake(c.ssl);
			ERR_clear_error();
			n = (int)BIO_get_mem_data(c.out, &p);
			if (i % 8 < 4)
				memcpy(junk, p, (size_t)n);
			else
				n = 0;
		}
		for (k = (unsigned)n; k < sizeof junk; k++)
			junk[k] = (uint8_t)rnd();
		if (n > 0)
			junk[rnd() % (unsigned)n] ^= (uint8_t)(1 + rnd() % 255);
		else if (i % 3 != 0)
			junk[0] = (uint8_t)(0x14 + rnd() % 4);
		(void)send(c.pr.fd, junk, sizeof junk, MSG_NOSIGNAL);
		spin(4);
		(void)shutdown(c.pr.fd, SHUT_WR);
		spin(4);
		assert_true(
		    c.pr.closed == CLOSE_TLS || c.pr.closed == CLOSE_PEER);
		assert_int_equal(c.pr.frames, 0);
		close_client(&c);
	}
}

/* A byte of every record altered: nothing of it is seen. */
static void
test_tampered(void **state)
{
	struct client c;
	uint8_t b[300];
	size_t len, n;
	long raw_n;
	char *p;

	(void)state;
	open_client(&c, TLS1_2_VERSION, 1000);
	shake(&c);
	len = put_frame(b, 200, 9);
	assert_int_equal(SSL_write_ex(c.ssl, b, len, &n), 1);
	raw_n = BIO_get_mem_data(c.out, &p);
	p[raw_n / 2] ^= 1;
	(void)carry_out(&c);
	spin(3);
	assert_int_equal(c.pr.closed, CLOSE_TLS);
	assert_int_equal(c.pr.frames, 0);
	close_client(&c);
}

static void
ends_at(int version, bool whole_handshake, size_t bytes)
{
	struct client c;
	uint8_t b[300];
	size_t len, n;
	char *p;

	open_client(&c, version, 1000);
	if (whole_handshake) {
		shake(&c);
		len = put_frame(b, 200, 9);
		assert_int_equal(SSL_write_ex(c.ssl, b, len, &n), 1);
	} else {
		(void)SSL_do_handshake(c.ssl);
		ERR_clear_error();
	}
	assert_true(BIO_get_mem_data(c.out, &p) > (long)bytes);
	assert_int_equal(send(c.pr.fd, p, bytes, MSG_NOSIGNAL), bytes);
	spin(2);
	assert_int_equal(c.pr.closed, CLOSE_NONE);
	(void)shutdown(c.pr.fd, SHUT_WR);
	spin(4);
	assert_int_equal(c.pr.closed, CLOSE_PEER);
	close_client(&c);
}

static void
test_end_in_the_middle(void **state)
{
	(void)state;
	ends_at(TLS1_2_VERSION, false, 0);
	ends_at(TLS1_3_VERSION, false, 3);
	ends_at(TLS1_2_VERSION, false, 100);
	ends_at(TLS1_3_VERSION, true, 0);
	ends_at(TLS1_2_VERSION, true, 3);
	ends_at(TLS1_3_VERSION, true, 100);
}

/* Closed by TLS alone, the socket stays open. */
static void
test_close_notify(void **state)
{
	struct client c;

	(void)state;
	open_client(&c, TLS1_3_VERSION, 1000);
	shake(&c);
	(void)SSL_shutdown(c.ssl);
	(void)carry_out(&c);
	spin(3);
	assert_int_equal(c.pr.closed, CLOSE_PEER);
	close_client(&c);

	open_client(&c, TLS1_2_VERSION, 1000);
	shake(&c);
	conn_write(c.pr.cn, "bye", 3);
	conn_close_flushed(c.pr.cn, CLOSE_SHUTDOWN, 1000);
	spin(3);
	carry(&c);
	{
		uint8_t got[3];
		size_t n;

		hear(&c, got, 3);
		assert_memory_equal(got, "bye", 3);
		assert_int_equal(SSL_read_ex(c.ssl, got, 1, &n), 0);
		/* not the end of the socket only */
		assert_int_equal(
		    SSL_get_error(c.ssl, 0), SSL_ERROR_ZERO_RETURN);
	}
	(void)shutdown(c.pr.fd, SHUT_WR);
	spin(3);
	assert_int_equal(c.pr.closed, CLOSE_SHUTDOWN);
	close_client(&c);
}

/* It said its end and is gone, so that nobody hears ours. Once this was looked at
 * again and again, until the time to linger was over. */
static void
test_gone_after_close_notify(void **state)
{
	struct client c;
	char *p;
	long len;

	(void)state;
	open_client(&c, TLS1_3_VERSION, 1000);
	shake(&c);
	(void)SSL_shutdown(c.ssl);
	len = BIO_get_mem_data(c.out, &p);
	assert_int_equal(send(c.pr.fd, p, (size_t)len, MSG_NOSIGNAL), len);
	(void)shutdown(c.pr.fd, SHUT_RDWR);
	conn_close_flushed(c.pr.cn, CLOSE_SHUTDOWN, 600000);
	spin(10);
	assert_int_equal(c.pr.closed, CLOSE_SHUTDOWN);
	close_client(&c);
}

static void
test_handshake_timeout(void **state)
{
	struct client c;
	int64_t start = clock_mono_ns(), end;
	int i;

	(void)state;
	conf.tls_handshake_ms = 100;
	open_client(&c, TLS1_3_VERSION, 1);
	/* what is written meanwhile waits, and the loop with it */
	conn_write(c.pr.cn, "x", 1);
	for (i = 0; i < 1000 && c.pr.closed == CLOSE_NONE; i++)
		loop_run_once(lp, true);
	end = clock_mono_ns();
	assert_int_equal(c.pr.closed, CLOSE_HANDSHAKE_TIMEOUT);
	assert_true(end - start >= 100 * CLOCK_NS_PER_MS);
	assert_true(i < 20);
	close_client(&c);

	/* done in time: nothing more comes of it */
	open_client(&c, TLS1_3_VERSION, 1000);
	conn_write(c.pr.cn, "x", 1);
	shake(&c);
	start = clock_mono_ns();
	while (clock_mono_ns() - start < 150 * CLOCK_NS_PER_MS)
		spin(1);
	assert_int_equal(c.pr.closed, CLOSE_NONE);
	{
		uint8_t x = 0;

		hear(&c, &x, 1);
		assert_int_equal(x, 'x');
	}
	close_client(&c);
}

/* Asked for ever new keys by somebody who doesn't read the answers */
static void
test_key_updates(void **state)
{
	struct client c;
	uint8_t b[100];
	size_t len, n;
	unsigned i;
	bool stuck = false;

	(void)state;
	open_client(&c, TLS1_3_VERSION, 1u << 20);
	shake(&c);
	len = put_frame(b, 20, 1);
	for (i = 0; i < 200000 && !stuck; i++) {
		assert_true(SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED));
		assert_int_equal(SSL_write_ex(c.ssl, b, len, &n), 1);
		stuck = i % 64 == 63 && !carry_out(&c);
	}
	assert_true(stuck || c.pr.closed == CLOSE_TLS);
	if (c.pr.closed == CLOSE_NONE) {
		/* it goes on when the answers are read */
		uint8_t none;
		unsigned k;

		for (k = 0; k < 1000000 && c.pr.frames < i; k++) {
			(void)carry_in(&c);
			(void)SSL_read_ex(c.ssl, &none, 1, &n);
			ERR_clear_error();
			(void)carry_out(&c);
			spin(1);
		}
		assert_int_equal(c.pr.frames, i);
	}
	close_client(&c);
}

/* 1.2's renegotiation is refused. */
static void
test_renegotiation(void **state)
{
	struct client c;
	int i;

	(void)state;
	open_client(&c, TLS1_2_VERSION, 1000);
	shake(&c);
	assert_true(SSL_renegotiate(c.ssl));
	for (i = 0; i < 20; i++) {
		(void)SSL_do_handshake(c.ssl);
		carry(&c);
	}
	assert_true(c.pr.closed != CLOSE_NONE ||
	    SSL_renegotiate_pending(c.ssl) || !SSL_is_init_finished(c.ssl));
	ERR_clear_error();
	close_client(&c);
}

/* ---- to another shard */

static struct conn_parcel *parcel;

static void
on_detached(struct conn *cn, void *priv, struct conn_parcel *cp)
{
	struct peer *pr = priv;

	(void)cn;
	pr->cn = NULL;
	parcel = cp;
}

static size_t
on_leave(struct conn *cn, void *priv, const uint8_t *p, size_t len,
    struct buf *b, size_t *need)
{
	(void)priv;
	(void)p;
	(void)len;
	(void)b;
	(void)need;
	conn_detach(cn);
	return 0;
}

/* With bytes that were read, bytes inside of TLS, and bytes in the socket */
static void
test_moves(void **state)
{
	static const struct conn_ops leaving = { .name = "leaving",
		.on_data = on_leave,
		.on_closed = on_closed,
		.on_detached = on_detached };
	static uint8_t b[500000], got[500000];
	struct client c;
	size_t len = 0;
	unsigned want = 0;
	int i;

	(void)state;
	while (len < 400000) {
		len += put_frame(b + len, rnd() % 9000, (uint8_t)rnd());
		want++;
	}
	for (i = 0; i < 2; i++) {
		open_client(
		    &c, i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, 1u << 20);
		shake(&c);
		conn_set_owner(c.pr.cn, &conf, &leaving, &c.pr);
		say(&c, b, len);
		spin(6);
		assert_non_null(parcel);
		(void)carry_out(&c);
		c.pr.cn = conn_adopt(net, &parcel, &conf, &ops, &c.pr);
		assert_true(conn_is_tls(c.pr.cn));
		c.pr.echo = true;
		hear(&c, got, len);
		assert_memory_equal(got, b, len);
		assert_int_equal(c.pr.frames, want);
		close_client(&c);
	}
	/* nobody takes it */
	open_client(&c, TLS1_3_VERSION, 1u << 20);
	shake(&c);
	conn_set_owner(c.pr.cn, &conf, &leaving, &c.pr);
	say(&c, b, 5);
	spin(6);
	conn_parcel_free(&parcel);
	close_client(&c);
}

/* ---- the context */

/* A certificate that was made is made once. */
static void
must_be_kept(struct tls_ctx *before)
{
	struct tls_conf own = { .before = before };
	struct tls_ctx *now = server;
	struct client c, d;
	struct diag diag = { "" };

	open_client(&c, TLS1_3_VERSION, 1000);
	shake(&c);
	assert_ok(tls_ctx_new(&server, &own, &diag));
	open_client(&d, TLS1_3_VERSION, 1000);
	shake(&d);
	assert_int_equal(X509_cmp(SSL_get0_peer_certificate(c.ssl),
			     SSL_get0_peer_certificate(d.ssl)),
	    0);
	close_client(&c);
	close_client(&d);
	tls_ctx_unref(&server);
	server = now;
}

/* The old one goes when its last connection has gone. */
static void
test_replaced(void **state)
{
	static const struct tls_conf own = { .cert_path = "" };
	struct tls_ctx *old = server;
	struct client c, d;
	struct diag diag = { "" };
	uint8_t b[100], got[100];
	size_t len = put_frame(b, 50, 3);

	(void)state;
	open_client(&c, TLS1_3_VERSION, 1000);
	tls_ctx_unref(&old);
	assert_ok(tls_ctx_new(&server, &own, &diag));
	shake(&c);
	c.pr.echo = true;
	open_client(&d, TLS1_3_VERSION, 1000);
	shake(&d);
	must_be_kept(server);
	assert_int_not_equal(X509_cmp(SSL_get0_peer_certificate(c.ssl),
				 SSL_get0_peer_certificate(d.ssl)),
	    0);
	say(&c, b, len);
	hear(&c, got, len);
	assert_memory_equal(got, b, len);
	close_client(&c);
	close_client(&d);
}

static void
must_fail(struct tls_conf tc, const char *text)
{
	struct tls_ctx *ctx;
	struct diag d = { "" };

	assert_err(tls_ctx_new(&ctx, &tc, &d), ERR_INVALID_ARG);
	assert_null(ctx);
	if (strstr(d.msg, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, d.msg);
}

static void
write_key(const char *path, EVP_PKEY *k, const char *pw)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_PKCS8PrivateKey(f, k,
			     pw != NULL ? EVP_aes_128_cbc() : NULL, pw,
			     pw != NULL ? (int)strlen(pw) : 0, NULL, NULL),
	    1);
	assert_int_equal(fclose(f), 0);
}

static void
write_cert(const char *path, EVP_PKEY *k)
{
	X509 *x = X509_new();
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	AN(X509_set_version(x, 2));
	AN(X509_gmtime_adj(X509_getm_notBefore(x), -1000));
	AN(X509_gmtime_adj(X509_getm_notAfter(x), 100000));
	AN(X509_set_pubkey(x, k));
	AN(X509_sign(x, k, EVP_sha256()));
	assert_int_equal(PEM_write_X509(f, x), 1);
	assert_int_equal(fclose(f), 0);
	X509_free(x);
}

static void
test_files(void **state)
{
	static const char cert[] = "test_tls.cert.tmp",
			  key[] = "test_tls.key.tmp",
			  locked[] = "test_tls.locked.tmp",
			  other[] = "test_tls.other.tmp";
	EVP_PKEY *k = EVP_EC_gen("P-256"), *k2 = EVP_EC_gen("P-256");
	struct tls_conf tc = { .cert_path = cert, .key_path = key };
	struct tls_ctx *ctx;
	struct diag d = { "" };

	(void)state;
	write_cert(cert, k);
	write_key(key, k, NULL);
	write_key(locked, k, "open sesame");
	write_key(other, k2, NULL);
	assert_ok(tls_ctx_new(&ctx, &tc, &d));
	tls_ctx_unref(&ctx);
	tc.key_path = locked;
	tc.key_password = "open sesame";
	assert_ok(tls_ctx_new(&ctx, &tc, &d));
	tls_ctx_unref(&ctx);
	tc.key_password = "sesame";
	must_fail(tc, locked);
	tc.key_password = "";
	must_fail(tc, locked);
	tc.key_path = other;
	must_fail(tc, other);
	tc.key_path = "";
	must_fail(tc, "without its key");
	tc.key_path = "test_tls.nowhere";
	must_fail(tc, "test_tls.nowhere: No such file");
	tc.cert_path = key;
	must_fail(tc, key);
	tc = (struct tls_conf){ .client_cert = TLS_CLIENT_REQUIRED,
		.trust_path = "test_tls.nowhere" };
	must_fail(tc, "test_tls.nowhere");
	must_fail((struct tls_conf){ .protocols = "TLSv1.2,SSLv3" }, "SSLv3");
	must_fail((struct tls_conf){ .protocols = "," }, "no protocol");
	must_fail((struct tls_conf){ .ciphers = "NO-SUCH" }, "NO-SUCH");
	must_fail((struct tls_conf){ .ciphers = "TLS_NO_SUCH" }, "TLS_NO_SUCH");
	must_fail((struct tls_conf){ .ciphers = " ," }, "ciphers");
	EVP_PKEY_free(k);
	EVP_PKEY_free(k2);
	(void)unlink(cert);
	(void)unlink(key);
	(void)unlink(locked);
	(void)unlink(other);
}

static int
setup_tls(void **state)
{
	static const struct tls_conf own = { .cert_path = NULL };
	struct diag d = { "" };

	assert_ok(tls_ctx_new(&server, &own, &d));
	return setup(state);
}

static int
teardown_tls(void **state)
{
	(void)teardown(state);
	tls_ctx_unref(&server);
	return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup_tls, teardown_tls)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_talk),
		T(test_large),
		T(test_first_bytes),
		T(test_slow_reader),
		T(test_records_are_full),
		T(test_pause),
		T(test_hostile),
		T(test_tampered),
		T(test_end_in_the_middle),
		T(test_close_notify),
		T(test_gone_after_close_notify),
		T(test_handshake_timeout),
		T(test_key_updates),
		T(test_renegotiation),
		T(test_moves),
		T(test_replaced),
		T(test_files),
	};

	prot_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
