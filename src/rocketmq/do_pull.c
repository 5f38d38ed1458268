/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PULL_MESSAGE: a read at an index. It waits at the topic if the client says
 * that it may; each pull is filtered by what its own connection subscribed to.
 */
#include "core/name.h"
#include "rocketmq/gconf.h"
#include "rocketmq/group.h"
#include "rocketmq/reset.h"
#include "rocketmq/sql92.h"
#include "rocketmq/stat.h"
#include "rocketmq/take.h"

/* PullSysFlag */
#define PULL_COMMIT 1
#define PULL_SUSPEND 2
#define PULL_SUBSCRIPTION 4

#define PULL_BYTES_MAX (4u << 20) /* of one answer's records, one at least */
#define SUSPEND_MS_MAX INT64_C(60000)
#define MS_NS INT64_C(1000000)
#define FREE_PULLS_MAX 4096u

struct rmq_pull {
	unsigned magic;
#define RMQ_PULL_MAGIC 0x40c39011
	LIST_ENTRY(rmq_pull) link; /* of the session, or unused ones */
	struct rmq_session *s;
	uint64_t number;
	struct rmq_ref ref;
	bool reset; /* it is only told to go to index */
	uint64_t index; /* asked for */
	uint64_t from; /* where it is read on, after what doesn't match */
	uint32_t max_n, max_bytes;
	/* topicSysFlag and groupSysFlag, of which the answer tells */
	uint32_t topic_flags;
	int32_t group_flags;
	int64_t until_ns; /* waits until then, 0: not */
	/* a selector: in a subscription that is held by `in`, or our own */
	const struct sql92 *sql;
	struct rmq_interest *in;
	struct sql92 *own_sql;
	uint32_t tags_n;
	uint32_t tags[RMQ_TAGS_MAX];
	char topic[NAME_MAX_BYTES + 32]; /* full, of the queue */
	size_t topic_len;
	char who[520]; /* topic@group, for statistics */
	const char
	    *group; /* in there, in whose name it is read; NULL: broadcast */
};

/* What a request says */
struct pull_req {
	struct str group, topic;
	int32_t queue, max_n, flags, group_flags;
	int64_t offset, commit, suspend_ms, version;
	uint32_t max_bytes;
};

/* --- life ------------------------------------------------------------------- */

static struct rmq_pull *
pull_new(struct rmq_session *s, const struct rmq_ref *ref)
{
	struct rmq *rm = s->rm;
	struct rmq_pull *p = LIST_FIRST(&rm->free_pulls);

	if (p != NULL) {
		LIST_REMOVE(p, link);
		rm->free_pulls_n--;
	} else
		ALLOC_OBJ(p, RMQ_PULL_MAGIC);
	p->s = s;
	p->ref = *ref;
	p->number = rmq_thing_add(rm, p);
	LIST_INSERT_HEAD(&s->pulls, p, link);
	return p;
}

static void
pull_free(struct rmq_pull *p)
{
	struct rmq *rm = p->s->rm;

	LIST_REMOVE(p, link);
	rmq_thing_del(rm, p->number);
	p->s = NULL;
	p->sql = NULL;
	if (p->own_sql != NULL)
		sql92_free(&p->own_sql);
	if (p->in != NULL)
		rmq_interest_unref(&p->in);
	if (rm->free_pulls_n >= FREE_PULLS_MAX) {
		FREE_OBJ(p);
		return;
	}
	rm->free_pulls_n++;
	LIST_INSERT_HEAD(&rm->free_pulls, p, link);
}

/* The core need not keep what waits. */
static void
cancel(struct rmq_pull *p)
{
	struct op *op;

	op = rmq_op_new(p->s->rm, OP_READ_CANCEL, TAG_PULL, p->number, 0);
	op->topic = op_str(op, (struct str){ p->topic, p->topic_len });
	rmq_route(p->s->rm, &op);
}

void
rmq_pulls_drop(struct rmq_session *s)
{
	struct rmq_pull *p;

	while ((p = LIST_FIRST(&s->pulls)) != NULL) {
		cancel(p);
		pull_free(p);
	}
}

