/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows beside those of the index: META_DUE 't' <domain-less name of the topic> -> id
 * of the index, u64; and its 'u' rows: ledger -> the positions of it that wait, a
 * portable bitmap of CRoaring. The set that a batch writes is the items that the index
 * has on disk after it, but for those that are done and whose rows a later batch deletes.
 */
#include "core/delay.h"

#include "core/cursor_priv.h"
#include "core/due.h"
#include "core/sub_priv.h"
#include "core/topic_priv.h"

#define DUE_QUANTUM 1024u

struct delay {
	unsigned magic;
#define DELAY_MAGIC 0xde1a4001
	struct topic *t; /* NULL: freed while it was loaded */
	struct core *co;
	uint64_t id;
	struct due *due;
	struct posset set;
	/* ledgers that may have a row; of the last batch from rows_last on */
	uint64_t *rows;
	uint32_t rows_n, rows_cap, rows_last;
	bool named; /* the topic's row is there */
	bool unsure; /* a batch was made and has not ended well */
	bool starved; /* somebody met an entry when it was full */
	void (*done)(struct topic *, enum err);
	struct timer more;
};

/* --- rows ---------------------------------------------------------------------- */

static size_t
name_key(uint8_t *key, const struct topic *t)
{
	char pre[] = { META_DUE[0], 't', '\0' };

	return key_text(key, pre, t->name.key);
}

static void
row_add(struct delay *dl, uint64_t ledger)
{
	if (dl->rows_n == dl->rows_cap) {
		dl->rows_cap = dl->rows_cap == 0 ? 8 : dl->rows_cap * 2;
		dl->rows =
		    mem_reallocarray(dl->rows, dl->rows_cap, sizeof *dl->rows);
	}
	dl->rows[dl->rows_n++] = ledger;
}

static void
id_write(uint8_t val[static 8], uint64_t id)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		val[i] = (uint8_t)(id >> (56 - 8 * i));
}

static uint64_t
id_read(const uint8_t *val)
{
	uint64_t id = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		id = id << 8 | val[i];
	return id;
}

static void
set_write(struct delay *dl, struct meta_txn *tx, struct posset_ledger *pl)
{
	uint8_t key[META_KEY_MAX], *buf;
	size_t len = posset_ledger_size(pl);

	buf = mem_alloc(len);
	AN(posset_ledger_write(pl, buf, len));
	meta_txn_put(tx, key, due_key(key, dl->id, 'u', pl->ledger), buf, len);
	mem_free(buf);
}

static void
batch_add(void *priv, struct meta_txn *tx)
{
	uint8_t key[META_KEY_MAX], val[8];
	struct delay *dl = priv;
	struct posset_ledger *pl;
	uint32_t i;

	if (!dl->named) {
		id_write(val, dl->id);
		meta_txn_put(tx, key, name_key(key, dl->t), val, sizeof val);
	}
	for (i = 0; i < dl->rows_n; i++)
		if (!posset_has_ledger(&dl->set, dl->rows[i]))
			meta_txn_del(
			    tx, key, due_key(key, dl->id, 'u', dl->rows[i]));
	/* all of them if the last ones may not be there */
	for (i = 0; i < dl->set.n; i++) {
		pl = &dl->set.v[i];
		if (pl->dirty || dl->unsure)
			set_write(dl, tx, pl);
		pl->dirty = false;
	}
	/* if it fails, those that went are deleted once more */
	dl->rows_last = dl->rows_n;
	for (i = 0; i < dl->set.n; i++)
		row_add(dl, dl->set.v[i].ledger);
	dl->unsure = true;
}

static void
batch_added(void *priv)
{
	struct delay *dl = priv;

	dl->named = true;
	dl->unsure = false;
	dl->rows_n -= dl->rows_last;
	if (dl->rows_last > 0)
		memmove(dl->rows, dl->rows + dl->rows_last,
		    dl->rows_n * sizeof *dl->rows);
	dl->rows_last = 0;
	if (dl->starved && !due_is_full(dl->due)) {
		dl->starved = false;
		topic_notify(dl->t);
	}
}

/* --- what is due ------------------------------------------------------------------ */

static void
release(void *priv)
{
	struct delay *dl;
	struct due_item it;
	struct topic *t;
	struct sub *s;
	struct pos p;
	unsigned n;

	CAST_OBJ_NOTNULL(dl, priv, DELAY_MAGIC);
	t = dl->t;
	for (n = 0; n < DUE_QUANTUM; n++) {
		if (!due_next(dl->due, &it))
			return;
		p = (struct pos){ locator_ledger(it.at),
			(int64_t)locator_distance(it.at) };
		due_done(dl->due, &it);
		if (!posset_remove(&dl->set, p))
			continue;
		TAILQ_FOREACH(s, &t->subs, link)
			sub_due(s, p);
	}
	timer_set(dl->co->timers, &dl->more, dl->co->now_ns);
}

/* --- life --------------------------------------------------------------------------- */

static void
loaded(void *priv)
{
	(void)priv;
}

static const struct due_client client = {
	.loaded = loaded,
	.ready = release,
	.add = batch_add,
	.added = batch_added,
};

static struct delay *
delay_new(struct topic *t, uint64_t id)
{
	struct delay *dl;

	ALLOC_OBJ(dl, DELAY_MAGIC);
	dl->t = t;
	dl->co = t->co;
	dl->id = id;
	posset_init(&dl->set);
	timer_init(&dl->more, release, dl);
	t->delay = dl;
	return dl;
}

