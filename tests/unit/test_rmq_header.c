/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors_file.h"

#include <jansson.h>

#include "base/be.h"
#include "base/mem.h"
#include "format/rmq_batch.h"
#include "format/rmq_id.h"
#include "format/rmq_props.h"
#include "format/rmq_record.h"
#include "rocketmq/header.h"
#include "rocketmq/json_body.h"

static char scratch_mem[4096];
static struct rscratch scratch;
static struct rheader h;

static enum err
scan(const char *json)
{
	static char *copy;
	size_t n = strlen(json);
	enum err e;

	/* its own memory, so that a sanitizer sees a read past its end */
	mem_free(copy);
	copy = mem_alloc(n);
	memcpy(copy, json, n);
	scratch = (struct rscratch){ scratch_mem, sizeof scratch_mem, 0 };
	memset(&h, 0xa5, sizeof h);
	e = rheader_scan(&h, RHEADER_JSON, (uint8_t *)copy, n, &scratch);
	if (e != ERR_OK)
		MEM_FREE(copy);
	return e;
}

static void
check_str(struct str got, const char *want)
{
	assert_non_null(got.p);
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.p, want, got.len);
}

static void
test_scan(void **state)
{
	(void)state;
	assert_ok(scan("{\"code\":310,\"extFields\":{\"a\":\"g\",\"b\":\"t\"},"
		       "\"flag\":0,\"language\":\"JAVA\",\"opaque\":7,"
		       "\"remark\":\"r\",\"serializeTypeCurrentRPC\":\"JSON\","
		       "\"version\":479}"));
	assert_int_equal(h.code, 310);
	assert_int_equal(h.flag, 0);
	assert_int_equal(h.language, RLANG_JAVA);
	assert_int_equal(h.opaque, 7);
	assert_int_equal(h.version, 479);
	check_str(h.remark, "r");
	assert_int_equal(h.fields_n, 2);
	check_str(rheader_get(&h, "b"), "t");
	check_str(rheader_letter(&h, 'a'), "g");
	assert_null(rheader_letter(&h, 'p').p);
	assert_null(rheader_get(&h, "c").p);
	assert_false(rheader_is_response(&h));
	assert_false(rheader_is_oneway(&h));
	assert_int_equal(scratch.used, 0);

	/* what may be absent is; another order; white space; a newline after */
	assert_ok(scan(" {\t\"version\" : 317 , \"language\":\"GO\",\r\n"
		       "\"flag\":3,\"opaque\":-5,\"code\":-1 } \n"));
	assert_int_equal(h.code, -1);
	assert_int_equal(h.opaque, -5);
	assert_int_equal(h.language, RLANG_GO);
	assert_int_equal(h.fields_n, 0);
	assert_null(h.remark.p);
	assert_true(rheader_is_response(&h));
	assert_true(rheader_is_oneway(&h));
	assert_ok(scan("{}"));
	assert_int_equal(h.code, 0);
	assert_ok(scan("{\"extFields\":null,\"remark\":null,\"code\":null}"));
	assert_int_equal(h.fields_n, 0);
	assert_null(h.remark.p);
	/* no remark and an empty one are not the same */
	assert_ok(scan("{\"remark\":\"\"}"));
	check_str(h.remark, "");
}

static void
test_language(void **state)
{
	(void)state;
	assert_ok(scan("{\"language\":\"NODE_JS\"}"));
	assert_int_equal(h.language, RLANG_NODE_JS);
	assert_ok(scan("{\"language\":9}"));
	assert_int_equal(h.language, RLANG_GO);
	assert_ok(scan("{\"language\":\"COBOL\"}"));
	assert_int_equal(h.language, RLANG_OTHER);
	assert_ok(scan("{\"language\":4711}"));
	assert_int_equal(h.language, RLANG_OTHER);
	assert_string_equal(rlanguage_name(RLANG_CPP), "CPP");
	assert_string_equal(rlanguage_name(200), "OTHER");
}

