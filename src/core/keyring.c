/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All three kinds keep ascending arrays: of points, of range ends, of ranges.
 * `at` is the slot that an element ends with; `from` is used by KEYRING_FIXED.
 */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/miniobj.h"
#include "core/keyring.h"

struct waiter { /* in line for a point of the hash ring */
	void *owner;
	struct waiter *next;
};

struct point {
	uint32_t from, at;
	void *owner;
	struct waiter *line;
};

struct member {
	void *owner;
	char *name;
	uint32_t index; /* among owners of this name */
};

struct keyring {
	unsigned magic;
#define KEYRING_MAGIC 0x4e941401
	enum keyring_kind kind;
	uint32_t points;
	struct point *v;
	uint32_t n, cap;
	struct member *members;
	uint32_t members_n, members_cap;
};

struct keyring *
keyring_new(enum keyring_kind kind, uint32_t points)
{
	struct keyring *kr;

	ALLOC_OBJ(kr, KEYRING_MAGIC);
	kr->kind = kind;
	kr->points = points > 0 ? points : 1;
	return kr;
}

static void
drop(struct keyring *kr, uint32_t i)
{
	struct waiter *w;

	while ((w = kr->v[i].line) != NULL) {
		kr->v[i].line = w->next;
		mem_free(w);
	}
	memmove(&kr->v[i], &kr->v[i + 1], (kr->n - i - 1) * sizeof *kr->v);
	kr->n--;
}

void
keyring_free(struct keyring **krp)
{
	struct keyring *kr;
	uint32_t i;

	TAKE_OBJ_NOTNULL(kr, krp, KEYRING_MAGIC);
	while (kr->n > 0)
		drop(kr, kr->n - 1);
	for (i = 0; i < kr->members_n; i++)
		mem_free(kr->members[i].name);
	mem_free(kr->members);
	mem_free(kr->v);
	FREE_OBJ(kr);
}

uint32_t
keyring_slot(const struct keyring *kr, uint32_t hash)
{
	uint32_t slot;

	if (kr->kind == KEYRING_HASH) /* the range is 1..65535 */
		return hash % (KEYRING_SLOTS - 1) + 1;
	slot = hash % KEYRING_SLOTS;
	return slot != 0 ? slot : 1;
}

