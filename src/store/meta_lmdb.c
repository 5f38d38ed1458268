/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests go to the metadata thread by its mailbox and come back by the
 * handle's. What the thread finds in its box is one group: one transaction,
 * in which every request sees those before it, one commit, then the answers.
 * LMDB's commit syncs the data, then the page that makes it valid.
 */
#include "os/file.h"
#include "store/meta_lmdb_priv.h"

struct handle {
	struct meta m; /* first */
	struct meta_lmdb *ml;
	struct loop *lp; /* NULL: only *_now */
	struct mbox *mb;
	size_t pending;
	MDB_txn
	    *now_txn; /* of get_now, between two of them without a snapshot */
};

/* ---- the thread */

static void
run(void *priv)
{
	struct meta_lmdb *ml;
	struct req *rq, *next;

	CAST_OBJ_NOTNULL(ml, priv, META_LMDB_MAGIC);
	while ((rq = (struct req *)(void *)mbox_wait(ml->box)) != NULL) {
		meta_lmdb_batch(ml, rq);
		for (; rq != NULL; rq = next) {
			next = meta_lmdb_next(rq);
			mbox_post(rq->reply, &rq->link);
		}
	}
}

static void
free_req(struct req *rq)
{
	meta_lmdb_forget(rq);
	if (rq->txn != NULL)
		meta_txn_free(&rq->txn);
	FREE_OBJ(rq);
}

/* last: where the key of the last item goes, if not NULL */
static void
give_items(struct req *rq, uint8_t *last, size_t *lastlen)
{
	const uint8_t *key, *val;
	struct item_head h;
	struct block *b;
	size_t pos;

	for (b = rq->first; b != NULL; b = b->next)
		for (pos = 0; pos < b->len;
		     pos += sizeof h + h.keylen + h.len) {
			memcpy(&h, b->p + pos, sizeof h);
			key = b->p + pos + sizeof h;
			val = key + h.keylen;
			if (last != NULL) {
				memcpy(last, key, h.keylen);
				*lastlen = h.keylen;
			}
			rq->cb.list(rq->priv, ERR_OK, key, h.keylen,
			    rq->with_values ? val : NULL, h.len);
		}
}

static void
answer_list(struct req *rq)
{
	give_items(rq, NULL, NULL);
	rq->cb.list(rq->priv, rq->err, NULL, 0, NULL, 0);
}

static void
on_answers(void *priv, struct mbox_msg *m)
{
	struct handle *h = priv;
	struct mbox_msg *next;
	struct req *rq;

	for (; m != NULL; m = next) {
		next = m->next;
		CAST_OBJ_NOTNULL(rq, (struct req *)(void *)m, REQ_MAGIC);
		AN(h->pending);
		h->pending--;
		if (rq->type == REQ_GET)
			rq->cb.get(rq->priv, rq->err, rq->val, rq->len);
		else if (rq->type == REQ_LIST)
			answer_list(rq);
		else if (rq->cb.commit != NULL)
			rq->cb.commit(rq->priv, rq->err);
		free_req(rq);
	}
}

/* ---- operations */

static struct handle *
handle_of(struct meta *m)
{
	CHECK_OBJ_NOTNULL(m, META_MAGIC);
	return (struct handle *)(void *)m;
}

static struct req *
req_new(enum req_type type, const void *key, size_t keylen)
{
	struct req *rq;

	assert(keylen <= META_KEY_MAX);
	ALLOC_OBJ(rq, REQ_MAGIC);
	rq->type = type;
	if (keylen > 0)
		memcpy(rq->key, key, keylen);
	rq->keylen = keylen;
	return rq;
}

static void
send_req(struct handle *h, struct req *rq)
{
	AN(h->lp);
	LOOP_ASSERT(h->lp);
	rq->reply = h->mb;
	h->pending++;
	mbox_post(h->ml->box, &rq->link);
}

static void
lmdb_get(
    struct meta *m, const void *key, size_t keylen, meta_get_f *cb, void *priv)
{
	struct req *rq;

	AN(keylen);
	rq = req_new(REQ_GET, key, keylen);
	rq->cb.get = cb;
	rq->priv = priv;
	send_req(handle_of(m), rq);
}

static void
lmdb_list(struct meta *m, const void *prefix, size_t len, size_t limit,
    bool with_values, meta_list_f *cb, void *priv)
{
	struct req *rq;

	rq = req_new(REQ_LIST, prefix, len);
	rq->limit = limit;
	rq->with_values = with_values;
	rq->cb.list = cb;
	rq->priv = priv;
	send_req(handle_of(m), rq);
}

