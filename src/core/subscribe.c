/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OP_SUBSCRIBE: the rules of Pulsar's ServerCnx.handleSubscribe and
 * PersistentTopic.internalSubscribe, in their order.
 */
#include "core/cursor_priv.h"
#include "core/leasing.h"
#include "core/sub_priv.h"
#include "core/subrate.h"
#include "core/topic_priv.h"

#define BUSY_TEXT "Exclusive consumer is already connected"

/* What doesn't depend on the subscription. */
static enum err
check_request(const struct topic *t, const struct op *op, const char **diag)
{
	const struct op_subscribe *sb = &op->subscribe;
	uint8_t key[META_KEY_MAX];

	/* Pulsar answers its NamingException as ProducerBusy */
	if (sb->sub.len == 0) {
		*diag = "Empty subscription name";
		return ERR_PRODUCER_BUSY;
	}
	if (str_eq(sb->sub, STR_LIT("pulsar.dedup")) ||
	    str_starts(sb->sub, STR_LIT("pulsar.repl"))) {
		*diag =
		    "Subscription with reserved subscription name attempted";
		return ERR_PRODUCER_BUSY;
	}
	if (sub_record_key(t, sb->sub, key) == 0) {
		*diag = "Subscription name is too long";
		return ERR_INVALID_ARG;
	}
	if (sb->read_compacted && sb->type != SUB_FAILOVER &&
	    sb->type != SUB_EXCLUSIVE) {
		*diag =
		    "readCompacted only allowed on failover or exclusive subscriptions";
		return ERR_NOT_ALLOWED;
	}
	if (sb->read_compacted && !t->name.persistent) {
		*diag = "readCompacted only allowed on persistent topics";
		return ERR_NOT_ALLOWED;
	}
	return ERR_OK;
}

static enum err
check_ranges(const struct op_subscribe *sb, const char **diag)
{
	uint32_t i;

	if (sb->type == SUB_KEY_SHARED && sb->ks_sticky && sb->ranges_n == 0) {
		*diag = "Ranges for KeyShared policy must not be empty.";
		return ERR_CONSUMER_ASSIGN;
	}
	for (i = 0; i < sb->ranges_n; i++)
		if (sb->ranges[i].start > sb->ranges[i].end ||
		    sb->ranges[i].end > 65535) {
			*diag =
			    "KeySharedPolicy Exception: Ranges out of [0, 65535]";
			return ERR_CONSUMER_ASSIGN;
		}
	return ERR_OK;
}

static enum err
check_new(const struct topic *t, const struct op *op, const char **diag)
{
	const struct op_subscribe *sb = &op->subscribe;
	const struct core_conf *conf = &t->co->conf;

	if (sb->durable && !conf->auto_sub && t->name.persistent) {
		*diag = "Subscription does not exist";
		return ERR_NO_SUBSCRIPTION;
	}
	if (topic_reaches(t, LIM_MAX_SUBS, t->subs_n)) {
		*diag =
		    "Exceed the maximum number of subscriptions of the topic";
		return ERR_NOT_ALLOWED;
	}
	return ERR_OK;
}

/* Against the consumers that are connected. */
static enum err
check_type(
    const struct sub *s, const struct op_subscribe *sb, const char **diag)
{
	if (s->consumers_n == 0)
		return ERR_OK;
	if (s->type != sb->type) {
		*diag = "Subscription is of different type";
		return ERR_SUBSCRIPTION_BUSY;
	}
	if (s->type != SUB_KEY_SHARED)
		return ERR_OK;
	if (s->ks_sticky != sb->ks_sticky) {
		*diag = "Subscription is of different type of key-shared mode";
		return ERR_SUBSCRIPTION_BUSY;
	}
	if (s->ks_out_of_order != sb->ks_out_of_order) {
		*diag = s->ks_out_of_order ?
		    "Subscription is configured to allow out of order delivery" :
		    "Subscription is configured to not allow out of order delivery";
		return ERR_SUBSCRIPTION_BUSY;
	}
	return ERR_OK;
}

static uint32_t
of_address(const struct topic *t, struct str peer)
{
	const struct consumer *c;
	const struct sub *s;
	uint32_t n = 0;

	TAILQ_FOREACH(s, &t->subs, link)
		TAILQ_FOREACH(c, &s->consumers, link)
			n += same_address(str_of(c->address), peer);
	return n;
}

