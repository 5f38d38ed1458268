/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of OpenID Connect issuers, and their keys; who fetches them: tests/script. */
#include "test.h"

#include <openssl/evp.h>

#include "auth/auth.h"
#include "auth/jwks.h"
#include "auth/jwt_priv.h"
#include "auth/openid.h"
#include "base/base64.h"

#define NOW_S 1000000
#define ISS "https://issuer.example/a"

static struct diag diag;

/* A pair, and the JWK of its public half. */
struct pair {
	struct jwt_key *private;
	json_t *jwk;
};

static void
make_pair(struct pair *p, const char *kid)
{
	EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	uint8_t raw[32];
	size_t n = sizeof raw;
	unsigned char *der = NULL;
	char x[64];
	int len;

	assert_int_equal(EVP_PKEY_get_raw_public_key(k, raw, &n), 1);
	n = base64_encode(x, raw, n, true);
	x[n] = '\0';
	x[strcspn(x, "=")] = '\0';
	len = i2d_PrivateKey(k, &der);
	assert_ok(
	    jwt_key_make(&p->private, JWT_PRIVATE, der, (size_t)len, &diag));
	OPENSSL_free(der);
	EVP_PKEY_free(k);
	p->jwk = json_pack("{s:s,s:s,s:s,s:s}", "kty", "OKP", "crv", "Ed25519",
	    "kid", kid, "x", x);
}

static void
free_pair(struct pair *p)
{
	jwt_key_free(&p->private);
	json_decref(p->jwk);
}

static struct jwks *
set_of(json_t *keys)
{
	json_t *doc = json_pack("{s:O}", "keys", keys);
	char *text = json_dumps(doc, 0);
	struct jwks *s;

	assert_ok(jwks_parse(&s, text, strlen(text), &diag));
	(free)(text);
	json_decref(doc);
	return s;
}

static char *
signed_by(const struct pair *p, const char *kid, json_t *claims)
{
	struct jwt j = { .header = json_pack("{s:s}", "alg", "EdDSA"),
		.claims = claims };
	char *text;

	if (kid != NULL)
		json_object_set_new(j.header, "kid", json_string(kid));
	assert_ok(jwt_sign(&text, p->private, &j, &diag));
	jwt_fini(&j);
	return text;
}

static json_t *
good_claims(void)
{
	return json_pack("{s:s,s:s,s:[s,s],s:i,s:i,s:i}", "iss", ISS, "sub",
	    "me", "aud", "other", "here", "iat", NOW_S, "nbf", NOW_S, "exp",
	    NOW_S + 100);
}

/* --- sets of keys ------------------------------------------------------------------ */

