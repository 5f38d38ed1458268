/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fit.h - records as the client that they go to can read them. They go out as they
 * lie in the log, but for a client that inflates zlib only a body in LZ4 or zstd
 * becomes zlib (format/rmq_body.h). Such are all but Java's from 4.9.4 on.
 *
 * An inner batch is taken apart by Java's from 5.0 on when they pull it, and by
 * nobody else: take.h does it for them.
 *
 * What an entry may need is told by its attributes: by rmq_fit_bits, of which few
 * entries have one. A body that can't be inflated stays as it is: its
 * client will say so.
 *
 * Memory and time: a body is inflated up to a frame's size; an answer, which may
 * have a thousand of them, ends when RMQ_FIT_BYTES have been inflated for it.
 * Shard's thread only.
 */
#ifndef ROCKETMQ_FIT_H
#define ROCKETMQ_FIT_H

#include "rocketmq/rmq_priv.h"

#define RMQ_FIT_BYTES (4u << 20)

/* Does it take the inner batches apart that it pulls? */
bool rmq_unwraps(const struct rmq_session *);
/* Of attr.aux, sysFlag's low byte: an entry of RocketMQ's with one of them may
 * have to be fitted for this client. */
uint8_t rmq_fit_bits(const struct rmq_session *);

/* Of an answer: how much was inflated for it */
struct rmq_fit {
	size_t done;
};

/* May more be fitted for the same answer? */
static inline bool
rmq_fit_goes_on(const struct rmq_fit *f)
{
	return f->done < RMQ_FIT_BYTES;
}

/* A whole record that was read, or written here; the reference is exchanged if it
 * has to be another one. */
void rmq_fit_record(
    struct rmq_session *, struct rmq_fit *, struct slice *record);
/* The same of a record that is not counted: a copy, whose reference is the caller's;
 * no bytes are none. */
struct slice rmq_fit_copy(struct rmq_session *, const char *record, size_t);
/* The same of a body without its record; false: it is sent as it is. *out is the
 * caller's. */
bool rmq_fit_body(
    struct rmq_session *, int32_t *sys_flag, struct str body, struct buf **out);

#endif
