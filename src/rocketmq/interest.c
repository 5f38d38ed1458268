/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "rocketmq/group.h"
#include "rocketmq/sql92.h"

struct rmq_interest *
rmq_interest_ref(struct rmq_interest *in)
{
	CHECK_OBJ_NOTNULL(in, RMQ_INTEREST_MAGIC);
	AN(atomic_fetch_add_explicit(&in->refs, 1, memory_order_relaxed));
	return in;
}

void
rmq_interest_unref(struct rmq_interest **inp)
{
	struct rmq_interest *in;
	uint32_t i;

	TAKE_OBJ_NOTNULL(in, inp, RMQ_INTEREST_MAGIC);
	if (atomic_fetch_sub_explicit(&in->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (i = 0; i < in->subs_n; i++) {
		mem_free(in->subs[i].topic);
		mem_free(in->subs[i].expression);
		mem_free(in->subs[i].type);
		mem_free(in->subs[i].tags);
		if (in->subs[i].sql != NULL)
			sql92_free(&in->subs[i].sql);
	}
	mem_free(in->subs);
	FREE_OBJ(in);
}

struct rmq_interests *
rmq_interests_new(uint32_t cap)
{
	struct rmq_interests *all;

	ALLOC_OBJ(all, RMQ_INTERESTS_MAGIC);
	atomic_init(&all->refs, 1);
	all->v = mem_calloc(cap > 0 ? cap : 1, sizeof(struct rmq_interest *));
	return all;
}

void
rmq_interests_add(struct rmq_interests *all, struct rmq_interest *in)
{
	uint32_t i;

	CHECK_OBJ_NOTNULL(all, RMQ_INTERESTS_MAGIC);
	for (i = 0; i < all->n; i++)
		if (rmq_interest_alike(all->v[i], in))
			return;
	all->v[all->n++] = rmq_interest_ref(in);
}

struct rmq_interests *
rmq_interests_ref(struct rmq_interests *all)
{
	CHECK_OBJ_NOTNULL(all, RMQ_INTERESTS_MAGIC);
	AN(atomic_fetch_add_explicit(&all->refs, 1, memory_order_relaxed));
	return all;
}

void
rmq_interests_unref(struct rmq_interests **allp)
{
	struct rmq_interests *all;
	uint32_t i;

	TAKE_OBJ_NOTNULL(all, allp, RMQ_INTERESTS_MAGIC);
	if (atomic_fetch_sub_explicit(&all->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (i = 0; i < all->n; i++)
		rmq_interest_unref(&all->v[i]);
	mem_free(all->v);
	FREE_OBJ(all);
}

static bool
sub_alike(const struct rmq_sub *a, const struct rmq_sub *b)
{
	return strcmp(a->topic, b->topic) == 0 &&
	    strcmp(a->expression, b->expression) == 0 &&
	    strcmp(a->type, b->type) == 0;
}

bool
rmq_interest_alike(const struct rmq_interest *a, const struct rmq_interest *b)
{
	uint32_t i;

	if (a->producer != b->producer || a->broadcast != b->broadcast ||
	    a->type != b->type || a->unit != b->unit ||
	    a->subs_n != b->subs_n || strcmp(a->from_where, b->from_where) != 0)
		return false;
	for (i = 0; i < a->subs_n; i++)
		if (!sub_alike(&a->subs[i], &b->subs[i]))
			return false;
	return true;
}

bool
rmq_interest_fits(const struct rmq_interest *a, const struct rmq_interest *b)
{
	uint32_t i;

	if (a->broadcast != b->broadcast || a->subs_n != b->subs_n)
		return false;
	for (i = 0; i < a->subs_n; i++)
		if (!sub_alike(&a->subs[i], &b->subs[i]))
			return false;
	return true;
}

bool
rmq_interest_same(const struct rmq_interest *a, const struct rmq_interest *b)
{
	uint32_t i;

	if (!rmq_interest_alike(a, b))
		return false;
	for (i = 0; i < a->subs_n; i++)
		if (a->subs[i].version != b->subs[i].version)
			return false;
	return true;
}

const struct rmq_sub *
rmq_interest_sub(const struct rmq_interest *in, struct str topic)
{
	uint32_t i;

	for (i = 0; i < in->subs_n; i++)
		if (str_eq(str_of(in->subs[i].topic), topic))
			return &in->subs[i];
	return NULL;
}

static struct str
trim(struct str s)
{
	while (s.len > 0 && s.p[0] == ' ') {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && s.p[s.len - 1] == ' ')
		s.len--;
	return s;
}

bool
rmq_tags_parse(struct str e, uint32_t tags[RMQ_TAGS_MAX], uint32_t *n)
{
	struct str tag;
	size_t from = 0, to;

	*n = 0;
	if (e.len == 0 || str_eq(e, STR_LIT("*")))
		return true;
	while (from <= e.len) {
		for (to = from; to < e.len; to++)
			if (e.p[to] == '|' && to + 1 < e.len &&
			    e.p[to + 1] == '|')
				break;
		tag = trim((struct str){ e.p + from, to - from });
		if (tag.len > 0) {
			if (*n == RMQ_TAGS_MAX)
				return false;
			tags[(*n)++] = hash_java_string(tag.p, tag.len);
		}
		from = to + 2;
	}
	return *n > 0;
}
