/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reads.h - OP_READ_AT: reading a topic at an index, without a subscription.
 *
 * A read looks at entries in order, first in the engine's memory, then with a
 * reader of its own. What was found is answered at once: one that meets the disk
 * after it has found something does not wait for it. The reader stays for a while
 * where the read has ended (a spot), since the next one usually goes on there: so
 * reads that follow each other through a backlog find the blocks that were
 * fetched ahead. A topic has at most SPOTS_MAX of them; the oldest idle one is
 * taken when all are used, and a read waits in line when all are at work.
 *
 * A read that finds nothing up to the end waits at the topic, if it asked for
 * that. Each time something is stored it looks at what came, in memory and by
 * attributes only; topics at which nothing waits pay a comparison.
 *
 * Shard's thread only.
 */
#ifndef CORE_READS_H
#define CORE_READS_H

#include "core/core_priv.h"

/* entries that one read passes over without a match before it answers */
#define READ_SCAN_MAX 4096u

void core_reads_init(struct core *);
void core_reads_fini(struct core *);

/* OP_READ_AT, a topic_go_f */
void read_at(struct topic *, struct op **);
/* OP_READ_CANCEL, a core_op_f: no topic is loaded for it */
void read_cancel(struct core *, struct op **);

/* Is op a read that OP_READ_CANCEL by means? */
bool op_cancels(const struct op *by, const struct op *op);

/* Something was stored, or the next ledger stands. The topic is pinned. */
void reads_notify(struct topic *);
/* Reads are under way, or wait. */
bool reads_any(const struct topic *);
/* The topic closes: they are answered with this error. */
void reads_end(struct topic *, enum err);
/* core_free: nobody is answered; the topic's memory for reads goes. */
void reads_drop(struct topic *);

#endif
