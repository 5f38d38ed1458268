/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/conf.h"
#include "os/prot.h"
#include "auth/auth.h"
#include "pulsar/may.h"
#include "pulsar/session_priv.h"

/* --- addresses that clients are told ---------------------------------------- */

static bool
is_set(const char *s)
{
	return s != NULL && *s != '\0';
}

static struct advert *
advert_get(struct pulsar *p, const char *name)
{
	unsigned i;

	for (i = 0; i < p->adverts_n; i++)
		if (strcmp(p->adverts[i].name, name) == 0)
			return &p->adverts[i];
	return NULL;
}

static void
advert_add(struct pulsar *p, const struct conf_listener *l)
{
	bool v6 = strchr(l->host, ':') != NULL;
	struct advert *a;
	char **url;

	if (strncmp(l->scheme, "pulsar", 6) != 0)
		return;
	a = advert_get(p, l->name);
	if (a == NULL) {
		p->adverts = mem_reallocarray(
		    p->adverts, p->adverts_n + 1, sizeof *p->adverts);
		a = &p->adverts[p->adverts_n++];
		*a = (struct advert){ .name = mem_strdup(l->name) };
	}
	url = strcmp(l->scheme, "pulsar") == 0 ? &a->url : &a->url_tls;
	mem_free(*url);
	*url = mem_printf("%s://%s%s%s:%u", l->scheme, v6 ? "[" : "", l->host,
	    v6 ? "]" : "", l->port);
}

static enum err
adverts_parse(struct pulsar *p, struct diag *diag)
{
	const char *text = p->conf.advertised_listeners;
	struct conf_listener l;
	enum err e = ERR_OK;

	if (is_set(text)) {
		while ((e = conf_listener_next(&text, &l, diag)) == ERR_OK)
			advert_add(p, &l);
		if (e != ERR_EOF)
			return e;
	}
	if (is_set(p->conf.internal_listener)) {
		p->internal = advert_get(p, p->conf.internal_listener);
		if (p->internal == NULL)
			return diag_set(diag, ERR_INVALID_ARG,
			    "internalListenerName %s is not one of "
			    "advertisedListeners",
			    p->conf.internal_listener);
	} else if (p->adverts_n > 0)
		p->internal = &p->adverts[0];
	return ERR_OK;
}

static void
adverts_fini(struct pulsar *p)
{
	unsigned i;

	for (i = 0; i < p->adverts_n; i++) {
		mem_free(p->adverts[i].name);
		mem_free(p->adverts[i].url);
		mem_free(p->adverts[i].url_tls);
	}
	MEM_FREE(p->adverts);
	p->adverts_n = 0;
}

enum err
pulsar_conf_check(const struct pulsar_conf *conf, struct diag *diag)
{
	struct pulsar *p;
	enum err e;

	ALLOC_OBJ(p, PULSAR_MAGIC);
	p->conf = *conf;
	e = adverts_parse(p, diag);
	adverts_fini(p);
	FREE_OBJ(p);
	return e;
}

/* --- operations ------------------------------------------------------------- */

struct op *
session_op_new(struct session *s, enum op_type type, uint64_t tag, uint64_t req)
{
	struct op *op;

	op = op_new(type,
	    (struct dest){ .conn = s->id,
		.tag = tag,
		.shard = (uint16_t)s->p->router->shard,
		.kind = DEST_PULSAR });
	op->req = req;
	return op;
}

void
session_route(struct session *s, struct op **opp)
{
	if (++s->requests_n >= s->p->conf.requests_max)
		session_pause(s, PAUSE_REQUESTS);
	route_op(s->p->router, opp);
}

struct op *
pulsar_op_new(struct pulsar *p, enum op_type type)
{
	return op_new(type,
	    (struct dest){
		.shard = (uint16_t)p->router->shard, .kind = DEST_PULSAR });
}

void
pulsar_later_kick(struct pulsar *p)
{
	if (!loop_timer_active(&p->later))
		loop_timer_start(&p->later, 0);
}

