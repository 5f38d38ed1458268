/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/shard.h"

#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"
#include "broker/broker.h"
#include "broker/counters.h"
#include "http/server.h"
#include "net/room.h"
#include "os/clock.h"
#include "os/prot.h"
#include "pulsar/server.h"
#include "rocketmq/server.h"
#include "store/local.h"
#include "store/meta_lmdb.h"

/*
 * Messages between shards. Operations and the rarer effects travel as they are
 * (op.h: the link comes first, the magic second, which tells them apart);
 * receipts and deliveries are packed, so that a batch costs one allocation.
 */
#define XRECEIPTS_N 64
#define XDELIVER_N 16

struct xhead { /* what every message begins with */
	struct mbox_msg link;
	unsigned magic;
};

struct xreceipts {
	struct mbox_msg link;
	unsigned magic;
#define XRECEIPTS_MAGIC 0x04ece197
	unsigned n;
	struct fx_receipt v[XRECEIPTS_N];
};

struct xdelivery {
	struct fx_deliver d;
	struct entry ent; /* its body is referenced */
	uint64_t *words;
};

struct xdeliver {
	struct mbox_msg link;
	unsigned magic;
#define XDELIVER_MAGIC 0x0de117e4
	unsigned n;
	struct xdelivery v[XDELIVER_N];
};

struct xcall {
	struct mbox_msg link;
	unsigned magic;
#define XCALL_MAGIC 0x0ca11ca1
	shard_call_f *f;
	void *priv;
};

/* --- out ------------------------------------------------------------------ */

static struct shard_out *
append(struct shard *sh, unsigned to, struct mbox_msg *m)
{
	struct shard_out *o;

	assert(to < sh->router.shards_n && to != sh->n);
	o = &sh->out[to];
	m->next = NULL;
	if (o->last != NULL)
		o->last->next = m;
	else
		o->first = m;
	o->last = m;
	o->receipts = NULL;
	o->deliver = NULL;
	return o;
}

static bool
post_out(struct shard *sh)
{
	struct shard_out *o;
	bool any = false;
	unsigned i;

	for (i = 0; i < sh->router.shards_n; i++) {
		o = &sh->out[i];
		if (o->first == NULL)
			continue;
		mbox_post_batch(
		    broker_shard(sh->broker, i)->mb, o->first, o->last);
		*o = (struct shard_out){ 0 };
		any = true;
	}
	return any;
}

static void
post(struct router *r, unsigned to, struct op **opp)
{
	struct shard *sh = (struct shard *)r;
	struct op *op;

	CHECK_OBJ_NOTNULL(sh, SHARD_MAGIC);
	TAKE_OBJ_NOTNULL(op, opp, OP_MAGIC);
	sh->crossed_ops++;
	append(sh, to, &op->link);
}

static void
attach(
    struct router *r, uint8_t kind, const struct route_sink *sink, void *priv)
{
	struct shard *sh = (struct shard *)r;

	CHECK_OBJ_NOTNULL(sh, SHARD_MAGIC);
	assert(kind < SHARD_SINKS_MAX);
	sh->sinks[kind].sink = sink;
	sh->sinks[kind].priv = priv;
}

static const struct route_ops route_ops = {
	.post = post,
	.attach = attach,
};

/* --- effects of this shard's core ---------------------------------------------- */

static void
sink_receipt(struct shard *sh, const struct fx_receipt *r)
{
	assert(r->dest.kind < SHARD_SINKS_MAX);
	if (sh->sinks[r->dest.kind].sink != NULL)
		sh->sinks[r->dest.kind].sink->receipt(
		    sh->sinks[r->dest.kind].priv, r);
}

static void
sink_deliver(struct shard *sh, const struct fx_deliver *d)
{
	assert(d->dest.kind < SHARD_SINKS_MAX);
	if (sh->sinks[d->dest.kind].sink != NULL)
		sh->sinks[d->dest.kind].sink->deliver(
		    sh->sinks[d->dest.kind].priv, d);
}

