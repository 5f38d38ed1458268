/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors_file.h"

#include "base/buf.h"
#include "base/mem.h"
#include "format/rmq_batch.h"
#include "format/rmq_body.h"
#include "format/rmq_record.h"

static int
load(void **state)
{
	(void)state;
	return vectors_read("rocketmq.txt");
}

static const uint8_t *
bytes(struct str s)
{
	return (const uint8_t *)s.p;
}

static void
check_str(struct str got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.p, want, got.len);
}

/* what tests/vectors/MakeRocketmq.java put into its records */
static void
check_fields(const struct rmq_record *r, struct str all)
{
	assert_int_equal(r->size, all.len);
	assert_int_equal(r->body_crc, rmq_body_crc(r->body.p, r->body.len));
	assert_int_equal(r->queue_id, 3);
	assert_int_equal(r->flag, -2);
	assert_true(r->queue_offset == 0x0102030405060708LL);
	assert_true(r->phys_offset == 0x1112131415161718LL);
	assert_true(r->born_ms == 1700000000123LL);
	assert_true(r->store_ms == 1700000000456LL);
	assert_int_equal(r->born.port, 4001);
	assert_int_equal(r->store.port, 10911);
	assert_int_equal(r->reconsume_times, 5);
	assert_true(r->prepared_offset == 0x2122232425262728LL);
	check_str(r->body, "hello, record");
	check_str(r->topic, "TopicTest");
	assert_int_equal(r->props.len, 10 + 11 + 42);
}

static const char *const names[] = { "record.v4", "record.born6",
	"record.both6" };

static void
test_read(void **state)
{
	static const uint8_t v4[] = { 192, 168, 1, 2 };
	static const uint8_t v6[] = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 7 };
	struct rmq_record r;
	struct str all;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(names); i++) {
		all = vector_find(names[i]);
		assert_ok(rmq_record_read(bytes(all), all.len, &r));
		check_fields(&r, all);
		assert_int_equal(r.born.v6, i >= 1);
		assert_int_equal(r.store.v6, i >= 2);
		if (i == 0)
			assert_memory_equal(r.born.ip, v4, sizeof v4);
		else
			assert_memory_equal(r.born.ip, v6, sizeof v6);
	}
	assert_int_equal(r.sys_flag & RMQ_SYS_TXN_MASK, RMQ_SYS_TXN_COMMIT);
}

static void
test_write(void **state)
{
	struct rmq_record r;
	struct str all;
	uint8_t *p;
	size_t i, n;

	(void)state;
	for (i = 0; i < NELEM(names); i++) {
		all = vector_find(names[i]);
		assert_ok(rmq_record_read(bytes(all), all.len, &r));
		assert_int_equal(rmq_record_size(&r), all.len);
		p = test_malloc(all.len);
		assert_int_equal(rmq_record_write(p, &r), all.len);
		assert_memory_equal(p, all.p, all.len);
		/* the same in parts */
		memset(p, 0, all.len);
		n = rmq_record_write_head(p, &r);
		memcpy(p + n, r.body.p, r.body.len);
		n += r.body.len;
		n += rmq_record_write_tail(p + n, &r);
		assert_int_equal(n, all.len);
		assert_memory_equal(p, all.p, all.len);
		/* the bits of the hosts follow the hosts */
		r.sys_flag = 0;
		(void)rmq_record_write(p, &r);
		assert_int_equal(rmq_get_sys_flag(p) & 0xf0,
		    (i >= 1 ? 0x10 : 0) | (i >= 2 ? 0x20 : 0));
		test_free(p);
	}
}

