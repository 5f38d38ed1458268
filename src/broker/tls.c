/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/tls.h"

#include "base/mem.h"
#include "base/vas.h"
#include "broker/broker.h"
#include "broker/shard.h"
#include "os/tls.h"
#include "rocketmq/server.h"

struct news { /* for one shard */
	enum rmq_tls_mode mode;
	struct tls_ctx *ctx;
};

static void
take_news(struct shard *sh, void *priv)
{
	struct news *n = priv;

	rmq_set_tls(sh->rmq, n->mode, n->ctx);
	if (n->ctx != NULL)
		tls_ctx_unref(&n->ctx);
	mem_free(n);
}

static enum rmq_tls_mode
mode_of(const struct conf *c)
{
	switch (c->tlsMode) {
	case CONF_TLS_DISABLED:
		return RMQ_TLS_DISABLED;
	case CONF_TLS_ENFORCING:
		return RMQ_TLS_ENFORCING;
	default:
		return RMQ_TLS_PERMISSIVE;
	}
}

static enum tls_client_cert
client_cert_of(const struct conf *c)
{
	switch (c->tlsServerNeedClientAuth) {
	case CONF_CLIENT_NONE:
		return TLS_CLIENT_NONE;
	case CONF_CLIENT_OPTIONAL:
		return TLS_CLIENT_OPTIONAL;
	default:
		return TLS_CLIENT_REQUIRED;
	}
}

enum err
broker_tls_set(
    struct broker *b, const struct conf *c, bool running, struct diag *diag)
{
	struct tls_conf tc = {
		.cert_path = c->tlsServerCertPath,
		.key_path = c->tlsServerKeyPath,
		.key_password = c->tlsServerKeyPassword,
		.client_cert = client_cert_of(c),
		.trust_path =
		    c->tlsServerAuthClient ? c->tlsServerTrustCertPath : NULL,
	};
	struct tls_ctx *ctx = NULL;
	struct news *n;
	enum err err;
	unsigned i;

	if (!c->rocketmqEnable)
		return ERR_OK;
	if (c->tlsMode != CONF_TLS_DISABLED) {
		/* without a file one is made: conf_check() */
		assert(c->tlsTestModeEnable || c->tlsServerCertPath[0] != '\0');
		err = tls_ctx_new(&ctx, &tc, diag);
		if (err != ERR_OK)
			return err;
	}
	for (i = 0; i < broker_shards_n(b); i++) {
		n = mem_zalloc(sizeof *n);
		n->mode = mode_of(c);
		n->ctx = ctx != NULL ? tls_ctx_ref(ctx) : NULL;
		if (running)
			shard_call(broker_shard(b, i), take_news, n);
		else
			take_news(broker_shard(b, i), n);
	}
	if (ctx != NULL)
		tls_ctx_unref(&ctx);
	return ERR_OK;
}
