/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold. Three sets of bits for each subscription and entry (sim.h):
 * conf is within taken, and maybe covers both.
 */
#include "tests/sim/sim.h"

#include <string.h>

#include "base/hash.h"

#define BODY_MAGIC32 0x51b0d1e5u

struct body {
	uint32_t magic, topic, producer, seq, messages_n, key, len, pad;
};

void
model_init(struct sim *w)
{
	struct m_topic *t;
	struct m_sub *s;
	unsigned i, k;

	w->topics_n = 1 + (unsigned)rnd(w, TOPICS_MAX);
	for (i = 0; i < w->topics_n; i++) {
		t = &w->t[i];
		t->i = i;
		(void)snprintf(t->name, sizeof t->name,
		    "persistent://public/default/t%u", i);
		for (k = 0; k < SUBS_MAX; k++) {
			s = &t->subs[k];
			s->t = t;
			s->scan = s->cum_maybe = s->cum_taken = s->cum_conf =
			    POS_NONE;
			(void)snprintf(s->name, sizeof s->name, "s%u", k);
			s->type = k < 4 ? (enum sub_type)k : SUB_EXCLUSIVE;
			s->durable = k < SUBS_MAX - 1;
		}
		for (k = 0; k < GROUPS_MAX; k++)
			(void)snprintf(t->groups[k].name,
			    sizeof t->groups[k].name, "g%u", k);
	}
}

/* --- bodies ------------------------------------------------------------------- */

static void
pattern(uint8_t *p, size_t len, uint64_t seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (i % 8 == 0)
			seed = hash_u64(7, seed);
		p[i] = (uint8_t)(seed >> (i % 8 * 8));
	}
}

void
body_make(struct sim *w, const struct client *cl, uint32_t seq,
    struct core_publish *p)
{
	uint64_t m = cl->meta[seq];
	struct body b = {
		.magic = BODY_MAGIC32,
		.topic = cl->t->i,
		.producer = cl->i,
		.seq = seq,
		.messages_n = m & 0xff,
		.key = (m >> 8) & 0xff,
		.len = (uint32_t)(m >> 16),
	};
	struct buf *buf = buf_new((uint32_t)sizeof b + b.len);

	memset(p, 0, sizeof *p);
	memcpy(buf->data, &b, sizeof b);
	pattern(buf->data + sizeof b, b.len, (uint64_t)b.producer << 32 | seq);
	buf->len = (uint32_t)sizeof b + b.len;
	p->body = (struct slice){ buf, buf->data, buf->len };
	p->sequence = p->highest_sequence = seq;
	p->attr.format = ENTRY_FORMAT_PULSAR;
	p->attr.messages_n = b.messages_n;
	p->attr.flags = ATTR_HAS_KEY;
	if (b.messages_n > 1)
		p->attr.flags |= ATTR_BATCH;
	else
		p->attr.tag_hash = b.key + 1;
	p->attr.publish_time_ms = w->wall_ms;
	if (chance(w, w->delays)) {
		p->attr.deliver_at_ms = w->wall_ms + (int64_t)rnd(w, 2500);
		w->st.delayed++;
	}
	p->attr.key_hash = hash_sticky(&b.key, sizeof b.key);
	p->attr.sequence = seq;
}

uint32_t
body_seq(const struct slice *s)
{
	struct body b;

	assert(s->len >= sizeof b);
	memcpy(&b, s->p, sizeof b);
	return b.seq;
}

static struct body
body_read(struct sim *w, const struct entry *ent)
{
	struct body b;
	uint8_t *want;
	bool same;

	if (ent->body.len < sizeof b)
		violation(w, "a body of %u bytes", ent->body.len);
	memcpy(&b, ent->body.p, sizeof b);
	if (b.magic != BODY_MAGIC32 || b.len + sizeof b != ent->body.len ||
	    b.topic >= w->topics_n || b.producer > STAGER ||
	    b.messages_n != ent->attr.messages_n)
		violation(w, "a body that nobody sent, at (%ju,%jd)",
		    (uintmax_t)ent->pos.ledger, (intmax_t)ent->pos.entry);
	want = mem_alloc(b.len + 1);
	pattern(want, b.len, (uint64_t)b.producer << 32 | b.seq);
	same = memcmp(want, ent->body.p + sizeof b, b.len) == 0;
	mem_free(want);
	if (!same)
		violation(w, "a body was changed, at (%ju,%jd)",
		    (uintmax_t)ent->pos.ledger, (intmax_t)ent->pos.entry);
	return b;
}

