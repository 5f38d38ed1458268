/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.h - secrets at rest: passwords and secret keys that have to come back as they
 * were, since HMAC needs them. AES-256-GCM by a key of 32 bytes, which lies in a file of
 * its own, mode 0600, made when it is missing. What is sealed is bound to a name: under
 * another it doesn't open.
 *
 * Sealed text is base64 of: u8 1, 12 bytes nonce, the ciphertext, 16 bytes tag.
 * Threads: any; a box is never changed, and wiped with its end.
 */
#ifndef AUTH_SECRET_H
#define AUTH_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define SECRET_MAX 4096u /* bytes */

struct secret_box;

/* ERR_CORRUPT: the file is no such key; ERR_PERMISSION, ERR_IO. */
enum err secret_box_open(
    struct secret_box **, const char *path, struct diag *) MUST_CHECK;
/* With this key (tests). */
struct secret_box *secret_box_of(const uint8_t key[32]);
void secret_box_free(struct secret_box **);

/* Text to mem_free(). At most SECRET_MAX bytes. */
char *secret_seal(const struct secret_box *, struct str name, struct str plain);
/* What was sealed, NUL-terminated; secret_wipe() it. ERR_CORRUPT: by another key, under
 * another name, or damaged. */
enum err secret_unseal(const struct secret_box *, struct str name,
    struct str sealed, char **plain, size_t *len) MUST_CHECK;
void secret_wipe(char **plain, size_t len);

/* n letters and digits of the generator, and a NUL: about 5.9 bits each. */
void secret_random(char *text, size_t n);

#endif
