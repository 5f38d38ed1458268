/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.h - who is this: the providers that the configuration names, asked by the
 * method that a client says it uses.
 *
 *	token	a JSON web token (auth/jwt.h); expires when it says so
 *	openid	a JSON web token of an OpenID Connect issuer, by its keys; the method is
 *		"token" as well
 *	basic	"user:password", against htpasswd entries (auth/htpasswd.h)
 *	tls	the common name of the client's certificate
 *
 * Several providers of one method are asked in the configuration's order, the first
 * that accepts counts (Pulsar's AuthenticationProviderList).
 *
 * A struct auth is made from the configuration and the files that it names, never
 * changed, and referenced by whoever uses it, so that a reload, or an issuer's new keys,
 * put another one in its place. Secrets are wiped with it. No text that comes from here has a secret in it.
 *
 * Threads: any.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define AUTH_DATA_MAX (64u << 10) /* of what a client sends */
#define AUTH_ROLE_MAX 1024u

struct auth;
struct openid_keys;

/* The keys of an issuer (its number, auth/openid.h) are needed. @locality any; it
 * returns at once. */
typedef void openid_want_f(void *priv, unsigned issuer);

/* Names and values as broker.conf has them. A string may be NULL or "". */
struct auth_conf {
	const char *providers; /* authenticationProviders */
	const char *anonymous; /* anonymousUserRole */
	const char *token_secret_key, *token_public_key;
	const char *token_public_alg; /* "": the key says it itself */
	const char *token_auth_claim; /* "": sub */
	const char *token_audience_claim, *token_audience;
	int64_t token_skew_s; /* tokenAllowedClockSkewSeconds */
	const char *basic; /* basicAuthConf */
	struct {
		const char *issuers, *audiences; /* openIDAllowed... */
		const char *role_claim; /* "": sub */
		const char *jwks; /* openIDJwks; "": the issuers' are fetched */
		bool require_https;
		int64_t leeway_s; /* openIDAcceptedTimeLeewaySeconds */
		int64_t expire_s; /* openIDCacheExpirationSeconds */
		int64_t miss_s; /* openIDKeyIdCacheMissRefreshSeconds */
	} openid;
	openid_want_f *want; /* NULL: nobody fetches */
	void *want_priv;
};

struct auth_try {
	struct str method; /* "token", ... */
	struct str data;
	struct str cert_cn; /* of a trusted client's certificate; empty: none */
	int64_t now_ms; /* wall */
};

struct auth_result {
	char *role; /* the caller's (mem_free) */
	int64_t expires_ms; /* wall; 0: never */
};

/* ERR_INVALID_ARG: a provider that is not known, or a key or file that can't be used;
 * diag says which, and nothing of what is in it. */
enum err auth_new(
    struct auth **, const struct auth_conf *, struct diag *) MUST_CHECK;
/* Does it need issuers' keys that are fetched? */
bool auth_fetches(const struct auth *);
/* The same, where issuers' keys are known. */
struct auth *auth_with_keys(struct auth *, struct openid_keys *);
struct auth *auth_ref(struct auth *);
void auth_unref(struct auth **);

/* ERR_AUTHENTICATION: diag says why, for the log. ERR_AGAIN: an issuer's keys were asked
 * for (openid_want_f); whether they can be had or not, another struct auth will come, and
 * knows. A method without a provider is the
 * anonymous role's, if there is one. */
enum err auth_check(const struct auth *, const struct auth_try *,
    struct auth_result *, struct diag *) MUST_CHECK;

#endif
