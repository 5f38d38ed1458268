/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors.h"

#include "pulsar/cmd.h"
#include "pulsar/frame.h"
#include "pulsar/wire.h"

static void
test_size(void **state)
{
	static const uint8_t five[] = { 0, 0, 0, 5, 0, 0, 0, 0, 0 };
	static const uint8_t ok[] = { 0, 0, 0, 9, 0 };
	static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 1 };
	size_t n = 77;

	(void)state;
	assert_int_equal(frame_size(span_of(ok, 0), 100, &n), ERR_OK);
	assert_int_equal(n, 0);
	assert_int_equal(frame_size(span_of(ok, 3), 100, &n), ERR_OK);
	assert_int_equal(n, 0);
	assert_int_equal(frame_size(span_of(ok, 4), 100, &n), ERR_OK);
	assert_int_equal(n, 13);
	/* the limit counts the length field */
	assert_int_equal(frame_size(span_of(ok, 4), 13, &n), ERR_OK);
	assert_int_equal(frame_size(span_of(ok, 4), 12, &n), ERR_TOO_BIG);
	assert_int_equal(n, 0);
	assert_int_equal(frame_size(span_of(five, 9), 100, &n), ERR_MALFORMED);
	assert_int_equal(
	    frame_size(span_of(huge, 5), 5 << 20, &n), ERR_TOO_BIG);
}

static enum err
parse_cmd(const uint8_t *cmd, size_t cmd_n, uint32_t claim, struct frame *fr)
{
	uint8_t buf[128];

	(void)wire_put_be32(buf, (uint32_t)cmd_n + 4);
	(void)wire_put_be32(buf + 4, claim);
	memcpy(buf + 8, cmd, cmd_n);
	return frame_parse(span_of(buf, cmd_n + 8), fr);
}

static void
test_parse(void **state)
{
	/* type 11, its submessage */
	static const uint8_t flow[] = { 8, 11, 0x5a, 4, 8, 2, 16, 1 };
	/* the submessage comes first, another one too */
	static const uint8_t late[] = { 0x5a, 2, 8, 2, 0x52, 1, 9, 8, 11 };
	static const uint8_t no_type[] = { 0x5a, 2, 8, 2 };
	static const uint8_t alone[] = { 8, 18 };
	static const uint8_t unknown[] = { 8, 99, 0x9a, 6, 1, 7 };
	static const uint8_t group[] = { 8, 11, 0x13 };
	static const uint8_t zero_tag[] = { 8, 11, 0, 0 };
	static const uint8_t cut[] = { 8, 11, 0x5a, 9, 8, 2, 16, 1 };
	static const uint8_t big_type[] = { 8, 0xff, 0xff, 0xff, 0xff, 0xff,
		1 };
	struct frame fr;

	(void)state;
	assert_int_equal(parse_cmd(flow, sizeof flow, sizeof flow, &fr), 0);
	assert_int_equal(fr.type, CMD_FLOW);
	assert_int_equal(fr.cmd.n, 4);
	assert_int_equal(fr.body.n, 0);
	/* bytes after the command are its body */
	assert_int_equal(parse_cmd(flow, sizeof flow, 2, &fr), 0);
	assert_int_equal(fr.body.n, 6);
	assert_null(fr.cmd.p);
	assert_int_equal(parse_cmd(late, sizeof late, sizeof late, &fr), 0);
	assert_int_equal(fr.type, CMD_FLOW);
	assert_int_equal(fr.cmd.n, 2);
	assert_int_equal(parse_cmd(alone, sizeof alone, sizeof alone, &fr), 0);
	assert_int_equal(fr.type, CMD_PING);
	assert_null(fr.cmd.p);
	assert_int_equal(
	    parse_cmd(unknown, sizeof unknown, sizeof unknown, &fr), 0);
	assert_int_equal(fr.type, 99);
	assert_int_equal(fr.cmd.n, 1);

#define BAD(a) \
	assert_int_equal(parse_cmd(a, sizeof a, sizeof a, &fr), ERR_MALFORMED)
	BAD(no_type);
	BAD(group);
	BAD(zero_tag);
	BAD(cut);
	BAD(big_type);
	/* a command longer than its frame; an empty one */
	assert_int_equal(
	    parse_cmd(flow, sizeof flow, sizeof flow + 1, &fr), ERR_MALFORMED);
	assert_int_equal(
	    parse_cmd(flow, sizeof flow, UINT32_MAX, &fr), ERR_MALFORMED);
	assert_int_equal(parse_cmd(flow, sizeof flow, 0, &fr), ERR_MALFORMED);
}

static struct pulsar_body
body_of(const char *name)
{
	struct pulsar_body fb;
	struct frame fr;

	assert_int_equal(frame_parse(vector(name), &fr), ERR_OK);
	assert_int_equal(pulsar_body_parse(fr.body, &fb), ERR_OK);
	return fb;
}

static void
test_body(void **state)
{
	struct pulsar_body fb, plain;

	(void)state;
	plain = fb = body_of("send.plain");
	assert_true(fb.has_crc);
	assert_true(pulsar_body_verify(&fb));
	assert_null(fb.broker.p);
	assert_true(span_eq(fb.payload, span_str("hello")));
	assert_true(span_eq(fb.meta, vector("meta.min")));
	assert_int_equal(fb.stored.n, 6 + 4 + fb.meta.n + 5);

	fb = body_of("send.no_crc");
	assert_false(fb.has_crc);
	assert_true(pulsar_body_verify(&fb));
	assert_true(span_eq(fb.payload, span_str("hello")));
	assert_int_equal(fb.stored.n, fb.summed.n);

	fb = body_of("send.bad_crc");
	assert_true(fb.has_crc);
	assert_false(pulsar_body_verify(&fb));

	fb = body_of("send.empty_payload");
	assert_true(pulsar_body_verify(&fb));
	assert_int_equal(fb.payload.n, 0);

	/* the broker's part is told from what is stored */
	fb = body_of("message.full");
	assert_non_null(fb.broker.p);
	assert_true(span_eq(fb.stored, plain.stored));
}

static void
test_body_cut(void **state)
{
	struct pulsar_body fb;
	struct frame fr;
	uint8_t *copy;
	size_t n;

	(void)state;
	assert_int_equal(frame_parse(vector("message.full"), &fr), ERR_OK);
	for (n = 0; n < fr.body.n - 5; n++) {
		copy = test_malloc(n + 1);
		memcpy(copy, fr.body.p, n);
		assert_int_equal(
		    pulsar_body_parse(span_of(copy, n), &fb), ERR_MALFORMED);
		test_free(copy);
	}
	assert_int_equal(
	    pulsar_body_parse((struct span){ 0 }, &fb), ERR_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_body_cut),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_free);
}
