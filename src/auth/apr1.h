/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apr1.h - Apache's variant of crypt's MD5 ($apr1$), which no library of Debian's has
 * that a broker would link (libaprutil brings LDAP and databases). The steps are those of
 * apr_md5_encode() of APR and of FreeBSD's crypt-md5. Threads: any.
 */
#ifndef AUTH_APR1_H
#define AUTH_APR1_H

#include <stdbool.h>

#include "base/str.h"

/* "$apr1$salt$hash" of a password; setting: one of them, or its beginning. out has
 * APR1_MAX bytes. False: it is none. */
#define APR1_MAX 40u
bool apr1(char *out, struct str password, const char *setting);

#endif