void
rmq_pulls_fini(struct rmq *rm)
{
	struct rmq_pull *p;

	while ((p = LIST_FIRST(&rm->free_pulls)) != NULL) {
		LIST_REMOVE(p, link);
		FREE_OBJ(p);
	}
	rm->free_pulls_n = 0;
}

static void
read_at(struct rmq_pull *p)
{
	struct rmq *rm = p->s->rm;
	int64_t left = p->until_ns - loop_mono_ns(rm->lp);
	struct op *op;
	uint32_t *v;

	op = rmq_op_new(rm, OP_READ_AT, TAG_PULL, p->number, 0);
	op->topic = op_str(op, (struct str){ p->topic, p->topic_len });
	if (p->group != NULL)
		op->sub = op_str(op, str_of(p->group));
	op->u64 = p->from;
	op->read.max_n = p->max_n;
	op->read.max_bytes = p->max_bytes;
	op->read.wait_ms = left > 0 ? (left + MS_NS - 1) / MS_NS : 0;
	if (p->tags_n > 0) {
		v = op_mem(op, p->tags_n * sizeof *v);
		memcpy(v, p->tags, p->tags_n * sizeof *v);
		op->read.tags = v;
		op->read.tags_n = p->tags_n;
	}
	rmq_route(rm, &op);
}

/* --- answers ---------------------------------------------------------------- */

static struct rout *
begin(struct rmq_pull *p, int code, const char *status, uint64_t next,
    const struct fx *fx)
{
	struct rout *o = rmq_answer(p->s, &p->ref, code, status);

	rout_i64(o, "suggestWhichBrokerId", 0);
	rout_i64(o, "nextBeginOffset", (int64_t)next);
	rout_i64(o, "minOffset", (int64_t)fx->min_index);
	rout_i64(o, "maxOffset", (int64_t)fx->max_index);
	rout_i64(o, "topicSysFlag", p->topic_flags);
	rout_i64(o, "groupSysFlag", p->group_flags);
	return o;
}

static void
say_nothing(struct rmq_pull *p, const struct fx *fx)
{
	uint64_t next;
	const char *status;
	int code;

	if (fx->max_index == 0 && fx->min_index == 0) {
		code = p->index == 0 ? RC_PULL_NOT_FOUND : RC_PULL_OFFSET_MOVED;
		status = "NO_MESSAGE_IN_QUEUE";
		next = 0;
	} else if (p->index < fx->min_index) {
		code = RC_PULL_OFFSET_MOVED;
		status = "OFFSET_TOO_SMALL";
		next = fx->min_index;
	} else if (p->index > fx->max_index) {
		code = RC_PULL_OFFSET_MOVED;
		status = "OFFSET_OVERFLOW_BADLY";
		next = fx->max_index;
	} else if (fx->u64 > p->index) {
		code = RC_PULL_RETRY_IMMEDIATELY;
		status = "NO_MATCHED_MESSAGE";
		next = fx->u64;
	} else {
		code = RC_PULL_NOT_FOUND;
		status = "OFFSET_OVERFLOW_ONE";
		next = p->index;
	}
	(void)begin(p, code, status, next, fx);
	rmq_answer_end(p->s, &p->ref, NULL, 0);
}

static void
count(
    const struct rmq_pull *p, uint32_t entries, uint32_t messages, size_t bytes)
{
	struct rmq *rm = p->s->rm;

	rmq_gauge(rm, M_DISP_ENTRIES, (int)entries);
	rmq_gauge(rm, M_DISP_MSGS, (int)messages);
	rmq_gauge(rm, M_DISP_BYTES, (int)bytes);
	rmq_stat_get(rm, p->who,
	    &(struct rmq_counted){
		.messages = messages, .bytes = (int64_t)bytes, .times = 1 });
}

static void
say_found(struct rmq_pull *p, const struct fx *fx, const struct rmq_take *t)
{
	uint32_t i;

	(void)begin(p, RC_SUCCESS, "FOUND", t->next, fx);
	if (!rmq_answer_head(p->s, &p->ref, t->bytes))
		return;
	for (i = 0; i < t->n; i++)
		conn_write_slice(p->s->cn, t->found[i]);
	count(p, fx->entries_n, t->messages, t->bytes);
}

/* --- what is chosen or made here --------------------------------------------- */

/* Nothing of what came is for this pull: is it read on? As long as there is more,
 * or it may wait for more. */
