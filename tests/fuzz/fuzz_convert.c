/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of one protocol read by a consumer of the other: a Pulsar body
 * (envelope, metadata, compression, batch) made into records, a record made into
 * a Pulsar body. What is made has to be readable, and to hold the same messages.
 *
 * Input: a stored body of either.
 */
#include <stdlib.h>

#include "base/vas.h"
#include "format/pulsar_msgs.h"
#include "format/pulsar_of_rmq.h"
#include "format/rmq_of_pulsar.h"
#include "format/rmq_props.h"

#define PLAIN_MAX (64u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sum; /* keeps reads alive */
static char props[RMQ_PROPS_MAX];

static void
touch(struct span s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		sum += s.p[i];
}

static void
fuzz_record(const struct rmq_record *r)
{
	size_t n = rmq_record_size(r);
	uint8_t *mem = malloc(n + 1);
	struct rmq_record again;
	struct rmq_props_iter it;
	struct str name, value;
	size_t used = 0;

	assert(n != 0);
	assert(rmq_record_write(mem, r) == n);
	assert(rmq_record_read(mem, n, &again) == ERR_OK);
	assert(str_eq(again.body, r->body));
	it = rmq_props_iter(again.props);
	while (rmq_props_next(&it, &name, &value)) {
		assert(rmq_prop_valid(name, value));
		used += name.len + value.len + 2;
	}
	/* nothing that a client would pass over */
	assert(used == again.props.len);
	free(mem);
}

static void
fuzz_pulsar(const uint8_t *data, size_t size)
{
	const struct entry ent = { .index = 5, .locator = 1u << 28 };
	const struct rmq_of_pulsar c = { .ent = &ent, .topic = STR_LIT("T") };
	struct pulsar_msgs ms;
	struct pulsar_msg m;
	struct rmq_record r;
	uint32_t n = 0;

	if (pulsar_msgs_open(&ms, span_of(data, size), PLAIN_MAX) != ERR_OK)
		return;
	while (pulsar_msgs_next(&ms, &m) == ERR_OK) {
		assert(m.at == n++);
		touch(m.payload);
		touch(m.key);
		sum += pulsar_tags_code(&m.properties);
		rmq_of_pulsar(&c, &ms, &m, props, &r);
		assert(r.body.len == m.payload.n);
		fuzz_record(&r);
	}
	assert(n <= ms.n);
	pulsar_msgs_close(&ms);
}

static void
fuzz_rmq(const uint8_t *data, size_t size)
{
	struct entry ent = { .index = 5,
		.attr = { .format = ENTRY_FORMAT_ROCKETMQ, .messages_n = 3 } };
	struct slice in = { .p = data, .len = (uint32_t)size };
	struct pulsar_made made;
	struct pulsar_msgs ms;
	struct pulsar_msg m;
	uint8_t *mem;
	uint32_t n = 0;

	ent.body = slice_dup(in);
	if (pulsar_of_rmq(&ent, PLAIN_MAX, &made) == ERR_OK) {
		size = (size_t)made.head.len + made.payload.len;
		mem = malloc(size);
		memcpy(mem, made.head.p, made.head.len);
		if (made.payload.len > 0)
			memcpy(mem + made.head.len, made.payload.p,
			    made.payload.len);
		assert(pulsar_msgs_open(&ms, span_of(mem, size), PLAIN_MAX) ==
		    ERR_OK);
		while (pulsar_msgs_next(&ms, &m) == ERR_OK) {
			touch(m.payload);
			n++;
		}
		assert(n == ms.n);
		pulsar_msgs_close(&ms);
		pulsar_made_fini(&made);
		free(mem);
	}
	slice_unref(&ent.body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > (1u << 20))
		return 0;
	fuzz_pulsar(data, size);
	fuzz_rmq(data, size);
	return 0;
}
