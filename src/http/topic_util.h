/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topic_util.h - what the handlers of topics share: is it partitioned, the same
 * operation for every partition.
 */
#ifndef HTTP_TOPIC_UTIL_H
#define HTTP_TOPIC_UTIL_H

#include "http/http_priv.h"

/* Room for a name and -partition-N. */
#define PARTITION_NAME_MAX (NAME_MAX_BYTES + 24)
/* Most partitions of a topic that are asked for here. */
#define PARTITIONS_MAX 65536

/* Checks the names, asks for the partitions and goes on with next, which calls
 * topic_resolved() first. A partition's own name has none. */
void topic_resolve(struct req *, req_step_f *next);
/* rq->partitions is set; false: answered (no such topic...). */
bool topic_resolved(struct req *);
/* Sends the operation for each partition or for the topic; fill may be NULL. */
typedef void topic_fill_f(struct req *, struct op *);
void topic_each(struct req *, enum op_type, topic_fill_f *);
void topic_each_from(
    struct req *, enum op_type, topic_fill_f *, uint32_t from, uint32_t to);
/* Whether some answer failed, with `but` not counting as a failure unless all
 * are that; then the request is answered. */
bool topic_any_failed(struct req *, enum err but);
/* A step: 204 unless topic_any_failed(ERR_NO_TOPIC). */
req_step_f topic_done;
/* False: answered 405 with "<what> a partitioned topic is not allowed". */
bool topic_is_single(struct req *, const char *what);
/* The same with non-persistent. */
bool topic_is_persistent(struct req *, const char *what);
/* {"key": "text", ...} or null to the operation's properties (topics.c); false:
 * it is something else. */
bool topic_props(struct op *, json_t *) MUST_CHECK;

#endif
