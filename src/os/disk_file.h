/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_file.h - struct disk_ops (os/disk.h) over the files
 * DATADIR/log/<16 hex digits>.seg.
 *
 * Writes: one at a time per shard, in order, pwritev2(RWF_DSYNC) with O_DIRECT;
 * where the file system refuses O_DIRECT, buffered (said once in the log). Who
 * does it was measured (doc/log-writes.md): up to DISK_URING_MAX bytes io_uring,
 * submitted and completed by the shard's loop, which costs the process least;
 * more, and everything where there is no io_uring, a writer thread, which costs
 * the loop least. Reads: O_DIRECT as well (the log has its own cache), by io_uring:
 * handing them to a thread costs more than the read. Where there is none, for
 * what it doesn't answer as a whole, and where reads are buffered and so copy, a
 * bounded pool of threads shared by the shards. Create, remove, rename: one background
 * thread, so that none of them delays a read or a sync; creates zero-fill at a
 * bounded rate unless another one is waiting behind.
 *
 * Descriptors: each thread that opens files keeps one in reserve, so that what the log
 * needs goes on where clients have taken all (os/disk_file_priv.h). Where another one
 * was quicker, a request waits until there are some again.
 *
 * A failed write or sync is answered ERR_IO (ERR_NO_SPACE when that is why)
 * and never retried here; the caller seals the file.
 *
 * Threads: disk_files_* on the main thread at boot and shutdown; disk_file_new
 * and _free on the shard's loop thread (or before it runs). The blocking
 * operations run on the caller's thread.
 */
#ifndef OS_DISK_FILE_H
#define OS_DISK_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "os/disk.h"
#include "os/loop.h"

#define DISK_URING_MAX (64u << 10)

/* Descriptors that disks have at most: two lots a shard, one a reader, and one of each
 * lot in reserve */
#define DISK_OPEN_MAX 16u
#define DISK_FDS_MAX(shards_n, readers_n) \
	((2 * (shards_n) + (readers_n) + 1) * (DISK_OPEN_MAX + 1))

enum disk_file_writer {
	DISK_FILE_AUTO, /* by size, as above */
	DISK_FILE_THREAD, /* the thread for all writes */
	DISK_FILE_URING, /* io_uring for all; ERR_NOT_SUPPORTED without */
};

struct disk_files_conf {
	unsigned readers_n; /* threads of the read pool */
	uint64_t create_bytes_per_s; /* zero-fill rate; 0: unbounded */
	enum disk_file_writer writer;
	bool direct; /* try O_DIRECT */
};
#define DISK_FILES_CONF_DEFAULT                                   \
	{                                                         \
		.readers_n = 2, .create_bytes_per_s = 256u << 20, \
		.writer = DISK_FILE_AUTO, .direct = true          \
	}

/* The directory and the shared threads. Makes `log` under datadir. */
struct disk_files;
enum err disk_files_new(struct disk_files **, const char *datadir,
    const struct disk_files_conf *, struct diag *) MUST_CHECK;
/* For `inspect`: changes nothing, has no threads; only the blocking reads. */
enum err disk_files_new_readonly(
    struct disk_files **, const char *datadir, struct diag *) MUST_CHECK;
/* The end: what waits for a descriptor fails, and nothing waits any more. @locality
 * any */
void disk_files_give_up(struct disk_files *);
/* All disks are freed before. */
void disk_files_free(struct disk_files **);

/* One shard's disk; loop NULL: only the blocking operations. */
enum err disk_file_new(struct disk **, struct disk_files *, struct loop *,
    struct diag *) MUST_CHECK;
/* From the head hook: what io_uring has done is answered now, an iteration before
 * the loop would say so. */
void disk_file_look(struct disk *);
/* Something is outstanding: run the loop until it is not, then free. */
bool disk_file_busy(const struct disk *);
/* Nothing may be outstanding. */
void disk_file_free(struct disk **);

struct disk_file_stats {
	uint64_t writes, write_bytes,
	    write_ns; /* ns: sum, submission to completion */
	uint64_t write_ns_max; /* since the last call */
	uint64_t reads, read_bytes;
	uint64_t uring_writes, uring_reads; /* of them */
	uint64_t creates, removes, errors;
	bool direct, uring;
};
/* @locality the shard's */
void disk_file_stats(struct disk *, struct disk_file_stats *);

#endif