static bool
goes_on(const struct rmq_pull *p, const struct rmq_take *t)
{
	return t->n == 0 && t->next > p->from &&
	    p->until_ns > loop_mono_ns(p->s->rm->lp);
}

/* By a selector, or because not all are records that the client can read. false: it
 * is read on, nothing has been answered. */
static bool
take(struct rmq_pull *p, struct fx *fx)
{
	struct rmq_take t = { .topic = { p->topic, p->topic_len },
		.from = p->from,
		.max_n = p->max_n,
		.max_bytes = p->max_bytes,
		.tags = p->tags,
		.tags_n = p->tags_n,
		.sql = p->sql };

	rmq_take_entries(p->s, &t, fx);
	if (goes_on(p, &t)) {
		p->from = t.next;
		read_at(p);
		return false;
	}
	fx->u64 = t.next;
	if (t.n > 0)
		say_found(p, fx, &t);
	else
		say_nothing(p, fx);
	rmq_take_drop(&t);
	return true;
}

/* Records as they lie in the log. */
static void
say_records(struct rmq_pull *p, const struct fx *fx)
{
	size_t bytes = 0;
	uint32_t i;

	for (i = 0; i < fx->entries_n; i++)
		bytes += fx->entries[i].body.len;
	(void)begin(p, RC_SUCCESS, "FOUND", fx->u64, fx);
	if (!rmq_answer_head(p->s, &p->ref, bytes))
		return;
	for (i = 0; i < fx->entries_n; i++)
		conn_write_slice(p->s->cn, fx->entries[i].body);
	count(p, fx->entries_n, fx->entries_n, bytes);
}

void
rmq_pull_fx(struct rmq_pull *p, struct fx *fx)
{
	CHECK_OBJ_NOTNULL(p, RMQ_PULL_MAGIC);
	p->ref.waited |= fx->err == ERR_OK && fx->u32 != 0;
	if (unlikely(p->reset) && fx->err == ERR_OK) {
		(void)begin(
		    p, RC_PULL_OFFSET_MOVED, "OFFSET_RESET", p->index, fx);
		rmq_answer_end(p->s, &p->ref, NULL, 0);
		pull_free(p);
		return;
	}
	if (fx->err != ERR_OK)
		rmq_answer_err(p->s, &p->ref, fx->err, fx->diag);
	else if (fx->entries_n == 0)
		say_nothing(p, fx);
	else if (unlikely(
		     p->sql != NULL || fx->flag || rmq_take_needed(p->s, fx))) {
		if (!take(p, fx))
			return;
	} else
		say_records(p, fx);
	pull_free(p);
}

/* The broker stops: whoever waits is told to come again. */
void
rmq_pulls_drain(struct rmq_session *s)
{
	struct rmq_pull *p;

	while ((p = LIST_FIRST(&s->pulls)) != NULL) {
		cancel(p);
		rmq_answer_code(s, &p->ref, RC_SERVICE_NOT_AVAILABLE,
		    "Broker is shutting down");
		pull_free(p);
	}
}

/* --- requests --------------------------------------------------------------- */

static bool
read_fields(struct rmq_session *s, const struct rmq_req *q, struct pull_req *r)
{
	const struct rheader *h = q->h;
	const char *bad = NULL;
	int32_t bytes;

	*r = (struct pull_req){ .group = rheader_get(h, "consumerGroup"),
		.topic = rheader_get(h, "topic"),
		.max_bytes = PULL_BYTES_MAX };
	if (r->group.len == 0)
		bad = "consumerGroup";
	else if (r->topic.len == 0)
		bad = "topic";
	else if (rheader_i32(h, "queueId", &r->queue) != ERR_OK)
		bad = "queueId";
	else if (rheader_i64(h, "queueOffset", &r->offset) != ERR_OK)
		bad = "queueOffset";
	else if (rheader_i32(h, "maxMsgNums", &r->max_n) != ERR_OK)
		bad = "maxMsgNums";
	else if (rheader_i32(h, "sysFlag", &r->flags) != ERR_OK)
		bad = "sysFlag";
	else if (rheader_i64(h, "commitOffset", &r->commit) != ERR_OK)
		bad = "commitOffset";
	else if (rheader_i64(h, "suspendTimeoutMillis", &r->suspend_ms) !=
	    ERR_OK)
		bad = "suspendTimeoutMillis";
	else if (rheader_i64(h, "subVersion", &r->version) != ERR_OK)
		bad = "subVersion";
	if (rheader_i32(h, "maxMsgBytes", &bytes) == ERR_OK && bytes > 0 &&
	    (uint32_t)bytes < PULL_BYTES_MAX)
		r->max_bytes = (uint32_t)bytes;
	if (bad != NULL)
		rmq_answer_field(s, &q->ref, bad);
	return bad == NULL;
}

