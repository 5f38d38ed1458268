/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - is the connection of a session still alive?
 *
 * A producer or consumer that wants the place of one which seems connected
 * makes the core ask: FX_PROBE goes to the session, which pings its client and
 * answers OP_PROBED. No answer in PROBE_TIMEOUT_NS counts as dead, as under
 * Pulsar (connectionLivenessCheckTimeoutMillis). Shard's thread only.
 */
#ifndef CORE_PROBE_H
#define CORE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/op.h"

struct core;

#define PROBE_TIMEOUT_NS INT64_C(5000000000)

/* done runs once, never from inside the call: the waiter looks up again what
 * it needs (the object asked about may have gone). */
typedef void probe_done_f(struct core *, void *priv, bool alive);

void probe_start(struct core *, struct dest, probe_done_f *, void *priv);
void probe_answered(struct core *, struct op **); /* OP_PROBED */
/* At core_free: drops what is waiting, calling done(alive = true). */
void probe_fini(struct core *);

#endif
