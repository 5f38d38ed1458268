/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "os/clock.h"
#include "os/disk_file_priv.h"
#include "os/file.h"

#define SUFFIX ".seg"
#define NAME_MAX_LEN 32
#define HEX_DIGITS 16
#define ZERO_BYTES (1u << 20)
#define SAY_AFTER 50 /* tries */

static void
name_of(char name[static NAME_MAX_LEN], uint64_t file)
{
	(void)snprintf(name, NAME_MAX_LEN, "%016" PRIx64 SUFFIX, file);
}

static enum err
last_err(void)
{
	return errno == EMFILE || errno == ENFILE ? ERR_BUSY : file_err(errno);
}

/* ---- open files */

static void
keep_reserve(struct fd_cache *fc, const struct disk_dir *dd)
{
	if (fc->reserve < 0)
		fc->reserve = fcntl(dd->fd, F_DUPFD_CLOEXEC, 0);
}

/* Its number becomes the reserve's, where there is none: nobody comes between. */
static void
let_go(struct fd_cache *fc, const struct disk_dir *dd, int fd)
{
	if (fc->reserve < 0 && dup3(dd->fd, fd, O_CLOEXEC) == fd)
		fc->reserve = fd;
	else
		(void)close(fd);
}

static int
take_oldest(struct fd_cache *fc)
{
	int fd = fc->e[0].fd;

	AN(fc->n);
	fc->n--;
	memmove(fc->e, fc->e + 1, fc->n * sizeof *fc->e);
	return fd;
}

/* One descriptor less. */
static bool
give_up(struct fd_cache *fc)
{
	if (fc->n > 0)
		(void)close(take_oldest(fc));
	else if (fc->reserve >= 0) {
		(void)close(fc->reserve);
		fc->reserve = -1;
	} else
		return false;
	return true;
}

static void
set_short(struct fd_cache *fc, struct disk_dir *dd, bool is)
{
	if (fc->is_short == is)
		return;
	fc->is_short = is;
	if (is)
		(void)atomic_fetch_add(&dd->short_n, 1);
	else
		(void)atomic_fetch_sub(&dd->short_n, 1);
}

static int
open_file(struct fd_cache *fc, struct disk_dir *dd, uint64_t file, int flags)
{
	char name[NAME_MAX_LEN];
	int fd, e;

	name_of(name, file);
	flags |= O_CLOEXEC | (dd->direct ? O_DIRECT : 0);
	for (;;) {
		fd = openat(dd->fd, name, flags, 0600);
		if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
			break;
		set_short(fc, dd, true); /* before another one can take it */
		if (!give_up(fc))
			return -1;
	}
	e = errno;
	set_short(fc, dd, false);
	if (fd < 0 && fc->n == 0)
		keep_reserve(fc, dd);
	else if (fd >= 0 && atomic_load(&dd->short_n) > 0)
		(void)give_up(fc);
	errno = e;
	return fd;
}

void
fd_cache_init(struct fd_cache *fc, struct disk_dir *dd)
{
	memset(fc, 0, sizeof *fc);
	fc->reserve = -1;
	keep_reserve(fc, dd);
}

void
fd_cache_fini(struct fd_cache *fc, struct disk_dir *dd)
{
	while (give_up(fc))
		;
	set_short(fc, dd, false);
}

enum err
fd_cache_get(struct fd_cache *fc, struct disk_dir *dd, uint64_t file, int *fdp)
{
	uint64_t gen = atomic_load(&dd->gen);
	unsigned i;
	int fd;

	if (fc->gen != gen) {
		while (fc->n > 0)
			let_go(fc, dd, take_oldest(fc));
		fc->gen = gen;
	}
	for (i = 0; i < fc->n; i++)
		if (fc->e[i].file == file) {
			*fdp = fc->e[i].fd;
			return ERR_OK;
		}
	fd = open_file(fc, dd, file, dd->readonly ? O_RDONLY : O_RDWR);
	if (fd < 0)
		return last_err();
	if (fc->n == FD_CACHE_MAX)
		let_go(fc, dd, take_oldest(fc));
	fc->e[fc->n].file = file;
	fc->e[fc->n].fd = fd;
	fc->n++;
	*fdp = fd;
	return ERR_OK;
}

/* ---- the directory */

/* Whether a direct write works can only be found out by one. */
static bool
direct_works(struct disk_dir *dd)
{
	static const char probe[] = "direct.probe";
	bool ok;
	void *p;
	int fd;

	fd = openat(dd->fd, probe,
	    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_DIRECT, 0600);
	if (fd < 0)
		return false;
	p = mem_aligned(DISK_BLOCK, DISK_BLOCK);
	memset(p, 0, DISK_BLOCK);
	ok = pwrite(fd, p, DISK_BLOCK, 0) == (ssize_t)DISK_BLOCK ||
	    errno != EINVAL;
	mem_free(p);
	(void)close(fd);
	(void)unlinkat(dd->fd, probe, 0);
	return ok;
}

