/* SPDX-License-Identifier: Apache-2.0 */
/* PARTITIONED_METADATA and LOOKUP. */
#include <stdio.h>
#include <string.h>

#include "core/authz.h"
#include "pulsar/may.h"
#include "pulsar/session_priv.h"

#define BUSY_TEXT "Failed due to too many pending lookup requests"
#define NOT_READY_TEXT "Failed due to pulsar service is not ready"
#define URL_MAX (sizeof "pulsar+ssl://[]:65535" + 256)

/* The reference maps the status of its own admin API. */
static int
lookup_error(enum err e)
{
	if (err_http(e) == 404)
		return pp_ServerError_TopicNotFound;
	if (err_http(e) < 500)
		return pp_ServerError_MetadataError;
	return pp_ServerError_ServiceNotReady;
}

/* --- PARTITIONED_METADATA --------------------------------------------------- */

static void
metadata_fail(struct session *s, uint64_t req, int error, const char *text)
{
	pp_CommandPartitionedTopicMetadataResponse m = {
		.request_id = req,
		.has_response = true,
		.response =
		    pp_CommandPartitionedTopicMetadataResponse_LookupType_Failed,
		.has_error = true,
		.error = (pp_ServerError)error,
		.message = span_str(text),
	};

	SESSION_SEND(s, PARTITIONED_METADATA_RESPONSE,
	    CommandPartitionedTopicMetadataResponse, &m);
}

/* Asks the core about a topic; the answer comes to topic_answer(). */
static void
ask(struct session *s, enum cmd_type who, uint64_t req,
    const struct topic_name *tn, bool create)
{
	struct op *op;

	op = session_op_new(s, OP_TOPIC_META, who, req);
	op->topic = op_str(op, tn->full);
	op->flag = create;
	session_route(s, &op);
}

