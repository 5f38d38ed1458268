/* SPDX-License-Identifier: Apache-2.0 */
/* Topics of a shard: found, kept, looked through, freed. */
#include "core/reads.h"
#include "core/delay.h"
#include "core/sub_priv.h"
#include "core/pace.h"
#include "core/pubrate.h"
#include "core/subrate.h"
#include "core/topic_priv.h"

#define MS_NS INT64_C(1000000)

/* --- life --------------------------------------------------------------------- */

static void idle(void *priv);

struct topic *
topic_new(struct core *co, struct topic_name *tn)
{
	struct topic *t;

	ALLOC_OBJ(t, TOPIC_MAGIC);
	t->co = co;
	t->name = *tn;
	memset(tn, 0, sizeof *tn);
	t->state = TOPIC_LOADING;
	STAILQ_INIT(&t->waiters);
	LIST_INIT(&t->producers);
	TAILQ_INIT(&t->subs);
	t->last_active_ns = co->now_ns;
	t->created_ms = co->now_ms;
	policy_init(&t->policy, &co->conf);
	timer_init(&t->idle_timer, idle, t);
	tlog_init(t);
	AZ(map_add(co->topics, t->name.full.p, t->name.full.len, t));
	co->topics_n++;
	return t;
}

static void
destroy(struct topic *t)
{
	AZ(t->pins);
	assert(LIST_EMPTY(&t->producers));
	assert(TAILQ_EMPTY(&t->subs));
	assert(STAILQ_EMPTY(&t->waiters));
	AZ(t->load);
	AZ(t->close);
	timer_cancel(t->co->timers, &t->idle_timer);
	reads_drop(t);
	claims_fini(t);
	delay_free(t);
	reserve_fini(t);
	publish_fini(t);
	tlog_fini(t);
	topic_props_fini(t);
	topic_own_fini(&t->own);
	policy_fini(&t->policy);
	pubrate_free(t);
	pace_free(&t->pace);
	subrate_free(t);
	topic_name_fini(&t->name);
	AN(t->co->topics_n);
	t->co->topics_n--;
	FREE_OBJ(t);
}

void
topic_pin(struct topic *t)
{
	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	t->pins++;
	AN(t->pins);
}

void
topic_unpin(struct topic *t)
{
	struct core *co = t->co;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	AN(t->pins);
	if (--t->pins == 0 && t->state == TOPIC_GONE) {
		destroy(t);
		core_check_drained(co);
	}
}

void
topic_leave(struct topic *t)
{
	struct core *co = t->co;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	assert(t->state != TOPIC_GONE);
	assert(map_del(co->topics, t->name.full.p, t->name.full.len) == t);
	timer_cancel(co->timers, &t->idle_timer);
	t->state = TOPIC_GONE;
	if (t->pins == 0)
		destroy(t);
	core_check_drained(co);
}

void
topics_free(struct core *co)
{
	struct topic *t;
	struct producer *pr;
	struct sub *s;

	while ((t = map_pop(co->topics)) != NULL) {
		/* what waited for it finds that it has gone */
		t->state = TOPIC_CLOSING;
		topic_load_drop(t);
		topic_close_drop(t);
		while ((pr = LIST_FIRST(&t->producers)) != NULL)
			producer_close(pr, ERR_OK);
		t->pins++;
		while ((s = TAILQ_FIRST(&t->subs)) != NULL)
			sub_free(&s);
		reads_drop(t);
		tlog_finds_end(t, ERR_CLOSED, true);
		readers_end(t);
		tlog_release(t, false);
		t->state = TOPIC_GONE;
		t->pins = 0; /* nobody answers any more */
		destroy(t);
	}
}

/* --- finding -------------------------------------------------------------------- */

struct topic *
topic_find(struct core *co, struct str full)
{
	struct topic *t;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	t = map_get(co->topics, full.p, full.len);
	return t != NULL && t->state == TOPIC_READY ? t : NULL;
}

void
topic_with(
    struct core *co, struct op **opp, enum topic_create create, topic_go_f *go)
{
	struct topic_name tn;
	struct topic *t;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	if (co->draining) {
		core_answer(co, opp, ERR_NOT_READY, "Broker is shutting down");
		return;
	}
	t = map_get(co->topics, (*opp)->topic.p, (*opp)->topic.len);
	if (t == NULL) {
		if (topic_name_parse(&tn, (*opp)->topic) != ERR_OK) {
			core_answer(co, opp, ERR_INVALID_NAME, NULL);
			return;
		}
		t = topic_new(co, &tn);
		topic_load_wait(t, opp, create, go);
		topic_load_start(t);
		return;
	}
	switch (t->state) {
	case TOPIC_READY:
		go(t, opp);
		break;
	case TOPIC_LOADING:
		topic_load_wait(t, opp, create, go);
		break;
	default:
		core_answer(
		    co, opp, ERR_NOT_READY, "Topic is temporarily unavailable");
		break;
	}
}

