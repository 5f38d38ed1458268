/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages.h - large memory straight from the system, in whole pages, zeroed. It goes
 * back at once when it is freed, where the heap would keep what lies under
 * something else; and an aligned block needs no page for bookkeeping.
 *
 * Errors: none; running out ends the process, as in base/mem.h. Any thread.
 */
#ifndef OS_PAGES_H
#define OS_PAGES_H

#include <stddef.h>

void *pages_new(size_t size);
/* The size that it was made with; p may be NULL. */
void pages_free(void *p, size_t size);

#endif
