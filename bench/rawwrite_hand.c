/* SPDX-License-Identifier: Apache-2.0 */

/*
 * rawwrite, the part with an event loop: io_uring, a writer thread, and
 * what it costs the loop to hand a write over and hear of its end.
 */
#include <err.h>
#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench/rawwrite.h"

static uint64_t handed[LAT_MAX]; /* ns the loop was held per hand-over */

/* ------------------------------------------------------------ io_uring */

static int
epoll_on(int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) != 0)
		err(1, "epoll");
	return ep;
}

/* False: nothing came for a second. */
static bool
epoll_once(int ep)
{
	struct epoll_event ev;
	int n = epoll_wait(ep, &ev, 1, 1000);

	/* EINTR: io_uring's task work ends the wait early, without a signal */
	if (n < 0 && errno != EINTR)
		err(1, "epoll_wait");
	return n != 0;
}

/* Nonblocking: an early return of epoll_wait finds it empty. */
static void
eventfd_drain(int fd)
{
	uint64_t v;

	if (read(fd, &v, sizeof v) < 0 && errno != EAGAIN)
		err(1, "eventfd");
}

struct uring {
	struct io_uring ring;
	unsigned flags;
	bool fixed;
	int efd; /* -1: the ring itself is in epoll */
	int ep;
	unsigned busy;
	uint64_t since_ns[LANES];
};

static int
uring_open(struct uring *u, unsigned flags, bool use_eventfd, bool fixed)
{
	struct iovec iov[LANES];
	unsigned i;
	int e;

	memset(u, 0, sizeof *u);
	u->flags = flags;
	u->fixed = fixed;
	u->efd = -1;
	e = io_uring_queue_init(8, &u->ring, flags);
	if (e < 0)
		return -e;
	for (i = 0; i < LANES; i++) {
		iov[i].iov_base = raw_buf[i];
		iov[i].iov_len = BUF_BYTES;
	}
	if (fixed)
		e = io_uring_register_buffers(&u->ring, iov, LANES);
	if (e == 0 && use_eventfd) {
		u->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		e = io_uring_register_eventfd(&u->ring, u->efd);
	}
	u->ep = epoll_on(use_eventfd ? u->efd : u->ring.ring_fd);
	return -e;
}

static void
uring_close(struct uring *u)
{
	io_uring_queue_exit(&u->ring);
	(void)close(u->ep);
	if (u->efd >= 0)
		(void)close(u->efd);
}

/* Start one write in a lane; false when the cell is over. */
static bool
uring_submit(struct uring *u, struct work *w, unsigned lane)
{
	struct io_uring_sqe *s;
	off_t off;
	int fd;

	if (!raw_work_next(w, lane, &fd, &off))
		return false;
	u->since_ns[lane] = raw_now_ns();
	s = io_uring_get_sqe(&u->ring);
	if (u->fixed)
		io_uring_prep_write_fixed(s, fd, raw_buf[lane],
		    (unsigned)w->size, (uint64_t)off, (int)lane);
	else
		io_uring_prep_write(
		    s, fd, raw_buf[lane], (unsigned)w->size, (uint64_t)off);
	s->user_data = lane;
	if (w->how == URING_LINK) {
		/* A failed write cancels the fsync and both are reported. */
		s->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
		s = io_uring_get_sqe(&u->ring);
		io_uring_prep_fsync(s, fd, IORING_FSYNC_DATASYNC);
		s->user_data = LANES + lane;
	} else {
		s->rw_flags = RWF_DSYNC;
	}
	if (io_uring_submit(&u->ring) < 1)
		errx(1, "io_uring_submit");
	u->busy++;
	return true;
}

static void
uring_done(struct uring *u, struct work *w, const struct io_uring_cqe *c)
{
	bool is_sync = c->user_data >= LANES;
	unsigned lane = (unsigned)(c->user_data % LANES);

	if (c->res < 0 || (!is_sync && (size_t)c->res != w->size))
		atomic_store(&raw_failure, c->res < 0 ? -c->res : EIO);
	if (w->how == URING_LINK && !is_sync)
		return; /* its fsync follows, cancelled */
	u->busy--;
	raw_lat_add(lane, raw_now_ns() - u->since_ns[lane]);
}