static void
test_long_topic(void **state)
{
	static char text[RMQ_PROPS_MAX + 1];
	static const size_t lens[] = { 0, 1, 127, 128, 255, 256, 32767 };
	struct rmq_record r = { .body = STR_LIT("b") }, got;
	uint8_t *p;
	size_t i, n;

	(void)state;
	memset(text, 't', sizeof text);
	for (i = 0; i < NELEM(lens); i++) {
		r.topic = (struct str){ text, lens[i] };
		r.props = (struct str){ text, lens[NELEM(lens) - 1 - i] };
		n = rmq_record_size(&r);
		p = test_malloc(n);
		assert_int_equal(rmq_record_write(p, &r), n);
		assert_int_equal(be32_get(p + 4),
		    lens[i] > 127 ? RMQ_MAGIC_V2 : RMQ_MAGIC_V1);
		assert_ok(rmq_record_read(p, n, &got));
		assert_true(str_eq(got.topic, r.topic));
		assert_true(str_eq(got.props, r.props));
		test_free(p);
	}
	r.topic = (struct str){ text, RMQ_TOPIC_MAX + 1 };
	assert_int_equal(rmq_record_size(&r), 0);
	r.topic.len = 1;
	r.props = (struct str){ text, RMQ_PROPS_MAX + 1 };
	assert_int_equal(rmq_record_size(&r), 0);
	r.props.len = 1;
	r.body.len = (size_t)RMQ_BODY_MAX + 1;
	assert_int_equal(rmq_record_size(&r), 0);
}

static void
test_read_cut(void **state)
{
	struct rmq_record r;
	struct str all;
	uint8_t *p;
	size_t i, n, at;

	(void)state;
	for (i = 0; i < NELEM(names); i++) {
		all = vector_find(names[i]);
		for (n = 0; n < all.len; n++) {
			/* cut, and with a size that says so */
			p = test_malloc(n + 4);
			memcpy(p, all.p, n);
			assert_err(rmq_record_read(p, n, &r), ERR_MALFORMED);
			if (n >= 4) {
				be32_put(p, (uint32_t)n);
				assert_err(
				    rmq_record_read(p, n, &r), ERR_MALFORMED);
			}
			test_free(p);
		}
		/* one byte too long, and another record behind it */
		p = test_malloc(all.len + 4);
		memcpy(p, all.p, all.len);
		assert_ok(rmq_record_read(p, all.len + 4, &r));
		assert_int_equal(r.size, all.len);
		be32_put(p, (uint32_t)all.len + 1);
		assert_err(rmq_record_read(p, all.len + 4, &r), ERR_MALFORMED);
		be32_put(p, (uint32_t)all.len);
		/* a magic that is none; negative lengths */
		be32_put(p + 4, 0xcbd43194U);
		assert_err(rmq_record_read(p, all.len, &r), ERR_MALFORMED);
		be32_put(p + 4, RMQ_MAGIC_V1);
		at = rmq_at_reconsume(p) + 12;
		be32_put(p + at, 0xffffffffU);
		assert_err(rmq_record_read(p, all.len, &r), ERR_MALFORMED);
		be32_put(p + at, 13);
		assert_ok(rmq_record_read(p, all.len, &r));
		p[at + 4 + 13] = 0x80;
		assert_err(rmq_record_read(p, all.len, &r), ERR_MALFORMED);
		test_free(p);
	}
}

