/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log-linear histogram of nanoseconds: each power of two is cut into
 * HIST_STEPS equal buckets, so that a value is off by less than 1 % at any
 * size, in 40 KiB. Values above HIST_MAX_NS count as HIST_MAX_NS; the largest,
 * the number and the sum are kept exactly. One thread.
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

#define HIST_BITS 7
#define HIST_STEPS (1 << HIST_BITS)
#define HIST_MAX_NS ((INT64_C(1) << 43) - 1) /* 2.4 hours */
#define HIST_BUCKETS ((43 - HIST_BITS + 1) * HIST_STEPS)

struct hist {
	uint64_t count[HIST_BUCKETS];
	uint64_t n;
	double sum_ns;
	int64_t max_ns;
};

/* `times` measurements of the same value; negative ones count as 0 */
void hist_add(struct hist *h, int64_t ns, uint64_t times);
void hist_clear(struct hist *h);
/*
 * The value that `percent` of the measurements don't exceed: the upper end of
 * its bucket, but never more than the largest. 0 if there are none.
 */
int64_t hist_percentile(const struct hist *h, double percent);
double hist_mean_ns(const struct hist *h);

#endif
