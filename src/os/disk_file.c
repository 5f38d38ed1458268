/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shard's writes stand in a queue of its own; the first is under way, with
 * io_uring or at the writer thread, and the next is started when it is done. So
 * the order is kept whoever does it, and the file descriptors of writes have
 * one user at a time. Everything else goes to a mailbox of the shared threads.
 */
#include <errno.h>

#include "base/log.h"
#include "os/clock.h"
#include "os/disk_file_priv.h"
#include "os/file.h"

#define READERS_MAX 32
#define FREE_BYTES_AGE_NS CLOCK_NS_PER_S

struct disk_files {
	unsigned magic;
#define DISK_FILES_MAGIC 0xd15c0f11
	struct disk_dir dir;
	struct disk_files_conf conf;
	unsigned disks_n;
	struct mbox *read_box, *back_box; /* NULL: readonly */
	struct thread readers[READERS_MAX];
	struct thread back;
};

struct fdisk {
	struct disk d; /* first */
	unsigned magic;
#define FDISK_MAGIC 0xd15c0f1d
	struct disk_files *df;
	struct loop *lp; /* NULL: only blocking operations */
	struct mbox *mb; /* answers of the threads */
	size_t pending;
	/* writes and syncs, in order; the first is under way */
	struct disk_req *first, *last;
	enum err
	    failed; /* of the first that could not: none is tried behind it */
	struct fd_cache wfds; /* of whoever does the first */
	struct disk_uring *du;
	struct mbox *wbox; /* the writer thread's; NULL: not started yet */
	struct thread writer;
	struct fd_cache
	    now_fds; /* the shard's own: blocking, and of the ring's reads */
	uint64_t free_bytes;
	int64_t free_bytes_ns;
	struct disk_file_stats st;
};

static struct fdisk *
fdisk_of(struct disk *d)
{
	struct fdisk *fd = (struct fdisk *)(void *)d;

	CHECK_OBJ_NOTNULL(d, DISK_MAGIC);
	CHECK_OBJ_NOTNULL(fd, FDISK_MAGIC);
	return fd;
}

static struct disk_req *
req_of(struct mbox_msg *m)
{
	struct disk_req *rq;

	rq = (struct disk_req *)(void *)((char *)m -
	    offsetof(struct disk_req, link.msg));
	CHECK_OBJ_NOTNULL(rq, DISK_REQ_MAGIC);
	return rq;
}

/* ---- answers, on the shard */

static void
finish(struct fdisk *fd, struct disk_req *rq, enum err err)
{
	uint64_t ns = (uint64_t)(clock_mono_ns() - rq->start_ns);

	AN(fd->pending);
	fd->pending--;
	if (err != ERR_OK)
		fd->st.errors++;
	switch (rq->op) {
	case DISK_WRITE:
		fd->st.writes++;
		fd->st.write_bytes += rq->len;
		fd->st.write_ns += ns;
		if (ns > fd->st.write_ns_max)
			fd->st.write_ns_max = ns;
		break;
	case DISK_READ:
		fd->st.reads++;
		fd->st.read_bytes += rq->got;
		break;
	case DISK_CREATE:
		fd->st.creates++;
		break;
	case DISK_REMOVE:
		fd->st.removes++;
		break;
	default:
		break;
	}
	rq->done(rq, err);
}

static void write_next(struct fdisk *);

static void
write_done(struct fdisk *fd, enum err err)
{
	struct disk_req *rq = fd->first;

	AN(rq);
	fd->first = rq->after;
	if (fd->first == NULL)
		fd->last = NULL;
	if (fd->failed == ERR_OK)
		fd->failed = err;
	if (fd->first != NULL)
		write_next(fd);
	finish(fd, rq, err);
}

static bool
is_write(const struct disk_req *rq)
{
	return !rq->back && (rq->op == DISK_WRITE || rq->op == DISK_SYNC);
}

static void
on_answers(void *priv, struct mbox_msg *m)
{
	struct mbox_msg *next;
	struct disk_req *rq;
	struct fdisk *fd;

	CAST_OBJ_NOTNULL(fd, priv, FDISK_MAGIC);
	for (; m != NULL; m = next) {
		next = m->next;
		rq = req_of(m);
		if (is_write(rq)) {
			assert(rq == fd->first);
			write_done(fd, rq->err);
		} else
			finish(fd, rq, rq->err);
	}
}

/* ---- writes */

static void
run_writer(void *priv)
{
	struct mbox_msg *m;
	struct disk_req *rq;
	struct fdisk *fd;

	CAST_OBJ_NOTNULL(fd, priv, FDISK_MAGIC);
	while ((m = mbox_take_one(fd->wbox)) != NULL) {
		rq = req_of(m);
		rq->err = disk_io_do(&fd->df->dir, &fd->wfds, rq);
		mbox_post(fd->mb, m);
	}
}