/* Wait in epoll, then take what has completed; returns lanes as a mask. */
static unsigned
uring_reap(struct uring *u, struct work *w)
{
	struct io_uring_cqe *c;
	unsigned head, n = 0, lanes = 0;
	bool woken = epoll_once(u->ep);

	if (u->efd >= 0)
		eventfd_drain(u->efd);
	if ((u->flags & IORING_SETUP_DEFER_TASKRUN) != 0)
		(void)io_uring_get_events(&u->ring);
	/* complete, yet epoll did not say so: this way is not usable */
	if (!woken && io_uring_cq_ready(&u->ring) > 0)
		atomic_store(&raw_failure, ETIME);
	io_uring_for_each_cqe(&u->ring, head, c)
	{
		uring_done(u, w, c);
		lanes |= 1U << (c->user_data % LANES);
		n++;
	}
	io_uring_cq_advance(&u->ring, n);
	return lanes;
}

void
raw_run_uring(struct work *w)
{
	struct uring u;
	unsigned lane, lanes;
	int e;

	e = uring_open(&u, 0, true, false);
	if (e != 0) {
		atomic_store(&raw_failure, e);
		return;
	}
	for (lane = 0; lane < w->depth; lane++)
		(void)uring_submit(&u, w, lane);
	while (u.busy > 0) {
		lanes = uring_reap(&u, w);
		for (lane = 0; lane < w->depth; lane++)
			if ((lanes & 1U << lane) != 0)
				(void)uring_submit(&u, w, lane);
	}
	uring_close(&u);
}

/* -------------------------------------------------------------- part 2 */

enum hand {
	BLOCK,
	COND_THREAD,
	EVENT_THREAD,
	RING
};

struct handover {
	const char *name;
	enum hand hand;
	bool use_eventfd, fixed;
	unsigned flags;
};

#define COOP (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER)
#define DEFER (IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER)

static const struct handover handovers[] = {
	{ "the loop blocks", BLOCK, false, false, 0 },
	{ "thread, condvar there, eventfd back", COND_THREAD, true, false, 0 },
	{ "thread, eventfd both ways", EVENT_THREAD, true, false, 0 },
	{ "io_uring, eventfd", RING, true, false, 0 },
	{ "io_uring, eventfd, DEFER_TASKRUN", RING, true, false, DEFER },
	{ "io_uring, ring fd", RING, false, false, 0 },
	{ "io_uring, ring fd, COOP_TASKRUN", RING, false, false, COOP },
	{ "io_uring, ring fd, DEFER_TASKRUN", RING, false, false, DEFER },
	{ "io_uring, ring fd, COOP, fixed buffers", RING, false, true, COOP },
};

/* The writer thread's side; one request at a time. */
struct writer {
	pthread_t tid;
	pthread_mutex_t mtx;
	pthread_cond_t cond;
	bool by_cond, full, stop;
	int efd_to, efd_back;
	struct work *w;
	int fd;
	off_t off;
};

static void
eventfd_signal(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof one) != (ssize_t)sizeof one)
		err(1, "eventfd");
}

static void
writer_wait(struct writer *wr)
{
	if (wr->by_cond) {
		(void)pthread_mutex_lock(&wr->mtx);
		while (!wr->full)
			(void)pthread_cond_wait(&wr->cond, &wr->mtx);
		wr->full = false;
		(void)pthread_mutex_unlock(&wr->mtx);
	} else {
		eventfd_drain(wr->efd_to); /* a blocking eventfd */
	}
}

static void
writer_wake(struct writer *wr)
{
	if (wr->by_cond) {
		(void)pthread_mutex_lock(&wr->mtx);
		wr->full = true;
		(void)pthread_mutex_unlock(&wr->mtx);
		(void)pthread_cond_signal(&wr->cond);
	} else {
		eventfd_signal(wr->efd_to);
	}
}

