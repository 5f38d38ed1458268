/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a topic's ledgers: positions, holding and letting go, searches. */
#include "core/sub_priv.h"
#include "core/topic_priv.h"

/* A search by time or index, from the call until its done(). */
struct tlog_find {
	unsigned magic;
#define TLOG_FIND_MAGIC 0x71f19d01
	struct topic *t;
	bool by_index;
	int64_t wall_ms;
	uint64_t index;
	struct tledger *tl; /* NULL: nothing is that young */
	bool at_engine;
	struct timer now;
	void (*done)(void *priv, struct pos first, enum err);
	/* by key, in one ledger; NULL: the others */
	tlog_keys_f *keys;
	uint64_t hash;
	int64_t from, to;
	uint32_t max, n; /* n: found, while keys() runs */
	const int64_t *found;
	void *priv;
	LIST_ENTRY(tlog_find) link;
};

/* --- life --------------------------------------------------------------------- */

static void retry(void *priv);

void
tlog_init(struct topic *t)
{
	t->log.last = POS_NONE;
	LIST_INIT(&t->log.readers);
	LIST_INIT(&t->log.ended_readers);
	LIST_INIT(&t->log.finds);
	timer_init(&t->log.retry, retry, t);
}

static void
retry(void *priv)
{
	struct topic *t;

	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	tlog_roll_retry(t);
}

static void
tledger_free(struct tledger **tlp)
{
	struct tledger *tl;

	TAKE_OBJ_NOTNULL(tl, tlp, TLEDGER_MAGIC);
	AZ(tl->users);
	AZ(tl->lg);
	assert(!tl->opening);
	FREE_OBJ(tl);
}

void
tlog_fini(struct topic *t)
{
	struct tlog *log = &t->log;

	AZ(log->ledgers_n);
	assert(LIST_EMPTY(&log->readers));
	assert(LIST_EMPTY(&log->finds));
	timer_cancel(t->co->timers, &log->retry);
	mem_free(log->ledgers);
	mem_free(log->dead);
}

void
tlog_add(struct topic *t, struct tledger *tl)
{
	struct tlog *log = &t->log;

	CHECK_OBJ_NOTNULL(tl, TLEDGER_MAGIC);
	log->ledgers = mem_reallocarray(
	    log->ledgers, log->ledgers_n + 1, sizeof(struct tledger *));
	log->ledgers[log->ledgers_n++] = tl;
}

/* What follows from the list: the last entry, the next index, the size. */
void
tlog_recount(struct topic *t)
{
	struct tlog *log = &t->log;
	const struct ledger_info *li;
	uint32_t i;

	log->bytes = 0;
	for (i = 0; i < log->ledgers_n; i++) {
		li = &log->ledgers[i]->info;
		log->bytes += li->bytes;
		if (log->last.ledger == 0)
			log->last.ledger = li->id;
		if (li->last_entry >= 0)
			log->last = (struct pos){ li->id, li->last_entry };
		if (li->next_index > log->next_index)
			log->next_index = li->next_index;
	}
}

void
tlog_adopt(struct topic *t, const struct topic_record *r)
{
	struct tledger *tl;
	uint32_t i;

	AZ(t->log.ledgers_n);
	for (i = 0; i < r->ledgers_n; i++) {
		ALLOC_OBJ(tl, TLEDGER_MAGIC);
		tl->t = t;
		tl->info = r->ledgers[i];
		tl->mapped = r->mapped;
		tlog_add(t, tl);
	}
	tlog_recount(t);
	if (r->terminated && pos_cmp(t->log.last, r->terminated_pos) < 0)
		t->log.last = r->terminated_pos;
}

/* --- finding a ledger ------------------------------------------------------------ */

