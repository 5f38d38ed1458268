/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cursor_priv.h"

/* --- the log that it runs over -------------------------------------------- */

static const struct tledger *
ledger_find(const struct topic *t, uint64_t id)
{
	uint32_t lo = 0, hi = t->log.ledgers_n, mid;

	/* usually the last one */
	if (hi > 0 && t->log.ledgers[hi - 1]->info.id == id)
		return t->log.ledgers[hi - 1];
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (t->log.ledgers[mid]->info.id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->log.ledgers_n && t->log.ledgers[lo]->info.id == id ?
	    t->log.ledgers[lo] :
	    NULL;
}

static bool
exists(const struct topic *t, struct pos p)
{
	const struct tledger *tl = ledger_find(t, p.ledger);

	return tl != NULL && p.entry >= 0 && p.entry <= tl->info.last_entry;
}

static bool
peek(
    struct topic *t, const struct tledger *tl, int64_t entry, struct entry *ent)
{
	struct ledgers *lgs = t->co->ledgers;

	return tl->lg != NULL && lgs->ops->peek(lgs, tl->lg, entry, ent);
}

uint64_t
cursor_index_after(struct topic *t, struct pos p, bool *exact)
{
	const struct tledger *tl = ledger_find(t, p.ledger);
	struct entry ent;
	uint64_t msgs, n;
	uint32_t i;

	*exact = true;
	if (tl == NULL) {
		for (i = 0; i < t->log.ledgers_n; i++)
			if (t->log.ledgers[i]->info.id > p.ledger)
				return t->log.ledgers[i]->info.first_index;
		return t->log.next_index;
	}
	if (p.entry < 0)
		return tl->info.first_index;
	if (p.entry >= tl->info.last_entry)
		return tl->info.next_index;
	n = (uint64_t)tl->info.last_entry + 1;
	msgs = tl->info.next_index - tl->info.first_index;
	if (msgs == n)
		return tl->info.first_index + (uint64_t)p.entry + 1;
	if (peek(t, tl, p.entry, &ent))
		return ent.index + ent.attr.messages_n;
	*exact = false;
	return tl->info.first_index +
	    (uint64_t)((double)msgs / (double)n * (double)(p.entry + 1));
}

uint32_t
cursor_entry_messages(const struct cursor *cur, struct pos p)
{
	const struct tledger *tl = ledger_find(cur->t, p.ledger);
	struct entry ent;

	if (tl == NULL)
		return 0;
	if (tl->info.next_index - tl->info.first_index ==
	    (uint64_t)tl->info.last_entry + 1)
		return 1;
	return peek(cur->t, tl, p.entry, &ent) ? ent.attr.messages_n : 0;
}

/* its messages, or the ledger's average */
static uint32_t
messages_guess(struct cursor *cur, struct pos p)
{
	const struct tledger *tl;
	uint32_t n = cursor_entry_messages(cur, p);
	uint64_t msgs;

	if (n != 0)
		return n;
	cur->inexact = true;
	tl = ledger_find(cur->t, p.ledger);
	if (tl == NULL || tl->info.last_entry < 0)
		return 1;
	msgs = tl->info.next_index - tl->info.first_index;
	msgs /= (uint64_t)tl->info.last_entry + 1;
	return msgs > 0 ? (uint32_t)msgs : 1;
}

/* --- life --------------------------------------------------------------------- */

struct cursor *
cursor_new(struct sub *s, bool durable, struct pos mark_delete)
{
	struct cursor *cur;
	bool exact;

	CHECK_OBJ_NOTNULL(s, SUB_MAGIC);
	ALLOC_OBJ(cur, CURSOR_MAGIC);
	cur->s = s;
	cur->t = s->t;
	cur->co = s->t->co;
	cur->durable = durable;
	cur->md = mark_delete;
	posset_init(&cur->acked);
	ackset_init(&cur->partial);
	terms_init(&cur->terms);
	STAILQ_INIT(&cur->flushes);
	cur->consumed = cursor_index_after(cur->t, mark_delete, &exact);
	cur->inexact = !exact;
	return cur;
}

void
cursor_free(struct cursor **curp)
{
	struct cursor *cur;

	TAKE_OBJ_NOTNULL(cur, curp, CURSOR_MAGIC);
	cursor_journal_fini(cur);
	posset_fini(&cur->acked);
	ackset_fini(&cur->partial);
	terms_fini(&cur->terms);
	if (cur->opening) /* cursor_journal_opened() ends it */
		cur->orphan = true;
	else
		FREE_OBJ(cur);
}

/* --- state ---------------------------------------------------------------------- */

struct pos
cursor_mark_delete(const struct cursor *cur)
{
	return cur->md;
}

bool
cursor_is_acked(const struct cursor *cur, struct pos p)
{
	return pos_cmp(p, cur->md) <= 0 || posset_contains(&cur->acked, p);
}

struct pos
cursor_skip(const struct cursor *cur, struct pos p)
{
	if (pos_cmp(p, cur->md) <= 0)
		p = tlog_next(cur->t, cur->md);
	while (posset_contains(&cur->acked, p)) {
		p.entry = posset_first_absent(&cur->acked, p);
		p = tlog_valid(cur->t, p);
	}
	return p;
}

uint32_t
cursor_ack_bits(const struct cursor *cur, struct pos p, const uint64_t **words)
{
	const struct ackbits *ab;

	if (cur->partial.n == 0 || (ab = ackset_get(&cur->partial, p)) == NULL)
		return 0;
	*words = ab->w;
	return ab->words_n;
}

static void
trim_if_moved(struct cursor *cur, uint64_t ledger_was)
{
	if (cur->md.ledger != ledger_was && cur->durable && !cur->replaying)
		topic_trim(cur->t);
}

/*
 * Takes mark-delete over what is acked behind it. Every entry is passed once,
 * in runs, so the cost over all acks is linear in them.
 */
void
cursor_advance(struct cursor *cur)
{
	uint64_t ledger = cur->md.ledger;
	struct pos nx;
	bool any = false, exact;

	if (cur->acked.count > 0) {
		nx = tlog_next(cur->t, cur->md);
		while (posset_contains(&cur->acked, nx)) {
			cur->md.ledger = nx.ledger;
			cur->md.entry =
			    posset_first_absent(&cur->acked, nx) - 1;
			(void)posset_remove_upto(&cur->acked, cur->md);
			nx = tlog_next(cur->t, cur->md);
			any = true;
		}
	}
	if (cur->inexact && cur->acked.count == 0 && cur->partial.n == 0) {
		cur->consumed = cursor_index_after(cur->t, cur->md, &exact);
		cur->inexact = !exact;
	}
	if (any) {
		cur->s->last_advanced_ms = cur->t->co->now_ms;
		trim_if_moved(cur, ledger);
	}
}

void
cursor_apply_mark(struct cursor *cur, struct pos p, uint64_t consumed)
{
	if (pos_cmp(p, cur->md) <= 0)
		return;
	cur->md = p;
	(void)posset_remove_upto(&cur->acked, p);
	ackset_del_upto(&cur->partial, p);
	terms_del_upto(&cur->terms, p);
	cur->consumed = consumed;
}

void
cursor_apply_reset(struct cursor *cur, struct pos p, uint64_t consumed)
{
	cur->md = p;
	posset_clear(&cur->acked);
	ackset_clear(&cur->partial);
	terms_clear(&cur->terms);
	cur->consumed = consumed;
}

static void
term_ends(struct cursor *cur, struct pos p)
{
	struct term *tm;

	if (cur->terms.n > 0 && (tm = terms_get(&cur->terms, p)) != NULL)
		terms_del(&cur->terms, tm);
}

enum cursor_ack
cursor_apply_ack(struct cursor *cur, struct pos p, uint32_t messages_n)
{
	uint32_t part;

	if (cursor_is_acked(cur, p))
		return CURSOR_ACK_NONE;
	/* the usual case needs no bitmap */
	if (p.ledger == cur->md.ledger && p.entry == cur->md.entry + 1)
		cur->md = p;
	else
		(void)posset_add(&cur->acked, p);
	term_ends(cur, p);
	part = ackset_del(&cur->partial, p);
	if (messages_n > part)
		cur->consumed += messages_n - part;
	return CURSOR_ACK_WHOLE;
}

enum cursor_ack
cursor_apply_bits(struct cursor *cur, struct pos p, const uint64_t *words,
    uint32_t words_n, uint32_t batch_n, uint32_t *cleared)
{
	uint32_t left;

	*cleared = 0;
	if (cursor_is_acked(cur, p))
		return CURSOR_ACK_NONE;
	if (!ackset_and(
		&cur->partial, p, words, words_n, batch_n, &left, cleared))
		return CURSOR_ACK_FULL;
	cur->consumed += *cleared;
	if (left > 0)
		return *cleared > 0 ? CURSOR_ACK_PART : CURSOR_ACK_NONE;
	term_ends(cur, p);
	if (p.ledger == cur->md.ledger && p.entry == cur->md.entry + 1)
		cur->md = p;
	else
		(void)posset_add(&cur->acked, p);
	return CURSOR_ACK_WHOLE;
}

/* What isn't in the log, or was acknowledged in the meantime, is not leased. */
static void
terms_loaded(struct cursor *cur)
{
	struct term *tm, *next;

	for (tm = terms_first(&cur->terms); tm != NULL; tm = next) {
		next = terms_next(&cur->terms, tm);
		if (!exists(cur->t, tm->pos) || cursor_is_acked(cur, tm->pos))
			terms_del(&cur->terms, tm);
	}
}

/* Replay takes positions as they are: their ledgers may have been trimmed
 * since, or roll back with what a crash cut off. */
void
cursor_loaded(struct cursor *cur)
{
	struct pos first = tlog_first(cur->t), last = cur->t->log.last;
	uint64_t next = cur->t->log.next_index;
	bool exact;

	if (first.ledger > cur->md.ledger) {
		cur->md.ledger = first.ledger;
		cur->md.entry = -1;
		(void)posset_remove_upto(&cur->acked, cur->md);
		ackset_del_upto(&cur->partial, cur->md);
		cur->inexact = true;
	}
	if (pos_cmp(cur->md, last) > 0 && last.ledger != 0) {
		cur->md = last;
		cur->inexact = true;
	}
	cursor_advance(cur);
	terms_loaded(cur);
	if (cur->consumed > next) {
		cur->consumed = next;
		cur->inexact = true;
	}
	if (cur->consumed < cursor_index_after(cur->t, cur->md, &exact) &&
	    exact)
		cur->consumed = cursor_index_after(cur->t, cur->md, &exact);
}

/* --- acks ------------------------------------------------------------------------- */

static void
moved(struct cursor *cur, struct pos was)
{
	uint64_t ledger = was.ledger;

	if (pos_cmp(was, cur->md) == 0)
		return;
	cur->s->last_advanced_ms = cur->t->co->now_ms;
	trim_if_moved(cur, ledger);
}

enum cursor_ack
cursor_ack(struct cursor *cur, struct pos p, uint32_t messages_n)
{
	struct pos was = cur->md;

	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	if (cursor_is_acked(cur, p) || !exists(cur->t, p))
		return CURSOR_ACK_NONE;
	if (messages_n == 0)
		messages_n = messages_guess(cur, p);
	(void)cursor_apply_ack(cur, p, messages_n);
	cursor_note_ack(cur, p, messages_n);
	moved(cur, was);
	cursor_advance(cur);
	return CURSOR_ACK_WHOLE;
}

/* Size of a batch whose entry is out of reach: a client numbers its bits from
 * the first message, so it is no smaller than what is still set. */
/* Bits up to the last that is set. If none of them is clear, what lies behind is
 * acked: an ack acknowledges something, unless it is of what lies before the entry. */
static uint32_t
batch_guess(const uint64_t *words, uint32_t words_n, bool before)
{
	uint32_t i, n, set = 0;

	for (i = words_n; i > 0 && words[i - 1] == 0; i--)
		;
	if (i == 0)
		return 0;
	n = i * 64 - (uint32_t)__builtin_clzll(words[i - 1]);
	for (; i > 0; i--)
		set += (uint32_t)__builtin_popcountll(words[i - 1]);
	return set == n && !before ? n + 1 : n;
}

static enum cursor_ack
ack_bits(struct cursor *cur, struct pos p, const uint64_t *words,
    uint32_t words_n, uint32_t batch_n, bool before, uint32_t *cleared)
{
	const struct ackbits *ab;
	struct pos was = cur->md;
	enum cursor_ack r;
	uint32_t known;

	*cleared = 0;
	if (cursor_is_acked(cur, p) || !exists(cur->t, p))
		return CURSOR_ACK_NONE;
	/* once it has bits, its size is what they were made for: a peer that
	 * says another one now must not get that into the journal */
	ab = ackset_get(&cur->partial, p);
	known = ab != NULL ? ab->batch_n : cursor_entry_messages(cur, p);
	if (known != 0)
		batch_n = known;
	else if (batch_n == 0) {
		batch_n = batch_guess(words, words_n, before);
		cur->inexact = true;
	}
	if (batch_n == 0) { /* no bit is set: it is the whole entry */
		*cleared = messages_guess(cur, p);
		return cursor_ack(cur, p, *cleared);
	}
	r = cursor_apply_bits(cur, p, words, words_n, batch_n, cleared);
	if (r == CURSOR_ACK_PART || r == CURSOR_ACK_WHOLE) {
		cursor_note_bits(cur, p, words, words_n, batch_n);
		moved(cur, was);
		cursor_advance(cur);
	}
	return r;
}

enum cursor_ack
cursor_ack_bits_and(struct cursor *cur, struct pos p, const uint64_t *words,
    uint32_t words_n, uint32_t batch_n, uint32_t *cleared)
{
	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	return ack_bits(cur, p, words, words_n, batch_n, false, cleared);
}

/* Messages that are acked beyond mark-delete. */
static uint64_t
acked_beyond(struct cursor *cur)
{
	struct ackbits *ab;
	struct pos p, after = cur->md;
	uint64_t n = 0, k = 0;

	for (ab = ackset_first(&cur->partial); ab != NULL; ab = ackset_next(ab))
		n += ab->batch_n - ackbits_left(ab);
	/* beyond a cumulative ack there is little or nothing; what is much is
	 * taken by the average of what was looked at */
	while (k < 1024 && posset_next(&cur->acked, after, &p)) {
		n += messages_guess(cur, p);
		k++;
		after = p;
	}
	if (k < cur->acked.count) {
		n += n / k * (cur->acked.count - k);
		cur->inexact = true;
	}
	return n;
}

enum cursor_ack
cursor_ack_cumulative(struct cursor *cur, struct pos p, const uint64_t *words,
    uint32_t words_n, uint32_t batch_n)
{
	struct pos was = cur->md, upto = p;
	enum cursor_ack r = CURSOR_ACK_NONE;
	uint32_t cleared;
	uint64_t idx;
	bool exact;

	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	if (pos_cmp(p, cur->t->log.last) > 0 || pos_cmp(p, cur->md) <= 0)
		return CURSOR_ACK_NONE;
	if (words_n > 0)
		upto.entry--;
	if (!exists(cur->t, upto))
		upto = tlog_prev(cur->t, tlog_valid(cur->t, upto));
	if (pos_cmp(upto, cur->md) > 0) {
		idx = cursor_index_after(cur->t, upto, &exact);
		cur->inexact = !exact;
		cursor_apply_mark(cur, upto, idx);
		cur->consumed += acked_beyond(cur);
		cursor_note_mark(cur, upto, cur->consumed);
		moved(cur, was);
		cursor_advance(cur);
		r = CURSOR_ACK_WHOLE;
	}
	if (words_n > 0 &&
	    ack_bits(cur, p, words, words_n, batch_n, true, &cleared) !=
		CURSOR_ACK_NONE)
		r = CURSOR_ACK_PART;
	return r;
}

void
cursor_reset(struct cursor *cur, struct pos p)
{
	bool exact;
	uint64_t idx = cursor_index_after(cur->t, p, &exact);

	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	cursor_apply_reset(cur, p, idx);
	cur->inexact = !exact;
	cursor_note_reset(cur, p, idx);
	cur->s->last_advanced_ms = cur->t->co->now_ms;
	if (cur->durable)
		topic_trim(cur->t);
}

/* Messages acked at the beginning of an entry. */
static uint32_t
acked_before(const struct cursor *cur, struct pos p)
{
	const struct ackbits *ab;
	uint32_t i;

	if (cur->partial.n == 0 || (ab = ackset_get(&cur->partial, p)) == NULL)
		return 0;
	for (i = 0; i < ab->words_n && ab->w[i] == 0; i++)
		;
	if (i == ab->words_n)
		return ab->batch_n;
	return i * 64 + (uint32_t)__builtin_ctzll(ab->w[i]);
}

bool
cursor_next_index(const struct cursor *cur, uint64_t *index, struct pos *next,
    uint32_t *within)
{
	bool exact;

	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	*next = tlog_next(cur->t, cur->md);
	*within = acked_before(cur, *next);
	*index = cursor_index_after(cur->t, cur->md, &exact) + *within;
	return exact;
}

bool
cursor_move(struct cursor *cur, struct pos next, uint64_t index,
    uint32_t within, uint32_t batch_n, bool anew)
{
	struct pos md = tlog_prev(cur->t, next), was = cur->md;
	uint64_t *words;
	uint32_t i, cleared, n = (batch_n + 63) / 64;

	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	if (!(anew && cur->terms.n > 0) && pos_eq(md, was) &&
	    cur->acked.count == 0 && cur->partial.n == (within > 0 ? 1 : 0) &&
	    acked_before(cur, next) == within)
		return false;
	cursor_apply_reset(cur, md, index);
	cur->inexact = false;
	cursor_note_reset(cur, md, index);
	if (within > 0 && n <= ACKSET_ENTRY_WORDS) {
		words = mem_calloc(n, sizeof *words);
		for (i = 0; i < n; i++)
			words[i] = i < within / 64 ? 0 :
			    i > within / 64	   ? UINT64_MAX :
						     UINT64_MAX << within % 64;
		if (batch_n % 64 != 0)
			words[n - 1] &= ~(UINT64_MAX << batch_n % 64);
		(void)cursor_ack_bits_and(
		    cur, next, words, n, batch_n, &cleared);
		mem_free(words);
	}
	cur->s->last_advanced_ms = cur->t->co->now_ms;
	if (cur->durable && cur->s->holds && md.ledger > was.ledger)
		topic_trim(cur->t);
	return true;
}

void
cursor_jump(struct cursor *cur, struct pos p)
{
	bool exact;
	uint64_t idx;

	CHECK_OBJ_NOTNULL(cur, CURSOR_MAGIC);
	if (pos_cmp(p, cur->md) <= 0)
		return;
	idx = cursor_index_after(cur->t, p, &exact);
	cursor_apply_mark(cur, p, idx);
	cur->inexact = !exact;
	cur->consumed += acked_beyond(cur);
	cursor_note_mark(cur, p, cur->consumed);
	cursor_advance(cur);
}

/* --- figures ------------------------------------------------------------------------ */

uint64_t
cursor_backlog(const struct cursor *cur)
{
	uint64_t next = cur->t->log.next_index;

	if (cursor_backlog_entries(cur) == 0)
		return 0;
	return next > cur->consumed ? next - cur->consumed : 0;
}

uint64_t
cursor_backlog_entries(const struct cursor *cur)
{
	uint64_t n = tlog_entries(cur->t, cur->md, cur->t->log.last);

	return n > cur->acked.count ? n - cur->acked.count : 0;
}

uint64_t
cursor_acked_ranges(const struct cursor *cur)
{
	return posset_runs(&cur->acked);
}
