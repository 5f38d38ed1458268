/* SPDX-License-Identifier: Apache-2.0 */
/* PRODUCER, CLOSE_PRODUCER. */
#include "base/hash.h"
#include "base/log.h"
#include "core/authz.h"
#include "pulsar/may.h"
#include "pulsar/session_priv.h"

/* Dedup compares these with what other shards and former lives computed. */
#define NAME_HASH_SEED UINT64_C(0x6d61676e65746172)

static const char not_authorized[] = "Client is not authorized to Produce";

/* --- places ----------------------------------------------------------------- */

struct prod *
prod_get(struct session *s, uint64_t id)
{
	struct prod *pr = s->last;

	if (pr != NULL && pr->id == id)
		return pr;
	pr = umap_get(&s->producers, id);
	if (pr != NULL)
		s->last = pr;
	return pr;
}

static uint64_t
topic_hash_of(const struct topic_name *tn)
{
	return hash_bytes(NAME_HASH_SEED, tn->full.p, tn->full.len);
}

bool
prod_has_topic(struct session *s, const struct topic_name *tn)
{
	uint64_t h = topic_hash_of(tn);
	const struct prod *pr;
	size_t it;

	UMAP_FOREACH(pr, &s->producers, it)
	if (pr->state == PLACE_OPEN && pr->topic_hash == h)
		return true;
	return false;
}

/* Nothing is read from its connection while one is over the rate of its topic, as in
 * the reference, whatever else is on it. */
static void
throttle(struct session *s, struct prod *pr, bool on)
{
	if (pr->throttled == on)
		return;
	pr->throttled = on;
	if (on && s->throttled_n++ == 0)
		session_pause(s, PAUSE_RATE);
	if (!on && --s->throttled_n == 0)
		session_resume(s, PAUSE_RATE);
}

void
producer_throttled(struct session *s, const struct fx *fx)
{
	struct prod *pr = umap_get(&s->producers, fx->dest.tag);

	if (pr != NULL && pr->handle == fx->handle &&
	    (pr->state == PLACE_OPEN || pr->state == PLACE_CLOSING))
		throttle(s, pr, fx->flag);
}

static void
forget(struct session *s, struct prod *pr)
{
	throttle(s, pr, false);
	send_forget(s, pr);
	if (pr->state == PLACE_CLOSED)
		s->closed_n--;
	if (s->last == pr)
		s->last = NULL;
	mem_free(pr->name);
	mem_free(pr->topic);
	FREE_OBJ(pr);
}

/* Frees the place. The reference to the session may be the last thing used. */
static void
remove_prod(struct session *s, struct prod *pr)
{
	bool counted = pr->state != PLACE_CLOSED;

	if (umap_del(&s->producers, pr->id) != pr)
		WRONG("a producer in no place");
	forget(s, pr);
	if (counted)
		session_place_gone(s);
}

static void
opened(struct session *s, int n)
{
	if (n > 0)
		s->p->st.producers_n++;
	else
		s->p->st.producers_n--;
	pulsar_gauge(s->p, M_PRODUCERS, n);
}

static struct prod *
place(struct session *s, uint64_t id)
{
	struct prod *pr = umap_get(&s->producers, id);

	if (pr == NULL) {
		ALLOC_OBJ(pr, PROD_MAGIC);
		if (umap_add(&s->producers, id, pr) != ERR_OK) {
			FREE_OBJ(pr);
			return NULL;
		}
	} else {
		/* the map holds on to it: only the content starts anew */
		assert(pr->state == PLACE_CLOSED);
		s->closed_n--;
		mem_free(pr->name);
		mem_free(pr->topic);
		INIT_OBJ(pr, PROD_MAGIC);
	}
	pr->id = id;
	STAILQ_INIT(&pr->refusals);
	pr->state = PLACE_OPENING;
	s->places_n++;
	return pr;
}

/* --- PRODUCER --------------------------------------------------------------- */

static void
success(struct session *s, uint64_t req, struct span name, int64_t last,
    uint64_t topic_epoch, bool ready)
{
	pp_CommandProducerSuccess m = {
		.request_id = req,
		.producer_name = name,
		.has_last_sequence_id = true,
		.last_sequence_id = last,
		/* present and empty: there is no schema */
		.schema_version = span_of("", 0),
		.has_topic_epoch = topic_epoch != 0,
		.topic_epoch = topic_epoch,
		.has_producer_ready = true,
		.producer_ready = ready,
	};

	SESSION_SEND(s, PRODUCER_SUCCESS, CommandProducerSuccess, &m);
}

/* True: answered, there is one of that id. */
static bool
is_there(struct session *s, const pp_CommandProducer *m)
{
	const struct prod *pr = umap_get(&s->producers, m->producer_id);

	if (pr == NULL || pr->state == PLACE_CLOSED)
		return false;
	if (pr->state == PLACE_OPEN)
		success(s, m->request_id, span_str(pr->name), -1, 0, true);
	else
		session_error(s, m->request_id, pp_ServerError_ServiceNotReady,
		    "Producer is already present on the connection");
	return true;
}

