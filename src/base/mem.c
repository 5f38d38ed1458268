/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/vas.h"

#define OOM(what) vas_fail(__func__, __FILE__, __LINE__, what, VAS_OOM)

/* larger than any frame: of the heap, not mapped one by one */
#define MMAP_BYTES (8 << 20)
#define KEEP_BYTES (16 << 20) /* free at the end of an arena */

void *
mem_alloc(size_t size)
{
	void *p;

	p = malloc(size != 0 ? size : 1);
	if (unlikely(p == NULL))
		OOM("malloc");
	return p;
}

void *
mem_zalloc(size_t size)
{
	return mem_calloc(1, size != 0 ? size : 1);
}

void *
mem_calloc(size_t n, size_t size)
{
	void *p;

	p = calloc(n != 0 ? n : 1, size != 0 ? size : 1);
	if (unlikely(p == NULL))
		OOM("calloc");
	return p;
}

void *
mem_realloc(void *p, size_t size)
{
	p = realloc(p, size != 0 ? size : 1);
	if (unlikely(p == NULL))
		OOM("realloc");
	return p;
}

void *
mem_reallocarray(void *p, size_t n, size_t size)
{
	size_t total;

	if (unlikely(__builtin_mul_overflow(n, size, &total)))
		OOM("reallocarray: size overflows");
	return mem_realloc(p, total);
}

void *
mem_aligned(size_t align, size_t size)
{
	void *p;

	assert(align != 0 && (align & (align - 1)) == 0);
	if (align < sizeof(void *))
		align = sizeof(void *);
	if (unlikely(posix_memalign(&p, align, size != 0 ? size : 1) != 0))
		OOM("posix_memalign");
	return p;
}

void *
mem_dup(const void *p, size_t size)
{
	void *n;

	n = mem_alloc(size);
	if (size != 0)
		memcpy(n, p, size);
	return n;
}

char *
mem_strdup(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}

char *
mem_strndup(const char *s, size_t len)
{
	char *n;

	assert(len < SIZE_MAX);
	n = mem_alloc(len + 1);
	if (len != 0)
		memcpy(n, s, len);
	n[len] = '\0';
	return n;
}

char *
mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (unlikely(n < 0))
		OOM("vasprintf");
	return s;
}

void
mem_setup(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
}

void
mem_trim(void)
{
	(void)malloc_trim(0);
}

void
mem_free(void *p)
{
	free(p);
}
