/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressed bodies of RocketMQ messages. The broker keeps them as they came;
 * for a client that knows zlib only, what is in LZ4 or zstd becomes zlib.
 *
 * Any thread.
 */
#ifndef FORMAT_RMQ_BODY_H
#define FORMAT_RMQ_BODY_H

#include "base/buf.h"
#include "base/str.h"
#include "format/rmq_record.h"

/* Is it compressed in another way than zlib? */
bool rmq_body_is_modern(int32_t sys_flag);

/*
 * What a compressed body holds, of at most max bytes. ERR_NOT_SUPPORTED: a
 * compression that nobody knows; ERR_MALFORMED, ERR_TOO_BIG.
 */
enum err rmq_body_inflate(
    int32_t sys_flag, struct str body, size_t max, struct buf **out) MUST_CHECK;

/*
 * A body that rmq_body_is_modern() as zlib, which holds *plain bytes. *sys_flag
 * becomes the new body's. Errors as above: send it as it is, the client will say
 * so.
 */
enum err rmq_body_to_zlib(int32_t *sys_flag, struct str body, size_t max,
    struct buf **out, size_t *plain) MUST_CHECK;

#endif
