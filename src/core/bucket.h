/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bucket.h - a token bucket: so many tokens come each period, and no more than that
 * are kept. More may be taken than there are; the debt is paid first, by time. Times
 * are the core's monotonic ns.
 *
 * It is kept as the time at which the bucket will be full, so that nothing has to be
 * refilled and a take is one multiplication.
 */
#ifndef CORE_BUCKET_H
#define CORE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* a debt is never longer; what is far beyond it is as good as for ever */
#define BUCKET_DEBT_MAX_NS (INT64_MAX / 4)

struct bucket {
	int64_t rate; /* tokens a period; <= 0: no limit, it is never empty */
	int64_t period_ns;
	double token_ns; /* that one takes to come */
	int64_t full_ns;
};

/* Full; the same numbers as before change nothing. */
static inline void
bucket_set(struct bucket *b, int64_t rate, int64_t period_ns)
{
	if (rate == b->rate && period_ns == b->period_ns)
		return;
	*b = (struct bucket){ .rate = rate,
		.period_ns = period_ns,
		.token_ns = rate > 0 ? (double)period_ns / (double)rate : 0,
		.full_ns = INT64_MIN };
}

/* Another rate of the same bucket: what was taken counts. */
static inline void
bucket_adjust(struct bucket *b, int64_t rate, int64_t period_ns)
{
	struct bucket was = *b;

	bucket_set(b, rate, period_ns);
	if (was.rate > 0 && was.period_ns == period_ns)
		b->full_ns = was.full_ns;
}

static inline void
bucket_take(struct bucket *b, int64_t now_ns, uint64_t n)
{
	double cost = b->token_ns * (double)n;

	if (b->full_ns < now_ns)
		b->full_ns = now_ns;
	if (cost < (double)(BUCKET_DEBT_MAX_NS - (b->full_ns - now_ns)))
		b->full_ns += (int64_t)(cost + 0.5);
	else
		b->full_ns = now_ns + BUCKET_DEBT_MAX_NS;
}

/* Is a token there? Half of one will do, against rounding. */
static inline bool
bucket_has(const struct bucket *b, int64_t now_ns)
{
	return b->rate <= 0 || b->full_ns <= now_ns ||
	    b->full_ns - now_ns <= b->period_ns - (int64_t)(b->token_ns / 2);
}

/* ns until one is, and some more, so that who waits is not woken for each. */
static inline int64_t
bucket_wait(const struct bucket *b, int64_t now_ns)
{
	if (bucket_has(b, now_ns))
		return 0;
	return b->full_ns - now_ns - b->period_ns + b->period_ns / 100 +
	    (int64_t)b->token_ns + 1;
}

#endif
