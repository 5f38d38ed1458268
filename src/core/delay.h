/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delay.h - entries of a topic that are to be delivered later (attr.deliver_at_ms).
 *
 * They lie in their topic like any other; Exclusive and Failover get them at once.
 * Shared and Key_Shared subscriptions pass over them, neither acknowledging nor
 * leasing them, and get them when they are due. One index (due.h) serves all
 * subscriptions of the topic, beside it stands the set of the positions that wait,
 * so that a reader passes over them without reading them, also after a restart: the
 * set is on disk, written in the same batches as the index.
 *
 * What the index does not know (the last second before a crash, entries of another
 * time) a reader meets sooner or later: then it is put into the index. So nothing
 * of a topic is read for the index alone.
 *
 * Switched off (core_conf.delayed): entries are delivered at once.
 *
 * Shard's thread only.
 */
#ifndef CORE_DELAY_H
#define CORE_DELAY_H

#include "base/err.h"
#include "store/entry.h"

struct topic;
struct sub;

enum delay_met {
	DELAY_NOT, /* it is to be delivered now */
	DELAY_LATER, /* sub_due() comes */
	DELAY_FULL, /* it is not, and can't be noted now: the subscription is
			kicked when it can */
};

/* LOADING: takes up what is on disk; done may run at once. An error is one of the
 * metadata. */
void delay_load(struct topic *, void (*done)(struct topic *, enum err));
/* An entry was stored that is not due. */
void delay_stored(struct topic *, struct pos, int64_t deliver_at_ms);
/* A reader of such a subscription came to an entry. */
enum delay_met delay_meet(struct topic *, const struct entry *);
/* First position at or after p that does not wait. */
struct pos delay_skip(const struct topic *, struct pos p);
/* Entries that wait and that the subscription has not acknowledged. */
uint64_t delay_count(const struct sub *);
/* With the topic's memory, or for good. */
void delay_free(struct topic *);
void delay_forget(struct topic *);

#endif
