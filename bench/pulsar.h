/* SPDX-License-Identifier: Apache-2.0 */
/*
 * magnetar-bench's side of Pulsar's protocol.
 *
 *	pulsar_client.c		handshakes, producers and consumers are made
 *	pulsar_traffic.c	entries out, receipts and messages in, acks
 *	pulsar_topics.c		topics mode
 */
#ifndef BENCH_PULSAR_H
#define BENCH_PULSAR_H

#include "bench/bench.h"
#include "pulsar/frame.h"
#include "pulsar/peer.h"

struct consumer {
	struct link *link;
	uint64_t id;
	uint32_t used; /* permits since the last FLOW */
	struct peer_id *acks;
	uint32_t acks_n; /* entries */
	uint32_t acks_messages;
	uint64_t next_sequence; /* with one producer, in order */
	bool seen;
};

/* the answer to a request */
struct answer {
	bool come;
	uint32_t type;
	uint32_t error; /* pp_ServerError */
	uint32_t partitions;
	uint32_t lookup; /* pp_CommandLookupTopicResponse_LookupType */
	char text[256]; /* an error's, or the producer's name */
};

typedef void pulsar_frame_f(struct link *l, const struct frame *fr, void *priv);

struct pulsar {
	struct consumer *consumers;
	unsigned consumers_n;
	struct link *consumer_link;
	struct link *stalled_link;
	char (*names)[256]; /* of the producers */

	uint64_t request_id;
	struct answer answer;

	uint8_t *payload; /* a single message's, or a batch's */
	size_t stride; /* of a message in a batch */
	size_t stamp_off; /* of the time in a message of a batch */
	uint64_t key;

	/* who takes frames: pulsar_frame, or the topics mode's own */
	pulsar_frame_f *frame;
	void *frame_priv;
};

/* pulsar_client.c */
void pulsar_connect_all(struct bench *b);
void pulsar_producers_init(struct bench *b, unsigned n);

/* pulsar_traffic.c */
void pulsar_traffic_init(struct bench *b);
pulsar_frame_f pulsar_frame;
bool pulsar_send(
    struct bench *b, struct producer *pr, uint32_t n, uint64_t index);
void pulsar_flush_acks(struct bench *b);

/* pulsar_topics.c */
void pulsar_topics(struct bench *b, struct snap edge[2]);

#endif
