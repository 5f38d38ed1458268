/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared: round robin over the consumers that can take something, those of the
 * highest priority (the lowest number) first, BATCH entries a turn; what was
 * sent back goes before new entries.
 *
 * Consumers that can take nothing are in no list, so they cost nothing. The
 * chunks of one message all go to one consumer, as in Pulsar's
 * SharedConsumerAssignor: the first chunk binds their hash to whoever gets it, a
 * chunk whose consumer can't take it now is parked with that consumer.
 */
#include "base/map.h"
#include "core/pace.h"
#include "core/leasing.h"
#include "core/sub_priv.h"

#include <bsd/sys/tree.h>

#define QUANTUM 64
#define BATCH 20
#define BOUND_MAX 16384 /* chunked messages that are half delivered */
#define PARKED_MAX \
	4096 /* chunks waiting for a consumer: then nothing new is read */

struct level { /* consumers of one priority */
	int32_t priority;
	uint32_t members_n;
	TAILQ_HEAD(, consumer) ready; /* by disp_link */
	bool listed; /* in shared->ready */
	RB_ENTRY(level) node;
	SLIST_ENTRY(level) link;
};
RB_HEAD(levels, level);

struct member {
	struct level *lv;
	bool ready;
	uint32_t turn; /* entries in this turn */
	struct posset parked;
};

struct shared {
	unsigned magic;
#define SHARED_MAGIC 0x58a4ed01
	struct levels ready;
	SLIST_HEAD(, level) levels;
	struct umap bound; /* chunk hash -> consumer */
	uint64_t parked_n;
};

