/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h - what the rest of HTTP has to know of limits (core/limits.h). */
#ifndef HTTP_LIMITS_H
#define HTTP_LIMITS_H

#include <jansson.h>
#include <stdbool.h>

/* Is this member of a namespace's policies a limit, and if so, is the value one? */
bool limits_member(const char *key, json_t *v, bool *right);
/* Takes a topic's limits out of its properties, which are not its user's. */
void limits_hide(json_t *props);

#endif
