/* SPDX-License-Identifier: Apache-2.0 */
/* Ids, receipt handles, and the like. */
#include "vectors_file.h"

#include "format/rmq_id.h"
#include "format/rmq_pop.h"

#define KEY "7F0000010001AABBCCDD0102030400FF"

static struct strbuf sb;

static int
load(void **state)
{
	(void)state;
	strbuf_init(&sb, 4096);
	return vectors_read("rocketmq.txt");
}

static int
unload(void **state)
{
	strbuf_fini(&sb);
	return vectors_free(state);
}

static void
check_str(struct str got, const char *want)
{
	assert_non_null(got.p);
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.p, want, got.len);
}

/* what was written is the vector of that name */
static void
check_written(const char *name)
{
	struct str want = vector_find(name);

	assert_ok(strbuf_err(&sb));
	assert_int_equal(sb.len, want.len);
	assert_memory_equal(strbuf_str(&sb), want.p, want.len);
	strbuf_reset(&sb);
}

static void
test_offset_id(void **state)
{
	static const uint8_t v4[] = { 127, 0, 0, 1 };
	struct str four = vector_find("id.offset4");
	struct str six = vector_find("id.offset6");
	char text[RMQ_ID_MAX], lower[32];
	struct rmq_host h;
	int64_t at = 0;
	size_t i, n;

	(void)state;
	assert_ok(rmq_offset_id_read(four, &h, &at));
	assert_false(h.v6);
	assert_memory_equal(h.ip, v4, sizeof v4);
	assert_int_equal(h.port, 10911);
	assert_true(at == 0x1112131415161718LL);
	n = rmq_offset_id_put(text, &h, at);
	assert_int_equal(n, 32);
	assert_memory_equal(text, four.p, n);
	assert_ok(rmq_offset_id_read(six, &h, &at));
	assert_true(h.v6);
	assert_int_equal(h.port, 65535);
	assert_true(at == -2);
	n = rmq_offset_id_put(text, &h, at);
	assert_int_equal(n, 56);
	assert_memory_equal(text, six.p, n);
	/* small letters are read too; nothing else is */
	for (i = 0; i < sizeof lower; i++)
		lower[i] =
		    four.p[i] >= 'A' ? (char)(four.p[i] | 0x20) : four.p[i];
	assert_ok(
	    rmq_offset_id_read((struct str){ lower, sizeof lower }, &h, &at));
	assert_true(at == 0x1112131415161718LL);
	lower[31] = 'g';
	assert_err(
	    rmq_offset_id_read((struct str){ lower, sizeof lower }, &h, &at),
	    ERR_INVALID_ARG);
	for (n = 0; n < 56; n++)
		if (n != 32)
			assert_err(rmq_offset_id_read(
				       (struct str){ six.p, n }, &h, &at),
			    ERR_INVALID_ARG);
}