void
do_partitioned_metadata(
    struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandPartitionedTopicMetadata m;
	struct topic_name tn;
	char text[320];

	(void)b;
	if (cmd_decode_PARTITIONED_METADATA(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	if (session_topic(&tn, m.topic) != ERR_OK) {
		session_bad_name(text, sizeof text, m.topic);
		metadata_fail(
		    s, m.request_id, pp_ServerError_InvalidTopicName, text);
		return;
	}
	if (s->p->draining)
		metadata_fail(s, m.request_id, pp_ServerError_ServiceNotReady,
		    NOT_READY_TEXT);
	else if (!session_may(
		     s, MAY_LOOKUP, authz_topic(tn.full), STR_NONE, NULL))
		metadata_fail(s, m.request_id,
		    pp_ServerError_AuthorizationError,
		    "Client is not authorized to Get Partition Metadata");
	else if (!pulsar_lookup_begin(s->p))
		metadata_fail(
		    s, m.request_id, pp_ServerError_TooManyRequests, BUSY_TEXT);
	else
		ask(s, CMD_PARTITIONED_METADATA, m.request_id, &tn,
		    m.metadata_auto_creation_enabled);
	topic_name_fini(&tn);
}

void
partitioned_metadata_answer(struct session *s, const struct fx *fx)
{
	pp_CommandPartitionedTopicMetadataResponse m = {
		.request_id = fx->req,
		.has_response = true,
		.response =
		    pp_CommandPartitionedTopicMetadataResponse_LookupType_Success,
		.has_partitions = true,
		.partitions = fx->u32,
	};

	if (fx->err != ERR_OK)
		metadata_fail(
		    s, fx->req, lookup_error(fx->err), fx_message(fx));
	else
		SESSION_SEND(s, PARTITIONED_METADATA_RESPONSE,
		    CommandPartitionedTopicMetadataResponse, &m);
}

/* --- LOOKUP ----------------------------------------------------------------- */

static void
lookup_fail(struct session *s, uint64_t req, int error, const char *text)
{
	pp_CommandLookupTopicResponse m = {
		.request_id = req,
		.has_response = true,
		.response = pp_CommandLookupTopicResponse_LookupType_Failed,
		.has_error = true,
		.error = (pp_ServerError)error,
		.message = span_str(text),
	};

	SESSION_SEND(s, LOOKUP_RESPONSE, CommandLookupTopicResponse, &m);
}

static void
lookup_connect(struct session *s, uint64_t req, const char *url,
    const char *url_tls, bool through)
{
	pp_CommandLookupTopicResponse m = {
		.request_id = req,
		.has_response = true,
		.response = pp_CommandLookupTopicResponse_LookupType_Connect,
		.has_authoritative = true,
		.authoritative = true,
		.brokerServiceUrl = span_str(url),
		.brokerServiceUrlTls = span_str(url_tls),
		.has_proxy_through_service_url = true,
		.proxy_through_service_url = through,
	};

	SESSION_SEND(s, LOOKUP_RESPONSE, CommandLookupTopicResponse, &m);
}

static void
url_make(char url[URL_MAX], const char *scheme, const char *host, unsigned port)
{
	bool v6 = strchr(host, ':') != NULL;

	(void)snprintf(url, URL_MAX, "%s://%s%s%s:%u", scheme, v6 ? "[" : "",
	    host, v6 ? "]" : "", port);
}

/*
 * Where to connect to: where the client is connected to, unless the operator
 * says otherwise. With "through the service URL" it goes on using the address
 * that it was given itself, which is right behind a translating router, too;
 * the reference says so when it runs standalone.
 */
static void
lookup_here(struct session *s, uint64_t req)
{
	const struct pulsar_conf *conf = &s->p->conf;
	struct sock_addr sa;
	char url[URL_MAX], url_tls[URL_MAX], host[SOCK_TEXT_MAX];
	const char *h = conf->advertised_address;
	bool through = false;
	unsigned port = conf->port, tls_port = conf->tls_port;

	if (h == NULL || *h == '\0') {
		through = true;
		conn_local(s->cn, &sa);
		h = "localhost";
		if (sa.ss.ss_family == AF_INET || sa.ss.ss_family == AF_INET6) {
			h = sock_addr_host(&sa, host, sizeof host);
			if (conn_is_tls(s->cn))
				tls_port = sock_addr_port(&sa);
			else
				port = sock_addr_port(&sa);
			/* a client of IPv4 at a socket for both */
			if (strncmp(h, "::ffff:", 7) == 0 && strchr(h, '.'))
				h += 7;
		}
	}
	url_make(url, "pulsar", h, port);
	url_make(url_tls, "pulsar+ssl", h, tls_port);
	lookup_connect(s, req, url, tls_port > 0 ? url_tls : NULL, through);
}

static const struct advert *
advert_find(const struct pulsar *p, struct span name)
{
	unsigned i;

	for (i = 0; i < p->adverts_n; i++)
		if (span_eq(span_str(p->adverts[i].name), name))
			return &p->adverts[i];
	return NULL;
}

/* Which listener was asked for comes back in dest.tag. */
void
do_lookup(struct session *s, const struct frame *fr, struct buf *b)
{
	const struct advert *ad = s->p->internal;
	pp_CommandLookupTopic m;
	struct topic_name tn;
	struct op *op;
	char text[320];

	(void)b;
	if (cmd_decode_LOOKUP(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	if (session_topic(&tn, m.topic) != ERR_OK) {
		session_bad_name(text, sizeof text, m.topic);
		lookup_fail(
		    s, m.request_id, pp_ServerError_InvalidTopicName, text);
		return;
	}
	if (!session_may(s, MAY_LOOKUP, authz_topic(tn.full), STR_NONE, NULL)) {
		lookup_fail(s, m.request_id, pp_ServerError_AuthorizationError,
		    "Client is not authorized to Lookup");
		goto out;
	}
	if (m.advertised_listener_name.n > 0) {
		ad = advert_find(s->p, m.advertised_listener_name);
		if (ad == NULL) {
			(void)snprintf(text, sizeof text,
			    "the broker do not have %.*s listener",
			    m.advertised_listener_name.n < 128 ?
				(int)m.advertised_listener_name.n :
				128,
			    (const char *)m.advertised_listener_name.p);
			text_clean(text);
			lookup_fail(s, m.request_id,
			    pp_ServerError_ServiceNotReady, text);
			goto out;
		}
	}
	if (s->p->draining) {
		lookup_fail(s, m.request_id, pp_ServerError_ServiceNotReady,
		    NOT_READY_TEXT);
		goto out;
	}
	if (!pulsar_lookup_begin(s->p)) {
		lookup_fail(
		    s, m.request_id, pp_ServerError_TooManyRequests, BUSY_TEXT);
		goto out;
	}
	op = session_op_new(s, OP_TOPIC_META,
	    CMD_LOOKUP | LOOKUP_ADVERT(s->p, ad), m.request_id);
	op->topic = op_str(op, tn.full);
	op->flag = false;
	session_route(s, &op);
out:
	topic_name_fini(&tn);
}

/*
 * A topic that isn't there yet is found here all the same: the producer or
 * consumer that follows makes it.
 */
void
lookup_answer(struct session *s, const struct fx *fx)
{
	const struct advert *ad = NULL;
	uint64_t i = fx->dest.tag >> LOOKUP_ADVERT_SHIFT;

	if (fx->err != ERR_OK && fx->err != ERR_NO_TOPIC) {
		lookup_fail(s, fx->req, lookup_error(fx->err), fx_message(fx));
		return;
	}
	if (i > 0)
		ad = &s->p->adverts[i - 1];
	if (ad != NULL)
		lookup_connect(s, fx->req, ad->url, ad->url_tls, false);
	else
		lookup_here(s, fx->req);
}
