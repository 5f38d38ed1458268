/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uri.h - percent-encoded text. Pulsar decodes names of topics and
 * subscriptions as Java's URLDecoder does ('+' is a space) and the other parts
 * of a path as RFC 3986 says. Pure functions.
 */
#ifndef HTTP_URI_H
#define HTTP_URI_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

enum uri_kind {
	URI_PATH, /* '+' is a plus */
	URI_FORM /* '+' is a space */
};

/* Decoded, NUL-terminated text to mem_free. ERR_MALFORMED: a bad escape, a NUL
 * or what is not UTF-8. */
enum err uri_decode(char **, struct str, enum uri_kind) MUST_CHECK;
bool uri_is_utf8(const char *, size_t len);

#endif
