/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/strbuf.h"
#include "os/tls_priv.h"

#define OWN_CERT_NAME "magnetar"
#define DAY_S (24L * 60 * 60)
#define OWN_CERT_DAYS 3650L
#define CIPHERS_MAX 4096

/* Forward secrecy and authenticated encryption only; of 1.3 all are so. */
#define CIPHERS_12 "ECDHE+AESGCM:ECDHE+CHACHA20"

static bool
is_set(const char *s)
{
	return s != NULL && *s != '\0';
}

/* What OpenSSL says first is the cause, the rest follows from it. */
static enum err
failed(struct diag *d, const char *what, const char *path)
{
	unsigned long e = ERR_peek_error();
	const char *why = ERR_reason_error_string(e);

	if (ERR_SYSTEM_ERROR(e))
		why = strerror(ERR_GET_REASON(e));
	ERR_clear_error();
	return diag_set(d, ERR_INVALID_ARG, "TLS: %s%s%s: %s", what,
	    path != NULL ? " " : "", path != NULL ? path : "",
	    why != NULL ? why : "failed");
}

/* --- a certificate of our own ------------------------------------------------ */

static void
add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX v3;
	X509_EXTENSION *ext;

	X509V3_set_ctx_nodb(&v3);
	X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
	AN(ext);
	AN(X509_add_ext(x, ext, -1));
	X509_EXTENSION_free(ext);
}

static bool
sign_own(X509 *x, EVP_PKEY *key)
{
	const unsigned char *cn = (const unsigned char *)OWN_CERT_NAME;
	uint64_t serial;
	X509_NAME *name;

	if (RAND_bytes((unsigned char *)&serial, sizeof serial) != 1)
		return false;
	AN(X509_set_version(x, 2));
	AN(ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1));
	AN(X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S));
	AN(X509_time_adj_ex(
	    X509_getm_notAfter(x), (int)OWN_CERT_DAYS, 0, NULL));
	name = X509_get_subject_name(x);
	AN(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, cn, -1, -1, 0));
	AN(X509_set_issuer_name(x, name));
	AN(X509_set_pubkey(x, key));
	add_extension(x, NID_basic_constraints, "critical,CA:FALSE");
	add_extension(x, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
	return X509_sign(x, key, EVP_sha256()) != 0;
}

static enum err
use_own(SSL_CTX *ssl, const struct tls_ctx *before, struct diag *d)
{
	enum err err = ERR_OK;
	EVP_PKEY *key;
	X509 *x;

	if (before != NULL && before->own) {
		AN(SSL_CTX_use_certificate(
		    ssl, SSL_CTX_get0_certificate(before->ssl)));
		AN(SSL_CTX_use_PrivateKey(
		    ssl, SSL_CTX_get0_privatekey(before->ssl)));
		return ERR_OK;
	}
	key = EVP_EC_gen("P-256");
	x = X509_new();

	if (key == NULL || x == NULL || !sign_own(x, key) ||
	    SSL_CTX_use_certificate(ssl, x) != 1 ||
	    SSL_CTX_use_PrivateKey(ssl, key) != 1)
		err = failed(d, "making a certificate", NULL);
	X509_free(x);
	EVP_PKEY_free(key);
	return err;
}

/* --- from files -------------------------------------------------------------- */

/* Without one OpenSSL would ask the terminal. */
static int
password(char *buf, int size, int writing, void *arg)
{
	const char *pw = arg;
	size_t n = pw != NULL ? strlen(pw) : 0;

	(void)writing;
	if (n > (size_t)size)
		return -1;
	memcpy(buf, pw != NULL ? pw : "", n);
	return (int)n;
}

static enum err
use_files(SSL_CTX *ssl, const struct tls_conf *conf, struct diag *d)
{
	char *pw =
	    is_set(conf->key_password) ? mem_strdup(conf->key_password) : NULL;
	enum err err = ERR_OK;

	if (!is_set(conf->key_path))
		err = diag_set(d, ERR_INVALID_ARG,
		    "TLS: certificate %s without its key", conf->cert_path);
	else if (SSL_CTX_use_certificate_chain_file(ssl, conf->cert_path) != 1)
		err = failed(d, "certificate", conf->cert_path);
	SSL_CTX_set_default_passwd_cb_userdata(ssl, pw);
	if (err == ERR_OK &&
	    SSL_CTX_use_PrivateKey_file(
		ssl, conf->key_path, SSL_FILETYPE_PEM) != 1)
		err = failed(d, "key", conf->key_path);
	SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
	if (pw != NULL)
		OPENSSL_cleanse(pw, strlen(pw));
	mem_free(pw);
	if (err == ERR_OK && SSL_CTX_check_private_key(ssl) != 1)
		err = failed(d, "key", conf->key_path);
	return err;
}

