/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/miniobj.h"
#include "os/file.h"

#define DIR_MODE 0750
#define FILE_MODE 0600
#define FORMAT_WORD "magnetar "

struct datadir {
	unsigned magic;
#define DATADIR_MAGIC 0xda7ad120
	char *path;
	int lock_fd; /* -1: not locked */
	unsigned format;
};

enum err
file_err(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ERR_NO_SPACE;
	case ENOENT:
		return ERR_NO_FILE;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_PERMISSION;
	case EEXIST:
		return ERR_EXISTS;
	default:
		return ERR_IO;
	}
}

static enum err
fail(struct diag *d, const char *what, const char *path)
{
	int e = errno;

	return diag_set(d, file_err(e), "%s %s: %s", what, path, strerror(e));
}

enum err
file_mkdir(const char *path)
{
	struct stat st;
	int e;

	if (mkdir(path, DIR_MODE) == 0)
		return ERR_OK;
	e = errno;
	if (e == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return ERR_OK;
	errno = e;
	return file_err(e);
}

enum err
file_mkdirs(const char *path)
{
	char *copy, *p;
	enum err err = ERR_OK;

	copy = mem_strdup(path);
	for (p = strchr(copy + 1, '/'); p != NULL && err == ERR_OK;
	     p = strchr(p + 1, '/')) {
		*p = '\0';
		err = file_mkdir(copy);
		*p = '/';
	}
	if (err == ERR_OK)
		err = file_mkdir(copy);
	mem_free(copy);
	return err;
}

static enum err
read_fd(int fd, size_t max, char **data, size_t *len)
{
	struct stat st;
	size_t size, got = 0;
	ssize_t n;
	char *p;

	if (fstat(fd, &st) != 0)
		return file_err(errno);
	if ((uint64_t)st.st_size > max)
		return ERR_TOO_BIG;
	size = (size_t)st.st_size;
	p = mem_alloc(size + 1);
	while (got < size) {
		n = read(fd, p + got, size - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			mem_free(p);
			return file_err(errno);
		}
		if (n == 0)
			break;
		got += (size_t)n;
	}
	p[got] = '\0';
	*data = p;
	*len = got;
	return ERR_OK;
}

enum err
file_read(const char *path, size_t max, char **data, size_t *len)
{
	enum err err;
	int fd;

	*data = NULL;
	*len = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return file_err(errno);
	err = read_fd(fd, max, data, len);
	(void)close(fd);
	return err;
}

static enum err
write_sync(int fd, const char *p, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return file_err(errno);
		p += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0 ? ERR_OK : file_err(errno);
}

enum err
file_sync_dir(const char *path)
{
	enum err err = ERR_OK;
	int fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return file_err(errno);
	if (fsync(fd) != 0)
		err = file_err(errno);
	(void)close(fd);
	return err;
}

static enum err
sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	enum err err;

	if (slash == NULL)
		return file_sync_dir(".");
	if (slash == path)
		return file_sync_dir("/");
	dir = mem_strndup(path, (size_t)(slash - path));
	err = file_sync_dir(dir);
	mem_free(dir);
	return err;
}

enum err
file_write_atomic(const char *path, const void *data, size_t len)
{
	char *tmp;
	enum err err;
	int fd;

	tmp = mem_printf("%s.new", path);
	(void)unlink(tmp); /* a crash left it, with whatever mode */
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (fd < 0) {
		err = file_err(errno);
		goto out;
	}
	err = write_sync(fd, data, len);
	if (close(fd) != 0 && err == ERR_OK)
		err = file_err(errno);
	if (err == ERR_OK && rename(tmp, path) != 0)
		err = file_err(errno);
	if (err == ERR_OK)
		err = sync_parent(path);
	else
		(void)unlink(tmp);
out:
	mem_free(tmp);
	return err;
}

enum err
file_free_bytes(const char *path, uint64_t *bytes)
{
	struct statvfs st;

	*bytes = 0;
	if (statvfs(path, &st) != 0)
		return file_err(errno);
	*bytes = (uint64_t)st.f_bavail * st.f_frsize;
	return ERR_OK;
}

