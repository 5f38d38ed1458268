/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of OpenID Connect issuers: Pulsar's AuthenticationProviderOpenID (PIP-257).
 * A token names one of the issuers that are allowed and one of their keys (kid); it is
 * for one of the audiences that are allowed, and has iat, nbf, exp and sub.
 */
#include <string.h>
#include <strings.h>

#include "auth/auth_priv.h"
#include "auth/source.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"

#define RETRY_MS 1000 /* after keys could not be had */

struct openid {
	unsigned magic;
#define OPENID_MAGIC 0x09e41d02
	char *issuers, *audiences; /* separated by commas */
	char *claim; /* that is the role */
	struct jwks *fixed; /* openIDJwks; NULL: the issuers' own */
	int64_t leeway_ms, expire_ms, miss_ms;
};

static bool
is_set(const char *s)
{
	return s != NULL && s[0] != '\0';
}

static void
openid_free(void *p)
{
	struct openid *o;

	TAKE_OBJ_NOTNULL(o, &p, OPENID_MAGIC);
	if (o->fixed != NULL)
		jwks_unref(&o->fixed);
	mem_free(o->issuers);
	mem_free(o->audiences);
	mem_free(o->claim);
	FREE_OBJ(o);
}

static enum err
check_issuers(const struct auth_conf *conf, struct diag *d)
{
	static const char https[] = "https://", http[] = "http://";
	struct str rest = str_of(conf->openid.issuers), s;
	bool any = false;

	while (rest.len > 0) {
		s = str_trim(str_word(&rest, ','));
		if (s.len == 0)
			continue;
		any = true;
		if (strncasecmp(s.p, https, sizeof https - 1) == 0)
			continue;
		if (conf->openid.require_https)
			return diag_set(d, ERR_INVALID_ARG,
			    "openIDAllowedTokenIssuers: %.*s is no https URL "
			    "(openIDRequireIssuersUseHttps)",
			    (int)s.len, s.p);
		if (!is_set(conf->openid.jwks) &&
		    strncasecmp(s.p, http, sizeof http - 1) != 0)
			return diag_set(d, ERR_INVALID_ARG,
			    "openIDAllowedTokenIssuers: %.*s is no http or "
			    "https URL",
			    (int)s.len, s.p);
	}
	if (any)
		return ERR_OK;
	return diag_set(d, ERR_INVALID_ARG,
	    "authenticationProviders: openid needs openIDAllowedTokenIssuers");
}

static enum err
read_jwks(struct openid *o, const char *spec, struct diag *d)
{
	uint8_t *p;
	size_t n;
	enum err e;

	if (!is_set(spec))
		return ERR_OK;
	e = source_read(&p, &n, spec, JWKS_MAX, d);
	if (e == ERR_OK) {
		e = jwks_parse(&o->fixed, (const char *)p, n, d);
		source_free(&p, n);
	}
	if (e == ERR_OK)
		return e;
	diag_wrap(d, "openIDJwks");
	return ERR_INVALID_ARG;
}

static enum err
openid_make(void **pp, const struct auth_conf *conf, struct diag *d)
{
	struct openid *o;
	enum err e;

	ALLOC_OBJ(o, OPENID_MAGIC);
	o->issuers = mem_strdup(
	    is_set(conf->openid.issuers) ? conf->openid.issuers : "");
	o->audiences = mem_strdup(
	    is_set(conf->openid.audiences) ? conf->openid.audiences : "");
	o->claim = mem_strdup(
	    is_set(conf->openid.role_claim) ? conf->openid.role_claim : "sub");
	o->leeway_ms = conf->openid.leeway_s * 1000;
	o->expire_ms = conf->openid.expire_s * 1000;
	o->miss_ms = conf->openid.miss_s * 1000;
	e = check_issuers(conf, d);
	if (e == ERR_OK && o->audiences[0] == '\0')
		e = diag_set(d, ERR_INVALID_ARG,
		    "authenticationProviders: openid needs "
		    "openIDAllowedAudiences");
	if (e == ERR_OK)
		e = read_jwks(o, conf->openid.jwks, d);
	*pp = o;
	if (e != ERR_OK) {
		openid_free(o);
		*pp = NULL;
	}
	return e;
}

/* --- one token --------------------------------------------------------------------- */

static enum err
no(struct diag *d, const char *why)
{
	return diag_set(d, ERR_AUTHENTICATION, "%s", why);
}

static bool
is_listed(const char *list, struct str s)
{
	struct str rest = str_of(list);

	while (s.len > 0 && rest.len > 0)
		if (str_eq(str_trim(str_word(&rest, ',')), s))
			return true;
	return false;
}

