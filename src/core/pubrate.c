/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pubrate.h"
#include "core/topic_priv.h"

#define MS_NS INT64_C(1000000)
#define S_NS INT64_C(1000000000)

/* --- tokens ----------------------------------------------------------------------- */

static int64_t
now(const struct pubrate *th)
{
	return th->t->co->now_ns;
}

static bool
has(const struct pubrate *th)
{
	return bucket_has(&th->msgs, now(th)) &&
	    bucket_has(&th->bytes, now(th));
}

static void
take(struct pubrate *th, uint32_t messages_n, uint32_t bytes)
{
	bucket_take(&th->msgs, now(th), messages_n);
	bucket_take(&th->bytes, now(th), bytes);
}

/* --- telling ---------------------------------------------------------------------- */

static void
tell(struct producer *pr, bool throttled)
{
	struct fx *fx;

	pr->throttled = throttled;
	fx = fx_new(FX_PRODUCER_THROTTLED, pr->dest);
	fx->handle = pr->handle;
	fx->flag = throttled;
	core_emit(pr->t->co, &fx);
}

static void
throttle(struct pubrate *th, struct producer *pr)
{
	if (pr->throttled)
		return;
	TAILQ_INSERT_TAIL(&th->told, pr, throttle_link);
	th->t->throttled++;
	tell(pr, true);
}

void
pubrate_forget(struct producer *pr)
{
	if (!pr->throttled)
		return;
	TAILQ_REMOVE(&pr->t->pubrate->told, pr, throttle_link);
	pr->throttled = false;
}

/* --- time ------------------------------------------------------------------------- */

static void
set_timer(struct pubrate *th)
{
	int64_t a = bucket_wait(&th->msgs, now(th)),
		b = bucket_wait(&th->bytes, now(th)),
		due = now(th) + (a > b ? a : b);

	if (th->late.n > 0 && held_at(&th->late, 0)->until_ns < due)
		due = held_at(&th->late, 0)->until_ns;
	if (th->late.n > 0 || !TAILQ_EMPTY(&th->told))
		timer_set(th->t->co->timers, &th->timer, due);
	else
		timer_cancel(th->t->co->timers, &th->timer);
}

/* Those whose time is over fail, then as many go on as there are tokens. */
static void
run_late(struct pubrate *th)
{
	struct held_publish h;

	while (th->late.n > 0 && held_at(&th->late, 0)->until_ns <= now(th)) {
		h = held_pop(&th->late);
		publish_late(th->t, &h, ERR_THROTTLED);
	}
	while (th->late.n > 0 && has(th)) {
		h = held_pop(&th->late);
		if (h.pp.pr != NULL)
			take(th, h.attr.messages_n, h.body.len);
		publish_late(th->t, &h, ERR_OK);
	}
}

static void
release(struct pubrate *th, bool token)
{
	struct producer *pr, *next;

	TAILQ_FOREACH_SAFE(pr, &th->told, throttle_link, next) {
		if (pr->late ? th->late.n > 0 : !token)
			continue;
		TAILQ_REMOVE(&th->told, pr, throttle_link);
		tell(pr, false);
	}
}

static void
on_time(void *priv)
{
	struct pubrate *th;
	struct topic *t;
	bool token;

	CAST_OBJ_NOTNULL(th, priv, PUBRATE_MAGIC);
	t = th->t;
	topic_pin(t);
	/* late ones leave no token to those that were told */
	token = has(th);
	run_late(th);
	release(th, token);
	set_timer(th);
	topic_unpin(t);
}

/* --- publishes -------------------------------------------------------------------- */

bool
pubrate_publish(struct producer *pr, const struct pending_publish *pp,
    const struct core_publish *p)
{
	struct pubrate *th = pr->t->pubrate;

	CHECK_OBJ_NOTNULL(th, PUBRATE_MAGIC);
	if (pr->late && pr->t->name.persistent) {
		if (th->late.n == 0 && has(th)) {
			take(th, p->attr.messages_n, p->body.len);
			return false;
		}
		publish_hold(&th->late, pp, NULL, &p->attr, &p->body,
		    now(th) + PRODUCER_LATE_MS * MS_NS);
		throttle(th, pr);
		set_timer(th);
		return true;
	}
	take(th, p->attr.messages_n, p->body.len);
	if (has(th))
		return false;
	throttle(th, pr);
	set_timer(th);
	return false;
}

void
pubrate_end_late(struct topic *t, enum err e)
{
	struct pubrate *th = t->pubrate;
	struct held_publish h;

	while (pubrate_late_n(t) > 0) {
		h = held_pop(&th->late);
		publish_late(t, &h, e);
	}
}

/* --- life ------------------------------------------------------------------------- */

void
pubrate_update(struct topic *t)
{
	const struct limit_value *l = topic_limit(t, LIM_PUBLISH_RATE);
	struct pubrate *th = t->pubrate;

	if (th == NULL) {
		if (l->n <= 0 && l->bytes <= 0)
			return;
		ALLOC_OBJ(th, PUBRATE_MAGIC);
		th->t = t;
		timer_init(&th->timer, on_time, th);
		TAILQ_INIT(&th->told);
		t->pubrate = th;
	}
	bucket_set(&th->msgs, l->n, S_NS);
	bucket_set(&th->bytes, l->bytes, S_NS);
	on_time(th);
	if (l->n <= 0 && l->bytes <= 0)
		pubrate_free(t);
}

void
pubrate_free(struct topic *t)
{
	struct pubrate *th;

	if (t->pubrate == NULL)
		return;
	TAKE_OBJ_NOTNULL(th, &t->pubrate, PUBRATE_MAGIC);
	assert(TAILQ_EMPTY(&th->told));
	timer_cancel(t->co->timers, &th->timer);
	held_fini(&th->late);
	FREE_OBJ(th);
}
