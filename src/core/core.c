/* SPDX-License-Identifier: Apache-2.0 */
/* One shard's core: handles, time, who gets which op, what engines tell it. */
#include "core/admin.h"
#include "core/authz_priv.h"
#include "core/core_priv.h"
#include "core/cursor.h"
#include "core/reads.h"
#include "core/due.h"
#include "core/pubrate.h"
#include "core/stage.h"
#include "core/sweep.h"
#include "core/topic_priv.h"

#define TOPICS_MAX (1u << 28)
#define TIMERS_PER_POLL 1024u
#define RUNS_PER_POLL 256u
#define MS_NS INT64_C(1000000)
/* wall time that went on by itself: less is noticed as slowly as time drifts */
#define JUMP_MS 20
#define TICK_NS INT64_C(60000000000)

/* --- handles ---------------------------------------------------------------- */

/* shard (8 bits), generation (24), slot (32). A slot that was freed goes to the
 * end of the free list, so that a generation comes again as late as possible. */
struct slot {
	void *obj; /* NULL: free */
	uint32_t gen;
	uint32_t next; /* free: the next one, slots->n at the end */
};

struct slots {
	struct slot *v;
	uint32_t n, cap;
	uint32_t free_head, free_tail, free_n;
};

#define SLOT_NONE UINT32_MAX
#define GEN_MASK 0xffffffu

static uint32_t
slot_take(struct slots *sl)
{
	uint32_t i;

	/* some distance between two lives of a slot */
	if (sl->free_n > 1024 || (sl->free_n > 0 && sl->n >= SLOT_NONE - 1)) {
		i = sl->free_head;
		sl->free_head = sl->v[i].next;
		if (--sl->free_n == 0)
			sl->free_tail = SLOT_NONE;
		return i;
	}
	if (sl->n == sl->cap) {
		sl->cap = sl->cap == 0 ? 64 : sl->cap * 2;
		sl->v = mem_reallocarray(sl->v, sl->cap, sizeof *sl->v);
	}
	i = sl->n++;
	sl->v[i] = (struct slot){ NULL, 0, SLOT_NONE };
	return i;
}

uint64_t
core_handle_add(struct core *co, void *obj)
{
	struct slots *sl;
	struct slot *s;
	uint32_t i;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	AN(obj);
	sl = co->handles;
	i = slot_take(sl);
	s = &sl->v[i];
	s->obj = obj;
	s->gen = (s->gen + 1) & GEN_MASK;
	if (s->gen == 0)
		s->gen = 1;
	return (uint64_t)co->conf.shard << 56 | (uint64_t)s->gen << 32 | i;
}

static struct slot *
slot_get(const struct core *co, uint64_t handle)
{
	const struct slots *sl = co->handles;
	uint32_t i = (uint32_t)handle;

	if (HANDLE_SHARD(handle) != co->conf.shard || i >= sl->n ||
	    sl->v[i].gen != ((handle >> 32) & GEN_MASK))
		return NULL;
	return &sl->v[i];
}

void *
core_handle_get(const struct core *co, uint64_t handle)
{
	struct slot *s = slot_get(co, handle);

	return s != NULL ? s->obj : NULL;
}

void
core_handle_del(struct core *co, uint64_t handle)
{
	struct slots *sl = co->handles;
	struct slot *s = slot_get(co, handle);
	uint32_t i = (uint32_t)handle;

	AN(s);
	AN(s->obj);
	s->obj = NULL;
	s->next = SLOT_NONE;
	if (sl->free_n++ == 0)
		sl->free_head = i;
	else
		sl->v[sl->free_tail].next = i;
	sl->free_tail = i;
}

static struct producer *
producer_get(const struct core *co, uint64_t handle)
{
	struct producer *pr = core_handle_get(co, handle);

	return pr != NULL && pr->magic == PRODUCER_MAGIC ? pr : NULL;
}

