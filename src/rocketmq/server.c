/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "os/prot.h"
#include "rocketmq/gate.h"
#include "rocketmq/users.h"
#include "rocketmq/gconf.h"
#include "rocketmq/light.h"
#include "rocketmq/measure.h"
#include "rocketmq/plain.h"
#include "rocketmq/pop.h"
#include "rocketmq/reset.h"
#include "rocketmq/runtime.h"
#include "rocketmq/stat.h"
#include "rocketmq/send.h"

#define TICK_NS INT64_C(1000000000)

/* --- operations ------------------------------------------------------------- */

struct op *
rmq_op_new(struct rmq *rm, enum op_type type, enum rmq_tag tag, uint64_t number,
    uint64_t req)
{
	struct op *op;

	op = op_new(type,
	    (struct dest){ .conn = number,
		.tag = tag,
		.shard = (uint16_t)rm->router->shard,
		.kind = DEST_ROCKETMQ });
	op->req = req;
	return op;
}

void
rmq_later_kick(struct rmq *rm)
{
	if (!loop_timer_active(&rm->later))
		loop_timer_start(&rm->later, 0);
}

struct later_op {
	STAILQ_ENTRY(later_op) link;
	struct op *op;
	int shard; /* -1: by topic or handle */
};

static void
go(struct rmq *rm, int shard, struct op **op)
{
	if (shard < 0)
		route_op(rm->router, op);
	else
		route_op_to(rm->router, (unsigned)shard, op);
}

static void
route(struct rmq *rm, int shard, struct op **opp)
{
	struct later_op *l;

	if (rm->in_fx == 0) {
		go(rm, shard, opp);
		return;
	}
	l = mem_zalloc(sizeof *l);
	TAKE_OBJ_NOTNULL(l->op, opp, OP_MAGIC);
	l->shard = shard;
	STAILQ_INSERT_TAIL(&rm->later_ops, l, link);
	rmq_later_kick(rm);
}

void
rmq_route(struct rmq *rm, struct op **op)
{
	route(rm, -1, op);
}

void
rmq_route_to(struct rmq *rm, unsigned shard, struct op **op)
{
	route(rm, (int)shard, op);
}

static void
on_later(void *priv)
{
	struct rmq *rm;
	struct later_op *l;

	CAST_OBJ_NOTNULL(rm, priv, RMQ_MAGIC);
	while ((l = STAILQ_FIRST(&rm->later_ops)) != NULL) {
		STAILQ_REMOVE_HEAD(&rm->later_ops, link);
		go(rm, l->shard, &l->op);
		mem_free(l);
	}
	rmq_outlets_run(rm);
	rmq_held_run(rm);
}

uint64_t
rmq_thing_add(struct rmq *rm, void *obj)
{
	if (umap_add(&rm->things, ++rm->id_seq, obj) != ERR_OK)
		WRONG("2^30 things of a front-end at a time");
	return rm->id_seq;
}

void
rmq_thing_del(struct rmq *rm, uint64_t number)
{
	AN(umap_del(&rm->things, number));
}

void
rmq_gauge(struct rmq *rm, enum metric m, int n)
{
	if (rm->conf.metrics != NULL)
		metrics_add(rm->conf.metrics, m, n);
}

unsigned
rmq_group_shard(const struct rmq *rm, struct str group)
{
	return (
	    unsigned)(hash_bytes(1, group.p, group.len) % rm->router->shards_n);
}

/* --- effects ---------------------------------------------------------------- */

static void
sink_receipt(void *priv, const struct fx_receipt *r)
{
	struct rmq *rm;

	CAST_OBJ_NOTNULL(rm, priv, RMQ_MAGIC);
	rm->in_fx++;
	outlet_receipt(rm, r);
	rm->in_fx--;
}

static void
sink_deliver(void *priv, const struct fx_deliver *d)
{
	(void)priv;
	(void)d;
	WRONG("nobody subscribes here");
}

/* What was opened for somebody who has gone. */
static void
orphan(struct rmq *rm, const struct fx *fx)
{
	struct op *op;

	if (fx->type == FX_LEASES)
		rmq_pop_orphan(rm, fx);
	if (fx->type != FX_PRODUCER_OPENED)
		return;
	op = rmq_op_new(rm, OP_PRODUCER_CLOSE, TAG_NONE, 0, 0);
	op->handle = fx->handle;
	rmq_route(rm, &op);
}

