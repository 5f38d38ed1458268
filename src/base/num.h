/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimal numbers and text, strictly: an optional sign, digits, nothing else, as
 * Java's parsers take them. Any thread.
 *
 * num_i64, num_i32 set *out only on ERR_OK; ERR_INVALID_ARG: not a number, or
 * out of range. num_put writes v at p, which has NUM_MAX bytes, without a NUL;
 * how many bytes.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdint.h>

#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"

#define NUM_MAX 20 /* digits of the longest, with its sign */

enum err num_i64(struct str, int64_t *out) MUST_CHECK;
enum err num_i32(struct str, int32_t *out) MUST_CHECK;
size_t num_put(char *p, int64_t v);

#endif
