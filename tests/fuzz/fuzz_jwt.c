/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens and keys of whoever sends or serves them. A token that is signed here has to be
 * believed, and not any more when a bit of its signature is another.
 *
 * Input: one letter, then
 *	t	a token
 *	j	header, NUL, claims: JSON, of which a token is made
 *	k	a JWK set
 *	d	a discovery document
 *	p, s	a public, a private key
 */
#include <string.h>

#include "auth/jwks.h"
#include "auth/jwt.h"
#include "auth/openid.h"
#include "base/base64.h"
#include "base/mem.h"
#include "base/vas.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS INT64_C(1700000000000)

static const char set_text[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"1\",\"x\":"
    "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
    "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},{\"kty\":\"OKP\","
    "\"crv\":\"Ed25519\",\"kid\":\"2\",\"x\":"
    "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

static struct jwt_key *secret;
static struct jwks *set;

static void
set_up(void)
{
	static const char bytes[] = "0123456789abcdef0123456789abcdef";
	struct diag diag;
	enum err e;

	if (secret != NULL)
		return;
	e = jwt_key_make(&secret, JWT_SECRET, bytes, 32, &diag);
	assert(e == ERR_OK);
	e = jwks_parse(&set, set_text, sizeof set_text - 1, &diag);
	assert(e == ERR_OK);
}

/* What is asked of any token before and after it is believed. */
static void
look(const struct jwt *j, struct str token)
{
	const struct jwt_key *k = NULL;
	struct diag diag;
	int64_t ms;

	(void)!jwt_verify(secret, j, token, &diag);
	if (jwks_find(set, j, &k, &diag) == ERR_OK && k != NULL)
		(void)!jwt_verify(k, j, token, &diag);
	(void)!jwt_times(j, NOW_MS, 0, &ms, &diag);
	(void)jwt_time(j, "iat", &ms);
	assert(jwt_text(j, "sub").len <= token.len * 1100);
	(void)jwt_has(j, "aud", STR_LIT("a"));
}

static void
read_token(struct str token)
{
	struct diag diag;
	struct jwt j;
	unsigned i;
	char *text;

	for (i = 0; i < 3; i++)
		if (jwt_text_of_part(&text, token, i, &diag) == ERR_OK)
			mem_free(text);
	if (jwt_parse(&j, token, &diag) != ERR_OK)
		return;
	look(&j, token);
	jwt_fini(&j);
}

static void
change(char *token)
{
	char *at = strrchr(token, '.') + 1;

	*at = *at == 'A' ? 'B' : 'A';
}

static void
make_token(const char *p, size_t n)
{
	const char *nul = memchr(p, '\0', n);
	struct jwt j = { 0 }, back;
	struct diag diag;
	char *text = NULL;
	enum err e;

	if (nul == NULL)
		return;
	j.header = json_loadb(p, (size_t)(nul - p), 0, NULL);
	j.claims = json_loadb(nul + 1, n - (size_t)(nul - p) - 1, 0, NULL);
	if (json_is_object(j.header) && json_is_object(j.claims) &&
	    jwt_sign(&text, secret, &j, &diag) == ERR_OK) {
		e = jwt_parse(&back, str_of(text), &diag);
		if (e == ERR_OK) {
			look(&back, str_of(text));
			e = jwt_verify(secret, &back, str_of(text), &diag);
			assert(e == ERR_OK ||
			    json_object_get(j.header, "crit") != NULL);
			change(text);
			e = jwt_verify(secret, &back, str_of(text), &diag);
			assert(e == ERR_AUTHENTICATION);
			jwt_fini(&back);
		} else {
			assert(json_object_get(j.header, "zip") != NULL);
		}
	}
	mem_free(text);
	jwt_fini(&j);
}

static void
read_set(const char *p, size_t n)
{
	static const char token[] = "e30.e30.AAAA";
	const struct jwt_key *k = NULL;
	struct diag diag;
	struct jwks *s;
	struct jwt j = { .header =
			     json_pack("{s:s,s:s}", "alg", "ES256", "kid", "1"),
		.claims = json_object() };

	if (jwks_parse(&s, p, n, &diag) == ERR_OK) {
		if (jwks_find(s, &j, &k, &diag) == ERR_OK && k != NULL) {
			(void)!jwt_verify(k, &j, str_of(token), &diag);
			(void)jwt_key_alg(k);
		}
		jwks_unref(&s);
	}
	jwt_fini(&j);
}

static void
read_key(enum jwt_key_kind kind, const char *p, size_t n)
{
	struct jwt_key *k;
	struct diag diag;

	if (jwt_key_make(&k, kind, p, n, &diag) != ERR_OK)
		return;
	(void)jwt_key_alg(k);
	(void)jwt_key_is_for(k, STR_LIT("ES256"));
	jwt_key_free(&k);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;
	struct diag diag;
	char *uri;

	set_up();
	if (size < 2)
		return 0;
	switch (data[0]) {
	case 't':
		read_token((struct str){ p, size - 1 });
		break;
	case 'j':
		make_token(p, size - 1);
		break;
	case 'k':
		read_set(p, size - 1);
		break;
	case 'd':
		if (openid_jwks_uri(&uri, p, size - 1, "https://a", &diag) ==
		    ERR_OK)
			mem_free(uri);
		break;
	case 'p':
		read_key(JWT_PUBLIC, p, size - 1);
		break;
	case 's':
		read_key(JWT_PRIVATE, p, size - 1);
		break;
	default:
		break;
	}
	return 0;
}
