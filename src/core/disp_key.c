/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key_Shared: the slot of an entry's key says whose it is (keyring.h).
 *
 * Order of a key. All entries of a slot that are out are at one consumer, the
 * slot's holder. When the slot comes to belong to somebody else, it drains: what
 * the holder has must be acked, or come back because the holder nacks or
 * leaves, before the new owner gets any. Only that slot waits (PIP-379; Pulsar's
 * DrainingHashesTracker keeps such slots in a list when owners change, here it
 * follows from holder and owner). Entries that cannot go now stand in their
 * slot's queue in order of position, and while one stands there no later one of
 * the slot goes. With out-of-order delivery allowed, nothing of this paragraph holds
 * but the queue.
 *
 * Cost. A slot with a queue is in the list of its owner when it could go; an
 * owner with such slots that can take something is in the list of work. So a
 * turn touches nothing that is stalled. How far entries are read ahead past
 * blocked slots is bounded as in Pulsar, by the entries that stand in queues.
 */
#include "core/pace.h"
#include "core/keyring.h"
#include "core/sub_priv.h"

#define QUANTUM 64
/* keySharedLookAheadMsgInReplayThresholdPerConsumer, -PerSubscription */
#define AHEAD_CONSUMER 2000u
#define AHEAD_SUB 20000u

#define PAGE_SLOTS 256u
#define PAGES (KEYRING_SLOTS / PAGE_SLOTS)

struct slot {
	struct consumer *holder; /* where its entries are out */
	uint32_t out_n;
	struct lease_list queue; /* by position */
	struct lease *hint; /* where the last one was put in between */
	struct consumer *listed; /* in this one's list of slots */
	TAILQ_ENTRY(slot) link;
};

struct member {
	bool ready;
	bool working; /* in key->work, by disp_link */
	TAILQ_HEAD(, slot) slots;
};

struct key {
	unsigned magic;
#define KEY_MAGIC 0x4e450001
	struct keyring *kr;
	struct slot *pages[PAGES]; /* made when one of its slots is used */
	TAILQ_HEAD(, consumer) work;
	uint32_t ready_n;
	uint64_t queued_n;
};

static struct key *
state(const struct sub *s)
{
	struct key *k;

	CAST_OBJ_NOTNULL(k, s->disp_state, KEY_MAGIC);
	return k;
}

static struct member *
member(const struct consumer *c)
{
	return c->disp_state;
}

static struct slot *
slot_of(struct key *k, uint32_t n)
{
	struct slot *page = k->pages[n / PAGE_SLOTS];
	uint32_t i;

	if (page == NULL) {
		page = mem_calloc(PAGE_SLOTS, sizeof *page);
		for (i = 0; i < PAGE_SLOTS; i++)
			TAILQ_INIT(&page[i].queue);
		k->pages[n / PAGE_SLOTS] = page;
	}
	return &page[n % PAGE_SLOTS];
}

static uint32_t
slot_number(const struct key *k, const struct entry *ent)
{
	return keyring_slot(k->kr, ent->attr.key_hash);
}

/* --- lists of what could go -------------------------------------------------------- */

static void
work_update(struct key *k, struct consumer *c)
{
	struct member *m = member(c);
	bool want = m->ready && !TAILQ_EMPTY(&m->slots);

	if (want == m->working)
		return;
	m->working = want;
	if (want)
		TAILQ_INSERT_TAIL(&k->work, c, disp_link);
	else
		TAILQ_REMOVE(&k->work, c, disp_link);
}

static void
unlist(struct key *k, struct slot *sl)
{
	struct consumer *c = sl->listed;

	if (c == NULL)
		return;
	sl->listed = NULL;
	TAILQ_REMOVE(&member(c)->slots, sl, link);
	work_update(k, c);
}

/* Puts the slot into its owner's list if its queue could go. */
static void
list(const struct sub *s, struct slot *sl, uint32_t n)
{
	struct key *k = state(s);
	struct consumer *owner;

	if (sl->listed != NULL || TAILQ_EMPTY(&sl->queue))
		return;
	owner = keyring_select(k->kr, n);
	if (owner == NULL)
		return;
	if (!s->ks_out_of_order && sl->out_n > 0 && sl->holder != owner)
		return;
	sl->listed = owner;
	TAILQ_INSERT_TAIL(&member(owner)->slots, sl, link);
	work_update(k, owner);
}

