/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of topics share: topic.c (lookup, ticks), topic_load.c,
 * topic_close.c, topic_ops.c, tlog*.c, reader.c, producer.c, publish.c, core.c.
 *
 * A topic's life: LOADING -> READY -> CLOSING or DELETING -> GONE. It leaves the
 * map when its ledgers and journals have been let go, so that a topic of the
 * same name may be loaded at once, and is freed when nothing is pinned to it.
 */
#ifndef CORE_TOPIC_PRIV_H
#define CORE_TOPIC_PRIV_H

#include "core/core_priv.h"
#include "core/record.h"

/* --- core.c */
/* a topic or an admin op has gone: was it the last one that a drain waits for? */
void core_check_drained(struct core *);

/* --- topic.c */
void topics_tick(struct core *, double seconds);
void topics_free(struct core *); /* at core_free: whatever their state */
void topics_close_all(struct core *);
/* takes the name; in the map, LOADING */
struct topic *topic_new(struct core *, struct topic_name *);
void topic_leave(struct topic *); /* out of the map: GONE, may free it */
/* FX_TOPIC_CHANGED */
void topic_changed(struct core *, struct str name, bool created);
void topic_idle_start(struct topic *); /* READY: its idle timer */

/* --- topic_load.c */
struct topic_waiter {
	struct op *op;
	topic_go_f *go;
	enum topic_create create;
	STAILQ_ENTRY(topic_waiter) link;
};
void topic_load_start(struct topic *);
void topic_load_wait(
    struct topic *, struct op **, enum topic_create, topic_go_f *);
/* the log can be appended to, or can't */
void topic_load_log_done(struct topic *, enum err);
void topic_load_drop(struct topic *); /* core_free */
/* the reads in line that OP_READ_CANCEL means are dropped */
void topic_load_cancel(struct topic *, const struct op *);

/* --- topic_close.c */
/* Starts closing a READY topic. op (may be NULL) is answered at the end; why goes
 * to producers and consumers. */
void topic_unload(struct topic *, struct op **, enum err why);
/* topic_go_f of OP_TOPIC_DELETE */
void topic_delete(struct topic *, struct op **);
/* something that closing waits for has ended */
void topic_close_step(struct topic *);
void topic_close_drop(struct topic *); /* core_free */
/* a durable or any other reason to keep an idle topic */
bool topic_is_idle(const struct topic *);
/* no producers, consumers, subscriptions: may be deleted by itself */
bool topic_is_unused(const struct topic *);
void topic_delete_unused(struct topic *);

/* --- policy.c */
/* What stands before the port of "ip:port"; empty: there is none. */
struct str address_host(struct str);
/* "ip:port" both: of one ip? */
bool same_address(struct str, struct str);
void policy_init(struct policy *, const struct core_conf *);
/* what the namespace's JSON says on top; false: not JSON */
bool policy_apply(
    struct policy *, const struct core_conf *, const void *json, size_t len);
void policy_fini(struct policy *);
/* What counts for it; never NULL. */
const struct limit_value *topic_limit(const struct topic *, enum limit);
/* A count: there is one, and n has got to it. */
bool topic_reaches(const struct topic *, enum limit, uint64_t n);
/* Its own or its namespace's limits may be others now. */
void topic_limits_changed(struct topic *);

/* --- topic_props.c */
/* what of v is there, above what r has */
void topic_own_read(struct topic_own *, const struct prop *v, uint32_t n);
void topic_own_fini(struct topic_own *);
/* base: of the partitioned topic that it is a partition of */
void topic_props_apply(struct topic *, const struct prop *base, uint32_t n);
/* can what they say of what has a meaning here be understood? */
bool props_are_right(const struct prop *, uint32_t n);
/* add over old; an empty value takes the key away; props_free() */
struct prop *props_merge(const struct prop *old, uint32_t old_n,
    const struct prop *add, uint32_t add_n, uint32_t *np);
void topic_props_fini(struct topic *);
core_op_f topic_props_op; /* OP_TOPIC_PROPS_SET */
core_op_f locate_op; /* OP_LOCATE */

