/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SEND_MESSAGE, its second version and batches of messages.
 *
 * Checks are in the order of the reference's (SendMessageProcessor,
 * AbstractSendMessageProcessor.msgCheck), so that the same fault gets the same
 * code.
 */
#include <stdio.h>

#include "core/name.h"
#include "rocketmq/gconf.h"
#include "rocketmq/light.h"
#include "rocketmq/measure.h"
#include "rocketmq/send.h"
#include "rocketmq/topic_json.h"

#define RETRY_QUEUES 1u
#define DLQ_QUEUES 1u
/* bits of sysFlag that senders have no say in */
#define SYS_OURS (RMQ_SYS_TXN_MASK | RMQ_SYS_BORN_V6 | RMQ_SYS_STORE_V6)

/* --- fields ----------------------------------------------------------------- */

/* Names of version 1, of what version 2 calls a, b and so on */
static const char *const names[] = { "producerGroup", "topic", "defaultTopic",
	"defaultTopicQueueNums", "queueId", "sysFlag", "bornTimestamp", "flag",
	"properties", "reconsumeTimes", "unitMode", "maxReconsumeTimes",
	"batch" };

static inline struct str
field(const struct rheader *h, bool by_name, char letter)
{
	return unlikely(by_name) ? rheader_get(h, names[letter - 'a']) :
				   rheader_letter(h, letter);
}

bool
rmq_send_fields(
    struct rmq_session *s, const struct rmq_req *q, struct send_req *r)
{
	const struct rheader *h = q->h;
	bool v1 = q->ref.code == RQ_SEND_MESSAGE ||
	    q->ref.code == RQ_SEND_REPLY_MESSAGE;
	char bad = 0;

	*r = (struct send_req){ .group = field(h, v1, 'a'),
		.topic = field(h, v1, 'b'),
		.default_topic = field(h, v1, 'c'),
		.props = field(h, v1, 'i') };
	if (r->group.p == NULL)
		bad = 'a';
	else if (r->topic.p == NULL)
		bad = 'b';
	else if (rtext_i32(field(h, v1, 'd'), &r->default_queues) != ERR_OK)
		bad = 'd';
	else if (rtext_i32(field(h, v1, 'e'), &r->queue) != ERR_OK)
		bad = 'e';
	else if (rtext_i32(field(h, v1, 'f'), &r->sys_flag) != ERR_OK)
		bad = 'f';
	else if (rtext_i64(field(h, v1, 'g'), &r->born_ms) != ERR_OK)
		bad = 'g';
	else if (rtext_i32(field(h, v1, 'h'), &r->flag) != ERR_OK)
		bad = 'h';
	if (bad != 0) {
		rmq_answer_field(s, &q->ref, names[bad - 'a']);
		return false;
	}
	if (rtext_i32(field(h, v1, 'j'), &r->reconsume) != ERR_OK)
		r->reconsume = 0;
	if (rtext_i32(field(h, v1, 'l'), &r->max_reconsume) != ERR_OK)
		r->max_reconsume = -1;
	if (rtext_bool(field(h, v1, 'm'), &r->batch) != ERR_OK)
		r->batch = false;
	if (q->ref.code == RQ_SEND_BATCH_MESSAGE)
		r->batch = true;
	return true;
}

/* --- checks ----------------------------------------------------------------- */

static bool
is_forbidden(struct str topic)
{
	static const struct str internal[] = {
		STR_LIT("SCHEDULE_TOPIC_XXXX"),
		STR_LIT("RMQ_SYS_TRANS_HALF_TOPIC"),
		STR_LIT("RMQ_SYS_TRANS_OP_HALF_TOPIC"),
		STR_LIT("TRANS_CHECK_MAX_TIME_TOPIC"),
		STR_LIT("SELF_TEST_TOPIC"),
		STR_LIT("OFFSET_MOVED_EVENT"),
	};
	size_t i;

	for (i = 0; i < sizeof internal / sizeof internal[0]; i++)
		if (str_eq(topic, internal[i]))
			return true;
	return false;
}