static void *
writer_main(void *priv)
{
	struct writer *wr = priv;
	int e;

	for (;;) {
		writer_wait(wr);
		if (wr->stop)
			return NULL;
		e = wr->w->size == 0 ? 0 :
				       raw_write_synced(wr->w->how, wr->fd,
					   raw_buf[0], wr->w->size, wr->off);
		if (e != 0)
			atomic_store(&raw_failure, e);
		eventfd_signal(wr->efd_back);
	}
}

static void
run_writer(struct work *w, bool by_cond)
{
	struct writer wr = { .by_cond = by_cond,
		.w = w,
		.mtx = PTHREAD_MUTEX_INITIALIZER,
		.cond = PTHREAD_COND_INITIALIZER };
	uint64_t t;
	int ep;

	wr.efd_to = eventfd(0, EFD_CLOEXEC);
	wr.efd_back = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ep = epoll_on(wr.efd_back);
	if (pthread_create(&wr.tid, NULL, writer_main, &wr) != 0)
		errx(1, "pthread_create");
	while (raw_work_next(w, 0, &wr.fd, &wr.off)) {
		t = raw_now_ns();
		writer_wake(&wr);
		handed[raw_lat_n[0]] = raw_now_ns() - t;
		while (!epoll_once(ep))
			continue;
		eventfd_drain(wr.efd_back);
		raw_lat_add(0, raw_now_ns() - t);
	}
	wr.stop = true;
	writer_wake(&wr);
	(void)pthread_join(wr.tid, NULL);
	(void)close(ep);
	(void)close(wr.efd_to);
	(void)close(wr.efd_back);
}

static void
run_ring(struct work *w, const struct handover *h)
{
	struct uring u;
	uint64_t t;
	int e;

	e = uring_open(&u, h->flags, h->use_eventfd, h->fixed);
	if (e != 0) {
		atomic_store(&raw_failure, e);
		return;
	}
	for (;;) {
		t = raw_now_ns();
		if (!uring_submit(&u, w, 0))
			break;
		handed[raw_lat_n[0]] = raw_now_ns() - t;
		while (u.busy > 0)
			(void)uring_reap(&u, w);
	}
	uring_close(&u);
}

static void
cell_handover(const struct handover *h, size_t size)
{
	struct work w = { .how = DIRECT_RWF,
		.size = size,
		.depth = 1,
		.seg_n = RECYCLED_N,
		.wrap = true };
	struct cost c;

	raw_cell_reset();
	printf("| %zu KiB | %s |", size / 1024, h->name);
	if (raw_work_open(&w, RECYCLED)) {
		raw_cost_start(&c);
		w.deadline_ns = raw_now_ns() + raw_cell_ms * 1000000ULL;
		if (h->hand == RING)
			run_ring(&w, h);
		else if (h->hand == BLOCK)
			raw_run_blocking(&w, 0);
		else
			run_writer(&w, h->hand == COND_THREAD);
		raw_cost_stop(&c);
	}
	if (raw_cell_ok()) {
		if (h->hand == BLOCK)
			memcpy(
			    handed, raw_lat, raw_lat_n[0] * sizeof raw_lat[0]);
		qsort(handed, raw_lat_n[0], sizeof handed[0], raw_cmp_u64);
		raw_print_figures(&c, size);
		printf(" %.1f | %.1f | %.1f |\n",
		    (double)c.loop_ns / 1000.0 / raw_lat_n[0],
		    raw_pct_us(handed, raw_lat_n[0], 0.5),
		    raw_pct_us(handed, raw_lat_n[0], 0.99));
	} else {
		raw_print_failure();
	}
	(void)fflush(stdout);
	raw_work_close(&w, RECYCLED);
}

void
raw_part_handover(void)
{
	static const size_t size[] = { 4096, 65536, BUF_BYTES };
	unsigned i, j;

	printf("| size | how | trips/s | MB/s | p50 us | p99 us | max us |"
	       " CPU us | kthreads us | loop CPU us | held p50 us |"
	       " held p99 us |\n"
	       "|---|---|---|---|---|---|---|---|---|---|---|---|\n");
	for (i = 0; i < sizeof size / sizeof size[0]; i++)
		for (j = 0; j < sizeof handovers / sizeof handovers[0]; j++)
			cell_handover(&handovers[j], size[i]);
}