void
pulsar_later(struct pulsar *p, struct op **opp)
{
	struct op *op;

	TAKE_OBJ_NOTNULL(op, opp, OP_MAGIC);
	op->link.next = NULL;
	if (p->later_last != NULL)
		p->later_last->link.next = &op->link;
	else
		p->later_first = op;
	p->later_last = op;
	pulsar_later_kick(p);
}

static void
on_later(void *priv)
{
	struct pulsar *p;
	struct op *op, *next;

	CAST_OBJ_NOTNULL(p, priv, PULSAR_MAGIC);
	consumers_block_due(p);
	may_recheck(p);
	op = p->later_first;
	p->later_first = p->later_last = NULL;
	for (; op != NULL; op = next) {
		/* the link is the first member */
		next = (struct op *)op->link.next;
		op->link.next = NULL;
		route_op(p->router, &op);
	}
}

bool
pulsar_lookup_begin(struct pulsar *p)
{
	if (p->lookups_n >= p->conf.lookup_max)
		return false;
	p->lookups_n++;
	return true;
}

void
pulsar_lookup_end(struct pulsar *p)
{
	AN(p->lookups_n);
	p->lookups_n--;
	if (p->conf.metrics != NULL)
		metrics_inc(p->conf.metrics, M_LOOKUPS);
}

void
pulsar_gauge(struct pulsar *p, enum metric m, int n)
{
	if (p->conf.metrics != NULL)
		metrics_add(p->conf.metrics, m, n);
}

void
pulsar_time_text(int64_t wall_ms, char buf[32])
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;
	size_t n;

	(void)gmtime_r(&t, &tm);
	n = strftime(buf, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + n, 32 - n, ".%03dZ", (int)(wall_ms % 1000));
}

/* --- effects ---------------------------------------------------------------- */

static void
sink_receipt(void *priv, const struct fx_receipt *r)
{
	struct session *s = session_get(priv, r->dest.conn);

	if (likely(s != NULL))
		send_receipt(s, r);
}

static void
sink_deliver(void *priv, const struct fx_deliver *d)
{
	struct session *s = session_get(priv, d->dest.conn);

	if (likely(s != NULL))
		consumer_deliver_msg(s, d);
}

/* What was opened for a connection that has gone. */
static void
orphan(struct pulsar *p, const struct fx *fx)
{
	struct op *op;

	if (fx->type != FX_PRODUCER_OPENED && fx->type != FX_SUBSCRIBED)
		return;
	/* asked for by a session, or this would be about nobody's handle */
	op = pulsar_op_new(p,
	    fx->type == FX_SUBSCRIBED ? OP_CONSUMER_CLOSE : OP_PRODUCER_CLOSE);
	op->handle = fx->handle;
	pulsar_later(p, &op);
}

static void
topic_answer(struct session *s, const struct fx *fx)
{
	switch (fx->dest.tag & TAG_CMD_MASK) {
	case CMD_LOOKUP:
		lookup_answer(s, fx);
		break;
	case CMD_PARTITIONED_METADATA:
		partitioned_metadata_answer(s, fx);
		break;
	case CMD_GET_OR_CREATE_SCHEMA:
		schema_answer(s, fx);
		break;
	default:
		WRONG("nobody asked about this topic");
	}
}

static void
session_answer(struct session *s, struct fx *fx)
{
	session_request_done(s);
	switch (fx->op) {
	case OP_TOPIC_META:
		topic_answer(s, fx);
		break;
	case OP_PRODUCER_OPEN:
		producer_opened(s, fx);
		break;
	case OP_PRODUCER_CLOSE:
		producer_close_answer(s, fx);
		break;
	case OP_SUBSCRIBE:
		consumer_subscribed(s, fx);
		break;
	case OP_CONSUMER_CLOSE:
		consumer_close_answer(s, fx);
		break;
	case OP_UNSUBSCRIBE:
		consumer_unsubscribe_answer(s, fx);
		break;
	case OP_SEEK:
		consumer_seek_answer(s, fx);
		break;
	case OP_LAST_ID:
		consumer_last_id_answer(s, fx);
		break;
	case OP_CONSUMER_STATS:
		consumer_stats_answer(s, fx);
		break;
	case OP_ACK:
		ack_answer(s, fx);
		break;
	default:
		WRONG("answer to an operation that sessions don't ask for");
	}
}

