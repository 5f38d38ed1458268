/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the two clocks. Monotonic time is in ns and named mono_ns, wall
 * time is in ms since the epoch and named wall_ms; they are never mixed. Code
 * that runs in a loop reads the loop's cached ones (loop_mono_ns,
 * loop_wall_ms), which cost nothing; these here are for everything else.
 * Any thread, no errors.
 */
#ifndef OS_CLOCK_H
#define OS_CLOCK_H

#include <stdint.h>

#define CLOCK_NS_PER_MS 1000000ll
#define CLOCK_NS_PER_S 1000000000ll

int64_t clock_mono_ns(void);
int64_t clock_wall_ms(void);
/* CPU time of the process (all threads) */
int64_t clock_cpu_ns(void);

#endif
