/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer: its life, permits, deliveries and acks. */
#include "core/pace.h"
#include "core/cursor_priv.h"
#include "core/sub_priv.h"
#include "core/topic_priv.h"

struct consumer *
consumer_new(struct sub *s, const struct op *op)
{
	const struct op_subscribe *sb = &op->subscribe;
	struct topic *t = s->t;
	struct consumer *c;

	ALLOC_OBJ(c, CONSUMER_MAGIC);
	c->sub = s;
	c->dest = op->dest;
	c->name = mem_strndup(
	    sb->consumer.len ? sb->consumer.p : "", sb->consumer.len);
	c->priority = sb->priority;
	c->epoch = sb->epoch;
	TAILQ_INIT(&c->leases);
	c->connected_ms = t->co->now_ms;
	if (sb->ranges_n > 0) {
		c->ranges =
		    mem_dup(sb->ranges, sb->ranges_n * sizeof *sb->ranges);
		c->ranges_n = sb->ranges_n;
	}
	c->props = props_dup(sb->props, sb->props_n);
	c->props_n = sb->props_n;
	c->address = mem_strndup(
	    sb->client_addr.len ? sb->client_addr.p : "", sb->client_addr.len);
	c->version =
	    mem_strndup(sb->client_version.len ? sb->client_version.p : "",
		sb->client_version.len);
	c->handle = core_handle_add(t->co, c);
	TAILQ_INSERT_TAIL(&s->consumers, c, link);
	s->consumers_n++;
	t->consumers_n++;
	return c;
}

void
consumer_close(struct consumer *c, enum err e)
{
	struct sub *s;
	struct topic *t;
	struct fx *fx;

	CHECK_OBJ_NOTNULL(c, CONSUMER_MAGIC);
	s = c->sub;
	t = s->t;
	if (e != ERR_OK) {
		fx = fx_new(FX_CONSUMER_CLOSED, c->dest);
		fx->err = e;
		fx->handle = c->handle;
		core_emit(t->co, &fx);
	}
	TAILQ_REMOVE(&s->consumers, c, link);
	s->consumers_n--;
	t->consumers_n--;
	s->disp->remove(s, c);
	assert(TAILQ_EMPTY(&c->leases));
	core_handle_del(t->co, c->handle);
	props_free(&c->props, c->props_n);
	mem_free(c->ranges);
	mem_free(c->name);
	mem_free(c->address);
	mem_free(c->version);
	FREE_OBJ(c);
	topic_touch(t);
	if (s->consumers_n == 0)
		sub_idle(s);
	else
		sub_kick(s);
}

/* --- delivery ------------------------------------------------------------------------- */

uint32_t
consumer_deliver(
    struct consumer *c, const struct entry *ent, uint32_t redeliveries)
{
	struct sub *s = c->sub;
	struct topic *t = s->t;
	struct fx_deliver d = {
		.dest = c->dest,
		.consumer = c->handle,
		.ent = ent,
		.redeliveries = redeliveries,
		.epoch = c->epoch,
	};
	uint32_t n = ent->attr.messages_n, i;

	CHECK_OBJ_NOTNULL(c, CONSUMER_MAGIC);
	if (s->cur != NULL)
		d.words_n = cursor_ack_bits(s->cur, ent->pos, &d.words);
	if (d.words_n > 0)
		for (i = n = 0; i < d.words_n; i++)
			n += (uint32_t)__builtin_popcountll(d.words[i]);
	c->permits -= n;
	c->out_messages += n;
	c->out_bytes += ent->body.len;
	s->out_messages += n;
	s->out_bytes += ent->body.len;
	t->out_messages += n;
	t->out_bytes += ent->body.len;
	c->last_consumed_ms = s->last_consumed_ms = t->co->now_ms;
	t->co->out->deliver(t->co->out_priv, &d);
	sub_sent(s, n, ent->body.len);
	return n;
}

void
consumer_flow(struct consumer *c, uint32_t permits)
{
	struct sub *s;

	CHECK_OBJ_NOTNULL(c, CONSUMER_MAGIC);
	s = c->sub;
	/* a client that floods permits gets no more than it can name */
	if (c->permits <= INT32_MAX)
		c->permits += permits;
	s->last_flow_ms = s->t->co->now_ms;
	s->disp->update(s, c);
	sub_kick(s);
}

void
consumer_block(struct consumer *c, bool blocked)
{
	CHECK_OBJ_NOTNULL(c, CONSUMER_MAGIC);
	if (c->blocked == blocked)
		return;
	c->blocked = blocked;
	c->sub->disp->update(c->sub, c);
	if (!blocked)
		sub_kick(c->sub);
}

/* --- unacked -------------------------------------------------------------------------- */