static struct consumer *
consumer_get(const struct core *co, uint64_t handle)
{
	struct consumer *c = core_handle_get(co, handle);

	return c != NULL && c->magic == CONSUMER_MAGIC ? c : NULL;
}

/* --- life ---------------------------------------------------------------------- */

static void
tick(void *priv)
{
	struct core *co = priv;

	topics_tick(co, (double)(co->now_ns - co->tick_ns) / 1e9);
	co->tick_ns = co->now_ns;
	timer_set(co->timers, &co->tick, co->now_ns + TICK_NS);
}

static void
stage_boot(void *priv)
{
	stages_boot(priv);
}

struct core *
core_new(const struct core_conf *conf, const struct core_out *out,
    void *out_priv, struct meta *meta)
{
	struct core *co;

	assert(conf->shards_n > 0 && conf->shard < conf->shards_n);
	assert(conf->shards_n <= 256);
	CHECK_OBJ_NOTNULL(meta, META_MAGIC);
	ALLOC_OBJ(co, CORE_MAGIC);
	co->conf = *conf;
	co->conf.cluster = mem_strdup(conf->cluster);
	co->out = out;
	co->out_priv = out_priv;
	co->meta = co->due_meta = meta;
	LIST_INIT(&co->dues);
	co->timers = timers_new();
	co->topics = mem_zalloc(sizeof *co->topics);
	map_init(co->topics, conf->hash_seed, TOPICS_MAX);
	co->handles = mem_zalloc(sizeof *co->handles);
	co->handles->free_head = co->handles->free_tail = SLOT_NONE;
	TAILQ_INIT(&co->ready);
	lease_pool_init(&co->leases);
	TAILQ_INIT(&co->probes);
	LIST_INIT(&co->admins);
	core_reads_init(co);
	timer_init(&co->tick, tick, co);
	part_init(&co->pub, co->conf.pubtotal, co->conf.publish_msgs,
	    co->conf.publish_bytes);
	LIST_INIT(&co->stages);
	timer_init(&co->stage_boot, stage_boot, co);
	co->sweep = sweep_new(co);
	co->authz = authz_new(conf->hash_seed);
	return co;
}

void
core_set_ledgers(struct core *co, struct ledgers *lgs)
{
	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	CHECK_OBJ_NOTNULL(lgs, LEDGERS_MAGIC);
	co->ledgers = lgs;
}

void
core_set_due(struct core *co, struct meta *m)
{
	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	CHECK_OBJ_NOTNULL(m, META_MAGIC);
	assert(LIST_EMPTY(&co->dues));
	co->due_meta = m;
}

/* The engine is still there and answers nothing any more. */
void
core_free(struct core **cop)
{
	struct core *co;

	TAKE_OBJ_NOTNULL(co, cop, CORE_MAGIC);
	probe_fini(co);
	stages_stop(co);
	topics_free(co);
	admins_free(co);
	stages_free(co);
	dues_free(co);
	assert(TAILQ_EMPTY(&co->ready));
	core_reads_fini(co);
	mem_free(co->picks);
	lease_pool_fini(&co->leases);
	sweep_free(&co->sweep);
	authz_free(&co->authz);
	timer_cancel(co->timers, &co->tick);
	timers_free(&co->timers);
	map_fini(co->topics);
	mem_free(co->topics);
	mem_free(co->handles->v);
	mem_free(co->handles);
	mem_free((void *)(uintptr_t)co->conf.cluster);
	FREE_OBJ(co);
}

/* What is being appended when it is due is to be acknowledged where it was
 * staged, or it would be appended again. */
static void
close_topics(struct core *co)
{
	if (!stages_idle(co))
		return;
	co->closing = true;
	if (co->topics_n == 0)
		core_check_drained(co);
	else
		topics_close_all(co);
}

/* --- time ------------------------------------------------------------------------ */

