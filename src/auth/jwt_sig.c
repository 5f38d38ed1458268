/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of RFC 7518 section 3 and RFC 8037, by OpenSSL's EVP. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <string.h>
#include <strings.h>

#include "auth/jwt_priv.h"

static const struct jwt_alg algs[] = {
	{ "HS256", JWT_HS, "SHA256", 32, NULL },
	{ "HS384", JWT_HS, "SHA384", 48, NULL },
	{ "HS512", JWT_HS, "SHA512", 64, NULL },
	{ "RS256", JWT_RS, "SHA256", 0, NULL },
	{ "RS384", JWT_RS, "SHA384", 0, NULL },
	{ "RS512", JWT_RS, "SHA512", 0, NULL },
	{ "PS256", JWT_PS, "SHA256", 0, NULL },
	{ "PS384", JWT_PS, "SHA384", 0, NULL },
	{ "PS512", JWT_PS, "SHA512", 0, NULL },
	{ "ES256", JWT_ES, "SHA256", 32, "prime256v1" },
	{ "ES384", JWT_ES, "SHA384", 48, "secp384r1" },
	{ "ES512", JWT_ES, "SHA512", 66, "secp521r1" },
	{ "EdDSA", JWT_EDDSA, NULL, 0, NULL },
};

const struct jwt_alg *
jwt_alg_of(struct str name)
{
	size_t i;

	for (i = 0; i < sizeof algs / sizeof *algs; i++)
		if (str_eq(name, str_of(algs[i].name)))
			return &algs[i];
	return NULL;
}

const struct jwt_alg *
jwt_alg_of_any_case(struct str name)
{
	size_t i;

	for (i = 0; i < sizeof algs / sizeof *algs; i++)
		if (strlen(algs[i].name) == name.len &&
		    strncasecmp(algs[i].name, name.p, name.len) == 0)
			return &algs[i];
	return NULL;
}

static bool
has_curve(const EVP_PKEY *k, const char *curve)
{
	char name[64];
	size_t n;

	return EVP_PKEY_get_utf8_string_param(
		   k, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, &n) == 1 &&
	    strcmp(name, curve) == 0;
}

bool
jwt_alg_fits(const struct jwt_alg *a, const struct jwt_key *k)
{
	CHECK_OBJ_NOTNULL(k, JWT_KEY_MAGIC);
	if ((k->secret != NULL) != (a->family == JWT_HS))
		return false;
	switch (a->family) {
	case JWT_HS:
		return k->secret_len >= a->bytes;
	case JWT_RS:
	case JWT_PS:
		return EVP_PKEY_get_base_id(k->pkey) == EVP_PKEY_RSA;
	case JWT_ES:
		return EVP_PKEY_get_base_id(k->pkey) == EVP_PKEY_EC &&
		    has_curve(k->pkey, a->curve);
	case JWT_EDDSA:
		break;
	}
	return EVP_PKEY_get_base_id(k->pkey) == EVP_PKEY_ED25519 ||
	    EVP_PKEY_get_base_id(k->pkey) == EVP_PKEY_ED448;
}

/* --- ES: r and s side by side, where OpenSSL has a sequence of them ------------------ */

static uint8_t *
der_of(const struct jwt_alg *a, const uint8_t *sig, size_t n, size_t *der_len)
{
	ECDSA_SIG *es;
	BIGNUM *r, *s;
	uint8_t *der = NULL;
	int len;

	if (n != 2u * a->bytes)
		return NULL;
	es = ECDSA_SIG_new();
	r = BN_bin2bn(sig, (int)a->bytes, NULL);
	s = BN_bin2bn(sig + a->bytes, (int)a->bytes, NULL);
	AN(es);
	AN(r);
	AN(s);
	AN(ECDSA_SIG_set0(es, r, s));
	len = i2d_ECDSA_SIG(es, &der);
	ECDSA_SIG_free(es);
	*der_len = len > 0 ? (size_t)len : 0;
	return der;
}

static size_t
raw_of(const struct jwt_alg *a, const uint8_t *der, size_t n, uint8_t *sig)
{
	ECDSA_SIG *es = d2i_ECDSA_SIG(NULL, &der, (long)n);
	bool well;

	if (es == NULL)
		return 0;
	well = BN_bn2binpad(ECDSA_SIG_get0_r(es), sig, (int)a->bytes) > 0 &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(es), sig + a->bytes, (int)a->bytes) >
		0;
	ECDSA_SIG_free(es);
	return well ? 2u * a->bytes : 0;
}

/* --- all ------------------------------------------------------------------------- */

static bool
pad(const struct jwt_alg *a, EVP_PKEY_CTX *pc)
{
	if (a->family != JWT_PS)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(pc, RSA_PKCS1_PSS_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(pc, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static const EVP_MD *
digest(const struct jwt_alg *a)
{
	return a->digest != NULL ? EVP_get_digestbyname(a->digest) : NULL;
}

static size_t
hmac(const struct jwt_alg *a, const struct jwt_key *k, const void *in,
    size_t len, uint8_t *out)
{
	unsigned n = 0;

	if (HMAC(digest(a), k->secret, (int)k->secret_len, in, len, out, &n) ==
	    NULL)
		return 0;
	return n;
}

static bool
verify_pkey(const struct jwt_alg *a, const struct jwt_key *k, const void *in,
    size_t len, const uint8_t *sig, size_t sig_len)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pc;
	bool well;

	AN(c);
	well = EVP_DigestVerifyInit(c, &pc, digest(a), NULL, k->pkey) == 1 &&
	    pad(a, pc) && EVP_DigestVerify(c, sig, sig_len, in, len) == 1;
	EVP_MD_CTX_free(c);
	ERR_clear_error();
	return well;
}

bool
jwt_sig_verify(const struct jwt_alg *a, const struct jwt_key *k, const void *in,
    size_t len, const uint8_t *sig, size_t sig_len)
{
	uint8_t mac[EVP_MAX_MD_SIZE], *der;
	size_t n;
	bool well;

	if (a->family == JWT_HS) {
		n = hmac(a, k, in, len, mac);
		return n > 0 && n == sig_len && CRYPTO_memcmp(mac, sig, n) == 0;
	}
	if (a->family != JWT_ES)
		return verify_pkey(a, k, in, len, sig, sig_len);
	der = der_of(a, sig, sig_len, &n);
	well = der != NULL && n > 0 && verify_pkey(a, k, in, len, der, n);
	OPENSSL_free(der);
	return well;
}

static size_t
sign_pkey(const struct jwt_alg *a, const struct jwt_key *k, const void *in,
    size_t len, uint8_t *sig)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t n = JWT_SIG_MAX;
	EVP_PKEY_CTX *pc;
	bool well;

	AN(c);
	well = EVP_DigestSignInit(c, &pc, digest(a), NULL, k->pkey) == 1 &&
	    pad(a, pc) && EVP_DigestSign(c, sig, &n, in, len) == 1;
	EVP_MD_CTX_free(c);
	ERR_clear_error();
	return well ? n : 0;
}

size_t
jwt_sig_make(const struct jwt_alg *a, const struct jwt_key *k, const void *in,
    size_t len, uint8_t *sig)
{
	uint8_t der[JWT_SIG_MAX];
	size_t n;

	if (a->family == JWT_HS)
		return hmac(a, k, in, len, sig);
	if (a->family != JWT_ES)
		return sign_pkey(a, k, in, len, sig);
	n = sign_pkey(a, k, in, len, der);
	return n > 0 ? raw_of(a, der, n, sig) : 0;
}
