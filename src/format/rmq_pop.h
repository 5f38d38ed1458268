/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of RocketMQ's POP: the receipt handle, and the header fields of its
 * answer, out of which clients that got none make their handles.
 *
 * Handle (property POP_CK, field extraInfo), words between blanks:
 *	first-offset pop-time invisible-ms revive-queue R broker queue [offset]
 * startOffsetInfo, msgOffsetInfo, orderCountInfo, groups between semicolons:
 *	R queue first-offset | R queue offset,offset,... | R queue count
 *	R qo<queue>%<offset> count (the same for one message)
 * R says which topic is meant: 0 the one asked for, 1 and 2 the retry topic of
 * the group, %RETRY%group_topic and %RETRY%group+topic.
 *
 * Any thread; no allocation but by the strbuf.
 */
#ifndef FORMAT_RMQ_POP_H
#define FORMAT_RMQ_POP_H

#include <stdint.h>

#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

#define RMQ_POP_NORMAL '0'
#define RMQ_POP_RETRY '1'
#define RMQ_POP_RETRY_V2 '2'
#define RMQ_POP_ORDER_QUEUE 999 /* revive queue of orderly handles */

struct rmq_handle {
	int64_t first_offset; /* of what was popped with it */
	int64_t pop_ms, invisible_ms;
	int32_t revive_queue;
	char retry; /* RMQ_POP_ */
	struct str broker;
	int32_t queue_id;
	int64_t queue_offset; /* of the message; -1: not in it */
};

void rmq_handle_put(struct strbuf *, const struct rmq_handle *);
/* broker points into it. ERR_INVALID_ARG: isn't one */
enum err rmq_handle_read(struct str, struct rmq_handle *) MUST_CHECK;

/* Which R does a topic of this name have? */
char rmq_pop_retry_of(struct str topic);

/* Each adds one group, and a semicolon before it unless the field is empty. */
void rmq_pop_put_start(
    struct strbuf *, char retry, int32_t queue_id, int64_t first_offset);
void rmq_pop_put_offsets(struct strbuf *, char retry, int32_t queue_id,
    const int64_t *offsets, size_t n);
void rmq_pop_put_count(
    struct strbuf *, char retry, int32_t queue_id, int32_t count);
void rmq_pop_put_count_at(struct strbuf *, char retry, int32_t queue_id,
    int64_t queue_offset, int32_t count);

struct rmq_pop_group {
	char retry;
	struct str queue; /* a number, but for counts of one message */
	struct str value; /* an offset, offsets with commas, or a count */
};

/* The next group of *field, which is then what is left. ERR_EOF: no more;
 * ERR_MALFORMED. */
enum err rmq_pop_next(struct str *field, struct rmq_pop_group *) MUST_CHECK;
/* The next offset of *list. ERR_EOF, ERR_MALFORMED. */
enum err rmq_pop_next_offset(struct str *list, int64_t *) MUST_CHECK;

#endif
