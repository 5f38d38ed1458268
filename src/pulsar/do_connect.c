/* SPDX-License-Identifier: Apache-2.0 */
/* CONNECT, AUTH_RESPONSE, PING, PONG. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "pulsar/login.h"
#include "pulsar/session_priv.h"

#define VERSION_TEXT_MAX 256

static void
connected(struct session *s)
{
	const struct pulsar_conf *conf = &s->p->conf;
	pp_CommandConnected m = {
		.server_version = span_str(conf->version),
		.has_protocol_version = true,
		.protocol_version = s->version,
		.has_max_message_size = true,
		.max_message_size = (int32_t)conf->max_message_bytes,
		.has_feature_flags = true,
	};
	pp_FeatureFlags *ff = &m.feature_flags;

	ff->has_supports_topic_watchers = true;
	ff->supports_topic_watchers = conf->topic_watchers;
	ff->has_supports_get_partitioned_metadata_without_auto_creation = true;
	ff->supports_get_partitioned_metadata_without_auto_creation = true;
	ff->has_supports_repl_dedup_by_lid_and_eid = true;
	ff->supports_repl_dedup_by_lid_and_eid = true;
	ff->has_supports_topic_watcher_reconcile = true;
	ff->supports_topic_watcher_reconcile = conf->topic_watchers;
	SESSION_SEND(s, CONNECTED, CommandConnected, &m);
}

/*
 * The C++ client, which Python's and Node's are made of, closes its connection
 * at a command that it has no case for, and REACHED_END_OF_TOPIC is one
 * (pulsar-client-cpp lib/ClientConnection.cc up to 4.x; "Received invalid
 * message from server"). It would come back, subscribe, hear it again and so on
 * ten times a second, with every consumer and producer of that connection.
 */
static bool
knows_end_of_topic(const struct session *s)
{
	static const char cpp[] = "Pulsar-CPP-v";
	const size_t n = sizeof cpp - 1;

	if (s->version < 9)
		return false;
	if (strncmp(s->client_version, cpp, n) != 0)
		return true;
	return strtoul(s->client_version + n, NULL, 10) >= 5;
}

void
do_connect(struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandConnect m;
	size_t n;

	(void)b;
	if (s->state != SESSION_START) {
		session_close(s, CLOSE_PROTOCOL);
		return;
	}
	if (cmd_decode_CONNECT(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	if (s->p->draining) {
		session_error(s, HOT_NO_REQUEST, pp_ServerError_ServiceNotReady,
		    "Failed due to pulsar service is not ready");
		session_close_flushed(s, CLOSE_SHUTDOWN);
		return;
	}
	s->version = m.protocol_version < PROTOCOL_VERSION ?
	    m.protocol_version :
	    PROTOCOL_VERSION;
	s->entry_metadata = s->p->conf.entry_metadata && s->version >= 18 &&
	    m.feature_flags.supports_broker_entry_metadata;
	n = m.client_version.n;
	if (n > VERSION_TEXT_MAX)
		n = VERSION_TEXT_MAX;
	mem_free(s->client_version); /* of the time before, where it waited */
	s->client_version = n > 0 ?
	    mem_strndup((const char *)m.client_version.p, n) :
	    mem_strdup("");
	text_clean(s->client_version);
	s->knows_end = knows_end_of_topic(s);
	if (!login_connect(s, &m))
		return;
	connected(s);
	session_connected(s);
	LOG(LOG_INFO, (int)s->p->router->shard, "conn_open",
	    LOG_U("conn", s->id), LOG_S("peer", conn_peer_text(s->cn)),
	    LOG_S("client", s->client_version), LOG_I("protocol", s->version),
	    LOG_S("role", s->who.role != NULL ? s->who.role : ""));
}

void
do_auth_response(struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandAuthResponse m;

	(void)b;
	if (cmd_decode_AUTH_RESPONSE(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	login_response(s, &m);
}

void
do_ping(struct session *s, const struct frame *fr, struct buf *b)
{
	uint8_t *o = conn_reserve(s->cn, HOT_PING_MAX);

	(void)fr;
	(void)b;
	conn_commit(s->cn, hot_pong_encode(o));
}

void
do_pong(struct session *s, const struct frame *fr, struct buf *b)
{
	/* that it came is all that counts */
	(void)s;
	(void)fr;
	(void)b;
}
