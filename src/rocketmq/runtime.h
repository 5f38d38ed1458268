/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.h - figures of a shard over time, for GET_BROKER_RUNTIME_INFO, and
 * what of the configuration was changed over the wire.
 */
#ifndef ROCKETMQ_RUNTIME_H
#define ROCKETMQ_RUNTIME_H

#include "rocketmq/rmq_priv.h"

#define RATES_N 61u /* samples of 10 s: 10 minutes */

struct rmq_rates {
	struct {
		int64_t put, get;
	} v[RATES_N];
	unsigned head, n; /* the last one; how many */
	unsigned seconds; /* since then */
	int64_t day; /* since 1970 */
	/* totals when the day, and the one before, began */
	int64_t put_today, get_today, put_yesterday, get_yesterday;
};

void rmq_rates_tick(struct rmq *); /* each second */
/* Reads what was set before; until that is there the file counts. */
void rmq_config_load(struct rmq *);

#endif