/* --- tlog.c */
void tlog_init(struct topic *);
void tlog_fini(struct topic *); /* memory; ledgers were released */
/* takes the list of a record over; the last ledger is not opened yet */
void tlog_adopt(struct topic *, const struct topic_record *);
void tlog_add(struct topic *, struct tledger *);
void tlog_recount(struct topic *);
/* the first n leave; the next commit buries them */
void tlog_cut(struct topic *, uint32_t n);
struct tledger *tlog_find(const struct topic *, uint64_t id);
struct tledger *tlog_last(const struct topic *); /* NULL: no ledgers */
/* the ledger that takes appends now, or NULL (being rolled, terminated) */
struct tledger *tlog_open(const struct topic *);
/* Asks the engine for it unless it is held or asked for; readers and searches of
 * the topic are told when it answers. A user (tl->users) keeps it held. */
void tledger_want(struct topic *, struct tledger *);
/* Lets ledgers go; readers are at their end. del: forgets them in the engine */
void tlog_release(struct topic *, bool del);
/* ends searches that wait, with an error; all: also those that the engine has */
void tlog_finds_end(struct topic *, enum err, bool all);
void tledger_unuse(struct topic *, struct tledger **);
void tlog_ledger_opened(
    void *owner, struct ledger *, const struct ledger_info *, enum err);
void tlog_ledger_appended(void *owner, int64_t first_entry, uint32_t n,
    uint64_t first_index, int64_t store_ms, enum err);
void tlog_ledger_closed(
    void *owner, struct ledger *, const struct ledger_info *, enum err);

/* --- tlog_roll.c */
/* Make or take up the ledger for appends; answers topic_load_log_done(). */
void tlog_start(struct topic *);
/* After an append or a tick: ends the open ledger if it is full or old. */
void tlog_check_roll(struct topic *);
/* Ends the log for good (terminate): done when the record says so. */
void tlog_end(struct topic *, void (*done)(struct topic *, enum err));
/* of a created one */
void tlog_roll_opened(struct topic *, struct tledger *, enum err);
void tlog_roll_retry(struct topic *);
/* It is not deleted after all: a roll that was given up for that goes on */
void tlog_resume(struct topic *);
void tlog_ended(struct topic *);
/* Writes the topic's record; done may be NULL. The topic is pinned meanwhile. */
void tlog_commit(
    struct topic *, bool fresh, void (*done)(struct topic *, enum err));
/* what a transaction has to say of a ledger that goes */
void tlog_bury(struct meta_txn *, uint64_t id);
/* every ledger's owner is written */
bool tlog_is_mapped(const struct topic *);
/* rolling, committing: closing waits */
bool tlog_is_busy(const struct topic *);

/* --- publish.c */
void publish_release(struct topic *); /* a new ledger: what was held goes on */
/* terminated, closing, failed */
void publish_fail_held(struct topic *, enum err);
void publish_forget(struct topic *, const struct producer *); /* it has gone */
void publish_fini(struct topic *);
static inline struct held_publish *
held_at(const struct held_ring *r, uint32_t i)
{
	return &r->v[(r->head + i) & (r->cap - 1)];
}
struct held_publish *held_push(struct held_ring *);
struct held_publish held_pop(struct held_ring *);
void held_fini(struct held_ring *);
void publish_hold(struct held_ring *, const struct pending_publish *,
    topic_rider_f *, const struct attr *, const struct slice *body,
    int64_t until_ns);
/* What pubrate_publish() has kept goes on, or is refused; takes the body. */
void publish_late(struct topic *, struct held_publish *, enum err);

/* --- reserve.c */
topic_go_f reserve_op, fill_op; /* OP_RESERVE, OP_FILL */
bool reserve_any(const struct topic *); /* places or appends are under way */
void reserve_fail(struct topic *, enum err); /* places are lost */
void reserve_fini(struct topic *);

/* --- reader.c */
void reader_ledger_ready(struct topic *, struct tledger *, enum err);
void reader_ledger_gone(struct topic *, struct tledger *);
void readers_end(struct topic *); /* closing */

/* --- topic_stats.c */
void topic_rates(struct topic *, double seconds);
/* Bytes stored behind p, by the average entry of its ledger, as Pulsar estimates. */
uint64_t topic_bytes_after(const struct topic *, struct pos);
void topic_stats_op(struct topic *, struct op **);

#endif
