/* SPDX-License-Identifier: Apache-2.0 */
/* New keys, and what they are for. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "auth/jwt_priv.h"
#include "auth/source.h"

/* --- what a key is for ------------------------------------------------------------- */

static const char *
best_of_pkey(const struct jwt_key *k)
{
	static const char *const ec[] = { "ES256", "ES384", "ES512" };
	size_t i;
	int bits;

	switch (EVP_PKEY_get_base_id(k->pkey)) {
	case EVP_PKEY_RSA:
		bits = EVP_PKEY_get_bits(k->pkey);
		return bits >= 4096 ? "RS512" :
		    bits >= 3072    ? "RS384" :
				      "RS256";
	case EVP_PKEY_EC:
		for (i = 0; i < sizeof ec / sizeof *ec; i++)
			if (jwt_alg_fits(jwt_alg_of(str_of(ec[i])), k))
				return ec[i];
		return NULL;
	default:
		return "EdDSA";
	}
}

const char *
jwt_key_alg(const struct jwt_key *k)
{
	CHECK_OBJ_NOTNULL(k, JWT_KEY_MAGIC);
	if (k->pkey != NULL)
		return best_of_pkey(k);
	return k->secret_len >= 64 ? "HS512" :
	    k->secret_len >= 48	   ? "HS384" :
				     "HS256";
}

bool
jwt_key_is_for(const struct jwt_key *k, struct str alg)
{
	const struct jwt_alg *a = jwt_alg_of_any_case(alg);
	int id;

	CHECK_OBJ_NOTNULL(k, JWT_KEY_MAGIC);
	if (a == NULL || (k->secret != NULL) != (a->family == JWT_HS))
		return false;
	id = k->secret != NULL ? 0 : EVP_PKEY_get_base_id(k->pkey);
	switch (a->family) {
	case JWT_HS:
		return true;
	case JWT_RS:
	case JWT_PS:
		return id == EVP_PKEY_RSA;
	case JWT_ES:
		return id == EVP_PKEY_EC;
	case JWT_EDDSA:
		break;
	}
	return id == EVP_PKEY_ED25519 || id == EVP_PKEY_ED448;
}

/* --- new ones ---------------------------------------------------------------------- */

enum err
jwt_secret_new(uint8_t **p, size_t *n, struct str alg, struct diag *d)
{
	const struct jwt_alg *a = jwt_alg_of(alg);

	*p = NULL;
	*n = 0;
	if (a == NULL || a->family != JWT_HS)
		return diag_set(d, ERR_INVALID_ARG,
		    "%.*s is no algorithm of secret keys", (int)alg.len, alg.p);
	*n = a->bytes;
	*p = mem_alloc(*n);
	AN(RAND_priv_bytes(*p, (int)*n) == 1);
	return ERR_OK;
}

/* The sizes that jjwt's Keys.keyPairFor() makes. */
static EVP_PKEY *
generate(const struct jwt_alg *a)
{
	switch (a->family) {
	case JWT_RS:
	case JWT_PS:
		return EVP_RSA_gen(strcmp(a->digest, "SHA512") == 0 ? 4096 :
			strcmp(a->digest, "SHA384") == 0	    ? 3072 :
								      2048);
	case JWT_ES:
		return EVP_EC_gen(a->curve);
	case JWT_EDDSA:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	case JWT_HS:
		break;
	}
	return NULL;
}

static bool
put_private(struct jwt_pair *pair, const EVP_PKEY *k)
{
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(k);
	unsigned char *der = NULL;
	int n = p8 != NULL ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : -1;

	PKCS8_PRIV_KEY_INFO_free(p8);
	if (n <= 0)
		return false;
	pair->private_len = (size_t)n;
	pair->private = mem_dup(der, (size_t)n);
	OPENSSL_clear_free(der, (size_t)n);
	return true;
}

static bool
put_public(struct jwt_pair *pair, const EVP_PKEY *k)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(k, &der);

	if (n <= 0)
		return false;
	pair->public_len = (size_t)n;
	pair->public = mem_dup(der, (size_t)n);
	OPENSSL_free(der);
	return true;
}

enum err
jwt_pair_new(struct jwt_pair *pair, struct str alg, struct diag *d)
{
	const struct jwt_alg *a = jwt_alg_of(alg);
	EVP_PKEY *k;
	bool well;

	*pair = (struct jwt_pair){ 0 };
	if (a == NULL || a->family == JWT_HS)
		return diag_set(d, ERR_INVALID_ARG,
		    "%.*s is no algorithm of key pairs", (int)alg.len, alg.p);
	k = generate(a);
	well = k != NULL && put_private(pair, k) && put_public(pair, k);
	EVP_PKEY_free(k);
	ERR_clear_error();
	if (well)
		return ERR_OK;
	jwt_pair_fini(pair);
	return diag_set(d, ERR_INVALID_ARG, "the keys can't be made");
}

void
jwt_pair_fini(struct jwt_pair *pair)
{
	source_free(&pair->private, pair->private_len);
	source_free(&pair->public, pair->public_len);
	*pair = (struct jwt_pair){ 0 };
}