void
core_set_time(struct core *co, int64_t now_wall_ms, int64_t now_mono_ns)
{
	int64_t ahead;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	if (co->boot_ms == 0) {
		co->boot_ms = now_wall_ms;
		co->tick_ns = now_mono_ns;
		timer_set(co->timers, &co->stage_boot, now_mono_ns);
		timer_set(co->timers, &co->tick, now_mono_ns + TICK_NS);
		co->now_ns = now_mono_ns;
		sweep_start(co->sweep);
	}
	co->now_ms = now_wall_ms;
	co->now_ns = now_mono_ns;
	ahead = now_wall_ms - now_mono_ns / MS_NS;
	if (ahead > co->wall_ahead_ms + JUMP_MS ||
	    ahead < co->wall_ahead_ms - JUMP_MS) {
		co->wall_ahead_ms = ahead;
		due_clock_jumped(co);
	}
}

int64_t
core_poll(struct core *co, int64_t now_wall_ms, int64_t now_mono_ns)
{
	struct sub *s;
	unsigned n;

	core_set_time(co, now_wall_ms, now_mono_ns);
	(void)timers_run(co->timers, now_mono_ns, TIMERS_PER_POLL);
	for (n = 0; n < RUNS_PER_POLL; n++) {
		s = TAILQ_FIRST(&co->ready);
		if (s == NULL)
			break;
		CHECK_OBJ_NOTNULL(s, SUB_MAGIC);
		TAILQ_REMOVE(&co->ready, s, ready_link);
		s->is_ready = false;
		if (sub_run(s))
			sub_kick(s);
	}
	(void)stages_run(co);
	if (co->draining && !co->closing)
		close_topics(co);
	/* a dispatcher may have set a timer */
	return core_due(co);
}

int64_t
core_due(const struct core *co)
{
	int64_t due;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	if (!TAILQ_EMPTY(&co->ready) || stages_ready(co))
		return 0;
	due = timers_run(co->timers, co->now_ns, 0);
	if (due == INT64_MAX)
		return -1;
	return due > co->now_ns ? due - co->now_ns : 0;
}

/* --- answers ------------------------------------------------------------------------ */

/* What answers an op of this core's own. */
void
core_own_answer(struct core *co, struct fx **fxp)
{
	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	stage_answered(co, *fxp);
	sweep_answered(co->sweep, *fxp);
	authz_answered(co, *fxp);
	fx_free(fxp);
}

void
core_emit(struct core *co, struct fx **fxp)
{
	struct fx *fx = *fxp;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	CHECK_OBJ_NOTNULL(fx, FX_MAGIC);
	*fxp = NULL;
	if (fx->dest.kind == DEST_INTERNAL && fx->type != FX_TOPIC_CHANGED &&
	    fx->type != FX_AUTHZ_CHANGED && fx->dest.shard == co->conf.shard)
		core_own_answer(co, &fx);
	else
		co->out->fx(co->out_priv, fx);
}

struct fx *
core_answer_new(struct core *co, const struct op *op, enum fx_type type)
{
	struct fx *fx;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	CHECK_OBJ_NOTNULL(op, OP_MAGIC);
	fx = fx_new(type, op->dest);
	fx->op = op->type;
	fx->req = op->req;
	fx->handle = op->handle;
	return fx;
}

void
core_answer(struct core *co, struct op **opp, enum err e, const char *diag)
{
	struct fx *fx = core_answer_new(co, *opp, FX_DONE);

	fx->err = e;
	if (diag != NULL)
		(void)snprintf(fx->diag, sizeof fx->diag, "%s", diag);
	op_free(opp);
	core_emit(co, &fx);
}

/* --- hot operations ------------------------------------------------------------------ */

void
core_publish(struct core *co, const struct core_publish *p)
{
	struct producer *pr;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	pr = producer_get(co, p->producer);
	if (pr != NULL)
		producer_publish(pr, p);
}

