/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, passwords and providers. Signatures that others made: tests/script. */
#include "test.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/apr1.h"
#include "auth/auth.h"
#include "auth/htpasswd.h"
#include "auth/jwt_priv.h"
#include "auth/rmq_sign.h"
#include "auth/secret.h"
#include "auth/source.h"
#include "base/base64.h"
#include "base/compress.h"

static struct diag diag;

static const char secret[] =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* --- tokens ------------------------------------------------------------------------ */

static EVP_PKEY *
pair(const char *alg)
{
	if (alg[0] == 'R' || alg[0] == 'P')
		return EVP_RSA_gen(2048);
	if (strcmp(alg, "EdDSA") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return EVP_EC_gen(strcmp(alg, "ES256") == 0 ? "P-256" :
		strcmp(alg, "ES384") == 0	    ? "P-384" :
						      "P-521");
}

static void
keys_of(EVP_PKEY *k, struct jwt_key **private, struct jwt_key **public)
{
	unsigned char *der = NULL;
	BIO *b = BIO_new(BIO_s_mem());
	char *pem;
	long n;

	assert_int_equal(
	    PEM_write_bio_PrivateKey(b, k, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(b, &pem);
	assert_ok(jwt_key_make(private, JWT_PRIVATE, pem, (size_t)n, &diag));
	BIO_free(b);
	n = i2d_PUBKEY(k, &der);
	assert_true(n > 0);
	assert_ok(jwt_key_make(public, JWT_PUBLIC, der, (size_t)n, &diag));
	OPENSSL_free(der);
}

static char *
signed_by(const struct jwt_key *k, const char *alg)
{
	struct jwt j = { .header = json_pack("{s:s}", "alg", alg),
		.claims = json_pack("{s:s,s:i}", "sub", "me", "exp", 1000) };
	char *text = NULL;

	assert_ok(jwt_sign(&text, k, &j, &diag));
	jwt_fini(&j);
	return text;
}

static enum err
verify(const struct jwt_key *k, const char *text)
{
	struct jwt j;
	enum err e;

	e = jwt_parse(&j, str_of(text), &diag);
	if (e != ERR_OK)
		return e;
	e = jwt_verify(k, &j, str_of(text), &diag);
	jwt_fini(&j);
	return e;
}

static void
test_algorithms(void **state)
{
	static const char *const algs[] = { "RS256", "RS384", "RS512", "PS256",
		"PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA" };
	struct jwt_key *private, *public;
	EVP_PKEY *k;
	char *text, *at;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof algs / sizeof *algs; i++) {
		k = pair(algs[i]);
		assert_non_null(k);
		keys_of(k, &private, &public);
		text = signed_by(private, algs[i]);
		assert_ok(verify(public, text));
		at = strrchr(text, '.') + 2;
		*at = *at == 'A' ? 'B' : 'A';
		assert_err(verify(public, text), ERR_AUTHENTICATION);
		mem_free(text);
		jwt_key_free(&private);
		jwt_key_free(&public);
		EVP_PKEY_free(k);
	}
}

static void
test_confusion(void **state)
{
	struct jwt_key *hs, *private, *public;
	struct jwt j = { json_pack("{s:s}", "alg", "HS256"), json_object() };
	EVP_PKEY *k = pair("RS256");
	char *text;

	(void)state;
	keys_of(k, &private, &public);
	assert_err(jwt_sign(&text, private, &j, &diag), ERR_INVALID_ARG);
	assert_err(jwt_sign(&text, public, &j, &diag), ERR_INVALID_ARG);
	assert_ok(
	    jwt_key_make(&hs, JWT_SECRET, secret, sizeof secret - 1, &diag));
	assert_ok(jwt_sign(&text, hs, &j, &diag));
	assert_ok(verify(hs, text));
	assert_err(verify(public, text), ERR_AUTHENTICATION);
	mem_free(text);
	text = signed_by(private, "RS256");
	assert_err(verify(hs, text), ERR_AUTHENTICATION);
	mem_free(text);
	jwt_fini(&j);
	jwt_key_free(&hs);
	/* a secret too short for what it signs */
	assert_ok(jwt_key_make(&hs, JWT_SECRET, secret, 32, &diag));
	j = (struct jwt){ json_pack("{s:s}", "alg", "HS512"), json_object() };
	assert_err(jwt_sign(&text, hs, &j, &diag), ERR_INVALID_ARG);
	jwt_fini(&j);
	jwt_key_free(&hs);
	assert_err(
	    jwt_key_make(&hs, JWT_SECRET, secret, 31, &diag), ERR_INVALID_ARG);
	jwt_key_free(&private);
	jwt_key_free(&public);
	EVP_PKEY_free(k);
}

static void
test_new_keys(void **state)
{
	/* what jjwt takes for which key; PS is asked for by nobody */
	static const char *const algs[][2] = { { "RS256", "RS256" },
		{ "PS384", "RS384" }, { "ES256", "ES256" },
		{ "ES384", "ES384" }, { "ES512", "ES512" },
		{ "EdDSA", "EdDSA" } };
	struct jwt_key *private, *public;
	struct jwt_pair pair;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof algs / sizeof *algs; i++) {
		assert_ok(jwt_pair_new(&pair, str_of(algs[i][0]), &diag));
		assert_ok(jwt_key_make(&private, JWT_PRIVATE, pair.private,
		    pair.private_len, &diag));
		assert_ok(jwt_key_make(
		    &public, JWT_PUBLIC, pair.public, pair.public_len, &diag));
		assert_string_equal(jwt_key_alg(private), algs[i][1]);
		text = signed_by(private, algs[i][1]);
		assert_ok(verify(public, text));
		mem_free(text);
		assert_true(jwt_key_is_for(public, str_of(algs[i][0])));
		assert_false(jwt_key_is_for(public, STR_LIT("HS256")));
		assert_int_equal(jwt_key_is_for(public, STR_LIT("PS256")),
		    algs[i][1][0] == 'R');
		assert_int_equal(jwt_key_is_for(public, STR_LIT("ES256")),
		    algs[i][1][1] == 'S' && algs[i][1][0] == 'E');
		jwt_key_free(&private);
		jwt_key_free(&public);
		jwt_pair_fini(&pair);
	}
	assert_err(
	    jwt_pair_new(&pair, STR_LIT("HS256"), &diag), ERR_INVALID_ARG);
	assert_err(
	    jwt_pair_new(&pair, STR_LIT("none"), &diag), ERR_INVALID_ARG);
	assert_null(pair.private);
}

static void
test_new_secrets(void **state)
{
	static const struct {
		const char *alg;
		size_t bytes;
	} sizes[] = { { "HS256", 32 }, { "HS384", 48 }, { "HS512", 64 } };
	struct jwt_key *k;
	uint8_t *p, *q;
	size_t i, n;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_ok(jwt_secret_new(&p, &n, str_of(sizes[i].alg), &diag));
		assert_int_equal(n, sizes[i].bytes);
		assert_ok(jwt_key_make(&k, JWT_SECRET, p, n, &diag));
		assert_string_equal(jwt_key_alg(k), sizes[i].alg);
		assert_true(jwt_key_is_for(k, STR_LIT("HS256")));
		assert_false(jwt_key_is_for(k, STR_LIT("RS256")));
		assert_false(jwt_key_is_for(k, STR_LIT("none")));
		jwt_key_free(&k);
		assert_ok(jwt_secret_new(&q, &n, str_of(sizes[i].alg), &diag));
		assert_memory_not_equal(p, q, n);
		source_free(&p, n);
		source_free(&q, n);
	}
	assert_err(
	    jwt_secret_new(&p, &n, STR_LIT("RS256"), &diag), ERR_INVALID_ARG);
	assert_null(p);
}

