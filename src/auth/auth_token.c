/* SPDX-License-Identifier: Apache-2.0 */
/* JSON web tokens of one key: Pulsar's AuthenticationProviderToken. */
#include <string.h>

#include "auth/auth_priv.h"
#include "auth/jwt.h"
#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"

struct token {
	unsigned magic;
#define TOKEN_MAGIC 0x70cea001
	struct jwt_key *key;
	char *claim; /* that is the role */
	char *audience_claim, *audience; /* NULL: not looked at */
	int64_t skew_ms;
};

static bool
is_set(const char *s)
{
	return s != NULL && s[0] != '\0';
}

static void
token_free(void *p)
{
	struct token *t;

	TAKE_OBJ_NOTNULL(t, &p, TOKEN_MAGIC);
	if (t->key != NULL)
		jwt_key_free(&t->key);
	mem_free(t->claim);
	mem_free(t->audience_claim);
	mem_free(t->audience);
	FREE_OBJ(t);
}

static enum err
read_key(struct token *t, const struct auth_conf *conf, struct diag *diag)
{
	enum err e;

	if (is_set(conf->token_secret_key)) {
		e = jwt_key_read(
		    &t->key, JWT_SECRET, conf->token_secret_key, diag);
		if (e != ERR_OK)
			diag_wrap(diag, "tokenSecretKey");
		return e;
	}
	if (!is_set(conf->token_public_key))
		return diag_set(diag, ERR_INVALID_ARG,
		    "authenticationProviders: token needs tokenSecretKey or "
		    "tokenPublicKey");
	e = jwt_key_read(&t->key, JWT_PUBLIC, conf->token_public_key, diag);
	if (e != ERR_OK)
		diag_wrap(diag, "tokenPublicKey");
	else if (is_set(conf->token_public_alg) &&
	    !jwt_key_is_for(t->key, str_of(conf->token_public_alg)))
		e = diag_set(diag, ERR_INVALID_ARG,
		    "tokenPublicAlg: the public key is none of %s",
		    conf->token_public_alg);
	return e;
}

static enum err
token_make(void **pp, const struct auth_conf *conf, struct diag *diag)
{
	struct token *t;
	enum err e;

	ALLOC_OBJ(t, TOKEN_MAGIC);
	t->claim = mem_strdup(
	    is_set(conf->token_auth_claim) ? conf->token_auth_claim : "sub");
	if (is_set(conf->token_audience_claim))
		t->audience_claim = mem_strdup(conf->token_audience_claim);
	if (is_set(conf->token_audience))
		t->audience = mem_strdup(conf->token_audience);
	t->skew_ms = conf->token_skew_s * 1000;
	if (t->audience_claim != NULL && t->audience == NULL)
		e = diag_set(diag, ERR_INVALID_ARG,
		    "tokenAudienceClaim needs tokenAudience");
	else
		e = read_key(t, conf, diag);
	*pp = t;
	if (e != ERR_OK) {
		token_free(t);
		*pp = NULL;
	}
	return e;
}

static enum err
believe(const struct token *t, const struct jwt *j, const struct auth_try *at,
    struct auth_result *res, struct diag *diag)
{
	struct str role;
	enum err e;

	e = jwt_verify(t->key, j, at->data, diag);
	if (e == ERR_OK)
		e = jwt_times(
		    j, at->now_ms, t->skew_ms, &res->expires_ms, diag);
	if (e != ERR_OK)
		return e;
	if (t->audience_claim != NULL &&
	    !jwt_has(j, t->audience_claim, str_of(t->audience)))
		return diag_set(diag, ERR_AUTHENTICATION,
		    "the token is for another audience");
	/* a list may be any other claim, but not this one */
	role = jwt_text(j, t->claim);
	if (strcmp(t->claim, "sub") == 0 &&
	    json_is_array(json_object_get(j->claims, "sub")))
		role = STR_NONE;
	if (role.len == 0 || role.len > AUTH_ROLE_MAX)
		return diag_set(diag, ERR_AUTHENTICATION,
		    "the token names no role in its claim %s", t->claim);
	res->role = mem_strndup(role.p, role.len);
	return ERR_OK;
}

static enum err
token_check(const void *p, struct auth_ask *ask, struct auth_result *res,
    struct diag *diag)
{
	const struct auth_try *at = ask->t;
	const struct token *t;
	struct jwt j;
	enum err e;

	CAST_OBJ_NOTNULL(t, p, TOKEN_MAGIC);
	if (jwt_parse(&j, at->data, diag) != ERR_OK)
		return ERR_AUTHENTICATION;
	e = believe(t, &j, at, res, diag);
	jwt_fini(&j);
	return e;
}

const struct auth_provider auth_token = {
	.method = "token",
	.make = token_make,
	.free = token_free,
	.check = token_check,
};