/* Is whoever asked gone? Then nobody is alive there. */
static void
probe(struct pulsar *p, struct session *s, const struct fx *fx)
{
	struct op *op;

	if (s != NULL && s->state == SESSION_CONNECTED) {
		session_probe(s, fx);
		return;
	}
	op = pulsar_op_new(p, OP_PROBED);
	op->u64 = fx->u64;
	op->u32 = fx->u32;
	op->flag = false;
	pulsar_later(p, &op);
}

static void
unsolicited(struct session *s, const struct fx *fx)
{
	switch (fx->type) {
	case FX_PRODUCER_CLOSED:
		producer_closed(s, fx);
		break;
	case FX_PRODUCER_THROTTLED:
		producer_throttled(s, fx);
		break;
	case FX_CONSUMER_CLOSED:
		consumer_closed(s, fx);
		break;
	case FX_ACTIVE_CHANGE:
		consumer_active_change(s, fx);
		break;
	case FX_END_OF_TOPIC:
		consumer_end_of_topic(s, fx);
		break;
	default:
		WRONG("effect of an unknown kind");
	}
}

static void
sink_fx(void *priv, struct fx *fx)
{
	struct pulsar *p;
	struct session *s;

	CAST_OBJ_NOTNULL(p, priv, PULSAR_MAGIC);
	CHECK_OBJ_NOTNULL(fx, FX_MAGIC);
	LOOP_ASSERT(p->lp);
	s = session_get(p, fx->dest.conn);
	text_clean(fx->diag); /* it may have been cut within a name */
	switch (fx->type) {
	case FX_TOPIC_CHANGED:
		topics_changed(p, fx);
		break;
	case FX_AUTHZ_CHANGED:
		may_changed(p);
		break;
	case FX_PROBE:
		probe(p, s, fx);
		break;
	case FX_PRODUCER_CLOSED:
	case FX_PRODUCER_THROTTLED:
	case FX_CONSUMER_CLOSED:
	case FX_ACTIVE_CHANGE:
	case FX_END_OF_TOPIC:
		if (s != NULL)
			unsolicited(s, fx);
		break;
	default:
		if (fx->op == OP_TOPIC_META)
			pulsar_lookup_end(p);
		if (fx->op == OP_TOPIC_LIST)
			topics_answer(p, fx);
		else if (s != NULL)
			session_answer(s, fx);
		else
			orphan(p, fx);
	}
	fx_free(&fx);
}

static const struct route_sink sink = {
	.receipt = sink_receipt,
	.deliver = sink_deliver,
	.fx = sink_fx,
};

/* --- life ------------------------------------------------------------------- */

struct pulsar *
pulsar_new(
    struct net *net, struct router *router, const struct pulsar_conf *conf)
{
	struct pulsar *p;
	enum err e;

	CHECK_OBJ_NOTNULL(router, ROUTER_MAGIC);
	ALLOC_OBJ(p, PULSAR_MAGIC);
	p->conf = *conf;
	p->net = net;
	p->lp = net_loop(net);
	p->router = router;
	/* the keys are numbers that peers choose */
	p->seed = prot_random();
	umap_init(&p->sessions, p->seed, 1u << 24);
	LIST_INIT(&p->watching);
	LIST_INIT(&p->starved);
	LIST_INIT(&p->jobs);
	TAILQ_INIT(&p->block_due);
	umap_init(&p->lost, p->seed, SESSION_PLACES_MAX);
	e = adverts_parse(p, NULL);
	assert(e == ERR_OK);
	p->cc = (struct conn_conf){
		.frame_max = conf->max_message_bytes + FRAME_PADDING,
		.tx_high = conf->out_high_bytes,
		.tx_low = conf->out_high_bytes / 4,
		.tx_hard = conf->out_hard_bytes,
		.frame_ms = conf->frame_ms,
		.frame_min_rate = conf->frame_min_rate,
	};
	loop_timer_init(&p->later, p->lp, on_later, p);
	router->ops->attach(router, DEST_PULSAR, &sink, p);
	return p;
}

