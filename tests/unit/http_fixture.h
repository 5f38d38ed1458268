/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of HTTP's handlers share. */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include "test.h"

#include <jansson.h>
#include <stdio.h>

#include "base/mem.h"
#include "tests/lib/http_rig.h"

static struct rig r;

static UNUSED int
setup(void **state)
{
	(void)state;
	rig_init(&r);
	rig_start(&r);
	return 0;
}

static UNUSED int
teardown(void **state)
{
	(void)state;
	rig_fini(&r);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static UNUSED int
call(const char *method, const char *path, const char *body)
{
	return rig_do(&r, method, path, body, "application/json");
}

/* Everything was asked for, and nothing else. */
static UNUSED void
scripted(void)
{
	assert_string_equal(r.fault, "");
	assert_int_equal(r.done_n, r.script_n);
	r.done_n = r.script_n = 0;
}

#define EXPECT(...) rig_expect(&r, &(struct rig_script){ __VA_ARGS__ })

/* Refused without asking the core: {"reason": want}; NULL: any text. */
static UNUSED void
refused(const char *method, const char *path, const char *body, int status,
    const char *want)
{
	json_t *v, *reason;

	assert_int_equal(call(method, path, body), status);
	v = json_loads(r.body, 0, NULL);
	reason = json_object_get(v, "reason");
	assert_non_null(json_string_value(reason));
	if (want != NULL)
		assert_string_equal(json_string_value(reason), want);
	json_decref(v);
	scripted();
}

/* The answer to what was scripted. */
static UNUSED void
answered(const char *method, const char *path, const char *body, int status,
    const char *want)
{
	assert_int_equal(call(method, path, body), status);
	assert_string_equal(r.body, want);
	scripted();
}

#endif