static void
test_fields(void **state)
{
	struct rmq_record r;
	struct str all;
	uint8_t *p;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(names); i++) {
		all = vector_find(names[i]);
		p = test_malloc(all.len);
		memcpy(p, all.p, all.len);
		assert_int_equal(rmq_get_size(p), all.len);
		assert_int_equal(rmq_get_reconsume(p), 5);
		assert_true(rmq_get_store_ms(p) == 1700000000456LL);
		assert_true(rmq_get_queue_offset(p) == 0x0102030405060708LL);
		assert_true(rmq_get_phys_offset(p) == 0x1112131415161718LL);
		rmq_put_queue_id(p, 77);
		rmq_put_queue_offset(p, 78);
		rmq_put_phys_offset(p, 79);
		rmq_put_store_ms(p, 80);
		rmq_put_reconsume(p, 81);
		rmq_put_prepared_offset(p, 82);
		rmq_put_sys_flag(p, ~0);
		assert_int_equal(rmq_get_sys_flag(p) & 0x30,
		    (i >= 1 ? 0x10 : 0) | (i >= 2 ? 0x20 : 0));
		rmq_put_sys_flag(p, RMQ_SYS_COMPRESSED);
		assert_ok(rmq_record_read(p, all.len, &r));
		assert_int_equal(r.queue_id, 77);
		assert_int_equal(r.queue_offset, 78);
		assert_int_equal(r.phys_offset, 79);
		assert_int_equal(r.store_ms, 80);
		assert_int_equal(r.reconsume_times, 81);
		assert_int_equal(r.prepared_offset, 82);
		assert_int_equal(r.sys_flag & ~0x30, RMQ_SYS_COMPRESSED);
		check_str(r.body, "hello, record");
		check_str(r.topic, "TopicTest");
		test_free(p);
	}
}

static void
test_stamp(void **state)
{
	struct entry_place place = { .index = 1000,
		.locator = 1ULL << 40,
		.store_time_ms = 1234567890123LL };
	uint8_t mem[1024];
	struct rmq_record r;
	struct str all;
	size_t i, n = 0, at = 0;

	(void)state;
	for (i = 0; i < NELEM(names); i++) {
		all = vector_find(names[i]);
		memcpy(mem + n, all.p, all.len);
		n += all.len;
	}
	rmq_record_format.stamp(mem, n, &place);
	for (i = 0; i < NELEM(names); i++) {
		assert_ok(rmq_record_read(mem + at, n - at, &r));
		assert_int_equal(r.queue_offset, 1000 + i);
		assert_true(r.phys_offset == (1LL << 40) + (int64_t)i);
		assert_true(r.store_ms == 1234567890123LL);
		check_str(r.body, "hello, record");
		at += r.size;
	}
	assert_int_equal(at, n);
}

/* ---- keys */

#define KEYS_PROPS "KEYS\1k1  shared\2UNIQ_KEY\1ABCD\2"

/* In the order in which they stand; the numbers are in logs and never change. */
static void
test_keys(void **state)
{
	struct rmq_record r = { .topic = STR_LIT("t"),
		.body = STR_LIT("b"),
		.props = STR_LIT(KEYS_PROPS) };
	uint8_t mem[512];
	uint64_t hash[8];
	size_t n = rmq_record_write(mem, &r);

	(void)state;
	assert_true(
	    rmq_key_hash(STR_LIT("shared")) == UINT64_C(0x70fadb4d820e62fa));
	/* a batch */
	memcpy(mem + n, mem, n);
	assert_int_equal(rmq_record_format.keys(mem, 2 * n, hash, 8), 6);
	for (size_t i = 0; i < 6; i += 3) {
		assert_true(hash[i] == rmq_key_hash(STR_LIT("ABCD")));
		assert_true(hash[i + 1] == rmq_key_hash(STR_LIT("k1")));
		assert_true(hash[i + 2] == rmq_key_hash(STR_LIT("shared")));
	}
	assert_int_equal(rmq_record_format.keys(mem, 2 * n, hash, 4), 4);
	assert_int_equal(rmq_record_format.keys(mem, n - 1, hash, 8), 0);
	assert_true(rmq_record_has_key(&r, STR_LIT("k1")));
	assert_true(rmq_record_has_key(&r, STR_LIT("ABCD")));
	assert_false(rmq_record_has_key(&r, STR_LIT("k")));
	assert_false(rmq_record_has_key(&r, STR_LIT("k1  shared")));
	r.props = STR_NONE;
	n = rmq_record_write(mem, &r);
	assert_int_equal(rmq_record_format.keys(mem, n, hash, 8), 0);
}

/* ---- batches */

