/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openid.h - fetches the keys of OpenID Connect issuers (auth/openid.h), in threads of its
 * own, and gives them to all who verify tokens.
 *
 * All issuers are fetched at the start, without holding it up, again when their keys are
 * openIDCacheRefreshAfterWriteSeconds old, and when somebody wants them (openid_want_f).
 * What could not be had is tried again after 30 s; one issuer is fetched once at a time.
 * A reload keeps the keys of issuers that are still allowed.
 *
 * Threads: shard 0's, but for openid_service_want().
 */
#ifndef BROKER_OPENID_H
#define BROKER_OPENID_H

#include "base/conf.h"
#include "base/err.h"

struct auth;
struct broker;
struct openid_service;

struct openid_service *openid_service_new(struct broker *);
/* What the configuration says; *au, which was made from it, becomes one that has the
 * keys. ERR_INVALID_ARG: nothing has changed. */
enum err openid_service_set(struct openid_service *, const struct conf *,
    struct auth **au, struct diag *) MUST_CHECK;
/* An openid_want_f. @locality any */
void openid_service_want(void *service, unsigned issuer);
/* No more is fetched; waits for its threads. */
void openid_service_stop(struct openid_service *);
/* When what shards were sent has been drained. */
void openid_service_free(struct openid_service **);

#endif
