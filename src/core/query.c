/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OP_QUERY: the entries of a topic that have a key. The times become places in
 * the log; its ledgers are searched, the newest first; what was found is read.
 */
#include "core/sub_priv.h"
#include "core/topic_priv.h"

#define BYTES_MAX (16u << 20) /* of bodies in an answer */

struct query {
	unsigned magic;
#define QUERY_MAGIC 0x90e41001
	struct topic *t;
	struct op *op;
	struct pos from, to; /* to: behind the last one */
	uint64_t ledger; /* being searched */
	uint32_t found_n, at, ent_n;
	uint64_t bytes;
	bool inside, more; /* of read_on() */
	struct pos *found; /* newest first */
	struct entry *ent;
};

static void
query_end(struct query *q, enum err e, const char *diag)
{
	struct topic *t = q->t;
	struct fx *fx;
	uint32_t i;

	CHECK_OBJ_NOTNULL(q, QUERY_MAGIC);
	if (e == ERR_OK && t->state != TOPIC_READY)
		e = ERR_NOT_READY;
	if (e != ERR_OK) {
		for (i = 0; i < q->ent_n; i++)
			slice_unref(&q->ent[i].body);
		core_answer(t->co, &q->op, e, diag);
	} else {
		fx = core_answer_new(t->co, q->op, FX_ENTRIES);
		range_put(t, fx);
		if (q->ent_n > 0) {
			fx->entries =
			    fx_mem(fx, q->ent_n * sizeof *fx->entries);
			memcpy(fx->entries, q->ent,
			    q->ent_n * sizeof *fx->entries);
			fx->entries_n = q->ent_n;
		}
		op_free(&q->op);
		core_emit(t->co, &fx);
	}
	mem_free(q->found);
	mem_free(q->ent);
	FREE_OBJ(q);
	topic_unpin(t);
}

/* --- reading ------------------------------------------------------------------------ */

static void read_on(struct query *q);

static void
entry_read(struct topic *t, void *priv, const struct entry *ent)
{
	const struct op *op;
	struct query *q;
	struct entry *e;

	CAST_OBJ_NOTNULL(q, priv, QUERY_MAGIC);
	op = q->op;
	/* what was lost or trimmed meanwhile is passed over */
	if (ent != NULL && pos_cmp(ent->pos, q->found[q->at]) == 0 &&
	    tlog_valid(t, ent->pos).ledger == ent->pos.ledger &&
	    ent->attr.store_time_ms >= op->start.time_ms &&
	    ent->attr.store_time_ms <= op->due_ms) {
		e = &q->ent[q->ent_n++];
		*e = *ent;
		e->body = slice_ref(ent->body);
		e->locator = tlog_locator(t, ent);
		q->bytes += e->body.len;
		t->out_messages += e->attr.messages_n;
		t->out_bytes += e->body.len;
	}
	q->at++;
	q->more = true;
	if (!q->inside)
		read_on(q);
}

static void
read_on(struct query *q)
{
	q->inside = true;
	do {
		if (q->at == q->found_n || q->bytes >= BYTES_MAX ||
		    q->t->state != TOPIC_READY) {
			query_end(q, ERR_OK, NULL);
			return;
		}
		q->more = false;
		fetch_entry(q->t, q->found[q->at], entry_read, q);
	} while (q->more);
	q->inside = false;
}

static void
read_begin(struct query *q)
{
	if (q->found_n > 0)
		q->ent = mem_calloc(q->found_n, sizeof *q->ent);
	read_on(q);
}

/* --- searching ---------------------------------------------------------------------- */

static void ledger_found(void *, const int64_t *, uint32_t, enum err);

/* The last ledger before q->ledger that may have some */
static void
search_on(struct query *q)
{
	const struct tlog *log = &q->t->log;
	uint32_t i = log->ledgers_n;

	while (i > 0 && log->ledgers[i - 1]->info.id >= q->ledger)
		i--;
	if (i == 0 || log->ledgers[i - 1]->info.id < q->from.ledger ||
	    q->found_n == q->op->u32) {
		read_begin(q);
		return;
	}
	q->ledger = log->ledgers[i - 1]->info.id;
	tlog_find_keys(q->t, q->ledger, q->op->u64,
	    q->ledger == q->from.ledger ? q->from.entry : 0,
	    q->ledger == q->to.ledger ? q->to.entry : INT64_MAX,
	    q->op->u32 - q->found_n, ledger_found, q);
}

static void
ledger_found(void *priv, const int64_t *entry, uint32_t n, enum err e)
{
	struct query *q;
	uint32_t i;

	CAST_OBJ_NOTNULL(q, priv, QUERY_MAGIC);
	/* one that was deleted meanwhile has none */
	if (e != ERR_OK && e != ERR_NO_LEDGER) {
		query_end(q, e, NULL);
		return;
	}
	for (i = 0; e == ERR_OK && i < n; i++)
		q->found[q->found_n++] = (struct pos){ q->ledger, entry[i] };
	search_on(q);
}

/* --- times -------------------------------------------------------------------------- */

static void
to_found(void *priv, struct pos p, enum err e)
{
	struct query *q;

	CAST_OBJ_NOTNULL(q, priv, QUERY_MAGIC);
	if (e != ERR_OK) {
		query_end(q, e, NULL);
		return;
	}
	q->to = p;
	q->ledger = p.ledger + 1;
	search_on(q);
}

static void
from_found(void *priv, struct pos p, enum err e)
{
	struct query *q;

	CAST_OBJ_NOTNULL(q, priv, QUERY_MAGIC);
	if (e != ERR_OK) {
		query_end(q, e, NULL);
		return;
	}
	q->from = p;
	tlog_find_time(q->t,
	    q->op->due_ms < INT64_MAX ? q->op->due_ms + 1 : INT64_MAX, to_found,
	    q);
}

void
query_op(struct topic *t, struct op **opp)
{
	const struct op *op = *opp;
	struct query *q;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	if (!t->name.persistent || t->co->ledgers->ops->find_keys == NULL) {
		core_answer(t->co, opp, ERR_NOT_ALLOWED,
		    "Messages of this topic have no index of keys");
		return;
	}
	if (op->u32 == 0 || op->u32 > QUERY_MAX) {
		core_answer(t->co, opp, ERR_INVALID_ARG, NULL);
		return;
	}
	topic_touch(t);
	ALLOC_OBJ(q, QUERY_MAGIC);
	q->t = t;
	q->op = *opp;
	*opp = NULL;
	q->found = mem_calloc(op->u32, sizeof *q->found);
	topic_pin(t);
	tlog_find_time(t, op->start.time_ms, from_found, q);
}