void
rmq_fx_give(struct rmq *rm, struct fx *fx)
{
	void *obj = umap_get(&rm->things, fx->dest.conn);

	if (obj == NULL) {
		orphan(rm, fx);
		return;
	}
	switch (fx->dest.tag) {
	case TAG_OUTLET:
		outlet_fx(obj, fx);
		break;
	case TAG_TOPIC:
		rmq_topic_fx(obj, fx);
		break;
	case TAG_PULL:
		rmq_pull_fx(obj, fx);
		break;
	case TAG_POP:
		rmq_pop_fx(obj, fx);
		break;
	case TAG_GROUP:
		rmq_gconf_fx(obj, fx);
		break;
	case TAG_JOB:
		rmq_job_fx(obj, fx);
		break;
	default:
		WRONG("an effect for nobody");
	}
}

static void
sink_fx(void *priv, struct fx *fx)
{
	struct rmq *rm;

	CAST_OBJ_NOTNULL(rm, priv, RMQ_MAGIC);
	CHECK_OBJ_NOTNULL(fx, FX_MAGIC);
	LOOP_ASSERT(rm->lp);
	rm->in_fx++;
	if (fx->type == FX_TOPIC_CHANGED)
		rmq_topics_changed(rm, fx);
	else if (fx->type == FX_STAGE_DUE)
		rmq_stage_due(rm, fx);
	else if (fx->dest.conn != 0 && !rmq_light_resolve(rm, &fx))
		rmq_fx_give(rm, fx);
	if (fx != NULL)
		fx_free(&fx);
	rm->in_fx--;
}

static const struct route_sink sink = {
	.receipt = sink_receipt,
	.deliver = sink_deliver,
	.fx = sink_fx,
};

/* --- life ------------------------------------------------------------------- */

static void
on_second(void *priv)
{
	struct rmq *rm;

	CAST_OBJ_NOTNULL(rm, priv, RMQ_MAGIC);
	rmq_rates_tick(rm);
	rmq_topics_tick(rm);
	rmq_stats_tick(rm);
	rmq_gconfs_tick(rm);
	rmq_groups_tick(rm);
	/* all shards have the same: one says it */
	if (rm->router->shard == 0 && rm->conf.metrics != NULL)
		metrics_set(
		    rm->conf.metrics, M_RMQ_PERMISSION, rm->conf.broker_perm);
	loop_timer_start(&rm->second, TICK_NS);
}

struct rmq *
rmq_new(struct net *net, struct router *router, const struct rmq_conf *conf)
{
	struct rmq *rm;

	CHECK_OBJ_NOTNULL(router, ROUTER_MAGIC);
	rmq_requests_check();
	rmq_gate_check();
	ALLOC_OBJ(rm, RMQ_MAGIC);
	rm->conf = *conf;
	rm->net = net;
	rm->lp = net_loop(net);
	rm->router = router;
	rm->port = conf->advertised_port;
	/* keys are names and numbers that peers choose */
	rm->seed = prot_random();
	umap_init(&rm->sessions, rm->seed, 1u << 24);
	umap_init(&rm->things, rm->seed, 1u << 30);
	map_init(&rm->topics, rm->seed, conf->topics_max);
	map_init(&rm->clients, rm->seed, 1u << 24);
	map_init(&rm->groups, rm->seed, conf->groups_max);
	rm->rates = mem_zalloc(sizeof *rm->rates);
	rmq_measure_init(rm);
	rmq_stats_init(rm);
	rmq_resets_init(rm);
	map_init(&rm->gconfs, rm->seed, conf->groups_max);
	LIST_INIT(&rm->starved);
	LIST_INIT(&rm->jobs);
	LIST_INIT(&rm->free_pulls);
	STAILQ_INIT(&rm->due);
	STAILQ_INIT(&rm->later_ops);
	STAILQ_INIT(&rm->outlets_due);
	rout_init(&rm->out, RMQ_HEAD_MAX);
	strbuf_init(&rm->text, RMQ_TEXT_MAX);
	rm->cc = (struct conn_conf){
		.frame_max = conf->frame_max,
		.tx_high = conf->out_high_bytes,
		.tx_low = conf->out_high_bytes / 4,
		.tx_hard = conf->out_hard_bytes,
		.pause_when_full = true,
		.frame_ms = conf->frame_ms,
		.frame_min_rate = conf->frame_min_rate,
	};
	rm->boot_ms = loop_wall_ms(rm->lp);
	loop_timer_init(&rm->later, rm->lp, on_later, rm);
	loop_timer_init(&rm->second, rm->lp, on_second, rm);
	loop_timer_start(&rm->second, TICK_NS);
	router->ops->attach(router, DEST_ROCKETMQ, &sink, rm);
	rmq_added_init(rm);
	rm->users = rmq_users_new(rm);
	rmq_config_load(rm);
	return rm;
}

