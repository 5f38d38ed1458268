/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about what is not here or runs by itself: replication, the
 * controller's mode, Lite topics, access control (until it comes). Each answers
 * what the reference answers where that is not in use.
 */
#include <stdio.h>

#include "rocketmq/json_body.h"
#include "rocketmq/jw.h"
#include "rocketmq/rmq_priv.h"
#include "rocketmq/sql92.h"

/* --- cleaning: what is over goes by itself ---------------------------------- */

void
rmq_do_nothing(struct rmq_session *s, struct rmq_req *q)
{
	rmq_answer_code(s, &q->ref, RC_SUCCESS, NULL);
}

/* --- replication: there is one master, and nobody else ---------------------- */

void
rmq_do_member_group(struct rmq_session *s, struct rmq_req *q)
{
	struct str cluster = rheader_get(q->h, "clusterName"),
		   broker = rheader_get(q->h, "brokerName");
	const struct rmq_conf *c = &s->rm->conf;
	char addr[80];
	struct jw w;

	if (cluster.p == NULL || broker.p == NULL) {
		rmq_answer_field(s, &q->ref,
		    cluster.p == NULL ? "clusterName" : "brokerName");
		return;
	}
	rmq_session_name(s);
	(void)snprintf(addr, sizeof addr, "%s:%u", s->ip, s->port);
	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	jw_object(&w);
	jw_key(&w, "brokerMemberGroup");
	jw_object(&w);
	jw_key(&w, "brokerAddrs");
	jw_object(&w);
	if (str_eq(cluster, str_of(c->cluster)) &&
	    str_eq(broker, str_of(c->broker))) {
		jw_name_i64(&w, 0);
		jw_str(&w, str_of(addr));
	}
	jw_end(&w);
	jw_key_str(&w, "brokerName", broker);
	jw_key_str(&w, "cluster", cluster);
	jw_end(&w);
	jw_end(&w);
	rmq_answer_text(s, &q->ref);
}

void
rmq_do_ha_status(struct rmq_session *s, struct rmq_req *q)
{
	int64_t bytes = s->rm->conf.metrics != NULL ?
	    metrics_get(s->rm->conf.metrics, M_PUB_BYTES) :
	    0;

	strbuf_reset(&s->rm->text);
	strbuf_addf(&s->rm->text,
	    "{\"haClientRuntimeInfo\":{\"lastReadTimestamp\":0,"
	    "\"lastWriteTimestamp\":0,\"masterFlushOffset\":0,\"maxOffset\":0,"
	    "\"transferredByteInSecond\":0},\"haConnectionInfo\":[],"
	    "\"inSyncSlaveNums\":0,\"master\":true,"
	    "\"masterCommitLogMaxOffset\":%lld}",
	    (long long)bytes);
	rmq_answer_text(s, &q->ref);
}

void
rmq_do_epoch(struct rmq_session *s, struct rmq_req *q)
{
	rmq_answer_code(s, &q->ref, RC_SYSTEM_ERROR,
	    "this request only for controllerMode ");
}

/* --- Lite topics: there are none -------------------------------------------- */

void
rmq_do_lite(struct rmq_session *s, struct rmq_req *q)
{
	const char *name = "parentTopic";
	struct str v;

	switch (q->ref.code) {
	case RQ_GET_BROKER_LITE_INFO:
		strbuf_reset(&s->rm->text);
		strbuf_adds(&s->rm->text,
		    "{\"cqTableSize\":0,\"currentLmqNum\":0,"
		    "\"eventMapSize\":0,\"groupMeta\":{},"
		    "\"liteSubscriptionCount\":0,\"maxLmqNum\":0,"
		    "\"offsetTableSize\":0,\"orderInfoCount\":0,"
		    "\"storeType\":\"default\",\"topicMeta\":{}}");
		rmq_answer_text(s, &q->ref);
		return;
	case RQ_GET_PARENT_TOPIC_INFO:
		name = "topic";
		break;
	case RQ_GET_LITE_GROUP_INFO:
	case RQ_TRIGGER_LITE_DISPATCH:
		name = "group";
		break;
	default:
		break;
	}
	v = rheader_get(q->h, name);
	if (v.p == NULL)
		rmq_answer_field(s, &q->ref, name);
	else if (name[0] == 'g')
		rmq_answer_codef(s, &q->ref, RC_INVALID_PARAMETER,
		    "Group [%.*s] is not a LITE group.", (int)v.len, v.p);
	else
		rmq_answer_codef(s, &q->ref, RC_INVALID_PARAMETER,
		    "Topic [%.*s] type not match.", (int)v.len, v.p);
}

/* --- CHECK_CLIENT_CONFIG ---------------------------------------------------- */

/* Can a subscription's expression be read? */
void
rmq_do_check_client(struct rmq_session *s, struct rmq_req *q)
{
	const struct jval *root = NULL, *sub;
	struct sql92 *sql = NULL;
	struct jdoc doc;
	struct diag diag = { 0 };
	struct str type, text;
	enum err e;

	jdoc_init(&doc, JDOC_VALUES_MAX);
	e = q->body.len == 0 ? ERR_OK :
			       jdoc_parse(&doc, q->body.p, q->body.len, &root);
	sub = jval_get(root, "subscriptionData");
	type = jval_str(jval_get(sub, "expressionType"));
	text = jval_str(jval_get(sub, "subString"));
	if (e != ERR_OK) {
		rmq_answer_code(
		    s, &q->ref, RC_SYSTEM_ERROR, "the body can't be read");
	} else if (sub == NULL || type.len == 0 ||
	    str_eq(type, STR_LIT("TAG"))) {
		rmq_answer_code(s, &q->ref, RC_SUCCESS, NULL);
	} else if (sql92_new(text, &sql, &diag) != ERR_OK) {
		rmq_answer_code(s, &q->ref, RC_SUBSCRIPTION_PARSE_FAILED,
		    diag_text(&diag, ERR_INVALID_ARG));
	} else {
		sql92_free(&sql);
		rmq_answer_code(s, &q->ref, RC_SUCCESS, NULL);
	}
	jdoc_fini(&doc);
}
