/* SPDX-License-Identifier: Apache-2.0 */
/* A provider, as auth.c knows it. */
#ifndef AUTH_AUTH_PRIV_H
#define AUTH_AUTH_PRIV_H

#include "auth/auth.h"
#include "auth/openid.h"

struct auth_ask {
	const struct auth_try *t;
	const struct openid_keys *keys; /* NULL: none are known */
	unsigned issuer; /* ERR_AGAIN: whose keys are needed */
};

struct auth_provider {
	const char *method;
	/* ERR_INVALID_ARG: the configuration is not enough for it */
	enum err (*make)(void **, const struct auth_conf *, struct diag *);
	void (*free)(void *);
	/* ERR_OK: res is filled; else ERR_AUTHENTICATION, or ERR_AGAIN: the issuer's
	 * keys have to be fetched first */
	enum err (*check)(const void *, struct auth_ask *, struct auth_result *,
	    struct diag *);
};

extern const struct auth_provider auth_basic, auth_openid, auth_tls, auth_token;

#endif
