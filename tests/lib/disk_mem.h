/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_mem.h - struct disk (os/disk.h) in memory, for unit tests and the
 * simulator. One set of files, any number of handles (one per shard), one
 * thread, one seed.
 *
 * Requests are queued; disk_mem_pump() carries them out and answers. Writes and
 * syncs of a handle go in order; reads and background work have queues of
 * their own, and the seed says whose turn it is.
 *
 * Each file has what a read sees and what is on the medium. A write reaches
 * the medium when it, or a later write or sync of that file, is synced. A crash
 * keeps, loses or tears (by 512 byte sectors) what had not, carries out some of
 * the queue without an answer, and tears the write it was at.
 */
#ifndef TESTS_LIB_DISK_MEM_H
#define TESTS_LIB_DISK_MEM_H

#include "os/disk.h"

struct disk_mem;
struct disk_mem *disk_mem_new(uint64_t seed);
void disk_mem_free(struct disk_mem **);

struct disk *disk_mem_handle(struct disk_mem *);
void disk_mem_handle_free(struct disk **);

size_t disk_mem_queued(const struct disk_mem *);
/* Carry out and answer at most n requests (0: those that are there now) */
size_t disk_mem_pump(struct disk_mem *, size_t n);

/* Power loss. Nothing is called back; handles stay for the next life. */
void disk_mem_crash(struct disk_mem *);
/* kill -9: what was written stays, the queue is lost (some of it is done) */
void disk_mem_kill(struct disk_mem *);

/* The n-th write or sync from now (1: the next) fails with err, leaving
 * something torn; 0: none */
void disk_mem_fail_write(struct disk_mem *, uint32_t n, enum err);
void disk_mem_fail_read(struct disk_mem *, uint32_t n, enum err);
/* Room for that many bytes of files: more and CREATE says ERR_NO_SPACE */
void disk_mem_limit(struct disk_mem *, uint64_t bytes);

/* Damage, for both what is read and the medium */
void disk_mem_flip(
    struct disk_mem *, uint64_t file, uint64_t off, uint8_t mask);
/* What a read sees; NULL: no such file */
uint8_t *disk_mem_data(struct disk_mem *, uint64_t file, uint64_t *size);
/* ids in order; returns how many there are */
size_t disk_mem_files(struct disk_mem *, uint64_t *ids, size_t max);

struct disk_mem_stats {
	uint64_t writes, write_bytes, syncs, reads, creates, renames, removes;
};
void disk_mem_stats(const struct disk_mem *, struct disk_mem_stats *);

/* the generator of the test library */
uint64_t disk_mem_random(uint64_t *state);

#endif
