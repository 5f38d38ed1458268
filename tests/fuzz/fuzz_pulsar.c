/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every decoder of the Pulsar front-end over bytes of a peer. What decodes is
 * encoded again, and the result has to decode to the same bytes.
 *
 * Input: a frame, without its first length field.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/vas.h"
#include "pulsar/cmd.h"
#include "pulsar/frame.h"
#include "pulsar/hot.h"
#include "pulsar/peer.h"
#include "pulsar/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sum; /* keeps reads alive */

static void
touch(struct span s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		sum += s.p[i];
}

static void
fuzz_id(struct span raw)
{
	uint64_t words[16];
	struct msgid id;

	if (msgid_decode(raw, &id) != ERR_OK)
		return;
	sum += msgid_ack_set(&id, words, NELEM(words));
	touch(id.first_chunk);
	if (id.first_chunk.p != NULL)
		(void)!msgid_decode(id.first_chunk, &id);
}

static void
fuzz_rep(const struct span_rep *rep)
{
	struct span_iter it;
	struct span el, k, v;
	uint32_t n = 0;

	span_iter_init(&it, rep);
	while (span_iter_next(&it, &el)) {
		touch(el);
		fuzz_id(el);
		if (pulsar_kv_decode(el, &k, &v) == ERR_OK)
			touch(v);
		n++;
	}
	assert(n == rep->n); /* hot decoders are strict */
}

static void
fuzz_hot(struct span in)
{
	struct peer_ack_response ar;
	struct peer_message pm;
	struct peer_receipt pr;
	struct peer_error pe;
	struct hot_send send;
	struct hot_flow flow;
	struct pulsar_meta meta;
	struct hot_ack ack;
	uint64_t words[4];

	if (hot_send_decode(in, &send) == ERR_OK)
		touch(send.message_id);
	if (hot_ack_decode(in, &ack) == ERR_OK) {
		fuzz_rep(&ack.ids);
		fuzz_rep(&ack.properties);
	}
	(void)!hot_flow_decode(in, &flow);
	if (pulsar_meta_decode(in, &meta) == ERR_OK) {
		sum += pulsar_sticky_hash(&meta);
		fuzz_rep(&meta.properties);
		touch(meta.uuid);
	}
	if (peer_message_decode(in, &pm) == ERR_OK)
		sum += peer_message_ack_set(&pm, words, NELEM(words));
	(void)!peer_receipt_decode(in, &pr);
	if (peer_error_decode(in, &pe) == ERR_OK)
		touch(pe.text);
	(void)!peer_ack_response_decode(in, &ar);
}

static void
fuzz_cmd(uint32_t type, const pb_msgdesc_t *desc, size_t size, struct span in)
{
	static uint64_t msg[512], msg2[512];
	size_t n, n2;
	uint8_t *out, *out2;
	struct frame fr;
	enum err e;

	assert(size <= sizeof msg);
	if (cmd_decode_msg(in, desc, msg, size) != ERR_OK)
		return;
	n = cmd_size_frame(type, desc, msg);
	out = malloc(n);
	out2 = malloc(n);
	assert(out != NULL && out2 != NULL);
	n2 = cmd_encode_frame(out, n, type, desc, msg);
	assert(n2 == n);
	e = frame_parse(span_of(out, n), &fr);
	assert(e == ERR_OK && fr.type == type && fr.body.n == 0);
	e = cmd_decode_msg(fr.cmd, desc, msg2, size);
	assert(e == ERR_OK);
	n2 = cmd_encode_frame(out2, n, type, desc, msg2);
	assert(n2 == n && memcmp(out, out2, n) == 0);
	free(out);
	free(out2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pulsar_body fb;
	struct frame fr;
	uint8_t *in;
	size_t n;
	enum err e;

	in = malloc(size + FRAME_LENGTH_SIZE);
	assert(in != NULL);
	(void)wire_put_be32(in, (uint32_t)size);
	if (size != 0)
		memcpy(in + FRAME_LENGTH_SIZE, data, size);
	(void)!frame_size(span_of(data, size), 5 << 20, &n);
	e = frame_size(span_of(in, size + FRAME_LENGTH_SIZE), 5 << 20, &n);
	if (e == ERR_OK)
		e = frame_parse(span_of(in, n), &fr);
	if (e == ERR_OK) {
		if (fr.cmd.p != NULL)
			fuzz_hot(fr.cmd);
		switch (fr.type) {
#define CMD(name, number, m, from)                                       \
	case number:                                                     \
		fuzz_cmd(number, &pp_##m##_msg, sizeof(pp_##m), fr.cmd); \
		break;
#include "pulsar/tbl/cmd.h"
		default:
			break;
		}
		if (pulsar_body_parse(fr.body, &fb) == ERR_OK) {
			sum += pulsar_body_verify(&fb);
			touch(fb.broker);
			touch(fb.stored);
			fuzz_hot(fb.meta);
		}
	}
	free(in);
	return 0;
}