static void
test_part_text(void **state)
{
	static const char *const bad[] = { "", "x", "..", "e30", "eyJ",
		"e30.W10", "e30.e30=", "e30.e30x" };
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_err(jwt_text_of_part(&text, str_of(bad[i]), 1, &diag),
		    ERR_MALFORMED);
	/* {"alg":"none"} and { "a" : 1 }, as it stands there */
	assert_ok(jwt_text_of_part(
	    &text, STR_LIT("eyJhbGciOiJub25lIn0.eyAiYSIgOiAxIH0."), 1, &diag));
	assert_string_equal(text, "{ \"a\" : 1 }");
	mem_free(text);
}

static void
test_keys(void **state)
{
	struct jwt_key *k;
	EVP_PKEY *weak = EVP_RSA_gen(1024);
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(weak, &der);

	(void)state;
	assert_err(jwt_key_make(&k, JWT_PUBLIC, der, (size_t)n, &diag),
	    ERR_INVALID_ARG);
	assert_err(
	    jwt_key_make(&k, JWT_PUBLIC, "x", 1, &diag), ERR_INVALID_ARG);
	assert_err(
	    jwt_key_make(&k, JWT_PRIVATE, "-----BEGIN X-----\n", 18, &diag),
	    ERR_INVALID_ARG);
	assert_err(jwt_key_make(&k, JWT_PUBLIC, "", 0, &diag), ERR_INVALID_ARG);
	OPENSSL_free(der);
	EVP_PKEY_free(weak);
}