/* --- what goes on ----------------------------------------------------------------- */

void
topic_touch(struct topic *t)
{
	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	t->last_active_ns = t->co->now_ns;
}

void
topic_notify(struct topic *t)
{
	struct sub *s;

	TAILQ_FOREACH(s, &t->subs, link)
		sub_kick(s);
	reads_notify(t);
}

void
topic_disconnect(struct topic *t, enum err why)
{
	struct producer *pr;
	struct sub *s, *next;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	while ((pr = LIST_FIRST(&t->producers)) != NULL)
		producer_close(pr, why);
	topic_pin(t);
	for (s = TAILQ_FIRST(&t->subs); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		sub_disconnect(s, why);
	}
	topic_unpin(t);
}

void
topic_changed(struct core *co, struct str name, bool created)
{
	struct fx *fx;

	fx = fx_new(FX_TOPIC_CHANGED,
	    (struct dest){
		.shard = (uint16_t)co->conf.shard, .kind = DEST_INTERNAL });
	fx->text = fx_str(fx, name);
	fx->flag = created;
	core_emit(co, &fx);
}

/* --- idle ---------------------------------------------------------------------------- */

/* How long nothing may happen before it goes. */
static int64_t
idle_ns(const struct topic *t)
{
	const struct core_conf *conf = &t->co->conf;
	int64_t ms = conf->idle_unload_ms;

	if (conf->delete_inactive && topic_is_unused(t))
		ms = conf->inactive_ms;
	return (ms > 0 ? ms : 1) * MS_NS;
}

/* When to look again: what it is then is not known now. */
static int64_t
look_ns(const struct topic *t)
{
	const struct core_conf *conf = &t->co->conf;
	int64_t ms = conf->idle_unload_ms;

	if (conf->delete_inactive && conf->inactive_ms < ms)
		ms = conf->inactive_ms;
	return (ms > 0 ? ms : 1) * MS_NS;
}

void
topic_idle_start(struct topic *t)
{
	topic_touch(t);
	timer_set(t->co->timers, &t->idle_timer, t->co->now_ns + look_ns(t));
}

static void
idle(void *priv)
{
	struct core *co;
	struct topic *t;
	int64_t due, look;

	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	co = t->co;
	if (t->state != TOPIC_READY)
		return;
	if (!topic_is_idle(t))
		t->last_active_ns = co->now_ns;
	due = t->last_active_ns + idle_ns(t);
	look = co->now_ns + look_ns(t);
	if (due > co->now_ns)
		timer_set(co->timers, &t->idle_timer, due < look ? due : look);
	else if (co->conf.delete_inactive && topic_is_unused(t))
		topic_delete_unused(t);
	else
		topic_unload(t, NULL, ERR_NOT_READY);
}

/* --- every minute -------------------------------------------------------------------- */

void
topics_tick(struct core *co, double seconds)
{
	struct topic *t, **v;
	size_t it, n = 0, i;

	/* what is done to a topic may end it */
	v = mem_calloc(co->topics->n, sizeof *v);
	MAP_FOREACH(t, co->topics, it)
		if (t->state == TOPIC_READY) {
			topic_pin(t);
			v[n++] = t;
		}
	for (i = 0; i < n; i++) {
		t = v[i];
		topic_rates(t, seconds);
		if (t->state == TOPIC_READY && t->name.persistent) {
			tlog_check_roll(t);
			topic_trim(t);
		}
		topic_unpin(t);
	}
	mem_free(v);
}

void
topics_close_all(struct core *co)
{
	struct topic *t, **v;
	size_t it, n = 0, i;

	v = mem_calloc(co->topics->n, sizeof *v);
	MAP_FOREACH(t, co->topics, it) {
		topic_pin(t);
		v[n++] = t;
	}
	for (i = 0; i < n; i++) {
		/* one that loads is closed when it is ready */
		if (v[i]->state == TOPIC_READY)
			topic_unload(v[i], NULL, ERR_NOT_READY);
		topic_unpin(v[i]);
	}
	mem_free(v);
}
