/* SPDX-License-Identifier: Apache-2.0 */
/*
 * light.h - light queues: a message that names some of them in
 * INNER_MULTI_DISPATCH is stored once, in its own topic, and stands in each of
 * them as a reference. A light queue is a topic of the core, "%LMQ%x", that holds
 * nothing but references; there may be very many, and one that nobody uses is on
 * disk only.
 *
 * A send (light.c) reserves a place in each queue, writes the offsets that it got
 * into the record (INNER_MULTI_QUEUE_OFFSET), stores it, and fills the places. It
 * is answered when all of that is durable, so nothing that was answered is lost by
 * a crash; of one that was not answered the record may be stored and references
 * to it not. What fails leaves a marker in its places. A delayed or half message
 * goes through the same when it is due or committed.
 *
 * What a read or lease brings of a light queue (light_read.c) is looked up before
 * anybody sees it. A reference whose record has gone, by its topic's retention or
 * with its topic, is passed over.
 *
 * Shard's thread only.
 */
#ifndef ROCKETMQ_LIGHT_H
#define ROCKETMQ_LIGHT_H

#include "rocketmq/send.h"

/* Are there light queues among the names (INNER_MULTI_DISPATCH) that a message to
 * that topic was sent with? */
bool rmq_light_named(const struct rmq *, struct str topic, struct str names);
/* Could they all be light queues' names? */
bool rmq_light_names_ok(struct rmq *, const struct rmq_message *m);
/* May whoever sent it send to all of them (rmq_gate_light)? False: answered. */
bool rmq_light_may(
    struct rmq_session *, const struct rmq_req *, const struct rmq_message *m);
/* Stores m in its topic, which is there, and in those queues; answered as
 * rmq_store() with rmq_sent(). */
void rmq_light_send(
    struct rmq_session *, const struct rmq_req *, const struct rmq_message *m);
/*
 * A staged message that is to be appended now, as record, to its queue (full name)
 * and its light queues, and is then staged no more; a crash in between appends it
 * twice. ref: who ends its transaction and is answered; NULL: it was delayed and
 * is due, and comes again if that fails. false: it names none, nothing was done.
 */
bool rmq_light_staged(struct rmq *, const struct rmq_ref *ref,
    struct str target, uint64_t locator, struct slice record,
    const struct attr *);

/* Takes an answer that holds references: it comes again (rmq_fx_give()) with what
 * they refer to, under its own indexes, and flag set: bodies may be more than was
 * asked for. What would be far too much is cut off (FX_ENTRIES) or goes back
 * (FX_LEASES). false: it holds none. */
bool rmq_light_resolve(struct rmq *, struct fx **);

#endif