/* Owners have changed. */
static void
list_again(struct sub *s)
{
	struct key *k = state(s);
	struct slot *sl;
	uint32_t n;

	for (n = 0; n < KEYRING_SLOTS; n++) {
		if (k->pages[n / PAGE_SLOTS] == NULL) {
			n += PAGE_SLOTS - 1;
			continue;
		}
		sl = slot_of(k, n);
		unlist(k, sl);
		list(s, sl, n);
	}
}

/* --- queues ------------------------------------------------------------------------- */

static void
enqueue(struct sub *s, struct slot *sl, struct lease *l)
{
	struct key *k = state(s);
	struct lease *p = TAILQ_LAST(&sl->queue, lease_list);

	AZ(l->c);
	k->queued_n++;
	if (p == NULL || pos_cmp(p->pos, l->pos) < 0) {
		TAILQ_INSERT_TAIL(&sl->queue, l, link);
		list(s, sl, l->key_hash);
		return;
	}
	/* what comes back stands before what was never sent, and comes in order
	 * more often than not: begin behind the last one */
	p = sl->hint;
	if (p == NULL || pos_cmp(p->pos, l->pos) > 0)
		p = TAILQ_FIRST(&sl->queue);
	while (pos_cmp(p->pos, l->pos) < 0)
		p = TAILQ_NEXT(p, link);
	TAILQ_INSERT_BEFORE(p, l, link);
	sl->hint = l;
	list(s, sl, l->key_hash);
}

static void
dequeue(struct sub *s, struct slot *sl, struct lease *l)
{
	struct key *k = state(s);

	AN(k->queued_n);
	k->queued_n--;
	if (sl->hint == l)
		sl->hint = NULL;
	TAILQ_REMOVE(&sl->queue, l, link);
	if (TAILQ_EMPTY(&sl->queue))
		unlist(k, sl);
}

/* One of the slot's entries is no longer out. */
static void
came_back(struct sub *s, struct slot *sl, uint32_t n)
{
	AN(sl->out_n);
	if (--sl->out_n > 0)
		return;
	sl->holder = NULL;
	list(s, sl, n);
	if (sl->listed != NULL)
		sub_kick(s);
}

static void
send_back(struct sub *s, struct lease *l, bool count)
{
	struct slot *sl = slot_of(state(s), l->key_hash);

	consumer_unlease(l->c, l, l->messages_n);
	if (count)
		l->redeliveries++;
	enqueue(s, sl, l);
	came_back(s, sl, l->key_hash);
}

/* --- consumers -------------------------------------------------------------------------- */

static void
key_update(struct sub *s, struct consumer *c)
{
	struct key *k = state(s);
	struct member *m = member(c);
	bool ready = consumer_can_take(c);

	if (ready == m->ready)
		return;
	m->ready = ready;
	if (ready)
		k->ready_n++;
	else
		k->ready_n--;
	work_update(k, c);
}

static enum keyring_kind
kind_of(const struct sub *s)
{
	if (s->ks_sticky)
		return KEYRING_FIXED;
	return s->t->co->conf.hash_ring ? KEYRING_HASH : KEYRING_SPLIT;
}

static enum err
key_check(const struct sub *s, const struct op_subscribe *sb, const char **diag)
{
	const struct key *k = state(s);

	if (keyring_fits(k->kr, sb->ranges, sb->ranges_n))
		return ERR_OK;
	*diag = s->ks_sticky ? "Range conflict with consumer" :
			       "No more range can assigned to new consumer";
	return ERR_CONSUMER_ASSIGN;
}

static void
key_add(struct sub *s, struct consumer *c)
{
	struct member *m;
	struct key *k;

	if (s->disp_state == NULL) {
		ALLOC_OBJ(k, KEY_MAGIC);
		k->kr =
		    keyring_new(kind_of(s), s->t->co->conf.hash_ring_points);
		TAILQ_INIT(&k->work);
		s->disp_state = k;
	}
	k = state(s);
	m = mem_zalloc(sizeof *m);
	TAILQ_INIT(&m->slots);
	c->disp_state = m;
	keyring_add(k->kr, c, c->name, c->ranges, c->ranges_n);
	list_again(s);
	key_update(s, c);
}