static void
lmdb_list_after(struct meta *m, const void *prefix, size_t len,
    const void *after, size_t afterlen, size_t limit, meta_list_f *cb,
    void *priv)
{
	struct req *rq;

	assert(afterlen >= 1 && afterlen <= META_KEY_MAX);
	rq = req_new(REQ_LIST, prefix, len);
	memcpy(rq->after, after, afterlen);
	rq->afterlen = afterlen;
	rq->limit = limit;
	rq->with_values = true;
	rq->cb.list = cb;
	rq->priv = priv;
	send_req(handle_of(m), rq);
}

static void
lmdb_commit(
    struct meta *m, struct meta_txn **txnp, meta_commit_f *done, void *priv)
{
	struct req *rq;

	AN(*txnp);
	assert(!handle_of(m)->ml->readonly);
	rq = req_new(REQ_COMMIT, NULL, 0);
	rq->txn = *txnp;
	*txnp = NULL;
	rq->cb.commit = done;
	rq->priv = priv;
	send_req(handle_of(m), rq);
}

/* The thread does it, so that nothing depends on whether it is idle. */
static void
round_trip(struct meta_lmdb *ml, struct req *rq)
{
	struct mbox *mb = mbox_new_reply();

	rq->reply = mb;
	mbox_post(ml->box, &rq->link);
	assert(mbox_wait(mb) == &rq->link);
	mbox_free(&mb);
}

static enum err
lmdb_get_now(
    struct meta *m, const void *key, size_t keylen, void **val, size_t *len)
{
	struct handle *h = handle_of(m);
	struct req *rq;
	enum err err;

	rq = req_new(REQ_GET, key, keylen);
	if (!meta_lmdb_get_direct(h->ml, &h->now_txn, rq))
		round_trip(h->ml, rq);
	err = rq->err;
	*val = rq->val;
	*len = rq->len;
	rq->val = NULL;
	free_req(rq);
	return err;
}

/*
 * Page by page: at boot this may be everything there is. A read transaction
 * of ours would be simpler, but the thread must not grow the map under it.
 */
static enum err
lmdb_list_now(
    struct meta *m, const void *prefix, size_t len, meta_list_f *cb, void *priv)
{
	struct meta_lmdb *ml = handle_of(m)->ml;
	uint8_t last[META_KEY_MAX];
	size_t lastlen = 0;
	struct req *rq;
	enum err err;
	bool more;

	do {
		rq = req_new(REQ_LIST, prefix, len);
		rq->with_values = true;
		rq->page_bytes = PAGE_BYTES;
		memcpy(rq->after, last, lastlen);
		rq->afterlen = lastlen;
		rq->cb.list = cb;
		rq->priv = priv;
		round_trip(ml, rq);
		err = rq->err;
		more = rq->more;
		give_items(rq, last, &lastlen);
		free_req(rq);
	} while (more);
	cb(priv, err, NULL, 0, NULL, 0);
	return err;
}

static enum err
lmdb_commit_now(struct meta *m, struct meta_txn **txnp)
{
	struct req *rq;
	enum err err;

	assert(!handle_of(m)->ml->readonly);
	rq = req_new(REQ_COMMIT, NULL, 0);
	rq->txn = *txnp;
	*txnp = NULL;
	round_trip(handle_of(m)->ml, rq);
	err = rq->err;
	free_req(rq);
	return err;
}

static const struct meta_ops lmdb_ops = {
	.name = "lmdb",
	.get = lmdb_get,
	.list = lmdb_list,
	.list_after = lmdb_list_after,
	.commit = lmdb_commit,
	.get_now = lmdb_get_now,
	.list_now = lmdb_list_now,
	.commit_now = lmdb_commit_now,
};

/* ---- life */

static int
open_env(struct meta_lmdb *ml, const char *path)
{
	unsigned flags = MDB_NOTLS;
	MDB_envinfo info;
	MDB_txn *txn;
	int rc;

	if (ml->readonly)
		flags |= MDB_RDONLY;
	rc = mdb_env_create(&ml->env);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_set_mapsize(ml->env, MAP_BYTES_MIN);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_open(ml->env, path, flags, 0600);
	if (rc == MDB_SUCCESS)
		rc = mdb_txn_begin(
		    ml->env, NULL, ml->readonly ? MDB_RDONLY : 0, &txn);
	if (rc != MDB_SUCCESS)
		return rc;
	rc = mdb_dbi_open(txn, NULL, 0, &ml->dbi);
	if (rc == MDB_SUCCESS)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	/* as large as the file wants it, if that is more */
	if (rc == MDB_SUCCESS)
		rc = mdb_env_info(ml->env, &info);
	if (rc == MDB_SUCCESS)
		atomic_store(&ml->map_bytes, info.me_mapsize);
	return rc;
}

