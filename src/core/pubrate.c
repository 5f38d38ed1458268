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
part_is_on(const struct pubpart *pp)
{
	return pp->msgs.rate > 0 || pp->bytes.rate > 0;
}

/* ns until the broker has tokens; 0: it has. */
static int64_t
part_wait(const struct pubpart *pp, int64_t now_ns)
{
	int64_t a, b;

	if (!part_is_on(pp))
		return 0;
	a = bucket_wait_at(
	    &pp->msgs, bucket_shared_full(&pp->total->msgs), now_ns);
	b = bucket_wait_at(
	    &pp->bytes, bucket_shared_full(&pp->total->bytes), now_ns);
	return a > b ? a : b;
}

/* The same of the topic's. */
static int64_t
own_wait(const struct pubrate *th)
{
	int64_t a = bucket_wait(&th->msgs, now(th)),
		b = bucket_wait(&th->bytes, now(th));

	return a > b ? a : b;
}

static bool
has(const struct pubrate *th)
{
	return own_wait(th) == 0 && part_wait(&th->t->co->pub, now(th)) == 0;
}

static void
take(struct pubrate *th, uint32_t messages_n, uint32_t bytes)
{
	struct pubpart *pp = &th->t->co->pub;

	bucket_take(&th->msgs, now(th), messages_n);
	bucket_take(&th->bytes, now(th), bytes);
	bucket_shared_take(&pp->total->msgs, &pp->msgs, now(th), messages_n);
	bucket_shared_take(&pp->total->bytes, &pp->bytes, now(th), bytes);
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
line_leave(struct pubrate *th)
{
	if (th->in_line)
		TAILQ_REMOVE(&th->t->co->pub.line, th, link);
	th->in_line = false;
}

static void
line_join(struct pubrate *th)
{
	struct core *co = th->t->co;

	if (th->in_line)
		return;
	th->in_line = true;
	TAILQ_INSERT_TAIL(&co->pub.line, th, link);
	if (!timer_is_set(&co->pub.timer))
		timer_set(co->timers, &co->pub.timer,
		    co->now_ns + part_wait(&co->pub, co->now_ns));
}

/* Who waits does so for the topic's tokens, by its timer, then for the broker's, in
 * line; or until it is too late. */
static void
set_timer(struct pubrate *th)
{
	struct timers *timers = th->t->co->timers;
	bool waits = th->late.n > 0 || !TAILQ_EMPTY(&th->told);
	int64_t own = own_wait(th), due = INT64_MAX;

	if (waits && own == 0)
		line_join(th);
	else
		line_leave(th);
	if (waits && own > 0)
		due = now(th) + own;
	if (th->late.n > 0 && held_at(&th->late, 0)->until_ns < due)
		due = held_at(&th->late, 0)->until_ns;
	if (due < INT64_MAX)
		timer_set(timers, &th->timer, due);
	else
		timer_cancel(timers, &th->timer);
}

/* Those whose time is over fail, then up to max go on, as many as there are tokens. */
static void
run_late(struct pubrate *th, uint32_t max)
{
	struct held_publish h;

	while (th->late.n > 0 && held_at(&th->late, 0)->until_ns <= now(th)) {
		h = held_pop(&th->late);
		publish_late(th->t, &h, ERR_THROTTLED);
	}
	for (; th->late.n > 0 && max > 0 && has(th); max--) {
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
turn(struct pubrate *th, uint32_t max)
{
	struct topic *t = th->t;
	bool token;

	topic_pin(t);
	/* late ones leave no token to those that were told */
	token = has(th);
	run_late(th, max);
	release(th, token);
	set_timer(th);
	topic_unpin(t);
}

/* Outside of the line: who is in it waits for his turn, who isn't takes no more than
 * one turn has. */
static void
look(struct pubrate *th)
{
	if (!part_is_on(&th->t->co->pub))
		turn(th, UINT32_MAX);
	else
		turn(th, th->in_line ? 0 : 1);
}

static void
on_time(void *priv)
{
	struct pubrate *th;

	CAST_OBJ_NOTNULL(th, priv, PUBRATE_MAGIC);
	look(th);
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
	bool any = l->n > 0 || l->bytes > 0 || part_is_on(&t->co->pub);

	if (th == NULL) {
		if (!any)
			return;
		ALLOC_OBJ(th, PUBRATE_MAGIC);
		th->t = t;
		timer_init(&th->timer, on_time, th);
		TAILQ_INIT(&th->told);
		t->pubrate = th;
	}
	bucket_set(&th->msgs, l->n, S_NS);
	bucket_set(&th->bytes, l->bytes, S_NS);
	look(th);
	if (!any)
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
	line_leave(th);
	timer_cancel(t->co->timers, &th->timer);
	held_fini(&th->late);
	FREE_OBJ(th);
}

/* --- the broker's ----------------------------------------------------------------- */

/* One publish each, until there are no tokens: they wait again at the end. */
static void
on_part(void *priv)
{
	struct core *co;
	struct pubpart *pp;
	struct pubrate *th;

	CAST_OBJ_NOTNULL(co, priv, CORE_MAGIC);
	pp = &co->pub;
	while ((th = TAILQ_FIRST(&pp->line)) != NULL &&
	    part_wait(pp, co->now_ns) == 0) {
		CHECK_OBJ_NOTNULL(th, PUBRATE_MAGIC);
		line_leave(th);
		turn(th, 1);
	}
	if (th != NULL)
		timer_set(co->timers, &pp->timer,
		    co->now_ns + part_wait(pp, co->now_ns));
}

void
pubpart_init(struct core *co)
{
	struct pubpart *pp = &co->pub;

	TAILQ_INIT(&pp->line);
	timer_init(&pp->timer, on_part, co);
	pp->total = co->conf.pubtotal != NULL ? co->conf.pubtotal : &pp->own;
	bucket_set(&pp->msgs, co->conf.publish_msgs, S_NS);
	bucket_set(&pp->bytes, co->conf.publish_bytes, S_NS);
}

/* Another rate begins without debt; that each core does so matters little. Topics
 * take it up when they look at their limits. */
void
pubpart_update(struct core *co)
{
	struct pubpart *pp = &co->pub;

	if (pp->msgs.rate != co->conf.publish_msgs)
		bucket_shared_refill(&pp->total->msgs);
	if (pp->bytes.rate != co->conf.publish_bytes)
		bucket_shared_refill(&pp->total->bytes);
	bucket_set(&pp->msgs, co->conf.publish_msgs, S_NS);
	bucket_set(&pp->bytes, co->conf.publish_bytes, S_NS);
	if (!TAILQ_EMPTY(&pp->line))
		timer_set(co->timers, &pp->timer, co->now_ns);
}

void
pubpart_fini(struct core *co)
{
	assert(TAILQ_EMPTY(&co->pub.line));
	timer_cancel(co->timers, &co->pub.timer);
}
