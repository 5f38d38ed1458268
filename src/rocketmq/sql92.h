/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The selectors of subscriptions of type SQL92, over the properties of a message:
 *
 *	a BETWEEN 0 AND 3 AND (b = 'x' OR c IS NOT NULL) AND d NOT IN ('y', 'z')
 *
 * Language and meaning are those of the reference broker (package
 * org.apache.rocketmq.filter), its oddities included, for a group's consumers
 * must get the same messages as there: NOT binds closer than a comparison, what
 * follows a complete expression is not read, a floating-point literal has to
 * be above 0, CONTAINS '' is false with NOT too.
 *
 * A property is text, or null if the message doesn't have it. Compared with
 * a number it is read as one of the same kind (int, long or double), and the
 * message doesn't match if it isn't one. Logic has three values; a message
 * matches if the result is true.
 *
 * Compiled once, evaluated for every message: a struct sql92 never changes, any
 * number of threads may use it, and evaluating allocates nothing.
 */
#ifndef ROCKETMQ_SQL92_H
#define ROCKETMQ_SQL92_H

#include <stdbool.h>

#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"

/* what a client may make us keep and work through */
#define SQL92_TEXT_MAX 32768 /* bytes of a selector */
#define SQL92_NODES_MAX 8192
#define SQL92_DEPTH 100 /* of parentheses and the like */

struct sql92;

/* the text of a property, STR_NONE if there is none */
typedef struct str sql92_get_f(void *priv, struct str name);

enum sql92_result {
	SQL92_FALSE,
	SQL92_TRUE,
	SQL92_NULL,
	SQL92_ERROR /* a property could not be compared */
};

/*
 * ERR_INVALID_ARG: not a selector, and diag says why, in the words of the
 * reference as far as clients show them; ERR_TOO_BIG: over a limit.
 */
enum err sql92_new(struct str text, struct sql92 **, struct diag *) MUST_CHECK;
void sql92_free(struct sql92 **);

enum sql92_result sql92_eval(const struct sql92 *, sql92_get_f *, void *priv);
/* Does the message with these properties (format/rmq_props.h) match? */
bool sql92_match(const struct sql92 *, struct str props);

#endif
