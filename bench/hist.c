/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "bench/hist.h"

static unsigned
bucket(int64_t ns)
{
	uint64_t v = (uint64_t)ns;
	unsigned shift;

	if (v < HIST_STEPS)
		return (unsigned)v;
	shift = 63u - (unsigned)__builtin_clzll(v) - HIST_BITS;
	return (shift + 1) * HIST_STEPS + (unsigned)((v >> shift) - HIST_STEPS);
}

/* the largest value that falls into the bucket */
static int64_t
upper(unsigned i)
{
	unsigned shift;

	if (i < HIST_STEPS)
		return i;
	shift = i / HIST_STEPS - 1;
	return (int64_t)(((uint64_t)(i % HIST_STEPS) + HIST_STEPS + 1)
		   << shift) -
	    1;
}

void
hist_add(struct hist *h, int64_t ns, uint64_t times)
{
	if (ns < 0)
		ns = 0;
	if (ns > h->max_ns)
		h->max_ns = ns;
	h->n += times;
	h->sum_ns += (double)ns * (double)times;
	h->count[bucket(ns > HIST_MAX_NS ? HIST_MAX_NS : ns)] += times;
}

void
hist_clear(struct hist *h)
{
	memset(h, 0, sizeof *h);
}

int64_t
hist_percentile(const struct hist *h, double percent)
{
	uint64_t want, seen = 0;
	int64_t v;
	unsigned i;

	if (h->n == 0)
		return 0;
	want = (uint64_t)ceil((double)h->n * percent / 100.0);
	if (want == 0)
		want = 1;
	for (i = 0; i < HIST_BUCKETS; i++) {
		seen += h->count[i];
		if (seen >= want) {
			v = upper(i);
			return v < h->max_ns ? v : h->max_ns;
		}
	}
	return h->max_ns;
}

double
hist_mean_ns(const struct hist *h)
{
	return h->n == 0 ? 0 : h->sum_ns / (double)h->n;
}