static bool
name_is_right(struct rmq_session *s, const struct rmq_req *q, struct str topic)
{
	const char *wrong = rmq_name_wrong(topic);

	if (wrong != NULL)
		rmq_answer_code(s, &q->ref, RC_INVALID_PARAMETER, wrong);
	else if (is_forbidden(topic) || rmq_topic_is_light(s->rm, topic))
		rmq_answer_codef(s, &q->ref, RC_NO_PERMISSION,
		    "Sending message to topic[%.*s] is forbidden.",
		    (int)topic.len, topic.p);
	else
		return true;
	return false;
}

static void
no_topic(struct rmq_session *s, const struct rmq_req *q, struct str topic)
{
	rmq_answer_codef(s, &q->ref, RC_TOPIC_NOT_EXIST,
	    "topic[%.*s] not exist, apply first please!\n"
	    "See https://rocketmq.apache.org/docs/bestPractice/06FAQ for "
	    "further details.",
	    (int)topic.len, topic.p);
}

/* Of a topic that is missing: with how many queues it is made, 0: it isn't.
 * r is NULL when the broker itself stores there. */
static uint32_t
queues_to_make(const struct rmq *rm, const struct send_req *r, struct str topic)
{
	uint32_t perm, n = rmq_topic_builtin(rm, topic, &perm);

	if (n > 0)
		return n;
	if (rmq_topic_is_retry(topic))
		return RETRY_QUEUES;
	if (rmq_topic_is_dlq(topic))
		return DLQ_QUEUES;
	if (!rm->conf.auto_topic || r == NULL ||
	    !str_eq(r->default_topic, STR_LIT("TBW102")))
		return 0;
	n = r->default_queues < 1 ? 1 : (uint32_t)r->default_queues;
	return n < rm->conf.default_queues ? n : rm->conf.default_queues;
}

/* The topic to store in, made if need be; NULL: parked or answered. */
static struct rmq_topic *
topic_for(struct rmq_session *s, const struct rmq_req *q,
    const struct send_req *r, struct str name)
{
	struct rmq_topic *t;
	uint32_t n;

	switch (rmq_topic_get(s, q, name, &t)) {
	case RMQ_TOPIC_OK:
		return t;
	case RMQ_TOPIC_PARKED:
		break;
	case RMQ_TOPIC_ERROR:
		rmq_answer_err(s, &q->ref, t->error, NULL);
		break;
	case RMQ_TOPIC_NONE:
		n = t != NULL ? queues_to_make(s->rm, r, name) : 0;
		if (n > 0)
			rmq_topic_make(s, q, t, n, PERM_READ | PERM_WRITE);
		else
			no_topic(s, q, name);
		break;
	}
	return NULL;
}

struct rmq_topic *
rmq_send_topic(struct rmq_session *s, const struct rmq_req *q, struct str name)
{
	return topic_for(s, q, NULL, name);
}

static bool
may_write(struct rmq_session *s, const struct rmq_req *q,
    const struct rmq_topic *t, struct send_req *r)
{
	uint32_t most = t->read_n > t->write_n ? t->read_n : t->write_n;
	struct strbuf *sb = &s->rm->text;
	struct topic_conf tc;

	/* a topic's perm is what its route says: who has an old one still sends,
	 * as with the reference */
	if (r->queue < 0 && t->write_n > 0)
		r->queue = (int32_t)(s->rm->queue_seq++ % t->write_n);
	if (r->queue < 0 || (uint32_t)r->queue >= most) {
		topic_conf_of(&tc, t);
		strbuf_reset(sb);
		strbuf_addf(sb, "request queueId[%d] is illegal, ", r->queue);
		topic_conf_text(sb, &tc);
		strbuf_addf(sb, " Producer: %s", conn_peer_text(s->cn));
		rmq_answer_code(
		    s, &q->ref, RC_INVALID_PARAMETER, strbuf_str(sb));
		return false;
	}
	return true;
}

/* --- retries ---------------------------------------------------------------- */

/*
 * A consumer that could not send a message back by CONSUMER_SEND_MSG_BACK sends
 * it to the retry topic itself: after its last time it is a dead letter.
 */
static bool
is_dead(const struct send_req *r, const struct rmq_gconf *g)
{
	int32_t max = r->max_reconsume >= 0 ? r->max_reconsume : g->c.retry_max;

	return r->reconsume > max;
}

