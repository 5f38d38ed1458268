/* SPDX-License-Identifier: Apache-2.0 */
/*
 * magnetar-bench, inside. One thread and one epoll loop: turn() waits and
 * handles what came; in between the driver (drive.c) sends what is due.
 *
 *	client.c	handshakes, producers and consumers are made, answers
 *	traffic.c	entries out, receipts and messages in, acks
 *	drive.c		the clock: warm-up, window, drain; rate or flat out;
 *			backlog mode
 *	topics.c	topics mode
 *	report.c	progress line, table row, JSON
 *
 * Time is CLOCK_MONOTONIC in ns. A message's payload starts with the time at
 * which it was meant to be sent (if it has 8 bytes or more), so end to end
 * latency is known for what this process sent.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "bench/hist.h"
#include "bench/link.h"
#include "bench/opts.h"
#include "bench/proc.h"
#include "pulsar/peer.h"

/* an entry that awaits its receipt */
struct pending {
	uint64_t sequence;
	uint64_t index; /* rate mode: of its first message */
	int64_t sent_ns; /* flat out: when */
	uint32_t n; /* messages */
};

struct producer {
	struct link *link;
	uint64_t id;
	char name[256];
	uint64_t sequence; /* of the next message */
	uint32_t inflight; /* messages */
	struct pending *ring;
	uint32_t ring_n; /* a power of two */
	uint32_t head, tail; /* head: the oldest */
	bool blocked; /* by `outstanding`, at a rate */
};

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

/* what was counted since the start */
struct counters {
	uint64_t published; /* messages with a receipt */
	uint64_t received; /* messages */
	uint64_t received_bytes; /* payload */
	uint64_t redelivered;
	uint64_t bad_checksum;
	uint64_t failed; /* messages with a SEND_ERROR */
	uint64_t gaps; /* messages missing between two of a consumer */
	uint64_t doubles; /* messages that came before */
};

struct snap {
	int64_t at_ns;
	struct counters c;
	struct proc broker;
	double own_cpu_s;
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

struct bench {
	const struct opts *o;
	int ep;
	int64_t now_ns; /* since the last wait or read */

	struct link *links;
	unsigned links_n;
	struct producer *producers;
	unsigned producers_n;
	struct consumer *consumers;
	unsigned consumers_n;
	struct link *consumer_link;
	struct link *stalled_link;

	uint64_t request_id;
	struct answer answer;

	uint8_t *payload; /* a single message's, or a batch's */
	size_t stride; /* of a message in a batch */
	size_t stamp_off; /* of the time in a message of a batch */
	uint64_t key;

	/* who takes frames: traffic_frame, or topics.c's own */
	link_frame_f *frame;
	void *frame_priv;

	struct counters c;
	char first_error[256];

	/* rate mode: message i is meant to go at start + i / rate */
	int64_t start_ns;
	/* what is measured is meant to be sent in here */
	int64_t window_ns[2];
	struct hist publish;
	struct hist e2e;
	struct hist publish_now; /* since the last progress line */
};

/* client.c */
void client_connect(struct bench *b, struct link *l);
/* Makes all connections, producers and consumers that the options ask for. */
void client_setup(struct bench *b);
/* The connections only. */
void client_connect_all(struct bench *b);
void client_producers(struct bench *b);
/* The answers of this set of consumers are expected at once. */
void client_consumers(struct bench *b, bool earliest);
void client_close_consumers(struct bench *b);
/* the last acks are answered: the broker has them all */
void client_sync_acks(struct bench *b);
void client_fini(struct bench *b);

/* traffic.c */
void traffic_init(struct bench *b);
void traffic_frame(struct link *l, const struct frame *fr, void *priv);
/*
 * Sends an entry of n messages; index is that of the first (rate mode). false:
 * this producer may not send so much now.
 */
bool traffic_send(
    struct bench *b, struct producer *pr, uint32_t n, uint64_t index);
void traffic_flush_acks(struct bench *b);
int64_t traffic_intended_ns(const struct bench *b, uint64_t index);

/* topics.c */
void topics_make(struct bench *b, struct snap edge[2]);

/* drive.c */
/* Waits until wake_ns at the latest and handles what came. */
void turn(struct bench *b, int64_t wake_ns);
void drive_run(struct bench *b, struct snap window[2]);
struct backlog {
	struct snap publish[2];
	struct snap drain[3]; /* start, at 10 %, end */
};
void drive_backlog(struct bench *b, struct backlog *bl);
int64_t mono_ns(void);
void snap_take(struct bench *b, struct snap *s);

/* report.c */
void report_progress(struct bench *b, int64_t since_ns,
    const struct counters *before, const char *what);
void report_run(struct bench *b, const struct snap window[2]);
void report_topics(struct bench *b, const struct snap edge[2]);
void report_backlog(struct bench *b, const struct backlog *bl);

#endif
