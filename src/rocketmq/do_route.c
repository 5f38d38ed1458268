/* SPDX-License-Identifier: Apache-2.0 */
/* Name server: where a topic is. */
#include "rocketmq/rmq_priv.h"

/* "name":"text" */
static void
member(struct strbuf *sb, const char *name, struct str v)
{
	strbuf_addf(sb, "\"%s\":\"", name);
	strbuf_add_json(sb, v.p, v.len);
	strbuf_addc(sb, '"');
}

/* One broker with one address, which is where the client came to. The key of
 * brokerAddrs is a number; in quotes it is read by every client's library. */
static void
broker_data(struct rmq_session *s, struct strbuf *sb)
{
	const struct rmq_conf *conf = &s->rm->conf;

	rmq_session_name(s);
	strbuf_adds(sb, "{\"brokerAddrs\":{\"0\":\"");
	strbuf_addf(sb, "%s:%u\"},", s->ip, s->port);
	member(sb, "brokerName", str_of(conf->broker));
	strbuf_addc(sb, ',');
	member(sb, "cluster", str_of(conf->cluster));
	strbuf_adds(sb, ",\"enableActingMaster\":false}");
}

/* What the broker's own permission and an admin leave of a topic's */
static uint32_t
perm_told(const struct rmq *rm, uint32_t perm)
{
	const uint32_t both = PERM_READ | PERM_WRITE;

	if (rm->wiped)
		perm &= ~(uint32_t)PERM_WRITE;
	if ((rm->conf.broker_perm & both) != both)
		perm &= rm->conf.broker_perm;
	return perm;
}

static void
say_route(struct rmq_session *s, const struct rmq_ref *ref, uint32_t read_n,
    uint32_t write_n, uint32_t perm, uint32_t sys_flag, struct str order)
{
	struct strbuf *sb = &s->rm->text;

	strbuf_reset(sb);
	strbuf_adds(sb, "{\"brokerDatas\":[");
	broker_data(s, sb);
	strbuf_adds(sb, "],\"filterServerTable\":{},");
	if (order.len > 0) {
		member(sb, "orderTopicConf", order);
		strbuf_addc(sb, ',');
	}
	strbuf_adds(sb, "\"queueDatas\":[{");
	member(sb, "brokerName", str_of(s->rm->conf.broker));
	strbuf_addf(sb,
	    ",\"perm\":%u,\"readQueueNums\":%u,\"topicSysFlag\":%u,"
	    "\"writeQueueNums\":%u}]}",
	    perm_told(s->rm, perm), read_n, sys_flag, write_n);
	rmq_answer_text(s, ref);
}

static void
no_route(struct rmq_session *s, const struct rmq_ref *ref, struct str topic)
{
	rmq_answer_codef(s, ref, RC_TOPIC_NOT_EXIST,
	    "No topic route info in name server for the topic: %.*s\n"
	    "See https://rocketmq.apache.org/docs/bestPractice/06FAQ for "
	    "further details.",
	    (int)topic.len, topic.p);
}

void
rmq_do_route(struct rmq_session *s, struct rmq_req *q)
{
	struct str name = rheader_get(q->h, "topic");
	struct rmq_topic *t;
	uint32_t queues, perm;

	if (name.p == NULL) {
		rmq_answer_field(s, &q->ref, "topic");
		return;
	}
	queues = rmq_topic_builtin(s->rm, name, &perm);
	switch (rmq_topic_get(s, q, name, &t)) {
	case RMQ_TOPIC_PARKED:
		return;
	case RMQ_TOPIC_OK:
		say_route(s, &q->ref, t->read_n, t->write_n, t->perm,
		    t->sys_flag, STR_NONE);
		return;
	case RMQ_TOPIC_ERROR:
		rmq_answer_err(s, &q->ref, t->error, NULL);
		return;
	case RMQ_TOPIC_NONE:
		break;
	}
	if (queues > 0)
		say_route(s, &q->ref, queues, queues, perm, 0, STR_NONE);
	else
		no_route(s, &q->ref, name);
}

void
rmq_do_cluster(struct rmq_session *s, struct rmq_req *q)
{
	const struct rmq_conf *conf = &s->rm->conf;
	struct strbuf *sb = &s->rm->text;

	strbuf_reset(sb);
	strbuf_adds(sb, "{\"brokerAddrTable\":{\"");
	strbuf_add_json(sb, conf->broker, strlen(conf->broker));
	strbuf_adds(sb, "\":");
	broker_data(s, sb);
	strbuf_adds(sb, "},\"clusterAddrTable\":{\"");
	strbuf_add_json(sb, conf->cluster, strlen(conf->cluster));
	strbuf_adds(sb, "\":[\"");
	strbuf_add_json(sb, conf->broker, strlen(conf->broker));
	strbuf_adds(sb, "\"]}}");
	rmq_answer_text(s, &q->ref);
}
