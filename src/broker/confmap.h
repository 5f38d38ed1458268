/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confmap.h - from the configuration's table to what each module takes. One
 * place for units and for what is derived (per shard shares of the budget).
 * Strings stay the configuration's. Any thread.
 */
#ifndef BROKER_CONFMAP_H
#define BROKER_CONFMAP_H

#include "auth/auth.h"
#include "base/conf.h"
#include "core/authz.h"
#include "core/core.h"
#include "http/server.h"
#include "pulsar/server.h"
#include "rocketmq/server.h"
#include "store/local.h"

void confmap_core(
    struct core_conf *, const struct conf *, unsigned shard, unsigned shards_n);
void confmap_local(struct local_conf *, const struct conf *, unsigned shard,
    unsigned shards_n);
void confmap_rmq(struct rmq_conf *, const struct conf *, unsigned shards_n);
void confmap_pulsar(
    struct pulsar_conf *, const struct conf *, unsigned shards_n);
void confmap_auth(struct auth_conf *, const struct conf *);
void confmap_authz(struct authz_conf *, const struct conf *);
void confmap_http(struct http_conf *, const struct conf *);

#endif
