/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drop.h - a topic goes, with its queues and all that subscribes to them.
 */
#ifndef ROCKETMQ_DROP_H
#define ROCKETMQ_DROP_H

#include "rocketmq/rmq_priv.h"

/* Called once, never inline; ERR_OK if the topic wasn't there, too. Not called
 * when the front-end ends before. */
typedef void rmq_drop_f(struct rmq *, void *priv, enum err);

/* name: of RocketMQ; one that no topic can have is as good as not there */
void rmq_topic_drop(struct rmq *, struct str name, rmq_drop_f *, void *priv);

#endif
