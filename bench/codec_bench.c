/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the codec costs a message: nanoseconds of each step of a publish and a
 * delivery, over one SEND of 1 KB. Not a test; run by hand.
 */
#include <stdio.h>
#include <time.h>

#include <pb_encode.h>

#include "base/crc32c.h"
#include "base/vas.h"
#include "pulsar/cmd.h"
#include "pulsar/frame.h"
#include "pulsar/hot.h"
#include "pulsar/peer.h"

#define ROUNDS 5000000
#define PAYLOAD 1024

static uint8_t body[PAYLOAD + 256];
static uint8_t frame[PAYLOAD + 512];
static size_t body_n, frame_n;
static volatile uint64_t sink;

static uint64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void
build(void)
{
	pp_MessageMetadata m = { 0 };
	struct hot_send s = {
		.producer_id = 3, .sequence_id = 123456, .num_messages = 1
	};
	pb_ostream_t os;
	uint32_t crc;
	bool ok;

	m.producer_name = span_str("standalone-0-17");
	m.sequence_id = 123456;
	m.publish_time = 1700000000123;
	m.partition_key = span_str("key-42");
	os = pb_ostream_from_buffer(body + 10, 200);
	ok = pb_encode(&os, &pp_MessageMetadata_msg, &m);
	assert(ok);
	body[0] = 0x0e;
	body[1] = 0x01;
	body[9] = (uint8_t)os.bytes_written;
	body_n = 10 + os.bytes_written + PAYLOAD;
	crc = crc32c(0, body + 6, body_n - 6);
	body[2] = (uint8_t)(crc >> 24);
	body[3] = (uint8_t)(crc >> 16);
	body[4] = (uint8_t)(crc >> 8);
	body[5] = (uint8_t)crc;
	frame_n = peer_send_encode(frame, &s, body_n);
	memcpy(frame + frame_n, body, body_n);
	frame_n += body_n;
}

static void
report(const char *what, uint64_t start)
{
	printf("%-44s %7.1f ns\n", what, (double)(now_ns() - start) / ROUNDS);
}

int
main(void)
{
	struct hot_receipt r = { 3, 123456, 0, 77, 4711 };
	struct hot_message msg = {
		.consumer_id = 1, .ledger = 77, .entry = 4711, .partition = -1
	};
	uint8_t out[HOT_MESSAGE_MAX(0)];
	struct pulsar_body fb;
	struct hot_send send;
	struct pulsar_meta meta;
	struct frame fr;
	uint64_t t;
	int i;

	build();
	t = now_ns();
	for (i = 0; i < ROUNDS; i++) {
		if (frame_parse(span_of(frame, frame_n), &fr) != ERR_OK ||
		    hot_send_decode(fr.cmd, &send) != ERR_OK ||
		    pulsar_body_parse(fr.body, &fb) != ERR_OK)
			return 1;
		sink += send.sequence_id;
	}
	report("SEND: envelope, command, body", t);
	t = now_ns();
	for (i = 0; i < ROUNDS; i++) {
		if (pulsar_meta_decode(fb.meta, &meta) != ERR_OK)
			return 1;
		sink += meta.sequence_id;
	}
	report("MessageMetadata", t);
	t = now_ns();
	for (i = 0; i < ROUNDS; i++)
		sink += pulsar_sticky_hash(&meta);
	report("sticky key hash", t);
	t = now_ns();
	for (i = 0; i < ROUNDS; i++)
		sink += pulsar_body_verify(&fb);
	report("checksum of 1 KB", t);
	t = now_ns();
	for (i = 0; i < ROUNDS; i++) {
		r.sequence_id = (uint64_t)i;
		sink += hot_send_receipt_encode(out, &r);
	}
	report("SEND_RECEIPT", t);
	t = now_ns();
	for (i = 0; i < ROUNDS; i++) {
		msg.entry = (uint64_t)i;
		sink += hot_message_encode(out, &msg, fb.stored.n);
	}
	report("MESSAGE head", t);
	return 0;
}