static void
test_jwks(void **state)
{
	static const char *const bad[] = { "", "[]", "{}", "{\"keys\":{}}",
		"{\"keys\":[]}", "{\"keys\":[7,null,\"x\",[]]}",
		"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AAAA\"}]}",
		"{\"keys\":[],\"keys\":[]}", "{\"keys\":[" };
	struct pair a, b;
	struct jwks *s;
	const struct jwt_key *k, *first;
	struct jwt j = { .header = json_pack("{s:s}", "alg", "EdDSA") };
	json_t *keys, *o;
	size_t i;
	char *big;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_err(jwks_parse(&s, bad[i], strlen(bad[i]), &diag),
		    ERR_MALFORMED);
	make_pair(&a, "a");
	make_pair(&b, "a");
	keys = json_pack("[O,O,{s:s}]", a.jwk, b.jwk, "kty", "new");
	/* one that is for encryption, and one without a name */
	o = json_deep_copy(b.jwk);
	json_object_set_new(o, "kid", json_string("enc"));
	json_object_set_new(o, "use", json_string("enc"));
	json_array_append_new(keys, o);
	o = json_deep_copy(b.jwk);
	json_object_del(o, "kid");
	json_array_append_new(keys, o);
	s = set_of(keys);
	assert_ok(jwks_find(s, &j, &k, &diag));
	assert_null(k);
	json_object_set_new(j.header, "kid", json_string("enc"));
	assert_ok(jwks_find(s, &j, &k, &diag));
	assert_null(k);
	json_object_set_new(j.header, "kid", json_integer(7));
	assert_ok(jwks_find(s, &j, &k, &diag));
	assert_null(k);
	json_object_set_new(j.header, "kid", json_string("a"));
	assert_ok(jwks_find(s, &j, &first, &diag));
	assert_non_null(first);
	jwks_unref(&s);
	/* its own algorithm */
	json_object_set_new(a.jwk, "alg", json_string("ES256"));
	json_array_clear(keys);
	json_array_append(keys, a.jwk);
	s = set_of(keys);
	assert_err(jwks_find(s, &j, &k, &diag), ERR_AUTHENTICATION);
	jwks_unref(&s);
	for (i = 0; i < JWKS_KEYS_MAX; i++)
		json_array_append(keys, a.jwk);
	o = json_pack("{s:O}", "keys", keys);
	big = json_dumps(o, 0);
	assert_err(jwks_parse(&s, big, strlen(big), &diag), ERR_MALFORMED);
	(free)(big);
	json_decref(o);
	big = mem_zalloc(JWKS_MAX + 1);
	memset(big, ' ', JWKS_MAX + 1);
	assert_err(jwks_parse(&s, big, JWKS_MAX + 1, &diag), ERR_MALFORMED);
	mem_free(big);
	json_decref(keys);
	json_decref(j.header);
	free_pair(&a);
	free_pair(&b);
}

static void
test_discovery(void **state)
{
	static const char *const bad[] = { "", "{}", "[]",
		"{\"issuer\":\"" ISS "\"}", "{\"issuer\":7,\"jwks_uri\":\"x\"}",
		"{\"issuer\":\"https://issuer.example/\",\"jwks_uri\":\"x\"}" };
	static const char good[] =
	    "{\"issuer\":\"" ISS "\",\"jwks_uri\":\"https://k\",\"x\":1}";
	char *uri = openid_discovery_url(ISS);
	size_t i;

	(void)state;
	assert_string_equal(uri, ISS "/.well-known/openid-configuration");
	mem_free(uri);
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_err(
		    openid_jwks_uri(&uri, bad[i], strlen(bad[i]), ISS, &diag),
		    ERR_MALFORMED);
	assert_ok(openid_jwks_uri(&uri, good, sizeof good - 1, ISS, &diag));
	assert_string_equal(uri, "https://k");
	mem_free(uri);
}

/* --- tokens ------------------------------------------------------------------------ */

static struct auth_conf conf = {
	.providers = "org.apache.pulsar.broker.authentication.oidc."
		     "AuthenticationProviderOpenID",
	.openid = { .issuers = "https://other.example, " ISS,
	    .audiences = "there, here",
	    .require_https = true,
	    .expire_s = 1000,
	    .miss_s = 300 },
};
static unsigned wanted_n, wanted;

static void
want(void *priv, unsigned issuer)
{
	(void)priv;
	wanted_n++;
	wanted = issuer;
}

static enum err
check(struct auth *au, const char *token, int64_t now_s, char **role)
{
	struct auth_result res;
	enum err e;

	e = auth_check(au,
	    &(struct auth_try){ .method = STR_LIT("token"),
		.data = str_of(token),
		.now_ms = now_s * 1000 },
	    &res, &diag);
	*role = res.role;
	return e;
}

static void
assert_check(
    struct auth *au, const char *token, int64_t now_s, const char *want_role)
{
	char *role;
	enum err e = check(au, token, now_s, &role);

	if (want_role == NULL) {
		assert_err(e, ERR_AUTHENTICATION);
		assert_null(role);
		return;
	}
	if (e != ERR_OK)
		print_error("%s\n", diag.msg);
	assert_ok(e);
	assert_string_equal(role, want_role);
	mem_free(role);
}

