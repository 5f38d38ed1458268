/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_doc.h - a YAML document of people's making, as JSON values, and back (libyaml).
 *
 * Mappings and sequences are objects and arrays. A plain scalar that YAML 1.1 takes for a
 * boolean or for nothing is one; all others, numbers as well, are texts as they stand there,
 * for a key of digits is a key all the same. Refused: aliases (which let a small file be a
 * large one), the same key twice, keys that are no text, more than one document, NUL.
 *
 * Written: blocks, members in their order, and quotes around what YAML would take for
 * something else than a text.
 *
 * Pure; any thread.
 */
#ifndef AUTH_YAML_DOC_H
#define AUTH_YAML_DOC_H

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

/* json_decref() it; of nothing: null. ERR_INVALID_ARG: the diag has the line, and nothing
 * of what stands there. */
enum err yaml_doc_read(json_t **, struct str, struct diag *) MUST_CHECK;
/* mem_free() it. ERR_TOO_BIG: more than max bytes. */
enum err yaml_doc_write(
    char **, size_t *, const json_t *, size_t max) MUST_CHECK;

#endif
