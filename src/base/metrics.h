/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters and their text for Prometheus.
 *
 * A struct metrics belongs to one shard (or one other thread), which alone
 * writes it, without a locked instruction; anybody may read it. The scrape
 * sums those of all shards. Gauges are written by adding +1 and -1, so that a
 * sum over shards is right even if an object dies on another shard than it
 * was born on.
 *
 * metrics_text writes everything in tbl/metrics.h. prom_* write what else is
 * exposed (numbers of topics and subscriptions): prom_head once per name, then
 * one prom_begin, prom_label..., prom_end for each sample. Histograms are
 * histo.h's.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum metric {
#define METRIC(name, type, prom, help) M_##name,
#define METRIC_OF(name, type, prom, label, help) M_##name,
#include "base/tbl/metrics.h"
	M__MAX
};

enum metric_type {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_MAX, /* a gauge of which the largest of all owners counts */
	METRIC_HISTOGRAM /* histo.h; not of struct metrics' counters */
};

struct metrics {
	/* no two shards on one cache line */
	_Alignas(64) _Atomic int64_t v[M__MAX];
	struct histos *histos; /* histo.h */
};

/* on the owner's thread */
static inline void
metrics_add(struct metrics *m, enum metric id, int64_t n)
{
	int64_t v = atomic_load_explicit(&m->v[id], memory_order_relaxed);

	atomic_store_explicit(&m->v[id], v + n, memory_order_relaxed);
}

static inline void
metrics_inc(struct metrics *m, enum metric id)
{
	metrics_add(m, id, 1);
}

static inline void
metrics_dec(struct metrics *m, enum metric id)
{
	metrics_add(m, id, -1);
}

/* What the owner counts elsewhere, copied here from time to time. */
static inline void
metrics_set(struct metrics *m, enum metric id, uint64_t n)
{
	atomic_store_explicit(&m->v[id], (int64_t)n, memory_order_relaxed);
}

/* any thread */
static inline int64_t
metrics_get(const struct metrics *m, enum metric id)
{
	return atomic_load_explicit(&m->v[id], memory_order_relaxed);
}

/* On a cache line of its own. The seed: base/map.h's, for labels of histograms. */
struct metrics *metrics_new(uint64_t seed);
void metrics_free(struct metrics **);
/* one counter over n owners: the sum, or the largest; any thread */
int64_t metrics_sum(struct metrics *const *, size_t n, enum metric);
/* all of them, summed, as Prometheus text; any thread */
void metrics_text(struct strbuf *, struct metrics *const *, size_t n);

const char *metric_name(enum metric);
/* key="value"; NULL: its name is its own */
const char *metric_label(enum metric);
const char *metric_help(enum metric);
enum metric_type metric_type(enum metric);

void prom_head(
    struct strbuf *, const char *name, enum metric_type, const char *help);
/* name, then labels, then the value */
void prom_begin(struct strbuf *, const char *name);
void prom_label(struct strbuf *, const char *key, const char *val);
void prom_end_i64(struct strbuf *, int64_t);
void prom_end_double(struct strbuf *, double);

#endif