static enum access_mode
access_of(pp_ProducerAccessMode mode)
{
	switch (mode) {
	case pp_ProducerAccessMode_Exclusive:
		return ACCESS_EXCLUSIVE;
	case pp_ProducerAccessMode_WaitForExclusive:
		return ACCESS_WAIT;
	case pp_ProducerAccessMode_ExclusiveWithFencing:
		return ACCESS_FENCING;
	default:
		return ACCESS_SHARED;
	}
}

static enum err
fill(struct session *s, struct op *op, const pp_CommandProducer *m)
{
	struct op_producer *pd = &op->producer;

	if (m->producer_name.n > STRING_MAX ||
	    m->initial_subscription_name.n > STRING_MAX)
		return ERR_TOO_BIG;
	if (!text_is_utf8(m->producer_name) ||
	    !text_is_utf8(m->initial_subscription_name))
		return ERR_INVALID_ARG;
	pd->name = op_str(op, str_of_span(m->producer_name));
	pd->epoch = m->epoch;
	pd->encrypted = m->encrypted;
	pd->txn = m->txn_enabled;
	pd->access = access_of(m->producer_access_mode);
	pd->initial_sub = op_str(op, str_of_span(m->initial_subscription_name));
	pd->client_addr = op_str(op, str_of(conn_peer_text(s->cn)));
	pd->client_version = op_str(op, str_of(s->client_version));
	return session_props(
	    op, &m->metadata, PROPS_BYTES_MAX, &pd->props_n, &pd->props);
}

static void
open_prod(
    struct session *s, const pp_CommandProducer *m, const struct topic_name *tn)
{
	struct str name;
	struct prod *pr;
	struct op *op;
	enum err e;

	op = session_op_new(s, OP_PRODUCER_OPEN, m->producer_id, m->request_id);
	op->topic = op_str(op, tn->full);
	e = fill(s, op, m);
	if (e == ERR_MALFORMED)
		session_malformed(s);
	else if (e != ERR_OK)
		session_error(s, m->request_id, pp_ServerError_MetadataError,
		    e == ERR_TOO_BIG ?
			"Producer's names or metadata are too long" :
			"Producer's names or metadata are not UTF-8");
	else if (s->producers.n - s->closed_n >= s->p->conf.producers_max ||
	    (pr = place(s, m->producer_id)) == NULL)
		session_error(s, m->request_id, pp_ServerError_TooManyRequests,
		    "Too many producers on this connection");
	else {
		pr->persistent = tn->persistent;
		pr->topic_hash = topic_hash_of(tn);
		if (s->p->conf.authorization) {
			name = authz_topic(tn->full);
			pr->topic = mem_strndup(name.p, name.len);
		}
		session_route(s, &op);
		return;
	}
	op_free(&op);
}

/* A subscription that it makes is made by somebody who may consume. */
static bool
may_open(struct session *s, const pp_CommandProducer *m, struct str topic)
{
	struct str sub = str_of_span(m->initial_subscription_name);

	return session_may(s, MAY_PRODUCE, topic, STR_NONE, NULL) &&
	    (sub.len == 0 || session_may(s, MAY_CONSUME, topic, sub, NULL));
}

