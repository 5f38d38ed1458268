/* SPDX-License-Identifier: Apache-2.0 */
/*
 * login.h - who a session is: CONNECT's and AUTH_RESPONSE's credentials, and what
 * happens when they expire (ServerCnx of the reference).
 *
 * Every authenticationRefreshCheckSeconds a session looks whether its credentials have
 * expired. Then a client that knows AUTH_CHALLENGE is asked for new ones, and has until
 * the next look to bring them; others, and proxies that did not forward their clients'
 * credentials, are disconnected. New credentials must be of the same role.
 *
 * Threads: the session's shard.
 */
#ifndef PULSAR_LOGIN_H
#define PULSAR_LOGIN_H

#include <stdbool.h>

#include "pulsar/session_priv.h"

/* True: s->who is filled. False: the client was answered, and the session ends. */
/* Before CONNECT is looked at: true: its address has failed too often (auth/throttle.h),
 * and it comes again. */
bool login_waits(struct session *);
bool login_connect(struct session *, const pp_CommandConnect *);
/* An answer to our challenge. */
void login_response(struct session *, const pp_CommandAuthResponse *);
void login_init(struct session *);
void login_fini(struct session *);
/* It is connected, here or by moving here: look at times. */
void login_watch(struct session *);

void who_fini(struct who *);

#endif
