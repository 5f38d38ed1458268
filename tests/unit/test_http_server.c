/* SPDX-License-Identifier: Apache-2.0 */
/* the server: routes, connections, clients' habits, limits, drain, end */
#include "test.h"

#include <stdio.h>

#include "http/uri.h"
#include "base/mem.h"
#include "tests/lib/http_rig.h"

static struct rig r;

static int
setup(void **state)
{
	(void)state;
	rig_init(&r);
	rig_start(&r);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	rig_fini(&r);
	return 0;
}

#define DO(method, path, body) rig_do(&r, method, path, body, NULL)
#define SCRIPTED()                                      \
	do {                                            \
		assert_string_equal(r.fault, "");       \
		assert_int_equal(r.done_n, r.script_n); \
	} while (0)

static void
expect(enum op_type op, const char *topic, enum err e)
{
	rig_expect(
	    &r, &(struct rig_script){ .op = op, .topic = topic, .err = e });
}

static void
test_uri(void **state)
{
	char *s;

	(void)state;
	assert_ok(uri_decode(&s, STR_LIT("a%2Fb+c%20d"), URI_FORM));
	assert_string_equal(s, "a/b c d");
	mem_free(s);
	assert_ok(uri_decode(&s, STR_LIT("a+b%C3%a4"), URI_PATH));
	assert_string_equal(s, "a+b\xc3\xa4");
	mem_free(s);
	assert_err(uri_decode(&s, STR_LIT("a%2"), URI_PATH), ERR_MALFORMED);
	assert_err(uri_decode(&s, STR_LIT("a%"), URI_PATH), ERR_MALFORMED);
	assert_err(uri_decode(&s, STR_LIT("a%zz"), URI_PATH), ERR_MALFORMED);
	assert_err(uri_decode(&s, STR_LIT("a%00b"), URI_PATH), ERR_MALFORMED);
	assert_err(uri_decode(&s, STR_LIT("%ff"), URI_PATH), ERR_MALFORMED);
	assert_err(uri_decode(&s, STR_LIT("%c0%80"), URI_PATH), ERR_MALFORMED);
	assert_err(
	    uri_decode(&s, STR_LIT("%ed%a0%80"), URI_PATH), ERR_MALFORMED);
	assert_null(s);
}

static void
test_routes(void **state)
{
	(void)state;
	assert_int_equal(DO("GET", "/nosuch", NULL), 404);
	assert_string_equal(r.body, "{\"reason\":\"HTTP 404 Not Found\"}");
	assert_string_equal(rig_header(&r, "Content-Type"), "application/json");
	assert_int_equal(DO("GET", "/admin/v2/nosuch/", NULL), 404);
	assert_int_equal(DO("POST", "/admin/v2/clusters", ""), 405);
	assert_string_equal(rig_header(&r, "Allow"), "GET");
	assert_int_equal(
	    DO("PATCH", "/admin/v2/persistent/public/default/a", NULL), 405);
	assert_string_equal(rig_header(&r, "Allow"), "PUT,DELETE");
	assert_int_equal(DO("GET", "/status.html", NULL), 200);
	assert_string_equal(r.body, "OK");
	assert_int_equal(DO("GET", "/status.html?x=y", NULL), 200);
	assert_int_equal(DO("GET", "/admin/v2/brokers/version", NULL), 200);
	assert_string_equal(r.body, "1.2.3");
	assert_int_equal(DO("GET", "/admin/v2/brokers/ready/", NULL), 200);
	/* numbers that are none are other paths */
	assert_int_equal(
	    DO("POST", "/admin/v2/persistent/a/b/c/subscription/s/skip/x",
		NULL),
	    404);
	assert_int_equal(
	    DO("GET", "/admin/v2/elsewhere/a/b/c/stats", NULL), 404);
	assert_int_equal(
	    DO("GET", "/admin/v2/persistent/a/b/c%zz/stats", NULL), 400);
	SCRIPTED();
}

static void
test_health(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		r.later = i == 1;
		rig_expect(&r,
		    &(struct rig_script){
			.op = OP_STATS_WALK, .fx = FX_STATS_LIST });
		rig_expect(&r,
		    &(struct rig_script){
			.op = OP_STATS_WALK, .on = 2, .fx = FX_STATS_LIST });
		assert_int_equal(
		    DO("GET", "/admin/v2/brokers/health", NULL), 200);
		assert_string_equal(r.body, "ok");
		SCRIPTED();
	}
}