static void
drop_pages(struct key *k)
{
	uint32_t i;

	for (i = 0; i < PAGES; i++)
		MEM_FREE(k->pages[i]);
	k->queued_n = 0;
}

static void
key_remove(struct sub *s, struct consumer *c)
{
	struct key *k = state(s);
	struct member *m = member(c);
	struct lease *l;
	struct slot *sl;

	keyring_remove(k->kr, c);
	/* from the end, so that each goes to the front of its queue */
	while ((l = TAILQ_LAST(&c->leases, lease_list)) != NULL)
		send_back(s, l, false);
	while ((sl = TAILQ_FIRST(&m->slots)) != NULL)
		unlist(k, sl);
	if (m->ready)
		k->ready_n--;
	AZ(m->working);
	MEM_FREE(c->disp_state);
	if (s->consumers_n == 0)
		drop_pages(k); /* the leases go with the subscription's table */
	else
		list_again(s);
	sub_check_unacked(s, NULL);
}

static void
key_redeliver(struct sub *s, struct consumer *c, uint32_t n,
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
	while (n == 0 && (l = TAILQ_LAST(&c->leases, lease_list)) != NULL) {
		c->redelivered += l->messages_n;
		s->redelivered += l->messages_n;
		send_back(s, l, true);
	}
	sub_check_unacked(s, c);
}

static void
key_acked(struct sub *s, struct lease *l, struct consumer *owner)
{
	struct slot *sl = slot_of(state(s), l->key_hash);

	if (owner != NULL)
		came_back(s, sl, l->key_hash);
	else
		dequeue(s, sl, l);
}

/* --- dispatch ----------------------------------------------------------------------------- */

static void
give(struct sub *s, struct consumer *c, struct slot *sl, struct lease *l,
    const struct entry *ent)
{
	l->messages_n = consumer_deliver(c, ent, l->redeliveries);
	l->batch_n = ent->attr.messages_n;
	l->c = c;
	TAILQ_INSERT_TAIL(&c->leases, l, link);
	c->unacked += l->messages_n;
	s->unacked += l->messages_n;
	sl->holder = c;
	sl->out_n++;
	sub_check_unacked(s, c);
	key_update(s, c);
}

static void
forget(struct sub *s, struct slot *sl, struct lease *l)
{
	dequeue(s, sl, l);
	lease_table_del(&s->leases, &s->t->co->leases, &l);
}

/* The head of a queue whose owner is ready. false: it has to be read first. */
static bool
serve(struct sub *s, struct consumer *c)
{
	struct key *k = state(s);
	struct member *m = member(c);
	struct slot *sl = TAILQ_FIRST(&m->slots);
	struct lease *l = TAILQ_FIRST(&sl->queue);
	struct entry ent;
	enum reader_result r;

	if (cursor_is_acked(s->cur, l->pos)) {
		forget(s, sl, l);
		return true;
	}
	if (!pos_eq(reader_pos(s->replay_rd), l->pos))
		reader_seek(s->replay_rd, l->pos);
	r = reader_peek(s->replay_rd, &ent);
	if (r == READER_WAIT)
		return false;
	if (r != READER_ENTRY || !pos_eq(ent.pos, l->pos)) {
		/* it is gone: damaged, or trimmed away */
		(void)cursor_ack(s->cur, l->pos, 0);
		forget(s, sl, l);
		return true;
	}
	dequeue(s, sl, l);
	if (sl->listed != NULL) { /* the others have their turn */
		TAILQ_REMOVE(&m->slots, sl, link);
		TAILQ_INSERT_TAIL(&m->slots, sl, link);
	}
	if (m->working) {
		TAILQ_REMOVE(&k->work, c, disp_link);
		TAILQ_INSERT_TAIL(&k->work, c, disp_link);
	}
	give(s, c, sl, l, &ent);
	return true;
}