enum err
meta_lmdb_open(
    struct meta_lmdb **mlp, const char *datadir, bool readonly, struct diag *d)
{
	return meta_lmdb_open_as(mlp, datadir, "meta", readonly, d);
}

enum err
meta_lmdb_open_as(struct meta_lmdb **mlp, const char *datadir, const char *name,
    bool readonly, struct diag *d)
{
	struct meta_lmdb *ml;
	enum err err = ERR_OK;
	char *path;
	int rc;

	ALLOC_OBJ(ml, META_LMDB_MAGIC);
	ml->readonly = readonly;
	path = mem_printf("%s/%s", datadir, name);
	if (!readonly)
		err = file_mkdir(path);
	if (err == ERR_OK) {
		rc = open_env(ml, path);
		err = meta_lmdb_err(rc);
		if (err != ERR_OK)
			(void)diag_set(
			    d, err, "metadata %s: %s", path, mdb_strerror(rc));
	} else
		(void)diag_set(
		    d, err, "cannot create %s: %s", path, err_text(err));
	mem_free(path);
	if (err == ERR_OK) {
		ml->box = mbox_new_thread();
		thread_start(&ml->th, name, run, ml);
	} else {
		if (ml->env != NULL)
			mdb_env_close(ml->env);
		FREE_OBJ(ml);
	}
	*mlp = ml;
	return err;
}

void
meta_lmdb_close(struct meta_lmdb **mlp)
{
	struct meta_lmdb *ml;

	TAKE_OBJ_NOTNULL(ml, mlp, META_LMDB_MAGIC);
	AZ(ml->handles_n);
	mbox_shut(ml->box);
	thread_join(&ml->th);
	mbox_free(&ml->box);
	mdb_env_close(ml->env);
	FREE_OBJ(ml);
}

struct meta *
meta_lmdb_handle(struct meta_lmdb *ml, struct loop *lp)
{
	struct handle *h;

	CHECK_OBJ_NOTNULL(ml, META_LMDB_MAGIC);
	h = mem_zalloc(sizeof *h);
	h->m.magic = META_MAGIC;
	h->m.ops = &lmdb_ops;
	h->ml = ml;
	h->lp = lp;
	if (lp != NULL)
		h->mb = mbox_new(lp, on_answers, h);
	ml->handles_n++;
	return &h->m;
}

void
meta_lmdb_settle(struct meta *m)
{
	struct handle *h = handle_of(m);
	struct req *rq;

	while (h->pending > 0) {
		/* when this is back, everything before it is in our box */
		rq = req_new(REQ_NOP, NULL, 0);
		round_trip(h->ml, rq);
		free_req(rq);
		(void)mbox_drain_now(h->mb);
	}
}

void
meta_lmdb_handle_free(struct meta **mp)
{
	struct handle *h;
	struct meta *m;

	TAKE_OBJ_NOTNULL(m, mp, META_MAGIC);
	h = handle_of(m);
	meta_lmdb_settle(m);
	if (h->now_txn != NULL)
		mdb_txn_abort(h->now_txn);
	if (h->mb != NULL)
		mbox_free(&h->mb);
	h->ml->handles_n--;
	m->magic = 0;
	mem_free(h);
}

void
meta_lmdb_stats(struct meta_lmdb *ml, struct meta_lmdb_stats *st)
{
	CHECK_OBJ_NOTNULL(ml, META_LMDB_MAGIC);
	st->commits = atomic_load_explicit(&ml->commits, memory_order_relaxed);
	st->txns = atomic_load_explicit(&ml->txns, memory_order_relaxed);
	st->gets = atomic_load_explicit(&ml->gets, memory_order_relaxed);
	st->lists = atomic_load_explicit(&ml->lists, memory_order_relaxed);
	st->conflicts =
	    atomic_load_explicit(&ml->conflicts, memory_order_relaxed);
	st->grown = atomic_load_explicit(&ml->grown, memory_order_relaxed);
	st->errors = atomic_load_explicit(&ml->errors, memory_order_relaxed);
	st->map_bytes =
	    atomic_load_explicit(&ml->map_bytes, memory_order_relaxed);
}