static void
test_month(void **state)
{
	static const struct {
		int64_t ms, month_ms;
	} t[] = {
		{ 0, 0 }, /* 1970-01-01 */
		{ -1, 31 * 86400000LL - 1 },
		{ 951782400000LL, 28 * 86400000LL }, /* 2000-02-29 */
		{ 951868800000LL, 0 }, /* 2000-03-01 */
		{ 1709164800000LL, 28 * 86400000LL }, /* 2024-02-29 */
		{ 1735689599999LL, 31 * 86400000LL - 1 }, /* end of 2024 */
		{ 1700000000123LL, 13 * 86400000LL + 80000123LL },
		{ 4107542400000LL, 0 }, /* 2100-03-01 */
		{ 4107542399999LL, 28 * 86400000LL - 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(t); i++)
		assert_int_equal(rmq_month_ms(t[i].ms), t[i].month_ms);
}

static void
test_uniq(void **state)
{
	struct rmq_uniq u, again;
	char text[RMQ_ID_MAX];
	size_t n;

	(void)state;
	assert_ok(rmq_uniq_read(STR_LIT(KEY), &u));
	assert_int_equal(u.host.ip[0], 127);
	assert_int_equal(u.pid, 1);
	assert_int_equal(u.loader, 0xaabbccddU);
	assert_int_equal(u.month_ms, 0x01020304);
	assert_int_equal(u.counter, 0xff);
	n = rmq_uniq_put(text, &u);
	assert_int_equal(n, 32);
	assert_memory_equal(text, KEY, n);
	u.host.v6 = true;
	n = rmq_uniq_put(text, &u);
	assert_int_equal(n, 56);
	assert_ok(rmq_uniq_read((struct str){ text, n }, &again));
	assert_true(again.host.v6);
	assert_int_equal(again.month_ms, u.month_ms);
	assert_err(rmq_uniq_read(STR_LIT("mine"), &u), ERR_INVALID_ARG);
	/* this month's, or else last month's: over the end of a year */
	u.month_ms = rmq_month_ms(1735689599999LL);
	assert_true(rmq_uniq_time(&u, 1735689599999LL) == 1735689599999LL);
	assert_true(rmq_uniq_time(&u, 1735689600000LL) == 1735689599999LL);
	u.month_ms = 0;
	assert_true(rmq_uniq_time(&u, 1735689600000LL) == 1735689600000LL);
}

static void
test_recall(void **state)
{
	struct str handle = vector_find("recall"), bare;
	struct rmq_recall r;
	char mem[128];

	(void)state;
	assert_ok(rmq_recall_read(handle, mem, sizeof mem, &r));
	check_str(r.topic, "TopicTest");
	check_str(r.broker, "broker-a");
	check_str(r.uniq_key, KEY);
	assert_true(r.deliver_ms == 1700000000123LL);
	rmq_recall_put(&sb, &r);
	check_written("recall");
	/* without its padding */
	bare = handle;
	while (bare.p[bare.len - 1] == '=')
		bare.len--;
	assert_ok(rmq_recall_read(bare, mem, sizeof mem, &r));
	check_str(r.uniq_key, KEY);
	assert_err(rmq_recall_read(handle, mem, 20, &r), ERR_INVALID_ARG);
	assert_err(rmq_recall_read(STR_LIT("?"), mem, sizeof mem, &r),
	    ERR_INVALID_ARG);
	assert_err(
	    rmq_recall_read(STR_NONE, mem, sizeof mem, &r), ERR_INVALID_ARG);
	/* "v2 t b 1 k", "v1 t b x k", "v1 t b 1" */
	assert_err(
	    rmq_recall_read(STR_LIT("djIgdCBiIDEgaw=="), mem, sizeof mem, &r),
	    ERR_INVALID_ARG);
	assert_err(
	    rmq_recall_read(STR_LIT("djEgdCBiIHggaw=="), mem, sizeof mem, &r),
	    ERR_INVALID_ARG);
	assert_err(
	    rmq_recall_read(STR_LIT("djEgdCBiIDE="), mem, sizeof mem, &r),
	    ERR_INVALID_ARG);
}

static void
test_handle(void **state)
{
	static const char *const bad[] = { "", "1", "1 2 3 4 0 b",
		"1 2 3 4 0  5 6", "x 2 3 4 0 b 5 6", "1 2 3 4 3 b 5 6",
		"1 2 3 4 00 b 5 6", "1 2 3 4 0 b 5 x",
		"1 2 3 4294967296 0 b 5 6", "1  2 3 4 0 b 5 6" };
	struct rmq_handle h;
	size_t i;

	(void)state;
	assert_ok(rmq_handle_read(vector_find("pop.handle"), &h));
	assert_int_equal(h.first_offset, 100);
	assert_true(h.pop_ms == 1700000000123LL);
	assert_int_equal(h.invisible_ms, 60000);
	assert_int_equal(h.revive_queue, 7);
	assert_int_equal(h.retry, RMQ_POP_NORMAL);
	check_str(h.broker, "broker-a");
	assert_int_equal(h.queue_id, 3);
	assert_int_equal(h.queue_offset, 104);
	rmq_handle_put(&sb, &h);
	check_written("pop.handle");
	assert_ok(rmq_handle_read(vector_find("pop.handle_retry"), &h));
	assert_int_equal(h.retry, RMQ_POP_RETRY);
	assert_int_equal(h.revive_queue, RMQ_POP_ORDER_QUEUE);
	rmq_handle_put(&sb, &h);
	check_written("pop.handle_retry");
	assert_ok(rmq_handle_read(vector_find("pop.handle_retry2"), &h));
	assert_int_equal(h.retry, RMQ_POP_RETRY_V2);
	assert_int_equal(h.queue_offset, -1);
	rmq_handle_put(&sb, &h);
	check_written("pop.handle_retry2");
	/* what newer clients may put behind it */
	assert_ok(rmq_handle_read(STR_LIT("1 2 3 4 0 b 5 6 7"), &h));
	assert_int_equal(h.queue_offset, 6);
	for (i = 0; i < NELEM(bad); i++)
		if (rmq_handle_read(str_of(bad[i]), &h) != ERR_INVALID_ARG)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(rmq_pop_retry_of(STR_LIT("T+x")), RMQ_POP_NORMAL);
	assert_int_equal(
	    rmq_pop_retry_of(STR_LIT("%RETRY%g_T")), RMQ_POP_RETRY);
	assert_int_equal(
	    rmq_pop_retry_of(STR_LIT("%RETRY%g+T")), RMQ_POP_RETRY_V2);
}

static void
test_pop_fields(void **state)
{
	static const int64_t offsets[] = { 100, 101, 104 };
	static const int64_t nine = 9;
	struct rmq_pop_group g;
	struct str field;
	int64_t v = 0;
	size_t i;

	(void)state;
	rmq_pop_put_start(&sb, RMQ_POP_NORMAL, 3, 100);
	rmq_pop_put_start(&sb, RMQ_POP_RETRY_V2, 0, 9);
	check_written("pop.start");
	rmq_pop_put_offsets(&sb, RMQ_POP_NORMAL, 3, offsets, NELEM(offsets));
	rmq_pop_put_offsets(&sb, RMQ_POP_RETRY, 0, &nine, 1);
	check_written("pop.offsets");
	rmq_pop_put_count(&sb, RMQ_POP_NORMAL, 3, 2);
	rmq_pop_put_count_at(&sb, RMQ_POP_NORMAL, 3, 100, 1);
	check_written("pop.counts");

	field = vector_find("pop.offsets");
	assert_ok(rmq_pop_next(&field, &g));
	assert_int_equal(g.retry, RMQ_POP_NORMAL);
	check_str(g.queue, "3");
	for (i = 0; i < NELEM(offsets); i++) {
		assert_ok(rmq_pop_next_offset(&g.value, &v));
		assert_true(v == offsets[i]);
	}
	assert_err(rmq_pop_next_offset(&g.value, &v), ERR_EOF);
	assert_ok(rmq_pop_next(&field, &g));
	assert_int_equal(g.retry, RMQ_POP_RETRY);
	assert_err(rmq_pop_next(&field, &g), ERR_EOF);
	field = vector_find("pop.counts");
	assert_ok(rmq_pop_next(&field, &g));
	assert_ok(rmq_pop_next(&field, &g));
	check_str(g.queue, "qo3%100");
	check_str(g.value, "1");
	field = STR_LIT("0 1");
	assert_err(rmq_pop_next(&field, &g), ERR_MALFORMED);
	field = STR_LIT("9 1 2");
	assert_err(rmq_pop_next(&field, &g), ERR_MALFORMED);
	field = STR_LIT("0 1 2 3");
	assert_err(rmq_pop_next(&field, &g), ERR_MALFORMED);
	field = STR_LIT("1,,2");
	assert_ok(rmq_pop_next_offset(&field, &v));
	assert_err(rmq_pop_next_offset(&field, &v), ERR_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offset_id),
		cmocka_unit_test(test_month),
		cmocka_unit_test(test_uniq),
		cmocka_unit_test(test_recall),
		cmocka_unit_test(test_handle),
		cmocka_unit_test(test_pop_fields),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
