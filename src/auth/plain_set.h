/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain_set.h - the accounts of RocketMQ's ACL 1.0 from all of their files: plain_acl.yml
 * (plain_acl.h) and, as since 4.9.3, those that end in .yml or .yaml in a directory "acl"
 * beside it and in the directories there. Where plain_acl.yml lies in a directory of that
 * name itself, it is that one. What begins with a dot is passed over. plain_acl.yml
 * comes first, the others by their names; it need not be there, nor need the directory.
 *
 * Of the files' accounts and addresses from where all is allowed each counts. An access key
 * that stands in two of them is an error, where the reference takes the one that it finds
 * first.
 *
 * A set is one text as well, of all files with their names, in which it goes to other
 * threads. Never changed; wiped with its end as far as it is ours. Threads: any; what is
 * returned of one set is used by one thread at a time, and is the set's.
 */
#ifndef AUTH_PLAIN_SET_H
#define AUTH_PLAIN_SET_H

#include "auth/plain_acl.h"

#define PLAIN_SET_FILES_MAX 1000u
#define PLAIN_SET_BYTES_MAX (8u << 20)

struct plain_set;

/* From the disk, blocking. ERR_INVALID_ARG, or what the disk answers: the diag has the
 * file's name. */
enum err plain_set_read(
    struct plain_set **, const char *plain_acl, struct diag *) MUST_CHECK;
enum err plain_set_parse(
    struct plain_set **, struct str text, struct diag *) MUST_CHECK;
void plain_set_free(struct plain_set **);
/* The text; of file i, if there is one, this one instead. mem_free() it. */
char *plain_set_text(
    const struct plain_set *, unsigned i, struct str yaml, size_t *len);

unsigned plain_set_n(const struct plain_set *);
const char *plain_set_path(const struct plain_set *, unsigned);
const struct plain_acl *plain_set_file(const struct plain_set *, unsigned);

/* NULL: there is none */
const struct plain_account *plain_set_account(
    const struct plain_set *, struct str key);
/* Which file it stands in; false: in none. */
bool plain_set_find(const struct plain_set *, struct str key, unsigned *file);
/* Is everything allowed from there? */
bool plain_set_is_white(const struct plain_set *, struct str ip);

#endif