/* Two requests sent at once are answered one after the other. */
static void
test_pipeline(void **state)
{
	static const char two[] = "GET /status.html HTTP/1.1\r\nHost: x\r\n\r\n"
				  "GET /nosuch HTTP/1.1\r\nHost: x\r\n\r\n";

	(void)state;
	assert_int_equal(rig_raw(&r, two, sizeof(two) - 1), 200);
	assert_int_equal(rig_wait(&r), 404);
	assert_true(r.fd >= 0);
}

/* Node's client writes {} behind a DELETE. */
static void
test_node_delete(void **state)
{
	static const char del[] =
	    "DELETE /admin/v2/persistent/public/default/a HTTP/1.1\r\n"
	    "Host: x\r\n\r\n{}";
	static const char get[] =
	    "GET /status.html HTTP/1.1\r\nHost: x\r\n\r\n";
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		rig_expect(&r,
		    &(struct rig_script){
			.op = OP_TOPIC_META, .fx = FX_TOPIC_META });
		expect(
		    OP_TOPIC_DELETE, "persistent://public/default/a", ERR_OK);
		assert_int_equal(rig_raw(&r, del, sizeof(del) - 1), 204);
	}
	assert_int_equal(rig_raw(&r, get, sizeof(get) - 1), 200);
	SCRIPTED();
}

static void
test_bytewise(void **state)
{
	static const char put[] = "PUT /admin/v2/persistent/public/default/p/"
				  "partitions HTTP/1.1\r\nHost: x\r\n"
				  "Content-Length: 5\r\n\r\n   \"2";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(put) - 1; i++)
		rig_send(&r, put + i, 1);
	assert_int_equal(rig_wait(&r), 400);
	SCRIPTED();
}

static void
test_limits(void **state)
{
	static const char big[] =
	    "PUT /admin/v2/tenants/t HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 1048577\r\n\r\n";
	static const char chunked[] =
	    "PUT /admin/v2/tenants/t HTTP/1.1\r\nHost: x\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n";
	static const char chunk[] = "10000\r\n";
	struct strbuf sb;
	int i;

	(void)state;
	assert_int_equal(rig_raw(&r, big, sizeof(big) - 1), 413);
	rig_hang_up(&r);
	strbuf_init(&sb, 4u << 20);
	strbuf_add(&sb, chunked, sizeof(chunked) - 1);
	for (i = 0; i < 20; i++) {
		strbuf_add(&sb, chunk, sizeof(chunk) - 1);
		memset(strbuf_reserve(&sb, 0x10000), ' ', 0x10000);
		strbuf_commit(&sb, 0x10000);
		strbuf_adds(&sb, "\r\n");
	}
	assert_int_equal(rig_raw(&r, sb.p, sb.len), -1); /* closed */
	strbuf_fini(&sb);
	assert_int_equal(DO("GET", "/status.html", NULL), 200);
	SCRIPTED();
}

/* The client goes away, the server goes away: while the core has not answered. */
static void
test_gone(void **state)
{
	static const char get[] =
	    "GET /admin/v2/tenants HTTP/1.1\r\nHost: x\r\n\r\n";

	(void)state;
	r.later = true;
	expect(OP_TENANT_LIST, NULL, ERR_OK);
	rig_send(&r, get, sizeof(get) - 1);
	assert_int_equal(r.held_n, 1);
	rig_hang_up(&r);
	assert_false(http_drain_done(r.http));
	rig_release(&r);
	expect(OP_TENANT_LIST, NULL, ERR_OK);
	rig_send(&r, get, sizeof(get) - 1);
	assert_int_equal(r.held_n, 1);
	http_drain(r.http);
	assert_false(http_drain_done(r.http));
	http_free(&r.http);
	assert_int_equal(r.done_n, 1);
}

static void
test_drain(void **state)
{
	static const char get[] =
	    "GET /status.html HTTP/1.1\r\nHost: x\r\n\r\n";

	(void)state;
	assert_int_equal(rig_raw(&r, get, sizeof(get) - 1), 200);
	http_drain(r.http);
	assert_true(http_drain_done(r.http));
	assert_int_equal(rig_raw(&r, get, sizeof(get) - 1), 503);
	SCRIPTED();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uri),
		cmocka_unit_test_setup_teardown(test_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_health, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipeline, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_node_delete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytewise, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
