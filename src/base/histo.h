/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms with labels, for Prometheus; tbl/histo.h has their kinds.
 *
 * They belong to a struct metrics, hence to one shard, which alone writes; anybody
 * may read. A kind has a row for each key, which is made when it is first asked
 * for and stays until the struct metrics is freed: whoever counts may keep it.
 * Counting allocates nothing and takes no locked instruction.
 *
 * At most HISTO_ROWS_MAX rows of a kind: what comes after them is counted in one
 * row for all, labelled otel_metric_overflow="true" as OpenTelemetry does.
 */
#ifndef BASE_HISTO_H
#define BASE_HISTO_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/metrics.h"
#include "base/str.h"

enum histo_kind {
#define HISTO(name, ...) H_##name,
#include "base/tbl/histo.h"
#undef HISTO
	H__MAX
};

#define HISTO_BUCKETS_MAX 10u
#define HISTO_ROWS_MAX 8192u

struct histo {
	struct histo *next;
	const uint64_t *bounds; /* the last one is UINT64_MAX */
	char *key, *labels;
	size_t key_len;
	_Atomic uint64_t sum;
	_Atomic uint64_t n[HISTO_BUCKETS_MAX];
};

/* Writes a row's labels by prom_label(). */
typedef void histo_labels_f(struct strbuf *, const void *priv);

/* The row of a key, made with the labels that f writes if there is none; on the
 * owner's thread. NULL for metrics that are NULL. */
struct histo *histo_row(struct metrics *, enum histo_kind, struct str key,
    histo_labels_f *f, const void *priv);

static inline void
histo_bump(_Atomic uint64_t *v, uint64_t n)
{
	atomic_store_explicit(v,
	    atomic_load_explicit(v, memory_order_relaxed) + n,
	    memory_order_relaxed);
}

/* on the owner's thread */
static inline void
histo_add(struct histo *h, uint64_t v)
{
	unsigned i = 0;

	while (v > h->bounds[i])
		i++;
	histo_bump(&h->n[i], 1);
	histo_bump(&h->sum, v);
}

/* Rows of all n owners, those with the same labels summed; each sample has the
 * labels of `common`, pairs of name and value up to a NULL, too. Any thread. */
void histo_text(struct strbuf *, struct metrics *const *, size_t n,
    enum histo_kind, const char *const *common);

/* for metrics_new() and metrics_free() */
struct histos *histos_new(uint64_t seed);
void histos_free(struct histos **);

#endif
