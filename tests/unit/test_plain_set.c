/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts of several files. */
#include "test.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/plain_set.h"
#include "base/mem.h"
#include "os/file.h"
#include "tests/unit/scratch.h"

static struct diag diag;

static void
put(const char *name, const char *text)
{
	assert_ok(file_write_atomic(scratch_path(name), text, strlen(text)));
}

#define ACCOUNT(key) "accounts: [{accessKey: " key ", secretKey: 12345678}]\n"

static void
assert_there(const struct plain_set *ps, const char *key, unsigned file)
{
	const struct plain_account *a = plain_set_account(ps, str_of(key));
	unsigned i;

	assert_non_null(a);
	assert_true(str_eq(a->key, str_of(key)));
	assert_true(plain_set_find(ps, str_of(key), &i));
	assert_int_equal(i, file);
}

/* Neither file nor directory, then only one of them. */
static void
test_nothing(void **state)
{
	struct plain_set *ps;
	unsigned i;

	(void)state;
	assert_ok(plain_set_read(&ps, scratch_path("n/plain_acl.yml"), &diag));
	assert_int_equal(plain_set_n(ps), 1);
	assert_string_equal(
	    plain_set_path(ps, 0), scratch_path("n/plain_acl.yml"));
	assert_null(plain_set_account(ps, str_of("account-a")));
	assert_false(plain_set_find(ps, str_of("account-a"), &i));
	plain_set_free(&ps);
	assert_ok(file_mkdirs(scratch_path("n/acl")));
	put("n/acl/a.yml", ACCOUNT("account-a"));
	assert_ok(plain_set_read(&ps, scratch_path("n/plain_acl.yml"), &diag));
	assert_int_equal(plain_set_n(ps), 2);
	assert_there(ps, "account-a", 1);
	plain_set_free(&ps);
}

static void
test_several(void **state)
{
	struct plain_set *ps, *same;
	char *text;
	size_t n;

	(void)state;
	assert_ok(file_mkdirs(scratch_path("s/acl/deep/er")));
	assert_ok(file_mkdirs(scratch_path("s/acl/.hidden")));
	put("s/plain_acl.yml", ACCOUNT("account-d"));
	put("s/acl/b.yaml",
	    "globalWhiteRemoteAddresses: [10.1.1.1]\n" ACCOUNT("account-b"));
	put("s/acl/a.yml", ACCOUNT("account-a"));
	put("s/acl/deep/er/c.yml",
	    "globalWhiteRemoteAddresses: [10.2.2.2]\n" ACCOUNT("account-c"));
	put("s/acl/.yml", "no: [yaml");
	put("s/acl/.hidden/x.yml", "no: [yaml");
	put("s/acl/a.yml.orig", "no: [yaml");
	put("s/acl/deep/empty.yml", "");
	assert_ok(plain_set_read(&ps, scratch_path("s/plain_acl.yml"), &diag));
	assert_int_equal(plain_set_n(ps), 5);
	assert_there(ps, "account-d", 0);
	assert_there(ps, "account-a", 1);
	assert_there(ps, "account-b", 2);
	assert_string_equal(
	    plain_set_path(ps, 3), scratch_path("s/acl/deep/empty.yml"));
	assert_there(ps, "account-c", 4);
	assert_true(plain_set_is_white(ps, str_of("10.1.1.1")));
	assert_true(plain_set_is_white(ps, str_of("10.2.2.2")));
	assert_false(plain_set_is_white(ps, str_of("10.2.2.1")));
	/* the same as a text, and with another file in it */
	text = plain_set_text(ps, UINT_MAX, STR_NONE, &n);
	assert_ok(plain_set_parse(&same, (struct str){ text, n }, &diag));
	assert_int_equal(plain_set_n(same), 5);
	assert_there(same, "account-c", 4);
	assert_string_equal(
	    plain_set_path(same, 2), scratch_path("s/acl/b.yaml"));
	plain_set_free(&same);
	mem_free(text);
	text = plain_set_text(ps, 2, STR_LIT(ACCOUNT("account-x")), &n);
	assert_ok(plain_set_parse(&same, (struct str){ text, n }, &diag));
	assert_there(same, "account-x", 2);
	assert_null(plain_set_account(same, str_of("account-b")));
	assert_false(plain_set_is_white(same, str_of("10.1.1.1")));
	assert_there(same, "account-c", 4);
	plain_set_free(&same);
	mem_free(text);
	plain_set_free(&ps);
	/* a plain_acl.yml that lies in acl itself */
	assert_ok(plain_set_read(&ps, scratch_path("s/acl/b.yaml"), &diag));
	assert_int_equal(plain_set_n(ps), 4);
	assert_there(ps, "account-b", 0);
	assert_there(ps, "account-a", 1);
	plain_set_free(&ps);
}

static void
test_refused(void **state)
{
	struct plain_set *ps;

	(void)state;
	assert_ok(file_mkdirs(scratch_path("r/acl")));
	put("r/plain_acl.yml", ACCOUNT("account-a"));
	put("r/acl/a.yml", ACCOUNT("account-a"));
	assert_err(plain_set_read(&ps, scratch_path("r/plain_acl.yml"), &diag),
	    ERR_INVALID_ARG);
	assert_null(ps);
	assert_non_null(strstr(diag.msg,
	    "/r/acl/a.yml: accessKey=account-a "
	    "stands in "));
	assert_non_null(strstr(diag.msg, "/r/plain_acl.yml, too"));
	put("r/acl/a.yml", ACCOUNT("short"));
	assert_err(plain_set_read(&ps, scratch_path("r/plain_acl.yml"), &diag),
	    ERR_INVALID_ARG);
	assert_non_null(strstr(diag.msg, "/r/acl/a.yml: The accessKey=short"));
	assert_ok(unlink(scratch_path("r/acl/a.yml")) == 0 ? ERR_OK : ERR_IO);
	put("r/acl/a\nb.yml", "");
	assert_err(plain_set_read(&ps, scratch_path("r/plain_acl.yml"), &diag),
	    ERR_INVALID_ARG);
	assert_null(ps);
}

static void
test_texts_that_are_none(void **state)
{
	static const char *const bad[] = { "x", "5 a\n1234", "-1 a\n", "1 \nx",
		"x a\n", "1\nx" };
	static const char nul[] = "0 a\0b\n";
	struct plain_set *ps;
	unsigned i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		assert_err(plain_set_parse(&ps, str_of(bad[i]), &diag),
		    ERR_INVALID_ARG);
		assert_null(ps);
	}
	assert_err(
	    plain_set_parse(&ps, (struct str){ nul, sizeof nul - 1 }, &diag),
	    ERR_INVALID_ARG);
	assert_ok(plain_set_parse(&ps, str_of("0 a\n0 b\n"), &diag));
	assert_int_equal(plain_set_n(ps), 2);
	plain_set_free(&ps);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_texts_that_are_none),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