enum err
disk_io_open_dir(struct disk_dir *dd, const char *datadir, struct diag *d)
{
	enum err err = ERR_OK;

	dd->path = mem_printf("%s/log", datadir);
	dd->fd = -1;
	if (!dd->readonly)
		err = file_mkdir(dd->path);
	if (err == ERR_OK) {
		dd->fd = open(dd->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dd->fd < 0)
			err = last_err();
	}
	if (err != ERR_OK) {
		(void)diag_set(
		    d, err, "cannot open %s: %s", dd->path, err_text(err));
		disk_io_close_dir(dd);
		return err;
	}
	if (dd->direct)
		dd->direct = direct_works(dd);
	return ERR_OK;
}

void
disk_io_close_dir(struct disk_dir *dd)
{
	if (dd->fd >= 0)
		(void)close(dd->fd);
	dd->fd = -1;
	MEM_FREE(dd->path);
}

static bool
parse_name(const char *name, uint64_t *file)
{
	char *end;

	if (strlen(name) != HEX_DIGITS + sizeof SUFFIX - 1 ||
	    strspn(name, "0123456789abcdef") != HEX_DIGITS)
		return false;
	*file = strtoull(name, &end, 16);
	return strcmp(end, SUFFIX) == 0;
}

enum err
disk_io_list(struct disk_dir *dd, disk_list_f *cb, void *priv)
{
	enum err err = ERR_OK;
	struct dirent *de;
	struct stat st;
	uint64_t file;
	DIR *dir;

	dir = opendir(dd->path);
	if (dir == NULL)
		return last_err();
	for (;;) {
		errno = 0;
		de = readdir(dir);
		if (de == NULL) {
			if (errno != 0)
				err = last_err();
			break;
		}
		if (!parse_name(de->d_name, &file))
			continue;
		if (fstatat(dd->fd, de->d_name, &st, 0) != 0) {
			err = last_err();
			break;
		}
		cb(priv, file, (uint64_t)st.st_size);
	}
	(void)closedir(dir);
	return err;
}

uint64_t
disk_io_free_bytes(struct disk_dir *dd)
{
	uint64_t n;

	/* not known is not full: a write will tell */
	return file_free_bytes(dd->path, &n) == ERR_OK ? n : UINT64_MAX;
}

/* ---- reading and writing */

enum err
disk_io_read(
    struct disk_dir *dd, int fd, uint64_t off, void *p, size_t len, size_t *got)
{
	uint8_t *q = p;
	ssize_t n;

	(void)dd;
	*got = 0;
	while (*got < len) {
		n = pread(fd, q + *got, len - *got, (off_t)(off + *got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return last_err();
		if (n == 0)
			break;
		*got += (size_t)n;
		/* only the end of the file is unaligned */
		if (*got % DISK_BLOCK != 0)
			break;
	}
	memset(q + *got, 0, len - *got);
	return ERR_OK;
}

static ssize_t
write_once(struct disk_dir *dd, int fd, const void *p, size_t len, off_t off,
    bool sync)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = len };
	bool dsync =
	    sync && !atomic_load_explicit(&dd->no_dsync, memory_order_relaxed);
	ssize_t n;

	n = pwritev2(fd, &iov, 1, off, dsync ? RWF_DSYNC : 0);
	if (n < 0 && dsync && (errno == EOPNOTSUPP || errno == ENOSYS)) {
		atomic_store(&dd->no_dsync, true);
		dsync = false;
		n = pwrite(fd, p, len, off);
	}
	if (n >= 0 && sync && !dsync && fdatasync(fd) != 0)
		return -1;
	return n;
}

enum err
disk_io_write(
    struct disk_dir *dd, int fd, const struct disk_req *rq, size_t from)
{
	const uint8_t *p = rq->data;
	ssize_t n;

	while (from < rq->len) {
		n = write_once(dd, fd, p + from, rq->len - from,
		    (off_t)(rq->off + from), rq->sync);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return last_err();
		if (n == 0)
			return ERR_IO;
		from += (size_t)n;
	}
	return ERR_OK;
}

/* ---- files */

/* Sleeps so that done bytes have taken at least their time. */
static void
keep_rate(struct disk_dir *dd, int64_t start_ns, uint64_t done)
{
	struct timespec ts;
	int64_t due;

	if (dd->create_bytes_per_s == 0 ||
	    atomic_load(&dd->creates_pending) > 1)
		return;
	due = (int64_t)((double)done / (double)dd->create_bytes_per_s *
	    (double)CLOCK_NS_PER_S);
	due -= clock_mono_ns() - start_ns;
	if (due <= 0)
		return;
	ts.tv_sec = due / CLOCK_NS_PER_S;
	ts.tv_nsec = due % CLOCK_NS_PER_S;
	/* cut short by a signal: the next round makes up for it */
	(void)nanosleep(&ts, NULL);
}

