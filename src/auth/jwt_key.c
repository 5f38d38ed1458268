/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of tokens, from files, data URLs, base64 and JWKs. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "auth/jwt_priv.h"
#include "auth/source.h"
#include "base/base64.h"
#include "base/json.h"

#define RSA_BITS_MIN 2048

void
jwt_key_free(struct jwt_key **kp)
{
	struct jwt_key *k;

	TAKE_OBJ_NOTNULL(k, kp, JWT_KEY_MAGIC);
	if (k->secret != NULL)
		OPENSSL_cleanse(k->secret, k->secret_len);
	mem_free(k->secret);
	EVP_PKEY_free(k->pkey);
	FREE_OBJ(k);
}

static struct jwt_key *
of_pkey(EVP_PKEY *pkey, bool can_sign)
{
	struct jwt_key *k;

	ALLOC_OBJ(k, JWT_KEY_MAGIC);
	k->pkey = pkey;
	k->can_sign = can_sign;
	return k;
}

/* --- bytes ------------------------------------------------------------------------ */

/* Without one OpenSSL would ask the terminal. */
static int
no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static EVP_PKEY *
pkey_of(enum jwt_key_kind kind, const uint8_t *p, size_t len)
{
	const uint8_t *der = p;
	EVP_PKEY *k;
	BIO *b;

	if (len < 5 || memcmp(p, "-----", 5) != 0)
		return kind == JWT_PUBLIC ?
		    d2i_PUBKEY(NULL, &der, (long)len) :
		    d2i_AutoPrivateKey(NULL, &der, (long)len);
	b = BIO_new_mem_buf(p, (int)len);
	AN(b);
	k = kind == JWT_PUBLIC ?
	    PEM_read_bio_PUBKEY(b, NULL, no_password, NULL) :
	    PEM_read_bio_PrivateKey(b, NULL, no_password, NULL);
	BIO_free(b);
	return k;
}

static bool
is_ours(const EVP_PKEY *k)
{
	switch (EVP_PKEY_get_base_id(k)) {
	case EVP_PKEY_RSA:
		return EVP_PKEY_get_bits(k) >= RSA_BITS_MIN &&
		    EVP_PKEY_get_size(k) <= (int)JWT_SIG_MAX;
	case EVP_PKEY_EC:
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448:
		return true;
	default:
		return false;
	}
}

enum err
jwt_key_make(struct jwt_key **kp, enum jwt_key_kind kind, const void *p,
    size_t len, struct diag *d)
{
	EVP_PKEY *pkey;

	*kp = NULL;
	if (len > JWT_KEY_MAX)
		return diag_set(d, ERR_INVALID_ARG, "the key is too long");
	if (kind == JWT_SECRET) {
		if (len < 32)
			return diag_set(d, ERR_INVALID_ARG,
			    "the secret key has less than 256 bits");
		*kp = of_pkey(NULL, true);
		(*kp)->secret = mem_dup(p, len);
		(*kp)->secret_len = len;
		return ERR_OK;
	}
	pkey = pkey_of(kind, p, len);
	ERR_clear_error();
	if (pkey == NULL)
		return diag_set(d, ERR_INVALID_ARG,
		    "it is no %s key in PEM or DER",
		    kind == JWT_PUBLIC ? "public" : "private");
	if (!is_ours(pkey)) {
		EVP_PKEY_free(pkey);
		return diag_set(d, ERR_INVALID_ARG,
		    "the key is of a kind or size that is not used");
	}
	*kp = of_pkey(pkey, kind == JWT_PRIVATE);
	return ERR_OK;
}

enum err
jwt_key_read(struct jwt_key **kp, enum jwt_key_kind kind, const char *spec,
    struct diag *d)
{
	uint8_t *p;
	size_t n;
	enum err e;

	*kp = NULL;
	e = source_read(&p, &n, spec, JWT_KEY_MAX, d);
	if (e != ERR_OK)
		return e;
	e = jwt_key_make(kp, kind, p, n, d);
	source_free(&p, n);
	return e;
}

/* --- JWK -------------------------------------------------------------------------- */

