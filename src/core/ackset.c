/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "base/vas.h"
#include "core/ackset.h"

static int
cmp(struct ackbits *a, struct ackbits *b)
{
	return pos_cmp(a->pos, b->pos);
}

/* the generated functions cast and declare as our warnings forbid */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wunused-function"
RB_GENERATE_INTERNAL(ackbits_tree, ackbits, node, cmp, static)
#pragma GCC diagnostic pop

void
ackset_init(struct ackset *as)
{
	memset(as, 0, sizeof *as);
	RB_INIT(&as->tree);
}

static void
drop(struct ackset *as, struct ackbits *ab)
{
	(void)ackbits_tree_RB_REMOVE(&as->tree, ab);
	as->n--;
	as->words_n -= ab->words_n;
	mem_free(ab);
}

void
ackset_clear(struct ackset *as)
{
	struct ackbits *ab;

	while ((ab = RB_ROOT(&as->tree)) != NULL)
		drop(as, ab);
}

void
ackset_fini(struct ackset *as)
{
	ackset_clear(as);
}

struct ackbits *
ackset_get(const struct ackset *as, struct pos p)
{
	struct ackbits *ab = RB_ROOT(&as->tree);
	int c;

	while (ab != NULL && (c = pos_cmp(p, ab->pos)) != 0)
		ab = c < 0 ? RB_LEFT(ab, node) : RB_RIGHT(ab, node);
	return ab;
}

uint32_t
ackbits_left(const struct ackbits *ab)
{
	uint32_t i, n = 0;

	for (i = 0; i < ab->words_n; i++)
		n += (uint32_t)__builtin_popcountll(ab->w[i]);
	return n;
}

/* word i of a set of batch_n messages of which none is acked */
static uint64_t
full_word(uint32_t batch_n, uint32_t i)
{
	if (batch_n >= (i + 1) * 64)
		return UINT64_MAX;
	return batch_n > i * 64 ? (UINT64_C(1) << (batch_n - i * 64)) - 1 : 0;
}

static struct ackbits *
make(struct ackset *as, struct pos p, uint32_t words_n, uint32_t batch_n)
{
	struct ackbits *ab;
	uint32_t i;

	if (as->n >= ACKSET_MAX || words_n > ACKSET_WORDS_MAX - as->words_n)
		return NULL;
	ab = mem_zalloc(sizeof *ab + words_n * sizeof ab->w[0]);
	ab->pos = p;
	ab->batch_n = batch_n;
	ab->words_n = words_n;
	for (i = 0; i < words_n; i++)
		ab->w[i] = full_word(batch_n, i);
	AZ(ackbits_tree_RB_INSERT(&as->tree, ab));
	as->n++;
	as->words_n += words_n;
	return ab;
}

bool
ackset_and(struct ackset *as, struct pos p, const uint64_t *words,
    uint32_t words_n, uint32_t batch_n, uint32_t *left, uint32_t *cleared)
{
	struct ackbits *ab = ackset_get(as, p);
	uint32_t i, was, need;

	*left = *cleared = 0;
	if (ab == NULL) {
		need = (batch_n + 63) / 64;
		if (need > ACKSET_ENTRY_WORDS)
			return false;
		ab = make(as, p, need, batch_n);
		if (ab == NULL)
			return false;
	}
	was = ackbits_left(ab);
	for (i = 0; i < ab->words_n; i++)
		ab->w[i] &= i < words_n ? words[i] : 0;
	while (ab->words_n > 0 && ab->w[ab->words_n - 1] == 0) {
		ab->words_n--;
		as->words_n--;
	}
	*left = ackbits_left(ab);
	*cleared = was - *left;
	/* nothing of it is acked: it needs no place */
	if (*left == 0 || *left == ab->batch_n)
		drop(as, ab);
	return true;
}

uint32_t
ackset_del(struct ackset *as, struct pos p)
{
	struct ackbits *ab = ackset_get(as, p);
	uint32_t n;

	if (ab == NULL)
		return 0;
	n = ab->batch_n - ackbits_left(ab);
	drop(as, ab);
	return n;
}

struct ackbits *
ackset_first(const struct ackset *as)
{
	struct ackbits *ab = RB_ROOT(&as->tree);

	while (ab != NULL && RB_LEFT(ab, node) != NULL)
		ab = RB_LEFT(ab, node);
	return ab;
}

struct ackbits *
ackset_next(struct ackbits *ab)
{
	return ackbits_tree_RB_NEXT(ab);
}

void
ackset_del_upto(struct ackset *as, struct pos p)
{
	struct ackbits *ab;

	while ((ab = ackset_first(as)) != NULL && pos_cmp(ab->pos, p) <= 0)
		drop(as, ab);
}
