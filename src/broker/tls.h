/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - what the configuration says of TLS, given to the shards: at the start
 * and again at each reload, which reads the files anew. Connections keep the
 * context that they began with. Threads: shard 0's.
 */
#ifndef BROKER_TLS_H
#define BROKER_TLS_H

#include <stdbool.h>

#include "base/conf.h"
#include "base/err.h"

struct broker;
struct tls_ctx;

/* The context of the port for HTTPS, of which there is one; the caller's. */
enum err broker_tls_http(
    const struct conf *, struct tls_ctx **, struct diag *) MUST_CHECK;
/* running: the shards have their threads. ERR_INVALID_ARG: a file that can't be
 * used; nothing has changed. */
enum err broker_tls_set(struct broker *, const struct conf *, bool running,
    struct diag *) MUST_CHECK;

#endif