/* index of the first element with at >= slot */
static uint32_t
ceiling(const struct keyring *kr, uint32_t slot)
{
	uint32_t lo = 0, hi = kr->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (kr->v[mid].at < slot)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void *
keyring_select(const struct keyring *kr, uint32_t slot)
{
	uint32_t i;

	CHECK_OBJ_NOTNULL(kr, KEYRING_MAGIC);
	if (kr->n == 0)
		return NULL;
	i = ceiling(kr, slot);
	if (kr->kind == KEYRING_FIXED)
		return i < kr->n && kr->v[i].from <= slot ? kr->v[i].owner :
							    NULL;
	return kr->v[i < kr->n ? i : 0].owner;
}

static struct point *
insert(struct keyring *kr, uint32_t i, uint32_t from, uint32_t at, void *owner)
{
	if (kr->n == kr->cap) {
		kr->cap = kr->cap != 0 ? kr->cap * 2 : 64;
		kr->v = mem_reallocarray(kr->v, kr->cap, sizeof *kr->v);
	}
	memmove(&kr->v[i + 1], &kr->v[i], (kr->n - i) * sizeof *kr->v);
	kr->n++;
	kr->v[i] = (struct point){ from, at, owner, NULL };
	return &kr->v[i];
}

/* --- members ---------------------------------------------------------------- */

static struct member *
member_of(const struct keyring *kr, const void *owner)
{
	uint32_t i;

	for (i = 0; i < kr->members_n; i++)
		if (kr->members[i].owner == owner)
			return &kr->members[i];
	return NULL;
}

/* the lowest index that no other of the name has */
static uint32_t
free_index(const struct keyring *kr, const char *name)
{
	uint32_t index, i;

	for (index = 0;; index++) {
		for (i = 0; i < kr->members_n; i++)
			if (kr->members[i].index == index &&
			    strcmp(kr->members[i].name, name) == 0)
				break;
		if (i == kr->members_n)
			return index;
	}
}

static struct member *
join(struct keyring *kr, void *owner, const char *name)
{
	uint32_t index = free_index(kr, name);
	struct member *m;

	if (kr->members_n == kr->members_cap) {
		kr->members_cap = kr->members_cap ? kr->members_cap * 2 : 8;
		kr->members = mem_reallocarray(
		    kr->members, kr->members_cap, sizeof *kr->members);
	}
	m = &kr->members[kr->members_n++];
	m->owner = owner;
	m->name = mem_strdup(name);
	m->index = index;
	return m;
}

/* --- the hash ring ------------------------------------------------------------- */

static uint32_t
point_slot(const struct keyring *kr, const struct member *m, uint32_t k)
{
	size_t len = strlen(m->name);
	char *key = mem_alloc(len + 32);
	uint32_t slot;
	int n;

	memcpy(key, m->name, len + 1);
	n = snprintf(key + len + 1, 31, "%u", m->index);
	n += snprintf(key + len + 2 + n, 16, "%u", k);
	slot = keyring_slot(kr, hash_sticky(key, len + 2 + (size_t)n));
	mem_free(key);
	return slot;
}

static void
ring_add(struct keyring *kr, const struct member *m)
{
	struct waiter *w, **wp;
	uint32_t k, i, slot;

	for (k = 0; k < kr->points; k++) {
		slot = point_slot(kr, m, k);
		i = ceiling(kr, slot);
		if (i == kr->n || kr->v[i].at != slot) {
			(void)insert(kr, i, 0, slot, m->owner);
			continue;
		}
		w = mem_zalloc(sizeof *w);
		w->owner = m->owner;
		for (wp = &kr->v[i].line; *wp != NULL; wp = &(*wp)->next)
			;
		*wp = w;
	}
}

/* One pass: leaving costs as much with a thousand members as the ring is long. */
static void
ring_remove(struct keyring *kr, const void *owner)
{
	struct waiter *w, **wp;
	uint32_t i, n = 0;

	for (i = 0; i < kr->n; i++) {
		for (wp = &kr->v[i].line; (w = *wp) != NULL;)
			if (w->owner == owner) {
				*wp = w->next;
				mem_free(w);
			} else
				wp = &w->next;
		if (kr->v[i].owner == owner) {
			w = kr->v[i].line;
			if (w == NULL)
				continue;
			kr->v[i].owner = w->owner;
			kr->v[i].line = w->next;
			mem_free(w);
		}
		kr->v[n++] = kr->v[i];
	}
	kr->n = n;
}

/* --- ranges that are halved ------------------------------------------------------ */

/* the first of the biggest ones */
static uint32_t
biggest(const struct keyring *kr, uint32_t *size)
{
	uint32_t i, lower = 0, best = 0;

	*size = 0;
	for (i = 0; i < kr->n; i++) {
		if (kr->v[i].at - lower > *size) {
			*size = kr->v[i].at - lower;
			best = i;
		}
		lower = kr->v[i].at;
	}
	return best;
}

static void
split_add(struct keyring *kr, void *owner)
{
	uint32_t i, size;

	if (kr->n == 0) {
		(void)insert(kr, 0, 0, KEYRING_SLOTS, owner);
		return;
	}
	i = biggest(kr, &size);
	assert(size > 1);
	(void)insert(kr, i, 0, kr->v[i].at - (size >> 1), owner);
}

static void
split_remove(struct keyring *kr, const void *owner)
{
	uint32_t i;

	for (i = 0; i < kr->n && kr->v[i].owner != owner; i++)
		;
	if (i == kr->n)
		return;
	if (i == kr->n - 1 && i > 0) {
		kr->v[i].owner = kr->v[i - 1].owner;
		i--;
	}
	drop(kr, i);
}

/* --- ranges that owners bring ----------------------------------------------------- */

static bool
fixed_fits(const struct keyring *kr, const struct hash_range *r, uint32_t n)
{
	uint32_t i, k;

	for (k = 0; k < n; k++) {
		i = ceiling(kr, r[k].start);
		if (i < kr->n && kr->v[i].from <= r[k].end)
			return false;
	}
	return true;
}

/* --- all ------------------------------------------------------------------------------ */

bool
keyring_fits(const struct keyring *kr, const struct hash_range *r, uint32_t n)
{
	uint32_t size;

	CHECK_OBJ_NOTNULL(kr, KEYRING_MAGIC);
	if (kr->kind == KEYRING_FIXED)
		return fixed_fits(kr, r, n);
	if (kr->kind == KEYRING_SPLIT && kr->n > 0) {
		(void)biggest(kr, &size);
		return size > 1;
	}
	return true;
}

void
keyring_add(struct keyring *kr, void *owner, const char *name,
    const struct hash_range *r, uint32_t n)
{
	const struct member *m;
	uint32_t k;

	CHECK_OBJ_NOTNULL(kr, KEYRING_MAGIC);
	m = join(kr, owner, name);
	switch (kr->kind) {
	case KEYRING_HASH:
		ring_add(kr, m);
		break;
	case KEYRING_SPLIT:
		split_add(kr, owner);
		break;
	case KEYRING_FIXED:
		for (k = 0; k < n; k++)
			(void)insert(kr, ceiling(kr, r[k].end), r[k].start,
			    r[k].end, owner);
		break;
	}
}

void
keyring_remove(struct keyring *kr, void *owner)
{
	struct member *m;
	uint32_t i;

	CHECK_OBJ_NOTNULL(kr, KEYRING_MAGIC);
	m = member_of(kr, owner);
	if (m == NULL)
		return;
	switch (kr->kind) {
	case KEYRING_HASH:
		ring_remove(kr, owner);
		break;
	case KEYRING_SPLIT:
		split_remove(kr, owner);
		break;
	case KEYRING_FIXED:
		for (i = kr->n; i-- > 0;)
			if (kr->v[i].owner == owner)
				drop(kr, i);
		break;
	}
	mem_free(m->name);
	*m = kr->members[--kr->members_n];
}

uint32_t
keyring_ranges(
    const struct keyring *kr, const void *owner, struct hash_range **out)
{
	uint32_t i, n = 0, from = 0, last;

	CHECK_OBJ_NOTNULL(kr, KEYRING_MAGIC);
	*out = mem_calloc(kr->n + 1, sizeof **out);
	last = KEYRING_SLOTS - 1;
	for (i = 0; i < kr->n; i++) {
		if (kr->kind == KEYRING_FIXED)
			from = kr->v[i].from;
		else if (kr->kind == KEYRING_HASH && i == 0)
			from = 1;
		if (kr->v[i].owner == owner) {
			(*out)[n].start = from;
			(*out)[n].end = kr->v[i].at < last ? kr->v[i].at : last;
			/* neighbours of one owner are one range */
			if (n > 0 && (*out)[n - 1].end + 1 == from &&
			    kr->kind != KEYRING_FIXED)
				(*out)[n - 1].end = (*out)[n].end;
			else
				n++;
		}
		from = kr->v[i].at + 1;
	}
	/* what is above the last point is the first one's */
	if (kr->kind == KEYRING_HASH && kr->n > 0 && from <= last &&
	    kr->v[0].owner == owner) {
		if (n > 0 && (*out)[n - 1].end + 1 == from)
			(*out)[n - 1].end = last;
		else
			(*out)[n++] = (struct hash_range){ from, last };
	}
	return n;
}