/* Blocks at the limit; unblocks, as Pulsar does, at half of it (a consumer) or
 * below half of it (a subscription). */
static bool
blocked_at(bool was, uint64_t n, uint64_t max, uint64_t half)
{
	if (max == 0)
		return false;
	return was ? n > half : n >= max;
}

static uint64_t
count_of(const struct topic *t, enum limit i)
{
	int64_t n = topic_limit(t, i)->n;

	return n > 0 ? (uint64_t)n : 0;
}

void
sub_check_unacked(struct sub *s, struct consumer *c)
{
	uint64_t max = count_of(s->t, LIM_MAX_UNACKED_SUB);
	bool was;

	was = s->blocked_unacked;
	s->blocked_unacked =
	    blocked_at(was, s->unacked, max, (max + 1) / 2 - 1);
	if (was && !s->blocked_unacked)
		sub_kick(s);
	if (c == NULL)
		return;
	max = count_of(s->t, LIM_MAX_UNACKED_CONSUMER);
	was = c->blocked_unacked;
	c->blocked_unacked = blocked_at(was, c->unacked, max, max / 2);
	if (was == c->blocked_unacked)
		return;
	s->disp->update(s, c);
	if (was)
		sub_kick(s);
}

/* messages_n of the lease are no longer out at its consumer; at 0 left the
 * lease leaves the consumer's list. */
void
consumer_unlease(struct consumer *c, struct lease *l, uint32_t messages_n)
{
	struct sub *s = c->sub;

	assert(l->c == c && messages_n <= l->messages_n);
	l->messages_n -= messages_n;
	assert(c->unacked >= messages_n && s->unacked >= messages_n);
	c->unacked -= messages_n;
	s->unacked -= messages_n;
	if (l->messages_n == 0) {
		TAILQ_REMOVE(&c->leases, l, link);
		l->c = NULL;
	}
}

/* --- acks ------------------------------------------------------------------------------- */

static bool
is_individual(const struct sub *s)
{
	return s->type == SUB_SHARED || s->type == SUB_KEY_SHARED;
}

/* The entry is acked: whoever holds it lets go. */
static void
lease_acked(struct sub *s, struct lease *l)
{
	struct consumer *owner = l->c;

	if (owner != NULL)
		consumer_unlease(owner, l, l->messages_n);
	s->disp->acked(s, l, owner);
	lease_table_del(&s->leases, &s->t->co->leases, &l);
	sub_check_unacked(s, owner);
}

void
sub_lease_acked(struct sub *s, struct pos p)
{
	struct lease *l = lease_table_get(&s->leases, p);

	if (l != NULL)
		lease_acked(s, l);
}

void
sub_leases_acked(struct sub *s)
{
	struct lease *l;
	uint32_t it = 0, cap;

	while ((l = lease_table_next(&s->leases, &it)) != NULL) {
		if (!cursor_is_acked(s->cur, l->pos))
			continue;
		cap = s->leases.cap;
		lease_acked(s, l);
		/* what followed may have moved into its place */
		it = s->leases.cap == cap ? it - 1 : 0;
	}
}

static enum cursor_ack
ack_one(struct consumer *c, const struct core_ack_id *id)
{
	struct sub *s = c->sub;
	struct lease *l = NULL;
	enum cursor_ack r;
	uint32_t n, cleared = 0;

	if (is_individual(s))
		l = lease_table_get(&s->leases, id->pos);
	if (id->words_n > 0 && s->t->co->conf.batch_index_ack) {
		/* clients don't say the size, and the entry may have left the cache */
		n = l != NULL && l->batch_n > 0 ? l->batch_n : id->batch_size;
		r = cursor_ack_bits_and(
		    s->cur, id->pos, id->words, id->words_n, n, &cleared);
	} else if (id->words_n > 0) {
		/* Pulsar without batch index acks takes part of a batch for nothing */
		return CURSOR_ACK_NONE;
	} else {
		n = cursor_entry_messages(s->cur, id->pos);
		r = cursor_ack(s->cur, id->pos, n);
		cleared = n != 0 ? n : 1;
		if (l != NULL && l->c != NULL)
			cleared = l->messages_n;
	}
	if (r == CURSOR_ACK_WHOLE || r == CURSOR_ACK_PART) {
		c->acked += cleared;
		s->acked += cleared;
	}
	if (l == NULL)
		return r;
	if (cursor_is_acked(s->cur, id->pos))
		lease_acked(s, l);
	else if (r == CURSOR_ACK_PART && l->c != NULL) {
		n = cleared < l->messages_n ? cleared : l->messages_n - 1;
		consumer_unlease(l->c, l, n);
		sub_check_unacked(s, l->c);
	}
	return r;
}

