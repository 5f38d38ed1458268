/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "os/file.h"
#include "store/meta_lmdb_priv.h"

static void
count(_Atomic uint64_t *c)
{
	(void)atomic_fetch_add_explicit(c, 1, memory_order_relaxed);
}

enum err
meta_lmdb_err(int rc)
{
	switch (rc) {
	case MDB_SUCCESS:
		return ERR_OK;
	case MDB_NOTFOUND:
		return ERR_NO_KEY;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
		return ERR_CORRUPT;
	case MDB_VERSION_MISMATCH:
		return ERR_NEWER_FORMAT;
	case MDB_MAP_FULL:
		return ERR_NO_SPACE;
	case MDB_TXN_FULL:
		return ERR_TOO_BIG;
	default:
		return rc > 0 ? file_err(rc) : ERR_IO;
	}
}

static MDB_val
val_of(const void *p, size_t len)
{
	return (MDB_val){ .mv_size = len, .mv_data = (void *)(uintptr_t)p };
}

/* ---- one request in a transaction: MDB_ codes; MDB_SUCCESS with rq->err */

static bool
has_prefix(const MDB_val *k, const void *prefix, size_t len)
{
	return k->mv_size >= len && memcmp(k->mv_data, prefix, len) == 0;
}

/* *there: the key is, or for META_EXPECT_NONE a key with that prefix */
static int
look(struct meta_lmdb *ml, MDB_txn *txn, const struct meta_txn_item *ti,
    bool *there)
{
	MDB_cursor *cur;
	MDB_val k = val_of(ti->key, ti->keylen), v;
	int rc;

	if (ti->op != META_EXPECT_NONE) {
		rc = mdb_get(txn, ml->dbi, &k, &v);
		*there = rc == MDB_SUCCESS;
	} else {
		rc = mdb_cursor_open(txn, ml->dbi, &cur);
		if (rc != MDB_SUCCESS)
			return rc;
		rc = mdb_cursor_get(cur, &k, &v, MDB_SET_RANGE);
		*there =
		    rc == MDB_SUCCESS && has_prefix(&k, ti->key, ti->keylen);
		mdb_cursor_close(cur);
	}
	return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

static int
check_expects(struct meta_lmdb *ml, MDB_txn *txn, struct req *rq)
{
	struct meta_txn_item ti;
	size_t iter = 0;
	bool there;
	int rc;

	rq->err = ERR_OK;
	while (meta_txn_next(rq->txn, &iter, &ti)) {
		if (ti.op != META_EXPECT && ti.op != META_EXPECT_NOT &&
		    ti.op != META_EXPECT_NONE)
			continue;
		rc = look(ml, txn, &ti, &there);
		if (rc != MDB_SUCCESS)
			return rc;
		if (there != (ti.op == META_EXPECT)) {
			rq->err = ERR_CONFLICT;
			break;
		}
	}
	return MDB_SUCCESS;
}

static int
del_prefix(struct meta_lmdb *ml, MDB_txn *txn, const struct meta_txn_item *ti)
{
	MDB_cursor *cur;
	MDB_val k, v;
	int rc;

	rc = mdb_cursor_open(txn, ml->dbi, &cur);
	if (rc != MDB_SUCCESS)
		return rc;
	k = val_of(ti->key, ti->keylen);
	rc = mdb_cursor_get(cur, &k, &v, MDB_SET_RANGE);
	while (rc == MDB_SUCCESS && has_prefix(&k, ti->key, ti->keylen)) {
		rc = mdb_cursor_del(cur, 0);
		if (rc == MDB_SUCCESS)
			rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

static int
do_commit(struct meta_lmdb *ml, MDB_txn *txn, struct req *rq)
{
	struct meta_txn_item ti;
	size_t iter = 0;
	MDB_val k, v;
	int rc;

	rc = check_expects(ml, txn, rq);
	if (rq->err != ERR_OK)
		return rc;
	while (rc == MDB_SUCCESS && meta_txn_next(rq->txn, &iter, &ti)) {
		k = val_of(ti.key, ti.keylen);
		v = val_of(ti.val, ti.len);
		if (ti.op == META_PUT)
			rc = mdb_put(txn, ml->dbi, &k, &v, 0);
		else if (ti.op == META_DEL) {
			rc = mdb_del(txn, ml->dbi, &k, NULL);
			if (rc == MDB_NOTFOUND)
				rc = MDB_SUCCESS;
		} else if (ti.op == META_DEL_PREFIX)
			rc = del_prefix(ml, txn, &ti);
	}
	return rc;
}

static int
do_get(struct meta_lmdb *ml, MDB_txn *txn, struct req *rq)
{
	MDB_val k = val_of(rq->key, rq->keylen), v;
	int rc;

	rc = mdb_get(txn, ml->dbi, &k, &v);
	if (rc == MDB_SUCCESS) {
		rq->val = mem_dup(v.mv_data, v.mv_size);
		rq->len = v.mv_size;
	}
	if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND)
		return rc;
	rq->err = rc == MDB_SUCCESS ? ERR_OK : ERR_NO_KEY;
	return MDB_SUCCESS;
}

/* At boot a million of them: a round trip to the thread each would take
 * seconds. The map must not grow meanwhile; in the midst of that, false. */
bool
meta_lmdb_get_direct(struct meta_lmdb *ml, MDB_txn **txn, struct req *rq)
{
	int rc;

	(void)atomic_fetch_add(&ml->readers_n, 1);
	if (atomic_load(&ml->growing)) {
		(void)atomic_fetch_sub(&ml->readers_n, 1);
		return false;
	}
	if (*txn == NULL)
		rc = mdb_txn_begin(ml->env, NULL, MDB_RDONLY, txn);
	else
		rc = mdb_txn_renew(*txn);
	if (rc == MDB_SUCCESS) {
		rc = do_get(ml, *txn, rq);
		mdb_txn_reset(*txn);
	}
	(void)atomic_fetch_sub(&ml->readers_n, 1);
	if (rc != MDB_SUCCESS)
		rq->err = meta_lmdb_err(rc);
	count(&ml->gets);
	return true;
}

static void
add_item(struct req *rq, const MDB_val *k, const MDB_val *v)
{
	struct item_head h;
	struct block *b = rq->last;
	size_t want, cap;

	h.keylen = (uint32_t)k->mv_size;
	h.len = (uint32_t)v->mv_size;
	want = sizeof h + k->mv_size + v->mv_size;
	if (b == NULL || b->cap - b->len < want) {
		/* the first is small: most lists are */
		cap = b == NULL ? 4096 : BLOCK_BYTES;
		if (cap < want)
			cap = want;
		b = mem_alloc(sizeof *b + cap);
		b->next = NULL;
		b->len = 0;
		b->cap = cap;
		if (rq->last == NULL)
			rq->first = b;
		else
			rq->last->next = b;
		rq->last = b;
	}
	memcpy(b->p + b->len, &h, sizeof h);
	b->len += sizeof h;
	memcpy(b->p + b->len, k->mv_data, k->mv_size);
	b->len += k->mv_size;
	if (v->mv_size > 0)
		memcpy(b->p + b->len, v->mv_data, v->mv_size);
	b->len += v->mv_size;
}

static int
first_key(const struct req *rq, MDB_cursor *cur, MDB_val *k, MDB_val *v)
{
	int rc;

	if (rq->afterlen > 0) {
		*k = val_of(rq->after, rq->afterlen);
		rc = mdb_cursor_get(cur, k, v, MDB_SET_RANGE);
		if (rc == MDB_SUCCESS && k->mv_size == rq->afterlen &&
		    memcmp(k->mv_data, rq->after, rq->afterlen) == 0)
			rc = mdb_cursor_get(cur, k, v, MDB_NEXT);
		return rc;
	}
	if (rq->keylen == 0)
		return mdb_cursor_get(cur, k, v, MDB_FIRST);
	*k = val_of(rq->key, rq->keylen);
	return mdb_cursor_get(cur, k, v, MDB_SET_RANGE);
}

static int
do_list(struct meta_lmdb *ml, MDB_txn *txn, struct req *rq)
{
	static const MDB_val none;
	size_t n = 0, bytes = 0;
	MDB_cursor *cur;
	MDB_val k, v;
	int rc;

	rq->more = false;
	rc = mdb_cursor_open(txn, ml->dbi, &cur);
	if (rc != MDB_SUCCESS)
		return rc;
	rc = first_key(rq, cur, &k, &v);
	while (rc == MDB_SUCCESS && has_prefix(&k, rq->key, rq->keylen)) {
		if (rq->page_bytes != 0 && bytes >= rq->page_bytes) {
			rq->more = true;
			break;
		}
		add_item(rq, &k, rq->with_values ? &v : &none);
		bytes += sizeof(struct item_head) + k.mv_size + v.mv_size;
		n++;
		if (n == rq->limit)
			break;
		rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

void
meta_lmdb_forget(struct req *rq)
{
	struct block *b;

	MEM_FREE(rq->val);
	rq->len = 0;
	while ((b = rq->first) != NULL) {
		rq->first = b->next;
		mem_free(b);
	}
	rq->last = NULL;
	rq->err = ERR_OK;
}

static int
do_req(struct meta_lmdb *ml, MDB_txn *txn, struct req *rq)
{
	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	meta_lmdb_forget(rq);
	switch (rq->type) {
	case REQ_GET:
		return do_get(ml, txn, rq);
	case REQ_LIST:
		return do_list(ml, txn, rq);
	case REQ_COMMIT:
		return do_commit(ml, txn, rq);
	case REQ_NOP:
		return MDB_SUCCESS;
	default:
		WRONG("request");
	}
}

/* ---- groups */

/* first..end (excluded) in one transaction */
static int
do_txn(
    struct meta_lmdb *ml, struct req *first, const struct req *end, bool writes)
{
	struct req *rq;
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(ml->env, NULL, writes ? 0 : MDB_RDONLY, &txn);
	if (rc != MDB_SUCCESS)
		return rc;
	count(&ml->txns);
	for (rq = first; rc == MDB_SUCCESS && rq != end;
	     rq = meta_lmdb_next(rq))
		rc = do_req(ml, txn, rq);
	if (rc == MDB_SUCCESS && writes)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

static int
grow_map(struct meta_lmdb *ml)
{
	uint64_t bytes = 2 * atomic_load(&ml->map_bytes);
	int rc;

	if (bytes > MAP_BYTES_MAX)
		return MDB_MAP_FULL;
	atomic_store(&ml->growing, true);
	while (atomic_load(&ml->readers_n) > 0)
		; /* one get */
	rc = mdb_env_set_mapsize(ml->env, bytes);
	atomic_store(&ml->growing, false);
	if (rc == MDB_SUCCESS) {
		atomic_store(&ml->map_bytes, bytes);
		count(&ml->grown);
	}
	return rc;
}

static int
do_txn_growing(
    struct meta_lmdb *ml, struct req *first, const struct req *end, bool writes)
{
	int rc;

	do {
		rc = do_txn(ml, first, end, writes);
		if (rc == MDB_MAP_FULL)
			rc =
			    grow_map(ml) == MDB_SUCCESS ? MDB_MAP_FULL : ENOSPC;
	} while (rc == MDB_MAP_FULL);
	return rc;
}

/*
 * The group failed as a whole and nothing of it was kept: its commits say so,
 * and what was read inside it is read again.
 */
static void
fail_group(
    struct meta_lmdb *ml, struct req *first, const struct req *end, int rc)
{
	struct req *rq;
	int rc2;

	for (rq = first; rq != end; rq = meta_lmdb_next(rq)) {
		if (rq->type == REQ_COMMIT) {
			count(&ml->errors);
			rq->err = meta_lmdb_err(rc);
			continue;
		}
		rc2 = do_txn(ml, rq, meta_lmdb_next(rq), false);
		if (rc2 != MDB_SUCCESS) {
			count(&ml->errors);
			meta_lmdb_forget(rq);
			rq->err = meta_lmdb_err(rc2);
		}
	}
}

static void
count_group(struct meta_lmdb *ml, struct req *first, const struct req *end)
{
	struct req *rq;

	for (rq = first; rq != end; rq = meta_lmdb_next(rq)) {
		if (rq->type == REQ_GET)
			count(&ml->gets);
		else if (rq->type == REQ_LIST)
			count(&ml->lists);
		else if (rq->type == REQ_COMMIT) {
			count(&ml->commits);
			if (rq->err == ERR_CONFLICT)
				count(&ml->conflicts);
		}
	}
}

/* Where the next transaction ends: by bytes, by items, by number. */
static struct req *
group_end(struct req *first, bool *writes, unsigned max)
{
	struct req *rq;
	size_t bytes = 0, items = 0;
	unsigned n = 0;

	*writes = false;
	for (rq = first; rq != NULL; rq = meta_lmdb_next(rq)) {
		if (rq->txn != NULL) {
			bytes += meta_txn_bytes(rq->txn);
			items += meta_txn_items(rq->txn);
		}
		if (n > 0 &&
		    (bytes > GROUP_BYTES_MAX || items > GROUP_ITEMS_MAX ||
			n == max))
			break;
		*writes = *writes || rq->txn != NULL;
		n++;
	}
	return rq;
}

void
meta_lmdb_batch(struct meta_lmdb *ml, struct req *first)
{
	unsigned max = GROUP_MAX;
	struct req *end;
	bool writes;
	int rc;

	while (first != NULL) {
		end = group_end(first, &writes, max);
		rc = do_txn_growing(ml, first, end, writes);
		if (rc == MDB_TXN_FULL && max > 1) {
			max /= 2;
			continue;
		}
		if (rc != MDB_SUCCESS)
			fail_group(ml, first, end, rc);
		count_group(ml, first, end);
		first = end;
	}
}
