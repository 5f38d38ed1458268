/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What RocketMQ's clients put into messages: a record, a batch body, properties,
 * a compressed body, ids and handles. A record that can be read is written
 * again, and has to be the same bytes.
 *
 * Input: any of them.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "format/rmq_batch.h"
#include "format/rmq_body.h"
#include "format/rmq_id.h"
#include "format/rmq_pop.h"
#include "format/rmq_props.h"

#define INFLATED_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sum; /* keeps reads alive */

static void
touch(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		sum += (uint8_t)s.p[i];
}

static void
fuzz_props(struct str props)
{
	struct rmq_props_iter it = rmq_props_iter(props);
	struct rmq_props_out o;
	struct str name, value, key, out, first = STR_NONE;
	size_t n = 0, m = 0, cap = props.len + 1;
	char *mem = malloc(cap + 16);

	while (rmq_props_next(&it, &name, &value)) {
		touch(name);
		touch(value);
		first = name;
		n++;
		while (rmq_keys_next(&value, &key))
			touch(key);
	}
	rmq_props_begin(&o, mem, cap);
	rmq_props_copy(&o, props);
	if (rmq_props_end(&o, &out) == ERR_OK) {
		for (it = rmq_props_iter(out);
		     rmq_props_next(&it, &name, &value); m++)
			touch(value);
		assert(n == m);
		rmq_props_set(&o, first, STR_LIT("v"));
		if (first.p != NULL && rmq_props_end(&o, &out) == ERR_OK)
			assert(rmq_props_get(out, first).len == 1);
		rmq_props_delete(&o, first);
		if (first.p != NULL && rmq_props_end(&o, &out) == ERR_OK)
			assert(rmq_props_get(out, first).p == NULL);
	}
	sum += rmq_tags_code(rmq_props_get(props, RMQ_PROP_TAGS));
	free(mem);
}

static void
fuzz_batch(struct str body)
{
	struct rmq_batch b = rmq_batch_of(body.p, body.len);
	struct rmq_batch_msg m;
	uint32_t n = 0, count;

	while (rmq_batch_next(&b, &m) == ERR_OK) {
		touch(m.body);
		fuzz_props(m.props);
		n++;
	}
	if (rmq_batch_count(body.p, body.len, &count) == ERR_OK)
		assert(count == n);
}

static void
fuzz_record(const uint8_t *data, size_t size)
{
	struct rmq_record r, in;
	struct rmq_unwrap u;
	uint8_t *copy;
	size_t n;

	if (rmq_record_read(data, size, &r) != ERR_OK)
		return;
	touch(r.body);
	touch(r.topic);
	fuzz_props(r.props);
	n = rmq_record_size(&r);
	/* V2 may hold a topic that has room in V1 */
	assert(n == r.size || n == r.size - 1);
	copy = malloc(n);
	assert(rmq_record_write(copy, &r) == n);
	if (n == r.size)
		assert(memcmp(copy, data, n) == 0);
	rmq_record_stamp(copy, n, 1, 2, 3);
	rmq_put_reconsume(copy, 4);
	rmq_put_sys_flag(copy, 0);
	assert(rmq_record_read(copy, n, &in) == ERR_OK);
	assert(in.queue_offset == 1 && in.phys_offset == 2 &&
	    in.store_ms == 3 && in.reconsume_times == 4);
	assert(str_eq(in.body, r.body) && str_eq(in.props, r.props));
	free(copy);
	rmq_unwrap_init(&u, &r);
	while (rmq_unwrap_next(&u, &in) == ERR_OK)
		touch(in.body);
}

static void
fuzz_texts(struct str s)
{
	struct rmq_recall recall;
	struct rmq_pop_group g;
	struct rmq_handle h;
	struct rmq_host host;
	struct rmq_uniq uniq;
	struct str field = s;
	char *mem = malloc(s.len + 1), id[RMQ_ID_MAX];
	int64_t at = 0;

	if (rmq_offset_id_read(s, &host, &at) == ERR_OK)
		assert(rmq_offset_id_put(id, &host, at) == s.len);
	if (rmq_uniq_read(s, &uniq) == ERR_OK) {
		assert(rmq_uniq_put(id, &uniq) == s.len);
		sum += (uint64_t)rmq_uniq_time(&uniq, 1700000000000LL);
	}
	if (rmq_handle_read(s, &h) == ERR_OK)
		touch(h.broker);
	while (rmq_pop_next(&field, &g) == ERR_OK)
		while (rmq_pop_next_offset(&g.value, &at) == ERR_OK)
			sum += (uint64_t)at;
	if (rmq_recall_read(s, mem, s.len, &recall) == ERR_OK) {
		touch(recall.topic);
		touch(recall.broker);
		touch(recall.uniq_key);
	}
	free(mem);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = { (const char *)data, size };
	struct buf *out;
	int32_t type;

	fuzz_record(data, size);
	fuzz_batch(all);
	fuzz_props(all);
	fuzz_texts(all);
	for (type = 0; type < 5; type++)
		if (rmq_body_inflate(type << RMQ_SYS_COMPRESSION_SHIFT, all,
			INFLATED_MAX, &out) == ERR_OK) {
			assert(out->len <= INFLATED_MAX);
			touch((struct str){ (char *)out->data, out->len });
			buf_unref(&out);
		}
	return 0;
}