static void
destroy(struct delay *dl)
{
	posset_fini(&dl->set);
	mem_free(dl->rows);
	FREE_OBJ(dl);
}

void
delay_free(struct topic *t)
{
	struct delay *dl = t->delay;

	if (dl == NULL)
		return;
	CHECK_OBJ(dl, DELAY_MAGIC);
	t->delay = NULL;
	timer_cancel(dl->co->timers, &dl->more);
	if (dl->due != NULL)
		due_free(&dl->due);
	destroy(dl);
}

void
delay_forget(struct topic *t)
{
	struct delay *dl = t->delay;
	struct meta *m = t->co->due_meta;
	uint8_t key[META_KEY_MAX];
	struct meta_txn *tx;

	if (dl == NULL)
		return;
	tx = meta_txn_new();
	meta_txn_del(tx, key, name_key(key, t));
	due_forget(tx, dl->id);
	/* a batch that is under way was asked for before */
	m->ops->commit(m, &tx, NULL, NULL);
	delay_free(t);
}

/* --- loading --------------------------------------------------------------------------- */

static void
load_end(struct topic *t, void (*done)(struct topic *, enum err), enum err e)
{
	if (e != ERR_OK)
		delay_free(t);
	else if (t->delay != NULL)
		due_load(t->delay->due);
	done(t, e);
	topic_unpin(t);
}

static void
set_got(void *priv, enum err e, const void *key, size_t klen, const void *val,
    size_t len)
{
	const uint8_t *k = key;
	struct topic *t;
	struct delay *dl;
	uint64_t ledger;
	uint32_t i;

	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	dl = t->delay;
	if (key != NULL) {
		if (klen != 2 + 16)
			return;
		ledger = id_read(k + 2 + 8);
		row_add(dl, ledger);
		/* what can't be read is met again */
		if (!posset_ledger_read(&dl->set, ledger, val, len))
			t->co->damaged++;
		return;
	}
	for (i = 0; i < dl->set.n; i++)
		dl->set.v[i].dirty = false;
	load_end(t, dl->done, e == ERR_OK ? ERR_OK : ERR_METADATA);
}

static void
id_got(void *priv, enum err e, const void *val, size_t len)
{
	void (*done)(struct topic *, enum err);
	struct delay *dl;
	struct topic *t;
	struct meta *m;
	uint8_t key[META_KEY_MAX];

	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	dl = t->delay;
	done = dl->done;
	if (e != ERR_OK || len != 8) {
		delay_free(t);
		load_end(t, done,
		    e == ERR_OK || e == ERR_NO_KEY ? ERR_OK : ERR_METADATA);
		return;
	}
	dl->id = id_read(val);
	dl->named = true;
	dl->due = due_new(t->co, dl->id, &client, dl);
	m = t->co->due_meta;
	m->ops->list(
	    m, key, due_key(key, dl->id, 'u', 0) - 8, 0, true, set_got, t);
}

void
delay_load(struct topic *t, void (*done)(struct topic *, enum err))
{
	struct meta *m = t->co->due_meta;
	uint8_t key[META_KEY_MAX];

	AZ(t->delay);
	if (!t->co->conf.delayed || !t->name.persistent) {
		done(t, ERR_OK);
		return;
	}
	delay_new(t, 0)->done = done;
	topic_pin(t);
	m->ops->get(m, key, name_key(key, t), id_got, t);
}

/* --- entries ----------------------------------------------------------------------------- */

/* false: full */
static bool
add(struct topic *t, struct pos p, int64_t deliver_at_ms)
{
	struct ledgers *lgs = t->co->ledgers;
	struct delay *dl = t->delay;
	struct due_item it = {
		.due_ms = deliver_at_ms,
		.at = entry_locator(p.ledger, (uint64_t)p.entry),
	};

	if (dl == NULL) {
		dl = delay_new(t, lgs->ops->new_id(lgs));
		dl->due = due_new(t->co, dl->id, &client, dl);
		due_load(dl->due);
	}
	if (due_is_full(dl->due))
		return false;
	if (!posset_add(&dl->set, p))
		return true;
	it.order = it.at;
	due_add(dl->due, &it);
	return true;
}

void
delay_stored(struct topic *t, struct pos p, int64_t deliver_at_ms)
{
	/* one that it has no room for is met by the readers: none has passed it */
	if (t->co->conf.delayed && t->state == TOPIC_READY && t->stage == NULL)
		(void)add(t, p, deliver_at_ms);
}

enum delay_met
delay_meet(struct topic *t, const struct entry *ent)
{
	if (ent->attr.deliver_at_ms <= t->co->now_ms || !t->co->conf.delayed ||
	    (ent->attr.flags & ATTR_MARKER) != 0)
		return DELAY_NOT;
	if (add(t, ent->pos, ent->attr.deliver_at_ms))
		return DELAY_LATER;
	t->delay->starved = true;
	return DELAY_FULL;
}

struct pos
delay_skip(const struct topic *t, struct pos p)
{
	const struct delay *dl = t->delay;

	while (dl != NULL && posset_contains(&dl->set, p)) {
		p.entry = posset_first_absent(&dl->set, p);
		p = tlog_valid(t, p);
	}
	return p;
}

uint64_t
delay_count(const struct sub *s)
{
	const struct delay *dl = s->t->delay;

	if (dl == NULL || s->cur == NULL || !sub_delays(s))
		return 0;
	return posset_count_without(
	    &dl->set, &s->cur->acked, cursor_mark_delete(s->cur));
}
