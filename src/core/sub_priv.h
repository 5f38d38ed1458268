/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of subscriptions share: sub.c (life), subscribe.c, consumer.c,
 * seek.c, sub_admin.c, sub_stats.c and the dispatchers.
 */
#ifndef CORE_SUB_PRIV_H
#define CORE_SUB_PRIV_H

#include "core/core_priv.h"
#include "core/cursor.h"

/* --- sub.c */
struct sub *sub_new(struct topic *, struct str name, bool durable);
/* the same by name, standing or not */
struct sub *sub_find_any(struct topic *, struct str name);
void sub_wait(struct sub *, struct op **);
/* what waited: subscribe and admin ops start again */
void sub_resume(struct sub *);
/* after the last consumer has gone; may free the subscription */
void sub_idle(struct sub *);
/* a dispatcher for this type, unless it is there */
void sub_set_type(struct sub *, enum sub_type, bool sticky, bool out_of_order);
/* mark-delete that start means on this topic (not START_TIME) */
struct pos sub_start_pos(struct topic *, const struct op_start *);
/* terminated and everything acked: says so, once to each */
void sub_check_end(struct sub *, struct consumer *only);
/* readers at the first entry that is not acked */
void sub_rewind(struct sub *);
/* How entry at the reader's position stands after a peek: what lay in between was
 * damaged and counts as acked, or nobody could ever ack it. */
enum reader_result sub_peek(struct sub *, struct entry *);
/* The first entry that is to be sent again, or is due by now (s->replay); END: none.
 * What can't be had any more is forgotten. */
enum reader_result sub_peek_again(struct sub *, struct entry *);
/* An entry that is to be delivered later is due. */
void sub_due(struct sub *, struct pos);
/* Its type waits for deliver_at, as in Pulsar. */
static inline bool
sub_delays(const struct sub *s)
{
	return s->type == SUB_SHARED || s->type == SUB_KEY_SHARED;
}
/* marker messages of the server and the like: acked here, never sent */
bool sub_swallow(struct sub *, const struct entry *);
struct prop *props_dup(const struct prop *, uint32_t n);
void props_free(struct prop **, uint32_t n);

/* --- sub_record.c: value of META_SUB */
struct sub_record {
	uint64_t journal_id;
	bool replicated, holds;
	uint32_t props_n;
	struct prop *props; /* props_free */
};
void sub_record_write(
    const struct sub *, uint8_t **, size_t *len); /* mem_free */
bool sub_record_read(struct sub_record *, const void *, size_t);
/* length of the key, 0: the name is too long */
size_t sub_record_key(const struct topic *, struct str sub, uint8_t *key);

/* --- consumer.c */
struct consumer *consumer_new(struct sub *, const struct op *);
void consumer_unlease(struct consumer *, struct lease *, uint32_t messages_n);
/* blocked_unacked of consumer and subscription after a change */
void sub_check_unacked(struct sub *, struct consumer *);

/* This entry is acked: whoever holds it lets go, if anybody does. */
void sub_lease_acked(struct sub *, struct pos);
/* mark-delete was moved over leases: they end. Costs as many steps as there are. */
void sub_leases_acked(struct sub *);

/* --- sub_stats.c */
void consumer_stats_op(struct consumer *, struct op **);

/* --- fetch.c: one entry, from memory or disk. done may run at once; ent NULL:
 * there is none at or after pos. The topic is pinned meanwhile. */
typedef void fetch_done_f(struct topic *, void *priv, const struct entry *);
void fetch_entry(struct topic *, struct pos, fetch_done_f *, void *priv);
/* Answers op by FX_LAST_ID; s (may be NULL) gives the mark-delete position. */
void fetch_last_id(struct topic *, struct op **, const struct sub *);

/* As fetch_entry(), the one that holds the message of this index, or the first
 * behind it where that is lost. e: why ent is NULL, ERR_OK at the end. */
typedef void fetch_index_f(
    struct topic *, void *priv, const struct entry *ent, enum err e);
void fetch_index(struct topic *, uint64_t index, fetch_index_f *, void *priv);

/* --- sub_index.c: cursors by index */
void sub_index_get(struct sub *, struct op **); /* OP_CURSOR_GET */
void sub_index_set(struct sub *, struct op **); /* OP_CURSOR_SET */
/* the same, and there is no such subscription */
void sub_index_make(struct topic *, struct op **);
void sub_claim(
    struct topic *, struct op **); /* OP_CURSOR_CLAIM, a topic_go_f */
/* does a claim keep a consumer of this type off? */
bool sub_claimed(struct topic *, struct str sub, enum sub_type);
bool claims_any(const struct topic *); /* not over yet */
void claims_fini(struct topic *);

/* --- range.c */
void range_put(struct topic *, struct fx *); /* min_index, max_index */
void range_op(struct topic *, struct op **); /* OP_RANGE, a topic_go_f */
void index_at_time(struct topic *, struct op **); /* OP_INDEX_AT_TIME */

/* --- query.c */
void query_op(struct topic *, struct op **); /* OP_QUERY, a topic_go_f */

/* --- seek.c */
void seek_op(struct consumer *, struct op **); /* OP_SEEK */
void seek_sub(struct sub *, struct op **); /* OP_SUB_RESET */
/* moves the cursor to what was stored at time_ms, then done */
void seek_time(struct sub *, int64_t time_ms,
    void (*done)(void *priv, struct sub *, enum err), void *priv);

/* --- disp_single.c */
struct consumer *disp_single_active(const struct sub *);

#endif