static struct fx *
news_dup(const struct fx *from)
{
	struct fx *fx;

	fx = fx_new(from->type, from->dest);
	fx->text = fx_str(fx, from->text);
	fx->flag = from->flag;
	return fx;
}

static void
sink_fx(struct shard *sh, struct fx *fx)
{
	unsigned k;

	CHECK_OBJ_NOTNULL(fx, FX_MAGIC);
	if (fx->type == FX_TOPIC_CHANGED || fx->type == FX_AUTHZ_CHANGED) {
		for (k = 0; k < SHARD_SINKS_MAX; k++)
			if (sh->sinks[k].sink != NULL)
				sh->sinks[k].sink->fx(
				    sh->sinks[k].priv, news_dup(fx));
		fx_free(&fx);
		return;
	}
	assert(fx->dest.kind < SHARD_SINKS_MAX);
	if (fx->dest.kind == DEST_INTERNAL)
		core_own_answer(sh->core, &fx);
	else if (sh->sinks[fx->dest.kind].sink == NULL)
		fx_free(&fx);
	else
		sh->sinks[fx->dest.kind].sink->fx(
		    sh->sinks[fx->dest.kind].priv, fx);
}

static void
out_receipt(void *priv, const struct fx_receipt *r)
{
	struct shard *sh = priv;
	struct shard_out *o;
	struct xreceipts *x;

	if (r->dest.shard == sh->n) {
		sink_receipt(sh, r);
		return;
	}
	o = &sh->out[r->dest.shard];
	x = o->receipts;
	if (x == NULL || x->n == XRECEIPTS_N) {
		x = mem_alloc(sizeof(*x));
		x->magic = XRECEIPTS_MAGIC;
		x->n = 0;
		append(sh, r->dest.shard, &x->link)->receipts = x;
	}
	x->v[x->n++] = *r;
	sh->crossed_effects++;
}

static void
out_deliver(void *priv, const struct fx_deliver *d)
{
	struct shard *sh = priv;
	struct shard_out *o;
	struct xdeliver *x;
	struct xdelivery *v;

	if (d->dest.shard == sh->n) {
		sink_deliver(sh, d);
		return;
	}
	o = &sh->out[d->dest.shard];
	x = o->deliver;
	if (x == NULL || x->n == XDELIVER_N) {
		x = mem_alloc(sizeof(*x));
		x->magic = XDELIVER_MAGIC;
		x->n = 0;
		append(sh, d->dest.shard, &x->link)->deliver = x;
	}
	v = &x->v[x->n++];
	v->d = *d;
	v->ent = *d->ent;
	v->ent.body = d->ent->body.buf != NULL ? slice_ref(d->ent->body) :
						 slice_dup(d->ent->body);
	v->words = NULL;
	if (d->words_n > 0) {
		v->words = mem_alloc(d->words_n * sizeof(*v->words));
		memcpy(v->words, d->words, d->words_n * sizeof(*v->words));
	}
	sh->crossed_effects++;
}

static void
out_fx(void *priv, struct fx *fx)
{
	struct shard *sh = priv;
	struct fx *copy;
	unsigned i;

	CHECK_OBJ_NOTNULL(fx, FX_MAGIC);
	if (fx->type == FX_TOPIC_CHANGED) {
		for (i = 0; i < sh->router.shards_n; i++)
			if (i != sh->n) {
				copy = news_dup(fx);
				append(sh, i, &copy->link);
			}
		sink_fx(sh, fx);
		return;
	}
	if (fx->dest.shard == sh->n) {
		sink_fx(sh, fx);
		return;
	}
	append(sh, fx->dest.shard, &fx->link);
	sh->crossed_effects++;
}

static void
out_post(void *priv, unsigned shard, struct op **opp)
{
	struct shard *sh = priv;

	post(&sh->router, shard, opp);
}

static const struct core_out core_out = {
	.receipt = out_receipt,
	.deliver = out_deliver,
	.fx = out_fx,
	.post = out_post,
};

/* --- in ---------------------------------------------------------------------- */

static void
receive_receipts(struct shard *sh, struct xreceipts *x)
{
	unsigned i;

	for (i = 0; i < x->n; i++)
		sink_receipt(sh, &x->v[i]);
	mem_free(x);
}

