/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Riders: deltas that are stored with an entry or not at all. In a group they
 * stand behind the entries, in records of their journals.
 *
 * The client's state has what a rider says when the entry is answered, and not
 * before. A checkpoint covers only groups that were answered, so the journal is
 * dirty from the answer on: a snapshot that was made earlier lacks it.
 */
#include "store/local_priv.h"

#define RECORD_MAX 4096u /* bytes of deltas */

struct rider *
rider_new(struct journal *jo, const void *p, size_t len)
{
	struct rider *rd = mem_alloc(sizeof *rd);

	CHECK_OBJ_NOTNULL(jo, JOURNAL_MAGIC);
	assert(jo->held && !jo->opening);
	assert(len > 0 && len <= RIDER_MAX);
	rd->next = NULL;
	rd->jo = jo;
	rd->len = (uint32_t)len;
	memcpy(rd->data, p, len);
	jo->riders++;
	return rd;
}

void
rider_free(struct rider *rd)
{
	struct journal *jo = rd->jo;

	mem_free(rd);
	AN(jo->riders);
	jo->riders--;
	journal_maybe_free(jo);
}

/* Room that it takes in a group, at most */
uint32_t
rider_len(const struct rider *rd)
{
	return rd != NULL ? record_len(RECORD_HEAD_CURSOR, rd->len) : 0;
}

uint32_t
riders_put(const struct rider **rdp, uint8_t *p, uint32_t seed)
{
	const struct rider *rd = *rdp;
	const struct journal *jo = rd->jo;
	uint8_t b[RECORD_MAX];
	uint32_t n = 0;

	for (; rd != NULL && rd->jo == jo && n + rd->len <= sizeof b;
	     rd = rd->next) {
		memcpy(b + n, rd->data, rd->len);
		n += rd->len;
	}
	*rdp = rd;
	return record_put_cursor(p, seed, jo->id, b, n);
}

void
riders_done(struct local *lo, struct group *g, bool ok)
{
	struct rider *rd;
	struct journal *jo;

	while ((rd = g->riders) != NULL) {
		g->riders = rd->next;
		jo = rd->jo;
		if (ok && !jo->deleted) {
			if (jo->held && !jo->opening)
				journal_mark_dirty(jo);
			else /* for whoever opens it next */
				journal_replay(lo, jo->id, rd->data, rd->len);
		}
		rider_free(rd);
	}
}

/* The engine goes, and the journals have gone. */
void
riders_fini(struct group *g)
{
	struct rider *rd;

	while ((rd = g->riders) != NULL) {
		g->riders = rd->next;
		mem_free(rd);
	}
}
