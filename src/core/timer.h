/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.h - the core's timers: a heap of embedded timers on the core's own time
 * (monotonic ns given by events). Functions run from core_poll(). A timer that
 * is set again is moved. Shard's thread only.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

typedef void timer_f(void *priv);
struct timer {
	int64_t due_ns;
	timer_f *f;
	void *priv;
	uint32_t slot; /* 0: not set */
};
struct timers;

struct timers *timers_new(void);
void timers_free(struct timers **);
void timer_init(struct timer *, timer_f *, void *priv);
void timer_set(struct timers *, struct timer *, int64_t due_ns);
void timer_cancel(struct timers *, struct timer *);
bool timer_is_set(const struct timer *);
/* Runs what is due, at most max; returns the next due time, INT64_MAX: none. */
int64_t timers_run(struct timers *, int64_t now_ns, unsigned max);

#endif
