/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits to meta. All of the engine's go through one queue: at most one is
 * under way, what was queued meanwhile is the next, in order. So one that fails
 * for want of room can be tried again without anything having overtaken it, and
 * the engine heals by itself; any other failure ends it: nothing is snapshotted
 * or freed any more, and the log keeps what it has until the next start.
 */
#include "store/local_priv.h"

#define BATCH_BYTES (1u << 20)
#define RETRY_NS INT64_C(1000000000)

struct commit_op {
	uint64_t seq;
	struct meta_txn *tx;
	commit_f *fn;
	void *priv;
	bool firm; /* waits for room; else it fails */
	TAILQ_ENTRY(commit_op) list;
};

void
commits_fini(struct local *lo)
{
	struct commit_op *op;

	while ((op = TAILQ_FIRST(&lo->commits)) != NULL) {
		TAILQ_REMOVE(&lo->commits, op, list);
		meta_txn_free(&op->tx);
		mem_free(op);
	}
}

static void
op_end(struct local *lo, struct commit_op *op, enum err err)
{
	TAILQ_REMOVE(&lo->commits, op, list);
	meta_txn_free(&op->tx);
	if (op->fn != NULL)
		op->fn(lo, op->priv, err);
	mem_free(op);
}

/* No room: who can do without is told so, the others stay */
static void
no_room(struct local *lo)
{
	struct commit_op *op, *next;
	uint64_t last = lo->commit_seq;

	lo->commit_retry_ns = lo->mono_ns + RETRY_NS;
	if (!lo->commit_waits)
		local_report(lo, LOCAL_NO_SPACE, 0, 0, 0);
	else
		segment_give_up(lo);
	lo->commit_waits = true;
	for (op = TAILQ_FIRST(&lo->commits); op != NULL && op->seq <= last;
	     op = next) {
		next = TAILQ_NEXT(op, list);
		if (!op->firm)
			op_end(lo, op, ERR_NO_SPACE);
	}
}

static void
committed(void *p, enum err err)
{
	struct local *lo = p;
	struct commit_op *op;

	/* busy until all are answered: callbacks may queue more */
	assert(lo->commit_busy);
	if (err == ERR_NO_SPACE) {
		no_room(lo);
		lo->commit_busy = false;
		return;
	}
	if (err != ERR_OK && !lo->meta_failed) {
		lo->meta_failed = true;
		local_report(lo, LOCAL_META_ERROR, 0, 0, 0);
	}
	if (err == ERR_OK && lo->commit_waits) {
		lo->commit_waits = false;
		local_report(lo, LOCAL_SPACE_BACK, 0, 0, 0);
	}
	lo->commit_done = lo->commit_batch;
	while ((op = TAILQ_FIRST(&lo->commits)) != NULL &&
	    op->seq <= lo->commit_batch)
		op_end(lo, op, err);
	lo->commit_busy = false;
	if (!lo->meta_failed)
		commits_poll(lo);
}

static void
items_add(struct meta_txn *to, const struct meta_txn *from)
{
	struct meta_txn_item it;
	size_t iter = 0;

	while (meta_txn_next(from, &iter, &it)) {
		if (it.op == META_PUT)
			meta_txn_put(to, it.key, it.keylen, it.val, it.len);
		else if (it.op == META_DEL)
			meta_txn_del(to, it.key, it.keylen);
		else if (it.op == META_DEL_PREFIX)
			meta_txn_del_prefix(to, it.key, it.keylen);
		else
			WRONG("the engine has no conditions");
	}
}

void
commits_poll(struct local *lo)
{
	struct meta_txn *tx;
	struct commit_op *op;

	/* those that come after the end: answered from here, not from inside */
	while (lo->meta_failed && !lo->commit_busy &&
	    (op = TAILQ_FIRST(&lo->commits)) != NULL)
		op_end(lo, op, ERR_IO);
	if (lo->commit_busy || TAILQ_EMPTY(&lo->commits) ||
	    (lo->commit_waits && lo->mono_ns < lo->commit_retry_ns))
		return;
	tx = meta_txn_new();
	TAILQ_FOREACH(op, &lo->commits, list) {
		items_add(tx, op->tx);
		lo->commit_batch = op->seq;
		if (meta_txn_bytes(tx) > BATCH_BYTES)
			break;
	}
	lo->commit_busy = true;
	lo->meta->ops->commit(lo->meta, &tx, committed, lo);
}

static void
queue(struct local *lo, struct meta_txn **txp, commit_f *fn, void *priv,
    bool firm)
{
	struct commit_op *op = mem_alloc(sizeof *op);

	op->fn = fn;
	op->priv = priv;
	op->firm = firm;
	op->seq = ++lo->commit_seq;
	segment_rows_put(lo, *txp);
	op->tx = *txp;
	*txp = NULL;
	TAILQ_INSERT_TAIL(&lo->commits, op, list);
	if (!lo->meta_failed)
		commits_poll(lo);
}

void
local_commit(struct local *lo, struct meta_txn **txp, commit_f *fn, void *priv)
{
	queue(lo, txp, fn, priv, true);
}

void
local_commit_try(
    struct local *lo, struct meta_txn **txp, commit_f *fn, void *priv)
{
	queue(lo, txp, fn, priv, false);
}

void
local_commit_after(struct local *lo, commit_f *fn, void *priv)
{
	struct meta_txn *tx;

	if (TAILQ_EMPTY(&lo->commits)) {
		fn(lo, priv, ERR_OK);
		return;
	}
	tx = meta_txn_new();
	queue(lo, &tx, fn, priv, true);
}

enum err
local_commit_now(struct local *lo, struct meta_txn **txp)
{
	assert(TAILQ_EMPTY(&lo->commits));
	lo->commit_done = ++lo->commit_seq;
	segment_rows_put(lo, *txp);
	return lo->meta->ops->commit_now(lo->meta, txp);
}
