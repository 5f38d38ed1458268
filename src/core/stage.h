/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage.h - staged entries: stored outside of their topic until they are due, or
 * until somebody says what becomes of them.
 *
 * A staged entry lies, in an envelope (stage_env.h), in a staging log: a topic
 * persistent://pulsar/system/__staging-<shard>-<class> of the target's shard. The
 * log's one durable cursor says what is still staged: what is not acknowledged.
 * So what is staged has the durability, the recovery and the limits of any entry,
 * and outlives its target's retention, which begins with the append.
 *
 * A log's space comes back ledger by ledger from the front. Entries that are due
 * soon would be held by those that are due late, so there is a log for each class
 * of horizon. The bounds of a class are a factor of 8 apart at most, up to 30 days:
 * as long as entries come, no more than about 8 times of what is staged is kept.
 *
 * When they are due is in an index (due.h), written behind the log: each batch
 * says how far in every log it came, and what lies behind that is read again after
 * a crash, and only that.
 *
 * STAGE_APPEND: when it is due it is appended to its target, in order of due time,
 * then of staging; hundreds that are due at once, in the order in which they lie
 * (stage_bulk.c). That it is acknowledged in the staging log rides with the entry
 * (append_with() of struct ledger_ops), so it is appended once, whatever crashes;
 * with an engine that has no riders, a crash in between appends it once more. If its
 * target is gone or takes nothing any more it is dropped and counted; if the target
 * can't be had for now it is put off.
 * STAGE_NOTIFY: FX_STAGE_DUE, and it stays staged.
 *
 * After a change of the number of shards the staging logs of a shard that is no
 * more are taken up by another, and what is due for a topic elsewhere is staged
 * anew there (OP_STAGE from core to core). Those are two logs: a crash before the
 * first one's acknowledgement is durable leaves both, and it is appended twice.
 *
 * Cost: an envelope and a job are allocated for each staged entry. What is read
 * ahead of the appends is bounded by entries and by bytes (stage_release.c).
 *
 * Shard's thread only.
 */
#ifndef CORE_STAGE_H
#define CORE_STAGE_H

#include "core/op.h"

struct core;
struct topic;
struct stage_log;

/* Is this topic's full name that of a staging log? Pure, any thread. */
bool stage_is_log(struct str full);
/* The OP_STAGE_* */
void stage_op(struct core *, struct op **);
/* Takes up the staging logs that are there: the first event of the core. */
void stages_boot(struct core *);
/* One turn of appends; true: more could be done at once. */
bool stages_run(struct core *);
bool stages_ready(const struct core *); /* a turn has something to do */
/* Nothing of it is under way (draining). */
bool stages_idle(const struct core *);
/* What answers an op of the core's own; does not take it. */
void stage_answered(struct core *, const struct fx *);
/* core_free: before and after the topics are freed */
void stages_stop(struct core *);
void stages_free(struct core *);
/* The topic of a log leaves memory. */
void stage_log_gone(struct stage_log *);

struct stage_stats {
	uint64_t staged; /* waiting */
	uint64_t appended, notified, dropped, put_off, recalled, resolved;
	int64_t late_ms; /* the longest that one was appended after its time */
};
void stages_stats(const struct core *, struct stage_stats *);

#endif
