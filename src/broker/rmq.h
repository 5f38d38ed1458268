/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rmq.h - RocketMQ's front-end on every shard, and its ports. Boot, main thread.
 */
#ifndef BROKER_RMQ_H
#define BROKER_RMQ_H

#include <stdbool.h>

#include "base/conf.h"
#include "base/err.h"

struct broker;

/* ERR_ADDRESS, ERR_PERMISSION: a port that can't be had. */
enum err broker_rmq_start(
    struct broker *, const struct conf *, struct diag *) MUST_CHECK;

/* What aclPlainFile says, for all shards; running: their loops run. ERR_INVALID_ARG: nothing
 * has changed. Nothing to do without aclEnable. */
enum err broker_rmq_set_accounts(
    struct broker *, bool running, struct diag *) MUST_CHECK;

#endif
