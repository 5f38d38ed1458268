/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/auth.h"

#include <jansson.h>

#include "auth/auth.h"
#include "auth/secret.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/confmap.h"
#include "broker/openid.h"
#include "broker/shard.h"
#include "core/authz.h"
#include "core/record.h"
#include "http/server.h"
#include "pulsar/server.h"

/* --- the first user --------------------------------------------------------------- */

static enum err
write_user(struct meta *m, const uint8_t *key, size_t n, struct str name,
    struct str password, const struct secret_box *box)
{
	char *sealed = secret_seal(box, name, password), *text;
	struct meta_txn *tx = meta_txn_new();
	enum err e;

	text = mem_printf("{\"secret\":\"%s\",\"super\":true,\"enabled\":true,"
			  "\"user\":{\"type\":\"Super\"}}",
	    sealed);
	meta_txn_put(tx, key, n, text, strlen(text));
	e = m->ops->commit_now(m, &tx);
	mem_free(sealed);
	mem_free(text);
	return e;
}

static enum err
first_user(
    struct meta *m, const char *spec, struct secret_box *box, struct diag *diag)
{
	json_t *js = json_loads(spec, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(json_object_get(js, "username"));
	const char *pw = json_string_value(json_object_get(js, "password"));
	uint8_t key[META_KEY_MAX];
	void *val = NULL;
	size_t n;
	enum err e;

	if (name == NULL || name[0] == '\0' || strlen(name) > NAME_MAX_BYTES ||
	    pw == NULL || pw[0] == '\0' || strlen(pw) > SECRET_MAX) {
		json_decref(js);
		return diag_set(diag, ERR_INVALID_ARG,
		    "initAuthenticationUser is not "
		    "{\"username\":\"...\",\"password\":\"...\"}");
	}
	n = key_text(key, META_ROLE, str_of(name));
	e = m->ops->get_now(m, key, n, &val, &(size_t){ 0 });
	if (e == ERR_NO_KEY)
		e = write_user(m, key, n, str_of(name), str_of(pw), box);
	mem_free(val);
	json_decref(js);
	return e;
}

/* One protocol is for those who say who they are, the other for everybody: an
 * operator should know. */
static void
warn_of_open(const struct conf *c)
{
	bool pulsar = conf_authenticates_pulsar(c);

	if (c->rocketmqEnable && pulsar != conf_authenticates_rocketmq(c))
		LOG(LOG_WARN, LOG_NO_SHARD, "open_to_everybody",
		    LOG_S("protocol", pulsar ? "rocketmq" : "pulsar"));
}

enum err
broker_auth_open(const struct conf *c, struct meta *m, struct secret_box **box,
    struct diag *diag)
{
	char *path;
	enum err e;

	*box = NULL;
	warn_of_open(c);
	if (!conf_authenticates_pulsar(c) && !conf_authenticates_rocketmq(c))
		return ERR_OK;
	path = mem_printf("%s/secret.key", c->dataDir);
	e = secret_box_open(box, path, diag);
	mem_free(path);
	if (e == ERR_OK && c->initAuthenticationUser[0] != '\0')
		e = first_user(m, c->initAuthenticationUser, *box, diag);
	return e;
}

/* --- shards ----------------------------------------------------------------------- */

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
	ac.want = openid_service_want;
	ac.want_priv = broker_openid(b);
	if (conf_authenticates_pulsar(c)) {
		e = auth_new(&au, &ac, diag);
		if (e == ERR_OK)
			e = openid_service_set(broker_openid(b), c, &au, diag);
		if (e != ERR_OK) {
			if (au != NULL)
				auth_unref(&au);
			return e;
		}
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

static void
take_auth(struct shard *sh, void *priv)
{
	struct auth *au = priv;

	pulsar_set_auth(sh->pulsar, au);
	auth_unref(&au);
}

void
broker_auth_give(struct broker *b, struct auth *au)
{
	unsigned i;

	for (i = 0; i < broker_shards_n(b); i++)
		shard_call(broker_shard(b, i), take_auth, auth_ref(au));
	http_set_auth(broker_http(b), au);
}
