/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/cdefs.h"
#include "bench/bench.h"

#define SECOND INT64_C(1000000000)
#define TICK (SECOND / 10) /* acks that wait for company go out */
#define DRAIN_S 5
#define STUCK_S 60
/* bytes in a connection's output that keep the socket busy */
#define ENOUGH (256u << 10)
#define TOO_MUCH (16u << 20)

static void
flush_all(struct bench *b)
{
	unsigned i;

	for (i = 0; i < b->links_n; i++) {
		if (b->links[i].fd >= 0 && link_pending(&b->links[i]) != 0 &&
		    !b->links[i].writing)
			link_flush(&b->links[i]);
	}
}

void
turn(struct bench *b, int64_t wake_ns)
{
	struct epoll_event ev[64];
	struct timespec ts = { 0, 0 };
	int64_t left;
	int i, n;

	flush_all(b);
	left = wake_ns - mono_ns();
	if (left > 0) {
		ts.tv_sec = left / SECOND;
		ts.tv_nsec = left % SECOND;
	}
	n = epoll_pwait2(b->ep, ev, NELEM(ev), &ts, NULL);
	if (n < 0 && errno != EINTR)
		die("epoll_pwait2: %s", strerror(errno));
	b->now_ns = mono_ns();
	for (i = 0; i < n; i++) {
		if ((ev[i].events & EPOLLOUT) != 0)
			link_flush(ev[i].data.ptr);
		if ((ev[i].events & ~(uint32_t)EPOLLOUT) == 0)
			continue;
		b->now_ns = mono_ns();
		link_read(ev[i].data.ptr, &b->proto->framing, b);
	}
}

void
snap_take(struct bench *b, struct snap *s)
{
	s->c = b->c;
	proc_read(&s->broker, b->o->pids, b->o->pids_n);
	s->own_cpu_s = proc_own_cpu_s();
	s->at_ns = mono_ns();
}

/* ---- what every phase does now and then */

struct beat {
	int64_t tick_ns; /* next */
	int64_t line_ns;
	int64_t last_ns; /* of the last line */
	struct counters last;
	const char *what;
};

static void
beat_start(struct beat *bt, struct bench *b, const char *what)
{
	int64_t now = mono_ns();

	*bt = (struct beat){ now + TICK, now + SECOND, now, b->c, what };
	hist_clear(&b->publish_now);
}