static void
ack_answer(struct consumer *c, const struct core_ack *a, enum err e)
{
	struct sub *s = c->sub;
	struct fx *fx;

	if (!a->want_reply) {
		if (s->cur != NULL)
			cursor_push(s->cur);
		return;
	}
	fx = fx_new(FX_DONE, c->dest);
	fx->op = OP_ACK;
	fx->req = a->req;
	fx->handle = c->handle;
	fx->err = e;
	if (s->cur != NULL)
		cursor_when_durable(s->cur, &fx);
	else
		core_emit(s->t->co, &fx);
}

void
consumer_ack(struct consumer *c, const struct core_ack *a)
{
	enum err e = ERR_OK;
	struct sub *s;
	uint32_t i;

	CHECK_OBJ_NOTNULL(c, CONSUMER_MAGIC);
	s = c->sub;
	if (s->cur == NULL || s->fenced) { /* non-persistent: nothing to keep */
		ack_answer(c, a, ERR_OK);
		return;
	}
	c->last_acked_ms = s->last_acked_ms = s->t->co->now_ms;
	if (!a->cumulative) {
		for (i = 0; i < a->n; i++)
			if (ack_one(c, &a->ids[i]) == CURSOR_ACK_FULL)
				e = ERR_BUSY;
	} else if (!is_individual(s) && a->n == 1) {
		struct core_ack_id id = a->ids[0];

		/* without batch index acks, part of a batch means what is
		 * before it */
		if (id.words_n > 0 && !s->t->co->conf.batch_index_ack) {
			id.words_n = 0;
			id.pos.entry--;
		}
		if (cursor_ack_cumulative(s->cur, id.pos, id.words, id.words_n,
			id.batch_size) == CURSOR_ACK_FULL)
			e = ERR_BUSY;
	}
	ack_answer(c, a, e);
	sub_check_end(s, NULL);
}

/* --- the other ops that name a consumer ------------------------------------------------ */

static void
redeliver(struct consumer *c, struct op **opp)
{
	struct op *op = *opp;
	struct sub *s = c->sub;

	if (s->cur != NULL && !s->fenced) {
		/* whoever gives back may take, at the limit or not */
		c->blocked_unacked = false;
		s->disp->redeliver(
		    s, c, is_individual(s) ? op->ids_n : 0, op->ids, op->u32);
		s->disp->update(s, c);
		sub_kick(s);
	}
	op_free(opp);
}

struct unsubscribe {
	struct core *co;
	struct op *op;
};

static void
unsubscribed(void *priv, enum err e)
{
	struct unsubscribe *us = priv;

	core_answer(us->co, &us->op, e, NULL);
	mem_free(us);
}

static void
unsubscribe(struct consumer *c, struct op **opp)
{
	struct sub *s = c->sub;
	struct topic *t = s->t;
	struct unsubscribe *us;
	bool last;

	if (s->fenced || (s->consumers_n != 1 && !(*opp)->flag)) {
		core_answer(t->co, opp,
		    s->fenced ? ERR_NOT_READY : ERR_METADATA,
		    s->fenced ?
			"Subscription is fenced" :
			"Unconnected or shared consumer attempting to unsubscribe");
		return;
	}
	us = mem_zalloc(sizeof *us);
	us->co = t->co;
	us->op = *opp;
	*opp = NULL;
	topic_pin(t);
	if (s->durable) {
		consumer_close(c, ERR_OK);
		sub_delete(s, unsubscribed, us);
	} else { /* the last one takes it along */
		last = s->consumers_n == 1;
		consumer_close(c, ERR_OK);
		if (!last)
			sub_disconnect(s, ERR_NO_SUBSCRIPTION);
		unsubscribed(us, ERR_OK);
	}
	topic_unpin(t);
}

void
consumer_op(struct consumer *c, struct op **opp)
{
	struct core *co;

	CHECK_OBJ_NOTNULL(c, CONSUMER_MAGIC);
	co = c->sub->t->co;
	switch ((*opp)->type) {
	case OP_CONSUMER_CLOSE:
		consumer_close(c, ERR_OK);
		core_answer(co, opp, ERR_OK, NULL);
		break;
	case OP_UNSUBSCRIBE:
		unsubscribe(c, opp);
		break;
	case OP_REDELIVER:
		redeliver(c, opp);
		break;
	case OP_SEEK:
		seek_op(c, opp);
		break;
	case OP_LAST_ID:
		fetch_last_id(c->sub->t, opp, c->sub);
		break;
	case OP_CONSUMER_STATS:
		consumer_stats_op(c, opp);
		break;
	default:
		WRONG("not an op of a consumer");
	}
}
