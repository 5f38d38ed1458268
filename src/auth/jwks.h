/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwks.h - a set of public keys (JWK set, RFC 7517 5), of which tokens name one by kid.
 *
 * Keys that are not for signatures, have no kid, or are of a kind that is not ours are
 * passed over; of two with the same kid the first counts. Secrets (kty oct) are never
 * taken: who reads the set could sign by them.
 *
 * A set is never changed; it is referenced, by any thread.
 */
#ifndef AUTH_JWKS_H
#define AUTH_JWKS_H

#include "auth/jwt.h"

#define JWKS_MAX (256u << 10) /* bytes of the document */
#define JWKS_KEYS_MAX 200u
#define JWKS_KID_MAX 256u /* bytes */

struct jwks;

/* ERR_MALFORMED: no such document, or too large; also if no key in it can be used. */
enum err jwks_parse(
    struct jwks **, const char *, size_t, struct diag *) MUST_CHECK;
struct jwks *jwks_ref(struct jwks *);
void jwks_unref(struct jwks **);

/* The key that the token's header names; NULL: there is none of that kid, or the token
 * names none. ERR_AUTHENTICATION: there is, and it is for another algorithm (its "alg"). */
enum err jwks_find(const struct jwks *, const struct jwt *,
    const struct jwt_key **, struct diag *) MUST_CHECK;

#endif
