/* SPDX-License-Identifier: Apache-2.0 */
/*
 * magnetar-bench, inside. One thread and one epoll loop: turn() waits and
 * handles what came; in between the driver (drive.c) sends what is due.
 *
 *	drive.c		the clock: warm-up, window, drain; rate or flat out;
 *			backlog mode
 *	count.c		what was sent, answered and came: counts and latencies
 *	report.c	progress line, table row, JSON
 *	pulsar*.c	Pulsar's protocol
 *	rmq*.c		RocketMQ's remoting
 *
 * A protocol is a struct proto; the driver knows nothing else of it.
 *
 * Time is CLOCK_MONOTONIC in ns. A message's payload starts with the time at
 * which it was meant to be sent (if it has STAMP_SIZE bytes or more), so end to
 * end latency is known for what this process sent.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "bench/hist.h"
#include "bench/link.h"
#include "bench/opts.h"
#include "bench/proc.h"

#define STAMP_SIZE 8

/* an entry that awaits its answer */
struct pending {
	uint64_t sequence;
	uint64_t index; /* rate mode: of its first message */
	int64_t sent_ns; /* flat out: when */
	uint32_t n; /* messages; 0: answered */
};

struct producer {
	struct link *link;
	unsigned id; /* its index */
	uint64_t sequence; /* of the next message */
	uint32_t inflight; /* messages */
	struct pending *ring;
	uint32_t ring_n; /* a power of two */
	uint32_t head, tail; /* tail: the oldest */
	uint32_t queue; /* RocketMQ: the next entry's, modulo their number */
};

/* what was counted since the start */
struct counters {
	uint64_t published; /* messages with a receipt */
	uint64_t received; /* messages */
	uint64_t received_bytes; /* payload */
	uint64_t redelivered;
	uint64_t bad_checksum;
	uint64_t failed; /* messages that were refused */
	uint64_t busy; /* were, for now, and sent again (backlog mode) */
	uint64_t gaps; /* messages missing between two of a consumer */
	uint64_t doubles; /* messages that came before */
	uint64_t late; /* delayed messages that were due when they were sent */
	uint64_t early; /* delayed messages that came before they were due */
	uint64_t strangers; /* messages that are not what was acknowledged */
};

struct snap {
	int64_t at_ns;
	struct counters c;
	struct proc broker;
	double own_cpu_s;
};

struct bench;

struct proto {
	struct link_framing framing;
	/* before anything is connected */
	void (*init)(struct bench *);
	/*
	 * Makes all connections, consumers and producers that the options ask
	 * for; consumers get what is published from now on.
	 */
	void (*setup)(struct bench *);
	/*
	 * Sends an entry of n messages; index is that of the first (rate
	 * mode). false: this producer may not send so much now.
	 */
	bool (*send)(
	    struct bench *, struct producer *, uint32_t n, uint64_t index);
	/* ten times a second: acks that wait for company, heartbeats */
	void (*tick)(struct bench *);
	/*
	 * Does what is due by now; when to come back at the latest. May be
	 * NULL.
	 */
	int64_t (*due)(struct bench *);
	/* Consumers stop; resume lets them get all since setup. */
	void (*pause)(struct bench *);
	void (*resume)(struct bench *);
	/* Returns when the broker has answered every ack. */
	void (*sync)(struct bench *);
	/* all was received: is it what was acknowledged? May be NULL. */
	void (*compare)(struct bench *);
	/* topics mode; NULL: there is none */
	void (*topics)(struct bench *, struct snap edge[2]);
	void (*fini)(struct bench *);
};

extern const struct proto pulsar_proto, rmq_proto;

struct bench {
	const struct opts *o;
	const struct proto *proto;
	void *priv; /* the protocol's */
	int ep;
	int64_t now_ns; /* since the last wait or read */

	struct link *links;
	unsigned links_n;
	struct producer *producers;
	unsigned producers_n;

	struct counters c;
	char first_error[256];

	/* rate mode: message i is meant to go at start + i / rate */
	int64_t start_ns;
	/* what is measured is meant to be sent in here */
	int64_t window_ns[2];
	/* delayed messages are due from here to there, CLOCK_REALTIME in ms */
	int64_t due_ms[2];
	struct hist publish;
	struct hist e2e;
	struct hist publish_now; /* since the last progress line */
	struct hist due_store; /* by the broker's clock, when it was stored */
	struct hist due_come; /* when it was here */
};

/* count.c */
int64_t mono_ns(void);
int64_t wall_ms(void);
/* exact; the other is as of the last tick of the kernel */
int64_t wall_exact_ms(void);
int64_t count_intended_ns(const struct bench *b, uint64_t index);
/* not all zeros, not compressible to nothing */
void count_fill(uint8_t *payload, size_t n);
/* the stamp of message i of those that start with index */
int64_t count_stamp_ns(const struct bench *b, uint64_t index);
/* Makes a ring of at least n entries. */
void count_ring_init(struct producer *pr, unsigned n);
/* May an entry of n messages go? */
bool count_has_room(
    const struct bench *b, const struct producer *pr, uint32_t n);
/* It went. Returns its number in the ring. */
uint32_t count_sent(
    struct bench *b, struct producer *pr, uint32_t n, uint64_t index);
/* It was answered, in whatever order. */
void count_published(struct bench *b, struct producer *pr, struct pending *pd);
void count_refused(struct bench *b, struct producer *pr, struct pending *pd,
    long code, const char *text, size_t text_n);
/* It was refused, but would be taken another time. */
void count_busy(struct bench *b, struct producer *pr, struct pending *pd);
bool count_all_answered(const struct bench *b);
/* What was never answered took at least as long as it has been waiting. */
void count_unanswered(struct bench *b);
/* A message came. */
void count_arrived(struct bench *b, const uint8_t *payload, size_t n);
void count_arrived_unread(struct bench *b, uint32_t messages);

/* drive.c */
/* Waits until wake_ns at the latest and handles what came. */
void turn(struct bench *b, int64_t wake_ns);
void drive_run(struct bench *b, struct snap window[2]);
struct backlog {
	struct snap publish[2];
	struct snap drain[3]; /* start, at 10 %, end */
};
void drive_backlog(struct bench *b, struct backlog *bl);
void snap_take(struct bench *b, struct snap *s);

/* report.c */
void report_progress(struct bench *b, int64_t since_ns,
    const struct counters *before, const char *what);
void report_run(struct bench *b, const struct snap window[2]);
void report_topics(struct bench *b, const struct snap edge[2]);
void report_backlog(struct bench *b, const struct backlog *bl);

#endif
