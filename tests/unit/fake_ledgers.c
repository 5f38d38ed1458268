/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/mem.h"
#include "fake_ledgers.h"

static struct fake_engine *
eng(struct ledgers *l)
{
	assert(l->magic == LEDGERS_MAGIC);
	return (struct fake_engine *)l;
}

static struct fake_ledger *
lg_of(struct ledger *lg)
{
	return (struct fake_ledger *)(void *)lg;
}

static struct fake_journal *
j_of(struct journal *j)
{
	return (struct fake_journal *)(void *)j;
}

static struct fake_ledger *
find(struct fake_engine *e, uint64_t id)
{
	struct fake_ledger *f;

	for (f = e->ledgers; f != NULL && f->info.id != id; f = f->next)
		;
	return f;
}

static struct fake_ledger *
add_ledger(struct fake_engine *e, uint64_t id, uint64_t first_index)
{
	struct fake_ledger *f = mem_zalloc(sizeof *f);

	f->info.id = id;
	f->info.open = true;
	f->info.last_entry = -1;
	f->info.first_index = f->info.next_index = first_index;
	f->info.created_ms = e->now_ms;
	f->next = e->ledgers;
	e->ledgers = f;
	if (id >= e->next_id)
		e->next_id = id + 1;
	return f;
}

static void
put_entry(
    struct fake_ledger *f, const struct attr *a, const void *p, uint32_t len)
{
	struct entry *ent;

	if (f->n == f->cap) {
		f->cap = f->cap != 0 ? f->cap * 2 : 16;
		f->ent = mem_reallocarray(f->ent, f->cap, sizeof *f->ent);
	}
	ent = &f->ent[f->n];
	memset(ent, 0, sizeof *ent);
	ent->pos.ledger = f->info.id;
	ent->pos.entry = f->n;
	ent->attr = *a;
	if (ent->attr.messages_n == 0)
		ent->attr.messages_n = 1;
	ent->index = f->n > 0 ?
	    f->ent[f->n - 1].index + f->ent[f->n - 1].attr.messages_n :
	    f->info.first_index;
	ent->body.buf = buf_new(len);
	memcpy(ent->body.buf->data, p, len);
	ent->body.p = ent->body.buf->data;
	ent->body.len = len;
	f->n++;
}

static void
settle(struct fake_ledger *f, uint32_t n)
{
	while (n-- > 0) {
		struct entry *ent = &f->ent[f->durable++];

		f->info.last_entry = ent->pos.entry;
		f->info.next_index = ent->index + ent->attr.messages_n;
		f->info.bytes += ent->body.len;
		f->info.last_store_ms = ent->attr.store_time_ms;
	}
}

void
fake_ledger_add(struct fake_ledger *f, const struct attr *a, const char *body)
{
	put_entry(f, a, body, (uint32_t)strlen(body));
	settle(f, 1);
}

struct fake_ledger *
fake_ledger_make(struct fake_engine *e, uint64_t id, uint64_t first_index,
    uint32_t n, uint32_t messages_n, bool open)
{
	struct fake_ledger *f = add_ledger(e, id, first_index);
	struct attr a = { .messages_n = messages_n };
	uint32_t i;

	for (i = 0; i < n; i++)
		fake_ledger_add(f, &a, "x");
	f->info.open = open;
	return f;
}

/* --- ledgers ------------------------------------------------------------------- */

static void
fk_create(struct ledgers *l, uint64_t first_index, void *owner)
{
	struct fake_engine *e = eng(l);
	struct fake_ledger *f = add_ledger(e, e->next_id, first_index);

	f->owner = owner;
	f->creating = true;
}

static void
fk_open(struct ledgers *l, uint64_t id, void *owner)
{
	struct fake_ledger *f = find(eng(l), id);

	assert(f != NULL);
	f->owner = owner;
	f->opening = true;
}

static void
fk_release(struct ledgers *l, struct ledger **lgp)
{
	struct fake_ledger *f = lg_of(*lgp);

	(void)l;
	f->held = false;
	*lgp = NULL;
}

static void
fk_append(struct ledgers *l, struct ledger *lg, const struct attr *a,
    const struct slice *body, bool sync)
{
	struct fake_ledger *f = lg_of(lg);
	struct entry *ent;
	struct entry_place at;

	eng(l)->sync = sync;
	assert(f->info.open);
	put_entry(f, a, body->p, body->len);
	ent = &f->ent[f->n - 1];
	ent->attr.store_time_ms = eng(l)->now_ms;
	if (l->formats == NULL || l->formats[a->format] == NULL)
		return;
	at.pos = ent->pos;
	at.index = ent->index;
	at.locator =
	    entry_locator(f->info.id, ent->index - f->info.first_index);
	at.store_time_ms = ent->attr.store_time_ms;
	l->formats[a->format]->stamp(ent->body.buf->data, body->len, &at);
}

