/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiler attributes, under the names that this project uses.
 *
 * MUST_CHECK	on every function that returns an enum err
 * NORETURN	does not come back
 * PRINTF(f, a)	argument f is a printf format, a the first one formatted
 * NOINLINE	the rare part of a function that is called for every message
 */
#ifndef BASE_CDEFS_H
#define BASE_CDEFS_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define UNUSED __attribute__((unused))
#define NOINLINE __attribute__((noinline))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* the number of elements of an array */
#define NELEM(a) (sizeof(a) / sizeof((a)[0]))

#endif