/* --- the request ------------------------------------------------------------ */

static struct rmq_message
message_of(struct rmq_session *s, const struct rmq_req *q,
    const struct rmq_topic *t, const struct send_req *r)
{
	rmq_session_name(s);
	return (struct rmq_message){ .topic = str_of(t->name),
		.queue = (uint32_t)r->queue,
		.flag = r->flag,
		.sys_flag = r->sys_flag & ~SYS_OURS,
		.reconsume = r->reconsume,
		.born_ms = r->born_ms,
		.born_host = s->born_host,
		.body = { (const char *)q->body.p, q->body.len } };
}

static void
buried(struct rmq *rm, struct outlet_msg *m, const struct fx_receipt *r)
{
	if (r->err == ERR_OK)
		rmq_gauge(rm, M_RMQ_DEAD, 1);
	rmq_sent(rm, m, r);
}

static void
send_one(struct rmq_session *s, const struct rmq_req *q, struct rmq_topic *t,
    const struct send_req *r, bool dead)
{
	struct rmq *rm = s->rm;
	struct rmq_message m = message_of(s, q, t, r);
	bool light;
	enum err e;

	e = rmq_props_take(rm, r->props, loop_wall_ms(rm->lp), &m.props, &m.p);
	if (e != ERR_OK || q->body.len > rm->conf.max_message_bytes) {
		rmq_illegal(s, &q->ref);
		return;
	}
	m.size = dead ? NULL : rmq_measure_size_row(t, &m.p);
	/* whatever the topic's type is */
	if (m.p.priority >= 0 && t->write_n > 0)
		m.queue = (uint32_t)m.p.priority < t->write_n ?
		    (uint32_t)m.p.priority :
		    t->write_n - 1;
	light = rmq_light_named(rm, m.topic, m.p.multi);
	if (rmq_is_inner_batch(m.sys_flag))
		rmq_send_inner(s, q, t, &m);
	else if (m.p.inner_num.p != NULL)
		rmq_illegal(s, &q->ref);
	else if (unlikely(light && !rmq_light_names_ok(rm, &m)))
		rmq_answer_code(s, &q->ref, RC_MESSAGE_ILLEGAL,
		    "INNER_MULTI_DISPATCH: not the name of a light queue");
	else if (unlikely(light && !rmq_light_may(s, q, &m)))
		; /* answered */
	else if (m.p.transaction)
		rmq_stage_half(s, &q->ref, t, &m);
	else if (m.p.deliver_ms > 0 && !dead)
		rmq_stage(s, &q->ref, t, &m, true);
	else if (unlikely(light))
		rmq_light_send(s, q, &m);
	else
		rmq_store(s, &q->ref, t, &m, dead ? buried : rmq_sent, NULL);
}

void
rmq_do_send(struct rmq_session *s, struct rmq_req *q)
{
	char dlq[NAME_MAX_BYTES];
	struct rmq_message m;
	struct send_req r;
	struct rmq_gconf *g;
	struct rmq_topic *t;
	struct str name;
	bool dead = false;

	if (!rmq_send_fields(s, q, &r) || !name_is_right(s, q, r.topic))
		return;
	name = r.topic;
	if (rmq_topic_is_retry(name)) {
		name.p += sizeof "%RETRY%" - 1;
		name.len -= sizeof "%RETRY%" - 1;
		if (!rmq_gconf_need(s, q, name, &g))
			return;
		dead = is_dead(&r, g);
		name = r.topic;
	}
	if (dead) {
		(void)snprintf(dlq, sizeof dlq, "%%DLQ%%%.*s",
		    (int)(r.topic.len - 7), r.topic.p + 7);
		name = str_of(dlq);
	}
	t = topic_for(s, q, &r, name);
	if (dead)
		r.queue = 0;
	if (t == NULL || !may_write(s, q, t, &r))
		return;
	if (!r.batch) {
		send_one(s, q, t, &r, dead);
		return;
	}
	m = message_of(s, q, t, &r);
	rmq_send_batch(s, q, t, &m, r.props);
}
