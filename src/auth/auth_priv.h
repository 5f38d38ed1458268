/* SPDX-License-Identifier: Apache-2.0 */
/* A provider, as auth.c knows it. */
#ifndef AUTH_AUTH_PRIV_H
#define AUTH_AUTH_PRIV_H

#include "auth/auth.h"

struct auth_provider {
	const char *method;
	/* ERR_INVALID_ARG: the configuration is not enough for it */
	enum err (*make)(void **, const struct auth_conf *, struct diag *);
	void (*free)(void *);
	/* ERR_OK: res is filled; else ERR_AUTHENTICATION */
	enum err (*check)(const void *, const struct auth_try *,
	    struct auth_result *, struct diag *);
};

extern const struct auth_provider auth_basic, auth_tls, auth_token;

#endif