static void
receive_deliver(struct shard *sh, struct xdeliver *x)
{
	struct xdelivery *v;
	unsigned i;

	for (i = 0; i < x->n; i++) {
		v = &x->v[i];
		v->d.ent = &v->ent;
		v->d.words = v->words;
		sink_deliver(sh, &v->d);
		slice_unref(&v->ent.body);
		mem_free(v->words);
	}
	mem_free(x);
}

static void
receive(struct shard *sh, struct mbox_msg *m)
{
	struct xhead *h = (struct xhead *)m;
	struct xcall *c;
	struct op *op;

	switch (h->magic) {
	case OP_MAGIC:
		op = (struct op *)m;
		route_receive(&sh->router, &op);
		break;
	case FX_MAGIC:
		sink_fx(sh, (struct fx *)m);
		break;
	case XRECEIPTS_MAGIC:
		receive_receipts(sh, (struct xreceipts *)m);
		break;
	case XDELIVER_MAGIC:
		receive_deliver(sh, (struct xdeliver *)m);
		break;
	case XCALL_MAGIC:
		c = (struct xcall *)m;
		c->f(sh, c->priv);
		mem_free(c);
		break;
	default:
		WRONG("message of no known kind in a shard's mailbox");
	}
}

static void
drain(void *priv, struct mbox_msg *batch)
{
	struct shard *sh = priv;
	struct mbox_msg *next;

	CHECK_OBJ_NOTNULL(sh, SHARD_MAGIC);
	for (; batch != NULL; batch = next) {
		next = batch->next;
		receive(sh, batch);
	}
}

/* --- sessions that move --------------------------------------------------------- */

/* A shard takes a session in while it has not this many connections more than
 * the one that gives it: few are together with their topic, many are spread. */
#define MOVE_SLACK 4

bool
shard_may_move(void *priv, unsigned to)
{
	struct shard *sh;

	CAST_OBJ_NOTNULL(sh, priv, SHARD_MAGIC);
	return atomic_load_explicit(&broker_shard(sh->broker, to)->conns_n,
		   memory_order_relaxed) < net_conns_n(sh->net) + MOVE_SLACK;
}

static void
moved_in(struct shard *sh, void *priv)
{
	struct pulsar_move *mv = priv;

	pulsar_adopt(sh->pulsar, &mv);
}

void
shard_move(void *priv, unsigned to, struct pulsar_move *mv)
{
	struct shard *sh;

	CAST_OBJ_NOTNULL(sh, priv, SHARD_MAGIC);
	shard_call(broker_shard(sh->broker, to), moved_in, mv);
}

/* --- between front-ends ---------------------------------------------------------- */

static void
rmq_came(struct shard *sh, void *priv)
{
	struct rmq_msg *m = priv;

	if (sh->rmq != NULL)
		rmq_receive(sh->rmq, &m);
	else
		rmq_msg_free(&m);
}

void
shard_post_rmq(void *priv, unsigned to, struct rmq_msg *m)
{
	struct shard *sh;
	struct xcall *c;

	CAST_OBJ_NOTNULL(sh, priv, SHARD_MAGIC);
	if (to == sh->n) {
		shard_call(sh, rmq_came, m);
		return;
	}
	c = mem_alloc(sizeof(*c));
	c->magic = XCALL_MAGIC;
	c->f = rmq_came;
	c->priv = m;
	append(sh, to, &c->link);
}

/* --- room (net/room.h) ------------------------------------------------------------- */

struct room_request {
	unsigned magic;
#define ROOM_REQUEST_MAGIC 0x4004a5c1
	struct shard *from;
	struct net_wait wait; /* of the other's net */
};

static void
room_given(struct shard *sh, void *priv)
{
	(void)priv;
	sh->room_asked = false;
	net_room_given(sh->net);
}

static void
room_made(void *priv)
{
	struct room_request *rr;

	CAST_OBJ_NOTNULL(rr, priv, ROOM_REQUEST_MAGIC);
	shard_call(rr->from, room_given, NULL);
	FREE_OBJ(rr);
}

