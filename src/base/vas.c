/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "base/vas.h"

static _Atomic(vas_hook_f *) vas_hook;

void
vas_set_hook(vas_hook_f *hook)
{
	atomic_store(&vas_hook, hook);
}

void
vas_fail(const char *func, const char *file, int line, const char *cond,
    enum vas_kind kind)
{
	int e = errno;
	vas_hook_f *hook;

	switch (kind) {
	case VAS_WRONG:
		fprintf(stderr, "panic: wrong turn in %s(), %s:%d: %s\n", func,
		    file, line, cond);
		break;
	case VAS_OOM:
		fprintf(stderr, "panic: out of memory in %s(), %s:%d: %s\n",
		    func, file, line, cond);
		break;
	default:
		fprintf(stderr, "panic: assertion failed in %s(), %s:%d: %s\n",
		    func, file, line, cond);
		break;
	}
	fprintf(stderr, "panic: version %s, errno %d (%s)\n", PACKAGE_VERSION,
	    e, strerror(e));
	hook = atomic_exchange(&vas_hook, NULL);
	if (hook != NULL)
		hook();
	fflush(stderr);
	abort();
}
