/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/mem.h"
#include "format/rmq_name.h"

static void
names(void **state)
{
	static const struct {
		const char *ns, *local, *name;
	} t[] = {
		{ "default", "T", "T" },
		{ "default", "%RETRY%g", "%RETRY%g" },
		{ "ns", "T", "ns%T" },
		{ "ns", "%RETRY%g", "%RETRY%ns%g" },
		{ "ns", "%DLQ%g", "%DLQ%ns%g" },
		{ "ns", "%RETRY", "ns%%RETRY" },
		{ "ns", "", "ns%" },
	};
	char *name;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		name = rmq_name_make(
		    str_of(t[i].ns), str_of(t[i].local), STR_LIT("default"));
		assert_string_equal(name, t[i].name);
		mem_free(name);
	}
	assert_true(rmq_name_is_retry(STR_LIT("%RETRY%g")));
	assert_false(rmq_name_is_retry(STR_LIT("%DLQ%g")));
	assert_true(rmq_name_is_dlq(STR_LIT("%DLQ%g")));
	assert_false(rmq_name_is_dlq(STR_LIT("DLQ%g")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
