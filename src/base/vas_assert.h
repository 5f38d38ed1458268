/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assert() of base/vas.h, by itself and without a guard: a header that must
 * include one which brings <assert.h> includes this behind it.
 */
#undef assert
#define assert(c)                                                          \
	do {                                                               \
		if (unlikely(!(c)))                                        \
			vas_fail(                                          \
			    __func__, __FILE__, __LINE__, #c, VAS_ASSERT); \
	} while (0)