void
core_flow(struct core *co, uint64_t handle, uint32_t permits)
{
	struct consumer *c;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	c = consumer_get(co, handle);
	if (c != NULL)
		consumer_flow(c, permits);
}

void
core_block(struct core *co, uint64_t handle, bool blocked)
{
	struct consumer *c;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	c = consumer_get(co, handle);
	if (c != NULL)
		consumer_block(c, blocked);
}

void
core_ack(struct core *co, const struct core_ack *a)
{
	struct consumer *c;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	c = consumer_get(co, a->consumer);
	if (c != NULL)
		consumer_ack(c, a);
}

/* --- everything else -------------------------------------------------------------------- */

static void
op_producer_close(struct core *co, struct op **opp)
{
	struct producer *pr = producer_get(co, (*opp)->handle);

	if (pr != NULL)
		producer_close_op(pr, opp);
	else
		core_answer(co, opp, ERR_OK, NULL);
}

/* Pulsar's ServerCnx answers these for a consumer that it doesn't know. */
static void
op_consumer(struct core *co, struct op **opp)
{
	struct consumer *c = consumer_get(co, (*opp)->handle);

	if (c != NULL) {
		consumer_op(c, opp);
		return;
	}
	switch ((*opp)->type) {
	case OP_CONSUMER_CLOSE:
		core_answer(co, opp, ERR_OK, NULL);
		break;
	case OP_REDELIVER:
		op_free(opp);
		break;
	case OP_CONSUMER_STATS:
		core_answer(co, opp, ERR_NO_CONSUMER, "Consumer not found");
		break;
	default:
		core_answer(co, opp, ERR_METADATA, "Consumer not found");
		break;
	}
}

static void
op_hot(struct core *co, struct op **opp)
{
	(void)co;
	(void)opp;
	WRONG("a hot operation is unpacked by the router");
}

