/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "base/vas.h"
#include "os/clock.h"

static int64_t
now_ns(clockid_t id)
{
	struct timespec ts;

	AZ(clock_gettime(id, &ts));
	return ts.tv_sec * CLOCK_NS_PER_S + ts.tv_nsec;
}

int64_t
clock_mono_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

int64_t
clock_wall_ms(void)
{
	return now_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS;
}

int64_t
clock_cpu_ns(void)
{
	return now_ns(CLOCK_PROCESS_CPUTIME_ID);
}
