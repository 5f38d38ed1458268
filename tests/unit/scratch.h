/* SPDX-License-Identifier: Apache-2.0 */
/* A directory for a test's files, one at a time. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static char scratch[64];

/* in: "/tmp", or "/var/tmp", which lies on a disk; false: it can't be made */
static inline bool
scratch_make(const char *in)
{
	(void)snprintf(scratch, sizeof scratch, "%s/magnetar_test.XXXXXX", in);
	return mkdtemp(scratch) != NULL;
}

/* With all that is in it. */
static inline void
scratch_remove(void)
{
	char *cmd = mem_printf("rm -rf '%s'", scratch);

	AZ(system(cmd));
	mem_free(cmd);
}

/* Until the next call. */
static inline const char *
scratch_path(const char *name)
{
	static char buf[PATH_MAX];

	(void)snprintf(buf, sizeof buf, "%s/%s", scratch, name);
	return buf;
}

/* Of a group of tests, all of which have it. */
static inline int
scratch_setup(void **state)
{
	(void)state;
	return !scratch_make("/tmp");
}

static inline int
scratch_teardown(void **state)
{
	(void)state;
	scratch_remove();
	return 0;
}

#endif
