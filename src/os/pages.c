/* SPDX-License-Identifier: Apache-2.0 */
#include "os/pages.h"

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

void
pages_free(void *p, size_t size)
{
	if (p != NULL)
		AZ(munmap(p, size));
}
