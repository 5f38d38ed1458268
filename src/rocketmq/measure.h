/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure.h - what RocketMQ's exporter has as histograms (RIP-46), counted in the
 * shard's metrics (base/histo.h); doc/rocketmq-metrics.md says what each is.
 *
 * All of it is two additions to a row that is at hand or found by a key; a clock
 * is not read, times are those of iterations of the loop. Where no metrics are kept
 * rows are NULL, and counting does nothing. Shard's thread only.
 */
#ifndef ROCKETMQ_MEASURE_H
#define ROCKETMQ_MEASURE_H

#include "base/histo.h"
#include "rocketmq/send.h"

void rmq_measure_init(struct rmq *);
void rmq_measure_fini(struct rmq *);

/* The answer to a request begins. */
void rmq_measure_answer(struct rmq *, const struct rmq_ref *, int code);

/* Where sizes of such messages of the topic are counted; NULL: they aren't, for it
 * is one of retries or dead letters. */
struct histo *rmq_measure_size_row(
    struct rmq_topic *, const struct rmq_msg_props *);
/* Bytes of the record of messages_n messages */
static inline void
rmq_measure_size(struct histo *h, uint64_t bytes, uint32_t messages_n)
{
	if (h != NULL)
		histo_add(h, messages_n > 1 ? bytes / messages_n : bytes);
}

/* A message is delayed until then; both are wall times. */
struct histo *rmq_measure_delay_row(struct rmq *, struct str topic);
/* A half message that was made then was committed. */
struct histo *rmq_measure_finish_row(struct rmq *, struct str topic);
static inline void
rmq_measure_ms(struct histo *h, int64_t from_ms, int64_t to_ms)
{
	/* a client's clock may be ahead of ours */
	if (h != NULL)
		histo_add(h, to_ms > from_ms ? (uint64_t)(to_ms - from_ms) : 0);
}

#endif
