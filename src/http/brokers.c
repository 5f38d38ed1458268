/* SPDX-License-Identifier: Apache-2.0 */
/* The broker itself: health, version, names; /status.html. */
#include "http/address.h"
#include "http/handlers.h"

void
h_get_status(struct req *rq)
{
	strbuf_adds(&rq->out, "OK");
	req_text(rq, "text/plain");
}

/* Pulsar publishes and reads a message here. Ours shows that the core of each
 * shard answers, by way of its mailbox. */
static void
healthy(struct req *rq)
{
	if (req_any_failed(rq))
		return;
	strbuf_adds(&rq->out, "ok");
	req_json(rq);
}

void
h_brokers_health(struct req *rq)
{
	struct op *op;
	unsigned i;

	for (i = 0; i < rq->h->router->shards_n; i++) {
		op = req_op(rq, OP_STATS_WALK, STR_NONE);
		op->u32 = 0;
		req_send_to(rq, i, &op);
	}
	req_then(rq, healthy);
}

void
h_brokers_ready(struct req *rq)
{
	strbuf_adds(&rq->out, "ok");
	req_json(rq);
}

void
h_brokers_version(struct req *rq)
{
	strbuf_adds(&rq->out, rq->h->conf.version);
	req_json(rq);
}

void
h_brokers_list(struct req *rq)
{
	char host[ADDRESS_MAX];

	address_http(rq, host, sizeof(host));
	strbuf_adds(&rq->out, "[");
	json_add_str(&rq->out, host);
	strbuf_adds(&rq->out, "]");
	req_json(rq);
}

void
h_brokers_leader(struct req *rq)
{
	char host[ADDRESS_MAX];

	address_http(rq, host, sizeof(host));
	strbuf_adds(&rq->out, "{\"serviceUrl\":\"http://");
	strbuf_add_json(&rq->out, host, strlen(host));
	strbuf_adds(&rq->out, "\",\"brokerId\":");
	json_add_str(&rq->out, host);
	strbuf_adds(&rq->out, "}");
	req_json(rq);
}

/* Pulsar lists its own brokers whatever the cluster is; here the other paths
 * below brokers, which are not there, would look like clusters. */
void
h_brokers_of_cluster(struct req *rq)
{
	if (strcmp(rq->var[VAR_CLUSTER], rq->h->conf.cluster) != 0) {
		req_error(rq, 404, "Cluster does not exist");
		return;
	}
	h_brokers_list(rq);
}

/* Where clients of RocketMQ that know an HTTP address only ask for the name
 * server. */
void
h_rocketmq_nsaddr(struct req *rq)
{
	char addr[ADDRESS_MAX];

	if (rq->h->conf.namesrv_port == 0) {
		req_error(rq, 404, "RocketMQ's protocol is not served");
		return;
	}
	address_namesrv(rq, addr, sizeof(addr));
	strbuf_adds(&rq->out, addr);
	req_text(rq, "text/plain");
}

void
h_rocketmq_nsaddr_internet(struct req *rq)
{
	h_rocketmq_nsaddr(rq);
}

void
h_rocketmq_nsaddr_internal(struct req *rq)
{
	h_rocketmq_nsaddr(rq);
}

/* The part of the configuration that admin tools look for. */
void
h_brokers_runtime(struct req *rq)
{
	const struct http_conf *conf = &rq->h->conf;

	strbuf_adds(&rq->out, "{\"clusterName\":");
	json_add_str(&rq->out, conf->cluster);
	strbuf_addf(&rq->out,
	    ",\"brokerServicePort\":\"%u\",\"webServicePort\":\"%u\","
	    "\"advertisedAddress\":",
	    conf->pulsar_port, sock_addr_port(http_addr(rq->h)));
	json_add_str(&rq->out,
	    conf->advertised_address != NULL ? conf->advertised_address : "");
	strbuf_adds(&rq->out, "}");
	req_json(rq);
}
