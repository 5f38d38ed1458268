/* SPDX-License-Identifier: Apache-2.0 */
/* permissions.h - a namespace's grants, as its policies show them. */
#ifndef HTTP_PERMISSIONS_H
#define HTTP_PERMISSIONS_H

#include <jansson.h>

/* Stored policies, changed to how Pulsar shows them: lists of the roles that a
 * subscription is for, which are members of an object where they are stored. */
void perms_show(json_t *policies);

#endif
