/* SPDX-License-Identifier: Apache-2.0 */
/*
 * may.h - may this session do that? Roles, proxies and what the reference's
 * PulsarAuthorizationProvider and AuthorizationService make of them; the rules
 * themselves are core/authz.h's. Everything is allowed while authorizationEnabled is
 * off. Of a proxy's session both the proxy's role and the one it speaks for must be
 * allowed.
 *
 * Commands ask when they begin. What is open, or is being opened, keeps what it was
 * asked for, and is asked again when authorization has changed (may_recheck): what is
 * not allowed any more is closed, or won't be opened, and the client hears why when it
 * comes again, or at once.
 *
 * What is not allowed goes into the audit log.
 *
 * Threads: the session's shard.
 */
#ifndef PULSAR_MAY_H
#define PULSAR_MAY_H

#include <stdbool.h>

#include "base/str.h"
#include "core/name.h"

struct pulsar;
struct session;

enum may {
	MAY_LOOKUP, /* whoever may produce or consume, or has another action */
	MAY_PRODUCE,
	MAY_CONSUME
};

/* Is what a session says of its roles possible? A proxy has to say for whom it
 * speaks, others may not speak for another. */
bool may_speak(const struct pulsar *, struct str role, struct str original);

/* topic: as authz.h calls it (authz_topic); sub: empty, unless MAY_CONSUME.
 * *why, if not NULL: what to tell the client instead of the command's own text. */
bool session_may(const struct session *, enum may, struct str topic,
    struct str sub, const char **why);
/* List its topics: produce or consume in all of it. */
bool session_may_list(const struct session *, struct str ns);

/* Something was refused; why may be NULL. */
void session_audit(
    const struct session *, const char *what, struct str on, const char *why);

/* Soon, and outside of effects. */
void may_changed(struct pulsar *);
void may_recheck(struct pulsar *);

#endif