static void
write_by_thread(struct fdisk *fd, struct disk_req *rq)
{
	if (fd->wbox == NULL) {
		fd->wbox = mbox_new_thread();
		thread_start(&fd->writer, "writer", run_writer, fd);
	}
	mbox_post(fd->wbox, &rq->link.msg);
}

static bool
wants_uring(const struct fdisk *fd, const struct disk_req *rq)
{
	if (fd->du == NULL || rq->op != DISK_WRITE || rq->len > UINT32_MAX ||
	    atomic_load_explicit(&fd->df->dir.no_dsync, memory_order_relaxed))
		return false;
	return fd->df->conf.writer == DISK_FILE_URING ||
	    rq->len <= DISK_URING_MAX;
}

static void
read_by_thread(struct fdisk *fd, struct disk_req *rq)
{
	mbox_post(fd->df->read_box, &rq->link.msg);
}

static void
on_uring(void *priv, struct disk_req *rq, int res)
{
	struct fdisk *fd;

	CAST_OBJ_NOTNULL(fd, priv, FDISK_MAGIC);
	CHECK_OBJ_NOTNULL(rq, DISK_REQ_MAGIC);
	if (rq->op == DISK_READ) {
		/* whatever else it was, the thread finds out */
		if (res < 0 || (size_t)res != rq->len) {
			read_by_thread(fd, rq);
			return;
		}
		rq->got = rq->len;
		fd->st.uring_reads++;
		finish(fd, rq, ERR_OK);
		return;
	}
	assert(rq == fd->first);
	if (res >= 0 && (size_t)res == rq->len) {
		fd->st.uring_writes++;
		write_done(fd, ERR_OK);
		return;
	}
	if (res > 0 || res == -EINTR || res == -EAGAIN || res == -EOPNOTSUPP) {
		/* a part, or not tried: the thread does the rest */
		rq->got = res > 0 ? (size_t)res : 0;
		write_by_thread(fd, rq);
		return;
	}
	write_done(fd, res == 0 ? ERR_IO : file_err(-res));
}

static void
write_next(struct fdisk *fd)
{
	struct disk_req *rq = fd->first;
	int f;

	rq->got = 0;
	if (fd->failed != ERR_OK) {
		rq->err = fd->failed;
		mbox_post(fd->mb, &rq->link.msg);
		return;
	}
	/* what does not work here says so at the thread */
	if (!wants_uring(fd, rq) ||
	    fd_cache_get(&fd->wfds, &fd->df->dir, rq->file, &f) != ERR_OK ||
	    !disk_uring_submit(fd->du, f, rq))
		write_by_thread(fd, rq);
}

/* Through the cache it would be a copy, and that is not for the shard to make. */
static void
submit_read(struct fdisk *fd, struct disk_req *rq)
{
	int f;

	if (fd->du == NULL || !fd->df->dir.direct || rq->len > UINT32_MAX ||
	    fd_cache_get(&fd->now_fds, &fd->df->dir, rq->file, &f) != ERR_OK ||
	    !disk_uring_submit(fd->du, f, rq))
		read_by_thread(fd, rq);
}

static void
check_aligned(const struct disk_req *rq)
{
	assert(rq->off % DISK_BLOCK == 0);
	assert(rq->len % DISK_BLOCK == 0 && rq->len > 0);
	assert((uintptr_t)rq->data % DISK_BLOCK == 0);
}

static void
file_submit(struct disk *d, struct disk_req *rq)
{
	struct fdisk *fd = fdisk_of(d);

	CHECK_OBJ_NOTNULL(rq, DISK_REQ_MAGIC);
	AN(fd->lp);
	LOOP_ASSERT(fd->lp);
	AN(rq->done);
	if (rq->op == DISK_WRITE || rq->op == DISK_READ)
		check_aligned(rq);
	rq->disk = d;
	rq->err = ERR_OK;
	rq->start_ns = clock_mono_ns();
	rq->after = NULL;
	rq->got = 0;
	fd->pending++;
	if (is_write(rq)) {
		if (fd->last != NULL) {
			fd->last->after = rq;
			fd->last = rq;
			return;
		}
		fd->first = rq;
		fd->last = rq;
		write_next(fd);
	} else if (rq->op == DISK_READ)
		submit_read(fd, rq);
	else if (rq->back)
		mbox_post(fd->df->read_box, &rq->link.msg);
	else {
		if (rq->op == DISK_CREATE)
			(void)atomic_fetch_add(&fd->df->dir.creates_pending, 1);
		mbox_post(fd->df->back_box, &rq->link.msg);
	}
}