/* RFC 7515 A.2 and A.3, RFC 8037 A.2 */
static void
test_jwk(void **state)
{
	static const char *const vectors[][2] = {
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
		  "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
		  "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
		    "eyJhbGciOiJFUzI1NiJ9."
		    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6"
		    "Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
		    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djx"
		    "La8ISlSApmWQxfKTUJqPP3-Kg6NU1Q" },
	};
	struct jwt_key *k;
	json_t *js;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		js = json_loads(vectors[i][0], 0, NULL);
		assert_ok(jwt_key_of_jwk(&k, js, &diag));
		assert_ok(verify(k, vectors[i][1]));
		jwt_key_free(&k);
		json_decref(js);
	}
	js = json_loads("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
			"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	    0, NULL);
	assert_ok(jwt_key_of_jwk(&k, js, &diag));
	jwt_key_free(&k);
	json_decref(js);
	js = json_loads("{\"kty\":\"oct\",\"k\":\"AAAA\"}", 0, NULL);
	assert_err(jwt_key_of_jwk(&k, js, &diag), ERR_INVALID_ARG);
	json_decref(js);
	/* not on the curve */
	js = json_loads("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
			"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
			"\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
	    0, NULL);
	assert_err(jwt_key_of_jwk(&k, js, &diag), ERR_INVALID_ARG);
	json_decref(js);
}

/* jwt_times() of these claims, ms after the epoch. */
static enum err
at(int64_t now_ms, const char *claims, int64_t skew_ms, int64_t *until)
{
	struct jwt j = { .claims = json_loads(claims, 0, NULL) };
	enum err e;

	assert_non_null(j.claims);
	e = jwt_times(&j, now_ms, skew_ms, until, &diag);
	jwt_fini(&j);
	return e;
}

/* What jjwt 0.13 says of the same, but for "2999-01-01T00:00:00Z", which it takes for a
 * time, and "" and [], which it takes for none. */
static void
test_times(void **state)
{
	static const struct {
		int64_t now_ms;
		const char *claims;
		int64_t skew_ms, until; /* until < 0: refused */
	} v[] = {
		{ 99999, "{\"exp\":100}", 0, 100001 },
		{ 100000, "{\"exp\":100}", 0, 100001 },
		{ 100001, "{\"exp\":100}", 0, -1 },
		{ 105000, "{\"exp\":100}", 5000, 105001 },
		{ 105001, "{\"exp\":100}", 5000, -1 },
		{ 100000, "{\"exp\":100.5}", 0, 100001 },
		{ 100400, "{\"exp\":100.5}", 0, -1 },
		{ 100000, "{\"nbf\":100}", 0, 0 },
		{ 99999, "{\"nbf\":100}", 0, -1 },
		{ 95000, "{\"nbf\":100}", 5000, 0 },
		{ 94999, "{\"nbf\":100}", 5000, -1 },
		{ 100000, "{\"nbf\":100.9}", 0, 0 },
		{ 50000, "{\"iat\":100}", 0, 0 },
		{ 50000, "{\"iat\":\"soon\"}", 0, -1 },
		{ 50000, "{\"exp\":\"100\"}", 0, 100001 },
		{ 50000, "{\"exp\":\"soon\"}", 0, -1 },
		{ 50000, "{\"exp\":\"\"}", 0, -1 },
		{ 50000, "{\"exp\":[]}", 0, -1 },
		{ 50000, "{\"exp\":true}", 0, -1 },
		{ 50000, "{\"exp\":null,\"nbf\":null,\"iat\":null}", 0, 0 },
		{ 50000, "{\"exp\":253402300800}", 0, 253402300800001 },
		{ 50000, "{\"exp\":9223372036854775807}", 0, -1 },
		{ 50000, "{\"exp\":1e30}", 0, -1 },
		{ 50000, "{\"nbf\":\"soon\"}", 0, -1 },
		{ 50000, "{}", 0, 0 },
	};
	int64_t until;
	size_t i;
	enum err e;

	(void)state;
	for (i = 0; i < sizeof v / sizeof *v; i++) {
		e = at(v[i].now_ms, v[i].claims, v[i].skew_ms, &until);
		if ((e == ERR_OK) != (v[i].until >= 0))
			print_error("%s\n", v[i].claims);
		assert_int_equal(
		    e, v[i].until < 0 ? ERR_AUTHENTICATION : ERR_OK);
		if (e == ERR_OK)
			assert_int_equal(until, v[i].until);
	}
}