static int
cmp(struct level *a, struct level *b)
{
	return a->priority < b->priority ? -1 : a->priority > b->priority;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
RB_GENERATE_INTERNAL(levels, level, node, cmp, static)
#pragma GCC diagnostic pop

static struct shared *
state(const struct sub *s)
{
	struct shared *sh;

	CAST_OBJ_NOTNULL(sh, s->disp_state, SHARED_MAGIC);
	return sh;
}

static struct member *
member(const struct consumer *c)
{
	return c->disp_state;
}

/* --- who is ready --------------------------------------------------------------- */

static void
unready(struct shared *sh, struct consumer *c)
{
	struct member *m = member(c);

	if (!m->ready)
		return;
	m->ready = false;
	TAILQ_REMOVE(&m->lv->ready, c, disp_link);
	if (TAILQ_EMPTY(&m->lv->ready)) {
		(void)levels_RB_REMOVE(&sh->ready, m->lv);
		m->lv->listed = false;
	}
}

static void
unpark(struct sub *s, struct member *m)
{
	struct pos p;

	while (posset_first(&m->parked, &p)) {
		(void)posset_remove(&m->parked, p);
		(void)posset_add(&s->replay, p);
		state(s)->parked_n--;
	}
}

static void
shared_update(struct sub *s, struct consumer *c)
{
	struct shared *sh = state(s);
	struct member *m = member(c);

	if (!consumer_can_take(c)) {
		unready(sh, c);
		return;
	}
	if (m->ready)
		return;
	m->ready = true;
	m->turn = 0;
	TAILQ_INSERT_TAIL(&m->lv->ready, c, disp_link);
	if (!m->lv->listed) {
		AZ(levels_RB_INSERT(&sh->ready, m->lv));
		m->lv->listed = true;
	}
	unpark(s, m);
}

/* whose turn it is */
static struct consumer *
turn(struct shared *sh)
{
	struct level *lv = RB_MIN(levels, &sh->ready);

	return lv != NULL ? TAILQ_FIRST(&lv->ready) : NULL;
}

static void
took(struct consumer *c)
{
	struct member *m = member(c);

	if (!m->ready || ++m->turn < BATCH)
		return;
	m->turn = 0;
	TAILQ_REMOVE(&m->lv->ready, c, disp_link);
	TAILQ_INSERT_TAIL(&m->lv->ready, c, disp_link);
}

/* What comes later goes to the next one, however little this one got. */
static void
next_turn(struct shared *sh)
{
	struct consumer *c = turn(sh);

	if (c == NULL || member(c)->turn == 0)
		return;
	member(c)->turn = BATCH - 1;
	took(c);
}

static void
shared_add(struct sub *s, struct consumer *c)
{
	struct shared *sh;
	struct member *m;
	struct level *lv;

	if (s->disp_state == NULL) {
		ALLOC_OBJ(sh, SHARED_MAGIC);
		RB_INIT(&sh->ready);
		SLIST_INIT(&sh->levels);
		umap_init(&sh->bound, 0, BOUND_MAX);
		s->disp_state = sh;
	}
	sh = state(s);
	SLIST_FOREACH(lv, &sh->levels, link)
		if (lv->priority == c->priority)
			break;
	if (lv == NULL) {
		lv = mem_zalloc(sizeof *lv);
		lv->priority = c->priority;
		TAILQ_INIT(&lv->ready);
		SLIST_INSERT_HEAD(&sh->levels, lv, link);
	}
	lv->members_n++;
	m = mem_zalloc(sizeof *m);
	m->lv = lv;
	posset_init(&m->parked);
	c->disp_state = m;
	shared_update(s, c);
}

/* --- leases ------------------------------------------------------------------------ */

/* It is no longer out, and goes out again. */
static void
send_back(struct sub *s, struct lease *l, bool count)
{
	struct consumer *c = l->c;

	consumer_unlease(c, l, l->messages_n);
	(void)posset_add(&s->replay, l->pos);
	if (count)
		l->redeliveries++;
	leasing_freed(s, l->pos);
	if (l->redeliveries == 0) /* nothing to remember */
		lease_table_del(&s->leases, &s->t->co->leases, &l);
}

static void
unbind_all(struct shared *sh, const struct consumer *c)
{
	uint64_t gone[64];
	unsigned n, i;
	size_t k;

	do {
		n = 0;
		for (k = 0; k < sh->bound.top && n < NELEM(gone); k++)
			if (sh->bound.slots[k].val == c)
				gone[n++] = sh->bound.slots[k].key;
		for (i = 0; i < n; i++)
			(void)umap_del(&sh->bound, gone[i]);
	} while (n == NELEM(gone));
}

static void
shared_remove(struct sub *s, struct consumer *c)
{
	struct shared *sh = state(s);
	struct member *m = member(c);
	struct lease *l;

	unready(sh, c);
	while ((l = TAILQ_FIRST(&c->leases)) != NULL)
		send_back(s, l, false);
	unpark(s, m);
	unbind_all(sh, c);
	if (--m->lv->members_n == 0) {
		SLIST_REMOVE(&sh->levels, m->lv, level, link);
		mem_free(m->lv);
	}
	posset_fini(&m->parked);
	MEM_FREE(c->disp_state);
	sub_check_unacked(s, NULL);
}

static void
shared_redeliver(struct sub *s, struct consumer *c, uint32_t n,
    const struct core_ack_id *ids, uint64_t epoch)
{
	struct lease *l;
	uint32_t i;

	(void)epoch;
	for (i = 0; i < n; i++) {
		l = lease_table_get(&s->leases, ids[i].pos);
		if (l == NULL || l->c != c)
			continue;
		c->redelivered += l->messages_n;
		s->redelivered += l->messages_n;
		send_back(s, l, true);
	}
	while (n == 0 && (l = TAILQ_FIRST(&c->leases)) != NULL) {
		c->redelivered += l->messages_n;
		s->redelivered += l->messages_n;
		send_back(s, l, true);
	}
	sub_check_unacked(s, c);
}

static void
shared_acked(struct sub *s, struct lease *l, struct consumer *owner)
{
	if (owner == NULL)
		(void)posset_remove(&s->replay, l->pos);
}

/* --- dispatch ------------------------------------------------------------------------ */

/* Who gets it; NULL: it waits for its consumer. */
static struct consumer *
choose(struct shared *sh, const struct entry *ent)
{
	struct consumer *c;

	if ((ent->attr.flags & ATTR_CHUNK) == 0)
		return turn(sh);
	c = umap_get(&sh->bound, ent->attr.chunk_hash);
	if (c != NULL)
		return member(c)->ready ? c : NULL;
	c = turn(sh);
	if (sh->bound.n == sh->bound.max)
		(void)umap_pop(&sh->bound);
	if (umap_add(&sh->bound, ent->attr.chunk_hash, c) != ERR_OK)
		WRONG("a place was made");
	return c;
}

static void
park(struct sub *s, const struct entry *ent)
{
	struct shared *sh = state(s);
	struct consumer *c = umap_get(&sh->bound, ent->attr.chunk_hash);

	if (posset_add(&member(c)->parked, ent->pos))
		sh->parked_n++;
}

/* l: its lease, if it has one */
static void
give(
    struct sub *s, struct consumer *c, const struct entry *ent, struct lease *l)
{
	struct shared *sh = state(s);

	if (l == NULL) {
		l = lease_table_add(&s->leases, &s->t->co->leases, ent->pos);
		l->redeliveries = leasing_redeliveries(s, ent->pos);
	}
	assert(l->c == NULL);
	l->messages_n = consumer_deliver(c, ent, l->redeliveries);
	l->batch_n = ent->attr.messages_n;
	l->c = c;
	TAILQ_INSERT_TAIL(&c->leases, l, link);
	c->unacked += l->messages_n;
	s->unacked += l->messages_n;
	if ((ent->attr.flags & ATTR_CHUNK_LAST) != 0)
		(void)umap_del(&sh->bound, ent->attr.chunk_hash);
	took(c);
	sub_check_unacked(s, c);
	shared_update(s, c);
}

static bool
shared_run(struct sub *s)
{
	struct shared *sh = state(s);
	struct consumer *c;
	struct lease *l;
	struct entry ent;
	enum reader_result r;
	unsigned i;
	bool again;

	for (i = 0; i < QUANTUM; i++) {
		if (turn(sh) == NULL)
			break;
		again = s->replay.count > 0;
		r = again ? sub_peek_again(s, &ent) : READER_END;
		if (r == READER_END) {
			again = false;
			/* over the limit only what was sent before is sent */
			if (s->blocked_unacked || sh->parked_n >= PARKED_MAX)
				break;
			r = sub_peek(s, &ent);
		}
		if (r != READER_ENTRY || sub_is_held(s))
			break;
		c = NULL;
		l = lease_table_get(&s->leases, ent.pos);
		if (!sub_swallow(s, &ent) && (l == NULL || l->c == NULL) &&
		    !leasing_holds(s, ent.pos)) {
			c = choose(sh, &ent);
			if (c == NULL)
				park(s, &ent);
		}
		if (again)
			(void)posset_remove(&s->replay, ent.pos);
		if (c != NULL)
			give(s, c, &ent, l);
		if (!again)
			reader_advance(s->rd);
	}
	next_turn(sh);
	return i == QUANTUM;
}

static void
shared_rewind(struct sub *s)
{
	/* a cursor is only moved when all consumers are gone */
	AZ(s->consumers_n);
}

static struct consumer *
shared_pick(struct sub *s, const struct entry *ent)
{
	struct shared *sh = state(s);
	struct consumer *c;

	if (turn(sh) == NULL)
		return NULL;
	c = choose(sh, ent);
	if (c == NULL)
		return NULL;
	if ((ent->attr.flags & ATTR_CHUNK_LAST) != 0)
		(void)umap_del(&sh->bound, ent->attr.chunk_hash);
	member(c)->turn = BATCH - 1; /* entry by entry */
	took(c);
	return c;
}

static void
shared_stats(struct sub *s, struct sub_stats *st)
{
	st->in_replay += state(s)->parked_n;
}

static void
shared_free(struct sub *s)
{
	struct shared *sh;

	if (s->disp_state == NULL)
		return;
	AZ(s->consumers_n);
	sh = state(s);
	assert(SLIST_EMPTY(&sh->levels));
	umap_fini(&sh->bound);
	s->disp_state = NULL;
	FREE_OBJ(sh);
}

const struct disp_ops disp_shared = {
	.name = "shared",
	.add = shared_add,
	.remove = shared_remove,
	.run = shared_run,
	.redeliver = shared_redeliver,
	.rewind = shared_rewind,
	.update = shared_update,
	.acked = shared_acked,
	.pick = shared_pick,
	.stats = shared_stats,
	.free = shared_free,
};
