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

#include <stdatomic.h>
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

/* full_ns after n were taken. */
static inline int64_t
bucket_after(
    const struct bucket *b, int64_t full_ns, int64_t now_ns, uint64_t n)
{
	double cost = b->token_ns * (double)n;

	if (full_ns < now_ns)
		full_ns = now_ns;
	if (cost < (double)(BUCKET_DEBT_MAX_NS - (full_ns - now_ns)))
		return full_ns + (int64_t)(cost + 0.5);
	return now_ns + BUCKET_DEBT_MAX_NS;
}

/* Is a token there? Half of one will do, against rounding. */
static inline bool
bucket_has_at(const struct bucket *b, int64_t full_ns, int64_t now_ns)
{
	return b->rate <= 0 || full_ns <= now_ns ||
	    full_ns - now_ns <= b->period_ns - (int64_t)(b->token_ns / 2);
}

/* From when on a whole one is, if nobody takes any. */
static inline int64_t
bucket_ready_at(const struct bucket *b, int64_t full_ns)
{
	int64_t ahead = b->period_ns - (int64_t)b->token_ns;

	if (b->rate <= 0 || (ahead > 0 && full_ns < INT64_MIN + ahead))
		return INT64_MIN;
	return full_ns - ahead;
}

/* ns until one is, and some more, so that who waits is not woken for each. */
static inline int64_t
bucket_wait_at(const struct bucket *b, int64_t full_ns, int64_t now_ns)
{
	if (bucket_has_at(b, full_ns, now_ns))
		return 0;
	return full_ns - now_ns - b->period_ns + b->period_ns / 100 +
	    (int64_t)b->token_ns + 1;
}

static inline void
bucket_take(struct bucket *b, int64_t now_ns, uint64_t n)
{
	b->full_ns = bucket_after(b, b->full_ns, now_ns, n);
}

static inline bool
bucket_has(const struct bucket *b, int64_t now_ns)
{
	return bucket_has_at(b, b->full_ns, now_ns);
}

static inline int64_t
bucket_wait(const struct bucket *b, int64_t now_ns)
{
	return bucket_wait_at(b, b->full_ns, now_ns);
}

/*
 * One that several threads take from; zeroed it is full. Each thread has the rate in a
 * struct bucket of its own, whose full_ns says nothing. A take is one relaxed
 * compare-and-swap, a question one relaxed load; the threads' times may differ by as
 * much as a turn of a loop takes.
 */
struct bucket_shared {
	_Atomic int64_t full_ns;
};

static inline int64_t
bucket_shared_full(const struct bucket_shared *s)
{
	return atomic_load_explicit(&s->full_ns, memory_order_relaxed);
}

static inline void
bucket_shared_refill(struct bucket_shared *s)
{
	atomic_store_explicit(&s->full_ns, INT64_MIN, memory_order_relaxed);
}

/* Returns the full_ns that it had: who took, took it behind all that is paid by then. */
static inline int64_t
bucket_shared_take(
    struct bucket_shared *s, const struct bucket *b, int64_t now_ns, uint64_t n)
{
	int64_t was;

	if (b->rate <= 0)
		return INT64_MIN;
	was = bucket_shared_full(s);
	while (!atomic_compare_exchange_weak_explicit(&s->full_ns, &was,
	    bucket_after(b, was, now_ns, n), memory_order_relaxed,
	    memory_order_relaxed))
		;
	return was;
}

/* n that were taken and not used come back. */
static inline void
bucket_shared_return(
    struct bucket_shared *s, const struct bucket *b, uint64_t n)
{
	int64_t was, cost = bucket_after(b, 0, 0, n);

	if (b->rate <= 0)
		return;
	was = bucket_shared_full(s);
	while (!atomic_compare_exchange_weak_explicit(&s->full_ns, &was,
	    was < INT64_MIN + cost ? INT64_MIN : was - cost,
	    memory_order_relaxed, memory_order_relaxed))
		;
}

#endif
