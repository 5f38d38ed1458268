/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.h - the block files under the log: what the local engine asks of the
 * machine. disk_file (this layer) does it with a writer (thread or io_uring)
 * and a bounded pool for reads and background work; the simulator has its own
 * (tears, loses, delays and fails writes).
 *
 * Threads: a disk belongs to one shard; submit and done run on that shard's
 * thread, done never from inside submit. Writes of one disk are carried out in
 * the order of submission, one after the other; reads in any order.
 * Alignment: offset, length and memory of reads and writes are multiples of
 * DISK_BLOCK.
 * Errors: ERR_NO_SPACE, ERR_IO (a failed write or sync is never retried on the
 * same file by this layer or the caller), ERR_NO_FILE. After a write or sync
 * has failed the later ones of this disk (but for those with .back) get its
 * error without being tried: nothing is stored behind a hole.
 */
#ifndef OS_DISK_H
#define OS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mbox_msg.h"

#define DISK_BLOCK 4096u

enum disk_op {
	DISK_WRITE, /* len bytes at off of file, then sync if .sync */
	DISK_READ, /* len bytes at off; a short file reads as zeroes, .got says how many were there */
	DISK_CREATE, /* make file of .len bytes, zero-filled (so that later writes need no
			 allocation), synced, bounded rate; done when usable. With .hurry
			 it is only allocated, and reads as zeroes all the same */
	DISK_REMOVE, /* unlink */
	DISK_RENAME, /* file -> file2 (recycling) */
	DISK_SYNC, /* fdatasync the file (async policy) */
};

struct disk_req {
	unsigned magic;
#define DISK_REQ_MAGIC 0xd15c4e90
	enum disk_op op;
	uint64_t file; /* segment id */
	uint64_t file2;
	uint64_t off;
	void *data;
	size_t len;
	size_t got;
	bool sync;
	bool hurry;
	bool back; /* a write or sync of a file that nobody else writes, in the
		      background: among the reads, in no order with others */
	void (*done)(struct disk_req *, enum err);
	void *priv;
	/* the disk's own */
	enum err err;
	struct disk *disk;
	int64_t start_ns;
	struct disk_req *after; /* in the disk's queue */
	union {
		struct disk_req *next;
		struct mbox_msg msg;
	} link;
};

struct disk;
typedef void disk_list_f(void *priv, uint64_t file, uint64_t size);

struct disk_ops {
	const char *name;
	void (*submit)(struct disk *, struct disk_req *);
	/* boot and inspection: blocking */
	enum err (*list)(struct disk *, disk_list_f *, void *priv);
	enum err (*read_now)(struct disk *, uint64_t file, uint64_t off, void *,
	    size_t len, size_t *got);
	enum err (*write_now)(struct disk *, uint64_t file, uint64_t off,
	    const void *, size_t len);
	enum err (*create_now)(struct disk *, uint64_t file,
	    uint64_t len); /* allocated, not zero-filled */
	enum err (*remove_now)(struct disk *, uint64_t file);
	uint64_t (*free_bytes)(
	    struct disk *); /* of the file system, cheap, may be cached 1 s */
};

struct disk {
	unsigned magic;
#define DISK_MAGIC 0xd15c0001
	const struct disk_ops *ops;
};

#endif
