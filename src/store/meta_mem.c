/* SPDX-License-Identifier: Apache-2.0 */
/* The keys are a sorted array: it is for tests, of some thousand keys. */
#include <sys/queue.h>

#include "base/hash.h"
#include "base/miniobj.h"
#include "store/meta_mem.h"

struct item {
	uint8_t *key, *val;
	size_t keylen, len;
};

enum req_type {
	REQ_GET,
	REQ_LIST,
	REQ_COMMIT
};

struct req {
	STAILQ_ENTRY(req) link;
	enum req_type type;
	uint8_t *key, *after; /* after: NULL, or where a list goes on */
	size_t keylen, afterlen, limit;
	bool with_values;
	struct meta_txn *txn;
	union {
		meta_get_f *get;
		meta_list_f *list;
		meta_commit_f *commit;
	} cb;
	void *priv;
};
STAILQ_HEAD(req_head, req);

struct meta_mem {
	unsigned magic;
#define META_MEM_MAGIC 0x3e7a3e30
	struct item *items;
	size_t n, cap;
	struct req_head reqs;
	size_t reqs_n;
	size_t fail_n;
	enum err fail_err;
};

struct handle {
	struct meta m; /* first */
	struct meta_mem *mm;
};

/* ---- the store */

static int
cmp(const void *a, size_t alen, const void *b, size_t blen)
{
	int r;

	/* an empty prefix may be NULL */
	r = alen == 0 || blen == 0 ? 0 :
				     memcmp(a, b, alen < blen ? alen : blen);
	if (r != 0)
		return r;
	return (alen > blen) - (alen < blen);
}

