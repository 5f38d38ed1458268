/* SPDX-License-Identifier: Apache-2.0 */
/* Leases that are ended or made longer by those that have them. */
#include "core/leasing_priv.h"

#include "core/topic_priv.h"

#define INVISIBLE_MAX_MS INT64_C(31536000000)

static bool
with_consumer(const struct sub *s, struct pos p)
{
	const struct lease *l = lease_table_get(&s->leases, p);

	return l != NULL && l->c != NULL;
}

/* --- acks --------------------------------------------------------------------------- */

/* Message number `within` of an entry with n of them. */
static void
ack(struct sub *s, struct pos p, uint32_t within, uint32_t n)
{
	uint64_t words[READ_AT_MAX / 64], *w = words;
	uint32_t words_n = (n + 63) / 64, i, cleared = 1;
	enum cursor_ack r;

	if (n == 1) {
		r = cursor_ack(s->cur, p, 1);
	} else {
		if (words_n > NELEM(words))
			w = mem_alloc(words_n * sizeof *w);
		for (i = 0; i < words_n; i++)
			w[i] = UINT64_MAX;
		if (n % 64 != 0)
			w[words_n - 1] = ~(UINT64_MAX << n % 64);
		w[within / 64] &= ~(UINT64_C(1) << within % 64);
		r = cursor_ack_bits_and(s->cur, p, w, words_n, n, &cleared);
		if (w != words)
			mem_free(w);
	}
	if (r == CURSOR_ACK_WHOLE || r == CURSOR_ACK_PART)
		s->acked += cleared;
	if (cursor_is_acked(s->cur, p))
		sub_lease_acked(s, p);
}

static bool
bit_is_acked(const struct sub *s, struct pos p, uint32_t within)
{
	const uint64_t *w;
	uint32_t n = cursor_ack_bits(s->cur, p, &w);

	return n > 0 &&
	    (within / 64 >= n || (w[within / 64] >> within % 64 & 1) == 0);
}

/*
 * Of a message that no lease is known of. It may have been acknowledged; or its
 * lease was given out before this process began, and was lost with what the
 * last one had not written: whoever has its name has the message, for a later
 * lease would be known.
 */
static enum err
end_unknown(struct sub *s, const struct lease_name *ln, enum lease_end how)
{
	struct topic *t = s->t;
	struct pos p, next;
	uint64_t index;
	uint32_t within;

	if (ln->index >= t->log.next_index)
		return ERR_NO_MESSAGE;
	if (ln->index < tlog_first_index(t))
		return ERR_NO_MESSAGE;
	if (cursor_next_index(s->cur, &index, &next, &within) &&
	    ln->index < index)
		return ERR_OK;
	if (!tlog_place(t, ln->index, &p) ||
	    cursor_entry_messages(s->cur, p) != 1)
		return ERR_CONFLICT;
	if (cursor_is_acked(s->cur, p))
		return ERR_OK;
	if (ln->time_ms >= t->co->boot_ms || with_consumer(s, p))
		return ERR_CONFLICT;
	if (how == LEASE_ACK)
		ack(s, p, 0, 1);
	return ERR_OK;
}

/* The term of this name, if it is still its holder's: out, or over but nobody
 * else's yet. */
static enum err
find(struct sub *s, const struct lease_name *ln, struct term **tmp)
{
	struct terms *ts = cursor_terms(s->cur);
	struct term *tm = terms_of_index(ts, ln->index);

	*tmp = tm;
	if (tm == NULL)
		return ERR_NO_MESSAGE;
	if (tm->time_ms != ln->time_ms || with_consumer(s, tm->pos))
		return ERR_CONFLICT;
	return ERR_OK;
}

static enum err
end(struct leasing *lg, const struct lease_name *ln, enum lease_end how)
{
	struct sub *s = lg->s;
	struct term *tm;
	uint32_t within;
	enum err e = find(s, ln, &tm);

	if (e == ERR_NO_MESSAGE)
		return end_unknown(s, ln, how);
	within = (uint32_t)(ln->index - tm->index);
	if (bit_is_acked(s, tm->pos, within))
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	if (how == LEASE_ACK) {
		ack(s, tm->pos, within, tm->messages_n);
	} else if (tm->due_ms != 0) {
		leasing_back(lg, tm, how == LEASE_RETURN);
		cursor_note_terms(s->cur, &tm, 1);
	}
	return ERR_OK;
}

void
leasing_end(struct sub *s, struct op **opp)
{
	struct leasing *lg = leasing_get(s);
	struct topic *t = s->t;
	struct op *op = *opp;
	enum err e, first = ERR_OK;
	uint32_t i, n = 0;
	struct fx *fx;

	if (op->names_n > READ_AT_MAX || op->u32 > LEASE_RETURN_UNUSED) {
		core_answer(t->co, opp, ERR_INVALID_ARG, NULL);
		return;
	}
	topic_touch(t);
	for (i = 0; i < op->names_n; i++) {
		e = end(lg, &op->names[i], (enum lease_end)op->u32);
		if (e == ERR_OK)
			n++;
		else if (first == ERR_OK)
			first = e;
	}
	s->last_acked_ms = t->co->now_ms;
	leasing_arm(lg);
	fx = core_answer_new(t->co, op, FX_DONE);
	fx->err = first;
	fx->u32 = n;
	op_free(opp);
	cursor_when_durable(s->cur, &fx);
	sub_check_end(s, NULL);
	sub_kick(s);
}

/* --- longer --------------------------------------------------------------------------- */

void
leasing_extend(struct sub *s, struct op **opp)
{
	struct leasing *lg = leasing_get(s);
	struct core *co = s->t->co;
	struct op *op = *opp;
	int64_t ms = op->lease.invisible_ms;
	struct term *tm, v;
	struct fx *fx;
	enum err e;

	if (op->names_n != 1 || ms <= 0 || ms > INVISIBLE_MAX_MS) {
		core_answer(co, opp, ERR_INVALID_ARG, NULL);
		return;
	}
	topic_touch(s->t);
	e = find(s, &op->names[0], &tm);
	if (e == ERR_OK &&
	    bit_is_acked(
		s, tm->pos, (uint32_t)(op->names[0].index - tm->index)))
		e = ERR_NO_MESSAGE;
	if (e != ERR_OK) {
		core_answer(co, opp, e, NULL);
		return;
	}
	v = *tm;
	if (v.messages_n == 1) {
		v.time_ms = co->now_ms > v.time_ms ? co->now_ms : v.time_ms + 1;
		v.due_ms = v.time_ms + ms;
	} else if (v.due_ms < co->now_ms + ms) {
		/* the others of the entry have its name too */
		v.due_ms = co->now_ms + ms;
	}
	tm = terms_put(cursor_terms(s->cur), &v);
	(void)posset_remove(&s->replay, tm->pos);
	cursor_note_terms(s->cur, &tm, 1);
	leasing_arm(lg);
	fx = core_answer_new(co, op, FX_DONE);
	fx->i64 = v.time_ms;
	op_free(opp);
	cursor_when_durable(s->cur, &fx);
}