static bool
for_us(const struct openid *o, const struct jwt *j)
{
	struct str rest = str_of(o->audiences), s;

	while (rest.len > 0) {
		s = str_trim(str_word(&rest, ','));
		if (s.len > 0 && jwt_has(j, "aud", s))
			return true;
	}
	return false;
}

/* A clock that was set back makes everything old. */
static bool
is_old(int64_t since_ms, int64_t now_ms, int64_t limit_ms)
{
	return now_ms < since_ms || now_ms - since_ms >= limit_ms;
}

/* Keys that are not there, or too old, are asked for; a key that is not among them as
 * well, but less often: anybody can think of a kid. */
static enum err
key_of(const struct openid *o, struct auth_ask *ask, const struct jwt *j,
    struct str iss, const struct jwt_key **k, struct diag *d)
{
	const struct openid_issuer *is = NULL;
	int64_t now_ms = ask->t->now_ms;
	bool known;
	unsigned i;
	enum err e;

	*k = NULL;
	if (o->fixed != NULL) {
		e = jwks_find(o->fixed, j, k, d);
		return e == ERR_OK && *k == NULL ?
		    no(d, "the token's kid is none of openIDJwks") :
		    e;
	}
	for (i = 0; ask->keys != NULL && i < openid_issuers_n(ask->keys); i++) {
		is = openid_issuer(ask->keys, i);
		if (str_eq(str_of(is->name), iss))
			break;
		is = NULL;
	}
	if (is == NULL)
		return no(d, "keys of the issuer are not fetched");
	known = is->keys != NULL && !is_old(is->got_ms, now_ms, o->expire_ms);
	e = known ? jwks_find(is->keys, j, k, d) : ERR_OK;
	if (e != ERR_OK || *k != NULL)
		return e;
	if (is->tried_ms == 0 ||
	    is_old(is->tried_ms, now_ms, known ? o->miss_ms : RETRY_MS)) {
		ask->issuer = i;
		return ERR_AGAIN;
	}
	return no(d,
	    known ? "the token's kid is none of its issuer's" :
		    "the keys of the token's issuer can't be had");
}

static enum err
check_claims(const struct openid *o, const struct jwt *j, int64_t now_ms,
    struct auth_result *res, struct diag *d)
{
	struct str role = jwt_text(j, o->claim);
	int64_t iat, ms;
	enum err e;

	/* in whole seconds, as the reference's library looks at its clock */
	now_ms -= now_ms % 1000;
	e = jwt_times(j, now_ms, o->leeway_ms, &res->expires_ms, d);
	if (e != ERR_OK)
		return e;
	if (!jwt_time(j, "iat", &iat) || !jwt_time(j, "nbf", &ms) ||
	    !jwt_time(j, "exp", &ms) ||
	    json_object_get(j->claims, "sub") == NULL)
		return no(d, "the token lacks iat, nbf, exp or sub");
	if (iat > now_ms + o->leeway_ms)
		return no(d, "the token's iat is still to come");
	if (!for_us(o, j))
		return no(d, "the token is for another audience");
	if (role.len == 0 || role.len > AUTH_ROLE_MAX)
		return diag_set(d, ERR_AUTHENTICATION,
		    "the token names no role in its claim %s", o->claim);
	res->role = mem_strndup(role.p, role.len);
	return ERR_OK;
}

static enum err
believe(const struct openid *o, struct auth_ask *ask, const struct jwt *j,
    struct auth_result *res, struct diag *d)
{
	const json_t *v = json_object_get(j->claims, "iss");
	struct str iss = json_text(v);
	const struct jwt_key *k;
	enum err e;

	if (!is_listed(o->issuers, iss))
		return no(d, "the token's issuer is not allowed");
	e = key_of(o, ask, j, iss, &k, d);
	if (e == ERR_OK)
		e = jwt_verify(k, j, ask->t->data, d);
	return e == ERR_OK ? check_claims(o, j, ask->t->now_ms, res, d) : e;
}

static enum err
openid_check(const void *p, struct auth_ask *ask, struct auth_result *res,
    struct diag *d)
{
	const struct openid *o;
	struct jwt j;
	enum err e;

	CAST_OBJ_NOTNULL(o, p, OPENID_MAGIC);
	if (jwt_parse(&j, ask->t->data, d) != ERR_OK)
		return ERR_AUTHENTICATION;
	e = believe(o, ask, &j, res, d);
	jwt_fini(&j);
	return e;
}

const struct auth_provider auth_openid = {
	.method = "token",
	.make = openid_make,
	.free = openid_free,
	.check = openid_check,
};
