/* SPDX-License-Identifier: Apache-2.0 */
/* Users and passwords: Pulsar's AuthenticationProviderBasic. */
#include "auth/auth_priv.h"
#include "auth/htpasswd.h"
#include "auth/source.h"
#include "base/mem.h"

static enum err
basic_make(void **pp, const struct auth_conf *conf, struct diag *diag)
{
	struct htpasswd *h = NULL;
	uint8_t *p;
	size_t n;
	enum err e;

	*pp = NULL;
	if (conf->basic == NULL || conf->basic[0] == '\0')
		return diag_set(diag, ERR_INVALID_ARG,
		    "authenticationProviders: basic needs basicAuthConf");
	e = source_read(&p, &n, conf->basic, HTPASSWD_BYTES_MAX, diag);
	if (e == ERR_OK) {
		e = htpasswd_new(&h, p, n, diag);
		source_free(&p, n);
	}
	if (e != ERR_OK)
		diag_wrap(diag, "basicAuthConf");
	*pp = h;
	return e;
}

static void
basic_free(void *p)
{
	struct htpasswd *h = p;

	htpasswd_free(&h);
}

static enum err
basic_check(const void *p, struct auth_ask *ask, struct auth_result *res,
    struct diag *diag)
{
	const struct auth_try *t = ask->t;
	struct str password = t->data, user;

	user = str_word(&password, ':');
	if (user.len == 0 || user.len > AUTH_ROLE_MAX ||
	    !htpasswd_check(p, user, password))
		return diag_set(
		    diag, ERR_AUTHENTICATION, "user or password is wrong");
	res->role = mem_strndup(user.p, user.len);
	return ERR_OK;
}

const struct auth_provider auth_basic = {
	.method = "basic",
	.make = basic_make,
	.free = basic_free,
	.check = basic_check,
};
