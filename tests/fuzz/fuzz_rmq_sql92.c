/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors: compiled, and evaluated over properties.
 *
 * Input: a selector, a NUL, properties (format/rmq_props.h).
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/vas.h"
#include "rocketmq/sql92.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size }, props = STR_NONE;
	const char *nul = size != 0 ? memchr(data, '\0', size) : NULL;
	struct sql92 *s;
	struct diag d;
	bool one, two;
	enum err e;

	if (nul != NULL) {
		text.len = (size_t)(nul - text.p);
		props = (struct str){ nul + 1, size - text.len - 1 };
	}
	diag_clear(&d);
	e = sql92_new(text, &s, &d);
	if (e != ERR_OK) {
		assert(s == NULL && d.msg[0] != '\0');
		return 0;
	}
	one = sql92_match(s, props);
	two = sql92_match(s, props);
	assert(one == two);
	(void)!sql92_match(s, STR_NONE);
	sql92_free(&s);
	return 0;
}
