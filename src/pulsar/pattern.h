/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topic patterns of clients, and the hash of a list of topics.
 *
 * A pattern is a regular expression that must match the whole of
 * tenant/namespace/name, without the domain and without -partition-N. The
 * reference uses RE2, which has no backreferences and runs in linear time; here
 * it is PCRE2 with limits on its work: what goes beyond them doesn't match.
 * A domain at the pattern's start ("persistent://") is dropped.
 *
 * Any thread; one pattern is used by one at a time.
 */
#ifndef PULSAR_PATTERN_H
#define PULSAR_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct pattern;

/* ERR_INVALID_ARG with PCRE2's text in diag. */
enum err pattern_new(struct pattern **, struct str, struct diag *) MUST_CHECK;
void pattern_free(struct pattern **);
/* base: a full topic name without -partition-N */
bool pattern_matches(const struct pattern *, struct str base);
/* Length as Java counts it, in UTF-16 units. */
size_t pattern_length(struct str);

#define TOPICS_HASH_SIZE 9 /* with NUL */
/* CRC32C over the names, sorted already and joined by commas, in hexadecimal,
 * lowest byte first. */
void topics_hash(char *const *names, size_t n, char out[TOPICS_HASH_SIZE]);

#endif