/* A token of this header and these bytes, signed with the secret. */
static char *
raw_token(const struct jwt_key *k, const char *header, const void *p, size_t n)
{
	char *text = mem_zalloc(4096);
	uint8_t sig[JWT_SIG_MAX];
	size_t at;

	at = base64_encode(text, header, strlen(header), true);
	at = strcspn(text, "=");
	text[at++] = '.';
	at += base64_encode(text + at, p, n, true);
	text[at] = '\0';
	at = strcspn(text, "=");
	n = jwt_sig_make(jwt_alg_of(STR_LIT("HS256")), k, text, at, sig);
	text[at++] = '.';
	at += base64_encode(text + at, sig, n, true);
	text[at] = '\0';
	text[strcspn(text, "=")] = '\0';
	return text;
}

/* As jjwt: DEF is zlib's. */
static void
test_zip(void **state)
{
	static const char claims[] = "{\"sub\":\"me\"}";
	static const char *const plain[] = { "{\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"zip\":null}",
		"{\"alg\":\"HS256\",\"zip\":\"\"}" };
	static const char *const wrong[] = {
		"{\"alg\":\"HS256\",\"zip\":\"DEF\"}",
		"{\"alg\":\"HS256\",\"zip\":\"GZIP\"}",
		"{\"alg\":\"HS256\",\"zip\":\"LZ4\"}",
		"{\"alg\":\"HS256\",\"zip\":7}"
	};
	struct buf *b = compress_deflate(claims, sizeof claims - 1, 9);
	uint8_t *zeros = mem_zalloc(1u << 20);
	struct jwt_key *k;
	char *text;
	size_t i;

	(void)state;
	assert_ok(
	    jwt_key_make(&k, JWT_SECRET, secret, sizeof secret - 1, &diag));
	for (i = 0; i < 3; i++) {
		text = raw_token(k, plain[i], claims, sizeof claims - 1);
		assert_ok(verify(k, text));
		mem_free(text);
	}
	for (i = 0; i < 4; i++) {
		text = raw_token(k, wrong[i], claims, sizeof claims - 1);
		assert_err(verify(k, text), ERR_MALFORMED);
		mem_free(text);
	}
	text = raw_token(k, wrong[0], b->data, b->len);
	assert_ok(verify(k, text));
	mem_free(text);
	buf_unref(&b);
	/* a bomb */
	memset(zeros, ' ', 1u << 20);
	memcpy(zeros, claims, sizeof claims - 1);
	b = compress_deflate(zeros, 1u << 20, 9);
	text = raw_token(k, wrong[0], b->data, b->len);
	assert_err(verify(k, text), ERR_MALFORMED);
	mem_free(text);
	buf_unref(&b);
	mem_free(zeros);
	jwt_key_free(&k);
}

/* --- passwords --------------------------------------------------------------------- */