static bool
fk_peek(struct ledgers *l, struct ledger *lg, int64_t entry, struct entry *ent)
{
	struct fake_ledger *f = lg_of(lg);

	eng(l)->peeks++;
	if (eng(l)->cold || entry < 0 || entry >= (int64_t)f->durable)
		return false;
	*ent = f->ent[entry];
	return true;
}

static void
fk_read(struct ledgers *l, struct ledger_read *rd)
{
	struct fake_engine *e = eng(l);

	eng(l)->reads_n++;
	rd->impl = e->reads;
	e->reads = rd;
}

static void
fk_read_fini(struct ledgers *l, struct ledger_read *rd)
{
	struct ledger_read **rp;

	for (rp = &eng(l)->reads; *rp != NULL;
	     rp = (struct ledger_read **)(void *)&(*rp)->impl)
		if (*rp == rd) {
			*rp = rd->impl;
			break;
		}
	rd->impl = NULL;
	rd->n = 0;
	MEM_FREE(rd->ent);
}

static void
answer_read(struct ledger_read *rd)
{
	struct fake_ledger *f = lg_of(rd->lg);
	int64_t left = (int64_t)f->durable - rd->from;

	rd->impl = NULL;
	if (left <= 0) {
		rd->next = rd->from;
		rd->done(rd, ERR_EOF);
		return;
	}
	rd->n = left < rd->max_n ? (uint32_t)left : rd->max_n;
	rd->ent = mem_dup(&f->ent[rd->from], rd->n * sizeof *rd->ent);
	rd->next = rd->from + rd->n;
	rd->done(rd, ERR_OK);
}

static void
fk_find_time(struct ledgers *l, struct ledger *lg, int64_t wall_ms,
    void (*done)(void *priv, int64_t entry, enum err), void *priv)
{
	struct fake_engine *e = eng(l);
	struct fake_ledger *f = lg_of(lg);
	uint32_t i;

	for (i = 0; i < f->durable; i++)
		if (f->ent[i].attr.store_time_ms >= wall_ms)
			break;
	assert(e->finds_n < NELEM(e->finds));
	e->finds[e->finds_n].done = done;
	e->finds[e->finds_n].priv = priv;
	e->finds[e->finds_n++].entry = i;
}

/* Sparse: of each eight entries the first one is known. */
static void
fk_find_index(struct ledgers *l, struct ledger *lg, uint64_t index,
    void (*done)(void *priv, int64_t entry, enum err), void *priv)
{
	struct fake_engine *e = eng(l);
	struct fake_ledger *f = lg_of(lg);
	uint32_t i;

	for (i = 0; i < f->durable; i++)
		if (f->ent[i].index + f->ent[i].attr.messages_n > index)
			break;
	if (i < f->durable)
		i &= ~7u;
	assert(e->finds_n < NELEM(e->finds));
	e->finds[e->finds_n].done = done;
	e->finds[e->finds_n].priv = priv;
	e->finds[e->finds_n++].entry = i;
}

/* An entry's tag is its only key. */
static void
fk_find_keys(struct ledgers *l, struct ledger *lg, uint64_t hash, int64_t from,
    int64_t to, uint32_t max, ledger_keys_f *done, void *priv)
{
	struct fake_engine *e = eng(l);
	struct fake_ledger *f = lg_of(lg);
	int64_t i = to < (int64_t)f->durable ? to : (int64_t)f->durable;

	assert(e->finds_n < NELEM(e->finds));
	e->finds[e->finds_n].keys = done;
	e->finds[e->finds_n].priv = priv;
	e->finds[e->finds_n].n = 0;
	while (i-- > from && e->finds[e->finds_n].n < max)
		if (f->ent[i].attr.tag_hash == hash)
			e->finds[e->finds_n].v[e->finds[e->finds_n].n++] = i;
	e->finds_n++;
}

static void
fk_trim(struct ledgers *l, struct ledger *lg, int64_t entry)
{
	(void)l;
	(void)lg;
	(void)entry;
}

static void
fk_close(struct ledgers *l, struct ledger *lg)
{
	(void)l;
	lg_of(lg)->closing = true;
}

static void
fk_fence(struct ledgers *l, uint64_t id)
{
	(void)l;
	(void)id;
}

static void
free_ledger(struct fake_ledger *f)
{
	uint32_t i;

	for (i = 0; i < f->n; i++)
		buf_unref(&f->ent[i].body.buf);
	mem_free(f->ent);
	mem_free(f);
}

static void
fk_del(struct ledgers *l, uint64_t id)
{
	struct fake_ledger **fp, *f;

	for (fp = &eng(l)->ledgers; (f = *fp) != NULL; fp = &f->next)
		if (f->info.id == id) {
			*fp = f->next;
			free_ledger(f);
			return;
		}
}