/* First item >= key. */
static size_t
lower(const struct meta_mem *mm, const void *key, size_t keylen)
{
	size_t lo = 0, hi = mm->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (cmp(mm->items[mid].key, mm->items[mid].keylen, key,
			keylen) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct item *
find(const struct meta_mem *mm, const void *key, size_t keylen)
{
	size_t i = lower(mm, key, keylen);

	if (i < mm->n &&
	    cmp(mm->items[i].key, mm->items[i].keylen, key, keylen) == 0)
		return &mm->items[i];
	return NULL;
}

static bool
has_prefix(const struct item *it, const void *prefix, size_t len)
{
	return len == 0 ||
	    (it->keylen >= len && memcmp(it->key, prefix, len) == 0);
}

static void
put(struct meta_mem *mm, const struct meta_txn_item *ti)
{
	struct item *it;
	size_t i;

	it = find(mm, ti->key, ti->keylen);
	if (it == NULL) {
		if (mm->n == mm->cap) {
			mm->cap = mm->cap == 0 ? 16 : 2 * mm->cap;
			mm->items = mem_reallocarray(
			    mm->items, mm->cap, sizeof *mm->items);
		}
		i = lower(mm, ti->key, ti->keylen);
		it = &mm->items[i];
		memmove(it + 1, it, (mm->n - i) * sizeof *it);
		mm->n++;
		it->key = mem_dup(ti->key, ti->keylen);
		it->keylen = ti->keylen;
	} else
		mem_free(it->val);
	it->val = mem_dup(ti->val, ti->len);
	it->len = ti->len;
}

static void
del_range(struct meta_mem *mm, size_t from, size_t to)
{
	size_t i;

	for (i = from; i < to; i++) {
		mem_free(mm->items[i].key);
		mem_free(mm->items[i].val);
	}
	memmove(
	    &mm->items[from], &mm->items[to], (mm->n - to) * sizeof *mm->items);
	mm->n -= to - from;
}

static void
del(struct meta_mem *mm, const struct meta_txn_item *ti)
{
	struct item *it = find(mm, ti->key, ti->keylen);
	size_t i;

	if (it == NULL)
		return;
	i = (size_t)(it - mm->items);
	del_range(mm, i, i + 1);
}

static void
del_prefix(struct meta_mem *mm, const struct meta_txn_item *ti)
{
	size_t from = lower(mm, ti->key, ti->keylen), to;

	for (to = from; to < mm->n; to++)
		if (!has_prefix(&mm->items[to], ti->key, ti->keylen))
			break;
	if (to > from)
		del_range(mm, from, to);
}

/* condition or not: does it hold? */
static bool
holds(const struct meta_mem *mm, const struct meta_txn_item *ti)
{
	size_t i;

	switch (ti->op) {
	case META_EXPECT:
		return find(mm, ti->key, ti->keylen) != NULL;
	case META_EXPECT_NOT:
		return find(mm, ti->key, ti->keylen) == NULL;
	case META_EXPECT_NONE:
		i = lower(mm, ti->key, ti->keylen);
		return i == mm->n ||
		    !has_prefix(&mm->items[i], ti->key, ti->keylen);
	default:
		return true;
	}
}

static enum err
apply(struct meta_mem *mm, const struct meta_txn *txn)
{
	struct meta_txn_item ti;
	size_t iter = 0;

	while (meta_txn_next(txn, &iter, &ti))
		if (!holds(mm, &ti))
			return ERR_CONFLICT;
	iter = 0;
	while (meta_txn_next(txn, &iter, &ti)) {
		if (ti.op == META_PUT)
			put(mm, &ti);
		else if (ti.op == META_DEL)
			del(mm, &ti);
		else if (ti.op == META_DEL_PREFIX)
			del_prefix(mm, &ti);
	}
	return ERR_OK;
}

/*
 * The callbacks may not change the store (commits are queued), but commit_now
 * exists: so each item is looked up anew behind the one before.
 */
/* First item > key. */
static size_t
behind(const struct meta_mem *mm, const void *key, size_t keylen)
{
	size_t i = lower(mm, key, keylen);

	if (i < mm->n &&
	    cmp(mm->items[i].key, mm->items[i].keylen, key, keylen) == 0)
		i++;
	return i;
}

static void
list(struct meta_mem *mm, const struct req *rq, meta_list_f *cb, void *priv)
{
	uint8_t key[META_KEY_MAX];
	size_t i, keylen, n = 0;
	struct item *it;

	i = rq->after != NULL ? behind(mm, rq->after, rq->afterlen) :
				lower(mm, rq->key, rq->keylen);
	while (i < mm->n && (rq->limit == 0 || n < rq->limit)) {
		it = &mm->items[i];
		if (!has_prefix(it, rq->key, rq->keylen))
			break;
		keylen = it->keylen;
		memcpy(key, it->key, keylen);
		cb(priv, ERR_OK, it->key, keylen,
		    rq->with_values ? it->val : NULL,
		    rq->with_values ? it->len : 0);
		n++;
		i = behind(mm, key, keylen);
	}
	cb(priv, ERR_OK, NULL, 0, NULL, 0);
}

/* ---- requests */

static struct handle *
handle_of(struct meta *m)
{
	CHECK_OBJ_NOTNULL(m, META_MAGIC);
	return (struct handle *)(void *)m;
}

static struct req *
add_req(struct meta *m, enum req_type type, const void *key, size_t keylen,
    void *priv)
{
	struct meta_mem *mm = handle_of(m)->mm;
	struct req *rq;

	CHECK_OBJ_NOTNULL(mm, META_MEM_MAGIC);
	rq = mem_zalloc(sizeof *rq);
	rq->type = type;
	rq->key = keylen > 0 ? mem_dup(key, keylen) : NULL;
	rq->keylen = keylen;
	rq->priv = priv;
	STAILQ_INSERT_TAIL(&mm->reqs, rq, link);
	mm->reqs_n++;
	return rq;
}

static void
mem_get(
    struct meta *m, const void *key, size_t keylen, meta_get_f *cb, void *priv)
{
	assert(keylen >= 1 && keylen <= META_KEY_MAX);
	add_req(m, REQ_GET, key, keylen, priv)->cb.get = cb;
}

static void
mem_list(struct meta *m, const void *prefix, size_t len, size_t limit,
    bool with_values, meta_list_f *cb, void *priv)
{
	struct req *rq;

	assert(len <= META_KEY_MAX);
	rq = add_req(m, REQ_LIST, prefix, len, priv);
	rq->cb.list = cb;
	rq->limit = limit;
	rq->with_values = with_values;
}

static void
mem_list_after(struct meta *m, const void *prefix, size_t len,
    const void *after, size_t afterlen, size_t limit, meta_list_f *cb,
    void *priv)
{
	struct req *rq;

	assert(len <= META_KEY_MAX);
	assert(afterlen >= 1 && afterlen <= META_KEY_MAX);
	rq = add_req(m, REQ_LIST, prefix, len, priv);
	rq->cb.list = cb;
	rq->after = mem_dup(after, afterlen);
	rq->afterlen = afterlen;
	rq->limit = limit;
	rq->with_values = true;
}

static void
mem_commit(
    struct meta *m, struct meta_txn **txnp, meta_commit_f *done, void *priv)
{
	struct req *rq;

	AN(*txnp);
	rq = add_req(m, REQ_COMMIT, NULL, 0, priv);
	rq->cb.commit = done;
	rq->txn = *txnp;
	*txnp = NULL;
}

static enum err
mem_get_now(
    struct meta *m, const void *key, size_t keylen, void **val, size_t *len)
{
	const struct item *it = find(handle_of(m)->mm, key, keylen);

	*val = NULL;
	*len = 0;
	if (it == NULL)
		return ERR_NO_KEY;
	*val = mem_dup(it->val, it->len);
	*len = it->len;
	return ERR_OK;
}

static enum err
mem_list_now(
    struct meta *m, const void *prefix, size_t len, meta_list_f *cb, void *priv)
{
	const struct req rq = {
		.key = (uint8_t *)(uintptr_t)prefix,
		.keylen = len,
		.with_values = true,
	};

	list(handle_of(m)->mm, &rq, cb, priv);
	return ERR_OK;
}

static enum err
carry_out(struct meta_mem *mm, const struct meta_txn *txn)
{
	if (mm->fail_n > 0) {
		mm->fail_n--;
		return mm->fail_err;
	}
	return apply(mm, txn);
}

static enum err
mem_commit_now(struct meta *m, struct meta_txn **txnp)
{
	enum err err;

	err = carry_out(handle_of(m)->mm, *txnp);
	meta_txn_free(txnp);
	return err;
}

static const struct meta_ops mem_ops = {
	.name = "mem",
	.get = mem_get,
	.list = mem_list,
	.list_after = mem_list_after,
	.commit = mem_commit,
	.get_now = mem_get_now,
	.list_now = mem_list_now,
	.commit_now = mem_commit_now,
};

static struct req *
take_req(struct meta_mem *mm)
{
	struct req *rq = STAILQ_FIRST(&mm->reqs);

	if (rq != NULL) {
		STAILQ_REMOVE_HEAD(&mm->reqs, link);
		mm->reqs_n--;
	}
	return rq;
}

static void
free_req(struct req *rq)
{
	if (rq->txn != NULL)
		meta_txn_free(&rq->txn);
	mem_free(rq->key);
	mem_free(rq->after);
	mem_free(rq);
}

static void
answer(struct meta_mem *mm, struct req *rq)
{
	const struct item *it;
	enum err err;

	switch (rq->type) {
	case REQ_GET:
		it = find(mm, rq->key, rq->keylen);
		if (it == NULL)
			rq->cb.get(rq->priv, ERR_NO_KEY, NULL, 0);
		else
			rq->cb.get(rq->priv, ERR_OK, it->val, it->len);
		break;
	case REQ_LIST:
		list(mm, rq, rq->cb.list, rq->priv);
		break;
	case REQ_COMMIT:
		err = carry_out(mm, rq->txn);
		if (rq->cb.commit != NULL)
			rq->cb.commit(rq->priv, err);
		break;
	default:
		WRONG("request");
	}
}

size_t
meta_mem_pump(struct meta_mem *mm, size_t n)
{
	size_t done, max;
	struct req *rq;

	CHECK_OBJ_NOTNULL(mm, META_MEM_MAGIC);
	max = n == 0 || n > mm->reqs_n ? mm->reqs_n : n;
	for (done = 0; done < max; done++) {
		rq = take_req(mm);
		if (rq == NULL)
			break;
		answer(mm, rq);
		free_req(rq);
	}
	return done;
}

void
meta_mem_crash(struct meta_mem *mm, size_t keep)
{
	struct req *rq;
	enum err err;

	CHECK_OBJ_NOTNULL(mm, META_MEM_MAGIC);
	while ((rq = take_req(mm)) != NULL) {
		if (rq->type == REQ_COMMIT && keep > 0) {
			keep--;
			err = carry_out(mm, rq->txn);
			(void)err; /* nobody is left to be told */
		}
		free_req(rq);
	}
}

void
meta_mem_fail_commits(struct meta_mem *mm, size_t n, enum err err)
{
	CHECK_OBJ_NOTNULL(mm, META_MEM_MAGIC);
	mm->fail_n = n;
	mm->fail_err = err;
}

struct meta_mem *
meta_mem_new(void)
{
	struct meta_mem *mm;

	ALLOC_OBJ(mm, META_MEM_MAGIC);
	STAILQ_INIT(&mm->reqs);
	return mm;
}

void
meta_mem_free(struct meta_mem **mmp)
{
	struct meta_mem *mm;
	struct req *rq;

	TAKE_OBJ_NOTNULL(mm, mmp, META_MEM_MAGIC);
	while ((rq = take_req(mm)) != NULL)
		free_req(rq);
	if (mm->n > 0)
		del_range(mm, 0, mm->n);
	mem_free(mm->items);
	FREE_OBJ(mm);
}

struct meta *
meta_mem_handle(struct meta_mem *mm)
{
	struct handle *h;

	CHECK_OBJ_NOTNULL(mm, META_MEM_MAGIC);
	h = mem_zalloc(sizeof *h);
	h->m.magic = META_MAGIC;
	h->m.ops = &mem_ops;
	h->mm = mm;
	return &h->m;
}

void
meta_mem_handle_free(struct meta **mp)
{
	struct meta *m;

	TAKE_OBJ_NOTNULL(m, mp, META_MAGIC);
	FREE_OBJ(m);
}

size_t
meta_mem_queued(const struct meta_mem *mm)
{
	CHECK_OBJ_NOTNULL(mm, META_MEM_MAGIC);
	return mm->reqs_n;
}

size_t
meta_mem_keys(const struct meta_mem *mm)
{
	CHECK_OBJ_NOTNULL(mm, META_MEM_MAGIC);
	return mm->n;
}

uint64_t
meta_mem_hash(const struct meta_mem *mm)
{
	uint64_t h = 0;
	size_t i;

	CHECK_OBJ_NOTNULL(mm, META_MEM_MAGIC);
	for (i = 0; i < mm->n; i++) {
		h = hash_u64(
		    h, hash_bytes(1, mm->items[i].key, mm->items[i].keylen));
		h = hash_u64(
		    h, hash_bytes(2, mm->items[i].val, mm->items[i].len));
	}
	return h;
}
