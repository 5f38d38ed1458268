/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of disk_file: disk_file.c who does what on which thread,
 * disk_file_io.c the system calls, disk_uring.c io_uring.
 */
#ifndef OS_DISK_FILE_PRIV_H
#define OS_DISK_FILE_PRIV_H

#include <stdatomic.h>

#include "base/miniobj.h"
#include "os/disk_file.h"
#include "os/mbox.h"
#include "os/thread.h"

/* What all threads need to do I/O. Counts are for the metrics. */
struct disk_dir {
	char *path; /* DATADIR/log */
	int fd;
	bool direct;
	bool readonly;
	_Atomic bool no_dsync; /* the kernel doesn't know RWF_DSYNC */
	/* rises when a name went away or changed: open files are suspect */
	_Atomic uint64_t gen;
	uint64_t create_bytes_per_s;
	_Atomic unsigned creates_pending;
	_Atomic unsigned short_n; /* caches that need a descriptor */
	_Atomic bool giving_up; /* nobody waits for one */
};

/*
 * Open files of one thread (or of whoever has the shard's write), or else a descriptor
 * in reserve: never none. Where the process has no other, what is kept is given up for
 * what is opened, and the next that is let go becomes the reserve. While some cache is
 * short, the others don't grow: who may have taken what it has given up gives up one
 * as well. So who has a cache can open one file whatever others than disks have taken.
 * Only those can come between; disk_io_do() tries until it has one.
 */
#define FD_CACHE_MAX DISK_OPEN_MAX
struct fd_cache {
	uint64_t gen;
	int reserve; /* a second one of the directory; -1: none */
	bool is_short; /* counted in short_n */
	unsigned n;
	struct {
		uint64_t file;
		int fd;
	} e[FD_CACHE_MAX]; /* the oldest first */
};
void fd_cache_init(struct fd_cache *, struct disk_dir *);
void fd_cache_fini(struct fd_cache *, struct disk_dir *);
/* ERR_NO_FILE, ERR_BUSY (no descriptor), ERR_IO, ... */
enum err fd_cache_get(
    struct fd_cache *, struct disk_dir *, uint64_t file, int *fd) MUST_CHECK;

enum err disk_io_open_dir(
    struct disk_dir *, const char *datadir, struct diag *) MUST_CHECK;
void disk_io_close_dir(struct disk_dir *);
/* Carries out any request, blocking. */
enum err disk_io_do(
    struct disk_dir *, struct fd_cache *, struct disk_req *) MUST_CHECK;
enum err disk_io_read(struct disk_dir *, int fd, uint64_t off, void *,
    size_t len, size_t *got) MUST_CHECK;
/* from: bytes that are written already */
enum err disk_io_write(
    struct disk_dir *, int fd, const struct disk_req *, size_t from) MUST_CHECK;
enum err disk_io_allocate(struct disk_dir *, struct fd_cache *, uint64_t file,
    uint64_t len) MUST_CHECK;
enum err disk_io_remove(struct disk_dir *, uint64_t file) MUST_CHECK;
enum err disk_io_list(struct disk_dir *, disk_list_f *, void *priv) MUST_CHECK;
uint64_t disk_io_free_bytes(struct disk_dir *);

/* ---- disk_uring.c: writes and reads */
struct disk_uring;
/* res: bytes written or read, or -errno */
typedef void disk_uring_f(void *priv, struct disk_req *, int res);
/* NULL and *errnum where there is no io_uring */
struct disk_uring *disk_uring_new(
    struct loop *, disk_uring_f *, void *priv, int *errnum);
void disk_uring_free(struct disk_uring **);
/* Answers what is complete, without waiting for the loop to say so. */
void disk_uring_look(struct disk_uring *);
/* The answer comes from the loop. False: it was not taken, and there is none. */
bool disk_uring_submit(
    struct disk_uring *, int fd, struct disk_req *) MUST_CHECK;

#endif