static enum err
check_sub(const struct sub *s, const struct op_subscribe *sb, const char **diag)
{
	const struct topic *t = s->t;
	uint32_t same = t->co->conf.max_consumers_address;
	enum err e;

	if (s->cur != NULL && s->durable != sb->durable) {
		*diag = s->durable ?
		    "Durable subscription with the same name already exists." :
		    "NonDurable subscription with the same name already exists.";
		return ERR_NOT_ALLOWED;
	}
	if (topic_reaches(t, LIM_MAX_CONSUMERS, t->consumers_n)) {
		*diag = "Topic reached max consumers limit";
		return ERR_CONSUMER_BUSY;
	}
	if (same > 0 && of_address(t, sb->client_addr) >= same) {
		*diag = "Topic reached max same address consumers limit";
		return ERR_CONSUMER_BUSY;
	}
	e = check_type(s, sb, diag);
	if (e != ERR_OK)
		return e;
	if (sb->type != SUB_EXCLUSIVE &&
	    topic_reaches(t, LIM_MAX_CONSUMERS_SUB, s->consumers_n)) {
		*diag = "Subscription reached max consumers limit";
		return ERR_CONSUMER_BUSY;
	}
	if (s->consumers_n > 0 && s->disp->check != NULL)
		return s->disp->check(s, sb, diag);
	return ERR_OK;
}

/* --- exclusive and taken ---------------------------------------------------------- */

struct contest {
	struct topic *t;
	struct op *op;
	uint64_t holder; /* handle */
};

static void
contest_end(struct core *co, void *priv, bool alive)
{
	struct contest *ct = priv;
	struct topic *t = ct->t;
	struct consumer *c;
	struct sub *s;

	s = sub_find(t, ct->op->subscribe.sub);
	if (t->state != TOPIC_READY)
		core_answer(co, &ct->op, ERR_NOT_READY, NULL);
	else if (alive)
		core_answer(co, &ct->op, ERR_CONSUMER_BUSY, BUSY_TEXT);
	else {
		c = s != NULL ? TAILQ_FIRST(&s->consumers) : NULL;
		if (c != NULL && c->handle == ct->holder)
			consumer_close(c, ERR_TIMEOUT);
		sub_subscribe(t, &ct->op);
	}
	mem_free(ct);
	topic_unpin(t);
}

static void
contest(struct sub *s, struct op **opp)
{
	struct consumer *c = TAILQ_FIRST(&s->consumers);
	struct contest *ct;

	/* its own connection is alive: it sent this */
	if (c->dest.conn == (*opp)->dest.conn &&
	    c->dest.shard == (*opp)->dest.shard) {
		core_answer(s->t->co, opp, ERR_CONSUMER_BUSY, BUSY_TEXT);
		return;
	}
	ct = mem_zalloc(sizeof *ct);
	ct->t = s->t;
	ct->op = *opp;
	*opp = NULL;
	ct->holder = c->handle;
	topic_pin(ct->t);
	probe_start(s->t->co, c->dest, contest_end, ct);
}

/* --- joining -------------------------------------------------------------------------- */

static void
answer(struct consumer *c, struct op **opp)
{
	struct core *co = c->sub->t->co;
	struct fx *fx = core_answer_new(co, *opp, FX_SUBSCRIBED);

	fx->handle = c->handle;
	core_emit(co, &fx);
	op_free(opp);
}

static void
join(struct sub *s, struct op **opp)
{
	const struct op_subscribe *sb = &(*opp)->subscribe;
	struct topic *t = s->t;
	struct consumer *c;

	if (s->consumers_n == 0) {
		if (!s->has_type || s->type != sb->type ||
		    s->ks_sticky != sb->ks_sticky ||
		    s->ks_out_of_order != sb->ks_out_of_order ||
		    s->disp == NULL)
			sub_set_type(
			    s, sb->type, sb->ks_sticky, sb->ks_out_of_order);
		if (s->cur != NULL)
			sub_rewind(s);
	}
	c = consumer_new(s, *opp);
	/* the answer first: a session must know its consumer when the dispatcher
	 * speaks of it */
	answer(c, opp);
	s->disp->add(s, c);
	topic_touch(t);
	sub_check_end(s, c);
	sub_kick(s);
}

static void
attach(struct sub *s, struct op **opp)
{
	const struct op_subscribe *sb = &(*opp)->subscribe;
	const char *diag = NULL;
	struct consumer *c;
	enum err e;

	TAILQ_FOREACH(c, &s->consumers, link)
		if (c->dest.conn == (*opp)->dest.conn &&
		    c->dest.tag == (*opp)->dest.tag &&
		    c->dest.shard == (*opp)->dest.shard &&
		    c->dest.kind == (*opp)->dest.kind) {
			answer(c, opp); /* asked again */
			return;
		}
	e = check_sub(s, sb, &diag);
	if (e != ERR_OK)
		core_answer(s->t->co, opp, e, diag);
	else if (sb->type == SUB_EXCLUSIVE && s->consumers_n > 0)
		contest(s, opp);
	else
		join(s, opp);
}

