/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assertions: a fault of ours ends the process. They are on in production,
 * and NDEBUG is refused.
 *
 * assert(c)	c must hold
 * AZ(x) AN(x)	x must be zero / must not be zero
 * WRONG(why)	this line must not be reached
 *
 * A failed assertion prints the place, the condition and the version, calls
 * the hook of vas_set_hook (once, so that a hook may assert too), and aborts.
 * The hook belongs to the broker, which prints what the shard was doing.
 * Any thread.
 */
#ifndef BASE_VAS_H
#define BASE_VAS_H

#include "base/cdefs.h"

#ifdef NDEBUG
#	error "assertions stay on in production: do not define NDEBUG"
#endif

enum vas_kind {
	VAS_ASSERT,
	VAS_WRONG,
	VAS_OOM
};

typedef void vas_hook_f(void);

void vas_fail(const char *func, const char *file, int line, const char *cond,
    enum vas_kind kind) NORETURN;

/* Called on failure, on the thread that failed; NULL removes it. */
void vas_set_hook(vas_hook_f *hook);

#include "base/vas_assert.h"

#define AZ(x) assert((x) == 0)
#define AN(x) assert((x) != 0)
#define WRONG(why) vas_fail(__func__, __FILE__, __LINE__, why, VAS_WRONG)

#endif
