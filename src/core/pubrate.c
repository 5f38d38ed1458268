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

static struct pubpart *
part(const struct pubrate *th)
{
	return &th->t->co->pub;
}

/* ns until the topic has tokens of its own; 0: it has. */
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
	return own_wait(th) == 0 && part_has(part(th), now(th));
}

static void
own_take(struct pubrate *th, uint32_t messages_n, uint32_t bytes)
{
	bucket_take(&th->msgs, now(th), messages_n);
	bucket_take(&th->bytes, now(th), bytes);
}

static int64_t
take(struct pubrate *th, uint32_t messages_n, uint32_t bytes)
{
	own_take(th, messages_n, bytes);
	return part_take(part(th), now(th), messages_n, bytes);
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

/* --- turns ------------------------------------------------------------------------ */

/* What was taken ahead comes back. */
static void
give_up(struct pubrate *th)
{
	if (th->turn.n > 0)
		turn_settle(part(th), &th->turn, now(th), 0, 0);
}

/* The broker has another rate, which knows nothing of what was taken before. */
static void
forget_epoch(struct pubrate *th)
{
	if (th->epoch == part(th)->epoch)
		return;
	th->epoch = part(th)->epoch;
	th->turn = (struct pubturn){ 0 };
	th->paid_ns = INT64_MIN;
	th->spare_ns = 0;
}

/* A turn of the broker's rate for the first that wait, as many as the topic's own rate
 * lets through now. */
static void
take_turn(struct pubrate *th)
{
	struct bucket msgs = th->msgs, bytes = th->bytes;
	struct pubturn *tu = &th->turn;
	int64_t max = turn_ns(part(th), th->counted), cost = 0;
	const struct held_publish *h;
	uint32_t i;

	for (i = 0; i < th->late.n && (tu->n == 0 || cost < max); i++) {
		h = held_at(&th->late, i);
		if (h->pp.pr == NULL)
			continue;
		if (!bucket_has(&msgs, now(th)) || !bucket_has(&bytes, now(th)))
			break;
		bucket_take(&msgs, now(th), h->attr.messages_n);
		bucket_take(&bytes, now(th), h->body.len);
		tu->n++;
		tu->msgs += h->attr.messages_n;
		tu->bytes += h->body.len;
		tu->ahead_ns = cost;
		cost += part_cost_ns(part(th), h->attr.messages_n, h->body.len);
	}
	if (tu->n > 0)
		turn_take(part(th), tu, now(th));
}

static bool
any_told(const struct pubrate *th)
{
	const struct producer *pr;

	TAILQ_FOREACH(pr, &th->told, throttle_link)
		if (!pr->late)
			return true;
	return false;
}

/* Who waits does so for the topic's tokens, then for his turn at the broker's; or
 * until it is too late. */
static void
arrange(struct pubrate *th)
{
	struct timers *timers = th->t->co->timers;
	int64_t own = own_wait(th), due = INT64_MAX, at;
	bool told = any_told(th);

	if (th->late.n == 0 || own > 0)
		give_up(th);
	else if (th->turn.n == 0)
		take_turn(th);
	part_wait(part(th), &th->counted,
	    part_is_on(part(th)) && own == 0 && (th->turn.n > 0 || told));
	if (th->late.n > 0) {
		due = own > 0 ? now(th) + own : th->turn.due_ns;
		if (held_at(&th->late, 0)->until_ns < due)
			due = held_at(&th->late, 0)->until_ns;
	}
	if (told) {
		at = now(th) + own;
		if (at < th->paid_ns)
			at = th->paid_ns;
		due = at < due ? at : due;
	}
	if (due < INT64_MAX)
		timer_set(timers, &th->timer, due);
	else
		timer_cancel(timers, &th->timer);
}

/* Those whose time is over fail, those whose producers are gone go. */
static void
expire(struct pubrate *th)
{
	struct held_publish h;

	while (th->late.n > 0 &&
	    (held_at(&th->late, 0)->pp.pr == NULL ||
		held_at(&th->late, 0)->until_ns <= now(th))) {
		h = held_pop(&th->late);
		publish_late(th->t, &h, ERR_THROTTLED);
	}
}

static bool
turn_has_come(struct pubrate *th)
{
	expire(th);
	if (th->late.n == 0 || own_wait(th) > 0)
		return false;
	if (th->turn.n == 0)
		take_turn(th);
	AN(th->turn.n);
	return th->turn.due_ns <= now(th);
}

static void
use_turn(struct pubrate *th)
{
	uint64_t msgs = 0, bytes = 0;
	struct held_publish h;

	while (th->late.n > 0 && th->turn.n > 0 && own_wait(th) == 0) {
		h = held_pop(&th->late);
		if (h.pp.pr != NULL) {
			own_take(th, h.attr.messages_n, h.body.len);
			msgs += h.attr.messages_n;
			bytes += h.body.len;
			th->turn.n--;
		}
		publish_late(th->t, &h, ERR_OK);
	}
	turn_settle(part(th), &th->turn, now(th), msgs, bytes);
}

/* paid: those who took first may go on, for one turn, whatever others owe. */
static void
release(struct pubrate *th, bool paid)
{
	struct producer *pr, *next;

	if (paid && any_told(th)) {
		th->spare_ns = turn_ns(part(th), th->counted);
		th->spare_until_ns = now(th) + TURN_ROUND_NS;
	}
	TAILQ_FOREACH_SAFE(pr, &th->told, throttle_link, next) {
		if (pr->late ? th->late.n > 0 : !paid)
			continue;
		TAILQ_REMOVE(&th->told, pr, throttle_link);
		tell(pr, false);
	}
}

static void
look(struct pubrate *th)
{
	struct topic *t = th->t;
	bool paid;

	topic_pin(t);
	forget_epoch(th);
	/* late ones leave no token of the topic's to those that were told */
	paid = own_wait(th) == 0 && th->paid_ns <= now(th);
	while (turn_has_come(th))
		use_turn(th);
	release(th, paid);
	arrange(th);
	topic_unpin(t);
}

static void
on_time(void *priv)
{
	struct pubrate *th;

	CAST_OBJ_NOTNULL(th, priv, PUBRATE_MAGIC);
	look(th);
}

/* --- publishes -------------------------------------------------------------------- */

static bool
may_go_on(struct pubrate *th, uint32_t messages_n, uint32_t bytes)
{
	if (own_wait(th) > 0)
		return false;
	if (part_has(part(th), now(th)))
		return true;
	if (th->spare_ns <= 0 || now(th) >= th->spare_until_ns)
		return false;
	th->spare_ns -= part_cost_ns(part(th), messages_n, bytes);
	return th->spare_ns > 0;
}

bool
pubrate_publish(struct producer *pr, const struct pending_publish *pp,
    const struct core_publish *p)
{
	struct pubrate *th = pr->t->pubrate;

	CHECK_OBJ_NOTNULL(th, PUBRATE_MAGIC);
	forget_epoch(th);
	if (pr->late && pr->t->name.persistent) {
		if (th->late.n == 0 && has(th)) {
			(void)take(th, p->attr.messages_n, p->body.len);
			return false;
		}
		publish_hold(&th->late, pp, NULL, &p->attr, &p->body,
		    now(th) + PRODUCER_LATE_MS * MS_NS);
		throttle(th, pr);
		if (th->late.n == 1)
			arrange(th);
		return true;
	}
	th->paid_ns = take(th, p->attr.messages_n, p->body.len);
	if (pr->throttled || may_go_on(th, p->attr.messages_n, p->body.len))
		return false;
	throttle(th, pr);
	arrange(th);
	return false;
}

void
pubrate_end_late(struct topic *t, enum err e)
{
	struct pubrate *th = t->pubrate;
	struct held_publish h;

	if (pubrate_late_n(t) > 0)
		give_up(th);
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
		th->epoch = part(th)->epoch;
		th->paid_ns = INT64_MIN;
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
	give_up(th);
	part_wait(part(th), &th->counted, false);
	timer_cancel(t->co->timers, &th->timer);
	held_fini(&th->late);
	FREE_OBJ(th);
}
