/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - what the handlers of topics share: is it partitioned, the same
 * operation for every partition.
 */
#ifndef HTTP_PARTS_H
#define HTTP_PARTS_H

#include "http/http_priv.h"

/* Room for a name and -partition-N. */
#define PARTITION_NAME_MAX (NAME_MAX_BYTES + 24)
/* Most partitions of a topic that are asked for here. */
#define PARTITIONS_MAX 65536

/* Checks the names, asks for the partitions and goes on with next, which calls
 * parts_resolved() first. A partition's own name has none. */
void parts_resolve(struct req *, req_step_f *next);
/* rq->partitions is set; false: answered (no such topic...). */
bool parts_resolved(struct req *);
/* Sends the operation for each partition or for the topic; fill may be NULL. */
typedef void parts_fill_f(struct req *, struct op *);
void parts_each(struct req *, enum op_type, parts_fill_f *);
void parts_each_from(
    struct req *, enum op_type, parts_fill_f *, uint32_t from, uint32_t to);
/* Whether some answer failed, with `but` not counting as a failure unless all
 * are that; then the request is answered. */
bool parts_any_failed(struct req *, enum err but);
/* A step: 204 unless parts_any_failed(ERR_NO_TOPIC). */
req_step_f parts_done;
/* False: answered 405 with "<what> a partitioned topic is not allowed". */
bool parts_is_single(struct req *, const char *what);
/* The same with non-persistent. */
bool parts_is_persistent(struct req *, const char *what);
/* {"key": "text", ...} or null to the operation's properties (topics.c); false:
 * it is something else. */
bool parts_props(struct op *, json_t *) MUST_CHECK;

#endif
