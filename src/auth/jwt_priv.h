/* SPDX-License-Identifier: Apache-2.0 */
/* jwt.c takes tokens apart, jwt_key.c has the keys, jwt_sig.c the signatures. */
#ifndef AUTH_JWT_PRIV_H
#define AUTH_JWT_PRIV_H

#include <openssl/evp.h>

#include "auth/jwt.h"
#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"

struct jwt_key {
	unsigned magic;
#define JWT_KEY_MAGIC 0x3a7e0001
	uint8_t *secret; /* NULL: pkey */
	size_t secret_len;
	EVP_PKEY *pkey;
	bool can_sign;
};

enum jwt_family {
	JWT_HS,
	JWT_RS,
	JWT_PS,
	JWT_ES,
	JWT_EDDSA
};

struct jwt_alg {
	const char *name;
	enum jwt_family family;
	const char *digest; /* of OpenSSL */
	unsigned bytes; /* HS: of the shortest secret; ES: of r, and of s */
	const char *curve; /* ES: OpenSSL's name */
};

/* NULL: not one of ours */
const struct jwt_alg *jwt_alg_of(struct str name);
/* SignatureAlgorithm.forName, for what people write */
const struct jwt_alg *jwt_alg_of_any_case(struct str name);
bool jwt_alg_fits(const struct jwt_alg *, const struct jwt_key *);

/* sig is as it stands in tokens. */
bool jwt_sig_verify(const struct jwt_alg *, const struct jwt_key *,
    const void *in, size_t len, const uint8_t *sig, size_t sig_len);
/* Bytes; 0: it could not be made. sig has JWT_SIG_MAX. */
#define JWT_SIG_MAX 2048u /* RSA of 16,384 bits */
size_t jwt_sig_make(const struct jwt_alg *, const struct jwt_key *,
    const void *in, size_t len, uint8_t *sig);

#endif
