/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rmq.h - RocketMQ's front-end on every shard, and its ports. Boot, main thread.
 */
#ifndef BROKER_RMQ_H
#define BROKER_RMQ_H

#include "base/conf.h"
#include "base/err.h"

struct broker;

/* ERR_ADDRESS, ERR_PERMISSION: a port that can't be had. */
enum err broker_rmq_start(
    struct broker *, const struct conf *, struct diag *) MUST_CHECK;

#endif