void
pulsar_free(struct pulsar **pp)
{
	struct pulsar *p;
	struct op *op;

	TAKE_OBJ_NOTNULL(p, pp, PULSAR_MAGIC);
	AZ(p->sessions.n);
	p->router->ops->attach(p->router, DEST_PULSAR, NULL, NULL);
	topics_fini(p);
	while ((op = p->later_first) != NULL) {
		p->later_first = (struct op *)op->link.next;
		op_free(&op);
	}
	loop_timer_fini(&p->later);
	umap_fini(&p->sessions);
	umap_fini(&p->lost);
	adverts_fini(p);
	if (p->tls != NULL)
		tls_ctx_unref(&p->tls);
	if (p->auth != NULL)
		auth_unref(&p->auth);
	FREE_OBJ(p);
}

static void
take(
    struct pulsar *p, int fd, const struct sock_addr *peer, struct tls_ctx *tls)
{
	struct quota_pass pass;
	enum quota_said said;
	struct session *s;

	if (p->draining) {
		net_refuse(p->net, fd, CLOSE_SHUTDOWN);
		return;
	}
	said = quota_enter(p->conf.quota, peer, &pass);
	s = session_new(p, fd, tls);
	if (said == QUOTA_FREE)
		conn_set_pass(s->cn, pass);
	else
		session_refuse(s, said);
}

void
pulsar_accept(void *priv, int fd, const struct sock_addr *peer)
{
	struct pulsar *p;

	CAST_OBJ_NOTNULL(p, priv, PULSAR_MAGIC);
	take(p, fd, peer, NULL);
}

void
pulsar_accept_tls(void *priv, int fd, const struct sock_addr *peer)
{
	struct pulsar *p;

	CAST_OBJ_NOTNULL(p, priv, PULSAR_MAGIC);
	AN(p->tls);
	take(p, fd, peer, p->tls);
}

void
pulsar_set_auth(struct pulsar *p, struct auth *au)
{
	CHECK_OBJ_NOTNULL(p, PULSAR_MAGIC);
	au = auth_ref(au);
	if (p->auth != NULL)
		auth_unref(&p->auth);
	p->auth = au;
}

void
pulsar_set_tls(struct pulsar *p, struct tls_ctx *ctx)
{
	CHECK_OBJ_NOTNULL(p, PULSAR_MAGIC);
	if (p->tls != NULL)
		tls_ctx_unref(&p->tls);
	p->tls = tls_ctx_ref(ctx);
}

void
pulsar_set_port(struct pulsar *p, unsigned port)
{
	CHECK_OBJ_NOTNULL(p, PULSAR_MAGIC);
	p->conf.port = port;
}

void
pulsar_set_tls_port(struct pulsar *p, unsigned port)
{
	CHECK_OBJ_NOTNULL(p, PULSAR_MAGIC);
	p->conf.tls_port = port;
}

void
pulsar_drain(struct pulsar *p)
{
	struct session *s;
	size_t it;

	CHECK_OBJ_NOTNULL(p, PULSAR_MAGIC);
	LOOP_ASSERT(p->lp);
	p->draining = true;
	UMAP_FOREACH(s, &p->sessions, it)
	if (s->places_n == 0)
		session_close_flushed(s, CLOSE_SHUTDOWN);
}

bool
pulsar_drain_done(const struct pulsar *p)
{
	const struct session *s;
	size_t it;

	CHECK_OBJ_NOTNULL(p, PULSAR_MAGIC);
	UMAP_FOREACH(s, &p->sessions, it)
	if (s->places_n > 0 || conn_tx_bytes(s->cn) > 0)
		return false;
	return true;
}

void
pulsar_get_stats(const struct pulsar *p, struct pulsar_stats *st)
{
	CHECK_OBJ_NOTNULL(p, PULSAR_MAGIC);
	*st = p->st;
	st->sessions_n = p->sessions.n;
	st->lookups_n = p->lookups_n;
}
