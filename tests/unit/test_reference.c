/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "format/reference.h"

#define T "persistent://public/default/t-partition-3"

static void
test_there_and_back(void **state)
{
	struct reference r = { .pos = { 0x0102030405060708, 9 },
		.topic = STR_LIT(T) };
	struct slice s = reference_make(&r);
	static const uint8_t head[] = { 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0,
		0, 0, 0, 9 };

	(void)state;
	assert_int_equal(s.len, sizeof head + sizeof T - 1);
	assert_memory_equal(s.p, head, sizeof head);
	memset(&r, 0, sizeof r);
	assert_ok(reference_read(s, &r));
	assert_true(pos_eq(r.pos, (struct pos){ 0x0102030405060708, 9 }));
	assert_true(str_eq(r.topic, STR_LIT(T)));
	slice_unref(&s);
}

static void
test_damaged(void **state)
{
	struct reference r = { .pos = { 1, 2 }, .topic = STR_LIT(T) };
	struct slice s = reference_make(&r);
	uint8_t *p = (uint8_t *)(uintptr_t)s.p;
	uint32_t n;

	(void)state;
	for (n = 0; n <= 17; n++)
		assert_err(
		    reference_read(slice_sub(s, 0, n), &r), ERR_MALFORMED);
	p[9] = 0x80;
	assert_err(reference_read(s, &r), ERR_MALFORMED);
	p[9] = 0;
	p[0] = 2;
	assert_err(reference_read(s, &r), ERR_MALFORMED);
	slice_unref(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
