/* SPDX-License-Identifier: Apache-2.0 */
/* SUBSCRIBE, CLOSE_CONSUMER, UNSUBSCRIBE, FLOW and what goes to a consumer. */
#include "base/log.h"
#include "core/authz.h"
#include "format/pulsar_of_rmq.h"
#include "pulsar/may.h"
#include "pulsar/session_priv.h"

static const char not_authorized[] = "Client is not authorized to subscribe";

/* --- places ----------------------------------------------------------------- */

struct cons *
cons_get(struct session *s, uint64_t id)
{
	struct cons *c = umap_get(&s->consumers, id);

	return c != NULL && c->state == PLACE_OPEN ? c : NULL;
}

static void
unlist(struct session *s, struct cons *c)
{
	if (c->blocked)
		TAILQ_REMOVE(&s->blocked, c, blocked_link);
	if (c->block_due)
		TAILQ_REMOVE(&s->p->block_due, c, due_link);
	c->blocked = c->block_due = false;
}

static void
forget(struct session *s, struct cons *c)
{
	unlist(s, c);
	mem_free(c->topic);
	mem_free(c->sub);
	FREE_OBJ(c);
}

/* Frees the place. The reference to the session may be the last thing used. */
static void
remove_cons(struct session *s, struct cons *c)
{
	if (umap_del(&s->consumers, c->id) != c)
		WRONG("a consumer in no place");
	forget(s, c);
	session_place_gone(s);
}

static void
opened(struct session *s, int n)
{
	if (n > 0)
		s->p->st.consumers_n++;
	else
		s->p->st.consumers_n--;
	pulsar_gauge(s->p, M_CONSUMERS, n);
}

static struct cons *
place(struct session *s, uint64_t id)
{
	struct cons *c;

	ALLOC_OBJ(c, CONS_MAGIC);
	c->s = s;
	c->id = id;
	c->state = PLACE_OPENING;
	if (umap_add(&s->consumers, id, c) != ERR_OK) {
		FREE_OBJ(c);
		return NULL;
	}
	s->places_n++;
	return c;
}

/* --- SUBSCRIBE -------------------------------------------------------------- */

static bool
is_there(struct session *s, const pp_CommandSubscribe *m)
{
	const struct cons *c = umap_get(&s->consumers, m->consumer_id);

	if (c == NULL)
		return false;
	if (c->state == PLACE_OPEN)
		session_success(s, m->request_id);
	else
		session_error(s, m->request_id, pp_ServerError_ServiceNotReady,
		    "Consumer is already present on the connection");
	return true;
}

static bool
type_of(pp_CommandSubscribe_SubType t, enum sub_type *out)
{
	static const enum sub_type types[] = {
		[pp_CommandSubscribe_SubType_Exclusive] = SUB_EXCLUSIVE,
		[pp_CommandSubscribe_SubType_Shared] = SUB_SHARED,
		[pp_CommandSubscribe_SubType_Failover] = SUB_FAILOVER,
		[pp_CommandSubscribe_SubType_Key_Shared] = SUB_KEY_SHARED,
	};

	if ((unsigned)t >= NELEM(types))
		return false;
	*out = types[t];
	return true;
}

/*
 * Where a non-durable subscription starts. An id names the entry that the client
 * wants to see, whole: it drops the messages that it has had itself.
 */
static enum err
start_of(struct span id, struct op_start *st)
{
	struct msgid mi;

	st->kind = START_LATEST;
	if (id.p == NULL)
		return ERR_OK;
	if (msgid_decode(id, &mi) != ERR_OK)
		return ERR_MALFORMED;
	if ((int64_t)mi.ledger < 0)
		st->kind = START_EARLIEST;
	else if (mi.ledger != INT64_MAX || mi.entry != INT64_MAX) {
		st->kind = START_POS;
		st->pos.ledger = mi.ledger;
		st->pos.entry = (int64_t)mi.entry;
		st->inclusive = (int64_t)mi.entry >= 0;
	}
	return ERR_OK;
}

