/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of meta_lmdb: meta_lmdb.c is the handles, the thread and the
 * mailboxes, meta_lmdb_txn.c what the thread does with LMDB.
 */
#ifndef STORE_META_LMDB_PRIV_H
#define STORE_META_LMDB_PRIV_H

#include <stdatomic.h>

#include <lmdb.h>

#include "base/miniobj.h"
#include "os/mbox.h"
#include "os/thread.h"
#include "store/meta_lmdb.h"

#define MAP_BYTES_MIN (64ull << 20)
#define MAP_BYTES_MAX (1ull << 40)
/* of values in one transaction */
#define GROUP_BYTES_MAX (32u << 20)
#define GROUP_MAX 4096
/* and of their items, which LMDB may need a page each for until it is written; it
 * keeps the memory for later */
#define GROUP_ITEMS_MAX 16384u
/* a list comes back in blocks of about this */
#define BLOCK_BYTES (256u << 10)
#define PAGE_BYTES (1u << 20)

enum req_type {
	REQ_GET,
	REQ_LIST,
	REQ_COMMIT,
	REQ_NOP /* answered when everything before it is */
};

/* items of a list: head, key, value, one after the other */
struct item_head {
	uint32_t keylen;
	uint32_t len;
};
struct block {
	struct block *next;
	size_t len, cap;
	uint8_t p[];
};

struct req {
	struct mbox_msg link; /* first */
	unsigned magic;
#define REQ_MAGIC 0x3e7a4e90
	enum req_type type;
	struct mbox *reply;
	uint8_t key[META_KEY_MAX];
	size_t keylen, limit;
	bool with_values;
	/* one page of a list: behind `after`, at most about page_bytes */
	uint8_t after[META_KEY_MAX];
	size_t afterlen, page_bytes;
	bool more; /* out */
	struct meta_txn *txn;
	union {
		meta_get_f *get;
		meta_list_f *list;
		meta_commit_f *commit;
	} cb;
	void *priv;
	/* the answer */
	enum err err;
	void *val;
	size_t len;
	struct block *first, *last;
};

struct meta_lmdb {
	unsigned magic;
#define META_LMDB_MAGIC 0x3e7a1e3b
	MDB_env *env;
	MDB_dbi dbi;
	bool readonly;
	_Atomic unsigned handles_n;
	struct mbox *box;
	struct thread th;
	/* written by the metadata thread (or at boot) only */
	_Atomic uint64_t commits, txns, gets, lists, conflicts, grown, errors;
	_Atomic uint64_t map_bytes;
	/* reads that are not the thread's */
	_Atomic unsigned readers_n;
	_Atomic bool growing;
};

/* The next of the batch. */
static inline struct req *
meta_lmdb_next(const struct req *rq)
{
	return (struct req *)(void *)rq->link.next;
}

enum err meta_lmdb_err(int rc);
/* Carries out all of them; the answers are in the requests. */
void meta_lmdb_batch(struct meta_lmdb *, struct req *first);
/* The get of rq on the caller's thread, with a transaction that is kept in
 * *txn. False: not at the moment. */
bool meta_lmdb_get_direct(struct meta_lmdb *, MDB_txn **txn, struct req *rq);
/* Frees what the answer holds. */
void meta_lmdb_forget(struct req *);

#endif