static void
test_apr1(void **state)
{
	/* openssl passwd -apr1 */
	static const char *const v[][2] = {
		{ "secret", "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/" },
		{ "", "$apr1$xx$aGHxR9NsG1buO7l/rFJjm1" },
		{ "0123456789012345678901234567890123456789",
		    "$apr1$12345678$g7mwQfxy1n1W6s22hSC070" },
	};
	char out[APR1_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof v / sizeof *v; i++) {
		assert_true(apr1(out, str_of(v[i][0]), v[i][1]));
		assert_string_equal(out, v[i][1]);
	}
	assert_false(apr1(out, str_of("x"), "$1$abc$x"));
	assert_true(apr1(out, str_of("x"), "$apr1$"));
}

static void
test_htpasswd(void **state)
{
	static const char text[] =
	    "# users\n"
	    "apr:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\r\n"
	    "\n"
	    "six:$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDe"
	    "hy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1\n"
	    "two:x\n"
	    "two:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n";
	struct htpasswd *h;

	(void)state;
	assert_ok(htpasswd_new(&h, text, sizeof text - 1, &diag));
	assert_true(htpasswd_check(h, str_of("apr"), str_of("secret")));
	assert_false(htpasswd_check(h, str_of("apr"), str_of("secre")));
	assert_false(htpasswd_check(h, str_of("apr"), str_of("")));
	assert_false(htpasswd_check(h, str_of("none"), str_of("secret")));
	assert_true(htpasswd_check(h, str_of("six"), str_of("secret")));
	assert_false(htpasswd_check(h, str_of("six"), str_of("Secret")));
	assert_true(htpasswd_check(h, str_of("two"), str_of("secret")));
	htpasswd_free(&h);
	assert_err(htpasswd_new(&h, "a:b\nno", 6, &diag), ERR_INVALID_ARG);
	assert_string_equal(diag.msg, "line 2 is not user:hash");
	assert_err(htpasswd_new(&h, ":x\n", 3, &diag), ERR_INVALID_ARG);
	assert_err(htpasswd_new(&h, "x:\n", 3, &diag), ERR_INVALID_ARG);
	assert_ok(htpasswd_new(&h, "", 0, &diag));
	assert_false(htpasswd_check(h, str_of("a"), str_of("b")));
	htpasswd_free(&h);
}

/* --- where from -------------------------------------------------------------------- */

static void
assert_source(const char *spec, const char *want)
{
	uint8_t *p;
	size_t n;

	assert_ok(source_read(&p, &n, spec, 100, &diag));
	assert_int_equal(n, strlen(want));
	assert_memory_equal(p, want, n);
	source_free(&p, n);
}

static void
test_source(void **state)
{
	/* as java.net.URL */
	static const struct {
		const char *before, *after;
		bool there;
	} urls[] = { { "file://", "", true }, { "file:", "", true },
		{ "file://localhost", "", true },
		{ "file://LOCALHOST", "", true },
		{ "file:/%74%6Dp/..", "", true }, { "file:", " ", true },
		{ "file:", "?x=y", true }, { "file:", "#f", true },
		{ "file://otherhost", "", false },
		{ "file://127.0.0.1", "", false }, { "file://.", "", false },
		{ "file:", "%0", false }, { "file:", "%zz", false },
		{ "file:", "%00", false }, { "FILE:", "", false } };
	char file[] = "/tmp/mag-auth-XXXXXX", spec[64];
	int fd = mkstemp(file);
	uint8_t *p;
	size_t i, n;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "hello", 5), 5);
	(void)close(fd);
	assert_source(file, "hello");
	for (i = 0; i < sizeof urls / sizeof *urls; i++) {
		(void)snprintf(spec, sizeof spec, "%s%s%s", urls[i].before,
		    file, urls[i].after);
		if (urls[i].there)
			assert_source(spec, "hello");
		else
			assert_err(source_read(&p, &n, spec, 100, &diag),
			    ERR_INVALID_ARG);
	}
	assert_err(source_read(&p, &n, "file://localhost", 100, &diag),
	    ERR_INVALID_ARG);
	assert_err(source_read(&p, &n, "file://", 100, &diag), ERR_INVALID_ARG);
	assert_err(source_read(&p, &n, "file:", 100, &diag), ERR_INVALID_ARG);
	assert_source("data:;base64,aGVsbG8=", "hello");
	assert_source("data:text/plain;base64,aGVsbG8", "hello");
	assert_source("data:,hello", "hello");
	assert_source("aGVsbG8=", "hello");
	assert_err(
	    source_read(&p, &n, "data:hello", 100, &diag), ERR_INVALID_ARG);
	assert_err(
	    source_read(&p, &n, "data:,hello", 4, &diag), ERR_INVALID_ARG);
	assert_err(source_read(&p, &n, "####", 100, &diag), ERR_INVALID_ARG);
	assert_null(strstr(diag.msg, "####"));
	assert_err(
	    source_read(&p, &n, "file:///none", 100, &diag), ERR_INVALID_ARG);
	(void)unlink(file);
}

