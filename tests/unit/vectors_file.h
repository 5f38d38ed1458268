/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden bytes from tests/vectors, by name. vector_find() fails the test
 * if there is no such name. The bytes live until the program ends.
 */
#ifndef TESTS_UNIT_VECTORS_FILE_H
#define TESTS_UNIT_VECTORS_FILE_H

#include <stdio.h>
#include <stdlib.h>

#include "test.h"

#include "base/mem.h"
#include "base/str.h"

struct vector {
	char name[64];
	struct str bytes;
};

static struct vector vectors[512];
static size_t vectors_n;

static inline int
vectors_read(const char *file)
{
	const char *dir = getenv("srcdir");
	char path[512], *line = NULL, *hex;
	size_t room = 0, n, i;
	unsigned byte;
	char *p;
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/tests/vectors/%s",
	    dir == NULL ? "." : dir, file);
	f = fopen(path, "r");
	if (f == NULL) {
		perror(path);
		return -1;
	}
	while (getline(&line, &room, f) > 0) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		hex = strchr(line, ' ');
		if (hex == NULL || vectors_n == NELEM(vectors))
			return -1;
		*hex++ = '\0';
		n = strspn(hex, "0123456789abcdef") / 2;
		p = test_malloc(n + 1);
		for (i = 0; i < n; i++) {
			if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
				return -1;
			p[i] = (char)byte;
		}
		(void)snprintf(vectors[vectors_n].name,
		    sizeof vectors[vectors_n].name, "%s", line);
		vectors[vectors_n++].bytes = (struct str){ p, n };
	}
	mem_free(line);
	return fclose(f);
}

static inline int
vectors_free(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < vectors_n; i++)
		test_free((void *)(uintptr_t)vectors[i].bytes.p);
	vectors_n = 0;
	return 0;
}

static inline struct str
vector_find(const char *name)
{
	size_t i;

	for (i = 0; i < vectors_n; i++) {
		if (strcmp(vectors[i].name, name) == 0)
			return vectors[i].bytes;
	}
	fail_msg("no vector %s", name);
	return STR_NONE;
}

#endif
