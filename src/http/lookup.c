/* SPDX-License-Identifier: Apache-2.0 */
/* Lookup of a topic's broker, which is always this one. */
#include "http/address.h"
#include "http/handlers.h"

/* hosts are checked, there is nothing to escape */
static void
add_url(struct strbuf *sb, const char *key, const char *scheme, const char *at)
{
	if (at[0] != '\0')
		strbuf_addf(sb, "\"%s\":\"%s://%s\",", key, scheme, at);
}

static void
answer(struct req *rq)
{
	struct addresses a;
	char *name = NULL;
	enum err e;

	if (rq->ans[0]->err == ERR_NO_TOPIC &&
	    strncmp(rq->ans[0]->diag, "Namespace", 9) != 0) {
		req_error(rq, 404, "Topic not found.");
		return;
	}
	if (req_any_failed(rq))
		return;
	if (mhd_query(rq, "listenerName", &name) != ERR_OK) {
		req_error(rq, 400, "Bad escape in listenerName");
		return;
	}
	if (name == NULL && mhd_header(rq, "X-Pulsar-ListenerName") != NULL)
		name = mem_strdup(mhd_header(rq, "X-Pulsar-ListenerName"));
	e = address_listener(rq, name, &a);
	if (e != ERR_OK) {
		req_error(rq, 404, "the broker do not have %s listener",
		    name != NULL ? name : rq->h->conf.internal_listener);
		mem_free(name);
		return;
	}
	mem_free(name);
	strbuf_addc(&rq->out, '{');
	add_url(&rq->out, "brokerUrl", "pulsar", a.pulsar);
	add_url(&rq->out, "brokerUrlTls", "pulsar+ssl", a.pulsar_tls);
	add_url(&rq->out, "httpUrl", "http", a.http);
	add_url(&rq->out, "httpUrlTls", "https", a.https);
	add_url(&rq->out, "nativeUrl", "pulsar", a.pulsar);
	strbuf_adds(&rq->out, "\"brokerUrlSsl\":\"");
	if (a.pulsar_tls[0] != '\0')
		strbuf_addf(&rq->out, "pulsar+ssl://%s", a.pulsar_tls);
	strbuf_adds(&rq->out, "\"}");
	req_json(rq);
}

/* As with the binary protocol's lookup, a topic that could be made is found. */
void
h_lookup_topic(struct req *rq)
{
	struct op *op;

	if (!req_topic(rq))
		return;
	op = req_op(rq, OP_TOPIC_META, rq->tn.full);
	op->flag = true;
	req_send(rq, &op);
	req_then(rq, answer);
}
