/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta.h - the metadata table: a small ordered key-value store for tenants,
 * namespaces, topics, policies, subscriptions and snapshots.
 *
 * Engines: meta_lmdb (one environment and one metadata thread for the process,
 * one `struct meta` handle per shard), meta_mem (simulator: can lose and tear
 * commits), later meta_zookeeper.
 *
 * Threads: a handle belongs to one shard; callbacks run on it, never from
 * inside the call. Requests of one handle are carried out in order. Commits of
 * all shards are batched into one transaction and one sync; a commit whose
 * condition fails changes nothing and answers ERR_CONFLICT.
 *
 * Limits: key 1..META_KEY_MAX bytes, value <= META_VALUE_MAX.
 * Memory: keys and values are copied by the call; results are borrowed during
 * the callback.
 */
#ifndef STORE_META_H
#define STORE_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define META_KEY_MAX 480
#define META_VALUE_MAX (16u << 20)

/* Keys: one prefix per kind; names follow as they are. */
#define META_FORMAT "format" /* u32 LE version of the directory */
#define META_CLUSTER "cluster/" /* <name> -> JSON */
#define META_TENANT "tenant/" /* <tenant> -> JSON */
#define META_NAMESPACE "ns/" /* <tenant>/<ns> -> JSON policies */
#define META_ROLE "role/" /* <role> -> JSON: core/authz.h */
#define META_TOPIC "topic/" /* <tenant>/<ns>/<local> -> core/record.h */
/* <domain>/<tenant>/<ns>/<local> -> record */
#define META_PARTITIONED "partitioned/"
#define META_SUB "sub/" /* <tenant>/<ns>/<local>\0<sub> -> record */
#define META_LEDGER "ledger/" /* u64 BE id -> engine's snapshot */
#define META_OWNER "owner/" /* u64 BE ledger id -> full name of its topic */
#define META_DEAD_LEDGER "dead/" /* u64 BE id -> empty: delete at boot */
#define META_JOURNAL "cursor/" /* u64 BE id, u64 BE chunk -> blob */
#define META_DEAD_JOURNAL "deadcursor/" /* u64 BE id */
#define META_SEGMENT "segment/" /* u64 BE id -> engine's */
#define META_SHARD "shard/" /* u32 BE shard -> engine's checkpoint */
#define META_DOC "doc/" /* <name> -> text of a front-end's own */
#define META_DUE "@" /* what is due later: core/due.h */

struct meta;
struct meta_txn;

typedef void meta_get_f(void *priv, enum err, const void *val, size_t len);
/* One call per item while more is true, then a last one with key NULL: err says
 * whether the list is whole. */
typedef void meta_list_f(void *priv, enum err, const void *key, size_t keylen,
    const void *val, size_t len);
typedef void meta_commit_f(void *priv, enum err);

struct meta_ops {
	const char *name;
	/* ERR_OK, or ERR_NO_KEY with val NULL, or ERR_IO. */
	void (*get)(struct meta *, const void *key, size_t keylen, meta_get_f *,
	    void *priv);
	/* Items whose key starts with prefix, in byte order, at most limit (0: all);
	 * with_values false leaves val NULL. */
	void (*list)(struct meta *, const void *prefix, size_t len,
	    size_t limit, bool with_values, meta_list_f *, void *priv);
	/* The same from behind `after`, a key that starts with prefix and need not
	 * be there; keys and values: how a long list is read in pieces. */
	void (*list_after)(struct meta *, const void *prefix, size_t len,
	    const void *after, size_t afterlen, size_t limit, meta_list_f *,
	    void *priv);
	/* Takes the transaction. done may be NULL. */
	void (*commit)(
	    struct meta *, struct meta_txn **, meta_commit_f *done, void *priv);
	/* Boot and inspection only, before the loop runs: blocking. *val is the
	 * caller's (mem_free). list_now answers as list does, keys and values,
	 * before it returns. */
	enum err (*get_now)(struct meta *, const void *key, size_t keylen,
	    void **val, size_t *len);
	enum err (*list_now)(struct meta *, const void *prefix, size_t len,
	    meta_list_f *, void *priv);
	enum err (*commit_now)(struct meta *, struct meta_txn **);
};

struct meta {
	unsigned magic;
#define META_MAGIC 0x3e7a0001
	const struct meta_ops *ops;
};

/* Building a transaction; order of operations is kept. Never fails
 * (sizes are asserted: the callers bound them). */
struct meta_txn *meta_txn_new(void);
void meta_txn_free(struct meta_txn **);
void meta_txn_put(struct meta_txn *, const void *key, size_t keylen,
    const void *val, size_t len);
void meta_txn_del(struct meta_txn *, const void *key, size_t keylen);
void meta_txn_del_prefix(struct meta_txn *, const void *prefix, size_t len);
/* Condition: the key exists (or does not). Checked against the state before. */
void meta_txn_expect(
    struct meta_txn *, const void *key, size_t keylen, bool exists);
/* The same: no key starts with prefix. */
void meta_txn_expect_none(struct meta_txn *, const void *prefix, size_t len);

/* Iterating one, for the engines: returns false at the end. */
enum meta_txn_op {
	META_PUT,
	META_DEL,
	META_DEL_PREFIX,
	META_EXPECT,
	META_EXPECT_NOT,
	META_EXPECT_NONE
};
struct meta_txn_item {
	enum meta_txn_op op;
	const uint8_t *key, *val;
	size_t keylen, len;
};
bool meta_txn_next(
    const struct meta_txn *, size_t *iter, struct meta_txn_item *);
size_t meta_txn_items(const struct meta_txn *);
/* memory that it takes */
size_t meta_txn_bytes(const struct meta_txn *);

/* key builder: prefix and a big-endian id; returns the length */
size_t meta_key_id(
    uint8_t key[static META_KEY_MAX], const char *prefix, uint64_t id);

#endif
