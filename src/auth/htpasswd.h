/* SPDX-License-Identifier: Apache-2.0 */
/*
 * htpasswd.h - users and hashed passwords as Apache's htpasswd writes them: a line
 * "user:hash" each, # begins a comment. Hashes: $apr1$, and whatever the C library's
 * crypt() knows: $2a$ $2b$ $2y$ (bcrypt), $5$ $6$ (SHA-256, SHA-512), $y$ (yescrypt),
 * $1$ (MD5), DES. Pulsar takes $apr1$, $1$, $5$, $6$ and DES (AuthenticationProviderBasic).
 *
 * A check of a user who is not there costs as much as one of the first that is.
 * Never changed. Threads: any. Wiped with its end.
 */
#ifndef AUTH_HTPASSWD_H
#define AUTH_HTPASSWD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define HTPASSWD_BYTES_MAX (4u << 20)
#define HTPASSWD_WORD_MAX 512u /* of a user's name or password */

struct htpasswd;

/* ERR_INVALID_ARG: a line that is none, named by its number. */
enum err htpasswd_new(
    struct htpasswd **, const void *, size_t, struct diag *) MUST_CHECK;
void htpasswd_free(struct htpasswd **);
bool htpasswd_check(
    const struct htpasswd *, struct str user, struct str password);

#endif
