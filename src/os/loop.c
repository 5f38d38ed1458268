/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>

#include <ev.h>

#include "base/miniobj.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/thread.h"

/* libev's macros trip over our warnings (shadowed, cast away) */
#pragma GCC diagnostic ignored "-Wstrict-aliasing"

_Static_assert(sizeof(ev_io) <= sizeof(((struct loop_io *)0)->ev), "ev_io");
_Static_assert(
    sizeof(ev_timer) <= sizeof(((struct loop_timer *)0)->ev), "ev_timer");
_Static_assert(
    sizeof(ev_async) <= sizeof(((struct loop_async *)0)->ev), "ev_async");
_Static_assert(
    sizeof(ev_signal) <= sizeof(((struct loop_signal *)0)->ev), "ev_signal");

struct loop {
	unsigned magic;
#define LOOP_MAGIC 0x100b0000
	struct ev_loop *ev;
	unsigned owner;
	_Atomic bool stopping;
	bool running;
	bool clock_fresh;
	int64_t mono_ns;
	int64_t wall_ms;
	loop_head_f *head;
	void *head_priv;
	loop_tail_f *tail;
	void *tail_priv;
	int64_t tail_due_ns; /* when tail_timer fires; -1: it does not */
	ev_prepare prepare;
	ev_check check;
	ev_timer tail_timer;
	ev_async wake;
	uint64_t iterations;
};

static void
on_check(struct ev_loop *ev, ev_check *w, int revents)
{
	struct loop *lp;

	(void)ev;
	(void)revents;
	CAST_OBJ_NOTNULL(lp, w->data, LOOP_MAGIC);
	lp->clock_fresh = false;
	lp->iterations++;
	if (lp->head != NULL)
		lp->head(lp->head_priv);
}

/*
 * The timer for the tail is left alone while it fires early enough: firing
 * without need costs an iteration, setting it anew in each would cost more.
 */
static void
arm_tail(struct loop *lp, int64_t ns)
{
	int64_t due;

	if (ns < 0)
		return;
	due = loop_mono_ns(lp) + ns;
	if (lp->tail_due_ns >= 0 && lp->tail_due_ns <= due)
		return;
	ev_timer_stop(lp->ev, &lp->tail_timer);
	ev_timer_set(&lp->tail_timer, (double)ns / 1e9, 0.);
	ev_timer_start(lp->ev, &lp->tail_timer);
	lp->tail_due_ns = due;
}

static void
on_prepare(struct ev_loop *ev, ev_prepare *w, int revents)
{
	struct loop *lp;

	(void)revents;
	CAST_OBJ_NOTNULL(lp, w->data, LOOP_MAGIC);
	if (lp->tail != NULL)
		arm_tail(lp, lp->tail(lp->tail_priv));
	if (atomic_load_explicit(&lp->stopping, memory_order_acquire))
		ev_break(ev, EVBREAK_ALL);
}

static void
on_tail_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct loop *lp;

	(void)ev;
	(void)revents;
	CAST_OBJ_NOTNULL(lp, w->data, LOOP_MAGIC);
	lp->tail_due_ns = -1;
}

static void
on_wake(struct ev_loop *ev, ev_async *w, int revents)
{
	(void)ev;
	(void)w;
	(void)revents;
}

struct loop *
loop_new(void)
{
	struct loop *lp;

	ALLOC_OBJ(lp, LOOP_MAGIC);
	lp->ev = ev_loop_new(EVFLAG_NOENV | EVFLAG_NOSIGMASK);
	AN(lp->ev);
	lp->owner = thread_self();
	lp->tail_due_ns = -1;
	ev_prepare_init(&lp->prepare, on_prepare);
	lp->prepare.data = lp;
	/* after everything else that is run before a wait */
	ev_set_priority(&lp->prepare, EV_MINPRI);
	ev_prepare_start(lp->ev, &lp->prepare);
	ev_check_init(&lp->check, on_check);
	lp->check.data = lp;
	ev_set_priority(&lp->check, EV_MAXPRI);
	ev_check_start(lp->ev, &lp->check);
	ev_timer_init(&lp->tail_timer, on_tail_timer, 0., 0.);
	lp->tail_timer.data = lp;
	ev_async_init(&lp->wake, on_wake);
	lp->wake.data = lp;
	ev_async_start(lp->ev, &lp->wake);
	return lp;
}

void
loop_free(struct loop **lpp)
{
	struct loop *lp;

	TAKE_OBJ_NOTNULL(lp, lpp, LOOP_MAGIC);
	LOOP_ASSERT(lp);
	assert(!lp->running);
	ev_prepare_stop(lp->ev, &lp->prepare);
	ev_check_stop(lp->ev, &lp->check);
	ev_timer_stop(lp->ev, &lp->tail_timer);
	ev_async_stop(lp->ev, &lp->wake);
	ev_loop_destroy(lp->ev);
	FREE_OBJ(lp);
}