static void
test_values(void **state)
{
	int64_t i64 = 1;
	int32_t i32 = 1;
	bool b = false;

	(void)state;
	assert_ok(scan("{\"extFields\":{\"s\":\"\",\"n\":-17,\"t\":true,"
		       "\"f\":\"FALSE\",\"z\":null,\"d\":1.5e3,"
		       "\"o\":{\"x\":[1,\"}\"]},\"big\":4294967296,"
		       "\"min\":\"-9223372036854775808\"}}"));
	assert_int_equal(h.fields_n, 8);
	check_str(rheader_get(&h, "s"), "");
	check_str(rheader_get(&h, "n"), "-17");
	check_str(rheader_get(&h, "d"), "1.5e3");
	check_str(rheader_get(&h, "o"), "{\"x\":[1,\"}\"]}");
	assert_null(rheader_get(&h, "z").p);
	assert_ok(rheader_i32(&h, "n", &i32));
	assert_int_equal(i32, -17);
	assert_ok(rheader_i64(&h, "big", &i64));
	assert_true(i64 == 1LL << 32);
	assert_ok(rheader_i64(&h, "min", &i64));
	assert_true(i64 == INT64_MIN);
	assert_ok(rheader_bool(&h, "t", &b));
	assert_true(b);
	assert_ok(rheader_bool(&h, "f", &b));
	assert_false(b);
	/* not set when it isn't there, or is no number */
	i64 = i32 = 77;
	assert_err(rheader_i64(&h, "z", &i64), ERR_NO_KEY);
	assert_err(rheader_i64(&h, "s", &i64), ERR_INVALID_ARG);
	assert_err(rheader_i64(&h, "d", &i64), ERR_INVALID_ARG);
	assert_err(rheader_i32(&h, "big", &i32), ERR_INVALID_ARG);
	assert_err(rheader_bool(&h, "none", &b), ERR_NO_KEY);
	assert_true(i64 == 77 && i32 == 77);
}

static void
test_numbers(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t v;
	} t[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "+12", true, 12 },
		{ "007", true, 7 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "99999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "-", false, 0 },
		{ "+", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "0x1", false, 0 },
		{ "1.0", false, 0 },
	};
	int64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		v = 99;
		if (t[i].ok) {
			assert_ok(rtext_i64(str_of(t[i].text), &v));
			assert_true(v == t[i].v);
		} else {
			assert_err(
			    rtext_i64(str_of(t[i].text), &v), ERR_INVALID_ARG);
			assert_true(v == 99);
		}
	}
	assert_err(rtext_i64(STR_NONE, &v), ERR_NO_KEY);
}

