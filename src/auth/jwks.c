/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/jwks.h"

#include <stdatomic.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"

#define ALG_MAX 16u

struct jwk {
	char *kid;
	char alg[ALG_MAX]; /* "": any that fits the key */
	struct jwt_key *key;
};

struct jwks {
	unsigned magic;
#define JWKS_MAGIC 0x3a7e0a01
	atomic_uint refs;
	unsigned n;
	struct jwk v[JWKS_KEYS_MAX];
};

static const struct jwk *
find(const struct jwks *s, struct str kid)
{
	unsigned i;

	for (i = 0; i < s->n; i++)
		if (str_eq(str_of(s->v[i].kid), kid))
			return &s->v[i];
	return NULL;
}

static void
add(struct jwks *s, const json_t *o)
{
	struct str kid = json_text_at(o, "kid"), alg = json_text_at(o, "alg"),
		   use = json_text_at(o, "use");
	struct jwk *k = &s->v[s->n];
	struct diag diag;

	if (kid.len == 0 || kid.len > JWKS_KID_MAX ||
	    memchr(kid.p, '\0', kid.len) != NULL || alg.len >= ALG_MAX ||
	    (use.len > 0 && !str_eq(use, STR_LIT("sig"))) ||
	    find(s, kid) != NULL || s->n == JWKS_KEYS_MAX ||
	    jwt_key_of_jwk(&k->key, o, &diag) != ERR_OK)
		return;
	k->kid = mem_strndup(kid.p, kid.len);
	if (alg.len > 0)
		memcpy(k->alg, alg.p, alg.len);
	s->n++;
}

enum err
jwks_parse(struct jwks **sp, const char *p, size_t n, struct diag *d)
{
	json_t *doc = NULL, *keys;
	struct jwks *s;
	size_t i;

	*sp = NULL;
	if (n <= JWKS_MAX)
		doc = json_loadb(p, n, JSON_REJECT_DUPLICATES, NULL);
	keys = json_object_get(doc, "keys");
	if (!json_is_array(keys) || json_array_size(keys) > JWKS_KEYS_MAX) {
		json_decref(doc);
		return diag_set(d, ERR_MALFORMED,
		    "not a JWK set of at most %u keys", JWKS_KEYS_MAX);
	}
	ALLOC_OBJ(s, JWKS_MAGIC);
	atomic_init(&s->refs, 1);
	for (i = 0; i < json_array_size(keys); i++)
		add(s, json_array_get(keys, i));
	json_decref(doc);
	if (s->n > 0) {
		*sp = s;
		return ERR_OK;
	}
	jwks_unref(&s);
	return diag_set(
	    d, ERR_MALFORMED, "a JWK set without a key that can be used");
}

struct jwks *
jwks_ref(struct jwks *s)
{
	CHECK_OBJ_NOTNULL(s, JWKS_MAGIC);
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
jwks_unref(struct jwks **sp)
{
	struct jwks *s;
	unsigned i;

	TAKE_OBJ_NOTNULL(s, sp, JWKS_MAGIC);
	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (i = 0; i < s->n; i++) {
		mem_free(s->v[i].kid);
		jwt_key_free(&s->v[i].key);
	}
	FREE_OBJ(s);
}

enum err
jwks_find(const struct jwks *s, const struct jwt *j, const struct jwt_key **k,
    struct diag *d)
{
	struct str kid = json_text_at(j->header, "kid"),
		   alg = json_text_at(j->header, "alg");
	const struct jwk *jwk;

	CHECK_OBJ_NOTNULL(s, JWKS_MAGIC);
	*k = NULL;
	jwk = kid.len > 0 ? find(s, kid) : NULL;
	if (jwk == NULL)
		return ERR_OK;
	if (jwk->alg[0] != '\0' && !str_eq(alg, str_of(jwk->alg)))
		return diag_set(d, ERR_AUTHENTICATION,
		    "the token's algorithm is not the one of its key");
	*k = jwk->key;
	return ERR_OK;
}
