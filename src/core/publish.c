/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishes. Each stands in the ring of its topic until the engine answers, in
 * order; while the topic's ledger is being rolled they are held in a second
 * ring. Nothing is allocated per message.
 *
 * When an append fails, the producers of the topic are closed after their
 * receipts: what they sent behind it must not be stored before it is sent again.
 */
#include "core/delay.h"
#include "core/pubrate.h"
#include "core/topic_priv.h"

#define RING_MIN 64u
/* what a Pulsar frame may hold beyond the largest message */
#define FRAME_PADDING 10240u

/* --- rings -------------------------------------------------------------------------- */

static uint32_t
waiting_n(const struct topic *t)
{
	return t->pending_n + t->held.n + pubrate_late_n(t);
}

static bool
is_full(const struct topic *t)
{
	return waiting_n(t) >= t->co->conf.max_pending_publishes;
}

static struct pending_publish *
pending_push(struct topic *t)
{
	struct pending_publish *v;
	uint32_t cap, i;

	if (t->pending_n == t->pending_cap) {
		cap = t->pending_cap == 0 ? RING_MIN : t->pending_cap * 2;
		v = mem_calloc(cap, sizeof *v);
		for (i = 0; i < t->pending_n; i++)
			v[i] = t->pending[(t->pending_head + i) &
			    (t->pending_cap - 1)];
		mem_free(t->pending);
		t->pending = v;
		t->pending_cap = cap;
		t->pending_head = 0;
	}
	i = (t->pending_head + t->pending_n++) & (t->pending_cap - 1);
	return &t->pending[i];
}

struct held_publish *
held_push(struct held_ring *r)
{
	struct held_publish *v;
	uint32_t cap, i;

	if (r->n == r->cap) {
		cap = r->cap == 0 ? RING_MIN : r->cap * 2;
		v = mem_calloc(cap, sizeof *v);
		for (i = 0; i < r->n; i++)
			v[i] = *held_at(r, i);
		mem_free(r->v);
		r->v = v;
		r->cap = cap;
		r->head = 0;
	}
	return held_at(r, r->n++);
}

struct held_publish
held_pop(struct held_ring *r)
{
	struct held_publish h = *held_at(r, 0);

	r->head = (r->head + 1) & (r->cap - 1);
	r->n--;
	return h;
}

void
held_fini(struct held_ring *r)
{
	struct held_publish h;

	while (r->n > 0) {
		h = held_pop(r);
		slice_unref(&h.body);
	}
	MEM_FREE(r->v);
	r->cap = 0;
}

static void
held_forget(struct held_ring *r, const struct producer *pr)
{
	uint32_t i;

	for (i = 0; i < r->n; i++)
		if (held_at(r, i)->pp.pr == pr)
			held_at(r, i)->pp.pr = NULL;
}

void
publish_forget(struct topic *t, const struct producer *pr)
{
	struct pending_publish *pp;
	uint32_t i;

	if (pr->pending_n == 0)
		return;
	for (i = 0; i < t->pending_n; i++) {
		pp = &t->pending[(t->pending_head + i) & (t->pending_cap - 1)];
		if (pp->pr == pr)
			pp->pr = NULL;
	}
	held_forget(&t->held, pr);
	if (t->pubrate != NULL)
		held_forget(&t->pubrate->late, pr);
}

void
publish_fini(struct topic *t)
{
	held_fini(&t->held);
	mem_free(t->pending);
}

/* --- receipts ----------------------------------------------------------------------- */

/* at: NULL if it was not stored */
static void
receipt(struct topic *t, const struct pending_publish *pp,
    const struct entry_place *at, enum err e)
{
	struct fx_receipt r;

	if (pp->done != NULL)
		pp->done(pp->priv, at, e);
	if (pp->pr == NULL)
		return;
	r = (struct fx_receipt){
		.dest = pp->pr->dest,
		.sequence = pp->sequence,
		.highest_sequence = pp->highest_sequence,
		.pos = POS_NONE,
		.err = e,
	};
	if (at != NULL) {
		r.pos = at->pos;
		r.index = at->index;
		r.locator = at->locator;
		r.store_time_ms = at->store_time_ms;
	}
	t->co->out->receipt(t->co->out_priv, &r);
	producer_answered(pp->pr);
}

static void
count(struct topic *t, struct producer *pr, uint32_t messages_n, uint32_t bytes)
{
	t->in_messages += messages_n;
	t->in_bytes += bytes;
	if (pr == NULL)
		return;
	pr->messages += messages_n;
	pr->bytes += bytes;
}

static struct pending_publish
pending_pop(struct topic *t)
{
	struct pending_publish pp = t->pending[t->pending_head];

	t->pending_head = (t->pending_head + 1) & (t->pending_cap - 1);
	t->pending_n--;
	return pp;
}

