/* SPDX-License-Identifier: Apache-2.0 */
/* Staging of appends, and reading from memory: the two hot functions. */
#include "store/local_priv.h"

#define SLAB_N 256u

struct stage_slab {
	struct stage_slab *next;
	struct stage st[SLAB_N];
};

struct stage *
stage_get(struct local *lo)
{
	struct stage_slab *sl;
	struct stage *st = lo->stage_free;

	if (unlikely(st == NULL)) {
		sl = mem_alloc(sizeof *sl);
		sl->next = lo->slabs;
		lo->slabs = sl;
		for (uint32_t i = 0; i < SLAB_N; i++) {
			sl->st[i].next = st;
			st = &sl->st[i];
		}
	}
	lo->stage_free = st->next;
	lo->stages_n++;
	return st;
}

void
stage_put(struct local *lo, struct stage *st)
{
	slice_unref(&st->body);
	if (st->rider != NULL)
		rider_free(st->rider);
	lo->stages_n--;
	st->next = lo->stage_free;
	lo->stage_free = st;
}

void
stages_fini(struct local *lo)
{
	struct stage_slab *sl;

	while ((sl = lo->slabs) != NULL) {
		lo->slabs = sl->next;
		mem_free(sl);
	}
	lo->stage_free = NULL;
}

/* Idle: they go back when none is in use */
void
stages_trim(struct local *lo)
{
	if (lo->stages_n == 0)
		stages_fini(lo);
}

uint32_t
stage_len(const struct stage *st)
{
	return record_len(RECORD_HEAD_ENTRY, st->body.len) +
	    rider_len(st->rider);
}

static void
append(struct local *lo, struct ledger *lg, const struct attr *a,
    const struct slice *body, bool sync, struct rider *rider)
{
	struct stage *st;

	CHECK_OBJ_NOTNULL(lg, LEDGER_MAGIC);
	assert(lg->held && lg->ready && !lg->closed && !lg->closing);
	assert(a->messages_n >= 1);
	assert(body->len <= lo->conf.max_entry_bytes);
	st = stage_get(lo);
	st->next = NULL;
	st->seq = ++lo->seq;
	st->attr = *a;
	st->body = body->buf != NULL ? slice_ref(*body) : slice_dup(*body);
	st->sync = sync;
	st->rider = rider;
	*lg->st_tail = st;
	lg->st_tail = &st->next;
	lg->st_n++;
	if (!lg->staged) {
		lg->staged = true;
		TAILQ_INSERT_TAIL(&lo->staged, lg, staged_link);
		lo->staged_n++;
	}
	lo->staged_bytes += stage_len(st);
	lo->keyed |= keys_wanted(lo, a->format);
	lo->st.appends++;
	lo->st.append_bytes += body->len;
	if (lo->staged_bytes >= lo->conf.group_bytes && lo->flight_n < 3)
		(void)group_form(lo);
}

void
local_append(struct ledgers *lgs, struct ledger *lg, const struct attr *a,
    const struct slice *body, bool sync)
{
	append(local_of(lgs), lg, a, body, sync, NULL);
}

void
local_append_with(struct ledgers *lgs, struct ledger *lg, const struct attr *a,
    const struct slice *body, bool sync, struct journal *jo, const void *delta,
    size_t len)
{
	append(local_of(lgs), lg, a, body, sync, rider_new(jo, delta, len));
}

bool
local_peek(
    struct ledgers *lgs, struct ledger *lg, int64_t entry, struct entry *e)
{
	struct local *lo = local_of(lgs);
	struct run *r;
	struct group *g;

	CHECK_OBJ_NOTNULL(lg, LEDGER_MAGIC);
	lo->st.peeks++;
	if (entry > lg->last_entry || entry < 0)
		goto miss;
	r = run_find(lg, entry);
	if (r != NULL && r->grp != NULL && entry >= r->first_entry) {
		g = r->grp;
		record_entry(g->buf->data +
			g->rec[r->rec0 + (uint64_t)(entry - r->first_entry)],
		    g->buf, e);
		assert(e->pos.entry == entry && e->pos.ledger == lg->id);
		return true;
	}
	if (lg->cold != NULL && chunk_peek(lg, entry, e))
		return true;
miss:
	lo->st.peek_misses++;
	return false;
}

static enum err
staged_err(const struct local *lo)
{
	return lo->failed ? lo->failed_err : ERR_NO_SPACE;
}

/* Everything of the ledger that is staged fails; nothing of it is in flight */
static void
fail_ledger(struct local *lo, struct ledger *lg, enum err err)
{
	struct stage *st;
	uint32_t n = 0;

	while ((st = lg->st_head) != NULL) {
		lg->st_head = st->next;
		lo->staged_bytes -= stage_len(st);
		stage_put(lo, st);
		n++;
	}
	lg->st_tail = &lg->st_head;
	lg->st_n = 0;
	lg->staged = false;
	TAILQ_REMOVE(&lo->staged, lg, staged_link);
	lo->staged_n--;
	if (n > 0 && lg->held)
		lo->base.client_ops->appended(lg->owner, -1, n, 0, 0, err);
}

/* Refuse what is staged: answers come in order, so a ledger waits until its
 * appends in flight are answered. */
void
local_fail_staged(struct local *lo)
{
	struct ledger *lg;

	assert(lo->failed || lo->no_space);
	/* callbacks may append again: those wait for the next time */
	TAILQ_FOREACH(lg, &lo->staged, staged_link)
		if (lg->formed_runs == 0 && !lg->failing) {
			lg->failing = true;
			TAILQ_INSERT_TAIL(&lo->failing, lg, failing_link);
		}
	while ((lg = TAILQ_FIRST(&lo->failing)) != NULL) {
		TAILQ_REMOVE(&lo->failing, lg, failing_link);
		lg->failing = false;
		lg->pending++; /* the callback may let it go */
		/* a callback before may have deleted its neighbours' stages */
		if (lg->staged)
			fail_ledger(lo, lg, staged_err(lo));
		if (lg->closing)
			local_close_poll(lg);
		lg->pending--;
		ledger_maybe_free(lg);
	}
}
