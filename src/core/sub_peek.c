/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription delivers next: new entries, those again, those that are due. */
#include "core/cursor.h"
#include "core/delay.h"
#include "core/leasing.h"
#include "core/sub_priv.h"

/* entries that are put off in one look */
#define PEEKS 256u

/* what is neither acknowledged nor to be delivered later */
static struct pos
skip(const struct sub *s, struct pos p)
{
	struct pos was;

	do {
		was = p = cursor_skip(s->cur, p);
		if (sub_delays(s))
			p = delay_skip(s->t, p);
	} while (!pos_eq(p, was));
	return p;
}

static enum reader_result
peek(struct sub *s, struct entry *ent)
{
	struct pos at = reader_pos(s->rd), p;
	enum reader_result r;

	p = skip(s, at);
	if (!pos_eq(p, at))
		reader_seek(s->rd, p);
	r = reader_peek(s->rd, ent);
	if (r != READER_ENTRY)
		return r;
	for (; p.ledger == ent->pos.ledger && p.entry < ent->pos.entry;
	     p.entry++)
		(void)cursor_ack(s->cur, p, 0);
	return r;
}

enum reader_result
sub_peek(struct sub *s, struct entry *ent)
{
	enum reader_result r;
	unsigned n;

	for (n = 0; n < PEEKS; n++) {
		r = peek(s, ent);
		if (r != READER_ENTRY || !sub_delays(s))
			return r;
		switch (delay_meet(s->t, ent)) {
		case DELAY_NOT:
			return READER_ENTRY;
		case DELAY_LATER:
			reader_advance(s->rd);
			break;
		case DELAY_FULL: /* it kicks when it has room again */
			return READER_WAIT;
		}
	}
	sub_kick(s); /* the others have their turn */
	return READER_WAIT;
}

static void
forget(struct sub *s, struct pos p)
{
	struct lease *l = lease_table_get(&s->leases, p);

	(void)posset_remove(&s->replay, p);
	if (l != NULL && l->c == NULL)
		lease_table_del(&s->leases, &s->t->co->leases, &l);
}

enum reader_result
sub_peek_again(struct sub *s, struct entry *ent)
{
	enum reader_result r;
	struct pos p;

	while (posset_first(&s->replay, &p)) {
		if (cursor_is_acked(s->cur, p)) {
			forget(s, p);
			continue;
		}
		if (!pos_eq(reader_pos(s->replay_rd), p))
			reader_seek(s->replay_rd, p);
		r = reader_peek(s->replay_rd, ent);
		if (r == READER_WAIT)
			return READER_WAIT;
		if (r == READER_ENTRY && pos_eq(ent->pos, p))
			return READER_ENTRY;
		/* it is gone: damaged, or trimmed away */
		(void)cursor_ack(s->cur, p, 0);
		forget(s, p);
	}
	return READER_END;
}

void
sub_due(struct sub *s, struct pos p)
{
	const struct lease *l;

	if (s->cur != NULL)
		leasing_freed(s, p);
	if (s->rd == NULL || s->cur == NULL || !sub_delays(s) ||
	    pos_cmp(p, reader_pos(s->rd)) >= 0 || cursor_is_acked(s->cur, p))
		return;
	l = lease_table_get(&s->leases, p);
	if (l == NULL && posset_add(&s->replay, p))
		sub_kick(s);
}
