/* SPDX-License-Identifier: Apache-2.0 */
/* Which entries a lease gets. */
#include "core/delay.h"
#include "core/leasing_priv.h"

/* entries that are left for others: more are not passed over until some of those
 * have been taken */
#define LEFT_MAX 65536u

enum want {
	WANT, /* it is given */
	WANT_OTHERS, /* somebody else of the subscription */
	WANT_NOBODY, /* it is acknowledged */
};

static bool
has(const uint32_t *v, uint32_t n, uint32_t tag)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (v[i] == tag)
			return true;
	return false;
}

static enum want
wanted(const struct op_lease *ls, const struct attr *a)
{
	/* what is inside of a batch is for who takes it apart to look at */
	if (ls->tags_n == 0 || (a->tag_hash == 0 && (a->flags & ATTR_BATCH)) ||
	    has(ls->tags, ls->tags_n, a->tag_hash))
		return WANT;
	return ls->others_all || has(ls->others, ls->others_n, a->tag_hash) ?
	    WANT_OTHERS :
	    WANT_NOBODY;
}

static bool
with_consumer(const struct sub *s, struct pos p)
{
	const struct lease *l = lease_table_get(&s->leases, p);

	return l != NULL && l->c != NULL;
}

static uint32_t
messages_left(const struct sub *s, const struct entry *ent)
{
	const uint64_t *w;
	uint32_t i, n, words_n = cursor_ack_bits(s->cur, ent->pos, &w);

	if (words_n == 0)
		return ent->attr.messages_n;
	for (i = n = 0; i < words_n; i++)
		n += (uint32_t)__builtin_popcountll(w[i]);
	return n;
}

/* false: over a limit */
static bool
take(struct sub *s, const struct op_lease *ls, struct picks *pk,
    const struct entry *ent, bool fresh)
{
	uint32_t n = messages_left(s, ent);

	if (pk->n > 0 &&
	    (pk->messages + n > ls->max_n ||
		pk->bytes + ent->body.len > ls->max_bytes ||
		pk->n == READ_AT_MAX))
		return false;
	pk->v[pk->n] = *ent;
	pk->v[pk->n++].body = slice_ref(ent->body);
	pk->messages += n;
	pk->bytes += ent->body.len;
	if (fresh)
		pk->fresh_n++;
	return true;
}

static void
pass_over(struct sub *s, const struct entry *ent)
{
	if (cursor_ack(s->cur, ent->pos, ent->attr.messages_n) ==
	    CURSOR_ACK_WHOLE)
		s->acked += ent->attr.messages_n;
}

/* --- what came back, and what was left ----------------------------------------- */

static enum reader_result
peek_at(struct leasing *lg, struct pos p, struct entry *ent)
{
	enum reader_result r;

	if (!pos_eq(reader_pos(lg->again_rd), p))
		reader_seek(lg->again_rd, p);
	r = reader_peek(lg->again_rd, ent);
	/* damaged, or trimmed away */
	if (r == READER_ENTRY && !pos_eq(ent->pos, p))
		return READER_END;
	return r;
}

static enum pick_result
pick_back(struct lease_wait *w, struct picks *pk, unsigned *budget)
{
	struct leasing *lg = w->lg;
	struct sub *s = lg->s;
	struct terms *ts = cursor_terms(s->cur);
	struct entry ent;
	struct term *tm;

	while ((tm = terms_next_back(ts, w->back_at)) != NULL) {
		if (*budget == 0)
			return PICK_MORE;
		--*budget;
		if (with_consumer(s, tm->pos)) {
			w->back_at = tm->pos;
			continue;
		}
		switch (peek_at(lg, tm->pos, &ent)) {
		case READER_WAIT:
			return PICK_DISK;
		case READER_END:
			w->back_at = tm->pos;
			(void)cursor_ack(s->cur, tm->pos, tm->messages_n);
			continue;
		case READER_ENTRY:
			break;
		}
		switch (wanted(&w->op->lease, &ent.attr)) {
		case WANT:
			if (!take(s, &w->op->lease, pk, &ent, false))
				return PICK_FULL;
			break;
		case WANT_NOBODY:
			pass_over(s, &ent);
			break;
		case WANT_OTHERS:
			break;
		}
		w->back_at = ent.pos;
	}
	return PICK_END;
}

static enum pick_result
pick_left(struct lease_wait *w, struct picks *pk, unsigned *budget)
{
	struct leasing *lg = w->lg;
	struct sub *s = lg->s;
	enum want want;
	struct entry ent;
	struct pos p;

	while (posset_next(&lg->left, w->left_at, &p)) {
		if (*budget == 0)
			return PICK_MORE;
		--*budget;
		want = WANT_NOBODY;
		if (!cursor_is_acked(s->cur, p) &&
		    terms_get(cursor_terms(s->cur), p) == NULL &&
		    !with_consumer(s, p)) {
			switch (peek_at(lg, p, &ent)) {
			case READER_WAIT:
				return PICK_DISK;
			case READER_END:
				(void)cursor_ack(s->cur, p, 0);
				break;
			case READER_ENTRY:
				want = wanted(&w->op->lease, &ent.attr);
				if (want == WANT_NOBODY)
					pass_over(s, &ent);
				break;
			}
		}
		if (want == WANT &&
		    (leasing_full(lg, pk) ||
			!take(s, &w->op->lease, pk, &ent, true)))
			return PICK_FULL;
		w->left_at = p;
		if (want != WANT_OTHERS)
			(void)posset_remove(&lg->left, p);
	}
	return PICK_END;
}