static enum err
ranges_of(struct op *op, const pp_KeySharedMeta *ks)
{
	struct op_subscribe *sb = &op->subscribe;
	struct hash_range *r;
	struct span_iter it;
	pp_IntRange ir;
	struct span el;

	if (ks->hashRanges.n == 0)
		return ERR_OK;
	if (ks->hashRanges.n > 65536)
		return ERR_TOO_BIG;
	r = op_mem(op, ks->hashRanges.n * sizeof *r);
	span_iter_init(&it, &ks->hashRanges);
	while (span_iter_next(&it, &el) && sb->ranges_n < ks->hashRanges.n) {
		if (cmd_decode_msg(el, &pp_IntRange_msg, &ir, sizeof ir) !=
		    ERR_OK)
			return ERR_MALFORMED;
		/* negative ones come out too big and are refused by the core */
		r[sb->ranges_n].start = (uint32_t)ir.start;
		r[sb->ranges_n].end = (uint32_t)ir.end;
		sb->ranges_n++;
	}
	sb->ranges = r;
	return ERR_OK;
}

static enum err
fill_names(struct session *s, struct op *op, const pp_CommandSubscribe *m)
{
	struct op_subscribe *sb = &op->subscribe;

	if (m->subscription.n > STRING_MAX || m->consumer_name.n > STRING_MAX)
		return ERR_TOO_BIG;
	if (!text_is_utf8(m->subscription) || !text_is_utf8(m->consumer_name))
		return ERR_INVALID_ARG;
	sb->sub = op_str(op, str_of_span(m->subscription));
	sb->consumer = op_str(op, str_of_span(m->consumer_name));
	sb->client_addr = op_str(op, str_of(conn_peer_text(s->cn)));
	sb->client_version = op_str(op, str_of(s->client_version));
	return ERR_OK;
}

static enum err
fill(struct session *s, struct op *op, const pp_CommandSubscribe *m)
{
	struct op_subscribe *sb = &op->subscribe;
	uint64_t s_max = INT64_MAX / 1000;
	enum err e;

	if (!type_of(m->subType, &sb->type))
		return ERR_MALFORMED;
	e = fill_names(s, op, m);
	if (e != ERR_OK)
		return e;
	sb->priority = m->priority_level;
	sb->durable = m->durable;
	sb->read_compacted = m->read_compacted;
	sb->create_topic = m->force_topic_creation;
	sb->has_initial = true;
	sb->initial_earliest =
	    m->initialPosition == pp_CommandSubscribe_InitialPosition_Earliest;
	sb->replicated = m->replicate_subscription_state;
	if (m->start_message_rollback_duration_sec < s_max)
		sb->rollback_ms =
		    (int64_t)m->start_message_rollback_duration_sec * 1000;
	sb->epoch = m->consumer_epoch;
	if (!m->durable) {
		e = start_of(m->start_message_id, &sb->start);
		if (e != ERR_OK)
			return e;
	}
	if (m->has_keySharedMeta) {
		sb->ks_sticky =
		    m->keySharedMeta.keySharedMode == pp_KeySharedMode_STICKY;
		sb->ks_out_of_order = m->keySharedMeta.allowOutOfOrderDelivery;
		e = ranges_of(op, &m->keySharedMeta);
		if (e != ERR_OK)
			return e;
	}
	e = session_props(op, &m->subscription_properties, PROPS_BYTES_MAX,
	    &sb->sub_props_n, &sb->sub_props);
	if (e != ERR_OK)
		return e;
	return session_props(op, &m->metadata, CONSUMER_PROPS_BYTES_MAX,
	    &sb->props_n, &sb->props);
}

static void
subscribe(struct session *s, const pp_CommandSubscribe *m,
    const struct topic_name *tn)
{
	struct str name;
	struct cons *c;
	struct op *op;
	enum err e;

	op = session_op_new(s, OP_SUBSCRIBE, m->consumer_id, m->request_id);
	op->topic = op_str(op, tn->full);
	e = fill(s, op, m);
	if (e == ERR_MALFORMED)
		session_malformed(s);
	else if (e != ERR_OK)
		session_error(s, m->request_id, pp_ServerError_MetadataError,
		    e == ERR_TOO_BIG ?
			"Consumer's names or metadata are too long" :
			"Consumer's names or metadata are not UTF-8");
	else if ((c = place(s, m->consumer_id)) == NULL)
		session_error(s, m->request_id, pp_ServerError_TooManyRequests,
		    "Too many consumers on this connection");
	else {
		c->partition = tn->partition;
		if (s->p->conf.authorization) {
			name = authz_topic(tn->full);
			c->topic = mem_strndup(name.p, name.len);
			c->sub = mem_strndup(
			    (const char *)m->subscription.p, m->subscription.n);
		}
		c->send_epoch = m->has_consumer_epoch &&
		    (op->subscribe.type == SUB_EXCLUSIVE ||
			op->subscribe.type == SUB_FAILOVER);
		session_route(s, &op);
		return;
	}
	op_free(&op);
}