enum err
file_disk_space(const char *path, uint64_t *total, uint64_t *avail)
{
	struct statvfs sv;

	if (statvfs(path, &sv) != 0)
		return file_err(errno);
	*total = (uint64_t)sv.f_blocks * sv.f_frsize;
	*avail = (uint64_t)sv.f_bavail * sv.f_frsize;
	return ERR_OK;
}

/* ---- the data directory */

static enum err
say_owner(const struct datadir *dd, const char *path, struct diag *d)
{
	char *text;
	size_t len;
	enum err err;

	err = file_read(path, 64, &text, &len);
	if (err != ERR_OK)
		return diag_set(d, ERR_LOCKED,
		    "data directory %s is in use by another process", dd->path);
	text[strcspn(text, "\n")] = '\0';
	err = diag_set(d, ERR_LOCKED, "data directory %s is in use by pid %s",
	    dd->path, text);
	mem_free(text);
	return err;
}

/* The kernel drops the lock with the process, whatever ended it. */
static enum err
lock(struct datadir *dd, struct diag *d)
{
	char *path, pid[32];
	enum err err = ERR_OK;
	int n;

	path = mem_printf("%s/lock", dd->path);
	dd->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
	if (dd->lock_fd < 0) {
		err = fail(d, "cannot open", path);
		goto out;
	}
	if (flock(dd->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			err = say_owner(dd, path, d);
		else
			err = fail(d, "cannot lock", path);
		goto out;
	}
	n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (ftruncate(dd->lock_fd, 0) != 0 ||
	    pwrite(dd->lock_fd, pid, (size_t)n, 0) != n)
		err = fail(d, "cannot write", path);
out:
	mem_free(path);
	return err;
}

static enum err
parse_format(
    struct datadir *dd, const char *text, unsigned format, struct diag *d)
{
	const char *num = text + sizeof FORMAT_WORD - 1;
	unsigned long v;
	char *end;

	if (strncmp(text, FORMAT_WORD, sizeof FORMAT_WORD - 1) != 0)
		return diag_set(d, ERR_CORRUPT,
		    "%s/format is not a format file of magnetar", dd->path);
	errno = 0;
	v = strtoul(num, &end, 10);
	if (end == num || *end != '\n' || errno != 0 || v == 0 || v > 1000000)
		return diag_set(
		    d, ERR_CORRUPT, "%s/format has no valid version", dd->path);
	if (v > format)
		return diag_set(d, ERR_NEWER_FORMAT,
		    "data directory %s has format %lu, this version "
		    "understands up to %u",
		    dd->path, v, format);
	dd->format = (unsigned)v;
	return ERR_OK;
}

static enum err
check_format(struct datadir *dd, unsigned format, bool create, struct diag *d)
{
	char *path, *text, line[32];
	size_t len;
	enum err err;
	int n;

	path = mem_printf("%s/format", dd->path);
	err = file_read(path, 4096, &text, &len);
	if (err == ERR_OK) {
		err = parse_format(dd, text, format, d);
		mem_free(text);
	} else if (err == ERR_NO_FILE && create) {
		n = snprintf(line, sizeof line, FORMAT_WORD "%u\n", format);
		err = file_write_atomic(path, line, (size_t)n);
		if (err != ERR_OK)
			(void)diag_set(
			    d, err, "cannot write %s: %s", path, err_text(err));
		dd->format = format;
	} else
		(void)diag_set(
		    d, err, "cannot read %s: %s", path, err_text(err));
	mem_free(path);
	return err;
}

static struct datadir *
alloc_datadir(const char *path)
{
	struct datadir *dd;

	ALLOC_OBJ(dd, DATADIR_MAGIC);
	dd->path = mem_strdup(path);
	dd->lock_fd = -1;
	return dd;
}

enum err
datadir_open(struct datadir **ddp, const char *path, unsigned format,
    bool create, struct diag *d)
{
	struct datadir *dd;
	enum err err = ERR_OK;

	AN(format);
	dd = alloc_datadir(path);
	if (create) {
		err = file_mkdirs(path);
		if (err != ERR_OK)
			(void)diag_set(d, err, "cannot create %s: %s", path,
			    err_text(err));
	}
	if (err == ERR_OK)
		err = lock(dd, d);
	if (err == ERR_OK)
		err = check_format(dd, format, create, d);
	if (err != ERR_OK)
		datadir_close(&dd);
	*ddp = dd;
	return err;
}

enum err
datadir_open_readonly(
    struct datadir **ddp, const char *path, unsigned format, struct diag *d)
{
	struct datadir *dd;
	enum err err;

	dd = alloc_datadir(path);
	err = check_format(dd, format, false, d);
	if (err != ERR_OK)
		datadir_close(&dd);
	*ddp = dd;
	return err;
}

const char *
datadir_path(const struct datadir *dd)
{
	CHECK_OBJ_NOTNULL(dd, DATADIR_MAGIC);
	return dd->path;
}

unsigned
datadir_format(const struct datadir *dd)
{
	CHECK_OBJ_NOTNULL(dd, DATADIR_MAGIC);
	return dd->format;
}

void
datadir_close(struct datadir **ddp)
{
	struct datadir *dd;

	TAKE_OBJ_NOTNULL(dd, ddp, DATADIR_MAGIC);
	if (dd->lock_fd >= 0)
		(void)close(dd->lock_fd);
	mem_free(dd->path);
	FREE_OBJ(dd);
}

/* --- lists ------------------------------------------------------------------------- */

static bool
ends_in(const char *name, const char *const *ends)
{
	size_t n = strlen(name), m;

	for (; *ends != NULL; ends++) {
		m = strlen(*ends);
		if (n > m && strcmp(name + n - m, *ends) == 0)
			return true;
	}
	return false;
}

static enum err walk(struct file_names *, const char *, const char *const *,
    unsigned depth, size_t max);

/* Takes path. */
static enum err
look(struct file_names *fn, char *path, const char *const *ends, unsigned depth,
    size_t max)
{
	enum err e = ERR_OK;
	struct stat st;

	/* one that went meanwhile is none */
	if (stat(path, &st) != 0)
		e = errno == ENOENT ? ERR_OK : file_err(errno);
	else if (S_ISDIR(st.st_mode) && depth > 0)
		e = walk(fn, path, ends, depth - 1, max);
	else if (S_ISREG(st.st_mode) && ends_in(path, ends)) {
		if (fn->n == max) {
			mem_free(path);
			return ERR_TOO_BIG;
		}
		fn->v = mem_reallocarray(fn->v, fn->n + 1, sizeof *fn->v);
		fn->v[fn->n++] = path;
		return ERR_OK;
	}
	mem_free(path);
	return e;
}

static enum err
walk(struct file_names *fn, const char *path, const char *const *ends,
    unsigned depth, size_t max)
{
	struct dirent *ent;
	enum err e = ERR_OK;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return file_err(errno);
	while (e == ERR_OK && (ent = readdir(dir)) != NULL)
		if (ent->d_name[0] != '.')
			e = look(fn, mem_printf("%s/%s", path, ent->d_name),
			    ends, depth, max);
	(void)closedir(dir);
	return e;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

enum err
file_names_list(struct file_names *fn, const char *dir, const char *const *ends,
    unsigned depth, size_t max)
{
	enum err e;

	*fn = (struct file_names){ 0 };
	e = walk(fn, dir, ends, depth, max);
	if (fn->n > 1)
		qsort(fn->v, fn->n, sizeof *fn->v, by_name);
	return e;
}

void
file_names_free(struct file_names *fn)
{
	size_t i;

	for (i = 0; i < fn->n; i++)
		mem_free(fn->v[i]);
	MEM_FREE(fn->v);
	fn->n = 0;
}