/* False: parked or answered */
static bool
group_may_read(
    struct rmq_session *s, const struct rmq_req *q, struct pull_req *r)
{
	const struct rmq_interest *in;
	struct rmq_gconf *g;

	if (!rmq_gconf_need(s, q, r->group, &g))
		return false;
	r->group_flags = g->c.sys_flag;
	in = rmq_member_interest(s, r->group);
	if (!g->c.consume_enable)
		rmq_answer_codef(s, &q->ref, RC_NO_PERMISSION,
		    "subscription group no permission, %s", g->name);
	else if (in != NULL && in->broadcast && !g->c.broadcast_enable)
		rmq_answer_codef(s, &q->ref, RC_NO_PERMISSION,
		    "the consumer group[%s] can not consume by broadcast way",
		    g->name);
	else if (in != NULL && (r->flags & PULL_SUBSCRIPTION) == 0 &&
	    unlikely(rmq_gconf_forbids(g, r->topic)))
		rmq_answer_codef(s, &q->ref, RC_NO_PERMISSION,
		    "the consumer group[%s] is forbidden for topic[%.*s]",
		    g->name, (int)r->topic.len, r->topic.p);
	else
		return true;
	return false;
}

static bool
may_read(struct rmq_session *s, const struct rmq_req *q,
    const struct rmq_topic *t, const struct pull_req *r)
{
	if ((s->rm->conf.broker_perm & PERM_READ) == 0)
		rmq_answer_codef(s, &q->ref, RC_NO_PERMISSION,
		    "the broker[%s] pulling message is forbidden",
		    s->rm->conf.broker);
	else if ((t->perm & PERM_READ) == 0)
		rmq_answer_codef(s, &q->ref, RC_NO_PERMISSION,
		    "the topic[%.*s] pulling message is forbidden",
		    (int)r->topic.len, r->topic.p);
	else if (r->queue < 0 || (uint32_t)r->queue >= t->read_n)
		rmq_answer_codef(s, &q->ref, RC_INVALID_PARAMETER,
		    "queueId[%d] is illegal, topic:[%.*s] topicConfig."
		    "readQueueNums:[%u] consumer:[%s]",
		    r->queue, (int)r->topic.len, r->topic.p, t->read_n,
		    conn_peer_text(s->cn));
	else
		return true;
	return false;
}

static bool
is_sql(struct str type)
{
	return type.len > 0 && !str_eq(type, STR_LIT("TAG"));
}

/* The pull says itself what it wants. */
static bool
own_filter(struct rmq_pull *p, const struct rmq_req *q)
{
	struct str expr = rheader_get(q->h, "subscription");
	struct diag diag = { 0 };

	if (is_sql(rheader_get(q->h, "expressionType"))) {
		if (sql92_new(expr, &p->own_sql, &diag) == ERR_OK) {
			p->sql = p->own_sql;
			return true;
		}
	} else if (rmq_tags_parse(expr, p->tags, &p->tags_n))
		return true;
	rmq_answer_code(p->s, &q->ref, RC_SUBSCRIPTION_PARSE_FAILED,
	    "parse the consumer's subscription failed");
	return false;
}

