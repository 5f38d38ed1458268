/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONSUMER_SEND_MSG_BACK: a consumer could not do with a message. It is found by
 * its physical offset and stored again: in the group's retry topic, after a
 * while, or after its last time in its dead letter topic.
 *
 * As the reference does it (AbstractSendMessageProcessor.consumerSendMsgBack),
 * the message keeps body and properties; RETRY_TOPIC says where it came from,
 * ORIGIN_MESSAGE_ID which one it was at first.
 */
#include <stdio.h>

#include "format/rmq_props.h"
#include "rocketmq/gate.h"
#include "rocketmq/gconf.h"
#include "rocketmq/job.h"
#include "rocketmq/send.h"
#include "rocketmq/take.h"

/* Steps of the job */
#define ASK_WHERE 0
#define ASK_ENTRY 1

struct back {
	struct str group, uniq; /* originMsgId, the message's unique key */
	char *topic; /* core's name of the queue that has it, mem_free'd */
	char *uniq_text; /* holds uniq */
	char *user; /* who asks */
	int64_t offset;
	int32_t delay_level, max_reconsume;
};

static bool
read_fields(struct rmq_session *s, const struct rmq_req *q, struct back *r)
{
	const char *bad = NULL;

	*r = (struct back){ .group = rheader_get(q->h, "group"),
		.uniq = rheader_get(q->h, "originMsgId"),
		.max_reconsume = -1 };
	if (rheader_i64(q->h, "offset", &r->offset) != ERR_OK || r->offset < 0)
		bad = "offset";
	else if (r->group.len == 0)
		bad = "group";
	else if (rheader_i32(q->h, "delayLevel", &r->delay_level) != ERR_OK)
		bad = "delayLevel";
	else if (rheader_i32(q->h, "maxReconsumeTimes", &r->max_reconsume) !=
	    ERR_OK)
		r->max_reconsume = -1; /* the group's */
	if (bad != NULL)
		rmq_answer_field(s, &q->ref, bad);
	return bad == NULL;
}

static void
not_there(struct rmq_session *s, const struct rmq_ref *ref, int64_t offset)
{
	rmq_answer_codef(s, ref, RC_SYSTEM_ERROR,
	    "look message by offset failed, %lld", (long long)offset);
}

/* --- what is stored --------------------------------------------------------- */

static void
sent_back(struct rmq *rm, struct outlet_msg *m, const struct fx_receipt *r)
{
	struct rmq_session *s;

	s = rmq_publish_ended(rm, m->ref.session, m->bytes);
	if (s == NULL)
		return;
	if (r->err != ERR_OK)
		rmq_not_stored(s, &m->ref, r->err);
	else
		rmq_answer_code(s, &m->ref, RC_SUCCESS, NULL);
}

static void
buried(struct rmq *rm, struct outlet_msg *m, const struct fx_receipt *r)
{
	if (r->err == ERR_OK)
		rmq_gauge(rm, M_RMQ_DEAD, 1);
	sent_back(rm, m, r);
}

/* The properties of the message as it was, with what its return adds; in
 * rm->props. */
static bool
props_of(struct rmq *rm, const struct rmq_record *old, int64_t level,
    struct str *stored, struct rmq_msg_props *p)
{
	static const struct str *const names[] = { &RMQ_PROP_KEYS,
		&RMQ_PROP_TAGS, &RMQ_PROP_UNIQ_KEY, &RMQ_PROP_SHARDING_KEY,
		&RMQ_PROP_RETRY_TOPIC, &RMQ_PROP_ORIGIN_MESSAGE_ID };
	struct str v[sizeof names / sizeof names[0]];
	struct rmq_props_out out;
	char id[RMQ_ID_MAX];

	rmq_props_get_many(old->props, names, v, sizeof v / sizeof v[0]);
	rmq_props_begin(&out, rm->props, sizeof rm->props);
	rmq_props_copy(&out, old->props);
	if (v[4].len == 0)
		rmq_props_set(&out, RMQ_PROP_RETRY_TOPIC, old->topic);
	if (v[5].len == 0)
		rmq_props_set(&out, RMQ_PROP_ORIGIN_MESSAGE_ID,
		    (struct str){ id,
			rmq_offset_id_put(id, &old->store, old->phys_offset) });
	if (level > 0)
		rmq_props_set_i64(&out, RMQ_PROP_DELAY, level);
	else
		rmq_props_delete(&out, RMQ_PROP_DELAY);
	if (rmq_props_end(&out, stored) != ERR_OK)
		return false;
	*p = (struct rmq_msg_props){ 0 };
	rmq_props_get_many(*stored, names, v, 4);
	p->keys = v[0];
	p->tags = v[1];
	p->uniq = v[2];
	p->sharding = v[3];
	return true;
}

