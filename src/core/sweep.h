/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep: topics that are not in memory are looked through for what their retention
 * lets go, since only a loaded topic ends and drops ledgers. A pass over all
 * topics' records begins a minute after the start and then each time a ledger could
 * have come to its end by age (ledger_max_roll_ms), at SWEEP_PAGE records a
 * second; a topic of the shard whose record has more than the ledger it would be
 * left with anyway is loaded, which trims it, and leaves again when it is idle.
 *
 * Threads: the core's. Errors: a list that fails is begun again a second later; a
 * topic that can't be loaded is passed over until the next pass.
 */
#ifndef CORE_SWEEP_H
#define CORE_SWEEP_H

#include "core/op.h"

#define SWEEP_PAGE 32u
#define SWEEP_TAG 16u /* of its ops: not one of enum stage_tag */

struct core;
struct sweep;

struct sweep *sweep_new(struct core *);
void sweep_start(struct sweep *); /* with the core's first event */
void sweep_answered(struct sweep *, const struct fx *);
void sweep_free(struct sweep **); /* before the core's timers */

#endif