/* ---- the shared threads */

static void
run_box(struct disk_files *df, struct mbox *box)
{
	struct mbox_msg *m;
	struct disk_req *rq;
	struct fd_cache fc;

	fd_cache_init(&fc, &df->dir);
	while ((m = mbox_take_one(box)) != NULL) {
		rq = req_of(m);
		rq->err = disk_io_do(&df->dir, &fc, rq);
		if (rq->op == DISK_CREATE)
			(void)atomic_fetch_sub(&df->dir.creates_pending, 1);
		mbox_post(fdisk_of(rq->disk)->mb, m);
	}
	fd_cache_fini(&fc, &df->dir);
}

static void
run_reader(void *priv)
{
	struct disk_files *df;

	CAST_OBJ_NOTNULL(df, priv, DISK_FILES_MAGIC);
	run_box(df, df->read_box);
}

static void
run_back(void *priv)
{
	struct disk_files *df;

	CAST_OBJ_NOTNULL(df, priv, DISK_FILES_MAGIC);
	run_box(df, df->back_box);
}

/* ---- blocking operations */

static enum err
file_list(struct disk *d, disk_list_f *cb, void *priv)
{
	return disk_io_list(&fdisk_of(d)->df->dir, cb, priv);
}

static enum err
file_read_now(struct disk *d, uint64_t file, uint64_t off, void *p, size_t len,
    size_t *got)
{
	struct fdisk *fd = fdisk_of(d);
	enum err err;
	int f;

	*got = 0;
	err = fd_cache_get(&fd->now_fds, &fd->df->dir, file, &f);
	if (err != ERR_OK)
		return err;
	return disk_io_read(&fd->df->dir, f, off, p, len, got);
}

static enum err
file_write_now(
    struct disk *d, uint64_t file, uint64_t off, const void *p, size_t len)
{
	struct disk_req rq = { .op = DISK_WRITE, .off = off, .len = len };
	struct fdisk *fd = fdisk_of(d);
	enum err err;
	int f;

	rq.sync = true;
	rq.data = (void *)(uintptr_t)p;
	err = fd_cache_get(&fd->now_fds, &fd->df->dir, file, &f);
	if (err != ERR_OK)
		return err;
	return disk_io_write(&fd->df->dir, f, &rq, 0);
}

static enum err
file_create_now(struct disk *d, uint64_t file, uint64_t len)
{
	struct fdisk *fd = fdisk_of(d);

	return disk_io_allocate(&fd->df->dir, &fd->now_fds, file, len);
}

static enum err
file_remove_now(struct disk *d, uint64_t file)
{
	return disk_io_remove(&fdisk_of(d)->df->dir, file);
}

static uint64_t
file_free(struct disk *d)
{
	struct fdisk *fd = fdisk_of(d);
	int64_t now = clock_mono_ns();

	if (fd->free_bytes_ns == 0 ||
	    now - fd->free_bytes_ns > FREE_BYTES_AGE_NS) {
		fd->free_bytes = disk_io_free_bytes(&fd->df->dir);
		fd->free_bytes_ns = now;
	}
	return fd->free_bytes;
}

static const struct disk_ops file_ops = {
	.name = "file",
	.submit = file_submit,
	.list = file_list,
	.read_now = file_read_now,
	.write_now = file_write_now,
	.create_now = file_create_now,
	.remove_now = file_remove_now,
	.free_bytes = file_free,
};

/* ---- life */

static enum err
open_files(struct disk_files **dfp, const char *datadir,
    const struct disk_files_conf *conf, bool readonly, struct diag *d)
{
	struct disk_files *df;
	enum err err;

	ALLOC_OBJ(df, DISK_FILES_MAGIC);
	df->conf = *conf;
	df->dir.readonly = readonly;
	df->dir.direct = conf->direct;
	df->dir.create_bytes_per_s = conf->create_bytes_per_s;
	err = disk_io_open_dir(&df->dir, datadir, d);
	if (err != ERR_OK)
		FREE_OBJ(df);
	*dfp = df;
	return err;
}

enum err
disk_files_new(struct disk_files **dfp, const char *datadir,
    const struct disk_files_conf *conf, struct diag *d)
{
	struct disk_files *df;
	enum err err;
	unsigned i;

	assert(conf->readers_n >= 1 && conf->readers_n <= READERS_MAX);
	err = open_files(dfp, datadir, conf, false, d);
	df = *dfp;
	if (err != ERR_OK)
		return err;
	if (conf->direct && !df->dir.direct)
		LOG(LOG_WARN, LOG_NO_SHARD, "log_direct_io_refused",
		    LOG_S("dir", df->dir.path),
		    LOG_S("effect", "the log is written through the cache"));
	df->read_box = mbox_new_thread();
	df->back_box = mbox_new_thread();
	for (i = 0; i < conf->readers_n; i++)
		thread_start(&df->readers[i], "reader", run_reader, df);
	thread_start(&df->back, "background", run_back, df);
	return ERR_OK;
}

