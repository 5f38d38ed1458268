/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between core and engine: what the engine says it stored becomes known to the
 * model before the core hears of it; what the core gives up is checked. The
 * planted bug lives here.
 */
#include "tests/sim/sim.h"

#include <string.h>

#include "core/cursor_priv.h"

struct staged {
	STAILQ_ENTRY(staged) link;
	struct entry ent;
};

/* A ledger that the core holds, as it asked for it. */
struct watch {
	LIST_ENTRY(watch) link;
	void *owner;
	struct ledger *lg;
	uint64_t id;
	STAILQ_HEAD(, staged) staged;
};

struct lastdelta {
	LIST_ENTRY(lastdelta) link;
	struct journal *jo;
	size_t len;
	uint8_t *p;
};

static struct {
	struct sim *w;
	const struct ledger_ops *real;
	struct ledger_ops ops;
	struct ledger_client_ops client;
	LIST_HEAD(, watch) watches;
	LIST_HEAD(, lastdelta) deltas;
	uint64_t acks;
} spy;

static struct watch *
watch_of(const struct ledger *lg)
{
	struct watch *wa;

	LIST_FOREACH(wa, &spy.watches, link)
		if (wa->lg == lg)
			return wa;
	WRONG("a ledger that was never opened");
}

static void
staged_pop(struct watch *wa)
{
	struct staged *st = STAILQ_FIRST(&wa->staged);

	AN(st);
	STAILQ_REMOVE_HEAD(&wa->staged, link);
	slice_unref(&st->ent.body);
	mem_free(st);
}

static void
watch_free(struct watch *wa)
{
	while (!STAILQ_EMPTY(&wa->staged))
		staged_pop(wa);
	LIST_REMOVE(wa, link);
	mem_free(wa);
}

static void
deltas_free(const struct journal *jo)
{
	struct lastdelta *d, *next;

	for (d = LIST_FIRST(&spy.deltas); d != NULL; d = next) {
		next = LIST_NEXT(d, link);
		if (jo != NULL && d->jo != jo)
			continue;
		LIST_REMOVE(d, link);
		mem_free(d->p);
		mem_free(d);
	}
}

/* --- from the core -------------------------------------------------------------- */

static void
stage(
    const struct ledger *lg, const struct attr *attr, const struct slice *body)
{
	struct watch *wa = watch_of(lg);
	struct staged *st = mem_zalloc(sizeof *st);

	st->ent.attr = *attr;
	st->ent.body = body->buf != NULL ? slice_ref(*body) : slice_dup(*body);
	STAILQ_INSERT_TAIL(&wa->staged, st, link);
}

static void
spy_append(struct ledgers *lgs, struct ledger *lg, const struct attr *attr,
    const struct slice *body, bool sync)
{
	stage(lg, attr, body);
	spy.real->append(lgs, lg, attr, body, sync);
}

static void
spy_append_with(struct ledgers *lgs, struct ledger *lg, const struct attr *attr,
    const struct slice *body, bool sync, struct journal *jo, const void *delta,
    size_t len)
{
	stage(lg, attr, body);
	spy.real->append_with(lgs, lg, attr, body, sync, jo, delta, len);
}

static void
spy_release(struct ledgers *lgs, struct ledger **lgp)
{
	watch_free(watch_of(*lgp));
	spy.real->release(lgs, lgp);
}

static void
spy_trim(struct ledgers *lgs, struct ledger *lg, int64_t entry)
{
	if (!spy.w->dead)
		model_ledger_gone(spy.w, watch_of(lg)->id, entry);
	spy.real->trim(lgs, lg, entry);
}

static void
spy_del(struct ledgers *lgs, uint64_t id)
{
	struct watch *wa, *next;

	if (!spy.w->dead)
		model_ledger_gone(spy.w, id, INT64_MAX);
	for (wa = LIST_FIRST(&spy.watches); wa != NULL; wa = next) {
		next = LIST_NEXT(wa, link);
		if (wa->id == id)
			watch_free(wa);
	}
	spy.real->del(lgs, id);
}

static struct lastdelta *
delta_of(struct journal *jo)
{
	struct lastdelta *d;

	LIST_FOREACH(d, &spy.deltas, link)
		if (d->jo == jo)
			return d;
	d = mem_zalloc(sizeof *d);
	d->jo = jo;
	LIST_INSERT_HEAD(&spy.deltas, d, link);
	return d;
}

/* The bug: some deltas that somebody waits for are replaced by the one before,
 * which changes nothing. */
