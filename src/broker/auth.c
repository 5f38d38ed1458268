/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/auth.h"

#include "auth/auth.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/confmap.h"
#include "broker/shard.h"
#include "core/authz.h"
#include "http/server.h"
#include "pulsar/server.h"

struct news { /* for one shard */
	struct auth *auth; /* NULL: nobody is asked who he is */
	char *super, *proxies;
	bool wildcards;
};

static void
take_news(struct shard *sh, void *priv)
{
	struct news *n = priv;

	if (n->auth != NULL) {
		pulsar_set_auth(sh->pulsar, n->auth);
		auth_unref(&n->auth);
	}
	authz_set_conf(sh->core,
	    &(struct authz_conf){ .super = n->super,
		.proxies = n->proxies,
		.wildcards = n->wildcards });
	mem_free(n->super);
	mem_free(n->proxies);
	mem_free(n);
}

enum err
broker_auth_set(
    struct broker *b, const struct conf *c, bool running, struct diag *diag)
{
	struct auth *au = NULL;
	struct authz_conf zc;
	struct auth_conf ac;
	struct news *n;
	unsigned i;
	enum err e;

	confmap_auth(&ac, c);
	if (c->authenticationEnabled) {
		e = auth_new(&au, &ac, diag);
		if (e != ERR_OK)
			return e;
	}
	confmap_authz(&zc, c);
	for (i = 0; i < broker_shards_n(b); i++) {
		n = mem_zalloc(sizeof *n);
		n->auth = au != NULL ? auth_ref(au) : NULL;
		n->super = mem_strdup(zc.super);
		n->proxies = mem_strdup(zc.proxies);
		n->wildcards = zc.wildcards;
		if (running)
			shard_call(broker_shard(b, i), take_news, n);
		else
			take_news(broker_shard(b, i), n);
	}
	if (au != NULL) {
		http_set_auth(broker_http(b), au);
		auth_unref(&au);
	}
	return ERR_OK;
}