enum err
disk_files_new_readonly(
    struct disk_files **dfp, const char *datadir, struct diag *d)
{
	const struct disk_files_conf conf = { .direct = false };

	return open_files(dfp, datadir, &conf, true, d);
}

void
disk_files_give_up(struct disk_files *df)
{
	CHECK_OBJ_NOTNULL(df, DISK_FILES_MAGIC);
	atomic_store(&df->dir.giving_up, true);
}

void
disk_files_free(struct disk_files **dfp)
{
	struct disk_files *df;
	unsigned i;

	TAKE_OBJ_NOTNULL(df, dfp, DISK_FILES_MAGIC);
	AZ(df->disks_n);
	if (df->read_box != NULL) {
		mbox_shut(df->read_box);
		mbox_shut(df->back_box);
		for (i = 0; i < df->conf.readers_n; i++)
			thread_join(&df->readers[i]);
		thread_join(&df->back);
		mbox_free(&df->read_box);
		mbox_free(&df->back_box);
	}
	disk_io_close_dir(&df->dir);
	FREE_OBJ(df);
}

static enum err
open_uring(struct fdisk *fd, struct diag *d)
{
	static _Atomic bool said;
	int e = 0;

	if (fd->df->conf.writer == DISK_FILE_THREAD || fd->lp == NULL)
		return ERR_OK;
	fd->du = disk_uring_new(fd->lp, on_uring, fd, &e);
	if (fd->du != NULL)
		return ERR_OK;
	if (fd->df->conf.writer == DISK_FILE_URING)
		return diag_set(
		    d, ERR_NOT_SUPPORTED, "no io_uring: %s", strerror(e));
	if (!atomic_exchange(&said, true))
		LOG(LOG_INFO, LOG_NO_SHARD, "no_io_uring",
		    LOG_S("reason", strerror(e)),
		    LOG_S("effect", "a thread writes the log"));
	return ERR_OK;
}

enum err
disk_file_new(
    struct disk **dp, struct disk_files *df, struct loop *lp, struct diag *d)
{
	struct fdisk *fd;
	enum err err;

	CHECK_OBJ_NOTNULL(df, DISK_FILES_MAGIC);
	*dp = NULL;
	ALLOC_OBJ(fd, FDISK_MAGIC);
	fd->d.magic = DISK_MAGIC;
	fd->d.ops = &file_ops;
	fd->df = df;
	fd->lp = lp;
	err = open_uring(fd, d);
	if (err != ERR_OK) {
		mem_free(fd);
		return err;
	}
	fd_cache_init(&fd->wfds, &df->dir);
	fd_cache_init(&fd->now_fds, &df->dir);
	if (lp != NULL)
		fd->mb = mbox_new(lp, on_answers, fd);
	df->disks_n++;
	*dp = &fd->d;
	return ERR_OK;
}

void
disk_file_look(struct disk *d)
{
	struct fdisk *fd = fdisk_of(d);

	if (fd->du != NULL)
		disk_uring_look(fd->du);
}

bool
disk_file_busy(const struct disk *d)
{
	const struct fdisk *fd = (const struct fdisk *)d;

	CHECK_OBJ_NOTNULL(d, DISK_MAGIC);
	return fd->pending > 0;
}

void
disk_file_free(struct disk **dp)
{
	struct fdisk *fd;

	AN(*dp);
	fd = fdisk_of(*dp);
	*dp = NULL;
	AZ(fd->pending);
	if (fd->wbox != NULL) {
		mbox_shut(fd->wbox);
		thread_join(&fd->writer);
		mbox_free(&fd->wbox);
	}
	if (fd->du != NULL)
		disk_uring_free(&fd->du);
	if (fd->mb != NULL)
		mbox_free(&fd->mb);
	fd_cache_fini(&fd->wfds, &fd->df->dir);
	fd_cache_fini(&fd->now_fds, &fd->df->dir);
	fd->df->disks_n--;
	fd->d.magic = 0;
	FREE_OBJ(fd);
}

void
disk_file_stats(struct disk *d, struct disk_file_stats *st)
{
	struct fdisk *fd = fdisk_of(d);

	*st = fd->st;
	st->direct = fd->df->dir.direct;
	st->uring = fd->du != NULL;
	fd->st.write_ns_max = 0;
}