/* Those at the head that were refused. */
static void
pop_refused(struct topic *t)
{
	struct pending_publish pp;

	while (t->pending_n > 0 && t->pending[t->pending_head].err != ERR_OK) {
		pp = pending_pop(t);
		receipt(t, &pp, NULL, pp.err);
	}
}

static void
close_producers(struct topic *t, enum err e)
{
	struct producer *pr;

	while ((pr = LIST_FIRST(&t->producers)) != NULL)
		producer_close(pr, e);
}

/* --- from the engine ------------------------------------------------------------------ */

static void
stored(struct topic *t, struct tledger *tl, int64_t first, uint32_t n,
    uint64_t index, int64_t store_ms)
{
	struct ledger_info *li = &tl->info;
	struct entry_place at = { .store_time_ms = store_ms };
	struct pending_publish pp;
	uint32_t i;

	for (i = 0; i < n; i++) {
		pop_refused(t);
		AN(t->pending_n);
		pp = pending_pop(t);
		count(t, pp.pr, pp.messages_n, pp.bytes);
		li->bytes += pp.bytes;
		t->log.bytes += pp.bytes;
		at.pos = (struct pos){ li->id, first + i };
		at.index = index;
		at.locator = entry_locator(li->id, index - li->first_index);
		if (pp.deliver_at_ms > t->co->now_ms)
			delay_stored(t, at.pos, pp.deliver_at_ms);
		receipt(t, &pp, &at, ERR_OK);
		index += pp.messages_n;
	}
	li->last_entry = first + n - 1;
	li->next_index = index;
	li->last_store_ms = store_ms;
	t->log.last = (struct pos){ li->id, li->last_entry };
	t->log.next_index = index;
	t->last_publish_ms = store_ms;
}

static void
refused(struct topic *t, uint32_t n, enum err e)
{
	struct pending_publish pp;

	for (; n > 0; n--) {
		pop_refused(t);
		AN(t->pending_n);
		pp = pending_pop(t);
		receipt(t, &pp, NULL, e);
	}
	if (e == ERR_IO)
		t->co->io_failed = true;
	close_producers(t, e);
}

void
tlog_ledger_appended(void *owner, int64_t first_entry, uint32_t n,
    uint64_t first_index, int64_t store_ms, enum err e)
{
	struct tledger *tl;
	struct topic *t;

	CAST_OBJ_NOTNULL(tl, owner, TLEDGER_MAGIC);
	t = tl->t;
	AN(n);
	assert(tl == tlog_last(t));
	topic_pin(t);
	if (e == ERR_OK) {
		stored(t, tl, first_entry, n, first_index, store_ms);
		topic_touch(t);
	} else
		refused(t, n, e);
	pop_refused(t);
	if (e == ERR_OK) {
		topic_notify(t);
		tlog_check_roll(t);
	}
	if (t->state == TOPIC_CLOSING || t->state == TOPIC_DELETING)
		topic_close_step(t);
	topic_unpin(t);
}

/* --- from producers --------------------------------------------------------------------- */

static bool
is_sync(const struct topic *t, enum flush wish)
{
	if (wish == FLUSH_AS_TOPIC)
		wish = t->own.flush;
	return wish == FLUSH_AS_TOPIC ? t->co->conf.sync : wish == FLUSH_SYNC;
}

/* pp: who asks */
static void
append(struct topic *t, struct tledger *tl, struct pending_publish pp,
    topic_rider_f *rider, const struct attr *attr, const struct slice *body)
{
	struct ledgers *lgs = t->co->ledgers;
	uint8_t delta[RIDER_MAX];
	struct journal *jo;
	size_t len = 0;

	pp.messages_n = attr->messages_n;
	pp.deliver_at_ms = attr->deliver_at_ms;
	pp.bytes = body->len;
	*pending_push(t) = pp;
	if (rider != NULL && lgs->ops->append_with != NULL)
		len = rider(pp.priv, &jo, delta);
	if (len > 0)
		lgs->ops->append_with(lgs, tl->lg, attr, body,
		    is_sync(t, pp.flush), jo, delta, len);
	else
		lgs->ops->append(lgs, tl->lg, attr, body, is_sync(t, pp.flush));
}

/* Answered when everything before it has been. */
static void
refuse(struct topic *t, struct pending_publish pp, enum err e)
{
	pp.err = e;
	*pending_push(t) = pp;
	pop_refused(t);
}

void
publish_hold(struct held_ring *r, const struct pending_publish *pp,
    topic_rider_f *rider, const struct attr *attr, const struct slice *body,
    int64_t until_ns)
{
	*held_push(r) = (struct held_publish){
		.pp = *pp,
		.rider = rider,
		.attr = *attr,
		.body = body->buf != NULL ? slice_ref(*body) : slice_dup(*body),
		.until_ns = until_ns,
	};
}

