/* SPDX-License-Identifier: Apache-2.0 */
#include "core/core_priv.h"

struct probe {
	unsigned magic;
#define PROBE_MAGIC 0x940be001
	struct core *co;
	uint64_t id;
	struct timer timeout;
	probe_done_f *done;
	void *priv;
	TAILQ_ENTRY(probe) link;
};

static void
finish(struct probe *pb, bool alive)
{
	struct core *co = pb->co;
	probe_done_f *done = pb->done;
	void *priv = pb->priv;

	TAILQ_REMOVE(&co->probes, pb, link);
	timer_cancel(co->timers, &pb->timeout);
	FREE_OBJ(pb);
	done(co, priv, alive);
}

static void
timed_out(void *priv)
{
	struct probe *pb;

	CAST_OBJ_NOTNULL(pb, priv, PROBE_MAGIC);
	finish(pb, false);
}

void
probe_start(struct core *co, struct dest dest, probe_done_f *done, void *priv)
{
	struct probe *pb;
	struct fx *fx;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	ALLOC_OBJ(pb, PROBE_MAGIC);
	pb->co = co;
	pb->id = ++co->probe_seq;
	pb->done = done;
	pb->priv = priv;
	timer_init(&pb->timeout, timed_out, pb);
	timer_set(co->timers, &pb->timeout, co->now_ns + PROBE_TIMEOUT_NS);
	TAILQ_INSERT_TAIL(&co->probes, pb, link);
	fx = fx_new(FX_PROBE, dest);
	fx->u64 = pb->id;
	fx->u32 = co->conf.shard;
	core_emit(co, &fx);
}

void
probe_answered(struct core *co, struct op **opp)
{
	struct probe *pb;

	TAILQ_FOREACH(pb, &co->probes, link)
		if (pb->id == (*opp)->u64)
			break;
	if (pb != NULL)
		finish(pb, (*opp)->flag);
	op_free(opp);
}

void
probe_fini(struct core *co)
{
	struct probe *pb;

	while ((pb = TAILQ_FIRST(&co->probes)) != NULL)
		finish(pb, true);
}
