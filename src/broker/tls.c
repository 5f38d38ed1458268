/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/tls.h"

#include "base/mem.h"
#include "base/vas.h"
#include "broker/broker.h"
#include "broker/shard.h"
#include "http/server.h"
#include "os/tls.h"
#include "pulsar/server.h"
#include "rocketmq/server.h"

struct news { /* for one shard */
	enum rmq_tls_mode mode;
	struct tls_ctx *rmq, *pulsar; /* NULL: TLS is not spoken there */
};

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

static enum err
rmq_ctx(struct broker *b, const struct conf *c, struct tls_ctx **ctx,
    struct diag *diag)
{
	struct tls_conf tc = {
		.cert_path = c->tlsServerCertPath,
		.key_path = c->tlsServerKeyPath,
		.key_password = c->tlsServerKeyPassword,
		.client_cert = client_cert_of(c),
		.trust_path =
		    c->tlsServerAuthClient ? c->tlsServerTrustCertPath : NULL,
	};

	if (!c->rocketmqEnable || c->tlsMode == CONF_TLS_DISABLED)
		return ERR_OK;
	/* without a file one is made: conf_check() */
	assert(c->tlsTestModeEnable || c->tlsServerCertPath[0] != '\0');
	tc.before = rmq_tls(broker_shard(b, 0)->rmq);
	return tls_ctx_new(ctx, &tc, diag);
}

/* A certificate is asked for where something can be said of it. */
static enum err
pulsar_ctx(
    const struct conf *c, bool http, struct tls_ctx **ctx, struct diag *diag)
{
	bool insecure = c->tlsAllowInsecureConnection;
	struct tls_conf tc = {
		.cert_path = c->tlsCertificateFilePath,
		.key_path = c->tlsKeyFilePath,
		.trust_path = insecure ? NULL : c->tlsTrustCertsFilePath,
		.protocols = http ? c->webServiceTlsProtocols : c->tlsProtocols,
		.ciphers = http ? c->webServiceTlsCiphers : c->tlsCiphers,
	};

	if ((http ? c->webServicePortTls : c->brokerServicePortTls) < 0)
		return ERR_OK;
	if (c->tlsRequireTrustedClientCertOnConnect)
		tc.client_cert = TLS_CLIENT_REQUIRED;
	else if (insecure || c->tlsTrustCertsFilePath[0] != '\0')
		tc.client_cert = TLS_CLIENT_OPTIONAL;
	return tls_ctx_new(ctx, &tc, diag);
}

static void
unref(struct tls_ctx *ctx)
{
	if (ctx != NULL)
		tls_ctx_unref(&ctx);
}

static struct tls_ctx *
ref(struct tls_ctx *ctx)
{
	return ctx != NULL ? tls_ctx_ref(ctx) : NULL;
}

static void
take_news(struct shard *sh, void *priv)
{
	struct news *n = priv;

	if (sh->rmq != NULL)
		rmq_set_tls(sh->rmq, n->mode, n->rmq);
	if (n->pulsar != NULL)
		pulsar_set_tls(sh->pulsar, n->pulsar);
	unref(n->rmq);
	unref(n->pulsar);
	mem_free(n);
}

enum err
broker_tls_http(const struct conf *c, struct tls_ctx **ctx, struct diag *diag)
{
	return pulsar_ctx(c, true, ctx, diag);
}

enum err
broker_tls_set(
    struct broker *b, const struct conf *c, bool running, struct diag *diag)
{
	struct tls_ctx *rmq = NULL, *pulsar = NULL, *http = NULL;
	struct news *n;
	enum err err;
	unsigned i;

	err = rmq_ctx(b, c, &rmq, diag);
	if (err == ERR_OK)
		err = pulsar_ctx(c, false, &pulsar, diag);
	if (err == ERR_OK && running)
		err = pulsar_ctx(c, true, &http, diag);
	for (i = 0; err == ERR_OK && i < broker_shards_n(b); i++) {
		n = mem_zalloc(sizeof *n);
		n->mode = mode_of(c);
		n->rmq = ref(rmq);
		n->pulsar = ref(pulsar);
		if (running)
			shard_call(broker_shard(b, i), take_news, n);
		else
			take_news(broker_shard(b, i), n);
	}
	if (err == ERR_OK && http != NULL)
		http_set_tls(broker_http(b), http);
	unref(rmq);
	unref(pulsar);
	unref(http);
	return err;
}