static void
test_escapes(void **state)
{
	struct str s;

	(void)state;
	assert_ok(
	    scan("{\"extFields\":{\"i\":\"KEYS\\u0001k\\u0002TAGS\\u0001"
		 "t\",\"pl\\u0061in\":\"x\\\"\\\\\\/\\b\\f\\n\\r\\ty\","
		 "\"u\":\"\\u00e9\\u20AC\\ud83d\\ude00!\","
		 "\"lone\":\"a\\ud83db\\ude00\\ud83d\","
		 "\"fj\":\"\\v\\'\\x41\\0\\7\"},\"remark\":\"\\u000a\"}"));
	check_str(rheader_get(&h, "i"), "KEYS\001k\002TAGS\001t");
	check_str(rheader_get(&h, "plain"), "x\"\\/\b\f\n\r\ty");
	check_str(
	    rheader_get(&h, "u"), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!");
	check_str(rheader_get(&h, "lone"),
	    "a\xef\xbf\xbd"
	    "b\xef\xbf\xbd\xef\xbf\xbd");
	s = rheader_get(&h, "fj");
	assert_int_equal(s.len, 5);
	assert_memory_equal(s.p, "\v'A\0\7", 5);
	check_str(h.remark, "\n");
	/* text that needs no change is where it was */
	assert_ok(scan("{\"extFields\":{\"a\":\"plain text of some length "
		       "\xc3\xa9\"}}"));
	assert_int_equal(scratch.used, 0);
	s = rheader_letter(&h, 'a');
	assert_false(
	    s.p >= scratch_mem && s.p < scratch_mem + sizeof scratch_mem);
}

/* a quote or an escape at each place of a string, for what reads words */
static void
test_long_strings(void **state)
{
	char json[256], want[64];
	size_t n, at;

	(void)state;
	for (n = 1; n < 40; n++)
		for (at = 0; at < n; at++) {
			memset(want, 'x', n);
			want[n] = '\0';
			(void)snprintf(json, sizeof json,
			    "{\"extFields\":{\"a\":\"%.*s\\n%.*s\"}}", (int)at,
			    want, (int)(n - at - 1), want);
			want[at] = '\n';
			assert_ok(scan(json));
			check_str(rheader_letter(&h, 'a'), want);
		}
}

static void
test_scratch_full(void **state)
{
	static const char json[] = "{\"extFields\":{\"a\":\"1\\n23456\\n\"}}";
	struct rscratch s;
	size_t n;
	enum err e;

	(void)state;
	for (n = 0; n < 12; n++) {
		s = (struct rscratch){ scratch_mem, n, 0 };
		e = rheader_scan(&h, RHEADER_JSON, (const uint8_t *)json,
		    sizeof json - 1, &s);
		assert_err(e, n < 8 ? ERR_TOO_BIG : ERR_OK);
		if (e == ERR_OK)
			assert_int_equal(s.used, 8);
	}
	s = (struct rscratch){ NULL, 0, 0 };
	assert_err(rheader_scan(&h, RHEADER_JSON, (const uint8_t *)json,
		       sizeof json - 1, &s),
	    ERR_TOO_BIG);
	/* an escape of four bytes that ends with the room */
	for (n = 0; n < 6; n++) {
		static const char face[] = "{\"remark\":\"\\ud83d\\ude00\"}";

		s = (struct rscratch){ scratch_mem, n, 0 };
		assert_err(rheader_scan(&h, RHEADER_JSON, (const uint8_t *)face,
			       sizeof face - 1, &s),
		    n < 4 ? ERR_TOO_BIG : ERR_OK);
	}
}

static void
test_duplicates(void **state)
{
	(void)state;
	assert_ok(scan("{\"code\":1,\"code\":2,\"extFields\":{\"x\":\"1\"},"
		       "\"extFields\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\","
		       "\"c\":\"4\",\"b\":null}}"));
	assert_int_equal(h.code, 2);
	assert_int_equal(h.fields_n, 2);
	check_str(rheader_letter(&h, 'a'), "3");
	assert_null(rheader_letter(&h, 'b').p);
	assert_null(rheader_get(&h, "b").p);
	check_str(rheader_letter(&h, 'c'), "4");
	check_str(rheader_get(&h, "c"), "4");
}

static void
test_limits(void **state)
{
	struct strbuf sb;
	unsigned n, i;

	(void)state;
	strbuf_init(&sb, 1 << 16);
	for (n = RHEADER_FIELDS_MAX; n <= RHEADER_FIELDS_MAX + 1; n++) {
		strbuf_reset(&sb);
		strbuf_adds(&sb, "{\"extFields\":{");
		for (i = 0; i < n; i++)
			strbuf_addf(
			    &sb, "%s\"f%u\":\"%u\"", i == 0 ? "" : ",", i, i);
		strbuf_adds(&sb, "}}");
		assert_err(scan(strbuf_str(&sb)),
		    n > RHEADER_FIELDS_MAX ? ERR_TOO_BIG : ERR_OK);
	}
	for (n = RHEADER_DEPTH; n <= RHEADER_DEPTH + 1; n++) {
		strbuf_reset(&sb);
		strbuf_adds(&sb, "{\"what\":");
		for (i = 0; i < n; i++)
			strbuf_adds(&sb, i % 2 ? "[" : "{\"a\":");
		strbuf_adds(&sb, "1");
		for (i = n; i-- > 0;)
			strbuf_adds(&sb, i % 2 ? "]" : "}");
		strbuf_adds(&sb, ",\"code\":5}");
		assert_err(scan(strbuf_str(&sb)),
		    n > RHEADER_DEPTH ? ERR_TOO_BIG : ERR_OK);
		if (n == RHEADER_DEPTH)
			assert_int_equal(h.code, 5);
	}
	strbuf_fini(&sb);
}

static void
test_unknown_members(void **state)
{
	(void)state;
	assert_ok(
	    scan("{\"a\":[],\"b\":{},\"c\":[1,-2.5E+7,true,null,\"\\\"\"],"
		 "\"d\":{\"e\":{\"f\":false}},\"g\":{0:\"x\",{\"h\":1}:2},"
		 "\"code\":9,\"i\":\"\\u0000]\"}"));
	assert_int_equal(h.code, 9);
}

static void
test_malformed(void **state)
{
	static const char *const bad[] = { "", " ", "{", "[]", "{}x", "{]",
		"{\"code\"}", "{\"code\":}", "{\"code\":1", "{\"code\":1,}",
		"{\"code\":1 \"flag\":2}", "{code:1}", "{\"code\":1.5}",
		"{\"code\":2147483648}", "{\"code\":\"x\"}", "{\"code\":[]}",
		"{\"code\":+1}", "{\"code\":-}", "{\"x\":1.}", "{\"x\":1e}",
		"{\"x\":nul}", "{\"x\":tru", "{\"x\":\"", "{\"x\":\"\\",
		"{\"x\":\"\\\"", "{\"x\":[1,]}", "{\"x\":[1 2]}", "{\"x\":[",
		"{\"x\":{\"y\"}}", "{\"x\":{\"y\":}}", "{\"extFields\":[]}",
		"{\"extFields\":\"x\"}", "{\"extFields\":1}",
		"{\"extFields\":{\"a\"}}", "{\"extFields\":{\"a\":}}",
		"{\"extFields\":{\"a\":\"1\",}}", "{\"extFields\":{1:\"1\"}}",
		"{\"extFields\":{\"a\":\"1\"}", "{\"remark\":\"\\q\"}",
		"{\"remark\":\"\\u12\"}", "{\"remark\":\"\\u12g4\"}",
		"{\"remark\":\"\\x1\"}", "{\"remark\":\"\\8\"}",
		"{\"remark\":\"\\", "{\"remark\":\"\\u" };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		if (scan(bad[i]) != ERR_MALFORMED)
			fail_msg("taken: %s", bad[i]);
	assert_err(rheader_scan(&h, 2, (const uint8_t *)"{}", 2, &scratch),
	    ERR_MALFORMED);
}

/* ---- binary */

static size_t
binary(
    uint8_t *b, int code, int flag, const char *remark, const char *const *kv)
{
	uint8_t *p = b, *ext;
	size_t n;

	be16_put(p, (uint16_t)code);
	p[2] = RLANG_CPP;
	be16_put(p + 3, 399);
	be32_put(p + 5, 0x80000001U);
	be32_put(p + 9, (uint32_t)flag);
	n = strlen(remark);
	be32_put(p + 13, (uint32_t)n);
	memcpy(p + 17, remark, n);
	p += 17 + n;
	ext = p;
	for (p += 4; *kv != NULL; kv += 2) {
		n = strlen(kv[0]);
		be16_put(p, (uint16_t)n);
		memcpy(p + 2, kv[0], n);
		p += 2 + n;
		n = strlen(kv[1]);
		be32_put(p, (uint32_t)n);
		memcpy(p + 4, kv[1], n);
		p += 4 + n;
	}
	be32_put(ext, (uint32_t)(p - ext - 4));
	return (size_t)(p - b);
}

static void
test_binary(void **state)
{
	static const char *const kv[] = { "topic", "T", "b", "", "topic", "U",
		NULL };
	static const char *const none[] = { NULL };
	uint8_t b[128], *cut;
	size_t n, i;

	(void)state;
	n = binary(b, 310, 2, "why", kv);
	assert_ok(rheader_scan(&h, RHEADER_BINARY, b, n, &scratch));
	assert_int_equal(h.code, 310);
	assert_int_equal(h.language, RLANG_CPP);
	assert_int_equal(h.version, 399);
	assert_int_equal(h.opaque, INT32_MIN + 1);
	assert_true(rheader_is_oneway(&h));
	check_str(h.remark, "why");
	assert_int_equal(h.fields_n, 2);
	check_str(rheader_get(&h, "topic"), "U");
	check_str(rheader_letter(&h, 'b'), "");
	for (i = 0; i < n; i++) {
		cut = test_malloc(i + 1);
		memcpy(cut, b, i);
		assert_err(rheader_scan(&h, RHEADER_BINARY, cut, i, &scratch),
		    ERR_MALFORMED);
		test_free(cut);
	}
	n = binary(b, 0, 1, "", none);
	assert_ok(rheader_scan(&h, RHEADER_BINARY, b, n, &scratch));
	assert_null(h.remark.p);
	assert_int_equal(h.fields_n, 0);
	/* lengths that are negative, or leave the frame */
	be32_put(b + 13, 0xffffffffU);
	assert_err(
	    rheader_scan(&h, RHEADER_BINARY, b, n, &scratch), ERR_MALFORMED);
	n = binary(b, 0, 1, "", none);
	be32_put(b + 17, 1);
	assert_err(
	    rheader_scan(&h, RHEADER_BINARY, b, n, &scratch), ERR_MALFORMED);
}

static void
test_binary_pop(void **state)
{
	static const char *const none[] = { NULL };
	static const int codes[] = { 200050, 200051, 200053, 200079, 200151,
		310, 3001, 11 };
	uint8_t b[64];
	size_t n, i;

	(void)state;
	for (i = 0; i < NELEM(codes); i++) {
		n = binary(b, codes[i] & 0xffff, 0, "", none);
		assert_ok(rheader_scan(&h, RHEADER_BINARY, b, n, &scratch));
		assert_int_equal(h.code, codes[i]);
	}
	/* an answer's code is what it says */
	n = binary(b, 3442, 1, "", none);
	assert_ok(rheader_scan(&h, RHEADER_BINARY, b, n, &scratch));
	assert_int_equal(h.code, 3442);
	n = binary(b, 0xffff, 0, "", none);
	assert_ok(rheader_scan(&h, RHEADER_BINARY, b, n, &scratch));
	assert_int_equal(h.code, -1);
}

/* ---- writing */

static void
round_trip(unsigned type, struct str text)
{
	struct rframe fr;
	struct rout o;
	int64_t v = 0;
	bool b = false;

	rout_init(&o, 1 << 16);
	rout_begin(&o, type, -7, INT32_MIN, RHEADER_RESPONSE, text);
	rout_str(&o, "msgId", text);
	rout_str(&o, "none", STR_NONE);
	rout_i64(&o, "min", INT64_MIN);
	rout_i64(&o, "max", INT64_MAX);
	rout_i32(&o, "zero", 0);
	rout_bool(&o, "yes", true);
	rout_bool(&o, "no", false);
	assert_ok(rout_end(&o, 0));
	assert_int_equal(
	    rframe_parse((uint8_t *)o.sb.p, o.sb.len, &fr), RFRAME_OK);
	assert_int_equal(fr.type, type);
	assert_int_equal(fr.body_n, 0);
	scratch = (struct rscratch){ scratch_mem, sizeof scratch_mem, 0 };
	assert_ok(rheader_scan(&h, fr.type, fr.header, fr.header_n, &scratch));
	assert_int_equal(h.code, -7);
	assert_int_equal(h.opaque, INT32_MIN);
	assert_int_equal(h.flag, RHEADER_RESPONSE);
	assert_int_equal(h.language, RLANG_JAVA);
	assert_int_equal(h.version, RHEADER_VERSION);
	assert_true(str_eq(h.remark, text));
	assert_int_equal(h.fields_n, 6);
	assert_true(str_eq(rheader_get(&h, "msgId"), text));
	assert_ok(rheader_i64(&h, "min", &v));
	assert_true(v == INT64_MIN);
	assert_ok(rheader_i64(&h, "max", &v));
	assert_true(v == INT64_MAX);
	assert_ok(rheader_i64(&h, "zero", &v));
	assert_true(v == 0);
	assert_ok(rheader_bool(&h, "yes", &b));
	assert_true(b);
	assert_ok(rheader_bool(&h, "no", &b));
	assert_false(b);
	rout_fini(&o);
}

static void
test_round_trip(void **state)
{
	char all[129];
	unsigned i;

	(void)state;
	/* every byte of ASCII, then some of the rest of Unicode */
	for (i = 0; i < 128; i++)
		all[i] = (char)(127 - i);
	round_trip(RHEADER_JSON, (struct str){ all, 128 });
	round_trip(RHEADER_BINARY, (struct str){ all, 128 });
	round_trip(
	    RHEADER_JSON, STR_LIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
	round_trip(RHEADER_BINARY, STR_LIT("\xff\xfe\0\x80"));
}

/* Another reader, one that is strict, takes what we write. */
static void
test_json_is_json(void **state)
{
	json_t *js, *ext;
	struct rout o;
	unsigned i;
	char bytes[3];

	(void)state;
	rout_init(&o, 1 << 16);
	for (i = 0; i < 256; i++) {
		bytes[0] = 'a';
		bytes[1] = (char)i;
		bytes[2] = (char)(i ^ 0x40);
		rout_begin(&o, RHEADER_JSON, 1, 2, 1,
		    (struct str){ bytes, sizeof bytes });
		rout_str(&o, "x", (struct str){ bytes, sizeof bytes });
		assert_ok(rout_end(&o, 10));
		assert_int_equal(be32_get(o.sb.p), o.sb.len - 4 + 10);
		js = json_loadb(o.sb.p + 8, o.sb.len - 8, JSON_ALLOW_NUL, NULL);
		assert_non_null(js);
		ext = json_object_get(js, "extFields");
		assert_true(json_is_string(json_object_get(ext, "x")));
		json_decref(js);
	}
	/* extFields is there if there is nothing in it */
	rout_begin(&o, RHEADER_JSON, 1, 2, 1, STR_NONE);
	assert_ok(rout_end(&o, 0));
	js = json_loadb(o.sb.p + 8, o.sb.len - 8, 0, NULL);
	assert_non_null(js);
	assert_int_equal(json_object_size(json_object_get(js, "extFields")), 0);
	assert_null(json_object_get(js, "remark"));
	json_decref(js);
	rout_fini(&o);
}

static void
test_rout_limits(void **state)
{
	struct rout o;
	unsigned type;

	(void)state;
	for (type = RHEADER_JSON; type <= RHEADER_BINARY; type++) {
		rout_init(&o, 160);
		rout_begin(&o, type, 1, 2, 1, STR_NONE);
		rout_str(&o, "n",
		    STR_LIT("0123456789012345678901234567890123"
			    "45678901234567890123456789"));
		rout_i64(&o, "name", 12345678901234567LL);
		rout_i64(&o, "other", 12345678901234567LL);
		rout_str(&o, "xx", STR_LIT("01234567890123456789012345"));
		rout_str(&o, "xx", STR_LIT("01234567890123456789012345"));
		assert_err(rout_end(&o, 0), ERR_TOO_BIG);
		/* the next one is not harmed */
		rout_begin(&o, type, 1, 2, 1, STR_NONE);
		assert_ok(rout_end(&o, 0));
		assert_err(rout_end(&o, INT32_MAX), ERR_TOO_BIG);
		rout_fini(&o);
	}
}

static void
test_answer(void **state)
{
	struct rout o;

	(void)state;
	rout_init(&o, 1000);
	assert_ok(scan("{\"code\":11,\"opaque\":4711}"));
	rout_answer(&o, &h, 17, STR_LIT("no topic"));
	assert_ok(rout_end(&o, 0));
	assert_ok(rheader_scan(
	    &h, RHEADER_JSON, (uint8_t *)o.sb.p + 8, o.sb.len - 8, &scratch));
	assert_int_equal(h.code, 17);
	assert_int_equal(h.opaque, 4711);
	assert_true(rheader_is_response(&h));
	rout_fini(&o);
}

/* ---- what real clients and the reference say (tests/vectors) */

static void
scan_vector(const char *name, struct rframe *fr)
{
	struct str v = vector_find(name);
	size_t n = 0;

	assert_int_equal(
	    rframe_size((const uint8_t *)v.p, v.len, RFRAME_MAX_DEFAULT, &n),
	    RFRAME_OK);
	assert_int_equal(n, v.len);
	assert_int_equal(rframe_parse((const uint8_t *)v.p, n, fr), RFRAME_OK);
	scratch = (struct rscratch){ scratch_mem, sizeof scratch_mem, 0 };
	assert_ok(
	    rheader_scan(&h, fr->type, fr->header, fr->header_n, &scratch));
}

/* the code in the name of a vector: CLIENT.SENDER.CODE.req or .resp */
static long
code_of(const char *name)
{
	const char *p = strstr(name, ".client.");

	if (p == NULL)
		p = strstr(name, ".broker.");
	return strtol(p + 8, NULL, 10);
}

static void
test_captured(void **state)
{
	struct rframe fr;
	size_t i, requests = 0, answers = 0;

	(void)state;
	for (i = 0; i < vectors_n; i++) {
		scan_vector(vectors[i].name, &fr);
		if (strstr(vectors[i].name, ".resp") != NULL) {
			assert_true(rheader_is_response(&h));
			assert_int_equal(h.language, RLANG_JAVA);
			answers++;
			continue;
		}
		assert_false(rheader_is_response(&h));
		assert_int_equal(h.code, code_of(vectors[i].name));
		assert_int_equal(fr.type,
		    strstr(vectors[i].name, "-binary.client.") != NULL ?
			RHEADER_BINARY :
			RHEADER_JSON);
		requests++;
	}
	assert_true(requests > 30 && answers > 25);
}

static void
test_captured_send(void **state)
{
	static const char *const v2[] = { "java-4.9.8.client.310.req",
		"java-5.1.4-binary.client.310.req" };
	struct rmq_uniq uniq;
	struct rframe fr;
	struct str s;
	int32_t i32 = -1;
	bool batch = true;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(v2); i++) {
		scan_vector(v2[i], &fr);
		assert_int_equal(h.language, RLANG_JAVA);
		check_str(rheader_letter(&h, 'a'), "capp");
		assert_ok(rtext_i32(rheader_letter(&h, 'd'), &i32));
		assert_int_equal(i32, 4);
		assert_ok(rtext_bool(rheader_letter(&h, 'm'), &batch));
		assert_false(batch);
		s = rheader_letter(&h, 'i');
		check_str(rmq_props_get(s, RMQ_PROP_KEYS), "k1 k2");
		check_str(rmq_props_get(s, RMQ_PROP_TAGS), "TagA");
		check_str(rmq_props_get(s, STR_LIT("user")),
		    "\xc3\xa4\xe6\xb6\x88\"\\");
		assert_ok(
		    rmq_uniq_read(rmq_props_get(s, RMQ_PROP_UNIQ_KEY), &uniq));
		check_str(
		    (struct str){ (const char *)fr.body, fr.body_n }, "hello");
	}
	scan_vector("go-2.1.2.client.10.req", &fr);
	assert_int_equal(h.language, RLANG_GO);
	assert_int_equal(h.version, 317);
	check_str(rheader_get(&h, "topic"), "capgot");
	check_str(rmq_props_get(rheader_get(&h, "properties"), STR_LIT("user")),
	    "v\"\\\001");
	/* the C++ library's, which ends its header with a newline */
	scan_vector("python-0.4.4.client.10.req", &fr);
	assert_int_equal(fr.header[fr.header_n - 1], '\n');
	check_str(rheader_get(&h, "topic"), "cappyt");
	scan_vector("java-4.9.8.broker.310.resp", &fr);
	assert_int_equal(h.code, 0);
	check_str(rheader_get(&h, "MSG_REGION"), "DefaultRegion");
}

/* The bodies of batches and pulls that real ones sent. */
static void
test_captured_bodies(void **state)
{
	struct rmq_record r;
	struct rframe fr;
	uint32_t n = 0;

	(void)state;
	scan_vector("java-4.9.8.client.320.req", &fr);
	assert_ok(rmq_batch_count(fr.body, fr.body_n, &n));
	assert_int_equal(n, 2);
	scan_vector("go-2.1.2.broker.11.resp", &fr);
	assert_int_equal(h.code, 0);
	assert_ok(rmq_record_read(fr.body, fr.body_n, &r));
	check_str(r.topic, "capgot");
	check_str(r.body, "hello");
	assert_int_equal(r.body_crc, rmq_body_crc(r.body.p, r.body.len));
	check_str(rmq_props_get(r.props, RMQ_PROP_CLUSTER), "DefaultCluster");
}

static void
test_captured_json(void **state)
{
	const struct jval *root;
	struct rframe fr;
	struct jdoc d;
	size_t i, bodies = 0;

	(void)state;
	jdoc_init(&d, JDOC_VALUES_MAX);
	for (i = 0; i < vectors_n; i++) {
		scan_vector(vectors[i].name, &fr);
		if (fr.body_n == 0 || fr.body[0] != '{')
			continue;
		assert_ok(jdoc_parse(&d, fr.body, fr.body_n, &root));
		assert_int_equal(root->type, JVAL_OBJECT);
		bodies++;
	}
	assert_true(bodies > 10);
	scan_vector("go-2.1.2.client.34.req", &fr);
	assert_ok(jdoc_parse(&d, fr.body, fr.body_n, &root));
	assert_non_null(jval_str(jval_get(root, "clientID")).p);
	/* written by fastjson, keys that are numbers */
	scan_vector("java-4.9.8.broker.105.resp", &fr);
	assert_ok(jdoc_parse(&d, fr.body, fr.body_n, &root));
	root =
	    jval_get(jval_first(jval_get(root, "brokerDatas")), "brokerAddrs");
	check_str(jval_str(jval_get(root, "0")), "127.0.0.2:10911");
	jdoc_fini(&d);
}

static int
load(void **state)
{
	(void)state;
	return vectors_read("captured-rocketmq.txt");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_language),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_long_strings),
		cmocka_unit_test(test_scratch_full),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_unknown_members),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_binary),
		cmocka_unit_test(test_binary_pop),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_json_is_json),
		cmocka_unit_test(test_rout_limits),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_captured),
		cmocka_unit_test(test_captured_send),
		cmocka_unit_test(test_captured_bodies),
		cmocka_unit_test(test_captured_json),
	};

	return cmocka_run_group_tests(tests, load, vectors_free);
}
