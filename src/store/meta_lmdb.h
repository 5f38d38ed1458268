/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_lmdb.h - struct meta (store/meta.h) over one LMDB environment,
 * DATADIR/meta, with one metadata thread for the process.
 *
 * The thread takes what is queued by all shards and does it in one
 * transaction with one sync; answers go to each shard's mailbox. The *_now
 * operations are for boot and inspection only; all but get_now wait for the
 * thread. list_now reads page
 * by page, so what is committed meanwhile may be in it or not. The map grows by
 * doubling. A failed commit or sync answers ERR_IO or ERR_NO_SPACE to every
 * commit of the group; nothing of it is kept.
 */
#ifndef STORE_META_LMDB_H
#define STORE_META_LMDB_H

#include <stdbool.h>

#include "base/err.h"
#include "os/loop.h"
#include "store/meta.h"

struct meta_lmdb_stats {
	uint64_t commits, txns, gets, lists, conflicts, grown, errors;
	uint64_t map_bytes;
};

struct meta_lmdb;
/* Opens (makes) the environment. ERR_CORRUPT, ERR_NO_FILE, ERR_PERMISSION,
 * ERR_NO_SPACE, ERR_IO. */
enum err meta_lmdb_open(struct meta_lmdb **, const char *datadir, bool readonly,
    struct diag *) MUST_CHECK;
/* The same, DATADIR/name: for what is written in such amounts that nobody
 * else's commit should wait for it. */
enum err meta_lmdb_open_as(struct meta_lmdb **, const char *datadir,
    const char *name, bool readonly, struct diag *) MUST_CHECK;
/* All handles are freed before. */
void meta_lmdb_close(struct meta_lmdb **);

/* A shard's handle; loop NULL: only the *_now operations. */
struct meta *meta_lmdb_handle(struct meta_lmdb *, struct loop *);
/* Waits until everything queued, by callbacks too, has been answered. */
void meta_lmdb_settle(struct meta *);
/* What is queued is finished (callbacks are called) before it returns. */
void meta_lmdb_handle_free(struct meta **);
/* @locality any */
void meta_lmdb_stats(struct meta_lmdb *, struct meta_lmdb_stats *);

#endif