/* A member in base64url; false: there is none. p has cap bytes. */
static bool
bytes_of(
    const json_t *jwk, const char *member, uint8_t *p, size_t cap, size_t *n)
{
	const json_t *v = json_object_get(jwk, member);
	struct str s = json_text(v);

	return json_is_string(v) && s.len > 0 &&
	    base64_decode(s, p, cap, n) == ERR_OK && *n > 0;
}

static EVP_PKEY *
from_params(const char *type, OSSL_PARAM_BLD *b)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
	EVP_PKEY *k = NULL;

	AN(c);
	AN(params);
	if (EVP_PKEY_fromdata_init(c) != 1 ||
	    EVP_PKEY_fromdata(c, &k, EVP_PKEY_PUBLIC_KEY, params) != 1)
		k = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(c);
	return k;
}

static EVP_PKEY *
rsa_of(const json_t *jwk)
{
	uint8_t n[JWT_SIG_MAX + 1], e[16];
	size_t n_len, e_len;
	OSSL_PARAM_BLD *b;
	BIGNUM *bn, *be;
	EVP_PKEY *k;

	if (!bytes_of(jwk, "n", n, sizeof n, &n_len) ||
	    !bytes_of(jwk, "e", e, sizeof e, &e_len))
		return NULL;
	b = OSSL_PARAM_BLD_new();
	bn = BN_bin2bn(n, (int)n_len, NULL);
	be = BN_bin2bn(e, (int)e_len, NULL);
	AN(b);
	AN(bn);
	AN(be);
	AN(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, bn));
	AN(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, be));
	k = from_params("RSA", b);
	OSSL_PARAM_BLD_free(b);
	BN_free(bn);
	BN_free(be);
	return k;
}

static EVP_PKEY *
ec_of(const json_t *jwk)
{
	static const struct {
		const char *crv, *group;
		size_t bytes;
	} curves[] = { { "P-256", "prime256v1", 32 },
		{ "P-384", "secp384r1", 48 }, { "P-521", "secp521r1", 66 } };
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	uint8_t point[1 + 2 * 66] = { 4 }; /* not compressed */
	OSSL_PARAM_BLD *b;
	size_t i, x, y, w;
	EVP_PKEY *k;

	for (i = 0; i < 3; i++)
		if (crv != NULL && strcmp(crv, curves[i].crv) == 0)
			break;
	if (i == 3)
		return NULL;
	w = curves[i].bytes;
	if (!bytes_of(jwk, "x", point + 1, w, &x) || x != w ||
	    !bytes_of(jwk, "y", point + 1 + w, w, &y) || y != w)
		return NULL;
	b = OSSL_PARAM_BLD_new();
	AN(b);
	AN(OSSL_PARAM_BLD_push_utf8_string(
	    b, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].group, 0));
	AN(OSSL_PARAM_BLD_push_octet_string(
	    b, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * w));
	k = from_params("EC", b);
	OSSL_PARAM_BLD_free(b);
	return k;
}

static EVP_PKEY *
okp_of(const json_t *jwk)
{
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	uint8_t x[64];
	size_t n;
	int type;

	if (crv == NULL || !bytes_of(jwk, "x", x, sizeof x, &n))
		return NULL;
	if (strcmp(crv, "Ed25519") == 0)
		type = EVP_PKEY_ED25519;
	else if (strcmp(crv, "Ed448") == 0)
		type = EVP_PKEY_ED448;
	else
		return NULL;
	return EVP_PKEY_new_raw_public_key(type, NULL, x, n);
}

enum err
jwt_key_of_jwk(struct jwt_key **kp, const json_t *jwk, struct diag *d)
{
	const char *kty = json_string_value(json_object_get(jwk, "kty"));
	EVP_PKEY *k = NULL;

	*kp = NULL;
	if (kty != NULL && strcmp(kty, "RSA") == 0)
		k = rsa_of(jwk);
	else if (kty != NULL && strcmp(kty, "EC") == 0)
		k = ec_of(jwk);
	else if (kty != NULL && strcmp(kty, "OKP") == 0)
		k = okp_of(jwk);
	ERR_clear_error();
	if (k != NULL && is_ours(k)) {
		*kp = of_pkey(k, false);
		return ERR_OK;
	}
	EVP_PKEY_free(k);
	return diag_set(
	    d, ERR_INVALID_ARG, "a JWK that is no public key of a known kind");
}