/* What the reference requires: AuthenticationProviderOpenID.verifyJWT(). */
static void
test_claims(void **state)
{
	static const struct {
		const char *claim, *json; /* NULL: without it */
		bool good;
	} v[] = { { "x", "1", true }, { "iss", NULL, false },
		{ "iss", "\"https://issuer.example\"", false },
		{ "iss", "\"" ISS "/\"", false }, { "iss", "7", false },
		{ "iss", "\"" ISS ",https://other.example\"", false },
		{ "aud", NULL, false }, { "aud", "\"here\"", true },
		{ "aud", "\"nowhere\"", false }, { "aud", "[]", false },
		{ "aud", "\"there, here\"", false }, { "sub", NULL, false },
		{ "sub", "[\"me\"]", true }, { "sub", "7", false },
		{ "iat", NULL, false }, { "iat", "1000001", false },
		{ "iat", "999999", true }, { "iat", "\"x\"", false },
		{ "nbf", NULL, false }, { "nbf", "1000001", false },
		{ "exp", NULL, false }, { "exp", "1000000", true },
		{ "exp", "999999", false }, { "exp", "null", false } };
	struct jwks *s;
	struct openid_keys *none, *keys;
	struct auth *bare, *au;
	struct pair p;
	json_t *list, *claims;
	char *text;
	struct auth_result res;
	size_t i;

	(void)state;
	make_pair(&p, "k");
	list = json_pack("[O]", p.jwk);
	s = set_of(list);
	assert_ok(auth_new(&bare, &conf, &diag));
	assert_true(auth_fetches(bare));
	assert_ok(openid_keys_new(&none, conf.openid.issuers, NULL, &diag));
	keys = openid_keys_with(none, 1, s, NOW_S * 1000);
	au = auth_with_keys(bare, keys);
	for (i = 0; i < sizeof v / sizeof *v; i++) {
		claims = good_claims();
		json_object_del(claims, v[i].claim);
		if (v[i].json != NULL)
			json_object_set_new(claims, v[i].claim,
			    json_loads(v[i].json, JSON_DECODE_ANY, NULL));
		text = signed_by(&p, "k", claims);
		res = (struct auth_result){ 0 };
		if (v[i].good !=
		    (auth_check(au,
			 &(struct auth_try){ .method = STR_LIT("token"),
			     .data = str_of(text),
			     .now_ms = NOW_S * 1000 + 999 },
			 &res, &diag) == ERR_OK))
			print_error(
			    "%s %s: %s\n", v[i].claim, v[i].json, diag.msg);
		mem_free(res.role);
		assert_check(au, text, NOW_S, v[i].good ? "me" : NULL);
		mem_free(text);
	}
	auth_unref(&au);
	auth_unref(&bare);
	openid_keys_unref(&none);
	openid_keys_unref(&keys);
	jwks_unref(&s);
	json_decref(list);
	free_pair(&p);
}

