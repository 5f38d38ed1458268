/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_priv.h"

#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"

#define PROVIDERS_MAX 16u

struct provider {
	const struct auth_provider *ops;
	void *priv;
};

struct auth {
	unsigned magic;
#define AUTH_MAGIC 0xa0740001
	atomic_uint refs;
	char *anonymous; /* NULL: there is none */
	openid_want_f *want; /* NULL: nobody fetches */
	void *want_priv;
	bool fetches;
	struct openid_keys *keys; /* NULL: none are known */
	struct auth *base; /* whose providers these are; NULL: its own */
	unsigned n;
	struct provider v[PROVIDERS_MAX];
};

/* Of Pulsar's broker.conf, and short ones. */
static const struct {
	const char *name;
	const struct auth_provider *ops;
} known[] = {
	{ "token", &auth_token },
	{ "org.apache.pulsar.broker.authentication.AuthenticationProviderToken",
	    &auth_token },
	{ "basic", &auth_basic },
	{ "org.apache.pulsar.broker.authentication.AuthenticationProviderBasic",
	    &auth_basic },
	{ "openid", &auth_openid },
	{ "org.apache.pulsar.broker.authentication.oidc."
	  "AuthenticationProviderOpenID",
	    &auth_openid },
	{ "tls", &auth_tls },
	{ "org.apache.pulsar.broker.authentication.AuthenticationProviderTls",
	    &auth_tls },
};

static const struct auth_provider *
provider_of(struct str name)
{
	size_t i;

	for (i = 0; i < sizeof known / sizeof *known; i++)
		if (str_eq(name, str_of(known[i].name)))
			return known[i].ops;
	return NULL;
}

static enum err
add(struct auth *au, struct str name, const struct auth_conf *conf,
    struct diag *diag)
{
	struct provider *p = &au->v[au->n];
	enum err e;

	if (au->n == PROVIDERS_MAX)
		return diag_set(diag, ERR_INVALID_ARG,
		    "authenticationProviders: more than %u", PROVIDERS_MAX);
	p->ops = provider_of(name);
	if (p->ops == NULL)
		return diag_set(diag, ERR_INVALID_ARG,
		    "authenticationProviders: %.*s is not known", (int)name.len,
		    name.p);
	e = p->ops->make(&p->priv, conf, diag);
	if (e == ERR_OK)
		au->n++;
	if (p->ops == &auth_openid &&
	    (conf->openid.jwks == NULL || conf->openid.jwks[0] == '\0'))
		au->fetches = true;
	return e;
}

enum err
auth_new(struct auth **aup, const struct auth_conf *conf, struct diag *diag)
{
	struct str rest = str_of(conf->providers), name;
	struct auth *au;
	enum err e = ERR_OK;

	ALLOC_OBJ(au, AUTH_MAGIC);
	atomic_init(&au->refs, 1);
	if (conf->anonymous != NULL && conf->anonymous[0] != '\0')
		au->anonymous = mem_strdup(conf->anonymous);
	au->want = conf->want;
	au->want_priv = conf->want_priv;
	while (e == ERR_OK && rest.len > 0) {
		name = str_trim(str_word(&rest, ','));
		if (name.len > 0)
			e = add(au, name, conf, diag);
	}
	if (e != ERR_OK)
		auth_unref(&au);
	*aup = au;
	return e;
}

bool
auth_fetches(const struct auth *au)
{
	CHECK_OBJ_NOTNULL(au, AUTH_MAGIC);
	return au->base != NULL ? au->base->fetches : au->fetches;
}

struct auth *
auth_with_keys(struct auth *of, struct openid_keys *keys)
{
	struct auth *au;

	CHECK_OBJ_NOTNULL(of, AUTH_MAGIC);
	if (of->base != NULL)
		of = of->base;
	ALLOC_OBJ(au, AUTH_MAGIC);
	atomic_init(&au->refs, 1);
	au->base = auth_ref(of);
	au->keys = openid_keys_ref(keys);
	return au;
}

struct auth *
auth_ref(struct auth *au)
{
	CHECK_OBJ_NOTNULL(au, AUTH_MAGIC);
	atomic_fetch_add_explicit(&au->refs, 1, memory_order_relaxed);
	return au;
}

void
auth_unref(struct auth **aup)
{
	struct auth *au;
	unsigned i;

	TAKE_OBJ_NOTNULL(au, aup, AUTH_MAGIC);
	if (atomic_fetch_sub_explicit(&au->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (i = 0; i < au->n; i++)
		au->v[i].ops->free(au->v[i].priv);
	if (au->keys != NULL)
		openid_keys_unref(&au->keys);
	if (au->base != NULL)
		auth_unref(&au->base);
	mem_free(au->anonymous);
	FREE_OBJ(au);
}

enum err
auth_check(const struct auth *au, const struct auth_try *t,
    struct auth_result *res, struct diag *diag)
{
	const struct auth *own = au->base != NULL ? au->base : au;
	struct auth_ask ask = { .t = t, .keys = au->keys };
	enum err e = ERR_NOT_FOUND;
	bool again = false;
	unsigned i;

	CHECK_OBJ_NOTNULL(au, AUTH_MAGIC);
	*res = (struct auth_result){ 0 };
	for (i = 0; i < own->n && e != ERR_OK; i++)
		if (str_eq(t->method, str_of(own->v[i].ops->method))) {
			*res = (struct auth_result){ 0 };
			e = own->v[i].ops->check(
			    own->v[i].priv, &ask, res, diag);
			again |= e == ERR_AGAIN;
		}
	if (e == ERR_OK)
		return e;
	if (again && own->want != NULL) {
		own->want(own->want_priv, ask.issuer);
		return ERR_AGAIN;
	}
	if (e == ERR_NOT_FOUND && own->anonymous != NULL) {
		res->role = mem_strdup(own->anonymous);
		return ERR_OK;
	}
	if (e == ERR_NOT_FOUND)
		(void)diag_set(diag, ERR_AUTHENTICATION,
		    "no provider has this method, and there is no anonymous "
		    "role");
	return ERR_AUTHENTICATION;
}
