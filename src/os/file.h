/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - the data directory and small whole files. Blocking: boot, shutdown
 * and inspection only. errno becomes enum err here: file_err().
 *
 * The data directory holds
 *	lock	locked (flock) by the process that uses the directory; its text
 *		is that process's id
 *	format	"magnetar <version>\n"
 *	log/	segments (disk_file)
 *	meta/	metadata (meta_lmdb)
 */
#ifndef OS_FILE_H
#define OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* ENOSPC, EDQUOT, EFBIG -> ERR_NO_SPACE; ENOENT -> ERR_NO_FILE; EACCES, EPERM,
 * EROFS -> ERR_PERMISSION; EEXIST -> ERR_EXISTS; everything else ERR_IO. */
enum err file_err(int errnum);

struct datadir;
/* Makes the directory (and missing parents, mode 0750) if create, locks it and
 * checks the format, writing it where there is none. ERR_LOCKED (the diag
 * names the owner's pid), ERR_NEWER_FORMAT, ERR_NO_FILE, ERR_PERMISSION,
 * ERR_CORRUPT (a format file that is none), ERR_IO. */
enum err datadir_open(struct datadir **, const char *path, unsigned format,
    bool create, struct diag *) MUST_CHECK;
/* For `inspect`: neither locked nor changed. */
enum err datadir_open_readonly(struct datadir **, const char *path,
    unsigned format, struct diag *) MUST_CHECK;
const char *datadir_path(const struct datadir *);
unsigned datadir_format(const struct datadir *);
void datadir_close(struct datadir **);

/* One directory, mode 0750; there already is fine. */
enum err file_mkdir(const char *path) MUST_CHECK;
/* With its missing parents. */
enum err file_mkdirs(const char *path) MUST_CHECK;
/* The whole file, NUL-terminated (not counted in *len), caller frees with
 * mem_free. ERR_TOO_BIG over max. */
enum err file_read(
    const char *path, size_t max, char **data, size_t *len) MUST_CHECK;
/* Write beside, mode 0600, sync, rename over, sync the directory. */
enum err file_write_atomic(
    const char *path, const void *data, size_t len) MUST_CHECK;
enum err file_sync_dir(const char *path) MUST_CHECK;
/* Paths, in order. */
struct file_names {
	char **v;
	size_t n;
};
/* The files of a directory and, up to depth below it, of those in it, whose names end in one
 * of these (the last is NULL); what begins with a dot is passed over. ERR_NO_FILE: there is
 * no such directory; ERR_TOO_BIG: more than max. file_names_free() them in any case. */
enum err file_names_list(struct file_names *, const char *dir,
    const char *const *ends, unsigned depth, size_t max) MUST_CHECK;
void file_names_free(struct file_names *);
/* Size of path's file system, and what such a writer may still use. */
enum err file_disk_space(
    const char *path, uint64_t *total, uint64_t *avail) MUST_CHECK;
/* Bytes that an unprivileged writer may still use on path's file system. */
enum err file_free_bytes(const char *path, uint64_t *bytes) MUST_CHECK;

#endif