void
loop_run(struct loop *lp)
{
	CHECK_OBJ_NOTNULL(lp, LOOP_MAGIC);
	lp->owner = thread_self();
	lp->running = true;
	(void)ev_run(lp->ev, 0);
	atomic_store_explicit(&lp->stopping, false, memory_order_release);
	lp->running = false;
	lp->clock_fresh = false;
}

void
loop_run_once(struct loop *lp, bool block)
{
	CHECK_OBJ_NOTNULL(lp, LOOP_MAGIC);
	LOOP_ASSERT(lp);
	lp->running = true;
	(void)ev_run(lp->ev, block ? EVRUN_ONCE : EVRUN_NOWAIT);
	if (lp->tail != NULL)
		arm_tail(lp, lp->tail(lp->tail_priv));
	lp->running = false;
	lp->clock_fresh = false;
}

void
loop_stop(struct loop *lp)
{
	CHECK_OBJ_NOTNULL(lp, LOOP_MAGIC);
	atomic_store_explicit(&lp->stopping, true, memory_order_release);
	loop_wake(lp);
}

void
loop_wake(struct loop *lp)
{
	CHECK_OBJ_NOTNULL(lp, LOOP_MAGIC);
	ev_async_send(lp->ev, &lp->wake);
}

void
loop_bind(struct loop *lp)
{
	CHECK_OBJ_NOTNULL(lp, LOOP_MAGIC);
	assert(!lp->running);
	lp->owner = thread_self();
}

bool
loop_is_mine(const struct loop *lp)
{
	CHECK_OBJ_NOTNULL(lp, LOOP_MAGIC);
	return lp->owner == thread_self();
}

void
loop_refresh(struct loop *lp)
{
	CHECK_OBJ_NOTNULL(lp, LOOP_MAGIC);
	lp->mono_ns = clock_mono_ns();
	lp->wall_ms = clock_wall_ms();
	lp->clock_fresh = lp->running;
}

int64_t
loop_mono_ns(struct loop *lp)
{
	LOOP_ASSERT(lp);
	if (!lp->clock_fresh)
		loop_refresh(lp);
	return lp->mono_ns;
}

int64_t
loop_wall_ms(struct loop *lp)
{
	LOOP_ASSERT(lp);
	if (!lp->clock_fresh)
		loop_refresh(lp);
	return lp->wall_ms;
}

uint64_t
loop_iterations(const struct loop *lp)
{
	CHECK_OBJ_NOTNULL(lp, LOOP_MAGIC);
	return lp->iterations;
}

void
loop_set_head(struct loop *lp, loop_head_f *f, void *priv)
{
	CHECK_OBJ_NOTNULL(lp, LOOP_MAGIC);
	lp->head = f;
	lp->head_priv = priv;
}

void
loop_set_tail(struct loop *lp, loop_tail_f *tail, void *priv)
{
	LOOP_ASSERT(lp);
	lp->tail = tail;
	lp->tail_priv = priv;
}

/* ---- io */

static ev_io *
io_ev(struct loop_io *io)
{
	return (ev_io *)(void *)&io->ev;
}

static void
on_io(struct ev_loop *ev, ev_io *w, int revents)
{
	struct loop_io *io;
	int events = 0;

	(void)ev;
	CAST_OBJ_NOTNULL(io, w->data, LOOP_IO_MAGIC);
	if (revents & (EV_READ | EV_ERROR))
		events |= LOOP_READ;
	if (revents & (EV_WRITE | EV_ERROR))
		events |= LOOP_WRITE;
	io->cb(io->priv, events & io->events);
}

void
loop_io_init(
    struct loop_io *io, struct loop *lp, int fd, loop_io_f *cb, void *priv)
{
	LOOP_ASSERT(lp);
	assert(fd >= 0);
	INIT_OBJ(io, LOOP_IO_MAGIC);
	io->lp = lp;
	io->cb = cb;
	io->priv = priv;
	ev_io_init(io_ev(io), on_io, fd, 0);
	io_ev(io)->data = io;
}

void
loop_io_set(struct loop_io *io, int events)
{
	ev_io *w;

	CHECK_OBJ_NOTNULL(io, LOOP_IO_MAGIC);
	LOOP_ASSERT(io->lp);
	if (events == io->events)
		return;
	w = io_ev(io);
	ev_io_stop(io->lp->ev, w);
	ev_io_set(w, w->fd,
	    ((events & LOOP_READ) ? EV_READ : 0) |
		((events & LOOP_WRITE) ? EV_WRITE : 0));
	if (events != 0)
		ev_io_start(io->lp->ev, w);
	io->events = events;
}