void
rmq_free(struct rmq **rp)
{
	struct rmq *rm;
	struct later_op *l;

	TAKE_OBJ_NOTNULL(rm, rp, RMQ_MAGIC);
	AZ(rm->sessions.n);
	rm->router->ops->attach(rm->router, DEST_ROCKETMQ, NULL, NULL);
	rmq_held_free(rm, &rm->due);
	rmq_jobs_fini(rm);
	rmq_groups_fini(rm);
	rmq_topics_fini(rm);
	rmq_gconfs_fini(rm);
	while ((l = STAILQ_FIRST(&rm->later_ops)) != NULL) {
		STAILQ_REMOVE_HEAD(&rm->later_ops, link);
		op_free(&l->op);
		mem_free(l);
	}
	rmq_pulls_fini(rm);
	AZ(rm->things.n);
	loop_timer_fini(&rm->later);
	loop_timer_fini(&rm->second);
	umap_fini(&rm->sessions);
	umap_fini(&rm->things);
	map_fini(&rm->topics);
	map_fini(&rm->clients);
	map_fini(&rm->groups);
	map_fini(&rm->gconfs);
	rmq_resets_fini(rm);
	rmq_stats_fini(rm);
	mem_free(rm->rates);
	rmq_measure_fini(rm);
	rout_fini(&rm->out);
	mem_free(rm->scratch.p);
	strbuf_fini(&rm->text);
	if (rm->chunk != NULL)
		buf_unref(&rm->chunk);
	mem_free(rm->found);
	mem_free(rm->added);
	rmq_users_free(&rm->users);
	if (rm->plain != NULL)
		plain_set_free(&rm->plain);
	if (rm->tls != NULL)
		tls_ctx_unref(&rm->tls);
	FREE_OBJ(rm);
}

void
rmq_hang_up(struct rmq *rm)
{
	CHECK_OBJ_NOTNULL(rm, RMQ_MAGIC);
	LOOP_ASSERT(rm->lp);
	rm->draining = true;
	rmq_topics_fini(rm);
}

void
rmq_accept(void *priv, int fd, const struct sock_addr *peer)
{
	struct quota_pass pass;
	struct rmq *rm;

	CAST_OBJ_NOTNULL(rm, priv, RMQ_MAGIC);
	if (rm->draining)
		net_refuse(rm->net, fd, CLOSE_SHUTDOWN);
	else if (quota_enter(rm->conf.quota, peer, &pass) != QUOTA_FREE)
		net_refuse(rm->net, fd, CLOSE_LIMIT);
	else
		rmq_session_new(rm, fd, pass);
}

void
rmq_set_secrets(struct rmq *rm, struct secret_box *box)
{
	CHECK_OBJ_NOTNULL(rm, RMQ_MAGIC);
	rm->secrets = box;
}

void
rmq_set_tls(struct rmq *rm, enum rmq_tls_mode mode, struct tls_ctx *ctx)
{
	CHECK_OBJ_NOTNULL(rm, RMQ_MAGIC);
	assert((ctx != NULL) == (mode != RMQ_TLS_DISABLED));
	if (rm->tls != NULL)
		tls_ctx_unref(&rm->tls);
	rm->tls_mode = mode;
	if (ctx != NULL)
		rm->tls = tls_ctx_ref(ctx);
}

struct tls_ctx *
rmq_tls(const struct rmq *rm)
{
	CHECK_OBJ_NOTNULL(rm, RMQ_MAGIC);
	return rm->tls;
}

void
rmq_set_port(struct rmq *rm, unsigned port)
{
	CHECK_OBJ_NOTNULL(rm, RMQ_MAGIC);
	if (rm->conf.advertised_port == 0)
		rm->port = port;
}

void
rmq_drain(struct rmq *rm)
{
	struct rmq_session *s;
	size_t it;

	CHECK_OBJ_NOTNULL(rm, RMQ_MAGIC);
	LOOP_ASSERT(rm->lp);
	rm->draining = true;
	UMAP_FOREACH(s, &rm->sessions, it)
	{
		rmq_pulls_drain(s);
		rmq_pops_drain(s);
	}
	UMAP_FOREACH(s, &rm->sessions, it)
	if (s->requests_n == 0)
		rmq_session_close_flushed(s, CLOSE_SHUTDOWN);
}

bool
rmq_drain_done(const struct rmq *rm)
{
	const struct rmq_session *s;
	size_t it;

	CHECK_OBJ_NOTNULL(rm, RMQ_MAGIC);
	UMAP_FOREACH(s, &rm->sessions, it)
	if (s->pending_n > 0 || conn_tx_bytes(s->cn) > 0)
		return false;
	return true;
}

void
rmq_get_stats(const struct rmq *rm, struct rmq_stats *st)
{
	CHECK_OBJ_NOTNULL(rm, RMQ_MAGIC);
	*st = rm->st;
	st->sessions_n = rm->sessions.n;
	st->groups_n = rm->groups.n;
	st->topics_n = rm->topics.n;
}