/* --- new ones ------------------------------------------------------------------- */

/* First position from p on that is nobody's, and not put off. */
static struct pos
skip(struct leasing *lg, struct pos p, unsigned *budget)
{
	struct sub *s = lg->s;
	struct pos was;

	do {
		was = p = cursor_skip(s->cur, p);
		p = delay_skip(s->t, p);
		while (*budget > 0 &&
		    (terms_get(cursor_terms(s->cur), p) != NULL ||
			posset_contains(&lg->left, p))) {
			--*budget;
			p = tlog_next(s->t, p);
		}
	} while (*budget > 0 && !pos_eq(p, was));
	return p;
}

static enum reader_result
peek_new(struct leasing *lg, struct entry *ent, unsigned *budget)
{
	struct sub *s = lg->s;
	struct pos at = reader_pos(lg->rd), p = skip(lg, at, budget);
	enum reader_result r;

	if (!pos_eq(p, at))
		reader_seek(lg->rd, p);
	r = reader_peek(lg->rd, ent);
	if (r != READER_ENTRY)
		return r;
	/* what lay in between was damaged: nobody could ever ack it */
	for (; p.ledger == ent->pos.ledger && p.entry < ent->pos.entry;
	     p.entry++)
		(void)cursor_ack(s->cur, p, 0);
	return r;
}

/* Is it nobody's, and due? */
static bool
is_free(struct leasing *lg, const struct entry *ent)
{
	struct sub *s = lg->s;

	return !sub_swallow(s, ent) &&
	    terms_get(cursor_terms(s->cur), ent->pos) == NULL &&
	    !posset_contains(&lg->left, ent->pos) &&
	    !with_consumer(s, ent->pos);
}

static enum pick_result
pick_new(struct lease_wait *w, struct picks *pk, unsigned *budget)
{
	struct leasing *lg = w->lg;
	struct sub *s = lg->s;
	enum reader_result r;
	struct entry ent;

	while ((r = peek_new(lg, &ent, budget)) == READER_ENTRY) {
		if (*budget == 0)
			return PICK_MORE;
		--*budget;
		switch (delay_meet(s->t, &ent)) {
		case DELAY_NOT:
			break;
		case DELAY_LATER:
			reader_advance(lg->rd);
			continue;
		case DELAY_FULL:
			return PICK_DISK;
		}
		if (is_free(lg, &ent))
			switch (wanted(&w->op->lease, &ent.attr)) {
			case WANT:
				if (leasing_full(lg, pk) ||
				    !take(s, &w->op->lease, pk, &ent, true))
					return PICK_FULL;
				break;
			case WANT_OTHERS:
				if (lg->left.count >= LEFT_MAX)
					return PICK_FULL;
				(void)posset_add(&lg->left, ent.pos);
				break;
			case WANT_NOBODY:
				pass_over(s, &ent);
				break;
			}
		reader_advance(lg->rd);
	}
	return r == READER_WAIT ? PICK_DISK : PICK_END;
}

/* --- all ------------------------------------------------------------------------- */

static void
readers(struct leasing *lg)
{
	struct sub *s = lg->s;
	struct terms *ts = cursor_terms(s->cur);

	if (ts->next.ledger == 0)
		ts->next = tlog_next(s->t, cursor_mark_delete(s->cur));
	if (lg->rd == NULL)
		lg->rd = reader_new(s->t, ts->next, leasing_woken, lg);
	else if (pos_cmp(reader_pos(lg->rd), tlog_valid(s->t, ts->next)) != 0)
		reader_seek(lg->rd, ts->next);
	if (lg->again_rd == NULL)
		lg->again_rd = reader_new(s->t, ts->next, leasing_woken, lg);
}

enum pick_result
leasing_pick(struct lease_wait *w, struct picks *pk, unsigned *budget)
{
	struct leasing *lg = w->lg;
	struct sub *s = lg->s;
	struct terms *ts = cursor_terms(s->cur);
	enum pick_result r;

	if (w->op->flag && (ts->out_n > 0 || s->unacked > 0))
		return PICK_END;
	if (w->gen != lg->gen) {
		w->gen = lg->gen;
		w->back_at = w->left_at = POS_NONE;
	}
	lg->used = true;
	readers(lg);
	r = pick_back(w, pk, budget);
	if (r == PICK_END)
		r = pick_left(w, pk, budget);
	if (r == PICK_END)
		r = pick_new(w, pk, budget);
	ts->next = reader_pos(lg->rd);
	return r;
}