/* The topic is persistent. */
static void
publish(struct topic *t, struct pending_publish pp, topic_rider_f *rider,
    const struct attr *attr, const struct slice *body)
{
	struct tledger *tl = tlog_open(t);

	if (body->len > t->co->conf.max_message_bytes + FRAME_PADDING)
		pp.err = ERR_TOO_BIG;
	if (t->held.n == 0 && pp.err != ERR_OK)
		refuse(t, pp, pp.err);
	else if (tl != NULL && t->held.n == 0)
		append(t, tl, pp, rider, attr, body);
	else if (t->terminated && !t->log.ending)
		refuse(t, pp, ERR_TOPIC_TERMINATED);
	else /* also what is refused: its turn comes after theirs */
		publish_hold(&t->held, &pp, rider, attr, body, 0);
}

static void
publish_np(struct producer *pr, const struct core_publish *p)
{
	struct topic *t = pr->t;
	struct pending_publish pp = {
		.pr = pr,
		.sequence = p->sequence,
		.highest_sequence = p->highest_sequence,
	};
	struct entry ent = {
		.pos = { 0, 0 },
		.attr = p->attr,
		.body = p->body,
	};
	struct entry_place at = { .store_time_ms = t->co->now_ms };

	pr->dropped += p->dropped_n;
	ent.attr.store_time_ms = t->co->now_ms;
	count(t, pr, p->attr.messages_n, p->body.len);
	t->last_publish_ms = t->co->now_ms;
	sub_deliver_np(t, &ent);
	pr->pending_n++;
	receipt(t, &pp, &at, ERR_OK);
}

void
producer_publish(struct producer *pr, const struct core_publish *p)
{
	struct pending_publish pp;
	struct topic *t;

	CHECK_OBJ_NOTNULL(pr, PRODUCER_MAGIC);
	t = pr->t;
	AN(p->attr.messages_n);
	if (t->name.persistent && is_full(t)) {
		/* it was read from all the same: it sends again from here on */
		producer_close(pr, ERR_BUSY);
		return;
	}
	pp = (struct pending_publish){
		.pr = pr,
		.sequence = p->sequence,
		.highest_sequence = p->highest_sequence,
		.flush = p->flush,
	};
	if (unlikely(t->pubrate != NULL) && pubrate_publish(pr, &pp, p)) {
		pr->pending_n++;
		return;
	}
	if (!t->name.persistent) {
		publish_np(pr, p);
		return;
	}
	pr->pending_n++;
	publish(t, pp, NULL, &p->attr, &p->body);
}

void
publish_late(struct topic *t, struct held_publish *h, enum err e)
{
	h->pp.err = e;
	if (h->pp.pr != NULL)
		publish(t, h->pp, NULL, &h->attr, &h->body);
	slice_unref(&h->body);
}

bool
topic_has_room(const struct topic *t)
{
	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	return waiting_n(t) < t->co->conf.max_pending_publishes / 2;
}

void
topic_append_with(struct topic *t, const struct attr *attr,
    const struct slice *body, topic_rider_f *rider, topic_appended_f *done,
    void *priv)
{
	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	assert(t->state == TOPIC_READY && t->name.persistent);
	AN(attr->messages_n);
	publish(t, (struct pending_publish){ .done = done, .priv = priv },
	    rider, attr, body);
}

void
topic_append(struct topic *t, const struct attr *attr, const struct slice *body,
    enum flush flush, topic_appended_f *done, void *priv)
{
	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	assert(t->state == TOPIC_READY && t->name.persistent);
	AN(attr->messages_n);
	publish(t,
	    (struct pending_publish){
		.done = done, .priv = priv, .flush = flush },
	    NULL, attr, body);
}

/* --- held ------------------------------------------------------------------------------- */

void
publish_release(struct topic *t)
{
	struct tledger *tl = tlog_open(t);
	struct held_publish h;

	while (t->held.n > 0 && tl != NULL) {
		h = held_pop(&t->held);
		if (h.pp.pr == NULL && h.pp.done == NULL)
			; /* it was closed: it is sent again, or nobody waits */
		else if (h.pp.err != ERR_OK)
			refuse(t, h.pp, h.pp.err);
		else
			append(t, tl, h.pp, h.rider, &h.attr, &h.body);
		slice_unref(&h.body);
	}
}

void
publish_fail_held(struct topic *t, enum err e)
{
	struct held_publish h;
	bool any = t->held.n > 0 || pubrate_late_n(t) > 0;

	topic_pin(t);
	while (t->held.n > 0) {
		h = held_pop(&t->held);
		if (h.pp.pr != NULL || h.pp.done != NULL)
			refuse(t, h.pp, h.pp.err != ERR_OK ? h.pp.err : e);
		slice_unref(&h.body);
	}
	pubrate_end_late(t, e);
	if (any && e != ERR_TOPIC_TERMINATED)
		close_producers(t, e);
	topic_unpin(t);
}
