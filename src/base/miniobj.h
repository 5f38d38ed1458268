/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects with a magic number. The first member is `unsigned magic`, the
 * number is a #define next to the struct and unique in the project (make
 * check looks).
 *
 * ALLOC_OBJ(p, M)		p = a zeroed object with its magic set
 * INIT_OBJ(p, M)		the same for memory that is there already
 * FREE_OBJ(p)			wipe the magic, free, set p to NULL
 * FINI_OBJ(p)			wipe the magic of an embedded object
 * CHECK_OBJ(p, M)		assert that p, not NULL, is an M
 * CHECK_OBJ_NOTNULL(p, M)	assert that p is not NULL and is an M
 * CHECK_OBJ_ORNULL(p, M)	assert that p is NULL or an M
 * CAST_OBJ_NOTNULL(t, f, M)	t = the void pointer f, which is an M
 * TAKE_OBJ_NOTNULL(t, pf, M)	t = *pf, which is an M; *pf = NULL
 */
#ifndef BASE_MINIOBJ_H
#define BASE_MINIOBJ_H

#include <string.h>

#include "base/mem.h"
#include "base/vas.h"

#define INIT_OBJ(p, m)                       \
	do {                                 \
		memset((p), 0, sizeof *(p)); \
		(p)->magic = (m);            \
	} while (0)

#define FINI_OBJ(p)             \
	do {                    \
		(p)->magic = 0; \
	} while (0)

#define ALLOC_OBJ(p, m)                        \
	do {                                   \
		(p) = mem_zalloc(sizeof *(p)); \
		(p)->magic = (m);              \
	} while (0)

#define FREE_OBJ(p)             \
	do {                    \
		(p)->magic = 0; \
		mem_free(p);    \
		(p) = NULL;     \
	} while (0)

#define CHECK_OBJ(p, m)                    \
	do {                               \
		assert((p)->magic == (m)); \
	} while (0)

#define CHECK_OBJ_NOTNULL(p, m)            \
	do {                               \
		assert((p) != NULL);       \
		assert((p)->magic == (m)); \
	} while (0)

#define CHECK_OBJ_ORNULL(p, m)           \
	do {                             \
		if ((p) != NULL)         \
			CHECK_OBJ(p, m); \
	} while (0)

#define CAST_OBJ_NOTNULL(to, from, m)     \
	do {                              \
		(to) = (from);            \
		CHECK_OBJ_NOTNULL(to, m); \
	} while (0)

#define TAKE_OBJ_NOTNULL(to, pfrom, m)    \
	do {                              \
		assert((pfrom) != NULL);  \
		(to) = *(pfrom);          \
		*(pfrom) = NULL;          \
		CHECK_OBJ_NOTNULL(to, m); \
	} while (0)

#endif
