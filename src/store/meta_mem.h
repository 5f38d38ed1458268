/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_mem.h - struct meta (store/meta.h) in memory, for unit tests and the
 * simulator. One store, any number of handles, one thread.
 *
 * Requests are queued; meta_mem_pump() carries them out and calls back, so the
 * test decides when a commit becomes durable and when its answer arrives.
 */
#ifndef STORE_META_MEM_H
#define STORE_META_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/meta.h"

struct meta_mem;
struct meta_mem *meta_mem_new(void);
/* Drops the queue without calling back. */
void meta_mem_free(struct meta_mem **);

struct meta *meta_mem_handle(struct meta_mem *);
void meta_mem_handle_free(struct meta **);

/* Requests waiting. */
size_t meta_mem_queued(const struct meta_mem *);
/* Carries out and answers at most n requests (0: all that are there now);
 * returns how many. Callbacks may queue more. */
size_t meta_mem_pump(struct meta_mem *, size_t n);

/* Crash: of the queued commits the first `keep` (in order of submission, over
 * all handles) reach the disk without being answered, the others are lost;
 * nothing is called back. Handles stay valid for the next life. */
void meta_mem_crash(struct meta_mem *, size_t keep);
/* The next n commits that are carried out change nothing and answer err. */
void meta_mem_fail_commits(struct meta_mem *, size_t n, enum err);

/* What is stored, for comparing: number of keys, and a hash of all of it. */
size_t meta_mem_keys(const struct meta_mem *);
uint64_t meta_mem_hash(const struct meta_mem *);

#endif
