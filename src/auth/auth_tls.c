/* SPDX-License-Identifier: Apache-2.0 */
/* The common name of a client's certificate, which TLS has verified already. */
#include "auth/auth_priv.h"
#include "base/mem.h"

static enum err
make(void **pp, const struct auth_conf *conf, struct diag *diag)
{
	(void)conf;
	(void)diag;
	*pp = NULL;
	return ERR_OK;
}

static void
nothing(void *p)
{
	(void)p;
}

static enum err
check(const void *p, struct auth_ask *ask, struct auth_result *res,
    struct diag *diag)
{
	const struct auth_try *t = ask->t;
	(void)p;
	if (t->cert_cn.len == 0)
		return diag_set(diag, ERR_AUTHENTICATION,
		    "no trusted certificate with a common name came");
	res->role = mem_strndup(t->cert_cn.p, t->cert_cn.len);
	return ERR_OK;
}

const struct auth_provider auth_tls = {
	.method = "tls",
	.make = make,
	.free = nothing,
	.check = check,
};
