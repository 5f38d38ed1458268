/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648), with its usual alphabet and the one for URLs. Any thread.
 *
 * Encoding pads with '='. Decoding takes either alphabet, padded or not, and is
 * otherwise strict: no white space, nothing after the padding, no bits left
 * over that are not zero.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"

/* bytes of text that n bytes make; the most bytes that n of text can make */
#define BASE64_ENCODED(n) (((n) + 2) / 3 * 4)
#define BASE64_DECODED(n) (((n) + 3) / 4 * 3)

/* out has BASE64_ENCODED(n) bytes; how many were written, without a NUL */
size_t base64_encode(char *out, const void *in, size_t n, bool url);
/* ERR_MALFORMED; ERR_TOO_BIG: more than cap bytes */
enum err base64_decode(
    struct str in, uint8_t *out, size_t cap, size_t *n) MUST_CHECK;

#endif