static void
store_again(struct rmq_session *s, const struct rmq_req *q,
    const struct back *r, struct slice record)
{
	struct rmq *rm = s->rm;
	struct rmq_record old;
	struct rmq_message m;
	struct rmq_topic *t;
	char name[NAME_MAX_BYTES];
	int32_t level = 0;
	bool dead;

	if (rmq_record_read(record.p, record.len, &old) != ERR_OK) {
		not_there(s, &q->ref, r->offset);
		return;
	}
	dead = old.reconsume_times >= r->max_reconsume || r->delay_level < 0;
	if (snprintf(name, sizeof name, "%s%.*s", dead ? "%DLQ%" : "%RETRY%",
		(int)r->group.len, r->group.p) >= (int)sizeof name) {
		rmq_answer_field(s, &q->ref, "group");
		return;
	}
	t = rmq_send_topic(s, q, str_of(name));
	if (t == NULL)
		return;
	m = (struct rmq_message){ .topic = str_of(t->name),
		.queue = 0,
		.flag = old.flag,
		.sys_flag = old.sys_flag,
		.reconsume = old.reconsume_times + 1,
		.born_ms = old.born_ms,
		.born_host = old.born,
		.body = old.body };
	if (!dead)
		level = r->delay_level > 0 ? r->delay_level :
					     3 + old.reconsume_times;
	if (!props_of(rm, &old, level, &m.props, &m.p)) {
		rmq_answer_code(s, &q->ref, RC_MESSAGE_ILLEGAL,
		    "the message's properties have no room for more");
		return;
	}
	m.p.deliver_ms = loop_wall_ms(rm->lp) + rmq_delay_level_ms(level);
	if (dead)
		rmq_store(s, &q->ref, t, &m, buried, NULL);
	else
		rmq_stage(s, &q->ref, t, &m, false);
}

/* One of a Pulsar producer's goes into the retry topic as a record. */
static void
found(struct rmq_session *s, const struct rmq_req *q, const struct back *r,
    const struct entry *ent)
{
	struct slice record;

	if (!rmq_take_one(s, ent, str_of(r->topic), (uint64_t)r->offset,
		r->uniq, &record)) {
		not_there(s, &q->ref, r->offset);
		return;
	}
	store_again(s, q, r, record);
	slice_unref(&record);
}

/* --- the request ------------------------------------------------------------ */

static void
ask_entry(struct rmq_job *j, struct str topic)
{
	struct back *r = j->priv;
	struct op *op = rmq_job_op(j, OP_READ, 0);

	r->topic = mem_strndup(topic.p, topic.len);
	op->topic = op_str(op, topic);
	op->u64 = (uint64_t)r->offset;
	op->flag = true;
	j->step = ASK_ENTRY;
	rmq_job_route(j, &op);
}

static void
step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	const struct back *r = j->priv;
	struct rmq_req q = { .ref = j->ref, .frame = j->frame };

	if (fx->err == ERR_OK && j->step == ASK_WHERE) {
		if (rmq_gate_found(
			s, &j->ref, str_of(r->user), fx->text, AUTHZ_CONSUME))
			ask_entry(j, fx->text);
	} else if (fx->err == ERR_OK)
		found(s, &q, r, &fx->ent);
	else if (fx->err == ERR_NO_MESSAGE || fx->err == ERR_NO_TOPIC)
		not_there(s, &j->ref, r->offset);
	else
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
}

static void
back_free(struct rmq_job *j)
{
	struct back *r = j->priv;

	mem_free(r->topic);
	mem_free(r->uniq_text);
	mem_free(r->user);
	mem_free(r);
}

void
rmq_do_send_back(struct rmq_session *s, struct rmq_req *q)
{
	struct rmq_gconf *g;
	struct rmq_job *j;
	struct back r, *keep;
	struct str user;
	struct op *op;

	if (!read_fields(s, q, &r) || !rmq_gconf_need(s, q, r.group, &g))
		return;
	if (r.max_reconsume < 0)
		r.max_reconsume = g->c.retry_max;
	j = rmq_job_new(s, &q->ref, step);
	j->frame = slice_ref(q->frame);
	j->text = mem_strndup(r.group.p, r.group.len);
	keep = mem_alloc(sizeof *keep);
	*keep = r;
	keep->group = str_of(j->text);
	user = rmq_asker(s, q);
	keep->user = mem_strndup(user.p, user.len);
	if (r.uniq.len > 0) {
		keep->uniq_text = mem_strndup(r.uniq.p, r.uniq.len);
		keep->uniq.p = keep->uniq_text;
	}
	j->priv = keep;
	j->fini = back_free;
	op = rmq_job_op(j, OP_LOCATE, 0);
	op->u64 = (uint64_t)r.offset;
	rmq_job_route_to(j, s->rm->router->shard, &op);
}