/* A new entry: to its owner, or into its slot's queue. */
static void
route(struct sub *s, const struct entry *ent)
{
	struct key *k = state(s);
	uint32_t n = slot_number(k, ent);
	struct slot *sl = slot_of(k, n);
	struct consumer *owner = keyring_select(k->kr, n);
	struct lease *l;
	bool go;

	l = lease_table_get(&s->leases, ent->pos);
	if (l != NULL)
		return; /* out, or in a queue */
	l = lease_table_add(&s->leases, &s->t->co->leases, ent->pos);
	l->key_hash = n;
	go = owner != NULL && member(owner)->ready;
	if (go && !s->ks_out_of_order)
		go = TAILQ_EMPTY(&sl->queue) &&
		    (sl->out_n == 0 || sl->holder == owner);
	if (go)
		give(s, owner, sl, l, ent);
	else
		enqueue(s, sl, l);
}

static uint64_t
ahead_max(const struct sub *s)
{
	uint64_t n = (uint64_t)AHEAD_CONSUMER * s->consumers_n;

	return n < AHEAD_SUB ? n : AHEAD_SUB;
}

static bool
key_run(struct sub *s)
{
	struct key *k = state(s);
	struct consumer *c;
	struct entry ent;
	enum reader_result r;
	unsigned i;
	bool due;

	for (i = 0; i < QUANTUM; i++) {
		if (k->ready_n == 0)
			return false;
		c = TAILQ_FIRST(&k->work);
		if (c != NULL) {
			if (sub_is_held(s) || !serve(s, c))
				return false;
			continue;
		}
		/* over the limit only what was read before is sent */
		if (s->blocked_unacked || k->queued_n >= ahead_max(s))
			return false;
		/* what has become due stands before what is new */
		r = s->replay.count > 0 ? sub_peek_again(s, &ent) : READER_END;
		due = r != READER_END;
		if (!due)
			r = sub_peek(s, &ent);
		if (r != READER_ENTRY || sub_is_held(s))
			return false;
		if (!sub_swallow(s, &ent))
			route(s, &ent);
		if (due)
			(void)posset_remove(&s->replay, ent.pos);
		else
			reader_advance(s->rd);
	}
	return true;
}

static void
key_rewind(struct sub *s)
{
	/* a cursor is only moved when all consumers are gone */
	AZ(s->consumers_n);
}

static struct consumer *
key_pick(struct sub *s, const struct entry *ent)
{
	struct key *k = state(s);
	struct consumer *c = keyring_select(k->kr, slot_number(k, ent));

	return c != NULL && member(c)->ready ? c : NULL;
}

static void
key_stats(struct sub *s, struct sub_stats *st)
{
	struct key *k = state(s);
	struct consumer *c;
	struct slot *sl;
	uint32_t i = 0, n;

	st->in_replay += k->queued_n;
	TAILQ_FOREACH(c, &s->consumers, link) {
		mem_free(st->consumers[i].ranges);
		st->consumers[i].ranges_n =
		    keyring_ranges(k->kr, c, &st->consumers[i].ranges);
		for (n = 0; n < KEYRING_SLOTS && !s->ks_out_of_order; n++) {
			if (k->pages[n / PAGE_SLOTS] == NULL) {
				n += PAGE_SLOTS - 1;
				continue;
			}
			sl = slot_of(k, n);
			if (sl->out_n > 0 && sl->holder == c &&
			    keyring_select(k->kr, n) != c)
				st->consumers[i].draining_n++;
		}
		i++;
	}
}

static void
key_free(struct sub *s)
{
	struct key *k;

	if (s->disp_state == NULL)
		return;
	AZ(s->consumers_n);
	k = state(s);
	drop_pages(k);
	keyring_free(&k->kr);
	s->disp_state = NULL;
	FREE_OBJ(k);
}

const struct disp_ops disp_key = {
	.name = "key",
	.check = key_check,
	.add = key_add,
	.remove = key_remove,
	.run = key_run,
	.redeliver = key_redeliver,
	.rewind = key_rewind,
	.update = key_update,
	.acked = key_acked,
	.pick = key_pick,
	.stats = key_stats,
	.free = key_free,
};