static enum err
zero_fill(struct disk_dir *dd, int fd, uint64_t len)
{
	struct disk_req rq = { .sync = false };
	int64_t start_ns = clock_mono_ns();
	enum err err = ERR_OK;
	uint64_t off;
	void *zeroes;

	zeroes = mem_aligned(DISK_BLOCK, ZERO_BYTES);
	memset(zeroes, 0, ZERO_BYTES);
	rq.data = zeroes;
	for (off = 0; err == ERR_OK && off < len; off += rq.len) {
		rq.off = off;
		rq.len =
		    len - off < ZERO_BYTES ? (size_t)(len - off) : ZERO_BYTES;
		err = disk_io_write(dd, fd, &rq, 0);
		keep_rate(dd, start_ns, off + rq.len);
	}
	mem_free(zeroes);
	if (err == ERR_OK && fdatasync(fd) != 0)
		err = last_err();
	return err;
}

static enum err
sync_dir(const struct disk_dir *dd)
{
	return fsync(dd->fd) == 0 ? ERR_OK : last_err();
}

/* Nothing half made is left. */
static enum err
create_file(struct disk_dir *dd, struct fd_cache *fc, uint64_t file,
    uint64_t len, bool fill)
{
	enum err err = ERR_OK, err2;
	int fd, e;

	fd = open_file(fc, dd, file, O_RDWR | O_CREAT | O_TRUNC);
	if (fd < 0)
		return last_err();
	e = posix_fallocate(fd, 0, (off_t)len);
	if (e != 0)
		err = file_err(e);
	else if (fsync(fd) != 0)
		err = last_err();
	if (err == ERR_OK)
		err = sync_dir(dd);
	if (err == ERR_OK && fill)
		err = zero_fill(dd, fd, len);
	let_go(fc, dd, fd);
	if (err != ERR_OK) {
		err2 = disk_io_remove(dd, file);
		(void)err2; /* the first one counts */
	}
	return err;
}

enum err
disk_io_allocate(
    struct disk_dir *dd, struct fd_cache *fc, uint64_t file, uint64_t len)
{
	return create_file(dd, fc, file, len, false);
}

enum err
disk_io_remove(struct disk_dir *dd, uint64_t file)
{
	char name[NAME_MAX_LEN];
	enum err err = ERR_OK;

	name_of(name, file);
	if (unlinkat(dd->fd, name, 0) != 0)
		err = last_err();
	(void)atomic_fetch_add(&dd->gen, 1);
	return err;
}

static enum err
rename_file(struct disk_dir *dd, const struct disk_req *rq)
{
	char from[NAME_MAX_LEN], to[NAME_MAX_LEN];
	enum err err = ERR_OK;

	name_of(from, rq->file);
	name_of(to, rq->file2);
	if (renameat(dd->fd, from, dd->fd, to) != 0)
		err = last_err();
	(void)atomic_fetch_add(&dd->gen, 1);
	if (err == ERR_OK)
		err = sync_dir(dd);
	return err;
}

static enum err
try_once(struct disk_dir *dd, struct fd_cache *fc, struct disk_req *rq)
{
	enum err err;
	int fd;

	CHECK_OBJ_NOTNULL(rq, DISK_REQ_MAGIC);
	switch (rq->op) {
	case DISK_CREATE:
		return create_file(dd, fc, rq->file, rq->len, !rq->hurry);
	case DISK_REMOVE:
		return disk_io_remove(dd, rq->file);
	case DISK_RENAME:
		return rename_file(dd, rq);
	default:
		break;
	}
	err = fd_cache_get(fc, dd, rq->file, &fd);
	if (err != ERR_OK)
		return err;
	switch (rq->op) {
	case DISK_READ:
		return disk_io_read(
		    dd, fd, rq->off, rq->data, rq->len, &rq->got);
	case DISK_WRITE:
		/* got: what io_uring has written of it */
		return disk_io_write(dd, fd, rq, rq->got);
	case DISK_SYNC:
		return fdatasync(fd) == 0 ? ERR_OK : last_err();
	default:
		WRONG("disk request");
	}
}

enum err
disk_io_do(struct disk_dir *dd, struct fd_cache *fc, struct disk_req *rq)
{
	static const struct timespec pause = { .tv_nsec =
						   10 * CLOCK_NS_PER_MS };
	unsigned n = 0;
	enum err err;

	/* nothing of it was done */
	while ((err = try_once(dd, fc, rq)) == ERR_BUSY) {
		if (atomic_load(&dd->giving_up))
			return ERR_IO;
		if (n++ == SAY_AFTER)
			LOG(LOG_ERROR, LOG_NO_SHARD, "log_waits_for_descriptor",
			    LOG_U("segment", rq->file));
		(void)nanosleep(&pause, NULL);
	}
	return err;
}
