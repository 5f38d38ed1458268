/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_uring for a shard's log. Completions are told by an eventfd: the
 * ring's own descriptor in epoll lost wake-ups with one of the set-up flags,
 * and without them there was nothing to gain (doc/log-writes.md).
 *
 * A completion ends epoll_wait by EINTR, as it is work for this thread, and only
 * the next one tells of the eventfd. So the ring is looked at in each iteration.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include <liburing.h>

#include "os/disk_file_priv.h"

#define ENTRIES 16u

struct disk_uring {
	unsigned magic;
#define DISK_URING_MAGIC 0xd15c0412
	struct io_uring ring;
	int efd;
	struct loop *lp;
	struct loop_io io;
	disk_uring_f *done;
	void *priv;
	unsigned n; /* under way; at most ENTRIES, so no completion is lost */
	uint64_t looked; /* the iteration in which the eventfd was read early */
};

/* False: there was nothing to read. */
static bool
take_event(struct disk_uring *du)
{
	uint64_t n;

	return read(du->efd, &n, sizeof n) == (ssize_t)sizeof n;
}

static void
reap(struct disk_uring *du)
{
	struct io_uring_cqe *cqe;
	struct disk_req *rq;
	int res;

	while (io_uring_peek_cqe(&du->ring, &cqe) == 0) {
		res = cqe->res;
		rq = io_uring_cqe_get_data(cqe);
		io_uring_cqe_seen(&du->ring, cqe);
		AN(du->n);
		du->n--;
		du->done(du->priv, rq, res);
	}
}

static void
on_event(void *priv, int events)
{
	struct disk_uring *du;

	(void)events;
	CAST_OBJ_NOTNULL(du, priv, DISK_URING_MAGIC);
	if (du->looked != loop_iterations(du->lp) && take_event(du))
		reap(du);
}

void
disk_uring_look(struct disk_uring *du)
{
	CHECK_OBJ_NOTNULL(du, DISK_URING_MAGIC);
	if (du->n == 0 || io_uring_cq_ready(&du->ring) == 0)
		return;
	/* a completion by a worker may be seen before its event: that comes later */
	if (take_event(du))
		du->looked = loop_iterations(du->lp);
	reap(du);
}

struct disk_uring *
disk_uring_new(struct loop *lp, disk_uring_f *done, void *priv, int *errnum)
{
	struct disk_uring *du;
	int r;

	ALLOC_OBJ(du, DISK_URING_MAGIC);
	r = io_uring_queue_init(ENTRIES, &du->ring, 0);
	if (r < 0) {
		*errnum = -r;
		FREE_OBJ(du);
		return NULL;
	}
	du->efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert(du->efd >= 0);
	r = io_uring_register_eventfd(&du->ring, du->efd);
	if (r < 0) {
		*errnum = -r;
		io_uring_queue_exit(&du->ring);
		(void)close(du->efd);
		FREE_OBJ(du);
		return NULL;
	}
	du->lp = lp;
	du->done = done;
	du->priv = priv;
	loop_io_init(&du->io, lp, du->efd, on_event, du);
	loop_io_set(&du->io, LOOP_READ);
	return du;
}

void
disk_uring_free(struct disk_uring **dup)
{
	struct disk_uring *du;

	TAKE_OBJ_NOTNULL(du, dup, DISK_URING_MAGIC);
	AZ(du->n);
	loop_io_fini(&du->io);
	io_uring_queue_exit(&du->ring);
	(void)close(du->efd);
	FREE_OBJ(du);
}

bool
disk_uring_submit(struct disk_uring *du, int fd, struct disk_req *rq)
{
	struct io_uring_sqe *sqe;
	int r;

	CHECK_OBJ_NOTNULL(du, DISK_URING_MAGIC);
	if (du->n == ENTRIES)
		return false;
	sqe = io_uring_get_sqe(&du->ring);
	AN(sqe);
	if (rq->op == DISK_READ)
		io_uring_prep_read(
		    sqe, fd, rq->data, (unsigned)rq->len, rq->off);
	else {
		io_uring_prep_write(
		    sqe, fd, rq->data, (unsigned)rq->len, rq->off);
		if (rq->sync)
			sqe->rw_flags = RWF_DSYNC;
	}
	io_uring_sqe_set_data(sqe, rq);
	r = io_uring_submit(&du->ring);
	if (r == 1) {
		du->n++;
		return true;
	}
	/*
	 * Not taken, it would go with the next one: nothing may be left in the
	 * queue. The kernel refuses whole submissions only for lack of memory.
	 */
	assert(r < 0);
	return false;
}
