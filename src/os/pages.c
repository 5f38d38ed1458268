/* SPDX-License-Identifier: Apache-2.0 */
#include "os/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#include "base/cdefs.h"
#include "base/vas.h"

void *
pages_new(size_t size)
{
	void *p;

	AN(size);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (unlikely(p == MAP_FAILED))
		vas_fail(__func__, __FILE__, __LINE__, "mmap", VAS_OOM);
	return p;
}

void *
pages_new_huge(void)
{
	uint8_t *p = pages_new(2 * PAGES_HUGE);
	size_t before = -(uintptr_t)p & (PAGES_HUGE - 1);

	pages_free(before > 0 ? p : NULL, before);
	p += before;
	pages_free(p + PAGES_HUGE, PAGES_HUGE - before);
	/* only advice: without, it is memory all the same */
	(void)madvise(p, PAGES_HUGE, MADV_HUGEPAGE);
	return p;
}

void
pages_free(void *p, size_t size)
{
	if (p != NULL)
		AZ(munmap(p, size));
}
