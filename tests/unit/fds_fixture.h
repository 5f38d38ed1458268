/* SPDX-License-Identifier: Apache-2.0 */
/* A process that has no descriptors left but a few. */
#ifndef TESTS_UNIT_FDS_FIXTURE_H
#define TESTS_UNIT_FDS_FIXTURE_H

#include "test.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#define FDS_MAX 256 /* far more than a test has open */

static int fds_taken[FDS_MAX];
static unsigned fds_taken_n;
static struct rlimit fds_old;

/* Exactly n can still be opened. */
static UNUSED void
fds_leave(unsigned n)
{
	struct rlimit low;
	int fd;

	AZ(getrlimit(RLIMIT_NOFILE, &fds_old));
	low = fds_old;
	low.rlim_cur = FDS_MAX;
	AZ(setrlimit(RLIMIT_NOFILE, &low));
	while ((fd = dup(STDERR_FILENO)) >= 0)
		fds_taken[fds_taken_n++] = fd;
	assert_int_equal(errno, EMFILE);
	for (; n > 0; n--)
		(void)close(fds_taken[--fds_taken_n]);
}

static UNUSED void
fds_back(void)
{
	while (fds_taken_n > 0)
		(void)close(fds_taken[--fds_taken_n]);
	AZ(setrlimit(RLIMIT_NOFILE, &fds_old));
}

#endif