static uint64_t
fk_new_id(struct ledgers *l)
{
	return eng(l)->next_id++;
}

/* --- journals ------------------------------------------------------------------ */

struct fake_journal *
fake_journal(struct fake_engine *e, uint64_t id)
{
	struct fake_journal *j;

	for (j = e->journals; j != NULL && j->id != id; j = j->next)
		;
	return j;
}

static void
fk_journal_open(struct ledgers *l, uint64_t id, bool fresh, void *owner)
{
	struct fake_engine *e = eng(l);
	struct fake_journal *j = fake_journal(e, id);

	assert(fresh == (j == NULL));
	if (j == NULL) {
		j = mem_zalloc(sizeof *j);
		j->id = id;
		j->next = e->journals;
		e->journals = j;
	}
	j->owner = owner;
	j->opening = true;
}

static void
blob_put(struct fake_blob **v, uint32_t *n, uint64_t chunk, const void *p,
    size_t len)
{
	*v = mem_reallocarray(*v, *n + 1, sizeof **v);
	(*v)[*n].chunk = chunk;
	(*v)[*n].p = mem_dup(p, len);
	(*v)[*n].len = len;
	(*n)++;
}

static uint64_t
fk_journal_append(struct ledgers *l, struct journal *jj, const void *p,
    size_t len, bool urgent)
{
	struct fake_journal *j = j_of(jj);

	(void)l;
	(void)urgent;
	assert(j->held && len > 0 && len <= JOURNAL_APPEND_MAX);
	blob_put(&j->deltas, &j->deltas_n, JOURNAL_DELTA, p, len);
	return ++j->seq;
}

static void
fk_snap_del(struct journal *jj, uint64_t chunk)
{
	struct fake_journal *j = j_of(jj);
	uint32_t i;

	for (i = 0; i < j->chunks_n; i++)
		if (j->chunks[i].chunk == chunk) {
			mem_free(j->chunks[i].p);
			j->chunks[i] = j->chunks[--j->chunks_n];
			return;
		}
}

static void
fk_snap_put(struct journal *jj, uint64_t chunk, const void *p, size_t len)
{
	struct fake_journal *j = j_of(jj);

	fk_snap_del(jj, chunk);
	blob_put(&j->chunks, &j->chunks_n, chunk, p, len);
}

static void
fk_journal_release(struct ledgers *l, struct journal **jp)
{
	(void)l;
	j_of(*jp)->held = false;
	*jp = NULL;
}

static void
drop_deltas(struct fake_journal *j, uint32_t from, uint32_t n)
{
	uint32_t i;

	if (n == 0)
		return;
	for (i = from; i < from + n; i++)
		mem_free(j->deltas[i].p);
	memmove(&j->deltas[from], &j->deltas[from + n],
	    (j->deltas_n - from - n) * sizeof *j->deltas);
	j->deltas_n -= n;
}

static void
fk_journal_del(struct ledgers *l, uint64_t id)
{
	struct fake_journal *j = fake_journal(eng(l), id);

	if (j != NULL)
		j->deleted = true;
}

static int64_t
fk_poll(struct ledgers *l, int64_t wall, int64_t mono)
{
	(void)l;
	(void)wall;
	(void)mono;
	return -1;
}

static void
fk_flush(struct ledgers *l, void (*done)(void *priv), void *priv)
{
	(void)l;
	done(priv);
}

static const struct ledger_ops fake_ops = {
	.name = "fake",
	.create = fk_create,
	.open = fk_open,
	.release = fk_release,
	.append = fk_append,
	.peek = fk_peek,
	.read = fk_read,
	.read_fini = fk_read_fini,
	.find_time = fk_find_time,
	.find_index = fk_find_index,
	.find_keys = fk_find_keys,
	.trim = fk_trim,
	.close = fk_close,
	.fence = fk_fence,
	.del = fk_del,
	.new_id = fk_new_id,
	.journal_open = fk_journal_open,
	.journal_append = fk_journal_append,
	.journal_snap_put = fk_snap_put,
	.journal_snap_del = fk_snap_del,
	.journal_release = fk_journal_release,
	.journal_del = fk_journal_del,
	.poll = fk_poll,
	.flush = fk_flush,
};

struct fake_engine *
fake_new(void)
{
	struct fake_engine *e = mem_zalloc(sizeof *e);

	e->base.magic = LEDGERS_MAGIC;
	e->base.ops = &fake_ops;
	e->next_id = 1;
	return e;
}

