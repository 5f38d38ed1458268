/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openid.h - the keys of OpenID Connect issuers, as far as they are known: a snapshot,
 * one struct jwks an issuer, with the times at which they were fetched. Whoever fetches
 * makes another one of it (broker/openid.h) and gives it to those who verify
 * (auth_with_keys(), auth/auth.h).
 *
 * A snapshot is never changed; it is referenced, by any thread.
 */
#ifndef AUTH_OPENID_H
#define AUTH_OPENID_H

#include "auth/jwks.h"

#define OPENID_ISSUERS_MAX 32u
#define OPENID_DISCOVERY_MAX (64u << 10) /* bytes of that document */

struct openid_issuer {
	char *name; /* its URL, as tokens have it in iss */
	struct jwks *keys; /* NULL: there were none yet */
	int64_t got_ms; /* wall: when these came */
	int64_t tried_ms; /* wall: when they last came or failed to; 0: never */
};

struct openid_keys;

/* Issuers separated by commas; what old (or NULL) knows of one of them is taken over.
 * ERR_INVALID_ARG: too many. */
enum err openid_keys_new(struct openid_keys **, const char *issuers,
    const struct openid_keys *old, struct diag *) MUST_CHECK;
/* The same with new keys of issuer i; NULL: the old ones, they could not be had. */
struct openid_keys *openid_keys_with(
    const struct openid_keys *, unsigned i, struct jwks *, int64_t now_ms);
struct openid_keys *openid_keys_ref(struct openid_keys *);
void openid_keys_unref(struct openid_keys **);

unsigned openid_issuers_n(const struct openid_keys *);
const struct openid_issuer *openid_issuer(
    const struct openid_keys *, unsigned i);

/* What an issuer says of itself at this URL; mem_free() it. */
char *openid_discovery_url(const char *issuer);
/* Where such a document says that its keys are; mem_free() it. ERR_MALFORMED: it is
 * none, or another issuer's (OpenID Connect Discovery 1.0, 4.3). */
enum err openid_jwks_uri(char **, const char *, size_t, const char *issuer,
    struct diag *) MUST_CHECK;

#endif