static void
beat(struct beat *bt, struct bench *b, int64_t now)
{
	if (now >= bt->tick_ns) {
		b->proto->tick(b);
		bt->tick_ns = now + TICK;
	}
	if (now >= bt->line_ns) {
		report_progress(b, bt->last_ns, &bt->last, bt->what);
		hist_clear(&b->publish_now);
		bt->last_ns = now;
		bt->line_ns += SECOND;
		bt->last = b->c;
	}
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
due(struct bench *b)
{
	return b->proto->due == NULL ? INT64_MAX : b->proto->due(b);
}

/* ---- flat out */

struct flat {
	uint64_t left; /* messages */
	unsigned next; /* producer */
};

/* One producer sends what fits. true: it stopped for the sake of others. */
static bool
fill(struct bench *b, struct flat *f, struct producer *pr)
{
	uint32_t n = b->o->batch == 0 ? 1 : b->o->batch;

	while (f->left > 0) {
		if (link_pending(pr->link) >= ENOUGH)
			return !pr->link->writing;
		if (n > f->left)
			n = (uint32_t)f->left;
		if (!b->proto->send(b, pr, n, 0))
			return false;
		f->left -= n;
	}
	return false;
}

/* When to come back at the latest, if nothing comes in. */
static int64_t
pump_flat(struct bench *b, struct flat *f)
{
	int64_t wake = INT64_MAX;
	unsigned i;

	b->now_ns = mono_ns();
	for (i = 0; i < b->producers_n; i++) {
		if (fill(b, f, &b->producers[f->next]))
			wake = 0;
		f->next = (f->next + 1) % b->producers_n;
	}
	return wake;
}

/* ---- at a rate */

struct rate {
	uint64_t issued; /* messages */
	uint64_t total;
	unsigned next; /* producer */
};

static int64_t
pump_rate(struct bench *b, struct rate *r)
{
	const struct opts *o = b->o;
	int64_t now = mono_ns(), full, late;
	struct producer *pr;
	uint64_t due;
	uint32_t n;

	b->now_ns = now;
	if (now < b->start_ns)
		return b->start_ns;
	due = (uint64_t)((double)(now - b->start_ns) * o->rate / 1e9) + 1;
	if (due > r->total)
		due = r->total;
	while (r->issued < due) {
		n = 1;
		if (o->batch != 0) {
			n = due - r->issued < o->batch ?
			    (uint32_t)(due - r->issued) :
			    o->batch;
			late = count_intended_ns(b, r->issued) +
			    (int64_t)(o->batch_ms * 1e6);
			if (n < o->batch && now < late) {
				full = count_intended_ns(
				    b, r->issued + o->batch - 1);
				return least(late, full);
			}
		}
		pr = &b->producers[r->next];
		if (link_pending(pr->link) >= TOO_MUCH ||
		    !b->proto->send(b, pr, n, r->issued))
			return INT64_MAX; /* until a receipt makes room */
		r->issued += n;
		r->next = (r->next + 1) % b->producers_n;
	}
	return r->issued < r->total ? count_intended_ns(b, r->issued) :
				      INT64_MAX;
}

/* ---- run mode */

/* What was never sent took at least as long as it has been waiting. */
static void
count_unsent(struct bench *b, const struct rate *r)
{
	int64_t now = mono_ns(), t;
	uint64_t i;

	for (i = r->issued; b->o->rate > 0 && i < r->total; i++) {
		t = count_intended_ns(b, i);
		if (t >= b->window_ns[0] && t < b->window_ns[1])
			hist_add(&b->publish, now - t, 1);
	}
}

/* The tail of what was sent in the window: receipts, then deliveries. */
static void
drain(struct bench *b, struct rate *r, struct beat *bt)
{
	int64_t now, end = mono_ns() + DRAIN_S * SECOND, wake;
	bool sent;

	while ((now = mono_ns()) < end) {
		beat(bt, b, now);
		wake = due(b);
		if (b->o->rate > 0)
			wake = least(wake, pump_rate(b, r));
		sent = count_all_answered(b) &&
		    (b->o->rate == 0 || r->issued == r->total);
		if (sent &&
		    (b->o->consumers == 0 || b->c.received >= b->c.published))
			break;
		turn(b, least(wake, least(bt->tick_ns, end)));
	}
	count_unanswered(b);
	count_unsent(b, r);
}

void
drive_run(struct bench *b, struct snap window[2])
{
	const struct opts *o = b->o;
	struct rate r = { 0 };
	struct flat f = { .left = UINT64_MAX };
	struct beat bt;
	int64_t now, wake;
	unsigned edge = 0;

	b->start_ns = mono_ns() + SECOND / 100;
	b->window_ns[0] = b->start_ns + (int64_t)(o->warm_s * 1e9);
	b->window_ns[1] = b->window_ns[0] + (int64_t)(o->dur_s * 1e9);
	r.total = (uint64_t)((o->warm_s + o->dur_s) * o->rate);
	beat_start(&bt, b, "run");
	for (;;) {
		now = mono_ns();
		if (now >= b->window_ns[edge]) {
			snap_take(b, &window[edge]);
			if (++edge == 2)
				break;
			continue;
		}
		beat(&bt, b, now);
		wake = due(b);
		if (b->producers_n != 0)
			wake = least(wake,
			    o->rate > 0 ? pump_rate(b, &r) : pump_flat(b, &f));
		wake = least(wake, least(bt.tick_ns, b->window_ns[edge]));
		turn(b, wake);
	}
	drain(b, &r, &bt);
	b->proto->tick(b);
	flush_all(b);
	if (b->proto->compare != NULL)
		b->proto->compare(b);
}

/* ---- backlog mode */

static void
check_stuck(int64_t now, int64_t *moved_ns, uint64_t *last, uint64_t done,
    const char *what)
{
	if (done != *last) {
		*last = done;
		*moved_ns = now;
	} else if (now - *moved_ns > STUCK_S * SECOND)
		die("%s: stands still after %llu messages", what,
		    (unsigned long long)done);
}

static void
publish_all(struct bench *b)
{
	struct flat f = { .left = b->o->count };
	int64_t now, wake, moved = mono_ns();
	uint64_t last = 0, busy = 0;
	struct beat bt;

	beat_start(&bt, b, "publish");
	while (f.left > 0 || !count_all_answered(b) || busy != b->c.busy) {
		f.left += b->c.busy - busy;
		busy = b->c.busy;
		now = mono_ns();
		beat(&bt, b, now);
		check_stuck(now, &moved, &last, b->c.published, "publish");
		wake = pump_flat(b, &f);
		turn(b, least(wake, bt.tick_ns));
	}
	if (b->c.failed != 0)
		die("%llu messages were refused: %s",
		    (unsigned long long)b->c.failed, b->first_error);
}

void
drive_backlog(struct bench *b, struct backlog *bl)
{
	uint64_t last = 0, want = b->o->count, tenth = want / 10;
	int64_t now, moved;
	struct beat bt;
	bool begun = false;

	b->proto->pause(b);
	b->window_ns[1] = INT64_MAX;
	snap_take(b, &bl->publish[0]);
	publish_all(b);
	snap_take(b, &bl->publish[1]);
	if (b->o->leave) {
		/* what is reported is the publishing */
		bl->drain[0] = bl->drain[1] = bl->publish[0];
		bl->drain[2] = bl->publish[1];
		return;
	}

	hist_clear(&b->e2e); /* how long it lay there says nothing */
	snap_take(b, &bl->drain[0]);
	b->proto->resume(b);
	beat_start(&bt, b, "consume");
	moved = mono_ns();
	while (b->c.received < want) {
		now = mono_ns();
		beat(&bt, b, now);
		/* delayed messages may well be waited for */
		if (b->due_ms[1] != 0 && wall_ms() < b->due_ms[1])
			moved = now;
		check_stuck(now, &moved, &last, b->c.received, "consume");
		if (!begun && b->c.received >= tenth) {
			snap_take(b, &bl->drain[1]);
			begun = true;
		}
		turn(b, least(due(b), bt.tick_ns));
	}
	if (!begun)
		bl->drain[1] = bl->drain[0];
	b->proto->sync(b);
	snap_take(b, &bl->drain[2]);
	if (b->proto->compare != NULL)
		b->proto->compare(b);
}