static void
test_batch(void **state)
{
	struct str all = vector_find("batch");
	struct rmq_batch b = rmq_batch_of(all.p, all.len);
	struct rmq_batch_msg m;
	uint32_t count;
	uint8_t out[256], *p = out;
	size_t n;

	(void)state;
	assert_ok(rmq_batch_count(all.p, all.len, &count));
	assert_int_equal(count, 2);
	assert_ok(rmq_batch_next(&b, &m));
	check_str(m.body, "one");
	assert_int_equal(m.flag, 0);
	assert_int_equal(m.props.len, 17);
	assert_int_equal(rmq_batch_size(&m), 42);
	p += rmq_batch_write(p, &m);
	assert_ok(rmq_batch_next(&b, &m));
	check_str(m.body, "");
	assert_int_equal(m.flag, 7);
	assert_int_equal(m.props.len, 0);
	p += rmq_batch_write(p, &m);
	assert_err(rmq_batch_next(&b, &m), ERR_EOF);
	assert_int_equal(p - out, all.len);
	assert_memory_equal(out, all.p, all.len);
	/* the sizes of the messages are not believed */
	be32_put(out, 0xffffffffU);
	assert_ok(rmq_batch_count(out, all.len, &count));
	for (n = 0; n < all.len; n++) {
		p = test_malloc(n + 1);
		memcpy(p, all.p, n);
		/* 42: cut between the two */
		assert_err(rmq_batch_count(p, n, &count),
		    n == 42 ? ERR_OK : ERR_MALFORMED);
		test_free(p);
	}
	/* negative lengths */
	memcpy(out, all.p, all.len);
	be32_put(out + 16, 0x80000003U);
	assert_err(rmq_batch_count(out, all.len, &count), ERR_MALFORMED);
	memcpy(out, all.p, all.len);
	be16_put(out + 23, 0x8000);
	assert_err(rmq_batch_count(out, all.len, &count), ERR_MALFORMED);
	assert_err(rmq_batch_count(NULL, 0, &count), ERR_MALFORMED);
}

static void
test_unwrap(void **state)
{
	struct rmq_record outer, r, again;
	struct rmq_unwrap u;
	uint8_t out[256];
	struct str all;
	size_t n;

	(void)state;
	all = vector_find("record.v4");
	assert_ok(rmq_record_read(bytes(all), all.len, &outer));
	outer.body = vector_find("batch");
	outer.sys_flag |= RMQ_SYS_INNER_BATCH | RMQ_SYS_NEED_UNWRAP;
	outer.queue_offset = 40;
	outer.phys_offset = 50;
	rmq_unwrap_init(&u, &outer);
	assert_ok(rmq_unwrap_next(&u, &r));
	check_str(r.body, "one");
	check_str(r.topic, "TopicTest");
	assert_int_equal(r.flag, 0);
	assert_int_equal(r.sys_flag, 0);
	assert_int_equal(r.queue_offset, 40);
	assert_int_equal(r.phys_offset, 50);
	assert_ok(rmq_unwrap_next(&u, &r));
	assert_int_equal(r.flag, 7);
	assert_int_equal(r.queue_offset, 41);
	assert_int_equal(r.phys_offset, 51);
	n = rmq_record_write(out, &r);
	assert_ok(rmq_record_read(out, n, &again));
	assert_int_equal(again.body_crc, rmq_body_crc("", 0));
	assert_int_equal(again.reconsume_times, 5);
	assert_err(rmq_unwrap_next(&u, &r), ERR_EOF);
	outer.body.len--;
	rmq_unwrap_init(&u, &outer);
	assert_ok(rmq_unwrap_next(&u, &r));
	assert_err(rmq_unwrap_next(&u, &r), ERR_MALFORMED);
}