/* What the pull wants; false: answered. */
static bool
filter(struct rmq_pull *p, const struct rmq_req *q, const struct pull_req *r)
{
	struct rmq_interest *in;
	const struct rmq_sub *sub;

	p->tags_n = 0;
	if ((r->flags & PULL_SUBSCRIPTION) != 0)
		return own_filter(p, q);
	in = rmq_member_interest(p->s, r->group);
	sub = in != NULL ? rmq_interest_sub(in, r->topic) : NULL;
	if (sub == NULL) {
		rmq_answer_code(p->s, &q->ref, RC_SUBSCRIPTION_NOT_EXIST,
		    in == NULL ? "the consumer's group info not exist" :
				 "the consumer's subscription not exist");
		return false;
	}
	if (sub->version < r->version) {
		rmq_answer_code(p->s, &q->ref, RC_SUBSCRIPTION_NOT_LATEST,
		    "the consumer's subscription not latest");
		return false;
	}
	p->tags_n = sub->tags_n;
	if (sub->tags_n > 0)
		memcpy(p->tags, sub->tags, sub->tags_n * sizeof *p->tags);
	if (!is_sql(str_of(sub->type)))
		return true;
	if (sub->sql == NULL) {
		rmq_answer_code(p->s, &q->ref, RC_SUBSCRIPTION_PARSE_FAILED,
		    "parse the consumer's subscription failed");
		return false;
	}
	p->sql = sub->sql;
	p->in = rmq_interest_ref(in);
	return true;
}

/* Has it set the group's progress on the way? */
static void
commit(struct rmq *rm, const struct rmq_pull *p, const struct pull_req *r)
{
	struct op *op;

	op = rmq_op_new(rm, OP_CURSOR_SET, TAG_NONE, 0, 0);
	op->topic = op_str(op, (struct str){ p->topic, p->topic_len });
	op->sub = op_str(op, r->group);
	op->u64 = (uint64_t)r->commit;
	op->flag = true;
	rmq_route(rm, &op);
}

static int64_t
wait_until(struct rmq *rm, const struct pull_req *r)
{
	int64_t ms = r->suspend_ms;

	if ((r->flags & PULL_SUSPEND) == 0 || ms <= 0)
		return 0;
	if (ms > SUSPEND_MS_MAX)
		ms = SUSPEND_MS_MAX;
	return loop_mono_ns(rm->lp) + ms * MS_NS;
}

void
rmq_do_pull(struct rmq_session *s, struct rmq_req *q)
{
	const struct rmq_interest *in;
	struct pull_req r;
	struct rmq_topic *t;
	struct rmq_pull *p;
	struct str full;

	if (!read_fields(s, q, &r))
		return;
	switch (rmq_topic_use(s, q, r.topic, &t)) {
	case RMQ_TOPIC_PARKED:
		return;
	case RMQ_TOPIC_NONE:
		rmq_answer_codef(s, &q->ref, RC_TOPIC_NOT_EXIST,
		    "topic[%.*s] not exist, apply first please!",
		    (int)r.topic.len, r.topic.p);
		return;
	case RMQ_TOPIC_ERROR:
		rmq_answer_err(s, &q->ref, t->error, NULL);
		return;
	case RMQ_TOPIC_OK:
		break;
	}
	if (!group_may_read(s, q, &r) || !may_read(s, q, t, &r))
		return;
	p = pull_new(s, &q->ref);
	if (!filter(p, q, &r)) {
		pull_free(p);
		return;
	}
	p->topic_flags = t->sys_flag;
	p->group_flags = r.group_flags;
	p->from = p->index = r.offset > 0 ? (uint64_t)r.offset : 0;
	full = rmq_queue_full(t, (uint32_t)r.queue, p->topic, sizeof p->topic);
	p->topic_len = full.len;
	/* both are names of at most 255 bytes */
	AN(str_join(p->who, sizeof p->who, str_of(t->name), '@', r.group));
	in = rmq_member_interest(s, r.group);
	p->group =
	    in != NULL && in->broadcast ? NULL : p->who + strlen(t->name) + 1;
	p->reset = rmq_reset_take(
	    s->rm, r.group, t->name, (uint32_t)r.queue, &p->index);
	if (p->reset)
		p->from = p->index;
	else if ((r.flags & PULL_COMMIT) != 0 && r.commit >= 0)
		commit(s->rm, p, &r);
	p->max_n = r.max_n < 1		    ? 1 :
	    (uint32_t)r.max_n > READ_AT_MAX ? READ_AT_MAX :
					      (uint32_t)r.max_n;
	p->max_bytes = r.max_bytes;
	p->until_ns = p->reset ? 0 : wait_until(s->rm, &r);
	read_at(p);
}
