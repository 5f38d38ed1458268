/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "auth/white.h"

static struct diag diag;

static bool
has(const char *list, const char *ip)
{
	struct white w = { 0 };
	bool there;

	assert_int_equal(white_add(&w, str_of(list), &diag), ERR_OK);
	there = white_has(&w, str_of(ip));
	white_fini(&w);
	return there;
}

static void
refused(const char *list, const char *why)
{
	struct white w = { 0 };

	assert_int_equal(white_add(&w, str_of(list), &diag), ERR_INVALID_ARG);
	assert_string_equal(diag.msg, why);
	assert_int_equal(w.n, 0);
	white_fini(&w);
}

#define EXAMINE "Netaddress examine Exception netaddress is "
#define SCOPE "Netaddress examine scope Exception netaddress is "

static void
test_none_and_all(void **state)
{
	(void)state;
	assert_false(has("", "10.1.2.3"));
	assert_false(has("  ", "10.1.2.3"));
	assert_true(has("*", "10.1.2.3"));
	assert_true(has("*", "1::2"));
	assert_true(has("*.*.*.*", "1::2"));
	assert_true(has("*:*:*:*:*:*:*:*", "10.1.2.3"));
	assert_false(has("10.1.2.3", "no address"));
	assert_false(has("10.1.2.3", ""));
}

static void
test_v4(void **state)
{
	(void)state;
	assert_true(has("10.1.2.3", "10.1.2.3"));
	assert_true(has("10.1.2.3", "::ffff:10.1.2.3"));
	assert_false(has("10.1.2.3", "10.1.2.4"));
	assert_true(has("10.1.2.{3,5}", "10.1.2.5"));
	assert_false(has("10.1.2.{3,5}", "10.1.2.4"));
	assert_true(has("10.1.2.3,10.1.2.9", "10.1.2.9"));
	assert_true(has("10.1.2.*", "10.1.2.255"));
	assert_false(has("10.1.2.*", "10.1.3.1"));
	assert_true(has("10.1.*.*", "10.1.77.1"));
	assert_true(has("10.*.*.*", "10.9.77.1"));
	assert_true(has("10.1.2-5.*", "10.1.5.0"));
	assert_false(has("10.1.2-5.*", "10.1.6.0"));
	assert_true(has("10.1.2.3-9", "10.1.2.9"));
	assert_false(has("10.1.2.3-9", "10.1.2.10"));
	/* what follows a range counts, too */
	assert_false(has("10.1.2-5.7", "10.1.3.8"));
	assert_true(has("10.1.2-5.7", "10.1.3.7"));
	assert_false(has("10.1.2.*", "1::2"));
}

static void
test_v6(void **state)
{
	(void)state;
	assert_true(has("1050:0:0:0:5:600:300c:326b", "1050::5:600:300C:326b"));
	assert_true(has("1::2", "1:0:0:0:0:0:0:2"));
	assert_false(has("1::2", "1::3"));
	assert_true(has("1::{2,3}", "1::3"));
	assert_false(has("1::{2,3}", "1::4"));
	assert_true(has("2::ac5:78:*", "2::ac5:78:9"));
	assert_false(has("2::ac5:78:*", "2::ac5:79:9"));
	assert_true(has("2::ac5:78:1-200:*", "2:0:0:0:ac5:78:200:1"));
	assert_false(has("2::ac5:78:1-200:*", "2:0:0:0:ac5:78:201:1"));
	assert_true(has("2::ac5:78:1-20", "2::ac5:78:1f"));
	assert_true(has("1:*::", "1:2::"));
	assert_false(has("1:*::", "1:2::1"));
}

static void
test_refused(void **state)
{
	struct white w = { 0 };
	unsigned i;

	(void)state;
	refused("10.0.0.999", EXAMINE "10.0.0.999");
	refused("10.0.0.0/8", EXAMINE "10.0.0.0/8");
	refused("here", EXAMINE "here");
	refused("10.0.0.1,x", EXAMINE "x");
	refused("10.0.0.*,10.0.0.1", EXAMINE "10.0.0.*");
	refused("10.0.{1,2}",
	    "MultipleRemoteAddressStrategy has got a/some wrong format IP(s) ");
	refused("10.0.0.1{2,3}",
	    "MultipleRemoteAddressStrategy netaddress examine scope Exception "
	    "netaddress");
	refused("10.0.0.}",
	    "MultipleRemoteAddressStrategy netaddress examine "
	    "scope Exception netaddress");
	refused("10.0.0.{1,999}", EXAMINE "10.0.0.999");
	refused("10.*", SCOPE "10.*");
	refused("10.0.0.5-2", SCOPE "10.0.0.5-2");
	refused("10.0.0.-2", SCOPE "10.0.0.-2");
	refused("10.0.0.2-", SCOPE "10.0.0.2-");
	refused("10.0.0.0-256", SCOPE "10.0.0.0-256");
	refused("10.0.*.1.", SCOPE "10.0.*.1.");
	refused("1:2:*", SCOPE "1:2:*");
	refused("1::2::*", SCOPE "1::2::*");
	refused("1::g-h", SCOPE "1::g-h");
	refused("1:2:3:4:5:6:7:8::*", SCOPE "1:2:3:4:5:6:7:8::*");
	for (i = 0; i < WHITE_MAX; i++)
		assert_int_equal(white_add(&w, STR_LIT("*"), NULL), ERR_OK);
	assert_int_equal(white_add(&w, STR_LIT("*"), NULL), ERR_INVALID_ARG);
	white_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none_and_all),
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