void
loop_io_fini(struct loop_io *io)
{
	if (io->magic == 0)
		return;
	loop_io_set(io, 0);
	/* a callback that is pending already would come all the same */
	(void)ev_clear_pending(io->lp->ev, io_ev(io));
	FINI_OBJ(io);
}

/* ---- timer */

static ev_timer *
timer_ev(struct loop_timer *t)
{
	return (ev_timer *)(void *)&t->ev;
}

static void
on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct loop_timer *t;

	(void)ev;
	(void)revents;
	CAST_OBJ_NOTNULL(t, w->data, LOOP_TIMER_MAGIC);
	t->active = false;
	t->cb(t->priv);
}

void
loop_timer_init(
    struct loop_timer *t, struct loop *lp, loop_timer_f *cb, void *priv)
{
	LOOP_ASSERT(lp);
	INIT_OBJ(t, LOOP_TIMER_MAGIC);
	t->lp = lp;
	t->cb = cb;
	t->priv = priv;
	ev_timer_init(timer_ev(t), on_timer, 0., 0.);
	timer_ev(t)->data = t;
}

void
loop_timer_start(struct loop_timer *t, int64_t ns)
{
	struct ev_loop *ev;

	CHECK_OBJ_NOTNULL(t, LOOP_TIMER_MAGIC);
	LOOP_ASSERT(t->lp);
	ev = t->lp->ev;
	/* libev counts from its own cached time, stale outside a run */
	if (!t->lp->running)
		ev_now_update(ev);
	ev_timer_stop(ev, timer_ev(t));
	ev_timer_set(timer_ev(t), ns > 0 ? (double)ns / 1e9 : 0., 0.);
	ev_timer_start(ev, timer_ev(t));
	t->active = true;
}

void
loop_timer_stop(struct loop_timer *t)
{
	CHECK_OBJ_NOTNULL(t, LOOP_TIMER_MAGIC);
	LOOP_ASSERT(t->lp);
	ev_timer_stop(t->lp->ev, timer_ev(t));
	t->active = false;
}

bool
loop_timer_active(const struct loop_timer *t)
{
	CHECK_OBJ_NOTNULL(t, LOOP_TIMER_MAGIC);
	return t->active;
}

void
loop_timer_fini(struct loop_timer *t)
{
	if (t->magic == 0)
		return;
	loop_timer_stop(t);
	FINI_OBJ(t);
}

/* ---- async */

static ev_async *
async_ev(struct loop_async *a)
{
	return (ev_async *)(void *)&a->ev;
}

static void
on_async(struct ev_loop *ev, ev_async *w, int revents)
{
	struct loop_async *a;

	(void)ev;
	(void)revents;
	CAST_OBJ_NOTNULL(a, w->data, LOOP_ASYNC_MAGIC);
	a->cb(a->priv);
}

void
loop_async_init(
    struct loop_async *a, struct loop *lp, loop_async_f *cb, void *priv)
{
	LOOP_ASSERT(lp);
	INIT_OBJ(a, LOOP_ASYNC_MAGIC);
	a->lp = lp;
	a->cb = cb;
	a->priv = priv;
	ev_async_init(async_ev(a), on_async);
	async_ev(a)->data = a;
	ev_async_start(lp->ev, async_ev(a));
}

void
loop_async_send(struct loop_async *a)
{
	CHECK_OBJ_NOTNULL(a, LOOP_ASYNC_MAGIC);
	ev_async_send(a->lp->ev, async_ev(a));
}

void
loop_async_fini(struct loop_async *a)
{
	if (a->magic == 0)
		return;
	LOOP_ASSERT(a->lp);
	ev_async_stop(a->lp->ev, async_ev(a));
	FINI_OBJ(a);
}

/* ---- signal */

static ev_signal *
signal_ev(struct loop_signal *s)
{
	return (ev_signal *)(void *)&s->ev;
}

static void
on_signal(struct ev_loop *ev, ev_signal *w, int revents)
{
	struct loop_signal *s;

	(void)ev;
	(void)revents;
	CAST_OBJ_NOTNULL(s, w->data, LOOP_SIGNAL_MAGIC);
	s->cb(s->priv, s->signo);
}

void
loop_signal_init(struct loop_signal *s, struct loop *lp, int signo,
    loop_signal_f *cb, void *priv)
{
	LOOP_ASSERT(lp);
	INIT_OBJ(s, LOOP_SIGNAL_MAGIC);
	s->lp = lp;
	s->signo = signo;
	s->cb = cb;
	s->priv = priv;
	ev_signal_init(signal_ev(s), on_signal, signo);
	signal_ev(s)->data = s;
	ev_signal_start(lp->ev, signal_ev(s));
}

void
loop_signal_fini(struct loop_signal *s)
{
	if (s->magic == 0)
		return;
	LOOP_ASSERT(s->lp);
	ev_signal_stop(s->lp->ev, signal_ev(s));
	FINI_OBJ(s);
}
