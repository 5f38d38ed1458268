/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - bytes that the configuration names, in the ways that Pulsar does it
 * (AuthTokenUtils.readKeyFromUrl, AuthenticationProviderBasic): a "file:" URL of this
 * host (of an absolute or relative path, %20 for a space), "data:;base64,...",
 * "data:,...", the path of a file that is there, or else base64.
 * Blocking. Threads: any.
 */
#ifndef AUTH_SOURCE_H
#define AUTH_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* source_free() it. ERR_INVALID_ARG: diag says why, and nothing of what is in it. */
enum err source_read(uint8_t **, size_t *, const char *spec, size_t max,
    struct diag *) MUST_CHECK;
/* Wipes it. */
void source_free(uint8_t **, size_t);

#endif