/* --- RocketMQ's signatures ------------------------------------------------------------ */

#define SIGNED_FIELDS                                                       \
	{ STR_LIT("topic"), STR_LIT("T") }, { STR_LIT("b"), STR_LIT("x") }, \
	    { STR_LIT("AccessKey"), STR_LIT("ak") },                        \
	    { STR_LIT("Signature"), STR_LIT("zzz") },                       \
	{                                                                   \
		STR_LIT("_UNIQUE_KEY_QUERY"), STR_LIT("true")               \
	}

/* Python's hmac, names sorted as UTF-16 */
static void
test_rmq_sign(void **state)
{
	static const struct rmq_sign_field f[] = {
		SIGNED_FIELDS,
		{ STR_LIT("\xef\xac\x81"), STR_LIT("1") },
		{ STR_LIT("\xf0\x9f\x98\x80"), STR_LIT("2") },
		{ STR_LIT("a"), STR_LIT("") },
	};
	struct rmq_sign_key *k = rmq_sign_key_new(str_of("secret12"));
	struct str now = str_of("ywi0SDKh9IsyuvqT4xa0oKj7S14=");
	struct str old = str_of("zgxs3xSAuMnPTdT80sBPeoEhQpI=");
	struct str body = str_of("body");

	(void)state;
	assert_true(rmq_sign_check(k, f, 8, body, false, now));
	assert_true(rmq_sign_check(k, f, 8, body, true, old));
	assert_true(rmq_sign_check(k, f, 8, body, false, now));
	assert_false(rmq_sign_check(k, f, 8, body, true, now));
	assert_false(rmq_sign_check(k, f, 8, str_of("bodY"), false, now));
	assert_false(rmq_sign_check(k, f, 7, body, false, old));
	assert_false(rmq_sign_check(k, f, 8, body, false, STR_NONE));
	rmq_sign_key_free(&k);
	k = rmq_sign_key_new(str_of("secret13"));
	assert_false(rmq_sign_check(k, f, 8, body, false, now));
	rmq_sign_key_free(&k);
}

/* Fields whose first letters tell their order, and two of them that begin alike. */
static void
test_rmq_sign_letters(void **state)
{
	static const struct rmq_sign_field f[] = {
		SIGNED_FIELDS,
		{ STR_LIT("ba"), STR_LIT("y") },
		{ STR_LIT("B"), STR_LIT("z") },
	};
	struct rmq_sign_key *k = rmq_sign_key_new(str_of("secret12"));
	struct str body = str_of("body");

	(void)state;
	assert_true(rmq_sign_check(
	    k, f, 5, body, false, str_of("Ec/e4MpBt9CloRmX70ugYKr2SA0=")));
	assert_true(rmq_sign_check(
	    k, f, 5, body, true, str_of("xcxT3U/E2towTJ5Euhp04KoZC/E=")));
	assert_true(rmq_sign_check(
	    k, f, 7, body, false, str_of("xVctvIT8v1KPrh6nscRSsRrQjFM=")));
	rmq_sign_key_free(&k);
}

/* --- at rest ------------------------------------------------------------------------ */

static void
assert_sealed(
    const struct secret_box *b, const char *name, char *text, const char *want)
{
	char *plain;
	size_t n;
	enum err e = secret_unseal(b, str_of(name), str_of(text), &plain, &n);

	if (want == NULL) {
		assert_err(e, ERR_CORRUPT);
		return;
	}
	assert_ok(e);
	assert_int_equal(n, strlen(want));
	assert_string_equal(plain, want);
	secret_wipe(&plain, n);
}

