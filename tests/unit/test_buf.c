/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/buf.h"

static void
test_refs(void **state)
{
	struct buf *a, *b;
	uint64_t before = buf_total_bytes();

	(void)state;
	a = buf_new(100);
	assert_int_equal(a->cap, 100);
	assert_int_equal(buf_total_bytes() - before, 100);
	assert_true(buf_is_sole(a));
	b = buf_ref(a);
	assert_ptr_equal(a, b);
	assert_false(buf_is_sole(a));
	buf_unref(&a);
	assert_null(a);
	assert_int_equal(buf_total_bytes() - before, 100);
	buf_unref(&b);
	assert_int_equal(buf_total_bytes() - before, 0);
}

static void
test_aligned(void **state)
{
	struct buf *b;

	(void)state;
	b = buf_new_aligned(4096, 8192);
	assert_int_equal((uintptr_t)b->data & 4095, 0);
	memset(b->data, 1, b->cap);
	buf_unref(&b);
}

static void
recycle(struct buf *b, void *arg)
{
	int *n = arg;

	CHECK_OBJ_NOTNULL(b, BUF_MAGIC);
	++*n;
}

static void
test_owner(void **state)
{
	struct buf mine, *b = &mine;
	char mem[10];
	int n = 0;

	(void)state;
	buf_init(&mine, mem, sizeof mem, recycle, &n);
	buf_ref(b);
	buf_unref(&b);
	assert_int_equal(n, 0);
	b = &mine;
	buf_unref(&b);
	assert_int_equal(n, 1);
	/* and again */
	buf_init(&mine, mem, sizeof mem, recycle, &n);
	b = &mine;
	buf_unref(&b);
	assert_int_equal(n, 2);
}

static void
test_slice(void **state)
{
	struct slice s, t, u;
	struct buf *b;
	char *str;

	(void)state;
	b = buf_new(10);
	memcpy(b->data, "0123456789", 10);
	b->len = 10;
	s = slice_of(b, 2, 5);
	t = slice_ref(slice_sub(s, 1, 3));
	buf_unref(&b);
	assert_true(slice_eq_str(t, "345"));
	assert_false(slice_eq_str(t, "3456"));
	assert_false(slice_eq_str(t, "346"));
	u = slice_dup(t);
	assert_true(slice_eq(u, t));
	slice_unref(&t);
	assert_null(t.p);
	str = slice_strdup(u);
	assert_string_equal(str, "345");
	mem_free(str);
	slice_unref(&u);
	assert_true(slice_eq(slice_mem(NULL, 0), slice_str("")));
	s = slice_sub(slice_mem(NULL, 0), 0, 0);
	assert_int_equal(s.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refs),
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_slice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
