/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters.h - what a shard's parts count by themselves goes into its struct
 * metrics once a second, on the shard's thread; /metrics reads it there.
 */
#ifndef BROKER_COUNTERS_H
#define BROKER_COUNTERS_H

#include "broker/shard.h"

void counters_copy(struct shard *);

#endif
