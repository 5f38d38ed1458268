/* SPDX-License-Identifier: Apache-2.0 */
/* The golden bytes of Pulsar's protocol, as spans. */
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include "vectors_file.h"

#include "pulsar/span_pb.h"

static inline int
vectors_load(void **state)
{
	(void)state;
	return vectors_read("pulsar.txt") == 0 &&
		vectors_read("captured.txt") == 0 ?
	    0 :
	    -1;
}

static inline struct span
vector(const char *name)
{
	struct str s = vector_find(name);

	return span_of(s.p, s.len);
}

#endif
