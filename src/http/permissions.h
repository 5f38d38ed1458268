/* SPDX-License-Identifier: Apache-2.0 */
/* permissions.h - changes of a namespace's policies, and its grants. */
#ifndef HTTP_PERMISSIONS_H
#define HTTP_PERMISSIONS_H

#include <jansson.h>

/* Stored policies, changed to how Pulsar shows them: lists of the roles that a
 * subscription is for, which are members of an object where they are stored. */
void perms_show(json_t *policies);

struct req;
/* Merges it into the policies of the namespace that the route names, and answers.
 * Takes it. */
void ns_patch(struct req *, json_t *);

#endif