/* Keys that are not there, too old, or without the kid: asked for, not too often. */
static void
test_wanted(void **state)
{
	struct openid_keys *keys, *next;
	struct auth *bare, *au;
	struct pair p, q;
	struct jwks *s;
	json_t *list;
	char *text, *other, *role;

	(void)state;
	make_pair(&p, "k");
	make_pair(&q, "k");
	list = json_pack("[O]", p.jwk);
	s = set_of(list);
	text = signed_by(&p, "k", good_claims());
	other = signed_by(&p, "new", good_claims());
	conf.want = want;
	assert_ok(auth_new(&bare, &conf, &diag));
	assert_check(bare, text, NOW_S, NULL); /* nobody fetches */
	assert_ok(openid_keys_new(&keys, conf.openid.issuers, NULL, &diag));
	assert_int_equal(openid_issuers_n(keys), 2);
	au = auth_with_keys(bare, keys);
	assert_err(check(au, text, NOW_S, &role), ERR_AGAIN);
	assert_int_equal(wanted_n, 1);
	assert_int_equal(wanted, 1);
	auth_unref(&au);
	/* it could not be had: for a second nobody asks */
	next = openid_keys_with(keys, 1, NULL, NOW_S * 1000);
	openid_keys_unref(&keys);
	au = auth_with_keys(bare, next);
	assert_check(au, text, NOW_S, NULL);
	assert_err(check(au, text, NOW_S + 1, &role), ERR_AGAIN);
	assert_err(check(au, text, NOW_S - 1, &role), ERR_AGAIN);
	auth_unref(&au);
	keys = openid_keys_with(next, 1, s, NOW_S * 1000);
	openid_keys_unref(&next);
	au = auth_with_keys(bare, keys);
	assert_check(au, text, NOW_S, "me");
	/* a kid that is not there */
	wanted_n = 0;
	assert_check(au, other, NOW_S + 299, NULL);
	assert_int_equal(wanted_n, 0);
	assert_err(check(au, other, NOW_S + 300, &role), ERR_AGAIN);
	assert_int_equal(wanted_n, 1);
	/* too old, whatever the token says: it has not been looked at yet */
	assert_err(check(au, text, NOW_S + 1000, &role), ERR_AGAIN);
	mem_free(other);
	/* another key of this name */
	other = signed_by(&q, "k", good_claims());
	assert_check(au, other, NOW_S, NULL);
	mem_free(other);
	other = signed_by(&p, NULL, good_claims());
	assert_check(au, other, NOW_S, NULL);
	auth_unref(&au);
	/* a reload keeps the keys of those that are still allowed */
	assert_ok(openid_keys_new(&next, ISS, keys, &diag));
	assert_int_equal(openid_issuers_n(next), 1);
	assert_non_null(openid_issuer(next, 0)->keys);
	openid_keys_unref(&next);
	openid_keys_unref(&keys);
	auth_unref(&bare);
	jwks_unref(&s);
	mem_free(text);
	mem_free(other);
	json_decref(list);
	free_pair(&p);
	free_pair(&q);
}

static void
test_conf(void **state)
{
	struct auth_conf c = conf;
	struct openid_keys *keys;
	struct auth *au;
	struct pair p;
	json_t *doc;
	char many[40 * 14 + 1] = "", *text, *spec;
	unsigned i;

	(void)state;
	c.openid.issuers = " , ";
	assert_err(auth_new(&au, &c, &diag), ERR_INVALID_ARG);
	c.openid.issuers = "http://a";
	assert_err(auth_new(&au, &c, &diag), ERR_INVALID_ARG);
	c.openid.require_https = false;
	assert_ok(auth_new(&au, &c, &diag));
	auth_unref(&au);
	c.openid.issuers = "file:///a";
	assert_err(auth_new(&au, &c, &diag), ERR_INVALID_ARG);
	c.openid.issuers = ISS;
	c.openid.audiences = "";
	assert_err(auth_new(&au, &c, &diag), ERR_INVALID_ARG);
	c.openid.audiences = "here";
	c.openid.role_claim = "roles";
	c.openid.jwks = "data:,{}";
	assert_err(auth_new(&au, &c, &diag), ERR_INVALID_ARG);
	make_pair(&p, "k");
	doc = json_pack("{s:[O]}", "keys", p.jwk);
	text = json_dumps(doc, 0);
	spec = mem_printf("data:,%s", text);
	(free)(text);
	json_decref(doc);
	c.openid.jwks = spec;
	assert_ok(auth_new(&au, &c, &diag));
	assert_false(auth_fetches(au));
	doc = good_claims();
	text = signed_by(&p, "k", json_copy(doc));
	assert_check(au, text, NOW_S, NULL);
	mem_free(text);
	json_object_set_new(doc, "roles", json_pack("[s,s]", "one", "two"));
	text = signed_by(&p, "k", doc);
	assert_check(au, text, NOW_S, "one");
	mem_free(text);
	auth_unref(&au);
	mem_free(spec);
	free_pair(&p);
	for (i = 0; i < 40; i++)
		(void)snprintf(many + strlen(many), sizeof many - strlen(many),
		    "https://h%u,", i);
	assert_err(openid_keys_new(&keys, many, NULL, &diag), ERR_INVALID_ARG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jwks),
		cmocka_unit_test(test_discovery),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_conf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