/* Index of the first one whose id is not less. */
static uint32_t
at_least(const struct tlog *log, uint64_t id)
{
	uint32_t lo = 0, hi = log->ledgers_n, mid;

	/* usually the last one */
	if (hi > 0 && id >= log->ledgers[hi - 1]->info.id)
		return log->ledgers[hi - 1]->info.id == id ? hi - 1 : hi;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (log->ledgers[mid]->info.id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct tledger *
tlog_find(const struct topic *t, uint64_t id)
{
	uint32_t i = at_least(&t->log, id);

	return i < t->log.ledgers_n && t->log.ledgers[i]->info.id == id ?
	    t->log.ledgers[i] :
	    NULL;
}

struct tledger *
tlog_last(const struct topic *t)
{
	const struct tlog *log = &t->log;

	return log->ledgers_n > 0 ? log->ledgers[log->ledgers_n - 1] : NULL;
}

struct tledger *
tlog_open(const struct topic *t)
{
	struct tledger *tl = tlog_last(t);

	if (tl == NULL || t->log.rolling || t->log.ending || tl->lg == NULL ||
	    !tl->info.open)
		return NULL;
	return tl;
}

/* --- positions ---------------------------------------------------------------------- */

struct pos
tlog_valid(const struct topic *t, struct pos p)
{
	const struct tlog *log = &t->log;
	const struct ledger_info *li;
	uint32_t i;

	if (log->ledgers_n == 0)
		return p;
	i = at_least(log, p.ledger);
	if (i == log->ledgers_n) {
		li = &log->ledgers[i - 1]->info;
		return (struct pos){ li->id, li->last_entry + 1 };
	}
	if (log->ledgers[i]->info.id != p.ledger || p.entry < 0)
		p.entry = 0;
	for (;; i++, p.entry = 0) {
		li = &log->ledgers[i]->info;
		p.ledger = li->id;
		if (p.entry <= li->last_entry)
			break;
		if (i == log->ledgers_n - 1) {
			p.entry = li->last_entry + 1;
			break;
		}
	}
	return p;
}

struct pos
tlog_next(const struct topic *t, struct pos p)
{
	if (p.entry < INT64_MAX)
		p.entry++;
	return tlog_valid(t, p);
}

struct pos
tlog_prev(const struct topic *t, struct pos p)
{
	const struct tlog *log = &t->log;
	const struct ledger_info *li;
	uint32_t i;

	if (log->ledgers_n == 0)
		return log->last;
	i = at_least(log, p.ledger);
	if (i < log->ledgers_n && log->ledgers[i]->info.id == p.ledger) {
		li = &log->ledgers[i]->info;
		if (p.entry > 0 && li->last_entry >= 0) {
			p.entry--;
			if (p.entry > li->last_entry)
				p.entry = li->last_entry;
			return p;
		}
	}
	while (i-- > 0) {
		li = &log->ledgers[i]->info;
		if (li->last_entry >= 0)
			return (struct pos){ li->id, li->last_entry };
	}
	return (struct pos){ log->ledgers[0]->info.id, -1 };
}

struct pos
tlog_first(const struct topic *t)
{
	struct pos p = t->log.last;

	if (t->log.ledgers_n == 0) {
		p.entry++;
		return p;
	}
	return tlog_valid(t, (struct pos){ t->log.ledgers[0]->info.id, 0 });
}

uint64_t
tlog_entries(const struct topic *t, struct pos a, struct pos b)
{
	const struct tlog *log = &t->log;
	const struct ledger_info *li;
	int64_t lo, hi;
	uint64_t n = 0;
	uint32_t i;

	if (pos_cmp(a, b) >= 0)
		return 0;
	for (i = at_least(log, a.ledger); i < log->ledgers_n; i++) {
		li = &log->ledgers[i]->info;
		if (li->id > b.ledger)
			break;
		lo = li->id == a.ledger ? a.entry + 1 : 0;
		hi = li->last_entry;
		if (li->id == b.ledger && b.entry < hi)
			hi = b.entry;
		if (hi >= lo)
			n += (uint64_t)(hi - lo) + 1;
	}
	return n;
}

/* --- held by the core ------------------------------------------------------------------ */

void
tledger_want(struct topic *t, struct tledger *tl)
{
	struct ledgers *lgs = t->co->ledgers;

	CHECK_OBJ_NOTNULL(tl, TLEDGER_MAGIC);
	if (tl->lg != NULL || tl->opening || tl->dropped)
		return;
	tl->opening = true;
	topic_pin(t);
	lgs->ops->open(lgs, tl->info.id, tl);
}

static void
let_go(struct topic *t, struct tledger *tl)
{
	struct ledgers *lgs = t->co->ledgers;

	if (tl->lg != NULL)
		lgs->ops->release(lgs, &tl->lg);
}

/* A user less. The one that takes appends stays held. */
void
tledger_unuse(struct topic *t, struct tledger **tlp)
{
	struct tledger *tl;

	TAKE_OBJ_NOTNULL(tl, tlp, TLEDGER_MAGIC);
	AN(tl->users);
	if (--tl->users > 0 || tl->opening)
		return;
	if (tl->dropped) {
		tledger_free(&tl);
		return;
	}
	if (tl == tlog_last(t) && (tl->info.open || t->log.rolling))
		return;
	let_go(t, tl);
}

static void finds_step(struct topic *, struct tledger *, enum err);

void
tlog_ledger_opened(
    void *owner, struct ledger *lg, const struct ledger_info *info, enum err e)
{
	struct tledger *tl;
	struct topic *t;

	CAST_OBJ_NOTNULL(tl, owner, TLEDGER_MAGIC);
	t = tl->t;
	tl->opening = false;
	tl->lg = lg;
	if (tl->dropped) {
		let_go(t, tl);
		if (tl->users == 0)
			tledger_free(&tl);
		topic_unpin(t);
		return;
	}
	if (tl == t->log.next || (tl == tlog_last(t) && t->load != NULL)) {
		if (e == ERR_OK)
			tl->info = *info;
		tlog_roll_opened(t, tl, e);
		topic_unpin(t);
		return;
	}
	if (e == ERR_NO_LEDGER && t->state == TOPIC_READY) {
		/* what it held is lost: nobody waits for it any more */
		t->co->damaged += (uint64_t)(tl->info.last_entry + 1);
		tl->info.last_entry = -1;
	}
	reader_ledger_ready(t, tl, e);
	finds_step(t, tl, e);
	if (tl->users == 0 && !(tl == tlog_last(t) && tl->info.open))
		let_go(t, tl);
	topic_unpin(t);
}

/* Off the list's slot: freed now, or when the engine or a search lets it. */
static void
drop(struct topic *t, struct tledger *tl, bool del)
{
	if (del)
		tl->lg = NULL; /* forgotten by id */
	else
		let_go(t, tl);
	tl->dropped = true;
	if (!tl->opening && tl->users == 0)
		tledger_free(&tl);
}

void
tlog_release(struct topic *t, bool del)
{
	struct ledgers *lgs = t->co->ledgers;
	struct tlog *log = &t->log;
	struct tledger *tl;
	uint64_t id;
	uint32_t i;

	for (i = 0; i < log->ledgers_n; i++) {
		tl = log->ledgers[i];
		id = tl->info.id;
		drop(t, tl, del);
		if (del)
			lgs->ops->del(lgs, id);
	}
	log->ledgers_n = 0;
	if (log->next != NULL) {
		tl = log->next;
		log->next = NULL;
		drop(t, tl, false);
	}
	timer_cancel(t->co->timers, &log->retry);
}

/* Searches in a ledger that has left the list end there, but not from in here.
 * The engine answers those that it has. */
static void
finds_gone(struct topic *t)
{
	struct tlog_find *f;

	LIST_FOREACH(f, &t->log.finds, link)
		if (f->tl != NULL && f->tl->dropped && !f->at_engine)
			timer_set(t->co->timers, &f->now, t->co->now_ns);
}

/* The first n ledgers leave the list; the engine is told by the next commit. */
void
tlog_cut(struct topic *t, uint32_t n)
{
	struct tlog *log = &t->log;
	struct tledger *tl;
	uint32_t i;

	assert(n < log->ledgers_n || t->terminated);
	log->dead =
	    mem_reallocarray(log->dead, log->dead_n + n, sizeof *log->dead);
	for (i = 0; i < n; i++) {
		tl = log->ledgers[i];
		log->dead[log->dead_n++] = tl->info.id;
		log->bytes -= tl->info.bytes;
		reader_ledger_gone(t, tl);
		drop(t, tl, false);
	}
	log->ledgers_n -= n;
	memmove(log->ledgers, log->ledgers + n,
	    log->ledgers_n * sizeof(struct tledger *));
	finds_gone(t);
}

/* --- searches --------------------------------------------------------------------- */

static void
find_end(struct tlog_find *f, struct pos p, enum err e)
{
	struct topic *t = f->t;

	LIST_REMOVE(f, link);
	timer_cancel(t->co->timers, &f->now);
	if (f->tl != NULL)
		tledger_unuse(t, &f->tl);
	if (f->keys != NULL)
		f->keys(f->priv, f->found, f->n, e);
	else
		f->done(f->priv, p, e);
	FREE_OBJ(f);
	topic_unpin(t);
}

/* Its ledger has left the list: what was looked for is gone with it, and what is
 * left comes behind that. */
static void
find_gone(struct tlog_find *f)
{
	bool ready = f->t->state == TOPIC_READY;

	find_end(f, tlog_first(f->t), ready ? ERR_OK : ERR_NOT_READY);
}

static void
find_found(void *priv, int64_t entry, enum err e)
{
	struct tlog_find *f;
	struct pos p;

	CAST_OBJ_NOTNULL(f, priv, TLOG_FIND_MAGIC);
	if (e == ERR_NO_LEDGER && f->tl->dropped) {
		find_gone(f);
		return;
	}
	p = (struct pos){ f->tl->info.id, entry };
	if (e == ERR_OK && f->t->state != TOPIC_READY)
		e = ERR_NOT_READY;
	find_end(f, e == ERR_OK ? tlog_valid(f->t, p) : p, e);
}

static void
find_keys(void *priv, const int64_t *entry, uint32_t n, enum err e)
{
	struct tlog_find *f;

	CAST_OBJ_NOTNULL(f, priv, TLOG_FIND_MAGIC);
	if (e == ERR_NO_LEDGER && f->tl->dropped) {
		find_gone(f);
		return;
	}
	if (e == ERR_OK && f->t->state != TOPIC_READY)
		e = ERR_NOT_READY;
	f->found = entry;
	f->n = n;
	find_end(f, POS_NONE, e);
}

static void
find_go(struct tlog_find *f, enum err e)
{
	struct ledgers *lgs = f->t->co->ledgers;

	/* a reader that was woken by the same ledger may have begun it */
	timer_cancel(f->t->co->timers, &f->now);
	if (f->tl->lg == NULL) {
		find_end(f, f->t->log.last, e != ERR_OK ? e : ERR_NO_LEDGER);
		return;
	}
	f->at_engine = true;
	if (f->keys != NULL)
		lgs->ops->find_keys(lgs, f->tl->lg, f->hash, f->from, f->to,
		    f->max, find_keys, f);
	else if (f->by_index)
		lgs->ops->find_index(lgs, f->tl->lg, f->index, find_found, f);
	else
		lgs->ops->find_time(lgs, f->tl->lg, f->wall_ms, find_found, f);
}

static void
find_now(void *priv)
{
	struct tlog_find *f;
	struct pos end;

	CAST_OBJ_NOTNULL(f, priv, TLOG_FIND_MAGIC);
	if (f->tl != NULL && f->tl->dropped) {
		find_gone(f);
		return;
	}
	if (f->tl != NULL) {
		find_go(f, ERR_OK);
		return;
	}
	end = f->t->log.last;
	end.entry++;
	find_end(f, tlog_valid(f->t, end), ERR_OK);
}

static void
finds_step(struct topic *t, struct tledger *tl, enum err e)
{
	struct tlog_find *f, *next;

	topic_pin(t);
	for (f = LIST_FIRST(&t->log.finds); f != NULL; f = next) {
		next = LIST_NEXT(f, link);
		if (f->tl == tl && !f->at_engine)
			find_go(f, e);
	}
	topic_unpin(t);
}

void
tlog_finds_end(struct topic *t, enum err e, bool all)
{
	struct tlog_find *f, *next;

	topic_pin(t);
	for (f = LIST_FIRST(&t->log.finds); f != NULL; f = next) {
		next = LIST_NEXT(f, link);
		if (all || !f->at_engine)
			find_end(f, t->log.last, e);
	}
	topic_unpin(t);
}

static struct tlog_find *
find_new(struct topic *t, void (*done)(void *priv, struct pos first, enum err),
    void *priv)
{
	struct tlog_find *f;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	ALLOC_OBJ(f, TLOG_FIND_MAGIC);
	f->t = t;
	f->done = done;
	f->priv = priv;
	topic_pin(t);
	LIST_INSERT_HEAD(&t->log.finds, f, link);
	timer_init(&f->now, find_now, f);
	return f;
}

/* In ledger number i, or behind the last one */
static void
find_in(struct tlog_find *f, uint32_t i)
{
	struct topic *t = f->t;

	if (i < t->log.ledgers_n) {
		f->tl = t->log.ledgers[i];
		f->tl->users++;
		if (f->tl->lg == NULL) {
			tledger_want(t, f->tl);
			return;
		}
	}
	timer_set(t->co->timers, &f->now, t->co->now_ns);
}

void
tlog_find_time(struct topic *t, int64_t wall_ms,
    void (*done)(void *priv, struct pos first, enum err), void *priv)
{
	struct tlog_find *f = find_new(t, done, priv);
	const struct ledger_info *li;
	uint32_t i;

	f->wall_ms = wall_ms;
	for (i = 0; i < t->log.ledgers_n; i++) {
		li = &t->log.ledgers[i]->info;
		if (li->last_entry >= 0 && li->last_store_ms >= wall_ms)
			break;
	}
	find_in(f, i);
}

/* --- by index ------------------------------------------------------------------------- */

uint64_t
tlog_first_index(const struct topic *t)
{
	return t->log.ledgers_n > 0 ? t->log.ledgers[0]->info.first_index :
				      t->log.next_index;
}

uint64_t
tlog_locator(const struct topic *t, const struct entry *ent)
{
	const struct tledger *tl = tlog_find(t, ent->pos.ledger);

	AN(tl);
	return entry_locator(
	    ent->pos.ledger, ent->index - tl->info.first_index);
}

/* Number of the ledger that has this message, or of the first one behind it. */
static uint32_t
ledger_of_index(const struct tlog *log, uint64_t index)
{
	uint32_t lo = 0, hi = log->ledgers_n, mid;

	/* usually the last one */
	if (hi > 0 && index >= log->ledgers[hi - 1]->info.first_index)
		return index < log->ledgers[hi - 1]->info.next_index ? hi - 1 :
								       hi;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (log->ledgers[mid]->info.next_index <= index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool
tlog_place(const struct topic *t, uint64_t index, struct pos *p)
{
	const struct tlog *log = &t->log;
	uint32_t i = ledger_of_index(log, index);
	const struct ledger_info *li;

	if (i == log->ledgers_n) {
		*p = log->last;
		p->entry++;
		*p = tlog_valid(t, *p);
		return true;
	}
	li = &log->ledgers[i]->info;
	*p = (struct pos){ li->id, 0 };
	/* a ledger that was lost has no entry: what follows it is the place */
	if (index <= li->first_index || li->last_entry < 0)
		*p = tlog_valid(t, *p);
	else if (li->next_index - li->first_index ==
	    (uint64_t)li->last_entry + 1)
		p->entry = (int64_t)(index - li->first_index);
	else
		return false;
	return true;
}

void
tlog_find_index(struct topic *t, uint64_t index,
    void (*done)(void *priv, struct pos, enum err), void *priv)
{
	struct tlog_find *f = find_new(t, done, priv);

	f->by_index = true;
	f->index = index;
	find_in(f, ledger_of_index(&t->log, index));
}

/* --- by key --------------------------------------------------------------------------- */

void
tlog_find_keys(struct topic *t, uint64_t ledger, uint64_t hash, int64_t from,
    int64_t to, uint32_t max, tlog_keys_f *done, void *priv)
{
	struct tlog_find *f = find_new(t, NULL, priv);
	uint32_t i = 0;

	AN(t->co->ledgers->ops->find_keys);
	f->keys = done;
	f->hash = hash;
	f->from = from;
	f->to = to;
	f->max = max;
	while (i < t->log.ledgers_n && t->log.ledgers[i]->info.id != ledger)
		i++;
	find_in(f, i); /* one that has gone has none */
}