/* --- start_message_rollback_duration -------------------------------------------- */

struct rollback {
	struct topic *t;
	struct op *op;
};

static void
rolled_back(void *priv, struct sub *s, enum err e)
{
	struct rollback *rb = priv;
	struct topic *t = rb->t;

	rb->op->subscribe.rollback_ms = 0;
	/* Pulsar subscribes whether the cursor could be moved or not */
	if (s == NULL || t->state != TOPIC_READY)
		core_answer(
		    t->co, &rb->op, e != ERR_OK ? e : ERR_NOT_READY, NULL);
	else
		attach(s, &rb->op);
	mem_free(rb);
	topic_unpin(t);
}

static void
stand(struct sub *s, struct op **opp)
{
	struct rollback *rb;
	int64_t ms = (*opp)->subscribe.rollback_ms;

	if (s->durable && !s->holds && s->t->name.persistent &&
	    (*opp)->subscribe.durable) {
		sub_hold(s, opp);
		return;
	}
	if (ms <= 0 || s->cur == NULL) {
		attach(s, opp);
		return;
	}
	rb = mem_zalloc(sizeof *rb);
	rb->t = s->t;
	rb->op = *opp;
	*opp = NULL;
	topic_pin(rb->t);
	seek_time(s, s->t->co->now_ms - ms, rolled_back, rb);
}

/* --- making ----------------------------------------------------------------------------- */

static void
make_volatile(struct topic *t, struct op **opp)
{
	const struct op_subscribe *sb = &(*opp)->subscribe;
	struct op_start st = sb->start;
	struct sub *s, *p;

	s = sub_new(t, sb->sub, t->name.persistent ? false : sb->durable);
	s->props = props_dup(sb->sub_props, sb->sub_props_n);
	s->props_n = sb->sub_props_n;
	if (t->name.persistent) {
		if (st.kind == START_LATEST && sb->has_initial &&
		    sb->initial_earliest)
			st.kind = START_EARLIEST;
		s->cur = cursor_new(s, false, sub_start_pos(t, &st));
	}
	stand(s, opp);
	/* refused: nobody is left to end it */
	TAILQ_FOREACH(p, &t->subs, link)
		if (p == s)
			break;
	if (p != NULL && !s->durable && s->consumers_n == 0 && !s->fenced)
		sub_free(&s);
}

static void
make(struct topic *t, struct op **opp)
{
	const struct op_subscribe *sb = &(*opp)->subscribe;
	struct op_start st = { .kind = START_LATEST };
	struct sub *s;

	if (!sb->durable || !t->name.persistent) {
		make_volatile(t, opp);
		return;
	}
	if (sb->has_initial && sb->initial_earliest)
		st.kind = START_EARLIEST;
	sub_create(t, sb->sub, &st, sb->sub_props, sb->sub_props_n,
	    sb->replicated ? SUB_REPLICATED : 0, NULL, NULL);
	/* the op waits for its own subscription and starts over */
	s = sub_find_any(t, sb->sub);
	AN(s);
	sub_wait(s, opp);
}

void
sub_subscribe(struct topic *t, struct op **opp)
{
	const char *diag = NULL;
	struct sub *s;
	enum err e;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	e = check_request(t, *opp, &diag);
	if (e == ERR_OK && !subrate_take(t, *opp)) {
		diag =
		    "Subscribe limited by subscribe rate limit per consumer.";
		e = ERR_NOT_ALLOWED;
	}
	if (e == ERR_OK)
		e = check_ranges(&(*opp)->subscribe, &diag);
	if (e == ERR_OK &&
	    sub_claimed(t, (*opp)->subscribe.sub, (*opp)->subscribe.type)) {
		diag = "Subscription is being read by index";
		e = ERR_CONSUMER_BUSY;
	}
	if (e != ERR_OK) {
		core_answer(t->co, opp, e, diag);
		return;
	}
	s = sub_find_any(t, (*opp)->subscribe.sub);
	if (s != NULL && (s->opening || s->fenced)) {
		sub_wait(s, opp);
		return;
	}
	if (s != NULL && (*opp)->subscribe.type != SUB_SHARED &&
	    leasing_any(s)) {
		core_answer(t->co, opp, ERR_CONSUMER_BUSY,
		    "Entries of the subscription are leased");
		return;
	}
	if (s != NULL) {
		stand(s, opp);
		return;
	}
	e = check_new(t, *opp, &diag);
	if (e != ERR_OK)
		core_answer(t->co, opp, e, diag);
	else
		make(t, opp);
}