static void
test_secret(void **state)
{
	char path[] = "/tmp/mag-secret-XXXXXX", *text, *twice;
	int fd = mkstemp(path);
	struct secret_box *b, *again,
	    *other = secret_box_of((uint8_t[32]){ 1 });
	struct stat st;

	(void)state;
	(void)close(fd);
	assert_err(secret_box_open(&b, path, &diag), ERR_CORRUPT);
	(void)unlink(path);
	assert_ok(secret_box_open(&b, path, &diag));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_ok(secret_box_open(&again, path, &diag));
	text = secret_seal(b, str_of("me"), str_of("12345678"));
	twice = secret_seal(b, str_of("me"), str_of("12345678"));
	assert_string_not_equal(text, twice);
	assert_sealed(again, "me", text, "12345678");
	assert_sealed(again, "you", text, NULL);
	assert_sealed(other, "me", text, NULL);
	assert_sealed(again, "me", (char[]){ "AQ==" }, NULL);
	assert_sealed(again, "me", (char[]){ "" }, NULL);
	text[30] = text[30] == 'A' ? 'B' : 'A';
	assert_sealed(again, "me", text, NULL);
	mem_free(text);
	text = secret_seal(b, str_of("me"), str_of(""));
	assert_sealed(again, "me", text, "");
	mem_free(text);
	mem_free(twice);
	secret_box_free(&b);
	secret_box_free(&again);
	secret_box_free(&other);
	(void)unlink(path);
}

/* --- providers --------------------------------------------------------------------- */

static enum err
try(struct auth *au, const char *method, const char *data, const char *cn,
    char **role)
{
	struct auth_result res;
	enum err e;

	e = auth_check(au,
	    &(struct auth_try){ .method = str_of(method),
		.data = str_of(data),
		.cert_cn = str_of(cn),
		.now_ms = 1000 },
	    &res, &diag);
	*role = res.role;
	return e;
}

static void
assert_role(struct auth *au, const char *method, const char *data,
    const char *cn, const char *want)
{
	char *role;
	enum err e = try(au, method, data, cn, &role);

	if (want == NULL) {
		assert_err(e, ERR_AUTHENTICATION);
		assert_null(role);
		return;
	}
	assert_ok(e);
	assert_string_equal(role, want);
	mem_free(role);
}

static void
test_providers(void **state)
{
	struct auth_conf conf = { .providers = "tls, basic",
		.basic = "data:,a:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n"
			 "b:$apr1$abcdefgh$114sDavx9gne3YRNm/slI0" };
	struct auth *au, *two;

	(void)state;
	assert_ok(auth_new(&au, &conf, &diag));
	assert_role(au, "basic", "a:secret", "", "a");
	assert_role(au, "basic", "a:wrong", "", NULL);
	/* the reference can't read passwords with a colon */
	assert_role(au, "basic", "b:sec:ret:", "", "b");
	assert_role(au, "basic", "b:sec", "", NULL);
	assert_role(au, "basic", "a", "", NULL);
	assert_role(au, "basic", "", "", NULL);
	assert_role(au, "tls", "", "me", "me");
	assert_role(au, "tls", "", "", NULL);
	assert_role(au, "none", "", "me", NULL);
	assert_role(au, "token", "x", "", NULL);
	two = auth_ref(au);
	auth_unref(&au);
	assert_role(two, "tls", "", "me", "me");
	auth_unref(&two);
	conf.anonymous = "nobody";
	assert_ok(auth_new(&au, &conf, &diag));
	assert_role(au, "none", "", "", "nobody");
	assert_role(au, "basic", "a:wrong", "", NULL);
	auth_unref(&au);
	conf.providers = "basic,magic";
	assert_err(auth_new(&au, &conf, &diag), ERR_INVALID_ARG);
	conf.providers = "token";
	assert_err(auth_new(&au, &conf, &diag), ERR_INVALID_ARG);
	conf.token_secret_key = "data:,tooshort";
	assert_err(auth_new(&au, &conf, &diag), ERR_INVALID_ARG);
	assert_null(strstr(diag.msg, "tooshort"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_confusion),
		cmocka_unit_test(test_new_keys),
		cmocka_unit_test(test_new_secrets),
		cmocka_unit_test(test_part_text),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_jwk),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_zip),
		cmocka_unit_test(test_apr1),
		cmocka_unit_test(test_htpasswd),
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_rmq_sign),
		cmocka_unit_test(test_rmq_sign_letters),
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_providers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
