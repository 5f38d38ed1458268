/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/histo.h"
#include "base/map.h"
#include "base/miniobj.h"

#define LABELS_MAX 4096u

struct histos {
	unsigned magic;
#define HISTOS_MAGIC 0x4157065a
	struct map by_key[H__MAX]; /* the owner's */
	_Atomic(struct histo *) rows[H__MAX]; /* newest first */
	struct histo *over[H__MAX]; /* for all others; NULL: not yet */
};

struct kind {
	const char *name, *help;
	double scale;
	unsigned bounds_n;
	uint64_t bounds[HISTO_BUCKETS_MAX];
};

#define BOUNDS(...)                                               \
	(sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t)), \
	{                                                         \
		__VA_ARGS__, UINT64_MAX                           \
	}

static const struct kind kinds[H__MAX] = {
#define HISTO(name, prom, help, scale, ...) \
	[H_##name] = { prom, help, scale, BOUNDS(__VA_ARGS__) },
#include "base/tbl/histo.h"
#undef HISTO
};

/* --- life ------------------------------------------------------------------- */

struct histos *
histos_new(uint64_t seed)
{
	struct histos *hs;
	int k;

	ALLOC_OBJ(hs, HISTOS_MAGIC);
	for (k = 0; k < H__MAX; k++) {
		map_init(&hs->by_key[k], seed, HISTO_ROWS_MAX);
		atomic_init(&hs->rows[k], NULL);
	}
	return hs;
}

void
histos_free(struct histos **hsp)
{
	struct histo *h, *next;
	struct histos *hs;
	int k;

	TAKE_OBJ_NOTNULL(hs, hsp, HISTOS_MAGIC);
	for (k = 0; k < H__MAX; k++) {
		h = atomic_load_explicit(&hs->rows[k], memory_order_relaxed);
		for (; h != NULL; h = next) {
			next = h->next;
			mem_free(h->key);
			mem_free(h->labels);
			mem_free(h);
		}
		map_fini(&hs->by_key[k]);
	}
	FREE_OBJ(hs);
}

/* --- rows ------------------------------------------------------------------- */

static struct histo *
row_new(struct histos *hs, enum histo_kind kind, struct str key,
    histo_labels_f *f, const void *priv)
{
	struct strbuf sb;
	struct histo *h;

	h = mem_zalloc(sizeof *h);
	h->bounds = kinds[kind].bounds;
	h->key = mem_strndup(key.p, key.len);
	h->key_len = key.len;
	strbuf_init(&sb, LABELS_MAX);
	f(&sb, priv);
	assert(strbuf_err(&sb) == ERR_OK);
	h->labels = strbuf_take(&sb);
	strbuf_fini(&sb);
	h->next = atomic_load_explicit(&hs->rows[kind], memory_order_relaxed);
	/* who reads it sees all of the row */
	atomic_store_explicit(&hs->rows[kind], h, memory_order_release);
	return h;
}

static void
over_labels(struct strbuf *sb, const void *priv)
{
	(void)priv;
	prom_label(sb, "otel_metric_overflow", "true");
}

struct histo *
histo_row(struct metrics *m, enum histo_kind kind, struct str key,
    histo_labels_f *f, const void *priv)
{
	struct histos *hs;
	struct histo *h;

	if (m == NULL)
		return NULL;
	hs = m->histos;
	CHECK_OBJ_NOTNULL(hs, HISTOS_MAGIC);
	h = map_get(&hs->by_key[kind], key.p, key.len);
	if (likely(h != NULL))
		return h;
	if (hs->by_key[kind].n >= HISTO_ROWS_MAX) {
		if (hs->over[kind] == NULL)
			hs->over[kind] =
			    row_new(hs, kind, STR_NONE, over_labels, NULL);
		return hs->over[kind];
	}
	h = row_new(hs, kind, key, f, priv);
	if (map_add(&hs->by_key[kind], h->key, h->key_len, h) != ERR_OK)
		WRONG("a row that was not there, or more of them than fit");
	return h;
}

/* --- text ------------------------------------------------------------------- */

struct sum {
	const char *labels;
	uint64_t sum, n[HISTO_BUCKETS_MAX];
};

static void
add(struct map *sums, const struct histo *h, const struct kind *k)
{
	size_t len = strlen(h->labels);
	struct sum *s = map_get(sums, h->labels, len);
	unsigned i;

	if (s == NULL) {
		s = mem_zalloc(sizeof *s);
		s->labels = h->labels;
		if (map_add(sums, s->labels, len, s) != ERR_OK)
			WRONG("rows without end");
	}
	s->sum += atomic_load_explicit(&h->sum, memory_order_relaxed);
	for (i = 0; i <= k->bounds_n; i++)
		s->n[i] += atomic_load_explicit(&h->n[i], memory_order_relaxed);
}

static void
begin(struct strbuf *sb, const struct kind *k, const char *part,
    const struct sum *s, const char *const *common)
{
	strbuf_adds(sb, k->name);
	strbuf_adds(sb, part);
	strbuf_adds(sb, s->labels);
	for (; *common != NULL; common += 2)
		prom_label(sb, common[0], common[1]);
}

static void
row_text(struct strbuf *sb, const struct kind *k, const struct sum *s,
    const char *const *common)
{
	uint64_t n = 0;
	char le[32];
	unsigned i;

	for (i = 0; i <= k->bounds_n; i++) {
		n += s->n[i];
		begin(sb, k, "_bucket", s, common);
		if (i < k->bounds_n)
			(void)snprintf(le, sizeof le, "%.1f",
			    (double)k->bounds[i] / k->scale);
		prom_label(sb, "le", i < k->bounds_n ? le : "+Inf");
		prom_end_i64(sb, (int64_t)n);
	}
	begin(sb, k, "_count", s, common);
	prom_end_i64(sb, (int64_t)n);
	begin(sb, k, "_sum", s, common);
	prom_end_double(sb, (double)s->sum / k->scale);
}

void
histo_text(struct strbuf *sb, struct metrics *const *m, size_t n,
    enum histo_kind kind, const char *const *common)
{
	const struct kind *k = &kinds[kind];
	const struct histo *h;
	struct map sums;
	struct sum *s;
	size_t i;

	map_init(&sums, 0, (size_t)1 << 30);
	for (i = 0; i < n; i++) {
		h = atomic_load_explicit(
		    &m[i]->histos->rows[kind], memory_order_acquire);
		for (; h != NULL; h = h->next)
			add(&sums, h, k);
	}
	prom_head(sb, k->name, METRIC_HISTOGRAM, k->help);
	while ((s = map_pop(&sums)) != NULL) {
		row_text(sb, k, s, common);
		mem_free(s);
	}
	map_fini(&sums);
}