/* An inner batch is found by its own keys and by those of its messages. */
static void
test_keys_of_inner_batch(void **state)
{
	static const char *const props[] = { "UNIQ_KEY\1u0\2KEYS\1a b\2", "",
		"KEYS\1c\2UNIQ_KEY\1u2\2" };
	static const char *const want[] = { "U", "K", "u0", "a", "b", "u2",
		"c" };
	struct rmq_record r = { .topic = STR_LIT("t"),
		.sys_flag = RMQ_SYS_INNER_BATCH | RMQ_SYS_NEED_UNWRAP,
		.props = STR_LIT("UNIQ_KEY\1U\2KEYS\1K\2") };
	uint8_t body[256], rec[512];
	uint64_t hash[16];
	size_t i, n = 0, len;

	(void)state;
	for (i = 0; i < NELEM(props); i++)
		n += rmq_batch_write(body + n,
		    &(struct rmq_batch_msg){
			.body = STR_LIT("x"), .props = str_of(props[i]) });
	r.body = (struct str){ (const char *)body, n };
	len = rmq_record_write(rec, &r);
	assert_int_equal(
	    rmq_record_format.keys(rec, len, hash, NELEM(hash)), NELEM(want));
	for (i = 0; i < NELEM(want); i++)
		assert_true(hash[i] == rmq_key_hash(str_of(want[i])));
	/* no more than there is room for */
	for (i = 0; i < NELEM(want); i++)
		assert_int_equal(
		    rmq_record_format.keys(rec, len, hash, (unsigned)i), i);
	/* another record's body is only a body */
	r.sys_flag = 0;
	len = rmq_record_write(rec, &r);
	assert_int_equal(
	    rmq_record_format.keys(rec, len, hash, NELEM(hash)), 2);
}

/* ---- compressed bodies */

static void
test_inflate(void **state)
{
	static const struct {
		const char *name;
		int32_t sys_flag;
		bool modern;
	} t[] = {
		{ "body.zlib", 0x001, false },
		{ "body.lz4", 0x101, true },
		{ "body.zstd", 0x201, true },
		{ "body.zlib", 0x301, false },
	};
	struct str plain = vector_find("body.plain"), packed;
	struct buf *out, *back;
	int32_t sys;
	size_t i, n;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		packed = vector_find(t[i].name);
		sys = t[i].sys_flag | RMQ_SYS_MULTI_TAGS;
		assert_int_equal(rmq_body_is_modern(sys), t[i].modern);
		assert_ok(rmq_body_inflate(sys, packed, plain.len, &out));
		assert_int_equal(out->len, plain.len);
		assert_memory_equal(out->data, plain.p, plain.len);
		buf_unref(&out);
		/* no more than was allowed */
		assert_err(rmq_body_inflate(sys, packed, plain.len - 1, &out),
		    ERR_TOO_BIG);
		assert_err(
		    rmq_body_inflate(sys, packed, 10, &out), ERR_TOO_BIG);
		packed.len--;
		assert_err(rmq_body_inflate(sys, packed, 1 << 20, &out),
		    ERR_MALFORMED);
		packed.len = 0;
		assert_err(rmq_body_inflate(sys, packed, 1 << 20, &out),
		    ERR_MALFORMED);
		packed = vector_find(t[i].name);
		assert_ok(rmq_body_to_zlib(&sys, packed, 1 << 20, &out, &n));
		assert_int_equal(n, plain.len);
		assert_int_equal(sys, 0x301 | RMQ_SYS_MULTI_TAGS);
		assert_ok(rmq_body_inflate(sys,
		    (struct str){ (char *)out->data, out->len }, 1 << 20,
		    &back));
		assert_int_equal(back->len, plain.len);
		assert_memory_equal(back->data, plain.p, plain.len);
		buf_unref(&back);
		buf_unref(&out);
	}
	assert_err(
	    rmq_body_inflate(0x401, plain, 1 << 20, &out), ERR_NOT_SUPPORTED);
	assert_false(rmq_body_is_modern(0x100));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_long_topic),
		cmocka_unit_test(test_read_cut),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_stamp),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_unwrap),
		cmocka_unit_test(test_keys_of_inner_batch),
		cmocka_unit_test(test_inflate),
	};

	return cmocka_run_group_tests(tests, load, vectors_free);
}
