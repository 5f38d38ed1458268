/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: what a line is, where lines go, and what becomes of those that don't. */
#include "test.h"

#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/audit.h"
#include "base/mem.h"
#include "os/file.h"
#include "tests/unit/scratch.h"

static struct diag diag;

/* The file's lines; each is an object. */
static json_t *
lines(const char *name)
{
	json_t *all = json_array(), *js;
	char *text, *at, *end;
	size_t len;

	assert_ok(file_read(scratch_path(name), 16u << 20, &text, &len));
	for (at = text; at < text + len; at = end + 1) {
		end = strchr(at, '\n');
		assert_non_null(end);
		js = json_loadb(at, (size_t)(end - at), 0, NULL);
		assert_true(json_is_object(js));
		(void)json_array_append_new(all, js);
	}
	mem_free(text);
	return all;
}

static const char *
get(const json_t *js, size_t i, const char *key)
{
	return json_string_value(json_object_get(json_array_get(js, i), key));
}

static struct audit_event
event(const char *what)
{
	return (struct audit_event){ .protocol = "http",
		.who = STR_LIT("root"),
		.from = "127.0.0.1:1",
		.what = what,
		.on = STR_LIT("/x"),
		.result = AUDIT_DONE,
		.code = 204 };
}

static void
test_lines(void **state)
{
	char big[5000], odd[] = "a\"\n\xff\x7f";
	struct audit_event ev = event("PUT");
	struct audit *a;
	struct stat st;
	json_t *js;

	(void)state;
	assert_ok(audit_new(&a, scratch_path("a"), &diag));
	assert_true(audit_is_on(a));
	audit_write(a, &ev);
	memset(big, 'x', sizeof big);
	ev = (struct audit_event){ .protocol = "pulsar",
		.what = "CONNECT",
		.who = { odd, sizeof odd - 1 },
		.of = { big, sizeof big },
		.result = AUDIT_REFUSED,
		.code = AUDIT_NO_CODE,
		.why = "no" };
	audit_write(a, &ev);
	audit_free(&a);
	assert_int_equal(stat(scratch_path("a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	js = lines("a");
	assert_int_equal(json_array_size(js), 2);
	assert_string_equal(get(js, 0, "protocol"), "http");
	assert_string_equal(get(js, 0, "who"), "root");
	assert_string_equal(get(js, 0, "from"), "127.0.0.1:1");
	assert_string_equal(get(js, 0, "what"), "PUT");
	assert_string_equal(get(js, 0, "on"), "/x");
	assert_string_equal(get(js, 0, "result"), "done");
	assert_int_equal(
	    json_integer_value(json_object_get(json_array_get(js, 0), "code")),
	    204);
	assert_int_equal(strlen(get(js, 0, "ts")), 24);
	assert_null(get(js, 0, "why"));
	assert_string_equal(get(js, 1, "who"), "a\"\n\xef\xbf\xbd\x7f");
	assert_int_equal(strlen(get(js, 1, "for")), AUDIT_TEXT_MAX);
	assert_string_equal(get(js, 1, "result"), "refused");
	assert_string_equal(get(js, 1, "why"), "no");
	assert_null(json_object_get(json_array_get(js, 1), "code"));
	assert_null(get(js, 1, "from"));
	json_decref(js);
}

static void
test_reopen(void **state)
{
	struct audit_event ev = event("one");
	struct audit *a;
	json_t *js;

	(void)state;
	assert_ok(audit_new(&a, "", &diag));
	assert_false(audit_is_on(a));
	assert_false(audit_is_on(NULL));
	audit_write(a, &ev);
	assert_ok(audit_reopen(a, scratch_path("b"), &diag));
	assert_true(audit_is_on(a));
	audit_write(a, &ev);
	/* rotated: what was handed over before is in the old one */
	{
		char *old = mem_strdup(scratch_path("b.1"));

		assert_int_equal(rename(scratch_path("b"), old), 0);
		mem_free(old);
	}
	ev.what = "two";
	audit_write(a, &ev);
	assert_ok(audit_reopen(a, scratch_path("b"), &diag));
	ev.what = "three";
	audit_write(a, &ev);
	/* can't be opened: it goes on where it was */
	assert_int_equal(
	    audit_reopen(a, scratch_path("none/b"), &diag), ERR_NO_FILE);
	assert_non_null(strstr(diag.msg, "none/b"));
	ev.what = "four";
	audit_write(a, &ev);
	assert_ok(audit_reopen(a, "", &diag));
	ev.what = "five";
	audit_write(a, &ev);
	audit_free(&a);
	js = lines("b.1");
	assert_int_equal(json_array_size(js), 2);
	assert_string_equal(get(js, 1, "what"), "two");
	json_decref(js);
	js = lines("b");
	assert_int_equal(json_array_size(js), 2);
	assert_string_equal(get(js, 0, "what"), "three");
	assert_string_equal(get(js, 1, "what"), "four");
	json_decref(js);
	assert_int_equal(
	    audit_new(&a, scratch_path("none/b"), &diag), ERR_NO_FILE);
}

/* Refusals are limited, changes are not, and what is missing is told. */
static void
test_refusals(void **state)
{
	struct audit_event ev = event("GET");
	struct audit_stats st;
	struct audit *a;
	uint64_t kept;
	json_t *js;
	size_t i, told = 0, done = 0;
	const unsigned n = 20 * AUDIT_REFUSALS_PER_S;

	(void)state;
	assert_ok(audit_new(&a, scratch_path("c"), &diag));
	ev.result = AUDIT_REFUSED;
	for (i = 0; i < n; i++)
		audit_write(a, &ev);
	ev.result = AUDIT_DONE;
	audit_write(a, &ev);
	audit_get_stats(a, &st);
	assert_true(st.dropped > 0);
	kept = n - st.dropped;
	/* some seconds may have begun meanwhile */
	assert_true(kept >= AUDIT_REFUSALS_PER_S && kept < n / 2);
	audit_free(&a);
	js = lines("c");
	assert_int_equal(json_array_size(js), kept + 1);
	for (i = 0; i < json_array_size(js); i++) {
		told += (size_t)json_integer_value(
		    json_object_get(json_array_get(js, i), "dropped"));
		done += strcmp(get(js, i, "result"), "done") == 0;
	}
	assert_int_equal(told, st.dropped);
	assert_int_equal(done, 1);
	json_decref(js);
}

static void
test_full(void **state)
{
	struct audit_event ev = event("PUT");
	struct audit_stats st;
	struct audit *a;
	uint64_t i;
	json_t *js;

	(void)state;
	assert_ok(audit_new(&a, "/dev/full", &diag));
	/* the second tells of the first, and is lost as well */
	for (i = 1; i <= 2; i++) {
		audit_write(a, &ev);
		do
			audit_get_stats(a, &st);
		while (st.dropped < i);
	}
	assert_int_equal(st.written, 0);
	/* there is room again */
	assert_ok(audit_reopen(a, scratch_path("d"), &diag));
	audit_write(a, &ev);
	audit_free(&a);
	js = lines("d");
	assert_int_equal(json_array_size(js), 1);
	assert_int_equal(json_integer_value(
			     json_object_get(json_array_get(js, 0), "dropped")),
	    2);
	json_decref(js);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_reopen),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
