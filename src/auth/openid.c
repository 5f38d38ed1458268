/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/openid.h"

#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"

struct openid_keys {
	unsigned magic;
#define OPENID_KEYS_MAGIC 0x09e41d01
	atomic_uint refs;
	unsigned n;
	struct openid_issuer v[OPENID_ISSUERS_MAX];
};

static struct openid_keys *
alloc_keys(void)
{
	struct openid_keys *k;

	ALLOC_OBJ(k, OPENID_KEYS_MAGIC);
	atomic_init(&k->refs, 1);
	return k;
}

static void
copy(struct openid_issuer *to, const struct openid_issuer *from)
{
	*to = *from;
	to->name = mem_strdup(from->name);
	if (from->keys != NULL)
		to->keys = jwks_ref(from->keys);
}

static void
add(struct openid_keys *k, struct str name, const struct openid_keys *old)
{
	unsigned i;

	for (i = 0; i < k->n; i++)
		if (str_eq(str_of(k->v[i].name), name))
			return;
	for (i = 0; old != NULL && i < old->n; i++)
		if (str_eq(str_of(old->v[i].name), name)) {
			copy(&k->v[k->n++], &old->v[i]);
			return;
		}
	k->v[k->n++].name = mem_strndup(name.p, name.len);
}

enum err
openid_keys_new(struct openid_keys **kp, const char *issuers,
    const struct openid_keys *old, struct diag *d)
{
	struct str rest = str_of(issuers), name;
	struct openid_keys *k = alloc_keys();

	*kp = NULL;
	while (rest.len > 0) {
		name = str_trim(str_word(&rest, ','));
		if (name.len == 0)
			continue;
		if (k->n == OPENID_ISSUERS_MAX) {
			openid_keys_unref(&k);
			return diag_set(d, ERR_INVALID_ARG,
			    "openIDAllowedTokenIssuers: more than %u",
			    OPENID_ISSUERS_MAX);
		}
		add(k, name, old);
	}
	*kp = k;
	return ERR_OK;
}

struct openid_keys *
openid_keys_with(const struct openid_keys *old, unsigned i, struct jwks *keys,
    int64_t now_ms)
{
	struct openid_keys *k = alloc_keys();

	CHECK_OBJ_NOTNULL(old, OPENID_KEYS_MAGIC);
	assert(i < old->n);
	for (; k->n < old->n; k->n++)
		copy(&k->v[k->n], &old->v[k->n]);
	k->v[i].tried_ms = now_ms;
	if (keys == NULL)
		return k;
	if (k->v[i].keys != NULL)
		jwks_unref(&k->v[i].keys);
	k->v[i].keys = jwks_ref(keys);
	k->v[i].got_ms = now_ms;
	return k;
}

struct openid_keys *
openid_keys_ref(struct openid_keys *k)
{
	CHECK_OBJ_NOTNULL(k, OPENID_KEYS_MAGIC);
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void
openid_keys_unref(struct openid_keys **kp)
{
	struct openid_keys *k;
	unsigned i;

	TAKE_OBJ_NOTNULL(k, kp, OPENID_KEYS_MAGIC);
	if (atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (i = 0; i < k->n; i++) {
		mem_free(k->v[i].name);
		if (k->v[i].keys != NULL)
			jwks_unref(&k->v[i].keys);
	}
	FREE_OBJ(k);
}

unsigned
openid_issuers_n(const struct openid_keys *k)
{
	CHECK_OBJ_NOTNULL(k, OPENID_KEYS_MAGIC);
	return k->n;
}

const struct openid_issuer *
openid_issuer(const struct openid_keys *k, unsigned i)
{
	CHECK_OBJ_NOTNULL(k, OPENID_KEYS_MAGIC);
	assert(i < k->n);
	return &k->v[i];
}

/* --- discovery -------------------------------------------------------------------- */

char *
openid_discovery_url(const char *issuer)
{
	return mem_printf("%s/.well-known/openid-configuration", issuer);
}

enum err
openid_jwks_uri(
    char **uri, const char *p, size_t n, const char *issuer, struct diag *d)
{
	json_t *doc = NULL;
	const char *of, *at;
	enum err e = ERR_OK;

	*uri = NULL;
	if (n <= OPENID_DISCOVERY_MAX)
		doc = json_loadb(p, n, JSON_REJECT_DUPLICATES, NULL);
	of = json_string_value(json_object_get(doc, "issuer"));
	at = json_string_value(json_object_get(doc, "jwks_uri"));
	if (of == NULL || at == NULL)
		e = diag_set(
		    d, ERR_MALFORMED, "no document with issuer and jwks_uri");
	else if (strcmp(of, issuer) != 0)
		e = diag_set(d, ERR_MALFORMED, "it is another issuer's");
	else
		*uri = mem_strdup(at);
	json_decref(doc);
	return e;
}
