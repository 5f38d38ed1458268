/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_uring for a shard's log writes. Completions are told by an eventfd: the
 * ring's own descriptor in epoll lost wake-ups with one of the set-up flags,
 * and without them there was nothing to gain (doc/log-writes.md).
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include <liburing.h>

#include "os/disk_file_priv.h"

#define ENTRIES 4

struct disk_uring {
	unsigned magic;
#define DISK_URING_MAGIC 0xd15c0412
	struct io_uring ring;
	int efd;
	struct loop_io io;
	disk_uring_f *done;
	void *priv;
	bool busy;
};

static void
on_event(void *priv, int events)
{
	struct disk_uring *du;
	struct io_uring_cqe *cqe;
	uint64_t n;
	int res;

	(void)events;
	CAST_OBJ_NOTNULL(du, priv, DISK_URING_MAGIC);
	/* one write at a time: this is its answer */
	if (read(du->efd, &n, sizeof n) != (ssize_t)sizeof n)
		return;
	if (io_uring_peek_cqe(&du->ring, &cqe) != 0)
		return;
	res = cqe->res;
	io_uring_cqe_seen(&du->ring, cqe);
	assert(du->busy);
	du->busy = false;
	du->done(du->priv, res);
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
	assert(!du->busy);
	loop_io_fini(&du->io);
	io_uring_queue_exit(&du->ring);
	(void)close(du->efd);
	FREE_OBJ(du);
}

int
disk_uring_write(struct disk_uring *du, int fd, const void *p, size_t len,
    uint64_t off, bool dsync)
{
	struct io_uring_sqe *sqe;
	int r;

	CHECK_OBJ_NOTNULL(du, DISK_URING_MAGIC);
	assert(!du->busy);
	sqe = io_uring_get_sqe(&du->ring);
	AN(sqe);
	io_uring_prep_write(sqe, fd, p, (unsigned)len, off);
	if (dsync)
		sqe->rw_flags = RWF_DSYNC;
	r = io_uring_submit(&du->ring);
	if (r == 1) {
		du->busy = true;
		return 0;
	}
	/*
	 * Not taken, it would go with the next one: nothing may be left in the
	 * queue. The kernel refuses whole submissions only for lack of memory.
	 */
	assert(r < 0);
	return r;
}
