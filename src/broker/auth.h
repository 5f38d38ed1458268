/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.h - what the configuration says of clients' identities and of their rights,
 * given to the shards: at the start and again at each reload, which reads the files
 * anew. Threads: shard 0's.
 */
#ifndef BROKER_AUTH_H
#define BROKER_AUTH_H

#include <stdbool.h>

#include "base/conf.h"
#include "base/err.h"

struct auth;
struct broker;
struct meta;
struct secret_box;

/* Before shards are started, with authentication: the key by which secrets are sealed
 * (secret.key in the data directory), and the user of initAuthenticationUser, if nobody
 * has that name. *box NULL: nobody is authenticated. */
enum err broker_auth_open(const struct conf *, struct meta *,
    struct secret_box **box, struct diag *) MUST_CHECK;
/* running: the shards have their threads. ERR_INVALID_ARG: a provider or a file that
 * can't be used; nothing has changed. */
enum err broker_auth_set(struct broker *, const struct conf *, bool running,
    struct diag *) MUST_CHECK;

/* This one, which says the same with other keys of issuers, to all. */
void broker_auth_give(struct broker *, struct auth *);

#endif