static void
count_connections(struct shard *sh)
{
	atomic_store_explicit(
	    &sh->conns_n, (unsigned)net_conns_n(sh->net), memory_order_relaxed);
	atomic_store_explicit(&sh->strangers_n,
	    (unsigned)net_strangers_n(sh->net), memory_order_relaxed);
}

/* Where there is nobody any more, the other one asks anew. */
static void
room_wanted(struct shard *sh, void *priv)
{
	struct room_request *rr;

	CAST_OBJ_NOTNULL(rr, priv, ROOM_REQUEST_MAGIC);
	if (net_give_room(sh->net, &rr->wait, room_made, rr))
		return;
	count_connections(sh);
	room_made(rr);
}

/* The shard that has most strangers closes some; of equals the own one. */
static bool
room_elsewhere(void *priv, size_t own_n)
{
	struct shard *sh, *o, *most = NULL;
	size_t n, most_n = own_n;
	struct room_request *rr;
	unsigned i;

	CAST_OBJ_NOTNULL(sh, priv, SHARD_MAGIC);
	if (sh->room_asked)
		return true;
	for (i = 0; i < sh->router.shards_n; i++) {
		o = broker_shard(sh->broker, i);
		n = atomic_load_explicit(&o->strangers_n, memory_order_relaxed);
		if (o != sh && n > most_n) {
			most = o;
			most_n = n;
		}
	}
	if (most == NULL)
		return false;
	sh->room_asked = true;
	ALLOC_OBJ(rr, ROOM_REQUEST_MAGIC);
	rr->from = sh;
	shard_call(most, room_wanted, rr);
	return true;
}

/* --- the loop ------------------------------------------------------------------- */

static void
head(void *priv)
{
	struct shard *sh = priv;

	core_set_time(sh->core, loop_wall_ms(sh->lp), loop_mono_ns(sh->lp));
	if (sh->disk != NULL)
		disk_file_look(sh->disk);
}

static int64_t
sooner(int64_t a, int64_t b)
{
	if (a < 0)
		return b;
	if (b < 0)
		return a;
	return a < b ? a : b;
}

static int64_t
tail(void *priv)
{
	struct shard *sh = priv;
	int64_t wall = loop_wall_ms(sh->lp), mono = loop_mono_ns(sh->lp);
	int64_t due = -1;

	if (sh->http != NULL)
		http_turn(sh->http);
	if (sh->ledgers != NULL) {
		(void)core_poll(sh->core, wall, mono);
		due = sh->ledgers->ops->poll(sh->ledgers, wall, mono);
		/* its answers may have woken dispatchers */
		due = sooner(due, core_due(sh->core));
	}
	(void)post_out(sh);
	if (net_flush(sh->net))
		due = 0;
	/* on_closed, called by the flush, may have routed operations */
	(void)post_out(sh);
	count_connections(sh);
	return due;
}

static void
second(void *priv)
{
	struct shard *sh = priv;

	net_second(sh->net);
	counters_copy(sh);
	loop_timer_start(&sh->second, CLOCK_NS_PER_S);
}

void
shard_init(struct shard *sh, struct broker *b, unsigned n)
{
	struct net_conf nc = NET_CONF_DEFAULT;

	*sh = (struct shard){ 0 };
	sh->magic = SHARD_MAGIC;
	sh->n = n;
	sh->broker = b;
	sh->router.magic = ROUTER_MAGIC;
	sh->router.shard = n;
	sh->router.shards_n = broker_shards_n(b);
	sh->router.ops = &route_ops;
	sh->metrics = metrics_new(prot_random());
	sh->lp = loop_new();
	sh->mb = mbox_new(sh->lp, drain, sh);
	nc.conns_max = broker_conns_max(b);
	nc.elsewhere = room_elsewhere;
	nc.elsewhere_priv = sh;
	sh->net = net_new(sh->lp, &nc);
	loop_timer_init(&sh->second, sh->lp, second, sh);
}