static uint64_t
spy_journal_append(struct ledgers *lgs, struct journal *jo, const void *p,
    size_t len, bool urgent)
{
	struct lastdelta *d;

	trace(spy.w, "journal %p: %zu bytes%s", (void *)jo, len,
	    urgent ? ", urgent" : "");
	if (!spy.w->o.plant_ack)
		return spy.real->journal_append(lgs, jo, p, len, urgent);
	d = delta_of(jo);
	if (urgent && d->p != NULL && spy.acks++ % 8 == 3)
		return spy.real->journal_append(lgs, jo, d->p, d->len, urgent);
	mem_free(d->p);
	d->p = mem_dup(p, len);
	d->len = len;
	return spy.real->journal_append(lgs, jo, p, len, urgent);
}

static void
spy_journal_open(struct ledgers *lgs, uint64_t id, bool fresh, void *owner)
{
	trace(spy.w, "journal %ju is opened%s for %p, %s of %s", (uintmax_t)id,
	    fresh ? ", new" : "", owner, ((struct cursor *)owner)->s->name,
	    ((struct cursor *)owner)->t->name.full.p);
	spy.real->journal_open(lgs, id, fresh, owner);
}

static void
spy_journal_opened(void *owner, struct journal *jo,
    const struct journal_blob *v, size_t n, enum err e)
{
	size_t i;

	trace(spy.w, "journal for %p: %s, %zu blobs", owner, err_text(e), n);
	for (i = 0; i < n; i++)
		trace(spy.w, "  chunk %jx, %zu bytes", (uintmax_t)v[i].chunk,
		    v[i].len);
	core_ledger_client.journal_opened(owner, jo, v, n, e);
}

static void
spy_journal_release(struct ledgers *lgs, struct journal **jop)
{
	deltas_free(*jop);
	spy.real->journal_release(lgs, jop);
}

/* --- from the engine -------------------------------------------------------------- */

static void
spy_opened(
    void *owner, struct ledger *lg, const struct ledger_info *li, enum err e)
{
	struct watch *wa;

	if (e == ERR_OK) {
		wa = mem_zalloc(sizeof *wa);
		wa->owner = owner;
		wa->lg = lg;
		wa->id = li->id;
		STAILQ_INIT(&wa->staged);
		LIST_INSERT_HEAD(&spy.watches, wa, link);
		model_ledger_opened(spy.w, li);
	}
	core_ledger_client.ledger_opened(owner, lg, li, e);
}

static void
spy_appended(void *owner, int64_t first, uint32_t n, uint64_t index,
    int64_t store_ms, enum err e)
{
	struct watch *wa;
	struct entry ent;
	uint64_t at = index;
	uint32_t i;

	LIST_FOREACH(wa, &spy.watches, link)
		if (wa->owner == owner)
			break;
	AN(wa);
	for (i = 0; i < n; i++) {
		ent = STAILQ_FIRST(&wa->staged)->ent;
		ent.pos = (struct pos){ wa->id, first + i };
		ent.index = at;
		ent.attr.store_time_ms = store_ms;
		at += ent.attr.messages_n;
		/* not of a staging log, nor a marker */
		if (e == ERR_OK && ent.attr.format == ENTRY_FORMAT_REFERENCE)
			seats_stored(spy.w, &ent);
		else if (e == ERR_OK && ent.attr.format != ENTRY_FORMAT_NONE)
			(void)model_learn(spy.w, &ent, false);
		staged_pop(wa);
	}
	core_ledger_client.appended(owner, first, n, index, store_ms, e);
}

const struct ledger_client_ops *
spy_client(void)
{
	spy.client = core_ledger_client;
	spy.client.ledger_opened = spy_opened;
	spy.client.appended = spy_appended;
	spy.client.journal_opened = spy_journal_opened;
	return &spy.client;
}

void
spy_attach(struct sim *w, struct shard *sh)
{
	spy.w = w;
	if (spy.real == NULL) {
		spy.real = sh->lgs->ops;
		spy.ops = *spy.real;
		spy.ops.append = spy_append;
		spy.ops.append_with = spy_append_with;
		spy.ops.release = spy_release;
		spy.ops.trim = spy_trim;
		spy.ops.del = spy_del;
		spy.ops.journal_open = spy_journal_open;
		spy.ops.journal_append = spy_journal_append;
		spy.ops.journal_release = spy_journal_release;
	}
	sh->lgs->ops = &spy.ops;
}

void
spy_reset(struct sim *w)
{
	struct watch *wa;

	spy.w = w;
	while ((wa = LIST_FIRST(&spy.watches)) != NULL)
		watch_free(wa);
	deltas_free(NULL);
}