void
do_subscribe(struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandSubscribe m;
	struct topic_name tn;
	const char *why = not_authorized;
	char text[320];

	(void)b;
	if (cmd_decode_SUBSCRIBE(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	if (session_topic(&tn, m.topic) != ERR_OK) {
		session_bad_name(text, sizeof text, m.topic);
		session_error(
		    s, m.request_id, pp_ServerError_InvalidTopicName, text);
		return;
	}
	if (is_there(s, &m))
		;
	else if (s->p->draining)
		session_error(s, m.request_id, pp_ServerError_ServiceNotReady,
		    "Broker is shutting down");
	else if (!session_may(s, MAY_CONSUME, authz_topic(tn.full),
		     str_of_span(m.subscription), &why))
		session_error(
		    s, m.request_id, pp_ServerError_AuthorizationError, why);
	else
		subscribe(s, &m, &tn);
	topic_name_fini(&tn);
}

static void
close_later(struct session *s, uint64_t handle)
{
	struct op *op;

	op = pulsar_op_new(s->p, OP_CONSUMER_CLOSE);
	op->handle = handle;
	pulsar_later(s->p, &op);
}

void
consumer_subscribed(struct session *s, const struct fx *fx)
{
	struct cons *c = umap_get(&s->consumers, fx->dest.tag);

	if (c == NULL)
		return;
	if (c->state == PLACE_ABANDONED) {
		if (fx->type == FX_SUBSCRIBED)
			close_later(s, fx->handle);
		remove_cons(s, c);
	} else if (fx->type != FX_SUBSCRIBED) {
		session_error_fx(s, fx);
		remove_cons(s, c);
	} else if (c->revoked) {
		close_later(s, fx->handle);
		session_error(s, fx->req, pp_ServerError_AuthorizationError,
		    not_authorized);
		remove_cons(s, c);
	} else {
		assert(c->state == PLACE_OPENING);
		c->handle = fx->handle;
		c->state = PLACE_OPEN;
		opened(s, 1);
		session_success(s, fx->req);
		LOG(LOG_DEBUG, (int)s->p->router->shard, "consumer_open",
		    LOG_U("conn", s->id), LOG_U("consumer", c->id));
	}
}

/* --- FLOW ------------------------------------------------------------------- */

void
do_flow(struct session *s, const struct frame *fr, struct buf *b)
{
	struct hot_flow flow;
	struct cons *c;

	(void)b;
	if (hot_flow_decode(fr->cmd, &flow) != ERR_OK) {
		session_malformed(s);
		return;
	}
	c = cons_get(s, flow.consumer_id);
	if (c == NULL || flow.permits_n == 0)
		return;
	if (flow.permits_n > INT32_MAX) {
		pulsar_gauge(s->p, M_PROTO_ERRORS, 1);
		session_close(s, CLOSE_PROTOCOL);
		return;
	}
	route_flow(s->p->router, c->handle, flow.permits_n);
}

/* --- leaving ---------------------------------------------------------------- */

void
do_close_consumer(struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandCloseConsumer m;
	struct cons *c;
	struct op *op;

	(void)b;
	if (cmd_decode_CLOSE_CONSUMER(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	c = umap_get(&s->consumers, m.consumer_id);
	if (c == NULL || c->state == PLACE_ABANDONED) {
		session_success(s, m.request_id);
		return;
	}
	if (c->state == PLACE_OPENING) {
		c->state = PLACE_ABANDONED;
		session_success(s, m.request_id);
		return;
	}
	if (c->state == PLACE_OPEN)
		opened(s, -1);
	c->state = PLACE_CLOSING;
	op = session_op_new(s, OP_CONSUMER_CLOSE, c->id, m.request_id);
	op->handle = c->handle;
	session_route(s, &op);
}

void
consumer_close_answer(struct session *s, const struct fx *fx)
{
	struct cons *c = umap_get(&s->consumers, fx->dest.tag);

	session_success(s, fx->req);
	if (c != NULL && c->state == PLACE_CLOSING)
		remove_cons(s, c);
}

void
do_unsubscribe(struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandUnsubscribe m;
	struct cons *c;
	struct op *op;

	(void)b;
	if (cmd_decode_UNSUBSCRIBE(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	c = cons_get(s, m.consumer_id);
	if (c == NULL) {
		session_error(s, m.request_id, pp_ServerError_MetadataError,
		    "Consumer not found");
		return;
	}
	op = session_op_new(s, OP_UNSUBSCRIBE, c->id, m.request_id);
	op->handle = c->handle;
	op->flag = m.force;
	session_route(s, &op);
}

void
consumer_unsubscribe_answer(struct session *s, const struct fx *fx)
{
	struct cons *c = cons_get(s, fx->dest.tag);

	if (fx->err != ERR_OK) {
		session_error_fx(s, fx);
		return;
	}
	session_success(s, fx->req);
	if (c == NULL)
		return;
	opened(s, -1);
	remove_cons(s, c);
}

/* --- what the broker says of its own accord --------------------------------- */

static void
gone(struct session *s, struct cons *c)
{
	pp_CommandCloseConsumer m = {
		.consumer_id = c->id,
		.request_id = HOT_NO_REQUEST,
	};

	opened(s, -1);
	if (s->version >= 5)
		SESSION_SEND(s, CLOSE_CONSUMER, CommandCloseConsumer, &m);
	else
		session_close(s, CLOSE_OURS);
	remove_cons(s, c);
}

/* Unload, delete, seek, taken over. */
void
consumer_closed(struct session *s, const struct fx *fx)
{
	struct cons *c = cons_get(s, fx->dest.tag);

	/* CLOSING: the answer to its CLOSE is on its way */
	if (c != NULL && (fx->handle == 0 || fx->handle == c->handle))
		gone(s, c);
}

void
consumer_disconnect(struct session *s, struct cons *c)
{
	struct op *op;

	if (c->state == PLACE_OPENING) {
		c->revoked = true;
		return;
	}
	assert(c->state == PLACE_OPEN);
	/* before whatever takes the place of it can be asked for */
	op = pulsar_op_new(s->p, OP_CONSUMER_CLOSE);
	op->handle = c->handle;
	route_op(s->p->router, &op);
	gone(s, c);
}

void
consumer_active_change(struct session *s, const struct fx *fx)
{
	pp_CommandActiveConsumerChange m = {
		.consumer_id = fx->dest.tag,
		.has_is_active = true,
		.is_active = fx->flag,
	};

	if (s->version >= 12 && cons_get(s, fx->dest.tag) != NULL)
		SESSION_SEND(
		    s, ACTIVE_CONSUMER_CHANGE, CommandActiveConsumerChange, &m);
}

void
consumer_end_of_topic(struct session *s, const struct fx *fx)
{
	pp_CommandReachedEndOfTopic m = { .consumer_id = fx->dest.tag };

	if (s->knows_end && cons_get(s, fx->dest.tag) != NULL)
		SESSION_SEND(
		    s, REACHED_END_OF_TOPIC, CommandReachedEndOfTopic, &m);
}

/* --- MESSAGE ---------------------------------------------------------------- */

static void
count(struct session *s, const struct entry *ent)
{
	struct metrics *m = s->p->conf.metrics;

	if (m == NULL)
		return;
	metrics_inc(m, M_DISP_ENTRIES);
	metrics_add(m, M_DISP_MSGS, ent->attr.messages_n);
	metrics_add(m, M_DISP_BYTES, ent->body.len);
}

static void
write_head(struct session *s, const struct hot_message *msg, size_t body_bytes)
{
	size_t room = HOT_MESSAGE_MAX(msg->ack_words_n), n;
	uint8_t *o;

	if (likely(room <= CONN_RESERVE_MAX)) {
		o = conn_reserve(s->cn, room);
		conn_commit(s->cn, hot_message_encode(o, msg, body_bytes));
		return;
	}
	o = mem_alloc(room);
	n = hot_message_encode(o, msg, body_bytes);
	conn_write(s->cn, o, n);
	mem_free(o);
}

/* Head of the frame, and what is stored or was made of it. */
static void
write_message(struct session *s, const struct hot_message *msg,
    struct slice body, struct slice payload)
{
	/* clients older than v11 don't know checksums */
	if (unlikely(s->version < 11 && body.len > 6 && body.p[0] == 0x0e &&
		body.p[1] == 0x01))
		body = slice_sub(body, 6, body.len - 6);
	write_head(s, msg, (size_t)body.len + payload.len);
	conn_write_slice(s->cn, body);
	if (unlikely(payload.len > 0))
		conn_write_slice(s->cn, payload);
}

/* An entry of RocketMQ's. */
static void
write_record(
    struct session *s, const struct hot_message *msg, const struct entry *ent)
{
	struct pulsar_made made;

	if (pulsar_of_rmq(ent, s->p->conf.max_message_bytes, &made) != ERR_OK) {
		/* what was stored here is a record; nobody gets anything else */
		LOG(LOG_ERROR, (int)s->p->router->shard, "record_unreadable",
		    LOG_U("ledger", ent->pos.ledger),
		    LOG_U("entry", (uint64_t)ent->pos.entry));
		pulsar_gauge(s->p, M_CONVERT_FAILED, 1);
		return;
	}
	write_message(s, msg, made.head, made.payload);
	pulsar_gauge(s->p, M_CONVERT_TO_PULSAR, 1);
	if (!made.whole)
		pulsar_gauge(s->p, M_CONVERT_CUT, 1);
	pulsar_made_fini(&made);
}

void
consumer_deliver_msg(struct session *s, const struct fx_deliver *d)
{
	struct cons *c = cons_get(s, d->dest.tag);
	const struct entry *ent = d->ent;
	struct hot_message msg;

	/* what is still coming to one that leaves goes to another later */
	if (unlikely(c == NULL || c->handle != d->consumer))
		return;
	msg = (struct hot_message){
		.consumer_id = c->id,
		.ledger = ent->pos.ledger,
		.entry = (uint64_t)ent->pos.entry,
		.consumer_epoch = d->epoch,
		.partition = c->partition,
		.redelivery_count = d->redeliveries,
		.ack_words = d->words_n > 0 ? d->words : NULL,
		.ack_words_n = d->words_n,
		.has_epoch = c->send_epoch,
		.has_broker_entry = s->entry_metadata,
		.broker_time_ms = (uint64_t)ent->attr.store_time_ms,
		.index = ent->index + ent->attr.messages_n - 1,
	};
	if (likely(ent->attr.format != ENTRY_FORMAT_ROCKETMQ))
		write_message(s, &msg, ent->body, (struct slice){ 0 });
	else
		write_record(s, &msg, ent);
	count(s, ent);
	if (unlikely(conn_tx_full(s->cn) && !c->blocked)) {
		/* told to the core outside of this effect */
		c->blocked = c->block_due = true;
		TAILQ_INSERT_TAIL(&s->blocked, c, blocked_link);
		TAILQ_INSERT_TAIL(&s->p->block_due, c, due_link);
		pulsar_later_kick(s->p);
	}
}

void
consumers_block_due(struct pulsar *p)
{
	struct cons *c;

	while ((c = TAILQ_FIRST(&p->block_due)) != NULL) {
		CHECK_OBJ_NOTNULL(c, CONS_MAGIC);
		TAILQ_REMOVE(&p->block_due, c, due_link);
		c->block_due = false;
		route_block(p->router, c->handle, true);
	}
}

/* The connection has drained. It may fill again while the list is walked. */
void
consumers_unblock(struct session *s)
{
	struct cons *c;
	bool told;

	while (!conn_tx_full(s->cn) && (c = TAILQ_FIRST(&s->blocked)) != NULL) {
		told = !c->block_due;
		unlist(s, c);
		if (told)
			route_block(s->p->router, c->handle, false);
	}
}

void
consumers_drop(struct session *s)
{
	struct cons *c;
	struct op *op;

	while ((c = umap_pop(&s->consumers)) != NULL) {
		if (c->state == PLACE_OPEN || c->state == PLACE_CLOSING) {
			if (c->state == PLACE_OPEN)
				opened(s, -1);
			op = pulsar_op_new(s->p, OP_CONSUMER_CLOSE);
			op->handle = c->handle;
			route_op(s->p->router, &op);
		}
		forget(s, c);
	}
}