void
shard_attach_core(struct shard *sh, const struct core_conf *conf)
{
	CHECK_OBJ_NOTNULL(sh, SHARD_MAGIC);
	AN(sh->meta);
	sh->core = core_new(conf, &core_out, sh, sh->meta);
	core_set_due(sh->core, sh->due);
	sh->router.core = sh->core;
}

void
shard_run(struct shard *sh)
{
	CHECK_OBJ_NOTNULL(sh, SHARD_MAGIC);
	loop_bind(sh->lp);
	loop_set_head(sh->lp, head, sh);
	loop_set_tail(sh->lp, tail, sh);
	loop_timer_start(&sh->second, CLOCK_NS_PER_S);
	loop_run(sh->lp);
	op_thread_fini();
}

void
shard_stop(struct shard *sh)
{
	CHECK_OBJ_NOTNULL(sh, SHARD_MAGIC);
	loop_stop(sh->lp);
}

void
shard_call(struct shard *sh, shard_call_f *f, void *priv)
{
	struct xcall *c;

	CHECK_OBJ_NOTNULL(sh, SHARD_MAGIC);
	c = mem_alloc(sizeof(*c));
	c->magic = XCALL_MAGIC;
	c->f = f;
	c->priv = priv;
	mbox_post(sh->mb, &c->link);
}

void
shard_deafen(struct shard *sh)
{
	unsigned i;

	if (sh->listener != NULL)
		listener_free(&sh->listener);
	if (sh->listener_tls != NULL)
		listener_free(&sh->listener_tls);
	for (i = 0; i < SHARD_RMQ_PORTS; i++)
		if (sh->rmq_listeners[i] != NULL)
			listener_free(&sh->rmq_listeners[i]);
}

#define LAST_FLUSHES 100

void
shard_hang_up(struct shard *sh)
{
	int i;

	CHECK_OBJ_NOTNULL(sh, SHARD_MAGIC);
	loop_bind(sh->lp);
	shard_deafen(sh);
	/* what was said to them goes out as far as there is room for it; a peer that
	 * goes on talking doesn't keep us */
	for (i = 0; i < LAST_FLUSHES && net_flush(sh->net); i++)
		;
	net_close_all(sh->net, CLOSE_SHUTDOWN);
	while (net_flush(sh->net))
		;
	if (sh->rmq != NULL)
		rmq_hang_up(sh->rmq);
	(void)post_out(sh);
}

/* No new group is formed from here on; what the disk and metadata still owe is
 * waited for, since their answers go to log and core. */
bool
shard_settle(struct shard *sh)
{
	bool moved = false;

	CHECK_OBJ_NOTNULL(sh, SHARD_MAGIC);
	loop_bind(sh->lp);
	loop_set_tail(sh->lp, NULL, NULL);
	while (mbox_drain_now(sh->mb))
		moved = true;
	do {
		while (sh->disk != NULL && disk_file_busy(sh->disk)) {
			moved = true;
			loop_run_once(sh->lp, true);
		}
		if (sh->meta != NULL)
			meta_lmdb_settle(sh->meta);
		if (sh->due != NULL)
			meta_lmdb_settle(sh->due);
	} while (sh->disk != NULL && disk_file_busy(sh->disk));
	return post_out(sh) || moved;
}

void
shard_close(struct shard *sh)
{
	CHECK_OBJ_NOTNULL(sh, SHARD_MAGIC);
	loop_bind(sh->lp);
	if (sh->pulsar != NULL)
		pulsar_free(&sh->pulsar);
	if (sh->rmq != NULL)
		rmq_free(&sh->rmq);
	if (sh->core != NULL)
		core_free(&sh->core);
	if (sh->ledgers != NULL)
		local_ledgers_free(&sh->ledgers);
	if (sh->disk != NULL)
		disk_file_free(&sh->disk);
	if (sh->meta != NULL)
		meta_lmdb_handle_free(&sh->meta);
	if (sh->due != NULL)
		meta_lmdb_handle_free(&sh->due);
	loop_timer_fini(&sh->second);
	net_free(&sh->net);
	mbox_free(&sh->mb);
	loop_free(&sh->lp);
	metrics_free(&sh->metrics);
	sh->magic = 0;
}