/* --- entries --------------------------------------------------------------------- */

uint64_t
model_full(const struct m_entry *e)
{
	return e->messages_n == 64 ? UINT64_MAX :
				     (UINT64_C(1) << e->messages_n) - 1;
}

struct m_ack *
model_ack(struct m_sub *s, const struct m_entry *e)
{
	assert(e->n < s->ack_n);
	return &s->ack[e->n];
}

uint32_t
model_at(const struct m_topic *t, struct pos p)
{
	uint32_t lo = 0, hi = t->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (pos_cmp(t->e[mid]->pos, p) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct m_entry *
model_find(struct m_topic *t, struct pos p)
{
	uint32_t i = model_at(t, p);

	return i < t->n && pos_eq(t->e[i]->pos, p) ? t->e[i] : NULL;
}

/* How an entry that is new stands with a subscription. */
static void
ack_add(struct sim *w, struct m_sub *s, const struct m_entry *e, bool late)
{
	struct m_ack *a;

	if (e->n >= s->ack_n) {
		s->ack = mem_reallocarray(s->ack, e->n + 64, sizeof *s->ack);
		memset(s->ack + s->ack_n, 0,
		    (e->n + 64 - s->ack_n) * sizeof *s->ack);
		s->ack_n = e->n + 64;
	}
	a = &s->ack[e->n];
	memset(a, 0, sizeof *a);
	if (s->exists != EX_YES || pos_cmp(e->pos, s->cum_maybe) <= 0 ||
	    pos_cmp(e->pos, s->scan) <= 0 ||
	    (late && (s->born_life > 1 || w->life == 1)))
		a->maybe = model_full(e);
	if (s->exists == EX_YES && pos_cmp(e->pos, s->cum_taken) <= 0)
		a->taken = model_full(e);
	if (s->exists == EX_YES && pos_cmp(e->pos, s->cum_conf) <= 0)
		a->conf = model_full(e);
}

static void
check_index(struct sim *w, const struct m_topic *t, uint32_t i)
{
	const struct m_entry *e = t->e[i], *o;

	if (i > 0) {
		o = t->e[i - 1];
		if (o->index + o->messages_n > e->index ||
		    (o->pos.ledger == e->pos.ledger &&
			o->pos.entry + 1 == e->pos.entry &&
			o->index + o->messages_n != e->index))
			violation(w, "index %ju of (%ju,%jd) after %ju + %u",
			    (uintmax_t)e->index, (uintmax_t)e->pos.ledger,
			    (intmax_t)e->pos.entry, (uintmax_t)o->index,
			    o->messages_n);
	}
	if (i + 1 < t->n) {
		o = t->e[i + 1];
		if (e->index + e->messages_n > o->index)
			violation(w, "index %ju of (%ju,%jd) before %ju",
			    (uintmax_t)e->index, (uintmax_t)e->pos.ledger,
			    (intmax_t)e->pos.entry, (uintmax_t)o->index);
	}
}

static struct m_entry *
add(struct sim *w, struct m_topic *t, const struct entry *ent,
    const struct body *b, bool late)
{
	struct m_entry *e = mem_zalloc(sizeof *e);
	uint32_t i = model_at(t, ent->pos), k;

	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 256 : t->cap * 2;
		t->e = mem_reallocarray(t->e, t->cap, sizeof(struct m_entry *));
	}
	if (!late && i != t->n)
		violation(w, "stored at (%ju,%jd), behind it is (%ju,%jd)",
		    (uintmax_t)ent->pos.ledger, (intmax_t)ent->pos.entry,
		    (uintmax_t)t->e[i]->pos.ledger,
		    (intmax_t)t->e[i]->pos.entry);
	memmove(&t->e[i + 1], &t->e[i], (t->n - i) * sizeof t->e[0]);
	t->e[i] = e;
	e->pos = ent->pos;
	e->index = ent->index;
	e->store_ms = ent->attr.store_time_ms;
	e->n = t->n++;
	e->producer = b->producer;
	e->seq = b->seq;
	e->messages_n = b->messages_n;
	e->key = b->key;
	e->deliver_at_ms = ent->attr.deliver_at_ms;
	if (e->producer == STAGER)
		stager_stored(w, t, e);
	for (k = 0; k < SUBS_MAX; k++)
		ack_add(w, &t->subs[k], e, late);
	check_index(w, t, i);
	return e;
}

static void
check_copies(struct sim *w, struct m_topic *t, const struct m_entry *e)
{
	uint32_t i, n = 0;

	for (i = 0; i < t->n; i++)
		n += t->e[i]->producer == e->producer && t->e[i]->seq == e->seq;
	if (n > w->p[e->producer].sends[e->seq])
		violation(w,
		    "p%u #%u stands %u times in the log, was sent %u times",
		    e->producer, e->seq, n, w->p[e->producer].sends[e->seq]);
}

struct m_entry *
model_learn(struct sim *w, const struct entry *ent, bool late)
{
	struct body b = body_read(w, ent);
	struct m_topic *t = &w->t[b.topic];
	struct m_entry *e = model_find(t, ent->pos);

	if (e == NULL) {
		e = add(w, t, ent, &b, late);
		check_copies(w, t, e);
		trace(w, "%s t%u (%ju,%jd) p%u #%u x%u key %u",
		    late ? "found" : "stored", t->i, (uintmax_t)e->pos.ledger,
		    (intmax_t)e->pos.entry, e->producer, e->seq, e->messages_n,
		    e->key);
		return e;
	}
	if (e->producer != b.producer || e->seq != b.seq ||
	    e->index != ent->index || e->store_ms != ent->attr.store_time_ms)
		violation(w,
		    "(%ju,%jd) was p%u #%u index %ju, is p%u #%u index %ju",
		    (uintmax_t)e->pos.ledger, (intmax_t)e->pos.entry,
		    e->producer, e->seq, (uintmax_t)e->index, b.producer, b.seq,
		    (uintmax_t)ent->index);
	return e;
}

/* --- what no subscription needs ---------------------------------------------------- */

static bool
is_needed(struct m_topic *t, const struct m_entry *e)
{
	struct m_sub *s;
	unsigned k;

	for (k = 0; k < SUBS_MAX && t->deleting == 0; k++) {
		s = &t->subs[k];
		if (s->durable && s->exists == EX_YES &&
		    model_ack(s, e)->maybe != model_full(e))
			return true;
	}
	return false;
}

bool
model_may_skip(struct m_sub *s, const struct m_entry *e)
{
	if (model_ack(s, e)->maybe == model_full(e))
		return true;
	return !s->durable && (e->gone || !is_needed(s->t, e));
}

void
model_ledger_gone(struct sim *w, uint64_t ledger, int64_t before)
{
	struct m_topic *t;
	struct m_entry *e;
	uint32_t i, k;

	w->st.ledgers_gone++;
	seats_ledger_gone(w, ledger, before);
	trace(w, "ledger %ju given up to %jd", (uintmax_t)ledger,
	    (intmax_t)before);
	for (k = 0; k < w->topics_n; k++) {
		t = &w->t[k];
		for (i = model_at(t, (struct pos){ ledger, -1 }); i < t->n;
		     i++) {
			e = t->e[i];
			if (e->pos.ledger != ledger || e->pos.entry >= before)
				break;
			if (is_needed(t, e))
				violation(w,
				    "t%u (%ju,%jd) is trimmed, not acked by all",
				    k, (uintmax_t)ledger,
				    (intmax_t)e->pos.entry);
			e->gone = true;
		}
	}
}

void
model_ledger_opened(struct sim *w, const struct ledger_info *li)
{
	struct m_topic *t;
	uint32_t i, k;

	seats_ledger_opened(w, li);
	for (k = 0; k < w->topics_n; k++) {
		t = &w->t[k];
		i = model_at(t, (struct pos){ li->id, li->last_entry + 1 });
		if (i < t->n && t->e[i]->pos.ledger == li->id)
			violation(w,
			    "t%u: ledger %ju ends at %jd, (%ju,%jd) is lost", k,
			    (uintmax_t)li->id, (intmax_t)li->last_entry,
			    (uintmax_t)li->id, (intmax_t)t->e[i]->pos.entry);
	}
}

/* --- subscriptions ------------------------------------------------------------------ */

void
model_rewind(struct m_sub *s)
{
	uint32_t i;

	s->epoch++;
	s->scan = POS_NONE;
	for (i = 0; i < s->ack_n; i++)
		s->ack[i].holder = 0;
}

void
model_release(struct m_sub *s, uint32_t tag)
{
	uint32_t i;

	for (i = 0; i < s->ack_n; i++)
		if (s->ack[i].holder == tag)
			s->ack[i].holder = 0;
}

static void
forget_acks(struct m_sub *s)
{
	uint32_t i;

	/* what the core was asked for it may refuse: it counts on */
	for (i = 0; i < s->t->n; i++)
		*model_ack(s, s->t->e[i]) =
		    (struct m_ack){ .maybe = model_full(s->t->e[i]),
			    .sent_n = model_ack(s, s->t->e[i])->sent_n };
	s->cum_maybe = s->cum_taken = s->cum_conf = POS_NONE;
	s->serial++;
	s->whole = false;
	model_rewind(s);
}

/* The core is about to be asked. */
void
model_subscribe(struct sim *w, struct sess *se)
{
	struct m_sub *s = se->sub;

	se->life = w->life;
	se->creator = s->exists == EX_NO;
	if (!se->creator)
		return;
	forget_acks(s);
	s->exists = EX_MAYBE;
}

/* It has answered. Of what was there before only that must come which can't
 * have been trimmed. */
void
model_subscribed(struct sim *w, struct sess *se)
{
	struct m_sub *s = se->sub;
	struct m_topic *t = s->t;
	struct m_entry *e;
	uint32_t i;

	if (s->exists == EX_YES)
		return;
	s->born_life = w->life;
	if (se->creator && se->life == w->life && se->earliest) {
		/* producers go on where they were */
		s->whole = s->durable && t->gen == 0;
		for (i = 0; i < t->n; i++) {
			e = t->e[i];
			if (e->gone ||
			    (!is_needed(t, e) &&
				e->pos.ledger != t->e[t->n - 1]->pos.ledger))
				s->whole = false;
			else
				model_ack(s, e)->maybe = 0;
		}
		memset(s->next_seq, 0, sizeof s->next_seq);
	}
	s->exists = EX_YES;
}

void
model_sub_ended(struct sim *w, struct m_sub *s)
{
	(void)w;
	forget_acks(s);
	s->exists = EX_NO;
}

/* Whose entries are sure to be there: what a subscription needs now. Until it is
 * answered a crash may leave the cursor at either place. */
void
model_seek(struct sess *se, struct pos from)
{
	struct m_sub *s = se->sub;
	struct m_topic *t = s->t;
	bool *must = mem_calloc(t->n + 1, sizeof *must);
	struct pos cum = s->cum_maybe, before = from;
	uint32_t i;

	for (i = model_at(t, from); i < t->n; i++)
		must[i] = !t->e[i]->gone && is_needed(t, t->e[i]);
	forget_acks(s);
	for (i = 0; i < t->n; i++)
		model_ack(s, t->e[i])->must = must[i];
	mem_free(must);
	/* what is found only later may have been passed over */
	before.entry--;
	s->cum_maybe = pos_cmp(cum, before) > 0 ? cum : before;
	se->seek_serial = s->serial;
}

void
model_sought(struct sess *se, enum err e)
{
	struct m_sub *s = se->sub;
	uint32_t i;

	/* refused, it leaves its consumers alone */
	if (e != ERR_OK && se->state != SESS_LIVE)
		s->unsure = true;
	if (e != ERR_OK || se->seek_serial != s->serial)
		return;
	for (i = 0; i < s->ack_n; i++)
		if (s->ack[i].must)
			s->ack[i].maybe = 0;
}

void
model_unsubscribe(struct sess *se)
{
	forget_acks(se->sub);
	se->sub->exists = EX_MAYBE;
}

void
model_drained(struct sim *w)
{
	struct m_sub *s;
	unsigned i, k;
	uint32_t n;

	for (i = 0; i < w->topics_n && !w->sick; i++)
		for (k = 0; k < SUBS_MAX; k++) {
			s = &w->t[i].subs[k];
			for (n = 0; n < s->ack_n; n++)
				s->ack[n].conf = s->ack[n].taken;
			s->cum_conf = s->cum_taken;
		}
}

void
model_crash(struct sim *w)
{
	struct m_sub *s;
	unsigned i, k;
	uint32_t n;

	for (i = 0; i < w->topics_n; i++)
		for (k = 0; k < SUBS_MAX; k++) {
			s = &w->t[i].subs[k];
			if (!s->durable) {
				model_sub_ended(w, s);
				continue;
			}
			for (n = 0; n < s->ack_n; n++)
				s->ack[n].taken = s->ack[n].conf;
			s->cum_taken = s->cum_conf;
			s->unsure = false;
			model_rewind(s);
		}
}