static int
take_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static enum err
ask_clients(SSL_CTX *ssl, const struct tls_conf *conf, struct diag *d)
{
	int mode = SSL_VERIFY_PEER;

	if (conf->client_cert == TLS_CLIENT_NONE)
		return ERR_OK;
	if (conf->client_cert == TLS_CLIENT_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	if (!is_set(conf->trust_path)) {
		SSL_CTX_set_verify(ssl, mode, take_any);
		return ERR_OK;
	}
	SSL_CTX_set_verify(ssl, mode, NULL);
	if (SSL_CTX_load_verify_locations(ssl, conf->trust_path, NULL) != 1)
		return failed(d, "trusted certificates", conf->trust_path);
	SSL_CTX_set_client_CA_list(
	    ssl, SSL_load_client_CA_file(conf->trust_path));
	return ERR_OK;
}

/* --- the context ------------------------------------------------------------- */

static void
set_rules(SSL_CTX *ssl)
{
	static const unsigned char id[] = "magnetar";

	AN(SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION));
	AN(SSL_CTX_set_cipher_list(ssl, CIPHERS_12));
	(void)SSL_CTX_set_options(ssl,
	    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
		SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
		SSL_OP_IGNORE_UNEXPECTED_EOF);
	(void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_default_read_buffer_len(ssl, TLS_READ_BYTES);
	/* tickets need no memory here; a cache would, and a lock */
	(void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	AN(SSL_CTX_set_num_tickets(ssl, 1));
	AN(SSL_CTX_set_session_id_context(ssl, id, sizeof id - 1));
	SSL_CTX_set_default_passwd_cb(ssl, password);
}

static enum err
set_protocols(SSL_CTX *ssl, const char *names, struct diag *d)
{
	bool v12 = false, v13 = false;
	const char *p = names;
	size_t n;

	while (*p != '\0') {
		p += strspn(p, ", ");
		n = strcspn(p, ", ");
		if (n == 7 && memcmp(p, "TLSv1.2", 7) == 0)
			v12 = true;
		else if (n == 7 && memcmp(p, "TLSv1.3", 7) == 0)
			v13 = true;
		else if (n > 0)
			return diag_set(d, ERR_INVALID_ARG,
			    "TLS: protocol \"%.*s\" is not TLSv1.2 or TLSv1.3",
			    (int)(n < 40 ? n : 40), p);
		p += n;
	}
	if (!v12 && !v13)
		return diag_set(d, ERR_INVALID_ARG, "TLS: no protocol");
	AN(SSL_CTX_set_min_proto_version(
	    ssl, v12 ? TLS1_2_VERSION : TLS1_3_VERSION));
	AN(SSL_CTX_set_max_proto_version(
	    ssl, v13 ? TLS1_3_VERSION : TLS1_2_VERSION));
	return ERR_OK;
}

/* 1.3's have names of their own, and a list. */
static enum err
set_ciphers(SSL_CTX *ssl, const char *names, struct diag *d)
{
	struct strbuf v12, v13, *sb;
	const char *p = names, *own;
	enum err err = ERR_OK;
	char name[80];
	size_t n;

	strbuf_init(&v12, CIPHERS_MAX);
	strbuf_init(&v13, CIPHERS_MAX);
	while (*p != '\0') {
		p += strspn(p, ",: ");
		n = strcspn(p, ",: ");
		if (n >= sizeof name)
			break;
		memcpy(name, p, n);
		name[n] = '\0';
		p += n;
		if (n == 0)
			continue;
		own = OPENSSL_cipher_name(name);
		sb = strncmp(name, "TLS_", 4) == 0 &&
			strstr(name, "_WITH_") == NULL ?
		    &v13 :
		    &v12;
		if (sb->len > 0)
			strbuf_addc(sb, ':');
		strbuf_adds(
		    sb, sb == &v12 && strcmp(own, "(NONE)") != 0 ? own : name);
	}
	if (*p != '\0' || strbuf_err(&v12) != ERR_OK ||
	    strbuf_err(&v13) != ERR_OK || v12.len + v13.len == 0)
		err = diag_set(d, ERR_INVALID_ARG, "TLS: ciphers \"%.60s\"", p);
	else if ((v12.len > 0 &&
		     SSL_CTX_set_cipher_list(ssl, strbuf_str(&v12)) != 1) ||
	    (v13.len > 0 &&
		SSL_CTX_set_ciphersuites(ssl, strbuf_str(&v13)) != 1))
		err = failed(d, "ciphers", names);
	strbuf_fini(&v12);
	strbuf_fini(&v13);
	return err;
}

enum err
tls_ctx_new(struct tls_ctx **out, const struct tls_conf *conf, struct diag *d)
{
	struct tls_ctx *ctx;
	enum err err;

	*out = NULL;
	ERR_clear_error();
	ALLOC_OBJ(ctx, TLS_CTX_MAGIC);
	atomic_init(&ctx->refs, 1);
	ctx->ssl = SSL_CTX_new(TLS_server_method());
	AN(ctx->ssl);
	ctx->bio = tls_bio_method();
	set_rules(ctx->ssl);
	ctx->own = !is_set(conf->cert_path);
	err = ctx->own ? use_own(ctx->ssl, conf->before, d) :
			 use_files(ctx->ssl, conf, d);
	if (err == ERR_OK)
		err = ask_clients(ctx->ssl, conf, d);
	ctx->trusts =
	    conf->client_cert != TLS_CLIENT_NONE && is_set(conf->trust_path);
	if (err == ERR_OK && is_set(conf->protocols))
		err = set_protocols(ctx->ssl, conf->protocols, d);
	if (err == ERR_OK && is_set(conf->ciphers))
		err = set_ciphers(ctx->ssl, conf->ciphers, d);
	if (err == ERR_OK)
		*out = ctx;
	else
		tls_ctx_unref(&ctx);
	ERR_clear_error();
	return err;
}

struct tls_ctx *
tls_ctx_ref(struct tls_ctx *ctx)
{
	CHECK_OBJ_NOTNULL(ctx, TLS_CTX_MAGIC);
	(void)atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
	return ctx;
}

void
tls_ctx_unref(struct tls_ctx **ctxp)
{
	struct tls_ctx *ctx;

	TAKE_OBJ_NOTNULL(ctx, ctxp, TLS_CTX_MAGIC);
	if (atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel) > 1)
		return;
	SSL_CTX_free(ctx->ssl);
	BIO_meth_free(ctx->bio);
	FREE_OBJ(ctx);
}
