/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET_SCHEMA and GET_OR_CREATE_SCHEMA. There is no registry yet: producers and
 * consumers with a schema are let in, no topic has one, and a version is the
 * empty one, which clients take for "none".
 */
#include <stdio.h>

#include "core/authz.h"
#include "pulsar/may.h"
#include "pulsar/session_priv.h"

/* --- GET_SCHEMA ------------------------------------------------------------- */

static void
schema_fail(struct session *s, uint64_t req, int error, const char *text)
{
	pp_CommandGetSchemaResponse m = {
		.request_id = req,
		.has_error_code = true,
		.error_code = (pp_ServerError)error,
		.error_message = span_str(text),
	};

	SESSION_SEND(s, GET_SCHEMA_RESPONSE, CommandGetSchemaResponse, &m);
}

void
do_get_schema(struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandGetSchema m;
	struct topic_name tn;
	char text[384];

	(void)b;
	if (cmd_decode_GET_SCHEMA(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	if (m.schema_version.p != NULL && m.schema_version.n == 0) {
		schema_fail(s, m.request_id, pp_ServerError_IncompatibleSchema,
		    "Empty schema version");
		return;
	}
	if (session_topic(&tn, m.topic) != ERR_OK) {
		session_bad_name(text, sizeof text, m.topic);
		schema_fail(
		    s, m.request_id, pp_ServerError_InvalidTopicName, text);
		return;
	}
	if (!session_may(s, MAY_LOOKUP, authz_topic(tn.full), STR_NONE, NULL)) {
		schema_fail(s, m.request_id, pp_ServerError_AuthorizationError,
		    "Client is not authorized to Get Schema");
		topic_name_fini(&tn);
		return;
	}
	(void)snprintf(text, sizeof text, "Topic not found or no-schema %.*s",
	    m.topic.n < 320 ? (int)m.topic.n : 320, (const char *)m.topic.p);
	text_clean(text);
	schema_fail(s, m.request_id, pp_ServerError_TopicNotFound, text);
	topic_name_fini(&tn);
}

/* --- GET_OR_CREATE_SCHEMA --------------------------------------------------- */

static void
create_say(struct session *s, uint64_t req, int error, const char *text)
{
	pp_CommandGetOrCreateSchemaResponse m = { .request_id = req };

	if (error >= 0) {
		m.has_error_code = true;
		m.error_code = (pp_ServerError)error;
		m.error_message = span_str(text);
	} else
		m.schema_version = span_of("", 0);
	SESSION_SEND(s, GET_OR_CREATE_SCHEMA_RESPONSE,
	    CommandGetOrCreateSchemaResponse, &m);
}

void
do_get_or_create_schema(
    struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandGetOrCreateSchema m;
	struct topic_name tn;
	struct op *op;
	char text[320];

	(void)b;
	if (cmd_decode_GET_OR_CREATE_SCHEMA(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	if (session_topic(&tn, m.topic) != ERR_OK) {
		session_bad_name(text, sizeof text, m.topic);
		create_say(
		    s, m.request_id, pp_ServerError_InvalidTopicName, text);
		return;
	}
	if (!session_may(s, MAY_LOOKUP, authz_topic(tn.full), STR_NONE, NULL))
		create_say(s, m.request_id, pp_ServerError_AuthorizationError,
		    "Client is not authorized to Get Schema");
	else if (prod_has_topic(s, &tn))
		create_say(s, m.request_id, -1, NULL);
	else if (!pulsar_lookup_begin(s->p))
		create_say(s, m.request_id, pp_ServerError_TooManyRequests,
		    "Too many requests");
	else {
		op = session_op_new(
		    s, OP_TOPIC_META, CMD_GET_OR_CREATE_SCHEMA, m.request_id);
		op->topic = op_str(op, tn.full);
		op->flag = false;
		session_route(s, &op);
	}
	topic_name_fini(&tn);
}

void
schema_answer(struct session *s, const struct fx *fx)
{
	if (fx->err == ERR_OK)
		create_say(s, fx->req, -1, NULL);
	else
		create_say(s, fx->req, err_pulsar(fx->err), fx_message(fx));
}