static core_op_f *const table[OP_TYPES_N] = {
	[OP_TOPIC_META] = admin_op,
	[OP_TOPIC_TOUCH] = topic_op,
	[OP_PRODUCER_OPEN] = topic_op,
	[OP_PRODUCER_CLOSE] = op_producer_close,
	[OP_SUBSCRIBE] = topic_op,
	[OP_CONSUMER_CLOSE] = op_consumer,
	[OP_UNSUBSCRIBE] = op_consumer,
	[OP_REDELIVER] = op_consumer,
	[OP_SEEK] = op_consumer,
	[OP_LAST_ID] = op_consumer,
	[OP_CONSUMER_STATS] = op_consumer,
	[OP_PROBED] = probe_answered,
	[OP_PUBLISH] = op_hot,
	[OP_FLOW] = op_hot,
	[OP_BLOCK] = op_hot,
	[OP_ACK] = op_hot,
	[OP_CLUSTER_LIST] = admin_op,
	[OP_CLUSTER_GET] = admin_op,
	[OP_TENANT_LIST] = admin_op,
	[OP_TENANT_GET] = admin_op,
	[OP_TENANT_PUT] = admin_op,
	[OP_TENANT_DELETE] = admin_op,
	[OP_NS_LIST] = admin_op,
	[OP_NS_GET] = admin_op,
	[OP_NS_PUT] = admin_op,
	[OP_NS_DELETE] = admin_op,
	[OP_NS_REFRESH] = admin_op,
	[OP_NS_PATCH] = admin_op,
	[OP_TENANT_REFRESH] = admin_op,
	[OP_ROLE_PATCH] = admin_op,
	[OP_ROLE_DELETE] = admin_op,
	[OP_ROLE_KEY] = admin_op,
	[OP_ROLE_REFRESH] = admin_op,
	[OP_TOPIC_LIST] = admin_op,
	[OP_PARTITIONED_LIST] = admin_op,
	[OP_TOPIC_CREATE] = topic_op,
	[OP_PARTITIONED_CREATE] = admin_op,
	[OP_PARTITIONED_UPDATE] = admin_op,
	[OP_PARTITIONED_DELETE] = admin_op,
	[OP_TOPIC_DELETE] = topic_op,
	[OP_TOPIC_UNLOAD] = topic_op,
	[OP_TOPIC_TERMINATE] = topic_op,
	[OP_TOPIC_LAST_ID] = topic_op,
	[OP_TOPIC_STATS] = topic_op,
	[OP_SUB_LIST] = topic_op,
	[OP_SUB_CREATE] = topic_op,
	[OP_SUB_DELETE] = topic_op,
	[OP_SUB_SKIP] = topic_op,
	[OP_SUB_RESET] = topic_op,
	[OP_SUB_EXPIRE] = topic_op,
	[OP_SUB_PEEK] = topic_op,
	[OP_READ] = topic_op,
	[OP_READ_AT] = topic_op,
	[OP_READ_CANCEL] = read_cancel,
	[OP_CURSOR_GET] = topic_op,
	[OP_CURSOR_SET] = topic_op,
	[OP_CURSOR_CLAIM] = topic_op,
	[OP_LEASE] = topic_op,
	[OP_LEASE_END] = topic_op,
	[OP_LEASE_EXTEND] = topic_op,
	[OP_INDEX_AT_TIME] = topic_op,
	[OP_RANGE] = topic_op,
	[OP_QUERY] = topic_op,
	[OP_LOCATE] = locate_op,
	[OP_TOPIC_PROPS_SET] = topic_props_op,
	[OP_STATS_WALK] = admin_op,
	[OP_DOC_GET] = admin_op,
	[OP_DOC_PUT] = admin_op,
	[OP_DOC_DELETE] = admin_op,
	[OP_DOC_LIST] = admin_op,
	[OP_SUB_FIND] = admin_op,
	[OP_STAGE] = stage_op,
	[OP_STAGE_RESOLVE] = stage_op,
	[OP_STAGE_AGAIN] = stage_op,
	[OP_STAGE_GET] = stage_op,
	[OP_STAGE_RECALL] = stage_op,
	[OP_STAGE_COUNT] = stage_op,
	[OP_RESERVE] = topic_op,
	[OP_FILL] = topic_op,
};

void
core_op(struct core *co, struct op **opp)
{
	struct op *op = *opp;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	CHECK_OBJ_NOTNULL(op, OP_MAGIC);
	assert(op->type < OP_TYPES_N);
	AN(table[op->type]);
	AN(co->ledgers);
	table[op->type](co, opp);
	AZ(*opp);
}

/* --- shutdown ------------------------------------------------------------------------------- */

static void
flushed(void *priv)
{
	struct core *co = priv;
	void (*done)(void *) = co->drained;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	co->drained = NULL;
	if (done != NULL)
		done(co->drained_priv);
}

void
core_check_drained(struct core *co)
{
	if (co->closing && co->drained != NULL && co->topics_n == 0 &&
	    LIST_EMPTY(&co->admins))
		co->ledgers->ops->flush(co->ledgers, flushed, co);
}

void
core_drain(struct core *co, void (*done)(void *priv), void *priv)
{
	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	assert(!co->draining);
	co->draining = true;
	co->drained = done;
	co->drained_priv = priv;
	close_topics(co);
}

/* --- the engine ------------------------------------------------------------------------------- */

static void
space(void *client, bool ok)
{
	struct core *co;

	CAST_OBJ_NOTNULL(co, client, CORE_MAGIC);
	co->no_space = !ok;
}

const struct ledger_client_ops core_ledger_client = {
	.ledger_opened = tlog_ledger_opened,
	.appended = tlog_ledger_appended,
	.journal_opened = cursor_journal_opened,
	.journal_done = cursor_journal_done,
	.journal_snapshot = cursor_journal_snapshot,
	.ledger_closed = tlog_ledger_closed,
	.space = space,
};
