/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.h - our requests to a client, on its own connection: they have numbers of
 * their own, and the client's answer comes back as a response with the number.
 * Shard's thread only.
 */
#ifndef ROCKETMQ_ASK_H
#define ROCKETMQ_ASK_H

#include "rocketmq/rmq_priv.h"

/* err: ERR_OK, ERR_TIMEOUT, ERR_CLOSED (the connection has gone), ERR_BUSY (too
 * many wait); h and body only with ERR_OK, for the call. Called once. */
typedef void rmq_ask_f(struct rmq *, void *priv, enum err,
    const struct rheader *h, struct slice body);

/* Between begin and one of the two ends fields are put into the rout. */
struct rout *rmq_ask_begin(struct rmq_session *, int32_t code, bool oneway);
/* Nobody waits for an answer. */
void rmq_ask_oneway(struct rmq_session *, struct slice body);
void rmq_ask_end(struct rmq_session *, struct slice body, int64_t timeout_ns,
    rmq_ask_f *, void *priv);
void rmq_asks_expire(struct rmq_session *, int64_t now_ns);

#endif