void
fake_free(struct fake_engine **ep)
{
	struct fake_engine *e = *ep;
	struct fake_ledger *f;
	struct fake_journal *j;
	uint32_t i;

	*ep = NULL;
	while ((f = e->ledgers) != NULL) {
		e->ledgers = f->next;
		free_ledger(f);
	}
	while ((j = e->journals) != NULL) {
		e->journals = j->next;
		drop_deltas(j, 0, j->deltas_n);
		for (i = 0; i < j->chunks_n; i++)
			mem_free(j->chunks[i].p);
		mem_free(j->chunks);
		mem_free(j->deltas);
		mem_free(j);
	}
	mem_free(e);
}

/* --- answers --------------------------------------------------------------------- */

static bool
poll_ledger(struct fake_engine *e, struct fake_ledger *f)
{
	const struct ledger_client_ops *co = e->base.client_ops;
	struct ledger *lg = (struct ledger *)(void *)f;
	uint32_t n = f->n - f->durable, first = f->durable;

	if (f->creating || f->opening) {
		f->creating = f->opening = false;
		f->held = true;
		co->ledger_opened(f->owner, lg, &f->info, ERR_OK);
		return true;
	}
	if (n > 0 && f->held && !e->hold) {
		settle(f, n);
		co->appended(f->owner, first, n, f->ent[first].index,
		    f->ent[f->n - 1].attr.store_time_ms, ERR_OK);
		return true;
	}
	if (f->closing) {
		f->closing = false;
		f->info.open = false;
		co->ledger_closed(f->owner, lg, &f->info, ERR_OK);
		return true;
	}
	return false;
}

static void
open_journal(struct fake_engine *e, struct fake_journal *j)
{
	struct journal_blob *v;
	uint32_t i, n = j->chunks_n + j->deltas_n;

	v = mem_calloc(n, sizeof *v);
	for (i = 0; i < n; i++) {
		const struct fake_blob *b = i < j->chunks_n ?
		    &j->chunks[i] :
		    &j->deltas[i - j->chunks_n];

		v[i].chunk = b->chunk;
		v[i].p = b->p;
		v[i].len = b->len;
	}
	j->opening = false;
	j->held = true;
	j->seq = j->answered = 0;
	e->base.client_ops->journal_opened(
	    j->owner, (struct journal *)(void *)j, v, n, ERR_OK);
	mem_free(v);
}

static bool
poll_journal(struct fake_engine *e, struct fake_journal *j)
{
	enum err err = e->fail;

	if (j->opening) {
		open_journal(e, j);
		return true;
	}
	if (!j->held || e->hold || j->answered == j->seq)
		return false;
	e->fail = ERR_OK;
	if (err != ERR_OK)
		drop_deltas(j, j->durable, j->deltas_n - j->durable);
	j->durable = j->deltas_n;
	j->answered = j->seq;
	e->base.client_ops->journal_done(j->owner, j->seq, err);
	return true;
}

bool
fake_poll(struct fake_engine *e)
{
	struct ledger_read *rd, *next;
	struct fake_ledger *f, *fn;
	struct fake_journal *j;
	bool any = e->finds_n > 0;
	unsigned i;

	for (i = 0; i < e->finds_n; i++) {
		if (e->finds[i].keys != NULL)
			e->finds[i].keys(e->finds[i].priv, e->finds[i].v,
			    e->finds[i].n, ERR_OK);
		else
			e->finds[i].done(
			    e->finds[i].priv, e->finds[i].entry, ERR_OK);
		e->finds[i].keys = NULL;
	}
	e->finds_n = 0;
	while ((rd = e->reads) != NULL) {
		next = rd->impl;
		e->reads = next;
		answer_read(rd);
		any = true;
	}
	for (f = e->ledgers; f != NULL; f = fn) {
		fn = f->next;
		any |= poll_ledger(e, f);
	}
	for (j = e->journals; j != NULL; j = j->next)
		any |= poll_journal(e, j);
	return any;
}

void
fake_drain(struct fake_engine *e)
{
	unsigned i;

	for (i = 0; i < 1000 && fake_poll(e); i++)
		;
	assert(i < 1000);
}

void
fake_snapshot(struct fake_engine *e, uint64_t id)
{
	struct fake_journal *j = fake_journal(e, id);

	assert(j != NULL && j->held);
	e->base.client_ops->journal_snapshot(
	    j->owner, (struct journal *)(void *)j);
	drop_deltas(j, 0, j->durable);
	j->durable = 0;
}

void
fake_crash(struct fake_engine *e)
{
	struct fake_ledger *f;
	struct fake_journal *j;

	for (f = e->ledgers; f != NULL; f = f->next) {
		while (f->n > f->durable)
			buf_unref(&f->ent[--f->n].body.buf);
		f->held = f->opening = f->closing = false;
	}
	for (j = e->journals; j != NULL; j = j->next) {
		drop_deltas(j, j->durable, j->deltas_n - j->durable);
		j->held = j->opening = false;
	}
	e->reads = NULL;
}
