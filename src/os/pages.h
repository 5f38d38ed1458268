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
/* The same of PAGES_HUGE bytes, aligned to that: one page of the machine's, if the
 * system makes such for who asks (transparent_hugepage: madvise or always). What
 * is read or written directly then costs the kernel a fraction, since it pins and
 * maps each page. It is there as a whole from the first byte touched on. */
#define PAGES_HUGE ((size_t)2 << 20)
void *pages_new_huge(void);
/* The size that it was made with; p may be NULL. */
void pages_free(void *p, size_t size);

#endif