void
do_producer(struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandProducer m;
	struct topic_name tn;
	char text[320];

	(void)b;
	if (cmd_decode_PRODUCER(fr->cmd, &m) != ERR_OK) {
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
	else if (!may_open(s, &m, authz_topic(tn.full)))
		session_error(s, m.request_id,
		    pp_ServerError_AuthorizationError, not_authorized);
	else
		open_prod(s, &m, &tn);
	topic_name_fini(&tn);
}

/* Tell the core to forget a producer that was opened for nobody. */
static void
close_later(struct session *s, uint64_t handle)
{
	struct op *op;

	op = pulsar_op_new(s->p, OP_PRODUCER_CLOSE);
	op->handle = handle;
	pulsar_later(s->p, &op);
}

void
producer_opened(struct session *s, struct fx *fx)
{
	struct prod *pr = umap_get(&s->producers, fx->dest.tag);

	if (pr == NULL ||
	    (pr->state != PLACE_OPENING && pr->state != PLACE_ABANDONED)) {
		/* a second answer of one that waited for its turn */
		if (pr != NULL && pr->state == PLACE_OPEN &&
		    fx->type == FX_PRODUCER_OPENED)
			success(s, fx->req, span_of(fx->text.p, fx->text.len),
			    fx->i64, fx->u64, fx->flag);
		return;
	}
	if (pr->state == PLACE_ABANDONED) {
		if (fx->type == FX_PRODUCER_OPENED)
			close_later(s, fx->handle);
		remove_prod(s, pr);
		return;
	}
	if (fx->type != FX_PRODUCER_OPENED) {
		session_error_fx(s, fx);
		remove_prod(s, pr);
		return;
	}
	if (pr->revoked) {
		close_later(s, fx->handle);
		session_error(s, fx->req, pp_ServerError_AuthorizationError,
		    not_authorized);
		remove_prod(s, pr);
		return;
	}
	pr->handle = fx->handle;
	pr->name = mem_strndup(fx->text.p, fx->text.len);
	pr->name_hash = hash_bytes(NAME_HASH_SEED, fx->text.p, fx->text.len);
	pr->state = PLACE_OPEN;
	opened(s, 1);
	success(s, fx->req, span_str(pr->name), fx->i64, fx->u64, fx->flag);
	LOG(LOG_DEBUG, (int)s->p->router->shard, "producer_open",
	    LOG_U("conn", s->id), LOG_U("producer", pr->id),
	    LOG_S("name", pr->name));
}

/* --- CLOSE_PRODUCER --------------------------------------------------------- */

void
do_close_producer(struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandCloseProducer m;
	struct prod *pr;
	struct op *op;

	(void)b;
	if (cmd_decode_CLOSE_PRODUCER(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	pr = umap_get(&s->producers, m.producer_id);
	if (pr == NULL || pr->state == PLACE_CLOSED ||
	    pr->state == PLACE_ABANDONED) {
		session_success(s, m.request_id);
		return;
	}
	if (pr->state == PLACE_OPENING) {
		/* as the reference: at once; what comes of it is closed then */
		pr->state = PLACE_ABANDONED;
		session_success(s, m.request_id);
		return;
	}
	if (pr->state == PLACE_OPEN)
		opened(s, -1);
	pr->state = PLACE_CLOSING;
	op = session_op_new(s, OP_PRODUCER_CLOSE, pr->id, m.request_id);
	op->handle = pr->handle;
	session_route(s, &op);
}

void
producer_close_answer(struct session *s, const struct fx *fx)
{
	struct prod *pr = umap_get(&s->producers, fx->dest.tag);

	session_success(s, fx->req);
	if (pr != NULL && pr->state == PLACE_CLOSING)
		remove_prod(s, pr);
}

/* --- closed by the broker --------------------------------------------------- */

static void
tell_closed(struct session *s, uint64_t id)
{
	pp_CommandCloseProducer m = {
		.producer_id = id,
		.request_id = HOT_NO_REQUEST,
	};

	if (s->version >= 5)
		SESSION_SEND(s, CLOSE_PRODUCER, CommandCloseProducer, &m);
	else
		session_close(s, CLOSE_OURS);
}

static void
mark_closed(struct session *s, struct prod *pr)
{
	opened(s, -1);
	throttle(s, pr, false);
	send_forget(s, pr);
	pr->state = PLACE_CLOSED;
	pr->closed_ns = loop_mono_ns(s->p->lp);
	s->closed_n++;
	tell_closed(s, pr->id);
	session_place_gone(s);
}

/* The core has closed it: unload, delete, no space. */
void
producer_closed(struct session *s, const struct fx *fx)
{
	struct prod *pr = umap_get(&s->producers, fx->dest.tag);

	if (pr == NULL || (fx->handle != 0 && fx->handle != pr->handle))
		return;
	if (pr->state == PLACE_OPEN)
		mark_closed(s, pr);
	else if (pr->state == PLACE_CLOSING) {
		throttle(s, pr, false);
		send_forget(s, pr); /* the answer to its CLOSE is on its way */
	}
}

void
producer_disconnect(struct session *s, struct prod *pr)
{
	if (pr->state == PLACE_OPENING)
		pr->revoked = true;
	if (pr->state != PLACE_OPEN)
		return;
	close_later(s, pr->handle);
	mark_closed(s, pr);
}

void
producers_expire(struct session *s, int64_t now_ns)
{
	struct prod *pr;
	uint64_t ids[64];
	unsigned n = 0, i;
	size_t it;

	if (s->closed_n == 0)
		return;
	UMAP_FOREACH(pr, &s->producers, it)
	if (pr->state == PLACE_CLOSED && n < NELEM(ids) &&
	    now_ns - pr->closed_ns >= s->p->conf.keepalive_ns)
		ids[n++] = pr->id;
	for (i = 0; i < n; i++) {
		pr = umap_get(&s->producers, ids[i]);
		remove_prod(s, pr);
	}
}

void
producers_drop(struct session *s)
{
	struct prod *pr;
	struct op *op;

	while ((pr = umap_pop(&s->producers)) != NULL) {
		if (pr->state == PLACE_OPEN || pr->state == PLACE_CLOSING) {
			if (pr->state == PLACE_OPEN)
				opened(s, -1);
			op = pulsar_op_new(s->p, OP_PRODUCER_CLOSE);
			op->handle = pr->handle;
			route_op(s->p->router, &op);
		}
		forget(s, pr);
	}
	s->places_n = 0;
}
