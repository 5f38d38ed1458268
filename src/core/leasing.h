/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leasing.h - OP_LEASE, OP_LEASE_END, OP_LEASE_EXTEND: entries of a subscription
 * leased for a time (core/term.h), and who waits for some.
 *
 * Leases stand in line; the line runs with the subscription (sub_run), so what is
 * stored, comes back or falls due wakes it by sub_kick(). Only the line leases, so
 * one that was woken twice has leased once. Who is first gets what there is.
 *
 * Entries are looked for in three places, in this order: those that came back, those
 * that an earlier lease left (only others want them) or that a consumer has given
 * back, and new ones, from terms.next on. Everything before that is acknowledged,
 * leased, put off (core/delay.h), or one of the first two.
 *
 * It is there from the first OP_LEASE, or while something is out. Shard's thread
 * only.
 */
#ifndef CORE_LEASING_H
#define CORE_LEASING_H

#include "core/core_priv.h"

/* The subscription stands. */
void leasing_op(struct sub *, struct op **);
/* There is no subscription of that name; OP_LEASE: it may be made. */
void leasing_make(struct topic *, struct op **);
/* Its cursor was taken up: what is out comes back at its time. */
void leasing_loaded(struct sub *);

/* Somebody waits for entries. */
bool leasing_waits(const struct sub *);
/* One quantum; true: more could be done at once. */
bool leasing_run(struct sub *);

/* The entry is out: for a consumer's dispatcher to pass over. */
bool leasing_holds(const struct sub *, struct pos);
/* how often it was delivered to those that lease it */
uint32_t leasing_redeliveries(const struct sub *, struct pos);
/* A consumer's lease has ended without an ack, or the entry is due by now. */
void leasing_freed(struct sub *, struct pos);
/* Is something out, or waited for? Others than Shared consumers can't be served. */
bool leasing_any(const struct sub *);

/* OP_READ_CANCEL */
void leasing_cancel(struct topic *, const struct op *by);
/* Who waits is answered with this error. */
void leasing_fail(struct sub *, enum err);
/* Readers that nobody has used for a while go. */
void leasing_tick(struct sub *);
/* With the subscription; who waits is answered ERR_NOT_READY. */
void leasing_free(struct sub *);

#endif
