/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory. These never return NULL: running out ends the process with a panic,
 * because no caller can do better. What a peer sizes is bounded by its caller
 * BEFORE it comes here (ERR_TOO_BIG, ERR_BUSY).
 *
 * All sizes in bytes. Size 0 gives a pointer that may be freed. What comes
 * from any of these goes back with mem_free, which takes NULL as well; ->
 * MEM_FREE(p) also sets p to NULL. Any thread.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/cdefs.h"

void *mem_alloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *mem_zalloc(size_t size) __attribute__((malloc, alloc_size(1)));
/* n elements of size bytes, zeroed; the product may not overflow */
void *mem_calloc(size_t n, size_t size)
    __attribute__((malloc, alloc_size(1, 2)));
void *mem_realloc(void *p, size_t size) __attribute__((alloc_size(2)));
/* resize an array to n elements of size bytes */
void *mem_reallocarray(void *p, size_t n, size_t size)
    __attribute__((alloc_size(2, 3)));
/* align: a power of two; size need not be a multiple of it */
void *mem_aligned(size_t align, size_t size) __attribute__((malloc));
void *mem_dup(const void *p, size_t size) __attribute__((malloc));
char *mem_strdup(const char *s) __attribute__((malloc));
/* a NUL terminated copy of len bytes */
char *mem_strndup(const char *s, size_t len) __attribute__((malloc));
char *mem_printf(const char *fmt, ...) PRINTF(1, 2);
void mem_free(void *p);
/* Once, at the start of a process that lives long and copies much: the heap keeps
 * some MiB of free memory at hand, where it would give back the buffer of one
 * large frame and get it, page by page, for the next. */
void mem_setup(void);
/* give what is free back to the system; walks all of the heap, so when idle */
void mem_trim(void);

#define MEM_FREE(p)          \
	do {                 \
		mem_free(p); \
		(p) = NULL;  \
	} while (0)

#endif
