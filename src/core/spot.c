/* SPDX-License-Identifier: Apache-2.0 */
/* Readers that stay where a read at an index has ended. */
#include "core/reads_priv.h"

/* of a shard; more are not kept when they have become idle */
#define IDLE_MAX 64u
#define IDLE_NS INT64_C(10000000000)

static void
unidle(struct spot *sp)
{
	struct core_reads *cr = sp->t->co->reads;

	CHECK_OBJ_NOTNULL(sp, SPOT_MAGIC);
	AZ(sp->user);
	TAILQ_REMOVE(&cr->idle, sp, idle);
	AN(cr->idle_n);
	cr->idle_n--;
}

static void
spot_free(struct spot **spp)
{
	struct spot *sp;
	struct reads *rs;

	TAKE_OBJ_NOTNULL(sp, spp, SPOT_MAGIC);
	rs = sp->t->reads;
	if (sp->user == NULL)
		unidle(sp);
	reader_free(&sp->rd);
	TAILQ_REMOVE(&rs->spots, sp, link);
	rs->spots_n--;
	FREE_OBJ(sp);
}

static void
idle_over(void *priv)
{
	struct core *co;
	struct core_reads *cr;
	struct spot *sp;

	CAST_OBJ_NOTNULL(co, priv, CORE_MAGIC);
	cr = co->reads;
	while ((sp = TAILQ_FIRST(&cr->idle)) != NULL &&
	    sp->idle_ns + IDLE_NS <= co->now_ns)
		spot_free(&sp);
	if (sp != NULL)
		timer_set(co->timers, &cr->idle_timer, sp->idle_ns + IDLE_NS);
}

void
spots_init(struct core *co)
{
	TAILQ_INIT(&co->reads->idle);
	timer_init(&co->reads->idle_timer, idle_over, co);
}

static void
woken(void *priv)
{
	struct spot *sp;

	CAST_OBJ_NOTNULL(sp, priv, SPOT_MAGIC);
	/* idle: its user was dropped while it read */
	if (sp->user != NULL)
		reading_woken(sp->user);
}

struct spot *
spot_at(struct topic *t, uint64_t index, struct reading *user)
{
	struct spot *sp;

	TAILQ_FOREACH(sp, &t->reads->spots, link)
		if (sp->user == NULL && sp->at.index == index) {
			unidle(sp);
			sp->user = user;
			return sp;
		}
	return NULL;
}

struct spot *
spot_get(struct topic *t, const struct place *at, struct reading *user)
{
	struct reads *rs = t->reads;
	struct spot *sp, *old = NULL;

	if (rs->spots_n < SPOTS_MAX) {
		ALLOC_OBJ(sp, SPOT_MAGIC);
		sp->t = t;
		sp->user = user;
		sp->rd = reader_new(t, at->pos, woken, sp);
		TAILQ_INSERT_HEAD(&rs->spots, sp, link);
		rs->spots_n++;
		return sp;
	}
	TAILQ_FOREACH(sp, &rs->spots, link)
		if (sp->user == NULL &&
		    (old == NULL || sp->idle_ns < old->idle_ns))
			old = sp;
	if (old == NULL)
		return NULL;
	unidle(old);
	old->user = user;
	reader_seek(old->rd, at->pos);
	return old;
}

void
spot_put(struct spot **spp, const struct place *at)
{
	struct spot *sp;
	struct core *co;
	struct core_reads *cr;

	TAKE_OBJ_NOTNULL(sp, spp, SPOT_MAGIC);
	co = sp->t->co;
	cr = co->reads;
	AN(sp->user);
	sp->user = NULL;
	sp->at = *at;
	sp->idle_ns = co->now_ns;
	TAILQ_INSERT_TAIL(&cr->idle, sp, idle);
	if (++cr->idle_n > IDLE_MAX) {
		sp = TAILQ_FIRST(&cr->idle);
		spot_free(&sp);
	}
	if (!timer_is_set(&cr->idle_timer))
		timer_set(co->timers, &cr->idle_timer, co->now_ns + IDLE_NS);
}

void
spot_end(struct spot **spp)
{
	AN((*spp)->user);
	spot_free(spp);
}

void
spots_free(struct topic *t)
{
	struct spot *sp;

	while ((sp = TAILQ_FIRST(&t->reads->spots)) != NULL)
		spot_free(&sp);
}
